//! Cancel requests, disputes, returns, freezes: their clocks, and who gets what.

use super::after::after;
use super::*;

/// The order after a command that must be accepted, and the decision.
pub(super) fn step(order: &Order, actor: Actor, command: &Command, at: Time) -> (Order, Decision) {
    let decision = decided(order, actor, command, at).unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut number = 5_000 + u128::try_from(order.refunds.len()).expect("small");
    (after(order.clone(), decision.clone(), &mut number, at), decision)
}

pub(super) fn clean(status: OrderStatus) -> Order {
    let mut order = order(status);
    order.refunds.clear();
    order.payments.retain(|payment| payment.status == PaymentStatus::Captured);
    order
}

fn shipped_until(days: i64) -> Order {
    let mut order = clean(OrderStatus::Shipped);
    order.row.deadline_at = Some(now() + TimeDelta::days(days));
    order
}

fn pass(order: &Order) -> (Order, Decision) {
    let at = order.row.timer_at.expect("a timer");
    step(order, Actor::Timer, &Command::PassDeadline, at)
}

#[test]
fn a_paused_clock_goes_on_with_what_was_left_at_least_48_hours() {
    for (left, away, wanted_hours) in [(10, 3, 240), (1, 1, 48), (2, 40, 48)] {
        let before = shipped_until(left);
        let (asked, _) = step(&before, Actor::Buyer, &command(Action::CancelRequest), now());
        assert_eq!(asked.row.deadline_at, Some(now() + TimeDelta::hours(48)));
        let back = now() + TimeDelta::days(away);
        let (resumed, _) = step(&asked, Actor::Buyer, &Command::WithdrawCancelRequest, back);
        assert_eq!(resumed.status(), OrderStatus::Shipped);
        assert_eq!(resumed.row.deadline_at, Some(back + TimeDelta::hours(wanted_hours)), "{left} days were left");
        assert!(resumed.row.remind_at.is_some_and(|at| at > back), "and there is a reminder again");
        let again = decided(&resumed, Actor::Buyer, &command(Action::CancelRequest), back);
        assert!(matches!(again, Err(Rejection::InvalidTransition { because: Some(_), .. })), "once in each status");
    }
}

#[test]
fn silence_grants_what_was_not_shipped_and_refuses_what_was() {
    let mut funded = clean(OrderStatus::Funded);
    funded.row.deadline_at = funded.row.ship_by;
    let (asked, _) = step(&funded, Actor::Buyer, &command(Action::CancelRequest), now());
    let (reminded, decision) = pass(&asked);
    assert!(matches!(decision.events[0], Event::DeadlineApproaching { .. }), "half-time");
    let (granted, decision) = pass(&reminded);
    assert_eq!((granted.status(), decision.balances.refunded), (OrderStatus::Refunded, MinorUnits(PRICE)));
    assert_eq!(decision.stock, Some(StockChange::GiveBack));
    let (asked, _) = step(&shipped_until(10), Actor::Buyer, &command(Action::CancelRequest), now());
    let (refused, decision) = pass(&pass(&asked).0);
    assert_eq!((refused.status(), decision.balances.held), (OrderStatus::Shipped, MinorUnits(PRICE)));
}

#[test]
fn a_granted_request_refunds_everything_and_a_refused_one_goes_back() {
    let asked = clean(OrderStatus::CancelRequested);
    let grant = Command::AnswerCancelRequest { grant: true, answer: None };
    let (granted, decision) = step(&asked, Actor::Supplier, &grant, now());
    assert_eq!((granted.status(), decision.balances.refunded), (OrderStatus::Refunded, MinorUnits(PRICE)));
    assert_eq!(decision.stock, None, "the goods were shipped");
    let refuse = Command::AnswerCancelRequest { grant: false, answer: Some("on its way".to_owned()) };
    let (refused, _) = step(&asked, Actor::Supplier, &refuse, now());
    assert_eq!(refused.status(), OrderStatus::Shipped);
}

#[test]
fn five_days_of_silence_do_as_the_buyer_proposed() {
    let (open, _) = step(&shipped_until(10), Actor::Buyer, &command(Action::OpenDispute), now());
    assert_eq!(open.row.deadline_at, Some(now() + TimeDelta::days(5)));
    let (settled, decision) = pass(&pass(&open).0);
    assert_eq!(settled.status(), OrderStatus::Completed);
    assert_eq!((decision.balances.refunded, decision.balances.released), (MinorUnits(6_400), MinorUnits(6_400)));
    assert_eq!(decision.transfers.len(), 3, "refund, release, fee");
}

#[test]
fn an_answer_stops_the_silence_and_the_dispute_escalates_on_day_seven_and_alarms_on_day_sixty() {
    let (open, _) = step(&shipped_until(10), Actor::Buyer, &command(Action::OpenDispute), now());
    let day = |days| now() + TimeDelta::days(days);
    let (answered, _) = step(&open, Actor::Supplier, &command(Action::ProposeSettlement), day(1));
    assert_eq!(answered.row.deadline_at, Some(day(7)));
    let early = decided(&answered, Actor::Supplier, &Command::EscalateDispute, day(3));
    assert!(matches!(early, Err(Rejection::InvalidTransition { because: Some(_), .. })));
    assert!(decided(&answered, Actor::Buyer, &Command::EscalateDispute, day(4)).is_ok());
    let mut now_open = answered;
    let mut kinds = Vec::new();
    while now_open.row.timer_at.is_some() {
        let (next, decision) = pass(&now_open);
        kinds.extend(decision.events.iter().map(Event::kind));
        assert!(decision.transfers.is_empty(), "no money moves by itself");
        now_open = next;
    }
    assert_eq!(kinds, ["deadline.approaching", "dispute.escalated", "deadline.approaching", "dispute.overdue"]);
    assert_eq!(now_open.status(), OrderStatus::Disputed);
    let ruling = Command::ResolveDispute { refund: MinorUnits(1), goods_go_back: false, ruling: "x".to_owned() };
    assert!(decided(&now_open, Actor::Operator, &ruling, day(90)).is_ok());
}

#[test]
fn a_new_proposal_of_the_buyer_gives_the_supplier_the_whole_time_again() {
    let (open, _) = step(&shipped_until(10), Actor::Buyer, &command(Action::OpenDispute), now());
    let more = Command::ProposeSettlement(proposing(23, PRICE, false));
    let (raised, _) = step(&open, Actor::Buyer, &more, now() + TimeDelta::days(1));
    assert_eq!(raised.row.deadline_at, Some(now() + TimeDelta::days(6)));
    let (settled, decision) = pass(&pass(&raised).0);
    assert_eq!((settled.status(), decision.balances.refunded), (OrderStatus::Refunded, MinorUnits(PRICE)));
}

#[test]
fn only_the_other_sides_latest_proposal_can_be_accepted() {
    let mut open = clean(OrderStatus::Disputed);
    open.proposals.push(offer(13, Side::Supplier, 2_000));
    let accept = |id| Command::AcceptSettlement { proposal_id: ProposalId(Uuid::from_u128(id)) };
    for stale in [11, 12, 99] {
        let current = ProposalId(Uuid::from_u128(13));
        assert_eq!(decided(&open, Actor::Buyer, &accept(stale), now()), Err(Rejection::StaleProposal { current }));
    }
    let (settled, decision) = step(&open, Actor::Buyer, &accept(13), now());
    assert_eq!((settled.status(), decision.balances.refunded), (OrderStatus::Completed, MinorUnits(2_000)));
    open.proposals.clear();
    assert!(matches!(
        decided(&open, Actor::Buyer, &accept(13), now()),
        Err(Rejection::InvalidTransition { because: Some(_), .. })
    ));
}

#[test]
fn amounts_and_goods_that_make_no_sense_are_refused() {
    let shipped = shipped_until(10);
    let opening = |amount, goods| Command::OpenDispute {
        dispute_id: DisputeId(Uuid::nil()),
        reason: DisputeReason::Damaged,
        description: "x".to_owned(),
        proposal: proposing(1, amount, goods),
    };
    let refused =
        |order: &Order, command: &Command, at| decided(order, Actor::Buyer, command, at).expect_err("refused");
    assert!(matches!(refused(&shipped, &opening(PRICE + 1, false), now()), Rejection::AmountExceedsHeld { .. }));
    assert!(matches!(refused(&shipped, &opening(0, false), now()), Rejection::Invalid { .. }));
    let funded = clean(OrderStatus::Funded);
    let overdue = now() + TimeDelta::days(1);
    assert!(matches!(refused(&funded, &opening(1, true), overdue), Rejection::Invalid { field: "goodsGoBack", .. }));
    let too_much = Command::RefundOrder { amount: MinorUnits(PRICE + 1) };
    assert!(matches!(
        decided(&shipped, Actor::Supplier, &too_much, now()),
        Err(Rejection::AmountExceedsHeld { field: "amount", .. })
    ));
}

#[test]
fn a_withdrawn_dispute_can_be_opened_once_more_and_a_completed_order_never() {
    let mut order = shipped_until(20);
    for _ in 0..2 {
        let (open, _) = step(&order, Actor::Buyer, &command(Action::OpenDispute), now());
        order = step(&open, Actor::Buyer, &Command::WithdrawDispute, now()).0;
        assert_eq!(order.status(), OrderStatus::Shipped);
    }
    assert!(matches!(
        decided(&order, Actor::Buyer, &command(Action::OpenDispute), now()),
        Err(Rejection::InvalidTransition { because: Some(_), .. })
    ));
    let done = clean(OrderStatus::Completed);
    let Err(Rejection::InvalidTransition { status, allowed, .. }) =
        decided(&done, Actor::Buyer, &command(Action::OpenDispute), now())
    else {
        panic!("a completed order can't be disputed");
    };
    assert_eq!((status, allowed), (OrderStatus::Completed, vec![Action::LeaveFeedback, Action::ProvideRefundAccount]));
}

fn return_pending() -> Order {
    let mut open = clean(OrderStatus::Disputed);
    open.row.deadline_at = open.dispute.as_ref().and_then(|dispute| dispute.alarm_at);
    let ruling = Command::ResolveDispute { refund: MinorUnits(6_400), goods_go_back: true, ruling: "x".to_owned() };
    step(&open, Actor::Operator, &ruling, now()).0
}

#[test]
fn goods_that_nobody_sends_back_are_paid_for() {
    let waiting = return_pending();
    assert_eq!(waiting.row.deadline_at, Some(now() + TimeDelta::days(10)));
    assert!(decided(&waiting, Actor::Supplier, &command(Action::ContestReturn), now()).is_err(), "nothing came back");
    let (released, decision) = pass(&pass(&waiting).0);
    assert_eq!((released.status(), decision.balances.released), (OrderStatus::Completed, MinorUnits(PRICE)));
}

#[test]
fn goods_on_their_way_back_have_a_clock_of_their_own_and_can_be_contested() {
    let (sent, _) = step(&return_pending(), Actor::Buyer, &command(Action::ShipReturn), now());
    assert_eq!(sent.row.deadline_at, Some(now() + TimeDelta::days(40)), "transit time and 10 days");
    assert!(decided(&sent, Actor::Buyer, &command(Action::ShipReturn), now()).is_err(), "once");
    let (settled, decision) = pass(&pass(&sent).0);
    assert_eq!((settled.status(), decision.balances.refunded), (OrderStatus::Completed, MinorUnits(6_400)));
    let (contested, _) = step(&sent, Actor::Supplier, &command(Action::ContestReturn), now());
    assert_eq!(contested.status(), OrderStatus::Disputed);
    assert!(contested.dispute.as_ref().is_some_and(|dispute| dispute.escalated_at.is_some()));
    assert_eq!(contested.row.deadline_at, Some(now() + TimeDelta::days(60)));
}

#[test]
fn a_freeze_stops_every_clock_and_thawing_gives_back_what_was_left() {
    let (open, _) = step(&shipped_until(10), Actor::Buyer, &command(Action::OpenDispute), now());
    let day = |days| now() + TimeDelta::days(days);
    let (frozen, _) = step(&open, Actor::Operator, &command(Action::FreezeOrder), day(1));
    assert_eq!(frozen.row.timer_at, None);
    for command in [Command::WithdrawDispute, command(Action::ProposeSettlement)] {
        assert_eq!(decided(&frozen, Actor::Buyer, &command, day(2)), Err(Rejection::Frozen));
    }
    assert!(decided(&frozen, Actor::Buyer, &command(Action::AddEvidence), day(2)).is_ok());
    assert!(decided(&frozen, Actor::Buyer, &command(Action::ProvideRefundAccount), day(2)).is_ok());
    let (thawed, _) = step(&frozen, Actor::Operator, &Command::UnfreezeOrder, day(11));
    let dispute = thawed.dispute.as_ref().expect("a dispute");
    assert_eq!(dispute.answer_by, Some(day(15)), "4 days were left");
    assert_eq!(dispute.escalates_at, Some(day(17)));
    assert_eq!(dispute.alarm_at, Some(day(70)));
    assert_eq!(thawed.row.deadline_at, dispute.answer_by);
    // And the clock below, of SHIPPED, still has its ten days.
    let (back, _) = step(&thawed, Actor::Buyer, &Command::WithdrawDispute, day(12));
    assert_eq!(back.row.deadline_at, Some(day(22)));
}

#[test]
fn money_that_comes_while_frozen_waits_and_goes_back_when_thawed() {
    let (frozen, _) = step(&clean(OrderStatus::Shipped), Actor::Operator, &command(Action::FreezeOrder), now());
    let mut frozen = frozen;
    frozen.payments.push(payment(2, PRICE));
    let (notified, decision) = step(&frozen, Actor::Provider, &capture(2, PRICE), now());
    assert!(decision.refunds.is_empty() && decision.receipts[0].refunded.is_zero());
    let (_, decision) = step(&notified, Actor::Operator, &Command::UnfreezeOrder, now());
    assert_eq!(decision.refunds[0].amount.amount, MinorUnits(PRICE));
    assert_eq!(decision.receipt_changes[0].refunded, MinorUnits(PRICE));
}

#[test]
fn an_unfunded_order_that_is_frozen_takes_its_money_and_its_clock_waits() {
    let mut unpaid = order(OrderStatus::AwaitingPayment);
    unpaid.refunds.clear();
    unpaid.row.frozen_at = Some(now());
    unpaid.row.frozen_by_operator = true;
    let later = now() + TimeDelta::days(3);
    let (funded, _) = step(&unpaid, Actor::Provider, &capture(2, PRICE), later);
    assert_eq!((funded.status(), funded.row.timer_at), (OrderStatus::Funded, None));
    let thaw = later + TimeDelta::days(5);
    let (thawed, _) = step(&funded, Actor::Operator, &Command::UnfreezeOrder, thaw);
    assert_eq!(thawed.row.ship_by, Some(thaw + TimeDelta::days(12)));
    assert_eq!(thawed.row.deadline_at, thawed.row.ship_by);
}

#[test]
fn each_side_can_only_give_the_other_more_time() {
    let funded = clean(OrderStatus::Funded);
    let extend = |days| Command::ExtendDeadline { days };
    let (more, _) = step(&funded, Actor::Buyer, &extend(7), now());
    assert_eq!(more.row.ship_by, Some(now() + TimeDelta::days(8)));
    let overdue = now() + TimeDelta::days(20);
    let (more, _) = step(&funded, Actor::Buyer, &extend(7), overdue);
    assert_eq!(more.row.ship_by, Some(overdue + TimeDelta::days(7)), "from now, if it has passed");
    assert!(decided(&funded, Actor::Supplier, &extend(7), now()).is_err());
    let (more, _) = step(&shipped_until(10), Actor::Supplier, &extend(30), now());
    assert_eq!(more.row.deadline_at, Some(now() + TimeDelta::days(40)));
    for days in [0, -1, 31] {
        assert!(matches!(
            decided(&shipped_until(10), Actor::Supplier, &extend(days), now()),
            Err(Rejection::Invalid { field: "days", .. })
        ));
    }
    assert!(decided(&shipped_until(170), Actor::Supplier, &extend(30), now()).is_err(), "180 days at most");
}

#[test]
fn partial_refunds_go_on_until_nothing_is_held() {
    let part = Command::RefundOrder { amount: MinorUnits(5_000) };
    let (order, _) = step(&clean(OrderStatus::Funded), Actor::Supplier, &part, now());
    assert_eq!((order.status(), order.row.held), (OrderStatus::Funded, MinorUnits(PRICE - 5_000)));
    let rest = Command::RefundOrder { amount: MinorUnits(PRICE - 5_000) };
    let (order, decision) = step(&order, Actor::Operator, &rest, now());
    assert_eq!(order.status(), OrderStatus::Refunded);
    assert_eq!(decision.stock, Some(StockChange::GiveBack));
}

#[test]
fn a_ruling_posts_refund_release_and_fee_that_sum_to_what_is_held() {
    for (currency, total, refund, fee_rate, fee) in
        [("USD", 10_001, 3_750, 250, 156), ("JPY", 10_001, 3_750, 250, 156), ("KWD", 100_001, 37_500, 250, 1_563)]
    {
        let currency: Currency = currency.parse().expect("known");
        let mut open = clean(OrderStatus::Disputed);
        (open.row.currency, open.row.total, open.row.captured, open.row.held) =
            (currency, MinorUnits(total), MinorUnits(total), MinorUnits(total));
        (open.payments[0].captured, open.payments[0].currency) = (MinorUnits(total), currency);
        open.terms = open.terms.map(|terms| Terms { currency, fee_basis_points: fee_rate, ..terms });
        let ruling =
            Command::ResolveDispute { refund: MinorUnits(refund), goods_go_back: false, ruling: "x".to_owned() };
        let (_, decision) = step(&open, Actor::Operator, &ruling, now());
        let posted: Vec<i64> = decision.transfers.iter().map(|transfer| transfer.amount.0).collect();
        assert_eq!(posted, [refund, total - refund - fee, fee], "{currency}");
        assert_eq!(posted.iter().sum::<i64>(), total);
        assert!(decision.balances.held.is_zero());
    }
}

#[test]
fn paying_by_hand_needs_an_account_and_two_operators() {
    let mut order = clean(OrderStatus::Refunded);
    order.refunds = vec![refund::Model { status: RefundStatus::ActionRequired, ..open_refund() }];
    order.row.has_refund_account = false;
    let refund_id = order.refunds[0].id;
    let by = |number| OperatorId(Uuid::from_u128(number));
    let request = Command::RequestManualRefund { refund_id, operator_id: by(1) };
    assert_eq!(decided(&order, Actor::Operator, &request, now()), Err(Rejection::PayeeDetailsRequired));
    order.row.has_refund_account = true;
    let (asked, _) = step(&order, Actor::Operator, &request, now());
    let approve = |number| Command::ApproveManualRefund { refund_id, operator_id: by(number) };
    assert_eq!(decided(&asked, Actor::Operator, &approve(1), now()), Err(Rejection::NeedsAnotherOperator));
    let (approved, decision) = step(&asked, Actor::Operator, &approve(2), now());
    assert_eq!((decision.transfers.len(), approved.refunds[0].status), (0, RefundStatus::Pending));
    let (paid, decision) = step(&approved, Actor::Operator, &command(Action::ConfirmManualRefund), now());
    assert_eq!(decision.transfers[0].credit, Account::Provider(BY_HAND.to_owned()));
    assert_eq!((paid.refunds[0].status, paid.refunds[0].balance), (RefundStatus::Succeeded, MinorUnits::ZERO));
    let (rejected, _) = step(&approved, Actor::Operator, &command(Action::RejectManualRefund), now());
    assert_eq!((rejected.refunds[0].status, rejected.refunds[0].requested_by), (RefundStatus::ActionRequired, None));
}

fn by_hand(number: u128) -> (Command, Command) {
    let (refund_id, operator_id) = (RefundId(Uuid::from_u128(9)), OperatorId(Uuid::from_u128(number)));
    (Command::RequestManualRefund { refund_id, operator_id }, Command::ApproveManualRefund { refund_id, operator_id })
}

fn waiting_for_hands() -> Order {
    let mut order = clean(OrderStatus::Refunded);
    order.refunds = vec![refund::Model { status: RefundStatus::ActionRequired, ..open_refund() }];
    step(&order, Actor::Operator, &by_hand(1).0, now()).0
}

#[test]
fn another_account_needs_another_request() {
    let (changed, _) = step(&waiting_for_hands(), Actor::Buyer, &command(Action::ProvideRefundAccount), now());
    assert_eq!((changed.refunds[0].status, changed.refunds[0].requested_by), (RefundStatus::ActionRequired, None));
    assert!(decided(&changed, Actor::Operator, &by_hand(2).1, now()).is_err());
}

#[test]
fn what_was_paid_by_hand_and_came_back_is_the_buyers_again() {
    let (approved, _) = step(&waiting_for_hands(), Actor::Operator, &by_hand(2).1, now());
    let (paid, _) = step(&approved, Actor::Operator, &command(Action::ConfirmManualRefund), now());
    let (back, decision) = step(&paid, Actor::Operator, &command(Action::RejectManualRefund), now());
    assert_eq!(decision.transfers[0].debit, Account::Provider(BY_HAND.to_owned()));
    assert_eq!((back.refunds[0].status, back.refunds[0].balance), (RefundStatus::ActionRequired, MinorUnits(500)));
    assert_eq!(back.refunds[0].provider, "sandbox");
}

#[test]
fn a_side_makes_fifty_proposals_at_the_most() {
    let mut open = clean(OrderStatus::Disputed);
    open.proposals = (0..50).map(|id| offer(100 + id, Side::Buyer, 1_000)).collect();
    let more = command(Action::ProposeSettlement);
    assert!(matches!(decided(&open, Actor::Buyer, &more, now()), Err(Rejection::Invalid { .. })));
    assert!(decided(&open, Actor::Supplier, &more, now()).is_ok(), "the other side's are its own");
}

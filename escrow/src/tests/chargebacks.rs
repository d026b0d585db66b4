//! Chargebacks: where the money is taken from, and that it goes back the same way.

use entity::chargeback::{ChargebackStatus, Source};

use super::disputes::{clean, step};
use super::*;

fn opened(order: &Order, amount: i64) -> (Order, Decision) {
    step(order, Actor::Provider, &chargeback("cb", 1, amount, ChargebackStage::Opened), now())
}

fn report(order: &Order, amount: i64, stage: ChargebackStage) -> (Order, Decision) {
    step(order, Actor::Provider, &chargeback("cb", 1, amount, stage), now())
}

fn won() -> ChargebackStage {
    ChargebackStage::Won { movement: Some("sandbox:chargeback_won:1".to_owned()) }
}

fn debited() -> ChargebackStage {
    ChargebackStage::Debited { movement: "sandbox:chargeback:1".to_owned() }
}

fn sources(order: &Order) -> &[Source] {
    &order.chargebacks.last().expect("a chargeback").sources.0
}

#[test]
fn of_held_money_it_freezes_the_order_and_won_it_goes_on() {
    let (frozen, decision) = opened(&clean(OrderStatus::Shipped), PRICE);
    assert_eq!(sources(&frozen), [Source::Escrow { amount: MinorUnits(PRICE) }]);
    assert_eq!((frozen.row.held, frozen.row.charged_back), (MinorUnits::ZERO, MinorUnits(PRICE)));
    assert!(frozen.row.is_frozen() && decision.timer_at().is_none());
    assert_eq!(decided(&frozen, Actor::Buyer, &Command::ConfirmReceived, now()), Err(Rejection::Frozen));
    assert!(report(&frozen, PRICE, ChargebackStage::Opened).1.changes_nothing(&frozen), "known already");
    let (frozen, _) = report(&frozen, PRICE, debited());
    let (back, decision) = report(&frozen, PRICE, won());
    assert_eq!((back.row.held, back.row.charged_back), (MinorUnits(PRICE), MinorUnits::ZERO));
    assert!(!back.row.is_frozen());
    assert_eq!(back.status(), OrderStatus::Shipped);
    assert_eq!(decision.transfers.len(), 2, "from the provider, and back");
    assert!(decided(&back, Actor::Buyer, &Command::ConfirmReceived, now()).is_ok());
}

#[test]
fn lost_it_ends_the_order_if_nothing_is_left_held_and_else_the_order_goes_on() {
    let (frozen, _) = opened(&clean(OrderStatus::Funded), PRICE);
    let (ended, decision) = report(&frozen, PRICE, ChargebackStage::Lost);
    assert_eq!(ended.status(), OrderStatus::Refunded);
    assert_eq!(decision.stock, Some(StockChange::GiveBack));
    let (frozen, _) = opened(&clean(OrderStatus::Funded), 2_800);
    let (goes_on, _) = report(&frozen, 2_800, ChargebackStage::Lost);
    assert_eq!((goes_on.status(), goes_on.row.held), (OrderStatus::Funded, MinorUnits(10_000)));
    let (shipped, _) = step(&goes_on, Actor::Supplier, &command(Action::ShipOrder), now());
    let (done, _) = step(&shipped, Actor::Buyer, &Command::ConfirmReceived, now());
    assert_eq!((done.row.released, done.row.charged_back), (MinorUnits(10_000), MinorUnits(2_800)));
    let (debited_late, decision) = report(&done, 2_800, debited());
    assert_eq!((debited_late.status(), decision.transfers.len()), (OrderStatus::Completed, 1));
}

#[test]
fn of_released_money_the_supplier_pays_and_gets_it_back() {
    let (frozen, decision) = opened(&clean(OrderStatus::Completed), PRICE);
    assert_eq!(sources(&frozen), [Source::Supplier { amount: MinorUnits(PRICE) }]);
    assert_eq!((frozen.row.released, decision.transfers[0].debit.clone()), (MinorUnits::ZERO, Account::Supplier));
    assert_eq!(decided(&frozen, Actor::Buyer, &command(Action::LeaveFeedback), now()), Err(Rejection::Frozen));
    let (back, decision) = report(&frozen, PRICE, ChargebackStage::Won { movement: None });
    assert_eq!((back.row.released, back.row.charged_back), (MinorUnits(PRICE), MinorUnits::ZERO));
    assert!(decision.follow_ups.contains(&FollowUp::RequestPayout));
}

#[test]
fn of_refunded_money_the_unsent_part_is_kept_and_the_sent_part_is_our_loss() {
    let mut ended = clean(OrderStatus::Refunded);
    ended.refunds = vec![
        refund::Model {
            amount: MinorUnits(10_000),
            balance: MinorUnits::ZERO,
            status: RefundStatus::Succeeded,
            ..open_refund()
        },
        refund::Model {
            id: RefundId(Uuid::from_u128(10)),
            amount: MinorUnits(2_800),
            balance: MinorUnits(2_800),
            status: RefundStatus::Requested,
            started_at: None,
            ..open_refund()
        },
    ];
    let (frozen, decision) = opened(&ended, PRICE);
    let refund_id = RefundId(Uuid::from_u128(10));
    let expected =
        [Source::Refund { refund_id, amount: MinorUnits(2_800) }, Source::Loss { amount: MinorUnits(10_000) }];
    assert_eq!(sources(&frozen), expected);
    assert!(decision.events.iter().any(|event| event.kind() == "loss.incurred"));
    assert_eq!(frozen.refunds[1].status, RefundStatus::ChargedBack);
    assert_eq!(frozen.row.refunded, ended.row.refunded, "who gets the money doesn't change");
    let (lost, _) = report(&frozen, PRICE, ChargebackStage::Lost);
    assert_eq!(lost.refunds[1].status, RefundStatus::ChargedBack);
    let (back, decision) = report(&frozen, PRICE, ChargebackStage::Won { movement: None });
    assert_eq!((back.refunds[1].status, back.refunds[1].balance), (RefundStatus::Requested, MinorUnits(2_800)));
    assert!(decision.follow_ups.contains(&FollowUp::SendRefund(RefundRef::Existing(refund_id))));
    assert!(decision.transfers.iter().any(|transfer| transfer.credit == Account::Loss));
}

#[test]
fn a_started_refund_and_the_chargebacks_never_exceed_what_was_paid() {
    let mut order = clean(OrderStatus::Refunded);
    order.row.chargebacks = 1;
    order.refunds = vec![refund::Model {
        amount: MinorUnits(PRICE),
        balance: MinorUnits(PRICE),
        status: RefundStatus::Requested,
        started_at: None,
        ..open_refund()
    }];
    assert_eq!(may_send(&order, &order.refunds[0]), Sending::Now);
    let (frozen, _) = opened(&order, 1);
    assert_eq!(may_send(&frozen, &frozen.refunds[0]), Sending::Waits);
    let (lost, _) = report(&frozen, 1, ChargebackStage::Lost);
    assert_eq!((may_send(&lost, &lost.refunds[0]), lost.refunds[0].balance), (Sending::Now, MinorUnits(PRICE - 1)));
    // Even if the books were wrong: the last guard.
    let mut wrong = lost;
    wrong.refunds[0].balance = MinorUnits(PRICE);
    assert_eq!(may_send(&wrong, &wrong.refunds[0]), Sending::Never);
}

#[test]
fn the_stages_may_come_in_any_order() {
    let stages = [ChargebackStage::Opened, debited(), ChargebackStage::Won { movement: None }, won()];
    for a in 0..4 {
        for b in (0..4).filter(|b| *b != a) {
            for c in (0..4).filter(|c| *c != a && *c != b) {
                let d = 6 - a - b - c;
                let mut order = clean(OrderStatus::Shipped);
                let (mut net, mut seen) = (0_i64, std::collections::BTreeSet::new());
                for stage in [a, b, c, d] {
                    let command = chargeback("cb", 1, PRICE, stages[stage].clone());
                    if command.movement().is_some_and(|(movement, _)| !seen.insert(movement.to_owned())) {
                        continue;
                    }
                    let (next, decision) = step(&order, Actor::Provider, &command, now());
                    for transfer in &decision.transfers {
                        let units = transfer.amount.0;
                        net += if matches!(transfer.credit, Account::Chargeback(_)) { units } else { 0 };
                        net -= if matches!(transfer.debit, Account::Chargeback(_)) { units } else { 0 };
                    }
                    order = next;
                }
                let row = &order.chargebacks[0];
                assert_eq!(
                    (row.status, row.debited, row.returned),
                    (ChargebackStatus::Won, true, true),
                    "{a}{b}{c}{d}"
                );
                assert_eq!((order.row.held, net, order.row.is_frozen()), (MinorUnits(PRICE), 0, false), "{a}{b}{c}{d}");
            }
        }
    }
}

#[test]
fn two_chargebacks_keep_the_order_frozen_until_the_last_is_settled() {
    let first = |stage| chargeback("one", 1, 10_000, stage);
    let second = |stage| chargeback("two", 1, 2_800, stage);
    let (order, _) = step(&clean(OrderStatus::Funded), Actor::Provider, &first(ChargebackStage::Opened), now());
    let (order, _) = step(&order, Actor::Provider, &second(ChargebackStage::Opened), now());
    let (order, _) = step(&order, Actor::Provider, &first(ChargebackStage::Lost), now());
    assert!(order.row.is_frozen() && order.status() == OrderStatus::Funded, "the second is still open");
    let (won, _) = step(&order, Actor::Provider, &second(ChargebackStage::Won { movement: None }), now());
    assert_eq!((won.status(), won.row.held, won.row.is_frozen()), (OrderStatus::Funded, MinorUnits(2_800), false));
    let (lost, _) = step(&order, Actor::Provider, &second(ChargebackStage::Lost), now());
    assert_eq!((lost.status(), lost.row.held), (OrderStatus::Refunded, MinorUnits::ZERO));
}

#[test]
fn an_operators_freeze_outlasts_the_chargeback_and_the_other_way_round() {
    let (order, _) = opened(&clean(OrderStatus::Shipped), 100);
    let mut also = order.clone();
    also.row.frozen_by_operator = true;
    let (settled, _) = report(&also, 100, ChargebackStage::Lost);
    assert!(settled.row.is_frozen());
    let (thawed, _) = step(&settled, Actor::Operator, &Command::UnfreezeOrder, now());
    assert!(!thawed.row.is_frozen());
    let (still, _) = step(&also, Actor::Operator, &Command::UnfreezeOrder, now());
    assert!(still.row.is_frozen() && !still.row.frozen_by_operator, "the chargeback is still open");
}

#[test]
fn a_bounced_transfer_is_waited_for_again_before_shipping_and_lost_after() {
    let reverse = command(Action::ReversePayment);
    for status in [OrderStatus::Funded, OrderStatus::CancelRequested, OrderStatus::Disputed] {
        let mut unshipped = clean(status);
        if unshipped.row.paused_status.is_some() {
            unshipped.row.paused_status = Some(OrderStatus::Funded);
        }
        let (waiting, decision) = step(&unshipped, Actor::Provider, &reverse, now());
        assert_eq!((waiting.status(), waiting.due()), (OrderStatus::AwaitingPayment, MinorUnits(PRICE)), "{status}");
        assert_eq!(waiting.row.deadline_at, Some(now() + TimeDelta::days(20)));
        assert_eq!((waiting.row.ship_by, waiting.row.is_frozen(), decision.stock), (None, false, None));
        let mut paid_again = waiting.clone();
        paid_again.payments.push(payment(2, PRICE));
        let (funded, _) = step(&paid_again, Actor::Provider, &capture(2, PRICE), now());
        assert_eq!((funded.status(), funded.row.held), (OrderStatus::Funded, MinorUnits(PRICE)));
    }
    let (lost, _) = step(&clean(OrderStatus::Shipped), Actor::Provider, &reverse, now());
    assert_eq!(lost.status(), OrderStatus::Refunded);
    let (completed, _) = step(&clean(OrderStatus::Completed), Actor::Provider, &reverse, now());
    assert_eq!((completed.status(), completed.row.released), (OrderStatus::Completed, MinorUnits::ZERO));
}

#[test]
fn money_that_a_bank_changes_its_mind_about_goes_to_the_supplier_if_the_order_has_ended() {
    let (frozen, _) = opened(&clean(OrderStatus::Shipped), PRICE);
    let (frozen, _) = report(&frozen, PRICE, debited());
    let (ended, _) = report(&frozen, PRICE, ChargebackStage::Lost);
    let (back, _) = report(&ended, PRICE, won());
    assert_eq!((back.status(), back.row.released), (OrderStatus::Refunded, MinorUnits(PRICE)));
    assert!(report(&back, PRICE, ChargebackStage::Lost).1.changes_nothing(&back), "known already");
}

#[test]
fn what_does_not_fit_is_a_contradiction_and_changes_nothing() {
    let (frozen, _) = opened(&clean(OrderStatus::Shipped), 500);
    let other_amount = decided(&frozen, Actor::Provider, &chargeback("cb", 1, 501, ChargebackStage::Opened), now());
    assert!(matches!(other_amount, Err(Rejection::Contradiction(_))));
}

#[test]
fn what_cannot_be_booked_yet_is_known_freezes_the_order_and_is_booked_once_it_can() {
    let again = |order: &Order| {
        let command = Command::Chargeback {
            chargeback_id: order.chargebacks[0].id,
            payment_id: order.chargebacks[0].payment_id,
            reference: "cb".to_owned(),
            amount: None,
            cause: ClaimCause::Dispute,
            stage: ChargebackStage::Again,
            reason: String::new(),
        };
        step(order, Actor::Provider, &command, now())
    };
    for (amount, stage) in [(PRICE, ChargebackStage::Opened), (300, debited())] {
        let waiting = order(OrderStatus::AwaitingPayment);
        let command = chargeback("cb", 2, amount, stage.clone());
        let (frozen, decision) = step(&waiting, Actor::Provider, &command, now());
        assert!(decision.transfers.is_empty() && frozen.row.is_frozen() && !frozen.chargebacks[0].booked);
        assert!(step(&frozen, Actor::Provider, &command, now()).1.changes_nothing(&frozen), "known already");
        assert!(again(&frozen).1.changes_nothing(&frozen), "nothing has come");
        let (paid, _) = step(&frozen, Actor::Provider, &capture(2, PRICE), now());
        let (booked, _) = again(&paid);
        let row = &booked.chargebacks[0];
        assert_eq!((row.booked, row.amount.0, row.problem.clone()), (true, amount, None));
        assert_eq!(row.debited, stage != ChargebackStage::Opened);
        assert_eq!((booked.row.charged_back.0, booked.row.is_frozen()), (amount, true));
    }
    let too_much = chargeback("x", 1, PRICE + 1, ChargebackStage::Opened);
    let (frozen, _) = step(&clean(OrderStatus::Shipped), Actor::Provider, &too_much, now());
    assert!(frozen.row.is_frozen() && frozen.chargebacks[0].problem.is_some());
    assert_eq!((frozen.row.held.0, frozen.chargebacks[0].amount.0), (PRICE, PRICE + 1));
}

fn unsaid(stage: ChargebackStage) -> Command {
    let mut command = chargeback("cb", 1, 1, stage);
    if let Command::Chargeback { amount, .. } = &mut command {
        *amount = None;
    }
    command
}

#[test]
fn an_end_without_an_amount_takes_it_from_what_is_known_whichever_comes_first() {
    let ends = [
        (ChargebackStage::Won { movement: None }, OrderStatus::Shipped),
        (ChargebackStage::Lost, OrderStatus::Refunded),
    ];
    for (end, expected) in ends {
        let (frozen, _) = opened(&clean(OrderStatus::Shipped), PRICE);
        let (in_order, _) = step(&frozen, Actor::Provider, &unsaid(end.clone()), now());
        let (early, _) = step(&clean(OrderStatus::Shipped), Actor::Provider, &unsaid(end.clone()), now());
        assert_eq!(early.row.is_frozen(), end == ChargebackStage::Lost, "it may be lost: nobody knows how much");
        let (late, _) = opened(&early, PRICE);
        for order in [&in_order, &late] {
            assert_eq!((order.status(), order.row.is_frozen()), (expected, false), "{end:?}");
            assert_eq!((order.chargebacks[0].amount.0, order.chargebacks[0].booked), (PRICE, true));
        }
        assert_eq!(in_order.row.held, late.row.held);
    }
}

#[test]
fn a_judgement_of_a_part_takes_that_part_only() {
    for (claimed, judged) in [(PRICE, 5_000), (9_000, 1)] {
        let (frozen, _) = opened(&clean(OrderStatus::Shipped), claimed);
        let (frozen, _) = report(&frozen, judged, debited());
        let (done, _) = report(&frozen, judged, ChargebackStage::Lost);
        assert_eq!((done.status(), done.row.is_frozen()), (OrderStatus::Shipped, false));
        assert_eq!((done.row.held.0, done.row.charged_back.0), (PRICE - judged, judged));
        assert!(report(&done, claimed, ChargebackStage::Opened).1.changes_nothing(&done), "notified again");
        // The other way round: judged before it was opened.
        let (early, _) = report(&clean(OrderStatus::Shipped), judged, debited());
        let (early, _) = report(&early, judged, ChargebackStage::Lost);
        assert_eq!(early.row.charged_back.0, judged);
    }
    // Taken whole, and given back in part.
    let (frozen, _) = opened(&clean(OrderStatus::Completed), PRICE);
    let (frozen, _) = report(&frozen, PRICE, debited());
    let (done, decision) = report(&frozen, 800, won());
    assert_eq!((done.row.released.0, done.row.charged_back.0), (800, PRICE - 800));
    assert_eq!((done.chargebacks[0].status, done.row.is_frozen()), (ChargebackStatus::Lost, false));
    assert!(decision.follow_ups.contains(&FollowUp::RequestPayout));
}

#[test]
fn a_question_moves_no_money_and_what_is_unclear_waits_for_a_person() {
    let unclear = || ChargebackStage::Unclear { what: "arbitration".to_owned() };
    let (asked, _) = report(&clean(OrderStatus::Shipped), PRICE, ChargebackStage::Inquiry);
    assert!(asked.row.is_frozen() && asked.row.held.0 == PRICE);
    let (over, _) = report(&asked, PRICE, ChargebackStage::Won { movement: None });
    assert!(!over.row.is_frozen() && over.row.held.0 == PRICE);
    assert!(report(&over, PRICE, ChargebackStage::Inquiry).1.changes_nothing(&over), "known already");
    let (after_all, _) = report(&over, PRICE, ChargebackStage::Opened);
    assert!(after_all.row.is_frozen() && after_all.row.held.0 == 0, "its end was the question's only");
    // Also if operators had ended the question, as for a refund.
    for outcome in [ChargebackStatus::Won, ChargebackStatus::Lost] {
        let (ended, _) = step(&asked, Actor::Operator, &deciding(&asked, 1, outcome, None), now());
        assert!(!ended.row.is_frozen(), "no money moves: one operator is enough");
        for stage in [ChargebackStage::Opened, debited()] {
            let (taken, _) = report(&ended, PRICE, stage);
            assert!(taken.row.is_frozen() && taken.row.held.0 == 0 && taken.chargebacks[0].decision.is_none());
        }
    }
    let (taken, _) = report(&asked, PRICE, ChargebackStage::Opened);
    assert_eq!((taken.row.held.0, taken.chargebacks.len()), (0, 1));
    // What was no question is looked at again, if it opens after that.
    let (frozen, _) = report(&clean(OrderStatus::Shipped), PRICE, unclear());
    let (ended, _) = step(&frozen, Actor::Operator, &deciding(&frozen, 1, ChargebackStatus::Won, None), now());
    let (again, _) = report(&ended, PRICE, ChargebackStage::Opened);
    assert!(!ended.row.is_frozen() && again.row.is_frozen() && again.chargebacks[0].problem.is_some());
    // After its end, too.
    let (back, _) = report(&taken, PRICE, ChargebackStage::Won { movement: None });
    let (frozen, _) = report(&back, PRICE, unclear());
    assert!(frozen.row.is_frozen() && frozen.chargebacks[0].problem.as_deref() == Some("arbitration"));
    assert!(report(&frozen, PRICE, unclear()).1.changes_nothing(&frozen));
    let (decided, _) = step(&frozen, Actor::Operator, &deciding(&frozen, 1, ChargebackStatus::Won, None), now());
    assert!(!decided.row.is_frozen(), "nothing moves: one operator is enough");
}

fn deciding(order: &Order, operator: u128, outcome: ChargebackStatus, amount: Option<i64>) -> Command {
    let (chargeback_id, operator_id) = (order.chargebacks[0].id, OperatorId(Uuid::from_u128(operator)));
    Command::DecideChargeback { chargeback_id, operator_id, outcome, amount: amount.map(MinorUnits) }
}

fn decided_by_two(order: &Order, outcome: ChargebackStatus, amount: Option<i64>) -> Order {
    let (asked, decision) = step(order, Actor::Operator, &deciding(order, 1, outcome, amount), now());
    assert!(decision.transfers.is_empty() && asked.row.is_frozen());
    let alone = decided(&asked, Actor::Operator, &deciding(order, 1, outcome, amount), now());
    assert_eq!(alone, Err(Rejection::NeedsAnotherOperator));
    step(&asked, Actor::Operator, &deciding(order, 2, outcome, amount), now()).0
}

#[test]
fn two_operators_end_what_its_provider_does_not_end_and_its_later_word_is_booked_once() {
    let (frozen, _) = opened(&clean(OrderStatus::Shipped), PRICE);
    let (frozen, _) = report(&frozen, PRICE, debited());
    let is_won = decided_by_two(&frozen, ChargebackStatus::Won, None);
    assert_eq!((is_won.row.held.0, is_won.row.is_frozen(), is_won.chargebacks[0].returned), (PRICE, false, true));
    assert!(report(&is_won, PRICE, won()).1.changes_nothing(&is_won), "the same again");
    let (contradicted, _) = report(&is_won, PRICE, ChargebackStage::Lost);
    assert!(contradicted.row.is_frozen() && contradicted.row.held.0 == PRICE && contradicted.has_open_chargeback());
    let is_lost = decided_by_two(&contradicted, ChargebackStatus::Lost, None);
    assert_eq!((is_lost.row.held.0, is_lost.status()), (0, OrderStatus::Refunded));

    let in_part = decided_by_two(&frozen, ChargebackStatus::Lost, Some(2_800));
    assert_eq!((in_part.row.held.0, in_part.row.charged_back.0), (10_000, 2_800));
    assert!(report(&in_part, 10_000, won()).1.changes_nothing(&in_part), "as decided");
    assert!(report(&in_part, 2_800, ChargebackStage::Lost).1.changes_nothing(&in_part));
    let other = decided(&frozen, Actor::Operator, &deciding(&frozen, 2, ChargebackStatus::Won, Some(PRICE + 1)), now());
    assert!(matches!(other, Err(Rejection::Invalid { field: "amount", .. })));
}

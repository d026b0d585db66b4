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
    let other_amount = decided(&frozen, Actor::Provider, &chargeback("cb", 1, 501, ChargebackStage::Lost), now());
    assert!(matches!(other_amount, Err(Rejection::Contradiction(_))));
    let too_much = decided(
        &clean(OrderStatus::Shipped),
        Actor::Provider,
        &chargeback("x", 1, PRICE + 1, ChargebackStage::Opened),
        now(),
    );
    assert!(matches!(too_much, Err(Rejection::Contradiction(_))));
    let early = decided(
        &order(OrderStatus::AwaitingPayment),
        Actor::Provider,
        &chargeback("x", 2, 1, ChargebackStage::Opened),
        now(),
    );
    assert!(matches!(early, Err(Rejection::Inconsistent(_))), "heard again once the money has come");
}

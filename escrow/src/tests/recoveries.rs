//! What is made good again: losses that were none, money that a bank gives back late, surpluses that bounce.

use super::disputes::{clean, step};
use super::*;

fn reversal(id: u128, payment: u128, amount: i64) -> Command {
    Command::ReversePayment {
        chargeback_id: ChargebackId(Uuid::from_u128(id)),
        payment_id: PaymentId(Uuid::from_u128(payment)),
        amount: Money::new(MinorUnits(amount), Currency::USD),
        movement: format!("sandbox:reversal:{id}"),
        reason: "bounced".to_owned(),
    }
}

#[test]
fn a_bounced_surplus_does_not_unfund_a_paid_order() {
    let mut funded = clean(OrderStatus::Funded);
    funded.payments.push(payment(2, PRICE));
    let (surplus, _) = step(&funded, Actor::Provider, &capture(2, PRICE), now());
    assert_eq!((surplus.status(), surplus.row.held), (OrderStatus::Funded, MinorUnits(PRICE)));
    let (after, decision) = step(&surplus, Actor::Provider, &reversal(70, 2, PRICE), now());
    assert_eq!((after.row.held, after.due()), (MinorUnits(PRICE), MinorUnits::ZERO));
    let events: Vec<_> = decision.events.iter().map(|event| event.kind()).collect();
    assert_eq!(after.status(), OrderStatus::Funded, "{events:?}");
}

#[test]
fn won_after_lost_fits_the_databases_checks() {
    let mut waiting = clean(OrderStatus::AwaitingPayment);
    waiting.payments = vec![payment(1, 5_000), payment(2, 3_000)];
    let (waiting, _) = step(&waiting, Actor::Provider, &capture(1, 5_000), now());
    let (waiting, _) = step(&waiting, Actor::Provider, &capture(2, 3_000), now());
    let (frozen, _) = step(&waiting, Actor::Provider, &chargeback("cb", 1, 5_000, ChargebackStage::Opened), now());
    let (mut on, _) = step(&frozen, Actor::Provider, &chargeback("cb", 1, 5_000, ChargebackStage::Lost), now());
    assert_eq!((on.status(), on.due()), (OrderStatus::AwaitingPayment, MinorUnits(9_800)));
    on.payments.push(payment(3, 9_800));
    let (funded, _) = step(&on, Actor::Provider, &capture(3, 9_800), now());
    assert_eq!(funded.status(), OrderStatus::Funded);
    let (shipped, _) = step(&funded, Actor::Supplier, &command(Action::ShipOrder), now());
    let (done, _) = step(&shipped, Actor::Buyer, &Command::ConfirmReceived, now());
    let (won, _) =
        step(&done, Actor::Provider, &chargeback("cb", 1, 5_000, ChargebackStage::Won { movement: None }), now());
    let row = &won.row;
    assert!(row.captured.0 - row.charged_back.0 <= row.total.0, "check (captured - charged_back <= total): {row:?}");
}

#[test]
fn money_set_aside_goes_back_after_won_after_lost() {
    let mut order = clean(OrderStatus::Shipped);
    order.payments.push(payment(2, PRICE));
    let (order, _) = step(&order, Actor::Provider, &chargeback("a", 1, 100, ChargebackStage::Opened), now());
    let (order, _) = step(&order, Actor::Provider, &capture(2, 500), now());
    assert_eq!(order.receipts[0].refunded, MinorUnits::ZERO);
    let (order, _) = step(&order, Actor::Provider, &chargeback("b", 2, 500, ChargebackStage::Opened), now());
    assert_eq!(order.receipts[0].charged_back, MinorUnits(500));
    let (order, _) = step(&order, Actor::Provider, &chargeback("b", 2, 500, ChargebackStage::Lost), now());
    let (order, _) = step(&order, Actor::Provider, &chargeback("a", 1, 100, ChargebackStage::Lost), now());
    assert!(!order.row.is_frozen());
    let (order, _) =
        step(&order, Actor::Provider, &chargeback("b", 2, 500, ChargebackStage::Won { movement: None }), now());
    let receipt = &order.receipts[0];
    assert_eq!((receipt.charged_back, receipt.refunded), (MinorUnits::ZERO, MinorUnits(500)));
}

#[test]
fn a_freeze_within_a_pause_moves_ship_by_once() {
    let mut funded = clean(OrderStatus::Funded);
    let ship_by = now() + TimeDelta::days(12);
    (funded.row.ship_by, funded.row.deadline_at) = (Some(ship_by), Some(ship_by));
    let (asked, _) = step(&funded, Actor::Buyer, &command(Action::CancelRequest), now());
    let (frozen, _) = step(&asked, Actor::Operator, &command(Action::FreezeOrder), now() + TimeDelta::days(1));
    let (thawed, _) = step(&frozen, Actor::Operator, &Command::UnfreezeOrder, now() + TimeDelta::days(11));
    let at = now() + TimeDelta::days(12);
    let (back, _) = step(&thawed, Actor::Buyer, &Command::WithdrawCancelRequest, at);
    assert_eq!(back.row.deadline_at, Some(at + TimeDelta::days(12)));
    assert_eq!(back.row.ship_by, back.row.deadline_at);
}

#[test]
fn a_second_debit_is_not_dropped() {
    let order = clean(OrderStatus::Shipped);
    let debit = |id: &str| ChargebackStage::Debited { movement: format!("sandbox:chargeback:{id}") };
    let (order, _) = step(&order, Actor::Provider, &chargeback("cb", 1, PRICE, debit("1")), now());
    let won = ChargebackStage::Won { movement: Some("sandbox:chargeback_won:1".to_owned()) };
    let (order, _) = step(&order, Actor::Provider, &chargeback("cb", 1, PRICE, won), now());
    let again = decided(&order, Actor::Provider, &chargeback("cb", 1, PRICE, debit("2")), now());
    assert!(matches!(again, Err(Rejection::Contradiction(_))), "real money, in no book and no quarantine");
}

#[test]
fn a_loss_that_was_none_is_made_good_when_the_refund_fails() {
    let mut order = clean(OrderStatus::Refunded);
    order.refunds = vec![refund::Model {
        amount: MinorUnits(PRICE),
        balance: MinorUnits(PRICE),
        status: RefundStatus::Requested,
        started_at: Some(now()),
        ..open_refund()
    }];
    let (order, _) = step(&order, Actor::Provider, &chargeback("cb", 1, 10_000, ChargebackStage::Opened), now());
    let (order, _) = step(&order, Actor::Provider, &chargeback("cb", 1, 10_000, ChargebackStage::Lost), now());
    assert_eq!(may_send(&order, &order.refunds[0]), Sending::Never);
    let fail = Command::FailRefund {
        refund_id: order.refunds[0].id,
        amount: Money::new(MinorUnits(PRICE), Currency::USD),
        movement: "m".to_owned(),
        reason: "never heard of it".to_owned(),
        confirmed: false,
    };
    let (order, _) = step(&order, Actor::Provider, &fail, now());
    // The buyer paid 12,800 and has 10,000 back: 2,800 are still theirs, 10,000 were no loss.
    assert_eq!(order.refunds[0].balance, MinorUnits(2_800), "{:?}", order.refunds[0].status);
    assert_eq!(may_send(&order, &order.refunds[0]), Sending::Now);
}

#[test]
fn a_chargeback_won_completes_a_payment() {
    let mut waiting = clean(OrderStatus::AwaitingPayment);
    waiting.payments = vec![payment(1, 5_000), payment(2, 7_800)];
    let (waiting, _) = step(&waiting, Actor::Provider, &capture(1, 5_000), now());
    let (frozen, _) = step(&waiting, Actor::Provider, &chargeback("cb", 1, 5_000, ChargebackStage::Opened), now());
    let (frozen, _) = step(&frozen, Actor::Provider, &capture(2, 7_800), now());
    assert_eq!(frozen.status(), OrderStatus::AwaitingPayment);
    let (won, _) =
        step(&frozen, Actor::Provider, &chargeback("cb", 1, 5_000, ChargebackStage::Won { movement: None }), now());
    assert_eq!((won.status(), won.row.held), (OrderStatus::Funded, MinorUnits(PRICE)));
}

/// Two won chargebacks of an order that was paid again meanwhile: in either order they fit.
#[test]
fn a_released_part_won_after_a_held_part() {
    for first in ["cb", "late"] {
        let mut waiting = clean(OrderStatus::AwaitingPayment);
        waiting.payments = vec![payment(1, 5_000), payment(2, 3_000)];
        let (waiting, _) = step(&waiting, Actor::Provider, &capture(1, 5_000), now());
        let (waiting, _) = step(&waiting, Actor::Provider, &capture(2, 3_000), now());
        let (frozen, _) = step(&waiting, Actor::Provider, &chargeback("cb", 1, 5_000, ChargebackStage::Opened), now());
        let (mut on, _) = step(&frozen, Actor::Provider, &chargeback("cb", 1, 5_000, ChargebackStage::Lost), now());
        on.payments.push(payment(3, 9_800));
        let (funded, _) = step(&on, Actor::Provider, &capture(3, 9_800), now());
        let (shipped, _) = step(&funded, Actor::Supplier, &command(Action::ShipOrder), now());
        let (done, _) = step(&shipped, Actor::Buyer, &Command::ConfirmReceived, now());
        let (mut order, _) =
            step(&done, Actor::Provider, &chargeback("late", 3, 9_800, ChargebackStage::Opened), now());
        for reference in [first, if first == "cb" { "late" } else { "cb" }] {
            let (payment, amount) = if reference == "cb" { (1, 5_000) } else { (3, 9_800) };
            let won = chargeback(reference, payment, amount, ChargebackStage::Won { movement: None });
            order = step(&order, Actor::Provider, &won, now()).0;
            let row = &order.row;
            assert!(row.captured.0 - row.charged_back.0 <= row.total.0, "{first} {row:?}");
        }
        assert_eq!(order.row.released, MinorUnits(PRICE), "{first}");
    }
}

//! A capture that failed after it was booked, which its provider may mend; and a refund that left twice.

use entity::chargeback::{ChargebackStatus, Source};

use super::disputes::{clean, step};
use super::*;

fn failed_capture(order: &Order, amount: i64, stage: ChargebackStage) -> (Order, Decision) {
    let claim = chargeback("capture", 1, amount, stage);
    let claim = because(claim, ClaimCause::FailedCapture { restore_by: restore_by() });
    step(order, Actor::Provider, &claim, now())
}

fn failed() -> ChargebackStage {
    ChargebackStage::Debited { movement: "adyen:capture_failed:1".to_owned() }
}

fn restored() -> ChargebackStage {
    ChargebackStage::Won { movement: Some("adyen:capture_restored:1".to_owned()) }
}

#[test]
fn a_capture_that_failed_freezes_the_order_and_restored_it_goes_on() {
    for status in [OrderStatus::Funded, OrderStatus::Shipped] {
        let (frozen, decision) = failed_capture(&clean(status), PRICE, failed());
        assert_eq!((frozen.status(), frozen.row.held), (status, MinorUnits::ZERO));
        assert!(frozen.row.is_frozen() && decision.timer_at().is_none());
        assert_eq!(frozen.chargebacks[0].restore_by, Some(restore_by()));
        let kinds: Vec<_> = decision.events.iter().map(Event::kind).collect();
        assert_eq!(kinds, ["payment.suspended", "order.frozen"]);
        let pay = decided(&frozen, Actor::Buyer, &paying(7, PaymentMethod::Alipay), now());
        assert!(pay.is_err(), "nothing is asked for: {pay:?}");

        let (back, decision) = failed_capture(&frozen, PRICE, restored());
        assert_eq!((back.status(), back.row.held, back.row.is_frozen()), (status, MinorUnits(PRICE), false));
        assert_eq!(decision.events[0].kind(), "payment.restored");
        assert_eq!(decision.transfers.len(), 2, "from the provider, and back");
    }
}

#[test]
fn given_up_an_unshipped_order_waits_for_its_money_again_and_a_shipped_one_ends() {
    let (frozen, _) = failed_capture(&clean(OrderStatus::Funded), PRICE, failed());
    let (waits, decision) = failed_capture(&frozen, PRICE, ChargebackStage::Lost);
    assert_eq!((waits.status(), waits.row.is_frozen()), (OrderStatus::AwaitingPayment, false));
    assert_eq!(waits.due(), MinorUnits(PRICE));
    assert!(decision.timer_at().is_some(), "it has a clock again");
    assert!(decided(&waits, Actor::Buyer, &paying(7, PaymentMethod::Alipay), now()).is_ok(), "and can be paid");
    // Paid again, and then the first one is restored all the same: it is set aside.
    let (again, _) = step(&waits, Actor::Buyer, &paying(7, PaymentMethod::Alipay), now());
    let (paid, _) = step(&again, Actor::Provider, &capture(7, PRICE), now());
    let (late, _) = failed_capture(&paid, PRICE, restored());
    assert_eq!((late.status(), late.row.held), (OrderStatus::Funded, MinorUnits(PRICE)));
    assert_eq!(late.receipts.iter().map(|receipt| receipt.left().0).sum::<i64>(), PRICE);

    let (frozen, _) = failed_capture(&clean(OrderStatus::Shipped), PRICE, failed());
    let (ended, _) = failed_capture(&frozen, PRICE, ChargebackStage::Lost);
    assert_eq!((ended.status(), ended.row.is_frozen()), (OrderStatus::Refunded, false));
}

#[test]
fn it_goes_on_waiting_for_the_rest_when_a_part_was_not_collected() {
    let mut part = clean(OrderStatus::AwaitingPayment);
    let (open, _) = step(&part, Actor::Buyer, &paying(1, PaymentMethod::BankTransfer), now());
    (part, _) = step(&open, Actor::Provider, &capture(1, 5_000), now());
    let (frozen, _) = failed_capture(&part, 5_000, failed());
    let (on, _) = failed_capture(&frozen, 5_000, ChargebackStage::Lost);
    assert_eq!((on.status(), on.row.held, on.row.is_frozen()), (OrderStatus::AwaitingPayment, MinorUnits::ZERO, false));
}

#[test]
fn a_refund_that_left_twice_is_a_loss_until_one_comes_back() {
    let order = clean(OrderStatus::Shipped);
    let refund_id = RefundId(Uuid::from_u128(9));
    let again = |stage| {
        let claim = chargeback("refund", 1, 2_000, stage);
        because(claim, ClaimCause::RefundSentAgain { refund_id })
    };
    let left = again(ChargebackStage::Debited { movement: "adyen:refund:again".to_owned() });
    let (frozen, decision) = step(&order, Actor::Provider, &left, now());
    assert_eq!(frozen.chargebacks[0].sources.0, [Source::Loss { amount: MinorUnits(2_000) }]);
    assert_eq!((frozen.row.held, frozen.row.is_frozen()), (MinorUnits(PRICE), true));
    let kinds: Vec<_> = decision.events.iter().map(Event::kind).collect();
    assert_eq!(kinds, ["refund.sent_again", "loss.incurred", "order.frozen"]);

    let back = again(ChargebackStage::Won { movement: Some("adyen:refund_failed:again".to_owned()) });
    let (on, decision) = step(&frozen, Actor::Provider, &back, now());
    assert_eq!((on.chargebacks[0].status, on.row.is_frozen()), (ChargebackStatus::Won, false));
    assert_eq!(decision.events[0].kind(), "loss.recovered");
    let (on, decision) = step(&frozen, Actor::Provider, &again(ChargebackStage::Lost), now());
    assert_eq!((on.status(), on.row.held, on.row.is_frozen()), (OrderStatus::Shipped, MinorUnits(PRICE), false));
    assert_eq!(decision.events[0].kind(), "loss.accepted");
}

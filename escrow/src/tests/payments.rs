//! Money that comes: applied, set aside, released.

use super::*;

#[test]
fn release_is_held_less_fee_and_nothing_is_left() {
    let decision =
        decided(&order(OrderStatus::Shipped), Actor::Buyer, &Command::ConfirmReceived, now()).expect("accepted");
    let moved: Vec<(&Account, i64)> =
        decision.transfers.iter().map(|transfer| (&transfer.credit, transfer.amount.0)).collect();
    assert_eq!(moved, [(&Account::Supplier, PRICE - FEE), (&Account::Fees, FEE)]);
    assert_eq!(decision.balances.held, MinorUnits::ZERO);
    assert_eq!(decision.balances.released, MinorUnits(PRICE));
    assert_eq!(decision.deadline_at, None);
    assert_eq!(decision.follow_ups, [FollowUp::RequestPayout]);
}

#[test]
fn the_whole_total_funds_the_order_and_less_does_not() {
    let waiting = order(OrderStatus::AwaitingPayment);
    let part = decided(&waiting, Actor::Provider, &capture(2, PRICE - 1), now()).expect("accepted");
    assert_eq!((part.status, part.balances.held), (OrderStatus::AwaitingPayment, MinorUnits(PRICE - 1)));
    let whole = decided(&waiting, Actor::Provider, &capture(2, PRICE), now()).expect("accepted");
    assert_eq!((whole.status, whole.balances.held), (OrderStatus::Funded, MinorUnits(PRICE)));
    assert_eq!(whole.ship_by, Some(now() + TimeDelta::days(12)));
    assert_eq!(whole.deadline_at, whole.ship_by);
    assert!(whole.receipts.is_empty());
}

#[test]
fn too_much_is_held_only_up_to_the_total_and_the_rest_goes_back() {
    let decision = decided(&order(OrderStatus::AwaitingPayment), Actor::Provider, &capture(2, PRICE + 77), now())
        .expect("accepted");
    assert_eq!(decision.balances.held, MinorUnits(PRICE));
    assert_eq!(decision.receipts[0].reason, ReceiptReason::Overpaid);
    assert_eq!(decision.refunds[0].amount.amount, MinorUnits(77));
    let parts: Vec<i32> = decision
        .transfers
        .iter()
        .filter_map(|transfer| transfer.movement.as_ref().map(|movement| movement.part))
        .collect();
    assert_eq!(parts, [0, 1], "both parts of one movement have their own key");
}

#[test]
fn late_and_second_money_is_set_aside_and_never_touches_the_order() {
    for status in OrderStatus::all().filter(|status| *status != OrderStatus::AwaitingPayment) {
        let before = order(status);
        let decision = decided(&before, Actor::Provider, &capture(2, PRICE), now()).expect("a fact can't be refused");
        assert_eq!((decision.status, decision.balances), (status, Balances::from(&before.row)), "{status}");
        assert_eq!(decision.receipts[0].reason, ReceiptReason::OrderNotOpen);
        assert!(matches!(decision.refunds[0].of, RefundOf::Receipt { .. }));
    }
}

#[test]
fn another_currency_is_never_applied() {
    let euros = Money::new(MinorUnits(PRICE), "EUR".parse().expect("known"));
    let Command::CapturePayment { payment_id, movement, .. } = capture(2, PRICE) else { unreachable!() };
    let command = Command::CapturePayment { payment_id, amount: euros, movement };
    let decision = decided(&order(OrderStatus::AwaitingPayment), Actor::Provider, &command, now()).expect("accepted");
    assert_eq!(decision.balances.held, MinorUnits::ZERO);
    assert_eq!(decision.receipts[0].reason, ReceiptReason::WrongCurrency);
    assert!(decision.transfers.iter().all(|transfer| transfer.currency == euros.currency));
    assert!(
        matches!(decision.payments[0], PaymentChange::Capture { complete: false, .. }),
        "the payment is still open"
    );
}

#[test]
fn a_bank_transfer_gets_seven_business_days_more_once() {
    let waiting = order(OrderStatus::AwaitingPayment);
    let by_bank = paying(7, PaymentMethod::BankTransfer);
    let first = decided(&waiting, Actor::Buyer, &by_bank, now()).expect("accepted");
    // 2026-11-22 is a Sunday; seven business days later is Tuesday, 1 December.
    assert_eq!(first.deadline_at, Some("2026-12-01T10:00:00Z".parse().expect("a time")));
    let mut again = waiting.clone();
    again.payments.push(payment::Model {
        method: PaymentMethod::BankTransfer,
        status: PaymentStatus::Failed,
        ..payment(8, PRICE)
    });
    let second = decided(&again, Actor::Buyer, &by_bank, now()).expect("accepted");
    assert_eq!(second.deadline_at, waiting.row.deadline_at);
}

#[test]
fn an_old_notification_changes_nothing() {
    let ended = decided(
        &order(OrderStatus::Funded),
        Actor::Provider,
        &Command::EndPayment { payment_id: PaymentId(Uuid::from_u128(1)), end: PaymentEnd::Expired },
        now(),
    );
    let funded = order(OrderStatus::Funded);
    assert!(ended.expect("accepted").changes_nothing(&funded), "a captured payment doesn't expire");
    let mut settled = order(OrderStatus::Cancelled);
    settled.refunds[0].status = RefundStatus::Succeeded;
    settled.refunds[0].balance = MinorUnits::ZERO;
    let again = decided(&settled, Actor::Provider, &command(Action::SettleRefund), now()).expect("accepted");
    assert!(again.changes_nothing(&settled));
}

#[test]
fn a_payment_whose_money_pays_the_order_is_captured_also_when_it_is_withdrawn_for_the_rest() {
    let waiting = order(OrderStatus::AwaitingPayment);
    let payment_id = PaymentId(Uuid::from_u128(2));
    let (paid, _) = disputes::step(&waiting, Actor::Provider, &capture(2, 3_333), now());
    let ends = || [PaymentEnd::Cancelled, PaymentEnd::Expired, PaymentEnd::Failed { reason: "declined".to_owned() }];
    let of = |order: &Order| order.find_payment(payment_id).expect("is there").clone();
    for end in ends() {
        let (ended, decision) =
            disputes::step(&paid, Actor::Provider, &Command::EndPayment { payment_id, end: end.clone() }, now());
        let payment = of(&ended);
        assert_eq!((payment.status, payment.captured.0), (PaymentStatus::Captured, 3_333), "{end:?}");
        assert!(decision.events.is_empty(), "{:?}", decision.events);
    }
    // Nothing came before it ended, and a part after that.
    for end in ends() {
        let ended = disputes::step(&waiting, Actor::Provider, &Command::EndPayment { payment_id, end }, now()).0;
        assert_ne!(of(&ended).status, PaymentStatus::Captured);
        let (late, _) = disputes::step(&ended, Actor::Provider, &capture(2, 3_333), now());
        assert_eq!(of(&late).status, PaymentStatus::Captured);
    }
}

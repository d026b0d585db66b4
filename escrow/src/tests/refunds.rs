//! Money that goes back.

use super::*;

#[test]
fn how_a_refund_begins_depends_on_the_provider_and_on_the_buyers_account() {
    let begun = |refund_way, has_refund_account| {
        let mut late = order(OrderStatus::Cancelled);
        late.payments[0].refund_way = refund_way;
        late.row.has_refund_account = has_refund_account;
        let decision = decided(&late, Actor::Provider, &capture(2, PRICE), now()).expect("accepted");
        (decision.refunds[0].status, !decision.follow_ups.is_empty())
    };
    assert_eq!(begun(RefundWay::ToOrigin, false), (RefundStatus::Requested, true));
    assert_eq!(begun(RefundWay::ToAccount, false), (RefundStatus::PayeeDetailsRequired, false));
    assert_eq!(begun(RefundWay::ToAccount, true), (RefundStatus::Requested, true));
    assert_eq!(begun(RefundWay::ByHand, true), (RefundStatus::ActionRequired, false));
}

#[test]
fn cancelling_gives_back_what_arrived_newest_payment_first() {
    let mut half_paid = order(OrderStatus::AwaitingPayment);
    half_paid.payments = vec![
        payment::Model { captured: MinorUnits(3_000), ..payment(1, 3_000) },
        payment::Model { captured: MinorUnits(2_000), ..payment(2, PRICE) },
    ];
    half_paid.row.captured = MinorUnits(5_000);
    half_paid.row.held = MinorUnits(5_000);
    let decision = decided(&half_paid, Actor::Supplier, &Command::CancelOrder, now()).expect("accepted");
    assert_eq!(decision.status, OrderStatus::Cancelled);
    let amounts: Vec<i64> = decision.refunds.iter().map(|refund| refund.amount.amount.0).collect();
    assert_eq!(amounts, [2_000, 3_000]);
    assert_eq!(decision.balances.held, MinorUnits::ZERO);
    assert_eq!(decision.stock, Some(StockChange::GiveBack));
}

#[test]
fn an_unshipped_order_is_refunded_thirty_days_past_its_ship_by_date() {
    let mut funded = order(OrderStatus::Funded);
    let ship_by = funded.row.ship_by.expect("funded");
    funded.row.deadline_at = Some(ship_by);
    let first = decided(&funded, Actor::Timer, &Command::PassDeadline, ship_by).expect("accepted");
    assert_eq!((first.status, first.deadline_at), (OrderStatus::Funded, Some(ship_by + TimeDelta::days(30))));
    funded.row.deadline_at = first.deadline_at;
    let second =
        decided(&funded, Actor::Timer, &Command::PassDeadline, ship_by + TimeDelta::days(30)).expect("accepted");
    assert_eq!((second.status, second.balances.refunded), (OrderStatus::Refunded, MinorUnits(PRICE)));
}

#[test]
fn past_the_ship_by_date_the_buyer_may_cancel_alone_and_the_supplier_may_still_ship() {
    let funded = order(OrderStatus::Funded);
    let later = now() + TimeDelta::days(1);
    let cancelled = decided(&funded, Actor::Buyer, &Command::CancelOrder, later).expect("accepted");
    assert_eq!((cancelled.status, cancelled.balances.refunded), (OrderStatus::Refunded, MinorUnits(PRICE)));
    assert!(decided(&funded, Actor::Supplier, &Command::CancelOrder, later).is_err());
    assert!(decided(&funded, Actor::Supplier, &command(Action::ShipOrder), later).is_ok());
}

#[test]
fn a_notification_that_contradicts_what_is_known_of_a_refund_has_to_be_confirmed() {
    let unconfirmed = |action| {
        let mut command = command(action);
        if let Command::SettleRefund { confirmed, .. } | Command::FailRefund { confirmed, .. } = &mut command {
            *confirmed = false;
        }
        command
    };
    for (known, reported) in [
        (RefundStatus::ActionRequired, Action::SettleRefund),
        (RefundStatus::ApprovalRequired, Action::SettleRefund),
        (RefundStatus::PayeeDetailsRequired, Action::SettleRefund),
        (RefundStatus::Succeeded, Action::FailRefund),
    ] {
        let mut order = order(OrderStatus::Refunded);
        order.refunds[0].status = known;
        let refused = decided(&order, Actor::Provider, &unconfirmed(reported), now());
        assert!(matches!(refused, Err(Rejection::Inconsistent(_))), "{known:?}: {refused:?}");
        order.refunds[0].status = RefundStatus::Pending;
        assert!(decided(&order, Actor::Provider, &unconfirmed(reported), now()).is_ok());
    }
}

#[test]
fn a_refund_that_fails_after_it_had_succeeded_is_the_buyers_again() {
    let mut settled = order(OrderStatus::Refunded);
    settled.refunds[0].status = RefundStatus::Succeeded;
    settled.refunds[0].balance = MinorUnits::ZERO;
    let decision = decided(&settled, Actor::Provider, &command(Action::FailRefund), now()).expect("accepted");
    assert_eq!(decision.status, OrderStatus::Refunded, "who gets the money doesn't change");
    assert_eq!(decision.transfers[0].credit, Account::Refund(RefundRef::Existing(RefundId(Uuid::from_u128(9)))));
    let change = &decision.refund_changes[0];
    assert_eq!((change.status, change.balance), (RefundStatus::ActionRequired, MinorUnits(500)));
}

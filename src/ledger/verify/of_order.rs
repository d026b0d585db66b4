//! An order's amounts, and what must be true of it in its status.

use entity::chargeback;
use entity::{LedgerAccount, OrderStatus, order, payment};

use super::books::{
    Books, is_chargeback, is_escrow, is_provider, is_provider_fees, is_refund, is_release, is_supplier, is_unapplied,
};
use super::difference::Differences;

/// The order's amounts, from what went in and out of its escrow; and what came back of what was released.
pub(super) fn check_order(found: &mut Differences, books: &Books, row: &order::Model, payments: &[payment::Model]) {
    let (escrow, name) = (LedgerAccount::Escrow(row.id), &row.number);
    let sum = |amount: fn(&payment::Model) -> i64| payments.iter().map(amount).sum::<i64>();
    let of =
        |debit: fn(&LedgerAccount) -> bool, credit: fn(&LedgerAccount) -> bool| books.of_order(row.id, debit, credit);
    let net = |parts: [i64; 2], back: [i64; 2]| parts.iter().sum::<i64>().saturating_sub(back.iter().sum());
    // What was set aside at first may have been applied later.
    let captured = of(is_provider, is_escrow).saturating_add(of(is_unapplied, is_escrow));
    // Or borne by us, where banks on the way had kept it.
    let captured = captured.saturating_add(of(is_provider_fees, is_escrow));
    let released =
        net([of(is_escrow, is_release), of(is_chargeback, is_supplier)], [of(is_supplier, is_chargeback), 0]);
    let charged_back = net(
        [of(is_escrow, is_chargeback), of(is_supplier, is_chargeback)],
        [of(is_chargeback, is_escrow), of(is_chargeback, is_supplier)],
    );
    found.check(format!("{name} captured"), row.captured.0, captured);
    found.check(format!("{name} held"), row.held.0, books.balance(&escrow, row.currency));
    found.check(format!("{name} released"), row.released.0, released);
    found.check(format!("{name} refunded"), row.refunded.0, books.out(&escrow, row.currency, is_refund));
    found.check(format!("{name} charged back"), row.charged_back.0, charged_back);
    found.check(format!("{name} captured by its payments"), row.captured.0, sum(|payment| payment.captured.0));
    found.check(format!("{name} refunded of its payments"), row.refunded.0, sum(|payment| payment.refunded.0));
    found.check(
        format!("{name} charged back of its payments"),
        row.charged_back.0,
        sum(|payment| payment.charged_back.0),
    );
}

/// What must be true of an order in its status.
pub(super) fn check_state(found: &mut Differences, row: &order::Model, chargebacks: &[chargeback::Model]) {
    let name = &row.number;
    let arrived = row.captured.0.saturating_sub(row.charged_back.0);
    let is_funded = matches!(
        row.status,
        OrderStatus::Funded
            | OrderStatus::Shipped
            | OrderStatus::CancelRequested
            | OrderStatus::Disputed
            | OrderStatus::ReturnPending
    );
    let own: Vec<_> = chargebacks.iter().filter(|chargeback| chargeback.order_id == row.id).collect();
    let has_open = own.iter().any(|chargeback| chargeback.is_unsettled());
    if row.has_ended() {
        found.check(format!("{name} held after it ended"), row.held.0, 0);
    }
    if is_funded && own.is_empty() {
        found.check(format!("{name} captured of its total"), arrived, row.total.0);
    }
    found.must(!is_funded || row.held.0 > 0 || row.is_frozen(), || {
        format!("{name} is {} with nothing held", row.status)
    });
    found.must(row.is_frozen() == (has_open || row.frozen_by_operator), || {
        format!("{name} frozen: written {}, by its chargebacks and operators {has_open}", row.is_frozen())
    });
    let count = i64::try_from(own.len()).unwrap_or(i64::MAX);
    found.must(i64::from(row.chargebacks) == count, || {
        format!("{name} chargebacks: written {}, found {count}", row.chargebacks)
    });
    let timer = row.deadline_at.into_iter().chain(row.remind_at).min().filter(|_| !row.is_frozen());
    found.must(timer == row.timer_at, || format!("{name} timer: written {:?}, by its clocks {timer:?}", row.timer_at));
}

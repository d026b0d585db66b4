//! A payment's amounts, and where a chargeback's money came from.

use std::collections::BTreeMap;

use entity::chargeback::{self, ChargebackStatus, Source};
use entity::{LedgerAccount, SupplierId, payment, refund};

use super::books::Books;
use super::difference::Differences;

/// A payment's own amounts, from the refunds and chargebacks of it.
pub(super) fn check_payment(
    found: &mut Differences,
    payment: &payment::Model,
    refunds: &[refund::Model],
    chargebacks: &[chargeback::Model],
) {
    let refunded = refunds.iter().filter(|row| row.payment_id == Some(payment.id) && row.receipt_id.is_none());
    found.check(
        format!("{} refunded by its refunds", payment.id),
        payment.refunded.0,
        refunded.map(|row| row.amount.0).sum(),
    );
    // What a won chargeback could not put back into the order is still counted; it has left the order.
    let taken = chargebacks.iter().filter(|row| row.payment_id == payment.id && row.status != ChargebackStatus::Won);
    let taken: i64 = taken
        .flat_map(|row| &row.sources.0)
        .filter(|source| matches!(source, Source::Escrow { .. } | Source::Supplier { .. }))
        .map(|source| source.amount().0)
        .sum();
    found.must(payment.charged_back.0 >= taken, || {
        format!("{} charged back: written {}, by its chargebacks {taken}", payment.id, payment.charged_back.0)
    });
    let none_went_back = !chargebacks.iter().any(|row| {
        let has_changed = row.claimed.is_some() || row.status == ChargebackStatus::Won;
        row.payment_id == payment.id && has_changed
    });
    if none_went_back {
        found.check(format!("{} charged back by its chargebacks", payment.id), payment.charged_back.0, taken);
    }
}

/// Where a chargeback says that its money was taken from is where the transfers took it from, less what went back.
pub(super) fn check_sources(
    found: &mut Differences,
    books: &Books,
    row: &chargeback::Model,
    supplier: Option<SupplierId>,
) {
    let sum = |of: fn(&Source) -> bool| -> i64 {
        row.sources.0.iter().filter(|source| of(source)).map(|source| source.amount().0).sum()
    };
    found.check(format!("{} sources", row.id), sum(|_| true), if row.booked { row.amount.0 } else { 0 });
    // What of a part went back may be elsewhere, as of all.
    if row.status == ChargebackStatus::Won || row.claimed.is_some() {
        return;
    }
    let to = LedgerAccount::Chargeback(row.id);
    let mut written: BTreeMap<LedgerAccount, i64> = BTreeMap::new();
    for source in &row.sources.0 {
        let account = match source {
            Source::Escrow { .. } => LedgerAccount::Escrow(row.order_id),
            Source::Supplier { .. } => match supplier {
                Some(id) => LedgerAccount::Supplier(id),
                None => continue,
            },
            Source::Refund { refund_id, .. } => LedgerAccount::Refund(*refund_id),
            Source::Unapplied { receipt_id, .. } => LedgerAccount::Unapplied(*receipt_id),
            Source::Loss { .. } => LedgerAccount::Loss,
        };
        let sum = written.entry(account).or_default();
        *sum = sum.saturating_add(source.amount().0);
    }
    for (account, amount) in written {
        let derived = books.flow(&account, &to, row.currency).saturating_sub(books.flow(&to, &account, row.currency));
        found.check(format!("{} taken from {account}", row.id), amount, derived);
    }
}

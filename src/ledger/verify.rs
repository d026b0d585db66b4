//! `secure-payment verify`: are the amounts on every row what the transfers say? Names each difference.

use std::collections::{BTreeMap, BTreeSet};

use entity::chargeback::{self, ChargebackStatus};
use entity::{LedgerAccount, OrderId, order, payment, payout, receipt, refund};
use sea_orm::{ConnectionTrait, EntityTrait};

use crate::error::Result;
use books::{Books, is_provider, is_refund};
use difference::Differences;
use of_order::{check_order, check_state};
use of_payment::{check_payment, check_sources};
use timeline::{histories, timelines};

mod books;
mod difference;
mod of_order;
mod of_payment;
mod timeline;

/// Re-derives every balance from the transfers and every status from the events, and compares. Empty: the books are right.
///
/// Run it in a quiet moment or on a snapshot: it reads the tables one after another.
pub async fn verify<C: ConnectionTrait>(db: &C) -> Result<Vec<String>> {
    let books = Books::load(db).await?;
    let mut found = Differences::default();
    let mut payments: BTreeMap<OrderId, Vec<payment::Model>> = BTreeMap::new();
    for payment in payment::Entity::find().all(db).await? {
        payments.entry(payment.order_id).or_default().push(payment);
    }
    let chargebacks = chargeback::Entity::find().all(db).await?;
    let refunds = refund::Entity::find().all(db).await?;
    let orders = order::Entity::find().all(db).await?;
    for row in &orders {
        let payments = payments.get(&row.id).map_or(&[][..], Vec::as_slice);
        check_order(&mut found, &books, row, payments);
        check_state(&mut found, row, &chargebacks);
    }
    for payment in payments.values().flatten() {
        check_payment(&mut found, payment, &refunds, &chargebacks);
    }
    for row in &refunds {
        let balance = books.balance(&LedgerAccount::Refund(row.id), row.currency);
        found.check(format!("{} balance", row.id), row.balance.0, balance);
    }
    for row in payout::Entity::find().all(db).await? {
        let balance = books.balance(&LedgerAccount::Payout(row.id), row.currency);
        found.check(format!("{} balance", row.id), row.balance.0, balance);
    }
    for row in receipt::Entity::find().all(db).await? {
        let account = LedgerAccount::Unapplied(row.id);
        found.check(format!("{} left", row.id), row.left().0, books.balance(&account, row.currency));
        found.check(format!("{} refunded", row.id), row.refunded.0, books.out(&account, row.currency, is_refund));
    }
    let mut is_settling = false;
    for row in &chargebacks {
        let taken = i64::from(row.status != ChargebackStatus::Won);
        let parts = taken.saturating_sub(row.debited.into()).saturating_add(row.returned.into());
        let expected = if row.booked { parts.saturating_mul(row.amount.0) } else { 0 };
        let balance = books.balance(&LedgerAccount::Chargeback(row.id), row.currency);
        found.check(format!("{} balance", row.id), expected, balance);
        is_settling |= row.status == ChargebackStatus::Won && row.debited != row.returned;
    }
    let suppliers: BTreeMap<_, _> = orders.iter().map(|row| (row.id, row.supplier_id)).collect();
    for row in &chargebacks {
        check_sources(&mut found, &books, row, suppliers.get(&row.order_id).copied());
    }
    let mut known: BTreeSet<LedgerAccount> = orders.iter().map(|row| LedgerAccount::Escrow(row.id)).collect();
    for row in &refunds {
        let account = LedgerAccount::Refund(row.id);
        let taken = books.to_chargebacks(&account, row.currency);
        found.check(format!("{} charged back", row.id), row.charged_back.0, taken);
        known.insert(account);
    }
    known.extend(chargebacks.iter().map(|row| LedgerAccount::Chargeback(row.id)));
    known.extend(payout::Entity::find().all(db).await?.iter().map(|row| LedgerAccount::Payout(row.id)));
    for row in receipt::Entity::find().all(db).await? {
        let account = LedgerAccount::Unapplied(row.id);
        let taken = books.to_chargebacks(&account, row.currency);
        // What never came was booked back.
        let taken = taken.saturating_add(books.out(&account, row.currency, is_provider));
        let is_won = row.reason == receipt::ReceiptReason::ChargebackWon;
        found.check(format!("{} charged back", row.id), row.charged_back.0, if is_won { 0 } else { taken });
        known.insert(account);
    }
    found.list.extend(books.of_nothing(&known));
    found.list.extend(books.negative(is_settling));
    found.list.extend(timelines(db, &orders).await?);
    found.list.extend(histories(db, &orders).await?);
    Ok(found.list)
}

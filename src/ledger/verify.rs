//! `secure-payment verify`: are the amounts on every row what the transfers say? Names each difference.

use std::collections::{BTreeMap, BTreeSet};

use entity::chargeback::{self, ChargebackStatus, Source};
use entity::{Currency, LedgerAccount, OrderId, OrderStatus, event, order, payment, payout, receipt, refund};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryOrder, QuerySelect, Statement};

use super::{flows, flows_of_orders};
use crate::error::Result;
use escrow::{StatusAfter, status_after};

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
        let expected = parts.saturating_mul(row.amount.0);
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

/// Where a chargeback says that its money was taken from is where the transfers took it from, less what went back.
fn check_sources(
    found: &mut Differences,
    books: &Books,
    row: &chargeback::Model,
    supplier: Option<entity::SupplierId>,
) {
    let sum = |of: fn(&Source) -> bool| -> i64 {
        row.sources.0.iter().filter(|source| of(source)).map(|source| source.amount().0).sum()
    };
    found.check(format!("{} sources", row.id), sum(|_| true), row.amount.0);
    if row.status == ChargebackStatus::Won {
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

#[derive(Default)]
struct Differences {
    list: Vec<String>,
}

impl Differences {
    fn check(&mut self, what: String, written: i64, derived: i64) {
        if written != derived {
            self.list.push(format!("{what}: written {written}, derived from transfers {derived}"));
        }
    }

    fn must(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.list.push(what());
        }
    }
}

/// The order's amounts, from what went in and out of its escrow; and what came back of what was released.
fn check_order(found: &mut Differences, books: &Books, row: &order::Model, payments: &[payment::Model]) {
    let (escrow, name) = (LedgerAccount::Escrow(row.id), &row.number);
    let sum = |amount: fn(&payment::Model) -> i64| payments.iter().map(amount).sum::<i64>();
    let of =
        |debit: fn(&LedgerAccount) -> bool, credit: fn(&LedgerAccount) -> bool| books.of_order(row.id, debit, credit);
    let net = |parts: [i64; 2], back: [i64; 2]| parts.iter().sum::<i64>().saturating_sub(back.iter().sum());
    // What was set aside at first may have been applied later.
    let captured = of(is_provider, is_escrow).saturating_add(of(is_unapplied, is_escrow));
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
fn check_state(found: &mut Differences, row: &order::Model, chargebacks: &[chargeback::Model]) {
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
    let has_open = own.iter().any(|chargeback| chargeback.status == ChargebackStatus::Open);
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

/// A payment's own amounts, from the refunds and chargebacks of it.
fn check_payment(
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
    let none_won = !chargebacks.iter().any(|row| row.payment_id == payment.id && row.status == ChargebackStatus::Won);
    if none_won {
        found.check(format!("{} charged back by its chargebacks", payment.id), payment.charged_back.0, taken);
    }
}

fn is_release(account: &LedgerAccount) -> bool {
    matches!(account, LedgerAccount::Supplier(_) | LedgerAccount::Fees)
}

fn is_refund(account: &LedgerAccount) -> bool {
    matches!(account, LedgerAccount::Refund(_))
}

fn is_escrow(account: &LedgerAccount) -> bool {
    matches!(account, LedgerAccount::Escrow(_))
}

fn is_supplier(account: &LedgerAccount) -> bool {
    matches!(account, LedgerAccount::Supplier(_))
}

fn is_chargeback(account: &LedgerAccount) -> bool {
    matches!(account, LedgerAccount::Chargeback(_))
}

fn is_provider(account: &LedgerAccount) -> bool {
    matches!(account, LedgerAccount::Provider(_))
}

fn is_unapplied(account: &LedgerAccount) -> bool {
    matches!(account, LedgerAccount::Unapplied(_))
}

/// A timeline has no gap: its events are 1 to `event_sequence`; and it runs forwards.
async fn timelines<C: ConnectionTrait>(db: &C, orders: &[order::Model]) -> Result<Vec<String>> {
    let counted: Vec<(OrderId, i64, i64)> = event::Entity::find()
        .select_only()
        .column(event::Column::OrderId)
        .column_as(event::Column::Sequence.count(), "events")
        .column_as(event::Column::Sequence.max(), "newest")
        .group_by(event::Column::OrderId)
        .into_tuple()
        .all(db)
        .await?;
    let counted: BTreeMap<_, _> = counted.into_iter().map(|(id, events, newest)| (id, (events, newest))).collect();
    let mut differences = Vec::new();
    for row in orders {
        let (events, newest) = counted.get(&row.id).copied().unwrap_or((0, 0));
        if events != row.event_sequence || newest != row.event_sequence {
            let (name, written) = (&row.number, row.event_sequence);
            differences.push(format!("{name} timeline: written {written} events, found {events}, newest {newest}"));
        }
    }
    differences.extend(backwards(db).await?);
    Ok(differences)
}

/// A timeline doesn't run backwards: no event happened before the one it follows.
async fn backwards<C: ConnectionTrait>(db: &C) -> Result<Vec<String>> {
    let sql = "select later.order_id, later.sequence from event as later \
               join event as earlier on earlier.order_id = later.order_id and earlier.sequence = later.sequence - 1 \
               where later.occurred_at < earlier.occurred_at";
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
    let mut differences = Vec::with_capacity(rows.len());
    for row in rows {
        let (id, sequence): (OrderId, i64) = (row.try_get("", "order_id")?, row.try_get("", "sequence")?);
        differences.push(format!("{id} timeline: event {sequence} happened before the one it follows"));
    }
    Ok(differences)
}

/// An order's status is what its events made of it, and so is whether it is frozen.
async fn histories<C: ConnectionTrait>(db: &C, orders: &[order::Model]) -> Result<Vec<String>> {
    let mut derived: BTreeMap<OrderId, (Option<OrderStatus>, bool)> = BTreeMap::new();
    let mut query = event::Entity::find().select_only().column(event::Column::OrderId);
    query = query.column(event::Column::Kind).column(event::Column::Data).order_by_asc(event::Column::Sequence);
    let events: Vec<(OrderId, String, serde_json::Value)> = query.into_tuple().all(db).await?;
    for (order_id, kind, data) in events {
        let (status, frozen) = derived.entry(order_id).or_default();
        match status_after(&kind) {
            StatusAfter::Is(next) => *status = Some(next),
            StatusAfter::AsStated => *status = serde_json::from_value(data["status"].clone()).ok(),
            StatusAfter::Same => {}
            StatusAfter::Freezes => *frozen = true,
            StatusAfter::Thaws => *frozen = false,
        }
    }
    let mut differences = Vec::new();
    for row in orders {
        let (status, frozen) = derived.get(&row.id).copied().unwrap_or_default();
        if status != Some(row.status) {
            let derived = status.map_or_else(|| "none".to_owned(), OrderStatus::name);
            differences.push(format!("{} status: written {}, derived from events {derived}", row.number, row.status));
        }
        if frozen != row.is_frozen() {
            let written = row.is_frozen();
            differences.push(format!("{} frozen: written {written}, derived from events {frozen}", row.number));
        }
    }
    Ok(differences)
}

struct Books {
    of_orders: BTreeMap<OrderId, Vec<(LedgerAccount, LedgerAccount, i64)>>,
    flows: BTreeMap<(LedgerAccount, LedgerAccount, Currency), i64>,
    balances: BTreeMap<(LedgerAccount, Currency), i64>,
    charged_back: BTreeMap<(LedgerAccount, Currency), i64>,
}

impl Books {
    async fn load<C: ConnectionTrait>(db: &C) -> Result<Self> {
        let flows = flows(db).await?;
        let (mut balances, mut charged_back) = (BTreeMap::new(), BTreeMap::new());
        for ((debit, credit, currency), total) in &flows {
            let add = |map: &mut BTreeMap<(LedgerAccount, Currency), i64>, account: &LedgerAccount, amount: i64| {
                let balance = map.entry((account.clone(), *currency)).or_insert(0_i64);
                *balance = balance.saturating_add(amount);
            };
            add(&mut balances, debit, total.saturating_neg());
            add(&mut balances, credit, *total);
            if is_chargeback(credit) {
                add(&mut charged_back, debit, *total);
            }
            if is_chargeback(debit) {
                add(&mut charged_back, credit, total.saturating_neg());
            }
        }
        let mut of_orders: BTreeMap<OrderId, Vec<_>> = BTreeMap::new();
        for (order_id, debit, credit, total) in flows_of_orders(db).await? {
            of_orders.entry(order_id).or_default().push((debit, credit, total));
        }
        Ok(Self { of_orders, flows, balances, charged_back })
    }

    fn balance(&self, account: &LedgerAccount, currency: Currency) -> i64 {
        self.balances.get(&(account.clone(), currency)).copied().unwrap_or(0)
    }

    /// What moved between such accounts because of this order.
    fn of_order(
        &self,
        order_id: OrderId,
        debit: fn(&LedgerAccount) -> bool,
        credit: fn(&LedgerAccount) -> bool,
    ) -> i64 {
        let flows = self.of_orders.get(&order_id).into_iter().flatten();
        flows.filter(|(from, to, _)| debit(from) && credit(to)).map(|(_, _, total)| *total).sum()
    }

    fn out(&self, account: &LedgerAccount, currency: Currency, to: fn(&LedgerAccount) -> bool) -> i64 {
        let lowest = (account.clone(), LedgerAccount::Provider(String::new()), Currency::USD);
        self.flows
            .range(lowest..)
            .take_while(|((debit, _, _), _)| debit == account)
            .filter(|((_, credit, of), _)| *of == currency && to(credit))
            .map(|(_, total)| *total)
            .sum()
    }

    fn flow(&self, debit: &LedgerAccount, credit: &LedgerAccount, currency: Currency) -> i64 {
        self.flows.get(&(debit.clone(), credit.clone(), currency)).copied().unwrap_or(0)
    }

    /// What chargebacks took out of an account, less what they gave back.
    fn to_chargebacks(&self, account: &LedgerAccount, currency: Currency) -> i64 {
        self.charged_back.get(&(account.clone(), currency)).copied().unwrap_or(0)
    }

    /// Accounts with money on them, of which there is no row.
    fn of_nothing(&self, known: &BTreeSet<LedgerAccount>) -> Vec<String> {
        let with_row = |account: &LedgerAccount| {
            matches!(
                account,
                LedgerAccount::Escrow(_)
                    | LedgerAccount::Refund(_)
                    | LedgerAccount::Payout(_)
                    | LedgerAccount::Unapplied(_)
                    | LedgerAccount::Chargeback(_)
            )
        };
        let lost = self.balances.iter().filter(|((account, _), _)| with_row(account) && !known.contains(account));
        lost.map(|((account, currency), balance)| {
            format!("{account}: holds {balance} minor units of {currency}, but its row is gone")
        })
        .collect()
    }

    /// Accounts that must never be overdrawn, and are.
    fn negative(&self, chargebacks_settling: bool) -> Vec<String> {
        self.balances
            .iter()
            .filter(|(_, balance)| **balance < 0)
            .filter(|((account, _), _)| match account {
                LedgerAccount::Provider(_)
                | LedgerAccount::Supplier(_)
                | LedgerAccount::ProviderFees
                | LedgerAccount::Loss => false,
                // Won before we heard that it had been debited: its row says so.
                LedgerAccount::Chargeback(_) if chargebacks_settling => false,
                LedgerAccount::Escrow(_)
                | LedgerAccount::Fees
                | LedgerAccount::Refund(_)
                | LedgerAccount::Payout(_)
                | LedgerAccount::Unapplied(_)
                | LedgerAccount::Chargeback(_) => true,
            })
            .map(|((account, currency), balance)| {
                format!("{account}: overdrawn by {balance} minor units of {currency}")
            })
            .collect()
    }
}

//! `secure-payment verify`: are the amounts on every row what the transfers say? Names each difference.

use std::collections::BTreeMap;

use entity::{Currency, LedgerAccount, OrderId, OrderStatus, event, order, payment, payout, receipt, refund};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QuerySelect, Statement};

use super::flows;
use crate::error::Result;

/// Re-derives every balance from the transfers, and compares. Empty: the books are right.
///
/// Run it in a quiet moment or on a snapshot: it reads the tables one after another.
pub async fn verify<C: ConnectionTrait>(db: &C) -> Result<Vec<String>> {
    let books = Books::load(db).await?;
    let mut differences = Vec::new();
    let mut check = |what: String, written: i64, derived: i64| {
        if written != derived {
            differences.push(format!("{what}: written {written}, derived from transfers {derived}"));
        }
    };
    let mut payments: BTreeMap<OrderId, Vec<payment::Model>> = BTreeMap::new();
    for payment in payment::Entity::find().all(db).await? {
        payments.entry(payment.order_id).or_default().push(payment);
    }
    let orders = order::Entity::find().all(db).await?;
    for row in &orders {
        let (escrow, name) = (LedgerAccount::Escrow(row.id), &row.number);
        let of =
            |amount: fn(&payment::Model) -> i64| payments.get(&row.id).into_iter().flatten().map(amount).sum::<i64>();
        check(format!("{name} captured"), row.captured.0, books.credited(&escrow, row.currency));
        check(format!("{name} held"), row.held.0, books.balance(&escrow, row.currency));
        check(format!("{name} released"), row.released.0, books.out(&escrow, row.currency, is_release));
        check(format!("{name} refunded"), row.refunded.0, books.out(&escrow, row.currency, is_refund));
        check(format!("{name} captured by its payments"), row.captured.0, of(|payment| payment.captured.0));
        check(format!("{name} refunded of its payments"), row.refunded.0, of(|payment| payment.refunded.0));
        let has_ended = matches!(row.status, OrderStatus::Completed | OrderStatus::Cancelled | OrderStatus::Refunded);
        if has_ended {
            check(format!("{name} held after it ended"), row.held.0, 0);
        }
        if row.status == OrderStatus::Funded || row.status == OrderStatus::Shipped {
            let arrived = row.captured.0.saturating_sub(row.charged_back.0);
            check(format!("{name} captured of its total"), arrived, row.total.0);
        }
    }
    for row in refund::Entity::find().all(db).await? {
        check(
            format!("{} balance", row.id),
            row.balance.0,
            books.balance(&LedgerAccount::Refund(row.id), row.currency),
        );
    }
    for row in payout::Entity::find().all(db).await? {
        check(
            format!("{} balance", row.id),
            row.balance.0,
            books.balance(&LedgerAccount::Payout(row.id), row.currency),
        );
    }
    for row in receipt::Entity::find().all(db).await? {
        let account = LedgerAccount::Unapplied(row.id);
        check(format!("{} amount", row.id), row.amount.0, books.credited(&account, row.currency));
        check(format!("{} refunded", row.id), row.refunded.0, books.out(&account, row.currency, is_refund));
    }
    differences.extend(books.negative());
    differences.extend(timelines(db, &orders).await?);
    Ok(differences)
}

fn is_release(account: &LedgerAccount) -> bool {
    matches!(account, LedgerAccount::Supplier(_) | LedgerAccount::Fees)
}

fn is_refund(account: &LedgerAccount) -> bool {
    matches!(account, LedgerAccount::Refund(_))
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

struct Books {
    flows: BTreeMap<(LedgerAccount, LedgerAccount, Currency), i64>,
    balances: BTreeMap<(LedgerAccount, Currency), i64>,
    credited: BTreeMap<(LedgerAccount, Currency), i64>,
}

impl Books {
    async fn load<C: ConnectionTrait>(db: &C) -> Result<Self> {
        let flows = flows(db).await?;
        let (mut balances, mut credited) = (BTreeMap::new(), BTreeMap::new());
        for ((debit, credit, currency), total) in &flows {
            let add = |map: &mut BTreeMap<(LedgerAccount, Currency), i64>, account: &LedgerAccount, amount: i64| {
                let balance = map.entry((account.clone(), *currency)).or_insert(0_i64);
                *balance = balance.saturating_add(amount);
            };
            add(&mut balances, debit, total.saturating_neg());
            add(&mut balances, credit, *total);
            add(&mut credited, credit, *total);
        }
        Ok(Self { flows, balances, credited })
    }

    fn balance(&self, account: &LedgerAccount, currency: Currency) -> i64 {
        self.balances.get(&(account.clone(), currency)).copied().unwrap_or(0)
    }

    fn credited(&self, account: &LedgerAccount, currency: Currency) -> i64 {
        self.credited.get(&(account.clone(), currency)).copied().unwrap_or(0)
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

    /// Accounts that must never be overdrawn, and are.
    fn negative(&self) -> Vec<String> {
        self.balances
            .iter()
            .filter(|(_, balance)| **balance < 0)
            .filter(|((account, _), _)| match account {
                LedgerAccount::Provider(_)
                | LedgerAccount::Supplier(_)
                | LedgerAccount::ProviderFees
                | LedgerAccount::Loss => false,
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

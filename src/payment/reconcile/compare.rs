//! The ledger beside the lines of a provider's statements.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate};
use entity::reconciliation_break::BreakKind;
use entity::{Currency, LedgerAccount, MinorUnits, Time, TransferId, payout, refund, statement_line, transfer};
use sea_orm::sea_query::ExprTrait;
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{Found, bounds};
use crate::error::Result;
use crate::ledger::movement_key;
use provider::{LineKind, days_late};

/// How far back a line may still be missing, or come late.
const WINDOW: Days = Days::new(40);
/// A statement is not there before the day is over, and weekends have none.
const STATEMENT_WITHIN: Days = Days::new(4);
const AT_ONCE: usize = 500;

/// The first day of the weeks that are compared on this one.
pub(super) fn since(day: NaiveDate) -> NaiveDate {
    day.checked_sub_days(WINDOW).unwrap_or(day)
}

/// Of which there is any statement.
pub(super) async fn providers<C: ConnectionTrait>(db: &C) -> Result<Vec<String>> {
    Ok(statement_line::Entity::find()
        .select_only()
        .column(statement_line::Column::Provider)
        .distinct()
        .into_tuple()
        .all(db)
        .await?)
}

pub(super) async fn currencies<C: ConnectionTrait>(db: &C, provider: &str) -> Result<Vec<Currency>> {
    Ok(statement_line::Entity::find()
        .select_only()
        .column(statement_line::Column::Currency)
        .distinct()
        .filter(statement_line::Column::Provider.eq(provider))
        .into_tuple()
        .all(db)
        .await?)
}

/// What of the last weeks, up to the end of `day`, is on one side only, or not the same on both.
pub(super) async fn differences<C: ConnectionTrait>(
    db: &C,
    provider: &str,
    currency: Currency,
    day: NaiveDate,
) -> Result<Vec<Found>> {
    let from = since(day);
    // A line of the days before may explain what we booked later than the provider did.
    let lines = lines(db, provider, currency, since(from)).await?;
    let Some(first) = first_day(db, provider, currency).await? else { return Ok(Vec::new()) };
    let booked = Booked::of_lines(db, provider, &lines).await?;
    let mut found: Vec<Found> = Vec::new();
    let mut seen: BTreeSet<TransferId> = BTreeSet::new();
    for line in &lines {
        let transfers = booked.by(db, provider, line).await?;
        seen.extend(transfers.iter().map(|row| row.id));
        // A later line may still explain what we booked; itself it is compared on its own day.
        if (from.to_string()..=day.to_string()).contains(&line.day) && line.kind != LineKind::Foreign.name() {
            found.extend(difference(provider, line, &transfers));
        }
    }
    // What we booked before there were statements is on none.
    let (begins, _) = bounds(Ord::max(first, from));
    let late = days_late(provider);
    let (_, ends) = bounds(match late {
        None => day,
        Some(late) => Ord::min(day, stated_until(&lines, late).unwrap_or(first)),
    });
    let mut missing: Vec<transfer::Model> = moved(db, provider, currency, (begins, bounds(day).1)).await?;
    missing.retain(|row| !seen.contains(&row.id));
    if late.is_some() {
        missing = not_undone(missing, provider);
    }
    missing.retain(|row| row.created_at < ends);
    for row in missing {
        let Some(movement) = row.movement.clone() else { continue };
        found.push(Found {
            day: row.created_at.date_naive(),
            kind: BreakKind::MissingThere,
            detail: format!("{} of {} is in our books, but on no statement", row.cause, row.created_at.date_naive()),
            subject: movement,
            ours: Some(row.amount),
            theirs: None,
            currency: Some(currency),
        });
    }
    found.sort_by(|a, b| (a.kind, &a.subject).cmp(&(b.kind, &b.subject)));
    found.dedup_by(|a, b| a.kind == b.kind && a.subject == b.subject);
    Ok(found)
}

/// Until when what we booked has to be on a report: those that are still to come have the rest.
fn stated_until(lines: &[statement_line::Model], late: Days) -> Option<NaiveDate> {
    let newest: NaiveDate = lines.iter().map(|line| line.day.as_str()).max()?.parse().ok()?;
    newest.checked_sub_days(late)
}

/// What came to nothing at the provider was never settled there: a capture that failed, a refund that was not carried out.
/// Each is in our books twice, once there and once back, for one order.
fn not_undone(rows: Vec<transfer::Model>, provider: &str) -> Vec<transfer::Model> {
    const UNDOES: [(LineKind, LineKind); 3] = [
        (LineKind::Reversal, LineKind::Capture),
        (LineKind::RefundReturned, LineKind::Refund),
        (LineKind::PayoutReturned, LineKind::Payout),
    ];
    let is = |row: &transfer::Model, kind: LineKind| {
        row.movement.as_deref().is_some_and(|key| key.starts_with(&movement_key(provider, kind.name(), "")))
    };
    let mut left: Vec<transfer::Model> = Vec::with_capacity(rows.len());
    for row in rows {
        let is_undone = |other: &transfer::Model| {
            (other.order_id, other.amount) == (row.order_id, row.amount)
                && UNDOES.into_iter().any(|(back, there)| is(&row, back) && is(other, there))
        };
        match left.iter().position(is_undone).filter(|_index| row.order_id.is_some()) {
            Some(undone) => drop(left.remove(undone)),
            None => left.push(row),
        }
    }
    left
}

fn difference(provider: &str, line: &statement_line::Model, transfers: &[transfer::Model]) -> Option<Found> {
    let ours = transfers.iter().map(|row| row.amount.0).fold(0_i64, i64::saturating_add);
    let subject = movement_key(provider, &line.kind, &line.movement);
    let (kind, ours, detail) = if transfers.is_empty() {
        let reference = line.reference.as_deref().map(|text| format!(" ({text})")).unwrap_or_default();
        let detail = format!("a {} on the statement of {}{reference} is not in our books", line.kind, line.day);
        (BreakKind::MissingHere, None, detail)
    } else if ours != line.amount.0 || transfers.iter().any(|row| row.currency != line.currency) {
        let detail = format!("a {} on the statement of {} is booked with another amount", line.kind, line.day);
        (BreakKind::AmountDiffers, Some(MinorUnits(ours)), detail)
    } else {
        return None;
    };
    let day = line.day.parse().ok()?;
    Some(Found { day, kind, subject, ours, theirs: Some(line.amount), currency: Some(line.currency), detail })
}

/// Transfers by the key of their movement.
struct Booked {
    by_movement: BTreeMap<String, Vec<transfer::Model>>,
}

impl Booked {
    async fn of_lines<C: ConnectionTrait>(db: &C, provider: &str, lines: &[statement_line::Model]) -> Result<Self> {
        let keys: Vec<String> = lines.iter().map(|line| movement_key(provider, &line.kind, &line.movement)).collect();
        let mut by_movement: BTreeMap<String, Vec<transfer::Model>> = BTreeMap::new();
        for keys in keys.chunks(AT_ONCE) {
            let these = transfer::Column::Movement.is_in(keys.iter().cloned());
            for row in transfer::Entity::find().filter(these).all(db).await? {
                by_movement.entry(row.movement.clone().unwrap_or_default()).or_default().push(row);
            }
        }
        Ok(Self { by_movement })
    }

    /// By the movement; or, for what we know by our own reference only, by what it was for.
    async fn by<C: ConnectionTrait>(
        &self,
        db: &C,
        provider: &str,
        line: &statement_line::Model,
    ) -> Result<Vec<transfer::Model>> {
        if let Some(rows) = self.by_movement.get(&movement_key(provider, &line.kind, &line.movement)) {
            return Ok(rows.clone());
        }
        let Some(reference) = line.reference.as_deref() else { return Ok(Vec::new()) };
        let account = match line.kind.as_str() {
            kind if kind == LineKind::Refund.name() || kind == LineKind::RefundReturned.name() => {
                let found = refund::Entity::find().filter(refund::Column::Reference.eq(reference)).one(db).await?;
                found.map(|row| LedgerAccount::Refund(row.id))
            }
            kind if kind == LineKind::Payout.name() || kind == LineKind::PayoutReturned.name() => {
                let found = payout::Entity::find().filter(payout::Column::Reference.eq(reference)).one(db).await?;
                found.map(|row| LedgerAccount::Payout(row.id))
            }
            _any_other => None,
        };
        let Some(account) = account else { return Ok(Vec::new()) };
        let there = LedgerAccount::Provider(provider.to_owned());
        let came_back = line.kind == LineKind::RefundReturned.name() || line.kind == LineKind::PayoutReturned.name();
        if !came_back {
            let sent = transfer::Column::Debit.eq(account).and(transfer::Column::Credit.eq(there));
            return Ok(transfer::Entity::find().filter(sent).all(db).await?);
        }
        // A payout that came back went to the supplier's balance: by its movement only.
        let back = transfer::Column::Debit.eq(there).and(transfer::Column::Credit.eq(account));
        Ok(transfer::Entity::find().filter(back).all(db).await?)
    }
}

async fn lines<C: ConnectionTrait>(
    db: &C,
    provider: &str,
    currency: Currency,
    from: NaiveDate,
) -> Result<Vec<statement_line::Model>> {
    use statement_line::Column;
    Ok(statement_line::Entity::find()
        .filter(Column::Provider.eq(provider))
        .filter(Column::Currency.eq(currency))
        .filter(Column::Day.gte(from.to_string()))
        .all(db)
        .await?)
}

async fn first_day<C: ConnectionTrait>(db: &C, provider: &str, currency: Currency) -> Result<Option<NaiveDate>> {
    use statement_line::Column;
    let first = statement_line::Entity::find()
        .filter(Column::Provider.eq(provider))
        .filter(Column::Currency.eq(currency))
        .order_by_asc(Column::Day)
        .limit(1);
    Ok(first.one(db).await?.and_then(|line| line.day.parse().ok()))
}

pub(super) async fn last_day<C: ConnectionTrait>(
    db: &C,
    provider: &str,
    currency: Currency,
) -> Result<Option<NaiveDate>> {
    use statement_line::Column;
    let last = statement_line::Entity::find()
        .filter(Column::Provider.eq(provider))
        .filter(Column::Currency.eq(currency))
        .order_by_desc(Column::Day)
        .limit(1);
    Ok(last.one(db).await?.and_then(|line| line.day.parse().ok()))
}

/// What moved at the provider, by our books. Of a line that hears of several transfers each is one.
async fn moved<C: ConnectionTrait>(
    db: &C,
    provider: &str,
    currency: Currency,
    (begins, ends): (Time, Time),
) -> Result<Vec<transfer::Model>> {
    use transfer::Column;
    let account = LedgerAccount::Provider(provider.to_owned());
    Ok(transfer::Entity::find()
        .filter(Condition::any().add(Column::Debit.eq(account.clone())).add(Column::Credit.eq(account)))
        .filter(Column::Currency.eq(currency))
        .filter(Column::Movement.is_not_null())
        .filter(Column::CreatedAt.gte(begins))
        .filter(Column::CreatedAt.lt(ends))
        .order_by_asc(Column::Id)
        .all(db)
        .await?)
}

/// Days on which we booked something at a provider that sends statements, and of which it has sent none in time.
pub(super) async fn days_without_a_statement<C: ConnectionTrait>(
    db: &C,
    provider: &str,
    day: NaiveDate,
) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    let due = day.checked_sub_days(STATEMENT_WITHIN);
    let due = due.and_then(|due| due.checked_sub_days(days_late(provider).unwrap_or(Days::new(0))));
    let Some(due) = due else { return Ok(found) };
    for currency in currencies(db, provider).await? {
        let newest = last_day(db, provider, currency).await?;
        let Some(since) = newest.and_then(|newest| newest.succ_opt()).filter(|since| *since <= due) else { continue };
        if let Some(row) = moved(db, provider, currency, (bounds(since).0, bounds(due).1)).await?.first() {
            let first = row.created_at.date_naive();
            found.push(Found {
                day: first,
                kind: BreakKind::NoStatement,
                subject: format!("{provider} {currency} {first}"),
                ours: None,
                theirs: None,
                currency: Some(currency),
                detail: format!("we booked movements in {currency} since {first}, and no statement has come of them"),
            });
        }
    }
    Ok(found)
}

//! A bank's balances beside its entries: of one statement, and from one statement to the next.

use chrono::NaiveDate;
use entity::reconciliation_break::BreakKind;
use entity::{Currency, MinorUnits, bank_statement};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};

use super::Found;
use super::compare::since;
use crate::error::Result;
use crate::ledger::movement_key;

async fn statements<C: ConnectionTrait>(
    db: &C,
    provider: &str,
    currency: Currency,
    day: NaiveDate,
) -> Result<Vec<bank_statement::Model>> {
    use bank_statement::{Column, Entity};
    Ok(Entity::find()
        .filter(Column::Provider.eq(provider))
        .filter(Column::Currency.eq(currency))
        .filter(Column::Day.between(since(day).to_string(), day.to_string()))
        .order_by_asc(Column::Account)
        .order_by_asc(Column::Day)
        .order_by_asc(Column::Id)
        .all(db)
        .await?)
}

/// Statements whose entries don't lead from their opening to their closing balance.
pub(super) async fn differences<C: ConnectionTrait>(
    db: &C,
    provider: &str,
    currency: Currency,
    day: NaiveDate,
) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    for statement in statements(db, provider, currency, day).await? {
        let (Some(opening), Some(false)) = (statement.opening, statement.adds_up()) else { continue };
        let expected = opening.saturating_add(statement.moved);
        let detail = format!(
            "the entries of the statement {} of {} come to {} in minor units, its balances to {}",
            statement.name,
            statement.day,
            statement.moved,
            statement.closing.saturating_sub(opening),
        );
        found.push(Found {
            day: statement.day.parse().unwrap_or(day),
            kind: BreakKind::AmountDiffers,
            subject: subject(provider, &statement),
            ours: Some(MinorUnits(expected)),
            theirs: Some(MinorUnits(statement.closing)),
            currency: Some(currency),
            detail,
        });
    }
    Ok(found)
}

/// Where a statement doesn't begin with the balance with which the one before it ended: one in between is missing.
pub(super) async fn gaps<C: ConnectionTrait>(
    db: &C,
    provider: &str,
    currency: Currency,
    day: NaiveDate,
) -> Result<Vec<Found>> {
    let all = statements(db, provider, currency, day).await?;
    let mut found = Vec::new();
    for pair in all.chunk_by(|one, other| one.account == other.account) {
        let days: Vec<&[bank_statement::Model]> = pair.chunk_by(|one, other| one.day == other.day).collect();
        for (before, after) in days.iter().zip(days.iter().skip(1)) {
            let Some(first) = after.first() else { continue };
            let follows = after.iter().any(|statement| {
                statement.opening.is_none_or(|opening| before.iter().any(|before| before.closing == opening))
            });
            if follows {
                continue;
            }
            let closing = before.last().map(|statement| statement.closing);
            let detail = format!(
                "the statement {} of {} doesn't begin with the balance with which the one of {} ended: one in between is missing",
                first.name,
                first.day,
                before.last().map(|statement| statement.day.as_str()).unwrap_or_default(),
            );
            found.push(Found {
                day: first.day.parse().unwrap_or(day),
                kind: BreakKind::NoStatement,
                subject: subject(provider, first),
                ours: closing.map(MinorUnits),
                theirs: first.opening.map(MinorUnits),
                currency: Some(currency),
                detail,
            });
        }
    }
    Ok(found)
}

fn subject(provider: &str, statement: &bank_statement::Model) -> String {
    movement_key(provider, "statement", &format!("{}/{} {}", statement.currency, statement.day, statement.name))
}

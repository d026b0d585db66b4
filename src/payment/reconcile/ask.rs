//! For providers without statements: each payment and refund that moved on a day is asked about.
//!
//! That finds what we have and they have not, or otherwise; what only they have comes by their notifications and pollers.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use chrono::NaiveDate;
use entity::reconciliation_break::BreakKind;
use entity::{LedgerAccount, MinorUnits, PaymentId, RefundId, payment, receipt, refund, transfer};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::{Found, bounds};
use crate::app::App;
use crate::error::Result;
use crate::ledger::movement_key;
use crate::payment::query::{payment_query, refund_query, unanswered};
use provider::{Fact, PaymentProvider, ProviderError};

/// None: it can't be asked either.
pub(super) async fn differences(
    app: &App,
    provider: &dyn PaymentProvider,
    day: NaiveDate,
) -> Result<Option<Vec<Found>>> {
    let (begins, ends) = bounds(day);
    let account = LedgerAccount::Provider(provider.name().to_owned());
    let of_day = || {
        transfer::Entity::find()
            .filter(transfer::Column::Movement.is_not_null())
            .filter(transfer::Column::CreatedAt.gte(begins))
            .filter(transfer::Column::CreatedAt.lt(ends))
    };
    let came = of_day().filter(transfer::Column::Debit.eq(account.clone())).all(&app.db.read).await?;
    let went = of_day().filter(transfer::Column::Credit.eq(account)).all(&app.db.read).await?;
    let Some(mut found) = captures(app, provider, came).await? else { return Ok(None) };
    let Some(refunds) = refunds(app, provider, went).await? else { return Ok(None) };
    found.extend(refunds);
    Ok(Some(found))
}

async fn captures(app: &App, provider: &dyn PaymentProvider, came: Vec<transfer::Model>) -> Result<Option<Vec<Found>>> {
    let prefix = movement_key(provider.name(), "capture", "");
    let mut sums: BTreeMap<String, (i64, transfer::Model)> = BTreeMap::new();
    for row in came {
        let Some(movement) = row.movement.clone().filter(|movement| movement.starts_with(&prefix)) else { continue };
        let entry = sums.entry(movement).or_insert_with(|| (0, row.clone()));
        entry.0 = entry.0.saturating_add(row.amount.0);
    }
    let mut found = Vec::new();
    let mut answers: BTreeMap<PaymentId, Vec<Fact>> = BTreeMap::new();
    for (movement, (ours, row)) in sums {
        let Some(payment) = payment_of(app, &row).await? else { continue };
        if let Entry::Vacant(place) = answers.entry(payment.id) {
            place.insert(match provider.query_payment(&payment_query(app, &payment)).await {
                Ok(facts) => facts,
                Err(ProviderError::NotKnown(_)) => Vec::new(),
                Err(ProviderError::CannotBeAsked(_)) => return Ok(None),
                Err(error) => return Err(unanswered(provider.name(), &error)),
            });
        }
        let theirs = answers.get(&payment.id).into_iter().flatten().find_map(|fact| {
            let Fact::PaymentCaptured { movement: of, amount, .. } = fact else { return None };
            (format!("{prefix}{of}") == movement).then_some(*amount)
        });
        found.extend(difference(movement, &row, ours, theirs.map(|amount| amount.amount)));
    }
    Ok(Some(found))
}

async fn payment_of(app: &App, row: &transfer::Model) -> Result<Option<payment::Model>> {
    let id = match (&row.credit, row.order_id) {
        (LedgerAccount::Unapplied(id), _) => {
            receipt::Entity::find_by_id(*id).one(&app.db.read).await?.and_then(|receipt| receipt.payment_id)
        }
        (LedgerAccount::Escrow(order_id), _) => {
            // Of several by this provider the one whose answer has the movement: asked in turn, the first that was captured.
            let of_order = payment::Entity::find().filter(payment::Column::OrderId.eq(*order_id));
            let provider = row.movement.as_deref().and_then(|movement| movement.split(':').next()).unwrap_or_default();
            let captured = of_order
                .filter(payment::Column::Provider.eq(provider))
                .filter(payment::Column::Captured.gt(0))
                .all(&app.db.read)
                .await?;
            captured
                .into_iter()
                .min_by_key(|payment| payment.captured.0.abs_diff(row.amount.0))
                .map(|payment| payment.id)
        }
        (_elsewhere, _) => None,
    };
    match id {
        Some(id) => Ok(payment::Entity::find_by_id(id).one(&app.db.read).await?),
        None => Ok(None),
    }
}

async fn refunds(app: &App, provider: &dyn PaymentProvider, went: Vec<transfer::Model>) -> Result<Option<Vec<Found>>> {
    let mut found = Vec::new();
    for row in went {
        let (LedgerAccount::Refund(id), Some(movement)) = (row.debit.clone(), row.movement.clone()) else { continue };
        let Some(refund) = refund_of(app, id).await? else { continue };
        let facts = match provider.query_refund(&refund_query(app, &refund).await?).await {
            Ok(facts) => facts,
            Err(ProviderError::NotKnown(_)) => Vec::new(),
            Err(ProviderError::CannotBeAsked(_)) => return Ok(None),
            Err(error) => return Err(unanswered(provider.name(), &error)),
        };
        let theirs = facts.iter().find_map(|fact| {
            let Fact::RefundSucceeded { amount, .. } = fact else { return None };
            Some(amount.amount)
        });
        found.extend(difference(movement, &row, row.amount.0, theirs));
    }
    Ok(Some(found))
}

/// One that has failed since has been booked back already.
async fn refund_of(app: &App, id: RefundId) -> Result<Option<refund::Model>> {
    let found =
        refund::Entity::find_by_id(id).filter(refund::Column::PaymentId.is_not_null()).one(&app.db.read).await?;
    Ok(found.filter(|refund| refund.status == refund::RefundStatus::Succeeded))
}

fn difference(subject: String, row: &transfer::Model, ours: i64, theirs: Option<MinorUnits>) -> Option<Found> {
    let (kind, detail) = match theirs {
        Some(theirs) if theirs.0 == ours => return None,
        Some(_) => (BreakKind::AmountDiffers, format!("{}: the provider names another amount", row.cause)),
        None => (BreakKind::MissingThere, format!("{}: the provider doesn't know of it", row.cause)),
    };
    let day = row.created_at.date_naive();
    Some(Found { day, kind, subject, ours: Some(MinorUnits(ours)), theirs, currency: Some(row.currency), detail })
}

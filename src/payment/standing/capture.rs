//! Captures: one that failed after it was booked is away, and its order frozen, until it is restored or given up.

use std::collections::BTreeSet;

use entity::chargeback::{self, ChargebackStatus};
use entity::payment::PaymentStatus;
use entity::standing::Model;
use entity::{ChargebackId, Money, PaymentId, Time, receipt};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::course::{Captured, of_capture};
use super::history::{MOST_STEPS, Subject, history, keep};
use crate::app::App;
use crate::error::{Error, Result};
use crate::job::JobOutcome;
use crate::ledger::movement_key;
use crate::order::{execute_as_decided, execute_as_provider, find_version};
use crate::payment::matching::{Applied, find_payment_by_any, unknown_payment};
use crate::payment::query::require_payment;
use escrow::{ChargebackStage, ClaimCause, Command};
use provider::{PaymentProvider, Standing};

pub(super) async fn apply(
    app: &App,
    provider: &dyn PaymentProvider,
    payment: &str,
    standing: &Standing,
    heard_at: Time,
) -> Result<Applied> {
    let named = std::iter::once(payment).chain(standing.original.as_deref());
    let Some(payment) = find_payment_by_any(app, provider, named).await? else {
        return unknown_payment(app, provider, payment).await;
    };
    keep(app, Subject { payment_id: payment.id, refund_id: None }, standing, heard_at).await?;
    settle(app, payment.id, heard_at).await?;
    Ok(Applied::Done)
}

/// Brings the books to where all that was stated of a payment's captures leaves them. Before anything of it is booked, nothing:
/// then whatever books it comes here again.
pub(in crate::payment) async fn settle(app: &App, payment_id: PaymentId, heard_at: Time) -> Result<()> {
    let rows = history(&app.db.read, Subject { payment_id, refund_id: None }).await?;
    // A page may have been paid twice: each is a capture of its own.
    let originals: BTreeSet<&str> = rows.iter().map(|row| row.original.as_str()).collect();
    for original in originals {
        for _step in 0..MOST_STEPS {
            let order_id = require_payment(&app.db.read, payment_id).await?.order_id;
            let version = find_version(&app.db.read, order_id).await?;
            let rows = history(&app.db.read, Subject { payment_id, refund_id: None }).await?;
            let of_one = rows.iter().filter(|row| row.original == original);
            let Some(command) = next(app, payment_id, &of_one.collect::<Vec<_>>()).await? else { break };
            // Another notification of it may be applied at the same time: then it is decided anew.
            execute_as_decided(app, order_id, version, heard_at, &command).await?;
        }
    }
    Ok(())
}

async fn next(app: &App, payment_id: PaymentId, rows: &[&Model]) -> Result<Option<Command>> {
    let payment = require_payment(&app.db.read, payment_id).await?;
    let brought_nothing = payment.status == PaymentStatus::Pending && payment.captured.is_zero();
    if brought_nothing && !has_receipts(app, payment_id).await? {
        return Ok(None);
    }
    let known = chargeback::Entity::find().filter(chargeback::Column::PaymentId.eq(payment_id));
    let known = known.filter(chargeback::Column::RestoreBy.is_not_null()).all(&app.db.read).await?;
    let is_of_one = |row: &&chargeback::Model| rows.iter().any(|stated| row.reference == reference(stated));
    let away = known.iter().filter(is_of_one).find(|row| !row.returned);
    let key = |kind, row: &Model| movement_key(&payment.provider, kind, &row.movement);
    Ok(match (of_capture(rows.iter().copied()), away) {
        // An operator may have ended it.
        (Captured::Away(failed), None) if known.iter().any(|row| row.reference == reference(failed)) => None,
        (Captured::Away(failed), None) => Some(Command::Chargeback {
            chargeback_id: ChargebackId(app.clock.new_id()),
            payment_id,
            reference: reference(failed),
            amount: Some(Money::new(failed.amount, failed.currency)),
            cause: ClaimCause::FailedCapture { restore_by: failed.restore_by.unwrap_or(failed.created_at) },
            stage: ChargebackStage::Debited { movement: key("capture_failed", failed) },
            reason: failed.reason.clone(),
        }),
        (Captured::Back(restored), Some(row)) => {
            Some(moved(row, ChargebackStage::Won { movement: Some(key("capture_restored", restored)) }))
        }
        (Captured::Here | Captured::Back(_), None) | (Captured::Here | Captured::Away(_), Some(_)) => None,
    })
}

async fn has_receipts(app: &App, payment_id: PaymentId) -> Result<bool> {
    let receipts = receipt::Entity::find().filter(receipt::Column::PaymentId.eq(payment_id));
    Ok(receipts.one(&app.db.read).await?.is_some())
}

fn reference(failed: &Model) -> String {
    format!("capture_failed:{}", failed.movement)
}

/// A stage of one that is known.
pub(super) fn moved(row: &chargeback::Model, stage: ChargebackStage) -> Command {
    Command::Chargeback {
        chargeback_id: row.id,
        payment_id: row.payment_id,
        reference: row.reference.clone(),
        amount: Some(Money::new(row.amount, row.currency)),
        cause: ClaimCause::of(row),
        stage,
        reason: row.reason.clone(),
    }
}

/// The time within which its provider mends a failed capture is over. What it may bring later is booked all the same.
pub async fn give_up(app: &App, id: ChargebackId) -> Result<JobOutcome> {
    let row = chargeback::Entity::find_by_id(id).one(&app.db.read).await?;
    let row = row.ok_or_else(|| Error::internal(format!("{id} is gone")))?;
    let now = app.clock.now();
    match row.restore_by {
        Some(at) if row.status == ChargebackStatus::Open && at > now => return Ok(JobOutcome::Again(at)),
        Some(_) if row.status == ChargebackStatus::Open => {}
        Some(_) | None => return Ok(JobOutcome::Done),
    }
    execute_as_provider(app, row.order_id, now, &moved(&row, ChargebackStage::Lost)).await?;
    tracing::error!(chargeback = %id, payment = %row.payment_id, "a capture that failed was not restored in time");
    Ok(JobOutcome::Done)
}

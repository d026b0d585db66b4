//! Facts about payouts: on their way, paid, failed, come back.

use chrono::TimeDelta;
use entity::payout::{ActiveModel, Column, Entity, Model, PayoutStatus};
use entity::{LedgerAccount, MinorUnits, Money};
use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::matching::{Applied, unknown};
use crate::app::App;
use crate::error::Result;
use crate::job::{self, Job};
use crate::ledger::{self, NewTransfer, movement_key};

const TRY_AGAIN_AFTER: TimeDelta = TimeDelta::days(1);
const MOST_FAILURES: u64 = 3;

/// Locks a payout of this provider.
async fn lock(transaction: &DatabaseTransaction, provider: &str, reference: &str) -> Result<Option<Model>> {
    let found = Entity::find().filter(Column::Reference.eq(reference)).lock_exclusive().one(transaction).await?;
    Ok(found.filter(|payout| payout.provider == provider))
}

pub(super) async fn pending(
    app: &App,
    provider: &str,
    reference: &str,
    provider_reference: Option<&str>,
) -> Result<Applied> {
    let transaction = app.db.begin_write().await?;
    let Some(payout) = lock(&transaction, provider, reference).await? else { return Ok(unknown("payout", reference)) };
    if payout.status == PayoutStatus::Requested {
        let row = ActiveModel {
            id: Set(payout.id),
            status: Set(PayoutStatus::Pending),
            provider_reference: Set(provider_reference.map(str::to_owned)),
            updated_at: Set(app.clock.now()),
            ..Default::default()
        };
        row.update(&transaction).await?;
    }
    transaction.commit().await?;
    Ok(Applied::Done)
}

/// payout → provider: the money has left.
pub(super) async fn paid(app: &App, provider: &str, reference: &str, movement: &str, amount: Money) -> Result<Applied> {
    let movement = movement_key(provider, "payout", movement);
    let transaction = app.db.begin_write().await?;
    let Some(payout) = lock(&transaction, provider, reference).await? else { return Ok(unknown("payout", reference)) };
    let id = payout.id;
    let asked = Money::new(payout.amount, payout.currency);
    if amount != asked {
        return Ok(Applied::NotOurs(format!("{id}: the provider paid {amount}, we asked for {asked}")));
    }
    match payout.status {
        PayoutStatus::Requested | PayoutStatus::Pending => {
            if !ledger::posted(&transaction, &movement).await?.is_empty() {
                return Ok(Applied::NotOurs(format!("{id}: {movement} is booked already, for another payout")));
            }
            let to = LedgerAccount::Provider(provider.to_owned());
            let end = PayoutEnd {
                status: PayoutStatus::Paid,
                failure: None,
                credit: to,
                cause: "payout.paid",
                movement: Some((movement, 0)),
            };
            finish(app, &transaction, &payout, end).await?;
            transaction.commit().await?;
            Ok(Applied::Done)
        }
        // Of one that came back, this is from before.
        PayoutStatus::Paid | PayoutStatus::Returned => Ok(Applied::Done),
        PayoutStatus::Failed | PayoutStatus::ActionRequired | PayoutStatus::ApprovalRequired => {
            Ok(Applied::NotOurs(format!("{id} is said to have been paid, but it had failed")))
        }
    }
}

/// payout → supplier: it is owed again.
pub(super) async fn failed(app: &App, provider: &str, reference: &str, reason: &str) -> Result<Applied> {
    let transaction = app.db.begin_write().await?;
    let Some(payout) = lock(&transaction, provider, reference).await? else { return Ok(unknown("payout", reference)) };
    let id = payout.id;
    match payout.status {
        PayoutStatus::Requested | PayoutStatus::Pending => {
            let to = LedgerAccount::Supplier(payout.supplier_id);
            let failure = Some(reason.to_owned());
            let end =
                PayoutEnd { status: PayoutStatus::Failed, failure, credit: to, cause: "payout.failed", movement: None };
            finish(app, &transaction, &payout, end).await?;
            tracing::error!(payout = %id, supplier = %payout.supplier_id, reason, "a payout failed");
            if !keeps_failing(&transaction, &payout).await? {
                let again = Job::RequestPayout { supplier_id: payout.supplier_id, currency: payout.currency };
                job::enqueue(&transaction, &app.clock, &again, app.clock.now() + TRY_AGAIN_AFTER).await?;
            }
            transaction.commit().await?;
            Ok(Applied::Done)
        }
        PayoutStatus::Failed
        | PayoutStatus::Returned
        | PayoutStatus::ActionRequired
        | PayoutStatus::ApprovalRequired => Ok(Applied::Done),
        PayoutStatus::Paid => Ok(Applied::NotOurs(format!("{id} failed after it had been paid: {reason}"))),
    }
}

/// provider → supplier: it came back, and is owed again. It waits for another account, or for an operator's word
/// (`verifySupplier`): the bank has said that it can't be paid there.
pub(super) async fn returned(
    app: &App,
    provider: &str,
    reference: &str,
    movement: &str,
    amount: Money,
    reason: &str,
) -> Result<Applied> {
    let movement = movement_key(provider, "payout_returned", movement);
    let transaction = app.db.begin_write().await?;
    let Some(payout) = lock(&transaction, provider, reference).await? else { return Ok(unknown("payout", reference)) };
    let id = payout.id;
    let asked = Money::new(payout.amount, payout.currency);
    if amount != asked {
        return Ok(Applied::NotOurs(format!("{id}: {amount} is said to have come back of {asked}")));
    }
    match payout.status {
        PayoutStatus::Returned => return Ok(Applied::Done),
        PayoutStatus::Requested | PayoutStatus::Pending => {
            // That it was sent is still on its way to us.
            let to = LedgerAccount::Provider(provider.to_owned());
            let end = PayoutEnd {
                status: PayoutStatus::Paid,
                failure: None,
                credit: to,
                cause: "payout.paid",
                movement: None,
            };
            finish(app, &transaction, &payout, end).await?;
        }
        PayoutStatus::Paid => {}
        PayoutStatus::Failed | PayoutStatus::ActionRequired | PayoutStatus::ApprovalRequired => {
            return Ok(Applied::NotOurs(format!("{id} is said to have come back, but it had not been sent")));
        }
    }
    let now = app.clock.now();
    let row = ActiveModel {
        id: Set(id),
        status: Set(PayoutStatus::Returned),
        failure: Set(Some(reason.to_owned())),
        updated_at: Set(now),
        ..Default::default()
    };
    row.update(&transaction).await?;
    let transfer = NewTransfer {
        debit: LedgerAccount::Provider(provider.to_owned()),
        credit: LedgerAccount::Supplier(payout.supplier_id),
        amount,
        cause: "payout.returned",
        order_id: None,
        movement: Some((movement, 0)),
    };
    ledger::post(&transaction, &app.clock, now, vec![transfer]).await?;
    transaction.commit().await?;
    tracing::error!(payout = %id, supplier = %payout.supplier_id, reason, "a payout came back");
    Ok(Applied::Done)
}

/// Three failures in a row to one account are no accident: the money waits for another account.
async fn keeps_failing(transaction: &DatabaseTransaction, payout: &Model) -> Result<bool> {
    let latest = Entity::find()
        .filter(Column::PayoutAccountId.eq(payout.payout_account_id))
        .order_by_desc(Column::Id)
        .limit(MOST_FAILURES)
        .all(transaction)
        .await?;
    let failures = latest.iter().filter(|row| row.status == PayoutStatus::Failed).count();
    Ok(u64::try_from(failures).is_ok_and(|failures| failures >= MOST_FAILURES))
}

/// How a payout ends, and where its money goes then.
struct PayoutEnd {
    status: PayoutStatus,
    failure: Option<String>,
    credit: LedgerAccount,
    cause: &'static str,
    movement: Option<(String, i32)>,
}

async fn finish(app: &App, transaction: &DatabaseTransaction, payout: &Model, end: PayoutEnd) -> Result<()> {
    let now = app.clock.now();
    let row = ActiveModel {
        id: Set(payout.id),
        status: Set(end.status),
        balance: Set(MinorUnits::ZERO),
        failure: Set(end.failure),
        updated_at: Set(now),
        ..Default::default()
    };
    row.update(transaction).await?;
    let transfer = NewTransfer {
        debit: LedgerAccount::Payout(payout.id),
        credit: end.credit,
        amount: Money::new(payout.balance, payout.currency),
        cause: end.cause,
        order_id: None,
        movement: end.movement,
    };
    ledger::post(transaction, &app.clock, now, vec![transfer]).await
}

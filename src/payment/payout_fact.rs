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
use crate::ledger::{self, NewTransfer};

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
pub(super) async fn paid(
    app: &App,
    provider: &str,
    reference: &str,
    movement: String,
    amount: Money,
) -> Result<Applied> {
    pay(app, provider, (reference, movement), amount, false).await
}

/// The same by the word of two operators: also of one that is known to have failed, and was owed again.
pub(super) async fn paid_by_word(
    app: &App,
    provider: &str,
    reference: &str,
    movement: String,
    amount: Money,
) -> Result<Applied> {
    pay(app, provider, (reference, movement), amount, true).await
}

async fn pay(
    app: &App,
    provider: &str,
    (reference, movement): (&str, String),
    amount: Money,
    by_word: bool,
) -> Result<Applied> {
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
        PayoutStatus::Failed if by_word => {
            if !ledger::posted(&transaction, &movement).await?.is_empty() {
                return Ok(Applied::NotOurs(format!("{id}: {movement} is booked already, for another payout")));
            }
            paid_after_all(app, &transaction, &payout, (movement, 0)).await?;
            transaction.commit().await?;
            Ok(Applied::Done)
        }
        PayoutStatus::Failed | PayoutStatus::ActionRequired | PayoutStatus::ApprovalRequired => {
            Ok(Applied::NotOurs(format!("{id} is said to have been paid, but it had failed")))
        }
    }
}

/// supplier → provider: it was the supplier's balance again, and may have been sent once more: then the supplier owes it.
async fn paid_after_all(
    app: &App,
    transaction: &DatabaseTransaction,
    payout: &Model,
    movement: (String, i32),
) -> Result<()> {
    let now = app.clock.now();
    let row = ActiveModel {
        id: Set(payout.id),
        status: Set(PayoutStatus::Paid),
        failure: Set(None),
        updated_at: Set(now),
        ..Default::default()
    };
    row.update(transaction).await?;
    let transfer = NewTransfer {
        debit: LedgerAccount::Supplier(payout.supplier_id),
        credit: LedgerAccount::Provider(payout.provider.clone()),
        amount: Money::new(payout.amount, payout.currency),
        cause: "payout.paid",
        order_id: None,
        movement: Some(movement),
    };
    ledger::post(transaction, &app.clock, now, vec![transfer]).await
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
/// (`verifySupplier`): the bank has said that it can't be paid there. Banks on the way may have kept a part: what came is
/// booked, and the rest is shown as lost, until it comes as well or an operator says that we bear it.
pub(super) async fn returned(
    app: &App,
    provider: &str,
    reference: &str,
    movement: String,
    amount: Money,
    reason: &str,
) -> Result<Applied> {
    let back = Back { movement, amount, reason, by_word: false };
    come_back(app, provider, reference, back).await
}

/// The same by the word of two operators: also a further part of one that had come back.
pub(super) async fn returned_by_word(
    app: &App,
    provider: &str,
    reference: &str,
    movement: String,
    amount: Money,
    reason: &str,
) -> Result<Applied> {
    let back = Back { movement, amount, reason, by_word: true };
    come_back(app, provider, reference, back).await
}

struct Back<'a> {
    movement: String,
    amount: Money,
    reason: &'a str,
    by_word: bool,
}

async fn come_back(app: &App, provider: &str, reference: &str, back: Back<'_>) -> Result<Applied> {
    let transaction = app.db.begin_write().await?;
    let Some(payout) = lock(&transaction, provider, reference).await? else { return Ok(unknown("payout", reference)) };
    let (id, amount) = (payout.id, back.amount);
    if !ledger::posted(&transaction, &back.movement).await?.is_empty() {
        return Ok(Applied::Done);
    }
    let missing = match payout.status {
        PayoutStatus::Returned if payout.lost.is_positive() && back.by_word => payout.lost,
        PayoutStatus::Returned if payout.lost.is_positive() && payout.lost >= amount.amount => {
            return Ok(Applied::NotOurs(format!("{id}: it came back before, and now {amount} more are said to have")));
        }
        PayoutStatus::Returned => return Ok(Applied::Done),
        PayoutStatus::Requested | PayoutStatus::Pending | PayoutStatus::Paid => payout.amount,
        PayoutStatus::Failed | PayoutStatus::ActionRequired | PayoutStatus::ApprovalRequired => {
            return Ok(Applied::NotOurs(format!("{id} is said to have come back, but it had not been sent")));
        }
    };
    let lost = missing.checked_sub(amount.amount).filter(|lost| *lost >= MinorUnits::ZERO);
    let Some(lost) = lost.filter(|_| amount.currency == payout.currency && amount.amount.is_positive()) else {
        let sent = Money::new(missing, payout.currency);
        return Ok(Applied::NotOurs(format!("{id}: {amount} is said to have come back of {sent}")));
    };
    if matches!(payout.status, PayoutStatus::Requested | PayoutStatus::Pending) {
        // That it was sent is still on its way to us.
        let to = LedgerAccount::Provider(provider.to_owned());
        let end =
            PayoutEnd { status: PayoutStatus::Paid, failure: None, credit: to, cause: "payout.paid", movement: None };
        finish(app, &transaction, &payout, end).await?;
    }
    let now = app.clock.now();
    let row = ActiveModel {
        id: Set(id),
        status: Set(PayoutStatus::Returned),
        lost: Set(lost),
        failure: Set(Some(back.reason.to_owned())),
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
        movement: Some((back.movement, 0)),
    };
    ledger::post(&transaction, &app.clock, now, vec![transfer]).await?;
    transaction.commit().await?;
    tracing::error!(payout = %id, supplier = %payout.supplier_id, reason = back.reason, %amount, "a payout came back");
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

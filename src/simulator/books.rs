//! The bank's books: every change of a movement, each in one write transaction with the jobs that follow from it.

use axum::http::StatusCode;
use chrono::TimeDelta;
use entity::sandbox_movement::{ActiveModel, Column, Entity, Model, MovementKind, MovementStatus};
use entity::{Money, SandboxMovementId};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QuerySelect,
};

use super::method_kind::Voucher;
use super::{collected, notify};
use crate::app::App;
use crate::error::{Error, Result};
use crate::job::{self, Job};

/// What "Approve later" waits, in business time.
pub(super) const SETTLES_AFTER: TimeDelta = TimeDelta::seconds(60);

/// Why the bank didn't do as it was told.
#[derive(Debug)]
pub(super) enum BankError {
    /// The caller's fault, in the bank's words.
    Refused {
        status: StatusCode,
        code: &'static str,
        message: String,
    },
    Failed(Error),
}

impl BankError {
    pub(super) fn refused(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self::Refused { status, code, message: message.into() }
    }

    pub(super) fn not_found(what: &str) -> Self {
        Self::refused(StatusCode::NOT_FOUND, "not_found", format!("the bank knows no {what} of this reference"))
    }
}

impl From<Error> for BankError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<DbErr> for BankError {
    fn from(error: DbErr) -> Self {
        Self::Failed(error.into())
    }
}

/// What the bank is asked to move.
pub(super) struct Asked {
    pub(super) reference: String,
    pub(super) amount: Money,
    pub(super) description: String,
    pub(super) notification_url: String,
    pub(super) return_url: Option<String>,
}

pub(super) async fn find<C: ConnectionTrait>(db: &C, kind: MovementKind, reference: &str) -> Result<Option<Model>> {
    Ok(Entity::find().filter(Column::Kind.eq(kind)).filter(Column::Reference.eq(reference)).one(db).await?)
}

pub(super) async fn open_payment(app: &App, asked: Asked) -> Result<Model, BankError> {
    let tx = app.db.begin_write().await?;
    let (movement, is_new) = insert_or_find(app, &tx, MovementKind::Payment, None, asked).await?;
    if let Some(voucher) = Voucher::of(&movement).filter(|_voucher| is_new) {
        settle_at(app, &tx, movement.id, voucher.expires_at).await?;
    }
    tx.commit().await?;
    Ok(movement)
}

/// Gives back a part of the payment `payment` (its reference), or all of it. Some methods have to be told the payee.
///
/// To a payee it also sends what came by another bank: then it doesn't know the payment, and how much that was.
pub(super) async fn open_refund(app: &App, payment: &str, knows_payee: bool, asked: Asked) -> Result<Model, BankError> {
    let tx = app.db.begin_write().await?;
    // Refunds of one payment take turns: PostgreSQL by this row lock, SQLite by the write transaction itself.
    let original = Entity::find()
        .filter(Column::Kind.eq(MovementKind::Payment))
        .filter(Column::Reference.eq(payment))
        .lock_exclusive()
        .one(&tx)
        .await?;
    let original_id = original.as_ref().map(|original| original.id);
    if let Some(known) = find(&tx, MovementKind::Refund, &asked.reference).await? {
        return same_or_conflict(known, original_id, asked.amount);
    }
    match &original {
        Some(original) => {
            collected::check_way_back(original, knows_payee)?;
            collected::check_refundable(&tx, original, asked.amount).await?;
        }
        None if knows_payee => {}
        None => return Err(BankError::not_found("payment")),
    }
    let (movement, is_new) = insert_or_find(app, &tx, MovementKind::Refund, original_id, asked).await?;
    settle_soon_and_commit(app, tx, &movement, is_new).await?;
    Ok(movement)
}

pub(super) async fn open_payout(app: &App, asked: Asked) -> Result<Model, BankError> {
    let tx = app.db.begin_write().await?;
    let (movement, is_new) = insert_or_find(app, &tx, MovementKind::Payout, None, asked).await?;
    settle_soon_and_commit(app, tx, &movement, is_new).await?;
    Ok(movement)
}

/// Withdraws a payment that nobody has approved yet.
pub(super) async fn cancel_payment(app: &App, reference: &str) -> Result<Model, BankError> {
    let tx = app.db.begin_write().await?;
    let movement = Entity::find()
        .filter(Column::Kind.eq(MovementKind::Payment))
        .filter(Column::Reference.eq(reference))
        .lock_exclusive()
        .one(&tx)
        .await?
        .ok_or_else(|| BankError::not_found("payment"))?;
    let too_late = |message: &str| Err(BankError::refused(StatusCode::CONFLICT, "too_late", message));
    match movement.status {
        MovementStatus::Open => {
            let cancelled = advance(app, &tx, movement, MovementStatus::Cancelled).await?;
            tx.commit().await?;
            app.wake_worker();
            Ok(cancelled)
        }
        MovementStatus::Settling => too_late("too late: the money is on its way"),
        MovementStatus::Succeeded => too_late("too late: it has been paid"),
        MovementStatus::Declined
        | MovementStatus::Cancelled
        | MovementStatus::Expired
        | MovementStatus::Debited
        | MovementStatus::Won
        | MovementStatus::Lost => Ok(movement),
    }
}

/// The job: money that was on its way arrives, or fails, and a voucher that nobody has paid expires. A second run changes
/// nothing.
pub async fn settle(app: &App, movement_id: SandboxMovementId) -> Result<()> {
    let tx = app.db.begin_write().await?;
    let Some(movement) = Entity::find_by_id(movement_id).lock_exclusive().one(&tx).await? else {
        return Err(Error::internal(format!("{movement_id}: no such movement at the simulated bank")));
    };
    let next = match movement.status {
        MovementStatus::Settling => how_it_settles(&movement),
        MovementStatus::Open if is_over(app, &movement) => MovementStatus::Expired,
        MovementStatus::Open
        | MovementStatus::Succeeded
        | MovementStatus::Declined
        | MovementStatus::Cancelled
        | MovementStatus::Expired
        | MovementStatus::Debited
        | MovementStatus::Won
        | MovementStatus::Lost => return Ok(()),
    };
    advance(app, &tx, movement, next).await?;
    tx.commit().await?;
    app.wake_worker();
    Ok(())
}

/// Whether it is a voucher whose time has passed.
pub(super) fn is_over(app: &App, movement: &Model) -> bool {
    Voucher::of(movement).is_some_and(|voucher| voucher.expires_at <= app.clock.now())
}

/// See the module's words on failures.
fn how_it_settles(movement: &Model) -> MovementStatus {
    match movement.kind {
        MovementKind::Refund | MovementKind::Payout if movement.amount.0 % 100 == 13 => MovementStatus::Declined,
        MovementKind::Payment
        | MovementKind::Refund
        | MovementKind::Payout
        | MovementKind::Transfer
        | MovementKind::Unmatched
        | MovementKind::Chargeback
        | MovementKind::Reversal => MovementStatus::Succeeded,
    }
}

/// Moves a movement, which the transaction has locked, and enqueues what follows.
pub(super) async fn advance(app: &App, tx: &DatabaseTransaction, movement: Model, to: MovementStatus) -> Result<Model> {
    let movement = write(app, tx, movement, |movement| movement.status = to).await?;
    if to == MovementStatus::Settling {
        settle_at(app, tx, movement.id, app.clock.now() + SETTLES_AFTER).await?;
    } else if let Some(notice) = notify::notice_about(app, &movement, None)? {
        job::enqueue(tx, &app.clock, &notice.job(), app.clock.now()).await?;
    }
    Ok(movement)
}

/// Writes down how a movement, which the transaction has locked, stands now. Nothing follows by itself.
pub(super) async fn write(
    app: &App,
    tx: &DatabaseTransaction,
    mut movement: Model,
    change: impl FnOnce(&mut Model),
) -> Result<Model> {
    let before = movement.status;
    change(&mut movement);
    movement.updated_at = app.clock.now();
    let row = ActiveModel {
        status: Set(movement.status),
        reason: Set(movement.reason.clone()),
        debited: Set(movement.debited),
        updated_at: Set(movement.updated_at),
        ..Default::default()
    };
    let written = Entity::update_many().set(row).filter(Column::Id.eq(movement.id)).filter(Column::Status.eq(before));
    if written.exec(tx).await?.rows_affected != 1 {
        return Err(Error::internal(format!("{}: moved by somebody else under a lock", movement.id)));
    }
    Ok(movement)
}

async fn settle_at(app: &App, tx: &DatabaseTransaction, id: SandboxMovementId, at: entity::Time) -> Result<()> {
    job::enqueue(tx, &app.clock, &Job::SandboxSettle { movement_id: id }, at).await
}

async fn settle_soon_and_commit(app: &App, tx: DatabaseTransaction, movement: &Model, is_new: bool) -> Result<()> {
    if is_new {
        settle_at(app, &tx, movement.id, app.clock.now()).await?;
    }
    tx.commit().await?;
    app.wake_worker();
    Ok(())
}

/// Two callers with one reference: the second one gets what the first one made.
async fn insert_or_find(
    app: &App,
    tx: &DatabaseTransaction,
    kind: MovementKind,
    original_id: Option<SandboxMovementId>,
    asked: Asked,
) -> Result<(Model, bool), BankError> {
    let now = app.clock.now();
    let movement = Model {
        id: SandboxMovementId(app.clock.new_id()),
        kind,
        reference: asked.reference,
        status: if kind == MovementKind::Payment { MovementStatus::Open } else { MovementStatus::Settling },
        amount: asked.amount.amount,
        currency: asked.amount.currency,
        original_id,
        description: asked.description,
        reason: None,
        debited: false,
        notification_url: asked.notification_url,
        return_url: asked.return_url,
        created_at: now,
        updated_at: now,
    };
    let inserted = Entity::insert(ActiveModel::from(movement.clone()))
        .on_conflict(OnConflict::columns([Column::Kind, Column::Reference]).do_nothing().to_owned())
        .exec_without_returning(tx)
        .await?;
    if inserted == 1 {
        return Ok((movement, true));
    }
    let known = find(tx, kind, &movement.reference).await?;
    let known = known.ok_or_else(|| Error::internal(format!("{}: neither new nor there", movement.reference)))?;
    same_or_conflict(known, original_id, asked.amount).map(|known| (known, false))
}

fn same_or_conflict(known: Model, original_id: Option<SandboxMovementId>, amount: Money) -> Result<Model, BankError> {
    if (known.amount, known.currency, known.original_id) == (amount.amount, amount.currency, original_id) {
        return Ok(known);
    }
    Err(BankError::refused(
        StatusCode::CONFLICT,
        "reference_reused",
        "this reference was used before, for another amount or another payment",
    ))
}

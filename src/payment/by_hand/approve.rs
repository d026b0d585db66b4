//! Another operator approves, and it is booked; or doesn't.

use chrono::TimeDelta;
use entity::BookingId;
use entity::hand_booking::{ActiveModel, BookingStatus, Entity, Model};
use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, DatabaseTransaction, EntityTrait, QuerySelect};

use super::book::book_by_hand;
use super::request::{found_before, lock_break, lock_quarantined};
use crate::app::App;
use crate::auth::Viewer;
use crate::error::{Error, ErrorCode, Result};
use crate::idempotency::IdempotencyKey;
use crate::job::{self, Job};
use crate::ledger;

/// If this node dies before it has booked what was approved, another one does.
const TAKEN_UP_AFTER: TimeDelta = TimeDelta::minutes(1);

pub async fn approve_booking(
    app: &App,
    viewer: &Viewer,
    idempotency_key: Option<&IdempotencyKey>,
    id: BookingId,
) -> Result<Model> {
    let approved = IdempotencyKey::retrying(idempotency_key, &app.db, || approve(app, viewer, idempotency_key, id));
    let approved = approved.await?;
    if approved.status != BookingStatus::Approved {
        return Ok(approved);
    }
    if let Err(error) = book_by_hand(app, id).await {
        tracing::error!(booking = %id, %error, "what was approved could not be booked now; it is tried again");
    }
    Entity::find_by_id(id).one(&app.db.read).await?.ok_or_else(|| Error::internal(format!("{id} is gone")))
}

async fn approve(app: &App, viewer: &Viewer, idempotency_key: Option<&IdempotencyKey>, id: BookingId) -> Result<Model> {
    let operator_id = viewer.require_operator()?;
    let transaction = app.db.begin_write().await?;
    if let Some(made) = found_before(&transaction, idempotency_key).await? {
        return Ok(made);
    }
    let row = lock(&transaction, id).await?;
    if row.status != BookingStatus::Requested {
        let message = "this booking does not wait to be approved";
        return Err(Error::refused(ErrorCode::InvalidTransition, message).at("bookingId"));
    }
    if row.requested_by == operator_id {
        let message = "another operator than the one who asked has to approve";
        return Err(Error::refused(ErrorCode::NotPermitted, message));
    }
    // It may have been settled, or booked by the provider's own word, since it was asked for.
    if let Some(id) = row.notification_id {
        lock_quarantined(&transaction, id).await?;
    }
    if let Some(id) = row.break_id {
        lock_break(&transaction, id).await?;
    }
    if let Some(movement) = &row.movement
        && !ledger::posted(&transaction, movement).await?.is_empty()
    {
        let message = format!("{movement} has been booked meanwhile: reject this booking");
        return Err(Error::refused(ErrorCode::AlreadyExists, message).at("bookingId"));
    }
    let row = ActiveModel {
        id: Set(id),
        status: Set(BookingStatus::Approved),
        approved_by: Set(Some(operator_id)),
        updated_at: Set(app.clock.now()),
        ..Default::default()
    };
    let row = row.update(&transaction).await?;
    job::enqueue(&transaction, &app.clock, &Job::BookByHand { booking_id: id }, app.clock.now() + TAKEN_UP_AFTER)
        .await?;
    IdempotencyKey::record_in(idempotency_key, &transaction, &app.clock, id.to_string()).await?;
    transaction.commit().await?;
    tracing::info!(%operator_id, booking = %id, "a booking by hand was approved");
    Ok(row)
}

pub async fn reject_booking(
    app: &App,
    viewer: &Viewer,
    idempotency_key: Option<&IdempotencyKey>,
    (id, reason): (BookingId, &str),
) -> Result<Model> {
    let operator_id = viewer.require_operator()?;
    IdempotencyKey::retrying(idempotency_key, &app.db, || async {
        let transaction = app.db.begin_write().await?;
        if let Some(made) = found_before(&transaction, idempotency_key).await? {
            return Ok(made);
        }
        let row = lock(&transaction, id).await?;
        if row.status != BookingStatus::Requested {
            let message = "this booking does not wait to be approved";
            return Err(Error::refused(ErrorCode::InvalidTransition, message).at("bookingId"));
        }
        let row = ActiveModel {
            id: Set(id),
            status: Set(BookingStatus::Rejected),
            failure: Set(Some(reason.to_owned())),
            updated_at: Set(app.clock.now()),
            ..Default::default()
        };
        let row = row.update(&transaction).await?;
        IdempotencyKey::record_in(idempotency_key, &transaction, &app.clock, id.to_string()).await?;
        transaction.commit().await?;
        tracing::info!(%operator_id, booking = %id, "a booking by hand was rejected");
        Ok(row)
    })
    .await
}

async fn lock(transaction: &DatabaseTransaction, id: BookingId) -> Result<Model> {
    let found = Entity::find_by_id(id).lock_exclusive().one(transaction).await?;
    found.ok_or_else(|| Error::not_found("booking").at("bookingId"))
}

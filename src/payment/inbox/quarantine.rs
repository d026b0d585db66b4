//! What did not match: for operators to see, to drive again once the cause is mended, or to dismiss. Booking it by hand takes
//! two of them: [`super::super::by_hand`].

use entity::NotificationId;
use entity::hand_booking::{self, BookingStatus};
use entity::notification::{self, MOST_FAILURES, NotificationStatus, SettledAs};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::ExprTrait;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect,
};

use crate::app::App;
use crate::auth::Viewer;
use crate::error::{Error, ErrorCode, Result};
use crate::idempotency::IdempotencyKey;
use crate::job::{self, Job};
use crate::page::Page;

/// Notifications that were verified but not understood, or don't fit what we know; and those that have failed to be applied
/// again and again. Oldest first.
pub async fn find_quarantined<C: ConnectionTrait>(
    db: &C,
    viewer: &Viewer,
    page: &Page<NotificationId>,
) -> Result<Vec<notification::Model>> {
    viewer.require_operator()?;
    let failing = notification::Column::Status
        .eq(NotificationStatus::Received)
        .and(notification::Column::Failures.gte(MOST_FAILURES));
    let mut query = notification::Entity::find()
        .filter(Condition::any().add(notification::Column::Status.eq(NotificationStatus::Quarantined)).add(failing))
        .order_by_asc(notification::Column::Id)
        .limit(page.fetch());
    if let Some(after) = page.after {
        query = query.filter(notification::Column::Id.gt(after));
    }
    Ok(query.all(db).await?)
}

/// Applies a quarantined notification once more. What it says is booked once, however often it is driven.
pub async fn redrive_notification(app: &App, viewer: &Viewer, id: NotificationId) -> Result<notification::Model> {
    viewer.require_operator()?;
    let transaction = app.db.begin_write().await?;
    let found = lock(&transaction, id).await?;
    if found.status != NotificationStatus::Quarantined {
        let message = "this notification is not in quarantine";
        return Err(Error::refused(ErrorCode::InvalidTransition, message).at("notificationId"));
    }
    let row = notification::ActiveModel {
        id: Set(id),
        status: Set(NotificationStatus::Received),
        reason: Set(None),
        failures: Set(0),
        ..Default::default()
    };
    let row = row.update(&transaction).await?;
    job::enqueue(&transaction, &app.clock, &Job::ApplyNotification { notification_id: id }, app.clock.now()).await?;
    transaction.commit().await?;
    app.wake_worker();
    Ok(row)
}

/// There is nothing to book: it leaves the quarantine with the operator's reason, and stays as it came.
pub async fn dismiss_quarantined(
    app: &App,
    viewer: &Viewer,
    idempotency_key: Option<&IdempotencyKey>,
    (id, reason): (NotificationId, &str),
) -> Result<notification::Model> {
    let operator_id = viewer.require_operator()?;
    IdempotencyKey::retrying(idempotency_key, &app.db, || async {
        let transaction = app.db.begin_write().await?;
        let found = lock(&transaction, id).await?;
        if IdempotencyKey::find_in(idempotency_key, &transaction).await?.is_some() {
            return Ok(found);
        }
        if !found.needs_somebody() {
            let message = "this notification is not in quarantine";
            return Err(Error::refused(ErrorCode::InvalidTransition, message).at("notificationId"));
        }
        let row = notification::ActiveModel {
            id: Set(id),
            status: Set(NotificationStatus::Applied),
            applied_at: Set(Some(app.clock.wall())),
            settled: Set(Some(SettledAs::Dismissed)),
            settled_reason: Set(Some(reason.to_owned())),
            settled_by: Set(Some(operator_id)),
            settled_at: Set(Some(app.clock.now())),
            ..Default::default()
        };
        let row = row.update(&transaction).await?;
        IdempotencyKey::record_in(idempotency_key, &transaction, &app.clock, id.to_string()).await?;
        transaction.commit().await?;
        tracing::warn!(%operator_id, notification = %id, reason, "a quarantined notification was dismissed");
        Ok(row)
    })
    .await
}

/// Nobody else does anything about it until the transaction ends; and nobody has asked to book it by hand.
async fn lock(transaction: &DatabaseTransaction, id: NotificationId) -> Result<notification::Model> {
    let found = notification::Entity::find_by_id(id).lock_exclusive().one(transaction).await?;
    let found = found.ok_or_else(|| Error::not_found("notification").at("notificationId"))?;
    let waiting = hand_booking::Entity::find()
        .filter(hand_booking::Column::NotificationId.eq(id))
        .filter(hand_booking::Column::Status.is_in([BookingStatus::Requested, BookingStatus::Approved]));
    if waiting.one(transaction).await?.is_some() {
        let message = "somebody has asked to book it by hand: approve or reject that first";
        return Err(Error::refused(ErrorCode::InvalidTransition, message).at("notificationId"));
    }
    Ok(found)
}

//! What did not match: for operators to see, and to drive again once the cause is mended.

use entity::NotificationId;
use entity::notification::{self, NotificationStatus};
use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::app::App;
use crate::auth::Viewer;
use crate::error::{Error, ErrorCode, Result};
use crate::job::{self, Job};
use crate::page::Page;

/// Notifications that were verified but not understood, or don't fit what we know. Oldest first.
pub async fn find_quarantined<C: ConnectionTrait>(
    db: &C,
    viewer: &Viewer,
    page: &Page<NotificationId>,
) -> Result<Vec<notification::Model>> {
    viewer.require_operator()?;
    let mut query = notification::Entity::find()
        .filter(notification::Column::Status.eq(NotificationStatus::Quarantined))
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
    let found = notification::Entity::find_by_id(id).lock_exclusive().one(&transaction).await?;
    let found = found.ok_or_else(|| Error::not_found("notification").at("notificationId"))?;
    if found.status != NotificationStatus::Quarantined {
        let message = "this notification is not in quarantine";
        return Err(Error::refused(ErrorCode::InvalidTransition, message).at("notificationId"));
    }
    let row = notification::ActiveModel {
        id: Set(id),
        status: Set(NotificationStatus::Received),
        reason: Set(None),
        ..Default::default()
    };
    let row = row.update(&transaction).await?;
    job::enqueue(&transaction, &app.clock, &Job::ApplyNotification { notification_id: id }, app.clock.now()).await?;
    transaction.commit().await?;
    app.wake_worker();
    Ok(row)
}

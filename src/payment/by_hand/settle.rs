//! What a booking has settled.

use entity::hand_booking::{ActiveModel, BookingStatus, Entity, Model};
use entity::notification::{NotificationStatus, SettledAs};
use entity::{PaymentId, notification, payment, reconciliation_break};
use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect};

use crate::app::App;
use crate::error::{Error, Result};

/// In the transaction of what it has booked. False if somebody else has done so already.
pub(super) async fn mark(
    app: &App,
    transaction: &DatabaseTransaction,
    booking: &Model,
    failure: Option<&str>,
) -> Result<bool> {
    let found = Entity::find_by_id(booking.id).lock_exclusive().one(transaction).await?;
    if found.is_none_or(|row| row.status != BookingStatus::Approved) {
        return Ok(false);
    }
    let now = app.clock.now();
    let row = ActiveModel {
        id: Set(booking.id),
        status: Set(if failure.is_none() { BookingStatus::Booked } else { BookingStatus::Failed }),
        failure: Set(failure.map(|text| text.chars().take(1_000).collect())),
        updated_at: Set(now),
        ..Default::default()
    };
    row.update(transaction).await?;
    if failure.is_some() {
        return Ok(true);
    }
    if let Some(id) = booking.notification_id.filter(|_| booking.settles) {
        use notification::Column;
        let row = notification::ActiveModel {
            status: Set(NotificationStatus::Applied),
            applied_at: Set(Some(app.clock.wall())),
            settled: Set(Some(SettledAs::Booked)),
            settled_reason: Set(Some(booking.reason.clone())),
            settled_by: Set(Some(booking.requested_by)),
            settled_at: Set(Some(now)),
            ..Default::default()
        };
        let this = notification::Entity::update_many().set(row).filter(Column::Id.eq(id));
        this.filter(Column::Status.ne(NotificationStatus::Applied)).exec(transaction).await?;
    }
    if let Some(id) = booking.break_id {
        let row = reconciliation_break::ActiveModel {
            id: Set(id),
            resolved_at: Set(Some(now)),
            settled_by: Set(Some(booking.id)),
            ..Default::default()
        };
        row.update(transaction).await?;
    }
    Ok(true)
}

pub(super) async fn payment_of(app: &App, id: Option<PaymentId>) -> Result<payment::Model> {
    let Some(id) = id else { return Err(Error::internal("a booking of no payment")) };
    payment::Entity::find_by_id(id).one(&app.db.read).await?.ok_or_else(|| Error::internal(format!("{id} is gone")))
}

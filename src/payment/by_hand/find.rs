//! Bookings by hand, found: those that wait, and what they have settled.

use entity::hand_booking::{BookingKind, BookingStatus, Column, Entity, Model};
use entity::{BookingId, BreakId, NotificationId, reconciliation_break};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::auth::Viewer;
use crate::error::Result;
use crate::page::Page;
use crate::visibility;

/// Of one notification or break, or of all; without those that are over unless all are wanted. Oldest first.
pub async fn find_bookings<C: ConnectionTrait>(
    db: &C,
    viewer: &Viewer,
    (notification_id, break_id, also_over): (Option<NotificationId>, Option<BreakId>, bool),
    page: &Page<BookingId>,
) -> Result<Vec<Model>> {
    viewer.require_operator()?;
    let mut query = Entity::find().order_by_asc(Column::Id).limit(page.fetch());
    if let Some(id) = notification_id {
        query = query.filter(Column::NotificationId.eq(id));
    }
    if let Some(id) = break_id {
        query = query.filter(Column::BreakId.eq(id));
    }
    if !also_over {
        query = query.filter(Column::Status.is_in([BookingStatus::Requested, BookingStatus::Approved]));
    }
    if let Some(after) = page.after {
        query = query.filter(Column::Id.gt(after));
    }
    Ok(query.all(db).await?)
}

pub async fn find_bookings_by_id<C: ConnectionTrait>(db: &C, viewer: &Viewer, ids: &[BookingId]) -> Result<Vec<Model>> {
    let these = Entity::find().filter(Column::Id.is_in(ids.iter().copied()));
    Ok(these.filter(visibility::books(viewer)).all(db).await?)
}

/// Whether operators have said what one of these movements was: then nothing else is made of it.
pub(in crate::payment) async fn is_settled_by_hand<C: ConnectionTrait>(db: &C, movements: Vec<String>) -> Result<bool> {
    if movements.is_empty() {
        return Ok(false);
    }
    let by_hand = Entity::find()
        .filter(Column::Movement.is_in(movements))
        .filter(Column::Status.is_in([BookingStatus::Approved, BookingStatus::Booked]));
    Ok(by_hand.one(db).await?.is_some())
}

/// Breaks of a provider that operators have settled, and what they booked for it themselves: both are found no more.
pub(in crate::payment) async fn settled_breaks<C: ConnectionTrait>(
    db: &C,
    provider: &str,
) -> Result<(Vec<reconciliation_break::Model>, Vec<String>)> {
    use reconciliation_break::Column as Break;
    let settled = reconciliation_break::Entity::find()
        .filter(Break::Provider.eq(provider))
        .filter(Break::SettledBy.is_not_null())
        .all(db)
        .await?;
    let own = Entity::find()
        .select_only()
        .column(Column::Movement)
        .filter(Column::Provider.eq(provider))
        .filter(Column::Kind.eq(BookingKind::Reversed))
        .filter(Column::Movement.is_not_null())
        .filter(Column::Status.is_in([BookingStatus::Approved, BookingStatus::Booked]))
        .into_tuple()
        .all(db)
        .await?;
    Ok((settled, own))
}

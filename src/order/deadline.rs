//! Deadlines and reminders: which orders have one that has passed, and what that brings.

use entity::order::{Column, Entity};
use entity::{OrderId, Time};
use futures_util::future::BoxFuture;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::locked::LockedOrder;
use crate::app::App;
use crate::db::retrying;
use crate::error::Result;

/// Decides what an order's passed deadlines bring; true if anything changed.
pub fn pass_deadlines(app: &App, order_id: OrderId) -> BoxFuture<'_, Result<bool>> {
    Box::pin(retrying(move || async move {
        let locked = LockedOrder::begin_for_all(app, order_id, app.clock.now()).await?;
        if !locked.has_changed {
            return Ok(false);
        }
        locked.commit().await?;
        Ok(true)
    }))
}

/// Orders with a reminder or a deadline that has passed, the longest overdue first, but for those that are `skipped`.
pub async fn overdue<C: ConnectionTrait>(db: &C, now: Time, skipped: &[OrderId], limit: u64) -> Result<Vec<OrderId>> {
    Ok(Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::TimerAt.lte(now))
        .filter(Column::Id.is_not_in(skipped.iter().copied()))
        .order_by_asc(Column::TimerAt)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await?)
}

/// The next moment after `after` at which an order's deadline passes.
pub async fn next_timer<C: ConnectionTrait>(db: &C, after: Time) -> Result<Option<Time>> {
    Ok(Entity::find()
        .select_only()
        .column(Column::TimerAt)
        .filter(Column::TimerAt.gt(after))
        .order_by_asc(Column::TimerAt)
        .limit(1)
        .into_tuple()
        .one(db)
        .await?)
}

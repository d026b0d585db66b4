//! The feed of all orders' events, in commit order, as it is followed.

use std::collections::{BTreeSet, HashMap};

use entity::event::{Column, Entity, Model};
use entity::{OrderId, order};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::app::App;
use crate::error::Result;
use crate::live::{self, FeedEvent, sequencer};

/// Gives every committed event its position in the feed, and publishes it to those who follow it. Cheap when there is
/// nothing to do.
pub async fn sequence(app: &App) -> Result<()> {
    sequencer::EVENTS.sequence(&app.db).await?;
    let db = &app.db.read;
    app.feed.publish(|after| async move { with_numbers(db, read_after(db, after).await?).await }).await
}

async fn read_after<C: ConnectionTrait>(db: &C, after: i64) -> Result<Vec<Model>> {
    let sequenced = Entity::find().filter(Column::FeedPosition.gt(after)).order_by_asc(Column::FeedPosition);
    Ok(sequenced.limit(live::BATCH).all(db).await?)
}

/// Events as they are shown: with the numbers of their orders.
pub async fn with_numbers<C: ConnectionTrait>(db: &C, rows: Vec<Model>) -> Result<Vec<FeedEvent>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let orders: BTreeSet<OrderId> = rows.iter().map(|row| row.order_id).collect();
    let numbers: Vec<(OrderId, String)> = order::Entity::find()
        .select_only()
        .column(order::Column::Id)
        .column(order::Column::Number)
        .filter(order::Column::Id.is_in(orders))
        .into_tuple()
        .all(db)
        .await?;
    let numbers: HashMap<OrderId, String> = numbers.into_iter().collect();
    let numbered =
        |row: Model| FeedEvent { order_number: numbers.get(&row.order_id).cloned().unwrap_or_default(), row };
    Ok(rows.into_iter().map(numbered).collect())
}

pub async fn newest_position<C: ConnectionTrait>(db: &C) -> Result<i64> {
    let newest = Entity::find().select_only().column_as(Column::FeedPosition.max(), "newest");
    let newest: Option<Option<i64>> = newest.into_tuple().one(db).await?;
    Ok(newest.flatten().unwrap_or(0))
}

//! What happened: the timeline of each order, gapless, and the feed of all orders, in commit order.
//!
//! An event is appended in the transaction that made it happen. Its place in the feed is given afterwards ([`live::place`]).

use std::collections::{BTreeSet, HashMap};

use entity::event::{ActiveModel, Column, Entity, Model};
use entity::{EventId, OrderId, Time, order};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::app::App;
use crate::delivery::{self, Due};
use crate::error::{Error, Result};
use crate::live::{self, PlacedEvent, place};
use escrow::{Actor, Event};
use ground::clock::Clock;

/// Appends to an order's timeline, and puts it on its way to the storefront's endpoints. `sequence` is that of its newest event;
/// returns the new one.
pub async fn append<C: ConnectionTrait>(
    db: &C,
    clock: &Clock,
    (order_id, sequence, actor, at): (OrderId, i64, Actor, Time),
    events: &[Event],
) -> Result<i64> {
    if events.is_empty() {
        return Ok(sequence);
    }
    let mut rows = Vec::with_capacity(events.len());
    let mut told = Vec::with_capacity(events.len());
    let mut newest = sequence;
    for event in events {
        newest += 1;
        let id = EventId(clock.new_id());
        told.push(Due { event_id: id, kind: event.kind(), sequence: newest });
        rows.push(ActiveModel {
            id: Set(id),
            order_id: Set(order_id),
            sequence: Set(newest),
            kind: Set(event.kind().to_owned()),
            actor: Set(actor.name().to_owned()),
            summary: Set(event.summary()),
            data: Set(data(event)?),
            occurred_at: Set(at),
            feed_position: Set(None),
            ..Default::default()
        });
    }
    Entity::insert_many(rows).exec_without_returning(db).await?;
    delivery::enqueue(db, clock, (order_id, at), &told).await?;
    Ok(newest)
}

fn data(event: &Event) -> Result<serde_json::Value> {
    let value = serde_json::to_value(event).map_err(|error| Error::internal(error.to_string()))?;
    Ok(if value.is_object() { value } else { serde_json::json!({}) })
}

/// Gives every committed event its place in the feed, and tells those who follow it. Cheap when there is nothing to do.
pub async fn sequence(app: &App) -> Result<()> {
    place::EVENTS.place(&app.db).await?;
    let db = &app.db.read;
    app.feed.tell(|after| async move { with_numbers(db, read_placed(db, after).await?).await }).await
}

async fn read_placed<C: ConnectionTrait>(db: &C, after: i64) -> Result<Vec<Model>> {
    let placed = Entity::find().filter(Column::FeedPosition.gt(after)).order_by_asc(Column::FeedPosition);
    Ok(placed.limit(live::BATCH).all(db).await?)
}

/// Events as they are shown: with the numbers of their orders.
pub async fn with_numbers<C: ConnectionTrait>(db: &C, rows: Vec<Model>) -> Result<Vec<PlacedEvent>> {
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
        |row: Model| PlacedEvent { order_number: numbers.get(&row.order_id).cloned().unwrap_or_default(), row };
    Ok(rows.into_iter().map(numbered).collect())
}

pub async fn newest_position<C: ConnectionTrait>(db: &C) -> Result<i64> {
    let newest = Entity::find().select_only().column_as(Column::FeedPosition.max(), "newest");
    let newest: Option<Option<i64>> = newest.into_tuple().one(db).await?;
    Ok(newest.flatten().unwrap_or(0))
}

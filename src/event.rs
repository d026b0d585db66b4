//! What happened: the timeline of each order, gapless, and the feed of all orders, in commit order.
//!
//! An event is appended in the transaction that made it happen. Its place in the feed is given afterwards, by one sequencer
//! at a time: a sequence, a UUIDv7 or a time would be given before the commit, and a reader who was past it would never see
//! the event of a transaction that committed late.

use entity::event::{ActiveModel, Column, Entity};
use entity::{EventId, OrderId, Time};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::app::App;
use crate::clock::Clock;
use crate::db::Turn;
use crate::error::{Error, Result};
use crate::escrow::{Actor, Happened};

/// Most events that get their place in one go.
const BATCH: i64 = 1_000;

/// Appends to an order's timeline. `sequence` is that of its newest event; returns the new one.
pub async fn append<C: ConnectionTrait>(
    db: &C,
    clock: &Clock,
    (order_id, sequence, actor, at): (OrderId, i64, Actor, Time),
    events: &[Happened],
) -> Result<i64> {
    if events.is_empty() {
        return Ok(sequence);
    }
    let mut rows = Vec::with_capacity(events.len());
    let mut newest = sequence;
    for event in events {
        newest += 1;
        rows.push(ActiveModel {
            id: Set(EventId(clock.new_id())),
            order_id: Set(order_id),
            sequence: Set(newest),
            kind: Set(event.kind().to_owned()),
            actor: Set(actor.name().to_owned()),
            summary: Set(event.summary()),
            data: Set(data(event)?),
            occurred_at: Set(at),
            feed_position: Set(None),
        });
    }
    Entity::insert_many(rows).exec_without_returning(db).await?;
    Ok(newest)
}

fn data(event: &Happened) -> Result<serde_json::Value> {
    let value = serde_json::to_value(event).map_err(|error| Error::internal(error.to_string()))?;
    Ok(if value.is_object() { value } else { serde_json::json!({}) })
}

/// Gives every committed event its place in the feed, and tells the subscriptions. Cheap when there is nothing to do.
pub async fn sequence(app: &App) -> Result<()> {
    loop {
        let waiting = Entity::find().filter(Column::FeedPosition.is_null()).limit(1).one(&app.db.read).await?;
        if waiting.is_none() {
            break;
        }
        let transaction = app.db.begin_write().await?;
        Turn::Sequencing.take(&transaction).await?;
        transaction.execute_unprepared(&place_statement()).await?;
        transaction.commit().await?;
    }
    let newest = newest_position(&app.db.read).await?;
    app.feed.send_if_modified(|position| {
        let grew = newest > *position;
        *position = newest.max(*position);
        grew
    });
    Ok(())
}

/// Events of one order keep their sequence; between orders the order of a batch is that of time.
fn place_statement() -> String {
    format!(
        "update event set feed_position = placed.position from (\
         select id, (select coalesce(max(feed_position), 0) from event) \
         + row_number() over (order by occurred_at, order_id, sequence) as position \
         from event where feed_position is null order by occurred_at, order_id, sequence limit {BATCH}) as placed \
         where event.id = placed.id"
    )
}

pub async fn newest_position<C: ConnectionTrait>(db: &C) -> Result<i64> {
    let newest = Entity::find()
        .filter(Column::FeedPosition.is_not_null())
        .order_by_desc(Column::FeedPosition)
        .limit(1)
        .one(db)
        .await?;
    Ok(newest.and_then(|event| event.feed_position).unwrap_or(0))
}

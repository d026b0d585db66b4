//! Events: the timeline of each order, gapless.
//!
//! An event is appended in the transaction that made it happen. Its position in the feed of all orders is given afterwards
//! ([`crate::event_feed`]).

use entity::event::{ActiveModel, Entity};
use entity::{EventId, OrderId, Time};
use sea_orm::{ActiveValue::Set, ConnectionTrait, EntityTrait};

use crate::delivery::{self, Due};
use crate::error::{Error, Result};
use escrow::{Actor, Event};
use ground::clock::Clock;

/// An order's timeline as far as it goes.
#[derive(Clone, Copy, Debug)]
pub struct Timeline {
    pub order_id: OrderId,
    /// That of its newest event.
    pub sequence: i64,
}

/// Appends to an order's timeline, and puts it on its way to the storefront's endpoints. Returns
/// the newest event's sequence.
pub async fn append<C: ConnectionTrait>(
    db: &C,
    clock: &Clock,
    timeline: Timeline,
    actor: Actor,
    at: Time,
    events: &[Event],
) -> Result<i64> {
    if events.is_empty() {
        return Ok(timeline.sequence);
    }
    let mut rows = Vec::with_capacity(events.len());
    let mut due = Vec::with_capacity(events.len());
    let mut newest = timeline.sequence;
    for event in events {
        newest += 1;
        let id = EventId(clock.new_id());
        due.push(Due { event_id: id, kind: event.kind(), sequence: newest });
        rows.push(ActiveModel {
            id: Set(id),
            order_id: Set(timeline.order_id),
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
    delivery::enqueue(db, clock, timeline.order_id, at, &due).await?;
    Ok(newest)
}

fn data(event: &Event) -> Result<serde_json::Value> {
    let value = serde_json::to_value(event).map_err(|error| Error::internal(error.to_string()))?;
    Ok(if value.is_object() { value } else { serde_json::json!({}) })
}

//! Timelines: without a gap, forwards, and an order's status is what they made of it.

use std::collections::BTreeMap;

use entity::{OrderId, OrderStatus, event, order};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryOrder, QuerySelect, Statement};

use crate::error::Result;
use escrow::{StatusAfter, status_after};

/// A timeline has no gap: its events are 1 to `event_sequence`; and it runs forwards.
pub(super) async fn timelines<C: ConnectionTrait>(db: &C, orders: &[order::Model]) -> Result<Vec<String>> {
    let counted: Vec<(OrderId, i64, i64)> = event::Entity::find()
        .select_only()
        .column(event::Column::OrderId)
        .column_as(event::Column::Sequence.count(), "events")
        .column_as(event::Column::Sequence.max(), "newest")
        .group_by(event::Column::OrderId)
        .into_tuple()
        .all(db)
        .await?;
    let counted: BTreeMap<_, _> = counted.into_iter().map(|(id, events, newest)| (id, (events, newest))).collect();
    let mut differences = Vec::new();
    for row in orders {
        let (events, newest) = counted.get(&row.id).copied().unwrap_or((0, 0));
        if events != row.event_sequence || newest != row.event_sequence {
            let (name, written) = (&row.number, row.event_sequence);
            differences.push(format!("{name} timeline: written {written} events, found {events}, newest {newest}"));
        }
    }
    differences.extend(backwards(db).await?);
    Ok(differences)
}

/// A timeline doesn't run backwards: no event happened before the one it follows.
async fn backwards<C: ConnectionTrait>(db: &C) -> Result<Vec<String>> {
    let sql = "select later.order_id, later.sequence from event as later \
               join event as earlier on earlier.order_id = later.order_id and earlier.sequence = later.sequence - 1 \
               where later.occurred_at < earlier.occurred_at";
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
    let mut differences = Vec::with_capacity(rows.len());
    for row in rows {
        let (id, sequence): (OrderId, i64) = (row.try_get("", "order_id")?, row.try_get("", "sequence")?);
        differences.push(format!("{id} timeline: event {sequence} happened before the one it follows"));
    }
    Ok(differences)
}

/// An order's status is what its events made of it, and so is whether it is frozen.
pub(super) async fn histories<C: ConnectionTrait>(db: &C, orders: &[order::Model]) -> Result<Vec<String>> {
    let mut derived: BTreeMap<OrderId, (Option<OrderStatus>, bool)> = BTreeMap::new();
    let mut query = event::Entity::find().select_only().column(event::Column::OrderId);
    query = query.column(event::Column::Kind).column(event::Column::Data).order_by_asc(event::Column::Sequence);
    let events: Vec<(OrderId, String, serde_json::Value)> = query.into_tuple().all(db).await?;
    for (order_id, kind, data) in events {
        let (status, frozen) = derived.entry(order_id).or_default();
        match status_after(&kind) {
            StatusAfter::Is(next) => *status = Some(next),
            StatusAfter::AsStated => *status = serde_json::from_value(data["status"].clone()).ok(),
            StatusAfter::Same => {}
            StatusAfter::Freezes => *frozen = true,
            StatusAfter::Thaws => *frozen = false,
        }
    }
    let mut differences = Vec::new();
    for row in orders {
        let (status, frozen) = derived.get(&row.id).copied().unwrap_or_default();
        if status != Some(row.status) {
            let derived = status.map_or_else(|| "none".to_owned(), OrderStatus::name);
            differences.push(format!("{} status: written {}, derived from events {derived}", row.number, row.status));
        }
        if frozen != row.is_frozen() {
            let written = row.is_frozen();
            differences.push(format!("{} frozen: written {written}, derived from events {frozen}", row.number));
        }
    }
    Ok(differences)
}

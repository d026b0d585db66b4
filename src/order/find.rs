//! Finders. All of them take the viewer: what isn't the viewer's doesn't exist.

use entity::order::{Column, Entity, Model};
use entity::{OrderId, OrderStatus, PaymentId, SupplierId, Time, contract, event, payment, transfer};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde::{Deserialize, Serialize};

use super::number::numbers_in;
use crate::auth::Viewer;
use crate::error::{Error, Result};
use crate::page::Page;
use crate::visibility;

pub async fn find_order<C: ConnectionTrait>(db: &C, viewer: &Viewer, id: OrderId) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(id).filter(visibility::orders(viewer)).one(db).await?)
}

/// Which version an order has now.
pub async fn find_version<C: ConnectionTrait>(db: &C, id: OrderId) -> Result<i64> {
    let found = Entity::find_by_id(id).one(db).await?;
    Ok(found.ok_or_else(|| Error::internal(format!("{id} is gone")))?.version)
}

pub async fn require_order<C: ConnectionTrait>(db: &C, viewer: &Viewer, id: OrderId) -> Result<Model> {
    find_order(db, viewer, id).await?.ok_or_else(|| Error::not_found("order"))
}

#[derive(Clone, Debug, Default)]
pub struct OrderFilter {
    pub statuses: Vec<OrderStatus>,
    pub number: Option<String>,
    pub client_reference: Option<String>,
    pub supplier_id: Option<SupplierId>,
    pub created_from: Option<Time>,
    pub created_before: Option<Time>,
}

/// The orders whose numbers stand in a text.
pub async fn find_numbered<C: ConnectionTrait>(db: &C, viewer: &Viewer, text: &str) -> Result<Vec<OrderId>> {
    let numbers = numbers_in(text);
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    let named = Entity::find().filter(visibility::orders(viewer)).filter(Column::Number.is_in(numbers));
    let rows = named.order_by_asc(Column::Id).all(db).await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// Newest first.
pub async fn find_orders<C: ConnectionTrait>(
    db: &C,
    viewer: &Viewer,
    filter: &OrderFilter,
    page: &Page<OrderId>,
) -> Result<Vec<Model>> {
    let mut query = Entity::find().filter(visibility::orders(viewer)).order_by_desc(Column::Id).limit(page.fetch());
    if !filter.statuses.is_empty() {
        query = query.filter(Column::Status.is_in(filter.statuses.iter().copied()));
    }
    if let Some(number) = &filter.number {
        query = query.filter(Column::Number.eq(number.trim().to_uppercase()));
    }
    if let Some(reference) = &filter.client_reference {
        if matches!(viewer, Viewer::Supplier { .. }) {
            // The storefront's own, and not the supplier's to guess at.
            return Ok(Vec::new());
        }
        query = query.filter(Column::ClientReference.eq(reference.as_str()));
    }
    if let Some(supplier_id) = filter.supplier_id {
        query = query.filter(Column::SupplierId.eq(supplier_id));
    }
    if let Some(from) = filter.created_from {
        query = query.filter(Column::CreatedAt.gte(from));
    }
    if let Some(before) = filter.created_before {
        query = query.filter(Column::CreatedAt.lt(before));
    }
    if let Some(after) = page.after {
        query = query.filter(Column::Id.lt(after));
    }
    Ok(query.all(db).await?)
}

/// Those of these orders that exist for the viewer.
pub async fn find_orders_by_id<C: ConnectionTrait>(db: &C, viewer: &Viewer, ids: &[OrderId]) -> Result<Vec<Model>> {
    Ok(Entity::find().filter(Column::Id.is_in(ids.iter().copied())).filter(visibility::orders(viewer)).all(db).await?)
}

/// Those of these payments whose orders exist for the viewer.
pub async fn find_payments_by_id<C: ConnectionTrait>(
    db: &C,
    viewer: &Viewer,
    ids: &[PaymentId],
) -> Result<Vec<payment::Model>> {
    Ok(payment::Entity::find()
        .filter(payment::Column::Id.is_in(ids.iter().copied()))
        .filter(visibility::of_orders(viewer, payment::Column::OrderId))
        .all(db)
        .await?)
}

/// All versions of the contracts of these orders, oldest first; the caller has found the orders for the viewer.
pub async fn find_contracts<C: ConnectionTrait>(db: &C, orders: &[OrderId]) -> Result<Vec<contract::Model>> {
    Ok(contract::Entity::find()
        .filter(contract::Column::OrderId.is_in(orders.iter().copied()))
        .order_by_asc(contract::Column::Version)
        .all(db)
        .await?)
}

/// Of each of these orders the versions of its contract after `after`, oldest first, at most `limit`: versions have no gaps.
/// The caller has found the orders for the viewer.
pub async fn versions_of<C: ConnectionTrait>(
    db: &C,
    orders: &[OrderId],
    after: i32,
    limit: u64,
) -> Result<Vec<contract::Model>> {
    let last = after.saturating_add(i32::try_from(limit).unwrap_or(i32::MAX));
    Ok(contract::Entity::find()
        .filter(contract::Column::OrderId.is_in(orders.iter().copied()))
        .filter(contract::Column::Version.gt(after))
        .filter(contract::Column::Version.lte(last))
        .order_by_asc(contract::Column::Version)
        .all(db)
        .await?)
}

/// Of each of these orders' timelines the events after `after`, oldest first, at most `limit`: a timeline has no gaps, so
/// these are the next numbers. The caller has found the orders for the viewer.
pub async fn events_of<C: ConnectionTrait>(
    db: &C,
    orders: &[OrderId],
    after: i64,
    limit: u64,
) -> Result<Vec<event::Model>> {
    let last = after.saturating_add(i64::try_from(limit).unwrap_or(i64::MAX));
    Ok(event::Entity::find()
        .filter(event::Column::OrderId.is_in(orders.iter().copied()))
        .filter(event::Column::Sequence.gt(after))
        .filter(event::Column::Sequence.lte(last))
        .order_by_asc(event::Column::Sequence)
        .all(db)
        .await?)
}

/// A place in the feed of all orders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedKey {
    pub feed: i64,
}

/// A place in the timeline of one order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimelineKey {
    pub sequence: i64,
}

/// A part of the feed.
#[derive(Clone, Copy, Debug)]
pub struct FeedPart {
    /// Only this order's events.
    pub order_id: Option<OrderId>,
    pub after: i64,
    /// The last place that is wanted.
    pub until: Option<i64>,
    pub limit: u64,
}

/// The feed: events of all the viewer's orders (or of one), in commit order, after a place.
pub async fn feed<C: ConnectionTrait>(db: &C, viewer: &Viewer, part: FeedPart) -> Result<Vec<event::Model>> {
    use event::Column as Event;
    let mut query = event::Entity::find()
        .filter(Event::FeedPosition.gt(part.after))
        .order_by_asc(Event::FeedPosition)
        .limit(part.limit);
    if let Some(until) = part.until {
        query = query.filter(Event::FeedPosition.lte(until));
    }
    if let Some(id) = part.order_id {
        require_order(db, viewer, id).await?;
        return Ok(query.filter(Event::OrderId.eq(id)).all(db).await?);
    }
    Ok(query.filter(visibility::events(viewer)).all(db).await?)
}

/// The transfers of one order, or of all: for operators.
pub async fn transfers_of<C: ConnectionTrait>(
    db: &C,
    viewer: &Viewer,
    order_id: Option<OrderId>,
    page: &Page<entity::TransferId>,
) -> Result<Vec<transfer::Model>> {
    viewer.require_operator()?;
    let mut query = transfer::Entity::find().order_by_asc(transfer::Column::Id).limit(page.fetch());
    if let Some(id) = order_id {
        query = query.filter(transfer::Column::OrderId.eq(id));
    }
    if let Some(after) = page.after {
        query = query.filter(transfer::Column::Id.gt(after));
    }
    Ok(query.all(db).await?)
}

//! Finders. A storefront sees its own endpoints and deliveries, an operator all; for others there are none.

use std::collections::HashMap;

use entity::webhook_delivery::{self, Column, DeliveryStatus, Entity};
use entity::{EventId, OrderId, Time, WebhookDeliveryId, WebhookEndpointId, webhook_attempt, webhook_endpoint};
use sea_orm::sea_query::{Alias, Query, UnionType};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, Order, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait,
};

use crate::auth::Viewer;
use crate::error::Result;
use crate::page::Page;
use crate::visibility::{webhook_deliveries, webhook_endpoints};

/// Which deliveries. Times are of their making: from the first, before the second.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct DeliveryFilter {
    /// As seen from outside: WAITING and PENDING are one.
    pub status: Option<DeliveryStatus>,
    pub event_id: Option<EventId>,
    pub order_id: Option<OrderId>,
    pub from: Option<Time>,
    pub before: Option<Time>,
}

impl DeliveryFilter {
    fn condition(&self) -> Condition {
        let status = self.status.map(|status| match status {
            DeliveryStatus::Waiting | DeliveryStatus::Pending => Column::Status.is_in(DeliveryStatus::OPEN),
            DeliveryStatus::Succeeded | DeliveryStatus::Failed | DeliveryStatus::Discarded => Column::Status.eq(status),
        });
        Condition::all()
            .add_option(status)
            .add_option(self.event_id.map(|id| Column::EventId.eq(id)))
            .add_option(self.order_id.map(|id| Column::OrderId.eq(id)))
            .add_option(self.from.map(|from| Column::CreatedAt.gte(from)))
            .add_option(self.before.map(|before| Column::CreatedAt.lt(before)))
    }
}

/// A part of the deliveries of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DeliveryPart {
    pub filter: DeliveryFilter,
    pub after: Option<WebhookDeliveryId>,
    pub limit: u64,
}

/// Who has none is refused a list of them; a single one just isn't there.
fn require_subscriber(viewer: &Viewer) -> Result<()> {
    match viewer {
        Viewer::Storefront { .. } | Viewer::Operator { .. } => Ok(()),
        Viewer::Anonymous | Viewer::Buyer { .. } | Viewer::Supplier { .. } => {
            Err(viewer.refuse("a storefront or an operator"))
        }
    }
}

pub async fn find_endpoint<C: ConnectionTrait>(
    db: &C,
    viewer: &Viewer,
    id: WebhookEndpointId,
) -> Result<Option<webhook_endpoint::Model>> {
    let found = webhook_endpoint::Entity::find_by_id(id).filter(webhook_endpoints(viewer));
    Ok(found.filter(webhook_endpoint::Column::DeletedAt.is_null()).one(db).await?)
}

/// Those of these endpoints that exist for the viewer.
pub async fn find_endpoints_by_id<C: ConnectionTrait>(
    db: &C,
    viewer: &Viewer,
    ids: &[WebhookEndpointId],
) -> Result<Vec<webhook_endpoint::Model>> {
    let found = webhook_endpoint::Entity::find().filter(webhook_endpoint::Column::Id.is_in(ids.iter().copied()));
    Ok(found.filter(webhook_endpoints(viewer)).filter(webhook_endpoint::Column::DeletedAt.is_null()).all(db).await?)
}

/// Those of these deliveries that exist for the viewer.
pub async fn find_deliveries_by_id<C: ConnectionTrait>(
    db: &C,
    viewer: &Viewer,
    ids: &[WebhookDeliveryId],
) -> Result<Vec<webhook_delivery::Model>> {
    Ok(Entity::find().filter(Column::Id.is_in(ids.iter().copied())).filter(webhook_deliveries(viewer)).all(db).await?)
}

/// Oldest first, without those that are deleted.
pub async fn find_endpoints<C: ConnectionTrait>(
    db: &C,
    viewer: &Viewer,
    page: &Page<WebhookEndpointId>,
) -> Result<Vec<webhook_endpoint::Model>> {
    require_subscriber(viewer)?;
    let mut query = webhook_endpoint::Entity::find()
        .filter(webhook_endpoints(viewer))
        .filter(webhook_endpoint::Column::DeletedAt.is_null())
        .order_by_asc(webhook_endpoint::Column::Id)
        .limit(page.fetch());
    if let Some(after) = page.after {
        query = query.filter(webhook_endpoint::Column::Id.gt(after));
    }
    Ok(query.all(db).await?)
}

/// Newest first; also those of endpoints that are deleted.
pub async fn find_deliveries<C: ConnectionTrait>(
    db: &C,
    viewer: &Viewer,
    endpoint_id: Option<WebhookEndpointId>,
    filter: &DeliveryFilter,
    page: &Page<WebhookDeliveryId>,
) -> Result<Vec<webhook_delivery::Model>> {
    require_subscriber(viewer)?;
    let mut query = Entity::find().filter(webhook_deliveries(viewer)).filter(filter.condition());
    if let Some(endpoint_id) = endpoint_id {
        query = query.filter(Column::EndpointId.eq(endpoint_id));
    }
    if let Some(after) = page.after {
        query = query.filter(Column::Id.lt(after));
    }
    Ok(query.order_by_desc(Column::Id).limit(page.fetch()).all(db).await?)
}

/// Of each of these endpoints the part of its deliveries, newest first, with one statement that reads no more than is
/// shown. The caller has found the endpoints for the viewer.
pub async fn deliveries_of<C: ConnectionTrait>(
    db: &C,
    endpoints: &[WebhookEndpointId],
    part: &DeliveryPart,
) -> Result<Vec<webhook_delivery::Model>> {
    let mut all: Option<sea_orm::sea_query::SelectStatement> = None;
    for endpoint_id in endpoints {
        let mut of = Entity::find().filter(Column::EndpointId.eq(*endpoint_id)).filter(part.filter.condition());
        if let Some(after) = part.after {
            of = of.filter(Column::Id.lt(after));
        }
        let of = of.order_by(Column::Id, Order::Desc).limit(part.limit).into_query();
        // A part with an order and a limit of its own must be a table of its own.
        let of =
            Query::select().expr(sea_orm::sea_query::Expr::cust("*")).from_subquery(of, Alias::new("part")).to_owned();
        match &mut all {
            None => all = Some(of),
            Some(all) => drop(all.union(UnionType::All, of)),
        }
    }
    let Some(all) = all else { return Ok(Vec::new()) };
    let rows = db.query_all(&all).await?;
    let mut rows: Vec<webhook_delivery::Model> =
        rows.iter().map(|row| webhook_delivery::Model::from_query_result(row, "")).collect::<Result<_, _>>()?;
    rows.sort_unstable_by_key(|row| std::cmp::Reverse(row.id));
    Ok(rows)
}

/// The attempts of these deliveries, the first one first; the caller has found the deliveries for the viewer.
pub async fn attempts_of<C: ConnectionTrait>(
    db: &C,
    deliveries: &[WebhookDeliveryId],
) -> Result<HashMap<WebhookDeliveryId, Vec<webhook_attempt::Model>>> {
    let rows = webhook_attempt::Entity::find()
        .filter(webhook_attempt::Column::DeliveryId.is_in(deliveries.iter().copied()))
        .order_by_asc(webhook_attempt::Column::Number)
        .all(db)
        .await?;
    let mut attempts: HashMap<WebhookDeliveryId, Vec<webhook_attempt::Model>> = HashMap::new();
    for row in rows {
        attempts.entry(row.delivery_id).or_default().push(row);
    }
    Ok(attempts)
}

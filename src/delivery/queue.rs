//! What is on its way: queued with the event, one at a time per order and endpoint.

use entity::webhook_delivery::{ActiveModel, Column, DeliveryStatus, Entity, Model};
use entity::webhook_endpoint::{self, EndpointStatus};
use entity::{EventId, OrderId, StorefrontId, Time, WebhookDeliveryId, WebhookEndpointId, order};
use sea_orm::sea_query::{Alias, CaseStatement, Expr, ExprTrait, Query};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect,
};

use crate::error::Result;
use ground::clock::Clock;

/// An event that has just happened.
#[derive(Clone, Copy, Debug)]
pub struct Due {
    pub event_id: EventId,
    pub kind: &'static str,
    pub sequence: i64,
}

/// Queues new events of an order, which happened at `at`, for the endpoints of its storefront. `db` is the transaction
/// that made the events and holds the order's row; it then holds the endpoints' too: none is disabled before these are
/// there to be discarded, and none is enabled before these can be replayed. So those that are disabled are held as
/// well.
pub async fn enqueue<C: ConnectionTrait>(
    db: &C,
    clock: &Clock,
    order_id: OrderId,
    at: Time,
    events: &[Due],
) -> Result<()> {
    use webhook_endpoint::Column as Endpoint;
    let storefront = Query::select()
        .column(order::Column::StorefrontId)
        .from(order::Entity)
        .and_where(order::Column::Id.eq(order_id))
        .to_owned();
    let endpoints = webhook_endpoint::Entity::find()
        .filter(Endpoint::StorefrontId.in_subquery(storefront))
        .filter(Endpoint::DeletedAt.is_null())
        .order_by_asc(Endpoint::Id)
        .lock_shared()
        .all(db)
        .await?;
    let now = clock.now();
    let mut rows = Vec::new();
    for endpoint in &endpoints {
        for due in events.iter().filter(|due| endpoint.event_types.includes(due.kind)) {
            let position = TimelinePosition { order_id, sequence: due.sequence };
            let row = new_row(clock, endpoint, due.event_id, due.kind.to_owned(), Some(position), now);
            match endpoint.status {
                EndpointStatus::Enabled => rows.push(row),
                // A deadline that is passed late happens when it was due. It may seem to have been sent before.
                EndpointStatus::Disabled if endpoint.disabled_at.is_some_and(|disabled_at| at < disabled_at) => {
                    rows.push(discarded(row, now));
                }
                EndpointStatus::Disabled => {}
            }
        }
    }
    if rows.is_empty() {
        return Ok(());
    }
    insert(db, rows).await?;
    arrange(db, &endpoints.iter().map(|endpoint| endpoint.id).collect::<Vec<_>>(), &[order_id]).await
}

/// Where an event stands in the timeline of its order.
pub(super) struct TimelinePosition {
    pub(super) order_id: OrderId,
    pub(super) sequence: i64,
}

/// A delivery as it begins. Without a position in an order's timeline it is a test.
pub(super) fn new_row(
    clock: &Clock,
    endpoint: &webhook_endpoint::Model,
    event_id: EventId,
    kind: String,
    position: Option<TimelinePosition>,
    now: Time,
) -> Model {
    Model {
        id: WebhookDeliveryId(clock.new_id()),
        endpoint_id: endpoint.id,
        storefront_id: endpoint.storefront_id,
        event_id,
        kind,
        order_id: position.as_ref().map(|position| position.order_id),
        sequence: position.as_ref().map_or(0, |position| position.sequence),
        // Whose turn it is, `arrange` says.
        status: if position.is_some() { DeliveryStatus::Waiting } else { DeliveryStatus::Pending },
        attempts: 0,
        next_attempt_at: Some(now),
        leased_until: None,
        replay: false,
        test: position.is_none(),
        created_at: now,
        completed_at: None,
    }
}

fn discarded(row: Model, now: Time) -> Model {
    Model { status: DeliveryStatus::Discarded, next_attempt_at: None, completed_at: Some(now), ..row }
}

pub(super) async fn insert<C: ConnectionTrait>(db: &C, rows: Vec<Model>) -> Result<()> {
    // 15 columns each; a statement of PostgreSQL's has at most 65,535 parameters, of SQLite's 32,766.
    for rows in rows.chunks(1_000) {
        let rows =
            rows.iter().cloned().map(IntoActiveModel::<ActiveModel>::into_active_model).map(ActiveModel::reset_all);
        Entity::insert_many(rows).exec_without_returning(db).await?;
    }
    Ok(())
}

/// Of the open deliveries of each of these orders to each of these endpoints the earliest is PENDING, the others
/// WAITING. The transaction holds the orders' rows, so no other one of them is being added or finished.
pub(super) async fn arrange<C: ConnectionTrait>(
    db: &C,
    endpoints: &[WebhookEndpointId],
    orders: &[OrderId],
) -> Result<()> {
    let name = Alias::new("earlier");
    let of = |column: Column| Expr::col((name.clone(), column));
    let own = |column: Column| Expr::col((Entity, column));
    let before = of(Column::Sequence)
        .lt(own(Column::Sequence))
        .or(of(Column::Sequence).eq(own(Column::Sequence)).and(of(Column::Id).lt(own(Column::Id))));
    let earlier = Query::select()
        .expr(Expr::val(1))
        .from_as(Entity, name.clone())
        .and_where(of(Column::OrderId).eq(own(Column::OrderId)))
        .and_where(of(Column::EndpointId).eq(own(Column::EndpointId)))
        .and_where(of(Column::Status).is_in(DeliveryStatus::OPEN))
        .and_where(before)
        .to_owned();
    let status =
        CaseStatement::new().case(Expr::exists(earlier), DeliveryStatus::Waiting).finally(DeliveryStatus::Pending);
    Entity::update_many()
        .col_expr(Column::Status, status.into())
        .filter(Column::EndpointId.is_in(endpoints.iter().copied()))
        .filter(Column::OrderId.is_in(orders.iter().copied()))
        .filter(Column::Status.is_in(DeliveryStatus::OPEN))
        .exec(db)
        .await?;
    Ok(())
}

/// What was on its way to an endpoint that gets no more events. An attempt that is being made goes on.
pub(super) async fn discard<C: ConnectionTrait>(db: &C, endpoint_id: WebhookEndpointId, now: Time) -> Result<()> {
    let row = ActiveModel {
        status: Set(DeliveryStatus::Discarded),
        next_attempt_at: Set(None),
        completed_at: Set(Some(now)),
        ..Default::default()
    };
    Entity::update_many()
        .set(row)
        .filter(Column::EndpointId.eq(endpoint_id))
        .filter(Column::Status.is_in(DeliveryStatus::OPEN))
        .exec(db)
        .await?;
    Ok(())
}

/// For whoever adds or finishes deliveries of these orders; in the order of the ids, so that two don't wait for each
/// other.
pub(super) async fn lock_orders<C: ConnectionTrait>(
    db: &C,
    storefront_id: StorefrontId,
    orders: &[OrderId],
) -> Result<()> {
    let locked: Vec<OrderId> = order::Entity::find()
        .select_only()
        .column(order::Column::Id)
        .filter(order::Column::Id.is_in(orders.iter().copied()))
        .filter(order::Column::StorefrontId.eq(storefront_id))
        .order_by_asc(order::Column::Id)
        .lock_exclusive()
        .into_tuple()
        .all(db)
        .await?;
    debug_assert_eq!(locked.len(), orders.len());
    Ok(())
}

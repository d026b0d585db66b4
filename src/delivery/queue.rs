//! What is on its way: queued with the event, taken by lease, one at a time per order and endpoint, and forgotten after 90 days.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use entity::webhook_delivery::{ActiveModel, Column, DeliveryStatus, Entity, Model};
use entity::webhook_endpoint::{self, EndpointStatus};
use entity::{EventId, OrderId, StorefrontId, Time, WebhookDeliveryId, WebhookEndpointId, order, webhook_attempt};
use futures_util::future::BoxFuture;
use sea_orm::sea_query::{
    Alias, CaseStatement, Expr, ExprTrait, LockBehavior, LockType, Order, Query, SelectStatement,
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel,
    QueryFilter, QueryOrder, QuerySelect,
};

use crate::app::App;
use crate::db::Db;
use crate::error::Result;
use ground::clock::Clock;

/// Deliveries to one endpoint that one node has in hand at once, at most.
pub const PER_ENDPOINT: usize = 4;
const KEPT: TimeDelta = TimeDelta::days(90);
/// Endpoints that are looked at, or rows that are deleted, in one transaction.
const BATCH: u64 = 200;

/// An event that has just happened.
#[derive(Clone, Copy, Debug)]
pub struct Due {
    pub event_id: EventId,
    pub kind: &'static str,
    pub sequence: i64,
}

/// Queues new events of an order, which happened at `at`, for the endpoints of its storefront. `db` is the transaction that
/// made the events and holds the order's row; it then holds the endpoints' too: none is disabled before these are there to be
/// discarded, and none is enabled before these can be replayed. So those that are disabled are held as well.
pub async fn enqueue<C: ConnectionTrait>(
    db: &C,
    clock: &Clock,
    (order_id, at): (OrderId, Time),
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
            let subject = (due.event_id, due.kind.to_owned(), Some((order_id, due.sequence)));
            let row = new_row(clock, endpoint, subject, now);
            match endpoint.status {
                EndpointStatus::Enabled => rows.push(row),
                // A deadline that is passed late happens when it was due. It may seem to have been told before.
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

/// A delivery as it begins. Without an order and a sequence it is a test.
pub(super) fn new_row(
    clock: &Clock,
    endpoint: &webhook_endpoint::Model,
    (event_id, kind, place): (EventId, String, Option<(OrderId, i64)>),
    now: Time,
) -> Model {
    Model {
        id: WebhookDeliveryId(clock.new_id()),
        endpoint_id: endpoint.id,
        storefront_id: endpoint.storefront_id,
        event_id,
        kind,
        order_id: place.map(|(order_id, _sequence)| order_id),
        sequence: place.map_or(0, |(_order_id, sequence)| sequence),
        // Whose turn it is, `arrange` says.
        status: if place.is_some() { DeliveryStatus::Waiting } else { DeliveryStatus::Pending },
        attempts: 0,
        next_attempt_at: Some(now),
        leased_until: None,
        replay: false,
        test: place.is_none(),
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

/// Of the open deliveries of each of these orders to each of these endpoints the earliest is PENDING, the others WAITING.
/// The transaction holds the orders' rows, so no other one of them is being added or finished.
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

/// What was on its way to an endpoint that is no more told of anything. An attempt that is being made goes on.
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

/// A delivery that this node holds a lease on.
#[derive(Clone, Debug)]
pub struct Claimed {
    pub row: Model,
}

fn is_due(now: Time, wall: Time) -> Condition {
    Condition::all()
        .add(Column::Status.eq(DeliveryStatus::Pending))
        .add(Column::NextAttemptAt.lte(now))
        .add(Column::LeasedUntil.is_null().or(Column::LeasedUntil.lte(wall)))
}

fn enabled() -> SelectStatement {
    use webhook_endpoint::{Column, Entity};
    Query::select().column(Column::Id).from(Entity).and_where(Column::Status.eq(EndpointStatus::Enabled)).to_owned()
}

/// Takes what is due, at most `places` in all and `per_endpoint` of each endpoint with those of `in_hand`: one probe of an
/// index per endpoint, however much waits for it. `after` is the endpoint that was served last, so that each gets its turn.
pub fn claim<'a>(
    app: &'a App,
    in_hand: &'a BTreeMap<WebhookEndpointId, usize>,
    after: Option<WebhookEndpointId>,
    (places, per_endpoint): (usize, usize),
) -> BoxFuture<'a, Result<Vec<Claimed>>> {
    Box::pin(async move {
        let (now, wall) = (app.clock.now(), app.clock.wall());
        let busy = in_hand.iter().filter(|(_id, count)| **count >= per_endpoint).map(|(id, _count)| *id);
        let something = Query::select()
            .expr(Expr::val(1))
            .from(Entity)
            .and_where(
                Expr::col((Entity, Column::EndpointId))
                    .equals((webhook_endpoint::Entity, webhook_endpoint::Column::Id)),
            )
            .cond_where(is_due(now, wall))
            .to_owned();
        // A look by a reader first: an idle loop takes no write lock.
        let mut endpoints: Vec<WebhookEndpointId> = webhook_endpoint::Entity::find()
            .select_only()
            .column(webhook_endpoint::Column::Id)
            .filter(webhook_endpoint::Column::Status.eq(EndpointStatus::Enabled))
            .filter(webhook_endpoint::Column::Id.is_not_in(busy))
            .filter(Expr::exists(something))
            .order_by_asc(webhook_endpoint::Column::Id)
            .into_tuple()
            .all(&app.db.read)
            .await?;
        if endpoints.is_empty() || places == 0 {
            return Ok(Vec::new());
        }
        let next = endpoints.partition_point(|id| after.is_some_and(|after| *id <= after));
        endpoints.rotate_left(next);
        endpoints.truncate(usize::try_from(BATCH).unwrap_or(usize::MAX));

        let lease = TimeDelta::seconds(i64::from(app.settings.job_lease_seconds));
        let mut taken = Vec::new();
        let transaction = app.db.begin_write().await?;
        for endpoint_id in endpoints {
            let free = per_endpoint.saturating_sub(in_hand.get(&endpoint_id).copied().unwrap_or(0));
            let free = free.min(places.saturating_sub(taken.len()));
            if free == 0 {
                break;
            }
            let due = Query::select()
                .column(Column::Id)
                .from(Entity)
                .and_where(Column::EndpointId.eq(endpoint_id))
                .cond_where(is_due(now, wall))
                .order_by(Column::NextAttemptAt, Order::Asc)
                .order_by(Column::Id, Order::Asc)
                .limit(u64::try_from(free).unwrap_or(1))
                .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
                .to_owned();
            let mut rows = Entity::update_many()
                .col_expr(Column::LeasedUntil, Expr::value(wall + lease))
                .filter(Column::Id.in_subquery(due))
                .exec_with_returning(&transaction)
                .await?;
            rows.sort_by_key(|row| (row.next_attempt_at, row.id));
            taken.extend(rows.into_iter().map(|row| Claimed { row }));
        }
        transaction.commit().await?;
        Ok(taken)
    })
}

/// The next moment after `after` at which something is tried.
pub async fn next_run<C: ConnectionTrait>(db: &C, after: Time) -> Result<Option<Time>> {
    let next = Entity::find().select_only().column(Column::NextAttemptAt).filter(Column::NextAttemptAt.gt(after));
    let next =
        next.filter(Column::EndpointId.in_subquery(enabled())).filter(Column::Status.eq(DeliveryStatus::Pending));
    Ok(next.order_by_asc(Column::NextAttemptAt).limit(1).into_tuple().one(db).await?)
}

/// True if something is due that is not finished: nobody has taken it yet, or somebody is sending it.
pub async fn is_any_due<C: ConnectionTrait>(db: &C, now: Time) -> Result<bool> {
    let due = Entity::find().filter(Column::EndpointId.in_subquery(enabled()));
    let due = due.filter(Column::Status.eq(DeliveryStatus::Pending)).filter(Column::NextAttemptAt.lte(now));
    Ok(due.limit(1).one(db).await?.is_some())
}

/// On SQLite only one process serves the file, so leases that it finds at its start are those of a process that died.
pub async fn release_all_leases(db: &Db) -> Result<()> {
    let transaction = db.begin_write().await?;
    Entity::update_many()
        .col_expr(Column::LeasedUntil, Expr::value(None::<Time>))
        .filter(Column::Status.is_in(DeliveryStatus::OPEN))
        .exec(&transaction)
        .await?;
    transaction.commit().await?;
    Ok(())
}

/// Forgets deliveries that were finished 90 days ago, their attempts, and deleted endpoints that none is left of.
pub fn prune<'a>(db: &'a Db, clock: &'a Clock) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        let long_ago = clock.now() - KEPT;
        loop {
            let transaction = db.begin_write().await?;
            let old: Vec<WebhookDeliveryId> = Entity::find()
                .select_only()
                .column(Column::Id)
                .filter(Column::CompletedAt.lt(long_ago))
                .order_by_asc(Column::CompletedAt)
                .limit(BATCH)
                .into_tuple()
                .all(&transaction)
                .await?;
            if old.is_empty() {
                break;
            }
            let attempts = webhook_attempt::Column::DeliveryId.is_in(old.iter().copied());
            webhook_attempt::Entity::delete_many().filter(attempts).exec(&transaction).await?;
            Entity::delete_many().filter(Column::Id.is_in(old)).exec(&transaction).await?;
            transaction.commit().await?;
        }
        let transaction = db.begin_write().await?;
        let kept = Query::select()
            .expr(Expr::val(1))
            .from(Entity)
            .and_where(
                Expr::col((Entity, Column::EndpointId))
                    .equals((webhook_endpoint::Entity, webhook_endpoint::Column::Id)),
            )
            .to_owned();
        webhook_endpoint::Entity::delete_many()
            .filter(webhook_endpoint::Column::DeletedAt.lt(long_ago))
            .filter(Expr::exists(kept).not())
            .exec(&transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    })
}

/// For whoever adds or finishes deliveries of these orders; in the order of the ids, so that two don't wait for each other.
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

//! What is due is taken by lease, with a bound for each endpoint, and forgotten after 90 days.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use entity::webhook_delivery::{Column, DeliveryStatus, Entity, Model};
use entity::webhook_endpoint::{self, EndpointStatus};
use entity::{Time, WebhookDeliveryId, WebhookEndpointId, webhook_attempt};
use futures_util::future::BoxFuture;
use sea_orm::sea_query::{Expr, ExprTrait, LockBehavior, LockType, Order, Query, SelectStatement};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::app::App;
use crate::db::Db;
use crate::error::Result;
use ground::clock::Clock;

/// Deliveries to one endpoint that one node has in hand at once, at most.
pub const PER_ENDPOINT: usize = 4;
const KEPT: TimeDelta = TimeDelta::days(90);
/// Endpoints that are looked at, or rows that are deleted, in one transaction.
const BATCH: u64 = 200;

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

/// Takes what is due, at most `slots` in all and `per_endpoint` of each endpoint with those of `in_hand`: one probe of
/// an index per endpoint, however much waits for it. `after` is the endpoint that was served last, so that each gets
/// its turn.
pub fn claim<'a>(
    app: &'a App,
    in_hand: &'a BTreeMap<WebhookEndpointId, usize>,
    after: Option<WebhookEndpointId>,
    slots: usize,
    per_endpoint: usize,
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
        if endpoints.is_empty() || slots == 0 {
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
            let free = free.min(slots.saturating_sub(taken.len()));
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

//! Events once more, and test events.

use entity::webhook_delivery::DeliveryStatus;
use entity::{EventId, OrderId, Time, WebhookEndpointId, event, order, webhook_delivery, webhook_endpoint};
use sea_orm::sea_query::{Query, SelectStatement, UnionType};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::endpoint::require_enabled;
use super::message::{TEST_TYPE, is_event_type};
use super::queue::{TimelinePosition, arrange, insert, lock_orders, new_row};
use crate::app::App;
use crate::auth::Viewer;
use crate::db;
use crate::error::{Error, ErrorCode, Result};
use crate::validate::Checks;

/// Events that one call replays.
const MOST_EVENTS: usize = 1_000;

/// Which events.
#[derive(Clone, Debug)]
pub enum Selection {
    /// Of any type.
    Ids(Vec<String>),
    /// That happened from the first time on and before the second, or were given up or discarded then, so that a range that
    /// begins when the endpoint was disabled has all that it was not told; of the types that the endpoint listens to.
    Range { from: Time, to: Time },
}

#[derive(Clone, Debug)]
pub struct Replayed {
    pub events: usize,
    /// The place in the feed of the last one.
    pub last: Option<i64>,
    pub has_more: bool,
}

struct Found {
    id: EventId,
    kind: String,
    position: TimelinePosition,
    feed_position: i64,
}

/// Queues events of the storefront's orders again for one endpoint, in the order in which they were committed; `after` is the
/// place in the feed that the call before came to.
pub async fn replay(
    app: &App,
    viewer: &Viewer,
    mut checks: Checks,
    id: WebhookEndpointId,
    selection: &Selection,
    after: i64,
) -> Result<Replayed> {
    let storefront_id = viewer.require_storefront()?;
    let ids = check(&mut checks, selection);
    checks.finish()?;
    // So that all that is committed has its place.
    crate::event_feed::sequence(app).await?;
    let replayed = db::retrying(|| async {
        let endpoint = require_enabled(&app.db.read, storefront_id, id).await?;
        let mut found = find(&app.db.read, &endpoint, selection, &ids, after).await?;
        let has_more = found.len() > MOST_EVENTS;
        found.truncate(MOST_EVENTS);
        let mut orders: Vec<OrderId> = found.iter().map(|event| event.position.order_id).collect();
        orders.sort_unstable();
        orders.dedup();

        let transaction = app.db.begin_write().await?;
        lock_orders(&transaction, storefront_id, &orders).await?;
        // Once more, and held.
        let endpoint = require_enabled(&transaction, storefront_id, id).await?;
        let now = app.clock.now();
        let (events, last) = (found.len(), found.last().map(|event| event.feed_position));
        let rows = found.into_iter().map(|event| webhook_delivery::Model {
            replay: true,
            ..new_row(&app.clock, &endpoint, event.id, event.kind, Some(event.position), now)
        });
        insert(&transaction, rows.collect()).await?;
        for orders in orders.chunks(500) {
            arrange(&transaction, &[endpoint.id], orders).await?;
        }
        transaction.commit().await?;
        Ok(Replayed { events, last, has_more })
    })
    .await?;
    app.wake_worker();
    Ok(replayed)
}

fn check(checks: &mut Checks, selection: &Selection) -> Vec<EventId> {
    checks.under("events", |checks| match selection {
        Selection::Ids(ids) if ids.is_empty() || ids.len() > MOST_EVENTS => {
            let message = format!("has {} ids; send 1 to {MOST_EVENTS}", ids.len());
            checks.problem("eventIds", ErrorCode::InvalidInput, message);
            Vec::new()
        }
        Selection::Ids(ids) => checks.under("eventIds", |checks| {
            let parsed = ids.iter().enumerate().filter_map(|(index, id)| checks.id(&index.to_string(), id));
            let mut parsed: Vec<EventId> = parsed.collect();
            parsed.sort_unstable();
            parsed.dedup();
            parsed
        }),
        Selection::Range { from, to } => {
            if from >= to {
                checks.under("range", |checks| {
                    checks.problem("to", ErrorCode::InvalidInput, "must be later than `from`");
                });
            }
            Vec::new()
        }
    })
}

/// One more than is replayed, to know whether there are more.
async fn find<C: ConnectionTrait>(
    db: &C,
    endpoint: &webhook_endpoint::Model,
    selection: &Selection,
    ids: &[EventId],
    after: i64,
) -> Result<Vec<Found>> {
    use event::Column;
    let own = Query::select()
        .column(order::Column::Id)
        .from(order::Entity)
        .and_where(order::Column::StorefrontId.eq(endpoint.storefront_id))
        .to_owned();
    let events = event::Entity::find().filter(Column::OrderId.in_subquery(own));
    let events = match selection {
        Selection::Ids(_texts) => {
            let events = events.filter(Column::Id.is_in(ids.iter().copied()));
            refuse_unknown(db, events.clone(), ids).await?;
            events
        }
        Selection::Range { from, to } => {
            let events = events.filter(Column::Id.in_subquery(of_time(endpoint.id, *from, *to)));
            let wanted = &endpoint.event_types.0;
            if wanted.is_empty() { events } else { events.filter(Column::Kind.is_in(wanted)) }
        }
    };
    type Row = (EventId, OrderId, String, i64, Option<i64>);
    let rows: Vec<Row> = events
        .filter(Column::FeedPosition.gt(after))
        .select_only()
        .columns([Column::Id, Column::OrderId, Column::Kind, Column::Sequence, Column::FeedPosition])
        .order_by_asc(Column::FeedPosition)
        .limit(u64::try_from(MOST_EVENTS + 1).unwrap_or(u64::MAX))
        .into_tuple()
        .all(db)
        .await?;
    let found = rows.into_iter().filter_map(|(id, order_id, kind, sequence, feed_position)| {
        let position = TimelinePosition { order_id, sequence };
        Some(Found { id, kind, position, feed_position: feed_position? })
    });
    Ok(found.collect())
}

/// What happened then, and what the endpoint was not told then.
fn of_time(endpoint_id: WebhookEndpointId, from: Time, to: Time) -> SelectStatement {
    use webhook_delivery::Column as Delivery;
    let not_told = Query::select()
        .column(Delivery::EventId)
        .from(webhook_delivery::Entity)
        .and_where(Delivery::EndpointId.eq(endpoint_id))
        .and_where(Delivery::Status.is_in([DeliveryStatus::Failed, DeliveryStatus::Discarded]))
        .and_where(Delivery::CompletedAt.gte(from))
        .and_where(Delivery::CompletedAt.lt(to))
        .to_owned();
    Query::select()
        .column(event::Column::Id)
        .from(event::Entity)
        .and_where(event::Column::OccurredAt.gte(from))
        .and_where(event::Column::OccurredAt.lt(to))
        .union(UnionType::Distinct, not_told)
        .to_owned()
}

/// All or nothing: an id that isn't the storefront's is a mistake.
async fn refuse_unknown<C: ConnectionTrait>(
    db: &C,
    events: sea_orm::Select<event::Entity>,
    ids: &[EventId],
) -> Result<()> {
    let known: Vec<EventId> = events.select_only().column(event::Column::Id).into_tuple().all(db).await?;
    let mut checks = Checks::input();
    for id in ids.iter().filter(|id| !known.contains(id)).take(20) {
        checks.under("events", |checks| {
            checks.problem("eventIds", ErrorCode::NotFound, format!("there is no such event: {id}"));
        });
    }
    checks.finish()
}

/// Sends an event that says of itself that it is a test.
pub async fn send_test(
    app: &App,
    viewer: &Viewer,
    mut checks: Checks,
    id: WebhookEndpointId,
    kind: Option<&str>,
) -> Result<webhook_delivery::Model> {
    let storefront_id = viewer.require_storefront()?;
    let kind = kind.unwrap_or(TEST_TYPE);
    if kind != TEST_TYPE && !is_event_type(kind) {
        let message = "is no type of event; docs/webhooks.md lists them. Leave it out for \"endpoint.test\"";
        checks.problem("type", ErrorCode::InvalidInput, message);
    }
    checks.finish()?;
    let row = db::retrying(|| async {
        let transaction = app.db.begin_write().await?;
        let endpoint = require_enabled(&transaction, storefront_id, id).await?;
        let event_id = EventId(app.clock.new_id());
        let row = new_row(&app.clock, &endpoint, event_id, kind.to_owned(), None, app.clock.now());
        insert(&transaction, vec![row.clone()]).await?;
        transaction.commit().await?;
        Ok::<_, Error>(row)
    })
    .await?;
    app.wake_worker();
    Ok(row)
}

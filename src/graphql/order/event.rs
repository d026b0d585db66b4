//! Events of orders: the timeline's, the feed's and the subscription's are the same.

use std::sync::Arc;

use async_graphql::connection::Connection;
use async_graphql::{Context, ID, Json, Object, Result, Subscription};
use chrono::{DateTime, Utc};
use entity::{EventId, OrderId};
use futures_util::Stream;

use crate::app::App;
use crate::auth::Viewer;
use crate::error::{Error, ErrorCode};
use crate::event_feed;
use crate::graphql::base::page::{Page, connection, cursor};
use crate::graphql::base::request::{app, viewer};
use crate::graphql::base::scalars::int;
use crate::graphql::loader::catalog::nested_rows;
use crate::graphql::loader::order::loader;
use crate::live::{self, FeedEvent};
use crate::order::{FeedKey, FeedPart, feed, follow_events};
use crate::validate::Checks;
use escrow::Actor;

pub struct OrderEvent {
    pub(crate) row: entity::event::Model,
    pub(crate) order_number: String,
}

impl OrderEvent {
    /// None if it isn't of one of the viewer's orders.
    pub(crate) async fn find(ctx: &Context<'_>, id: EventId) -> Result<Option<Self>> {
        let Some(row) = loader(ctx).load_one(id).await? else { return Ok(None) };
        let order = loader(ctx).load_one(row.order_id).await?;
        let order = order.ok_or_else(|| Error::internal(format!("the order of {} is gone", row.id)))?;
        Ok(Some(Self { row, order_number: order.number }))
    }
}

impl From<FeedEvent> for OrderEvent {
    fn from(FeedEvent { row, order_number }: FeedEvent) -> Self {
        Self { row, order_number }
    }
}

/// One thing that happened to an order. Never changed, never deleted, and without personal data.
#[Object]
impl OrderEvent {
    /// Begins with `event_`.
    pub async fn id(&self) -> ID {
        ID(self.row.id.to_string())
    }

    /// `noun.past_verb`: "order.funded".
    async fn r#type(&self) -> &str {
        &self.row.kind
    }

    /// The order that it happened to.
    async fn order_id(&self) -> ID {
        ID(self.row.order_id.to_string())
    }

    /// That order's readable number: "SP-7K3M9QX4".
    async fn order_number(&self) -> &str {
        &self.order_number
    }

    /// 1, 2, 3 … within the order, without a gap.
    async fn sequence(&self) -> i32 {
        int(self.row.sequence)
    }

    /// When it happened.
    async fn occurred_at(&self) -> DateTime<Utc> {
        self.row.occurred_at
    }

    /// Who caused it.
    async fn actor(&self) -> Result<Actor> {
        let actors = [Actor::Buyer, Actor::Supplier, Actor::Operator, Actor::Provider, Actor::Timer];
        let actor = actors.into_iter().find(|actor| actor.name() == self.row.actor);
        Ok(actor.ok_or_else(|| Error::internal(format!("{} has an unknown actor: {}", self.row.id, self.row.actor)))?)
    }

    /// What happened, in one sentence.
    async fn summary(&self) -> &str {
        &self.row.summary
    }

    /// The event's own fields; amounts as `{"amount": "12.50", "currency": "USD"}`.
    async fn data(&self) -> Json<serde_json::Value> {
        Json(self.row.data.clone())
    }

    /// Its place among all events, to go on from with `orderEvents(after:)`. Null for the moment until it has one.
    async fn cursor(&self) -> Option<String> {
        self.row.feed_position.map(|position| cursor(&FeedKey { feed: position }))
    }
}

pub(crate) struct EventFeed;

impl EventFeed {
    pub(crate) async fn page(
        ctx: &Context<'_>,
        order_id: Option<ID>,
        first: Option<i32>,
        after: Option<String>,
    ) -> Result<Connection<String, OrderEvent>> {
        let page: Page<FeedKey> = Page::parse(first, after.as_deref())?;
        let (viewer, order_id) = parse(viewer(ctx), order_id)?;
        let after = page.after.unwrap_or_default().feed;
        let part = FeedPart { order_id, after, until: None, limit: page.fetch() };
        let events = read(app(ctx), &viewer, part).await?;
        if events.is_empty() && after > 0 {
            live::require_known(Some(after), event_feed::newest_position(&app(ctx).db.read).await?)?;
        }
        Ok(connection(events, &page, |event| FeedKey { feed: event.row.feed_position.unwrap_or(0) }, |event| event))
    }
}

fn parse(viewer: Viewer, order_id: Option<ID>) -> Result<(Viewer, Option<OrderId>), Error> {
    if viewer == Viewer::Anonymous {
        return Err(Error::refused(ErrorCode::Unauthenticated, "send Authorization: Bearer <token>"));
    }
    let mut checks = Checks::arguments();
    let order_id = order_id.and_then(|id| checks.id("orderId", &id));
    checks.finish()?;
    Ok((viewer, order_id))
}

pub(crate) async fn read(app: &App, viewer: &Viewer, part: FeedPart) -> Result<Vec<OrderEvent>, Error> {
    let db = &app.db.read;
    let events = event_feed::with_numbers(db, feed(db, viewer, part).await?).await?;
    Ok(events.into_iter().map(OrderEvent::from).collect())
}

#[derive(Default)]
pub struct EventSubscription;

#[Subscription]
impl EventSubscription {
    /// Events of the viewer's orders, or of one of them, as they are committed: from now on, or from after a cursor,
    /// without a gap or a repetition. Works on any node; after a break go on with the cursor of the last event that came.
    /// Ends when the credential does.
    async fn order_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only this order's; all of the viewer's orders' if left out.")] order_id: Option<ID>,
        #[graphql(desc = "An event's cursor: begins with the event after it. Begins now if left out.")] after: Option<
            String,
        >,
    ) -> Result<impl Stream<Item = Result<OrderEvent>> + use<>> {
        let page: Page<FeedKey> = Page::parse(None, after.as_deref())?;
        let (viewer, order_id) = parse(viewer(ctx), order_id)?;
        let rows = nested_rows(ctx);
        let follower = follow_events(app(ctx), viewer, order_id, page.after.map(|key| key.feed)).await?;
        Ok(futures_util::stream::try_unfold((follower, rows), |(mut follower, rows)| async move {
            let event = follower.next().await?;
            rows.begin_again();
            Ok(Some((OrderEvent::from(Arc::unwrap_or_clone(event)), (follower, rows))))
        }))
    }
}

//! Following orders as they change. What is followed is the viewer's, or not found.

use std::time::Duration;

use entity::order::Model;
use entity::payment::{self, PaymentStatus};
use entity::{OrderId, OrderStatus};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use tokio::time::sleep;

use super::find::{FeedPart, feed, require_order};
use crate::app::App;
use crate::auth::Viewer;
use crate::error::{Error, ErrorCode, Result};
use crate::event_feed;
use crate::live::{FeedEvent, Follower, Listener, Source, Topic, require_known};

/// Events that a follower who comes late reads at once.
const PART: u64 = 100;

pub struct Events {
    app: App,
    viewer: Viewer,
    order_id: Option<OrderId>,
}

impl Source for Events {
    type Row = FeedEvent;

    async fn read(&self, after: i64, until: i64) -> Result<Vec<FeedEvent>> {
        let db = &self.app.db.read;
        let part = FeedPart { order_id: self.order_id, after, until: Some(until), limit: PART };
        event_feed::with_numbers(db, feed(db, &self.viewer, part).await?).await
    }
}

pub type EventFollower = Follower<Events>;

/// Follows the events of the viewer's orders, or of one: from after a place, or from now on.
pub async fn follow_events(
    app: &App,
    viewer: Viewer,
    order_id: Option<OrderId>,
    after: Option<i64>,
) -> Result<EventFollower> {
    let topic = topic(app, &viewer, order_id).await?;
    let newest = event_feed::newest_position(&app.db.read).await?;
    require_known(after, newest)?;
    let listener = app.feed.listen(topic, newest);
    Ok(Follower::new(Events { app: app.clone(), viewer, order_id }, listener, after.unwrap_or(newest)))
}

async fn topic(app: &App, viewer: &Viewer, order_id: Option<OrderId>) -> Result<Topic> {
    let Some(all) = Topic::of(viewer) else {
        return Err(Error::refused(ErrorCode::Unauthenticated, "send Authorization: Bearer <token>"));
    };
    let Some(id) = order_id else { return Ok(all) };
    require_order(&app.db.read, viewer, id).await?;
    Ok(Topic::Order(id))
}

/// An order as it is now, and as it is after each of its changes.
pub struct OrderFollower {
    app: App,
    viewer: Viewer,
    order_id: OrderId,
    listener: Listener<FeedEvent>,
    shown: Option<Shown>,
}

/// What was given out.
struct Shown {
    version: i64,
    /// A payment was on its way to its provider. That it is open there is no event, and makes no version.
    was_opening: bool,
    /// How often it was looked for since.
    looks: u32,
}

/// Rarer and rarer: 1, 2, 4 … seconds, at most a minute.
fn pause(looks: u32) -> Duration {
    Duration::from_secs(1 << looks.min(6)).min(Duration::from_secs(60))
}

pub async fn follow_order(app: &App, viewer: Viewer, order_id: OrderId) -> Result<OrderFollower> {
    let topic = topic(app, &viewer, Some(order_id)).await?;
    let listener = app.feed.listen(topic, event_feed::newest_position(&app.db.read).await?);
    Ok(OrderFollower { app: app.clone(), viewer, order_id, listener, shown: None })
}

impl OrderFollower {
    /// At first at once; then when there is a newer version, or a payment has come to its provider. What it skips is older
    /// than what it gives.
    pub async fn next(&mut self) -> Result<Model> {
        loop {
            match &mut self.shown {
                Some(shown) if shown.was_opening => {
                    tokio::select! {
                        () = self.listener.anything() => {}
                        () = sleep(pause(shown.looks)) => shown.looks += 1,
                    }
                }
                Some(_unchanged) => self.listener.anything().await,
                None => {}
            }
            let row = require_order(&self.app.db.read, &self.viewer, self.order_id).await?;
            let is_opening = row.status == OrderStatus::AwaitingPayment && self.is_opening().await?;
            let has_changed = match &self.shown {
                Some(shown) => row.version > shown.version || (shown.was_opening && !is_opening),
                None => true,
            };
            if has_changed {
                self.shown = Some(Shown { version: row.version, was_opening: is_opening, looks: 0 });
                return Ok(row);
            }
        }
    }

    async fn is_opening(&self) -> Result<bool> {
        let opening = payment::Entity::find()
            .filter(payment::Column::OrderId.eq(self.order_id))
            .filter(payment::Column::Status.eq(PaymentStatus::Pending))
            .filter(payment::Column::OpenedAt.is_null())
            .filter(payment::Column::ReplacedBy.is_null())
            .limit(1);
        Ok(opening.one(&self.app.db.read).await?.is_some())
    }
}

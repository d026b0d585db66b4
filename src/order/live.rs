//! Following orders as they change. What is followed is the viewer's, or not found.

use entity::OrderId;
use entity::order::Model;

use super::find::{FeedPart, feed, require_order};
use crate::app::App;
use crate::auth::Viewer;
use crate::error::{Error, ErrorCode, Result};
use crate::event;
use crate::live::{Follower, PlacedEvent, Seat, Source, Topic};

/// Events that a follower who comes late reads at once.
const PART: u64 = 100;

pub struct Events {
    app: App,
    viewer: Viewer,
    order_id: Option<OrderId>,
}

impl Source for Events {
    type Row = PlacedEvent;

    async fn read(&self, after: i64, until: i64) -> Result<Vec<PlacedEvent>> {
        let db = &self.app.db.read;
        let part = FeedPart { order_id: self.order_id, after, until: Some(until), limit: PART };
        event::with_numbers(db, feed(db, &self.viewer, part).await?).await
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
    let newest = event::newest_position(&app.db.read).await?;
    let seat = app.feed.join(topic, newest);
    Ok(Follower::new(Events { app: app.clone(), viewer, order_id }, seat, after.unwrap_or(newest)))
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
    seat: Seat<PlacedEvent>,
    /// The version that was given out.
    shown: Option<i64>,
}

pub async fn follow_order(app: &App, viewer: Viewer, order_id: OrderId) -> Result<OrderFollower> {
    let topic = topic(app, &viewer, Some(order_id)).await?;
    let seat = app.feed.join(topic, event::newest_position(&app.db.read).await?);
    Ok(OrderFollower { app: app.clone(), viewer, order_id, seat, shown: None })
}

impl OrderFollower {
    /// At first at once; then when there is a newer version. What it skips is older than what it gives.
    pub async fn next(&mut self) -> Result<Model> {
        loop {
            if self.shown.is_some() {
                self.seat.anything().await;
            }
            let row = require_order(&self.app.db.read, &self.viewer, self.order_id).await?;
            if self.shown.is_none_or(|shown| row.version > shown) {
                self.shown = Some(row.version);
                return Ok(row);
            }
        }
    }
}

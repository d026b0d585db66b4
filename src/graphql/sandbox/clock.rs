//! The sandbox's clock. Live mode's schema has nothing of this.

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};
use chrono::{DateTime, Datelike, DurationRound, TimeDelta, Utc};
use entity::Time;

use crate::app::App;
use crate::auth::Viewer;
use crate::error::{Error, ErrorCode};
use crate::graphql::base::payload::{Payload, UserError, answer};
use crate::graphql::base::request::{app, viewer};
use crate::graphql::order::event::{OrderEvent, read};
use crate::order::FeedPart;
use crate::validate::Checks;
use crate::{event_feed, worker};

const MOST_DAYS: i64 = 400;
/// Times are written with four digits for the year.
const LAST_YEAR: i32 = 9_000;
const MOST_EVENTS: usize = 500;

#[derive(Default)]
pub struct ClockQuery;

#[Object]
impl ClockQuery {
    /// Sandbox only: business time, which deadlines go by. `sandboxAdvanceClock` sets it forward.
    async fn sandbox_clock(&self, ctx: &Context<'_>) -> DateTime<Utc> {
        app(ctx).clock.now()
    }
}

/// Sandbox only: where to set the clock.
#[derive(InputObject)]
pub struct SandboxAdvanceClockInput {
    /// Business time as it shall be: later than `sandboxClock`, by at most 400 days.
    to: DateTime<Utc>,
}

/// Sandbox only: what `sandboxAdvanceClock` answers.
#[derive(SimpleObject)]
pub struct SandboxAdvanceClockPayload {
    /// Business time now.
    clock: Option<DateTime<Utc>>,
    /// Whether it is as late as was asked for, and all that fell due is done. If not, the call's time was up: call again to
    /// go on.
    reached: bool,
    /// What to do if it was not reached; null if it was.
    message: Option<String>,
    /// What happened to your orders meanwhile, in the feed's order; at most 500 events.
    events: Vec<OrderEvent>,
    /// Whether more happened than `events` has: `orderEvents(after:)` goes on from the cursor of the last one.
    truncated: bool,
    /// What has to change; empty when the clock was set.
    errors: Vec<UserError>,
}

pub struct Advanced {
    to: Time,
    clock: Time,
    reached: bool,
    events: Vec<OrderEvent>,
    truncated: bool,
}

impl Payload for SandboxAdvanceClockPayload {
    type Thing = Advanced;

    fn done(Advanced { to, clock, reached, events, truncated }: Advanced) -> Self {
        let message = (!reached).then(|| unfinished(clock, to));
        Self { clock: Some(clock), reached, message, events, truncated, errors: Vec::new() }
    }

    fn refused(errors: Vec<UserError>) -> Self {
        Self { clock: None, reached: false, message: None, events: Vec::new(), truncated: false, errors }
    }
}

#[derive(Default)]
pub struct ClockMutation;

#[Object]
impl ClockMutation {
    /// Sandbox only: sets business time forward, for everybody in this installation, and never back. Deadlines that pass on
    /// the way and work that falls due are done in order, each at its own time. Any credential may do this.
    async fn sandbox_advance_clock(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Where to set the clock.")] input: SandboxAdvanceClockInput,
    ) -> Result<SandboxAdvanceClockPayload> {
        answer(advance(app(ctx), &viewer(ctx), input.to).await)
    }
}

async fn advance(app: &App, viewer: &Viewer, to: Time) -> Result<Advanced, Error> {
    if *viewer == Viewer::Anonymous {
        return Err(Error::refused(ErrorCode::Unauthenticated, "send Authorization: Bearer <token>"));
    }
    let to = to.duration_trunc(TimeDelta::microseconds(1)).unwrap_or(to);
    check(app.clock.now(), to)?;
    // What happened before, but has no place in the feed yet, is not of this call.
    event_feed::sequence(app).await?;
    let before = event_feed::newest_position(&app.db.read).await?;
    let reached = worker::advance(app, to, worker::PATIENCE).await?;
    let limit = u64::try_from(MOST_EVENTS + 1).unwrap_or(u64::MAX);
    let part = FeedPart { order_id: None, after: before, until: None, limit };
    let mut events = read(app, viewer, part).await?;
    let truncated = events.len() > MOST_EVENTS;
    events.truncate(MOST_EVENTS);
    Ok(Advanced { to, clock: app.clock.now(), reached, events, truncated })
}

fn check(now: Time, to: Time) -> Result<(), Error> {
    let mut checks = Checks::input();
    if to < now {
        let message = format!("is in the past: the sandbox's clock says {}, and only goes forward", to_text(now));
        checks.problem("to", ErrorCode::InvalidInput, message);
    } else if to - now > TimeDelta::days(MOST_DAYS) {
        let message =
            format!("is more than {MOST_DAYS} days ahead of the sandbox's clock, which says {}", to_text(now));
        checks.problem("to", ErrorCode::InvalidInput, message);
    } else if to.year() > LAST_YEAR {
        checks.problem("to", ErrorCode::InvalidInput, format!("is after the year {LAST_YEAR}, the clock's last"));
    }
    checks.finish()
}

fn unfinished(clock: Time, to: Time) -> String {
    if clock < to {
        "so much fell due on the way that the time of one call was up; call again with the same `to` to go on"
            .to_owned()
    } else {
        "the clock is there, but some work that fell due is still in hand; it goes on by itself".to_owned()
    }
}

fn to_text(time: Time) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

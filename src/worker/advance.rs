//! Setting the sandbox's clock forward: not in one jump, but from each moment at which something is due to the next.
//!
//! At each of them the clock stands still, as it were, until all that is due by then is done, and what that made due: so
//! things happen in the order and at the times at which they would have happened. The work is done here, beside this
//! node's loops and those of other nodes; what one of them has in hand is waited for. Two that advance at once take the
//! same steps. A job that keeps failing is tried again at each of its times, so a step is one of many: the whole has a
//! bound in real time, after which the clock stands where it came to, and the next call goes on from there.

use std::time::Duration;

use entity::Time;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::Instrument;

use super::drain;
use crate::app::App;
use crate::error::{Error, Result};
use crate::sandbox_clock;
use crate::{delivery, event_feed, job, order};

/// How long a caller is kept waiting: less than a server that is told to stop gives its requests.
pub const PATIENCE: Duration = Duration::from_secs(18);
/// Between two looks at what somebody else has in hand.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// Moves business time to `to`, and everything that falls due on the way happens; true if it came there, and all was done,
/// within `patience`.
///
/// It goes on, up to its bound, if the caller doesn't wait: a job is not dropped in the middle.
pub async fn advance(app: &App, to: Time, patience: Duration) -> Result<bool> {
    let until = Instant::now() + patience;
    let stepping = tokio::spawn(step_on(app.clone(), to, until).in_current_span());
    // What is still at work then does only the work in hand: it looks at the time before each step.
    let reached = match timeout_at(until, stepping).await {
        Ok(Ok(reached)) => reached?,
        Ok(Err(panic)) => return Err(Error::internal(format!("advancing the clock broke down: {panic}"))),
        Err(_elapsed) => false,
    };
    event_feed::sequence(app).await?;
    tracing::info!(now = %app.clock.now(), %to, reached, "the sandbox's clock was set forward");
    Ok(reached)
}

async fn step_on(app: App, to: Time, until: Instant) -> Result<bool> {
    loop {
        if !finish_what_is_due(&app, until).await? {
            return Ok(false);
        }
        let now = app.clock.now();
        if now >= to {
            return Ok(true);
        }
        let next = [
            job::next_run(&app.db.read, now).await?,
            order::next_timer(&app.db.read, now).await?,
            delivery::next_run(&app.db.read, now).await?,
        ];
        let next = next.into_iter().flatten().min().map_or(to, |next| next.min(to));
        sandbox_clock::set_forward(&app.db, &app.clock, next).await?;
    }
}

/// False if time is up before.
async fn finish_what_is_due(app: &App, until: Instant) -> Result<bool> {
    while Instant::now() < until {
        drain(app).await?;
        let now = app.clock.now();
        if !job::is_any_due(&app.db.read, now).await? && !delivery::is_any_due(&app.db.read, now).await? {
            return Ok(true);
        }
        sleep(LOOK_AGAIN_AFTER).await;
    }
    Ok(false)
}

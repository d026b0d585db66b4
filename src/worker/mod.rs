//! The loop that does jobs and passed deadlines. Any number of nodes may run it on one database.
//!
//! It is woken by whoever commits work on this node, and looks by itself twice a second for what other nodes left. Jobs run
//! side by side, so that one slow receiver delays nobody; one that fails is tried again later and never blocks the next.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::TimeDelta;
use entity::{OrderId, Time};
use futures_util::StreamExt;

use crate::app::App;
use crate::error::Result;
use crate::job::{self, Job, Leased, Outcome};
use crate::{event, idempotency, order, rail, simulator};

const LOOK_EVERY: Duration = Duration::from_millis(500);
const JOBS_AT_ONCE: usize = 8;
const DEADLINES_AT_ONCE: u64 = 100;
/// A deadline that could not be decided is tried again after this long; others go ahead meanwhile.
const FAILED_DEADLINE_AGAIN_AFTER: TimeDelta = TimeDelta::minutes(5);
const PRUNE_EVERY: TimeDelta = TimeDelta::hours(1);

/// Works until `stop` resolves; then finishes what it has in hand.
pub async fn run(app: App, stop: impl Future<Output = ()>) {
    let mut rounds = Rounds::default();
    let mut stop = std::pin::pin!(stop);
    loop {
        let did_something = match rounds.round(&app).await {
            Ok(did_something) => did_something,
            Err(error) => {
                tracing::error!(%error, "the worker's round failed; it goes on");
                false
            }
        };
        let pause = if did_something { Duration::ZERO } else { LOOK_EVERY };
        tokio::select! {
            () = &mut stop => return,
            () = app.work.notified(), if !did_something => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Does everything that is due until nothing is. For tests, which run no loop.
pub async fn drain(app: &App) -> Result<()> {
    let mut rounds = Rounds::default();
    while rounds.round(app).await? {}
    Ok(())
}

#[derive(Default)]
struct Rounds {
    failed_deadlines: BTreeMap<OrderId, Time>,
    pruned_at: Option<Time>,
}

impl Rounds {
    /// One look at everything; true if there was something to do.
    async fn round(&mut self, app: &App) -> Result<bool> {
        let deadlines = self.pass_deadlines(app).await?;
        let jobs = do_jobs(app).await?;
        event::sequence(app).await?;
        self.prune(app).await?;
        Ok(deadlines || jobs)
    }

    async fn pass_deadlines(&mut self, app: &App) -> Result<bool> {
        let now = app.clock.now();
        self.failed_deadlines.retain(|_, again_at| *again_at > now);
        let skipped: Vec<OrderId> = self.failed_deadlines.keys().copied().collect();
        let overdue = order::overdue(&app.db.read, now, &skipped, DEADLINES_AT_ONCE).await?;
        for order_id in &overdue {
            if let Err(error) = order::pass_deadlines(app, *order_id).await {
                tracing::error!(%order_id, %error, "a deadline could not be decided; it will be tried again");
                self.failed_deadlines.insert(*order_id, now + FAILED_DEADLINE_AGAIN_AFTER);
            }
        }
        Ok(!overdue.is_empty())
    }

    async fn prune(&mut self, app: &App) -> Result<()> {
        let now = app.clock.now();
        if self.pruned_at.is_none_or(|at| at + PRUNE_EVERY <= now) {
            idempotency::prune(&app.db, &app.clock).await?;
            self.pruned_at = Some(now);
        }
        Ok(())
    }
}

async fn do_jobs(app: &App) -> Result<bool> {
    // A look by a reader first: an idle worker takes no write lock.
    if !job::is_any_due(&app.db.read, app.clock.now(), app.clock.wall()).await? {
        return Ok(false);
    }
    let lease = TimeDelta::seconds(i64::from(app.settings.job_lease_seconds));
    let leased = job::lease(&app.db, &app.clock, lease, u64::try_from(JOBS_AT_ONCE).unwrap_or(1)).await?;
    let found = !leased.is_empty();
    futures_util::stream::iter(leased).for_each_concurrent(JOBS_AT_ONCE, |leased| do_job(app, leased)).await;
    Ok(found)
}

async fn do_job(app: &App, leased: Leased) {
    let kind = leased.job.kind();
    let result = perform(app, &leased.job).await;
    let outcome = if result.is_ok() { "done" } else { "failed" };
    metrics::counter!("secure_payment_jobs_total", "kind" => kind, "outcome" => outcome).increment(1);
    if let Err(error) = &result {
        tracing::warn!(job = %leased.id, kind, attempts = leased.attempts, %error, "a job failed; it will be tried again");
    }
    // If this fails the lease runs out, and the job is done again: it changes nothing the second time.
    if let Err(error) = job::finish(&app.db, &app.clock, &leased, &result).await {
        tracing::error!(job = %leased.id, kind, %error, "a job's outcome could not be written");
    }
}

async fn perform(app: &App, job: &Job) -> Result<Outcome> {
    match job {
        Job::ApplyNotification { notification_id } => rail::apply_notification(app, *notification_id).await,
        Job::AskPayment { payment_id } => rail::ask_payment(app, *payment_id).await,
        Job::CancelPayment { payment_id } => rail::cancel_payment(app, *payment_id).await,
        Job::SendRefund { refund_id } => rail::send_refund(app, *refund_id).await,
        Job::RequestPayout { supplier_id, currency } => rail::request_payout(app, *supplier_id, *currency).await,
        Job::SendPayout { payout_id } => rail::send_payout(app, *payout_id).await,
        Job::SandboxSettle { movement_id } => simulator::settle(app, *movement_id).await.map(|()| Outcome::Done),
        Job::SandboxNotify { event_id, url, body } => {
            simulator::notify(app, event_id, url, body).await.map(|()| Outcome::Done)
        }
    }
}

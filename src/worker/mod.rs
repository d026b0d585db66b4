//! The loops that do jobs, passed deadlines and the order of the feed. Any number of nodes may run them on one database.
//!
//! They are woken by whoever commits work on this node, and look by themselves twice a second for what other nodes left.
//! They run side by side, and so do jobs: a slow provider delays neither a deadline, nor the feed, nor the
//! notifications of another provider, which have slots of their own. A job that fails is tried again later and never blocks the next.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::TimeDelta;
use entity::{OrderId, Time};
use futures_util::future::BoxFuture;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::app::App;
use crate::error::Result;
use crate::job::{self, Job, JobOutcome, Lane, Leased};
use crate::{delivery, event_feed, file, idempotency, messaging, order, party, payment, simulator};

mod advance;
mod deliver;
mod pickup;

pub use advance::{PATIENCE, advance};

const LOOK_EVERY: Duration = Duration::from_millis(500);
const DEADLINES_AT_ONCE: u64 = 100;
/// A deadline that could not be decided, or waits for a notification, is looked at again after this long; others go ahead.
const DEADLINE_AGAIN_AFTER: TimeDelta = TimeDelta::seconds(10);
const PRUNE_EVERY: TimeDelta = TimeDelta::hours(1);
/// Wall time: how often it is written down which credentials were used.
const USES_EVERY: TimeDelta = TimeDelta::minutes(1);
const LANES: [Lane; 2] = [Lane::Notifications, Lane::Calls];

impl Lane {
    /// Jobs of this lane that one node does at once.
    fn slots(self) -> usize {
        match self {
            Self::Notifications => 4,
            Self::Calls => 8,
        }
    }
}

/// Works until `stop` resolves; then finishes what it has in hand.
pub async fn run(app: App, stop: impl Future<Output = ()>) {
    let (stopping, stopped) = watch::channel(false);
    let stop_was_asked = async {
        stop.await;
        stopping.send_replace(true);
    };
    let [notifications, calls] = LANES.map(|lane| jobs(&app, lane, stopped.clone()));
    let pickup = pickup::run(&app, stopped.clone());
    let (deadlines, feed) = (deadlines(&app, stopped.clone()), feed(&app, stopped.clone()));
    let deliver = deliver::run(&app, stopped.clone());
    tokio::join!(stop_was_asked, notifications, calls, deadlines, feed, pickup, deliver);
}

/// Does everything that is due until nothing is, but for what somebody else has in hand.
pub async fn drain(app: &App) -> Result<()> {
    payment::pick_up_files(app).await;
    loop {
        let mut did_something = false;
        // Afresh each time: what waited for a notification may go on by then.
        let mut deadlines = Deadlines::default();
        while let Some(changed) = deadlines.pass(app).await? {
            did_something |= changed;
        }
        for lane in LANES {
            let mut leased = lease(app, lane, lane.slots()).await?;
            while !leased.is_empty() {
                did_something = true;
                let at_once: Vec<_> = leased.drain(..).map(|leased| do_job(app.clone(), leased)).collect();
                futures_util::future::join_all(at_once).await;
                leased = lease(app, lane, lane.slots()).await?;
            }
        }
        did_something |= deliver::drain(app).await?;
        event_feed::sequence(app).await?;
        messaging::sequence(app).await?;
        if !did_something {
            return Ok(());
        }
    }
}

/// Waits until there may be work; false if it is time to stop.
async fn wait(woken: &mut watch::Receiver<u64>, stopped: &mut watch::Receiver<bool>) -> bool {
    tokio::select! {
        _ = stopped.wait_for(|stopped| *stopped) => false,
        _ = woken.changed() => true,
        () = tokio::time::sleep(LOOK_EVERY) => true,
    }
}

async fn jobs(app: &App, lane: Lane, mut stopped: watch::Receiver<bool>) {
    let mut woken = app.work.subscribe();
    let mut in_hand = JoinSet::new();
    while !*stopped.borrow() {
        let free = lane.slots().saturating_sub(in_hand.len());
        let taken = if free > 0 { lease(app, lane, free).await } else { Ok(Vec::new()) };
        match taken {
            Ok(leased) => {
                for leased in leased {
                    in_hand.spawn(do_job(app.clone(), leased));
                }
            }
            Err(error) => tracing::error!(%error, ?lane, "no jobs could be taken; trying again"),
        }
        tokio::select! {
            // A slot is free again: there may be more to take.
            Some(done) = in_hand.join_next() => {
                if let Err(panic) = done {
                    tracing::error!(%panic, "a job broke down; its lease runs out, and it is tried again");
                }
            }
            goes_on = wait(&mut woken, &mut stopped) => {
                if !goes_on {
                    break;
                }
            }
        }
    }
    while let Some(done) = in_hand.join_next().await {
        if let Err(panic) = done {
            tracing::error!(%panic, "a job broke down; its lease runs out, and it is tried again");
        }
    }
}

async fn deadlines(app: &App, mut stopped: watch::Receiver<bool>) {
    let mut woken = app.work.subscribe();
    let mut deadlines = Deadlines::default();
    let mut go_on = true;
    while go_on {
        match deadlines.pass(app).await {
            // More may be due.
            Ok(Some(_)) if !*stopped.borrow() => continue,
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "deadlines could not be looked at; trying again"),
        }
        if let Err(error) = deadlines.prune(app).await {
            tracing::error!(%error, "the hourly work could not be done; trying again");
        }
        if let Err(error) = deadlines.write_uses(app).await {
            tracing::error!(%error, "when credentials were last used could not be written down");
        }
        go_on = wait(&mut woken, &mut stopped).await;
    }
    if let Err(error) = party::write_uses(app).await {
        tracing::error!(%error, "when credentials were last used could not be written down");
    }
}

async fn feed(app: &App, mut stopped: watch::Receiver<bool>) {
    let mut woken = app.work.subscribe();
    let mut go_on = true;
    while go_on {
        if let Err(error) = event_feed::sequence(app).await {
            tracing::error!(%error, "new events could not be put into the feed; trying again");
        }
        if let Err(error) = messaging::sequence(app).await {
            tracing::error!(%error, "new messages could not be put into the feed; trying again");
        }
        go_on = wait(&mut woken, &mut stopped).await;
    }
}

#[derive(Default)]
struct Deadlines {
    again_at: BTreeMap<OrderId, Time>,
    pruned_at: Option<Time>,
    uses_written_at: Option<Time>,
}

impl Deadlines {
    /// Decides what is overdue, the longest overdue first: whether anything changed, or None once there is nothing left to
    /// look at. What could not be decided is left alone for a while, so that others come to their turn however many those are.
    async fn pass(&mut self, app: &App) -> Result<Option<bool>> {
        app.catch_up().await?;
        let now = app.clock.now();
        self.again_at.retain(|_, again_at| *again_at > now);
        let skipped: Vec<OrderId> = self.again_at.keys().copied().collect();
        let overdue = order::overdue(&app.db.read, now, &skipped, DEADLINES_AT_ONCE).await?;
        let mut anything_changed = false;
        for order_id in &overdue {
            let changed = order::pass_deadlines(app, *order_id).await;
            if let Err(error) = &changed {
                tracing::error!(%order_id, %error, "a deadline could not be decided; it will be tried again");
            }
            if changed.is_ok_and(|changed| changed) {
                anything_changed = true;
            } else {
                self.again_at.insert(*order_id, now + DEADLINE_AGAIN_AFTER);
            }
        }
        Ok((!overdue.is_empty()).then_some(anything_changed))
    }

    async fn prune(&mut self, app: &App) -> Result<()> {
        let now = app.clock.now();
        if self.pruned_at.is_none_or(|at| at + PRUNE_EVERY <= now) {
            idempotency::prune(&app.db, &app.clock).await?;
            file::prune(&app.db, &app.clock).await?;
            party::prune_sessions(&app.db, app.clock.wall()).await?;
            delivery::prune(&app.db, &app.clock).await?;
            payment::begin_daily_reconciliation(app).await?;
            let late = order::count_late_refunds(&app.db.read, now).await?;
            metrics::gauge!("secure_payment_late_refunds").set(u32::try_from(late).unwrap_or(u32::MAX));
            if late > 0 {
                tracing::error!(
                    late,
                    "refunds are on their way for longer than their providers say: see refundsToSettle"
                );
            }
            self.pruned_at = Some(now);
        }
        Ok(())
    }

    async fn write_uses(&mut self, app: &App) -> Result<()> {
        let wall = app.clock.wall();
        if self.uses_written_at.is_none_or(|at| at + USES_EVERY <= wall) {
            self.uses_written_at = Some(wall);
            party::write_uses(app).await?;
        }
        Ok(())
    }
}

async fn lease(app: &App, lane: Lane, slots: usize) -> Result<Vec<Leased>> {
    app.catch_up().await?;
    let lease = TimeDelta::seconds(i64::from(app.settings.job_lease_seconds));
    job::lease(&app.db, &app.clock, lane, lease, u64::try_from(slots).unwrap_or(1)).await
}

async fn do_job(app: App, leased: Leased) {
    let kind = leased.job.kind();
    let result = perform(&app, &leased.job).await;
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

/// A future on the heap for each kind of job: what is behind it is compiled with its own part.
fn perform<'a>(app: &'a App, job: &'a Job) -> BoxFuture<'a, Result<JobOutcome>> {
    match job {
        Job::ApplyNotification { notification_id } => Box::pin(payment::apply_notification(app, *notification_id)),
        Job::AskPayment { payment_id } => Box::pin(payment::ask_payment(app, *payment_id)),
        Job::CancelPayment { payment_id } => Box::pin(payment::cancel_payment(app, *payment_id)),
        Job::SendRefund { refund_id } => Box::pin(payment::send_refund(app, *refund_id)),
        Job::GiveUpCapture { chargeback_id } => Box::pin(payment::give_up_capture(app, *chargeback_id)),
        Job::RequestPayout { supplier_id, currency } => Box::pin(payment::request_payout(app, *supplier_id, *currency)),
        Job::SendPayout { payout_id } => Box::pin(payment::send_payout(app, *payout_id)),
        Job::Reconcile { provider, day } => Box::pin(payment::reconcile(app, provider, *day)),
        Job::BookByHand { booking_id } => Box::pin(payment::book_by_hand(app, *booking_id)),
        Job::SandboxSettle { movement_id } => {
            Box::pin(async move { simulator::settle(app, *movement_id).await.map(|()| JobOutcome::Done) })
        }
        Job::SandboxNotify { event_id, url, body } => {
            Box::pin(async move { simulator::notify(app, event_id, url, body).await.map(|()| JobOutcome::Done) })
        }
    }
}

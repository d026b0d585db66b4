//! Webhooks out: what is due is brought to the storefronts' endpoints, many side by side.
//!
//! Each endpoint has a few slots on each node, so one that is slow fills its own and no other's. When many are slow at once,
//! an endpoint gets one slot only, so that there is always one left for the next.

use std::collections::BTreeMap;

use entity::WebhookEndpointId;
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};

use super::wait;
use crate::app::App;
use crate::delivery::{self, Claimed, PER_ENDPOINT};
use crate::error::Result;

/// Attempts that one node makes at once.
const SLOTS: usize = 256;
/// Beyond so many an endpoint gets one slot only.
const CROWDED: usize = 128;

/// What this node has in hand.
#[derive(Default)]
struct InHand {
    tasks: JoinSet<()>,
    endpoints: BTreeMap<Id, WebhookEndpointId>,
    served_last: Option<WebhookEndpointId>,
}

impl InHand {
    /// Takes all that there is a slot for; how many.
    async fn take(&mut self, app: &App) -> Result<usize> {
        app.catch_up().await?;
        let per_endpoint = if self.tasks.len() < CROWDED { PER_ENDPOINT } else { 1 };
        let mut busy: BTreeMap<WebhookEndpointId, usize> = BTreeMap::new();
        for endpoint_id in self.endpoints.values() {
            *busy.entry(*endpoint_id).or_default() += 1;
        }
        let slots = SLOTS.saturating_sub(self.tasks.len());
        let claimed = delivery::claim(app, &busy, self.served_last, slots, per_endpoint).await?;
        let taken = claimed.len();
        for claimed in claimed {
            let endpoint_id = claimed.row.endpoint_id;
            self.served_last = Some(endpoint_id);
            let task = self.tasks.spawn(deliver(app.clone(), claimed));
            self.endpoints.insert(task.id(), endpoint_id);
        }
        Ok(taken)
    }

    /// Waits until one is done. None: there is none.
    async fn finished(&mut self) -> Option<()> {
        let done = self.tasks.join_next_with_id().await?;
        let id = match done {
            Ok((id, ())) => id,
            Err(panic) => {
                tracing::error!(%panic, "a webhook broke down; its lease runs out, and it is tried again");
                JoinError::id(&panic)
            }
        };
        self.endpoints.remove(&id);
        Some(())
    }
}

/// Until it is time to stop; then finishes what it has in hand.
pub(super) async fn run(app: &App, mut stopped: watch::Receiver<bool>) {
    let mut woken = app.work.subscribe();
    let mut in_hand = InHand::default();
    while !*stopped.borrow() {
        match in_hand.take(app).await {
            // There may be more.
            Ok(taken) if taken > 0 => continue,
            Ok(_nothing) => {}
            Err(error) => tracing::error!(%error, "no webhooks could be taken; trying again"),
        }
        tokio::select! {
            Some(()) = in_hand.finished() => {}
            goes_on = wait(&mut woken, &mut stopped) => {
                if !goes_on {
                    break;
                }
            }
        }
    }
    while in_hand.finished().await.is_some() {}
}

/// Sends all that is due, and what that makes due; true if there was anything.
pub(super) async fn drain(app: &App) -> Result<bool> {
    let mut in_hand = InHand::default();
    let mut did_something = false;
    loop {
        while in_hand.take(app).await? > 0 {
            did_something = true;
        }
        if in_hand.finished().await.is_none() {
            return Ok(did_something);
        }
    }
}

async fn deliver(app: App, claimed: Claimed) {
    let (delivery, endpoint) = (claimed.row.id, claimed.row.endpoint_id);
    match delivery::deliver(&app, &claimed).await {
        Ok(Some(attempted)) => {
            let outcome = attempted.outcome.label();
            metrics::counter!("secure_payment_webhook_attempts_total", "outcome" => outcome).increment(1);
            metrics::histogram!("secure_payment_webhook_attempt_seconds", "outcome" => outcome)
                .record(attempted.took.as_secs_f64());
            tracing::info!(%delivery, %endpoint, outcome, "a webhook was sent");
        }
        Ok(None) => tracing::debug!(%delivery, %endpoint, "a webhook was discarded before it was sent"),
        // The lease runs out, and it is sent again.
        Err(error) => tracing::error!(%delivery, %endpoint, %error, "a webhook's attempt could not be written"),
    }
}

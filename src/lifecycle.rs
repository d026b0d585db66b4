//! The life of a running server: who waits for the order to stop, and how the server knows that all have gone.

use std::convert::Infallible;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

/// How long shutting down may take.
#[derive(Clone, Copy, Debug)]
pub struct ShutdownTimes {
    /// Still taking connections, while `/readyz` says 503.
    pub linger: Duration,
    /// Finishing requests.
    pub finish: Duration,
}

impl Default for ShutdownTimes {
    fn default() -> Self {
        Self { linger: Duration::from_secs(1), finish: Duration::from_secs(20) }
    }
}

/// Held by every request that outlives an answer: it learns that the server is stopping, and the server that it still
/// runs.
#[derive(Clone, Debug)]
pub struct Lifecycle {
    stopping: watch::Receiver<bool>,
    _alive: mpsc::Sender<Infallible>,
}

impl Lifecycle {
    #[must_use]
    pub fn begin() -> (Self, LifecycleEnd) {
        let (stop, stopping) = watch::channel(false);
        let (alive, all_gone) = mpsc::channel(1);
        (Self { stopping, _alive: alive }, LifecycleEnd { stop, all_gone })
    }

    #[must_use]
    pub fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    #[must_use]
    pub fn stopping(&self) -> Stopping {
        Stopping(self.stopping.clone())
    }
}

/// The server's end of a [`Lifecycle`].
#[derive(Debug)]
pub struct LifecycleEnd {
    stop: watch::Sender<bool>,
    all_gone: mpsc::Receiver<Infallible>,
}

impl LifecycleEnd {
    /// Orders everybody to stop.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Returns when nobody holds the [`Lifecycle`] any more.
    pub async fn all_gone(&mut self) {
        // Nothing is ever sent: the channel only closes.
        self.all_gone.recv().await;
    }
}

/// Waits for the order to stop.
#[derive(Clone, Debug)]
pub struct Stopping(watch::Receiver<bool>);

impl Stopping {
    #[must_use]
    pub fn new(stopping: watch::Receiver<bool>) -> Self {
        Self(stopping)
    }

    /// Returns when the order to stop has been given.
    pub async fn ordered(&mut self) {
        // An error means that the server is gone, which is an order to stop as well.
        drop(self.0.wait_for(|stopping| *stopping).await);
    }
}

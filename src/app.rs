//! What every part of a running server shares. Cloning is cheap; all of it is behind reference counts.

use std::sync::Arc;

use tokio::sync::watch;

use crate::clock::Clock;
use crate::config::Settings;
use crate::crypto::Cipher;
use crate::db::Db;
use crate::payment::Providers;

#[derive(Clone, Debug)]
pub struct App {
    pub settings: Arc<Settings>,
    pub db: Db,
    pub clock: Clock,
    pub cipher: Cipher,
    pub providers: Providers,
    /// Wakes the worker's loops on this node: something for them has just been committed.
    pub work: Arc<watch::Sender<u64>>,
    /// Grows when the feed of events has grown; subscriptions wait on it.
    pub feed: Arc<watch::Sender<i64>>,
}

impl App {
    #[must_use]
    pub fn new(settings: Settings, db: Db, clock: Clock) -> Self {
        let cipher = Cipher::new(settings.encryption_key());
        let providers = Providers::from_settings(&settings);
        Self {
            settings: Arc::new(settings),
            db,
            clock,
            cipher,
            providers,
            work: Arc::new(watch::Sender::new(0)),
            feed: Arc::new(watch::Sender::new(0)),
        }
    }

    /// Call after a commit that left a job behind: the worker then needn't wait for its next look.
    pub fn wake_worker(&self) {
        self.work.send_modify(|commits| *commits = commits.wrapping_add(1));
    }
}

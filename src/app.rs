//! What every part of a running server shares. Cloning is cheap; all of it is behind reference counts.

use std::sync::Arc;

use entity::{CredentialId, message};
use ipnet::IpNet;
use tokio::sync::{broadcast, watch};

use crate::auth::CredentialUses;
use crate::config::Settings;
use crate::courier::Courier;
use crate::crypto::Cipher;
use crate::db::Db;
use crate::error;
use crate::live::{FeedEvent, Hub};
use crate::peer::TrustsProxies;
use crate::sandbox_clock;
use ground::client::guard::Policy;
use ground::clock::Clock;
use ground::setting::SettingError;
use provider::Providers;

#[derive(Clone, Debug)]
pub struct App {
    pub settings: Arc<Settings>,
    pub db: Db,
    pub clock: Clock,
    pub cipher: Cipher,
    pub providers: Providers,
    /// Brings events to storefronts' endpoints.
    pub courier: Courier,
    /// Wakes the worker's loops on this node: something for them has just been committed.
    pub work: Arc<watch::Sender<u64>>,
    /// Who follows the events of orders on this node.
    pub feed: Arc<Hub<FeedEvent>>,
    /// Who follows messages on this node.
    pub messages: Arc<Hub<message::Model>>,
    /// Credentials that were revoked on this node, so that what they began here ends at once. Other nodes look
    /// themselves.
    pub revoked: broadcast::Sender<CredentialId>,
    /// When credentials were last used; the worker writes it down.
    pub uses: Arc<CredentialUses>,
}

impl TrustsProxies for App {
    fn trusted_proxies(&self) -> &[IpNet] {
        &self.settings.limits.trusted_proxies
    }
}

impl App {
    /// The error names the setting of a payment provider that can't be used.
    pub fn new(settings: Settings, db: Db, clock: Clock) -> Result<Self, SettingError> {
        let cipher = Cipher::new(settings.encryption_key());
        let providers = settings.providers(&clock)?;
        let courier = Courier::new(if settings.is_sandbox() { Policy::Sandbox } else { Policy::Live });
        Ok(Self {
            settings: Arc::new(settings),
            db,
            clock,
            cipher,
            providers,
            courier,
            work: Arc::new(watch::Sender::new(0)),
            feed: Arc::default(),
            messages: Arc::default(),
            revoked: broadcast::Sender::new(256),
            uses: Arc::default(),
        })
    }

    /// Brings this node's clock to where any node of the installation has set it. Only a sandbox's can be set.
    pub async fn catch_up(&self) -> error::Result<()> {
        if !self.settings.is_sandbox() {
            return Ok(());
        }
        sandbox_clock::catch_up(&self.db.read, &self.clock).await
    }

    /// Whether another node may set this one's clock: then each request has to look first.
    #[must_use]
    pub fn shares_its_clock(&self) -> bool {
        self.settings.is_sandbox() && !self.db.is_sqlite()
    }

    /// Call after a commit that left a job behind: the worker then needn't wait for its next look.
    pub fn wake_worker(&self) {
        self.work.send_modify(|commits| *commits = commits.wrapping_add(1));
    }

    /// Call after the commit that revoked a credential.
    pub fn announce_revoked(&self, id: CredentialId) {
        // Without an open connection nobody listens.
        drop(self.revoked.send(id));
    }
}

//! What the routes share.

use ipnet::IpNet;

use super::execution::Executor;
use super::socket_slots::SocketSlots;
use crate::app::App;
use crate::lifecycle::Lifecycle;
use crate::peer::TrustsProxies;

#[derive(Clone)]
pub(super) struct HttpState {
    pub(super) app: App,
    pub(super) executor: Executor,
    pub(super) lifecycle: Lifecycle,
    pub(super) socket_slots: SocketSlots,
}

impl TrustsProxies for HttpState {
    fn trusted_proxies(&self) -> &[IpNet] {
        self.app.trusted_proxies()
    }
}

//! HTTP out: how every client of ours is built. No proxy, no redirects, bounded in time; TLS by rustls with ring.

pub mod guard;

use std::time::Duration;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(15);

/// For these URLs. Plain http needs no certificates: reading the machine's takes time, and a bare container has none.
pub fn build(base: &str) -> reqwest::Result<reqwest::Client> {
    install_tls();
    let builder = builder();
    if base.starts_with("https://") { builder.build() } else { builder.tls_certs_only([]).build() }
}

/// As [`build`], and shows who we are: `pem` is a certificate and its private key.
pub fn build_with_certificate(base: &str, pem: &[u8]) -> reqwest::Result<reqwest::Client> {
    install_tls();
    let builder = builder().identity(reqwest::Identity::from_pem(pem)?);
    if base.starts_with("https://") { builder.build() } else { builder.tls_certs_only([]).build() }
}

/// For any URL, one for the whole process. It keeps no connection open: a connection belongs to the runtime that made it.
pub fn build_shared() -> reqwest::Result<reqwest::Client> {
    install_tls();
    let shared = || builder().pool_max_idle_per_host(0);
    // Without any CA certificates on the machine the first fails; plain http needs none.
    shared().build().or_else(|_no_certificates| shared().tls_certs_only([]).build())
}

/// For addresses that others name: `guard` says which may be connected to. It keeps no connection open either, so that it
/// is asked each time.
pub fn build_guarded(
    guard: impl reqwest::dns::Resolve + Clone + 'static,
    connect_timeout: Duration,
    timeout: Duration,
) -> reqwest::Result<reqwest::Client> {
    install_tls();
    let guarded = || {
        let guarded = builder().pool_max_idle_per_host(0).dns_resolver(guard.clone());
        guarded.connect_timeout(connect_timeout).timeout(timeout)
    };
    guarded().build().or_else(|_no_certificates| guarded().tls_certs_only([]).build())
}

fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
}

fn install_tls() {
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        tracing::trace!("a rustls provider is installed already");
    }
}

//! Listening, and shutting down without losing a request.
//!
//! Open connections are counted, of the node and of each address ([`connections`]). A connection has 10 seconds to send
//! its headers, and they may have 32 KiB: slow and greedy clients cost little. When the server is ordered to stop, it
//! first says so at `/readyz` and still takes connections for a moment, so that a load balancer can look elsewhere;
//! then it closes the door and finishes what it has in hand.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

use crate::app::App;
use crate::config::Settings;
use crate::http;
use crate::lifecycle::{Lifecycle, ShutdownTimes, Stopping};
use crate::peer::Peer;
use ground::setting::SettingError;

mod connections;

use connections::{Connection, ConnectionSlots};

/// Of each of the runtime's threads: a mutation's future, with all that it awaits, comes near the usual 2 MiB where
/// nothing is optimised.
pub const STACK_OF_A_WORKER: usize = 4 << 20;

const HEADER_PATIENCE: Duration = Duration::from_secs(10);
const MOST_HEADER_BYTES: usize = 32 * 1024;

/// Refuses settings that can't be served with, takes the port of `SECURE_PAYMENT_LISTEN`, and writes down which it is
/// if any would do (port 0).
pub async fn bind(settings: &mut Settings) -> Result<TcpListener, SettingError> {
    let problem = |cause: std::io::Error| SettingError {
        variable: "SECURE_PAYMENT_LISTEN",
        problem: format!("is {}, where this server can't listen: {cause}", settings.listen),
    };
    http::execution::check(settings)?;
    let listener = TcpListener::bind(settings.listen).await.map_err(problem)?;
    settings.listen = listener.local_addr().map_err(problem)?;
    Ok(listener)
}

/// Serves until `stop` resolves, then shuts down. The worker and the database are the caller's.
pub async fn serve(app: App, listener: TcpListener, stop: impl Future<Output = ()>) {
    serve_until(app, listener, stop, ShutdownTimes::default()).await;
}

/// [`serve`] with other times for shutting down.
pub async fn serve_until(app: App, listener: TcpListener, stop: impl Future<Output = ()>, times: ShutdownTimes) {
    http::observe::install_recorder();
    let (lifecycle, mut end) = Lifecycle::begin();
    let (close_door, door_closed) = watch::channel(false);

    let slots = ConnectionSlots::new(&app.settings.limits);
    let router = http::router(app, lifecycle.clone());
    let mut accepting = Box::pin(accept(listener, slots, router, lifecycle, door_closed));
    tokio::select! {
        () = &mut accepting => {}
        () = stop => {}
    }
    tracing::info!("stopping");
    end.stop();
    drop(timeout(times.linger, &mut accepting).await);
    close_door.send_replace(true);
    drop(accepting);
    if timeout(times.finish, end.all_gone()).await.is_err() {
        tracing::warn!("requests were cut off: they took longer than {} s", times.finish.as_secs());
    }
}

async fn accept(
    listener: TcpListener,
    slots: ConnectionSlots,
    router: Router,
    lifecycle: Lifecycle,
    door_closed: watch::Receiver<bool>,
) {
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                // Closed without a word: to answer so many would be work, too.
                let Some(stream) = slots.take(stream, address.ip()) else {
                    metrics::counter!("secure_payment_connections_refused_total").increment(1);
                    continue;
                };
                let closing = Stopping::new(door_closed.clone());
                tokio::spawn(converse(stream, Peer(address), router.clone(), closing, lifecycle.clone()));
            }
            Err(cause) => {
                // Too many open files, most likely: some will be closed soon.
                tracing::warn!(%cause, "accepting a connection");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// One connection, until the client or the server has enough of it.
async fn converse(stream: Connection, peer: Peer, router: Router, mut closing: Stopping, lifecycle: Lifecycle) {
    if let Err(cause) = stream.set_nodelay() {
        tracing::debug!(%cause, "a connection");
    }
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        router.clone().oneshot(request)
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_PATIENCE)
        .max_buf_size(MOST_HEADER_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    let result = tokio::select! {
        result = &mut connection => result,
        () = closing.ordered() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(cause) = result {
        tracing::debug!(%cause, "a connection broke off");
    }
    drop(lifecycle);
}

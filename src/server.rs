//! Listening, and shutting down without losing a request.
//!
//! Open connections are counted, of the node and of each address ([`places`]).
//! A connection has 10 seconds to send its headers, and they may have 32 KiB: slow and greedy clients cost little. When
//! the server is told to stop, it first says so at `/readyz` and still takes connections for a moment, so that a load
//! balancer can look elsewhere; then it closes the door and finishes what it has in hand.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

use crate::app::App;
use crate::config::Settings;
use crate::http;
use crate::http::client::Peer;
use ground::setting::SettingError;

mod places;

use places::{Placed, Places};

/// Of each of the runtime's threads: a mutation's future, with all that it awaits, comes near the usual 2 MiB where nothing is
/// optimised.
pub const STACK_OF_A_WORKER: usize = 4 << 20;

const HEADER_PATIENCE: Duration = Duration::from_secs(10);
const MOST_HEADER_BYTES: usize = 32 * 1024;

/// How long shutting down may take.
#[derive(Clone, Copy, Debug)]
pub struct Farewell {
    /// Still taking connections, while `/readyz` says 503.
    pub linger: Duration,
    /// Finishing requests.
    pub finish: Duration,
}

impl Default for Farewell {
    fn default() -> Self {
        Self { linger: Duration::from_secs(1), finish: Duration::from_secs(20) }
    }
}

/// Told to every request that outlives an answer: that the server is stopping, and to the server: that it still runs.
#[derive(Clone, Debug)]
pub struct Lifecycle {
    stopping: watch::Receiver<bool>,
    _alive: mpsc::Sender<std::convert::Infallible>,
}

impl Lifecycle {
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    #[must_use]
    pub fn stopping(&self) -> Stopping {
        Stopping(self.stopping.clone())
    }
}

/// Waits for the order to stop.
#[derive(Clone, Debug)]
pub struct Stopping(watch::Receiver<bool>);

impl Stopping {
    /// Returns when the server is told to stop; at once if it has been.
    pub async fn told(&mut self) {
        // An error means that the server is gone, which is an order to stop as well.
        drop(self.0.wait_for(|stopping| *stopping).await);
    }
}

/// Refuses settings that can't be served with, takes the port of `SECURE_PAYMENT_LISTEN`, and writes down which it is if any would do (port 0).
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

/// Serves until `stop` resolves, then says farewell. The worker and the database are the caller's.
pub async fn serve(app: App, listener: TcpListener, stop: impl Future<Output = ()>) {
    serve_until(app, listener, stop, Farewell::default()).await;
}

/// [`serve`] with another farewell.
pub async fn serve_until(app: App, listener: TcpListener, stop: impl Future<Output = ()>, farewell: Farewell) {
    http::observe::install_recorder();
    let (say_stop, stopping) = watch::channel(false);
    let (close_door, door_closed) = watch::channel(false);
    let (alive, mut all_gone) = mpsc::channel(1);
    let lifecycle = Lifecycle { stopping, _alive: alive };

    let places = Places::new(&app.settings.limits);
    let router = http::router(app, lifecycle.clone());
    let mut accepting = Box::pin(accept(listener, places, router, lifecycle, door_closed));
    tokio::select! {
        () = &mut accepting => {}
        () = stop => {}
    }
    tracing::info!("stopping");
    say_stop.send_replace(true);
    drop(timeout(farewell.linger, &mut accepting).await);
    close_door.send_replace(true);
    drop(accepting);
    if timeout(farewell.finish, all_gone.recv()).await.is_err() {
        tracing::warn!("requests were cut off: they took longer than {} s", farewell.finish.as_secs());
    }
}

async fn accept(
    listener: TcpListener,
    places: Places,
    router: Router,
    lifecycle: Lifecycle,
    door_closed: watch::Receiver<bool>,
) {
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                // Closed without a word: to answer so many would be work, too.
                let Some(stream) = places.take(stream, address.ip()) else {
                    metrics::counter!("secure_payment_connections_refused_total").increment(1);
                    continue;
                };
                let doors = (Stopping(door_closed.clone()), lifecycle.clone());
                tokio::spawn(converse(stream, Peer(address), router.clone(), doors));
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
async fn converse(stream: Placed, peer: Peer, router: Router, (mut door_closed, lifecycle): (Stopping, Lifecycle)) {
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
        () = door_closed.told() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(cause) = result {
        tracing::debug!(%cause, "a connection broke off");
    }
    drop(lifecycle);
}

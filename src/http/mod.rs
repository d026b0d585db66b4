//! Routes. What a request passes on its way in: its id, span and count ([`observe`]), a panic's last stop, the page
//! that it came from ([`cors`]), its body in bounded time and size ([`body`]), then the door it asked for. Uploads read
//! their body themselves ([`mod@file`]).

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use serde_json::json;
use tower::ServiceBuilder;
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;

use crate::app::App;
use crate::lifecycle::Lifecycle;

pub mod body;
pub mod budget;
mod caller;
mod cors;
pub mod documents;
pub mod execution;
pub mod failure;
mod file;
mod graphiql;
pub mod graphql;
mod media;
pub mod observe;
mod parameters;
mod prepared;
mod refused;
mod session;
mod socket;
pub mod socket_slots;
mod sse;
mod state;
mod trusted;

use execution::Executor;
use socket_slots::SocketSlots;
use state::HttpState;

/// Every route of the server.
pub fn router(app: App, lifecycle: Lifecycle) -> Router {
    let executor = Executor::new(&app);
    let described = app.settings.limits.introspection.then(|| Sdl(crate::graphql::sdl(executor.schema()).into()));
    let state = HttpState { app: app.clone(), executor, lifecycle, socket_slots: SocketSlots::default() };

    let clock_first = middleware::from_fn_with_state(app.clone(), look_at_clock);
    let api =
        Router::new()
            .route("/graphql", get(graphql::get).post(graphql::post).layer(clock_first.clone()))
            .merge(described.map_or_else(Router::new, |sdl| {
                Router::new().route("/schema.graphql", get(schema).layer(Extension(sdl)))
            }))
            .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
            .route("/graphql/stream", get(sse::get).post(sse::post).layer(clock_first.clone()))
            .route("/graphql/ws", get(socket::upgrade))
            .route("/", get(|| async { Redirect::to("/graphiql") }))
            .route("/healthz", get(|| async { Json(json!({ "status": "up" })) }))
            .route("/readyz", get(readyz))
            .route("/metrics", get(observe::metrics))
            .with_state(state.clone());

    let mut driven = crate::webhook::routes();
    if app.settings.is_sandbox() {
        driven = driven.merge(crate::simulator::routes());
    }
    let driven = driven.layer(clock_first).with_state(app.clone());
    let routes =
        api.merge(graphiql::routes(app.settings.mode)).merge(driven).merge(file::files().with_state(state.clone()));
    routes
        .fallback(|| async { failure::not_found() })
        .method_not_allowed_fallback(|| async { failure::method_not_allowed() })
        .layer(middleware::from_fn(body::read_in_bounds))
        .merge(file::uploads().with_state(app.clone()))
        .layer(
            ServiceBuilder::new()
                .layer(middleware::from_fn_with_state(app.clone(), observe::observe))
                .layer(CatchPanicLayer::custom(failure::after_panic))
                .layer(middleware::from_fn_with_state(state, cors::cors)),
        )
}

/// Another node may have set the sandbox's clock forward: what comes after that must be handled at the new time.
async fn look_at_clock(State(app): State<App>, request: Request, next: Next) -> Response {
    if app.shares_its_clock()
        && let Err(error) = app.catch_up().await
    {
        return failure::from_error(&error);
    }
    next.run(request).await
}

/// Whether this node should be sent requests: false from the moment it is ordered to stop.
async fn readyz(State(state): State<HttpState>) -> Response {
    let problem = if state.lifecycle.is_stopping() {
        "shutting down"
    } else if !state.app.db.is_ready().await {
        "the database does not answer"
    } else {
        return Json(json!({ "status": "ready" })).into_response();
    };
    (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": problem }))).into_response()
}

#[derive(Clone)]
struct Sdl(axum::body::Bytes);

async fn schema(Extension(Sdl(sdl)): Extension<Sdl>) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"))], sdl).into_response()
}

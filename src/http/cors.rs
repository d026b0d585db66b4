//! Which pages may call us: our own, and those of the storefront whose credential they hold.
//!
//! A preflight comes without a credential, so it is answered for every origin that some storefront has. The request
//! itself is held to the origins of its credential's own storefront, before anything of it runs: a page of one shop
//! can't use a session of another's. Who comes without a credential sees the public catalogue, from any storefront's
//! page. Suppliers and operators work from their own programs or from our pages. Programs that are no browsers send no
//! `Origin`.
//!
//! Cookies are never used, so `Access-Control-Allow-Credentials` is never sent. The library's layer decides by the
//! origin alone; here the credential decides too, and what is not allowed is refused instead of only not being
//! readable.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use reqwest::Url;

use super::caller::find_caller;
use super::failure;
use super::state::HttpState;
use crate::app::App;
use crate::auth::{Caller, Viewer};
use crate::config::Settings;
use crate::error::{Error, ErrorCode, Result};
use crate::party::origin::is_known;
use crate::peer::Client;
use futures_util::future::BoxFuture;

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT");
const HEADERS: HeaderValue = HeaderValue::from_static(
    "accept, authorization, content-type, last-event-id, x-request-id, apollo-require-preflight, \
     apollographql-client-name, apollographql-client-version, x-graphql-client-name, x-graphql-client-version",
);
const EXPOSED: HeaderValue = HeaderValue::from_static("x-request-id, retry-after");
/// Seconds; browsers keep it for two hours at most.
const KEPT: HeaderValue = HeaderValue::from_static("7200");

pub(super) async fn cors(State(state): State<HttpState>, client: Client, request: Request, next: Next) -> Response {
    if !concerns(request.uri().path()) {
        return next.run(request).await;
    }
    let Some(origin) = request.headers().get(header::ORIGIN).cloned() else {
        return vary(next.run(request).await);
    };
    let known = match admit(&state, client, request.headers(), &origin, is_preflight(&request)).await {
        Ok(known) => known,
        Err(refusal) => return vary(refusal),
    };
    if is_preflight(&request) {
        return vary(if known { preflight(origin) } else { StatusCode::NO_CONTENT.into_response() });
    }
    if !known {
        return vary(refusal());
    }
    let mut response = next.run(request).await;
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    response.headers_mut().insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    vary(response)
}

/// Whether the page that a socket came from may use the credential that it introduced itself with.
pub(super) fn may_use<'a>(
    app: &'a App,
    origin: Option<&'a HeaderValue>,
    caller: &'a Caller,
) -> BoxFuture<'a, Result<bool>> {
    Box::pin(async move {
        let Some(origin) = origin else { return Ok(true) };
        let Ok(text) = origin.to_str() else { return Ok(false) };
        if is_own(&app.settings, text) {
            return Ok(true);
        }
        match caller.viewer {
            Viewer::Anonymous => is_known(&app.db.read, text, None).await,
            Viewer::Storefront { storefront_id } | Viewer::Buyer { storefront_id, .. } => {
                is_known(&app.db.read, text, Some(storefront_id)).await
            }
            Viewer::Supplier { .. } | Viewer::Operator { .. } => Ok(false),
        }
    })
}

/// The API, not the pages.
fn concerns(path: &str) -> bool {
    let exact = ["/graphql", "/graphql/stream", "/graphql/ws", "/schema.graphql"];
    exact.contains(&path) || ["/uploads/", "/files/"].iter().any(|start| path.starts_with(start))
}

fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// An answer is a refusal that has nothing to do with where the page is from.
async fn admit(
    state: &HttpState,
    client: Client,
    headers: &HeaderMap,
    origin: &HeaderValue,
    is_preflight: bool,
) -> Result<bool, Response> {
    let app = &state.app;
    let authorization = headers.get(header::AUTHORIZATION).filter(|_| !is_preflight);
    if authorization.is_none() {
        return may_use(app, Some(origin), &Caller::ANONYMOUS).await.map_err(failing);
    }
    // As at the door, which a request from a page that is refused doesn't reach.
    let budgets = state.executor.budgets();
    let may_attempt = budgets.may_attempt(client);
    let found = match may_attempt {
        Ok(()) => find_caller(app, authorization).await.map_err(failing)?,
        Err(_overdrawn) => None,
    };
    if let Some(caller) = found {
        return may_use(app, Some(origin), &caller).await.map_err(failing);
    }
    // The door refuses the credential, and charges the attempt, in words that a storefront's page may read.
    if may_use(app, Some(origin), &Caller::ANONYMOUS).await.map_err(failing)? {
        return Ok(true);
    }
    let charged = may_attempt.and_then(|()| budgets.charge_attempt(client));
    charged.map(|()| false).map_err(|overdrawn| failure::too_many_attempts(&overdrawn))
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn failing(error: Error) -> Response {
    failure::from_error(&error)
}

/// As browsers write them: this server's public address; in the sandbox also whatever this machine calls it.
fn is_own(settings: &Settings, origin: &str) -> bool {
    let serialized = |url: &str| Url::parse(url).ok().map(|url| url.origin().ascii_serialization());
    if serialized(&settings.public_url()).as_deref() == Some(origin) {
        return true;
    }
    let port = settings.listen.port();
    let hosts = ["localhost", "127.0.0.1", "[::1]"];
    settings.is_sandbox()
        && (serialized(&settings.own_url()).as_deref() == Some(origin)
            || hosts.iter().any(|host| serialized(&format!("http://{host}:{port}")).as_deref() == Some(origin)))
}

fn preflight(origin: HeaderValue) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, KEPT);
    response
}

fn refusal() -> Response {
    let message = "this page's origin is not one of the storefront's whose credential this is; \
        an operator adds it with updateStorefront(input: { browserOrigins })";
    failure::answer(StatusCode::FORBIDDEN, ErrorCode::OriginNotAllowed, message)
}

/// What is answered depends on who asks from where, so that no cache gives one origin's answer to another.
fn vary(mut response: Response) -> Response {
    response.headers_mut().append(header::VARY, HeaderValue::from_static("origin"));
    response
}

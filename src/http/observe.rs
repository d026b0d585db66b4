//! What is known of every request: its id, one line in the log, and counts. Never a token, a body or a query string.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing::Instrument;

use super::prepared::Operation;
use crate::app::App;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The request's id, for whoever answers it.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// One recorder for the process, however many servers the tests run in it. None: another crate's recorder came first.
static RECORDER: LazyLock<Option<PrometheusHandle>> = LazyLock::new(|| {
    PrometheusBuilder::new()
        .set_buckets(&[0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0])
        .and_then(PrometheusBuilder::install_recorder)
        .inspect_err(|cause| tracing::warn!(%cause, "there will be no metrics"))
        .ok()
});

/// Installs the recorder, so that what is counted before the first request counts too.
pub fn install_recorder() {
    LazyLock::force(&RECORDER);
}

pub(super) async fn metrics() -> Response {
    let text = RECORDER.as_ref().map(|recorder| {
        recorder.run_upkeep();
        recorder.render()
    });
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], text.unwrap_or_default()).into_response()
}

pub(super) async fn observe(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let id = sent_id(request.headers()).unwrap_or_else(|| app.clock.new_id().simple().to_string());
    let route = route(request.uri().path());
    let path = logged(request.uri().path());
    let span = tracing::info_span!("request", request_id = id, method = %request.method(), path);
    request.extensions_mut().insert(RequestId(id.clone()));

    let mut response = next.run(request).instrument(span.clone()).await;

    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let status = response.status().as_u16();
    let ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    span.in_scope(|| match response.extensions().get::<Operation>() {
        Some(operation) => tracing::info!(status, ms, operation = operation.name, "answered"),
        // Probes ask every few seconds.
        None if matches!(route, "/healthz" | "/readyz" | "/metrics") => tracing::debug!(status, ms, "answered"),
        None => tracing::info!(status, ms, "answered"),
    });
    metrics::counter!("secure_payment_http_requests_total", "route" => route, "status" => status.to_string())
        .increment(1);
    metrics::histogram!("secure_payment_http_request_seconds", "route" => route).record(begun.elapsed().as_secs_f64());
    response
}

/// An id that came with the request is kept if it can stand in a log line.
fn sent_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    let fits = (1..=64).contains(&id.len()) && id.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:".contains(c));
    fits.then(|| id.to_owned())
}

/// What follows `/uploads/` is a token.
fn logged(path: &str) -> &str {
    if path.starts_with("/uploads") { "/uploads/***" } else { path }
}

/// Bounded, whatever addresses are asked for.
fn route(path: &str) -> &'static str {
    const EXACT: [&str; 8] =
        ["/", "/graphql", "/graphql/stream", "/graphql/ws", "/schema.graphql", "/healthz", "/readyz", "/metrics"];
    const BELOW: [&str; 5] = ["/graphiql", "/webhooks", "/sandbox", "/uploads", "/files"];
    let exact = EXACT.into_iter().find(|route| path == *route);
    exact.or_else(|| BELOW.into_iter().find(|route| path.starts_with(route))).unwrap_or("other")
}

/// Counts a GraphQL operation that ran, or was refused before it did.
pub(super) fn count_operation(operation: &Operation, ok: bool, took: Duration) {
    let outcome = if ok { "ok" } else { "errors" };
    metrics::counter!("secure_payment_graphql_operations_total", "operation" => operation.label.clone(), "outcome" => outcome)
        .increment(1);
    metrics::histogram!("secure_payment_graphql_operation_seconds", "operation" => operation.label.clone())
        .record(took.as_secs_f64());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sent_id_is_kept_only_if_it_is_sane() {
        let sent = |id: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_str(id).expect("a header"));
            sent_id(&headers)
        };
        assert_eq!(sent("checkout-42.a_b:c").as_deref(), Some("checkout-42.a_b:c"));
        for id in ["", "two words", "a\"b", &"x".repeat(65)] {
            assert_eq!(sent(id), None, "{id}");
        }
    }

    #[test]
    fn an_uploads_token_is_not_logged() {
        assert_eq!(logged("/uploads/1f3a"), "/uploads/***");
        assert_eq!(logged("/files/file_1"), "/files/file_1");
    }

    #[test]
    fn routes_are_few() {
        assert_eq!(route("/webhooks/sandbox"), "/webhooks");
        assert_eq!(route("/graphql"), "/graphql");
        assert_eq!(route("/files/file_1"), "/files");
        assert_eq!(route("/graphql/../../etc"), "other");
    }
}

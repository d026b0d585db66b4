//! GraphQL over server-sent events, in the mode of distinct connections: one operation, one stream.
//!
//! What is not a request, is refused by the limits or does not fit the schema is answered with a status and JSON,
//! before a stream begins. Then come `event: next` for each answer, a comment every 15 seconds, and `event: complete`
//! at the end. A credential that ends is reported as an error UNAUTHENTICATED, and the stream is complete; when the
//! server stops, the stream breaks off without `complete`, so that the client comes back, to another node. A stream
//! counts as a socket.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt, stream};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tracing::Instrument;

use super::failure;
use super::media::{Media, is_json};
use super::parameters::Parameters;
use super::prepared::{Operation, is_request_error};
use super::refused::Refused;
use super::session::{CallerSession, SessionEnd};
use super::socket_slots::{BEAT_EVERY, LOOK_AGAIN_EVERY, SEND_PATIENCE, SocketSlot};
use super::state::HttpState;
use crate::error::ErrorCode;
use crate::graphql::limits::refusal;
use crate::peer::Client;

const EVENT_STREAM: &str = "text/event-stream";

pub(super) async fn post(State(state): State<HttpState>, client: Client, headers: HeaderMap, body: Bytes) -> Response {
    if !is_json(&headers) {
        let problem = "send content-type: application/json";
        return failure::answer(StatusCode::UNSUPPORTED_MEDIA_TYPE, ErrorCode::BadRequest, problem);
    }
    let parameters = match serde_json::from_slice(&body) {
        Ok(json) => Parameters::from_json(json),
        Err(_cause) => Err("the body is not JSON".to_owned()),
    };
    answer(state, client, &headers, parameters, true).await
}

pub(super) async fn get(State(state): State<HttpState>, client: Client, headers: HeaderMap, uri: Uri) -> Response {
    let parameters = match Query::<Vec<(String, String)>>::try_from_uri(&uri) {
        Ok(Query(pairs)) => Parameters::from_address(pairs),
        Err(_cause) => Err("the address's query can't be read".to_owned()),
    };
    answer(state, client, &headers, parameters, false).await
}

/// Whether a request to `/graphql` wants a stream of events and nothing else.
pub(super) fn is_asked_for(headers: &HeaderMap) -> bool {
    ranges(headers).any(|range| range.eq_ignore_ascii_case(EVENT_STREAM))
}

fn ranges(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|text| text.split(',')).map(|range| range.split(';').next().unwrap_or_default().trim())
}

fn takes_events(headers: &HeaderMap) -> bool {
    let mut ranges = ranges(headers).filter(|range| !range.is_empty()).peekable();
    let events = [EVENT_STREAM, "text/*", "*/*"];
    ranges.peek().is_none() || ranges.any(|range| events.iter().any(|event| range.eq_ignore_ascii_case(event)))
}

async fn answer(
    state: HttpState,
    client: Client,
    headers: &HeaderMap,
    parameters: Result<Parameters, String>,
    may_change_things: bool,
) -> Response {
    match begin(state, client, headers, parameters, may_change_things).await {
        Ok(body) => {
            let headers = [
                (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8")),
                (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
                (header::VARY, HeaderValue::from_static("accept, authorization")),
                // A proxy that collects an answer before it hands it on would hand on nothing.
                (header::HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
            ];
            (headers, body).into_response()
        }
        Err(mut refusal) => {
            refusal.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            refusal
        }
    }
}

async fn begin(
    state: HttpState,
    client: Client,
    headers: &HeaderMap,
    parameters: Result<Parameters, String>,
    may_change_things: bool,
) -> Result<Body, Response> {
    if !takes_events(headers) {
        let problem = "accept text/event-stream";
        return Err(failure::answer(StatusCode::NOT_ACCEPTABLE, ErrorCode::BadRequest, problem));
    }
    let session = CallerSession::begin(&state, headers.get(header::AUTHORIZATION).cloned(), client).await?;
    let prepared = parameters
        .map_err(|problem| Refused::malformed(&problem))
        .and_then(|parameters| state.executor.admit(parameters, session.caller(), client))
        .map_err(|refused| Media::GraphQlResponse.respond_refused(refused))?;
    if prepared.mutates && !may_change_things {
        return Err(failure::answer_with(
            StatusCode::METHOD_NOT_ALLOWED,
            ErrorCode::BadRequest,
            "over GET a document may hold queries and subscriptions only; send it with POST",
            (header::ALLOW, "POST"),
        ));
    }
    let slots = take_slots(&state, &session).map_err(|(code, problem)| failure::too_many(code, problem))?;
    let mut responses = state.executor.stream(prepared, &state.app, session.caller());
    // Validation waits for nothing: a document that does not fit is refused at the first look.
    let first = match responses.next().now_or_never() {
        Some(Some(response)) if is_request_error(&response) => {
            return Err(Media::GraphQlResponse.respond(response, Operation::unknown()));
        }
        first => first,
    };
    let (sender, chunks) = mpsc::channel(4);
    let event_stream = EventStream { state, session, chunks: sender, _slots: slots };
    tokio::spawn(event_stream.run(first, responses).in_current_span());
    let chunks = stream::unfold(chunks, |mut chunks: mpsc::Receiver<Bytes>| async move {
        chunks.recv().await.map(|chunk| (Ok::<_, Infallible>(chunk), chunks))
    });
    Ok(Body::from_stream(chunks))
}

fn take_slots(state: &HttpState, session: &CallerSession) -> Result<[SocketSlot; 3], (ErrorCode, &'static str)> {
    let viewer = session.caller().viewer;
    let (node, own, operation) =
        (state.socket_slots.socket(), state.socket_slots.socket_of(viewer), state.socket_slots.operation_of(viewer));
    let (Some(node), Some(own)) = (node, own) else {
        return Err((ErrorCode::RateLimited, "there are too many open sockets and event streams"));
    };
    let Some(operation) = operation else {
        return Err((ErrorCode::LimitReached, "too many operations are running on sockets and event streams"));
    };
    Ok([node, own, operation])
}

/// One stream, until it is complete, or nobody listens.
struct EventStream {
    state: HttpState,
    session: CallerSession,
    chunks: mpsc::Sender<Bytes>,
    _slots: [SocketSlot; 3],
}

/// Nobody listens, or all was sent.
struct Done;

impl EventStream {
    async fn run(
        mut self,
        first: Option<Option<async_graphql::Response>>,
        responses: BoxStream<'static, async_graphql::Response>,
    ) {
        let open = metrics::gauge!("secure_payment_graphql_streams");
        open.increment(1.0);
        let Err(Done) = self.run_to_end(first, responses).await;
        open.decrement(1.0);
    }

    async fn run_to_end(
        &mut self,
        first: Option<Option<async_graphql::Response>>,
        mut responses: BoxStream<'static, async_graphql::Response>,
    ) -> Result<Infallible, Done> {
        // At once, so that the client knows that it is heard.
        self.send_chunk(Bytes::from_static(b":\n\n")).await?;
        if let Some(first) = first {
            self.pass_on(first).await?;
        }
        let mut stopping = self.state.lifecycle.stopping();
        let mut beat = interval_at(Instant::now() + BEAT_EVERY, BEAT_EVERY);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut look_again = interval_at(Instant::now() + LOOK_AGAIN_EVERY, LOOK_AGAIN_EVERY);
        look_again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.session.over() => return Err(self.end_unauthenticated().await),
                () = stopping.ordered() => return Err(Done),
                () = self.chunks.closed() => return Err(Done),
                _tick = beat.tick() => self.send_chunk(Bytes::from_static(b":\n\n")).await?,
                _tick = look_again.tick() => match self.session.look_again().await {
                    Ok(()) => {}
                    Err(SessionEnd::Credential) => return Err(self.end_unauthenticated().await),
                    // The client comes back, and learns it then.
                    Err(SessionEnd::Database) => return Err(Done),
                },
                response = responses.next() => self.pass_on(response).await?,
            }
        }
    }

    async fn pass_on(&mut self, response: Option<async_graphql::Response>) -> Result<(), Done> {
        let Some(response) = response else {
            self.send_chunk(Bytes::from_static(b"event: complete\ndata: \n\n")).await?;
            return Err(Done);
        };
        if self.session.is_over() {
            return Err(self.end_unauthenticated().await);
        }
        self.send_response(&response).await
    }

    async fn end_unauthenticated(&mut self) -> Done {
        let error = refusal(ErrorCode::Unauthenticated, "the credential has expired or was revoked");
        let last = async_graphql::Response::from_errors(vec![error]);
        match self.send_response(&last).await {
            Ok(()) => self.send_chunk(Bytes::from_static(b"event: complete\ndata: \n\n")).await.err().unwrap_or(Done),
            Err(done) => done,
        }
    }

    async fn send_response(&mut self, response: &async_graphql::Response) -> Result<(), Done> {
        // JSON has no line breaks.
        let json = serde_json::to_string(response).map_err(|cause| {
            tracing::error!(%cause, "an answer could not be written");
            Done
        })?;
        self.send_chunk(Bytes::from(format!("event: next\ndata: {json}\n\n"))).await
    }

    async fn send_chunk(&self, chunk: Bytes) -> Result<(), Done> {
        match timeout(SEND_PATIENCE, self.chunks.send(chunk)).await {
            Ok(Ok(())) => Ok(()),
            // Gone, or it doesn't read.
            Ok(Err(_)) | Err(_) => Err(Done),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_for_who_takes_one() {
        let asked = |accept: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            (takes_events(&headers), is_asked_for(&headers))
        };
        assert_eq!(asked("text/event-stream"), (true, true));
        assert_eq!(asked("application/json, Text/Event-Stream; q=0.9"), (true, true));
        assert_eq!(asked("*/*"), (true, false));
        assert_eq!(asked("application/json"), (false, false));
        assert!(takes_events(&HeaderMap::new()) && !is_asked_for(&HeaderMap::new()));
    }
}

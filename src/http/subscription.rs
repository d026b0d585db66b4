//! GraphQL over WebSocket: the protocol graphql-transport-ws, with its own close codes.
//!
//! A socket is bounded: it must introduce itself within 10 seconds, may have 50 operations at once, must answer pings,
//! and must read what it is sent. There is a bound on a principal's sockets and operations, and on a node's sockets
//! ([`super::places`]): a node that is full answers 429, a socket too many is closed with 4429, an operation too many is
//! answered with an error LIMIT_REACHED. When its credential ends the socket is closed with 4403: at the moment of expiry,
//! at once when it is revoked on this node, within 30 seconds when on another. An operation's loaders and data are its own,
//! not the socket's.

use std::collections::HashMap;
use std::time::Duration;

use async_graphql::ServerError;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tracing::Instrument;

use super::execution::{Parameters, Refused, is_request_error};
use super::places::{INIT_PATIENCE, LOOK_AGAIN_EVERY, MOST_OPERATIONS_OF_A_SOCKET, Place, SEND_PATIENCE};
use super::tenure::{Lost, Tenure};
use super::{Door, cors, failure, sse};
use crate::auth::Caller;
use crate::error::ErrorCode;
use crate::graphql::limits::refusal;
use crate::peer::Client;

const PROTOCOL: &str = "graphql-transport-ws";
const PING_EVERY: Duration = LOOK_AGAIN_EVERY;
/// For the other end's last word.
const FAREWELL_PATIENCE: Duration = Duration::from_secs(3);
const MOST_MESSAGE_BYTES: usize = super::body::MOST_BYTES;

pub(super) async fn upgrade(
    State(door): State<Door>,
    client: Client,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let Ok(upgrade) = upgrade else {
        let problem = format!("this address takes WebSockets that speak {PROTOCOL}");
        return failure::answer(StatusCode::BAD_REQUEST, ErrorCode::BadRequest, &problem);
    };
    let upgrade = upgrade.max_message_size(MOST_MESSAGE_BYTES).max_frame_size(MOST_MESSAGE_BYTES).protocols([PROTOCOL]);
    if upgrade.selected_protocol().is_none() {
        let problem = format!("the subprotocol {PROTOCOL} is the one spoken here");
        return failure::answer(StatusCode::BAD_REQUEST, ErrorCode::BadRequest, &problem);
    }
    let Some(place) = door.places.socket() else {
        return sse::too_many(ErrorCode::RateLimited, "this node has too many open sockets and event streams");
    };
    let authorization = headers.get(header::AUTHORIZATION).cloned();
    let origin = headers.get(header::ORIGIN).cloned();
    let socket = move |socket| async move {
        let operations = HashMap::new();
        let tasks = JoinSet::new();
        let socket = Socket { socket, authorization, origin, client, door, operations, begun: 0, tasks, _place: place };
        socket.serve().await;
    };
    upgrade.on_upgrade(|stream| socket(stream).instrument(tracing::Span::current()))
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Received {
    ConnectionInit { payload: Option<Json> },
    Subscribe { id: String, payload: Json },
    Complete { id: String },
    Ping {},
    Pong {},
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Sent {
    ConnectionAck,
    Ping,
    Pong,
    Next { id: String, payload: async_graphql::Response },
    Error { id: String, payload: Vec<async_graphql::ServerError> },
    Complete { id: String },
}

/// Why a socket ends, as the protocol numbers it.
struct Close {
    code: u16,
    reason: &'static str,
}

impl Close {
    /// Without a farewell.
    const GONE: Self = Self { code: 1006, reason: "" };
    /// With the client's.
    const LEFT: Self = Self { code: 1000, reason: "" };
    const SHUTTING_DOWN: Self = Self { code: 1012, reason: "Service restart" };
    const MALFORMED: Self = Self { code: 4400, reason: "Invalid message received" };
    const UNAUTHORIZED: Self = Self { code: 4401, reason: "Unauthorized" };
    const FORBIDDEN: Self = Self { code: 4403, reason: "Forbidden" };
    const INIT_TIMEOUT: Self = Self { code: 4408, reason: "Connection initialisation timeout" };
    const SUBSCRIBED: Self = Self { code: 4409, reason: "Subscriber already exists" };
    const TOO_MANY: Self = Self { code: 4429, reason: "Too many sockets" };
    const TRY_AGAIN: Self = Self { code: 1013, reason: "Try again later" };
    const TWICE_INIT: Self = Self { code: 4429, reason: "Too many initialisation requests" };
    const SILENT: Self = Self { code: 4499, reason: "Pings were not answered" };
}

impl From<Lost> for Close {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::Credential => Self::FORBIDDEN,
            Lost::Database => Self::TRY_AGAIN,
        }
    }
}

struct Socket {
    socket: WebSocket,
    /// Of the upgrade request, or of `connection_init`, which has the last word.
    authorization: Option<HeaderValue>,
    /// Of the page that opened it. None: no browser.
    origin: Option<HeaderValue>,
    /// Where it comes from: budgets are charged by it.
    client: Client,
    door: Door,
    /// Running operations by the client's id. The number tells an operation from an earlier one with the same id.
    operations: HashMap<String, (u64, AbortHandle)>,
    begun: u64,
    /// Dropping it ends them all.
    tasks: JoinSet<()>,
    _place: Place,
}

/// What an operation's task has to say.
struct Said {
    number: u64,
    message: Sent,
}

impl Socket {
    async fn serve(mut self) {
        let Err(close) = self.converse().await;
        self.tasks.abort_all();
        self.operations.clear();
        // A client that reads no more is not waited for.
        if close.code != Close::GONE.code
            && let Ok(Err(cause)) = timeout(FAREWELL_PATIENCE, self.say_farewell(&close)).await
        {
            tracing::debug!(%cause, "closing a socket");
        }
        metrics::gauge!("secure_payment_graphql_sockets").decrement(1.0);
    }

    /// Both ends say that they close before the connection does; otherwise a client hears of a connection that broke (1006),
    /// and not why it was closed.
    async fn say_farewell(&mut self, close: &Close) -> Result<(), axum::Error> {
        if close.code != Close::LEFT.code {
            let frame = CloseFrame { code: close.code, reason: Utf8Bytes::from_static(close.reason) };
            self.socket.send(Message::Close(Some(frame))).await?;
        }
        // Reading on is what answers the client's farewell, and waits for its answer to ours.
        while let Some(Ok(_unheeded)) = self.socket.recv().await {}
        Ok(())
    }

    async fn converse(&mut self) -> Result<std::convert::Infallible, Close> {
        metrics::gauge!("secure_payment_graphql_sockets").increment(1.0);
        let mut stopping = self.door.lifecycle.stopping();
        let mut tenure = {
            let introduction = timeout(INIT_PATIENCE, self.introduction());
            tokio::select! {
                tenure = introduction => tenure.unwrap_or(Err(Close::INIT_TIMEOUT))?,
                () = stopping.ordered() => return Err(Close::SHUTTING_DOWN),
            }
        };
        let _own_place = self.door.places.socket_of(tenure.caller().viewer).ok_or(Close::TOO_MANY)?;
        self.send(&Sent::ConnectionAck).await?;

        // Bounded: an operation waits when the client reads slower than it speaks.
        let (say, mut said) = mpsc::channel::<Said>(16);
        let mut ping = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut answered = true;
        loop {
            tokio::select! {
                message = self.socket.recv() => {
                    answered = true;
                    if let Some(message) = read(message)? {
                        if tenure.is_over() {
                            return Err(Close::FORBIDDEN);
                        }
                        self.heed(message, tenure.caller(), &say).await?;
                    }
                }
                Some(words) = said.recv() => {
                    if tenure.is_over() {
                        return Err(Close::FORBIDDEN);
                    }
                    self.pass_on(words).await?;
                }
                _tick = ping.tick() => {
                    if !answered {
                        return Err(Close::SILENT);
                    }
                    answered = false;
                    tenure.look_again().await.map_err(Close::from)?;
                    self.send(&Sent::Ping).await?;
                }
                () = tenure.over() => return Err(Close::FORBIDDEN),
                () = stopping.ordered() => return Err(Close::SHUTTING_DOWN),
            }
        }
    }

    /// Waits for `connection_init`; pings may come before it.
    async fn introduction(&mut self) -> Result<Tenure, Close> {
        loop {
            let message = self.socket.recv().await;
            match read(message)? {
                Some(Received::ConnectionInit { payload }) => {
                    if let Some(authorization) = authorization_in(payload)? {
                        self.authorization = Some(authorization);
                    }
                    let app = &self.door.app;
                    let tenure = Tenure::begin(&self.door, self.authorization.clone(), self.client).await;
                    let tenure = tenure.map_err(|refusal| Close::from(Lost::of(&refusal)))?;
                    let allowed = cors::may_use(app, self.origin.as_ref(), tenure.caller()).await;
                    return if allowed.map_err(|_cause| Close::TRY_AGAIN)? {
                        Ok(tenure)
                    } else {
                        Err(Close::FORBIDDEN)
                    };
                }
                Some(Received::Ping {}) => self.send(&Sent::Pong).await?,
                Some(Received::Subscribe { .. }) => return Err(Close::UNAUTHORIZED),
                Some(Received::Complete { .. } | Received::Pong {}) | None => {}
            }
        }
    }

    async fn heed(&mut self, message: Received, caller: &Caller, say: &mpsc::Sender<Said>) -> Result<(), Close> {
        match message {
            Received::ConnectionInit { .. } => Err(Close::TWICE_INIT),
            Received::Ping {} => self.send(&Sent::Pong).await,
            Received::Pong {} => Ok(()),
            Received::Complete { id } => {
                if let Some((_number, task)) = self.operations.remove(&id) {
                    task.abort();
                }
                Ok(())
            }
            Received::Subscribe { id, payload } => {
                if self.operations.contains_key(&id) {
                    return Err(Close::SUBSCRIBED);
                }
                let place = if self.operations.len() < MOST_OPERATIONS_OF_A_SOCKET {
                    self.door.places.operation_of(caller.viewer)
                } else {
                    None
                };
                let Some(place) = place else {
                    let problem = "too many operations are running; end one, or wait until one ends";
                    let errors = vec![refusal(ErrorCode::LimitReached, problem)];
                    return self.send(&Sent::Error { id, payload: errors }).await;
                };
                self.begun += 1;
                let sender = (caller.clone(), self.client);
                let operation = operation(self.door.clone(), sender, id.clone(), payload, self.begun, say.clone());
                let operation = async move {
                    operation.await;
                    drop(place);
                };
                let task = self.tasks.spawn(operation.in_current_span());
                self.operations.insert(id, (self.begun, task));
                while self.tasks.try_join_next().is_some() {}
                Ok(())
            }
        }
    }

    /// Sends what an operation said, unless the client has ended it meanwhile.
    async fn pass_on(&mut self, said: Said) -> Result<(), Close> {
        let (Sent::Next { id, .. } | Sent::Error { id, .. } | Sent::Complete { id }) = &said.message else {
            return Ok(());
        };
        if self.operations.get(id).is_none_or(|(number, _task)| *number != said.number) {
            return Ok(());
        }
        if matches!(said.message, Sent::Error { .. } | Sent::Complete { .. }) {
            self.operations.remove(id);
        }
        self.send(&said.message).await
    }

    async fn send(&mut self, message: &Sent) -> Result<(), Close> {
        let text = serde_json::to_string(message).map_err(|_cause| Close::GONE)?;
        match timeout(SEND_PATIENCE, self.socket.send(Message::Text(text.into()))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Close::GONE),
        }
    }
}

/// Runs one operation and says what comes of it.
async fn operation(
    door: Door,
    (caller, client): (Caller, Client),
    id: String,
    payload: Json,
    number: u64,
    say: mpsc::Sender<Said>,
) {
    let prepared = Parameters::from_json(payload)
        .map_err(|problem| Refused::malformed(&problem))
        .and_then(|parameters| door.executor.admit(parameters, &caller, client));
    let prepared = match prepared {
        Ok(prepared) => look_at_clock(&door).await.map(|()| prepared).map_err(Refused::from),
        Err(refused) => Err(refused),
    };
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(refused) => {
            let refusal = Said { number, message: Sent::Error { id, payload: refused.into_errors() } };
            return drop(say.send(refusal).await);
        }
    };
    tracing::info!(operation = prepared.operation.name, "subscribed");
    let mut responses = door.executor.stream(prepared, &door.app, &caller);
    while let Some(response) = responses.next().await {
        if is_request_error(&response) {
            let refusal = Said { number, message: Sent::Error { id, payload: response.errors } };
            return drop(say.send(refusal).await);
        }
        if say.send(Said { number, message: Sent::Next { id: id.clone(), payload: response } }).await.is_err() {
            return;
        }
    }
    drop(say.send(Said { number, message: Sent::Complete { id } }).await);
}

/// As every request does: a socket may be older than what another node has set the sandbox's clock to.
async fn look_at_clock(door: &Door) -> Result<(), ServerError> {
    if door.app.shares_its_clock() {
        door.app.catch_up().await.map_err(|cause| {
            tracing::error!(%cause, "the sandbox's clock could not be read");
            refusal(ErrorCode::Unavailable, "the server can't do this right now; try again")
        })?;
    }
    Ok(())
}

fn read(message: Option<Result<Message, axum::Error>>) -> Result<Option<Received>, Close> {
    match message {
        Some(Ok(Message::Text(text))) => {
            serde_json::from_str(text.as_str()).map(Some).map_err(|_cause| Close::MALFORMED)
        }
        Some(Ok(Message::Binary(_))) => Err(Close::MALFORMED),
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(None),
        Some(Ok(Message::Close(_))) => Err(Close::LEFT),
        Some(Err(_)) | None => Err(Close::GONE),
    }
}

/// `{"Authorization": "Bearer …"}`, whatever the letters' case; GraphiQL sends its headers here.
fn authorization_in(payload: Option<Json>) -> Result<Option<HeaderValue>, Close> {
    let Some(Json::Object(members)) = payload else { return Ok(None) };
    let Some((_name, value)) = members.iter().find(|(name, _value)| name.eq_ignore_ascii_case("authorization")) else {
        return Ok(None);
    };
    let value = value.as_str().and_then(|text| HeaderValue::from_str(text).ok()).ok_or(Close::FORBIDDEN)?;
    Ok(Some(value))
}

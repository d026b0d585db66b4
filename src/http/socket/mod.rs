//! GraphQL over WebSocket: the protocol graphql-transport-ws, with its own close codes.
//!
//! A socket is bounded: it must introduce itself within 10 seconds, may have 50 operations at once, must answer pings,
//! and must read what it is sent. There is a bound on a principal's sockets and operations, and on a node's sockets
//! ([`super::socket_slots`]): a node that is full answers 429, a socket too many is closed with 4429, an operation too
//! many is answered with an error LIMIT_REACHED. When its credential ends the socket is closed with 4403: at the moment
//! of expiry, at once when it is revoked on this node, within 30 seconds when on another. An operation's loaders and
//! data are its own, not the socket's.

use std::collections::HashMap;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tracing::Instrument;

use super::session::{CallerSession, SessionEnd};
use super::socket_slots::{INIT_PATIENCE, LOOK_AGAIN_EVERY, MOST_OPERATIONS_OF_A_SOCKET, SEND_PATIENCE, SocketSlot};
use super::state::HttpState;
use super::{cors, failure};
use crate::auth::Caller;
use crate::error::ErrorCode;
use crate::graphql::limits::refusal;
use crate::peer::Client;

mod operation;
mod protocol;

use operation::{OperationMessage, SocketOperation};
use protocol::{ClientMessage, Close, ServerMessage, authorization_in, read};

const PROTOCOL: &str = "graphql-transport-ws";
const PING_EVERY: Duration = LOOK_AGAIN_EVERY;
/// For the other end's close frame.
const CLOSE_PATIENCE: Duration = Duration::from_secs(3);
const MOST_MESSAGE_BYTES: usize = super::body::MOST_BYTES;

pub(super) async fn upgrade(
    State(state): State<HttpState>,
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
    let Some(slot) = state.socket_slots.socket() else {
        return failure::too_many(ErrorCode::RateLimited, "this node has too many open sockets and event streams");
    };
    let authorization = headers.get(header::AUTHORIZATION).cloned();
    let origin = headers.get(header::ORIGIN).cloned();
    let socket = move |socket| async move {
        let operations = HashMap::new();
        let tasks = JoinSet::new();
        let socket = Socket { socket, authorization, origin, client, state, operations, begun: 0, tasks, _slot: slot };
        socket.serve().await;
    };
    upgrade.on_upgrade(|stream| socket(stream).instrument(tracing::Span::current()))
}

struct Socket {
    socket: WebSocket,
    /// Of the upgrade request, or of `connection_init`, which has the last word.
    authorization: Option<HeaderValue>,
    /// Of the page that opened it. None: no browser.
    origin: Option<HeaderValue>,
    /// Where it comes from: budgets are charged by it.
    client: Client,
    state: HttpState,
    /// Running operations by the client's id. The number tells an operation from an earlier one with the same id.
    operations: HashMap<String, (u64, AbortHandle)>,
    begun: u64,
    /// Dropping it ends them all.
    tasks: JoinSet<()>,
    _slot: SocketSlot,
}

impl Socket {
    async fn serve(mut self) {
        let Err(close) = self.run().await;
        self.tasks.abort_all();
        self.operations.clear();
        // A client that reads no more is not waited for.
        if close.code != Close::GONE.code
            && let Ok(Err(cause)) = timeout(CLOSE_PATIENCE, self.send_close(&close)).await
        {
            tracing::debug!(%cause, "closing a socket");
        }
        metrics::gauge!("secure_payment_graphql_sockets").decrement(1.0);
    }

    /// Both ends say that they close before the connection does; otherwise a client hears of a connection that broke
    /// (1006), and not why it was closed.
    async fn send_close(&mut self, close: &Close) -> Result<(), axum::Error> {
        if close.code != Close::LEFT.code {
            let frame = CloseFrame { code: close.code, reason: Utf8Bytes::from_static(close.reason) };
            self.socket.send(Message::Close(Some(frame))).await?;
        }
        // Reading on is what answers the client's close frame, and waits for its answer to ours.
        while let Some(Ok(_unheeded)) = self.socket.recv().await {}
        Ok(())
    }

    async fn run(&mut self) -> Result<std::convert::Infallible, Close> {
        metrics::gauge!("secure_payment_graphql_sockets").increment(1.0);
        let mut stopping = self.state.lifecycle.stopping();
        let mut session = {
            let introduction = timeout(INIT_PATIENCE, self.introduction());
            tokio::select! {
                session = introduction => session.unwrap_or(Err(Close::INIT_TIMEOUT))?,
                () = stopping.ordered() => return Err(Close::SHUTTING_DOWN),
            }
        };
        let _own_slot = self.state.socket_slots.socket_of(session.caller().viewer).ok_or(Close::TOO_MANY)?;
        self.send(&ServerMessage::ConnectionAck).await?;

        // Bounded: an operation waits when the client reads slower than it speaks.
        let (sender, mut messages) = mpsc::channel::<OperationMessage>(16);
        let mut ping = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut answered = true;
        loop {
            tokio::select! {
                message = self.socket.recv() => {
                    answered = true;
                    if let Some(message) = read(message)? {
                        if session.is_over() {
                            return Err(Close::FORBIDDEN);
                        }
                        self.on_message(message, session.caller(), &sender).await?;
                    }
                }
                Some(message) = messages.recv() => {
                    if session.is_over() {
                        return Err(Close::FORBIDDEN);
                    }
                    self.pass_on(message).await?;
                }
                _tick = ping.tick() => {
                    if !answered {
                        return Err(Close::SILENT);
                    }
                    answered = false;
                    session.look_again().await.map_err(Close::from)?;
                    self.send(&ServerMessage::Ping).await?;
                }
                () = session.over() => return Err(Close::FORBIDDEN),
                () = stopping.ordered() => return Err(Close::SHUTTING_DOWN),
            }
        }
    }

    /// Waits for `connection_init`; pings may come before it.
    async fn introduction(&mut self) -> Result<CallerSession, Close> {
        loop {
            let message = self.socket.recv().await;
            match read(message)? {
                Some(ClientMessage::ConnectionInit { payload }) => {
                    if let Some(authorization) = authorization_in(payload)? {
                        self.authorization = Some(authorization);
                    }
                    let app = &self.state.app;
                    let session = CallerSession::begin(&self.state, self.authorization.clone(), self.client).await;
                    let session = session.map_err(|refusal| Close::from(SessionEnd::of(&refusal)))?;
                    let allowed = cors::may_use(app, self.origin.as_ref(), session.caller()).await;
                    return if allowed.map_err(|_cause| Close::TRY_AGAIN)? {
                        Ok(session)
                    } else {
                        Err(Close::FORBIDDEN)
                    };
                }
                Some(ClientMessage::Ping {}) => self.send(&ServerMessage::Pong).await?,
                Some(ClientMessage::Subscribe { .. }) => return Err(Close::UNAUTHORIZED),
                Some(ClientMessage::Complete { .. } | ClientMessage::Pong {}) | None => {}
            }
        }
    }

    async fn on_message(
        &mut self,
        message: ClientMessage,
        caller: &Caller,
        sender: &mpsc::Sender<OperationMessage>,
    ) -> Result<(), Close> {
        match message {
            ClientMessage::ConnectionInit { .. } => Err(Close::TWICE_INIT),
            ClientMessage::Ping {} => self.send(&ServerMessage::Pong).await,
            ClientMessage::Pong {} => Ok(()),
            ClientMessage::Complete { id } => {
                if let Some((_number, task)) = self.operations.remove(&id) {
                    task.abort();
                }
                Ok(())
            }
            ClientMessage::Subscribe { id, payload } => {
                if self.operations.contains_key(&id) {
                    return Err(Close::SUBSCRIBED);
                }
                let slot = if self.operations.len() < MOST_OPERATIONS_OF_A_SOCKET {
                    self.state.socket_slots.operation_of(caller.viewer)
                } else {
                    None
                };
                let Some(slot) = slot else {
                    let problem = "too many operations are running; end one, or wait until one ends";
                    let errors = vec![refusal(ErrorCode::LimitReached, problem)];
                    return self.send(&ServerMessage::Error { id, payload: errors }).await;
                };
                self.begun += 1;
                let operation = SocketOperation {
                    state: self.state.clone(),
                    caller: caller.clone(),
                    client: self.client,
                    id: id.clone(),
                    number: self.begun,
                    messages: sender.clone(),
                };
                let operation = async move {
                    operation.run(payload).await;
                    drop(slot);
                };
                let task = self.tasks.spawn(operation.in_current_span());
                self.operations.insert(id, (self.begun, task));
                while self.tasks.try_join_next().is_some() {}
                Ok(())
            }
        }
    }

    /// Sends what an operation has for the client, unless the client has ended it meanwhile.
    async fn pass_on(&mut self, from_operation: OperationMessage) -> Result<(), Close> {
        let (ServerMessage::Next { id, .. } | ServerMessage::Error { id, .. } | ServerMessage::Complete { id }) =
            &from_operation.message
        else {
            return Ok(());
        };
        if self.operations.get(id).is_none_or(|(number, _task)| *number != from_operation.number) {
            return Ok(());
        }
        if matches!(from_operation.message, ServerMessage::Error { .. } | ServerMessage::Complete { .. }) {
            self.operations.remove(id);
        }
        self.send(&from_operation.message).await
    }

    async fn send(&mut self, message: &ServerMessage) -> Result<(), Close> {
        let text = serde_json::to_string(message).map_err(|_cause| Close::GONE)?;
        match timeout(SEND_PATIENCE, self.socket.send(Message::Text(text.into()))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Close::GONE),
        }
    }
}

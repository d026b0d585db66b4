//! The messages of graphql-transport-ws, and the codes that a socket is closed with.

use axum::extract::ws::Message;
use axum::http::HeaderValue;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::http::session::SessionEnd;

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ClientMessage {
    ConnectionInit { payload: Option<Json> },
    Subscribe { id: String, payload: Json },
    Complete { id: String },
    Ping {},
    Pong {},
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ServerMessage {
    ConnectionAck,
    Ping,
    Pong,
    Next { id: String, payload: async_graphql::Response },
    Error { id: String, payload: Vec<async_graphql::ServerError> },
    Complete { id: String },
}

/// Why a socket ends, as the protocol numbers it.
pub(super) struct Close {
    pub(super) code: u16,
    pub(super) reason: &'static str,
}

impl Close {
    /// Without a close frame.
    pub(super) const GONE: Self = Self { code: 1006, reason: "" };
    /// With the client's.
    pub(super) const LEFT: Self = Self { code: 1000, reason: "" };
    pub(super) const SHUTTING_DOWN: Self = Self { code: 1012, reason: "Service restart" };
    pub(super) const MALFORMED: Self = Self { code: 4400, reason: "Invalid message received" };
    pub(super) const UNAUTHORIZED: Self = Self { code: 4401, reason: "Unauthorized" };
    pub(super) const FORBIDDEN: Self = Self { code: 4403, reason: "Forbidden" };
    pub(super) const INIT_TIMEOUT: Self = Self { code: 4408, reason: "Connection initialisation timeout" };
    pub(super) const SUBSCRIBED: Self = Self { code: 4409, reason: "Subscriber already exists" };
    pub(super) const TOO_MANY: Self = Self { code: 4429, reason: "Too many sockets" };
    pub(super) const TRY_AGAIN: Self = Self { code: 1013, reason: "Try again later" };
    pub(super) const TWICE_INIT: Self = Self { code: 4429, reason: "Too many initialisation requests" };
    pub(super) const SILENT: Self = Self { code: 4499, reason: "Pings were not answered" };
}

impl From<SessionEnd> for Close {
    fn from(end: SessionEnd) -> Self {
        match end {
            SessionEnd::Credential => Self::FORBIDDEN,
            SessionEnd::Database => Self::TRY_AGAIN,
        }
    }
}

pub(super) fn read(message: Option<Result<Message, axum::Error>>) -> Result<Option<ClientMessage>, Close> {
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
pub(super) fn authorization_in(payload: Option<Json>) -> Result<Option<HeaderValue>, Close> {
    let Some(Json::Object(members)) = payload else { return Ok(None) };
    let Some((_name, value)) = members.iter().find(|(name, _value)| name.eq_ignore_ascii_case("authorization")) else {
        return Ok(None);
    };
    let value = value.as_str().and_then(|text| HeaderValue::from_str(text).ok()).ok_or(Close::FORBIDDEN)?;
    Ok(Some(value))
}

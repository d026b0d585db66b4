//! One operation of a socket, in a task of its own: it can be ended without the others.

use async_graphql::ServerError;
use futures_util::StreamExt;
use serde_json::Value as Json;
use tokio::sync::mpsc;

use super::protocol::ServerMessage;
use crate::auth::Caller;
use crate::error::ErrorCode;
use crate::graphql::limits::refusal;
use crate::http::parameters::Parameters;
use crate::http::prepared::is_request_error;
use crate::http::refused::Refused;
use crate::http::state::HttpState;
use crate::peer::Client;

/// What an operation's task has for the client.
pub(super) struct OperationMessage {
    pub(super) number: u64,
    pub(super) message: ServerMessage,
}

/// One operation that a client subscribed to.
pub(super) struct SocketOperation {
    pub(super) state: HttpState,
    pub(super) caller: Caller,
    pub(super) client: Client,
    /// The client's.
    pub(super) id: String,
    pub(super) number: u64,
    pub(super) messages: mpsc::Sender<OperationMessage>,
}

impl SocketOperation {
    /// Runs it to its end, and sends what comes of it.
    pub(super) async fn run(self, payload: Json) {
        let Self { state, caller, client, id, number, messages } = self;
        let prepared = Parameters::from_json(payload)
            .map_err(|problem| Refused::malformed(&problem))
            .and_then(|parameters| state.executor.admit(parameters, &caller, client));
        let prepared = match prepared {
            Ok(prepared) => look_at_clock(&state).await.map(|()| prepared).map_err(Refused::from),
            Err(refused) => Err(refused),
        };
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(refused) => {
                let refusal =
                    OperationMessage { number, message: ServerMessage::Error { id, payload: refused.into_errors() } };
                return drop(messages.send(refusal).await);
            }
        };
        tracing::info!(operation = prepared.operation.name, "subscribed");
        let mut responses = state.executor.stream(prepared, &state.app, &caller);
        while let Some(response) = responses.next().await {
            if is_request_error(&response) {
                let refusal =
                    OperationMessage { number, message: ServerMessage::Error { id, payload: response.errors } };
                return drop(messages.send(refusal).await);
            }
            if messages
                .send(OperationMessage { number, message: ServerMessage::Next { id: id.clone(), payload: response } })
                .await
                .is_err()
            {
                return;
            }
        }
        drop(messages.send(OperationMessage { number, message: ServerMessage::Complete { id } }).await);
    }
}

/// As every request does: a socket may be older than what another node has set the sandbox's clock to.
async fn look_at_clock(state: &HttpState) -> Result<(), ServerError> {
    if state.app.shares_its_clock() {
        state.app.catch_up().await.map_err(|cause| {
            tracing::error!(%cause, "the sandbox's clock could not be read");
            refusal(ErrorCode::Unavailable, "the server can't do this right now; try again")
        })?;
    }
    Ok(())
}

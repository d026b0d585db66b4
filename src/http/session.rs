//! The session of a socket or an event stream: what a request began may go on as long as its credential is good.
//!
//! It ends at the moment of expiry, by wall time, also when nothing happens; at once when the credential is revoked on
//! this node; and when it is looked at again ([`CallerSession::look_again`]), which whoever keeps a connection open
//! does every 30 seconds, if it was revoked on another.

use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use entity::CredentialId;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use super::caller::{caller, find_caller};
use super::state::HttpState;
use crate::auth::Caller;
use crate::peer::Client;

pub(super) struct CallerSession {
    state: HttpState,
    authorization: Option<HeaderValue>,
    caller: Caller,
    revoked: Receiver<CredentialId>,
    is_revoked: bool,
}

/// Why a session could not go on.
pub(super) enum SessionEnd {
    /// The credential is not good, or is another's now.
    Credential,
    /// It could not be looked at.
    Database,
}

impl SessionEnd {
    /// By the answer that a request would get.
    pub(super) fn of(refusal: &Response) -> Self {
        if refusal.status() == StatusCode::UNAUTHORIZED { Self::Credential } else { Self::Database }
    }
}

impl CallerSession {
    /// The answer is the refusal of a credential that is not good.
    pub(super) async fn begin(
        state: &HttpState,
        authorization: Option<HeaderValue>,
        client: Client,
    ) -> Result<Self, Response> {
        // Before the look, so that nothing is missed in between.
        let revoked = state.app.revoked.subscribe();
        let caller = caller(state, authorization.as_ref(), client).await?;
        Ok(Self { state: state.clone(), authorization, caller, revoked, is_revoked: false })
    }

    pub(super) fn caller(&self) -> &Caller {
        &self.caller
    }

    /// This is no attempt: what others try from the same address does not end what a good credential began.
    pub(super) async fn look_again(&mut self) -> Result<(), SessionEnd> {
        if self.authorization.is_none() {
            return Ok(());
        }
        let app = &self.state.app;
        let caller = find_caller(app, self.authorization.as_ref()).await.map_err(|cause| {
            tracing::warn!(%cause, "a connection's credential could not be looked at");
            SessionEnd::Database
        })?;
        let caller = caller.filter(|caller| caller.viewer == self.caller.viewer).ok_or(SessionEnd::Credential)?;
        if let Some(held) = &caller.credential {
            app.uses.note(held.id, app.clock.wall());
        }
        self.caller = caller;
        Ok(())
    }

    /// Asked before anything is sent.
    pub(super) fn is_over(&mut self) -> bool {
        loop {
            match self.revoked.try_recv() {
                Ok(id) => self.note_revoked(id),
                // Very many were revoked at once, and this may be one of them. If not, the client may begin again.
                Err(TryRecvError::Lagged(_)) => self.is_revoked |= self.caller.credential.is_some(),
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        self.is_revoked || self.caller.has_expired(self.state.app.clock.wall())
    }

    /// Returns when it is over.
    pub(super) async fn over(&mut self) {
        while !self.is_over() {
            let Some(held) = &self.caller.credential else { return std::future::pending().await };
            let expires_at = held.expires_at;
            let expiry = async {
                match expires_at {
                    Some(at) => self.state.app.clock.wall_reaches(at).await,
                    None => std::future::pending().await,
                }
            };
            let received = tokio::select! {
                () = expiry => continue,
                received = self.revoked.recv() => received,
            };
            match received {
                Ok(id) => self.note_revoked(id),
                Err(RecvError::Lagged(_)) => self.is_revoked = true,
                Err(RecvError::Closed) => return std::future::pending().await,
            }
        }
    }

    fn note_revoked(&mut self, revoked: CredentialId) {
        self.is_revoked |= self.caller.credential.as_ref().is_some_and(|held| held.id == revoked);
    }
}

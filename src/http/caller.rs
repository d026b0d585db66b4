//! Who sends a request, by its bearer token.

use axum::http::HeaderValue;
use axum::response::Response;
use futures_util::future::BoxFuture;

use super::failure;
use super::state::HttpState;
use crate::app::App;
use crate::auth::{self, Caller};
use crate::error;
use crate::peer::Client;

/// Who sends this. No header: nobody in particular. A header that isn't a valid credential: refused, and charged to
/// where it comes from, so that guessing has a price.
pub(super) fn caller<'a>(
    state: &'a HttpState,
    authorization: Option<&'a HeaderValue>,
    client: Client,
) -> BoxFuture<'a, Result<Caller, Response>> {
    Box::pin(async move {
        let Some(authorization) = authorization else { return Ok(Caller::ANONYMOUS) };
        let budgets = state.executor.budgets();
        budgets.may_attempt(client).map_err(|overdrawn| failure::too_many_attempts(&overdrawn))?;
        let app = &state.app;
        match find_caller(app, Some(authorization)).await {
            Ok(Some(caller)) => {
                if let Some(held) = &caller.credential {
                    app.uses.note(held.id, app.clock.wall());
                }
                Ok(caller)
            }
            Ok(None) => Err(match budgets.charge_attempt(client) {
                Ok(()) => failure::unauthenticated(),
                Err(overdrawn) => failure::too_many_attempts(&overdrawn),
            }),
            Err(error) => Err(failure::from_error(&error)),
        }
    })
}

/// The same, without a word of what is wrong and without a charge: for who only has to know whose it would be.
pub(super) async fn find_caller(app: &App, authorization: Option<&HeaderValue>) -> error::Result<Option<Caller>> {
    match authorization.and_then(|header| header.to_str().ok()).and_then(bearer) {
        Some(token) => auth::find_caller(&app.db.read, token, app.clock.wall()).await,
        None => Ok(None),
    }
}

fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

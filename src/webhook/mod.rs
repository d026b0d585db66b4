//! Notifications of payment providers, coming in.
//!
//! A notification is verified over its raw bytes, written into the inbox once, and acknowledged in the provider's own
//! words; only then it is applied, by a job. So a provider is answered fast, a notification that was acknowledged is
//! never lost, and one that wasn't is sent again.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::post;

use crate::app::App;

mod receive;

/// The longest notification that is read, in bytes; a longer one is answered 413.
const BODY_LIMIT: usize = 256 * 1024;

/// `POST /webhooks/{provider}`.
pub fn routes() -> Router<App> {
    Router::new().route("/webhooks/{provider}", post(receive::receive)).layer(DefaultBodyLimit::max(BODY_LIMIT))
}

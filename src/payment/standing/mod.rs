//! Captures and refunds of providers that may mend a failure by themselves, or fail later: each time that such a provider says
//! how one stands is kept, once, and then the books are brought to where all of that together says that they are.
//!
//! So it doesn't matter in which order we hear of it, how often, or on which node; and a second success is known from a late
//! repetition of the first. What moves no money (a capture that was refused, a payment that was cancelled) is kept, too.

mod capture;
mod course;
mod history;
mod refund;

use entity::Time;

use super::matching::Applied;
use crate::app::App;
use crate::error::Result;
use provider::{PaymentProvider, Standing, StandingOf};

pub use capture::give_up as give_up_capture;
pub(super) use capture::settle as settle_captures;

pub(super) async fn apply(
    app: &App,
    provider: &dyn PaymentProvider,
    standing: &Standing,
    heard_at: Time,
) -> Result<Applied> {
    if !standing.amount.amount.is_positive() {
        return Ok(Applied::NotOurs(format!("{}: a movement of {}", standing.id, standing.amount)));
    }
    match &standing.of {
        StandingOf::Capture { payment } => capture::apply(app, provider, payment, standing, heard_at).await,
        StandingOf::Refund { reference } => {
            refund::apply(app, provider, reference.as_deref(), standing, heard_at).await
        }
    }
}

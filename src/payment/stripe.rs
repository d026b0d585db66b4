//! Stripe: Visa, MasterCard and Maestro by PaymentIntents.

use super::Configured;
use crate::clock::Clock;
use crate::config::Settings;

pub(super) const NAME: &str = "stripe";

/// Off until it is configured.
pub(super) fn from_settings(_settings: &Settings, _clock: &Clock) -> Configured {
    Ok(None)
}

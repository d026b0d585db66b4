//! Any other payment company, by a small JSON API and Standard Webhooks.

use super::Configured;
use crate::clock::Clock;
use crate::config::Settings;

pub(super) const NAME: &str = "partner";

/// Off until it is configured.
pub(super) fn from_settings(_settings: &Settings, _clock: &Clock) -> Configured {
    Ok(None)
}

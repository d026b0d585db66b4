//! Alipay's OpenAPI gateway (RSA2), for a mainland app id.

use super::Configured;
use crate::clock::Clock;
use crate::config::Settings;

pub(super) const NAME: &str = "alipay";

/// Off until it is configured.
pub(super) fn from_settings(_settings: &Settings, _clock: &Clock) -> Configured {
    Ok(None)
}

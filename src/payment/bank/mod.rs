//! T/T by a bank's ISO 20022 files.

use super::Configured;
use crate::clock::Clock;
use crate::config::Settings;

pub(super) const NAME: &str = "bank";

/// Off until it is configured.
pub(super) fn from_settings(_settings: &Settings, _clock: &Clock) -> Configured {
    Ok(None)
}

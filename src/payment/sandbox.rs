//! (being built)

use std::sync::Arc;

use super::PaymentProvider;
use crate::config::Settings;

pub const NAME: &str = "sandbox";

#[must_use]
pub fn from_settings(_settings: &Settings) -> Option<Arc<dyn PaymentProvider>> {
    None
}

//! What all settings share: the mode, what an adapter may know of its installation, and the checks.
//!
//! The settings of a payment provider stand in its adapter. Each provider is off until its first setting is there; then all
//! that it needs has to be, and a setting that can't be used is named.

use clap::ValueEnum;
use entity::Currency;
use secrecy::{ExposeSecret, SecretString};

use crate::signature;

/// Defaults that are published, and therefore refused in live mode.
pub const SANDBOX_WEBHOOK_SECRET: &str = "whsec_c2FuZGJveC1vbmx5LXdlYmhvb2stc2VjcmV0LTMyYiE=";
pub const SANDBOX_API_KEY: &str = "sandbox-only-api-key";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Demo data, demo tokens, a simulated bank
    Sandbox,
    /// Real money
    Live,
}

/// What an adapter may know of the installation that it works for.
#[derive(Clone, Debug)]
pub struct Installation {
    pub mode: Mode,
    /// How browsers and payment providers reach the server, without a slash at the end.
    pub public_url: String,
    /// How the server reaches itself, likewise.
    pub own_url: String,
}

impl Installation {
    #[must_use]
    pub fn is_sandbox(&self) -> bool {
        self.mode == Mode::Sandbox
    }

    /// Where a payment provider posts its notifications.
    #[must_use]
    pub fn notification_url(&self, provider: &str) -> String {
        format!("{}/webhooks/{provider}", self.public_url)
    }
}

/// A setting that can't be used: one line that names it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable} {problem}")]
pub struct SettingError {
    pub variable: &'static str,
    pub problem: String,
}

const REQUIRED: &str = "is required by the provider that it belongs to";

/// A setting that its provider can't do without: the error names it.
pub fn required<'a, T: Given>(variable: &'static str, value: &'a Option<T>) -> Result<&'a T, SettingError> {
    value.as_ref().filter(|value| value.is_given()).ok_or_else(|| wrong(variable, REQUIRED))
}

/// As [`required`], for settings of which there can be several: without the blank ones.
pub fn required_list<T: Given + Clone>(variable: &'static str, values: &[T]) -> Result<Vec<T>, SettingError> {
    let given: Vec<T> = values.iter().filter(|value| value.is_given()).cloned().collect();
    if given.is_empty() {
        return Err(wrong(variable, REQUIRED));
    }
    Ok(given)
}

/// Whether a provider's first setting is there: `NAME=` in `.env` means that it is not.
pub fn is_given<T: Given>(value: &Option<T>) -> bool {
    value.as_ref().is_some_and(Given::is_given)
}

pub trait Given {
    fn is_given(&self) -> bool;
}

impl Given for String {
    fn is_given(&self) -> bool {
        !self.trim().is_empty()
    }
}

impl Given for SecretString {
    fn is_given(&self) -> bool {
        !self.expose_secret().trim().is_empty()
    }
}

/// `<PROVIDER>_CURRENCIES`: those of the contract, as far as the provider counts them as we do.
pub fn currencies(
    variable: &'static str,
    codes: &[String],
    check: impl Fn(Currency) -> Result<Currency, String>,
) -> Result<Vec<Currency>, SettingError> {
    let parse = |code: &String| {
        let currency = code.trim().parse::<Currency>().map_err(|error| error.to_string()).and_then(&check);
        currency.map_err(|problem| wrong(variable, format!("can't be used: {problem}")))
    };
    required_list(variable, codes)?.iter().map(parse).collect()
}

/// `<PROVIDER>_API_BASE`: what is real goes over TLS only.
pub fn check_base(variable: &'static str, base: &str, mode: Mode) -> Result<String, SettingError> {
    let base = base.trim();
    let url = reqwest::Url::parse(base).ok().filter(|url| url.has_host());
    let problem = match url.as_ref().map(|url| url.scheme()) {
        Some("https") => None,
        Some("http") if mode == Mode::Live => Some("must begin with https:// in live mode: our key goes there"),
        Some("http") => None,
        Some(_) | None => Some("must be an http:// or https:// URL"),
    };
    match problem {
        None => Ok(base.trim_end_matches('/').to_owned()),
        Some(problem) => Err(wrong(variable, problem)),
    }
}

/// Secrets of Standard Webhooks: `whsec_` and base 64, and in live mode not the one that is published.
pub fn check_webhook_secrets(variable: &'static str, secrets: &[SecretString], mode: Mode) -> Result<(), SettingError> {
    let is_published = |secret: &SecretString| secret.expose_secret().trim() == SANDBOX_WEBHOOK_SECRET;
    if mode == Mode::Live && secrets.iter().any(is_published) {
        return Err(wrong(variable, "has the sandbox's published secret, by which anybody can sign"));
    }
    match secrets.iter().find_map(|secret| signature::check_secret(secret).err()) {
        None => Ok(()),
        Some(error) => Err(wrong(variable, format!("can't be used: {error}"))),
    }
}

/// A setting that can't be used, and why: "must be …".
pub fn wrong(variable: &'static str, problem: impl Into<String>) -> SettingError {
    SettingError { variable, problem: problem.into() }
}

//! Every setting: a flag and an environment variable each, defined once, here. Nothing else reads the environment.
//!
//! `.env` in the working folder is read first; what the environment already has wins over it.

use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, ValueEnum};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use escrow::Policy;
use ground::clock::Clock;
use ground::setting::{Installation, Mode, SettingError};
use provider::{ProviderSettings, Providers, Route, Routing};

mod command_line;
mod limits;

pub use command_line::{Cli, Command, CredentialCommand};
pub use limits::LimitSettings;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

/// The default that is published, and therefore refused in live mode.
pub const SANDBOX_ENCRYPTION_KEY: &str = "c2FuZGJveC1vbmx5LWVuY3J5cHRpb24ta2V5LTMyYiE=";

#[derive(Args, Clone, Debug)]
pub struct Settings {
    /// Where the data is: sqlite://path or postgres://user:password@host/name
    #[arg(
        long,
        env = "DATABASE_URL",
        default_value = "sqlite://data/secure-payment.db",
        hide_env_values = true,
        global = true
    )]
    pub database_url: SecretString,

    /// sandbox: demo data and a simulated bank; live: real money
    #[arg(long, env = "SECURE_PAYMENT_MODE", value_enum, default_value = "sandbox", global = true)]
    pub mode: Mode,

    /// Address and port to serve on
    #[arg(long, env = "SECURE_PAYMENT_LISTEN", default_value = "127.0.0.1:8080", global = true)]
    pub listen: SocketAddr,

    /// How browsers and payment providers reach this server; http://<listen> if not set
    #[arg(long, env = "SECURE_PAYMENT_PUBLIC_URL", global = true)]
    pub public_url: Option<String>,

    /// Key for bank details at rest: 32 bytes in base 64 (openssl rand -base64 32); required in live mode
    #[arg(long, env = "SECURE_PAYMENT_ENCRYPTION_KEY", hide_env_values = true, global = true)]
    pub encryption_key: Option<SecretString>,

    /// What to log, as tracing-subscriber's EnvFilter understands it
    #[arg(long, env = "SECURE_PAYMENT_LOG", default_value = "info,sqlx=warn,sea_orm_migration=warn", global = true)]
    pub log: String,

    /// text for people, json for machines
    #[arg(long, env = "SECURE_PAYMENT_LOG_FORMAT", value_enum, default_value = "text", global = true)]
    pub log_format: LogFormat,

    /// Seconds after which a job of a node that died is taken over by another
    #[arg(long, env = "SECURE_PAYMENT_JOB_LEASE_SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=3600), global = true)]
    pub job_lease_seconds: u32,

    /// Hours a buyer session lasts unless createBuyerSession says otherwise
    #[arg(long, env = "SECURE_PAYMENT_SESSION_HOURS", default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=720), global = true)]
    pub session_hours: u32,

    /// Days on which banks don't work besides weekends, for refunds' expected arrival: 2026-12-25,2027-01-01
    #[arg(long, env = "SECURE_PAYMENT_HOLIDAYS", value_delimiter = ',', global = true)]
    pub holidays: Vec<chrono::NaiveDate>,

    /// Which providers a method is routed to, the first that can take it first: ALIPAY=antom|alipay,VISA=stripe
    #[arg(long, env = "SECURE_PAYMENT_ROUTES", value_delimiter = ',', value_parser = provider::parse_route, global = true)]
    pub routes: Vec<Route>,

    /// Who pays suppliers out: a provider, or manual for operators; the first configured one that can if not set
    #[arg(long, env = "SECURE_PAYMENT_PAYOUTS", global = true)]
    pub payouts: Option<String>,

    #[command(flatten)]
    pub limits: LimitSettings,
    #[command(flatten)]
    pub providers: ProviderSettings,
}

impl Settings {
    /// `NAME=` in `.env` means that it isn't set.
    pub fn forget_blanks(&mut self) {
        let texts = [&mut self.public_url, &mut self.payouts, &mut self.limits.trusted_documents];
        for text in texts {
            text.take_if(|text| text.trim().is_empty());
        }
        self.encryption_key.take_if(|key| key.expose_secret().trim().is_empty());
    }

    /// What clap can't see: values that don't go together, and live mode's demands.
    pub fn check(&self) -> Result<(), SettingError> {
        let wrong = |variable, problem: &str| Err(SettingError { variable, problem: problem.to_owned() });
        if let Some(key) = &self.encryption_key
            && decode_key(key).is_none()
        {
            return wrong(
                "SECURE_PAYMENT_ENCRYPTION_KEY",
                "must be 32 bytes in base 64, such as `openssl rand -base64 32` prints",
            );
        }
        if let Some(url) = &self.public_url
            && !is_origin(url)
        {
            return wrong(
                "SECURE_PAYMENT_PUBLIC_URL",
                "must be an http:// or https:// URL without a path, such as https://pay.example",
            );
        }
        self.limits.check()?;
        if self.mode == Mode::Live {
            let key = self.encryption_key.as_ref().map(|key| key.expose_secret().trim());
            match key {
                None => return wrong("SECURE_PAYMENT_ENCRYPTION_KEY", "is required in live mode"),
                Some(SANDBOX_ENCRYPTION_KEY) => {
                    return wrong(
                        "SECURE_PAYMENT_ENCRYPTION_KEY",
                        "is the sandbox's published key, which live mode refuses",
                    );
                }
                Some(_) => {}
            }
            match &self.public_url {
                None => return wrong("SECURE_PAYMENT_PUBLIC_URL", "is required in live mode"),
                Some(url) if !url.starts_with("https://") => {
                    return wrong("SECURE_PAYMENT_PUBLIC_URL", "must begin with https:// in live mode");
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    #[must_use]
    pub fn is_sandbox(&self) -> bool {
        self.mode == Mode::Sandbox
    }

    /// The rules' durations, as this installation has them.
    #[must_use]
    pub fn policy(&self) -> Policy {
        Policy { holidays: self.holidays.clone(), ..Policy::default() }
    }

    /// Without a slash at the end.
    #[must_use]
    pub fn public_url(&self) -> String {
        match &self.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => self.own_url(),
        }
    }

    /// How this server reaches itself.
    #[must_use]
    pub fn own_url(&self) -> String {
        let mut address = self.listen;
        if address.ip().is_unspecified() {
            address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        }
        format!("http://{address}")
    }

    /// Where a provider posts its notifications.
    #[must_use]
    pub fn notification_url(&self, provider: &str) -> String {
        provider::notification_url(&self.installation(), provider)
    }

    /// What the adapters may know of it.
    #[must_use]
    pub fn installation(&self) -> Installation {
        Installation { mode: self.mode, public_url: self.public_url(), own_url: self.own_url() }
    }

    /// Those that are configured. The error names the setting that can't be used.
    pub fn providers(&self, clock: &Clock) -> Result<Providers, SettingError> {
        let routing = Routing { routes: self.routes.clone(), payouts: self.payouts.clone() };
        Providers::from_settings(&self.providers, routing, &self.installation(), clock)
    }

    #[must_use]
    pub fn encryption_key(&self) -> [u8; 32] {
        let sandbox_key = SecretString::from(SANDBOX_ENCRYPTION_KEY);
        // check() has refused a key that doesn't decode; the digest keeps this total without a panic.
        let key = self.encryption_key.as_ref().unwrap_or(&sandbox_key);
        decode_key(key).unwrap_or_else(|| Sha256::digest(key.expose_secret().as_bytes()).into())
    }
}

fn decode_key(key: &SecretString) -> Option<[u8; 32]> {
    STANDARD.decode(key.expose_secret().trim()).ok()?.try_into().ok()
}

fn is_origin(url: &str) -> bool {
    reqwest::Url::parse(url).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && matches!(url.path(), "" | "/")
            && url.query().is_none()
    })
}

#[cfg(test)]
mod tests;

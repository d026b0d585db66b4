//! Every setting: a flag and an environment variable each, defined once, here. Nothing else reads the environment.
//!
//! `.env` in the working folder is read first; what the environment already has wins over it.

use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::escrow::Policy;
use crate::payment::Route;
use crate::signature;

mod limits;
mod providers;

pub use limits::LimitSettings;
pub use providers::{AlipaySettings, AntomSettings, BankSettings, PartnerSettings, StripeSettings, parse_route};
pub(crate) use providers::{check_base, is_given, required, required_list};

#[derive(Debug, Parser)]
#[command(name = "secure-payment", version, about = "An escrow server for cross-border wholesale trade")]
pub struct Cli {
    #[command(flatten)]
    pub settings: Settings,
    #[command(subcommand)]
    pub command: Option<Command>,
}

impl Cli {
    /// From the arguments and the environment, where `NAME=` means that it isn't set: also of what has a default, or is a list.
    pub fn from_environment() -> Result<Self, clap::Error> {
        let is_blank = |name: &std::ffi::OsStr| {
            std::env::var_os(name).is_some_and(|value| value.to_str().is_some_and(|text| text.trim().is_empty()))
        };
        let without_blanks = |argument: clap::Arg| match argument.get_env() {
            Some(name) if is_blank(name) => argument.env(None),
            Some(_) | None => argument,
        };
        Self::from_arg_matches(&Self::command().mut_args(without_blanks).try_get_matches()?)
    }
}

#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Serve the API, the webhooks and (in sandbox mode) GraphiQL's demo: the default
    Serve,
    /// Bring the database's schema up to date, and exit
    Migrate,
    /// Fill an empty database with the sandbox's catalogue and demo credentials, and exit
    Seed,
    /// Print the GraphQL schema, and exit
    Schema,
    /// Print docs/errors.md: every error code, what it means and what to do, and exit
    Errors,
    /// Check every order and account against its transfers; exit code 1 if anything differs
    Verify,
    /// Create credentials
    #[command(subcommand)]
    Credential(CredentialCommand),
}

#[derive(Clone, Debug, Subcommand)]
pub enum CredentialCommand {
    /// Create an operator and print its token, which is shown this once only
    Create {
        /// Name of the operator
        #[arg(long)]
        operator: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Demo data, demo tokens, a simulated bank
    Sandbox,
    /// Real money
    Live,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

/// Defaults that are published, and therefore refused in live mode.
pub const SANDBOX_ENCRYPTION_KEY: &str = "c2FuZGJveC1vbmx5LWVuY3J5cHRpb24ta2V5LTMyYiE=";
pub const SANDBOX_WEBHOOK_SECRET: &str = "whsec_c2FuZGJveC1vbmx5LXdlYmhvb2stc2VjcmV0LTMyYiE=";
pub const SANDBOX_API_KEY: &str = "sandbox-only-api-key";

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

    /// Where the simulated bank's API is; this server's own if not set. Sandbox mode only
    #[arg(long, env = "SANDBOX_API_BASE", global = true)]
    pub sandbox_api_base: Option<String>,

    /// Key of the simulated bank's API. Sandbox mode only
    #[arg(long, env = "SANDBOX_API_KEY", default_value = SANDBOX_API_KEY, hide_env_values = true, global = true)]
    pub sandbox_api_key: SecretString,

    /// Secrets that sign the simulated bank's notifications (whsec_ and base 64), several for rotation. Sandbox mode only
    #[arg(long, env = "SANDBOX_WEBHOOK_SECRET", default_value = SANDBOX_WEBHOOK_SECRET, value_delimiter = ',', hide_env_values = true, global = true)]
    pub sandbox_webhook_secret: Vec<SecretString>,

    /// Which providers a method is routed to, the first that can take it first: ALIPAY=antom|alipay,VISA=stripe
    #[arg(long, env = "SECURE_PAYMENT_ROUTES", value_delimiter = ',', value_parser = providers::parse_route, global = true)]
    pub routes: Vec<Route>,

    /// Who pays suppliers out: a provider, or manual for operators; the first configured one that can if not set
    #[arg(long, env = "SECURE_PAYMENT_PAYOUTS", global = true)]
    pub payouts: Option<String>,

    #[command(flatten)]
    pub limits: LimitSettings,
    #[command(flatten)]
    pub stripe: StripeSettings,
    #[command(flatten)]
    pub antom: AntomSettings,
    #[command(flatten)]
    pub alipay: AlipaySettings,
    #[command(flatten)]
    pub bank: BankSettings,
    #[command(flatten)]
    pub partner: PartnerSettings,
}

/// A setting that can't be used: one line that names it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable} {problem}")]
pub struct SettingError {
    pub variable: &'static str,
    pub problem: String,
}

impl Settings {
    /// `NAME=` in `.env` means that it isn't set.
    pub fn forget_blanks(&mut self) {
        let texts =
            [&mut self.public_url, &mut self.sandbox_api_base, &mut self.payouts, &mut self.limits.trusted_documents];
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
        if let Some(problem) =
            self.sandbox_webhook_secret.iter().find_map(|secret| signature::check_secret(secret).err())
        {
            return wrong("SANDBOX_WEBHOOK_SECRET", &format!("can't be used: {problem}"));
        }
        if let Some(base) = &self.sandbox_api_base
            && !reqwest::Url::parse(base).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        {
            return wrong("SANDBOX_API_BASE", "must be an http:// or https:// URL");
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
            if self.sandbox_api_base.is_some() {
                return wrong("SANDBOX_API_BASE", "is set, but live mode has no sandbox provider; remove it");
            }
            if let Some(variable) = self.bases_in_clear_text().next() {
                return wrong(variable, "must begin with https:// in live mode: our key goes there");
            }
            if let Some(variable) = self.published_webhook_secrets().next() {
                return wrong(variable, "has the sandbox's published secret, by which anybody can sign");
            }
        }
        Ok(())
    }

    fn bases_in_clear_text(&self) -> impl Iterator<Item = &'static str> {
        let bases = [
            ("STRIPE_API_BASE", Some(&self.stripe.api_base)),
            ("ANTOM_API_BASE", Some(&self.antom.api_base)),
            ("ALIPAY_API_BASE", Some(&self.alipay.api_base)),
            ("BANK_API_BASE", self.bank.api_base.as_ref()),
            ("PARTNER_API_BASE", self.partner.api_base.as_ref()),
        ];
        let is_clear = |base: &String| reqwest::Url::parse(base).is_ok_and(|url| url.scheme() == "http");
        bases.into_iter().filter_map(move |(variable, base)| base.is_some_and(is_clear).then_some(variable))
    }

    /// Of the providers whose notifications are signed as the simulated bank's are.
    fn published_webhook_secrets(&self) -> impl Iterator<Item = &'static str> {
        let lists = [
            ("BANK_WEBHOOK_SECRET", &self.bank.webhook_secret),
            ("PARTNER_WEBHOOK_SECRET", &self.partner.webhook_secret),
        ];
        let is_published = |secret: &SecretString| secret.expose_secret().trim() == SANDBOX_WEBHOOK_SECRET;
        lists.into_iter().filter_map(move |(variable, list)| list.iter().any(is_published).then_some(variable))
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
        // The simulated bank runs in this process: it must reach us even where the public name doesn't resolve.
        let base = if provider == crate::payment::sandbox::NAME { self.own_url() } else { self.public_url() };
        format!("{base}/webhooks/{provider}")
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
mod tests {
    use super::*;

    fn settings(arguments: &[&str]) -> Settings {
        let mut all = vec!["secure-payment"];
        all.extend_from_slice(arguments);
        Cli::try_parse_from(all).expect("parses").settings
    }

    #[test]
    fn live_mode_refuses_what_only_a_sandbox_may_have() {
        let key = STANDARD.encode([9_u8; 32]);
        let variable = |arguments: &[&str]| settings(arguments).check().err().map(|error| error.variable);
        assert_eq!(variable(&["--mode", "live"]), Some("SECURE_PAYMENT_ENCRYPTION_KEY"));
        assert_eq!(
            variable(&["--mode", "live", "--encryption-key", SANDBOX_ENCRYPTION_KEY]),
            Some("SECURE_PAYMENT_ENCRYPTION_KEY")
        );
        assert_eq!(variable(&["--mode", "live", "--encryption-key", &key]), Some("SECURE_PAYMENT_PUBLIC_URL"));
        let live = ["--mode", "live", "--encryption-key", &key, "--public-url", "https://pay.example"];
        assert_eq!(variable(&live), None);
        let blanks = format!(" {SANDBOX_ENCRYPTION_KEY} ");
        let padded = ["--mode", "live", "--encryption-key", &blanks, "--public-url", "https://pay.example"];
        assert_eq!(variable(&padded), Some("SECURE_PAYMENT_ENCRYPTION_KEY"), "the same key, with blanks around it");
        for (flag, value, expected) in [
            ("--stripe-api-base", "http://api.stripe.example", "STRIPE_API_BASE"),
            ("--antom-api-base", "http://antom.example", "ANTOM_API_BASE"),
            ("--alipay-api-base", "HTTP://alipay.example/gateway.do", "ALIPAY_API_BASE"),
            ("--bank-api-base", "http://bank.example", "BANK_API_BASE"),
            ("--partner-api-base", " http://partner.example", "PARTNER_API_BASE"),
            ("--bank-webhook-secret", SANDBOX_WEBHOOK_SECRET, "BANK_WEBHOOK_SECRET"),
            ("--partner-webhook-secret", SANDBOX_WEBHOOK_SECRET, "PARTNER_WEBHOOK_SECRET"),
        ] {
            assert_eq!(variable(&[&live[..], &[flag, value]].concat()), Some(expected));
            assert_eq!(variable(&[flag, value]), None, "{flag} in sandbox mode");
        }
        assert_eq!(variable(&[&live[..], &["--partner-api-base", "https://partner.example"]].concat()), None);
        assert_eq!(variable(&["--encryption-key", "short"]), Some("SECURE_PAYMENT_ENCRYPTION_KEY"));
        assert_eq!(variable(&["--sandbox-webhook-secret", "short"]), Some("SANDBOX_WEBHOOK_SECRET"));
        assert_eq!(variable(&["--sandbox-api-base", "bank"]), Some("SANDBOX_API_BASE"));
        assert_eq!(variable(&[]), None);
    }

    #[test]
    fn secrets_are_never_printed() {
        let printed = format!(
            "{:?}",
            settings(&["--sandbox-api-key", "hush-hush", "--database-url", "postgres://u:hush-hush@h/d"])
        );
        assert!(!printed.contains("hush-hush"), "{printed}");
    }

    #[test]
    fn env_example_lists_every_setting_and_nothing_else() {
        let example = include_str!("../.env.example");
        let mut listed: Vec<&str> = example
            .lines()
            .filter_map(|line| line.trim_start_matches("# ").split_once('=').map(|(name, _value)| name))
            .filter(|name| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
            .collect();
        let command = Cli::command();
        let mut defined: Vec<&str> =
            command.get_arguments().filter_map(|argument| argument.get_env()?.to_str()).collect();
        listed.sort_unstable();
        defined.sort_unstable();
        assert_eq!(listed, defined);
    }
}

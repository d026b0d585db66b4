//! The partner's settings.

use clap::Args;
use secrecy::SecretString;

/// Any other company.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct PartnerSettings {
    /// Partner: where its API is (docs/providers.md says what it must offer); setting it turns the partner on
    #[arg(id = "partner_api_base", long = "partner-api-base", env = "PARTNER_API_BASE", global = true)]
    pub api_base: Option<String>,

    /// Partner: bearer token for its API
    #[arg(
        id = "partner_api_key",
        long = "partner-api-key",
        env = "PARTNER_API_KEY",
        hide_env_values = true,
        global = true
    )]
    pub api_key: Option<SecretString>,

    /// Partner: secrets (`whsec_` and base 64) that sign its notifications, several for rotation
    #[arg(
        id = "partner_webhook_secret",
        long = "partner-webhook-secret",
        env = "PARTNER_WEBHOOK_SECRET",
        value_delimiter = ',',
        hide_env_values = true,
        global = true
    )]
    pub webhook_secret: Vec<SecretString>,

    /// Partner: our account there, which notifications must name
    #[arg(id = "partner_account", long = "partner-account", env = "PARTNER_ACCOUNT", global = true)]
    pub account: Option<String>,

    /// Partner: the methods that it offers, such as WESTERN_UNION,QIWI
    #[arg(
        id = "partner_methods",
        long = "partner-methods",
        env = "PARTNER_METHODS",
        value_delimiter = ',',
        global = true
    )]
    pub methods: Vec<String>,

    /// Partner: the currencies that it takes
    #[arg(
        id = "partner_currencies",
        long = "partner-currencies",
        env = "PARTNER_CURRENCIES",
        value_delimiter = ',',
        global = true
    )]
    pub currencies: Vec<String>,

    /// Partner: what it wants to know of the payer: any of name, email, phone, country, document
    #[arg(
        id = "partner_payer_fields",
        long = "partner-payer-fields",
        env = "PARTNER_PAYER_FIELDS",
        value_delimiter = ',',
        global = true
    )]
    pub payer_fields: Vec<String>,
}

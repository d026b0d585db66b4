//! Settings of the payment providers. Each is off until its first setting is there; then all that it needs has to be.

use clap::Args;
use secrecy::{ExposeSecret, SecretString};

use super::SettingError;
use crate::payment::Route;

/// Visa, MasterCard, Maestro.
#[derive(Args, Clone, Debug)]
pub struct StripeSettings {
    /// Stripe: secret or restricted key (`sk_…`, `rk_…`); setting it turns Stripe on
    #[arg(
        id = "stripe_api_key",
        long = "stripe-api-key",
        env = "STRIPE_API_KEY",
        hide_env_values = true,
        global = true
    )]
    pub api_key: Option<SecretString>,

    /// Stripe: publishable key (`pk_…`), which the buyer's browser gets
    #[arg(
        id = "stripe_publishable_key",
        long = "stripe-publishable-key",
        env = "STRIPE_PUBLISHABLE_KEY",
        global = true
    )]
    pub publishable_key: Option<String>,

    /// Stripe: signing secrets of the webhook endpoint (`whsec_…`), several for rotation
    #[arg(
        id = "stripe_webhook_secret",
        long = "stripe-webhook-secret",
        env = "STRIPE_WEBHOOK_SECRET",
        value_delimiter = ',',
        hide_env_values = true,
        global = true
    )]
    pub webhook_secret: Vec<SecretString>,

    /// Stripe: where its API is
    #[arg(
        id = "stripe_api_base",
        long = "stripe-api-base",
        env = "STRIPE_API_BASE",
        default_value = "https://api.stripe.com",
        global = true
    )]
    pub api_base: String,
}

/// Alipay for a mainland app.
#[derive(Args, Clone, Debug)]
pub struct AlipaySettings {
    /// Alipay: the app's id; setting it turns Alipay's own gateway on
    #[arg(id = "alipay_app_id", long = "alipay-app-id", env = "ALIPAY_APP_ID", global = true)]
    pub app_id: Option<String>,

    /// Alipay: the merchant's user id (2088…), which notifications must name
    #[arg(id = "alipay_seller_id", long = "alipay-seller-id", env = "ALIPAY_SELLER_ID", global = true)]
    pub seller_id: Option<String>,

    /// Alipay: the app's private key, RSA, in PEM or base 64
    #[arg(
        id = "alipay_private_key",
        long = "alipay-private-key",
        env = "ALIPAY_PRIVATE_KEY",
        hide_env_values = true,
        global = true
    )]
    pub private_key: Option<SecretString>,

    /// Alipay: Alipay's public key (not the app's), in PEM or base 64; several for rotation
    #[arg(
        id = "alipay_public_key",
        long = "alipay-public-key",
        env = "ALIPAY_PUBLIC_KEY",
        value_delimiter = ',',
        global = true
    )]
    pub public_key: Vec<String>,

    /// Alipay: the gateway's URL
    #[arg(
        id = "alipay_api_base",
        long = "alipay-api-base",
        env = "ALIPAY_API_BASE",
        default_value = "https://openapi.alipay.com/gateway.do",
        global = true
    )]
    pub api_base: String,
}

/// Alipay for cross-border merchants.
#[derive(Args, Clone, Debug)]
pub struct AntomSettings {
    /// Antom: the client id; setting it turns Antom on
    #[arg(id = "antom_client_id", long = "antom-client-id", env = "ANTOM_CLIENT_ID", global = true)]
    pub client_id: Option<String>,

    /// Antom: the merchant's private key, RSA, in PEM or base 64
    #[arg(
        id = "antom_private_key",
        long = "antom-private-key",
        env = "ANTOM_PRIVATE_KEY",
        hide_env_values = true,
        global = true
    )]
    pub private_key: Option<SecretString>,

    /// Antom: Antom's public key, in PEM or base 64; several for rotation
    #[arg(
        id = "antom_public_key",
        long = "antom-public-key",
        env = "ANTOM_PUBLIC_KEY",
        value_delimiter = ',',
        global = true
    )]
    pub public_key: Vec<String>,

    /// Antom: the currencies of the contract
    #[arg(
        id = "antom_currencies",
        long = "antom-currencies",
        env = "ANTOM_CURRENCIES",
        default_value = "CNY,USD,EUR",
        value_delimiter = ',',
        global = true
    )]
    pub currencies: Vec<String>,

    /// Antom: where its API is
    #[arg(
        id = "antom_api_base",
        long = "antom-api-base",
        env = "ANTOM_API_BASE",
        default_value = "https://open-na-global.alipay.com",
        global = true
    )]
    pub api_base: String,
}

/// T/T by ISO 20022.
#[derive(Args, Clone, Debug)]
pub struct BankSettings {
    /// Bank transfers: our accounts, one per currency, as EUR=IBAN/BIC; setting them turns bank transfers on
    #[arg(id = "bank_accounts", long = "bank-accounts", env = "BANK_ACCOUNTS", value_delimiter = ',', global = true)]
    pub accounts: Vec<String>,

    /// Bank transfers: in whose name the accounts are
    #[arg(id = "bank_account_holder", long = "bank-account-holder", env = "BANK_ACCOUNT_HOLDER", global = true)]
    pub account_holder: Option<String>,

    /// Bank transfers: secrets (`whsec_` and base 64) that sign what is posted to /webhooks/bank, several for rotation
    #[arg(
        id = "bank_webhook_secret",
        long = "bank-webhook-secret",
        env = "BANK_WEBHOOK_SECRET",
        value_delimiter = ',',
        hide_env_values = true,
        global = true
    )]
    pub webhook_secret: Vec<SecretString>,

    /// Bank transfers: folder where the bank's files (camt.053, camt.054, pain.002, pacs.004) are put
    #[arg(id = "bank_inbox", long = "bank-inbox", env = "BANK_INBOX", global = true)]
    pub inbox: Option<String>,

    /// Bank transfers: folder where our payment orders (pain.001) are put; instead of BANK_API_BASE
    #[arg(id = "bank_outbox", long = "bank-outbox", env = "BANK_OUTBOX", global = true)]
    pub outbox: Option<String>,

    /// Bank transfers: URL that our payment orders (pain.001) are posted to; instead of BANK_OUTBOX
    #[arg(id = "bank_api_base", long = "bank-api-base", env = "BANK_API_BASE", global = true)]
    pub api_base: Option<String>,

    /// Bank transfers: bearer token for BANK_API_BASE
    #[arg(id = "bank_api_key", long = "bank-api-key", env = "BANK_API_KEY", hide_env_values = true, global = true)]
    pub api_key: Option<SecretString>,
}

/// Any other company.
#[derive(Args, Clone, Debug)]
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

/// A setting that its provider can't do without: the error names it.
pub(crate) fn required<'a, T: Given>(variable: &'static str, value: &'a Option<T>) -> Result<&'a T, SettingError> {
    let problem = || SettingError { variable, problem: "is required by the provider that it belongs to".to_owned() };
    value.as_ref().filter(|value| value.is_given()).ok_or_else(problem)
}

/// As [`required`], for settings of which there can be several: without the blank ones.
pub(crate) fn required_list<T: Given + Clone>(variable: &'static str, values: &[T]) -> Result<Vec<T>, SettingError> {
    let given: Vec<T> = values.iter().filter(|value| value.is_given()).cloned().collect();
    if given.is_empty() {
        return Err(SettingError { variable, problem: "is required by the provider that it belongs to".to_owned() });
    }
    Ok(given)
}

/// Whether a provider's first setting is there: `NAME=` in `.env` means that it is not.
pub(crate) fn is_given<T: Given>(value: &Option<T>) -> bool {
    value.as_ref().is_some_and(Given::is_given)
}

pub(crate) trait Given {
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

/// `<PROVIDER>_API_BASE`.
pub(crate) fn check_base(variable: &'static str, base: &str) -> Result<String, SettingError> {
    let is_url = reqwest::Url::parse(base).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if is_url {
        Ok(base.trim_end_matches('/').to_owned())
    } else {
        Err(SettingError { variable, problem: "must be an http:// or https:// URL".to_owned() })
    }
}

/// `VISA=stripe` or `ALIPAY=antom|alipay`.
pub fn parse_route(text: &str) -> Result<Route, String> {
    use sea_orm::Iterable;
    let (method, providers) = text.split_once('=').ok_or("must be METHOD=provider, such as ALIPAY=antom|alipay")?;
    let method = entity::payment::PaymentMethod::iter()
        .find(|known| known.name() == method.trim())
        .ok_or_else(|| format!("{method:?} is not a payment method"))?;
    let providers: Vec<String> =
        providers.split('|').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect();
    if providers.is_empty() {
        return Err(format!("{} is routed to no provider", method.name()));
    }
    Ok(Route { method, providers })
}

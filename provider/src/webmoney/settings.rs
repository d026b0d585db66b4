//! WebMoney's settings.

use clap::Args;
use secrecy::SecretString;

/// WebMoney.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct WebmoneySettings {
    /// WebMoney: the purses that are paid to, one per currency; setting it turns WebMoney on
    #[arg(
        id = "webmoney_purses",
        long = "webmoney-purses",
        env = "WEBMONEY_PURSES",
        value_delimiter = ',',
        global = true
    )]
    pub purses: Vec<String>,

    /// WebMoney: the WMID that the purses belong to
    #[arg(id = "webmoney_wmid", long = "webmoney-wmid", env = "WEBMONEY_WMID", global = true)]
    pub wmid: Option<String>,

    /// WebMoney: the purses' secret key; several for rotation, the first one signs our questions
    #[arg(
        id = "webmoney_secret_key",
        long = "webmoney-secret-key",
        env = "WEBMONEY_SECRET_KEY",
        value_delimiter = ',',
        hide_env_values = true,
        global = true
    )]
    pub secret_key: Vec<SecretString>,

    /// WebMoney: the WMID's certificate with its private key, in PEM, for refunds
    #[arg(
        id = "webmoney_certificate",
        long = "webmoney-certificate",
        env = "WEBMONEY_CERTIFICATE",
        hide_env_values = true,
        global = true
    )]
    pub certificate: Option<SecretString>,

    /// WebMoney: where buyers pay, and where payments are asked about
    #[arg(
        id = "webmoney_merchant_base",
        long = "webmoney-merchant-base",
        env = "WEBMONEY_MERCHANT_BASE",
        default_value = "https://merchant.webmoney.ru",
        global = true
    )]
    pub merchant_base: String,

    /// WebMoney: where its XML interfaces for certificates are
    #[arg(
        id = "webmoney_api_base",
        long = "webmoney-api-base",
        env = "WEBMONEY_API_BASE",
        default_value = "https://w3s.wmtransfer.com",
        global = true
    )]
    pub api_base: String,

    /// WebMoney: folder where its reports, in our own columns (CSV), are put
    #[arg(id = "webmoney_reports", long = "webmoney-reports", env = "WEBMONEY_REPORTS", global = true)]
    pub reports: Option<String>,
}

//! dLocal's settings.

use clap::Args;
use secrecy::SecretString;

/// Brazilian bank transfers, today by Pix.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct DlocalSettings {
    /// dLocal: `X-Login` of the merchant; setting it turns dLocal on
    #[arg(id = "dlocal_login", long = "dlocal-login", env = "DLOCAL_LOGIN", global = true)]
    pub login: Option<String>,

    /// dLocal: `X-Trans-Key` of the merchant
    #[arg(
        id = "dlocal_trans_key",
        long = "dlocal-trans-key",
        env = "DLOCAL_TRANS_KEY",
        hide_env_values = true,
        global = true
    )]
    pub trans_key: Option<SecretString>,

    /// dLocal: the secret keys; the first signs our requests, all are tried on notifications
    #[arg(
        id = "dlocal_secret_key",
        long = "dlocal-secret-key",
        env = "DLOCAL_SECRET_KEY",
        value_delimiter = ',',
        hide_env_values = true,
        global = true
    )]
    pub secret_key: Vec<SecretString>,

    /// dLocal: what TEF is there: PQ (Pix), or the bank: I, B, BB, CA
    #[arg(
        id = "dlocal_payment_method",
        long = "dlocal-payment-method",
        env = "DLOCAL_PAYMENT_METHOD",
        default_value = "PQ",
        global = true
    )]
    pub payment_method: String,

    /// dLocal: where its API is
    #[arg(
        id = "dlocal_api_base",
        long = "dlocal-api-base",
        env = "DLOCAL_API_BASE",
        default_value = "https://api.dlocal.com",
        global = true
    )]
    pub api_base: String,

    /// dLocal: folder where its settlement reports (CSV) are put
    #[arg(id = "dlocal_reports", long = "dlocal-reports", env = "DLOCAL_REPORTS", global = true)]
    pub reports: Option<String>,
}

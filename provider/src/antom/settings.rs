//! Antom's settings.

use clap::Args;
use secrecy::SecretString;

/// Alipay for cross-border merchants.
#[derive(Args, Clone, Debug)]
#[group(skip)]
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

    /// Antom: folder where its settlement details reports (CSV) are put
    #[arg(id = "antom_reports", long = "antom-reports", env = "ANTOM_REPORTS", global = true)]
    pub reports: Option<String>,
}

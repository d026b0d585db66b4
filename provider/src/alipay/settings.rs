//! Settings of Alipay's own gateway.

use clap::Args;
use secrecy::SecretString;

/// Alipay for a mainland app.
#[derive(Args, Clone, Debug)]
#[group(skip)]
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

    /// Alipay: folder where its bills of trades (CSV or zip) are put
    #[arg(id = "alipay_reports", long = "alipay-reports", env = "ALIPAY_REPORTS", global = true)]
    pub reports: Option<String>,
}

//! Adyen's settings.

use clap::Args;
use secrecy::SecretString;

#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct AdyenSettings {
    /// Adyen: API key of a user of Checkout; setting it turns Adyen on
    #[arg(id = "adyen_api_key", long = "adyen-api-key", env = "ADYEN_API_KEY", hide_env_values = true, global = true)]
    pub api_key: Option<SecretString>,

    /// Adyen: the merchant account, which notifications must name
    #[arg(
        id = "adyen_merchant_account",
        long = "adyen-merchant-account",
        env = "ADYEN_MERCHANT_ACCOUNT",
        global = true
    )]
    pub merchant_account: Option<String>,

    /// Adyen: HMAC keys of the standard webhook, in hex, several for rotation
    #[arg(
        id = "adyen_webhook_secret",
        long = "adyen-webhook-secret",
        env = "ADYEN_WEBHOOK_SECRET",
        value_delimiter = ',',
        hide_env_values = true,
        global = true
    )]
    pub webhook_secret: Vec<SecretString>,

    /// Adyen: where its Checkout API is, with the version: in live mode https://<prefix>-checkout-live.adyenpayments.com/checkout/v72
    #[arg(
        id = "adyen_api_base",
        long = "adyen-api-base",
        env = "ADYEN_API_BASE",
        default_value = "https://checkout-test.adyen.com/v72",
        global = true
    )]
    pub api_base: String,

    /// Adyen: folder where its settlement details reports (CSV) are put
    #[arg(id = "adyen_reports", long = "adyen-reports", env = "ADYEN_REPORTS", global = true)]
    pub reports: Option<String>,
}

//! QIWI's settings.

use clap::Args;
use secrecy::SecretString;

/// QIWI bills: a rail that is closed, kept for test servers.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct QiwiSettings {
    /// QIWI (closed since 2024; refused in live mode): the secret key of the API; setting it turns QIWI on
    #[arg(
        id = "qiwi_secret_key",
        long = "qiwi-secret-key",
        env = "QIWI_SECRET_KEY",
        hide_env_values = true,
        global = true
    )]
    pub secret_key: Option<SecretString>,

    /// QIWI: the site's id, which answers and notifications must name
    #[arg(id = "qiwi_site_id", long = "qiwi-site-id", env = "QIWI_SITE_ID", global = true)]
    pub site_id: Option<String>,

    /// QIWI: the keys that sign its notifications, several for rotation
    #[arg(
        id = "qiwi_notification_secret",
        long = "qiwi-notification-secret",
        env = "QIWI_NOTIFICATION_SECRET",
        value_delimiter = ',',
        hide_env_values = true,
        global = true
    )]
    pub notification_secret: Vec<SecretString>,

    /// QIWI: where its API is; in sandbox mode a test server
    #[arg(
        id = "qiwi_api_base",
        long = "qiwi-api-base",
        env = "QIWI_API_BASE",
        default_value = "https://api.qiwi.com",
        global = true
    )]
    pub api_base: String,
}

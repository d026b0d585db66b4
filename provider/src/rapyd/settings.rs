//! Rapyd's settings.

use clap::Args;
use secrecy::SecretString;

/// Western Union at counters in Ecuador.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct RapydSettings {
    /// Rapyd: the access key; setting it turns Rapyd on
    #[arg(id = "rapyd_access_key", long = "rapyd-access-key", env = "RAPYD_ACCESS_KEY", global = true)]
    pub access_key: Option<String>,

    /// Rapyd: the secret key; several for rotation, the first signs what we send
    #[arg(
        id = "rapyd_secret_key",
        long = "rapyd-secret-key",
        env = "RAPYD_SECRET_KEY",
        hide_env_values = true,
        value_delimiter = ',',
        global = true
    )]
    pub secret_key: Vec<SecretString>,

    /// Rapyd: what it requires of the payer besides name and email, each as its field and ours: identification_id=document
    #[arg(
        id = "rapyd_payer_fields",
        long = "rapyd-payer-fields",
        env = "RAPYD_PAYER_FIELDS",
        value_delimiter = ',',
        global = true
    )]
    pub payer_fields: Vec<String>,

    /// Rapyd: where its API is, if not at Rapyd's own host of the mode
    #[arg(id = "rapyd_api_base", long = "rapyd-api-base", env = "RAPYD_API_BASE", global = true)]
    pub api_base: Option<String>,

    /// Rapyd: folder where its reports, in our own columns (CSV), are put
    #[arg(id = "rapyd_reports", long = "rapyd-reports", env = "RAPYD_REPORTS", global = true)]
    pub reports: Option<String>,
}

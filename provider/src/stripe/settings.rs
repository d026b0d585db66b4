//! Stripe's settings.

use clap::Args;
use secrecy::SecretString;

/// Visa, MasterCard, Maestro.
#[derive(Args, Clone, Debug)]
#[group(skip)]
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

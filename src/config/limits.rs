//! What clients may ask for, as far as an installation decides it. `docs/limits.md` has these and the fixed limits.

use clap::Args;
use ipnet::IpNet;

use super::SettingError;

#[derive(Args, Clone, Debug)]
pub struct LimitSettings {
    /// What one request may cost, in points
    #[arg(long, env = "SECURE_PAYMENT_REQUEST_COST", default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(100..=1_000_000), global = true)]
    pub request_cost: u32,

    /// Points that the holder of a credential may spend at once
    #[arg(long, env = "SECURE_PAYMENT_BUDGET", default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(100..=1_000_000_000), global = true)]
    pub budget: u32,

    /// Points that the holder of a credential gets back each second
    #[arg(long, env = "SECURE_PAYMENT_BUDGET_PER_SECOND", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000), global = true)]
    pub budget_per_second: u32,

    /// Points that an address may spend at once without a credential
    #[arg(long, env = "SECURE_PAYMENT_ANONYMOUS_BUDGET", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(100..=1_000_000_000), global = true)]
    pub anonymous_budget: u32,

    /// Points that an address without a credential gets back each second
    #[arg(long, env = "SECURE_PAYMENT_ANONYMOUS_BUDGET_PER_SECOND", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1_000_000), global = true)]
    pub anonymous_budget_per_second: u32,

    /// Open connections that this node takes
    #[arg(long, env = "SECURE_PAYMENT_CONNECTIONS", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..), global = true)]
    pub connections: u32,

    /// Open connections that one address may have; trusted proxies may have them all
    #[arg(long, env = "SECURE_PAYMENT_CONNECTIONS_PER_ADDRESS", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..), global = true)]
    pub connections_per_address: u32,

    /// Networks of the proxies whose X-Forwarded-For is believed: 10.0.0.0/8,fd00::/8
    #[arg(long, env = "SECURE_PAYMENT_TRUSTED_PROXIES", value_delimiter = ',', global = true)]
    pub trusted_proxies: Vec<IpNet>,

    /// A JSON file of the only documents that run: graphql-codegen's, Relay's or Apollo's list
    #[arg(long, env = "SECURE_PAYMENT_TRUSTED_DOCUMENTS", global = true)]
    pub trusted_documents: Option<String>,

    /// Whether the schema is described to whoever asks: true or false
    #[arg(long, env = "SECURE_PAYMENT_INTROSPECTION", default_value_t = true, action = clap::ArgAction::Set, global = true)]
    pub introspection: bool,
}

impl LimitSettings {
    /// A request that one budget could never pay for would be told to try again, for ever.
    pub(super) fn check(&self) -> Result<(), SettingError> {
        for (variable, budget) in
            [("SECURE_PAYMENT_BUDGET", self.budget), ("SECURE_PAYMENT_ANONYMOUS_BUDGET", self.anonymous_budget)]
        {
            if budget < self.request_cost {
                let cost = self.request_cost;
                let problem =
                    format!("is {budget}, less than what one request may cost (SECURE_PAYMENT_REQUEST_COST: {cost})");
                return Err(SettingError { variable, problem });
            }
        }
        Ok(())
    }
}

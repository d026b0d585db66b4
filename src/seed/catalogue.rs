//! The demo catalogue, as `seed/catalogue.json` has it.

use std::collections::BTreeMap;

use entity::Currency;
use rust_decimal::Decimal;
use serde::Deserialize;

use crate::error::{Error, Result};

const CATALOGUE: &str = include_str!("../../seed/catalogue.json");

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Catalogue {
    pub(super) suppliers: Vec<SeedSupplier>,
    pub(super) products: Vec<SeedProduct>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SeedSupplier {
    pub(super) key: String,
    pub(super) name: String,
    pub(super) country: String,
    pub(super) city: String,
    pub(super) description: String,
    pub(super) established_year: Option<i32>,
    pub(super) verified: bool,
    pub(super) fee_basis_points: i32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SeedProduct {
    pub(super) supplier: String,
    pub(super) sku: String,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) category: String,
    pub(super) unit: String,
    pub(super) price_per_units: i32,
    pub(super) minimum_order_quantity: i64,
    pub(super) lead_time_days: i32,
    pub(super) stock: i64,
    pub(super) incoterm: Option<String>,
    pub(super) origin_country: Option<String>,
    pub(super) tiers: Vec<SeedTier>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SeedTier {
    pub(super) minimum_quantity: i64,
    pub(super) prices: BTreeMap<Currency, Decimal>,
}

impl Catalogue {
    pub(super) fn read() -> Result<Self> {
        serde_json::from_str(CATALOGUE).map_err(|error| Error::internal(format!("seed/catalogue.json: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::listing::{Listing, Tier, check};
    use crate::validate::Checks;

    /// Else its supplier could change nothing of it.
    #[test]
    fn every_seeded_product_passes_the_checks_of_a_new_one() {
        let catalogue = Catalogue::read().expect("reads");
        assert!(!catalogue.products.is_empty());
        for seed in catalogue.products {
            let tiers = seed.tiers.iter().flat_map(|tier| {
                tier.prices.iter().map(|(currency, amount)| Tier {
                    minimum_quantity: tier.minimum_quantity,
                    amount: amount.to_string(),
                    currency: currency.to_string(),
                })
            });
            let listing = Listing {
                price_tiers: tiers.collect(),
                sku: seed.sku,
                name: seed.name,
                description: seed.description,
                category: seed.category,
                unit: seed.unit,
                price_per_units: seed.price_per_units,
                minimum_order_quantity: seed.minimum_order_quantity,
                lead_time_days: seed.lead_time_days,
                stock: seed.stock,
                incoterm: seed.incoterm,
                origin_country: seed.origin_country,
            };
            let mut checks = Checks::input();
            drop(check(&mut checks, &listing));
            if let Err(error) = checks.finish() {
                panic!("{}: {error}", listing.sku);
            }
        }
    }
}

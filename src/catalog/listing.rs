//! A listing as its supplier writes it, and what it must be: all that is wrong with it at once.

use std::collections::BTreeMap;

use entity::{Currency, MinorUnits, Money, price_tier, product};
use serde::Serialize;

use crate::error::ErrorCode;
use crate::validate::Checks;

/// Every quantity and stock is at most this, so that it fits GraphQL's `Int`.
pub const MOST_UNITS: i64 = 2_000_000_000;
/// The highest price of a tier in minor units: 10^15 IDR, say.
pub const HIGHEST_PRICE: MinorUnits = MinorUnits(100_000_000_000_000_000);
pub const MOST_TIERS: usize = 10;
pub const MOST_CURRENCIES: usize = 10;

/// A listing as its supplier writes it; nothing is checked yet.
#[derive(Clone, Debug, Serialize)]
pub struct Listing {
    pub sku: String,
    pub name: String,
    pub description: String,
    pub category: String,
    pub unit: String,
    pub price_per_units: i32,
    pub minimum_order_quantity: i64,
    pub lead_time_days: i32,
    pub stock: i64,
    pub incoterm: Option<String>,
    pub origin_country: Option<String>,
    /// Of all currencies; those of one currency by rising quantity.
    pub price_tiers: Vec<Tier>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Tier {
    pub minimum_quantity: i64,
    /// An exact decimal, for `price_per_units` units.
    pub amount: String,
    pub currency: String,
}

/// What is to change; None stays as it is.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ListingChanges {
    pub expected_version: Option<i64>,
    pub sku: Option<String>,
    pub name: Option<String>,
    pub description: Option<String>,
    pub category: Option<String>,
    pub unit: Option<String>,
    pub price_per_units: Option<i32>,
    pub minimum_order_quantity: Option<i64>,
    pub lead_time_days: Option<i32>,
    pub stock: Option<i64>,
    /// `Some(None)` removes it.
    pub incoterm: Option<Option<String>>,
    /// `Some(None)` removes it.
    pub origin_country: Option<Option<String>>,
    /// All of them, of all currencies.
    pub price_tiers: Option<Vec<Tier>>,
    pub active: Option<bool>,
}

impl ListingChanges {
    pub(super) fn applied_to(&self, row: &product::Model, tiers: &[price_tier::Model]) -> Listing {
        let present = |tier: &price_tier::Model| Tier {
            minimum_quantity: tier.minimum_quantity,
            amount: Money::new(tier.price, tier.currency).decimal().to_string(),
            currency: tier.currency.to_string(),
        };
        let or = |change: &Option<String>, present: &String| change.as_ref().unwrap_or(present).clone();
        Listing {
            sku: or(&self.sku, &row.sku),
            name: or(&self.name, &row.name),
            description: or(&self.description, &row.description),
            category: or(&self.category, &row.category),
            unit: or(&self.unit, &row.unit),
            price_per_units: self.price_per_units.unwrap_or(row.price_per_units),
            minimum_order_quantity: self.minimum_order_quantity.unwrap_or(row.minimum_order_quantity),
            lead_time_days: self.lead_time_days.unwrap_or(row.lead_time_days),
            // What was given back may have raised the present stock above what can be written.
            stock: self.stock.unwrap_or(row.stock.min(MOST_UNITS)),
            incoterm: self.incoterm.clone().unwrap_or_else(|| row.incoterm.clone()),
            origin_country: self.origin_country.clone().unwrap_or_else(|| row.origin_country.clone()),
            price_tiers: self.price_tiers.clone().unwrap_or_else(|| tiers.iter().map(present).collect()),
        }
    }

    /// Of a product that isn't there: what can be said of the changes by themselves, the rest standing for nothing.
    pub(super) fn alone(&self) -> Listing {
        let given = |change: &Option<String>| change.clone().unwrap_or_else(|| "-".to_owned());
        let nothing = Tier { minimum_quantity: 1, amount: "1".to_owned(), currency: "USD".to_owned() };
        let price_tiers = self.price_tiers.clone().unwrap_or_else(|| {
            vec![Tier { minimum_quantity: self.minimum_order_quantity.unwrap_or(1).clamp(1, MOST_UNITS), ..nothing }]
        });
        let first_price = price_tiers.first().map_or(1, |tier| tier.minimum_quantity);
        Listing {
            sku: given(&self.sku),
            name: given(&self.name),
            description: self.description.clone().unwrap_or_default(),
            category: given(&self.category),
            unit: given(&self.unit),
            price_per_units: self.price_per_units.unwrap_or(1),
            minimum_order_quantity: self.minimum_order_quantity.unwrap_or(first_price),
            lead_time_days: self.lead_time_days.unwrap_or(0),
            stock: self.stock.unwrap_or(0),
            incoterm: self.incoterm.clone().flatten(),
            origin_country: self.origin_country.clone().flatten(),
            price_tiers,
        }
    }

    pub(super) fn touch_prices(&self) -> bool {
        self.price_tiers.is_some() || self.price_per_units.is_some()
    }

    pub(super) fn touch_words(&self) -> bool {
        self.sku.is_some() || self.name.is_some() || self.description.is_some() || self.category.is_some()
    }
}

/// A price that was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CheckedTier {
    pub(crate) currency: Currency,
    pub(crate) position: i32,
    pub(crate) minimum_quantity: i64,
    pub(crate) price: MinorUnits,
}

/// Placeholders where `checks` names a problem.
pub(crate) fn check(checks: &mut Checks, listing: &Listing) -> (Listing, Vec<CheckedTier>) {
    let checked = Listing {
        sku: checks.line("sku", &listing.sku, 64),
        name: checks.line("name", &listing.name, 200),
        description: checks.optional_text("description", Some(&listing.description), 4_000).unwrap_or_default(),
        category: checks.line("category", &listing.category, 100),
        unit: checks.line("unit", &listing.unit, 30),
        price_per_units: checks.within("pricePerUnits", listing.price_per_units, 1..=1_000_000),
        minimum_order_quantity: checks.within("minimumOrderQuantity", listing.minimum_order_quantity, 1..=MOST_UNITS),
        lead_time_days: checks.within("leadTimeDays", listing.lead_time_days, 0..=365),
        stock: checks.within("stock", listing.stock, 0..=MOST_UNITS),
        incoterm: listing.incoterm.as_ref().map(|incoterm| checks.incoterm("incoterm", incoterm)),
        origin_country: listing.origin_country.as_ref().map(|country| checks.country("originCountry", country)),
        price_tiers: Vec::new(),
    };
    let tiers = check_tiers(checks, listing);
    (checked, tiers)
}

fn check_tiers(checks: &mut Checks, listing: &Listing) -> Vec<CheckedTier> {
    let most = MOST_TIERS * MOST_CURRENCIES;
    if listing.price_tiers.is_empty() || listing.price_tiers.len() > most {
        let message = format!("has {} prices; it needs 1 to {most}", listing.price_tiers.len());
        checks.problem("priceTiers", ErrorCode::InvalidInput, message);
        return Vec::new();
    }
    let mut by_currency: BTreeMap<Currency, Vec<CheckedTier>> = BTreeMap::new();
    checks.under("priceTiers", |checks| {
        for (index, tier) in listing.price_tiers.iter().enumerate() {
            checks.under(&index.to_string(), |checks| {
                let Some(tier) = check_tier(checks, tier, &by_currency) else { return };
                let before = by_currency.entry(tier.currency).or_default();
                check_step(checks, listing.minimum_order_quantity, before.last(), &tier);
                before.push(tier);
            });
        }
    });
    if by_currency.len() > MOST_CURRENCIES {
        let message = format!("has {} currencies; at most {MOST_CURRENCIES} are allowed", by_currency.len());
        checks.problem("priceTiers", ErrorCode::InvalidInput, message);
    }
    for (currency, tiers) in by_currency.iter().filter(|(_currency, tiers)| tiers.len() > MOST_TIERS) {
        let message = format!("has {} prices in {currency}; at most {MOST_TIERS} are allowed", tiers.len());
        checks.problem("priceTiers", ErrorCode::InvalidInput, message);
    }
    by_currency.into_values().flatten().collect()
}

/// None if the currency is unknown: then there is nothing to compare it with.
fn check_tier(checks: &mut Checks, tier: &Tier, before: &BTreeMap<Currency, Vec<CheckedTier>>) -> Option<CheckedTier> {
    let minimum_quantity = checks.within("minimumQuantity", tier.minimum_quantity, 1..=MOST_UNITS);
    checks.under("unitPrice", |checks| {
        let currency = tier.currency.parse().ok();
        let shown = currency.unwrap_or_else(|| checks.currency("currency", &tier.currency));
        let price = checks.amount_in("amount", &tier.amount, currency, 1);
        if price > HIGHEST_PRICE {
            let message = format!("must be at most {}", Money::new(HIGHEST_PRICE, shown));
            checks.problem("amount", ErrorCode::InvalidAmount, message);
        }
        let position = before.get(&shown).map_or(0, Vec::len);
        Some(CheckedTier {
            currency: currency?,
            position: i32::try_from(position).unwrap_or(i32::MAX),
            minimum_quantity,
            price,
        })
    })
}

/// Within a currency the first price is that of the minimum order; then quantities rise and prices don't.
fn check_step(checks: &mut Checks, minimum_order: i64, before: Option<&CheckedTier>, tier: &CheckedTier) {
    let currency = tier.currency;
    match before {
        None if tier.minimum_quantity != minimum_order => {
            let message = format!(
                "is {}; the first price in {currency} must be for the minimum order quantity, {minimum_order}",
                tier.minimum_quantity
            );
            checks.problem("minimumQuantity", ErrorCode::InvalidInput, message);
        }
        None => {}
        Some(before) => {
            if tier.minimum_quantity <= before.minimum_quantity {
                let message = format!("must be more than the {} of the price before", before.minimum_quantity);
                checks.problem("minimumQuantity", ErrorCode::InvalidInput, message);
            }
            if tier.price > before.price && before.price.is_positive() {
                let message =
                    format!("must not be more than the {} of the price before", Money::new(before.price, currency));
                checks.under("unitPrice", |checks| checks.problem("amount", ErrorCode::InvalidAmount, message));
            }
        }
    }
}

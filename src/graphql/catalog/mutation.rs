//! How suppliers list what they sell.

use async_graphql::{Context, ID, InputObject, Object, Result};

use crate::catalog::{self, Listing, ListingChanges, Tier};
use crate::graphql::base::payload::{answer, payloads};
use crate::graphql::base::request::{app, idempotency_key, viewer};
use crate::graphql::base::scalars::{CountryCode, MoneyInput, Removable};
use crate::graphql::catalog::product::Product;

/// A price from a quantity on.
#[derive(Clone, Debug, InputObject)]
pub struct PriceTierInput {
    /// From this quantity on, in units. That of the first tier is the minimum order quantity; then they rise.
    pub minimum_quantity: i32,
    /// For `pricePerUnits` units. Must not rise from tier to tier.
    pub unit_price: MoneyInput,
}

impl From<PriceTierInput> for Tier {
    fn from(tier: PriceTierInput) -> Self {
        Self {
            minimum_quantity: i64::from(tier.minimum_quantity),
            amount: tier.unit_price.amount.0,
            currency: tier.unit_price.currency.0,
        }
    }
}

/// A product to list.
#[derive(Clone, Debug, InputObject)]
pub struct CreateProductInput {
    /// Makes the call once: the same key again answers the same. Fresh for each new request.
    pub idempotency_key: Option<String>,
    /// Your own code, unique among your products; up to 64 characters.
    pub sku: String,
    /// Up to 200 characters.
    pub name: String,
    /// Up to 4,000 characters.
    #[graphql(default)]
    pub description: String,
    /// Up to 100 characters; see `categories` for those in use.
    pub category: String,
    /// What one of the quantity is: "piece", "reel", "kg".
    pub unit: String,
    /// Prices are for this many units; up to 1,000,000.
    #[graphql(default = 1)]
    pub price_per_units: i32,
    /// In units.
    pub minimum_order_quantity: i32,
    /// 1 to 10 prices in each of 1 to 10 currencies.
    pub price_tiers: Vec<PriceTierInput>,
    /// Days from payment until you usually ship; up to 365.
    pub lead_time_days: i32,
    /// Units that can be ordered; up to 2,000,000,000.
    pub stock: i32,
    /// A rule of Incoterms 2020, such as "FOB".
    pub incoterm: Option<String>,
    /// Where it is made.
    pub origin_country: Option<CountryCode>,
}

impl From<CreateProductInput> for Listing {
    fn from(input: CreateProductInput) -> Self {
        Self {
            sku: input.sku,
            name: input.name,
            description: input.description,
            category: input.category,
            unit: input.unit,
            price_per_units: input.price_per_units,
            minimum_order_quantity: i64::from(input.minimum_order_quantity),
            lead_time_days: input.lead_time_days,
            stock: i64::from(input.stock),
            incoterm: input.incoterm,
            origin_country: input.origin_country.map(|code| code.0),
            price_tiers: input.price_tiers.into_iter().map(Tier::from).collect(),
        }
    }
}

/// A change of a listing; what is left out stays as it is.
#[derive(Clone, Debug, InputObject)]
pub struct UpdateProductInput {
    /// Makes the call once: the same key again answers the same. Fresh for each new request.
    pub idempotency_key: Option<String>,
    /// The product's.
    pub product_id: ID,
    /// Refused with STALE_VERSION if the listing has changed since this version.
    pub expected_version: Option<i32>,
    /// Your own code, unique among your products; up to 64 characters.
    pub sku: Option<String>,
    /// Up to 200 characters.
    pub name: Option<String>,
    /// Up to 4,000 characters.
    pub description: Option<String>,
    /// Up to 100 characters.
    pub category: Option<String>,
    /// What one of the quantity is.
    pub unit: Option<String>,
    /// Prices are for this many units; up to 1,000,000.
    pub price_per_units: Option<i32>,
    /// In units. The first tier of each currency must have the same.
    pub minimum_order_quantity: Option<i32>,
    /// Replaces all prices in all currencies.
    pub price_tiers: Option<Vec<PriceTierInput>>,
    /// Days from payment until you usually ship; up to 365.
    pub lead_time_days: Option<i32>,
    /// Units that can be ordered from now on, besides those that are reserved for orders.
    pub stock: Option<i32>,
    /// A rule of Incoterms 2020; null removes it.
    pub incoterm: Removable<String>,
    /// Where it is made; null removes it.
    pub origin_country: Removable<CountryCode>,
    /// False withdraws the listing, true lists it again. Orders stay as they are.
    pub active: Option<bool>,
}

impl From<UpdateProductInput> for ListingChanges {
    fn from(input: UpdateProductInput) -> Self {
        let tiers = |tiers: Vec<PriceTierInput>| tiers.into_iter().map(Tier::from).collect();
        Self {
            expected_version: input.expected_version.map(i64::from),
            sku: input.sku,
            name: input.name,
            description: input.description,
            category: input.category,
            unit: input.unit,
            price_per_units: input.price_per_units,
            minimum_order_quantity: input.minimum_order_quantity.map(i64::from),
            lead_time_days: input.lead_time_days,
            stock: input.stock.map(i64::from),
            incoterm: input.incoterm.0.into(),
            origin_country: input.origin_country.0.map_value(|code| code.0).into(),
            price_tiers: input.price_tiers.map(tiers),
            active: input.active,
        }
    }
}

payloads! {
    /// What `createProduct` answers.
    CreateProductPayload {
        /// The new listing.
        product: Product
    }
    /// What `updateProduct` answers.
    UpdateProductPayload {
        /// The listing as it is now.
        product: Product
    }
}

/// Listing products. Needs a supplier's credential.
#[derive(Default)]
pub struct CatalogMutation;

#[Object]
impl CatalogMutation {
    /// Lists a product of yours. For suppliers.
    async fn create_product(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The listing.")] input: CreateProductInput,
    ) -> Result<CreateProductPayload> {
        let key = idempotency_key(ctx, &input);
        let created = catalog::create_product(app(ctx), viewer(ctx), key.as_ref(), &input.into()).await;
        answer(created.map(Product))
    }

    /// Changes or withdraws a listing of yours. For suppliers.
    async fn update_product(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to change.")] input: UpdateProductInput,
    ) -> Result<UpdateProductPayload> {
        let (key, id) = (idempotency_key(ctx, &input), input.product_id.clone());
        let updated = catalog::update_product(app(ctx), viewer(ctx), key.as_ref(), &id, &input.into()).await;
        answer(updated.map(Product))
    }
}

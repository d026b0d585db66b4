//! A listing, as everybody sees it.

use async_graphql::{Context, ID, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{Money as Amount, ProductId, price_tier, product};

use crate::graphql::base::scalars::{CountryCode, CurrencyCode, Money, int};
use crate::graphql::catalog::supplier::Supplier;
use crate::graphql::loader::catalog::{TiersOf, loader};
use crate::validate::Checks;

#[derive(Clone)]
pub struct Product(pub product::Model);

impl Product {
    /// None if it is withdrawn and not the viewer's own.
    pub(crate) async fn load(ctx: &Context<'_>, id: ProductId) -> Result<Option<Self>> {
        Ok(loader(ctx).load_one(id).await?.map(Self))
    }
}

/// A listing: the supplier's standing offer. `buyNow` takes it up.
#[Object]
impl Product {
    /// Begins with `product_`.
    pub async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// The supplier's own code, unique among its products.
    async fn sku(&self) -> &str {
        &self.0.sku
    }

    /// What it is, in one line.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// In the supplier's own words; may be empty.
    async fn description(&self) -> &str {
        &self.0.description
    }

    /// As in `categories`.
    async fn category(&self) -> &str {
        &self.0.category
    }

    /// What one of the quantity is: "piece", "reel", "kg".
    async fn unit(&self) -> &str {
        &self.0.unit
    }

    /// Prices are for this many units, so that parts of a cent are possible: 100 screws for 1.85. Usually 1.
    async fn price_per_units(&self) -> i32 {
        self.0.price_per_units
    }

    /// The least that can be ordered, in units.
    async fn minimum_order_quantity(&self) -> i32 {
        int(self.0.minimum_order_quantity)
    }

    /// The prices, by currency and rising quantity. Null, with an error, only if there is no such currency.
    async fn price_tiers(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only those in this currency.")] currency: Option<CurrencyCode>,
    ) -> Option<Result<Vec<PriceTier>>> {
        let find = async {
            let mut checks = Checks::arguments();
            let currency = currency.map(|code| checks.currency("currency", &code.0));
            checks.finish()?;
            let tiers = loader(ctx).load_one(TiersOf(self.0.id, currency)).await?;
            Ok(tiers.into_iter().flatten().map(PriceTier::from).collect())
        };
        Some(find.await)
    }

    /// Days from payment until the goods are usually shipped.
    async fn lead_time_days(&self) -> i32 {
        self.0.lead_time_days
    }

    /// Units that can still be ordered. Reserved when a buyer confirms an order.
    async fn available(&self) -> i32 {
        int(self.0.stock)
    }

    /// The Incoterms 2020 rule of the prices, such as "FOB"; null if there is none.
    async fn incoterm(&self) -> Option<&str> {
        self.0.incoterm.as_deref()
    }

    /// Where it is made; null if the supplier has not said.
    async fn origin_country(&self) -> Option<CountryCode> {
        self.0.origin_country.clone().map(CountryCode)
    }

    /// False once the supplier has withdrawn it: then it can't be ordered, and only the supplier still sees it.
    async fn active(&self) -> bool {
        self.0.active
    }

    /// Grows with every change of the listing; `expectedVersion` compares with it.
    async fn version(&self) -> i32 {
        int(self.0.version)
    }

    /// Who sells it.
    async fn supplier(&self, ctx: &Context<'_>) -> Result<Supplier> {
        Supplier::load(ctx, self.0.supplier_id).await
    }

    /// When it was listed.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }
}

/// One step of a product's price.
#[derive(Clone, Debug, SimpleObject)]
pub struct PriceTier {
    /// The price holds from this quantity on, in units.
    minimum_quantity: i32,
    /// For `pricePerUnits` units.
    unit_price: Money,
}

impl From<price_tier::Model> for PriceTier {
    fn from(tier: price_tier::Model) -> Self {
        Self { minimum_quantity: int(tier.minimum_quantity), unit_price: Amount::new(tier.price, tier.currency).into() }
    }
}

/// A category of products.
#[derive(Clone, Debug, SimpleObject)]
pub struct Category {
    /// As products have it.
    pub(super) name: String,
    /// How many products are listed in it.
    pub(super) product_count: i32,
}

//! The catalogue: what is listed, how it is found, and how suppliers list it.

use async_graphql::connection::Connection;
use async_graphql::{Context, Enum, ID, InputObject, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{Money as Amount, ProductId, price_tier, product};

use crate::catalog::{self, Listing, ListingChanges, ProductKey, ProductQuery, SupplierQuery, Tier};
use crate::graphql::base::page::{Page, connection};
use crate::graphql::base::payload::{answer, payloads};
use crate::graphql::base::request::{app, idempotency_key, viewer};
use crate::graphql::base::scalars::{CountryCode, CurrencyCode, Decimal, Money, MoneyInput, Removable, int};
use crate::graphql::catalog::supplier::{Supplier, SupplierFilter};
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
    name: String,
    /// How many products are listed in it.
    product_count: i32,
}

/// In which order products come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum)]
#[graphql(remote = "catalog::ProductSort")]
pub enum ProductSort {
    /// Listed first, first.
    #[default]
    Oldest,
    /// Listed last, first.
    Newest,
    /// By name.
    Name,
    /// The cheapest first: one unit at the minimum order quantity, in the filter's currency or USD.
    #[graphql(name = "PRICE_ASC")]
    PriceAscending,
    /// The dearest first: one unit at the minimum order quantity, in the filter's currency or USD.
    #[graphql(name = "PRICE_DESC")]
    PriceDescending,
}

/// Which products are wanted. What is not given doesn't matter.
#[derive(Clone, Debug, Default, InputObject)]
pub struct ProductFilter {
    /// Only this supplier's.
    pub supplier_id: Option<ID>,
    /// Only of this category: its whole name, upper or lower case.
    pub category: Option<String>,
    /// Only with a price in this currency. USD if the sort or a limit is by price and none is given.
    pub currency: Option<CurrencyCode>,
    /// Price of one unit at the minimum order quantity, at least.
    pub price_from: Option<Decimal>,
    /// Price of one unit at the minimum order quantity, at most.
    pub price_to: Option<Decimal>,
    /// Only with a minimum order quantity of at most this.
    pub moq_at_most: Option<i32>,
    /// Only if the minimum order quantity can be delivered from stock.
    pub available_only: Option<bool>,
}

fn product_query(
    search: Option<String>,
    filter: &ProductFilter,
    sort: ProductSort,
) -> crate::error::Result<ProductQuery> {
    let mut checks = Checks::arguments();
    let query = checks.under("filter", |checks| {
        let currency = filter.currency.as_ref().map(|code| checks.currency("currency", &code.0));
        let priced_in = currency.unwrap_or(entity::Currency::USD);
        let mut price = |field: &str, price: &Option<Decimal>| {
            price.as_ref().and_then(|price| catalog::check_price(checks, field, &price.0, priced_in))
        };
        let (price_from, price_to) = (price("priceFrom", &filter.price_from), price("priceTo", &filter.price_to));
        ProductQuery {
            search,
            supplier_id: filter.supplier_id.as_ref().and_then(|id| checks.id("supplierId", id)),
            category: checks.optional_text("category", filter.category.as_deref(), 100),
            currency,
            price_from,
            price_to,
            moq_at_most: filter.moq_at_most.map(i64::from),
            available_only: filter.available_only.unwrap_or(false),
            sort: sort.into(),
        }
    });
    checks.finish()?;
    Ok(query)
}

/// Finding products and suppliers. Needs no credential.
#[derive(Default)]
pub struct CatalogQuery;

#[Object]
impl CatalogQuery {
    /// Listed products.
    async fn products(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Up to eight words, in any order, each whole or by its beginning: \"led strip 5m\". They are looked \
                          up in name, description, category, SKU and the supplier's name."
        )]
        search: Option<String>,
        #[graphql(desc = "What else must hold.")] filter: Option<ProductFilter>,
        #[graphql(desc = "OLDEST unless given.")] sort: Option<ProductSort>,
        #[graphql(desc = "At most 100; 20 unless given.")] first: Option<i32>,
        #[graphql(desc = "The endCursor of the page before, with the same search, filter and sort.")] after: Option<
            String,
        >,
    ) -> Option<Result<Connection<String, Product>>> {
        let find = async {
            let page = Page::<ProductKey>::parse(first, after.as_deref())?;
            let query = product_query(search, &filter.unwrap_or_default(), sort.unwrap_or_default())?;
            let rows = catalog::find_products(&app(ctx).db.read, &query, page.after.as_ref(), page.fetch()).await?;
            Ok(connection(rows, &page, |row| row.key(query.sort), |row| Product(row.product)))
        };
        Some(find.await)
    }

    /// A product; null if there is none with this id, or if it is withdrawn and not your own.
    async fn product(&self, ctx: &Context<'_>, #[graphql(desc = "The product's.")] id: ID) -> Option<Result<Product>> {
        Product::load(ctx, id.parse().ok()?).await.transpose()
    }

    /// Suppliers, those who came first, first.
    async fn suppliers(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Up to eight words, in any order, each whole or by its beginning. They are looked up in name, \
                          city, country and description."
        )]
        search: Option<String>,
        #[graphql(desc = "What else must hold.")] filter: Option<SupplierFilter>,
        #[graphql(desc = "At most 100; 20 unless given.")] first: Option<i32>,
        #[graphql(desc = "The endCursor of the page before.")] after: Option<String>,
    ) -> Option<Result<Connection<String, Supplier>>> {
        let find = async {
            let page = Page::parse(first, after.as_deref())?;
            let filter = filter.unwrap_or_default();
            let mut checks = Checks::arguments();
            let country =
                checks.under("filter", |checks| filter.country.map(|code| checks.country("country", &code.0)));
            checks.finish()?;
            let query = SupplierQuery { search, country, verified_only: filter.verified_only.unwrap_or(false) };
            let rows = catalog::find_suppliers(&app(ctx).db.read, &query, page.after, page.fetch()).await?;
            Ok(connection(rows, &page, |row| row.id, Supplier))
        };
        Some(find.await)
    }

    /// A supplier; null if there is none with this id.
    async fn supplier(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The supplier's.")] id: ID,
    ) -> Option<Result<Supplier>> {
        Supplier::find(ctx, id.parse().ok()?).await.transpose()
    }

    /// Every category that something is listed in, by name.
    async fn categories(&self, ctx: &Context<'_>) -> Option<Result<Vec<Category>>> {
        let shown =
            |category: catalog::Category| Category { name: category.name, product_count: int(category.products) };
        let categories = catalog::find_categories(&app(ctx).db.read).await;
        Some(categories.map(|categories| categories.into_iter().map(shown).collect()).map_err(Into::into))
    }
}

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

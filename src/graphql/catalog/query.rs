//! How listings and suppliers are found.

use async_graphql::connection::Connection;
use async_graphql::{Context, Enum, ID, InputObject, Object, Result};

use crate::catalog::{self, ProductKey, ProductQuery, SupplierQuery};
use crate::graphql::base::page::{Page, connection};
use crate::graphql::base::request::app;
use crate::graphql::base::scalars::{CurrencyCode, Decimal, int};
use crate::graphql::catalog::product::{Category, Product};
use crate::graphql::catalog::supplier::{Supplier, SupplierFilter};
use crate::validate::Checks;

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

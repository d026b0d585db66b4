//! The fields of a supplier, as everybody sees it.

use async_graphql::connection::Connection;
use async_graphql::{Context, ID, Object, Result};
use chrono::{DateTime, Utc};

use crate::auth::Viewer;
use crate::graphql::base::page::{Page, connection};
use crate::graphql::base::request::viewer;
use crate::graphql::base::scalars::CountryCode;
use crate::graphql::catalog::product::Product;
use crate::graphql::catalog::supplier::{Supplier, SupplierRating};
use crate::graphql::loader::catalog::{Part, ProductsOf, RatingOf, loader};

/// A company that sells here.
#[Object]
impl Supplier {
    /// Begins with `supplier_`.
    pub async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// The company's name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The country that it is in.
    async fn country(&self) -> CountryCode {
        CountryCode(self.0.country.clone())
    }

    /// The city that it is in.
    async fn city(&self) -> &str {
        &self.0.city
    }

    /// In the supplier's own words.
    async fn description(&self) -> &str {
        &self.0.description
    }

    /// The year it was founded; null if it has not said.
    async fn established_year(&self) -> Option<i32> {
        self.0.established_year
    }

    /// Whether the operator of the escrow has checked who it is. Only verified suppliers are paid out.
    async fn verified(&self) -> bool {
        self.0.verified_at.is_some()
    }

    /// What buyers thought of it; null while there is no feedback.
    async fn rating(&self, ctx: &Context<'_>) -> Option<Result<SupplierRating>> {
        let rating = loader(ctx).load_one(RatingOf(self.0.id)).await;
        rating.map(|rating| rating.map(SupplierRating::from)).map_err(Into::into).transpose()
    }

    /// The fee on what is released to this supplier, in hundredths of a percent. Only for the supplier itself and operators.
    async fn fee_basis_points(&self, ctx: &Context<'_>) -> Option<i32> {
        let its_own = match viewer(ctx) {
            Viewer::Supplier { supplier_id } => supplier_id == self.0.id,
            Viewer::Operator { .. } => true,
            Viewer::Anonymous | Viewer::Storefront { .. } | Viewer::Buyer { .. } => false,
        };
        its_own.then_some(self.0.fee_basis_points)
    }

    /// Its listed products, oldest first.
    async fn products(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most 100; 20 unless given.")] first: Option<i32>,
        #[graphql(desc = "The endCursor of the page before.")] after: Option<String>,
    ) -> Option<Result<Connection<String, Product>>> {
        Some(self.page_of_products(ctx, first, after).await)
    }

    /// When it came here.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }
}

impl Supplier {
    async fn page_of_products(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
    ) -> Result<Connection<String, Product>> {
        let page = Page::parse(first, after.as_deref())?;
        loader(ctx).loader().take_rows(page.limit)?;
        let part = Part { after: page.after, limit: page.fetch() };
        let rows = loader(ctx).load_one(ProductsOf(self.0.id, part)).await?.unwrap_or_default();
        Ok(connection(rows, &page, |row| row.id, Product))
    }
}

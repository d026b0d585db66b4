//! Suppliers as everybody sees them.

use async_graphql::connection::Connection;
use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{SupplierId, supplier};

use crate::auth::Viewer;
use crate::catalog::Rating;
use crate::error::Error;
use crate::graphql::base::page::{Page, connection};
use crate::graphql::base::request::viewer;
use crate::graphql::base::scalars::{CountryCode, Decimal};
use crate::graphql::catalog::product::Product;
use crate::graphql::loader::catalog::{Part, ProductsOf, RatingOf, loader};

#[derive(Clone)]
pub struct Supplier(pub supplier::Model);

impl Supplier {
    pub(crate) async fn find(ctx: &Context<'_>, id: SupplierId) -> Result<Option<Self>> {
        Ok(loader(ctx).load_one(id).await?.map(Self))
    }

    /// Suppliers are never deleted: what names one finds it.
    pub(crate) async fn load(ctx: &Context<'_>, id: SupplierId) -> Result<Self> {
        Ok(Self::find(ctx, id).await?.ok_or_else(|| Error::internal(format!("{id} is gone")))?)
    }
}

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

/// Averages of all feedback; stars from 1 to 5, with two decimals: "4.67".
#[derive(Clone, Debug, SimpleObject)]
pub struct SupplierRating {
    /// Of the three below.
    average: Decimal,
    /// How many orders were rated.
    count: i32,
    /// Was the product as agreed?
    product_as_agreed: Decimal,
    /// Did the supplier communicate well?
    communication: Decimal,
    /// Did it ship in time?
    shipping_time: Decimal,
}

impl From<Rating> for SupplierRating {
    fn from(rating: Rating) -> Self {
        let sum = rating.product_as_agreed + rating.communication + rating.shipping_time;
        Self {
            average: mean(sum, rating.count * 3),
            count: i32::try_from(rating.count).unwrap_or(i32::MAX),
            product_as_agreed: mean(rating.product_as_agreed, rating.count),
            communication: mean(rating.communication, rating.count),
            shipping_time: mean(rating.shipping_time, rating.count),
        }
    }
}

/// To the nearest hundredth.
fn mean(sum: i64, count: i64) -> Decimal {
    let count = count.max(1);
    let hundredths = (sum * 100 + count / 2) / count;
    Decimal(format!("{}.{:02}", hundredths / 100, hundredths % 100))
}

/// Which suppliers are wanted.
#[derive(Debug, Default, InputObject)]
pub struct SupplierFilter {
    /// Where they are.
    pub country: Option<CountryCode>,
    /// Only those that the operator of the escrow has checked.
    pub verified_only: Option<bool>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_average_is_rounded_to_the_nearest_hundredth() {
        for (sum, count, shown) in [(14, 3, "4.67"), (5, 1, "5.00"), (13, 3, "4.33"), (9, 2, "4.50"), (41, 40, "1.03")]
        {
            assert_eq!(mean(sum, count).0, shown);
        }
    }
}

//! Suppliers as everybody sees them.

use async_graphql::{Context, InputObject, Result, SimpleObject};
use entity::{SupplierId, supplier};

use crate::catalog::Rating;
use crate::error::Error;
use crate::graphql::base::scalars::{CountryCode, Decimal};
use crate::graphql::loader::catalog::loader;

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

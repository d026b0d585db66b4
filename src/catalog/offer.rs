//! What an order is made of: the listing as it stands, its prices, and its stock.

use entity::{Currency, Money, ProductId, price_tier, product, supplier};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use super::find;
use crate::error::{Error, Result};

/// A supplier's standing offer.
#[derive(Clone, Debug)]
pub struct Offer {
    pub product: product::Model,
    pub supplier: supplier::Model,
    /// By currency and minimum quantity.
    pub tiers: Vec<price_tier::Model>,
}

/// The offer of a listed product. `NOT_FOUND` also if it was withdrawn.
pub async fn require_offer<C: ConnectionTrait>(db: &C, product_id: ProductId) -> Result<Offer> {
    let product = product::Entity::find_by_id(product_id)
        .filter(product::Column::Active.eq(true))
        .one(db)
        .await?
        .ok_or_else(|| Error::not_found("product"))?;
    let supplier = find::find_supplier(db, product.supplier_id)
        .await?
        .ok_or_else(|| Error::internal(format!("{product_id} has no supplier")))?;
    let tiers = find::find_tiers(db, [product_id]).await?;
    Ok(Offer { product, supplier, tiers })
}

impl Offer {
    /// The step that holds for this quantity: the one of the highest minimum that it reaches. None below the minimum
    /// order quantity, or if there is no price in this currency. Its price is for `product.price_per_units` units.
    #[must_use]
    pub fn price_for(&self, currency: Currency, quantity: i64) -> Option<&price_tier::Model> {
        self.tiers_in(currency)
            .filter(|tier| tier.minimum_quantity <= quantity)
            .max_by_key(|tier| tier.minimum_quantity)
    }

    /// The currencies there is a price in.
    #[must_use]
    pub fn currencies(&self) -> Vec<Currency> {
        let mut currencies: Vec<Currency> = self.tiers.iter().map(|tier| tier.currency).collect();
        currencies.dedup();
        currencies
    }

    /// For people: "20+ 6.40 USD, 200+ 5.85 USD". Prices of several units name them: "1000+ 1.85 USD per 100".
    #[must_use]
    pub fn tiers_in_words(&self, currency: Currency) -> String {
        let units = match self.product.price_per_units {
            1 => String::new(),
            units => format!(" per {units}"),
        };
        let tiers = self
            .tiers_in(currency)
            .map(|tier| format!("{}+ {}{units}", tier.minimum_quantity, Money::new(tier.price, currency)));
        tiers.collect::<Vec<_>>().join(", ")
    }

    fn tiers_in(&self, currency: Currency) -> impl Iterator<Item = &price_tier::Model> {
        self.tiers.iter().filter(move |tier| tier.currency == currency)
    }
}

/// Takes `quantity` out of stock; false, and nothing taken, if there is less. An order with several products reserves
/// them in ascending order of their ids, so that two orders can't wait for each other.
pub async fn reserve<C: ConnectionTrait>(tx: &C, product_id: ProductId, quantity: i64) -> Result<bool> {
    positive(quantity)?;
    let taken = product::Entity::update_many()
        .col_expr(product::Column::Stock, Expr::col(product::Column::Stock).sub(quantity))
        .filter(product::Column::Id.eq(product_id))
        .filter(product::Column::Stock.gte(quantity))
        .exec(tx)
        .await?;
    Ok(taken.rows_affected == 1)
}

/// Puts back what was reserved. In ascending order of ids, as [`reserve`].
pub async fn give_back<C: ConnectionTrait>(tx: &C, product_id: ProductId, quantity: i64) -> Result<()> {
    positive(quantity)?;
    let given = product::Entity::update_many()
        .col_expr(product::Column::Stock, Expr::col(product::Column::Stock).add(quantity))
        .filter(product::Column::Id.eq(product_id))
        .exec(tx)
        .await?;
    if given.rows_affected == 1 { Ok(()) } else { Err(Error::internal(format!("{product_id} is gone"))) }
}

fn positive(quantity: i64) -> Result<()> {
    if quantity > 0 { Ok(()) } else { Err(Error::internal(format!("a quantity of {quantity} to reserve"))) }
}

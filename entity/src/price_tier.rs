//! One step of a product's price: from this quantity on, this price, in this currency.

use sea_orm::entity::prelude::*;

use crate::{Currency, MinorUnits, ProductId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "price_tier")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub product_id: ProductId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub currency: Currency,
    #[sea_orm(primary_key, auto_increment = false)]
    /// 0 is the tier of the minimum order quantity.
    pub position: i32,
    pub minimum_quantity: i64,
    /// For `product.price_per_units` units.
    pub price: MinorUnits,
    /// Price of one unit in millionths of a minor unit, cut: a key to sort and filter by, never an amount to charge.
    pub sort_price: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

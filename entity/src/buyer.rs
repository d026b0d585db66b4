//! A buyer, as one storefront knows them. The same person at another storefront is another buyer.

use sea_orm::entity::prelude::*;

use crate::{BuyerId, StorefrontId, Time};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "buyer")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: BuyerId,
    pub storefront_id: StorefrontId,
    /// The storefront's own id of this buyer; unique per storefront.
    pub reference: String,
    pub created_at: Time,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

//! What a mutation with an `idempotencyKey` made, so that the same call again answers the same.

use sea_orm::entity::prelude::*;

use crate::Time;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotency")]
pub struct Model {
    /// Who called: the id of a buyer, supplier, operator or storefront.
    #[sea_orm(primary_key, auto_increment = false)]
    pub principal: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    pub mutation: String,
    /// SHA-256 of the input, in hex.
    pub input_hash: String,
    /// Id of what was made.
    pub result: String,
    pub created_at: Time,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

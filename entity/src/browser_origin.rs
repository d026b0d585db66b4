//! An origin whose pages may call the API with a storefront's credentials. Looked up by origin with every request of a page.

use sea_orm::entity::prelude::*;

use crate::StorefrontId;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "browser_origin")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub storefront_id: StorefrontId,
    /// As browsers write it: `https://shop.example`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub origin: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

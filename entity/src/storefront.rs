//! A storefront: a company whose shop sends buyers here, server to server.

use sea_orm::FromJsonQueryResult;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{StorefrontId, Time};

/// Allowed origins (scheme, host and port) of a `returnUrl`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct Origins(pub Vec<String>);

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "storefront")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: StorefrontId,
    pub name: String,
    /// Where a buyer may be sent back to after paying: origins such as `https://shop.example`.
    #[sea_orm(column_type = "JsonBinary")]
    pub return_origins: Origins,
    pub created_at: Time,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

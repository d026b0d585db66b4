//! A bearer token, kept as its SHA-256 only.

use std::collections::BTreeSet;

use sea_orm::FromJsonQueryResult;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{BuyerId, CredentialId, OperatorId, StorefrontId, SupplierId, Time};

/// What a credential may be used for.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(40))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Role {
    Storefront,
    Buyer,
    Supplier,
    Operator,
}

/// What a credential may be used for, within its role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Scope {
    Read,
    Orders,
    Money,
    Webhooks,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct Scopes(pub BTreeSet<Scope>);

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "credential")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: CredentialId,
    /// SHA-256 of the token, in hex.
    #[sea_orm(unique)]
    pub token_hash: String,
    pub role: Role,
    pub storefront_id: Option<StorefrontId>,
    pub buyer_id: Option<BuyerId>,
    pub supplier_id: Option<SupplierId>,
    pub operator_id: Option<OperatorId>,
    pub label: String,
    #[sea_orm(column_type = "JsonBinary")]
    pub scopes: Scopes,
    /// The credential that this one succeeds.
    pub rotated_from: Option<CredentialId>,
    /// Wall time, as all times of a credential.
    pub expires_at: Option<Time>,
    /// May lie ahead.
    pub revoked_at: Option<Time>,
    /// To the minute or so.
    pub last_used_at: Option<Time>,
    pub created_at: Time,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

//! What somebody put forward in a dispute, or against a chargeback. Never changed.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{EvidenceId, FileId, OrderId, Time};

/// Who put it forward.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(40))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EvidenceAuthor {
    Buyer,
    Supplier,
    Operator,
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "evidence")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: EvidenceId,
    pub order_id: OrderId,
    pub author: EvidenceAuthor,
    pub text: Option<String>,
    pub file_id: Option<FileId>,
    /// How many messages it cites.
    pub messages: i32,
    pub created_at: Time,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

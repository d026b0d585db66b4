//! An offer to settle a dispute. Never changed; a further one replaces it.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{DisputeId, MinorUnits, OrderId, ProposalId, Time};

/// Which of the two sides.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(40))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Side {
    Buyer,
    Supplier,
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "proposal")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ProposalId,
    pub dispute_id: DisputeId,
    pub order_id: OrderId,
    pub side: Side,
    /// What is to go back to the buyer; the rest is released.
    pub amount: MinorUnits,
    pub goods_go_back: bool,
    pub message: Option<String>,
    pub created_at: Time,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

//! Buyer and supplier disagree about what was delivered. One at a time per order; its clocks, and how it was settled.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{DisputeId, MinorUnits, OrderId, Time};

/// What is wrong, in the buyer's view.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(40))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DisputeReason {
    NotReceived,
    NotAsDescribed,
    Damaged,
    WrongQuantity,
    Late,
    Other,
}

/// Whether it is still open.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(40))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DisputeStatus {
    Open,
    Withdrawn,
    /// Agreed, decided by silence, or ruled. The goods may still have to go back.
    Settled,
    /// Overtaken: the money was taken back.
    Closed,
}

/// How it came to its settlement.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(40))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SettledBy {
    /// One side accepted the other's proposal.
    Agreement,
    /// The supplier did not answer.
    Silence,
    /// The operator.
    Ruling,
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "dispute")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: DisputeId,
    pub order_id: OrderId,
    pub status: DisputeStatus,
    pub reason: DisputeReason,
    /// The buyer's words.
    pub description: String,
    pub opened_at: Time,
    /// Silence until then executes the buyer's latest proposal; none once the supplier has answered, or it is escalated.
    pub answer_by: Option<Time>,
    pub escalation_from: Time,
    /// It escalates by itself; none once it has.
    pub escalates_at: Option<Time>,
    pub escalated_at: Option<Time>,
    /// It raises an alarm; none once it has.
    pub alarm_at: Option<Time>,
    pub settled_by: Option<SettledBy>,
    /// What goes back to the buyer, at most.
    pub settled_amount: Option<MinorUnits>,
    pub goods_go_back: Option<bool>,
    /// The operator's words.
    pub ruling: Option<String>,
    pub return_carrier: Option<String>,
    pub return_tracking_number: Option<String>,
    pub return_shipped_at: Option<Time>,
    /// Why the supplier contests what came back.
    pub contested_because: Option<String>,
    pub closed_at: Option<Time>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

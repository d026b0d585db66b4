//! The buyer asked to cancel an order that is under way; the supplier answers, or 48 hours of silence do.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{CancelRequestId, OrderId, OrderStatus, Time};

/// What became of it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(40))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CancelRequestStatus {
    Open,
    Withdrawn,
    /// By the supplier or, if nothing was shipped, by silence.
    Granted,
    /// By the supplier or, if the goods were shipped, by silence.
    Refused,
    /// Overtaken: the money was taken back.
    Closed,
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "cancel_request")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: CancelRequestId,
    pub order_id: OrderId,
    pub status: CancelRequestStatus,
    /// FUNDED or SHIPPED: where the order was.
    pub asked_in: OrderStatus,
    /// The buyer's words.
    pub reason: String,
    /// The supplier's.
    pub answer: Option<String>,
    pub created_at: Time,
    pub closed_at: Option<Time>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

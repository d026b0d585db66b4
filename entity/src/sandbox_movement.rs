//! The simulated bank's own books: what it was asked to collect, to give back or to pay out, and what became of it since.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Currency, MinorUnits, SandboxMovementId, Time};

/// Which way the simulated money goes.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(40))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MovementKind {
    Payment,
    Refund,
    Payout,
    /// Money that came for a payment besides the payment itself: too little, too much, too late, or of another kind.
    Transfer,
    /// Money that came with a reference that the bank can't match. Its description is what the payer wrote.
    Unmatched,
    /// A card company's claim on a payment.
    Chargeback,
    /// Money of a payment that was taken back without a dispute.
    Reversal,
}

/// How far it has come.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(40))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MovementStatus {
    /// A payment that waits for the buyer, or a chargeback that is disputed.
    Open,
    /// Approved; the money is on its way.
    Settling,
    Succeeded,
    Declined,
    Cancelled,
    /// A voucher that nobody paid in time.
    Expired,
    /// A chargeback whose money the bank has taken already.
    Debited,
    /// A chargeback that was given up.
    Won,
    /// A chargeback that stands.
    Lost,
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sandbox_movement")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: SandboxMovementId,
    pub kind: MovementKind,
    /// The caller's reference; the same again answers the same. Of what nobody asked for, its own id.
    pub reference: String,
    pub status: MovementStatus,
    pub amount: MinorUnits,
    pub currency: Currency,
    /// The payment that a refund gives back from, that a transfer came for, or that something is taken back of.
    pub original_id: Option<SandboxMovementId>,
    /// Of a payment: the method, a line break, and the description that the checkout page shows.
    pub description: String,
    /// The bank's words on it, if it has any but the usual ones.
    pub reason: Option<String>,
    /// Of a chargeback: whether the bank has taken the money at any time.
    pub debited: bool,
    pub notification_url: String,
    pub return_url: Option<String>,
    pub created_at: Time,
    pub updated_at: Time,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

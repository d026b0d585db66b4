//! Released money on its way to a supplier's bank.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Currency, MinorUnits, OperatorId, PayoutAccountId, PayoutId, SupplierId, Time};

/// How far a payout has come.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(40))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PayoutStatus {
    Requested,
    /// With the provider.
    Pending,
    Paid,
    /// It went back to the supplier's balance.
    Failed,
    /// It came back after it had been paid, and went back to the supplier's balance.
    Returned,
    /// No provider pays it: an operator has to, by hand.
    ActionRequired,
    /// One operator asked to pay it by hand; another has to approve.
    ApprovalRequired,
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "payout")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: PayoutId,
    pub supplier_id: SupplierId,
    pub payout_account_id: PayoutAccountId,
    pub provider: String,
    /// What it is called between us and the provider.
    pub reference: String,
    pub status: PayoutStatus,
    pub amount: MinorUnits,
    pub currency: Currency,
    /// What banks on the way kept of it when it came back; nobody has made that good.
    pub lost: MinorUnits,
    /// Balance of `payout/<id>`: what has not left the provider yet.
    pub balance: MinorUnits,
    pub provider_reference: Option<String>,
    pub failure: Option<String>,
    /// Paid by hand: who asked for it, and who else approved.
    pub requested_by: Option<OperatorId>,
    pub approved_by: Option<OperatorId>,
    pub created_at: Time,
    pub updated_at: Time,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

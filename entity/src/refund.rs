//! Money on its way back to a buyer: of a payment that was applied, or of a receipt that never was.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Currency, MinorUnits, OperatorId, OrderId, PaymentId, ReceiptId, RefundId, Time};

/// How far a refund has come.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(40))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RefundStatus {
    /// Posted in our ledger; the provider has not answered yet.
    Requested,
    /// The rail needs to know the buyer's bank account: `provideRefundAccount`.
    PayeeDetailsRequired,
    /// With the provider.
    Pending,
    /// The provider says that it was sent.
    Succeeded,
    /// It failed, or the rail can't; an operator has to pay it by hand. The money is still the buyer's.
    ActionRequired,
    /// One operator asked to pay it by hand; another has to approve.
    ApprovalRequired,
    /// A chargeback took all of it: the buyer got the money that way.
    ChargedBack,
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "refund")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: RefundId,
    pub order_id: Option<OrderId>,
    pub payment_id: Option<PaymentId>,
    pub receipt_id: Option<ReceiptId>,
    pub provider: String,
    /// What it is called between us and the provider.
    pub reference: String,
    pub status: RefundStatus,
    pub amount: MinorUnits,
    pub currency: Currency,
    /// What chargebacks took out of it before it was sent.
    pub charged_back: MinorUnits,
    /// What banks on the way kept of it when it came back; nobody has made that good.
    pub lost: MinorUnits,
    /// Balance of `refund/<id>`: what has not left the provider yet.
    pub balance: MinorUnits,
    pub provider_reference: Option<String>,
    /// Where to, of money that belongs to no order; encrypted under the id of the row. An order's is its refund account.
    pub encrypted_payee: Option<String>,
    pub reason: String,
    pub failure: Option<String>,
    /// When the provider was first asked, or paying by hand was approved: from then on the money may be on its way.
    pub started_at: Option<Time>,
    /// Paid by hand: who asked for it, and who else approved.
    pub requested_by: Option<OperatorId>,
    pub approved_by: Option<OperatorId>,
    /// Business days, as the rail promises. Business time.
    pub expected_by: Option<Time>,
    pub created_at: Time,
    pub updated_at: Time,
}

impl Model {
    /// What is to be sent, or was: without what chargebacks took before, and what was lost on its way back.
    #[must_use]
    pub fn to_send(&self) -> MinorUnits {
        MinorUnits(self.amount.0.saturating_sub(self.charged_back.0).saturating_sub(self.lost.0))
    }
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

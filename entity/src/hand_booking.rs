//! What two operators book by hand: of a notification that was quarantined, or of a break in the books.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    BookingId, BreakId, Currency, MinorUnits, Money, NotificationId, OperatorId, PaymentId, PayoutId, RefundId, Time,
};

/// As what it is booked.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(40))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum BookingKind {
    /// Money of a payment arrived.
    Capture,
    /// Money arrived that belongs to no payment, or nobody knows to which.
    SetAside,
    /// A refund was sent.
    RefundSucceeded,
    /// A refund was not sent.
    RefundFailed,
    /// A refund came back, whole or in part.
    RefundReturned,
    /// A payout was sent.
    PayoutPaid,
    /// A payout was not sent.
    PayoutFailed,
    /// A payout came back, whole or in part.
    PayoutReturned,
    /// A buyer's bank claims money of a payment back.
    ChargebackOpened,
    /// The provider took it from us.
    ChargebackDebited,
    /// It is ours after all.
    ChargebackWon,
    /// The buyer keeps it.
    ChargebackLost,
    /// A payment's money was taken back without a dispute.
    PaymentReversed,
    /// The provider's charges.
    Fee,
    /// Anything else that came: the operator's own gain.
    OtherCredit,
    /// Anything else that left: the operator's own loss.
    OtherDebit,
    /// What we have booked has not happened: it is booked back.
    Reversed,
    /// The provider's amount is right; the difference is charges.
    AdjustedAsFee,
    /// The provider's amount is right; the difference is the operator's gain or loss.
    AdjustedAsOther,
    /// The books stay as they are.
    Accepted,
}

/// How far it has come.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(40))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum BookingStatus {
    /// One operator asked for it; another has to approve.
    Requested,
    /// To be booked in a moment.
    Approved,
    Booked,
    /// The books did not take it.
    Failed,
    /// Not approved.
    Rejected,
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "hand_booking")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: BookingId,
    /// The evidence: one of these.
    pub notification_id: Option<NotificationId>,
    pub break_id: Option<BreakId>,
    /// Whose money it is about; empty where our own books differ.
    pub provider: String,
    pub kind: BookingKind,
    pub amount: Option<MinorUnits>,
    pub currency: Option<Currency>,
    /// Our key of the movement, as in `transfer.movement`: the same movement, stated later, changes nothing.
    pub movement: Option<String>,
    pub payment_id: Option<PaymentId>,
    pub refund_id: Option<RefundId>,
    pub payout_id: Option<PayoutId>,
    /// The provider's id of a chargeback.
    pub chargeback_reference: Option<String>,
    /// Whether nothing more of the notification is to be booked.
    pub settles: bool,
    /// In the operator's words.
    pub reason: String,
    pub status: BookingStatus,
    /// Why the books did not take it, or why it was not approved.
    pub failure: Option<String>,
    pub requested_by: OperatorId,
    pub approved_by: Option<OperatorId>,
    pub created_at: Time,
    pub updated_at: Time,
}

impl Model {
    #[must_use]
    pub fn money(&self) -> Option<Money> {
        Some(Money::new(self.amount?, self.currency?))
    }
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

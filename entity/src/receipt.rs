//! Money that arrived but belongs to no open order: late, too much, or of unknown reference. Held in `unapplied/<id>`.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Currency, MinorUnits, OrderId, PaymentId, ReceiptId, Time};

/// Why it could not be applied.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(40))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReceiptReason {
    /// The order was not, or no longer, waiting for money.
    OrderNotOpen,
    /// More than what was still due.
    Overpaid,
    /// Another currency than the order's.
    WrongCurrency,
    /// Another amount than what was asked for, on a rail that takes the whole or nothing.
    WrongAmount,
    /// No payment of ours has this reference.
    UnknownReference,
    /// It came back by a chargeback that was won, when the order had no more use for it.
    ChargebackWon,
}

impl ReceiptReason {
    /// Whether it goes back by itself to whom it came from. What a bank has awarded to us is for an operator to settle.
    #[must_use]
    pub fn goes_back(self) -> bool {
        !matches!(self, Self::ChargebackWon)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "receipt")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ReceiptId,
    pub provider: String,
    /// Our key of the provider's movement, as in `transfer.movement`.
    pub movement: String,
    pub order_id: Option<OrderId>,
    pub payment_id: Option<PaymentId>,
    pub reason: ReceiptReason,
    pub amount: MinorUnits,
    pub currency: Currency,
    /// What has left `unapplied/<id>` again as a refund.
    pub refunded: MinorUnits,
    /// What a chargeback took out of it.
    pub charged_back: MinorUnits,
    /// What an operator applied to an order after all.
    pub applied: MinorUnits,
    /// Who sent it and what they wrote, for operators to match it by; encrypted under the id of the row.
    pub encrypted_remitter: Option<String>,
    pub created_at: Time,
}

impl Model {
    /// What is still set aside.
    #[must_use]
    pub fn left(&self) -> MinorUnits {
        let gone = self.refunded.0.saturating_add(self.charged_back.0).saturating_add(self.applied.0);
        MinorUnits(self.amount.0.saturating_sub(gone))
    }
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

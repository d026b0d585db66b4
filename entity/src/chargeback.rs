//! A card company took money of a payment back; or a transfer bounced, which is a chargeback opened and lost at once.

use sea_orm::FromJsonQueryResult;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{ChargebackId, Currency, MinorUnits, OrderId, PaymentId, ReceiptId, RefundId, Time};

/// Where it stands.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(40))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ChargebackStatus {
    Open,
    /// The money came back the way it went.
    Won,
    /// The buyer keeps it. A bank may still change its mind.
    Lost,
}

/// Where a part of the money was taken from; it goes back there if the chargeback is won.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum Source {
    /// What was held for the order.
    Escrow { amount: MinorUnits },
    /// What had been released.
    Supplier { amount: MinorUnits },
    /// A refund that had not been sent yet.
    Refund { refund_id: RefundId, amount: MinorUnits },
    /// Money that could not be applied.
    Unapplied { receipt_id: ReceiptId, amount: MinorUnits },
    /// What had been given back already: the operator's loss.
    Loss { amount: MinorUnits },
}

impl Source {
    #[must_use]
    pub fn amount(&self) -> MinorUnits {
        match self {
            Self::Escrow { amount }
            | Self::Supplier { amount }
            | Self::Refund { amount, .. }
            | Self::Unapplied { amount, .. }
            | Self::Loss { amount } => *amount,
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct Sources(pub Vec<Source>);

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "chargeback")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ChargebackId,
    pub order_id: OrderId,
    pub payment_id: PaymentId,
    pub provider: String,
    /// The provider's id of it; unique per provider.
    pub reference: String,
    pub status: ChargebackStatus,
    pub amount: MinorUnits,
    pub currency: Currency,
    /// A bounced transfer rather than a dispute of a card payment.
    pub is_reversal: bool,
    /// The provider took the money from us.
    pub debited: bool,
    /// The provider gave it back.
    pub returned: bool,
    #[sea_orm(column_type = "JsonBinary")]
    pub sources: Sources,
    /// In the provider's words.
    pub reason: String,
    pub created_at: Time,
    pub updated_at: Time,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

//! A card company took money of a payment back; or a transfer bounced, which is a chargeback opened and lost at once; or a
//! capture failed that its provider may mend; or a refund left twice, and the second one is a loss until somebody decides.

use sea_orm::FromJsonQueryResult;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{ChargebackId, Currency, MinorUnits, OperatorId, OrderId, PaymentId, ReceiptId, RefundId, Time};

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

    /// Another amount from the same place.
    #[must_use]
    pub fn of(&self, amount: MinorUnits) -> Self {
        match *self {
            Self::Escrow { .. } => Self::Escrow { amount },
            Self::Supplier { .. } => Self::Supplier { amount },
            Self::Refund { refund_id, .. } => Self::Refund { refund_id, amount },
            Self::Unapplied { receipt_id, .. } => Self::Unapplied { receipt_id, amount },
            Self::Loss { .. } => Self::Loss { amount },
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct Sources(pub Vec<Source>);

/// How far a chargeback has come. The stages may come in any order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum ChargebackStage {
    /// Somebody asks about the payment: no money moves by that, and it may become a chargeback.
    Inquiry,
    Opened,
    /// The provider took the money from us.
    Debited {
        movement: String,
    },
    /// The movement is the money that came back, if it had been taken.
    Won {
        movement: Option<String>,
    },
    Lost,
    /// Something that only a person can decide.
    Unclear {
        what: String,
    },
    /// Nothing new: what was notified before is tried again.
    Again,
}

/// A stage as it was notified, of a chargeback that nothing is booked of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    #[serde(flatten)]
    pub stage: ChargebackStage,
    /// Where the provider said how much.
    pub amount: Option<MinorUnits>,
    pub currency: Option<Currency>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct AllHeard(pub Vec<Heard>);

/// What operators decide of a chargeback that its provider does not end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct ChargebackDecision {
    /// Won or lost.
    pub outcome: ChargebackStatus,
    /// How much of it, if not all.
    pub amount: Option<MinorUnits>,
    pub requested_by: OperatorId,
    /// Who made it count; none while it waits for another operator.
    pub approved_by: Option<OperatorId>,
    /// What was booked as given back by the provider, on the operators' word.
    pub returned: Option<MinorUnits>,
}

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
    /// A capture that failed after it was booked, and until when its provider may mend it by itself. Business time.
    pub restore_by: Option<Time>,
    /// A refund that left a second time: its provider sent it after all, when it was being sent otherwise.
    pub refund_id: Option<RefundId>,
    /// The provider took the money from us.
    pub debited: bool,
    /// The provider gave it back.
    pub returned: bool,
    #[sea_orm(column_type = "JsonBinary")]
    pub sources: Sources,
    /// In the provider's words.
    pub reason: String,
    /// Money was taken for it from where it was. Otherwise it is only known: `amount` is what is claimed, in the provider's
    /// words, or what the payment asked for as long as nobody says how much.
    pub booked: bool,
    /// What was claimed when it was opened; a judgement may be of less. None: `amount`.
    pub claimed: Option<MinorUnits>,
    /// What was notified of it while nothing could be booked.
    #[sea_orm(column_type = "JsonBinary")]
    pub heard: AllHeard,
    /// Why a person has to look at it; the order is frozen as long as there is one.
    pub problem: Option<String>,
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub decision: Option<ChargebackDecision>,
    pub created_at: Time,
    pub updated_at: Time,
}

impl Model {
    /// It keeps its order frozen.
    #[must_use]
    pub fn is_unsettled(&self) -> bool {
        self.status == ChargebackStatus::Open || self.problem.is_some()
    }

    /// What operators have decided, and two have agreed on where money moved.
    #[must_use]
    pub fn decided(&self) -> Option<&ChargebackDecision> {
        self.decision.as_ref().filter(|decision| decision.approved_by.is_some())
    }
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

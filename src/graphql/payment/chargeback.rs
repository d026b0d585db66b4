//! Money that a buyer's bank took back.

use async_graphql::{Context, Enum, ID, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};
use entity::chargeback;
use entity::chargeback::Source;

use crate::graphql::base::scalars::Money;
use crate::graphql::payment::object::Payment;

/// Where a chargeback stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "entity::chargeback::ChargebackStatus")]
pub enum ChargebackStatus {
    /// Not decided; the order is frozen.
    Open,
    /// The money came back the way it went.
    Won,
    /// The buyer keeps it. A bank may still change its mind.
    Lost,
}

/// Why money of a payment is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum ChargebackKind {
    /// The buyer complained to the bank.
    Dispute,
    /// A transfer bounced: it is lost at once.
    Reversal,
    /// The provider could not collect a payment that it had reported, and may mend that by itself until `restoreBy`: then it
    /// is won. Lost means that it did not, and an order that was not shipped waits for its money again.
    FailedCapture,
    /// The provider sent a refund after it had come back, when it was being sent otherwise: the buyer has it twice. Won
    /// means that one of them came back.
    RefundSentAgain,
}

/// What a part of a chargeback was taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum TakenFrom {
    /// What was held for the order.
    Escrow,
    /// What had been released to the supplier.
    Supplier,
    /// A refund that had not been sent yet.
    Refund,
    /// Money that could not be applied.
    Unapplied,
    /// What had been given back already: the operator's loss.
    Loss,
}

/// A part of a chargeback, and where it was taken from. It goes back there if the chargeback is won.
#[derive(SimpleObject)]
pub struct ChargebackSource {
    /// Where from.
    from: TakenFrom,
    /// How much.
    amount: Money,
    /// The refund that it was taken from; null if it was taken from none.
    refund_id: Option<ID>,
    /// The unapplied money that it was taken from; null if it was taken from none.
    receipt_id: Option<ID>,
}

impl ChargebackSource {
    fn new(source: &Source, currency: entity::Currency) -> Self {
        let (from, refund_id, receipt_id) = match source {
            Source::Escrow { .. } => (TakenFrom::Escrow, None, None),
            Source::Supplier { .. } => (TakenFrom::Supplier, None, None),
            Source::Refund { refund_id, .. } => (TakenFrom::Refund, Some(ID(refund_id.to_string())), None),
            Source::Unapplied { receipt_id, .. } => (TakenFrom::Unapplied, None, Some(ID(receipt_id.to_string()))),
            Source::Loss { .. } => (TakenFrom::Loss, None, None),
        };
        Self { from, amount: entity::Money::new(source.amount(), currency).into(), refund_id, receipt_id }
    }
}

/// How operators end a chargeback.
#[derive(SimpleObject)]
pub struct ChargebackDecision {
    /// Won or lost.
    outcome: ChargebackStatus,
    /// How much of it; null for all.
    amount: Option<Money>,
    /// False while another operator has to decide the same.
    is_final: bool,
}

pub struct Chargeback(pub chargeback::Model);

/// The buyer's bank took money of a payment back, or a transfer bounced. While it is open, the order is frozen.
#[Object]
impl Chargeback {
    /// Begins with `chargeback_`.
    pub async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// The order that was paid with the money.
    async fn order_id(&self) -> ID {
        ID(self.0.order_id.to_string())
    }

    /// The payment whose money it is.
    async fn payment(&self, ctx: &Context<'_>) -> Option<Result<Payment>> {
        Payment::find(ctx, self.0.payment_id).await.transpose()
    }

    /// Where it stands.
    async fn status(&self) -> ChargebackStatus {
        self.0.status.into()
    }

    /// What was taken back. As long as it is not `booked`: what is claimed, in the provider's words; or what the payment asked
    /// for, while nobody says how much.
    async fn amount(&self) -> Money {
        entity::Money::new(self.0.amount, self.0.currency).into()
    }

    /// Why the money is away.
    async fn kind(&self) -> ChargebackKind {
        if self.0.is_reversal {
            ChargebackKind::Reversal
        } else if self.0.restore_by.is_some() {
            ChargebackKind::FailedCapture
        } else if self.0.refund_id.is_some() {
            ChargebackKind::RefundSentAgain
        } else {
            ChargebackKind::Dispute
        }
    }

    /// Of a failed capture: until when its provider may mend it by itself; null for all others.
    async fn restore_by(&self) -> Option<DateTime<Utc>> {
        self.0.restore_by
    }

    /// True for a transfer that bounced: it is lost at once.
    async fn is_reversal(&self) -> bool {
        self.0.is_reversal
    }

    /// Whether the provider has taken the money from us.
    async fn debited(&self) -> bool {
        self.0.debited
    }

    /// Whether the provider has given it back.
    async fn returned(&self) -> bool {
        self.0.returned
    }

    /// Whether money was taken for it from where it was. Otherwise it is known, the order is frozen, and it is booked once its
    /// money has come or somebody says how much; or it is over without any.
    async fn booked(&self) -> bool {
        self.0.booked
    }

    /// Why it waits for money, for its provider or for an operator; null if it doesn't.
    async fn problem(&self) -> Option<&str> {
        self.0.problem.as_deref()
    }

    /// What operators have decided, or what one of them has asked for.
    async fn decision(&self) -> Option<ChargebackDecision> {
        let asked = self.0.decision.as_ref()?;
        Some(ChargebackDecision {
            outcome: asked.outcome.into(),
            amount: asked.amount.map(|amount| entity::Money::new(amount, self.0.currency).into()),
            is_final: asked.approved_by.is_some(),
        })
    }

    /// In the provider's words.
    async fn reason(&self) -> &str {
        &self.0.reason
    }

    /// Where the money was taken from, as the timeline tells it too.
    async fn sources(&self) -> Vec<ChargebackSource> {
        self.0.sources.0.iter().map(|source| ChargebackSource::new(source, self.0.currency)).collect()
    }

    /// When we heard of it.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When it last changed.
    async fn updated_at(&self) -> DateTime<Utc> {
        self.0.updated_at
    }
}

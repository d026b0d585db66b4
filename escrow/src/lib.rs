//! The rules: what may happen to an order, who may do it, and what follows.
//!
//! [`decide`] is a pure function of an order, an actor, a command and a time. It sees no database, no network and no clock,
//! and answers with a [`Decision`]: data that the write path (`crate::order`) saves, posts, appends and enqueues in one
//! transaction. What is in no row of [`table::TABLE`] can't happen.
//!
//! Promised here, and tested here: a decision's transfers never take more out of the escrow than is in it; what was captured
//! is always held, released, refunded or charged back; an order that has ended holds nothing.
#![warn(clippy::arithmetic_side_effects)]

use entity::OrderStatus;
use entity::Time;
use entity::contract::{Deadlines, Terms};
use entity::dispute::DisputeReason;
use entity::proposal::Side;
use entity::{
    CancelRequestId, ChargebackId, DisputeId, EvidenceId, FileId, MinorUnits, Money, OperatorId, PaymentId, ProposalId,
    ReceiptId, RefundAccountId, RefundId,
};

mod balances;
pub mod calendar;
mod chargeback;
mod clocks;
mod decide;
mod decision;
mod dispute;
mod event;
pub mod fee;
mod freeze_reason;
mod guard;
mod operator;
mod provider_facts;
mod refund;
mod split;
pub mod table;

pub use balances::Balances;
pub use decide::{decide, start};
pub use decision::{
    Account, Decision, FollowUp, NewPayment, NewReceipt, NewRefund, PaymentChange, ReceiptRef, RefundOf, RefundRef,
    ShipmentChange, StockChange, Transfer,
};
pub use event::{EVENT_TYPES, Event, EventType, StatusAfter, status_after};
pub use freeze_reason::{FreezeReason, FrozenBy};
pub use guard::{consequence, deadline_of, needs_another_operator, permitted};
pub use operator::BY_HAND;
pub use refund::{Sending, may_send};
pub use table::{Action, Actor};

/// Everything about an order that the rules look at.
#[derive(Clone, Debug)]
pub struct Order {
    pub row: entity::order::Model,
    /// Of the newest contract.
    pub terms: Option<Terms>,
    /// Oldest first.
    pub payments: Vec<entity::payment::Model>,
    pub refunds: Vec<entity::refund::Model>,
    /// Money of this order's payments that could not be applied.
    pub receipts: Vec<entity::receipt::Model>,
    pub chargebacks: Vec<entity::chargeback::Model>,
    /// While CANCEL_REQUESTED.
    pub cancel_request: Option<entity::cancel_request::Model>,
    /// While DISPUTED or RETURN_PENDING.
    pub dispute: Option<entity::dispute::Model>,
    /// Of that dispute, oldest first.
    pub proposals: Vec<entity::proposal::Model>,
    pub feedback: Option<entity::feedback::Model>,
}

/// What has still to arrive for an order.
#[must_use]
pub fn due_of(row: &entity::order::Model) -> MinorUnits {
    due_after(row, Balances::from(row))
}

fn due_after(row: &entity::order::Model, balances: Balances) -> MinorUnits {
    let arrived = balances.captured.0.saturating_sub(balances.charged_back.0);
    MinorUnits(row.total.0.saturating_sub(arrived).max(0))
}

impl Order {
    #[must_use]
    pub fn status(&self) -> OrderStatus {
        self.row.status
    }

    #[must_use]
    pub fn money(&self, amount: MinorUnits) -> Money {
        Money::new(amount, self.row.currency)
    }

    /// What has not arrived yet of the contract's total, or was taken back.
    #[must_use]
    pub fn due(&self) -> MinorUnits {
        due_of(&self.row)
    }

    pub(crate) fn due_after(&self, balances: Balances) -> MinorUnits {
        due_after(&self.row, balances)
    }

    /// The latest proposal of one side of the dispute.
    #[must_use]
    pub fn proposal_of(&self, side: Side) -> Option<&entity::proposal::Model> {
        self.proposals.iter().rev().find(|proposal| proposal.side == side)
    }

    #[must_use]
    pub fn has_open_chargeback(&self) -> bool {
        use entity::chargeback::ChargebackStatus::Open;
        self.chargebacks.iter().any(|chargeback| chargeback.status == Open)
    }

    /// The supplier has let the ship-by date pass.
    #[must_use]
    pub fn is_past_ship_by(&self, now: Time) -> bool {
        self.row.ship_by.is_some_and(|at| at <= now)
    }
}

/// What somebody wants to happen, with all that it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    RequestDraft,
    DraftOrder {
        terms: Terms,
    },
    BuyNow {
        terms: Terms,
    },
    ConfirmOrder {
        contract_version: i32,
    },
    CancelOrder,
    PayOrder(NewPayment),
    ShipOrder {
        carrier: String,
        tracking_number: String,
    },
    UpdateShipment {
        carrier: String,
        tracking_number: String,
    },
    /// The buyer the ship-by date, the supplier the inspection period.
    ExtendDeadline {
        days: i32,
    },
    ConfirmReceived,
    CancelRequest {
        cancel_request_id: CancelRequestId,
        reason: String,
    },
    WithdrawCancelRequest,
    AnswerCancelRequest {
        grant: bool,
        answer: Option<String>,
    },
    /// Also the buyer's first proposal.
    OpenDispute {
        dispute_id: DisputeId,
        reason: DisputeReason,
        description: String,
        proposal: Proposal,
    },
    ProposeSettlement(Proposal),
    AcceptSettlement {
        proposal_id: ProposalId,
    },
    WithdrawDispute,
    EscalateDispute,
    ResolveDispute {
        refund: MinorUnits,
        goods_go_back: bool,
        ruling: String,
    },
    AddEvidence {
        evidence_id: EvidenceId,
        text: Option<String>,
        file: Option<AttachedFile>,
        /// How many messages it cites.
        messages: i32,
    },
    ShipReturn {
        carrier: String,
        tracking_number: String,
    },
    ConfirmReturn,
    ContestReturn {
        reason: String,
    },
    RefundOrder {
        amount: MinorUnits,
    },
    FreezeOrder {
        reason: FreezeReason,
    },
    UnfreezeOrder,
    /// The receipt as it stands under its lock: it may have been of no order.
    ApplyFunds {
        receipt: Box<entity::receipt::Model>,
        payment_id: PaymentId,
    },
    RefundUnapplied {
        receipt_id: ReceiptId,
    },
    ProvideRefundAccount {
        refund_account_id: RefundAccountId,
        /// Under that id.
        encrypted_details: String,
        mask: String,
    },
    RequestManualRefund {
        refund_id: RefundId,
        operator_id: OperatorId,
    },
    ApproveManualRefund {
        refund_id: RefundId,
        operator_id: OperatorId,
    },
    RejectManualRefund {
        refund_id: RefundId,
        reason: String,
    },
    ConfirmManualRefund {
        refund_id: RefundId,
        /// The bank's own reference of it: it is booked once.
        movement: String,
        amount: Money,
    },
    LeaveFeedback {
        product_as_agreed: i32,
        communication: i32,
        shipping_time: i32,
        comment: Option<String>,
        /// Of the row, if it is the first.
        feedback_id: entity::FeedbackId,
    },
    ReplyToFeedback {
        reply: String,
    },

    /// The provider says that money arrived.
    CapturePayment {
        payment_id: PaymentId,
        amount: Money,
        /// `<provider>:<kind>:<id>`; the same movement is applied once.
        movement: String,
    },
    /// The provider says that no money will come by this payment.
    EndPayment {
        payment_id: PaymentId,
        end: PaymentEnd,
    },
    /// The provider says that a refund was sent.
    SettleRefund {
        refund_id: RefundId,
        amount: Money,
        movement: String,
        /// The provider was asked, and stands by it: needed of one that is known to have failed.
        confirmed: bool,
    },
    /// The provider says that a refund did not go through, or came back after it had.
    FailRefund {
        refund_id: RefundId,
        amount: Money,
        movement: String,
        reason: String,
        /// The provider was asked, and stands by it: needed of one that is known to have succeeded.
        confirmed: bool,
    },

    /// The provider says that it needs to know where to send a refund.
    HoldRefund {
        refund_id: RefundId,
        reason: String,
    },
    /// The provider says that a card company takes money back, or gives it up again.
    Chargeback {
        /// Of the row, if it is new.
        chargeback_id: ChargebackId,
        payment_id: PaymentId,
        /// The provider's id of it.
        reference: String,
        amount: Money,
        stage: ChargebackStage,
        reason: String,
    },
    /// The provider says that a transfer bounced.
    ReversePayment {
        chargeback_id: ChargebackId,
        payment_id: PaymentId,
        amount: Money,
        movement: String,
        reason: String,
    },

    /// A reminder is due, or the present status has lasted as long as it may.
    PassDeadline,
}

/// How one side would settle a dispute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    pub proposal_id: ProposalId,
    /// What is to go back to the buyer; the rest is released.
    pub amount: MinorUnits,
    pub goods_go_back: bool,
    pub message: Option<String>,
}

/// What the timeline says of a file: nothing of its contents, not even its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachedFile {
    pub file_id: FileId,
    pub media_type: String,
    pub byte_size: i64,
    pub sha256: String,
}

/// How far a chargeback has come. The stages may come in any order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChargebackStage {
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
}

/// Why no money will come by a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaymentEnd {
    Failed { reason: String },
    Expired,
    Cancelled,
}

impl Command {
    /// The provider's movement of real money that this is about, and how much: it is applied once.
    #[must_use]
    pub fn movement(&self) -> Option<(&str, Money)> {
        if let Self::CapturePayment { movement, amount, .. }
        | Self::SettleRefund { movement, amount, .. }
        | Self::FailRefund { movement, amount, .. }
        | Self::ConfirmManualRefund { movement, amount, .. }
        | Self::ReversePayment { movement, amount, .. }
        | Self::Chargeback {
            stage: ChargebackStage::Debited { movement } | ChargebackStage::Won { movement: Some(movement) },
            amount,
            ..
        } = self
        {
            return Some((movement, *amount));
        }
        None
    }

    #[must_use]
    pub fn action(&self) -> Action {
        match self {
            Self::RequestDraft => Action::RequestDraft,
            Self::DraftOrder { .. } => Action::DraftOrder,
            Self::BuyNow { .. } => Action::BuyNow,
            Self::ConfirmOrder { .. } => Action::ConfirmOrder,
            Self::CancelOrder => Action::CancelOrder,
            Self::PayOrder(_) => Action::PayOrder,
            Self::ShipOrder { .. } => Action::ShipOrder,
            Self::UpdateShipment { .. } => Action::UpdateShipment,
            Self::ExtendDeadline { .. } => Action::ExtendDeadline,
            Self::ConfirmReceived => Action::ConfirmReceived,
            Self::CancelRequest { .. } => Action::CancelRequest,
            Self::WithdrawCancelRequest => Action::WithdrawCancelRequest,
            Self::AnswerCancelRequest { .. } => Action::AnswerCancelRequest,
            Self::OpenDispute { .. } => Action::OpenDispute,
            Self::ProposeSettlement(_) => Action::ProposeSettlement,
            Self::AcceptSettlement { .. } => Action::AcceptSettlement,
            Self::WithdrawDispute => Action::WithdrawDispute,
            Self::EscalateDispute => Action::EscalateDispute,
            Self::ResolveDispute { .. } => Action::ResolveDispute,
            Self::AddEvidence { .. } => Action::AddEvidence,
            Self::ShipReturn { .. } => Action::ShipReturn,
            Self::ConfirmReturn => Action::ConfirmReturn,
            Self::ContestReturn { .. } => Action::ContestReturn,
            Self::RefundOrder { .. } => Action::RefundOrder,
            Self::FreezeOrder { .. } => Action::FreezeOrder,
            Self::UnfreezeOrder => Action::UnfreezeOrder,
            Self::ApplyFunds { .. } => Action::ApplyFunds,
            Self::RefundUnapplied { .. } => Action::RefundUnapplied,
            Self::ProvideRefundAccount { .. } => Action::ProvideRefundAccount,
            Self::RequestManualRefund { .. } => Action::RequestManualRefund,
            Self::ApproveManualRefund { .. } => Action::ApproveManualRefund,
            Self::RejectManualRefund { .. } => Action::RejectManualRefund,
            Self::ConfirmManualRefund { .. } => Action::ConfirmManualRefund,
            Self::LeaveFeedback { .. } => Action::LeaveFeedback,
            Self::ReplyToFeedback { .. } => Action::ReplyToFeedback,
            Self::CapturePayment { .. } => Action::CapturePayment,
            Self::EndPayment { .. } => Action::EndPayment,
            Self::SettleRefund { .. } => Action::SettleRefund,
            Self::FailRefund { .. } | Self::HoldRefund { .. } => Action::FailRefund,
            Self::Chargeback { .. } => Action::Chargeback,
            Self::ReversePayment { .. } => Action::ReversePayment,
            Self::PassDeadline => Action::PassDeadline,
        }
    }
}

/// Why nothing happened, and what could.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    #[error("{action} is not possible while the order is {status}{}; allowed now: {}", why(*.because), words(.allowed))]
    InvalidTransition { action: Action, status: OrderStatus, because: Option<&'static str>, allowed: Vec<Action> },
    #[error("{action} is not yours to do: it is for {}", words(.by))]
    NotPermitted { action: Action, by: Vec<Actor> },
    #[error("the contract on the table is version {current}; read it, and confirm that one")]
    StaleContract { current: i32 },
    #[error("the proposal on the table is {current}; read it, and accept that one")]
    StaleProposal { current: ProposalId },
    #[error("the order is frozen; nothing but messages, evidence and the refund account goes on until it is thawed")]
    Frozen,
    #[error("{amount} is more than the {held} that is held")]
    AmountExceedsHeld { amount: Money, held: Money, field: &'static str },
    #[error("feedback was left, and revised, already")]
    FeedbackExists,
    /// A value of the command that the rules can't take.
    #[error("{problem}")]
    Invalid { field: &'static str, problem: &'static str },
    #[error("the one who asked for a payment by hand can't approve it; another operator has to")]
    NeedsAnotherOperator,
    #[error("the buyer has to say first where the refund may be sent: provideRefundAccount")]
    PayeeDetailsRequired,
    /// A provider says something that doesn't fit what it said before. Nothing was changed.
    #[error("{0}")]
    Contradiction(String),
    /// A fault of ours: the amounts don't fit. Nothing was changed.
    #[error("the order's amounts don't add up: {0}")]
    Inconsistent(&'static str),
}

fn why(because: Option<&'static str>) -> String {
    because.map(|reason| format!(" ({reason})")).unwrap_or_default()
}

fn words<T: std::fmt::Display>(list: &[T]) -> String {
    if list.is_empty() {
        return "nothing".to_owned();
    }
    list.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What holds for every order of this installation; what a contract may change stands in [`Deadlines`].
#[derive(Clone, Debug)]
pub struct Policy {
    /// For contracts that say nothing else.
    pub deadlines: Deadlines,
    /// A requested draft lapses after this many days.
    pub draft_days: i64,
    /// Days after completion in which feedback may be left.
    pub feedback_days: i64,
    /// A clock that stood still goes on with at least this many hours.
    pub resumed_hours: i64,
    /// Most days by which a deadline can be extended at once, and most days that it may then be away.
    pub extension_days: i32,
    pub extended_days: i64,
    /// On which banks don't work, besides weekends.
    pub holidays: Vec<chrono::NaiveDate>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            deadlines: Deadlines::default(),
            draft_days: 7,
            feedback_days: 30,
            resumed_hours: 48,
            extension_days: 30,
            extended_days: 180,
            holidays: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;

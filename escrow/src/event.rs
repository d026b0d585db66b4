//! What happened to an order: the events of its timeline. No personal data in any of them.

use entity::dispute::{DisputeReason, SettledBy};
use entity::evidence::EvidenceAuthor;
use entity::payment::PaymentMethod;
use entity::proposal::Side;
use entity::receipt::ReceiptReason;
use entity::{CancelRequestId, ChargebackId, DisputeId, EvidenceId, Money, OrderStatus, PaymentId, ProposalId, Time};
use serde::Serialize;

/// Why an operator froze an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, async_graphql::Enum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FreezeReason {
    /// Something looks wrong.
    SuspectedFraud,
    /// Sanctions, money laundering, identity: somebody has to check first.
    Compliance,
    /// A court or an authority demands it.
    LegalOrder,
    /// Anything else.
    Other,
}

/// Who stopped an order's money and clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", tag = "by", content = "reason")]
pub enum FrozenBy {
    Operator(FreezeReason),
    Chargeback,
}

/// One event. Its name is `noun.past_verb`; its fields are the event's `data`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub enum Event {
    DraftRequested {
        deadline: Time,
    },
    ContractDrafted {
        contract_version: i32,
        total: Money,
        deadline: Time,
    },
    OrderConfirmed {
        contract_version: i32,
        total: Money,
        deadline: Time,
    },
    OrderCancelled {
        refunded: Money,
    },
    /// The status lasted as long as it may.
    OrderLapsed {
        refunded: Money,
    },
    PaymentOpened {
        payment_id: PaymentId,
        method: PaymentMethod,
        amount: Money,
    },
    PaymentCaptured {
        payment_id: PaymentId,
        amount: Money,
        held: Money,
        due: Money,
    },
    PaymentFailed {
        payment_id: PaymentId,
        reason: String,
    },
    PaymentExpired {
        payment_id: PaymentId,
    },
    PaymentCancelled {
        payment_id: PaymentId,
    },
    /// An operator put money that had been set aside to the order's use.
    FundsApplied {
        payment_id: PaymentId,
        amount: Money,
        held: Money,
        due: Money,
    },
    FundsUnapplied {
        payment_id: PaymentId,
        amount: Money,
        reason: ReceiptReason,
    },
    OrderFunded {
        held: Money,
        ship_by: Time,
    },
    ShipByPassed {
        refund_at: Option<Time>,
    },
    OrderShipped {
        carrier: String,
        tracking_number: String,
        inspect_until: Time,
    },
    ShipmentUpdated {
        carrier: String,
        tracking_number: String,
    },
    DeadlineExtended {
        days: i32,
        deadline: Time,
    },
    /// A reminder: what happens then if nobody acts.
    DeadlineApproaching {
        deadline: Time,
        consequence: &'static str,
    },
    ReceiptConfirmed,
    InspectionEnded,
    CancelRequested {
        cancel_request_id: CancelRequestId,
        answer_by: Time,
    },
    CancelRequestWithdrawn {
        status: OrderStatus,
        deadline: Option<Time>,
    },
    CancelRequestGranted {
        refunded: Money,
    },
    CancelRequestRefused {
        status: OrderStatus,
        deadline: Option<Time>,
    },
    DisputeOpened {
        dispute_id: DisputeId,
        reason: DisputeReason,
        refund: Money,
        goods_go_back: bool,
        answer_by: Time,
    },
    SettlementProposed {
        dispute_id: DisputeId,
        proposal_id: ProposalId,
        by: Side,
        refund: Money,
        goods_go_back: bool,
    },
    DisputeWithdrawn {
        dispute_id: DisputeId,
        status: OrderStatus,
        deadline: Option<Time>,
    },
    DisputeEscalated {
        dispute_id: DisputeId,
    },
    /// An alarm: nobody has ruled.
    DisputeOverdue {
        dispute_id: DisputeId,
        opened_at: Time,
    },
    DisputeSettled {
        dispute_id: DisputeId,
        by: SettledBy,
        refund: Money,
        release: Money,
        goods_go_back: bool,
    },
    ReturnAwaited {
        ship_by: Time,
    },
    ReturnShipped {
        carrier: String,
        tracking_number: String,
        settles_at: Time,
    },
    ReturnConfirmed,
    /// The supplier was silent about it.
    ReturnPresumed,
    /// The buyer did not send the goods back in time.
    ReturnLapsed,
    ReturnContested {
        dispute_id: DisputeId,
    },
    EvidenceAdded {
        evidence_id: EvidenceId,
        by: EvidenceAuthor,
        #[serde(skip_serializing_if = "Option::is_none")]
        media_type: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        byte_size: Option<i64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        sha256: Option<String>,
        /// How many messages it cites.
        #[serde(skip_serializing_if = "Option::is_none")]
        messages: Option<i32>,
    },
    OrderFrozen {
        #[serde(flatten)]
        by: FrozenBy,
    },
    OrderThawed {
        deadline: Option<Time>,
    },
    ChargebackOpened {
        chargeback_id: ChargebackId,
        payment_id: PaymentId,
        amount: Money,
        from_held: Money,
        from_supplier: Money,
        from_unsent: Money,
        from_loss: Money,
        reason: String,
    },
    ChargebackDebited {
        chargeback_id: ChargebackId,
        amount: Money,
    },
    ChargebackWon {
        chargeback_id: ChargebackId,
        amount: Money,
        to_held: Money,
        to_supplier: Money,
    },
    ChargebackLost {
        chargeback_id: ChargebackId,
        amount: Money,
    },
    /// An alarm: money left that had been given back already.
    LossIncurred {
        chargeback_id: ChargebackId,
        amount: Money,
    },
    PaymentReversed {
        chargeback_id: ChargebackId,
        payment_id: PaymentId,
        amount: Money,
        reason: String,
    },
    /// The order waits for its money again.
    OrderUnfunded {
        due: Money,
        deadline: Time,
    },
    FundsReleased {
        amount: Money,
        fee: Money,
        to_supplier: Money,
    },
    OrderCompleted,
    OrderRefunded {
        refunded: Money,
    },
    RefundRequested {
        amount: Money,
        reason: &'static str,
    },
    RefundDetailsRequired {
        amount: Money,
    },
    RefundAccountProvided,
    RefundActionRequired {
        amount: Money,
        reason: String,
    },
    ManualRefundRequested {
        amount: Money,
    },
    ManualRefundApproved {
        amount: Money,
    },
    ManualRefundRejected {
        amount: Money,
    },
    /// A chargeback gave the buyer this money; the refund of it is not sent.
    RefundChargedBack {
        amount: Money,
    },
    RefundSucceeded {
        amount: Money,
    },
    FeedbackLeft {
        product_as_agreed: i32,
        communication: i32,
        shipping_time: i32,
    },
    FeedbackRevised {
        product_as_agreed: i32,
        communication: i32,
        shipping_time: i32,
    },
    FeedbackAnswered,
}

impl Event {
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::DraftRequested { .. } => "draft.requested",
            Self::ContractDrafted { .. } => "contract.drafted",
            Self::OrderConfirmed { .. } => "order.confirmed",
            Self::OrderCancelled { .. } => "order.cancelled",
            Self::OrderLapsed { .. } => "order.lapsed",
            Self::PaymentOpened { .. } => "payment.opened",
            Self::PaymentCaptured { .. } => "payment.captured",
            Self::PaymentFailed { .. } => "payment.failed",
            Self::PaymentExpired { .. } => "payment.expired",
            Self::PaymentCancelled { .. } => "payment.cancelled",
            Self::FundsUnapplied { .. } => "funds.unapplied",
            Self::FundsApplied { .. } => "funds.applied",
            Self::OrderFunded { .. } => "order.funded",
            Self::ShipByPassed { .. } => "ship_by.passed",
            Self::OrderShipped { .. } => "order.shipped",
            Self::ShipmentUpdated { .. } => "shipment.updated",
            Self::DeadlineExtended { .. } => "deadline.extended",
            Self::DeadlineApproaching { .. } => "deadline.approaching",
            Self::CancelRequested { .. } => "cancel.requested",
            Self::CancelRequestWithdrawn { .. } => "cancel.withdrawn",
            Self::CancelRequestGranted { .. } => "cancel.granted",
            Self::CancelRequestRefused { .. } => "cancel.refused",
            Self::DisputeOpened { .. } => "dispute.opened",
            Self::SettlementProposed { .. } => "settlement.proposed",
            Self::DisputeWithdrawn { .. } => "dispute.withdrawn",
            Self::DisputeEscalated { .. } => "dispute.escalated",
            Self::DisputeOverdue { .. } => "dispute.overdue",
            Self::DisputeSettled { .. } => "dispute.settled",
            Self::ReturnAwaited { .. } => "return.awaited",
            Self::ReturnShipped { .. } => "return.shipped",
            Self::ReturnConfirmed => "return.confirmed",
            Self::ReturnPresumed => "return.presumed",
            Self::ReturnLapsed => "return.lapsed",
            Self::ReturnContested { .. } => "return.contested",
            Self::EvidenceAdded { .. } => "evidence.added",
            Self::OrderFrozen { .. } => "order.frozen",
            Self::OrderThawed { .. } => "order.thawed",
            Self::ChargebackOpened { .. } => "chargeback.opened",
            Self::ChargebackDebited { .. } => "chargeback.debited",
            Self::ChargebackWon { .. } => "chargeback.won",
            Self::ChargebackLost { .. } => "chargeback.lost",
            Self::LossIncurred { .. } => "loss.incurred",
            Self::PaymentReversed { .. } => "payment.reversed",
            Self::OrderUnfunded { .. } => "order.unfunded",
            Self::RefundDetailsRequired { .. } => "refund.details_required",
            Self::RefundAccountProvided => "refund_account.provided",
            Self::ManualRefundRequested { .. } => "manual_refund.requested",
            Self::ManualRefundApproved { .. } => "manual_refund.approved",
            Self::ManualRefundRejected { .. } => "manual_refund.rejected",
            Self::RefundChargedBack { .. } => "refund.charged_back",
            Self::FeedbackRevised { .. } => "feedback.revised",
            Self::FeedbackAnswered => "feedback.answered",
            Self::ReceiptConfirmed => "receipt.confirmed",
            Self::InspectionEnded => "inspection.ended",
            Self::FundsReleased { .. } => "funds.released",
            Self::OrderCompleted => "order.completed",
            Self::OrderRefunded { .. } => "order.refunded",
            Self::RefundRequested { .. } => "refund.requested",
            Self::RefundActionRequired { .. } => "refund.action_required",
            Self::RefundSucceeded { .. } => "refund.succeeded",
            Self::FeedbackLeft { .. } => "feedback.left",
        }
    }
}

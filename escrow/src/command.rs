//! What somebody wants to happen to an order, or what a provider reports of it.

use entity::chargeback::{ChargebackStage, ChargebackStatus};
use entity::contract::Terms;
use entity::dispute::DisputeReason;
use entity::{
    CancelRequestId, ChargebackId, DisputeId, EvidenceId, FileId, MinorUnits, Money, OperatorId, PaymentId, ProposalId,
    ReceiptId, RefundAccountId, RefundId, Time,
};

use crate::decision::NewPayment;
use crate::freeze_reason::FreezeReason;
use crate::table::Action;

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
    RetryRefund {
        refund_id: RefundId,
        /// A fresh one: what it is called between us and the provider from now on.
        reference: String,
    },
    BearRefundCharge {
        refund_id: RefundId,
    },
    ClosePayment {
        payment_id: PaymentId,
    },
    AcceptShortfall,
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

    /// The provider reports that money arrived.
    CapturePayment {
        payment_id: PaymentId,
        amount: Money,
        /// `<provider>:<kind>:<id>`; the same movement is applied once.
        movement: String,
    },
    /// The provider reports that no money will come by this payment.
    EndPayment {
        payment_id: PaymentId,
        end: PaymentEnd,
    },
    /// The provider reports that a refund was sent.
    SettleRefund {
        refund_id: RefundId,
        amount: Money,
        movement: String,
        /// The provider was asked, and stands by it: needed of one that is known to have failed.
        confirmed: bool,
    },
    /// The provider reports that a refund did not go through, or came back after it had.
    FailRefund {
        refund_id: RefundId,
        /// What came back, if it had been sent; banks on the way may have kept a part.
        amount: Money,
        movement: String,
        reason: String,
        /// The provider was asked, and stands by it: needed of one that is known to have succeeded.
        confirmed: bool,
    },
    /// A further part came back of a refund of which a part had come back before.
    ReturnRestOfRefund {
        refund_id: RefundId,
        amount: Money,
        movement: String,
    },

    /// The provider reports that it needs to know where to send a refund.
    HoldRefund {
        refund_id: RefundId,
        reason: String,
        /// The account that is known can't be used: another one is needed.
        needs_another_account: bool,
    },
    /// The provider reports that a card company takes money back, or gives it up again.
    Chargeback {
        /// Of the row, if it is new.
        chargeback_id: ChargebackId,
        payment_id: PaymentId,
        /// The provider's id of it.
        reference: String,
        /// What the stage is about, where the provider says it; else it is that of the one that is known.
        amount: Option<Money>,
        cause: ClaimCause,
        stage: ChargebackStage,
        reason: String,
    },
    /// Operators end a chargeback that its provider does not end, or contradicts itself about.
    DecideChargeback {
        chargeback_id: ChargebackId,
        operator_id: OperatorId,
        /// Won or lost.
        outcome: ChargebackStatus,
        /// How much of it was won, or lost; all of it unless given. In the order's currency.
        amount: Option<MinorUnits>,
    },
    /// The provider reports that a transfer bounced.
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

/// Why money of a payment is away, that may come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimCause {
    /// A buyer complained to the bank.
    Dispute,
    /// The capture failed after it was booked; until then its provider may mend that by itself. Lost means that it did not.
    FailedCapture { restore_by: Time },
    /// The provider sent a refund after all that had come back, when it was being sent otherwise: it left twice. Won means
    /// that this one came back.
    RefundSentAgain { refund_id: RefundId },
}

impl ClaimCause {
    /// Of one that is known already.
    #[must_use]
    pub fn of(row: &entity::chargeback::Model) -> Self {
        match (row.restore_by, row.refund_id) {
            (Some(restore_by), _) => Self::FailedCapture { restore_by },
            (None, Some(refund_id)) => Self::RefundSentAgain { refund_id },
            (None, None) => Self::Dispute,
        }
    }

    /// Apart from what may be stated otherwise each time.
    pub(crate) fn is_of_one_kind(self, other: Self) -> bool {
        match (self, other) {
            // Until when it may be restored was stated when it failed.
            (Self::FailedCapture { .. }, Self::FailedCapture { .. }) => true,
            (one, other) => one == other,
        }
    }

    pub(crate) fn restore_by(self) -> Option<Time> {
        match self {
            Self::FailedCapture { restore_by } => Some(restore_by),
            Self::Dispute | Self::RefundSentAgain { .. } => None,
        }
    }

    pub(crate) fn refund_id(self) -> Option<RefundId> {
        match self {
            Self::RefundSentAgain { refund_id } => Some(refund_id),
            Self::Dispute | Self::FailedCapture { .. } => None,
        }
    }
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
        match self {
            Self::CapturePayment { movement, amount, .. }
            | Self::SettleRefund { movement, amount, .. }
            | Self::FailRefund { movement, amount, .. }
            | Self::ReturnRestOfRefund { movement, amount, .. }
            | Self::ConfirmManualRefund { movement, amount, .. }
            | Self::ReversePayment { movement, amount, .. } => Some((movement, *amount)),
            Self::Chargeback { stage, amount, .. } => match stage {
                ChargebackStage::Debited { movement } | ChargebackStage::Won { movement: Some(movement) } => {
                    Some((movement, (*amount)?))
                }
                ChargebackStage::Inquiry
                | ChargebackStage::Opened
                | ChargebackStage::Won { movement: None }
                | ChargebackStage::Lost
                | ChargebackStage::Unclear { .. }
                | ChargebackStage::Again => None,
            },
            Self::RequestDraft
            | Self::DraftOrder { .. }
            | Self::BuyNow { .. }
            | Self::ConfirmOrder { .. }
            | Self::CancelOrder
            | Self::PayOrder(_)
            | Self::ShipOrder { .. }
            | Self::UpdateShipment { .. }
            | Self::ExtendDeadline { .. }
            | Self::ConfirmReceived
            | Self::CancelRequest { .. }
            | Self::WithdrawCancelRequest
            | Self::AnswerCancelRequest { .. }
            | Self::OpenDispute { .. }
            | Self::ProposeSettlement(_)
            | Self::AcceptSettlement { .. }
            | Self::WithdrawDispute
            | Self::EscalateDispute
            | Self::ResolveDispute { .. }
            | Self::AddEvidence { .. }
            | Self::ShipReturn { .. }
            | Self::ConfirmReturn
            | Self::ContestReturn { .. }
            | Self::RefundOrder { .. }
            | Self::FreezeOrder { .. }
            | Self::UnfreezeOrder
            | Self::ApplyFunds { .. }
            | Self::RefundUnapplied { .. }
            | Self::RetryRefund { .. }
            | Self::BearRefundCharge { .. }
            | Self::ClosePayment { .. }
            | Self::AcceptShortfall
            | Self::ProvideRefundAccount { .. }
            | Self::RequestManualRefund { .. }
            | Self::ApproveManualRefund { .. }
            | Self::RejectManualRefund { .. }
            | Self::LeaveFeedback { .. }
            | Self::ReplyToFeedback { .. }
            | Self::EndPayment { .. }
            | Self::HoldRefund { .. }
            | Self::DecideChargeback { .. }
            | Self::PassDeadline => None,
        }
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
            Self::RetryRefund { .. } => Action::RetryRefund,
            Self::BearRefundCharge { .. } => Action::BearRefundCharge,
            Self::ClosePayment { .. } => Action::ClosePayment,
            Self::AcceptShortfall => Action::AcceptShortfall,
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
            Self::FailRefund { .. } | Self::ReturnRestOfRefund { .. } | Self::HoldRefund { .. } => Action::FailRefund,
            Self::Chargeback { .. } => Action::Chargeback,
            Self::DecideChargeback { .. } => Action::DecideChargeback,
            Self::ReversePayment { .. } => Action::ReversePayment,
            Self::PassDeadline => Action::PassDeadline,
        }
    }
}

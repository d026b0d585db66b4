//! A command for every action.

use super::*;

pub(super) fn five() -> Money {
    Money::new(MinorUnits(500), Currency::USD)
}

pub(super) fn capture(payment: u128, amount: i64) -> Command {
    Command::CapturePayment {
        payment_id: PaymentId(Uuid::from_u128(payment)),
        amount: Money::new(MinorUnits(amount), Currency::USD),
        movement: format!("sandbox:capture:{payment}-{amount}"),
    }
}

pub(super) fn proposing(id: u128, amount: i64, goods_go_back: bool) -> Proposal {
    Proposal { proposal_id: ProposalId(Uuid::from_u128(id)), amount: MinorUnits(amount), goods_go_back, message: None }
}

pub(super) fn chargeback(reference: &str, payment: u128, amount: i64, stage: ChargebackStage) -> Command {
    let id = reference.bytes().fold(900, |id, byte| id * 7 + u128::from(byte));
    Command::Chargeback {
        chargeback_id: ChargebackId(Uuid::from_u128(id)),
        payment_id: PaymentId(Uuid::from_u128(payment)),
        reference: reference.to_owned(),
        amount: Some(Money::new(MinorUnits(amount), Currency::USD)),
        cause: ClaimCause::Dispute,
        stage,
        reason: "fraudulent".to_owned(),
    }
}

/// Until when a failed capture may be restored.
pub(super) fn restore_by() -> Time {
    now() + TimeDelta::days(14)
}

/// The same claim for another cause.
pub(super) fn because(claim: Command, why: ClaimCause) -> Command {
    let Command::Chargeback { chargeback_id, payment_id, reference, amount, stage, reason, .. } = claim else {
        unreachable!("{claim:?}")
    };
    Command::Chargeback { chargeback_id, payment_id, reference, amount, cause: why, stage, reason }
}

/// A command for every action: one that is well-formed for the orders above.
#[expect(clippy::too_many_lines, reason = "one arm a command")]
pub(super) fn command(action: Action) -> Command {
    let (carrier, tracking_number) = ("DHL".to_owned(), "1".to_owned());
    let refund_id = RefundId(Uuid::from_u128(9));
    let operator_id = OperatorId(Uuid::from_u128(1));
    match action {
        Action::RequestDraft => Command::RequestDraft,
        Action::DraftOrder => Command::DraftOrder { terms: terms() },
        Action::BuyNow => Command::BuyNow { terms: terms() },
        Action::ConfirmOrder => Command::ConfirmOrder { contract_version: 1 },
        Action::CancelOrder => Command::CancelOrder,
        Action::PayOrder => paying(7, PaymentMethod::Alipay),
        Action::ShipOrder => Command::ShipOrder { carrier, tracking_number },
        Action::UpdateShipment => Command::UpdateShipment { carrier, tracking_number },
        Action::ExtendDeadline => Command::ExtendDeadline { days: 3 },
        Action::ConfirmReceived => Command::ConfirmReceived,
        Action::CancelRequest => {
            Command::CancelRequest { cancel_request_id: CancelRequestId(Uuid::nil()), reason: "late".to_owned() }
        }
        Action::WithdrawCancelRequest => Command::WithdrawCancelRequest,
        Action::AnswerCancelRequest => Command::AnswerCancelRequest { grant: true, answer: None },
        Action::OpenDispute => Command::OpenDispute {
            dispute_id: DisputeId(Uuid::nil()),
            reason: DisputeReason::Damaged,
            description: "broken".to_owned(),
            proposal: proposing(21, 6_400, false),
        },
        Action::ProposeSettlement => Command::ProposeSettlement(proposing(22, 3_200, false)),
        Action::AcceptSettlement => Command::AcceptSettlement { proposal_id: ProposalId(Uuid::from_u128(12)) },
        Action::WithdrawDispute => Command::WithdrawDispute,
        Action::EscalateDispute => Command::EscalateDispute,
        Action::ResolveDispute => {
            Command::ResolveDispute { refund: MinorUnits(1_000), goods_go_back: false, ruling: "so be it".to_owned() }
        }
        Action::AddEvidence => Command::AddEvidence {
            evidence_id: EvidenceId(Uuid::nil()),
            text: Some("look".to_owned()),
            file: None,
            messages: 0,
        },
        Action::ShipReturn => Command::ShipReturn { carrier, tracking_number },
        Action::ConfirmReturn => Command::ConfirmReturn,
        Action::ContestReturn => Command::ContestReturn { reason: "empty box".to_owned() },
        Action::RefundOrder => Command::RefundOrder { amount: MinorUnits(1_000) },
        Action::FreezeOrder => Command::FreezeOrder { reason: FreezeReason::Compliance },
        Action::UnfreezeOrder => Command::UnfreezeOrder,
        Action::ApplyFunds => Command::ApplyFunds {
            receipt: Box::new(set_aside(31, 5_000, None)),
            payment_id: PaymentId(Uuid::from_u128(2)),
        },
        Action::RefundUnapplied => Command::RefundUnapplied { receipt_id: entity::ReceiptId(Uuid::from_u128(30)) },
        Action::RetryRefund => Command::RetryRefund { refund_id, reference: "again".to_owned() },
        Action::BearRefundCharge => Command::BearRefundCharge { refund_id },
        Action::ClosePayment => Command::ClosePayment { payment_id: PaymentId(Uuid::from_u128(2)) },
        Action::AcceptShortfall => Command::AcceptShortfall,
        Action::LeaveFeedback => Command::LeaveFeedback {
            product_as_agreed: 5,
            communication: 5,
            shipping_time: 4,
            comment: None,
            feedback_id: entity::FeedbackId(Uuid::nil()),
        },
        Action::ReplyToFeedback => Command::ReplyToFeedback { reply: "thank you".to_owned() },
        Action::ProvideRefundAccount => Command::ProvideRefundAccount {
            refund_account_id: RefundAccountId(Uuid::nil()),
            encrypted_details: "***".to_owned(),
            mask: "DE".to_owned(),
        },
        Action::RequestManualRefund => Command::RequestManualRefund { refund_id, operator_id },
        Action::ApproveManualRefund => Command::ApproveManualRefund { refund_id, operator_id },
        Action::RejectManualRefund => Command::RejectManualRefund { refund_id, reason: "no".to_owned() },
        Action::ConfirmManualRefund => {
            Command::ConfirmManualRefund { refund_id, movement: "manual:refund:1".to_owned(), amount: five() }
        }
        Action::CapturePayment => capture(2, PRICE),
        Action::EndPayment => {
            Command::EndPayment { payment_id: PaymentId(Uuid::from_u128(2)), end: PaymentEnd::Expired }
        }
        Action::SettleRefund => {
            Command::SettleRefund { refund_id, amount: five(), movement: "m".to_owned(), confirmed: true }
        }
        Action::FailRefund => Command::FailRefund {
            refund_id,
            amount: five(),
            movement: "m".to_owned(),
            reason: "closed account".to_owned(),
            confirmed: true,
        },
        // Of the payment that brought the money, where there is one.
        Action::Chargeback => chargeback("cb", 1, 300, ChargebackStage::Opened),
        Action::DecideChargeback => Command::DecideChargeback {
            chargeback_id: ChargebackId(Uuid::from_u128(900)),
            operator_id,
            outcome: entity::chargeback::ChargebackStatus::Won,
            amount: None,
        },
        Action::ReversePayment => Command::ReversePayment {
            chargeback_id: ChargebackId(Uuid::from_u128(31)),
            payment_id: PaymentId(Uuid::from_u128(1)),
            amount: Money::new(MinorUnits(PRICE), Currency::USD),
            movement: "sandbox:reversal:1".to_owned(),
            reason: "bounced".to_owned(),
        },
        Action::PassDeadline => Command::PassDeadline,
    }
}

pub(super) fn paying(payment: u128, method: PaymentMethod) -> Command {
    Command::PayOrder(NewPayment {
        payment_id: PaymentId(Uuid::from_u128(payment)),
        provider: "sandbox".to_owned(),
        reference: format!("payment_{payment}"),
        method,
        refund_by: "sandbox".to_owned(),
        refund_way: RefundWay::ToOrigin,
        refund_days: 10,
        takes_parts: true,
        encrypted_payer: None,
        return_url: None,
        replaces: None,
    })
}

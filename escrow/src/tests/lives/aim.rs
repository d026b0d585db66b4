//! Commands that are likely to mean something to the order as it is.

use entity::ChargebackId;

use crate::tests::*;

#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) actor: usize,
    pub(super) action: usize,
    pub(super) amount: i64,
    pub(super) target: usize,
    pub(super) hours: i64,
}

fn is_in_hand(refund: &refund::Model) -> bool {
    let waits = [RefundStatus::ActionRequired, RefundStatus::PayeeDetailsRequired, RefundStatus::ApprovalRequired];
    waits.contains(&refund.status) || (refund.status == RefundStatus::Pending && refund.provider == BY_HAND)
}

/// Of what there is, something; now and then what there isn't.
fn pick<T>(list: &[T], target: usize) -> Option<&T> {
    list.get(target % list.len().max(1))
}

/// A refund that waits for somebody.
fn waiting(order: &Order, step: &Step) -> Option<RefundId> {
    let waiting: Vec<_> = order.refunds.iter().filter(|refund| refund.status == RefundStatus::ActionRequired).collect();
    pick(&waiting, step.target).map(|refund| refund.id)
}

/// What is still to be sent of a refund.
fn left_of(order: &Order, id: RefundId) -> Money {
    let refund = order.refunds.iter().find(|refund| refund.id == id);
    refund.map_or_else(five, |refund| Money::new(refund.balance, refund.currency))
}

#[expect(clippy::too_many_lines, reason = "one arm a command")]
pub(super) fn aimed(step: &Step, order: &Order, actor: Actor, number: &mut u128) -> Command {
    *number += 1;
    // Now and then exactly what is held.
    let amount = if step.target > 5 { order.row.held.0.max(1) } else { step.amount };
    let step = &Step { amount, ..step.clone() };
    let fresh = Uuid::from_u128(*number);
    let money = Money::new(MinorUnits(step.amount), Currency::USD);
    let payment = pick(&order.payments, step.target).map_or(PaymentId(fresh), |payment| payment.id);
    let in_hand: Vec<_> = order.refunds.iter().filter(|refund| is_in_hand(refund)).collect();
    let in_hand = if step.amount % 2 == 0 { pick(&in_hand, step.target).copied() } else { None };
    let refund = in_hand.or(pick(&order.refunds, step.target)).map_or(RefundId(fresh), |refund| refund.id);
    let operator_id = OperatorId(Uuid::from_u128(u128::from(step.target % 2 == 1)));
    let reference = format!("cb{}", step.target % 3);
    match command(Action::ALL[step.action]) {
        Command::CapturePayment { .. } => {
            Command::CapturePayment { payment_id: payment, amount: money, movement: number.to_string() }
        }
        Command::EndPayment { end, .. } => Command::EndPayment { payment_id: payment, end },
        Command::SettleRefund { .. } => Command::SettleRefund {
            refund_id: refund,
            amount: left_of(order, refund),
            movement: number.to_string(),
            confirmed: true,
        },
        Command::FailRefund { reason, .. } => Command::FailRefund {
            refund_id: refund,
            amount: five(),
            movement: number.to_string(),
            reason,
            confirmed: true,
        },
        Command::ReturnRestOfRefund { .. } => {
            Command::ReturnRestOfRefund { refund_id: refund, amount: five(), movement: number.to_string() }
        }
        Command::PayOrder(_) => {
            let method =
                if step.target.is_multiple_of(2) { PaymentMethod::Alipay } else { PaymentMethod::BankTransfer };
            let Command::PayOrder(new) = paying(1, method) else { unreachable!() };
            let ways = [RefundWay::ToOrigin, RefundWay::ToAccount, RefundWay::ByHand];
            let (payment_id, refund_way) = (PaymentId(fresh), ways[step.target % 3]);
            Command::PayOrder(NewPayment { payment_id, refund_way, reference: fresh.to_string(), ..new })
        }
        Command::ApplyFunds { .. } => Command::ApplyFunds {
            receipt: Box::new(set_aside(fresh.as_u128(), step.amount.max(1), None)),
            payment_id: payment,
        },
        Command::RefundUnapplied { .. } => {
            let receipt_id = pick(&order.receipts, step.target).map_or(entity::ReceiptId(fresh), |receipt| receipt.id);
            Command::RefundUnapplied { receipt_id }
        }
        Command::RetryRefund { .. } => {
            Command::RetryRefund { refund_id: waiting(order, step).unwrap_or(refund), reference: number.to_string() }
        }
        Command::BearRefundCharge { .. } => {
            let short = order.refunds.iter().find(|refund| refund.lost.is_positive());
            Command::BearRefundCharge { refund_id: short.map_or(refund, |refund| refund.id) }
        }
        Command::ClosePayment { .. } => Command::ClosePayment { payment_id: payment },
        Command::ConfirmOrder { .. } => Command::ConfirmOrder { contract_version: order.row.contract_version },
        Command::OpenDispute { reason, description, .. } => Command::OpenDispute {
            dispute_id: DisputeId(fresh),
            reason,
            description,
            proposal: proposing(*number, step.amount, step.target.is_multiple_of(3)),
        },
        Command::ProposeSettlement(_) => {
            Command::ProposeSettlement(proposing(*number, step.amount, step.target.is_multiple_of(3)))
        }
        Command::AcceptSettlement { .. } => {
            let other = if actor == Actor::Buyer { Side::Supplier } else { Side::Buyer };
            let proposal_id = order.proposal_of(other).map_or(ProposalId(fresh), |proposal| proposal.id);
            Command::AcceptSettlement { proposal_id }
        }
        Command::ResolveDispute { ruling, .. } => Command::ResolveDispute {
            refund: MinorUnits(step.amount),
            goods_go_back: step.target.is_multiple_of(3),
            ruling,
        },
        Command::AnswerCancelRequest { answer, .. } => {
            Command::AnswerCancelRequest { grant: step.target.is_multiple_of(2), answer }
        }
        Command::RefundOrder { .. } => Command::RefundOrder { amount: MinorUnits(step.amount) },
        Command::RequestManualRefund { .. } => Command::RequestManualRefund { refund_id: refund, operator_id },
        Command::ApproveManualRefund { .. } => Command::ApproveManualRefund { refund_id: refund, operator_id },
        Command::RejectManualRefund { reason, .. } => Command::RejectManualRefund { refund_id: refund, reason },
        Command::ConfirmManualRefund { .. } => {
            let amount = left_of(order, refund);
            Command::ConfirmManualRefund { refund_id: refund, movement: number.to_string(), amount }
        }
        Command::Chargeback { .. } => {
            let known = order.chargebacks.iter().find(|row| row.reference == reference);
            let (payment, amount) = known.map_or((payment, step.amount), |row| (row.payment_id, row.amount.0));
            let stage = match step.hours % 7 {
                5 => ChargebackStage::Inquiry,
                6 => ChargebackStage::Unclear { what: "who knows".to_owned() },
                0 => ChargebackStage::Opened,
                1 => ChargebackStage::Debited { movement: format!("{reference}:debited") },
                2 => ChargebackStage::Won { movement: Some(format!("{reference}:won")) },
                // What was never collected is not won without money, but given up.
                3 if known.is_none_or(|row| row.restore_by.is_none()) => ChargebackStage::Won { movement: None },
                _ => ChargebackStage::Lost,
            };
            let known = known.map(|row| row.restore_by);
            let restore_by = known.unwrap_or_else(|| (step.target % 4 == 2).then_some(restore_by()));
            let cause = restore_by.map_or(ClaimCause::Dispute, |restore_by| ClaimCause::FailedCapture { restore_by });
            let mut command = because(chargeback(&reference, payment.0.as_u128(), amount, stage), cause);
            if let Command::Chargeback { amount, .. } = &mut command {
                *amount = match step.hours % 11 {
                    // As some providers: only the first stage says how much.
                    7 => None,
                    8 => Some(Money::new(MinorUnits(step.amount), "EUR".parse().expect("a currency"))),
                    // Judged, or taken, in part.
                    9 => Some(money),
                    _ => *amount,
                };
            }
            command
        }
        Command::DecideChargeback { .. } => {
            let open: Vec<_> = order.chargebacks.iter().filter(|row| row.is_unsettled()).collect();
            let row = pick(&open, step.target);
            let outcomes = [entity::chargeback::ChargebackStatus::Won, entity::chargeback::ChargebackStatus::Lost];
            // Now and then what another operator has asked for.
            let asked = row.and_then(|row| row.decision.clone()).filter(|_| step.amount % 3 > 0);
            let part = MinorUnits(step.amount % row.map_or(1, |row| row.amount.0).max(1));
            let part = Some(part).filter(|part| part.is_positive() && step.hours % 3 == 0);
            Command::DecideChargeback {
                chargeback_id: row.map_or(ChargebackId(fresh), |row| row.id),
                operator_id,
                outcome: asked.as_ref().map_or(outcomes[step.target % 2], |asked| asked.outcome),
                amount: asked.map_or(part, |asked| asked.amount),
            }
        }
        Command::ReversePayment { reason, .. } => Command::ReversePayment {
            chargeback_id: ChargebackId(fresh),
            payment_id: payment,
            amount: money,
            movement: number.to_string(),
            reason,
        },
        // They need no aim.
        as_it_is @ (Command::RequestDraft
        | Command::DraftOrder { .. }
        | Command::BuyNow { .. }
        | Command::CancelOrder
        | Command::ShipOrder { .. }
        | Command::UpdateShipment { .. }
        | Command::ExtendDeadline { .. }
        | Command::ConfirmReceived
        | Command::CancelRequest { .. }
        | Command::WithdrawCancelRequest
        | Command::WithdrawDispute
        | Command::EscalateDispute
        | Command::AddEvidence { .. }
        | Command::ShipReturn { .. }
        | Command::ConfirmReturn
        | Command::ContestReturn { .. }
        | Command::FreezeOrder { .. }
        | Command::UnfreezeOrder
        | Command::ProvideRefundAccount { .. }
        | Command::LeaveFeedback { .. }
        | Command::ReplyToFeedback { .. }
        | Command::HoldRefund { .. }
        | Command::AcceptShortfall
        | Command::PassDeadline) => as_it_is,
    }
}

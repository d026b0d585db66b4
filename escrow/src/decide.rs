//! From a command to a decision: one arm a command, each with a function of its own in the file of its family. The guard
//! before it reads the table.

use entity::contract::Drafter;
use entity::{OrderStatus, Time};

use crate::calendar::after_days;
use crate::chargeback::{self, Claim, Notified, Wanted};
use crate::clocks;
use crate::command::{ClaimCause, Command};
use crate::deadline::pass_deadline;
use crate::decision::Decision;
use crate::drafting::{confirm, draft, offer};
use crate::ending::release;
use crate::event::Event;
use crate::evidence::add_evidence;
use crate::feedback::{Ratings, leave_feedback, reply_to_feedback};
use crate::giving_back::{cancel, refund_order};
use crate::guard::permitted;
use crate::order::Order;
use crate::paying::pay;
use crate::policy::Policy;
use crate::refund_back::{self, Back};
use crate::rejection::Rejection;
use crate::shipping::{extend_deadline, ship, update_shipment};
use crate::table::{self, Actor};
use crate::{cancel_requests, disputes, operator, provider_facts, returns, ways_out};

/// An order begins.
pub fn start(actor: Actor, command: &Command, now: Time, policy: &Policy) -> Result<Decision, Rejection> {
    const NO_BEGINNING: Rejection = Rejection::Inconsistent("this command begins no order");
    let action = command.action();
    let Some(row) = table::TABLE.iter().find(|row| row.action == action && row.from.is_empty()) else {
        return Err(NO_BEGINNING);
    };
    if !row.by.contains(&actor) {
        return Err(Rejection::NotPermitted { action, by: row.by.to_vec() });
    }
    let empty = || Decision::beginning(OrderStatus::AwaitingConfirmation);
    match command {
        Command::BuyNow { terms } => Ok(offer(empty(), terms, Drafter::Listing, 1, now)),
        Command::DraftOrder { terms } => Ok(offer(empty(), terms, Drafter::Supplier, 1, now)),
        Command::RequestDraft => {
            let deadline = after_days(now, policy.draft_days);
            let mut decision = Decision::beginning(OrderStatus::DraftRequested);
            clocks::set(&mut decision, now, Some(deadline));
            decision.events.push(Event::DraftRequested { deadline });
            Ok(decision)
        }
        Command::ConfirmOrder { .. }
        | Command::CancelOrder
        | Command::PayOrder(_)
        | Command::ShipOrder { .. }
        | Command::UpdateShipment { .. }
        | Command::ExtendDeadline { .. }
        | Command::ConfirmReceived
        | Command::CancelRequest { .. }
        | Command::WithdrawCancelRequest
        | Command::AnswerCancelRequest { .. }
        | Command::OpenDispute { .. }
        | Command::ProposeSettlement(_)
        | Command::AcceptSettlement { .. }
        | Command::WithdrawDispute
        | Command::EscalateDispute
        | Command::ResolveDispute { .. }
        | Command::AddEvidence { .. }
        | Command::ShipReturn { .. }
        | Command::ConfirmReturn
        | Command::ContestReturn { .. }
        | Command::RefundOrder { .. }
        | Command::FreezeOrder { .. }
        | Command::UnfreezeOrder
        | Command::ApplyFunds { .. }
        | Command::RefundUnapplied { .. }
        | Command::RetryRefund { .. }
        | Command::BearRefundCharge { .. }
        | Command::ClosePayment { .. }
        | Command::AcceptShortfall
        | Command::ProvideRefundAccount { .. }
        | Command::RequestManualRefund { .. }
        | Command::ApproveManualRefund { .. }
        | Command::RejectManualRefund { .. }
        | Command::ConfirmManualRefund { .. }
        | Command::LeaveFeedback { .. }
        | Command::ReplyToFeedback { .. }
        | Command::CapturePayment { .. }
        | Command::EndPayment { .. }
        | Command::SettleRefund { .. }
        | Command::FailRefund { .. }
        | Command::ReturnRestOfRefund { .. }
        | Command::HoldRefund { .. }
        | Command::Chargeback { .. }
        | Command::ReversePayment { .. }
        | Command::DecideChargeback { .. }
        | Command::PassDeadline => Err(NO_BEGINNING),
    }
}

/// What follows from `command` by `actor` at `now`, or why nothing does.
#[expect(clippy::too_many_lines, reason = "one arm a command: a command that is not decided here doesn't compile")]
pub fn decide(
    order: &Order,
    actor: Actor,
    command: &Command,
    now: Time,
    policy: &Policy,
) -> Result<Decision, Rejection> {
    permitted(order, actor, command.action(), now, policy)?;
    match command {
        Command::RequestDraft | Command::BuyNow { .. } => Err(Rejection::Inconsistent("this order has begun already")),
        Command::DraftOrder { terms } => draft(order, terms, now),
        Command::ConfirmOrder { contract_version } => confirm(order, *contract_version, now),
        Command::CancelOrder => cancel(order, now, policy),
        Command::PayOrder(new) => pay(order, new, now, policy),
        Command::ShipOrder { carrier, tracking_number } => ship(order, carrier, tracking_number, now),
        Command::UpdateShipment { carrier, tracking_number } => Ok(update_shipment(order, carrier, tracking_number)),
        Command::ExtendDeadline { days } => extend_deadline(order, *days, now, policy),
        Command::ConfirmReceived => release(order, Event::ReceiptConfirmed, now),
        Command::RefundOrder { amount } => refund_order(order, actor, *amount, now, policy),
        Command::LeaveFeedback { product_as_agreed, communication, shipping_time, comment, feedback_id } => {
            let ratings = Ratings {
                product_as_agreed: *product_as_agreed,
                communication: *communication,
                shipping_time: *shipping_time,
            };
            Ok(leave_feedback(order, ratings, comment.as_deref(), *feedback_id, now))
        }
        Command::ReplyToFeedback { reply } => reply_to_feedback(order, reply, now),

        Command::CancelRequest { cancel_request_id, reason } => {
            cancel_requests::request(order, *cancel_request_id, reason, now)
        }
        Command::WithdrawCancelRequest => cancel_requests::withdraw(order, now, policy),
        Command::AnswerCancelRequest { grant, answer } => {
            cancel_requests::answer(order, *grant, answer.as_deref(), now, policy)
        }
        Command::OpenDispute { dispute_id, reason, description, proposal } => {
            disputes::open(order, *dispute_id, *reason, description, proposal, now)
        }
        Command::ProposeSettlement(proposal) => disputes::propose(order, actor, proposal, now),
        Command::AcceptSettlement { proposal_id } => disputes::accept(order, actor, *proposal_id, now, policy),
        Command::WithdrawDispute => disputes::withdraw(order, now, policy),
        Command::EscalateDispute => disputes::escalate(order, now),
        Command::ResolveDispute { refund, goods_go_back, ruling } => {
            disputes::resolve(order, *refund, *goods_go_back, ruling, now, policy)
        }
        Command::AddEvidence { evidence_id, text, file, messages } => {
            add_evidence(order, actor, *evidence_id, text.as_deref(), file.as_ref(), *messages, now)
        }
        Command::ShipReturn { carrier, tracking_number } => returns::ship_return(order, carrier, tracking_number, now),
        Command::ConfirmReturn => returns::confirm_return(order, now, policy),
        Command::ContestReturn { reason } => returns::contest_return(order, reason, now),

        Command::FreezeOrder { reason } => Ok(operator::freeze(order, *reason, now)),
        Command::UnfreezeOrder => operator::unfreeze(order, now, policy),
        Command::ApplyFunds { receipt, payment_id } => operator::apply_funds(order, receipt, *payment_id, now),
        Command::RefundUnapplied { receipt_id } => operator::refund_unapplied(order, *receipt_id, now, policy),
        Command::RetryRefund { refund_id, reference } => ways_out::retry_refund(order, *refund_id, reference),
        Command::BearRefundCharge { refund_id } => ways_out::bear_refund_charge(order, *refund_id, policy),
        Command::ClosePayment { payment_id } => ways_out::close_payment(order, *payment_id),
        Command::AcceptShortfall => ways_out::accept_shortfall(order, now, policy),
        Command::ProvideRefundAccount { refund_account_id, encrypted_details, mask } => {
            let account = entity::refund_account::Model {
                id: *refund_account_id,
                order_id: order.row.id,
                encrypted_details: encrypted_details.clone(),
                mask: mask.clone(),
                created_at: now,
            };
            Ok(operator::use_refund_account(order, account))
        }
        Command::RequestManualRefund { refund_id, operator_id } => {
            operator::request_manual_refund(order, *refund_id, *operator_id)
        }
        Command::ApproveManualRefund { refund_id, operator_id } => {
            operator::approve_manual_refund(order, *refund_id, *operator_id, now, policy)
        }
        Command::RejectManualRefund { refund_id, reason } => operator::reject_manual_refund(order, *refund_id, reason),
        Command::ConfirmManualRefund { refund_id, movement, amount } => {
            operator::confirm_manual_refund(order, *refund_id, movement, *amount)
        }

        Command::CapturePayment { payment_id, amount, movement } => {
            provider_facts::capture(order, *payment_id, *amount, movement, now, policy)
        }
        Command::EndPayment { payment_id, end } => provider_facts::end_payment(order, *payment_id, end),
        Command::SettleRefund { refund_id, movement, amount, confirmed } => {
            provider_facts::settle_refund(order, *refund_id, movement, *amount, *confirmed, now)
        }
        Command::FailRefund { refund_id, movement, reason, amount, confirmed } => {
            let back = Back { movement, amount: *amount };
            refund_back::fail_refund(order, *refund_id, back, reason, *confirmed)
        }
        Command::ReturnRestOfRefund { refund_id, amount, movement } => {
            refund_back::return_rest(order, *refund_id, Back { movement, amount: *amount })
        }
        Command::HoldRefund { refund_id, reason, needs_another_account } => {
            provider_facts::hold_refund(order, *refund_id, reason, *needs_another_account)
        }
        Command::Chargeback { chargeback_id, payment_id, reference, amount, cause, stage, reason } => {
            let (chargeback_id, payment_id, amount, cause) = (*chargeback_id, *payment_id, *amount, *cause);
            let claim = Notified { chargeback_id, payment_id, reference, amount, cause, reason };
            chargeback::chargeback(order, &claim, stage, now, policy)
        }
        Command::DecideChargeback { chargeback_id, operator_id, outcome, amount } => {
            let wanted = Wanted { operator_id: *operator_id, outcome: *outcome, amount: *amount };
            chargeback::decide(order, *chargeback_id, wanted, now, policy)
        }
        Command::ReversePayment { chargeback_id, payment_id, amount, movement, reason } => {
            let (chargeback_id, payment_id, amount) = (*chargeback_id, *payment_id, *amount);
            let cause = ClaimCause::Dispute;
            let claim = Claim { chargeback_id, payment_id, reference: movement, amount, cause, reason };
            chargeback::reverse(order, &claim, movement, now)
        }
        Command::PassDeadline => pass_deadline(order, now, policy),
    }
}

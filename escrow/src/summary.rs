//! The events in words: one sentence each, for people.

use entity::Money;
use entity::Time;
use entity::dispute::SettledBy;
use entity::proposal::Side;
use entity::receipt::ReceiptReason;

use super::event::{Event, FreezeReason, FrozenBy};

impl Event {
    /// In one sentence, for people.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the events are divided over three functions; a test says every one"
    )]
    #[must_use]
    pub fn summary(&self) -> String {
        match self {
            Self::DraftRequested { .. } => "The buyer asked the supplier for a draft.".to_owned(),
            Self::ContractDrafted { contract_version, total, .. } => {
                format!("Contract version {contract_version} over {total} is on the table.")
            }
            Self::OrderConfirmed { contract_version, total, .. } => {
                format!("The buyer confirmed contract version {contract_version}; {total} is due.")
            }
            Self::OrderCancelled { refunded } => ended("The order was cancelled", *refunded),
            Self::OrderLapsed { refunded } => ended("Nobody acted in time, and the order lapsed", *refunded),
            Self::PaymentOpened { method, amount, .. } => {
                format!("A payment of {amount} by {} was opened.", method.name())
            }
            Self::PaymentCaptured { amount, held, due, .. } if due.amount.is_zero() => {
                format!("{amount} arrived; {held} is held.")
            }
            Self::PaymentCaptured { amount, held, due, .. } => {
                format!("{amount} arrived; {held} is held, {due} is still due.")
            }
            Self::PaymentFailed { reason, .. } => format!("A payment failed: {reason}"),
            Self::PaymentExpired { .. } => "A payment expired.".to_owned(),
            Self::PaymentCancelled { .. } => "A payment was withdrawn.".to_owned(),
            Self::FundsApplied { amount, held, due, .. } => {
                format!("{amount} that had been set aside are applied: {held} held, {due} due.")
            }
            Self::FundsUnapplied { amount, reason, .. } => set_aside(*amount, *reason),
            Self::OrderFunded { held, ship_by } => {
                format!("The order is funded: {held} is held. Ship by {}.", day(*ship_by))
            }
            Self::ShipByPassed { refund_at } => {
                let until = refund_at.map(|at| format!("; refunded on {} if not shipped", day(at))).unwrap_or_default();
                format!("The ship-by date passed: the buyer may cancel{until}.")
            }
            Self::OrderShipped { carrier, inspect_until, .. } => {
                format!("Shipped with {carrier}; released on {} unless the buyer acts.", day(*inspect_until))
            }
            Self::ReceiptConfirmed => "The buyer confirmed receipt.".to_owned(),
            Self::InspectionEnded => "The inspection period ended without a complaint.".to_owned(),
            Self::FundsReleased { amount, fee, to_supplier } => {
                format!("{amount} was released: {to_supplier} to the supplier, {fee} fee.")
            }
            Self::OrderCompleted => "The order is completed.".to_owned(),
            Self::OrderRefunded { refunded } => format!("The order is refunded: {refunded} goes back to the buyer."),
            Self::RefundRequested { amount, reason } => format!("A refund of {amount} is on its way: {reason}."),
            Self::RefundActionRequired { amount, reason } => {
                format!("A refund of {amount} needs somebody to act: {reason}.")
            }
            Self::RefundSucceeded { amount } => format!("A refund of {amount} was sent."),
            Self::ShipmentUpdated { carrier, .. } => format!("The supplier corrected the shipment: {carrier}."),
            Self::FeedbackAnswered => "The supplier answered the feedback.".to_owned(),
            Self::FeedbackLeft { product_as_agreed, communication, shipping_time }
            | Self::FeedbackRevised { product_as_agreed, communication, shipping_time } => {
                format!(
                    "Feedback: product {product_as_agreed}, communication {communication}, shipping {shipping_time} of 5."
                )
            }
            other => other.trouble(),
        }
    }

    /// What goes wrong: cancel requests, disputes, returns, freezes, chargebacks, refunds that need somebody.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the events are divided over three functions; a test says every one"
    )]
    fn trouble(&self) -> String {
        match self {
            Self::DeadlineExtended { days, deadline } => {
                format!("The deadline was extended by {days} days, to {}.", day(*deadline))
            }
            Self::DeadlineApproaching { deadline, consequence } => {
                format!("Reminder: on {} {consequence}, unless somebody acts.", day(*deadline))
            }
            Self::CancelRequested { answer_by, .. } => {
                format!("The buyer asked to cancel; the supplier has until {} to answer.", minute(*answer_by))
            }
            Self::CancelRequestWithdrawn { status, .. } => {
                format!("The buyer took the cancel request back; the order is {status} again.")
            }
            Self::CancelRequestGranted { refunded } => ended("The cancel request was granted", *refunded),
            Self::CancelRequestRefused { status, .. } => {
                format!("The cancel request was refused; the order is {status} again.")
            }
            Self::OrderFrozen { by: FrozenBy::Chargeback } => {
                "The order is frozen by a chargeback: no money moves, and no clock runs.".to_owned()
            }
            Self::OrderFrozen { by: FrozenBy::Operator(reason) } => {
                let why = match reason {
                    FreezeReason::SuspectedFraud => "something looks wrong",
                    FreezeReason::Compliance => "a compliance check is due",
                    FreezeReason::LegalOrder => "an authority demands it",
                    FreezeReason::Other => "for a reason of its own",
                };
                format!("The operator froze the order, because {why}: no money moves, and no clock runs.")
            }
            Self::OrderThawed { deadline } => {
                let until = deadline.map(|at| format!("; the deadline is {}", day(at))).unwrap_or_default();
                format!("The order is thawed{until}.")
            }
            Self::EvidenceAdded { by, media_type, messages, .. } => {
                let what = match (media_type, messages) {
                    (Some(_), _) => "a file",
                    (None, Some(_)) => "messages",
                    (None, None) => "a text",
                };
                format!("The {} put {what} forward as evidence.", format!("{by:?}").to_lowercase())
            }
            Self::PaymentReversed { amount, .. } => format!("A transfer bounced: {amount} was taken back."),
            Self::OrderUnfunded { due, .. } => format!("The order waits for its money again: {due} is due."),
            Self::RefundDetailsRequired { amount } => {
                format!("A refund of {amount} waits for the buyer's bank account.")
            }
            Self::RefundAccountProvided => "The buyer said where refunds may be sent.".to_owned(),
            Self::ManualRefundRequested { amount } => {
                format!("An operator asked to pay {amount} back by hand; another one has to approve.")
            }
            Self::ManualRefundApproved { amount } => {
                format!("Another operator approved: {amount} is paid back by hand.")
            }
            Self::ManualRefundRejected { amount } => {
                format!("{amount} is not paid back by hand; another way is needed.")
            }
            Self::RefundChargedBack { amount } => {
                format!("The buyer's bank took {amount} back that was to be refunded; that refund is not sent.")
            }
            other => other.quarrel(),
        }
    }

    /// Disputes, returns and chargebacks.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the events are divided over three functions; a test says every one"
    )]
    fn quarrel(&self) -> String {
        match self {
            Self::DisputeOpened { reason, refund, goods_go_back, answer_by, .. } => format!(
                "The buyer opened a dispute ({reason:?}) and wants {refund} back{}; the supplier has until {} to answer.",
                goods(*goods_go_back),
                day(*answer_by)
            ),
            Self::SettlementProposed { by, refund, goods_go_back, .. } => {
                let who = match by {
                    Side::Buyer => "buyer",
                    Side::Supplier => "supplier",
                };
                format!("The {who} proposed to settle: {refund} goes back{}.", goods(*goods_go_back))
            }
            Self::DisputeWithdrawn { status, .. } => {
                format!("The buyer took the dispute back; the order is {status} again.")
            }
            Self::DisputeEscalated { .. } => "The dispute is with the operator now.".to_owned(),
            Self::DisputeOverdue { opened_at, .. } => {
                format!("Alarm: the dispute of {} has not been ruled on.", day(*opened_at))
            }
            Self::DisputeSettled { by, refund, release, goods_go_back, .. } => {
                let how = match by {
                    SettledBy::Agreement => "Both sides agreed",
                    SettledBy::Silence => "The supplier did not answer; as the buyer proposed",
                    SettledBy::Ruling => "The operator ruled",
                };
                let when = if *goods_go_back { ", once the goods are back" } else { "" };
                format!("{how}: {refund} goes back to the buyer, {release} is released{when}.")
            }
            Self::ReturnAwaited { ship_by } => format!("The buyer has to send the goods back by {}.", day(*ship_by)),
            Self::ReturnShipped { carrier, settles_at, .. } => {
                format!("The goods go back with {carrier}; settled on {} unless the supplier acts.", day(*settles_at))
            }
            Self::ReturnConfirmed => "The supplier has the goods back.".to_owned(),
            Self::ReturnPresumed => "The supplier was silent about the returned goods; settled as agreed.".to_owned(),
            Self::ReturnLapsed => "The goods were not sent back in time; the held money is released.".to_owned(),
            Self::ReturnContested { .. } => {
                "The supplier contests what came back; the dispute is with the operator.".to_owned()
            }
            Self::ChargebackOpened { amount, from_held, from_supplier, from_unsent, from_loss, .. } => {
                let parts = [
                    (from_held, "of what is held"),
                    (from_supplier, "of what was released"),
                    (from_unsent, "of what was not sent back yet"),
                    (from_loss, "at the operator's loss"),
                ];
                let parts = parts.iter().filter(|(part, _)| !part.amount.is_zero());
                let parts: Vec<String> = parts.map(|(part, whose)| format!("{part} {whose}")).collect();
                format!("The buyer's bank opened a chargeback of {amount}: {}.", parts.join(", "))
            }
            Self::ChargebackDebited { amount, .. } => format!("The provider took {amount} for the chargeback."),
            Self::ChargebackWon { amount, .. } => format!("The chargeback of {amount} was won: the money is back."),
            Self::ChargebackLost { amount, .. } => format!("The chargeback of {amount} was lost: the buyer keeps it."),
            Self::LossIncurred { amount, .. } => {
                format!("Alarm: {amount} had been given back already; it is the operator's loss.")
            }
            other => other.kind().to_owned(),
        }
    }
}

fn goods(go_back: bool) -> &'static str {
    if go_back { ", and to send the goods back" } else { "" }
}

fn minute(time: Time) -> String {
    time.format("%Y-%m-%d %H:%M UTC").to_string()
}

fn set_aside(amount: Money, reason: ReceiptReason) -> String {
    match reason {
        ReceiptReason::OrderNotOpen => format!("{amount} arrived when no money was due; it is set aside."),
        ReceiptReason::Overpaid => format!("{amount} arrived beyond what was due; it is set aside."),
        ReceiptReason::WrongCurrency => {
            format!("{amount} arrived in another currency than the order's; it is set aside.")
        }
        ReceiptReason::WrongAmount => format!("{amount} arrived, which is not what was asked for; it is set aside."),
        ReceiptReason::ChargebackWon => {
            format!("{amount} came back by a chargeback that was won; it is set aside for an operator.")
        }
        ReceiptReason::UnknownReference => format!("{amount} arrived without a known reference; it is set aside."),
    }
}

fn ended(how: &str, refunded: Money) -> String {
    if refunded.amount.is_zero() { format!("{how}.") } else { format!("{how}; {refunded} goes back to the buyer.") }
}

fn day(time: Time) -> String {
    time.format("%Y-%m-%d").to_string()
}

//! The parts of the events' sentences that depend on what happened.

use entity::dispute::SettledBy;
use entity::evidence::EvidenceAuthor;
use entity::proposal::Side;
use entity::receipt::ReceiptReason;
use entity::{Money, Time};

use crate::freeze_reason::{FreezeReason, FrozenBy};

pub(super) fn day(time: Time) -> String {
    time.format("%Y-%m-%d").to_string()
}

pub(super) fn minute(time: Time) -> String {
    time.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// Nothing, if nothing had been paid.
pub(super) fn goes_back(refunded: Money) -> String {
    if refunded.amount.is_zero() { String::new() } else { format!("; {refunded} goes back to the buyer") }
}

pub(super) fn still_due(due: Money) -> String {
    if due.amount.is_zero() { String::new() } else { format!(", {due} is still due") }
}

pub(super) fn refunded_on(refund_at: Option<Time>) -> String {
    refund_at.map(|at| format!("; refunded on {} if not shipped", day(at))).unwrap_or_default()
}

pub(super) fn with_deadline(deadline: Option<Time>) -> String {
    deadline.map(|at| format!("; the deadline is {}", day(at))).unwrap_or_default()
}

pub(super) fn set_aside(amount: Money, reason: ReceiptReason) -> String {
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

pub(super) fn side(side: Side) -> &'static str {
    match side {
        Side::Buyer => "buyer",
        Side::Supplier => "supplier",
    }
}

pub(super) fn and_goods(go_back: bool) -> &'static str {
    if go_back { ", and to send the goods back" } else { "" }
}

pub(super) fn once_goods_are_back(go_back: bool) -> &'static str {
    if go_back { ", once the goods are back" } else { "" }
}

pub(super) fn how_settled(by: SettledBy) -> &'static str {
    match by {
        SettledBy::Agreement => "Both sides agreed",
        SettledBy::Silence => "The supplier did not answer; as the buyer proposed",
        SettledBy::Ruling => "The operator ruled",
    }
}

pub(super) fn author(author: EvidenceAuthor) -> &'static str {
    match author {
        EvidenceAuthor::Buyer => "buyer",
        EvidenceAuthor::Supplier => "supplier",
        EvidenceAuthor::Operator => "operator",
    }
}

pub(super) fn evidence(is_file: bool, is_messages: bool) -> &'static str {
    match (is_file, is_messages) {
        (true, _) => "a file",
        (false, true) => "messages",
        (false, false) => "a text",
    }
}

pub(super) fn who_froze(by: FrozenBy) -> &'static str {
    match by {
        FrozenBy::Chargeback => "The order is frozen by a chargeback",
        FrozenBy::FailedCapture => "The order is frozen, because its payment provider could not collect a payment yet",
        FrozenBy::RefundSentAgain => "The order is frozen, because a refund was sent twice",
        FrozenBy::Operator(FreezeReason::SuspectedFraud) => {
            "The operator froze the order, because something looks wrong"
        }
        FrozenBy::Operator(FreezeReason::Compliance) => {
            "The operator froze the order, because a compliance check is due"
        }
        FrozenBy::Operator(FreezeReason::LegalOrder) => "The operator froze the order, because an authority demands it",
        FrozenBy::Operator(FreezeReason::Unexplained) => {
            "The order is frozen, because something about its money waits for an operator"
        }
        FrozenBy::Operator(FreezeReason::Other) => "The operator froze the order, because for a reason of its own",
    }
}

/// Where the money of a chargeback was.
pub(super) fn taken_from(held: Money, supplier: Money, unsent: Money, loss: Money) -> String {
    let parts = [
        (held, "of what is held"),
        (supplier, "of what was released"),
        (unsent, "of what was not sent back yet"),
        (loss, "at the operator's loss"),
    ];
    let parts = parts.iter().filter(|(part, _)| !part.amount.is_zero());
    parts.map(|(part, whose)| format!("{part} {whose}")).collect::<Vec<_>>().join(", ")
}

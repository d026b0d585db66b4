//! From a timeline back to where an order stands: how `verify` derives the status again.

use entity::OrderStatus;

/// What an event made of the order's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusAfter {
    Is(OrderStatus),
    /// What the event's own `status` says: where it led back to.
    AsSaid,
    Same,
}

/// By the kind of an event.
#[must_use]
pub fn status_after(kind: &str) -> StatusAfter {
    use StatusAfter::{AsSaid, Is, Same};
    match kind {
        "draft.requested" => Is(OrderStatus::DraftRequested),
        "contract.drafted" => Is(OrderStatus::AwaitingConfirmation),
        "order.confirmed" | "order.unfunded" => Is(OrderStatus::AwaitingPayment),
        "order.funded" => Is(OrderStatus::Funded),
        "order.shipped" => Is(OrderStatus::Shipped),
        "cancel.requested" => Is(OrderStatus::CancelRequested),
        "dispute.opened" | "return.contested" => Is(OrderStatus::Disputed),
        "return.awaited" => Is(OrderStatus::ReturnPending),
        "order.completed" => Is(OrderStatus::Completed),
        "order.cancelled" | "order.lapsed" => Is(OrderStatus::Cancelled),
        // Of a funded order that is cancelled or lapses, this comes last.
        "order.refunded" => Is(OrderStatus::Refunded),
        "cancel.withdrawn" | "cancel.refused" | "dispute.withdrawn" => AsSaid,
        _other => Same,
    }
}

/// Whether the order is frozen after an event of this kind; none if the event says nothing about it.
#[must_use]
pub fn is_frozen_after(kind: &str) -> Option<bool> {
    match kind {
        "order.frozen" => Some(true),
        "order.thawed" => Some(false),
        _other => None,
    }
}

//! What happened to an order: the events of its timeline. No personal data in any of them.

use entity::payment::PaymentMethod;
use entity::receipt::ReceiptReason;
use entity::{Money, PaymentId, Time};
use serde::Serialize;

/// One event. Its name is `noun.past_verb`; its fields are the event's `data`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub enum Happened {
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
    ReceiptConfirmed,
    InspectionEnded,
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
    RefundActionRequired {
        amount: Money,
        reason: String,
    },
    RefundSucceeded {
        amount: Money,
    },
    FeedbackLeft {
        product_as_agreed: i32,
        communication: i32,
        shipping_time: i32,
    },
}

impl Happened {
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
            Self::OrderFunded { .. } => "order.funded",
            Self::ShipByPassed { .. } => "ship_by.passed",
            Self::OrderShipped { .. } => "order.shipped",
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

    /// In one sentence, for people.
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
            Self::FundsUnapplied { amount, reason, .. } => match reason {
                ReceiptReason::OrderNotOpen => format!("{amount} arrived when no money was due; it is set aside."),
                ReceiptReason::Overpaid => format!("{amount} arrived beyond what was due; it is set aside."),
                ReceiptReason::WrongCurrency => {
                    format!("{amount} arrived in another currency than the order's; it is set aside.")
                }
                ReceiptReason::UnknownReference => {
                    format!("{amount} arrived without a known reference; it is set aside.")
                }
            },
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
            Self::FeedbackLeft { product_as_agreed, communication, shipping_time } => {
                format!(
                    "Feedback: product {product_as_agreed}, communication {communication}, shipping {shipping_time} of 5."
                )
            }
        }
    }
}

fn ended(how: &str, refunded: Money) -> String {
    if refunded.amount.is_zero() { format!("{how}.") } else { format!("{how}; {refunded} goes back to the buyer.") }
}

fn day(time: Time) -> String {
    time.format("%Y-%m-%d").to_string()
}

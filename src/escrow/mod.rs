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
use entity::contract::Terms;
use entity::payment::PaymentMethod;
use entity::{MinorUnits, Money, PaymentId, RefundId};

mod balances;
pub mod calendar;
mod decide;
mod decision;
mod event;
pub mod fee;
mod guard;
mod provider_facts;
mod split;
pub mod table;

pub use balances::Balances;
pub use decide::{decide, start};
pub use decision::{
    Account, Decision, Feedback, Later, NewReceipt, NewRefund, PaymentChange, ReceiptRef, RefundChange, RefundOf,
    RefundRef, StockChange, Transfer,
};
pub use event::Happened;
pub use guard::{consequence, permitted};
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
    pub has_feedback: bool,
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
        self.due_after(Balances::from(&self.row))
    }

    pub(crate) fn due_after(&self, balances: Balances) -> MinorUnits {
        let arrived = balances.captured.0.saturating_sub(balances.charged_back.0);
        MinorUnits(self.row.total.0.saturating_sub(arrived).max(0))
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
    PayOrder {
        payment_id: PaymentId,
        provider: String,
        method: PaymentMethod,
        return_url: Option<String>,
    },
    ShipOrder {
        carrier: String,
        tracking_number: String,
    },
    ConfirmReceived,
    LeaveFeedback {
        product_as_agreed: i32,
        communication: i32,
        shipping_time: i32,
        comment: Option<String>,
    },

    /// The provider says that money arrived.
    CapturePayment {
        payment_id: PaymentId,
        amount: Money,
        /// `<provider>:<kind>:<id>`; the same movement is applied once.
        movement: String,
        /// Can this rail give money back by itself?
        refundable: bool,
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
    },
    /// The provider says that a refund did not go through, or came back after it had.
    FailRefund {
        refund_id: RefundId,
        amount: Money,
        movement: String,
        reason: String,
    },

    /// The present status has lasted as long as it may.
    PassDeadline,

    /// In the table, but decided in a later version of the product.
    Later(Action),
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
        | Self::FailRefund { movement, amount, .. } = self
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
            Self::PayOrder { .. } => Action::PayOrder,
            Self::ShipOrder { .. } => Action::ShipOrder,
            Self::ConfirmReceived => Action::ConfirmReceived,
            Self::LeaveFeedback { .. } => Action::LeaveFeedback,
            Self::CapturePayment { .. } => Action::CapturePayment,
            Self::EndPayment { .. } => Action::EndPayment,
            Self::SettleRefund { .. } => Action::SettleRefund,
            Self::FailRefund { .. } => Action::FailRefund,
            Self::PassDeadline => Action::PassDeadline,
            Self::Later(action) => *action,
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
    #[error("the order is frozen; nothing but messages and evidence goes on until it is thawed")]
    Frozen,
    #[error("feedback was left already")]
    FeedbackExists,
    #[error("{0} is not decided in this version yet")]
    NotYetDecided(Action),
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

/// Durations that hold unless the contract says otherwise.
#[derive(Clone, Debug)]
pub struct Policy {
    /// A requested draft lapses after this many days.
    pub draft_days: i64,
    /// A contract that nobody confirms lapses after this many days.
    pub confirmation_days: i64,
    /// An unpaid order lapses after this many days …
    pub payment_days: i64,
    /// … and these business days more once a bank transfer is under way.
    pub bank_transfer_business_days: u32,
    /// Days after the ship-by date when an unshipped order is refunded.
    pub overdue_days: i64,
    /// Days after completion in which feedback may be left.
    pub feedback_days: i64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            draft_days: 7,
            confirmation_days: 5,
            payment_days: 20,
            bank_transfer_business_days: 7,
            overdue_days: 30,
            feedback_days: 30,
        }
    }
}

#[cfg(test)]
mod tests;

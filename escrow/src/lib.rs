//! The rules: what may happen to an order, who may do it, and what follows.
//!
//! [`decide()`] is a pure function of an order, an actor, a command and a time. It sees no database, no network and no clock,
//! and answers with a [`Decision`]: data that the write path (`crate::order`) saves, posts, appends and enqueues in one
//! transaction. What is in no row of [`table::TABLE`] can't happen.
//!
//! Promised here, and tested here: a decision's transfers never take more out of the escrow than is in it; what was captured
//! is always held, released, refunded or charged back; an order that has ended holds nothing.
#![warn(clippy::arithmetic_side_effects)]

mod balances;
pub mod calendar;
mod cancel_requests;
mod chargeback;
mod clocks;
mod command;
mod consequence;
mod deadline;
mod decide;
mod decision;
mod disputes;
mod drafting;
mod ending;
mod event;
mod evidence;
pub mod fee;
mod feedback;
mod freeze;
mod freeze_reason;
mod funding;
mod giving_back;
mod guard;
mod operator;
mod order;
mod paying;
mod policy;
mod provider_facts;
mod refund;
mod refund_back;
mod rejection;
mod returns;
mod shipping;
mod split;
pub mod table;
mod transfer;
mod ways_out;

pub use balances::Balances;
pub use command::{AttachedFile, ClaimCause, Command, PaymentEnd, Proposal};
pub use consequence::consequence;
pub use decide::{decide, start};
pub use decision::{
    Decision, FollowUp, NewContract, NewPayment, NewReceipt, NewRefund, PausedStatus, PaymentChange, RefundOf,
    ShipmentChange, StockChange,
};
pub use entity::chargeback::ChargebackStage;
pub use event::{EVENT_TYPES, Event, EventType, StatusAfter, status_after};
pub use freeze_reason::{FreezeReason, FrozenBy};
pub use guard::{deadline_of, needs_another_operator, permitted};
pub use order::{Order, due_of};
pub use policy::Policy;
pub use refund::{BY_HAND, Sending, may_send};
pub use rejection::Rejection;
pub use table::{Action, Actor};
pub use transfer::{Account, MovementPart, ReceiptRef, RefundRef, Transfer};

#[cfg(test)]
mod tests;

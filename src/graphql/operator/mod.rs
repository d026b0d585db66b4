//! What operators look after.

pub mod booking;
pub mod ledger;
pub mod notification;
pub mod order;
pub mod reconciliation;
pub mod ways_out;

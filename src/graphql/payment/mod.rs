//! Payments, the methods to pay with, and chargebacks.

pub mod chargeback;
pub mod method;
pub mod object;

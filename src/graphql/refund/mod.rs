//! Refunds, the account that they go to, and money that could not be applied.

pub mod mutation;
pub mod object;
pub mod unapplied;

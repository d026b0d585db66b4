//! What suppliers are paid.

pub mod object;

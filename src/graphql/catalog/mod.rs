//! Suppliers and what they sell.

pub mod product;
pub mod supplier;

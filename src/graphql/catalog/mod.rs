//! Suppliers and what they sell.

pub mod mutation;
pub mod product;
pub mod query;
pub mod supplier;
mod supplier_fields;

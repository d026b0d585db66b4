//! Buyers, storefronts, operators, and their credentials.

pub mod credential;
pub mod object;

//! Buyers, storefronts, operators, and their credentials.

pub mod credential;
pub mod credential_mutation;
pub mod mutation;
pub mod object;
pub mod people;

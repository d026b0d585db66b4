//! Buyers, storefronts, operators, and their credentials.

pub mod bank_account_form;
pub mod credential;
pub mod credential_mutation;
pub mod mutation;
pub mod object;
pub mod people;

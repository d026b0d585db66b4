//! Buyer and supplier talk.

pub mod conversation;

//! Webhook endpoints and their deliveries.

pub mod endpoint;
pub mod mutation;

//! What every family of types stands on: scalars, pages, payloads, and what the request carries.

pub mod page;
pub mod payload;
pub mod request;
pub mod scalars;

//! What only the sandbox has.

pub mod clock;
pub mod event;

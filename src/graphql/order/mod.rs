//! An order as its viewer sees it, and the commands to it.

pub mod actions;
pub mod cancel;
pub mod command;
pub mod contract;
pub mod event;
pub mod feedback;
mod fields;
pub mod input;
pub mod mutation;
pub mod object;
pub mod parts;
pub mod process;
pub mod query;
pub mod shipping;

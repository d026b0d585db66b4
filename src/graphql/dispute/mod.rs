//! Disputes and their evidence.

pub mod evidence;
pub mod mutation;
pub mod object;

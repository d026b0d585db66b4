//! What the rows of a list need of other tables, read with one statement per kind. Each request has its own loaders.

pub mod batch;
pub mod catalog;
pub mod found_by_id;
pub mod order;
pub mod webhook;

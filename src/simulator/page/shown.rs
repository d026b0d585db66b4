//! What a page is about.

use entity::Time;
use entity::sandbox_movement::Model;

use crate::error::Error;
use crate::simulator::play::{Form, Problem};

pub(in crate::simulator) struct Shown<'a> {
    pub(in crate::simulator) payment: &'a Model,
    /// All that came and went by it besides.
    pub(in crate::simulator) behind: &'a [Model],
    pub(in crate::simulator) now: Time,
    /// What was filled in and refused, and why.
    pub(in crate::simulator) refused: Option<(&'a Form, &'a Problem)>,
}

/// Where the page of a payment is.
pub(in crate::simulator) fn path(payment: &Model) -> String {
    format!("/sandbox/checkout/{}", payment.id)
}

pub(super) fn overflow() -> Error {
    Error::internal("the bank's sums overflow")
}

//! What is known of an account from earlier reports.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use entity::{BankBookingId, MinorUnits};

use super::likeness::Line;

/// A booking as it is known from earlier reports.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) id: BankBookingId,
    pub(super) amount: MinorUnits,
    pub(super) is_credit: bool,
    pub(super) is_reversal: bool,
    /// The statement on which it stands.
    pub(super) statement: Option<String>,
    /// The sum that it was taken out of.
    pub(super) parent: Option<BankBookingId>,
    /// A sum of which nobody has said what is in it.
    pub(super) is_sum: bool,
    /// What of a sum hasn't been told yet.
    pub(super) untold: MinorUnits,
    pub(super) lines: Vec<Line>,
}

/// A line that was the sum of several bookings.
#[derive(Clone, Debug)]
pub(super) struct KnownSum {
    pub(super) amount: MinorUnits,
    pub(super) line: Line,
    pub(super) bookings: Vec<BankBookingId>,
}

/// What is known of the account around the days of a report.
pub(super) struct Past<'a> {
    pub(super) bookings: &'a [Known],
    pub(super) sums: &'a [KnownSum],
    /// The days of which a whole statement is here.
    pub(super) stated_days: &'a BTreeSet<NaiveDate>,
}

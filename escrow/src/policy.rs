//! What an operator sets for all orders.

use entity::contract::Deadlines;

/// What holds for every order of this installation; what a contract may change stands in [`Deadlines`].
#[derive(Clone, Debug)]
pub struct Policy {
    /// For contracts that say nothing else.
    pub deadlines: Deadlines,
    /// A requested draft lapses after this many days.
    pub draft_days: i64,
    /// Days after completion in which feedback may be left.
    pub feedback_days: i64,
    /// A clock that stood still goes on with at least this many hours.
    pub resumed_hours: i64,
    /// Most days by which a deadline can be extended at once, and most days that it may then be away.
    pub extension_days: i32,
    pub extended_days: i64,
    /// On which banks don't work, besides weekends.
    pub holidays: Vec<chrono::NaiveDate>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            deadlines: Deadlines::default(),
            draft_days: 7,
            feedback_days: 30,
            resumed_hours: 48,
            extension_days: 30,
            extended_days: 180,
            holidays: Vec::new(),
        }
    }
}

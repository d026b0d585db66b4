//! What an operator sets for all orders.

use entity::contract::Deadlines;
use entity::{Currency, MinorUnits, Money};

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
    /// What an operator may bear alone of what banks on the way have kept: so many units of the currency, and of a payment no more
    /// than this part of the order's total.
    pub bearable_units: i64,
    pub bearable_basis_points: i64,
    /// On which banks don't work, besides weekends.
    pub holidays: Vec<chrono::NaiveDate>,
}

impl Policy {
    /// The most that an operator may bear alone of a refund in this currency.
    #[must_use]
    pub fn bearable(&self, currency: Currency) -> MinorUnits {
        MinorUnits(self.bearable_units.saturating_mul(10_i64.saturating_pow(currency.digits())))
    }

    /// Of a payment: a small part of the total, too.
    #[must_use]
    pub fn bearable_of(&self, total: Money) -> MinorUnits {
        let part = total.amount.0.saturating_mul(self.bearable_basis_points).checked_div(10_000).unwrap_or(0);
        self.bearable(total.currency).min(MinorUnits(part))
    }
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
            bearable_units: 50,
            bearable_basis_points: 200,
            holidays: Vec::new(),
        }
    }
}

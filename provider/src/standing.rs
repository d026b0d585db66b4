//! How a capture or a refund stands with a provider that may mend a failure by itself.

use entity::{Money, Time};

/// What a provider says of a capture or a refund, which may change again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub of: StandingOf,
    pub stands: Stands,
    /// The provider's id of it.
    pub id: String,
    /// The provider's id of the payment as it was paid, if it is stated.
    pub original: Option<String>,
    pub amount: Money,
    /// When it happened, by the provider's clock.
    pub stated_at: Option<Time>,
    pub reason: String,
}

/// What it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StandingOf {
    /// Of the payment with this reference of ours.
    Capture { payment: String },
    /// `reference` is ours as the provider repeats it: of the refund, or of its payment. Its own id of the refund counts first.
    Refund { reference: Option<String> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stands {
    Good,
    /// Also after it was good. The provider may mend it within so many business days.
    Failed {
        mended_within_days: u32,
    },
    /// It was not even tried.
    Refused,
    /// Taken back before anything moved.
    Withdrawn,
}

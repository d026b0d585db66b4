//! What a provider has booked, by its own statements.

use chrono::NaiveDate;
use entity::{Currency, Money};

/// What a provider has booked in one currency on one day, by its own calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    pub currency: Currency,
    pub day: NaiveDate,
    pub lines: Vec<StatementLine>,
}

/// One movement on a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementLine {
    /// As in the facts about it: a line and a fact with the same kind and movement are one.
    pub kind: LineKind,
    pub movement: String,
    /// Ours, or what the provider says of it.
    pub reference: Option<String>,
    /// More than zero, whichever way it went: the kind says which.
    pub amount: Money,
}

/// Which way money went, and what for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LineKind {
    /// Towards us.
    Capture,
    Refund,
    /// A refund that came back.
    RefundReturned,
    Payout,
    /// A payout that came back.
    PayoutReturned,
    Chargeback,
    /// A chargeback's money that came back.
    ChargebackWon,
    /// A capture that was taken back.
    Reversal,
    /// The provider's own fees and the like, away from us.
    Fee,
    /// What others ordered from the same account: nothing of ours, and never in our books.
    Foreign,
    /// Anything else towards us.
    OtherCredit,
    /// Anything else away from us.
    OtherDebit,
}

impl LineKind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::Capture,
        Self::Refund,
        Self::RefundReturned,
        Self::Payout,
        Self::PayoutReturned,
        Self::Chargeback,
        Self::ChargebackWon,
        Self::Reversal,
        Self::Fee,
        Self::Foreign,
        Self::OtherCredit,
        Self::OtherDebit,
    ];

    /// The kind of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// As in the key of the transfer that books it; what is never booked has a name, too.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Capture => "capture",
            Self::Refund => "refund",
            Self::RefundReturned => "refund_failed",
            Self::Payout => "payout",
            Self::PayoutReturned => "payout_returned",
            Self::Chargeback => "chargeback",
            Self::ChargebackWon => "chargeback_won",
            Self::Reversal => "reversal",
            Self::Fee => "fee",
            Self::Foreign => "foreign",
            Self::OtherCredit => "other_credit",
            Self::OtherDebit => "other_debit",
        }
    }
}

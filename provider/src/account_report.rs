//! What a bank reports of an account of ours: its bookings, each on the level on which the file has it.
//!
//! A bank reports a booking several times: as it happens (camt.054), on the statement of the day (camt.053), as one sum or
//! as the transfers in it, with its reference on this level or on that one. So a report names no movements: which booking a
//! line is, is decided beside the lines that were reported before (`payment::bank_booking`).

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime};
use entity::{Currency, MinorUnits, Money};
use serde::{Deserialize, Serialize};

use crate::remitter::Remitter;
use crate::statement::LineKind;

/// One account in one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountReport {
    /// The hash of the file, and which report of it this is: by these its lines are kept once.
    pub file: String,
    pub position: usize,
    /// An IBAN, or the number of the account.
    pub account: String,
    pub currency: Currency,
    /// None: a notification, which may name any part of a day, and a part of it again.
    pub statement: Option<StatedBalances>,
    pub entries: Vec<ReportedEntry>,
}

/// What makes a report a statement: it has all that was booked between two balances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatedBalances {
    /// The bank's name of the statement, as far as it has one.
    pub name: String,
    /// Of the closing balance.
    pub day: NaiveDate,
    /// In minor units; less than zero if we owe the bank.
    pub opening: Option<i64>,
    pub closing: i64,
    /// What the entries as the file has them come to, booked ones only.
    pub moved: i64,
}

impl StatedBalances {
    /// Whether the entries lead from the opening to the closing balance. None: there is no opening balance.
    #[must_use]
    pub fn adds_up(&self) -> Option<bool> {
        self.opening.map(|opening| opening.checked_add(self.moved) == Some(self.closing))
    }
}

/// One booking as the bank made it on the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedEntry {
    /// More than zero, in the currency of the account.
    pub amount: MinorUnits,
    pub is_credit: bool,
    pub is_reversal: bool,
    pub at: Option<BookedAt>,
    /// The bank's reference of the entry (`AcctSvcrRef`): not unique, and none where it says nothing.
    pub reference: Option<String>,
    /// Of how many transfers the bank says that it is made.
    pub transfers: Option<u32>,
    /// At least one: the transfers in it, or the entry itself. They come to its amount.
    pub parts: Vec<ReportedPart>,
}

/// When the bank booked: some write a day, some a time of their own or another zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BookedAt {
    Day(NaiveDate),
    /// Without a zone.
    LocalTime(NaiveDateTime),
    Time(DateTime<FixedOffset>),
}

impl BookedAt {
    /// By the calendar of whoever wrote it.
    #[must_use]
    pub fn day(self) -> NaiveDate {
        match self {
            Self::Day(day) => day,
            Self::LocalTime(at) => at.date(),
            Self::Time(at) => at.date_naive(),
        }
    }
}

/// A transfer in an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedPart {
    /// More than zero: what it moved on the account.
    pub amount: MinorUnits,
    /// What the bank took: of a debit it is in `amount`, of a credit it is not, since it never arrived.
    pub charges: MinorUnits,
    pub marks: Marks,
    pub meaning: Meaning,
}

/// By what a line is told from another, or known again. None where the file has nothing that says anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Marks {
    /// The bank's reference of the transfer.
    pub reference: Option<String>,
    pub end_to_end_id: Option<String>,
    pub transaction_id: Option<String>,
    pub uetr: Option<String>,
    /// Payment references and orders of ours that it surely names.
    pub ours: Vec<String>,
    pub party_name: Option<String>,
    pub party_account: Option<String>,
    /// All that is written, in the order of the file.
    pub text: String,
}

/// What a booking is to us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Money that arrived. A payer may have written anything anywhere: the places in which a reference of ours was looked
    /// for, the surest first. The first place that names a payment of ours counts, if it names no other beside it.
    Captured {
        references: Vec<Vec<String>>,
        remitter: Option<Remitter>,
    },
    RefundSent {
        reference: String,
    },
    PayoutSent {
        reference: String,
    },
    RefundReturned {
        reference: String,
        reason: String,
    },
    PayoutReturned {
        reference: String,
        reason: String,
    },
    /// What had arrived was taken back.
    Reversed {
        reference: String,
        reason: String,
    },
    /// What the bank takes for itself.
    Fee,
    /// A debit that somebody else ordered from the same account.
    Foreign,
    /// The bank did something by itself that is no fee.
    BankOwn,
    /// Ours, or likely so, but it can't be booked: why.
    Unclear(String),
}

impl Meaning {
    /// As a line of a statement.
    #[must_use]
    pub fn line_kind(&self, is_credit: bool) -> LineKind {
        match self {
            Self::Captured { .. } => LineKind::Capture,
            Self::RefundSent { .. } => LineKind::Refund,
            Self::PayoutSent { .. } => LineKind::Payout,
            Self::RefundReturned { .. } => LineKind::RefundReturned,
            Self::PayoutReturned { .. } => LineKind::PayoutReturned,
            Self::Reversed { .. } => LineKind::Reversal,
            Self::Fee => LineKind::Fee,
            Self::Foreign => LineKind::Foreign,
            Self::BankOwn | Self::Unclear(_) if is_credit => LineKind::OtherCredit,
            Self::BankOwn | Self::Unclear(_) => LineKind::OtherDebit,
        }
    }

    /// The reference of ours that it is about, for people to read.
    #[must_use]
    pub fn reference(&self) -> Option<&str> {
        match self {
            Self::Captured { references, .. } => references.iter().flatten().next().map(String::as_str),
            Self::RefundSent { reference }
            | Self::PayoutSent { reference }
            | Self::RefundReturned { reference, .. }
            | Self::PayoutReturned { reference, .. }
            | Self::Reversed { reference, .. } => Some(reference),
            Self::Fee | Self::Foreign | Self::BankOwn | Self::Unclear(_) => None,
        }
    }
}

impl AccountReport {
    #[must_use]
    pub fn money(&self, amount: MinorUnits) -> Money {
        Money::new(amount, self.currency)
    }
}

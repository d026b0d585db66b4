//! What providers say, in our words.

use chrono::NaiveDate;
use entity::{Currency, Money};
use serde::{Deserialize, Serialize};

use crate::account_report::AccountReport;

/// One thing a provider says.
///
/// `reference` is the id of ours that we sent. Where a provider doesn't say it, it is the provider's own id of the payment:
/// both are looked for, ours first. `movement` is the provider's id of the movement of money, by which it is applied once.
/// `provider_reference` is the provider's id of the whole, for later calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    PaymentPending {
        reference: String,
    },
    /// The provider's id of a payment from now on: some rails give a page to pay on another one than what is paid there. Not
    /// once money of it is here.
    PaymentNamed {
        reference: String,
        provider_reference: String,
    },
    /// Money arrived. A payer may have written any reference: these are what was found, the likeliest first, and the first
    /// that we know counts; none means that it has to be set aside.
    PaymentCaptured {
        references: Vec<String>,
        provider_reference: Option<String>,
        movement: String,
        amount: Money,
        remitter: Option<Remitter>,
    },
    PaymentFailed {
        reference: String,
        reason: String,
    },
    PaymentExpired {
        reference: String,
    },
    PaymentCancelled {
        reference: String,
    },
    RefundPending {
        reference: String,
        provider_reference: Option<String>,
    },
    RefundSucceeded {
        reference: String,
        provider_reference: Option<String>,
        movement: String,
        amount: Money,
    },
    /// What was given back of one payment so far, all in all: for providers that say the sum only. `refund` is the refund
    /// of ours that it was said about, if it was said.
    RefundedInAll {
        payment: String,
        refund: Option<String>,
        total: Money,
    },
    /// Also after it had succeeded: then `movement` is the money that came back.
    RefundFailed {
        reference: String,
        movement: Option<String>,
        reason: String,
    },
    /// It came back after it had been sent, and the notification of that may still be on its way; `movement` is the money that came back.
    RefundReturned {
        reference: String,
        movement: String,
        amount: Money,
        reason: String,
    },
    PayoutPending {
        reference: String,
        provider_reference: Option<String>,
    },
    PayoutPaid {
        reference: String,
        provider_reference: Option<String>,
        movement: String,
        amount: Money,
    },
    PayoutFailed {
        reference: String,
        reason: String,
    },
    /// It came back after it had been sent; `movement` is the money that came back.
    PayoutReturned {
        reference: String,
        movement: String,
        amount: Money,
        reason: String,
    },
    /// A card company takes money of a payment back, or gives it up again. The stages may come in any order. Of the payment
    /// it says what the provider says: the dispute's own id finds it too, once it is known.
    Chargeback {
        /// Of the payment.
        reference: String,
        /// The provider's id of it.
        chargeback: String,
        /// None where the provider doesn't repeat it: it is what the dispute was opened with.
        amount: Option<Money>,
        stage: ChargebackStage,
        reason: String,
    },
    /// Money that had arrived was taken back without a dispute: a bounced transfer.
    PaymentReversed {
        reference: String,
        movement: String,
        amount: Money,
        reason: String,
    },
    /// Something has become of a payment, by a message that can't be trusted to say what: the provider is asked, and its
    /// answer counts. `references` are ours, as far as it says one; `provider_reference` is the provider's id of it.
    PaymentHint {
        references: Vec<String>,
        provider_reference: Option<String>,
    },
    /// The same of a refund: `reference` is ours or the provider's.
    RefundHint {
        reference: String,
    },
    /// A whole statement of account: what the provider has booked, to be compared with our books.
    Statement(Statement),
    /// Bookings on an account of ours, which may have been reported before in another way.
    AccountReport(AccountReport),
    /// A part of what was told that can't be understood or isn't ours; the other parts can be.
    NotUnderstood(String),
}

/// Who sent money and what they wrote, as far as the rail says: for operators to match by, kept encrypted, never logged.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remitter {
    pub name: Option<String>,
    /// An IBAN or an account number.
    pub account: Option<String>,
    pub text: Option<String>,
}

impl std::fmt::Debug for Remitter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Remitter(***)")
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChargebackStage {
    /// Somebody asks about the payment: no money moves by that, and it may become a chargeback. It is over when it is won.
    Inquiry,
    Opened,
    /// The provider took the money from us.
    Debited {
        movement: String,
    },
    /// The movement is the money that came back, if it had been taken.
    Won {
        movement: Option<String>,
    },
    Lost,
    /// Something that only a person can decide, in words: the order waits for that.
    Unclear {
        what: String,
    },
}

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

//! What providers say, in our words.

use entity::Money;

use crate::account_report::AccountReport;
use crate::remitter::Remitter;
use crate::standing::Standing;
use crate::statement::Statement;

/// One thing a provider says.
///
/// `reference` is the id of ours that we sent. Where a provider doesn't say it, it is the provider's own id of the payment:
/// both are looked for, ours first. `movement` is the provider's id of the movement of money, by which it is applied once.
/// `provider_reference` is the provider's id of the whole, for later calls. A refund is looked for by the provider's id of it
/// first: what is repeated as ours may be the payment's.
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
        provider_reference: Option<String>,
        movement: Option<String>,
        reason: String,
    },
    /// It came back after it had been sent, and the notification of that may still be on its way; `movement` is the money that came back.
    RefundReturned {
        reference: String,
        provider_reference: Option<String>,
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
    /// Also after it had been paid: then `movement` is the money that came back.
    PayoutFailed {
        reference: String,
        movement: Option<String>,
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
    /// How a capture or a refund stands with a provider that may mend a failure by itself, or fail later. Each time that it
    /// says so counts, in the order in which it happened there.
    Standing(Standing),
    /// Something has become of a payment, by a message that can't be trusted to say what: the provider is asked, and its
    /// answer counts. `references` are ours, as far as it says one; `provider_reference` is the provider's id of it.
    PaymentHint {
        references: Vec<String>,
        provider_reference: Option<String>,
    },
    /// The same of a refund: `reference` is ours or the provider's own id of it.
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

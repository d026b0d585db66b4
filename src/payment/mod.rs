//! Payment providers: what every one of them can be asked, and the list of those there are.
//!
//! A provider is one file: its wire format, its signatures, its names for things. It knows no order and no database; it
//! turns calls of ours into requests, and what the provider says (an answer or a notification) into [`Fact`]s.
//! Adding one is that file and its line in [`Providers::from_settings`].

use std::sync::Arc;

use axum::http::HeaderMap;
use entity::payment::{NextAction, PaymentMethod, RefundWay};
use entity::{Money, Time};
use secrecy::SecretString;

use crate::config::Settings;

pub mod sandbox;

/// A payment company's API. No default for anything: a provider that forgets to verify must not compile.
#[async_trait::async_trait]
pub trait PaymentProvider: Send + Sync + std::fmt::Debug {
    /// In urls, accounts and settings: lower case, `a-z` and `_`.
    fn name(&self) -> &'static str;

    /// What this provider can do by this method; None if it doesn't offer it.
    fn terms(&self, method: PaymentMethod) -> Option<MethodTerms>;

    /// Asks for money. Idempotent by `request.reference`: the same again answers the same payment.
    async fn create_payment(&self, request: &PaymentRequest) -> Result<OpenedPayment, ProviderError>;

    /// How the payment stands now.
    async fn query_payment(&self, payment: &PaymentQuery) -> Result<Vec<Fact>, ProviderError>;

    /// Withdraws a payment that nobody has paid yet. The answer may be that it is too late: then the money will come.
    async fn cancel_payment(&self, payment: &PaymentQuery) -> Result<Vec<Fact>, ProviderError>;

    /// Gives back a part or all of a captured payment. Idempotent by `request.reference`.
    async fn refund(&self, request: &RefundRequest) -> Result<Vec<Fact>, ProviderError>;

    async fn query_refund(&self, refund: &RefundQuery) -> Result<Vec<Fact>, ProviderError>;

    /// Whether suppliers can be paid out through it.
    fn pays_out(&self) -> bool;

    /// Sends money to a supplier's bank. Idempotent by `request.reference`.
    async fn pay_out(&self, request: &PayoutRequest) -> Result<Vec<Fact>, ProviderError>;

    async fn query_payout(&self, payout: &PayoutQuery) -> Result<Vec<Fact>, ProviderError>;

    /// Is this notification really the provider's, and fresh? Over the raw bytes, in constant time, with the algorithm pinned.
    fn verify(&self, request: &WebhookRequest<'_>, wall_now: Time) -> Result<Verified, VerifyError>;

    /// What a verified notification says. May be called again for a stored one.
    fn interpret(&self, body: &[u8]) -> Result<Vec<Fact>, Uninterpretable>;

    /// What the provider wants to hear, so that it doesn't send the notification again.
    fn acknowledgement(&self) -> Acknowledgement;
}

/// What a buyer can expect of a method at a provider.
#[derive(Clone, Debug)]
pub struct MethodTerms {
    /// What the buyer does next, in words.
    pub flow: &'static str,
    pub refund_way: RefundWay,
    /// Business days until a refund usually arrives.
    pub refund_days: (u32, u32),
}

impl MethodTerms {
    /// Whether the rail itself gives money back, if perhaps only once it knows where to.
    #[must_use]
    pub fn refundable(&self) -> bool {
        match self.refund_way {
            RefundWay::ToOrigin | RefundWay::ToAccount => true,
            RefundWay::ByHand => false,
        }
    }
}

/// Ids of ours travel as text: the provider sends them back, and by them we match.
#[derive(Clone, Debug)]
pub struct PaymentRequest {
    pub reference: String,
    pub method: PaymentMethod,
    pub amount: Money,
    /// What the buyer sees: the order's number.
    pub description: String,
    pub notification_url: String,
    pub return_url: Option<String>,
}

#[derive(Clone, Debug)]
pub struct OpenedPayment {
    pub provider_reference: String,
    pub next_action: Option<NextAction>,
    pub expires_at: Option<Time>,
    /// What is known already: some providers answer "paid" at once.
    pub facts: Vec<Fact>,
}

#[derive(Clone, Debug)]
pub struct PaymentQuery {
    pub reference: String,
    pub provider_reference: Option<String>,
}

#[derive(Clone, Debug)]
pub struct RefundRequest {
    pub reference: String,
    pub payment: PaymentQuery,
    pub amount: Money,
    pub reason: String,
    /// The buyer's bank details as a JSON document, decrypted; never logged. For methods that go back `ToAccount`.
    pub payee: Option<SecretString>,
    pub notification_url: String,
}

#[derive(Clone, Debug)]
pub struct RefundQuery {
    pub reference: String,
    pub provider_reference: Option<String>,
}

pub struct PayoutRequest {
    pub reference: String,
    pub amount: Money,
    /// The supplier's bank details, decrypted; never logged.
    pub account: SecretString,
    pub notification_url: String,
}

#[derive(Clone, Debug)]
pub struct PayoutQuery {
    pub reference: String,
    pub provider_reference: Option<String>,
}

/// One thing a provider says, in our words. `reference` is the id of ours that we sent; `movement` is the provider's id of
/// the movement of money, by which it is applied once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    PaymentPending {
        reference: String,
    },
    PaymentCaptured {
        reference: String,
        provider_reference: String,
        movement: String,
        amount: Money,
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
        provider_reference: String,
    },
    RefundSucceeded {
        reference: String,
        provider_reference: String,
        movement: String,
        amount: Money,
    },
    /// Also after it had succeeded: then `movement` is the money that came back.
    RefundFailed {
        reference: String,
        movement: Option<String>,
        reason: String,
    },
    PayoutPending {
        reference: String,
        provider_reference: String,
    },
    PayoutPaid {
        reference: String,
        provider_reference: String,
        movement: String,
        amount: Money,
    },
    PayoutFailed {
        reference: String,
        reason: String,
    },
    /// A card company takes money of a payment back, or gives it up again. Each stage says everything, so that they may
    /// come in any order.
    Chargeback {
        /// Of the payment, ours.
        reference: String,
        /// The provider's id of it.
        chargeback: String,
        amount: Money,
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
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChargebackStage {
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
}

/// Why a call brought no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// A time-out, a broken connection, a 5xx: whether it happened is *unknown*. Ask again with the same reference.
    #[error("no answer: {0}")]
    Unknown(String),
    /// The provider itself understood and refused, for good: said in its own words, not guessed from a status code.
    #[error("refused: {0}")]
    Refused(String),
    /// The provider itself says that it has never heard of this reference: what we asked for did not happen.
    #[error("not known there: {0}")]
    NotKnown(String),
    /// The provider needs to know where to send it: ask again with a payee.
    #[error("the payee is missing: {0}")]
    PayeeDetailsRequired(String),
}

/// A notification as it came in.
#[derive(Clone, Copy, Debug)]
pub struct WebhookRequest<'a> {
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The provider's id of this notification: the same again is a duplicate.
    pub event_id: String,
}

/// The sender is told no more than 401; the text is for our log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct VerifyError(pub &'static str);

/// Verified, but not understood or not ours: quarantined, for an operator to look at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Uninterpretable(pub String);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    pub status: u16,
    pub content_type: &'static str,
    pub body: &'static str,
}

/// The providers of this installation, in the order in which they are preferred.
#[derive(Clone, Debug)]
pub struct Providers {
    listed: Arc<Vec<Arc<dyn PaymentProvider>>>,
}

impl Providers {
    /// Every provider that is configured. The list: where several offer a method, or pay out, the first is used.
    #[must_use]
    pub fn from_settings(settings: &Settings) -> Self {
        let listed: [Option<Arc<dyn PaymentProvider>>; 1] = [sandbox::from_settings(settings)];
        Self { listed: Arc::new(listed.into_iter().flatten().collect()) }
    }

    #[must_use]
    pub fn find(&self, name: &str) -> Option<Arc<dyn PaymentProvider>> {
        self.listed.iter().find(|provider| provider.name() == name).cloned()
    }

    /// The provider that a method is routed to.
    #[must_use]
    pub fn for_method(&self, method: PaymentMethod) -> Option<(Arc<dyn PaymentProvider>, MethodTerms)> {
        self.listed.iter().find_map(|provider| provider.terms(method).map(|terms| (Arc::clone(provider), terms)))
    }

    /// The provider that pays suppliers out.
    #[must_use]
    pub fn for_payouts(&self) -> Option<Arc<dyn PaymentProvider>> {
        self.listed.iter().find(|provider| provider.pays_out()).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payee_is_never_printed() {
        let request = RefundRequest {
            reference: "refund_1".to_owned(),
            payment: PaymentQuery { reference: "payment_1".to_owned(), provider_reference: None },
            amount: Money::new(entity::MinorUnits(100), entity::Currency::USD),
            reason: "x".to_owned(),
            payee: Some(SecretString::from("DE89370400440532013000")),
            notification_url: String::new(),
        };
        assert!(!format!("{request:?}").contains("DE89"), "{request:?}");
    }
}

//! What every provider can be asked, and why a call brings no answer.

use std::sync::Arc;

use chrono::NaiveDate;
use entity::payment::PaymentMethod;
use entity::{Currency, PaymentId, Time};
use ground::setting::SettingError;

use crate::fact::Fact;
use crate::request::{
    OpenedPayment, PaymentQuery, PaymentRequest, PayoutQuery, PayoutRequest, RefundQuery, RefundRequest,
};
use crate::settlement::SettlementReports;
use crate::statement::Statement;
use crate::terms::MethodTerms;
use crate::webhook::{Acknowledgement, Incoming, Uninterpretable, VerifyError, WebhookRequest};

/// A payment company's API. No default for anything: a provider that forgets to verify must not compile.
#[async_trait::async_trait]
pub trait PaymentProvider: Send + Sync + std::fmt::Debug {
    /// In urls, accounts and settings: lower case, `a-z` and `_`.
    fn name(&self) -> &'static str;

    /// What this provider can do by this method; None if it doesn't offer it.
    fn terms(&self, method: PaymentMethod) -> Option<MethodTerms>;

    /// How a new payment is called between us and the provider, or the buyer: the id, unless the rail has no room for it.
    /// Never given out twice: `random` makes another one if it is taken.
    fn reference(&self, id: PaymentId, random: [u8; 16]) -> String;

    /// Asks for money. Idempotent by `request.reference`: the same again answers the same payment.
    async fn create_payment(&self, request: &PaymentRequest) -> Result<OpenedPayment, ProviderError>;

    /// How the payment stands now.
    async fn query_payment(&self, payment: &PaymentQuery) -> Result<Vec<Fact>, ProviderError>;

    /// Withdraws a payment that nobody has paid yet. The answer may be that it is too late: then the money will come.
    async fn cancel_payment(&self, payment: &PaymentQuery) -> Result<Vec<Fact>, ProviderError>;

    /// Gives back a part or all of a captured payment. Idempotent by `request.reference`.
    async fn refund(&self, request: &RefundRequest) -> Result<Vec<Fact>, ProviderError>;

    async fn query_refund(&self, refund: &RefundQuery) -> Result<Vec<Fact>, ProviderError>;

    /// Whether it can send such a refund to the buyer's bank account of a payment that came by another rail, which can't
    /// give money back itself.
    fn refunds_for_others(&self, currency: Currency) -> bool;

    /// How suppliers are paid out through it; None if they are not.
    fn payouts(&self) -> Option<&dyn Payouts>;

    /// Whether it sends statements by itself that confirm what its notifications brought: until then, money that nobody
    /// expected is not sent back.
    fn confirms_by_statement(&self) -> bool {
        false
    }

    /// What the provider has booked on that day (UTC), for the daily reconciliation; None if it can't be asked for that:
    /// then it sends statements by itself, or is asked about each payment.
    async fn statements(&self, day: NaiveDate) -> Result<Option<Vec<Statement>>, ProviderError>;

    /// The reports in which it says what it has settled, if there is a folder that they are put into.
    fn settlement(&self) -> Option<&SettlementReports>;

    /// Is this notification really the provider's, and fresh? Over the raw bytes, in constant time, with the algorithm pinned.
    fn verify(&self, request: &WebhookRequest<'_>, wall_now: Time) -> Result<Incoming, VerifyError>;

    /// What a verified notification says. May be called again for a stored one.
    fn interpret(&self, body: &[u8]) -> Result<Vec<Fact>, Uninterpretable>;

    /// What the provider wants to hear, so that it doesn't send the notification again.
    fn acknowledgement(&self) -> Acknowledgement;
}

/// Of providers that send money to suppliers' banks.
#[async_trait::async_trait]
pub trait Payouts: Send + Sync {
    /// Idempotent by `request.reference`.
    async fn pay_out(&self, request: &PayoutRequest) -> Result<Vec<Fact>, ProviderError>;

    async fn query_payout(&self, payout: &PayoutQuery) -> Result<Vec<Fact>, ProviderError>;
}

/// Why a call brought no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// A time-out, a broken connection, a 5xx: whether it happened is *unknown*. Ask again with the same reference.
    #[error("no answer: {0}")]
    Unknown(String),
    /// The same call of ours is just being done there: its answer counts. Ask again with the same reference.
    #[error("the same is being done: {0}")]
    Busy(String),
    /// The provider itself understood and refused, for good: said in its own words, not guessed from a status code.
    #[error("refused: {0}")]
    Refused(String),
    /// The provider itself says that it has never heard of this reference: what we asked for did not happen.
    #[error("not known there: {0}")]
    NotKnown(String),
    /// The provider needs to know where to send it: ask again with a payee.
    #[error("the payee is missing: {0}")]
    PayeeDetailsRequired(String),
    /// Nothing was sent, because the payee's details as they are would not get there: ask again with other ones.
    #[error("the payee's details can't be used: {0}")]
    PayeeDetailsUnusable(String),
    /// This provider can't be asked that: what it says, it says by itself.
    #[error("it can't be asked: {0}")]
    CannotBeAsked(&'static str),
}

/// What an adapter makes of its settings: itself, or None if it is off.
pub(crate) type Configured = Result<Option<Arc<dyn PaymentProvider>>, SettingError>;

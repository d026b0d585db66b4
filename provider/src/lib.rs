//! Payment providers: what every one of them can be asked, and the list of those there are.
//!
//! A provider is one file (or folder): its settings, its wire format, its signatures, its names for things. It knows no order
//! and no database; it turns calls of ours into requests, and what the provider says (an answer or a notification) into
//! [`Fact`]s. Adding one is that file and its place in the list below: `docs/adding-a-provider.md` goes through it.

use std::net::IpAddr;
use std::sync::Arc;

use chrono::NaiveDate;
use entity::payment::{NextAction, PaymentMethod};
use entity::{Currency, Money, PaymentId, Time};
use http::HeaderMap;
use secrecy::SecretString;

use ground::clock::Clock;
use ground::setting::{Installation, SettingError};

mod adyen;
mod alipay;
mod antom;
mod bank;
mod dlocal;
mod fact;
mod partner;
mod qiwi;
mod rapyd;
pub mod sandbox;
mod stripe;
mod terms;
mod webmoney;
mod wire;
mod yookassa;

pub use bank::file as bank_file;
pub use fact::{ChargebackStage, Fact, LineKind, Remitter, Statement, StatementLine};
/// Why a notification is not believed. The sender is told no more than 401; the text is for our log.
pub use ground::signature::SignatureError as VerifyError;
pub use terms::{Limits, MethodTerms, PayerField};

/// Makes of the list of providers: their names, their settings, and those that are configured.
macro_rules! providers {
    ($($name:ident: $settings:ident,)+) => {
        /// Every provider there is, configured or not, by name.
        pub const NAMES: &[&str] = &[$($name::NAME),+];

        /// The settings of all of them.
        #[derive(clap::Args, Clone, Debug)]
        pub struct ProviderSettings {
            $(#[command(flatten)] pub $name: $name::$settings,)+
        }

        /// Those that are configured, in the order of the list. The error names the setting that can't be used.
        fn configured(
            settings: &ProviderSettings,
            installation: &Installation,
            clock: &Clock,
        ) -> Result<Vec<Arc<dyn PaymentProvider>>, SettingError> {
            let listed = [$($name::from_settings(&settings.$name, installation, clock)?),+];
            Ok(listed.into_iter().flatten().collect())
        }
    };
}

// The list. Where several offer a method, or pay out, the first is used, unless `SECURE_PAYMENT_ROUTES` or
// `SECURE_PAYMENT_PAYOUTS` say otherwise.
providers! {
    stripe: StripeSettings,
    adyen: AdyenSettings,
    antom: AntomSettings,
    alipay: AlipaySettings,
    yookassa: YookassaSettings,
    bank: BankSettings,
    rapyd: RapydSettings,
    qiwi: QiwiSettings,
    dlocal: DlocalSettings,
    webmoney: WebmoneySettings,
    partner: PartnerSettings,
    sandbox: SandboxSettings,
}

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

    /// What the provider has booked on that day (UTC), for the daily reconciliation; None if it can't be asked for that:
    /// then it sends statements by itself, or is asked about each payment.
    async fn statements(&self, day: NaiveDate) -> Result<Option<Vec<Statement>>, ProviderError>;

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
    pub payer: Payer,
}

/// Who pays, as far as the method wants to know ([`PayerField`]). Never logged.
#[derive(Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payer {
    pub name: Option<String>,
    pub email: Option<String>,
    pub phone: Option<String>,
    /// ISO 3166-1 alpha-2.
    pub country: Option<String>,
    pub document: Option<String>,
}

impl std::fmt::Debug for Payer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Payer(***)")
    }
}

impl Payer {
    #[must_use]
    pub fn field(&self, field: PayerField) -> Option<&str> {
        match field {
            PayerField::Name => self.name.as_deref(),
            PayerField::Email => self.email.as_deref(),
            PayerField::Phone => self.phone.as_deref(),
            PayerField::Country => self.country.as_deref(),
            PayerField::Document => self.document.as_deref(),
        }
    }
}

#[derive(Clone, Debug)]
pub struct OpenedPayment {
    /// None if the provider gives it an id only when it is paid.
    pub provider_reference: Option<String>,
    pub next_action: Option<NextAction>,
    pub expires_at: Option<Time>,
    /// What is known already: some providers answer "paid" at once.
    pub facts: Vec<Fact>,
}

#[derive(Clone, Debug)]
pub struct PaymentQuery {
    pub reference: String,
    pub provider_reference: Option<String>,
    pub method: PaymentMethod,
    /// What was asked for: an answer about another amount is not about this payment.
    pub amount: Money,
    /// Whether its time is over: then "never heard of it" means that nobody will pay it.
    pub has_expired: bool,
}

#[derive(Clone, Debug)]
pub struct RefundRequest {
    pub reference: String,
    pub payment: PaymentQuery,
    pub amount: Money,
    pub reason: String,
    /// When it was asked for before, and the answer got lost: a provider may have done it, and no longer know our key. Business
    /// time.
    pub asked_before: Option<Time>,
    /// The buyer's bank details as a JSON document (`entity::BankAccount`), decrypted; never
    /// logged. For methods that go back `ToAccount`.
    pub payee: Option<SecretString>,
    pub notification_url: String,
    /// As [`RefundQuery::others`].
    pub others: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct RefundQuery {
    pub reference: String,
    pub provider_reference: Option<String>,
    pub payment: PaymentQuery,
    pub amount: Money,
    /// The movements of the payment's other refunds, as far as they are booked: where a rail has no room for our reference,
    /// what it lists is this refund only if it is none of these.
    pub others: Vec<String>,
}

pub struct PayoutRequest {
    pub reference: String,
    pub amount: Money,
    /// The supplier's bank details as a JSON document (`entity::BankAccount`), decrypted; never logged.
    pub account: SecretString,
    pub notification_url: String,
}

#[derive(Clone, Debug)]
pub struct PayoutQuery {
    pub reference: String,
    pub provider_reference: Option<String>,
    pub amount: Money,
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
    /// This provider can't be asked that: what it says, it says by itself.
    #[error("it can't be asked: {0}")]
    CannotBeAsked(&'static str),
}

/// A notification as it came in.
#[derive(Clone, Copy, Debug)]
pub struct WebhookRequest<'a> {
    /// Where it was posted to: `/webhooks/<name>`.
    pub path: &'a str,
    /// Who posted it: the other end of the connection, or whom a proxy that we trust says it posts for.
    pub client: IpAddr,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
}

/// What came in, once it is known to be the provider's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// Kept, acknowledged, and applied by and by.
    Notification(Verified),
    /// Answered at once, and not kept.
    Question(Question),
}

/// "May this payment be paid now?", which some rails ask before they take the buyer's money. It may be unsigned: nothing is
/// changed by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Of the payment.
    pub reference: String,
    pub amount: Money,
    pub yes: Acknowledgement,
    pub no: Acknowledgement,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The provider's id of this notification: the same again is a duplicate.
    pub event_id: String,
    /// What has to be the same when it is sent again: the body, less what the provider changes at every attempt.
    pub content: Vec<u8>,
}

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
    routing: Arc<Routing>,
}

/// Which providers are asked for what.
#[derive(Clone, Debug, Default)]
pub struct Routing {
    pub routes: Vec<Route>,
    /// Who pays suppliers out: a provider's name, or `manual`; the first that can if None.
    pub payouts: Option<String>,
}

/// Which providers are asked for a method, the first that can do it first: `ALIPAY=antom|alipay`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    pub method: PaymentMethod,
    pub providers: Vec<String>,
}

/// One that is off.
type Configured = Result<Option<Arc<dyn PaymentProvider>>, SettingError>;

impl Providers {
    /// Every provider that is configured, and the routes between them. The error names the setting that can't be used.
    pub fn from_settings(
        settings: &ProviderSettings,
        routing: Routing,
        installation: &Installation,
        clock: &Clock,
    ) -> Result<Self, SettingError> {
        let listed = configured(settings, installation, clock)?;
        let is_there = |name: &str| name == BY_HAND || listed.iter().any(|provider| provider.name() == name);
        let missing = |variable, name: &str| {
            Err(SettingError { variable, problem: format!("names the provider {name:?}, which is not configured") })
        };
        if let Some(name) = routing.routes.iter().flat_map(|route| &route.providers).find(|name| !is_there(name)) {
            return missing("SECURE_PAYMENT_ROUTES", name);
        }
        if let Some(name) = routing.payouts.as_deref().filter(|name| !is_there(name)) {
            return missing("SECURE_PAYMENT_PAYOUTS", name);
        }
        let cannot =
            |name: &&str| listed.iter().any(|provider| provider.name() == *name && provider.payouts().is_none());
        if let Some(name) = routing.payouts.as_deref().filter(cannot) {
            let problem = format!("names the provider {name:?}, which doesn't pay out");
            return Err(SettingError { variable: "SECURE_PAYMENT_PAYOUTS", problem });
        }
        let offers = |name: &str, method| {
            listed.iter().any(|provider| provider.name() == name && provider.terms(method).is_some())
        };
        for route in &routing.routes {
            if let Some(name) = route.providers.iter().find(|name| !offers(name, route.method)) {
                let problem = format!("sends {} to the provider {name:?}, which doesn't offer it", route.method.name());
                return Err(SettingError { variable: "SECURE_PAYMENT_ROUTES", problem });
            }
        }
        Ok(Self { listed: Arc::new(listed), routing: Arc::new(routing) })
    }

    #[must_use]
    pub fn find(&self, name: &str) -> Option<Arc<dyn PaymentProvider>> {
        self.listed.iter().find(|provider| provider.name() == name).cloned()
    }

    /// Those that are configured.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn PaymentProvider>> {
        self.listed.iter()
    }

    /// The providers that a method is routed to, with what each can do, in the order in which they are asked.
    #[must_use]
    pub fn for_method(&self, method: PaymentMethod) -> Vec<(Arc<dyn PaymentProvider>, MethodTerms)> {
        let offers =
            |provider: &Arc<dyn PaymentProvider>| provider.terms(method).map(|terms| (Arc::clone(provider), terms));
        match self.routing.routes.iter().find(|route| route.method == method) {
            Some(route) => {
                route.providers.iter().filter_map(|name| self.find(name)).filter_map(|one| offers(&one)).collect()
            }
            None => self.listed.iter().filter_map(offers).collect(),
        }
    }

    /// Who sends refunds of payments whose own rail can't; None if operators do it by hand. Never the simulated bank, which
    /// gives back its own simulated money only.
    #[must_use]
    pub fn for_refunds_of_others(&self, currency: Currency) -> Option<Arc<dyn PaymentProvider>> {
        let can = |provider: &&Arc<dyn PaymentProvider>| {
            provider.name() != sandbox::NAME && provider.refunds_for_others(currency)
        };
        self.listed.iter().find(can).cloned()
    }

    /// The provider that pays suppliers out; None if that is done by hand.
    #[must_use]
    pub fn for_payouts(&self) -> Option<Arc<dyn PaymentProvider>> {
        match self.routing.payouts.as_deref() {
            Some(name) => self.find(name).filter(|provider| provider.payouts().is_some()),
            None => self.listed.iter().find(|provider| provider.payouts().is_some()).cloned(),
        }
    }
}

/// Where a provider posts its notifications. The simulated bank runs in the server's own process: it must reach it even where
/// the public name doesn't resolve.
#[must_use]
pub fn notification_url(installation: &Installation, name: &str) -> String {
    let base = if name == sandbox::NAME { &installation.own_url } else { &installation.public_url };
    format!("{base}/webhooks/{name}")
}

/// `VISA=stripe` or `ALIPAY=antom|alipay`.
pub fn parse_route(text: &str) -> Result<Route, String> {
    let (method, providers) = text.split_once('=').ok_or("must be METHOD=provider, such as ALIPAY=antom|alipay")?;
    let method = PaymentMethod::all()
        .find(|known| known.name() == method.trim())
        .ok_or_else(|| format!("{method:?} is not a payment method"))?;
    let providers: Vec<String> =
        providers.split('|').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect();
    if providers.is_empty() {
        return Err(format!("{} is routed to no provider", method.name()));
    }
    Ok(Route { method, providers })
}

/// The account of what operators pay by hand, as the rules call it; no provider has this name.
const BY_HAND: &str = "manual";

/// What the adapters' own tests begin with.
#[cfg(test)]
mod for_tests {
    use clap::Parser;
    use ground::setting::{Installation, Mode};

    use super::ProviderSettings;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        providers: ProviderSettings,
    }

    /// As the flags say; the others are as they are when nothing is set.
    pub(crate) fn settings(flags: &[&str]) -> ProviderSettings {
        let all = ["test"].iter().chain(flags);
        Flags::try_parse_from(all).expect("flags that parse").providers
    }

    pub(crate) fn installation(mode: Mode) -> Installation {
        let url = "http://127.0.0.1:8080".to_owned();
        Installation { mode, public_url: url.clone(), own_url: url }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payee_is_never_printed() {
        let request = RefundRequest {
            reference: "refund_1".to_owned(),
            payment: PaymentQuery {
                reference: "payment_1".to_owned(),
                provider_reference: None,
                method: PaymentMethod::BankTransfer,
                amount: Money::new(entity::MinorUnits(100), Currency::USD),
                has_expired: false,
            },
            amount: Money::new(entity::MinorUnits(100), Currency::USD),
            reason: "x".to_owned(),
            asked_before: None,
            payee: Some(SecretString::from("DE89370400440532013000")),
            notification_url: String::new(),
            others: Vec::new(),
        };
        assert!(!format!("{request:?}").contains("DE89"), "{request:?}");
    }
}

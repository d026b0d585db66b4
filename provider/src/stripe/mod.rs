//! `stripe`: Visa, MasterCard and Maestro by PaymentIntents, confirmed in the buyer's browser; refunds and disputes.
//!
//! Cards are captured at once, because an escrow is longer than an authorisation. Stripe can't tell Maestro from MasterCard:
//! the method is the buyer's own word. The page `docs/providers/stripe.md` says what to set up.
//!
//! Sources: stripe-node 23.1 and Stripe's OpenAPI description for 2026-10-28.endive.

use std::sync::Arc;

use chrono::{NaiveDate, NaiveTime, TimeDelta};
use entity::payment::{NextAction, PaymentMethod, RefundWay};
use entity::{Currency, PaymentId, Time};
use secrecy::{ExposeSecret, SecretString};

use super::wire::RECEIVED;
use super::wire::call::{self, Answer};
use super::{
    Acknowledgement, Fact, Incoming, MethodTerms, OpenedPayment, PaymentProvider, PaymentQuery, PaymentRequest,
    Payouts, ProviderError, RefundQuery, RefundRequest, Statement, Uninterpretable, VerifyError, WebhookRequest,
};
use crate::interface::Configured;
use crate::settlement::SettlementReports;
use ground::clock::Clock;
use ground::setting::{Installation, Mode, SettingError, check_base, is_given, required, required_list, wrong};

mod amount;
mod api;
mod dispute;
mod event;
mod object;
mod settings;
mod statement;

pub(super) use settings::StripeSettings;

use amount::to_wire;
use api::{StripeApi, StripeList, StripePairs, not_about_that, read, unexpected_state};
use object::{Intent, StripeRefund};
use statement::BalanceTransaction;

pub(super) const NAME: &str = "stripe";

/// Off until `STRIPE_API_KEY` is there.
pub(super) fn from_settings(own: &StripeSettings, installation: &Installation, _clock: &Clock) -> Configured {
    if !is_given(&own.api_key) {
        return Ok(None);
    }
    Ok(Some(Arc::new(Stripe::new(own, installation.mode)?)))
}

#[derive(Debug)]
struct Stripe {
    api: StripeApi,
    /// Whether the keys are of live mode: objects of the other one are not ours.
    live: bool,
    publishable_key: String,
    webhook_secrets: Vec<SecretString>,
}

impl Stripe {
    fn new(settings: &StripeSettings, mode: Mode) -> Result<Self, SettingError> {
        let live = mode == Mode::Live;
        let key = required("STRIPE_API_KEY", &settings.api_key)?;
        let publishable_key = required("STRIPE_PUBLISHABLE_KEY", &settings.publishable_key)?.trim();
        let webhook_secrets = required_list("STRIPE_WEBHOOK_SECRET", &settings.webhook_secret)?;
        check_key("STRIPE_API_KEY", key.expose_secret(), &["sk_", "rk_"], live)?;
        check_key("STRIPE_PUBLISHABLE_KEY", publishable_key, &["pk_"], live)?;
        if webhook_secrets.iter().any(|secret| !is_webhook_secret(secret.expose_secret().trim())) {
            let problem = "must be the endpoint's signing secrets: whsec_ and at least 24 characters";
            return Err(wrong("STRIPE_WEBHOOK_SECRET", problem));
        }
        let base = check_base("STRIPE_API_BASE", &settings.api_base, mode)?;
        let client = call::client("STRIPE_API_BASE", &base)?;
        let key = SecretString::from(key.expose_secret().trim());
        let api = StripeApi { client, base, key };
        Ok(Self { api, live, publishable_key: publishable_key.to_owned(), webhook_secrets })
    }

    /// Stripe's id of a payment. Without one the index is asked, which lags behind: what it doesn't know may be there, but
    /// then its client secret has never reached us, and nobody can pay it.
    async fn find(&self, payment: &PaymentQuery) -> Result<String, ProviderError> {
        if let Some(id) = &payment.provider_reference {
            return Ok(id.clone());
        }
        let reference = &payment.reference;
        if !reference.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)) {
            return Err(ProviderError::Unknown("a reference that can't be searched for".to_owned()));
        }
        let query = format!("metadata['payment_id']:'{reference}'");
        let found = self.api.get(&["payment_intents", "search"], &[("query", &query)]).await;
        let found: StripeList<Intent> = found.map_err(not_an_answer)?;
        let ours = found.data.into_iter().find(|intent| intent.metadata.get("payment_id") == Some(reference));
        ours.map(|intent| intent.id).ok_or_else(|| ProviderError::NotKnown(format!("no payment is called {reference}")))
    }

    /// An answer must be about what we asked; any other leaves it unknown.
    fn about(&self, intent: &Intent, reference: &str, amount: entity::Money) -> Result<(), ProviderError> {
        let is_it = intent.metadata.get("payment_id") == Some(reference)
            && Ok(intent.amount) == to_wire(amount)
            && intent.currency == lower(amount)
            && intent.livemode == Some(self.live);
        if is_it { Ok(()) } else { Err(ProviderError::Unknown("the answer is about another payment".to_owned())) }
    }

    fn facts(&self, intent: &Intent, payment: &PaymentQuery) -> Result<Vec<Fact>, ProviderError> {
        self.about(intent, &payment.reference, payment.amount)?;
        intent.facts().map_err(ProviderError::Unknown)
    }

    /// The refund of this reference, as it is now. A list is never behind, as the search is.
    async fn find_refund(&self, intent: &str, reference: &str) -> Result<Option<StripeRefund>, ProviderError> {
        let refunds: Vec<StripeRefund> =
            self.api.list(&["refunds"], &[("payment_intent", intent)]).await.map_err(not_about_that)?;
        Ok(refunds.into_iter().find(|refund| refund.metadata.get("refund_id") == Some(reference)))
    }
}

fn refunded(
    refund: &StripeRefund,
    intent: &str,
    reference: &str,
    amount: entity::Money,
) -> Result<Vec<Fact>, ProviderError> {
    let is_it = refund.metadata.get("refund_id") == Some(reference)
        && refund.money() == Ok(amount)
        && refund.payment_intent.as_deref() == Some(intent);
    if !is_it {
        return Err(ProviderError::Unknown("the answer is about another refund".to_owned()));
    }
    refund.facts().map_err(ProviderError::Unknown)
}

/// Some accounts can't search; that says nothing about the payment.
fn not_an_answer(error: ProviderError) -> ProviderError {
    ProviderError::Unknown(format!("the search: {error}"))
}

fn lower(amount: entity::Money) -> String {
    amount.currency.code().to_ascii_lowercase()
}

/// The error never quotes the key.
fn check_key(variable: &'static str, key: &str, kinds: &[&str], live: bool) -> Result<(), SettingError> {
    let rest = kinds.iter().find_map(|kind| key.trim().strip_prefix(kind));
    let mode = if live { "live_" } else { "test_" };
    let problem = match rest {
        None => format!("must be a key that begins with {}", kinds.join(" or ")),
        Some(rest) if rest.strip_prefix(mode).is_some_and(|secret| !secret.is_empty()) => return Ok(()),
        Some(_) if live => "must be a live key (…_live_…): SECURE_PAYMENT_MODE is live".to_owned(),
        Some(_) => {
            "must be a test key (…_test_…): SECURE_PAYMENT_MODE is sandbox, which moves no real money".to_owned()
        }
    };
    Err(wrong(variable, problem))
}

fn is_webhook_secret(secret: &str) -> bool {
    secret
        .strip_prefix("whsec_")
        .is_some_and(|rest| rest.len() >= 24 && rest.bytes().all(|byte| byte.is_ascii_graphic()))
}

/// How often a new key is tried where Stripe repeats a failure of its own.
const MOST_KEYS: u32 = 3;

impl Stripe {
    /// Stripe repeats its first answer to a key for a day, also a failure. Then another key asks anew: what an earlier one may
    /// have made can't be paid by anybody, because its secret has never reached us.
    async fn create(&self, form: StripePairs<'_>, reference: &str) -> Result<Answer, ProviderError> {
        let once = format!("{reference}:create");
        let mut answer = self.api.post(&["payment_intents"], form, Some(&once)).await?;
        for number in 2..=MOST_KEYS {
            let is_repeated = answer.headers.get("idempotent-replayed").is_some_and(|value| value == "true");
            if !is_repeated || !answer.status.is_server_error() {
                break;
            }
            answer = self.api.post(&["payment_intents"], form, Some(&format!("{once}:{number}"))).await?;
        }
        Ok(answer)
    }
}

#[async_trait::async_trait]
impl PaymentProvider for Stripe {
    fn name(&self) -> &'static str {
        NAME
    }

    fn terms(&self, method: PaymentMethod) -> Option<MethodTerms> {
        method.is_card().then(|| MethodTerms {
            flow: "You enter the card on the shop's page, in a form of Stripe's; your bank may ask you to confirm the payment.",
            fees: "None from us; your bank may charge you for a payment abroad or in another currency.",
            currencies: amount::currencies(),
            countries: &[],
            limits: amount::limits(),
            payer_fields: Vec::new(),
            arrival_days: (0, 0),
            expires_after: None,
            takes_parts: false,
            chargebacks: true,
            refund_way: RefundWay::ToOrigin,
            refund_days: (5, 10),
            refund_window_days: None,
        })
    }

    fn reference(&self, id: PaymentId, _random: [u8; 16]) -> String {
        id.to_string()
    }

    async fn create_payment(&self, request: &PaymentRequest) -> Result<OpenedPayment, ProviderError> {
        let amount = to_wire(request.amount).map_err(ProviderError::Refused)?.to_string();
        let currency = lower(request.amount);
        let form = [
            ("amount", amount.as_str()),
            ("currency", &currency),
            ("capture_method", "automatic"),
            ("payment_method_types[0]", "card"),
            ("description", &request.description),
            ("metadata[payment_id]", &request.reference),
            ("metadata[escrow_id]", &request.description),
        ];
        let answer = self.create(&form, &request.reference).await?;
        let mut intent: Intent = read(&answer).map_err(not_about_that)?;
        self.about(&intent, &request.reference, request.amount)?;
        let facts = intent.facts().map_err(ProviderError::Unknown)?;
        let next_action = match (intent.status.as_str(), intent.client_secret.take()) {
            ("requires_payment_method" | "requires_confirmation" | "requires_action", Some(client_secret)) => {
                let publishable_key = self.publishable_key.clone();
                Some(NextAction::CardForm { client_secret, publishable_key })
            }
            ("requires_payment_method" | "requires_confirmation" | "requires_action", None) => {
                return Err(ProviderError::Unknown("an open payment without a client secret".to_owned()));
            }
            _nothing_to_do => None,
        };
        Ok(OpenedPayment { provider_reference: Some(intent.id), next_action, expires_at: None, facts })
    }

    async fn query_payment(&self, payment: &PaymentQuery) -> Result<Vec<Fact>, ProviderError> {
        let id = self.find(payment).await?;
        self.facts(&self.api.get(&["payment_intents", &id], &[]).await?, payment)
    }

    /// Without an idempotency key, which would repeat a "not now" of before for a day: withdrawing twice does no harm.
    async fn cancel_payment(&self, payment: &PaymentQuery) -> Result<Vec<Fact>, ProviderError> {
        let id = self.find(payment).await?;
        let form = [("cancellation_reason", "abandoned")];
        let answer = self.api.post(&["payment_intents", &id, "cancel"], &form, None).await?;
        match unexpected_state(&answer) {
            Some(intent) => self.facts(&intent, payment),
            None => self.facts(&read(&answer)?, payment),
        }
    }

    /// Stripe keeps an idempotency key for a day, and our own question may be older: what is there already is looked for first.
    async fn refund(&self, request: &RefundRequest) -> Result<Vec<Fact>, ProviderError> {
        let (reference, asked) = (request.reference.as_str(), request.amount);
        let amount = to_wire(request.amount).map_err(ProviderError::Refused)?.to_string();
        let id = self.find(&request.payment).await.map_err(not_about_that)?;
        if let Some(refund) = self.find_refund(&id, &request.reference).await? {
            return refunded(&refund, &id, reference, asked);
        }
        let form = [
            ("payment_intent", id.as_str()),
            ("amount", &amount),
            ("metadata[refund_id]", &request.reference),
            ("metadata[payment_id]", &request.payment.reference),
        ];
        let answer = self.api.post(&["refunds"], &form, Some(&request.reference)).await?;
        refunded(&read(&answer).map_err(not_about_that)?, &id, reference, asked)
    }

    async fn query_refund(&self, refund: &RefundQuery) -> Result<Vec<Fact>, ProviderError> {
        let (reference, asked) = (refund.reference.as_str(), refund.amount);
        let id = self.find(&refund.payment).await.map_err(not_about_that)?;
        let found: Option<StripeRefund> = match &refund.provider_reference {
            Some(known) => Some(self.api.get(&["refunds", known], &[]).await?),
            None => self.find_refund(&id, &refund.reference).await?,
        };
        match found {
            Some(found) => refunded(&found, &id, reference, asked),
            None => Err(ProviderError::NotKnown(format!("{id} has no refund that is called {}", refund.reference))),
        }
    }

    fn refunds_for_others(&self, _currency: Currency) -> bool {
        false
    }

    fn payouts(&self) -> Option<&dyn Payouts> {
        None
    }

    async fn statements(&self, day: NaiveDate) -> Result<Option<Vec<Statement>>, ProviderError> {
        let from = day.and_time(NaiveTime::MIN).and_utc();
        let (from, to) = (from.timestamp().to_string(), (from + TimeDelta::days(1)).timestamp().to_string());
        let query = [("created[gte]", from.as_str()), ("created[lt]", &to), ("expand[0]", "data.source")];
        let booked: Vec<BalanceTransaction> = self.api.list(&["balance_transactions"], &query).await?;
        statement::statements(day, &booked).map(Some).map_err(ProviderError::Unknown)
    }

    fn settlement(&self) -> Option<&SettlementReports> {
        None
    }

    fn verify(&self, request: &WebhookRequest<'_>, wall_now: Time) -> Result<Incoming, VerifyError> {
        event::verify(&self.webhook_secrets, request.headers, request.body, wall_now).map(Incoming::Notification)
    }

    fn interpret(&self, body: &[u8]) -> Result<Vec<Fact>, Uninterpretable> {
        event::interpret(body, self.live).map_err(Uninterpretable)
    }

    fn acknowledgement(&self) -> Acknowledgement {
        RECEIVED
    }
}

#[cfg(test)]
mod tests;

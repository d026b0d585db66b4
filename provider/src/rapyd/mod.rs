//! `rapyd`: Western Union by a code that is paid in cash at a counter in Ecuador.
//!
//! The rail can't give money back: refunds go by another provider, or by hand. A payment is `merchant_reference_id`, our
//! reference, which is also the name by which Rapyd does it once; but Rapyd can only be asked by its own id. Where its answer
//! got lost, nobody has seen the code, so nothing is lost with it.
//!
//! The page `docs/providers/rapyd.md` says what to set up, and what could not be confirmed.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{NaiveDate, TimeDelta};
use entity::payment::{PaymentMethod, RefundWay};
use entity::{Currency, MinorUnits, PaymentId, Time};
use reqwest::{Method, Url};
use secrecy::{ExposeSecret, SecretString};

use super::wire::call;
use super::{
    Acknowledgement, Fact, Incoming, Limits, MethodTerms, OpenedPayment, PayerField, PaymentProvider, PaymentQuery,
    PaymentRequest, Payouts, ProviderError, RefundQuery, RefundRequest, Statement, Uninterpretable, VerifyError,
    WebhookRequest,
};
use crate::interface::Configured;
use crate::settlement::{OwnColumns, SettlementReports};
use ground::clock::Clock;
use ground::setting::{Installation, check_base, is_given, required, required_list, wrong};

mod api;
mod notification;
mod object;
mod settings;

pub(super) use settings::RapydSettings;

use api::RapydApi;
use object::{Customer, METHOD, NewRapydPayment, RapydPayment};

/// Within which a report has what was booked here.
pub(super) const DAYS_LATE: u64 = 3;
pub(super) const NAME: &str = "rapyd";

const LIVE: &str = "https://api.rapyd.net";
const SANDBOX: &str = "https://sandboxapi.rapyd.net";

/// What the buyer gets to find a counter.
const TIME_TO_PAY: TimeDelta = TimeDelta::days(3);

const NO_REFUNDS: ProviderError =
    ProviderError::CannotBeAsked("cash that was paid at a counter can't be sent back there");
const NOT_FOUND: ProviderError =
    ProviderError::CannotBeAsked("Rapyd has not told its id, and is asked by nothing else");

/// Off until it is configured.
pub(super) fn from_settings(own: &RapydSettings, installation: &Installation, clock: &Clock) -> Configured {
    if !is_given(&own.access_key) {
        return Ok(None);
    }
    let own_host = if installation.is_sandbox() { SANDBOX } else { LIVE };
    let base = own.api_base.as_deref().filter(|base| !base.trim().is_empty()).unwrap_or(own_host);
    let base = check_base("RAPYD_API_BASE", base, installation.mode)?;
    check_host(&base, installation.is_sandbox()).map_err(|problem| wrong("RAPYD_API_BASE", problem))?;
    let secrets = required_list("RAPYD_SECRET_KEY", &own.secret_key)?;
    let api = RapydApi {
        client: call::client("RAPYD_API_BASE", &base)?,
        base,
        access_key: required("RAPYD_ACCESS_KEY", &own.access_key)?.trim().to_owned(),
        secrets: secrets.iter().map(|secret| SecretString::from(secret.expose_secret().trim())).collect(),
        webhook_url: installation.notification_url(NAME),
        clock: clock.clone(),
    };
    let fields = payer_fields(&own.payer_fields).map_err(|problem| wrong("RAPYD_PAYER_FIELDS", problem))?;
    let reports = SettlementReports::configured("RAPYD_REPORTS", &own.reports, OwnColumns)?;
    Ok(Some(Arc::new(Rapyd { api, fields, reports })))
}

/// A key works at the host of its own mode only, but doesn't show which that is: test money must not be booked as real.
fn check_host(base: &str, is_sandbox: bool) -> Result<(), &'static str> {
    let is =
        |host: &str| Url::parse(base).ok().map(|url| url.origin()) == Url::parse(host).ok().map(|url| url.origin());
    match is_sandbox {
        true if is(LIVE) => Err("is Rapyd's live API: SECURE_PAYMENT_MODE is sandbox, which moves no real money"),
        false if is(SANDBOX) => Err("is Rapyd's sandbox: SECURE_PAYMENT_MODE is live"),
        true | false => Ok(()),
    }
}

/// Rapyd's names of fields, and what of the payer goes there.
fn payer_fields(given: &[String]) -> Result<BTreeMap<String, PayerField>, String> {
    let mut fields = BTreeMap::new();
    for pair in given.iter().map(|pair| pair.trim()).filter(|pair| !pair.is_empty()) {
        let named =
            pair.split_once('=').map(|(theirs, ours)| (theirs.trim(), ours)).filter(|(theirs, _)| !theirs.is_empty());
        let (theirs, ours) = named.ok_or_else(|| format!("has {pair:?}, which is not field=ours"))?;
        let ours = PayerField::ALL.into_iter().find(|field| field.name() == ours.trim());
        let ours = ours.ok_or_else(|| {
            format!("has {pair:?}, of which ours is none of {}", PayerField::ALL.map(PayerField::name).join(", "))
        })?;
        fields.insert(theirs.to_owned(), ours);
    }
    Ok(fields)
}

#[derive(Debug)]
struct Rapyd {
    reports: Option<SettlementReports>,
    api: RapydApi,
    fields: BTreeMap<String, PayerField>,
}

impl Rapyd {
    /// What is said of a payment, once it is certain that it is this one.
    fn facts(payment: &RapydPayment, asked: &PaymentQuery) -> Result<Vec<Fact>, ProviderError> {
        payment.must_be(&asked.reference, asked.amount)?;
        payment.facts().map_err(ProviderError::Unknown)
    }

    async fn ask(&self, method: Method, asked: &PaymentQuery) -> Result<Vec<Fact>, ProviderError> {
        let id = asked.provider_reference.as_deref().ok_or(NOT_FOUND)?;
        let payment = self.api.ask(method, &[id], None).await?;
        call::same("id", payment.id().map_err(ProviderError::Unknown)?.as_str(), id)?;
        Self::facts(&payment, asked)
    }

    fn body(&self, request: &PaymentRequest) -> Result<String, ProviderError> {
        let of_payer = |field: PayerField| {
            let missing = || ProviderError::Refused(format!("the payer's {} is missing", field.name()));
            request.payer.field(field).ok_or_else(missing)
        };
        let mut fields = BTreeMap::new();
        for (theirs, ours) in &self.fields {
            fields.insert(theirs.as_str(), of_payer(*ours)?);
        }
        let unwritten = || ProviderError::Unknown("the request could not be written".to_owned());
        let body = NewRapydPayment {
            amount: object::number(request.amount).ok_or_else(unwritten)?,
            currency: request.amount.currency.code(),
            merchant_reference_id: &request.reference,
            description: &request.description,
            expiration: (self.api.clock.now() + TIME_TO_PAY).timestamp(),
            customer: Customer { name: of_payer(PayerField::Name)?, email: of_payer(PayerField::Email)? },
            payment_method: object::Method { r#type: METHOD, fields },
        };
        serde_json::to_string(&body).map_err(|_source| unwritten())
    }
}

#[async_trait::async_trait]
impl PaymentProvider for Rapyd {
    fn name(&self) -> &'static str {
        NAME
    }

    fn terms(&self, method: PaymentMethod) -> Option<MethodTerms> {
        if method != PaymentMethod::WesternUnion {
            return None;
        }
        let mut payer_fields = vec![PayerField::Name, PayerField::Email];
        payer_fields.extend(self.fields.values().copied());
        payer_fields.sort_unstable();
        payer_fields.dedup();
        Some(MethodTerms {
            flow: "You get a code, go to a counter of Western Union in Ecuador and pay there in cash, within three days.",
            fees: "Rapyd takes none from you; the counter says if it does.",
            currencies: vec![Currency::USD],
            countries: &["EC"],
            limits: vec![Limits { currency: Currency::USD, least: MinorUnits(50), most: Some(MinorUnits(30_000)) }],
            payer_fields,
            arrival_days: (0, 3),
            expires_after: Some(TIME_TO_PAY),
            takes_parts: false,
            chargebacks: false,
            refund_way: RefundWay::ByHand,
            // A bank transfer, after the buyer has given an account.
            refund_days: (1, 10),
            refund_window_days: None,
        })
    }

    fn reference(&self, id: PaymentId, _random: [u8; 16]) -> String {
        id.to_string()
    }

    async fn create_payment(&self, request: &PaymentRequest) -> Result<OpenedPayment, ProviderError> {
        let sent = (request.reference.as_str(), self.body(request)?);
        let payment = self.api.ask(Method::POST, &[], Some(sent)).await?;
        payment.must_be(&request.reference, request.amount)?;
        Ok(OpenedPayment {
            provider_reference: Some(payment.id().map_err(ProviderError::Unknown)?),
            next_action: payment.voucher()?,
            expires_at: payment.expires_at(),
            facts: payment.facts().map_err(ProviderError::Unknown)?,
        })
    }

    async fn query_payment(&self, payment: &PaymentQuery) -> Result<Vec<Fact>, ProviderError> {
        self.ask(Method::GET, payment).await
    }

    async fn cancel_payment(&self, payment: &PaymentQuery) -> Result<Vec<Fact>, ProviderError> {
        self.ask(Method::DELETE, payment).await
    }

    async fn refund(&self, _request: &RefundRequest) -> Result<Vec<Fact>, ProviderError> {
        Err(NO_REFUNDS)
    }

    async fn query_refund(&self, _refund: &RefundQuery) -> Result<Vec<Fact>, ProviderError> {
        Err(NO_REFUNDS)
    }

    fn refunds_for_others(&self, _currency: Currency) -> bool {
        false
    }

    fn payouts(&self) -> Option<&dyn Payouts> {
        None
    }

    async fn statements(&self, _day: NaiveDate) -> Result<Option<Vec<Statement>>, ProviderError> {
        Ok(None)
    }

    fn settlement(&self) -> Option<&SettlementReports> {
        self.reports.as_ref()
    }

    fn verify(&self, request: &WebhookRequest<'_>, wall_now: Time) -> Result<Incoming, VerifyError> {
        self.api.verify(request, wall_now)?;
        Ok(Incoming::Notification(notification::verified(request.body)))
    }

    fn interpret(&self, body: &[u8]) -> Result<Vec<Fact>, Uninterpretable> {
        notification::facts(body).map_err(Uninterpretable)
    }

    fn acknowledgement(&self) -> Acknowledgement {
        Acknowledgement { status: 200, content_type: "application/json", body: r#"{"received":true}"# }
    }
}

#[cfg(test)]
mod tests;

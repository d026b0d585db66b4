//! `partner`: any other payment company, by a small JSON API of our own design and Standard Webhooks.
//!
//! What it has to offer is `docs/providers/partner.md`; this is the other end of it. Its documents are read in
//! [`document`], and only `CAPTURED`, `SUCCEEDED` and `PAID` mean money.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use entity::payment::PaymentMethod;
use entity::{Currency, Money, PaymentId, Time};
use http::HeaderValue;
use reqwest::{RequestBuilder, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::wire::{RECEIVED, call, standard};
use super::{
    Acknowledgement, Fact, Incoming, MethodTerms, OpenedPayment, PayerField, PaymentProvider, PaymentQuery,
    PaymentRequest, PayoutQuery, PayoutRequest, Payouts, ProviderError, RefundQuery, RefundRequest, Statement,
    Uninterpretable, VerifyError, WebhookRequest,
};
use crate::interface::Configured;
use crate::settlement::SettlementReports;
use ground::clock::Clock;
use ground::setting::{
    Installation, SettingError, check_base, check_webhook_secrets, currencies, is_given, required, required_list, wrong,
};

mod document;
mod settings;
mod terms;

pub(super) use settings::PartnerSettings;

use document::{Page, PartnerBankAccount, PartnerIdentity, PaymentDocument, PayoutDocument, RefundDocument, notified};

pub(super) const NAME: &str = "partner";

/// A day has no more pages than this; a partner that has no last one must not keep us for ever.
const MOST_PAGES: usize = 1_000;

/// Off until `PARTNER_API_BASE` is there.
pub(super) fn from_settings(own: &PartnerSettings, installation: &Installation, _clock: &Clock) -> Configured {
    let given = own;
    if !is_given(&given.api_base) {
        return Ok(None);
    }
    let base = check_base("PARTNER_API_BASE", required("PARTNER_API_BASE", &given.api_base)?, installation.mode)?;
    let client = call::client("PARTNER_API_BASE", &base)?;
    let api_key = required("PARTNER_API_KEY", &given.api_key)?.clone();
    if HeaderValue::from_str(api_key.expose_secret()).is_err() {
        return Err(wrong("PARTNER_API_KEY", "must be one line of ASCII"));
    }
    let webhook_secrets = required_list("PARTNER_WEBHOOK_SECRET", &given.webhook_secret)?;
    check_webhook_secrets("PARTNER_WEBHOOK_SECRET", &webhook_secrets, installation.mode)?;
    let ours = PartnerIdentity {
        account: given.account.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned),
        livemode: !installation.is_sandbox(),
    };
    let methods = methods(given)?;
    let currencies = currencies("PARTNER_CURRENCIES", &given.currencies, Ok)?;
    let payer_fields = payer_fields(given)?;
    Ok(Some(Arc::new(Partner { client, base, api_key, webhook_secrets, ours, methods, currencies, payer_fields })))
}

fn methods(given: &PartnerSettings) -> Result<Vec<PaymentMethod>, SettingError> {
    let known: Vec<PaymentMethod> = PaymentMethod::all().collect();
    let names = required_list("PARTNER_METHODS", &given.methods)?;
    names.iter().map(|name| named("PARTNER_METHODS", name, &known, PaymentMethod::name)).collect()
}

fn payer_fields(given: &PartnerSettings) -> Result<Vec<PayerField>, SettingError> {
    let names = given.payer_fields.iter().filter(|name| !name.trim().is_empty());
    names.map(|name| named("PARTNER_PAYER_FIELDS", name, &PayerField::ALL, |field| field.name().to_owned())).collect()
}

fn named<T: Copy>(
    variable: &'static str,
    name: &str,
    known: &[T],
    name_of: fn(T) -> String,
) -> Result<T, SettingError> {
    known.iter().copied().find(|one| name_of(*one) == name.trim()).ok_or_else(|| {
        let known: Vec<String> = known.iter().map(|one| name_of(*one)).collect();
        wrong(variable, format!("names {name:?}, which is none of {}", known.join(", ")))
    })
}

#[derive(Debug)]
struct Partner {
    client: reqwest::Client,
    base: String,
    api_key: SecretString,
    webhook_secrets: Vec<SecretString>,
    ours: PartnerIdentity,
    methods: Vec<PaymentMethod>,
    currencies: Vec<Currency>,
    payer_fields: Vec<PayerField>,
}

impl Partner {
    async fn get<T: DeserializeOwned>(&self, url: Url) -> Result<T, ProviderError> {
        self.answer(self.client.get(url)).await
    }

    /// The key makes it safe to ask again.
    async fn post<T: DeserializeOwned>(&self, segment: &str, key: &str, body: Value) -> Result<T, ProviderError> {
        let request = self.client.post(self.url(&[segment])?).header("Idempotency-Key", key);
        self.answer(request.json(&self.with_account(body))).await
    }

    fn with_account(&self, mut body: Value) -> Value {
        if let Some(account) = &self.ours.account {
            body["account"] = json!(account);
        }
        body
    }

    fn url(&self, segments: &[&str]) -> Result<Url, ProviderError> {
        call::url(&self.base, segments)
    }

    async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ProviderError> {
        let answer = call::send(request.bearer_auth(self.api_key.expose_secret())).await?;
        if answer.status.is_success() { call::document(&answer) } else { Err(error_of(answer.status, &answer.body)) }
    }

    fn payment_facts(&self, document: &PaymentDocument, asked: (&str, Money)) -> Result<Vec<Fact>, ProviderError> {
        document.facts(&self.ours, asked).map_err(ProviderError::Unknown)
    }
}

/// `refused` is the one word for "never". Anything else (a gateway's status, a wrong key, a code that we don't know) may
/// pass the next time, or have happened.
fn error_of(status: StatusCode, body: &[u8]) -> ProviderError {
    let (code, message) = match call::refusal(status, body) {
        Ok(document) => document,
        Err(unknown) => return unknown,
    };
    match code.as_str() {
        "not_found" => ProviderError::NotKnown(message),
        "refused" => ProviderError::Refused(message),
        "payee_details_required" => ProviderError::PayeeDetailsRequired(message),
        _try_again_or_unknown => ProviderError::Unknown(format!("{code}: {message}")),
    }
}

#[async_trait::async_trait]
impl PaymentProvider for Partner {
    fn name(&self) -> &'static str {
        NAME
    }

    fn terms(&self, method: PaymentMethod) -> Option<MethodTerms> {
        self.methods.contains(&method).then(|| terms::of(method, self.currencies.clone(), self.payer_fields.clone()))
    }

    fn reference(&self, id: PaymentId, _random: [u8; 16]) -> String {
        id.to_string()
    }

    async fn create_payment(&self, request: &PaymentRequest) -> Result<OpenedPayment, ProviderError> {
        let body = json!({
            "payment_id": request.reference,
            "method": request.method,
            "amount_minor": request.amount.amount,
            "currency": request.amount.currency,
            "description": request.description,
            "notification_url": request.notification_url,
            "return_url": request.return_url,
            "payer": request.payer,
        });
        let document: PaymentDocument = self.post("payments", &request.reference, body).await?;
        let facts = self.payment_facts(&document, (&request.reference, request.amount))?;
        let next_action = document.next_action().map_err(ProviderError::Unknown)?;
        let provider_reference = Some(document.id().map_err(ProviderError::Unknown)?);
        Ok(OpenedPayment { provider_reference, next_action, expires_at: document.expires_at, facts })
    }

    async fn query_payment(&self, payment: &PaymentQuery) -> Result<Vec<Fact>, ProviderError> {
        let document = self.get(self.url(&["payments", &payment.reference])?).await?;
        self.payment_facts(&document, (&payment.reference, payment.amount))
    }

    async fn cancel_payment(&self, payment: &PaymentQuery) -> Result<Vec<Fact>, ProviderError> {
        let request = self.client.post(self.url(&["payments", &payment.reference, "cancel"])?);
        let document = self.answer(request.json(&json!({}))).await?;
        self.payment_facts(&document, (&payment.reference, payment.amount))
    }

    async fn refund(&self, request: &RefundRequest) -> Result<Vec<Fact>, ProviderError> {
        let mut body = json!({
            "refund_id": request.reference,
            "payment_id": request.payment.reference,
            "amount_minor": request.amount.amount,
            "currency": request.amount.currency,
            "reason": request.reason,
            "notification_url": request.notification_url,
        });
        if let Some(payee) = &request.payee {
            body["payee"] = account(payee)?;
        }
        let document: RefundDocument = self.post("refunds", &request.reference, body).await?;
        document.facts(&self.ours, (&request.reference, request.amount)).map_err(ProviderError::Unknown)
    }

    async fn query_refund(&self, refund: &RefundQuery) -> Result<Vec<Fact>, ProviderError> {
        let document: RefundDocument = self.get(self.url(&["refunds", &refund.reference])?).await?;
        document.facts(&self.ours, (&refund.reference, refund.amount)).map_err(ProviderError::Unknown)
    }

    fn refunds_for_others(&self, _currency: Currency) -> bool {
        false
    }

    fn payouts(&self) -> Option<&dyn Payouts> {
        Some(self)
    }

    /// One statement for each currency of the contract, also when nothing moved in it.
    async fn statements(&self, day: NaiveDate) -> Result<Option<Vec<Statement>>, ProviderError> {
        let mut lines: BTreeMap<Currency, Vec<_>> = self.currencies.iter().map(|code| (*code, Vec::new())).collect();
        let mut after: Option<String> = None;
        for _page in 0..MOST_PAGES {
            let mut url = self.url(&["movements"])?;
            url.query_pairs_mut().append_pair("day", &day.to_string());
            if let Some(after) = &after {
                url.query_pairs_mut().append_pair("after", after);
            }
            let page: Page = self.get(url).await?;
            for line in page.lines(&self.ours, day).map_err(ProviderError::Unknown)? {
                lines.entry(line.amount.currency).or_default().push(line);
            }
            after = page.next;
            if after.is_none() {
                let statement = |(currency, lines)| Statement { currency, day, lines };
                return Ok(Some(lines.into_iter().map(statement).collect()));
            }
        }
        Err(ProviderError::Unknown(format!("the movements of {day} have no last page")))
    }

    fn settlement(&self) -> Option<&SettlementReports> {
        None
    }

    fn verify(&self, request: &WebhookRequest<'_>, wall_now: Time) -> Result<Incoming, VerifyError> {
        standard::verify(&self.webhook_secrets, request, wall_now).map(Incoming::Notification)
    }

    fn interpret(&self, body: &[u8]) -> Result<Vec<Fact>, Uninterpretable> {
        notified(&self.ours, body).map(|fact| vec![fact]).map_err(Uninterpretable)
    }

    fn acknowledgement(&self) -> Acknowledgement {
        RECEIVED
    }
}

#[async_trait::async_trait]
impl Payouts for Partner {
    async fn pay_out(&self, request: &PayoutRequest) -> Result<Vec<Fact>, ProviderError> {
        let body = json!({
            "payout_id": request.reference,
            "amount_minor": request.amount.amount,
            "currency": request.amount.currency,
            "payee": account(&request.account)?,
            "notification_url": request.notification_url,
        });
        let document: PayoutDocument = self.post("payouts", &request.reference, body).await?;
        document.facts(&self.ours, (&request.reference, request.amount)).map_err(ProviderError::Unknown)
    }

    async fn query_payout(&self, payout: &PayoutQuery) -> Result<Vec<Fact>, ProviderError> {
        let document: PayoutDocument = self.get(self.url(&["payouts", &payout.reference])?).await?;
        document.facts(&self.ours, (&payout.reference, payout.amount)).map_err(ProviderError::Unknown)
    }
}

/// A bank account as the partner is told it.
fn account(details: &SecretString) -> Result<Value, ProviderError> {
    // The error would quote it.
    let unreadable = |_would_quote_it| ProviderError::Unknown("the account can't be read".to_owned());
    let account: PartnerBankAccount = serde_json::from_str(details.expose_secret()).map_err(unreadable)?;
    serde_json::to_value(account).map_err(unreadable)
}

#[cfg(test)]
mod tests;

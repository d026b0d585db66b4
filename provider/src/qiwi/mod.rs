//! QIWI's bills (API v1), in rubles. **The rail is closed**: QIWI Bank lost its licence in February 2024, and with it payments and
//! refunds. It is off, live mode refuses it, and sandbox mode takes it with a test server only.
//!
//! A bill is called by our reference, a refund of it too; the same again is the same. Notifications sign five fields, and only
//! those are read. Source: QIWI-API/bill-payments-docs, `bill-payments_en.html.md` of 2019-04-24; `@qiwi/bill-payments-node-js-sdk` 3.2.1.

use std::sync::Arc;

use chrono::{NaiveDate, TimeDelta};
use entity::payment::{NextAction, PaymentMethod, RefundWay};
use entity::{Currency, MinorUnits, PaymentId, Time};
use reqwest::header::ACCEPT;
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::wire::{amount, call, header, hmac};
use super::{
    Acknowledgement, Fact, Incoming, Limits, MethodTerms, OpenedPayment, PaymentProvider, PaymentQuery, PaymentRequest,
    Payouts, ProviderError, RefundQuery, RefundRequest, Statement, Uninterpretable, Verified, VerifyError,
    WebhookRequest,
};
use crate::interface::Configured;
use crate::settlement::SettlementReports;
use ground::clock::Clock;
use ground::setting::{Installation, Mode, check_base, is_given, required, required_list, wrong};

mod bill;
mod settings;

pub(super) use settings::QiwiSettings;

use bill::{Bill, QiwiNotification, QiwiRefund, error_of};

pub(super) const NAME: &str = "qiwi";

const SIGNATURE: &str = "X-Api-Signature-SHA256";
/// QIWI closes a bill then, if it was given no other end.
const TIME_TO_PAY: TimeDelta = TimeDelta::days(45);
const LONGEST_COMMENT: usize = 255;
/// QIWI's amounts have six digits before the point.
const MOST: MinorUnits = MinorUnits(99_999_999);

/// Off until it is configured, and in live mode always.
pub(super) fn from_settings(own: &QiwiSettings, installation: &Installation, _clock: &Clock) -> Configured {
    if !is_given(&own.secret_key) {
        return Ok(None);
    }
    if installation.mode == Mode::Live {
        return Err(wrong(
            "QIWI_SECRET_KEY",
            "turns on a rail that is closed: QIWI Bank lost its licence in 2024, and nobody can pay or be paid back by it. \
             Live mode refuses it",
        ));
    }
    let base = check_base("QIWI_API_BASE", &own.api_base, installation.mode)?;
    let host = reqwest::Url::parse(&base).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    if host == "qiwi.com" || host.ends_with(".qiwi.com") {
        return Err(wrong("QIWI_API_BASE", "must be a test server: QIWI has no sandbox, and its own API is closed"));
    }
    let rubles = "RUB".parse().map_err(|error: entity::MoneyError| wrong("QIWI_SECRET_KEY", error.to_string()))?;
    Ok(Some(Arc::new(Qiwi {
        client: call::client("QIWI_API_BASE", &base)?,
        base,
        secret_key: required("QIWI_SECRET_KEY", &own.secret_key)?.clone(),
        site_id: required("QIWI_SITE_ID", &own.site_id)?.trim().to_owned(),
        notification_secrets: required_list("QIWI_NOTIFICATION_SECRET", &own.notification_secret)?,
        rubles,
    })))
}

#[derive(Debug)]
struct Qiwi {
    client: reqwest::Client,
    base: String,
    secret_key: SecretString,
    site_id: String,
    notification_secrets: Vec<SecretString>,
    rubles: Currency,
}

impl Qiwi {
    fn request(&self, method: Method, bill: &str, further: &[&str]) -> Result<RequestBuilder, ProviderError> {
        let segments = [&["partner", "bill", "v1", "bills", bill], further].concat();
        let request = self.client.request(method, call::url(&self.base, &segments)?);
        Ok(request.bearer_auth(self.secret_key.expose_secret()).header(ACCEPT, "application/json"))
    }

    async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ProviderError> {
        let answer = call::send(request).await?;
        if !answer.status.is_success() {
            return Err(error_of(answer.status, &answer.body));
        }
        call::document(&answer)
    }

    async fn bill(&self, reference: &str) -> Result<Bill, ProviderError> {
        self.answer(self.request(Method::GET, reference, &[])?).await
    }

    /// The bill of this reference, new or as it has been since we asked before.
    async fn put_bill(&self, reference: &str, body: &Value) -> Result<Bill, ProviderError> {
        let put = self.request(Method::PUT, reference, &[])?.json(body);
        match self.answer(put).await {
            // Whether a bill that is there may be put again isn't documented. That it is there, only it can say.
            Err(ProviderError::Refused(reason)) => match self.bill(reference).await {
                Err(ProviderError::NotKnown(_)) => Err(ProviderError::Refused(reason)),
                there_or_unknown => there_or_unknown,
            },
            answer => answer,
        }
    }

    fn facts(&self, bill: &Bill, payment: &PaymentQuery) -> Result<Vec<Fact>, ProviderError> {
        bill.check(&self.site_id, &payment.reference, payment.amount)?;
        Ok(vec![bill.fact(&self.site_id).map_err(ProviderError::Unknown)?])
    }
}

#[async_trait::async_trait]
impl PaymentProvider for Qiwi {
    fn name(&self) -> &'static str {
        NAME
    }

    fn terms(&self, method: PaymentMethod) -> Option<MethodTerms> {
        (method == PaymentMethod::Qiwi).then(|| MethodTerms {
            flow: "You go to QIWI's page and pay the bill there from your wallet.",
            fees: "QIWI takes none from you when you pay from your wallet.",
            currencies: vec![self.rubles],
            countries: &[],
            limits: vec![Limits { currency: self.rubles, least: MinorUnits(1), most: Some(MOST) }],
            payer_fields: Vec::new(),
            arrival_days: (0, 0),
            expires_after: Some(TIME_TO_PAY),
            takes_parts: false,
            chargebacks: false,
            refund_way: RefundWay::ToOrigin,
            refund_days: (0, 3),
            refund_window_days: None,
        })
    }

    fn reference(&self, id: PaymentId, _random: [u8; 16]) -> String {
        id.to_string()
    }

    async fn create_payment(&self, request: &PaymentRequest) -> Result<OpenedPayment, ProviderError> {
        // No end of its own: the same request has to be the same bill, whenever it is sent again.
        let body = json!({
            "amount": { "currency": request.amount.currency, "value": amount::to_text(request.amount) },
            "comment": request.description.chars().take(LONGEST_COMMENT).collect::<String>(),
        });
        let bill = self.put_bill(&request.reference, &body).await?;
        bill.check(&self.site_id, &request.reference, request.amount)?;
        let next_action = if bill.is_waiting() {
            Some(NextAction::Redirect { url: bill.page(request.return_url.as_deref())? })
        } else {
            None
        };
        let fact = bill.fact(&self.site_id).map_err(ProviderError::Unknown)?;
        Ok(OpenedPayment { provider_reference: None, next_action, expires_at: bill.expires_at(), facts: vec![fact] })
    }

    async fn query_payment(&self, payment: &PaymentQuery) -> Result<Vec<Fact>, ProviderError> {
        self.facts(&self.bill(&payment.reference).await?, payment)
    }

    async fn cancel_payment(&self, payment: &PaymentQuery) -> Result<Vec<Fact>, ProviderError> {
        let reject = self.request(Method::POST, &payment.reference, &["reject"])?.json(&json!({}));
        // Refused if it has been paid, or has ended otherwise: then it is asked how it stands.
        let facts = self.facts(&self.answer(reject).await?, payment)?;
        let is_withdrawn = matches!(facts.as_slice(), [Fact::PaymentFailed { .. }]);
        let cancelled = || vec![Fact::PaymentCancelled { reference: payment.reference.clone() }];
        Ok(if is_withdrawn { cancelled() } else { facts })
    }

    async fn refund(&self, request: &RefundRequest) -> Result<Vec<Fact>, ProviderError> {
        let put = self.request(Method::PUT, &request.payment.reference, &["refunds", &request.reference])?;
        let body = json!({
            "amount": { "currency": request.amount.currency, "value": amount::to_text(request.amount) },
        });
        let refund: QiwiRefund = self.answer(put.json(&body)).await?;
        Ok(vec![refund.fact(&request.reference, request.amount)?])
    }

    async fn query_refund(&self, refund: &RefundQuery) -> Result<Vec<Fact>, ProviderError> {
        let get = self.request(Method::GET, &refund.payment.reference, &["refunds", &refund.reference])?;
        let document: QiwiRefund = self.answer(get).await?;
        Ok(vec![document.fact(&refund.reference, refund.amount)?])
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
        None
    }

    /// No time is signed: what is sent again is told by its bill and status.
    fn verify(&self, request: &WebhookRequest<'_>, _wall_now: Time) -> Result<Incoming, VerifyError> {
        let signature = header::the_only(request.headers, SIGNATURE)?;
        let malformed = VerifyError("it is not a notification about a bill");
        let notification: QiwiNotification = serde_json::from_slice(request.body).map_err(|_source| malformed)?;
        let signed = notification.bill.string_to_sign().ok_or(malformed)?;
        let of = |secret: &SecretString| {
            hex::encode(hmac::sha256(secret.expose_secret().trim().as_bytes(), &[signed.as_bytes()]))
        };
        let expected: Vec<String> = self.notification_secrets.iter().map(of).collect();
        if !hmac::any_equal(&expected, &[signature]) {
            return Err(VerifyError("the signature does not match"));
        }
        Ok(Incoming::Notification(Verified { event_id: notification.bill.event_id(), content: signed.into_bytes() }))
    }

    fn interpret(&self, body: &[u8]) -> Result<Vec<Fact>, Uninterpretable> {
        let read = serde_json::from_slice::<QiwiNotification>(body);
        let notification = read.map_err(|error| Uninterpretable(format!("not a notification of QIWI: {error}")))?;
        notification.bill.fact(&self.site_id).map(|fact| vec![fact]).map_err(Uninterpretable)
    }

    fn acknowledgement(&self) -> Acknowledgement {
        Acknowledgement { status: 200, content_type: "application/json", body: r#"{"error":"0"}"# }
    }
}

#[cfg(test)]
mod tests;

//! Antom (Alipay+ AMS API), for cross-border merchants: Alipay.
//!
//! The buyer pays on Antom's cashier page. Our requests are signed, and so are its answers: one whose signature is missing
//! or wrong says nothing. A payment is `paymentRequestId`, a refund `refundRequestId`: both are our references, and the
//! same again is the same payment or refund. Source: docs.antom.com/ac/ams, global-open-sdk-python 1.7.1.

use std::sync::Arc;

use chrono::{NaiveDate, TimeDelta};
use entity::payment::{NextAction, PaymentMethod, RefundWay};
use entity::{Currency, MinorUnits, Money, PaymentId, Time};
use serde_json::json;

use super::wire::document::Document;
use super::wire::{call, captured_once, rsa};
use super::{
    Acknowledgement, Fact, Incoming, Limits, MethodTerms, OpenedPayment, PaymentProvider, PaymentQuery, PaymentRequest,
    Payouts, ProviderError, RefundQuery, RefundRequest, Statement, Uninterpretable, Verified, VerifyError,
    WebhookRequest,
};
use crate::interface::Configured;
use crate::settlement::SettlementReports;
use ground::clock::Clock;
use ground::setting::{Installation, check_base, currencies, is_given, required, wrong};

mod amount;
mod api;
mod notification;
mod settings;
mod settlement;

pub(super) use settings::AntomSettings;
pub(super) use settlement::DAYS_LATE;

use api::{AntomApi, LONGEST_ID, ResultStatus, SANDBOX_CLIENT};

pub(super) const NAME: &str = "antom";

/// What Alipay's wallet gives the buyer; Antom closes the payment then.
const TIME_TO_PAY: TimeDelta = TimeDelta::minutes(14);
const LONGEST_REASON: usize = 250;

/// Off until it is configured.
pub(super) fn from_settings(own: &AntomSettings, installation: &Installation, clock: &Clock) -> Configured {
    if !is_given(&own.client_id) {
        return Ok(None);
    }
    let base = check_base("ANTOM_API_BASE", &own.api_base, installation.mode)?;
    let client_id = required("ANTOM_CLIENT_ID", &own.client_id)?.trim().to_owned();
    check_mode(&client_id, installation.is_sandbox()).map_err(|problem| wrong("ANTOM_CLIENT_ID", problem))?;
    let currencies = currencies("ANTOM_CURRENCIES", &own.currencies, amount::check_currency)?;
    let api = AntomApi {
        client: call::client("ANTOM_API_BASE", &base)?,
        base,
        client_id,
        key: rsa::signing_key("ANTOM_PRIVATE_KEY", &own.private_key)?,
        their_keys: rsa::verifying_keys("ANTOM_PUBLIC_KEY", &own.public_key)?,
        clock: clock.clone(),
    };
    let reports = SettlementReports::configured("ANTOM_REPORTS", &own.reports, settlement::SettlementDetails)?;
    let public_url = installation.public_url.clone();
    Ok(Some(Arc::new(Antom { api, currencies, public_url, reports, clock: clock.clone() })))
}

/// A payment of the sandbox is no money, and one of another client is: neither may be booked as the other.
fn check_mode(client_id: &str, is_sandbox: bool) -> Result<(), &'static str> {
    match (is_sandbox, client_id.starts_with(SANDBOX_CLIENT)) {
        (true, true) | (false, false) => Ok(()),
        (false, true) => Err("is a client of Antom's sandbox (SANDBOX_…): SECURE_PAYMENT_MODE is live"),
        (true, false) => Err(
            "must be a client of Antom's sandbox (SANDBOX_…): SECURE_PAYMENT_MODE is sandbox, which moves no real money",
        ),
    }
}

#[derive(Debug)]
struct Antom {
    reports: Option<SettlementReports>,
    api: AntomApi,
    currencies: Vec<Currency>,
    /// Antom wants to know where to send the buyer back to, also if the storefront doesn't care.
    public_url: String,
    clock: Clock,
}

impl Antom {
    async fn inquire(&self, payment: &PaymentQuery) -> Result<Document, ProviderError> {
        self.api.ask("inquiryPayment", &json!({ "paymentRequestId": payment.reference })).await?.done()
    }

    /// Refunds are asked for by Antom's own id.
    async fn payment_id(&self, payment: &PaymentQuery) -> Result<String, ProviderError> {
        match &payment.provider_reference {
            Some(id) => Ok(id.clone()),
            None => {
                let document = self.inquire(payment).await?;
                document.about("paymentRequestId", &payment.reference)?;
                document.id("paymentId", LONGEST_ID)
            }
        }
    }
}

fn exactly(field: &str, document: &Document, asked: Money) -> Result<(), ProviderError> {
    call::same(field, document.read(field, amount::read)?, asked)
}

fn captured(document: &Document, reference: &str, asked: Money) -> Result<Fact, ProviderError> {
    exactly("paymentAmount", document, asked)?;
    Ok(captured_once(reference.to_owned(), document.id("paymentId", LONGEST_ID)?, asked))
}

/// `paymentStatus` of an inquiry.
fn payment_facts(document: &Document, payment: &PaymentQuery) -> Result<Vec<Fact>, ProviderError> {
    document.about("paymentRequestId", &payment.reference)?;
    let reference = payment.reference.clone();
    let code = document.text("paymentResultCode").unwrap_or_default();
    Ok(vec![match document.text("paymentStatus") {
        Some("SUCCESS") => captured(document, &reference, payment.amount)?,
        Some("PROCESSING" | "PENDING") => Fact::PaymentPending { reference },
        Some("CANCELLED") => Fact::PaymentCancelled { reference },
        Some("FAIL") => notification::not_paid(reference, code, document.text("paymentResultMessage")),
        other => return Err(ProviderError::Unknown(format!("a paymentStatus that is unknown: {other:?}"))),
    }])
}

fn refund_succeeded(document: &Document, reference: &str, asked: Money) -> Result<Fact, ProviderError> {
    exactly("refundAmount", document, asked)?;
    let id = document.id("refundId", LONGEST_ID)?;
    let (reference, provider_reference) = (reference.to_owned(), Some(id.clone()));
    Ok(Fact::RefundSucceeded { reference, provider_reference, movement: id, amount: asked })
}

#[async_trait::async_trait]
impl PaymentProvider for Antom {
    fn name(&self) -> &'static str {
        NAME
    }

    fn terms(&self, method: PaymentMethod) -> Option<MethodTerms> {
        if method != PaymentMethod::Alipay {
            return None;
        }
        // 0.10 to 300,000 yuan; other currencies are converted, so their limits move.
        let yuan = |currency: &&Currency| currency.code() == "CNY";
        let limits = self.currencies.iter().filter(yuan).map(|currency| Limits {
            currency: *currency,
            least: MinorUnits(10),
            most: Some(MinorUnits(30_000_000)),
        });
        Some(MethodTerms {
            flow: "You go to Alipay's page and pay there with the Alipay app, within 14 minutes.",
            fees: "Alipay takes none from you; it converts other currencies to yuan at its own rate.",
            currencies: self.currencies.clone(),
            countries: &[],
            limits: limits.collect(),
            payer_fields: Vec::new(),
            arrival_days: (0, 0),
            expires_after: Some(TIME_TO_PAY),
            takes_parts: false,
            chargebacks: true,
            refund_way: RefundWay::ToOrigin,
            refund_days: (0, 7),
            refund_window_days: Some(365),
        })
    }

    fn reference(&self, id: PaymentId, _random: [u8; 16]) -> String {
        id.to_string()
    }

    async fn create_payment(&self, request: &PaymentRequest) -> Result<OpenedPayment, ProviderError> {
        let amount = amount::to_wire(request.amount).map_err(ProviderError::Refused)?;
        let back = request.return_url.as_ref().unwrap_or(&self.public_url);
        let body = json!({
            "productCode": "CASHIER_PAYMENT",
            "paymentRequestId": request.reference,
            "order": {
                "referenceOrderId": request.reference,
                "orderDescription": request.description,
                "orderAmount": amount,
            },
            "paymentAmount": amount,
            "paymentMethod": { "paymentMethodType": "ALIPAY_CN" },
            "paymentNotifyUrl": request.notification_url,
            "paymentRedirectUrl": back,
            "env": { "terminalType": "WEB" },
            "settlementStrategy": { "settlementCurrency": request.amount.currency.code() },
        });
        let answer = self.api.ask("pay", &body).await?;
        let expires_at = Some(self.clock.now() + TIME_TO_PAY);
        if answer.status == ResultStatus::Unclear && answer.code == "PAYMENT_IN_PROCESS" {
            let document = answer.document;
            // Not every wallet's answer repeats what was asked.
            if document.has("paymentRequestId") {
                document.about("paymentRequestId", &request.reference)?;
            }
            if document.has("paymentAmount") {
                exactly("paymentAmount", &document, request.amount)?;
            }
            let url =
                document.text("normalUrl").filter(|url| url.starts_with("https://") || url.starts_with("http://"));
            let url = url.ok_or_else(|| ProviderError::Unknown("a payment without a page to pay on".to_owned()))?;
            return Ok(OpenedPayment {
                provider_reference: Some(document.id("paymentId", LONGEST_ID)?),
                next_action: Some(NextAction::Redirect { url: url.to_owned() }),
                expires_at,
                facts: vec![Fact::PaymentPending { reference: request.reference.clone() }],
            });
        }
        let document = answer.done()?;
        document.about("paymentRequestId", &request.reference)?;
        let fact = captured(&document, &request.reference, request.amount)?;
        let provider_reference = Some(document.id("paymentId", LONGEST_ID)?);
        Ok(OpenedPayment { provider_reference, next_action: None, expires_at, facts: vec![fact] })
    }

    async fn query_payment(&self, payment: &PaymentQuery) -> Result<Vec<Fact>, ProviderError> {
        payment_facts(&self.inquire(payment).await?, payment)
    }

    async fn cancel_payment(&self, payment: &PaymentQuery) -> Result<Vec<Fact>, ProviderError> {
        // Antom's `cancel` gives a paid payment back to the buyer, which our books would not hear of: paid is too late.
        let stands = self.query_payment(payment).await?;
        if !stands.iter().all(|fact| matches!(fact, Fact::PaymentPending { .. })) {
            return Ok(stands);
        }
        let document = self.api.ask("cancel", &json!({ "paymentRequestId": payment.reference })).await?.done()?;
        document.about("paymentRequestId", &payment.reference)?;
        Ok(vec![Fact::PaymentCancelled { reference: payment.reference.clone() }])
    }

    async fn refund(&self, request: &RefundRequest) -> Result<Vec<Fact>, ProviderError> {
        let body = json!({
            "refundRequestId": request.reference,
            "paymentId": self.payment_id(&request.payment).await?,
            "refundAmount": amount::to_wire(request.amount).map_err(ProviderError::Refused)?,
            "refundReason": request.reason.chars().take(LONGEST_REASON).collect::<String>(),
            "refundNotifyUrl": request.notification_url,
        });
        let answer = self.api.ask("refund", &body).await?;
        if answer.status == ResultStatus::Unclear && answer.code == "REFUND_IN_PROCESS" {
            let provider_reference = answer.document.text("refundId").map(str::to_owned);
            return Ok(vec![Fact::RefundPending { reference: request.reference.clone(), provider_reference }]);
        }
        let document = answer.done()?;
        document.about("refundRequestId", &request.reference)?;
        Ok(vec![refund_succeeded(&document, &request.reference, request.amount)?])
    }

    async fn query_refund(&self, refund: &RefundQuery) -> Result<Vec<Fact>, ProviderError> {
        let body = json!({ "refundRequestId": refund.reference });
        let document = self.api.ask("inquiryRefund", &body).await?.done()?;
        document.about("refundRequestId", &refund.reference)?;
        let reference = refund.reference.clone();
        Ok(vec![match document.text("refundStatus") {
            Some("SUCCESS") => refund_succeeded(&document, &reference, refund.amount)?,
            Some("PROCESSING") => {
                Fact::RefundPending { reference, provider_reference: Some(document.id("refundId", LONGEST_ID)?) }
            }
            Some("FAIL") => Fact::RefundFailed {
                reference,
                provider_reference: Some(document.id("refundId", LONGEST_ID)?),
                movement: Some(document.id("refundId", LONGEST_ID)?),
                reason: "Antom could not refund it".to_owned(),
            },
            other => return Err(ProviderError::Unknown(format!("a refundStatus that is unknown: {other:?}"))),
        }])
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
        self.api.verify_news(request, wall_now)?;
        Ok(Incoming::Notification(Verified {
            event_id: notification::event_id(request.body),
            content: request.body.to_vec(),
        }))
    }

    fn interpret(&self, body: &[u8]) -> Result<Vec<Fact>, Uninterpretable> {
        notification::facts(body).map_err(Uninterpretable)
    }

    fn acknowledgement(&self) -> Acknowledgement {
        Acknowledgement {
            status: 200,
            content_type: "application/json",
            body: r#"{"result":{"resultCode":"SUCCESS","resultStatus":"S","resultMessage":"success"}}"#,
        }
    }
}

#[cfg(test)]
mod tests;

//! Alipay's own gateway (OpenAPI, RSA2), for an app of mainland China: Alipay, in yuan.
//!
//! A payment is a signed address that the buyer's browser opens: no call is made, and Alipay hears of it when it is opened.
//! It is named by `out_trade_no`, a refund by `out_request_no`: our references, by which both are idempotent. What moved is
//! named by Alipay's `trade_no`, and for refunds by our reference again, because Alipay has no id for them.
//! Source: opendocs.alipay.com (alipay.trade.*), alipay-sdk (npm) 4.14.0.

use std::sync::Arc;

use chrono::{NaiveDate, TimeDelta};
use entity::payment::{NextAction, PaymentMethod, RefundWay};
use entity::{Currency, MinorUnits, Money, PaymentId, Time};
use serde_json::json;

use super::wire::amount::to_text;
use super::wire::document::Document;
use super::wire::{call, captured_once, rsa};
use super::{
    Acknowledgement, Fact, Incoming, Limits, MethodTerms, OpenedPayment, PaymentProvider, PaymentQuery, PaymentRequest,
    Payouts, ProviderError, RefundQuery, RefundRequest, Statement, Uninterpretable, VerifyError, WebhookRequest,
};
use crate::interface::Configured;
use crate::settlement::SettlementReports;
use ground::clock::Clock;
use ground::setting::{Installation, check_base, is_given, required, wrong};

mod gateway;
mod node;
mod notification;
mod settings;
mod settlement;
mod signed;

pub(super) use settings::AlipaySettings;
pub(super) use settlement::DAYS_LATE;

use gateway::{Gateway, LONGEST_ID, yuan};

pub(super) const NAME: &str = "alipay";

/// Ours; it is part of the address.
const TIME_TO_PAY: TimeDelta = TimeDelta::hours(2);
const LONGEST_REASON: usize = 250;
const LONGEST_SUBJECT: usize = 250;

/// Off until it is configured.
pub(super) fn from_settings(own: &AlipaySettings, installation: &Installation, clock: &Clock) -> Configured {
    if !is_given(&own.app_id) {
        return Ok(None);
    }
    let base = check_base("ALIPAY_API_BASE", &own.api_base, installation.mode)?;
    check_mode(&base, installation.is_sandbox()).map_err(|problem| wrong("ALIPAY_API_BASE", problem))?;
    let gateway = Gateway {
        client: call::client("ALIPAY_API_BASE", &base)?,
        base,
        app_id: required("ALIPAY_APP_ID", &own.app_id)?.trim().to_owned(),
        key: rsa::signing_key("ALIPAY_PRIVATE_KEY", &own.private_key)?,
        their_keys: rsa::verifying_keys("ALIPAY_PUBLIC_KEY", &own.public_key)?,
        clock: clock.clone(),
    };
    let seller_id = required("ALIPAY_SELLER_ID", &own.seller_id)?.trim().to_owned();
    let yuan = "CNY".parse().map_err(|error: entity::MoneyError| wrong("ALIPAY_APP_ID", error.to_string()))?;
    let reports = SettlementReports::configured("ALIPAY_REPORTS", &own.reports, settlement::TradeBill { yuan })?;
    Ok(Some(Arc::new(Alipay { gateway, seller_id, yuan, reports, clock: clock.clone() })))
}

/// A payment at the sandbox's gateway is no money, and one at the real gateway is: neither may be booked as the other.
fn check_mode(base: &str, is_sandbox: bool) -> Result<(), &'static str> {
    let is_at = |domain| {
        let host = reqwest::Url::parse(base).ok().and_then(|url| url.host_str().map(str::to_owned));
        host.is_some_and(|host| host.ends_with(domain))
    };
    if is_sandbox && is_at(".alipay.com") {
        return Err(
            "is Alipay's real gateway: set its sandbox's, because SECURE_PAYMENT_MODE is sandbox, which moves no real money",
        );
    }
    if !is_sandbox && is_at(".alipaydev.com") {
        return Err("is the gateway of Alipay's sandbox: SECURE_PAYMENT_MODE is live");
    }
    Ok(())
}

#[derive(Debug)]
struct Alipay {
    gateway: Gateway,
    seller_id: String,
    yuan: Currency,
    reports: Option<SettlementReports>,
    clock: Clock,
}

fn amount(field: &str, document: &Document) -> Result<Money, ProviderError> {
    document.read(field, |value| yuan(value.as_str().unwrap_or_default()))
}

fn exactly(field: &str, document: &Document, asked: Money) -> Result<(), ProviderError> {
    call::same(field, amount(field, document)?, asked)
}

fn trade_facts(document: &Document, payment: &PaymentQuery) -> Result<Vec<Fact>, ProviderError> {
    document.about("out_trade_no", &payment.reference)?;
    exactly("total_amount", document, payment.amount)?;
    let reference = payment.reference.clone();
    let was_paid = match document.text("trade_status") {
        Some("WAIT_BUYER_PAY") => return Ok(vec![Fact::PaymentPending { reference }]),
        Some("TRADE_SUCCESS" | "TRADE_FINISHED") => true,
        // Nobody paid in time, or it was paid and all of it has gone back since: only then money was sent to us once.
        Some("TRADE_CLOSED") => document.text("send_pay_date").is_some_and(|date| !date.is_empty()),
        other => return Err(ProviderError::Unknown(format!("a trade_status that is unknown: {other:?}"))),
    };
    if !was_paid {
        return Ok(vec![Fact::PaymentExpired { reference }]);
    }
    Ok(vec![captured_once(reference, document.id("trade_no", LONGEST_ID)?, payment.amount)])
}

fn refunded(reference: &str, amount: Money) -> Vec<Fact> {
    let (reference, movement) = (reference.to_owned(), reference.to_owned());
    vec![Fact::RefundSucceeded { reference, provider_reference: None, movement, amount }]
}

impl Alipay {
    async fn refund_stands(
        &self,
        payment: &PaymentQuery,
        reference: &str,
        amount: Money,
    ) -> Result<Vec<Fact>, ProviderError> {
        let asked = json!({ "out_trade_no": payment.reference, "out_request_no": reference });
        let document = self.gateway.ask("alipay.trade.fastpay.refund.query", &asked, None).await?;
        match (document.text("refund_status").unwrap_or_default(), document.text("refund_amount")) {
            ("REFUND_SUCCESS", _) => {
                document.about("out_trade_no", &payment.reference)?;
                document.about("out_request_no", reference)?;
                exactly("refund_amount", &document, amount)?;
                Ok(refunded(reference, amount))
            }
            ("REFUND_PROCESSING", _) => {
                document.about("out_request_no", reference)?;
                Ok(vec![Fact::RefundPending { reference: reference.to_owned(), provider_reference: None }])
            }
            // Asked about a refund that it never got, or did not make, Alipay succeeds with nothing to say.
            ("", None) => Err(ProviderError::NotKnown("Alipay has no such refund".to_owned())),
            (status, _) => Err(ProviderError::Unknown(format!("a refund_status that is unknown: {status:?}"))),
        }
    }
}

#[async_trait::async_trait]
impl PaymentProvider for Alipay {
    fn name(&self) -> &'static str {
        NAME
    }

    fn terms(&self, method: PaymentMethod) -> Option<MethodTerms> {
        if method != PaymentMethod::Alipay {
            return None;
        }
        // 0.01 to 100,000,000 yuan.
        let limits = Limits { currency: self.yuan, least: MinorUnits(1), most: Some(MinorUnits(10_000_000_000)) };
        Some(MethodTerms {
            flow: "You go to Alipay's page and pay there by password or with the Alipay app, within two hours.",
            fees: "Alipay takes none from you.",
            currencies: vec![self.yuan],
            countries: &[],
            limits: vec![limits],
            payer_fields: Vec::new(),
            arrival_days: (0, 0),
            expires_after: Some(TIME_TO_PAY),
            takes_parts: false,
            chargebacks: false,
            refund_way: RefundWay::ToOrigin,
            refund_days: (0, 7),
            refund_window_days: Some(365),
        })
    }

    fn reference(&self, id: PaymentId, _random: [u8; 16]) -> String {
        id.to_string()
    }

    async fn create_payment(&self, request: &PaymentRequest) -> Result<OpenedPayment, ProviderError> {
        if request.amount.currency != self.yuan {
            return Err(ProviderError::Refused("Alipay's own gateway takes yuan only".to_owned()));
        }
        let content = json!({
            "out_trade_no": request.reference,
            "product_code": "FAST_INSTANT_TRADE_PAY",
            "subject": request.description.chars().take(LONGEST_SUBJECT).collect::<String>(),
            "time_expire": gateway::in_china(self.clock.wall() + TIME_TO_PAY),
            "total_amount": to_text(request.amount),
        });
        let (notify_url, return_url) = (Some(request.notification_url.as_str()), request.return_url.as_deref());
        let url = self.gateway.page("alipay.trade.page.pay", &content, notify_url, return_url)?;
        Ok(OpenedPayment {
            provider_reference: None,
            next_action: Some(NextAction::Redirect { url: url.into() }),
            expires_at: Some(self.clock.now() + TIME_TO_PAY),
            facts: vec![Fact::PaymentPending { reference: request.reference.clone() }],
        })
    }

    async fn query_payment(&self, payment: &PaymentQuery) -> Result<Vec<Fact>, ProviderError> {
        let asked = json!({ "out_trade_no": payment.reference });
        let reference = payment.reference.clone();
        match self.gateway.ask("alipay.trade.query", &asked, None).await {
            Ok(document) => trade_facts(&document, payment),
            // The buyer has not opened the page yet, and after its time can't.
            Err(ProviderError::NotKnown(_)) if payment.has_expired => Ok(vec![Fact::PaymentExpired { reference }]),
            Err(ProviderError::NotKnown(_)) => Ok(vec![Fact::PaymentPending { reference }]),
            Err(error) => Err(error),
        }
    }

    async fn cancel_payment(&self, payment: &PaymentQuery) -> Result<Vec<Fact>, ProviderError> {
        let asked = json!({ "out_trade_no": payment.reference });
        let cancelled = vec![Fact::PaymentCancelled { reference: payment.reference.clone() }];
        match self.gateway.ask("alipay.trade.close", &asked, None).await {
            Ok(document) => {
                document.about("out_trade_no", &payment.reference)?;
                Ok(cancelled)
            }
            Err(ProviderError::NotKnown(_)) if payment.has_expired => Ok(cancelled),
            // Among them "not known": the buyer has the address of the page, and can open it until its time is over. Until
            // then there is nothing at Alipay to close, and it has to be closed again; calling it cancelled would end that.
            Err(error) => Err(error),
        }
    }

    async fn refund(&self, request: &RefundRequest) -> Result<Vec<Fact>, ProviderError> {
        let asked = json!({
            "out_request_no": request.reference,
            "out_trade_no": request.payment.reference,
            "refund_amount": to_text(request.amount),
            "refund_reason": request.reason.chars().take(LONGEST_REASON).collect::<String>(),
        });
        let document = self.gateway.ask("alipay.trade.refund", &asked, Some(&request.notification_url)).await?;
        document.about("out_trade_no", &request.payment.reference)?;
        if document.text("fund_change") == Some("Y") {
            // What has been refunded of the trade so far, all in all.
            let total = amount("refund_fee", &document)?;
            if total.currency != request.amount.currency || total.amount < request.amount.amount {
                return Err(ProviderError::Unknown(format!("{total} was refunded in all, less than was asked for")));
            }
            return Ok(refunded(&request.reference, request.amount));
        }
        // Nothing moved by this call: it was refunded before, or it was not refunded.
        match self.refund_stands(&request.payment, &request.reference, request.amount).await {
            Err(ProviderError::NotKnown(_)) => {
                Err(ProviderError::Unknown("a refund that moved nothing, and is not there".to_owned()))
            }
            other => other,
        }
    }

    async fn query_refund(&self, refund: &RefundQuery) -> Result<Vec<Fact>, ProviderError> {
        self.refund_stands(&refund.payment, &refund.reference, refund.amount).await
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
        notification::verify(&self.gateway.their_keys, request.body, wall_now).map(Incoming::Notification)
    }

    fn interpret(&self, body: &[u8]) -> Result<Vec<Fact>, Uninterpretable> {
        notification::facts(body, (&self.gateway.app_id, &self.seller_id)).map_err(Uninterpretable)
    }

    fn acknowledgement(&self) -> Acknowledgement {
        Acknowledgement { status: 200, content_type: "text/plain; charset=utf-8", body: "success" }
    }
}

#[cfg(test)]
mod tests;

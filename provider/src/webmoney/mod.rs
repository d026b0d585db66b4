//! WebMoney: paid on its page (Web Merchant Interface), given back by X14.
//!
//! The buyer's browser posts a form there; no call of ours opens a payment. WebMoney asks us before it takes the money,
//! and tells us afterwards (`notification`). A payment is `LMI_PAYMENT_NO`, an integer of ours that can't be guessed; its money is
//! booked by `LMI_SYS_TRANS_NO`, WebMoney's number of the transfer. Source: wiki.wmtransfer.com, see docs/providers/webmoney.md.

use std::error::Error as _;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{NaiveDate, TimeDelta};
use entity::payment::{FormField, NextAction, PaymentMethod, RefundWay};
use entity::{Currency, MinorUnits, Money, PaymentId, Time};
use secrecy::{ExposeSecret, SecretString};

use super::wire::{amount, call};
use super::{
    Acknowledgement, Fact, Incoming, Limits, MethodTerms, OpenedPayment, PaymentProvider, PaymentQuery, PaymentRequest,
    Payouts, ProviderError, RefundQuery, RefundRequest, Statement, Uninterpretable, VerifyError, WebhookRequest,
};
use crate::interface::Configured;
use crate::settlement::{OwnColumns, SettlementReports};
use ground::client;
use ground::clock::Clock;
use ground::setting::{Installation, SettingError, check_base, required, required_list, wrong};

mod merchant;
mod notification;
mod purse;
mod settings;
mod transfers;
mod xml;

pub(super) use settings::WebmoneySettings;

use merchant::{MerchantApi, TransactionStanding};
use purse::{Purse, is_number, is_wmid};
use transfers::{RefundSearch, Transfers};

/// Within which a report has what was booked here.
pub(super) const DAYS_LATE: u64 = 2;
pub(super) const NAME: &str = "webmoney";

/// Ours, not WebMoney's: from then on its question is answered with no.
const TIME_TO_PAY: TimeDelta = TimeDelta::hours(2);
/// A return is in the history by then.
const IS_LISTED_AFTER: TimeDelta = TimeDelta::hours(1);
/// A history that can't be read for so long is for a person.
const GIVES_UP_AFTER: TimeDelta = TimeDelta::days(2);
/// `LMI_PAYMENT_NO` fits into a signed integer of 32 bits.
const LARGEST_NUMBER: u32 = 0x7fff_ffff;

/// Off until it is configured.
pub(super) fn from_settings(own: &WebmoneySettings, installation: &Installation, clock: &Clock) -> Configured {
    if own.purses.iter().all(|purse| purse.trim().is_empty()) {
        return Ok(None);
    }
    let purses = read_purses(&own.purses)?;
    let wmid = required("WEBMONEY_WMID", &own.wmid)?.trim().to_owned();
    if !is_wmid(&wmid) {
        return Err(wrong("WEBMONEY_WMID", "must have 12 digits"));
    }
    let trimmed = |secret: SecretString| SecretString::from(secret.expose_secret().trim());
    let secrets: Vec<_> = required_list("WEBMONEY_SECRET_KEY", &own.secret_key)?.into_iter().map(trimmed).collect();
    let has_separator = |secret: &SecretString| secret.expose_secret().contains(notification::SEPARATOR);
    if secrets.iter().any(has_separator) {
        return Err(wrong("WEBMONEY_SECRET_KEY", "must not have a semicolon in it: that separates what it signs"));
    }
    let secret = secrets.first().cloned().ok_or_else(|| wrong("WEBMONEY_SECRET_KEY", "is missing"))?;
    let pay_at = check_base("WEBMONEY_MERCHANT_BASE", &own.merchant_base, installation.mode)?;
    let base = check_base("WEBMONEY_API_BASE", &own.api_base, installation.mode)?;
    check_mode(&base, installation.is_sandbox())?;
    let certificate = required("WEBMONEY_CERTIFICATE", &own.certificate)?;
    let identified = identified(&base, certificate)?;
    let merchant =
        MerchantApi { client: call::client("WEBMONEY_MERCHANT_BASE", &pay_at)?, base: pay_at.clone(), wmid, secret };
    let reports = SettlementReports::configured("WEBMONEY_REPORTS", &own.reports, OwnColumns)?;
    Ok(Some(Arc::new(WebMoney {
        reader: notification::NotificationReader { purses, secrets, is_sandbox: installation.is_sandbox() },
        pay_at,
        merchant,
        reports,
        transfers: Transfers::new(identified, base, clock.clone()),
        clock: clock.clone(),
    })))
}

/// There is no other WebMoney to try refunds at: the real one moves money.
fn check_mode(base: &str, is_sandbox: bool) -> Result<(), SettingError> {
    let host = reqwest::Url::parse(base).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    let is_real = ["wmtransfer.com", "webmoney.ru"].iter().any(|domain| host.ends_with(domain));
    if is_sandbox && is_real {
        let problem = "is WebMoney itself: set a test server's, because SECURE_PAYMENT_MODE is sandbox, which moves no real money";
        return Err(wrong("WEBMONEY_API_BASE", problem));
    }
    Ok(())
}

fn read_purses(given: &[String]) -> Result<Vec<Purse>, SettingError> {
    let mut purses: Vec<Purse> = Vec::new();
    for text in required_list("WEBMONEY_PURSES", given)? {
        let purse = Purse::parse(text.trim()).map_err(|problem| wrong("WEBMONEY_PURSES", problem))?;
        if purses.iter().any(|other| other.currency == purse.currency) {
            return Err(wrong("WEBMONEY_PURSES", format!("has two purses for {}", purse.currency)));
        }
        purses.push(purse);
    }
    Ok(purses)
}

/// Calls with the WMID's certificate. PEM may stand on one line, with `\n` written out.
fn identified(base: &str, certificate: &SecretString) -> Result<reqwest::Client, SettingError> {
    let pem = certificate.expose_secret().replace("\\n", "\n");
    client::build_with_certificate(base, pem.as_bytes()).map_err(|error| {
        let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
        let problem = format!("must be a certificate and its private key, in PEM, which can't be used so: {cause}");
        wrong("WEBMONEY_CERTIFICATE", problem)
    })
}

#[derive(Debug)]
struct WebMoney {
    reports: Option<SettlementReports>,
    reader: notification::NotificationReader,
    pay_at: String,
    merchant: MerchantApi,
    transfers: Transfers,
    clock: Clock,
}

impl WebMoney {
    fn purse(&self, currency: Currency) -> Result<&Purse, ProviderError> {
        let found = self.reader.purses.iter().find(|purse| purse.currency == currency);
        found.ok_or_else(|| ProviderError::Unknown(format!("there is no purse for {currency} any more")))
    }

    async fn standing(&self, payment: &PaymentQuery) -> Result<TransactionStanding, ProviderError> {
        self.merchant.standing(self.purse(payment.amount.currency)?, payment).await
    }

    /// The transfer by which it was paid.
    async fn transaction(&self, payment: &PaymentQuery) -> Result<String, ProviderError> {
        match &payment.provider_reference {
            Some(id) if is_number(id) => Ok(id.clone()),
            Some(_) => Err(ProviderError::Unknown("a payment whose transfer has no number".to_owned())),
            None => match self.standing(payment).await? {
                TransactionStanding::Paid(id) => Ok(id),
                TransactionStanding::NotPaid | TransactionStanding::Rejected => {
                    Err(ProviderError::Unknown("a payment that WebMoney says is not paid".to_owned()))
                }
            },
        }
    }
}

fn refunded(reference: &str, id: String, amount: Money) -> Vec<Fact> {
    let (reference, provider_reference) = (reference.to_owned(), Some(id.clone()));
    vec![Fact::RefundSucceeded { reference, provider_reference, movement: id, amount }]
}

#[async_trait::async_trait]
impl PaymentProvider for WebMoney {
    fn name(&self) -> &'static str {
        NAME
    }

    fn terms(&self, method: PaymentMethod) -> Option<MethodTerms> {
        if method != PaymentMethod::Webmoney {
            return None;
        }
        let currencies: Vec<Currency> = self.reader.purses.iter().map(|purse| purse.currency).collect();
        let limits = currencies.iter().map(|currency| Limits { currency: *currency, least: MinorUnits(1), most: None });
        Some(MethodTerms {
            flow: "You go to WebMoney's page and pay there from your purse, within two hours.",
            fees: "WebMoney takes its fee for transfers from you on top, usually 0.8 %.",
            limits: limits.collect(),
            currencies,
            countries: &[],
            payer_fields: Vec::new(),
            arrival_days: (0, 0),
            expires_after: Some(TIME_TO_PAY),
            takes_parts: false,
            chargebacks: false,
            refund_way: RefundWay::ToOrigin,
            refund_days: (0, 1),
            refund_window_days: Some(90),
        })
    }

    fn reference(&self, _id: PaymentId, random: [u8; 16]) -> String {
        let [a, b, c, d, ..] = random;
        (u32::from_be_bytes([a, b, c, d]) & LARGEST_NUMBER).max(1).to_string()
    }

    async fn create_payment(&self, request: &PaymentRequest) -> Result<OpenedPayment, ProviderError> {
        let purse = self.purse(request.amount.currency)?;
        let mut fields = vec![
            ("LMI_PAYEE_PURSE", purse.number.clone()),
            ("LMI_PAYMENT_AMOUNT", amount::to_text(request.amount)),
            ("LMI_PAYMENT_NO", request.reference.clone()),
            ("LMI_PAYMENT_DESC_BASE64", STANDARD.encode(&request.description)),
            ("LMI_RESULT_URL", request.notification_url.clone()),
        ];
        if let Some(back) = &request.return_url {
            fields.extend([("LMI_SUCCESS_URL", back.clone()), ("LMI_FAIL_URL", back.clone())]);
        }
        if self.reader.is_sandbox {
            // Each test payment succeeds.
            fields.push(("LMI_SIM_MODE", "0".to_owned()));
        }
        let fields = fields.into_iter().map(|(name, value)| FormField { name: name.to_owned(), value });
        Ok(OpenedPayment {
            provider_reference: None,
            next_action: Some(NextAction::Form {
                url: format!("{}/lmi/payment_utf.asp", self.pay_at),
                fields: fields.collect(),
            }),
            expires_at: Some(self.clock.now() + TIME_TO_PAY),
            facts: vec![Fact::PaymentPending { reference: request.reference.clone() }],
        })
    }

    async fn query_payment(&self, payment: &PaymentQuery) -> Result<Vec<Fact>, ProviderError> {
        let reference = payment.reference.clone();
        Ok(vec![match self.standing(payment).await? {
            TransactionStanding::Paid(transaction) => {
                notification::captured(reference, transaction, payment.amount, None)
            }
            TransactionStanding::NotPaid if payment.has_expired => Fact::PaymentExpired { reference },
            TransactionStanding::NotPaid => Fact::PaymentPending { reference },
            TransactionStanding::Rejected => {
                Fact::PaymentFailed { reference, reason: "the payer refused it at WebMoney".to_owned() }
            }
        }])
    }

    async fn cancel_payment(&self, payment: &PaymentQuery) -> Result<Vec<Fact>, ProviderError> {
        // WebMoney can't be told to close it. But it asks us before it takes the money, and then we say no.
        let reference = payment.reference.clone();
        match self.standing(payment).await? {
            TransactionStanding::Paid(transaction) => {
                Ok(vec![notification::captured(reference, transaction, payment.amount, None)])
            }
            TransactionStanding::NotPaid | TransactionStanding::Rejected => {
                Ok(vec![Fact::PaymentCancelled { reference }])
            }
        }
    }

    async fn refund(&self, request: &RefundRequest) -> Result<Vec<Fact>, ProviderError> {
        let transaction = self.transaction(&request.payment).await?;
        let (purse, amount) = (self.purse(request.amount.currency)?, request.amount);
        let age = request.asked_before.map(|at| self.clock.now() - at);
        let (was_asked, others) = (age.is_some(), request.others.as_slice());
        let asked = RefundSearch { purse, transaction: &transaction, amount, others, was_asked };
        let failed = |reason: String| {
            Ok(vec![Fact::RefundFailed {
                reference: request.reference.clone(),
                provider_reference: None,
                movement: None,
                reason,
            }])
        };
        let found = match self.transfers.find_return(asked).await {
            // Whatever was sent, this was not: a person has to look.
            Err(ProviderError::Refused(reason)) => return failed(reason),
            Err(error) if age.is_some_and(|age| age > GIVES_UP_AFTER) => {
                return failed(format!("{error}, for days now: look for it in Keeper before it is paid again"));
            }
            found => found?,
        };
        match found {
            Some(id) => Ok(refunded(&request.reference, id, request.amount)),
            None if age.is_some_and(|age| age < IS_LISTED_AFTER) => Err(ProviderError::Unknown(
                "it was asked for a moment ago, and the history may not have it yet".to_owned(),
            )),
            None => match self.transfers.give_back(asked).await {
                Ok(id) => Ok(refunded(&request.reference, id, request.amount)),
                Err(ProviderError::Refused(reason)) if was_asked => failed(reason),
                Err(error) => Err(error),
            },
        }
    }

    async fn query_refund(&self, refund: &RefundQuery) -> Result<Vec<Fact>, ProviderError> {
        let transaction = self.transaction(&refund.payment).await?;
        let (purse, amount) = (self.purse(refund.amount.currency)?, refund.amount);
        let asked = RefundSearch { purse, transaction: &transaction, amount, others: &refund.others, was_asked: true };
        match self.transfers.find_return(asked).await? {
            Some(id) => Ok(refunded(&refund.reference, id, refund.amount)),
            None => Err(ProviderError::NotKnown("WebMoney lists no such return".to_owned())),
        }
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

    fn verify(&self, request: &WebhookRequest<'_>, _wall_now: Time) -> Result<Incoming, VerifyError> {
        // The time that is signed is that of the transfer, and how long WebMoney repeats itself is not documented: an old
        // notification is as good as a new one, and changes nothing the second time.
        self.reader.verify(request.body)
    }

    fn interpret(&self, body: &[u8]) -> Result<Vec<Fact>, Uninterpretable> {
        self.reader.facts(body).map_err(Uninterpretable)
    }

    fn acknowledgement(&self) -> Acknowledgement {
        notification::YES
    }
}

#[cfg(test)]
mod tests;

//! dLocal's documents, read: payments, refunds, errors; in answers and notifications alike.
//!
//! Amounts are JSON numbers in major units, read digit by digit.

use entity::Money;
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use crate::fact::Fact;
use crate::interface::ProviderError;
use crate::wire::amount::Number;
use crate::wire::{LONGEST_ID, call, checked, words};

/// What every status comes with. The code is text in some documents and a number in others.
struct Stands {
    status: String,
    status_code: Option<Value>,
    status_detail: Option<String>,
}

impl Stands {
    /// Money is moved only where the word and the code say so both.
    fn is_done(&self) -> Result<(), String> {
        match &self.status_code {
            Some(Value::String(code)) if code == "200" => Ok(()),
            Some(Value::Number(code)) if code.as_u64() == Some(200) => Ok(()),
            code => Err(format!("{} with the code {code:?}", self.status)),
        }
    }

    fn reason(&self) -> String {
        words(self.status_detail.as_deref().unwrap_or("dLocal gave no reason"))
    }
}

/// `serde(flatten)` would lose the digits of the amount.
#[derive(Debug, Deserialize)]
pub(super) struct DlocalPayment {
    id: String,
    order_id: String,
    amount: Number,
    currency: String,
    status: String,
    status_code: Option<Value>,
    status_detail: Option<String>,
    redirect_url: Option<String>,
}

/// What `GET /orders/{order_id}` finds.
#[derive(Debug, Deserialize)]
pub(super) struct DlocalOrder {
    pub(super) order_id: String,
    pub(super) payment_id: String,
}

fn usable(id: &str, field: &str) -> Result<String, String> {
    checked(id, LONGEST_ID).ok_or_else(|| format!("it has no usable {field}"))
}

impl DlocalPayment {
    pub(super) fn id(&self) -> Result<String, ProviderError> {
        usable(&self.id, "id").map_err(ProviderError::Unknown)
    }

    /// An answer must be about what we asked; any other leaves it unknown.
    pub(super) fn check(&self, reference: &str, asked: Money) -> Result<(), ProviderError> {
        call::same("order_id", self.order_id.as_str(), reference)?;
        call::same("amount", self.amount.exact(&self.currency).map_err(ProviderError::Unknown)?, asked)
    }

    /// A payment is paid once, and its id stands for that.
    pub(super) fn fact(&self) -> Result<Fact, String> {
        let (reference, id) = (usable(&self.order_id, "order_id")?, usable(&self.id, "id")?);
        let stands = self.stands();
        Ok(match self.status.as_str() {
            // An authorisation may come to nothing.
            "PENDING" | "AUTHORIZED" | "VERIFIED" => Fact::PaymentPending { reference },
            "PAID" => {
                stands.is_done()?;
                Fact::PaymentCaptured {
                    references: vec![reference],
                    provider_reference: Some(id.clone()),
                    movement: id,
                    amount: self.amount.exact(&self.currency)?,
                    remitter: None,
                }
            }
            "REJECTED" => Fact::PaymentFailed { reference, reason: stands.reason() },
            "CANCELLED" => Fact::PaymentCancelled { reference },
            "EXPIRED" => Fact::PaymentExpired { reference },
            status => return Err(format!("a payment whose status is {status:?}")),
        })
    }

    fn stands(&self) -> Stands {
        let (status_code, status_detail) = (self.status_code.clone(), self.status_detail.clone());
        Stands { status: self.status.clone(), status_code, status_detail }
    }

    pub(super) fn is_pending(&self) -> bool {
        self.status == "PENDING"
    }

    pub(super) fn page(&self) -> Result<String, ProviderError> {
        let is_web = |url: &&String| {
            reqwest::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        };
        let url = self.redirect_url.as_ref().filter(is_web);
        url.cloned().ok_or_else(|| ProviderError::Unknown("a payment without a page to pay on".to_owned()))
    }
}

/// A refund. Its notifications don't say our id of it, as far as they are documented; answers may.
#[derive(Debug, Deserialize)]
pub(super) struct DlocalRefund {
    id: String,
    pub(super) order_refund_id: Option<String>,
    payment_id: String,
    amount: Number,
    currency: String,
    status: String,
    status_code: Option<Value>,
    status_detail: Option<String>,
}

impl DlocalRefund {
    /// An answer must be about what we asked; any other leaves it unknown.
    pub(super) fn check(&self, reference: &str, payment: &str, asked: Money) -> Result<(), ProviderError> {
        if let Some(message) = &self.order_refund_id {
            call::same("order_refund_id", message.as_str(), reference)?;
        }
        call::same("payment_id", self.payment_id.as_str(), payment)?;
        call::same("amount", self.amount.exact(&self.currency).map_err(ProviderError::Unknown)?, asked)
    }

    pub(super) fn check_id(&self, id: &str) -> Result<(), ProviderError> {
        call::same("id", self.id.as_str(), id)
    }

    pub(super) fn fact(&self, reference: &str) -> Result<Fact, String> {
        let id = usable(&self.id, "id")?;
        // A chargeback looks like a refund, but for this.
        if !id.starts_with("REF") {
            return Err(format!("{id} is no refund"));
        }
        let reference = usable(reference, "order_refund_id")?;
        let (status_code, status_detail) = (self.status_code.clone(), self.status_detail.clone());
        let stands = Stands { status: self.status.clone(), status_code, status_detail };
        let provider_reference = Some(id.clone());
        Ok(match self.status.as_str() {
            "PENDING" => Fact::RefundPending { reference, provider_reference },
            "SUCCESS" => {
                stands.is_done()?;
                let amount = self.amount.exact(&self.currency)?;
                Fact::RefundSucceeded { reference, provider_reference, movement: id, amount }
            }
            "REJECTED" | "CANCELLED" => {
                Fact::RefundFailed { reference, provider_reference, movement: Some(id), reason: stands.reason() }
            }
            status => return Err(format!("a refund whose status is {status:?}")),
        })
    }
}

/// What a notification is about: only refunds and chargebacks name the payment they are of.
#[derive(Debug, Deserialize)]
struct DlocalNotification {
    id: String,
    payment_id: Option<String>,
    status: String,
}

/// dLocal gives its notifications no id: what they are about, and how that stands.
pub(super) fn event_id(body: &[u8]) -> Option<String> {
    let notification: DlocalNotification = serde_json::from_slice(body).ok()?;
    checked(&format!("{}:{}", notification.id, notification.status), LONGEST_ID)
}

pub(super) fn notification(body: &[u8]) -> Result<Fact, String> {
    let not_ours = |error: serde_json::Error| format!("not a notification of dLocal: {error}");
    let notification: DlocalNotification = serde_json::from_slice(body).map_err(not_ours)?;
    if notification.payment_id.is_none() {
        return serde_json::from_slice::<DlocalPayment>(body).map_err(not_ours)?.fact();
    }
    let refund: DlocalRefund = serde_json::from_slice(body).map_err(not_ours)?;
    match &refund.order_refund_id {
        Some(ours) => refund.fact(ours),
        // Which of ours it is, only asking by dLocal's id of it can tell.
        None => refund.fact(&refund.id).map(|_understood| Fact::RefundHint { reference: refund.id.clone() }),
    }
}

#[derive(Debug, Deserialize)]
struct DlocalFailure {
    code: u32,
    message: String,
    param: Option<String>,
}

/// What an answer that is no success says. 5000 is also what a wrong signature gets, and 5001 a missing header.
pub(super) fn error_of(status: StatusCode, body: &[u8]) -> ProviderError {
    if call::says_nothing(status) {
        return call::bare(status);
    }
    let Ok(failure) = serde_json::from_slice::<DlocalFailure>(body) else { return call::bare(status) };
    let param = failure.param.unwrap_or_default();
    let message = words(format!("{}: {} {param}", failure.code, failure.message).trim_end());
    match failure.code {
        4000 | 4001 => ProviderError::NotKnown(message),
        5001 if param.to_ascii_lowercase().starts_with("x-") => ProviderError::Unknown(message),
        // The acquirer could not: perhaps the next time.
        5021 => ProviderError::Unknown(message),
        5001..=5999 => ProviderError::Refused(message),
        _key_or_trouble => ProviderError::Unknown(message),
    }
}

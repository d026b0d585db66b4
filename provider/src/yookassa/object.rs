//! YooKassa's payments and refunds, as its API answers them, and what they mean in our words.
//!
//! A movement is called by the id of the payment or refund, each of which moves money once.

use std::collections::BTreeMap;

use entity::Money;
use serde::Deserialize;

use crate::fact::Fact;
use crate::interface::ProviderError;
use crate::wire::{amount, words};

/// YooKassa's have 36 characters. Also of an id that nobody has signed and that becomes part of a path.
pub(super) fn checked(id: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    ((1..=64).contains(&id.len()) && id.bytes().all(plain)).then(|| id.to_owned())
}

/// What we wrote on an object, and YooKassa gives back with it.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct YookassaMetadata(Option<BTreeMap<String, String>>);

impl YookassaMetadata {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.as_ref()?.get(name).map(String::as_str)
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Amount {
    value: String,
    currency: String,
}

impl Amount {
    pub(super) fn exact(&self) -> Result<Money, ProviderError> {
        let exact = amount::from_text(&self.value, &self.currency);
        exact.map_err(|error| ProviderError::Unknown(format!("an amount that can't be read: {error}")))
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct YookassaPayment {
    pub(super) id: String,
    pub(super) status: String,
    #[serde(default)]
    paid: bool,
    pub(super) amount: Amount,
    pub(super) recipient: Recipient,
    /// Whether it is of a test shop, where no money moves.
    pub(super) test: bool,
    #[serde(default)]
    pub(super) metadata: YookassaMetadata,
    confirmation: Option<Confirmation>,
    cancellation_details: Option<Cancellation>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Recipient {
    /// The shop's number.
    pub(super) account_id: String,
}

#[derive(Debug, Deserialize)]
struct Confirmation {
    confirmation_url: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Cancellation {
    reason: String,
}

impl YookassaPayment {
    /// Where the buyer pays.
    pub(super) fn page(&self) -> Option<&str> {
        let url = self.confirmation.as_ref()?.confirmation_url.as_deref()?;
        url.starts_with("https://").then_some(url)
    }

    /// Of a payment that was found to be the one that we asked about, by its reference and amount.
    pub(super) fn fact(&self, reference: &str, amount: Money) -> Result<Fact, ProviderError> {
        let reference = reference.to_owned();
        match self.status.as_str() {
            "pending" | "waiting_for_capture" => Ok(Fact::PaymentPending { reference }),
            "succeeded" if self.paid => Ok(Fact::PaymentCaptured {
                references: vec![reference],
                provider_reference: Some(self.id.clone()),
                movement: self.id.clone(),
                amount,
                remitter: None,
            }),
            "canceled" => Ok(self.not_paid(reference)),
            status => Err(ProviderError::Unknown(format!("a payment that is {status:?}, paid: {}", self.paid))),
        }
    }

    fn not_paid(&self, reference: String) -> Fact {
        match self.cancellation_details.as_ref().map(|details| details.reason.as_str()) {
            Some("expired_on_confirmation") => Fact::PaymentExpired { reference },
            Some("canceled_by_merchant") => Fact::PaymentCancelled { reference },
            reason => Fact::PaymentFailed { reference, reason: why(reason) },
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct YookassaRefund {
    pub(super) id: String,
    pub(super) status: String,
    pub(super) amount: Amount,
    pub(super) payment_id: String,
    #[serde(default)]
    pub(super) metadata: YookassaMetadata,
    cancellation_details: Option<Cancellation>,
}

impl YookassaRefund {
    /// Of a refund that was found to be the one that we asked about. One that is cancelled has never left.
    pub(super) fn fact(&self, reference: &str, amount: Money) -> Result<Fact, ProviderError> {
        let (reference, provider_reference) = (reference.to_owned(), Some(self.id.clone()));
        match self.status.as_str() {
            "pending" => Ok(Fact::RefundPending { reference, provider_reference }),
            "succeeded" => {
                Ok(Fact::RefundSucceeded { reference, provider_reference, movement: self.id.clone(), amount })
            }
            "canceled" => {
                let reason = self.cancellation_details.as_ref().map(|details| details.reason.as_str());
                Ok(Fact::RefundFailed { reference, provider_reference, movement: None, reason: why(reason) })
            }
            status => Err(ProviderError::Unknown(format!("a refund that is {status:?}"))),
        }
    }
}

/// `cancellation_details.reason` for a person to read. Source: yookassa.ru, "declined payments" and "refunds".
fn why(reason: Option<&str>) -> String {
    match reason {
        None => "YooKassa gave no reason".to_owned(),
        Some("3d_secure_failed") => "the bank's confirmation (3-D Secure) failed".to_owned(),
        Some("call_issuer" | "general_decline") => "it was declined without a reason".to_owned(),
        Some("card_expired") => "the card has expired".to_owned(),
        Some("country_forbidden") => "cards of this country are not taken".to_owned(),
        Some("fraud_suspected") => "YooKassa suspected fraud".to_owned(),
        Some("identification_required") => "the wallet is not identified, and its limit is too low".to_owned(),
        Some("insufficient_funds") => "there was not enough money".to_owned(),
        Some("internal_timeout") => "YooKassa took too long".to_owned(),
        Some("issuer_unavailable") => "the bank could not be reached".to_owned(),
        Some("payment_method_limit_exceeded") => "a limit of the wallet or card was exceeded".to_owned(),
        Some("rejected_by_payee") => "the bank or wallet did not take it".to_owned(),
        Some("yoo_money_account_closed") => "the wallet is closed".to_owned(),
        Some(other) => words(&other.replace('_', " ")),
    }
}

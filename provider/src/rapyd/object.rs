//! Rapyd's payment object, as answers and notifications carry it, and the one that we ask for.
//!
//! Names lie: `PAYMENT_SUCCEEDED` means that a code was issued. `original_amount` is what was asked for; `amount` is what was
//! paid, and 0 before. Source: docs.rapyd.net, "Payment Object" and "Cash Payment Message Sequences".

use std::collections::BTreeMap;

use chrono::DateTime;
use entity::payment::NextAction;
use entity::{Money, Time};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::fact::Fact;
use crate::interface::ProviderError;
use crate::wire::amount::Number;
use crate::wire::{LONGEST_ID, call, checked, words};

/// "Ecuador Western Union Cash Payments".
pub(super) const METHOD: &str = "ec_westernunion_cash";

#[derive(Debug, Serialize)]
pub(super) struct NewRapydPayment<'a> {
    pub(super) amount: Box<RawValue>,
    pub(super) currency: &'a str,
    pub(super) merchant_reference_id: &'a str,
    pub(super) description: &'a str,
    /// Unix seconds.
    pub(super) expiration: i64,
    pub(super) customer: Customer<'a>,
    pub(super) payment_method: Method<'a>,
}

#[derive(Debug, Serialize)]
pub(super) struct Customer<'a> {
    pub(super) name: &'a str,
    pub(super) email: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct Method<'a> {
    pub(super) r#type: &'static str,
    pub(super) fields: BTreeMap<&'a str, &'a str>,
}

/// Without zeros at the end: Rapyd signs the number as it would write it itself, and `12.50` is `12.5` to it.
pub(super) fn number(money: Money) -> Option<Box<RawValue>> {
    RawValue::from_string(money.decimal().normalize().to_string()).ok()
}

#[derive(Debug, Deserialize)]
pub(super) struct RapydPayment {
    id: String,
    status: String,
    merchant_reference_id: Option<String>,
    payment_method_type: Option<String>,
    currency_code: String,
    original_amount: Number,
    amount: Number,
    /// Unix seconds.
    expiration: Option<i64>,
    textual_codes: Option<BTreeMap<String, Value>>,
    redirect_url: Option<String>,
    failure_message: Option<String>,
    failure_code: Option<String>,
    error_code: Option<String>,
}

impl RapydPayment {
    pub(super) fn id(&self) -> Result<String, String> {
        checked(&self.id, LONGEST_ID).ok_or_else(|| "it has no usable id".to_owned())
    }

    /// Ours.
    fn reference(&self) -> Result<String, String> {
        let reference = self.merchant_reference_id.as_deref().and_then(|id| checked(id, LONGEST_ID));
        reference.ok_or_else(|| "it has no usable merchant_reference_id".to_owned())
    }

    fn is_by_our_method(&self) -> Result<(), String> {
        match self.payment_method_type.as_deref() {
            Some(METHOD) => Ok(()),
            other => Err(format!("its payment_method_type is {other:?}, ours is {METHOD}")),
        }
    }

    /// An answer must be about what we asked.
    pub(super) fn must_be(&self, reference: &str, asked: Money) -> Result<(), ProviderError> {
        self.is_by_our_method().map_err(ProviderError::Unknown)?;
        call::same("merchant_reference_id", self.reference().map_err(ProviderError::Unknown)?.as_str(), reference)?;
        let answered = self.original_amount.exact(&self.currency_code).map_err(ProviderError::Unknown)?;
        call::same("original_amount", answered, asked)
    }

    /// What an answer says of it.
    pub(super) fn facts(&self) -> Result<Vec<Fact>, String> {
        let reference = self.reference()?;
        Ok(vec![match self.status.as_str() {
            "ACT" | "NEW" => Fact::PaymentPending { reference },
            "CLO" => self.captured()?,
            "CAN" => Fact::PaymentCancelled { reference },
            "EXP" => Fact::PaymentExpired { reference },
            // A cash payment that nobody paid in time ends so, too, but without a reason.
            "ERR" => match self.failure() {
                Some(reason) => Fact::PaymentFailed { reference, reason },
                None => Fact::PaymentExpired { reference },
            },
            // Among them REV: Rapyd has reversed it, which is for a person to look at.
            other => return Err(format!("the status {other:?} of a payment is unknown")),
        }])
    }

    fn captured(&self) -> Result<Fact, String> {
        let id = self.id()?;
        Ok(Fact::PaymentCaptured {
            references: vec![self.reference()?],
            provider_reference: Some(id.clone()),
            movement: id,
            amount: self.amount.exact(&self.currency_code)?,
            remitter: None,
        })
    }

    fn failure(&self) -> Option<String> {
        let given = [&self.failure_message, &self.failure_code, &self.error_code];
        given.into_iter().flatten().find(|text| !text.is_empty()).map(|text| words(text))
    }

    /// What a notification of this type says of it.
    pub(super) fn notification(&self, kind: &str) -> Result<Vec<Fact>, String> {
        self.is_by_our_method()?;
        let reference = self.reference()?;
        match (kind, self.status.as_str()) {
            ("PAYMENT_SUCCEEDED", "ACT" | "NEW") => Ok(vec![Fact::PaymentPending { reference }]),
            // Its own PAYMENT_COMPLETED says that it was paid.
            ("PAYMENT_SUCCEEDED", "CLO") => Ok(Vec::new()),
            ("PAYMENT_COMPLETED", "CLO") => Ok(vec![self.captured()?]),
            // Rapyd forgets after 24 hours that it was asked: there may be two codes of one payment of ours, and the one that
            // was never shown ends alone. How the shown one stands is what counts.
            ("PAYMENT_EXPIRED" | "PAYMENT_FAILED" | "PAYMENT_CANCELED" | "PAYMENT_UPDATED", _status) => {
                Ok(vec![Fact::PaymentHint { references: vec![reference], provider_reference: Some(self.id()?) }])
            }
            (kind, status) => Err(format!("a {kind:?} of a payment with status {status:?} is unknown")),
        }
    }

    /// The code to pay with, while it can be paid.
    pub(super) fn voucher(&self) -> Result<Option<NextAction>, ProviderError> {
        if !matches!(self.status.as_str(), "ACT" | "NEW") {
            return Ok(None);
        }
        let code =
            self.code().ok_or_else(|| ProviderError::Unknown("a payment without a code to pay with".to_owned()))?;
        let url = self.redirect_url.clone().filter(|url| url.starts_with("https://"));
        Ok(Some(NextAction::Voucher { code, url }))
    }

    /// `pay_code`, or the only one that there is.
    fn code(&self) -> Option<String> {
        let codes = self.textual_codes.as_ref()?;
        let only = || codes.values().next().filter(|_first| codes.len() == 1);
        let code = codes.get("pay_code").or_else(only)?.as_str()?;
        checked(code.trim(), LONGEST_ID)
    }

    pub(super) fn expires_at(&self) -> Option<Time> {
        DateTime::from_timestamp(self.expiration.filter(|seconds| *seconds > 0)?, 0)
    }
}

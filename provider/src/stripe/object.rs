//! Stripe's objects, read, and what they mean in our words: the same whether they are answers or parts of events.
//!
//! A movement is called by what every way of hearing of it knows: a capture by its PaymentIntent (which is captured once), a
//! refund by our own reference, what a dispute takes and gives back by the dispute.

use std::collections::BTreeMap;

use entity::Money;
use serde::Deserialize;

use super::amount::from_wire;
use super::api::Listed;
use crate::fact::Fact;
use crate::wire::{captured_once, checked_id};

/// What we wrote on an object.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct StripeMetadata(Option<BTreeMap<String, String>>);

impl StripeMetadata {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.as_ref()?.get(name).map(String::as_str)
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Intent {
    pub(super) id: String,
    pub(super) amount: i64,
    amount_received: Option<i64>,
    pub(super) currency: String,
    pub(super) status: String,
    pub(super) livemode: Option<bool>,
    #[serde(default)]
    pub(super) metadata: StripeMetadata,
    pub(super) client_secret: Option<String>,
    last_payment_error: Option<PaymentError>,
    cancellation_reason: Option<String>,
}

#[derive(Debug, Deserialize)]
struct PaymentError {
    code: Option<String>,
    decline_code: Option<String>,
    message: Option<String>,
}

impl PaymentError {
    fn in_words(&self) -> String {
        let code = self.decline_code.as_deref().or(self.code.as_deref()).map(|code| code.replace('_', " "));
        match (self.message.as_deref(), code) {
            (Some(message), Some(code)) => format!("{message} ({code})"),
            (Some(words), None) => words.to_owned(),
            (None, Some(words)) => words,
            (None, None) => "the card was declined".to_owned(),
        }
    }
}

impl Intent {
    /// Ours, or Stripe's id if somebody took ours off.
    pub(super) fn reference(&self) -> Result<String, String> {
        checked_id(self.metadata.get("payment_id").unwrap_or(&self.id))
    }

    /// Only `succeeded` is money. What was declined can still be paid: the buyer's page may try another card.
    pub(super) fn facts(&self) -> Result<Vec<Fact>, String> {
        let reference = self.reference()?;
        let fact = match self.status.as_str() {
            "succeeded" => {
                let received = self.amount_received.ok_or("a payment that succeeded without amount_received")?;
                captured_once(reference, checked_id(&self.id)?, from_wire(received, &self.currency)?)
            }
            "canceled" => match self.cancellation_reason.as_deref() {
                Some("automatic" | "expired") => Fact::PaymentExpired { reference },
                Some(_) | None => Fact::PaymentCancelled { reference },
            },
            "requires_payment_method" => match &self.last_payment_error {
                Some(error) => Fact::PaymentFailed { reference, reason: error.in_words() },
                None => Fact::PaymentPending { reference },
            },
            "requires_confirmation" | "requires_action" | "requires_capture" | "processing" => {
                Fact::PaymentPending { reference }
            }
            status => return Err(format!("a payment whose status is {status:?}")),
        };
        Ok(vec![fact])
    }
}

impl Listed for Intent {
    fn id(&self) -> &str {
        &self.id
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct StripeRefund {
    pub(super) id: String,
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) payment_intent: Option<String>,
    pub(super) status: Option<String>,
    #[serde(default)]
    pub(super) metadata: StripeMetadata,
    failure_reason: Option<String>,
}

impl StripeRefund {
    pub(super) fn money(&self) -> Result<Money, String> {
        from_wire(self.amount, &self.currency)
    }

    /// Ours: the rail books what it can only work out from a sum under it, too.
    pub(super) fn reference(&self) -> Result<String, String> {
        refund_name(&self.metadata, &self.id)
    }

    pub(super) fn facts(&self) -> Result<Vec<Fact>, String> {
        let (reference, provider_reference) = (self.reference()?, Some(checked_id(&self.id)?));
        let amount = self.money()?;
        let fact = match self.status.as_deref() {
            Some("pending" | "requires_action") => Fact::RefundPending { reference, provider_reference },
            Some("succeeded") => {
                Fact::RefundSucceeded { movement: reference.clone(), reference, provider_reference, amount }
            }
            Some(status @ ("failed" | "canceled")) => {
                let reason = self.failure_reason.as_deref().unwrap_or(status);
                let movement = Some(returned(&checked_id(&self.id)?));
                Fact::RefundFailed { reference, provider_reference, movement, reason: why_failed(reason) }
            }
            other => return Err(format!("a refund whose status is {other:?}")),
        };
        Ok(vec![fact])
    }
}

impl Listed for StripeRefund {
    fn id(&self) -> &str {
        &self.id
    }
}

/// A refund's name, also where only its line on a statement is known.
pub(super) fn refund_name(metadata: &StripeMetadata, id: &str) -> Result<String, String> {
    checked_id(metadata.get("refund_id").unwrap_or(id))
}

/// The money of a refund that came back.
pub(super) fn returned(refund: &str) -> String {
    format!("{refund}:failed")
}

fn why_failed(reason: &str) -> String {
    match reason {
        "lost_or_stolen_card" => "the card was reported lost or stolen".to_owned(),
        "expired_or_canceled_card" => "the card has expired or was cancelled".to_owned(),
        "charge_for_pending_refund_disputed" => {
            "the buyer disputed the payment while the refund was pending".to_owned()
        }
        "insufficient_funds" => "our balance at Stripe was too small".to_owned(),
        "declined" => "the buyer's bank declined it".to_owned(),
        "merchant_request" => "it was cancelled at our request".to_owned(),
        "canceled" => "it was cancelled at Stripe".to_owned(),
        "unknown" | "failed" => "Stripe gave no reason".to_owned(),
        other => other.replace('_', " "),
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Charge {
    amount_refunded: i64,
    currency: String,
    payment_intent: Option<String>,
    #[serde(default)]
    metadata: StripeMetadata,
}

impl Charge {
    /// `charge.refunded` says the sum only.
    pub(super) fn refunded(&self) -> Result<Fact, String> {
        let payment = self.metadata.get("payment_id").or(self.payment_intent.as_deref());
        let payment = checked_id(payment.ok_or("a charge without a PaymentIntent")?)?;
        Ok(Fact::RefundedInAll { payment, refund: None, total: from_wire(self.amount_refunded, &self.currency)? })
    }
}

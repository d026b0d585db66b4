//! Events: their signature, and what they say.
//!
//! `Stripe-Signature: t=<seconds>,v1=<hex>[,v1=…][,v0=…]` is over `<t>.<raw body>`, HMAC-SHA256 with the whole text of the
//! endpoint's secret, `whsec_` included, for a key. Stripe's own libraries take times in the future; we don't.

use entity::Time;
use http::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::dispute::{Dispute, DisputeEvent};
use super::object::{Charge, Intent, StripeRefund};
use crate::fact::Fact;
use crate::webhook::{Verified, VerifyError};
use crate::wire::{checked_id, header, hmac};

const HEADER: &str = "stripe-signature";

/// Stripe sends one per secret while an endpoint's secret is rotated.
const MOST_SIGNATURES: usize = 8;

pub(super) fn verify(
    secrets: &[SecretString],
    headers: &HeaderMap,
    body: &[u8],
    wall_now: Time,
) -> Result<Verified, VerifyError> {
    let (timestamp, signatures) = signed(header::the_only(headers, HEADER)?)?;
    header::fresh(header::seconds(timestamp)?, wall_now)?;
    let expected = secrets
        .iter()
        .map(|secret| hmac::sha256(secret.expose_secret().trim().as_bytes(), &[timestamp.as_bytes(), b".", body]));
    if !hmac::any_equal(&expected.collect::<Vec<_>>(), &signatures) {
        return Err(VerifyError("no signature matches"));
    }
    let not_one = |_source| VerifyError("signed, but not an event");
    let mut event: Value = serde_json::from_slice(body).map_err(not_one)?;
    let event_id = event.get("id").and_then(Value::as_str).and_then(|id| checked_id(id).ok());
    let event_id = event_id.ok_or(VerifyError("signed, but an event without an id"))?;
    if let Some(event) = event.as_object_mut() {
        // Of the attempt, and of who caused it: not of what happened.
        event.remove("pending_webhooks");
        event.remove("request");
    }
    Ok(Verified { event_id, content: event.to_string().into_bytes() })
}

/// The time, and the signatures of the one scheme that counts.
fn signed(header: &str) -> Result<(&str, Vec<Vec<u8>>), VerifyError> {
    let (mut timestamp, mut signatures) = (None, Vec::new());
    for part in header.split(',') {
        match part.trim().split_once('=') {
            Some(("t", _another)) if timestamp.is_some() => {
                return Err(VerifyError("there is more than one timestamp"));
            }
            Some(("t", value)) => timestamp = Some(value),
            Some(("v1", value)) if signatures.len() < MOST_SIGNATURES => signatures.extend(hex::decode(value).ok()),
            // v0 is of test events only, and weak; whatever comes after v1 is not ours to guess.
            Some(_) | None => {}
        }
    }
    Ok((timestamp.ok_or(VerifyError("there is no timestamp"))?, signatures))
}

#[derive(Deserialize)]
struct Event {
    object: String,
    #[serde(rename = "type")]
    kind: String,
    livemode: bool,
    /// Of a connected account: we have none.
    account: Option<String>,
    data: EventData,
}

#[derive(Deserialize)]
struct EventData {
    object: Value,
}

/// Genuine, but of nothing that is booked: what moves our money has an event of its own.
const NO_MONEY: [&str; 12] = [
    "balance.available",
    "charge.captured",
    "charge.expired",
    "charge.failed",
    "charge.pending",
    "charge.succeeded",
    "charge.updated",
    "customer_cash_balance_transaction.created",
    "payout.created",
    "payout.failed",
    "payout.paid",
    "payout.updated",
];

pub(super) fn interpret(body: &[u8], live: bool) -> Result<Vec<Fact>, String> {
    let event: Event = serde_json::from_slice(body).map_err(|error| format!("not an event of Stripe's: {error}"))?;
    if event.object != "event" {
        return Err(format!("an object of the kind {:?}, not an event", event.object));
    }
    if event.livemode != live {
        return Err(format!("livemode is {}, and our key's is {live}", event.livemode));
    }
    if event.account.is_some() {
        return Err("an event of another account, which is connected to ours".to_owned());
    }
    let kind = event.kind.as_str();
    match kind {
        "payment_intent.succeeded" => intent(event.data, kind, Some("succeeded")),
        "payment_intent.payment_failed" => intent(event.data, kind, Some("requires_payment_method")),
        "payment_intent.canceled" => intent(event.data, kind, Some("canceled")),
        "payment_intent.created"
        | "payment_intent.processing"
        | "payment_intent.requires_action"
        | "payment_intent.amount_capturable_updated"
        | "payment_intent.partially_funded" => {
            let intent: Intent = object(event.data, kind, "payment_intent")?;
            Ok(vec![Fact::PaymentPending { reference: intent.reference()? }])
        }
        "refund.created" | "refund.updated" | "charge.refund.updated" => {
            object::<StripeRefund>(event.data, kind, "refund")?.facts()
        }
        "refund.failed" => {
            let refund: StripeRefund = object(event.data, kind, "refund")?;
            if refund.status.as_deref() != Some("failed") {
                return Err(format!("{kind} of a refund that is {:?}", refund.status));
            }
            refund.facts()
        }
        "charge.refunded" => Ok(vec![object::<Charge>(event.data, kind, "charge")?.refunded()?]),
        "charge.dispute.created" | "charge.dispute.updated" | "charge.dispute.closed" => {
            object::<Dispute>(event.data, kind, "dispute")?.facts(DisputeEvent::Dispute)
        }
        "charge.dispute.funds_withdrawn" => {
            object::<Dispute>(event.data, kind, "dispute")?.facts(DisputeEvent::Withdrawn)
        }
        "charge.dispute.funds_reinstated" => {
            object::<Dispute>(event.data, kind, "dispute")?.facts(DisputeEvent::Reinstated)
        }
        known if NO_MONEY.contains(&known) => Ok(Vec::new()),
        unknown => Err(format!("the type {unknown:?} is unknown")),
    }
}

/// An event of this type is about an object of that kind.
fn object<T: DeserializeOwned>(data: EventData, kind: &str, wanted: &str) -> Result<T, String> {
    let is = data.object.get("object").and_then(Value::as_str).unwrap_or_default();
    if is != wanted {
        return Err(format!("{kind} about an object of the kind {is:?}"));
    }
    serde_json::from_value(data.object).map_err(|error| format!("{kind} about a {wanted} that can't be read: {error}"))
}

fn intent(data: EventData, kind: &str, status: Option<&str>) -> Result<Vec<Fact>, String> {
    let intent: Intent = object(data, kind, "payment_intent")?;
    if status != Some(intent.status.as_str()) {
        return Err(format!("{kind} of a payment that is {:?}", intent.status));
    }
    let facts = intent.facts()?;
    // A declined attempt may not say why.
    Ok(match (kind, facts.as_slice()) {
        ("payment_intent.payment_failed", [Fact::PaymentPending { reference }]) => {
            vec![Fact::PaymentFailed { reference: reference.clone(), reason: "the card was declined".to_owned() }]
        }
        _as_it_stands => facts,
    })
}

#[cfg(test)]
mod tests;

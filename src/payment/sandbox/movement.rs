//! What the simulated bank writes, read: the movement of its answers and notifications, and what it means in our words.
//!
//! Amounts are exact decimal strings; a JSON number is refused, because its digits may have been rounded on the way.

use entity::Money;
use serde::Deserialize;

use crate::payment::Fact;

/// Ours have 34 bytes, the bank's are as short. Longer ones don't fit into an index.
const LONGEST_ID: usize = 200;

/// The document of the bank's answers and notifications.
#[derive(Debug, Deserialize)]
pub(super) struct Movement {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) reference: String,
    pub(super) status: String,
    pub(super) amount: WireAmount,
    pub(super) reason: Option<String>,
    /// In the answers about a payment.
    pub(super) checkout_url: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct WireAmount {
    amount: String,
    currency: String,
}

/// What a movement means in our words; an error says what in it is unknown.
pub(super) fn facts(movement: &Movement) -> Result<Vec<Fact>, String> {
    let WireAmount { amount, currency } = &movement.amount;
    let amount = Money::exact(amount, currency).map_err(|error| error.to_string())?;
    let reference = movement.reference.clone();
    let id = movement.id.clone();
    if [&id, &reference]
        .iter()
        .any(|text| !(1..=LONGEST_ID).contains(&text.len()) || text.chars().any(char::is_control))
    {
        return Err("a movement whose id or reference is empty, too long, or not one line".to_owned());
    }
    let reason = || movement.reason.clone().unwrap_or_else(|| "the bank gave no reason".to_owned());
    let fact = match (movement.kind.as_str(), movement.status.as_str()) {
        ("PAYMENT", "OPEN" | "SETTLING") => Fact::PaymentPending { reference },
        ("PAYMENT", "SUCCEEDED") => {
            Fact::PaymentCaptured { reference, provider_reference: id.clone(), movement: id, amount }
        }
        ("PAYMENT", "DECLINED") => Fact::PaymentFailed { reference, reason: reason() },
        ("PAYMENT", "CANCELLED") => Fact::PaymentCancelled { reference },
        ("REFUND", "OPEN" | "SETTLING") => Fact::RefundPending { reference, provider_reference: id },
        ("REFUND", "SUCCEEDED") => {
            Fact::RefundSucceeded { reference, provider_reference: id.clone(), movement: id, amount }
        }
        ("REFUND", "DECLINED" | "CANCELLED") => Fact::RefundFailed { reference, movement: Some(id), reason: reason() },
        ("PAYOUT", "OPEN" | "SETTLING") => Fact::PayoutPending { reference, provider_reference: id },
        ("PAYOUT", "SUCCEEDED") => Fact::PayoutPaid { reference, provider_reference: id.clone(), movement: id, amount },
        ("PAYOUT", "DECLINED" | "CANCELLED") => Fact::PayoutFailed { reference, reason: reason() },
        (kind, status) => return Err(format!("a movement of kind {kind:?} and status {status:?} is unknown")),
    };
    Ok(vec![fact])
}

#[derive(Deserialize)]
struct Notification {
    #[serde(rename = "type")]
    event_type: String,
    livemode: bool,
    movement: Movement,
}

pub(super) fn notified(body: &[u8]) -> Result<Vec<Fact>, String> {
    let notification: Notification =
        serde_json::from_slice(body).map_err(|error| format!("not a notification of the sandbox's bank: {error}"))?;
    if notification.livemode {
        return Err("livemode is true, but the sandbox has no real money".to_owned());
    }
    let (event_type, movement) = (&notification.event_type, &notification.movement);
    let known = match event_type.as_str() {
        "payment.succeeded" => Some(("PAYMENT", "SUCCEEDED")),
        "payment.declined" => Some(("PAYMENT", "DECLINED")),
        "payment.cancelled" => Some(("PAYMENT", "CANCELLED")),
        "refund.succeeded" => Some(("REFUND", "SUCCEEDED")),
        "refund.declined" => Some(("REFUND", "DECLINED")),
        "payout.succeeded" => Some(("PAYOUT", "SUCCEEDED")),
        "payout.declined" => Some(("PAYOUT", "DECLINED")),
        _unknown => None,
    };
    let Some(wanted) = known else {
        return Err(format!("the type {event_type:?} is unknown"));
    };
    if wanted != (movement.kind.as_str(), movement.status.as_str()) {
        return Err(format!("{event_type} about a {} that is {}", movement.kind, movement.status));
    }
    facts(movement)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn movement(kind: &str, status: &str) -> Value {
        json!({ "id": "sandbox_1", "kind": kind, "reference": "payment_1", "status": status,
                "amount": { "amount": "64.00", "currency": "USD" }, "reason": null })
    }

    fn read(movement: Value) -> Result<Fact, String> {
        let parsed: Movement = serde_json::from_value(movement).map_err(|error| error.to_string())?;
        facts(&parsed).map(|mut facts| facts.remove(0))
    }

    fn notification(event_type: &str, movement: &Value) -> Value {
        json!({ "type": event_type, "created_at": "2026-11-22T12:00:00Z", "livemode": false, "movement": movement })
    }

    fn interpreted(notification: &Value) -> Result<Vec<Fact>, String> {
        notified(notification.to_string().as_bytes())
    }

    #[test]
    fn only_succeeded_means_money() {
        let (reference, id) = ("payment_1".to_owned(), "sandbox_1".to_owned());
        for status in ["OPEN", "SETTLING"] {
            assert_eq!(
                read(movement("PAYMENT", status)),
                Ok(Fact::PaymentPending { reference: reference.clone() }),
                "{status}"
            );
        }
        let captured = Fact::PaymentCaptured {
            reference,
            provider_reference: id.clone(),
            movement: id,
            amount: Money::new(entity::MinorUnits(6_400), entity::Currency::USD),
        };
        assert_eq!(read(movement("PAYMENT", "SUCCEEDED")), Ok(captured));
        assert!(matches!(read(movement("PAYMENT", "DECLINED")), Ok(Fact::PaymentFailed { .. })));
        assert!(matches!(read(movement("PAYMENT", "CANCELLED")), Ok(Fact::PaymentCancelled { .. })));
        assert!(matches!(read(movement("REFUND", "SETTLING")), Ok(Fact::RefundPending { .. })));
        assert!(matches!(read(movement("REFUND", "SUCCEEDED")), Ok(Fact::RefundSucceeded { .. })));
        assert!(matches!(read(movement("REFUND", "DECLINED")), Ok(Fact::RefundFailed { .. })));
        assert!(matches!(read(movement("PAYOUT", "SETTLING")), Ok(Fact::PayoutPending { .. })));
        assert!(matches!(read(movement("PAYOUT", "SUCCEEDED")), Ok(Fact::PayoutPaid { .. })));
        assert!(matches!(read(movement("PAYOUT", "DECLINED")), Ok(Fact::PayoutFailed { .. })));
        for (kind, status) in [("PAYMENT", "AUTHORISED"), ("CHARGEBACK", "OPEN"), ("payment", "SUCCEEDED"), ("", "")] {
            assert!(read(movement(kind, status)).is_err(), "{kind} {status}");
        }
    }

    #[test]
    fn an_amount_that_is_not_exact_is_refused() {
        for amount in ["64", "64.0", "0.01"] {
            let mut document = movement("PAYMENT", "SUCCEEDED");
            document["amount"]["amount"] = amount.into();
            assert!(read(document).is_ok(), "{amount}");
        }
        let refused = [
            json!(64.0),
            json!(64),
            json!("64.001"),
            json!("-64"),
            json!("0"),
            json!(""),
            json!("6e1"),
            json!("6_4"),
            json!("1,000"),
        ];
        for amount in refused {
            let mut document = movement("PAYMENT", "SUCCEEDED");
            document["amount"]["amount"] = amount.clone();
            assert!(read(document).is_err(), "{amount}");
        }
        let mut document = movement("PAYMENT", "SUCCEEDED");
        document["amount"]["currency"] = "XXX".into();
        assert!(read(document).is_err());
    }

    #[test]
    fn a_notification_that_is_not_understood_says_why() {
        let paid = movement("PAYMENT", "SUCCEEDED");
        assert!(interpreted(&notification("payment.succeeded", &paid)).is_ok());
        let mut live = notification("payment.succeeded", &paid);
        live["livemode"] = true.into();
        assert_eq!(interpreted(&live), Err("livemode is true, but the sandbox has no real money".to_owned()));
        let mut silent = notification("payment.succeeded", &paid);
        silent.as_object_mut().expect("an object").remove("livemode");
        assert!(interpreted(&silent).is_err());
        assert!(interpreted(&notification("payment.settled", &paid)).expect_err("unknown").contains("payment.settled"));
        assert!(interpreted(&notification("refund.succeeded", &paid)).is_err());
        assert!(interpreted(&notification("payment.succeeded", &movement("PAYMENT", "OPEN"))).is_err());
        assert!(notified(b"").is_err());
    }
}

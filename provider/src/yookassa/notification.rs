//! Notifications: nobody signs them. Who sent one is known by its address only, so nothing in it is believed: it says what to
//! ask about, and the answer is booked.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::object::{YookassaMetadata, checked};
use crate::fact::Fact;
use crate::webhook::{Verified, VerifyError, WebhookRequest};

/// `77.75.156.11`, `185.71.76.0/27`, `2a02:5180:0:1509::/64`.
pub(super) fn network(text: &str) -> Option<IpNet> {
    let text = text.trim();
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// The same again is what is the same byte by byte. The same event with anything changed in it is asked about again, which
/// books nothing twice; and a forged one doesn't stand in the way of the real one.
pub(super) fn verify(addresses: &[IpNet], request: &WebhookRequest<'_>) -> Result<Verified, VerifyError> {
    let client = request.client.to_canonical();
    if !addresses.iter().any(|network| network.contains(&client)) {
        return Err(VerifyError("it was not sent from an address of YooKassa's (YOOKASSA_ADDRESSES)"));
    }
    let digest = hex::encode(Sha256::digest(request.body));
    let event_id = match serde_json::from_slice::<YookassaNotification>(request.body) {
        Ok(notification) if notification.event.len() <= 64 && checked(&notification.object.id).is_some() => {
            format!("{}:{}:{}", clean(&notification.event), notification.object.id, &digest[..16])
        }
        Ok(_) | Err(_) => digest,
    };
    Ok(Verified { event_id, content: request.body.to_vec() })
}

fn clean(event: &str) -> String {
    event.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).collect()
}

#[derive(Deserialize)]
struct YookassaNotification {
    #[serde(rename = "type")]
    kind: String,
    event: String,
    object: Object,
}

#[derive(Deserialize)]
struct Object {
    id: String,
    #[serde(default)]
    metadata: YookassaMetadata,
}

pub(super) fn interpret(body: &[u8]) -> Result<Vec<Fact>, String> {
    let notification: YookassaNotification = serde_json::from_slice(body).map_err(|error| {
        format!("not a notification of YooKassa's: line {}, column {}", error.line(), error.column())
    })?;
    if notification.kind != "notification" {
        return Err(format!("of the type {:?}, not a notification", notification.kind));
    }
    let id = checked(&notification.object.id).ok_or("about an object whose id is not one of YooKassa's")?;
    let hint = match notification.event.as_str() {
        "payment.succeeded" | "payment.canceled" | "payment.waiting_for_capture" => Fact::PaymentHint {
            references: notification.object.metadata.get("payment_id").map(str::to_owned).into_iter().collect(),
            provider_reference: Some(id),
        },
        // No notification tells of a refund that was cancelled; it is asked about.
        "refund.succeeded" => {
            let reference = notification.object.metadata.get("refund_id").map_or(id, str::to_owned);
            Fact::RefundHint { reference }
        }
        other => return Err(format!("the event {other:?} is not one of a payment or refund of ours")),
    };
    Ok(vec![hint])
}

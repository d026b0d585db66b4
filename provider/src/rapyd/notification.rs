//! Rapyd's notifications, read.

use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::object::RapydPayment;
use crate::fact::Fact;
use crate::webhook::Verified;
use crate::wire::{LONGEST_ID, checked};

#[derive(Deserialize)]
struct Envelope {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    data: Box<RawValue>,
}

/// Sent again it is the same, but for its own `status` (`NEW`, then `RET`) and times. What has no id is told apart by its bytes.
pub(super) fn verified(body: &[u8]) -> Verified {
    let named = serde_json::from_slice::<Envelope>(body).ok();
    let named = named.and_then(|envelope| checked(&envelope.id, LONGEST_ID).map(|id| (id, envelope)));
    match named {
        Some((event_id, envelope)) => {
            let content = [envelope.kind.as_bytes(), b"\n", envelope.data.get().as_bytes()].concat();
            Verified { event_id, content }
        }
        None => Verified { event_id: format!("sha256:{}", hex::encode(Sha256::digest(body))), content: body.to_vec() },
    }
}

pub(super) fn facts(body: &[u8]) -> Result<Vec<Fact>, String> {
    let unreadable = |what: &str, error: serde_json::Error| format!("not {what} of Rapyd: {error}");
    let envelope: Envelope = serde_json::from_slice(body).map_err(|error| unreadable("a notification", error))?;
    if !envelope.kind.starts_with("PAYMENT_") {
        return Err(format!("the type {:?} is unknown", envelope.kind));
    }
    let payment: RapydPayment =
        serde_json::from_str(envelope.data.get()).map_err(|error| unreadable("a payment", error))?;
    payment.notification(&envelope.kind)
}

//! The bank's notifications: what they say, and how they are sent.
//!
//! The text is fixed in the transaction that made it necessary; it is signed afresh at each attempt, in wall time, because a
//! signature is good for five minutes only. Its id stays the same, so that the receiver knows a repetition.

use std::sync::OnceLock;

use chrono::SecondsFormat;
use entity::Money;
use entity::sandbox_movement::{Model, MovementKind, MovementStatus};
use serde::Serialize;
use serde_json::json;

use crate::app::App;
use crate::client;
use crate::error::{Error, Result};
use crate::job::Job;
use crate::signature::{self, ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER};

/// A movement as the bank's answers and notifications show it.
#[derive(Serialize)]
pub(super) struct Document<'a> {
    id: String,
    kind: MovementKind,
    reference: &'a str,
    status: MovementStatus,
    amount: Money,
    /// Why it was declined or cancelled.
    reason: Option<&'static str>,
    /// The page that the buyer is sent to; payments only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) checkout_url: Option<String>,
}

impl<'a> Document<'a> {
    pub(super) fn of(movement: &'a Model) -> Self {
        Self {
            id: movement.id.to_string(),
            kind: movement.kind,
            reference: &movement.reference,
            status: movement.status,
            amount: Money::new(movement.amount, movement.currency),
            reason: reason(movement.kind, movement.status),
            checkout_url: None,
        }
    }
}

pub(super) fn reason(kind: MovementKind, status: MovementStatus) -> Option<&'static str> {
    match (kind, status) {
        (MovementKind::Payment, MovementStatus::Declined) => Some("declined on the simulated bank's page"),
        (MovementKind::Refund | MovementKind::Payout, MovementStatus::Declined) => {
            Some("declined by the simulated bank, because the amount's minor units end in 13")
        }
        (MovementKind::Payment | MovementKind::Refund | MovementKind::Payout, MovementStatus::Cancelled) => {
            Some("withdrawn before it was paid")
        }
        (
            MovementKind::Payment | MovementKind::Refund | MovementKind::Payout,
            MovementStatus::Open | MovementStatus::Settling | MovementStatus::Succeeded,
        ) => None,
    }
}

/// `payment.succeeded` and the like; None if nobody is told of it.
fn event_type(kind: MovementKind, status: MovementStatus) -> Option<&'static str> {
    match (kind, status) {
        (MovementKind::Payment, MovementStatus::Succeeded) => Some("payment.succeeded"),
        (MovementKind::Payment, MovementStatus::Declined) => Some("payment.declined"),
        (MovementKind::Payment, MovementStatus::Cancelled) => Some("payment.cancelled"),
        (MovementKind::Refund, MovementStatus::Succeeded) => Some("refund.succeeded"),
        (MovementKind::Refund, MovementStatus::Declined) => Some("refund.declined"),
        (MovementKind::Payout, MovementStatus::Succeeded) => Some("payout.succeeded"),
        (MovementKind::Payout, MovementStatus::Declined) => Some("payout.declined"),
        // Refunds and payouts are never cancelled at this bank.
        (MovementKind::Refund | MovementKind::Payout, MovementStatus::Cancelled)
        | (
            MovementKind::Payment | MovementKind::Refund | MovementKind::Payout,
            MovementStatus::Open | MovementStatus::Settling,
        ) => None,
    }
}

/// The notification about how a movement stands now, as a job.
pub(super) fn job_about(app: &App, movement: &Model) -> Result<Option<Job>> {
    let Some(event_type) = event_type(movement.kind, movement.status) else { return Ok(None) };
    let movement_document =
        serde_json::to_value(Document::of(movement)).map_err(|error| Error::internal(error.to_string()))?;
    let body = json!({
        "type": event_type,
        "created_at": app.clock.wall().to_rfc3339_opts(SecondsFormat::Millis, true),
        "livemode": false,
        "movement": movement_document,
    });
    Ok(Some(Job::SandboxNotify {
        event_id: format!("msg_{}", app.clock.new_id().simple()),
        url: movement.notification_url.clone(),
        body: body.to_string(),
    }))
}

/// The job: posts one notification. Anything but a 2xx is an error, so that the job is tried again.
pub async fn notify(app: &App, event_id: &str, url: &str, body: &str) -> Result<()> {
    let secret = app.settings.sandbox_webhook_secret.first();
    let secret = secret.ok_or_else(|| Error::internal("SANDBOX_WEBHOOK_SECRET is empty"))?;
    let timestamp = app.clock.wall().timestamp();
    let signature = signature::sign(secret, event_id, timestamp, body.as_bytes())
        .map_err(|error| Error::internal(format!("SANDBOX_WEBHOOK_SECRET: {error}")))?;
    let response = http_client()?
        .post(url)
        .header("content-type", "application/json")
        .header(ID_HEADER, event_id)
        .header(TIMESTAMP_HEADER, timestamp)
        .header(SIGNATURE_HEADER, signature)
        .body(body.to_owned())
        .send()
        .await
        .map_err(|error| Error::internal(format!("notification {event_id} got no answer: {error}")))?;
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    Err(Error::internal(format!("notification {event_id} was answered {}", status.as_u16())))
}

/// One for the whole process, because building one reads the machine's certificates.
fn http_client() -> Result<&'static reqwest::Client> {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    if let Some(client) = CLIENT.get() {
        return Ok(client);
    }
    let client =
        client::build_shared().map_err(|error| Error::internal(format!("no HTTP client could be built: {error}")))?;
    Ok(CLIENT.get_or_init(|| client))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use entity::{Currency, MinorUnits, SandboxMovementId};

    use super::*;

    #[test]
    fn a_document_shows_exact_digits_and_no_address_of_ours() {
        let movement = Model {
            id: SandboxMovementId(uuid::Uuid::from_u128(7)),
            kind: MovementKind::Refund,
            reference: "refund_1".to_owned(),
            status: MovementStatus::Declined,
            amount: MinorUnits(6_413),
            currency: Currency::USD,
            original_id: None,
            description: "kept to itself".to_owned(),
            notification_url: "http://127.0.0.1:1/".to_owned(),
            return_url: None,
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
        };
        let wanted = json!({
            "id": "sandbox_00000000000000000000000007", "kind": "REFUND", "reference": "refund_1", "status": "DECLINED",
            "amount": { "amount": "64.13", "currency": "USD" },
            "reason": "declined by the simulated bank, because the amount's minor units end in 13",
        });
        assert_eq!(serde_json::to_value(Document::of(&movement)).expect("serialises"), wanted);
    }
}

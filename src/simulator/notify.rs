//! The bank's notifications: what they say, and how they are sent.
//!
//! The text is fixed in the transaction that made it necessary; it is signed afresh at each attempt, in wall time, because a
//! signature is good for five minutes only. Its id stays the same, so that the receiver knows a repetition.

use std::sync::OnceLock;

use chrono::SecondsFormat;
use entity::Money;
use entity::sandbox_movement::{Model, MovementKind, MovementStatus};
use sea_orm::ActiveEnum;
use serde::Serialize;
use serde_json::json;

use super::method_kind::{Account, MethodKind, Voucher};
use crate::app::App;
use crate::error::{Error, Result};
use crate::job::Job;
use ground::client;
use ground::signature::{self, ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER};

/// A movement as the bank's answers and notifications show it.
#[derive(Serialize)]
pub(super) struct Document<'a> {
    id: String,
    kind: MovementKind,
    /// The caller's; of what came for a payment or is taken back of it, the payment's.
    reference: &'a str,
    status: String,
    amount: Money,
    /// Why it was declined, cancelled or taken back.
    reason: Option<&'a str>,
    /// The bank's id of the payment that it came for or is taken back of.
    #[serde(skip_serializing_if = "Option::is_none")]
    original: Option<String>,
    /// Chargebacks only: whether the bank has taken the money at any time.
    #[serde(skip_serializing_if = "Option::is_none")]
    debited: Option<bool>,
    /// Of what could not be matched: who sent it, and what they wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    remitter: Option<Remitter<'a>>,
    /// Where the money is to be sent; transfers that are waited for, in answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    transfer_to: Option<Account>,
    /// What to pay with at the counter; vouchers only, in answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    voucher: Option<Voucher>,
    /// What came besides; payments only, in answers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) transfers: Vec<Transfer>,
    /// The page that the buyer is sent to; payments only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) checkout_url: Option<String>,
}

/// As banks tell it.
#[derive(Serialize)]
struct Remitter<'a> {
    name: &'static str,
    account: &'static str,
    text: &'a str,
}

#[derive(Serialize)]
pub(super) struct Transfer {
    id: String,
    amount: Money,
}

impl Transfer {
    pub(super) fn of(movement: &Model) -> Self {
        Self { id: movement.id.to_string(), amount: Money::new(movement.amount, movement.currency) }
    }
}

impl<'a> Document<'a> {
    /// What the caller asked for: a payment, a refund or a payout.
    pub(super) fn of(movement: &'a Model) -> Self {
        Self::about(movement, None)
    }

    /// What the caller is answered about a payment.
    pub(super) fn of_payment(payment: &'a Model, transfers: &[Model], checkout_url: String) -> Self {
        Self {
            transfer_to: (MethodKind::of(payment) == MethodKind::Transfer).then(|| Account::of(payment)),
            voucher: Voucher::of(payment),
            transfers: transfers.iter().map(Transfer::of).collect(),
            checkout_url: Some(checkout_url),
            ..Self::of(payment)
        }
    }

    /// `payment`: what it came for or is taken back of.
    pub(super) fn about(movement: &'a Model, payment: Option<&'a Model>) -> Self {
        let is_chargeback = movement.kind == MovementKind::Chargeback;
        Self {
            id: movement.id.to_string(),
            // To the caller it is money of a payment, as any other.
            kind: if movement.kind == MovementKind::Transfer { MovementKind::Payment } else { movement.kind },
            reference: &payment.unwrap_or(movement).reference,
            status: if is_chargeback && movement.status == MovementStatus::Open {
                "OPENED".to_owned()
            } else {
                movement.status.to_value()
            },
            amount: Money::new(movement.amount, movement.currency),
            reason: movement.reason.as_deref().or(usual_reason(movement.kind, movement.status)),
            original: payment.map(|payment| payment.id.to_string()),
            debited: is_chargeback.then_some(movement.debited),
            remitter: (movement.kind == MovementKind::Unmatched).then(|| Remitter {
                name: "Demo Buyer",
                account: "GB82WEST12345698765432",
                text: &movement.description,
            }),
            transfer_to: None,
            voucher: None,
            transfers: Vec::new(),
            checkout_url: None,
        }
    }
}

fn usual_reason(kind: MovementKind, status: MovementStatus) -> Option<&'static str> {
    match status {
        MovementStatus::Declined => match kind {
            MovementKind::Payment => Some("declined on the simulated bank's page"),
            MovementKind::Refund | MovementKind::Payout => {
                Some("declined by the simulated bank, because the amount's minor units end in 13")
            }
            MovementKind::Transfer | MovementKind::Unmatched | MovementKind::Chargeback | MovementKind::Reversal => {
                None
            }
        },
        MovementStatus::Cancelled => Some("withdrawn before it was paid"),
        MovementStatus::Expired => Some("not paid in time"),
        MovementStatus::Open
        | MovementStatus::Settling
        | MovementStatus::Succeeded
        | MovementStatus::Debited
        | MovementStatus::Won
        | MovementStatus::Lost => None,
    }
}

/// `payment.succeeded` and the like; None if nobody is told of it.
pub(super) fn event_type(kind: MovementKind, status: MovementStatus) -> Option<&'static str> {
    match (status, kind) {
        (MovementStatus::Succeeded, MovementKind::Payment | MovementKind::Transfer) => Some("payment.succeeded"),
        (MovementStatus::Succeeded, MovementKind::Unmatched) => Some("transfer.unmatched"),
        (MovementStatus::Succeeded, MovementKind::Reversal) => Some("payment.reversed"),
        (MovementStatus::Succeeded, MovementKind::Refund) => Some("refund.succeeded"),
        (MovementStatus::Succeeded, MovementKind::Payout) => Some("payout.succeeded"),
        (MovementStatus::Declined, MovementKind::Payment) => Some("payment.declined"),
        (MovementStatus::Declined, MovementKind::Refund) => Some("refund.declined"),
        (MovementStatus::Declined, MovementKind::Payout) => Some("payout.declined"),
        (MovementStatus::Expired, MovementKind::Payment) => Some("payment.expired"),
        (MovementStatus::Cancelled, MovementKind::Payment) => Some("payment.cancelled"),
        (MovementStatus::Open, MovementKind::Chargeback) => Some("chargeback.opened"),
        (MovementStatus::Debited, MovementKind::Chargeback) => Some("chargeback.debited"),
        (MovementStatus::Won, MovementKind::Chargeback) => Some("chargeback.won"),
        (MovementStatus::Lost, MovementKind::Chargeback) => Some("chargeback.lost"),
        // On its way, or never so at this bank: refunds and payouts are not cancelled, only chargebacks are won.
        (
            MovementStatus::Open
            | MovementStatus::Settling
            | MovementStatus::Succeeded
            | MovementStatus::Declined
            | MovementStatus::Cancelled
            | MovementStatus::Expired
            | MovementStatus::Debited
            | MovementStatus::Won
            | MovementStatus::Lost,
            MovementKind::Payment
            | MovementKind::Refund
            | MovementKind::Payout
            | MovementKind::Transfer
            | MovementKind::Unmatched
            | MovementKind::Chargeback
            | MovementKind::Reversal,
        ) => None,
    }
}

/// A notification that is to be sent. Sent again, it has the same id and the same text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub id: String,
    /// `payment.succeeded` and the like.
    pub event_type: &'static str,
    pub body: String,
    url: String,
}

impl Notice {
    pub(super) fn job(&self) -> Job {
        Job::SandboxNotify { event_id: self.id.clone(), url: self.url.clone(), body: self.body.clone() }
    }
}

/// What is to be told of how a movement stands now; `payment`: what it came for or is taken back of.
pub(super) fn notice_about(app: &App, movement: &Model, payment: Option<&Model>) -> Result<Option<Notice>> {
    let Some(event_type) = event_type(movement.kind, movement.status) else { return Ok(None) };
    let document =
        serde_json::to_value(Document::about(movement, payment)).map_err(|error| Error::internal(error.to_string()))?;
    let body = json!({
        "type": event_type,
        "created_at": app.clock.wall().to_rfc3339_opts(SecondsFormat::Millis, true),
        "livemode": false,
        "movement": document,
    });
    Ok(Some(Notice {
        id: format!("msg_{}", app.clock.new_id().simple()),
        event_type,
        body: body.to_string(),
        url: movement.notification_url.clone(),
    }))
}

/// The job: posts one notification. Anything but a 2xx is an error, so that the job is tried again.
pub async fn notify(app: &App, event_id: &str, url: &str, body: &str) -> Result<()> {
    let secret = app.settings.providers.sandbox.webhook_secret.first();
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
            reason: None,
            debited: false,
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

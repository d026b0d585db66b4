//! Antom's notifications, read. Names lie: `PAYMENT_PENDING` with status `S` is not paid.

use entity::Money;
use serde::Deserialize;

use super::amount::AntomAmount;
use super::api::checked;
use crate::fact::{ChargebackStage, Fact};
use crate::wire::{captured_once, hash};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AntomNotification {
    notify_type: Option<String>,
    result: Option<Outcome>,
    payment_request_id: Option<String>,
    payment_id: Option<String>,
    payment_amount: Option<AntomAmount>,
    refund_request_id: Option<String>,
    refund_id: Option<String>,
    refund_status: Option<String>,
    refund_amount: Option<AntomAmount>,
    dispute_id: Option<String>,
    dispute_notification_type: Option<String>,
    dispute_type: Option<String>,
    dispute_amount: Option<AntomAmount>,
    dispute_judged_amount: Option<AntomAmount>,
    dispute_judged_result: Option<String>,
    dispute_reason_msg: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    result_code: String,
    result_status: String,
    result_message: Option<String>,
}

/// Antom gives its notifications no id: what they are about, and what it says of that. Whatever else it sends is told apart
/// by its bytes.
pub(super) fn event_id(body: &[u8]) -> String {
    named(body).unwrap_or_else(|| hash(body))
}

fn named(body: &[u8]) -> Option<String> {
    let notification: AntomNotification = serde_json::from_slice(body).ok()?;
    let id = |id: &Option<String>| id.as_deref().and_then(checked);
    if let Some(kind) = &notification.dispute_notification_type {
        return Some(format!("{}:{}", id(&notification.dispute_id)?, checked(kind)?));
    }
    let kind = checked(notification.notify_type.as_deref()?)?;
    if kind == "REFUND_RESULT" {
        return Some(format!("{}:{}", id(&notification.refund_id)?, id(&notification.refund_status)?));
    }
    let status = checked(&notification.result.as_ref()?.result_status)?;
    Some(format!("{}:{kind}:{status}", id(&notification.payment_id)?))
}

/// What became of a payment that failed.
pub(super) fn not_paid(reference: String, code: &str, message: Option<&str>) -> Fact {
    // Antom closes what nobody paid in time.
    if code == "ORDER_IS_CLOSED" {
        return Fact::PaymentExpired { reference };
    }
    Fact::PaymentFailed { reference, reason: in_words(code, message) }
}

fn in_words(code: &str, message: Option<&str>) -> String {
    format!("{} ({code})", message.unwrap_or("no reason was given"))
}

pub(super) fn facts(body: &[u8]) -> Result<Vec<Fact>, String> {
    let notification: AntomNotification =
        serde_json::from_slice(body).map_err(|error| format!("not a notification of Antom: {error}"))?;
    match (notification.notify_type.as_deref(), notification.dispute_notification_type.as_deref()) {
        (None, Some(kind)) => dispute(&notification, kind),
        (Some("PAYMENT_RESULT"), None) => payment(&notification),
        (Some("PAYMENT_PENDING"), None) => {
            Ok(vec![Fact::PaymentPending { reference: id(&notification.payment_request_id, "paymentRequestId")? }])
        }
        (Some("REFUND_RESULT"), None) => refund(&notification),
        // Payments are captured at once; `PAYMENT_RESULT` has said so.
        (Some("CAPTURE_RESULT"), None) => Ok(Vec::new()),
        (kind, dispute) => Err(format!("the type {kind:?} {dispute:?} is unknown")),
    }
}

fn payment(notification: &AntomNotification) -> Result<Vec<Fact>, String> {
    let reference = id(&notification.payment_request_id, "paymentRequestId")?;
    let outcome = notification.result.as_ref().ok_or("a PAYMENT_RESULT without its result")?;
    match (outcome.result_status.as_str(), outcome.result_code.as_str()) {
        ("S", "SUCCESS") => {
            let payment_id = id(&notification.payment_id, "paymentId")?;
            let amount = amount(notification.payment_amount.as_ref(), "paymentAmount")?;
            Ok(vec![captured_once(reference, payment_id, amount)])
        }
        ("F", code) => Ok(vec![not_paid(reference, code, outcome.result_message.as_deref())]),
        (status, code) => Err(format!("a PAYMENT_RESULT of status {status:?} and code {code:?} is unknown")),
    }
}

fn refund(notification: &AntomNotification) -> Result<Vec<Fact>, String> {
    let reference = id(&notification.refund_request_id, "refundRequestId")?;
    let refund_id = id(&notification.refund_id, "refundId")?;
    match notification.refund_status.as_deref() {
        Some("SUCCESS") => Ok(vec![Fact::RefundSucceeded {
            reference,
            provider_reference: Some(refund_id.clone()),
            movement: refund_id,
            amount: amount(notification.refund_amount.as_ref(), "refundAmount")?,
        }]),
        Some("FAIL") => {
            let outcome = notification.result.as_ref();
            let code = outcome.map_or("FAIL", |outcome| outcome.result_code.as_str());
            let reason = in_words(code, outcome.and_then(|outcome| outcome.result_message.as_deref()));
            Ok(vec![Fact::RefundFailed {
                reference,
                provider_reference: Some(refund_id.clone()),
                movement: Some(refund_id),
                reason,
            }])
        }
        other => Err(format!("a refundStatus that is unknown: {other:?}")),
    }
}

/// While a dispute is open Antom keeps the money; it takes it when the merchant accepts or loses.
fn dispute(notification: &AntomNotification, kind: &str) -> Result<Vec<Fact>, String> {
    let judged = notification.dispute_judged_result.as_deref();
    let (disputed, taken) = (notification.dispute_amount.as_ref(), notification.dispute_judged_amount.as_ref());
    match (kind, judged) {
        ("DISPUTE_CREATED", _) => {
            // A question of the buyer's bank, which has no judgement, may become a chargeback.
            let stage = match notification.dispute_type.as_deref() {
                Some("RETRIEVAL_REQUEST" | "COMPLIANCE_REQUEST") => ChargebackStage::Inquiry,
                Some(_) | None => ChargebackStage::Opened,
            };
            Ok(vec![chargeback(notification, disputed, stage)?])
        }
        ("DISPUTE_CANCELLED", _) | ("DISPUTE_JUDGED", Some("ACCEPT_BY_CUSTOMER")) => {
            Ok(vec![chargeback(notification, disputed, ChargebackStage::Won { movement: None })?])
        }
        ("DISPUTE_ACCEPTED", _) => lost(notification, disputed),
        ("DISPUTE_JUDGED", Some("ACCEPT_BY_MERCHANT")) => lost(notification, taken.or(disputed)),
        ("DEFENSE_SUPPLIED" | "DEFENSE_DUE_ALERT", _) => {
            Ok(vec![chargeback(notification, disputed, ChargebackStage::Inquiry)?])
        }
        // Among them RDR_RESOLVED, which is for cards, and the verdicts of compliance requests.
        (kind, judged) => {
            let what = format!("Antom notified {kind} with {judged:?}: its Dashboard says whether money moved");
            Ok(vec![chargeback(notification, disputed, ChargebackStage::Unclear { what })?])
        }
    }
}

fn lost(notification: &AntomNotification, amount: Option<&AntomAmount>) -> Result<Vec<Fact>, String> {
    let movement = id(&notification.dispute_id, "disputeId")?;
    Ok(vec![
        chargeback(notification, amount, ChargebackStage::Debited { movement })?,
        chargeback(notification, amount, ChargebackStage::Lost)?,
    ])
}

fn chargeback(
    notification: &AntomNotification,
    disputed: Option<&AntomAmount>,
    stage: ChargebackStage,
) -> Result<Fact, String> {
    let reference = id(&notification.payment_request_id, "paymentRequestId");
    Ok(Fact::Chargeback {
        reference: reference.or_else(|error| id(&notification.payment_id, "paymentId").map_err(|_none| error))?,
        chargeback: id(&notification.dispute_id, "disputeId")?,
        // It comes with the first stage, and with a judgement of a part.
        amount: disputed.map(AntomAmount::exact).transpose()?.filter(|amount| !amount.amount.is_zero()),
        stage,
        reason: notification.dispute_reason_msg.clone().unwrap_or_else(|| "Antom gave no reason".to_owned()),
    })
}

fn id(id: &Option<String>, field: &str) -> Result<String, String> {
    id.as_deref().and_then(checked).ok_or_else(|| format!("it has no usable {field}"))
}

fn amount(amount: Option<&AntomAmount>, field: &str) -> Result<Money, String> {
    amount.ok_or_else(|| format!("it has no {field}"))?.exact()
}

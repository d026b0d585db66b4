//! Adyen's standard webhooks: `{"live":"false","notificationItems":[{"NotificationRequestItem":{…}}]}`.
//!
//! Each item is signed by itself, over eight of its fields joined by colons, and nothing else of it is: reasons and
//! `additionalData` decide nothing, and a date only in which order things that are signed happened, and whether one is a
//! repetition. A value with a colon in it could be two, and is not believed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use entity::{Money, Time};
use serde::Deserialize;

use super::amount::AdyenAmount;
use crate::fact::{ChargebackStage, Fact};
use crate::standing::{Standing, StandingOf, Stands};
use crate::webhook::{Verified, VerifyError};
use crate::wire::{LONGEST_ID, captured_once, checked, hash, hmac, words};

/// What a notification must name to be about us.
#[derive(Debug)]
pub(super) struct AdyenAccount {
    pub(super) account: String,
    pub(super) live: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AdyenNotification {
    live: String,
    notification_items: Vec<Wrapper>,
}

#[derive(Deserialize)]
struct Wrapper {
    #[serde(rename = "NotificationRequestItem")]
    item: Item,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    psp_reference: String,
    original_reference: Option<String>,
    merchant_account_code: String,
    merchant_reference: Option<String>,
    amount: AdyenAmount,
    event_code: String,
    /// "true" or "false".
    success: String,
    reason: Option<String>,
    event_date: Option<String>,
    additional_data: Option<Additional>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Additional {
    hmac_signature: Option<String>,
}

impl Item {
    /// A colon in a value makes two readings of what was signed.
    fn is_plain(&self) -> bool {
        let fields =
            [&self.psp_reference, &self.merchant_account_code, &self.amount.currency, &self.event_code, &self.success];
        let optional = [&self.original_reference, &self.merchant_reference];
        fields.into_iter().chain(optional.into_iter().flatten()).all(|field| !field.contains(':'))
    }

    fn signed(&self) -> String {
        let value = self.amount.value.to_string();
        let fields = [
            self.psp_reference.as_str(),
            self.original_reference.as_deref().unwrap_or_default(),
            &self.merchant_account_code,
            self.merchant_reference.as_deref().unwrap_or_default(),
            &value,
            &self.amount.currency,
            &self.event_code,
            &self.success,
        ];
        fields.join(":")
    }

    /// Adyen has no id for a notification: what it is about, and what it says of that.
    ///
    /// A capture or a refund may succeed, fail and succeed again under one id: then only the date tells the second success
    /// from a repetition of the first.
    fn name(&self) -> String {
        let name = format!("{}:{}:{}", self.psp_reference, self.event_code, self.success);
        match self.date().filter(|_| SEVERAL_TIMES.contains(&self.event_code.as_str())) {
            Some(date) => format!("{name}:{}", date.timestamp_millis()),
            None => name,
        }
    }

    fn date(&self) -> Option<Time> {
        let date = self.event_date.as_deref()?;
        DateTime::parse_from_rfc3339(date).ok().map(|date| date.to_utc())
    }
}

fn read(body: &[u8]) -> Result<AdyenNotification, &'static str> {
    serde_json::from_slice(body).map_err(|_would_quote_it| "not a notification of Adyen's")
}

/// Every item, by any of the keys. There is no time in what is signed: what is sent again says nothing new.
pub(super) fn verify(keys: &[&[u8]], body: &[u8]) -> Result<Verified, VerifyError> {
    let notification = read(body).map_err(VerifyError)?;
    let items: Vec<&Item> = notification.notification_items.iter().map(|wrapper| &wrapper.item).collect();
    if items.is_empty() {
        return Err(VerifyError("a notification without an item"));
    }
    let mut content = Vec::new();
    for item in &items {
        let signed = item.signed();
        let given = item.additional_data.as_ref().and_then(|data| data.hmac_signature.as_deref());
        let given = given.ok_or(VerifyError("hmacSignature is missing"))?;
        let given = STANDARD.decode(given).map_err(|_source| VerifyError("hmacSignature is malformed"))?;
        let expected: Vec<_> = keys.iter().map(|key| hmac::sha256(key, &[signed.as_bytes()])).collect();
        if !hmac::any_equal(&expected, &[given]) {
            return Err(VerifyError("the signature does not match"));
        }
        content.push(signed);
    }
    let content = [&[notification.live], content.as_slice()].concat().join("\n").into_bytes();
    let named = match items.as_slice() {
        [item] => checked(&item.name(), LONGEST_ID),
        _several => None,
    };
    let event_id = named.unwrap_or_else(|| hash(&content));
    Ok(Verified { event_id, content })
}

pub(super) fn facts(body: &[u8], ours: &AdyenAccount) -> Result<Vec<Fact>, String> {
    let notification = read(body)?;
    if notification.live != ours.live.to_string() {
        return Err(format!("live is {:?}, and here it has to be {}", notification.live, ours.live));
    }
    let mut facts = Vec::new();
    for Wrapper { item } in &notification.notification_items {
        // One that can't be understood doesn't hold up the others.
        facts.extend(of_ours(item, ours).unwrap_or_else(|reason| vec![Fact::NotUnderstood(reason)]));
    }
    Ok(facts)
}

fn of_ours(item: &Item, ours: &AdyenAccount) -> Result<Vec<Fact>, String> {
    if !item.is_plain() {
        return Err("a signed value has a colon in it".to_owned());
    }
    if item.merchant_account_code != ours.account {
        return Err(format!("it is of another merchant account, {:?}", item.merchant_account_code));
    }
    facts_of(item)
}

/// Adyen captures and refunds again by itself what has failed for a technical reason; after ten days it wants to be asked.
const MENDED_WITHIN_DAYS: u32 = 10;

/// What may happen to one capture or refund more than once.
const SEVERAL_TIMES: [&str; 5] = ["CAPTURE", "CAPTURE_FAILED", "REFUND", "REFUND_FAILED", "REFUNDED_REVERSED"];

/// Genuine, but nothing that is booked: what moves money has an event of its own.
const NO_MONEY: [&str; 23] = [
    "AUTHENTICATION",
    "AUTHORISATION_ADJUSTMENT",
    "AUTORESCUE",
    "CANCELLATION",
    "CANCEL_AUTORESCUE",
    "DEACTIVATE_RECURRING",
    "DISABLE_RECURRING",
    "EXPIRE",
    "HANDLED_EXTERNALLY",
    "INFORMATION_SUPPLIED",
    "ISSUER_RESPONSE_TIMEFRAME_EXPIRED",
    "MANUAL_REVIEW_ACCEPT",
    "MANUAL_REVIEW_REJECT",
    "NOTIFICATION_OF_FRAUD",
    "OFFER_CLOSED",
    "ORDER_CLOSED",
    "ORDER_OPENED",
    "PENDING",
    "POSTPONED_REFUND",
    "RECURRING_CONTRACT",
    "REPORT_AVAILABLE",
    "TECHNICAL_CANCEL",
    "VOID_PENDING_REFUND",
];

fn facts_of(item: &Item) -> Result<Vec<Fact>, String> {
    let success = match item.success.as_str() {
        "true" => true,
        "false" => false,
        other => return Err(format!("success is {other:?}")),
    };
    Ok(vec![match (item.event_code.as_str(), success) {
        // Captured at once: `captureDelayHours` is 0, and a capture that fails all the same has an event of its own.
        ("AUTHORISATION", true) => {
            let (reference, provider_reference) = (ours(item)?, theirs(item)?);
            let captured = captured_once(reference.clone(), provider_reference.clone(), amount(item)?);
            // Until now it was called by its link.
            return Ok(vec![Fact::PaymentNamed { reference, provider_reference }, captured]);
        }
        // The buyer may try another card on the same page.
        ("AUTHORISATION", false) => Fact::PaymentFailed { reference: ours(item)?, reason: reason(item) },
        ("CAPTURE", true) => return captured_after_all(item),
        ("CAPTURE", false) => capture(item, Stands::Refused)?,
        ("CAPTURE_FAILED", _) => capture(item, Stands::Failed { mended_within_days: MENDED_WITHIN_DAYS })?,
        ("CANCELLATION", true) => capture(item, Stands::Withdrawn)?,
        ("REFUND", true) => refund(item, Stands::Good)?,
        ("REFUND", false) => refund(item, Stands::Refused)?,
        // The card's bank did not take it: after Adyen had sent it, whichever is told first.
        ("REFUND_FAILED" | "REFUNDED_REVERSED", _) => {
            refund(item, Stands::Failed { mended_within_days: MENDED_WITHIN_DAYS })?
        }
        // A question may become a chargeback; what its bank writes besides is a question, too.
        ("REQUEST_FOR_INFORMATION" | "ISSUER_COMMENTS", _) => chargeback(item, "", ChargebackStage::Inquiry)?,
        // The second one where the chargeback was the first that Adyen heard; it is reported by itself as well.
        ("NOTIFICATION_OF_CHARGEBACK" | "DISPUTE_OPENED_WITH_CHARGEBACK", _) => {
            chargeback(item, "", ChargebackStage::Opened)?
        }
        ("CHARGEBACK", _) => chargeback(item, "", ChargebackStage::Debited { movement: theirs(item)? })?,
        ("CHARGEBACK_REVERSED", _) => {
            let movement = Some(format!("{}:reversed", theirs(item)?));
            chargeback(item, "", ChargebackStage::Won { movement })?
        }
        ("DISPUTE_DEFENSE_PERIOD_ENDED", _) => chargeback(item, "", ChargebackStage::Lost)?,
        // The defence was declined, and the money is taken again: another chargeback to our books, and the last word.
        ("SECOND_CHARGEBACK", _) => {
            let movement = format!("{}:second", theirs(item)?);
            return Ok(vec![
                chargeback(item, ":second", ChargebackStage::Debited { movement })?,
                chargeback(item, ":second", ChargebackStage::Lost)?,
            ]);
        }
        // Whether money goes with them, only the Customer Area says.
        (code, _) if code.starts_with("PREARBITRATION") || code.starts_with("SCHEME_ARBITRATION") => {
            let what = format!("Adyen notified {code}: the Customer Area says whether money moved");
            chargeback(item, "", ChargebackStage::Unclear { what })?
        }
        (code, _) if NO_MONEY.contains(&code) => return Ok(Vec::new()),
        (code, _) => return Err(format!("the event {code:?} is unknown")),
    }])
}

/// Of a payment that is captured at once: it was booked when it was authorised, and this says nothing new unless its capture
/// had failed. But if we never heard of that, the money is here, too; under the name that it would have had.
fn captured_after_all(item: &Item) -> Result<Vec<Fact>, String> {
    let stands = capture(item, Stands::Good)?;
    let Some(original) = named(&item.original_reference) else { return Ok(vec![stands]) };
    let reference = ours(item)?;
    let named = Fact::PaymentNamed { reference: reference.clone(), provider_reference: original.clone() };
    // First how it stands: whatever had failed before is mended when the money is booked.
    Ok(vec![stands, named, captured_once(reference, original, amount(item)?)])
}

fn capture(item: &Item, stands: Stands) -> Result<Fact, String> {
    standing(item, StandingOf::Capture { payment: payment(item)? }, stands)
}

/// In Adyen's own samples `merchantReference` is the payment's, so its id of the refund counts first.
fn refund(item: &Item, stands: Stands) -> Result<Fact, String> {
    standing(item, StandingOf::Refund { reference: named(&item.merchant_reference) }, stands)
}

fn standing(item: &Item, of: StandingOf, stands: Stands) -> Result<Fact, String> {
    Ok(Fact::Standing(Standing {
        of,
        stands,
        id: theirs(item)?,
        original: named(&item.original_reference),
        amount: amount(item)?,
        stated_at: item.date(),
        reason: reason(item),
    }))
}

fn chargeback(item: &Item, suffix: &str, stage: ChargebackStage) -> Result<Fact, String> {
    Ok(Fact::Chargeback {
        reference: payment(item)?,
        chargeback: format!("{}{suffix}", theirs(item)?),
        amount: Some(amount(item)?).filter(|amount| !amount.amount.is_zero()),
        stage,
        reason: reason(item),
    })
}

fn amount(item: &Item) -> Result<Money, String> {
    item.amount.exact()
}

/// What we called it.
fn ours(item: &Item) -> Result<String, String> {
    named(&item.merchant_reference).ok_or_else(|| "it has no usable merchantReference".to_owned())
}

/// What Adyen calls it.
fn theirs(item: &Item) -> Result<String, String> {
    checked(&item.psp_reference, LONGEST_ID).ok_or_else(|| "it has no usable pspReference".to_owned())
}

/// The payment that it is about: what we called it, which is known before Adyen's own name for it is.
fn payment(item: &Item) -> Result<String, String> {
    let payment = named(&item.merchant_reference).or_else(|| named(&item.original_reference));
    payment.ok_or_else(|| "it names no payment".to_owned())
}

fn named(id: &Option<String>) -> Option<String> {
    id.as_deref().and_then(|id| checked(id, LONGEST_ID))
}

/// For a person to read: it is not signed.
fn reason(item: &Item) -> String {
    let reason = item.reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty());
    reason.map_or_else(|| "Adyen gave no reason".to_owned(), words)
}

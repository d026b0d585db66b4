//! What the simulated bank writes, read: the movement of its answers and notifications, and what it means in our words.
//!
//! Amounts are exact decimal strings; a JSON number is refused, because its digits may have been rounded on the way.

use entity::payment::NextAction;
use entity::{Money, Time};
use serde::Deserialize;

use crate::fact::{ChargebackStage, Fact};
use crate::remitter::Remitter;
use crate::wire::amount::from_text;
use crate::wire::checked_id;

/// Of what a remitter writes.
const LONGEST_LINE: usize = 200;

/// The document of the bank's answers and notifications.
#[derive(Debug, Deserialize)]
pub(super) struct Movement {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) reference: String,
    pub(super) status: String,
    pub(super) amount: SandboxAmount,
    pub(super) reason: Option<String>,
    /// The bank's id of the payment that money came for, or is taken back of, when that is a movement of its own.
    original: Option<String>,
    /// Of a chargeback: whether the bank has taken the money from us at any time.
    debited: Option<bool>,
    /// In the answers about a payment: money that came for it besides.
    #[serde(default)]
    transfers: Vec<WireTransfer>,
    /// In the answers about a payment.
    pub(super) checkout_url: Option<String>,
    /// In the answers about a payment that is made by sending money to an account …
    transfer_to: Option<SandboxAccount>,
    /// … or by paying at a counter.
    pub(super) voucher: Option<SandboxVoucher>,
    /// Of money that the bank can't match: who sent it, and what they wrote.
    remitter: Option<WireRemitter>,
}

#[derive(Clone, Debug, Deserialize)]
struct SandboxAccount {
    account_holder: String,
    iban: String,
    bic: String,
    reference: String,
    creditor_reference: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct SandboxVoucher {
    code: String,
    pub(super) expires_at: Time,
}

#[derive(Debug, Deserialize)]
struct WireRemitter {
    name: Option<String>,
    account: Option<String>,
    text: Option<String>,
}

impl WireRemitter {
    /// One line each, and short: money is not left unbooked for what somebody wrote.
    fn cleaned(&self) -> Remitter {
        let clean = |text: &Option<String>| {
            let line = text.as_ref()?.chars().filter(|sign| !sign.is_control()).take(LONGEST_LINE).collect::<String>();
            (!line.is_empty()).then_some(line)
        };
        Remitter { name: clean(&self.name), account: clean(&self.account), text: clean(&self.text) }
    }
}

/// What the buyer has to do about an open payment; the bank shows a page for each.
pub(super) fn next_action(movement: &Movement) -> Result<NextAction, String> {
    let url = movement.checkout_url.clone().ok_or("an open payment without a page")?;
    match (movement.transfer_to.clone(), movement.voucher.clone()) {
        (Some(SandboxAccount { account_holder, iban, bic, reference, creditor_reference }), None) => {
            Ok(NextAction::BankTransfer {
                account_holder,
                iban: Some(iban),
                country: None,
                bank_code: None,
                account_number: None,
                bic,
                reference,
                creditor_reference,
                url: Some(url),
            })
        }
        (None, Some(SandboxVoucher { code, .. })) => Ok(NextAction::Voucher { code, url: Some(url) }),
        (None, None) => Ok(NextAction::Redirect { url }),
        (Some(_), Some(_)) => Err("a payment both by transfer and by voucher".to_owned()),
    }
}

#[derive(Debug, Deserialize)]
struct WireTransfer {
    id: String,
    amount: SandboxAmount,
}

#[derive(Debug, Deserialize)]
pub(super) struct SandboxAmount {
    amount: String,
    currency: String,
}

impl SandboxAmount {
    fn exact(&self) -> Result<Money, String> {
        from_text(&self.amount, &self.currency)
    }
}

/// What a movement means in our words; an error says what in it is unknown. Money first: what a payment came to is told
/// after what arrived for it.
pub(super) fn facts(movement: &Movement) -> Result<Vec<Fact>, String> {
    if movement.kind != "PAYMENT" && !movement.transfers.is_empty() {
        return Err(format!("a movement of kind {:?} with transfers", movement.kind));
    }
    let mut facts = Vec::with_capacity(movement.transfers.len() + 1);
    for transfer in &movement.transfers {
        facts.push(Fact::PaymentCaptured {
            references: vec![checked_id(&movement.reference)?],
            provider_reference: Some(checked_id(&movement.id)?),
            movement: checked_id(&transfer.id)?,
            amount: transfer.amount.exact()?,
            remitter: None,
        });
    }
    facts.push(own_fact(movement)?);
    Ok(facts)
}

fn own_fact(movement: &Movement) -> Result<Fact, String> {
    let amount = movement.amount.exact()?;
    let (id, reference) = (checked_id(&movement.id)?, checked_id(&movement.reference)?);
    let reason = || movement.reason.clone().unwrap_or_else(|| "the bank gave no reason".to_owned());
    Ok(match (movement.kind.as_str(), movement.status.as_str()) {
        ("PAYMENT", "OPEN" | "SETTLING") => Fact::PaymentPending { reference },
        ("PAYMENT", "SUCCEEDED") => {
            let provider_reference = movement.original.as_deref().map_or_else(|| Ok(id.clone()), checked_id)?;
            let (references, provider_reference) = (vec![reference], Some(provider_reference));
            Fact::PaymentCaptured { references, provider_reference, movement: id, amount, remitter: None }
        }
        ("PAYMENT", "DECLINED") => Fact::PaymentFailed { reference, reason: reason() },
        ("PAYMENT", "EXPIRED") => Fact::PaymentExpired { reference },
        // Whatever was written there, the bank has looked for it already.
        ("UNMATCHED", "SUCCEEDED") => Fact::PaymentCaptured {
            references: Vec::new(),
            provider_reference: None,
            movement: id,
            amount,
            remitter: movement.remitter.as_ref().map(WireRemitter::cleaned),
        },
        ("PAYMENT", "CANCELLED") => Fact::PaymentCancelled { reference },
        ("REFUND", "OPEN" | "SETTLING") => Fact::RefundPending { reference, provider_reference: Some(id) },
        ("REFUND", "SUCCEEDED") => {
            Fact::RefundSucceeded { reference, provider_reference: Some(id.clone()), movement: id, amount }
        }
        ("REFUND", "DECLINED" | "CANCELLED") => {
            Fact::RefundFailed { reference, provider_reference: Some(id.clone()), movement: Some(id), reason: reason() }
        }
        ("PAYOUT", "OPEN" | "SETTLING") => Fact::PayoutPending { reference, provider_reference: Some(id) },
        ("PAYOUT", "SUCCEEDED") => {
            Fact::PayoutPaid { reference, provider_reference: Some(id.clone()), movement: id, amount }
        }
        ("PAYOUT", "DECLINED" | "CANCELLED") => Fact::PayoutFailed { reference, movement: Some(id), reason: reason() },
        ("REVERSAL", "SUCCEEDED") => Fact::PaymentReversed { reference, movement: id, amount, reason: reason() },
        ("CHARGEBACK", status) => {
            let stage = stage(&id, status, movement.debited)?;
            Fact::Chargeback { reference, chargeback: id, amount: Some(amount), stage, reason: reason() }
        }
        (kind, status) => return Err(format!("a movement of kind {kind:?} and status {status:?} is unknown")),
    })
}

/// The bank has one id for a chargeback; the money that it takes and gives back by it are movements of their own.
fn stage(id: &str, status: &str, debited: Option<bool>) -> Result<ChargebackStage, String> {
    match (status, debited) {
        ("OPENED", Some(false)) => Ok(ChargebackStage::Opened),
        ("DEBITED", Some(true)) => Ok(ChargebackStage::Debited { movement: format!("{id}:debited") }),
        ("WON", Some(debited)) => Ok(ChargebackStage::Won { movement: debited.then(|| format!("{id}:won")) }),
        ("LOST", Some(_)) => Ok(ChargebackStage::Lost),
        (status, debited) => {
            Err(format!("a chargeback whose status is {status:?} and whose \"debited\" is {debited:?} is unknown"))
        }
    }
}

#[derive(Deserialize)]
struct SandboxNotification {
    #[serde(rename = "type")]
    event_type: String,
    livemode: bool,
    movement: Movement,
}

pub(super) fn notified(body: &[u8]) -> Result<Vec<Fact>, String> {
    let notification: SandboxNotification =
        serde_json::from_slice(body).map_err(|error| format!("not a notification of the sandbox's bank: {error}"))?;
    if notification.livemode {
        return Err("livemode is true, but the sandbox has no real money".to_owned());
    }
    let (event_type, movement) = (&notification.event_type, &notification.movement);
    let known = match event_type.as_str() {
        "payment.succeeded" => Some(("PAYMENT", "SUCCEEDED")),
        "payment.declined" => Some(("PAYMENT", "DECLINED")),
        "payment.expired" => Some(("PAYMENT", "EXPIRED")),
        "transfer.unmatched" => Some(("UNMATCHED", "SUCCEEDED")),
        "payment.cancelled" => Some(("PAYMENT", "CANCELLED")),
        "payment.reversed" => Some(("REVERSAL", "SUCCEEDED")),
        "chargeback.opened" => Some(("CHARGEBACK", "OPENED")),
        "chargeback.debited" => Some(("CHARGEBACK", "DEBITED")),
        "chargeback.won" => Some(("CHARGEBACK", "WON")),
        "chargeback.lost" => Some(("CHARGEBACK", "LOST")),
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
mod tests;

//! The partner's documents, read: answers, notifications, movements; and what they mean in our words.
//!
//! Amounts are whole numbers of minor units (ISO 4217), more than zero; a fraction, an exponent or a text is refused, never
//! rounded. Fields that are not known here are left alone, so that a partner can add some.

use chrono::NaiveDate;
use entity::payment::NextAction;
use entity::{Currency, MinorUnits, Money, Time};
use serde::{Deserialize, Serialize};

use crate::fact::{ChargebackStage, Fact};
use crate::statement::{LineKind, StatementLine};
use crate::wire::checked_id;

/// What a document must name to be about us.
#[derive(Debug)]
pub(super) struct PartnerIdentity {
    pub(super) account: Option<String>,
    pub(super) livemode: bool,
}

impl PartnerIdentity {
    fn check(&self, account: Option<&str>, livemode: Option<bool>) -> Result<(), String> {
        if self.account.is_some() && self.account.as_deref() != account {
            return Err("it is about another account than PARTNER_ACCOUNT".to_owned());
        }
        // Real money has to be called so; a test may leave it out.
        if livemode.unwrap_or(false) != self.livemode {
            return Err(format!("livemode is {livemode:?}, and here it has to be {}", self.livemode));
        }
        Ok(())
    }
}

fn money(amount_minor: i64, currency: &str) -> Result<Money, String> {
    let currency: Currency = currency.parse().map_err(|error: entity::MoneyError| error.to_string())?;
    let amount = Money::new(MinorUnits(amount_minor), currency);
    if amount.amount.is_positive() { Ok(amount) } else { Err(format!("amount_minor is {amount_minor}")) }
}

/// An answer must be about what we asked.
fn about(said: (&str, Money), asked: (&str, Money)) -> Result<(), String> {
    if said == asked { Ok(()) } else { Err(format!("the answer is about {} of {}", said.1, said.0)) }
}

fn reason(failure: Option<&String>) -> String {
    failure.cloned().unwrap_or_else(|| "the payment company gave no reason".to_owned())
}

/// The answer to everything about a payment.
#[derive(Debug, Deserialize)]
pub(super) struct PaymentDocument {
    id: String,
    payment_id: String,
    account: Option<String>,
    livemode: Option<bool>,
    amount_minor: i64,
    currency: String,
    status: String,
    failure: Option<String>,
    next_action: Option<WireAction>,
    pub(super) expires_at: Option<Time>,
    #[serde(default)]
    captures: Vec<WireCapture>,
}

#[derive(Debug, Deserialize)]
struct WireCapture {
    id: Option<String>,
    amount_minor: i64,
    currency: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum WireAction {
    Redirect { url: String },
    Voucher { code: String, url: Option<String> },
    QrCode { content: String },
}

impl PaymentDocument {
    pub(super) fn id(&self) -> Result<String, String> {
        checked_id(&self.id)
    }

    /// Money first: what the payment came to is told after what arrived for it.
    pub(super) fn facts(&self, ours: &PartnerIdentity, asked: (&str, Money)) -> Result<Vec<Fact>, String> {
        ours.check(self.account.as_deref(), self.livemode)?;
        about((&self.payment_id, money(self.amount_minor, &self.currency)?), asked)?;
        let reference = self.payment_id.clone();
        if (self.status == "CAPTURED") == self.captures.is_empty() {
            return Err(format!("a payment that is {} with {} captures", self.status, self.captures.len()));
        }
        Ok(match self.status.as_str() {
            "OPEN" => vec![Fact::PaymentPending { reference }],
            "CAPTURED" => {
                let fact = |capture: &WireCapture| {
                    let amount = money(capture.amount_minor, &capture.currency)?;
                    captured(&reference, Some(&self.id), capture.id.as_deref(), amount)
                };
                self.captures.iter().map(fact).collect::<Result<_, String>>()?
            }
            "FAILED" => vec![Fact::PaymentFailed { reference, reason: reason(self.failure.as_ref()) }],
            "EXPIRED" => vec![Fact::PaymentExpired { reference }],
            "CANCELLED" => vec![Fact::PaymentCancelled { reference }],
            status => return Err(format!("a payment whose status is {status:?}")),
        })
    }

    /// What the buyer does next, which an open payment can't be without.
    pub(super) fn next_action(&self) -> Result<Option<NextAction>, String> {
        if self.status != "OPEN" {
            return Ok(None);
        }
        let action = self.next_action.clone().ok_or("an open payment without a next_action")?;
        Ok(Some(match action {
            WireAction::Redirect { url } => NextAction::Redirect { url: web(url)? },
            WireAction::Voucher { code, url } => NextAction::Voucher { code, url: url.map(web).transpose()? },
            WireAction::QrCode { content } => NextAction::QrCode { content },
        }))
    }
}

/// Storefronts send browsers there.
fn web(url: String) -> Result<String, String> {
    let is_web = reqwest::Url::parse(&url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if is_web { Ok(url) } else { Err("a next_action whose url is not one of the web".to_owned()) }
}

/// A partner that captures once may have no id for it: then the payment's stands for it, wherever it is spoken of.
fn captured(payment_id: &str, id: Option<&str>, capture_id: Option<&str>, amount: Money) -> Result<Fact, String> {
    Ok(Fact::PaymentCaptured {
        references: vec![checked_id(payment_id)?],
        provider_reference: id.map(checked_id).transpose()?,
        movement: checked_id(capture_id.unwrap_or(payment_id))?,
        amount,
        remitter: None,
    })
}

/// The answer to everything about a refund. There is one movement of it, and one back: both have its own id.
#[derive(Debug, Deserialize)]
pub(super) struct RefundDocument {
    id: String,
    refund_id: String,
    account: Option<String>,
    livemode: Option<bool>,
    amount_minor: i64,
    currency: String,
    status: String,
    failure: Option<String>,
}

impl RefundDocument {
    pub(super) fn facts(&self, ours: &PartnerIdentity, asked: (&str, Money)) -> Result<Vec<Fact>, String> {
        ours.check(self.account.as_deref(), self.livemode)?;
        let amount = money(self.amount_minor, &self.currency)?;
        about((&self.refund_id, amount), asked)?;
        let (reference, provider_reference) = (self.refund_id.clone(), Some(checked_id(&self.id)?));
        let movement = reference.clone();
        Ok(vec![match self.status.as_str() {
            "PENDING" => Fact::RefundPending { reference, provider_reference },
            "SUCCEEDED" => Fact::RefundSucceeded { reference, provider_reference, movement, amount },
            "FAILED" => Fact::RefundFailed {
                reference,
                provider_reference,
                movement: Some(movement),
                reason: reason(self.failure.as_ref()),
            },
            status => return Err(format!("a refund whose status is {status:?}")),
        }])
    }
}

/// The answer to everything about a payout; its movements are named as a refund's are.
#[derive(Debug, Deserialize)]
pub(super) struct PayoutDocument {
    id: String,
    payout_id: String,
    account: Option<String>,
    livemode: Option<bool>,
    amount_minor: i64,
    currency: String,
    status: String,
    failure: Option<String>,
}

impl PayoutDocument {
    pub(super) fn facts(&self, ours: &PartnerIdentity, asked: (&str, Money)) -> Result<Vec<Fact>, String> {
        ours.check(self.account.as_deref(), self.livemode)?;
        let amount = money(self.amount_minor, &self.currency)?;
        about((&self.payout_id, amount), asked)?;
        let (reference, provider_reference) = (self.payout_id.clone(), Some(checked_id(&self.id)?));
        let (movement, reason) = (reference.clone(), reason(self.failure.as_ref()));
        Ok(vec![match self.status.as_str() {
            "PENDING" => Fact::PayoutPending { reference, provider_reference },
            "PAID" => Fact::PayoutPaid { reference, provider_reference, movement, amount },
            "FAILED" => Fact::PayoutFailed { reference, movement: Some(movement), reason },
            "RETURNED" => Fact::PayoutReturned { reference, movement, amount, reason },
            status => return Err(format!("a payout whose status is {status:?}")),
        }])
    }
}

#[derive(Deserialize)]
struct PartnerNotification {
    #[serde(rename = "type")]
    kind: String,
    data: PartnerData,
}

/// Which of them are there is said by the type.
#[derive(Deserialize)]
struct PartnerData {
    account: Option<String>,
    livemode: Option<bool>,
    id: Option<String>,
    payment_id: Option<String>,
    capture_id: Option<String>,
    refund_id: Option<String>,
    payout_id: Option<String>,
    chargeback_id: Option<String>,
    amount_minor: Option<i64>,
    currency: Option<String>,
    reason: Option<String>,
    debited: Option<bool>,
}

impl PartnerData {
    fn amount(&self) -> Result<Money, String> {
        match (self.amount_minor, &self.currency) {
            (Some(amount_minor), Some(currency)) => money(amount_minor, currency),
            (_, _) => Err("data has no amount_minor, or no currency".to_owned()),
        }
    }
}

fn given(name: &str, id: Option<&String>) -> Result<String, String> {
    checked_id(id.ok_or_else(|| format!("data has no {name}"))?)
}

/// What a notification says; an error says what in it is unknown, or not ours.
pub(super) fn notified(ours: &PartnerIdentity, body: &[u8]) -> Result<Fact, String> {
    let PartnerNotification { kind, data } =
        serde_json::from_slice(body).map_err(|error| format!("not a notification of the partner's: {error}"))?;
    ours.check(data.account.as_deref(), data.livemode)?;
    let payment = || given("payment_id", data.payment_id.as_ref());
    let refund = || given("refund_id", data.refund_id.as_ref());
    let payout = || given("payout_id", data.payout_id.as_ref());
    let reason = reason(data.reason.as_ref());
    let provider_reference = data.id.as_deref().map(checked_id).transpose()?;
    Ok(match kind.as_str() {
        "payment.captured" => captured(&payment()?, data.id.as_deref(), data.capture_id.as_deref(), data.amount()?)?,
        "payment.failed" => Fact::PaymentFailed { reference: payment()?, reason },
        "payment.expired" => Fact::PaymentExpired { reference: payment()? },
        "payment.cancelled" => Fact::PaymentCancelled { reference: payment()? },
        "refund.succeeded" => Fact::RefundSucceeded {
            reference: refund()?,
            provider_reference,
            movement: refund()?,
            amount: data.amount()?,
        },
        "refund.failed" => {
            Fact::RefundFailed { reference: refund()?, provider_reference, movement: Some(refund()?), reason }
        }
        "payout.paid" => {
            Fact::PayoutPaid { reference: payout()?, provider_reference, movement: payout()?, amount: data.amount()? }
        }
        "payout.failed" => Fact::PayoutFailed { reference: payout()?, movement: Some(payout()?), reason },
        "payout.returned" => {
            Fact::PayoutReturned { reference: payout()?, movement: payout()?, amount: data.amount()?, reason }
        }
        kind => match kind.strip_prefix("chargeback.") {
            Some(stage) => chargeback(stage, &data, payment()?, reason)?,
            None => return Err(format!("the type {kind:?} is unknown")),
        },
    })
}

fn chargeback(stage: &str, data: &PartnerData, payment: String, reason: String) -> Result<Fact, String> {
    let id = given("chargeback_id", data.chargeback_id.as_ref())?;
    let stage = match (stage, data.debited) {
        ("opened", _) => ChargebackStage::Opened,
        ("debited", _) => ChargebackStage::Debited { movement: id.clone() },
        // Whether money comes back is not to be guessed.
        ("won", None) => return Err("a chargeback that is won without \"debited\"".to_owned()),
        ("won", Some(debited)) => ChargebackStage::Won { movement: debited.then(|| id.clone()) },
        ("lost", _) => ChargebackStage::Lost,
        (stage, _) => return Err(format!("the type \"chargeback.{stage}\" is unknown")),
    };
    Ok(Fact::Chargeback { reference: payment, chargeback: id, amount: Some(data.amount()?), stage, reason })
}

/// A page of what was booked on a day.
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    account: Option<String>,
    livemode: Option<bool>,
    day: NaiveDate,
    movements: Vec<WireMovement>,
    /// What to ask for the following one with; none after the last.
    pub(super) next: Option<String>,
}

#[derive(Debug, Deserialize)]
struct WireMovement {
    kind: String,
    id: String,
    reference: Option<String>,
    amount_minor: i64,
    currency: String,
}

impl Page {
    pub(super) fn lines(&self, ours: &PartnerIdentity, day: NaiveDate) -> Result<Vec<StatementLine>, String> {
        ours.check(self.account.as_deref(), self.livemode)?;
        if self.day != day {
            return Err(format!("the answer is about {}", self.day));
        }
        self.movements.iter().map(WireMovement::line).collect()
    }
}

impl WireMovement {
    fn line(&self) -> Result<StatementLine, String> {
        let kind = match self.kind.as_str() {
            "CAPTURE" => LineKind::Capture,
            "REFUND" => LineKind::Refund,
            "REFUND_RETURNED" => LineKind::RefundReturned,
            "PAYOUT" => LineKind::Payout,
            "PAYOUT_RETURNED" => LineKind::PayoutReturned,
            "CHARGEBACK" => LineKind::Chargeback,
            "CHARGEBACK_WON" => LineKind::ChargebackWon,
            "FEE" => LineKind::Fee,
            "OTHER_CREDIT" => LineKind::OtherCredit,
            "OTHER_DEBIT" => LineKind::OtherDebit,
            kind => return Err(format!("a movement of the kind {kind:?}")),
        };
        Ok(StatementLine {
            kind,
            movement: checked_id(&self.id)?,
            reference: self.reference.as_deref().map(checked_id).transpose()?,
            amount: money(self.amount_minor, &self.currency)?,
        })
    }
}

/// [`entity::BankAccount`] as it is stored, and as the partner reads it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all(deserialize = "camelCase", serialize = "snake_case"))]
pub(super) struct PartnerBankAccount {
    account_holder: String,
    country: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    iban: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bank_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bic: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<Currency>,
}

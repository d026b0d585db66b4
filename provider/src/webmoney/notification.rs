//! What WebMoney posts to us: before it takes the buyer's money a question, which nobody has signed; then a notification of it.
//!
//! The signature is `LMI_HASH2`: the fields below with the purse's secret among them, joined by `;`, as SHA-256 in capital
//! hex. `LMI_HASH` has the same fields without anything between them, so that a digit of the amount may as well be one of
//! the number: it vouches for nothing. What is in none of the two (the buyer's own fields, the description) is not looked at.

use entity::Money;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::purse::{Purse, is_number};
use super::xml::decoded;
use crate::fact::Fact;
use crate::remitter::Remitter;
use crate::webhook::{Acknowledgement, Incoming, Question, Verified, VerifyError};
use crate::wire::form::{self, Params};
use crate::wire::{amount, hmac};

/// Between the fields of the signature: in one of them it would move what stands behind it into the next.
pub(super) const SEPARATOR: char = ';';

pub(super) const YES: Acknowledgement =
    Acknowledgement { status: 200, content_type: "text/plain; charset=utf-8", body: "YES" };

/// Anything but `YES`; the buyer is shown it.
const NO: Acknowledgement = Acknowledgement {
    status: 200,
    content_type: "text/plain; charset=utf-8",
    body: "This payment is not waited for: ask the shop for another one",
};

/// What all of them are read with.
#[derive(Clone, Debug)]
pub(super) struct NotificationReader {
    pub(super) purses: Vec<Purse>,
    pub(super) secrets: Vec<SecretString>,
    pub(super) is_sandbox: bool,
}

impl NotificationReader {
    pub(super) fn verify(&self, body: &[u8]) -> Result<Incoming, VerifyError> {
        let params = parse(body).map_err(VerifyError)?;
        if params.get("LMI_PREREQUEST").is_some_and(|value| value == "1") {
            return self.question(&params).map(Incoming::Question);
        }
        let signed = SignedFields::of(&params).map_err(VerifyError)?;
        let given = params.get("LMI_HASH2").ok_or(VerifyError("LMI_HASH2 is missing"))?;
        let expected: Vec<String> = self.secrets.iter().map(|secret| signed.hash(secret)).collect();
        if !hmac::any_equal(&expected, &[given]) {
            return Err(VerifyError("LMI_HASH2 is another one"));
        }
        Ok(Incoming::Notification(Verified { event_id: signed.transaction()?, content: signed.content().into_bytes() }))
    }

    /// May this be paid now? Not signed: nothing is believed but that somebody asks.
    fn question(&self, params: &Params) -> Result<Question, VerifyError> {
        let (reference, amount) =
            self.payment(params).map_err(|_in_words| VerifyError("a question about a payment that is none of ours"))?;
        Ok(Question { reference, amount, yes: YES, no: NO })
    }

    /// The number and the amount of a payment in our mode, to a purse of ours, that is not held back.
    fn payment(&self, params: &Params) -> Result<(String, Money), String> {
        match (field(params, "LMI_MODE")?, self.is_sandbox) {
            ("0", false) | ("1", true) => {}
            ("1", false) => return Err("a test payment, in live mode".to_owned()),
            ("0", true) => return Err("a real payment, in sandbox mode".to_owned()),
            (mode, _) => return Err(format!("the mode {mode:?} is unknown")),
        }
        // We never ask for it: then the money would be ours in some days, or the buyer's again.
        if params.get("LMI_HOLD").is_some_and(|days| days != "0") {
            return Err("WebMoney holds the money back".to_owned());
        }
        let to = field(params, "LMI_PAYEE_PURSE")?;
        let purse =
            self.purses.iter().find(|purse| purse.number == to).ok_or("it is to a purse that is none of ours")?;
        let amount = amount::from_text(field(params, "LMI_PAYMENT_AMOUNT")?, purse.currency.code())?;
        let number = field(params, "LMI_PAYMENT_NO")?;
        if !is_number(number) {
            return Err("LMI_PAYMENT_NO is not a number".to_owned());
        }
        Ok((number.to_owned(), amount))
    }

    /// Of a notification that was verified.
    pub(super) fn facts(&self, body: &[u8]) -> Result<Vec<Fact>, String> {
        let params = parse(body)?;
        let (number, amount) = self.payment(&params)?;
        let transaction = SignedFields::of(&params)?.transaction().map_err(|error| error.to_string())?;
        Ok(vec![captured(number, transaction, amount, Some(field(&params, "LMI_PAYER_PURSE")?))])
    }
}

/// `transaction` is WebMoney's number of the transfer: by it the money is booked, and refunds are asked for.
pub(super) fn captured(number: String, transaction: String, amount: Money, payer: Option<&str>) -> Fact {
    let remitter = payer.map(|purse| Remitter { name: None, account: Some(purse.to_owned()), text: None });
    Fact::PaymentCaptured {
        references: vec![number],
        provider_reference: Some(transaction.clone()),
        movement: transaction,
        amount,
        remitter,
    }
}

/// A purse may be set to windows-1251. What is signed is ASCII in every encoding.
fn parse(body: &[u8]) -> Result<Params, &'static str> {
    form::parse_with(body, |bytes| Ok(decoded(&bytes)))
}

fn field<'a>(params: &'a Params, name: &str) -> Result<&'a str, &'static str> {
    let value = params.get(name).ok_or("a field is missing")?;
    if value.contains(SEPARATOR) || value.chars().any(char::is_control) {
        return Err("a field has what separates fields");
    }
    Ok(value)
}

/// The fields that the secret vouches for, as they stand before and after it.
struct SignedFields<'a> {
    before: Vec<&'a str>,
    transaction: &'a str,
    date: &'a str,
    after: [&'a str; 2],
}

impl<'a> SignedFields<'a> {
    fn of(params: &'a Params) -> Result<Self, &'static str> {
        let of = |name| field(params, name);
        let mut before = vec![of("LMI_PAYEE_PURSE")?, of("LMI_PAYMENT_AMOUNT")?];
        if params.contains_key("LMI_HOLD") {
            before.push(of("LMI_HOLD")?);
        }
        before.extend([of("LMI_PAYMENT_NO")?, of("LMI_MODE")?, of("LMI_SYS_INVS_NO")?]);
        Ok(Self {
            before,
            transaction: of("LMI_SYS_TRANS_NO")?,
            date: of("LMI_SYS_TRANS_DATE")?,
            after: [of("LMI_PAYER_PURSE")?, of("LMI_PAYER_WM")?],
        })
    }

    fn joined(&self, secret: &str) -> String {
        let middle = [self.transaction, self.date, secret];
        let parts: Vec<&str> = self.before.iter().copied().chain(middle).chain(self.after).collect();
        parts.join(";")
    }

    fn hash(&self, secret: &SecretString) -> String {
        hex::encode_upper(Sha256::digest(self.joined(secret.expose_secret())))
    }

    /// What stays the same when it is sent again.
    fn content(&self) -> String {
        self.joined("")
    }

    fn transaction(&self) -> Result<String, VerifyError> {
        if !is_number(self.transaction) {
            return Err(VerifyError("LMI_SYS_TRANS_NO is not a number"));
        }
        Ok(self.transaction.to_owned())
    }
}

//! What the bank plays for a method, as the real provider would: a page that asks for consent, an account to send money to, or a
//! code to pay with at a counter. What payers write or say is made of the movement's id, so it needs no memory of its own.

use chrono::TimeDelta;
use entity::Time;
use entity::sandbox_movement::{Model, MovementKind};
use serde::Serialize;

/// How long a voucher can be paid, in business time.
pub(super) const VOUCHER_LASTS: TimeDelta = TimeDelta::days(3);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MethodKind {
    /// The buyer consents on the bank's page, and comes back.
    Redirect,
    /// The buyer gets an account, and sends what and when they like.
    Transfer,
    /// The buyer gets a code, and pays at a counter.
    Voucher,
}

impl MethodKind {
    pub(super) fn of(payment: &Model) -> Self {
        match method_of(payment) {
            "BANK_TRANSFER" => Self::Transfer,
            "WESTERN_UNION" => Self::Voucher,
            _consent => Self::Redirect,
        }
    }
}

/// The method of a payment, as the caller named it.
pub(super) fn method_of(payment: &Model) -> &str {
    payment.description.split_once('\n').map_or("", |(method, _description)| method)
}

/// What the buyer gets to know of an account to send money to.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Account {
    pub(super) account_holder: &'static str,
    pub(super) iban: &'static str,
    pub(super) bic: &'static str,
    pub(super) reference: String,
    pub(super) creditor_reference: String,
}

impl Account {
    /// No bank has the code SBOX, and a BIC with 0 in the eighth place is for tests only.
    pub(super) fn of(payment: &Model) -> Self {
        let reference = transfer_reference(payment);
        Self {
            account_holder: "Secure Payment (simulated)",
            iban: "GB85SBOX00000012345678",
            bic: "SBOXGB20",
            creditor_reference: creditor_reference(&reference),
            reference,
        }
    }
}

/// What the buyer gets to know of a voucher.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Voucher {
    pub(super) code: String,
    pub(super) expires_at: Time,
}

impl Voucher {
    /// None if the payment is not made by one.
    pub(super) fn of(payment: &Model) -> Option<Self> {
        let is_voucher = payment.kind == MovementKind::Payment && MethodKind::of(payment) == MethodKind::Voucher;
        is_voucher.then(|| Self { code: voucher_code(payment), expires_at: payment.created_at + VOUCHER_LASTS })
    }
}

/// The last 40 bits of the id are random: eight signs of an alphabet without I, L, O and U.
fn transfer_reference(payment: &Model) -> String {
    let id = payment.id.to_string().to_ascii_uppercase();
    let tail: String = id.chars().skip(id.len().saturating_sub(8)).collect();
    format!("SB-{tail}")
}

/// Ten digits in groups, as such companies print them.
fn voucher_code(payment: &Model) -> String {
    let digits = format!("{:010}", payment.id.0.as_u128() % 10_000_000_000);
    let (area, rest) = digits.split_at(3);
    let (middle, end) = rest.split_at(3);
    format!("{area}-{middle}-{end}")
}

/// Letters and digits only, with the digits that people write as letters.
fn plain(text: &str) -> String {
    let signs = text.chars().filter(char::is_ascii_alphanumeric).map(|sign| sign.to_ascii_uppercase());
    signs
        .map(|sign| if sign == 'O' { '0' } else { sign })
        .map(|sign| if "IL".contains(sign) { '1' } else { sign })
        .collect()
}

/// Whether the bank finds the payment by what a payer wrote: in any case, with or without blanks, amid other words, as `RF`
/// reference or not.
pub(super) fn names(written: &str, payment: &Model) -> bool {
    plain(written).contains(&plain(&transfer_reference(payment)))
}

/// ISO 11649: RF, two check digits, and the reference without signs.
fn creditor_reference(reference: &str) -> String {
    let body: String = reference.chars().filter(char::is_ascii_alphanumeric).collect();
    let rest = remainder(&format!("{body}RF00"));
    format!("RF{:02}{body}", 98_u32.saturating_sub(rest))
}

/// ISO 7064, mod 97-10: letters count as two digits, A as 10.
fn remainder(text: &str) -> u32 {
    text.chars().filter_map(|sign| sign.to_digit(36)).fold(0, |rest, value| {
        let shifted = if value < 10 { rest * 10 } else { rest * 100 };
        (shifted + value) % 97
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::page::movement_for_tests as movement;

    /// First four signs to the end: the rest is 1.
    fn is_valid(text: &str) -> bool {
        let (head, tail) = text.split_at(4);
        remainder(&format!("{tail}{head}")) == 1
    }

    #[test]
    fn the_check_digits_are_those_of_the_standards() {
        assert!(is_valid("GB82WEST12345698765432"), "the IBAN registry's example");
        assert_eq!(creditor_reference("539007547034"), "RF18539007547034", "the example of ISO 11649");
        let account = Account::of(&movement("BANK_TRANSFER"));
        assert!(is_valid(account.iban) && is_valid(&account.creditor_reference), "{account:?}");
        assert!(!is_valid("GB85SBOX00000012345687"));
        assert!(account.creditor_reference.len() <= 25 && account.reference.len() <= 35);
    }

    #[test]
    fn a_payment_is_found_by_what_people_write() {
        let payment = movement("BANK_TRANSFER");
        assert_eq!(transfer_reference(&payment), "SB-00000007");
        for written in
            ["SB-00000007", "sb 0000 0007", "order 12 sb-00000007 thank you", "RF54SB00000007", "SB-OOOOOOO7"]
        {
            assert!(names(written, &payment), "{written}");
        }
        for written in ["", "SB-00000008", "INVOICE 12", "00000007"] {
            assert!(!names(written, &payment), "{written}");
        }
    }

    #[test]
    fn a_voucher_has_ten_digits_and_an_end() {
        let payment = movement("WESTERN_UNION");
        let voucher = Voucher::of(&payment).expect("a voucher");
        assert_eq!((voucher.code.as_str(), voucher.expires_at), ("000-000-0007", payment.created_at + VOUCHER_LASTS));
        assert_eq!(Voucher::of(&movement("VISA")), None);
    }
}

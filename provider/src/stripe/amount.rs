//! Amounts as Stripe writes them: whole numbers, in units of its own, which are not always those of ISO 4217.
//!
//! Exact both ways, or refused. Source: docs.stripe.com/currencies ("zero-decimal", "three-decimal" and "special cases").

use entity::{Currency, MinorUnits, Money};

use crate::terms::Limits;
use crate::wire::amount::{from_units, to_units};

/// Stripe takes no longer number.
const MOST: i64 = 99_999_999;

/// Without a fraction at Stripe, whatever ISO 4217 says (the ariary has one there).
const ZERO_DECIMAL: [&str; 15] =
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"];

/// In thousandths, but the last digit has to be 0.
const THREE_DECIMAL: [&str; 5] = ["BHD", "JOD", "KWD", "OMR", "TND"];

/// What an order can be in. Not the rouble, nor the ariary, whose fraction Stripe can't express.
const PRESENTMENT: [&str; 68] = [
    "USD", "EUR", "GBP", "CNY", "JPY", "BRL", "HKD", "SGD", "AUD", "CAD", "INR", "KRW", "AED", "ARS", "BDT", "BGN",
    "BHD", "BOB", "CHF", "CLP", "COP", "CRC", "CZK", "DKK", "DOP", "EGP", "ETB", "GEL", "GTQ", "HUF", "IDR", "ILS",
    "ISK", "JMD", "JOD", "KES", "KWD", "KZT", "LKR", "MAD", "MOP", "MUR", "MXN", "MYR", "NGN", "NOK", "NZD", "OMR",
    "PEN", "PHP", "PKR", "PLN", "PYG", "QAR", "RON", "RSD", "SAR", "SEK", "THB", "TND", "TRY", "TWD", "TZS", "UAH",
    "UYU", "VND", "XOF", "ZAR",
];

/// Stripe's least charges, in minor units; the other currencies have none of their own.
const LEAST: [(&str, i64); 23] = [
    ("USD", 50),
    ("AED", 200),
    ("AUD", 50),
    ("BGN", 100),
    ("BRL", 50),
    ("CAD", 50),
    ("CHF", 50),
    ("CZK", 1_500),
    ("DKK", 250),
    ("EUR", 50),
    ("GBP", 30),
    ("HKD", 400),
    ("HUF", 17_500),
    ("INR", 50),
    ("JPY", 50),
    ("MXN", 1_000),
    ("MYR", 200),
    ("NOK", 300),
    ("NZD", 50),
    ("PLN", 200),
    ("RON", 200),
    ("SEK", 300),
    ("THB", 1_000),
];

pub(super) fn currencies() -> Vec<Currency> {
    PRESENTMENT.iter().filter_map(|code| code.parse().ok()).collect()
}

pub(super) fn limits() -> Vec<Limits> {
    let limits = |currency: Currency| {
        let least = LEAST.iter().find(|(code, _)| *code == currency.code()).map_or(1, |(_, least)| *least);
        let most = from_units(MOST - MOST % step(currency), digits(currency)?, currency)?;
        Some(Limits { currency, least: MinorUnits(least), most: Some(most.amount) })
    };
    currencies().into_iter().filter_map(limits).collect()
}

/// Digits behind the point at Stripe. None where its own documents contradict each other by a factor of a hundred: they
/// list the shilling of Uganda as zero-decimal, and as written with two decimals.
fn digits(currency: Currency) -> Option<u32> {
    match currency.code() {
        "UGX" => None,
        code if ZERO_DECIMAL.contains(&code) => Some(0),
        code if THREE_DECIMAL.contains(&code) => Some(3),
        // Two decimals for compatibility, although the króna has none.
        "ISK" => Some(2),
        _other if currency.digits() == 2 => Some(2),
        _unlisted => None,
    }
}

/// Amounts that we send are multiples of this.
fn step(currency: Currency) -> i64 {
    match currency.code() {
        "ISK" => 100,
        code if THREE_DECIMAL.contains(&code) => 10,
        _other => 1,
    }
}

/// What we ask for. The error is for the buyer, too.
pub(super) fn to_wire(money: Money) -> Result<i64, String> {
    let currency = money.currency;
    let inexact = || format!("Stripe can't express {money} exactly");
    let digits = digits(currency).ok_or_else(|| format!("Stripe's units of {currency} are not known"))?;
    let wire = to_units(money, digits).ok_or_else(inexact)?;
    if wire % step(currency) != 0 {
        return Err(inexact());
    }
    if wire > MOST {
        return Err(format!("{money} is more than Stripe takes at once"));
    }
    Ok(wire)
}

/// What Stripe says. Its currencies are in lower case.
pub(super) fn from_wire(amount: i64, currency: &str) -> Result<Money, String> {
    if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return Err("a currency that is not three lower-case letters".to_owned());
    }
    let currency: Currency = currency.to_ascii_uppercase().parse().map_err(|error| format!("{error}"))?;
    if amount < 1 {
        return Err(format!("an amount of {amount}, which is not more than nothing"));
    }
    let exact = digits(currency).and_then(|digits| from_units(amount, digits, currency));
    exact.ok_or_else(|| format!("{amount} of Stripe's units is no amount of {currency}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(amount: &str, currency: &str) -> Money {
        Money::exact(amount, currency).expect("an amount")
    }

    #[test]
    fn amounts_are_exact_both_ways() {
        for (amount, currency, wire) in [
            ("123.45", "EUR", 12_345),
            ("500", "JPY", 500),
            ("1", "KRW", 1),
            ("5.120", "KWD", 5_120),
            ("5", "ISK", 500),
            ("17", "MGA", 17),
            ("100.50", "HUF", 10_050),
            ("10.45", "TWD", 1_045),
            ("999999.99", "USD", 99_999_999),
            ("99999999", "JPY", 99_999_999),
        ] {
            let money = money(amount, currency);
            assert_eq!(to_wire(money), Ok(wire), "{money}");
            assert_eq!(from_wire(wire, &currency.to_ascii_lowercase()), Ok(money), "{money}");
        }
    }

    #[test]
    fn what_stripe_can_not_express_is_refused_and_never_rounded() {
        for (amount, currency) in
            [("5.124", "KWD"), ("0.20", "MGA"), ("1", "UGX"), ("1000000.00", "USD"), ("1000000", "ISK")]
        {
            assert!(to_wire(money(amount, currency)).is_err(), "{amount} {currency}");
        }
        for (amount, currency) in
            [(0, "eur"), (-1, "eur"), (550, "isk"), (100, "ugx"), (100, "EUR"), (100, "xxx"), (100, "eu")]
        {
            assert!(from_wire(amount, currency).is_err(), "{amount} {currency}");
        }
    }

    #[test]
    fn what_is_offered_can_be_asked_for() {
        assert_eq!(currencies().len(), PRESENTMENT.len());
        assert!(LEAST.iter().all(|(code, _)| PRESENTMENT.contains(code)));
        assert!(!PRESENTMENT.contains(&"RUB"));
        let limits = limits();
        assert_eq!(limits.len(), PRESENTMENT.len());
        for limits in limits {
            let most = Money::new(limits.most.expect("eight digits"), limits.currency);
            assert!(to_wire(most).is_ok(), "{most}");
            let more = Money::new(MinorUnits(most.amount.0 + 1), limits.currency);
            assert!(to_wire(more).is_err(), "{more}");
        }
    }
}

//! The forms in which providers write amounts. Exact both ways, or refused: nothing is rounded, and nothing is read as a
//! binary fraction.
//!
//! * whole numbers in units of the provider's own ([`to_units`], [`from_units`]): its table says how many digits it counts
//!   behind the point, which are not always those of ISO 4217;
//! * decimal text, `"123.45"` ([`to_text`], [`from_text`]);
//! * decimal numbers in JSON, `123.45` ([`Number`]).

use entity::{Currency, MinorUnits, Money};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// None if the provider's units can't express it, or it is not more than nothing.
pub(crate) fn to_units(money: Money, digits: u32) -> Option<i64> {
    scale(money.amount.0, money.currency.digits(), digits).filter(|units| *units > 0)
}

/// None if our minor units can't express it, or it is not more than nothing.
pub(crate) fn from_units(units: i64, digits: u32, currency: Currency) -> Option<Money> {
    let minor = scale(units, digits, currency.digits()).filter(|minor| *minor > 0)?;
    Some(Money::new(MinorUnits(minor), currency))
}

/// None if digits would be lost.
fn scale(amount: i64, from: u32, to: u32) -> Option<i64> {
    let factor = 10_i64.checked_pow(from.abs_diff(to))?;
    if to >= from {
        amount.checked_mul(factor)
    } else if amount % factor == 0 {
        Some(amount / factor)
    } else {
        None
    }
}

/// With all the digits of the currency: `123.40`.
pub(crate) fn to_text(money: Money) -> String {
    money.decimal().to_string()
}

/// Digits and a point only, more than zero, and no more digits than the currency has.
pub(crate) fn from_text(text: &str, currency: &str) -> Result<Money, String> {
    Money::exact(text, currency).map_err(|error| error.to_string())
}

/// A number in a JSON document, digit by digit as it stands there.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Number(Box<RawValue>);

impl Number {
    /// With all the digits of the currency: `123.40`. None can't happen: digits and a point are JSON.
    pub(crate) fn of(money: Money) -> Option<Self> {
        RawValue::from_string(to_text(money)).ok().map(Self)
    }

    /// As [`from_text`]: no text in quotes, no exponent, no sign.
    pub(crate) fn exact(&self, currency: &str) -> Result<Money, String> {
        from_text(self.0.get(), currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(amount: &str, currency: &str) -> Money {
        Money::exact(amount, currency).expect("money")
    }

    #[test]
    fn units_are_exact_or_refused() {
        for (amount, currency, digits, units) in [
            ("123.45", "EUR", 2, Some(12_345)),
            ("500", "JPY", 0, Some(500)),
            ("5", "ISK", 2, Some(500)),
            ("5.120", "KWD", 3, Some(5_120)),
            ("17", "MGA", 0, Some(17)),
            ("17.20", "MGA", 0, None),
        ] {
            let money = money(amount, currency);
            assert_eq!(to_units(money, digits), units, "{money}");
            if let Some(units) = units {
                assert_eq!(from_units(units, digits, money.currency), Some(money));
            }
        }
        let (usd, isk) = (Currency::USD, money("1", "ISK").currency);
        assert_eq!(from_units(550, 2, isk), None);
        assert_eq!((from_units(0, 2, usd), from_units(-1, 2, usd), from_units(i64::MAX, 0, usd)), (None, None, None));
        assert_eq!(to_units(Money::new(MinorUnits(0), usd), 2), None);
    }

    #[test]
    fn a_number_is_read_digit_by_digit() {
        let read = |text: &str, currency| serde_json::from_str::<Number>(text).expect("JSON").exact(currency);
        assert_eq!(read("72.00", "BRL"), Ok(money("72", "BRL")));
        assert_eq!(read("72", "BRL"), Ok(money("72", "BRL")));
        assert_eq!(read("90071992547409.93", "USD"), Ok(money("90071992547409.93", "USD")), "more than a float holds");
        for text in ["72.001", "7.2e1", "-72", "\"72.00\"", "0", "null", "[72]"] {
            assert!(read(text, "BRL").is_err(), "{text}");
        }
        assert_eq!(serde_json::to_string(&Number::of(money("72", "BRL"))).expect("JSON"), "72.00");
    }
}

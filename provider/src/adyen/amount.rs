//! Amounts as Adyen writes them: whole minor units, which for some currencies are not those of ISO 4217.
//!
//! Source: docs.adyen.com/development-resources/currency-codes.

use entity::{Currency, Money};
use serde::{Deserialize, Serialize};

use crate::wire::amount;

/// What an order can be in.
const CURRENCIES: [&str; 46] = [
    "USD", "EUR", "GBP", "AED", "ARS", "AUD", "BGN", "BHD", "BRL", "CAD", "CHF", "CLP", "CNY", "COP", "CRC", "CZK",
    "DKK", "EGP", "HKD", "HUF", "IDR", "ILS", "INR", "ISK", "JOD", "JPY", "KES", "KRW", "KWD", "KZT", "MAD", "MXN",
    "MYR", "NOK", "NZD", "PEN", "PHP", "PLN", "QAR", "RON", "SAR", "SEK", "SGD", "THB", "TRY", "ZAR",
];

/// Behind the point at Adyen.
fn digits(currency: Currency) -> u32 {
    match currency.code() {
        "CLP" | "ISK" => 2,
        "CVE" | "IDR" => 0,
        _as_iso_4217 => currency.digits(),
    }
}

pub(super) fn currencies() -> Vec<Currency> {
    CURRENCIES.iter().filter_map(|code| code.parse().ok()).collect()
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AdyenAmount {
    pub(super) currency: String,
    pub(super) value: i64,
}

pub(super) fn to_wire(money: Money) -> Result<AdyenAmount, String> {
    let value = amount::to_units(money, digits(money.currency));
    let value = value.ok_or_else(|| format!("Adyen can't express {money} exactly"))?;
    Ok(AdyenAmount { currency: money.currency.code().to_owned(), value })
}

impl AdyenAmount {
    /// Exact or refused.
    pub(super) fn exact(&self) -> Result<Money, String> {
        let currency: Currency = self.currency.parse().map_err(|error: entity::MoneyError| error.to_string())?;
        let money = amount::from_units(self.value, digits(currency), currency);
        money.ok_or_else(|| format!("{} of Adyen's units is no amount of {currency}", self.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_both_ways() {
        for (text, currency, value) in [
            ("123.45", "EUR", 12_345),
            ("500", "JPY", 500),
            ("500", "CLP", 50_000),
            ("5", "ISK", 500),
            ("1500", "IDR", 1_500),
            ("5.124", "KWD", 5_124),
        ] {
            let money = Money::exact(text, currency).expect("money");
            let wire = to_wire(money).expect("can be written");
            assert_eq!((wire.value, wire.exact()), (value, Ok(money)), "{money}");
        }
        let cents = Money::exact("1500.50", "IDR").expect("money");
        assert!(to_wire(cents).is_err(), "Adyen has no cents of a rupiah");
        for (currency, value) in [("CLP", 550), ("EUR", 0), ("EUR", -1), ("XXX", 1)] {
            assert!(AdyenAmount { currency: currency.to_owned(), value }.exact().is_err(), "{value} {currency}");
        }
        assert_eq!(currencies().len(), CURRENCIES.len());
    }
}

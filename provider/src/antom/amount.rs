//! Amounts as Antom writes them: `{"currency":"USD","value":"12345"}`, a string of whole minor units.
//!
//! Source of the digits and of the rule for IDR: `amount-currency-rules.json` of global-open-sdk-java, of 2026-01-01.

use entity::{Currency, MinorUnits, Money};
use serde::Deserialize;
use serde_json::{Value, json};

/// Longer values are refused there.
const MOST_DIGITS: usize = 16;

#[derive(Debug, Deserialize)]
pub(super) struct AntomAmount {
    currency: String,
    value: String,
}

/// Digits behind the point, as Antom counts them.
fn digits(code: &str) -> u32 {
    match code {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "UYI" | "VND"
        | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        "CLF" | "UYW" => 4,
        _two => 2,
    }
}

/// A currency that we count otherwise than Antom can't be used: its amounts would be off by powers of ten.
pub(super) fn check_currency(currency: Currency) -> Result<Currency, String> {
    let theirs = digits(currency.code());
    if theirs == currency.digits() {
        Ok(currency)
    } else {
        Err(format!("{currency} has {theirs} decimal digits at Antom, and {} here", currency.digits()))
    }
}

/// Rupiah have no cents in practice: Antom wants the last two digits to be zero.
fn is_whole(money: Money) -> bool {
    money.currency.code() != "IDR" || money.amount.0 % 100 == 0
}

pub(super) fn to_wire(money: Money) -> Result<Value, String> {
    check_currency(money.currency)?;
    let value = money.amount.0.to_string();
    if !money.amount.is_positive() || value.len() > MOST_DIGITS {
        return Err(format!("Antom takes no {money}"));
    }
    if !is_whole(money) {
        return Err(format!("Antom takes whole rupiah only, not {money}"));
    }
    Ok(json!({ "currency": money.currency.code(), "value": value }))
}

/// Of an answer.
pub(super) fn read(value: &Value) -> Result<Money, String> {
    AntomAmount::deserialize(value).map_err(|error| error.to_string())?.exact()
}

impl AntomAmount {
    /// Exact or refused.
    pub(super) fn exact(&self) -> Result<Money, String> {
        let currency = self.currency.parse::<Currency>().map_err(|error| error.to_string())?;
        check_currency(currency)?;
        let plain =
            (1..=MOST_DIGITS).contains(&self.value.len()) && self.value.bytes().all(|byte| byte.is_ascii_digit());
        let units = self.value.parse::<i64>().ok().filter(|units| plain && *units > 0);
        let units = units.ok_or("an amount that is not a positive whole number of minor units")?;
        let money = Money::new(MinorUnits(units), currency);
        if is_whole(money) { Ok(money) } else { Err(format!("{money} is not a whole number of rupiah")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(currency: &str, value: &str) -> Result<(i64, &'static str), String> {
        let read = AntomAmount { currency: currency.to_owned(), value: value.to_owned() }.exact()?;
        Ok((read.amount.0, read.currency.code()))
    }

    #[test]
    fn an_amount_is_whole_minor_units_or_refused() {
        assert_eq!(exact("USD", "12345"), Ok((12_345, "USD")));
        assert_eq!(exact("JPY", "1"), Ok((1, "JPY")));
        assert_eq!(exact("KWD", "1250"), Ok((1_250, "KWD")));
        assert_eq!(exact("IDR", "1000000"), Ok((1_000_000, "IDR")));
        for (currency, value) in [
            ("USD", "123.45"),
            ("USD", "-1"),
            ("USD", "+1"),
            ("USD", "0"),
            ("USD", ""),
            ("USD", " 1"),
            ("USD", "1e3"),
            ("USD", "12345678901234567"),
            ("IDR", "150"),
            ("usd", "1"),
            ("XAU", "1"),
        ] {
            assert!(exact(currency, value).is_err(), "{currency} {value}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for (amount, currency) in [("123.45", "CNY"), ("9000", "JPY"), ("1.250", "KWD"), ("1500", "IDR")] {
            let money = Money::exact(amount, currency).expect("money");
            let wire: AntomAmount = serde_json::from_value(to_wire(money).expect("is taken")).expect("reads");
            assert_eq!(wire.exact(), Ok(money));
        }
        let cents = Money::exact("1500.50", "IDR").expect("money");
        assert!(to_wire(cents).is_err_and(|error| error.contains("whole rupiah")), "rupiah with cents");
        assert!(to_wire(Money::new(MinorUnits(-1), Currency::USD)).is_err());
    }

    #[test]
    fn our_currencies_have_the_digits_that_antom_counts() {
        for code in
            ["CNY", "USD", "EUR", "GBP", "HKD", "SGD", "JPY", "KRW", "IDR", "THB", "BRL", "RUB", "UGX", "MGA", "ISK"]
        {
            let currency = code.parse::<Currency>().expect("a currency");
            assert_eq!(check_currency(currency), Ok(currency), "{code}");
        }
    }
}

//! Money: a whole number of minor units (cents) with an ISO 4217 currency. No float, and no rounding of what came in.

use std::str::FromStr;

use rust_decimal::Decimal;
use sea_orm::sea_query::{ArrayType, ColumnType, Nullable, StringLen, ValueType, ValueTypeErr};
use sea_orm::{ColIdx, DbErr, DeriveValueType, QueryResult, TryFromU64, TryGetError, TryGetable, Value};
use serde::{Deserialize, Serialize};

/// A signed number of minor units: 1250 is 12.50 USD, 1250 JPY or 1.250 KWD.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, DeriveValueType, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct MinorUnits(pub i64);

impl MinorUnits {
    pub const ZERO: Self = Self(0);

    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    #[must_use]
    pub fn is_positive(self) -> bool {
        self.0 > 0
    }

    #[must_use]
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }
}

/// Why an amount or a currency was refused; the text tells the caller what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    #[error("\"{0}\" is not an ISO 4217 currency code such as USD")]
    UnknownCurrency(String),
    #[error("{amount} has more than the {digits} decimal digits that {currency} has")]
    TooManyDigits { amount: Decimal, currency: Currency, digits: u32 },
    #[error("the amount is not a plain decimal such as \"64.00\"")]
    NotPlain,
    #[error("the amount is not positive")]
    NotPositive,
    #[error("{0} is too large: an amount has at most 9,223,372,036,854,775,807 minor units")]
    TooLarge(Decimal),
}

/// An ISO 4217 currency that money can be held in.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency(iso_currency::Currency);

impl Currency {
    pub const USD: Self = Self(iso_currency::Currency::USD);

    #[must_use]
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// Digits behind the decimal point: 2 for USD, 0 for JPY, 3 for KWD (ISO 4217, column "minor unit").
    #[must_use]
    pub fn digits(self) -> u32 {
        self.0.exponent().map_or(0, u32::from)
    }

    /// Exact or refused: 19.999 USD is an error, never 20.00.
    pub fn minor_units(self, amount: Decimal) -> Result<MinorUnits, MoneyError> {
        let normal = amount.normalize();
        let digits = self.digits();
        if normal.scale() > digits {
            return Err(MoneyError::TooManyDigits { amount, currency: self, digits });
        }
        let factor = Decimal::from(10_i64.pow(digits));
        let units = normal.checked_mul(factor).ok_or(MoneyError::TooLarge(amount))?.normalize();
        // The scale is 0 here, so the mantissa is the number itself.
        <i64 as TryFrom<i128>>::try_from(units.mantissa())
            .map(MinorUnits)
            .map_err(|_overflow| MoneyError::TooLarge(amount))
    }
}

impl FromStr for Currency {
    type Err = MoneyError;
    fn from_str(code: &str) -> Result<Self, MoneyError> {
        iso_currency::Currency::from_code(code)
            // Codes without a minor unit (XAU, XTS, XXX …) name no money that anyone could pay with.
            .filter(|currency| currency.exponent().is_some())
            .map(Self)
            .ok_or_else(|| MoneyError::UnknownCurrency(code.chars().take(8).collect()))
    }
}

impl std::fmt::Display for Currency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}

impl std::fmt::Debug for Currency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}

impl PartialOrd for Currency {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Currency {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.code().cmp(other.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// An amount with its currency, as events and JSON documents show it: `{"amount":"12.50","currency":"USD"}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Money {
    pub amount: MinorUnits,
    pub currency: Currency,
}

impl Money {
    #[must_use]
    pub fn new(amount: MinorUnits, currency: Currency) -> Self {
        Self { amount, currency }
    }

    /// From a provider's document: digits and a point only, more than zero, and no more digits than the currency has.
    pub fn exact(amount: &str, currency: &str) -> Result<Self, MoneyError> {
        let currency: Currency = currency.parse()?;
        let plain = !amount.is_empty() && amount.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let decimal = Decimal::from_str_exact(amount).ok().filter(|_parsed| plain).ok_or(MoneyError::NotPlain)?;
        let units = currency.minor_units(decimal)?;
        if units.is_positive() { Ok(Self::new(units, currency)) } else { Err(MoneyError::NotPositive) }
    }

    /// The exact decimal, with all the digits of the currency: 1250 USD is 12.50.
    #[must_use]
    pub fn decimal(self) -> Decimal {
        Decimal::new(self.amount.0, self.currency.digits())
    }
}

impl std::fmt::Display for Money {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let plain = self.decimal().abs().to_string();
        let (whole, fraction) = plain.split_once('.').map_or((plain.as_str(), None), |(w, d)| (w, Some(d)));
        let sign = if self.amount.0 < 0 { "-" } else { "" };
        let mut grouped = String::new();
        for (index, digit) in whole.chars().enumerate() {
            if index > 0 && (whole.len() - index).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        match fraction {
            Some(digits) => write!(f, "{sign}{grouped}.{digits} {}", self.currency),
            None => write!(f, "{sign}{grouped} {}", self.currency),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct MoneyDocument {
    amount: Decimal,
    currency: Currency,
}

impl Serialize for Money {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        MoneyDocument { amount: self.decimal(), currency: self.currency }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let document = MoneyDocument::deserialize(deserializer)?;
        let amount = document.currency.minor_units(document.amount).map_err(serde::de::Error::custom)?;
        Ok(Self { amount, currency: document.currency })
    }
}

// Stored as its three letters.
impl From<Currency> for Value {
    fn from(currency: Currency) -> Self {
        Value::String(Some(currency.code().to_owned()))
    }
}

impl TryGetable for Currency {
    fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
        let code = String::try_get_by(row, index)?;
        code.parse().map_err(|error: MoneyError| TryGetError::DbErr(DbErr::Type(error.to_string())))
    }
}

impl ValueType for Currency {
    fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
        <String as ValueType>::try_from(value)?.parse().map_err(|_source| ValueTypeErr)
    }
    fn type_name() -> String {
        "Currency".to_owned()
    }
    fn array_type() -> ArrayType {
        ArrayType::String
    }
    fn column_type() -> ColumnType {
        ColumnType::String(StringLen::N(3))
    }
}

impl TryFromU64 for Currency {
    fn try_from_u64(_: u64) -> Result<Self, DbErr> {
        Err(DbErr::ConvertFromU64("Currency"))
    }
}

impl Nullable for Currency {
    fn null() -> Value {
        Value::String(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(code: &str, amount: &str) -> Result<MinorUnits, MoneyError> {
        let currency: Currency = code.parse().expect("a known currency");
        currency.minor_units(amount.parse().expect("a decimal"))
    }

    #[test]
    fn an_amount_is_exact_or_refused() {
        assert_eq!(units("USD", "19.99"), Ok(MinorUnits(1_999)));
        assert_eq!(units("USD", "19.990"), Ok(MinorUnits(1_999)));
        assert_eq!(units("JPY", "1250"), Ok(MinorUnits(1_250)));
        assert_eq!(units("KWD", "1.250"), Ok(MinorUnits(1_250)));
        assert_eq!(units("IDR", "1000000000000000"), Ok(MinorUnits(100_000_000_000_000_000)));
        assert!(matches!(units("USD", "19.999"), Err(MoneyError::TooManyDigits { digits: 2, .. })));
        assert!(matches!(units("JPY", "0.5"), Err(MoneyError::TooManyDigits { digits: 0, .. })));
        assert!(matches!(units("USD", "92233720368547758.08"), Err(MoneyError::TooLarge(_))));
        assert!(matches!(units("USD", "79228162514264337593543950335"), Err(MoneyError::TooLarge(_))));
    }

    #[test]
    fn codes_that_are_no_money_are_unknown() {
        for code in ["", "usd", "US", "XAU", "XXX", "ABC", "DOLLARS"] {
            assert!(code.parse::<Currency>().is_err(), "{code}");
        }
    }

    #[test]
    fn money_reads_like_money() {
        let show = |units, code: &str| Money::new(MinorUnits(units), code.parse().expect("known")).to_string();
        assert_eq!(show(120_000, "USD"), "1,200.00 USD");
        assert_eq!(show(-5, "USD"), "-0.05 USD");
        assert_eq!(show(1_234_567, "JPY"), "1,234,567 JPY");
        assert_eq!(show(100_001, "KWD"), "100.001 KWD");
    }

    proptest::proptest! {
        #[test]
        fn every_amount_reads_back_from_json(units: i64) {
            let money = Money::new(MinorUnits(units), Currency::USD);
            let text = serde_json::to_string(&money).expect("serialises");
            proptest::prop_assert_eq!(serde_json::from_str::<Money>(&text).expect("parses"), money);
        }
    }
}

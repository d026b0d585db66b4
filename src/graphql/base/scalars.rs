//! Scalars, and money.
//!
//! Input scalars keep the text as it came, so that a wrong amount, currency or country is reported with its path beside the
//! other problems of the input instead of failing the whole document.

use std::borrow::Cow;

use async_graphql::registry::Registry;
use async_graphql::{
    InputObject, InputType, InputValueError, InputValueResult, MaybeUndefined, Scalar, ScalarType, SimpleObject, Value,
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decimal(pub String);

/// An exact decimal number, as a string: "19.99". Whole numbers may be sent as numbers; numbers with a decimal point may
/// not, because they lose digits on the way.
#[Scalar]
impl ScalarType for Decimal {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            // 19.90 is 19.9: an idempotency key is of the amount, however it is written.
            Value::String(text) => Ok(Self(match rust_decimal::Decimal::from_str_exact(&text) {
                Ok(amount) if text.contains('.') => amount.normalize().to_string(),
                Ok(_) | Err(_) => text,
            })),
            Value::Number(number) if number.is_i64() || number.is_u64() => Ok(Self(number.to_string())),
            Value::Number(_) => {
                Err(InputValueError::custom("send amounts as a string, such as \"19.99\": a number loses digits"))
            }
            Value::Null | Value::Boolean(_) | Value::Binary(_) | Value::Enum(_) | Value::List(_) | Value::Object(_) => {
                Err(InputValueError::expected_type(value))
            }
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BigInt(pub i64);

/// A whole number of up to 64 bits, as a string: "1999".
#[Scalar]
impl ScalarType for BigInt {
    fn parse(value: Value) -> InputValueResult<Self> {
        let whole = match &value {
            Value::String(text) => text.parse().ok(),
            Value::Number(number) => number.as_i64(),
            Value::Null | Value::Boolean(_) | Value::Binary(_) | Value::Enum(_) | Value::List(_) | Value::Object(_) => {
                return Err(InputValueError::expected_type(value));
            }
        };
        whole.map(Self).ok_or_else(|| InputValueError::custom("not a whole number of up to 64 bits"))
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

macro_rules! text_scalar {
    ($(#[$doc:meta])* $name:ident) => {
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name(pub String);

        $(#[$doc])*
        #[Scalar]
        impl ScalarType for $name {
            fn parse(value: Value) -> InputValueResult<Self> {
                if let Value::String(text) = value { Ok(Self(text)) } else { Err(InputValueError::expected_type(value)) }
            }

            fn to_value(&self) -> Value {
                Value::String(self.0.clone())
            }
        }
    };
}

text_scalar! {
    /// An ISO 4217 currency code, upper case: "USD".
    CurrencyCode
}
text_scalar! {
    /// An ISO 3166-1 alpha-2 country code, upper case: "BR".
    CountryCode
}

/// An exact amount of money.
#[derive(Clone, Debug, SimpleObject)]
pub struct Money {
    /// In major units, with all the digits of the currency: "1200.00".
    pub amount: Decimal,
    /// Of what money.
    pub currency: CurrencyCode,
    /// The same amount in minor units (cents): "120000".
    pub minor_units: BigInt,
}

impl From<entity::Money> for Money {
    fn from(money: entity::Money) -> Self {
        Self {
            amount: Decimal(money.decimal().to_string()),
            currency: CurrencyCode(money.currency.code().to_owned()),
            minor_units: BigInt(money.amount.0),
        }
    }
}

/// An amount of money as input.
#[derive(Clone, Debug, InputObject)]
pub struct MoneyInput {
    /// In major units; no more digits than the currency has.
    pub amount: Decimal,
    /// Of what money.
    pub currency: CurrencyCode,
}

/// A field that stays as it is when it is left out, and is removed by null. Unlike [`MaybeUndefined`] alone, its value says
/// which of the two it was: an idempotency key covers the difference.
#[derive(Clone, Debug)]
pub struct Removable<T>(pub MaybeUndefined<T>);

impl<T: InputType> InputType for Removable<T> {
    type RawValueType = T::RawValueType;

    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn qualified_type_name() -> String {
        MaybeUndefined::<T>::qualified_type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        MaybeUndefined::<T>::create_type_info(registry)
    }

    fn parse(value: Option<Value>) -> InputValueResult<Self> {
        MaybeUndefined::parse(value).map(Self).map_err(InputValueError::propagate)
    }

    fn to_value(&self) -> Value {
        match &self.0 {
            MaybeUndefined::Undefined => Value::Null,
            MaybeUndefined::Null => Value::List(Vec::new()),
            MaybeUndefined::Value(value) => value.to_value(),
        }
    }

    fn as_raw_value(&self) -> Option<&Self::RawValueType> {
        self.0.as_raw_value()
    }
}

/// As GraphQL's Int, that has 32 bits. Quantities, versions and sequences are within them; what is not shows the greatest.
pub(crate) fn int(number: i64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

//! Checks of what came in, all of an input at once: a caller is told everything that has to change, each with its path.
//!
//! ```text
//! let mut checks = Checks::input();
//! let name = checks.text("name", &input.name, 200);
//! let country = checks.under("address", |checks| checks.country("country", &input.address.country));
//! checks.finish()?;   // nothing below runs if anything above was refused
//! ```

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use entity::{Currency, MinorUnits, Money, MoneyError};

use crate::error::{Error, ErrorCode, Problem, Result};

/// Source: ICC, Incoterms 2020.
const INCOTERMS: [&str; 11] = ["EXW", "FCA", "FAS", "FOB", "CFR", "CIF", "CPT", "CIP", "DAP", "DPU", "DDP"];

/// Collects problems. A check that fails returns a placeholder, which is never used because `finish` refuses.
#[derive(Clone, Debug)]
pub struct Checks {
    prefix: Vec<String>,
    problems: Vec<Problem>,
}

impl Checks {
    /// For the `input` argument of a mutation.
    #[must_use]
    pub fn input() -> Self {
        Self { prefix: vec!["input".to_owned()], problems: Vec::new() }
    }

    /// For the arguments of a query's field.
    #[must_use]
    pub fn arguments() -> Self {
        Self { prefix: Vec::new(), problems: Vec::new() }
    }

    pub fn problem(&mut self, field: &str, code: ErrorCode, message: impl Into<String>) {
        let mut path = self.prefix.clone();
        path.push(field.to_owned());
        self.problems.push(Problem { code, message: message.into(), path });
    }

    /// Checks of a nested input object (or of a list's item: pass its index as the field).
    pub fn under<T>(&mut self, field: &str, check: impl FnOnce(&mut Self) -> T) -> T {
        self.prefix.push(field.to_owned());
        let result = check(self);
        self.prefix.pop();
        result
    }

    #[must_use]
    pub fn has_problems(&self) -> bool {
        !self.problems.is_empty()
    }

    /// The refusal of a step that came after these checks joins what they have named; of a field that is named already
    /// nothing more is said. A failure stays a failure.
    #[must_use]
    pub fn refuse_with(mut self, error: Error) -> Error {
        let Error::Refused(problems) = error else { return error };
        for problem in problems {
            if problem.path.is_empty() || !self.problems.iter().any(|named| named.path == problem.path) {
                self.problems.push(problem);
            }
        }
        self.problems.into()
    }

    pub fn finish(self) -> Result<()> {
        if self.problems.is_empty() { Ok(()) } else { Err(self.problems.into()) }
    }

    /// Like `finish`; `value` is what a check returned, which is None only if it named a problem.
    pub fn finish_with<T>(self, value: Option<T>) -> Result<T> {
        self.finish()?;
        value.ok_or_else(|| Error::internal("a check returned nothing and named no problem"))
    }

    /// Trimmed text of 1 to `max` characters, line breaks and tabs allowed, other control characters not.
    pub fn text(&mut self, field: &str, value: &str, max: usize) -> String {
        let text = value.trim();
        if text.is_empty() {
            self.problem(field, ErrorCode::InvalidInput, "must not be empty");
        }
        self.printable(field, text, max);
        text.to_owned()
    }

    /// Like `text`, but without line breaks and tabs.
    pub fn line(&mut self, field: &str, value: &str, max: usize) -> String {
        let text = self.text(field, value, max);
        if text.contains(['\n', '\r', '\t']) {
            self.problem(field, ErrorCode::InvalidInput, "must be a single line, without tabs");
        }
        text
    }

    /// Like `text`, but may be missing; blank means missing.
    pub fn optional_text(&mut self, field: &str, value: Option<&str>, max: usize) -> Option<String> {
        let text = value.map(str::trim).filter(|text| !text.is_empty())?;
        self.printable(field, text, max);
        Some(text.to_owned())
    }

    fn printable(&mut self, field: &str, text: &str, max: usize) {
        let length = text.chars().count();
        if length > max {
            self.problem(field, ErrorCode::InvalidInput, format!("has {length} characters; at most {max} are allowed"));
        }
        if let Some(control) = text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            let code = u32::from(control);
            self.problem(
                field,
                ErrorCode::InvalidInput,
                format!("contains the control character U+{code:04X}; remove it"),
            );
        }
    }

    pub fn within<N: PartialOrd + Display + Copy>(&mut self, field: &str, value: N, range: RangeInclusive<N>) -> N {
        if !range.contains(&value) {
            self.problem(
                field,
                ErrorCode::InvalidInput,
                format!("is {value}; it must be from {} to {}", range.start(), range.end()),
            );
        }
        value
    }

    /// An id of ours. What is malformed is named; whether it exists, and for whom, is the finder's question.
    pub fn id<T: FromStr<Err = entity::IdError>>(&mut self, field: &str, value: &str) -> Option<T> {
        match value.parse() {
            Ok(id) => Some(id),
            Err(error) => {
                self.problem(field, ErrorCode::InvalidInput, error.to_string());
                None
            }
        }
    }

    /// Like `id`, with a placeholder for what is malformed.
    pub fn required_id<T: FromStr<Err = entity::IdError> + From<uuid::Uuid>>(&mut self, field: &str, value: &str) -> T {
        self.id(field, value).unwrap_or_else(|| uuid::Uuid::nil().into())
    }

    /// ISO 4217, upper case.
    pub fn currency(&mut self, field: &str, value: &str) -> Currency {
        value.parse().unwrap_or_else(|error: MoneyError| {
            self.problem(field, ErrorCode::CurrencyNotAvailable, error.to_string());
            Currency::USD
        })
    }

    /// An exact decimal amount of `currency`, at least `least` minor units; never rounded.
    pub fn amount(&mut self, field: &str, value: &str, currency: Currency, least: i64) -> MinorUnits {
        self.amount_in(field, value, Some(currency), least)
    }

    /// [`Self::amount`]; without a currency, because what it is of could not be found, only that it is a decimal
    /// number.
    pub fn amount_in(&mut self, field: &str, value: &str, currency: Option<Currency>, least: i64) -> MinorUnits {
        let Ok(decimal) = rust_decimal::Decimal::from_str_exact(value) else {
            let shown: String = value.chars().filter(|c| !c.is_control()).take(40).collect();
            self.problem(
                field,
                ErrorCode::InvalidAmount,
                format!("\"{shown}\" is not an exact decimal number such as \"19.99\""),
            );
            return MinorUnits::ZERO;
        };
        let Some(currency) = currency else { return MinorUnits::ZERO };
        match currency.minor_units(decimal) {
            Ok(units) if units.0 < least => {
                let least = Money::new(MinorUnits(least), currency);
                self.problem(field, ErrorCode::InvalidAmount, format!("must be at least {least}"));
                units
            }
            Ok(units) => units,
            Err(error) => {
                self.problem(field, ErrorCode::InvalidAmount, error.to_string());
                MinorUnits::ZERO
            }
        }
    }

    /// A rule of Incoterms 2020, upper case.
    pub fn incoterm(&mut self, field: &str, value: &str) -> String {
        if !INCOTERMS.contains(&value) {
            let rules = INCOTERMS.join(", ");
            self.problem(field, ErrorCode::InvalidInput, format!("must be a rule of Incoterms 2020: {rules}"));
        }
        value.to_owned()
    }

    /// ISO 3166-1 alpha-2, upper case.
    pub fn country(&mut self, field: &str, value: &str) -> String {
        if !is_country(value) {
            let shown: String = value.chars().filter(|c| !c.is_control()).take(20).collect();
            let message = format!("\"{shown}\" is not an ISO 3166-1 alpha-2 country code such as BR or DE");
            self.problem(field, ErrorCode::InvalidInput, message);
        }
        value.to_owned()
    }
}

/// Whether it is an assigned code of ISO 3166-1 alpha-2, upper case.
#[must_use]
pub fn is_country(code: &str) -> bool {
    code.len() == 2 && rust_iso3166::from_alpha2(code).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_named_with_its_path() {
        let mut checks = Checks::input();
        checks.text("name", "  ", 10);
        checks.text("note", "nul\0byte", 4);
        checks.under("address", |checks| checks.country("country", "XZ"));
        let Err(Error::Refused(problems)) = checks.finish() else { panic!("must refuse") };
        let paths: Vec<String> = problems.iter().map(|problem| problem.path.join(".")).collect();
        assert_eq!(paths, ["input.name", "input.note", "input.note", "input.address.country"]);
    }

    #[test]
    fn ordinary_text_of_any_script_passes() {
        let mut checks = Checks::input();
        assert_eq!(checks.text("name", " Łódź 深圳 🎉\nline two ", 40), "Łódź 深圳 🎉\nline two");
        assert_eq!(checks.country("country", "BR"), "BR");
        assert!(checks.finish().is_ok());
    }
}

//! What an adapter says of the tables of its provider's reports, and with what it reads their rows.

use chrono::NaiveDate;
use entity::{Currency, Money};
use rust_decimal::Decimal;

use super::table::{Layout, Row, Writing};
use crate::statement::{LineKind, StatementLine};
use crate::wire::checked_id;

/// What the tables of a provider's reports mean.
pub(crate) trait Mapping: std::fmt::Debug + Send + Sync {
    fn writing(&self) -> Writing;

    /// What one row says; what it can't say is for a person to read.
    fn lines(&self, layout: &Layout, row: &Row<'_>) -> Result<Vec<ReportedLine>, String>;
}

/// A movement in a report: what a line of a statement has, and its day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReportedLine {
    pub(super) day: NaiveDate,
    pub(super) line: StatementLine,
}

/// The day, the currency and our reference, as the movements of a row share them.
#[derive(Clone, Debug)]
pub(crate) struct Booked {
    pub(crate) day: NaiveDate,
    pub(crate) currency: Currency,
    pub(crate) reference: Option<String>,
}

impl Booked {
    /// `amount` more than zero goes the way that the kind says; none of it is no line, and less is refused.
    pub(crate) fn line(&self, kind: LineKind, movement: &str, amount: Decimal) -> Result<Option<ReportedLine>, String> {
        if amount.is_zero() {
            return Ok(None);
        }
        if amount.is_sign_negative() {
            return Err(format!("a {} of {amount}", kind.name()));
        }
        let units = self.currency.minor_units(amount).map_err(|error| error.to_string())?;
        let line = StatementLine {
            kind,
            movement: checked_id(movement)?,
            reference: self.reference.clone(),
            amount: Money::new(units, self.currency),
        };
        Ok(Some(ReportedLine { day: self.day, line }))
    }

    /// What the provider takes for a movement, as a line of its own; less than nothing is given back.
    pub(crate) fn fee(&self, movement: &str, amount: Decimal) -> Result<Option<ReportedLine>, String> {
        let kind = if amount.is_sign_negative() { LineKind::OtherCredit } else { LineKind::Fee };
        self.line(kind, &format!("{movement}:fee"), amount.abs())
    }

    /// What is no movement of ours, by its direction only.
    pub(crate) fn other(&self, movement: &str, credit: Decimal) -> Result<Option<ReportedLine>, String> {
        let kind = if credit.is_sign_negative() { LineKind::OtherDebit } else { LineKind::OtherCredit };
        self.line(kind, movement, credit.abs())
    }
}

impl Row<'_> {
    /// An id of the provider's, or a reference.
    pub(crate) fn id(&self, column: &str) -> Result<String, String> {
        checked_id(self.text(column)?).map_err(|why| format!("{column:?}: {why}"))
    }

    /// A sign, digits and a point: what is grouped, or has another point, could be read in two ways.
    pub(crate) fn amount(&self, column: &str) -> Result<Decimal, String> {
        self.amount_if_given(column)?.ok_or_else(|| format!("there is nothing in {column:?}"))
    }

    /// As [`Self::amount`]; nothing is nothing.
    pub(crate) fn amount_if_given(&self, column: &str) -> Result<Option<Decimal>, String> {
        let Some(text) = self.optional(column) else { return Ok(None) };
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        let is_plain = digits.starts_with(|c: char| c.is_ascii_digit())
            && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let amount = Decimal::from_str_exact(text).ok().filter(|_parsed| is_plain);
        amount.map(Some).ok_or_else(|| format!("{column:?} is no amount: {text:?}"))
    }

    pub(crate) fn currency(&self, column: &str) -> Result<Currency, String> {
        self.text(column)?.parse().map_err(|error: entity::MoneyError| format!("{column:?}: {error}"))
    }

    /// The day that a date, or a time, begins with: by the provider's own calendar.
    pub(crate) fn day(&self, column: &str, format: &str) -> Result<NaiveDate, String> {
        let text = self.text(column)?;
        let day = NaiveDate::parse_and_remainder(text, format).ok().filter(|(_day, rest)| {
            // What follows is a time, not another digit of the year.
            !rest.starts_with(|c: char| c.is_ascii_digit())
        });
        day.map(|(day, _rest)| day).ok_or_else(|| format!("{column:?} is no date: {text:?}"))
    }
}

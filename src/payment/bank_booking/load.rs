//! What earlier reports have brought of an account, read under its lock.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate};
use entity::{BankBookingId, BankLineId, MinorUnits, bank_booking, bank_line, bank_line_booking, bank_statement};
use provider::AccountReport;
use sea_orm::sea_query::ExprTrait;
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder};

use super::known::{Known, KnownSum};
use super::likeness::Line;
use crate::app::App;
use crate::error::{Error, Result};

/// How far from its days a report can have anything in common with an earlier one.
const WINDOW: Days = Days::new(10);
pub(super) const AT_ONCE: usize = 500;

/// What earlier reports have brought.
pub(super) struct Before {
    pub(super) rows: BTreeMap<BankBookingId, bank_booking::Model>,
    pub(super) bookings: Vec<Known>,
    pub(super) sums: Vec<KnownSum>,
    /// The days of which a whole statement is here.
    pub(super) stated_days: BTreeSet<NaiveDate>,
}

pub(super) struct Loading<'a> {
    pub(super) app: &'a App,
    pub(super) transaction: &'a DatabaseTransaction,
    pub(super) provider: &'a str,
    pub(super) report: &'a AccountReport,
}

impl Loading<'_> {
    /// From the first to the last day that the report is about.
    fn days(&self, statement: Option<&bank_statement::Model>) -> (NaiveDate, NaiveDate) {
        let of_entries = self.report.entries.iter().filter_map(|entry| entry.at.map(provider::BookedAt::day));
        let of_statement = statement.and_then(|statement| statement.day.parse().ok());
        let days: Vec<NaiveDate> = of_entries.chain(of_statement).collect();
        let today = self.app.clock.now().date_naive();
        let (first, last) = (days.iter().min().copied().unwrap_or(today), days.iter().max().copied().unwrap_or(today));
        (first.checked_sub_days(WINDOW).unwrap_or(first), last.checked_add_days(WINDOW).unwrap_or(last))
    }

    fn amounts(&self) -> impl Iterator<Item = MinorUnits> {
        let of_parts = self.report.entries.iter().flat_map(|entry| &entry.parts).map(|part| part.amount);
        of_parts.chain(self.report.entries.iter().map(|entry| entry.amount))
    }

    /// As far as it can have anything to do with the report.
    pub(super) async fn load(&self, statement: Option<&bank_statement::Model>) -> Result<Before> {
        let (first, last) = self.days(statement);
        use bank_booking::{Column, Entity};
        let mut query = Entity::find()
            .filter(Column::Provider.eq(self.provider))
            .filter(Column::Account.eq(&self.report.account))
            .filter(Column::Currency.eq(self.report.currency))
            .filter(Column::Day.between(first.to_string(), last.to_string()))
            .order_by_asc(Column::Id);
        if self.report.statement.is_none() {
            // A few lines among all of the days: what they could be, and the sums that they could be in.
            let amounts: BTreeSet<MinorUnits> = self.amounts().collect();
            let sums = Column::IsSum.eq(true).and(Column::Untold.gt(0));
            let is_sum_here =
                self.report.entries.iter().any(|entry| entry.parts.len() == 1 && entry.transfers > Some(1));
            if !is_sum_here && amounts.len() <= AT_ONCE {
                query = query.filter(Column::Amount.is_in(amounts).or(sums));
            }
        }
        let rows = query.all(self.transaction).await?;
        let (mut lines, sums) = self.lines_of(rows.iter().map(|row| row.id).collect()).await?;
        for sum in &sums {
            // What of a sum nobody has told of has no other line.
            let rest = rows.iter().filter(|row| row.is_sum && sum.bookings.contains(&row.id));
            rest.for_each(|row| lines.entry(row.id).or_default().push(sum.line.clone()));
        }
        let known = rows.iter().map(|row| Known {
            id: row.id,
            amount: row.amount,
            is_credit: row.is_credit,
            is_reversal: row.is_reversal,
            statement: row.statement_id.map(|id| id.to_string()),
            parent: row.parent_id,
            is_sum: row.is_sum,
            untold: row.untold,
            lines: lines.remove(&row.id).unwrap_or_default(),
        });
        let bookings = known.collect();
        let stated_days = self.stated_days((first, last)).await?;
        Ok(Before { rows: rows.into_iter().map(|row| (row.id, row)).collect(), bookings, sums, stated_days })
    }

    /// Of each booking those that are of it alone; and the sums.
    async fn lines_of(
        &self,
        bookings: Vec<BankBookingId>,
    ) -> Result<(BTreeMap<BankBookingId, Vec<Line>>, Vec<KnownSum>)> {
        let mut found: BTreeMap<BankBookingId, Vec<Line>> = BTreeMap::new();
        let mut sums: BTreeMap<BankLineId, KnownSum> = BTreeMap::new();
        for bookings in bookings.chunks(AT_ONCE) {
            let pairs = bank_line_booking::Entity::find()
                .filter(bank_line_booking::Column::BookingId.is_in(bookings.iter().copied()))
                .all(self.transaction)
                .await?;
            let lines: BTreeSet<BankLineId> = pairs.iter().map(|pair| pair.line_id).collect();
            let lines = bank_line::Entity::find()
                .filter(bank_line::Column::Id.is_in(lines))
                .filter(bank_line::Column::Placed.is_in(["NEW", "KNOWN", "PART_OF", "SUM_OF"]))
                .all(self.transaction)
                .await?;
            let mut read: BTreeMap<BankLineId, (bool, MinorUnits, Line)> = BTreeMap::new();
            for row in lines {
                let json = self.app.cipher.decrypt(&row.id.to_string(), &row.encrypted_marks)?;
                let line = serde_json::from_str(&json)
                    .map_err(|_source| Error::internal(format!("{} can't be read", row.id)))?;
                read.insert(row.id, (row.placed == "SUM_OF", row.amount, line));
            }
            for pair in pairs {
                let Some((is_sum, amount, line)) = read.get(&pair.line_id) else { continue };
                if *is_sum {
                    let new = || KnownSum { amount: *amount, line: line.clone(), bookings: Vec::new() };
                    sums.entry(pair.line_id).or_insert_with(new).bookings.push(pair.booking_id);
                } else {
                    found.entry(pair.booking_id).or_default().push(line.clone());
                }
            }
        }
        Ok((found, sums.into_values().collect()))
    }

    async fn stated_days(&self, (first, last): (NaiveDate, NaiveDate)) -> Result<BTreeSet<NaiveDate>> {
        use bank_statement::{Column, Entity};
        let statements = Entity::find()
            .filter(Column::Provider.eq(self.provider))
            .filter(Column::Account.eq(&self.report.account))
            .filter(Column::Currency.eq(self.report.currency))
            .filter(Column::Day.between(first.to_string(), last.to_string()))
            .all(self.transaction)
            .await?;
        let whole = statements.iter().filter(|statement| statement.adds_up() != Some(false));
        Ok(whole.filter_map(|statement| statement.day.parse().ok()).collect())
    }
}

//! Settlement reports: files in which a provider says what it has booked, fees included, read as statements.
//!
//! A report is put into a folder of its provider's (`<PROVIDER>_REPORTS`). What its columns mean, and by which name a movement
//! is booked, its adapter says ([`Mapping`]); everything else is the same for all. A row that can't be read holds no other up,
//! and is shown with its line and why.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use entity::{Currency, MinorUnits};
use ground::setting::{SettingError, is_given, wrong};
use sha2::{Digest, Sha256};

mod mapping;
mod plain;
mod table;

pub(crate) use mapping::{Booked, Mapping, ReportedLine};
pub(crate) use plain::OwnColumns;
pub(crate) use table::{Layout, Row, Writing};

use crate::fact::Fact;
use crate::statement::{LineKind, Statement, StatementLine};
use crate::webhook::{Uninterpretable, Verified};
use table::Table;

/// The reports of a provider that has a folder for them.
#[derive(Debug)]
pub struct SettlementReports {
    folder: PathBuf,
    mapping: Box<dyn Mapping>,
}

impl SettlementReports {
    /// None while the provider has no folder for them.
    pub(crate) fn configured(
        variable: &'static str,
        folder: &Option<String>,
        mapping: impl Mapping + 'static,
    ) -> Result<Option<Self>, SettingError> {
        let Some(folder) = folder.as_deref().filter(|_path| is_given(folder)) else { return Ok(None) };
        let folder = PathBuf::from(folder.trim());
        if !folder.is_dir() {
            return Err(wrong(variable, "must be a folder that is there"));
        }
        Ok(Some(Self { folder, mapping: Box::new(mapping) }))
    }

    /// Where they are put.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What a report says.
    ///
    /// # Errors
    ///
    /// If it is none of this provider's reports.
    pub fn interpret(&self, bytes: &[u8]) -> Result<Vec<Fact>, Uninterpretable> {
        interpret(self.mapping.as_ref(), bytes).map_err(Uninterpretable)
    }
}

/// What a report is called among notifications: by this it is told from what the provider posts.
const OF_REPORTS: &str = "report:";

/// A report as the inbox keeps it: the same one under another name is the same.
#[must_use]
pub fn report_file(bytes: &[u8]) -> Verified {
    Verified { event_id: report_name(&hex::encode(Sha256::digest(bytes))), content: bytes.to_vec() }
}

/// The name by which it is read as a report.
#[must_use]
pub fn report_name(name: &str) -> String {
    format!("{OF_REPORTS}{name}")
}

/// Whether this is the name of a report.
#[must_use]
pub fn is_report(event_id: &str) -> bool {
    event_id.starts_with(OF_REPORTS)
}

fn interpret(mapping: &dyn Mapping, bytes: &[u8]) -> Result<Vec<Fact>, String> {
    let table = Table::read(bytes, mapping.writing(), &plain::LAYOUT)?;
    let (mut lines, mut problems, mut rows) = (BTreeMap::new(), Vec::new(), 0_usize);
    for row in table.rows() {
        rows += 1;
        let read = row.check_width().and_then(|()| {
            if table.layout.name == plain::LAYOUT.name { plain::lines(&row) } else { mapping.lines(table.layout, &row) }
        });
        if let Err(why) = read.and_then(|read| add(&mut lines, read)) {
            problems.push((row.line(), why));
        }
    }
    let mut statements: BTreeMap<(Currency, NaiveDate), Vec<StatementLine>> = BTreeMap::new();
    for ReportedLine { day, line } in lines.into_values() {
        statements.entry((line.amount.currency, day)).or_default().push(line);
    }
    let statement = |((currency, day), lines)| Fact::Statement(Statement { currency, day, lines });
    let mut facts: Vec<Fact> = statements.into_iter().map(statement).collect();
    if !problems.is_empty() {
        facts.push(Fact::NotUnderstood(unread(&problems, rows, table.layout.name)));
    }
    Ok(facts)
}

/// Every line is named before the first reason: what is said of a long report may be cut.
fn unread(problems: &[(u64, String)], rows: usize, report: &str) -> String {
    let lines: Vec<String> = problems.iter().map(|(line, _why)| line.to_string()).collect();
    let all = if lines.len() > 3 { format!(" (lines {})", lines.join(", ")) } else { String::new() };
    let reasons: Vec<String> = problems.iter().map(|(line, why)| format!("line {line}: {why}")).collect();
    format!(
        "{} of the {rows} rows of the report {report} can't be read, and are not compared{all}: {}",
        problems.len(),
        reasons.join("; ")
    )
}

type Lines = BTreeMap<(LineKind, String), ReportedLine>;

/// What a report says of one movement in several rows is one line. Of a row that can't be used nothing is.
fn add(lines: &mut Lines, read: Vec<ReportedLine>) -> Result<(), String> {
    let mut added = Vec::with_capacity(read.len());
    for one in read {
        let key = (one.line.kind, one.line.movement.clone());
        let mut sum = one;
        if let Some(known) = lines.get(&key) {
            if known.line.amount.currency != sum.line.amount.currency {
                return Err(format!("{} is there in two currencies", key.1));
            }
            let units = known.line.amount.amount.0.checked_add(sum.line.amount.amount.0);
            let units = units.ok_or_else(|| format!("{} is too much in all", key.1))?;
            sum = known.clone();
            sum.line.amount.amount = MinorUnits(units);
        }
        added.push((key, sum));
    }
    for (key, line) in added {
        match lines.entry(key) {
            Entry::Occupied(mut known) => {
                known.insert(line);
            }
            Entry::Vacant(free) => {
                free.insert(line);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod for_tests {
    use super::*;

    /// The lines of a report that can be read to its end: day, kind, movement, reference, amount.
    pub(crate) fn lines(
        mapping: &dyn Mapping,
        bytes: &[u8],
    ) -> Vec<(String, &'static str, String, Option<String>, String)> {
        let facts = interpret(mapping, bytes).expect("reads");
        let mut all = Vec::new();
        for fact in facts {
            let Fact::Statement(statement) = fact else { panic!("{fact:?}") };
            for line in statement.lines {
                let amount = line.amount.to_string();
                all.push((statement.day.to_string(), line.kind.name(), line.movement, line.reference, amount));
            }
        }
        all
    }

    /// Why it has rows that can't be read.
    pub(crate) fn problem(mapping: &dyn Mapping, bytes: &[u8]) -> String {
        let facts = interpret(mapping, bytes).expect("reads");
        let found =
            facts.into_iter().find_map(|fact| if let Fact::NotUnderstood(why) = fact { Some(why) } else { None });
        found.expect("something that can't be read")
    }
}

#[cfg(test)]
mod tests {
    use super::for_tests::{lines, problem};
    use super::*;

    #[derive(Debug)]
    struct Plain;

    impl Mapping for Plain {
        fn writing(&self) -> Writing {
            const LAYOUTS: &[Layout] = &[Layout {
                name: "plain",
                columns: &["id", "day", "amount", "currency"],
                not_rows: &[],
                is_summary: false,
            }];
            Writing { encoding: None, layouts: LAYOUTS }
        }

        fn lines(&self, _layout: &Layout, row: &Row<'_>) -> Result<Vec<ReportedLine>, String> {
            let day = row.day("day", "%Y-%m-%d")?;
            let booked = Booked { day, currency: row.currency("currency")?, reference: None };
            let id = row.id("id")?;
            let lines = [
                booked.line(LineKind::Capture, &id, row.amount("amount")?)?,
                booked.fee(&id, row.amount_if_given("fee")?.unwrap_or_default())?,
            ];
            Ok(lines.into_iter().flatten().collect())
        }
    }

    fn report(rows: &[&str]) -> Vec<u8> {
        format!("id,day,amount,currency,fee\n{}\n", rows.join("\n")).into_bytes()
    }

    #[test]
    fn every_movement_is_one_line_and_every_day_a_statement() {
        let read = lines(
            &Plain,
            &report(&[
                "a,2026-12-01 10:00:00,10.00,EUR,0.30",
                "b,2026-12-02T10:00:00+01:00,1000,JPY,",
                "a,2026-12-01,2.5,EUR,-0.10",
                "c,2026-12-01,0.00,EUR,0",
            ]),
        );
        let line =
            |day: &str, kind, id: &str, amount: &str| (day.to_owned(), kind, id.to_owned(), None, amount.to_owned());
        assert_eq!(
            read,
            [
                line("2026-12-01", "capture", "a", "12.50 EUR"),
                line("2026-12-01", "fee", "a:fee", "0.30 EUR"),
                line("2026-12-01", "other_credit", "a:fee", "0.10 EUR"),
                line("2026-12-02", "capture", "b", "1,000 JPY"),
            ]
        );
    }

    #[test]
    fn a_row_that_can_not_be_read_is_shown_with_its_line_and_holds_no_other_up() {
        for (row, why) in [
            ("x,2026-12-01,\"1,000.00\",EUR,", "\"amount\" is no amount: \"1,000.00\""),
            ("x,2026-12-01,1e3,EUR,", "is no amount"),
            ("x,2026-12-01,.5,EUR,", "is no amount"),
            ("x,2026-12-01,,EUR,", "nothing in \"amount\""),
            ("x,2026-12-01,-1.00,EUR,", "a capture of -1.00"),
            ("x,2026-12-01,1.001,EUR,", "1.001"),
            ("x,2026-12-01,1.00,EURO,", "\"currency\""),
            ("x,01.12.2026,1.00,EUR,", "\"day\" is no date"),
            ("x,2026-12-011,1.00,EUR,", "\"day\" is no date"),
            (",2026-12-01,1.00,EUR,", "nothing in \"id\""),
            ("x,2026-12-01,1.00,EUR", "4 fields"),
            ("a,2026-12-01,1.00,USD,", "two currencies"),
            ("x,2026-12-01,99999999999999999999,EUR,", "99999999999999999999"),
        ] {
            let bytes = report(&["a,2026-12-01,10.00,EUR,", row, "b,2026-12-01,1.00,EUR,"]);
            let shown = problem(&Plain, &bytes);
            assert!(shown.starts_with("1 of the 3 rows of the report plain can't be read"), "{shown}");
            assert!(shown.contains("line 3: ") && shown.contains(why), "{row}: {shown}");
            let facts = interpret(&Plain, &bytes).expect("reads");
            let Some(Fact::Statement(statement)) = facts.first() else { panic!("{facts:?}") };
            assert_eq!(statement.lines.len(), 2, "{row}");
        }
    }

    #[test]
    fn the_folder_has_to_be_there() {
        let configured = |path: Option<&str>| {
            SettlementReports::configured("X_REPORTS", &path.map(str::to_owned), Plain).map(|reports| reports.is_some())
        };
        assert!(matches!((configured(None), configured(Some(" "))), (Ok(false), Ok(false))));
        assert!(configured(Some(env!("CARGO_MANIFEST_DIR"))).is_ok_and(|is_on| is_on));
        assert_eq!(configured(Some("/none/such")).err().map(|error| error.variable), Some("X_REPORTS"));
    }
}

//! A table as text: its characters, its separator, its header and its rows.
//!
//! Nothing is guessed: the separator is the one by which a line has all the columns that the table must have, and a file that
//! is not in the encoding that its provider writes is not read.

use std::collections::HashMap;

use csv::{ReaderBuilder, StringRecord};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// What may separate the fields of a row.
const SEPARATORS: [u8; 4] = *b",;\t|";
/// Some files say what they are in some lines before their header.
const MOST_LINES_BEFORE: usize = 50;

/// One kind of table that a provider writes.
#[derive(Debug)]
pub(crate) struct Layout {
    /// For people to read.
    pub(crate) name: &'static str,
    /// By these it is known, and each of its rows has them. Their names are compared without regard to case.
    pub(crate) columns: &'static [&'static str],
    /// The beginnings of lines that are no rows: the end of the file, or its own sums.
    pub(crate) not_rows: &'static [&'static str],
    /// Of what another report has line by line: nothing of it is compared.
    pub(crate) is_summary: bool,
}

/// How a provider writes its files.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Writing {
    /// What it is in when it has no byte order mark and is not UTF-8.
    pub(crate) encoding: Option<&'static Encoding>,
    pub(crate) layouts: &'static [Layout],
}

/// A file, read.
#[derive(Debug)]
pub(crate) struct Table {
    /// Of the layouts: which one it is.
    pub(crate) layout: &'static Layout,
    columns: HashMap<String, usize>,
    width: usize,
    /// The lines before the header.
    before: Vec<StringRecord>,
    records: Vec<StringRecord>,
    text: String,
}

/// One row of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'a> {
    table: &'a Table,
    record: &'a StringRecord,
}

impl Table {
    /// # Errors
    ///
    /// If it can't be read, or has none of the layouts.
    pub(super) fn read(bytes: &[u8], writing: Writing, more: &'static Layout) -> Result<Self, String> {
        let text = decode(bytes, writing.encoding)?;
        let layouts: Vec<&'static Layout> = writing.layouts.iter().chain([more]).collect();
        let found = SEPARATORS.iter().find_map(|separator| Self::separated_by(*separator, &text, &layouts));
        found.unwrap_or_else(|| {
            let known: Vec<String> =
                layouts.iter().map(|layout| format!("{} ({})", layout.name, layout.columns.join(", "))).collect();
            Err(format!("none of its first lines has the columns of a report that is known here: {}", known.join("; ")))
        })
    }

    fn separated_by(separator: u8, text: &str, layouts: &[&'static Layout]) -> Option<Result<Self, String>> {
        let mut reader =
            ReaderBuilder::new().delimiter(separator).has_headers(false).flexible(true).from_reader(text.as_bytes());
        let mut records = reader.records();
        let mut before = Vec::new();
        for record in records.by_ref().take(MOST_LINES_BEFORE) {
            let Ok(header) = record else { return None };
            let mut columns = HashMap::new();
            let mut twice = None;
            for (index, name) in header.iter().enumerate() {
                let name = key(name);
                if !name.is_empty() && columns.insert(name.clone(), index).is_some() {
                    twice = Some(name);
                }
            }
            let is = |layout: &&&'static Layout| layout.columns.iter().all(|name| columns.contains_key(&key(name)));
            let Some(layout) = layouts.iter().find(is).copied() else {
                before.push(header);
                continue;
            };
            if let Some(name) = twice {
                return Some(Err(format!("it has the column {name:?} twice")));
            }
            let rest: Result<Vec<StringRecord>, _> = records.collect();
            let (width, before) = (header.len(), std::mem::take(&mut before));
            return Some(
                rest.map(|records| Self { layout, columns, width, before, records, text: text.to_owned() })
                    .map_err(|error| format!("it can't be read as a table: {error}")),
            );
        }
        None
    }

    /// Those that have something in them.
    pub(crate) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.records.iter().map(|record| Row { table: self, record }).filter(|row| !row.is_none())
    }
}

impl<'a> Row<'a> {
    /// In the file, the first is 1.
    pub(crate) fn line(&self) -> u64 {
        // A position is behind the end of the last record, before the line feed and blank lines that follow.
        let behind =
            self.record.position().and_then(|position| usize::try_from(position.byte()).ok()).unwrap_or_default();
        let text = self.table.text.as_bytes();
        let ends = text.iter().skip(behind).take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let before = text.iter().take(behind.saturating_add(ends)).filter(|byte| **byte == b'\n').count();
        u64::try_from(before).unwrap_or(u64::MAX).saturating_add(1)
    }

    fn is_none(&self) -> bool {
        let first = self.record.get(0).map(str::trim).unwrap_or_default();
        let is_no_row = |beginning: &&str| first.get(..beginning.len()).is_some_and(|text| text == *beginning);
        self.table.layout.is_summary
            || self.record.iter().all(|field| field.trim().is_empty())
            || self.table.layout.not_rows.iter().any(is_no_row)
    }

    /// Fields that are there, or are too many, are in the wrong columns.
    pub(crate) fn check_width(&self) -> Result<(), String> {
        let beyond = self.record.iter().skip(self.table.width).any(|field| !field.trim().is_empty());
        if self.record.len() < self.table.width || beyond {
            return Err(format!("it has {} fields, and the header {}", self.record.len(), self.table.width));
        }
        Ok(())
    }

    /// None if there is no such column, or nothing in it.
    pub(crate) fn optional(&self, column: &str) -> Option<&'a str> {
        let index = self.table.columns.get(&key(column))?;
        self.record.get(*index).map(str::trim).filter(|text| !text.is_empty())
    }

    /// What stands under such a name in the lines before the header.
    pub(crate) fn of_the_file(&self, column: &str) -> Option<&'a str> {
        let pairs = self.table.before.iter().zip(self.table.before.iter().skip(1));
        let mut found = pairs.filter_map(|(names, values)| {
            let index = names.iter().position(|name| key(name) == key(column))?;
            values.get(index).map(str::trim).filter(|text| !text.is_empty())
        });
        found.next()
    }

    pub(crate) fn text(&self, column: &str) -> Result<&'a str, String> {
        self.optional(column).ok_or_else(|| format!("there is nothing in {column:?}"))
    }
}

fn key(column: &str) -> String {
    column.trim().trim_start_matches('\u{feff}').to_lowercase()
}

fn decode(bytes: &[u8], other: Option<&'static Encoding>) -> Result<String, String> {
    let in_one = |encoding: &'static Encoding, bytes: &[u8]| {
        let text = encoding.decode_without_bom_handling_and_without_replacement(bytes);
        text.map(std::borrow::Cow::into_owned).ok_or_else(|| format!("it is not in {}", encoding.name()))
    };
    match (bytes, other) {
        ([0xef, 0xbb, 0xbf, rest @ ..], _) => in_one(UTF_8, rest),
        ([0xff, 0xfe, rest @ ..], _) => in_one(UTF_16LE, rest),
        ([0xfe, 0xff, rest @ ..], _) => in_one(UTF_16BE, rest),
        (plain, None) => in_one(UTF_8, plain),
        (plain, Some(other)) => in_one(UTF_8, plain).or_else(|_no| in_one(other, plain)),
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::{GB18030, WINDOWS_1251};

    use super::*;

    const LAYOUTS: &[Layout] = &[Layout {
        name: "of payments",
        columns: &["Id", "Сумма платежа"],
        not_rows: &["<END>", "#"],
        is_summary: false,
    }];

    fn writing(encoding: Option<&'static Encoding>) -> Writing {
        Writing { encoding, layouts: LAYOUTS }
    }

    fn read(bytes: &[u8], encoding: Option<&'static Encoding>) -> Vec<(u64, String, String)> {
        let table = Table::read(bytes, writing(encoding), &LAYOUTS[0]).expect("reads");
        let text = |row: &Row<'_>, column| row.text(column).expect("there").to_owned();
        table.rows().map(|row| (row.line(), text(&row, "id"), text(&row, "СУММА ПЛАТЕЖА"))).collect()
    }

    #[test]
    fn a_table_is_found_by_its_columns_whatever_separates_them_and_stands_before() {
        let expected = [(4, "p1".to_owned(), "1.00".to_owned()), (7, "p;2".to_owned(), "2".to_owned())];
        for separator in [",", ";", "\t", "|"] {
            let lines = [
                "# A report, for us; of a day",
                "",
                "ID,other,Сумма платежа",
                "p1,x, 1.00 ",
                ",,",
                "#,sum,3.00",
                "\"p;2\",\"y\nz\",2",
                "<END>",
            ];
            let text = lines.map(|line| line.replace(',', separator)).join("\r\n");
            assert_eq!(read(text.as_bytes(), None), expected, "{separator:?}");
            assert_eq!(read(format!("\u{feff}{text}").as_bytes(), None), expected, "with a mark");
            let utf_16: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
            assert_eq!(read(&utf_16, None), expected, "UTF-16");
            for encoding in [WINDOWS_1251, GB18030] {
                assert_eq!(read(&encoding.encode(&text).0, Some(encoding)), expected, "{}", encoding.name());
            }
        }
    }

    #[test]
    fn what_is_no_such_table_says_why() {
        let problem = |bytes: &[u8]| Table::read(bytes, writing(None), &LAYOUTS[0]).expect_err("must refuse");
        for text in ["", "a,b\n1,2\n", "Id;Сумма\n", "<xml/>"] {
            assert!(problem(text.as_bytes()).contains("of payments (Id, Сумма платежа)"), "{text}");
        }
        assert!(problem(&WINDOWS_1251.encode("Id;Сумма платежа\n").0).contains("not in UTF-8"));
        assert!(problem("Id,Сумма платежа,ID\n".as_bytes()).contains("twice"));
    }

    #[test]
    fn a_row_has_as_many_fields_as_the_header() {
        let table =
            Table::read("Id,Сумма платежа,x\na,1,\nb,1\nc,1,,\nd,1,,2\n".as_bytes(), writing(None), &LAYOUTS[0]);
        let widths: Vec<bool> = table.expect("reads").rows().map(|row| row.check_width().is_ok()).collect();
        assert_eq!(widths, [true, false, true, false]);
    }
}

//! The layout that every provider's folder takes beside its own: for reports that have no published columns, or that somebody
//! has to put together from what a provider shows.

use rust_decimal::Decimal;

use super::mapping::{Booked, Mapping, ReportedLine};
use super::table::{Layout, Row, Writing};
use crate::statement::LineKind;

pub(super) static LAYOUT: Layout = Layout {
    name: "of our own columns",
    columns: &["kind", "movement", "amount", "currency", "day"],
    not_rows: &[],
    is_summary: false,
};

/// `kind` as in the keys of our movements; `movement` is the provider's id, by which its notifications book.
pub(super) fn lines(row: &Row<'_>) -> Result<Vec<ReportedLine>, String> {
    let kind = row.text("kind")?;
    let kind = LineKind::from_name(&kind.to_lowercase()).ok_or_else(|| format!("the kind {kind:?} is unknown"))?;
    let reference = row.optional("reference").map(str::to_owned);
    let booked = Booked { day: row.day("day", "%Y-%m-%d")?, currency: row.currency("currency")?, reference };
    let movement = row.id("movement")?;
    let fee = row.amount_if_given("fee")?.unwrap_or(Decimal::ZERO);
    let lines = [booked.line(kind, &movement, row.amount("amount")?)?, booked.fee(&movement, fee)?];
    Ok(lines.into_iter().flatten().collect())
}

/// For providers that have no columns of their own.
#[derive(Debug)]
pub(crate) struct OwnColumns;

impl Mapping for OwnColumns {
    fn writing(&self) -> Writing {
        Writing { encoding: None, layouts: &[] }
    }

    fn lines(&self, layout: &Layout, _row: &Row<'_>) -> Result<Vec<ReportedLine>, String> {
        Err(format!("the layout {} is unknown", layout.name))
    }
}

#[cfg(test)]
mod tests {
    use super::OwnColumns;
    use crate::settlement::for_tests::{lines, problem};

    const HEADER: &str = "Day;Kind;Movement;Reference;Amount;Currency;Fee\n";

    #[test]
    fn every_kind_can_be_said() {
        let rows = "2026-12-01;capture;payment_a;ours;100.00;USD;2.50\n\
                    2026-12-01;REFUND;refund_b;;40.00;USD;\n\
                    2026-12-02;chargeback_won;d1;;3;USD;\n";
        let read = lines(&OwnColumns, format!("{HEADER}{rows}").as_bytes());
        let read: Vec<_> =
            read.iter().map(|(day, kind, id, _, amount)| format!("{day} {kind} {id} {amount}")).collect();
        assert_eq!(
            read,
            [
                "2026-12-01 capture payment_a 100.00 USD",
                "2026-12-01 refund refund_b 40.00 USD",
                "2026-12-01 fee payment_a:fee 2.50 USD",
                "2026-12-02 chargeback_won d1 3.00 USD",
            ]
        );
    }

    #[test]
    fn an_unknown_kind_is_shown() {
        let shown = problem(&OwnColumns, format!("{HEADER}2026-12-01;sale;a;;1;USD;\n").as_bytes());
        assert!(shown.contains("line 2: the kind \"sale\" is unknown"), "{shown}");
    }
}

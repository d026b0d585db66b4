//! dLocal's *Settlement* report of payins, as CSV by SFTP or e-mail. Payments are compared in the currency in which they were
//! made; dLocal's fee is in the currency in which it settles, with six digits, and its sums are rounded: so is each fee here.
//!
//! Source: docs.dlocal.com/docs/reporting-payins; the columns by what others read of the same report (docs.gr4vy.com, the
//! settlement report of dLocal; wikimedia-fundraising-SmashPig, `SettlementFileParser`), because dLocal publishes none.

use entity::Currency;
use rust_decimal::{Decimal, RoundingStrategy};

use crate::settlement::{Booked, Layout, Mapping, ReportedLine, Row, Writing};
use crate::statement::LineKind;

const LAYOUTS: &[Layout] = &[Layout {
    name: "settlement of payins",
    columns: &[
        "ROW_TYPE",
        "DLOCAL_TRANSACTION_ID",
        "TRANSACTION_ID",
        "CREATION_DATE",
        "LOCAL_AMOUNT",
        "LOCAL_CURRENCY",
        "FEE_AMOUNT",
        "NET_AMOUNT",
    ],
    not_rows: &[],
    is_summary: false,
}];

/// A transfer may be of a week, and is made some days later.
pub(crate) const DAYS_LATE: u64 = 14;

#[derive(Debug)]
pub(super) struct Settlement;

impl Mapping for Settlement {
    fn writing(&self) -> Writing {
        Writing { encoding: None, layouts: LAYOUTS }
    }

    fn lines(&self, _layout: &Layout, row: &Row<'_>) -> Result<Vec<ReportedLine>, String> {
        let settled =
            row.of_the_file("SETTLEMENT_CURRENCY").ok_or("there is no SETTLEMENT_CURRENCY above the header")?;
        let settled: Currency = settled.parse().map_err(|error: entity::MoneyError| error.to_string())?;
        let at = if row.optional("APPROVED_DATE").is_some() { "APPROVED_DATE" } else { "CREATION_DATE" };
        let kind = match row.text("ROW_TYPE")?.to_ascii_uppercase().as_str() {
            "TRANSACTION" | "PAYMENT" | "PAYIN" => LineKind::Capture,
            "REFUND" => LineKind::Refund,
            "CHARGEBACK" => LineKind::Chargeback,
            "CHARGEBACK_REVERSAL" => LineKind::ChargebackWon,
            "SETTLEMENT_FEE" | "ADJUSTMENT" => return of_the_transfer(row, at, settled),
            other => return Err(format!("the ROW_TYPE {other:?} is unknown")),
        };
        let (id, day) = (row.id("DLOCAL_TRANSACTION_ID")?, row.day(at, "%Y-%m-%d")?);
        let reference = row.optional("TRANSACTION_ID").map(str::to_owned);
        let paid = Booked { day, currency: row.currency("LOCAL_CURRENCY")?, reference: reference.clone() };
        let fee = rounded(row.amount("FEE_AMOUNT")?.abs(), settled);
        let lines = [
            // What goes away has less than nothing.
            paid.line(kind, &id, row.amount("LOCAL_AMOUNT")?.abs())?,
            Booked { day, currency: settled, reference }.fee(&id, fee)?,
        ];
        Ok(lines.into_iter().flatten().collect())
    }
}

/// What dLocal takes of a transfer as a whole.
fn of_the_transfer(row: &Row<'_>, at: &str, settled: Currency) -> Result<Vec<ReportedLine>, String> {
    let booked = Booked { day: row.day(at, "%Y-%m-%d")?, currency: settled, reference: None };
    let fee = rounded(-row.amount("NET_AMOUNT")?, settled);
    Ok(booked.fee(&row.id("DLOCAL_TRANSACTION_ID")?, fee)?.into_iter().collect())
}

fn rounded(amount: Decimal, currency: Currency) -> Decimal {
    amount.round_dp_with_strategy(currency.digits(), RoundingStrategy::MidpointNearestEven)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settlement::for_tests::{lines, problem};

    const TOP: &str = "ROW_TYPE,SETTLEMENT_CURRENCY,TRANSFER_DATE,NET_TOTAL_AMOUNT,,,,,\nHEADER,USD,2026-12-05,12.34,,,,,\n\
        ROW_TYPE,DLOCAL_TRANSACTION_ID,TRANSACTION_ID,CREATION_DATE,APPROVED_DATE,LOCAL_AMOUNT,LOCAL_CURRENCY,GROSS_AMOUNT,FEE_AMOUNT,NET_AMOUNT\n";

    fn report(rows: &[&str]) -> Vec<u8> {
        format!("{TOP}{}\n", rows.join("\n")).into_bytes()
    }

    #[test]
    fn payments_are_in_their_own_currency_and_fees_in_that_of_the_settlement() {
        let read = lines(
            &Settlement,
            &report(&[
                "TRANSACTION,D-4-1,payment_1,2026-12-01 10:00:00,2026-12-01 10:01:00,100.000000,BRL,20.000000,-0.612345,19.387655",
                "REFUND,REF-4-2,refund_1,2026-12-02 10:00:00,2026-12-02 10:01:00,-40.00,BRL,-8.000000,0,-8.000000",
                "CHARGEBACK,CHAR-4-3,payment_2,2026-12-02 10:00:00,2026-12-02 10:01:00,-50,BRL,-10,-15.00,-25",
                "SETTLEMENT_FEE,FEE-1,,2026-12-03,2026-12-03,,,,,-5.005",
            ]),
        );
        let read: Vec<_> =
            read.iter().map(|(day, kind, id, _, amount)| format!("{day} {kind} {id} {amount}")).collect();
        assert_eq!(
            read,
            [
                "2026-12-01 capture D-4-1 100.00 BRL",
                "2026-12-02 refund REF-4-2 40.00 BRL",
                "2026-12-02 chargeback CHAR-4-3 50.00 BRL",
                "2026-12-01 fee D-4-1:fee 0.61 USD",
                "2026-12-02 fee CHAR-4-3:fee 15.00 USD",
                "2026-12-03 fee FEE-1:fee 5.00 USD",
            ]
        );
    }

    #[test]
    fn what_is_unknown_is_shown() {
        for (row, why) in [
            ("LOAN,D-1,p,2026-12-01,2026-12-01,1,BRL,1,0,1", "LOAN"),
            ("TRANSACTION,D-1,p,2026-12-01,2026-12-01,1.001,BRL,1,0,1", "1.001"),
            ("TRANSACTION,,p,2026-12-01,2026-12-01,1,BRL,1,0,1", "DLOCAL_TRANSACTION_ID"),
        ] {
            let shown = problem(&Settlement, &report(&[row]));
            assert!(shown.contains("line 4") && shown.contains(why), "{shown}");
        }
    }
}

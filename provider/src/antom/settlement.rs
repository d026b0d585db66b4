//! Antom's *Settlement details* report of a settlement batch. Amounts are whole minor units; a fee is what lies between the
//! amount of a transaction and what of it is settled, because the signs of the fees' own columns differ by acquirer.
//!
//! Source: docs.antom.com/ac/reconcile (`settlement_details`, `field_summary`), and the samples of the settlement summary.

use entity::Currency;
use rust_decimal::Decimal;

use crate::settlement::{Booked, Layout, Mapping, ReportedLine, Row, Writing};
use crate::statement::LineKind;

const LAYOUTS: &[Layout] = &[
    Layout {
        name: "settlement details",
        columns: &[
            "settlementBatchId",
            "transactionId",
            "transactionType",
            "transactionAmountValue",
            "transactionCurrency",
            "settlementAmountValue",
            "settlementCurrency",
        ],
        not_rows: &["<END>"],
        is_summary: false,
    },
    // The sums of the same batch.
    Layout {
        name: "settlement summary",
        columns: &["settlementBatchId", "summaryType", "settlementAmountValue"],
        not_rows: &[],
        is_summary: true,
    },
];

/// When it was done: the newer reports have another name for it.
const DONE_AT: [&str; 2] = ["transactionCompletionTime", "paymentTime"];

/// A contract's cycle may be a week.
pub(crate) const DAYS_LATE: u64 = 8;

#[derive(Debug)]
pub(super) struct SettlementDetails;

impl Mapping for SettlementDetails {
    fn writing(&self) -> Writing {
        Writing { encoding: None, layouts: LAYOUTS }
    }

    fn lines(&self, _layout: &Layout, row: &Row<'_>) -> Result<Vec<ReportedLine>, String> {
        let settled = row.currency("settlementCurrency")?;
        let net = units(row, "settlementAmountValue", settled)?;
        let done_at = DONE_AT.into_iter().find(|column| row.optional(column).is_some());
        let day = done_at.or_else(|| {
            ["settlementInitiatedDate", "settlementTime"].into_iter().find(|at| row.optional(at).is_some())
        });
        let day = row.day(day.unwrap_or(DONE_AT[0]), "%Y-%m-%d")?;
        let reference = row.optional("transactionRequestId").map(str::to_owned);
        let booked = Booked { day, currency: settled, reference };
        let of_a_transaction = match row.text("transactionType")?.to_ascii_uppercase().as_str() {
            "PAYMENT" => Some((LineKind::Capture, row.id("transactionId")?)),
            "CAPTURE" => Some((LineKind::Capture, row.id("originalTransactionId")?)),
            "REFUND" => Some((LineKind::Refund, row.id("transactionId")?)),
            "REFUND_REVERSAL" => Some((LineKind::RefundReturned, row.id("transactionId")?)),
            "DISPUTE" if net.is_sign_negative() => Some((LineKind::Chargeback, row.id("transactionId")?)),
            "DISPUTE" => Some((LineKind::ChargebackWon, row.id("transactionId")?)),
            // No money moves.
            "AUTHORIZATION" | "VOID" => return Ok(Vec::new()),
            _of_the_account => None,
        };
        let Some((kind, movement)) = of_a_transaction else {
            let name = format!("{} {}", row.id("settlementBatchId")?, row.text("transactionType")?);
            let name = row.optional("transactionId").map_or_else(|| name.clone(), |id| format!("{name} {id}"));
            return Ok(booked.other(&name, net)?.into_iter().collect());
        };
        let currency = row.currency("transactionCurrency")?;
        if currency != settled {
            return Err(format!(
                "it is settled in {settled}, and was in {currency}: the contract has to settle in {currency}"
            ));
        }
        let gross = units(row, "transactionAmountValue", currency)?.abs();
        let is_credit = matches!(kind, LineKind::Capture | LineKind::RefundReturned | LineKind::ChargebackWon);
        let fee = if is_credit { gross - net } else { -net - gross };
        let lines = [booked.line(kind, &movement, gross)?, booked.fee(&movement, fee)?];
        Ok(lines.into_iter().flatten().collect())
    }
}

fn units(row: &Row<'_>, column: &str, currency: Currency) -> Result<Decimal, String> {
    let mut amount = row.amount(column)?;
    if amount.scale() != 0 {
        return Err(format!("{column:?} is no whole number of the smallest unit: {amount}"));
    }
    amount.set_scale(currency.digits()).map_err(|error| error.to_string())?;
    Ok(amount)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settlement::for_tests::{lines, problem};

    const HEADER: &str = "settlementBatchId,customerId,PSP,transactionId,originalTransactionId,transactionRequestId,transactionType,\
        transactionCompletionTime,transactionAmountValue,transactionCurrency,settlementAmountValue,settlementCurrency,feeAmountValue,feeCurrency";

    fn report(rows: &[&str]) -> Vec<u8> {
        format!("{HEADER}\n{}\n<END>\n", rows.join("\n")).into_bytes()
    }

    #[test]
    fn every_type_has_the_name_of_its_notification() {
        let read = lines(
            &SettlementDetails,
            &report(&[
                "B1,C,P,2026A,,payment_1,PAYMENT,2026-12-01T09:00:00+08:00,10000,EUR,9750,EUR,-250,EUR",
                "B1,C,P,2026R,2026A,refund_1,REFUND,2026-12-02T09:00:00+08:00,-4000,EUR,-3900,EUR,100,EUR",
                "B1,C,P,2026D,2026A,,DISPUTE,2026-12-02T09:00:00+08:00,10000,EUR,-11500,EUR,-1500,EUR",
                "B1,C,P,,,,ADJUSTMENT_FEE,2026-12-02T09:00:00+08:00,,,-7,EUR,-7,EUR",
                "B1,C,P,2026J,,payment_2,PAYMENT,2026-12-01T09:00:00+08:00,500,JPY,490,JPY,10,JPY",
            ]),
        );
        let read: Vec<_> =
            read.iter().map(|(day, kind, id, _, amount)| format!("{day} {kind} {id} {amount}")).collect();
        assert_eq!(
            read,
            [
                "2026-12-01 capture 2026A 100.00 EUR",
                "2026-12-01 fee 2026A:fee 2.50 EUR",
                "2026-12-02 refund 2026R 40.00 EUR",
                "2026-12-02 chargeback 2026D 100.00 EUR",
                "2026-12-02 fee 2026D:fee 15.00 EUR",
                "2026-12-02 other_credit 2026R:fee 1.00 EUR",
                "2026-12-02 other_debit B1 ADJUSTMENT_FEE 0.07 EUR",
                "2026-12-01 capture 2026J 500 JPY",
                "2026-12-01 fee 2026J:fee 10 JPY",
            ]
        );
    }

    #[test]
    fn what_is_converted_or_no_whole_unit_is_shown_and_the_summary_is_no_report() {
        for (row, why) in [
            ("B1,C,P,2026A,,p,PAYMENT,2026-12-01T09:00:00+08:00,10000,USD,9000,EUR,,", "settled in EUR"),
            ("B1,C,P,2026A,,p,PAYMENT,2026-12-01T09:00:00+08:00,100.00,EUR,97.50,EUR,,", "smallest unit"),
            ("B1,C,P,2026A,,p,PAYMENT,,10000,EUR,9750,EUR,,", "transactionCompletionTime"),
        ] {
            let shown = problem(&SettlementDetails, &report(&[row]));
            assert!(shown.contains("line 2") && shown.contains(why), "{shown}");
        }
        let summary = "settlementBatchId,customerId,summaryType,count,settlementAmountValue,settlementCurrency\nB1,C,TOTAL,2,725,EUR\n<END>\n";
        assert_eq!(lines(&SettlementDetails, summary.as_bytes()), []);
    }
}

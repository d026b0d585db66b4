//! Adyen's *Settlement details* report: what was settled, given back, disputed and charged in a batch.
//!
//! `Creation Date` is by the time zone of the account. Amounts are in two currencies: what was paid (GC), and what Adyen pays
//! out (NC), which is also the one of its fees. Our movements are in the first.
//!
//! Source: docs.adyen.com, settlement details report (columns), journal types.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::settlement::{Booked, Layout, Mapping, ReportedLine, Row, Writing};
use crate::statement::LineKind;

const LAYOUTS: &[Layout] = &[Layout {
    name: "settlement details",
    columns: &[
        "Merchant Account",
        "Psp Reference",
        "Merchant Reference",
        "Creation Date",
        "Type",
        "Modification Reference",
        "Gross Currency",
        "Gross Debit (GC)",
        "Gross Credit (GC)",
        "Net Currency",
        "Net Debit (NC)",
        "Net Credit (NC)",
        "Commission (NC)",
        "Markup (NC)",
        "Scheme Fees (NC)",
        "Interchange (NC)",
        "Batch Number",
    ],
    not_rows: &[],
    is_summary: false,
}];

const FEES: [&str; 4] = ["Commission (NC)", "Markup (NC)", "Scheme Fees (NC)", "Interchange (NC)"];

/// A card's scheme settles within some days, and Adyen closes a batch when it pays out.
pub(crate) const DAYS_LATE: u64 = 7;

#[derive(Debug)]
pub(super) struct SettlementDetails {
    /// Ours; a report of the company has those of others as well.
    pub(super) account: String,
}

impl Mapping for SettlementDetails {
    fn writing(&self) -> Writing {
        Writing { encoding: None, layouts: LAYOUTS }
    }

    fn lines(&self, _layout: &Layout, row: &Row<'_>) -> Result<Vec<ReportedLine>, String> {
        if row.text("Merchant Account")? != self.account {
            return Ok(Vec::new());
        }
        let day = row.day("Creation Date", "%Y-%m-%d")?;
        let kind = row.text("Type")?;
        let Some((kind, suffix)) = of_a_payment(kind) else { return of_the_account(row, day, kind) };
        // What is paid by one capture is called by the payment; everything else by its own reference.
        let (movement, reference) = if kind == LineKind::Capture {
            (row.id("Psp Reference")?, row.optional("Merchant Reference"))
        } else {
            (row.id("Modification Reference")?, row.optional("Modification Merchant Reference"))
        };
        let movement = format!("{movement}{suffix}");
        let reference = reference.map(str::to_owned);
        let gross = balance(row, "Gross Debit (GC)", "Gross Credit (GC)")?;
        let gross = gross.ok_or("it has no gross amount")?;
        let is_credit = matches!(kind, LineKind::Capture | LineKind::ChargebackWon | LineKind::RefundReturned);
        let paid = Booked { day, currency: row.currency("Gross Currency")?, reference: reference.clone() };
        let settled = Booked { day, currency: row.currency("Net Currency")?, reference };
        let fees = fees(row, paid.currency == settled.currency, gross)?;
        let lines =
            [paid.line(kind, &movement, if is_credit { gross } else { -gross })?, settled.fee(&movement, fees)?];
        Ok(lines.into_iter().flatten().collect())
    }
}

/// What a movement of a payment is to us, and what our name of it ends with: as in the notifications.
fn of_a_payment(kind: &str) -> Option<(LineKind, &'static str)> {
    Some(match kind {
        "Settled" | "SettledBulk" => (LineKind::Capture, ""),
        "Refunded" | "RefundedBulk" => (LineKind::Refund, ""),
        "RefundedReversed" => (LineKind::RefundReturned, ":failed"),
        "Chargeback" => (LineKind::Chargeback, ""),
        "ChargebackReversed" => (LineKind::ChargebackWon, ":reversed"),
        "SecondChargeback" => (LineKind::Chargeback, ":second"),
        _of_the_account => return None,
    })
}

/// What Adyen books for itself, or pays out to our bank: it has no payment, so the batch is a part of its name.
fn of_the_account(row: &Row<'_>, day: NaiveDate, kind: &str) -> Result<Vec<ReportedLine>, String> {
    let named = row.optional("Modification Reference").or_else(|| row.optional("Psp Reference")).unwrap_or_default();
    let movement = format!("{} {kind} {named}", row.id("Batch Number")?);
    let booked = Booked { day, currency: row.currency("Net Currency")?, reference: Some(format!("{kind} {named}")) };
    let net = balance(row, "Net Debit (NC)", "Net Credit (NC)")?.ok_or("it has no net amount")?;
    let line = match kind {
        "Fee" | "InvoiceDeduction" | "PaymentCost" | "MiscCosts" if net.is_sign_negative() => {
            booked.line(LineKind::Fee, movement.trim_end(), -net)?
        }
        _other => booked.other(movement.trim_end(), net)?,
    };
    Ok(line.into_iter().collect())
}

/// Credit less debit; None if there is neither.
fn balance(row: &Row<'_>, debit: &str, credit: &str) -> Result<Option<Decimal>, String> {
    Ok(match (row.amount_if_given(debit)?, row.amount_if_given(credit)?) {
        (None, None) => None,
        (debit, credit) => Some(credit.unwrap_or_default() - debit.unwrap_or_default()),
    })
}

/// Adyen writes its fees with more digits than the currency has; in one currency their sum is gross less net.
fn fees(row: &Row<'_>, in_one_currency: bool, gross: Decimal) -> Result<Decimal, String> {
    let net = balance(row, "Net Debit (NC)", "Net Credit (NC)")?;
    if let Some(net) = net.filter(|_net| in_one_currency) {
        return Ok(gross - net);
    }
    FEES.iter().try_fold(Decimal::ZERO, |sum, fee| Ok(sum + row.amount_if_given(fee)?.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settlement::for_tests::{lines, problem};

    const HEADER: &str = "Company Account,Merchant Account,Psp Reference,Merchant Reference,Payment Method,Creation Date,\
        TimeZone,Type,Modification Reference,Gross Currency,Gross Debit (GC),Gross Credit (GC),Exchange Rate,Net Currency,\
        Net Debit (NC),Net Credit (NC),Commission (NC),Markup (NC),Scheme Fees (NC),Interchange (NC),\
        Payment Method Variant,Modification Merchant Reference,Batch Number";

    fn report(rows: &[&str]) -> Vec<u8> {
        format!("{HEADER}\n{}\n", rows.join("\n")).into_bytes()
    }

    fn details() -> SettlementDetails {
        SettlementDetails { account: "Shop".to_owned() }
    }

    #[test]
    fn every_type_of_a_payment_has_the_name_of_its_notification() {
        let row = |kind: &str, modification: &str, gross: &str, net: &str, fees: &str| {
            format!(
                "Co,Shop,PSP0000000000001,payment_1,visa,2026-12-01 09:00:00,CET,{kind},{modification},EUR,{gross},1,EUR,{net},{fees},visa,,7"
            )
        };
        let rows = [
            row("Settled", "MOD0000000000001", ",100.00", ",98.75", ",0.2534,0.4966,0.50"),
            row("Refunded", "MOD0000000000002", "30.00,", "30.10,", "0.10,,,"),
            row("RefundedReversed", "MOD0000000000002", ",30.00", ",30.00", ",,,"),
            row("Chargeback", "MOD0000000000003", "100.00,", "115.00,", ",,,"),
            row("ChargebackReversed", "MOD0000000000003", ",100.00", ",100.00", ",,,"),
            row("SecondChargeback", "MOD0000000000003", "100.00,", "100.00,", ",,,"),
        ];
        let read = lines(&details(), &report(&rows.iter().map(String::as_str).collect::<Vec<_>>()));
        let read: Vec<_> = read
            .iter()
            .map(|(day, kind, movement, reference, amount)| {
                assert_eq!(day, "2026-12-01");
                (*kind, movement.as_str(), reference.as_deref(), amount.as_str())
            })
            .collect();
        assert_eq!(
            read,
            [
                ("capture", "PSP0000000000001", Some("payment_1"), "100.00 EUR"),
                ("refund", "MOD0000000000002", None, "30.00 EUR"),
                ("refund_failed", "MOD0000000000002:failed", None, "30.00 EUR"),
                ("chargeback", "MOD0000000000003", None, "100.00 EUR"),
                ("chargeback", "MOD0000000000003:second", None, "100.00 EUR"),
                ("chargeback_won", "MOD0000000000003:reversed", None, "100.00 EUR"),
                ("fee", "MOD0000000000002:fee", None, "0.10 EUR"),
                ("fee", "MOD0000000000003:fee", None, "15.00 EUR"),
                ("fee", "PSP0000000000001:fee", Some("payment_1"), "1.25 EUR"),
            ]
        );
    }

    #[test]
    fn what_is_of_the_account_has_its_batch_in_its_name_and_other_accounts_are_not_ours() {
        let read = lines(
            &details(),
            &report(&[
                "Co,Shop,,,,2026-12-02 00:10:00,CET,Fee,Transaction Fees November,,,,,EUR,12.40,,,,,,,,7",
                "Co,Shop,,,,2026-12-02 00:10:00,CET,MerchantPayout,\"TX7XT batch 7, Shop\",,,,,EUR,56.25,,,,,,,,7",
                "Co,Shop,,,,2026-12-02 00:10:00,CET,DepositCorrection,,,,,,EUR,,3.00,,,,,,,7",
                "Co,Other,PSP0000000000009,x,visa,2026-12-01 09:00:00,CET,Settled,MOD9,EUR,,1.00,1,EUR,,1.00,,,,,visa,,7",
            ]),
        );
        let read: Vec<_> =
            read.iter().map(|(_, kind, movement, _, amount)| (*kind, movement.as_str(), amount.as_str())).collect();
        assert_eq!(
            read,
            [
                ("fee", "7 Fee Transaction Fees November", "12.40 EUR"),
                ("other_credit", "7 DepositCorrection", "3.00 EUR"),
                ("other_debit", "7 MerchantPayout TX7XT batch 7, Shop", "56.25 EUR"),
            ]
        );
    }

    #[test]
    fn a_payment_in_another_currency_is_compared_in_its_own_and_fees_in_that_of_the_account() {
        let row = "Co,Shop,PSP0000000000001,payment_1,visa,2026-12-01 09:00:00,CET,Settled,MOD1,USD,,100.00,0.9,EUR,,88.00,,1.20,0.30,0.50,visa,,7";
        let read = lines(&details(), &report(&[row]));
        let read: Vec<_> = read.iter().map(|(_, kind, _, _, amount)| (*kind, amount.as_str())).collect();
        assert_eq!(read, [("fee", "2.00 EUR"), ("capture", "100.00 USD")]);
    }

    #[test]
    fn a_row_without_an_amount_or_in_the_wrong_direction_is_shown() {
        let row = |kind: &str, gross: &str| {
            format!(
                "Co,Shop,PSP0000000000001,p,visa,2026-12-01 09:00:00,CET,{kind},MOD1,EUR,{gross},1,EUR,,1.00,,,,,visa,,7"
            )
        };
        for (row, why) in [
            (row("Settled", ","), "no gross amount"),
            (row("Settled", "1.00,"), "a capture of -1.00"),
            (row("Refunded", ",1.00"), "a refund of -1.00"),
            (row("Settled", ",1 000.00"), "is no amount"),
        ] {
            let shown = problem(&details(), &report(&[&row]));
            assert!(shown.contains(why) && shown.contains("line 2"), "{shown}");
        }
    }
}

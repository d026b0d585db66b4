//! Bookings, however the bank reports them: on two levels, as a sum and in parts, under one reference or none, with charges.

use std::slice::from_ref;

use entity::notification::NotificationStatus;
use entity::receipt::ReceiptReason;
use entity::refund::RefundStatus;
use entity::{LedgerAccount, MinorUnits};
use escrow::Command;
use provider::Remitter;
use secure_payment::ledger;
use secure_payment::party::demo;
use serde_json::json;

use super::files::{Entry, camt_053, camt_054};
use super::transfers::{all_applied, asked, at, breaks, inbox, money, parts, receipts, tell};
use super::{Bank, EUR};
use crate::support::bank::{causes, status};
use crate::support::rail::Rail;
use crate::support::trouble::{done, provide_account, refund};
use crate::support::{TestApp, on_each_database};

on_each_database!(
    a_text_that_was_cut_elsewhere_is_the_same_booking,
    a_collective_credit_is_its_transfers_in_either_order,
    one_reference_may_stand_for_several_bookings,
    what_fills_the_field_of_a_reference_is_none,
    what_the_account_was_credited_with_is_booked,
    charges_in_a_debit_are_a_fee,
    a_debit_is_known_by_the_file_in_which_it_was_ordered,
    a_reference_is_found_in_what_the_bank_adds,
    our_code_wins_over_foreign_references,
    what_others_ordered_is_nothing_of_ours,
    a_bundle_net_of_charges_is_booked_net_or_set_aside_whole,
    what_a_later_file_explains_is_applied,
    nothing_goes_back_before_the_statement_has_it,
);

macro_rules! case {
    ($name:literal) => {
        include_str!(concat!("cases/", $name, ".xml"))
    };
}

/// On our account, with references and orders of ours.
fn ours(case: &str, names: &[(&str, &str)]) -> String {
    let case = case.replace("NL91ABNA0417164300", EUR.1).replace("CH9300762011623852957", EUR.1).replace("CHF", "EUR");
    names.iter().fold(case, |case, (placeholder, name)| case.replace(placeholder, name))
}

async fn at_the_bank(app: &TestApp) -> i64 {
    -in_euros(app, &LedgerAccount::Provider("bank".to_owned())).await
}

async fn in_euros(app: &TestApp, account: &LedgerAccount) -> i64 {
    let currency = "EUR".parse().expect("a currency");
    ledger::balance(&app.db().read, account, currency).await.expect("a balance").0
}

async fn books_are_right(rail: &Rail<'_>) {
    let found = ledger::verify(&rail.app.db.read).await.expect("verifies");
    assert!(found.is_empty(), "{found:?}");
}

async fn aside(rail: &Rail<'_>) -> Vec<(ReceiptReason, i64)> {
    receipts(rail).await.iter().map(|row| (row.reason, row.left().0)).filter(|(_, left)| *left > 0).collect()
}

async fn remitter(rail: &Rail<'_>, number: usize) -> Remitter {
    let row = &receipts(rail).await[number];
    let sealed = row.encrypted_remitter.as_deref().expect("who sent it");
    serde_json::from_str(&rail.app.cipher.decrypt(&row.id.to_string(), sealed).expect("decrypts")).expect("JSON")
}

/// A refund of 60.00, ordered at the bank: its id as banks carry it.
async fn refunded(app: &TestApp, rail: &Rail<'_>, bank: &Bank) -> (String, String) {
    let (order, payment) = asked(rail, "100.00").await;
    let paid = Entry::credit("P1", &money("100", "EUR")).text(&[&payment.reference]);
    tell(rail, bank, camt_054(EUR, from_ref(&paid))).await;
    done(app, demo::SUPPLIER, &order, Command::RefundOrder { amount: MinorUnits(6_000) }).await;
    provide_account(app, &order).await;
    rail.drain().await;
    let id = refund(app, &order).await.reference.replace('_', "-");
    (order, id)
}

async fn a_text_that_was_cut_elsewhere_is_the_same_booking(app: &TestApp) {
    let (rail, bank) = at(app).await;
    let (order, payment) = asked(&rail, "81.00").await;
    for case in [case!("01_told_twice_text_split_1"), case!("01_told_twice_text_split_2")] {
        tell(&rail, &bank, ours(case, &[("SP-XXXXXX", &payment.reference)])).await;
        assert_eq!(status(&rail.shop, &order).await, "FUNDED");
        assert_eq!((at_the_bank(app).await, aside(&rail).await), (8_100, vec![]));
    }
    // The statement first, with the reference on the other level, and the notification with a time instead of the day.
    let (order, payment) = asked(&rail, "33.10").await;
    let entry = Entry::credit("", &money("33.10", "EUR")).unnamed();
    let part = format!(
        "<TxDtls><Refs><AcctSvcrRef>L-1</AcctSvcrRef></Refs><Amt Ccy=\"EUR\">33.10</Amt><RmtInf><Ustrd>{}</Ustrd></RmtInf></TxDtls>",
        payment.reference
    );
    let stated = camt_053(EUR, from_ref(&Entry::credit("L-1", &money("33.10", "EUR")).text(&[&payment.reference])), 0);
    let notified = camt_054(EUR, from_ref(&entry.with(&part)));
    let notified = notified.replacen("<BookgDt><Dt>2026-09-30</Dt>", "<BookgDt><DtTm>2026-09-29T23:30:00Z</DtTm>", 1);
    for file in [stated, notified] {
        tell(&rail, &bank, file).await;
        assert_eq!(status(&rail.shop, &order).await, "FUNDED");
        assert_eq!((at_the_bank(app).await, aside(&rail).await), (11_410, vec![]));
    }
    all_applied(&rail).await;
    books_are_right(&rail).await;
}

async fn a_collective_credit_is_its_transfers_in_either_order(app: &TestApp) {
    let (rail, bank) = at(app).await;
    let mut booked = 0;
    for sum_first in [false, true] {
        let (one, first) = asked(&rail, "85.00").await;
        let (two, second) = asked(&rail, "86.00").await;
        let names = [
            ("SP-AAAAAA", first.reference.as_str()),
            ("SP-BBBBBB", &second.reference),
            ("COLL1", if sum_first { "COLL9" } else { "COLL1" }),
            ("ONE1", if sum_first { "ONE9" } else { "ONE1" }),
            ("TWO2", if sum_first { "TWO9" } else { "TWO2" }),
        ];
        let day = if sum_first { "2026-11-28" } else { "2026-11-30" };
        let mut files = [
            ours(case!("04_collective_credit_summary_1"), &names).replace("2026-11-30", day),
            ours(case!("04_collective_credit_summary_2"), &names).replace("2026-11-30", day),
        ];
        if sum_first {
            files.reverse();
        }
        for file in files {
            tell(&rail, &bank, file).await;
        }
        booked += 17_100;
        for order in [&one, &two] {
            assert_eq!(status(&rail.shop, order).await, "FUNDED", "{sum_first}");
        }
        assert_eq!((at_the_bank(app).await, aside(&rail).await), (booked, vec![]), "{sum_first}");
    }
    // The transfers one by one, each in its own file and without a word of the sum, after the statement.
    let (one, first) = asked(&rail, "11.00").await;
    let (two, second) = asked(&rail, "12.00").await;
    let sum = Entry::credit("COLL7", &money("23", "EUR")).with("<TxDtls><Refs/><Amt Ccy=\"EUR\">23.00</Amt></TxDtls>");
    tell(&rail, &bank, camt_053(EUR, from_ref(&sum), 0)).await;
    assert_eq!(aside(&rail).await, [(ReceiptReason::UnknownReference, 2_300)]);
    for (number, amount, code) in [("S1", "11", &first.reference), ("S2", "12", &second.reference)] {
        let transfer = Entry::credit(number, &money(amount, "EUR")).text(&[code]);
        tell(&rail, &bank, camt_054(EUR, from_ref(&transfer))).await;
        tell(&rail, &bank, camt_054(EUR, &[transfer.clone(), Entry::debit("X1", &money("1", "EUR"))])).await;
    }
    for order in [&one, &two] {
        assert_eq!(status(&rail.shop, order).await, "FUNDED");
    }
    assert_eq!((at_the_bank(app).await, aside(&rail).await), (booked + 2_300, vec![]));
    all_applied(&rail).await;
    books_are_right(&rail).await;
}

async fn one_reference_may_stand_for_several_bookings(app: &TestApp) {
    let (rail, bank) = at(app).await;
    tell(&rail, &bank, ours(case!("06_same_AcctSvcrRef_same_amount_two_payers"), &[])).await;
    assert_eq!(at_the_bank(app).await, 100_000);
    assert_eq!(aside(&rail).await, [(ReceiptReason::UnknownReference, 50_000); 2]);
    let (one, first) = asked(&rail, "153.70").await;
    let (two, second) = asked(&rail, "169.22").await;
    let names = [("SP-AAAAAA", first.reference.as_str()), ("SP-BBBBBB", &second.reference)];
    tell(&rail, &bank, ours(case!("08_same_AcctSvcrRef_two_orders"), &names)).await;
    for order in [&one, &two] {
        assert_eq!(status(&rail.shop, order).await, "FUNDED");
    }
    assert_eq!(at_the_bank(app).await, 132_292);
    // One order in two parts of one amount, on one statement; and the same reference again on another day.
    let (order, payment) = asked(&rail, "60.00").await;
    let half = Entry::credit("YEARLY", &money("20", "EUR")).text(&[&payment.reference]);
    tell(&rail, &bank, camt_053(EUR, &[half.clone(), half.clone()], 0)).await;
    assert_eq!(rail.payment(&payment.id.to_string()).await.captured.0, 4_000);
    tell(&rail, &bank, camt_054(EUR, from_ref(&half)).replace("2026-09-30", "2026-10-02")).await;
    assert_eq!(status(&rail.shop, &order).await, "FUNDED");
    assert_eq!(at_the_bank(app).await, 138_292);
    all_applied(&rail).await;
    books_are_right(&rail).await;
}

async fn what_fills_the_field_of_a_reference_is_none(app: &TestApp) {
    let (rail, bank) = at(app).await;
    for nothing in ["00000000000", "-", ".", "N/A", "NOTPROVIDED", "NOREFERENCE", "0"] {
        let (one, first) = asked(&rail, "60.00").await;
        let (two, second) = asked(&rail, "60.00").await;
        let names =
            [("SP-AAAAAA", first.reference.as_str()), ("SP-BBBBBB", &second.reference), ("00000000000", nothing)];
        tell(&rail, &bank, ours(case!("09_placeholder_AcctSvcrRef_zeros_1"), &names)).await;
        tell(&rail, &bank, ours(case!("09_placeholder_AcctSvcrRef_zeros_2"), &names)).await;
        for order in [&one, &two] {
            assert_eq!(status(&rail.shop, order).await, "FUNDED", "{nothing}");
        }
    }
    assert_eq!((at_the_bank(app).await, aside(&rail).await), (7 * 12_000, vec![]));
}

async fn what_the_account_was_credited_with_is_booked(app: &TestApp) {
    let (rail, bank) = at(app).await;
    let case = case!("10_net_credit_gross_TxAmt_with_charges");
    let (order, payment) = asked(&rail, "100.00").await;
    tell(&rail, &bank, ours(case, &[("SP-XXXXXX", &payment.reference)])).await;
    assert_eq!(status(&rail.shop, &order).await, "AWAITING_PAYMENT");
    let paid = rail.payment(&payment.id.to_string()).await;
    assert_eq!((paid.captured.0, at_the_bank(app).await), (9_500, 9_500));
    // The charge is shown to both sides, once, however often the bank reports it.
    tell(&rail, &bank, ours(case, &[("SP-XXXXXX", &payment.reference), ("<Id>N", "<Id>AGAIN-N")])).await;
    let shown =
        "query($id: ID!) { order(id: $id) { payments { captured { amount } bankCharges { amount currency } } } }";
    for token in [demo::BUYER, demo::SUPPLIER] {
        let seen = rail.shop.read(token, shown, json!({ "id": order })).await["order"]["payments"][0].take();
        let charges = json!({ "amount": "5.00", "currency": "EUR" });
        assert_eq!(seen, json!({ "captured": { "amount": "95.00" }, "bankCharges": charges }));
    }
    // Another currency was sent, and nobody knows for what: the operator sees what the bank explains.
    let foreign = ours(
        case,
        &[("SP-XXXXXX", "invoice 9"), ("C1<", "C2<"), ("<Amt Ccy=\"EUR\">100.00", "<Amt Ccy=\"USD\">110.00")],
    );
    tell(&rail, &bank, foreign).await;
    assert_eq!(aside(&rail).await, [(ReceiptReason::UnknownReference, 9_500)]);
    let text = remitter(&rail, 0).await.text.expect("a text");
    assert_eq!(text, "invoice 9 (sent 110.00 USD, charges 5.00 EUR)");
    all_applied(&rail).await;
}

async fn charges_in_a_debit_are_a_fee(app: &TestApp) {
    let (rail, bank) = at(app).await;
    let case = case!("13_refund_debit_with_our_charges");
    let variants: [(&str, &str); 3] = [
        ("", ""),
        ("<AmtDtls><TxAmt><Amt Ccy=\"EUR\">60.00</Amt></TxAmt></AmtDtls>", ""),
        ("<Chrgs><Rcrd><Amt Ccy=\"EUR\">8.00</Amt></Rcrd></Chrgs>", ""),
    ];
    for (number, (there, instead)) in (0_i64..).zip(variants) {
        let (order, id) = refunded(app, &rail, &bank).await;
        let case = if there.is_empty() { case.to_owned() } else { case.replace(there, instead) };
        let debit = ours(&case, &[("refund-ID", &id), ("R8D", &format!("R8D{number}"))]);
        tell(&rail, &bank, debit).await;
        let sent = refund(app, &order).await;
        assert_eq!((sent.status, sent.balance.0), (RefundStatus::Succeeded, 0), "{there}");
        assert_eq!(in_euros(app, &LedgerAccount::ProviderFees).await, -800 * (number + 1), "{there}");
    }
    assert_eq!(at_the_bank(app).await, 3 * (10_000 - 6_800));
    all_applied(&rail).await;
    books_are_right(&rail).await;
}

async fn a_debit_is_known_by_the_file_in_which_it_was_ordered(app: &TestApp) {
    let (rail, bank) = at(app).await;
    let case = case!("12_refund_debit_as_batch_booking");
    for (there, instead) in [("", ""), ("<MsgId>refund-ID</MsgId>", ""), ("<PmtInfId>refund-ID-1</PmtInfId>", "")] {
        let (order, id) = refunded(app, &rail, &bank).await;
        let case = if there.is_empty() { case.to_owned() } else { case.replace(there, instead) };
        let debit = ours(&case, &[("refund-ID", &id), ("R7D", &id[10..])]);
        tell(&rail, &bank, debit.clone()).await;
        assert_eq!(refund(app, &order).await.status, RefundStatus::Succeeded, "{there}");
        // On the statement by its own id.
        let entry = Entry::debit(&id[10..], &money("60", "EUR")).end_to_end(&id);
        tell(&rail, &bank, camt_053(EUR, from_ref(&entry), 0).replace("2026-09-30", "2026-11-30")).await;
    }
    assert_eq!(at_the_bank(app).await, 3 * 4_000);
    all_applied(&rail).await;
    books_are_right(&rail).await;
}

async fn a_reference_is_found_in_what_the_bank_adds(app: &TestApp) {
    let (rail, bank) = at(app).await;
    let (order, payment) = asked(&rail, "33.00").await;
    tell(&rail, &bank, ours(case!("14_reference_in_AddtlNtryInf"), &[("SP-XXXXXX", &payment.reference)])).await;
    assert_eq!(status(&rail.shop, &order).await, "FUNDED");
    for (number, place) in (0..).zip([
        "<AddtlTxInf>from A with CODE</AddtlTxInf>",
        "<RmtInf><Strd><AddtlRmtInf>goods CODE</AddtlRmtInf></Strd></RmtInf>",
        "<RmtInf><Strd><RfrdDocInf><Nb>CODE</Nb></RfrdDocInf></Strd></RmtInf>",
        "<RmtInf><Strd><RfrdDocInf><Nb>4711</Nb></RfrdDocInf></Strd><Strd><CdtrRefInf><Ref>CODE</Ref></CdtrRefInf></Strd></RmtInf>",
    ]) {
        let (order, payment) = asked(&rail, "10.00").await;
        let details = format!("<TxDtls><Refs/>{}</TxDtls>", place.replace("CODE", &payment.reference));
        let entry = Entry::credit(&format!("A{number}"), &money("10", "EUR")).with(&details);
        tell(&rail, &bank, camt_054(EUR, from_ref(&entry))).await;
        assert_eq!(status(&rail.shop, &order).await, "FUNDED", "{place}");
    }
    let (order, payment) = asked(&rail, "10.00").await;
    let details = format!("<TxDtls><Refs><InstrId>{}</InstrId></Refs></TxDtls>", payment.reference);
    tell(&rail, &bank, camt_054(EUR, &[Entry::credit("A9", &money("10", "EUR")).with(&details)])).await;
    assert_eq!(status(&rail.shop, &order).await, "FUNDED", "InstrId");
    assert_eq!(aside(&rail).await, []);
}

async fn our_code_wins_over_foreign_references(app: &TestApp) {
    let (rail, bank) = at(app).await;
    let case = case!("16_two_foreign_structured_references_ours_in_Ustrd");
    let (order, payment) = asked(&rail, "33.00").await;
    tell(&rail, &bank, ours(case, &[("SP-XXXXXX", &payment.reference)])).await;
    assert_eq!(status(&rail.shop, &order).await, "FUNDED");
    // Beside a look-alike, and beside a code whose order nobody knows.
    let (order, payment) = asked(&rail, "33.00").await;
    let look_alike = format!("SP-QQQQQQ {} SP-7K3M9Q", payment.reference);
    tell(&rail, &bank, ours(case, &[("SP-XXXXXX", &look_alike), ("D9", "D10")])).await;
    assert_eq!(status(&rail.shop, &order).await, "FUNDED");
    assert_eq!(aside(&rail).await, []);
}

async fn what_others_ordered_is_nothing_of_ours(app: &TestApp) {
    let (rail, bank) = at(app).await;
    let file = ours(case!("18_thirty_foreign_debits_hide_an_unbooked_credit"), &[]);
    tell(&rail, &bank, file).await;
    let (last, reason) = inbox(&rail).await.pop().expect("one");
    assert_eq!(aside(&rail).await, [(ReceiptReason::UnknownReference, 4_100)], "{last:?} {reason}");
    assert_eq!((at_the_bank(app).await, breaks(app).await), (4_100, vec![]));
    let foreign = Entry::debit("F1", &money("9", "EUR")).end_to_end("RENT 11");
    tell(&rail, &bank, camt_054(EUR, &[foreign, Entry::debit("F2", &money("8", "EUR"))])).await;
    all_applied(&rail).await;
    // What is written as an order of ours and is none is for a person.
    let unknown = Entry::debit("F3", &money("9", "EUR")).end_to_end("refund-01m8q1zfcwe11tvqz9y2cbjmpe");
    tell(&rail, &bank, camt_054(EUR, from_ref(&unknown))).await;
    let (last, reason) = inbox(&rail).await.pop().expect("one");
    assert!(last == NotificationStatus::Quarantined && reason.contains("no refund of ours"), "{last:?} {reason}");
}

async fn a_bundle_net_of_charges_is_booked_net_or_set_aside_whole(app: &TestApp) {
    let (rail, bank) = at(app).await;
    let (one, first) = asked(&rail, "10.00").await;
    let (two, second) = asked(&rail, "20.00").await;
    let codes = [first.reference.as_str(), &second.reference];
    // 1.00 of the second was taken on its way, and the bank says so.
    let named = parts(&[("", "10", codes[0]), ("", "20", codes[1])]);
    let charged =
        named.replacen("<RmtInf><Ustrd>", "<Chrgs><Rcrd><Amt Ccy=\"EUR\">0.00</Amt></Rcrd></Chrgs><RmtInf><Ustrd>", 1);
    let (head, tail) = charged.rsplit_once("<RmtInf>").expect("two");
    let charged = format!("{head}<Chrgs><Rcrd><Amt Ccy=\"EUR\">1.00</Amt></Rcrd></Chrgs><RmtInf>{tail}");
    tell(&rail, &bank, camt_054(EUR, &[Entry::credit("N1", &money("29", "EUR")).with(&charged)])).await;
    assert_eq!(status(&rail.shop, &one).await, "FUNDED");
    assert_eq!((status(&rail.shop, &two).await.as_str(), at_the_bank(app).await), ("AWAITING_PAYMENT", 2_900));
    // Nobody says of which it was: whole, with the parts named.
    tell(&rail, &bank, camt_054(EUR, &[Entry::credit("N2", &money("28.50", "EUR")).with(&named)])).await;
    assert_eq!(aside(&rail).await, [(ReceiptReason::UnknownReference, 2_850)]);
    let text = remitter(&rail, 0).await.text.expect("a text");
    assert!(codes.iter().all(|code| text.contains(*code)) && text.contains("20 EUR"), "{text}");
    all_applied(&rail).await;
    books_are_right(&rail).await;
}

async fn what_a_later_file_explains_is_applied(app: &TestApp) {
    let (rail, bank) = at(app).await;
    let (order, payment) = asked(&rail, "44.00").await;
    tell(&rail, &bank, camt_054(EUR, &[Entry::credit("E1", &money("44", "EUR"))])).await;
    assert_eq!(aside(&rail).await, [(ReceiptReason::UnknownReference, 4_400)]);
    let explained = Entry::credit("E1", &money("44", "EUR")).text(&[&payment.reference]);
    tell(&rail, &bank, camt_053(EUR, from_ref(&explained), 0)).await;
    assert_eq!(status(&rail.shop, &order).await, "FUNDED");
    assert_eq!((at_the_bank(app).await, aside(&rail).await), (4_400, vec![]));
    assert_eq!(causes(&rail.shop).await, ["funds.unapplied", "funds.applied"]);
    all_applied(&rail).await;
    books_are_right(&rail).await;
}

/// A notification may be wrong, or tell of the same money in a way that nobody has thought of.
async fn nothing_goes_back_before_the_statement_has_it(app: &TestApp) {
    let (rail, bank) = at(app).await;
    let (order, payment) = asked(&rail, "10.00").await;
    let entry = Entry::credit("G1", &money("12", "EUR")).text(&[&payment.reference]);
    tell(&rail, &bank, camt_054(EUR, from_ref(&entry))).await;
    provide_account(app, &order).await;
    rail.drain().await;
    assert_eq!((refund(app, &order).await.status, bank.orders().len()), (RefundStatus::Requested, 0));
    // A statement that doesn't add up confirms nothing.
    tell(&rail, &bank, camt_053(EUR, from_ref(&entry), 1)).await;
    rail.drain().await;
    assert_eq!((refund(app, &order).await.status, bank.orders().len()), (RefundStatus::Requested, 0));
}

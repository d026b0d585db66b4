//! Money from buyers, as it really comes: with any reference, in parts, too much, too late, told several times.

use std::slice::from_ref;
use std::sync::Arc;

use chrono::TimeDelta;
use entity::notification::NotificationStatus;
use entity::payment::PaymentStatus;
use entity::receipt::ReceiptReason;
use entity::refund::RefundStatus;
use entity::{Money, notification, payment, receipt};
use provider::Remitter;
use sea_orm::{EntityTrait, QueryOrder};
use secure_payment::party::demo;
use secure_payment::payment as payments;
use serde_json::{Value, json};

use super::files::{Entry, camt_053, camt_054};
use super::{Bank, EUR, USD, start_bank};
use crate::support::bank::{causes, status};
use crate::support::purchase::text;
use crate::support::rail::{Fake, Rail};
use crate::support::trouble::{IBAN, provide_account, refund};
use crate::support::{TestApp, on_each_database};

on_each_database!(
    wires_add_up_and_the_buyer_sees_what_is_missing,
    what_is_too_much_is_set_aside_and_goes_back,
    what_comes_too_late_is_set_aside,
    money_without_a_reference_of_ours_is_set_aside_with_who_sent_it,
    money_to_another_account_of_ours_goes_back_from_there,
    a_reference_is_found_wherever_the_payer_wrote_it,
    two_references_in_one_transfer_are_none,
    a_booking_counts_once_however_often_it_is_told,
    a_statement_brings_what_no_notification_brought,
    a_statement_is_compared_with_our_books_line_by_line,
    a_break_stays_until_it_is_mended_however_old_it_is,
    a_statement_that_does_not_add_up_is_shown_and_its_money_booked,
    a_bundle_is_booked_by_its_parts_if_they_add_up,
    a_bundle_without_its_transfers_is_not_booked_on_top_of_them,
    a_booking_told_again_without_its_text_is_no_news,
    a_missing_statement_is_shown_on_a_day_without_movements,
    what_is_not_booked_or_not_ours_moves_nothing,
    a_booking_that_is_taken_back_is_reversed,
    bookings_without_a_name_are_told_apart,
);

pub(super) async fn at<'a>(app: &'a TestApp) -> (Rail<'a>, Arc<Bank>) {
    let bank = start_bank().await;
    let fake: Arc<dyn Fake> = bank.clone();
    (Rail::of(app, fake).await, bank)
}

pub(super) fn money(amount: &str, currency: &str) -> Money {
    Money::exact(amount, currency).expect("money")
}

fn eur(amount: &str) -> Money {
    money(amount, "EUR")
}

pub(super) async fn tell(rail: &Rail<'_>, bank: &Bank, file: String) {
    bank.send(file);
    rail.deliver().await;
}

pub(super) async fn receipts(rail: &Rail<'_>) -> Vec<receipt::Model> {
    let all = receipt::Entity::find().order_by_asc(receipt::Column::Id);
    all.all(&rail.app.db.read).await.expect("reads")
}

fn aside(receipts: &[receipt::Model]) -> Vec<(ReceiptReason, i64, &'static str)> {
    receipts.iter().map(|row| (row.reason, row.amount.0, row.currency.code())).collect()
}

/// What an operator sees of the notifications, oldest first.
pub(super) async fn inbox(rail: &Rail<'_>) -> Vec<(NotificationStatus, String)> {
    let all = notification::Entity::find().order_by_asc(notification::Column::Id);
    let all = all.all(&rail.app.db.read).await.expect("reads");
    all.into_iter().map(|row| (row.status, row.reason.unwrap_or_default())).collect()
}

pub(super) async fn all_applied(rail: &Rail<'_>) {
    let inbox = inbox(rail).await;
    assert!(inbox.iter().all(|row| row.0 == NotificationStatus::Applied), "{inbox:#?}");
}

/// An order with a payment that waits for money.
pub(super) async fn asked(rail: &Rail<'_>, total: &str) -> (String, payment::Model) {
    let order = rail.order(total).await;
    let payment = rail.pay(&order).await;
    (order, payment)
}

async fn wires_add_up_and_the_buyer_sees_what_is_missing(app: &TestApp) {
    let (rail, bank) = at(app).await;
    let (order, payment) = asked(&rail, "1000.00").await;
    let query = "query($id: ID!) { order(id: $id) { payments { status nextAction { ... on BankTransferAction {
        accountHolder iban bic reference creditorReference amountDue { amount currency } } } } } }";
    let shown =
        async || rail.shop.read(demo::BUYER, query, json!({ "id": order })).await["order"]["payments"][0].take();
    let instructions = shown().await["nextAction"].take();
    let code = payment.reference.clone();
    assert!(code.len() == 9 && code.starts_with("SP-"), "{code}");
    assert_eq!(
        (&instructions["accountHolder"], &instructions["iban"], &instructions["bic"], &instructions["reference"]),
        (&json!("ACME Corporation"), &json!(EUR.1), &json!("MOCKNL2A"), &json!(code))
    );
    let creditor_reference = instructions["creditorReference"].as_str().expect("one");
    assert!(creditor_reference.starts_with("RF") && creditor_reference.ends_with(&code.replace('-', "")));
    assert_eq!(instructions["amountDue"], json!({ "amount": "1000.00", "currency": "EUR" }));

    tell(&rail, &bank, camt_054(EUR, &[Entry::credit("B1", &eur("400")).text(&[&code])])).await;
    assert_eq!(status(&rail.shop, &order).await, "AWAITING_PAYMENT");
    let partly = shown().await;
    assert_eq!(
        (&partly["status"], &partly["nextAction"]["amountDue"]["amount"]),
        (&json!("PENDING"), &json!("600.00"))
    );
    tell(&rail, &bank, camt_054(EUR, &[Entry::credit("B2", &eur("600")).text(&[&code])])).await;
    assert_eq!(status(&rail.shop, &order).await, "FUNDED");
    let paid = rail.payment(&payment.id.to_string()).await;
    assert_eq!((paid.status, paid.captured.0), (PaymentStatus::Captured, 100_000));
    assert_eq!((receipts(&rail).await.len(), bank.way().calls().len()), (0, 0), "nothing is asked of the bank");
    all_applied(&rail).await;
}

async fn what_is_too_much_is_set_aside_and_goes_back(app: &TestApp) {
    let (rail, bank) = at(app).await;
    let (order, payment) = asked(&rail, "2000.00").await;
    let entry = Entry::credit("B1", &eur("2001")).end_to_end(&payment.reference);
    tell(&rail, &bank, camt_054(EUR, from_ref(&entry))).await;
    assert_eq!(status(&rail.shop, &order).await, "FUNDED");
    assert_eq!(aside(&receipts(&rail).await), [(ReceiptReason::Overpaid, 100, "EUR")]);
    assert_eq!(refund(app, &order).await.status, RefundStatus::PayeeDetailsRequired);
    assert!(bank.orders().is_empty());
    provide_account(app, &order).await;
    rail.drain().await;
    assert!(bank.orders().is_empty(), "the statement has to have it first");
    tell(&rail, &bank, camt_053(EUR, from_ref(&entry), 0)).await;
    rail.drain().await;
    let orders = bank.orders();
    assert_eq!(orders.len(), 1, "{orders:?}");
    assert_eq!((orders[0].amount, orders[0].to.as_str(), orders[0].service.as_str()), (eur("1"), IBAN, "SEPA"));
    assert_eq!(orders[0].text, format!("Refund of {}", payment.reference));
    assert_eq!(refund(app, &order).await.status, RefundStatus::Pending);
    let reference = refund(app, &order).await.reference;
    bank.settle_refund(&reference).await;
    rail.deliver().await;
    assert_eq!(refund(app, &order).await.status, RefundStatus::Succeeded);
    all_applied(&rail).await;
}

async fn what_comes_too_late_is_set_aside(app: &TestApp) {
    let (rail, bank) = at(app).await;
    let (order, payment) = asked(&rail, "100.00").await;
    app.clock().advance(TimeDelta::days(60));
    rail.drain().await;
    assert_eq!(rail.payment(&payment.id.to_string()).await.status, PaymentStatus::Cancelled);
    let lapsed = status(&rail.shop, &order).await;
    bank.pay(&payment.reference).await;
    rail.deliver().await;
    assert_eq!(status(&rail.shop, &order).await, lapsed);
    assert_eq!(aside(&receipts(&rail).await), [(ReceiptReason::OrderNotOpen, 10_000, "EUR")]);
    assert_eq!(refund(app, &order).await.status, RefundStatus::PayeeDetailsRequired);
}

async fn money_without_a_reference_of_ours_is_set_aside_with_who_sent_it(app: &TestApp) {
    let (rail, bank) = at(app).await;
    let (order, _payment) = asked(&rail, "777.00").await;
    let entry = Entry::credit("B1", &eur("777")).text(&["PAYMENT", "for goods"]).end_to_end("INV 77");
    tell(&rail, &bank, camt_054(EUR, &[entry])).await;
    assert_eq!(status(&rail.shop, &order).await, "AWAITING_PAYMENT", "never by amount or name");
    let set_aside = receipts(&rail).await;
    assert_eq!(aside(&set_aside), [(ReceiptReason::UnknownReference, 77_700, "EUR")]);
    assert_eq!((set_aside[0].order_id, set_aside[0].movement.as_str()), (None, "bank:capture:EUR/B1"));
    let sealed = set_aside[0].encrypted_remitter.as_deref().expect("who sent it");
    let text = rail.app.cipher.decrypt(&set_aside[0].id.to_string(), sealed).expect("decrypts");
    let remitter: Remitter = serde_json::from_str(&text).expect("JSON");
    assert_eq!(remitter.name.as_deref(), Some("Buyer One GmbH"));
    assert_eq!((remitter.account.as_deref(), remitter.text.as_deref()), (Some(IBAN), Some("PAYMENT for goods INV 77")));
    all_applied(&rail).await;
}

async fn money_to_another_account_of_ours_goes_back_from_there(app: &TestApp) {
    let (rail, bank) = at(app).await;
    let (order, payment) = asked(&rail, "100.00").await;
    let entry = Entry::credit("B1", &money("100", "USD")).text(&[&payment.reference]);
    tell(&rail, &bank, camt_053(USD, &[entry], 0)).await;
    assert_eq!(status(&rail.shop, &order).await, "AWAITING_PAYMENT");
    assert_eq!(aside(&receipts(&rail).await), [(ReceiptReason::WrongCurrency, 10_000, "USD")]);
    provide_account(app, &order).await;
    rail.drain().await;
    let orders = bank.orders();
    assert_eq!(orders.len(), 1, "{orders:?}");
    assert_eq!((orders[0].amount, orders[0].service.as_str()), (money("100", "USD"), ""));
}

async fn a_reference_is_found_wherever_the_payer_wrote_it(app: &TestApp) {
    let (rail, bank) = at(app).await;
    let places: [fn(Entry, &str, &str) -> Entry; 6] = [
        |entry, _code, rf| entry.structured(rf),
        |entry, _code, rf| entry.structured(&format!("{} {}", &rf[..4], rf[4..].to_lowercase())).end_to_end("INV 77"),
        |entry, code, _rf| entry.end_to_end(code),
        |entry, code, _rf| entry.text(&[&format!("order no {}", &code[..6]), &format!("{} regards", &code[6..])]),
        |entry, code, _rf| entry.text(&[&format!("goods {}", code.to_lowercase().replace('-', " "))]),
        |entry, code, rf| entry.structured(rf).end_to_end(code).text(&[code, rf]),
    ];
    for (number, place) in (1..).zip(places) {
        let (order, payment) = asked(&rail, "10.00").await;
        let rf = match payment.next_action {
            Some(payment::NextAction::BankTransfer { creditor_reference, .. }) => creditor_reference,
            other => panic!("{other:?}"),
        };
        let entry = place(Entry::credit(&format!("B{number}"), &eur("10")), &payment.reference, &rf);
        tell(&rail, &bank, camt_054(EUR, &[entry])).await;
        assert_eq!(status(&rail.shop, &order).await, "FUNDED", "place {number}");
    }
    assert_eq!(receipts(&rail).await.len(), 0);
}

async fn two_references_in_one_transfer_are_none(app: &TestApp) {
    let (rail, bank) = at(app).await;
    let (one, first) = asked(&rail, "10.00").await;
    let (two, second) = asked(&rail, "10.00").await;
    let both = format!("{} {}", first.reference, second.reference);
    tell(&rail, &bank, camt_054(EUR, &[Entry::credit("B1", &eur("20")).text(&[&both])])).await;
    for order in [&one, &two] {
        assert_eq!(status(&rail.shop, order).await, "AWAITING_PAYMENT");
    }
    assert_eq!(aside(&receipts(&rail).await), [(ReceiptReason::UnknownReference, 2_000, "EUR")]);
}

async fn a_booking_counts_once_however_often_it_is_told(app: &TestApp) {
    let (rail, bank) = at(app).await;
    let (_order, payment) = asked(&rail, "1000.00").await;
    let entry = Entry::credit("B1", &eur("400")).text(&[&payment.reference]);
    let stranger = Entry::credit("B2", &eur("5"));
    // A line twice in one file, in another file, and on the day's statement.
    tell(&rail, &bank, camt_054(EUR, &[entry.clone(), entry.clone()])).await;
    tell(&rail, &bank, camt_054(EUR, &[stranger.clone(), entry.clone()])).await;
    tell(&rail, &bank, camt_053(EUR, &[entry.clone(), stranger.clone()], 0)).await;
    tell(&rail, &bank, camt_053(EUR, &[entry, stranger], 0)).await;
    assert_eq!(rail.payment(&payment.id.to_string()).await.captured.0, 40_000);
    assert_eq!(causes(&rail.shop).await, ["payment.captured", "funds.unapplied"]);
    assert_eq!(inbox(&rail).await.len(), 3, "the same file again is the same notification");
    all_applied(&rail).await;
}

async fn a_statement_brings_what_no_notification_brought(app: &TestApp) {
    let (rail, bank) = at(app).await;
    let (order, payment) = asked(&rail, "12.50").await;
    let fee = Entry::debit("B2", &eur("0.35")).code("MDOP", "CHRG");
    let interest = Entry::debit("B3", &eur("1")).code("MDOP", "INTR");
    let entries = [Entry::credit("B1", &eur("12.50")).text(&[&payment.reference]), fee.clone(), interest];
    tell(&rail, &bank, camt_053(EUR, &entries, 0)).await;
    assert_eq!(status(&rail.shop, &order).await, "FUNDED");
    assert_eq!(
        causes(&rail.shop).await,
        ["payment.captured", "provider.fee"],
        "what the bank takes for itself is booked; what nobody can explain is not"
    );
    all_applied(&rail).await;
    assert_eq!(
        breaks(app).await,
        [("MISSING_HERE".to_owned(), "bank:other_debit:EUR/B3".to_owned(), None, Some("1.00".to_owned()))]
    );
    tell(&rail, &bank, camt_054(EUR, &[fee])).await;
    all_applied(&rail).await;
    assert_eq!(causes(&rail.shop).await, ["payment.captured", "provider.fee"]);
}

pub(super) type Break = (String, String, Option<String>, Option<String>);

/// What doesn't agree: kind, subject, ours, theirs; as the operators see it.
pub(super) async fn breaks(app: &TestApp) -> Vec<Break> {
    let query = "{ reconciliationBreaks(first: 100) { nodes { kind subject ours { amount } theirs { amount } } } }";
    let data = app.data(demo::OPERATOR, query, json!({})).await;
    let amount = |value: &Value| value["amount"].as_str().map(str::to_owned);
    let nodes = data["reconciliationBreaks"]["nodes"].as_array().expect("a list");
    let mut all: Vec<Break> = nodes
        .iter()
        .map(|node| (text(&node["kind"]), text(&node["subject"]), amount(&node["ours"]), amount(&node["theirs"])))
        .collect();
    all.sort();
    all
}

/// A statement with one missing, one extra and one wrong line yields exactly those three, until they are mended.
async fn a_statement_is_compared_with_our_books_line_by_line(app: &TestApp) {
    let (rail, bank) = at(app).await;
    let (_order, payment) = asked(&rail, "1000.00").await;
    let wire = |number: &str, amount: &str| Entry::credit(number, &eur(amount)).text(&[&payment.reference]);
    let booked = [wire("B1", "100"), wire("B2", "200"), wire("B3", "300")];
    let today = app.clock().now().date_naive().to_string();
    let statement = |entries: &[Entry]| camt_053(EUR, entries, 0).replace("2026-09-30", &today);
    tell(&rail, &bank, camt_054(EUR, &booked).replace("2026-09-30", &today)).await;
    assert_eq!(breaks(app).await, [], "no statement yet");
    // B2 is missing, B3 is another amount, and B9 is a debit that nobody ordered.
    let extra = Entry::debit("B9", &eur("7")).code("MDOP", "INTR");
    tell(&rail, &bank, statement(&[wire("B1", "100"), wire("B3", "301"), extra.clone()])).await;
    let amount = |amount: &str| Some(amount.to_owned());
    let three = [
        ("AMOUNT_DIFFERS".to_owned(), "bank:capture:EUR/B3".to_owned(), amount("300.00"), amount("301.00")),
        ("MISSING_HERE".to_owned(), "bank:other_debit:EUR/B9".to_owned(), None, amount("7.00")),
        ("MISSING_THERE".to_owned(), "bank:capture:EUR/B2".to_owned(), amount("200.00"), None),
    ];
    assert_eq!(breaks(app).await, three);
    // Told again, it is the same three; an operator may compare the day again.
    let reconcile = "mutation($input: ReconcileInput!) { reconcile(input: $input) { day errors { code } } }";
    let begun = rail.shop.read(demo::OPERATOR, reconcile, json!({ "input": { "day": today } })).await;
    assert_eq!(begun["reconcile"]["day"], json!(today));
    rail.drain().await;
    assert_eq!(breaks(app).await, three);
    // Our books are right among themselves; beside the statement they are not, and `verify` says so.
    assert_eq!(payments::verify_books(&app.db().read).await.expect("verifies"), Vec::<String>::new());
    let named = payments::verify(&app.db().read).await.expect("verifies");
    assert_eq!(named.len(), three.len(), "{named:?}");
    // The missing one comes on a later statement.
    tell(&rail, &bank, statement(&[wire("B2", "200")])).await;
    assert_eq!(breaks(app).await, three[..2]);
    assert_eq!(payments::verify(&app.db().read).await.expect("verifies").len(), 2);
    for token in [demo::BUYER, demo::SUPPLIER, demo::STOREFRONT] {
        let seen = app.graphql(token, "{ reconciliationBreaks { nodes { id } } }", json!({})).await;
        assert_eq!(seen["data"]["reconciliationBreaks"], Value::Null, "{token}");
        let refused = app.data(token, reconcile, json!({ "input": { "day": today } })).await;
        assert_eq!(refused["reconcile"]["errors"][0]["code"], "NOT_PERMITTED", "{token}");
    }
}

/// Nobody has looked into it: that it is long ago settles nothing.
async fn a_break_stays_until_it_is_mended_however_old_it_is(app: &TestApp) {
    let (rail, bank) = at(app).await;
    let (_order, payment) = asked(&rail, "1000.00").await;
    let wire = |number: &str| Entry::credit(number, &eur("100")).text(&[&payment.reference]);
    let on = |day: &str, file: String| file.replace("2026-09-30", day);
    let today = app.clock().now().date_naive();
    let then = today.to_string();
    tell(&rail, &bank, on(&then, camt_054(EUR, &[wire("B1"), wire("B2")]))).await;
    let extra = Entry::debit("B9", &eur("7")).code("MDOP", "INTR");
    tell(&rail, &bank, on(&then, camt_053(EUR, &[wire("B1"), extra], 0))).await;
    let open = breaks(app).await;
    assert_eq!(open.len(), 2, "{open:?}");
    app.clock().advance(TimeDelta::days(60));
    rail.drain().await;
    let now = app.clock().now().date_naive().to_string();
    tell(&rail, &bank, on(&now, camt_053(EUR, &[wire("B7")], 0))).await;
    rail.drain().await;
    let open_now: Vec<Break> = breaks(app).await.into_iter().filter(|one| one.0 != "NO_STATEMENT").collect();
    assert_eq!(open_now, open);
    // Nor does comparing a day of before they were found.
    let input = json!({ "input": { "day": (today - TimeDelta::days(9)).to_string() } });
    rail.shop
        .read(demo::OPERATOR, "mutation($input: ReconcileInput!) { reconcile(input: $input) { day } }", input)
        .await;
    rail.drain().await;
    let open_now: Vec<Break> = breaks(app).await.into_iter().filter(|one| one.0 != "NO_STATEMENT").collect();
    assert_eq!(open_now, open);
}

async fn a_statement_that_does_not_add_up_is_shown_and_its_money_booked(app: &TestApp) {
    let (rail, bank) = at(app).await;
    let (order, payment) = asked(&rail, "12.50").await;
    tell(&rail, &bank, camt_053(EUR, &[Entry::credit("B1", &eur("12.50")).text(&[&payment.reference])], 1)).await;
    assert_eq!(status(&rail.shop, &order).await, "FUNDED");
    all_applied(&rail).await;
    let found = breaks(app).await;
    assert!(
        matches!(found.as_slice(), [(kind, _, Some(ours), Some(theirs))]
        if kind == "AMOUNT_DIFFERS" && ours == "125012.50" && theirs == "125012.51"),
        "{found:?}"
    );
}

pub(super) fn parts(parts: &[(&str, &str, &str)]) -> String {
    let part = |(reference, amount, text): &(&str, &str, &str)| {
        let reference =
            if reference.is_empty() { String::new() } else { format!("<AcctSvcrRef>{reference}</AcctSvcrRef>") };
        format!(
            "<TxDtls><Refs>{reference}</Refs><Amt Ccy=\"EUR\">{amount}</Amt><RmtInf><Ustrd>{text}</Ustrd></RmtInf></TxDtls>"
        )
    };
    parts.iter().map(part).collect()
}

async fn a_bundle_is_booked_by_its_parts_if_they_add_up(app: &TestApp) {
    let (rail, bank) = at(app).await;
    let (one, first) = asked(&rail, "10.00").await;
    let (two, second) = asked(&rail, "20.00").await;
    let (three, third) = asked(&rail, "30.00").await;
    let codes = [&first.reference, &second.reference, &third.reference].map(String::as_str);
    let wrong = parts(&[("", "10", codes[0]), ("", "20", codes[1])]);
    tell(&rail, &bank, camt_054(EUR, &[Entry::credit("B1", &eur("30.01")).with(&wrong)])).await;
    assert_eq!(aside(&receipts(&rail).await), [(ReceiptReason::UnknownReference, 3_001, "EUR")], "whole");
    // The parts of one bundle have no names of their own, those of the other have.
    let numbered = Entry::credit("B2", &eur("30")).with(&parts(&[("B2", "10", codes[0]), ("B2", "20", codes[1])]));
    let named = Entry::credit("B3", &eur("35")).with(&parts(&[("B4", "30", codes[2]), ("B5", "5", "tip")]));
    tell(&rail, &bank, camt_054(EUR, &[numbered.clone(), named])).await;
    tell(&rail, &bank, camt_053(EUR, &[Entry::credit("B4", &eur("30")).text(&[codes[2]]), numbered], 0)).await;
    for order in [&one, &two, &three] {
        assert_eq!(status(&rail.shop, order).await, "FUNDED");
    }
    let set_aside = [(ReceiptReason::UnknownReference, 3_001, "EUR"), (ReceiptReason::UnknownReference, 500, "EUR")];
    assert_eq!(aside(&receipts(&rail).await), set_aside, "each once");
}

/// A statement that books a bundle in one sum says nothing of the transfers in it, which a notification named.
async fn a_bundle_without_its_transfers_is_not_booked_on_top_of_them(app: &TestApp) {
    let (rail, bank) = at(app).await;
    let (one, first) = asked(&rail, "10.00").await;
    let (two, second) = asked(&rail, "20.00").await;
    let codes = [&first.reference, &second.reference].map(String::as_str);
    let named = Entry::credit("B1", &eur("30")).with(&parts(&[("B2", "10", codes[0]), ("B3", "20", codes[1])]));
    tell(&rail, &bank, camt_054(EUR, &[named])).await;
    for count in ["<Btch><NbOfTxs>2</NbOfTxs></Btch>", "<Btch><MsgId>M</MsgId></Btch>"] {
        let sum = Entry::credit("B1", &eur("30")).with(count);
        tell(&rail, &bank, camt_053(EUR, &[sum], 0)).await;
        all_applied(&rail).await;
    }
    for order in [&one, &two] {
        assert_eq!(status(&rail.shop, order).await, "FUNDED");
    }
    assert_eq!(receipts(&rail).await.len(), 0, "the same money once more");
    let alone = Entry::credit("B9", &eur("5")).with("<Btch><NbOfTxs>1</NbOfTxs></Btch>");
    tell(&rail, &bank, camt_054(EUR, &[alone])).await;
    assert_eq!(aside(&receipts(&rail).await), [(ReceiptReason::UnknownReference, 500, "EUR")]);
}

/// Statements often carry less of what the payer wrote than notifications do.
async fn a_booking_told_again_without_its_text_is_no_news(app: &TestApp) {
    let (rail, bank) = at(app).await;
    let (order, payment) = asked(&rail, "10.00").await;
    tell(&rail, &bank, camt_054(EUR, &[Entry::credit("B1", &eur("10")).text(&[&payment.reference])])).await;
    tell(&rail, &bank, camt_053(EUR, &[Entry::credit("B1", &eur("10"))], 0)).await;
    assert_eq!(status(&rail.shop, &order).await, "FUNDED");
    assert_eq!(causes(&rail.shop).await, ["payment.captured"]);
    // The same reference with another amount is another booking, and nobody's.
    tell(&rail, &bank, camt_054(EUR, &[Entry::credit("B1", &eur("11"))])).await;
    assert_eq!(aside(&receipts(&rail).await), [(ReceiptReason::UnknownReference, 1_100, "EUR")]);
    all_applied(&rail).await;
}

/// On a quiet day, too: that is when nobody else would notice.
async fn a_missing_statement_is_shown_on_a_day_without_movements(app: &TestApp) {
    let (rail, bank) = at(app).await;
    let (_order, payment) = asked(&rail, "1000.00").await;
    let wire = |number: &str| Entry::credit(number, &eur("100")).text(&[&payment.reference]);
    let day = app.clock().now().date_naive().to_string();
    tell(&rail, &bank, camt_053(EUR, &[wire("B1")], 0).replace("2026-09-30", &day)).await;
    app.clock().advance(TimeDelta::days(1));
    tell(&rail, &bank, camt_054(EUR, &[wire("B2")])).await;
    app.clock().advance(TimeDelta::days(6));
    let quiet = app.clock().now().date_naive() - TimeDelta::days(1);
    secure_payment::payment::reconcile(&rail.app, "bank", quiet).await.expect("compared");
    let kinds: Vec<String> = breaks(app).await.into_iter().map(|one| one.0).collect();
    assert!(kinds.contains(&"NO_STATEMENT".to_owned()), "{kinds:?}");
}

async fn what_is_not_booked_or_not_ours_moves_nothing(app: &TestApp) {
    let (rail, bank) = at(app).await;
    let (_order, payment) = asked(&rail, "10.00").await;
    let entry = Entry::credit("B1", &eur("10")).text(&[&payment.reference]);
    tell(&rail, &bank, camt_054(EUR, &[entry.clone().status("PDNG"), entry.clone().status("INFO")])).await;
    all_applied(&rail).await;
    let honest = camt_054(EUR, from_ref(&entry));
    for (file, why) in [
        (camt_054(("EUR", IBAN), from_ref(&entry)), "none of ours"),
        (camt_054(("EUR", USD.1), from_ref(&entry)), "none of ours"),
        (camt_054(USD, from_ref(&entry)), "not in the currency of its account"),
        (camt_054(EUR, &[entry.clone().status("MAYBE")]), "whether it is booked"),
        (honest.replace("CRDT", "BOTH"), "neither a credit nor a debit"),
        (honest.replace(">10.00<", ">10.001<"), "amount"),
        (honest.replace("camt.054.001.08", "camt.052.001.08"), "camt.052 is not booked"),
        (honest.replace("camt.054.001.08", "camt.054.001.01"), "not known here"),
        (honest.replace("<Document", "<!DOCTYPE x><Document"), "DOCTYPE"),
        (honest.replace("</Document>", ""), "cut off"),
        ("no XML".to_owned(), "no XML"),
    ] {
        tell(&rail, &bank, file).await;
        let (last, reason) = inbox(&rail).await.pop().expect("one");
        assert!(last == NotificationStatus::Quarantined && reason.contains(why), "{why}: {last:?} {reason}");
    }
    assert_eq!(causes(&rail.shop).await, <[&str; 0]>::default());
    tell(&rail, &bank, honest).await;
    assert_eq!(causes(&rail.shop).await, ["payment.captured"]);
}

async fn a_booking_that_is_taken_back_is_reversed(app: &TestApp) {
    let (rail, bank) = at(app).await;
    let (order, payment) = asked(&rail, "10.00").await;
    bank.pay(&payment.reference).await;
    rail.deliver().await;
    assert_eq!(status(&rail.shop, &order).await, "FUNDED");
    let back = Entry::debit("B9", &eur("10")).text(&[&payment.reference]).reversal();
    tell(&rail, &bank, camt_054(EUR, from_ref(&back))).await;
    tell(&rail, &bank, camt_053(EUR, &[back], 0)).await;
    assert_eq!(rail.payment(&payment.id.to_string()).await.charged_back.0, 1_000);
    assert_eq!(causes(&rail.shop).await, ["payment.captured", "chargeback.opened", "payment.reversed"]);
    all_applied(&rail).await;
}

async fn bookings_without_a_name_are_told_apart(app: &TestApp) {
    let (rail, bank) = at(app).await;
    let (_order, payment) = asked(&rail, "1000.00").await;
    let of = |reference: &str| Entry::credit(reference, &eur("10")).text(&[&payment.reference]);
    let likes = [of("").unnamed(), of("NONREF"), of("NOTPROVIDED")];
    tell(&rail, &bank, camt_054(EUR, &likes[..2])).await;
    assert_eq!(rail.payment(&payment.id.to_string()).await.captured.0, 2_000);
    tell(&rail, &bank, camt_053(EUR, &likes, 0)).await;
    assert_eq!(rail.payment(&payment.id.to_string()).await.captured.0, 3_000, "the two, and one that is new");
}

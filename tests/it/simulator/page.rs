//! The checkout page plays every kind of rail: what each button does to the buyer's order.

use chrono::TimeDelta;
use entity::payment::{PaymentMethod, PaymentStatus};
use entity::receipt::ReceiptReason;
use entity::sandbox_movement::{MovementKind, MovementStatus};
use entity::{receipt, sandbox_movement};
use futures_util::future::join_all;
use reqwest::Url;
use sea_orm::{EntityTrait, Iterable};
use secrecy::ExposeSecret;
use secure_payment::party::demo;
use serde_json::{Value, json};

use crate::support::bank::{at_bank, the_payment};
use crate::support::purchase::{Shop, cancel, text};
use crate::support::steps::{confirmed, mutate, read, row, transfers};
use crate::support::{TestApp, on_each_database};

on_each_database!(
    each_method_has_the_next_action_of_its_rail,
    a_transfer_comes_short_and_then_the_rest,
    a_transfer_whose_rest_is_paid_by_card_is_captured,
    too_much_is_set_aside_until_it_is_known_where_it_goes_back_to,
    money_that_comes_after_the_order_has_lapsed_is_late,
    another_reference_is_money_that_nobody_can_match,
    what_people_make_of_the_reference_is_still_found,
    a_transfer_takes_its_time,
    a_transfer_bounces_and_is_sent_again,
    a_voucher_is_paid_as_a_whole,
    a_voucher_expires_and_the_buyer_pays_otherwise,
    a_voucher_expires_by_itself_at_its_time,
    a_card_is_declined_and_takes_no_late_money,
    what_cannot_be_sent_is_refused_with_the_reason,
    a_form_that_is_sent_twice_counts_once,
    what_the_shop_writes_is_escaped,
);

const PAYMENT: &str = "payment { id status expiresAt createdAt nextAction { __typename ... on RedirectAction { url }
    ... on BankTransferAction { accountHolder iban bic reference creditorReference page: url amountDue { amount currency } }
    ... on VoucherAction { code page: url } } } errors { code message path }";

/// A payment as GraphQL shows it, and its page.
async fn opened(app: &TestApp, order: &str, method: &str) -> (Value, String) {
    let input = json!({ "idempotencyKey": format!("{order} {method}"), "orderId": order, "method": method });
    let mut answer = mutate(app, demo::BUYER, "payOrder", "PayOrderInput", input, PAYMENT).await;
    assert_eq!(answer["errors"], json!([]), "{answer:#}");
    let payment = answer["payment"].take();
    let action = &payment["nextAction"];
    let url = text(if action["url"].is_null() { &action["page"] } else { &action["url"] });
    (payment, url)
}

/// A confirmed order over 128.00 USD that is being paid so, and the page.
async fn waiting(app: &TestApp, key: &str, method: &str) -> (String, Value, String) {
    let order = confirmed(app, key).await;
    let (payment, url) = opened(app, &order, method).await;
    (order, payment, url)
}

async fn page(app: &TestApp, url: &str) -> String {
    let answer = app.http().get(url).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let policy = answer.headers()["content-security-policy"].to_str().expect("text").to_owned();
    assert!(policy.contains("default-src 'none'"), "{policy}");
    answer.text().await.expect("a page")
}

fn says(page: &str, words: &[&str]) {
    for words in words {
        assert!(page.contains(words), "{words:?} is not in {page}");
    }
}

/// Sends the form; the status, and the page or where it leads to.
async fn submit(app: &TestApp, url: &str, fields: &[(&str, &str)]) -> (u16, String) {
    let encoded = Url::parse_with_params("http://form/", fields).expect("fields");
    let request = app.http().post(url).header("content-type", "application/x-www-form-urlencoded");
    let answer = request.body(encoded.query().unwrap_or_default().to_owned()).send().await.expect("an answer");
    let status = answer.status().as_u16();
    match answer.headers().get("location") {
        Some(location) => (status, location.to_str().expect("text").to_owned()),
        None => (status, answer.text().await.expect("a page")),
    }
}

/// Does it, and lets the server hear of it; the page as it is then.
async fn play(app: &TestApp, url: &str, fields: &[(&str, &str)]) -> String {
    let (status, location) = submit(app, url, fields).await;
    assert_eq!(status, 303, "{fields:?}: {location}");
    assert!(url.ends_with(&location), "{location} is the page itself");
    app.drain().await;
    page(app, url).await
}

async fn order_status(app: &TestApp, order: &str) -> String {
    text(&read(app, demo::BUYER, order).await["status"])
}

async fn due(app: &TestApp, payment: &Value) -> Value {
    let query = "query($id: ID!) { node(id: $id) { ... on Payment { status nextAction {
        ... on BankTransferAction { amountDue { amount } } } } } }";
    app.data(demo::BUYER, query, json!({ "id": payment["id"] })).await["node"].take()
}

async fn payment_status(app: &TestApp, payment: &Value) -> PaymentStatus {
    the_payment(app, &text(&payment["id"])).await.status
}

async fn receipts(app: &TestApp) -> Vec<receipt::Model> {
    receipt::Entity::find().all(&app.db().read).await.expect("reads")
}

async fn each_method_has_the_next_action_of_its_rail(app: &TestApp) {
    let order = confirmed(app, "k").await;
    for method in PaymentMethod::iter() {
        let (payment, url) = opened(app, &order, &method.name()).await;
        let (action, html) = (&payment["nextAction"], page(app, &url).await);
        says(&html, &["128.00 USD", "This is a simulation", "name=\"viewport\""]);
        let wanted = match method {
            PaymentMethod::BankTransfer => "BankTransferAction",
            PaymentMethod::WesternUnion => "VoucherAction",
            PaymentMethod::Visa
            | PaymentMethod::Mastercard
            | PaymentMethod::Maestro
            | PaymentMethod::Qiwi
            | PaymentMethod::Webmoney
            | PaymentMethod::Yandex
            | PaymentMethod::Tef
            | PaymentMethod::Alipay => "RedirectAction",
        };
        assert_eq!(action["__typename"], wanted, "{method:?}");
        let terms = app.app().providers.for_method(method).remove(0).1;
        match wanted {
            "BankTransferAction" => {
                assert_eq!(action["amountDue"], json!({ "amount": "128.00", "currency": "USD" }));
                let reference = text(&action["reference"]);
                assert!(reference.starts_with("SB-") && reference.len() == 11, "{reference}");
                let creditor = text(&action["creditorReference"]);
                assert!(creditor.starts_with("RF") && creditor.ends_with(&reference[3..]), "{creditor}");
                for field in ["accountHolder", "iban", "bic", "reference", "creditorReference"] {
                    says(&html, &[text(&action[field]).as_str()]);
                }
                assert!(terms.takes_parts && terms.expires_after.is_none() && !terms.chargebacks);
            }
            "VoucherAction" => {
                says(&html, &[text(&action["code"]).as_str(), "Pay at the counter", "Let it expire"]);
                assert_eq!(terms.expires_after, Some(TimeDelta::days(3)));
                let row = the_payment(app, &text(&payment["id"])).await;
                let lasts = row.expires_at.expect("an end") - row.created_at;
                assert!(lasts > TimeDelta::days(3) - TimeDelta::minutes(1) && lasts < TimeDelta::days(4), "{lasts}");
                assert!(!terms.takes_parts && !terms.refundable());
            }
            _redirect => {
                says(&html, &["Approve later", "Decline"]);
                assert_eq!((terms.expires_after, &payment["expiresAt"]), (None, &Value::Null));
            }
        }
    }
}

async fn a_transfer_comes_short_and_then_the_rest(app: &TestApp) {
    let (order, payment, url) = waiting(app, "k", "BANK_TRANSFER").await;
    let html = play(app, &url, &[("decision", "transfer"), ("amount", "28"), ("seen", "0")]).await;
    says(
        &html,
        &["28.00 USD has arrived", "payment.succeeded", "class=\"due\">100.00 USD", "Send the missing 100.00 USD"],
    );
    assert_eq!(order_status(app, &order).await, "AWAITING_PAYMENT");
    let short = json!({ "status": "PENDING", "nextAction": { "amountDue": { "amount": "100.00" } } });
    assert_eq!(due(app, &payment).await, short);

    let html = play(app, &url, &[("decision", "transfer"), ("amount", "99.99"), ("seen", "1")]).await;
    says(&html, &["class=\"due\">0.01 USD"]);
    assert_eq!(order_status(app, &order).await, "AWAITING_PAYMENT");
    let html = play(app, &url, &[("decision", "approve")]).await;
    says(&html, &[">Paid<", "class=\"due\">0.00 USD"]);
    assert_eq!(
        (order_status(app, &order).await, payment_status(app, &payment).await),
        ("FUNDED".to_owned(), PaymentStatus::Captured)
    );
    assert_eq!(due(app, &payment).await, json!({ "status": "CAPTURED", "nextAction": null }));
    let moved: Vec<_> = at_bank(app, MovementKind::Transfer).await.iter().map(|row| row.amount.0).collect();
    assert_eq!(moved, [2_800, 9_999, 1]);
}

async fn a_transfer_whose_rest_is_paid_by_card_is_captured(app: &TestApp) {
    let (order, transfer, url) = waiting(app, "k", "BANK_TRANSFER").await;
    play(app, &url, &[("decision", "transfer"), ("amount", "33.33"), ("seen", "0")]).await;
    let (card, url) = opened(app, &order, "VISA").await;
    says(&page(app, &url).await, &["94.67 USD"]);
    play(app, &url, &[("decision", "approve")]).await;
    app.drain().await;
    let statuses = (payment_status(app, &transfer).await, payment_status(app, &card).await);
    assert_eq!(statuses, (PaymentStatus::Captured, PaymentStatus::Captured));
    assert_eq!(due(app, &transfer).await, json!({ "status": "CAPTURED", "nextAction": null }));
    let captured = async |payment: &Value| the_payment(app, &text(&payment["id"])).await.captured.0;
    assert_eq!((captured(&transfer).await, captured(&card).await), (3_333, 9_467));
    let seen = read(app, demo::BUYER, &order).await;
    assert_eq!((&seen["status"], &seen["escrow"]["held"]["amount"]), (&json!("FUNDED"), &json!("128.00")));
    assert_eq!(seen["refunds"], json!([]));
}

async fn too_much_is_set_aside_until_it_is_known_where_it_goes_back_to(app: &TestApp) {
    let (order, _payment, url) = waiting(app, "k", "BANK_TRANSFER").await;
    let html = play(app, &url, &[("decision", "transfer"), ("amount", "150.00")]).await;
    says(&html, &["Paid, and too much", "22.00 USD more has arrived"]);
    let seen = read(app, demo::BUYER, &order).await;
    assert_eq!((&seen["status"], &seen["escrow"]["held"]["amount"]), (&json!("FUNDED"), &json!("128.00")));
    assert_eq!(seen["unappliedFunds"][0]["amount"]["amount"], "22.00");
    assert_eq!(seen["refunds"][0]["status"], "PAYEE_DETAILS_REQUIRED", "a transfer goes back to an account");
}

async fn money_that_comes_after_the_order_has_lapsed_is_late(app: &TestApp) {
    let (order, payment, url) = waiting(app, "k", "BANK_TRANSFER").await;
    app.drain().await;
    play(app, &url, &[("decision", "transfer"), ("amount", "28.00")]).await;
    app.clock().advance(TimeDelta::days(60));
    app.drain().await;
    assert_eq!(order_status(app, &order).await, "CANCELLED");
    says(&page(app, &url).await, &[">Cancelled<", "arrives too late", "Send the missing 100.00 USD"]);
    let html = play(app, &url, &[("decision", "approve")]).await;
    says(&html, &["100.00 USD has arrived"]);
    let seen = read(app, demo::BUYER, &order).await;
    assert_eq!((&seen["status"], &seen["escrow"]["held"]["amount"]), (&json!("CANCELLED"), &json!("0.00")));
    let aside = &seen["unappliedFunds"][0];
    assert_eq!((&aside["reason"], &aside["amount"]["amount"]), (&json!("ORDER_NOT_OPEN"), &json!("100.00")));
    assert_eq!(payment_status(app, &payment).await, PaymentStatus::Captured, "the whole has come, if too late");
}

async fn another_reference_is_money_that_nobody_can_match(app: &TestApp) {
    let (order, payment, url) = waiting(app, "k", "BANK_TRANSFER").await;
    let written = "INVOICE 12 <b>";
    let html = play(app, &url, &[("decision", "transfer"), ("amount", "128.00"), ("reference", written)]).await;
    says(&html, &["the reference “INVOICE 12 &lt;b&gt;”", "transfer.unmatched", "class=\"due\">128.00 USD"]);
    assert_eq!(order_status(app, &order).await, "AWAITING_PAYMENT");
    // Also if it is what we call the payment: the bank's customers don't know that, and the bank has looked.
    play(app, &url, &[("decision", "transfer"), ("amount", "1"), ("reference", &text(&payment["id"]))]).await;
    play(app, &url, &[("decision", "transfer"), ("amount", "2"), ("reference", "")]).await;
    let mut aside = receipts(app).await;
    aside.sort_by_key(|receipt| receipt.amount);
    let seen: Vec<_> = aside.iter().map(|receipt| (receipt.reason, receipt.payment_id, receipt.amount.0)).collect();
    let unknown = |amount| (ReceiptReason::UnknownReference, None, amount);
    assert_eq!(seen, [unknown(100), unknown(200), unknown(12_800)]);
    let remitter = aside[2].encrypted_remitter.as_ref().expect("who sent it");
    let remitter = app.app().cipher.decrypt(&aside[2].id.to_string(), remitter).expect("opens");
    assert!(remitter.contains(written) && remitter.contains("Demo Buyer"), "{remitter}");
    assert!(transfers(app, Some(&order)).await.is_empty());

    play(app, &url, &[("decision", "approve")]).await;
    assert_eq!(order_status(app, &order).await, "FUNDED", "the right transfer still pays it");
}

async fn what_people_make_of_the_reference_is_still_found(app: &TestApp) {
    let (order, payment, url) = waiting(app, "k", "BANK_TRANSFER").await;
    let action = &payment["nextAction"];
    let (reference, creditor) = (text(&action["reference"]), text(&action["creditorReference"]));
    let spaced = format!("order 7, {}", reference.to_lowercase().replace('-', " "));
    for written in [spaced, creditor, reference] {
        play(app, &url, &[("decision", "transfer"), ("amount", "32.00"), ("reference", &written)]).await;
    }
    assert_eq!(read(app, demo::BUYER, &order).await["escrow"]["captured"]["amount"], "96.00");
    assert!(receipts(app).await.is_empty());
}

async fn a_transfer_takes_its_time(app: &TestApp) {
    let (order, _payment, url) = waiting(app, "k", "BANK_TRANSFER").await;
    let html = play(app, &url, &[("decision", "approve_later")]).await;
    says(&html, &["On its way", "Settle now", "The server is not told of it yet"]);
    assert_eq!(order_status(app, &order).await, "AWAITING_PAYMENT");
    app.clock().advance(TimeDelta::seconds(61));
    app.drain().await;
    assert_eq!(order_status(app, &order).await, "FUNDED");
}

async fn a_transfer_bounces_and_is_sent_again(app: &TestApp) {
    let (order, _payment, url) = waiting(app, "k", "BANK_TRANSFER").await;
    let early = submit(app, &url, &[("decision", "bounce")]).await;
    assert_eq!(early.0, 422);
    says(&early.1, &["role=\"alert\"", "nothing has arrived"]);
    play(app, &url, &[("decision", "approve")]).await;
    assert_eq!(order_status(app, &order).await, "FUNDED");
    let too_much = submit(app, &url, &[("decision", "bounce"), ("amount", "128.01")]).await;
    assert_eq!(too_much.0, 422);
    says(&too_much.1, &["at most 128.00 USD of this payment can be taken back", "value=\"128.01\""]);

    let html = play(app, &url, &[("decision", "bounce"), ("amount", "28.00"), ("seen", "1")]).await;
    says(
        &html,
        &["28.00 USD was called back", "payment.reversed", "Send the missing 28.00 USD", "empty for all 100.00 USD"],
    );
    assert_eq!(order_status(app, &order).await, "AWAITING_PAYMENT");
    play(app, &url, &[("decision", "approve")]).await;
    assert_eq!(order_status(app, &order).await, "FUNDED");
    let html = play(app, &url, &[("decision", "bounce")]).await;
    says(&html, &[">Bounced<", "class=\"reversed\">156.00 USD", "class=\"due\">128.00 USD"]);
    let causes: Vec<_> =
        transfers(app, Some(&order)).await.into_iter().map(|(_, _, amount, cause)| (amount, cause)).collect();
    let lost = causes.iter().filter(|(_, cause)| cause.starts_with("chargeback")).count();
    assert!(lost > 0 && causes.iter().any(|(amount, _)| amount == "128.00 USD"), "{causes:?}");
    assert_eq!(order_status(app, &order).await, "AWAITING_PAYMENT");
}

async fn a_voucher_is_paid_as_a_whole(app: &TestApp) {
    let (order, _payment, url) = waiting(app, "k", "WESTERN_UNION").await;
    let part = submit(app, &url, &[("decision", "transfer"), ("amount", "1.00")]).await;
    assert_eq!(part.0, 422);
    says(&part.1, &["A voucher is paid at the counter, as a whole"]);
    let html = play(app, &url, &[("decision", "approve")]).await;
    says(&html, &[">Paid<", "payment.succeeded"]);
    assert!(!html.contains("Let it expire"));
    assert_eq!(order_status(app, &order).await, "FUNDED");
    assert_eq!(
        transfers(app, Some(&order)).await,
        [row("provider/sandbox", "escrow/order", "128.00 USD", "payment.captured")]
    );
}

async fn a_voucher_expires_and_the_buyer_pays_otherwise(app: &TestApp) {
    let (order, payment, url) = waiting(app, "k", "WESTERN_UNION").await;
    let html = play(app, &url, &[("decision", "expire")]).await;
    says(&html, &[">Expired<", "payment.expired"]);
    assert_eq!(payment_status(app, &payment).await, PaymentStatus::Expired);
    assert_eq!(order_status(app, &order).await, "AWAITING_PAYMENT");
    let events = read(app, demo::BUYER, &order).await["events"].to_string();
    assert!(events.contains("payment.expired"), "{events}");
    // The counter takes an expired code no longer.
    play(app, &url, &[("decision", "approve")]).await;
    assert_eq!((receipts(app).await.len(), order_status(app, &order).await), (0, "AWAITING_PAYMENT".to_owned()));
    let (_other, card) = opened(app, &order, "VISA").await;
    play(app, &card, &[("decision", "approve")]).await;
    assert_eq!(order_status(app, &order).await, "FUNDED");
}

async fn a_voucher_expires_by_itself_at_its_time(app: &TestApp) {
    let (order, payment, url) = waiting(app, "k", "WESTERN_UNION").await;
    let (paid, _, paid_url) = waiting(app, "k2", "WESTERN_UNION").await;
    app.drain().await;
    app.clock().advance(TimeDelta::days(3) - TimeDelta::minutes(1));
    app.drain().await;
    assert_eq!(payment_status(app, &payment).await, PaymentStatus::Pending);
    play(app, &paid_url, &[("decision", "approve")]).await;
    app.clock().advance(TimeDelta::minutes(1));
    // Its time is over, though the job that says so has not run yet.
    let html = play(app, &url, &[("decision", "approve")]).await;
    says(&html, &[">Expired<"]);
    assert_eq!(payment_status(app, &payment).await, PaymentStatus::Expired);
    assert_eq!(
        (order_status(app, &order).await.as_str(), order_status(app, &paid).await.as_str()),
        ("AWAITING_PAYMENT", "FUNDED")
    );

    let (_, third, _) = waiting(app, "k3", "WESTERN_UNION").await;
    app.clock().advance(TimeDelta::days(4));
    app.drain().await;
    assert_eq!(payment_status(app, &third).await, PaymentStatus::Expired, "unasked");
}

async fn a_card_is_declined_and_takes_no_late_money(app: &TestApp) {
    let (order, payment, url) = waiting(app, "k", "VISA").await;
    for decision in ["transfer", "bounce", "expire"] {
        let refused = submit(app, &url, &[("decision", decision), ("amount", "1")]).await;
        assert_eq!(refused.0, 422, "{decision}");
        says(&refused.1, &["approved or declined, as a whole"]);
    }
    let html = play(app, &url, &[("decision", "decline")]).await;
    says(&html, &[">Declined<", "payment.declined"]);
    assert_eq!(payment_status(app, &payment).await, PaymentStatus::Failed);

    let shop = Shop::of(app);
    let (_again, second) = opened(app, &order, "MAESTRO").await;
    shop.done(&cancel(&order)).await;
    app.drain().await;
    let html = play(app, &second, &[("decision", "approve")]).await;
    says(&html, &[">Cancelled<", "nothing to pay here"]);
    assert!(receipts(app).await.is_empty() && transfers(app, None).await.is_empty());
}

async fn what_cannot_be_sent_is_refused_with_the_reason(app: &TestApp) {
    let (order, _payment, url) = waiting(app, "k", "BANK_TRANSFER").await;
    let long = "x".repeat(141);
    for (amount, reference, words) in [
        ("", "x", "Say how much is to be sent"),
        ("abc", "x", "“abc” can&#39;t be sent: the amount is not a plain decimal"),
        ("1e3", "x", "not a plain decimal"),
        ("1,000.00", "x", "not a plain decimal"),
        ("<script>", "x", "“&lt;script&gt;” can&#39;t be sent"),
        ("1.005", "x", "1.005 has more than the 2 decimal digits that USD has"),
        ("0", "x", "the amount is not positive"),
        ("0.00", "x", "the amount is not positive"),
        ("-5", "x", "The amount must be more than zero"),
        ("1280.01", "x", "1,280.01 USD is too large: this bank sends at most 1,280.00 USD at once"),
        ("99999999999999999999", "x", "is too large"),
        ("99999999999999999999999999999999", "x", "too many digits"),
        ("1", "a\nb", "The reference must be one line"),
        ("1", long.as_str(), "at most 140 characters"),
    ] {
        let (status, html) =
            submit(app, &url, &[("decision", "transfer"), ("amount", amount), ("reference", reference)]).await;
        assert_eq!(status, 422, "{amount} {reference}");
        says(&html, &["role=\"alert\"", words, "aria-invalid=\"true\"", "Send this amount"]);
        assert!(!html.contains("<script"), "{html}");
    }
    for fields in [&[("decision", "rob")][..], &[("amount", "1")], &[("decision", "transfer"), ("seen", "x")]] {
        let (status, html) = submit(app, &url, fields).await;
        assert_eq!(status, 400, "{fields:?}");
        says(&html, &["The form must have the field decision"]);
    }
    for decision in ["decline", "expire"] {
        assert_eq!(submit(app, &url, &[("decision", decision)]).await.0, 422, "{decision}");
    }
    app.drain().await;
    assert!(at_bank(app, MovementKind::Transfer).await.is_empty() && receipts(app).await.is_empty());
    assert_eq!(order_status(app, &order).await, "AWAITING_PAYMENT");
}

async fn a_form_that_is_sent_twice_counts_once(app: &TestApp) {
    let (order, _payment, url) = waiting(app, "k", "BANK_TRANSFER").await;
    let form = [("decision", "transfer"), ("amount", "28.00"), ("seen", "0")];
    let mut answers = join_all([submit(app, &url, &form), submit(app, &url, &form)]).await;
    answers.sort_by_key(|(status, _page)| *status);
    assert_eq!((answers[0].0, answers[1].0), (303, 422));
    says(&answers[1].1, &["Nothing was done this time", "28.00 USD has arrived", "name=\"seen\" value=\"1\""]);
    // All that is missing is sent once, however often it is clicked; also when it comes late.
    join_all((0..3).map(|_click| submit(app, &url, &[("decision", "approve")]))).await;
    app.drain().await;
    let seen = read(app, demo::BUYER, &order).await;
    assert_eq!((&seen["status"], &seen["unappliedFunds"]), (&json!("FUNDED"), &json!([])));
    let form = [("decision", "bounce"), ("amount", "10.00"), ("seen", "2")];
    let mut answers = join_all([submit(app, &url, &form), submit(app, &url, &form)]).await;
    answers.sort_by_key(|(status, _page)| *status);
    assert_eq!((answers[0].0, answers[1].0), (303, 422));
    assert_eq!(at_bank(app, MovementKind::Reversal).await.len(), 1);

    let (_, whole, exact) = waiting(app, "k2", "BANK_TRANSFER").await;
    let form = [("decision", "transfer"), ("amount", "128.00"), ("seen", "0")];
    join_all([submit(app, &exact, &form), submit(app, &exact, &form)]).await;
    app.drain().await;
    assert_eq!(payment_status(app, &whole).await, PaymentStatus::Captured);
    assert!(receipts(app).await.is_empty(), "the second one was no money besides");
}

async fn what_the_shop_writes_is_escaped(app: &TestApp) {
    let settings = &app.app().settings;
    let body = json!({ "reference": "r1", "method": "BANK_TRANSFER", "amount": { "amount": "1.00", "currency": "USD" },
        "description": "<script>alert(1)</script> & \"'", "notification_url": settings.notification_url("sandbox"),
        "return_url": "https://shop.example/?a=\"><script>" });
    let request =
        app.http().post(app.url("/sandbox/payments")).bearer_auth(settings.providers.sandbox.api_key.expose_secret());
    let document: Value = request.json(&body).send().await.expect("an answer").json().await.expect("JSON");
    let html = page(app, &text(&document["checkout_url"])).await;
    says(&html, &["&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;&#39;"]);
    assert!(!html.contains("<script"), "{html}");
    let rows = sandbox_movement::Entity::find().all(&app.db().read).await.expect("reads");
    assert_eq!((rows.len(), rows[0].status), (1, MovementStatus::Open));
}

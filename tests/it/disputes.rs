//! Disputes over HTTP, from the first word to the last cent.

use chrono::{DateTime, TimeDelta, Utc};
use escrow::table::{self, TABLE};
use secure_payment::party::demo;
use serde_json::{Value, json};

use crate::support::purchase::text;
use crate::support::steps::{
    address, checkout_url, done, draft, event_types, first_product, mutate, order_step, pay, press, read, refused,
    shipped,
};
use crate::support::{TestApp, on_each_database};

on_each_database!(
    a_dispute_of_sixty_days_is_told_in_a_handful_of_calls,
    a_ruling_divides_every_last_coin,
    goods_that_go_back_are_settled_when_they_arrive,
    a_file_is_evidence_for_both_sides_and_for_nobody_else,
    a_contract_may_set_its_own_deadlines_within_bounds,
    a_completed_order_cannot_be_disputed,
    the_process_is_the_table,
);

async fn advance(app: &TestApp, days: i64) -> Vec<Value> {
    let query = "mutation($to: DateTime!) { sandboxAdvanceClock(input: { to: $to }) { reached
        events { type actor occurredAt summary data } errors { code message } } }";
    let to = app.clock().now() + TimeDelta::days(days);
    let mut data = app.data(demo::OPERATOR, query, json!({ "to": to })).await;
    assert_eq!(data["sandboxAdvanceClock"]["reached"], true, "{data:#}");
    serde_json::from_value(data["sandboxAdvanceClock"]["events"].take()).expect("a list")
}

fn moment(value: &Value) -> DateTime<Utc> {
    text(value).parse().expect("RFC 3339")
}

async fn a_dispute_of_sixty_days_is_told_in_a_handful_of_calls(app: &TestApp) {
    let id = shipped(app, "k").await;
    let input = json!({ "orderId": id, "reason": "DAMAGED", "description": "Six of twenty reels are broken.",
        "refundAmount": "38.40", "goodsGoBack": false });
    let opened = done(order_step(app, demo::BUYER, "openDispute", input).await);
    assert_eq!(opened["status"], "DISPUTED");
    let opened_at = app.clock().now();
    let offer = json!({ "orderId": id, "refundAmount": "10.00", "goodsGoBack": false, "message": "Two, not six" });
    done(order_step(app, demo::SUPPLIER, "proposeSettlement", offer).await);

    let events = advance(app, 61).await;
    let told: Vec<(String, i64)> = events
        .iter()
        .map(|event| (text(&event["type"]), (moment(&event["occurredAt"]) - opened_at).num_hours() / 24))
        .collect();
    let told: Vec<(&str, i64)> = told.iter().map(|(kind, day)| (kind.as_str(), *day)).collect();
    let expected =
        [("deadline.approaching", 4), ("dispute.escalated", 6), ("deadline.approaching", 57), ("dispute.overdue", 59)];
    assert_eq!(told, expected, "a moment after the order was read");
    assert!(events.iter().all(|event| event["actor"] == "TIMER"));

    let too_much = json!({ "orderId": id, "refundAmount": "128.01", "goodsGoBack": false, "ruling": "x" });
    refused(&order_step(app, demo::OPERATOR, "resolveDispute", too_much).await, "AMOUNT_EXCEEDS_HELD");
    let ruling = json!({ "orderId": id, "refundAmount": "25.60", "goodsGoBack": false, "ruling": "Four reels." });
    let ruled = done(order_step(app, demo::OPERATOR, "resolveDispute", ruling).await);
    assert_eq!((&ruled["status"], &ruled["escrow"]["held"]["amount"]), (&json!("COMPLETED"), &json!("0.00")));
    app.drain().await;
    assert_eq!(
        moved(app, &id).await,
        [
            ("payment.captured".to_owned(), "128.00".to_owned()),
            ("refund.requested".to_owned(), "25.60".to_owned()),
            ("funds.released".to_owned(), "99.84".to_owned()),
            ("funds.released".to_owned(), "2.56".to_owned()),
            ("refund.succeeded".to_owned(), "25.60".to_owned()),
        ]
    );
    let order = read(app, demo::BUYER, &id).await;
    let settled = "dispute.settled";
    assert!(event_types(&order).contains(&settled), "{order:#}");
}

/// Cause and amount of an order's transfers.
async fn moved(app: &TestApp, id: &str) -> Vec<(String, String)> {
    let query = "query($id: ID!) { ledger(orderId: $id, first: 50) { nodes { cause amount { amount } } } }";
    let data = app.data(demo::OPERATOR, query, json!({ "id": id })).await;
    let rows = data["ledger"]["nodes"].as_array().expect("rows");
    rows.iter().map(|row| (text(&row["cause"]), text(&row["amount"]["amount"]))).collect()
}

/// An order over exactly this, shipped.
async fn order_over(app: &TestApp, currency: &str, price: &str) -> String {
    let product = first_product(app).await;
    let input = json!({ "idempotencyKey": format!("r {currency}"), "supplierId": product["supplier"]["id"],
        "currency": currency, "message": "One", "shippingAddress": address() });
    let id = text(&done(order_step(app, demo::BUYER, "requestDraft", input).await)["id"]);
    let input = json!({ "idempotencyKey": format!("d {currency}"), "orderId": id, "shippingFee": "0", "shipWithinDays": 5,
        "lines": [{ "description": "One", "quantity": 1, "unit": "piece", "unitPrice": price }] });
    done(order_step(app, demo::SUPPLIER, "draftOrder", input).await);
    done(order_step(app, demo::BUYER, "confirmOrder", json!({ "orderId": id, "contractVersion": 1 })).await);
    let payment = pay(app, &id, &format!("p {currency}"), "VISA").await;
    press(app, &checkout_url(&payment), "approve").await;
    app.drain().await;
    let parcel = json!({ "orderId": id, "carrier": "DHL", "trackingNumber": "1" });
    done(order_step(app, demo::SUPPLIER, "shipOrder", parcel).await);
    id
}

async fn a_ruling_divides_every_last_coin(app: &TestApp) {
    for (currency, total, refund, release, fee, too_fine) in [
        ("USD", "100.01", "37.50", "60.95", "1.56", "37.505"),
        ("JPY", "10001", "3750", "6095", "156", "3750.5"),
        ("KWD", "100.001", "37.500", "60.938", "1.563", "37.5001"),
    ] {
        let id = order_over(app, currency, total).await;
        let dispute =
            json!({ "orderId": id, "reason": "LATE", "description": "x", "refundAmount": total, "goodsGoBack": false });
        done(order_step(app, demo::BUYER, "openDispute", dispute).await);
        let offer = json!({ "orderId": id, "refundAmount": "0", "goodsGoBack": false });
        done(order_step(app, demo::SUPPLIER, "proposeSettlement", offer).await);
        app.clock().advance(TimeDelta::days(4));
        done(order_step(app, demo::BUYER, "escalateDispute", json!({ "orderId": id })).await);
        let ruling = |amount| json!({ "orderId": id, "refundAmount": amount, "goodsGoBack": false, "ruling": "x" });
        refused(&order_step(app, demo::OPERATOR, "resolveDispute", ruling(too_fine)).await, "INVALID_AMOUNT");
        done(order_step(app, demo::OPERATOR, "resolveDispute", ruling(refund)).await);
        let moved = moved(app, &id).await;
        let amounts: Vec<&str> = moved[1..].iter().map(|(_, amount)| amount.as_str()).collect();
        assert_eq!(amounts, [refund, release, fee], "{currency}");
        let sum: rust_decimal::Decimal =
            amounts.iter().map(|amount| amount.parse::<rust_decimal::Decimal>().expect("a number")).sum();
        assert_eq!(sum, total.parse().expect("a number"), "{currency}");
    }
}

async fn goods_that_go_back_are_settled_when_they_arrive(app: &TestApp) {
    let id = shipped(app, "k").await;
    let input = json!({ "orderId": id, "reason": "NOT_AS_DESCRIBED", "description": "Wrong colour", "refundAmount": "128.00", "goodsGoBack": true });
    done(order_step(app, demo::BUYER, "openDispute", input).await);
    let query = "query($id: ID!) { order(id: $id) { dispute { proposals { id } } } }";
    let proposal =
        app.data(demo::SUPPLIER, query, json!({ "id": id })).await["order"]["dispute"]["proposals"][0]["id"].take();
    let accepted = json!({ "orderId": id, "proposalId": proposal });
    assert_eq!(done(order_step(app, demo::SUPPLIER, "acceptSettlement", accepted).await)["status"], "RETURN_PENDING");
    let parcel = json!({ "orderId": id, "carrier": "DHL", "trackingNumber": "back" });
    done(order_step(app, demo::BUYER, "shipReturn", parcel).await);
    let contest = json!({ "orderId": id, "reason": "An empty box" });
    assert_eq!(done(order_step(app, demo::SUPPLIER, "contestReturn", contest).await)["status"], "DISPUTED");
    let ruling = json!({ "orderId": id, "refundAmount": "128.00", "goodsGoBack": true, "ruling": "Send the rest" });
    assert_eq!(done(order_step(app, demo::OPERATOR, "resolveDispute", ruling).await)["status"], "RETURN_PENDING");
    done(
        order_step(
            app,
            demo::BUYER,
            "shipReturn",
            json!({ "orderId": id, "carrier": "DHL", "trackingNumber": "rest" }),
        )
        .await,
    );
    let events = advance(app, 41).await;
    let types: Vec<String> = events.iter().map(|event| text(&event["type"])).collect();
    assert!(types.contains(&"return.presumed".to_owned()), "{types:?}");
    assert_eq!(read(app, demo::BUYER, &id).await["status"], "REFUNDED");
}

async fn a_file_is_evidence_for_both_sides_and_for_nobody_else(app: &TestApp) {
    let id = shipped(app, "k").await;
    let dispute =
        json!({ "orderId": id, "reason": "DAMAGED", "description": "x", "refundAmount": "1.00", "goodsGoBack": false });
    done(order_step(app, demo::BUYER, "openDispute", dispute).await);
    let note = "The driver noted the dented box.";
    let input = json!({ "about": { "orderId": id }, "fileName": "note.txt", "mediaType": "text/plain", "byteSize": note.len() });
    let fields = "upload { fileId url } errors { code message path }";
    let made = mutate(app, demo::BUYER, "createUpload", "CreateUploadInput", input, fields).await;
    let (file, url) = (made["upload"]["fileId"].clone(), text(&made["upload"]["url"]));
    let evidence = json!({ "orderId": id, "fileId": file, "text": "See the note", "idempotencyKey": "once" });
    let early = order_step(app, demo::BUYER, "addEvidence", evidence.clone()).await;
    assert_eq!(early["errors"][0]["path"], json!(["input", "fileId"]), "it was not sent yet: {early:#}");
    let sent = app.http().put(&url).header("content-type", "text/plain").body(note).send().await.expect("an answer");
    assert_eq!(sent.status(), 201);
    for _ in 0..2 {
        done(order_step(app, demo::BUYER, "addEvidence", evidence.clone()).await);
    }
    let query = "query($id: ID!) { order(id: $id) { evidence { author text file { fileName sha256 url } } } }";
    let seen = app.data(demo::SUPPLIER, query, json!({ "id": id })).await;
    let pieces = seen["order"]["evidence"].as_array().expect("a list");
    assert_eq!((pieces.len(), &pieces[0]["author"]), (1, &json!("BUYER")), "once, by its key");
    let hash = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(note));
    assert_eq!(pieces[0]["file"]["sha256"], json!(hash));
    let url = text(&pieces[0]["file"]["url"]);
    let fetched = app.http().get(&url).bearer_auth(demo::SUPPLIER).send().await.expect("an answer");
    assert_eq!(fetched.text().await.expect("a body"), note);
    assert_eq!(app.http().get(&url).send().await.expect("an answer").status(), 404, "nobody else's");
    let order = app
        .data(
            demo::BUYER,
            "query($id: ID!) { order(id: $id) { events(first: 100) { nodes { type data } } } }",
            json!({ "id": id }),
        )
        .await;
    let nodes = order["order"]["events"]["nodes"].as_array().expect("events");
    let added = nodes.iter().find(|event| event["type"] == "evidence.added").expect("in the timeline");
    assert_eq!(
        (&added["data"]["sha256"], &added["data"]["fileName"]),
        (&json!(hash), &Value::Null),
        "nothing personal"
    );
}

async fn a_contract_may_set_its_own_deadlines_within_bounds(app: &TestApp) {
    let product = first_product(app).await;
    let input = json!({ "idempotencyKey": "r", "supplierId": product["supplier"]["id"], "currency": "USD", "message": "One",
        "shippingAddress": address() });
    let id = done(order_step(app, demo::BUYER, "requestDraft", input).await)["id"].take();
    let mut input = draft(&id, "d1", "6.00");
    input["deadlines"] = json!({ "confirmationDays": 31, "paymentDays": 0, "cancelAnswerHours": 23, "disputeAnswerDays": 9,
        "disputeEscalationDays": 8 });
    let answer = order_step(app, demo::SUPPLIER, "draftOrder", input.clone()).await;
    let paths: Vec<String> =
        answer["errors"].as_array().expect("errors").iter().map(|error| text(&error["path"][2])).collect();
    assert_eq!(paths, ["confirmationDays", "paymentDays", "cancelAnswerHours", "disputeAnswerDays"], "{answer:#}");
    input["deadlines"] = json!({ "confirmationDays": 2, "paymentDays": 3 });
    done(order_step(app, demo::SUPPLIER, "draftOrder", input).await);
    let id = text(&id);
    let days = async || moment(&read(app, demo::BUYER, &id).await["deadline"]) - app.clock().now();
    assert!((days().await - TimeDelta::days(2)).abs() < TimeDelta::minutes(1));
    done(order_step(app, demo::BUYER, "confirmOrder", json!({ "orderId": id, "contractVersion": 1 })).await);
    assert!((days().await - TimeDelta::days(3)).abs() < TimeDelta::minutes(1));
    let query = "query($id: ID!) { order(id: $id) { contract { deadlines { paymentDays disputeAnswerDays } canonicalTerms } } }";
    let contract = app.data(demo::BUYER, query, json!({ "id": id })).await["order"]["contract"].take();
    assert_eq!(contract["deadlines"], json!({ "paymentDays": 3, "disputeAnswerDays": 5 }));
    assert!(text(&contract["canonicalTerms"]).contains("\"payment_days\":3"), "what is agreed is hashed");
}

async fn a_completed_order_cannot_be_disputed(app: &TestApp) {
    let id = shipped(app, "k").await;
    done(order_step(app, demo::BUYER, "confirmReceived", json!({ "orderId": id })).await);
    let dispute =
        json!({ "orderId": id, "reason": "LATE", "description": "x", "refundAmount": "1.00", "goodsGoBack": false });
    let message = refused(&order_step(app, demo::BUYER, "openDispute", dispute).await, "INVALID_TRANSITION");
    assert!(message.contains("COMPLETED") && message.contains("leaveFeedback"), "{message}");
}

async fn the_process_is_the_table(app: &TestApp) {
    let query =
        "{ escrowProcess { statuses { status meaning } transitions { action by from to conditions note } diagram } }";
    let process = app.data(None, query, json!({})).await["escrowProcess"].take();
    assert_eq!(process["diagram"], json!(table::diagram()));
    assert_eq!(process["statuses"].as_array().map(Vec::len), Some(11));
    let served = process["transitions"].as_array().expect("rows");
    assert_eq!(served.len(), TABLE.len());
    for (row, served) in TABLE.iter().zip(served) {
        let names = |list: &[entity::OrderStatus]| list.iter().map(|status| json!(status.name())).collect::<Vec<_>>();
        assert_eq!((served["from"].clone(), served["to"].clone()), (json!(names(row.from)), json!(names(row.to))));
        let words: Vec<&str> = row.when.iter().map(|condition| condition.words()).collect();
        assert_eq!(served["conditions"], json!(words), "{}", row.action);
    }
}

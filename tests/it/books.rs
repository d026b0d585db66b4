//! What the database itself refuses, whatever the code does; and money that nobody knows.

use ground::signature::{ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, sign};
use sea_orm::{ConnectionTrait, DatabaseTransaction};
use secure_payment::party::demo;
use serde_json::{Value, json};

use crate::support::steps::{funded, mutate, read, transfers};
use crate::support::{TestApp, on_each_database};

on_each_database!(
    transfers_events_contracts_and_messages_are_append_only,
    amounts_that_do_not_add_up_are_refused_by_the_database,
    verify_names_what_was_changed_behind_our_back,
    money_of_an_unknown_reference_is_held_and_shown_to_operators,
    a_quarantined_notification_can_be_driven_again,
);

/// Runs one statement, and rolls it back; true if the database took it.
async fn takes(app: &TestApp, sql: &str) -> bool {
    let transaction: DatabaseTransaction = app.db().begin_write().await.expect("begins");
    transaction.execute_unprepared(sql).await.is_ok()
}

async fn transfers_events_contracts_and_messages_are_append_only(app: &TestApp) {
    let id = funded(app, "k").await;
    let supplier =
        app.data(demo::BUYER, "query($id: ID!) { order(id: $id) { supplier { id } } }", json!({ "id": id })).await;
    let input = json!({ "supplierId": supplier["order"]["supplier"]["id"], "text": "Thank you" });
    mutate(app, demo::BUYER, "contactSupplier", "ContactSupplierInput", input, "errors { code }").await;
    for (table, column) in [("transfer", "amount"), ("event", "summary"), ("contract", "hash"), ("message", "text")] {
        assert!(takes(app, &format!("select * from {table}")).await, "{table}");
        assert!(!takes(app, &format!("update {table} set {column} = {column}")).await, "update {table}");
        assert!(!takes(app, &format!("delete from {table}")).await, "delete {table}");
    }
    // An event has its place in the feed for ever, once it has one.
    assert!(!takes(app, "update event set feed_position = feed_position + 1000").await);
    if !app.is_sqlite() {
        assert!(!takes(app, "truncate transfer").await);
    }
}

async fn amounts_that_do_not_add_up_are_refused_by_the_database(app: &TestApp) {
    funded(app, "k").await;
    let impossible = [
        "update orders set held = held - 1",
        "update orders set held = -1, released = captured + 1",
        "update orders set captured = captured + 1, held = held + 1",
        "update orders set status = 'COMPLETED'",
        "update orders set status = 'LOST'",
        "update payment set refunded = captured + 1",
        "update payment set captured = -1",
        "update product set stock = -1",
        "update price_tier set price = 0",
        "insert into transfer (id, debit, credit, amount, currency, cause, movement_part, created_at) \
         select order_id, debit, credit, 0, currency, cause, 0, created_at from transfer",
        "insert into transfer (id, debit, credit, amount, currency, cause, movement_part, created_at) \
         select order_id, debit, debit, amount, currency, cause, 0, created_at from transfer",
        "insert into transfer (id, debit, credit, amount, currency, cause, movement, movement_part, created_at) \
         select order_id, debit, credit, amount, currency, cause, movement, movement_part, created_at from transfer",
    ];
    for sql in impossible {
        assert!(!takes(app, sql).await, "{sql}");
    }
    assert!(takes(app, "update orders set held = held - 1, released = released + 1").await, "what adds up passes");
}

async fn verify_names_what_was_changed_behind_our_back(app: &TestApp) {
    let id = funded(app, "k").await;
    let number = app.data(demo::BUYER, "query($id: ID!) { order(id: $id) { number } }", json!({ "id": id })).await;
    let number = number["order"]["number"].as_str().expect("a number").to_owned();
    let transaction = app.db().begin_write().await.expect("begins");
    transaction
        .execute_unprepared("update orders set held = held - 1, released = released + 1")
        .await
        .expect("passes the checks");
    let differences = secure_payment::ledger::verify(&transaction).await.expect("verifies");
    let expected = [
        format!("{number} held: written 12799, derived from transfers 12800"),
        format!("{number} released: written 1, derived from transfers 0"),
    ];
    assert_eq!(differences, expected);
    drop(transaction);
}

/// What the simulated bank would send, truly signed.
async fn tell(app: &TestApp, id: &str, kind: &str, movement: Value) {
    let body = json!({ "type": kind, "created_at": "2026-11-22T12:00:00Z", "livemode": false, "movement": movement })
        .to_string();
    let timestamp = app.clock().wall().timestamp();
    let secret = &app.app().settings.providers.sandbox.webhook_secret[0];
    let signature = sign(secret, id, timestamp, body.as_bytes()).expect("signs");
    let request =
        app.http().post(app.url("/webhooks/sandbox")).header(ID_HEADER, id).header(TIMESTAMP_HEADER, timestamp);
    let answer = request.header(SIGNATURE_HEADER, signature).body(body).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    app.drain().await;
}

fn movement(reference: &str, kind: &str, amount: &str) -> Value {
    json!({ "id": "sandbox_unheard_of", "kind": kind, "reference": reference, "status": "SUCCEEDED",
        "amount": { "amount": amount, "currency": "EUR" }, "reason": null })
}

async fn money_of_an_unknown_reference_is_held_and_shown_to_operators(app: &TestApp) {
    for (id, reference) in [("msg_1", "invoice 17"), ("msg_2", "invoice 17")] {
        tell(app, id, "payment.succeeded", movement(reference, "PAYMENT", "12.50")).await;
    }
    let held = transfers(app, None).await;
    assert_eq!(held.len(), 1, "the same movement is held once: {held:?}");
    assert_eq!((held[0].1.as_str(), held[0].2.as_str()), ("unapplied/receipt", "12.50 EUR"));
    let query = "{ unappliedFunds { nodes { reason amount { amount currency } refunded { amount } } } }";
    let seen = app.data(demo::OPERATOR, query, json!({})).await;
    let expected = json!([{ "reason": "UNKNOWN_REFERENCE", "amount": { "amount": "12.50", "currency": "EUR" }, "refunded": { "amount": "0.00" } }]);
    assert_eq!(seen["unappliedFunds"]["nodes"], expected);
    let refused = app.graphql(demo::SUPPLIER, query, json!({})).await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "NOT_PERMITTED");
}

async fn a_quarantined_notification_can_be_driven_again(app: &TestApp) {
    let id = funded(app, "k").await;
    tell(app, "msg_1", "refund.succeeded", movement("refund_00000000000000000000000000", "REFUND", "1.00")).await;
    let query = "{ quarantine { nodes { id eventId reason status body } } }";
    let seen = app.data(demo::OPERATOR, query, json!({})).await;
    let notification = &seen["quarantine"]["nodes"][0];
    assert_eq!(notification["eventId"], "msg_1");
    assert!(notification["reason"].as_str().is_some_and(|reason| reason.contains("no refund of ours")), "{seen:#}");
    let input = json!({ "notificationId": notification["id"] });
    let fields = "notification { status } errors { code }";
    let redrive = async |token| {
        mutate(app, token, "redriveNotification", "RedriveNotificationInput", input.clone(), fields).await
    };
    assert_eq!(redrive(demo::BUYER).await["errors"][0]["code"], "NOT_PERMITTED");
    assert_eq!(redrive(demo::OPERATOR).await["notification"]["status"], "RECEIVED");
    assert_eq!(redrive(demo::OPERATOR).await["errors"][0]["code"], "INVALID_TRANSITION");
    app.drain().await;
    // Nothing has changed meanwhile: it is back, and no money moved.
    assert_eq!(app.data(demo::OPERATOR, query, json!({})).await, seen);
    assert_eq!(read(app, demo::BUYER, &id).await["status"], "FUNDED");
}

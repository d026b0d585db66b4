//! Many at once: whatever the interleaving, each thing happens once, and whoever comes too late is told so.

use entity::notification::NotificationStatus;
use entity::{job, notification};
use futures_util::future::join_all;
use ground::setting::SANDBOX_WEBHOOK_SECRET;
use ground::signature::{self, ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use secrecy::SecretString;
use secure_payment::party::demo;
use secure_payment::worker;
use serde_json::{Value, json};

use crate::support::purchase::{
    QUANTITY, Shop, Step, buy_now, cancel, codes, confirm, confirm_received, pay, ship, text,
};
use crate::support::{TestApp, on_each_database};

on_each_database!(
    an_order_is_completed_once_however_many_confirm_receipt,
    money_is_captured_once_however_often_the_bank_says_so,
    one_key_makes_one_order,
    one_key_makes_one_payment,
    payments_of_one_method_are_one_whatever_the_keys,
    the_last_stock_is_sold_once,
    a_cancelled_order_gives_money_that_was_on_its_way_back,
    two_nodes_do_each_job_once,
);

/// All at once, each in a task of its own.
async fn at_once<T: Send + 'static>(
    calls: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let tasks: Vec<_> = calls.into_iter().map(tokio::spawn).collect();
    join_all(tasks).await.into_iter().map(|result| result.expect("runs")).collect()
}

async fn take_at_once(shop: &Shop, steps: Vec<Step>) -> Vec<Value> {
    let calls = steps.into_iter().map(|step| {
        let shop = shop.clone();
        async move { shop.take(&step).await.expect("an answer") }
    });
    at_once(calls).await
}

/// Placed, paid and approved: the bank's notification is the next thing that the worker would do.
async fn approved(shop: &Shop, key: &str) -> String {
    let order = shop.place(key).await;
    let (_payment, checkout) = shop.pay(&order, key).await;
    shop.decide(&checkout, "approve").await.expect("an answer");
    order
}

async fn causes(shop: &Shop, order: &str) -> Vec<String> {
    let mut causes: Vec<String> = shop
        .transfers(Some(order))
        .await
        .into_iter()
        .map(|(cause, debit, credit, _amount)| {
            let kind = |account: &str| account.split('/').next().unwrap_or_default().to_owned();
            format!("{cause}: {} → {}", kind(&debit), kind(&credit))
        })
        .collect();
    causes.sort();
    causes
}

const RELEASED: [&str; 3] =
    ["funds.released: escrow → fees", "funds.released: escrow → supplier", "payment.captured: provider → escrow"];

fn count(order: &Value, event: &str) -> usize {
    order["events"]["nodes"].as_array().expect("events").iter().filter(|node| node["type"] == event).count()
}

async fn an_order_is_completed_once_however_many_confirm_receipt(app: &TestApp) {
    let shop = Shop::of(app);
    let order = approved(&shop, "a").await;
    app.drain().await;
    shop.done(&ship(&order)).await;

    let payloads = take_at_once(&shop, vec![confirm_received(&order); 32]).await;
    let done: Vec<&Value> = payloads.iter().filter(|payload| codes(payload).is_empty()).collect();
    assert_eq!(done.len(), 1, "{payloads:#?}");
    assert_eq!(done[0]["order"]["status"], "COMPLETED");
    for refused in payloads.iter().filter(|payload| !codes(payload).is_empty()) {
        assert_eq!(codes(refused), ["INVALID_TRANSITION"]);
        assert_eq!(refused["order"], Value::Null);
        assert!(text(&refused["errors"][0]["message"]).contains("COMPLETED"), "{refused}");
    }
    let after = shop.order(&order).await;
    assert_eq!((count(&after, "order.completed"), count(&after, "funds.released")), (1, 1));
    assert_eq!(causes(&shop, &order).await, RELEASED);
    app.drain().await;
    assert_eq!(payouts(&shop).await, ["payout.paid", "payout.requested"]);
}

async fn payouts(shop: &Shop) -> Vec<String> {
    let mut causes: Vec<String> = shop.transfers(None).await.into_iter().map(|(cause, ..)| cause).collect();
    causes.retain(|cause| cause.starts_with("payout."));
    causes.sort();
    causes
}

/// The bank's notification that waits in the queue: its id and its body.
async fn waiting_notification(app: &TestApp) -> (String, String) {
    let jobs = job::Entity::find().filter(job::Column::Kind.eq("sandbox_notify")).all(&app.db().read).await;
    let jobs = jobs.expect("reads");
    assert_eq!(jobs.len(), 1);
    (text(&jobs[0].payload["event_id"]), text(&jobs[0].payload["body"]))
}

/// Posts a notification as the bank would; returns the status.
async fn post(app: &TestApp, id: String, body: String) -> impl Future<Output = u16> + Send + 'static + use<> {
    let timestamp = app.clock().wall().timestamp();
    let secret = SecretString::from(SANDBOX_WEBHOOK_SECRET);
    let signature = signature::sign(&secret, &id, timestamp, body.as_bytes()).expect("signs");
    let request = app
        .http()
        .post(app.url("/webhooks/sandbox"))
        .header("content-type", "application/json")
        .header(ID_HEADER, id)
        .header(TIMESTAMP_HEADER, timestamp)
        .header(SIGNATURE_HEADER, signature)
        .body(body);
    async move { request.send().await.expect("an answer").status().as_u16() }
}

async fn money_is_captured_once_however_often_the_bank_says_so(app: &TestApp) {
    let shop = Shop::of(app);
    let order = approved(&shop, "a").await;
    let (id, body) = waiting_notification(app).await;

    let mut calls = Vec::new();
    for number in 0..60 {
        // 50 times the same; and 10 times the same movement under another id.
        let id = if number < 50 { id.clone() } else { format!("{id}_{number}") };
        calls.push(post(app, id, body.clone()).await);
    }
    assert_eq!(at_once(calls).await, [200; 60]);
    let inbox = notification::Entity::find().all(&app.db().read).await.expect("reads");
    assert_eq!(inbox.len(), 11);

    // All of them wait: the worker applies several side by side, and on another node eight more.
    let other = app.another_node().await;
    let (here, there) = tokio::join!(worker::drain(app.app()), worker::drain(&other));
    here.and(there).expect("both get through");
    app.drain().await;
    other.db.close().await;
    let inbox = notification::Entity::find().all(&app.db().read).await.expect("reads");
    assert!(inbox.iter().all(|row| row.status == NotificationStatus::Applied), "{inbox:#?}");
    let after = shop.order(&order).await;
    assert_eq!(after["status"], "FUNDED");
    assert_eq!((count(&after, "payment.captured"), count(&after, "order.funded")), (1, 1));
    assert_eq!(after["unappliedFunds"], json!([]));
    assert_eq!(causes(&shop, &order).await, ["payment.captured: provider → escrow"]);
}

async fn one_key_makes_one_order(app: &TestApp) {
    let shop = Shop::of(app);
    let product = shop.product().await;
    let payloads = take_at_once(&shop, vec![buy_now("one key", &product, QUANTITY); 50]).await;
    assert_eq!(codes(&payloads[0]), Vec::<String>::new());
    for payload in &payloads {
        assert_eq!(payload, &payloads[0]);
    }
    let orders = "{ orders(first: 100) { nodes { id } } }";
    let data = shop.read(demo::BUYER, orders, json!({})).await;
    assert_eq!(data["orders"]["nodes"], json!([{ "id": payloads[0]["order"]["id"] }]));

    let other = shop.take(&buy_now("one key", &product, QUANTITY + 1)).await.expect("an answer");
    assert_eq!(codes(&other), ["IDEMPOTENCY_KEY_REUSED"]);
    assert_eq!(other["errors"][0]["path"], json!(["input", "idempotencyKey"]));
    assert_eq!(shop.read(demo::BUYER, orders, json!({})).await, data);
}

async fn one_key_makes_one_payment(app: &TestApp) {
    let shop = Shop::of(app);
    let order = shop.place("a").await;
    one_payment(&shop, &order, vec![pay(&order, "one key"); 50]).await;
}

async fn payments_of_one_method_are_one_whatever_the_keys(app: &TestApp) {
    let shop = Shop::of(app);
    let order = shop.place("a").await;
    one_payment(&shop, &order, (0..20).map(|number| pay(&order, &format!("key {number}"))).collect()).await;
}

async fn one_payment(shop: &Shop, order: &str, steps: Vec<Step>) {
    let payloads = take_at_once(shop, steps).await;
    assert!(text(&payloads[0]["payment"]["nextAction"]["url"]).contains("/sandbox/checkout/"));
    for payload in &payloads {
        assert_eq!(payload, &payloads[0]);
    }
    let after = shop.order(order).await;
    assert_eq!(after["payments"], json!([{ "id": payloads[0]["payment"]["id"], "status": "PENDING" }]));
    assert_eq!(count(&after, "payment.opened"), 1);
}

async fn the_last_stock_is_sold_once(app: &TestApp) {
    let shop = Shop::of(app);
    let product = shop.product().await;
    let update = "mutation($id: ID!, $stock: Int!) {
        updateProduct(input: { productId: $id, stock: $stock }) { product { available } errors { message } } }";
    for round in 0..5 {
        let data = shop.read(demo::SUPPLIER, update, json!({ "id": product, "stock": QUANTITY + 5 })).await;
        assert_eq!(data["updateProduct"]["product"]["available"], QUANTITY + 5, "{data}");
        let mut steps = Vec::new();
        for buyer in 0..2 {
            let order = shop.done(&buy_now(&format!("{round} {buyer}"), &product, QUANTITY)).await;
            steps.push(confirm(&text(&order["id"])));
        }
        let mut outcomes: Vec<Vec<String>> = take_at_once(&shop, steps).await.iter().map(codes).collect();
        outcomes.sort();
        assert_eq!(outcomes, [vec![], vec!["OUT_OF_STOCK".to_owned()]]);
        let query = "query($id: ID!) { product(id: $id) { available } }";
        let left = shop.read(demo::BUYER, query, json!({ "id": product })).await;
        assert_eq!(left["product"]["available"], 5);
    }
}

async fn a_cancelled_order_gives_money_that_was_on_its_way_back(app: &TestApp) {
    let shop = Shop::of(app);
    for round in 0..8 {
        let order = approved(&shop, &format!("{round}")).await;
        let step = cancel(&order);
        let payload = match round {
            // The two ends of the race, so that both outcomes are seen whatever the machine.
            0 => {
                let payload = shop.take(&step).await.expect("an answer");
                assert_eq!(payload["order"]["status"], "CANCELLED");
                payload
            }
            1 => {
                app.drain().await;
                let payload = shop.take(&step).await.expect("an answer");
                assert_eq!(codes(&payload), ["INVALID_TRANSITION"]);
                payload
            }
            _race => {
                let (id, body) = waiting_notification(app).await;
                assert_eq!(post(app, id, body).await.await, 200);
                let (payload, ()) = tokio::join!(shop.take(&step), app.drain());
                payload.expect("an answer")
            }
        };
        app.drain().await;
        let after = shop.order(&order).await;
        if codes(&payload).is_empty() {
            assert_eq!(after["status"], "CANCELLED");
            assert_eq!(after["escrow"]["captured"]["amount"], "0.00");
            assert_eq!(
                after["unappliedFunds"],
                json!([{ "amount": { "amount": "128.00" }, "refunded": { "amount": "128.00" } }])
            );
            assert_eq!(after["refunds"], json!([{ "status": "SUCCEEDED", "amount": { "amount": "128.00" } }]));
            let way_back = [
                "funds.unapplied: provider → unapplied",
                "refund.requested: unapplied → refund",
                "refund.succeeded: refund → provider",
            ];
            assert_eq!(causes(&shop, &order).await, way_back);
        } else {
            assert_eq!(codes(&payload), ["INVALID_TRANSITION"]);
            assert_eq!(after["status"], "FUNDED");
            assert_eq!(after["escrow"]["held"]["amount"], "128.00");
            assert_eq!(causes(&shop, &order).await, ["payment.captured: provider → escrow"]);
        }
    }
}

async fn two_nodes_do_each_job_once(app: &TestApp) {
    let shop = Shop::of(app);
    let mut orders = Vec::new();
    for number in 0..8 {
        orders.push(approved(&shop, &format!("{number}")).await);
    }
    let other = app.another_node().await;
    let drain_both = async || {
        let (here, there) = tokio::join!(worker::drain(app.app()), worker::drain(&other));
        here.and(there).expect("both get through");
        // What one node held while the other found nothing to do.
        app.drain().await;
    };
    drain_both().await;
    for order in &orders {
        assert_eq!(shop.order(order).await["status"], "FUNDED");
        shop.done(&ship(order)).await;
    }
    take_at_once(&shop, orders.iter().map(|order| confirm_received(order)).collect()).await;
    drain_both().await;
    other.db.close().await;

    for order in &orders {
        assert_eq!(shop.order(order).await["status"], "COMPLETED");
        assert_eq!(causes(&shop, order).await, RELEASED);
    }
    let (mut owed, mut paid) = (0, 0);
    for (cause, debit, credit, amount) in shop.transfers(None).await {
        let cents: i64 = amount.replace('.', "").parse().expect("an amount");
        match cause.as_str() {
            "funds.released" if credit.starts_with("supplier/") => owed += cents,
            "payout.paid" => {
                assert!(debit.starts_with("payout/"));
                paid += cents;
            }
            _other => {}
        }
    }
    assert_eq!((owed, paid), (8 * 12_480, 8 * 12_480));
}

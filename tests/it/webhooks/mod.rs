//! Webhooks out: what a storefront's endpoints are told, when, in what order, and to which addresses.

mod address;
mod crash;
mod deliver;
mod endpoints;
mod nodes;
mod receiver;
mod replay;

use secure_payment::party::demo;
use secure_payment::worker;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::purchase::{PATIENCE, Shop, text};
use crate::support::steps::mutate;

const ENDPOINT: &str =
    "endpoint { id url description eventTypes status disabledReason disabledAt previousSecretExpiresAt }
    errors { code message path }";

/// Runs a mutation of the demo storefront's; what it answers, errors included.
async fn change(app: &TestApp, mutation: &str, input: Value, fields: &str) -> Value {
    let kind = format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..]);
    mutate(app, demo::STOREFRONT, mutation, &kind, input, fields).await
}

/// As [`change`], for what must be done.
async fn done(app: &TestApp, mutation: &str, input: Value, fields: &str) -> Value {
    let payload = change(app, mutation, input, &format!("{fields} errors {{ code message path }}")).await;
    assert_eq!(payload["errors"], json!([]), "{payload:#}");
    payload
}

/// A new endpoint's id and secret.
async fn endpoint(app: &TestApp, url: &str, types: &[&str]) -> (String, String) {
    let input = json!({ "idempotencyKey": url, "url": url, "eventTypes": types });
    let made = done(app, "createWebhookEndpoint", input, "endpoint { id } secret").await;
    (text(&made["endpoint"]["id"]), text(&made["secret"]))
}

/// All deliveries to an endpoint, the oldest first.
async fn deliveries(app: &TestApp, endpoint: &str) -> Vec<Value> {
    let query = "query($id: ID!, $after: String) { webhookDeliveries(endpointId: $id, first: 100, after: $after) {
        nodes { id endpointId eventId type orderId status nextAttemptAt body createdAt completedAt replay test
        attempts { number attemptedAt durationMs url requestHeaders { name value } statusCode responseHeaders { name value }
        responseBody error } } pageInfo { endCursor hasNextPage } } }";
    let (mut all, mut after) = (Vec::new(), Value::Null);
    loop {
        let data = app.data(demo::STOREFRONT, query, json!({ "id": endpoint, "after": after })).await;
        let page = &data["webhookDeliveries"];
        all.extend(page["nodes"].as_array().expect("nodes").iter().cloned());
        if page["pageInfo"]["hasNextPage"] == false {
            all.reverse();
            return all;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
}

fn statuses(deliveries: &[Value]) -> Vec<String> {
    deliveries.iter().map(|delivery| text(&delivery["status"])).collect()
}

/// Ids of the events of an order, in order.
async fn events(app: &TestApp, order: &str) -> Vec<String> {
    let query = "query($id: ID!) { order(id: $id) { events(first: 100) { nodes { id } } } }";
    let data = app.data(demo::STOREFRONT, query, json!({ "id": order })).await;
    data["order"]["events"]["nodes"].as_array().expect("events").iter().map(|event| text(&event["id"])).collect()
}

/// Business time goes on, and all that falls due on the way is done.
async fn go_on(app: &TestApp, by: chrono::TimeDelta) {
    let reached = worker::advance(app.app(), app.clock().now() + by, PATIENCE).await.expect("goes on");
    assert!(reached, "in time");
}

async fn place(app: &TestApp, key: &str) -> String {
    Shop::of(app).place(key).await
}

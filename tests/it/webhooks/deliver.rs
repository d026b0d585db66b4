//! At least once, in order, later and later, and nobody waits for another.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{StreamExt, stream};
use ground::client::guard::{Policy, SystemLookup};
use secure_payment::courier::{Courier, Patience};
use secure_payment::{delivery, worker};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::receiver::Receiver;
use super::{change, deliveries, done, endpoint, events, go_on, place, statuses};
use crate::support::bank::{Working, funded};
use crate::support::purchase::{Shop, ship, text};
use crate::support::{TestApp, on_each_database};

on_each_database!(
    an_event_is_posted_signed_and_is_what_the_timeline_says,
    a_receiver_that_was_down_for_three_days_gets_every_event_in_order,
    after_the_tenth_failure_the_next_one_goes_ahead,
    a_slow_receiver_delays_nobody,
    a_redirect_is_not_followed_and_a_410_disables,
    a_410_says_nothing_of_another_address,
    a_receiver_says_when_to_come_again,
    an_answer_without_end_is_cut_off,
    deliveries_are_forgotten_after_ninety_days,
    only_types_that_were_asked_for_are_sent,
);

fn moment(value: &Value) -> DateTime<Utc> {
    text(value).parse().expect("a time")
}

async fn an_event_is_posted_signed_and_is_what_the_timeline_says(app: &TestApp) {
    let receiver = Receiver::answering(204).await;
    let (id, secret) = endpoint(app, &receiver.url, &[]).await;
    let order = place(app, "k").await;
    app.drain().await;
    let heard = receiver.heard();
    assert_eq!(receiver.ids(), events(app, &order).await);
    assert!(heard.len() >= 2);
    for one in &heard {
        assert_eq!(one.verified(&secret, app.clock()), Some(one.id()));
        assert_eq!(
            (one.path.as_str(), &one.headers["content-type"]),
            ("/webhooks", &"application/json".parse().expect("a value"))
        );
        let body = one.json();
        assert_eq!(body["data"]["id"], json!(one.id()));
        assert!(body["data"]["orderNumber"].as_str().is_some_and(|number| number.starts_with("SP-")), "{body:#}");
        assert!(body["data"].get("test").is_none());
    }
    let sent = deliveries(app, &id).await;
    for (delivery, one) in sent.iter().zip(&heard) {
        assert_eq!((delivery["status"].as_str(), &delivery["nextAttemptAt"]), (Some("SUCCEEDED"), &Value::Null));
        assert_eq!(text(&delivery["body"]).as_bytes(), &one.body, "byte for byte");
        let attempt = &delivery["attempts"][0];
        assert_eq!(
            (&attempt["number"], &attempt["statusCode"], &attempt["error"]),
            (&json!(1), &json!(204), &Value::Null)
        );
        assert_eq!(attempt["url"], json!(receiver.url));
        let headers = attempt["requestHeaders"].as_array().expect("headers");
        let shown =
            |name: &str| headers.iter().find(|header| header["name"] == name).map(|header| text(&header["value"]));
        assert_eq!(shown("webhook-id"), Some(one.id()));
        assert_eq!(shown("webhook-timestamp").as_deref(), one.headers["webhook-timestamp"].to_str().ok());
        assert_eq!(shown("webhook-signature"), None);
    }
    let disabled =
        done(app, "updateWebhookEndpoint", json!({ "endpointId": id, "enabled": false }), "endpoint { status }").await;
    assert_eq!(disabled["endpoint"]["status"], "DISABLED");
    place(app, "k2").await;
    app.drain().await;
    assert_eq!(receiver.heard().len(), heard.len(), "nothing is queued for one that is disabled");
    assert_eq!(deliveries(app, &id).await.len(), heard.len());
}

async fn a_receiver_that_was_down_for_three_days_gets_every_event_in_order(app: &TestApp) {
    let status = Arc::new(AtomicU16::new(503));
    let told = Arc::clone(&status);
    let receiver = Receiver::deciding(move |_heard| told.load(Ordering::SeqCst)).await;
    let (id, secret) = endpoint(app, &receiver.url, &[]).await;
    let shop = Shop::of(app);
    let orders = [funded(app, &shop, "a").await, funded(app, &shop, "b").await, place(app, "c").await];
    shop.done(&ship(&orders[0])).await;
    go_on(app, TimeDelta::days(3)).await;
    assert_eq!(receiver.accepted(), BTreeMap::new());
    status.store(200, Ordering::SeqCst);
    go_on(app, TimeDelta::days(2)).await;

    let accepted = receiver.accepted();
    for order in &orders {
        assert_eq!(accepted[order], events(app, order).await, "every event, in order");
    }
    let mut bodies: BTreeMap<String, Bytes> = BTreeMap::new();
    for heard in receiver.heard() {
        assert!(heard.verified(&secret, app.clock()).is_some());
        let first = bodies.entry(heard.id()).or_insert_with(|| heard.body.clone());
        assert_eq!(*first, heard.body, "the same at each attempt");
    }
    let sent = deliveries(app, &id).await;
    assert!(sent.iter().all(|delivery| delivery["status"] == "SUCCEEDED"), "{:?}", statuses(&sent));
    let attempts = sent[0]["attempts"].as_array().expect("attempts");
    assert!(attempts.len() >= 9, "{attempts:#?}");
    let waits = attempts.windows(2).map(|two| moment(&two[1]["attemptedAt"]) - moment(&two[0]["attemptedAt"]));
    for (wait, least) in waits.zip([5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000]) {
        let least = TimeDelta::seconds(least);
        assert!(wait >= least && wait <= least + least / 10 + TimeDelta::seconds(30), "{wait} {least}");
    }
}

async fn after_the_tenth_failure_the_next_one_goes_ahead(app: &TestApp) {
    let receiver = Receiver::deciding(|heard| if heard.json()["data"]["sequence"] == 1 { 500 } else { 200 }).await;
    let (id, _secret) = endpoint(app, &receiver.url, &[]).await;
    let order = place(app, "k").await;
    app.drain().await;
    assert_eq!(receiver.heard().len(), 1, "the others wait");
    let waiting = deliveries(app, &id).await;
    assert!(waiting.len() > 1 && waiting.iter().all(|one| one["status"] == "PENDING"), "{waiting:#?}");
    assert!(waiting[0]["nextAttemptAt"].is_string() && waiting[1]["nextAttemptAt"].is_null());
    go_on(app, TimeDelta::hours(84)).await;
    let sent = deliveries(app, &id).await;
    assert_eq!((sent[0]["status"].as_str(), sent[0]["attempts"].as_array().map(Vec::len)), (Some("FAILED"), Some(10)));
    assert_eq!(sent[0]["attempts"][9]["error"], "500 Internal Server Error");
    let ids = receiver.ids();
    assert_eq!(ids[..10], vec![ids[0].clone(); 10]);
    assert_eq!(ids[10..], events(app, &order).await[1..], "the rest, in order, once");
    assert!(moment(&sent[1]["attempts"][0]["attemptedAt"]) >= moment(&sent[0]["completedAt"]));
}

async fn a_slow_receiver_delays_nobody(app: &TestApp) {
    let (open, gate) = watch::channel(false);
    let (slow, fast) = (Receiver::gated(gate).await, Receiver::answering(200).await);
    endpoint(app, &slow.url, &[]).await;
    endpoint(app, &fast.url, &[]).await;
    let mut orders = Vec::new();
    for number in 0..6 {
        orders.push(place(app, &number.to_string()).await);
    }
    let mut all = 0;
    for order in &orders {
        all += events(app, order).await.len();
    }
    let working = Working::on(app.app());
    slow.until(|heard| heard.len() == delivery::PER_ENDPOINT).await;
    fast.until(|heard| heard.len() == all).await;
    assert_eq!(slow.heard().len(), delivery::PER_ENDPOINT, "it holds its own places, and no more");
    assert_eq!(fast.accepted().len(), orders.len());
    open.send_replace(true);
    slow.until(|heard| heard.iter().filter(|one| one.status == 200).count() == all).await;
    for order in &orders {
        assert_eq!(slow.accepted()[order], events(app, order).await);
    }
    working.stop().await;
}

async fn a_redirect_is_not_followed_and_a_410_disables(app: &TestApp) {
    let elsewhere = Receiver::answering(200).await;
    let target = elsewhere.url.clone();
    let receiver = Receiver::new(move |_heard| {
        let target = target.clone();
        Box::pin(async move { (StatusCode::TEMPORARY_REDIRECT, [("location", target)]).into_response() })
    })
    .await;
    let (id, _secret) = endpoint(app, &receiver.url, &[]).await;
    let gone = Receiver::answering(410).await;
    let (gone_id, _secret) = endpoint(app, &gone.url, &[]).await;
    place(app, "k").await;
    app.drain().await;
    assert_eq!((receiver.heard().len(), elsewhere.heard().len()), (1, 0));
    let attempt = deliveries(app, &id).await[0]["attempts"][0].take();
    assert_eq!(
        (&attempt["statusCode"], &attempt["error"]),
        (&json!(307), &json!("307 Temporary Redirect: redirects are not followed"))
    );

    assert_eq!(gone.heard().len(), 1);
    let sent = deliveries(app, &gone_id).await;
    assert_eq!((sent[0]["status"].as_str(), sent[1]["status"].as_str()), (Some("FAILED"), Some("DISCARDED")));
    let query = "query($id: ID!) { webhookEndpoint(id: $id) { status disabledReason disabledAt } }";
    let data = app.data(secure_payment::party::demo::STOREFRONT, query, json!({ "id": gone_id })).await;
    assert_eq!(data["webhookEndpoint"]["status"], "DISABLED");
    assert!(text(&data["webhookEndpoint"]["disabledReason"]).contains("410"), "{data:#}");
    let test =
        change(app, "sendTestEvent", json!({ "endpointId": gone_id }), "delivery { id } errors { code path }").await;
    assert_eq!(test["errors"], json!([{ "code": "INVALID_INPUT", "path": ["input", "endpointId"] }]));
}

async fn a_410_says_nothing_of_another_address(app: &TestApp) {
    let (open, gate) = tokio::sync::watch::channel(false);
    let moved = Receiver::new(move |_heard| {
        let mut gate = gate.clone();
        Box::pin(async move {
            drop(gate.wait_for(|open| *open).await.expect("the gate is there"));
            StatusCode::GONE.into_response()
        })
    })
    .await;
    let receiver = Receiver::answering(200).await;
    let (id, _secret) = endpoint(app, &moved.url, &[]).await;
    let order = place(app, "k").await;
    tokio::join!(app.drain(), async {
        moved.until(|heard| heard.len() == 1).await;
        let input = json!({ "endpointId": id, "url": receiver.url });
        done(app, "updateWebhookEndpoint", input, "endpoint { id }").await;
        open.send_replace(true);
    });
    app.clock().advance(chrono::TimeDelta::seconds(6));
    app.drain().await;
    assert_eq!(receiver.ids(), events(app, &order).await);
}

async fn a_receiver_says_when_to_come_again(app: &TestApp) {
    for (status, retry_after, seconds) in
        [(429, "3600", 3_600), (503, "999999999", 86_400), (503, "1", 5), (500, "3600", 5)]
    {
        let receiver = Receiver::new(move |_heard| {
            let status = StatusCode::from_u16(status).expect("a status");
            Box::pin(async move { (status, [("retry-after", retry_after)]).into_response() })
        })
        .await;
        let (id, _secret) = endpoint(app, &receiver.url, &[]).await;
        done(app, "sendTestEvent", json!({ "endpointId": id }), "delivery { id }").await;
        let before = app.clock().now();
        app.drain().await;
        let sent = deliveries(app, &id).await;
        let (next, least) = (moment(&sent[0]["nextAttemptAt"]), TimeDelta::seconds(seconds));
        assert!(
            next >= before + least && next <= app.clock().now() + least + least / 10,
            "{status} {retry_after}: {next}"
        );
        done(app, "deleteWebhookEndpoint", json!({ "endpointId": id }), "deletedEndpointId").await;
    }
}

async fn an_answer_without_end_is_cut_off(app: &TestApp) {
    let flood = Receiver::new(|_heard| {
        let bytes = stream::repeat(Bytes::from_static(&[b'x'; 1_000])).map(Ok::<_, std::io::Error>);
        Box::pin(async move { Response::new(Body::from_stream(bytes)) })
    })
    .await;
    let trickle = Receiver::new(|_heard| {
        let bytes = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"nul\0"))]).chain(stream::pending());
        Box::pin(async move { Response::new(Body::from_stream(bytes)) })
    })
    .await;
    let (flooded, _secret) = endpoint(app, &flood.url, &["order.confirmed"]).await;
    let (trickled, _secret) = endpoint(app, &trickle.url, &["order.confirmed"]).await;
    place(app, "k").await;
    let mut node = app.app().clone();
    let patience = Patience { connect: Duration::from_millis(500), total: Duration::from_millis(500) };
    node.courier = Courier::with(Policy::Sandbox, Arc::new(SystemLookup), patience);
    worker::drain(&node).await.expect("gets through");
    let attempt = deliveries(app, &flooded).await[0]["attempts"][0].take();
    assert_eq!(text(&attempt["responseBody"]).len(), 4_096);
    let sent = deliveries(app, &trickled).await;
    let attempt = &sent[0]["attempts"][0];
    assert_eq!((sent[0]["status"].as_str(), &attempt["statusCode"]), (Some("PENDING"), &json!(200)), "{attempt:#}");
    assert!(text(&attempt["error"]).contains("no complete answer"), "{attempt:#}");
    assert_eq!(attempt["responseBody"], "nul\u{fffd}");
}

async fn deliveries_are_forgotten_after_ninety_days(app: &TestApp) {
    let receiver = Receiver::answering(200).await;
    let (id, _secret) = endpoint(app, &receiver.url, &[]).await;
    for _event in 0..2 {
        done(app, "sendTestEvent", json!({ "endpointId": id }), "delivery { id }").await;
    }
    app.drain().await;
    let prune = async || delivery::prune(app.db(), app.clock()).await.expect("prunes");
    app.clock().advance(TimeDelta::days(89));
    prune().await;
    assert_eq!(deliveries(app, &id).await.len(), 2);
    done(app, "deleteWebhookEndpoint", json!({ "endpointId": id }), "deletedEndpointId").await;
    app.clock().advance(TimeDelta::days(2));
    prune().await;
    assert_eq!(deliveries(app, &id).await, Vec::<Value>::new());
    app.clock().advance(TimeDelta::days(90));
    prune().await;
}

async fn only_types_that_were_asked_for_are_sent(app: &TestApp) {
    let receiver = Receiver::answering(200).await;
    endpoint(app, &receiver.url, &["order.funded", "order.shipped"]).await;
    let shop = Shop::of(app);
    let order = funded(app, &shop, "k").await;
    shop.done(&ship(&order)).await;
    app.drain().await;
    let kinds: Vec<String> = receiver.heard().iter().map(|heard| text(&heard.json()["type"])).collect();
    assert_eq!(kinds, ["order.funded", "order.shipped"]);
}

//! Events once more: named, or of a time; with the same id and the same body, in the order in which they were committed.

use secure_payment::party::demo;
use serde_json::{Value, json};

use super::receiver::Receiver;
use super::{change, deliveries, done, endpoint, events, place};
use crate::support::purchase::text;
use crate::support::{TestApp, on_each_database};

on_each_database!(
    events_are_replayed_by_their_ids_with_the_same_body,
    what_happened_while_it_was_disabled_is_replayed_by_its_time,
    what_was_on_its_way_when_it_was_disabled_is_replayed_by_its_time,
    what_cannot_be_replayed_is_refused,
    a_replay_goes_before_what_came_later,
);

const REPLAY: &str = "replayed endCursor hasMore";

async fn events_are_replayed_by_their_ids_with_the_same_body(app: &TestApp) {
    let receiver = Receiver::answering(200).await;
    let (id, _secret) = endpoint(app, &receiver.url, &[]).await;
    let order = place(app, "k").await;
    app.drain().await;
    let all = events(app, &order).await;
    // In any order, and one twice.
    let ids = json!([all[1], all[0], all[1]]);
    let replayed = done(app, "replayEvents", json!({ "endpointId": id, "events": { "eventIds": ids } }), REPLAY).await;
    assert_eq!((&replayed["replayed"], &replayed["hasMore"]), (&json!(2), &json!(false)), "{replayed:#}");
    app.drain().await;
    let heard = receiver.heard();
    let (first, again) = heard.split_at(all.len());
    assert_eq!(again.iter().map(|one| one.id()).collect::<Vec<_>>(), all[..2]);
    for (one, other) in first.iter().zip(again) {
        assert_eq!((one.id(), &one.body), (other.id(), &other.body));
    }
    let sent = deliveries(app, &id).await;
    let flags: Vec<bool> = sent.iter().map(|one| one["replay"].as_bool().expect("a flag")).collect();
    assert_eq!(flags.iter().filter(|replay| **replay).count(), 2);
}

async fn what_happened_while_it_was_disabled_is_replayed_by_its_time(app: &TestApp) {
    let receiver = Receiver::answering(200).await;
    let (id, _secret) = endpoint(app, &receiver.url, &["order.confirmed"]).await;
    place(app, "before").await;
    app.drain().await;
    let fields = "endpoint { status disabledAt disabledReason }";
    let disabled = done(app, "updateWebhookEndpoint", json!({ "endpointId": id, "enabled": false }), fields).await;
    let mut missed = Vec::new();
    for key in ["a", "b"] {
        let order = place(app, key).await;
        app.drain().await;
        missed.push(order);
    }
    let enabled = done(app, "updateWebhookEndpoint", json!({ "endpointId": id, "enabled": true }), fields).await;
    assert_eq!(enabled["endpoint"]["status"], "ENABLED");
    assert_eq!(enabled["endpoint"]["disabledAt"], disabled["endpoint"]["disabledAt"], "kept, to replay from");
    app.drain().await;
    assert_eq!(receiver.heard().len(), 1);
    let range = json!({ "from": enabled["endpoint"]["disabledAt"], "to": app.clock().now() });
    let input = json!({ "endpointId": id, "events": { "range": range } });
    let replayed = done(app, "replayEvents", input, REPLAY).await;
    assert_eq!(replayed["replayed"], 2, "of the type that it listens to, and of that time");
    app.drain().await;
    let orders: Vec<String> = receiver.heard()[1..].iter().map(|heard| heard.order()).collect();
    let mut sorted = (orders.clone(), missed.clone());
    sorted.0.sort_unstable();
    sorted.1.sort_unstable();
    assert_eq!(sorted.0, sorted.1);
    let input = json!({ "endpointId": id, "events": { "range": range }, "after": replayed["endCursor"] });
    let nothing = done(app, "replayEvents", input, REPLAY).await;
    assert_eq!(nothing, json!({ "replayed": 0, "endCursor": null, "hasMore": false, "errors": [] }));
}

async fn what_was_on_its_way_when_it_was_disabled_is_replayed_by_its_time(app: &TestApp) {
    let receiver = Receiver::answering(200).await;
    let (id, _secret) = endpoint(app, &receiver.url, &[]).await;
    let (on_its_way, late) = (place(app, "on its way").await, place(app, "late").await);
    // Its deadline is passed when it is disabled already, and happens when it was due.
    app.clock().advance(chrono::TimeDelta::days(60));
    done(app, "updateWebhookEndpoint", json!({ "endpointId": id, "enabled": false }), "endpoint { id }").await;
    app.drain().await;
    let input = json!({ "endpointId": id, "enabled": true });
    let enabled = done(app, "updateWebhookEndpoint", input, "endpoint { disabledAt }").await;
    assert_eq!(receiver.ids(), Vec::<String>::new());
    let range = json!({ "from": enabled["endpoint"]["disabledAt"], "to": app.clock().now() });
    done(app, "replayEvents", json!({ "endpointId": id, "events": { "range": range } }), REPLAY).await;
    app.drain().await;
    let heard = receiver.accepted();
    for order in [on_its_way, late] {
        let all = events(app, &order).await;
        assert_eq!(heard.get(&order), Some(&all));
    }
}

async fn what_cannot_be_replayed_is_refused(app: &TestApp) {
    let (id, _secret) = endpoint(app, "http://127.0.0.1:1/", &[]).await;
    let unknown = "event_00000000000000000000000000";
    let moment = "2026-03-01T00:00:00Z";
    for (events, code, path) in [
        (json!({ "eventIds": [] }), "INVALID_INPUT", json!(["input", "events", "eventIds"])),
        (json!({ "eventIds": vec![unknown; 1_001] }), "INVALID_INPUT", json!(["input", "events", "eventIds"])),
        (json!({ "eventIds": ["order_1"] }), "INVALID_INPUT", json!(["input", "events", "eventIds", "0"])),
        (json!({ "eventIds": [unknown] }), "NOT_FOUND", json!(["input", "events", "eventIds"])),
        (
            json!({ "range": { "from": moment, "to": moment } }),
            "INVALID_INPUT",
            json!(["input", "events", "range", "to"]),
        ),
    ] {
        let input = json!({ "endpointId": id, "events": events });
        let refused = change(app, "replayEvents", input, "replayed errors { code path }").await;
        assert_eq!(refused, json!({ "replayed": null, "errors": [{ "code": code, "path": path }] }), "{events}");
    }
    let input = json!({ "endpointId": id, "events": { "eventIds": [unknown] }, "after": "nonsense" });
    let refused = change(app, "replayEvents", input, "errors { path }").await;
    assert_eq!(refused["errors"], json!([{ "path": ["input", "after"] }]));
    assert_eq!(deliveries(app, &id).await, Vec::<Value>::new());
}

async fn a_replay_goes_before_what_came_later(app: &TestApp) {
    // Refuses the second event of an order; it is tried again in five seconds.
    let receiver = Receiver::deciding(|heard| if heard.json()["data"]["sequence"] == 2 { 500 } else { 200 }).await;
    let (id, _secret) = endpoint(app, &receiver.url, &[]).await;
    let order = place(app, "k").await;
    app.drain().await;
    let all = events(app, &order).await;
    assert_eq!(receiver.ids(), all[..2]);
    let input = json!({ "endpointId": id, "events": { "eventIds": [all[0]] } });
    assert_eq!(done(app, "replayEvents", input, REPLAY).await["replayed"], 1);
    let waiting = "query($id: ID!) { webhookDeliveries(endpointId: $id, filter: { status: PENDING }) { nodes { eventId nextAttemptAt } } }";
    let data = app.data(demo::STOREFRONT, waiting, json!({ "id": id })).await;
    let nodes = data["webhookDeliveries"]["nodes"].as_array().expect("nodes");
    let due: Vec<String> =
        nodes.iter().filter(|node| node["nextAttemptAt"].is_string()).map(|node| text(&node["eventId"])).collect();
    assert_eq!(due, [all[0].clone()], "the second waits for it now");
    app.drain().await;
    assert_eq!(receiver.ids(), [&all[0], &all[1], &all[0]].map(Clone::clone));
    app.clock().advance(chrono::TimeDelta::seconds(6));
    app.drain().await;
    assert_eq!(receiver.ids()[3..], [all[1].clone()], "at its own time");
}

//! Endpoints and their secrets: made once, at most ten, rotated without a pause, and nobody else's.

use chrono::TimeDelta;
use secure_payment::party::demo;
use serde_json::{Value, json};

use super::receiver::Receiver;
use super::{ENDPOINT, change, deliveries, done, endpoint, place, statuses};
use crate::support::purchase::{codes, text};
use crate::support::steps::mutate;
use crate::support::{TestApp, on_each_database};

on_each_database!(
    the_same_call_shows_the_same_secret_and_ten_are_enough,
    all_problems_are_named_at_once,
    both_secrets_sign_until_the_old_one_ends,
    a_deleted_endpoint_is_told_nothing_and_its_deliveries_stay,
    another_storefronts_endpoint_does_not_exist,
    a_test_event_says_so,
);

async fn the_same_call_shows_the_same_secret_and_ten_are_enough(app: &TestApp) {
    let (first, secret) = endpoint(app, "http://127.0.0.1:1/0", &[]).await;
    assert!(secret.starts_with("whsec_"));
    assert_eq!(endpoint(app, "http://127.0.0.1:1/0", &[]).await, (first.clone(), secret));
    let other = json!({ "idempotencyKey": "http://127.0.0.1:1/0", "url": "http://127.0.0.1:1/other" });
    assert_eq!(codes(&change(app, "createWebhookEndpoint", other, ENDPOINT).await), ["IDEMPOTENCY_KEY_REUSED"]);
    for number in 1..10 {
        endpoint(app, &format!("http://127.0.0.1:1/{number}"), &[]).await;
    }
    let eleventh = json!({ "idempotencyKey": "11", "url": "http://127.0.0.1:1/11" });
    assert_eq!(codes(&change(app, "createWebhookEndpoint", eleventh.clone(), ENDPOINT).await), ["LIMIT_REACHED"]);
    done(app, "deleteWebhookEndpoint", json!({ "endpointId": first }), "deletedEndpointId").await;
    assert_eq!(codes(&change(app, "createWebhookEndpoint", eleventh, ENDPOINT).await), Vec::<String>::new());
    let list = "{ webhookEndpoints(first: 100) { nodes { id url } } }";
    let data = app.data(demo::STOREFRONT, list, json!({})).await;
    assert_eq!(data["webhookEndpoints"]["nodes"].as_array().map(Vec::len), Some(10));
    assert!(!data.to_string().contains("whsec_"));
}

async fn all_problems_are_named_at_once(app: &TestApp) {
    let input = json!({ "idempotencyKey": "", "url": "gopher://x", "description": "x".repeat(501),
        "eventTypes": ["order.funded", "order.eaten"] });
    let refused = change(app, "createWebhookEndpoint", input, ENDPOINT).await;
    let paths: Vec<Value> =
        refused["errors"].as_array().expect("errors").iter().map(|error| error["path"].clone()).collect();
    assert_eq!(
        paths,
        [
            json!(["input", "url"]),
            json!(["input", "description"]),
            json!(["input", "eventTypes", "1"]),
            json!(["input", "idempotencyKey"])
        ]
    );
    let (id, _secret) = endpoint(app, "http://127.0.0.1:1/", &["order.funded"]).await;
    let input = json!({ "endpointId": id, "url": "http://10.0.0.1/", "eventTypes": ["x"] });
    assert_eq!(codes(&change(app, "updateWebhookEndpoint", input, ENDPOINT).await), ["INVALID_INPUT", "INVALID_INPUT"]);
    let input = json!({ "endpointId": id, "oldSecretHours": 169 });
    assert_eq!(codes(&change(app, "rotateWebhookSecret", input, ENDPOINT).await), ["INVALID_INPUT"]);
    let input = json!({ "endpointId": id, "description": "kept", "eventTypes": [] });
    let changed = done(app, "updateWebhookEndpoint", input, "endpoint { url description eventTypes status }").await;
    let wanted = json!({ "url": "http://127.0.0.1:1/", "description": "kept", "eventTypes": [], "status": "ENABLED" });
    assert_eq!(changed["endpoint"], wanted);
}

async fn both_secrets_sign_until_the_old_one_ends(app: &TestApp) {
    let receiver = Receiver::answering(200).await;
    let (id, first) = endpoint(app, &receiver.url, &[]).await;
    let rotate = async |hours: Value| {
        let fields = "endpoint { previousSecretExpiresAt } secret";
        let payload =
            done(app, "rotateWebhookSecret", json!({ "endpointId": id, "oldSecretHours": hours }), fields).await;
        assert!(payload["endpoint"]["previousSecretExpiresAt"].is_string());
        text(&payload["secret"])
    };
    let second = rotate(json!(24)).await;
    // A repetition, whose first answer got lost: the secret that is in use is still good.
    let third = rotate(json!(48)).await;
    let send = async || {
        done(app, "sendTestEvent", json!({ "endpointId": id }), "delivery { id }").await;
        app.drain().await;
        let heard = receiver.heard().pop().expect("it came");
        [&first, &second, &third].map(|secret| heard.verified(secret, app.clock()).is_some())
    };
    assert_eq!(send().await, [true, true, true]);
    app.clock().shift_wall(TimeDelta::hours(25));
    assert_eq!(send().await, [false, true, true]);
    app.clock().shift_wall(TimeDelta::hours(49));
    assert_eq!(send().await, [false, false, true]);
    app.clock().shift_wall(TimeDelta::zero());
    let payload = done(app, "rotateWebhookSecret", json!({ "endpointId": id, "oldSecretHours": 0 }), "secret").await;
    done(app, "sendTestEvent", json!({ "endpointId": id }), "delivery { id }").await;
    app.drain().await;
    let heard = receiver.heard().pop().expect("it came");
    assert!(heard.verified(&third, app.clock()).is_none(), "it ended at once");
    assert!(heard.verified(&text(&payload["secret"]), app.clock()).is_some());
}

async fn a_deleted_endpoint_is_told_nothing_and_its_deliveries_stay(app: &TestApp) {
    let receiver = Receiver::answering(500).await;
    let (id, _secret) = endpoint(app, &receiver.url, &[]).await;
    place(app, "k").await;
    app.drain().await;
    let before = deliveries(app, &id).await.len();
    let deleted = done(app, "deleteWebhookEndpoint", json!({ "endpointId": id }), "deletedEndpointId").await;
    assert_eq!(deleted["deletedEndpointId"], json!(id));
    place(app, "k2").await;
    app.drain().await;
    assert_eq!(receiver.heard().len(), 1);
    assert_eq!(statuses(&deliveries(app, &id).await), vec!["DISCARDED"; before]);
    let again = change(app, "deleteWebhookEndpoint", json!({ "endpointId": id }), "errors { code path }").await;
    assert_eq!(again["errors"], json!([{ "code": "NOT_FOUND", "path": ["input", "endpointId"] }]));
    let query = "query($id: ID!) { webhookEndpoint(id: $id) { id } node(id: $id) { id } }";
    let data = app.data(demo::STOREFRONT, query, json!({ "id": id })).await;
    assert_eq!(data, json!({ "webhookEndpoint": null, "node": null }));
}

/// The token of another storefront.
async fn stranger(app: &TestApp) -> String {
    let input = json!({ "name": "Another", "returnOrigins": [] });
    let made = mutate(
        app,
        demo::OPERATOR,
        "createStorefront",
        "CreateStorefrontInput",
        input,
        "storefront { id } errors { code }",
    )
    .await;
    let input = json!({ "role": "STOREFRONT", "subjectId": made["storefront"]["id"], "label": "test" });
    let made =
        mutate(app, demo::OPERATOR, "createCredential", "CreateCredentialInput", input, "token errors { code }").await;
    text(&made["token"])
}

async fn another_storefronts_endpoint_does_not_exist(app: &TestApp) {
    let (id, _secret) = endpoint(app, "http://127.0.0.1:1/", &[]).await;
    let test = done(app, "sendTestEvent", json!({ "endpointId": id }), "delivery { id eventId }").await;
    let delivery = test["delivery"]["id"].clone();
    let order = place(app, "k").await;
    let event = super::events(app, &order).await.remove(0);
    let stranger = stranger(app).await;
    let seen = "query($id: ID!, $delivery: ID!) { webhookEndpoint(id: $id) { id } node(id: $id) { id } nodes(ids: [$delivery]) { id } }";
    let nothing = json!({ "webhookEndpoint": null, "node": null, "nodes": [null] });
    let lists = "query($id: ID!) { webhookEndpoints { nodes { id } } webhookDeliveries { nodes { id } } of: webhookDeliveries(endpointId: $id) { nodes { id } } }";
    for token in [Some(stranger.as_str()), Some(demo::BUYER), Some(demo::SUPPLIER), None] {
        assert_eq!(app.data(token, seen, json!({ "id": id, "delivery": delivery })).await, nothing, "{token:?}");
    }
    let none =
        json!({ "webhookEndpoints": { "nodes": [] }, "webhookDeliveries": { "nodes": [] }, "of": { "nodes": [] } });
    assert_eq!(app.data(stranger.as_str(), lists, json!({ "id": id })).await, none);
    for token in [demo::BUYER, demo::SUPPLIER] {
        let refused = app.graphql(token, lists, json!({ "id": id })).await;
        assert_eq!(refused["errors"][0]["extensions"]["code"], "NOT_PERMITTED", "{refused:#}");
    }
    let all = app.data(demo::OPERATOR, lists, json!({ "id": id })).await;
    assert_eq!(all["webhookEndpoints"]["nodes"], json!([{ "id": id }]), "the operator sees everybody's");
    assert!(all["of"]["nodes"].as_array().is_some_and(|nodes| nodes.len() > 1));

    let (mine, _secret) = {
        let input = json!({ "idempotencyKey": "k", "url": "http://127.0.0.1:1/" });
        let made = mutate(
            app,
            &stranger,
            "createWebhookEndpoint",
            "CreateWebhookEndpointInput",
            input,
            "endpoint { id } secret",
        )
        .await;
        (text(&made["endpoint"]["id"]), text(&made["secret"]))
    };
    for (mutation, input) in [
        ("updateWebhookEndpoint", json!({ "endpointId": id, "enabled": false })),
        ("deleteWebhookEndpoint", json!({ "endpointId": id })),
        ("rotateWebhookSecret", json!({ "endpointId": id })),
        ("sendTestEvent", json!({ "endpointId": id })),
        ("replayEvents", json!({ "endpointId": id, "events": { "eventIds": [event] } })),
        ("replayEvents", json!({ "endpointId": mine, "events": { "eventIds": [event] } })),
    ] {
        let kind = format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..]);
        let refused = mutate(app, &stranger, mutation, &kind, input.clone(), "errors { code }").await;
        assert_eq!(codes(&refused), ["NOT_FOUND"], "{mutation} {input}");
        // A buyer's session never has the scope.
        let query = format!("mutation($input: {kind}!) {{ {mutation}(input: $input) {{ errors {{ code }} }} }}");
        let refused = app.graphql(demo::BUYER, &query, json!({ "input": input })).await;
        assert_eq!(refused["errors"][0]["extensions"]["code"], "NOT_PERMITTED", "{mutation}");
    }
    let range = json!({ "from": "2000-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z" });
    let input = json!({ "endpointId": mine, "events": { "range": range } });
    let replayed = mutate(app, &stranger, "replayEvents", "ReplayEventsInput", input, "replayed errors { code }").await;
    assert_eq!(replayed, json!({ "replayed": 0, "errors": [] }), "none of the events is theirs");
}

async fn a_test_event_says_so(app: &TestApp) {
    let receiver = Receiver::answering(200).await;
    let (id, secret) = endpoint(app, &receiver.url, &["order.shipped"]).await;
    let fields = "delivery { id eventId type orderId test replay body status }";
    let plain = done(app, "sendTestEvent", json!({ "endpointId": id }), fields).await["delivery"].take();
    let input = json!({ "endpointId": id, "type": "order.funded" });
    let typed = done(app, "sendTestEvent", input, fields).await["delivery"].take();
    let unknown =
        change(app, "sendTestEvent", json!({ "endpointId": id, "type": "order.eaten" }), "errors { code path }").await;
    assert_eq!(unknown["errors"], json!([{ "code": "INVALID_INPUT", "path": ["input", "type"] }]));
    app.drain().await;
    let heard = receiver.heard();
    assert_eq!(heard.len(), 2);
    for (delivery, kind) in [(plain, "endpoint.test"), (typed, "order.funded")] {
        let one = heard.iter().find(|one| one.id() == text(&delivery["eventId"])).expect("it came");
        assert!(one.verified(&secret, app.clock()).is_some());
        assert_eq!(text(&delivery["body"]).as_bytes(), &one.body);
        let body = one.json();
        assert_eq!(
            (&body["type"], &body["data"]["test"], &body["data"]["orderId"]),
            (&json!(kind), &json!(true), &Value::Null)
        );
        assert_eq!(
            (&delivery["test"], &delivery["replay"], &delivery["orderId"]),
            (&json!(true), &json!(false), &Value::Null)
        );
    }
}

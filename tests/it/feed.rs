//! The feed of all orders: dense, in commit order, and with cursors of its own.

use std::collections::HashMap;

use entity::event;
use futures_util::StreamExt;
use futures_util::future::join_all;
use sea_orm::{EntityTrait, QueryOrder};
use secure_payment::order::{FeedKey, TimelineKey};
use secure_payment::page::cursor;
use secure_payment::party::demo;
use secure_payment::{event_feed, graphql};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::bank::{Working, funded, operator};
use crate::support::purchase::{PATIENCE, QUANTITY, Shop, buy_now, cancel, text};
use crate::support::{TestApp, on_each_database};

on_each_database!(
    a_subscription_begins_now_also_on_a_node_that_has_just_started,
    a_cursor_of_one_list_is_no_cursor_of_another,
    the_feed_of_two_nodes_is_dense_and_in_order,
);

async fn a_subscription_begins_now_also_on_a_node_that_has_just_started(app: &TestApp) {
    let shop = Shop::of(app);
    let old = funded(app, &shop, "old").await;
    let node = app.another_node().await;
    let schema = graphql::build(node.settings.mode);
    let viewer = operator(app).await;
    let request = async_graphql::Request::new("subscription { orderEvents { orderId sequence } }").data(node.clone());
    let request = graphql::request_data(request.data(viewer), &node, viewer);
    let mut stream = schema.execute_stream(request).boxed();
    let product = shop.product().await;
    let mut number = 0;
    // New events until the subscription, which says not when it began, has got one.
    let first = loop {
        let happening = async {
            shop.done(&buy_now(&format!("new {number}"), &product, QUANTITY)).await;
            event_feed::sequence(&node).await.expect("sequences");
        };
        tokio::select! {
            biased;
            answer = stream.next() => break answer.expect("an event"),
            () = happening => number += 1,
        }
        assert!(number < 200, "no event came");
    };
    assert_eq!(first.errors, []);
    let first = first.data.into_json().expect("JSON")["orderEvents"].take();
    assert_ne!(first["orderId"], json!(old));
    assert_eq!(first["sequence"], 1);
    drop(stream);
    node.db.close().await;
}

async fn a_cursor_of_one_list_is_no_cursor_of_another(app: &TestApp) {
    let shop = Shop::of(app);
    let order = funded(app, &shop, "k").await;
    let query = "query($id: ID!, $timeline: String, $feed: String) {
        order(id: $id) { events(first: 1, after: $timeline) { edges { cursor node { cursor sequence } } pageInfo { endCursor } } }
        orderEvents(orderId: $id, first: 1, after: $feed) { edges { cursor } } }";
    let ask = async |timeline: &Value, feed: &Value| {
        let variables = json!({ "id": order, "timeline": timeline, "feed": feed });
        shop.graphql(demo::BUYER, query, variables).await.expect("an answer")
    };
    let answer = ask(&Value::Null, &Value::Null).await;
    let edge = &answer["data"]["order"]["events"]["edges"][0];
    let (timeline, in_feed) = (&edge["cursor"], &edge["node"]["cursor"]);
    assert_eq!(timeline, &json!(cursor(&TimelineKey { sequence: 1 })));
    assert_eq!(&answer["data"]["orderEvents"]["edges"][0]["cursor"], in_feed);
    let next = ask(timeline, in_feed).await;
    assert_eq!(next["data"]["order"]["events"]["edges"][0]["node"]["sequence"], 2, "each in its own list");

    for (timeline, in_feed) in [(in_feed, &Value::Null), (&Value::Null, timeline), (&Value::Null, &json!("MA"))] {
        let answer = ask(timeline, in_feed).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "INVALID_INPUT", "{answer:#}");
    }
    let node = app.app();
    let viewer = operator(app).await;
    let request = async_graphql::Request::new("subscription($after: String) { orderEvents(after: $after) { type } }")
        .variables(async_graphql::Variables::from_json(json!({ "after": timeline })))
        .data(node.clone())
        .data(viewer);
    let schema = graphql::build(node.settings.mode);
    let request = graphql::request_data(request, node, viewer);
    let refused = timeout(PATIENCE, schema.execute_stream(request).boxed().next()).await.expect("in time");
    let refused = refused.expect("an answer").errors;
    assert!(refused.len() == 1 && refused[0].message.contains("is not a cursor of this list"), "{refused:?}");
}

async fn the_feed_of_two_nodes_is_dense_and_in_order(app: &TestApp) {
    const BUYERS: usize = 6;
    const ORDERS: usize = 12;
    let shop = Shop::of(app);
    let mut nodes = vec![app.another_node().await];
    // A database file is one process's alone.
    if !app.is_sqlite() {
        nodes.push(app.another_node().await);
    }
    let working: Vec<Working> = nodes.iter().map(Working::on).collect();
    let reader = nodes.last().expect("a node").clone();
    let viewer = operator(app).await;
    let query = "subscription($after: String) { orderEvents(after: $after) { orderId sequence cursor } }";
    let request = async_graphql::Request::new(query)
        .variables(async_graphql::Variables::from_json(json!({ "after": cursor(&FeedKey { feed: 0 }) })))
        .data(reader.clone())
        .data(viewer);
    let request = graphql::request_data(request, &reader, viewer);
    let stream = graphql::build(reader.settings.mode).execute_stream(request);
    // A draft and its cancellation, each.
    let reading = tokio::spawn(timeout(PATIENCE, stream.take(2 * BUYERS * ORDERS).collect::<Vec<_>>()));

    let product = shop.product().await;
    join_all((0..BUYERS).map(async |buyer| {
        for number in 0..ORDERS {
            let step = buy_now(&format!("{buyer} {number}"), &product, QUANTITY);
            let order = text(&shop.done(&step).await["id"]);
            shop.done(&cancel(&order)).await;
        }
    }))
    .await;

    let mut newest: HashMap<String, i64> = HashMap::new();
    for (position, answer) in (1..).zip(reading.await.expect("reads").expect("all events come")) {
        assert_eq!(answer.errors, []);
        let event = answer.data.into_json().expect("JSON")["orderEvents"].take();
        assert_eq!(event["cursor"], cursor(&FeedKey { feed: position }), "without a gap or a repetition");
        let last = newest.entry(text(&event["orderId"])).or_default();
        *last += 1;
        assert_eq!(event["sequence"], *last, "an order's events are in order");
    }
    assert_eq!((newest.len(), newest.values().all(|last| *last == 2)), (BUYERS * ORDERS, true));
    for worker in working {
        worker.stop().await;
    }
    let all = event::Entity::find().order_by_asc(event::Column::FeedPosition).all(&app.db().read).await;
    let positions: Vec<_> = all.expect("reads").into_iter().map(|event| event.feed_position).collect();
    assert_eq!(positions, (1..=144).map(Some).collect::<Vec<_>>());
    for node in nodes {
        node.db.close().await;
    }
}

//! What is followed as it happens: by many at once, over sockets and event streams, from node to node, for as long as the
//! credential is good.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use entity::{CredentialId, payment};
use futures_util::future::join_all;
use futures_util::stream::BoxStream;
use futures_util::{SinkExt, StreamExt};
use sea_orm::ActiveValue::Set;
use sea_orm::EntityTrait;
use secure_payment::app::App;
use secure_payment::auth::{Viewer, find_caller};
use secure_payment::messaging::{self, MessageFeedKey};
use secure_payment::order::FeedKey;
use secure_payment::page::cursor;
use secure_payment::party::demo;
use secure_payment::{event_feed, graphql};
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::queries::Counting;
use crate::support::bank::{Working, operator};
use crate::support::purchase::{PATIENCE, QUANTITY, Shop, buy_now, cancel, confirm, text};
use crate::support::{TestApp, on_each_database};

on_each_database!(
    a_thousand_idle_subscriptions_cost_as_much_as_one,
    events_and_messages_are_followed_from_node_to_node,
    an_order_is_told_as_it_is_and_as_it_becomes,
    an_order_is_told_when_its_payment_has_come_to_its_provider,
    a_place_that_was_never_given_is_refused,
    only_ones_own_is_followed,
    an_event_stream_speaks_graphql_over_sse,
    what_is_no_operation_gets_no_event_stream,
    what_a_session_began_ends_with_it,
    what_a_revoked_credential_began_ends_at_once,
    sockets_and_operations_have_bounds,
    an_event_stream_breaks_off_when_the_server_stops,
);

const EVENTS: &str =
    "subscription($id: ID, $after: String) { orderEvents(orderId: $id, after: $after) { type orderId cursor } }";

/// A client of graphql-transport-ws.
struct Client {
    socket: WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>,
}

impl Client {
    /// Connected and introduced; not acknowledged yet.
    async fn introduce(base: &str, token: &str) -> Self {
        let url = format!("{}/graphql/ws", base.replacen("http://", "ws://", 1));
        let mut request = url.into_client_request().expect("a request");
        request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().expect("a header"));
        let mut client = Self { socket: connect_async(request).await.expect("connects").0 };
        let payload = json!({ "Authorization": format!("Bearer {token}") });
        client.send(json!({ "type": "connection_init", "payload": payload })).await;
        client
    }

    async fn connect(base: &str, token: &str) -> Self {
        let mut client = Self::introduce(base, token).await;
        assert_eq!(client.receive().await["type"], "connection_ack");
        client
    }

    async fn send(&mut self, message: Value) {
        self.socket.send(Message::text(message.to_string())).await.expect("sends");
    }

    async fn subscribe(&mut self, id: &str, query: &str, variables: Value) {
        let payload = json!({ "query": query, "variables": variables });
        self.send(json!({ "type": "subscribe", "id": id, "payload": payload })).await;
    }

    async fn receive(&mut self) -> Value {
        let message = timeout(PATIENCE, self.socket.next()).await.expect("in time");
        let message = message.expect("a message").expect("a message");
        serde_json::from_str(message.to_text().expect("text")).unwrap_or_else(|_| panic!("{message:?}"))
    }

    /// The field of the next answer.
    async fn next(&mut self, field: &str) -> Value {
        let mut message = self.receive().await;
        assert_eq!((&message["type"], &message["payload"]["errors"]), (&json!("next"), &Value::Null), "{message}");
        message["payload"]["data"][field].take()
    }

    async fn refusal(&mut self) -> String {
        let message = self.receive().await;
        assert_eq!(message["type"], "error", "{message}");
        text(&message["payload"][0]["extensions"]["code"])
    }

    /// Why a subscription did not begin.
    async fn not_begun(&mut self) -> String {
        let message = self.receive().await;
        assert_eq!((&message["type"], &message["payload"]["data"]), (&json!("next"), &Value::Null), "{message}");
        assert_eq!(self.receive().await["type"], "complete");
        text(&message["payload"]["errors"][0]["extensions"]["code"])
    }

    async fn close_code(&mut self) -> u16 {
        match timeout(PATIENCE, self.socket.next()).await.expect("in time") {
            Some(Ok(Message::Close(Some(frame)))) => frame.code.into(),
            other => panic!("{other:?}"),
        }
    }
}

/// A client of the event stream.
struct Events {
    answer: reqwest::Response,
    read: String,
}

impl Events {
    async fn open(request: reqwest::RequestBuilder) -> Self {
        let answer = request.header("accept", "text/event-stream").send().await.expect("an answer");
        let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
        assert_eq!((answer.status().as_u16(), header("content-type")), (200, "text/event-stream; charset=utf-8"));
        assert_eq!((header("cache-control"), header("x-accel-buffering")), ("no-store", "no"));
        assert_eq!(header("content-encoding"), "");
        Self { answer, read: String::new() }
    }

    async fn subscribe(base: &str, token: &str, query: &str, variables: Value) -> Self {
        let body = json!({ "query": query, "variables": variables });
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        Self::open(http.post(format!("{base}/graphql/stream")).bearer_auth(token).json(&body)).await
    }

    /// The next event and its data; None: the stream has ended.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            while let Some((block, rest)) = self.read.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.read = rest;
                if block != ":" {
                    let (event, data) = block.split_once('\n').expect("two lines");
                    let data = data.strip_prefix("data: ").expect("data");
                    let data = if data.is_empty() { Value::Null } else { serde_json::from_str(data).expect("JSON") };
                    return Some((event.strip_prefix("event: ").expect("an event").to_owned(), data));
                }
            }
            let chunk = timeout(PATIENCE, self.answer.chunk()).await.expect("in time").expect("a whole chunk");
            self.read.push_str(std::str::from_utf8(&chunk?).expect("text"));
        }
    }
}

/// Of a stream that is asked for with GET.
fn address(app: &TestApp, query: &str) -> reqwest::Url {
    reqwest::Url::parse_with_params(&app.url("/graphql/stream"), [("query", query)]).expect("a URL")
}

fn complete() -> Option<(String, Value)> {
    Some(("complete".to_owned(), Value::Null))
}

async fn sequence(node: &App) {
    event_feed::sequence(node).await.expect("sequences");
    messaging::sequence(node).await.expect("sequences");
}

async fn draft(shop: &Shop, key: &str, product: &str) -> String {
    text(&shop.done(&buy_now(key, product, QUANTITY)).await["id"])
}

/// The types of an order's events.
async fn timeline(shop: &Shop, order: &str) -> Vec<Value> {
    let events = shop.order(order).await["events"]["nodes"].take();
    events.as_array().expect("events").iter().map(|event| event["type"].clone()).collect()
}

async fn a_thousand_idle_subscriptions_cost_as_much_as_one(app: &TestApp) {
    const SOCKETS: usize = 20;
    const OF_EACH: usize = 50;
    const OTHERS: usize = 20;
    let shop = Shop::of(app);
    let product = shop.product().await;
    let order = draft(&shop, "own", &product).await;
    let counting = Counting::start(app).await;
    let node = &counting.node;
    sequence(node).await;
    let before = timeline(&shop, &order).await;

    let base = node.settings.own_url();
    let mut clients = join_all((0..SOCKETS).map(|_| Client::connect(&base, demo::BUYER))).await;
    let variables = json!({ "id": order, "after": cursor(&FeedKey { feed: 0 }) });
    let heard = async |client: &mut Client, events: usize| {
        let mut heard: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for _event in 0..OF_EACH * events {
            let mut message = client.receive().await;
            let kind = message["payload"]["data"]["orderEvents"]["type"].take();
            heard.entry(text(&message["id"])).or_default().push(kind);
        }
        heard
    };
    for client in &mut clients {
        for number in 0..OF_EACH {
            client.subscribe(&number.to_string(), EVENTS, variables.clone()).await;
        }
        let heard = heard(client, before.len()).await;
        assert!(heard.len() == OF_EACH && heard.values().all(|types| *types == before), "{heard:?}");
    }

    counting.statements.lock().expect("not poisoned").clear();
    for number in 0..OTHERS {
        draft(&shop, &format!("other {number}"), &product).await;
        sequence(node).await;
    }
    let statements: usize = counting.statements.lock().expect("not poisoned").values().sum();
    assert!((OTHERS..=OTHERS * 10).contains(&statements), "{statements} statements");

    shop.done(&confirm(&order)).await;
    sequence(node).await;
    shop.done(&cancel(&order)).await;
    sequence(node).await;
    let after = timeline(&shop, &order).await.split_off(before.len());
    assert!(after.len() >= 2);
    for client in &mut clients {
        let heard = heard(client, after.len()).await;
        assert!(heard.len() == OF_EACH && heard.values().all(|types| *types == after), "{heard:?}");
        client.send(json!({ "type": "ping" })).await;
        assert_eq!(client.receive().await["type"], "pong", "and nothing twice");
    }
    let reading: usize = counting.statements.lock().expect("not poisoned").values().sum();
    assert!(reading - statements <= 40, "{} statements", reading - statements);
    drop(clients);
    counting.stop().await;
}

/// The answers of a subscription on a node, without a door.
fn subscription(node: &App, viewer: Viewer, query: &str, variables: Value) -> BoxStream<'static, Value> {
    let request = async_graphql::Request::new(query)
        .variables(async_graphql::Variables::from_json(variables))
        .data(node.clone())
        .data(viewer);
    let stream = graphql::build(node.settings.mode).execute_stream(graphql::request_data(request, node, viewer));
    let data = |answer: async_graphql::Response| {
        assert_eq!(answer.errors, []);
        answer.data.into_json().expect("JSON")
    };
    stream.map(data).boxed()
}

/// Reads so many rows of a feed, a few at one node, a few at the next: the cursors, in the order of reading.
async fn wander(
    nodes: &[App],
    viewer: Viewer,
    (query, field): (&str, &str),
    start: String,
    rows: usize,
) -> Vec<String> {
    let mut cursors: Vec<String> = Vec::new();
    for (step, node) in nodes.iter().cycle().enumerate() {
        let left = rows - cursors.len();
        if left == 0 {
            break;
        }
        let after = cursors.last().unwrap_or(&start);
        let stream = subscription(node, viewer, query, json!({ "after": after }));
        let part = stream.take(left.min(1 + step % 7)).map(|mut data| text(&data[field]["cursor"].take()));
        cursors.extend(timeout(PATIENCE, part.collect::<Vec<_>>()).await.expect("all come"));
    }
    cursors
}

async fn contact(shop: &Shop, text_: &str) -> String {
    let query = "query($search: String!) { products(search: $search, first: 1) { nodes { id supplier { id } } } }";
    let product = shop.read(demo::BUYER, query, json!({ "search": "led strip 5m waterproof 2835" })).await;
    let product = &product["products"]["nodes"][0];
    let query =
        "mutation($product: ID!, $supplier: ID!, $text: String!) { contactSupplier(input: { productId: $product,
        supplierId: $supplier, text: $text }) { conversation { id } errors { message } } }";
    let variables = json!({ "product": product["id"], "supplier": product["supplier"]["id"], "text": text_ });
    text(&shop.read(demo::BUYER, query, variables).await["contactSupplier"]["conversation"]["id"])
}

async fn write(shop: &Shop, token: &str, conversation: &str, words: &str) -> String {
    let query = "mutation($id: ID!, $text: String!) { sendMessage(input: { conversationId: $id, text: $text }) {
        message { id } errors { message } } }";
    let data = shop.read(token, query, json!({ "id": conversation, "text": words })).await;
    text(&data["sendMessage"]["message"]["id"])
}

async fn events_and_messages_are_followed_from_node_to_node(app: &TestApp) {
    const WRITERS: usize = 4;
    const EACH: usize = 12;
    let shop = Shop::of(app);
    let nodes = vec![app.another_node().await, app.another_node().await];
    // A database file is one process's alone; there only one of them works.
    let workers = if app.is_sqlite() { &nodes[..1] } else { &nodes[..] };
    let working: Vec<Working> = workers.iter().map(Working::on).collect();
    let readers = workers.to_vec();
    let viewer = operator(app).await;
    let conversation = contact(&shop, "Hello").await;
    let product = shop.product().await;
    let messages = 1 + WRITERS * EACH;
    let start = (cursor(&FeedKey { feed: 0 }), cursor(&MessageFeedKey { message_feed: 0 }));
    let reading = tokio::spawn(async move {
        let events = ("subscription($after: String) { orderEvents(after: $after) { cursor } }", "orderEvents");
        let said = ("subscription($after: String) { messages(after: $after) { cursor } }", "messages");
        tokio::join!(
            // A draft and its cancellation, each.
            wander(&readers, viewer, events, start.0, 2 * WRITERS * EACH),
            wander(&readers, viewer, said, start.1, messages),
        )
    });
    join_all((0..WRITERS).map(async |writer| {
        let token = if writer % 2 == 0 { demo::BUYER } else { demo::SUPPLIER };
        for number in 0..EACH {
            let order = draft(&shop, &format!("{writer} {number}"), &product).await;
            write(&shop, token, &conversation, &format!("{writer} {number}")).await;
            shop.done(&cancel(&order)).await;
        }
    }))
    .await;
    let (events, said) = timeout(PATIENCE, reading).await.expect("in time").expect("reads");
    let positions = 1..=i64::try_from(2 * WRITERS * EACH).expect("few");
    assert_eq!(events, positions.map(|feed| cursor(&FeedKey { feed })).collect::<Vec<_>>());
    let positions = 1..=i64::try_from(messages).expect("few");
    let all: Vec<_> = positions.map(|message_feed| cursor(&MessageFeedKey { message_feed })).collect();
    assert_eq!(said, all);
    for worker in working {
        worker.stop().await;
    }
    for node in nodes {
        node.db.close().await;
    }
}

async fn an_order_is_told_as_it_is_and_as_it_becomes(app: &TestApp) {
    let shop = Shop::of(app);
    let order = draft(&shop, "k", &shop.product().await).await;
    let mut client = Client::connect(&app.url(""), demo::BUYER).await;
    let query = "subscription($id: ID!) { order(id: $id) { status version events(first: 100) { nodes { type } } } }";
    client.subscribe("1", query, json!({ "id": order })).await;
    let first = client.next("order").await;
    assert_eq!(first["status"], "AWAITING_CONFIRMATION");
    // What was seen already is not told again.
    sequence(app.app()).await;
    shop.done(&confirm(&order)).await;
    sequence(app.app()).await;
    let second = client.next("order").await;
    assert_eq!(second["status"], "AWAITING_PAYMENT");
    assert!(second["version"].as_i64() > first["version"].as_i64());
    // Lists within have their bound per answer: 10,000 rows in all would be 100 answers of this query.
    shop.done(&cancel(&order)).await;
    sequence(app.app()).await;
    assert_eq!(client.next("order").await["status"], "CANCELLED");
    client.send(json!({ "type": "complete", "id": "1" })).await;
    client.send(json!({ "type": "ping" })).await;
    assert_eq!(client.receive().await["type"], "pong", "each state once");
}

async fn an_order_is_told_when_its_payment_has_come_to_its_provider(app: &TestApp) {
    let shop = Shop::of(app);
    let order = shop.place("k").await;
    shop.pay(&order, "p").await;
    // As while the provider thinks.
    let opened_at = |at: Option<entity::Time>| async move {
        let transaction = app.db().begin_write().await.expect("begins");
        let row = payment::ActiveModel { opened_at: Set(at), ..Default::default() };
        payment::Entity::update_many().set(row).exec(&transaction).await.expect("writes");
        transaction.commit().await.expect("commits");
    };
    opened_at(None).await;
    let mut client = Client::connect(&app.url(""), demo::BUYER).await;
    let query = "subscription($id: ID!) { order(id: $id) { version } }";
    client.subscribe("1", query, json!({ "id": order })).await;
    let first = client.next("order").await;
    opened_at(Some(app.clock().now())).await;
    assert_eq!(client.next("order").await, first, "of the same version");
}

async fn a_place_that_was_never_given_is_refused(app: &TestApp) {
    let shop = Shop::of(app);
    draft(&shop, "k", &shop.product().await).await;
    sequence(app.app()).await;
    let mut client = Client::connect(&app.url(""), demo::BUYER).await;
    let messages = "subscription($after: String) { messages(after: $after) { text } }";
    let after = json!({ "after": cursor(&FeedKey { feed: 1_000_000 }) });
    client.subscribe("1", EVENTS, after.clone()).await;
    assert_eq!(client.not_begun().await, "INVALID_INPUT");
    client.subscribe("1", messages, json!({ "after": cursor(&MessageFeedKey { message_feed: 1_000_000 }) })).await;
    assert_eq!(client.not_begun().await, "INVALID_INPUT");
    let query = "query($after: String) { orderEvents(after: $after) { nodes { id } pageInfo { endCursor } } }";
    let refused = app.graphql(demo::BUYER, query, after).await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "INVALID_INPUT", "{refused:#}");
    let page = app.data(demo::BUYER, query, json!({})).await;
    let newest = json!({ "after": page["orderEvents"]["pageInfo"]["endCursor"] });
    assert_eq!(app.data(demo::BUYER, query, newest).await["orderEvents"]["nodes"], json!([]), "the newest is one");
}

/// The token of a buyer of the demo's storefront who has nothing.
async fn stranger(app: &TestApp) -> String {
    let query = "mutation { createBuyerSession(input: { buyerReference: \"stranger\", expiresInHours: 2 }) {
        session { token } errors { message } } }";
    text(&app.data(demo::STOREFRONT, query, json!({})).await["createBuyerSession"]["session"]["token"])
}

async fn only_ones_own_is_followed(app: &TestApp) {
    let shop = Shop::of(app);
    let order = draft(&shop, "k", &shop.product().await).await;
    let conversation = contact(&shop, "First").await;
    let token = stranger(app).await;
    let mut stranger = Client::connect(&app.url(""), &token).await;
    let one_order = "subscription($id: ID!) { order(id: $id) { status } }";
    let one_talk =
        "subscription($id: ID, $after: String) { messages(conversationId: $id, after: $after) { text cursor } }";
    for (query, id) in [(one_order, &order), (EVENTS, &order), (one_talk, &conversation)] {
        stranger.subscribe("1", query, json!({ "id": id })).await;
        assert_eq!(stranger.not_begun().await, "NOT_FOUND", "{query}");
    }
    let after = cursor(&MessageFeedKey { message_feed: 0 });
    stranger.subscribe("all", one_talk, json!({ "after": after })).await;
    let mut nobody = Client::introduce(&app.url(""), "unknown").await;
    assert_eq!(nobody.close_code().await, 4403);

    sequence(app.app()).await;
    let mut parties = Vec::new();
    for token in [demo::BUYER, demo::SUPPLIER, demo::STOREFRONT, demo::OPERATOR] {
        let mut party = Client::connect(&app.url(""), token).await;
        for (name, id) in [("one", json!(conversation)), ("all", Value::Null)] {
            party.subscribe(name, one_talk, json!({ "id": id, "after": after })).await;
            assert_eq!(party.next("messages").await["text"], "First");
        }
        parties.push(party);
    }
    write(&shop, demo::SUPPLIER, &conversation, "Second").await;
    sequence(app.app()).await;
    for party in &mut parties {
        for _name in ["one", "all"] {
            assert_eq!(party.next("messages").await["text"], "Second");
        }
    }
    stranger.send(json!({ "type": "ping" })).await;
    assert_eq!(stranger.receive().await["type"], "pong", "nothing of others'");

    // A cursor of the conversation's own list is none of the feed's.
    let query = "query($id: ID!) { conversation(id: $id) { messages(first: 1) { edges { cursor node { cursor } } } } }";
    let listed = shop.read(demo::BUYER, query, json!({ "id": conversation })).await;
    let edge = &listed["conversation"]["messages"]["edges"][0];
    parties[0].subscribe("2", one_talk, json!({ "after": edge["cursor"] })).await;
    assert_eq!(parties[0].not_begun().await, "INVALID_INPUT");
    parties[0].subscribe("2", one_talk, json!({ "after": edge["node"]["cursor"] })).await;
    assert_eq!(parties[0].next("messages").await["text"], "Second");
}

async fn an_event_stream_speaks_graphql_over_sse(app: &TestApp) {
    let shop = Shop::of(app);
    let order = draft(&shop, "k", &shop.product().await).await;
    sequence(app.app()).await;
    let after = cursor(&FeedKey { feed: 0 });
    let mut stream = Events::subscribe(&app.url(""), demo::BUYER, EVENTS, json!({ "id": order, "after": after })).await;
    let (kind, first) = stream.next().await.expect("an event");
    assert_eq!((kind.as_str(), &first["data"]["orderEvents"]["orderId"]), ("next", &json!(order)), "{first}");
    shop.done(&confirm(&order)).await;
    sequence(app.app()).await;
    let (kind, second) = stream.next().await.expect("an event");
    assert_eq!(
        (kind.as_str(), &second["data"]["orderEvents"]["type"]),
        ("next", &json!("order.confirmed")),
        "{second}"
    );

    let hello = Some(("next".to_owned(), json!({ "__typename": "Query" })));
    // What it cost is beside it.
    let data = |event: Option<(String, Value)>| event.map(|(kind, mut payload)| (kind, payload["data"].take()));
    let asked = app.http().get(address(app, "{ __typename }"));
    let mut answer = Events::open(asked).await;
    assert_eq!(
        (data(answer.next().await), answer.next().await, answer.next().await),
        (hello.clone(), complete(), None)
    );
    let asked = app.http().post(app.url("/graphql")).json(&json!({ "query": "{ __typename }" }));
    let mut answer = Events::open(asked).await;
    assert_eq!((data(answer.next().await), answer.next().await, answer.next().await), (hello, complete(), None));

    // A subscription that finds nothing of the viewer's says so, and is complete.
    let token = stranger(app).await;
    let mut answer = Events::subscribe(&app.url(""), &token, EVENTS, json!({ "id": order })).await;
    let (_next, refused) = answer.next().await.expect("an event");
    assert_eq!(refused["errors"][0]["extensions"]["code"], "NOT_FOUND");
    assert_eq!((answer.next().await, answer.next().await), (complete(), None));
}

async fn what_is_no_operation_gets_no_event_stream(app: &TestApp) {
    let url = app.url("/graphql/stream");
    let events = ("accept", "text/event-stream");
    let query = |text: &str| app.http().get(address(app, text)).header(events.0, events.1);
    let post = |text: &str| app.http().post(&url).json(&json!({ "query": text })).header(events.0, events.1);
    let mutation =
        "mutation { createSupplier(input: { name: \"x\", country: \"EC\", city: \"x\" }) { errors { code } } }";
    for (request, status, code) in [
        (query(mutation), 405, "BAD_REQUEST"),
        (post("{"), 400, "INVALID_DOCUMENT"),
        (post("subscription { thereIsNoSuchField }"), 400, "INVALID_DOCUMENT"),
        (query("subscription { thereIsNoSuchField }"), 400, "INVALID_DOCUMENT"),
        (post("{ __typename }").bearer_auth("unknown"), 401, "UNAUTHENTICATED"),
        (app.http().get(&url).header(events.0, events.1), 400, "BAD_REQUEST"),
        (app.http().post(&url).body("{}").header(events.0, events.1), 415, "BAD_REQUEST"),
        (app.http().post(&url).json(&json!([])).header(events.0, events.1), 400, "BAD_REQUEST"),
        (app.http().get(address(app, "{ x }")).header("accept", "application/json"), 406, "BAD_REQUEST"),
        (app.http().put(&url).header(events.0, events.1), 405, "BAD_REQUEST"),
    ] {
        let answer = request.send().await.expect("an answer");
        let answered = answer.status().as_u16();
        let json: Value = answer.json().await.expect("JSON");
        assert_eq!((answered, &json["errors"][0]["extensions"]["code"]), (status, &json!(code)), "{json}");
    }
}

async fn what_a_session_began_ends_with_it(app: &TestApp) {
    let token = stranger(app).await;
    let mut idle = Client::connect(&app.url(""), &token).await;
    idle.subscribe("1", EVENTS, json!({})).await;
    let mut stream = Events::subscribe(&app.url(""), &token, EVENTS, json!({})).await;
    let mut lasting = Client::connect(&app.url(""), demo::BUYER).await;
    // A minute before nothing has ended.
    app.clock().shift_wall(TimeDelta::minutes(119));
    idle.send(json!({ "type": "ping" })).await;
    assert_eq!(idle.receive().await["type"], "pong");
    app.clock().shift_wall(TimeDelta::minutes(121));
    assert_eq!(idle.close_code().await, 4403);
    let (_next, farewell) = stream.next().await.expect("an event");
    assert_eq!(farewell["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
    assert_eq!((stream.next().await, stream.next().await), (complete(), None));
    lasting.send(json!({ "type": "ping" })).await;
    assert_eq!(lasting.receive().await["type"], "pong");
    app.clock().shift_wall(TimeDelta::zero());
}

async fn what_a_revoked_credential_began_ends_at_once(app: &TestApp) {
    let token = stranger(app).await;
    let caller = find_caller(&app.db().read, &token, app.clock().wall()).await.expect("reads").expect("is good");
    let mut idle = Client::connect(&app.url(""), &token).await;
    let mut stream = Events::subscribe(&app.url(""), &token, EVENTS, json!({})).await;
    app.app().announce_revoked(CredentialId(app.clock().new_id()));
    idle.send(json!({ "type": "ping" })).await;
    assert_eq!(idle.receive().await["type"], "pong", "another's");
    app.app().announce_revoked(caller.credential.expect("a credential").id);
    assert_eq!(idle.close_code().await, 4403);
    assert_eq!(stream.next().await.expect("an event").1["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
    assert_eq!((stream.next().await, stream.next().await), (complete(), None));
}

async fn sockets_and_operations_have_bounds(app: &TestApp) {
    let base = app.url("");
    let mut clients = join_all((0..100).map(|_| Client::connect(&base, demo::BUYER))).await;
    assert_eq!(Client::introduce(&base, demo::BUYER).await.close_code().await, 4429);
    let request = app.http().post(app.url("/graphql/stream")).bearer_auth(demo::BUYER);
    let refused = request.json(&json!({ "query": EVENTS })).send().await.expect("an answer");
    assert_eq!((refused.status().as_u16(), refused.headers()["retry-after"].to_str().expect("text")), (429, "30"));
    let refused: Value = refused.json().await.expect("JSON");
    assert_eq!(refused["errors"][0]["extensions"]["code"], "RATE_LIMITED");

    for number in 0..50 {
        clients[0].subscribe(&number.to_string(), EVENTS, json!({})).await;
    }
    clients[0].subscribe("one too many", EVENTS, json!({})).await;
    assert_eq!(clients[0].refusal().await, "LIMIT_REACHED");
    clients[0].send(json!({ "type": "complete", "id": "7" })).await;
    clients[0].subscribe("7", "{ __typename }", json!({})).await;
    assert_eq!(clients[0].receive().await["type"], "next", "its place is free");
    // Others are not kept out.
    let mut other = Client::connect(&base, demo::SUPPLIER).await;
    other.subscribe("1", "{ __typename }", json!({})).await;
    assert_eq!(other.receive().await["type"], "next");
}

async fn an_event_stream_breaks_off_when_the_server_stops(app: &TestApp) {
    let counting = Counting::start(app).await;
    let mut stream = Events::subscribe(&counting.node.settings.own_url(), demo::BUYER, EVENTS, json!({})).await;
    let (_, end) = tokio::join!(counting.stop(), stream.next());
    assert_eq!(end, None, "without `complete`: the client comes back");
}

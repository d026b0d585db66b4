//! Every code of `ErrorCode` is told by something that a client can do or meet; and `docs/errors.md` says what they are.

use async_graphql::resolver_utils::EnumType;
use ground::setting::Mode;
use secrecy::SecretString;
use secure_payment::config::Settings;
use secure_payment::error::ErrorCode;
use secure_payment::graphql;
use secure_payment::lifecycle::ShutdownTimes;
use secure_payment::party::demo;
use secure_payment::server;
use serde_json::{Value, json};

use crate::rails;
use crate::support::bench::Bench;
use crate::support::bench::Situation::*;
use crate::support::node::Node;
use crate::support::purchase::Step;
use crate::support::rail::Rail;
use crate::support::steps::{address, first_product, mutate};
use crate::support::{TestApp, on_each_database};

on_each_database!(every_code_is_told_by_something);

#[tokio::test]
async fn the_page_of_errors_is_what_the_code_says() {
    let page = graphql::error_reference::error_reference(&graphql::build(Mode::Sandbox)).await.expect("a page");
    assert_eq!(page, include_str!("../../docs/errors.md"), "cargo run -- errors > docs/errors.md");
}

async fn every_code_is_told_by_something(app: &TestApp) {
    let bench = Bench::on(app);
    for item in ErrorCode::items() {
        let told = Box::pin(tell(&bench, item.value)).await;
        assert!(codes(&told).iter().any(|code| code == item.name), "{}: {told:#}", item.name);
    }
}

/// All codes of an answer: of its payloads, and at its top.
fn codes(answer: &Value) -> Vec<String> {
    match answer {
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, value)| match value.as_str() {
                Some(code) if name == "code" => vec![code.to_owned()],
                Some(_) | None => codes(value),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(codes).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

/// A code that isn't told anywhere has no arm here, and then this does not compile.
#[expect(clippy::too_many_lines, reason = "one arm a code")]
async fn tell(bench: &Bench<'_>, code: ErrorCode) -> Value {
    let app = bench.app;
    match code {
        ErrorCode::InvalidInput => buy(bench, json!({ "quantity": 0 })).await,
        ErrorCode::CurrencyNotAvailable => buy(bench, json!({ "currency": "KRW" })).await,
        ErrorCode::BelowMinimumQuantity => buy(bench, json!({ "quantity": 1 })).await,
        ErrorCode::OutOfStock => buy(bench, json!({ "quantity": 1_000_000_000 })).await,
        ErrorCode::NotFound => buy(bench, json!({ "productId": "product_00000000000000000000000000" })).await,
        ErrorCode::IdempotencyKeyReused => {
            buy(bench, json!({ "idempotencyKey": "reused" })).await;
            buy(bench, json!({ "idempotencyKey": "reused", "quantity": 25 })).await
        }
        ErrorCode::InvalidAmount => {
            let input = json!({ "idempotencyKey": bench.key(), "amount": "1.999" });
            of_order(bench, Shipped, demo::SUPPLIER, "refundOrder", input).await
        }
        ErrorCode::AmountExceedsHeld => {
            let input = json!({ "idempotencyKey": bench.key(), "amount": "100000" });
            of_order(bench, Shipped, demo::SUPPLIER, "refundOrder", input).await
        }
        ErrorCode::NotPermitted => of_order(bench, Shipped, demo::SUPPLIER, "confirmReceived", json!({})).await,
        ErrorCode::InvalidTransition => {
            of_order(bench, AwaitingConfirmation, demo::BUYER, "confirmReceived", json!({})).await
        }
        ErrorCode::StaleVersion => {
            let input = json!({ "contractVersion": 1, "expectedVersion": 99 });
            of_order(bench, AwaitingConfirmation, demo::BUYER, "confirmOrder", input).await
        }
        ErrorCode::OrderFrozen => of_order(bench, Frozen, demo::BUYER, "confirmReceived", json!({})).await,
        ErrorCode::PayeeDetailsRequired => {
            let order = bench.order(RefundNeedsAction).await;
            let input = bench.input(escrow::Action::RequestManualRefund, demo::OPERATOR, &order).await;
            act(app, demo::OPERATOR, "requestManualRefund", input).await
        }
        ErrorCode::MethodNotAvailable => {
            // Less than this provider takes.
            let rail = Rail::of(app, rails::stripe::start().await).await;
            let order = rail.order("0.49").await;
            let input = json!({ "orderId": order, "idempotencyKey": bench.key(), "method": "VISA" });
            rail.shop.take(&Step { token: demo::BUYER, mutation: "payOrder", input }).await.expect("an answer")
        }
        ErrorCode::ReturnUrlNotAllowed => {
            let input =
                json!({ "idempotencyKey": bench.key(), "method": "VISA", "returnUrl": "https://elsewhere.example/" });
            of_order(bench, AwaitingPayment, demo::BUYER, "payOrder", input).await
        }
        ErrorCode::AlreadyExists => {
            of_order(
                bench,
                RatedTwiceAndAnswered,
                demo::BUYER,
                "leaveFeedback",
                json!({ "productAsAgreed": 5, "communication": 5, "shippingTime": 5 }),
            )
            .await
        }
        ErrorCode::LimitReached => {
            let endpoint = |number: usize| json!({ "idempotencyKey": format!("{number}"), "url": format!("http://127.0.0.1:9/{number}") });
            for number in 0..10 {
                act(app, demo::STOREFRONT, "createWebhookEndpoint", endpoint(number)).await;
            }
            act(app, demo::STOREFRONT, "createWebhookEndpoint", endpoint(10)).await
        }
        ErrorCode::Unauthenticated => {
            let order = bench.order(AwaitingPayment).await;
            let query = "mutation($id: ID!) { cancelOrder(input: { orderId: $id }) { errors { code } } }";
            app.graphql(None, query, json!({ "id": order })).await
        }
        ErrorCode::BadRequest => posted(app, json!({ "document": "{ __typename }" }).to_string(), None).await,
        ErrorCode::PayloadTooLarge => posted(app, "x".repeat(2 << 20), None).await,
        ErrorCode::OriginNotAllowed => {
            posted(app, json!({ "query": "{ __typename }" }).to_string(), Some("https://elsewhere.example")).await
        }
        ErrorCode::InvalidDocument => app.graphql(None, "{ thereIsNoSuchField }", json!({})).await,
        ErrorCode::QueryTooComplex => {
            let aliases: String = (0..51).map(|number| format!("a{number}: __typename ")).collect();
            app.graphql(None, &format!("{{ {aliases} }}"), json!({})).await
        }
        ErrorCode::RateLimited => {
            let node = Node::small(app).await;
            node.ask(None, "{ products(first: 99) { nodes { id } } }").await;
            node.ask(None, "{ __typename }").await.body
        }
        ErrorCode::PersistedQueryNotFound => {
            let hash = json!({ "persistedQuery": { "version": 1, "sha256Hash": "0".repeat(64) } });
            Node::start(app, |_limits| {}).await.post(None, json!({ "extensions": hash })).await.body
        }
        ErrorCode::DocumentNotTrusted => {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("documents.json");
            std::fs::write(&path, json!({ "one": "{ __typename }" }).to_string()).expect("writes");
            let path = path.to_str().expect("text").to_owned();
            let node = Node::start(app, |limits| limits.trusted_documents = Some(path)).await;
            node.ask(None, "{ another: __typename }").await.body
        }
        ErrorCode::IntrospectionDisabled => {
            let node = Node::start(app, |limits| limits.introspection = false).await;
            node.ask(None, "{ __schema { description } }").await.body
        }
        ErrorCode::Unavailable => without_a_database(app).await,
        ErrorCode::Internal => with_another_key(bench).await,
    }
}

async fn act(app: &TestApp, token: &str, name: &str, input: Value) -> Value {
    let kind = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
    mutate(app, token, name, &kind, input, "errors { code message path }").await
}

async fn of_order(
    bench: &Bench<'_>,
    situation: crate::support::bench::Situation,
    token: &str,
    name: &str,
    mut input: Value,
) -> Value {
    input["orderId"] = json!(bench.order(situation).await);
    if name == "payOrder" && input["idempotencyKey"].is_null() {
        input["idempotencyKey"] = json!(bench.key());
    }
    act(bench.app, token, name, input).await
}

async fn buy(bench: &Bench<'_>, change: Value) -> Value {
    let product = first_product(bench.app).await["id"].take();
    let mut input =
        json!({ "idempotencyKey": bench.key(), "productId": product, "quantity": 20, "shippingAddress": address() });
    for (field, value) in change.as_object().expect("changes") {
        input[field] = value.clone();
    }
    act(bench.app, demo::BUYER, "buyNow", input).await
}

async fn posted(app: &TestApp, body: String, origin: Option<&str>) -> Value {
    let mut request = app.http().post(app.url("/graphql")).header("content-type", "application/json").body(body);
    if let Some(origin) = origin {
        request = request.header("origin", origin);
    }
    request.send().await.expect("an answer").json().await.expect("JSON")
}

async fn without_a_database(app: &TestApp) -> Value {
    let node = app.another_node().await;
    let mut settings: Settings = (*node.settings).clone();
    settings.listen = "127.0.0.1:0".parse().expect("an address");
    let listener = server::bind(&mut settings).await.expect("a free port");
    tokio::spawn(server::serve_until(node.clone(), listener, std::future::pending(), ShutdownTimes::default()));
    node.db.close().await;
    let asked = app.http().post(format!("{}/graphql", settings.own_url())).bearer_auth(demo::BUYER);
    let answer = asked.json(&json!({ "query": "{ viewer { role } }" })).send().await.expect("an answer");
    assert_eq!(answer.status(), 503);
    answer.json().await.expect("JSON")
}

/// What was encrypted with one key can't be read with another.
async fn with_another_key(bench: &Bench<'_>) -> Value {
    let order = bench.order(RefundByHand).await;
    let key = SecretString::from("b3RoZXItdGVzdC1lbmNyeXB0aW9uLWtleS0zMmJ5dCE=");
    let settings = Settings { encryption_key: Some(key), ..(*bench.app.app().settings).clone() };
    let node = Node::of(bench.app, settings).await;
    let query = "query($id: ID!) { order(id: $id) { refunds { payTo { iban } } } }";
    let told = node.post(demo::OPERATOR, json!({ "query": query, "variables": { "id": order } })).await.body;
    assert!(!told.to_string().contains("decrypt"), "{told}");
    told
}

//! What a request may cost, who pays for it, and which documents run. `docs/limits.md` publishes the numbers.

use std::time::Duration;

use chrono::TimeDelta;
use ground::setting::Mode;
use secure_payment::config::Settings;
use secure_payment::http::documents::hash_of;
use secure_payment::party::demo;
use secure_payment::server;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::node::{Node, read};
use crate::support::{TestApp, on_each_database};

mod published;

on_each_database!(
    every_answer_says_what_it_cost_and_what_is_left,
    a_request_dearer_than_the_limit_does_not_run,
    a_budget_that_is_used_up_comes_back_with_time,
    credentials_of_one_holder_share_a_budget_and_others_have_their_own,
    guessing_credentials_has_a_price,
    a_batch_is_paid_for_as_a_whole_and_answered_in_order,
    a_batch_that_is_too_long_costs_nothing,
    a_persisted_query_is_known_once_its_text_was_sent,
    only_trusted_documents_run_where_there_is_a_list,
    a_list_that_cannot_be_used_stops_the_start,
    introspection_can_be_switched_off,
    live_mode_suggests_no_fields,
    connections_of_one_address_are_bounded,
);

fn products(first: u32) -> String {
    format!("{{ products(first: {first}) {{ nodes {{ id }} }} }}")
}

const NAME: &str = "{ __typename }";

async fn every_answer_says_what_it_cost_and_what_is_left(app: &TestApp) {
    let node = Node::start(app, |_limits| {}).await;
    let answer = node.ask(None, NAME).await;
    // Some of it may have come back by the time of the answer; exact numbers are those of the small budgets below.
    let left = answer.remaining();
    assert!((9_999..=10_000).contains(&left), "{left}");
    let budget = json!({ "capacity": 10_000, "remaining": left, "restoredPerSecond": 200 });
    assert_eq!(answer.body["extensions"], json!({ "cost": { "requested": 1, "limit": 5_000, "budget": budget } }));
    let answer = node.ask(demo::BUYER, "{ products(first: 10) { nodes { id supplier { id } } } }").await;
    assert_eq!(answer.cost("requested"), 1 + 10 * 2);
    let left = answer.remaining();
    assert!((50_000 - 21..50_000).contains(&left), "{left}");
    let budget = json!({ "capacity": 50_000, "remaining": left, "restoredPerSecond": 1_000 });
    assert_eq!(answer.body["extensions"]["cost"]["budget"], budget);
    for refused in ["{", "{ thereIsNoSuchField }"] {
        let answer = node.ask(None, refused).await;
        assert_eq!((answer.status, answer.code()), (400, "INVALID_DOCUMENT"), "{refused}");
        assert!(answer.cost("requested") >= 1, "{:#}", answer.body);
    }
}

async fn a_request_dearer_than_the_limit_does_not_run(app: &TestApp) {
    let node = Node::small(app).await;
    let within = node.ask(None, &products(99)).await;
    assert_eq!((within.status, within.cost("requested"), within.remaining()), (200, 100, 0));

    let to = app.clock().now() + TimeDelta::days(1);
    let advance = format!("a: sandboxAdvanceClock(input: {{ to: \"{}\" }}) {{ reached }}", to.to_rfc3339());
    let many: String = (0..10).map(|number| advance.replacen('a', &format!("a{number}"), 1) + " ").collect();
    let dear = node.ask(demo::OPERATOR, &format!("mutation {{ {many} }}")).await;
    assert_eq!((dear.status, dear.code(), dear.cost("requested")), (400, "QUERY_TOO_COMPLEX", 110));
    let message = dear.body["errors"][0]["message"].as_str().expect("text");
    assert!(message.contains("110 points; 100 is the most"), "{message}");
    assert!(dear.remaining() >= 90, "it is not charged what it would have cost: {:#}", dear.body);
    assert!(app.clock().now() < to, "nothing ran");

    let variable =
        json!({ "query": "query($n: Int) { products(first: $n) { nodes { id } } }", "variables": { "n": 100 } });
    let ids =
        json!({ "query": "query($ids: [ID!]!) { nodes(ids: $ids) { id } }", "variables": { "ids": vec!["x"; 101] } });
    let values = json!({ "query": NAME, "variables": { "ids": vec![0; 10_001] } });
    for dear in [variable, ids, values] {
        assert_eq!(node.post(demo::SUPPLIER, dear).await.code(), "QUERY_TOO_COMPLEX");
    }
}

async fn a_budget_that_is_used_up_comes_back_with_time(app: &TestApp) {
    let node = Node::small(app).await;
    assert_eq!(node.ask(demo::OPERATOR, &products(99)).await.status, 200);
    let to = app.clock().now() + TimeDelta::days(1);
    let advance = format!("mutation {{ sandboxAdvanceClock(input: {{ to: \"{}\" }}) {{ reached }} }}", to.to_rfc3339());
    let refused = node.ask(demo::OPERATOR, &advance).await;
    assert_eq!((refused.status, refused.code()), (429, "RATE_LIMITED"));
    assert!((1..=11).contains(&refused.retry_after()), "{:#}", refused.body);
    assert!(refused.remaining() < 11, "{:#}", refused.body);
    assert!(app.clock().now() < to, "nothing ran");
    assert_eq!(node.ask(demo::SECOND_OPERATOR, &products(60)).await.status, 200);
    let again = node.ask(demo::SECOND_OPERATOR, &products(99)).await;
    assert!(again.status == 429 && again.retry_after() > 30, "{:#}", again.body);

    app.clock().shift_wall(TimeDelta::seconds(200));
    assert_eq!(node.ask(demo::OPERATOR, &products(99)).await.status, 200);
}

async fn credentials_of_one_holder_share_a_budget_and_others_have_their_own(app: &TestApp) {
    let mut node = Node::small(app).await;
    assert_eq!(node.ask(demo::STOREFRONT, &products(99)).await.status, 200);
    assert_eq!(node.ask(demo::STOREFRONT, &products(50)).await.status, 429);
    assert_eq!(node.ask(demo::BUYER, &products(50)).await.status, 200, "a buyer has their own");
    assert_eq!(node.ask(None, &products(99)).await.status, 200, "an address without a credential has its own");
    assert_eq!(node.ask(None, &products(50)).await.status, 429);
    node.forwarded = "198.51.100.2";
    assert_eq!(node.ask(None, &products(99)).await.status, 200, "another address");
    node.forwarded = "198.51.100.3, 198.51.100.2";
    assert_eq!(node.ask(None, &products(50)).await.status, 429, "what the client wrote itself doesn't count");
    node.forwarded = "2001:db8:1:2::1";
    assert_eq!(node.ask(None, &products(99)).await.status, 200);
    node.forwarded = "2001:db8:1:2:ffff::2";
    assert_eq!(node.ask(None, &products(50)).await.status, 429, "a /64 is one address");
}

async fn guessing_credentials_has_a_price(app: &TestApp) {
    let mut node = Node::small(app).await;
    // Also for who says to come from a page that is not let in.
    node.forwarded = "198.51.100.3";
    let mut seen = Vec::new();
    for guess in ["guess-1", "guess-2", "guess-3", demo::BUYER] {
        let request = node.http.post(node.url("/graphql")).header("x-forwarded-for", node.forwarded);
        let request = request.header("origin", "https://evil.example").bearer_auth(guess);
        seen.push(read(request.json(&json!({ "query": NAME }))).await.status);
    }
    assert_eq!(seen, [403, 403, 429, 429]);
    node.forwarded = "198.51.100.1";
    for guess in ["guess-1", "guess-2"] {
        assert_eq!(node.ask(guess, NAME).await.status, 401);
    }
    let refused = node.ask("guess-3", NAME).await;
    assert_eq!((refused.status, refused.code()), (429, "RATE_LIMITED"));
    assert!((1..=50).contains(&refused.retry_after()));
    let right = node.ask(demo::BUYER, NAME).await;
    assert_eq!(right.status, 429, "not even a right one is looked at: else guessing would go on");
    assert_eq!(node.ask(None, NAME).await.status, 200, "nobody asks for a credential here");
    node.forwarded = "198.51.100.2";
    assert_eq!(node.ask(demo::BUYER, NAME).await.status, 200, "from elsewhere");
    node.forwarded = "198.51.100.1";
    app.clock().shift_wall(TimeDelta::seconds(120));
    assert_eq!(node.ask(demo::BUYER, NAME).await.status, 200);
}

async fn a_batch_is_paid_for_as_a_whole_and_answered_in_order(app: &TestApp) {
    let node = Node::small(app).await;
    let to = app.clock().now() + TimeDelta::days(1);
    let advance = format!("mutation {{ sandboxAdvanceClock(input: {{ to: \"{}\" }}) {{ reached }} }}", to.to_rfc3339());
    let asked = |queries: &[&str]| queries.iter().map(|query| json!({ "query": query })).collect::<Value>();
    let batch = node.post(demo::OPERATOR, asked(&[&advance, "{ sandboxClock }", "{ no", "{ nothing }"])).await;
    assert_eq!(batch.status, 200);
    let of = |index: usize, member: &str| batch.body[index]["extensions"]["cost"][member].clone();
    assert_eq!((of(0, "requested"), of(1, "requested"), of(2, "requested")), (json!(11), json!(1), json!(10)));
    assert_eq!(of(0, "budget"), of(3, "budget"));
    let clock = batch.body[1]["data"]["sandboxClock"].as_str().expect("a time");
    assert!(clock.parse::<entity::Time>().expect("a time") >= to, "the second one sees what the first one did");
    for (index, code) in [(2, "INVALID_DOCUMENT"), (3, "INVALID_DOCUMENT")] {
        assert!(batch.body[index].get("data").is_none());
        assert_eq!(batch.body[index]["errors"][0]["extensions"]["code"], code);
    }

    let to = to + TimeDelta::days(1);
    let advance = format!("mutation {{ sandboxAdvanceClock(input: {{ to: \"{}\" }}) {{ reached }} }}", to.to_rfc3339());
    let dear = node.post(demo::SECOND_OPERATOR, asked(&[&advance, &products(60), &products(60)])).await;
    assert_eq!((dear.status, dear.code(), dear.cost("requested")), (400, "QUERY_TOO_COMPLEX", 11 + 2 * 61));
    let overdrawn = node.post(demo::OPERATOR, asked(&[&advance, &products(80)])).await;
    assert_eq!((overdrawn.status, overdrawn.code()), (429, "RATE_LIMITED"));
    assert!(app.clock().now() < to, "nothing of them ran");
}

async fn a_batch_that_is_too_long_costs_nothing(app: &TestApp) {
    let node = Node::small(app).await;
    for length in [11, 1_000] {
        let batch = (0..length).map(|_one| json!({ "query": products(99) })).collect::<Value>();
        let refused = node.post(demo::BUYER, batch).await;
        assert_eq!((refused.status, refused.code()), (400, "QUERY_TOO_COMPLEX"));
        let message = refused.body["errors"][0]["message"].as_str().expect("text");
        assert!(message.contains(&format!("{length} operations; 10 is the most")), "{message}");
    }
    assert_eq!(node.ask(demo::BUYER, NAME).await.remaining(), 99, "no document was looked at");
    let full = (0..10).map(|_one| json!({ "query": NAME })).collect::<Value>();
    assert_eq!(node.post(demo::BUYER, full).await.body.as_array().map(Vec::len), Some(10));
}

async fn a_persisted_query_is_known_once_its_text_was_sent(app: &TestApp) {
    let node = Node::start(app, |_limits| {}).await;
    let hash = hash_of(NAME);
    let named = |hash: &str| json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } });
    let missing = node.post(None, json!({ "extensions": named(&hash) })).await;
    assert_eq!((missing.status, missing.code()), (200, "PERSISTED_QUERY_NOT_FOUND"));
    assert_eq!(missing.body["errors"][0]["message"], "PersistedQueryNotFound");
    assert_eq!(node.get(&[("extensions", &named(&hash).to_string())]).await.code(), "PERSISTED_QUERY_NOT_FOUND");

    let wrong = node.post(None, json!({ "query": "{ a: __typename }", "extensions": named(&hash) })).await;
    assert_eq!((wrong.status, wrong.code()), (400, "BAD_REQUEST"));
    assert_eq!(node.post(None, json!({ "extensions": named(&hash) })).await.code(), "PERSISTED_QUERY_NOT_FOUND");
    for malformed in [json!({ "version": 2, "sha256Hash": hash }), json!({ "version": 1, "sha256Hash": "x" }), json!(1)]
    {
        let body = json!({ "query": NAME, "extensions": { "persistedQuery": malformed } });
        assert_eq!(node.post(None, body).await.code(), "BAD_REQUEST");
    }

    let data = json!({ "__typename": "Query" });
    let registers = [("query", NAME), ("extensions", &named(&hash).to_string())];
    assert_eq!(node.get(&registers).await.body["data"], data);
    assert_eq!(node.post(None, json!({ "extensions": named(&hash) })).await.body["data"], data);
    assert_eq!(node.get(&[("extensions", &named(&hash).to_string())]).await.body["data"], data);
    assert_eq!(node.post(None, json!({ "documentId": format!("sha256:{hash}") })).await.body["data"], data);
    assert_eq!(node.post(None, json!({ "documentId": "unheard-of" })).await.code(), "PERSISTED_QUERY_NOT_FOUND");

    let deep = format!("{}id{}", "{ node ".repeat(16), "}".repeat(16));
    let body = json!({ "query": deep, "extensions": named(&hash_of(&deep)) });
    assert_eq!(node.post(None, body).await.code(), "QUERY_TOO_COMPLEX");
    let again = node.post(None, json!({ "extensions": named(&hash_of(&deep)) })).await;
    assert_eq!(again.code(), "PERSISTED_QUERY_NOT_FOUND", "what is refused is not kept");
    let mutation = "mutation { __typename }";
    node.post(None, json!({ "query": mutation, "extensions": named(&hash_of(mutation)) })).await;
    let over_get = node.get(&[("extensions", &named(&hash_of(mutation)).to_string())]).await;
    assert_eq!(over_get.status, 405, "a hash doesn't hide a mutation");
}

async fn only_trusted_documents_run_where_there_is_a_list(app: &TestApp) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("documents.json");
    let listed = "query Viewer { __typename }";
    let apollo = json!({ "format": "apollo-persisted-query-manifest", "version": 1, "operations": [
        { "id": "viewer-1", "name": "Viewer", "type": "query", "body": listed }] });
    for (file, mode) in [(json!({ "viewer-1": listed }), Mode::Sandbox), (apollo, Mode::Live)] {
        std::fs::write(&path, file.to_string()).expect("writes");
        let mut settings = Settings { mode, ..(*app.app().settings).clone() };
        settings.limits.trusted_documents = Some(path.to_str().expect("text").to_owned());
        let node = Node::of(app, settings).await;
        let hash = hash_of(listed);
        let persisted = |hash: &str| json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } });
        for runs in [
            json!({ "query": listed }),
            json!({ "documentId": "viewer-1" }),
            json!({ "documentId": format!("sha256:{hash}") }),
            json!({ "doc_id": "viewer-1" }),
            json!({ "id": "viewer-1", "query": null }),
            json!({ "extensions": persisted(&hash) }),
            json!({ "query": listed, "extensions": persisted(&hash) }),
        ] {
            let answer = node.post(None, runs.clone()).await;
            assert_eq!(answer.body["data"], json!({ "__typename": "Query" }), "{runs}");
        }
        assert_eq!(node.get(&[("documentId", "viewer-1")]).await.body["data"], json!({ "__typename": "Query" }));
        for refused in [
            json!({ "query": NAME }),
            json!({ "query": "query Viewer {  __typename }" }),
            json!({ "query": "{ __schema { description } }" }),
            json!({ "documentId": "viewer-2" }),
            json!({ "query": NAME, "documentId": "viewer-1" }),
            json!({ "query": NAME, "extensions": persisted(&hash_of(NAME)) }),
            json!({ "extensions": persisted(&hash_of(NAME)) }),
        ] {
            let answer = node.post(None, refused.clone()).await;
            assert_eq!((answer.status, answer.code()), (400, "DOCUMENT_NOT_TRUSTED"), "{refused}");
        }
    }
}

async fn a_list_that_cannot_be_used_stops_the_start(app: &TestApp) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("documents.json");
    for (text, word) in [
        (None, "can't be read"),
        (Some("{"), "JSON object"),
        (Some(r#"{ "d-7": "{ thereIsNoSuchField }" }"#), "\"d-7\""),
        (
            Some(
                r#"{ "ok": "{ __typename }", "d-8": "{ products(first: 100) { nodes { supplier { products(first: 100) { nodes { id } } } } } }" }"#,
            ),
            "\"d-8\"",
        ),
    ] {
        if let Some(text) = text {
            std::fs::write(&path, text).expect("writes");
        }
        let mut settings: Settings = (*app.app().settings).clone();
        settings.listen = "127.0.0.1:0".parse().expect("an address");
        settings.limits.trusted_documents = Some(path.to_str().expect("text").to_owned());
        let problem = server::bind(&mut settings).await.expect_err(word);
        assert_eq!(problem.variable, "SECURE_PAYMENT_TRUSTED_DOCUMENTS");
        assert!(problem.problem.contains(word), "{problem}");
    }
}

async fn introspection_can_be_switched_off(app: &TestApp) {
    let node = Node::start(app, |limits| limits.introspection = false).await;
    for query in [
        "{ __schema { description } }",
        "{ __type(name: \"Order\") { name } }",
        "{ ...f } fragment f on Query { a: __schema { description } }",
        "query A { __typename } query B { __schema { description } }",
    ] {
        let answer = node.post(None, json!({ "query": query, "operationName": null })).await;
        assert_eq!((answer.status, answer.code()), (400, "INTROSPECTION_DISABLED"), "{query}");
    }
    assert_eq!(node.ask(None, NAME).await.status, 200);
    assert_eq!(read(node.http.get(node.url("/schema.graphql"))).await.status, 404);
    let described = app.http().get(app.url("/schema.graphql")).send().await.expect("an answer");
    assert_eq!(described.status(), 200);
}

async fn live_mode_suggests_no_fields(app: &TestApp) {
    let query = "{ products { nodes { nam } } }";
    let sandbox = Node::start(app, |_limits| {}).await.ask(None, query).await;
    assert!(sandbox.body["errors"][0]["message"].as_str().expect("text").contains("Did you mean"), "it would show");
    let live =
        Node::of(app, Settings { mode: Mode::Live, ..(*app.app().settings).clone() }).await.ask(None, query).await;
    let message = live.body["errors"][0]["message"].as_str().expect("text");
    assert!(!message.contains("Did you mean") && !message.contains("name"), "{message}");
}

async fn connections_of_one_address_are_bounded(app: &TestApp) {
    let node = Node::start(app, |limits| limits.connections_per_address = 2).await;
    let address = node.app.settings.listen;
    let open = async || TcpStream::connect(address).await.expect("connects");
    let probe = async |stream: &mut TcpStream| {
        let request = b"GET /healthz HTTP/1.1\r\nhost: test\r\n\r\n";
        if stream.write_all(request).await.is_err() {
            return 0;
        }
        stream.read(&mut [0; 1024]).await.unwrap_or(0)
    };
    let (mut first, mut second) = (open().await, open().await);
    assert!(probe(&mut first).await > 0 && probe(&mut second).await > 0);

    // A WebSocket keeps the place of its connection.
    let upgrade = "GET /graphql/ws HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
        sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        sec-websocket-protocol: graphql-transport-ws\r\n\r\n";
    second.write_all(upgrade.as_bytes()).await.expect("writes");
    let mut answer = vec![0; 1024];
    let length = second.read(&mut answer).await.expect("reads");
    assert!(answer[..length].starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer[..length]));
    assert_eq!(probe(&mut open().await).await, 0, "closed without a word");

    drop(first);
    let place = async {
        while probe(&mut open().await).await == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), place).await.expect("the place is free again");
}

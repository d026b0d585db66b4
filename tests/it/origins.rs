//! Which pages may call the API, with which credential.

use reqwest::header::{HeaderMap, VARY};
use reqwest::{Method, StatusCode};
use secure_payment::party::demo;
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};

use futures_util::{SinkExt, StreamExt};

use crate::support::purchase::text;
use crate::support::steps::mutate;
use crate::support::{TestApp, on_each_database};

on_each_database!(
    a_preflight_is_answered_for_a_known_origin,
    a_page_uses_its_own_storefronts_sessions_only,
    a_refused_page_runs_nothing,
    a_socket_is_held_to_its_pages_origin,
    an_operator_changes_a_storefronts_origins,
);

/// Of the demo storefront; of another one; of none.
const OWN: &str = "https://shop.example";
const OTHER: &str = "https://other.example";
const UNKNOWN: &str = "https://evil.example";

/// Another storefront, with its origin: its id and token.
async fn other_storefront(app: &TestApp) -> (String, String) {
    let input = json!({ "name": "Other", "browserOrigins": [OTHER] });
    let fields = "storefront { id browserOrigins returnOrigins } errors { code path }";
    let made = mutate(app, demo::OPERATOR, "createStorefront", "CreateStorefrontInput", input, fields).await;
    assert_eq!(made["storefront"]["browserOrigins"], json!([OTHER]), "{made:#}");
    let id = text(&made["storefront"]["id"]);
    let input = json!({ "role": "STOREFRONT", "subjectId": id, "label": "x" });
    let made = mutate(app, demo::OPERATOR, "createCredential", "CreateCredentialInput", input, "token").await;
    (id, text(&made["token"]))
}

async fn ask(app: &TestApp, origin: &str, token: Option<&str>, query: &str) -> (StatusCode, HeaderMap, Value) {
    let mut request = app.http().post(app.url("/graphql")).header("origin", origin);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let answer = request.json(&json!({ "query": query })).send().await.expect("an answer");
    (answer.status(), answer.headers().clone(), answer.json().await.expect("JSON"))
}

fn varies(headers: &HeaderMap) -> bool {
    headers.get_all(VARY).iter().any(|value| value.to_str().is_ok_and(|value| value.contains("origin")))
}

async fn a_preflight_is_answered_for_a_known_origin(app: &TestApp) {
    let own_page = app.url("");
    let of_localhost = own_page.replace("127.0.0.1", "localhost");
    for path in ["/graphql", "/graphql/stream", "/schema.graphql", "/files/file_x", "/uploads/x"] {
        for (origin, known) in [
            (OWN, true),
            (own_page.as_str(), true),
            (of_localhost.as_str(), true),
            (UNKNOWN, false),
            ("null", false),
            ("https://shop.example.evil.example", false),
            ("http://shop.example", false),
        ] {
            let request = app.http().request(Method::OPTIONS, app.url(path)).header("origin", origin);
            let request = request.header("access-control-request-method", "POST");
            let answer =
                request.header("access-control-request-headers", "authorization").send().await.expect("an answer");
            let headers = answer.headers();
            let allowed = headers.get("access-control-allow-origin").map(|value| value.to_str().expect("text"));
            assert_eq!(allowed, known.then_some(origin), "{path} {origin}");
            assert_eq!(headers.contains_key("access-control-allow-headers"), known, "{path} {origin}");
            assert!(varies(headers), "{path} {origin}: {headers:?}");
            assert!(!headers.contains_key("access-control-allow-credentials"));
            if known {
                let listed = headers["access-control-allow-headers"].to_str().expect("text");
                assert!(listed.contains("authorization") && listed.contains("content-type"), "{listed}");
                assert!(headers.contains_key("access-control-max-age"));
            }
        }
    }
}

async fn a_page_uses_its_own_storefronts_sessions_only(app: &TestApp) {
    let (_id, other) = other_storefront(app).await;
    let own_page = app.url("");
    for (origin, token, allowed) in [
        (OWN, Some(demo::BUYER), true),
        (OWN, Some(demo::STOREFRONT), true),
        (OWN, None, true),
        (OTHER, None, true),
        (OTHER, Some(other.as_str()), true),
        (OWN, Some(other.as_str()), false),
        (OTHER, Some(demo::BUYER), false),
        (UNKNOWN, Some(demo::BUYER), false),
        (UNKNOWN, None, false),
        (OWN, Some(demo::SUPPLIER), false),
        (OWN, Some(demo::OPERATOR), false),
        (own_page.as_str(), Some(demo::OPERATOR), true),
        ("null", Some(demo::BUYER), false),
    ] {
        let (status, headers, answer) = ask(app, origin, token, "{ __typename }").await;
        assert_eq!(status, if allowed { 200 } else { 403 }, "{origin} {token:?}: {answer}");
        assert_eq!(headers.contains_key("access-control-allow-origin"), allowed, "{origin} {token:?}");
        assert!(varies(&headers));
        if allowed {
            assert_eq!(headers["access-control-allow-origin"], origin);
            assert!(headers["access-control-expose-headers"].to_str().expect("text").contains("x-request-id"));
        } else {
            assert_eq!(answer["errors"][0]["extensions"]["code"], "ORIGIN_NOT_ALLOWED");
        }
    }
    // A page may read that its session has ended.
    let (status, headers, _answer) = ask(app, OWN, Some("sp_buyer_ended"), "{ __typename }").await;
    assert_eq!(
        (status, headers["access-control-allow-origin"].to_str().expect("text")),
        (StatusCode::UNAUTHORIZED, OWN)
    );
}

async fn a_refused_page_runs_nothing(app: &TestApp) {
    let create =
        "mutation { createBuyerSession(input: { buyerReference: \"from another page\" }) { session { token } } }";
    assert_eq!(ask(app, UNKNOWN, Some(demo::STOREFRONT), create).await.0, 403);
    let query = "mutation { revokeBuyerSession(input: { buyerReference: \"from another page\" }) { errors { code } } }";
    let answer = app.data(demo::STOREFRONT, query, json!({})).await;
    assert_eq!(answer["revokeBuyerSession"]["errors"][0]["code"], "NOT_FOUND", "there is no such buyer");
}

/// The status with which the upgrade was refused, or the code with which the socket was closed; 0: it was let in.
async fn socket(app: &TestApp, origin: Option<&str>, token: Option<&str>) -> u16 {
    let mut request = app.url("/graphql/ws").replace("http://", "ws://").into_client_request().expect("a request");
    request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().expect("a header"));
    if let Some(origin) = origin {
        request.headers_mut().insert("origin", origin.parse().expect("a header"));
    }
    let mut socket = match connect_async(request).await {
        Ok((socket, _answer)) => socket,
        Err(SocketError::Http(answer)) => return answer.status().as_u16(),
        Err(other) => panic!("{other}"),
    };
    let payload = token.map(|token| json!({ "authorization": format!("Bearer {token}") }));
    let init = json!({ "type": "connection_init", "payload": payload });
    socket.send(Message::text(init.to_string())).await.expect("sends");
    match socket.next().await {
        Some(Ok(Message::Text(_))) => 0,
        Some(Ok(Message::Close(Some(frame)))) => frame.code.into(),
        other => panic!("{other:?}"),
    }
}

async fn a_socket_is_held_to_its_pages_origin(app: &TestApp) {
    let (_id, other) = other_storefront(app).await;
    let own_page = app.url("");
    for (origin, token, wanted) in [
        (None, Some(demo::OPERATOR), 0),
        (Some(OWN), Some(demo::BUYER), 0),
        (Some(OWN), None, 0),
        (Some(own_page.as_str()), Some(demo::SUPPLIER), 0),
        (Some(UNKNOWN), Some(demo::BUYER), 403),
        (Some("null"), None, 403),
        (Some(OTHER), Some(demo::BUYER), 4403),
        (Some(OWN), Some(other.as_str()), 4403),
        (Some(OWN), Some(demo::SUPPLIER), 4403),
    ] {
        assert_eq!(socket(app, origin, token).await, wanted, "{origin:?} {token:?}");
    }
}

async fn an_operator_changes_a_storefronts_origins(app: &TestApp) {
    let (id, other) = other_storefront(app).await;
    let fields = "storefront { name browserOrigins returnOrigins } errors { code path }";
    let update = async |token: &str, mut input: Value| {
        input["storefrontId"] = json!(id);
        mutate(app, token, "updateStorefront", "UpdateStorefrontInput", input, fields).await
    };
    let changed = update(demo::OPERATOR, json!({ "name": "New", "returnOrigins": [OTHER] })).await;
    let wanted = json!({ "name": "New", "browserOrigins": [OTHER], "returnOrigins": [OTHER] });
    assert_eq!(changed["storefront"], wanted);
    assert_eq!(ask(app, OTHER, Some(&other), "{ __typename }").await.0, 200);
    update(demo::OPERATOR, json!({ "browserOrigins": [] })).await;
    assert_eq!(ask(app, OTHER, Some(&other), "{ __typename }").await.0, 403);
    let refused = update(demo::OPERATOR, json!({ "name": "", "browserOrigins": ["http://x.example", "*"] })).await;
    let paths: Vec<String> = refused["errors"]
        .as_array()
        .expect("errors")
        .iter()
        .map(|error| {
            error["path"].as_array().expect("a path").iter().filter_map(Value::as_str).collect::<Vec<_>>().join(".")
        })
        .collect();
    assert_eq!(paths, ["input.name", "input.browserOrigins.0", "input.browserOrigins.1"]);
    for token in [other.as_str(), demo::SUPPLIER, demo::BUYER] {
        assert_eq!(update(token, json!({ "name": "Mine" })).await["errors"][0]["code"], "NOT_PERMITTED");
    }
}

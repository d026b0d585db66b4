//! GraphQL over HTTP, the page, and what every answer carries.

use std::time::Duration;

use chrono::TimeDelta;
use entity::credential;
use reqwest::header::{ACCEPT, ALLOW, AUTHORIZATION, CONTENT_TYPE, HeaderMap, LOCATION, WWW_AUTHENTICATE};
use reqwest::{Response, StatusCode};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};
use secure_payment::auth::hash_token;
use secure_payment::config::Settings;
use secure_payment::lifecycle::ShutdownTimes;
use secure_payment::party::demo;
use secure_payment::server;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::support::{TestApp, on_each_database};

on_each_database!(
    the_media_type_decides_the_status_of_a_request_that_did_not_run,
    a_request_that_is_not_graphql_is_refused,
    only_json_is_taken,
    a_mutation_does_not_run_over_get,
    a_body_over_a_mebibyte_is_refused,
    a_query_over_the_limits_is_refused,
    a_credential_must_be_valid_or_absent,
    every_answer_carries_a_request_id,
    probes_and_metrics_answer,
    graphiql_comes_from_here_alone,
    a_server_that_stops_says_so_first,
);

const GRAPHQL: &str = "application/graphql-response+json";

async fn post(app: &TestApp, accept: &str, body: &Value) -> (StatusCode, HeaderMap, Value) {
    read(app.http().post(app.url("/graphql")).header(ACCEPT, accept).json(body).send().await.expect("an answer")).await
}

async fn get(app: &TestApp, parameters: &[(&str, &str)]) -> (StatusCode, HeaderMap, Value) {
    let mut url = reqwest::Url::parse(&app.url("/graphql")).expect("a URL");
    url.query_pairs_mut().extend_pairs(parameters);
    read(app.http().get(url).send().await.expect("an answer")).await
}

async fn read(answer: Response) -> (StatusCode, HeaderMap, Value) {
    let (status, headers) = (answer.status(), answer.headers().clone());
    (status, headers, answer.json().await.expect("JSON"))
}

fn code(answer: &Value) -> &str {
    assert!(answer.get("data").is_none(), "{answer:#}");
    answer["errors"][0]["extensions"]["code"].as_str().unwrap_or_else(|| panic!("{answer:#}"))
}

async fn the_media_type_decides_the_status_of_a_request_that_did_not_run(app: &TestApp) {
    for query in ["{", "{ thereIsNoSuchField }", "query A { __typename } query B { __typename }"] {
        let (status, headers, answer) = post(app, GRAPHQL, &json!({ "query": query })).await;
        assert_eq!((status.as_u16(), code(&answer)), (400, "INVALID_DOCUMENT"), "{query}");
        assert_eq!(headers[CONTENT_TYPE], "application/graphql-response+json; charset=utf-8");

        let (status, headers, answer) = post(app, "application/json", &json!({ "query": query })).await;
        assert_eq!((status.as_u16(), code(&answer)), (200, "INVALID_DOCUMENT"), "{query}");
        assert_eq!(headers[CONTENT_TYPE], "application/json; charset=utf-8");
    }
    let (status, _headers, answer) = post(app, GRAPHQL, &json!({ "query": "{ __typename }" })).await;
    assert_eq!((status.as_u16(), &answer["data"]), (200, &json!({ "__typename": "Query" })));
    let (status, _headers, answer) = post(app, "image/png", &json!({ "query": "{ __typename }" })).await;
    assert_eq!((status.as_u16(), code(&answer)), (406, "BAD_REQUEST"));
}

async fn a_request_that_is_not_graphql_is_refused(app: &TestApp) {
    let malformed = [
        json!({}),
        json!({ "query": 1 }),
        json!({ "query": "{ __typename }", "variables": "{}" }),
        json!({ "query": "{ __typename }", "variables": [] }),
        json!({ "query": "{ __typename }", "operationName": 7 }),
        json!({ "query": "{ __typename }", "extensions": "x" }),
        json!([]),
        json!([[{ "query": "{ __typename }" }]]),
        json!([{ "query": "{ __typename }" }, "{ __typename }"]),
        json!("{ __typename }"),
    ];
    for body in malformed {
        for accept in [GRAPHQL, "application/json"] {
            let (status, _headers, answer) = post(app, accept, &body).await;
            assert_eq!((status.as_u16(), code(&answer)), (400, "BAD_REQUEST"), "{body}");
        }
    }
    for body in ["", "{ \"query\": ", "query=%7B__typename%7D"] {
        let request = app.http().post(app.url("/graphql")).header(CONTENT_TYPE, "application/json").body(body);
        let (status, _headers, answer) = read(request.send().await.expect("an answer")).await;
        assert_eq!((status.as_u16(), code(&answer)), (400, "BAD_REQUEST"), "{body}");
    }
    let nulls = json!({ "query": "{ __typename }", "variables": null, "operationName": null, "extensions": null });
    assert_eq!(post(app, GRAPHQL, &nulls).await.0, 200);

    let (status, _headers, answer) = get(app, &[("variables", "{}")]).await;
    assert_eq!((status.as_u16(), code(&answer)), (400, "BAD_REQUEST"));
    let (status, _headers, answer) = get(app, &[("query", "{ __typename }"), ("variables", "{")]).await;
    assert_eq!((status.as_u16(), code(&answer)), (400, "BAD_REQUEST"));
    let (status, headers, answer) = read(app.http().delete(app.url("/graphql")).send().await.expect("an answer")).await;
    assert_eq!((status.as_u16(), code(&answer)), (405, "BAD_REQUEST"));
    assert!(headers[ALLOW].to_str().expect("text").contains("POST"));
    let (status, _headers, answer) = read(app.http().get(app.url("/nowhere")).send().await.expect("an answer")).await;
    assert_eq!((status.as_u16(), code(&answer)), (404, "NOT_FOUND"));
}

async fn only_json_is_taken(app: &TestApp) {
    let body = r#"{ "query": "{ __typename }" }"#;
    for kind in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/graphql"]
    {
        let request = app.http().post(app.url("/graphql")).header(CONTENT_TYPE, kind).body(body);
        let (status, _headers, answer) = read(request.send().await.expect("an answer")).await;
        assert_eq!((status.as_u16(), code(&answer)), (415, "BAD_REQUEST"), "{kind}");
    }
    let unnamed = app.http().post(app.url("/graphql")).body(body).send().await.expect("an answer");
    assert_eq!(unnamed.status(), 415);
}

async fn a_mutation_does_not_run_over_get(app: &TestApp) {
    let hidden = "query Q { __typename } mutation M { __typename }";
    let attempts: [&[(&str, &str)]; 3] = [
        &[("query", "mutation { __typename }")],
        &[("query", hidden), ("operationName", "M")],
        &[("query", hidden), ("operationName", "Q")],
    ];
    for attempt in attempts {
        let (status, headers, answer) = get(app, attempt).await;
        assert_eq!((status.as_u16(), code(&answer)), (405, "BAD_REQUEST"), "{attempt:?}");
        assert_eq!(headers[ALLOW], "POST");
    }
    let query = [("query", "query Q { __typename }"), ("operationName", "Q"), ("variables", "{}")];
    assert_eq!(get(app, &query).await.2["data"], json!({ "__typename": "Query" }));
}

async fn a_body_over_a_mebibyte_is_refused(app: &TestApp) {
    let body = |bytes: usize| {
        let shell = json!({ "query": "{ __typename }", "padding": "" }).to_string().len();
        json!({ "query": "{ __typename }", "padding": "x".repeat(bytes - shell) })
    };
    assert_eq!(post(app, GRAPHQL, &body(1024 * 1024)).await.0, 200);
    let (status, _headers, answer) = post(app, GRAPHQL, &body(1024 * 1024 + 1)).await;
    assert_eq!((status.as_u16(), code(&answer)), (413, "PAYLOAD_TOO_LARGE"));
}

async fn a_query_over_the_limits_is_refused(app: &TestApp) {
    let aliases: String = (0..51).map(|number| format!("a{number}: __typename ")).collect();
    let (status, _headers, answer) = post(app, GRAPHQL, &json!({ "query": format!("{{ {aliases} }}") })).await;
    assert_eq!((status.as_u16(), code(&answer)), (400, "QUERY_TOO_COMPLEX"));
    let circle = "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }";
    let (_status, _headers, answer) = post(app, GRAPHQL, &json!({ "query": circle })).await;
    assert_eq!(code(&answer), "INVALID_DOCUMENT");
}

async fn a_credential_must_be_valid_or_absent(app: &TestApp) {
    let ask = async |authorization: &str| {
        let request = app.http().post(app.url("/graphql")).header(AUTHORIZATION, authorization);
        read(request.json(&json!({ "query": "{ __typename }" })).send().await.expect("an answer")).await
    };
    for refused in ["Bearer unknown", "Bearer ", "Bearer", "Basic dXNlcjpwYXNz", "unknown"] {
        let (status, headers, answer) = ask(refused).await;
        assert_eq!((status.as_u16(), code(&answer)), (401, "UNAUTHENTICATED"), "{refused}");
        assert_eq!(headers[WWW_AUTHENTICATE], "Bearer");
    }

    let token = demo::BUYER;
    assert_eq!(ask(&format!("bearer {token}")).await.0, 200);
    for row in [
        credential::ActiveModel {
            expires_at: Set(Some(app.clock().wall() - TimeDelta::seconds(1))),
            ..Default::default()
        },
        credential::ActiveModel {
            expires_at: Set(None),
            revoked_at: Set(Some(app.clock().wall() - TimeDelta::seconds(1))),
            ..Default::default()
        },
    ] {
        let transaction = app.db().begin_write().await.expect("begins");
        let mine = credential::Column::TokenHash.eq(hash_token(token));
        credential::Entity::update_many().set(row).filter(mine).exec(&transaction).await.expect("updates");
        transaction.commit().await.expect("commits");
        assert_eq!(ask(&format!("Bearer {token}")).await.0, 401);
    }
}

async fn every_answer_carries_a_request_id(app: &TestApp) {
    let id = async |path: &str, sent: Option<&str>| {
        let mut request = app.http().get(app.url(path));
        if let Some(sent) = sent {
            request = request.header("x-request-id", sent);
        }
        let answer = request.send().await.expect("an answer");
        answer.headers()["x-request-id"].to_str().expect("text").to_owned()
    };
    assert_eq!(id("/healthz", Some("checkout-42")).await, "checkout-42");
    assert_eq!(id("/nowhere", Some("checkout-42")).await, "checkout-42");
    assert_eq!(id("/graphql", None).await.len(), 32);
    assert_eq!(id("/graphql", Some("not an id")).await.len(), 32);
}

async fn probes_and_metrics_answer(app: &TestApp) {
    let text = async |path: &str| {
        let answer = app.http().get(app.url(path)).send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{path}");
        answer.text().await.expect("text")
    };
    assert_eq!(text("/healthz").await, r#"{"status":"up"}"#);
    assert_eq!(text("/readyz").await, r#"{"status":"ready"}"#);
    assert!(text("/schema.graphql").await.contains("type Query"));
    app.graphql(None, "{ __typename }", json!({})).await;
    let metrics = text("/metrics").await;
    for line in [
        r#"secure_payment_graphql_operations_total{operation="query __typename",outcome="ok"}"#,
        r#"secure_payment_http_requests_total{route="/healthz",status="200"}"#,
        r#"secure_payment_http_request_seconds_bucket{route="/graphql",le="0.1"}"#,
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
}

async fn graphiql_comes_from_here_alone(app: &TestApp) {
    let fetch = async |path: &str| app.http().get(app.url(path)).send().await.expect("an answer");
    assert_eq!(fetch("/").await.headers()[LOCATION], "/graphiql");
    let browser = app.http().get(app.url("/graphql")).header(ACCEPT, "text/html,*/*;q=0.8").send().await;
    assert_eq!(browser.expect("an answer").headers()[LOCATION], "/graphiql");

    let page = fetch("/graphiql").await;
    let policy = page.headers()["content-security-policy"].to_str().expect("text").to_owned();
    assert!(policy.contains("default-src 'self'; script-src 'self';") && policy.contains("frame-ancestors 'none'"));
    assert_eq!(page.headers()["x-content-type-options"], "nosniff");
    assert_eq!(page.headers()["referrer-policy"], "no-referrer");
    let html = page.text().await.expect("text");
    assert!(html.contains("data-mode=\"sandbox\""));

    let mentioned = html.split('"').filter(|text| text.starts_with("/graphiql/"));
    for path in mentioned.chain(["/graphiql/tabs.js", "/graphiql/LICENSES.txt"]) {
        let file = fetch(path).await;
        assert_eq!(file.status(), 200, "{path}");
        let etag = file.headers()["etag"].clone();
        let again = app.http().get(app.url(path)).header("if-none-match", etag).send().await.expect("an answer");
        assert_eq!(again.status(), 304, "{path}");
    }
}

async fn a_server_that_stops_says_so_first(app: &TestApp) {
    let mut settings = Settings { listen: "127.0.0.1:0".parse().expect("an address"), ..(*app.app().settings).clone() };
    let listener = server::bind(&mut settings).await.expect("a free port");
    let url = settings.own_url();
    let (stop, stopped) = oneshot::channel::<()>();
    let ordered = async move { drop(stopped.await) };
    let times = ShutdownTimes { linger: Duration::from_secs(60), finish: Duration::ZERO };
    let server = tokio::spawn(server::serve_until(app.app().clone(), listener, ordered, times));
    let status = async |path: &str| reqwest::get(format!("{url}{path}")).await.expect("an answer").status();

    assert_eq!(status("/readyz").await, 200);
    drop(stop);
    let said = async {
        while status("/readyz").await != 503 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), said).await.expect("says so");
    assert_eq!(status("/healthz").await, 200);
    server.abort();
}

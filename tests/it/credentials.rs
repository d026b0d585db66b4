//! Credentials: what they may be used for, how they give way to a successor, and how they end.

use std::time::Duration;

use chrono::TimeDelta;
use entity::credential;
use futures_util::{SinkExt, StreamExt};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use secure_payment::auth::hash_token;
use secure_payment::party::{demo, prune_sessions, write_uses};
use serde_json::{Value, json};
use tempfile::tempdir;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::support::process::Process;
use crate::support::purchase::text;
use crate::support::steps::{funded, mutate};
use crate::support::{TestApp, on_each_database};

on_each_database!(
    a_credential_does_what_its_scopes_say,
    a_session_has_no_more_scopes_than_its_maker,
    two_of_a_line_are_valid_at_once,
    an_operator_keeps_a_last_credential,
    an_operator_gets_no_credential_of_another,
    a_credential_ends_when_it_is_revoked,
    a_storefront_ends_its_buyers_sessions,
    a_buyer_logs_out,
    when_a_credential_was_used_is_written_down,
    what_ended_long_ago_is_forgotten,
    a_key_makes_one_storefront_supplier_and_account,
);

const CREDENTIAL: &str = "credential { id label role scopes rotatedFromId expiresAt revokedAt endsAt lastUsedAt }";

/// A mutation with an input whose type has the mutation's name.
async fn ask(app: &TestApp, token: &str, name: &str, input: Value, fields: &str) -> Value {
    let kind = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
    mutate(app, token, name, &kind, input, &format!("{fields} errors {{ code message path }}")).await
}

fn code(payload: &Value) -> &str {
    payload["errors"][0]["code"].as_str().unwrap_or_default()
}

async fn status(app: &TestApp, token: &str) -> u16 {
    let request = app.http().post(app.url("/graphql")).bearer_auth(token).json(&json!({ "query": "{ __typename }" }));
    request.send().await.expect("an answer").status().as_u16()
}

async fn subject(app: &TestApp, token: &str) -> String {
    let query = "{ viewer { storefront { id } supplier { id } operator { id } } }";
    let viewer = app.data(token, query, json!({})).await["viewer"].take();
    let own = ["operator", "supplier", "storefront"].into_iter().find(|kind| !viewer[*kind].is_null());
    text(&viewer[own.expect("somebody")]["id"])
}

/// Another credential of whoever holds this one: its id and token.
async fn another(app: &TestApp, of: &str, scopes: Value) -> (String, String) {
    let id = subject(app, of).await;
    let role = id.split('_').next().expect("a kind").to_uppercase();
    let input = json!({ "role": role, "subjectId": id, "label": "another", "scopes": scopes });
    let made = ask(app, demo::OPERATOR, "createCredential", input, &format!("{CREDENTIAL} token")).await;
    assert_eq!(made["errors"], json!([]), "{made:#}");
    (text(&made["credential"]["id"]), text(&made["token"]))
}

async fn a_credential_does_what_its_scopes_say(app: &TestApp) {
    let order = funded(app, "k").await;
    let refused = async |token: &str, query: &str| {
        let answer = app.graphql(token, query, json!({ "id": order })).await;
        let error = &answer["errors"][0];
        if error["extensions"]["code"] != "NOT_PERMITTED" || !answer["data"].is_null() {
            return None;
        }
        Some(text(&error["message"]))
    };
    let queries = [
        ("READ", "query($id: ID!) { order(id: $id) { id } }".to_owned()),
        (
            "ORDERS",
            "mutation($id: ID!) { extendDeadline(input: { orderId: $id, days: 0 }) { errors { code } } }".to_owned(),
        ),
        (
            "MONEY",
            "mutation($id: ID!) { ...deep } fragment deep on Mutation { a: refundOrder(input: { orderId: $id, \
            idempotencyKey: \"k\", amount: \"0\" }) { errors { code } } }"
                .to_owned(),
        ),
    ];
    for (own, _query) in &queries {
        let (_id, token) = another(app, demo::SUPPLIER, json!([own])).await;
        for (needed, query) in &queries {
            let message = refused(&token, query).await;
            assert_eq!(message.is_none(), own == needed, "{own}: {query}: {message:?}");
            assert!(message.is_none_or(|message| message.contains(needed)), "{own}: {query}");
        }
    }
    let (_id, token) = another(app, demo::OPERATOR, json!(["READ", "ORDERS", "MONEY"])).await;
    let administration = "mutation { createStorefront(input: { name: \"x\" }) { errors { code } } }";
    assert!(refused(&token, administration).await.is_some_and(|message| message.contains("WEBHOOKS")));
    // A file is read with READ.
    let (_id, token) = another(app, demo::SUPPLIER, json!(["ORDERS", "MONEY"])).await;
    let file = app.http().get(app.url("/files/file_01kdvdna00e008000000000000")).bearer_auth(&token).send().await;
    assert_eq!(file.expect("an answer").status(), 403);
    let id = subject(app, demo::SUPPLIER).await;
    for scopes in [json!(["WEBHOOKS"]), json!([])] {
        let input = json!({ "role": "SUPPLIER", "subjectId": id, "label": "x", "scopes": scopes });
        let made = ask(app, demo::OPERATOR, "createCredential", input, "token").await;
        assert_eq!((code(&made), &made["token"]), ("INVALID_INPUT", &Value::Null));
    }
}

async fn a_session_has_no_more_scopes_than_its_maker(app: &TestApp) {
    let (_id, maker) = another(app, demo::STOREFRONT, json!(["ORDERS", "READ"])).await;
    let fields = "session { token credential { id scopes } }";
    let make = async |input: Value| ask(app, &maker, "createBuyerSession", input, fields).await;
    let usual = make(json!({ "buyerReference": "b" })).await;
    assert_eq!(usual["session"]["credential"]["scopes"], json!(["READ", "ORDERS"]));
    let less = make(json!({ "buyerReference": "b", "scopes": ["READ"] })).await;
    assert_eq!(less["session"]["credential"]["scopes"], json!(["READ"]));
    let token = text(&less["session"]["token"]);
    let seen = app.data(token.as_str(), "{ viewer { credential { id scopes } } }", json!({})).await;
    assert_eq!(seen["viewer"]["credential"], less["session"]["credential"]);
    for scopes in [json!(["MONEY"]), json!(["WEBHOOKS"]), json!([])] {
        let refused = make(json!({ "buyerReference": "b", "scopes": scopes })).await;
        assert_eq!((code(&refused), &refused["session"]), ("INVALID_INPUT", &Value::Null));
    }
    let input = json!({ "buyerReference": "b", "scopes": ["WEBHOOKS"] });
    let refused = ask(app, demo::STOREFRONT, "createBuyerSession", input, fields).await;
    assert_eq!(code(&refused), "INVALID_INPUT", "buyers have no webhooks");
}

async fn two_of_a_line_are_valid_at_once(app: &TestApp) {
    let rotate = async |with: &str, input: Value| {
        ask(app, with, "rotateCredential", input, &format!("{CREDENTIAL} token")).await
    };
    let (first, first_token) = another(app, demo::STOREFRONT, json!(["READ"])).await;
    let made = rotate(&first_token, json!({ "credentialId": first })).await;
    assert_eq!(made["errors"], json!([]), "{made:#}");
    let (second, second_token) = (text(&made["credential"]["id"]), text(&made["token"]));
    let same = json!([made["credential"]["label"], made["credential"]["scopes"], made["credential"]["rotatedFromId"]]);
    assert_eq!(same, json!(["another", ["READ"], first]));
    assert_eq!((status(app, &first_token).await, status(app, &second_token).await), (200, 200));
    for (with, id) in [(&first_token, &first), (&second_token, &second)] {
        assert_eq!(code(&rotate(with, json!({ "credentialId": id })).await), "LIMIT_REACHED");
    }
    // One that has less can't get one that has more.
    let (whole, _token) = another(app, demo::STOREFRONT, Value::Null).await;
    assert_eq!(code(&rotate(&second_token, json!({ "credentialId": whole })).await), "NOT_PERMITTED");
    // Nor can one end another, or get what lasts longer than itself.
    let (equal, equal_token) = another(app, demo::STOREFRONT, json!(["READ"])).await;
    let taken = rotate(&second_token, json!({ "credentialId": equal, "oldValidForHours": 0 })).await;
    assert_eq!((code(&taken), status(app, &equal_token).await), ("NOT_PERMITTED", 200));
    let given = rotate(demo::STOREFRONT, json!({ "credentialId": equal })).await;
    assert_eq!(given["errors"], json!([]), "one with all scopes rotates another");
    // Others' don't exist.
    for token in [demo::SUPPLIER, demo::SECOND_OPERATOR] {
        assert_eq!(code(&rotate(token, json!({ "credentialId": first })).await), "NOT_FOUND");
    }
    assert_eq!(code(&rotate(demo::BUYER, json!({ "credentialId": first })).await), "NOT_PERMITTED");

    app.clock().shift_wall(TimeDelta::hours(24));
    assert_eq!((status(app, &first_token).await, status(app, &second_token).await), (401, 200));
    let third = rotate(&second_token, json!({ "credentialId": second, "oldValidForHours": 0 })).await;
    assert_eq!((third["errors"].clone(), status(app, &second_token).await), (json!([]), 401));
    assert_eq!(status(app, &text(&third["token"])).await, 200);
    app.clock().shift_wall(TimeDelta::zero());

    // Many at once make one successor.
    let (fourth, fourth_token) = another(app, demo::STOREFRONT, json!(["READ"])).await;
    let tries = (0..5).map(|_| rotate(&fourth_token, json!({ "credentialId": fourth })));
    let made = futures_util::future::join_all(tries).await;
    assert_eq!(made.iter().filter(|one| one["errors"] == json!([])).count(), 1, "{made:#?}");
    // A successor ends no later than what it succeeds.
    let ends = (app.clock().wall() + TimeDelta::hours(2)).to_rfc3339();
    let id = subject(app, demo::STOREFRONT).await;
    let input = json!({ "role": "STOREFRONT", "subjectId": id, "label": "short", "expiresAt": ends });
    let short = ask(app, demo::OPERATOR, "createCredential", input, &format!("{CREDENTIAL} token")).await;
    let made = rotate(&text(&short["token"]), json!({ "credentialId": short["credential"]["id"] })).await;
    assert_eq!(made["credential"]["endsAt"], short["credential"]["expiresAt"]);
}

/// Or one alone could ask for a payout by hand, and approve it.
async fn an_operator_gets_no_credential_of_another(app: &TestApp) {
    let second = subject(app, demo::SECOND_OPERATOR).await;
    let input = json!({ "role": "OPERATOR", "subjectId": second, "label": "theirs" });
    let made = ask(app, demo::OPERATOR, "createCredential", input.clone(), "token").await;
    assert_eq!((code(&made), &made["token"]), ("NOT_PERMITTED", &Value::Null));
    assert_eq!(made["errors"][0]["path"], json!(["input", "subjectId"]));
    let made = ask(app, demo::SECOND_OPERATOR, "createCredential", input, "token").await;
    assert_eq!(made["errors"], json!([]));
}

async fn an_operator_keeps_a_last_credential(app: &TestApp) {
    let own = app.data(demo::OPERATOR, "{ viewer { credential { id } } }", json!({})).await;
    let own = text(&own["viewer"]["credential"]["id"]);
    let revoke =
        async |id: &str| ask(app, demo::OPERATOR, "revokeCredential", json!({ "credentialId": id }), CREDENTIAL).await;
    assert_eq!(code(&revoke(&own).await), "NOT_PERMITTED");
    let (_less, _token) = another(app, demo::OPERATOR, json!(["READ", "ORDERS", "MONEY"])).await;
    assert_eq!(code(&revoke(&own).await), "NOT_PERMITTED", "one that can't make others lets nobody in again");
    let (other, token) = another(app, demo::OPERATOR, Value::Null).await;
    assert_eq!(revoke(&own).await["errors"], json!([]));
    assert_eq!(status(app, demo::OPERATOR).await, 401);
    let last = ask(app, &token, "revokeCredential", json!({ "credentialId": other }), CREDENTIAL).await;
    assert_eq!(code(&last), "NOT_PERMITTED");
    let others = app
        .data(
            token.as_str(),
            "query($of: ID) { credentials(subjectId: $of) { nodes { id revokedAt } } }",
            json!({ "of": subject(app, demo::STOREFRONT).await }),
        )
        .await;
    assert_eq!(others["credentials"]["nodes"].as_array().map(Vec::len), Some(1));
    // Another operator's last one may go.
    let second = app.data(demo::SECOND_OPERATOR, "{ viewer { credential { id } } }", json!({})).await;
    let second = json!({ "credentialId": second["viewer"]["credential"]["id"] });
    assert_eq!(ask(app, &token, "revokeCredential", second, CREDENTIAL).await["errors"], json!([]));
    assert_eq!(status(app, demo::SECOND_OPERATOR).await, 401);
}

async fn a_credential_ends_when_it_is_revoked(app: &TestApp) {
    let (id, token) = another(app, demo::SUPPLIER, Value::Null).await;
    let wall = app.clock().wall();
    let at = |hours| (wall + TimeDelta::hours(hours)).to_rfc3339();
    let revoke = async |with: &str, at: Option<String>| {
        ask(app, with, "revokeCredential", json!({ "credentialId": id, "at": at }), CREDENTIAL).await
    };
    for stranger in [demo::STOREFRONT, demo::BUYER] {
        let wanted = if stranger == demo::BUYER { "NOT_PERMITTED" } else { "NOT_FOUND" };
        assert_eq!(code(&revoke(stranger, None).await), wanted);
    }
    assert_eq!(code(&revoke(demo::SUPPLIER, Some(at(-1))).await), "INVALID_INPUT");
    let later = revoke(demo::SUPPLIER, Some(at(2))).await;
    assert_eq!((&later["errors"], &later["credential"]["endsAt"]), (&json!([]), &later["credential"]["revokedAt"]));
    assert_eq!(status(app, &token).await, 200);
    app.clock().shift_wall(TimeDelta::hours(2));
    assert_eq!(status(app, &token).await, 401);
    let again = revoke(demo::SUPPLIER, Some(at(9))).await;
    assert_eq!(again["credential"], later["credential"], "what has ended stays ended");
    app.clock().shift_wall(TimeDelta::zero());

    let query = "query($of: ID) { credentials(subjectId: $of) { nodes { id label scopes } } }";
    let of = subject(app, demo::SUPPLIER).await;
    for (token, count) in [(demo::SUPPLIER, 2), (demo::OPERATOR, 2), (demo::STOREFRONT, 0)] {
        let list = app.data(token, query, json!({ "of": of })).await["credentials"]["nodes"].take();
        assert_eq!(list.as_array().map(Vec::len), Some(count), "{token}: {list:#}");
    }
    let own = app.data(demo::SUPPLIER, query, json!({})).await["credentials"]["nodes"].take();
    assert_eq!((own.as_array().map(Vec::len), &own[0]["id"]), (Some(2), &json!(id)));
    let buyer = app.graphql(demo::BUYER, query, json!({})).await;
    assert_eq!(buyer["errors"][0]["extensions"]["code"], "NOT_PERMITTED");
}

async fn session(app: &TestApp, reference: &str) -> (String, String, String) {
    let input = json!({ "buyerReference": reference });
    let fields = "session { token buyer { id } credential { id } }";
    let made = ask(app, demo::STOREFRONT, "createBuyerSession", input, fields).await["session"].take();
    (text(&made["token"]), text(&made["credential"]["id"]), text(&made["buyer"]["id"]))
}

async fn a_storefront_ends_its_buyers_sessions(app: &TestApp) {
    let revoke = async |with: &str, input: Value| ask(app, with, "revokeBuyerSession", input, "endedCount").await;
    let [one, two, three, other] =
        [session(app, "b").await, session(app, "b").await, session(app, "b").await, session(app, "c").await];
    let listed = app
        .data(
            demo::STOREFRONT,
            "query($of: ID) { credentials(subjectId: $of) { nodes { id } } }",
            json!({ "of": one.2 }),
        )
        .await;
    assert_eq!(listed["credentials"]["nodes"].as_array().map(Vec::len), Some(3));
    for (input, count) in [
        (json!({ "credentialId": one.1 }), 1),
        (json!({ "credentialId": one.1 }), 0),
        (json!({ "buyerId": two.2 }), 2),
        (json!({ "buyerReference": "b" }), 0),
    ] {
        assert_eq!(revoke(demo::STOREFRONT, input).await, json!({ "endedCount": count, "errors": [] }));
    }
    for (token, wanted) in [(&one.0, 401), (&two.0, 401), (&three.0, 401), (&other.0, 200)] {
        assert_eq!(status(app, token).await, wanted);
    }
    let own = app.data(demo::STOREFRONT, "{ viewer { credential { id } } }", json!({})).await;
    for input in [
        json!({ "credentialId": own["viewer"]["credential"]["id"] }),
        json!({ "buyerReference": "nobody" }),
        json!({ "buyerId": "buyer_01kdvdna00e008000000000009" }),
    ] {
        assert_eq!(code(&revoke(demo::STOREFRONT, input).await), "NOT_FOUND");
    }
    for token in [demo::BUYER, demo::SUPPLIER, demo::OPERATOR] {
        assert_eq!(code(&revoke(token, json!({ "buyerId": other.2 })).await), "NOT_PERMITTED");
    }
}

async fn a_buyer_logs_out(app: &TestApp) {
    let [one, two, three] = [session(app, "b").await, session(app, "b").await, session(app, "b").await];
    let end = async |with: &str, input: Value| ask(app, with, "endSession", input, "endedCount").await;
    assert_eq!(end(&one.0, json!({})).await["endedCount"], 1);
    assert_eq!((status(app, &one.0).await, status(app, &two.0).await), (401, 200));
    assert_eq!(end(&two.0, json!({ "everywhere": true })).await["endedCount"], 2);
    assert_eq!((status(app, &two.0).await, status(app, &three.0).await), (401, 401));
    assert_eq!(status(app, demo::BUYER).await, 200, "another buyer");
    assert_eq!(code(&end(demo::STOREFRONT, json!({})).await), "NOT_PERMITTED");
}

async fn when_a_credential_was_used_is_written_down(app: &TestApp) {
    let used = async || {
        let row = credential::Entity::find().filter(credential::Column::TokenHash.eq(hash_token(demo::SUPPLIER)));
        row.one(&app.db().read).await.expect("reads").expect("is there").last_used_at
    };
    app.data(demo::SUPPLIER, "{ viewer { role } }", json!({})).await;
    assert_eq!(used().await, None, "not in the request's way");
    let wall = app.clock().wall();
    write_uses(app.app()).await.expect("writes");
    let first = used().await.expect("is written down");
    assert!((wall - first).num_seconds().abs() < 60, "{first}");
    write_uses(app.app()).await.expect("writes");
    assert_eq!(used().await, Some(first), "nothing was noted since");
    app.clock().shift_wall(TimeDelta::hours(1));
    app.data(demo::SUPPLIER, "{ viewer { role } }", json!({})).await;
    write_uses(app.app()).await.expect("writes");
    assert!(used().await > Some(first));
    app.clock().shift_wall(TimeDelta::zero());
    let seen = app.data(demo::SUPPLIER, "{ viewer { credential { lastUsedAt } } }", json!({})).await;
    assert!(seen["viewer"]["credential"]["lastUsedAt"].is_string());
}

async fn what_ended_long_ago_is_forgotten(app: &TestApp) {
    let (_token, id, _buyer) = session(app, "b").await;
    let (old, ended) = another(app, demo::STOREFRONT, json!(["READ"])).await;
    let made =
        ask(app, &ended, "rotateCredential", json!({ "credentialId": old, "oldValidForHours": 0 }), "token").await;
    assert_eq!(made["errors"], json!([]));
    let count = async || credential::Entity::find().all(&app.db().read).await.expect("reads").len();
    let before = count().await;
    let wall = app.clock().wall();
    assert_eq!(prune_sessions(app.db(), wall + TimeDelta::days(30)).await.expect("prunes"), 0);
    assert_eq!(prune_sessions(app.db(), wall + TimeDelta::days(62)).await.expect("prunes"), 1, "{id}");
    assert_eq!(count().await, before - 1, "only sessions are forgotten");
}

async fn a_key_makes_one_storefront_supplier_and_account(app: &TestApp) {
    let supplier = json!({ "idempotencyKey": "s", "name": "S", "country": "EC", "city": "Quito" });
    let account =
        json!({ "idempotencyKey": "a", "accountHolder": "S", "country": "DE", "iban": "DE89370400440532013000" });
    let other =
        json!({ "idempotencyKey": "a", "accountHolder": "T", "country": "DE", "iban": "DE89370400440532013000" });
    for (token, name, thing, input, changed) in [
        (
            demo::OPERATOR,
            "createStorefront",
            "storefront",
            json!({ "idempotencyKey": "k", "name": "S" }),
            json!({ "idempotencyKey": "k", "name": "T" }),
        ),
        (
            demo::OPERATOR,
            "createSupplier",
            "supplier",
            supplier.clone(),
            json!({ "idempotencyKey": "s", "name": "S", "country": "EC", "city": "Loja" }),
        ),
        (demo::SUPPLIER, "setPayoutAccount", "payoutAccount", account, other),
    ] {
        let fields = format!("{thing} {{ id }}");
        let tries = (0..5).map(|_| ask(app, token, name, input.clone(), &fields));
        let answers = futures_util::future::join_all(tries).await;
        assert_eq!(answers[0]["errors"], json!([]), "{name}: {:#}", answers[0]);
        assert!(answers.iter().all(|answer| answer == &answers[0]), "{name}: {answers:#?}");
        assert_eq!(code(&ask(app, token, name, changed, &fields).await), "IDEMPOTENCY_KEY_REUSED", "{name}");
    }
}

/// Whatever is logged, it is no token: not of a header, a body, an address or a socket's first message.
#[tokio::test]
async fn no_token_is_logged() {
    let folder = tempdir().expect("a folder");
    let settings = [("SECURE_PAYMENT_LOG", "trace"), ("SECURE_PAYMENT_LOG_FORMAT", "json")];
    let process = Process::start(folder.path(), &settings).await;
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let secrets =
        ["sp_buyer_header11", "sp_buyer_body222", "sp_buyer_query333", "sp_buyer_socket444", "sp_buyer_path555"];
    let post = http.post(process.url("/graphql")).bearer_auth(secrets[0]);
    let sent = [
        post.json(&json!({ "query": "{ __typename }" })),
        http.post(process.url("/graphql"))
            .json(&json!({ "query": "query($t: String) { products(search: $t) { nodes { id } } }",
            "variables": { "t": secrets[1] } })),
        http.get(process.url(&format!("/graphql?query=%7B__typename%7D&access_token={}", secrets[2]))),
        http.put(process.url(&format!("/uploads/{}", secrets[4]))).body("x"),
    ];
    for request in sent {
        request.send().await.expect("an answer");
    }
    // One that is made, and used.
    let made = http.post(process.url("/graphql")).bearer_auth(demo::STOREFRONT).json(&json!({ "query":
        "mutation { createBuyerSession(input: { buyerReference: \"b\" }) { session { token } } }" }));
    let made: Value = made.send().await.expect("an answer").json().await.expect("JSON");
    let token = text(&made["data"]["createBuyerSession"]["session"]["token"]);
    let used = http.post(process.url("/graphql")).bearer_auth(&token).json(&json!({ "query": "{ viewer { role } }" }));
    assert_eq!(used.send().await.expect("an answer").status(), 200);
    let mut request = process.url("/graphql/ws").replace("http://", "ws://").into_client_request().expect("a request");
    request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().expect("a header"));
    let mut socket = connect_async(request).await.expect("connects").0;
    let init = json!({ "type": "connection_init", "payload": { "authorization": format!("Bearer {}", secrets[3]) } });
    socket.send(Message::text(init.to_string())).await.expect("sends");
    let closed = tokio::time::timeout(Duration::from_secs(10), socket.next()).await.expect("in time");
    assert!(matches!(closed, Some(Ok(Message::Close(_)))), "{closed:?}");
    drop(socket);
    let (_status, log) = process.terminate().await;
    assert!(log.lines().count() > 20, "it logs: {log}");
    for secret in secrets.into_iter().chain([token.as_str()]) {
        let line = log.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "{secret}: {line:?}");
    }
}

//! Files: staged by a mutation, sent to an address, attached, read.

use chrono::TimeDelta;
use entity::{FileId, OrderId, file as rows, file_content};
use reqwest::StatusCode;
use reqwest::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderMap, X_CONTENT_TYPE_OPTIONS,
};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use secure_payment::auth::{find_caller, hash_token};
use secure_payment::error::Error;
use secure_payment::file;
use secure_payment::party::demo;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::steps::{confirmed, refused};
use crate::support::{TestApp, on_each_database};

on_each_database!(
    a_file_is_staged_sent_attached_and_read,
    ten_mebibytes_are_taken_and_not_a_byte_more,
    what_is_sent_must_be_what_was_declared,
    an_address_takes_one_file_within_an_hour,
    of_two_at_once_one_is_kept,
    only_its_parties_and_operators_add_to_an_order,
    what_waits_is_bounded,
    a_file_is_attached_once_by_whom_it_is,
    what_is_no_evidence_within_a_day_is_forgotten,
);

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0";

/// What `createUpload` answers.
async fn ask(app: &TestApp, token: &str, order: &str, (name, kind, size): (&str, &str, i64)) -> Value {
    let query = "mutation($input: CreateUploadInput!) { createUpload(input: $input) {
        upload { fileId url method headers { name value } expiresAt } errors { code message path } } }";
    let input = json!({ "about": { "orderId": order }, "fileName": name, "mediaType": kind, "byteSize": size });
    app.data(token, query, json!({ "input": input })).await["createUpload"].take()
}

/// The file's id and where to send it.
async fn staged(app: &TestApp, token: &str, order: &str, kind: &str, size: usize) -> (FileId, String) {
    let size = i64::try_from(size).expect("a size");
    let answer = ask(app, token, order, ("photo.bin", kind, size)).await;
    assert_eq!(answer["errors"], json!([]), "{answer:#}");
    let text = |field: &str| answer["upload"][field].as_str().expect("text").to_owned();
    (text("fileId").parse().expect("an id"), text("url"))
}

async fn send(app: &TestApp, url: &str, kind: &str, bytes: &[u8]) -> (StatusCode, Value) {
    let request = app.http().put(url).header(CONTENT_TYPE, kind).body(bytes.to_vec());
    let answer = request.send().await.expect("an answer");
    (answer.status(), answer.json().await.expect("JSON"))
}

/// Sends what must be refused; the status and the error's code.
async fn refusal(app: &TestApp, url: &str, kind: &str, bytes: &[u8]) -> (u16, String) {
    let (status, answer) = send(app, url, kind, bytes).await;
    let code = answer["errors"][0]["extensions"]["code"].as_str().unwrap_or_else(|| panic!("a code: {answer:#}"));
    (status.as_u16(), code.to_owned())
}

async fn get(app: &TestApp, token: Option<&str>, id: &str) -> (u16, HeaderMap, Vec<u8>) {
    let mut request = app.http().get(app.url(&format!("/files/{id}")));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let answer = request.send().await.expect("an answer");
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    (status, headers, answer.bytes().await.expect("a body").to_vec())
}

async fn principal(app: &TestApp, token: &str) -> String {
    let found = find_caller(&app.db().read, token, app.clock().wall()).await.expect("reads");
    found.expect("a viewer").viewer.principal()
}

/// As the order's write path does it.
async fn attach(app: &TestApp, token: &str, order: &str, file: FileId) -> Result<rows::Model, Error> {
    let (principal, order): (_, OrderId) = (principal(app, token).await, order.parse().expect("an id"));
    let transaction = app.db().begin_write().await?;
    let file = file::attach_as_evidence(&transaction, &principal, order, file, app.clock().now()).await?;
    transaction.commit().await?;
    Ok(file)
}

/// A sent file, attached.
async fn attached(app: &TestApp, token: &str, order: &str, bytes: &[u8]) -> FileId {
    let (file, url) = staged(app, token, order, "text/plain", bytes.len()).await;
    assert_eq!(send(app, &url, "text/plain", bytes).await.0, 201);
    attach(app, token, order, file).await.expect("attaches").id
}

async fn a_file_is_staged_sent_attached_and_read(app: &TestApp) {
    let order = confirmed(app, "k").await;
    let size = i64::try_from(PNG.len()).expect("a size");
    let answer = ask(app, demo::BUYER, &order, ("C:\\pics\\Schäden \"1\"\r\n\u{202e}gnp.png", "image/png", size)).await;
    assert_eq!(answer["errors"], json!([]), "{answer:#}");
    let upload = &answer["upload"];
    assert_eq!(upload["method"], "PUT");
    assert_eq!(upload["headers"], json!([{ "name": "content-type", "value": "image/png" }]));
    let (id, url) = (upload["fileId"].as_str().expect("an id"), upload["url"].as_str().expect("a URL"));
    let file: FileId = id.parse().expect("an id");
    let token = url.strip_prefix(&app.url("/uploads/")).expect("an address of ours");
    assert_eq!(token.len(), 64);
    let row = async || {
        let found = rows::Entity::find_by_id(file).one(&app.db().read).await.expect("reads");
        found.expect("a row")
    };
    assert_eq!((row().await.token_hash, row().await.sha256), (hash_token(token), None));

    let (status, kept) = send(app, url, "image/png", PNG).await;
    let sha256 = hex::encode(Sha256::digest(PNG));
    assert_eq!((status.as_u16(), &kept["sha256"]), (201, &json!(sha256)), "{kept}");
    assert_eq!(row().await.sha256.as_deref(), Some(sha256.as_str()));
    assert_eq!(get(app, Some(demo::BUYER), id).await.0, 404, "it is no evidence yet");

    let attached = attach(app, demo::BUYER, &order, file).await.expect("attaches");
    assert!(attached.attached_at.is_some() && attached == row().await);
    for token in [demo::BUYER, demo::SUPPLIER, demo::OPERATOR, demo::STOREFRONT] {
        let (status, headers, bytes) = get(app, Some(token), id).await;
        assert_eq!((status, bytes.as_slice()), (200, PNG), "{token}");
        assert_eq!(headers[CONTENT_TYPE], "image/png");
        let name = "Sch%C3%A4den%20%221%22gnp.png";
        assert_eq!(headers[CONTENT_DISPOSITION], format!("attachment; filename*=UTF-8''{name}"));
        assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(headers[CONTENT_SECURITY_POLICY], "sandbox; default-src 'none'");
        assert_eq!(headers[CACHE_CONTROL], "private, no-store");
        assert_eq!(headers[ETAG], format!("\"{sha256}\""));
    }
    for strange in ["file_01kdvdna00e018000000000000", "order_01kdvdna00e018000000000000", "x", "%ff", "..%2f"] {
        assert_eq!(get(app, Some(demo::BUYER), strange).await.0, 404, "{strange}");
    }
    assert_eq!(get(app, Some("sp_buyer_unknown"), id).await.0, 401);
}

async fn ten_mebibytes_are_taken_and_not_a_byte_more(app: &TestApp) {
    const MOST: usize = 10 * 1024 * 1024;
    let order = confirmed(app, "k").await;
    let mut bytes = vec![b'x'; MOST + 1];
    let (_file, url) = staged(app, demo::SUPPLIER, &order, "text/plain", MOST).await;
    assert_eq!(refusal(app, &url, "text/plain", &bytes).await, (413, "PAYLOAD_TOO_LARGE".to_owned()));
    bytes.pop();
    let (status, kept) = send(app, &url, "text/plain; charset=utf-8", &bytes).await;
    assert_eq!((status.as_u16(), &kept["byteSize"]), (201, &json!(MOST)), "{kept}");
    let file: FileId = kept["fileId"].as_str().expect("an id").parse().expect("an id");
    attach(app, demo::SUPPLIER, &order, file).await.expect("attaches");
    let (status, headers, read) = get(app, Some(demo::BUYER), &file.to_string()).await;
    assert!(status == 200 && read == bytes);
    assert_eq!(headers[CONTENT_TYPE], "text/plain; charset=utf-8");
    // A large body that is refused is read all the same, so that the refusal can be.
    assert_eq!(refusal(app, &url, "text/plain", &bytes).await.0, 409);

    for (size, code) in [(10_485_761, "INVALID_INPUT"), (0, "INVALID_INPUT"), (-1, "INVALID_INPUT")] {
        let answer = ask(app, demo::SUPPLIER, &order, ("a.txt", "text/plain", size)).await;
        refused(&answer, code);
        assert_eq!(answer["errors"][0]["path"], json!(["input", "byteSize"]));
    }
    // Other bodies stay small.
    bytes.truncate(2 * 1024 * 1024);
    let other = app.http().post(app.url("/graphql")).header(CONTENT_TYPE, "application/json").body(bytes);
    assert_eq!(other.send().await.expect("an answer").status(), 413);
}

async fn what_is_sent_must_be_what_was_declared(app: &TestApp) {
    let order = confirmed(app, "k").await;
    let (_file, url) = staged(app, demo::BUYER, &order, "image/png", PNG.len()).await;
    let same_length = vec![b'x'; PNG.len()];
    for (kind, bytes, refusal_wanted) in [
        ("image/jpeg", PNG, (415, "INVALID_INPUT")),
        ("", PNG, (415, "INVALID_INPUT")),
        ("image/png", &PNG[1..], (422, "INVALID_INPUT")),
        ("image/png", &[PNG, b"x"].concat(), (422, "INVALID_INPUT")),
        ("image/png", b"", (422, "INVALID_INPUT")),
        ("image/png", same_length.as_slice(), (422, "INVALID_INPUT")),
    ] {
        let (status, code) = refusal(app, &url, kind, bytes).await;
        assert_eq!((status, code.as_str()), refusal_wanted, "{kind}: {bytes:?}");
    }
    // None of this has used the address up.
    assert_eq!(send(app, &url, "IMAGE/PNG", PNG).await.0, 201);
    let page = b"<html>\0".as_slice();
    for (kind, bytes) in
        [("application/pdf", page), ("image/webp", page), ("text/plain", page), ("text/plain", b"\xff")]
    {
        let (_file, url) = staged(app, demo::BUYER, &order, kind, bytes.len()).await;
        assert_eq!(refusal(app, &url, kind, bytes).await.0, 422, "{kind}");
    }
    for (name, kind, path) in [
        ("a.html", "text/html", "mediaType"),
        ("a.svg", "image/svg+xml", "mediaType"),
        ("", "image/png", "fileName"),
        ("../..", "image/png", "fileName"),
        (&"x".repeat(201), "image/png", "fileName"),
    ] {
        let answer = ask(app, demo::BUYER, &order, (name, kind, 10)).await;
        refused(&answer, "INVALID_INPUT");
        assert_eq!(answer["errors"][0]["path"], json!(["input", path]));
    }
}

async fn an_address_takes_one_file_within_an_hour(app: &TestApp) {
    let order = confirmed(app, "k").await;
    let (_file, once) = staged(app, demo::BUYER, &order, "text/plain", 2).await;
    let (_file, late) = staged(app, demo::BUYER, &order, "text/plain", 2).await;
    assert_eq!(send(app, &once, "text/plain", b"ok").await.0, 201);
    assert_eq!(refusal(app, &once, "text/plain", b"no").await, (409, "ALREADY_EXISTS".to_owned()));
    // Business time is the sandbox's to move; it ends no upload.
    app.clock().advance(TimeDelta::hours(2));
    app.clock().shift_wall(TimeDelta::minutes(61));
    assert_eq!(refusal(app, &late, "text/plain", b"ok").await, (410, "NOT_FOUND".to_owned()));
    assert_eq!(refusal(app, &once, "text/plain", b"no").await.0, 409);
    app.clock().shift_wall(TimeDelta::zero());
    assert_eq!(send(app, &late, "text/plain", b"ok").await.0, 201);

    for unknown in ["0".repeat(64).as_str(), "x", "%ff", "..%2f.."] {
        let url = app.url(&format!("/uploads/{unknown}"));
        assert_eq!(refusal(app, &url, "text/plain", b"ok").await, (404, "NOT_FOUND".to_owned()), "{unknown}");
    }
    let answer = app.http().post(&late).body("ok").send().await.expect("an answer");
    assert_eq!(answer.status(), 405);
    assert_eq!(app.http().get(&late).send().await.expect("an answer").status(), 405);
}

async fn of_two_at_once_one_is_kept(app: &TestApp) {
    let order = confirmed(app, "k").await;
    let (file, url) = staged(app, demo::BUYER, &order, "text/plain", 3).await;
    let (one, two) = tokio::join!(send(app, &url, "text/plain", b"one"), send(app, &url, "text/plain", b"two"));
    let mut statuses = [one.0.as_u16(), two.0.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
    let kept = if one.0 == 201 { b"one" } else { b"two" };
    assert_eq!(file::read_content(&app.db().read, file).await.expect("reads"), kept);
}

async fn only_its_parties_and_operators_add_to_an_order(app: &TestApp) {
    let order = confirmed(app, "k").await;
    let file = attached(app, demo::OPERATOR, &order, b"a ruling").await.to_string();
    let strangers = strangers(app).await;
    let small = ("a.txt", "text/plain", 2);
    for token in strangers.iter().map(String::as_str) {
        assert_eq!(get(app, Some(token), &file).await.0, 404, "{token}");
        if !token.starts_with("sp_storefront") {
            let answer = ask(app, token, &order, small).await;
            refused(&answer, "NOT_FOUND");
            assert_eq!(answer["errors"][0]["path"], json!(["input", "about", "orderId"]));
        }
    }
    assert_eq!(get(app, None, &file).await.0, 404);
    let answer = ask(app, demo::STOREFRONT, &order, small).await;
    refused(&answer, "NOT_PERMITTED");
    let query = "mutation($input: CreateUploadInput!) { createUpload(input: $input) { errors { code } } }";
    let input = json!({ "about": { "orderId": order }, "fileName": "a.txt", "mediaType": "text/plain", "byteSize": 2 });
    let nobody = app.graphql(None, query, json!({ "input": input })).await;
    assert_eq!(nobody["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
}

/// Tokens of another buyer of the same storefront, another storefront and its buyer, and another supplier.
async fn strangers(app: &TestApp) -> [String; 4] {
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned();
    let session = "mutation { createBuyerSession(input: { buyerReference: \"stranger\" }) { session { token } } }";
    let buyer = async |storefront: &str| {
        text(&app.data(storefront, session, json!({})).await["createBuyerSession"]["session"]["token"])
    };
    let credential = async |role: &str, id: &Value| {
        let query = "mutation($input: CreateCredentialInput!) { createCredential(input: $input) { token } }";
        let input = json!({ "role": role, "subjectId": id, "label": "x" });
        text(&app.data(demo::OPERATOR, query, json!({ "input": input })).await["createCredential"]["token"])
    };
    let made = "mutation { createStorefront(input: { name: \"Other\" }) { storefront { id } }
        createSupplier(input: { name: \"Other\", country: \"DE\", city: \"Ulm\" }) { supplier { id } } }";
    let made = app.data(demo::OPERATOR, made, json!({})).await;
    let storefront = credential("STOREFRONT", &made["createStorefront"]["storefront"]["id"]).await;
    let supplier = credential("SUPPLIER", &made["createSupplier"]["supplier"]["id"]).await;
    [buyer(demo::STOREFRONT).await, buyer(&storefront).await, storefront, supplier]
}

async fn what_waits_is_bounded(app: &TestApp) {
    let order = confirmed(app, "k").await;
    let mut urls = Vec::new();
    for _ in 0..20 {
        urls.push(staged(app, demo::BUYER, &order, "text/plain", 2).await);
    }
    assert_eq!(send(app, &urls[0].1, "text/plain", b"ok").await.0, 201);
    let more = async || ask(app, demo::BUYER, &order, ("a.txt", "text/plain", 2)).await;
    let answer = more().await;
    refused(&answer, "INVALID_INPUT");
    assert_eq!(answer["errors"][0]["path"], json!(["input", "about", "orderId"]));
    staged(app, demo::SUPPLIER, &order, "text/plain", 2).await;
    // What became evidence no longer waits.
    attach(app, demo::BUYER, &order, urls[0].0).await.expect("attaches");
    assert_eq!(more().await["errors"], json!([]));
    refused(&more().await, "INVALID_INPUT");
    // Nor does what can't be sent any more.
    app.clock().shift_wall(TimeDelta::minutes(61));
    assert_eq!(more().await["errors"], json!([]));
    app.clock().shift_wall(TimeDelta::zero());
}

async fn a_file_is_attached_once_by_whom_it_is(app: &TestApp) {
    let (order, other) = (confirmed(app, "k").await, confirmed(app, "l").await);
    let (file, url) = staged(app, demo::BUYER, &order, "text/plain", 2).await;
    let problem = async |token: &str, order: &str, file| match attach(app, token, order, file).await {
        Err(Error::Refused(problems)) => {
            assert_eq!(problems[0].path, ["input", "fileId"]);
            problems[0].code.name()
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(problem(demo::BUYER, &order, file).await, "INVALID_INPUT", "nothing was sent yet");
    assert_eq!(send(app, &url, "text/plain", b"ok").await.0, 201);
    assert_eq!(problem(demo::SUPPLIER, &order, file).await, "NOT_FOUND");
    assert_eq!(problem(demo::BUYER, &other, file).await, "NOT_FOUND");
    assert_eq!(problem(demo::BUYER, &order, FileId(app.clock().new_id())).await, "NOT_FOUND");
    attach(app, demo::BUYER, &order, file).await.expect("attaches");
    assert_eq!(problem(demo::BUYER, &order, file).await, "INVALID_INPUT", "it is evidence already");

    // From now on the database keeps it as it is.
    let db = &app.db().read;
    let change = rows::Entity::update_many().col_expr(rows::Column::FileName, Expr::value("other"));
    let forged = file_content::Entity::update_many()
        .col_expr(file_content::Column::Bytes, Expr::value(b"no".to_vec()))
        .filter(file_content::Column::FileId.eq(file));
    let attempts = [
        change.filter(rows::Column::Id.eq(file)).exec(db).await.err(),
        rows::Entity::delete_by_id(file).exec(db).await.err(),
        forged.exec(db).await.err(),
    ];
    for attempt in attempts {
        let error = attempt.expect("the database refuses").to_string();
        assert!(error.contains("a file is never"), "{error}");
    }
    assert_eq!(file::read_content(db, file).await.expect("reads"), b"ok");
}

async fn what_is_no_evidence_within_a_day_is_forgotten(app: &TestApp) {
    let order = confirmed(app, "k").await;
    let evidence = attached(app, demo::BUYER, &order, b"kept").await;
    let (_staged, url) = staged(app, demo::BUYER, &order, "text/plain", 2).await;
    let (sent, sent_url) = staged(app, demo::BUYER, &order, "text/plain", 2).await;
    assert_eq!(send(app, &sent_url, "text/plain", b"ok").await.0, 201);
    let prune = async || file::prune(app.db(), app.clock()).await.expect("prunes");
    // Business time is the sandbox's to move; nothing is forgotten for it.
    app.clock().advance(TimeDelta::days(3));
    app.clock().shift_wall(TimeDelta::hours(23));
    assert_eq!(prune().await, 0);
    app.clock().shift_wall(TimeDelta::hours(25));
    assert_eq!((prune().await, prune().await), (2, 0));
    assert_eq!(refusal(app, &url, "text/plain", b"ok").await.0, 404);
    assert!(attach(app, demo::BUYER, &order, sent).await.is_err());
    assert_eq!(file_content::Entity::find().count(&app.db().read).await.expect("counts"), 1);
    assert_eq!(get(app, Some(demo::OPERATOR), &evidence.to_string()).await.2, b"kept");
    app.clock().shift_wall(TimeDelta::zero());
}

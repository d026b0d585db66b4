//! What comes in is checked, named, and taken once.

use secure_payment::party::demo;
use serde_json::{Value, json};

use crate::support::steps::{
    address, buy_now, checkout_url, confirmed, done, first_product, mutate, order_step, pay, press, read, refused,
};
use crate::support::{TestApp, on_each_database};

on_each_database!(
    wrong_input_is_named_with_its_path_and_changes_nothing,
    amounts_are_exact_from_end_to_end,
    the_same_key_answers_the_same_and_another_input_is_refused,
    a_stale_version_is_refused,
    a_return_url_must_be_of_the_storefronts_origins,
);

async fn wrong_input_is_named_with_its_path_and_changes_nothing(app: &TestApp) {
    let product = first_product(app).await;
    let good =
        json!({ "idempotencyKey": "k", "productId": product["id"], "quantity": 20, "shippingAddress": address() });
    let unknown = "product_00000000000000000000000000";
    let (huge, emoji) = ("x".repeat(1_000_000), "📦 Łódź 深圳 ‏שלום");
    let cases: Vec<(&str, Value, &str, &str)> = vec![
        ("/productId", json!(unknown), "NOT_FOUND", "product"),
        ("/productId", json!("order_00000000000000000000000000"), "INVALID_INPUT", "product_"),
        ("/quantity", json!(19), "BELOW_MINIMUM_QUANTITY", "6.40"),
        ("/quantity", json!(0), "INVALID_INPUT", "from 1"),
        ("/quantity", json!(1_000_000_000), "OUT_OF_STOCK", "can be ordered"),
        ("/currency", json!("XYZ"), "CURRENCY_NOT_AVAILABLE", "ISO 4217"),
        ("/currency", json!("KRW"), "CURRENCY_NOT_AVAILABLE", "USD"),
        ("/incoterm", json!("FREE"), "INVALID_INPUT", "FOB"),
        ("/shippingAddress/country", json!("XZ"), "INVALID_INPUT", "ISO 3166"),
        ("/shippingAddress/name", json!(""), "INVALID_INPUT", "empty"),
        ("/shippingAddress/line1", json!(huge), "INVALID_INPUT", "at most 200"),
        ("/shippingAddress/city", json!("nul\u{0}byte"), "INVALID_INPUT", "U+0000"),
        ("/idempotencyKey", json!(""), "INVALID_INPUT", "1 to 255"),
        ("/idempotencyKey", json!("nul\u{0}"), "INVALID_INPUT", "printable"),
        ("/clientReference", json!("x".repeat(256)), "INVALID_INPUT", "at most 255"),
    ];
    for (pointer, value, code, words) in cases {
        let mut input = good.clone();
        let (parent, field) = pointer.rsplit_once('/').expect("a pointer");
        input.pointer_mut(parent).expect("there")[field] = value;
        let answer = order_step(app, demo::BUYER, "buyNow", input).await;
        let message = refused(&answer, code);
        assert!(message.contains(words), "{pointer}: {message}");
        let path: Vec<&str> = std::iter::once("input").chain(pointer.split('/').skip(1)).collect();
        assert_eq!(answer["errors"][0]["path"], json!(path), "{pointer}");
    }
    let all = app.data(demo::BUYER, "{ orders { nodes { id } } }", json!({})).await;
    assert_eq!(all["orders"]["nodes"], json!([]), "nothing changed");

    // All problems of an input at once.
    let mut input = good.clone();
    input["shippingAddress"]["country"] = json!("Brazil");
    input["shippingAddress"]["city"] = json!(" ");
    input["currency"] = json!("usd");
    input["productId"] = json!("12");
    input["idempotencyKey"] = json!("");
    let answer = order_step(app, demo::BUYER, "buyNow", input).await;
    assert_eq!(answer["errors"].as_array().map(Vec::len), Some(5), "{answer:#}");

    let mut input = good;
    input["shippingAddress"]["name"] = json!(emoji);
    let id = done(order_step(app, demo::BUYER, "buyNow", input).await)["id"].clone();
    let query = "query($id: ID!) { order(id: $id) { contract { shippingAddress { name } } } }";
    let shown = app.data(demo::SUPPLIER, query, json!({ "id": id })).await;
    assert_eq!(shown["order"]["contract"]["shippingAddress"]["name"], emoji);
}

async fn amounts_are_exact_from_end_to_end(app: &TestApp) {
    let product = first_product(app).await;
    let request = json!({ "idempotencyKey": "r", "supplierId": product["supplier"]["id"], "currency": "IDR", "message": "Much",
        "shippingAddress": address() });
    let order = done(order_step(app, demo::BUYER, "requestDraft", request).await);
    let id = order["id"].as_str().expect("an id").to_owned();
    let draft = |key: &str, price: Value| {
        json!({ "idempotencyKey": key, "orderId": id, "shippingFee": "0", "shipWithinDays": 1,
            "lines": [{ "description": "Much", "quantity": 1, "unit": "lot", "unitPrice": price }] })
    };
    let answer = order_step(app, demo::SUPPLIER, "draftOrder", draft("d1", json!("19.999"))).await;
    assert!(refused(&answer, "INVALID_AMOUNT").contains("2 decimal digits"));
    assert_eq!(answer["errors"][0]["path"], json!(["input", "lines", "0", "unitPrice"]));
    let answer = order_step(app, demo::SUPPLIER, "draftOrder", draft("d2", json!("99999999999999999999"))).await;
    refused(&answer, "INVALID_AMOUNT");
    let float = app
        .graphql(
            demo::SUPPLIER,
            "mutation($input: DraftOrderInput!) { draftOrder(input: $input) { errors { code } } }",
            json!({ "input": draft("d3", json!(19.99)) }),
        )
        .await;
    assert!(float["errors"][0]["message"].as_str().is_some_and(|message| message.contains("as a string")), "{float:#}");

    let order = done(order_step(app, demo::SUPPLIER, "draftOrder", draft("d4", json!("1000000000000000"))).await);
    assert_eq!(order["contract"]["total"], json!({ "amount": "1000000000000000.00", "currency": "IDR" }));
    done(order_step(app, demo::BUYER, "confirmOrder", json!({ "orderId": id, "contractVersion": 1 })).await);
    let payment = pay(app, &id, "p", "ALIPAY").await;
    press(app, &checkout_url(&payment), "approve").await;
    app.drain().await;
    assert_eq!(read(app, demo::BUYER, &id).await["escrow"]["held"]["amount"], "1000000000000000.00");
}

async fn the_same_key_answers_the_same_and_another_input_is_refused(app: &TestApp) {
    let first = buy_now(app, "k", 20).await;
    assert_eq!(buy_now(app, "k", 20).await, first);
    let product = first_product(app).await;
    let input =
        json!({ "idempotencyKey": "k", "productId": product["id"], "quantity": 21, "shippingAddress": address() });
    let answer = order_step(app, demo::BUYER, "buyNow", input.clone()).await;
    refused(&answer, "IDEMPOTENCY_KEY_REUSED");

    // Every mutation of an order takes a key.
    let id = first["id"].clone();
    let confirm = json!({ "orderId": id, "contractVersion": 1, "idempotencyKey": "c" });
    let confirmed = done(order_step(app, demo::BUYER, "confirmOrder", confirm.clone()).await);
    assert_eq!(done(order_step(app, demo::BUYER, "confirmOrder", confirm).await), confirmed);
    let other = json!({ "orderId": id, "contractVersion": 2, "idempotencyKey": "c" });
    refused(&order_step(app, demo::BUYER, "confirmOrder", other).await, "IDEMPOTENCY_KEY_REUSED");
    let without = json!({ "orderId": id, "contractVersion": 1 });
    refused(&order_step(app, demo::BUYER, "confirmOrder", without).await, "INVALID_TRANSITION");

    // The key is the buyer's, whatever token it comes with; another buyer's same key is another key.
    let session = async |reference: &str| {
        let input = json!({ "buyerReference": reference });
        let made = mutate(
            app,
            demo::STOREFRONT,
            "createBuyerSession",
            "CreateBuyerSessionInput",
            input,
            "session { token } errors { code }",
        )
        .await;
        made["session"]["token"].as_str().expect("a token").to_owned()
    };
    let same = order_step(app, &session("demo").await, "buyNow", input.clone()).await;
    refused(&same, "IDEMPOTENCY_KEY_REUSED");
    let another = done(order_step(app, &session("somebody").await, "buyNow", input).await);
    assert_ne!(another["id"], first["id"]);
}

async fn a_stale_version_is_refused(app: &TestApp) {
    let order = buy_now(app, "k", 20).await;
    let (id, version) = (order["id"].clone(), order["version"].as_i64().expect("a version"));
    let input = json!({ "orderId": id, "contractVersion": 1, "expectedVersion": version - 1 });
    let answer = order_step(app, demo::BUYER, "confirmOrder", input).await;
    refused(&answer, "STALE_VERSION");
    assert_eq!(answer["errors"][0]["path"], json!(["input", "expectedVersion"]));
    let input = json!({ "orderId": id, "contractVersion": 1, "expectedVersion": version });
    assert_eq!(done(order_step(app, demo::BUYER, "confirmOrder", input).await)["version"], version + 1);
}

async fn a_return_url_must_be_of_the_storefronts_origins(app: &TestApp) {
    let id = confirmed(app, "k").await;
    let fields = "payment { nextAction { ... on RedirectAction { url } } } errors { code message path }";
    let pay = async |key: &str, url: &str| {
        let input = json!({ "idempotencyKey": key, "orderId": id, "method": "VISA", "returnUrl": url });
        mutate(app, demo::BUYER, "payOrder", "PayOrderInput", input, fields).await
    };
    for bad in [
        "https://evil.example/",
        "https://shop.example.evil.example/",
        "https://shop.example@evil.example/",
        "javascript:alert(1)",
        "shop",
    ] {
        assert!(refused(&pay("k1", bad).await, "RETURN_URL_NOT_ALLOWED").contains("https://shop.example"), "{bad}");
    }
    let answer = pay("k2", "https://shop.example/thanks?order=1").await;
    let url = answer["payment"]["nextAction"]["url"].as_str().unwrap_or_else(|| panic!("{answer:#}"));
    let posted =
        app.http().post(url).header("content-type", "application/x-www-form-urlencoded").body("decision=approve");
    let sent = posted.send().await.expect("an answer");
    assert_eq!(sent.headers()["location"], "https://shop.example/thanks?order=1");
    app.drain().await;
}

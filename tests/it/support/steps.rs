//! The steps of a purchase as GraphQL answers them, for tests that look at the answers. (`purchase` has the same steps for
//! tests that only need them done, also against another process.)

use secure_payment::party::demo;
use serde_json::{Value, json};

use super::TestApp;

pub(crate) const ORDER: &str = "order { id number status version contract { version hash total { amount currency } }
    escrow { captured { amount } held { amount } released { amount } refunded { amount } due { amount } }
    availableActions { action consequence } } errors { code message path }";

pub(crate) fn address() -> Value {
    json!({ "name": "Loja Azul", "line1": "Rua das Flores 10", "city": "Recife", "postalCode": "50010-000", "country": "BR" })
}

/// Runs a mutation; what it answers under its name, errors included.
pub(crate) async fn mutate(app: &TestApp, token: &str, name: &str, kind: &str, input: Value, fields: &str) -> Value {
    let query = format!("mutation($input: {kind}!) {{ {name}(input: $input) {{ {fields} }} }}");
    app.data(token, &query, json!({ "input": input })).await[name].take()
}

pub(crate) async fn order_step(app: &TestApp, token: &str, name: &str, input: Value) -> Value {
    let kind = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
    mutate(app, token, name, &kind, input, ORDER).await
}

/// The mutation must have been done.
pub(crate) fn done(mut answer: Value) -> Value {
    assert_eq!(answer["errors"], json!([]), "{answer:#}");
    answer["order"].take()
}

/// The mutation must have been refused, with just this.
pub(crate) fn refused(answer: &Value, code: &str) -> String {
    assert_eq!(answer["errors"].as_array().map(Vec::len), Some(1), "{answer:#}");
    assert_eq!(answer["errors"][0]["code"], code, "{answer:#}");
    answer["errors"][0]["message"].as_str().expect("a message").to_owned()
}

pub(crate) async fn first_product(app: &TestApp) -> Value {
    let query = "{ products(search: \"5m waterproof led strip\", first: 1) { nodes { id supplier { id } available
        priceTiers(currency: \"USD\") { minimumQuantity unitPrice { amount } } } } }";
    app.data(None, query, json!({})).await["products"]["nodes"][0].take()
}

pub(crate) async fn buy_now(app: &TestApp, key: &str, quantity: i64) -> Value {
    let product = first_product(app).await;
    let input = json!({ "idempotencyKey": key, "productId": product["id"], "quantity": quantity, "shippingAddress": address() });
    done(order_step(app, demo::BUYER, "buyNow", input).await)
}

pub(crate) async fn confirmed(app: &TestApp, key: &str) -> String {
    let order = buy_now(app, key, 20).await;
    let id = order["id"].as_str().expect("an id").to_owned();
    done(order_step(app, demo::BUYER, "confirmOrder", json!({ "orderId": id, "contractVersion": 1 })).await);
    id
}

pub(crate) async fn pay(app: &TestApp, order: &str, key: &str, method: &str) -> Value {
    let input = json!({ "idempotencyKey": key, "orderId": order, "method": method });
    let fields = "payment { id status failure nextAction { __typename ... on RedirectAction { url }
        ... on BankTransferAction { page: url } ... on VoucherAction { page: url } } } errors { code message path }";
    let mut answer = mutate(app, demo::BUYER, "payOrder", "PayOrderInput", input, fields).await;
    assert_eq!(answer["errors"], json!([]), "{answer:#}");
    answer["payment"].take()
}

pub(crate) fn checkout_url(payment: &Value) -> String {
    let action = &payment["nextAction"];
    action["url"].as_str().or(action["page"].as_str()).unwrap_or_else(|| panic!("a url: {payment:#}")).to_owned()
}

/// Presses a button of the checkout page, as a browser would.
pub(crate) async fn press(app: &TestApp, url: &str, decision: &str) {
    let page = app.http().get(url).send().await.expect("an answer").text().await.expect("a page");
    assert!(page.contains(&format!("value=\"{decision}\"")), "{decision}: {page}");
    let posted = app
        .http()
        .post(url)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("decision={decision}"))
        .send()
        .await
        .expect("an answer");
    assert_eq!(posted.status(), 303);
}

pub(crate) async fn funded(app: &TestApp, key: &str) -> String {
    let id = confirmed(app, key).await;
    let payment = pay(app, &id, &format!("{key}-pay"), "VISA").await;
    press(app, &checkout_url(&payment), "approve").await;
    app.drain().await;
    id
}

pub(crate) async fn shipped(app: &TestApp, key: &str) -> String {
    let id = funded(app, key).await;
    let input = json!({ "orderId": id, "carrier": "DHL", "trackingNumber": "JD0146" });
    assert_eq!(done(order_step(app, demo::SUPPLIER, "shipOrder", input).await)["status"], "SHIPPED");
    id
}

pub(crate) async fn read(app: &TestApp, token: &str, id: &str) -> Value {
    let query = "query($id: ID!) { order(id: $id) { status version deadline shipBy
        escrow { captured { amount } held { amount } released { amount } refunded { amount } due { amount } }
        payments { method status captured { amount } }
        refunds { status amount { amount } failure } unappliedFunds { reason amount { amount } refunded { amount } }
        shipment { carrier trackingNumber } feedback { productAsAgreed comment }
        events(first: 100) { nodes { sequence type actor } } } }";
    app.data(token, query, json!({ "id": id })).await["order"].take()
}

/// (debit, credit, amount, cause) of an order's transfers, ids cut from the accounts.
pub(crate) async fn transfers(app: &TestApp, order: Option<&str>) -> Vec<(String, String, String, String)> {
    let query = "query($id: ID) { ledger(orderId: $id, first: 100) { nodes { debit credit cause amount { amount currency } } } }";
    let data = app.data(demo::OPERATOR, query, json!({ "id": order })).await;
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let account = |value: &Value| text(value).split('_').next().expect("a kind").to_owned();
    let rows = data["ledger"]["nodes"].as_array().expect("rows").iter();
    rows.map(|row| {
        let amount = format!("{} {}", text(&row["amount"]["amount"]), text(&row["amount"]["currency"]));
        (account(&row["debit"]), account(&row["credit"]), amount, text(&row["cause"]))
    })
    .collect()
}

pub(crate) fn row(debit: &str, credit: &str, amount: &str, cause: &str) -> (String, String, String, String) {
    (debit.to_owned(), credit.to_owned(), amount.to_owned(), cause.to_owned())
}

pub(crate) fn event_types(order: &Value) -> Vec<&str> {
    let nodes = order["events"]["nodes"].as_array().expect("events");
    for (event, number) in nodes.iter().zip(1..) {
        assert_eq!(event["sequence"], number, "the timeline has no gap");
    }
    nodes.iter().map(|event| event["type"].as_str().expect("a type")).collect()
}

pub(crate) fn draft(order: &Value, key: &str, price: &str) -> Value {
    json!({ "idempotencyKey": key, "orderId": order, "shippingFee": "12.50", "shipWithinDays": 10, "transitDays": 20,
        "inspectionDays": 7, "incoterm": "CIF", "lines": [
            { "description": "LED strip, made to measure", "quantity": 30, "unit": "reel", "unitPrice": price },
            { "description": "Clips", "quantity": 250, "unit": "piece", "unitPrice": "1.85", "pricePerUnits": 100 } ] })
}

//! Whoever reads the schema is told what everything in it is, and it holds.

use ground::setting::Mode;
use secure_payment::graphql;
use secure_payment::party::demo;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::steps::{confirmed, order_step, shipped};
use crate::support::{TestApp, on_each_database};

on_each_database!(
    a_refused_list_takes_nothing_else_with_it,
    an_order_says_what_is_owed_and_by_when,
    the_hash_is_of_the_canonical_terms
);

async fn a_refused_list_takes_nothing_else_with_it(app: &TestApp) {
    let id = shipped(app, "k").await;
    let ids = vec![id.clone(); 101];
    let asked = "mutation($id: ID!) { confirmReceived(input: { orderId: $id }) { order { status events(first: 1000) { nodes { id } } } } }";
    let answer = app.graphql(demo::BUYER, asked, json!({ "id": id })).await;
    assert_eq!(
        answer["data"]["confirmReceived"]["order"],
        json!({ "status": "COMPLETED", "events": null }),
        "{answer:#}"
    );
    assert_eq!(answer["errors"][0]["path"], json!(["confirmReceived", "order", "events"]));
    let asked = "query($id: ID!, $ids: [ID!]!) { order(id: $id) { status } nodes(ids: $ids) { id } }";
    let answer = app.graphql(demo::BUYER, asked, json!({ "id": id, "ids": ids })).await;
    assert_eq!(answer["data"], json!({ "order": { "status": "COMPLETED" }, "nodes": null }), "{answer:#}");
    let asked = "{ products(first: 1) { nodes { sku priceTiers(currency: \"XXQ\") { minimumQuantity } } } }";
    let answer = app.graphql(None, asked, json!({})).await;
    assert_eq!(answer["data"]["products"]["nodes"][0]["priceTiers"], Value::Null);
    assert_eq!(answer["errors"][0]["extensions"]["code"], "CURRENCY_NOT_AVAILABLE");
}

async fn an_order_says_what_is_owed_and_by_when(app: &TestApp) {
    let asked = "query($id: ID!) { order(id: $id) { completedAt buyer { reference } escrow { due { minorUnits } }
        availableActions { action deadline } } }";
    let cancelled = confirmed(app, "cancelled").await;
    let of = async |token, id: &str| app.data(token, asked, json!({ "id": id })).await["order"].take();
    assert_ne!(of(demo::BUYER, &cancelled).await["escrow"]["due"]["minorUnits"], "0");
    order_step(app, demo::BUYER, "cancelOrder", json!({ "orderId": cancelled })).await;
    assert_eq!(of(demo::BUYER, &cancelled).await["escrow"]["due"]["minorUnits"], "0", "what has ended owes nothing");

    let id = shipped(app, "k").await;
    order_step(app, demo::BUYER, "confirmReceived", json!({ "orderId": id })).await;
    let order = of(demo::BUYER, &id).await;
    let moment =
        |value: &Value| -> chrono::DateTime<chrono::Utc> { value.as_str().expect("a time").parse().expect("RFC 3339") };
    assert_eq!(order["availableActions"][0]["action"], "LEAVE_FEEDBACK");
    let open_for = moment(&order["availableActions"][0]["deadline"]) - moment(&order["completedAt"]);
    assert_eq!(open_for, chrono::TimeDelta::days(30));
    for token in [demo::BUYER, demo::STOREFRONT, demo::OPERATOR] {
        assert!(of(token, &id).await["buyer"]["reference"].is_string(), "{token}");
    }
    assert_eq!(of(demo::SUPPLIER, &id).await["buyer"], Value::Null);
}

async fn the_hash_is_of_the_canonical_terms(app: &TestApp) {
    let id = confirmed(app, "k").await;
    let asked = "query($id: ID!) { order(id: $id) { contract { hash canonicalTerms } } }";
    let contract = app.data(demo::BUYER, asked, json!({ "id": id })).await["order"]["contract"].take();
    let terms = contract["canonicalTerms"].as_str().expect("a text");
    assert_eq!(contract["hash"], hex::encode(Sha256::digest(terms.as_bytes())));
}

const DESCRIPTIONS: &str = "{ __schema { types { name description
    fields(includeDeprecated: true) { name description args(includeDeprecated: true) { name description } }
    inputFields(includeDeprecated: true) { name description }
    enumValues(includeDeprecated: true) { name description } } } }";

#[tokio::test]
async fn everything_in_the_schema_has_a_description() {
    let answer = graphql::build(Mode::Sandbox).execute(DESCRIPTIONS).await;
    assert!(answer.errors.is_empty(), "{:?}", answer.errors);
    let schema = answer.data.into_json().expect("JSON");
    let mut silent = Vec::new();
    for of in list(&schema["__schema"]["types"]) {
        let type_name = name(of);
        if type_name.starts_with("__") {
            continue;
        }
        note(&mut silent, type_name.to_owned(), of);
        for part in ["fields", "inputFields", "enumValues"] {
            for member in list(&of[part]) {
                let path = format!("{type_name}.{}", name(member));
                for argument in list(&member["args"]) {
                    note(&mut silent, format!("{path}({}:)", name(argument)), argument);
                }
                note(&mut silent, path, member);
            }
        }
    }
    assert!(silent.is_empty(), "without a description: {silent:#?}");
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn name(of: &Value) -> &str {
    of["name"].as_str().expect("a name")
}

fn note(silent: &mut Vec<String>, path: String, of: &Value) {
    let described = of["description"].as_str().is_some_and(|text| !text.trim().is_empty());
    if !described {
        silent.push(path);
    }
}

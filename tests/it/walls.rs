//! Whose order it is, and whose turn. And, for everything in the schema, that nothing of another tenant exists: see `walls/`.

mod rules;
mod tenants;
mod world;

use secure_payment::party::demo;
use serde_json::{Value, json};

use crate::support::steps::{mutate, order_step, read, refused, shipped};
use crate::support::{TestApp, on_each_database};

on_each_database!(another_tenants_order_does_not_exist, only_whose_turn_it_is_may_act,);

async fn another_tenants_order_does_not_exist(app: &TestApp) {
    let id = shipped(app, "k").await;
    let session = mutate(
        app,
        demo::STOREFRONT,
        "createBuyerSession",
        "CreateBuyerSessionInput",
        json!({ "buyerReference": "other" }),
        "session { token } errors { code message path }",
    )
    .await;
    let other_buyer = session["session"]["token"].as_str().unwrap_or_else(|| panic!("{session:#}")).to_owned();
    let suppliers = app.data(None, "{ suppliers(first: 2) { nodes { id } } }", json!({})).await;
    let credential = mutate(
        app,
        demo::OPERATOR,
        "createCredential",
        "CreateCredentialInput",
        json!({ "role": "SUPPLIER", "subjectId": suppliers["suppliers"]["nodes"][1]["id"], "label": "test" }),
        "token errors { code message path }",
    )
    .await;
    let other_supplier = credential["token"].as_str().expect("a token").to_owned();
    let payment =
        app.data(demo::BUYER, "query($id: ID!) { order(id: $id) { payments { id } } }", json!({ "id": id })).await;
    let payment = payment["order"]["payments"][0]["id"].clone();

    for token in [other_buyer.as_str(), other_supplier.as_str()] {
        let seen = app
            .data(token, "query($id: ID!, $payment: ID!) { order(id: $id) { id } node(id: $id) { id } nodes(ids: [$id, $payment]) { id }
                payment(id: $payment) { id } paymentMethods(orderId: $id) { method } orders { nodes { id } } orderEvents { nodes { id } } }",
                json!({ "id": id, "payment": payment }))
            .await;
        assert_eq!(
            seen,
            json!({ "order": null, "node": null, "nodes": [null, null], "payment": null, "paymentMethods": null,
            "orders": { "nodes": [] }, "orderEvents": { "nodes": [] } })
        );
        let answer = order_step(app, token, "cancelOrder", json!({ "orderId": id })).await;
        refused(&answer, "NOT_FOUND");
        let answer = order_step(app, token, "confirmReceived", json!({ "orderId": id })).await;
        refused(&answer, "NOT_FOUND");
    }
    let nobody = app.graphql(None, "query($id: ID!) { order(id: $id) { id } }", json!({ "id": id })).await;
    assert_eq!(nobody["data"]["order"], Value::Null);
    let nobody = app
        .graphql(
            None,
            "mutation($id: ID!) { confirmReceived(input: { orderId: $id }) { errors { code } } }",
            json!({ "id": id }),
        )
        .await;
    assert_eq!(nobody["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
    for token in [demo::STOREFRONT, demo::BUYER, demo::SUPPLIER] {
        let ledger = app.graphql(token, "{ ledger { nodes { id } } }", json!({})).await;
        assert_eq!(ledger["errors"][0]["extensions"]["code"], "NOT_PERMITTED", "{ledger:#}");
    }
    assert_eq!(read(app, demo::STOREFRONT, &id).await["status"], "SHIPPED", "the storefront sees its buyers' orders");
}

async fn only_whose_turn_it_is_may_act(app: &TestApp) {
    let id = shipped(app, "k").await;
    for token in [demo::SUPPLIER, demo::OPERATOR, demo::STOREFRONT] {
        let answer = order_step(app, token, "confirmReceived", json!({ "orderId": id })).await;
        refused(&answer, "NOT_PERMITTED");
    }
    let answer = order_step(app, demo::BUYER, "cancelOrder", json!({ "orderId": id })).await;
    let message = refused(&answer, "INVALID_TRANSITION");
    assert!(message.contains("SHIPPED") && message.contains("confirmReceived"), "{message}");
    assert_eq!(read(app, demo::BUYER, &id).await["escrow"]["held"]["amount"], "128.00");
}

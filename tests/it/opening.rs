//! Payments at the provider: opened once, withdrawn in the end, and shown to whom they concern.

use chrono::TimeDelta;
use entity::sandbox_movement::{MovementKind, MovementStatus};
use secure_payment::party::demo;
use serde_json::{Value, json};

use crate::support::bank::{Node, Told, at_bank};
use crate::support::purchase::{QUANTITY, Shop, buy_now, cancel, pay, text};
use crate::support::{TestApp, on_each_database};

on_each_database!(
    what_is_between_the_buyer_and_the_storefront_is_not_the_suppliers_to_see,
    a_payment_whose_answer_was_lost_is_withdrawn_with_its_order,
    a_request_that_arrives_after_the_order_was_cancelled_is_withdrawn_too,
    a_repeated_pay_order_of_a_cancelled_order_opens_nothing,
);

async fn a_payment_whose_answer_was_lost_is_withdrawn_with_its_order(app: &TestApp) {
    let shop = Shop::of(app);
    let order = shop.place("k").await;
    let node = Node::new(app, |call| if call == "POST /payments" { Told::Lost } else { Told::Honest }).await;
    let payment = node.shop.done(&pay(&order, "pay")).await;
    assert_eq!((payment["status"].as_str(), &payment["nextAction"]), (Some("PENDING"), &Value::Null));
    assert_eq!(at_bank(app, MovementKind::Payment).await[0].status, MovementStatus::Open);
    shop.done(&cancel(&order)).await;
    app.drain().await;
    assert_eq!(at_bank(app, MovementKind::Payment).await[0].status, MovementStatus::Cancelled);
    assert_eq!(shop.order(&order).await["payments"][0]["status"], "CANCELLED");
}

async fn a_request_that_arrives_after_the_order_was_cancelled_is_withdrawn_too(app: &TestApp) {
    let shop = Shop::of(app);
    let (order, never) = (shop.place("k1").await, shop.place("k2").await);
    let node = Node::answering(app, Told::Bare(503)).await;
    let payment = text(&node.shop.done(&pay(&order, "pay 1")).await["id"]);
    node.shop.done(&pay(&never, "pay 2")).await;
    shop.done(&cancel(&order)).await;
    shop.done(&cancel(&never)).await;
    app.drain().await;
    assert_eq!(shop.order(&order).await["payments"][0]["status"], "PENDING", "the request may be on its way");

    let settings = &app.app().settings;
    let body = json!({ "reference": payment, "method": "VISA", "amount": { "amount": "128.00", "currency": "USD" },
        "description": "late", "notification_url": settings.notification_url("sandbox") });
    let key = secrecy::ExposeSecret::expose_secret(&settings.providers.sandbox.api_key);
    let sent = app.http().post(app.url("/sandbox/payments")).bearer_auth(key).json(&body).send().await;
    assert_eq!(sent.expect("an answer").status(), 200);
    for _day in 0..3 {
        app.clock().advance(TimeDelta::days(1));
        app.drain().await;
    }
    let movements = at_bank(app, MovementKind::Payment).await;
    assert_eq!(movements.iter().map(|row| row.status).collect::<Vec<_>>(), [MovementStatus::Cancelled]);
    for order in [order, never] {
        assert_eq!(shop.order(&order).await["payments"][0]["status"], "CANCELLED");
    }
}

async fn a_repeated_pay_order_of_a_cancelled_order_opens_nothing(app: &TestApp) {
    let shop = Shop::of(app);
    let order = shop.place("k").await;
    let node = Node::answering(app, Told::Bare(503)).await;
    let payment = node.shop.done(&pay(&order, "pay")).await;
    assert_eq!(*node.calls.borrow(), ["POST /payments"]);
    shop.done(&cancel(&order)).await;
    let node = Node::answering(app, Told::Honest).await;
    let again = node.shop.done(&pay(&order, "pay")).await;
    assert_eq!((&again["id"], &again["nextAction"]), (&payment["id"], &Value::Null));
    assert_eq!(*node.calls.borrow(), Vec::<String>::new());
    app.clock().advance(TimeDelta::days(2));
    app.drain().await;
    assert_eq!(node.shop.done(&pay(&order, "pay")).await["status"], "CANCELLED");
    assert_eq!(*node.calls.borrow(), Vec::<String>::new());
    assert_eq!(at_bank(app, MovementKind::Payment).await, []);
}

async fn what_is_between_the_buyer_and_the_storefront_is_not_the_suppliers_to_see(app: &TestApp) {
    let shop = Shop::of(app);
    let mut step = buy_now("buy", &shop.product().await, QUANTITY);
    step.input["clientReference"] = json!("PO-77");
    step.input["metadata"] = json!([{ "key": "margin", "value": "40%" }]);
    let order = text(&shop.done(&step).await["id"]);
    shop.done(&crate::support::purchase::confirm(&order)).await;
    let (payment, checkout) = shop.pay(&order, "k").await;
    let query = "query($id: ID!, $payment: ID!) {
        order(id: $id) { clientReference metadata { key value } payments { nextAction { ... on RedirectAction { url } } } }
        payment(id: $payment) { nextAction { ... on RedirectAction { url } } }
        orders(filter: { clientReference: \"PO-77\" }) { nodes { id } } }";
    let see = async |token| shop.read(token, query, json!({ "id": order, "payment": payment })).await;
    for token in [demo::BUYER, demo::STOREFRONT] {
        let action = json!({ "nextAction": { "url": checkout } });
        assert_eq!(
            see(token).await,
            json!({ "order": { "clientReference": "PO-77", "metadata": [{ "key": "margin", "value": "40%" }],
                "payments": [action] }, "payment": action, "orders": { "nodes": [{ "id": order }] } })
        );
    }
    let nothing = json!({ "nextAction": null });
    let seen = see(demo::SUPPLIER).await;
    assert_eq!(
        seen,
        json!({ "order": { "clientReference": null, "metadata": [], "payments": [nothing] }, "payment": nothing,
            "orders": { "nodes": [] } })
    );
    let seen = see(demo::OPERATOR).await;
    assert_eq!((&seen["payment"], &seen["order"]["payments"][0]), (&nothing, &nothing));
}

//! Money that was set aside, and what operators do about it.

use entity::payout::PayoutStatus;
use futures_util::future::join_all;
use provider::{ChargebackStage, Fact, Remitter};
use secure_payment::config::Settings;
use secure_payment::party::demo;
use secure_payment::payment;
use serde_json::{Value, json};

use crate::support::bank::{
    demo_supplier, funded, news, payouts, requested_payout, serve, status, tell, the_payment, the_payout,
};
use crate::support::purchase::{Shop, codes, confirm_received, ship, text};
use crate::support::steps::mutate;
use crate::support::trouble::chargebacks;
use crate::support::{TestApp, on_each_database};

on_each_database!(
    an_operator_applies_money_of_unknown_reference_to_the_order_it_was_meant_for,
    no_more_is_taken_back_than_came_once_it_is_applied,
    money_that_does_not_fit_an_order_is_not_applied_to_it,
    money_of_nobody_goes_back_by_four_eyes_and_once,
    a_payout_that_no_provider_makes_is_paid_by_four_eyes,
    a_payout_that_came_back_is_owed_again_and_waits,
);

const UNAPPLIED: &str = "{ unappliedFunds(first: 100) { nodes { id reason amount { amount } left { amount }
    applied { amount } refunded { amount } orderId remitter { name account text } } } }";

/// Money that came with this reference; its id.
async fn stray(app: &TestApp, id: &str, (amount, currency): (&str, &str)) -> String {
    tell(app, id, &news("payment.succeeded", (id, "nobody"), (amount, currency), None)).await;
    app.drain().await;
    text(&unapplied(app).await.last().expect("one")["id"])
}

async fn unapplied(app: &TestApp) -> Vec<Value> {
    let data = app.data(demo::OPERATOR, UNAPPLIED, json!({})).await;
    data["unappliedFunds"]["nodes"].as_array().expect("a list").clone()
}

async fn act(app: &TestApp, token: &str, name: &str, input: Value, fields: &str) -> Value {
    let kind = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
    mutate(app, token, name, &kind, input, &format!("{fields} errors {{ code path message }}")).await
}

fn problem(answer: &Value) -> (String, String) {
    let path = answer["errors"][0]["path"].as_array().map(|path| path.iter().map(text).collect::<Vec<_>>().join("."));
    (codes(answer).join(","), path.unwrap_or_default())
}

async fn an_operator_applies_money_of_unknown_reference_to_the_order_it_was_meant_for(app: &TestApp) {
    let shop = Shop::of(app);
    let order = shop.place("k").await;
    let (payment, _) = shop.pay(&order, "k").await;
    let money = stray(app, "m1", ("150.00", "USD")).await;
    let input = json!({ "idempotencyKey": "once", "unappliedFundsId": money, "orderId": order });
    for token in [demo::BUYER, demo::SUPPLIER, demo::STOREFRONT] {
        let refused = act(app, token, "applyFunds", input.clone(), "").await;
        assert_eq!(codes(&refused), ["NOT_PERMITTED"], "{token}");
    }
    for _again in 0..2 {
        let applied = act(app, demo::OPERATOR, "applyFunds", input.clone(), "order { status }").await;
        assert_eq!(applied["order"]["status"], "FUNDED", "{applied:#}");
    }
    assert_eq!(the_payment(app, &payment).await.captured.0, 12_800);
    let rest = &unapplied(app).await[0];
    assert_eq!((&rest["left"]["amount"], &rest["applied"]["amount"]), (&json!("22.00"), &json!("128.00")));
    assert_eq!(rest["orderId"], json!(order), "the rest is the same buyer's");
    let seen = shop.order(&order).await;
    assert!(seen["events"]["nodes"].as_array().expect("events").iter().any(|event| event["type"] == "funds.applied"));
    let causes: Vec<_> = shop.transfers(Some(&order)).await.into_iter().map(|(cause, ..)| cause).collect();
    assert_eq!(causes, ["funds.applied"]);
    // Told once more by the bank, by whatever name: it is booked.
    tell(app, "m1-again", &news("payment.succeeded", ("m1", &payment), ("150.00", "USD"), None)).await;
    app.drain().await;
    assert_eq!(shop.transfers(None).await.len(), 2);
    // The rest goes back as the payment's rail does.
    let back =
        act(app, demo::OPERATOR, "refundUnapplied", json!({ "unappliedFundsId": money }), "order { id } refund { id }")
            .await;
    assert_eq!((&back["order"]["id"], &back["refund"]), (&json!(order), &Value::Null), "{back:#}");
    assert_eq!(unapplied(app).await, Vec::<Value>::new());
    let again = act(app, demo::OPERATOR, "refundUnapplied", json!({ "unappliedFundsId": money }), "").await;
    assert_eq!(codes(&again), ["INVALID_TRANSITION"]);
    app.drain().await;
}

/// What was set aside and then applied came once, and can be taken back once.
async fn no_more_is_taken_back_than_came_once_it_is_applied(app: &TestApp) {
    let shop = Shop::of(app);
    let order = shop.place("k").await;
    let (payment, _) = shop.pay(&order, "k").await;
    let money = stray(app, "m1", ("150.00", "USD")).await;
    let applied =
        act(app, demo::OPERATOR, "applyFunds", json!({ "unappliedFundsId": money, "orderId": order }), "").await;
    assert_eq!(codes(&applied), <[&str; 0]>::default());
    let provider = app.app().providers.find("sandbox").expect("there");
    let claim = |amount: &str| Fact::Chargeback {
        reference: payment.clone(),
        chargeback: amount.to_owned(),
        amount: Some(entity::Money::exact(amount, "USD").expect("exact")),
        stage: ChargebackStage::Opened,
        reason: "fraudulent".to_owned(),
    };
    for (amount, fits) in [("150.01", false), ("150.00", true)] {
        let told = payment::apply_fact(app.app(), provider.as_ref(), claim(amount), app.clock().now()).await;
        assert_eq!(told.expect("told"), payment::Applied::Done, "{amount}");
        let known =
            chargebacks(app, &order).await.into_iter().find(|row| row.reference == amount).expect("it is known");
        assert_eq!((known.booked, known.problem.is_none()), (fits, fits), "{amount}");
    }
}

async fn money_that_does_not_fit_an_order_is_not_applied_to_it(app: &TestApp) {
    let shop = Shop::of(app);
    let (order, other) = (shop.place("k").await, shop.place("l").await);
    let (payment, _) = shop.pay(&order, "k").await;
    shop.pay(&other, "l").await;
    let euros = stray(app, "m1", ("128.00", "EUR")).await;
    let apply = async |input: Value| problem(&act(app, demo::OPERATOR, "applyFunds", input, "").await);
    let refused = apply(json!({ "unappliedFundsId": euros, "orderId": order })).await;
    assert_eq!(refused, ("INVALID_INPUT".to_owned(), "input.unappliedFundsId".to_owned()));
    let dollars = stray(app, "m2", ("200.00", "USD")).await;
    let refused = apply(json!({ "unappliedFundsId": dollars, "orderId": other, "paymentId": payment })).await;
    assert_eq!(refused, ("INVALID_INPUT".to_owned(), "input.paymentId".to_owned()), "a payment of another order");
    assert_eq!(apply(json!({ "unappliedFundsId": dollars, "orderId": order })).await.0, "");
    let refused = apply(json!({ "unappliedFundsId": dollars, "orderId": other })).await;
    assert_eq!(refused, ("INVALID_INPUT".to_owned(), "input.unappliedFundsId".to_owned()), "it is the first order's");
    assert_eq!(status(&shop, &other).await, "AWAITING_PAYMENT");
    let refused = apply(json!({ "unappliedFundsId": euros, "orderId": order })).await;
    assert_eq!(refused.0, "INVALID_TRANSITION", "it is funded");
}

async fn money_of_nobody_goes_back_by_four_eyes_and_once(app: &TestApp) {
    let provider = app.app().providers.find("sandbox").expect("there");
    let remitter =
        Remitter { name: Some("Loja Azul".to_owned()), account: None, text: Some("for the goods".to_owned()) };
    let fact = Fact::PaymentCaptured {
        references: Vec::new(),
        provider_reference: None,
        movement: "m1".to_owned(),
        amount: entity::Money::exact("12.34", "EUR").expect("exact"),
        remitter: Some(remitter),
    };
    payment::apply_fact(app.app(), provider.as_ref(), fact, app.clock().now()).await.expect("applied");
    let seen = unapplied(app).await.remove(0);
    assert_eq!(seen["remitter"], json!({ "name": "Loja Azul", "account": null, "text": "for the goods" }));
    let money = text(&seen["id"]);
    let refund = "refund { id status payTo { iban } }";
    let back = |input: Value| act(app, demo::OPERATOR, "refundUnapplied", input, refund);
    let without = back(json!({ "unappliedFundsId": money })).await;
    assert_eq!(problem(&without), ("PAYEE_DETAILS_REQUIRED".to_owned(), "input.account".to_owned()));
    let account = json!({ "accountHolder": "Loja Azul", "country": "DE", "iban": "DE89370400440532013000" });
    let input = json!({ "idempotencyKey": "once", "unappliedFundsId": money, "account": account });
    let made = back(input.clone()).await;
    let iban = json!({ "iban": "DE89370400440532013000" });
    assert_eq!((&made["refund"]["status"], &made["refund"]["payTo"]), (&json!("APPROVAL_REQUIRED"), &iban));
    assert_eq!(back(input).await["refund"]["id"], made["refund"]["id"], "the same again is the same");
    assert_eq!(unapplied(app).await, Vec::<Value>::new());
    let id = text(&made["refund"]["id"]);
    let settle = async |token, name: &str, more: Value| {
        let mut input = json!({ "refundId": id });
        input.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        act(app, token, name, input, refund).await
    };
    let own = settle(demo::OPERATOR, "approveManualRefund", json!({ "account": "DE89370400440532013000" })).await;
    assert_eq!(codes(&own), ["NOT_PERMITTED"], "four eyes");
    let early = settle(demo::OPERATOR, "confirmManualRefund", json!({ "bankReference": "B1" })).await;
    assert_eq!(codes(&early), ["INVALID_TRANSITION"]);
    for unseen in [json!({}), json!({ "account": "DE02120300000000202051" })] {
        let refused = settle(demo::SECOND_OPERATOR, "approveManualRefund", unseen).await;
        assert_eq!(problem(&refused), ("INVALID_INPUT".to_owned(), "input.account".to_owned()), "what was not read");
    }
    let read = json!({ "account": "DE89 3704 0044 0532 0130 00" });
    let approved = settle(demo::SECOND_OPERATOR, "approveManualRefund", read).await;
    assert_eq!(approved["refund"]["payTo"]["iban"], "DE89370400440532013000");
    let paid = settle(demo::OPERATOR, "confirmManualRefund", json!({ "bankReference": "B1" })).await;
    assert_eq!(paid["refund"]["status"], "SUCCEEDED");
    // It came back: asked for again, to another account.
    let rejected = settle(demo::OPERATOR, "rejectManualRefund", json!({ "reason": "returned" })).await;
    assert_eq!(rejected["refund"]["status"], "ACTION_REQUIRED");
    let other = json!({ "accountHolder": "Loja Azul", "country": "DE", "iban": "DE02120300000000202051" });
    settle(demo::SECOND_OPERATOR, "requestManualRefund", json!({ "account": other })).await;
    let read = json!({ "account": "DE02120300000000202051" });
    let approved = settle(demo::OPERATOR, "approveManualRefund", read).await;
    assert_eq!(approved["refund"]["payTo"]["iban"], "DE02120300000000202051");
    let twice = settle(demo::OPERATOR, "confirmManualRefund", json!({ "bankReference": "b 1" })).await;
    assert_eq!(problem(&twice), ("ALREADY_EXISTS".to_owned(), "input.bankReference".to_owned()));
    settle(demo::OPERATOR, "confirmManualRefund", json!({ "bankReference": "B2" })).await;
    let query = "query($id: ID!) { refund(id: $id) { status payTo { iban } } }";
    let seen = app.data(demo::OPERATOR, query, json!({ "id": id })).await;
    assert_eq!(seen["refund"], json!({ "status": "SUCCEEDED", "payTo": null }));
    assert_eq!(app.data(demo::BUYER, query, json!({ "id": id })).await["refund"], Value::Null);
    let causes: Vec<_> = Shop::of(app).transfers(None).await.into_iter().map(|(cause, ..)| cause).collect();
    let expected = ["funds.unapplied", "refund.requested", "refund.succeeded", "refund.failed", "refund.succeeded"];
    assert_eq!(causes, expected);
}

async fn a_payout_that_no_provider_makes_is_paid_by_four_eyes(app: &TestApp) {
    let settings = Settings { payouts: Some("manual".to_owned()), ..(*app.app().settings).clone() };
    let (node, shop) = serve(app, settings).await;
    let order = funded(app, &shop, "k").await;
    shop.done(&ship(&order)).await;
    shop.done(&confirm_received(&order)).await;
    payment::request_payout(&node, demo_supplier(app).await, entity::Currency::USD).await.expect("goes");
    let waiting = the_payout(app).await;
    assert_eq!((waiting.status, waiting.provider.as_str()), (PayoutStatus::ActionRequired, "manual"));
    app.drain().await;
    let list = "query { payouts(statuses: [ACTION_REQUIRED]) { nodes { id status payTo { iban } } } }";
    assert_eq!(app.data(demo::OPERATOR, list, json!({})).await["payouts"]["nodes"].as_array().expect("nodes").len(), 1);
    let id = waiting.id.to_string();
    let fields = "payout { status failure payTo { accountHolder } }";
    let settle = async |token, name: &str, more: Value| {
        let mut input = json!({ "payoutId": id });
        input.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        act(app, token, name, input, fields).await
    };
    // Each step fifty times at once.
    let once = async |token, name: &str, mut more: Value| {
        more["idempotencyKey"] = json!(name);
        let answers = join_all((0..50).map(|_| settle(token, name, more.clone()))).await;
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{name}: {answers:#?}");
        assert_eq!(codes(&answers[0]), Vec::<String>::new(), "{name}");
        answers.into_iter().next().expect("one")
    };
    for token in [demo::SUPPLIER, demo::BUYER, demo::STOREFRONT] {
        assert_eq!(codes(&settle(token, "requestManualPayout", json!({})).await), ["NOT_PERMITTED"], "{token}");
    }
    let early = settle(demo::SECOND_OPERATOR, "approveManualPayout", json!({})).await;
    assert_eq!(codes(&early), ["INVALID_TRANSITION"]);
    let asked = once(demo::OPERATOR, "requestManualPayout", json!({})).await;
    assert_eq!((&asked["payout"]["status"], &asked["payout"]["payTo"]), (&json!("APPROVAL_REQUIRED"), &Value::Null));
    assert_eq!(codes(&settle(demo::OPERATOR, "approveManualPayout", json!({})).await), ["NOT_PERMITTED"]);
    let approved = once(demo::SECOND_OPERATOR, "approveManualPayout", json!({})).await;
    assert!(approved["payout"]["payTo"]["accountHolder"].is_string(), "{approved:#}");
    let seen = app.data(demo::SUPPLIER, "query { payouts { nodes { status payTo { iban } } } }", json!({})).await;
    assert_eq!(seen["payouts"]["nodes"], json!([{ "status": "PENDING", "payTo": null }]));
    let paid = once(demo::OPERATOR, "confirmManualPayout", json!({ "bankReference": "B7" })).await;
    assert_eq!(paid["payout"]["status"], "PAID", "{paid:#}");
    let causes: Vec<_> = shop.transfers(None).await.into_iter().map(|(cause, ..)| cause).collect();
    assert_eq!(&causes[causes.len() - 2..], ["payout.requested", "payout.paid"]);
    let back = once(demo::OPERATOR, "rejectManualPayout", json!({ "reason": "account closed" })).await;
    assert_eq!((&back["payout"]["status"], &back["payout"]["failure"]), (&json!("RETURNED"), &json!("account closed")));
    let balance = app.data(demo::SUPPLIER, "query { supplierBalance { amount } }", json!({})).await;
    assert_eq!(balance["supplierBalance"][0]["amount"], "124.80");
}

async fn a_payout_that_came_back_is_owed_again_and_waits(app: &TestApp) {
    let shop = Shop::of(app);
    let id = requested_payout(app, &shop).await;
    app.drain().await;
    assert_eq!(the_payout(app).await.status, PayoutStatus::Paid);
    let provider = app.app().providers.find("sandbox").expect("there");
    let returned = |movement: &str, amount: &str| Fact::PayoutReturned {
        reference: id.to_string(),
        movement: movement.to_owned(),
        amount: entity::Money::exact(amount, "USD").expect("exact"),
        reason: "AC04 closed account 12345678".to_owned(),
    };
    let apply =
        async |fact| payment::apply_fact(app.app(), provider.as_ref(), fact, app.clock().now()).await.expect("goes");
    assert!(matches!(apply(returned("r1", "125.00")).await, payment::Applied::NotOurs(_)), "more than was sent");
    for movement in ["r1", "r1", "r2"] {
        assert_eq!(apply(returned(movement, "124.80")).await, payment::Applied::Done);
    }
    let row = the_payout(app).await;
    assert_eq!((row.status, row.failure.as_deref()), (PayoutStatus::Returned, Some("AC04 closed account •••")));
    let balance = async || {
        let data = app.data(demo::SUPPLIER, "query { supplierBalance { amount } }", json!({})).await;
        data["supplierBalance"][0]["amount"].clone()
    };
    assert_eq!(balance().await, "124.80");
    // The account can't be paid: nothing more is sent there, whatever is released …
    let request = async || payment::request_payout(app.app(), demo_supplier(app).await, entity::Currency::USD).await;
    request().await.expect("goes");
    assert_eq!(payouts(app).await.len(), 1);
    // … until an operator says that it can.
    let supplier = demo_supplier(app).await.to_string();
    act(app, demo::OPERATOR, "verifySupplier", json!({ "supplierId": supplier }), "").await;
    app.drain().await;
    assert_eq!(
        payouts(app).await.iter().map(|row| row.status).collect::<Vec<_>>(),
        [PayoutStatus::Returned, PayoutStatus::Paid]
    );
}

//! The whole purchase, both ways, over HTTP: through the real checkout page and the real webhook, to the last cent.

use chrono::TimeDelta;
use secure_payment::party::demo;
use serde_json::{Value, json};

use crate::support::{TestApp, on_each_database};

on_each_database!(
    a_buyer_buys_now_and_every_transfer_is_in_the_ledger,
    a_buyer_asks_for_a_draft_and_confirms_its_second_version,
    a_supplier_drafts_for_the_buyer_of_a_conversation,
    late_money_of_a_cancelled_order_is_set_aside_and_sent_back,
    a_second_payment_of_a_funded_order_goes_back,
    a_declined_payment_can_be_tried_again,
    an_order_nobody_acts_on_ends_by_itself_however_late_the_worker_is,
    a_refund_that_the_bank_declines_stays_the_buyers_and_is_shown,
    a_payout_waits_for_a_verified_supplier_with_an_account,
    another_tenants_order_does_not_exist,
    only_whose_turn_it_is_may_act,
    wrong_input_is_named_with_its_path_and_changes_nothing,
    amounts_are_exact_from_end_to_end,
    the_same_key_answers_the_same_and_another_input_is_refused,
    a_stale_version_is_refused,
    stock_is_reserved_at_confirmation_and_given_back,
    a_return_url_must_be_of_the_storefronts_origins,
);

const ORDER: &str = "order { id number status version contract { version hash total { amount currency } }
    escrow { captured { amount } held { amount } released { amount } refunded { amount } due { amount } }
    availableActions { action consequence } } errors { code message path }";

fn address() -> Value {
    json!({ "name": "Loja Azul", "line1": "Rua das Flores 10", "city": "Recife", "postalCode": "50010-000", "country": "BR" })
}

/// Runs a mutation; what it answers under its name, errors included.
async fn mutate(app: &TestApp, token: &str, name: &str, kind: &str, input: Value, fields: &str) -> Value {
    let query = format!("mutation($input: {kind}!) {{ {name}(input: $input) {{ {fields} }} }}");
    app.data(token, &query, json!({ "input": input })).await[name].take()
}

async fn order_step(app: &TestApp, token: &str, name: &str, input: Value) -> Value {
    let kind = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
    mutate(app, token, name, &kind, input, ORDER).await
}

/// The mutation must have been done.
fn done(mut answer: Value) -> Value {
    assert_eq!(answer["errors"], json!([]), "{answer:#}");
    answer["order"].take()
}

/// The mutation must have been refused, with just this.
fn refused(answer: &Value, code: &str) -> String {
    assert_eq!(answer["errors"].as_array().map(Vec::len), Some(1), "{answer:#}");
    assert_eq!(answer["errors"][0]["code"], code, "{answer:#}");
    answer["errors"][0]["message"].as_str().expect("a message").to_owned()
}

async fn first_product(app: &TestApp) -> Value {
    let query = "{ products(search: \"5m waterproof led strip\", first: 1) { nodes { id supplier { id } available
        priceTiers(currency: \"USD\") { minimumQuantity unitPrice { amount } } } } }";
    app.data(None, query, json!({})).await["products"]["nodes"][0].take()
}

async fn buy_now(app: &TestApp, key: &str, quantity: i64) -> Value {
    let product = first_product(app).await;
    let input = json!({ "idempotencyKey": key, "productId": product["id"], "quantity": quantity, "shippingAddress": address() });
    done(order_step(app, demo::BUYER, "buyNow", input).await)
}

async fn confirmed(app: &TestApp, key: &str) -> String {
    let order = buy_now(app, key, 20).await;
    let id = order["id"].as_str().expect("an id").to_owned();
    done(order_step(app, demo::BUYER, "confirmOrder", json!({ "orderId": id, "contractVersion": 1 })).await);
    id
}

async fn pay(app: &TestApp, order: &str, key: &str, method: &str) -> Value {
    let input = json!({ "idempotencyKey": key, "orderId": order, "method": method });
    let fields = "payment { id status failure nextAction { __typename ... on RedirectAction { url } } } errors { code message path }";
    let mut answer = mutate(app, demo::BUYER, "payOrder", "PayOrderInput", input, fields).await;
    assert_eq!(answer["errors"], json!([]), "{answer:#}");
    answer["payment"].take()
}

fn checkout_url(payment: &Value) -> String {
    payment["nextAction"]["url"].as_str().unwrap_or_else(|| panic!("a url: {payment:#}")).to_owned()
}

/// Presses a button of the checkout page, as a browser would.
async fn press(app: &TestApp, url: &str, decision: &str) {
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

async fn funded(app: &TestApp, key: &str) -> String {
    let id = confirmed(app, key).await;
    let payment = pay(app, &id, &format!("{key}-pay"), "VISA").await;
    press(app, &checkout_url(&payment), "approve").await;
    app.drain().await;
    id
}

async fn shipped(app: &TestApp, key: &str) -> String {
    let id = funded(app, key).await;
    let input = json!({ "orderId": id, "carrier": "DHL", "trackingNumber": "JD0146" });
    assert_eq!(done(order_step(app, demo::SUPPLIER, "shipOrder", input).await)["status"], "SHIPPED");
    id
}

async fn read(app: &TestApp, token: &str, id: &str) -> Value {
    let query = "query($id: ID!) { order(id: $id) { status version deadline shipBy
        escrow { captured { amount } held { amount } released { amount } refunded { amount } due { amount } }
        payments { method status captured { amount } }
        refunds { status amount { amount } failure } unappliedFunds { reason amount { amount } refunded { amount } }
        shipment { carrier trackingNumber } feedback { productAsAgreed comment }
        events(first: 100) { nodes { sequence type actor } } } }";
    app.data(token, query, json!({ "id": id })).await["order"].take()
}

/// (debit, credit, amount, cause) of an order's transfers, ids cut from the accounts.
async fn transfers(app: &TestApp, order: Option<&str>) -> Vec<(String, String, String, String)> {
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

fn row(debit: &str, credit: &str, amount: &str, cause: &str) -> (String, String, String, String) {
    (debit.to_owned(), credit.to_owned(), amount.to_owned(), cause.to_owned())
}

fn event_types(order: &Value) -> Vec<&str> {
    let nodes = order["events"]["nodes"].as_array().expect("events");
    for (event, number) in nodes.iter().zip(1..) {
        assert_eq!(event["sequence"], number, "the timeline has no gap");
    }
    nodes.iter().map(|event| event["type"].as_str().expect("a type")).collect()
}

async fn a_buyer_buys_now_and_every_transfer_is_in_the_ledger(app: &TestApp) {
    let order = buy_now(app, "k1", 20).await;
    let id = order["id"].as_str().expect("an id");
    assert_eq!(order["status"], "AWAITING_CONFIRMATION");
    assert_eq!(order["contract"]["total"], json!({ "amount": "128.00", "currency": "USD" }));
    let actions: Vec<&str> = order["availableActions"]
        .as_array()
        .expect("actions")
        .iter()
        .filter_map(|action| action["action"].as_str())
        .collect();
    assert_eq!(actions, ["CONFIRM_ORDER", "CANCEL_ORDER"]);

    let order =
        done(order_step(app, demo::BUYER, "confirmOrder", json!({ "orderId": id, "contractVersion": 1 })).await);
    assert_eq!(
        (order["status"].as_str(), order["escrow"]["due"]["amount"].as_str()),
        (Some("AWAITING_PAYMENT"), Some("128.00"))
    );
    let payment = pay(app, id, "k2", "VISA").await;
    assert_eq!(payment["status"], "PENDING");
    press(app, &checkout_url(&payment), "approve").await;
    app.drain().await;
    let order = read(app, demo::BUYER, id).await;
    assert_eq!(
        (order["status"].as_str(), order["escrow"]["held"]["amount"].as_str()),
        (Some("FUNDED"), Some("128.00"))
    );
    assert_eq!(order["deadline"], order["shipBy"]);

    let input = json!({ "orderId": id, "carrier": "DHL", "trackingNumber": "JD0146" });
    done(order_step(app, demo::SUPPLIER, "shipOrder", input).await);
    let order = done(order_step(app, demo::BUYER, "confirmReceived", json!({ "orderId": id })).await);
    assert_eq!(order["status"], "COMPLETED");
    assert_eq!(order["escrow"]["held"]["amount"], "0.00");
    assert_eq!(order["escrow"]["released"]["amount"], "128.00");
    leaves_feedback_once(app, id).await;
    app.drain().await;

    assert_eq!(
        transfers(app, None).await,
        [
            row("provider/sandbox", "escrow/order", "128.00 USD", "payment.captured"),
            row("escrow/order", "supplier/supplier", "124.80 USD", "funds.released"),
            row("escrow/order", "fees", "3.20 USD", "funds.released"),
            row("supplier/supplier", "payout/payout", "124.80 USD", "payout.requested"),
            row("payout/payout", "provider/sandbox", "124.80 USD", "payout.paid"),
        ]
    );
    let order = read(app, demo::BUYER, id).await;
    assert_eq!(
        event_types(&order),
        [
            "contract.drafted",
            "order.confirmed",
            "payment.opened",
            "payment.captured",
            "order.funded",
            "order.shipped",
            "receipt.confirmed",
            "funds.released",
            "order.completed",
            "feedback.left",
        ]
    );
    assert_eq!(order["shipment"]["trackingNumber"], "JD0146");
}

async fn leaves_feedback_once(app: &TestApp, id: &str) {
    let feedback = json!({ "orderId": id, "productAsAgreed": 5, "communication": 5, "shippingTime": 4, "comment": "As described 👍" });
    let left = mutate(
        app,
        demo::BUYER,
        "leaveFeedback",
        "LeaveFeedbackInput",
        feedback.clone(),
        "feedback { comment } errors { code message }",
    )
    .await;
    assert_eq!(left["feedback"]["comment"], "As described 👍");
    let again =
        mutate(app, demo::BUYER, "leaveFeedback", "LeaveFeedbackInput", feedback, "errors { code message path }").await;
    refused(&again, "ALREADY_EXISTS");
}

fn draft(order: &Value, key: &str, price: &str) -> Value {
    json!({ "idempotencyKey": key, "orderId": order, "shippingFee": "12.50", "shipWithinDays": 10, "transitDays": 20,
        "inspectionDays": 7, "incoterm": "CIF", "lines": [
            { "description": "LED strip, made to measure", "quantity": 30, "unit": "reel", "unitPrice": price },
            { "description": "Clips", "quantity": 250, "unit": "piece", "unitPrice": "1.85", "pricePerUnits": 100 } ] })
}

async fn a_buyer_asks_for_a_draft_and_confirms_its_second_version(app: &TestApp) {
    let product = first_product(app).await;
    let input = json!({ "idempotencyKey": "r1", "supplierId": product["supplier"]["id"], "productId": product["id"], "quantity": 30,
        "currency": "USD", "message": "30 reels, cut to 4 m", "shippingAddress": address(), "clientReference": "PO-77",
        "metadata": [{ "key": "channel", "value": "web" }] });
    let order = done(order_step(app, demo::BUYER, "requestDraft", input).await);
    let id = order["id"].clone();
    assert_eq!((order["status"].as_str(), &order["contract"]), (Some("DRAFT_REQUESTED"), &Value::Null));

    let first = done(order_step(app, demo::SUPPLIER, "draftOrder", draft(&id, "d1", "6.00")).await);
    // 30 × 6.00 + 250 × 1.85 / 100 (4.625, half-even 4.62) + 12.50
    assert_eq!(first["contract"]["total"]["amount"], "197.12");
    let second = done(order_step(app, demo::SUPPLIER, "draftOrder", draft(&id, "d2", "5.50")).await);
    assert_eq!(
        (second["contract"]["version"].as_i64(), second["contract"]["total"]["amount"].as_str()),
        (Some(2), Some("182.12"))
    );
    assert_ne!(first["contract"]["hash"], second["contract"]["hash"]);

    let stale = order_step(app, demo::BUYER, "confirmOrder", json!({ "orderId": id, "contractVersion": 1 })).await;
    assert!(refused(&stale, "STALE_VERSION").contains("version 2"));
    done(order_step(app, demo::BUYER, "confirmOrder", json!({ "orderId": id, "contractVersion": 2 })).await);
    let id = id.as_str().expect("an id");
    let payment = pay(app, id, "p", "ALIPAY").await;
    press(app, &checkout_url(&payment), "approve").await;
    app.drain().await;
    done(
        order_step(app, demo::SUPPLIER, "shipOrder", json!({ "orderId": id, "carrier": "SF", "trackingNumber": "1" }))
            .await,
    );
    done(order_step(app, demo::BUYER, "confirmReceived", json!({ "orderId": id })).await);
    app.drain().await;
    // The fee is 2.5 %: 4.553, half-even 4.55.
    assert_eq!(
        transfers(app, Some(id)).await,
        [
            row("provider/sandbox", "escrow/order", "182.12 USD", "payment.captured"),
            row("escrow/order", "supplier/supplier", "177.57 USD", "funds.released"),
            row("escrow/order", "fees", "4.55 USD", "funds.released"),
        ]
    );
    let found = app
        .data(
            demo::STOREFRONT,
            "{ orders(filter: { clientReference: \"PO-77\" }) { nodes { id status metadata { key value } } } }",
            json!({}),
        )
        .await;
    assert_eq!(
        found["orders"]["nodes"],
        json!([{ "id": id, "status": "COMPLETED", "metadata": [{ "key": "channel", "value": "web" }] }])
    );
}

async fn a_supplier_drafts_for_the_buyer_of_a_conversation(app: &TestApp) {
    let product = first_product(app).await;
    let input = json!({ "supplierId": product["supplier"]["id"], "productId": product["id"], "text": "Could you make 4 m reels?" });
    let conversation = mutate(
        app,
        demo::BUYER,
        "contactSupplier",
        "ContactSupplierInput",
        input,
        "conversation { id } errors { code message }",
    )
    .await;
    let mut input = draft(&Value::Null, "d1", "6.00");
    input["conversationId"] = conversation["conversation"]["id"].clone();
    input["currency"] = json!("EUR");
    let missing = order_step(app, demo::SUPPLIER, "draftOrder", input.clone()).await;
    refused(&missing, "INVALID_INPUT");
    assert_eq!(missing["errors"][0]["path"], json!(["input", "shippingAddress"]));
    input["shippingAddress"] = address();
    let order = done(order_step(app, demo::SUPPLIER, "draftOrder", input).await);
    assert_eq!(order["contract"]["total"]["currency"], "EUR");
    let seen = read(app, demo::BUYER, order["id"].as_str().expect("an id")).await;
    assert_eq!(seen["status"], "AWAITING_CONFIRMATION");
}

async fn late_money_of_a_cancelled_order_is_set_aside_and_sent_back(app: &TestApp) {
    let id = confirmed(app, "k").await;
    let payment = pay(app, &id, "p", "BANK_TRANSFER").await;
    press(app, &checkout_url(&payment), "approve_later").await;
    app.drain().await;
    let cancelled = done(order_step(app, demo::BUYER, "cancelOrder", json!({ "orderId": id })).await);
    assert_eq!(cancelled["status"], "CANCELLED");
    app.drain().await;
    assert_eq!(transfers(app, None).await, []);

    app.clock().advance(TimeDelta::seconds(61));
    app.drain().await;
    assert_eq!(
        transfers(app, None).await,
        [
            row("provider/sandbox", "unapplied/receipt", "128.00 USD", "funds.unapplied"),
            row("unapplied/receipt", "refund/refund", "128.00 USD", "refund.requested"),
            row("refund/refund", "provider/sandbox", "128.00 USD", "refund.succeeded"),
        ]
    );
    let order = read(app, demo::BUYER, &id).await;
    assert_eq!(
        (order["status"].as_str(), order["escrow"]["captured"]["amount"].as_str()),
        (Some("CANCELLED"), Some("0.00"))
    );
    assert_eq!(
        order["unappliedFunds"],
        json!([{ "reason": "ORDER_NOT_OPEN", "amount": { "amount": "128.00" }, "refunded": { "amount": "128.00" } }])
    );
    assert_eq!(order["refunds"], json!([{ "status": "SUCCEEDED", "amount": { "amount": "128.00" }, "failure": null }]));
    assert_eq!(
        event_types(&order),
        [
            "contract.drafted",
            "order.confirmed",
            "payment.opened",
            "order.cancelled",
            "funds.unapplied",
            "refund.requested",
            "refund.succeeded",
        ]
    );
}

async fn a_second_payment_of_a_funded_order_goes_back(app: &TestApp) {
    let id = confirmed(app, "k").await;
    let (visa, qiwi) = (pay(app, &id, "p1", "VISA").await, pay(app, &id, "p2", "QIWI").await);
    press(app, &checkout_url(&visa), "approve").await;
    press(app, &checkout_url(&qiwi), "approve").await;
    app.drain().await;
    let order = read(app, demo::BUYER, &id).await;
    assert_eq!(
        (order["status"].as_str(), order["escrow"]["held"]["amount"].as_str()),
        (Some("FUNDED"), Some("128.00"))
    );
    assert_eq!(order["unappliedFunds"][0]["refunded"]["amount"], "128.00");
    let causes: Vec<String> = transfers(app, Some(&id)).await.into_iter().map(|(_, _, _, cause)| cause).collect();
    assert_eq!(causes, ["payment.captured", "funds.unapplied", "refund.requested", "refund.succeeded"]);
}

async fn a_declined_payment_can_be_tried_again(app: &TestApp) {
    let id = confirmed(app, "k").await;
    let payment = pay(app, &id, "p1", "VISA").await;
    let shown_again = pay(app, &id, "p2", "VISA").await;
    assert_eq!(payment, shown_again, "there is one open payment per method");
    press(app, &checkout_url(&payment), "decline").await;
    app.drain().await;
    let order = read(app, demo::BUYER, &id).await;
    assert_eq!(
        (order["status"].as_str(), order["payments"][0]["status"].as_str()),
        (Some("AWAITING_PAYMENT"), Some("FAILED"))
    );
    let another = pay(app, &id, "p3", "VISA").await;
    assert_ne!(another["id"], payment["id"]);
    press(app, &checkout_url(&another), "approve").await;
    app.drain().await;
    assert_eq!(read(app, demo::BUYER, &id).await["status"], "FUNDED");
}

async fn an_order_nobody_acts_on_ends_by_itself_however_late_the_worker_is(app: &TestApp) {
    let unconfirmed = buy_now(app, "k1", 20).await;
    let unpaid = confirmed(app, "k2").await;
    let unshipped = funded(app, "k3").await;
    let in_transit = shipped(app, "k4").await;
    let deadline = read(app, demo::BUYER, &in_transit).await["deadline"].clone();
    app.clock().advance(TimeDelta::days(100));
    // Before the worker looks: a command is decided as if it had been there in time.
    let late =
        order_step(app, demo::BUYER, "confirmOrder", json!({ "orderId": unconfirmed["id"], "contractVersion": 1 }))
            .await;
    assert!(refused(&late, "INVALID_TRANSITION").contains("CANCELLED"));
    app.drain().await;
    let unconfirmed = unconfirmed["id"].as_str().expect("an id");
    for (id, status) in
        [(unconfirmed, "CANCELLED"), (&unpaid, "CANCELLED"), (&unshipped, "REFUNDED"), (&in_transit, "COMPLETED")]
    {
        assert_eq!(read(app, demo::BUYER, id).await["status"], status);
    }
    let query = "query($id: ID!) { order(id: $id) { completedAt } }";
    let completed = app.data(demo::BUYER, query, json!({ "id": in_transit })).await;
    assert_eq!(completed["order"]["completedAt"], deadline, "decided at its own moment");
    assert_eq!(read(app, demo::BUYER, &unshipped).await["refunds"][0]["status"], "SUCCEEDED");
}

/// The simulated bank declines to give back amounts that end in 13.
async fn a_refund_that_the_bank_declines_stays_the_buyers_and_is_shown(app: &TestApp) {
    let product = first_product(app).await;
    let input = json!({ "idempotencyKey": "r", "supplierId": product["supplier"]["id"], "currency": "USD", "message": "One",
        "shippingAddress": address() });
    let order = done(order_step(app, demo::BUYER, "requestDraft", input).await);
    let id = order["id"].as_str().expect("an id").to_owned();
    let input = json!({ "idempotencyKey": "d", "orderId": id, "shippingFee": "0", "shipWithinDays": 1,
        "lines": [{ "description": "One", "quantity": 1, "unit": "piece", "unitPrice": "10.13" }] });
    done(order_step(app, demo::SUPPLIER, "draftOrder", input).await);
    done(order_step(app, demo::BUYER, "confirmOrder", json!({ "orderId": id, "contractVersion": 1 })).await);
    let payment = pay(app, &id, "p", "VISA").await;
    press(app, &checkout_url(&payment), "approve").await;
    app.drain().await;
    app.clock().advance(TimeDelta::days(2));
    done(order_step(app, demo::BUYER, "cancelOrder", json!({ "orderId": id })).await);
    app.drain().await;
    let order = read(app, demo::BUYER, &id).await;
    assert_eq!(
        (order["status"].as_str(), order["refunds"][0]["status"].as_str()),
        (Some("REFUNDED"), Some("ACTION_REQUIRED"))
    );
    assert!(event_types(&order).contains(&"refund.action_required"));
    let causes: Vec<String> = transfers(app, Some(&id)).await.into_iter().map(|(_, _, _, cause)| cause).collect();
    assert_eq!(causes, ["payment.captured", "refund.requested"], "it waits in refund/<id>");
}

async fn a_payout_waits_for_a_verified_supplier_with_an_account(app: &TestApp) {
    let created = mutate(
        app,
        demo::OPERATOR,
        "createSupplier",
        "CreateSupplierInput",
        json!({ "name": "New Co", "country": "VN", "city": "Hanoi", "description": "New here" }),
        "supplier { id } errors { code message path }",
    )
    .await;
    let supplier = created["supplier"]["id"].clone();
    let credential = mutate(
        app,
        demo::OPERATOR,
        "createCredential",
        "CreateCredentialInput",
        json!({ "role": "SUPPLIER", "subjectId": supplier, "label": "test" }),
        "token errors { code message path }",
    )
    .await;
    let token = credential["token"].as_str().unwrap_or_else(|| panic!("{credential:#}")).to_owned();
    let input = json!({ "idempotencyKey": "r", "supplierId": supplier, "currency": "EUR", "message": "Ten", "shippingAddress": address() });
    let order = done(order_step(app, demo::BUYER, "requestDraft", input).await);
    let id = order["id"].as_str().expect("an id").to_owned();
    let input = json!({ "idempotencyKey": "d", "orderId": id, "shippingFee": "0", "shipWithinDays": 1,
        "lines": [{ "description": "Ten", "quantity": 10, "unit": "piece", "unitPrice": "10" }] });
    done(order_step(app, &token, "draftOrder", input).await);
    done(order_step(app, demo::BUYER, "confirmOrder", json!({ "orderId": id, "contractVersion": 1 })).await);
    let payment = pay(app, &id, "p", "VISA").await;
    press(app, &checkout_url(&payment), "approve").await;
    app.drain().await;
    done(order_step(app, &token, "shipOrder", json!({ "orderId": id, "carrier": "DHL", "trackingNumber": "1" })).await);
    done(order_step(app, demo::BUYER, "confirmReceived", json!({ "orderId": id })).await);
    app.drain().await;
    let causes = async || transfers(app, None).await.into_iter().map(|(_, _, _, cause)| cause).collect::<Vec<_>>();
    assert!(!causes().await.contains(&"payout.requested".to_owned()));

    let account = json!({ "accountHolder": "New Co", "country": "DE", "iban": "DE89370400440532013000" });
    let set = mutate(
        app,
        &token,
        "setPayoutAccount",
        "SetPayoutAccountInput",
        account,
        "payoutAccount { mask } errors { code message path }",
    )
    .await;
    assert!(
        set["payoutAccount"]["mask"].as_str().is_some_and(|mask| mask.ends_with("3000") && !mask.contains("8937")),
        "{set:#}"
    );
    app.drain().await;
    assert!(!causes().await.contains(&"payout.requested".to_owned()), "not verified yet");
    mutate(
        app,
        demo::OPERATOR,
        "verifySupplier",
        "VerifySupplierInput",
        json!({ "supplierId": supplier }),
        "errors { code message path }",
    )
    .await;
    app.drain().await;
    assert!(
        causes().await.ends_with(&["payout.requested".to_owned(), "payout.paid".to_owned()]),
        "{:?}",
        causes().await
    );
}

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

async fn stock_is_reserved_at_confirmation_and_given_back(app: &TestApp) {
    let available = async || first_product(app).await["available"].as_i64().expect("a number");
    let before = available().await;
    let id = buy_now(app, "k", 25).await["id"].clone();
    assert_eq!(available().await, before);
    done(order_step(app, demo::BUYER, "confirmOrder", json!({ "orderId": id, "contractVersion": 1 })).await);
    assert_eq!(available().await, before - 25);
    done(order_step(app, demo::SUPPLIER, "cancelOrder", json!({ "orderId": id })).await);
    assert_eq!(available().await, before);
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

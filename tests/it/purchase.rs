//! The whole purchase, both ways, over HTTP: through the real checkout page and the real webhook, to the last cent.

use chrono::TimeDelta;
use secure_payment::party::demo;
use serde_json::{Value, json};

use crate::support::steps::{
    address, buy_now, checkout_url, confirmed, done, draft, event_types, first_product, funded, mutate, order_step,
    pay, press, read, refused, row, shipped, transfers,
};
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
    stock_is_reserved_at_confirmation_and_given_back,
);

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
    assert_eq!(actions, ["CONFIRM_ORDER", "CANCEL_ORDER", "PROVIDE_REFUND_ACCOUNT"]);

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
    leaves_feedback_and_revises_it_once(app, id).await;
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
            "feedback.revised",
        ]
    );
    assert_eq!(order["shipment"]["trackingNumber"], "JD0146");
}

async fn leaves_feedback_and_revises_it_once(app: &TestApp, id: &str) {
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
    let fields = "feedback { revision communication } errors { code message path }";
    let mut revised = feedback.clone();
    revised["communication"] = json!(3);
    let revised = mutate(app, demo::BUYER, "leaveFeedback", "LeaveFeedbackInput", revised, fields).await;
    assert_eq!(revised["feedback"], json!({ "revision": 2, "communication": 3 }));
    let again = mutate(app, demo::BUYER, "leaveFeedback", "LeaveFeedbackInput", feedback, fields).await;
    refused(&again, "ALREADY_EXISTS");
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
    let payment = pay(app, &id, "p", "TEF").await;
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

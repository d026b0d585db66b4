//! What a provider may do to a payout: one that it took is paid once, one that failed is owed again.

use chrono::TimeDelta;
use entity::Currency;
use entity::payout::PayoutStatus;
use entity::sandbox_movement::MovementKind;
use secure_payment::party::demo;
use secure_payment::{payment, worker};
use serde_json::json;

use crate::support::bank::{
    Node, Told, assert_paid_out_once, at_bank, causes, demo_supplier, funded, payouts, refusal, refused_questions,
    requested_payout, the_payout,
};
use crate::support::purchase::{QUANTITY, Shop, Step, buy_now, confirm_received, ship, text};
use crate::support::{TestApp, on_each_database};

on_each_database!(
    a_payout_that_the_bank_took_is_not_called_failed_because_a_question_was_refused,
    a_payout_whose_answer_was_lost_is_not_sent_twice,
    a_payout_that_the_bank_refused_and_never_heard_of_is_owed_again,
    a_payout_that_keeps_failing_is_tried_three_times_and_waits_for_another_account,
    verifying_again_starts_payouts_again,
);

async fn a_payout_that_the_bank_took_is_not_called_failed_because_a_question_was_refused(app: &TestApp) {
    let shop = Shop::of(app);
    let id = requested_payout(app, &shop).await;
    payment::send_payout(app.app(), id).await.expect("the bank takes it");
    for refused in refused_questions().into_iter().chain([refusal(404, "not_found"), refusal(409, "conflict")]) {
        let node = Node::answering(app, refused).await;
        payment::send_payout(&node.app, id).await.expect_err("no answer");
        assert_eq!(the_payout(app).await.status, PayoutStatus::Pending);
    }
    payment::request_payout(app.app(), demo_supplier(app).await, Currency::USD).await.expect("goes");
    app.drain().await;
    assert_paid_out_once(app, &shop).await;
}

async fn a_payout_whose_answer_was_lost_is_not_sent_twice(app: &TestApp) {
    let shop = Shop::of(app);
    let id = requested_payout(app, &shop).await;
    let node = Node::answering(app, Told::Lost).await;
    payment::send_payout(&node.app, id).await.expect_err("no answer");
    assert_eq!(
        (the_payout(app).await.status, at_bank(app, MovementKind::Payout).await.len()),
        (PayoutStatus::Requested, 1)
    );
    for refused in refused_questions() {
        let node = Node::answering(app, refused.clone()).await;
        payment::send_payout(&node.app, id).await.expect_err("no answer");
        // The bank itself refuses the repetition, and then the question about it is refused.
        let node = Node::new(
            app,
            move |call| {
                if call.starts_with("POST") { refusal(409, "conflict") } else { refused.clone() }
            },
        );
        payment::send_payout(&node.await.app, id).await.expect_err("no answer");
        assert_eq!(the_payout(app).await.status, PayoutStatus::Requested);
    }
    let node = Node::new(app, |call| if call.starts_with("POST") { refusal(409, "conflict") } else { Told::Honest });
    payment::send_payout(&node.await.app, id).await.expect("asked instead");
    assert_eq!(the_payout(app).await.status, PayoutStatus::Pending);
    app.drain().await;
    assert_paid_out_once(app, &shop).await;
}

async fn a_payout_that_the_bank_refused_and_never_heard_of_is_owed_again(app: &TestApp) {
    let shop = Shop::of(app);
    let order = funded(app, &shop, "k").await;
    shop.done(&ship(&order)).await;
    shop.done(&confirm_received(&order)).await;
    let node = Node::new(app, |call| if call.starts_with("POST") { refusal(422, "no_account") } else { Told::Honest });
    worker::drain(&node.await.app).await.expect("the worker gets through");
    assert_eq!(the_payout(app).await.status, PayoutStatus::Failed);
    assert_eq!(causes(&shop).await.last().map(String::as_str), Some("payout.failed"));
    app.drain().await;
    assert_eq!(payouts(app).await.len(), 1, "not at once");
    app.clock().advance(TimeDelta::hours(25));
    app.drain().await;
    let tried = payouts(app).await;
    assert_eq!(tried.iter().map(|row| row.status).collect::<Vec<_>>(), [PayoutStatus::Failed, PayoutStatus::Paid]);
    assert_eq!(at_bank(app, MovementKind::Payout).await.len(), 1);
}

/// Completes an order whose supplier share is 10.13 USD, which the simulated bank declines to pay out.
async fn complete_unpayable(app: &TestApp, shop: &Shop) {
    let product = shop.product().await;
    let query = "query($id: ID!) { product(id: $id) { supplier { id } } }";
    let supplier = shop.read(demo::BUYER, query, json!({ "id": product })).await["product"]["supplier"]["id"].take();
    let mut input = buy_now("unpayable", &product, QUANTITY).input;
    let fields = input.as_object_mut().expect("an object");
    fields.remove("productId");
    fields.remove("quantity");
    fields.extend([
        ("supplierId".to_owned(), supplier),
        ("currency".to_owned(), json!("USD")),
        ("message".to_owned(), json!("One")),
    ]);
    let order = text(&shop.done(&Step { token: demo::BUYER, mutation: "requestDraft", input }).await["id"]);
    let input = json!({ "idempotencyKey": "draft", "orderId": order, "shippingFee": "0", "shipWithinDays": 1,
        "lines": [{ "description": "One", "quantity": 1, "unit": "piece", "unitPrice": "10.39" }] });
    shop.done(&Step { token: demo::SUPPLIER, mutation: "draftOrder", input }).await;
    shop.done(&crate::support::purchase::confirm(&order)).await;
    let (_payment, checkout) = shop.pay(&order, "unpayable").await;
    shop.decide(&checkout, "approve").await.expect("an answer");
    app.drain().await;
    shop.done(&ship(&order)).await;
    shop.done(&confirm_received(&order)).await;
    app.drain().await;
}

async fn a_payout_that_keeps_failing_is_tried_three_times_and_waits_for_another_account(app: &TestApp) {
    let shop = Shop::of(app);
    complete_unpayable(app, &shop).await;
    let tried = async || {
        app.drain().await;
        let rows = payouts(app).await;
        assert!(rows.iter().all(|row| (row.status, row.amount.0) == (PayoutStatus::Failed, 1_013)), "{rows:#?}");
        rows.len()
    };
    assert_eq!(tried().await, 1);
    app.clock().advance(TimeDelta::hours(23));
    assert_eq!(tried().await, 1, "a day later, not before");
    app.clock().advance(TimeDelta::hours(2));
    assert_eq!(tried().await, 2);
    app.clock().advance(TimeDelta::hours(25));
    assert_eq!(tried().await, 3);
    app.clock().advance(TimeDelta::days(60));
    assert_eq!(tried().await, 3, "it waits");

    let account = json!({ "accountHolder": "Another", "country": "DE", "iban": "DE89370400440532013000" });
    let query = "mutation($input: SetPayoutAccountInput!) { setPayoutAccount(input: $input) { errors { message } } }";
    let set = shop.read(demo::SUPPLIER, query, json!({ "input": account })).await;
    assert_eq!(set["setPayoutAccount"]["errors"], json!([]));
    assert_eq!(tried().await, 3, "a new account takes a while");
    for expected in [4, 5, 6, 6] {
        app.clock().advance(TimeDelta::hours(73));
        assert_eq!(tried().await, expected);
    }
    let accounts: Vec<_> = payouts(app).await.iter().map(|row| row.payout_account_id).collect();
    assert!(accounts[..3].iter().all(|id| *id == accounts[0]) && accounts[3..].iter().all(|id| *id == accounts[3]));
    assert_ne!(accounts[0], accounts[3]);
}

async fn verifying_again_starts_payouts_again(app: &TestApp) {
    let shop = Shop::of(app);
    complete_unpayable(app, &shop).await;
    for _ in 0..4 {
        app.clock().advance(TimeDelta::days(2));
        app.drain().await;
    }
    assert_eq!(payouts(app).await.len(), 3);
    let query = "mutation($id: ID!) { verifySupplier(input: { supplierId: $id }) { errors { message } } }";
    shop.read(demo::OPERATOR, query, json!({ "id": demo_supplier(app).await.to_string() })).await;
    app.drain().await;
    assert_eq!(payouts(app).await.len(), 4);
}

//! What the simulated bank can be made to do: each event is a signed notification that arrives, and agrees with its books.

use entity::payment::{PaymentMethod, RefundWay};
use entity::payout::PayoutStatus;
use entity::refund::RefundStatus;
use entity::sandbox_movement::{MovementKind, MovementStatus};
use provider::{Fact, PaymentQuery};
use secrecy::ExposeSecret;
use secure_payment::party::demo;
use secure_payment::payment;
use serde_json::{Value, json};

use crate::support::bank::{
    at_bank, causes, funded, inbox_size, requested_payout, requested_refund, status, the_payment, the_payout,
    the_refund,
};
use crate::support::events::{applied, ask, captured, happen, money, waiting};
use crate::support::purchase::{Shop, cancel, codes, confirm_received, ship, text};
use crate::support::steps::{checkout_url, confirmed, mutate, pay, press};
use crate::support::{TestApp, on_each_database};

mod page;

on_each_database!(
    a_payment_that_arrives_is_booked_once_however_often_it_is_told,
    too_little_waits_for_the_rest_and_two_transfers_fund_the_order,
    a_poller_sees_what_the_notifications_say,
    too_much_is_set_aside_and_goes_back,
    another_currency_is_set_aside,
    money_of_a_cancelled_order_is_set_aside,
    a_payment_is_declined_in_the_banks_words,
    a_refund_on_its_way_succeeds_or_fails_when_it_is_told_to,
    a_refund_comes_back_after_it_had_succeeded_and_the_bank_says_so,
    a_payout_is_paid_and_comes_back,
    transfers_and_cash_go_back_to_an_account,
    nonsense_is_refused_with_what_to_change,
    what_is_not_the_viewers_does_not_exist,
);

async fn a_payment_that_arrives_is_booked_once_however_often_it_is_told(app: &TestApp) {
    let shop = Shop::of(app);
    let (order, payment) = waiting(app, &shop).await;
    let mut input = captured(&payment, None);
    input["repeat"] = json!(5);
    let fact = applied(app, demo::BUYER, input).await;
    assert!(matches!(&fact, Fact::PaymentCaptured { amount, .. } if *amount == money("128.00", "USD")), "{fact:?}");
    assert_eq!(inbox_size(app).await, 1, "four repetitions were known");
    // IdempotencyKey more, under another id.
    applied(app, demo::BUYER, captured(&payment, None)).await;
    assert_eq!((inbox_size(app).await, causes(&shop).await.len()), (2, 1));
    assert_eq!(status(&shop, &order).await, "FUNDED");
}

async fn too_little_waits_for_the_rest_and_two_transfers_fund_the_order(app: &TestApp) {
    let shop = Shop::of(app);
    let (order, payment) = waiting(app, &shop).await;
    applied(app, demo::BUYER, captured(&payment, Some("28.00"))).await;
    let query = "query($id: ID!) { order(id: $id) { status escrow { captured { amount } due { amount } } } }";
    let seen = shop.read(demo::BUYER, query, json!({ "id": order })).await;
    let escrow = json!({ "captured": { "amount": "28.00" }, "due": { "amount": "100.00" } });
    assert_eq!(seen["order"], json!({ "status": "AWAITING_PAYMENT", "escrow": escrow }));

    let fact = applied(app, demo::BUYER, captured(&payment, None)).await;
    assert!(matches!(&fact, Fact::PaymentCaptured { amount, .. } if *amount == money("100.00", "USD")), "{fact:?}");
    assert_eq!(status(&shop, &order).await, "FUNDED");
    let moved: Vec<_> = at_bank(app, MovementKind::Transfer).await.iter().map(|row| row.amount.0).collect();
    assert_eq!(moved, [2_800, 10_000]);
    let refused = ask(app, demo::BUYER, captured(&payment, None)).await;
    assert_eq!(
        (codes(&refused), &refused["errors"][0]["path"]),
        (vec!["INVALID_INPUT".to_owned()], &json!(["input", "amount"]))
    );
}

async fn a_poller_sees_what_the_notifications_say(app: &TestApp) {
    let shop = Shop::of(app);
    let (_order, payment) = waiting(app, &shop).await;
    let mut told = Vec::new();
    for amount in ["1.00", "2.00"] {
        told.push(applied(app, demo::BUYER, captured(&payment, Some(amount))).await);
    }
    let bank = app.app().providers.find("sandbox").expect("is configured");
    let query = PaymentQuery {
        reference: payment.clone(),
        provider_reference: None,
        method: PaymentMethod::Visa,
        amount: money("128.00", "USD"),
        has_expired: false,
    };
    told.push(Fact::PaymentPending { reference: payment.clone() });
    assert_eq!(bank.query_payment(&query).await.expect("an answer"), told);
    *told.last_mut().expect("three") = Fact::PaymentCancelled { reference: payment };
    assert_eq!(bank.cancel_payment(&query).await.expect("an answer"), told);
}

async fn too_much_is_set_aside_and_goes_back(app: &TestApp) {
    let shop = Shop::of(app);
    let (order, payment) = waiting(app, &shop).await;
    applied(app, demo::BUYER, captured(&payment, Some("150.00"))).await;
    let seen = shop.order(&order).await;
    assert_eq!(
        (seen["status"].as_str(), seen["escrow"]["captured"]["amount"].as_str()),
        (Some("FUNDED"), Some("128.00"))
    );
    let unapplied = json!([{ "amount": { "amount": "22.00" }, "refunded": { "amount": "22.00" } }]);
    assert_eq!(seen["unappliedFunds"], unapplied);
    assert_eq!(
        seen["refunds"],
        json!([{ "status": "SUCCEEDED", "amount": { "amount": "22.00" } }]),
        "the bank knows it"
    );
}

async fn another_currency_is_set_aside(app: &TestApp) {
    let shop = Shop::of(app);
    let (order, payment) = waiting(app, &shop).await;
    let input = json!({ "type": "PAYMENT_CAPTURED", "paymentId": payment, "amount": 9000, "currency": "JPY" });
    let fact = applied(app, demo::BUYER, input).await;
    assert!(matches!(&fact, Fact::PaymentCaptured { amount, .. } if *amount == money("9000", "JPY")), "{fact:?}");
    let seen = shop.order(&order).await;
    assert_eq!(
        (seen["status"].as_str(), seen["refunds"][0]["status"].as_str()),
        (Some("AWAITING_PAYMENT"), Some("SUCCEEDED"))
    );
    assert_eq!(seen["unappliedFunds"][0]["amount"]["amount"], "9000");
    applied(app, demo::BUYER, captured(&payment, None)).await;
    assert_eq!(status(&shop, &order).await, "FUNDED");
}

async fn money_of_a_cancelled_order_is_set_aside(app: &TestApp) {
    let shop = Shop::of(app);
    let (order, payment) = waiting(app, &shop).await;
    shop.done(&cancel(&order)).await;
    app.drain().await;
    assert_eq!(at_bank(app, MovementKind::Payment).await[0].status, MovementStatus::Cancelled);
    applied(app, demo::BUYER, captured(&payment, None)).await;
    let seen = shop.order(&order).await;
    assert_eq!(
        (seen["status"].as_str(), seen["escrow"]["captured"]["amount"].as_str()),
        (Some("CANCELLED"), Some("0.00"))
    );
    assert_eq!(seen["unappliedFunds"][0]["amount"]["amount"], "128.00");
    assert_eq!(seen["refunds"][0]["status"], "SUCCEEDED");
}

async fn a_payment_is_declined_in_the_banks_words(app: &TestApp) {
    let shop = Shop::of(app);
    let (order, payment) = waiting(app, &shop).await;
    let input = json!({ "type": "PAYMENT_DECLINED", "paymentId": payment, "reason": "not enough money" });
    let fact = applied(app, demo::STOREFRONT, input.clone()).await;
    assert_eq!(fact, Fact::PaymentFailed { reference: payment.clone(), reason: "not enough money".to_owned() });
    let row = the_payment(app, &payment).await;
    assert_eq!(row.failure.as_deref(), Some("not enough money"));
    assert_eq!(applied(app, demo::STOREFRONT, input).await, fact, "told once more");
    // It comes after all, late.
    applied(app, demo::STOREFRONT, captured(&payment, None)).await;
    assert_eq!(status(&shop, &order).await, "FUNDED");
}

async fn a_refund_on_its_way_succeeds_or_fails_when_it_is_told_to(app: &TestApp) {
    let shop = Shop::of(app);
    let (_order, refund) = requested_refund(app, &shop).await;
    let id = refund.id.to_string();
    let input = json!({ "type": "REFUND_SUCCEEDED", "refundId": id });
    let early = ask(app, demo::BUYER, input.clone()).await;
    assert_eq!(codes(&early), ["NOT_FOUND"], "the bank has not been asked yet");
    payment::send_refund(app.app(), refund.id).await.expect("the bank takes it");
    let fact = applied(app, demo::BUYER, input).await;
    assert!(matches!(fact, Fact::RefundSucceeded { .. }), "{fact:?}");
    assert_eq!(the_refund(app).await.status, RefundStatus::Succeeded);
}

async fn a_refund_comes_back_after_it_had_succeeded_and_the_bank_says_so(app: &TestApp) {
    let shop = Shop::of(app);
    let (_order, refund) = requested_refund(app, &shop).await;
    app.drain().await;
    assert_eq!(the_refund(app).await.status, RefundStatus::Succeeded);
    let id = refund.id.to_string();
    let input = json!({ "type": "REFUND_FAILED", "refundId": id, "reason": "account closed" });
    let fact = applied(app, demo::BUYER, input).await;
    assert!(
        matches!(&fact, Fact::RefundFailed { movement: Some(_), reason, .. } if reason == "account closed"),
        "{fact:?}"
    );
    let after = the_refund(app).await;
    assert_eq!((after.status, after.failure.as_deref()), (RefundStatus::ActionRequired, Some("account closed")));
    let asked = bank_get(app, &format!("/sandbox/refunds/{id}")).await;
    assert_eq!((asked["status"].as_str(), asked["reason"].as_str()), (Some("DECLINED"), Some("account closed")));
    let again = ask(app, demo::BUYER, json!({ "type": "REFUND_SUCCEEDED", "refundId": id })).await;
    assert_eq!(codes(&again), ["INVALID_INPUT"]);
}

async fn bank_get(app: &TestApp, path: &str) -> Value {
    let key = app.app().settings.providers.sandbox.api_key.expose_secret();
    app.http().get(app.url(path)).bearer_auth(key).send().await.expect("an answer").json().await.expect("JSON")
}

async fn a_payout_is_paid_and_comes_back(app: &TestApp) {
    let shop = Shop::of(app);
    let id = requested_payout(app, &shop).await;
    payment::send_payout(app.app(), id).await.expect("the bank takes it");
    let paid = applied(app, demo::OPERATOR, json!({ "type": "PAYOUT_PAID", "payoutId": id.to_string() })).await;
    assert!(matches!(paid, Fact::PayoutPaid { .. }), "{paid:?}");
    assert_eq!(the_payout(app).await.status, PayoutStatus::Paid);
    let input = json!({ "type": "PAYOUT_FAILED", "payoutId": id.to_string() });
    let (_status, event_type, fact) = happen(app, demo::SUPPLIER, input).await;
    assert_eq!(event_type, "payout.declined");
    assert!(
        matches!(&fact, Fact::PayoutFailed { reference, movement: Some(_), reason }
            if *reference == id.to_string() && reason == "sent back by the receiving bank"),
        "{fact:?}"
    );
    let asked = bank_get(app, &format!("/sandbox/payouts/{id}")).await;
    assert_eq!(asked["status"], "DECLINED");
    app.drain().await;
    let back = the_payout(app).await;
    assert_eq!(
        (back.status, back.failure.as_deref()),
        (PayoutStatus::Returned, Some("sent back by the receiving bank"))
    );
    let moved = causes(&shop).await;
    assert_eq!(moved[moved.len() - 3..], ["payout.requested", "payout.paid", "payout.returned"]);
    let owed = app.data(demo::SUPPLIER, "{ supplierBalance { amount } }", json!({})).await;
    assert_eq!(owed["supplierBalance"][0]["amount"], "124.80", "it is owed again, once");
}

/// Asks the bank itself for a refund; status and the error's code, if any.
async fn refund_at_bank(app: &TestApp, payment: &str, payee: Option<&str>) -> (u16, Value) {
    let settings = &app.app().settings;
    let body = json!({ "reference": format!("{payment}.{}", payee.is_some()), "payment": payment, "payee_account": payee,
        "amount": { "amount": "1.00", "currency": "USD" }, "notification_url": settings.notification_url("sandbox") });
    let request =
        app.http().post(app.url("/sandbox/refunds")).bearer_auth(settings.providers.sandbox.api_key.expose_secret());
    let answer = request.json(&body).send().await.expect("an answer");
    let status = answer.status().as_u16();
    let mut document: Value = answer.json().await.expect("JSON");
    (status, document["error"]["code"].take())
}

async fn transfers_and_cash_go_back_to_an_account(app: &TestApp) {
    let way =
        |method| app.app().providers.for_method(method).into_iter().map(|(_provider, terms)| terms.refund_way).next();
    assert_eq!(way(PaymentMethod::BankTransfer), Some(RefundWay::ToAccount));
    assert_eq!(way(PaymentMethod::WesternUnion), Some(RefundWay::ByHand));
    assert_eq!(way(PaymentMethod::Tef), Some(RefundWay::ToOrigin));
    for (method, without, with) in [
        ("BANK_TRANSFER", (422, json!("payee_details_required")), (202, Value::Null)),
        ("WESTERN_UNION", (422, json!("not_refundable")), (202, Value::Null)),
        ("TEF", (202, Value::Null), (202, Value::Null)),
    ] {
        let order = confirmed(app, method).await;
        let payment = pay(app, &order, &format!("pay {method}"), method).await;
        press(app, &checkout_url(&payment), "approve").await;
        let id = text(&payment["id"]);
        assert_eq!(refund_at_bank(app, &id, None).await, without, "{method}");
        assert_eq!(refund_at_bank(app, &id, Some("{\"iban\":\"x\"}")).await, with, "{method}");
    }
    // Of what came by another bank it is only told where to send it.
    assert_eq!(refund_at_bank(app, "nobody", None).await, (404, json!("not_found")));
    assert_eq!(refund_at_bank(app, "nobody", Some("{\"iban\":\"x\"}")).await, (202, Value::Null));
    let refunds = at_bank(app, MovementKind::Refund).await;
    assert!(refunds.iter().all(|row| !format!("{row:?}").contains("iban")), "the account is not kept");
}

async fn nonsense_is_refused_with_what_to_change(app: &TestApp) {
    let shop = Shop::of(app);
    let (_order, payment) = waiting(app, &shop).await;
    let refund = "refund_00000000000000000000000000";
    for (input, field, code) in [
        (json!({ "type": "PAYMENT_CAPTURED" }), "paymentId", "INVALID_INPUT"),
        (json!({ "type": "PAYMENT_CAPTURED", "paymentId": "x" }), "paymentId", "INVALID_INPUT"),
        (json!({ "type": "PAYMENT_CAPTURED", "paymentId": payment, "refundId": refund }), "refundId", "INVALID_INPUT"),
        (json!({ "type": "PAYMENT_CAPTURED", "paymentId": payment, "chargeback": "x" }), "chargeback", "INVALID_INPUT"),
        (json!({ "type": "PAYMENT_CAPTURED", "paymentId": payment, "reason": "x" }), "reason", "INVALID_INPUT"),
        (json!({ "type": "PAYMENT_CAPTURED", "paymentId": payment, "amount": "1.001" }), "amount", "INVALID_AMOUNT"),
        (json!({ "type": "PAYMENT_CAPTURED", "paymentId": payment, "amount": "0" }), "amount", "INVALID_AMOUNT"),
        (json!({ "type": "PAYMENT_CAPTURED", "paymentId": payment, "currency": "EUR" }), "amount", "INVALID_INPUT"),
        (json!({ "type": "PAYMENT_CAPTURED", "paymentId": payment, "repeat": 6 }), "repeat", "INVALID_INPUT"),
        (json!({ "type": "PAYMENT_CAPTURED", "paymentId": payment, "repeat": 0 }), "repeat", "INVALID_INPUT"),
        (json!({ "type": "PAYMENT_DECLINED", "paymentId": payment, "reason": "a\u{0}b" }), "reason", "INVALID_INPUT"),
        (json!({ "type": "PAYMENT_REVERSED", "paymentId": payment }), "paymentId", "INVALID_INPUT"),
        (json!({ "type": "CHARGEBACK_OPENED", "paymentId": payment }), "paymentId", "INVALID_INPUT"),
        (json!({ "type": "CHARGEBACK_WON", "paymentId": payment }), "chargeback", "NOT_FOUND"),
        (json!({ "type": "REFUND_FAILED", "refundId": refund }), "refundId", "NOT_FOUND"),
        (json!({ "type": "PAYOUT_PAID", "payoutId": "payout_00000000000000000000000000" }), "payoutId", "NOT_FOUND"),
    ] {
        let payload = ask(app, demo::OPERATOR, input.clone()).await;
        let errors: Vec<_> = payload["errors"]
            .as_array()
            .expect("errors")
            .iter()
            .map(|error| (&error["code"], &error["path"]))
            .collect();
        assert!(errors.contains(&(&json!(code), &json!(["input", field]))), "{input}: {payload:#}");
    }
    happen(app, demo::OPERATOR, captured(&payment, None)).await;
    let declined = ask(app, demo::OPERATOR, json!({ "type": "PAYMENT_DECLINED", "paymentId": payment })).await;
    assert!(text(&declined["errors"][0]["message"]).contains("PAYMENT_REVERSED"), "{declined:#}");
    assert_eq!(inbox_size(app).await, 1, "what was refused told nothing");
}

async fn what_is_not_the_viewers_does_not_exist(app: &TestApp) {
    let shop = Shop::of(app);
    let (_order, refund) = requested_refund(app, &shop).await;
    let payment = refund.payment_id.expect("of a payment").to_string();
    app.drain().await;
    let payout = requested_payout_of_another(app, &shop).await;
    let fields = "session { token } errors { code message path }";
    let input = json!({ "buyerReference": "other" });
    let session = mutate(app, demo::STOREFRONT, "createBuyerSession", "CreateBuyerSessionInput", input, fields).await;
    let other = text(&session["session"]["token"]);
    let before = inbox_size(app).await;
    let payout_input = json!({ "type": "PAYOUT_FAILED", "payoutId": payout });
    for (token, input) in [
        (other.as_str(), captured(&payment, Some("1.00"))),
        (other.as_str(), json!({ "type": "CHARGEBACK_OPENED", "paymentId": payment })),
        (other.as_str(), json!({ "type": "REFUND_FAILED", "refundId": refund.id.to_string() })),
        (other.as_str(), payout_input.clone()),
        (demo::BUYER, payout_input.clone()),
        (demo::STOREFRONT, payout_input.clone()),
    ] {
        assert_eq!(codes(&ask(app, token, input.clone()).await), ["NOT_FOUND"], "{input}");
    }
    let query =
        "mutation($input: SandboxProviderEventInput!) { sandboxProviderEvent(input: $input) { errors { code } } }";
    let nobody = app.graphql(None, query, json!({ "input": captured(&payment, None) })).await;
    assert_eq!(nobody["errors"][0]["extensions"]["code"], "UNAUTHENTICATED", "{nobody:#}");
    app.drain().await;
    assert_eq!(inbox_size(app).await, before);
    assert_eq!(codes(&ask(app, demo::SUPPLIER, payout_input).await), Vec::<String>::new());
}

async fn requested_payout_of_another(app: &TestApp, shop: &Shop) -> String {
    let order = funded(app, shop, "second").await;
    shop.done(&ship(&order)).await;
    shop.done(&confirm_received(&order)).await;
    app.drain().await;
    the_payout(app).await.id.to_string()
}

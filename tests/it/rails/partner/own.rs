//! What is special to the partner, and the published samples of how it signs.

use chrono::{DateTime, NaiveDate, TimeDelta};
use entity::notification::NotificationStatus;
use entity::payment::PaymentStatus;
use entity::payout::PayoutStatus;
use entity::refund::RefundStatus;
use entity::{Money, payment};
use provider::LineKind;
use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, EntityTrait};
use secure_payment::party::demo;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ACCOUNT, Partner, SECRET, signed};
use crate::support::bank::{inbox, inbox_size, payouts, serve};
use crate::support::purchase::{Step, cancel, confirm_received, ship, text};
use crate::support::rail::{Fake, Post, Rail, Trouble};
use crate::support::{TestApp, on_each_database, trouble};

on_each_database!(
    the_published_samples_are_judged_at_the_door,
    a_supplier_is_paid_out_and_what_comes_back_is_owed_again,
    a_refund_that_needs_an_account_is_sent_once_it_is_known,
    money_that_was_not_asked_for_goes_back,
    codes_and_vouchers_are_shown_to_the_buyer,
    an_order_that_is_cancelled_withdraws_its_payment,
    the_payer_is_told_of_and_not_kept,
    who_pays_is_not_kept_of_a_payment_that_was_never_opened,
    a_day_is_told_page_by_page,
    what_names_another_account_is_quarantined,
);

#[derive(Deserialize)]
struct Sample {
    id: String,
    secret: String,
    headers: std::collections::BTreeMap<String, String>,
    body: String,
    now: i64,
    valid: bool,
}

fn samples() -> Vec<Sample> {
    let file: Value = serde_json::from_str(include_str!("../../../vectors/standardwebhooks.json")).expect("JSON");
    serde_json::from_value(file["vectors"].clone()).expect("samples")
}

/// What a sample must come to: what stands in the inbox, and whether the money of `pay_01` moved. A new one has to be decided.
fn expected(id: &str) -> (Option<NotificationStatus>, bool) {
    match id {
        // Signed well, but it says nothing that we know.
        "published_vector" => (Some(NotificationStatus::Quarantined), false),
        "ok" => (Some(NotificationStatus::Applied), true),
        "tampered_body" | "tampered_id" | "tampered_ts" | "stale_301" | "missing_header" => (None, false),
        other => panic!("what has to become of {other}?"),
    }
}

async fn the_published_samples_are_judged_at_the_door(app: &TestApp) {
    for sample in samples() {
        let (kept, moves) = expected(&sample.id);
        assert_eq!(kept.is_some(), sample.valid, "{}", sample.id);
        // The samples name no account.
        let rail = Rail::of(app, Partner::with(&sample.secret, None).await).await;
        let order = rail.order("123.45").await;
        let paid = rail.pay(&order).await;
        rename(&rail, &paid, "pay_01").await;
        let size = inbox_size(app).await;
        app.clock().shift_wall(DateTime::from_timestamp(sample.now, 0).expect("a time") - app.clock().wall());
        let headers = sample.headers.clone().into_iter().collect();
        let (status, body) = rail.post(&Post { to: "partner", headers, body: sample.body.clone().into_bytes() }).await;
        app.clock().shift_wall(TimeDelta::zero());
        assert_eq!(status, if kept.is_some() { 200 } else { 401 }, "{}: {body}", sample.id);
        rail.drain().await;
        match kept {
            Some(kept) => assert_eq!(inbox(app, &sample.headers["webhook-id"]).await.0, kept, "{}", sample.id),
            None => assert_eq!(inbox_size(app).await, size, "{}", sample.id),
        }
        let (status, captured) = if moves { ("FUNDED", 12_345) } else { ("AWAITING_PAYMENT", 0) };
        assert_eq!(text(&rail.shop.order(&order).await["status"]), status, "{}", sample.id);
        assert_eq!(trouble::amounts(app, &order).await, (captured, captured, 0, 0, 0), "{}", sample.id);
        // The next sample's payment has that name.
        rename(&rail, &paid, &format!("was_{}", sample.id)).await;
    }
}

async fn rename(rail: &Rail<'_>, payment: &payment::Model, reference: &str) {
    let transaction = rail.app.db.begin_write().await.expect("begins");
    let row = payment::ActiveModel { id: Set(payment.id), reference: Set(reference.to_owned()), ..Default::default() };
    row.update(&transaction).await.expect("writes");
    transaction.commit().await.expect("commits");
}

async fn a_supplier_is_paid_out_and_what_comes_back_is_owed_again(app: &TestApp) {
    let partner = Partner::start().await;
    let rail = Rail::of(app, partner.clone()).await;
    let order = funded(&rail).await;
    rail.shop.done(&ship(&order)).await;
    rail.shop.done(&confirm_received(&order)).await;
    rail.drain().await;
    let [sent] = &payouts(app).await[..] else { panic!("one payout") };
    // 2.5 % of 123.45 are 3.08625, half-even.
    assert_eq!((sent.provider.as_str(), sent.status, sent.amount.0), ("partner", PayoutStatus::Pending, 12_036));
    assert_eq!(
        partner.payee(&sent.reference).expect("an account")["account_holder"].as_str().map(str::is_empty),
        Some(false)
    );
    partner.settle_payout(&sent.reference, "PAID");
    rail.deliver().await;
    assert_eq!(payouts(app).await[0].status, PayoutStatus::Paid);
    partner.settle_payout(&sent.reference, "RETURNED");
    rail.deliver().await;
    let returned = payouts(app).await.remove(0);
    assert_eq!((returned.status, returned.failure.as_deref()), (PayoutStatus::Returned, Some("the account is closed")));
    let causes: Vec<_> = rail.shop.transfers(None).await.into_iter().map(|row| (row.0, row.3)).collect();
    let moved =
        ["payout.requested", "payout.paid", "payout.returned"].map(|cause| (cause.to_owned(), "120.36".to_owned()));
    assert_eq!(causes[3..], moved);
}

async fn funded(rail: &Rail<'_>) -> String {
    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    rail.fake.pay(&payment.reference).await;
    rail.deliver().await;
    assert_eq!(text(&rail.shop.order(&order).await["status"]), "FUNDED");
    order
}

async fn refund(rail: &Rail<'_>, order: &str, amount: &str) {
    let input = json!({ "orderId": order, "amount": amount, "idempotencyKey": amount });
    rail.shop.done(&Step { token: demo::SUPPLIER, mutation: "refundOrder", input }).await;
    rail.drain().await;
}

async fn a_refund_that_needs_an_account_is_sent_once_it_is_known(app: &TestApp) {
    let partner = Partner::start().await;
    partner.want_payees();
    let rail = Rail::of(app, partner.clone()).await;
    let order = funded(&rail).await;
    refund(&rail, &order, "23.45").await;
    let waits = trouble::refund(app, &order).await;
    assert_eq!(waits.status, RefundStatus::PayeeDetailsRequired);
    let payment = waits.payment_id.expect("a payment").to_string();
    assert_eq!(partner.refunded(&payment), 0);

    let account = json!({ "accountHolder": "Ana Souza", "country": "DE", "iban": trouble::IBAN, "bic": "COBADEFFXXX" });
    let input = json!({ "orderId": order, "account": account });
    rail.shop.done(&Step { token: demo::BUYER, mutation: "provideRefundAccount", input }).await;
    rail.drain().await;
    let payee = json!({ "account_holder": "Ana Souza", "country": "DE", "iban": trouble::IBAN, "bic": "COBADEFFXXX",
        "account_number": null, "bank_name": null, "currency": null });
    assert_eq!(partner.payee(&waits.reference), Some(payee));
    partner.settle_refund(&waits.reference).await;
    rail.deliver().await;
    assert_eq!(trouble::refund(app, &order).await.status, RefundStatus::Succeeded);
    assert_eq!(partner.refunded(&payment), 2_345);
}

async fn money_that_was_not_asked_for_goes_back(app: &TestApp) {
    let partner = Partner::start().await;
    let rail = Rail::of(app, partner.clone()).await;
    let order = rail.order("123.45").await;
    let first = rail.pay(&order).await;
    partner.capture(&first.reference, 12_344);
    rail.deliver().await;
    assert_eq!(text(&rail.shop.order(&order).await["status"]), "AWAITING_PAYMENT", "not a cent less");
    assert_eq!(partner.refunded(&first.reference), 12_344);

    // Paid twice by mistake: the second time is not the order's.
    let second = rail.pay(&order).await;
    partner.capture(&second.reference, 12_345);
    partner.capture(&second.reference, 12_345);
    rail.deliver().await;
    let seen = rail.shop.order(&order).await;
    assert_eq!(
        (text(&seen["status"]).as_str(), text(&seen["escrow"]["held"]["amount"]).as_str()),
        ("FUNDED", "123.45")
    );
    assert_eq!(partner.refunded(&second.reference), 12_345);
    let unapplied = seen["unappliedFunds"].as_array().expect("a list").iter().map(|row| text(&row["amount"]["amount"]));
    assert_eq!(unapplied.collect::<Vec<_>>(), ["123.44", "123.45"]);
}

async fn codes_and_vouchers_are_shown_to_the_buyer(app: &TestApp) {
    let rail = Rail::of(app, Partner::start().await).await;
    let query = "query($id: ID!) { payment(id: $id) { expiresAt nextAction { __typename ... on RedirectAction { url }
        ... on QrCodeAction { content } ... on VoucherAction { code page: url } } } }";
    let order = rail.order("123.45").await;
    for (method, action) in [
        (
            "WESTERN_UNION",
            json!({ "__typename": "VoucherAction", "code": "123-456", "page": "https://partner.example/voucher" }),
        ),
        ("ALIPAY", json!({ "__typename": "QrCodeAction", "content": "https://partner.example/qr" })),
    ] {
        let input = json!({ "orderId": order, "idempotencyKey": method, "method": method });
        let paid = rail.shop.done(&Step { token: demo::BUYER, mutation: "payOrder", input }).await;
        let seen = rail.shop.read(demo::BUYER, query, json!({ "id": paid["id"] })).await["payment"].take();
        assert_eq!(seen["nextAction"], action);
        assert_eq!(seen["expiresAt"].as_str().map(|at| &at[..10]), Some("2030-01-01"));
    }
}

/// What a method wants to know is asked for, passed on, and forgotten.
async fn the_payer_is_told_of_and_not_kept(app: &TestApp) {
    let fake = Partner::start().await;
    let rail = Rail::of(app, fake.clone()).await;
    let order = rail.order("123.45").await;
    let mut settings = (*rail.app.settings).clone();
    settings.providers.partner.payer_fields = vec!["email".to_owned(), "document".to_owned()];
    let (node, shop) = serve(app, settings).await;
    let query = "query($id: ID!) { paymentMethods(orderId: $id) { method available payerFields } }";
    let methods = shop.read(demo::BUYER, query, json!({ "id": order })).await["paymentMethods"].take();
    let qiwi = methods.as_array().expect("a list").iter().find(|option| option["method"] == "QIWI").expect("there");
    assert_eq!((&qiwi["available"], &qiwi["payerFields"]), (&json!(true), &json!(["EMAIL", "DOCUMENT"])));
    let pay = async |payer: Value| {
        let input = json!({ "orderId": order, "idempotencyKey": "once", "method": "QIWI", "payer": payer });
        shop.take(&Step { token: demo::BUYER, mutation: "payOrder", input }).await.expect("an answer")
    };
    let paths = |answer: &Value| {
        let errors = answer["errors"].as_array().expect("errors").iter();
        errors.map(|error| error["path"].to_string()).collect::<Vec<_>>()
    };
    let missing = pay(json!({ "email": "ana@example.com" })).await;
    assert_eq!(paths(&missing), [r#"["input","payer","document"]"#], "{missing:#}");
    let wrong = pay(json!({ "email": "ana", "document": "1", "phone": "5511", "country": "XX" })).await;
    assert_eq!(
        paths(&wrong),
        [r#"["input","payer","email"]"#, r#"["input","payer","phone"]"#, r#"["input","payer","country"]"#]
    );
    assert!(fake.way().calls().is_empty(), "nobody was asked");
    // The first call gets lost: who pays is kept, encrypted, until the second one is answered.
    fake.way().trouble(Trouble::Bare(502));
    let told = json!({ "email": "ana@example.com", "document": "123.456.789-09" });
    let paid = pay(told.clone()).await;
    let id = text(&paid["payment"]["id"]);
    let sealed = rail.payment(&id).await.encrypted_payer.expect("kept");
    assert!(!sealed.contains("ana"), "{sealed}");
    app.clock().advance(TimeDelta::minutes(5));
    secure_payment::worker::drain(&node).await.expect("the worker gets through");
    let after = rail.payment(&id).await;
    assert_eq!((after.opened_at.is_some(), after.encrypted_payer), (true, None));
    assert_eq!(fake.payer_of(&after.reference), ("ana@example.com".to_owned(), "123.456.789-09".to_owned()));
    let other = pay(json!({ "email": "eva@example.com", "document": "1" })).await;
    assert_eq!(other["errors"][0]["code"], "IDEMPOTENCY_KEY_REUSED", "another payer is another request");
}

async fn an_order_that_is_cancelled_withdraws_its_payment(app: &TestApp) {
    let rail = Rail::of(app, Partner::start().await).await;
    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    rail.shop.done(&cancel(&order)).await;
    rail.drain().await;
    let withdrawn =
        payment::Entity::find_by_id(payment.id).one(&app.db().read).await.expect("reads").expect("is there");
    assert_eq!(withdrawn.status, PaymentStatus::Cancelled);
    let cancelled = format!("POST /v1/payments/{}/cancel", payment.reference);
    assert!(rail.fake.way().calls().contains(&cancelled), "{:?}", rail.fake.way().calls());
}

async fn who_pays_is_not_kept_of_a_payment_that_was_never_opened(app: &TestApp) {
    let rail = Rail::of(app, Partner::start().await).await;
    let order = rail.order("123.45").await;
    rail.fake.way().trouble(Trouble::Bare(502));
    let input = json!({ "orderId": order, "idempotencyKey": "k", "method": "QIWI", "payer": { "name": "Ana Souza" } });
    let paid = rail.shop.done(&Step { token: demo::BUYER, mutation: "payOrder", input }).await;
    let id = text(&paid["id"]);
    assert!(rail.payment(&id).await.encrypted_payer.is_some(), "it may have to be sent again");
    rail.shop.done(&cancel(&order)).await;
    rail.drain().await;
    rail.app.clock.advance(TimeDelta::hours(25));
    rail.drain().await;
    let payment = rail.payment(&id).await;
    assert_eq!((payment.status, payment.encrypted_payer), (PaymentStatus::Cancelled, None));
}

async fn a_day_is_told_page_by_page(app: &TestApp) {
    let rail = Rail::of(app, Partner::start().await).await;
    let order = funded(&rail).await;
    refund(&rail, &order, "23.45").await;
    let refund = trouble::refund(app, &order).await;
    rail.fake.settle_refund(&refund.reference).await;
    rail.fake.fail_refund(&refund.reference).await;
    let provider = rail.app.providers.find("partner").expect("is configured");
    let day = NaiveDate::from_ymd_opt(2026, 11, 22).expect("a day");
    let statements = provider.statements(day).await.expect("answers").expect("can be asked");
    let euro = |amount| Money::exact(amount, "EUR").expect("exact");
    let [euros, dollars] = &statements[..] else { panic!("{statements:?}") };
    assert_eq!((dollars.currency.code(), dollars.day, dollars.lines.len()), ("USD", day, 0), "nothing moved in it");
    let payment = refund.payment_id.expect("a payment").to_string();
    let lines = euros.lines.iter().map(|line| (line.kind, line.movement.clone(), line.reference.clone(), line.amount));
    let expected = [
        (LineKind::Capture, format!("c_0_{payment}"), Some(payment), euro("123.45")),
        (LineKind::Refund, refund.reference.clone(), Some(refund.reference.clone()), euro("23.45")),
        (LineKind::RefundReturned, refund.reference.clone(), Some(refund.reference.clone()), euro("23.45")),
    ];
    assert_eq!(lines.collect::<Vec<_>>(), expected);
    let pages = rail.fake.way().calls().iter().filter(|call| *call == "GET /v1/movements").count();
    assert_eq!(pages, 2);
}

async fn what_names_another_account_is_quarantined(app: &TestApp) {
    let rail = Rail::of(app, Partner::start().await).await;
    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    let told = |account: Value, livemode: bool| {
        json!({ "type": "payment.captured", "data": { "payment_id": payment.reference, "amount_minor": 12_345,
            "currency": "EUR", "account": account, "livemode": livemode } })
    };
    for (id, body) in [
        ("msg_other", told(json!("acct_2"), false)),
        ("msg_none", told(Value::Null, false)),
        ("msg_live", told(json!(ACCOUNT), true)),
    ] {
        let post = signed(SECRET, id, &body.to_string(), app.clock().wall());
        assert_eq!(rail.post(&post).await.0, 200);
        rail.drain().await;
        assert_eq!(inbox(app, id).await.0, NotificationStatus::Quarantined, "{id}");
    }
    assert_eq!(text(&rail.shop.order(&order).await["status"]), "AWAITING_PAYMENT");
    let post = signed(SECRET, "msg_ours", &told(json!(ACCOUNT), false).to_string(), app.clock().wall());
    assert_eq!(rail.post(&post).await.0, 200);
    rail.drain().await;
    assert_eq!(text(&rail.shop.order(&order).await["status"]), "FUNDED");
}

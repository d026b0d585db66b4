//! What is special to YooKassa: news that nobody signs, keys that it forgets, payments that can't be withdrawn.

use chrono::TimeDelta;
use entity::notification::{self, NotificationStatus};
use entity::payment::PaymentStatus;
use entity::refund::RefundStatus;
use entity::{MinorUnits, Money};
use escrow::Command;
use provider::{Payer, PaymentQuery, PaymentRequest, ProviderError};
use sea_orm::{ConnectionTrait, EntityTrait};
use secure_payment::party::demo;
use serde_json::json;

use super::{ADDRESS, YooKassa, news, post};
use crate::support::purchase::{cancel, text};
use crate::support::rail::{Fake, Rail, Trouble};
use crate::support::trouble::{amounts, done, refund};
use crate::support::{TestApp, on_each_database};

on_each_database!(
    news_that_could_not_be_asked_about_is_not_lost,
    nothing_that_a_notification_says_is_believed,
    without_a_trusted_proxy_the_other_end_is_the_sender,
    what_is_not_understood_is_kept_for_a_person,
    an_answer_about_something_else_says_nothing,
    what_is_still_processed_is_asked_for_again_with_the_same_key,
    a_key_that_was_used_for_something_else_refuses_nothing,
    a_payment_whose_answer_was_lost_is_found_in_the_list,
    a_payment_that_waits_for_the_buyer_cannot_be_withdrawn,
    a_refund_whose_key_is_forgotten_is_not_made_twice,
    a_refund_that_is_there_at_once_is_booked_once,
);

async fn status(rail: &Rail<'_>, order: &str) -> String {
    text(&rail.shop.order(order).await["status"])
}

async fn inbox(rail: &Rail<'_>) -> Vec<(NotificationStatus, i32)> {
    let rows = notification::Entity::find().all(&rail.app.db.read).await.expect("reads");
    rows.iter().map(|row| (row.status, row.failures)).collect()
}

async fn ask(rail: &Rail<'_>) {
    rail.app.clock.advance(TimeDelta::hours(1));
    rail.drain().await;
}

/// The notification's own job asks again: the poller's turn hasn't come, and YooKassa sends nothing twice that was taken.
async fn news_that_could_not_be_asked_about_is_not_lost(test: &TestApp) {
    let fake = YooKassa::start().await;
    let rail = Rail::of(test, fake.clone()).await;
    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    fake.pay(&payment.reference).await;
    let news = fake.notifications(rail.app.clock.wall()).remove(0);
    for failures in 1..=2 {
        fake.way().trouble(Trouble::Bare(503));
        assert_eq!(rail.post(&news).await.0, 200);
        rail.drain().await;
        assert_eq!(status(&rail, &order).await, "AWAITING_PAYMENT");
        assert_eq!(inbox(&rail).await, [(NotificationStatus::Received, failures)]);
        rail.app.clock.advance(TimeDelta::seconds(5));
    }
    let calls = fake.way().calls().len();
    rail.drain().await;
    assert_eq!(status(&rail, &order).await, "FUNDED");
    assert_eq!(inbox(&rail).await, [(NotificationStatus::Applied, 2)]);
    let asked = format!("GET /v3/payments/{}", text(&fake.books().payment(&payment.reference)["id"]));
    assert_eq!(fake.way().calls()[calls..], [asked]);
}

async fn nothing_that_a_notification_says_is_believed(test: &TestApp) {
    let fake = YooKassa::start().await;
    let rail = Rail::of(test, fake.clone()).await;
    let (paid, open) = (rail.order("123.45").await, rail.order("123.45").await);
    let (first, second) = (rail.pay(&paid).await, rail.pay(&open).await);
    fake.pay(&first.reference).await;
    rail.deliver().await;
    let mut object = fake.books().payment(&second.reference).clone();
    (object["status"], object["paid"]) = (json!("succeeded"), json!(true));
    let mut other = fake.books().payment(&first.reference).clone();
    other["metadata"]["payment_id"] = json!(second.reference);
    for forged in [object, other] {
        assert_eq!(rail.post(&post(&[ADDRESS], &news("payment.succeeded", &forged))).await.0, 200);
        rail.drain().await;
        assert_eq!(rail.payment(&second.id.to_string()).await.status, PaymentStatus::Pending);
        assert_eq!(amounts(test, &open).await, (0, 0, 0, 0, 0));
        assert_eq!(amounts(test, &paid).await, (12_345, 12_345, 0, 0, 0));
    }
    // Nor does it stand in the way of the truth.
    fake.pay(&second.reference).await;
    rail.deliver().await;
    assert_eq!(status(&rail, &open).await, "FUNDED");
    assert!(inbox(&rail).await.iter().all(|(status, _)| *status == NotificationStatus::Applied));
}

async fn without_a_trusted_proxy_the_other_end_is_the_sender(test: &TestApp) {
    let fake = YooKassa::start().await;
    fake.books().is_behind_no_proxy = true;
    let rail = Rail::of(test, fake.clone()).await;
    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    fake.pay(&payment.reference).await;
    for told in fake.notifications(rail.app.clock.wall()) {
        assert_eq!(rail.post(&told).await.0, 401);
    }
    assert_eq!(inbox(&rail).await, []);
    ask(&rail).await;
    assert_eq!(status(&rail, &order).await, "FUNDED", "the poller finds out");
}

async fn what_is_not_understood_is_kept_for_a_person(test: &TestApp) {
    let fake = YooKassa::start().await;
    let rail = Rail::of(test, fake.clone()).await;
    let id = "22d6d597-000f-5000-9000-145f6df21d6f";
    let strange = [
        news("payment.succeeded", &json!({ "id": id, "metadata": {} })),
        news("payment.succeeded", &json!({ "id": "..", "metadata": {} })),
        news("refund.succeeded", &json!({ "id": id })),
        news("deal.closed", &json!({ "id": id })),
        news("payout.succeeded", &json!({ "id": id })),
        json!({ "type": "other", "event": "payment.succeeded", "object": { "id": id } }),
        json!("payment.succeeded"),
    ];
    for body in &strange {
        assert_eq!(rail.post(&post(&[ADDRESS], body)).await.0, 200, "{body}");
    }
    rail.drain().await;
    assert_eq!(inbox(&rail).await, [(NotificationStatus::Quarantined, 0)].repeat(strange.len()));
    assert_eq!(fake.way().calls(), Vec::<String>::new());
}

async fn an_answer_about_something_else_says_nothing(test: &TestApp) {
    let fake = YooKassa::start().await;
    let rail = Rail::of(test, fake.clone()).await;
    for misdeed in [
        ("/recipient/account_id", json!("100501")),
        ("/test", json!(false)),
        ("/amount/value", json!("123.44")),
        ("/amount/value", json!("123.451")),
        ("/amount/currency", json!("USD")),
        ("/metadata/payment_id", json!("payment_of_somebody_else")),
        ("/id", json!("22d6d597-000f-5000-9000-145f6df21d6f")),
        ("/paid", json!(false)),
        ("/status", json!("new")),
    ] {
        let order = rail.order("123.45").await;
        let payment = rail.pay(&order).await;
        fake.pay(&payment.reference).await;
        fake.books().misdeed = Some(misdeed.clone());
        rail.deliver().await;
        assert_eq!(rail.payment(&payment.id.to_string()).await.status, PaymentStatus::Pending, "{misdeed:?}");
        assert_eq!(amounts(test, &order).await.0, 0, "{misdeed:?}");
        fake.books().misdeed = None;
        ask(&rail).await;
        assert_eq!(amounts(test, &order).await.0, 12_345, "{misdeed:?}");
    }
}

async fn what_is_still_processed_is_asked_for_again_with_the_same_key(test: &TestApp) {
    let fake = YooKassa::start().await;
    let rail = Rail::of(test, fake.clone()).await;
    let order = rail.order("123.45").await;
    fake.books().slow = 1;
    let payment = rail.pay(&order).await;
    assert_eq!((payment.status, payment.opened_at), (PaymentStatus::Pending, None));
    ask(&rail).await;
    let opened = rail.payment(&payment.id.to_string()).await;
    assert!(opened.next_action.is_some(), "{opened:?}");
    assert_eq!(fake.way().calls(), ["POST /v3/payments"; 2]);
    assert_eq!(fake.payments(&payment.reference), 1);

    fake.pay(&payment.reference).await;
    rail.deliver().await;
    done(test, demo::SUPPLIER, &order, Command::RefundOrder { amount: MinorUnits(345) }).await;
    fake.books().slow = 1;
    rail.drain().await;
    assert_eq!(refund(test, &order).await.status, RefundStatus::Requested);
    ask(&rail).await;
    assert_eq!(refund(test, &order).await.status, RefundStatus::Pending);
    assert_eq!(fake.refunded(&payment.reference), 345);
}

async fn a_key_that_was_used_for_something_else_refuses_nothing(test: &TestApp) {
    let fake = YooKassa::start().await;
    let rail = Rail::of(test, fake.clone()).await;
    let provider = rail.app.providers.find("yookassa").expect("is configured");
    let mut request = PaymentRequest {
        reference: "payment_01".to_owned(),
        method: entity::payment::PaymentMethod::Yandex,
        amount: Money::exact("123.45", "RUB").expect("roubles"),
        description: "SP-1".to_owned(),
        notification_url: String::new(),
        return_url: None,
        payer: Payer::default(),
    };
    let opened = provider.create_payment(&request).await.expect("is opened");
    let again = provider.create_payment(&request).await.expect("is the same");
    assert_eq!(opened.provider_reference, again.provider_reference);
    request.description = "SP-2".to_owned();
    let other = provider.create_payment(&request).await;
    assert!(matches!(other, Err(ProviderError::Unknown(_))), "{other:?}");
    // What YooKassa says of the request itself is a refusal.
    (request.reference, request.description) = ("payment_02".to_owned(), String::new());
    let refused = provider.create_payment(&request).await;
    assert!(matches!(refused, Err(ProviderError::Refused(_))), "{refused:?}");
    let query = PaymentQuery {
        reference: request.reference,
        provider_reference: Some("22d6d597-000f-5000-9000-145f6df21d6f".to_owned()),
        method: request.method,
        amount: request.amount,
        has_expired: false,
    };
    let unknown = provider.query_payment(&query).await;
    assert!(matches!(unknown, Err(ProviderError::NotKnown(_))), "{unknown:?}");
}

/// The buyer was never shown its page. Whoever withdraws it has to find it first, on the second page of the list.
async fn a_payment_whose_answer_was_lost_is_found_in_the_list(test: &TestApp) {
    let fake = YooKassa::start().await;
    let rail = Rail::of(test, fake.clone()).await;
    let order = rail.order("123.45").await;
    fake.way().trouble(Trouble::Lost);
    let payment = rail.pay(&order).await;
    assert_eq!(payment.provider_reference, None);
    for _later in 0..3 {
        let order = rail.order("1.00").await;
        rail.pay(&order).await;
    }
    let before = fake.way().calls().len();
    rail.shop.done(&cancel(&order)).await;
    rail.drain().await;
    assert_eq!(fake.way().calls()[before..], ["GET /v3/payments"; 2]);
    assert_eq!(rail.payment(&payment.id.to_string()).await.status, PaymentStatus::Pending, "until its hour is over");
    fake.expire(&payment.reference).await;
    fake.books().news.clear();
    ask(&rail).await;
    assert_eq!(rail.payment(&payment.id.to_string()).await.status, PaymentStatus::Expired);

    // This one has never arrived.
    let order = rail.order("123.45").await;
    fake.way().trouble(Trouble::Bare(503));
    let payment = rail.pay(&order).await;
    rail.shop.done(&cancel(&order)).await;
    rail.drain().await;
    assert_eq!(rail.payment(&payment.id.to_string()).await.status, PaymentStatus::Pending, "it may arrive yet");
    rail.app.clock.advance(TimeDelta::hours(25));
    rail.drain().await;
    assert_eq!(rail.payment(&payment.id.to_string()).await.status, PaymentStatus::Cancelled);
}

async fn a_payment_that_waits_for_the_buyer_cannot_be_withdrawn(test: &TestApp) {
    let fake = YooKassa::start().await;
    let rail = Rail::of(test, fake.clone()).await;
    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    rail.shop.done(&cancel(&order)).await;
    rail.drain().await;
    assert_eq!(rail.payment(&payment.id.to_string()).await.status, PaymentStatus::Pending, "which is the truth");
    fake.pay(&payment.reference).await;
    rail.deliver().await;
    assert_eq!(rail.payment(&payment.id.to_string()).await.status, PaymentStatus::Captured);
    assert_eq!(fake.refunded(&payment.reference), 12_345, "it came too late, and goes back");
    let refund = refund(test, &order).await;
    fake.settle_refund(&refund.reference).await;
    rail.deliver().await;
    ask(&rail).await;
    assert_eq!(fake.refunded(&payment.reference), 12_345);
}

/// An order of 123.45 that is paid, of which 3.45 are to go back.
async fn refunding(rail: &Rail<'_>) -> (String, entity::payment::Model) {
    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    rail.fake.pay(&payment.reference).await;
    rail.deliver().await;
    done(rail.test, demo::SUPPLIER, &order, Command::RefundOrder { amount: MinorUnits(345) }).await;
    rail.drain().await;
    (order, payment)
}

async fn a_refund_whose_key_is_forgotten_is_not_made_twice(test: &TestApp) {
    let fake = YooKassa::start().await;
    let rail = Rail::of(test, fake.clone()).await;
    let (order, payment) = refunding(&rail).await;
    // As if the answer had been lost, and we had been away for longer than YooKassa keeps a key.
    let transaction = rail.app.db.begin_write().await.expect("begins");
    let sql = "update refund set status = 'REQUESTED', provider_reference = null";
    transaction.execute_unprepared(sql).await.expect("is done");
    transaction.commit().await.expect("commits");
    fake.books().forget_keys();
    secure_payment::payment::send_refund(&rail.app, refund(test, &order).await.id).await.expect("is found");
    assert_eq!(fake.books().refunds.len(), 1);
    assert_eq!(fake.refunded(&payment.reference), 345);
    assert_eq!(refund(test, &order).await.status, RefundStatus::Pending);
}

async fn a_refund_that_is_there_at_once_is_booked_once(test: &TestApp) {
    let fake = YooKassa::start().await;
    fake.books().refunds_at_once = true;
    let rail = Rail::of(test, fake.clone()).await;
    let (order, payment) = refunding(&rail).await;
    assert_eq!(refund(test, &order).await.status, RefundStatus::Succeeded);
    let moved = rail.shop.transfers(Some(&order)).await;
    rail.deliver().await;
    ask(&rail).await;
    assert_eq!(rail.shop.transfers(Some(&order)).await, moved);
    assert_eq!(fake.refunded(&payment.reference), 345);
    assert!(inbox(&rail).await.iter().all(|(status, _)| *status == NotificationStatus::Applied));
}

//! What is special to dLocal.

use chrono::TimeDelta;
use entity::MinorUnits;
use entity::notification::{self, NotificationStatus};
use entity::payment::{NextAction, PaymentStatus};
use entity::refund::RefundStatus;
use escrow::Command;
use sea_orm::{ConnectionTrait, EntityTrait};
use secure_payment::party::demo;
use serde_json::json;

use super::{Dlocal, LOGIN, SECRET, altered, described, given_back};
use crate::support::purchase::{Step, cancel, text};
use crate::support::rail::{Fake, Rail, Trouble};
use crate::support::trouble::{amounts, done, refund};
use crate::support::{TestApp, on_each_database};

on_each_database!(
    an_answer_about_another_payment_says_nothing,
    a_payment_whose_key_was_forgotten_is_found,
    a_document_that_is_none_is_not_sent,
    a_payment_that_was_paid_is_given_back_when_it_was_withdrawn,
    a_refund_whose_answer_was_lost_is_found_or_stays_unknown,
    what_is_not_understood_is_kept_for_a_person,
);

async fn an_answer_about_another_payment_says_nothing(test: &TestApp) {
    let fake = Dlocal::start(LOGIN, SECRET).await;
    let rail = Rail::of(test, fake.clone()).await;
    let order = rail.order("123.45").await;
    let odd = [
        ("order_id", json!("another")),
        ("id", json!("")),
        ("amount", json!(123.44)),
        ("amount", json!("123.45")),
        ("currency", json!("USD")),
        ("status", json!("UNHEARD")),
        ("redirect_url", json!("javascript:alert(1)")),
        ("redirect_url", json!(null)),
    ];
    fake.books().misdeed = Some(odd[0].clone());
    let payment = rail.pay(&order).await;
    for misdeed in odd {
        fake.books().misdeed = Some(misdeed.clone());
        let same = rail.pay(&order).await;
        assert_eq!((same.id, same.status), (payment.id, PaymentStatus::Pending));
        assert_eq!((same.next_action, same.opened_at), (None, None), "{misdeed:?}");
    }
    fake.books().misdeed = None;
    let opened = rail.pay(&order).await;
    assert!(opened.id == payment.id && opened.opened_at.is_some(), "{opened:?}");
    let Some(NextAction::Redirect { url }) = opened.next_action else { panic!("{:?}", opened.next_action) };
    assert!(url.starts_with("https://pay.dlocal.example/D-4-"), "{url}");
    assert_eq!(fake.payments(&payment.reference), 1);

    fake.pay(&payment.reference).await;
    drop(fake.notifications(test.clock().wall()));
    for misdeed in [("amount", json!(123.44)), ("order_id", json!("another")), ("status_code", json!("300"))] {
        fake.books().misdeed = Some(misdeed);
        test.clock().advance(TimeDelta::hours(9));
        rail.drain().await;
        assert_eq!(amounts(test, &order).await.0, 0);
    }
}

async fn a_payment_whose_key_was_forgotten_is_found(test: &TestApp) {
    let fake = Dlocal::start(LOGIN, SECRET).await;
    let rail = Rail::of(test, fake.clone()).await;
    let order = rail.order("123.45").await;
    fake.way().trouble(Trouble::Lost);
    let payment = rail.pay(&order).await;
    {
        let mut books = fake.books();
        books.keys.clear();
        // The amount of another: then the same order_id is a duplicate.
        books.payment(&payment.reference).expect("there").amount += 1;
    }
    let opened = rail.pay(&order).await;
    assert!(opened.id == payment.id && opened.opened_at.is_some(), "{opened:?}");
    assert_eq!(fake.payments(&payment.reference), 1);
}

async fn a_document_that_is_none_is_not_sent(test: &TestApp) {
    let fake = Dlocal::start(LOGIN, SECRET).await;
    let rail = Rail::of(test, fake.clone()).await;
    let order = rail.order("123.45").await;
    let payer = json!({ "name": "Thiago Gabriel", "email": "thiago@example.com", "document": "530.333.155-51" });
    let input = json!({ "orderId": order, "idempotencyKey": "k", "method": "TEF", "payer": payer });
    let paid = rail.shop.done(&Step { token: demo::BUYER, mutation: "payOrder", input }).await;
    let payment = rail.payment(&text(&paid["id"])).await;
    assert_eq!(payment.status, PaymentStatus::Failed);
    assert!(payment.failure.as_deref().is_some_and(|reason| reason.contains("CPF")), "{payment:?}");
    assert!(fake.way().calls().iter().all(|call| !call.starts_with("POST")), "{:?}", fake.way().calls());
}

/// dLocal can't withdraw it.
async fn a_payment_that_was_paid_is_given_back_when_it_was_withdrawn(test: &TestApp) {
    let fake = Dlocal::start(LOGIN, SECRET).await;
    let rail = Rail::of(test, fake.clone()).await;
    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    rail.shop.done(&cancel(&order)).await;
    rail.drain().await;
    assert_eq!(rail.payment(&payment.id.to_string()).await.status, PaymentStatus::Pending);
    fake.pay(&payment.reference).await;
    rail.deliver().await;
    assert_eq!(rail.payment(&payment.id.to_string()).await.status, PaymentStatus::Captured);
    assert_eq!(fake.refunded(&payment.reference), 12_345);
}

async fn a_refund_whose_answer_was_lost_is_found_or_stays_unknown(test: &TestApp) {
    let fake = Dlocal::start(LOGIN, SECRET).await;
    let rail = Rail::of(test, fake.clone()).await;
    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    fake.pay(&payment.reference).await;
    rail.deliver().await;
    let transaction = test.db().begin_write().await.expect("begins");
    transaction.execute_unprepared("update payment set provider_reference = null").await.expect("forgets");
    transaction.commit().await.expect("commits");
    done(test, demo::SUPPLIER, &order, Command::RefundOrder { amount: MinorUnits(345) }).await;
    // The first call finds the payment's id; the second one is the refund's.
    let (open, gate) = tokio::sync::watch::channel(true);
    fake.way().trouble(Trouble::Gated(gate));
    fake.way().trouble(Trouble::Lost);
    rail.drain().await;
    drop(open);
    assert_eq!(refund(test, &order).await.status, RefundStatus::Requested);
    assert_eq!(fake.refunded(&payment.reference), 345);
    {
        let mut books = fake.books();
        books.keys.clear();
        books.hides_our_ids = true;
    }
    for _twice in 0..2 {
        test.clock().advance(TimeDelta::hours(1));
        rail.drain().await;
        assert_eq!(refund(test, &order).await.status, RefundStatus::Requested, "5011, and nobody says which");
    }
    fake.books().hides_our_ids = false;
    test.clock().advance(TimeDelta::hours(1));
    rail.drain().await;
    let found = refund(test, &order).await;
    assert_eq!((found.status, found.provider_reference.as_deref()), (RefundStatus::Pending, Some("REF42342")));
    fake.settle_refund(&found.reference).await;
    rail.deliver().await;
    assert_eq!(refund(test, &order).await.status, RefundStatus::Succeeded);
    assert_eq!(fake.refunded(&payment.reference), 345);
}

async fn what_is_not_understood_is_kept_for_a_person(test: &TestApp) {
    let fake = Dlocal::start(LOGIN, SECRET).await;
    let rail = Rail::of(test, fake.clone()).await;
    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    fake.pay(&payment.reference).await;
    rail.deliver().await;
    done(test, demo::SUPPLIER, &order, Command::RefundOrder { amount: MinorUnits(345) }).await;
    rail.drain().await;
    let asked = refund(test, &order).await;
    let (paid, back) = {
        let mut books = fake.books();
        let back = given_back(books.refund(&asked.reference).expect("there"), false);
        (described(books.payment(&payment.reference).expect("there")), back)
    };
    let odd = [
        altered(&paid, "status", &json!("UNHEARD")),
        altered(&altered(&paid, "status_code", &json!("300")), "id", &json!("D-4-other")),
        altered(&altered(&paid, "amount", &json!("123.45")), "id", &json!("D-4-text")),
        altered(&back, "status", &json!("UNHEARD")),
        altered(&altered(&back, "id", &json!("CHAR1")), "status", &json!("SUCCESS")),
    ];
    let before = notification::Entity::find().all(&test.db().read).await.expect("reads").len();
    for body in &odd {
        let (status, answer) = rail.post(&fake.post(body, test.clock().wall(), SECRET)).await;
        assert_eq!(status, 200, "{answer}");
    }
    rail.drain().await;
    let rows = notification::Entity::find().all(&test.db().read).await.expect("reads").split_off(before);
    assert_eq!(rows.len(), odd.len(), "{rows:#?}");
    assert!(rows.iter().all(|row| row.status == NotificationStatus::Quarantined), "{rows:#?}");
    assert_eq!(amounts(test, &order).await, (12_345, 12_000, 0, 345, 0));
    assert_eq!(refund(test, &order).await.status, RefundStatus::Pending);
}

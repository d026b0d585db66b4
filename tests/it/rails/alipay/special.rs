//! What is special to Alipay's own gateway.

use chrono::TimeDelta;
use entity::MinorUnits;
use entity::notification::{self, NotificationStatus};
use entity::payment::PaymentStatus;
use entity::refund::RefundStatus;
use escrow::Command;
use sea_orm::EntityTrait;
use secure_payment::party::demo;
use serde_json::json;

use super::{Alipay, Misdeed, Params, post};
use crate::rails::keys::Pair;
use crate::support::purchase::{Step, cancel, text};
use crate::support::rail::{Fake, Rail};
use crate::support::trouble::{amounts, done, refund};
use crate::support::{TestApp, on_each_database};

on_each_database!(
    a_page_that_nobody_opens_expires_and_only_then,
    a_page_is_closed_once_it_is_opened_after_the_order_was_cancelled,
    a_payment_that_was_paid_is_not_closed,
    news_of_a_refund_prove_the_payment_whichever_comes_first,
    a_refund_whose_answer_was_lost_is_asked_about,
    an_answer_that_alipay_did_not_sign_says_nothing,
    what_is_sent_again_is_a_duplicate_though_its_time_is_another,
    a_notification_for_another_seller_is_kept_for_a_person,
    a_signature_vouches_for_one_reading_only,
);

/// `payOrder`, without opening the page.
async fn pay_unseen(rail: &Rail<'_>, order: &str) -> entity::payment::Model {
    let key = rail.app.clock.new_id().to_string();
    let input = json!({ "orderId": order, "idempotencyKey": key, "method": "ALIPAY" });
    let paid = rail.shop.done(&Step { token: demo::BUYER, mutation: "payOrder", input }).await;
    rail.payment(&text(&paid["id"])).await
}

fn visit(fake: &Alipay, payment: &entity::payment::Model) {
    match &payment.next_action {
        Some(entity::payment::NextAction::Redirect { url }) => fake.visit(url),
        other => panic!("{other:?}"),
    }
}

async fn status(rail: &Rail<'_>, payment: &entity::payment::Model) -> PaymentStatus {
    rail.payment(&payment.id.to_string()).await.status
}

async fn a_page_that_nobody_opens_expires_and_only_then(test: &TestApp) {
    let fake = Alipay::start(&[]).await;
    let rail = Rail::of(test, fake.clone()).await;
    let order = rail.order("123.45").await;
    let payment = pay_unseen(&rail, &order).await;
    assert_eq!(fake.way().calls(), Vec::<String>::new(), "an address needs no call");
    test.clock().advance(TimeDelta::minutes(110));
    rail.drain().await;
    assert_eq!(status(&rail, &payment).await, PaymentStatus::Pending);
    assert!(!fake.way().calls().is_empty(), "it was asked about");
    test.clock().advance(TimeDelta::hours(5));
    rail.drain().await;
    assert_eq!(status(&rail, &payment).await, PaymentStatus::Expired);
}

async fn a_page_is_closed_once_it_is_opened_after_the_order_was_cancelled(test: &TestApp) {
    let fake = Alipay::start(&[]).await;
    let rail = Rail::of(test, fake.clone()).await;
    let order = rail.order("123.45").await;
    let payment = pay_unseen(&rail, &order).await;
    rail.shop.done(&cancel(&order)).await;
    rail.drain().await;
    assert_eq!(status(&rail, &payment).await, PaymentStatus::Pending, "the buyer can open it still");
    visit(&fake, &payment);
    test.clock().advance(TimeDelta::minutes(10));
    rail.drain().await;
    assert_eq!(status(&rail, &payment).await, PaymentStatus::Cancelled);
    assert_eq!(fake.books().trade(&payment.reference).ok().expect("opened").status, "TRADE_CLOSED");

    let order = rail.order("123.45").await;
    let unseen = pay_unseen(&rail, &order).await;
    rail.shop.done(&cancel(&order)).await;
    test.clock().advance(TimeDelta::hours(3));
    rail.drain().await;
    assert_eq!(status(&rail, &unseen).await, PaymentStatus::Cancelled, "nobody can open it any more");
}

async fn a_payment_that_was_paid_is_not_closed(test: &TestApp) {
    let fake = Alipay::start(&[]).await;
    let rail = Rail::of(test, fake.clone()).await;
    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    fake.pay(&payment.reference).await;
    rail.shop.done(&cancel(&order)).await;
    rail.drain().await;
    assert_eq!(status(&rail, &payment).await, PaymentStatus::Captured);
    assert_eq!(fake.refunded(&payment.reference), 12_345, "it came too late, and goes back");
    // The trade is closed now, and was paid all the same.
    let trade = fake.books().trade(&payment.reference).ok().expect("opened").status;
    assert_eq!(trade, "TRADE_CLOSED");
    rail.deliver().await;
    assert_eq!(status(&rail, &payment).await, PaymentStatus::Captured);
}

async fn news_of_a_refund_prove_the_payment_whichever_comes_first(test: &TestApp) {
    let fake = Alipay::start(&[]).await;
    let rail = Rail::of(test, fake.clone()).await;
    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    fake.pay(&payment.reference).await;
    let first = std::mem::take(&mut fake.books().news);
    // Somebody gave a part of it back in Alipay's own console, before we heard that it was paid.
    let back = super::Back {
        out_request_no: "console_1".to_owned(),
        out_trade_no: payment.reference.clone(),
        refund_amount: "3.45".to_owned(),
        refund_reason: "by hand".to_owned(),
    };
    assert!(fake.books().give_back(back).is_ok());
    fake.settle_refund("console_1").await;
    rail.deliver().await;
    assert_eq!(amounts(test, &order).await.0, 12_345, "it was paid");
    let rows = notification::Entity::find().all(&test.db().read).await.expect("reads");
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].status, NotificationStatus::Quarantined, "a refund that is not ours is shown: {rows:#?}");
    fake.books().news = first;
    rail.deliver().await;
    assert_eq!(amounts(test, &order).await, (12_345, 12_345, 0, 0, 0), "once");
}

async fn a_refund_whose_answer_was_lost_is_asked_about(test: &TestApp) {
    let fake = Alipay::start(&[]).await;
    let rail = Rail::of(test, fake.clone()).await;
    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    fake.pay(&payment.reference).await;
    rail.deliver().await;
    done(test, demo::SUPPLIER, &order, Command::RefundOrder { amount: MinorUnits(345) }).await;
    fake.way().trouble(crate::support::rail::Trouble::Lost);
    rail.drain().await;
    assert_eq!(refund(test, &order).await.status, RefundStatus::Requested);
    test.clock().advance(TimeDelta::hours(1));
    rail.drain().await;
    // The second request moved nothing (fund_change N), so the question decided.
    assert_eq!(refund(test, &order).await.status, RefundStatus::Succeeded);
    assert_eq!(fake.refunded(&payment.reference), 345);
    // And the news of it change nothing.
    fake.settle_refund(&refund(test, &order).await.reference).await;
    rail.deliver().await;
    assert_eq!(amounts(test, &order).await, (12_345, 12_000, 0, 345, 0));
    let rows = notification::Entity::find().all(&test.db().read).await.expect("reads");
    assert!(rows.iter().all(|row| row.status == NotificationStatus::Applied), "{rows:#?}");
}

async fn an_answer_that_alipay_did_not_sign_says_nothing(test: &TestApp) {
    let fake = Alipay::start(&[]).await;
    let rail = Rail::of(test, fake.clone()).await;
    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    fake.pay(&payment.reference).await;
    drop(fake.notifications(test.clock().wall()));
    for misdeed in [Misdeed::Unsigned, Misdeed::SignedByAnother, Misdeed::Reformatted] {
        fake.books().misdeed = Some(misdeed);
        test.clock().advance(TimeDelta::days(1));
        let before = fake.way().calls().len();
        rail.drain().await;
        assert!(fake.way().calls().len() > before, "{misdeed:?}: it was asked about");
        assert_eq!(status(&rail, &payment).await, PaymentStatus::Pending, "{misdeed:?}");
    }
    fake.books().misdeed = None;
    test.clock().advance(TimeDelta::days(1));
    rail.drain().await;
    assert_eq!(amounts(test, &order).await.0, 12_345);
}

async fn what_is_sent_again_is_a_duplicate_though_its_time_is_another(test: &TestApp) {
    let fake = Alipay::start(&[]).await;
    let rail = Rail::of(test, fake.clone()).await;
    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    fake.pay(&payment.reference).await;
    let news = fake.books().news.pop().expect("one");
    let wall = test.clock().wall();
    for minutes in [0, 4, 25 * 60] {
        let again = post(news.clone(), wall - TimeDelta::minutes(minutes), Some(&Pair::vendor()));
        assert_eq!(rail.post(&again).await, (200, "success".to_owned()));
    }
    let mut other: Params = news;
    other.insert("total_amount".to_owned(), "999.99".to_owned());
    assert_eq!(rail.post(&post(other, wall, Some(&Pair::vendor()))).await.0, 200);
    rail.drain().await;
    let rows = notification::Entity::find().all(&test.db().read).await.expect("reads");
    let mut seen: Vec<_> = rows.iter().map(|row| row.status).collect();
    seen.sort();
    assert_eq!(rows.len(), 2, "three times the same, and one that is not: {rows:#?}");
    assert!(seen.contains(&NotificationStatus::Applied) && seen.contains(&NotificationStatus::Quarantined), "{seen:?}");
    assert_eq!(amounts(test, &order).await.0, 12_345);
}

async fn a_notification_for_another_seller_is_kept_for_a_person(test: &TestApp) {
    let fake = Alipay::start(&[]).await;
    let rail = Rail::of(test, fake.clone()).await;
    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    let good = fake.books().news_of(&payment.reference, None);
    let mut sent = 0;
    for (name, value) in [
        ("seller_id", "2088000000000000"),
        ("seller_id", ""),
        ("app_id", "2021999999999999"),
        ("notify_type", "batch_refund_notify"),
        ("charset", "gbk"),
        ("trade_status", "TRADE_PENDING"),
        ("total_amount", "123.455"),
        ("total_amount", "1e5"),
        ("trade_no", ""),
        ("out_trade_no", ""),
    ] {
        let mut odd = good.clone();
        odd.insert("trade_status".to_owned(), "TRADE_SUCCESS".to_owned());
        odd.insert(name.to_owned(), value.to_owned());
        odd.insert("notify_id".to_owned(), format!("odd_{sent}"));
        sent += 1;
        assert_eq!(rail.post(&post(odd, test.clock().wall(), Some(&Pair::vendor()))).await.0, 200, "{name}");
    }
    rail.drain().await;
    let rows = notification::Entity::find().all(&test.db().read).await.expect("reads");
    assert_eq!(rows.len(), sent);
    assert!(rows.iter().all(|row| row.status == NotificationStatus::Quarantined), "{rows:#?}");
    assert_eq!(amounts(test, &order).await.0, 0);
}

/// The signed string is the same when a parameter is moved into the value before it, or is there twice.
async fn a_signature_vouches_for_one_reading_only(test: &TestApp) {
    let fake = Alipay::start(&[]).await;
    let rail = Rail::of(test, fake.clone()).await;
    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    fake.pay(&payment.reference).await;
    let genuine = post(fake.books().news.pop().expect("one"), test.clock().wall(), Some(&Pair::vendor()));
    let body = String::from_utf8(genuine.body.clone()).expect("text");
    for (from, to) in [
        ("&total_amount=", "%26total_amount%3D"),
        ("total_amount=", "total_amount=1.00&total_amount="),
        ("out_trade_no=", "out%5Ftrade_no=x&out_trade_no="),
        ("sign_type=RSA2", "sign_type=RSA"),
        ("sign_type=RSA2", "sign_type=RSA2&sign_type=RSA2"),
        ("&sign_type=RSA2", ""),
    ] {
        assert!(body.contains(from), "{from}");
        let mut forged = genuine.clone();
        forged.body = body.replacen(from, to, 1).into_bytes();
        assert_eq!(rail.post(&forged).await.0, 401, "{from} → {to}");
    }
    assert!(notification::Entity::find().all(&test.db().read).await.expect("reads").is_empty());
    assert_eq!(rail.post(&genuine).await.0, 200);
}

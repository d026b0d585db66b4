//! What is special to Antom.

use chrono::TimeDelta;
use entity::MinorUnits;
use entity::chargeback::ChargebackStatus;
use entity::notification::{self, NotificationStatus};
use entity::payment::PaymentStatus;
use entity::refund::RefundStatus;
use escrow::Command;
use sea_orm::{ConnectionTrait, EntityTrait};
use secure_payment::party::demo;
use serde_json::json;

use super::{Antom, Misdeed, described};
use crate::support::purchase::cancel;
use crate::support::rail::{Claim, Fake, Rail};
use crate::support::trouble::{amounts, chargebacks, done, refund};
use crate::support::{TestApp, on_each_database};

on_each_database!(
    an_answer_that_antom_did_not_sign_says_nothing,
    pending_is_not_paid,
    a_payment_that_was_paid_is_not_withdrawn,
    a_refund_finds_the_payment_that_antom_did_not_name,
    a_dispute_that_was_accepted_is_taken_once,
    what_is_not_understood_is_kept_for_a_person,
);

async fn an_answer_that_antom_did_not_sign_says_nothing(test: &TestApp) {
    let fake = Antom::start(&[]).await;
    let rail = Rail::of(test, fake.clone()).await;
    let order = rail.order("123.45").await;
    fake.books().misdeed = Some(Misdeed::Unsigned);
    let payment = rail.pay(&order).await;
    for misdeed in [Misdeed::Unsigned, Misdeed::SignedByAnother, Misdeed::SignedForAnotherPath] {
        fake.books().misdeed = Some(misdeed);
        // The same question again: what is still unknown is asked again.
        let same = rail.pay(&order).await;
        assert_eq!((same.id, same.status), (payment.id, PaymentStatus::Pending));
        assert_eq!((same.next_action, same.opened_at), (None, None), "{misdeed:?}");
    }
    fake.books().misdeed = None;
    let opened = rail.pay(&order).await;
    assert_eq!(opened.id, payment.id);
    assert!(opened.next_action.is_some() && opened.opened_at.is_some(), "{opened:?}");
    assert_eq!(fake.payments(&payment.reference), 1);
}

async fn pending_is_not_paid(test: &TestApp) {
    let fake = Antom::start(&[]).await;
    let rail = Rail::of(test, fake.clone()).await;
    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    let mut news = described(fake.books().payment(&payment.reference).expect("there"), ("S", "SUCCESS"));
    news["notifyType"] = json!("PAYMENT_PENDING");
    fake.tell(news);
    rail.deliver().await;
    assert_eq!(rail.payment(&payment.id.to_string()).await.status, PaymentStatus::Pending);
    assert_eq!(amounts(test, &order).await.0, 0);
    fake.pay(&payment.reference).await;
    rail.deliver().await;
    assert_eq!(amounts(test, &order).await.0, 12_345);
}

async fn a_payment_that_was_paid_is_not_withdrawn(test: &TestApp) {
    let fake = Antom::start(&[]).await;
    let rail = Rail::of(test, fake.clone()).await;
    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    fake.pay(&payment.reference).await;
    rail.shop.done(&cancel(&order)).await;
    rail.drain().await;
    assert_eq!(rail.payment(&payment.id.to_string()).await.status, PaymentStatus::Captured);
    assert_eq!(fake.refunded(&payment.reference), 12_345, "it came too late, and goes back");
    rail.deliver().await;
    assert_eq!(fake.refunded(&payment.reference), 12_345);
    let withdrawn = rail.order("1.00").await;
    let payment = rail.pay(&withdrawn).await;
    rail.shop.done(&cancel(&withdrawn)).await;
    rail.drain().await;
    assert_eq!(rail.payment(&payment.id.to_string()).await.status, PaymentStatus::Cancelled);
    assert_eq!(fake.books().payment(&payment.reference).expect("there").status, "CANCELLED");
}

async fn a_refund_finds_the_payment_that_antom_did_not_name(test: &TestApp) {
    let fake = Antom::start(&[]).await;
    let rail = Rail::of(test, fake.clone()).await;
    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    fake.pay(&payment.reference).await;
    rail.deliver().await;
    let transaction = test.db().begin_write().await.expect("begins");
    transaction.execute_unprepared("update payment set provider_reference = null").await.expect("forgets");
    transaction.commit().await.expect("commits");
    done(test, demo::SUPPLIER, &order, Command::RefundOrder { amount: MinorUnits(345) }).await;
    rail.drain().await;
    let asked = refund(test, &order).await;
    assert_eq!((asked.status, fake.refunded(&payment.reference)), (RefundStatus::Pending, 345));
    fake.settle_refund(&asked.reference).await;
    // The notification gets lost; the job asks.
    drop(fake.notifications(test.clock().wall()));
    test.clock().advance(TimeDelta::hours(1));
    rail.drain().await;
    assert_eq!(refund(test, &order).await.status, RefundStatus::Succeeded);
}

async fn a_dispute_that_was_accepted_is_taken_once(test: &TestApp) {
    let fake = Antom::start(&[]).await;
    let rail = Rail::of(test, fake.clone()).await;
    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    fake.pay(&payment.reference).await;
    rail.deliver().await;
    assert!(fake.claim(&payment.reference, Claim::Lose).await);
    let judged = fake.books().news.pop().expect("the verdict");
    let mut accepted = judged.clone();
    accepted["disputeNotificationType"] = json!("DISPUTE_ACCEPTED");
    for field in ["disputeJudgedResult", "disputeJudgedAmount"] {
        accepted.as_object_mut().expect("an object").remove(field);
    }
    let mut supplied = accepted.clone();
    supplied["disputeNotificationType"] = json!("DEFENSE_SUPPLIED");
    for news in [supplied, accepted, judged] {
        fake.tell(news);
    }
    assert!(fake.claim(&payment.reference, Claim::Open).await, "the first news comes last");
    rail.deliver().await;
    let rows = chargebacks(test, &order).await;
    let seen: Vec<_> = rows.iter().map(|row| (row.status, row.amount.0, row.debited)).collect();
    assert_eq!(seen, [(ChargebackStatus::Lost, 12_345, true)]);
    assert_eq!(amounts(test, &order).await, (12_345, 0, 0, 0, 12_345));
    let rows = notification::Entity::find().all(&test.db().read).await.expect("reads");
    assert!(rows.iter().all(|row| row.status == NotificationStatus::Applied), "{rows:#?}");
}

async fn what_is_not_understood_is_kept_for_a_person(test: &TestApp) {
    let fake = Antom::start(&[]).await;
    let rail = Rail::of(test, fake.clone()).await;
    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    let good = described(fake.books().payment(&payment.reference).expect("there"), ("S", "SUCCESS"));
    let with = |field: &str, value| {
        let mut news = good.clone();
        news["notifyType"] = json!("PAYMENT_RESULT");
        news[field] = value;
        news
    };
    let odd = [
        with("notifyType", json!("TRANSFER_RESULT")),
        with("result", json!({ "resultStatus": "U", "resultCode": "UNKNOWN_EXCEPTION" })),
        with("result", json!({ "resultStatus": "S", "resultCode": "PAYMENT_IN_PROCESS" })),
        with("paymentAmount", json!({ "currency": "USD", "value": "123.45" })),
        with("paymentAmount", json!({ "currency": "USD", "value": 12345 })),
        with("paymentId", json!("")),
        json!([]),
    ];
    for news in &odd {
        fake.tell(news.clone());
    }
    rail.deliver().await;
    let rows = notification::Entity::find().all(&test.db().read).await.expect("reads");
    assert_eq!(rows.len(), odd.len(), "{rows:#?}");
    assert!(rows.iter().all(|row| row.status == NotificationStatus::Quarantined), "{rows:#?}");
    assert_eq!(amounts(test, &order).await.0, 0);
    // Of a dispute it stands there besides, and the order waits.
    let resolved =
        json!({ "disputeNotificationType": "RDR_RESOLVED", "disputeId": "d", "paymentRequestId": payment.reference });
    fake.tell(resolved);
    rail.deliver().await;
    let known = chargebacks(test, &order).await.remove(0);
    assert!(!known.booked && known.problem.is_some(), "{known:#?}");
}

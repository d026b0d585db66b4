//! What is special to QIWI.

use chrono::TimeDelta;
use entity::notification::{self, NotificationStatus};
use entity::payment::{NextAction, PaymentStatus};
use sea_orm::EntityTrait;
use serde_json::json;

use super::{Qiwi, SECRET, SITE, described, signature};
use crate::support::purchase::cancel;
use crate::support::rail::{Fake, Rail};
use crate::support::trouble::amounts;
use crate::support::{TestApp, on_each_database};

on_each_database!(
    an_answer_about_another_bill_says_nothing,
    a_bill_that_is_there_is_not_put_in_vain,
    a_bill_that_was_paid_is_not_withdrawn,
    what_is_not_signed_is_not_read,
    what_is_not_ours_is_kept_for_a_person,
);

async fn an_answer_about_another_bill_says_nothing(test: &TestApp) {
    let fake = Qiwi::start(SITE, SECRET).await;
    let rail = Rail::of(test, fake.clone()).await;
    let order = rail.order("123.45").await;
    let odd = [
        ("siteId", json!("1")),
        ("billId", json!("another")),
        ("amount", json!({ "value": 123.44, "currency": "RUB" })),
        ("amount", json!({ "value": 123.45, "currency": "USD" })),
        ("amount", json!({ "value": "123.450", "currency": "RUB" })),
        ("status", json!({ "value": "UNPAID" })),
        ("payUrl", json!("javascript:alert(1)")),
    ];
    fake.books().misdeed = Some(odd[0].clone());
    let payment = rail.pay(&order).await;
    for misdeed in odd {
        fake.books().misdeed = Some(misdeed.clone());
        let same = rail.pay(&order).await;
        assert_eq!((same.id, same.status), (payment.id, PaymentStatus::Pending));
        assert_eq!((same.next_action, same.opened_at), (None, None), "{misdeed:?}");
    }
    // A site's id is a number in some of QIWI's answers.
    fake.books().misdeed = Some(("siteId", json!(23044)));
    let opened = rail.pay(&order).await;
    assert!(opened.id == payment.id && opened.opened_at.is_some(), "{opened:?}");
    let Some(NextAction::Redirect { url }) = opened.next_action else { panic!("{:?}", opened.next_action) };
    assert!(url.starts_with("https://oplata.qiwi.example/form/?invoice_uid="), "{url}");
    assert_eq!(fake.payments(&payment.reference), 1);
    fake.pay(&payment.reference).await;
    drop(fake.notifications(test.clock().wall()));
    fake.books().misdeed = Some(("siteId", json!("1")));
    test.clock().advance(TimeDelta::hours(1));
    rail.drain().await;
    assert_eq!(amounts(test, &order).await.0, 0, "paid, but on another site");
}

async fn a_bill_that_is_there_is_not_put_in_vain(test: &TestApp) {
    let fake = Qiwi::start(SITE, SECRET).await;
    let rail = Rail::of(test, fake.clone()).await;
    let order = rail.order("123.45").await;
    fake.books().refuses_repetition = true;
    fake.way().trouble(crate::support::rail::Trouble::Lost);
    let payment = rail.pay(&order).await;
    assert_eq!(payment.opened_at, None);
    let opened = rail.pay(&order).await;
    assert!(opened.id == payment.id && opened.opened_at.is_some(), "{opened:?}");
    assert_eq!(fake.payments(&payment.reference), 1);
}

async fn a_bill_that_was_paid_is_not_withdrawn(test: &TestApp) {
    let fake = Qiwi::start(SITE, SECRET).await;
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
    assert_eq!(fake.books().bill(&payment.reference).expect("there").status, "REJECTED");
}

/// Dates, customer and comment may be anything, also when it is sent again.
async fn what_is_not_signed_is_not_read(test: &TestApp) {
    let fake = Qiwi::start(SITE, SECRET).await;
    let rail = Rail::of(test, fake.clone()).await;
    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    fake.pay(&payment.reference).await;
    let bill = fake.books().news.pop().expect("it was paid");
    for (field, value) in [
        ("comment", json!("another")),
        ("expirationDateTime", json!("never")),
        ("customer", json!({ "phone": "79111112233" })),
        ("payUrl", json!("https://elsewhere.example")),
    ] {
        let mut again = bill.clone();
        again[field] = value;
        let (status, body) = rail.post(&fake.signed(&again)).await;
        assert_eq!((status, body.as_str()), (200, r#"{"error":"0"}"#), "{field}");
        rail.drain().await;
    }
    assert_eq!(amounts(test, &order).await.0, 12_345);
    let rows = notification::Entity::find().all(&test.db().read).await.expect("reads");
    assert_eq!(rows.len(), 1, "four times the same: {rows:#?}");
    assert_eq!(rows[0].status, NotificationStatus::Applied);
}

async fn what_is_not_ours_is_kept_for_a_person(test: &TestApp) {
    let fake = Qiwi::start(SITE, SECRET).await;
    let rail = Rail::of(test, fake.clone()).await;
    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    let bill = {
        let mut books = fake.books();
        let bill = books.bill(&payment.reference).expect("there");
        bill.status = "PAID";
        described(bill, SITE)
    };
    let odd = [
        ("siteId", json!("1")),
        ("status", json!({ "value": "UNPAID" })),
        ("amount", json!({ "value": 123.45, "currency": "rub" })),
    ];
    for (number, (field, value)) in odd.iter().enumerate() {
        let mut news = bill.clone();
        news[*field] = value.clone();
        // Each is another bill's, or they would be one that contradicts itself.
        news["billId"] = json!(format!("{}{number}", payment.reference));
        let post = Qiwi::post(&news, &signature(SECRET, &news));
        assert_eq!(rail.post(&post).await.0, 200, "{field}");
    }
    rail.drain().await;
    let rows = notification::Entity::find().all(&test.db().read).await.expect("reads");
    assert_eq!(rows.len(), odd.len(), "{rows:#?}");
    assert!(rows.iter().all(|row| row.status == NotificationStatus::Quarantined), "{rows:#?}");
    assert_eq!(amounts(test, &order).await.0, 0);
}

//! What is special to Rapyd.

use chrono::{DateTime, TimeDelta, Utc};
use entity::notification::{self, NotificationStatus};
use entity::payment::PaymentStatus;
use entity::refund::RefundStatus;
use sea_orm::EntityTrait;
use secure_payment::party::demo;
use serde_json::{Value, json};

use super::{Misdeed, Rapyd, SECRET, webhook};
use crate::support::bank::status;
use crate::support::purchase::{Step, cancel, codes, text};
use crate::support::rail::{Fake, Rail, Trouble};
use crate::support::trouble::{amounts, provide_account, refunds};
use crate::support::{TestApp, on_each_database};

on_each_database!(
    a_code_is_shown_and_nothing_is_paid,
    a_code_that_was_never_shown_ends_alone,
    what_is_withdrawn_ends_there_and_what_was_paid_before_goes_back,
    a_payment_whose_answer_was_lost_is_withdrawn_here_only,
    an_answer_about_something_else_says_nothing,
    another_amount_than_was_asked_for_goes_back,
    what_is_sent_again_is_the_same_but_for_its_status,
    what_is_not_understood_is_kept_for_a_person,
    what_rapyd_requires_of_the_payer_is_asked_for,
);

async fn inbox(test: &TestApp) -> Vec<notification::Model> {
    notification::Entity::find().all(&test.db().read).await.expect("reads")
}

/// Money that fits nothing goes back, once the bank knows where to.
async fn goes_back(test: &TestApp, order: &str) -> Vec<(i64, String, RefundStatus)> {
    refunds(test, order).await.into_iter().map(|row| (row.amount.0, row.provider, row.status)).collect()
}

async fn a_code_is_shown_and_nothing_is_paid(test: &TestApp) {
    let fake = Rapyd::start(&[]).await;
    let rail = Rail::of(test, fake.clone()).await;
    let order = rail.order("120.50").await;
    let payment = rail.pay(&order).await;
    rail.deliver().await;
    assert_eq!(inbox(test).await[0].status, NotificationStatus::Applied, "PAYMENT_SUCCEEDED");
    assert_eq!((status(&rail.shop, &order).await.as_str(), amounts(test, &order).await.0), ("AWAITING_PAYMENT", 0));
    let query = "query($id: ID!) { payment(id: $id) { nextAction { ... on VoucherAction { code expiresAt url } } } }";
    let shown = rail.shop.read(demo::BUYER, query, json!({ "id": payment.id.to_string() })).await;
    let shown = &shown["payment"]["nextAction"];
    let code = fake.books().payment(&payment.reference).code();
    assert_eq!((text(&shown["code"]), &shown["url"]), (code, &Value::Null));
    let ends: DateTime<Utc> = text(&shown["expiresAt"]).parse().expect("a time");
    let left = ends - test.clock().now();
    assert!(left <= TimeDelta::days(3) && left > TimeDelta::days(3) - TimeDelta::minutes(5), "{left}");
}

/// Rapyd forgets after a day that it was asked before.
async fn a_code_that_was_never_shown_ends_alone(test: &TestApp) {
    let fake = Rapyd::start(&[]).await;
    let rail = Rail::of(test, fake.clone()).await;
    let order = rail.order("123.45").await;
    fake.way().trouble(Trouble::Lost);
    let payment = rail.pay(&order).await;
    fake.books().answers.clear();
    test.clock().advance(TimeDelta::hours(30));
    rail.drain().await;
    let shown = rail.payment(&payment.id.to_string()).await;
    assert_eq!((fake.payments(&payment.reference), shown.provider_reference.as_deref()), (2, Some("payment_00000002")));
    let of_the_first = |kind: &str, status: &'static str, paid: &str| {
        let mut books = fake.books();
        let first = &mut books.payments[0];
        (first.status, first.paid) = (status, paid.to_owned());
        let data = first.described();
        books.tell(kind, data);
    };
    of_the_first("PAYMENT_EXPIRED", "ERR", "0");
    rail.deliver().await;
    assert_eq!(rail.payment(&payment.id.to_string()).await.status, PaymentStatus::Pending, "the shown one is open");
    fake.pay(&payment.reference).await;
    rail.deliver().await;
    assert_eq!(amounts(test, &order).await.0, 12_345);
    // Though nobody could know its code.
    of_the_first("PAYMENT_COMPLETED", "CLO", "123.45");
    rail.deliver().await;
    assert_eq!(amounts(test, &order).await.0, 12_345);
    let second = (12_345, "bank".to_owned(), RefundStatus::PayeeDetailsRequired);
    assert_eq!(goes_back(test, &order).await, [second]);
    assert!(inbox(test).await.iter().all(|row| row.status == NotificationStatus::Applied));
}

async fn what_is_withdrawn_ends_there_and_what_was_paid_before_goes_back(test: &TestApp) {
    let fake = Rapyd::start(&[]).await;
    let rail = Rail::of(test, fake.clone()).await;
    let order = rail.order("1.00").await;
    let payment = rail.pay(&order).await;
    rail.shop.done(&cancel(&order)).await;
    rail.drain().await;
    assert_eq!(rail.payment(&payment.id.to_string()).await.status, PaymentStatus::Cancelled);
    assert_eq!(fake.books().payment(&payment.reference).status, "CAN");

    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    provide_account(test, &order).await;
    fake.pay(&payment.reference).await;
    rail.shop.done(&cancel(&order)).await;
    rail.drain().await;
    assert_eq!(rail.payment(&payment.id.to_string()).await.status, PaymentStatus::Captured);
    assert_eq!(fake.refunded(&payment.reference), 12_345, "it came too late, and goes back");
    rail.deliver().await;
    assert_eq!(fake.refunded(&payment.reference), 12_345, "once");
}

async fn a_payment_whose_answer_was_lost_is_withdrawn_here_only(test: &TestApp) {
    let fake = Rapyd::start(&[]).await;
    let rail = Rail::of(test, fake.clone()).await;
    let order = rail.order("123.45").await;
    fake.way().trouble(Trouble::Lost);
    let payment = rail.pay(&order).await;
    rail.shop.done(&cancel(&order)).await;
    rail.drain().await;
    assert_eq!(rail.payment(&payment.id.to_string()).await.status, PaymentStatus::Cancelled);
    assert_eq!(fake.way().calls(), ["POST /v1/payments"], "it could not be named to Rapyd");
    assert_eq!(fake.books().payment(&payment.reference).status, "ACT");
}

async fn an_answer_about_something_else_says_nothing(test: &TestApp) {
    use Misdeed::{OfAnUnknownStatus, OfAnotherAmount, OfAnotherId, OfAnotherMethod, OfAnotherReference, WithoutACode};
    let fake = Rapyd::start(&[]).await;
    let rail = Rail::of(test, fake.clone()).await;
    let order = rail.order("123.45").await;
    fake.books().misdeed = Some(OfAnotherReference);
    let payment = rail.pay(&order).await;
    for misdeed in [OfAnotherReference, OfAnotherAmount, OfAnotherMethod, WithoutACode, OfAnUnknownStatus] {
        fake.books().misdeed = Some(misdeed);
        let same = rail.pay(&order).await;
        assert_eq!((same.id, same.status, same.opened_at), (payment.id, PaymentStatus::Pending, None), "{misdeed:?}");
    }
    fake.books().misdeed = None;
    assert!(rail.pay(&order).await.opened_at.is_some());
    assert_eq!(fake.payments(&payment.reference), 1, "asked seven times, opened once");

    fake.pay(&payment.reference).await;
    drop(fake.notifications(test.clock().wall()));
    for misdeed in [OfAnotherReference, OfAnotherAmount, OfAnotherId, OfAnotherMethod, OfAnUnknownStatus] {
        fake.books().misdeed = Some(misdeed);
        test.clock().advance(TimeDelta::hours(24));
        rail.drain().await;
        assert_eq!(rail.payment(&payment.id.to_string()).await.status, PaymentStatus::Pending, "{misdeed:?}");
    }
    fake.books().misdeed = None;
    test.clock().advance(TimeDelta::hours(24));
    rail.drain().await;
    assert_eq!(amounts(test, &order).await.0, 12_345);
}

async fn another_amount_than_was_asked_for_goes_back(test: &TestApp) {
    let fake = Rapyd::start(&[]).await;
    let rail = Rail::of(test, fake.clone()).await;
    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    {
        let mut books = fake.books();
        let paid = books.payment(&payment.reference);
        (paid.status, paid.paid) = ("CLO", "100".to_owned());
        let data = paid.described();
        books.tell("PAYMENT_COMPLETED", data);
    }
    rail.deliver().await;
    assert_eq!((status(&rail.shop, &order).await.as_str(), amounts(test, &order).await.1), ("AWAITING_PAYMENT", 0));
    assert_eq!(goes_back(test, &order).await, [(10_000, "bank".to_owned(), RefundStatus::PayeeDetailsRequired)]);
}

async fn what_is_sent_again_is_the_same_but_for_its_status(test: &TestApp) {
    let fake = Rapyd::start(&[]).await;
    let rail = Rail::of(test, fake.clone()).await;
    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    fake.pay(&payment.reference).await;
    let mut news = fake.books().news.last().expect("PAYMENT_COMPLETED").clone();
    rail.deliver().await;
    let before = inbox(test).await.len();
    let send = async |news: &Value| {
        let post = Rapyd::post(&news.to_string(), (&webhook(), SECRET), test.clock().wall());
        assert_eq!(rail.post(&post).await.0, 200);
        rail.drain().await;
    };
    (news["status"], news["created_at"]) = (json!("RET"), json!(1_761_999_999));
    send(&news).await;
    assert_eq!(inbox(test).await.len(), before);
    news["data"]["amount"] = json!(923.45);
    send(&news).await;
    let after = inbox(test).await;
    assert_eq!((after.len(), amounts(test, &order).await.0), (before + 1, 12_345));
    assert!(after.iter().any(|row| row.status == NotificationStatus::Quarantined), "the same id with another body");
}

async fn what_is_not_understood_is_kept_for_a_person(test: &TestApp) {
    let fake = Rapyd::start(&[]).await;
    let rail = Rail::of(test, fake.clone()).await;
    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    drop(fake.notifications(test.clock().wall()));
    let mut paid = fake.books().payment(&payment.reference).described();
    (paid["status"], paid["amount"]) = (json!("CLO"), paid["original_amount"].clone());
    let with = |field: &str, value: Value| {
        let mut data = paid.clone();
        data[field] = value;
        data
    };
    let odd = [
        ("PAYMENT_COMPLETED", with("status", json!("ACT"))),
        ("PAYMENT_COMPLETED", with("payment_method_type", json!("ec_facilito_cash"))),
        ("PAYMENT_COMPLETED", with("merchant_reference_id", json!(""))),
        ("PAYMENT_COMPLETED", with("id", json!(""))),
        ("PAYMENT_COMPLETED", with("amount", json!("123.45"))),
        ("PAYMENT_COMPLETED", with("amount", json!(123.455))),
        ("PAYMENT_COMPLETED", with("currency_code", json!("XXY"))),
        ("PAYMENT_REVERSED", with("status", json!("REV"))),
        ("PAYMENT_CAPTURED", paid.clone()),
        ("REFUND_COMPLETED", paid.clone()),
        ("PAYMENT_COMPLETED", json!([])),
    ];
    for (kind, data) in &odd {
        fake.books().tell(kind, data.clone());
    }
    fake.books().news.push(json!([]));
    rail.deliver().await;
    let rows = inbox(test).await;
    assert_eq!(rows.len(), odd.len() + 1, "{rows:#?}");
    assert!(rows.iter().all(|row| row.status == NotificationStatus::Quarantined), "{rows:#?}");
    assert_eq!(rail.shop.transfers(None).await, [], "no money moved");
}

async fn what_rapyd_requires_of_the_payer_is_asked_for(test: &TestApp) {
    let fake = Rapyd::start(&[("identification_id", "document")]).await;
    let rail = Rail::of(test, fake.clone()).await;
    let order = rail.order("123.45").await;
    let pay = |payer: Value| {
        let key = test.clock().new_id().to_string();
        let input = json!({ "orderId": order, "idempotencyKey": key, "method": "WESTERN_UNION", "payer": payer });
        Step { token: demo::BUYER, mutation: "payOrder", input }
    };
    let payer = |document: Value, country: &str| json!({ "name": "Ana Souza", "email": "ana@example.com", "document": document, "country": country });
    let missing = rail.shop.take(&pay(payer(Value::Null, "EC"))).await.expect("an answer");
    assert_eq!(
        (codes(&missing), text(missing["errors"][0]["path"].as_array().expect("a path").last().expect("one"))),
        (vec!["INVALID_INPUT".to_owned()], "document".to_owned())
    );
    let elsewhere = rail.shop.take(&pay(payer(json!("0926687856"), "DE"))).await.expect("an answer");
    assert_eq!(codes(&elsewhere), ["INVALID_INPUT"]);
    rail.shop.done(&pay(payer(json!("0926687856"), "EC"))).await;
    let given = fake.books().payments[0].asked.payment_method.fields.clone();
    assert_eq!(given.into_iter().collect::<Vec<_>>(), [("identification_id".to_owned(), "0926687856".to_owned())]);
}

//! What is special to WebMoney: it asks before it takes money, and its refunds have no name.

use chrono::TimeDelta;
use entity::notification::{self, NotificationStatus};
use entity::payment::{Model, PaymentStatus};
use entity::refund::RefundStatus;
use entity::{MinorUnits, payment};
use escrow::Command;
use sea_orm::{ConnectionTrait, EntityTrait};
use secure_payment::party::demo;
use tokio::sync::watch;

use super::{Params, SECRET, WebMoney, asked, hash, post, signed};
use crate::support::purchase::cancel;
use crate::support::rail::{Fake, Rail, Trouble};
use crate::support::trouble::{amounts, done, refunds};
use crate::support::{TestApp, on_each_database};

on_each_database!(
    it_may_be_paid_only_as_it_was_asked_for_and_only_while_it_is_waited_for,
    what_is_signed_and_not_ours_is_kept_for_a_person,
    a_field_that_separates_fields_is_refused,
    what_is_sent_again_is_a_duplicate_whatever_is_not_signed,
    a_secret_that_is_being_replaced_still_signs,
    a_payment_of_which_no_news_came_is_found,
    a_payment_that_nobody_pays_expires,
    a_refund_whose_answer_was_lost_is_not_sent_again,
    equal_refunds_are_as_many_returns,
    a_transfer_that_may_be_the_refund_stops_it,
);

async fn opened(rail: &Rail<'_>) -> (String, Model) {
    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    (order, payment)
}

/// As WebMoney asks, with these changes.
fn question(fake: &WebMoney, payment: &Model, changes: &[(&str, &str)]) -> Params {
    let form = fake.books().payment(&payment.reference).form.clone();
    let mut params = asked(&form);
    params.insert("LMI_RESULT_URL".to_owned(), form["LMI_RESULT_URL"].clone());
    params.extend(changes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    params
}

async fn may_be_paid(fake: &WebMoney, payment: &Model, changes: &[(&str, &str)]) -> bool {
    let (status, body) = fake.ask(&question(fake, payment, changes)).await;
    assert!([200, 401].contains(&status), "{status} {body}");
    if body != "YES" {
        assert!(!body.contains("YES") && !body.contains("SP-"), "{body}");
    }
    body == "YES"
}

async fn run_sql(test: &TestApp, sql: &str) {
    let transaction = test.db().begin_write().await.expect("begins");
    transaction.execute_unprepared(sql).await.expect("is written");
    transaction.commit().await.expect("commits");
}

async fn it_may_be_paid_only_as_it_was_asked_for_and_only_while_it_is_waited_for(test: &TestApp) {
    let fake = WebMoney::start().await;
    let rail = Rail::of(test, fake.clone()).await;
    let (order, payment) = opened(&rail).await;
    assert!(may_be_paid(&fake, &payment, &[]).await);
    for change in [
        ("LMI_PAYMENT_AMOUNT", "123.44"),
        ("LMI_PAYMENT_AMOUNT", "123.46"),
        ("LMI_PAYMENT_AMOUNT", "123.451"),
        ("LMI_PAYMENT_AMOUNT", "0"),
        ("LMI_PAYEE_PURSE", "Z000000000000"),
        ("LMI_PAYEE_PURSE", "E123456789012"),
        ("LMI_PAYMENT_NO", "1"),
        ("LMI_PAYMENT_NO", ""),
        ("LMI_PAYMENT_NO", &format!("0{}", payment.reference)),
        ("LMI_MODE", "0"),
        ("LMI_MODE", ""),
        ("LMI_HOLD", "5"),
    ] {
        assert!(!may_be_paid(&fake, &payment, &[change]).await, "{change:?}");
    }
    // Nothing has come of all these questions.
    rail.drain().await;
    assert_eq!(rail.payment(&payment.id.to_string()).await.status, PaymentStatus::Pending);
    assert_eq!((amounts(test, &order).await.0, rail.shop.transfers(None).await), (0, vec![]));
    assert!(notification::Entity::find().all(&test.db().read).await.expect("reads").is_empty());

    // Another payment has brought a part of it.
    // As if: the books must be as they were when the test ends.
    run_sql(test, "update orders set captured = 1, held = 1").await;
    assert!(!may_be_paid(&fake, &payment, &[]).await, "less is due");
    run_sql(test, "update orders set captured = 0, held = 0").await;
    assert!(may_be_paid(&fake, &payment, &[]).await);

    fake.pay(&payment.reference).await;
    rail.deliver().await;
    assert!(!may_be_paid(&fake, &payment, &[]).await, "it is paid");

    let (order, cancelled) = opened(&rail).await;
    rail.shop.done(&cancel(&order)).await;
    assert!(!may_be_paid(&fake, &cancelled, &[]).await, "its order is cancelled");
    rail.drain().await;
    assert_eq!(rail.payment(&cancelled.id.to_string()).await.status, PaymentStatus::Cancelled);
    assert!(!may_be_paid(&fake, &cancelled, &[]).await);

    let (_order, late) = opened(&rail).await;
    test.clock().advance(TimeDelta::minutes(119));
    assert!(may_be_paid(&fake, &late, &[]).await);
    test.clock().advance(TimeDelta::minutes(2));
    assert!(!may_be_paid(&fake, &late, &[]).await, "its time is over");

    let (_order, refused) = opened(&rail).await;
    fake.decline(&refused.reference).await;
    later(&rail).await;
    assert_eq!(rail.payment(&refused.id.to_string()).await.status, PaymentStatus::Failed);
    assert!(!may_be_paid(&fake, &refused, &[]).await, "the payer refused it, and pays by another one");

    // What another provider calls so is not ours.
    let (_order, other) = opened(&rail).await;
    assert!(may_be_paid(&fake, &other, &[]).await);
    run_sql(test, "update payment set provider = 'sandbox' where status = 'PENDING'").await;
    assert!(!may_be_paid(&fake, &other, &[]).await);
}

async fn what_is_signed_and_not_ours_is_kept_for_a_person(test: &TestApp) {
    let fake = WebMoney::start().await;
    let rail = Rail::of(test, fake.clone()).await;
    let (order, payment) = opened(&rail).await;
    fake.books().paid(&payment.reference);
    let good = fake.books().news.pop().expect("one");
    let odd = [
        ("LMI_MODE", "0"),
        ("LMI_MODE", "2"),
        ("LMI_HOLD", "3"),
        ("LMI_PAYEE_PURSE", "Z000000000000"),
        ("LMI_PAYEE_PURSE", "E123456789012"),
        ("LMI_PAYMENT_AMOUNT", "123.455"),
        ("LMI_PAYMENT_AMOUNT", "1e5"),
        ("LMI_PAYMENT_AMOUNT", "-1"),
        ("LMI_PAYMENT_NO", "x"),
    ];
    for (sent, (name, value)) in (1..).zip(odd) {
        let mut params = good.clone();
        params.insert(name.to_owned(), value.to_owned());
        params.insert("LMI_SYS_TRANS_NO".to_owned(), sent.to_string());
        assert_eq!(rail.post(&post(&signed(&params, SECRET))).await, (200, "YES".to_owned()), "{name} {value}");
    }
    rail.drain().await;
    let rows = notification::Entity::find().all(&test.db().read).await.expect("reads");
    assert_eq!(rows.len(), odd.len());
    assert!(rows.iter().all(|row| row.status == NotificationStatus::Quarantined), "{rows:#?}");
    assert_eq!((amounts(test, &order).await.0, rail.shop.transfers(None).await), (0, vec![]));
}

async fn a_field_that_separates_fields_is_refused(test: &TestApp) {
    let fake = WebMoney::start().await;
    let rail = Rail::of(test, fake.clone()).await;
    let (_order, payment) = opened(&rail).await;
    fake.books().paid(&payment.reference);
    let good = fake.books().news.pop().expect("one");
    let mut held = good.clone();
    held.insert("LMI_HOLD".to_owned(), "3".to_owned());
    let signature = hash(&held, SECRET, ";");
    // The same string to sign, read in another way: the days that it is held are part of the amount.
    let mut forged = good.clone();
    let amount = format!("{};3", forged["LMI_PAYMENT_AMOUNT"]);
    forged.insert("LMI_PAYMENT_AMOUNT".to_owned(), amount);
    assert_eq!(hash(&forged, SECRET, ";"), signature);
    forged.insert("LMI_HASH2".to_owned(), signature);
    assert_eq!(rail.post(&post(&forged)).await.0, 401);
    let twice = [post(&signed(&good, SECRET)).body, b"&LMI_PAYMENT_AMOUNT=1".to_vec()].concat();
    assert_eq!(rail.post(&crate::support::rail::Post { body: twice, ..post(&good) }).await.0, 401);
    assert!(notification::Entity::find().all(&test.db().read).await.expect("reads").is_empty());
}

async fn what_is_sent_again_is_a_duplicate_whatever_is_not_signed(test: &TestApp) {
    let fake = WebMoney::start().await;
    let rail = Rail::of(test, fake.clone()).await;
    let (order, payment) = opened(&rail).await;
    fake.pay(&payment.reference).await;
    let news = fake.books().news.pop().expect("one");
    for note in ["", "again"] {
        let mut params = signed(&news, SECRET);
        params.insert("a_field_of_the_buyers".to_owned(), note.to_owned());
        assert_eq!(rail.post(&post(&params)).await, (200, "YES".to_owned()));
    }
    let mut other = news;
    other.insert("LMI_PAYMENT_AMOUNT".to_owned(), "999.99".to_owned());
    assert_eq!(rail.post(&post(&signed(&other, SECRET))).await.0, 200);
    rail.drain().await;
    let rows = notification::Entity::find().all(&test.db().read).await.expect("reads");
    let mut seen: Vec<NotificationStatus> = rows.iter().map(|row| row.status).collect();
    seen.sort();
    let mut expected = [NotificationStatus::Applied, NotificationStatus::Quarantined];
    expected.sort();
    assert_eq!(seen, expected, "{rows:#?}");
    assert_eq!(amounts(test, &order).await.0, 12_345);
}

async fn a_secret_that_is_being_replaced_still_signs(test: &TestApp) {
    let fake = WebMoney::start().await;
    let rail = Rail::of(test, fake.clone()).await;
    let (order, payment) = opened(&rail).await;
    fake.pay(&payment.reference).await;
    let news = fake.books().news.pop().expect("one");
    assert_eq!(rail.post(&post(&signed(&news, "the one before"))).await.0, 200);
    rail.drain().await;
    assert_eq!(amounts(test, &order).await.0, 12_345);
}

async fn a_payment_of_which_no_news_came_is_found(test: &TestApp) {
    let fake = WebMoney::start().await;
    let rail = Rail::of(test, fake.clone()).await;
    let (order, payment) = opened(&rail).await;
    fake.pay(&payment.reference).await;
    let news = std::mem::take(&mut fake.books().news);
    test.clock().advance(TimeDelta::minutes(10));
    rail.drain().await;
    assert_eq!(amounts(test, &order).await.0, 12_345, "it was asked about");
    fake.books().news = news;
    rail.deliver().await;
    assert_eq!(amounts(test, &order).await, (12_345, 12_345, 0, 0, 0), "once");
}

async fn a_payment_that_nobody_pays_expires(test: &TestApp) {
    let fake = WebMoney::start().await;
    let rail = Rail::of(test, fake.clone()).await;
    let (_order, payment) = opened(&rail).await;
    // The buyer has not even come.
    fake.books().payments.clear();
    test.clock().advance(TimeDelta::minutes(100));
    rail.drain().await;
    assert_eq!(rail.payment(&payment.id.to_string()).await.status, PaymentStatus::Pending);
    test.clock().advance(TimeDelta::hours(4));
    rail.drain().await;
    assert_eq!(rail.payment(&payment.id.to_string()).await.status, PaymentStatus::Expired);
}

async fn funded<'a>(test: &'a TestApp, fake: &std::sync::Arc<WebMoney>) -> (Rail<'a>, String, payment::Model) {
    let rail = Rail::of(test, fake.clone()).await;
    let (order, payment) = opened(&rail).await;
    fake.pay(&payment.reference).await;
    rail.deliver().await;
    (rail, order, payment)
}

/// The history is read, and the request for the return arrives, but not its answer.
fn lose_the_answer_to_a_return(fake: &WebMoney) {
    let (_open, gate) = watch::channel(true);
    for _question in 0..2 {
        fake.way().trouble(Trouble::Gated(gate.clone()));
    }
    fake.way().trouble(Trouble::Lost);
}

async fn give_back(test: &TestApp, order: &str, units: i64) {
    done(test, demo::SUPPLIER, order, Command::RefundOrder { amount: MinorUnits(units) }).await;
}

async fn statuses(test: &TestApp, order: &str) -> Vec<RefundStatus> {
    refunds(test, order).await.iter().map(|row| row.status).collect()
}

async fn later(rail: &Rail<'_>) {
    rail.app.clock.advance(TimeDelta::hours(1));
    rail.drain().await;
}

async fn a_refund_whose_answer_was_lost_is_not_sent_again(test: &TestApp) {
    let fake = WebMoney::start().await;
    let (rail, order, payment) = funded(test, &fake).await;
    give_back(test, &order, 345).await;
    lose_the_answer_to_a_return(&fake);
    rail.drain().await;
    assert_eq!((statuses(test, &order).await, fake.refunded(&payment.reference)), (vec![RefundStatus::Requested], 345));
    // Longer ago than WebMoney itself refuses to do it twice.
    fake.settle_refund("").await;
    later(&rail).await;
    assert_eq!((statuses(test, &order).await, fake.refunded(&payment.reference)), (vec![RefundStatus::Succeeded], 345));
    assert_eq!(amounts(test, &order).await, (12_345, 12_000, 0, 345, 0));
}

async fn equal_refunds_are_as_many_returns(test: &TestApp) {
    let fake = WebMoney::start().await;
    let (rail, order, payment) = funded(test, &fake).await;
    give_back(test, &order, 345).await;
    rail.drain().await;
    assert_eq!(statuses(test, &order).await, [RefundStatus::Succeeded]);
    // Within half an hour WebMoney takes the second one for the first.
    give_back(test, &order, 345).await;
    rail.drain().await;
    assert_eq!(fake.refunded(&payment.reference), 345);
    assert_eq!(statuses(test, &order).await, [RefundStatus::Succeeded, RefundStatus::Requested], "and not failed");
    fake.settle_refund("").await;
    later(&rail).await;
    assert_eq!(statuses(test, &order).await, [RefundStatus::Succeeded; 2]);
    assert_eq!((fake.refunded(&payment.reference), amounts(test, &order).await.3), (690, 690));

    // A third one, whose answer is lost, is told from the two.
    fake.settle_refund("").await;
    give_back(test, &order, 345).await;
    lose_the_answer_to_a_return(&fake);
    rail.drain().await;
    fake.settle_refund("").await;
    later(&rail).await;
    assert_eq!(statuses(test, &order).await, [RefundStatus::Succeeded; 3]);
    assert_eq!((fake.refunded(&payment.reference), amounts(test, &order).await.3), (1_035, 1_035));
}

async fn a_transfer_that_may_be_the_refund_stops_it(test: &TestApp) {
    let fake = WebMoney::start().await;
    let (rail, order, payment) = funded(test, &fake).await;
    give_back(test, &order, 345).await;
    lose_the_answer_to_a_return(&fake);
    rail.drain().await;
    // WebMoney describes returns in other words than we know.
    fake.books().returns[0].description = "Возврат".to_owned();
    fake.settle_refund("").await;
    later(&rail).await;
    let stopped = (vec![RefundStatus::ActionRequired], 345);
    assert_eq!((statuses(test, &order).await, fake.refunded(&payment.reference)), stopped, "it is for a person");
}

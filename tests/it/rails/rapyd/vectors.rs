//! What an SDK of Rapyd's signed, posted to us at the time when it was signed, each to a fresh installation.

use chrono::{DateTime, TimeDelta};
use entity::notification::{self, NotificationStatus};
use entity::payment::PaymentStatus;
use sea_orm::{ConnectionTrait, EntityTrait};
use serde_json::Value;

use super::Rapyd;
use crate::support::purchase::text;
use crate::support::rail::{Fake, Post, Rail};
use crate::support::trouble::amounts;
use crate::support::{Engine, TestApp, run};

/// What it must do to an order of 120.00 that waits to be paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Refused,
    Captured,
    Expired,
}

fn expected(id: &str) -> Expected {
    match id {
        "completed_ok" => Expected::Captured,
        "completed_tampered" | "wrong_salt" => Expected::Refused,
        "expired" => Expected::Expired,
        unknown => panic!("nothing is expected of the vector {unknown}"),
    }
}

mod every_sample_of_rapyd_moves_what_it_says_and_nothing_else {
    use super::*;

    #[test]
    fn sqlite() {
        on(Engine::Sqlite);
    }

    #[test]
    fn postgres() {
        on(Engine::Postgres);
    }
}

fn on(engine: Engine) {
    let document: Value = serde_json::from_str(include_str!("../../../vectors/rapyd.json")).expect("JSON");
    for vector in document["vectors"].as_array().expect("vectors") {
        let expected = expected(&text(&vector["id"]));
        assert_eq!(expected == Expected::Refused, vector["valid"] == false, "{}", vector["id"]);
        run(engine, async |app| judge(app, vector, expected).await);
    }
}

async fn judge(test: &TestApp, vector: &Value, expected: Expected) {
    let fake = Rapyd::start(&[]).await;
    let rail = Rail::of(test, fake.clone()).await;
    assert_eq!(rail.app.settings.notification_url("rapyd"), text(&vector["url"]));
    let order = rail.order("120.00").await;
    let payment = rail.pay(&order).await;
    drop(fake.notifications(test.clock().wall()));
    {
        let mut books = fake.books();
        let there = books.payment(&payment.reference);
        assert_eq!(there.asked.amount.get(), "120", "as Rapyd would write it");
        // It expired, or was paid, at Rapyd before it told so.
        there.status = if expected == Expected::Expired { "ERR" } else { "ACT" };
        (there.id, there.asked.merchant_reference_id) = ("payment_sp0001".to_owned(), "pay_01".to_owned());
    }
    let transaction = test.db().begin_write().await.expect("begins");
    let sql = "update payment set reference = 'pay_01', provider_reference = 'payment_sp0001'";
    transaction.execute_unprepared(sql).await.expect("is named as in the sample");
    transaction.commit().await.expect("commits");

    let headers = vector["headers"].as_object().expect("headers");
    let headers = headers.iter().map(|(name, value)| (name.clone(), text(value))).collect();
    let post = Post { to: "rapyd", headers, body: text(&vector["body"]).into_bytes() };
    let signed_at = DateTime::from_timestamp(vector["now"].as_i64().expect("seconds"), 0).expect("a time");
    for (late, in_time) in [(302, false), (-302, false), (-300, true), (299, true)] {
        rail.app.clock.shift_wall(TimeDelta::zero());
        rail.app.clock.shift_wall(signed_at + TimeDelta::seconds(late) - rail.app.clock.wall());
        let (status, body) = rail.post(&post).await;
        rail.app.clock.shift_wall(TimeDelta::zero());
        let is_taken = in_time && expected != Expected::Refused;
        assert_eq!(status, if is_taken { 200 } else { 401 }, "{} {late}: {body}", vector["id"]);
    }
    rail.drain().await;
    let inbox = notification::Entity::find().all(&test.db().read).await.expect("reads");
    assert_eq!(inbox.len(), usize::from(expected != Expected::Refused), "{inbox:#?}");
    assert!(inbox.iter().all(|row| row.status == NotificationStatus::Applied), "{inbox:#?}");

    let payment = rail.payment(&payment.id.to_string()).await;
    let (captured, held, ..) = amounts(test, &order).await;
    let (status, money) = match expected {
        Expected::Refused => (PaymentStatus::Pending, 0),
        Expected::Captured => (PaymentStatus::Captured, 12_000),
        Expected::Expired => (PaymentStatus::Expired, 0),
    };
    assert_eq!((payment.status, captured, held), (status, money, money), "{}", vector["id"]);
}

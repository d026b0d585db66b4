//! Signed as dLocal signs, posted to us at the time when it was signed, each to a fresh installation.

use chrono::{DateTime, TimeDelta};
use entity::notification::{self, NotificationStatus};
use entity::payment::PaymentStatus;
use entity::refund::RefundStatus;
use entity::{MinorUnits, Time};
use escrow::Command;
use sea_orm::{ConnectionTrait, EntityTrait};
use secure_payment::party::demo;
use serde_json::Value;

use super::Dlocal;
use crate::support::purchase::text;
use crate::support::rail::{Fake, Post, Rail};
use crate::support::trouble::{amounts, done, refund};
use crate::support::{Engine, TestApp, run};

/// What it must do to an order of 72.00, paid, with a refund of 3.45 on its way, where it is about a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Refused,
    Nothing,
    Captured,
    Failed,
    Expired,
    Refunded,
    /// Of ours, without a body; `src/payment/dlocal` has it. As a notification it says nothing.
    Request,
}

fn expected(id: &str) -> Expected {
    match id {
        "published_empty_body" => Expected::Request,
        "paid_tef_bb" | "pix_paid" => Expected::Captured,
        "paid_tampered" | "wrong_date" => Expected::Refused,
        "rejected" => Expected::Failed,
        "expired" => Expected::Expired,
        "pending" => Expected::Nothing,
        "refund_success" => Expected::Refunded,
        unknown => panic!("nothing is expected of the vector {unknown}"),
    }
}

mod every_sample_of_dlocal_moves_what_it_says_and_nothing_else {
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
    let document: Value = serde_json::from_str(include_str!("../../../vectors/dlocal.json")).expect("JSON");
    for vector in document["vectors"].as_array().expect("vectors") {
        let expected = expected(&text(&vector["id"]));
        assert_eq!(expected == Expected::Refused, vector["valid"] == false, "{}", vector["id"]);
        run(engine, async |app| judge(app, vector, expected).await);
    }
}

async fn judge(test: &TestApp, vector: &Value, expected: Expected) {
    let fake = Dlocal::start(&text(&vector["login"]), &text(&vector["secret"])).await;
    let rail = Rail::of(test, fake.clone()).await;
    let order = rail.order("72.00").await;
    let payment = rail.pay(&order).await;
    if expected == Expected::Refunded {
        fake.pay(&payment.reference).await;
        rail.deliver().await;
        done(test, demo::SUPPLIER, &order, Command::RefundOrder { amount: MinorUnits(345) }).await;
        rail.drain().await;
        let asked = refund(test, &order).await;
        assert_eq!((asked.status, asked.provider_reference.as_deref()), (RefundStatus::Pending, Some("REF42342")));
        // The sample doesn't say our id of it: dLocal is asked, and its own notification has got lost.
        fake.settle_refund(&asked.reference).await;
        drop(fake.notifications(test.clock().wall()));
    }
    let transaction = test.db().begin_write().await.expect("begins");
    transaction.execute_unprepared("update payment set reference = 'pay_01'").await.expect("as in the sample");
    transaction.commit().await.expect("commits");

    let headers = vector["headers"].as_object().expect("headers");
    let headers = headers.iter().map(|(name, value)| (name.clone(), text(value))).collect();
    let post = Post { to: "dlocal", headers, body: text(&vector["body"]).into_bytes() };
    let signed_at = DateTime::parse_from_rfc3339(&text(&vector["headers"]["X-Date"])).expect("a time").to_utc();
    let before = inbox(test).await.len();
    let is_good = !matches!(expected, Expected::Refused | Expected::Request);
    for (late, in_time) in [(86_402, false), (-86_402, false), (-86_398, true), (86_398, true)] {
        let status = post_at(&rail, &post, signed_at + TimeDelta::seconds(late)).await;
        assert_eq!(status, if in_time && is_good { 200 } else { 401 }, "{} {late}", vector["id"]);
    }
    rail.drain().await;
    let inbox = inbox(test).await.split_off(before);
    assert_eq!(inbox.len(), usize::from(is_good), "{inbox:#?}");
    assert!(inbox.iter().all(|row| row.status == NotificationStatus::Applied), "{inbox:#?}");

    let status = rail.payment(&payment.id.to_string()).await.status;
    let (captured, held, _, refunded, _) = amounts(test, &order).await;
    let wanted = match expected {
        Expected::Refused | Expected::Nothing | Expected::Request => (PaymentStatus::Pending, 0, 0, 0),
        Expected::Captured => (PaymentStatus::Captured, 7_200, 7_200, 0),
        Expected::Failed => (PaymentStatus::Failed, 0, 0, 0),
        Expected::Expired => (PaymentStatus::Expired, 0, 0, 0),
        Expected::Refunded => (PaymentStatus::Captured, 7_200, 6_855, 345),
    };
    assert_eq!((status, captured, held, refunded), wanted, "{}", vector["id"]);
    if expected == Expected::Refunded {
        assert_eq!(refund(test, &order).await.status, RefundStatus::Succeeded);
    }
}

async fn post_at(rail: &Rail<'_>, post: &Post, at: Time) -> u16 {
    rail.app.clock.shift_wall(TimeDelta::zero());
    rail.app.clock.shift_wall(at - rail.app.clock.wall());
    let (status, _body) = rail.post(post).await;
    rail.app.clock.shift_wall(TimeDelta::zero());
    status
}

async fn inbox(test: &TestApp) -> Vec<notification::Model> {
    notification::Entity::find().all(&test.db().read).await.expect("reads")
}

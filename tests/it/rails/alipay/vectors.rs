//! What Alipay's own SDK signed or accepts, posted to us at the time when it was signed, each to a fresh installation.

use chrono::{NaiveDateTime, TimeDelta};
use entity::notification::NotificationStatus;
use entity::payment::PaymentStatus;
use entity::refund::RefundStatus;
use entity::{MinorUnits, Time};
use escrow::Command;
use secure_payment::party::demo;
use serde_json::Value;

use super::super::samples::{self, inbox, post_at, run_sql};
use super::Alipay;
use crate::support::purchase::text;
use crate::support::rail::{Fake, Post, Rail, Trouble};
use crate::support::trouble::{amounts, done, refund};
use crate::support::{Engine, TestApp, run};

/// What it must do to an order of 123.45, with a refund of 3.45 on its way, where it is about a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Refused,
    Quarantined,
    Captured,
    Expired,
    Refunded,
    /// Not a notification; `src/payment/alipay` has it.
    Call,
}

fn expected(id: &str) -> Expected {
    match id {
        "trade_success" | "trade_finished" => Expected::Captured,
        "trade_success_tampered_amount" | "wrong_key" | "no_sign" => Expected::Refused,
        "refund_partial" => Expected::Refunded,
        "unpaid_closed" => Expected::Expired,
        "wrong_app_id" => Expected::Quarantined,
        "sync_refund_response" | "request_refund" => Expected::Call,
        unknown => panic!("nothing is expected of the vector {unknown}"),
    }
}

mod every_sample_of_alipay_moves_what_it_says_and_nothing_else {
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
    let document: Value = serde_json::from_str(include_str!("../../../vectors/alipay.json")).expect("JSON");
    let vectors = document["vectors"].as_array().expect("vectors");
    let paid = vectors.iter().find(|vector| vector["id"] == "trade_success").expect("is there");
    for vector in vectors {
        let expected = expected(&text(&vector["id"]));
        assert_eq!(expected == Expected::Refused, vector["valid"] == false, "{}", vector["id"]);
        assert_eq!(expected == Expected::Quarantined, vector["policy"] == "reject-business", "{}", vector["id"]);
        if expected != Expected::Call {
            run(engine, async |app| judge(app, vector, expected, paid).await);
        }
    }
}

fn posted(vector: &Value) -> (Post, Time) {
    let time = NaiveDateTime::parse_from_str(&text(&vector["params"]["notify_time"]), "%Y-%m-%d %H:%M:%S");
    let time = time.expect("a time").and_utc() - TimeDelta::hours(8);
    (samples::posted("alipay", vector), time)
}

async fn judge(test: &TestApp, vector: &Value, expected: Expected, paid: &Value) {
    let fake = Alipay::start(&[text(&vector["public_key"])]).await;
    let rail = Rail::of(test, fake.clone()).await;
    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    run_sql(test, "update payment set reference = 'pay_01'").await;
    if expected == Expected::Refunded {
        let (post, at) = posted(paid);
        assert_eq!(post_at(&rail, &post, at).await.0, 200);
        rail.drain().await;
        done(test, demo::SUPPLIER, &order, Command::RefundOrder { amount: MinorUnits(345) }).await;
        fake.way().trouble(Trouble::Bare(503));
        rail.drain().await;
        assert_eq!(refund(test, &order).await.status, RefundStatus::Requested, "asked for, and not answered");
        run_sql(test, "update refund set reference = 'rf_01'").await;
    }
    let (post, at) = posted(vector);
    let before = inbox(test).await.len();
    let (hours, second) = (TimeDelta::hours(26), TimeDelta::seconds(2));
    let ahead = TimeDelta::minutes(-5);
    for (late, in_time) in [(hours + second, false), (ahead - second, false), (ahead, true), (hours - second, true)] {
        let (status, body) = post_at(&rail, &post, at + late).await;
        let is_taken = in_time && expected != Expected::Refused;
        assert_eq!(status, if is_taken { 200 } else { 401 }, "{} {late}: {body}", vector["id"]);
        assert!(!is_taken || body == "success", "{body}");
    }
    rail.drain().await;
    let inbox = inbox(test).await.split_off(before);
    assert_eq!(inbox.len(), usize::from(expected != Expected::Refused), "{inbox:#?}");
    let is_ours = expected != Expected::Quarantined;
    let status = if is_ours { NotificationStatus::Applied } else { NotificationStatus::Quarantined };
    assert!(inbox.iter().all(|row| row.status == status), "{inbox:#?}");

    let payment = rail.payment(&payment.id.to_string()).await;
    let (captured, held, _, refunded, _) = amounts(test, &order).await;
    match expected {
        Expected::Refused | Expected::Quarantined | Expected::Call => {
            assert_eq!((payment.status, captured), (PaymentStatus::Pending, 0));
        }
        Expected::Captured => assert_eq!((payment.status, captured, held), (PaymentStatus::Captured, 12_345, 12_345)),
        Expected::Expired => assert_eq!((payment.status, captured), (PaymentStatus::Expired, 0)),
        Expected::Refunded => {
            let refund = refund(test, &order).await;
            assert_eq!((refund.status, refund.amount.0), (RefundStatus::Succeeded, 345), "{refund:#?}");
            assert_eq!((captured, held, refunded), (12_345, 12_000, 345), "a refund is no second payment");
        }
    }
}

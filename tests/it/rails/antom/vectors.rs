//! What Antom's own SDK signed, posted to us at the time when it was signed, each to a fresh installation.

use chrono::{DateTime, TimeDelta};
use entity::MinorUnits;
use entity::notification::NotificationStatus;
use entity::payment::PaymentStatus;
use entity::refund::RefundStatus;
use escrow::Command;
use secure_payment::party::demo;
use serde_json::Value;

use super::super::samples::{self, inbox, post_at, run_sql};
use super::Antom;
use crate::support::purchase::text;
use crate::support::rail::{Fake, Rail};
use crate::support::trouble::{amounts, done, refund};
use crate::support::{Engine, TestApp, run};

/// What it must do to an order of 123.45, paid, with a refund of 3.45 on its way, where it is about a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Refused,
    Captured,
    Expired,
    Refunded,
    RefundFailed,
    /// Of ours; `src/payment/antom` has it.
    Request,
}

fn expected(id: &str) -> Expected {
    match id {
        "payment_success" => Expected::Captured,
        "payment_tampered" | "wrong_time" | "wrong_client" => Expected::Refused,
        "payment_failed" => Expected::Expired,
        "refund_success" => Expected::Refunded,
        "refund_fail" => Expected::RefundFailed,
        "request_refund" => Expected::Request,
        unknown => panic!("nothing is expected of the vector {unknown}"),
    }
}

mod every_sample_of_antom_moves_what_it_says_and_nothing_else {
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
    let document: Value = serde_json::from_str(include_str!("../../../vectors/antom.json")).expect("JSON");
    for vector in document["vectors"].as_array().expect("vectors") {
        let expected = expected(&text(&vector["id"]));
        assert_eq!(expected == Expected::Refused, vector["valid"] == false, "{}", vector["id"]);
        if expected != Expected::Request {
            run(engine, async |app| judge(app, vector, expected, &text(&document["answer"])).await);
        }
    }
}

async fn judge(test: &TestApp, vector: &Value, expected: Expected, acknowledged: &str) {
    let fake = Antom::start(&[text(&vector["public_key"])]).await;
    let rail = Rail::of(test, fake.clone()).await;
    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    if matches!(expected, Expected::Refunded | Expected::RefundFailed) {
        fake.pay(&payment.reference).await;
        rail.deliver().await;
        done(test, demo::SUPPLIER, &order, Command::RefundOrder { amount: MinorUnits(345) }).await;
        rail.drain().await;
        assert_eq!(refund(test, &order).await.status, RefundStatus::Pending);
    }
    run_sql(test, "update payment set reference = 'pay_01'").await;
    run_sql(test, "update refund set reference = 'rf_01'").await;
    let post = samples::posted("antom", vector);
    let signed_at = DateTime::parse_from_rfc3339(&text(&vector["headers"]["request-time"])).expect("a time").to_utc();
    let before = inbox(test).await.len();
    for (late, in_time) in [(302, false), (-302, false), (-300, true), (300, true)] {
        let (status, body) = post_at(&rail, &post, signed_at + TimeDelta::seconds(late)).await;
        let is_taken = in_time && expected != Expected::Refused;
        assert_eq!(status, if is_taken { 200 } else { 401 }, "{} {late}: {body}", vector["id"]);
        assert!(!is_taken || body == acknowledged, "{body}");
    }
    rail.drain().await;
    let inbox = inbox(test).await.split_off(before);
    assert_eq!(inbox.len(), usize::from(expected != Expected::Refused), "{inbox:#?}");
    assert!(inbox.iter().all(|row| row.status == NotificationStatus::Applied), "{inbox:#?}");

    let payment = rail.payment(&payment.id.to_string()).await;
    let (captured, held, _, refunded, _) = amounts(test, &order).await;
    match expected {
        Expected::Refused | Expected::Request => {
            assert_eq!((payment.status, captured), (PaymentStatus::Pending, 0));
        }
        Expected::Captured => assert_eq!((payment.status, captured, held), (PaymentStatus::Captured, 12_345, 12_345)),
        Expected::Expired => assert_eq!((payment.status, captured), (PaymentStatus::Expired, 0)),
        Expected::Refunded | Expected::RefundFailed => {
            let refund = refund(test, &order).await;
            let wanted =
                if expected == Expected::Refunded { RefundStatus::Succeeded } else { RefundStatus::ActionRequired };
            assert_eq!((refund.status, refund.amount.0), (wanted, 345), "{refund:#?}");
            assert_eq!((captured, held, refunded), (12_345, 12_000, 345));
        }
    }
}

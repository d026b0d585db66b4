//! The samples, posted to us in sandbox mode, each to a fresh installation. `src/payment/webmoney/tests.rs` reads them in
//! live mode, too.

use entity::notification;
use entity::notification::NotificationStatus;
use entity::payment::PaymentStatus;
use sea_orm::{ConnectionTrait, EntityTrait};
use serde_json::Value;

use super::WebMoney;
use crate::support::purchase::text;
use crate::support::rail::{Post, Rail};
use crate::support::trouble::amounts;
use crate::support::{Engine, TestApp, run};

/// What it must do to an order of 123.45.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Refused,
    Quarantined,
    Captured,
    /// Answered, and nothing else.
    Yes,
}

fn expected(id: &str) -> Expected {
    match id {
        "paid_tampered_amount" | "concat_ambiguity" | "wrong_secret" => Expected::Refused,
        // They have no LMI_HASH2.
        "published_omnipay_vector" | "test_hash_only" => Expected::Refused,
        // A question about a real payment, in sandbox mode.
        "prerequest" => Expected::Refused,
        "paid_ok" | "test_paid_held" => Expected::Quarantined,
        "test_paid_ok" => Expected::Captured,
        "test_prerequest" => Expected::Yes,
        unknown => panic!("nothing is expected of the vector {unknown}"),
    }
}

mod every_sample_of_webmoney_moves_what_it_says_and_nothing_else {
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
    let document: Value = serde_json::from_str(include_str!("../../../vectors/webmoney.json")).expect("JSON");
    for vector in document["vectors"].as_array().expect("vectors") {
        let expected = expected(&text(&vector["id"]));
        run(engine, async |app| judge(app, vector, expected).await);
    }
}

async fn judge(test: &TestApp, vector: &Value, expected: Expected) {
    let rail = Rail::of(test, WebMoney::start().await).await;
    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    let transaction = test.db().begin_write().await.expect("begins");
    let sql = "update payment set reference = '1000001'";
    transaction.execute_unprepared(sql).await.expect("is named as in the sample");
    transaction.commit().await.expect("commits");

    let headers = vector["headers"].as_object().expect("headers");
    let headers = headers.iter().map(|(name, value)| (name.clone(), text(value))).collect();
    let post = Post { to: "webmoney", headers, body: text(&vector["body"]).into_bytes() };
    for _twice in 0..2 {
        let (status, body) = rail.post(&post).await;
        if expected == Expected::Refused {
            assert_eq!(status, 401, "{}", vector["id"]);
            assert!(!body.contains("YES"), "{body}");
        } else {
            assert_eq!((status, body.as_str()), (200, "YES"), "{}", vector["id"]);
        }
    }
    rail.drain().await;
    let inbox = notification::Entity::find().all(&test.db().read).await.expect("reads");
    let statuses: Vec<NotificationStatus> = inbox.iter().map(|row| row.status).collect();
    let payment = rail.payment(&payment.id.to_string()).await;
    let (captured, ..) = amounts(test, &order).await;
    match expected {
        Expected::Refused | Expected::Yes => {
            assert_eq!((statuses, payment.status, captured), (vec![], PaymentStatus::Pending, 0), "{}", vector["id"]);
        }
        Expected::Quarantined => {
            assert_eq!(statuses, [NotificationStatus::Quarantined], "{}", vector["id"]);
            assert_eq!((payment.status, captured), (PaymentStatus::Pending, 0));
        }
        Expected::Captured => {
            assert_eq!(statuses, [NotificationStatus::Applied]);
            assert_eq!((payment.status, captured), (PaymentStatus::Captured, 12_345));
            assert_eq!(payment.provider_reference.as_deref(), Some("559"));
        }
    }
}

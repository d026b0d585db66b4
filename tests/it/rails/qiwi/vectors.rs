//! What the vendor's SDK accepts or refuses, posted to us, each to a fresh installation whose site and secret are the sample's.

use entity::notification::{self, NotificationStatus};
use entity::payment::PaymentStatus;
use sea_orm::{ConnectionTrait, EntityTrait};
use serde_json::Value;

use super::{Qiwi, SITE};
use crate::support::purchase::text;
use crate::support::rail::{Post, Rail};
use crate::support::trouble::amounts;
use crate::support::{Engine, TestApp, run};

/// What it must do to a bill of the sample's id and amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Refused,
    Captured,
    Failed,
    Expired,
    /// Of the payin protocol, whose signature doesn't cover the status: there is no adapter for it, and its `Signature` opens nothing.
    OtherProtocol,
}

fn expected(id: &str) -> Expected {
    match id {
        "published_docs_vector" | "paid_ok" => Expected::Captured,
        "paid_tampered_amount" | "wrong_secret" => Expected::Refused,
        "expired" => Expected::Expired,
        "rejected" => Expected::Failed,
        "payin_payment" | "payin_refund" | "payin_payment_tampered" => Expected::OtherProtocol,
        unknown => panic!("nothing is expected of the vector {unknown}"),
    }
}

mod every_sample_of_qiwi_moves_what_it_says_and_nothing_else {
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
    let document: Value = serde_json::from_str(include_str!("../../../vectors/qiwi.json")).expect("JSON");
    for vector in document["vectors"].as_array().expect("vectors") {
        let expected = expected(&text(&vector["id"]));
        if expected != Expected::OtherProtocol {
            assert_eq!(expected == Expected::Refused, vector["valid"] == false, "{}", vector["id"]);
        }
        run(engine, async |app| judge(app, vector, expected).await);
    }
}

async fn judge(test: &TestApp, vector: &Value, expected: Expected) {
    let is_published = vector["id"] == "published_docs_vector";
    let (site, bill, total, units) =
        if is_published { ("test", "test_bill", "1.00", 100) } else { (SITE, "pay_01", "100.00", 10_000) };
    let rail = Rail::of(test, Qiwi::start(site, &text(&vector["secret"])).await).await;
    let order = rail.order(total).await;
    let payment = rail.pay(&order).await;
    let transaction = test.db().begin_write().await.expect("begins");
    let renamed = format!("update payment set reference = '{bill}'");
    transaction.execute_unprepared(&renamed).await.expect("is named as in the sample");
    transaction.commit().await.expect("commits");

    let headers = vector["headers"].as_object().expect("headers");
    let headers = headers.iter().map(|(name, value)| (name.clone(), text(value))).collect();
    let post = Post { to: "qiwi", headers, body: text(&vector["body"]).into_bytes() };
    let is_taken = !matches!(expected, Expected::Refused | Expected::OtherProtocol);
    for _again in 0..2 {
        assert_eq!(rail.post(&post).await.0, if is_taken { 200 } else { 401 }, "{}", vector["id"]);
    }
    rail.drain().await;
    let inbox = notification::Entity::find().all(&test.db().read).await.expect("reads");
    assert_eq!(inbox.len(), usize::from(is_taken), "{inbox:#?}");
    assert!(inbox.iter().all(|row| row.status == NotificationStatus::Applied), "{inbox:#?}");
    let status = rail.payment(&payment.id.to_string()).await.status;
    let (captured, held, ..) = amounts(test, &order).await;
    let moved = match expected {
        Expected::Refused | Expected::OtherProtocol => (PaymentStatus::Pending, 0),
        Expected::Captured => (PaymentStatus::Captured, units),
        Expected::Failed => (PaymentStatus::Failed, 0),
        Expected::Expired => (PaymentStatus::Expired, 0),
    };
    assert_eq!(((status, captured), held), (moved, moved.1), "{}", vector["id"]);
}

//! The samples, posted to us, each to a fresh installation.

use entity::notification::NotificationStatus;
use entity::payment::PaymentStatus;
use entity::refund::RefundStatus;
use entity::{MinorUnits, notification};
use escrow::Command;
use sea_orm::{ConnectionTrait, EntityTrait};
use secure_payment::party::demo;
use serde_json::Value;

use super::Adyen;
use crate::support::purchase::text;
use crate::support::rail::{Post, Rail};
use crate::support::trouble::{amounts, done, refund};
use crate::support::{Engine, TestApp, run};

/// What it must do to an order of 123.45, with a refund of 3.45 on its way, where it is about a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Refused,
    Quarantined,
    /// Taken, and nothing is booked.
    Nothing,
    Captured,
    Declined,
    Refunded,
    RefundFailed,
    ChargedBack,
}

fn expected(id: &str) -> Expected {
    match id {
        "authorisation" | "authorisation_reason_changed" => Expected::Captured,
        "authorisation_refused" => Expected::Declined,
        "authorisation_amount_changed" | "authorisation_success_changed" | "wrong_key" | "no_signature" => {
            Expected::Refused
        }
        "colon_moved" | "other_merchant_account" | "live_in_test" | "unknown_event" | "published_1" => {
            Expected::Quarantined
        }
        "refund" => Expected::Refunded,
        "refund_refused" => Expected::RefundFailed,
        "chargeback" => Expected::ChargedBack,
        "report_available" => Expected::Nothing,
        unknown => panic!("nothing is expected of the vector {unknown}"),
    }
}

mod every_sample_moves_what_it_says_and_nothing_else {
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
    let document: Value = serde_json::from_str(include_str!("../../../vectors/adyen.json")).expect("JSON");
    assert_eq!(document["self_made"], true, "Adyen publishes none: it has to be said");
    for vector in document["vectors"].as_array().expect("vectors") {
        let expected = expected(&text(&vector["id"]));
        let is_refused = vector["valid"] == false;
        assert_eq!(expected == Expected::Refused, is_refused, "{}", vector["id"]);
        assert_eq!(expected == Expected::Quarantined, vector["policy"] == "quarantine", "{}", vector["id"]);
        run(engine, async |app| judge(app, vector, expected).await);
    }
}

/// An order whose payment is called as in the samples; paid, with a refund on its way, where the sample needs that.
async fn prepared<'a>(test: &'a TestApp, expected: Expected) -> (Rail<'a>, String, String) {
    let rail = Rail::of(test, Adyen::start().await).await;
    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    if matches!(expected, Expected::Refunded | Expected::RefundFailed | Expected::ChargedBack) {
        rail.fake.pay(&payment.reference).await;
        rail.deliver().await;
        run_sql(test, "update payment set provider_reference = '8835544088660594'").await;
    }
    if matches!(expected, Expected::Refunded | Expected::RefundFailed) {
        done(test, demo::SUPPLIER, &order, Command::RefundOrder { amount: MinorUnits(345) }).await;
        run_sql(test, "update refund set reference = 'rf_01', status = 'PENDING', started_at = created_at").await;
    }
    run_sql(test, "update payment set reference = 'pay_01'").await;
    (rail, order, payment.id.to_string())
}

async fn judge(test: &TestApp, vector: &Value, expected: Expected) {
    let (rail, order, payment) = prepared(test, expected).await;
    let headers = vector["headers"].as_object().expect("headers");
    let headers = headers.iter().map(|(name, value)| (name.clone(), text(value))).collect();
    let post = Post { to: "adyen", headers, body: text(&vector["body"]).into_bytes() };
    let before = inbox(test).await.len();
    for _twice in 0..2 {
        let (status, body) = rail.post(&post).await;
        let wanted = if expected == Expected::Refused { 401 } else { 200 };
        assert_eq!(status, wanted, "{}: {body}", vector["id"]);
        assert!(status != 200 || body == "[accepted]", "{body}");
    }
    apply_news(&rail, test).await;
    let rows = inbox(test).await.split_off(before);
    assert_eq!(rows.len(), usize::from(expected != Expected::Refused), "{}: {rows:#?}", vector["id"]);
    let is_ours = expected != Expected::Quarantined;
    let status = if is_ours { NotificationStatus::Applied } else { NotificationStatus::Quarantined };
    assert!(rows.iter().all(|row| row.status == status), "{}: {rows:#?}", vector["id"]);

    let payment = rail.payment(&payment).await;
    let (captured, held, _, refunded, charged_back) = amounts(test, &order).await;
    match expected {
        Expected::Refused | Expected::Quarantined | Expected::Nothing => {
            assert_eq!((payment.status, captured), (PaymentStatus::Pending, 0), "{}", vector["id"]);
        }
        Expected::Captured => {
            assert_eq!((payment.status, captured, held), (PaymentStatus::Captured, 12_345, 12_345));
            assert_eq!(payment.provider_reference.as_deref(), Some("8835544088660594"), "it is refunded by that");
        }
        Expected::Declined => assert_eq!((payment.status, captured), (PaymentStatus::Failed, 0)),
        Expected::Refunded => {
            assert_eq!(refund(test, &order).await.status, RefundStatus::Succeeded);
            assert_eq!((held, refunded), (12_000, 345), "a refund is no second payment");
        }
        Expected::RefundFailed => assert_eq!(refund(test, &order).await.status, RefundStatus::ActionRequired),
        Expected::ChargedBack => assert_eq!((held, charged_back), (0, 12_345), "{}", vector["id"]),
    }
}

/// Only the notification: the job of a refund would ask the fake, which knows it by another name.
async fn apply_news(rail: &Rail<'_>, test: &TestApp) {
    run_sql(test, "delete from job where kind <> 'apply_notification'").await;
    rail.drain().await;
}

async fn run_sql(test: &TestApp, sql: &str) {
    let transaction = test.db().begin_write().await.expect("begins");
    transaction.execute_unprepared(sql).await.expect("is named as in the sample");
    transaction.commit().await.expect("commits");
}

async fn inbox(test: &TestApp) -> Vec<notification::Model> {
    notification::Entity::find().all(&test.db().read).await.expect("reads")
}

//! The vendor's signed samples, posted through the front door at their own time.

use chrono::DateTime;
use entity::notification::NotificationStatus;
use entity::payment::{self, PaymentStatus};
use entity::refund::{self, RefundStatus};
use sea_orm::EntityTrait;

use super::super::samples::{inbox, post_at, run_sql};
use super::fake::Stripe;
use super::{as_fake, causes, funded, refunding};
use crate::support::purchase::text;
use crate::support::rail::{Fake, Post, Rail};
use crate::support::{Engine, TestApp, run};

#[derive(serde::Deserialize)]
struct Vector {
    id: String,
    secret: String,
    method: String,
    path: String,
    headers: std::collections::BTreeMap<String, String>,
    body: String,
    now: i64,
    tolerance_s: u64,
    valid: bool,
}

#[test]
fn the_vendors_samples_are_judged_as_the_vendor_does_and_move_what_they_say() {
    #[derive(serde::Deserialize)]
    struct File {
        vectors: Vec<Vector>,
    }
    let file: File = serde_json::from_str(include_str!("../../../vectors/stripe.json")).expect("parses");
    assert_eq!(file.vectors.len(), 13);
    for engine in [Engine::Sqlite, Engine::Postgres] {
        for vector in &file.vectors {
            run(engine, async |app: &TestApp| sample(app, vector).await);
        }
    }
}

/// How our rows stand after a sample: payment, refund, what was booked by it.
fn expected(id: &str) -> (PaymentStatus, Option<RefundStatus>, &'static [(&'static str, &'static str)]) {
    match id {
        "pi_succeeded_ok" | "pi_succeeded_at_299s" => {
            (PaymentStatus::Captured, None, &[("payment.captured", "123.45")])
        }
        "pi_succeeded_tampered_amount" | "pi_succeeded_wrong_secret" | "pi_succeeded_at_301s" | "no_timestamp" => {
            (PaymentStatus::Pending, None, &[])
        }
        "pi_amount_capturable" | "pi_partially_funded" => (PaymentStatus::Pending, None, &[]),
        "pi_failed" => (PaymentStatus::Failed, None, &[]),
        "pi_canceled" => (PaymentStatus::Expired, None, &[]),
        "charge_refunded" => (PaymentStatus::Captured, Some(RefundStatus::Succeeded), &[("refund.succeeded", "3.45")]),
        "refund_failed" => (PaymentStatus::Captured, Some(RefundStatus::ActionRequired), &[("refund.failed", "3.45")]),
        "dispute_created" => (PaymentStatus::Captured, None, &[("chargeback.opened", "123.45")]),
        unknown => panic!("{unknown} is judged by nobody"),
    }
}

async fn sample(app: &TestApp, vector: &Vector) {
    let id = vector.id.as_str();
    assert_eq!(
        (vector.method.as_str(), vector.path.as_str(), vector.tolerance_s),
        ("POST", "/webhooks/stripe", 300),
        "{id}"
    );
    let expected = expected(id);
    let stripe = Stripe::start_with(&vector.secret).await;
    let rail = Rail::of(app, as_fake(&stripe)).await;
    let (order, payment) = as_sampled(&rail, &stripe, id).await;
    let (before, rows) = (causes(&rail.shop, &order).await, inbox(app).await.len());

    let headers = vector.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let post = Post { to: "stripe", headers, body: vector.body.clone().into_bytes() };
    let at = DateTime::from_timestamp(vector.now, 0).expect("in range");
    let (answer, _body) = post_at(&rail, &post, at).await;
    assert_eq!(answer, if vector.valid { 200 } else { 401 }, "{id}");
    assert_eq!(inbox(app).await.len(), rows + usize::from(vector.valid), "{id}");
    rail.drain().await;
    for row in inbox(app).await {
        assert_eq!((row.status, row.reason), (NotificationStatus::Applied, None), "{id}");
    }

    let after = causes(&rail.shop, &order).await;
    let moved: Vec<_> = after[before.len()..].iter().map(|(cause, amount)| (cause.as_str(), amount.as_str())).collect();
    assert_eq!(moved, expected.2, "{id}");
    let payment = rail.payment(&payment.id.to_string()).await;
    let refund = refund::Entity::find().one(&rail.app.db.read).await.expect("reads");
    assert_eq!((payment.status, refund.map(|row| row.status)), (expected.0, expected.1), "{id}");
    if id == "pi_failed" {
        assert_eq!(payment.failure.as_deref(), Some("generic decline"));
    }
}

/// An order that is as far as the sample needs it, with our rows and Stripe's called as in the sample.
async fn as_sampled(rail: &Rail<'_>, stripe: &Stripe, id: &str) -> (String, payment::Model) {
    let (order, payment) = match id {
        "charge_refunded" | "refund_failed" | "dispute_created" => funded(rail).await,
        _about_an_open_payment => {
            let order = rail.order("123.45").await;
            let payment = rail.pay(&order).await;
            (order, payment)
        }
    };
    let intent = text(&stripe.books().intent(&payment.reference)["id"]);
    for (from, to) in [(payment.reference.as_str(), "pay_01"), (&intent, "pi_3SPtest0001")] {
        stripe.books().rename(from, to);
    }
    run_sql(rail.test, "update payment set reference = 'pay_01', provider_reference = 'pi_3SPtest0001'").await;
    if !["charge_refunded", "refund_failed"].contains(&id) {
        return (order, payment);
    }
    let refund = refunding(rail, &order).await;
    assert_eq!(refund.status, RefundStatus::Pending);
    let at_stripe = text(&stripe.books().refunds[0]["id"]);
    for (from, to) in [(refund.reference.as_str(), "rf_01"), (&at_stripe, "re_3SPtest0001")] {
        stripe.books().rename(from, to);
    }
    run_sql(rail.test, "update refund set reference = 'rf_01', provider_reference = 're_3SPtest0001'").await;
    stripe.books().events.clear();
    if id == "refund_failed" {
        stripe.settle_refund("rf_01").await;
        rail.deliver().await;
        stripe.fail_refund("rf_01").await;
        stripe.books().events.clear();
    }
    (order, payment)
}

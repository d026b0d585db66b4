//! Notifications as the vendor's own SDK reads them, posted to us from the addresses that they are said to come from. None of
//! them is believed: each is posted while YooKassa has in its books what it says, and while it has not.

use entity::notification::{self, NotificationStatus};
use entity::payment::PaymentStatus;
use entity::refund::RefundStatus;
use entity::{MinorUnits, payment, refund};
use escrow::Command;
use sea_orm::{ConnectionTrait, EntityTrait};
use secure_payment::party::demo;
use serde_json::Value;

use super::YooKassa;
use crate::support::purchase::text;
use crate::support::rail::{Fake, Post, Rail};
use crate::support::trouble::{amounts, done};
use crate::support::{Engine, TestApp, run};

/// What it must do to an order of 123.45, paid at YooKassa, or with a refund of 3.45 that has arrived, where it is about one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Refused,
    Captured,
    Nothing,
    Refunded,
}

fn expected(id: &str) -> Expected {
    match id {
        "succeeded_trusted_ip" | "ip_edge_in" => Expected::Captured,
        "succeeded_untrusted_ip" => Expected::Refused,
        "waiting_for_capture" => Expected::Nothing,
        "refund_succeeded" => Expected::Refunded,
        unknown => panic!("nothing is expected of the vector {unknown}"),
    }
}

mod every_sample_of_yookassa_is_asked_about_and_moves_what_the_answer_says {
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
    let document: Value = serde_json::from_str(include_str!("../../../vectors/yookassa.json")).expect("JSON");
    for vector in document["vectors"].as_array().expect("vectors") {
        let expected = expected(&text(&vector["id"]));
        assert_eq!(expected == Expected::Refused, vector["valid"] == false, "{}", vector["id"]);
        for is_true in [true, false] {
            run(engine, async |app| judge(app, vector, expected, is_true).await);
        }
    }
}

async fn judge(test: &TestApp, vector: &Value, expected: Expected, is_true: bool) {
    let fake = YooKassa::start().await;
    let rail = Rail::of(test, fake.clone()).await;
    let (order, payment) = as_sampled(&rail, &fake, expected, is_true).await;
    let before = notification::Entity::find().all(&test.db().read).await.expect("reads").len();

    let mut headers = vec![("X-Forwarded-For".to_owned(), text(&vector["remote_ip"]))];
    let given = vector["headers"].as_object().expect("headers");
    headers.extend(given.iter().map(|(name, value)| (name.clone(), text(value))));
    let post = Post { to: "yookassa", headers, body: text(&vector["body"]).into_bytes() };
    let id = format!("{} {is_true}", vector["id"]);
    assert_eq!(rail.post(&post).await.0, if expected == Expected::Refused { 401 } else { 200 }, "{id}");
    rail.drain().await;
    let inbox = notification::Entity::find().all(&test.db().read).await.expect("reads");
    assert_eq!(inbox.len(), before + usize::from(expected != Expected::Refused), "{id}");
    assert!(inbox.iter().all(|row| row.status == NotificationStatus::Applied), "{id} {inbox:#?}");

    let status = rail.payment(&payment.id.to_string()).await.status;
    let (captured, held, _, refunded, _) = amounts(test, &order).await;
    let refund = refund::Entity::find().one(&test.db().read).await.expect("reads").map(|row| row.status);
    let got = (status, captured, held, refunded, refund);
    let (paid, open) = (PaymentStatus::Captured, PaymentStatus::Pending);
    let wanted = match (expected, is_true) {
        (Expected::Captured, true) => (paid, 12_345, 12_345, 0, None),
        (Expected::Refunded, true) => (paid, 12_345, 12_000, 345, Some(RefundStatus::Succeeded)),
        (Expected::Refunded, false) => (paid, 12_345, 12_000, 345, Some(RefundStatus::Pending)),
        (Expected::Refused | Expected::Captured | Expected::Nothing, _) => (open, 0, 0, 0, None),
    };
    assert_eq!(got, wanted, "{id}");
}

/// An order that is as far as the sample needs it, with our rows and YooKassa's called as in the sample. Whatever it says on its
/// own account is not delivered.
async fn as_sampled(rail: &Rail<'_>, fake: &YooKassa, expected: Expected, is_true: bool) -> (String, payment::Model) {
    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    let id = text(&fake.books().payment(&payment.reference)["id"]);
    for (from, to) in [(payment.reference.as_str(), "pay_01"), (&id, "22d6d597-000f-5000-9000-145f6df21d6f")] {
        fake.books().rename(from, to);
    }
    execute(
        rail,
        "update payment set reference = 'pay_01', provider_reference = '22d6d597-000f-5000-9000-145f6df21d6f'",
    )
    .await;
    match expected {
        Expected::Refused | Expected::Captured if is_true => fake.pay("pay_01").await,
        Expected::Refused | Expected::Captured | Expected::Nothing => {}
        Expected::Refunded => {
            fake.pay("pay_01").await;
            rail.deliver().await;
            let command = Command::RefundOrder { amount: MinorUnits(345) };
            done(rail.test, demo::SUPPLIER, &order, command).await;
            rail.drain().await;
            let id = text(&fake.books().refunds[0]["id"]);
            fake.books().rename(&id, "216749f7-0016-50be-b000-078d43a63ae4");
            execute(rail, "update refund set provider_reference = '216749f7-0016-50be-b000-078d43a63ae4'").await;
            if is_true {
                let reference = text(&fake.books().refunds[0]["metadata"]["refund_id"]);
                fake.settle_refund(&reference).await;
            }
        }
    }
    fake.books().news.clear();
    (order, payment)
}

async fn execute(rail: &Rail<'_>, sql: &str) {
    let transaction = rail.app.db.begin_write().await.expect("begins");
    transaction.execute_unprepared(sql).await.expect("is done");
    transaction.commit().await.expect("commits");
}

//! What a provider tells us: once, in time, and as what it is.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use entity::notification::NotificationStatus;
use entity::{NotificationId, Time, notification, payment};
use sea_orm::EntityTrait;
use secure_payment::party::demo;
use serde_json::json;

use crate::support::bank::{Node, Told, USD_128, inbox, insert_job, news, status, tell, the_payment, told};
use crate::support::purchase::{Shop, codes, pay, text};
use crate::support::trouble::row;
use crate::support::{TestApp, on_each_database};

on_each_database!(
    a_movement_told_again_is_applied_once_and_told_otherwise_is_quarantined,
    money_heard_of_in_time_is_in_time_however_late_the_worker_is,
    money_heard_of_too_late_is_set_aside,
    late_money_is_late_also_while_other_news_waits,
    money_heard_of_in_time_is_in_time_after_weeks,
    ids_of_the_banks_are_cleaned_and_bounded,
    a_movement_told_of_another_payment_of_the_same_order_is_quarantined,
    news_that_cannot_be_applied_keeps_no_order_open_for_ever,
    a_reference_that_is_taken_keeps_no_money_from_being_booked,
    a_banks_words_are_cleaned_and_bounded,
    money_in_another_currency_completes_no_payment,
);

async fn a_movement_told_again_is_applied_once_and_told_otherwise_is_quarantined(app: &TestApp) {
    let shop = Shop::of(app);
    let (one, two) = (shop.place("k1").await, shop.place("k2").await);
    let (payment_1, _) = shop.pay(&one, "k1").await;
    let (payment_2, _) = shop.pay(&two, "k2").await;
    let succeeded = |reference: &str, amount| news("payment.succeeded", ("m1", reference), amount, None);
    let applied = (NotificationStatus::Applied, String::new());
    assert_eq!(told(app, "msg_1", &succeeded(&payment_1, USD_128)).await, applied);
    let (before, booked) = (shop.order(&one).await, shop.transfers(None).await);
    assert_eq!((before["status"].as_str(), booked.len()), (Some("FUNDED"), 1));
    let is_frozen = async || row(app, &one).await.is_frozen();
    assert!(!is_frozen().await);

    assert_eq!(told(app, "msg_2", &succeeded(&payment_1, USD_128)).await, applied, "the same again");
    let unknown = "payment_00000000000000000000000000";
    let contradictions = [
        ("msg_3", succeeded(&payment_2, USD_128)),
        ("msg_4", succeeded(&payment_1, ("128.01", "USD"))),
        ("msg_5", succeeded(&payment_1, ("127.99", "USD"))),
        ("msg_6", succeeded(&payment_1, ("128", "JPY"))),
        ("msg_7", succeeded(unknown, USD_128)),
    ];
    for (event_id, body) in contradictions {
        let (status, reason) = told(app, event_id, &body).await;
        assert_eq!(status, NotificationStatus::Quarantined, "{event_id}");
        assert!(reason.contains("sandbox:capture:m1"), "{event_id}: {reason}");
    }
    // Nothing of it is booked; the order that is named stands still until somebody has looked at it.
    let after = shop.order(&one).await;
    for part in ["status", "escrow", "payments", "refunds", "unappliedFunds"] {
        assert_eq!(after[part], before[part], "{part}");
    }
    assert_eq!(shop.transfers(None).await, booked);
    assert!(is_frozen().await);
    assert_eq!(status(&shop, &two).await, "AWAITING_PAYMENT");
    assert_eq!(the_payment(app, &payment_2).await.status, payment::PaymentStatus::Pending);
}

async fn deadline(shop: &Shop, order: &str) -> Time {
    let data = shop.read(demo::BUYER, "query($id: ID!) { order(id: $id) { deadline } }", json!({ "id": order })).await;
    text(&data["order"]["deadline"]).parse().expect("a time")
}

/// To `before` before the order's deadline.
async fn go_near_deadline(app: &TestApp, shop: &Shop, order: &str, before: TimeDelta) {
    app.clock().advance(deadline(shop, order).await - before - app.clock().now());
}

async fn money_heard_of_in_time_is_in_time_however_late_the_worker_is(app: &TestApp) {
    let shop = Shop::of(app);
    let order = shop.place("k").await;
    let (payment, _) = shop.pay(&order, "k").await;
    go_near_deadline(app, &shop, &order, TimeDelta::minutes(1)).await;
    tell(app, "msg_1", &news("payment.succeeded", ("m1", &payment), USD_128, None)).await;
    app.clock().advance(TimeDelta::hours(1));
    // Not even a command of the buyer's ends it before the news is applied.
    assert_eq!(codes(&shop.take(&pay(&order, "pay k")).await.expect("an answer")), Vec::<String>::new());
    app.drain().await;
    let order = shop.order(&order).await;
    assert_eq!((order["status"].as_str(), &order["unappliedFunds"]), (Some("FUNDED"), &json!([])));
}

async fn money_heard_of_too_late_is_set_aside(app: &TestApp) {
    let shop = Shop::of(app);
    let order = shop.place("k").await;
    let (payment, _) = shop.pay(&order, "k").await;
    go_near_deadline(app, &shop, &order, TimeDelta::minutes(-1)).await;
    assert_eq!(
        told(app, "msg_1", &news("payment.succeeded", ("m1", &payment), USD_128, None)).await.0,
        NotificationStatus::Applied
    );
    assert_set_aside(&shop, &order).await;
}

async fn assert_set_aside(shop: &Shop, order: &str) {
    let order = shop.order(order).await;
    assert_eq!(order["status"], "CANCELLED");
    assert_eq!(order["unappliedFunds"][0]["amount"]["amount"], "128.00");
    assert_eq!(order["escrow"]["captured"]["amount"], "0.00");
}

async fn late_money_is_late_also_while_other_news_waits(app: &TestApp) {
    let shop = Shop::of(app);
    let (in_time, too_late) = (shop.place("in time").await, shop.place("too late").await);
    let (payment_1, _) = shop.pay(&in_time, "k1").await;
    let (payment_2, _) = shop.pay(&too_late, "k2").await;
    go_near_deadline(app, &shop, &in_time, TimeDelta::minutes(1)).await;
    tell(app, "msg_1", &news("payment.succeeded", ("m1", &payment_1), USD_128, None)).await;
    app.clock().advance(TimeDelta::hours(1));
    tell(app, "msg_2", &news("payment.succeeded", ("m2", &payment_2), USD_128, None)).await;
    app.drain().await;
    app.clock().advance(TimeDelta::minutes(1));
    app.drain().await;
    assert_eq!(status(&shop, &in_time).await, "FUNDED");
    assert_set_aside(&shop, &too_late).await;
}

/// As in a sandbox whose business time is moved on.
async fn money_heard_of_in_time_is_in_time_after_weeks(app: &TestApp) {
    let shop = Shop::of(app);
    let order = shop.place("k").await;
    let (payment, _) = shop.pay(&order, "k").await;
    tell(app, "msg_1", &news("payment.succeeded", ("m1", &payment), USD_128, None)).await;
    app.clock().advance(TimeDelta::days(21));
    app.drain().await;
    assert_eq!(status(&shop, &order).await, "FUNDED");
}

async fn ids_of_the_banks_are_cleaned_and_bounded(app: &TestApp) {
    let shop = Shop::of(app);
    let order = shop.place("k").await;
    let (payment, _) = shop.pay(&order, "k").await;
    let long =
        STANDARD.encode((0..60_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[2]).collect::<Vec<_>>());
    let unknown = news("payment.succeeded", ("m1", &payment), USD_128, None);
    let mut typed = unknown.clone();
    typed["type"] = json!(format!("nul\u{0}{long}"));
    let mut kind = unknown.clone();
    kind["movement"]["kind"] = json!(format!("nul\u{0}{long}"));
    let bodies = [
        news("payment.declined", ("m1", "nul\u{0}"), USD_128, None),
        news("payment.succeeded", ("m2", "nul\u{0}"), USD_128, None),
        news("payment.succeeded", ("nul\u{0}", &payment), USD_128, None),
        news("payment.succeeded", (&long, &payment), USD_128, None),
        news("payment.succeeded", (&long, "unknown"), USD_128, None),
        news("payout.declined", ("m1", &long), USD_128, None),
        typed,
        kind,
    ];
    let mut wrong = Vec::new();
    for (number, body) in bodies.iter().enumerate() {
        let (status, reason) = told(app, &format!("msg_{number}"), body).await;
        if status == NotificationStatus::Received || reason.len() > 3_000 {
            wrong.push((number, status, reason.len()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

async fn a_movement_told_of_another_payment_of_the_same_order_is_quarantined(app: &TestApp) {
    let shop = Shop::of(app);
    let order = shop.place("k").await;
    let (payment_1, _) = shop.pay(&order, "k").await;
    let mut step = pay(&order, "k2");
    step.input["method"] = json!("ALIPAY");
    let payment_2 = text(&shop.done(&step).await["id"]);
    let applied = (NotificationStatus::Applied, String::new());
    assert_eq!(told(app, "msg_1", &news("payment.succeeded", ("m1", &payment_1), USD_128, None)).await, applied);
    let other = told(app, "msg_2", &news("payment.succeeded", ("m1", &payment_2), USD_128, None)).await;
    assert_eq!(other.0, NotificationStatus::Quarantined);
}

async fn news_that_cannot_be_applied_keeps_no_order_open_for_ever(app: &TestApp) {
    let shop = Shop::of(app);
    let order = shop.place("k").await;
    let (payment, _) = shop.pay(&order, "k").await;
    go_near_deadline(app, &shop, &order, TimeDelta::minutes(1)).await;
    // Of a provider that is not configured any more.
    let row = notification::Model {
        id: NotificationId(app.clock().new_id()),
        provider: "gone".to_owned(),
        event_id: "msg_stuck".to_owned(),
        body: b"{}".to_vec(),
        content_hash: String::new(),
        status: NotificationStatus::Received,
        reason: None,
        received_at: app.clock().wall(),
        heard_at: app.clock().now(),
        failures: 0,
        applied_at: None,
        settled: None,
        settled_reason: None,
        settled_by: None,
        settled_at: None,
    };
    let payload = json!({ "kind": "apply_notification", "notification_id": row.id });
    let transaction = app.db().begin_write().await.expect("begins");
    let insert = notification::Entity::insert(notification::ActiveModel::from(row));
    insert.exec_without_returning(&transaction).await.expect("inserts");
    transaction.commit().await.expect("commits");
    insert_job(app, "apply_notification", payload, app.clock().now()).await;

    app.clock().advance(TimeDelta::hours(23));
    app.drain().await;
    assert_eq!(status(&shop, &order).await, "AWAITING_PAYMENT", "it may be this order's money");
    // What happens while it waits comes before its end in the timeline, as `verify` demands after the test.
    tell(app, "msg_declined", &news("payment.declined", ("m", &payment), USD_128, None)).await;
    app.drain().await;
    assert_eq!(shop.order(&order).await["payments"][0]["status"], "FAILED");
    for _failure in 0..10 {
        app.clock().advance(TimeDelta::hours(1));
        app.drain().await;
    }
    assert_eq!(status(&shop, &order).await, "CANCELLED");
    assert_eq!(inbox(app, "msg_stuck").await.0, NotificationStatus::Received);
}

async fn a_reference_that_is_taken_keeps_no_money_from_being_booked(app: &TestApp) {
    let shop = Shop::of(app);
    let (one, two) = (shop.place("k1").await, shop.place("k2").await);
    let (payment_1, _) = shop.pay(&one, "k1").await;
    let node = Node::answering(app, Told::Bare(503)).await;
    let payment_2 = text(&node.shop.done(&pay(&two, "k2")).await["id"]);
    let taken = the_payment(app, &payment_1).await.provider_reference.expect("the bank has answered");
    let body = news("payment.succeeded", (&taken, &payment_2), USD_128, None);
    assert_eq!(told(app, "msg_1", &body).await, (NotificationStatus::Applied, String::new()));
    assert_eq!(status(&shop, &two).await, "FUNDED");
    assert_eq!(status(&shop, &one).await, "AWAITING_PAYMENT");
}

async fn a_banks_words_are_cleaned_and_bounded(app: &TestApp) {
    let shop = Shop::of(app);
    let order = shop.place("k").await;
    for (number, reason) in
        [format!("a\u{0}b\u{7}\r\nc{}", "x".repeat(100 * 1024)), "\u{0}\n".to_owned()].iter().enumerate()
    {
        let (payment, _) = shop.pay(&order, &format!("k{number}")).await;
        let body = news("payment.declined", ("m1", &payment), USD_128, Some(reason));
        let event_id = format!("msg_{number}");
        assert_eq!(told(app, &event_id, &body).await, (NotificationStatus::Applied, String::new()));
        let failure = the_payment(app, &payment).await.failure.expect("a reason");
        if number == 0 {
            assert_eq!(failure, format!("a b c{}", "x".repeat(293)));
        } else {
            assert_eq!(failure, "the provider gave no reason");
        }
    }
    let query = "query($id: ID!) { order(id: $id) { events(first: 100) { nodes { type summary data } } } }";
    let seen = shop.read(demo::BUYER, query, json!({ "id": order })).await.to_string();
    assert!(seen.contains("payment.failed") && seen.len() < 5_000, "{} bytes", seen.len());
}

async fn money_in_another_currency_completes_no_payment(app: &TestApp) {
    let shop = Shop::of(app);
    let order = shop.place("k").await;
    let (payment, _) = shop.pay(&order, "k").await;
    let body = news("payment.succeeded", ("m1", &payment), ("9000000", "JPY"), None);
    assert_eq!(told(app, "msg_1", &body).await, (NotificationStatus::Applied, String::new()));
    let seen = shop.order(&order).await;
    assert_eq!(
        (seen["status"].as_str(), seen["payments"][0]["status"].as_str()),
        (Some("AWAITING_PAYMENT"), Some("PENDING"))
    );
    assert_eq!(seen["escrow"]["captured"]["amount"], "0.00");
    assert_eq!(seen["unappliedFunds"][0]["amount"]["amount"], "9000000");
    // It can still be paid.
    let body = news("payment.succeeded", ("m2", &payment), USD_128, None);
    assert_eq!(told(app, "msg_2", &body).await.0, NotificationStatus::Applied);
    assert_eq!(status(&shop, &order).await, "FUNDED");
}

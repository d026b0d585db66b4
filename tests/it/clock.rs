//! The sandbox's clock: set forward, everything on the way happens in order and at its own time.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use entity::payout::PayoutStatus;
use entity::{event, job, sandbox_clock};
use ground::clock::Clock;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use secure_payment::party::demo;
use secure_payment::sandbox_clock as sandbox;
use secure_payment::worker;
use serde_json::{Value, json};

use crate::support::bank::{Working, funded, insert_job, payouts, status};
use crate::support::purchase::{QUANTITY, Shop, buy_now, ship, text};
use crate::support::steps::mutate;
use crate::support::{TestApp, on_each_database};

mod nodes;

on_each_database!(
    an_order_lapses_at_its_own_moment,
    what_two_orders_bring_comes_in_order,
    nothing_is_lost_while_workers_run_beside,
    what_a_node_has_in_hand_is_waited_for,
    a_job_that_keeps_failing_does_not_stop_the_clock,
    what_takes_too_long_is_gone_on_with_later,
    what_happens_to_others_is_not_told,
    the_clock_never_goes_back,
    a_clock_that_cannot_be_set_is_refused,
);

const ADVANCE: &str =
    "mutation($to: DateTime!) { sandboxAdvanceClock(input: { to: $to }) { clock reached message truncated
    events { orderId type occurredAt sequence cursor } errors { code message path } } }";

fn moment(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap_or_else(|| panic!("not a time: {value}")).parse().expect("RFC 3339")
}

async fn try_advance(shop: &Shop, token: &str, to: DateTime<Utc>) -> Value {
    shop.read(token, ADVANCE, json!({ "to": to })).await["sandboxAdvanceClock"].take()
}

/// Sets the clock, which must come there.
async fn advance(shop: &Shop, token: &str, to: DateTime<Utc>) -> Vec<Value> {
    let mut payload = try_advance(shop, token, to).await;
    assert_eq!(payload["errors"], json!([]), "{payload:#}");
    assert_eq!((&payload["reached"], &payload["message"]), (&json!(true), &Value::Null), "{payload:#}");
    assert_eq!(payload["truncated"], false);
    assert!(moment(&payload["clock"]) >= to, "{payload:#}");
    serde_json::from_value(payload["events"].take()).expect("a list")
}

async fn time(shop: &Shop) -> DateTime<Utc> {
    moment(&shop.read(demo::BUYER, "{ sandboxClock }", json!({})).await["sandboxClock"])
}

async fn deadline(shop: &Shop, order: &str) -> DateTime<Utc> {
    let query = "query($id: ID!) { order(id: $id) { deadline } }";
    moment(&shop.read(demo::BUYER, query, json!({ "id": order })).await["order"]["deadline"])
}

fn of<'a>(events: &'a [Value], order: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["orderId"] == order).collect()
}

async fn an_order_lapses_at_its_own_moment(app: &TestApp) {
    let shop = Shop::of(app);
    let order = shop.place("k").await;
    let lapses_at = deadline(&shop, &order).await;
    let events = advance(&shop, demo::BUYER, app.clock().now() + TimeDelta::days(300)).await;
    assert_eq!(status(&shop, &order).await, "CANCELLED");
    let [reminder, lapsed @ ..] = &of(&events, &order)[..] else { panic!("{events:#?}") };
    assert_eq!(reminder["type"], "deadline.approaching");
    assert_eq!(moment(&reminder["occurredAt"]), lapses_at - TimeDelta::days(2));
    assert!(!lapsed.is_empty(), "{events:#?}");
    for event in lapsed {
        assert_eq!(moment(&event["occurredAt"]), lapses_at);
        assert!(event["cursor"].is_string(), "it has its place in the feed");
    }
}

/// One order unpaid, one shipped and never confirmed: the first lapses, the second completes, its money is paid out.
async fn unpaid_and_shipped(app: &TestApp, shop: &Shop) -> (String, String) {
    let shipped = funded(app, shop, "shipped").await;
    shop.done(&ship(&shipped)).await;
    (shop.place("unpaid").await, shipped)
}

/// What must have come of both when `events` has happened.
async fn assert_both_ended(app: &TestApp, shop: &Shop, (unpaid, shipped): (&str, &str), events: &[Value]) {
    assert_eq!((status(shop, unpaid).await.as_str(), status(shop, shipped).await.as_str()), ("CANCELLED", "COMPLETED"));
    let times: Vec<_> = events.iter().map(|event| moment(&event["occurredAt"])).collect();
    assert!(times.is_sorted(), "{events:#?}");
    assert!(!of(events, unpaid).is_empty() && !of(events, shipped).is_empty(), "{events:#?}");
    let paid_out: Vec<_> = payouts(app).await.into_iter().map(|payout| payout.status).collect();
    assert_eq!(paid_out, [PayoutStatus::Paid]);
    // A day's comparison is begun by each node's hourly work, whenever that looks: also just now.
    let unfinished =
        job::Entity::find().filter(job::Column::RunAt.lte(app.clock().now())).filter(job::Column::Kind.ne("reconcile"));
    assert_eq!(unfinished.all(&app.db().read).await.expect("reads"), [], "all that was due is done");
    let unplaced = event::Entity::find().filter(event::Column::FeedPosition.is_null());
    assert_eq!(unplaced.all(&app.db().read).await.expect("reads"), [], "all is in the feed");
}

async fn what_two_orders_bring_comes_in_order(app: &TestApp) {
    let shop = Shop::of(app);
    let (unpaid, shipped) = unpaid_and_shipped(app, &shop).await;
    let (lapses, completes) = (deadline(&shop, &unpaid).await, deadline(&shop, &shipped).await);
    let events = advance(&shop, demo::OPERATOR, app.clock().now() + TimeDelta::days(200)).await;
    assert_both_ended(app, &shop, (&unpaid, &shipped), &events).await;
    assert_eq!(moment(&of(&events, &unpaid)[1]["occurredAt"]), lapses);
    assert_eq!(moment(&of(&events, &shipped)[1]["occurredAt"]), completes);
    let payout = payouts(app).await.remove(0);
    assert!(payout.created_at >= completes, "paid out after the inspection …");
    assert!(payout.created_at < completes + TimeDelta::days(1), "… and not only when the clock had come to its end");
}

async fn nothing_is_lost_while_workers_run_beside(app: &TestApp) {
    let shop = Shop::of(app);
    let (unpaid, shipped) = unpaid_and_shipped(app, &shop).await;
    let other = app.another_node().await;
    let mut working = vec![Working::on(app.app())];
    // A database file is one process's alone.
    if !app.is_sqlite() {
        working.push(Working::on(&other));
    }
    let events = advance(&shop, demo::OPERATOR, app.clock().now() + TimeDelta::days(200)).await;
    assert_both_ended(app, &shop, (&unpaid, &shipped), &events).await;
    for worker in working {
        worker.stop().await;
    }
    other.db.close().await;
}

async fn what_a_node_has_in_hand_is_waited_for(app: &TestApp) {
    let shop = Shop::of(app);
    let order = shop.place("k").await;
    let (_payment, checkout) = shop.pay(&order, "k").await;
    shop.decide(&checkout, "approve").await.expect("an answer");
    // Somebody has taken what tells us of the money, and is slow, or died.
    let until = app.clock().wall() + TimeDelta::seconds(2);
    lease_what_is_due(app, until).await;
    let lapses_at = deadline(&shop, &order).await;
    advance(&shop, demo::BUYER, lapses_at + TimeDelta::seconds(1)).await;
    assert!(app.clock().wall() >= until);
    assert_eq!(status(&shop, &order).await, "FUNDED", "the money came in time");
}

async fn lease_what_is_due(app: &TestApp, until: DateTime<Utc>) {
    let transaction = app.db().begin_write().await.expect("begins");
    let leased = job::Entity::update_many()
        .col_expr(job::Column::LeasedUntil, Expr::value(until))
        .filter(job::Column::RunAt.lte(app.clock().now()));
    let leased = leased.exec(&transaction).await.expect("writes");
    transaction.commit().await.expect("commits");
    assert!(leased.rows_affected > 0);
}

async fn what_takes_too_long_is_gone_on_with_later(app: &TestApp) {
    let shop = Shop::of(app);
    let order = shop.place("k").await;
    let (_payment, checkout) = shop.pay(&order, "k").await;
    shop.decide(&checkout, "approve").await.expect("an answer");
    lease_what_is_due(app, app.clock().wall() + TimeDelta::hours(1)).await;
    let begun = app.clock().now();
    let to = begun + TimeDelta::days(1);
    assert!(!worker::advance(app.app(), to, Duration::from_millis(300)).await.expect("goes"), "it says so");
    assert!(app.clock().now() < begun + TimeDelta::minutes(1), "nothing is left behind undone");
    lease_what_is_due(app, app.clock().wall()).await;
    let events = advance(&shop, demo::BUYER, to).await;
    assert!(of(&events, &order).iter().all(|event| moment(&event["occurredAt"]) < begun + TimeDelta::minutes(1)));
    assert_eq!(status(&shop, &order).await, "FUNDED");
}

async fn a_job_that_keeps_failing_does_not_stop_the_clock(app: &TestApp) {
    let shop = Shop::of(app);
    let order = text(&shop.done(&buy_now("k", &shop.product().await, QUANTITY)).await["id"]);
    let long_ago = app.clock().now() - TimeDelta::days(1);
    insert_job(app, "from_the_future", json!({ "kind": "from_the_future" }), long_ago).await;
    advance(&shop, demo::BUYER, app.clock().now() + TimeDelta::days(6)).await;
    assert_eq!(status(&shop, &order).await, "CANCELLED");
    let row = job::Entity::find().one(&app.db().read).await.expect("reads").expect("it stays");
    assert!(row.attempts > 24 * 5, "tried again every hour: {}", row.attempts);
}

async fn what_happens_to_others_is_not_told(app: &TestApp) {
    let shop = Shop::of(app);
    let order = shop.place("k").await;
    let input = json!({ "buyerReference": "other" });
    let fields = "session { token } errors { code }";
    let kind = "CreateBuyerSessionInput";
    let session = mutate(app, demo::STOREFRONT, "createBuyerSession", kind, input, fields).await;
    let other = text(&session["session"]["token"]);
    let before = event::Entity::find().all(&app.db().read).await.expect("reads").len();
    let events = advance(&shop, &other, app.clock().now() + TimeDelta::days(30)).await;
    assert_eq!((events, status(&shop, &order).await.as_str()), (Vec::new(), "CANCELLED"));
    assert!(event::Entity::find().all(&app.db().read).await.expect("reads").len() > before);
}

async fn the_clock_never_goes_back(app: &TestApp) {
    let shop = Shop::of(app);
    let begun = time(&shop).await;
    let (near, far) = (begun + TimeDelta::days(10), begun + TimeDelta::days(20));
    let (one, other) = tokio::join!(try_advance(&shop, demo::BUYER, near), try_advance(&shop, demo::SUPPLIER, far));
    for payload in [one, other] {
        // Whoever comes second may find that time has gone past it.
        assert!(payload["reached"] == true || payload["errors"][0]["path"] == json!(["input", "to"]), "{payload:#}");
    }
    assert!(time(&shop).await >= far);

    // A node that has not looked since.
    let stale = Clock::default();
    sandbox::set_forward(app.db(), &stale, near).await.expect("writes");
    assert!(time(&shop).await >= far && stale.now() >= far);
    let kept = sandbox_clock::Entity::find().all(&app.db().read).await.expect("reads");
    assert_eq!(kept.len(), 1);
    assert!(kept[0].offset_micros > TimeDelta::days(19).num_microseconds().expect("fits"));

    let refused = try_advance(&shop, demo::BUYER, near).await;
    assert_eq!((&refused["clock"], &refused["reached"]), (&Value::Null, &json!(false)), "{refused:#}");
    assert!(text(&refused["errors"][0]["message"]).contains("is in the past"));
    assert!(time(&shop).await >= far);
}

async fn a_clock_that_cannot_be_set_is_refused(app: &TestApp) {
    let shop = Shop::of(app);
    let now = time(&shop).await;
    for (to, words) in [
        (now - TimeDelta::seconds(1), "is in the past"),
        (now + TimeDelta::days(401), "more than 400 days"),
        (DateTime::<Utc>::MAX_UTC, "more than 400 days"),
    ] {
        let payload = try_advance(&shop, demo::OPERATOR, to).await;
        assert_eq!(payload["errors"].as_array().map(Vec::len), Some(1), "{payload:#}");
        let error = &payload["errors"][0];
        assert_eq!((&error["code"], &error["path"]), (&json!("INVALID_INPUT"), &json!(["input", "to"])));
        assert!(text(&error["message"]).contains(words), "{error}");
        assert_eq!(payload["clock"], Value::Null);
    }
    let anonymous = app.graphql(None, ADVANCE, json!({ "to": now + TimeDelta::days(1) })).await;
    assert_eq!(anonymous["errors"][0]["extensions"]["code"], "UNAUTHENTICATED", "{anonymous:#}");
    let answer = shop.graphql(demo::BUYER, ADVANCE, json!({ "to": "tomorrow" })).await.expect("an answer");
    assert!(answer["errors"][0]["extensions"]["code"].is_string(), "{answer:#}");
    assert!(time(&shop).await < now + TimeDelta::hours(1), "nothing moved it");

    let late = "9000-12-01T00:00:00Z".parse().expect("a time");
    sandbox::set_forward(app.db(), app.clock(), late).await.expect("writes");
    let payload = try_advance(&shop, demo::OPERATOR, late + TimeDelta::days(40)).await;
    assert!(text(&payload["errors"][0]["message"]).contains("the clock's last"), "{payload:#}");
}

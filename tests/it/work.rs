//! The worker: nothing that fails or waits delays anything else.

use chrono::TimeDelta;
use entity::{event, job};
use futures_util::future::join_all;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use secure_payment::app::App;
use secure_payment::live::Topic;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::support::bank::{Node, Told, USD_128, Working, insert_job, news, status, tell};
use crate::support::purchase::{PATIENCE, QUANTITY, Shop, buy_now, pay, text};
use crate::support::{TestApp, on_each_database};

on_each_database!(
    jobs_that_cannot_be_read_delay_no_other,
    a_slow_bank_delays_nobody_else,
    a_repetition_needs_no_second_connection,
    many_jobs_that_cannot_be_read_delay_no_other,
);

async fn jobs_that_cannot_be_read_delay_no_other(app: &TestApp) {
    let shop = Shop::of(app);
    let order = shop.place("k").await;
    let (_payment, checkout) = shop.pay(&order, "k").await;
    let long_ago = app.clock().now() - TimeDelta::days(1);
    let unreadable = [
        insert_job(app, "from_the_future", json!({ "kind": "from_the_future" }), long_ago).await,
        insert_job(app, "send_payout", json!({ "kind": "send_payout" }), long_ago).await,
        insert_job(app, "apply_notification", json!({ "kind": "apply_notification", "id": 7 }), long_ago).await,
        insert_job(app, "apply_notification", json!([]), long_ago).await,
    ];
    shop.decide(&checkout, "approve").await.expect("an answer");
    app.drain().await;
    assert_eq!(status(&shop, &order).await, "FUNDED");
    for id in unreadable {
        let row = job::Entity::find_by_id(id).one(&app.db().read).await.expect("reads").expect("it stays");
        assert!(row.last_error.is_some_and(|error| error.contains("can't be read")));
        assert_eq!((row.attempts, row.leased_until), (1, None));
        assert!(row.run_at > long_ago, "it is postponed");
    }
}

async fn until(app: &App, shop: &Shop, order: &str, wanted: &str) {
    let mut changes = app.feed.listen(Topic::Everything, 0);
    let waiting = async {
        while status(shop, order).await != wanted {
            changes.anything().await;
        }
    };
    timeout(PATIENCE, waiting).await.expect("it happens meanwhile");
}

async fn a_slow_bank_delays_nobody_else(app: &TestApp) {
    let shop = Shop::of(app);
    let (slow, paid) = (shop.place("slow").await, shop.place("paid").await);
    let unconfirmed = text(&shop.done(&buy_now("unconfirmed", &shop.product().await, QUANTITY)).await["id"]);
    // As many open payments as a node has places for calls; two minutes later each is asked about.
    for method in ["VISA", "MASTERCARD", "MAESTRO", "TEF", "QIWI", "WEBMONEY", "YANDEX", "ALIPAY"] {
        let mut step = pay(&slow, method);
        step.input["method"] = json!(method);
        shop.done(&step).await;
    }
    app.clock().advance(TimeDelta::minutes(3));
    let (payment, _) = shop.pay(&paid, "k").await;

    let (open, gate) = watch::channel(false);
    let node = Node::answering(app, Told::Gated(gate)).await;
    let working = Working::on(&node.app);
    let mut calls = node.calls.subscribe();
    let busy = timeout(PATIENCE, calls.wait_for(|calls| calls.len() == 8)).await;
    drop(busy.expect("in time").expect("the bank is there"));

    tell(app, "msg_1", &news("payment.succeeded", ("m1", &payment), USD_128, None)).await;
    node.app.wake_worker();
    until(&node.app, &shop, &paid, "FUNDED").await;
    app.clock().advance(TimeDelta::days(6));
    node.app.wake_worker();
    until(&node.app, &shop, &unconfirmed, "CANCELLED").await;
    let waiting = event::Entity::find().filter(event::Column::FeedPosition.is_null()).all(&app.db().read).await;
    assert_eq!(waiting.expect("reads"), [], "all is in the feed");
    let asking = job::Entity::find().filter(job::Column::Kind.eq("ask_payment")).filter(job::Column::Attempts.gt(0));
    let asking = asking.all(&app.db().read).await.expect("reads");
    assert_eq!((asking.len(), calls.borrow().len()), (8, 8));
    assert!(asking.iter().all(|job| job.attempts == 1 && job.leased_until.is_some()), "the bank has not answered yet");

    open.send_replace(true);
    working.stop().await;
    app.drain().await;
}

async fn a_repetition_needs_no_second_connection(app: &TestApp) {
    let shop = Shop::of(app);
    let step = buy_now("same", &shop.product().await, QUANTITY);
    let first = shop.done(&step).await;
    let again = join_all((0..40).map(|_| shop.done(&step))).await;
    assert!(again.iter().all(|order| *order == first), "{again:#?}");
}

async fn many_jobs_that_cannot_be_read_delay_no_other(app: &TestApp) {
    let shop = Shop::of(app);
    let order = shop.place("k").await;
    let (_payment, checkout) = shop.pay(&order, "k").await;
    let long_ago = app.clock().now() - TimeDelta::days(1);
    for _ in 0..9 {
        insert_job(app, "from_the_future", json!({ "kind": "from_the_future" }), long_ago).await;
        insert_job(app, "apply_notification", json!([]), long_ago).await;
    }
    shop.decide(&checkout, "approve").await.expect("an answer");
    app.drain().await;
    assert_eq!(status(&shop, &order).await, "FUNDED");
}

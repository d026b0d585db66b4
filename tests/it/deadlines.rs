//! Deadlines that pass while nobody looks, or can't be decided: each order has its own, and gets it.

use chrono::TimeDelta;
use entity::dispute::DisputeReason;
use entity::sandbox_movement::MovementKind;
use entity::{CancelRequestId, DisputeId, MinorUnits, OrderStatus, ProposalId, Time};
use escrow::{Command, Proposal};
use futures_util::future::join_all;
use sea_orm::ConnectionTrait;
use secure_payment::error::ErrorCode;
use secure_payment::party::demo;
use tokio::time::{Instant, sleep};

use crate::support::bank::{Working, at_bank, funded, status};
use crate::support::purchase::{PATIENCE, QUANTITY, Shop, buy_now, codes, confirm, ship, text};
use crate::support::trouble::{done, order_id, refused, row, timeline};
use crate::support::{TestApp, on_each_database};

on_each_database!(
    one_that_cannot_be_decided_delays_no_other,
    a_hundred_that_cannot_be_decided_delay_no_other,
    a_node_that_was_down_catches_up_each_order_in_order,
    commands_after_the_downtime_come_after_what_had_passed,
);

/// Points orders to a version of their contract that doesn't exist, or back.
async fn set_contract_version(app: &TestApp, orders: &[&String], version: i32) {
    let transaction = app.db().begin_write().await.expect("begins");
    for order in orders {
        let id = order_id(order).0;
        let id = if app.is_sqlite() { format!("x'{}'", id.simple()) } else { format!("'{id}'") };
        let sql = format!("update orders set contract_version = {version} where id = {id}");
        let changed = transaction.execute_unprepared(&sql).await.expect("writes");
        assert_eq!(changed.rows_affected(), 1, "{sql}");
    }
    transaction.commit().await.expect("commits");
}

async fn deadline(app: &TestApp, order: &str) -> Time {
    row(app, order).await.deadline_at.expect("it has one")
}

/// What happened to an order after its first `known` events, and when.
async fn since(app: &TestApp, order: &str, known: usize) -> Vec<(String, Time)> {
    timeline(app, order).await.into_iter().skip(known).map(|event| (event.kind, event.occurred_at)).collect()
}

async fn one_that_cannot_be_decided_delays_no_other(app: &TestApp) {
    let shop = Shop::of(app);
    let mut orders = Vec::new();
    for key in ["broken", "well", "broken too", "well too"] {
        let order = funded(app, &shop, key).await;
        shop.done(&ship(&order)).await;
        orders.push(order);
    }
    let known = timeline(app, &orders[0]).await.len();
    let ends_at = deadline(app, &orders[0]).await;
    set_contract_version(app, &[&orders[0], &orders[2]], 99).await;
    app.clock().advance(TimeDelta::days(60));
    app.drain().await;
    for (order, expected) in orders.iter().zip(["SHIPPED", "COMPLETED", "SHIPPED", "COMPLETED"]) {
        assert_eq!(status(&shop, order).await, expected);
    }
    assert_eq!(row(app, &orders[0]).await.timer_at, Some(ends_at - DAYS_2), "it stays due, its reminder too");
    // IdempotencyKey it is mended it ends at its own moment, however late.
    set_contract_version(app, &[&orders[0], &orders[2]], 1).await;
    app.clock().advance(TimeDelta::days(7));
    app.drain().await;
    assert_eq!(status(&shop, &orders[0]).await, "COMPLETED");
    let late = since(app, &orders[0], known).await;
    assert_eq!(
        late.iter().map(|(kind, _)| kind.as_str()).collect::<Vec<_>>(),
        ["deadline.approaching", "inspection.ended", "funds.released", "order.completed"]
    );
    assert!(late[1..].iter().all(|(_, at)| *at == ends_at), "{late:?}");
}

async fn a_hundred_that_cannot_be_decided_delay_no_other(app: &TestApp) {
    let shop = Shop::of(app);
    let product = shop.product().await;
    let mut broken = Vec::new();
    for batch in 0..6 {
        let bought = (0..20).map(|number| {
            let (shop, product, key) = (&shop, &product, format!("{batch} {number}"));
            async move {
                let order = text(&shop.done(&buy_now(&key, product, QUANTITY)).await["id"]);
                shop.done(&confirm(&order)).await;
                order
            }
        });
        broken.extend(join_all(bought).await);
    }
    app.clock().advance(TimeDelta::hours(1));
    let well = shop.place("well").await;
    set_contract_version(app, &broken.iter().collect::<Vec<_>>(), 99).await;
    app.clock().advance(TimeDelta::days(30));
    let worker = Working::on(app.app());
    let begun = Instant::now();
    while status(&shop, &well).await != "CANCELLED" {
        assert!(begun.elapsed() < PATIENCE, "it has to wait for those that can't be decided");
        sleep(std::time::Duration::from_millis(50)).await;
    }
    worker.stop().await;
    assert_eq!(status(&shop, &broken[0]).await, "AWAITING_PAYMENT");
}

struct Down {
    unconfirmed: String,
    unpaid: String,
    unshipped: String,
    shipped: String,
    asked: String,
    disputed: String,
}

async fn before_the_downtime(app: &TestApp, shop: &Shop) -> Down {
    let mut funds = Vec::new();
    for key in ["unshipped", "shipped", "asked", "disputed"] {
        funds.push(funded(app, shop, key).await);
    }
    let [unshipped, shipped, asked, disputed]: [String; 4] = funds.try_into().expect("four");
    for order in [&shipped, &asked, &disputed] {
        shop.done(&ship(order)).await;
    }
    let cancel_request_id = CancelRequestId(app.clock().new_id());
    let reason = "too slow".to_owned();
    done(app, demo::BUYER, &asked, Command::CancelRequest { cancel_request_id, reason }).await;
    let proposal = Proposal {
        proposal_id: ProposalId(app.clock().new_id()),
        amount: MinorUnits(2_800),
        goods_go_back: false,
        message: None,
    };
    let dispute = Command::OpenDispute {
        dispute_id: DisputeId(app.clock().new_id()),
        reason: DisputeReason::NotAsDescribed,
        description: "half of them are dark".to_owned(),
        proposal,
    };
    done(app, demo::BUYER, &disputed, dispute).await;
    let unpaid = shop.place("unpaid").await;
    let unconfirmed = text(&shop.done(&buy_now("unconfirmed", &shop.product().await, QUANTITY)).await["id"]);
    Down { unconfirmed, unpaid, unshipped, shipped, asked, disputed }
}

const DAYS_2: TimeDelta = TimeDelta::days(2);

async fn a_node_that_was_down_catches_up_each_order_in_order(app: &TestApp) {
    let shop = Shop::of(app);
    let down = before_the_downtime(app, &shop).await;
    let (asked_at, shipped_until) = {
        let asked = row(app, &down.asked).await;
        (asked.paused_at.expect("its clock is stopped"), asked.paused_deadline_at.expect("it had one"))
    };
    let answer_by = deadline(app, &down.asked).await;
    let mut expected = Vec::new();
    for (order, kinds) in [
        (&down.unconfirmed, &["order.lapsed"][..]),
        (&down.unpaid, &["order.lapsed"]),
        (&down.shipped, &["inspection.ended", "funds.released", "order.completed"]),
        (&down.disputed, &["dispute.settled", "refund.requested", "funds.released", "order.completed"]),
    ] {
        let ends_at = deadline(app, order).await;
        expected.push((order.clone(), timeline(app, order).await.len(), ends_at, kinds));
    }
    let (known, ship_by) = (timeline(app, &down.unshipped).await.len(), deadline(app, &down.unshipped).await);
    let asked_known = timeline(app, &down.asked).await.len();

    app.clock().advance(TimeDelta::days(120));
    let back_at = app.clock().now();
    app.drain().await;

    for (order, known, ends_at, kinds) in expected {
        let late = since(app, &order, known).await;
        let (reminder, rest) = late.split_first().expect("a reminder");
        assert_eq!((reminder.0.as_str(), reminder.1), ("deadline.approaching", ends_at - DAYS_2), "{late:?}");
        let ends: Vec<_> = rest.iter().filter(|(kind, _)| kind != "refund.succeeded").collect();
        assert!(ends.iter().all(|(_, at)| *at == ends_at), "{ends_at} {late:?}");
        let mut found: Vec<_> = ends.iter().map(|(kind, _)| kind.as_str()).collect();
        let mut wanted = kinds.to_vec();
        found.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(found, wanted, "{late:?}");
    }
    // One after the other, on one order: ship-by, and thirty days later the refund; its money leaves now.
    let late = since(app, &down.unshipped, known).await;
    let kinds: Vec<_> = late.iter().map(|(kind, _)| kind.as_str()).collect();
    let refunded_at = ship_by + TimeDelta::days(30);
    assert_eq!(&kinds[..3], ["deadline.approaching", "ship_by.passed", "deadline.approaching"], "{late:?}");
    assert_eq!((late[1].1, late[2].1), (ship_by, refunded_at - DAYS_2), "{late:?}");
    assert!(
        late[3..].iter().filter(|(kind, _)| kind != "refund.succeeded").all(|(_, at)| *at == refunded_at),
        "{late:?}"
    );
    let (last, at) = late.last().expect("some");
    assert!(last == "refund.succeeded" && *at >= back_at, "{late:?}");
    // Silence refuses to cancel what is shipped; the inspection goes on with what was left, and ends.
    let late = since(app, &down.asked, asked_known).await;
    let ends_at = answer_by + (shipped_until - asked_at);
    let moments: Vec<_> = late.iter().map(|(kind, at)| (kind.as_str(), *at)).collect();
    let wanted = [
        ("deadline.approaching", answer_by - (answer_by - asked_at) / 2),
        ("cancel.refused", answer_by),
        ("deadline.approaching", ends_at - DAYS_2),
        ("inspection.ended", ends_at),
        ("funds.released", ends_at),
        ("order.completed", ends_at),
    ];
    assert_eq!(moments, wanted);
    assert_eq!(at_bank(app, MovementKind::Refund).await.len(), 2);
}

async fn commands_after_the_downtime_come_after_what_had_passed(app: &TestApp) {
    let shop = Shop::of(app);
    let down = before_the_downtime(app, &shop).await;
    app.clock().advance(TimeDelta::days(7));
    // No worker has looked: the first command does its part, and is decided by what it made of the order.
    let withdraw = refused(app, demo::BUYER, &down.asked, Command::WithdrawCancelRequest).await;
    assert_eq!(withdraw, ErrorCode::InvalidTransition);
    assert_eq!(row(app, &down.asked).await.status, OrderStatus::Shipped);
    let accept = refused(app, demo::BUYER, &down.disputed, Command::WithdrawDispute).await;
    assert_eq!(accept, ErrorCode::InvalidTransition);
    assert_eq!(row(app, &down.disputed).await.status, OrderStatus::Completed);
    let late = shop.take(&confirm(&down.unconfirmed)).await.expect("an answer");
    assert_eq!(codes(&late), ["INVALID_TRANSITION"]);
    assert_eq!(row(app, &down.unconfirmed).await.status, OrderStatus::Cancelled);
}

//! Supplier, buyer, card company, timer and worker on one order at the same moment: one of them decides, whoever comes too
//! late is told so, and every cent is in one place.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;

use chrono::TimeDelta;
use entity::chargeback::{ChargebackStatus, Source};
use entity::refund::RefundStatus;
use entity::sandbox_movement::MovementKind;
use entity::{MinorUnits, OrderStatus, Time, transfer};
use escrow::Command;
use futures_util::future::join_all;
use ground::signature;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use secure_payment::app::App;
use secure_payment::error::ErrorCode;
use secure_payment::party::demo;
use secure_payment::payment::{Applied, apply_fact};
use secure_payment::{order, worker};
use serde_json::Value;

use crate::support::bank::{at_bank, told};
use crate::support::events::chargeback_news;
use crate::support::purchase::{QUANTITY, Shop, buy_now, codes, confirm, confirm_received, ship, text};
use crate::support::trouble::{chargebacks, code_of, command, count, kinds, order_id, payment_of, refunds, row};
use crate::support::{TestApp, on_each_database};

on_each_database!(whoever_comes_first_decides_and_the_others_are_told);

const ROUNDS: usize = 200;
const AT_ONCE: usize = 20;
/// Between the deadlines of two orders, so that each passes in its own round.
const APART: TimeDelta = TimeDelta::minutes(30);

struct Raced {
    order: String,
    payment: String,
    deadline: Time,
}

async fn shipped_orders(app: &TestApp, shop: &Shop) -> Vec<Raced> {
    let product = shop.product().await;
    let mut orders = Vec::new();
    for batch in 0..ROUNDS / AT_ONCE {
        let bought = (0..AT_ONCE).map(|number| {
            let (shop, product, key) = (shop, &product, format!("{batch} {number}"));
            async move {
                let order = text(&shop.done(&buy_now(&key, product, QUANTITY)).await["id"]);
                shop.done(&confirm(&order)).await;
                let (payment, checkout) = shop.pay(&order, &key).await;
                shop.decide(&checkout, "approve").await.expect("an answer");
                (order, payment)
            }
        });
        orders.extend(join_all(bought).await);
    }
    app.drain().await;
    let mut raced = Vec::new();
    for (order, payment) in orders {
        shop.done(&ship(&order)).await;
        let deadline = row(app, &order).await.deadline_at.expect("the inspection ends");
        raced.push(Raced { order, payment, deadline });
        app.clock().advance(APART);
    }
    raced
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Clone)]
enum Heard {
    Refund(Result<(), String>),
    Confirm(Result<(), String>),
    Fact,
    Timer,
    Worker,
}

type Contestant = Pin<Box<dyn Future<Output = Heard> + Send>>;

/// All start at once, but let the others go ahead a few times, which are others in each round.
async fn race(number: usize, contestants: Vec<Contestant>) -> Vec<Heard> {
    let started = contestants.into_iter().enumerate().map(|(place, contestant)| {
        let late = (number * 7 + place * (3 + number % 5)) % 13;
        tokio::spawn(async move {
            for _ in 0..late * 50 {
                tokio::task::yield_now().await;
            }
            contestant.await
        })
    });
    let started: Vec<_> = started.collect();
    join_all(started).await.into_iter().map(|heard| heard.expect("runs")).collect()
}

fn word(code: ErrorCode) -> String {
    format!("{code:?}")
}

/// By turns: what goes back, what is charged back, and by which way we hear of it.
struct Plan {
    refund: i64,
    charged_back: &'static str,
    by_webhook: bool,
    with_timer: bool,
    ends: Option<&'static str>,
}

impl Plan {
    fn of(number: usize) -> Self {
        Self {
            refund: [2_800, 12_800][number % 2],
            charged_back: ["128.00", "28.00", "110.00"][number % 3],
            by_webhook: number % 4 < 2,
            with_timer: number % 5 != 4,
            ends: [Some("chargeback.lost"), Some("chargeback.won"), None, Some("chargeback.debited")][(number / 2) % 4],
        }
    }
}

fn chargeback_of(number: usize, raced: &Raced, event: &str, amount: &str) -> Value {
    let debited = event == "chargeback.debited";
    chargeback_news(event, (&format!("chargeback_{number}"), &raced.payment), amount, debited)
}

fn signed(app: &TestApp, event_id: &str, body: String) -> reqwest::RequestBuilder {
    let timestamp = app.clock().wall().timestamp();
    let secret = &app.app().settings.providers.sandbox.webhook_secret[0];
    let signature = signature::sign(secret, event_id, timestamp, body.as_bytes()).expect("signs");
    let request = app.http().post(app.url("/webhooks/sandbox")).header(signature::ID_HEADER, event_id);
    let request = request.header(signature::TIMESTAMP_HEADER, timestamp);
    request.header(signature::SIGNATURE_HEADER, signature).body(body)
}

async fn run_round(app: &TestApp, other: &App, (number, raced): (usize, &Raced)) -> Vec<Heard> {
    let plan = Plan::of(number);
    let shop = Shop::of(app);
    let wait = raced.deadline - TimeDelta::seconds(20) - app.clock().now();
    assert!(wait > TimeDelta::zero(), "the rounds overtook the orders' deadlines");
    app.clock().advance(wait);

    let (one, two, order) = (app.app().clone(), other.clone(), raced.order.clone());
    let by = if number % 3 == 0 { demo::OPERATOR } else { demo::SUPPLIER };
    let asked = Command::RefundOrder { amount: MinorUnits(plan.refund) };
    let refund = async move {
        let result = command(if number % 2 == 0 { &one } else { &two }, by, &order, &asked).await;
        Heard::Refund(result.map(drop).map_err(|error| word(code_of(&error))))
    };
    let step = confirm_received(&raced.order);
    let confirm = async move {
        let payload = shop.take(&step).await.expect("an answer");
        Heard::Confirm(codes(&payload).first().map_or(Ok(()), |code| Err(code.clone())))
    };
    let news = chargeback_of(number, raced, "chargeback.opened", plan.charged_back);
    let (node, id) = (other.clone(), order_id(&raced.order));
    let timer = async move {
        if plan.with_timer {
            node.clock.advance(TimeDelta::seconds(40));
        }
        order::pass_deadlines(&node, id).await.expect("it can be decided");
        Heard::Timer
    };
    let fact: Contestant = if plan.by_webhook {
        let request = signed(app, &format!("msg_{number}"), news.to_string());
        Box::pin(async move {
            assert_eq!(request.send().await.expect("an answer").status(), 200);
            Heard::Fact
        })
    } else {
        let node = other.clone();
        Box::pin(async move {
            let bank = node.providers.find("sandbox").expect("is configured");
            for fact in bank.interpret(news.to_string().as_bytes()).expect("it is understood") {
                let applied = apply_fact(&node, bank.as_ref(), fact, node.clock.now()).await.expect("is applied");
                assert_eq!(applied, Applied::Done);
            }
            Heard::Fact
        })
    };
    let node = other.clone();
    let working = async move {
        worker::drain(&node).await.expect("the worker gets through");
        Heard::Worker
    };
    let mut contestants: Vec<Contestant> =
        vec![Box::pin(refund), fact, Box::pin(timer), Box::pin(confirm), Box::pin(working)];
    let most = contestants.len();
    contestants.rotate_left(number % most);
    race(number, contestants).await
}

async fn transfers_of(app: &TestApp, order: &str) -> Vec<transfer::Model> {
    let found = transfer::Entity::find().filter(transfer::Column::OrderId.eq(order_id(order)));
    found.all(&app.db().read).await.expect("reads")
}

/// What must be true whoever was first, at any time.
async fn assert_consistent(app: &TestApp, raced: &Raced, heard: &[Heard]) {
    let (order, kinds) = (row(app, &raced.order).await, kinds(app, &raced.order).await);
    let parts = order.held.0 + order.released.0 + order.refunded.0 + order.charged_back.0;
    assert_eq!((order.captured.0, parts), (12_800, 12_800), "{order:?}");

    let confirmed = heard.contains(&Heard::Confirm(Ok(())));
    let refunded = heard.contains(&Heard::Refund(Ok(())));
    let by_timer = count(&kinds, "inspection.ended");
    assert_eq!(count(&kinds, "receipt.confirmed"), usize::from(confirmed), "{heard:?} {kinds:?}");
    assert_eq!(count(&kinds, "refund.requested"), usize::from(refunded), "{heard:?} {kinds:?}");
    assert!(usize::from(confirmed) + by_timer <= 1, "released once: {kinds:?}");
    assert_eq!(count(&kinds, "order.completed"), usize::from(confirmed) + by_timer, "{kinds:?}");
    assert_eq!(count(&kinds, "chargeback.opened"), 1, "a fact is never refused: {kinds:?}");
    assert!(count(&kinds, "funds.released") <= 1, "{kinds:?}");
    let ends = (count(&kinds, "order.completed"), count(&kinds, "order.refunded"));
    let is = |status| usize::from(order.status == status);
    let expected = (is(OrderStatus::Completed), is(OrderStatus::Refunded));
    assert_eq!(expected.0 + expected.1 + is(OrderStatus::Shipped), 1, "{order:?}");
    assert_eq!(ends, expected, "one outcome: {kinds:?}");

    // Between freezing and thawing nothing goes on but facts.
    let frozen = kinds.iter().skip_while(|kind| *kind != "order.frozen").skip(1);
    for kind in frozen.take_while(|kind| *kind != "order.thawed") {
        let is_fact = matches!(kind.as_str(), "loss.incurred" | "refund.succeeded" | "refund.charged_back");
        assert!(is_fact || kind.starts_with("chargeback."), "{kinds:?}");
    }
    let transfers = transfers_of(app, &raced.order).await;
    let distinct: BTreeSet<_> =
        transfers.iter().map(|row| (row.cause.clone(), format!("{} {}", row.debit, row.credit))).collect();
    assert_eq!(distinct.len(), transfers.len(), "no transfer twice: {transfers:#?}");
    let charged = chargebacks(app, &raced.order).await;
    assert_eq!(charged.len(), 1);
    let open = charged[0].status == ChargebackStatus::Open;
    assert_eq!((order.is_frozen(), order.timer_at.is_some() && open), (open, false), "{order:?}");
    let from_loss: i64 = charged[0]
        .sources
        .0
        .iter()
        .filter(|source| matches!(source, Source::Loss { .. }))
        .map(|source| source.amount().0)
        .sum();
    let claimed = if charged[0].status == ChargebackStatus::Won { 0 } else { charged[0].amount.0 };
    let out = refunds(app, &raced.order)
        .await
        .iter()
        .filter(|row| row.started_at.is_some())
        .map(|row| row.amount.0 - row.charged_back.0)
        .sum::<i64>();
    // Only what had left before the chargeback came may be beyond what was paid: that is the loss.
    assert!(out + claimed - from_loss.min(claimed) <= 12_800, "{out} {charged:?}");
}

async fn settle(app: &TestApp, (number, raced): (usize, &Raced)) {
    let plan = Plan::of(number);
    let Some(event) = plan.ends else { return };
    let news = chargeback_of(number, raced, event, plan.charged_back);
    let (status, reason) = told(app, &format!("msg_{number}_settled"), &news).await;
    assert_eq!(reason, "", "{status:?}");
}

async fn assert_settled(app: &TestApp, (number, raced): (usize, &Raced), heard: &[Heard]) {
    assert_consistent(app, raced, heard).await;
    let (order, plan) = (row(app, &raced.order).await, Plan::of(number));
    let ended = matches!(plan.ends, Some("chargeback.lost" | "chargeback.won"));
    assert_eq!(order.is_frozen(), !ended);
    if ended && order.status == OrderStatus::Shipped {
        assert!(order.held.0 > 0 && order.timer_at.is_some(), "it goes on: {order:?}");
    }
    for refund in refunds(app, &raced.order).await {
        let sent = refund.started_at.is_some();
        let wanted = match refund.status {
            RefundStatus::Succeeded => sent && refund.balance.0 == 0,
            RefundStatus::ChargedBack => !sent && refund.balance.0 == 0 && plan.ends != Some("chargeback.won"),
            RefundStatus::Requested => !sent && !ended,
            RefundStatus::PayeeDetailsRequired
            | RefundStatus::Pending
            | RefundStatus::ActionRequired
            | RefundStatus::ApprovalRequired => false,
        };
        assert!(wanted, "{:?}: {refund:#?}", plan.ends);
    }
    assert_eq!(order.status == OrderStatus::Completed, order.completed_at.is_some());
}

async fn whoever_comes_first_decides_and_the_others_are_told(app: &TestApp) {
    let shop = Shop::of(app);
    let orders = shipped_orders(app, &shop).await;
    // A database file is one process's alone.
    let other = if app.is_sqlite() { app.app().clone() } else { app.another_node().await };
    let mut tally: BTreeMap<String, usize> = BTreeMap::new();
    for round in orders.iter().enumerate() {
        let heard = run_round(app, &other, round).await;
        // News that came after the worker had looked.
        app.drain().await;
        assert_consistent(app, round.1, &heard).await;
        settle(app, round).await;
        assert_settled(app, round, &heard).await;
        for result in heard {
            *tally.entry(format!("{result:?}")).or_default() += 1;
        }
        let row = row(app, &round.1.order).await;
        *tally.entry(format!("{:?}", row.status)).or_default() += 1;
    }
    if !app.is_sqlite() {
        other.db.close().await;
    }
    assert_refusals(&tally);
    assert_bank_agrees(app, &shop, &orders).await;
}

/// Each was first at times, and what came too late was told why.
fn assert_refusals(tally: &BTreeMap<String, usize>) {
    let known = [
        "Refund(Ok(()))",
        "Refund(Err(\"InvalidTransition\"))",
        "Refund(Err(\"OrderFrozen\"))",
        "Refund(Err(\"AmountExceedsHeld\"))",
        "Confirm(Ok(()))",
        "Confirm(Err(\"INVALID_TRANSITION\"))",
        "Confirm(Err(\"ORDER_FROZEN\"))",
        "Fact",
        "Timer",
        "Worker",
        "Completed",
        "Refunded",
        "Shipped",
    ];
    assert!(tally.keys().all(|key| known.contains(&key.as_str())), "{tally:#?}");
    for seen in [
        "Refund(Ok(()))",
        "Refund(Err(\"OrderFrozen\"))",
        "Confirm(Ok(()))",
        "Confirm(Err(\"ORDER_FROZEN\"))",
        "Completed",
        "Refunded",
        "Shipped",
    ] {
        assert!(tally.contains_key(seen), "{seen}: {tally:#?}");
    }
}

/// The bank was asked for no refund twice, and for no more than what was paid.
async fn assert_bank_agrees(app: &TestApp, shop: &Shop, orders: &[Raced]) {
    let mut sent: BTreeMap<String, i64> = BTreeMap::new();
    for refund in at_bank(app, MovementKind::Refund).await {
        *sent.entry(refund.description).or_default() += refund.amount.0;
    }
    for raced in orders {
        let back: i64 = refunds(app, &raced.order)
            .await
            .iter()
            .filter(|row| row.started_at.is_some())
            .map(|row| row.amount.0 - row.charged_back.0)
            .sum();
        let payment = payment_of(shop, &raced.order).await;
        assert_eq!(sent.remove(&format!("Refund of {payment}")).unwrap_or_default(), back);
        assert!(back <= 12_800);
    }
    assert!(sent.is_empty(), "{sent:?}");
}

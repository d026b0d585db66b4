//! One clock for all nodes of a sandbox and for its next start, and none in live mode.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use ground::clock::Clock;
use ground::setting::Mode;
use secure_payment::app::App;
use secure_payment::config::Settings;
use secure_payment::db::Db;
use secure_payment::lifecycle::ShutdownTimes;
use secure_payment::party::demo;
use secure_payment::server;
use secure_payment::{graphql, worker};
use serde_json::{Value, json};
use tempfile::tempdir;
use tokio::time::{sleep, timeout};

use super::{ADVANCE, advance, of, time};
use crate::support::bank::{Working, serve, status};
use crate::support::process::Process;
use crate::support::purchase::{PATIENCE, QUANTITY, Shop, buy_now};
use crate::support::{TestApp, on_each_database};

on_each_database!(
    another_node_and_the_next_start_see_it,
    every_door_of_another_node_looks_at_the_clock,
    live_mode_has_no_clock_to_set,
);

/// Another node as another process would be: with a clock of its own.
async fn stranger(app: &TestApp) -> App {
    let mut settings = (*app.app().settings).clone();
    settings.listen = "127.0.0.1:0".parse().expect("an address");
    let listener = server::bind(&mut settings).await.expect("a free port");
    let db = Db::connect(app.database_url()).await.expect("connects");
    let node = App::new(settings, db, Clock::default()).expect("settings that can be used");
    // It ends with the test's runtime.
    tokio::spawn(server::serve_until(node.clone(), listener, std::future::pending(), ShutdownTimes::default()));
    node
}

async fn comes_to(node: &App, to: DateTime<Utc>) {
    let looking = async {
        while node.clock.now() < to {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, looking).await.expect("it looks");
}

async fn every_door_of_another_node_looks_at_the_clock(app: &TestApp) {
    // A database file is one process's alone: there is no other node.
    if app.is_sqlite() {
        return;
    }
    let shop = Shop::of(app);
    let order = shop.place("k").await;
    let to = time(&shop).await + TimeDelta::days(50);
    advance(&shop, demo::BUYER, to).await;
    let node = stranger(app).await;
    let answered_at = time(&Shop::at(&node.settings.own_url())).await;
    assert!(answered_at >= to, "before it answers");
    node.db.close().await;
    for path in ["/webhooks/sandbox", "/sandbox/payments"] {
        let node = stranger(app).await;
        app.http().post(format!("{}{path}", node.settings.own_url())).send().await.expect("an answer");
        assert!(node.clock.now() >= to, "{path}");
        node.db.close().await;
    }
    let node = stranger(app).await;
    let listening = Shop::at(&node.settings.own_url()).listen(&order).await;
    comes_to(&node, to).await;
    drop(listening);
    node.db.close().await;
}

async fn another_node_and_the_next_start_see_it(app: &TestApp) {
    let shop = Shop::of(app);
    let to = time(&shop).await + TimeDelta::days(50);
    advance(&shop, demo::BUYER, to).await;
    let looking = stranger(app).await;
    let working = Working::on(&looking);
    comes_to(&looking, to).await;
    working.stop().await;

    let started = stranger(app).await;
    assert!(started.clock.now() < to);
    started.catch_up().await.expect("reads");
    assert!(started.clock.now() >= to);
    worker::drain(&started).await.expect("works");

    let settings = Settings { mode: Mode::Live, ..(*app.app().settings).clone() };
    let live = App::new(settings, app.db().clone(), Clock::default()).expect("settings that can be used");
    live.catch_up().await.expect("does not look");
    assert!(live.clock.now() < to, "live time is real");
    for node in [looking, started] {
        node.db.close().await;
    }
}

async fn live_mode_has_no_clock_to_set(app: &TestApp) {
    let settings = Settings { mode: Mode::Live, ..(*app.app().settings).clone() };
    let (live, shop) = serve(app, settings).await;
    let before = live.clock.now();
    let to = before + TimeDelta::days(1);
    let fixed = format!("mutation {{ sandboxAdvanceClock(input: {{ to: \"{}\" }}) {{ reached }} }}", to.to_rfc3339());
    for asked in [ADVANCE, fixed.as_str(), "{ sandboxClock }"] {
        let answer = shop.graphql(demo::OPERATOR, asked, json!({ "to": to })).await.expect("an answer");
        assert!(answer.get("data").is_none_or(Value::is_null), "{answer:#}");
        assert_eq!(answer["errors"][0]["extensions"]["code"], "INVALID_DOCUMENT", "{answer:#}");
    }
    assert!(live.clock.now() < before + TimeDelta::hours(1));
    let introspection = "{ __schema { types { name fields { name } inputFields { name } } } }";
    let types = shop.read(demo::OPERATOR, introspection, json!({})).await.to_string();
    let printed = graphql::sdl(&graphql::build(Mode::Live));
    for schema in [types, printed] {
        assert!(schema.contains("confirmReceived") && schema.contains("orderEvents"), "it has the rest");
        assert!(!schema.contains("sandboxAdvanceClock") && !schema.contains("SandboxAdvanceClock"), "{schema}");
        assert!(!schema.contains("sandboxClock"));
    }
    let product = shop.product().await;
    shop.done(&buy_now("k", &product, QUANTITY)).await;
}

#[tokio::test]
async fn a_clock_that_was_set_forward_survives_a_restart() {
    crate::support::install_tls();
    let folder = tempdir().expect("a folder");
    let first = Process::start(folder.path(), &[]).await;
    let shop = Shop::at(&first.url(""));
    let order = shop.place("k").await;
    let to = time(&shop).await + TimeDelta::days(100);
    let events = advance(&shop, demo::BUYER, to).await;
    assert_eq!(of(&events, &order).len(), events.len());
    assert_eq!(status(&shop, &order).await, "CANCELLED");
    let (ended, log) = first.terminate().await;
    assert_eq!(ended.code(), Some(0), "{log}");

    let second = Process::start(folder.path(), &[]).await;
    assert!(time(&Shop::at(&second.url(""))).await >= to);
    second.kill().await;
}

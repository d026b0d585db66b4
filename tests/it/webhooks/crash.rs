//! The program is killed after a commit: what was not delivered is delivered after the next start.

use secure_payment::party::demo;
use serde_json::json;
use tokio::sync::watch;

use super::receiver::Receiver;
use crate::support::process::Process;
use crate::support::purchase::{Shop, text};
use crate::support::{TestApp, on_each_database};

on_each_database!(what_was_committed_before_a_kill_is_delivered_after_it);

async fn what_was_committed_before_a_kill_is_delivered_after_it(app: &TestApp) {
    let folder = tempfile::tempdir().expect("a folder");
    let (database, lease) = match app.database_url().strip_prefix("sqlite://") {
        Some(file) => {
            let copy = folder.path().join("crash.db");
            std::fs::copy(file, &copy).expect("copies");
            (format!("sqlite://{}", copy.display()), "600")
        }
        None => (app.database_url().to_owned(), "1"),
    };
    let settings = [("DATABASE_URL", database.as_str()), ("SECURE_PAYMENT_JOB_LEASE_SECONDS", lease)];
    let (open, gate) = watch::channel(false);
    let receiver = Receiver::gated(gate).await;

    let process = Process::start(folder.path(), &settings).await;
    let shop = Shop::at(&process.url(""));
    let query = "mutation($url: String!) { createWebhookEndpoint(input: { idempotencyKey: \"k\", url: $url }) { endpoint { id } secret } }";
    let made = shop.read(demo::STOREFRONT, query, json!({ "url": receiver.url })).await;
    let secret = text(&made["createWebhookEndpoint"]["secret"]);
    let order = shop.place("k").await;
    let query = "query($id: ID!) { order(id: $id) { events(first: 100) { nodes { id } } } }";
    let data = shop.read(demo::BUYER, query, json!({ "id": order })).await;
    let events = data["order"]["events"]["nodes"].as_array().expect("events").iter();
    let events: Vec<String> = events.map(|event| text(&event["id"])).collect();
    // The first is on its way, the others wait for it.
    receiver.until(|heard| !heard.is_empty()).await;
    process.kill().await;
    assert!(receiver.ids().iter().all(|id| *id == events[0]));
    open.send_replace(true);

    let process = Process::start(folder.path(), &settings).await;
    let last = events.last().expect("there are some").clone();
    receiver.until(|heard| heard.iter().any(|one| one.id() == last && one.status == 200)).await;
    let ids = receiver.ids();
    assert_eq!(receiver.accepted()[&order], events, "{ids:?}");
    assert!(ids.iter().filter(|id| **id == events[0]).count() >= 2, "sent again: {ids:?}");
    let clock = app.clock();
    assert!(receiver.heard().iter().all(|one| one.verified(&secret, clock).is_some()));
    process.kill().await;
}

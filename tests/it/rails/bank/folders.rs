//! Files instead of calls: the folder that the bank's files come into, and the one that our orders go into.

use std::fs;
use std::path::Path;

use chrono::TimeDelta;
use entity::refund::RefundStatus;
use entity::{MinorUnits, Money};
use escrow::Command;
use sea_orm::ConnectionTrait;
use secure_payment::app::App;
use secure_payment::party::demo;
use secure_payment::{payment, worker};

use super::files::{Entry, camt_054};
use super::transfers::{all_applied, asked, at, inbox};
use super::{Bank, EUR};
use crate::support::bank::{causes, status};
use crate::support::rail::{Fake, Rail};
use crate::support::trouble::{done, provide_account, refund};
use crate::support::{TestApp, on_each_database};

on_each_database!(
    a_file_in_the_folder_is_a_notification_and_is_put_away,
    the_same_file_twice_and_both_ways_is_one,
    what_is_half_written_is_left_and_what_can_not_be_read_is_refused,
    two_nodes_at_one_folder_do_not_hurt_each_other,
    an_order_is_put_into_the_folder_once,
);

/// A node with folders; without a secret, so that nothing can be posted to it unless it has one.
fn node(rail: &Rail<'_>, bank: &Bank, folder: &Path, secret: bool) -> App {
    let mut settings = (*rail.app.settings).clone();
    bank.configure(&mut settings);
    let path = |name: &str| {
        let path = folder.join(name);
        fs::create_dir_all(&path).expect("makes it");
        Some(path.display().to_string())
    };
    settings.providers.bank.inbox = path("in");
    settings.providers.bank.outbox = path("out");
    settings.providers.bank.api_base = None;
    if !secret {
        settings.providers.bank.webhook_secret = Vec::new();
    }
    App::new(settings, rail.app.db.clone(), rail.app.clock.clone()).expect("settings that can be used")
}

pub(super) fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("one").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

async fn drain(node: &App) {
    worker::drain(node).await.expect("the worker gets through");
}

fn credit(reference: &str, amount: &str, text: &str) -> String {
    camt_054(EUR, &[Entry::credit(reference, &Money::exact(amount, "EUR").expect("euros")).text(&[text])])
}

async fn a_file_in_the_folder_is_a_notification_and_is_put_away(app: &TestApp) {
    let (rail, bank) = at(app).await;
    let folder = tempfile::tempdir().expect("a folder");
    let node = node(&rail, &bank, folder.path(), false);
    let (order, payment) = asked(&rail, "10.00").await;
    let inside = folder.path().join("in");
    fs::write(inside.join("b.XML"), credit("B1", "4", &payment.reference)).expect("writes");
    fs::write(inside.join("a.xml"), credit("B2", "6", &payment.reference)).expect("writes");
    drain(&node).await;
    assert_eq!(status(&rail.shop, &order).await, "FUNDED");
    assert_eq!(
        (names(&inside), names(&inside.join("done"))),
        (vec!["done".to_owned()], vec!["a.xml".to_owned(), "b.XML".to_owned()])
    );
    all_applied(&rail).await;
    // Without a secret nothing can be signed.
    let provider = node.providers.find("bank").expect("there");
    let post = bank.signed(credit("B3", "1", "x"), super::SECRET, node.clock.wall());
    let headers =
        post.headers.iter().map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value")));
    let headers: axum::http::HeaderMap = headers.collect();
    let request = provider::WebhookRequest {
        path: "/webhooks/bank",
        client: std::net::Ipv4Addr::LOCALHOST.into(),
        headers: &headers,
        body: &post.body,
    };
    assert!(provider.verify(&request, node.clock.wall()).is_err());
    assert!(rail.app.providers.find("bank").expect("there").verify(&request, node.clock.wall()).is_ok());
}

async fn the_same_file_twice_and_both_ways_is_one(app: &TestApp) {
    let (rail, bank) = at(app).await;
    let folder = tempfile::tempdir().expect("a folder");
    let node = node(&rail, &bank, folder.path(), true);
    let (_order, payment) = asked(&rail, "10.00").await;
    let inside = folder.path().join("in");
    let file = credit("B1", "4", &payment.reference);
    bank.send(file.clone());
    rail.deliver().await;
    for name in ["day.xml", "day.xml", "again.xml"] {
        fs::write(inside.join(name), &file).expect("writes");
        drain(&node).await;
    }
    // Another file of the same name: what was put away before stays.
    fs::write(inside.join("day.xml"), credit("B2", "1", &payment.reference)).expect("writes");
    drain(&node).await;
    assert_eq!(rail.payment(&payment.id.to_string()).await.captured.0, 500);
    assert_eq!(inbox(&rail).await.len(), 2);
    let done = names(&inside.join("done"));
    assert_eq!((names(&inside).len(), done.len()), (1, 4), "{done:?}");
}

async fn what_is_half_written_is_left_and_what_can_not_be_read_is_refused(app: &TestApp) {
    let (rail, bank) = at(app).await;
    let folder = tempfile::tempdir().expect("a folder");
    let node = node(&rail, &bank, folder.path(), false);
    let (order, payment) = asked(&rail, "10.00").await;
    let inside = folder.path().join("in");
    let file = credit("B1", "10", &payment.reference);
    fs::write(inside.join(".hidden.xml"), &file).expect("writes");
    fs::write(inside.join("day.xml.part"), &file).expect("writes");
    fs::write(inside.join("day.xml.tmp"), &file).expect("writes");
    fs::write(inside.join("half.xml"), &file[..file.len() / 2]).expect("writes");
    let large = fs::File::create(inside.join("large.xml")).expect("makes it");
    large.set_len(16 * 1024 * 1024 + 1).expect("grows");
    drain(&node).await;
    assert_eq!(names(&inside), [".hidden.xml", "day.xml.part", "day.xml.tmp", "half.xml", "refused"]);
    assert_eq!(names(&inside.join("refused")), ["large.xml", "large.xml.reason.txt"]);
    assert_eq!(inbox(&rail).await.len(), 1, "shown");
    fs::write(inside.join("half.xml"), &file).expect("goes on");
    drain(&node).await;
    assert_eq!(status(&rail.shop, &order).await, "FUNDED");
    // Nobody goes on with what begins like a document and has had no end for a minute.
    fs::write(inside.join("cut.xml"), &file[..file.len() / 2]).expect("writes");
    node.clock.shift_wall(TimeDelta::seconds(30));
    drain(&node).await;
    assert!(inside.join("cut.xml").exists());
    node.clock.shift_wall(TimeDelta::seconds(90));
    drain(&node).await;
    assert!(names(&inside.join("refused")).contains(&"cut.xml".to_owned()));
    let shown = inbox(&rail).await;
    assert_eq!(shown.iter().filter(|row| row.1.contains("cut off")).count(), 1, "{shown:?}");
}

async fn two_nodes_at_one_folder_do_not_hurt_each_other(app: &TestApp) {
    let (rail, bank) = at(app).await;
    let folder = tempfile::tempdir().expect("a folder");
    let nodes = [node(&rail, &bank, folder.path(), false), node(&rail, &bank, folder.path(), false)];
    let (order, payment) = asked(&rail, "20.00").await;
    let inside = folder.path().join("in");
    for number in 0..20 {
        fs::write(inside.join(format!("{number}.xml")), credit(&format!("B{number}"), "1", &payment.reference))
            .expect("writes");
    }
    tokio::join!(drain(&nodes[0]), drain(&nodes[1]));
    drain(&nodes[0]).await;
    assert_eq!(status(&rail.shop, &order).await, "FUNDED");
    assert_eq!((names(&inside), names(&inside.join("done")).len()), (vec!["done".to_owned()], 20));
    assert_eq!((inbox(&rail).await.len(), causes(&rail.shop).await.len()), (20, 20));
    all_applied(&rail).await;
}

async fn an_order_is_put_into_the_folder_once(app: &TestApp) {
    let (rail, bank) = at(app).await;
    let folder = tempfile::tempdir().expect("a folder");
    let node = node(&rail, &bank, folder.path(), true);
    let (order, payment) = asked(&rail, "10.00").await;
    bank.pay(&payment.reference).await;
    rail.deliver().await;
    done(app, demo::SUPPLIER, &order, Command::RefundOrder { amount: MinorUnits(500) }).await;
    provide_account(app, &order).await;
    drain(&node).await;
    let asked = refund(app, &order).await;
    assert_eq!(asked.status, RefundStatus::Pending);
    let out = folder.path().join("out");
    let name = format!("{}.xml", asked.reference.replace('_', "-"));
    assert_eq!(names(&out), [name.as_str()]);
    let file = fs::read(out.join(&name)).expect("reads");
    let sent = super::pain::read(&file, &[EUR]).expect("as a bank takes it");
    assert_eq!((sent.amount.amount, sent.message_id), (MinorUnits(500), asked.reference.replace('_', "-")));
    // A crash between the file and the books.
    let transaction = node.db.begin_write().await.expect("begins");
    transaction.execute_unprepared("update refund set status = 'REQUESTED'").await.expect("writes");
    transaction.commit().await.expect("commits");
    node.clock.shift_wall(TimeDelta::days(1));
    payment::send_refund(&node, asked.id).await.expect("there already");
    assert_eq!((names(&out), fs::read(out.join(&name)).expect("reads")), (vec![name], file));
    assert_eq!(refund(app, &order).await.status, RefundStatus::Pending);
}

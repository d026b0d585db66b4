//! Where a webhook may go: no address that was not checked is ever connected to.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use ground::client::guard::{Lookup, Policy};
use secure_payment::courier::{Courier, Patience};
use secure_payment::worker;
use serde_json::json;

use super::receiver::Receiver;
use super::{change, deliveries, done, endpoint};
use crate::support::purchase::text;
use crate::support::{TestApp, on_each_database};

on_each_database!(
    a_private_address_is_refused_when_the_endpoint_is_made_and_at_each_attempt,
    a_name_that_moves_to_a_private_address_is_not_followed_there,
);

/// Answers one list of addresses after the other, and the last one again and again.
#[derive(Debug)]
struct Moving {
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    asked: Mutex<Vec<String>>,
}

impl Moving {
    fn through(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |list: &&[&str]| list.iter().map(|ip| ip.parse().expect("an address")).collect();
        Arc::new(Self { answers: Mutex::new(answers.iter().map(parse).collect()), asked: Mutex::default() })
    }

    fn asked(&self) -> usize {
        self.asked.lock().expect("not poisoned").len()
    }
}

impl Lookup for Moving {
    fn lookup(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        self.asked.lock().expect("not poisoned").push(host);
        let mut answers = self.answers.lock().expect("not poisoned");
        let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        Box::pin(async move { Ok(answer.unwrap_or_default()) })
    }
}

fn patient(seconds: u64) -> Patience {
    Patience { connect: Duration::from_secs(seconds), total: Duration::from_secs(seconds) }
}

async fn a_private_address_is_refused_when_the_endpoint_is_made_and_at_each_attempt(app: &TestApp) {
    for url in [
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data",
        "http://0.0.0.0:1/",
        "http://[fd00::1]/",
        "http://192.168.0.1/",
        "http://0xa.1/",
        "http://user:pass@127.0.0.1/",
        "ftp://127.0.0.1/",
        "not a url",
    ] {
        let input = json!({ "idempotencyKey": url, "url": url });
        let refused = change(app, "createWebhookEndpoint", input, "endpoint { id } secret errors { code path }").await;
        let errors = json!([{ "code": "INVALID_INPUT", "path": ["input", "url"] }]);
        assert_eq!(refused, json!({ "endpoint": null, "secret": null, "errors": errors }), "{url}");
    }
    // Made while the policy was another: it is looked at again.
    let receiver = Receiver::answering(200).await;
    let (id, _secret) = endpoint(app, &receiver.url, &[]).await;
    done(app, "sendTestEvent", json!({ "endpointId": id }), "delivery { id }").await;
    let mut node = app.app().clone();
    node.courier = Courier::new(Policy::Live);
    worker::drain(&node).await.expect("gets through");
    assert_eq!(receiver.heard().len(), 0);
    let error = text(&deliveries(app, &id).await[0]["attempts"][0]["error"]);
    assert!(error.contains("https"), "{error}");
}

async fn a_name_that_moves_to_a_private_address_is_not_followed_there(app: &TestApp) {
    let receiver = Receiver::answering(200).await;
    let url = receiver.url.replace("127.0.0.1", "receiver.example");
    let (id, _secret) = endpoint(app, &url, &[]).await;
    // Every address of the second answer leads to this machine or its neighbours; the sandbox allows the first one only.
    let moving = Moving::through(&[&["127.0.0.1"], &["0.0.0.0", "::ffff:0.0.0.0", "10.255.255.1", "fd00::1"]]);
    let mut node = app.app().clone();
    node.courier = Courier::with(Policy::Sandbox, moving.clone(), patient(5));
    for round in 1..=2 {
        done(app, "sendTestEvent", json!({ "endpointId": id }), "delivery { id }").await;
        worker::drain(&node).await.expect("gets through");
        assert_eq!(moving.asked(), round, "once per attempt: there is no moment between a check and the connection");
    }
    assert_eq!(receiver.heard().len(), 1, "no connection was kept either");
    let sent = deliveries(app, &id).await;
    assert_eq!((sent[0]["status"].as_str(), sent[1]["status"].as_str()), (Some("SUCCEEDED"), Some("PENDING")));
    let error = text(&sent[1]["attempts"][0]["error"]);
    assert_eq!(error, "the name of the URL's host leads to no address on the public internet");

    // Live: the first answer is public, and may be reached or not; the listener here never is.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let (live, live_id) = (format!("https://receiver.example:{port}/"), "live");
    let input = json!({ "idempotencyKey": live_id, "url": live, "description": "live" });
    let live_id = text(&done(app, "createWebhookEndpoint", input, "endpoint { id }").await["endpoint"]["id"]);
    let moving = Moving::through(&[&["2606:4700::1"], &["127.0.0.1", "::1", "::ffff:127.0.0.1", "2002:7f00:1::"]]);
    node.courier = Courier::with(Policy::Live, moving.clone(), patient(1));
    for _round in 0..2 {
        done(app, "sendTestEvent", json!({ "endpointId": live_id }), "delivery { id }").await;
        worker::drain(&node).await.expect("gets through");
    }
    let sent = deliveries(app, &live_id).await;
    assert_ne!(sent[0]["attempts"][0]["error"], error, "the public one was tried");
    assert_eq!(sent[1]["attempts"][0]["error"], error);
    let touched = tokio::time::timeout(Duration::ZERO, listener.accept()).await;
    assert!(touched.is_err(), "nobody came: {touched:?}");
}

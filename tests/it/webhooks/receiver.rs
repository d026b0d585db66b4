//! A storefront's receiver: a server that verifies, remembers and answers as it is told.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use ground::clock::Clock;
use ground::signature;
use secrecy::SecretString;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::support::purchase::{PATIENCE, text};

/// One request.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// What it was answered.
    pub(super) status: u16,
}

impl Heard {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    pub(super) fn id(&self) -> String {
        self.headers[signature::ID_HEADER].to_str().expect("text").to_owned()
    }

    pub(super) fn order(&self) -> String {
        text(&self.json()["data"]["orderId"])
    }

    /// Its id, if one of these secrets signed it.
    pub(super) fn verified(&self, secret: &str, clock: &Clock) -> Option<String> {
        signature::verify(&[SecretString::from(secret)], &self.headers, &self.body, clock.wall()).ok()
    }
}

pub(super) struct Receiver {
    pub(super) url: String,
    heard: Arc<watch::Sender<Vec<Heard>>>,
}

impl Receiver {
    pub(super) async fn new(
        answer: impl Fn(Heard) -> BoxFuture<'static, Response> + Clone + Send + Sync + 'static,
    ) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/webhooks", listener.local_addr().expect("an address"));
        let heard: Arc<watch::Sender<Vec<Heard>>> = Arc::default();
        let log = Arc::clone(&heard);
        let router = Router::new().fallback(move |request: Request| {
            let (answer, log) = (answer.clone(), Arc::clone(&log));
            async move {
                let (parts, body) = request.into_parts();
                let body = to_bytes(body, 1 << 20).await.expect("a body");
                let mut heard = Heard { path: parts.uri.path().to_owned(), headers: parts.headers, body, status: 0 };
                let place = log.borrow().len();
                log.send_modify(|all| all.push(heard.clone()));
                let response = answer(heard.clone()).await;
                heard.status = response.status().as_u16();
                log.send_modify(|all| {
                    let at = all[place..].iter().position(|one| one.status == 0 && one.id() == heard.id());
                    all[place + at.expect("it is there")].status = heard.status;
                });
                response
            }
        });
        tokio::spawn(async move { axum::serve(listener, router).await.expect("serves") });
        Self { url, heard }
    }

    pub(super) async fn answering(status: u16) -> Self {
        Self::deciding(move |_heard| status).await
    }

    pub(super) async fn deciding(decide: impl Fn(&Heard) -> u16 + Clone + Send + Sync + 'static) -> Self {
        Self::new(move |heard| {
            let status = StatusCode::from_u16(decide(&heard)).expect("a status");
            Box::pin(async move { (status, "heard").into_response() })
        })
        .await
    }

    /// Holds every request until the gate is open.
    pub(super) async fn gated(gate: watch::Receiver<bool>) -> Self {
        Self::new(move |_heard| {
            let mut gate = gate.clone();
            Box::pin(async move {
                drop(gate.wait_for(|open| *open).await.expect("the gate is there"));
                StatusCode::OK.into_response()
            })
        })
        .await
    }

    pub(super) fn heard(&self) -> Vec<Heard> {
        self.heard.borrow().clone()
    }

    pub(super) fn ids(&self) -> Vec<String> {
        self.heard().iter().map(Heard::id).collect()
    }

    /// What was accepted, by order: each event once, at the place where it first came.
    pub(super) fn accepted(&self) -> BTreeMap<String, Vec<String>> {
        let mut accepted: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for heard in self.heard().iter().filter(|heard| heard.status == 200) {
            let of = accepted.entry(heard.order()).or_default();
            if !of.contains(&heard.id()) {
                of.push(heard.id());
            }
        }
        accepted
    }

    pub(super) async fn until(&self, wanted: impl Fn(&[Heard]) -> bool) {
        let mut heard = self.heard.subscribe();
        let waiting = timeout(PATIENCE, heard.wait_for(|heard| wanted(heard))).await;
        drop(waiting.unwrap_or_else(|_elapsed| panic!("only heard {:?}", self.ids())).expect("it is there"));
    }
}

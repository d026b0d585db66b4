//! Stripe, played: its objects, errors and idempotency as its API documents them, and nothing that we don't use.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Response};
use entity::Time;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Url;
use secrecy::SecretString;
use secure_payment::config::Settings;
use serde_json::{Value, json};
use sha2::Sha256;

use super::books::{Books, Said, refusal};
use crate::support::rail::{Claim, Fake, Post, Way};

const KEY: &str = "sk_test_ofTheSuite";
pub(crate) const SECRET: &str = "whsec_sp_test_4f1c2b0a9d8e7f6a5b4c3d2e1f0a9b8c";
const OLD_SECRET: &str = "whsec_sp_test_thatIsBeingReplaced0";
const NOT_OURS: &str = "whsec_sp_old_00112233445566778899aabbccddeeff";

pub(crate) struct Stripe {
    base: String,
    way: Way,
    books: Arc<Mutex<Books>>,
    secret: String,
}

impl Stripe {
    pub(crate) async fn start() -> Arc<Self> {
        Self::start_with(SECRET).await
    }

    /// What it signs with, and we check with.
    pub(crate) async fn start_with(secret: &str) -> Arc<Self> {
        let (way, books) = (Way::default(), Arc::new(Mutex::new(Books::default())));
        let of_routes = Arc::clone(&books);
        let router = Router::new().fallback(move |request: Request| {
            let books = Arc::clone(&of_routes);
            async move { answer(&books, request).await }
        });
        Arc::new(Self { base: way.serve(router).await, way, books, secret: secret.to_owned() })
    }

    pub(crate) fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().expect("not poisoned")
    }
}

async fn answer(books: &Mutex<Books>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.expect("a body");
    let text = |name: &str| header(&parts.headers, name);
    let is_post = parts.method == "POST";
    let pairs = if is_post {
        String::from_utf8(body.to_vec()).expect("a form")
    } else {
        parts.uri.query().unwrap_or("").to_owned()
    };
    let pairs = decoded(&pairs);
    let path: Vec<&str> = parts.uri.path().trim_start_matches('/').split('/').collect();
    let mut is_repeated = false;
    let said = if text("authorization") != format!("Bearer {KEY}") {
        refusal(401, "invalid_request_error", "", "Invalid API Key provided: sk_test_***")
    } else if text("stripe-version") != "2026-10-28.endive" {
        refusal(400, "invalid_request_error", "", "Invalid Stripe API version")
    } else if is_post && text("content-type") != "application/x-www-form-urlencoded" {
        refusal(400, "invalid_request_error", "", "The request body is not a form")
    } else {
        let once = Some(text("idempotency-key")).filter(|key| !key.is_empty());
        let asked = (parts.method.as_str(), &path[..]);
        let mut books = books.lock().expect("not poisoned");
        is_repeated = is_post && books.repeats(once.as_deref());
        books.said(asked, &pairs, once.as_deref())
    };
    let (status, document) = said;
    let repeated = is_repeated.then_some([("Idempotent-Replayed", "true")]);
    (StatusCode::from_u16(status).expect("a status"), repeated.map(AppendHeaders), axum::Json(document)).into_response()
}

fn header(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

fn decoded(pairs: &str) -> BTreeMap<String, String> {
    let url = Url::parse(&format!("http://stripe/?{pairs}")).expect("a form");
    let all: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let by_name: BTreeMap<_, _> = all.iter().cloned().collect();
    assert_eq!(by_name.len(), all.len(), "a parameter is there twice: {all:?}");
    by_name
}

/// As Stripe signs.
pub(crate) fn signed(secret: &str, wall: Time, body: Vec<u8>) -> Post {
    let timestamp = wall.timestamp().to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length will do");
    mac.update(format!("{timestamp}.").as_bytes());
    mac.update(&body);
    let signature = hex::encode(mac.finalize().into_bytes());
    let header = format!("t={timestamp},v1={},v1={signature},v0={}", "0".repeat(64), "1".repeat(64));
    post(Some(header), body)
}

fn post(signature: Option<String>, body: Vec<u8>) -> Post {
    let mut headers = vec![("Content-Type".to_owned(), "application/json; charset=utf-8".to_owned())];
    headers.extend(signature.map(|signature| ("Stripe-Signature".to_owned(), signature)));
    Post { to: "stripe", headers, body }
}

/// What an event looks like.
pub(crate) fn event(id: &str, kind: &str, object: &Value) -> Value {
    json!({ "id": id, "object": "event", "api_version": "2026-10-28.endive", "created": 1_761_998_395, "livemode": false,
        "pending_webhooks": 1, "request": { "id": null, "idempotency_key": null }, "type": kind, "data": { "object": object } })
}

#[async_trait::async_trait]
impl Fake for Stripe {
    fn name(&self) -> &'static str {
        "stripe"
    }

    fn configure(&self, settings: &mut Settings) {
        let stripe = &mut settings.providers.stripe;
        stripe.api_key = Some(SecretString::from(KEY));
        stripe.publishable_key = Some("pk_test_ofTheSuite".to_owned());
        stripe.webhook_secret = vec![SecretString::from(OLD_SECRET), SecretString::from(self.secret.as_str())];
        stripe.api_base = self.base.clone();
    }

    fn method(&self) -> &'static str {
        "VISA"
    }

    fn currency(&self) -> &'static str {
        "EUR"
    }

    async fn pay(&self, payment: &str) {
        self.books().pay(payment);
    }

    async fn decline(&self, payment: &str) -> bool {
        self.books().decline(payment);
        true
    }

    async fn expire(&self, payment: &str) -> bool {
        self.books().expire(payment);
        true
    }

    async fn settle_refund(&self, refund: &str) {
        self.books().settle_refund(refund);
    }

    async fn fail_refund(&self, refund: &str) -> bool {
        self.books().fail_refund(refund);
        true
    }

    async fn claim(&self, payment: &str, claim: Claim) -> bool {
        self.books().claim(payment, claim);
        true
    }

    fn notifications(&self, wall: Time) -> Vec<Post> {
        let events = std::mem::take(&mut self.books().events);
        events.into_iter().map(|event| signed(&self.secret, wall, event.to_string().into_bytes())).collect()
    }

    fn forgeries(&self, payment: &str, wall: Time) -> Vec<Post> {
        let mut intent = self.books().intent(payment).clone();
        (intent["status"], intent["amount_received"]) = (json!("succeeded"), intent["amount"].clone());
        let body = event("evt_forged", "payment_intent.succeeded", &intent).to_string().into_bytes();
        let garbage = format!("t={},v1={}", wall.timestamp(), "5d".repeat(32));
        vec![post(None, body.clone()), post(Some(garbage), body.clone()), signed(NOT_OURS, wall, body)]
    }

    fn way(&self) -> &Way {
        &self.way
    }

    fn payments(&self, payment: &str) -> usize {
        self.books().intents.iter().filter(|intent| intent["metadata"]["payment_id"] == payment).count()
    }

    fn refunded(&self, payment: &str) -> i64 {
        let books = self.books();
        let intent = books.intent(payment)["id"].clone();
        books.refunded(&intent)
    }
}

pub(crate) type Asked<'a> = (&'a str, &'a [&'a str]);
pub(crate) type Pairs = BTreeMap<String, String>;
pub(crate) type IdempotencyKey = BTreeMap<String, (String, Pairs, Said)>;

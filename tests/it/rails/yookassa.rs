//! YooKassa, played: its objects, errors, lists and idempotence as its documents have them, and nothing that we don't use. Its
//! notifications come through a proxy of ours, from an address that it publishes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use entity::Time;
use reqwest::Url;
use secrecy::SecretString;
use secure_payment::config::Settings;
use serde_json::{Value, json};

use self::books::{Asked, Books, Said, error};
use crate::support::rail::{Claim, Fake, Post, Way};

mod books;
mod special;
mod vectors;

const SHOP: &str = "100500";
const KEY: &str = "test_ofTheSuite_0123456789abcdef";
/// One of YooKassa's.
const ADDRESS: &str = "77.75.153.5";
const SOMEBODY: &str = "203.0.113.9";

pub(crate) async fn start() -> Arc<dyn Fake> {
    YooKassa::start().await
}

struct YooKassa {
    base: String,
    way: Way,
    books: Arc<Mutex<Books>>,
}

impl YooKassa {
    async fn start() -> Arc<Self> {
        let (way, books) = (Way::default(), Arc::new(Mutex::new(Books::default())));
        let of_routes = Arc::clone(&books);
        let router = Router::new().fallback(move |request: Request| {
            let books = Arc::clone(&of_routes);
            async move { answer(&books, request).await }
        });
        Arc::new(Self { base: way.serve(router).await, way, books })
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().expect("not poisoned")
    }
}

async fn answer(books: &Mutex<Books>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.expect("a body");
    let text = |name: &str| header(&parts.headers, name);
    let path: Vec<&str> = parts.uri.path().trim_start_matches('/').split('/').collect();
    let credentials = format!("Basic {}", STANDARD.encode(format!("{SHOP}:{KEY}")));
    let is_post = parts.method == "POST";
    let said = if text("authorization") != credentials {
        error(401, "invalid_credentials", "Authentication by given credentials failed", None)
    } else if is_post && text("content-type") != "application/json" {
        (415, Value::Null)
    } else {
        let key = text("idempotence-key");
        let query = decoded(parts.uri.query().unwrap_or_default());
        let asked = Asked { path: &path, query: &query, body: &body, key: &key };
        let mut books = books.lock().expect("not poisoned");
        if is_post { books.post(&asked) } else { books.get(&asked) }
    };
    spoken(said)
}

fn spoken((status, document): Said) -> Response {
    let status = StatusCode::from_u16(status).expect("a status");
    if document.is_null() { status.into_response() } else { (status, axum::Json(document)).into_response() }
}

fn header(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

fn decoded(query: &str) -> BTreeMap<String, String> {
    let url = Url::parse(&format!("http://x/?{query}")).expect("a URL");
    url.query_pairs().into_owned().collect()
}

/// As a proxy of ours passes it on.
fn post(forwarded: &[&str], body: &Value) -> Post {
    let mut headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
    headers.extend(forwarded.iter().map(|value| ("X-Forwarded-For".to_owned(), (*value).to_owned())));
    Post { to: "yookassa", headers, body: body.to_string().into_bytes() }
}

fn news(event: &str, object: &Value) -> Value {
    json!({ "type": "notification", "event": event, "object": object })
}

#[async_trait::async_trait]
impl Fake for YooKassa {
    fn name(&self) -> &'static str {
        "yookassa"
    }

    fn configure(&self, settings: &mut Settings) {
        let own = &mut settings.providers.yookassa;
        own.shop_id = Some(SHOP.to_owned());
        own.secret_key = Some(SecretString::from(KEY));
        own.api_base = self.base.clone();
        if !self.books().is_behind_no_proxy {
            settings.limits.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
        }
    }

    fn method(&self) -> &'static str {
        "YANDEX"
    }

    fn currency(&self) -> &'static str {
        "RUB"
    }

    async fn pay(&self, payment: &str) {
        self.books().pay(payment);
    }

    async fn decline(&self, payment: &str) -> bool {
        self.books().cancel(payment, "payment_network", "insufficient_funds");
        true
    }

    async fn expire(&self, payment: &str) -> bool {
        self.books().cancel(payment, "yoo_money", "expired_on_confirmation");
        true
    }

    async fn settle_refund(&self, refund: &str) {
        self.books().settle_refund(refund);
    }

    async fn fail_refund(&self, refund: &str) -> bool {
        self.books().fail_refund(refund)
    }

    async fn claim(&self, _payment: &str, _claim: Claim) -> bool {
        false
    }

    fn notifications(&self, _wall: Time) -> Vec<Post> {
        std::mem::take(&mut self.books().news).iter().map(|body| post(&[ADDRESS], body)).collect()
    }

    /// Nobody signs: what is forged is who sends.
    fn forgeries(&self, payment: &str, _wall: Time) -> Vec<Post> {
        let mut object = self.books().payment(payment).clone();
        (object["status"], object["paid"]) = (json!("succeeded"), json!(true));
        let body = news("payment.succeeded", &object);
        let written_by_the_client = format!("{ADDRESS}, {SOMEBODY}");
        let as_v6 = format!("::ffff:{SOMEBODY}");
        let forwarded: [&[&str]; 6] =
            [&[], &[SOMEBODY], &[&as_v6], &[&written_by_the_client], &[ADDRESS, SOMEBODY], &[ADDRESS, "unknown"]];
        forwarded.iter().map(|forwarded| post(forwarded, &body)).collect()
    }

    fn way(&self) -> &Way {
        &self.way
    }

    fn payments(&self, payment: &str) -> usize {
        self.books().payments.iter().filter(|known| known["metadata"]["payment_id"] == payment).count()
    }

    fn refunded(&self, payment: &str) -> i64 {
        let books = self.books();
        books.refunded(&books.payment(payment)["id"])
    }
}

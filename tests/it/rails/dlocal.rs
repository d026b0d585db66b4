//! dLocal, played; and samples of its signatures (`tests/vectors/dlocal.json`).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use chrono::SecondsFormat;
use entity::Time;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::SecretString;
use secure_payment::config::Settings;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::rail::{Claim, Fake, Post, Way};

mod special;
mod vectors;

/// Of the vectors.
const LOGIN: &str = "splogin01";
const SECRET: &str = "sp-dlocal-secret-0001";
const TRANS_KEY: &str = "trans-key-of-the-played-dlocal";
/// dLocal's own example.
const CPF: &str = "530.333.155-50";

pub(crate) async fn start() -> Arc<dyn Fake> {
    Dlocal::start(LOGIN, SECRET).await
}

struct Dlocal {
    base: String,
    way: Way,
    login: String,
    secret: String,
    books: Arc<Mutex<Books>>,
}

#[derive(Default)]
struct Books {
    login: String,
    secret: String,
    payments: Vec<Payment>,
    refunds: Vec<Refund>,
    news: Vec<String>,
    /// What was answered under an idempotency key, and to which body.
    keys: BTreeMap<String, (Vec<u8>, String)>,
    /// Changes the next answers about payments and refunds.
    misdeed: Option<(&'static str, Value)>,
    /// Whether a list of refunds says our ids of them.
    hides_our_ids: bool,
}

struct Payment {
    id: String,
    asked: NewPayment,
    amount: i64,
    status: (&'static str, &'static str),
}

struct Refund {
    id: String,
    asked: NewRefund,
    amount: i64,
    status: (&'static str, &'static str),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPayment {
    amount: Box<RawValue>,
    currency: String,
    country: String,
    payment_method_id: String,
    payment_method_flow: String,
    payer: Payer,
    order_id: String,
    description: String,
    notification_url: String,
    callback_url: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Payer {
    name: String,
    email: String,
    document: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRefund {
    payment_id: String,
    amount: Box<RawValue>,
    currency: String,
    order_refund_id: String,
    description: String,
    notification_url: String,
}

/// Status, code, parameter.
type Refusal = (u16, u32, &'static str);

const INVALID: Refusal = (400, 5001, "body");
const PAYMENT_NOT_FOUND: Refusal = (404, 4000, "");

const PENDING: (&str, &str) = ("PENDING", "100");

fn read<T: for<'a> Deserialize<'a>>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|_strict| INVALID)
}

/// A number with both its decimals.
fn centavos(amount: &RawValue, currency: &str) -> Result<i64, Refusal> {
    let parts = amount.get().split_once('.').filter(|(_, decimals)| decimals.len() == 2);
    let units = parts.and_then(|(whole, decimals)| format!("{whole}{decimals}").parse().ok());
    units.filter(|units| *units > 0 && currency == "BRL").ok_or((400, 5001, "amount"))
}

fn is_news_url(url: &str) -> bool {
    url.starts_with("http") && url.ends_with("/webhooks/dlocal")
}

impl Books {
    fn payment(&mut self, order_id: &str) -> Option<&mut Payment> {
        self.payments.iter_mut().find(|payment| payment.asked.order_id == order_id)
    }

    fn refund(&mut self, order_refund_id: &str) -> Option<&mut Refund> {
        self.refunds.iter_mut().find(|refund| refund.asked.order_refund_id == order_refund_id)
    }

    fn answer(&mut self, call: (&str, &[&str]), key: &str, body: &[u8]) -> Result<String, Refusal> {
        if call.0 == "POST" {
            if key.is_empty() {
                return Err((400, 5001, "X-Idempotency-Key"));
            }
            if let Some((asked, answer)) = self.keys.get(key) {
                return if asked == body { Ok(answer.clone()) } else { Err(INVALID) };
            }
        }
        let misdeed = self.misdeed.clone();
        let said = match call {
            ("POST", ["payments"]) => self.pay(read(body)?)?,
            ("POST", ["refunds"]) => self.give_back(read(body)?)?,
            ("GET", ["payments", id]) => {
                let found = self.payments.iter().find(|payment| payment.id == *id);
                described(found.ok_or(PAYMENT_NOT_FOUND)?)
            }
            ("GET", ["payments", id, "refunds"]) => {
                let of = self.refunds.iter().filter(|refund| refund.asked.payment_id == *id);
                let listed: Vec<String> = of.map(|refund| given_back(refund, !self.hides_our_ids)).collect();
                return Ok(format!("[{}]", listed.join(",")));
            }
            ("GET", ["orders", id]) => {
                let payment = self.payment(id).ok_or(PAYMENT_NOT_FOUND)?;
                let (status, code) = payment.status;
                return Ok(json!({ "order_id": id, "payment_id": payment.id, "currency": "BRL", "status": status,
                    "status_code": code, "status_detail": "said", "amount": 0 })
                .to_string());
            }
            ("GET", ["refunds", id]) => {
                let found = self.refunds.iter().find(|refund| refund.id == *id);
                given_back(found.ok_or((404, 4001, ""))?, true)
            }
            _other => return Err((404, 0, "")),
        };
        let said = misdeed.map_or(said.clone(), |(field, value)| altered(&said, field, &value));
        if call.0 == "POST" && self.misdeed.is_none() {
            self.keys.insert(key.to_owned(), (body.to_vec(), said.clone()));
        }
        Ok(said)
    }

    fn pay(&mut self, asked: NewPayment) -> Result<String, Refusal> {
        let amount = centavos(&asked.amount, &asked.currency)?;
        let is_right = asked.country == "BR"
            && asked.payment_method_id == "PQ"
            && asked.payment_method_flow == "REDIRECT"
            && !asked.payer.name.is_empty()
            && asked.payer.email.contains('@')
            && asked.payer.document == "53033315550"
            && (1..=128).contains(&asked.order_id.len())
            && asked.description.chars().count() <= 100
            && asked.callback_url.as_ref().is_none_or(|url| url.starts_with("http"))
            && is_news_url(&asked.notification_url);
        if !is_right {
            return Err(INVALID);
        }
        if let Some(known) = self.payment(&asked.order_id) {
            // A misdeed of an answer is not kept under its key: the same again.
            return if known.amount == amount { Ok(described(known)) } else { Err((400, 5009, "")) };
        }
        let id = format!("D-4-be8eda8c-5fe7-49dd-8058-{:012}", self.payments.len());
        self.payments.push(Payment { id, asked, amount, status: PENDING });
        Ok(described(self.payments.last().expect("just written")))
    }

    fn give_back(&mut self, asked: NewRefund) -> Result<String, Refusal> {
        let amount = centavos(&asked.amount, &asked.currency)?;
        if !is_news_url(&asked.notification_url) || asked.description.is_empty() {
            return Err(INVALID);
        }
        if self.refund(&asked.order_refund_id).is_some() {
            return Err((400, 5011, ""));
        }
        let paid = self.payments.iter().find(|payment| payment.id == asked.payment_id).ok_or(PAYMENT_NOT_FOUND)?;
        if paid.status.0 != "PAID" {
            return Err((400, 5002, ""));
        }
        if self.given_back(&asked.payment_id) + amount > paid.amount {
            return Err((400, 5007, ""));
        }
        let id = format!("REF{}", 42_342 + self.refunds.len());
        self.refunds.push(Refund { id, asked, amount, status: PENDING });
        Ok(given_back(self.refunds.last().expect("just written"), true))
    }

    /// What is on its way counts.
    fn given_back(&self, payment_id: &str) -> i64 {
        let counts = |refund: &&Refund| refund.asked.payment_id == payment_id && refund.status.0 != "REJECTED";
        self.refunds.iter().filter(counts).map(|refund| refund.amount).sum()
    }

    fn end(&mut self, order_id: &str, status: (&'static str, &'static str)) {
        let payment = self.payment(order_id).expect("it was asked for");
        payment.status = status;
        let said = described(payment);
        self.news.push(said);
    }

    fn end_refund(&mut self, order_refund_id: &str, status: (&'static str, &'static str)) {
        let refund = self.refund(order_refund_id).expect("it was asked for");
        refund.status = status;
        // Its notification doesn't say our id of it.
        let said = given_back(refund, false);
        self.news.push(said);
    }
}

/// The payment object, in answers and notifications.
fn described(payment: &Payment) -> String {
    let (asked, (status, code)) = (&payment.asked, payment.status);
    let said = json!({ "id": payment.id, "amount": "", "currency": asked.currency, "country": "BR",
        "payment_method_id": asked.payment_method_id, "payment_method_type": "BANK_TRANSFER",
        "payment_method_flow": "REDIRECT", "payer": { "name": asked.payer.name, "email": asked.payer.email },
        "order_id": asked.order_id, "status": status, "status_code": code, "status_detail": "The payment was …",
        "notification_url": asked.notification_url, "created_date": "2025-11-01T11:59:00.000+0000",
        "redirect_url": format!("https://pay.dlocal.example/{}", payment.id) });
    with_number(&said, &asked.amount)
}

fn given_back(refund: &Refund, says_ours: bool) -> String {
    let (asked, (status, code)) = (&refund.asked, refund.status);
    let mut said = json!({ "id": refund.id, "payment_id": asked.payment_id, "amount": "", "currency": asked.currency,
        "status": status, "status_code": code.parse::<u32>().expect("a number"), "status_detail": "The refund was …",
        "created_date": "2025-11-02T15:14:52.000+0000" });
    if says_ours {
        said["order_refund_id"] = json!(asked.order_refund_id);
    }
    with_number(&said, &asked.amount)
}

/// The digits as they were asked for: a float would lose them.
fn with_number(said: &Value, amount: &RawValue) -> String {
    said.to_string().replacen(r#""amount":"""#, &format!(r#""amount":{}"#, amount.get()), 1)
}

fn altered(said: &str, field: &str, value: &Value) -> String {
    let mut fields: BTreeMap<String, Box<RawValue>> = serde_json::from_str(said).expect("an object");
    fields.insert(field.to_owned(), serde_json::value::to_raw_value(value).expect("JSON"));
    serde_json::to_string(&fields).expect("JSON")
}

fn signature(secret: &str, parts: [&[u8]; 3]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
    parts.iter().for_each(|part| mac.update(part));
    hex::encode(mac.finalize().into_bytes())
}

fn is_ours(headers: &HeaderMap, (login, secret): (&str, &str), body: &[u8]) -> Result<(), Refusal> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let has_rest = text("x-version") == "2.1"
        && !text("user-agent").is_empty()
        && text("content-type") == "application/json"
        && chrono::DateTime::parse_from_rfc3339(text("x-date")).is_ok();
    if !has_rest {
        return Err((400, 5001, "X-Version"));
    }
    if text("x-login") != login || text("x-trans-key") != TRANS_KEY {
        return Err((403, 3001, ""));
    }
    let expected = signature(secret, [login.as_bytes(), text("x-date").as_bytes(), body]);
    let is_signed = text("authorization") == format!("V2-HMAC-SHA256, Signature: {expected}");
    // Not 401: shhac/agent-dlocal saw this at the sandbox.
    if is_signed { Ok(()) } else { Err((400, 5000, "")) }
}

async fn serve(books: Arc<Mutex<Books>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.expect("a body");
    let path: Vec<&str> = parts.uri.path().trim_start_matches('/').split('/').collect();
    let key = parts.headers.get("x-idempotency-key").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut books = books.lock().expect("not poisoned");
    let (login, secret) = (books.login.clone(), books.secret.clone());
    let answer = is_ours(&parts.headers, (&login, &secret), &body)
        .and_then(|()| books.answer((parts.method.as_str(), &path), key, &body));
    match answer {
        Ok(said) => said.into_response(),
        Err((404, 0, _)) => (StatusCode::NOT_FOUND, "NOT_FOUND").into_response(),
        Err((status, code, param)) => {
            let said = json!({ "code": code, "message": "no", "param": param }).to_string();
            (StatusCode::from_u16(status).expect("a status"), said).into_response()
        }
    }
}

impl Dlocal {
    async fn start(login: &str, secret: &str) -> Arc<Self> {
        let (way, login, secret) = (Way::default(), login.to_owned(), secret.to_owned());
        let books = Books { login: login.clone(), secret: secret.clone(), ..Books::default() };
        let books = Arc::new(Mutex::new(books));
        let served = Arc::clone(&books);
        let base = way.serve(Router::new().fallback(move |request| serve(Arc::clone(&served), request))).await;
        Arc::new(Self { base, way, login, secret, books })
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().expect("not poisoned")
    }

    fn post(&self, body: &str, wall: Time, secret: &str) -> Post {
        let date = wall.to_rfc3339_opts(SecondsFormat::Millis, true);
        let signature = signature(secret, [self.login.as_bytes(), date.as_bytes(), body.as_bytes()]);
        let authorization = format!("V2-HMAC-SHA256, Signature: {signature}");
        let headers = [("X-Login", self.login.as_str()), ("X-Date", &date), ("Authorization", &authorization)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        Post { to: "dlocal", headers: headers.to_vec(), body: body.as_bytes().to_vec() }
    }
}

#[async_trait::async_trait]
impl Fake for Dlocal {
    fn name(&self) -> &'static str {
        "dlocal"
    }

    fn configure(&self, settings: &mut Settings) {
        let own = &mut settings.providers.dlocal;
        own.api_base.clone_from(&self.base);
        own.login = Some(self.login.clone());
        own.trans_key = Some(SecretString::from(TRANS_KEY));
        // The second one is the next one: a rotation.
        own.secret_key = vec![SecretString::from(self.secret.as_str()), SecretString::from("next-secret")];
    }

    fn method(&self) -> &'static str {
        "TEF"
    }

    fn currency(&self) -> &'static str {
        "BRL"
    }

    fn payer(&self) -> Value {
        json!({ "name": "Thiago Gabriel", "email": "thiago@example.com", "document": CPF })
    }

    async fn pay(&self, payment: &str) {
        self.books().end(payment, ("PAID", "200"));
    }

    async fn decline(&self, payment: &str) -> bool {
        self.books().end(payment, ("REJECTED", "300"));
        true
    }

    async fn expire(&self, payment: &str) -> bool {
        self.books().end(payment, ("EXPIRED", "600"));
        true
    }

    async fn settle_refund(&self, refund: &str) {
        self.books().end_refund(refund, ("SUCCESS", "200"));
    }

    /// Nothing is documented that would undo one that succeeded.
    async fn fail_refund(&self, refund: &str) -> bool {
        let mut books = self.books();
        if books.refund(refund).expect("it was asked for").status.0 == "SUCCESS" {
            return false;
        }
        books.end_refund(refund, ("REJECTED", "300"));
        true
    }

    async fn claim(&self, _payment: &str, _claim: Claim) -> bool {
        false
    }

    fn notifications(&self, wall: Time) -> Vec<Post> {
        let news = std::mem::take(&mut self.books().news);
        news.iter().map(|body| self.post(body, wall, &self.secret)).collect()
    }

    fn forgeries(&self, payment: &str, wall: Time) -> Vec<Post> {
        let body = {
            let mut books = self.books();
            let payment = books.payment(payment).expect("it was asked for");
            altered(&altered(&described(payment), "status", &json!("PAID")), "status_code", &json!("200"))
        };
        let good = self.post(&body, wall, &self.secret);
        let with = |headers: &[(&str, &str)]| {
            let mut post = good.clone();
            post.headers.retain(|(name, _)| !headers.iter().any(|(other, _)| name == other));
            let filled = headers.iter().filter(|(_, value)| !value.is_empty());
            post.headers.extend(filled.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
            post
        };
        let hex = good.headers[2].1.rsplit(' ').next().expect("the signature").to_owned();
        vec![
            with(&[("Authorization", "")]),
            with(&[("Authorization", "garbage")]),
            with(&[("Authorization", &hex)]),
            with(&[("Authorization", &format!("V1-HMAC-SHA256, Signature: {hex}"))]),
            with(&[("Signature", &hex)]),
            with(&[("X-Login", "another")]),
            with(&[("X-Login", "")]),
            with(&[("X-Date", "2025-11-01T12:00:00.000Z")]),
            self.post(&body, wall, "somebody-else's"),
            self.post(&body, wall - chrono::TimeDelta::hours(25), &self.secret),
            self.post(&body, wall + chrono::TimeDelta::hours(25), &self.secret),
        ]
    }

    fn way(&self) -> &Way {
        &self.way
    }

    fn payments(&self, payment: &str) -> usize {
        self.books().payments.iter().filter(|known| known.asked.order_id == payment).count()
    }

    fn refunded(&self, payment: &str) -> i64 {
        let mut books = self.books();
        let id = books.payment(payment).expect("it was asked for").id.clone();
        books.given_back(&id)
    }
}

//! Rapyd, played; and samples signed by an SDK of it (`tests/vectors/rapyd.json`). It can't give money back: the bank of the tests
//! does that, on the same way.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use entity::{Money, Time};
use ring::hmac;
use secrecy::SecretString;
use secure_payment::config::Settings;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::bank::{self, Bank};
use crate::support::rail::{Claim, Fake, Post, Way};

mod refunds;
mod special;
mod vectors;

/// Of the samples.
const ACCESS_KEY: &str = "rak_SPTESTACCESS01";
const SECRET: &str = "rsk_sp_test_secret_0001";
const PUBLIC_URL: &str = "https://pay.example.com";
const SECRET_OF_ANOTHER: &str = "rsk_of_somebody_else";
const METHOD: &str = "ec_westernunion_cash";

pub(crate) async fn start() -> Arc<dyn Fake> {
    Rapyd::start(&[]).await
}

struct Rapyd {
    base: String,
    way: Way,
    /// Sends refunds. None is configured without it.
    bank: Option<Arc<Bank>>,
    /// Its names of what it requires of the payer, and ours.
    fields: &'static [(&'static str, &'static str)],
    books: Arc<Mutex<Books>>,
}

#[derive(Default)]
struct Books {
    payments: Vec<Payment>,
    /// The first answer to each header and amount, which is forgotten after 24 hours.
    answers: BTreeMap<(String, String), Value>,
    fields: &'static [(&'static str, &'static str)],
    news: Vec<Value>,
    sent: u32,
    misdeed: Option<Misdeed>,
}

/// What the next answers are, instead of what was asked about.
#[derive(Clone, Copy, Debug)]
enum Misdeed {
    OfAnotherReference,
    OfAnotherAmount,
    OfAnotherId,
    OfAnotherMethod,
    WithoutACode,
    OfAnUnknownStatus,
}

struct Payment {
    id: String,
    asked: Asked,
    status: &'static str,
    /// As a number in JSON.
    paid: String,
    failure: &'static str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    amount: Box<RawValue>,
    currency: String,
    merchant_reference_id: String,
    description: String,
    expiration: i64,
    customer: Customer,
    payment_method: PaymentMethod,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Customer {
    name: String,
    email: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PaymentMethod {
    r#type: String,
    fields: BTreeMap<String, String>,
}

type Refusal = (StatusCode, &'static str);

const UNSIGNED: Refusal = (StatusCode::UNAUTHORIZED, "UNAUTHENTICATED_API_CALL");
const INVALID: Refusal = (StatusCode::BAD_REQUEST, "INVALID_FIELDS");

fn number(text: &str) -> Value {
    serde_json::from_str(text).expect("a number")
}

fn signature(secret: &str, parts: &[&[u8]]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    STANDARD.encode(hex::encode(hmac::sign(&key, &parts.concat())))
}

impl Payment {
    fn described(&self) -> Value {
        let is_paid = self.status == "CLO";
        json!({ "id": self.id, "amount": number(&self.paid), "original_amount": number(self.asked.amount.get()),
            "is_partial": false, "currency_code": self.asked.currency, "country_code": "ec", "status": self.status,
            "description": self.asked.description, "merchant_reference_id": self.asked.merchant_reference_id,
            "customer_token": "cus_5bee14584a78638ba717e746be62ee01", "payment_method": null,
            "expiration": self.asked.expiration, "captured": is_paid, "refunded": false, "refunded_amount": 0,
            "redirect_url": "", "failure_code": self.failure, "failure_message": "", "error_code": "",
            "paid": is_paid, "paid_at": 0, "visual_codes": {}, "textual_codes": { "pay_code": self.code() },
            "instructions": [{ "name": "instructions", "steps": [{ "step1": "Go to a counter." }] }], "metadata": {},
            "payment_method_type": self.asked.payment_method.r#type, "payment_method_type_category": "cash" })
    }

    fn code(&self) -> String {
        format!("0{}", self.id.trim_start_matches("payment_"))
    }
}

impl Books {
    /// The newest under our reference.
    fn payment(&mut self, reference: &str) -> &mut Payment {
        let of = |payment: &&mut Payment| payment.asked.merchant_reference_id == reference;
        self.payments.iter_mut().rev().find(of).expect("it was asked for")
    }

    fn tell(&mut self, kind: &str, data: Value) {
        self.sent += 1;
        self.news.push(json!({ "id": format!("wh_{:032x}", self.sent), "type": kind, "data": data,
            "trigger_operation_id": "c7a1b1f0-0000-4000-8000-000000000001", "status": "NEW", "created_at": 1761998400 }));
    }

    fn end(&mut self, reference: &str, (kind, status): (&str, &'static str), failure: &'static str) {
        let payment = self.payment(reference);
        (payment.status, payment.failure) = (status, failure);
        if status == "CLO" {
            payment.paid = payment.asked.amount.get().to_owned();
        }
        let data = payment.described();
        self.tell(kind, data);
    }

    fn answer(&mut self, call: (&Method, &str), headers: &HeaderMap, body: &[u8]) -> Result<Value, Refusal> {
        match (call.0.as_str(), call.1.strip_prefix("/v1/payments")) {
            ("POST", Some("")) => self.create(headers, body),
            ("GET", Some(path)) => Ok(self.by_path(path, "ERROR_GET_PAYMENT")?.described()),
            ("DELETE", Some(path)) => {
                let payment = self.by_path(path, "ERROR_CANCEL_PAYMENT")?;
                if payment.status != "ACT" {
                    return Err((StatusCode::BAD_REQUEST, "ERROR_CANCEL_PAYMENT"));
                }
                let reference = payment.asked.merchant_reference_id.clone();
                self.end(&reference, ("PAYMENT_CANCELED", "CAN"), "");
                Ok(self.payment(&reference).described())
            }
            _unknown => Err((StatusCode::UNAUTHORIZED, "UNAUTHORIZED_API_CALL")),
        }
    }

    fn by_path(&mut self, path: &str, code: &'static str) -> Result<&mut Payment, Refusal> {
        let id = path.strip_prefix('/').unwrap_or_default();
        self.payments.iter_mut().find(|payment| payment.id == id).ok_or((StatusCode::BAD_REQUEST, code))
    }

    fn create(&mut self, headers: &HeaderMap, body: &[u8]) -> Result<Value, Refusal> {
        let asked: Asked = serde_json::from_slice(body).map_err(|_strict| INVALID)?;
        let amount = asked.amount.get().to_owned();
        // Rapyd signs what it has read, in its own spelling: "Remove trailing zeroes and decimal points".
        if amount.contains('.') && amount.ends_with(['0', '.']) {
            return Err(UNSIGNED);
        }
        let key = headers.get("idempotency").and_then(|value| value.to_str().ok()).filter(|key| !key.is_empty());
        let key = (key.ok_or(INVALID)?.to_owned(), amount);
        if let Some(first) = self.answers.get(&key) {
            return Ok(first.clone());
        }
        let money = Money::exact(&key.1, &asked.currency).map_err(|_error| INVALID)?;
        let required: Vec<&str> = self.fields.iter().map(|(theirs, _ours)| *theirs).collect();
        let given: Vec<&str> = asked.payment_method.fields.keys().map(String::as_str).collect();
        let is_right = asked.currency == "USD"
            && (50..=30_000).contains(&money.amount.0)
            && asked.payment_method.r#type == METHOD
            && given == required
            && asked.payment_method.fields.values().all(|value| !value.is_empty())
            && (1..=255).contains(&asked.merchant_reference_id.len())
            && !asked.description.is_empty()
            && !asked.customer.name.is_empty()
            && asked.customer.email.contains('@')
            && asked.expiration > 1_700_000_000;
        if !is_right {
            return Err(INVALID);
        }
        let id = format!("payment_{:08}", self.payments.len() + 1);
        self.payments.push(Payment { id, asked, status: "ACT", paid: "0".to_owned(), failure: "" });
        let data = self.payments.last().expect("just written").described();
        self.answers.insert(key, data.clone());
        // A code was issued; nothing is paid.
        self.tell("PAYMENT_SUCCEEDED", data.clone());
        Ok(data)
    }

    fn misrepresent(&self, mut data: Value) -> Value {
        match self.misdeed {
            None => {}
            Some(Misdeed::OfAnotherReference) => data["merchant_reference_id"] = json!("payment_of_another"),
            Some(Misdeed::OfAnotherAmount) => data["original_amount"] = json!(1),
            Some(Misdeed::OfAnotherId) => data["id"] = json!("payment_of_another"),
            Some(Misdeed::OfAnotherMethod) => data["payment_method_type"] = json!("ec_facilito_cash"),
            Some(Misdeed::WithoutACode) => data["textual_codes"] = json!({}),
            Some(Misdeed::OfAnUnknownStatus) => data["status"] = json!("REV"),
        }
        data
    }
}

/// What a request of ours must carry.
fn is_ours((method, path): (&Method, &str), headers: &HeaderMap, body: &[u8]) -> Result<(), Refusal> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (salt, timestamp) = (text("salt"), text("timestamp"));
    if salt.is_empty() || timestamp.parse::<i64>().is_err() || text("access_key").is_empty() {
        return Err((StatusCode::BAD_REQUEST, "MISSING_AUTHENTICATION_HEADERS"));
    }
    let place = format!("{}{path}", method.as_str().to_lowercase());
    let signed = [place.as_str(), salt, timestamp, ACCESS_KEY, SECRET].map(str::as_bytes);
    let expected = signature(SECRET, &[signed.as_slice(), &[body]].concat());
    let is_right =
        text("access_key") == ACCESS_KEY && text("content-type") == "application/json" && text("signature") == expected;
    if is_right { Ok(()) } else { Err(UNSIGNED) }
}

async fn serve(books: Arc<Mutex<Books>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.expect("a body");
    let path = parts.uri.path_and_query().expect("a path").as_str();
    let call = (&parts.method, path);
    let mut books = books.lock().expect("not poisoned");
    let answer = is_ours(call, &parts.headers, &body).and_then(|()| books.answer(call, &parts.headers, &body));
    let status = |status: &str, code: &str| {
        json!({ "error_code": code, "status": status, "message": "", "response_code": code,
            "operation_id": "c9ef7f0c-07e0-4c85-9491-5d517920fb04" })
    };
    match answer {
        Ok(data) => {
            axum::Json(json!({ "status": status("SUCCESS", ""), "data": books.misrepresent(data) })).into_response()
        }
        Err((code, error)) => (code, axum::Json(json!({ "status": status("ERROR", error) }))).into_response(),
    }
}

impl Rapyd {
    async fn start(fields: &'static [(&'static str, &'static str)]) -> Arc<Self> {
        let way = Way::default();
        let bank = bank::start_on(&way).await;
        Self::start_with(way, Some(bank), fields).await
    }

    async fn alone() -> Arc<Self> {
        Self::start_with(Way::default(), None, &[]).await
    }

    async fn start_with(
        way: Way,
        bank: Option<Arc<Bank>>,
        fields: &'static [(&'static str, &'static str)],
    ) -> Arc<Self> {
        let books = Arc::new(Mutex::new(Books { fields, ..Books::default() }));
        let served = Arc::clone(&books);
        let base = way.serve(Router::new().fallback(move |request| serve(Arc::clone(&served), request))).await;
        Arc::new(Self { base, way, bank, fields, books })
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().expect("not poisoned")
    }

    fn bank(&self) -> &Bank {
        self.bank.as_deref().expect("a bank is there")
    }

    fn post(body: &str, (url, secret): (&str, &str), wall: Time) -> Post {
        let (salt, timestamp) = ("a1b2c3d4e5f60718", wall.timestamp().to_string());
        let signed = [url, salt, &timestamp, ACCESS_KEY, secret, body].map(str::as_bytes);
        let headers = [
            ("content-type", "application/json"),
            ("salt", salt),
            ("timestamp", &timestamp),
            ("signature", &signature(secret, &signed)),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        Post { to: "rapyd", headers: headers.to_vec(), body: body.as_bytes().to_vec() }
    }
}

fn webhook() -> String {
    format!("{PUBLIC_URL}/webhooks/rapyd")
}

#[async_trait::async_trait]
impl Fake for Rapyd {
    fn name(&self) -> &'static str {
        "rapyd"
    }

    fn configure(&self, settings: &mut Settings) {
        settings.public_url = Some(PUBLIC_URL.to_owned());
        let own = &mut settings.providers.rapyd;
        own.api_base = Some(self.base.clone());
        own.access_key = Some(ACCESS_KEY.to_owned());
        own.secret_key = vec![SecretString::from(SECRET)];
        own.payer_fields = self.fields.iter().map(|(theirs, ours)| format!("{theirs}={ours}")).collect();
        if let Some(bank) = &self.bank {
            bank.configure(settings);
        }
    }

    fn method(&self) -> &'static str {
        "WESTERN_UNION"
    }

    fn currency(&self) -> &'static str {
        "USD"
    }

    fn payer(&self) -> Value {
        json!({ "name": "Ana Souza", "email": "ana@example.com", "country": "EC" })
    }

    fn refunds_by(&self) -> &'static str {
        "bank"
    }

    async fn pay(&self, payment: &str) {
        self.books().end(payment, ("PAYMENT_COMPLETED", "CLO"), "");
    }

    async fn decline(&self, payment: &str) -> bool {
        self.books().end(payment, ("PAYMENT_FAILED", "ERR"), "ERROR_PROCESSING_CASH");
        true
    }

    async fn expire(&self, payment: &str) -> bool {
        self.books().end(payment, ("PAYMENT_EXPIRED", "ERR"), "");
        true
    }

    async fn settle_refund(&self, refund: &str) {
        self.bank().settle_refund(refund).await;
    }

    async fn fail_refund(&self, refund: &str) -> bool {
        self.bank().fail_refund(refund).await
    }

    async fn claim(&self, _payment: &str, _claim: Claim) -> bool {
        false
    }

    fn notifications(&self, wall: Time) -> Vec<Post> {
        let news = std::mem::take(&mut self.books().news);
        let own = news.iter().map(|news| Self::post(&news.to_string(), (&webhook(), SECRET), wall));
        own.chain(self.bank.iter().flat_map(|bank| bank.notifications(wall))).collect()
    }

    fn forgeries(&self, payment: &str, wall: Time) -> Vec<Post> {
        let mut data = self.books().payment(payment).described();
        (data["status"], data["amount"]) = (json!("CLO"), data["original_amount"].clone());
        let body = json!({ "id": "wh_forged", "type": "PAYMENT_COMPLETED", "data": data }).to_string();
        let good = Self::post(&body, (&webhook(), SECRET), wall);
        let with = |signature: Option<&str>| {
            let mut post = good.clone();
            post.headers.retain(|(name, _)| name != "signature");
            post.headers.extend(signature.map(|value| ("signature".to_owned(), value.to_owned())));
            post
        };
        vec![
            with(None),
            with(Some("garbage")),
            with(Some(&STANDARD.encode([0; 32]))),
            Self::post(&body, (&webhook(), SECRET_OF_ANOTHER), wall),
            Self::post(&body, ("https://elsewhere.example/webhooks/rapyd", SECRET), wall),
        ]
    }

    fn way(&self) -> &Way {
        &self.way
    }

    fn payments(&self, payment: &str) -> usize {
        self.books().payments.iter().filter(|known| known.asked.merchant_reference_id == payment).count()
    }

    fn refunded(&self, payment: &str) -> i64 {
        self.bank().refunded(payment)
    }
}

//! Antom, played; and its own samples (`tests/vectors/antom.json`).

use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName};
use axum::response::{IntoResponse, Response};
use entity::Time;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use secrecy::SecretString;
use secure_payment::config::Settings;
use serde::Deserialize;
use serde_json::{Value, json};

use super::keys::{MERCHANT, Pair, VENDOR_PUBLIC};
use crate::support::rail::{Claim, Fake, Post, Way};

mod special;
mod vectors;

/// Of the vectors; a sandbox client has paths of its own.
const CLIENT: &str = "SANDBOX_5YSP0000000001";
const PATH: &str = "/ams/sandbox/api/v1/payments/";
const NEWS_PATH: &str = "/webhooks/antom";

pub(crate) async fn start() -> Arc<dyn Fake> {
    Antom::start(&[]).await
}

struct Antom {
    base: String,
    way: Way,
    /// Public keys that are active besides: a rotation.
    more_keys: Vec<String>,
    books: Arc<Mutex<Books>>,
}

#[derive(Default)]
struct Books {
    payments: Vec<Payment>,
    refunds: Vec<Refund>,
    news: Vec<Value>,
    /// Signs the next answers like this instead.
    misdeed: Option<Misdeed>,
}

#[derive(Clone, Copy, Debug)]
enum Misdeed {
    Unsigned,
    SignedByAnother,
    SignedForAnotherPath,
}

struct Payment {
    id: String,
    asked: Pay,
    amount: i64,
    status: &'static str,
    code: &'static str,
}

struct Refund {
    id: String,
    asked: Back,
    amount: i64,
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Amount {
    currency: String,
    value: String,
}

impl Amount {
    fn units(&self) -> i64 {
        self.value.parse().expect("whole minor units")
    }
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Pay {
    product_code: String,
    payment_request_id: String,
    order: Order,
    payment_amount: Amount,
    payment_method: Method,
    payment_notify_url: String,
    payment_redirect_url: String,
    env: Env,
    settlement_strategy: Strategy,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Order {
    reference_order_id: String,
    order_description: String,
    order_amount: Amount,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Method {
    payment_method_type: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Env {
    terminal_type: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Strategy {
    settlement_currency: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Back {
    refund_request_id: String,
    payment_id: String,
    refund_amount: Amount,
    refund_reason: String,
    refund_notify_url: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct OfPayment {
    payment_request_id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct OfRefund {
    refund_request_id: String,
}

/// Status and code.
type Refusal = (&'static str, &'static str);

const ILLEGAL: Refusal = ("F", "PARAM_ILLEGAL");

fn result((status, code): Refusal) -> Value {
    json!({ "resultStatus": status, "resultCode": code, "resultMessage": code.to_lowercase().replace('_', " ") })
}

fn read<T: for<'a> Deserialize<'a>>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|_strict| ILLEGAL)
}

impl Books {
    fn payment(&mut self, request_id: &str) -> Option<&mut Payment> {
        self.payments.iter_mut().find(|payment| payment.asked.payment_request_id == request_id)
    }

    fn refund(&mut self, request_id: &str) -> Option<&mut Refund> {
        self.refunds.iter_mut().find(|refund| refund.asked.refund_request_id == request_id)
    }

    fn answer(&mut self, operation: &str, body: &[u8]) -> Result<Value, Refusal> {
        match operation {
            "pay" => self.pay(read(body)?),
            "inquiryPayment" => {
                let asked: OfPayment = read(body)?;
                let payment = self.payment(&asked.payment_request_id).ok_or(("F", "ORDER_NOT_EXIST"))?;
                let mut said = described(payment, ("S", "SUCCESS"));
                said["paymentStatus"] = json!(payment.status);
                said["paymentResultCode"] = json!(payment.code);
                Ok(said)
            }
            "cancel" => {
                let asked: OfPayment = read(body)?;
                let payment = self.payment(&asked.payment_request_id).ok_or(("F", "ORDER_NOT_EXIST"))?;
                // Antom would give a paid one back; we must not get there.
                assert_ne!(payment.status, "SUCCESS", "a payment that was paid is not withdrawn");
                (payment.status, payment.code) = ("CANCELLED", "ORDER_IS_CANCELED");
                Ok(described(payment, ("S", "SUCCESS")))
            }
            "refund" => self.give_back(read(body)?),
            "inquiryRefund" => {
                let asked: OfRefund = read(body)?;
                let refund = self.refund(&asked.refund_request_id).ok_or(("F", "REFUND_NOT_EXIST"))?;
                let mut said = given_back(refund, ("S", "SUCCESS"));
                said["refundStatus"] = json!(refund.status);
                Ok(said)
            }
            _unknown => Err(("F", "INVALID_API")),
        }
    }

    fn pay(&mut self, asked: Pay) -> Result<Value, Refusal> {
        let number = self.payments.len();
        if let Some(known) = self.payment(&asked.payment_request_id) {
            return match known.status {
                _any if known.asked != asked => Err(("F", "REPEAT_REQ_INCONSISTENT")),
                "SUCCESS" => Ok(described(known, ("S", "SUCCESS"))),
                "PROCESSING" => Ok(page(known)),
                _ended => Err(("F", known.code)),
            };
        }
        let is_url = |url: &str| url.starts_with("http://") || url.starts_with("https://");
        let is_right = asked.product_code == "CASHIER_PAYMENT"
            && asked.payment_method.payment_method_type == "ALIPAY_CN"
            && asked.env.terminal_type == "WEB"
            && asked.order.order_amount == asked.payment_amount
            && asked.order.reference_order_id == asked.payment_request_id
            && !asked.order.order_description.is_empty()
            && asked.settlement_strategy.settlement_currency == asked.payment_amount.currency
            && (1..=64).contains(&asked.payment_request_id.len())
            && asked.payment_notify_url.ends_with(NEWS_PATH)
            && is_url(&asked.payment_notify_url)
            && is_url(&asked.payment_redirect_url);
        if !is_right {
            return Err(ILLEGAL);
        }
        let (id, amount) = (format!("20251101114010800100188800000{number:04}"), asked.payment_amount.units());
        self.payments.push(Payment { id, asked, amount, status: "PROCESSING", code: "PAYMENT_IN_PROCESS" });
        Ok(page(self.payments.last().expect("just written")))
    }

    fn give_back(&mut self, asked: Back) -> Result<Value, Refusal> {
        if let Some(known) = self.refund(&asked.refund_request_id) {
            return match known.status {
                _any if known.asked != asked => Err(("F", "REPEAT_REQ_INCONSISTENT")),
                "SUCCESS" => Ok(given_back(known, ("S", "SUCCESS"))),
                "PROCESSING" => Ok(given_back(known, ("U", "REFUND_IN_PROCESS"))),
                _failed => Err(("F", "PROCESS_FAIL")),
            };
        }
        let paid = self.payments.iter().find(|payment| payment.id == asked.payment_id);
        let paid = paid.ok_or(("F", "ORDER_NOT_EXIST"))?;
        if paid.status != "SUCCESS" {
            return Err(("F", "ORDER_STATUS_INVALID"));
        }
        if paid.asked.payment_amount.currency != asked.refund_amount.currency {
            return Err(("F", "CURRENCY_NOT_SUPPORT"));
        }
        let (amount, before) = (asked.refund_amount.units(), self.given_back(&asked.payment_id));
        if amount <= 0 || before + amount > paid.amount {
            return Err(("F", "REFUND_AMOUNT_EXCEED"));
        }
        let id = format!("20251102114010800100188800001{:04}", self.refunds.len());
        self.refunds.push(Refund { id, asked, amount, status: "PROCESSING" });
        Ok(given_back(self.refunds.last().expect("just written"), ("U", "REFUND_IN_PROCESS")))
    }

    /// What is on its way counts.
    fn given_back(&self, payment_id: &str) -> i64 {
        let of = self.refunds.iter().filter(|refund| refund.asked.payment_id == payment_id && refund.status != "FAIL");
        of.map(|refund| refund.amount).sum()
    }

    fn end(&mut self, request_id: &str, status: &'static str, outcome: Refusal) {
        let payment = self.payment(request_id).expect("it was asked for");
        (payment.status, payment.code) = (status, outcome.1);
        let said = paid(payment, outcome);
        self.news.push(said);
    }
}

fn described(payment: &Payment, outcome: Refusal) -> Value {
    let amount = &payment.asked.payment_amount;
    json!({ "result": result(outcome), "paymentRequestId": payment.asked.payment_request_id, "paymentId": payment.id,
        "paymentAmount": { "currency": amount.currency, "value": amount.value } })
}

fn page(payment: &Payment) -> Value {
    let mut said = described(payment, ("U", "PAYMENT_IN_PROCESS"));
    said["normalUrl"] = json!(format!("https://pay.antom.example/{}", payment.id));
    said
}

fn given_back(refund: &Refund, outcome: Refusal) -> Value {
    let amount = &refund.asked.refund_amount;
    json!({ "result": result(outcome), "refundRequestId": refund.asked.refund_request_id, "refundId": refund.id,
        "paymentId": refund.asked.payment_id,
        "refundAmount": { "currency": amount.currency, "value": amount.value } })
}

/// `PAYMENT_RESULT`.
fn paid(payment: &Payment, outcome: Refusal) -> Value {
    let mut said = described(payment, outcome);
    said["notifyType"] = json!("PAYMENT_RESULT");
    said
}

fn message(path: &str, time: &str, body: &[u8]) -> Vec<u8> {
    [format!("POST {path}\n{CLIENT}.{time}.").as_bytes(), body].concat()
}

fn header(signature: &str) -> String {
    format!("algorithm=RSA256,keyVersion=1,signature={}", utf8_percent_encode(signature, NON_ALPHANUMERIC))
}

/// What a request of ours must carry.
fn is_ours(headers: &HeaderMap, path: &str, body: &[u8]) -> Result<(), Refusal> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if text("client-id") != CLIENT {
        return Err(("F", "INVALID_CLIENT"));
    }
    let time = text("request-time");
    let signature = text("signature").strip_prefix("algorithm=RSA256,keyVersion=1,signature=").unwrap_or_default();
    let signature = percent_decode_str(signature).decode_utf8().expect("text");
    let is_right = chrono::DateTime::parse_from_rfc3339(time).is_ok()
        && text("content-type") == "application/json; charset=UTF-8"
        && Pair::merchant().verifies(&message(path, time, body), &signature);
    if is_right { Ok(()) } else { Err(("F", "INVALID_SIGNATURE")) }
}

async fn serve(books: Arc<Mutex<Books>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let body: Bytes = to_bytes(body, 1 << 20).await.expect("a body");
    let mut books = books.lock().expect("not poisoned");
    let operation = path.strip_prefix(PATH).unwrap_or_default();
    let answer = is_ours(&parts.headers, &path, &body).and_then(|()| books.answer(operation, &body));
    let answer = answer.unwrap_or_else(|refusal| json!({ "result": result(refusal) })).to_string();
    let time = "2025-11-01T12:00:31Z";
    let signature = match books.misdeed {
        None => Pair::vendor().sign(&message(&path, time, answer.as_bytes())),
        Some(Misdeed::SignedByAnother) => Pair::merchant().sign(&message(&path, time, answer.as_bytes())),
        Some(Misdeed::SignedForAnotherPath) => Pair::vendor().sign(&message(PATH, time, answer.as_bytes())),
        Some(Misdeed::Unsigned) => return answer.into_response(),
    };
    let headers = [("client-id", CLIENT), ("response-time", time), ("signature", &header(&signature))]
        .map(|(name, value)| (HeaderName::from_static(name), value.to_owned()));
    (headers, answer).into_response()
}

impl Antom {
    async fn start(more_keys: &[String]) -> Arc<Self> {
        let (way, books) = (Way::default(), Arc::new(Mutex::new(Books::default())));
        let served = Arc::clone(&books);
        let base = way.serve(Router::new().fallback(move |request| serve(Arc::clone(&served), request))).await;
        Arc::new(Self { base, way, more_keys: more_keys.to_vec(), books })
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().expect("not poisoned")
    }

    fn post(&self, body: &str, time: &str, pair: &Pair) -> Post {
        let signature = pair.sign(&message(NEWS_PATH, time, body.as_bytes()));
        let headers = [("client-id", CLIENT), ("request-time", time), ("signature", &header(&signature))]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        Post { to: "antom", headers: headers.to_vec(), body: body.as_bytes().to_vec() }
    }

    fn tell(&self, news: Value) {
        self.books().news.push(news);
    }
}

#[async_trait::async_trait]
impl Fake for Antom {
    fn name(&self) -> &'static str {
        "antom"
    }

    fn configure(&self, settings: &mut Settings) {
        let own = &mut settings.providers.antom;
        own.api_base.clone_from(&self.base);
        own.client_id = Some(CLIENT.to_owned());
        own.private_key = Some(SecretString::from(MERCHANT));
        own.public_key = self.more_keys.iter().cloned().chain([VENDOR_PUBLIC.to_owned()]).collect();
    }

    fn method(&self) -> &'static str {
        "ALIPAY"
    }

    fn currency(&self) -> &'static str {
        "USD"
    }

    async fn pay(&self, payment: &str) {
        self.books().end(payment, "SUCCESS", ("S", "SUCCESS"));
    }

    async fn decline(&self, payment: &str) -> bool {
        self.books().end(payment, "FAIL", ("F", "USER_BALANCE_NOT_ENOUGH"));
        true
    }

    async fn expire(&self, payment: &str) -> bool {
        self.books().end(payment, "FAIL", ("F", "ORDER_IS_CLOSED"));
        true
    }

    async fn settle_refund(&self, refund: &str) {
        let mut books = self.books();
        let refund = books.refund(refund).expect("it was asked for");
        refund.status = "SUCCESS";
        let mut said = given_back(refund, ("S", "SUCCESS"));
        (said["notifyType"], said["refundStatus"]) = (json!("REFUND_RESULT"), json!("SUCCESS"));
        books.news.push(said);
    }

    /// What has arrived does not come back by a notification: Antom settles it with us.
    async fn fail_refund(&self, refund: &str) -> bool {
        let mut books = self.books();
        let refund = books.refund(refund).expect("it was asked for");
        if refund.status == "SUCCESS" {
            return false;
        }
        refund.status = "FAIL";
        let mut said = given_back(refund, ("F", "PROCESS_FAIL"));
        (said["notifyType"], said["refundStatus"]) = (json!("REFUND_RESULT"), json!("FAIL"));
        books.news.push(said);
        true
    }

    async fn claim(&self, payment: &str, claim: Claim) -> bool {
        let mut books = self.books();
        let payment = books.payment(payment).expect("it was asked for");
        let amount = described(payment, ("S", "SUCCESS"))["paymentAmount"].take();
        let mut said = json!({ "paymentRequestId": payment.asked.payment_request_id, "paymentId": payment.id,
            "disputeId": format!("dispute_{}", payment.id), "disputeAmount": amount, "disputeReasonMsg": "not received" });
        let (kind, verdict) = match claim {
            Claim::Open => ("DISPUTE_CREATED", None),
            // It is taken by the verdict.
            Claim::Debit => return false,
            Claim::Win => ("DISPUTE_JUDGED", Some("ACCEPT_BY_CUSTOMER")),
            Claim::Lose => ("DISPUTE_JUDGED", Some("ACCEPT_BY_MERCHANT")),
        };
        said["disputeNotificationType"] = json!(kind);
        if let Some(verdict) = verdict {
            said["disputeJudgedResult"] = json!(verdict);
            said["disputeJudgedAmount"] = amount_of(&said);
        }
        books.news.push(said);
        true
    }

    fn without_amounts(&self, post: &Post, wall: Time) -> Option<Post> {
        let mut said: Value = serde_json::from_slice(&post.body).expect("JSON");
        let said = said.as_object_mut().expect("an object");
        said.remove("disputeAmount");
        said.remove("disputeJudgedAmount");
        let said = json!(said);
        Some(self.post(&said.to_string(), &wall.to_rfc3339(), &Pair::vendor()))
    }

    fn notifications(&self, wall: Time) -> Vec<Post> {
        let news = std::mem::take(&mut self.books().news);
        news.iter().map(|news| self.post(&news.to_string(), &wall.to_rfc3339(), &Pair::vendor())).collect()
    }

    fn forgeries(&self, payment: &str, wall: Time) -> Vec<Post> {
        let body = paid(self.books().payment(payment).expect("it was asked for"), ("S", "SUCCESS")).to_string();
        let good = self.post(&body, &wall.to_rfc3339(), &Pair::merchant());
        let with = |signature: Option<&str>| {
            let mut post = good.clone();
            post.headers.retain(|(name, _)| name != "signature");
            post.headers.extend(signature.map(|value| ("signature".to_owned(), value.to_owned())));
            post
        };
        vec![with(None), with(Some("garbage")), with(Some(&header("AAAA"))), good]
    }

    fn way(&self) -> &Way {
        &self.way
    }

    fn payments(&self, payment: &str) -> usize {
        self.books().payments.iter().filter(|known| known.asked.payment_request_id == payment).count()
    }

    fn refunded(&self, payment: &str) -> i64 {
        let mut books = self.books();
        let id = books.payment(payment).expect("it was asked for").id.clone();
        books.given_back(&id)
    }
}

fn amount_of(dispute: &Value) -> Value {
    dispute["disputeAmount"].clone()
}

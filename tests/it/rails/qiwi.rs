//! QIWI's bills, played; and samples that its own SDK accepts or refuses (`tests/vectors/qiwi.json`).

use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use entity::Time;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::SecretString;
use secure_payment::config::Settings;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::rail::{Claim, Fake, Post, Way};

mod special;
mod vectors;

const KEY: &str = "key-of-the-played-qiwi";
const SECRET: &str = "notification-secret-of-the-played-qiwi";
const SITE: &str = "23044";
const PATH: &str = "/partner/bill/v1/bills/";

pub(crate) async fn start() -> Arc<dyn Fake> {
    Qiwi::start(SITE, SECRET).await
}

struct Qiwi {
    base: String,
    way: Way,
    site: String,
    secret: String,
    books: Arc<Mutex<Books>>,
}

#[derive(Default)]
struct Books {
    site: String,
    bills: Vec<Bill>,
    refunds: Vec<Refund>,
    /// Of bills, in the status that they had.
    news: Vec<Value>,
    /// Changes the next answers about bills.
    misdeed: Option<(&'static str, Value)>,
    /// Whether a bill that is there may be put again.
    refuses_repetition: bool,
}

struct Bill {
    id: String,
    asked: NewBill,
    status: &'static str,
}

struct Refund {
    id: String,
    bill: String,
    asked: NewRefund,
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Amount {
    currency: String,
    value: String,
}

impl Amount {
    /// Two decimals, as the vendor's SDK sends them.
    fn kopecks(&self) -> Result<i64, Refusal> {
        let parts = self.value.split_once('.').filter(|(_, decimals)| decimals.len() == 2);
        let units = parts.and_then(|(whole, decimals)| format!("{whole}{decimals}").parse().ok());
        units.filter(|units| *units > 0 && self.currency == "RUB").ok_or(INVALID)
    }
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewBill {
    amount: Amount,
    comment: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRefund {
    amount: Amount,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

type Refusal = (u16, &'static str);

const INVALID: Refusal = (400, "validation.error");
const NOT_FOUND: Refusal = (404, "api.invoice.not.found");

fn read<T: for<'a> Deserialize<'a>>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|_strict| INVALID)
}

impl Books {
    fn bill(&mut self, id: &str) -> Result<&mut Bill, Refusal> {
        self.bills.iter_mut().find(|bill| bill.id == id).ok_or(NOT_FOUND)
    }

    fn answer(&mut self, method: &str, path: &[&str], body: &[u8]) -> Result<Value, Refusal> {
        match (method, path) {
            ("PUT", [bill]) => {
                self.put(bill, read(body)?)?;
                self.described(bill)
            }
            ("GET", [bill]) => self.described(bill),
            ("POST", [bill, "reject"]) => {
                let Nothing {} = read(body)?;
                let known = self.bill(bill)?;
                if known.status != "WAITING" {
                    return Err((400, "api.invoice.wrong.status"));
                }
                known.status = "REJECTED";
                self.described(bill)
            }
            ("PUT", [bill, "refunds", refund]) => self.give_back(bill, refund, read(body)?),
            ("GET", [bill, "refunds", refund]) => {
                let known = self.refunds.iter().find(|known| known.bill == *bill && known.id == *refund);
                known.map(given_back).ok_or((404, "api.refund.not.found"))
            }
            _other => Err((404, "http.url.not.found")),
        }
    }

    fn put(&mut self, id: &str, asked: NewBill) -> Result<(), Refusal> {
        asked.amount.kopecks()?;
        if asked.comment.chars().count() > 255 || !(1..=200).contains(&id.len()) {
            return Err(INVALID);
        }
        let refuses_repetition = self.refuses_repetition;
        match self.bill(id) {
            Ok(known) if known.asked != asked || refuses_repetition => Err((400, "api.invoice.already.exists")),
            Ok(_same) => Ok(()),
            Err(_new) => {
                self.bills.push(Bill { id: id.to_owned(), asked, status: "WAITING" });
                Ok(())
            }
        }
    }

    fn described(&mut self, id: &str) -> Result<Value, Refusal> {
        let (site, misdeed) = (self.site.clone(), self.misdeed.clone());
        let mut said = described(self.bill(id)?, &site);
        said["payUrl"] = json!(format!("https://oplata.qiwi.example/form/?invoice_uid={id}"));
        if let Some((field, value)) = misdeed {
            said[field] = value;
        }
        Ok(said)
    }

    fn give_back(&mut self, bill: &str, id: &str, asked: NewRefund) -> Result<Value, Refusal> {
        let paid = self.bill(bill)?;
        if paid.status != "PAID" {
            return Err((400, "refund.wrong.status"));
        }
        let (units, all) = (asked.amount.kopecks()?, paid.asked.amount.kopecks()?);
        if let Some(known) = self.refunds.iter().find(|known| known.bill == bill && known.id == id) {
            let is_same = known.asked == asked;
            return if is_same { Ok(given_back(known)) } else { Err((400, "refund.already.exists")) };
        }
        let total = self.given_back(bill) + units;
        if total > all {
            return Err((400, "refund.incorrect.amount"));
        }
        let status = if total == all { "FULL" } else { "PARTIAL" };
        self.refunds.push(Refund { id: id.to_owned(), bill: bill.to_owned(), asked, status });
        Ok(given_back(self.refunds.last().expect("just written")))
    }

    fn given_back(&self, bill: &str) -> i64 {
        let of = self.refunds.iter().filter(|refund| refund.bill == bill);
        of.map(|refund| refund.asked.amount.kopecks().expect("was checked")).sum()
    }

    fn end(&mut self, id: &str, status: &'static str) {
        let site = self.site.clone();
        let bill = self.bill(id).expect("it was asked for");
        bill.status = status;
        let said = described(bill, &site);
        self.news.push(said);
    }
}

/// A number where QIWI writes one, though it is sent text.
fn described(bill: &Bill, site: &str) -> Value {
    let value: Value = serde_json::from_str(&bill.asked.amount.value).expect("a number");
    json!({ "siteId": site, "billId": bill.id, "amount": { "value": value, "currency": bill.asked.amount.currency },
        "status": { "value": bill.status, "changedDateTime": "2025-11-01T11:16:12+03:00" }, "customer": {},
        "customFields": {}, "comment": bill.asked.comment, "creationDateTime": "2025-11-01T11:15:39+03:00",
        "expirationDateTime": "2099-12-16T11:15:39+03:00" })
}

fn given_back(refund: &Refund) -> Value {
    let value: Value = serde_json::from_str(&refund.asked.amount.value).expect("a number");
    json!({ "amount": { "value": value, "currency": refund.asked.amount.currency },
        "datetime": "2025-11-02T16:06:57+03", "refundId": refund.id, "status": refund.status })
}

fn is_ours(headers: &HeaderMap, method: &str) -> Result<(), Refusal> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if text("authorization") != format!("Bearer {KEY}") {
        return Err((401, "auth.unauthorized"));
    }
    let has_type = method == "GET" || text("content-type") == "application/json";
    if text("accept") == "application/json" && has_type { Ok(()) } else { Err((406, "http.media.type.not.acceptable")) }
}

async fn serve(books: Arc<Mutex<Books>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.expect("a body");
    let path: Vec<&str> = parts.uri.path().strip_prefix(PATH).unwrap_or_default().split('/').collect();
    let method = parts.method.as_str();
    let mut books = books.lock().expect("not poisoned");
    match is_ours(&parts.headers, method).and_then(|()| books.answer(method, &path, &body)) {
        Ok(said) => said.to_string().into_response(),
        Err((status, code)) => {
            let said = json!({ "serviceName": "invoicing", "errorCode": code, "description": "no", "userMessage": "",
                "datetime": "2025-11-01T11:15:39+03:00", "traceId": "" });
            (StatusCode::from_u16(status).expect("a status"), said.to_string()).into_response()
        }
    }
}

/// As the vendor's SDK computes it.
fn signature(secret: &str, bill: &Value) -> String {
    let amount = &bill["amount"]["value"];
    let value = format!("{:.2}", amount.as_f64().expect("a number"));
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let (currency, id) = (text(&bill["amount"]["currency"]), text(&bill["billId"]));
    let (site, status) = (text(&bill["siteId"]), text(&bill["status"]["value"]));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
    mac.update(format!("{currency}|{value}|{id}|{site}|{status}").as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

impl Qiwi {
    async fn start(site: &str, secret: &str) -> Arc<Self> {
        let (way, site) = (Way::default(), site.to_owned());
        let books = Arc::new(Mutex::new(Books { site: site.clone(), ..Books::default() }));
        let served = Arc::clone(&books);
        let base = way.serve(Router::new().fallback(move |request| serve(Arc::clone(&served), request))).await;
        Arc::new(Self { base, way, site, secret: secret.to_owned(), books })
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().expect("not poisoned")
    }

    fn post(bill: &Value, signature: &str) -> Post {
        let headers = [("Content-Type", "application/json"), ("X-Api-Signature-SHA256", signature)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let body = json!({ "bill": bill, "version": "1" }).to_string().into_bytes();
        Post { to: "qiwi", headers: headers.to_vec(), body }
    }

    fn signed(&self, bill: &Value) -> Post {
        Self::post(bill, &signature(&self.secret, bill))
    }
}

#[async_trait::async_trait]
impl Fake for Qiwi {
    fn name(&self) -> &'static str {
        "qiwi"
    }

    fn configure(&self, settings: &mut Settings) {
        let own = &mut settings.providers.qiwi;
        own.api_base.clone_from(&self.base);
        own.secret_key = Some(SecretString::from(KEY));
        own.site_id = Some(self.site.clone());
        // The first one is the next one: a rotation.
        own.notification_secret = vec![SecretString::from("next-secret"), SecretString::from(self.secret.as_str())];
    }

    fn method(&self) -> &'static str {
        "QIWI"
    }

    fn currency(&self) -> &'static str {
        "RUB"
    }

    async fn pay(&self, payment: &str) {
        self.books().end(payment, "PAID");
    }

    async fn decline(&self, payment: &str) -> bool {
        self.books().end(payment, "REJECTED");
        true
    }

    async fn expire(&self, payment: &str) -> bool {
        self.books().end(payment, "EXPIRED");
        true
    }

    /// It has been there since it was asked for, and there is no notification of it.
    async fn settle_refund(&self, refund: &str) {
        assert!(self.books().refunds.iter().any(|known| known.id == refund), "it was asked for");
    }

    /// There is no status for that.
    async fn fail_refund(&self, _refund: &str) -> bool {
        false
    }

    async fn claim(&self, _payment: &str, _claim: Claim) -> bool {
        false
    }

    fn notifications(&self, _wall: Time) -> Vec<Post> {
        let news = std::mem::take(&mut self.books().news);
        news.iter().map(|bill| self.signed(bill)).collect()
    }

    fn forgeries(&self, payment: &str, _wall: Time) -> Vec<Post> {
        let (mut books, site) = (self.books(), self.site.clone());
        let waiting = described(books.bill(payment).expect("it was asked for"), &site);
        let mut paid = waiting.clone();
        paid["status"]["value"] = json!("PAID");
        let mut unsigned = Self::post(&paid, "");
        unsigned.headers.retain(|(name, _)| name != "X-Api-Signature-SHA256");
        let mut twice = self.signed(&paid);
        twice.headers.push(twice.headers.last().expect("the signature").clone());
        let signed_as_waiting = Self::post(&paid, &signature(&self.secret, &waiting));
        let foreign = Self::post(&paid, &signature("somebody-else's", &paid));
        vec![unsigned, Self::post(&paid, ""), Self::post(&paid, "garbage"), twice, signed_as_waiting, foreign]
    }

    fn way(&self) -> &Way {
        &self.way
    }

    fn payments(&self, payment: &str) -> usize {
        self.books().bills.iter().filter(|bill| bill.id == payment).count()
    }

    fn refunded(&self, payment: &str) -> i64 {
        self.books().given_back(payment)
    }
}

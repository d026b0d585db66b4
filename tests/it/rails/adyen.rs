//! Adyen, played; and samples that were made from its documented formula (`tests/vectors/adyen.json`).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use entity::Time;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::SecretString;
use secure_payment::config::Settings;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::rail::{Claim, Fake, Post, Way};

mod mending;
mod special;
mod vectors;

pub(super) const ACCOUNT: &str = "SecurePaymentECOM";
const API_KEY: &str = "AQEyhmfxK_ofTheSuite";
/// Of Adyen's own documentation.
const HMAC_KEY: &str = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056";
const NEXT_HMAC_KEY: &str = "DFB1EB5485895CFA84146406857104ABB4CBCABDC8AAF103A624C8F6A3EAAB00";
const NOT_OURS: &str = "00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF";

pub(crate) async fn start() -> Arc<dyn Fake> {
    Adyen::start().await
}

pub(super) struct Adyen {
    base: String,
    way: Way,
    books: Arc<Mutex<Books>>,
}

#[derive(Default)]
struct Books {
    links: Vec<Link>,
    payments: Vec<Payment>,
    refunds: Vec<Refund>,
    /// By idempotency key: what was asked, and the answer.
    answers: BTreeMap<String, (Value, Answer)>,
    news: Vec<Value>,
    told: u64,
    numbered: u64,
}

type Answer = (u16, Value);
/// What a path does with a body; a refusal is an answer, too.
type Act = fn(&mut Books, &[&str], &[u8]) -> Result<Answer, Answer>;

struct Link {
    id: String,
    asked: LinkRequest,
    status: &'static str,
}

struct Payment {
    psp: String,
    reference: String,
    amount: Amount,
}

struct Refund {
    psp: String,
    payment: String,
    asked: RefundRequest,
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Amount {
    currency: String,
    value: i64,
}

impl Amount {
    fn json(&self) -> Value {
        json!({ "currency": self.currency, "value": self.value })
    }
}

/// `PaymentLinkRequest`, as far as we use it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct LinkRequest {
    merchant_account: String,
    reference: String,
    amount: Amount,
    description: String,
    allowed_payment_methods: Vec<String>,
    capture_delay_hours: i32,
    reusable: bool,
    return_url: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LinkUpdate {
    status: String,
}

/// `PaymentRefundRequest`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RefundRequest {
    merchant_account: String,
    amount: Amount,
    reference: String,
}

/// `ServiceError`.
fn refused(status: u16, code: &str, kind: &str, message: &str) -> Answer {
    (
        status,
        json!({ "status": status, "errorCode": code, "message": message, "errorType": kind, "pspReference": "NC6HT9CRT65ZGN82" }),
    )
}

fn read<T: for<'a> Deserialize<'a>>(body: &[u8]) -> Result<T, Answer> {
    serde_json::from_slice(body).map_err(|error| refused(400, "702", "validation", &error.to_string()))
}

impl Link {
    fn json(&self) -> Value {
        json!({ "id": self.id, "url": format!("https://test.adyen.link/{}", self.id), "status": self.status,
            "merchantAccount": self.asked.merchant_account, "reference": self.asked.reference,
            "amount": self.asked.amount.json(), "expiresAt": "2099-01-01T00:00:00Z",
            "description": self.asked.description, "reusable": self.asked.reusable })
    }
}

impl Books {
    /// 16 characters, as Adyen's.
    fn psp(&mut self) -> String {
        self.numbered += 1;
        format!("88255440886{:05}", self.numbered)
    }

    fn link(&mut self, reference: &str) -> &mut Link {
        let link = self.links.iter_mut().find(|link| link.asked.reference == reference);
        link.expect("it was asked for")
    }

    fn answer(&mut self, method: &Method, path: &[&str], (key, body): (Option<String>, &[u8])) -> Answer {
        let once = |books: &mut Self, act: Act| {
            let Some(key) = key.filter(|key| (1..=64).contains(&key.len())) else {
                return refused(422, "900", "validation", "no idempotency key: ours has one on every POST");
            };
            let asked: Value = serde_json::from_slice(body).unwrap_or_default();
            if let Some((before, answer)) = books.answers.get(&key) {
                let same = *before == json!([path, asked]);
                return if same {
                    answer.clone()
                } else {
                    refused(422, "704", "validation", "request already processed")
                };
            }
            let answer = act(books, path, body).unwrap_or_else(|refusal| refusal);
            books.answers.insert(key, (json!([path, asked]), answer.clone()));
            answer
        };
        match (method.as_str(), path) {
            ("POST", ["paymentLinks"]) => once(self, |books, _path, body| books.create(body)),
            ("POST", ["payments", _, "refunds"]) => once(self, |books, path, body| books.give_back(path[1], body)),
            ("GET" | "PATCH", ["paymentLinks", id]) => {
                let Some(link) = self.links.iter_mut().find(|link| link.id == *id) else {
                    return refused(404, "901", "validation", "link not found");
                };
                if method == Method::PATCH {
                    match read::<LinkUpdate>(body) {
                        Ok(update) if update.status == "expired" && link.status == "active" => link.status = "expired",
                        Ok(_other) => {}
                        Err(refusal) => return refusal,
                    }
                }
                (200, link.json())
            }
            _unknown => refused(404, "0", "validation", "no such path"),
        }
    }

    fn create(&mut self, body: &[u8]) -> Result<Answer, Answer> {
        let asked: LinkRequest = read(body)?;
        if asked.merchant_account != ACCOUNT {
            return Err(refused(403, "901", "security", "Invalid Merchant Account"));
        }
        let is_right = asked.allowed_payment_methods == ["scheme"]
            && asked.capture_delay_hours == 0
            && !asked.reusable
            && (1..=80).contains(&asked.reference.len())
            && (1..=280).contains(&asked.description.chars().count())
            && asked.amount.value > 0
            && asked.return_url.as_ref().is_none_or(|url| url.starts_with("http"));
        if !is_right {
            return Err(refused(422, "702", "validation", "a field is not as it has to be"));
        }
        let id = format!("PLE83C39B0A0DE{:04}", self.links.len());
        self.links.push(Link { id, asked, status: "active" });
        Ok((201, self.links.last().expect("just written").json()))
    }

    fn give_back(&mut self, psp: &str, body: &[u8]) -> Result<Answer, Answer> {
        let asked: RefundRequest = read(body)?;
        if asked.merchant_account != ACCOUNT {
            return Err(refused(403, "901", "security", "Invalid Merchant Account"));
        }
        let known = self.payments.iter().find(|payment| payment.psp == psp);
        let paid = known
            .ok_or_else(|| refused(422, "167", "validation", "Original pspReference required for this operation"))?;
        if paid.amount.currency != asked.amount.currency || asked.amount.value < 1 {
            return Err(refused(422, "138", "validation", "Currency not supported"));
        }
        if self.given_back(psp) + asked.amount.value > paid.amount.value {
            return Err(refused(422, "903", "validation", "refund amount is more than what is left of the payment"));
        }
        let own = self.psp();
        let said = json!({ "merchantAccount": ACCOUNT, "paymentPspReference": psp, "pspReference": own,
            "reference": asked.reference, "status": "received", "amount": asked.amount.json() });
        self.refunds.push(Refund { psp: own, payment: psp.to_owned(), asked, status: "received" });
        Ok((201, said))
    }

    /// What is on its way counts.
    fn given_back(&self, psp: &str) -> i64 {
        let of = self.refunds.iter().filter(|refund| refund.payment == psp && refund.status != "failed");
        of.map(|refund| refund.asked.amount.value).sum()
    }

    fn tell(
        &mut self,
        (code, success): (&str, bool),
        (psp, original): (&str, Option<&str>),
        (reference, amount): (&str, &Amount),
    ) {
        self.told += 1;
        // One a second.
        let date = format!("2026-07-01T18:{:02}:{:02}+02:00", self.told / 60 % 60, self.told % 60);
        let mut item = json!({ "eventCode": code, "success": success.to_string(), "eventDate": date,
            "merchantAccountCode": ACCOUNT, "pspReference": psp, "merchantReference": reference, "amount": amount.json(),
            "reason": if success { "" } else { "Refused" } });
        if let Some(original) = original {
            item["originalReference"] = json!(original);
        }
        self.news.push(item);
    }

    fn authorise(&mut self, reference: &str, success: bool) {
        let psp = self.psp();
        let link = self.link(reference);
        let amount = link.asked.amount.clone();
        if success {
            link.status = "completed";
            let payment = Payment { psp: psp.clone(), reference: reference.to_owned(), amount: amount.clone() };
            self.payments.push(payment);
        }
        self.tell(("AUTHORISATION", success), (&psp, None), (reference, &amount));
    }

    /// What becomes of a capture, which has an id of its own.
    fn captured(&mut self, payment: &str, code: &str) {
        let paid = self.payments.iter().find(|known| known.reference == payment).expect("it was paid");
        let (psp, amount) = (paid.psp.clone(), paid.amount.clone());
        let capture = format!("77{}", &psp[2..]);
        self.tell((code, true), (&capture, Some(&psp)), (payment, &amount));
    }

    fn settle(&mut self, reference: &str, fails: bool) {
        let refund = self.refunds.iter_mut().find(|refund| refund.asked.reference == reference);
        let refund = refund.expect("it was asked for");
        let code = if fails && refund.status == "refunded" { "REFUND_FAILED" } else { "REFUND" };
        let success = !fails || code == "REFUND_FAILED";
        refund.status = if fails { "failed" } else { "refunded" };
        let (psp, payment, amount) = (refund.psp.clone(), refund.payment.clone(), refund.asked.amount.clone());
        self.tell((code, success), (&psp, Some(&payment)), (reference, &amount));
    }
}

/// What a request of ours must carry.
fn is_ours(headers: &HeaderMap, has_body: bool) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    text("x-api-key") == API_KEY && (!has_body || text("content-type") == "application/json")
}

async fn serve(books: Arc<Mutex<Books>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body: Bytes = to_bytes(body, 1 << 20).await.expect("a body");
    let path: Vec<&str> = parts.uri.path().trim_start_matches('/').split('/').collect();
    let key = parts.headers.get("idempotency-key").map(|key| key.to_str().expect("text").to_owned());
    let (status, said) = match path.as_slice() {
        _any if !is_ours(&parts.headers, parts.method != Method::GET) => {
            refused(401, "000", "security", "Unauthorized")
        }
        ["v72", path @ ..] => books.lock().expect("not poisoned").answer(&parts.method, path, (key, &body)),
        _other => refused(404, "0", "validation", "no such version"),
    };
    (StatusCode::from_u16(status).expect("a status"), axum::Json(said)).into_response()
}

/// One item in each, as Adyen does by JSON.
pub(super) fn signed(key: &str, mut item: Value) -> Post {
    let text = |name: &str| item.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let amount = &item["amount"];
    let fields = [
        text("pspReference"),
        text("originalReference"),
        text("merchantAccountCode"),
        text("merchantReference"),
        amount["value"].to_string(),
        amount["currency"].as_str().expect("a currency").to_owned(),
        text("eventCode"),
        text("success"),
    ];
    let key = hex::decode(key).expect("hex");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("any length will do");
    mac.update(fields.join(":").as_bytes());
    item["additionalData"] = json!({ "hmacSignature": STANDARD.encode(mac.finalize().into_bytes()) });
    posted(&item)
}

fn posted(item: &Value) -> Post {
    let body = json!({ "live": "false", "notificationItems": [{ "NotificationRequestItem": item }] });
    let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
    Post { to: "adyen", headers, body: body.to_string().into_bytes() }
}

impl Adyen {
    pub(super) async fn start() -> Arc<Self> {
        let (way, books) = (Way::default(), Arc::new(Mutex::new(Books::default())));
        let served = Arc::clone(&books);
        let base = way.serve(Router::new().fallback(move |request| serve(Arc::clone(&served), request))).await;
        Arc::new(Self { base, way, books })
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().expect("not poisoned")
    }
}

#[async_trait::async_trait]
impl Fake for Adyen {
    fn name(&self) -> &'static str {
        "adyen"
    }

    fn configure(&self, settings: &mut Settings) {
        let own = &mut settings.providers.adyen;
        own.api_base = format!("{}/v72", self.base);
        own.api_key = Some(SecretString::from(API_KEY));
        own.merchant_account = Some(ACCOUNT.to_owned());
        own.webhook_secret = vec![SecretString::from(NEXT_HMAC_KEY), SecretString::from(HMAC_KEY)];
    }

    fn method(&self) -> &'static str {
        "MASTERCARD"
    }

    fn currency(&self) -> &'static str {
        "EUR"
    }

    async fn pay(&self, payment: &str) {
        self.books().authorise(payment, true);
    }

    async fn decline(&self, payment: &str) -> bool {
        self.books().authorise(payment, false);
        true
    }

    /// Nobody is told.
    async fn expire(&self, payment: &str) -> bool {
        self.books().link(payment).status = "expired";
        true
    }

    async fn settle_refund(&self, refund: &str) {
        self.books().settle(refund, false);
    }

    async fn fail_refund(&self, refund: &str) -> bool {
        self.books().settle(refund, true);
        true
    }

    async fn fail_capture(&self, payment: &str) -> bool {
        self.books().captured(payment, "CAPTURE_FAILED");
        true
    }

    async fn mend_capture(&self, payment: &str) {
        self.books().captured(payment, "CAPTURE");
    }

    async fn mend_refund(&self, refund: &str) -> bool {
        self.books().settle(refund, false);
        true
    }

    async fn claim(&self, payment: &str, claim: Claim) -> bool {
        let mut books = self.books();
        let paid = books.payments.iter().find(|known| known.reference == payment).expect("it was paid");
        let (psp, amount) = (paid.psp.clone(), paid.amount.clone());
        let code = match claim {
            Claim::Open => "NOTIFICATION_OF_CHARGEBACK",
            Claim::Debit => "CHARGEBACK",
            Claim::Win => "CHARGEBACK_REVERSED",
            Claim::Lose => "DISPUTE_DEFENSE_PERIOD_ENDED",
        };
        let dispute = format!("99{}", &psp[2..]);
        books.tell((code, true), (&dispute, Some(&psp)), (payment, &amount));
        true
    }

    fn notifications(&self, _wall: Time) -> Vec<Post> {
        let news = std::mem::take(&mut self.books().news);
        news.into_iter().map(|item| signed(HMAC_KEY, item)).collect()
    }

    fn forgeries(&self, payment: &str, _wall: Time) -> Vec<Post> {
        let amount = self.books().link(payment).asked.amount.clone();
        let item = json!({ "eventCode": "AUTHORISATION", "success": "true", "merchantAccountCode": ACCOUNT,
            "pspReference": "8800000000000000", "merchantReference": payment, "amount": amount.json() });
        let mut garbage = item.clone();
        garbage["additionalData"] = json!({ "hmacSignature": STANDARD.encode([7_u8; 32]) });
        vec![posted(&item), posted(&garbage), signed(NOT_OURS, item)]
    }

    fn way(&self) -> &Way {
        &self.way
    }

    fn payments(&self, payment: &str) -> usize {
        self.books().links.iter().filter(|link| link.asked.reference == payment).count()
    }

    fn refunded(&self, payment: &str) -> i64 {
        let books = self.books();
        let paid = books.payments.iter().find(|known| known.reference == payment);
        paid.map_or(0, |paid| books.given_back(&paid.psp))
    }
}

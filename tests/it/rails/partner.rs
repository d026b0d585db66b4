//! The partner, played as `docs/providers/partner.md` says, strictly; and what is special to it.

use std::sync::{Arc, Mutex, MutexGuard};

use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use entity::Time;
use ground::signature;
use secrecy::SecretString;
use secure_payment::config::Settings;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::support::rail::{Claim, Fake, Post, Way};

mod own;

pub(super) const SECRET: &str = "whsec_cGFydG5lci10ZXN0cy1zZWNyZXQtb2YtMzItYnl0ZXMh";
/// Still active while it is replaced.
const OLD_SECRET: &str = "whsec_b2xkLXNlY3JldC1vZi10aGUtcGxheWVkLXBhcnRuZXI=";
const FOREIGN_SECRET: &str = "whsec_c29tZWJvZHktZWxzZXMtc2VjcmV0LW9mLTMyLWJ5dGU=";
const API_KEY: &str = "key-of-the-played-partner";
pub(super) const ACCOUNT: &str = "acct_1";

/// The suite's.
pub(crate) async fn start() -> Arc<dyn Fake> {
    Partner::start().await
}

pub(super) struct Partner {
    way: Way,
    base: String,
    /// Which signs its notifications.
    secret: String,
    books: Arc<Mutex<Books>>,
}

#[derive(Default)]
struct Books {
    payments: Vec<Payment>,
    refunds: Vec<Moved>,
    payouts: Vec<Moved>,
    /// What was booked, as `GET /movements` tells it.
    movements: Vec<Value>,
    /// What has not been asked for yet.
    notifications: Vec<Value>,
    notified: usize,
    /// Refunds need a payee.
    wants_payee: bool,
    /// Ours there, if it calls them by name.
    account: Option<&'static str>,
}

#[derive(Debug)]
struct Payment {
    asked: NewPayment,
    status: &'static str,
    captures: Vec<Value>,
}

/// A refund or a payout.
struct Moved {
    id: String,
    payment_id: Option<String>,
    amount_minor: i64,
    currency: String,
    payee: Option<Value>,
    status: &'static str,
    failure: Option<&'static str>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPayment {
    payment_id: String,
    account: Option<String>,
    method: String,
    amount_minor: i64,
    currency: String,
    description: String,
    notification_url: String,
    return_url: Option<String>,
    payer: Payer,
}

/// What may be there, and nothing else.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payer {
    name: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    country: Option<String>,
    document: Option<String>,
}

impl Payer {
    fn is_plain(&self) -> bool {
        let fields = [&self.name, &self.email, &self.phone, &self.country, &self.document];
        fields.into_iter().flatten().all(|text| !text.is_empty())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRefund {
    refund_id: String,
    payment_id: String,
    account: Option<String>,
    amount_minor: i64,
    currency: String,
    reason: String,
    payee: Option<Payee>,
    notification_url: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPayout {
    payout_id: String,
    account: Option<String>,
    amount_minor: i64,
    currency: String,
    payee: Payee,
    notification_url: String,
}

#[derive(Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
struct Payee {
    account_holder: String,
    country: String,
    iban: Option<String>,
    account_number: Option<String>,
    bank_name: Option<String>,
    bic: Option<String>,
    currency: Option<String>,
}

/// The partner's own error document.
#[derive(Debug)]
struct Refusal(u16, &'static str, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(status, code, message) = self;
        let status = StatusCode::from_u16(status).expect("a status");
        (status, Json(json!({ "error": { "code": code, "message": message } }))).into_response()
    }
}

type Answer = Result<Value, Refusal>;

fn error(status: u16, code: &'static str, message: &str) -> Refusal {
    Refusal(status, code, message.to_owned())
}

fn refused(message: &str) -> Refusal {
    error(422, "refused", message)
}

fn not_found() -> Refusal {
    error(404, "not_found", "there is none with this id")
}

/// Every document names the account.
fn answer(books: &Books, answer: Answer) -> Response {
    match answer {
        Ok(mut document) => {
            document["account"] = json!(books.account);
            Json(document).into_response()
        }
        Err(error) => error.into_response(),
    }
}

/// The body, and that the key says which one it is.
fn parse<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8], id: fn(&T) -> &str) -> Result<T, Refusal> {
    let is_json = headers.get("content-type").is_some_and(|kind| kind == "application/json");
    let parsed: T = serde_json::from_slice(body).map_err(|problem| error(400, "invalid", &problem.to_string()))?;
    if !is_json || headers.get("idempotency-key").is_none_or(|key| key.as_bytes() != id(&parsed).as_bytes()) {
        return Err(error(400, "invalid", "send JSON, and the id as the Idempotency-Key"));
    }
    Ok(parsed)
}

fn check(amount_minor: i64, notification_url: &str) -> Result<(), Refusal> {
    if amount_minor > 0 && notification_url.ends_with("/webhooks/partner") {
        Ok(())
    } else {
        Err(error(400, "invalid", "no amount, or nowhere to notify"))
    }
}

impl Payment {
    fn document(&self) -> Value {
        let asked = &self.asked;
        let next_action = match asked.method.as_str() {
            "WESTERN_UNION" => {
                json!({ "kind": "voucher", "code": "123-456", "url": "https://partner.example/voucher" })
            }
            "ALIPAY" => json!({ "kind": "qr_code", "content": "https://partner.example/qr" }),
            _page => json!({ "kind": "redirect", "url": format!("https://partner.example/pay/{}", asked.payment_id) }),
        };
        json!({ "id": self.id(), "payment_id": asked.payment_id, "livemode": false,
            "method": asked.method, "amount_minor": asked.amount_minor, "currency": asked.currency,
            "status": self.status, "failure": (self.status == "FAILED").then_some("the wallet is empty"),
            "next_action": (self.status == "OPEN").then_some(next_action),
            "expires_at": "2030-01-01T00:00:00Z", "captures": self.captures })
    }

    fn id(&self) -> String {
        format!("p_{}", self.asked.payment_id)
    }
}

impl Moved {
    fn document(&self, name: &str) -> Value {
        json!({ "id": format!("m_{}", self.id), name: self.id, "livemode": false,
            "payment_id": self.payment_id, "amount_minor": self.amount_minor, "currency": self.currency,
            "status": self.status, "failure": self.failure })
    }
}

impl Books {
    fn check_account(&self, account: Option<&str>) -> Result<(), Refusal> {
        if account == self.account { Ok(()) } else { Err(error(400, "invalid", "another account")) }
    }

    fn payment(&mut self, id: &str) -> Result<&mut Payment, Refusal> {
        self.payments.iter_mut().find(|payment| payment.asked.payment_id == id).ok_or_else(not_found)
    }

    fn create(&mut self, asked: NewPayment) -> Answer {
        self.check_account(asked.account.as_deref())?;
        check(asked.amount_minor, &asked.notification_url)?;
        if asked.description.is_empty()
            || !asked.payer.is_plain()
            || asked.return_url.as_deref().is_some_and(str::is_empty)
        {
            return Err(error(400, "invalid", "what is it for?"));
        }
        if let Ok(known) = self.payment(&asked.payment_id) {
            let same = (&known.asked.method, known.asked.amount_minor, &known.asked.currency)
                == (&asked.method, asked.amount_minor, &asked.currency);
            return if same { Ok(known.document()) } else { Err(refused("this payment_id is of another payment")) };
        }
        self.payments.push(Payment { asked, status: "OPEN", captures: Vec::new() });
        Ok(self.payments.last().expect("just put there").document())
    }

    fn cancel(&mut self, id: &str) -> Answer {
        let payment = self.payment(id)?;
        if payment.status == "OPEN" {
            payment.status = "CANCELLED";
            self.notify("payment.cancelled", json!({ "payment_id": id }));
        }
        Ok(self.payment(id)?.document())
    }

    fn given_back(&self, payment: &str) -> i64 {
        let of_payment = self.refunds.iter().filter(|refund| refund.payment_id.as_deref() == Some(payment));
        of_payment.filter(|refund| refund.status != "FAILED").map(|refund| refund.amount_minor).sum()
    }

    fn refund(&mut self, asked: NewRefund) -> Answer {
        self.check_account(asked.account.as_deref())?;
        check(asked.amount_minor, &asked.notification_url)?;
        if let Some(known) = self.refunds.iter().find(|refund| refund.id == asked.refund_id) {
            let same = (known.payment_id.as_deref(), known.amount_minor, &known.currency)
                == (Some(asked.payment_id.as_str()), asked.amount_minor, &asked.currency);
            return if same {
                Ok(known.document("refund_id"))
            } else {
                Err(refused("this refund_id is of another refund"))
            };
        }
        let given_back = self.given_back(&asked.payment_id);
        let wants_payee = self.wants_payee;
        let payment = self.payment(&asked.payment_id)?;
        let paid: i64 = payment.captures.iter().filter_map(|capture| capture["amount_minor"].as_i64()).sum();
        if payment.asked.currency != asked.currency || given_back + asked.amount_minor > paid {
            return Err(refused("more than what is left of the payment"));
        }
        if wants_payee && asked.payee.is_none() {
            return Err(error(422, "payee_details_required", "the wallet is closed: send payee"));
        }
        if asked.reason.is_empty() {
            return Err(error(400, "invalid", "why?"));
        }
        let payee = asked.payee.map(|payee| serde_json::to_value(payee).expect("JSON"));
        let (amount_minor, currency) = (asked.amount_minor, asked.currency);
        let refund = moved(asked.refund_id, Some(asked.payment_id), (amount_minor, currency), payee);
        let document = refund.document("refund_id");
        self.refunds.push(refund);
        Ok(document)
    }

    fn pay_out(&mut self, asked: NewPayout) -> Answer {
        self.check_account(asked.account.as_deref())?;
        check(asked.amount_minor, &asked.notification_url)?;
        if let Some(known) = self.payouts.iter().find(|payout| payout.id == asked.payout_id) {
            let same = (known.amount_minor, &known.currency) == (asked.amount_minor, &asked.currency);
            return if same {
                Ok(known.document("payout_id"))
            } else {
                Err(refused("this payout_id is of another payout"))
            };
        }
        let payee = Some(serde_json::to_value(asked.payee).expect("JSON"));
        let payout = moved(asked.payout_id, None, (asked.amount_minor, asked.currency), payee);
        let document = payout.document("payout_id");
        self.payouts.push(payout);
        Ok(document)
    }

    fn book(&mut self, kind: &str, (id, reference): (&str, &str), (amount_minor, currency): (i64, &str)) {
        self.movements.push(json!({ "kind": kind, "id": id, "reference": reference, "amount_minor": amount_minor,
            "currency": currency }));
    }

    fn notify(&mut self, kind: &str, mut data: Value) {
        data["account"] = json!(self.account);
        data["livemode"] = json!(false);
        self.notifications.push(json!({ "type": kind, "timestamp": "2026-11-22T12:00:00Z", "data": data }));
    }
}

fn moved(id: String, payment_id: Option<String>, amount: (i64, String), payee: Option<Value>) -> Moved {
    let (amount_minor, currency) = amount;
    Moved { id, payment_id, amount_minor, currency, payee, status: "PENDING", failure: None }
}

type Shared = Arc<Mutex<Books>>;

fn router(books: Shared) -> Router {
    let payments = |State(books): State<Shared>, headers: HeaderMap, body: Bytes| async move {
        let (mut books, new) = (lock(&books), parse(&headers, &body, |new: &NewPayment| &new.payment_id));
        let created = new.and_then(|new| books.create(new));
        answer(&books, created)
    };
    let refunds = |State(books): State<Shared>, headers: HeaderMap, body: Bytes| async move {
        let (mut books, new) = (lock(&books), parse(&headers, &body, |new: &NewRefund| &new.refund_id));
        let refunded = new.and_then(|new| books.refund(new));
        answer(&books, refunded)
    };
    let payouts = |State(books): State<Shared>, headers: HeaderMap, body: Bytes| async move {
        let (mut books, new) = (lock(&books), parse(&headers, &body, |new: &NewPayout| &new.payout_id));
        let paid_out = new.and_then(|new| books.pay_out(new));
        answer(&books, paid_out)
    };
    let payment = |State(books): State<Shared>, Path(id): Path<String>| async move {
        let mut books = lock(&books);
        let found = books.payment(&id).map(|payment| payment.document());
        answer(&books, found)
    };
    let cancel = |State(books): State<Shared>, Path(id): Path<String>| async move {
        let mut books = lock(&books);
        let cancelled = books.cancel(&id);
        answer(&books, cancelled)
    };
    let refund = |State(books): State<Shared>, Path(id): Path<String>| async move {
        let books = lock(&books);
        let found = books.refunds.iter().find(|refund| refund.id == id);
        answer(&books, found.map(|refund| refund.document("refund_id")).ok_or_else(not_found))
    };
    let payout = |State(books): State<Shared>, Path(id): Path<String>| async move {
        let books = lock(&books);
        let found = books.payouts.iter().find(|payout| payout.id == id);
        answer(&books, found.map(|payout| payout.document("payout_id")).ok_or_else(not_found))
    };
    Router::new()
        .route("/v1/payments", post(payments))
        .route("/v1/payments/{id}", get(payment))
        .route("/v1/payments/{id}/cancel", post(cancel))
        .route("/v1/refunds", post(refunds))
        .route("/v1/refunds/{id}", get(refund))
        .route("/v1/payouts", post(payouts))
        .route("/v1/payouts/{id}", get(payout))
        .route("/v1/movements", get(movements))
        .layer(from_fn_with_state((), authorised))
        .with_state(books)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    day: chrono::NaiveDate,
    after: Option<usize>,
}

/// All on the day that is asked about; two to a page.
async fn movements(State(books): State<Shared>, axum::extract::Query(asked): axum::extract::Query<Asked>) -> Response {
    let books = lock(&books);
    let from = asked.after.unwrap_or(0);
    let page: Vec<&Value> = books.movements.iter().skip(from).take(2).collect();
    let next = (from + 2 < books.movements.len()).then(|| (from + 2).to_string());
    answer(&books, Ok(json!({ "livemode": false, "day": asked.day, "movements": page, "next": next })))
}

async fn authorised(State(()): State<()>, request: Request, next: Next) -> Response {
    let given = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    if given != Some(&format!("Bearer {API_KEY}")) {
        return error(401, "unauthorized", "send Authorization: Bearer <key>").into_response();
    }
    next.run(request).await
}

fn lock(books: &Shared) -> MutexGuard<'_, Books> {
    books.lock().expect("not poisoned")
}

/// As the partner signs; a number of its own for each notification.
pub(super) fn signed(secret: &str, id: &str, body: &str, wall: Time) -> Post {
    let timestamp = wall.timestamp();
    let signature = signature::sign(&SecretString::from(secret), id, timestamp, body.as_bytes()).expect("signs");
    let headers = [
        ("content-type", "application/json".to_owned()),
        (signature::ID_HEADER, id.to_owned()),
        (signature::TIMESTAMP_HEADER, timestamp.to_string()),
        (signature::SIGNATURE_HEADER, signature),
    ];
    let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Post { to: "partner", headers, body: body.as_bytes().to_vec() }
}

impl Partner {
    pub(super) async fn start() -> Arc<Self> {
        Self::with(SECRET, Some(ACCOUNT)).await
    }

    /// One that signs with this secret, and calls us by this name.
    pub(super) async fn with(secret: &str, account: Option<&'static str>) -> Arc<Self> {
        let (way, books) = (Way::default(), Shared::default());
        lock(&books).account = account;
        let base = way.serve(router(Arc::clone(&books))).await;
        Arc::new(Self { way, base, secret: secret.to_owned(), books })
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        lock(&self.books)
    }

    /// Who it was told would pay.
    pub(super) fn payer_of(&self, payment: &str) -> (String, String) {
        let payer = self.books().payment(payment).expect("was asked for").asked.payer.clone();
        (payer.email.unwrap_or_default(), payer.document.unwrap_or_default())
    }

    pub(super) fn want_payees(&self) {
        self.books().wants_payee = true;
    }

    /// The account that a refund or a payout was sent to.
    pub(super) fn payee(&self, id: &str) -> Option<Value> {
        let books = self.books();
        let found = books.refunds.iter().chain(&books.payouts).find(|moved| moved.id == id);
        found.expect("it has it").payee.clone()
    }

    /// `PAID`, `FAILED` or `RETURNED`.
    pub(super) fn settle_payout(&self, id: &str, status: &'static str) {
        let mut books = self.books();
        let payout = books.payouts.iter_mut().find(|payout| payout.id == id).expect("it has it");
        let was_paid = payout.status == "PAID";
        payout.status = status;
        payout.failure = (status != "PAID").then_some("the account is closed");
        let (amount_minor, currency, reason) = (payout.amount_minor, payout.currency.clone(), payout.failure);
        match status {
            "PAID" => books.book("PAYOUT", (id, id), (amount_minor, &currency)),
            "RETURNED" | "FAILED" if was_paid => books.book("PAYOUT_RETURNED", (id, id), (amount_minor, &currency)),
            _nothing_moved => {}
        }
        let data = json!({ "payout_id": id, "amount_minor": amount_minor, "currency": currency, "reason": reason });
        books.notify(&format!("payout.{}", status.to_lowercase()), data);
    }

    /// Money arrives for a payment, whatever was asked for.
    pub(super) fn capture(&self, payment: &str, amount_minor: i64) {
        let mut books = self.books();
        let paid = books.payment(payment).expect("it has it");
        paid.status = "CAPTURED";
        let (id, currency) = (paid.id(), paid.asked.currency.clone());
        let capture = format!("c_{}_{payment}", paid.captures.len());
        paid.captures.push(json!({ "id": capture, "amount_minor": amount_minor, "currency": currency }));
        books.book("CAPTURE", (&capture, payment), (amount_minor, &currency));
        let data = json!({ "id": id, "payment_id": payment, "capture_id": capture, "amount_minor": amount_minor,
            "currency": currency });
        books.notify("payment.captured", data);
    }

    fn end(&self, payment: &str, status: &'static str) -> bool {
        let mut books = self.books();
        books.payment(payment).expect("it has it").status = status;
        let data = json!({ "payment_id": payment, "reason": "the wallet is empty" });
        books.notify(&format!("payment.{}", status.to_lowercase()), data);
        true
    }

    fn settle(&self, refund: &str, status: &'static str) {
        let mut books = self.books();
        let settled = books.refunds.iter_mut().find(|known| known.id == refund).expect("it has it");
        let had_left = settled.status == "SUCCEEDED";
        settled.status = status;
        settled.failure = (status == "FAILED").then_some("the wallet is closed");
        let (amount_minor, currency, reason) = (settled.amount_minor, settled.currency.clone(), settled.failure);
        match (status, had_left) {
            ("SUCCEEDED", _) => books.book("REFUND", (refund, refund), (amount_minor, &currency)),
            (_, true) => books.book("REFUND_RETURNED", (refund, refund), (amount_minor, &currency)),
            (_, false) => {}
        }
        let data = json!({ "refund_id": refund, "amount_minor": amount_minor, "currency": currency, "reason": reason });
        books.notify(&format!("refund.{}", status.to_lowercase()), data);
    }
}

#[async_trait::async_trait]
impl Fake for Partner {
    fn name(&self) -> &'static str {
        "partner"
    }

    fn configure(&self, settings: &mut Settings) {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let own = &mut settings.providers.partner;
        own.api_base = Some(format!("{}/v1/", self.base));
        own.api_key = Some(API_KEY.into());
        own.webhook_secret = vec![OLD_SECRET.into(), self.secret.as_str().into()];
        own.account = self.books().account.map(str::to_owned);
        own.methods = list(&["QIWI", "WESTERN_UNION", "ALIPAY"]);
        own.currencies = list(&["EUR", "USD"]);
    }

    fn method(&self) -> &'static str {
        "QIWI"
    }

    fn currency(&self) -> &'static str {
        "EUR"
    }

    async fn pay(&self, payment: &str) {
        let amount_minor = self.books().payment(payment).expect("it has it").asked.amount_minor;
        self.capture(payment, amount_minor);
    }

    async fn decline(&self, payment: &str) -> bool {
        self.end(payment, "FAILED")
    }

    async fn expire(&self, payment: &str) -> bool {
        self.end(payment, "EXPIRED")
    }

    async fn settle_refund(&self, refund: &str) {
        self.settle(refund, "SUCCEEDED");
    }

    async fn fail_refund(&self, refund: &str) -> bool {
        self.settle(refund, "FAILED");
        true
    }

    fn pays_out(&self) -> bool {
        true
    }

    async fn settle_payout(&self, payout: &str) {
        self.settle_payout(payout, "PAID");
    }

    async fn return_payout(&self, payout: &str) {
        self.settle_payout(payout, "RETURNED");
    }

    async fn claim(&self, payment: &str, claim: Claim) -> bool {
        let mut books = self.books();
        let asked = books.payment(payment).expect("it has it").asked.clone();
        let id = format!("cb_{payment}");
        let debited = books.movements.iter().any(|row| row["kind"] == "CHARGEBACK" && row["id"] == id.as_str());
        let stage = match claim {
            Claim::Open => "opened",
            Claim::Debit => "debited",
            Claim::Win => "won",
            Claim::Lose => "lost",
        };
        match (claim, debited) {
            (Claim::Debit, _) => books.book("CHARGEBACK", (&id, payment), (asked.amount_minor, &asked.currency)),
            (Claim::Win, true) => books.book("CHARGEBACK_WON", (&id, payment), (asked.amount_minor, &asked.currency)),
            (Claim::Open | Claim::Win | Claim::Lose, _) => {}
        }
        let mut data = json!({ "payment_id": payment, "chargeback_id": id, "amount_minor": asked.amount_minor,
            "currency": asked.currency, "reason": "fraudulent" });
        if claim == Claim::Win {
            data["debited"] = json!(debited);
        }
        books.notify(&format!("chargeback.{stage}"), data);
        true
    }

    fn notifications(&self, wall: Time) -> Vec<Post> {
        let mut books = self.books();
        let bodies = std::mem::take(&mut books.notifications);
        let number = books.notified;
        books.notified += bodies.len();
        let numbered = bodies.iter().zip(number..);
        numbered.map(|(body, number)| signed(&self.secret, &format!("msg_{number}"), &body.to_string(), wall)).collect()
    }

    fn forgeries(&self, payment: &str, wall: Time) -> Vec<Post> {
        let asked = self.books().payment(payment).expect("it has it").asked.clone();
        let body = json!({ "type": "payment.captured", "data": { "account": self.books().account, "livemode": false,
            "payment_id": payment, "amount_minor": asked.amount_minor, "currency": asked.currency } });
        let foreign = signed(FOREIGN_SECRET, "msg_forged", &body.to_string(), wall);
        let mut unsigned = foreign.clone();
        unsigned.headers.retain(|(name, _)| name != signature::SIGNATURE_HEADER);
        let mut garbage = foreign.clone();
        garbage.headers.iter_mut().filter(|(name, _)| name == signature::SIGNATURE_HEADER).for_each(|(_, value)| {
            "v1,Z2FyYmFnZQ==".clone_into(value);
        });
        vec![unsigned, garbage, foreign]
    }

    fn way(&self) -> &Way {
        &self.way
    }

    fn payments(&self, payment: &str) -> usize {
        self.books().payments.iter().filter(|known| known.asked.payment_id == payment).count()
    }

    fn refunded(&self, payment: &str) -> i64 {
        self.books().given_back(payment)
    }
}

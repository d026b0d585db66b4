//! T/T: a bank that takes payment orders (pain.001) at an API, strictly, and tells by ISO 20022 files what it has booked.

mod bookings;
mod files;
mod folders;
mod formats;
mod orders;
mod pain;
mod payees;
mod random_days;
mod transfers;
mod vectors;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use entity::{Money, Time, payment};
use files::{Entry, camt_054, pacs_004, pain_002};
use ground::signature;
use pain::Order;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use secrecy::{ExposeSecret, SecretString};
use secure_payment::config::Settings;
use secure_payment::db::Db;
use serde_json::{Value, json};

use crate::support::rail::{Claim, Fake, Post, Way};

/// As in the vendor's samples.
pub(crate) const EUR: (&str, &str) = ("EUR", "NL41MOCK0000000001");
pub(crate) const USD: (&str, &str) = ("USD", "GB29NWBK60161331926819");
const KEY: &str = "bank-api-key";
const SECRET: &str = "whsec_YmFuay1vZi10aGUtdGVzdHMtc2VjcmV0LTMyYnl0ZXM=";
const SECRET_OF_ANOTHER: &str = "whsec_c29tZWJvZHktZWxzZSdzLXNlY3JldC1vZi0zMi1ieXRlcw==";

pub(crate) async fn start() -> Arc<dyn Fake> {
    start_bank().await
}

/// On the way of a provider for which it sends refunds.
pub(super) async fn start_on(way: &Way) -> Arc<Bank> {
    serve(way.clone()).await
}

async fn start_bank() -> Arc<Bank> {
    serve(Way::default()).await
}

async fn serve(way: Way) -> Arc<Bank> {
    let bank =
        Arc::new(Bank { way: way.clone(), base: Mutex::default(), books: Mutex::default(), own: Mutex::default() });
    let router = Router::new().route("/pain", post(take_order)).with_state(Arc::clone(&bank));
    *bank.base.lock().expect("not poisoned") = way.serve(router).await;
    bank
}

pub(super) struct Bank {
    way: Way,
    base: Mutex<String>,
    books: Mutex<Books>,
    own: Mutex<Own>,
}

/// What a server is told of it, in place of what all are.
#[derive(Default)]
struct Own {
    accounts: Option<Vec<String>>,
    inbox: Option<String>,
    outbox: Option<String>,
}

#[derive(Default)]
struct Books {
    /// Where the orders' payments are looked up: a bank isn't asked when one is opened.
    database_url: String,
    /// By `MsgId`, whatever became of them.
    orders: BTreeMap<String, (Order, Standing)>,
    closed: Vec<String>,
    answers_in_xml: bool,
    paid: Vec<String>,
    bookings: u32,
    messages: u32,
    outbound: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Accepted,
    Rejected,
    Booked,
    Returned,
}

impl Bank {
    fn books(&self) -> std::sync::MutexGuard<'_, Books> {
        self.books.lock().expect("not poisoned")
    }

    /// The bank's next reference of a booking.
    fn reference(&self) -> String {
        let mut books = self.books();
        books.bookings += 1;
        format!("B-{}", books.bookings)
    }

    fn send(&self, file: String) {
        self.books().outbound.push(file);
    }

    /// The account is closed from now on: orders to it are rejected.
    fn close(&self, iban: &str) {
        self.books().closed.push(iban.to_owned());
    }

    fn order(&self, reference: &str) -> (Order, Standing) {
        let id = reference.replace('_', "-");
        self.books().orders.get(&id).cloned().unwrap_or_else(|| panic!("the bank has no order {id}"))
    }

    /// Of an order: its amount, who is paid, to which account, and what they read.
    pub(super) fn told(&self, reference: &str) -> (Money, String, String, String) {
        let (order, _standing) = self.order(reference);
        (order.amount, order.creditor, order.to, order.text)
    }

    fn orders(&self) -> Vec<Order> {
        self.books().orders.values().map(|(order, _)| order.clone()).collect()
    }

    fn set(&self, order: &Order, standing: Standing) {
        self.books().orders.insert(order.message_id.clone(), (order.clone(), standing));
    }

    /// Books an order; the entry.
    fn book(&self, reference: &str) -> Entry {
        let (order, standing) = self.order(reference);
        assert!(standing != Standing::Rejected, "it was rejected");
        self.set(&order, Standing::Booked);
        Entry::debit(&self.reference(), &order.amount).end_to_end(&order.message_id)
    }

    /// What was booked comes back; the entry.
    fn take_back(&self, reference: &str, reason: &str) -> Entry {
        let (order, _standing) = self.order(reference);
        Entry::credit(&self.reference(), &order.amount).end_to_end(&order.message_id).returned(reason)
    }

    fn signed(&self, file: impl AsRef<[u8]>, secret: &str, wall: Time) -> Post {
        let file = file.as_ref();
        let id = {
            let mut books = self.books();
            books.messages += 1;
            format!("gateway_{}", books.messages)
        };
        let timestamp = wall.timestamp();
        let signature = signature::sign(&SecretString::from(secret), &id, timestamp, file).expect("signs");
        let headers = [
            (signature::ID_HEADER, id),
            (signature::TIMESTAMP_HEADER, timestamp.to_string()),
            (signature::SIGNATURE_HEADER, signature),
            ("content-type", "application/xml".to_owned()),
        ];
        Post {
            to: "bank",
            headers: headers.map(|(name, value)| (name.to_owned(), value)).to_vec(),
            body: file.to_vec(),
        }
    }

    /// What was asked for, as our database has it.
    async fn asked(&self, reference: &str) -> Money {
        let url = self.books().database_url.clone();
        let db = Db::connect(&url).await.expect("connects");
        let found = payment::Entity::find()
            .filter(payment::Column::Provider.eq("bank"))
            .filter(payment::Column::Reference.eq(reference));
        let payment = found.one(&db.read).await.expect("reads").expect("is there");
        db.close().await;
        Money::new(payment.amount, payment.currency)
    }
}

/// The account of ours that an order was paid from.
fn debtor(order: &Order) -> (&'static str, &'static str) {
    let of = |account: &(&str, &str)| account.0 == order.amount.currency.code();
    [EUR, USD].into_iter().find(of).expect("it was taken")
}

fn settings(settings: &mut Settings, base: &str) {
    let account = |(currency, iban): (&str, &str), bic: &str| format!("{currency}={iban}/{bic}");
    settings.providers.bank.accounts = vec![account(EUR, "MOCKNL2A"), account(USD, "NWBKGB2L")];
    settings.providers.bank.account_holder = Some("ACME Corporation".to_owned());
    settings.providers.bank.holder_town = Some("Amsterdam".to_owned());
    settings.providers.bank.holder_country = Some("NL".to_owned());
    settings.providers.bank.webhook_secret = vec![SecretString::from(SECRET)];
    settings.providers.bank.api_base = Some(format!("{base}/pain"));
    settings.providers.bank.api_key = Some(SecretString::from(KEY));
}

async fn take_order(State(bank): State<Arc<Bank>>, headers: HeaderMap, body: Bytes) -> Response {
    let is = |name, value: &str| headers.get(name).is_some_and(|header| header.as_bytes() == value.as_bytes());
    if !is(header::AUTHORIZATION, &format!("Bearer {KEY}")) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    if !is(header::CONTENT_TYPE, "application/xml") {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    let order = match pain::read(&body, &[EUR, USD]) {
        Ok(order) => order,
        // A test that gets here is looking at a fault of ours.
        Err(problem) => {
            let answer = json!({ "format": "iso20022", "msg_id": "", "status": "RJCT", "reason": "FF01", "reason_text": problem });
            return (StatusCode::UNPROCESSABLE_ENTITY, axum::Json(answer)).into_response();
        }
    };
    let mut books = bank.books();
    let (status, reason) = if books.orders.contains_key(&order.message_id) {
        ("RJCT", Some("DUPL"))
    } else if books.closed.contains(&order.to) {
        books.orders.insert(order.message_id.clone(), (order.clone(), Standing::Rejected));
        ("RJCT", Some("AC04"))
    } else {
        books.orders.insert(order.message_id.clone(), (order.clone(), Standing::Accepted));
        ("ACCP", None)
    };
    if books.answers_in_xml {
        return ([(header::CONTENT_TYPE, "application/xml")], pain_002(&order, status, reason)).into_response();
    }
    answer(&order, status, reason)
}

/// As the sample bank answers.
fn answer(order: &Order, status: &str, reason: Option<&str>) -> Response {
    let is_duplicate = reason == Some("DUPL");
    let payments: Vec<Value> = if is_duplicate {
        Vec::new()
    } else {
        let outcome = if reason.is_some() { "rejected" } else { "accepted" };
        vec![json!({ "end_to_end_id": order.message_id, "pmt_inf_id": format!("{}-1", order.message_id),
            "outcome": outcome, "reason": reason, "reason_text": null, "amount": order.amount.amount.0,
            "currency": order.amount.currency.code(), "settlement_date": null, "booked": false })]
    };
    let top = reason.filter(|_| is_duplicate);
    let answer = json!({ "format": "iso20022", "msg_id": order.message_id, "status": status, "reason": top,
        "reason_text": null, "reported": true, "accepted": 1, "rejected": 0, "payments": payments,
        "collections": [], "findings": [], "queued": [] });
    let code = if is_duplicate { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::ACCEPTED };
    (code, axum::Json(answer)).into_response()
}

#[async_trait::async_trait]
impl Fake for Bank {
    fn name(&self) -> &'static str {
        "bank"
    }

    fn configure(&self, of: &mut Settings) {
        self.books().database_url = of.database_url.expose_secret().to_owned();
        settings(of, &self.base.lock().expect("not poisoned"));
        let own = self.own.lock().expect("not poisoned");
        if let Some(accounts) = &own.accounts {
            of.providers.bank.accounts.clone_from(accounts);
        }
        of.providers.bank.inbox.clone_from(&own.inbox);
        if own.outbox.is_some() {
            of.providers.bank.outbox.clone_from(&own.outbox);
            of.providers.bank.api_base = None;
        }
    }

    fn method(&self) -> &'static str {
        "BANK_TRANSFER"
    }

    fn currency(&self) -> &'static str {
        "EUR"
    }

    async fn pay(&self, payment: &str) {
        let asked = self.asked(payment).await;
        let entry = Entry::credit(&self.reference(), &asked).text(&[&format!("{payment} thank you")]);
        self.books().paid.push(payment.to_owned());
        self.send(camt_054(EUR, &[entry]));
    }

    async fn decline(&self, _payment: &str) -> bool {
        false
    }

    async fn expire(&self, _payment: &str) -> bool {
        false
    }

    async fn settle_refund(&self, refund: &str) {
        let entry = self.book(refund);
        self.send(camt_054(debtor(&self.order(refund).0), &[entry]));
    }

    /// Before it was booked, the bank says that it rejects it; after, it comes back, which is told twice.
    async fn fail_refund(&self, refund: &str) -> bool {
        let (order, standing) = self.order(refund);
        if standing == Standing::Booked {
            let entry = self.take_back(refund, "AC04");
            self.send(pacs_004(&order, &format!("R-{}", self.reference()), "AC04", debtor(&order)));
            self.send(camt_054(debtor(&order), &[entry]));
            self.set(&order, Standing::Returned);
        } else {
            self.set(&order, Standing::Rejected);
            self.send(pain_002(&order, "RJCT", Some("AC04")));
        }
        true
    }

    fn pays_out(&self) -> bool {
        true
    }

    async fn settle_payout(&self, payout: &str) {
        self.settle_refund(payout).await;
    }

    async fn return_payout(&self, payout: &str) {
        self.fail_refund(payout).await;
    }

    async fn claim(&self, _payment: &str, _claim: Claim) -> bool {
        false
    }

    fn notifications(&self, wall: Time) -> Vec<Post> {
        let files = std::mem::take(&mut self.books().outbound);
        files.iter().map(|file| self.signed(file, SECRET, wall)).collect()
    }

    fn forgeries(&self, payment: &str, wall: Time) -> Vec<Post> {
        let euro = Money::exact("1.00", "EUR").expect("euros");
        let file = camt_054(EUR, &[Entry::credit("FORGED", &euro).text(&[payment])]);
        let honest = self.signed(&file, SECRET, wall);
        let unsigned = Post { headers: Vec::new(), ..honest.clone() };
        let mut garbage = honest;
        for (name, value) in &mut garbage.headers {
            if name == signature::SIGNATURE_HEADER {
                "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".clone_into(value);
            }
        }
        vec![unsigned, garbage, self.signed(&file, SECRET_OF_ANOTHER, wall)]
    }

    fn way(&self) -> &Way {
        &self.way
    }

    /// It isn't told of payments; it has those that were paid.
    fn payments(&self, payment: &str) -> usize {
        usize::from(self.books().paid.iter().any(|paid| paid == payment))
    }

    fn refunded(&self, payment: &str) -> i64 {
        // As banks carry it.
        let payment = payment.replace('_', "-");
        let of_it = |order: &&(Order, Standing)| {
            matches!(order.1, Standing::Accepted | Standing::Booked) && order.0.text.contains(&payment)
        };
        self.books().orders.values().filter(of_it).map(|(order, _)| order.amount.amount.0).sum()
    }
}

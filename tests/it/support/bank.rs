//! A bank that can be made to lose, refuse or delay its answers, and what it and we have written down.

use std::sync::Arc;

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::TimeDelta;
use entity::notification::NotificationStatus;
use entity::payout::PayoutStatus;
use entity::sandbox_movement::{MovementKind, MovementStatus};
use entity::{
    Currency, JobId, NotificationId, PaymentId, PayoutId, SupplierId, Time, job, notification, payment, payout, refund,
    sandbox_movement,
};
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use secrecy::SecretString;
use secure_payment::app::App;
use secure_payment::auth::{Viewer, find_caller};
use secure_payment::config::Settings;
use secure_payment::lifecycle::ShutdownTimes;
use secure_payment::party::demo;
use secure_payment::server;
use secure_payment::{payment as payments, worker};
use serde_json::{Value, json};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::TestApp;
use super::purchase::{PATIENCE, Shop, cancel, confirm_received, ship, text};

/// What the way to the bank does with a call.
#[derive(Clone)]
pub(crate) enum Told {
    Honest,
    /// The bank does it, but its answer gets lost.
    Lost,
    /// The bank never hears of it: a status without a document of the bank's …
    Bare(u16),
    /// … or with one.
    Says(u16, Value),
    /// Waits until the gate is open.
    Gated(watch::Receiver<bool>),
}

pub(crate) fn refusal(status: u16, code: &str) -> Told {
    Told::Says(status, json!({ "error": { "code": code, "message": "no" } }))
}

/// What does not say that a movement didn't happen, when the bank is asked about it.
pub(crate) fn refused_questions() -> [Told; 6] {
    let html = Told::Says(404, json!("<html>not found</html>"));
    [Told::Bare(404), Told::Bare(401), refusal(401, "unauthorized"), Told::Bare(410), Told::Bare(502), html]
}

/// A node on the test's own database, with a server, and a way to the bank that does as it is told.
pub(crate) struct Node {
    pub(crate) app: App,
    pub(crate) shop: Shop,
    /// "POST /payments" and the like.
    pub(crate) calls: Arc<watch::Sender<Vec<String>>>,
}

impl Node {
    pub(crate) async fn new(app: &TestApp, told: impl Fn(&str) -> Told + Clone + Send + Sync + 'static) -> Self {
        let calls = Arc::new(watch::Sender::new(Vec::new()));
        let (bank, http, log) = (app.url("/sandbox"), app.http().clone(), Arc::clone(&calls));
        let router = Router::new().fallback(move |request: Request| {
            let call = format!("{} {}", request.method(), request.uri().path());
            let (bank, http, told) = (bank.clone(), http.clone(), told(&call));
            log.send_modify(|calls| calls.push(call));
            async move { gateway(&http, &bank, told, request).await }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await.expect("serves") });
        let mut settings = (*app.app().settings).clone();
        settings.providers.sandbox.api_base = Some(base);
        let (node, shop) = serve(app, settings).await;
        Self { app: node, shop, calls }
    }

    pub(crate) async fn answering(app: &TestApp, told: Told) -> Self {
        Self::new(app, move |_call| told.clone()).await
    }
}

pub(crate) async fn gateway(http: &reqwest::Client, bank: &str, told: Told, request: Request) -> Response {
    let status = |code| StatusCode::from_u16(code).expect("a status");
    let lost = matches!(told, Told::Lost);
    match told {
        Told::Bare(code) => return status(code).into_response(),
        Told::Says(code, document) => return (status(code), axum::Json(document)).into_response(),
        Told::Gated(mut gate) => drop(gate.wait_for(|open| *open).await.expect("the gate is there")),
        Told::Honest | Told::Lost => {}
    }
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.expect("a body");
    let mut forwarded = http.request(parts.method, format!("{bank}{}", parts.uri.path())).body(body);
    for name in [header::AUTHORIZATION, header::CONTENT_TYPE] {
        if let Some(value) = parts.headers.get(&name) {
            forwarded = forwarded.header(name, value);
        }
    }
    let answer = forwarded.send().await.expect("the bank answers");
    let code = answer.status();
    let text: Bytes = answer.bytes().await.expect("a body");
    if lost { status(503).into_response() } else { (code, text).into_response() }
}

/// One more server on the test's database and clock.
pub(crate) async fn serve(app: &TestApp, mut settings: Settings) -> (App, Shop) {
    settings.listen = "127.0.0.1:0".parse().expect("an address");
    let listener = server::bind(&mut settings).await.expect("a free port");
    let node = App::new(settings, app.db().clone(), app.clock().clone()).expect("settings that can be used");
    // It ends with the test's runtime.
    tokio::spawn(server::serve_until(node.clone(), listener, std::future::pending(), ShutdownTimes::default()));
    let shop = Shop::at(&node.settings.own_url());
    (node, shop)
}

/// A worker on a node.
pub(crate) struct Working {
    stop: oneshot::Sender<()>,
    pub(crate) task: JoinHandle<()>,
}

impl Working {
    pub(crate) fn on(app: &App) -> Self {
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(worker::run(app.clone(), async move { drop(stopped.await) }));
        Self { stop, task }
    }

    pub(crate) async fn stop(self) {
        drop(self.stop);
        timeout(PATIENCE, self.task).await.expect("in time").expect("ends well");
    }
}

/// A notification as the bank would send it: `event` is "payment.succeeded" and the like.
pub(crate) fn news(
    event: &str,
    (id, reference): (&str, &str),
    (amount, currency): (&str, &str),
    reason: Option<&str>,
) -> Value {
    let (kind, status) = event.split_once('.').expect("two words");
    let movement = json!({ "id": id, "kind": kind.to_uppercase(), "reference": reference, "status": status.to_uppercase(),
        "amount": { "amount": amount, "currency": currency }, "reason": reason });
    json!({ "type": event, "livemode": false, "movement": movement })
}

pub(crate) const USD_128: (&str, &str) = ("128.00", "USD");

/// Signs and posts it; the status of the answer.
pub(crate) async fn post(app: &TestApp, event_id: &str, body: &str) -> u16 {
    let secret = &app.app().settings.providers.sandbox.webhook_secret[0];
    post_signed(app, &app.url(""), event_id, body, (secret, 0)).await
}

/// `late` is how many seconds the signature's time is off.
pub(crate) async fn post_signed(
    app: &TestApp,
    base: &str,
    event_id: &str,
    body: &str,
    (secret, late): (&SecretString, i64),
) -> u16 {
    let timestamp = app.clock().wall().timestamp() + late;
    let signature = ground::signature::sign(secret, event_id, timestamp, body.as_bytes()).expect("signs");
    let request = app
        .http()
        .post(format!("{base}/webhooks/sandbox"))
        .header(ground::signature::ID_HEADER, event_id)
        .header(ground::signature::TIMESTAMP_HEADER, timestamp)
        .header(ground::signature::SIGNATURE_HEADER, signature);
    request.body(body.to_owned()).send().await.expect("an answer").status().as_u16()
}

/// Tells the server, which must take it.
pub(crate) async fn tell(app: &TestApp, event_id: &str, body: &Value) {
    assert_eq!(post(app, event_id, &body.to_string()).await, 200);
}

/// Tells, and applies.
pub(crate) async fn told(app: &TestApp, event_id: &str, body: &Value) -> (NotificationStatus, String) {
    tell(app, event_id, body).await;
    app.drain().await;
    inbox(app, event_id).await
}

pub(crate) async fn inbox_id(app: &TestApp, event_id: &str) -> NotificationId {
    let found = notification::Entity::find().filter(notification::Column::EventId.eq(event_id));
    found.one(&app.db().read).await.expect("reads").expect("is there").id
}

pub(crate) async fn inbox(app: &TestApp, event_id: &str) -> (NotificationStatus, String) {
    let found = notification::Entity::find().filter(notification::Column::EventId.eq(event_id));
    let row = found.one(&app.db().read).await.expect("reads").expect("is there");
    (row.status, row.reason.unwrap_or_default())
}

pub(crate) async fn inbox_size(app: &TestApp) -> usize {
    notification::Entity::find().all(&app.db().read).await.expect("reads").len()
}

/// What the bank has in its books.
pub(crate) async fn at_bank(app: &TestApp, kind: MovementKind) -> Vec<sandbox_movement::Model> {
    let found = sandbox_movement::Entity::find().filter(sandbox_movement::Column::Kind.eq(kind));
    found.order_by_asc(sandbox_movement::Column::Id).all(&app.db().read).await.expect("reads")
}

/// The bank's own books: what it says of its refunds when asked.
pub(crate) async fn write_at_bank(app: &TestApp, status: MovementStatus) {
    let transaction = app.db().begin_write().await.expect("begins");
    let row = sandbox_movement::ActiveModel { status: Set(status), ..Default::default() };
    let refunds = sandbox_movement::Entity::update_many().set(row);
    let refunds = refunds.filter(sandbox_movement::Column::Kind.eq(MovementKind::Refund));
    refunds.exec(&transaction).await.expect("writes");
    transaction.commit().await.expect("commits");
}

pub(crate) async fn payouts(app: &TestApp) -> Vec<payout::Model> {
    payout::Entity::find().order_by_asc(payout::Column::Id).all(&app.db().read).await.expect("reads")
}

pub(crate) async fn the_payout(app: &TestApp) -> payout::Model {
    let mut rows = payouts(app).await;
    assert_eq!(rows.len(), 1, "{rows:#?}");
    rows.remove(0)
}

pub(crate) async fn the_refund(app: &TestApp) -> refund::Model {
    let mut rows = refund::Entity::find().all(&app.db().read).await.expect("reads");
    assert_eq!(rows.len(), 1, "{rows:#?}");
    rows.remove(0)
}

pub(crate) async fn the_payment(app: &TestApp, id: &str) -> payment::Model {
    let id: PaymentId = id.parse().expect("an id");
    payment::Entity::find_by_id(id).one(&app.db().read).await.expect("reads").expect("is there")
}

pub(crate) async fn demo_supplier(app: &TestApp) -> SupplierId {
    let found = find_caller(&app.db().read, demo::SUPPLIER, app.clock().wall()).await.expect("reads");
    match found.map(|caller| caller.viewer) {
        Some(Viewer::Supplier { supplier_id }) => supplier_id,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn operator(app: &TestApp) -> Viewer {
    let found = find_caller(&app.db().read, demo::OPERATOR, app.clock().wall()).await.expect("reads");
    found.expect("knows the token").viewer
}

pub(crate) async fn status(shop: &Shop, order: &str) -> String {
    text(&shop.order(order).await["status"])
}

pub(crate) async fn funded(app: &TestApp, shop: &Shop, key: &str) -> String {
    let order = shop.place(key).await;
    let (_payment, checkout) = shop.pay(&order, key).await;
    shop.decide(&checkout, "approve").await.expect("an answer");
    app.drain().await;
    assert_eq!(status(shop, &order).await, "FUNDED");
    order
}

/// Completes an order; no job of it has run yet. What the supplier is owed is asked for, but not sent.
pub(crate) async fn requested_payout(app: &TestApp, shop: &Shop) -> PayoutId {
    let order = funded(app, shop, "k").await;
    shop.done(&ship(&order)).await;
    shop.done(&confirm_received(&order)).await;
    payments::request_payout(app.app(), demo_supplier(app).await, Currency::USD).await.expect("goes");
    the_payout(app).await.id
}

/// An order that nobody shipped: its refund is asked for, but not sent.
pub(crate) async fn requested_refund(app: &TestApp, shop: &Shop) -> (String, refund::Model) {
    let order = funded(app, shop, "k").await;
    app.clock().advance(TimeDelta::days(200));
    shop.take(&cancel(&order)).await.expect("an answer");
    assert_eq!(status(shop, &order).await, "REFUNDED");
    (order, the_refund(app).await)
}

pub(crate) async fn causes(shop: &Shop) -> Vec<String> {
    shop.transfers(None).await.into_iter().map(|(cause, ..)| cause).collect()
}

pub(crate) fn event_types(order: &Value) -> Vec<String> {
    order["events"]["nodes"].as_array().expect("events").iter().map(|event| text(&event["type"])).collect()
}

pub(crate) async fn assert_paid_out_once(app: &TestApp, shop: &Shop) {
    let paid = the_payout(app).await;
    assert_eq!((paid.status, paid.amount.0), (PayoutStatus::Paid, 12_480));
    let moved = at_bank(app, MovementKind::Payout).await;
    assert_eq!(
        moved.iter().map(|row| (row.status, row.amount.0)).collect::<Vec<_>>(),
        [(MovementStatus::Succeeded, 12_480)]
    );
    let causes = causes(shop).await;
    assert_eq!(
        causes,
        ["payment.captured", "funds.released", "funds.released", "payout.requested", "payout.paid"],
        "each once"
    );
}

pub(crate) async fn insert_job(app: &TestApp, kind: &str, payload: Value, run_at: Time) -> JobId {
    let id = JobId(app.clock().new_id());
    let row = job::ActiveModel {
        id: Set(id),
        kind: Set(kind.to_owned()),
        payload: Set(payload),
        run_at: Set(run_at),
        attempts: Set(0),
        leased_until: Set(None),
        last_error: Set(None),
        created_at: Set(run_at),
    };
    let transaction = app.db().begin_write().await.expect("begins");
    job::Entity::insert(row).exec_without_returning(&transaction).await.expect("inserts");
    transaction.commit().await.expect("commits");
    id
}

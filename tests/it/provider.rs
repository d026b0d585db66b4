//! Between our books and a provider: answers that are lost, questions that are refused, news that comes late, twice, in
//! disorder, or from somebody else. Whatever happens there, each movement of money is booked once, and nobody waits for
//! somebody else's bank.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use entity::notification::NotificationStatus;
use entity::payout::PayoutStatus;
use entity::refund::RefundStatus;
use entity::sandbox_movement::{MovementKind, MovementStatus};
use entity::{
    Currency, JobId, NotificationId, PaymentId, PayoutId, SupplierId, Time, event, job, notification, payment, payout,
    refund, sandbox_movement,
};
use futures_util::StreamExt;
use futures_util::future::join_all;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use secrecy::SecretString;
use secure_payment::app::App;
use secure_payment::auth::{Viewer, find_viewer};
use secure_payment::config::Settings;
use secure_payment::order::{FeedKey, TimelineKey};
use secure_payment::page::cursor;
use secure_payment::party::demo;
use secure_payment::server::{self, Farewell};
use secure_payment::{event as feed, graphql, rail, signature, worker};
use serde_json::{Value, json};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::support::purchase::{
    PATIENCE, QUANTITY, Shop, Step, buy_now, cancel, codes, confirm_received, pay, ship, text,
};
use crate::support::{TestApp, on_each_database};

on_each_database!(
    a_payout_that_the_bank_took_is_not_called_failed_because_a_question_was_refused,
    a_payout_whose_answer_was_lost_is_not_sent_twice,
    a_payout_that_the_bank_refused_and_never_heard_of_is_owed_again,
    a_payout_that_keeps_failing_is_tried_three_times_and_waits_for_another_account,
    a_refund_that_the_bank_took_is_not_called_failed_because_a_question_was_refused,
    a_refund_whose_answer_was_lost_is_not_sent_twice,
    a_refund_that_comes_back_after_it_had_succeeded_is_the_buyers_again,
    a_refund_that_succeeds_after_it_had_failed_is_settled_only_if_the_bank_says_so,
    jobs_that_cannot_be_read_delay_no_other,
    a_movement_told_again_is_applied_once_and_told_otherwise_is_quarantined,
    what_is_between_the_buyer_and_the_storefront_is_not_the_suppliers_to_see,
    a_slow_bank_delays_nobody_else,
    a_repetition_needs_no_second_connection,
    money_heard_of_in_time_is_in_time_however_late_the_worker_is,
    money_heard_of_too_late_is_set_aside,
    late_money_is_late_also_while_other_news_waits,
    money_heard_of_in_time_is_in_time_after_weeks,
    many_jobs_that_cannot_be_read_delay_no_other,
    ids_of_the_banks_are_cleaned_and_bounded,
    a_movement_told_of_another_payment_of_the_same_order_is_quarantined,
    a_refund_sent_again_after_it_came_back_is_settled_or_shown,
    verifying_again_starts_payouts_again,
    news_that_cannot_be_applied_keeps_no_order_open_for_ever,
    a_payment_whose_answer_was_lost_is_withdrawn_with_its_order,
    a_request_that_arrives_after_the_order_was_cancelled_is_withdrawn_too,
    a_repeated_pay_order_of_a_cancelled_order_opens_nothing,
    a_reference_that_is_taken_keeps_no_money_from_being_booked,
    a_subscription_begins_now_also_on_a_node_that_has_just_started,
    a_cursor_of_one_list_is_no_cursor_of_another,
    a_banks_words_are_cleaned_and_bounded,
    money_in_another_currency_completes_no_payment,
    the_feed_of_two_nodes_is_dense_and_in_order,
    only_signed_and_fresh_notifications_are_let_in,
    an_event_id_with_another_body_is_quarantined_and_acknowledged,
);

/// What the way to the bank does with a call.
#[derive(Clone)]
enum Told {
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

fn refusal(status: u16, code: &str) -> Told {
    Told::Says(status, json!({ "error": { "code": code, "message": "no" } }))
}

/// What does not say that a movement didn't happen, when the bank is asked about it.
fn refused_questions() -> [Told; 6] {
    let html = Told::Says(404, json!("<html>not found</html>"));
    [Told::Bare(404), Told::Bare(401), refusal(401, "unauthorized"), Told::Bare(410), Told::Bare(502), html]
}

/// A node on the test's own database, with a server, and a way to the bank that does as it is told.
struct Node {
    app: App,
    shop: Shop,
    /// "POST /payments" and the like.
    calls: Arc<watch::Sender<Vec<String>>>,
}

impl Node {
    async fn new(app: &TestApp, told: impl Fn(&str) -> Told + Clone + Send + Sync + 'static) -> Self {
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
        let settings = Settings { sandbox_api_base: Some(base), ..(*app.app().settings).clone() };
        let (node, shop) = serve(app, settings).await;
        Self { app: node, shop, calls }
    }

    async fn answering(app: &TestApp, told: Told) -> Self {
        Self::new(app, move |_call| told.clone()).await
    }
}

async fn gateway(http: &reqwest::Client, bank: &str, told: Told, request: Request) -> Response {
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
async fn serve(app: &TestApp, mut settings: Settings) -> (App, Shop) {
    settings.listen = "127.0.0.1:0".parse().expect("an address");
    let listener = server::bind(&mut settings).await.expect("a free port");
    let node = App::new(settings, app.db().clone(), app.clock().clone());
    // It ends with the test's runtime.
    tokio::spawn(server::serve_until(node.clone(), listener, std::future::pending(), Farewell::default()));
    let shop = Shop::at(&node.settings.own_url());
    (node, shop)
}

/// A worker on a node.
struct Working {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Working {
    fn on(app: &App) -> Self {
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(worker::run(app.clone(), async move { drop(stopped.await) }));
        Self { stop, task }
    }

    async fn stop(self) {
        drop(self.stop);
        timeout(PATIENCE, self.task).await.expect("in time").expect("ends well");
    }
}

/// A notification as the bank would send it: `event` is "payment.succeeded" and the like.
fn news(event: &str, (id, reference): (&str, &str), (amount, currency): (&str, &str), reason: Option<&str>) -> Value {
    let (kind, status) = event.split_once('.').expect("two words");
    let movement = json!({ "id": id, "kind": kind.to_uppercase(), "reference": reference, "status": status.to_uppercase(),
        "amount": { "amount": amount, "currency": currency }, "reason": reason });
    json!({ "type": event, "livemode": false, "movement": movement })
}

const USD_128: (&str, &str) = ("128.00", "USD");

/// Signs and posts it; the status of the answer.
async fn post(app: &TestApp, event_id: &str, body: &str) -> u16 {
    let secret = &app.app().settings.sandbox_webhook_secret[0];
    post_signed(app, &app.url(""), event_id, body, (secret, 0)).await
}

/// `late` is how many seconds the signature's time is off.
async fn post_signed(
    app: &TestApp,
    base: &str,
    event_id: &str,
    body: &str,
    (secret, late): (&SecretString, i64),
) -> u16 {
    let timestamp = app.clock().wall().timestamp() + late;
    let signature = signature::sign(secret, event_id, timestamp, body.as_bytes()).expect("signs");
    let request = app
        .http()
        .post(format!("{base}/webhooks/sandbox"))
        .header(signature::ID_HEADER, event_id)
        .header(signature::TIMESTAMP_HEADER, timestamp)
        .header(signature::SIGNATURE_HEADER, signature);
    request.body(body.to_owned()).send().await.expect("an answer").status().as_u16()
}

/// Tells the server, which must take it.
async fn tell(app: &TestApp, event_id: &str, body: &Value) {
    assert_eq!(post(app, event_id, &body.to_string()).await, 200);
}

/// Tells, and applies.
async fn told(app: &TestApp, event_id: &str, body: &Value) -> (NotificationStatus, String) {
    tell(app, event_id, body).await;
    app.drain().await;
    inbox(app, event_id).await
}

async fn inbox(app: &TestApp, event_id: &str) -> (NotificationStatus, String) {
    let found = notification::Entity::find().filter(notification::Column::EventId.eq(event_id));
    let row = found.one(&app.db().read).await.expect("reads").expect("is there");
    (row.status, row.reason.unwrap_or_default())
}

async fn inbox_size(app: &TestApp) -> usize {
    notification::Entity::find().all(&app.db().read).await.expect("reads").len()
}

/// What the bank has in its books.
async fn at_bank(app: &TestApp, kind: MovementKind) -> Vec<sandbox_movement::Model> {
    let found = sandbox_movement::Entity::find().filter(sandbox_movement::Column::Kind.eq(kind));
    found.order_by_asc(sandbox_movement::Column::Id).all(&app.db().read).await.expect("reads")
}

/// The bank's own books: what it says of its refunds when asked.
async fn write_at_bank(app: &TestApp, status: MovementStatus) {
    let transaction = app.db().begin_write().await.expect("begins");
    let row = sandbox_movement::ActiveModel { status: Set(status), ..Default::default() };
    let refunds = sandbox_movement::Entity::update_many().set(row);
    let refunds = refunds.filter(sandbox_movement::Column::Kind.eq(MovementKind::Refund));
    refunds.exec(&transaction).await.expect("writes");
    transaction.commit().await.expect("commits");
}

async fn payouts(app: &TestApp) -> Vec<payout::Model> {
    payout::Entity::find().order_by_asc(payout::Column::Id).all(&app.db().read).await.expect("reads")
}

async fn the_payout(app: &TestApp) -> payout::Model {
    let mut rows = payouts(app).await;
    assert_eq!(rows.len(), 1, "{rows:#?}");
    rows.remove(0)
}

async fn the_refund(app: &TestApp) -> refund::Model {
    let mut rows = refund::Entity::find().all(&app.db().read).await.expect("reads");
    assert_eq!(rows.len(), 1, "{rows:#?}");
    rows.remove(0)
}

async fn the_payment(app: &TestApp, id: &str) -> payment::Model {
    let id: PaymentId = id.parse().expect("an id");
    payment::Entity::find_by_id(id).one(&app.db().read).await.expect("reads").expect("is there")
}

async fn demo_supplier(app: &TestApp) -> SupplierId {
    let found = find_viewer(&app.db().read, demo::SUPPLIER, app.clock().wall()).await.expect("reads");
    match found.map(|(viewer, _)| viewer) {
        Some(Viewer::Supplier { supplier_id }) => supplier_id,
        other => panic!("{other:?}"),
    }
}

async fn operator(app: &TestApp) -> Viewer {
    let found = find_viewer(&app.db().read, demo::OPERATOR, app.clock().wall()).await.expect("reads");
    found.expect("knows the token").0
}

async fn status(shop: &Shop, order: &str) -> String {
    text(&shop.order(order).await["status"])
}

async fn funded(app: &TestApp, shop: &Shop, key: &str) -> String {
    let order = shop.place(key).await;
    let (_payment, checkout) = shop.pay(&order, key).await;
    shop.decide(&checkout, "approve").await.expect("an answer");
    app.drain().await;
    assert_eq!(status(shop, &order).await, "FUNDED");
    order
}

/// Completes an order; no job of it has run yet. What the supplier is owed is asked for, but not sent.
async fn requested_payout(app: &TestApp, shop: &Shop) -> PayoutId {
    let order = funded(app, shop, "k").await;
    shop.done(&ship(&order)).await;
    shop.done(&confirm_received(&order)).await;
    rail::request_payout(app.app(), demo_supplier(app).await, Currency::USD).await.expect("goes");
    the_payout(app).await.id
}

/// An order that nobody shipped: its refund is asked for, but not sent.
async fn requested_refund(app: &TestApp, shop: &Shop) -> (String, refund::Model) {
    let order = funded(app, shop, "k").await;
    app.clock().advance(TimeDelta::days(200));
    shop.take(&cancel(&order)).await.expect("an answer");
    assert_eq!(status(shop, &order).await, "REFUNDED");
    (order, the_refund(app).await)
}

async fn causes(shop: &Shop) -> Vec<String> {
    shop.transfers(None).await.into_iter().map(|(cause, ..)| cause).collect()
}

fn event_types(order: &Value) -> Vec<String> {
    order["events"]["nodes"].as_array().expect("events").iter().map(|event| text(&event["type"])).collect()
}

async fn assert_paid_out_once(app: &TestApp, shop: &Shop) {
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

async fn a_payout_that_the_bank_took_is_not_called_failed_because_a_question_was_refused(app: &TestApp) {
    let shop = Shop::of(app);
    let id = requested_payout(app, &shop).await;
    rail::send_payout(app.app(), id).await.expect("the bank takes it");
    for refused in refused_questions().into_iter().chain([refusal(404, "not_found"), refusal(409, "conflict")]) {
        let node = Node::answering(app, refused).await;
        rail::send_payout(&node.app, id).await.expect_err("no answer");
        assert_eq!(the_payout(app).await.status, PayoutStatus::Pending);
    }
    rail::request_payout(app.app(), demo_supplier(app).await, Currency::USD).await.expect("goes");
    app.drain().await;
    assert_paid_out_once(app, &shop).await;
}

async fn a_payout_whose_answer_was_lost_is_not_sent_twice(app: &TestApp) {
    let shop = Shop::of(app);
    let id = requested_payout(app, &shop).await;
    let node = Node::answering(app, Told::Lost).await;
    rail::send_payout(&node.app, id).await.expect_err("no answer");
    assert_eq!(
        (the_payout(app).await.status, at_bank(app, MovementKind::Payout).await.len()),
        (PayoutStatus::Requested, 1)
    );
    for refused in refused_questions() {
        let node = Node::answering(app, refused.clone()).await;
        rail::send_payout(&node.app, id).await.expect_err("no answer");
        // The bank itself refuses the repetition, and then the question about it is refused.
        let node = Node::new(
            app,
            move |call| {
                if call.starts_with("POST") { refusal(409, "conflict") } else { refused.clone() }
            },
        );
        rail::send_payout(&node.await.app, id).await.expect_err("no answer");
        assert_eq!(the_payout(app).await.status, PayoutStatus::Requested);
    }
    let node = Node::new(app, |call| if call.starts_with("POST") { refusal(409, "conflict") } else { Told::Honest });
    rail::send_payout(&node.await.app, id).await.expect("asked instead");
    assert_eq!(the_payout(app).await.status, PayoutStatus::Pending);
    app.drain().await;
    assert_paid_out_once(app, &shop).await;
}

async fn a_payout_that_the_bank_refused_and_never_heard_of_is_owed_again(app: &TestApp) {
    let shop = Shop::of(app);
    let order = funded(app, &shop, "k").await;
    shop.done(&ship(&order)).await;
    shop.done(&confirm_received(&order)).await;
    let node = Node::new(app, |call| if call.starts_with("POST") { refusal(422, "no_account") } else { Told::Honest });
    worker::drain(&node.await.app).await.expect("the worker gets through");
    assert_eq!(the_payout(app).await.status, PayoutStatus::Failed);
    assert_eq!(causes(&shop).await.last().map(String::as_str), Some("payout.failed"));
    app.drain().await;
    assert_eq!(payouts(app).await.len(), 1, "not at once");
    app.clock().advance(TimeDelta::hours(25));
    app.drain().await;
    let tried = payouts(app).await;
    assert_eq!(tried.iter().map(|row| row.status).collect::<Vec<_>>(), [PayoutStatus::Failed, PayoutStatus::Paid]);
    assert_eq!(at_bank(app, MovementKind::Payout).await.len(), 1);
}

/// Completes an order whose supplier share is 10.13 USD, which the simulated bank declines to pay out.
async fn complete_unpayable(app: &TestApp, shop: &Shop) {
    let product = shop.product().await;
    let query = "query($id: ID!) { product(id: $id) { supplier { id } } }";
    let supplier = shop.read(demo::BUYER, query, json!({ "id": product })).await["product"]["supplier"]["id"].take();
    let mut input = buy_now("unpayable", &product, QUANTITY).input;
    let fields = input.as_object_mut().expect("an object");
    fields.remove("productId");
    fields.remove("quantity");
    fields.extend([
        ("supplierId".to_owned(), supplier),
        ("currency".to_owned(), json!("USD")),
        ("message".to_owned(), json!("One")),
    ]);
    let order = text(&shop.done(&Step { token: demo::BUYER, mutation: "requestDraft", input }).await["id"]);
    let input = json!({ "idempotencyKey": "draft", "orderId": order, "shippingFee": "0", "shipWithinDays": 1,
        "lines": [{ "description": "One", "quantity": 1, "unit": "piece", "unitPrice": "10.39" }] });
    shop.done(&Step { token: demo::SUPPLIER, mutation: "draftOrder", input }).await;
    shop.done(&crate::support::purchase::confirm(&order)).await;
    let (_payment, checkout) = shop.pay(&order, "unpayable").await;
    shop.decide(&checkout, "approve").await.expect("an answer");
    app.drain().await;
    shop.done(&ship(&order)).await;
    shop.done(&confirm_received(&order)).await;
    app.drain().await;
}

async fn a_payout_that_keeps_failing_is_tried_three_times_and_waits_for_another_account(app: &TestApp) {
    let shop = Shop::of(app);
    complete_unpayable(app, &shop).await;
    let tried = async || {
        app.drain().await;
        let rows = payouts(app).await;
        assert!(rows.iter().all(|row| (row.status, row.amount.0) == (PayoutStatus::Failed, 1_013)), "{rows:#?}");
        rows.len()
    };
    assert_eq!(tried().await, 1);
    app.clock().advance(TimeDelta::hours(23));
    assert_eq!(tried().await, 1, "a day later, not before");
    app.clock().advance(TimeDelta::hours(2));
    assert_eq!(tried().await, 2);
    app.clock().advance(TimeDelta::hours(25));
    assert_eq!(tried().await, 3);
    app.clock().advance(TimeDelta::days(60));
    assert_eq!(tried().await, 3, "it waits");

    let account = json!({ "accountHolder": "Another", "country": "DE", "iban": "DE89370400440532013000" });
    let query = "mutation($input: SetPayoutAccountInput!) { setPayoutAccount(input: $input) { errors { message } } }";
    let set = shop.read(demo::SUPPLIER, query, json!({ "input": account })).await;
    assert_eq!(set["setPayoutAccount"]["errors"], json!([]));
    assert_eq!(tried().await, 3, "a new account takes a while");
    for expected in [4, 5, 6, 6] {
        app.clock().advance(TimeDelta::hours(73));
        assert_eq!(tried().await, expected);
    }
    let accounts: Vec<_> = payouts(app).await.iter().map(|row| row.payout_account_id).collect();
    assert!(accounts[..3].iter().all(|id| *id == accounts[0]) && accounts[3..].iter().all(|id| *id == accounts[3]));
    assert_ne!(accounts[0], accounts[3]);
}

async fn a_refund_that_the_bank_took_is_not_called_failed_because_a_question_was_refused(app: &TestApp) {
    let shop = Shop::of(app);
    let (order, refund) = requested_refund(app, &shop).await;
    rail::send_refund(app.app(), refund.id).await.expect("the bank takes it");
    for refused in refused_questions().into_iter().chain([refusal(404, "not_found"), refusal(409, "conflict")]) {
        let node = Node::answering(app, refused).await;
        rail::send_refund(&node.app, refund.id).await.expect_err("no answer");
        assert_eq!(the_refund(app).await.status, RefundStatus::Pending);
    }
    app.drain().await;
    assert_refunded_once(app, &shop, &order).await;
}

async fn a_refund_whose_answer_was_lost_is_not_sent_twice(app: &TestApp) {
    let shop = Shop::of(app);
    let (order, refund) = requested_refund(app, &shop).await;
    let node = Node::answering(app, Told::Lost).await;
    rail::send_refund(&node.app, refund.id).await.expect_err("no answer");
    for refused in refused_questions() {
        let node = Node::answering(app, refused.clone()).await;
        rail::send_refund(&node.app, refund.id).await.expect_err("no answer");
        let node = Node::new(
            app,
            move |call| {
                if call.starts_with("POST") { refusal(409, "conflict") } else { refused.clone() }
            },
        );
        rail::send_refund(&node.await.app, refund.id).await.expect_err("no answer");
        assert_eq!(the_refund(app).await.status, RefundStatus::Requested);
    }
    let node = Node::new(app, |call| if call.starts_with("POST") { refusal(409, "conflict") } else { Told::Honest });
    rail::send_refund(&node.await.app, refund.id).await.expect("asked instead");
    assert_eq!(the_refund(app).await.status, RefundStatus::Pending);
    app.drain().await;
    assert_refunded_once(app, &shop, &order).await;
}

async fn assert_refunded_once(app: &TestApp, shop: &Shop, order: &str) {
    assert_eq!(the_refund(app).await.status, RefundStatus::Succeeded);
    let moved = at_bank(app, MovementKind::Refund).await;
    assert_eq!(moved.iter().map(|row| row.status).collect::<Vec<_>>(), [MovementStatus::Succeeded]);
    assert_eq!(causes(shop).await, ["payment.captured", "refund.requested", "refund.succeeded"]);
    let events = event_types(&shop.order(order).await);
    assert_eq!(events.iter().filter(|kind| *kind == "refund.succeeded").count(), 1, "{events:?}");
    assert!(!events.contains(&"refund.action_required".to_owned()), "{events:?}");
}

async fn a_refund_that_comes_back_after_it_had_succeeded_is_the_buyers_again(app: &TestApp) {
    let shop = Shop::of(app);
    let (order, refund) = requested_refund(app, &shop).await;
    app.drain().await;
    assert_refunded_once(app, &shop, &order).await;
    let movement = at_bank(app, MovementKind::Refund).await.remove(0).id.to_string();
    let reference = refund.id.to_string();
    let declined = news("refund.declined", (&movement, &reference), USD_128, Some("account closed"));
    write_at_bank(app, MovementStatus::Declined).await;
    assert_eq!(told(app, "msg_back", &declined).await, (NotificationStatus::Applied, String::new()));
    assert_eq!(told(app, "msg_back_again", &declined).await, (NotificationStatus::Applied, String::new()));

    let came_back = the_refund(app).await;
    assert_eq!((came_back.status, came_back.balance), (RefundStatus::ActionRequired, came_back.amount));
    assert_eq!(came_back.failure.as_deref(), Some("account closed"));
    let booked: Vec<_> = shop.transfers(Some(&order)).await.into_iter().skip(2).collect();
    let (held, bank) = (format!("refund/{reference}"), "provider/sandbox".to_owned());
    let row = |cause: &str, debit: &String, credit: &String| {
        (cause.to_owned(), debit.clone(), credit.clone(), "128.00".to_owned())
    };
    assert_eq!(booked, [row("refund.succeeded", &held, &bank), row("refund.failed", &bank, &held)]);
    let seen = shop.order(&order).await;
    assert_eq!(
        (seen["status"].as_str(), seen["refunds"][0]["status"].as_str()),
        (Some("REFUNDED"), Some("ACTION_REQUIRED"))
    );
    let events = event_types(&seen);
    assert_eq!(events[events.len() - 2..], ["refund.succeeded", "refund.action_required"]);

    // The old news again, late: the bank, asked, says that it was declined.
    let succeeded = news("refund.succeeded", (&movement, &reference), USD_128, None);
    tell(app, "msg_old", &succeeded).await;
    let says = news("refund.declined", (&movement, &reference), USD_128, Some("account closed"))["movement"].take();
    let node = Node::answering(app, Told::Says(200, says)).await;
    worker::drain(&node.app).await.expect("the worker gets through");
    assert_eq!(inbox(app, "msg_old").await, (NotificationStatus::Applied, String::new()));
    assert_eq!(the_refund(app).await, came_back);
}

async fn a_refund_that_succeeds_after_it_had_failed_is_settled_only_if_the_bank_says_so(app: &TestApp) {
    let shop = Shop::of(app);
    let (order, refund) = requested_refund(app, &shop).await;
    let (movement, reference) = ("m1", refund.id.to_string());
    let document = |event| news(event, (movement, &reference), USD_128, None);
    let drain_at = async |told| {
        let node = Node::answering(app, told).await;
        worker::drain(&node.app).await.expect("the worker gets through");
    };
    tell(app, "msg_1", &document("refund.declined")).await;
    drain_at(Told::Bare(503)).await;
    assert_eq!(the_refund(app).await.status, RefundStatus::ActionRequired);

    tell(app, "msg_2", &document("refund.succeeded")).await;
    drain_at(Told::Bare(503)).await;
    assert_eq!(inbox(app, "msg_2").await.0, NotificationStatus::Received, "not known yet");
    app.clock().advance(TimeDelta::minutes(1));
    drain_at(Told::Says(200, document("refund.declined")["movement"].take())).await;
    assert_eq!(inbox(app, "msg_2").await.0, NotificationStatus::Applied);
    assert_eq!(the_refund(app).await.status, RefundStatus::ActionRequired);
    assert_eq!(causes(&shop).await, ["payment.captured", "refund.requested"]);

    tell(app, "msg_3", &document("refund.succeeded")).await;
    drain_at(Told::Says(200, document("refund.succeeded")["movement"].take())).await;
    let settled = the_refund(app).await;
    assert_eq!((settled.status, settled.balance.0), (RefundStatus::Succeeded, 0));
    assert_eq!(causes(&shop).await, ["payment.captured", "refund.requested", "refund.succeeded"]);

    // The old failure once more, under another id: the bank still says that it was sent.
    tell(app, "msg_4", &document("refund.declined")).await;
    drain_at(Told::Says(200, document("refund.succeeded")["movement"].take())).await;
    assert_eq!(the_refund(app).await.status, RefundStatus::Succeeded);
    assert_eq!(causes(&shop).await, ["payment.captured", "refund.requested", "refund.succeeded"]);
    assert_eq!(status(&shop, &order).await, "REFUNDED");
}

async fn insert_job(app: &TestApp, kind: &str, payload: Value, run_at: Time) -> JobId {
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

async fn jobs_that_cannot_be_read_delay_no_other(app: &TestApp) {
    let shop = Shop::of(app);
    let order = shop.place("k").await;
    let (_payment, checkout) = shop.pay(&order, "k").await;
    let long_ago = app.clock().now() - TimeDelta::days(1);
    let unreadable = [
        insert_job(app, "from_the_future", json!({ "kind": "from_the_future" }), long_ago).await,
        insert_job(app, "send_payout", json!({ "kind": "send_payout" }), long_ago).await,
        insert_job(app, "apply_notification", json!({ "kind": "apply_notification", "id": 7 }), long_ago).await,
        insert_job(app, "apply_notification", json!([]), long_ago).await,
    ];
    shop.decide(&checkout, "approve").await.expect("an answer");
    app.drain().await;
    assert_eq!(status(&shop, &order).await, "FUNDED");
    for id in unreadable {
        let row = job::Entity::find_by_id(id).one(&app.db().read).await.expect("reads").expect("it stays");
        assert!(row.last_error.is_some_and(|error| error.contains("can't be read")));
        assert_eq!((row.attempts, row.leased_until), (1, None));
        assert!(row.run_at > long_ago, "it is postponed");
    }
}

async fn a_movement_told_again_is_applied_once_and_told_otherwise_is_quarantined(app: &TestApp) {
    let shop = Shop::of(app);
    let (one, two) = (shop.place("k1").await, shop.place("k2").await);
    let (payment_1, _) = shop.pay(&one, "k1").await;
    let (payment_2, _) = shop.pay(&two, "k2").await;
    let succeeded = |reference: &str, amount| news("payment.succeeded", ("m1", reference), amount, None);
    let applied = (NotificationStatus::Applied, String::new());
    assert_eq!(told(app, "msg_1", &succeeded(&payment_1, USD_128)).await, applied);
    let (before, booked) = (shop.order(&one).await, shop.transfers(None).await);
    assert_eq!((before["status"].as_str(), booked.len()), (Some("FUNDED"), 1));

    assert_eq!(told(app, "msg_2", &succeeded(&payment_1, USD_128)).await, applied, "the same again");
    let unknown = "payment_00000000000000000000000000";
    let contradictions = [
        ("msg_3", succeeded(&payment_2, USD_128)),
        ("msg_4", succeeded(&payment_1, ("128.01", "USD"))),
        ("msg_5", succeeded(&payment_1, ("127.99", "USD"))),
        ("msg_6", succeeded(&payment_1, ("128", "JPY"))),
        ("msg_7", succeeded(unknown, USD_128)),
    ];
    for (event_id, body) in contradictions {
        let (status, reason) = told(app, event_id, &body).await;
        assert_eq!(status, NotificationStatus::Quarantined, "{event_id}");
        assert!(reason.contains("sandbox:capture:m1"), "{event_id}: {reason}");
    }
    assert_eq!((shop.order(&one).await, shop.transfers(None).await), (before, booked));
    assert_eq!(status(&shop, &two).await, "AWAITING_PAYMENT");
    assert_eq!(the_payment(app, &payment_2).await.status, payment::PaymentStatus::Pending);
}

async fn what_is_between_the_buyer_and_the_storefront_is_not_the_suppliers_to_see(app: &TestApp) {
    let shop = Shop::of(app);
    let mut step = buy_now("buy", &shop.product().await, QUANTITY);
    step.input["clientReference"] = json!("PO-77");
    step.input["metadata"] = json!([{ "key": "margin", "value": "40%" }]);
    let order = text(&shop.done(&step).await["id"]);
    shop.done(&crate::support::purchase::confirm(&order)).await;
    let (payment, checkout) = shop.pay(&order, "k").await;
    let query = "query($id: ID!, $payment: ID!) {
        order(id: $id) { clientReference metadata { key value } payments { nextAction { ... on RedirectAction { url } } } }
        payment(id: $payment) { nextAction { ... on RedirectAction { url } } }
        orders(filter: { clientReference: \"PO-77\" }) { nodes { id } } }";
    let see = async |token| shop.read(token, query, json!({ "id": order, "payment": payment })).await;
    for token in [demo::BUYER, demo::STOREFRONT] {
        let action = json!({ "nextAction": { "url": checkout } });
        assert_eq!(
            see(token).await,
            json!({ "order": { "clientReference": "PO-77", "metadata": [{ "key": "margin", "value": "40%" }],
                "payments": [action] }, "payment": action, "orders": { "nodes": [{ "id": order }] } })
        );
    }
    let nothing = json!({ "nextAction": null });
    let seen = see(demo::SUPPLIER).await;
    assert_eq!(
        seen,
        json!({ "order": { "clientReference": null, "metadata": [], "payments": [nothing] }, "payment": nothing,
            "orders": { "nodes": [] } })
    );
    let seen = see(demo::OPERATOR).await;
    assert_eq!((&seen["payment"], &seen["order"]["payments"][0]), (&nothing, &nothing));
}

async fn until(app: &App, shop: &Shop, order: &str, wanted: &str) {
    let mut grown = app.feed.subscribe();
    let waiting = async {
        while status(shop, order).await != wanted {
            grown.changed().await.expect("the node is there");
        }
    };
    timeout(PATIENCE, waiting).await.expect("it happens meanwhile");
}

async fn a_slow_bank_delays_nobody_else(app: &TestApp) {
    let shop = Shop::of(app);
    let (slow, paid) = (shop.place("slow").await, shop.place("paid").await);
    let unconfirmed = text(&shop.done(&buy_now("unconfirmed", &shop.product().await, QUANTITY)).await["id"]);
    // As many open payments as a node has places for calls; two minutes later each is asked about.
    for method in ["VISA", "MASTERCARD", "MAESTRO", "TEF", "QIWI", "WEBMONEY", "YANDEX", "ALIPAY"] {
        let mut step = pay(&slow, method);
        step.input["method"] = json!(method);
        shop.done(&step).await;
    }
    app.clock().advance(TimeDelta::minutes(3));
    let (payment, _) = shop.pay(&paid, "k").await;

    let (open, gate) = watch::channel(false);
    let node = Node::answering(app, Told::Gated(gate)).await;
    let working = Working::on(&node.app);
    let mut calls = node.calls.subscribe();
    let busy = timeout(PATIENCE, calls.wait_for(|calls| calls.len() == 8)).await;
    drop(busy.expect("in time").expect("the bank is there"));

    tell(app, "msg_1", &news("payment.succeeded", ("m1", &payment), USD_128, None)).await;
    node.app.wake_worker();
    until(&node.app, &shop, &paid, "FUNDED").await;
    app.clock().advance(TimeDelta::days(6));
    node.app.wake_worker();
    until(&node.app, &shop, &unconfirmed, "CANCELLED").await;
    let waiting = event::Entity::find().filter(event::Column::FeedPosition.is_null()).all(&app.db().read).await;
    assert_eq!(waiting.expect("reads"), [], "all is in the feed");
    let asking = job::Entity::find().filter(job::Column::Kind.eq("ask_payment")).filter(job::Column::Attempts.gt(0));
    let asking = asking.all(&app.db().read).await.expect("reads");
    assert_eq!((asking.len(), calls.borrow().len()), (8, 8));
    assert!(asking.iter().all(|job| job.attempts == 1 && job.leased_until.is_some()), "the bank has not answered yet");

    open.send_replace(true);
    working.stop().await;
    app.drain().await;
}

async fn a_repetition_needs_no_second_connection(app: &TestApp) {
    let shop = Shop::of(app);
    let step = buy_now("same", &shop.product().await, QUANTITY);
    let first = shop.done(&step).await;
    let again = join_all((0..40).map(|_| shop.done(&step))).await;
    assert!(again.iter().all(|order| *order == first), "{again:#?}");
}

async fn deadline(shop: &Shop, order: &str) -> Time {
    let data = shop.read(demo::BUYER, "query($id: ID!) { order(id: $id) { deadline } }", json!({ "id": order })).await;
    text(&data["order"]["deadline"]).parse().expect("a time")
}

/// To `before` before the order's deadline.
async fn go_near_deadline(app: &TestApp, shop: &Shop, order: &str, before: TimeDelta) {
    app.clock().advance(deadline(shop, order).await - before - app.clock().now());
}

async fn money_heard_of_in_time_is_in_time_however_late_the_worker_is(app: &TestApp) {
    let shop = Shop::of(app);
    let order = shop.place("k").await;
    let (payment, _) = shop.pay(&order, "k").await;
    go_near_deadline(app, &shop, &order, TimeDelta::minutes(1)).await;
    tell(app, "msg_1", &news("payment.succeeded", ("m1", &payment), USD_128, None)).await;
    app.clock().advance(TimeDelta::hours(1));
    // Not even a command of the buyer's ends it before the news is applied.
    assert_eq!(codes(&shop.take(&pay(&order, "pay k")).await.expect("an answer")), Vec::<String>::new());
    app.drain().await;
    let order = shop.order(&order).await;
    assert_eq!((order["status"].as_str(), &order["unappliedFunds"]), (Some("FUNDED"), &json!([])));
}

async fn money_heard_of_too_late_is_set_aside(app: &TestApp) {
    let shop = Shop::of(app);
    let order = shop.place("k").await;
    let (payment, _) = shop.pay(&order, "k").await;
    go_near_deadline(app, &shop, &order, TimeDelta::minutes(-1)).await;
    assert_eq!(
        told(app, "msg_1", &news("payment.succeeded", ("m1", &payment), USD_128, None)).await.0,
        NotificationStatus::Applied
    );
    assert_set_aside(&shop, &order).await;
}

async fn assert_set_aside(shop: &Shop, order: &str) {
    let order = shop.order(order).await;
    assert_eq!(order["status"], "CANCELLED");
    assert_eq!(order["unappliedFunds"][0]["amount"]["amount"], "128.00");
    assert_eq!(order["escrow"]["captured"]["amount"], "0.00");
}

async fn late_money_is_late_also_while_other_news_waits(app: &TestApp) {
    let shop = Shop::of(app);
    let (in_time, too_late) = (shop.place("in time").await, shop.place("too late").await);
    let (payment_1, _) = shop.pay(&in_time, "k1").await;
    let (payment_2, _) = shop.pay(&too_late, "k2").await;
    go_near_deadline(app, &shop, &in_time, TimeDelta::minutes(1)).await;
    tell(app, "msg_1", &news("payment.succeeded", ("m1", &payment_1), USD_128, None)).await;
    app.clock().advance(TimeDelta::hours(1));
    tell(app, "msg_2", &news("payment.succeeded", ("m2", &payment_2), USD_128, None)).await;
    app.drain().await;
    app.clock().advance(TimeDelta::minutes(1));
    app.drain().await;
    assert_eq!(status(&shop, &in_time).await, "FUNDED");
    assert_set_aside(&shop, &too_late).await;
}

/// As in a sandbox whose business time is moved on.
async fn money_heard_of_in_time_is_in_time_after_weeks(app: &TestApp) {
    let shop = Shop::of(app);
    let order = shop.place("k").await;
    let (payment, _) = shop.pay(&order, "k").await;
    tell(app, "msg_1", &news("payment.succeeded", ("m1", &payment), USD_128, None)).await;
    app.clock().advance(TimeDelta::days(21));
    app.drain().await;
    assert_eq!(status(&shop, &order).await, "FUNDED");
}

async fn many_jobs_that_cannot_be_read_delay_no_other(app: &TestApp) {
    let shop = Shop::of(app);
    let order = shop.place("k").await;
    let (_payment, checkout) = shop.pay(&order, "k").await;
    let long_ago = app.clock().now() - TimeDelta::days(1);
    for _ in 0..9 {
        insert_job(app, "from_the_future", json!({ "kind": "from_the_future" }), long_ago).await;
        insert_job(app, "apply_notification", json!([]), long_ago).await;
    }
    shop.decide(&checkout, "approve").await.expect("an answer");
    app.drain().await;
    assert_eq!(status(&shop, &order).await, "FUNDED");
}

async fn ids_of_the_banks_are_cleaned_and_bounded(app: &TestApp) {
    let shop = Shop::of(app);
    let order = shop.place("k").await;
    let (payment, _) = shop.pay(&order, "k").await;
    let long =
        STANDARD.encode((0..60_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[2]).collect::<Vec<_>>());
    let unknown = news("payment.succeeded", ("m1", &payment), USD_128, None);
    let mut typed = unknown.clone();
    typed["type"] = json!(format!("nul\u{0}{long}"));
    let mut kind = unknown.clone();
    kind["movement"]["kind"] = json!(format!("nul\u{0}{long}"));
    let bodies = [
        news("payment.declined", ("m1", "nul\u{0}"), USD_128, None),
        news("payment.succeeded", ("m2", "nul\u{0}"), USD_128, None),
        news("payment.succeeded", ("nul\u{0}", &payment), USD_128, None),
        news("payment.succeeded", (&long, &payment), USD_128, None),
        news("payment.succeeded", (&long, "unknown"), USD_128, None),
        news("payout.declined", ("m1", &long), USD_128, None),
        typed,
        kind,
    ];
    let mut wrong = Vec::new();
    for (number, body) in bodies.iter().enumerate() {
        let (status, reason) = told(app, &format!("msg_{number}"), body).await;
        if status == NotificationStatus::Received || reason.len() > 3_000 {
            wrong.push((number, status, reason.len()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

async fn a_movement_told_of_another_payment_of_the_same_order_is_quarantined(app: &TestApp) {
    let shop = Shop::of(app);
    let order = shop.place("k").await;
    let (payment_1, _) = shop.pay(&order, "k").await;
    let mut step = pay(&order, "k2");
    step.input["method"] = json!("ALIPAY");
    let payment_2 = text(&shop.done(&step).await["id"]);
    let applied = (NotificationStatus::Applied, String::new());
    assert_eq!(told(app, "msg_1", &news("payment.succeeded", ("m1", &payment_1), USD_128, None)).await, applied);
    let other = told(app, "msg_2", &news("payment.succeeded", ("m1", &payment_2), USD_128, None)).await;
    assert_eq!(other.0, NotificationStatus::Quarantined);
}

async fn a_refund_sent_again_after_it_came_back_is_settled_or_shown(app: &TestApp) {
    let shop = Shop::of(app);
    let (order, refund) = requested_refund(app, &shop).await;
    app.drain().await;
    let movement = at_bank(app, MovementKind::Refund).await.remove(0).id.to_string();
    let reference = refund.id.to_string();
    write_at_bank(app, MovementStatus::Declined).await;
    told(app, "msg_back", &news("refund.declined", (&movement, &reference), USD_128, Some("x"))).await;
    assert_eq!(the_refund(app).await.status, RefundStatus::ActionRequired);
    // The bank, asked, says that it was sent after all.
    write_at_bank(app, MovementStatus::Succeeded).await;
    let again = told(app, "msg_again", &news("refund.succeeded", (&movement, &reference), USD_128, None)).await;
    let settled = the_refund(app).await;
    assert!(
        settled.status == RefundStatus::Succeeded || again.0 == NotificationStatus::Quarantined,
        "{again:?} {settled:?} {order}"
    );
}

async fn verifying_again_starts_payouts_again(app: &TestApp) {
    let shop = Shop::of(app);
    complete_unpayable(app, &shop).await;
    for _ in 0..4 {
        app.clock().advance(TimeDelta::days(2));
        app.drain().await;
    }
    assert_eq!(payouts(app).await.len(), 3);
    let query = "mutation($id: ID!) { verifySupplier(input: { supplierId: $id }) { errors { message } } }";
    shop.read(demo::OPERATOR, query, json!({ "id": demo_supplier(app).await.to_string() })).await;
    app.drain().await;
    assert_eq!(payouts(app).await.len(), 4);
}

async fn news_that_cannot_be_applied_keeps_no_order_open_for_ever(app: &TestApp) {
    let shop = Shop::of(app);
    let order = shop.place("k").await;
    go_near_deadline(app, &shop, &order, TimeDelta::minutes(1)).await;
    // Of a provider that is not configured any more.
    let row = notification::Model {
        id: NotificationId(app.clock().new_id()),
        provider: "gone".to_owned(),
        event_id: "msg_stuck".to_owned(),
        body: b"{}".to_vec(),
        body_hash: String::new(),
        status: NotificationStatus::Received,
        reason: None,
        received_at: app.clock().wall(),
        heard_at: app.clock().now(),
        failures: 0,
        applied_at: None,
    };
    let payload = json!({ "kind": "apply_notification", "notification_id": row.id });
    let transaction = app.db().begin_write().await.expect("begins");
    let insert = notification::Entity::insert(notification::ActiveModel::from(row));
    insert.exec_without_returning(&transaction).await.expect("inserts");
    transaction.commit().await.expect("commits");
    insert_job(app, "apply_notification", payload, app.clock().now()).await;

    app.clock().advance(TimeDelta::hours(23));
    app.drain().await;
    assert_eq!(status(&shop, &order).await, "AWAITING_PAYMENT", "it may be this order's money");
    for _failure in 0..10 {
        app.clock().advance(TimeDelta::hours(1));
        app.drain().await;
    }
    assert_eq!(status(&shop, &order).await, "CANCELLED");
    assert_eq!(inbox(app, "msg_stuck").await.0, NotificationStatus::Received);
}

async fn a_payment_whose_answer_was_lost_is_withdrawn_with_its_order(app: &TestApp) {
    let shop = Shop::of(app);
    let order = shop.place("k").await;
    let node = Node::new(app, |call| if call == "POST /payments" { Told::Lost } else { Told::Honest }).await;
    let payment = node.shop.done(&pay(&order, "pay")).await;
    assert_eq!((payment["status"].as_str(), &payment["nextAction"]), (Some("PENDING"), &Value::Null));
    assert_eq!(at_bank(app, MovementKind::Payment).await[0].status, MovementStatus::Open);
    shop.done(&cancel(&order)).await;
    app.drain().await;
    assert_eq!(at_bank(app, MovementKind::Payment).await[0].status, MovementStatus::Cancelled);
    assert_eq!(shop.order(&order).await["payments"][0]["status"], "CANCELLED");
}

async fn a_request_that_arrives_after_the_order_was_cancelled_is_withdrawn_too(app: &TestApp) {
    let shop = Shop::of(app);
    let (order, never) = (shop.place("k1").await, shop.place("k2").await);
    let node = Node::answering(app, Told::Bare(503)).await;
    let payment = text(&node.shop.done(&pay(&order, "pay 1")).await["id"]);
    node.shop.done(&pay(&never, "pay 2")).await;
    shop.done(&cancel(&order)).await;
    shop.done(&cancel(&never)).await;
    app.drain().await;
    assert_eq!(shop.order(&order).await["payments"][0]["status"], "PENDING", "the request may be on its way");

    let settings = &app.app().settings;
    let body = json!({ "reference": payment, "method": "VISA", "amount": { "amount": "128.00", "currency": "USD" },
        "description": "late", "notification_url": settings.notification_url("sandbox") });
    let key = secrecy::ExposeSecret::expose_secret(&settings.sandbox_api_key);
    let sent = app.http().post(app.url("/sandbox/payments")).bearer_auth(key).json(&body).send().await;
    assert_eq!(sent.expect("an answer").status(), 200);
    for _day in 0..3 {
        app.clock().advance(TimeDelta::days(1));
        app.drain().await;
    }
    let movements = at_bank(app, MovementKind::Payment).await;
    assert_eq!(movements.iter().map(|row| row.status).collect::<Vec<_>>(), [MovementStatus::Cancelled]);
    for order in [order, never] {
        assert_eq!(shop.order(&order).await["payments"][0]["status"], "CANCELLED");
    }
}

async fn a_repeated_pay_order_of_a_cancelled_order_opens_nothing(app: &TestApp) {
    let shop = Shop::of(app);
    let order = shop.place("k").await;
    let node = Node::answering(app, Told::Bare(503)).await;
    let payment = node.shop.done(&pay(&order, "pay")).await;
    assert_eq!(*node.calls.borrow(), ["POST /payments"]);
    shop.done(&cancel(&order)).await;
    let node = Node::answering(app, Told::Honest).await;
    let again = node.shop.done(&pay(&order, "pay")).await;
    assert_eq!((&again["id"], &again["nextAction"]), (&payment["id"], &Value::Null));
    assert_eq!(*node.calls.borrow(), Vec::<String>::new());
    app.clock().advance(TimeDelta::days(2));
    app.drain().await;
    assert_eq!(node.shop.done(&pay(&order, "pay")).await["status"], "CANCELLED");
    assert_eq!(*node.calls.borrow(), Vec::<String>::new());
    assert_eq!(at_bank(app, MovementKind::Payment).await, []);
}

async fn a_reference_that_is_taken_keeps_no_money_from_being_booked(app: &TestApp) {
    let shop = Shop::of(app);
    let (one, two) = (shop.place("k1").await, shop.place("k2").await);
    let (payment_1, _) = shop.pay(&one, "k1").await;
    let node = Node::answering(app, Told::Bare(503)).await;
    let payment_2 = text(&node.shop.done(&pay(&two, "k2")).await["id"]);
    let taken = the_payment(app, &payment_1).await.provider_reference.expect("the bank has answered");
    let body = news("payment.succeeded", (&taken, &payment_2), USD_128, None);
    assert_eq!(told(app, "msg_1", &body).await, (NotificationStatus::Applied, String::new()));
    assert_eq!(status(&shop, &two).await, "FUNDED");
    assert_eq!(status(&shop, &one).await, "AWAITING_PAYMENT");
}

async fn a_subscription_begins_now_also_on_a_node_that_has_just_started(app: &TestApp) {
    let shop = Shop::of(app);
    let old = funded(app, &shop, "old").await;
    let node = app.another_node().await;
    let schema = graphql::build(node.settings.mode);
    let viewer = operator(app).await;
    let request = async_graphql::Request::new("subscription { orderEvents { orderId sequence } }").data(node.clone());
    let request = graphql::request_data(request.data(viewer), &node, viewer);
    let mut stream = schema.execute_stream(request).boxed();
    let product = shop.product().await;
    let mut number = 0;
    // New events until the subscription, which says not when it began, has got one.
    let first = loop {
        let happening = async {
            shop.done(&buy_now(&format!("new {number}"), &product, QUANTITY)).await;
            feed::sequence(&node).await.expect("sequences");
        };
        tokio::select! {
            biased;
            answer = stream.next() => break answer.expect("an event"),
            () = happening => number += 1,
        }
        assert!(number < 200, "no event came");
    };
    assert_eq!(first.errors, []);
    let first = first.data.into_json().expect("JSON")["orderEvents"].take();
    assert_ne!(first["orderId"], json!(old));
    assert_eq!(first["sequence"], 1);
    drop(stream);
    node.db.close().await;
}

async fn a_cursor_of_one_list_is_no_cursor_of_another(app: &TestApp) {
    let shop = Shop::of(app);
    let order = funded(app, &shop, "k").await;
    let query = "query($id: ID!, $timeline: String, $feed: String) {
        order(id: $id) { events(first: 1, after: $timeline) { edges { cursor node { cursor sequence } } pageInfo { endCursor } } }
        orderEvents(orderId: $id, first: 1, after: $feed) { edges { cursor } } }";
    let ask = async |timeline: &Value, feed: &Value| {
        let variables = json!({ "id": order, "timeline": timeline, "feed": feed });
        shop.graphql(demo::BUYER, query, variables).await.expect("an answer")
    };
    let answer = ask(&Value::Null, &Value::Null).await;
    let edge = &answer["data"]["order"]["events"]["edges"][0];
    let (timeline, in_feed) = (&edge["cursor"], &edge["node"]["cursor"]);
    assert_eq!(timeline, &json!(cursor(&TimelineKey { sequence: 1 })));
    assert_eq!(&answer["data"]["orderEvents"]["edges"][0]["cursor"], in_feed);
    let next = ask(timeline, in_feed).await;
    assert_eq!(next["data"]["order"]["events"]["edges"][0]["node"]["sequence"], 2, "each in its own list");

    for (timeline, in_feed) in [(in_feed, &Value::Null), (&Value::Null, timeline), (&Value::Null, &json!("MA"))] {
        let answer = ask(timeline, in_feed).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "INVALID_INPUT", "{answer:#}");
    }
    let node = app.app();
    let viewer = operator(app).await;
    let request = async_graphql::Request::new("subscription($after: String) { orderEvents(after: $after) { type } }")
        .variables(async_graphql::Variables::from_json(json!({ "after": timeline })))
        .data(node.clone())
        .data(viewer);
    let schema = graphql::build(node.settings.mode);
    let request = graphql::request_data(request, node, viewer);
    let refused = timeout(PATIENCE, schema.execute_stream(request).boxed().next()).await.expect("in time");
    let refused = refused.expect("an answer").errors;
    assert!(refused.len() == 1 && refused[0].message.contains("is not a cursor of this list"), "{refused:?}");
}

async fn a_banks_words_are_cleaned_and_bounded(app: &TestApp) {
    let shop = Shop::of(app);
    let order = shop.place("k").await;
    for (number, reason) in
        [format!("a\u{0}b\u{7}\r\nc{}", "x".repeat(100 * 1024)), "\u{0}\n".to_owned()].iter().enumerate()
    {
        let (payment, _) = shop.pay(&order, &format!("k{number}")).await;
        let body = news("payment.declined", ("m1", &payment), USD_128, Some(reason));
        let event_id = format!("msg_{number}");
        assert_eq!(told(app, &event_id, &body).await, (NotificationStatus::Applied, String::new()));
        let failure = the_payment(app, &payment).await.failure.expect("a reason");
        if number == 0 {
            assert_eq!(failure, format!("abc{}", "x".repeat(297)));
        } else {
            assert_eq!(failure, "the provider gave no reason");
        }
    }
    let query = "query($id: ID!) { order(id: $id) { events(first: 100) { nodes { type summary data } } } }";
    let seen = shop.read(demo::BUYER, query, json!({ "id": order })).await.to_string();
    assert!(seen.contains("payment.failed") && seen.len() < 5_000, "{} bytes", seen.len());
}

async fn money_in_another_currency_completes_no_payment(app: &TestApp) {
    let shop = Shop::of(app);
    let order = shop.place("k").await;
    let (payment, _) = shop.pay(&order, "k").await;
    let body = news("payment.succeeded", ("m1", &payment), ("9000000", "JPY"), None);
    assert_eq!(told(app, "msg_1", &body).await, (NotificationStatus::Applied, String::new()));
    let seen = shop.order(&order).await;
    assert_eq!(
        (seen["status"].as_str(), seen["payments"][0]["status"].as_str()),
        (Some("AWAITING_PAYMENT"), Some("PENDING"))
    );
    assert_eq!(seen["escrow"]["captured"]["amount"], "0.00");
    assert_eq!(seen["unappliedFunds"][0]["amount"]["amount"], "9000000");
    // It can still be paid.
    let body = news("payment.succeeded", ("m2", &payment), USD_128, None);
    assert_eq!(told(app, "msg_2", &body).await.0, NotificationStatus::Applied);
    assert_eq!(status(&shop, &order).await, "FUNDED");
}

async fn the_feed_of_two_nodes_is_dense_and_in_order(app: &TestApp) {
    const BUYERS: usize = 6;
    const ORDERS: usize = 12;
    let shop = Shop::of(app);
    let mut nodes = vec![app.another_node().await];
    // A database file is one process's alone.
    if !app.is_sqlite() {
        nodes.push(app.another_node().await);
    }
    let working: Vec<Working> = nodes.iter().map(Working::on).collect();
    let reader = nodes.last().expect("a node").clone();
    let viewer = operator(app).await;
    let query = "subscription($after: String) { orderEvents(after: $after) { orderId sequence cursor } }";
    let request = async_graphql::Request::new(query)
        .variables(async_graphql::Variables::from_json(json!({ "after": cursor(&FeedKey { feed: 0 }) })))
        .data(reader.clone())
        .data(viewer);
    let request = graphql::request_data(request, &reader, viewer);
    let stream = graphql::build(reader.settings.mode).execute_stream(request);
    // A draft and its cancellation, each.
    let reading = tokio::spawn(timeout(PATIENCE, stream.take(2 * BUYERS * ORDERS).collect::<Vec<_>>()));

    let product = shop.product().await;
    join_all((0..BUYERS).map(async |buyer| {
        for number in 0..ORDERS {
            let step = buy_now(&format!("{buyer} {number}"), &product, QUANTITY);
            let order = text(&shop.done(&step).await["id"]);
            shop.done(&cancel(&order)).await;
        }
    }))
    .await;

    let mut newest: HashMap<String, i64> = HashMap::new();
    for (position, answer) in (1..).zip(reading.await.expect("reads").expect("all events come")) {
        assert_eq!(answer.errors, []);
        let event = answer.data.into_json().expect("JSON")["orderEvents"].take();
        assert_eq!(event["cursor"], cursor(&FeedKey { feed: position }), "without a gap or a repetition");
        let last = newest.entry(text(&event["orderId"])).or_default();
        *last += 1;
        assert_eq!(event["sequence"], *last, "an order's events are in order");
    }
    assert_eq!((newest.len(), newest.values().all(|last| *last == 2)), (BUYERS * ORDERS, true));
    for worker in working {
        worker.stop().await;
    }
    let all = event::Entity::find().order_by_asc(event::Column::FeedPosition).all(&app.db().read).await;
    let positions: Vec<_> = all.expect("reads").into_iter().map(|event| event.feed_position).collect();
    assert_eq!(positions, (1..=144).map(Some).collect::<Vec<_>>());
    for node in nodes {
        node.db.close().await;
    }
}

async fn only_signed_and_fresh_notifications_are_let_in(app: &TestApp) {
    let shop = Shop::of(app);
    let order = shop.place("k").await;
    let (payment, _) = shop.pay(&order, "k").await;
    let body = news("payment.succeeded", ("m1", &payment), USD_128, None).to_string();
    let own = app.app().settings.sandbox_webhook_secret[0].clone();
    let other = SecretString::from(format!("whsec_{}", STANDARD.encode([7_u8; 32])));
    let here = app.url("");

    let unsigned = app.http().post(app.url("/webhooks/sandbox")).body(body.clone()).send().await.expect("an answer");
    assert_eq!(unsigned.status(), 401);
    let timestamp = app.clock().wall().timestamp();
    for garbage in ["", "v1,", "v1,AAAA", "v0,AAAA", "%%%", "v1a,x v1,y"] {
        let request = app
            .http()
            .post(app.url("/webhooks/sandbox"))
            .header(signature::ID_HEADER, "msg_1")
            .header(signature::TIMESTAMP_HEADER, timestamp)
            .header(signature::SIGNATURE_HEADER, garbage);
        assert_eq!(request.body(body.clone()).send().await.expect("an answer").status(), 401, "{garbage}");
    }
    // A little more than 301 seconds ahead, because time goes on.
    for late in [-301, 320] {
        assert_eq!(post_signed(app, &here, "msg_1", &body, (&own, late)).await, 401, "{late}");
    }
    assert_eq!(post_signed(app, &here, "msg_1", &body, (&other, 0)).await, 401);
    assert_eq!(post(app, "msg.1", &body).await, 401, "dots separate what is signed");
    assert_eq!(post(app, "msg_1", &"x".repeat(256 * 1024 + 1)).await, 413);
    let nowhere = app.http().post(app.url("/webhooks/unheard-of")).body(body.clone()).send().await.expect("an answer");
    assert_eq!(nowhere.status(), 404);
    app.drain().await;
    assert_eq!((inbox_size(app).await, status(&shop, &order).await.as_str()), (0, "AWAITING_PAYMENT"));

    // Signed, but not understood.
    assert_eq!(post(app, "msg_garbage", "garbage").await, 200);
    app.drain().await;
    assert_eq!(inbox(app, "msg_garbage").await.0, NotificationStatus::Quarantined);

    // While a secret is being replaced, either may have signed.
    let secrets = vec![other.clone(), own.clone()];
    let (node, _) = serve(app, Settings { sandbox_webhook_secret: secrets, ..(*app.app().settings).clone() }).await;
    for (event_id, secret) in [("msg_own", &own), ("msg_other", &other)] {
        assert_eq!(post_signed(app, &node.settings.own_url(), event_id, &body, (secret, -290)).await, 200);
    }
    app.drain().await;
    assert_eq!(inbox(app, "msg_own").await, inbox(app, "msg_other").await);
    assert_eq!((inbox_size(app).await, status(&shop, &order).await.as_str()), (3, "FUNDED"));
}

async fn an_event_id_with_another_body_is_quarantined_and_acknowledged(app: &TestApp) {
    let shop = Shop::of(app);
    let order = shop.place("k").await;
    let (payment, _) = shop.pay(&order, "k").await;
    let declined = news("payment.declined", ("m1", &payment), USD_128, Some("no"));
    let succeeded = news("payment.succeeded", ("m1", &payment), USD_128, None);
    for body in [&declined, &declined, &succeeded, &succeeded, &declined] {
        tell(app, "msg_1", body).await;
    }
    app.drain().await;
    assert_eq!(inbox(app, "msg_1").await.0, NotificationStatus::Applied);
    let rows = notification::Entity::find().order_by_asc(notification::Column::Id).all(&app.db().read).await;
    let rows = rows.expect("reads");
    assert_eq!(
        rows.iter().map(|row| row.status).collect::<Vec<_>>(),
        [NotificationStatus::Applied, NotificationStatus::Quarantined]
    );
    assert_eq!(rows[1].body, succeeded.to_string().into_bytes(), "kept as it came");
    assert!(rows[1].reason.as_ref().is_some_and(|reason| reason.contains("another body")));
    let seen = shop.order(&order).await;
    assert_eq!(
        (seen["status"].as_str(), seen["payments"][0]["status"].as_str()),
        (Some("AWAITING_PAYMENT"), Some("FAILED"))
    );
    assert_eq!(causes(&shop).await, Vec::<String>::new());
}

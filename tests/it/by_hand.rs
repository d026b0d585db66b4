//! What operators book by hand: of notifications in quarantine, and of breaks in the books. One asks, another approves.

use entity::payout::PayoutStatus;
use entity::refund::RefundStatus;
use entity::{Currency, LedgerAccount, MinorUnits, Money};
use escrow::Command;
use futures_util::future::join_all;
use provider::{Fact, LineKind, Statement, StatementLine};
use secure_payment::party::demo;
use secure_payment::payment::{self, Applied};
use serde_json::{Value, json};

use crate::support::bank::{funded, news, requested_payout, tell, the_payment, the_payout};
use crate::support::purchase::{Shop, codes, text};
use crate::support::steps::mutate;
use crate::support::trouble::{amounts, balance, done, payment_of, refund};
use crate::support::{TestApp, on_each_database};

on_each_database!(
    what_is_in_quarantine_is_booked_by_two_operators_and_once,
    what_was_booked_as_something_else_stays_so_when_it_is_stated_again,
    what_the_books_do_not_take_is_said_and_waits_on,
    there_is_nothing_to_book_of_what_is_dismissed,
    a_payout_that_was_paid_after_all_is_booked_by_hand,
    a_movement_that_we_do_not_have_is_booked_from_its_break,
    a_movement_that_the_provider_does_not_have_is_booked_back,
    an_amount_that_differs_is_adjusted_and_found_no_more,
    what_is_accepted_is_found_again_only_if_it_has_changed,
);

pub(crate) async fn act(app: &TestApp, token: &str, name: &str, input: Value, fields: &str) -> Value {
    let kind = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
    mutate(app, token, name, &kind, input, &format!("{fields} errors {{ code path message }}")).await
}

const BOOKING: &str = "booking { id status as amount { amount currency } movement failure settles }";

pub(crate) async fn quarantine(app: &TestApp) -> Vec<Value> {
    let query = "{ quarantine(first: 100) { nodes { id eventId reason availableActions } } }";
    app.data(demo::OPERATOR, query, json!({})).await["quarantine"]["nodes"].as_array().expect("a list").clone()
}

pub(crate) async fn notification(app: &TestApp, id: &str) -> Value {
    let query =
        "query($id: ID!) { node(id: $id) { ... on Notification { status settledReason availableActions body } } }";
    app.data(demo::OPERATOR, query, json!({ "id": id })).await["node"].clone()
}

/// The second operator approves; the booking then.
pub(crate) async fn approve(app: &TestApp, asked: &Value) -> Value {
    assert_eq!(codes(asked), Vec::<String>::new(), "{asked:#}");
    let input = json!({ "bookingId": asked["booking"]["id"] });
    let own = act(app, demo::OPERATOR, "approveBooking", input.clone(), BOOKING).await;
    assert_eq!(codes(&own), ["NOT_PERMITTED"], "four eyes");
    let approved = act(app, demo::SECOND_OPERATOR, "approveBooking", input, BOOKING).await;
    assert_eq!(codes(&approved), Vec::<String>::new(), "{approved:#}");
    approved["booking"].clone()
}

pub(crate) async fn book_quarantined(app: &TestApp, id: &Value, more: Value) -> Value {
    let mut input = json!({ "notificationId": id, "reason": "the bank has said so on the telephone" });
    input.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    act(app, demo::OPERATOR, "bookQuarantined", input, BOOKING).await
}

/// A refund that nobody of us knows, with this movement of 1.00 USD: in quarantine; its id.
pub(crate) async fn unheard_of(app: &TestApp, event: &str, movement: &str) -> Value {
    let body = news("refund.succeeded", (movement, "refund_00000000000000000000000000"), ("1.00", "USD"), None);
    tell(app, event, &body).await;
    app.drain().await;
    quarantine(app).await.into_iter().find(|row| row["eventId"] == event).map_or(Value::Null, |row| row["id"].clone())
}

async fn what_is_in_quarantine_is_booked_by_two_operators_and_once(app: &TestApp) {
    let shop = Shop::of(app);
    let order = funded(app, &shop, "k").await;
    let id = unheard_of(app, "e1", "m1").await;
    assert_eq!(
        quarantine(app).await[0]["availableActions"],
        json!(["bookQuarantined", "dismissQuarantined", "redriveNotification"])
    );
    for token in [demo::BUYER, demo::SUPPLIER, demo::STOREFRONT] {
        let input = json!({ "notificationId": id, "as": "FEE", "reason": "x" });
        assert_eq!(codes(&act(app, token, "bookQuarantined", input, BOOKING).await), ["NOT_PERMITTED"], "{token}");
    }
    let one = json!({ "amount": "1.00", "currency": "USD" });
    let without = book_quarantined(app, &id, json!({ "as": "FEE" })).await;
    assert_eq!(codes(&without), ["INVALID_INPUT"], "{without:#}");
    let wrong = book_quarantined(app, &id, json!({ "as": "REVERSED", "amount": one })).await;
    assert_eq!(codes(&wrong), ["INVALID_INPUT"], "of breaks only: {wrong:#}");
    let input = json!({ "as": "FEE", "amount": one, "idempotencyKey": "ask" });
    let asked = join_all((0..20).map(|_| book_quarantined(app, &id, input.clone()))).await;
    assert!(asked.iter().all(|answer| *answer == asked[0]), "{asked:#?}");
    // The movement is what the notification itself calls it.
    assert_eq!(asked[0]["booking"]["movement"], "sandbox:refund:m1", "{:#}", asked[0]);
    let again = book_quarantined(app, &id, json!({ "as": "OTHER_DEBIT", "amount": one })).await;
    assert_eq!(codes(&again), ["ALREADY_EXISTS"], "one at a time");
    for name in ["redriveNotification", "dismissQuarantined"] {
        let input = if name == "redriveNotification" {
            json!({ "notificationId": id })
        } else {
            json!({ "notificationId": id, "reason": "x" })
        };
        let refused = act(app, demo::OPERATOR, name, input, "").await;
        assert_eq!(codes(&refused), ["INVALID_TRANSITION"], "{name}");
    }
    assert_eq!(balance(app, &LedgerAccount::ProviderFees).await, 0, "nothing is booked before it is approved");
    let own = json!({ "bookingId": asked[0]["booking"]["id"] });
    assert_eq!(codes(&act(app, demo::OPERATOR, "approveBooking", own.clone(), BOOKING).await), ["NOT_PERMITTED"]);
    let input = json!({ "bookingId": asked[0]["booking"]["id"], "idempotencyKey": "yes" });
    let approve = || act(app, demo::SECOND_OPERATOR, "approveBooking", input.clone(), BOOKING);
    let approved = join_all((0..20).map(|_| approve())).await;
    assert!(approved.iter().all(|answer| codes(answer).is_empty()), "{approved:#?}");
    assert_eq!(approve().await["booking"]["status"], "BOOKED");
    assert_eq!(balance(app, &LedgerAccount::ProviderFees).await, -100, "once");
    let seen = notification(app, &text(&id)).await;
    assert_eq!((&seen["status"], &seen["availableActions"]), (&json!("BOOKED_BY_HAND"), &json!([])));
    assert!(text(&seen["body"]).contains("\"m1\""), "the evidence stays: {seen:#}");
    assert_eq!(quarantine(app).await, Vec::<Value>::new());
    assert_eq!(amounts(app, &order).await.1, 12_800);
    app.drain().await;
}

async fn what_was_booked_as_something_else_stays_so_when_it_is_stated_again(app: &TestApp) {
    let shop = Shop::of(app);
    funded(app, &shop, "k").await;
    let id = unheard_of(app, "e1", "m1").await;
    let amount = json!({ "amount": "1.00", "currency": "USD" });
    let asked = book_quarantined(app, &id, json!({ "as": "OTHER_DEBIT", "amount": amount })).await;
    assert_eq!(approve(app, &asked).await["status"], "BOOKED");
    let before = shop.transfers(None).await;
    assert_eq!(unheard_of(app, "e2", "m1").await, Value::Null, "the same movement by another notification");
    assert_eq!(shop.transfers(None).await, before);
    assert_ne!(unheard_of(app, "e3", "m2").await, Value::Null, "another one");
    assert_eq!(balance(app, &LedgerAccount::Loss).await, -100);
}

async fn what_the_books_do_not_take_is_said_and_waits_on(app: &TestApp) {
    let shop = Shop::of(app);
    let order = funded(app, &shop, "k").await;
    done(app, demo::SUPPLIER, &order, Command::RefundOrder { amount: MinorUnits(12_800) }).await;
    app.drain().await;
    assert_eq!(refund(app, &order).await.status, RefundStatus::Succeeded);
    let id = unheard_of(app, "e1", "m1").await;
    let one = json!({ "amount": "1.00", "currency": "USD" });
    let payment = payment_of(&shop, &order).await;
    // Nothing of it is left that could be taken back.
    let refund_id = refund(app, &order).await.id.to_string();
    let asked = book_quarantined(app, &id, json!({ "as": "REFUND_FAILED", "refundId": refund_id })).await;
    let failed = approve(app, &asked).await;
    assert_eq!(failed["status"], "FAILED", "{failed:#}");
    assert!(text(&failed["failure"]).contains("REFUND_RETURNED"), "{failed:#}");
    assert_eq!(quarantine(app).await.len(), 1, "it waits on");
    let missing = book_quarantined(app, &id, json!({ "as": "CAPTURE", "amount": one })).await;
    assert_eq!(codes(&missing), ["INVALID_INPUT"], "of which payment?");
    let rejected = book_quarantined(app, &id, json!({ "as": "CAPTURE", "amount": one, "paymentId": payment })).await;
    let input = json!({ "bookingId": rejected["booking"]["id"], "reason": "it is no capture" });
    let rejected = act(app, demo::SECOND_OPERATOR, "rejectBooking", input.clone(), BOOKING).await;
    assert_eq!(rejected["booking"]["status"], "REJECTED");
    assert_eq!(codes(&act(app, demo::SECOND_OPERATOR, "rejectBooking", input, BOOKING).await), ["INVALID_TRANSITION"]);
    // Whole, and in two parts: the second stays open until it is booked as well.
    let half = json!({ "amount": "0.40", "currency": "USD" });
    let input = json!({ "as": "SET_ASIDE", "amount": half, "movementId": "m1", "settles": false });
    let asked = book_quarantined(app, &id, input).await;
    assert_eq!(approve(app, &asked).await["status"], "BOOKED");
    assert_eq!(quarantine(app).await.len(), 1, "more of it is to be booked");
    let rest = json!({ "amount": "0.60", "currency": "USD" });
    let asked = book_quarantined(app, &id, json!({ "as": "FEE", "amount": rest, "movementId": "m1-fee" })).await;
    assert_eq!(approve(app, &asked).await["status"], "BOOKED");
    assert_eq!(quarantine(app).await, Vec::<Value>::new());
    let over = "{ handBookings(includeOver: true) { nodes { status } } handOpen: handBookings { nodes { id } } }";
    let seen = app.data(demo::OPERATOR, over, json!({})).await;
    let statuses: Vec<String> =
        seen["handBookings"]["nodes"].as_array().expect("a list").iter().map(|row| text(&row["status"])).collect();
    assert_eq!(statuses, ["FAILED", "REJECTED", "BOOKED", "BOOKED"]);
    assert_eq!(seen["handOpen"]["nodes"], json!([]));
}

async fn there_is_nothing_to_book_of_what_is_dismissed(app: &TestApp) {
    let id = unheard_of(app, "e1", "m1").await;
    let input = json!({ "notificationId": id, "reason": "a test of the bank's", "idempotencyKey": "k" });
    let dismiss = async |token| act(app, token, "dismissQuarantined", input.clone(), "notification { status }").await;
    assert_eq!(codes(&dismiss(demo::SUPPLIER).await), ["NOT_PERMITTED"]);
    assert_eq!(dismiss(demo::OPERATOR).await["notification"]["status"], "DISMISSED");
    assert_eq!(dismiss(demo::OPERATOR).await["notification"]["status"], "DISMISSED", "the same again");
    let seen = notification(app, &text(&id)).await;
    assert_eq!(seen["settledReason"], "a test of the bank's");
    let redriven = act(app, demo::OPERATOR, "redriveNotification", json!({ "notificationId": id }), "").await;
    assert_eq!(codes(&redriven), ["INVALID_TRANSITION"]);
    let booked =
        book_quarantined(app, &id, json!({ "as": "FEE", "amount": { "amount": "1.00", "currency": "USD" } })).await;
    assert_eq!(codes(&booked), ["INVALID_TRANSITION"]);
}

async fn a_payout_that_was_paid_after_all_is_booked_by_hand(app: &TestApp) {
    let shop = Shop::of(app);
    let id = requested_payout(app, &shop).await.to_string();
    let provider = app.app().providers.find("sandbox").expect("there");
    let fact = Fact::PayoutFailed { reference: id.clone(), movement: None, reason: "no such account".to_owned() };
    payment::apply_fact(app.app(), provider.as_ref(), fact, app.clock().now()).await.expect("applied");
    let body = news("payout.succeeded", ("p1", &id), ("124.80", "USD"), None);
    tell(app, "succeeded", &body).await;
    payment_of_inbox(app).await;
    assert_eq!(the_payout(app).await.status, PayoutStatus::Failed);
    let waiting = quarantine(app).await;
    assert_eq!(waiting.len(), 1, "{waiting:#?}");
    let asked = book_quarantined(app, &waiting[0]["id"], json!({ "as": "PAYOUT_PAID", "payoutId": id })).await;
    assert_eq!(asked["booking"]["amount"]["amount"], "124.80", "{asked:#}");
    assert_eq!(approve(app, &asked).await["status"], "BOOKED");
    assert_eq!(the_payout(app).await.status, PayoutStatus::Paid);
    let owed = app.data(demo::SUPPLIER, "{ supplierBalance { amount } }", json!({})).await;
    assert_eq!(owed["supplierBalance"][0]["amount"], "0.00");
}

/// Applies what is in the inbox, and nothing else.
async fn payment_of_inbox(app: &TestApp) {
    use entity::notification;
    use sea_orm::{EntityTrait, QueryOrder};
    let rows = notification::Entity::find().order_by_asc(notification::Column::Id).all(&app.db().read).await;
    for row in rows.expect("reads") {
        payment::apply_notification(app.app(), row.id).await.expect("is applied");
    }
}

pub(crate) async fn state(app: &TestApp, lines: Vec<StatementLine>) {
    let provider = app.app().providers.find("sandbox").expect("there");
    let day = app.clock().now().date_naive();
    let fact = Fact::Statement(Statement { currency: Currency::USD, day, lines });
    let applied = payment::apply_fact(app.app(), provider.as_ref(), fact, app.clock().now()).await.expect("applied");
    assert_eq!(applied, Applied::Done);
    app.drain().await;
}

pub(crate) fn line(kind: LineKind, movement: &str, amount: &str) -> StatementLine {
    let amount = Money::exact(amount, "USD").expect("exact");
    StatementLine { kind, movement: movement.to_owned(), reference: None, amount }
}

pub(crate) async fn breaks(app: &TestApp) -> Vec<Value> {
    let query = "{ reconciliationBreaks(first: 100) { nodes { id kind subject ours { amount } theirs { amount } availableActions } } }";
    app.data(demo::OPERATOR, query, json!({})).await["reconciliationBreaks"]["nodes"]
        .as_array()
        .expect("a list")
        .clone()
}

async fn reconcile(app: &TestApp) {
    let day = app.clock().now().date_naive().to_string();
    act(app, demo::OPERATOR, "reconcile", json!({ "day": day }), "day").await;
    app.drain().await;
}

pub(crate) async fn book_break(app: &TestApp, id: &Value, more: Value) -> Value {
    let mut input = json!({ "breakId": id, "reason": "the bank has explained it" });
    input.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    act(app, demo::OPERATOR, "bookBreak", input, BOOKING).await
}

/// The movement of the order's own capture.
async fn captured(app: &TestApp, shop: &Shop, order: &str) -> String {
    use entity::transfer;
    use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
    let escrow = LedgerAccount::Escrow(order.parse().expect("an id"));
    let of_order = transfer::Entity::find().filter(transfer::Column::Credit.eq(escrow));
    let row = of_order.one(&app.db().read).await.expect("reads").expect("is there");
    drop(shop.order(order).await);
    row.movement.expect("a movement").rsplit(':').next().expect("an id").to_owned()
}

async fn a_movement_that_we_do_not_have_is_booked_from_its_break(app: &TestApp) {
    let shop = Shop::of(app);
    let order = funded(app, &shop, "k").await;
    let own = captured(app, &shop, &order).await;
    let lines = vec![
        line(LineKind::Capture, &own, "128.00"),
        line(LineKind::OtherCredit, "interest", "3.00"),
        line(LineKind::Capture, "stray", "7.00"),
        line(LineKind::OtherDebit, "charge", "2.00"),
        line(LineKind::OtherDebit, "chip", "4.00"),
    ];
    state(app, lines).await;
    let found = breaks(app).await;
    assert_eq!(found.len(), 4, "{found:#?}");
    let of =
        |movement: &str| found.iter().find(|row| text(&row["subject"]).ends_with(movement)).expect("one")["id"].clone();
    let wrong = book_break(app, &of("interest"), json!({ "as": "REVERSED" })).await;
    assert_eq!(codes(&wrong), ["INVALID_INPUT"], "{wrong:#}");
    for (movement, kind) in
        [("interest", "OTHER_CREDIT"), ("stray", "SET_ASIDE"), ("charge", "FEE"), ("chip", "OTHER_DEBIT")]
    {
        let asked = book_break(app, &of(movement), json!({ "as": kind })).await;
        let again = book_break(app, &of(movement), json!({ "as": kind })).await;
        assert_eq!(codes(&again), ["ALREADY_EXISTS"], "one at a time");
        assert_eq!(approve(app, &asked).await["status"], "BOOKED", "{movement}");
    }
    assert_eq!(breaks(app).await, Vec::<Value>::new());
    assert_eq!(balance(app, &LedgerAccount::Provider("sandbox".to_owned())).await, -12_800 - 300 - 700 + 200 + 400);
    reconcile(app).await;
    assert_eq!(breaks(app).await, Vec::<Value>::new(), "found no more");
    // The bank states it after all: it is what operators have made of it.
    let body = news("payment.succeeded", ("stray", "nobody"), ("7.00", "USD"), None);
    tell(app, "late", &body).await;
    let before = shop.transfers(None).await;
    app.drain().await;
    assert_eq!(shop.transfers(None).await, before);
}

async fn a_movement_that_the_provider_does_not_have_is_booked_back(app: &TestApp) {
    let shop = Shop::of(app);
    let order = funded(app, &shop, "k").await;
    let provider = app.app().providers.find("sandbox").expect("there");
    let fact = Fact::PaymentCaptured {
        references: Vec::new(),
        provider_reference: None,
        movement: "phantom".to_owned(),
        amount: Money::exact("5.00", "USD").expect("exact"),
        remitter: None,
    };
    payment::apply_fact(app.app(), provider.as_ref(), fact, app.clock().now()).await.expect("applied");
    state(app, vec![line(LineKind::OtherCredit, "interest", "1.00")]).await;
    let found = breaks(app).await;
    let missing: Vec<&Value> = found.iter().filter(|row| row["kind"] == "MISSING_THERE").collect();
    assert_eq!(missing.len(), 2, "{found:#?}");
    let of = |end: &str| missing.iter().find(|row| text(&row["subject"]).ends_with(end)).expect("one")["id"].clone();
    let asked = book_break(app, &of("phantom"), json!({ "as": "REVERSED" })).await;
    assert_eq!(approve(app, &asked).await["status"], "BOOKED");
    let own = captured(app, &shop, &order).await;
    let asked = book_break(app, &of(&own), json!({ "as": "REVERSED" })).await;
    assert_eq!(approve(app, &asked).await["status"], "BOOKED");
    assert_eq!(shop.order(&order).await["status"], "AWAITING_PAYMENT", "its money never came");
    assert_eq!(the_payment(app, &payment_of(&shop, &order).await).await.charged_back.0, 12_800);
    assert_eq!(balance(app, &LedgerAccount::Provider("sandbox".to_owned())).await, 0);
    reconcile(app).await;
    let left: Vec<String> = breaks(app).await.iter().map(|row| text(&row["kind"])).collect();
    assert_eq!(left, ["MISSING_HERE"], "neither the bookings nor what took them back");
}

async fn an_amount_that_differs_is_adjusted_and_found_no_more(app: &TestApp) {
    let shop = Shop::of(app);
    let order = funded(app, &shop, "k").await;
    let own = captured(app, &shop, &order).await;
    state(app, vec![line(LineKind::Capture, &own, "126.50")]).await;
    let found = breaks(app).await;
    assert_eq!((found.len(), &found[0]["kind"]), (1, &json!("AMOUNT_DIFFERS")), "{found:#?}");
    assert_eq!(found[0]["availableActions"], json!(["bookBreak"]));
    let asked = book_break(app, &found[0]["id"], json!({ "as": "ADJUSTED_AS_FEE" })).await;
    assert_eq!(asked["booking"]["amount"], json!({ "amount": "1.50", "currency": "USD" }));
    assert_eq!(approve(app, &asked).await["status"], "BOOKED");
    assert_eq!(balance(app, &LedgerAccount::Provider("sandbox".to_owned())).await, -12_650, "as the bank has it");
    assert_eq!(balance(app, &LedgerAccount::ProviderFees).await, -150);
    reconcile(app).await;
    assert_eq!(breaks(app).await, Vec::<Value>::new());
    assert_eq!(amounts(app, &order).await.1, 12_800, "the order has all of its money");
}

async fn what_is_accepted_is_found_again_only_if_it_has_changed(app: &TestApp) {
    let shop = Shop::of(app);
    let order = funded(app, &shop, "k").await;
    let own = captured(app, &shop, &order).await;
    state(app, vec![line(LineKind::Capture, &own, "128.00"), line(LineKind::OtherCredit, "odd", "9.00")]).await;
    let found = breaks(app).await;
    assert_eq!(found.len(), 1, "{found:#?}");
    let asked = book_break(app, &found[0]["id"], json!({ "as": "ACCEPTED" })).await;
    assert_eq!(approve(app, &asked).await["status"], "BOOKED");
    reconcile(app).await;
    assert_eq!(breaks(app).await, Vec::<Value>::new());
    let closed = book_break(app, &found[0]["id"], json!({ "as": "ACCEPTED" })).await;
    assert_eq!(codes(&closed), ["INVALID_TRANSITION"]);
    // The same line with another amount is another break.
    use sea_orm::ConnectionTrait;
    let transaction = app.db().begin_write().await.expect("begins");
    transaction
        .execute_unprepared("update statement_line set amount = 950 where movement = 'odd'")
        .await
        .expect("done");
    transaction.commit().await.expect("commits");
    reconcile(app).await;
    assert_eq!(breaks(app).await.len(), 1);
}

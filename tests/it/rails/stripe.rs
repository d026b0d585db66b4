//! Stripe: the vendor's signed samples, and what is special to cards.

mod books;
mod fake;

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta};
use entity::notification::NotificationStatus;
use entity::payment::{NextAction, PaymentStatus};
use entity::refund::RefundStatus;
use entity::{MinorUnits, notification, payment, refund, transfer};
use sea_orm::{ConnectionTrait, EntityTrait};
use secure_payment::config::Settings;
use secure_payment::escrow::Command;
use secure_payment::party::demo;
use secure_payment::payment::{LineKind, PaymentProvider};
use serde_json::{Value, json};

use self::fake::{SECRET, Stripe, event, signed};
use crate::support::purchase::{Shop, cancel, codes};
use crate::support::rail::{Claim, Fake, Post, Rail};
use crate::support::steps::read;
use crate::support::trouble::{amounts, chargebacks, done, refund};
use crate::support::{Engine, TestApp, on_each_database, run};

pub(crate) async fn start() -> Arc<dyn Fake> {
    Stripe::start().await
}

on_each_database!(
    the_buyer_gets_a_form_and_nothing_is_confirmed_for_them,
    a_declined_card_can_be_followed_by_another_on_the_same_payment,
    what_was_paid_while_we_withdrew_it_goes_back,
    a_refund_whose_key_stripe_has_forgotten_is_not_made_twice,
    a_refund_that_was_made_elsewhere_is_shown_and_moves_nothing,
    however_the_news_of_a_dispute_come_the_end_is_the_same,
    an_inquiry_leaves_the_order_free,
    statements_name_movements_as_our_books_do,
    a_payment_that_stripe_never_heard_of_can_be_called_failed,
    nothing_of_the_other_mode_is_believed,
);

async fn rail(app: &TestApp) -> (Rail<'_>, Arc<Stripe>) {
    let stripe = Stripe::start().await;
    let fake: Arc<dyn Fake> = Arc::<Stripe>::clone(&stripe);
    (Rail::of(app, fake).await, stripe)
}

fn provider(rail: &Rail<'_>) -> Arc<dyn PaymentProvider> {
    rail.app.providers.find("stripe").expect("is configured")
}

async fn causes(shop: &Shop, order: &str) -> Vec<(String, String)> {
    shop.transfers(Some(order)).await.into_iter().map(|(cause, _, _, amount)| (cause, amount)).collect()
}

async fn status(rail: &Rail<'_>, order: &str) -> String {
    read(rail.test, demo::BUYER, order).await["status"].as_str().expect("a status").to_owned()
}

async fn inbox(rail: &Rail<'_>) -> Vec<notification::Model> {
    notification::Entity::find().all(&rail.app.db.read).await.expect("reads")
}

async fn execute(rail: &Rail<'_>, sql: &str) {
    let transaction = rail.app.db.begin_write().await.expect("begins");
    transaction.execute_unprepared(sql).await.expect("is done");
    transaction.commit().await.expect("commits");
}

/// An order of 123.45 EUR that is paid.
async fn funded(rail: &Rail<'_>) -> (String, payment::Model) {
    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    rail.fake.pay(&payment.reference).await;
    rail.deliver().await;
    assert_eq!(status(rail, &order).await, "FUNDED");
    (order, payment)
}

/// 3.45 EUR of it are to go back: asked for, pending at Stripe.
async fn refunding(rail: &Rail<'_>, order: &str) -> refund::Model {
    done(rail.test, demo::SUPPLIER, order, Command::RefundOrder { amount: MinorUnits(345) }).await;
    rail.drain().await;
    refund(rail.test, order).await
}

async fn send(rail: &Rail<'_>, event: &Value) {
    let (status, body) = rail.post(&signed(SECRET, rail.app.clock.wall(), event.to_string().into_bytes())).await;
    assert_eq!(status, 200, "{body}");
}

#[derive(serde::Deserialize)]
struct Vector {
    id: String,
    secret: String,
    method: String,
    path: String,
    headers: std::collections::BTreeMap<String, String>,
    body: String,
    now: i64,
    tolerance_s: u64,
    valid: bool,
}

#[test]
fn the_vendors_samples_are_judged_as_the_vendor_does_and_move_what_they_say() {
    #[derive(serde::Deserialize)]
    struct File {
        vectors: Vec<Vector>,
    }
    let file: File = serde_json::from_str(include_str!("../../vectors/stripe.json")).expect("parses");
    assert_eq!(file.vectors.len(), 13);
    for engine in [Engine::Sqlite, Engine::Postgres] {
        for vector in &file.vectors {
            run(engine, async |app: &TestApp| sample(app, vector).await);
        }
    }
}

/// How our rows stand after a sample: payment, refund, what was booked by it.
fn expected(id: &str) -> (PaymentStatus, Option<RefundStatus>, &'static [(&'static str, &'static str)]) {
    match id {
        "pi_succeeded_ok" | "pi_succeeded_at_299s" => {
            (PaymentStatus::Captured, None, &[("payment.captured", "123.45")])
        }
        "pi_succeeded_tampered_amount" | "pi_succeeded_wrong_secret" | "pi_succeeded_at_301s" | "no_timestamp" => {
            (PaymentStatus::Pending, None, &[])
        }
        "pi_amount_capturable" | "pi_partially_funded" => (PaymentStatus::Pending, None, &[]),
        "pi_failed" => (PaymentStatus::Failed, None, &[]),
        "pi_canceled" => (PaymentStatus::Expired, None, &[]),
        "charge_refunded" => (PaymentStatus::Captured, Some(RefundStatus::Succeeded), &[("refund.succeeded", "3.45")]),
        "refund_failed" => (PaymentStatus::Captured, Some(RefundStatus::ActionRequired), &[("refund.failed", "3.45")]),
        "dispute_created" => (PaymentStatus::Captured, None, &[("chargeback.opened", "123.45")]),
        unknown => panic!("{unknown} is judged by nobody"),
    }
}

async fn sample(app: &TestApp, vector: &Vector) {
    let id = vector.id.as_str();
    assert_eq!(
        (vector.method.as_str(), vector.path.as_str(), vector.tolerance_s),
        ("POST", "/webhooks/stripe", 300),
        "{id}"
    );
    let expected = expected(id);
    let stripe = Stripe::start_with(&vector.secret).await;
    let rail = Rail::of(app, Arc::<Stripe>::clone(&stripe) as Arc<dyn Fake>).await;
    let (order, payment) = as_sampled(&rail, &stripe, id).await;
    let (before, rows) = (causes(&rail.shop, &order).await, inbox(&rail).await.len());

    let headers = vector.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let post = Post { headers, body: vector.body.clone().into_bytes() };
    let at = DateTime::from_timestamp(vector.now, 0).expect("in range");
    app.clock().shift_wall(at - app.clock().wall());
    let (answer, _body) = rail.post(&post).await;
    app.clock().shift_wall(TimeDelta::zero());
    assert_eq!(answer, if vector.valid { 200 } else { 401 }, "{id}");
    assert_eq!(inbox(&rail).await.len(), rows + usize::from(vector.valid), "{id}");
    rail.drain().await;
    for row in inbox(&rail).await {
        assert_eq!((row.status, row.reason), (NotificationStatus::Applied, None), "{id}");
    }

    let after = causes(&rail.shop, &order).await;
    let moved: Vec<_> = after[before.len()..].iter().map(|(cause, amount)| (cause.as_str(), amount.as_str())).collect();
    assert_eq!(moved, expected.2, "{id}");
    let payment = rail.payment(&payment.id.to_string()).await;
    let refund = refund::Entity::find().one(&rail.app.db.read).await.expect("reads");
    assert_eq!((payment.status, refund.map(|row| row.status)), (expected.0, expected.1), "{id}");
    if id == "pi_failed" {
        assert_eq!(payment.failure.as_deref(), Some("generic decline"));
    }
}

/// An order that is as far as the sample needs it, with our rows and Stripe's called as in the sample.
async fn as_sampled(rail: &Rail<'_>, stripe: &Stripe, id: &str) -> (String, payment::Model) {
    let (order, payment) = match id {
        "charge_refunded" | "refund_failed" | "dispute_created" => funded(rail).await,
        _about_an_open_payment => {
            let order = rail.order("123.45").await;
            let payment = rail.pay(&order).await;
            (order, payment)
        }
    };
    let intent = text(&stripe.books().intent(&payment.reference)["id"]);
    for (from, to) in [(payment.reference.as_str(), "pay_01"), (&intent, "pi_3SPtest0001")] {
        stripe.books().rename(from, to);
    }
    execute(rail, "update payment set reference = 'pay_01', provider_reference = 'pi_3SPtest0001'").await;
    if !["charge_refunded", "refund_failed"].contains(&id) {
        return (order, payment);
    }
    let refund = refunding(rail, &order).await;
    assert_eq!(refund.status, RefundStatus::Pending);
    let at_stripe = text(&stripe.books().refunds[0]["id"]);
    for (from, to) in [(refund.reference.as_str(), "rf_01"), (&at_stripe, "re_3SPtest0001")] {
        stripe.books().rename(from, to);
    }
    execute(rail, "update refund set reference = 'rf_01', provider_reference = 're_3SPtest0001'").await;
    stripe.books().events.clear();
    if id == "refund_failed" {
        stripe.settle_refund("rf_01").await;
        rail.deliver().await;
        stripe.fail_refund("rf_01").await;
        stripe.books().events.clear();
    }
    (order, payment)
}

async fn the_buyer_gets_a_form_and_nothing_is_confirmed_for_them(app: &TestApp) {
    let (rail, stripe) = rail(app).await;
    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    let intent = stripe.books().intent(&payment.reference).clone();
    let form = NextAction::CardForm {
        client_secret: text(&intent["client_secret"]),
        publishable_key: "pk_test_ofTheSuite".to_owned(),
    };
    assert_eq!(payment.next_action, Some(form));
    assert_eq!(payment.provider_reference.as_deref(), intent["id"].as_str());
    assert_eq!((&intent["amount"], &intent["currency"]), (&json!(12_345), &json!("eur")));
    let number = read_number(&rail, &order).await;
    assert_eq!((&intent["metadata"]["escrow_id"], &intent["description"]), (&json!(number), &json!(number)));
    let calls = rail.fake.way().calls();
    assert_eq!(calls, ["POST /v1/payment_intents"]);
    // Less than Stripe takes, more than eight digits, and a currency that it doesn't take from us.
    for total in ["0.49", "1000000.00"] {
        let order = rail.order(total).await;
        let input = json!({ "orderId": order, "idempotencyKey": total, "method": "VISA" });
        let step = crate::support::purchase::Step { token: demo::BUYER, mutation: "payOrder", input };
        assert_eq!(codes(&rail.shop.take(&step).await.expect("an answer")), ["METHOD_NOT_AVAILABLE"], "{total}");
    }
    assert_eq!(rail.fake.way().calls(), calls);
}

async fn read_number(rail: &Rail<'_>, order: &str) -> String {
    let data =
        rail.shop.read(demo::BUYER, "query($id: ID!) { order(id: $id) { number } }", json!({ "id": order })).await;
    text(&data["order"]["number"])
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}")).to_owned()
}

async fn a_declined_card_can_be_followed_by_another_on_the_same_payment(app: &TestApp) {
    let (rail, _stripe) = rail(app).await;
    for is_late in [false, true] {
        let order = rail.order("123.45").await;
        let payment = rail.pay(&order).await;
        rail.fake.decline(&payment.reference).await;
        let mut news = rail.fake.notifications(app.clock().wall());
        if !is_late {
            rail.post(&news.remove(0)).await;
            rail.drain().await;
            let failed = rail.payment(&payment.id.to_string()).await;
            assert_eq!(failed.status, PaymentStatus::Failed);
            assert_eq!(failed.failure.as_deref(), Some("Your card has insufficient funds. (insufficient funds)"));
        }
        rail.fake.pay(&payment.reference).await;
        rail.deliver().await;
        for post in news {
            assert_eq!(rail.post(&post).await.0, 200);
        }
        rail.drain().await;
        assert_eq!(rail.payment(&payment.id.to_string()).await.status, PaymentStatus::Captured, "{is_late}");
        assert_eq!(status(&rail, &order).await, "FUNDED");
        assert_eq!(causes(&rail.shop, &order).await, [("payment.captured".to_owned(), "123.45".to_owned())]);
    }
}

async fn what_was_paid_while_we_withdrew_it_goes_back(app: &TestApp) {
    let (rail, stripe) = rail(app).await;
    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    rail.fake.pay(&payment.reference).await;
    rail.shop.done(&cancel(&order)).await;
    // Stripe refuses to cancel, and shows the payment that succeeded.
    rail.drain().await;
    let calls = rail.fake.way().calls();
    let cancelled = format!("POST /v1/payment_intents/{}/cancel", text(&stripe.books().intents[0]["id"]));
    assert!(calls.contains(&cancelled), "{calls:?}");
    assert_eq!(rail.payment(&payment.id.to_string()).await.status, PaymentStatus::Captured);
    assert_eq!(rail.fake.refunded(&payment.reference), 12_345);
    let refund = refund(app, &order).await;
    rail.fake.settle_refund(&refund.reference).await;
    rail.deliver().await;
    let moved: Vec<String> = causes(&rail.shop, &order).await.into_iter().map(|(cause, _)| cause).collect();
    assert_eq!(moved, ["funds.unapplied", "refund.requested", "refund.succeeded"]);
    assert_eq!(rail.fake.refunded(&payment.reference), 12_345);
}

async fn a_refund_whose_key_stripe_has_forgotten_is_not_made_twice(app: &TestApp) {
    let (rail, stripe) = rail(app).await;
    let (order, payment) = funded(&rail).await;
    let refund_row = refunding(&rail, &order).await;
    // As if the answer had been lost, and we had been away for longer than Stripe keeps a key.
    execute(&rail, "update refund set status = 'REQUESTED', provider_reference = null").await;
    stripe.books().forget_keys();
    secure_payment::rail::send_refund(&rail.app, refund_row.id).await.expect("is sent, or found");
    assert_eq!(rail.fake.refunded(&payment.reference), 345);
    assert_eq!(stripe.books().refunds.len(), 1);
    assert_eq!(refund(app, &order).await.status, RefundStatus::Pending);
}

async fn a_refund_that_was_made_elsewhere_is_shown_and_moves_nothing(app: &TestApp) {
    let (rail, stripe) = rail(app).await;
    let (order, payment) = funded(&rail).await;
    let intent = text(&stripe.books().intent(&payment.reference)["id"]);
    let by_hand = json!({ "id": "re_byHand", "object": "refund", "amount": 345, "currency": "eur", "payment_intent": intent,
        "status": "succeeded", "metadata": {} });
    let charge = json!({ "id": "ch_1", "object": "charge", "amount_refunded": 345, "currency": "eur",
        "payment_intent": intent, "metadata": {} });
    send(&rail, &event("evt_byHand1", "refund.created", &by_hand)).await;
    send(&rail, &event("evt_byHand2", "charge.refunded", &charge)).await;
    rail.drain().await;
    let judged: Vec<_> = inbox(&rail).await.into_iter().map(|row| (row.event_id, row.status)).collect();
    for id in ["evt_byHand1", "evt_byHand2"] {
        assert!(judged.contains(&(id.to_owned(), NotificationStatus::Quarantined)), "{judged:?}");
    }
    assert_eq!(amounts(app, &order).await, (12_345, 12_345, 0, 0, 0));
}

/// Every order of these, by Heap's algorithm turned into recursion.
fn orders_of(all: &[Value]) -> Vec<Vec<Value>> {
    let Some(first) = all.first() else { return vec![Vec::new()] };
    let mut orders = Vec::new();
    for rest in orders_of(&all[1..]) {
        for place in 0..=rest.len() {
            let mut order = rest.clone();
            order.insert(place, first.clone());
            orders.push(order);
        }
    }
    orders
}

async fn however_the_news_of_a_dispute_come_the_end_is_the_same(app: &TestApp) {
    let (rail, stripe) = rail(app).await;
    for end in [Claim::Win, Claim::Lose] {
        let mut ends = BTreeSet::new();
        let mut number = 0;
        loop {
            let (order, payment) = funded(&rail).await;
            for claim in [Claim::Open, Claim::Debit, end] {
                rail.fake.claim(&payment.reference, claim).await;
            }
            let events = std::mem::take(&mut stripe.books().events);
            let orders = orders_of(&events);
            for event in &orders[number] {
                send(&rail, event).await;
                rail.drain().await;
            }
            // Once more, in the order in which they happened, as other events.
            for event in &events {
                let mut again = event.clone();
                again["id"] = json!(format!("{}again", text(&event["id"])));
                send(&rail, &again).await;
            }
            rail.drain().await;
            let row = chargebacks(app, &order).await.remove(0);
            let mut moved: Vec<_> =
                rail.shop.transfers(Some(&order)).await.into_iter().map(|(cause, ..)| cause).collect();
            moved.sort();
            ends.insert(format!(
                "{:?} {:?} {:?} {moved:?}",
                row.status,
                amounts(app, &order).await,
                (row.debited, row.returned)
            ));
            number += 1;
            if number == orders.len() {
                break;
            }
        }
        assert_eq!(ends.len(), 1, "{end:?}: {ends:#?}");
        let seen = ends.first().expect("one");
        let expected = match end {
            Claim::Win => "Won (12345, 12345, 0, 0, 0) (true, true)",
            Claim::Lose => "Lost (12345, 0, 0, 0, 12345) (true, false)",
            Claim::Open | Claim::Debit => unreachable!("no end"),
        };
        assert!(seen.starts_with(expected), "{seen}");
    }
    for row in inbox(&rail).await {
        assert_eq!((row.status, row.reason), (NotificationStatus::Applied, None));
    }
}

async fn an_inquiry_leaves_the_order_free(app: &TestApp) {
    let (rail, stripe) = rail(app).await;
    let (order, payment) = funded(&rail).await;
    let intent = stripe.books().intent(&payment.reference).clone();
    rail.fake.claim(&payment.reference, Claim::Open).await;
    stripe.books().events.clear();
    for (kind, status) in
        [("created", "warning_needs_response"), ("updated", "warning_under_review"), ("closed", "warning_closed")]
    {
        stripe.books().tell_of_dispute(&intent, kind, &json!({ "status": status }));
        rail.deliver().await;
        assert!(chargebacks(app, &order).await.is_empty());
    }
    refunding(&rail, &order).await;
    assert_eq!(rail.fake.refunded(&payment.reference), 345);
    // It becomes a dispute after all.
    stripe.books().tell_of_dispute(&intent, "updated", &json!({ "status": "needs_response" }));
    rail.deliver().await;
    assert_eq!(chargebacks(app, &order).await.len(), 1);
    for row in inbox(&rail).await {
        assert_eq!((row.status, row.reason), (NotificationStatus::Applied, None));
    }
}

async fn statements_name_movements_as_our_books_do(app: &TestApp) {
    let (rail, stripe) = rail(app).await;
    let (order, payment) = funded(&rail).await;
    let row = refunding(&rail, &order).await;
    rail.fake.settle_refund(&row.reference).await;
    rail.deliver().await;
    rail.fake.fail_refund(&row.reference).await;
    rail.deliver().await;
    assert_eq!(refund(app, &order).await.status, RefundStatus::ActionRequired);
    let (_second, disputed) = funded(&rail).await;
    for claim in [Claim::Open, Claim::Debit, Claim::Win] {
        rail.fake.claim(&disputed.reference, claim).await;
    }
    rail.deliver().await;
    let payout = stripe.books().move_money("payout", -5_000, 0, &json!("po_1"));
    let fee = stripe.books().move_money("stripe_fee", -200, 0, &Value::Null);
    let top_up = stripe.books().move_money("topup", 700, 0, &json!("tu_1"));

    let day = DateTime::from_timestamp(books::OPENING, 0).expect("in range").date_naive();
    let provider = provider(&rail);
    let empty = provider.statements(day.succ_opt().expect("a day")).await.expect("an answer");
    assert_eq!(empty.map(|statements| statements.len()), Some(0), "nothing on the day after");
    let statements = provider.statements(day).await.expect("an answer").expect("Stripe can be asked");
    assert_eq!(
        statements.iter().map(|statement| (statement.currency.code(), statement.day)).collect::<Vec<_>>(),
        [("EUR", day)]
    );
    let lines = &statements[0].lines;

    let mut unknown = BTreeSet::new();
    let booked = transfer::Entity::find().all(&rail.app.db.read).await.expect("reads");
    let mut known: BTreeSet<(String, i64)> =
        booked.iter().filter_map(|row| Some((row.movement.clone()?, row.amount.0))).collect();
    for line in lines {
        let kind = match line.kind {
            LineKind::Capture => "capture",
            LineKind::Refund => "refund",
            LineKind::RefundReturned => "refund_failed",
            LineKind::Chargeback => "chargeback",
            LineKind::ChargebackWon => "chargeback_won",
            LineKind::Payout | LineKind::PayoutReturned | LineKind::Reversal => panic!("{line:?}"),
            LineKind::Fee | LineKind::OtherCredit | LineKind::OtherDebit => {
                unknown.insert((line.kind, line.amount.amount.0, line.movement.clone()));
                continue;
            }
        };
        let key = (format!("stripe:{kind}:{}", line.movement), line.amount.amount.0);
        assert!(known.remove(&key), "not in our books, or twice on the statement: {line:?}");
    }
    assert_eq!(known, BTreeSet::new(), "in our books, but not on the statement");
    let fees: Vec<_> = unknown.iter().map(|(kind, amount, _)| (*kind, *amount)).collect();
    assert_eq!(
        fees,
        [
            (LineKind::Fee, 65),
            (LineKind::Fee, 65),
            (LineKind::Fee, 200),
            (LineKind::Fee, 1_500),
            (LineKind::OtherCredit, 700),
            (LineKind::OtherDebit, 5_000)
        ]
    );
    for (kind, amount, of) in
        [(LineKind::OtherDebit, 5_000, &payout), (LineKind::Fee, 200, &fee), (LineKind::OtherCredit, 700, &top_up)]
    {
        assert!(unknown.contains(&(kind, amount, text(&of["id"]))), "{unknown:?}");
    }
    let captures = lines.iter().filter(|line| line.kind == LineKind::Capture).map(|line| line.reference.clone());
    let both = BTreeSet::from([Some(payment.reference), Some(disputed.reference)]);
    assert_eq!(captures.collect::<BTreeSet<_>>(), both);
}

async fn a_payment_that_stripe_never_heard_of_can_be_called_failed(app: &TestApp) {
    let (rail, stripe) = rail(app).await;
    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    // Our row has lost Stripe's id: the search finds the payment by ours.
    execute(&rail, "update payment set provider_reference = null").await;
    let payment = rail.payment(&payment.id.to_string()).await;
    let query = |reference: &str| secure_payment::payment::PaymentQuery {
        reference: reference.to_owned(),
        provider_reference: None,
        method: payment.method,
        amount: entity::Money::new(payment.amount, payment.currency),
        has_expired: false,
    };
    let provider = provider(&rail);
    rail.fake.pay(&payment.reference).await;
    let facts = provider.query_payment(&query(&payment.reference)).await.expect("an answer");
    assert!(matches!(&facts[..], [secure_payment::payment::Fact::PaymentCaptured { .. }]), "{facts:?}");
    let unknown = provider.query_payment(&query("payment_of_nobody")).await.expect_err("is not there");
    assert!(matches!(unknown, secure_payment::payment::ProviderError::NotKnown(_)), "{unknown}");
    let quoted = provider.query_payment(&query("x' OR metadata['a']:'b")).await.expect_err("is not asked");
    assert!(matches!(quoted, secure_payment::payment::ProviderError::Unknown(_)), "{quoted}");
    // An answer about another amount is about another payment.
    let other = secure_payment::payment::PaymentQuery {
        amount: entity::Money::new(MinorUnits(1), payment.currency),
        ..query(&payment.reference)
    };
    let other = provider.query_payment(&other).await.expect_err("is another");
    assert!(matches!(other, secure_payment::payment::ProviderError::Unknown(_)), "{other}");
    assert_eq!(stripe.books().intents.len(), 1);
}

async fn nothing_of_the_other_mode_is_believed(app: &TestApp) {
    let (rail, stripe) = rail(app).await;
    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    rail.fake.pay(&payment.reference).await;
    let mut live = stripe.books().events.remove(0);
    live["livemode"] = json!(true);
    send(&rail, &live).await;
    rail.drain().await;
    assert_eq!(inbox(&rail).await.remove(0).status, NotificationStatus::Quarantined);
    assert_eq!(status(&rail, &order).await, "AWAITING_PAYMENT");
    let settings = Settings { mode: secure_payment::config::Mode::Live, ..(*rail.app.settings).clone() };
    let refused =
        secure_payment::payment::Providers::from_settings(&settings, &rail.app.clock).expect_err("a test key");
    assert_eq!(refused.variable, "STRIPE_API_KEY");
}

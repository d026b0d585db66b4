//! Stripe: what is special to cards. The vendor's signed samples, and the statements, are in files of their own.

mod books;
mod fake;
mod samples;
mod statements;

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::TimeDelta;
use entity::notification::NotificationStatus;
use entity::payment::{NextAction, PaymentStatus};
use entity::refund::RefundStatus;
use entity::{MinorUnits, payment, refund};
use escrow::Command;
use ground::setting::Mode;
use provider::{Fact, PaymentProvider, PaymentQuery, ProviderError};
use secure_payment::config::Settings;
use secure_payment::party::demo;
use serde_json::{Value, json};

use self::fake::{SECRET, Stripe, event, signed};
use super::samples::{inbox, run_sql};
use crate::support::purchase::{Shop, Step, cancel, codes, text};
use crate::support::rail::{Claim, Fake, Rail, Trouble};
use crate::support::steps::read;
use crate::support::trouble::{amounts, chargebacks, done, refund};
use crate::support::{TestApp, on_each_database};

pub(crate) async fn start() -> Arc<dyn Fake> {
    Stripe::start().await
}

on_each_database!(
    the_buyer_gets_a_form_and_nothing_is_confirmed_for_them,
    an_answer_that_was_lost_is_asked_for_again_with_the_same_key,
    a_failure_that_stripe_repeats_is_asked_under_another_key,
    a_declined_card_can_be_followed_by_another_on_the_same_payment,
    what_was_paid_while_we_withdrew_it_goes_back,
    a_refund_whose_key_stripe_has_forgotten_is_not_made_twice,
    a_refund_that_was_made_elsewhere_is_shown_and_moves_nothing,
    however_the_news_of_a_dispute_come_the_end_is_the_same,
    an_inquiry_holds_the_order_until_it_is_closed,
    a_payment_that_stripe_never_heard_of_can_be_called_failed,
    nothing_of_the_other_mode_is_believed,
);

async fn rail(app: &TestApp) -> (Rail<'_>, Arc<Stripe>) {
    let stripe = Stripe::start().await;
    (Rail::of(app, as_fake(&stripe)).await, stripe)
}

fn as_fake(stripe: &Arc<Stripe>) -> Arc<dyn Fake> {
    Arc::<Stripe>::clone(stripe)
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
        let step = Step { token: demo::BUYER, mutation: "payOrder", input };
        assert_eq!(codes(&rail.shop.take(&step).await.expect("an answer")), ["METHOD_NOT_AVAILABLE"], "{total}");
    }
    assert_eq!(rail.fake.way().calls(), calls);
}

async fn read_number(rail: &Rail<'_>, order: &str) -> String {
    let data =
        rail.shop.read(demo::BUYER, "query($id: ID!) { order(id: $id) { number } }", json!({ "id": order })).await;
    text(&data["order"]["number"])
}

async fn an_answer_that_was_lost_is_asked_for_again_with_the_same_key(app: &TestApp) {
    let (rail, stripe) = rail(app).await;
    let order = rail.order("123.45").await;
    rail.fake.way().trouble(Trouble::Lost);
    let payment = rail.pay(&order).await;
    assert_eq!((payment.status, payment.opened_at, payment.next_action), (PaymentStatus::Pending, None, None));
    app.clock().advance(TimeDelta::minutes(3));
    rail.drain().await;
    assert_eq!(rail.fake.way().calls(), ["POST /v1/payment_intents"; 2]);
    assert_eq!(rail.fake.payments(&payment.reference), 1);
    let payment = rail.payment(&payment.id.to_string()).await;
    let intent = stripe.books().intent(&payment.reference).clone();
    assert_eq!(payment.provider_reference.as_deref(), intent["id"].as_str());
    assert!(payment.next_action.is_some(), "the form");
    for forged in rail.fake.forgeries(&payment.reference, app.clock().wall()) {
        assert_eq!(rail.post(&forged).await.0, 401);
    }
    assert!(inbox(app).await.is_empty());
    rail.fake.expire(&payment.reference).await;
    rail.deliver().await;
    assert_eq!(rail.payment(&payment.id.to_string()).await.status, PaymentStatus::Expired);
}

/// A failure of Stripe's own is repeated for a day under the same key: the buyer doesn't wait for that.
async fn a_failure_that_stripe_repeats_is_asked_under_another_key(app: &TestApp) {
    let (rail, stripe) = rail(app).await;
    let order = rail.order("123.45").await;
    stripe.books().breaks_down = true;
    let paid = rail.pay(&order).await;
    assert_eq!((paid.status, paid.opened_at), (PaymentStatus::Pending, None));
    app.clock().advance(TimeDelta::minutes(5));
    rail.drain().await;
    let paid = rail.payment(&paid.id.to_string()).await;
    assert!(paid.next_action.is_some(), "{paid:?}");
    assert_eq!(rail.fake.payments(&paid.reference), 1);
    rail.fake.pay(&paid.reference).await;
    rail.deliver().await;
    assert_eq!(status(&rail, &order).await, "FUNDED");
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
    let was_asked = calls.iter().any(|call| call.starts_with("GET /v1/payment_intents"));
    assert!(!was_asked, "the refusal has said it all: {calls:?}");
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
    run_sql(app, "update refund set status = 'REQUESTED', provider_reference = null").await;
    stripe.books().forget_keys();
    secure_payment::payment::send_refund(&rail.app, refund_row.id).await.expect("is sent, or found");
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
    let judged: Vec<_> = inbox(app).await.into_iter().map(|row| (row.event_id, row.status)).collect();
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
            // IdempotencyKey more, in the order in which they happened, as other events.
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
    for row in inbox(app).await {
        assert_eq!((row.status, row.reason), (NotificationStatus::Applied, None));
    }
}

async fn an_inquiry_holds_the_order_until_it_is_closed(app: &TestApp) {
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
        let known = chargebacks(app, &order).await.remove(0);
        assert_eq!((known.booked, known.is_unsettled()), (false, kind != "closed"));
    }
    refunding(&rail, &order).await;
    assert_eq!(rail.fake.refunded(&payment.reference), 345);
    // It becomes a dispute after all.
    stripe.books().tell_of_dispute(&intent, "updated", &json!({ "status": "needs_response" }));
    rail.deliver().await;
    let known = chargebacks(app, &order).await;
    assert_eq!((known.len(), known[0].booked, known[0].is_unsettled()), (1, true, true));
    for row in inbox(app).await {
        assert_eq!((row.status, row.reason), (NotificationStatus::Applied, None));
    }
}

async fn a_payment_that_stripe_never_heard_of_can_be_called_failed(app: &TestApp) {
    let (rail, stripe) = rail(app).await;
    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    // Our row has lost Stripe's id: the search finds the payment by ours.
    run_sql(app, "update payment set provider_reference = null").await;
    let payment = rail.payment(&payment.id.to_string()).await;
    let query = |reference: &str| PaymentQuery {
        reference: reference.to_owned(),
        provider_reference: None,
        method: payment.method,
        amount: entity::Money::new(payment.amount, payment.currency),
        has_expired: false,
    };
    let provider = provider(&rail);
    rail.fake.pay(&payment.reference).await;
    let facts = provider.query_payment(&query(&payment.reference)).await.expect("an answer");
    assert!(matches!(&facts[..], [Fact::PaymentCaptured { .. }]), "{facts:?}");
    let unknown = provider.query_payment(&query("payment_of_nobody")).await.expect_err("is not there");
    assert!(matches!(unknown, ProviderError::NotKnown(_)), "{unknown}");
    let quoted = provider.query_payment(&query("x' OR metadata['a']:'b")).await.expect_err("is not asked");
    assert!(matches!(quoted, ProviderError::Unknown(_)), "{quoted}");
    // An answer about another amount is about another payment.
    let other =
        PaymentQuery { amount: entity::Money::new(MinorUnits(1), payment.currency), ..query(&payment.reference) };
    let other = provider.query_payment(&other).await.expect_err("is another");
    assert!(matches!(other, ProviderError::Unknown(_)), "{other}");
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
    assert_eq!(inbox(app).await.remove(0).status, NotificationStatus::Quarantined);
    assert_eq!(status(&rail, &order).await, "AWAITING_PAYMENT");
    let settings = Settings { mode: Mode::Live, ..(*rail.app.settings).clone() };
    let refused = settings.providers(&rail.app.clock).expect_err("a test key");
    assert_eq!(refused.variable, "STRIPE_API_KEY");
}

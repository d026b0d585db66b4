//! What a chargeback does to an order: everything waits, and the money is where the card company says.

use chrono::TimeDelta;
use entity::chargeback::ChargebackStatus;
use entity::notification::NotificationStatus;
use entity::payout::PayoutStatus;
use entity::refund::RefundStatus;
use entity::sandbox_movement::MovementKind;
use entity::{LedgerAccount, MinorUnits, OrderStatus, Time};
use escrow::Command;
use secure_payment::error::ErrorCode;
use secure_payment::party::demo;
use serde_json::{Value, json};

use crate::support::bank::{
    at_bank, demo_supplier, funded, inbox, news, payouts, requested_refund, status, tell, told,
};
use crate::support::events::{applied, captured, chargeback_news};
use crate::support::purchase::{Shop, codes, confirm_received, ship, text};
use crate::support::steps::{self, confirmed, order_step, pay, read};
use crate::support::trouble::{
    amounts, balance, chargebacks, count, done, kinds, operators, payment_of, provide_account, refund, refunds,
    refused, row, timeline,
};
use crate::support::{TestApp, on_each_database, trouble};

on_each_database!(
    everything_waits_until_it_is_won,
    lost_the_order_is_refunded_or_goes_on_with_the_rest,
    a_supplier_that_was_paid_owes_it,
    won_after_the_release_it_is_set_off_and_not_paid_twice,
    what_had_gone_back_already_is_a_loss_and_is_not_sent_again,
    a_refund_that_was_not_sent_is_taken_and_only_its_rest_is_sent,
    a_refund_that_was_taken_is_sent_when_it_is_won,
    one_that_was_won_is_followed_by_another,
    whatever_the_order_of_its_stages_the_end_is_the_same,
    only_what_its_own_payment_brought_is_taken,
    a_transfer_that_bounces_before_shipping_is_due_again,
    a_transfer_that_bounces_after_shipping_ends_the_order,
    a_transfer_that_bounces_after_its_refund_is_a_loss,
    what_can_not_be_is_quarantined,
    news_that_overtakes_its_capture_waits_for_it,
);

/// Without errors.
async fn decide(app: &TestApp, token: &str, id: &str, outcome: &str, amount: Option<&str>) -> Value {
    let input = json!({ "chargebackId": id, "outcome": outcome, "amount": amount });
    steps::done(order_step(app, token, "decideChargeback", input).await)
}

async fn shipped(app: &TestApp, shop: &Shop, key: &str) -> (String, String) {
    let order = funded(app, shop, key).await;
    shop.done(&ship(&order)).await;
    let payment = payment_of(shop, &order).await;
    (order, payment)
}

async fn completed(app: &TestApp, shop: &Shop, key: &str) -> (String, String) {
    let (order, payment) = shipped(app, shop, key).await;
    shop.done(&confirm_received(&order)).await;
    app.drain().await;
    (order, payment)
}

/// By the simulated bank: done, signed, told, applied.
async fn happens(app: &TestApp, kind: &str, payment: &str, amount: Option<&str>) {
    let mut input = json!({ "type": kind, "paymentId": payment });
    if let Some(amount) = amount {
        input["amount"] = json!(amount);
    }
    applied(app, demo::OPERATOR, input).await;
}

fn moment(value: &Value) -> Time {
    text(value).parse().expect("RFC 3339")
}

async fn everything_waits_until_it_is_won(app: &TestApp) {
    let shop = Shop::of(app);
    // Hours that are left of the 44 days when it comes, and hours that the order has again after it was won.
    for (key, left, again) in [("late", 5, 48), ("early", 30 * 24, 30 * 24)] {
        let (order, payment) = shipped(app, &shop, key).await;
        let deadline = moment(&read(app, demo::BUYER, &order).await["deadline"]);
        app.clock().advance(deadline - TimeDelta::hours(left) - app.clock().now());
        app.drain().await;
        happens(app, "CHARGEBACK_OPENED", &payment, None).await;
        let seen = read(app, demo::BUYER, &order).await;
        assert_eq!((&seen["status"], &seen["deadline"]), (&json!("SHIPPED"), &Value::Null), "{seen:#}");
        assert_eq!(amounts(app, &order).await, (12_800, 0, 0, 0, 12_800));
        let before = kinds(app, &order).await;

        app.clock().advance(TimeDelta::days(60));
        app.drain().await;
        let confirmed = shop.take(&confirm_received(&order)).await.expect("an answer");
        assert_eq!(codes(&confirmed), ["ORDER_FROZEN"]);
        for asked in [Command::RefundOrder { amount: MinorUnits(100) }, Command::UnfreezeOrder] {
            let code = refused(app, demo::OPERATOR, &order, asked).await;
            assert!(matches!(code, ErrorCode::OrderFrozen | ErrorCode::InvalidTransition), "{code:?}");
        }
        assert_eq!(kinds(app, &order).await, before, "nothing happened meanwhile");

        happens(app, "CHARGEBACK_DEBITED", &payment, None).await;
        assert_eq!(status(&shop, &order).await, "SHIPPED");
        happens(app, "CHARGEBACK_WON", &payment, None).await;
        assert_eq!(amounts(app, &order).await, (12_800, 12_800, 0, 0, 0));
        let thawed = timeline(app, &order).await.into_iter().rev().find(|event| event.kind == "order.thawed");
        let thawed = thawed.expect("is thawed").occurred_at;
        let now_until = moment(&read(app, demo::BUYER, &order).await["deadline"]);
        let more = now_until - thawed - TimeDelta::hours(again);
        assert!(more.abs() < TimeDelta::minutes(5), "{key}: {thawed} {now_until}");

        app.clock().advance(now_until - app.clock().now() - TimeDelta::minutes(1));
        app.drain().await;
        assert_eq!(status(&shop, &order).await, "SHIPPED", "not before");
        app.clock().advance(TimeDelta::minutes(2));
        app.drain().await;
        assert_eq!((status(&shop, &order).await.as_str(), amounts(app, &order).await.2), ("COMPLETED", 12_800));
        let causes: Vec<_> = shop.transfers(Some(&order)).await.into_iter().map(|(cause, ..)| cause).collect();
        let expected =
            ["payment.captured", "chargeback.opened", "chargeback.debited", "chargeback.won", "chargeback.won"];
        assert_eq!(causes, [&expected[..], &["funds.released"; 2]].concat());
    }
    assert!(payouts(app).await.iter().all(|payout| (payout.status, payout.amount.0) == (PayoutStatus::Paid, 12_480)));
    assert_eq!(payouts(app).await.len(), 2);
}

async fn lost_the_order_is_refunded_or_goes_on_with_the_rest(app: &TestApp) {
    let shop = Shop::of(app);
    let (order, payment) = shipped(app, &shop, "all").await;
    happens(app, "CHARGEBACK_OPENED", &payment, None).await;
    happens(app, "CHARGEBACK_LOST", &payment, None).await;
    assert_eq!(status(&shop, &order).await, "REFUNDED");
    assert_eq!(amounts(app, &order).await, (12_800, 0, 0, 0, 12_800));
    assert_eq!(at_bank(app, MovementKind::Refund).await, [], "the card company has given it back");
    let supplier = LedgerAccount::Supplier(demo_supplier(app).await);
    assert_eq!(balance(app, &supplier).await, 0);

    let (order, payment) = shipped(app, &shop, "a part").await;
    happens(app, "CHARGEBACK_OPENED", &payment, Some("28.00")).await;
    let confirmed = shop.take(&confirm_received(&order)).await.expect("an answer");
    assert_eq!(codes(&confirmed), ["ORDER_FROZEN"], "the rest waits too");
    happens(app, "CHARGEBACK_LOST", &payment, None).await;
    assert_eq!(
        (status(&shop, &order).await.as_str(), amounts(app, &order).await),
        ("SHIPPED", (12_800, 10_000, 0, 0, 2_800))
    );
    shop.done(&confirm_received(&order)).await;
    app.drain().await;
    assert_eq!(amounts(app, &order).await, (12_800, 0, 10_000, 0, 2_800));
    assert_eq!(payouts(app).await.iter().map(|payout| payout.amount.0).collect::<Vec<_>>(), [9_750]);
}

async fn a_supplier_that_was_paid_owes_it(app: &TestApp) {
    let shop = Shop::of(app);
    let supplier = LedgerAccount::Supplier(demo_supplier(app).await);
    let (order, payment) = completed(app, &shop, "first").await;
    assert_eq!((balance(app, &supplier).await, payouts(app).await.len()), (0, 1));
    happens(app, "CHARGEBACK_OPENED", &payment, None).await;
    assert_eq!((balance(app, &supplier).await, status(&shop, &order).await.as_str()), (-12_800, "COMPLETED"));
    assert!(row(app, &order).await.is_frozen());
    completed(app, &shop, "second").await;
    assert_eq!((balance(app, &supplier).await, payouts(app).await.len()), (-320, 1), "nothing is paid out of a debt");
    happens(app, "CHARGEBACK_LOST", &payment, None).await;
    assert_eq!((balance(app, &supplier).await, payouts(app).await.len()), (-320, 1));
    completed(app, &shop, "third").await;
    let paid: Vec<_> = payouts(app).await.iter().map(|payout| payout.amount.0).collect();
    assert_eq!((paid, balance(app, &supplier).await), (vec![12_480, 12_160], 0), "less the debt");
    let order = row(app, &order).await;
    assert_eq!((order.status, order.is_frozen()), (OrderStatus::Completed, false));
    assert_eq!(balance(app, &LedgerAccount::Loss).await, 0);
}

async fn won_after_the_release_it_is_set_off_and_not_paid_twice(app: &TestApp) {
    let shop = Shop::of(app);
    let (order, payment) = completed(app, &shop, "first").await;
    happens(app, "CHARGEBACK_OPENED", &payment, Some("100.00")).await;
    happens(app, "CHARGEBACK_DEBITED", &payment, None).await;
    assert_eq!(amounts(app, &order).await, (12_800, 0, 2_800, 0, 10_000));
    happens(app, "CHARGEBACK_WON", &payment, None).await;
    assert_eq!(amounts(app, &order).await, (12_800, 0, 12_800, 0, 0));
    let supplier = LedgerAccount::Supplier(demo_supplier(app).await);
    // What it owed is set off: it had been paid, and has no claim to more.
    assert_eq!((balance(app, &supplier).await, payouts(app).await.len()), (0, 1));
    assert_eq!(status(&shop, &order).await, "COMPLETED");
}

async fn what_had_gone_back_already_is_a_loss_and_is_not_sent_again(app: &TestApp) {
    let shop = Shop::of(app);
    let (order, refunded) = requested_refund(app, &shop).await;
    app.drain().await;
    assert_eq!(refund(app, &order).await.status, RefundStatus::Succeeded);
    let payment = payment_of(&shop, &order).await;
    happens(app, "CHARGEBACK_OPENED", &payment, None).await;
    assert_eq!(count(&kinds(app, &order).await, "loss.incurred"), 1);
    assert_eq!(balance(app, &LedgerAccount::Loss).await, -12_800);
    happens(app, "CHARGEBACK_DEBITED", &payment, None).await;
    happens(app, "CHARGEBACK_LOST", &payment, None).await;
    assert_eq!(
        (status(&shop, &order).await.as_str(), amounts(app, &order).await),
        ("REFUNDED", (12_800, 0, 0, 12_800, 0))
    );

    // The refund comes back: the buyer has the money by the chargeback, so nothing was lost, and nothing is sent again.
    let failed = json!({ "type": "REFUND_FAILED", "refundId": refunded.id.to_string() });
    applied(app, demo::OPERATOR, failed).await;
    let back = refund(app, &order).await;
    assert_eq!((back.status, back.charged_back), (RefundStatus::ChargedBack, back.amount));
    assert_eq!(balance(app, &LedgerAccount::Loss).await, 0);
    provide_account(app, &order).await;
    let (first, _second) = operators(app).await;
    let asked = Command::RequestManualRefund { refund_id: refunded.id, operator_id: first };
    assert_eq!(refused(app, demo::OPERATOR, &order, asked).await, ErrorCode::InvalidTransition);
    assert_eq!(at_bank(app, MovementKind::Refund).await.len(), 1);
}

/// A chargeback of `amount` comes after a refund of all was asked for, and before it was sent.
async fn before_the_refund(app: &TestApp, shop: &Shop, amount: &str) -> (String, String) {
    let (order, _refund) = requested_refund(app, shop).await;
    let payment = payment_of(shop, &order).await;
    let opened = chargeback_news("chargeback.opened", ("chargeback_1", &payment), amount, false);
    // Its news are applied before the refund's own job has its turn.
    assert_eq!(told(app, "msg_opened", &opened).await, (NotificationStatus::Applied, String::new()));
    app.clock().advance(TimeDelta::days(3));
    app.drain().await;
    assert_eq!(at_bank(app, MovementKind::Refund).await, [], "nothing is asked for while it is open");
    (order, payment)
}

async fn a_refund_that_was_not_sent_is_taken_and_only_its_rest_is_sent(app: &TestApp) {
    let shop = Shop::of(app);
    let (order, payment) = before_the_refund(app, &shop, "28.00").await;
    let waiting = refund(app, &order).await;
    assert_eq!((waiting.status, waiting.balance.0, waiting.started_at), (RefundStatus::Requested, 10_000, None));
    let lost = chargeback_news("chargeback.lost", ("chargeback_1", &payment), "28.00", false);
    told(app, "msg_lost", &lost).await;
    let sent = refund(app, &order).await;
    assert_eq!((sent.status, sent.balance.0, sent.charged_back.0), (RefundStatus::Succeeded, 0, 2_800));
    assert_eq!(at_bank(app, MovementKind::Refund).await.iter().map(|row| row.amount.0).collect::<Vec<_>>(), [10_000]);
    assert_eq!(count(&kinds(app, &order).await, "loss.incurred"), 0);
}

async fn a_refund_that_was_taken_is_sent_when_it_is_won(app: &TestApp) {
    let shop = Shop::of(app);
    let (order, payment) = before_the_refund(app, &shop, "128.00").await;
    assert_eq!(refund(app, &order).await.status, RefundStatus::ChargedBack);
    let of = |event| chargeback_news(event, ("chargeback_1", &payment), "128.00", false);
    told(app, "msg_lost", &of("chargeback.lost")).await;
    let taken = refund(app, &order).await;
    assert_eq!((taken.status, taken.balance.0), (RefundStatus::ChargedBack, 0));
    assert_eq!(at_bank(app, MovementKind::Refund).await, [], "the buyer has it that way");
    assert_eq!(count(&kinds(app, &order).await, "refund.charged_back"), 1);
    // The card company changes its mind: now the refund is due.
    told(app, "msg_won", &of("chargeback.won")).await;
    assert_eq!(refund(app, &order).await.status, RefundStatus::Succeeded);
    assert_eq!(at_bank(app, MovementKind::Refund).await.iter().map(|row| row.amount.0).collect::<Vec<_>>(), [12_800]);
    assert_eq!(status(&shop, &order).await, "REFUNDED");
}

async fn one_that_was_won_is_followed_by_another(app: &TestApp) {
    let shop = Shop::of(app);
    let (order, payment) = shipped(app, &shop, "k").await;
    for kind in ["CHARGEBACK_OPENED", "CHARGEBACK_DEBITED", "CHARGEBACK_WON"] {
        happens(app, kind, &payment, None).await;
    }
    assert_eq!((status(&shop, &order).await.as_str(), row(app, &order).await.is_frozen()), ("SHIPPED", false));
    for kind in ["CHARGEBACK_OPENED", "CHARGEBACK_DEBITED"] {
        happens(app, kind, &payment, None).await;
    }
    assert!(row(app, &order).await.is_frozen());
    happens(app, "CHARGEBACK_LOST", &payment, None).await;
    assert_eq!(status(&shop, &order).await, "REFUNDED");
    let ends: Vec<_> = chargebacks(app, &order).await.iter().map(|row| row.status).collect();
    assert_eq!(ends, [ChargebackStatus::Won, ChargebackStatus::Lost]);
    assert_eq!(balance(app, &LedgerAccount::Provider("sandbox".to_owned())).await, 0);
}

fn orders_of<'a>(stages: &[&'a str]) -> Vec<Vec<&'a str>> {
    let Some((first, rest)) = stages.split_first() else { return vec![Vec::new()] };
    let mut all = Vec::new();
    for shorter in orders_of(rest) {
        for place in 0..=shorter.len() {
            let mut longer = shorter.clone();
            longer.insert(place, first);
            all.push(longer);
        }
    }
    all
}

async fn whatever_the_order_of_its_stages_the_end_is_the_same(app: &TestApp) {
    let shop = Shop::of(app);
    for (end, expected, held) in [("won", "SHIPPED", 12_800), ("lost", "REFUNDED", 0)] {
        for (number, stages) in orders_of(&["opened", "debited", end]).into_iter().enumerate() {
            let key = format!("{end} {number}");
            let (order, payment) = shipped(app, &shop, &key).await;
            let id = format!("chargeback_{end}_{number}");
            for (place, stage) in stages.iter().chain(&stages).enumerate() {
                let news =
                    chargeback_news(&format!("chargeback.{stage}"), (&id, &payment), "128.00", *stage != "opened");
                let event_id = format!("msg_{end}_{number}_{place}");
                // The same once more, under its own id and under another.
                tell(app, &event_id, &news).await;
                let result = told(app, &event_id, &news).await;
                assert_eq!(result, (NotificationStatus::Applied, String::new()), "{stages:?} {stage}");
            }
            let row = row(app, &order).await;
            assert_eq!(
                (status(&shop, &order).await.as_str(), row.held.0, row.is_frozen()),
                (expected, held, false),
                "{stages:?}"
            );
            let kinds = kinds(app, &order).await;
            for kind in ["chargeback.opened", "chargeback.debited", &format!("chargeback.{end}")] {
                assert_eq!(count(&kinds, kind), 1, "{stages:?}: {kinds:?}");
            }
            let charged = chargebacks(app, &order).await.remove(0);
            assert_eq!((charged.debited, charged.returned), (true, end == "won"), "{stages:?}");
            assert_eq!(balance(app, &LedgerAccount::Chargeback(charged.id)).await, 0, "{stages:?}");
        }
    }
}

/// Paid 28.00 by one card and 100.00 by another, and the 100.00 given back: the 28.00 are not the second cardholder's.
async fn only_what_its_own_payment_brought_is_taken(app: &TestApp) {
    let (shop, order) = (Shop::of(app), confirmed(app, "k").await);
    let first = text(&pay(app, &order, "first", "VISA").await["id"]);
    applied(app, demo::BUYER, captured(&first, Some("28.00"))).await;
    let second = text(&pay(app, &order, "second", "MASTERCARD").await["id"]);
    applied(app, demo::BUYER, captured(&second, None)).await;
    shop.done(&ship(&order)).await;
    done(app, demo::SUPPLIER, &order, Command::RefundOrder { amount: MinorUnits(10_000) }).await;
    app.drain().await;
    let back: Vec<_> = refunds(app, &order).await.iter().map(|row| (row.payment_id, row.status)).collect();
    assert_eq!(back, [(Some(second.parse().expect("an id")), RefundStatus::Succeeded)], "the newest payment first");
    happens(app, "CHARGEBACK_OPENED", &second, None).await;
    assert_eq!((amounts(app, &order).await.1, balance(app, &LedgerAccount::Loss).await), (2_800, -10_000));
    happens(app, "CHARGEBACK_LOST", &second, None).await;
    assert_eq!(status(&shop, &order).await, "SHIPPED", "it goes on with the rest");
    shop.done(&confirm_received(&order)).await;
    app.drain().await;
    assert_eq!(amounts(app, &order).await, (12_800, 0, 2_800, 10_000, 0));
}

async fn a_transfer_that_bounces_before_shipping_is_due_again(app: &TestApp) {
    let shop = Shop::of(app);
    let order = funded(app, &shop, "k").await;
    let payment = payment_of(&shop, &order).await;
    happens(app, "PAYMENT_REVERSED", &payment, None).await;
    let seen = read(app, demo::BUYER, &order).await;
    assert_eq!((&seen["status"], &seen["escrow"]["due"]["amount"]), (&json!("AWAITING_PAYMENT"), &json!("128.00")));
    assert_eq!(seen["shipBy"], Value::Null);
    assert!(moment(&seen["deadline"]) > app.clock().now());
    let (second, checkout) = shop.pay(&order, "again").await;
    assert_ne!(second, payment);
    shop.decide(&checkout, "approve").await.expect("an answer");
    app.drain().await;
    shop.done(&ship(&order)).await;
    shop.done(&confirm_received(&order)).await;
    app.drain().await;
    assert_eq!(amounts(app, &order).await, (25_600, 0, 12_800, 0, 12_800));
    assert_eq!(payouts(app).await.iter().map(|row| row.amount.0).collect::<Vec<_>>(), [12_480]);
}

async fn a_transfer_that_bounces_after_shipping_ends_the_order(app: &TestApp) {
    let shop = Shop::of(app);
    let (order, payment) = shipped(app, &shop, "a part").await;
    happens(app, "PAYMENT_REVERSED", &payment, Some("28.00")).await;
    assert_eq!((status(&shop, &order).await.as_str(), amounts(app, &order).await.1), ("SHIPPED", 10_000));
    happens(app, "PAYMENT_REVERSED", &payment, None).await;
    assert_eq!(
        (status(&shop, &order).await.as_str(), amounts(app, &order).await),
        ("REFUNDED", (12_800, 0, 0, 0, 12_800))
    );
    assert!(row(app, &order).await.timer_at.is_none());
    let supplier = LedgerAccount::Supplier(demo_supplier(app).await);
    let (order, payment) = completed(app, &shop, "released").await;
    happens(app, "PAYMENT_REVERSED", &payment, None).await;
    assert_eq!((status(&shop, &order).await.as_str(), balance(app, &supplier).await), ("COMPLETED", -12_800));
}

async fn a_transfer_that_bounces_after_its_refund_is_a_loss(app: &TestApp) {
    let shop = Shop::of(app);
    let (order, _refund) = requested_refund(app, &shop).await;
    app.drain().await;
    let payment = payment_of(&shop, &order).await;
    happens(app, "PAYMENT_REVERSED", &payment, None).await;
    assert_eq!((status(&shop, &order).await.as_str(), balance(app, &LedgerAccount::Loss).await), ("REFUNDED", -12_800));
    assert_eq!(count(&kinds(app, &order).await, "loss.incurred"), 1);
}

async fn what_can_not_be_is_quarantined(app: &TestApp) {
    let shop = Shop::of(app);
    let (order, payment) = shipped(app, &shop, "k").await;
    let of =
        |payment: &str, amount: &str| chargeback_news("chargeback.opened", ("chargeback_1", payment), amount, false);
    let mut in_euro = of(&payment, "1.00");
    in_euro["movement"]["amount"]["currency"] = json!("EUR");
    let mut reversed = news("payment.reversed", ("reversal_1", &payment), ("128.01", "USD"), None);
    reversed["movement"]["kind"] = json!("REVERSAL");
    reversed["movement"]["status"] = json!("SUCCEEDED");
    for (event_id, body) in
        [("msg_unknown", of("payment_00000000000000000000000000", "1.00")), ("msg_reversed", reversed)]
    {
        let (status, reason) = told(app, event_id, &body).await;
        assert_eq!((status, reason.is_empty()), (NotificationStatus::Quarantined, false), "{event_id}: {reason}");
    }
    let row = row(app, &order).await;
    assert_eq!((row.chargebacks, row.frozen_by_operator, row.held.0), (0, true, 12_800), "its money waits");
    trouble::done(app, demo::OPERATOR, &order, Command::UnfreezeOrder).await;
    // What can't be booked as it is stands there, and the order waits.
    for (number, body) in [("more", of(&payment, "128.01")), ("euro", in_euro)] {
        let mut body = body;
        body["movement"]["id"] = json!(format!("chargeback_{number}"));
        assert_eq!(told(app, number, &body).await, (NotificationStatus::Applied, String::new()));
        let newest = chargebacks(app, &order).await.pop().expect("is known");
        assert!(!newest.booked && newest.problem.is_some(), "{newest:#?}");
        decide(app, demo::OPERATOR, &newest.id.to_string(), "WON", None).await;
    }
    assert!(!trouble::row(app, &order).await.is_frozen());
    // The same id with another amount contradicts what was said.
    told(app, "msg_1", &of(&payment, "28.00")).await;
    let (status, reason) = told(app, "msg_2", &of(&payment, "29.00")).await;
    assert_eq!((status, reason.contains("28.00")), (NotificationStatus::Quarantined, true), "{reason}");
    assert_eq!(amounts(app, &order).await.4, 2_800);
}

async fn news_that_overtakes_its_capture_waits_for_it(app: &TestApp) {
    let shop = Shop::of(app);
    let order = shop.place("k").await;
    let (payment, checkout) = shop.pay(&order, "k").await;
    let opened = chargeback_news("chargeback.opened", ("chargeback_1", &payment), "128.00", false);
    assert_eq!(told(app, "msg_early", &opened).await.0, NotificationStatus::Applied, "it is known");
    assert!(row(app, &order).await.is_frozen());
    shop.decide(&checkout, "approve").await.expect("an answer");
    app.drain().await;
    assert_eq!(status(&shop, &order).await, "FUNDED");
    app.clock().advance(TimeDelta::minutes(10));
    app.drain().await;
    assert_eq!(inbox(app, "msg_early").await, (NotificationStatus::Applied, String::new()));
    let row = row(app, &order).await;
    assert_eq!((row.status, row.held.0, row.charged_back.0, row.is_frozen()), (OrderStatus::Funded, 0, 12_800, true));
}

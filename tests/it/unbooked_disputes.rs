//! Disputes that can't be booked as they were notified: they stand there, the order waits, and there is a way out.

use entity::chargeback::ChargebackStatus;
use entity::notification::NotificationStatus;
use secure_payment::party::demo;
use serde_json::{Value, json};

use crate::support::bank::{funded, news, status, told};
use crate::support::events::chargeback_news;
use crate::support::purchase::{Shop, codes};
use crate::support::steps::{done, order_step, read, refused};
use crate::support::trouble::{amounts, chargebacks, kinds, payment_of, row};
use crate::support::{TestApp, on_each_database};

on_each_database!(
    one_of_money_that_has_not_come_waits_for_it_and_is_shown,
    its_end_may_come_before_the_money_too,
    one_in_another_currency_or_of_too_much_waits_for_a_person,
    two_operators_end_what_its_provider_does_not_end,
    what_its_provider_says_later_is_compared_with_what_was_decided,
    an_operator_alone_ends_what_nothing_was_booked_of,
    a_message_that_can_not_be_booked_stops_the_money_of_the_order_that_it_names,
);

const APPLIED: (NotificationStatus, String) = (NotificationStatus::Applied, String::new());

/// As an id may be.
fn id_of(key: &str) -> String {
    key.chars().map(|sign| if sign.is_ascii_alphanumeric() { sign } else { '_' }).collect()
}

async fn hears(app: &TestApp, id: &str, event: &str, (dispute, payment): (&str, &str), amount: &str, debited: bool) {
    let body = chargeback_news(event, (&id_of(dispute), payment), amount, debited);
    assert_eq!(told(app, &id_of(id), &body).await, APPLIED, "{event}");
}

/// What operators see.
async fn open(app: &TestApp) -> Vec<Value> {
    let query = "{ openChargebacks(first: 20) { nodes { id orderId booked problem status amount { amount currency }
        decision { outcome isFinal amount { amount } } } } }";
    let mut data = app.data(demo::OPERATOR, query, json!({})).await;
    data["openChargebacks"]["nodes"].take().as_array().expect("a list").clone()
}

async fn decide(app: &TestApp, token: &str, id: &Value, outcome: &str, amount: Option<&str>) -> Value {
    order_step(app, token, "decideChargeback", json!({ "chargebackId": id, "outcome": outcome, "amount": amount }))
        .await
}

async fn one_of_money_that_has_not_come_waits_for_it_and_is_shown(app: &TestApp) {
    let shop = Shop::of(app);
    for (key, amount, debited) in [("all", "128.00", false), ("part", "28.00", true)] {
        let order = shop.place(key).await;
        let (payment, checkout) = shop.pay(&order, key).await;
        let event = if debited { "chargeback.debited" } else { "chargeback.opened" };
        for time in 0..2 {
            hears(app, &format!("{key} {time}"), event, (key, &payment), amount, debited).await;
        }
        let shown = open(app).await;
        let shown = shown.iter().find(|shown| shown["orderId"] == json!(order)).expect("operators see it");
        assert_eq!((&shown["booked"], &shown["amount"]["amount"]), (&json!(false), &json!(amount)));
        assert!(shown["problem"].as_str().is_some_and(|problem| problem.contains("not here yet")), "{shown:#}");
        assert!(row(app, &order).await.is_frozen());
        assert_eq!(shop.transfers(Some(&order)).await, []);

        shop.decide(&checkout, "approve").await.expect("an answer");
        app.drain().await;
        let known = chargebacks(app, &order).await.remove(0);
        assert_eq!((known.booked, known.debited, known.status), (true, debited, ChargebackStatus::Open));
        assert_eq!((known.problem, row(app, &order).await.is_frozen()), (None, true));
        let left = 12_800 - known.amount.0;
        assert_eq!(amounts(app, &order).await, (12_800, left, 0, 0, known.amount.0));
        hears(app, &format!("{key} lost"), "chargeback.lost", (key, &payment), amount, debited).await;
        assert_eq!(status(&shop, &order).await, if left == 0 { "REFUNDED" } else { "FUNDED" });
        assert!(!row(app, &order).await.is_frozen());
    }
}

async fn its_end_may_come_before_the_money_too(app: &TestApp) {
    let shop = Shop::of(app);
    for (end, debited, expected) in
        [("won", false, "FUNDED"), ("won", true, "FUNDED"), ("lost", false, "REFUNDED"), ("lost", true, "REFUNDED")]
    {
        let key = format!("{end} {debited}");
        let order = shop.place(&key).await;
        let (payment, _) = shop.pay(&order, &key).await;
        let ends = format!("chargeback.{end}");
        hears(app, &format!("{key} end"), &ends, (&key, &payment), "128.00", debited).await;
        if debited {
            hears(app, &format!("{key} debit"), "chargeback.debited", (&key, &payment), "128.00", true).await;
        }
        hears(app, &format!("{key} open"), "chargeback.opened", (&key, &payment), "128.00", false).await;
        assert_eq!(shop.transfers(Some(&order)).await, []);
        let paid = news("payment.succeeded", (&id_of(&format!("m {key}")), &payment), ("128.00", "USD"), None);
        assert_eq!(told(app, &id_of(&format!("{key} paid")), &paid).await, APPLIED);
        assert_eq!(
            (status(&shop, &order).await.as_str(), row(app, &order).await.is_frozen()),
            (expected, false),
            "{key}"
        );
        let known = chargebacks(app, &order).await.remove(0);
        assert_eq!((known.debited, known.returned), (debited, debited && end == "won"), "{key}");
    }
    assert_eq!(open(app).await, Vec::<Value>::new());
}

async fn one_in_another_currency_or_of_too_much_waits_for_a_person(app: &TestApp) {
    let shop = Shop::of(app);
    for (key, amount, currency) in [("yen", "9000", "JPY"), ("euro", "110.00", "EUR"), ("more", "128.01", "USD")] {
        let order = funded(app, &shop, key).await;
        let payment = payment_of(&shop, &order).await;
        let mut body = chargeback_news("chargeback.opened", (key, &payment), amount, false);
        body["movement"]["amount"]["currency"] = json!(currency);
        for time in 0..2 {
            assert_eq!(told(app, &id_of(&format!("{key} {time}")), &body).await, APPLIED);
        }
        let shown = open(app).await.remove(0);
        assert_eq!(shown["amount"], json!({ "amount": amount, "currency": currency }), "as its provider says it");
        assert!(row(app, &order).await.is_frozen());
        let asked = refused(&decide(app, demo::OPERATOR, &shown["id"], "LOST", Some("128.01")).await, "INVALID_INPUT");
        assert!(asked.contains("brought"), "{asked}");
        // What it came to in the order's currency, somebody has looked up.
        done(decide(app, demo::OPERATOR, &shown["id"], "LOST", Some("100.00")).await);
        assert_eq!(amounts(app, &order).await.4, 0, "another operator has to decide the same");
        done(decide(app, demo::SECOND_OPERATOR, &shown["id"], "LOST", Some("100.00")).await);
        assert_eq!(amounts(app, &order).await, (12_800, 2_800, 0, 0, 10_000));
        assert_eq!((status(&shop, &order).await.as_str(), row(app, &order).await.is_frozen()), ("FUNDED", false));
        assert_eq!(open(app).await, Vec::<Value>::new());
    }
}

async fn opened(app: &TestApp, shop: &Shop, key: &str) -> (String, String, Value) {
    let order = funded(app, shop, key).await;
    let payment = payment_of(shop, &order).await;
    hears(app, &format!("{key} open"), "chargeback.debited", (key, &payment), "128.00", true).await;
    (order, payment, open(app).await.remove(0)["id"].take())
}

async fn two_operators_end_what_its_provider_does_not_end(app: &TestApp) {
    let shop = Shop::of(app);
    for (outcome, amount, lost) in
        [("WON", None, 0), ("LOST", None, 12_800), ("LOST", Some("28.00"), 2_800), ("WON", Some("28.00"), 10_000)]
    {
        let key = format!("{outcome} {amount:?}");
        let (order, _, id) = opened(app, &shop, &key).await;
        let offered = async |token: &str| {
            let query = "query($id: ID!) { order(id: $id) { availableActions { action } } }";
            let seen = app.data(token, query, json!({ "id": order })).await;
            seen["order"]["availableActions"].to_string().contains("DECIDE_CHARGEBACK")
        };
        assert_eq!((offered(demo::OPERATOR).await, offered(demo::BUYER).await), (true, false));
        let buyer = decide(app, demo::BUYER, &id, outcome, amount).await;
        refused(&buyer, "NOT_PERMITTED");
        done(decide(app, demo::OPERATOR, &id, outcome, amount).await);
        refused(&decide(app, demo::OPERATOR, &id, outcome, amount).await, "NOT_PERMITTED");
        assert_eq!(open(app).await[0]["decision"]["isFinal"], false);
        let other = if outcome == "WON" { "LOST" } else { "WON" };
        done(decide(app, demo::SECOND_OPERATOR, &id, other, None).await);
        assert!(row(app, &order).await.is_frozen(), "they don't want the same");
        done(decide(app, demo::OPERATOR, &id, outcome, amount).await);
        done(decide(app, demo::SECOND_OPERATOR, &id, outcome, amount).await);
        assert_eq!(amounts(app, &order).await, (12_800, 12_800 - lost, 0, 0, lost), "{key}");
        assert!(!row(app, &order).await.is_frozen());
        assert_eq!(status(&shop, &order).await, if lost == 12_800 { "REFUNDED" } else { "FUNDED" });
        refused(&decide(app, demo::OPERATOR, &id, outcome, amount).await, "INVALID_TRANSITION");
    }
}

async fn what_its_provider_says_later_is_compared_with_what_was_decided(app: &TestApp) {
    let shop = Shop::of(app);
    for (outcome, later, agrees) in
        [("WON", "won", true), ("LOST", "lost", true), ("WON", "lost", false), ("LOST", "won", false)]
    {
        let key = format!("{outcome} {later}");
        let (order, payment, id) = opened(app, &shop, &key).await;
        for token in [demo::OPERATOR, demo::SECOND_OPERATOR] {
            done(decide(app, token, &id, outcome, None).await);
        }
        let before = shop.transfers(Some(&order)).await;
        for time in 0..2 {
            let event = format!("chargeback.{later}");
            hears(app, &format!("{key} {time}"), &event, (&key, &payment), "128.00", true).await;
        }
        assert_eq!(row(app, &order).await.is_frozen(), !agrees, "{key}");
        if agrees {
            assert_eq!(shop.transfers(Some(&order)).await, before);
            continue;
        }
        assert!(kinds(app, &order).await.contains(&"chargeback.disputed".to_owned()));
        let shown = open(app).await.remove(0);
        assert!(shown["problem"].as_str().is_some_and(|problem| problem.contains("operators")), "{shown:#}");
        // The provider was right, say they now.
        let outcome = later.to_uppercase();
        let asked = done(decide(app, demo::OPERATOR, &id, &outcome, None).await);
        if row(app, &order).await.is_frozen() {
            assert!(asked["id"].is_string());
            done(decide(app, demo::SECOND_OPERATOR, &id, &outcome, None).await);
        }
        assert!(!row(app, &order).await.is_frozen(), "{key}");
        assert_eq!(amounts(app, &order).await.4, if later == "won" { 0 } else { 12_800 }, "{key}");
        assert_eq!(open(app).await, Vec::<Value>::new());
    }
}

async fn an_operator_alone_ends_what_nothing_was_booked_of(app: &TestApp) {
    let shop = Shop::of(app);
    for (key, outcome) in [("won", "WON"), ("lost", "LOST")] {
        let order = shop.place(key).await;
        let (payment, checkout) = shop.pay(&order, key).await;
        hears(app, key, "chargeback.opened", (key, &payment), "128.00", false).await;
        let frozen = read(app, demo::BUYER, &order).await;
        let refused = shop.take(&crate::support::purchase::cancel(&order)).await.expect("an answer");
        assert_eq!(codes(&refused), ["ORDER_FROZEN"], "{frozen:#}");
        let id = open(app).await.remove(0)["id"].take();
        done(decide(app, demo::OPERATOR, &id, outcome, None).await);
        assert_eq!((open(app).await.len(), row(app, &order).await.is_frozen()), (0, false));
        // Its money comes all the same: of a dispute that was thought to be lost, somebody has to look at that.
        shop.decide(&checkout, "approve").await.expect("an answer");
        app.drain().await;
        assert_eq!(status(&shop, &order).await, "FUNDED");
        assert_eq!(row(app, &order).await.is_frozen(), outcome == "LOST");
        assert_eq!(open(app).await.len(), usize::from(outcome == "LOST"));
    }
}

async fn a_message_that_can_not_be_booked_stops_the_money_of_the_order_that_it_names(app: &TestApp) {
    let shop = Shop::of(app);
    let other = funded(app, &shop, "other").await;
    for (key, kind) in [("new", "payment.seized"), ("more", "payment.reversed")] {
        let order = funded(app, &shop, key).await;
        let payment = payment_of(&shop, &order).await;
        let mut body = news(kind, (&format!("m_{key}"), &payment), ("128.01", "USD"), None);
        body["movement"]["kind"] = json!("REVERSAL");
        body["movement"]["status"] = json!("SUCCEEDED");
        assert_eq!(told(app, key, &body).await.0, NotificationStatus::Quarantined);
        assert!(row(app, &order).await.is_frozen() && !row(app, &other).await.is_frozen(), "{key}");
        let shipped = shop.take(&crate::support::purchase::ship(&order)).await.expect("an answer");
        assert_eq!(codes(&shipped), ["ORDER_FROZEN"]);
        done(order_step(app, demo::OPERATOR, "unfreezeOrder", json!({ "orderId": order })).await);
        shop.done(&crate::support::purchase::ship(&order)).await;
    }
}

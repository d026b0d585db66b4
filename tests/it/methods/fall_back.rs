//! A provider that doesn't open a payment, and the next one of the route that does.

use std::sync::Arc;

use chrono::TimeDelta;
use futures_util::future::join_all;
use secure_payment::party::demo;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::rails;
use crate::support::bank::serve;
use crate::support::purchase::{Shop, text};
use crate::support::rail::{Fake, Rail, Trouble};
use crate::support::steps::mutate;
use crate::support::{TestApp, on_each_database};

on_each_database!(
    the_next_one_is_shown_in_the_same_call,
    money_that_comes_by_the_first_one_funds_the_order,
    when_both_are_paid_one_is_set_aside,
    fifty_at_once_get_one_replacement,
    an_answer_that_comes_too_late_is_withdrawn,
    what_has_failed_is_not_asked_for_again,
    the_job_goes_on_where_a_server_stopped,
    the_job_asks_the_next_one_too,
    who_cannot_take_it_is_not_asked,
    two_failures_are_told,
    the_simulated_bank_takes_nobodys_place_unless_a_route_names_it,
    who_pays_is_kept_only_of_the_one_that_is_asked,
    strangers_see_neither,
);

const METHOD: &str = "ALIPAY";
const TOTAL: &str = "128.00";

/// Two providers of one method.
struct Two<'a> {
    rail: Rail<'a>,
    first: Arc<dyn Fake>,
    second: Arc<dyn Fake>,
}

impl<'a> Two<'a> {
    async fn of(app: &'a TestApp, [first, second]: [&str; 2]) -> Self {
        let (first, second) = (rails::fake(first).await, rails::fake(second).await);
        let rail = Rail::routed(app, METHOD, &[Arc::clone(&first), Arc::clone(&second)]).await;
        Self { rail, first, second }
    }

    async fn order(&self) -> String {
        self.rail.order_in("USD", TOTAL).await
    }

    async fn payments(&self, order: &str) -> Vec<Value> {
        payments(&self.rail.shop, demo::STOREFRONT, order).await
    }

    async fn drain_later(&self, delta: TimeDelta) {
        self.rail.app.clock.advance(delta);
        self.rail.drain().await;
    }
}

async fn pay(shop: &Shop, order: &str, key: &str, payer: Value) -> Value {
    let query = "mutation($input: PayOrderInput!) { payOrder(input: $input) { payment { id status provider failure
        replacedBy { id } nextAction { __typename } } errors { code message path } } }";
    let input =
        json!({ "orderId": order, "idempotencyKey": format!("{order} {key}"), "method": METHOD, "payer": payer });
    let mut answer = shop.read(demo::BUYER, query, json!({ "input": input })).await["payOrder"].take();
    assert_eq!(answer["errors"], json!([]), "{answer:#}");
    answer["payment"].take()
}

async fn payments(shop: &Shop, token: &str, order: &str) -> Vec<Value> {
    let query = "query($id: ID!) { order(id: $id) { payments { id provider reference status failure replacedBy { id }
        captured { amount } } } }";
    let data = shop.read(token, query, json!({ "id": order })).await;
    let mut payments = data["order"]["payments"].as_array().expect("a list").clone();
    payments.sort_by_key(|payment| text(&payment["id"]));
    payments
}

fn shown(payment: &Value) -> (&str, &str, bool) {
    let text = |field: &str| payment[field].as_str().expect("text");
    (text("provider"), text("status"), payment["nextAction"].is_object())
}

fn refusal() -> Trouble {
    Trouble::Says(422, json!({ "error": { "code": "refused", "message": "not today" } }))
}

async fn the_next_one_is_shown_in_the_same_call(app: &TestApp) {
    let two = Two::of(app, ["partner", "antom"]).await;
    for (trouble, first_status, ends) in [
        (Trouble::Bare(503), "PENDING", "PENDING"),
        (refusal(), "FAILED", "FAILED"),
        (Trouble::Lost, "PENDING", "CANCELLED"),
    ] {
        let order = two.order().await;
        two.first.way().trouble(trouble.clone());
        let payment = pay(&two.rail.shop, &order, "pay", Value::Null).await;
        assert_eq!(shown(&payment), ("antom", "PENDING", true), "{trouble:?}: {payment:#}");
        assert_eq!(payment["replacedBy"], Value::Null);
        for key in ["pay", "another key"] {
            assert_eq!(pay(&two.rail.shop, &order, key, Value::Null).await["id"], payment["id"], "{trouble:?} {key}");
        }
        let listed = two.payments(&order).await;
        assert_eq!(listed.len(), 2, "{listed:#?}");
        assert_eq!((&listed[0]["status"], &listed[0]["replacedBy"]["id"]), (&json!(first_status), &payment["id"]));
        // Its job withdraws it; the provider that has never heard of it is believed after a day.
        two.drain_later(TimeDelta::minutes(5)).await;
        let listed = two.payments(&order).await;
        assert_eq!((&listed[0]["status"], &listed[1]["status"]), (&json!(ends), &json!("PENDING")), "{trouble:?}");
        two.second.pay(&text(&listed[1]["reference"])).await;
        two.rail.deliver_from(two.second.as_ref()).await;
        assert_eq!(two.rail.shop.order(&order).await["status"], "FUNDED");
        two.drain_later(TimeDelta::days(2)).await;
        let listed = two.payments(&order).await;
        assert!(
            ["CANCELLED", "FAILED"].map(|end| json!(end)).contains(&listed[0]["status"]),
            "{trouble:?}: {listed:#?}"
        );
    }
}

/// An order of which both providers have a payment, the second one's shown to the buyer; their references.
async fn both_have_it(two: &Two<'_>) -> (String, String, String) {
    let order = two.order().await;
    two.first.way().trouble(Trouble::Lost);
    assert_eq!(shown(&pay(&two.rail.shop, &order, "pay", Value::Null).await), ("antom", "PENDING", true));
    let listed = two.payments(&order).await;
    let (first, second) = (text(&listed[0]["reference"]), text(&listed[1]["reference"]));
    assert_eq!((two.first.payments(&first), two.second.payments(&second)), (1, 1));
    (order, first, second)
}

async fn money_that_comes_by_the_first_one_funds_the_order(app: &TestApp) {
    let two = Two::of(app, ["partner", "antom"]).await;
    let (order, first, _second) = both_have_it(&two).await;
    two.first.pay(&first).await;
    two.rail.deliver().await;
    let seen = two.rail.shop.order(&order).await;
    assert_eq!((&seen["status"], &seen["escrow"]["held"]["amount"]), (&json!("FUNDED"), &json!(TOTAL)));
    two.drain_later(TimeDelta::minutes(5)).await;
    let listed = two.payments(&order).await;
    assert_eq!((&listed[0]["status"], &listed[1]["status"]), (&json!("CAPTURED"), &json!("CANCELLED")), "{listed:#?}");
    assert_eq!(seen["unappliedFunds"], json!([]));
}

async fn when_both_are_paid_one_is_set_aside(app: &TestApp) {
    let two = Two::of(app, ["partner", "antom"]).await;
    for is_first_sooner in [true, false] {
        let (order, first, second) = both_have_it(&two).await;
        two.first.pay(&first).await;
        two.second.pay(&second).await;
        let mut fakes = [&two.first, &two.second];
        if !is_first_sooner {
            fakes.reverse();
        }
        for fake in fakes {
            two.rail.deliver_from(fake.as_ref()).await;
        }
        let seen = two.rail.shop.order(&order).await;
        assert_eq!((&seen["status"], &seen["escrow"]["held"]["amount"]), (&json!("FUNDED"), &json!(TOTAL)));
        let aside = seen["unappliedFunds"].as_array().expect("a list");
        assert_eq!(aside.iter().map(|row| text(&row["amount"]["amount"])).collect::<Vec<_>>(), [TOTAL], "{seen:#}");
    }
}

async fn fifty_at_once_get_one_replacement(app: &TestApp) {
    let two = Two::of(app, ["partner", "antom"]).await;
    let order = two.order().await;
    for _call in 0..100 {
        two.first.way().trouble(Trouble::Bare(503));
    }
    let keys: Vec<String> = (0..50).map(|number| format!("pay {}", number / 2)).collect();
    let all = join_all(keys.iter().map(|key| pay(&two.rail.shop, &order, key, Value::Null))).await;
    for payment in &all {
        assert_eq!((&payment["id"], shown(payment)), (&all[0]["id"], ("antom", "PENDING", true)));
    }
    let listed = two.payments(&order).await;
    assert_eq!(listed.len(), 2, "{listed:#?}");
    assert_eq!(two.second.payments(&text(&listed[1]["reference"])), 1);
}

async fn an_answer_that_comes_too_late_is_withdrawn(app: &TestApp) {
    let two = Two::of(app, ["partner", "antom"]).await;
    let order = two.order().await;
    let (open, gate) = watch::channel(false);
    two.first.way().trouble(Trouble::Gated(gate));
    two.first.way().trouble(Trouble::Bare(503));
    let slow = pay(&two.rail.shop, &order, "slow", Value::Null);
    let quick = async {
        two.first.way().called("POST /v1/payments").await;
        let quick = pay(&two.rail.shop, &order, "quick", Value::Null).await;
        open.send_replace(true);
        quick
    };
    let (slow, quick) = tokio::join!(slow, quick);
    assert_eq!(shown(&quick), ("antom", "PENDING", true));
    assert_eq!(slow["id"], quick["id"], "both see the same");
    // Not in five minutes: at once.
    two.rail.drain().await;
    let listed = two.payments(&order).await;
    assert_eq!((&listed[0]["status"], &listed[1]["status"]), (&json!("CANCELLED"), &json!("PENDING")), "{listed:#?}");
}

/// Somebody who still waits for the first one's answer follows to the second one, which has refused meanwhile.
async fn what_has_failed_is_not_asked_for_again(app: &TestApp) {
    let two = Two::of(app, ["antom", "partner"]).await;
    let order = two.order().await;
    let (open, gate) = watch::channel(false);
    two.first.way().trouble(Trouble::Gated(gate));
    two.first.way().trouble(Trouble::Bare(503));
    two.second.way().trouble(refusal());
    let slow = pay(&two.rail.shop, &order, "slow", Value::Null);
    let quick = async {
        two.first.way().called("POST ").await;
        let quick = pay(&two.rail.shop, &order, "quick", Value::Null).await;
        open.send_replace(true);
        quick
    };
    let (slow, quick) = tokio::join!(slow, quick);
    assert_eq!(shown(&quick), ("partner", "FAILED", false));
    assert_eq!((&slow["id"], shown(&slow)), (&quick["id"], ("partner", "FAILED", false)));
    let reference = text(&two.payments(&order).await[1]["reference"]);
    assert_eq!(two.second.payments(&reference), 0, "the buyer was told that it failed");
}

async fn the_job_goes_on_where_a_server_stopped(app: &TestApp) {
    // The first one's payment was replaced, and the second one's was not asked for.
    let two = Two::of(app, ["partner", "antom"]).await;
    let order = two.order().await;
    two.first.way().trouble(Trouble::Bare(503));
    two.second.way().trouble(Trouble::Bare(503));
    let payment = pay(&two.rail.shop, &order, "pay", Value::Null).await;
    assert_eq!(shown(&payment), ("antom", "PENDING", false));
    two.drain_later(TimeDelta::minutes(5)).await;
    let opened = pay(&two.rail.shop, &order, "pay", Value::Null).await;
    assert_eq!((&opened["id"], shown(&opened)), (&payment["id"], ("antom", "PENDING", true)));
}

async fn the_job_asks_the_next_one_too(app: &TestApp) {
    // Nothing but the attempt was written down.
    let two = Two::of(app, ["partner", "antom"]).await;
    let alone = Rail::routed(app, METHOD, &[Arc::clone(&two.first)]).await;
    let order = two.order().await;
    two.first.way().trouble(Trouble::Bare(503));
    assert_eq!(shown(&pay(&alone.shop, &order, "pay", Value::Null).await), ("partner", "PENDING", false));
    two.first.way().trouble(Trouble::Bare(503));
    two.drain_later(TimeDelta::minutes(5)).await;
    assert_eq!(shown(&pay(&two.rail.shop, &order, "pay", Value::Null).await), ("antom", "PENDING", true));
    assert_eq!(two.payments(&order).await.len(), 2);
}

async fn who_cannot_take_it_is_not_asked(app: &TestApp) {
    // The first one doesn't take the currency.
    let two = Two::of(app, ["partner", "antom"]).await;
    let order = two.rail.order_in("CNY", TOTAL).await;
    let payment = pay(&two.rail.shop, &order, "pay", Value::Null).await;
    assert_eq!(shown(&payment), ("antom", "PENDING", true));
    assert_eq!((two.payments(&order).await.len(), two.first.way().calls().len()), (1, 0));

    // The second one doesn't.
    let two = Two::of(app, ["antom", "partner"]).await;
    let order = two.rail.order_in("CNY", TOTAL).await;
    two.first.way().trouble(Trouble::Bare(503));
    let payment = pay(&two.rail.shop, &order, "pay", Value::Null).await;
    assert_eq!(shown(&payment), ("antom", "PENDING", false), "it will be asked again");
    assert_eq!((two.payments(&order).await.len(), two.second.way().calls().len()), (1, 0));

    // The second one wants to know who pays.
    let mut settings = (*two.rail.app.settings).clone();
    settings.providers.partner.payer_fields = vec!["document".to_owned()];
    let (_node, shop) = serve(app, settings).await;
    for (payer, told) in [
        (Value::Null, ("antom", "PENDING", false)),
        (json!({ "email": "ana@example.com" }), ("antom", "PENDING", false)),
        (json!({ "document": "123.456.789-09" }), ("partner", "PENDING", true)),
    ] {
        let order = two.order().await;
        two.first.way().trouble(Trouble::Bare(503));
        assert_eq!(shown(&pay(&shop, &order, "pay", payer.clone()).await), told, "{payer}");
    }
}

async fn two_failures_are_told(app: &TestApp) {
    let two = Two::of(app, ["antom", "partner"]).await;
    let order = two.order().await;
    two.first.way().trouble(Trouble::Bare(503));
    two.second.way().trouble(refusal());
    let payment = pay(&two.rail.shop, &order, "pay", Value::Null).await;
    assert_eq!(shown(&payment), ("partner", "FAILED", false), "{payment:#}");
    assert_eq!(payment["failure"], "not today");
    assert_eq!(pay(&two.rail.shop, &order, "pay", Value::Null).await["id"], payment["id"]);
    // Another attempt begins with the first one again.
    let again = pay(&two.rail.shop, &order, "again", Value::Null).await;
    assert_eq!(shown(&again), ("antom", "PENDING", true));
    assert_eq!(two.payments(&order).await.len(), 3);
    assert_eq!(two.rail.shop.order(&order).await["status"], "AWAITING_PAYMENT");
}

async fn the_simulated_bank_takes_nobodys_place_unless_a_route_names_it(app: &TestApp) {
    for routes in [&[][..], &["ALIPAY=antom|sandbox"]] {
        let antom = rails::fake("antom").await;
        let rail = Rail::with(app, &[Arc::clone(&antom)], routes).await;
        let order = rail.order_in("USD", TOTAL).await;
        antom.way().trouble(Trouble::Bare(503));
        let payment = pay(&rail.shop, &order, "pay", Value::Null).await;
        if routes.is_empty() {
            // It may have opened it: its job asks again.
            assert_eq!(shown(&payment), ("antom", "PENDING", false), "{payment:#}");
            let listed = payments(&rail.shop, demo::STOREFRONT, &order).await;
            assert_eq!(listed.len(), 1, "{listed:#?}");
            continue;
        }
        assert_eq!(shown(&payment), ("sandbox", "PENDING", true), "{payment:#}");
        let listed = payments(&rail.shop, demo::STOREFRONT, &order).await;
        assert_eq!(listed[0]["replacedBy"]["id"], payment["id"]);
    }
}

async fn who_pays_is_kept_only_of_the_one_that_is_asked(app: &TestApp) {
    let two = Two::of(app, ["partner", "antom"]).await;
    let order = two.order().await;
    two.first.way().trouble(Trouble::Bare(503));
    two.second.way().trouble(Trouble::Bare(503));
    pay(&two.rail.shop, &order, "pay", json!({ "email": "ana@example.com" })).await;
    let listed = two.payments(&order).await;
    let is_kept = async |payment: &Value| two.rail.payment(&text(&payment["id"])).await.encrypted_payer.is_some();
    assert_eq!((is_kept(&listed[0]).await, is_kept(&listed[1]).await), (false, true));
    two.drain_later(TimeDelta::minutes(5)).await;
    assert!(!is_kept(&listed[1]).await, "it was asked");
}

async fn strangers_see_neither(app: &TestApp) {
    let two = Two::of(app, ["partner", "antom"]).await;
    let order = two.order().await;
    two.first.way().trouble(Trouble::Bare(503));
    let payment = pay(&two.rail.shop, &order, "pay", Value::Null).await;
    let first = two.payments(&order).await[0]["id"].clone();
    let fields = "session { token } errors { code message path }";
    let input = json!({ "buyerReference": "other" });
    let session = mutate(app, demo::STOREFRONT, "createBuyerSession", "CreateBuyerSessionInput", input, fields).await;
    let query = "query($id: ID!) { payment(id: $id) { id replacedBy { id nextAction { __typename } } } }";
    let see = async |token: &str| two.rail.shop.read(token, query, json!({ "id": first })).await["payment"].take();
    assert_eq!(see(&text(&session["session"]["token"])).await, Value::Null);
    let seen = see(demo::BUYER).await;
    assert_eq!(seen["replacedBy"], json!({ "id": payment["id"], "nextAction": { "__typename": "RedirectAction" } }));
    assert_eq!(see(demo::SUPPLIER).await["replacedBy"], json!({ "id": payment["id"], "nextAction": null }));
}

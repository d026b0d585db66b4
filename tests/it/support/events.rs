//! What the simulated bank is made to do, by `sandboxProviderEvent`.
//!
//! ```ignore
//! let fact = applied(app, demo::BUYER, captured(&payment, Some("28.00"))).await;      // done by the bank, told, booked
//! let (status, event_type, fact) = happen(app, demo::OPERATOR, json!({ "type": "CHARGEBACK_OPENED", "paymentId": payment })).await;
//! ```

use entity::notification::NotificationStatus;
use entity::{Money, notification};
use provider::{ChargebackStage, Fact};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};

use super::TestApp;
use super::bank::{funded, inbox, news};
use super::purchase::{Shop, text};

/// The payload of `sandboxProviderEvent`.
pub(crate) async fn ask<'a>(app: &TestApp, token: impl Into<Option<&'a str>>, input: Value) -> Value {
    let query = "mutation($input: SandboxProviderEventInput!) { sandboxProviderEvent(input: $input) {
        event { eventId type body } errors { code message path } } }";
    app.data(token, query, json!({ "input": input })).await["sandboxProviderEvent"].take()
}

/// Makes it happen; the notification has arrived when this returns. What became of it, and what it says in our words.
pub(crate) async fn happen(app: &TestApp, token: &str, input: Value) -> (NotificationStatus, String, Fact) {
    let mut payload = ask(app, token, input).await;
    assert_eq!(payload["errors"], json!([]), "{payload:#}");
    let event = payload["event"].take();
    app.drain().await;
    let id = text(&event["eventId"]);
    let found = notification::Entity::find().filter(notification::Column::EventId.eq(id.as_str()));
    let row = found.one(&app.db().read).await.expect("reads").expect("it has arrived");
    assert_eq!(String::from_utf8(row.body.clone()).expect("text"), text(&event["body"]));
    let body: Value = serde_json::from_slice(&row.body).expect("JSON");
    assert_eq!((&body["type"], &body["livemode"]), (&event["type"], &json!(false)));
    let bank = app.app().providers.find("sandbox").expect("is configured");
    let fact = bank.interpret(&row.body).expect("it is understood").remove(0);
    (inbox(app, &id).await.0, text(&event["type"]), fact)
}

/// As [`happen`], for what is applied.
pub(crate) async fn applied(app: &TestApp, token: &str, input: Value) -> Fact {
    let (status, event_type, fact) = happen(app, token, input).await;
    assert_eq!(status, NotificationStatus::Applied, "{event_type} {fact:?}");
    fact
}

pub(crate) fn money(amount: &str, currency: &str) -> Money {
    Money::exact(amount, currency).expect("exact")
}

/// An order that waits for 128.00 USD, and its open payment.
pub(crate) async fn waiting(app: &TestApp, shop: &Shop) -> (String, String) {
    let order = shop.place("k").await;
    let (payment, _checkout) = shop.pay(&order, "k").await;
    app.drain().await;
    (order, payment)
}

pub(crate) fn captured(payment: &str, amount: Option<&str>) -> Value {
    json!({ "type": "PAYMENT_CAPTURED", "paymentId": payment, "amount": amount })
}

/// What the fact of a chargeback says besides the payment: its id, amount in minor units, stage, reason.
pub(crate) fn chargeback(fact: Fact) -> (String, i64, ChargebackStage, String) {
    let Fact::Chargeback { chargeback, amount, stage, reason, .. } = fact else { panic!("{fact:?}") };
    (chargeback, amount.expect("an amount").amount.0, stage, reason)
}

/// A funded order's payment.
pub(crate) async fn paid(app: &TestApp, shop: &Shop) -> String {
    let order = funded(app, shop, "k").await;
    text(&shop.order(&order).await["payments"][0]["id"])
}

/// What the bank would say of a chargeback, to be signed by hand: `event` is "chargeback.opened" and the like. `debited`: whether
/// it has taken the money at any time.
pub(crate) fn chargeback_news(event: &str, (id, payment): (&str, &str), amount: &str, debited: bool) -> Value {
    let mut news = news(event, (id, payment), (amount, "USD"), Some("fraudulent"));
    news["movement"]["debited"] = json!(debited);
    news
}

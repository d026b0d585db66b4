//! What only Adyen does: links, keys that are forgotten, news without a time.

use chrono::TimeDelta;
use entity::payment::{NextAction, PaymentStatus};
use entity::refund::RefundStatus;
use sea_orm::EntityTrait;
use secure_payment::party::demo;
use serde_json::json;

use super::Adyen;
use crate::support::purchase::Step;
use crate::support::rail::{Rail, Trouble};
use crate::support::{TestApp, on_each_database, trouble};

on_each_database!(
    the_buyer_is_sent_to_a_page_and_the_payment_is_called_as_it_was_paid,
    a_second_payment_under_one_link_is_booked_and_goes_back,
    an_answer_that_was_lost_for_a_week_is_not_asked_for_again,
    a_withdrawn_link_cannot_be_paid,
);

async fn the_buyer_is_sent_to_a_page_and_the_payment_is_called_as_it_was_paid(app: &TestApp) {
    let rail = Rail::of(app, Adyen::start().await).await;
    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    let Some(NextAction::Redirect { url }) = &payment.next_action else { panic!("{payment:#?}") };
    let link = payment.provider_reference.clone().expect("the link's");
    assert_eq!(*url, format!("https://test.adyen.link/{link}"));
    let left = payment.expires_at.expect("a day") - rail.app.clock.now();
    assert!(left <= TimeDelta::hours(24) && left > TimeDelta::hours(23), "{left}");

    // That it was paid says the webhook only: the link has no id to refund by.
    rail.fake.pay(&payment.reference).await;
    rail.app.clock.advance(TimeDelta::hours(1));
    rail.drain().await;
    let id = payment.id.to_string();
    assert_eq!(rail.payment(&id).await.status, PaymentStatus::Pending);
    rail.deliver().await;
    let paid = rail.payment(&id).await;
    assert_eq!(paid.status, PaymentStatus::Captured);
    assert!(paid.provider_reference.is_some_and(|psp| psp.starts_with("8825") && psp != link));
}

async fn a_second_payment_under_one_link_is_booked_and_goes_back(app: &TestApp) {
    let rail = Rail::of(app, Adyen::start().await).await;
    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    rail.fake.pay(&payment.reference).await;
    rail.deliver().await;
    rail.fake.pay(&payment.reference).await;
    rail.deliver().await;
    let receipts = entity::receipt::Entity::find().all(&app.db().read).await.expect("reads");
    let [receipt] = receipts.as_slice() else { panic!("{receipts:#?}") };
    assert_eq!((receipt.amount.0, receipt.refunded.0), (12_345, 12_345), "it is set aside, and goes back");
    assert_eq!(rail.shop.order(&order).await["status"], "FUNDED");
    let psp = rail.payment(&payment.id.to_string()).await.provider_reference.expect("Adyen's");
    assert!(receipt.movement.starts_with("adyen:capture:88") && !receipt.movement.ends_with(&psp), "{receipt:#?}");
}

async fn an_answer_that_was_lost_for_a_week_is_not_asked_for_again(app: &TestApp) {
    let rail = Rail::of(app, Adyen::start().await).await;
    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    rail.fake.pay(&payment.reference).await;
    rail.deliver().await;
    rail.fake.way().trouble(Trouble::Lost);
    let input = json!({ "orderId": order, "amount": "23.45", "idempotencyKey": "back" });
    rail.shop.done(&Step { token: demo::SUPPLIER, mutation: "refundOrder", input }).await;
    rail.drain().await;
    assert_eq!(trouble::refund(app, &order).await.status, RefundStatus::Requested, "unknown is not failed");
    let calls = rail.fake.way().calls().len();

    rail.app.clock.advance(TimeDelta::days(7));
    rail.drain().await;
    let refund = trouble::refund(app, &order).await;
    assert_eq!(refund.status, RefundStatus::ActionRequired, "{refund:#?}");
    assert!(refund.failure.is_some_and(|failure| failure.contains("look for it at Adyen")));
    assert_eq!(rail.fake.way().calls().len(), calls, "nothing was sent a second time");

    // It had arrived all the same, and Adyen says so.
    rail.fake.settle_refund(&refund.reference).await;
    rail.deliver().await;
    assert_eq!(trouble::refund(app, &order).await.status, RefundStatus::Succeeded);
    assert_eq!(rail.fake.refunded(&payment.reference), 2_345);
}

async fn a_withdrawn_link_cannot_be_paid(app: &TestApp) {
    let rail = Rail::of(app, Adyen::start().await).await;
    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    let input = json!({ "orderId": order });
    rail.shop.done(&Step { token: demo::BUYER, mutation: "cancelOrder", input }).await;
    rail.drain().await;
    assert_eq!(rail.payment(&payment.id.to_string()).await.status, PaymentStatus::Cancelled);
    assert!(rail.fake.way().calls().iter().any(|call| call.starts_with("PATCH /v72/paymentLinks/PL")));
}

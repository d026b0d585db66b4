//! What somebody else sends: 401, and no trace.

use provider::sandbox;
use secrecy::SecretString;
use secure_payment::party::demo;

use super::*;
use crate::support::bank::{USD_128, inbox_size, news, post_signed};
use crate::support::on_each_database;

on_each_database!(the_simulated_bank_is_not_believed_unsigned);

pub(super) async fn forgeries(app: &TestApp, fake: Arc<dyn Fake>) {
    let rail = rail_of(app, fake).await;
    let (order, payment) = rail.opened().await;
    rail.deliver().await;
    let before = inbox_size(app).await;
    let forgeries = rail.fake.forgeries(&payment.reference, rail.app.clock.wall());
    assert!(forgeries.len() >= 3, "unsigned, garbage, a foreign secret");
    for forgery in &forgeries {
        let (status, body) = rail.post(forgery).await;
        assert_eq!(status, 401, "{body} {:?}", forgery.headers);
        assert!(body.contains("UNAUTHENTICATED") && !body.contains("secret"), "no more is said: {body}");
    }
    rail.drain().await;
    assert_eq!(inbox_size(app).await, before);
    assert_eq!(rail.payment(&payment.id.to_string()).await.status, PaymentStatus::Pending);
    assert_eq!(rail.status(&order).await, "AWAITING_PAYMENT");
    assert_eq!(rail.shop.transfers(None).await, [], "no money moved");
    let unapplied = rail.shop.read(demo::OPERATOR, "{ unappliedFunds(first: 1) { nodes { id } } }", json!({})).await;
    assert_eq!(unapplied["unappliedFunds"]["nodes"], json!([]));
}

/// It has no fake, being a server of its own; `door` has its other tests.
async fn the_simulated_bank_is_not_believed_unsigned(app: &TestApp) {
    let shop = Shop::of(app);
    let order = shop.place("k").await;
    let (payment, _checkout) = shop.pay(&order, "k").await;
    let body = news("payment.succeeded", ("m_1", &payment), USD_128, None).to_string();
    let foreign = SecretString::from("whsec_c29tZWJvZHktZWxzZXMtc2VjcmV0LW9mLTMyLWJ5dGU=");
    assert_eq!(post_signed(app, &app.url(""), "msg_1", &body, (&foreign, 0)).await, 401);
    for signature in [None, Some("v1,Z2FyYmFnZQ==")] {
        let url = app.url(&format!("/webhooks/{}", sandbox::NAME));
        let mut request = app.http().post(url).header("webhook-id", "msg_2").body(body.clone());
        request = request.header("webhook-timestamp", app.clock().wall().timestamp());
        if let Some(signature) = signature {
            request = request.header("webhook-signature", signature);
        }
        assert_eq!(request.send().await.expect("an answer").status(), 401, "{signature:?}");
    }
    app.drain().await;
    assert_eq!((inbox_size(app).await, shop.transfers(None).await.len()), (0, 0));
}

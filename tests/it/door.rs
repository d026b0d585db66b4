//! The door that notifications come in by.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use entity::notification;
use entity::notification::NotificationStatus;
use ground::signature;
use sea_orm::{EntityTrait, QueryOrder};
use secrecy::SecretString;

use crate::support::bank::{USD_128, causes, inbox, inbox_size, news, post, post_signed, serve, status, tell};
use crate::support::purchase::Shop;
use crate::support::{TestApp, on_each_database};

on_each_database!(
    only_signed_and_fresh_notifications_are_let_in,
    an_event_id_with_another_body_is_quarantined_and_acknowledged,
);

async fn only_signed_and_fresh_notifications_are_let_in(app: &TestApp) {
    let shop = Shop::of(app);
    let order = shop.place("k").await;
    let (payment, _) = shop.pay(&order, "k").await;
    let body = news("payment.succeeded", ("m1", &payment), USD_128, None).to_string();
    let own = app.app().settings.providers.sandbox.webhook_secret[0].clone();
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
    let mut settings = (*app.app().settings).clone();
    settings.providers.sandbox.webhook_secret = secrets;
    let (node, _) = serve(app, settings).await;
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

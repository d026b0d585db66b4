//! What somebody else sends: 401, and no trace.

use secure_payment::party::demo;

use super::*;
use crate::support::bank::inbox_size;

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

//! Giving back: in parts, too much, in vain.

use super::news::quarantined;
use super::*;
use provider::ProviderError;
use secrecy::SecretString;

pub(super) async fn refund_in_parts(app: &TestApp, fake: Arc<dyn Fake>) {
    let rail = rail_of(app, fake).await;
    let (order, payment) = rail.funded().await;
    let mut booked = vec![("payment.captured", rail.provider(), escrow(&order), TOTAL)];
    for (amount, given_back) in [("23.45", 2_345), ("50.00", 7_345)] {
        let refund = rail.sent_refund(&order, amount).await;
        assert_eq!(rail.fake.refunded(&payment.reference), given_back, "asked for to the cent");
        rail.fake.settle_refund(&refund.reference).await;
        rail.hear().await;
        let refund = rail.reread(&refund).await;
        assert_eq!((refund.status, refund.balance.0), (RefundStatus::Succeeded, 0), "{refund:#?}");
        booked.push(("refund.requested", escrow(&order), account_of(&refund), amount));
        booked.push(("refund.succeeded", account_of(&refund), rail.refunder(), amount));
        rail.assert_ledger(&order, &booked).await;
        assert_eq!(rail.fake.refunded(&payment.reference), given_back, "and only once");
    }
    let row = rail.row(&order).await;
    assert_eq!((row.held.0, row.refunded.0), (5_000, 7_345));
    assert_eq!(rail.status(&order).await, "FUNDED");

    // The rest, too: then there is nothing left to ship for.
    let last = rail.sent_refund(&order, "50.00").await;
    rail.fake.settle_refund(&last.reference).await;
    rail.hear().await;
    assert_eq!(rail.reread(&last).await.status, RefundStatus::Succeeded);
    assert_eq!(rail.status(&order).await, "REFUNDED");
    assert_eq!(rail.fake.refunded(&payment.reference), TOTAL_UNITS);
    assert_eq!(quarantined(&rail).await, Vec::<String>::new());
}

pub(super) async fn over_refund(app: &TestApp, fake: Arc<dyn Fake>) {
    let rail = rail_of(app, fake).await;
    let (order, payment) = rail.funded().await;
    let first = rail.sent_refund(&order, "100.00").await;
    rail.fake.settle_refund(&first.reference).await;
    rail.hear().await;
    let booked = rail.shop.transfers(Some(&order)).await;
    let refused = rail.shop.take(&rail.refund_step(&order, "23.46")).await.expect("an answer");
    assert_eq!(codes(&refused), ["AMOUNT_EXCEEDS_HELD"]);

    // Ours is the first guard, the provider the second.
    if is_only_told_where_to_send(&rail) {
        return;
    }
    let provider = rail.app.providers.find(rail.fake.name()).expect("is configured");
    let paid = rail.payment(&payment.id.to_string()).await;
    let request = RefundRequest {
        reference: RefundId(rail.app.clock.new_id()).to_string(),
        payment: PaymentQuery {
            reference: paid.reference.clone(),
            provider_reference: paid.provider_reference.clone(),
            method: paid.method,
            amount: Money::new(paid.amount, paid.currency),
            has_expired: false,
        },
        amount: Money::new(MinorUnits(2_346), paid.currency),
        reason: "too much".to_owned(),
        asked_before: None,
        payee: None::<SecretString>,
        notification_url: rail.app.settings.notification_url(rail.fake.name()),
        others: Vec::new(),
    };
    let answer = provider.refund(&request).await;
    assert!(matches!(answer, Err(ProviderError::Refused(_))), "{answer:?}");
    rail.hear().await;
    assert_eq!(rail.fake.refunded(&paid.reference), 10_000);
    assert_eq!(rail.shop.transfers(Some(&order)).await, booked);
    assert_eq!(quarantined(&rail).await, Vec::<String>::new());
}

/// A bank sends money where it is told to; it doesn't know that this is a refund, or of what.
fn is_only_told_where_to_send(rail: &Rail<'_>) -> bool {
    rail.fake.refunds_by() == "bank"
}

pub(super) async fn refund_fails_late(app: &TestApp, fake: Arc<dyn Fake>) {
    let rail = rail_of(app, fake).await;
    let (order, _payment) = rail.funded().await;
    let refund = rail.sent_refund(&order, "23.45").await;
    rail.fake.settle_refund(&refund.reference).await;
    rail.hear().await;
    assert_eq!(rail.reread(&refund).await.status, RefundStatus::Succeeded);
    if !rail.fake.fail_refund(&refund.reference).await {
        return;
    }
    rail.deliver().await;
    let account = account_of(&refund);
    let booked = [
        ("payment.captured", rail.provider(), escrow(&order), TOTAL),
        ("refund.requested", escrow(&order), account.clone(), "23.45"),
        ("refund.succeeded", account.clone(), rail.refunder(), "23.45"),
        ("refund.failed", rail.refunder(), account, "23.45"),
    ];
    rail.assert_ledger(&order, &booked).await;
    assert_still_the_buyers(&rail, &order, &refund).await;
    rail.hear().await;
    rail.assert_ledger(&order, &booked).await;
}

pub(super) async fn refund_fails_before_it_arrived(app: &TestApp, fake: Arc<dyn Fake>) {
    let rail = rail_of(app, fake).await;
    let (order, payment) = rail.funded().await;
    let refund = rail.sent_refund(&order, "23.45").await;
    // Some rails send it at once.
    if refund.status == RefundStatus::Succeeded || !rail.fake.fail_refund(&refund.reference).await {
        return;
    }
    rail.hear().await;
    let booked = [
        ("payment.captured", rail.provider(), escrow(&order), TOTAL),
        ("refund.requested", escrow(&order), account_of(&refund), "23.45"),
    ];
    rail.assert_ledger(&order, &booked).await;
    assert_still_the_buyers(&rail, &order, &refund).await;
    assert_eq!(rail.fake.refunded(&payment.reference), 0, "nothing left the provider");
}

/// The money waits in `refund/<id>`; the order is as it was.
async fn assert_still_the_buyers(rail: &Rail<'_>, order: &str, refund: &refund::Model) {
    let failed = rail.reread(refund).await;
    assert_eq!((failed.status, failed.balance.0), (RefundStatus::ActionRequired, 2_345), "{failed:#?}");
    assert!(failed.failure.is_some_and(|reason| !reason.is_empty()));
    let row = rail.row(order).await;
    assert_eq!((row.held.0, row.refunded.0), (10_000, 2_345));
    assert_eq!(rail.status(order).await, "FUNDED");
    assert_eq!(quarantined(rail).await, Vec::<String>::new());
}

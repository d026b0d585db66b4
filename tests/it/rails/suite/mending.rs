//! Not final is not final: what failed comes good, and what was paid comes back.

use entity::chargeback::ChargebackStatus;
use entity::payout::PayoutStatus;

use super::news::quarantined;
use super::*;
use crate::support::bank::payouts;
use crate::support::purchase::{confirm_received, ship};

/// The money is away until it comes good: nobody is asked for it again, and nothing is released.
pub(super) async fn capture_fails_then_comes_good(app: &TestApp, fake: Arc<dyn Fake>) {
    let rail = rail_of(app, fake).await;
    let (order, payment) = rail.funded().await;
    if !rail.fake.fail_capture(&payment.reference).await {
        return;
    }
    for _twice in 0..2 {
        rail.hear().await;
        let row = rail.row(&order).await;
        assert_eq!((row.status.to_string().as_str(), row.is_frozen(), row.held.0), ("FUNDED", true, 0));
        let paid = rail.payment(&payment.id.to_string()).await;
        assert_eq!((paid.status, paid.captured.0), (PaymentStatus::Captured, TOTAL_UNITS));
    }
    rail.fake.mend_capture(&payment.reference).await;
    rail.hear().await;
    let row = rail.row(&order).await;
    assert_eq!((row.status.to_string().as_str(), row.is_frozen(), row.held.0), ("FUNDED", false, TOTAL_UNITS));
    let away = trouble::chargebacks(app, &order).await;
    let ended: Vec<_> = away.iter().map(|row| (row.status, row.debited, row.returned, row.amount.0)).collect();
    assert_eq!(ended, [(ChargebackStatus::Won, true, true, TOTAL_UNITS)]);
    assert_eq!(quarantined(&rail).await, Vec::<String>::new());
    rail.assert_nodes_agree(&order).await;
}

pub(super) async fn refund_fails_then_comes_good(app: &TestApp, fake: Arc<dyn Fake>) {
    let rail = rail_of(app, fake).await;
    let (order, payment) = rail.funded().await;
    let refund = rail.sent_refund(&order, "23.45").await;
    rail.fake.settle_refund(&refund.reference).await;
    rail.hear().await;
    if !rail.fake.fail_refund(&refund.reference).await {
        return;
    }
    rail.hear().await;
    assert_eq!(rail.reread(&refund).await.status, RefundStatus::ActionRequired);
    if !rail.fake.mend_refund(&refund.reference).await {
        return;
    }
    rail.hear().await;
    let account = account_of(&refund);
    let booked = [
        ("payment.captured", rail.provider(), escrow(&order), TOTAL),
        ("refund.requested", escrow(&order), account.clone(), "23.45"),
        ("refund.succeeded", account.clone(), rail.refunder(), "23.45"),
        ("refund.failed", rail.refunder(), account.clone(), "23.45"),
        ("refund.succeeded", account, rail.refunder(), "23.45"),
    ];
    rail.assert_ledger(&order, &booked).await;
    let settled = rail.reread(&refund).await;
    assert_eq!((settled.status, settled.balance.0, settled.failure), (RefundStatus::Succeeded, 0, None));
    assert_eq!(rail.fake.refunded(&payment.reference), 2_345);
    assert_eq!(rail.status(&order).await, "FUNDED");
    assert_eq!(quarantined(&rail).await, Vec::<String>::new());
}

pub(super) async fn payout_back_after_paid(app: &TestApp, fake: Arc<dyn Fake>) {
    paid_and_back(app, fake, false).await;
}

pub(super) async fn payout_back_is_heard_first(app: &TestApp, fake: Arc<dyn Fake>) {
    paid_and_back(app, fake, true).await;
}

/// It is owed again, once, however often each is heard.
async fn paid_and_back(app: &TestApp, fake: Arc<dyn Fake>, is_backwards: bool) {
    if !fake.pays_out() {
        return;
    }
    let rail = rail_of(app, fake).await;
    let (order, _payment) = rail.funded().await;
    rail.shop.done(&ship(&order)).await;
    rail.shop.done(&confirm_received(&order)).await;
    rail.drain().await;
    let [asked] = &payouts(app).await[..] else { panic!("one payout") };
    assert_eq!((asked.provider.as_str(), asked.status), (rail.fake.name(), PayoutStatus::Pending));
    rail.fake.settle_payout(&asked.reference).await;
    let mut posts = rail.fake.notifications(rail.app.clock.wall());
    if !is_backwards {
        for post in &posts {
            rail.take(post).await;
        }
        rail.drain().await;
        assert_eq!(payouts(app).await[0].status, PayoutStatus::Paid);
    }
    rail.fake.return_payout(&asked.reference).await;
    posts.extend(rail.fake.notifications(rail.app.clock.wall()));
    if is_backwards {
        posts.reverse();
    }
    for _twice in 0..2 {
        for post in &posts {
            rail.take(post).await;
            rail.drain().await;
        }
    }
    rail.ask().await;
    let [back] = &payouts(app).await[..] else { panic!("no other payout") };
    assert_eq!((back.status, back.balance.0, back.lost.0), (PayoutStatus::Returned, 0, 0));
    assert!(back.failure.is_some());
    let provider = format!("provider/{}", rail.fake.name());
    let supplier = format!("supplier/{}", back.supplier_id);
    let moved: Vec<_> =
        rail.shop.transfers(None).await.into_iter().filter(|row| row.0.starts_with("payout.")).collect();
    let amount = &moved[0].3;
    let row = |cause: &str, debit: &str, credit: &str| {
        (cause.to_owned(), debit.to_owned(), credit.to_owned(), amount.clone())
    };
    let own = format!("payout/{}", back.id);
    assert_eq!(
        moved,
        [
            row("payout.requested", &supplier, &own),
            row("payout.paid", &own, &provider),
            row("payout.returned", &provider, &supplier)
        ]
    );
    assert_eq!(quarantined(&rail).await, Vec::<String>::new());
}

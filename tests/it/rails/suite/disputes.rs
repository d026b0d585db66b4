//! Disputes that come before their money, and that end without saying how much.

use super::news::quarantined;
use super::*;
use crate::support::rail::Claim;

/// The money is taken back before anything was heard of its arrival.
pub(super) async fn before_its_money(app: &TestApp, fake: Arc<dyn Fake>) {
    let rail = rail_of(app, fake).await;
    for last in [Claim::Win, Claim::Lose] {
        let (order, payment) = rail.opened().await;
        rail.fake.pay(&payment.reference).await;
        let paid = rail.fake.notifications(rail.app.clock.wall());
        if !rail.fake.claim(&payment.reference, Claim::Open).await {
            return;
        }
        let claimed = rail.fake.notifications(rail.app.clock.wall());
        for post in claimed.iter().cycle().take(claimed.len() * 2) {
            rail.post(post).await;
        }
        rail.drain().await;
        let known = trouble::chargebacks(rail.test, &order).await;
        assert_eq!(known.len(), 1, "{known:#?}");
        assert!(!known[0].booked && known[0].problem.is_some(), "{known:#?}");
        assert!(rail.row(&order).await.is_frozen());
        rail.assert_ledger(&order, &[]).await;
        let query = "{ openChargebacks(first: 10) { nodes { orderId } } }";
        let shown = rail.shop.read(demo::OPERATOR, query, json!({})).await;
        assert_eq!(shown["openChargebacks"]["nodes"], json!([{ "orderId": order }]), "operators see it");

        for post in paid.iter().cycle().take(paid.len() * 2) {
            rail.post(post).await;
        }
        rail.drain().await;
        let row = rail.row(&order).await;
        assert_eq!((row.held.0, row.charged_back.0, row.is_frozen()), (0, TOTAL_UNITS, true));
        rail.fake.claim(&payment.reference, Claim::Debit).await;
        rail.deliver().await;
        rail.fake.claim(&payment.reference, last).await;
        rail.deliver().await;
        let row = rail.row(&order).await;
        let (held, expected) = if last == Claim::Win { (TOTAL_UNITS, "FUNDED") } else { (0, "REFUNDED") };
        assert_eq!((row.held.0, row.is_frozen(), rail.status(&order).await.as_str()), (held, false, expected));
    }
    assert_eq!(quarantined(&rail).await, Vec::<String>::new());
}

/// Its end comes without an amount: after it was opened, and before.
pub(super) async fn ends_without_amounts(app: &TestApp, fake: Arc<dyn Fake>) {
    let rail = rail_of(app, fake).await;
    for (last, is_early) in [(Claim::Win, false), (Claim::Lose, false), (Claim::Win, true), (Claim::Lose, true)] {
        let (order, payment) = rail.funded().await;
        if !rail.fake.claim(&payment.reference, Claim::Open).await {
            return;
        }
        let wall = rail.app.clock.wall();
        let opened = rail.fake.notifications(wall);
        rail.fake.claim(&payment.reference, last).await;
        let ends = rail.fake.notifications(wall);
        let ends: Option<Vec<_>> = ends.iter().map(|post| rail.fake.without_amounts(post, wall)).collect();
        // This rail repeats its amounts.
        let Some(ends) = ends else { return };
        let rounds = if is_early { [&ends, &opened] } else { [&opened, &ends] };
        for posts in rounds {
            for post in posts.iter().cycle().take(posts.len() * 2) {
                rail.post(post).await;
            }
            rail.drain().await;
        }
        let row = rail.row(&order).await;
        let (held, expected) = if last == Claim::Win { (TOTAL_UNITS, "FUNDED") } else { (0, "REFUNDED") };
        assert_eq!((row.held.0, row.is_frozen(), rail.status(&order).await.as_str()), (held, false, expected));
        let known = trouble::chargebacks(rail.test, &order).await.remove(0);
        assert_eq!((known.amount.0, known.booked, known.problem), (TOTAL_UNITS, true, None));
    }
    assert_eq!(quarantined(&rail).await, Vec::<String>::new());
}

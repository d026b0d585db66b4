//! Answers that get lost, come late, or are nobody's. Nothing is called failed that may have happened, and nothing is done twice.

use std::pin::pin;

use entity::payment::Entity;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use tokio::sync::watch;

use super::news::quarantined;
use super::*;
use crate::support::rail::Trouble;

pub(super) async fn answer_to_create_is_lost(app: &TestApp, fake: Arc<dyn Fake>) {
    let rail = rail_of(app, fake).await;
    let order = rail.order(TOTAL).await;
    let calls = rail.calls();
    rail.fake.way().trouble(Trouble::Lost);
    let payment = rail.pay(&order).await;
    if !rail.asked_since(calls) {
        // Nothing can get lost: the payment is opened without asking.
        assert!(payment.opened_at.is_some());
        return;
    }
    assert_eq!((payment.status, payment.opened_at), (PaymentStatus::Pending, None), "{payment:#?}");
    assert_eq!(rail.next_action(&payment).await, Value::Null);
    assert!(rail.fake.payments(&payment.reference) <= 1);

    rail.ask().await;
    let opened = rail.payment(&payment.id.to_string()).await;
    assert_eq!((opened.status, opened.opened_at.is_some()), (PaymentStatus::Pending, true), "{opened:#?}");
    assert!(rail.next_action(&payment).await["__typename"].is_string(), "it is there in the end");
    assert_eq!(rail.fake.payments(&payment.reference), 1, "asked twice, opened once");
    rail.fake.pay(&payment.reference).await;
    rail.deliver().await;
    assert_eq!(rail.status(&order).await, "FUNDED");
    rail.assert_ledger(&order, &[("payment.captured", rail.provider(), escrow(&order), TOTAL)]).await;
    assert_eq!(quarantined(&rail).await, Vec::<String>::new());
}

pub(super) async fn answer_to_refund_is_lost(app: &TestApp, fake: Arc<dyn Fake>) {
    let rail = rail_of(app, fake).await;
    let (order, payment) = rail.funded().await;
    let refund = rail.refund(&order, "23.45").await;
    let calls = rail.calls();
    rail.fake.way().trouble(Trouble::Lost);
    rail.drain().await;
    if !rail.asked_since(calls) {
        return;
    }
    let unknown = rail.reread(&refund).await;
    assert_eq!((unknown.status, unknown.balance.0), (RefundStatus::Requested, 2_345), "{unknown:#?}");
    assert!(unknown.started_at.is_some());

    rail.ask().await;
    let there = rail.reread(&refund).await.status;
    assert!(matches!(there, RefundStatus::Pending | RefundStatus::Succeeded), "{there:?}");
    assert_eq!(rail.fake.refunded(&payment.reference), 2_345, "asked twice, sent once");
    arrives(&rail, &order, &refund).await;
    assert_eq!(rail.fake.refunded(&payment.reference), 2_345);
}

async fn arrives(rail: &Rail<'_>, order: &str, refund: &refund::Model) {
    rail.fake.settle_refund(&refund.reference).await;
    rail.hear().await;
    assert_eq!(rail.reread(refund).await.status, RefundStatus::Succeeded);
    let booked = [
        ("payment.captured", rail.provider(), escrow(order), TOTAL),
        ("refund.requested", escrow(order), account_of(refund), "23.45"),
        ("refund.succeeded", account_of(refund), rail.refunder(), "23.45"),
    ];
    rail.assert_ledger(order, &booked).await;
    assert_eq!(quarantined(rail).await, Vec::<String>::new());
}

/// A gateway's, a proxy's, a load balancer's: no provider has said anything.
const BARE: [u16; 6] = [502, 404, 401, 429, 400, 500];

pub(super) async fn bare_status_is_no_failure(app: &TestApp, fake: Arc<dyn Fake>) {
    let rail = rail_of(app, fake).await;
    let order = rail.order(TOTAL).await;
    let calls = rail.calls();
    rail.fake.way().trouble(Trouble::Bare(BARE[0]));
    let payment = rail.pay(&order).await;
    if rail.asked_since(calls) {
        // The older a payment, the rarer it is asked about.
        for (status, hours) in BARE.into_iter().skip(1).zip([1, 3, 9, 24, 24]) {
            let waits = rail.payment(&payment.id.to_string()).await;
            assert_eq!((waits.status, waits.opened_at), (PaymentStatus::Pending, None), "before {status}: {waits:#?}");
            rail.fake.way().trouble(Trouble::Bare(status));
            rail.app.clock.advance(TimeDelta::hours(hours));
            rail.ask().await;
        }
        rail.app.clock.advance(TimeDelta::hours(24));
        rail.ask().await;
        assert!(rail.next_action(&payment).await["__typename"].is_string());
        if rail.payment(&payment.id.to_string()).await.refund_way == RefundWay::ToAccount {
            rail.provide_account(&order).await;
        }
        rail.fake.pay(&payment.reference).await;
        rail.deliver().await;
        assert_eq!(rail.status(&order).await, "FUNDED");
        refund_with_bare_answers(&rail, &order).await;
    } else {
        // That trouble is still ahead, and the next call is a refund's.
        if payment.refund_way == RefundWay::ToAccount {
            rail.provide_account(&order).await;
        }
        rail.fake.pay(&payment.reference).await;
        rail.deliver().await;
        refund_with_bare_answers(&rail, &order).await;
    }
}

async fn refund_with_bare_answers(rail: &Rail<'_>, order: &str) {
    let refund = rail.refund(order, "23.45").await;
    for status in BARE {
        rail.fake.way().trouble(Trouble::Bare(status));
        rail.ask().await;
        let waits = rail.reread(&refund).await;
        assert_eq!((waits.status, waits.balance.0), (RefundStatus::Requested, 2_345), "{status}: {waits:#?}");
    }
    // However many are still ahead.
    rail.ask().await;
    rail.ask().await;
    arrives(rail, order, &refund).await;
}

pub(super) async fn money_overtakes_our_own_call(app: &TestApp, fake: Arc<dyn Fake>) {
    let rail = rail_of(app, fake).await;
    let order = rail.order(TOTAL).await;
    let (open, gate) = watch::channel(false);
    rail.fake.way().trouble(Trouble::Gated(gate));
    let mut paying = pin!(rail.pay(&order));
    tokio::select! {
        () = rail.fake.way().called("") => {}
        // It is opened without asking: nothing can be overtaken.
        payment = &mut paying => return assert!(payment.opened_at.is_some()),
    }
    let of_order = Entity::find().filter(entity::payment::Column::OrderId.eq(trouble::order_id(&order)));
    let payment = of_order.one(&rail.app.db.read).await.expect("reads").expect("is committed before anyone is asked");
    assert_eq!(payment.opened_at, None);
    rail.fake.pay(&payment.reference).await;
    rail.deliver().await;
    assert_eq!(rail.status(&order).await, "FUNDED", "it is found by our reference");
    open.send(true).expect("somebody waits");
    let answered = paying.await;
    assert_eq!((answered.id, answered.status), (payment.id, PaymentStatus::Captured));
    rail.hear().await;
    rail.assert_ledger(&order, &[("payment.captured", rail.provider(), escrow(&order), TOTAL)]).await;
    assert_eq!(quarantined(&rail).await, Vec::<String>::new());
}

//! Several nodes on one database: each delivery is in one hand, and those of a node that died go to another.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use entity::webhook_endpoint::{self, EndpointStatus};
use sea_orm::ActiveValue::Set;
use sea_orm::{ConnectionTrait, EntityTrait, Statement};
use secure_payment::delivery::{PER_ENDPOINT, claim};
use serde_json::json;

use super::receiver::Receiver;
use super::{deliveries, done, endpoint, events, place, statuses};
use crate::support::{TestApp, on_each_database};

on_each_database!(
    two_nodes_take_different_deliveries,
    what_a_dead_node_had_in_hand_is_taken_over,
    an_order_is_in_one_hand_only,
    an_event_waits_for_an_endpoint_that_is_being_enabled,
);

async fn two_nodes_take_different_deliveries(app: &TestApp) {
    let (id, _secret) = endpoint(app, "http://127.0.0.1:1/", &[]).await;
    for _event in 0..20 {
        done(app, "sendTestEvent", json!({ "endpointId": id }), "delivery { id }").await;
    }
    let other = app.another_node().await;
    let nothing = BTreeMap::new();
    let mut taken = BTreeSet::new();
    for round in 1..=2 {
        let (slots, per_endpoint) = (256, PER_ENDPOINT);
        let (one, two) = tokio::join!(
            claim(app.app(), &nothing, None, slots, per_endpoint),
            claim(&other, &nothing, None, slots, per_endpoint)
        );
        for claimed in [one.expect("claims"), two.expect("claims")].into_iter().flatten() {
            assert!(taken.insert(claimed.row.id), "{} twice", claimed.row.id);
        }
        assert!(taken.len() <= round * 2 * PER_ENDPOINT);
    }
    assert!(taken.len() > PER_ENDPOINT);
    let full = BTreeMap::from([(id.parse().expect("an id"), PER_ENDPOINT)]);
    let more = claim(app.app(), &full, None, 256, PER_ENDPOINT).await.expect("claims");
    assert!(more.is_empty(), "its slots are taken");
    other.db.close().await;
}

async fn what_a_dead_node_had_in_hand_is_taken_over(app: &TestApp) {
    let receiver = Receiver::answering(200).await;
    let (id, _secret) = endpoint(app, &receiver.url, &[]).await;
    let order = place(app, "k").await;
    // Takes it, and dies.
    let taken = claim(app.app(), &BTreeMap::new(), None, 256, PER_ENDPOINT).await.expect("claims");
    assert_eq!(taken.len(), 1);
    app.drain().await;
    assert_eq!(receiver.heard().len(), 0, "it may be on its way");
    app.clock().shift_wall(TimeDelta::seconds(i64::from(app.app().settings.job_lease_seconds) + 1));
    app.drain().await;
    assert_eq!(receiver.ids(), events(app, &order).await);
    assert!(statuses(&deliveries(app, &id).await).iter().all(|status| status == "SUCCEEDED"));
    // It was not dead, only slow: what it has to say of it changes nothing.
    let before = deliveries(app, &id).await;
    secure_payment::delivery::deliver(app.app(), &taken[0]).await.expect("is ignored");
    assert_eq!(deliveries(app, &id).await, before);
}

async fn an_order_is_in_one_hand_only(app: &TestApp) {
    let (id, _secret) = endpoint(app, "http://127.0.0.1:1/", &[]).await;
    let orders = [place(app, "a").await, place(app, "b").await];
    let taken = claim(app.app(), &BTreeMap::new(), None, 256, PER_ENDPOINT).await.expect("claims");
    let of: BTreeSet<String> = taken.iter().filter_map(|one| one.row.order_id).map(|id| id.to_string()).collect();
    assert_eq!((taken.len(), of), (2, orders.iter().cloned().collect()), "the first event of each");
    assert!(taken.iter().all(|one| one.row.sequence == 1));
    assert!(deliveries(app, &id).await.len() > 2);
}

/// Otherwise it would be neither queued nor there yet to be replayed.
async fn an_event_waits_for_an_endpoint_that_is_being_enabled(app: &TestApp) {
    if app.is_sqlite() {
        return;
    }
    let (id, _secret) = endpoint(app, "http://127.0.0.1:1/", &[]).await;
    done(app, "updateWebhookEndpoint", json!({ "endpointId": id, "enabled": false }), "endpoint { id }").await;
    let enabling = app.db().begin_write().await.expect("begins");
    let enabled = webhook_endpoint::ActiveModel { status: Set(EndpointStatus::Enabled), ..Default::default() };
    webhook_endpoint::Entity::update_many().set(enabled).exec(&enabling).await.expect("enables");
    let somebody_waits = async {
        let waiting = "select 1 as waiting from pg_stat_activity \
            where datname = current_database() and wait_event_type = 'Lock'";
        let db = &app.db().read;
        let waiting = || Statement::from_string(db.get_database_backend(), waiting);
        while db.query_one_raw(waiting()).await.expect("reads").is_none() {}
    };
    let mut placing = Box::pin(place(app, "k"));
    tokio::select! {
        _order = &mut placing => panic!("it was not waited for"),
        () = somebody_waits => {}
    }
    enabling.commit().await.expect("commits");
    let order = placing.await;
    assert_eq!(deliveries(app, &id).await.len(), events(app, &order).await.len());
}

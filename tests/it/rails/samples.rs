//! Samples that a vendor has signed, posted at the time when it signed them; and what they leave behind.

use chrono::TimeDelta;
use entity::{Time, notification};
use sea_orm::{ConnectionTrait, EntityTrait};
use serde_json::Value;

use crate::support::TestApp;
use crate::support::purchase::text;
use crate::support::rail::{Post, Rail};

/// As it is posted to this provider's webhook.
pub(super) fn posted(to: &'static str, vector: &Value) -> Post {
    let headers = vector["headers"].as_object().expect("headers");
    let headers = headers.iter().map(|(name, value)| (name.clone(), text(value))).collect();
    Post { to, headers, body: text(&vector["body"]).into_bytes() }
}

/// Posts it when the wall clock shows `at`; the answer's status and body.
pub(super) async fn post_at(rail: &Rail<'_>, post: &Post, at: Time) -> (u16, String) {
    rail.app.clock.shift_wall(TimeDelta::zero());
    rail.app.clock.shift_wall(at - rail.app.clock.wall());
    let answer = rail.post(post).await;
    rail.app.clock.shift_wall(TimeDelta::zero());
    answer
}

/// Calls rows of ours as the sample does.
pub(super) async fn run_sql(test: &TestApp, sql: &str) {
    let transaction = test.db().begin_write().await.expect("begins");
    transaction.execute_unprepared(sql).await.expect("is done");
    transaction.commit().await.expect("commits");
}

pub(super) async fn inbox(test: &TestApp) -> Vec<notification::Model> {
    notification::Entity::find().all(&test.db().read).await.expect("reads")
}

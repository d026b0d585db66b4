//! The harness itself.

use secure_payment::auth::find_caller;
use secure_payment::party::demo;
use secure_payment::seed;
use serde_json::json;

use crate::support::process::Process;
use crate::support::{TestApp, on_each_database};

on_each_database!(a_test_begins_on_a_seeded_database_that_any_node_can_serve);

async fn a_test_begins_on_a_seeded_database_that_any_node_can_serve(app: &TestApp) {
    assert!(!seed::run(app.app()).await.expect("looks"), "the seed is there already");
    let answer = app.data(demo::SUPPLIER, "{ __typename }", json!({})).await;
    assert_eq!(answer, json!({ "__typename": "Query" }));
    app.drain().await;

    let other = app.another_node().await;
    assert_eq!(other.db.is_sqlite(), app.is_sqlite());
    let viewer = find_caller(&other.db.read, demo::SUPPLIER, app.clock().wall())
        .await
        .expect("reads")
        .map(|caller| caller.viewer);
    assert_eq!(viewer.expect("knows the token").role_name(), "supplier");
    other.db.close().await;

    let folder = tempfile::tempdir().expect("a folder");
    let process = Process::start(folder.path(), &[("DATABASE_URL", app.database_url())]).await;
    let request = app
        .http()
        .post(process.url("/graphql"))
        .bearer_auth(demo::SUPPLIER)
        .json(&json!({ "query": "{ __typename }" }));
    assert_eq!(request.send().await.expect("an answer").status(), 200);
    let (status, log) = process.terminate().await;
    assert_eq!(status.code(), Some(0), "{log}");
}

//! What nothing would ever move is named by `verify`.

use chrono::TimeDelta;
use entity::{job, order};
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveModelTrait, ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter};
use secure_payment::payment;

use crate::support::bank::{funded, inbox_id, news, requested_payout, requested_refund, tell};
use crate::support::purchase::Shop;
use crate::support::trouble::row;
use crate::support::{TestApp, on_each_database};

on_each_database!(
    work_that_no_job_would_do_is_named,
    a_refund_that_no_job_would_send_is_named,
    an_order_without_a_clock_is_named,
);

async fn standing(app: &TestApp) -> Vec<String> {
    payment::verify_books(&app.db().read).await.expect("verifies")
}

/// As if somebody had deleted all that was still to be done; then as it was.
async fn without_jobs(app: &TestApp) -> Vec<String> {
    let jobs = job::Entity::find().all(&app.db().read).await.expect("reads");
    write(app, async |db| {
        job::Entity::delete_many().exec(db).await.expect("deletes");
    })
    .await;
    let found = standing(app).await;
    write(app, async |db| {
        for job in &jobs {
            job::Entity::insert(job.clone().into_active_model().reset_all()).exec(db).await.expect("inserts");
        }
    })
    .await;
    assert_eq!(standing(app).await, Vec::<String>::new());
    found
}

async fn write(app: &TestApp, change: impl AsyncFn(&DatabaseTransaction)) {
    let transaction = app.db().begin_write().await.expect("begins");
    change(&transaction).await;
    transaction.commit().await.expect("commits");
}

async fn work_that_no_job_would_do_is_named(app: &TestApp) {
    let shop = Shop::of(app);
    let payout = requested_payout(app, &shop).await;
    tell(app, "late", &news("payment.succeeded", ("late", "nobody"), ("1.00", "USD"), None)).await;
    let notification = inbox_id(app, "late").await;
    let mut found = without_jobs(app).await;
    found.sort();
    let expected = [format!("{notification}: received, and no job applies it"), format!("{payout}: no job sends it")];
    assert_eq!(found, expected);
    app.drain().await;
    assert_eq!(without_jobs(app).await, Vec::<String>::new(), "all is done");
}

async fn a_refund_that_no_job_would_send_is_named(app: &TestApp) {
    let shop = Shop::of(app);
    let (_order, refund) = requested_refund(app, &shop).await;
    assert_eq!(without_jobs(app).await, [format!("{}: no job sends it or asks about it", refund.id)]);
}

async fn an_order_without_a_clock_is_named(app: &TestApp) {
    let shop = Shop::of(app);
    let order = funded(app, &shop, "k").await;
    let before = row(app, &order).await;
    let clocks = async |deadline, reminder, timer| {
        write(app, async |db| {
            order::Entity::update_many()
                .col_expr(order::Column::DeadlineAt, Expr::value(deadline))
                .col_expr(order::Column::RemindAt, Expr::value(reminder))
                .col_expr(order::Column::TimerAt, Expr::value(timer))
                .filter(order::Column::Id.eq(before.id))
                .exec(db)
                .await
                .expect("updates");
        })
        .await;
    };
    clocks(None, None, None).await;
    let name = format!("{}: FUNDED, without a clock and with nobody to end it", before.number);
    assert_eq!(standing(app).await, [name]);
    // The timer is the earlier of both.
    let late = before.timer_at.map(|at| at + TimeDelta::days(1));
    clocks(before.deadline_at, before.remind_at, late).await;
    assert_eq!(standing(app).await.len(), 1);
    clocks(before.deadline_at, before.remind_at, before.timer_at).await;
}

//! Work for later. A job is enqueued in the transaction that made it necessary, so that neither can exist without the other.
//!
//! A node takes a job by a lease in wall time; when the node dies, the lease runs out and the next one takes it. A job may
//! therefore run twice, and every job is written so that a second run changes nothing. A job that fails is tried again
//! later and later, up to once an hour, for ever: money is never given up on.

use chrono::TimeDelta;
use entity::job::{ActiveModel, Column, Entity, Model};
use entity::{
    BookingId, ChargebackId, Currency, JobId, NotificationId, PaymentId, PayoutId, RefundId, SandboxMovementId,
    SupplierId, Time,
};
use sea_orm::sea_query::{Expr, ExprTrait, LockBehavior, LockType, Order, Query};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde::{Deserialize, Serialize};

use crate::db::Db;
use crate::error::{Error, Result};
use ground::clock::Clock;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Job {
    /// Apply a provider's notification.
    ApplyNotification { notification_id: NotificationId },
    /// Ask the provider how a payment stands that has been silent for long, or that it never answered about.
    AskPayment { payment_id: PaymentId },
    /// Withdraw a payment that is no longer wanted.
    CancelPayment { payment_id: PaymentId },
    /// Ask the provider for a refund, or how it stands.
    SendRefund { refund_id: RefundId },
    /// A capture that failed was not restored in time.
    GiveUpCapture { chargeback_id: ChargebackId },
    /// Pay a supplier what is theirs by now.
    RequestPayout { supplier_id: SupplierId, currency: Currency },
    /// Ask the provider for a payout, or how it stands.
    SendPayout { payout_id: PayoutId },
    /// Compare what a provider has booked with our books; or, without a name, our books among themselves.
    Reconcile { provider: String, day: chrono::NaiveDate },
    /// Book what two operators have agreed on.
    BookByHand { booking_id: BookingId },
    /// The simulated bank settles a movement.
    SandboxSettle { movement_id: SandboxMovementId },
    /// The simulated bank notifies us, until it is answered. The body is signed afresh at each attempt.
    SandboxNotify { event_id: String, url: String, body: String },
}

impl Job {
    /// As in the column `kind`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::ApplyNotification { .. } => "apply_notification",
            Self::AskPayment { .. } => "ask_payment",
            Self::CancelPayment { .. } => "cancel_payment",
            Self::SendRefund { .. } => "send_refund",
            Self::GiveUpCapture { .. } => "give_up_capture",
            Self::RequestPayout { .. } => "request_payout",
            Self::SendPayout { .. } => "send_payout",
            Self::Reconcile { .. } => "reconcile",
            Self::BookByHand { .. } => "book_by_hand",
            Self::SandboxSettle { .. } => "sandbox_settle",
            Self::SandboxNotify { .. } => "sandbox_notify",
        }
    }
}

/// What a job's run came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobOutcome {
    Done,
    /// Nothing went wrong, but there is more to do at this (business) time.
    Again(Time),
}

/// Jobs that call somebody may wait for them; notifications must never wait behind those.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Notifications of providers: need nobody but the database.
    Notifications,
    /// Everything else.
    Calls,
}

impl Lane {
    fn filter(self) -> Expr {
        match self {
            Self::Notifications => Column::Kind.eq("apply_notification"),
            Self::Calls => Column::Kind.ne("apply_notification"),
        }
    }
}

/// A job that this node holds a lease on.
#[derive(Clone, Debug)]
pub struct Leased {
    pub id: JobId,
    pub job: Job,
    pub attempts: i32,
    leased_until: Option<Time>,
}

/// Puts a job into the queue. `db` is the transaction that made it necessary.
pub async fn enqueue<C: ConnectionTrait>(db: &C, clock: &Clock, job: &Job, run_at: Time) -> Result<()> {
    let payload = serde_json::to_value(job).map_err(|error| Error::internal(error.to_string()))?;
    let row = ActiveModel {
        id: Set(JobId(clock.new_id())),
        kind: Set(job.kind().to_owned()),
        payload: Set(payload),
        run_at: Set(run_at),
        attempts: Set(0),
        leased_until: Set(None),
        last_error: Set(None),
        created_at: Set(clock.now()),
    };
    Entity::insert(row).exec_without_returning(db).await?;
    Ok(())
}

/// All that are to be done, whether they are due or not. One that can't be read is none.
pub async fn waiting<C: ConnectionTrait>(db: &C) -> Result<Vec<Job>> {
    let rows = Entity::find().all(db).await?.into_iter();
    Ok(rows.filter_map(|row| serde_json::from_value(row.payload).ok()).collect())
}

/// Takes up to `limit` due jobs, oldest first, for `lease`. None means that nothing is due that can be read.
pub async fn lease(db: &Db, clock: &Clock, lane: Lane, lease: TimeDelta, limit: u64) -> Result<Vec<Leased>> {
    loop {
        let (taken, leased) = take(db, clock, lane, lease, limit).await?;
        if taken == 0 || !leased.is_empty() {
            return Ok(leased);
        }
    }
}

/// The next moment after `after` at which a job is due.
pub async fn next_run<C: ConnectionTrait>(db: &C, after: Time) -> Result<Option<Time>> {
    let next = Entity::find().select_only().column(Column::RunAt).filter(Column::RunAt.gt(after));
    Ok(next.order_by_asc(Column::RunAt).limit(1).into_tuple().one(db).await?)
}

/// True if a job is due that is not finished: nobody has taken it yet, or somebody is doing it.
pub async fn is_any_due<C: ConnectionTrait>(db: &C, now: Time) -> Result<bool> {
    Ok(Entity::find().filter(Column::RunAt.lte(now)).limit(1).one(db).await?.is_some())
}

/// How many rows were taken, and those of them that can be read; the others are postponed.
async fn take(db: &Db, clock: &Clock, lane: Lane, lease: TimeDelta, limit: u64) -> Result<(usize, Vec<Leased>)> {
    let (now, wall) = (clock.now(), clock.wall());
    // A look by a reader first: an idle worker takes no write lock.
    let free = Column::LeasedUntil.is_null().or(Column::LeasedUntil.lte(wall));
    let any =
        Entity::find().filter(Column::RunAt.lte(now)).filter(free).filter(lane.filter()).limit(1).one(&db.read).await?;
    if any.is_none() {
        return Ok((0, Vec::new()));
    }
    let transaction = db.begin_write().await?;
    let due = Query::select()
        .column(Column::Id)
        .from(Entity)
        .and_where(Column::RunAt.lte(now))
        .and_where(lane.filter())
        .and_where(Column::LeasedUntil.is_null().or(Column::LeasedUntil.lte(wall)))
        .order_by(Column::RunAt, Order::Asc)
        .order_by(Column::Id, Order::Asc)
        .limit(limit)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .to_owned();
    let mut rows = Entity::update_many()
        .col_expr(Column::LeasedUntil, Expr::value(wall + lease))
        .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
        .filter(Column::Id.in_subquery(due))
        .exec_with_returning(&transaction)
        .await?;
    transaction.commit().await?;
    rows.sort_by_key(|row| (row.run_at, row.id));
    let taken = rows.len();
    let mut leased = Vec::with_capacity(taken);
    for row in rows {
        let (id, attempts, leased_until) = (row.id, row.attempts, row.leased_until);
        match parse(row) {
            Ok(job) => leased.push(job),
            // Of a newer version's kind, perhaps: left to a node that can read it. The others go on.
            Err(error) => {
                tracing::error!(job = %id, %error, "a job that can't be read here");
                postpone(db, clock, id, attempts, leased_until, &error).await?;
            }
        }
    }
    Ok((taken, leased))
}

fn parse(row: Model) -> Result<Leased> {
    let job = serde_json::from_value(row.payload).map_err(|error| {
        Error::internal(format!("{}: a payload of kind {} that can't be read: {error}", row.id, row.kind))
    })?;
    Ok(Leased { id: row.id, job, attempts: row.attempts, leased_until: row.leased_until })
}

/// Writes down what a run came to. Whoever lost the lease meanwhile changes nothing: the row is the other's now.
pub async fn finish(db: &Db, clock: &Clock, leased: &Leased, result: &Result<JobOutcome>) -> Result<()> {
    let transaction = db.begin_write().await?;
    let mine = Column::Id.eq(leased.id).and(Column::LeasedUntil.eq(leased.leased_until));
    match result {
        Ok(JobOutcome::Done) => {
            Entity::delete_many().filter(mine).exec(&transaction).await?;
        }
        Ok(JobOutcome::Again(at)) => {
            let row = ActiveModel {
                run_at: Set(*at),
                attempts: Set(0),
                leased_until: Set(None),
                last_error: Set(None),
                ..Default::default()
            };
            Entity::update_many().set(row).filter(mine).exec(&transaction).await?;
        }
        Err(error) => {
            let row = failed(clock, leased.attempts, error);
            Entity::update_many().set(row).filter(mine).exec(&transaction).await?;
        }
    }
    transaction.commit().await?;
    Ok(())
}

async fn postpone(
    db: &Db,
    clock: &Clock,
    id: JobId,
    attempts: i32,
    leased_until: Option<Time>,
    error: &Error,
) -> Result<()> {
    let transaction = db.begin_write().await?;
    let mine = Column::Id.eq(id).and(Column::LeasedUntil.eq(leased_until));
    Entity::update_many().set(failed(clock, attempts, error)).filter(mine).exec(&transaction).await?;
    transaction.commit().await?;
    Ok(())
}

fn failed(clock: &Clock, attempts: i32, error: &Error) -> ActiveModel {
    ActiveModel {
        run_at: Set(clock.now() + backoff(attempts)),
        leased_until: Set(None),
        last_error: Set(Some(error.to_string().chars().take(2_000).collect())),
        ..Default::default()
    }
}

/// On SQLite only one process serves the file, so leases that it finds at its start are those of a process that died.
pub async fn release_all_leases(db: &Db) -> Result<()> {
    let transaction = db.begin_write().await?;
    Entity::update_many().col_expr(Column::LeasedUntil, Expr::value(None::<Time>)).exec(&transaction).await?;
    transaction.commit().await?;
    Ok(())
}

/// 1, 2, 4, 8 … seconds, at most an hour.
fn backoff(attempts: i32) -> TimeDelta {
    let doublings = u32::try_from(if attempts < 13 { attempts - 1 } else { 12 }).unwrap_or(12);
    TimeDelta::seconds(2_i64.pow(doublings)).min(TimeDelta::hours(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_slow_down_to_once_an_hour() {
        let seconds: Vec<i64> = [1, 2, 5, 12, 13, 500].map(|attempts| backoff(attempts).num_seconds()).to_vec();
        assert_eq!(seconds, [1, 2, 16, 2_048, 3_600, 3_600]);
    }
}

//! What nothing would ever move: no job, no clock, no person. There is none; `secure-payment verify` and the daily
//! reconciliation name it if there is.

use std::collections::BTreeSet;

use entity::dispute::{self, DisputeStatus};
use entity::hand_booking::{self, BookingStatus};
use entity::notification::{self, NotificationStatus};
use entity::payout::{self, PayoutStatus};
use entity::refund::{self, RefundStatus};
use entity::{OrderId, OrderStatus, order};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use crate::error::Result;
use crate::job::{self, Job};
use escrow::BY_HAND;

/// Each in words, by its id. Run it in a quiet moment or on a snapshot: it reads the tables one after another.
pub(super) async fn standstill<C: ConnectionTrait>(db: &C) -> Result<Vec<String>> {
    let waiting = Waiting::load(db).await?;
    let mut found = waiting.notifications(db).await?;
    found.extend(waiting.refunds(db).await?);
    found.extend(waiting.payouts(db).await?);
    found.extend(waiting.bookings(db).await?);
    found.extend(orders(db).await?);
    Ok(found)
}

/// What a job is there for, by its kind and the id of its row.
struct Waiting(BTreeSet<(&'static str, String)>);

impl Waiting {
    async fn load<C: ConnectionTrait>(db: &C) -> Result<Self> {
        let subject = |job: Job| {
            let id = match &job {
                Job::ApplyNotification { notification_id } => notification_id.to_string(),
                Job::SendRefund { refund_id } => refund_id.to_string(),
                Job::SendPayout { payout_id } => payout_id.to_string(),
                Job::BookByHand { booking_id } => booking_id.to_string(),
                Job::AskPayment { .. }
                | Job::CancelPayment { .. }
                | Job::GiveUpCapture { .. }
                | Job::RequestPayout { .. }
                | Job::Reconcile { .. }
                | Job::SandboxSettle { .. }
                | Job::SandboxNotify { .. } => return None,
            };
            Some((job.kind(), id))
        };
        Ok(Self(job::waiting(db).await?.into_iter().filter_map(subject).collect()))
    }

    fn has(&self, job: &Job, id: &str) -> bool {
        self.0.contains(&(job.kind(), id.to_owned()))
    }

    async fn notifications<C: ConnectionTrait>(&self, db: &C) -> Result<Vec<String>> {
        let received = notification::Entity::find()
            .filter(notification::Column::Status.eq(NotificationStatus::Received))
            .filter(notification::Column::Settled.is_null());
        let rows = received.all(db).await?.into_iter();
        let stands = |row: &notification::Model| {
            !self.has(&Job::ApplyNotification { notification_id: row.id }, &row.id.to_string())
        };
        Ok(rows.filter(stands).map(|row| format!("{}: received, and no job applies it", row.id)).collect())
    }

    /// One that was sent and can't be asked about is late at some time, and then it stands in a worklist.
    async fn refunds<C: ConnectionTrait>(&self, db: &C) -> Result<Vec<String>> {
        let under_way = refund::Entity::find()
            .filter(refund::Column::Status.is_in([RefundStatus::Requested, RefundStatus::Pending]))
            .filter(refund::Column::Provider.ne(BY_HAND));
        let mut found = Vec::new();
        for row in under_way.all(db).await? {
            let has_job = self.has(&Job::SendRefund { refund_id: row.id }, &row.id.to_string());
            let is_sent = row.status == RefundStatus::Pending && row.expected_by.is_some();
            if !has_job && !is_sent && !is_frozen(db, &row).await? {
                found.push(format!("{}: no job sends it or asks about it", row.id));
            }
        }
        Ok(found)
    }

    async fn payouts<C: ConnectionTrait>(&self, db: &C) -> Result<Vec<String>> {
        let requested = payout::Entity::find()
            .filter(payout::Column::Status.eq(PayoutStatus::Requested))
            .filter(payout::Column::Provider.ne(BY_HAND));
        let rows = requested.all(db).await?.into_iter();
        let stands = |row: &payout::Model| !self.has(&Job::SendPayout { payout_id: row.id }, &row.id.to_string());
        Ok(rows.filter(stands).map(|row| format!("{}: no job sends it", row.id)).collect())
    }

    async fn bookings<C: ConnectionTrait>(&self, db: &C) -> Result<Vec<String>> {
        let approved = hand_booking::Entity::find().filter(hand_booking::Column::Status.eq(BookingStatus::Approved));
        let rows = approved.all(db).await?.into_iter();
        let stands =
            |row: &hand_booking::Model| !self.has(&Job::BookByHand { booking_id: row.id }, &row.id.to_string());
        Ok(rows.filter(stands).map(|row| format!("{}: approved, and no job books it", row.id)).collect())
    }
}

/// It is sent when its order is thawed.
async fn is_frozen<C: ConnectionTrait>(db: &C, refund: &refund::Model) -> Result<bool> {
    let Some(order_id) = refund.order_id else { return Ok(false) };
    Ok(order::Entity::find_by_id(order_id).one(db).await?.is_some_and(|order| order.is_frozen()))
}

/// An order that nothing ends waits for a clock, for an operator who thaws it, or for one who rules.
async fn orders<C: ConnectionTrait>(db: &C) -> Result<Vec<String>> {
    let ends = OrderStatus::all().filter(|status| status.is_end());
    let without_a_clock = order::Entity::find()
        .filter(order::Column::Status.is_not_in(ends))
        .filter(order::Column::FrozenAt.is_null())
        .filter(order::Column::DeadlineAt.is_null());
    let mut found = Vec::new();
    for row in without_a_clock.all(db).await? {
        if !is_to_rule(db, row.id).await? {
            found.push(format!("{}: {}, without a clock and with nobody to end it", row.number, row.status));
        }
    }
    Ok(found)
}

async fn is_to_rule<C: ConnectionTrait>(db: &C, order_id: OrderId) -> Result<bool> {
    let escalated = dispute::Entity::find()
        .filter(dispute::Column::OrderId.eq(order_id))
        .filter(dispute::Column::Status.eq(DisputeStatus::Open))
        .filter(dispute::Column::EscalatedAt.is_not_null());
    Ok(escalated.one(db).await?.is_some())
}

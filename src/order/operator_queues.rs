//! What waits for an operator: refunds, disputes and chargebacks.

use entity::chargeback::ChargebackStatus;
use entity::dispute::DisputeStatus;
use entity::refund::RefundStatus;
use entity::{ChargebackId, DisputeId, RefundId, Time, chargeback, dispute, refund};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};

use crate::auth::Viewer;
use crate::error::Result;
use crate::page::Page;
use escrow::BY_HAND;

/// Operator: refunds that somebody has to do something about, that are being paid by hand, or that should have arrived by now.
/// Oldest first.
pub async fn refunds_to_settle<C: ConnectionTrait>(
    db: &C,
    viewer: &Viewer,
    now: Time,
    page: &Page<RefundId>,
) -> Result<Vec<refund::Model>> {
    viewer.require_operator()?;
    let waits = [RefundStatus::ActionRequired, RefundStatus::PayeeDetailsRequired, RefundStatus::ApprovalRequired];
    let by_hand = Condition::all()
        .add(refund::Column::Status.eq(RefundStatus::Pending))
        .add(refund::Column::Provider.eq(BY_HAND));
    let mut query = refund::Entity::find()
        .filter(Condition::any().add(refund::Column::Status.is_in(waits)).add(by_hand).add(is_late(now)))
        .order_by_asc(refund::Column::Id)
        .limit(page.fetch());
    if let Some(after) = page.after {
        query = query.filter(refund::Column::Id.gt(after));
    }
    Ok(query.all(db).await?)
}

/// It is on its way for longer than its provider says that it takes.
fn is_late(now: Time) -> Condition {
    Condition::all()
        .add(refund::Column::Status.is_in([RefundStatus::Requested, RefundStatus::Pending]))
        .add(refund::Column::StartedAt.is_not_null())
        .add(refund::Column::ExpectedBy.lt(now))
}

/// How many refunds are late: an alarm.
pub async fn count_late_refunds<C: ConnectionTrait>(db: &C, now: Time) -> Result<u64> {
    Ok(refund::Entity::find().filter(is_late(now)).count(db).await?)
}

/// Operator: open disputes that were escalated. Oldest first.
pub async fn disputes_to_rule<C: ConnectionTrait>(
    db: &C,
    viewer: &Viewer,
    page: &Page<DisputeId>,
) -> Result<Vec<dispute::Model>> {
    viewer.require_operator()?;
    let mut query = dispute::Entity::find()
        .filter(dispute::Column::Status.eq(DisputeStatus::Open))
        .filter(dispute::Column::EscalatedAt.is_not_null())
        .order_by_asc(dispute::Column::Id)
        .limit(page.fetch());
    if let Some(after) = page.after {
        query = query.filter(dispute::Column::Id.gt(after));
    }
    Ok(query.all(db).await?)
}

/// Operator: chargebacks that are not decided, or that a person has to look at. Oldest first.
pub async fn open_chargebacks<C: ConnectionTrait>(
    db: &C,
    viewer: &Viewer,
    page: &Page<ChargebackId>,
) -> Result<Vec<chargeback::Model>> {
    viewer.require_operator()?;
    let mut query = chargeback::Entity::find()
        .filter(
            Condition::any()
                .add(chargeback::Column::Status.eq(ChargebackStatus::Open))
                .add(chargeback::Column::Problem.is_not_null()),
        )
        .order_by_asc(chargeback::Column::Id)
        .limit(page.fetch());
    if let Some(after) = page.after {
        query = query.filter(chargeback::Column::Id.gt(after));
    }
    Ok(query.all(db).await?)
}

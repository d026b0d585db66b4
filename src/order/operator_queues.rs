//! What waits for an operator: refunds, disputes and chargebacks.

use entity::chargeback::ChargebackStatus;
use entity::dispute::DisputeStatus;
use entity::refund::RefundStatus;
use entity::{ChargebackId, DisputeId, RefundId, chargeback, dispute, refund};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::auth::Viewer;
use crate::error::Result;
use crate::page::Page;
use escrow::BY_HAND;

/// Operator: refunds that somebody has to do something about, or that are being paid by hand. Oldest first.
pub async fn refunds_to_settle<C: ConnectionTrait>(
    db: &C,
    viewer: &Viewer,
    page: &Page<RefundId>,
) -> Result<Vec<refund::Model>> {
    viewer.require_operator()?;
    let waits = [RefundStatus::ActionRequired, RefundStatus::PayeeDetailsRequired, RefundStatus::ApprovalRequired];
    let by_hand = Condition::all()
        .add(refund::Column::Status.eq(RefundStatus::Pending))
        .add(refund::Column::Provider.eq(BY_HAND));
    let mut query = refund::Entity::find()
        .filter(Condition::any().add(refund::Column::Status.is_in(waits)).add(by_hand))
        .order_by_asc(refund::Column::Id)
        .limit(page.fetch());
    if let Some(after) = page.after {
        query = query.filter(refund::Column::Id.gt(after));
    }
    Ok(query.all(db).await?)
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

/// Operator: chargebacks that are not decided. Oldest first.
pub async fn open_chargebacks<C: ConnectionTrait>(
    db: &C,
    viewer: &Viewer,
    page: &Page<ChargebackId>,
) -> Result<Vec<chargeback::Model>> {
    viewer.require_operator()?;
    let mut query = chargeback::Entity::find()
        .filter(chargeback::Column::Status.eq(ChargebackStatus::Open))
        .order_by_asc(chargeback::Column::Id)
        .limit(page.fetch());
    if let Some(after) = page.after {
        query = query.filter(chargeback::Column::Id.gt(after));
    }
    Ok(query.all(db).await?)
}

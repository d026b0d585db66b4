//! Finders by id of what providers move and report: those of these rows that exist for the viewer.

use entity::{BreakId, NotificationId, PayoutId, ReceiptId, notification, payout, receipt, reconciliation_break};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use crate::auth::Viewer;
use crate::error::Result;
use crate::visibility;

pub async fn find_payouts_by_id<C: ConnectionTrait>(
    db: &C,
    viewer: &Viewer,
    ids: &[PayoutId],
) -> Result<Vec<payout::Model>> {
    let these = payout::Entity::find().filter(payout::Column::Id.is_in(ids.iter().copied()));
    Ok(these.filter(visibility::payouts(viewer)).all(db).await?)
}

/// Of the viewer's orders; an operator also sees what belongs to none.
pub async fn find_receipts_by_id<C: ConnectionTrait>(
    db: &C,
    viewer: &Viewer,
    ids: &[ReceiptId],
) -> Result<Vec<receipt::Model>> {
    let these = receipt::Entity::find().filter(receipt::Column::Id.is_in(ids.iter().copied()));
    Ok(these.filter(visibility::of_orders_or_of_none(viewer, receipt::Column::OrderId)).all(db).await?)
}

macro_rules! of_operators {
    ($($find:ident: $id:ty => $entity:ident;)+) => {$(
        pub async fn $find<C: ConnectionTrait>(db: &C, viewer: &Viewer, ids: &[$id]) -> Result<Vec<$entity::Model>> {
            let these = $entity::Entity::find().filter($entity::Column::Id.is_in(ids.iter().copied()));
            Ok(these.filter(visibility::books(viewer)).all(db).await?)
        }
    )+};
}

of_operators! {
    find_breaks_by_id: BreakId => reconciliation_break;
    find_notifications_by_id: NotificationId => notification;
}

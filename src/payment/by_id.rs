//! Finders by id of what rails move and tell: those of these rows that exist for the viewer.

use entity::{
    BreakId, NotificationId, PayoutId, ReceiptId, notification, order, payout, receipt, reconciliation_break,
};
use sea_orm::sea_query::Query;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use crate::auth::Viewer;
use crate::error::Result;
use crate::order::visible;

/// A supplier's own, an operator's all.
pub async fn find_payouts_by_id<C: ConnectionTrait>(
    db: &C,
    viewer: &Viewer,
    ids: &[PayoutId],
) -> Result<Vec<payout::Model>> {
    let these = payout::Entity::find().filter(payout::Column::Id.is_in(ids.iter().copied()));
    match viewer {
        Viewer::Operator { .. } => Ok(these.all(db).await?),
        Viewer::Supplier { supplier_id } => {
            Ok(these.filter(payout::Column::SupplierId.eq(*supplier_id)).all(db).await?)
        }
        Viewer::Anonymous | Viewer::Storefront { .. } | Viewer::Buyer { .. } => Ok(Vec::new()),
    }
}

/// Of the viewer's orders; an operator also sees what belongs to none.
pub async fn find_receipts_by_id<C: ConnectionTrait>(
    db: &C,
    viewer: &Viewer,
    ids: &[ReceiptId],
) -> Result<Vec<receipt::Model>> {
    let mut these = receipt::Entity::find().filter(receipt::Column::Id.is_in(ids.iter().copied()));
    if viewer.require_operator().is_err() {
        let own = Query::select().column(order::Column::Id).from(order::Entity).cond_where(visible(viewer)).to_owned();
        these = these.filter(receipt::Column::OrderId.in_subquery(own));
    }
    Ok(these.all(db).await?)
}

macro_rules! of_operators {
    ($($find:ident: $id:ty => $entity:ident;)+) => {$(
        pub async fn $find<C: ConnectionTrait>(db: &C, viewer: &Viewer, ids: &[$id]) -> Result<Vec<$entity::Model>> {
            if viewer.require_operator().is_err() {
                return Ok(Vec::new());
            }
            Ok($entity::Entity::find().filter($entity::Column::Id.is_in(ids.iter().copied())).all(db).await?)
        }
    )+};
}

of_operators! {
    find_breaks_by_id: BreakId => reconciliation_break;
    find_notifications_by_id: NotificationId => notification;
}

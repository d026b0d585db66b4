//! What providers move and report, found: those of these rows that exist for the viewer.

use entity::payout::PayoutStatus;
use entity::{BreakId, NotificationId, PayoutId, ReceiptId, notification, payout, receipt, reconciliation_break};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::auth::Viewer;
use crate::error::Result;
use crate::page::Page;
use crate::visibility;

/// Money that arrived and is still set aside. Oldest first.
pub async fn find_unapplied<C: ConnectionTrait>(
    db: &C,
    viewer: &Viewer,
    page: &Page<ReceiptId>,
) -> Result<Vec<receipt::Model>> {
    viewer.require_operator()?;
    let mut query = receipt::Entity::find()
        .filter(
            Expr::col(receipt::Column::Refunded)
                .add(Expr::col(receipt::Column::Applied))
                .add(Expr::col(receipt::Column::ChargedBack))
                .lt(Expr::col(receipt::Column::Amount)),
        )
        .order_by_asc(receipt::Column::Id)
        .limit(page.fetch());
    if let Some(after) = page.after {
        query = query.filter(receipt::Column::Id.gt(after));
    }
    Ok(query.all(db).await?)
}

/// A supplier's payouts, or all of them for an operator. Newest first.
pub async fn find_payouts<C: ConnectionTrait>(
    db: &C,
    viewer: &Viewer,
    statuses: &[PayoutStatus],
    page: &Page<PayoutId>,
) -> Result<Vec<payout::Model>> {
    match viewer {
        Viewer::Operator { .. } | Viewer::Supplier { .. } => {}
        Viewer::Anonymous | Viewer::Storefront { .. } | Viewer::Buyer { .. } => drop(viewer.require_supplier()?),
    }
    let mut query = payout::Entity::find()
        .filter(visibility::payouts(viewer))
        .order_by_desc(payout::Column::Id)
        .limit(page.fetch());
    if !statuses.is_empty() {
        query = query.filter(payout::Column::Status.is_in(statuses.iter().copied()));
    }
    if let Some(after) = page.after {
        query = query.filter(payout::Column::Id.lt(after));
    }
    Ok(query.all(db).await?)
}

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

//! The moment from which a refund may be on its way: written down, under the order's lock, before anybody is asked.

use entity::refund::{self, RefundStatus};
use entity::{OrderId, RefundId, refund_account};
use futures_util::future::BoxFuture;
use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder};

use super::find::find_order;
use super::locked::LockedOrder;
use crate::app::App;
use crate::auth::Viewer;
use crate::db::retrying;
use crate::error::{Error, Result};
use escrow::{Sending, may_send};

/// Whether a refund may be sent now; from then on it counts as out, whatever becomes of the request.
pub fn start_refund(app: &App, order_id: OrderId, refund_id: RefundId) -> BoxFuture<'_, Result<Sending>> {
    Box::pin(retrying(move || async move {
        let mut locked = LockedOrder::begin_for_all(app, order_id, app.clock.now()).await?;
        locked.load_receipts().await?;
        let refund = locked.order.refunds.iter().find(|refund| refund.id == refund_id);
        let refund = refund.ok_or_else(|| Error::internal(format!("{refund_id} is of another order")))?;
        if refund.status != RefundStatus::Requested {
            return Ok(Sending::Waits);
        }
        let sending = may_send(&locked.order, refund);
        if sending == Sending::Now && refund.started_at.is_none() {
            let now = app.clock.now();
            let row = refund::ActiveModel { id: Set(refund_id), started_at: Set(Some(now)), ..Default::default() };
            row.update(&locked.transaction).await?;
        }
        // Also deadlines that had passed.
        locked.commit().await?;
        Ok(sending)
    }))
}

/// How many accounts were given for an order that the viewer sees.
pub async fn count_refund_accounts<C: ConnectionTrait>(db: &C, viewer: &Viewer, order_id: OrderId) -> Result<u64> {
    if find_order(db, viewer, order_id).await?.is_none() {
        return Ok(0);
    }
    Ok(refund_account::Entity::find().filter(refund_account::Column::OrderId.eq(order_id)).count(db).await?)
}

/// Where the buyer of an order wants refunds to be sent; the newest counts.
pub async fn find_refund_account<C: ConnectionTrait>(
    db: &C,
    order_id: OrderId,
) -> Result<Option<refund_account::Model>> {
    let of_order = refund_account::Entity::find().filter(refund_account::Column::OrderId.eq(order_id));
    Ok(of_order.order_by_desc(refund_account::Column::Id).one(db).await?)
}

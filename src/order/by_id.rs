//! Finders by id of what hangs on orders: those of these rows whose orders exist for the viewer.

use entity::{
    CancelRequestId, ChargebackId, ContractId, EventId, FeedbackId, ProposalId, RefundAccountId, ShipmentId,
    TransferId, cancel_request, chargeback, contract, event, feedback, order, proposal, refund_account, shipment,
    transfer,
};
use sea_orm::sea_query::Query;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use super::find::visible;
use crate::auth::Viewer;
use crate::error::Result;

macro_rules! of_visible_orders {
    ($($find:ident: $id:ty => $entity:ident;)+) => {$(
        pub async fn $find<C: ConnectionTrait>(db: &C, viewer: &Viewer, ids: &[$id]) -> Result<Vec<$entity::Model>> {
            let own = Query::select().column(order::Column::Id).from(order::Entity).cond_where(visible(viewer)).to_owned();
            let these = $entity::Entity::find().filter($entity::Column::Id.is_in(ids.iter().copied()));
            Ok(these.filter($entity::Column::OrderId.in_subquery(own)).all(db).await?)
        }
    )+};
}

of_visible_orders! {
    find_cancel_requests_by_id: CancelRequestId => cancel_request;
    find_chargebacks_by_id: ChargebackId => chargeback;
    find_contracts_by_id: ContractId => contract;
    find_events_by_id: EventId => event;
    find_feedback_by_id: FeedbackId => feedback;
    find_proposals_by_id: ProposalId => proposal;
    find_shipments_by_id: ShipmentId => shipment;
}

/// Where the buyer wants refunds is not the supplier's business.
pub async fn find_refund_accounts_by_id<C: ConnectionTrait>(
    db: &C,
    viewer: &Viewer,
    ids: &[RefundAccountId],
) -> Result<Vec<refund_account::Model>> {
    match viewer {
        Viewer::Supplier { .. } | Viewer::Anonymous => Ok(Vec::new()),
        Viewer::Buyer { .. } | Viewer::Storefront { .. } | Viewer::Operator { .. } => {
            let own =
                Query::select().column(order::Column::Id).from(order::Entity).cond_where(visible(viewer)).to_owned();
            let these = refund_account::Entity::find().filter(refund_account::Column::Id.is_in(ids.iter().copied()));
            Ok(these.filter(refund_account::Column::OrderId.in_subquery(own)).all(db).await?)
        }
    }
}

/// The books are the operators'.
pub async fn find_transfers_by_id<C: ConnectionTrait>(
    db: &C,
    viewer: &Viewer,
    ids: &[TransferId],
) -> Result<Vec<transfer::Model>> {
    if viewer.require_operator().is_err() {
        return Ok(Vec::new());
    }
    Ok(transfer::Entity::find().filter(transfer::Column::Id.is_in(ids.iter().copied())).all(db).await?)
}

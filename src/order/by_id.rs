//! Finders by id of what hangs on orders: those of these rows whose orders exist for the viewer.

use entity::{
    CancelRequestId, ChargebackId, ContractId, DisputeId, EventId, FeedbackId, ProposalId, RefundAccountId, RefundId,
    ShipmentId, TransferId, cancel_request, chargeback, contract, dispute, event, feedback, proposal, refund,
    refund_account, shipment, transfer,
};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use crate::auth::Viewer;
use crate::error::Result;
use crate::visibility;

macro_rules! of_visible_orders {
    ($($find:ident: $id:ty => $entity:ident;)+) => {$(
        pub async fn $find<C: ConnectionTrait>(db: &C, viewer: &Viewer, ids: &[$id]) -> Result<Vec<$entity::Model>> {
            let these = $entity::Entity::find().filter($entity::Column::Id.is_in(ids.iter().copied()));
            Ok(these.filter(visibility::of_orders(viewer, $entity::Column::OrderId)).all(db).await?)
        }
    )+};
}

of_visible_orders! {
    find_cancel_requests_by_id: CancelRequestId => cancel_request;
    find_chargebacks_by_id: ChargebackId => chargeback;
    find_contracts_by_id: ContractId => contract;
    find_disputes_by_id: DisputeId => dispute;
    find_events_by_id: EventId => event;
    find_feedback_by_id: FeedbackId => feedback;
    find_proposals_by_id: ProposalId => proposal;
    find_shipments_by_id: ShipmentId => shipment;
}

pub async fn find_refund_accounts_by_id<C: ConnectionTrait>(
    db: &C,
    viewer: &Viewer,
    ids: &[RefundAccountId],
) -> Result<Vec<refund_account::Model>> {
    let these = refund_account::Entity::find().filter(refund_account::Column::Id.is_in(ids.iter().copied()));
    Ok(these.filter(visibility::refund_accounts(viewer, refund_account::Column::OrderId)).all(db).await?)
}

pub async fn find_transfers_by_id<C: ConnectionTrait>(
    db: &C,
    viewer: &Viewer,
    ids: &[TransferId],
) -> Result<Vec<transfer::Model>> {
    let these = transfer::Entity::find().filter(transfer::Column::Id.is_in(ids.iter().copied()));
    Ok(these.filter(visibility::books(viewer)).all(db).await?)
}

/// Those of these refunds whose orders exist for the viewer; an operator also sees refunds of money without an order.
pub async fn find_refunds_by_id<C: ConnectionTrait>(
    db: &C,
    viewer: &Viewer,
    ids: &[RefundId],
) -> Result<Vec<refund::Model>> {
    let these = refund::Entity::find().filter(refund::Column::Id.is_in(ids.iter().copied()));
    Ok(these.filter(visibility::of_orders_or_of_none(viewer, refund::Column::OrderId)).all(db).await?)
}

//! What the rules look at, read from the database.

use entity::cancel_request::{self, CancelRequestStatus};
use entity::order::Model;
use entity::{OrderId, OrderStatus, chargeback, contract, dispute, feedback, payment, proposal, receipt, refund};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};

use crate::error::Result;
use escrow::Order;

/// What the rules look at. Reads only what this status can need.
pub async fn load<C: ConnectionTrait>(db: &C, row: Model) -> Result<Order> {
    let id = row.id;
    let terms = contract::Entity::find()
        .filter(contract::Column::OrderId.eq(id))
        .filter(contract::Column::Version.eq(row.contract_version))
        .one(db)
        .await?
        .map(|contract| contract.terms);
    let mut order = Order {
        row,
        terms,
        payments: Vec::new(),
        refunds: Vec::new(),
        receipts: Vec::new(),
        chargebacks: Vec::new(),
        cancel_request: None,
        dispute: None,
        proposals: Vec::new(),
        feedback: None,
    };
    if !matches!(order.row.status, OrderStatus::DraftRequested | OrderStatus::AwaitingConfirmation) {
        load_money(db, &mut order).await?;
        load_dispute(db, &mut order).await?;
    }
    Ok(order)
}

async fn load_money<C: ConnectionTrait>(db: &C, order: &mut Order) -> Result<()> {
    let id = order.row.id;
    let payments = payment::Entity::find().filter(payment::Column::OrderId.eq(id)).order_by_asc(payment::Column::Id);
    order.payments = payments.all(db).await?;
    let refunds = refund::Entity::find().filter(refund::Column::OrderId.eq(id)).order_by_asc(refund::Column::Id);
    order.refunds = refunds.all(db).await?;
    if order.row.chargebacks > 0 || order.row.is_frozen() {
        let chargebacks = chargeback::Entity::find().filter(chargeback::Column::OrderId.eq(id));
        order.chargebacks = chargebacks.order_by_asc(chargeback::Column::Id).all(db).await?;
        order.receipts = load_receipts(db, id).await?;
    }
    Ok(())
}

/// An order that was never charged back is loaded without its receipts; a command that needs them reads them.
pub(super) async fn load_receipts<C: ConnectionTrait>(db: &C, id: OrderId) -> Result<Vec<receipt::Model>> {
    let receipts = receipt::Entity::find().filter(receipt::Column::OrderId.eq(id));
    Ok(receipts.order_by_asc(receipt::Column::Id).all(db).await?)
}

async fn load_dispute<C: ConnectionTrait>(db: &C, order: &mut Order) -> Result<()> {
    let id = order.row.id;
    match order.row.status {
        OrderStatus::CancelRequested => {
            let open = cancel_request::Entity::find().filter(cancel_request::Column::OrderId.eq(id));
            let open = open.filter(cancel_request::Column::Status.eq(CancelRequestStatus::Open));
            order.cancel_request = open.one(db).await?;
        }
        OrderStatus::Disputed | OrderStatus::ReturnPending => {
            let newest = dispute::Entity::find().filter(dispute::Column::OrderId.eq(id));
            order.dispute = newest.order_by_desc(dispute::Column::Id).one(db).await?;
            let dispute_id = order.dispute.as_ref().map(|row| row.id);
            let proposals = proposal::Entity::find().filter(proposal::Column::OrderId.eq(id));
            let proposals = proposals.filter(proposal::Column::DisputeId.eq(dispute_id));
            order.proposals = proposals.order_by_asc(proposal::Column::Id).all(db).await?;
        }
        OrderStatus::Completed => {
            let feedback = feedback::Entity::find().filter(feedback::Column::OrderId.eq(id));
            order.feedback = feedback.one(db).await?;
        }
        OrderStatus::DraftRequested
        | OrderStatus::AwaitingConfirmation
        | OrderStatus::AwaitingPayment
        | OrderStatus::Funded
        | OrderStatus::Shipped
        | OrderStatus::Cancelled
        | OrderStatus::Refunded => {}
    }
    Ok(())
}

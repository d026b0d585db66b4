//! What hangs on orders, read for a whole list with one statement each. The orders were found for the viewer before.

use std::collections::HashMap;

use async_graphql::dataloader::{DataLoader, Loader, NoCache};
use async_graphql::{Context, Request};
use entity::{
    BuyerId, DisputeId, EvidenceId, FileId, OperatorId, OrderId, PaymentId, RefundId, buyer, cancel_request,
    chargeback, contract, dispute, event, evidence, feedback, file, message, operator, order, payment, proposal,
    receipt, refund, refund_account, shipment,
};
use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder};

use super::batch::{self, grouped};
use crate::app::App;
use crate::auth::Viewer;
use crate::error::Error;
use crate::file::find_files;
use crate::order::{
    events_of, find_cited, find_contracts, find_disputes_by_id, find_evidence_by_id, find_orders_by_id,
    find_payments_by_id, find_refunds_by_id, versions_of,
};

pub(crate) struct OrderLoader {
    db: DatabaseConnection,
    viewer: Viewer,
}

/// The newest contract of an order.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ContractOf(pub OrderId);
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ContractVersion(pub OrderId, pub i32);
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PaymentsOf(pub OrderId);
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct RefundsOf(pub OrderId);
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ReceiptsOf(pub OrderId);
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ChargebacksOf(pub OrderId);
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct CancelRequestsOf(pub OrderId);
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct DisputesOf(pub OrderId);
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ProposalsOf(pub OrderId);
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct EvidenceOf(pub OrderId);
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct RefundAccountsOf(pub OrderId);
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ShipmentOf(pub OrderId);
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct FeedbackOf(pub OrderId);

/// A part of the versions of an order's contract.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct VersionsOf {
    pub order_id: OrderId,
    pub after: i32,
    pub limit: u64,
}

/// The messages that a piece of evidence cites.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct CitedBy(pub EvidenceId);

/// A part of an order's timeline: the same part of every order in a list is read with one statement.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct EventsOf {
    pub order_id: OrderId,
    pub after: i64,
    pub limit: u64,
}

/// One loader serves all the keys; it batches each kind of key by itself.
pub(crate) fn attach(request: Request, app: &App, viewer: Viewer) -> Request {
    request.data(batch::loader(OrderLoader { db: app.db.read.clone(), viewer }))
}

pub(crate) fn loader<'a>(ctx: &Context<'a>) -> &'a DataLoader<OrderLoader, NoCache> {
    ctx.data_unchecked()
}

impl Loader<ContractOf> for OrderLoader {
    type Value = contract::Model;
    type Error = Error;

    async fn load(&self, keys: &[ContractOf]) -> Result<HashMap<ContractOf, contract::Model>, Error> {
        let rows = find_contracts(&self.db, &keys.iter().map(|key| key.0).collect::<Vec<_>>()).await?;
        // Of several versions the newest stays.
        Ok(rows.into_iter().map(|row| (ContractOf(row.order_id), row)).collect())
    }
}

impl Loader<ContractVersion> for OrderLoader {
    type Value = contract::Model;
    type Error = Error;

    async fn load(&self, keys: &[ContractVersion]) -> Result<HashMap<ContractVersion, contract::Model>, Error> {
        let rows = find_contracts(&self.db, &keys.iter().map(|key| key.0).collect::<Vec<_>>()).await?;
        Ok(rows.into_iter().map(|row| (ContractVersion(row.order_id, row.version), row)).collect())
    }
}

impl Loader<EventsOf> for OrderLoader {
    type Value = Vec<event::Model>;
    type Error = Error;

    async fn load(&self, keys: &[EventsOf]) -> Result<HashMap<EventsOf, Vec<event::Model>>, Error> {
        let mut loaded = HashMap::new();
        for ((after, limit), orders) in grouped(keys.iter().map(|key| ((key.after, key.limit), key.order_id))) {
            let rows = events_of(&self.db, &orders, after, limit).await?;
            let key = |row: &event::Model| EventsOf { order_id: row.order_id, after, limit };
            loaded.extend(grouped(rows.into_iter().map(|row| (key(&row), row))));
        }
        Ok(loaded)
    }
}

impl Loader<VersionsOf> for OrderLoader {
    type Value = Vec<contract::Model>;
    type Error = Error;

    async fn load(&self, keys: &[VersionsOf]) -> Result<HashMap<VersionsOf, Vec<contract::Model>>, Error> {
        let mut loaded = HashMap::new();
        for ((after, limit), orders) in grouped(keys.iter().map(|key| ((key.after, key.limit), key.order_id))) {
            let rows = versions_of(&self.db, &orders, after, limit).await?;
            let key = |row: &contract::Model| VersionsOf { order_id: row.order_id, after, limit };
            loaded.extend(grouped(rows.into_iter().map(|row| (key(&row), row))));
        }
        Ok(loaded)
    }
}

impl Loader<CitedBy> for OrderLoader {
    type Value = Vec<message::Model>;
    type Error = Error;

    async fn load(&self, keys: &[CitedBy]) -> Result<HashMap<CitedBy, Vec<message::Model>>, Error> {
        let rows = find_cited(&self.db, keys.iter().map(|key| key.0)).await?;
        Ok(grouped(rows.into_iter().map(|(id, message)| (CitedBy(id), message))))
    }
}

macro_rules! found_by_id {
    ($($id:ident: $entity:ident, $find:ident;)+) => {$(
        impl Loader<$id> for OrderLoader {
            type Value = $entity::Model;
            type Error = Error;

            async fn load(&self, keys: &[$id]) -> Result<HashMap<$id, $entity::Model>, Error> {
                let rows = $find(&self.db, &self.viewer, keys).await?;
                Ok(rows.into_iter().map(|row| (row.id, row)).collect())
            }
        }
    )+};
}

found_by_id! {
    OrderId: order, find_orders_by_id;
    PaymentId: payment, find_payments_by_id;
    RefundId: refund, find_refunds_by_id;
    DisputeId: dispute, find_disputes_by_id;
    FileId: file, find_files;
    EvidenceId: evidence, find_evidence_by_id;
}

impl Loader<BuyerId> for OrderLoader {
    type Value = buyer::Model;
    type Error = Error;

    async fn load(&self, keys: &[BuyerId]) -> Result<HashMap<BuyerId, buyer::Model>, Error> {
        let rows = buyer::Entity::find().filter(buyer::Column::Id.is_in(keys.iter().copied())).all(&self.db).await?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }
}

impl Loader<OperatorId> for OrderLoader {
    type Value = operator::Model;
    type Error = Error;

    async fn load(&self, keys: &[OperatorId]) -> Result<HashMap<OperatorId, operator::Model>, Error> {
        let these = operator::Entity::find().filter(operator::Column::Id.is_in(keys.iter().copied()));
        Ok(these.all(&self.db).await?.into_iter().map(|row| (row.id, row)).collect())
    }
}

impl Loader<ShipmentOf> for OrderLoader {
    type Value = shipment::Model;
    type Error = Error;

    async fn load(&self, keys: &[ShipmentOf]) -> Result<HashMap<ShipmentOf, shipment::Model>, Error> {
        let rows = shipment::Entity::find()
            .filter(shipment::Column::OrderId.is_in(keys.iter().map(|key| key.0)))
            .order_by_asc(shipment::Column::Id)
            .all(&self.db)
            .await?;
        Ok(rows.into_iter().map(|row| (ShipmentOf(row.order_id), row)).collect())
    }
}

impl Loader<FeedbackOf> for OrderLoader {
    type Value = feedback::Model;
    type Error = Error;

    async fn load(&self, keys: &[FeedbackOf]) -> Result<HashMap<FeedbackOf, feedback::Model>, Error> {
        let rows = feedback::Entity::find()
            .filter(feedback::Column::OrderId.is_in(keys.iter().map(|key| key.0)))
            .all(&self.db)
            .await?;
        Ok(rows.into_iter().map(|row| (FeedbackOf(row.order_id), row)).collect())
    }
}

macro_rules! lists_of_an_order {
    ($($key:ident: $entity:ident, $order_of:expr;)+) => {$(
        impl Loader<$key> for OrderLoader {
            type Value = Vec<$entity::Model>;
            type Error = Error;

            async fn load(&self, keys: &[$key]) -> Result<HashMap<$key, Vec<$entity::Model>>, Error> {
                let rows = $entity::Entity::find()
                    .filter($entity::Column::OrderId.is_in(keys.iter().map(|key| key.0)))
                    .order_by_asc($entity::Column::Id)
                    .all(&self.db)
                    .await?;
                let order_of: fn(&$entity::Model) -> Option<OrderId> = $order_of;
                Ok(grouped(rows.into_iter().filter_map(|row| order_of(&row).map(|id| ($key(id), row)))))
            }
        }
    )+};
}

lists_of_an_order! {
    PaymentsOf: payment, |row| Some(row.order_id);
    RefundsOf: refund, |row| row.order_id;
    ReceiptsOf: receipt, |row| row.order_id;
    ChargebacksOf: chargeback, |row| Some(row.order_id);
    CancelRequestsOf: cancel_request, |row| Some(row.order_id);
    DisputesOf: dispute, |row| Some(row.order_id);
    ProposalsOf: proposal, |row| Some(row.order_id);
    EvidenceOf: evidence, |row| Some(row.order_id);
    RefundAccountsOf: refund_account, |row| Some(row.order_id);
}

//! What hangs on orders, read for a whole list with one statement each. The orders were found for the viewer before.

use std::collections::HashMap;

use async_graphql::dataloader::{DataLoader, Loader, NoCache};
use async_graphql::{Context, Request};
use entity::{
    EvidenceId, OrderId, SupplierId, Time, cancel_request, chargeback, contract, dispute, event, evidence, feedback,
    message, payment, payout_account, proposal, receipt, refund, refund_account, shipment,
};
use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder};

use crate::app::App;
use crate::auth::Viewer;
use crate::error::Error;
use crate::graphql::loader::batch::{self, grouped};
use crate::order::{events_of, find_cited, find_contracts, versions_of};
use crate::party;

pub(crate) struct OrderLoader {
    pub(crate) db: DatabaseConnection,
    pub(crate) viewer: Viewer,
    now: Time,
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

/// The account that a supplier, the viewer, is paid to now.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ActiveAccountOf(pub SupplierId);

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
    request.data(batch::loader(OrderLoader { db: app.db.read.clone(), viewer, now: app.clock.now() }))
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

impl Loader<ActiveAccountOf> for OrderLoader {
    type Value = payout_account::Model;
    type Error = Error;

    /// Nobody sees the accounts of two.
    async fn load(&self, keys: &[ActiveAccountOf]) -> Result<HashMap<ActiveAccountOf, payout_account::Model>, Error> {
        let mut loaded = HashMap::new();
        for key in keys {
            let found = party::find_active_payout_account(&self.db, key.0, self.now).await?;
            loaded.extend(found.map(|account| (*key, account)));
        }
        Ok(loaded)
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

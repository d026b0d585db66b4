//! What hangs on orders, read for a whole list with one statement each. The orders were found for the viewer before.

use std::collections::HashMap;

use async_graphql::Request;
use async_graphql::dataloader::Loader;
use entity::{OrderId, contract, feedback, payment, receipt, refund, shipment};
use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder};

use super::batch::loader;
use crate::error::Error;

pub(crate) struct OrderLoader(DatabaseConnection);

/// The newest contract of an order.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ContractOf(pub OrderId);
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PaymentsOf(pub OrderId);
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct RefundsOf(pub OrderId);
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ReceiptsOf(pub OrderId);
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ShipmentOf(pub OrderId);
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct FeedbackOf(pub OrderId);

/// One loader serves all the keys; it batches each kind of key by itself.
pub(crate) fn attach(request: Request, db: &DatabaseConnection) -> Request {
    request.data(loader(OrderLoader(db.clone())))
}

/// Rows grouped by their order, in the order the database gave them.
fn grouped<K: std::hash::Hash + Eq, R>(rows: Vec<R>, key: impl Fn(&R) -> Option<K>) -> HashMap<K, Vec<R>> {
    let mut groups: HashMap<K, Vec<R>> = HashMap::new();
    for row in rows {
        if let Some(key) = key(&row) {
            groups.entry(key).or_default().push(row);
        }
    }
    groups
}

impl Loader<ContractOf> for OrderLoader {
    type Value = contract::Model;
    type Error = Error;

    async fn load(&self, keys: &[ContractOf]) -> Result<HashMap<ContractOf, contract::Model>, Error> {
        let rows = contract::Entity::find()
            .filter(contract::Column::OrderId.is_in(keys.iter().map(|key| key.0)))
            .order_by_asc(contract::Column::Version)
            .all(&self.0)
            .await?;
        // Of several versions the newest stays.
        Ok(rows.into_iter().map(|row| (ContractOf(row.order_id), row)).collect())
    }
}

impl Loader<ShipmentOf> for OrderLoader {
    type Value = shipment::Model;
    type Error = Error;

    async fn load(&self, keys: &[ShipmentOf]) -> Result<HashMap<ShipmentOf, shipment::Model>, Error> {
        let rows = shipment::Entity::find()
            .filter(shipment::Column::OrderId.is_in(keys.iter().map(|key| key.0)))
            .order_by_asc(shipment::Column::Id)
            .all(&self.0)
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
            .all(&self.0)
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
                    .all(&self.0)
                    .await?;
                let order_of: fn(&$entity::Model) -> Option<OrderId> = $order_of;
                Ok(grouped(rows, |row| order_of(row).map($key)))
            }
        }
    )+};
}

lists_of_an_order! {
    PaymentsOf: payment, |row| Some(row.order_id);
    RefundsOf: refund, |row| row.order_id;
    ReceiptsOf: receipt, |row| row.order_id;
}

//! What is not money: the contract, the shipment, the feedback; and the chargeback's row.

use entity::{ContractId, ShipmentId, chargeback, contract, feedback, shipment};
use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};

use super::Applying;
use crate::error::Result;
use crate::order::terms::contract_hash;
use escrow::ShipmentChange;

impl Applying<'_> {
    /// What is not money: the contract, the shipment, the feedback.
    pub(super) async fn record_outcome(&self) -> Result<()> {
        let (clock, order_id) = (self.clock, self.order.row.id);
        if let Some(escrow::NewContract { terms, drafted_by }) = &self.decision.contract {
            let row = contract::ActiveModel {
                id: Set(ContractId(clock.new_id())),
                order_id: Set(order_id),
                version: Set(self.order.row.contract_version + 1),
                terms: Set(terms.clone()),
                hash: Set(contract_hash(terms)?),
                drafted_by: Set(*drafted_by),
                created_at: Set(self.at),
            };
            contract::Entity::insert(row).exec_without_returning(self.transaction).await?;
        }
        match &self.decision.shipment {
            Some(ShipmentChange::New { carrier, tracking_number }) => {
                let row = shipment::ActiveModel {
                    id: Set(ShipmentId(clock.new_id())),
                    order_id: Set(order_id),
                    carrier: Set(carrier.clone()),
                    tracking_number: Set(tracking_number.clone()),
                    shipped_at: Set(self.at),
                };
                shipment::Entity::insert(row).exec_without_returning(self.transaction).await?;
            }
            Some(ShipmentChange::Corrected { carrier, tracking_number }) => {
                let row = shipment::ActiveModel {
                    carrier: Set(carrier.clone()),
                    tracking_number: Set(tracking_number.clone()),
                    ..Default::default()
                };
                let of_order = shipment::Entity::update_many().set(row).filter(shipment::Column::OrderId.eq(order_id));
                of_order.exec(self.transaction).await?;
            }
            None => {}
        }
        self.save_rows().await
    }

    /// Rows that are new, or changed: as the decision has them.
    async fn save_rows(&self) -> Result<()> {
        let transaction = self.transaction;
        if let Some(row) = self.decision.feedback.clone().map(IntoActiveModel::into_active_model) {
            let row: feedback::ActiveModel = row.reset_all();
            match self.order.feedback {
                Some(_) => drop(row.update(transaction).await?),
                None => drop(feedback::Entity::insert(row).exec_without_returning(transaction).await?),
            }
        }
        if let Some(row) = self.decision.chargeback.clone().map(IntoActiveModel::into_active_model) {
            let row: chargeback::ActiveModel = row.reset_all();
            if self.opens_chargeback() {
                chargeback::Entity::insert(row).exec_without_returning(transaction).await?;
            } else {
                row.update(transaction).await?;
            }
        }
        Ok(())
    }
}

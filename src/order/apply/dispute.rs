//! Cancel requests, disputes, proposals, evidence, the refund account.

use entity::{cancel_request, dispute, evidence, proposal, refund_account};
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel};

use super::Applying;
use crate::error::Result;

impl Applying<'_> {
    pub(super) async fn record_dispute(&self) -> Result<()> {
        let transaction = self.transaction;
        if let Some(row) = self.decision.cancel_request.clone().map(IntoActiveModel::into_active_model) {
            let row: cancel_request::ActiveModel = row.reset_all();
            match self.order.cancel_request {
                Some(_) => drop(row.update(transaction).await?),
                None => drop(cancel_request::Entity::insert(row).exec_without_returning(transaction).await?),
            }
        }
        if let Some(row) = self.decision.dispute.clone().map(IntoActiveModel::into_active_model) {
            let row: dispute::ActiveModel = row.reset_all();
            if self.opens_dispute() {
                dispute::Entity::insert(row).exec_without_returning(transaction).await?;
            } else {
                row.update(transaction).await?;
            }
        }
        if let Some(row) = self.decision.proposal.clone() {
            proposal::Entity::insert(row.into_active_model().reset_all()).exec_without_returning(transaction).await?;
        }
        if let Some(row) = self.decision.evidence.clone() {
            evidence::Entity::insert(row.into_active_model().reset_all()).exec_without_returning(transaction).await?;
        }
        if let Some(row) = self.decision.refund_account.clone() {
            let row = row.into_active_model().reset_all();
            refund_account::Entity::insert(row).exec_without_returning(transaction).await?;
        }
        Ok(())
    }
}

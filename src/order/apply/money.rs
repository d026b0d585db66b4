//! Receipts and refunds that a decision made or changed.

use entity::refund::{self, RefundStatus};
use entity::{MinorUnits, receipt, refund_attempt};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel};

use super::Applying;
use crate::error::Result;
use escrow::RefundOf;

impl Applying<'_> {
    pub(super) async fn insert_receipts(&self) -> Result<()> {
        for (new, id) in self.decision.receipts.iter().zip(&self.receipts) {
            let row = receipt::ActiveModel {
                id: Set(*id),
                provider: Set(new.provider.clone()),
                movement: Set(new.movement.clone()),
                order_id: Set(Some(self.order.row.id)),
                payment_id: Set(Some(new.payment_id)),
                reason: Set(new.reason),
                amount: Set(new.amount.amount),
                currency: Set(new.amount.currency),
                refunded: Set(new.refunded),
                charged_back: Set(MinorUnits::ZERO),
                applied: Set(MinorUnits::ZERO),
                encrypted_remitter: Set(None),
                created_at: Set(self.at),
            };
            receipt::Entity::insert(row).exec_without_returning(self.transaction).await?;
        }
        Ok(())
    }

    pub(super) async fn insert_refunds(&self) -> Result<()> {
        for (new, id) in self.decision.refunds.iter().zip(&self.refunds) {
            let (payment_id, receipt_id) = match new.of {
                RefundOf::Payment(payment_id) => (payment_id, None),
                RefundOf::Receipt { receipt, payment_id } => (payment_id, Some(self.receipt(receipt)?)),
            };
            let failure = (new.status == RefundStatus::ActionRequired)
                .then(|| "this payment method can't give money back".to_owned());
            let row = refund::ActiveModel {
                id: Set(*id),
                order_id: Set(Some(self.order.row.id)),
                payment_id: Set(Some(payment_id)),
                receipt_id: Set(receipt_id),
                provider: Set(new.provider.clone()),
                reference: Set(id.to_string()),
                status: Set(new.status),
                amount: Set(new.amount.amount),
                currency: Set(new.amount.currency),
                charged_back: Set(MinorUnits::ZERO),
                lost: Set(MinorUnits::ZERO),
                balance: Set(new.amount.amount),
                provider_reference: Set(None),
                encrypted_payee: Set(None),
                reason: Set(new.reason.to_owned()),
                failure: Set(failure),
                started_at: Set(None),
                requested_by: Set(None),
                approved_by: Set(None),
                expected_by: Set(Some(new.expected_by)),
                created_at: Set(self.at),
                updated_at: Set(self.at),
            };
            refund::Entity::insert(row).exec_without_returning(self.transaction).await?;
        }
        Ok(())
    }

    pub(super) async fn change_refunds_and_receipts(&self) -> Result<()> {
        for row in &self.decision.refund_changes {
            let row = refund::Model { updated_at: self.at, ..row.clone() };
            let mut row = row.into_active_model().reset_all();
            let before = self.order.refunds.iter().find(|known| known.id == *row.id.as_ref());
            match before.map(|known| known.reference.clone()).filter(|before| before != row.reference.as_ref()) {
                // Asked for once more: a provider may still state something of the earlier attempt.
                Some(reference) => {
                    let earlier = refund_attempt::ActiveModel {
                        reference: Set(reference),
                        refund_id: row.id.clone(),
                        created_at: Set(self.at),
                    };
                    refund_attempt::Entity::insert(earlier).exec_without_returning(self.transaction).await?;
                }
                // The provider's own id of it is written down without the order's lock.
                None => row.provider_reference = NotSet,
            }
            row.update(self.transaction).await?;
        }
        for row in &self.decision.receipt_changes {
            row.clone().into_active_model().reset_all().update(self.transaction).await?;
        }
        Ok(())
    }
}

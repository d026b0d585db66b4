//! Payments that a decision opened or changed.

use entity::payment::{self, PaymentStatus};
use entity::{MinorUnits, PaymentId};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};

use super::Applying;
use crate::error::{Error, Result};
use escrow::{NewPayment, PaymentChange};

impl Applying<'_> {
    fn opened(&self, new: &NewPayment, amount: MinorUnits) -> payment::ActiveModel {
        let row = &self.order.row;
        payment::ActiveModel {
            id: Set(new.payment_id),
            order_id: Set(row.id),
            provider: Set(new.provider.clone()),
            reference: Set(new.reference.clone()),
            method: Set(new.method),
            status: Set(PaymentStatus::Pending),
            refund_by: Set(new.refund_by.clone()),
            refund_way: Set(new.refund_way),
            refund_days: Set(new.refund_days),
            takes_parts: Set(new.takes_parts),
            amount: Set(amount),
            currency: Set(row.currency),
            captured: Set(MinorUnits::ZERO),
            refunded: Set(MinorUnits::ZERO),
            charged_back: Set(MinorUnits::ZERO),
            bank_charges: Set(MinorUnits::ZERO),
            provider_reference: Set(None),
            opened_at: Set(None),
            encrypted_payer: Set(new.encrypted_payer.clone()),
            next_action: Set(None),
            return_url: Set(new.return_url.clone()),
            failure: Set(None),
            expires_at: Set(None),
            replaced_by: Set(None),
            created_at: Set(self.at),
            updated_at: Set(self.at),
        }
    }

    pub(super) async fn change_payment(&self, change: &PaymentChange) -> Result<()> {
        match change {
            PaymentChange::Open { new, amount } => {
                let opened = self.opened(new, *amount);
                payment::Entity::insert(opened).exec_without_returning(self.transaction).await?;
            }
            PaymentChange::Replace { payment_id, by } => {
                let mut active = self.payment(*payment_id)?.clone().into_active_model();
                active.replaced_by = Set(Some(*by));
                // The other one has its own.
                active.encrypted_payer = Set(None);
                active.updated_at = Set(self.at);
                active.update(self.transaction).await?;
            }
            PaymentChange::Capture { payment_id, applied, complete } => {
                let paid = self.payment(*payment_id)?;
                let mut active = paid.clone().into_active_model();
                active.captured = Set(sum(paid.captured, *applied)?);
                if *complete {
                    active.status = Set(PaymentStatus::Captured);
                    active.encrypted_payer = Set(None);
                }
                active.updated_at = Set(self.at);
                active.update(self.transaction).await?;
            }
            PaymentChange::End { payment_id, status, failure } => {
                let mut active = self.payment(*payment_id)?.clone().into_active_model();
                active.status = Set(*status);
                active.failure = Set(failure.clone());
                // Nobody is asked for it any more.
                active.encrypted_payer = Set(None);
                active.updated_at = Set(self.at);
                active.update(self.transaction).await?;
            }
            PaymentChange::Refund { payment_id, amount } => {
                self.add_to_payment(*payment_id, payment::Column::Refunded, amount.0).await?;
            }
            PaymentChange::ChargeBack { payment_id, amount } => {
                self.add_to_payment(*payment_id, payment::Column::ChargedBack, amount.0).await?;
            }
            PaymentChange::GiveUp { payment_id, amount } => {
                let less = amount.0.saturating_neg();
                self.add_to_payment(*payment_id, payment::Column::ChargedBack, less).await?;
            }
        }
        Ok(())
    }

    /// One decision may change the same payment twice.
    async fn add_to_payment(&self, id: PaymentId, column: payment::Column, more: i64) -> Result<()> {
        payment::Entity::update_many()
            .col_expr(column, Expr::col(column).add(more))
            .col_expr(payment::Column::UpdatedAt, Expr::value(self.at))
            .filter(payment::Column::Id.eq(id))
            .exec(self.transaction)
            .await?;
        Ok(())
    }

    fn payment(&self, id: PaymentId) -> Result<&payment::Model> {
        self.order
            .payments
            .iter()
            .find(|payment| payment.id == id)
            .ok_or_else(|| Error::internal("a payment of another order"))
    }
}

fn sum(left: MinorUnits, right: MinorUnits) -> Result<MinorUnits> {
    left.checked_add(right).ok_or_else(|| Error::internal("an amount is too large"))
}

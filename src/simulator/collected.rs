//! What has come by a payment, and what of it may still go back or be taken back.

use axum::http::StatusCode;
use entity::sandbox_movement::{Column, Entity, Model, MovementKind, MovementStatus};
use entity::{Currency, MinorUnits, Money, SandboxMovementId};
use sea_orm::{ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder};

use super::books::BankError;
use super::method_kind::method_of;
use crate::error::{Error, Result};

/// The sums of one payment in one currency. Read them under the payment's lock: whatever makes them larger takes it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Collected {
    /// The payment itself, if it was paid, and all that came besides.
    pub(super) arrived: MinorUnits,
    /// Came without a reference that says what for.
    unmatched: MinorUnits,
    /// Gone back, or on the way.
    refunded: MinorUnits,
    pub(super) reversed: MinorUnits,
    /// By chargebacks that are not won.
    claimed: MinorUnits,
    /// What the bank has taken of that, or what is lost.
    taken: MinorUnits,
}

impl Collected {
    pub(super) async fn of(tx: &DatabaseTransaction, payment: &Model, currency: Currency) -> Result<Self> {
        Self::sum(payment, &behind(tx, payment.id).await?, currency)
    }

    /// `rows`: all that is [`behind`] the payment.
    pub(super) fn sum(payment: &Model, rows: &[Model], currency: Currency) -> Result<Self> {
        let mut sums = Self::default();
        if payment.status == MovementStatus::Succeeded && payment.currency == currency {
            sums.arrived = payment.amount;
        }
        for row in rows.iter().filter(|row| row.currency == currency) {
            sums.count(row).ok_or_else(|| Error::internal(format!("the bank's sums of {} overflow", payment.id)))?;
        }
        Ok(sums)
    }

    fn count(&mut self, row: &Model) -> Option<()> {
        let add = |sum: &mut MinorUnits| sum.checked_add(row.amount).map(|more| *sum = more);
        match row.kind {
            MovementKind::Transfer => add(&mut self.arrived),
            MovementKind::Unmatched => add(&mut self.unmatched),
            MovementKind::Reversal => add(&mut self.reversed),
            MovementKind::Refund => match row.status {
                MovementStatus::Declined | MovementStatus::Cancelled | MovementStatus::Expired => Some(()),
                MovementStatus::Open
                | MovementStatus::Settling
                | MovementStatus::Succeeded
                | MovementStatus::Debited
                | MovementStatus::Won
                | MovementStatus::Lost => add(&mut self.refunded),
            },
            MovementKind::Chargeback if row.status == MovementStatus::Won => Some(()),
            MovementKind::Chargeback => {
                add(&mut self.claimed)?;
                if row.debited || row.status == MovementStatus::Lost { add(&mut self.taken) } else { Some(()) }
            }
            MovementKind::Payment | MovementKind::Payout => Some(()),
        }
    }

    /// What can still be given back: also what could not be matched, once we have said what it was for.
    fn refundable(&self) -> Option<MinorUnits> {
        self.arrived
            .checked_add(self.unmatched)?
            .checked_sub(self.refunded)?
            .checked_sub(self.reversed)?
            .checked_sub(self.taken)
    }

    /// What of a payment of `amount` has not arrived, or was taken back.
    pub(super) fn missing(&self, amount: MinorUnits) -> Option<MinorUnits> {
        Some(amount.checked_sub(self.arrived.checked_sub(self.reversed)?)?.max(MinorUnits::ZERO))
    }

    /// What has arrived of a payment of `amount` beyond it.
    pub(super) fn over(&self, amount: MinorUnits) -> Option<MinorUnits> {
        Some(self.arrived.checked_sub(self.reversed)?.checked_sub(amount)?.max(MinorUnits::ZERO))
    }

    /// What can still be taken back, whether or not it was refunded.
    pub(super) fn takeable(&self) -> Option<MinorUnits> {
        self.arrived.checked_sub(self.reversed)?.checked_sub(self.claimed)
    }
}

/// All that came, went back or was taken back of a payment, oldest first.
pub(super) async fn behind<C: ConnectionTrait>(db: &C, payment: SandboxMovementId) -> Result<Vec<Model>> {
    Ok(Entity::find().filter(Column::OriginalId.eq(payment)).order_by_asc(Column::Id).all(db).await?)
}

/// Money that came for a payment besides the payment itself, oldest first.
pub(super) async fn transfers<C: ConnectionTrait>(db: &C, payment: SandboxMovementId) -> Result<Vec<Model>> {
    Ok(Entity::find()
        .filter(Column::OriginalId.eq(payment))
        .filter(Column::Kind.eq(MovementKind::Transfer))
        .order_by_asc(Column::Id)
        .all(db)
        .await?)
}

fn refused(code: &'static str, message: impl Into<String>) -> BankError {
    BankError::refused(StatusCode::UNPROCESSABLE_ENTITY, code, message)
}

/// A bank transfer goes back to an account that the bank has to be told. What was paid in cash doesn't go back: a transfer to an
/// account can be ordered instead.
pub(super) fn check_way_back(payment: &Model, knows_payee: bool) -> Result<(), BankError> {
    match method_of(payment) {
        "WESTERN_UNION" if !knows_payee => Err(refused(
            "not_refundable",
            "Western Union does not give money back; order a transfer: send payee_account",
        )),
        "BANK_TRANSFER" if !knows_payee => {
            Err(refused("payee_details_required", "a bank transfer goes back to an account: send payee_account"))
        }
        _others => Ok(()),
    }
}

pub(super) async fn check_refundable(
    tx: &DatabaseTransaction,
    payment: &Model,
    amount: Money,
) -> Result<(), BankError> {
    let collected = Collected::of(tx, payment, amount.currency).await?;
    if !collected.arrived.is_positive() {
        if payment.status == MovementStatus::Succeeded {
            return Err(refused("wrong_currency", format!("the payment was made in {}", payment.currency)));
        }
        return Err(refused("not_refundable", "only a payment that has succeeded can be given back"));
    }
    let left = collected.refundable().ok_or_else(|| Error::internal("the bank's refunds overflow"))?;
    if amount.amount > left {
        let left = Money::new(left.max(MinorUnits::ZERO), amount.currency);
        return Err(refused("exceeds_payment", format!("of this payment {left} can still be given back")));
    }
    Ok(())
}

//! Money of a payment that is taken back: reversals and chargebacks.

use entity::sandbox_movement::{Column, Entity, MovementKind, MovementStatus};
use entity::{Currency, Money, SandboxMovementId};
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::collected::Collected;
use super::event::{ChargebackMove, SimulatedEvent, advance, insert, invalid, lock};
use crate::app::App;
use crate::error::{Error, ErrorCode, Result};

/// A reversal or a new chargeback: of no more than what has arrived and was not taken back or claimed before.
pub(super) async fn take_back(
    app: &App,
    tx: &DatabaseTransaction,
    payment: &str,
    kind: MovementKind,
    amount: Option<Money>,
    reason: Option<&str>,
) -> Result<SimulatedEvent> {
    let payment = lock(tx, MovementKind::Payment, payment).await?;
    let currency: Currency = amount.map_or(payment.currency, |amount| amount.currency);
    let left = Collected::of(tx, &payment, currency).await?.takeable();
    let left = left.ok_or_else(|| Error::internal("the bank's sums overflow"))?;
    if !left.is_positive() {
        let message = format!(
            "no {currency} of this payment can be taken back: nothing has arrived, or all of it is reversed or charged back"
        );
        return Err(invalid("paymentId", message));
    }
    let left = Money::new(left, currency);
    let amount = amount.unwrap_or(left);
    if amount.amount > left.amount {
        return Err(invalid("amount", format!("at most {left} of this payment can be taken back")));
    }
    let (status, usual) = if kind == MovementKind::Chargeback {
        (MovementStatus::Open, "the cardholder disputes it")
    } else {
        (MovementStatus::Succeeded, "the sending bank called it back")
    };
    let movement = insert(app, tx, &payment, kind, status, amount, Some(reason.unwrap_or(usual))).await?;
    Ok(SimulatedEvent { movement, payment: Some(payment) })
}

pub(super) async fn move_chargeback(
    app: &App,
    tx: &DatabaseTransaction,
    payment: &str,
    chargeback: Option<SandboxMovementId>,
    to: ChargebackMove,
) -> Result<SimulatedEvent> {
    let payment = lock(tx, MovementKind::Payment, payment).await?;
    let undecided = [MovementStatus::Open, MovementStatus::Debited];
    let of_payment = Entity::find()
        .filter(Column::Kind.eq(MovementKind::Chargeback))
        .filter(Column::OriginalId.eq(payment.id))
        .order_by_desc(Column::Id);
    let found = match chargeback {
        Some(id) => of_payment.filter(Column::Id.eq(id)),
        None => of_payment.filter(Column::Status.is_in(undecided)),
    };
    let found = found.lock_exclusive().limit(1).one(tx).await?.ok_or_else(|| {
        let message = match chargeback {
            Some(_) => "this payment has no chargeback of this id; send the id of CHARGEBACK_OPENED's movement",
            None => "this payment has no chargeback that is neither won nor lost; open one, or name one",
        };
        Error::refused(ErrorCode::NotFound, message).at("chargeback")
    })?;
    let open = MovementStatus::Open;
    let (from, to, hint) = match to {
        ChargebackMove::Debited => (vec![open], MovementStatus::Debited, "the money is taken while it is open"),
        ChargebackMove::Won => {
            (vec![open, MovementStatus::Debited, MovementStatus::Lost], MovementStatus::Won, "it can't be won")
        }
        ChargebackMove::Lost => (undecided.to_vec(), MovementStatus::Lost, "it stays won; open another one"),
    };
    let movement = advance(app, tx, found, &from, to, None, hint).await?;
    Ok(SimulatedEvent { movement, payment: Some(payment) })
}

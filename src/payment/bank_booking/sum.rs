//! A sum that the bank explained later: taken apart, and its parts put where they belong.
//!
//! The sum was set aside whole. Each transfer in it that is told becomes money set aside of its own, out of the sum's, and is
//! applied to its order if it names one. What an operator has done with the sum meanwhile stands: then a part is shown.

use entity::receipt::{self, ReceiptReason};
use entity::{LedgerAccount, MinorUnits, Money, ReceiptId, bank_booking, payment};
use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect};

use crate::app::App;
use crate::db::retrying;
use crate::error::{Error, Result};
use crate::ledger::{self, NewTransfer, movement_key};
use crate::order::LockedOrder;
use crate::payment::capture::seal_remitter;
use crate::payment::matching::Applied;
use escrow::{Actor, Command};
use provider::{LineKind, Remitter};

/// Takes a part out of its sum, once, and applies it if it names a payment.
pub(super) async fn take_out(
    app: &App,
    booking: &bank_booking::Model,
    remitter: Option<&Remitter>,
    payment: Option<&payment::Model>,
) -> Result<Applied> {
    let parent = booking.parent_id.ok_or_else(|| Error::internal(format!("{} is part of no sum", booking.id)))?;
    let parent = bank_booking::Entity::find_by_id(parent).one(&app.db.read).await?;
    let parent = parent.ok_or_else(|| Error::internal("a sum is gone"))?;
    let key =
        |booking: &bank_booking::Model| movement_key(&booking.provider, LineKind::Capture.name(), &booking.movement);
    let (of_sum, own) = (key(&parent), key(booking));
    let is_out = retrying(|| async {
        let transaction = app.db.begin_write().await?;
        let sum = lock(&transaction, &of_sum).await?;
        if !ledger::posted(&transaction, &own).await?.is_empty() {
            return Ok(true);
        }
        let is_untouched = |sum: &receipt::Model| {
            sum.reason == ReceiptReason::UnknownReference && sum.order_id.is_none() && sum.left() >= booking.amount
        };
        let Some(sum) = sum.filter(is_untouched) else { return Ok(false) };
        move_out(app, &transaction, &sum, &Part { booking, movement: &own, remitter }).await?;
        transaction.commit().await?;
        Ok(true)
    })
    .await?;
    if !is_out {
        let amount = Money::new(booking.amount, booking.currency);
        return Ok(Applied::NotOurs(format!(
            "{amount} is a part of the booking {}, which was put elsewhere before the bank said what is in it",
            parent.movement
        )));
    }
    if let Some(payment) = payment {
        claim(app, &own, payment).await?;
    }
    Ok(Applied::Done)
}

struct Part<'a> {
    booking: &'a bank_booking::Model,
    movement: &'a str,
    remitter: Option<&'a Remitter>,
}

async fn move_out(app: &App, transaction: &DatabaseTransaction, sum: &receipt::Model, part: &Part<'_>) -> Result<()> {
    let booking = part.booking;
    let applied = sum.applied.checked_add(booking.amount).ok_or_else(|| Error::internal("an amount is too large"))?;
    let change = receipt::ActiveModel { id: Set(sum.id), applied: Set(applied), ..Default::default() };
    change.update(transaction).await?;
    let (id, now) = (ReceiptId(app.clock.new_id()), app.clock.now());
    let row = receipt::ActiveModel {
        id: Set(id),
        provider: Set(sum.provider.clone()),
        movement: Set(part.movement.to_owned()),
        order_id: Set(None),
        payment_id: Set(None),
        reason: Set(ReceiptReason::UnknownReference),
        amount: Set(booking.amount),
        currency: Set(booking.currency),
        refunded: Set(MinorUnits::ZERO),
        charged_back: Set(MinorUnits::ZERO),
        applied: Set(MinorUnits::ZERO),
        encrypted_remitter: Set(seal_remitter(app, id, part.remitter)?),
        created_at: Set(now),
    };
    receipt::Entity::insert(row).exec_without_returning(transaction).await?;
    let transfer = NewTransfer {
        debit: LedgerAccount::Unapplied(sum.id),
        credit: LedgerAccount::Unapplied(id),
        amount: Money::new(booking.amount, booking.currency),
        cause: "funds.split",
        order_id: None,
        movement: Some((part.movement.to_owned(), 0)),
    };
    ledger::post(transaction, &app.clock, now, vec![transfer]).await
}

/// Money that was set aside because nothing was known of it, and of which the bank now says what it is for: applied to that
/// order if it still waits for money, and nobody has done anything with it.
pub(super) async fn claim(app: &App, movement: &str, payment: &payment::Model) -> Result<()> {
    let found = receipt::Entity::find().filter(receipt::Column::Movement.eq(movement)).one(&app.db.read).await?;
    let is_waiting = |receipt: &receipt::Model| {
        receipt.reason == ReceiptReason::UnknownReference
            && receipt.order_id.is_none()
            && receipt.left() == receipt.amount
            && receipt.currency == payment.currency
    };
    if found.as_ref().filter(|receipt| is_waiting(receipt)).is_none() {
        return Ok(());
    }
    retrying(|| async {
        let now = app.clock.now();
        let mut locked = LockedOrder::begin_for_all(app, payment.order_id, now).await?;
        let Some(receipt) = lock(locked.transaction(), movement).await?.filter(is_waiting) else { return Ok(()) };
        let order = locked.order();
        if order.status() != entity::OrderStatus::AwaitingPayment || !order.due().is_positive() {
            return Ok(());
        }
        let command = Command::ApplyFunds { receipt: Box::new(receipt), payment_id: payment.id };
        locked.command(Actor::Provider, &command).await?;
        locked.commit().await?;
        Ok(())
    })
    .await
}

async fn lock(transaction: &DatabaseTransaction, movement: &str) -> Result<Option<receipt::Model>> {
    let found = receipt::Entity::find().filter(receipt::Column::Movement.eq(movement));
    Ok(found.lock_exclusive().one(transaction).await?)
}

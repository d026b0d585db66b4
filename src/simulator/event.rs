//! What the bank can be made to do, in the place of buyers, card companies and other banks.
//!
//! The books are changed first, so that a question asked now agrees with the notification that comes in a moment; both are
//! one transaction. What is so already is told once more, under another id. What makes no sense is refused.

use entity::sandbox_movement::{ActiveModel, Column, Entity, Model, MovementKind, MovementStatus};
use entity::{Money, SandboxMovementId};
use sea_orm::{ActiveEnum, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect};

use super::books;
use super::claim::{move_chargeback, take_back};
use super::collected::{self, Collected};
use super::notify::{self, Notice};
use crate::app::App;
use crate::error::{Error, ErrorCode, Result};
use crate::job;

/// The answers about a payment list its transfers, and must stay short.
const MOST_PARTS: usize = 100;

/// Payments, refunds and payouts are named by the reference that the bank was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProviderEvent {
    /// Money arrives. Without an amount: all that is missing. Any other amount, also in another currency or after the
    /// payment has ended, comes as a transfer of its own.
    PaymentCaptured {
        payment: String,
        amount: Option<Money>,
    },
    PaymentDeclined {
        payment: String,
        reason: Option<String>,
    },
    /// Money that had arrived is taken back without a dispute; without an amount: all of it.
    PaymentReversed {
        payment: String,
        amount: Option<Money>,
        reason: Option<String>,
    },
    RefundSucceeded {
        refund: String,
    },
    /// Also after it had succeeded: then the money came back.
    RefundFailed {
        refund: String,
        reason: Option<String>,
    },
    /// Without an amount: all that has arrived and is not claimed yet.
    ChargebackOpened {
        payment: String,
        amount: Option<Money>,
        reason: Option<String>,
    },
    /// Without an id: the payment's newest chargeback that is neither won nor lost.
    ChargebackMoved {
        payment: String,
        chargeback: Option<SandboxMovementId>,
        to: ChargebackMove,
    },
    PayoutPaid {
        payout: String,
    },
    /// Also after it had been paid: then the money came back.
    PayoutFailed {
        payout: String,
        reason: Option<String>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChargebackMove {
    /// The bank takes the money.
    Debited,
    /// It is given up, and what was taken comes back; also after it was lost.
    Won,
    Lost,
}

/// Makes the bank do it, and tell us of it `repeat` times under one id. The worker sends the notification.
pub async fn provider_event(app: &App, event: &ProviderEvent, repeat: u8) -> Result<Notice> {
    if !app.settings.is_sandbox() {
        return Err(Error::not_found("simulated bank"));
    }
    let tx = app.db.begin_write().await?;
    let simulated = simulate(app, &tx, event).await?;
    let notice = notify_of(app, &tx, &simulated, repeat).await?;
    tx.commit().await?;
    app.wake_worker();
    Ok(notice)
}

/// Enqueues the notification about it, in the transaction in which it happened.
pub(super) async fn notify_of(
    app: &App,
    tx: &DatabaseTransaction,
    event: &SimulatedEvent,
    repeat: u8,
) -> Result<Notice> {
    let notice = notify::notice_about(app, &event.movement, event.payment.as_ref())?;
    let notice = notice.ok_or_else(|| Error::internal(format!("{}: nothing to tell of it", event.movement.id)))?;
    for _time in 0..repeat.max(1) {
        job::enqueue(tx, &app.clock, &notice.job(), app.clock.now()).await?;
    }
    Ok(notice)
}

/// Something that happened at the bank.
pub(super) struct SimulatedEvent {
    /// What it is about.
    pub(super) movement: Model,
    /// The payment behind it, if the movement is one of its own.
    pub(super) payment: Option<Model>,
}

impl SimulatedEvent {
    fn of(movement: Model) -> Self {
        Self { movement, payment: None }
    }
}

async fn simulate(app: &App, tx: &DatabaseTransaction, event: &ProviderEvent) -> Result<SimulatedEvent> {
    match event {
        ProviderEvent::PaymentCaptured { payment, amount } => {
            capture(app, tx, lock(tx, MovementKind::Payment, payment).await?, *amount).await
        }
        ProviderEvent::PaymentDeclined { payment, reason } => {
            let payment = lock(tx, MovementKind::Payment, payment).await?;
            let from = [MovementStatus::Open, MovementStatus::Settling];
            let hint = "only one that is not decided can be declined; PAYMENT_REVERSED takes back what has arrived";
            let movement = advance(app, tx, payment, &from, MovementStatus::Declined, reason.as_deref(), hint).await?;
            Ok(SimulatedEvent::of(movement))
        }
        ProviderEvent::PaymentReversed { payment, amount, reason } => {
            take_back(app, tx, payment, MovementKind::Reversal, *amount, reason.as_deref()).await
        }
        ProviderEvent::ChargebackOpened { payment, amount, reason } => {
            take_back(app, tx, payment, MovementKind::Chargeback, *amount, reason.as_deref()).await
        }
        ProviderEvent::ChargebackMoved { payment, chargeback, to } => {
            move_chargeback(app, tx, payment, *chargeback, *to).await
        }
        ProviderEvent::RefundSucceeded { refund } => succeed(app, tx, MovementKind::Refund, refund).await,
        ProviderEvent::PayoutPaid { payout } => succeed(app, tx, MovementKind::Payout, payout).await,
        ProviderEvent::RefundFailed { refund, reason } => {
            fail(app, tx, MovementKind::Refund, refund, reason.as_deref()).await
        }
        ProviderEvent::PayoutFailed { payout, reason } => {
            fail(app, tx, MovementKind::Payout, payout, reason.as_deref()).await
        }
    }
}

/// The field of `sandboxProviderEvent` that names what an event is about.
fn field(kind: MovementKind) -> &'static str {
    match kind {
        MovementKind::Payment | MovementKind::Transfer | MovementKind::Unmatched | MovementKind::Reversal => {
            "paymentId"
        }
        MovementKind::Refund => "refundId",
        MovementKind::Payout => "payoutId",
        MovementKind::Chargeback => "chargeback",
    }
}

pub(super) fn invalid(field: &str, message: impl Into<String>) -> Error {
    Error::refused(ErrorCode::InvalidInput, message).at(field)
}

pub(super) async fn lock(tx: &DatabaseTransaction, kind: MovementKind, reference: &str) -> Result<Model> {
    let found = Entity::find().filter(Column::Kind.eq(kind)).filter(Column::Reference.eq(reference));
    found.lock_exclusive().one(tx).await?.ok_or_else(|| {
        let what = kind.to_value().to_lowercase();
        let message = format!("the simulated bank has not heard of this {what} yet; try again in a moment");
        Error::refused(ErrorCode::NotFound, message).at(field(kind))
    })
}

/// Moves it if it stands as it must. `hint`: what to do instead.
pub(super) async fn advance(
    app: &App,
    tx: &DatabaseTransaction,
    movement: Model,
    from: &[MovementStatus],
    to: MovementStatus,
    reason: Option<&str>,
    hint: &str,
) -> Result<Model> {
    if movement.status == to {
        return Ok(movement);
    }
    if !from.contains(&movement.status) {
        let (what, status) = (movement.kind.to_value().to_lowercase(), movement.status.to_value());
        return Err(invalid(field(movement.kind), format!("at the bank this {what} is {status}: {hint}")));
    }
    let change = |movement: &mut Model| {
        movement.status = to;
        movement.debited = movement.debited || to == MovementStatus::Debited;
        // A chargeback keeps the words that it was opened with.
        movement.reason = reason.map(str::to_owned).or_else(|| movement.reason.take());
    };
    books::write(app, tx, movement, change).await
}

async fn succeed(app: &App, tx: &DatabaseTransaction, kind: MovementKind, reference: &str) -> Result<SimulatedEvent> {
    let movement = lock(tx, kind, reference).await?;
    let from = [MovementStatus::Settling];
    let hint = "it stays so; only one that is on its way can succeed";
    Ok(SimulatedEvent::of(advance(app, tx, movement, &from, MovementStatus::Succeeded, None, hint).await?))
}

async fn fail(
    app: &App,
    tx: &DatabaseTransaction,
    kind: MovementKind,
    reference: &str,
    reason: Option<&str>,
) -> Result<SimulatedEvent> {
    let movement = lock(tx, kind, reference).await?;
    let usual = match movement.status {
        MovementStatus::Succeeded => "sent back by the receiving bank",
        MovementStatus::Open
        | MovementStatus::Settling
        | MovementStatus::Declined
        | MovementStatus::Cancelled
        | MovementStatus::Expired
        | MovementStatus::Debited
        | MovementStatus::Won
        | MovementStatus::Lost => "refused by the receiving bank",
    };
    let from = [MovementStatus::Settling, MovementStatus::Succeeded];
    let hint = "only one that is on its way or has succeeded can fail";
    let reason = Some(reason.unwrap_or(usual));
    Ok(SimulatedEvent::of(advance(app, tx, movement, &from, MovementStatus::Declined, reason, hint).await?))
}

/// The payment itself is paid if just its amount arrives while it waits; everything else is a transfer of its own.
pub(super) async fn capture(
    app: &App,
    tx: &DatabaseTransaction,
    payment: Model,
    amount: Option<Money>,
) -> Result<SimulatedEvent> {
    let whole = Money::new(payment.amount, payment.currency);
    let arrived = Collected::of(tx, &payment, payment.currency).await?.arrived;
    let waits = matches!(payment.status, MovementStatus::Open | MovementStatus::Settling) && arrived.is_zero();
    match amount {
        None if payment.status == MovementStatus::Succeeded => Ok(SimulatedEvent::of(payment)),
        _all if waits && amount.is_none_or(|amount| amount == whole) => {
            let change = |payment: &mut Model| payment.status = MovementStatus::Succeeded;
            Ok(SimulatedEvent::of(books::write(app, tx, payment, change).await?))
        }
        Some(amount) => transfer(app, tx, payment, amount).await,
        None => {
            let missing = payment.amount.checked_sub(arrived).filter(|missing| missing.is_positive());
            let missing = missing.ok_or_else(|| {
                invalid("amount", "all of this payment has arrived already; say which amount arrives besides")
            })?;
            transfer(app, tx, payment, Money::new(missing, whole.currency)).await
        }
    }
}

async fn transfer(app: &App, tx: &DatabaseTransaction, payment: Model, amount: Money) -> Result<SimulatedEvent> {
    check_room(tx, &payment).await?;
    let status = MovementStatus::Succeeded;
    let movement = insert(app, tx, &payment, MovementKind::Transfer, status, amount, None).await?;
    Ok(SimulatedEvent { movement, payment: Some(payment) })
}

/// Money arrives with a reference that says nothing to the bank: it is told of with what the payer wrote, and of no payment.
pub(super) async fn transfer_unmatched(
    app: &App,
    tx: &DatabaseTransaction,
    payment: &Model,
    amount: Money,
    written: &str,
) -> Result<SimulatedEvent> {
    check_room(tx, payment).await?;
    let movement = new_movement(app, payment, MovementKind::Unmatched, MovementStatus::Succeeded, amount, None);
    let movement = Model { description: written.to_owned(), ..movement };
    Entity::insert(ActiveModel::from(movement.clone())).exec_without_returning(tx).await?;
    Ok(SimulatedEvent::of(movement))
}

async fn check_room(tx: &DatabaseTransaction, payment: &Model) -> Result<()> {
    let known = collected::behind(tx, payment.id).await?;
    let parts = known.iter().filter(|row| matches!(row.kind, MovementKind::Transfer | MovementKind::Unmatched)).count();
    if parts >= MOST_PARTS {
        return Err(invalid("paymentId", format!("this payment has {parts} transfers; that is enough")));
    }
    Ok(())
}

/// Something that nobody asked the bank for.
pub(super) async fn insert(
    app: &App,
    tx: &DatabaseTransaction,
    payment: &Model,
    kind: MovementKind,
    status: MovementStatus,
    amount: Money,
    reason: Option<&str>,
) -> Result<Model> {
    let movement = new_movement(app, payment, kind, status, amount, reason);
    Entity::insert(ActiveModel::from(movement.clone())).exec_without_returning(tx).await?;
    Ok(movement)
}

fn new_movement(
    app: &App,
    payment: &Model,
    kind: MovementKind,
    status: MovementStatus,
    amount: Money,
    reason: Option<&str>,
) -> Model {
    let (id, now) = (SandboxMovementId(app.clock.new_id()), app.clock.now());
    Model {
        id,
        kind,
        reference: id.to_string(),
        status,
        amount: amount.amount,
        currency: amount.currency,
        original_id: Some(payment.id),
        description: format!("{} of {}", kind.to_value(), payment.reference),
        reason: reason.map(str::to_owned),
        debited: false,
        notification_url: payment.notification_url.clone(),
        return_url: None,
        created_at: now,
        updated_at: now,
    }
}

//! An order under its lock: the one write path.

use entity::notification::NotificationStatus;
use entity::order::{Entity, Model};
use entity::{LedgerAccount, OrderId, OrderStatus, PaymentId, RefundId, Time, notification, receipt};
use futures_util::future::BoxFuture;
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect};

use super::apply::apply;
use super::disputes;
use super::load::{load, load_receipts};
use super::refusal::refusal;
use crate::app::App;
use crate::auth::Viewer;
use crate::error::{Error, ErrorCode, Result};
use crate::ledger;
use crate::visibility;
use escrow::{self, Actor, Command, Decision, Order, Policy};

/// How often applying a notification may fail before unpaid orders no longer wait for it: after some 17 minutes.
const MOST_FAILURES_WAITED_FOR: i32 = 10;

/// An order under its lock, in a transaction that is not committed yet. Dropped, it leaves nothing behind.
pub struct LockedOrder<'a> {
    pub(super) app: &'a App,
    pub(super) transaction: DatabaseTransaction,
    pub(super) order: Order,
    pub(super) policy: Policy,
    pub(super) has_changed: bool,
}

impl<'a> LockedOrder<'a> {
    /// Locks the viewer's order, and decides every deadline of it that has passed.
    pub fn begin(app: &'a App, viewer: &'a Viewer, order_id: OrderId) -> BoxFuture<'a, Result<Self>> {
        Box::pin(async move {
            let transaction = app.db.begin_write().await?;
            let visible = Entity::find_by_id(order_id).filter(visibility::orders(viewer));
            let row = visible.lock_exclusive().one(&transaction).await?;
            Self::locked(app, transaction, row, app.clock.now()).await
        })
    }

    /// For the provider and the timer, who see every order. Decides the deadlines that had passed at `as_of`.
    pub fn begin_for_all(app: &'a App, order_id: OrderId, as_of: Time) -> BoxFuture<'a, Result<Self>> {
        Box::pin(async move {
            let transaction = app.db.begin_write().await?;
            let row = Entity::find_by_id(order_id).lock_exclusive().one(&transaction).await?;
            Self::locked(app, transaction, row, as_of).await
        })
    }

    /// A new order's first command: what it decided, on the row that was inserted in this transaction.
    pub(super) async fn begin_new(
        app: &'a App,
        transaction: DatabaseTransaction,
        row: Model,
        actor: Actor,
        at: Time,
        decision: &Decision,
    ) -> Result<Self> {
        let order = load(&transaction, row).await?;
        let mut locked = Self { app, transaction, order, policy: app.settings.policy(), has_changed: false };
        locked.apply(actor, at, decision).await?;
        Ok(locked)
    }

    async fn locked(app: &'a App, transaction: DatabaseTransaction, row: Option<Model>, as_of: Time) -> Result<Self> {
        let row = row.ok_or_else(|| Error::not_found("order").at("orderId"))?;
        let order = load(&transaction, row).await?;
        let mut locked = Self { app, transaction, order, policy: app.settings.policy(), has_changed: false };
        locked.pass_deadlines(as_of).await?;
        Ok(locked)
    }

    #[must_use]
    pub fn order(&self) -> &Order {
        &self.order
    }

    #[must_use]
    pub fn app(&self) -> &'a App {
        self.app
    }

    #[must_use]
    pub fn transaction(&self) -> &DatabaseTransaction {
        &self.transaction
    }

    /// Each at its own moment, in order: as if a worker had been there in time.
    pub(super) async fn pass_deadlines(&mut self, as_of: Time) -> Result<()> {
        while let Some(deadline) = self.order.row.timer_at.filter(|at| *at <= as_of) {
            if self.order.status() == OrderStatus::AwaitingPayment && self.may_have_been_paid_by(deadline).await? {
                break;
            }
            let decided = escrow::decide(&self.order, Actor::Timer, &Command::PassDeadline, deadline, &self.policy);
            let decision = decided.map_err(|rejection| {
                Error::internal(format!("the deadline of {} can't be decided: {rejection}", self.order.row.number))
            })?;
            self.apply(Actor::Timer, deadline.max(self.order.row.updated_at), &decision).await?;
        }
        Ok(())
    }

    async fn apply(&mut self, actor: Actor, at: Time, decision: &Decision) -> Result<()> {
        self.order = apply(&self.app.clock, &self.transaction, &self.order, actor, at, decision).await?;
        self.has_changed = true;
        Ok(())
    }

    /// True while a notification that came before the deadline is not applied yet: it may be this order's money, and
    /// the order waits for it, however long we were down. But not for what has failed to be applied again and again: one
    /// notification that can't be applied must not keep every order from lapsing.
    async fn may_have_been_paid_by(&self, deadline: Time) -> Result<bool> {
        let waiting = notification::Entity::find()
            .filter(notification::Column::Status.eq(NotificationStatus::Received))
            .filter(notification::Column::HeardAt.lte(deadline))
            .filter(notification::Column::Failures.lt(MOST_FAILURES_WAITED_FOR))
            .limit(1);
        Ok(waiting.one(&self.transaction).await?.is_some())
    }

    /// A deadline that had passed at `received_at` is not decided yet, because an earlier notification is not applied yet.
    pub(super) fn waits_for_earlier_notification(&self, received_at: Time) -> bool {
        self.order.status() == OrderStatus::AwaitingPayment
            && self.order.row.timer_at.is_some_and(|at| at < received_at)
    }

    /// A movement that is booked for this order is this payment's: it was applied to it, or set aside from it.
    async fn require_movement_of(&self, payment_id: PaymentId, movement: &str) -> Result<()> {
        let is_applied =
            self.order.payments.iter().any(|payment| payment.id == payment_id && payment.captured.is_positive());
        let set_aside = receipt::Entity::find()
            .filter(receipt::Column::Movement.eq(movement))
            .filter(receipt::Column::PaymentId.eq(payment_id));
        if is_applied || set_aside.one(&self.transaction).await?.is_some() {
            return Ok(());
        }
        Err(Error::Contradiction(format!("{movement} is booked already, for another payment than {payment_id}")))
    }

    /// And of a refund's movement: it is this refund's.
    async fn require_refund_of(&self, refund_id: RefundId, movement: &str) -> Result<()> {
        let booked = ledger::posted(&self.transaction, movement).await?;
        if booked.iter().all(|transfer| transfer.debit == LedgerAccount::Refund(refund_id)) {
            return Ok(());
        }
        Err(Error::Contradiction(format!("{movement} is booked already, for another refund than {refund_id}")))
    }

    /// Refuses unless the order is still as the caller last saw it. Deadlines that passed count as changes.
    pub fn expect_version(&self, expected: Option<i64>) -> Result<()> {
        match expected {
            Some(version) if version != self.order.row.version => {
                let now = self.order.row.version;
                let message = format!("the order is at version {now}, not {version}; read it again and decide again");
                Err(Error::refused(ErrorCode::StaleVersion, message).at("expectedVersion"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Decides a command, and writes what follows. Money that a provider moved is applied once, however often it is reported.
    pub fn command<'b>(&'b mut self, actor: Actor, command: &'b Command) -> BoxFuture<'b, Result<()>> {
        let now = self.app.clock.now();
        Box::pin(self.command_at(actor, command, now))
    }

    /// Never before the order's newest event: a timeline doesn't run backwards, whatever the clocks of two nodes say.
    pub(super) async fn command_at(&mut self, actor: Actor, command: &Command, at: Time) -> Result<()> {
        let of_known = disputes::with_known_amount(&self.order, command);
        let command = of_known.as_ref().unwrap_or(command);
        if let Some((movement, amount)) = command.movement()
            && ledger::is_posted(&self.transaction, movement, Some(self.order.row.id), amount).await?
        {
            if let Command::CapturePayment { payment_id, movement, .. } = command {
                self.require_movement_of(*payment_id, movement).await?;
            }
            if let Command::SettleRefund { refund_id, .. } | Command::ConfirmManualRefund { refund_id, .. } = command {
                self.require_refund_of(*refund_id, movement).await?;
            }
            return Ok(());
        }
        let now = at.max(self.order.row.updated_at);
        if self.order.row.chargebacks == 0 && needs_receipts(command) {
            self.load_receipts().await?;
        }
        let decision = escrow::decide(&self.order, actor, command, now, &self.policy).map_err(refusal)?;
        if decision.changes_nothing(&self.order) {
            return Ok(());
        }
        disputes::require_unbooked(&self.transaction, &self.order, command).await?;
        disputes::alarm(&self.order, &decision);
        self.apply(actor, now, &decision).await?;
        if let Command::CapturePayment { payment_id, .. } | Command::ApplyFunds { payment_id, .. } = command {
            self.book_what_waited(*payment_id, now).await?;
        }
        Ok(())
    }

    /// Chargebacks that came before the money of their payment: what was notified of them is booked now.
    async fn book_what_waited(&mut self, payment_id: PaymentId, now: Time) -> Result<()> {
        for command in disputes::waiting(&self.order, payment_id) {
            if let Err(error) = disputes::require_unbooked(&self.transaction, &self.order, &command).await {
                tracing::error!(order = %self.order.row.number, %error, "a chargeback that waited can't be booked");
                continue;
            }
            match escrow::decide(&self.order, Actor::Provider, &command, now, &self.policy) {
                Ok(decision) if decision.changes_nothing(&self.order) => {}
                Ok(decision) => {
                    disputes::alarm(&self.order, &decision);
                    self.apply(Actor::Provider, now, &decision).await?;
                }
                // The money is here all the same; the chargeback stands in the operators' list.
                Err(rejection) => {
                    tracing::error!(order = %self.order.row.number, %rejection, "a chargeback that waited can't be booked");
                }
            }
        }
        Ok(())
    }

    pub fn commit(self) -> BoxFuture<'a, Result<Order>> {
        Box::pin(async move {
            self.transaction.commit().await?;
            // Also without a job: the worker gives new events their place in the feed.
            self.app.wake_worker();
            tracing::debug!(order = %self.order.row.number, status = %self.order.row.status, "committed");
            Ok(self.order)
        })
    }

    pub(super) async fn load_receipts(&mut self) -> Result<()> {
        self.order.receipts = load_receipts(&self.transaction, self.order.row.id).await?;
        Ok(())
    }

    /// Commits, unless the command failed half-way; hands on the refusal.
    pub(super) async fn commit_or_refuse(self, result: Result<()>) -> Result<Order> {
        match result {
            Ok(()) => self.commit().await,
            // Refused by the rules: nothing was written for the command, only for deadlines that had passed.
            Err(Error::Refused(problems)) if problems.iter().all(|problem| problem.code != ErrorCode::OutOfStock) => {
                self.commit().await?;
                Err(Error::Refused(problems))
            }
            Err(error) => Err(error),
        }
    }
}

/// The first chargeback of an order may be of money that could not be applied.
fn needs_receipts(command: &Command) -> bool {
    matches!(
        command,
        Command::Chargeback { .. }
            | Command::DecideChargeback { .. }
            | Command::ReversePayment { .. }
            | Command::ApproveManualRefund { .. }
            | Command::RefundUnapplied { .. }
    )
}

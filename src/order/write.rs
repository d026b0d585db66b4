//! The one write path.

use entity::cancel_request::{self, CancelRequestStatus};
use entity::notification::NotificationStatus;
use entity::order::{Column, Entity, Model};
use entity::{
    LedgerAccount, OrderId, OrderStatus, PaymentId, RefundId, Time, chargeback, contract, dispute, feedback,
    notification, payment, proposal, receipt, refund,
};
use sea_orm::{ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::app::App;
use crate::auth::Viewer;
use crate::db::retrying;
use crate::error::{Error, ErrorCode, Result};
use crate::idempotency::IdempotencyKey;
use crate::ledger;
use crate::visibility;
use escrow::{self, Actor, Command, Order, Policy, Rejection};

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
    pub async fn begin(app: &'a App, viewer: &Viewer, order_id: OrderId) -> Result<Self> {
        let transaction = app.db.begin_write().await?;
        let row =
            Entity::find_by_id(order_id).filter(visibility::orders(viewer)).lock_exclusive().one(&transaction).await?;
        Self::locked(app, transaction, row, app.clock.now()).await
    }

    /// For the provider and the timer, who see every order. Decides the deadlines that had passed at `as_of`.
    pub async fn begin_for_all(app: &'a App, order_id: OrderId, as_of: Time) -> Result<Self> {
        let transaction = app.db.begin_write().await?;
        let row = Entity::find_by_id(order_id).lock_exclusive().one(&transaction).await?;
        Self::locked(app, transaction, row, as_of).await
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
    async fn pass_deadlines(&mut self, as_of: Time) -> Result<()> {
        while let Some(deadline) = self.order.row.timer_at.filter(|at| *at <= as_of) {
            if self.order.status() == OrderStatus::AwaitingPayment && self.may_have_been_paid_by(deadline).await? {
                break;
            }
            let decided = escrow::decide(&self.order, Actor::Timer, &Command::PassDeadline, deadline, &self.policy);
            let decision = decided.map_err(|rejection| {
                Error::internal(format!("the deadline of {} can't be decided: {rejection}", self.order.row.number))
            })?;
            self.apply(Actor::Timer, deadline.max(self.order.row.updated_at), decision).await?;
        }
        Ok(())
    }

    /// True while something a provider told us before the deadline is not applied yet: it may be this order's money, and
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

    /// A deadline that had passed at `heard_at` is not decided yet, because earlier news is not applied yet.
    fn waits_for_news_of_before(&self, heard_at: Time) -> bool {
        self.order.status() == OrderStatus::AwaitingPayment && self.order.row.timer_at.is_some_and(|at| at < heard_at)
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

    /// Decides a command, and writes what follows. Money that a provider moved is applied once, however often it is told.
    pub async fn command(&mut self, actor: Actor, command: &Command) -> Result<()> {
        self.command_at(actor, command, self.app.clock.now()).await
    }

    /// Never before the order's newest event: a timeline doesn't run backwards, whatever the clocks of two nodes say.
    async fn command_at(&mut self, actor: Actor, command: &Command, at: Time) -> Result<()> {
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
            self.order.receipts = load_receipts(&self.transaction, self.order.row.id).await?;
        }
        let decision = escrow::decide(&self.order, actor, command, now, &self.policy).map_err(refusal)?;
        if decision.changes_nothing(&self.order) {
            return Ok(());
        }
        self.apply(actor, now, decision).await
    }

    pub async fn commit(self) -> Result<Order> {
        self.transaction.commit().await?;
        // Also without a job: the worker gives new events their place in the feed.
        self.app.wake_worker();
        tracing::debug!(order = %self.order.row.number, status = %self.order.row.status, "committed");
        Ok(self.order)
    }
}

/// One command of a viewer, from lock to commit; with a key, once.
///
/// A deadline that had passed stays decided even if the command is refused because of it.
pub async fn execute(
    app: &App,
    viewer: &Viewer,
    order_id: OrderId,
    (expected_version, idempotency_key): (Option<i64>, Option<&IdempotencyKey>),
    command: &Command,
) -> Result<Order> {
    let actor = actor(viewer)?;
    retrying(|| async {
        let mut locked = LockedOrder::begin(app, viewer, order_id).await?;
        if let Some(idempotency_key) = idempotency_key
            && idempotency_key.find(locked.transaction()).await?.is_some()
        {
            return locked.commit().await;
        }
        let result = match locked.expect_version(expected_version) {
            Ok(()) => locked.command(actor, command).await,
            Err(error) => Err(error),
        };
        if let (Ok(()), Some(idempotency_key)) = (&result, idempotency_key) {
            idempotency_key.record(locked.transaction(), &app.clock, order_id.to_string()).await?;
        }
        settle(locked, result).await
    })
    .await
}

/// Commits, unless the command failed half-way; hands on the refusal.
pub(super) async fn settle(locked: LockedOrder<'_>, result: Result<()>) -> Result<Order> {
    match result {
        Ok(()) => locked.commit().await,
        // Refused by the rules: nothing was written for the command, only for deadlines that had passed.
        Err(Error::Refused(problems)) if problems.iter().all(|problem| problem.code != ErrorCode::OutOfStock) => {
            locked.commit().await?;
            Err(Error::Refused(problems))
        }
        Err(error) => Err(error),
    }
}

/// What a provider says has happened to an order, decided as of when we heard it: deadlines that passed since come after.
pub async fn execute_as_provider(app: &App, order_id: OrderId, heard_at: Time, command: &Command) -> Result<Order> {
    retrying(|| async {
        let mut locked = LockedOrder::begin_for_all(app, order_id, heard_at).await?;
        if matches!(command, Command::CapturePayment { .. }) && locked.waits_for_news_of_before(heard_at) {
            return Err(Error::internal(format!("{order_id}: money that came late waits for earlier news")));
        }
        locked.command_at(Actor::Provider, command, heard_at).await?;
        locked.pass_deadlines(app.clock.now()).await?;
        locked.commit().await
    })
    .await
}

/// Decides what an order's passed deadlines bring; true if anything changed.
pub async fn pass_deadlines(app: &App, order_id: OrderId) -> Result<bool> {
    retrying(|| async {
        let locked = LockedOrder::begin_for_all(app, order_id, app.clock.now()).await?;
        if !locked.has_changed {
            return Ok(false);
        }
        locked.commit().await?;
        Ok(true)
    })
    .await
}

/// As whom a viewer acts on orders; refuses those who only look on.
pub fn actor(viewer: &Viewer) -> Result<Actor> {
    match viewer {
        Viewer::Buyer { .. } => Ok(Actor::Buyer),
        Viewer::Supplier { .. } => Ok(Actor::Supplier),
        Viewer::Operator { .. } => Ok(Actor::Operator),
        Viewer::Storefront { .. } => Err(Error::refused(
            ErrorCode::NotPermitted,
            "a storefront sees its orders but acts on none; mint a buyer session with createBuyerSession",
        )),
        Viewer::Anonymous => Err(Error::refused(ErrorCode::Unauthenticated, "send Authorization: Bearer <token>")),
    }
}

pub(super) fn refusal(rejection: Rejection) -> Error {
    let message = rejection.to_string();
    match rejection {
        Rejection::InvalidTransition { .. } => Error::refused(ErrorCode::InvalidTransition, message),
        Rejection::NotPermitted { .. } => Error::refused(ErrorCode::NotPermitted, message),
        Rejection::StaleContract { .. } => Error::refused(ErrorCode::StaleVersion, message).at("contractVersion"),
        Rejection::StaleProposal { .. } => Error::refused(ErrorCode::StaleVersion, message).at("proposalId"),
        Rejection::Frozen => Error::refused(ErrorCode::OrderFrozen, message),
        Rejection::FeedbackExists => Error::refused(ErrorCode::AlreadyExists, message),
        Rejection::AmountExceedsHeld { field, .. } => Error::refused(ErrorCode::AmountExceedsHeld, message).at(field),
        Rejection::Invalid { field, .. } => Error::refused(ErrorCode::InvalidInput, message).at(field),
        Rejection::NeedsAnotherOperator => Error::refused(ErrorCode::NotPermitted, message),
        Rejection::PayeeDetailsRequired => Error::refused(ErrorCode::PayeeDetailsRequired, message),
        Rejection::Contradiction(problem) => Error::Contradiction(problem),
        Rejection::Inconsistent(_) => Error::internal(message),
    }
}

/// What the rules look at. Reads only what this status can need.
pub async fn load<C: ConnectionTrait>(db: &C, row: Model) -> Result<Order> {
    let id = row.id;
    let terms = contract::Entity::find()
        .filter(contract::Column::OrderId.eq(id))
        .filter(contract::Column::Version.eq(row.contract_version))
        .one(db)
        .await?
        .map(|contract| contract.terms);
    let mut order = Order {
        row,
        terms,
        payments: Vec::new(),
        refunds: Vec::new(),
        receipts: Vec::new(),
        chargebacks: Vec::new(),
        cancel_request: None,
        dispute: None,
        proposals: Vec::new(),
        feedback: None,
    };
    if !matches!(order.row.status, OrderStatus::DraftRequested | OrderStatus::AwaitingConfirmation) {
        load_money(db, &mut order).await?;
        load_quarrel(db, &mut order).await?;
    }
    Ok(order)
}

async fn load_money<C: ConnectionTrait>(db: &C, order: &mut Order) -> Result<()> {
    let id = order.row.id;
    let payments = payment::Entity::find().filter(payment::Column::OrderId.eq(id)).order_by_asc(payment::Column::Id);
    order.payments = payments.all(db).await?;
    let refunds = refund::Entity::find().filter(refund::Column::OrderId.eq(id)).order_by_asc(refund::Column::Id);
    order.refunds = refunds.all(db).await?;
    if order.row.chargebacks > 0 || order.row.is_frozen() {
        let chargebacks = chargeback::Entity::find().filter(chargeback::Column::OrderId.eq(id));
        order.chargebacks = chargebacks.order_by_asc(chargeback::Column::Id).all(db).await?;
        order.receipts = load_receipts(db, id).await?;
    }
    Ok(())
}

pub(super) async fn load_receipts<C: ConnectionTrait>(db: &C, id: OrderId) -> Result<Vec<receipt::Model>> {
    let receipts = receipt::Entity::find().filter(receipt::Column::OrderId.eq(id));
    Ok(receipts.order_by_asc(receipt::Column::Id).all(db).await?)
}

/// The first chargeback of an order may be of money that could not be applied.
fn needs_receipts(command: &Command) -> bool {
    matches!(
        command,
        Command::Chargeback { .. }
            | Command::ReversePayment { .. }
            | Command::ApproveManualRefund { .. }
            | Command::RefundUnapplied { .. }
    )
}

async fn load_quarrel<C: ConnectionTrait>(db: &C, order: &mut Order) -> Result<()> {
    let id = order.row.id;
    match order.row.status {
        OrderStatus::CancelRequested => {
            let open = cancel_request::Entity::find().filter(cancel_request::Column::OrderId.eq(id));
            let open = open.filter(cancel_request::Column::Status.eq(CancelRequestStatus::Open));
            order.cancel_request = open.one(db).await?;
        }
        OrderStatus::Disputed | OrderStatus::ReturnPending => {
            let newest = dispute::Entity::find().filter(dispute::Column::OrderId.eq(id));
            order.dispute = newest.order_by_desc(dispute::Column::Id).one(db).await?;
            let dispute_id = order.dispute.as_ref().map(|row| row.id);
            let proposals = proposal::Entity::find().filter(proposal::Column::OrderId.eq(id));
            let proposals = proposals.filter(proposal::Column::DisputeId.eq(dispute_id));
            order.proposals = proposals.order_by_asc(proposal::Column::Id).all(db).await?;
        }
        OrderStatus::Completed => {
            let feedback = feedback::Entity::find().filter(feedback::Column::OrderId.eq(id));
            order.feedback = feedback.one(db).await?;
        }
        OrderStatus::DraftRequested
        | OrderStatus::AwaitingConfirmation
        | OrderStatus::AwaitingPayment
        | OrderStatus::Funded
        | OrderStatus::Shipped
        | OrderStatus::Cancelled
        | OrderStatus::Refunded => {}
    }
    Ok(())
}

/// Orders with a reminder or a deadline that has passed, the longest overdue first, but for those that are `skipped`.
pub async fn overdue<C: ConnectionTrait>(
    db: &C,
    now: entity::Time,
    skipped: &[OrderId],
    limit: u64,
) -> Result<Vec<OrderId>> {
    Ok(Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::TimerAt.lte(now))
        .filter(Column::Id.is_not_in(skipped.iter().copied()))
        .order_by_asc(Column::TimerAt)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await?)
}

/// The next moment after `after` at which an order's deadline passes.
pub async fn next_timer<C: ConnectionTrait>(db: &C, after: Time) -> Result<Option<Time>> {
    Ok(Entity::find()
        .select_only()
        .column(Column::TimerAt)
        .filter(Column::TimerAt.gt(after))
        .order_by_asc(Column::TimerAt)
        .limit(1)
        .into_tuple()
        .one(db)
        .await?)
}

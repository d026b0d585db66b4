//! From a decision to rows. Nothing is decided here.

use entity::{LedgerAccount, Money, ReceiptId, RefundId, Time, order};
use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, DatabaseTransaction};

use super::load::load;
use crate::catalog;
use crate::error::{Error, ErrorCode, Result};
use crate::event::{self, Timeline};
use crate::job::{self, Job};
use crate::ledger::{self, NewTransfer};
use escrow::{Account, Actor, Decision, FollowUp, Order, ReceiptRef, RefundRef, StockChange};
use ground::clock::Clock;

mod dispute;
mod money;
mod outcome;
mod payment;

/// How long a payment may be silent before we ask.
const FIRST_QUESTION_AFTER: chrono::TimeDelta = chrono::TimeDelta::minutes(2);

/// Writes what was decided of an order; returns the order as it now is, for a further command of this transaction.
pub(super) async fn apply(
    clock: &Clock,
    transaction: &DatabaseTransaction,
    order: &Order,
    actor: Actor,
    at: Time,
    decision: &Decision,
) -> Result<Order> {
    let receipts = decision.receipts.iter().map(|_| ReceiptId(clock.new_id())).collect();
    let refunds = decision.refunds.iter().map(|_| RefundId(clock.new_id())).collect();
    Applying { clock, transaction, order, at, decision, receipts, refunds }.write(actor).await
}

/// A decision on its way into the database.
struct Applying<'a> {
    clock: &'a Clock,
    transaction: &'a DatabaseTransaction,
    /// As it was before the decision.
    order: &'a Order,
    at: Time,
    decision: &'a Decision,
    /// The ids that this decision's new receipts got.
    receipts: Vec<ReceiptId>,
    refunds: Vec<RefundId>,
}

impl Applying<'_> {
    async fn write(&self, actor: Actor) -> Result<Order> {
        if let Some(change) = &self.decision.stock {
            self.change_stock(change).await?;
        }
        for change in &self.decision.payments {
            self.change_payment(change).await?;
        }
        self.insert_receipts().await?;
        self.insert_refunds().await?;
        self.change_refunds_and_receipts().await?;
        self.record_outcome().await?;
        self.record_dispute().await?;
        self.post_transfers().await?;
        let row = &self.order.row;
        let timeline = Timeline { order_id: row.id, sequence: row.event_sequence };
        let sequence =
            event::append(self.transaction, self.clock, timeline, actor, self.at, &self.decision.events).await?;
        self.enqueue().await?;
        self.save(sequence).await
    }

    fn refund(&self, reference: RefundRef) -> Result<RefundId> {
        match reference {
            RefundRef::Existing(id) => Ok(id),
            RefundRef::New(index) => {
                self.refunds.get(index).copied().ok_or_else(|| Error::internal("a refund that was not decided"))
            }
        }
    }

    fn receipt(&self, reference: ReceiptRef) -> Result<ReceiptId> {
        match reference {
            ReceiptRef::Existing(id) => Ok(id),
            ReceiptRef::New(index) => {
                self.receipts.get(index).copied().ok_or_else(|| Error::internal("a receipt that was not decided"))
            }
        }
    }

    async fn change_stock(&self, change: &StockChange) -> Result<()> {
        let Some(terms) = &self.order.terms else {
            return Err(Error::internal("stock of an order without a contract"));
        };
        let mut lines: Vec<_> = terms.lines.iter().filter_map(|line| Some((line.product_id?, line))).collect();
        lines.sort_by_key(|(product_id, _)| *product_id);
        for (product_id, line) in lines {
            match change {
                StockChange::GiveBack => catalog::give_back(self.transaction, product_id, line.quantity).await?,
                StockChange::Reserve => {
                    if !catalog::reserve(self.transaction, product_id, line.quantity).await? {
                        let message = format!(
                            "there is less than {} {} of \"{}\" in stock",
                            line.quantity, line.unit, line.description
                        );
                        return Err(Error::refused(ErrorCode::OutOfStock, message));
                    }
                }
            }
        }
        Ok(())
    }

    fn opens_chargeback(&self) -> bool {
        let known = |id| self.order.chargebacks.iter().any(|row| row.id == id);
        self.decision.chargeback.as_ref().is_some_and(|row| !known(row.id))
    }

    fn opens_dispute(&self) -> bool {
        let known = |id| self.order.dispute.as_ref().is_some_and(|row| row.id == id);
        self.decision.dispute.as_ref().is_some_and(|row| !known(row.id))
    }

    async fn post_transfers(&self) -> Result<()> {
        let row = &self.order.row;
        let account = |account: &Account| -> Result<LedgerAccount> {
            Ok(match account {
                Account::Provider(name) => LedgerAccount::Provider(name.clone()),
                Account::Escrow => LedgerAccount::Escrow(row.id),
                Account::Supplier => LedgerAccount::Supplier(row.supplier_id),
                Account::Fees => LedgerAccount::Fees,
                Account::ProviderFees => LedgerAccount::ProviderFees,
                Account::Refund(reference) => LedgerAccount::Refund(self.refund(*reference)?),
                Account::Unapplied(reference) => LedgerAccount::Unapplied(self.receipt(*reference)?),
                Account::Chargeback(id) => LedgerAccount::Chargeback(*id),
                Account::Loss => LedgerAccount::Loss,
            })
        };
        let mut transfers = Vec::with_capacity(self.decision.transfers.len());
        for transfer in &self.decision.transfers {
            transfers.push(NewTransfer {
                debit: account(&transfer.debit)?,
                credit: account(&transfer.credit)?,
                amount: Money::new(transfer.amount, transfer.currency),
                cause: transfer.cause,
                order_id: Some(row.id),
                movement: transfer.movement.clone().map(|moved| (moved.movement, moved.part)),
            });
        }
        ledger::post(self.transaction, self.clock, self.at, transfers).await
    }

    async fn enqueue(&self) -> Result<()> {
        let (clock, row) = (self.clock, &self.order.row);
        let now = clock.now();
        for follow_up in &self.decision.follow_ups {
            let (job, run_at) = match follow_up {
                FollowUp::AskPayment(payment_id) => {
                    (Job::AskPayment { payment_id: *payment_id }, now + FIRST_QUESTION_AFTER)
                }
                FollowUp::CancelPayment(payment_id) => (Job::CancelPayment { payment_id: *payment_id }, now),
                FollowUp::SendRefund(reference) => (Job::SendRefund { refund_id: self.refund(*reference)? }, now),
                FollowUp::GiveUpCapture(chargeback_id, at) => {
                    (Job::GiveUpCapture { chargeback_id: *chargeback_id }, *at)
                }
                FollowUp::RequestPayout => {
                    (Job::RequestPayout { supplier_id: row.supplier_id, currency: row.currency }, now)
                }
            };
            job::enqueue(self.transaction, clock, &job, run_at).await?;
        }
        Ok(())
    }

    /// The order's own row, last; then the order as it now is, for a further command of this transaction.
    async fn save(&self, event_sequence: i64) -> Result<Order> {
        let row = &self.order.row;
        let mut active = order::ActiveModel {
            id: Set(row.id),
            status: Set(self.decision.status),
            version: Set(row.version + 1),
            deadline_at: Set(self.decision.deadline_at),
            remind_at: Set(self.decision.remind_at),
            timer_at: Set(self.decision.timer_at()),
            ship_by: Set(self.decision.ship_by),
            frozen_at: Set(self.decision.frozen_at),
            frozen_by_operator: Set(self.decision.frozen_by_operator),
            paused_status: Set(self.decision.paused.map(|paused| paused.status)),
            paused_at: Set(self.decision.paused.map(|paused| paused.since)),
            paused_deadline_at: Set(self.decision.paused.and_then(|paused| paused.deadline_at)),
            cancel_asked_funded: Set(self.decision.cancel_asked_funded),
            cancel_asked_shipped: Set(self.decision.cancel_asked_shipped),
            disputes: Set(row.disputes + i32::from(self.opens_dispute())),
            chargebacks: Set(row.chargebacks + i32::from(self.opens_chargeback())),
            has_refund_account: Set(row.has_refund_account || self.decision.refund_account.is_some()),
            completed_at: Set(self.decision.completed_at),
            captured: Set(self.decision.balances.captured),
            held: Set(self.decision.balances.held),
            released: Set(self.decision.balances.released),
            refunded: Set(self.decision.balances.refunded),
            charged_back: Set(self.decision.balances.charged_back),
            event_sequence: Set(event_sequence),
            updated_at: Set(self.at),
            ..Default::default()
        };
        if let Some(escrow::NewContract { terms, .. }) = &self.decision.contract {
            active.contract_version = Set(row.contract_version + 1);
            active.total = Set(terms.total);
        }
        match &self.decision.stock {
            Some(StockChange::Reserve) => active.stock_reserved = Set(true),
            Some(StockChange::GiveBack) => active.stock_reserved = Set(false),
            None => {}
        }
        let saved = active.update(self.transaction).await?;
        load(self.transaction, saved).await
    }
}

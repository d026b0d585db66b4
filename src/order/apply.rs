//! From a decision to rows. Nothing is decided here.

use entity::payment::PaymentStatus;
use entity::refund::RefundStatus;
use entity::{
    ContractId, FeedbackId, LedgerAccount, MinorUnits, Money, PaymentId, ReceiptId, RefundId, ShipmentId, Time,
    contract, feedback, order, payment, receipt, refund, shipment,
};
use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel};

use super::terms::contract_hash;
use super::write::{Writing, load};
use crate::catalog;
use crate::error::{Error, ErrorCode, Result};
use crate::escrow::{
    Account, Actor, Decision, Later, NewReceipt, NewRefund, PaymentChange, ReceiptRef, RefundChange, RefundOf,
    RefundRef, StockChange,
};
use crate::event;
use crate::job::{self, Job};
use crate::ledger::{self, NewTransfer};

/// How long a payment may be silent before we ask.
const FIRST_QUESTION_AFTER: chrono::TimeDelta = chrono::TimeDelta::minutes(2);

/// The ids that this decision's new receipts and refunds got.
struct Fresh {
    receipts: Vec<ReceiptId>,
    refunds: Vec<RefundId>,
}

impl Fresh {
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
}

impl Writing<'_> {
    pub(super) async fn apply(&mut self, actor: Actor, at: Time, decision: Decision) -> Result<()> {
        let clock = &self.app.clock;
        let fresh = Fresh {
            receipts: decision.receipts.iter().map(|_| ReceiptId(clock.new_id())).collect(),
            refunds: decision.refunds.iter().map(|_| RefundId(clock.new_id())).collect(),
        };
        if let Some(change) = &decision.stock {
            self.change_stock(change).await?;
        }
        for change in &decision.payments {
            self.change_payment(at, change).await?;
        }
        self.insert_receipts(at, &decision.receipts, &fresh).await?;
        self.insert_refunds(at, &decision.refunds, &fresh).await?;
        for change in &decision.refund_changes {
            self.change_refund(at, change).await?;
        }
        self.record_outcome(at, &decision).await?;
        self.post_transfers(at, &decision, &fresh).await?;
        let place = (self.order.row.id, self.order.row.event_sequence, actor, at);
        let sequence = event::append(&self.transaction, clock, place, &decision.events).await?;
        self.enqueue(&decision, &fresh).await?;
        self.save(at, &decision, sequence).await
    }

    async fn change_stock(&mut self, change: &StockChange) -> Result<()> {
        let Some(terms) = &self.order.terms else {
            return Err(Error::internal("stock of an order without a contract"));
        };
        let mut lines: Vec<_> = terms.lines.iter().filter_map(|line| Some((line.product_id?, line))).collect();
        lines.sort_by_key(|(product_id, _)| *product_id);
        for (product_id, line) in lines {
            match change {
                StockChange::GiveBack => catalog::give_back(&self.transaction, product_id, line.quantity).await?,
                StockChange::Reserve => {
                    if !catalog::reserve(&self.transaction, product_id, line.quantity).await? {
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

    async fn change_payment(&self, at: Time, change: &PaymentChange) -> Result<()> {
        let row = &self.order.row;
        match change {
            PaymentChange::Open { payment_id, provider, method, amount, return_url } => {
                let opened = payment::ActiveModel {
                    id: Set(*payment_id),
                    order_id: Set(row.id),
                    provider: Set(provider.clone()),
                    method: Set(*method),
                    status: Set(PaymentStatus::Pending),
                    amount: Set(*amount),
                    currency: Set(row.currency),
                    captured: Set(MinorUnits::ZERO),
                    refunded: Set(MinorUnits::ZERO),
                    charged_back: Set(MinorUnits::ZERO),
                    provider_reference: Set(None),
                    next_action: Set(None),
                    return_url: Set(return_url.clone()),
                    failure: Set(None),
                    expires_at: Set(None),
                    created_at: Set(at),
                    updated_at: Set(at),
                };
                payment::Entity::insert(opened).exec_without_returning(&self.transaction).await?;
            }
            PaymentChange::Capture { payment_id, applied, complete } => {
                let paid = self.payment(*payment_id)?;
                let mut active = paid.clone().into_active_model();
                active.captured = Set(sum(paid.captured, *applied)?);
                if *complete {
                    active.status = Set(PaymentStatus::Captured);
                }
                active.updated_at = Set(at);
                active.update(&self.transaction).await?;
            }
            PaymentChange::End { payment_id, status, failure } => {
                let mut active = self.payment(*payment_id)?.clone().into_active_model();
                active.status = Set(*status);
                active.failure = Set(failure.clone());
                active.updated_at = Set(at);
                active.update(&self.transaction).await?;
            }
            PaymentChange::Refund { payment_id, amount } => {
                let paid = self.payment(*payment_id)?;
                let mut active = paid.clone().into_active_model();
                active.refunded = Set(sum(paid.refunded, *amount)?);
                active.updated_at = Set(at);
                active.update(&self.transaction).await?;
            }
        }
        Ok(())
    }

    fn payment(&self, id: PaymentId) -> Result<&payment::Model> {
        self.order
            .payments
            .iter()
            .find(|payment| payment.id == id)
            .ok_or_else(|| Error::internal("a payment of another order"))
    }

    async fn insert_receipts(&self, at: Time, receipts: &[NewReceipt], fresh: &Fresh) -> Result<()> {
        for (new, id) in receipts.iter().zip(&fresh.receipts) {
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
                created_at: Set(at),
            };
            receipt::Entity::insert(row).exec_without_returning(&self.transaction).await?;
        }
        Ok(())
    }

    async fn insert_refunds(&self, at: Time, refunds: &[NewRefund], fresh: &Fresh) -> Result<()> {
        for (new, id) in refunds.iter().zip(&fresh.refunds) {
            let (payment_id, receipt_id) = match new.of {
                RefundOf::Payment(payment_id) => (payment_id, None),
                RefundOf::Receipt { receipt, payment_id } => (payment_id, Some(fresh.receipt(receipt)?)),
            };
            let failure = (new.status == RefundStatus::ActionRequired)
                .then(|| "this payment method can't give money back".to_owned());
            let row = refund::ActiveModel {
                id: Set(*id),
                order_id: Set(Some(self.order.row.id)),
                payment_id: Set(Some(payment_id)),
                receipt_id: Set(receipt_id),
                provider: Set(new.provider.clone()),
                status: Set(new.status),
                amount: Set(new.amount.amount),
                currency: Set(new.amount.currency),
                balance: Set(new.amount.amount),
                provider_reference: Set(None),
                reason: Set(new.reason.to_owned()),
                failure: Set(failure),
                expected_by: Set(None),
                created_at: Set(at),
                updated_at: Set(at),
            };
            refund::Entity::insert(row).exec_without_returning(&self.transaction).await?;
        }
        Ok(())
    }

    async fn change_refund(&self, at: Time, change: &RefundChange) -> Result<()> {
        let row = refund::ActiveModel {
            id: Set(change.refund_id),
            status: Set(change.status),
            balance: Set(change.balance),
            failure: Set(change.failure.clone()),
            updated_at: Set(at),
            ..Default::default()
        };
        row.update(&self.transaction).await?;
        Ok(())
    }

    /// What is not money: the contract, the shipment, the feedback.
    async fn record_outcome(&self, at: Time, decision: &Decision) -> Result<()> {
        let (clock, order_id) = (&self.app.clock, self.order.row.id);
        if let Some((terms, drafted_by)) = &decision.contract {
            let row = contract::ActiveModel {
                id: Set(ContractId(clock.new_id())),
                order_id: Set(order_id),
                version: Set(self.order.row.contract_version + 1),
                terms: Set(terms.clone()),
                hash: Set(contract_hash(terms)?),
                drafted_by: Set(*drafted_by),
                created_at: Set(at),
            };
            contract::Entity::insert(row).exec_without_returning(&self.transaction).await?;
        }
        if let Some((carrier, tracking_number)) = &decision.shipment {
            let row = shipment::ActiveModel {
                id: Set(ShipmentId(clock.new_id())),
                order_id: Set(order_id),
                carrier: Set(carrier.clone()),
                tracking_number: Set(tracking_number.clone()),
                shipped_at: Set(at),
            };
            shipment::Entity::insert(row).exec_without_returning(&self.transaction).await?;
        }
        if let Some(given) = &decision.feedback {
            let row = feedback::ActiveModel {
                id: Set(FeedbackId(clock.new_id())),
                order_id: Set(order_id),
                supplier_id: Set(self.order.row.supplier_id),
                product_as_agreed: Set(given.product_as_agreed),
                communication: Set(given.communication),
                shipping_time: Set(given.shipping_time),
                comment: Set(given.comment.clone()),
                created_at: Set(at),
            };
            feedback::Entity::insert(row).exec_without_returning(&self.transaction).await?;
        }
        Ok(())
    }

    async fn post_transfers(&self, at: Time, decision: &Decision, fresh: &Fresh) -> Result<()> {
        let row = &self.order.row;
        let account = |account: &Account| -> Result<LedgerAccount> {
            Ok(match account {
                Account::Provider(name) => LedgerAccount::Provider(name.clone()),
                Account::Escrow => LedgerAccount::Escrow(row.id),
                Account::Supplier => LedgerAccount::Supplier(row.supplier_id),
                Account::Fees => LedgerAccount::Fees,
                Account::Refund(reference) => LedgerAccount::Refund(fresh.refund(*reference)?),
                Account::Unapplied(reference) => LedgerAccount::Unapplied(fresh.receipt(*reference)?),
            })
        };
        let mut transfers = Vec::with_capacity(decision.transfers.len());
        for transfer in &decision.transfers {
            transfers.push(NewTransfer {
                debit: account(&transfer.debit)?,
                credit: account(&transfer.credit)?,
                amount: Money::new(transfer.amount, transfer.currency),
                cause: transfer.cause,
                order_id: Some(row.id),
                movement: transfer.movement.clone(),
            });
        }
        ledger::post(&self.transaction, &self.app.clock, at, transfers).await
    }

    async fn enqueue(&self, decision: &Decision, fresh: &Fresh) -> Result<()> {
        let (clock, row) = (&self.app.clock, &self.order.row);
        let now = clock.now();
        for later in &decision.later {
            let (job, run_at) = match later {
                Later::AskPayment(payment_id) => {
                    (Job::AskPayment { payment_id: *payment_id }, now + FIRST_QUESTION_AFTER)
                }
                Later::CancelPayment(payment_id) => (Job::CancelPayment { payment_id: *payment_id }, now),
                Later::SendRefund(reference) => (Job::SendRefund { refund_id: fresh.refund(*reference)? }, now),
                Later::RequestPayout => {
                    (Job::RequestPayout { supplier_id: row.supplier_id, currency: row.currency }, now)
                }
            };
            job::enqueue(&self.transaction, clock, &job, run_at).await?;
        }
        Ok(())
    }

    /// The order's own row, last; then the order as it now is, for a further command of this transaction.
    async fn save(&mut self, at: Time, decision: &Decision, event_sequence: i64) -> Result<()> {
        let row = &self.order.row;
        let mut active = order::ActiveModel {
            id: Set(row.id),
            status: Set(decision.status),
            version: Set(row.version + 1),
            deadline_at: Set(decision.deadline_at),
            ship_by: Set(decision.ship_by),
            completed_at: Set(decision.completed_at),
            captured: Set(decision.balances.captured),
            held: Set(decision.balances.held),
            released: Set(decision.balances.released),
            refunded: Set(decision.balances.refunded),
            charged_back: Set(decision.balances.charged_back),
            event_sequence: Set(event_sequence),
            updated_at: Set(at),
            ..Default::default()
        };
        if let Some((terms, _)) = &decision.contract {
            active.contract_version = Set(row.contract_version + 1);
            active.total = Set(terms.total);
        }
        match &decision.stock {
            Some(StockChange::Reserve) => active.stock_reserved = Set(true),
            Some(StockChange::GiveBack) => active.stock_reserved = Set(false),
            None => {}
        }
        let saved = active.update(&self.transaction).await?;
        self.order = load(&self.transaction, saved).await?;
        self.has_changed = true;
        Ok(())
    }
}

fn sum(left: MinorUnits, right: MinorUnits) -> Result<MinorUnits> {
    left.checked_add(right).ok_or_else(|| Error::internal("an amount is too large"))
}

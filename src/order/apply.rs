//! From a decision to rows. Nothing is decided here.

use entity::payment::PaymentStatus;
use entity::refund::RefundStatus;
use entity::{
    ContractId, LedgerAccount, MinorUnits, Money, PaymentId, ReceiptId, RefundId, ShipmentId, Time, cancel_request,
    chargeback, contract, dispute, evidence, feedback, order, payment, proposal, receipt, refund, refund_account,
    shipment,
};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};

use super::terms::contract_hash;
use super::write::{LockedOrder, load};
use crate::catalog;
use crate::error::{Error, ErrorCode, Result};
use crate::event;
use crate::job::{self, Job};
use crate::ledger::{self, NewTransfer};
use escrow::{
    Account, Actor, Decision, FollowUp, NewPayment, NewReceipt, NewRefund, PaymentChange, ReceiptRef, RefundOf,
    RefundRef, ShipmentChange, StockChange,
};

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

impl LockedOrder<'_> {
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
        self.change_refunds_and_receipts(at, &decision).await?;
        self.record_outcome(at, &decision).await?;
        self.record_quarrel(&decision).await?;
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

    fn opened(&self, at: Time, new: &NewPayment, amount: MinorUnits) -> payment::ActiveModel {
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
            provider_reference: Set(None),
            opened_at: Set(None),
            encrypted_payer: Set(new.encrypted_payer.clone()),
            next_action: Set(None),
            return_url: Set(new.return_url.clone()),
            failure: Set(None),
            expires_at: Set(None),
            replaced_by: Set(None),
            created_at: Set(at),
            updated_at: Set(at),
        }
    }

    async fn change_payment(&self, at: Time, change: &PaymentChange) -> Result<()> {
        match change {
            PaymentChange::Open { new, amount } => {
                let opened = self.opened(at, new, *amount);
                payment::Entity::insert(opened).exec_without_returning(&self.transaction).await?;
            }
            PaymentChange::Replace { payment_id, by } => {
                let mut active = self.payment(*payment_id)?.clone().into_active_model();
                active.replaced_by = Set(Some(*by));
                // The other one has its own.
                active.encrypted_payer = Set(None);
                active.updated_at = Set(at);
                active.update(&self.transaction).await?;
            }
            PaymentChange::Capture { payment_id, applied, complete } => {
                let paid = self.payment(*payment_id)?;
                let mut active = paid.clone().into_active_model();
                active.captured = Set(sum(paid.captured, *applied)?);
                if *complete {
                    active.status = Set(PaymentStatus::Captured);
                    active.encrypted_payer = Set(None);
                }
                active.updated_at = Set(at);
                active.update(&self.transaction).await?;
            }
            PaymentChange::End { payment_id, status, failure } => {
                let mut active = self.payment(*payment_id)?.clone().into_active_model();
                active.status = Set(*status);
                active.failure = Set(failure.clone());
                // Nobody is asked for it any more.
                active.encrypted_payer = Set(None);
                active.updated_at = Set(at);
                active.update(&self.transaction).await?;
            }
            PaymentChange::Refund { payment_id, amount } => {
                self.add_to_payment(at, *payment_id, (payment::Column::Refunded, amount.0)).await?;
            }
            PaymentChange::ChargeBack { payment_id, amount } => {
                self.add_to_payment(at, *payment_id, (payment::Column::ChargedBack, amount.0)).await?;
            }
            PaymentChange::GiveUp { payment_id, amount } => {
                let less = amount.0.saturating_neg();
                self.add_to_payment(at, *payment_id, (payment::Column::ChargedBack, less)).await?;
            }
        }
        Ok(())
    }

    /// One decision may change the same payment twice.
    async fn add_to_payment(&self, at: Time, id: PaymentId, (column, more): (payment::Column, i64)) -> Result<()> {
        payment::Entity::update_many()
            .col_expr(column, Expr::col(column).add(more))
            .col_expr(payment::Column::UpdatedAt, Expr::value(at))
            .filter(payment::Column::Id.eq(id))
            .exec(&self.transaction)
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
                charged_back: Set(MinorUnits::ZERO),
                applied: Set(MinorUnits::ZERO),
                encrypted_remitter: Set(None),
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
                reference: Set(id.to_string()),
                status: Set(new.status),
                amount: Set(new.amount.amount),
                currency: Set(new.amount.currency),
                charged_back: Set(MinorUnits::ZERO),
                balance: Set(new.amount.amount),
                provider_reference: Set(None),
                encrypted_payee: Set(None),
                reason: Set(new.reason.to_owned()),
                failure: Set(failure),
                started_at: Set(None),
                requested_by: Set(None),
                approved_by: Set(None),
                expected_by: Set(Some(new.expected_by)),
                created_at: Set(at),
                updated_at: Set(at),
            };
            refund::Entity::insert(row).exec_without_returning(&self.transaction).await?;
        }
        Ok(())
    }

    async fn change_refunds_and_receipts(&self, at: Time, decision: &Decision) -> Result<()> {
        for row in &decision.refund_changes {
            let row = refund::Model { updated_at: at, ..row.clone() };
            let mut row = row.into_active_model().reset_all();
            // The provider's own id of it is written down without the order's lock.
            row.provider_reference = NotSet;
            row.update(&self.transaction).await?;
        }
        for row in &decision.receipt_changes {
            row.clone().into_active_model().reset_all().update(&self.transaction).await?;
        }
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
        match &decision.shipment {
            Some(ShipmentChange::New { carrier, tracking_number }) => {
                let row = shipment::ActiveModel {
                    id: Set(ShipmentId(clock.new_id())),
                    order_id: Set(order_id),
                    carrier: Set(carrier.clone()),
                    tracking_number: Set(tracking_number.clone()),
                    shipped_at: Set(at),
                };
                shipment::Entity::insert(row).exec_without_returning(&self.transaction).await?;
            }
            Some(ShipmentChange::Corrected { carrier, tracking_number }) => {
                let row = shipment::ActiveModel {
                    carrier: Set(carrier.clone()),
                    tracking_number: Set(tracking_number.clone()),
                    ..Default::default()
                };
                let of_order = shipment::Entity::update_many().set(row).filter(shipment::Column::OrderId.eq(order_id));
                of_order.exec(&self.transaction).await?;
            }
            None => {}
        }
        self.save_rows(decision).await
    }

    /// Rows that are new, or changed: as the decision has them.
    async fn save_rows(&self, decision: &Decision) -> Result<()> {
        let transaction = &self.transaction;
        if let Some(row) = decision.feedback.clone().map(IntoActiveModel::into_active_model) {
            let row: feedback::ActiveModel = row.reset_all();
            match self.order.feedback {
                Some(_) => drop(row.update(transaction).await?),
                None => drop(feedback::Entity::insert(row).exec_without_returning(transaction).await?),
            }
        }
        if let Some(row) = decision.chargeback.clone().map(IntoActiveModel::into_active_model) {
            let row: chargeback::ActiveModel = row.reset_all();
            if self.opens_chargeback(decision) {
                chargeback::Entity::insert(row).exec_without_returning(transaction).await?;
            } else {
                row.update(transaction).await?;
            }
        }
        Ok(())
    }

    fn opens_chargeback(&self, decision: &Decision) -> bool {
        let known = |id| self.order.chargebacks.iter().any(|row| row.id == id);
        decision.chargeback.as_ref().is_some_and(|row| !known(row.id))
    }

    fn opens_dispute(&self, decision: &Decision) -> bool {
        let known = |id| self.order.dispute.as_ref().is_some_and(|row| row.id == id);
        decision.dispute.as_ref().is_some_and(|row| !known(row.id))
    }

    /// Cancel requests, disputes, proposals, evidence, the refund account.
    async fn record_quarrel(&self, decision: &Decision) -> Result<()> {
        let transaction = &self.transaction;
        if let Some(row) = decision.cancel_request.clone().map(IntoActiveModel::into_active_model) {
            let row: cancel_request::ActiveModel = row.reset_all();
            match self.order.cancel_request {
                Some(_) => drop(row.update(transaction).await?),
                None => drop(cancel_request::Entity::insert(row).exec_without_returning(transaction).await?),
            }
        }
        if let Some(row) = decision.dispute.clone().map(IntoActiveModel::into_active_model) {
            let row: dispute::ActiveModel = row.reset_all();
            if self.opens_dispute(decision) {
                dispute::Entity::insert(row).exec_without_returning(transaction).await?;
            } else {
                row.update(transaction).await?;
            }
        }
        if let Some(row) = decision.proposal.clone() {
            proposal::Entity::insert(row.into_active_model().reset_all()).exec_without_returning(transaction).await?;
        }
        if let Some(row) = decision.evidence.clone() {
            evidence::Entity::insert(row.into_active_model().reset_all()).exec_without_returning(transaction).await?;
        }
        if let Some(row) = decision.refund_account.clone() {
            let row = row.into_active_model().reset_all();
            refund_account::Entity::insert(row).exec_without_returning(transaction).await?;
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
                Account::Chargeback(id) => LedgerAccount::Chargeback(*id),
                Account::Loss => LedgerAccount::Loss,
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
        for later in &decision.follow_ups {
            let (job, run_at) = match later {
                FollowUp::AskPayment(payment_id) => {
                    (Job::AskPayment { payment_id: *payment_id }, now + FIRST_QUESTION_AFTER)
                }
                FollowUp::CancelPayment(payment_id) => (Job::CancelPayment { payment_id: *payment_id }, now),
                FollowUp::SendRefund(reference) => (Job::SendRefund { refund_id: fresh.refund(*reference)? }, now),
                FollowUp::RequestPayout => {
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
            remind_at: Set(decision.remind_at),
            timer_at: Set(decision.timer_at()),
            ship_by: Set(decision.ship_by),
            frozen_at: Set(decision.frozen_at),
            frozen_by_operator: Set(decision.frozen_by_operator),
            paused_status: Set(decision.paused.map(|(status, _, _)| status)),
            paused_at: Set(decision.paused.map(|(_, at, _)| at)),
            paused_deadline_at: Set(decision.paused.and_then(|(_, _, deadline)| deadline)),
            cancel_asked_funded: Set(decision.cancel_asked_funded),
            cancel_asked_shipped: Set(decision.cancel_asked_shipped),
            disputes: Set(row.disputes + i32::from(self.opens_dispute(decision))),
            chargebacks: Set(row.chargebacks + i32::from(self.opens_chargeback(decision))),
            has_refund_account: Set(row.has_refund_account || decision.refund_account.is_some()),
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

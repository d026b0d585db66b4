//! An installation in miniature, and what has to hold in it after every command.

use std::collections::BTreeMap;

use entity::chargeback::ChargebackStatus;
use proptest::prelude::*;

use crate::tests::after::after;
use crate::tests::*;

/// A whole installation in miniature: the order, its ledger, its timeline, and what the sending of refunds does.
pub(super) struct World {
    pub(super) order: Order,
    pub(super) number: u128,
    pub(super) at: Time,
    movements: std::collections::BTreeSet<String>,
    balances: BTreeMap<String, i64>,
    events: Vec<(String, Option<OrderStatus>)>,
}

impl World {
    pub(super) fn new() -> Self {
        let mut order = order(OrderStatus::AwaitingConfirmation);
        order.payments.clear();
        order.refunds.clear();
        order.row.has_refund_account = false;
        order.row.deadline_at = Some(now() + TimeDelta::days(5));
        order.row.timer_at = order.row.deadline_at;
        let events = vec![("contract.drafted".to_owned(), None)];
        Self { order, number: 1_000, at: now(), movements: Default::default(), balances: BTreeMap::new(), events }
    }

    /// True if it was accepted.
    pub(super) fn try_command(&mut self, actor: Actor, command: &Command, at: Time) -> Result<bool, TestCaseError> {
        if let Some((movement, _)) = command.movement()
            && !self.movements.insert(movement.to_owned())
        {
            return Ok(false);
        }
        if let Command::ApplyFunds { receipt, .. } = command {
            self.stray(receipt);
        }
        let before = self.order.clone();
        let decision = match decided(&before, actor, command, at) {
            Ok(decision) => decision,
            Err(rejection) => {
                if let Some((movement, _)) = command.movement() {
                    self.movements.remove(movement);
                }
                self.check_refusal(&before, command, &rejection)?;
                return Ok(false);
            }
        };
        self.check_decision(&before, command, &decision)?;
        self.post(&before, &decision);
        for event in &decision.events {
            self.events.push((event.kind().to_owned(), stated_status(event)));
        }
        self.order = after(before, decision, &mut self.number, at);
        self.check_order()?;
        Ok(true)
    }

    /// Money of nobody's, which an operator then applies.
    fn stray(&mut self, receipt: &entity::receipt::Model) {
        let name = format!("receipt{}", self.order.receipts.len());
        *self.balances.entry(name).or_default() += receipt.amount.0;
        *self.balances.entry(format!("{:?}", Account::Provider("sandbox".to_owned()))).or_default() -= receipt.amount.0;
        self.order.receipts.push(receipt.clone());
    }

    /// `Inconsistent` is a fault of ours, but for a notification that is early or about something of another order.
    fn check_refusal(&self, before: &Order, command: &Command, rejection: &Rejection) -> Result<(), TestCaseError> {
        let Rejection::Inconsistent(why) = rejection else { return Ok(()) };
        let early = matches!(command, Command::Chargeback { .. } | Command::ReversePayment { .. });
        let begins = matches!(command, Command::RequestDraft | Command::BuyNow { .. });
        let unknown = why.contains("another order") || *why == "nothing is due";
        prop_assert!(early || begins || unknown, "{:?} of {:?}: {}", command, before.row.status, why);
        Ok(())
    }

    fn check_decision(&self, before: &Order, command: &Command, decision: &Decision) -> Result<(), TestCaseError> {
        prop_assert!(decision.balances.is_conserved());
        prop_assert!(decision.transfers.iter().all(|transfer| transfer.amount.is_positive()));
        if before.status() != decision.status {
            let listed = TABLE.iter().any(|row| {
                row.action == command.action()
                    && row.from.contains(&before.status())
                    && row.to.contains(&decision.status)
            });
            prop_assert!(listed, "{} → {} by {}", before.status(), decision.status, command.action());
            prop_assert!(!before.status().is_end(), "{} is an end", before.status());
        }
        if before.row.is_frozen() {
            let moves = decision.transfers.iter().any(|transfer| {
                matches!(
                    (&transfer.debit, &transfer.credit),
                    (Account::Escrow, Account::Supplier | Account::Fees | Account::Refund(_))
                )
            });
            let thaws = decision.frozen_at.is_none();
            prop_assert!(!moves || thaws, "a frozen order releases and refunds nothing");
        }
        Ok(())
    }

    fn post(&mut self, order: &Order, decision: &Decision) {
        let base = (order.refunds.len(), order.receipts.len());
        let name = |account: &Account| match account {
            Account::Refund(RefundRef::Existing(id)) => {
                format!("refund{}", order.refunds.iter().position(|refund| refund.id == *id).expect("known"))
            }
            Account::Refund(RefundRef::New(index)) => format!("refund{}", base.0 + index),
            Account::Unapplied(ReceiptRef::Existing(id)) => {
                format!("receipt{}", order.receipts.iter().position(|receipt| receipt.id == *id).expect("known"))
            }
            Account::Unapplied(ReceiptRef::New(index)) => format!("receipt{}", base.1 + index),
            Account::Provider(_)
            | Account::Escrow
            | Account::Supplier
            | Account::Fees
            | Account::ProviderFees
            | Account::Chargeback(_)
            | Account::Loss => format!("{account:?}"),
        };
        for transfer in &decision.transfers {
            *self.balances.entry(name(&transfer.debit)).or_default() -= transfer.amount.0;
            *self.balances.entry(name(&transfer.credit)).or_default() += transfer.amount.0;
        }
    }

    fn check_order(&self) -> Result<(), TestCaseError> {
        let (order, row) = (&self.order, &self.order.row);
        let balance = |name: &str| self.balances.get(name).copied().unwrap_or(0);
        prop_assert_eq!(balance("Escrow"), row.held.0);
        prop_assert!(self.balances.values().sum::<i64>() == 0, "debits are credits");
        let sum = |of: fn(&payment::Model) -> i64| order.payments.iter().map(of).sum::<i64>();
        prop_assert_eq!(sum(|payment| payment.captured.0), row.captured.0);
        prop_assert_eq!(sum(|payment| payment.refunded.0), row.refunded.0);
        prop_assert_eq!(sum(|payment| payment.charged_back.0), row.charged_back.0);
        for payment in &order.payments {
            prop_assert!(
                payment.refunded.0 + payment.charged_back.0 <= payment.captured.0 && payment.charged_back.0 >= 0
            );
        }
        prop_assert!(row.captured.0 - row.charged_back.0 <= row.total.0);
        for (index, refund) in order.refunds.iter().enumerate() {
            prop_assert_eq!(balance(&format!("refund{index}")), refund.balance.0);
            let empty = matches!(refund.status, RefundStatus::Succeeded | RefundStatus::ChargedBack);
            prop_assert_eq!(empty, refund.balance.is_zero(), "{:?}", refund);
        }
        for (index, receipt) in order.receipts.iter().enumerate() {
            prop_assert_eq!(balance(&format!("receipt{index}")), receipt.left().0);
        }
        for chargeback in &order.chargebacks {
            let expected = i64::from(chargeback.status != ChargebackStatus::Won) - i64::from(chargeback.debited)
                + i64::from(chargeback.returned);
            let expected = if chargeback.booked { expected } else { 0 };
            prop_assert_eq!(
                balance(&format!("{:?}", Account::Chargeback(chargeback.id))),
                expected * chargeback.amount.0
            );
        }
        self.check_clocks()?;
        self.check_timeline()
    }

    fn check_clocks(&self) -> Result<(), TestCaseError> {
        let row = &self.order.row;
        if row.status.is_end() {
            prop_assert!(row.held.is_zero() && row.deadline_at.is_none() && row.paused_status.is_none());
        } else {
            // An alarm that was raised is the only thing without a further clock.
            prop_assert!(row.deadline_at.is_some() || row.status == OrderStatus::Disputed, "{:?}", row);
        }
        let is_paused =
            matches!(row.status, OrderStatus::CancelRequested | OrderStatus::Disputed | OrderStatus::ReturnPending);
        prop_assert_eq!(row.paused_status.is_some(), is_paused);
        prop_assert_eq!(row.paused_status.is_some(), row.paused_at.is_some());
        prop_assert!(row.timer_at.is_none() || !row.is_frozen());
        prop_assert!(row.disputes <= 2);
        let open = self.order.has_open_chargeback();
        prop_assert!(row.is_frozen() == (open || row.frozen_by_operator));
        if matches!(row.status, OrderStatus::Funded | OrderStatus::Shipped) || is_paused {
            prop_assert!(row.held.is_positive() || row.is_frozen(), "{:?}", row);
        }
        Ok(())
    }

    /// The status follows from the events alone.
    fn check_timeline(&self) -> Result<(), TestCaseError> {
        let (mut status, mut frozen) = (None, false);
        for (kind, stated) in &self.events {
            match status_after(kind) {
                StatusAfter::Is(next) => status = Some(next),
                StatusAfter::AsStated => status = *stated,
                StatusAfter::Same => {}
                StatusAfter::Freezes => frozen = true,
                StatusAfter::Thaws => frozen = false,
            }
        }
        prop_assert_eq!(status, Some(self.order.status()), "{:?}", self.events);
        prop_assert_eq!(frozen, self.order.row.is_frozen(), "{:?}", self.events);
        Ok(())
    }

    /// What the write path does with chargebacks that came before the money.
    pub(super) fn book_what_waited(&mut self, payment_id: PaymentId) -> Result<(), TestCaseError> {
        let waits = |row: &&entity::chargeback::Model| !row.booked && row.payment_id == payment_id;
        let rows: Vec<_> = self.order.chargebacks.iter().filter(waits).cloned().collect();
        for row in rows {
            let again = Command::Chargeback {
                chargeback_id: row.id,
                payment_id,
                cause: ClaimCause::of(&row),
                reference: row.reference,
                amount: None,
                stage: ChargebackStage::Again,
                reason: row.reason,
            };
            self.try_command(Actor::Provider, &again, self.at)?;
        }
        Ok(())
    }

    /// What the job does with refunds that may be sent: it writes that down, and asks.
    pub(super) fn send_refunds(&mut self) -> Result<(), TestCaseError> {
        for index in 0..self.order.refunds.len() {
            let refund = &self.order.refunds[index];
            if refund.status != RefundStatus::Requested || refund.started_at.is_some() {
                continue;
            }
            let refund_id = refund.id;
            match may_send(&self.order, refund) {
                Sending::Now => self.order.refunds[index].started_at = Some(self.at),
                Sending::Waits => {}
                Sending::Never => {
                    self.number += 1;
                    let (movement, reason) = (self.number.to_string(), "more than was paid".to_owned());
                    let fail = Command::FailRefund { refund_id, amount: five(), movement, reason, confirmed: false };
                    prop_assert!(self.try_command(Actor::Provider, &fail, self.at)?);
                }
            }
        }
        // Never more is on its way, with what chargebacks take, than what was paid.
        for payment in &self.order.payments {
            let mine = |refund: &&refund::Model| refund.payment_id == Some(payment.id);
            let out = |refund: &&refund::Model| {
                matches!(refund.status, RefundStatus::Pending | RefundStatus::Succeeded)
                    || (refund.status == RefundStatus::Requested && refund.started_at.is_some())
            };
            let sent: i64 = self.order.refunds.iter().filter(mine).filter(out).map(|refund| refund.to_send().0).sum();
            let receipts = self.order.receipts.iter().filter(|receipt| {
                receipt.payment_id == Some(payment.id) && receipt.reason != ReceiptReason::ChargebackWon
            });
            let brought: i64 = payment.captured.0 + receipts.map(|receipt| receipt.amount.0).sum::<i64>();
            prop_assert!(sent <= brought, "{} sent of {}", sent, brought);
        }
        Ok(())
    }
}

fn stated_status(event: &Event) -> Option<OrderStatus> {
    if let Event::CancelRequestWithdrawn { status, .. }
    | Event::CancelRequestRefused { status, .. }
    | Event::DisputeWithdrawn { status, .. } = event
    {
        return Some(*status);
    }
    None
}

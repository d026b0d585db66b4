//! What follows from a command, as data.

use entity::contract::{Drafter, Terms};
use entity::payment::RefundWay;
use entity::payment::{PaymentMethod, PaymentStatus};
use entity::receipt::ReceiptReason;
use entity::refund::RefundStatus;
use entity::{
    ChargebackId, MinorUnits, Money, OrderStatus, PaymentId, Time, cancel_request, chargeback, dispute, evidence,
    feedback, proposal, receipt, refund, refund_account,
};

use crate::balances::Balances;
use crate::event::Event;
use crate::order::Order;
use crate::rejection::Rejection;
use crate::transfer::{ReceiptRef, RefundRef, Transfer};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StockChange {
    /// Take the contract's quantities out of the products' stock, or refuse.
    Reserve,
    GiveBack,
}

/// A payment to be opened, with what its provider promises: frozen into it, whatever becomes of the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPayment {
    pub payment_id: PaymentId,
    pub provider: String,
    /// What it is called between us and the provider, or the payer.
    pub reference: String,
    pub method: PaymentMethod,
    /// Who gives its money back: the provider, or another one where it can't.
    pub refund_by: String,
    pub refund_way: RefundWay,
    pub refund_days: i32,
    pub takes_parts: bool,
    pub encrypted_payer: Option<String>,
    pub return_url: Option<String>,
    /// The open payment by the same method that its provider has not opened.
    pub replaces: Option<PaymentId>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaymentChange {
    Open {
        new: NewPayment,
        amount: MinorUnits,
    },
    /// It is not shown any more; whatever still comes by it counts.
    Replace {
        payment_id: PaymentId,
        by: PaymentId,
    },
    /// `applied` came on top of what this payment had captured.
    Capture {
        payment_id: PaymentId,
        applied: MinorUnits,
        complete: bool,
    },
    End {
        payment_id: PaymentId,
        status: PaymentStatus,
        failure: Option<String>,
    },
    /// `amount` of this payment's captured money goes back.
    Refund {
        payment_id: PaymentId,
        amount: MinorUnits,
    },
    /// A chargeback took `amount` of what is held or was released …
    ChargeBack {
        payment_id: PaymentId,
        amount: MinorUnits,
    },
    /// … and gave it up again.
    GiveUp {
        payment_id: PaymentId,
        amount: MinorUnits,
    },
}

/// Money that arrived but can't be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewReceipt {
    pub payment_id: PaymentId,
    pub provider: String,
    pub movement: String,
    pub reason: ReceiptReason,
    pub amount: Money,
    /// What goes back at once; nothing while the order is frozen.
    pub refunded: MinorUnits,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefundOf {
    /// Of money that was applied.
    Payment(PaymentId),
    /// Of money that never was; by the payment that it came with.
    Receipt { receipt: ReceiptRef, payment_id: PaymentId },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRefund {
    pub of: RefundOf,
    pub provider: String,
    pub amount: Money,
    pub reason: &'static str,
    /// `Requested` where the provider gives money back by itself, and knows where to.
    pub status: RefundStatus,
    pub expected_by: Time,
}

/// The one shipment of the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShipmentChange {
    New { carrier: String, tracking_number: String },
    Corrected { carrier: String, tracking_number: String },
}

/// Work that follows, outside of this transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FollowUp {
    /// Make sure that we hear what becomes of a payment.
    AskPayment(PaymentId),
    CancelPayment(PaymentId),
    SendRefund(RefundRef),
    RequestPayout,
    /// Then a capture that failed is not expected to be restored any more.
    GiveUpCapture(ChargebackId, Time),
}

/// The status whose clock stands still, and which the order may come back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PausedStatus {
    pub status: OrderStatus,
    pub since: Time,
    /// What its clock was.
    pub deadline_at: Option<Time>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewContract {
    pub terms: Terms,
    pub drafted_by: Drafter,
}

/// Everything that follows from one command. Applied whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub status: OrderStatus,
    pub deadline_at: Option<Time>,
    pub remind_at: Option<Time>,
    pub ship_by: Option<Time>,
    pub completed_at: Option<Time>,
    pub frozen_at: Option<Time>,
    pub frozen_by_operator: bool,
    pub paused: Option<PausedStatus>,
    pub cancel_asked_funded: bool,
    pub cancel_asked_shipped: bool,
    pub balances: Balances,
    pub contract: Option<NewContract>,
    pub stock: Option<StockChange>,
    pub payments: Vec<PaymentChange>,
    pub receipts: Vec<NewReceipt>,
    pub refunds: Vec<NewRefund>,
    /// Rows that exist, as they are then.
    pub refund_changes: Vec<refund::Model>,
    pub receipt_changes: Vec<receipt::Model>,
    pub shipment: Option<ShipmentChange>,
    /// New or changed: the row as it is then.
    pub cancel_request: Option<cancel_request::Model>,
    pub dispute: Option<dispute::Model>,
    pub chargeback: Option<chargeback::Model>,
    pub feedback: Option<feedback::Model>,
    /// New.
    pub proposal: Option<proposal::Model>,
    pub evidence: Option<evidence::Model>,
    pub refund_account: Option<refund_account::Model>,
    pub transfers: Vec<Transfer>,
    pub events: Vec<Event>,
    pub follow_ups: Vec<FollowUp>,
}

impl Decision {
    /// Nothing changes.
    #[must_use]
    pub fn unchanged(order: &Order) -> Self {
        let row = &order.row;
        Self {
            deadline_at: row.deadline_at,
            remind_at: row.remind_at,
            ship_by: row.ship_by,
            completed_at: row.completed_at,
            frozen_at: row.frozen_at,
            frozen_by_operator: row.frozen_by_operator,
            paused: row.paused_status.zip(row.paused_at).map(|(status, since)| PausedStatus {
                status,
                since,
                deadline_at: row.paused_deadline_at,
            }),
            cancel_asked_funded: row.cancel_asked_funded,
            cancel_asked_shipped: row.cancel_asked_shipped,
            balances: Balances::from(row),
            ..Self::beginning(row.status)
        }
    }

    /// Of an order that begins.
    #[must_use]
    pub fn beginning(status: OrderStatus) -> Self {
        Self {
            status,
            deadline_at: None,
            remind_at: None,
            ship_by: None,
            completed_at: None,
            frozen_at: None,
            frozen_by_operator: false,
            paused: None,
            cancel_asked_funded: false,
            cancel_asked_shipped: false,
            balances: Balances::default(),
            contract: None,
            stock: None,
            payments: Vec::new(),
            receipts: Vec::new(),
            refunds: Vec::new(),
            refund_changes: Vec::new(),
            receipt_changes: Vec::new(),
            shipment: None,
            cancel_request: None,
            dispute: None,
            chargeback: None,
            feedback: None,
            proposal: None,
            evidence: None,
            refund_account: None,
            transfers: Vec::new(),
            events: Vec::new(),
            follow_ups: Vec::new(),
        }
    }

    /// True if the write path has nothing to write.
    #[must_use]
    pub fn changes_nothing(&self, order: &Order) -> bool {
        *self == Self::unchanged(order)
    }

    /// When the worker has to look at the order again; never while it is frozen.
    #[must_use]
    pub fn timer_at(&self) -> Option<Time> {
        let earliest = self.deadline_at.into_iter().chain(self.remind_at).min();
        earliest.filter(|_| self.frozen_at.is_none())
    }

    /// A refund of the order, to be changed.
    pub(super) fn change_refund(&mut self, refund: &refund::Model, change: impl FnOnce(&mut refund::Model)) {
        let mut changed = match self.refund_changes.iter().position(|known| known.id == refund.id) {
            Some(index) => self.refund_changes.swap_remove(index),
            None => refund.clone(),
        };
        change(&mut changed);
        self.refund_changes.push(changed);
    }

    /// A receipt of the order, to be changed.
    pub(super) fn change_receipt(&mut self, receipt: &receipt::Model, change: impl FnOnce(&mut receipt::Model)) {
        let mut changed = match self.receipt_changes.iter().position(|known| known.id == receipt.id) {
            Some(index) => self.receipt_changes.swap_remove(index),
            None => receipt.clone(),
        };
        change(&mut changed);
        self.receipt_changes.push(changed);
    }

    /// Moves money, and the order's balances with it. Nothing is posted for zero.
    pub(super) fn post(&mut self, transfer: Transfer) -> Result<(), Rejection> {
        if transfer.amount.is_zero() {
            return Ok(());
        }
        if transfer.amount.0 < 0 {
            return Err(Rejection::Inconsistent("a transfer of less than nothing"));
        }
        self.balances = self.balances.after(&transfer)?;
        if !self.balances.is_conserved() {
            return Err(Rejection::Inconsistent("captured is not held, released, refunded and charged back"));
        }
        self.transfers.push(transfer);
        Ok(())
    }
}

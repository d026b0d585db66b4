//! What follows from a command, as data.

use entity::contract::{Drafter, Terms};
use entity::payment::{PaymentMethod, PaymentStatus};
use entity::receipt::ReceiptReason;
use entity::refund::RefundStatus;
use entity::{MinorUnits, Money, OrderStatus, PaymentId, ReceiptId, RefundId, Time};

use super::{Balances, Happened, Order, Rejection};

/// A ledger account as one order sees it; the write path fills in the ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Account {
    Provider(String),
    /// This order's.
    Escrow,
    /// This order's supplier.
    Supplier,
    Fees,
    Refund(RefundRef),
    Unapplied(ReceiptRef),
}

/// A refund that exists, or the n-th of [`Decision::refunds`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefundRef {
    Existing(RefundId),
    New(usize),
}

/// A receipt that exists, or the n-th of [`Decision::receipts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiptRef {
    Existing(ReceiptId),
    New(usize),
}

/// One ledger movement: more than zero. Its currency is the order's, but for money that came in another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    pub debit: Account,
    pub credit: Account,
    pub amount: MinorUnits,
    pub currency: entity::Currency,
    pub cause: &'static str,
    /// Set where a provider moved real money: the unique key by which it is posted once, and which part of it this is.
    pub movement: Option<(String, i32)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StockChange {
    /// Take the contract's quantities out of the products' stock, or refuse.
    Reserve,
    GiveBack,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaymentChange {
    Open {
        payment_id: PaymentId,
        provider: String,
        method: PaymentMethod,
        amount: MinorUnits,
        return_url: Option<String>,
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
}

/// Money that arrived but can't be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewReceipt {
    pub payment_id: PaymentId,
    pub provider: String,
    pub movement: String,
    pub reason: ReceiptReason,
    pub amount: Money,
    /// What goes back at once.
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
    /// `ActionRequired` where the rail can't give money back by itself.
    pub status: RefundStatus,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundChange {
    pub refund_id: RefundId,
    pub status: RefundStatus,
    pub balance: MinorUnits,
    pub failure: Option<String>,
}

/// Work that follows, outside of this transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Later {
    /// Make sure that we hear what becomes of a payment.
    AskPayment(PaymentId),
    CancelPayment(PaymentId),
    SendRefund(RefundRef),
    RequestPayout,
}

/// Everything that follows from one command. Applied whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub status: OrderStatus,
    pub deadline_at: Option<Time>,
    pub ship_by: Option<Time>,
    pub completed_at: Option<Time>,
    pub balances: Balances,
    pub contract: Option<(Terms, Drafter)>,
    pub stock: Option<StockChange>,
    pub payments: Vec<PaymentChange>,
    pub receipts: Vec<NewReceipt>,
    pub refunds: Vec<NewRefund>,
    pub refund_changes: Vec<RefundChange>,
    pub shipment: Option<(String, String)>,
    pub feedback: Option<Feedback>,
    pub transfers: Vec<Transfer>,
    pub events: Vec<Happened>,
    pub later: Vec<Later>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feedback {
    pub product_as_agreed: i32,
    pub communication: i32,
    pub shipping_time: i32,
    pub comment: Option<String>,
}

impl Decision {
    /// Nothing changes.
    #[must_use]
    pub fn unchanged(order: &Order) -> Self {
        Self {
            status: order.row.status,
            deadline_at: order.row.deadline_at,
            ship_by: order.row.ship_by,
            completed_at: order.row.completed_at,
            balances: Balances::from(&order.row),
            ..Self::beginning(order.row.status, None)
        }
    }

    /// Of an order that begins.
    #[must_use]
    pub fn beginning(status: OrderStatus, deadline_at: Option<Time>) -> Self {
        Self {
            status,
            deadline_at,
            ship_by: None,
            completed_at: None,
            balances: Balances::default(),
            contract: None,
            stock: None,
            payments: Vec::new(),
            receipts: Vec::new(),
            refunds: Vec::new(),
            refund_changes: Vec::new(),
            shipment: None,
            feedback: None,
            transfers: Vec::new(),
            events: Vec::new(),
            later: Vec::new(),
        }
    }

    /// True if the write path has nothing to write.
    #[must_use]
    pub fn changes_nothing(&self, order: &Order) -> bool {
        *self == Self::unchanged(order)
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

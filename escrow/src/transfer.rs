//! A movement of money between two accounts, as one order sees it.

use entity::{ChargebackId, MinorUnits, ReceiptId, RefundId};

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
    Chargeback(ChargebackId),
    /// The operator's.
    Loss,
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

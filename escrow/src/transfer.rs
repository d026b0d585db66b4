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
    /// What banks and providers charged us.
    ProviderFees,
    Refund(RefundRef),
    Unapplied(ReceiptRef),
    Chargeback(ChargebackId),
    /// The operator's.
    Loss,
}

/// A refund that exists, or the n-th of [`crate::Decision::refunds`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefundRef {
    Existing(RefundId),
    New(usize),
}

/// A receipt that exists, or the n-th of [`crate::Decision::receipts`].
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
    /// Set where a provider moved real money.
    pub movement: Option<MovementPart>,
}

/// A provider's movement of real money, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovementPart {
    /// The unique key by which it is posted once.
    pub movement: String,
    pub part: i32,
}

impl MovementPart {
    /// The first part, or all of it.
    pub(crate) fn first(movement: &str) -> Self {
        Self { movement: movement.to_owned(), part: 0 }
    }
}

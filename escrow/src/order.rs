//! An order, with all that the rules look at.

use entity::contract::Terms;
use entity::proposal::Side;
use entity::receipt::ReceiptReason;
use entity::{MinorUnits, Money, OrderStatus, PaymentId, Time};

use crate::balances::Balances;
use crate::rejection::Rejection;

/// Everything about an order that the rules look at.
#[derive(Clone, Debug)]
pub struct Order {
    pub row: entity::order::Model,
    /// Of the newest contract.
    pub terms: Option<Terms>,
    /// Oldest first.
    pub payments: Vec<entity::payment::Model>,
    pub refunds: Vec<entity::refund::Model>,
    /// Money of this order's payments that could not be applied.
    pub receipts: Vec<entity::receipt::Model>,
    pub chargebacks: Vec<entity::chargeback::Model>,
    /// While CANCEL_REQUESTED.
    pub cancel_request: Option<entity::cancel_request::Model>,
    /// While DISPUTED or RETURN_PENDING.
    pub dispute: Option<entity::dispute::Model>,
    /// Of that dispute, oldest first.
    pub proposals: Vec<entity::proposal::Model>,
    pub feedback: Option<entity::feedback::Model>,
}

/// What has still to arrive for an order.
#[must_use]
pub fn due_of(row: &entity::order::Model) -> MinorUnits {
    due_after(row, Balances::from(row))
}

fn due_after(row: &entity::order::Model, balances: Balances) -> MinorUnits {
    let arrived = balances.captured.0.saturating_sub(balances.charged_back.0);
    MinorUnits(row.total.0.saturating_sub(arrived).max(0))
}

impl Order {
    #[must_use]
    pub fn status(&self) -> OrderStatus {
        self.row.status
    }

    #[must_use]
    pub fn money(&self, amount: MinorUnits) -> Money {
        Money::new(amount, self.row.currency)
    }

    /// What has not arrived yet of the contract's total, or was taken back.
    #[must_use]
    pub fn due(&self) -> MinorUnits {
        due_of(&self.row)
    }

    pub(crate) fn due_after(&self, balances: Balances) -> MinorUnits {
        due_after(&self.row, balances)
    }

    /// The terms of an order that has a contract.
    pub(crate) fn contract_terms(&self) -> Result<&Terms, Rejection> {
        self.terms.as_ref().ok_or(Rejection::Inconsistent("an order without a contract"))
    }

    pub(crate) fn find_payment(&self, payment_id: PaymentId) -> Result<&entity::payment::Model, Rejection> {
        self.payments
            .iter()
            .find(|payment| payment.id == payment_id)
            .ok_or(Rejection::Inconsistent("a payment of another order"))
    }

    /// What has come by a payment: applied, or set aside.
    pub(crate) fn brought(&self, payment: &entity::payment::Model) -> Option<MinorUnits> {
        let receipts = self.receipts.iter().filter(|receipt| {
            receipt.payment_id == Some(payment.id)
                && receipt.currency == payment.currency
                && receipt.reason != ReceiptReason::ChargebackWon
        });
        // What an operator has applied of it since is counted as captured.
        let mut aside = receipts.map(|receipt| receipt.amount.checked_sub(receipt.applied));
        aside.try_fold(payment.captured, |sum, amount| sum.checked_add(amount?))
    }

    /// The latest proposal of one side of the dispute.
    #[must_use]
    pub fn proposal_of(&self, side: Side) -> Option<&entity::proposal::Model> {
        self.proposals.iter().rev().find(|proposal| proposal.side == side)
    }

    #[must_use]
    pub fn has_open_chargeback(&self) -> bool {
        self.chargebacks.iter().any(entity::chargeback::Model::is_unsettled)
    }

    /// The supplier has let the ship-by date pass.
    #[must_use]
    pub fn is_past_ship_by(&self, now: Time) -> bool {
        self.row.ship_by.is_some_and(|at| at <= now)
    }
}

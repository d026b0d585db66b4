//! Takes the money of a chargeback from where it is. Never more of a payment than it brought.

use entity::chargeback::{self, AllHeard, ChargebackStatus, Source, Sources};
use entity::receipt::ReceiptReason;
use entity::refund::{self, RefundStatus};
use entity::{ChargebackId, MinorUnits, Money, PaymentId, Time, payment};

use crate::command::ClaimCause;
use crate::decision::{Decision, PaymentChange};
use crate::order::Order;
use crate::rejection::Rejection;
use crate::transfer::{Account, ReceiptRef, RefundRef, Transfer};

/// What the provider reports of a chargeback or of a transfer that bounced.
pub(crate) struct Claim<'a> {
    pub(crate) chargeback_id: ChargebackId,
    pub(crate) payment_id: PaymentId,
    pub(crate) reference: &'a str,
    pub(crate) amount: Money,
    pub(crate) cause: ClaimCause,
    pub(crate) reason: &'a str,
}

/// What a provider notified of a chargeback.
pub(crate) struct Notified<'a> {
    /// Of the row, if it is new.
    pub(crate) chargeback_id: ChargebackId,
    pub(crate) payment_id: PaymentId,
    pub(crate) reference: &'a str,
    pub(crate) amount: Option<Money>,
    pub(crate) cause: ClaimCause,
    pub(crate) reason: &'a str,
}

/// Takes the money from where it is, into `chargeback/<id>`.
pub(crate) fn new_row(
    order: &Order,
    payment: &payment::Model,
    claim: &Claim<'_>,
    is_reversal: bool,
    decision: &mut Decision,
    now: Time,
) -> Result<chargeback::Model, Rejection> {
    check_brought(order, payment, claim.amount)?;
    let sources = take_into(order, payment, (claim.chargeback_id, claim.cause), claim.amount, decision)?;
    Ok(chargeback::Model {
        id: claim.chargeback_id,
        order_id: order.row.id,
        payment_id: payment.id,
        provider: payment.provider.clone(),
        reference: claim.reference.to_owned(),
        status: ChargebackStatus::Open,
        amount: claim.amount.amount,
        currency: claim.amount.currency,
        is_reversal,
        restore_by: claim.cause.restore_by(),
        refund_id: claim.cause.refund_id(),
        debited: false,
        returned: false,
        sources: Sources(sources),
        reason: claim.reason.to_owned(),
        booked: true,
        claimed: None,
        heard: AllHeard::default(),
        problem: None,
        decision: None,
        created_at: now,
        updated_at: now,
    })
}

/// … → chargeback.
pub(super) fn take_into(
    order: &Order,
    payment: &payment::Model,
    (chargeback_id, cause): (ChargebackId, ClaimCause),
    amount: Money,
    decision: &mut Decision,
) -> Result<Vec<Source>, Rejection> {
    let sources = if cause.refund_id().is_some() {
        // Nobody owes it: what is held, or was released, is of others.
        vec![Source::Loss { amount: amount.amount }]
    } else {
        take(order, payment, amount.amount, decision)?
    };
    for source in &sources {
        let from = match source {
            Source::Escrow { .. } => Account::Escrow,
            Source::Supplier { .. } => Account::Supplier,
            Source::Refund { refund_id, .. } => Account::Refund(RefundRef::Existing(*refund_id)),
            Source::Unapplied { receipt_id, .. } => Account::Unapplied(ReceiptRef::Existing(*receipt_id)),
            Source::Loss { .. } => Account::Loss,
        };
        let to = Account::Chargeback(chargeback_id);
        decision.post(transfer(from, to, Money::new(source.amount(), amount.currency), "chargeback.opened"))?;
    }
    Ok(sources)
}

pub(crate) fn transfer(debit: Account, credit: Account, amount: Money, cause: &'static str) -> Transfer {
    Transfer { debit, credit, amount: amount.amount, currency: amount.currency, cause, movement: None }
}

/// Nobody can take back more than what came. If it has not come yet, the notification is early, and is tried again.
pub(crate) fn check_brought(order: &Order, payment: &payment::Model, amount: Money) -> Result<(), Rejection> {
    match fits(order, payment, amount)? {
        Fit::Fits => Ok(()),
        Fit::OtherCurrency => {
            let problem = format!("{amount} was taken back of a payment in {}", payment.currency);
            Err(Rejection::Contradiction(problem))
        }
        Fit::NotHereYet => Err(Rejection::Inconsistent("money is taken back that has not arrived yet")),
        Fit::TooMuch { brought } => {
            Err(Rejection::Contradiction(format!("{amount} was taken back of a payment that brought {brought}")))
        }
    }
}

/// Whether so much can have been taken back of a payment, by what we have booked of it.
pub(super) enum Fit {
    Fits,
    OtherCurrency,
    /// More may come.
    NotHereYet,
    TooMuch {
        brought: Money,
    },
}

pub(super) fn fits(order: &Order, payment: &payment::Model, amount: Money) -> Result<Fit, Rejection> {
    if amount.currency != payment.currency {
        return Ok(Fit::OtherCurrency);
    }
    let brought = order.brought(payment).ok_or(Rejection::TOO_LARGE)?;
    Ok(if amount.amount <= brought {
        Fit::Fits
    } else if brought.is_zero() || payment.status == payment::PaymentStatus::Pending {
        Fit::NotHereYet
    } else {
        Fit::TooMuch { brought: Money::new(brought, payment.currency) }
    })
}

pub(crate) fn take(
    order: &Order,
    payment: &payment::Model,
    amount: MinorUnits,
    decision: &mut Decision,
) -> Result<Vec<Source>, Rejection> {
    let mut taking = Taking { left: amount, sources: Vec::new() };
    let gone = payment.refunded.checked_add(payment.charged_back).ok_or(Rejection::TOO_LARGE)?;
    let in_order = payment.captured.checked_sub(gone).ok_or(Rejection::TOO_LARGE)?;
    let held = taking.upto(in_order.min(decision.balances.held), |amount| Source::Escrow { amount })?;
    let rest = in_order.checked_sub(held).ok_or(Rejection::TOO_LARGE)?;
    let released = taking.upto(rest.min(decision.balances.released), |amount| Source::Supplier { amount })?;
    let charged_back = held.checked_add(released).ok_or(Rejection::TOO_LARGE)?;
    if charged_back.is_positive() {
        decision.payments.push(PaymentChange::ChargeBack { payment_id: payment.id, amount: charged_back });
    }
    for refund in order.refunds.iter().filter(|refund| refund.payment_id == Some(payment.id)) {
        if refund.currency != payment.currency || !is_unsent(refund) {
            continue;
        }
        let part = taking.upto(refund.balance, |amount| Source::Refund { refund_id: refund.id, amount })?;
        if part.is_positive() {
            decision.change_refund(refund, |row| take_of_refund(row, part));
        }
    }
    for receipt in order.receipts.iter().filter(|receipt| receipt.payment_id == Some(payment.id)) {
        let left = receipt.left();
        if receipt.currency != payment.currency || receipt.reason == ReceiptReason::ChargebackWon {
            continue;
        }
        let part = taking.upto(left, |amount| Source::Unapplied { receipt_id: receipt.id, amount })?;
        if part.is_positive() {
            decision.change_receipt(receipt, |row| row.charged_back.0 = row.charged_back.0.saturating_add(part.0));
        }
    }
    let all = taking.left;
    taking.upto(all, |amount| Source::Loss { amount })?;
    Ok(taking.sources)
}

struct Taking {
    left: MinorUnits,
    sources: Vec<Source>,
}

impl Taking {
    fn upto(&mut self, most: MinorUnits, source: impl FnOnce(MinorUnits) -> Source) -> Result<MinorUnits, Rejection> {
        let part = self.left.min(most);
        if !part.is_positive() {
            return Ok(MinorUnits::ZERO);
        }
        self.left = self.left.checked_sub(part).ok_or(Rejection::TOO_LARGE)?;
        self.sources.push(source(part));
        Ok(part)
    }
}

/// The money of it is with us: no provider has been asked, or it came back.
pub(crate) fn is_unsent(refund: &refund::Model) -> bool {
    match refund.status {
        RefundStatus::Requested => refund.started_at.is_none(),
        RefundStatus::PayeeDetailsRequired | RefundStatus::ActionRequired | RefundStatus::ApprovalRequired => true,
        RefundStatus::Pending | RefundStatus::Succeeded | RefundStatus::ChargedBack => false,
    }
}

pub(crate) fn take_of_refund(row: &mut refund::Model, part: MinorUnits) {
    row.charged_back.0 = row.charged_back.0.saturating_add(part.0);
    row.balance.0 = row.balance.0.saturating_sub(part.0);
    if row.balance.is_zero() {
        row.status = RefundStatus::ChargedBack;
    }
}

/// What went from a sum before to what it is after.
pub(super) fn more(order: &Order, after: MinorUnits, before: MinorUnits) -> Money {
    order.money(MinorUnits(after.0.saturating_sub(before.0).max(0)))
}

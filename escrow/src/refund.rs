//! Money that goes back to the buyer: split over the payments it came by, newest first, never more than each brought.

use entity::payment::RefundWay;
use entity::refund::RefundStatus;
use entity::{MinorUnits, Money, Time};
use entity::{receipt, refund};

use super::calendar::after_business_days;
use super::decision::{Decision, FollowUp, NewRefund, PaymentChange, RefundOf};
use super::transfer::{Account, ReceiptRef, RefundRef, Transfer};
use super::{Event, Order, Policy, Rejection};

/// The account that money leaves from when an operator pays by hand.
pub const BY_HAND: &str = "manual";

/// `amount` of what is held goes back.
pub(super) fn refund_amount(
    order: &Order,
    decision: &mut Decision,
    amount: MinorUnits,
    reason: &'static str,
    now: Time,
    policy: &Policy,
) -> Result<(), Rejection> {
    let mut left = amount;
    for payment in order.payments.iter().rev() {
        let taken = payment.refunded.checked_add(payment.charged_back).ok_or(Rejection::TOO_LARGE)?;
        let available = payment.captured.checked_sub(taken).ok_or(Rejection::TOO_LARGE)?;
        let part = available.min(left);
        if !part.is_positive() {
            continue;
        }
        left = left.checked_sub(part).ok_or(Rejection::Inconsistent("more than what is held"))?;
        decision.payments.push(PaymentChange::Refund { payment_id: payment.id, amount: part });
        let of = RefundOf::Payment(payment.id);
        let refunding = Refunding { payment, of, from: Account::Escrow, amount: order.money(part), reason };
        book(order, decision, refunding, now, policy)?;
    }
    if left.is_zero() { Ok(()) } else { Err(Rejection::Inconsistent("more goes back than the payments brought")) }
}

/// Everything that is held goes back.
pub(super) fn refund_all(
    order: &Order,
    decision: &mut Decision,
    reason: &'static str,
    now: Time,
    policy: &Policy,
) -> Result<(), Rejection> {
    refund_amount(order, decision, decision.balances.held, reason, now, policy)
}

/// Money that is set aside goes back by the payment that it came with: what had to wait while the order was frozen.
pub(super) fn refund_receipt(
    order: &Order,
    receipt: &receipt::Model,
    decision: &mut Decision,
    now: Time,
    policy: &Policy,
) -> Result<(), Rejection> {
    if receipt.reason.goes_back() { send_back(order, receipt, decision, now, policy) } else { Ok(()) }
}

/// All that is left of it.
pub(super) fn send_back(
    order: &Order,
    receipt: &receipt::Model,
    decision: &mut Decision,
    now: Time,
    policy: &Policy,
) -> Result<(), Rejection> {
    // As this decision has left it already.
    let receipt = decision.receipt_changes.iter().find(|known| known.id == receipt.id).unwrap_or(receipt).clone();
    let left = receipt.left();
    let payment = order.payments.iter().find(|payment| Some(payment.id) == receipt.payment_id);
    let Some(payment) = payment.filter(|_| left.is_positive()) else { return Ok(()) };
    let refunded = receipt.refunded.checked_add(left).ok_or(Rejection::TOO_LARGE)?;
    decision.change_receipt(&receipt, |row| row.refunded = refunded);
    let reference = ReceiptRef::Existing(receipt.id);
    let refunding = Refunding {
        payment,
        of: RefundOf::Receipt { receipt: reference, payment_id: payment.id },
        from: Account::Unapplied(reference),
        amount: Money::new(left, receipt.currency),
        reason: NOT_APPLIED,
    };
    book(order, decision, refunding, now, policy)
}

pub(super) const NOT_APPLIED: &str = "it could not be applied to the order";

/// What one refund is of, and why.
pub(super) struct Refunding<'a> {
    pub(super) payment: &'a entity::payment::Model,
    pub(super) of: RefundOf,
    /// Where its money is.
    pub(super) from: Account,
    pub(super) amount: Money,
    pub(super) reason: &'static str,
}

/// One refund: its row, its transfer, its event, and what follows from how the payment's provider gives money back.
pub(super) fn book(
    order: &Order,
    decision: &mut Decision,
    refunding: Refunding<'_>,
    now: Time,
    policy: &Policy,
) -> Result<(), Rejection> {
    let Refunding { payment, of, from, amount, reason } = refunding;
    let refund = RefundRef::New(decision.refunds.len());
    let status = match payment.refund_way {
        RefundWay::ToOrigin => RefundStatus::Requested,
        RefundWay::ToAccount if order.row.has_refund_account => RefundStatus::Requested,
        RefundWay::ToAccount => RefundStatus::PayeeDetailsRequired,
        RefundWay::ByHand => RefundStatus::ActionRequired,
    };
    let days = u32::try_from(payment.refund_days).unwrap_or_default();
    decision.refunds.push(NewRefund {
        of,
        provider: payment.refund_by.clone(),
        amount,
        reason,
        status,
        expected_by: after_business_days(now, days, &policy.holidays),
    });
    decision.post(Transfer {
        debit: from,
        credit: Account::Refund(refund),
        amount: amount.amount,
        currency: amount.currency,
        cause: "refund.requested",
        movement: None,
    })?;
    decision.events.push(Event::RefundRequested { amount, reason });
    match status {
        RefundStatus::Requested => decision.follow_ups.push(FollowUp::SendRefund(refund)),
        RefundStatus::PayeeDetailsRequired => decision.events.push(Event::RefundDetailsRequired { amount }),
        RefundStatus::ActionRequired
        | RefundStatus::ApprovalRequired
        | RefundStatus::Pending
        | RefundStatus::Succeeded
        | RefundStatus::ChargedBack => {
            let reason = "this payment method can't give money back by itself".to_owned();
            decision.events.push(Event::RefundActionRequired { amount, reason });
        }
    }
    Ok(())
}

/// Whether a refund may be started: a provider asked for it, or an operator to pay it by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sending {
    Now,
    /// The order is frozen: when it is thawed, the refund is sent.
    Waits,
    /// What was started, with this and with the chargebacks that are open or lost, would be more than what was paid.
    Never,
}

/// Ask under the order's lock, and write down that it was started before anybody is asked.
#[must_use]
pub fn may_send(order: &Order, refund: &refund::Model) -> Sending {
    if order.row.is_frozen() {
        return Sending::Waits;
    }
    let Some(payment) = order.payments.iter().find(|payment| Some(payment.id) == refund.payment_id) else {
        return Sending::Now;
    };
    if refund.currency != payment.currency {
        return Sending::Now;
    }
    let same = |other: &refund::Model| other.payment_id == refund.payment_id && other.currency == refund.currency;
    let others = order.refunds.iter().filter(|other| other.id != refund.id && same(other) && is_out(other));
    let chargebacks = order.chargebacks.iter().filter(|row| {
        row.payment_id == payment.id && row.booked && row.status != entity::chargeback::ChargebackStatus::Won
    });
    let gone = others
        .map(refund::Model::to_send)
        .chain(chargebacks.map(|row| row.amount))
        .try_fold(refund.balance, MinorUnits::checked_add);
    match (gone, order.brought(payment)) {
        (Some(gone), Some(brought)) if gone <= brought => Sending::Now,
        _more => Sending::Never,
    }
}

/// It left, or may have.
fn is_out(refund: &refund::Model) -> bool {
    match refund.status {
        RefundStatus::Requested => refund.started_at.is_some(),
        RefundStatus::Pending | RefundStatus::Succeeded => true,
        RefundStatus::PayeeDetailsRequired
        | RefundStatus::ActionRequired
        | RefundStatus::ApprovalRequired
        | RefundStatus::ChargedBack => false,
    }
}

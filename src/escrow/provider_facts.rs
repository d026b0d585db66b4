//! What a payment provider says has happened. Such a fact can't be refused: it is booked where it belongs, or set aside.

use entity::payment::PaymentStatus;
use entity::receipt::ReceiptReason;
use entity::refund::RefundStatus;
use entity::{MinorUnits, Money, OrderStatus, PaymentId, RefundId, Time};

use super::calendar::after_days;
use super::decide::withdraw_open_payments;
use super::decision::{
    Account, Decision, Later, NewReceipt, NewRefund, PaymentChange, ReceiptRef, RefundChange, RefundOf, RefundRef,
    Transfer,
};
use super::{Happened, Order, PaymentEnd, Rejection};

/// Money arrived. Applied up to what is due if the order waits for it; the rest is set aside, and goes back where the rail can.
pub(super) fn capture(
    order: &Order,
    payment_id: PaymentId,
    amount: Money,
    movement: &str,
    refundable: bool,
    now: Time,
) -> Result<Decision, Rejection> {
    let payment = find_payment(order, payment_id)?;
    let (applied, reason) = applicable(order, amount);
    let rest = amount.amount.checked_sub(applied).ok_or(Rejection::Inconsistent("an amount is too large"))?;
    let mut decision = Decision::unchanged(order);
    let arrived =
        payment.captured.checked_add(amount.amount).ok_or(Rejection::Inconsistent("an amount is too large"))?;
    let complete = amount.currency == payment.currency && arrived >= payment.amount;
    decision.payments.push(PaymentChange::Capture { payment_id, applied, complete });
    if applied.is_positive() {
        decision.post(Transfer {
            debit: Account::Provider(payment.provider.clone()),
            credit: Account::Escrow,
            amount: applied,
            currency: order.row.currency,
            cause: "payment.captured",
            movement: Some((movement.to_owned(), 0)),
        })?;
        let due = order
            .row
            .total
            .checked_sub(decision.balances.captured)
            .ok_or(Rejection::Inconsistent("more than the total"))?;
        decision.events.push(Happened::PaymentCaptured {
            payment_id,
            amount: order.money(applied),
            held: order.money(decision.balances.held),
            due: order.money(due),
        });
        if due.is_zero() {
            fund(order, payment_id, now, &mut decision)?;
        }
    }
    if rest.is_positive() {
        let part = i32::from(applied.is_positive());
        set_aside(payment, (Money::new(rest, amount.currency), reason), (movement, part), refundable, &mut decision)?;
    }
    Ok(decision)
}

/// How much of it belongs to the order, and why the rest doesn't.
fn applicable(order: &Order, amount: Money) -> (MinorUnits, ReceiptReason) {
    if amount.currency != order.row.currency {
        (MinorUnits::ZERO, ReceiptReason::WrongCurrency)
    } else if order.status() != OrderStatus::AwaitingPayment || order.row.frozen {
        (MinorUnits::ZERO, ReceiptReason::OrderNotOpen)
    } else {
        (amount.amount.min(order.due()), ReceiptReason::Overpaid)
    }
}

fn fund(order: &Order, paid: PaymentId, now: Time, decision: &mut Decision) -> Result<(), Rejection> {
    let terms = order.terms.as_ref().ok_or(Rejection::Inconsistent("money is due without a contract"))?;
    let ship_by = after_days(now, i64::from(terms.ship_within_days));
    decision.status = OrderStatus::Funded;
    decision.ship_by = Some(ship_by);
    decision.deadline_at = Some(ship_by);
    decision.events.push(Happened::OrderFunded { held: order.money(decision.balances.held), ship_by });
    withdraw_open_payments(order, Some(paid), decision);
    Ok(())
}

/// provider → unapplied, and on to a refund.
fn set_aside(
    payment: &entity::payment::Model,
    (amount, reason): (Money, ReceiptReason),
    (movement, part): (&str, i32),
    refundable: bool,
    decision: &mut Decision,
) -> Result<(), Rejection> {
    let receipt = ReceiptRef::New(decision.receipts.len());
    let refund = RefundRef::New(decision.refunds.len());
    decision.receipts.push(NewReceipt {
        payment_id: payment.id,
        provider: payment.provider.clone(),
        movement: movement.to_owned(),
        reason,
        amount,
        refunded: amount.amount,
    });
    decision.post(Transfer {
        debit: Account::Provider(payment.provider.clone()),
        credit: Account::Unapplied(receipt),
        amount: amount.amount,
        currency: amount.currency,
        cause: "funds.unapplied",
        movement: Some((movement.to_owned(), part)),
    })?;
    decision.events.push(Happened::FundsUnapplied { payment_id: payment.id, amount, reason });
    let words = "it could not be applied to the order";
    decision.refunds.push(NewRefund {
        of: RefundOf::Receipt { receipt, payment_id: payment.id },
        provider: payment.provider.clone(),
        amount,
        reason: words,
        status: if refundable { RefundStatus::Requested } else { RefundStatus::ActionRequired },
    });
    decision.post(Transfer {
        debit: Account::Unapplied(receipt),
        credit: Account::Refund(refund),
        amount: amount.amount,
        currency: amount.currency,
        cause: "refund.requested",
        movement: None,
    })?;
    if refundable {
        decision.events.push(Happened::RefundRequested { amount, reason: words });
        decision.later.push(Later::SendRefund(refund));
    } else {
        let reason = "this payment method can't give money back by itself".to_owned();
        decision.events.push(Happened::RefundActionRequired { amount, reason });
    }
    Ok(())
}

/// A payment came to nothing. Only an open one can; anything else is old news.
pub(super) fn end_payment(order: &Order, payment_id: PaymentId, end: &PaymentEnd) -> Result<Decision, Rejection> {
    let payment = find_payment(order, payment_id)?;
    let mut decision = Decision::unchanged(order);
    if payment.status != PaymentStatus::Pending {
        return Ok(decision);
    }
    let (status, failure, event) = match end {
        PaymentEnd::Failed { reason } => (
            PaymentStatus::Failed,
            Some(reason.clone()),
            Happened::PaymentFailed { payment_id, reason: reason.clone() },
        ),
        PaymentEnd::Expired => (PaymentStatus::Expired, None, Happened::PaymentExpired { payment_id }),
        PaymentEnd::Cancelled => (PaymentStatus::Cancelled, None, Happened::PaymentCancelled { payment_id }),
    };
    decision.payments.push(PaymentChange::End { payment_id, status, failure });
    decision.events.push(event);
    Ok(decision)
}

/// refund → provider: the money has left. A refund that succeeded already stays so.
pub(super) fn settle_refund(order: &Order, refund_id: RefundId, movement: &str) -> Result<Decision, Rejection> {
    let refund = find_refund(order, refund_id)?;
    let mut decision = Decision::unchanged(order);
    if refund.status == RefundStatus::Succeeded {
        return Ok(decision);
    }
    let amount = Money::new(refund.balance, refund.currency);
    decision.refund_changes.push(RefundChange {
        refund_id,
        status: RefundStatus::Succeeded,
        balance: MinorUnits::ZERO,
        failure: None,
    });
    decision.post(Transfer {
        debit: Account::Refund(RefundRef::Existing(refund_id)),
        credit: Account::Provider(refund.provider.clone()),
        amount: refund.balance,
        currency: refund.currency,
        cause: "refund.succeeded",
        movement: Some((movement.to_owned(), 0)),
    })?;
    decision.events.push(Happened::RefundSucceeded { amount });
    Ok(decision)
}

/// The money stays in `refund/<id>`, or comes back to it, still the buyer's; somebody has to choose another way.
pub(super) fn fail_refund(
    order: &Order,
    refund_id: RefundId,
    movement: &str,
    reason: &str,
) -> Result<Decision, Rejection> {
    let refund = find_refund(order, refund_id)?;
    let mut decision = Decision::unchanged(order);
    match refund.status {
        RefundStatus::ActionRequired => return Ok(decision),
        RefundStatus::Requested | RefundStatus::Pending => {}
        RefundStatus::Succeeded => decision.post(Transfer {
            debit: Account::Provider(refund.provider.clone()),
            credit: Account::Refund(RefundRef::Existing(refund_id)),
            amount: refund.amount,
            currency: refund.currency,
            cause: "refund.failed",
            movement: Some((movement.to_owned(), 0)),
        })?,
    }
    decision.refund_changes.push(RefundChange {
        refund_id,
        status: RefundStatus::ActionRequired,
        balance: refund.amount,
        failure: Some(reason.to_owned()),
    });
    let amount = Money::new(refund.amount, refund.currency);
    decision.events.push(Happened::RefundActionRequired { amount, reason: reason.to_owned() });
    Ok(decision)
}

fn find_payment(order: &Order, payment_id: PaymentId) -> Result<&entity::payment::Model, Rejection> {
    order
        .payments
        .iter()
        .find(|payment| payment.id == payment_id)
        .ok_or(Rejection::Inconsistent("a payment of another order"))
}

fn find_refund(order: &Order, refund_id: RefundId) -> Result<&entity::refund::Model, Rejection> {
    order
        .refunds
        .iter()
        .find(|refund| refund.id == refund_id)
        .ok_or(Rejection::Inconsistent("a refund of another order"))
}

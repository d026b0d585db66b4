//! What a payment provider reports. Such a fact can't be refused: it is booked where it belongs, or set aside.

use entity::payment::PaymentStatus;
use entity::receipt::ReceiptReason;
use entity::refund::RefundStatus;
use entity::{MinorUnits, Money, OrderStatus, PaymentId, RefundId, Time};

use super::decision::{Decision, NewReceipt, PaymentChange, RefundOf};
use super::funding::fund;
use super::refund::{self, NOT_APPLIED, Refunding};
use super::transfer::{Account, MovementPart, ReceiptRef, RefundRef, Transfer};
use super::{Event, Order, PaymentEnd, Policy, Rejection};

/// Money arrived. Applied up to what is due if the order waits for it; the rest is set aside, and goes back where its
/// provider can.
pub(super) fn capture(
    order: &Order,
    payment_id: PaymentId,
    amount: Money,
    movement: &str,
    now: Time,
    policy: &Policy,
) -> Result<Decision, Rejection> {
    let payment = order.find_payment(payment_id)?;
    let (applied, reason) = applicable(order, payment, amount);
    let rest = amount.amount.checked_sub(applied).ok_or(Rejection::TOO_LARGE)?;
    let mut decision = Decision::unchanged(order);
    let arrived = payment.captured.checked_add(amount.amount).ok_or(Rejection::TOO_LARGE)?;
    let is_all = amount.currency == payment.currency && (arrived >= payment.amount || !payment.takes_parts);
    // A part that comes after nothing more was expected is all that there is.
    let complete = is_all || (applied.is_positive() && payment.status != PaymentStatus::Pending);
    decision.payments.push(PaymentChange::Capture { payment_id, applied, complete });
    if applied.is_positive() {
        decision.post(Transfer {
            debit: Account::Provider(payment.provider.clone()),
            credit: Account::Escrow,
            amount: applied,
            currency: order.row.currency,
            cause: "payment.captured",
            movement: Some(MovementPart::first(movement)),
        })?;
        let due = order.due_after(decision.balances);
        decision.events.push(Event::PaymentCaptured {
            payment_id,
            amount: order.money(applied),
            held: order.money(decision.balances.held),
            due: order.money(due),
        });
        if due.is_zero() {
            fund(order, Some(payment_id), now, &mut decision)?;
        }
    }
    if rest.is_positive() {
        let part = i32::from(applied.is_positive());
        let rest = Money::new(rest, amount.currency);
        let surplus = Surplus { payment, amount: rest, reason, movement, part };
        set_aside(order, &surplus, now, policy, &mut decision)?;
    }
    Ok(decision)
}

/// How much of it belongs to the order, and why the rest doesn't.
fn applicable(order: &Order, payment: &entity::payment::Model, amount: Money) -> (MinorUnits, ReceiptReason) {
    if amount.currency != order.row.currency {
        (MinorUnits::ZERO, ReceiptReason::WrongCurrency)
    } else if order.status() != OrderStatus::AwaitingPayment {
        (MinorUnits::ZERO, ReceiptReason::OrderNotOpen)
    } else if !payment.takes_parts && amount.amount != payment.amount {
        // Such a payment brings what was asked for, or something is wrong with it.
        (MinorUnits::ZERO, ReceiptReason::WrongAmount)
    } else {
        (amount.amount.min(order.due()), ReceiptReason::Overpaid)
    }
}

/// Money that came by a payment, and that the order can't use.
struct Surplus<'a> {
    payment: &'a entity::payment::Model,
    amount: Money,
    reason: ReceiptReason,
    movement: &'a str,
    /// Which part of that movement it is.
    part: i32,
}

/// provider → unapplied, and on to a refund; while the order is frozen it waits there.
fn set_aside(
    order: &Order,
    surplus: &Surplus<'_>,
    now: Time,
    policy: &Policy,
    decision: &mut Decision,
) -> Result<(), Rejection> {
    let Surplus { payment, amount, reason, movement, part } = *surplus;
    let receipt = ReceiptRef::New(decision.receipts.len());
    let goes_back = decision.frozen_at.is_none();
    decision.receipts.push(NewReceipt {
        payment_id: payment.id,
        provider: payment.provider.clone(),
        movement: movement.to_owned(),
        reason,
        amount,
        refunded: if goes_back { amount.amount } else { MinorUnits::ZERO },
    });
    decision.post(Transfer {
        debit: Account::Provider(payment.provider.clone()),
        credit: Account::Unapplied(receipt),
        amount: amount.amount,
        currency: amount.currency,
        cause: "funds.unapplied",
        movement: Some(MovementPart { movement: movement.to_owned(), part }),
    })?;
    decision.events.push(Event::FundsUnapplied { payment_id: payment.id, amount, reason });
    if !goes_back {
        return Ok(());
    }
    let of = RefundOf::Receipt { receipt, payment_id: payment.id };
    let refunding = Refunding { payment, of, from: Account::Unapplied(receipt), amount, reason: NOT_APPLIED };
    refund::book(order, decision, refunding, now, policy)
}

/// A payment came to nothing, or nothing more comes by it: whose money pays the order has been captured, also if the rest was
/// paid otherwise. Only an open one can; of any other it is known already.
pub(super) fn end_payment(order: &Order, payment_id: PaymentId, end: &PaymentEnd) -> Result<Decision, Rejection> {
    let payment = order.find_payment(payment_id)?;
    let mut decision = Decision::unchanged(order);
    if payment.status != PaymentStatus::Pending {
        return Ok(decision);
    }
    let gone = payment.refunded.checked_add(payment.charged_back).ok_or(Rejection::TOO_LARGE)?;
    if payment.captured > gone {
        // Its parts were events of their own.
        let status = PaymentStatus::Captured;
        decision.payments.push(PaymentChange::End { payment_id, status, failure: None });
        return Ok(decision);
    }
    let (status, failure, event) = match end {
        PaymentEnd::Failed { reason } => {
            (PaymentStatus::Failed, Some(reason.clone()), Event::PaymentFailed { payment_id, reason: reason.clone() })
        }
        PaymentEnd::Expired => (PaymentStatus::Expired, None, Event::PaymentExpired { payment_id }),
        PaymentEnd::Cancelled => (PaymentStatus::Cancelled, None, Event::PaymentCancelled { payment_id }),
    };
    // What came by it pays the order, also if the rest is paid otherwise.
    let status = if payment.captured.is_positive() { PaymentStatus::Captured } else { status };
    decision.payments.push(PaymentChange::End { payment_id, status, failure });
    decision.events.push(event);
    Ok(decision)
}

/// Two notifications at once: whichever is booked first, the other is tried again, and then the provider is asked.
pub(super) const CONTRADICTED: Rejection =
    Rejection::Inconsistent("news of a refund contradict what has just been heard of it");

/// refund → provider: the money has left. A refund that succeeded already stays so.
pub(super) fn settle_refund(
    order: &Order,
    refund_id: RefundId,
    movement: &str,
    sent: Money,
    confirmed: bool,
    now: Time,
) -> Result<Decision, Rejection> {
    let refund = find_refund(order, refund_id)?;
    let mut decision = Decision::unchanged(order);
    match refund.status {
        RefundStatus::Succeeded => return Ok(decision),
        RefundStatus::ActionRequired | RefundStatus::ApprovalRequired | RefundStatus::PayeeDetailsRequired
            if !confirmed =>
        {
            return Err(CONTRADICTED);
        }
        RefundStatus::Requested
        | RefundStatus::Pending
        | RefundStatus::ActionRequired
        | RefundStatus::ApprovalRequired
        | RefundStatus::PayeeDetailsRequired
        | RefundStatus::ChargedBack => {}
    }
    if refund.status == RefundStatus::ChargedBack {
        let problem = format!("{refund_id} is said to have been sent, but a chargeback had taken it");
        return Err(Rejection::Contradiction(problem));
    }
    let amount = Money::new(refund.balance, refund.currency);
    if sent != amount {
        return Err(Rejection::Contradiction(format!("{refund_id}: {sent} is said to have been sent, not {amount}")));
    }
    decision.change_refund(refund, |row| {
        row.status = RefundStatus::Succeeded;
        row.balance = MinorUnits::ZERO;
        row.failure = None;
        row.started_at = row.started_at.or(Some(now));
    });
    decision.post(Transfer {
        debit: Account::Refund(RefundRef::Existing(refund_id)),
        credit: Account::Provider(refund.provider.clone()),
        amount: refund.balance,
        currency: refund.currency,
        cause: "refund.succeeded",
        movement: Some(MovementPart::first(movement)),
    })?;
    decision.events.push(Event::RefundSucceeded { amount });
    Ok(decision)
}

/// The provider takes it only with the buyer's account. If it has that already, an operator has to find another way; unless
/// that one can't be used, and the buyer is asked for another, with the reason.
pub(super) fn hold_refund(
    order: &Order,
    refund_id: RefundId,
    reason: &str,
    needs_another_account: bool,
) -> Result<Decision, Rejection> {
    let refund = find_refund(order, refund_id)?;
    let mut decision = Decision::unchanged(order);
    if refund.status != RefundStatus::Requested {
        return Ok(decision);
    }
    let amount = Money::new(refund.balance, refund.currency);
    let is_stuck = order.row.has_refund_account && !needs_another_account;
    decision.change_refund(refund, |row| {
        row.status = if is_stuck { RefundStatus::ActionRequired } else { RefundStatus::PayeeDetailsRequired };
        row.failure = (is_stuck || needs_another_account).then(|| reason.to_owned());
        row.started_at = None;
    });
    decision.events.push(if is_stuck {
        Event::RefundActionRequired { amount, reason: "the payment provider does not take the account".to_owned() }
    } else {
        Event::RefundDetailsRequired { amount }
    });
    Ok(decision)
}

pub(super) fn find_refund(order: &Order, refund_id: RefundId) -> Result<&entity::refund::Model, Rejection> {
    order
        .refunds
        .iter()
        .find(|refund| refund.id == refund_id)
        .ok_or(Rejection::Inconsistent("a refund of another order"))
}

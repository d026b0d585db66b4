//! What operators do to an order: freeze it, and pay refunds by hand, one asking and another approving.

use entity::payment::PaymentStatus;
use entity::refund::{self, RefundStatus};
use entity::{MinorUnits, Money, OperatorId, PaymentId, ReceiptId, RefundId, Time, receipt};

use super::calendar::after_business_days;
use super::chargeback::make_good;
use super::decision::{Decision, FollowUp, PaymentChange};
use super::freeze;
use super::funding::fund;
use super::refund::{BY_HAND, Sending, may_send, send_back};
use super::transfer::{Account, MovementPart, ReceiptRef, RefundRef, Transfer};
use super::{Event, FreezeReason, FrozenBy, Order, Policy, Rejection};

pub(super) fn freeze(order: &Order, reason: FreezeReason, now: Time) -> Decision {
    let mut decision = Decision::unchanged(order);
    decision.frozen_by_operator = true;
    freeze::freeze(&mut decision, now, FrozenBy::Operator(reason));
    decision
}

/// Goes on, unless a chargeback is open.
pub(super) fn unfreeze(order: &Order, now: Time, policy: &Policy) -> Result<Decision, Rejection> {
    let mut decision = Decision::unchanged(order);
    decision.frozen_by_operator = false;
    if !order.has_open_chargeback() {
        freeze::thaw(order, &mut decision, now, policy)?;
    }
    Ok(decision)
}

pub(super) fn find_refund(order: &Order, refund_id: RefundId) -> Result<&refund::Model, Rejection> {
    order
        .refunds
        .iter()
        .find(|refund| refund.id == refund_id)
        .ok_or(Rejection::Invalid { field: "refundId", problem: "this order has no such refund" })
}

/// unapplied → escrow: an operator has found out what money is for that was set aside. What is more than due stays set aside.
pub(super) fn apply_funds(
    order: &Order,
    receipt: &receipt::Model,
    payment_id: PaymentId,
    now: Time,
) -> Result<Decision, Rejection> {
    let refuse = |field, problem| Err(Rejection::Invalid { field, problem });
    let Some(payment) = order.payments.iter().find(|payment| payment.id == payment_id) else {
        return refuse("paymentId", "this order has no such payment");
    };
    if payment.provider != receipt.provider {
        return refuse("paymentId", "is a payment by another provider than the one that holds the money");
    }
    if receipt.order_id.is_some_and(|of| of != order.row.id) {
        return refuse("unappliedFundsId", "is money of another order: it can only go back");
    }
    if receipt.currency != order.row.currency {
        return refuse("unappliedFundsId", "is in another currency than the order: it can only go back");
    }
    if receipt.payment_id.is_some_and(|of| of != payment_id) {
        return refuse(
            "paymentId",
            "is another payment than the one that the money came with, by which it would go back",
        );
    }
    let amount = receipt.left().min(order.due());
    if !amount.is_positive() {
        return refuse("unappliedFundsId", "nothing of it is left to be applied");
    }
    let too_large = Rejection::TOO_LARGE;
    let arrived = payment.captured.checked_add(amount).ok_or(too_large)?;
    let mut decision = Decision::unchanged(order);
    let complete = arrived >= payment.amount || payment.status != PaymentStatus::Pending;
    decision.payments.push(PaymentChange::Capture { payment_id, applied: amount, complete });
    let applied = receipt.applied.checked_add(amount).ok_or(Rejection::TOO_LARGE)?;
    decision.change_receipt(receipt, |row| {
        row.applied = applied;
        row.order_id = Some(order.row.id);
        row.payment_id = Some(row.payment_id.unwrap_or(payment_id));
    });
    decision.post(Transfer {
        debit: Account::Unapplied(ReceiptRef::Existing(receipt.id)),
        credit: Account::Escrow,
        amount,
        currency: receipt.currency,
        cause: "funds.applied",
        movement: None,
    })?;
    let due = order.due_after(decision.balances);
    let (held, due_money) = (order.money(decision.balances.held), order.money(due));
    decision.events.push(Event::FundsApplied { payment_id, amount: order.money(amount), held, due: due_money });
    if due.is_zero() {
        fund(order, Some(payment_id), now, &mut decision)?;
    }
    Ok(decision)
}

/// unapplied → refund: by the payment that it came with, as its provider gives money back.
pub(super) fn refund_unapplied(
    order: &Order,
    receipt_id: ReceiptId,
    now: Time,
    policy: &Policy,
) -> Result<Decision, Rejection> {
    let refuse = |problem| Err(Rejection::Invalid { field: "unappliedFundsId", problem });
    let Some(receipt) = order.receipts.iter().find(|receipt| receipt.id == receipt_id) else {
        return refuse("this order has no such money");
    };
    if !receipt.left().is_positive() {
        return refuse("nothing of it is left");
    }
    let mut decision = Decision::unchanged(order);
    send_back(order, receipt, &mut decision, now, policy)?;
    Ok(decision)
}

fn in_status<'a>(
    order: &'a Order,
    refund_id: RefundId,
    statuses: &[RefundStatus],
    problem: &'static str,
) -> Result<&'a refund::Model, Rejection> {
    let refund = find_refund(order, refund_id)?;
    if statuses.contains(&refund.status) { Ok(refund) } else { Err(Rejection::Invalid { field: "refundId", problem }) }
}

fn amount(refund: &refund::Model) -> Money {
    Money::new(refund.balance, refund.currency)
}

pub(super) fn request_manual_refund(
    order: &Order,
    refund_id: RefundId,
    operator_id: OperatorId,
) -> Result<Decision, Rejection> {
    let waiting = [RefundStatus::ActionRequired, RefundStatus::PayeeDetailsRequired];
    let refund = in_status(order, refund_id, &waiting, "this refund does not wait for somebody to act")?;
    let mut decision = Decision::unchanged(order);
    decision.change_refund(refund, |row| {
        row.status = RefundStatus::ApprovalRequired;
        row.requested_by = Some(operator_id);
        row.approved_by = None;
    });
    decision.events.push(Event::ManualRefundRequested { amount: amount(refund) });
    Ok(decision)
}

pub(super) fn approve_manual_refund(
    order: &Order,
    refund_id: RefundId,
    operator_id: OperatorId,
    now: Time,
    policy: &Policy,
) -> Result<Decision, Rejection> {
    let refund =
        in_status(order, refund_id, &[RefundStatus::ApprovalRequired], "this refund does not wait to be approved")?;
    if refund.requested_by == Some(operator_id) {
        return Err(Rejection::NeedsAnotherOperator);
    }
    if may_send(order, refund) == Sending::Never {
        let problem = "with the chargebacks of its payment, this would be more than what was paid";
        return Err(Rejection::Invalid { field: "refundId", problem });
    }
    let days = order.payments.iter().find(|payment| Some(payment.id) == refund.payment_id);
    let days = days.and_then(|payment| u32::try_from(payment.refund_days).ok()).unwrap_or(10);
    let mut decision = Decision::unchanged(order);
    decision.change_refund(refund, |row| {
        BY_HAND.clone_into(&mut row.provider);
        row.status = RefundStatus::Pending;
        row.approved_by = Some(operator_id);
        row.started_at = Some(now);
        row.failure = None;
        row.expected_by = Some(after_business_days(now, days, &policy.holidays));
    });
    decision.events.push(Event::ManualRefundApproved { amount: amount(refund) });
    Ok(decision)
}

fn by_hand<'a>(order: &'a Order, refund_id: RefundId, problem: &'static str) -> Result<&'a refund::Model, Rejection> {
    let refund = in_status(order, refund_id, &[RefundStatus::Pending], problem)?;
    if refund.provider == BY_HAND { Ok(refund) } else { Err(Rejection::Invalid { field: "refundId", problem }) }
}

/// Not approved, could not be paid after all, or came back after it had been paid.
pub(super) fn reject_manual_refund(order: &Order, refund_id: RefundId, reason: &str) -> Result<Decision, Rejection> {
    let problem = "this refund was not to be paid by hand";
    let statuses = [RefundStatus::ApprovalRequired, RefundStatus::Pending, RefundStatus::Succeeded];
    let refund = in_status(order, refund_id, &statuses, problem)?;
    if refund.status != RefundStatus::ApprovalRequired && refund.provider != BY_HAND {
        return Err(Rejection::Invalid { field: "refundId", problem });
    }
    let sent = refund.to_send();
    let provider = order.payments.iter().find(|payment| Some(payment.id) == refund.payment_id);
    let mut decision = Decision::unchanged(order);
    if refund.status == RefundStatus::Succeeded {
        decision.post(Transfer {
            debit: Account::Provider(BY_HAND.to_owned()),
            credit: Account::Refund(RefundRef::Existing(refund.id)),
            amount: sent,
            currency: refund.currency,
            cause: "refund.failed",
            movement: None,
        })?;
    }
    decision.change_refund(refund, |row| {
        if let Some(payment) = provider {
            payment.refund_by.clone_into(&mut row.provider);
        }
        row.status = RefundStatus::ActionRequired;
        row.balance = sent;
        row.failure = Some(reason.to_owned());
        (row.requested_by, row.approved_by, row.started_at) = (None, None, None);
    });
    decision.events.push(Event::ManualRefundRejected { amount: Money::new(sent, refund.currency) });
    make_good(order, refund, &mut decision)?;
    Ok(decision)
}

/// The money has left the operator's own bank account.
pub(super) fn confirm_manual_refund(
    order: &Order,
    refund_id: RefundId,
    movement: &str,
    sent: Money,
) -> Result<Decision, Rejection> {
    let refund = by_hand(order, refund_id, "this refund is not being paid by hand")?;
    if sent != amount(refund) {
        return Err(Rejection::Invalid { field: "amount", problem: "must be all that is left of the refund" });
    }
    let mut decision = Decision::unchanged(order);
    decision.change_refund(refund, |row| {
        row.status = RefundStatus::Succeeded;
        row.balance = MinorUnits::ZERO;
    });
    decision.post(Transfer {
        debit: Account::Refund(RefundRef::Existing(refund.id)),
        credit: Account::Provider(BY_HAND.to_owned()),
        amount: refund.balance,
        currency: refund.currency,
        cause: "refund.succeeded",
        movement: Some(MovementPart::first(movement)),
    })?;
    decision.events.push(Event::RefundSucceeded { amount: amount(refund) });
    Ok(decision)
}

/// The buyer has stated where to: refunds that waited for it go on.
pub(super) fn use_refund_account(order: &Order, account: entity::refund_account::Model) -> Decision {
    let mut decision = Decision::unchanged(order);
    decision.refund_account = Some(account);
    decision.events.push(Event::RefundAccountProvided);
    for refund in order.refunds.iter().filter(|refund| refund.status == RefundStatus::PayeeDetailsRequired) {
        decision.change_refund(refund, |row| {
            row.status = RefundStatus::Requested;
            row.failure = None;
        });
        // While the order is frozen it is not sent; thawing it sends it again.
        decision.follow_ups.push(FollowUp::SendRefund(RefundRef::Existing(refund.id)));
    }
    // What one operator asked for was to another account: it has to be asked for again.
    for refund in order.refunds.iter().filter(|refund| refund.status == RefundStatus::ApprovalRequired) {
        decision.change_refund(refund, |row| {
            row.status = RefundStatus::ActionRequired;
            row.requested_by = None;
        });
        decision.events.push(Event::ManualRefundRejected { amount: amount(refund) });
    }
    decision
}

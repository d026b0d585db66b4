//! What an operator does where nothing goes on by itself: a refund that failed, a payment that is never paid, and what banks on
//! the way have kept.

use entity::payment::{PaymentMethod, PaymentStatus, RefundWay};
use entity::refund::{self, RefundStatus};
use entity::{MinorUnits, Money, PaymentId, RefundId, Time, payment};

use crate::PaymentEnd;
use crate::decision::{Decision, FollowUp, PaymentChange};
use crate::event::Event;
use crate::funding::fund;
use crate::operator::find_refund;
use crate::order::Order;
use crate::policy::Policy;
use crate::provider_facts;
use crate::refund::{BY_HAND, Sending, may_send};
use crate::rejection::Rejection;
use crate::transfer::{Account, RefundRef, Transfer};

/// It waits for somebody, and its rail can send it.
pub(crate) fn is_retriable(order: &Order, refund: &refund::Model) -> bool {
    let payment = order.payments.iter().find(|payment| Some(payment.id) == refund.payment_id);
    let can = payment.is_some_and(|payment| match payment.refund_way {
        RefundWay::ToOrigin => true,
        RefundWay::ToAccount => order.row.has_refund_account,
        RefundWay::ByHand => false,
    });
    can && refund.status == RefundStatus::ActionRequired && refund.provider != BY_HAND
}

/// As if it had not been asked for; to the account that the buyer has named last.
pub(crate) fn retry_refund(order: &Order, refund_id: RefundId, reference: &str) -> Result<Decision, Rejection> {
    let refund = find_refund(order, refund_id)?;
    if !is_retriable(order, refund) {
        let problem = "this refund does not wait for its payment provider; it may have to be paid by hand";
        return Err(Rejection::Invalid { field: "refundId", problem });
    }
    if may_send(order, refund) == Sending::Never {
        let problem = "with the chargebacks of its payment, this would be more than what was paid";
        return Err(Rejection::Invalid { field: "refundId", problem });
    }
    let mut decision = Decision::unchanged(order);
    decision.change_refund(refund, |row| {
        row.status = RefundStatus::Requested;
        reference.clone_into(&mut row.reference);
        row.provider_reference = None;
        (row.failure, row.started_at) = (None, None);
    });
    let amount = Money::new(refund.balance, refund.currency);
    decision.events.push(Event::RefundRequested { amount, reason: "it is sent once more" });
    decision.follow_ups.push(FollowUp::SendRefund(RefundRef::Existing(refund_id)));
    Ok(decision)
}

/// Banks on the way have kept a little of it, and it waits.
pub(crate) fn is_short(refund: &refund::Model, policy: &Policy) -> bool {
    let waits = matches!(refund.status, RefundStatus::ActionRequired | RefundStatus::PayeeDetailsRequired);
    waits && refund.lost.is_positive() && refund.lost <= policy.bearable(refund.currency)
}

/// provider_fees → refund: the buyer gets all of it.
pub(crate) fn bear_refund_charge(order: &Order, refund_id: RefundId, policy: &Policy) -> Result<Decision, Rejection> {
    let refund = find_refund(order, refund_id)?;
    if !is_short(refund, policy) {
        let problem = "nothing of this refund was kept on its way, or more than what an operator may bear";
        return Err(Rejection::Invalid { field: "refundId", problem });
    }
    let lost = refund.lost;
    let balance = refund.balance.checked_add(lost).ok_or(Rejection::TOO_LARGE)?;
    let mut decision = Decision::unchanged(order);
    decision.change_refund(refund, |row| (row.lost, row.balance) = (MinorUnits::ZERO, balance));
    decision.post(Transfer {
        debit: Account::ProviderFees,
        credit: Account::Refund(RefundRef::Existing(refund_id)),
        amount: lost,
        currency: refund.currency,
        cause: "refund.charge_borne",
        movement: None,
    })?;
    decision.events.push(Event::RefundChargeBorne { amount: Money::new(lost, refund.currency) });
    Ok(decision)
}

/// No money will come by it; what comes all the same is the order's, or set aside.
pub(crate) fn close_payment(order: &Order, payment_id: PaymentId) -> Result<Decision, Rejection> {
    let open = order.payments.iter().find(|payment| payment.id == payment_id);
    if open.is_none_or(|payment| payment.status != PaymentStatus::Pending) {
        return Err(Rejection::Invalid { field: "paymentId", problem: "this order has no such open payment" });
    }
    provider_facts::end_payment(order, payment_id, &PaymentEnd::Cancelled)
}

/// The bank transfer of which a little is missing: the newest of which anything came.
pub(crate) fn shortened<'a>(order: &'a Order, policy: &Policy) -> Option<&'a payment::Model> {
    let due = order.due();
    let is_little = due.is_positive() && due <= policy.bearable_of(order.money(order.row.total));
    let came = |payment: &&payment::Model| {
        payment.method == PaymentMethod::BankTransfer
            && payment.currency == order.row.currency
            && payment.captured > payment.charged_back
    };
    order.payments.iter().rfind(came).filter(|_| is_little)
}

/// provider_fees → escrow: the transfer counts as whole, and so it goes back, if it has to.
pub(crate) fn accept_shortfall(order: &Order, now: Time, policy: &Policy) -> Result<Decision, Rejection> {
    let payment = shortened(order, policy).ok_or(Rejection::Inconsistent("nothing little is missing"))?;
    let (payment_id, amount) = (payment.id, order.due());
    let mut decision = Decision::unchanged(order);
    decision.payments.push(PaymentChange::Capture { payment_id, applied: amount, complete: true });
    decision.post(Transfer {
        debit: Account::ProviderFees,
        credit: Account::Escrow,
        amount,
        currency: order.row.currency,
        cause: "shortfall.accepted",
        movement: None,
    })?;
    let held = order.money(decision.balances.held);
    decision.events.push(Event::ShortfallAccepted { payment_id, amount: order.money(amount), held });
    fund(order, Some(payment_id), now, &mut decision)?;
    Ok(decision)
}

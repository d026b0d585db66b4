//! The buyer opens a payment.

use entity::Time;
use entity::payment::PaymentMethod;

use crate::calendar::after_business_days;
use crate::clocks;
use crate::decision::{Decision, FollowUp, NewPayment, PaymentChange};
use crate::event::Event;
use crate::order::Order;
use crate::policy::Policy;
use crate::rejection::Rejection;

pub(crate) fn pay(order: &Order, new: &NewPayment, now: Time, policy: &Policy) -> Result<Decision, Rejection> {
    let (payment_id, method) = (new.payment_id, new.method);
    let amount = order.due();
    if !amount.is_positive() {
        return Err(Rejection::Inconsistent("nothing is due"));
    }
    let mut decision = Decision::unchanged(order);
    let by_bank = method == PaymentMethod::BankTransfer;
    if by_bank && !order.payments.iter().any(|payment| payment.method == method) {
        let days = u32::try_from(order.contract_terms()?.deadlines.bank_transfer_business_days).unwrap_or_default();
        let deadline = order.row.deadline_at.map(|at| after_business_days(at, days, &policy.holidays));
        clocks::set(&mut decision, now, deadline);
    }
    if let Some(replaced) = new.replaces {
        // First: of one method only one payment is open that is not replaced.
        decision.payments.push(PaymentChange::Replace { payment_id: replaced, by: payment_id });
    }
    decision.payments.push(PaymentChange::Open { new: new.clone(), amount });
    decision.events.push(Event::PaymentOpened { payment_id, method, amount: order.money(amount) });
    decision.follow_ups.push(FollowUp::AskPayment(payment_id));
    Ok(decision)
}

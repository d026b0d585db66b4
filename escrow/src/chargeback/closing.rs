//! A chargeback is over: lost, or won. The order goes on, or ends.

use entity::chargeback::{self, ChargebackStatus, Source};
use entity::{Money, OrderStatus, Time};

use crate::calendar::after_days;
use crate::clocks;
use crate::decision::Decision;
use crate::ending::{end, give_back_stock, overtake, withdraw_open_payments};
use crate::event::Event;
use crate::freeze;
use crate::funding::fund;
use crate::order::Order;
use crate::policy::Policy;
use crate::refund::refund_receipt;
use crate::rejection::Rejection;

/// The buyer keeps it. A bank that reports this after it had reported "won" changes nothing.
pub(crate) fn lost(
    order: &Order,
    row: chargeback::Model,
    decision: &mut Decision,
    now: Time,
    policy: &Policy,
) -> Result<(), Rejection> {
    if row.status != ChargebackStatus::Open {
        return Ok(());
    }
    let amount = Money::new(row.amount, row.currency);
    let (chargeback_id, is_capture) = (row.id, row.restore_by.is_some());
    decision.events.push(if is_capture {
        Event::PaymentGivenUp { chargeback_id, payment_id: row.payment_id, amount }
    } else if row.refund_id.is_some() {
        Event::LossAccepted { chargeback_id, amount }
    } else {
        Event::ChargebackLost { chargeback_id, amount }
    });
    for source in &row.sources.0 {
        if let Source::Refund { amount, .. } = source {
            decision.events.push(Event::RefundChargedBack { amount: Money::new(*amount, row.currency) });
        }
    }
    let took_held = row.sources.0.iter().any(|source| matches!(source, Source::Escrow { .. }));
    decision.chargeback = Some(chargeback::Model { status: ChargebackStatus::Lost, ..row });
    if is_capture && took_held && is_under_way(order.status()) && order.row.is_unshipped() {
        // Nobody has got the money: the buyer can pay again.
        wait_for_money_again(order, decision, now)?;
    }
    go_on(order, decision, now, policy)
}

/// Once the last open chargeback is settled: the order is thawed, and ends if nothing is left held.
pub(crate) fn go_on(order: &Order, decision: &mut Decision, now: Time, policy: &Policy) -> Result<(), Rejection> {
    let this = decision.chargeback.as_ref();
    let mut others = order.chargebacks.iter().filter(|row| Some(row.id) != this.map(|this| this.id));
    if this.is_some_and(chargeback::Model::is_unsettled) || others.any(chargeback::Model::is_unsettled) {
        return Ok(());
    }
    if !decision.frozen_by_operator {
        if decision.frozen_at.is_none() {
            // Won after it was lost: what it gives back of money that is set aside goes on, as when it is thawed.
            for receipt in &order.receipts {
                refund_receipt(order, receipt, decision, now, policy)?;
            }
        }
        freeze::thaw(order, decision, now, policy)?;
    }
    let nothing_held = decision.balances.held.is_zero();
    if is_under_way(decision.status) && nothing_held {
        end_empty(order, decision, OrderStatus::Refunded, now);
    } else if decision.status == OrderStatus::AwaitingPayment {
        if order.due_after(decision.balances).is_zero() {
            fund(order, None, now, decision)?;
        } else if nothing_held && took_it_all(decision) {
            end_empty(order, decision, OrderStatus::Cancelled, now);
        }
    }
    Ok(())
}

/// The buyer got back by this chargeback what had been paid of an order that waits for its money.
fn took_it_all(decision: &Decision) -> bool {
    decision.chargeback.as_ref().is_some_and(|row| {
        let of_held = row.sources.0.iter().any(|source| matches!(source, Source::Escrow { .. }));
        // What was never collected, nobody has got back.
        row.status == ChargebackStatus::Lost && of_held && row.restore_by.is_none()
    })
}

/// The whole money is held, and nobody has it yet.
pub(crate) fn is_under_way(status: OrderStatus) -> bool {
    match status {
        OrderStatus::Funded
        | OrderStatus::Shipped
        | OrderStatus::CancelRequested
        | OrderStatus::Disputed
        | OrderStatus::ReturnPending => true,
        OrderStatus::DraftRequested
        | OrderStatus::AwaitingConfirmation
        | OrderStatus::AwaitingPayment
        | OrderStatus::Completed
        | OrderStatus::Cancelled
        | OrderStatus::Refunded => false,
    }
}

pub(crate) fn end_empty(order: &Order, decision: &mut Decision, status: OrderStatus, now: Time) {
    overtake(order, decision, now);
    give_back_stock(order, decision);
    withdraw_open_payments(order, None, decision);
    end(decision, status, now);
    let refunded = order.money(decision.balances.refunded);
    decision.events.push(if status == OrderStatus::Cancelled {
        Event::OrderCancelled { refunded }
    } else {
        Event::OrderRefunded { refunded }
    });
}

/// Of an order that was not shipped: the buyer has the whole time to pay again.
pub(crate) fn wait_for_money_again(order: &Order, decision: &mut Decision, now: Time) -> Result<(), Rejection> {
    let deadline = after_days(now, i64::from(order.contract_terms()?.deadlines.payment_days));
    overtake(order, decision, now);
    decision.status = OrderStatus::AwaitingPayment;
    decision.paused = None;
    decision.ship_by = None;
    clocks::set(decision, now, Some(deadline));
    // A clock that was set while the order is frozen has its whole length when it is thawed.
    decision.frozen_at = decision.frozen_at.map(|_since| now);
    let due = order.money(order.due_after(decision.balances));
    decision.events.push(Event::OrderUnfunded { due, deadline });
    Ok(())
}

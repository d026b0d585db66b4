//! An order that is cancelled, and money that the supplier or the operator gives back.

use entity::{MinorUnits, OrderStatus, Time};

use crate::decision::Decision;
use crate::ending::{end, give_back_stock, withdraw_open_payments};
use crate::event::Event;
use crate::order::Order;
use crate::policy::Policy;
use crate::refund::{refund_all, refund_amount};
use crate::rejection::Rejection;
use crate::table::Actor;

pub(crate) fn cancel(order: &Order, now: Time, policy: &Policy) -> Result<Decision, Rejection> {
    let refunded = order.money(order.row.held);
    let (status, events) = if order.status() == OrderStatus::Funded {
        let events = vec![Event::OrderCancelled { refunded }, Event::OrderRefunded { refunded }];
        (OrderStatus::Refunded, events)
    } else {
        (OrderStatus::Cancelled, vec![Event::OrderCancelled { refunded }])
    };
    end_unshipped(order, status, events, now, policy)
}

/// Ends an order of which nothing was shipped: what is held goes back, payments are withdrawn, stock is given back.
pub(crate) fn end_unshipped(
    order: &Order,
    status: OrderStatus,
    events: Vec<Event>,
    now: Time,
    policy: &Policy,
) -> Result<Decision, Rejection> {
    let mut decision = Decision::unchanged(order);
    end(&mut decision, status, now);
    decision.events = events;
    give_back_stock(order, &mut decision);
    withdraw_open_payments(order, None, &mut decision);
    refund_all(order, &mut decision, "the order ended before it was shipped", now, policy)?;
    Ok(decision)
}

/// A part or all of what is held goes back, and the order goes on with the rest.
pub(crate) fn refund_order(
    order: &Order,
    actor: Actor,
    amount: MinorUnits,
    now: Time,
    policy: &Policy,
) -> Result<Decision, Rejection> {
    if amount > order.row.held {
        let (amount, held) = (order.money(amount), order.money(order.row.held));
        return Err(Rejection::AmountExceedsHeld { amount, held, field: "amount" });
    }
    if !amount.is_positive() {
        return Err(Rejection::Invalid { field: "amount", problem: "must be more than zero" });
    }
    let reason = if actor == Actor::Operator { "the operator gives it back" } else { "the supplier gives it back" };
    let mut decision = Decision::unchanged(order);
    refund_amount(order, &mut decision, amount, reason, now, policy)?;
    if decision.balances.held.is_zero() {
        give_back_stock(order, &mut decision);
        end(&mut decision, OrderStatus::Refunded, now);
        decision.events.push(Event::OrderRefunded { refunded: order.money(decision.balances.refunded) });
    }
    Ok(decision)
}

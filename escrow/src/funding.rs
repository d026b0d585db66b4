//! The whole total has arrived.

use entity::{OrderStatus, PaymentId, Time};

use crate::calendar::after_days;
use crate::clocks;
use crate::decision::Decision;
use crate::ending::withdraw_open_payments;
use crate::event::Event;
use crate::order::Order;
use crate::rejection::Rejection;

/// The whole total is here. A clock that is set while the order is frozen has its whole length when it is thawed.
pub(crate) fn fund(
    order: &Order,
    paid: Option<PaymentId>,
    now: Time,
    decision: &mut Decision,
) -> Result<(), Rejection> {
    let ship_by = after_days(now, i64::from(order.contract_terms()?.ship_within_days));
    decision.status = OrderStatus::Funded;
    decision.ship_by = Some(ship_by);
    clocks::set(decision, now, Some(ship_by));
    decision.frozen_at = decision.frozen_at.map(|_since| now);
    decision.events.push(Event::OrderFunded { held: order.money(decision.balances.held), ship_by });
    withdraw_open_payments(order, paid, decision);
    Ok(())
}

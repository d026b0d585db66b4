//! The goods are on their way; and each side may give the other more time.

use entity::{OrderStatus, Time};

use crate::calendar::after_days;
use crate::clocks;
use crate::decision::{Decision, ShipmentChange};
use crate::event::Event;
use crate::order::Order;
use crate::policy::Policy;
use crate::rejection::Rejection;

pub(crate) fn ship(order: &Order, carrier: &str, tracking_number: &str, now: Time) -> Result<Decision, Rejection> {
    let terms = order.contract_terms()?;
    let days = i64::from(terms.transit_days).saturating_add(i64::from(terms.inspection_days));
    let inspect_until = after_days(now, days);
    let mut decision = Decision::unchanged(order);
    decision.status = OrderStatus::Shipped;
    clocks::set(&mut decision, now, Some(inspect_until));
    let (carrier, tracking_number) = (carrier.to_owned(), tracking_number.to_owned());
    decision.events.push(Event::OrderShipped {
        carrier: carrier.clone(),
        tracking_number: tracking_number.clone(),
        inspect_until,
    });
    decision.shipment = Some(ShipmentChange::New { carrier, tracking_number });
    Ok(decision)
}

pub(crate) fn update_shipment(order: &Order, carrier: &str, tracking_number: &str) -> Decision {
    let mut decision = Decision::unchanged(order);
    let (carrier, tracking_number) = (carrier.to_owned(), tracking_number.to_owned());
    decision.events.push(Event::ShipmentUpdated { carrier: carrier.clone(), tracking_number: tracking_number.clone() });
    decision.shipment = Some(ShipmentChange::Corrected { carrier, tracking_number });
    decision
}

/// Each side can only give the other more time. A date that has passed is extended from now.
pub(crate) fn extend_deadline(order: &Order, days: i32, now: Time, policy: &Policy) -> Result<Decision, Rejection> {
    if !(1..=policy.extension_days).contains(&days) {
        return Err(Rejection::Invalid { field: "days", problem: "must be from 1 to 30" });
    }
    let clock = if order.status() == OrderStatus::Funded { order.row.ship_by } else { order.row.deadline_at };
    let clock = clock.ok_or(Rejection::Inconsistent("there is no deadline to extend"))?;
    let deadline = after_days(clock.max(now), i64::from(days));
    if deadline > after_days(now, policy.extended_days) {
        return Err(Rejection::Invalid { field: "days", problem: "the deadline may be at most 180 days away" });
    }
    let mut decision = Decision::unchanged(order);
    if order.status() == OrderStatus::Funded {
        decision.ship_by = Some(deadline);
    }
    clocks::set(&mut decision, now, Some(deadline));
    decision.events.push(Event::DeadlineExtended { days, deadline });
    Ok(decision)
}

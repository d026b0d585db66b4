//! Goods that go back: after a settlement that says so.

use entity::dispute::{self, DisputeStatus};
use entity::{MinorUnits, OrderStatus, Time};

use crate::calendar::after_days;
use crate::clocks;
use crate::decision::Decision;
use crate::disputes::{divide, hand_to_operator, open_dispute};
use crate::ending::release_rest;
use crate::event::Event;
use crate::order::Order;
use crate::policy::Policy;
use crate::rejection::Rejection;

pub(crate) fn ship_return(
    order: &Order,
    carrier: &str,
    tracking_number: &str,
    now: Time,
) -> Result<Decision, Rejection> {
    let terms = order.contract_terms()?;
    let days = i64::from(terms.transit_days).saturating_add(i64::from(terms.deadlines.return_silence_days));
    let settles_at = after_days(now, days);
    let mut decision = Decision::unchanged(order);
    clocks::set(&mut decision, now, Some(settles_at));
    decision.dispute = Some(dispute::Model {
        return_carrier: Some(carrier.to_owned()),
        return_tracking_number: Some(tracking_number.to_owned()),
        return_shipped_at: Some(now),
        ..open_dispute(order)?
    });
    decision.events.push(Event::ReturnShipped {
        carrier: carrier.to_owned(),
        tracking_number: tracking_number.to_owned(),
        settles_at,
    });
    Ok(decision)
}

pub(crate) fn confirm_return(order: &Order, now: Time, policy: &Policy) -> Result<Decision, Rejection> {
    let mut decision = Decision::unchanged(order);
    decision.events.push(Event::ReturnConfirmed);
    divide(order, &mut decision, settled_amount(order)?, now, policy)?;
    Ok(decision)
}

/// Back to the operator, who has the last word; the settlement is off.
pub(crate) fn contest_return(order: &Order, reason: &str, now: Time) -> Result<Decision, Rejection> {
    let dispute = open_dispute(order)?;
    let days = i64::from(order.contract_terms()?.deadlines.dispute_alarm_days);
    let mut decision = Decision::unchanged(order);
    decision.status = OrderStatus::Disputed;
    decision.events.push(Event::ReturnContested { dispute_id: dispute.id });
    let contested = dispute::Model {
        status: DisputeStatus::Open,
        settled_by: None,
        settled_amount: None,
        goods_go_back: None,
        ruling: None,
        contested_because: Some(reason.to_owned()),
        alarm_at: Some(after_days(now, days)),
        closed_at: None,
        ..dispute
    };
    hand_to_operator(&mut decision, contested, now);
    Ok(decision)
}

/// Goods that nobody sent back are kept, and paid; goods that were sent back, and not contested, have arrived.
pub(crate) fn pass_return(order: &Order, now: Time, policy: &Policy) -> Result<Decision, Rejection> {
    let mut decision = Decision::unchanged(order);
    if open_dispute(order)?.return_shipped_at.is_none() {
        decision.events.push(Event::ReturnLapsed);
        release_rest(order, &mut decision, now)?;
    } else {
        decision.events.push(Event::ReturnPresumed);
        divide(order, &mut decision, settled_amount(order)?, now, policy)?;
    }
    Ok(decision)
}

pub(crate) fn settled_amount(order: &Order) -> Result<MinorUnits, Rejection> {
    open_dispute(order)?.settled_amount.ok_or(Rejection::Inconsistent("a return without a settlement"))
}

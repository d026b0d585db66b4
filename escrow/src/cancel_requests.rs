//! The buyer asks to cancel; the supplier answers, or silence does.

use entity::cancel_request::{self, CancelRequestStatus};
use entity::{CancelRequestId, OrderStatus, Time};

use crate::calendar::after_hours;
use crate::clocks;
use crate::decision::Decision;
use crate::ending::{end, give_back_stock};
use crate::event::Event;
use crate::order::Order;
use crate::policy::Policy;
use crate::refund::refund_all;
use crate::rejection::Rejection;

pub(crate) fn request(
    order: &Order,
    cancel_request_id: CancelRequestId,
    reason: &str,
    now: Time,
) -> Result<Decision, Rejection> {
    let hours = order.contract_terms()?.deadlines.cancel_answer_hours;
    let answer_by = after_hours(now, i64::from(hours));
    let mut decision = Decision::unchanged(order);
    clocks::pause(order, &mut decision, now);
    if order.status() == OrderStatus::Funded {
        decision.cancel_asked_funded = true;
    } else {
        decision.cancel_asked_shipped = true;
    }
    decision.status = OrderStatus::CancelRequested;
    clocks::set(&mut decision, now, Some(answer_by));
    decision.cancel_request = Some(cancel_request::Model {
        id: cancel_request_id,
        order_id: order.row.id,
        status: CancelRequestStatus::Open,
        asked_in: order.status(),
        reason: reason.to_owned(),
        answer: None,
        created_at: now,
        closed_at: None,
    });
    decision.events.push(Event::CancelRequested { cancel_request_id, answer_by });
    Ok(decision)
}

pub(crate) fn withdraw(order: &Order, now: Time, policy: &Policy) -> Result<Decision, Rejection> {
    let mut decision = close_request(order, CancelRequestStatus::Withdrawn, None, now)?;
    let status = clocks::resume(&mut decision, now, policy)?;
    decision.events.push(Event::CancelRequestWithdrawn { status, deadline: decision.deadline_at });
    Ok(decision)
}

/// By the supplier or, with `grant` as silence has it, by the clock.
pub(crate) fn answer(
    order: &Order,
    grant: bool,
    answer: Option<&str>,
    now: Time,
    policy: &Policy,
) -> Result<Decision, Rejection> {
    if !grant {
        let mut decision = close_request(order, CancelRequestStatus::Refused, answer, now)?;
        let status = clocks::resume(&mut decision, now, policy)?;
        decision.events.push(Event::CancelRequestRefused { status, deadline: decision.deadline_at });
        return Ok(decision);
    }
    let mut decision = close_request(order, CancelRequestStatus::Granted, answer, now)?;
    let refunded = order.money(order.row.held);
    decision.events.push(Event::CancelRequestGranted { refunded });
    refund_all(order, &mut decision, "the supplier agreed to cancel", now, policy)?;
    give_back_stock(order, &mut decision);
    end(&mut decision, OrderStatus::Refunded, now);
    decision.events.push(Event::OrderRefunded { refunded });
    Ok(decision)
}

pub(crate) fn close_request(
    order: &Order,
    status: CancelRequestStatus,
    answer: Option<&str>,
    now: Time,
) -> Result<Decision, Rejection> {
    let request = order.cancel_request.clone().ok_or(Rejection::Inconsistent("no cancel request is open"))?;
    let mut decision = Decision::unchanged(order);
    let answer = answer.map(ToOwned::to_owned);
    decision.cancel_request = Some(cancel_request::Model { status, answer, closed_at: Some(now), ..request });
    Ok(decision)
}

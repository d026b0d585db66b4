//! A clock has run out, or a reminder is due.

use entity::{OrderStatus, Time};

use crate::calendar::after_days;
use crate::clocks;
use crate::decision::Decision;
use crate::ending::release;
use crate::event::Event;
use crate::giving_back::end_unshipped;
use crate::order::Order;
use crate::policy::Policy;
use crate::rejection::Rejection;
use crate::{cancel_requests, disputes, returns};

/// `now` is the moment of the clock itself: the result doesn't depend on how late the worker is.
pub(crate) fn pass_deadline(order: &Order, now: Time, policy: &Policy) -> Result<Decision, Rejection> {
    if order.row.remind_at.is_some_and(|at| at <= now) && order.row.deadline_at.is_some_and(|at| at > now) {
        return Ok(remind(order));
    }
    let refunded = order.money(order.row.held);
    match order.status() {
        OrderStatus::DraftRequested | OrderStatus::AwaitingConfirmation | OrderStatus::AwaitingPayment => {
            end_unshipped(order, OrderStatus::Cancelled, vec![Event::OrderLapsed { refunded }], now, policy)
        }
        OrderStatus::Funded => {
            let days = i64::from(order.contract_terms()?.deadlines.overdue_days);
            let refund_at = order.row.ship_by.map(|ship_by| after_days(ship_by, days));
            if order.row.deadline_at < refund_at {
                let mut decision = Decision::unchanged(order);
                clocks::set(&mut decision, now, refund_at);
                decision.events.push(Event::ShipByPassed { refund_at });
                return Ok(decision);
            }
            let events = vec![Event::OrderLapsed { refunded }, Event::OrderRefunded { refunded }];
            end_unshipped(order, OrderStatus::Refunded, events, now, policy)
        }
        OrderStatus::Shipped => release(order, Event::InspectionEnded, now),
        OrderStatus::CancelRequested => cancel_requests::answer(order, order.row.is_unshipped(), None, now, policy),
        OrderStatus::Disputed => disputes::pass_clock(order, now, policy),
        OrderStatus::ReturnPending => returns::pass_return(order, now, policy),
        OrderStatus::Completed | OrderStatus::Cancelled | OrderStatus::Refunded => {
            Err(Rejection::Inconsistent("an order that has ended has no deadline"))
        }
    }
}

pub(crate) fn remind(order: &Order) -> Decision {
    let mut decision = Decision::unchanged(order);
    decision.remind_at = None;
    if let Some(deadline) = order.row.deadline_at {
        decision.events.push(Event::DeadlineApproaching { deadline, consequence: what_the_clock_brings(order) });
    }
    decision
}

/// In words, for the reminder.
pub(crate) fn what_the_clock_brings(order: &Order) -> &'static str {
    let dispute = order.dispute.as_ref();
    match order.status() {
        OrderStatus::DraftRequested | OrderStatus::AwaitingConfirmation | OrderStatus::AwaitingPayment => {
            "the order lapses"
        }
        OrderStatus::Funded if order.row.deadline_at == order.row.ship_by => "the ship-by date passes",
        OrderStatus::Funded => "the order is refunded",
        OrderStatus::Shipped => "the held money is released to the supplier",
        OrderStatus::CancelRequested if order.row.is_unshipped() => "the cancel request is granted",
        OrderStatus::CancelRequested => "the cancel request is refused",
        OrderStatus::Disputed if dispute.is_some_and(|row| row.answer_by.is_some()) => {
            "the dispute is settled as the buyer proposed"
        }
        OrderStatus::Disputed if dispute.is_some_and(|row| row.escalates_at.is_some()) => {
            "the dispute goes to the operator"
        }
        OrderStatus::Disputed => "an alarm is raised about the dispute",
        OrderStatus::ReturnPending if dispute.is_some_and(|row| row.return_shipped_at.is_some()) => {
            "the dispute is settled as agreed"
        }
        OrderStatus::ReturnPending => "the held money is released to the supplier",
        OrderStatus::Completed | OrderStatus::Cancelled | OrderStatus::Refunded => "nothing happens",
    }
}

//! The contract: drafted, and agreed to.

use entity::contract::{Drafter, Terms};
use entity::{OrderStatus, Time};

use crate::calendar::after_days;
use crate::clocks;
use crate::decision::{Decision, NewContract, StockChange};
use crate::event::Event;
use crate::order::Order;
use crate::rejection::Rejection;

pub(crate) fn offer(mut decision: Decision, terms: &Terms, drafter: Drafter, version: i32, now: Time) -> Decision {
    let deadline = after_days(now, i64::from(terms.deadlines.confirmation_days));
    decision.status = OrderStatus::AwaitingConfirmation;
    clocks::set(&mut decision, now, Some(deadline));
    decision.contract = Some(NewContract { terms: terms.clone(), drafted_by: drafter });
    let total = entity::Money::new(terms.total, terms.currency);
    decision.events.push(Event::ContractDrafted { contract_version: version, total, deadline });
    decision
}

pub(crate) fn draft(order: &Order, terms: &Terms, now: Time) -> Result<Decision, Rejection> {
    if terms.currency != order.row.currency {
        return Err(Rejection::Inconsistent("an order keeps its currency"));
    }
    let version = order.row.contract_version.saturating_add(1);
    Ok(offer(Decision::unchanged(order), terms, Drafter::Supplier, version, now))
}

pub(crate) fn confirm(order: &Order, contract_version: i32, now: Time) -> Result<Decision, Rejection> {
    if contract_version != order.row.contract_version {
        return Err(Rejection::StaleContract { current: order.row.contract_version });
    }
    let deadline = after_days(now, i64::from(order.contract_terms()?.deadlines.payment_days));
    let mut decision = Decision::unchanged(order);
    decision.status = OrderStatus::AwaitingPayment;
    clocks::set(&mut decision, now, Some(deadline));
    decision.stock = Some(StockChange::Reserve);
    decision.events.push(Event::OrderConfirmed { contract_version, total: order.money(order.row.total), deadline });
    Ok(decision)
}

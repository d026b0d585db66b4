//! What operators decide of a chargeback that its provider does not end, or contradicts itself about.
//!
//! Where money moves by it, it counts once a second operator decides the same. What the provider reports later is compared
//! with it: the same is not booked again, anything else is for a person.

use entity::chargeback::{self, ChargebackDecision, ChargebackStage, ChargebackStatus, Source, Sources};
use entity::{ChargebackId, MinorUnits, Money, OperatorId, Time};

use crate::chargeback::closing::{go_on, lost};
use crate::chargeback::known::apply;
use crate::chargeback::reducing::{give_back_in_part, set_amount};
use crate::chargeback::taking::{Fit, fits, take_into};
use crate::chargeback::waiting::take_all;
use crate::chargeback::won::won;
use crate::command::ClaimCause;
use crate::decision::Decision;
use crate::event::Event;
use crate::order::Order;
use crate::policy::Policy;
use crate::rejection::Rejection;

/// Who wants what.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) operator_id: OperatorId,
    /// Won or lost.
    pub(crate) outcome: ChargebackStatus,
    pub(crate) amount: Option<MinorUnits>,
}

pub(crate) fn decide(
    order: &Order,
    chargeback_id: ChargebackId,
    wanted: Wanted,
    now: Time,
    policy: &Policy,
) -> Result<Decision, Rejection> {
    let refuse = |field, problem| Err(Rejection::Invalid { field, problem });
    let Some(row) = order.chargebacks.iter().find(|row| row.id == chargeback_id) else {
        return refuse("chargebackId", "this order has no such chargeback");
    };
    if !row.is_unsettled() {
        return refuse("chargebackId", "this chargeback is settled");
    }
    if wanted.outcome == ChargebackStatus::Open {
        return refuse("outcome", "must be WON or LOST");
    }
    check_amount(order, row, wanted.amount)?;
    let mut decision = Decision::unchanged(order);
    let asked = row.decision.as_ref().filter(|asked| asked.approved_by.is_none());
    let same = asked.filter(|asked| (asked.outcome, asked.amount) == (wanted.outcome, wanted.amount));
    let requested_by = match same {
        Some(asked) if asked.requested_by == wanted.operator_id => return Err(Rejection::NeedsAnotherOperator),
        Some(asked) => asked.requested_by,
        None if moves_money(row, wanted) => {
            decision.events.push(Event::ChargebackDecisionRequested { chargeback_id });
            let asked = decided(wanted, wanted.operator_id, None);
            decision.chargeback = Some(chargeback::Model { decision: Some(asked), updated_at: now, ..row.clone() });
            return Ok(decision);
        }
        None => wanted.operator_id,
    };
    let agreed = decided(wanted, requested_by, Some(wanted.operator_id));
    let row = chargeback::Model { decision: Some(agreed), problem: None, ..row.clone() };
    decision.events.push(Event::ChargebackDecided { chargeback_id });
    if row.booked {
        of_booked(order, row, wanted, &mut decision, (now, policy))?;
    } else {
        of_unbooked(order, row, wanted, &mut decision, (now, policy))?;
    }
    if let Some(row) = &mut decision.chargeback {
        row.updated_at = now;
    }
    Ok(decision)
}

fn decided(wanted: Wanted, requested_by: OperatorId, approved_by: Option<OperatorId>) -> ChargebackDecision {
    let Wanted { outcome, amount, .. } = wanted;
    ChargebackDecision { outcome, amount, requested_by, approved_by, returned: None }
}

fn check_amount(order: &Order, row: &chargeback::Model, amount: Option<MinorUnits>) -> Result<(), Rejection> {
    let Some(amount) = amount else { return Ok(()) };
    let refuse = |problem| Err(Rejection::Invalid { field: "amount", problem });
    if row.booked && row.status != ChargebackStatus::Open && amount != row.amount {
        return refuse("must be all of it, once a chargeback was won or lost");
    }
    if row.booked {
        return if amount <= row.amount { Ok(()) } else { refuse("is more than what was taken for it") };
    }
    let payment = order.find_payment(row.payment_id)?;
    match fits(order, payment, Money::new(amount, payment.currency))? {
        Fit::Fits => Ok(()),
        Fit::OtherCurrency | Fit::NotHereYet | Fit::TooMuch { .. } => refuse("is more than what the payment brought"),
    }
}

/// To end what was never booked, and to leave things as they are, one operator is enough.
fn moves_money(row: &chargeback::Model, wanted: Wanted) -> bool {
    if row.booked {
        return wanted.outcome != row.status || row.debited != row.returned;
    }
    wanted.outcome == ChargebackStatus::Lost && wanted.amount.is_some()
}

/// By which the provider gave money back, if only operators say so.
fn movement_of(row: &chargeback::Model) -> String {
    format!("{}:chargeback_won:{}:decided", row.provider, row.reference)
}

fn of_booked(
    order: &Order,
    mut row: chargeback::Model,
    wanted: Wanted,
    decision: &mut Decision,
    (now, policy): (Time, &Policy),
) -> Result<(), Rejection> {
    let is_won = wanted.outcome == ChargebackStatus::Won;
    let named = wanted.amount.unwrap_or(row.amount);
    let part = Some(row.amount.checked_sub(named).ok_or(Rejection::TOO_LARGE)?).filter(|rest| rest.is_positive());
    let movement = movement_of(&row);
    let is_away = row.debited && !row.returned;
    match (is_won, part) {
        (true, None) => {
            if is_away {
                remember_return(&mut row);
            }
            decision.chargeback = Some(row.clone());
            won(order, row, Some(movement.as_str()).filter(|_| is_away), decision, now, policy)?;
            go_on_once(order, decision, now, policy)
        }
        (false, None) if row.status == ChargebackStatus::Won => {
            take_again(order, row, decision)?;
            go_on(order, decision, now, policy)
        }
        (false, None) => {
            decision.chargeback = Some(row.clone());
            lost(order, row, decision, now, policy)?;
            go_on_once(order, decision, now, policy)
        }
        // A part is lost: the rest goes back, from the provider if it has it.
        (_, Some(rest)) => {
            let (back, stays) = if is_won { (named, rest) } else { (rest, named) };
            if is_away {
                if let Some(decision) = &mut row.decision {
                    decision.returned = Some(back);
                }
                return give_back_in_part(order, row, back, &movement, decision, (now, policy));
            }
            let row = set_amount(order, row, stays, decision)?;
            lost(order, row, decision, now, policy)
        }
    }
}

fn remember_return(row: &mut chargeback::Model) {
    let amount = row.amount;
    if let Some(decision) = &mut row.decision {
        decision.returned = Some(amount);
    }
}

/// Where its end had been booked before, only the question was open.
fn go_on_once(order: &Order, decision: &mut Decision, now: Time, policy: &Policy) -> Result<(), Rejection> {
    if decision.frozen_at.is_some() { go_on(order, decision, now, policy) } else { Ok(()) }
}

/// It was won, and everything had gone back: it is taken once more, from where it is now.
fn take_again(order: &Order, mut row: chargeback::Model, decision: &mut Decision) -> Result<(), Rejection> {
    let payment = order.find_payment(row.payment_id)?;
    let amount = Money::new(row.amount, row.currency);
    let sources = take_into(order, payment, (row.id, ClaimCause::of(&row)), amount, decision)?;
    let loss = sources.iter().filter(|source| matches!(source, Source::Loss { .. }));
    let loss = MinorUnits(loss.map(|source| source.amount().0).sum());
    if loss.is_positive() {
        let amount = Money::new(loss, row.currency);
        decision.events.push(Event::LossIncurred { chargeback_id: row.id, amount });
    }
    decision.events.push(Event::ChargebackLost { chargeback_id: row.id, amount });
    (row.status, row.sources) = (ChargebackStatus::Lost, Sources(sources));
    row.claimed = row.claimed.or(Some(row.amount));
    decision.chargeback = Some(row);
    Ok(())
}

fn of_unbooked(
    order: &Order,
    row: chargeback::Model,
    wanted: Wanted,
    decision: &mut Decision,
    (now, policy): (Time, &Policy),
) -> Result<(), Rejection> {
    let Some(amount) = wanted.amount.filter(|_| wanted.outcome == ChargebackStatus::Lost) else {
        decision.events.push(Event::ChargebackClosed { chargeback_id: row.id });
        decision.chargeback = Some(chargeback::Model { status: wanted.outcome, ..row });
        return go_on(order, decision, now, policy);
    };
    let payment = order.find_payment(row.payment_id)?;
    take_all(order, payment, &row, Money::new(amount, payment.currency), decision, now)?;
    let moved = row.heard.0.iter().filter(|heard| matches!(heard.stage, ChargebackStage::Debited { .. }));
    for stage in moved.map(|heard| &heard.stage).take(1).chain([&ChargebackStage::Lost]) {
        let current = decision.chargeback.clone().ok_or(Rejection::Inconsistent("a chargeback that was not booked"))?;
        apply(order, current, stage, None, decision, (now, policy))?;
    }
    Ok(())
}

//! A chargeback that nothing can be booked of yet: it is written down, and the order is frozen.
//!
//! Its money may not have come, nobody may have said how much, or in another currency; it may be a question only. All that
//! is notified of it is kept, and booked as one, in the order in which it makes sense, once it can be.

use entity::chargeback::{self, AllHeard, ChargebackStage, ChargebackStatus, Heard, Source, Sources};
use entity::{MinorUnits, Money, Time, payment};

use crate::chargeback::closing::go_on;
use crate::chargeback::known::apply;
use crate::chargeback::taking::{Claim, Fit, Notified, fits, new_row};
use crate::command::ClaimCause;
use crate::decision::{Decision, FollowUp};
use crate::event::Event;
use crate::freeze;
use crate::freeze_reason::FrozenBy;
use crate::order::Order;
use crate::policy::Policy;
use crate::rejection::Rejection;

pub(super) fn hear(
    order: &Order,
    payment: &payment::Model,
    known: Option<&chargeback::Model>,
    notified: &Notified<'_>,
    stage: &ChargebackStage,
    now: Time,
    policy: &Policy,
) -> Result<Decision, Rejection> {
    let mut decision = Decision::unchanged(order);
    let mut row = known.cloned().unwrap_or_else(|| unbooked(order, payment, notified, now));
    let heard = Heard {
        stage: stage.clone(),
        amount: notified.amount.map(|amount| amount.amount),
        currency: notified.amount.map(|amount| amount.currency),
    };
    if row.decided().is_none() && ends_a_question(&row.heard.0, stage) {
        return close(order, row, now, policy);
    }
    if is_question(&row.heard.0) && is_of_money(stage) && *stage != (ChargebackStage::Won { movement: None }) {
        // Operators may have ended the question. What it became is another matter.
        (row.decision, row.status) = (None, ChargebackStatus::Open);
    }
    let was_of_money = row.heard.0.iter().any(|heard| is_of_money(&heard.stage));
    let is_new = *stage != ChargebackStage::Again && !row.heard.0.contains(&heard);
    if is_new {
        row.heard.0.push(heard);
    }
    if row.decided().is_some() {
        after_decision(row, stage, (is_new, was_of_money), &mut decision, now);
        return Ok(decision);
    }
    let problem = match bookable(order, payment, &row)? {
        Ok(amount) => {
            book(order, payment, &row, amount, &mut decision, (now, policy))?;
            return Ok(decision);
        }
        Err(problem) => problem,
    };
    if !is_new {
        return Ok(decision);
    }
    let (before, was_known) = (row.status, known.is_some());
    let claimed = opening_amount(&row.heard.0);
    if let Some(amount) = claimed {
        (row.amount, row.currency) = (amount.amount, amount.currency);
    }
    row.status = status_of(&row.heard.0);
    row.problem = Some(problem.clone()).filter(|_| row.status == ChargebackStatus::Open);
    if !was_known && row.status == ChargebackStatus::Open {
        let (chargeback_id, payment_id) = (row.id, payment.id);
        decision.events.push(Event::ChargebackNoted { chargeback_id, payment_id, problem });
    }
    if row.status == ChargebackStatus::Open {
        freeze::freeze(&mut decision, now, FrozenBy::Chargeback);
        decision.chargeback = Some(row);
        return Ok(decision);
    }
    let is_over_now = !was_known || before != row.status;
    if is_over_now {
        decision.events.push(Event::ChargebackClosed { chargeback_id: row.id });
    }
    decision.chargeback = Some(row);
    if was_known && is_over_now {
        go_on(order, &mut decision, now, policy)?;
    }
    Ok(decision)
}

/// Nothing but a question is known of it: its end is not that of a chargeback that it may still become.
fn ends_a_question(heard: &[Heard], stage: &ChargebackStage) -> bool {
    *stage == ChargebackStage::Won { movement: None } && is_question(heard)
}

fn is_question(heard: &[Heard]) -> bool {
    !heard.is_empty() && heard.iter().all(|heard| heard.stage == ChargebackStage::Inquiry)
}

fn close(order: &Order, row: chargeback::Model, now: Time, policy: &Policy) -> Result<Decision, Rejection> {
    let mut decision = Decision::unchanged(order);
    if row.status != ChargebackStatus::Open {
        return Ok(decision);
    }
    decision.events.push(Event::ChargebackClosed { chargeback_id: row.id });
    decision.chargeback = Some(chargeback::Model { status: ChargebackStatus::Won, problem: None, ..row });
    go_on(order, &mut decision, now, policy)?;
    Ok(decision)
}

fn unbooked(order: &Order, payment: &payment::Model, notified: &Notified<'_>, now: Time) -> chargeback::Model {
    let amount = notified.amount.unwrap_or(Money::new(payment.amount, payment.currency));
    chargeback::Model {
        id: notified.chargeback_id,
        order_id: order.row.id,
        payment_id: payment.id,
        provider: payment.provider.clone(),
        reference: notified.reference.to_owned(),
        status: ChargebackStatus::Open,
        amount: amount.amount,
        currency: amount.currency,
        is_reversal: false,
        restore_by: notified.cause.restore_by(),
        refund_id: notified.cause.refund_id(),
        debited: false,
        returned: false,
        sources: Sources::default(),
        reason: notified.reason.to_owned(),
        booked: false,
        claimed: None,
        heard: AllHeard::default(),
        problem: None,
        decision: None,
        created_at: now,
        updated_at: now,
    }
}

/// The largest that was named: what a judgement takes is at most what was claimed.
fn opening_amount(heard: &[Heard]) -> Option<Money> {
    let amounts = heard.iter().filter(|heard| is_of_money(&heard.stage));
    let amounts = amounts.filter_map(|heard| Some(Money::new(heard.amount?, heard.currency?)));
    amounts.max_by_key(|money| money.amount)
}

/// A question has no money, and an amount that it names is what it asks about.
fn is_of_money(stage: &ChargebackStage) -> bool {
    match stage {
        ChargebackStage::Opened
        | ChargebackStage::Debited { .. }
        | ChargebackStage::Won { .. }
        | ChargebackStage::Lost => true,
        ChargebackStage::Inquiry | ChargebackStage::Unclear { .. } | ChargebackStage::Again => false,
    }
}

/// Where a chargeback stands that nothing is booked of: over, if it was given up before any money moved.
fn status_of(heard: &[Heard]) -> ChargebackStatus {
    let is_won = heard.iter().any(|heard| matches!(heard.stage, ChargebackStage::Won { .. }));
    let is_moved = heard.iter().any(|heard| {
        matches!(heard.stage, ChargebackStage::Debited { .. } | ChargebackStage::Won { movement: Some(_) })
    });
    let is_lost = heard.iter().any(|heard| heard.stage == ChargebackStage::Lost);
    let is_unclear = heard.iter().any(|heard| matches!(heard.stage, ChargebackStage::Unclear { .. }));
    if is_won && !is_moved && !is_lost && !is_unclear { ChargebackStatus::Won } else { ChargebackStatus::Open }
}

/// Of how much it can be booked, or what is missing.
fn bookable(
    order: &Order,
    payment: &payment::Model,
    row: &chargeback::Model,
) -> Result<Result<Money, String>, Rejection> {
    let heard = &row.heard.0;
    if !heard.iter().any(|heard| is_of_money(&heard.stage)) {
        let unclear = heard.iter().find_map(|heard| match &heard.stage {
            ChargebackStage::Unclear { what } => Some(what.clone()),
            ChargebackStage::Inquiry
            | ChargebackStage::Opened
            | ChargebackStage::Debited { .. }
            | ChargebackStage::Won { .. }
            | ChargebackStage::Lost
            | ChargebackStage::Again => None,
        });
        return Ok(Err(unclear.unwrap_or_else(|| "the buyer's bank asks about the payment".to_owned())));
    }
    // Given up, and no money moved by it: there is nothing to book, unless it was booked before.
    if status_of(heard) == ChargebackStatus::Won && !heard.iter().any(|heard| heard.stage == ChargebackStage::Opened) {
        let is_asked = heard.iter().any(|heard| heard.stage == ChargebackStage::Inquiry);
        if is_asked || opening_amount(heard).is_none() {
            return Ok(Err("it was given up".to_owned()));
        }
    }
    let Some(amount) = opening_amount(heard) else {
        return Ok(Err("it is not known how much it is of".to_owned()));
    };
    if heard.iter().any(|heard| heard.currency.is_some_and(|currency| currency != amount.currency)) {
        return Ok(Err("its amounts are in several currencies".to_owned()));
    }
    Ok(match fits(order, payment, amount)? {
        Fit::Fits => Ok(amount),
        Fit::OtherCurrency => Err(format!("it is of {amount}, and the payment is in {}", payment.currency)),
        Fit::NotHereYet => Err(format!("it is of {amount}, and the payment's money is not here yet")),
        Fit::TooMuch { brought } => Err(format!("it is of {amount}, and the payment brought {brought}")),
    })
}

/// All that was notified, as if it had come in order: taken, debited, and ended.
fn book(
    order: &Order,
    payment: &payment::Model,
    row: &chargeback::Model,
    amount: Money,
    decision: &mut Decision,
    (now, policy): (Time, &Policy),
) -> Result<(), Rejection> {
    take_all(order, payment, row, amount, decision, now)?;
    let mut stages: Vec<&Heard> = row.heard.0.iter().collect();
    stages.sort_by_key(|heard| place_of(&heard.stage));
    for heard in stages {
        let current = decision.chargeback.clone().ok_or(Rejection::Inconsistent("a chargeback that was not booked"))?;
        if heard.stage == ChargebackStage::Opened {
            continue;
        }
        apply(order, current, &heard.stage, heard.amount, decision, (now, policy))?;
    }
    Ok(())
}

/// … → chargeback, under the row's own id.
pub(super) fn take_all(
    order: &Order,
    payment: &payment::Model,
    row: &chargeback::Model,
    amount: Money,
    decision: &mut Decision,
    now: Time,
) -> Result<(), Rejection> {
    let cause = ClaimCause::of(row);
    let (reference, reason) = (row.reference.as_str(), row.reason.as_str());
    let claim = Claim { chargeback_id: row.id, payment_id: payment.id, reference, amount, cause, reason };
    let new = new_row(order, payment, &claim, false, decision, now)?;
    let of = |wanted: fn(&Source) -> bool| {
        let parts = new.sources.0.iter().filter(|source| wanted(source));
        order.money(MinorUnits(parts.map(|source| source.amount().0).sum()))
    };
    let from_loss = of(|source| matches!(source, Source::Loss { .. }));
    let (chargeback_id, payment_id) = (row.id, payment.id);
    decision.events.push(match cause {
        ClaimCause::Dispute => Event::ChargebackOpened {
            chargeback_id,
            payment_id,
            amount,
            from_held: of(|source| matches!(source, Source::Escrow { .. })),
            from_supplier: of(|source| matches!(source, Source::Supplier { .. })),
            from_unsent: of(|source| matches!(source, Source::Refund { .. } | Source::Unapplied { .. })),
            from_loss,
            reason: row.reason.clone(),
        },
        ClaimCause::FailedCapture { restore_by } => {
            Event::PaymentSuspended { chargeback_id, payment_id, amount, restore_by, reason: row.reason.clone() }
        }
        ClaimCause::RefundSentAgain { .. } => Event::RefundSentAgain { chargeback_id, payment_id, amount },
    });
    if from_loss.amount.is_positive() {
        decision.events.push(Event::LossIncurred { chargeback_id: row.id, amount: from_loss });
    }
    let by = match cause {
        ClaimCause::Dispute => FrozenBy::Chargeback,
        ClaimCause::FailedCapture { .. } => FrozenBy::FailedCapture,
        ClaimCause::RefundSentAgain { .. } => FrozenBy::RefundSentAgain,
    };
    freeze::freeze(decision, now, by);
    if let ClaimCause::FailedCapture { restore_by } = cause {
        decision.follow_ups.push(FollowUp::GiveUpCapture(row.id, restore_by));
    }
    decision.chargeback = Some(chargeback::Model {
        created_at: row.created_at,
        decision: row.decision.clone(),
        // What a person has looked at is not asked again.
        heard: row.heard.clone(),
        ..new
    });
    Ok(())
}

/// In which order stages make sense.
fn place_of(stage: &ChargebackStage) -> u8 {
    match stage {
        ChargebackStage::Inquiry | ChargebackStage::Again => 0,
        // Before an end that it puts in question.
        ChargebackStage::Unclear { .. } => 1,
        ChargebackStage::Opened => 2,
        ChargebackStage::Debited { .. } => 3,
        ChargebackStage::Won { movement: None } => 4,
        ChargebackStage::Lost => 5,
        // Money that is back is the last word.
        ChargebackStage::Won { movement: Some(_) } => 6,
    }
}

/// Operators have ended it without its provider: what agrees changes nothing, anything else is for a person.
fn after_decision(
    mut row: chargeback::Model,
    stage: &ChargebackStage,
    (is_new, was_of_money): (bool, bool),
    decision: &mut Decision,
    now: Time,
) {
    let outcome = row.decided().map(|decided| decided.outcome);
    let agrees = match stage {
        ChargebackStage::Inquiry => true,
        // It was open before; or it opens now, after operators have seen no more than a question.
        ChargebackStage::Opened => was_of_money,
        ChargebackStage::Won { movement: None } => outcome == Some(ChargebackStatus::Won),
        ChargebackStage::Lost => outcome == Some(ChargebackStatus::Lost),
        ChargebackStage::Debited { .. }
        | ChargebackStage::Won { movement: Some(_) }
        | ChargebackStage::Unclear { .. } => false,
        // Money has come of a payment whose chargeback was thought to be over.
        ChargebackStage::Again => outcome == Some(ChargebackStatus::Won),
    };
    let is_known = !is_new && *stage != ChargebackStage::Again;
    if agrees || is_known || row.problem.is_some() {
        decision.chargeback = is_new.then_some(row);
        return;
    }
    let problem = "operators had ended it, and now its provider or its payment says otherwise".to_owned();
    decision.events.push(Event::ChargebackDisputed { chargeback_id: row.id, problem: problem.clone() });
    freeze::freeze(decision, now, FrozenBy::Chargeback);
    row.problem = Some(problem);
    decision.chargeback = Some(row);
}

//! A further stage of a chargeback that is booked.

use entity::Time;
use entity::chargeback::{self, ChargebackStage, ChargebackStatus, Heard};
use entity::{MinorUnits, Money};

use crate::chargeback::closing::lost;
use crate::chargeback::reducing::{give_back_in_part, set_amount};
use crate::chargeback::taking::transfer;
use crate::chargeback::won::won;
use crate::command::ClaimCause;
use crate::decision::Decision;
use crate::event::Event;
use crate::freeze;
use crate::freeze_reason::FrozenBy;
use crate::order::Order;
use crate::policy::Policy;
use crate::rejection::Rejection;
use crate::transfer::{Account, MovementPart, Transfer};

pub(super) fn go_further(
    order: &Order,
    row: &chargeback::Model,
    stage: &ChargebackStage,
    amount: Option<Money>,
    now: Time,
    policy: &Policy,
) -> Result<Decision, Rejection> {
    let mut decision = Decision::unchanged(order);
    if let Some(amount) = amount.filter(|amount| amount.currency != row.currency) {
        let before = Money::new(row.amount, row.currency);
        let problem = format!("chargeback {} was of {before} before, not of {amount}", row.reference);
        return Err(Rejection::Contradiction(problem));
    }
    if is_what_was_decided(row, stage, amount.map(|amount| amount.amount)) {
        return Ok(decision);
    }
    let mut row = row.clone();
    let contradiction = contradicted(&row, stage);
    if contradiction.is_some() || matches!(stage, ChargebackStage::Unclear { .. }) {
        let heard = Heard {
            stage: stage.clone(),
            amount: amount.map(|amount| amount.amount),
            currency: amount.map(|amount| amount.currency),
        };
        if row.heard.0.contains(&heard) {
            // A person has looked at it, or will.
            return Ok(decision);
        }
        row.heard.0.push(heard);
    }
    if let Some(problem) = contradiction {
        ask_a_person(&row, problem, &mut decision, now);
        if !moves_money(stage) {
            return Ok(decision);
        }
        row = decision.chargeback.clone().unwrap_or(row);
    }
    apply(order, row, stage, amount.map(|amount| amount.amount), &mut decision, (now, policy))?;
    Ok(decision)
}

fn moves_money(stage: &ChargebackStage) -> bool {
    match stage {
        ChargebackStage::Debited { .. } => true,
        ChargebackStage::Won { movement } => movement.is_some(),
        ChargebackStage::Inquiry
        | ChargebackStage::Opened
        | ChargebackStage::Lost
        | ChargebackStage::Unclear { .. }
        | ChargebackStage::Again => false,
    }
}

/// One stage. `row` is as it stands, also within a decision that has just booked it.
pub(super) fn apply(
    order: &Order,
    row: chargeback::Model,
    stage: &ChargebackStage,
    amount: Option<MinorUnits>,
    decision: &mut Decision,
    (now, policy): (Time, &Policy),
) -> Result<(), Rejection> {
    let differs = amount.filter(|amount| *amount != row.amount);
    match stage {
        ChargebackStage::Opened => match differs.filter(|amount| Some(*amount) != row.claimed) {
            Some(other) => Err(of_another_amount(&row, other)),
            None => Ok(()),
        },
        ChargebackStage::Debited { movement } => {
            let row = match differs {
                Some(taken) if !row.debited && row.status != ChargebackStatus::Won => {
                    set_amount(order, row, taken, decision)?
                }
                Some(other) if !row.debited => return Err(of_another_amount(&row, other)),
                Some(_) | None => row,
            };
            debited(&row, movement, decision)
        }
        ChargebackStage::Won { movement } => match (movement, differs) {
            (Some(movement), Some(part)) => give_back_in_part(order, row, part, movement, decision, (now, policy)),
            (None, Some(other)) if row.status == ChargebackStatus::Open => Err(of_another_amount(&row, other)),
            (movement, _) => won(order, row, movement.as_deref(), decision, now, policy),
        },
        ChargebackStage::Lost => {
            let row = match differs {
                Some(judged) if row.status == ChargebackStatus::Open && !row.debited => {
                    set_amount(order, row, judged, decision)?
                }
                Some(other) if row.status == ChargebackStatus::Open => return Err(of_another_amount(&row, other)),
                Some(_) | None => row,
            };
            lost(order, row, decision, now, policy)
        }
        ChargebackStage::Unclear { what } => {
            ask_a_person(&row, what.clone(), decision, now);
            Ok(())
        }
        ChargebackStage::Inquiry | ChargebackStage::Again => Ok(()),
    }
}

fn of_another_amount(row: &chargeback::Model, other: MinorUnits) -> Rejection {
    let (before, other) = (Money::new(row.amount, row.currency), Money::new(other, row.currency));
    Rejection::Contradiction(format!("chargeback {} was of {before} before, not of {other}", row.reference))
}

/// The order is frozen until somebody has decided. What was found first stays.
pub(super) fn ask_a_person(row: &chargeback::Model, problem: String, decision: &mut Decision, now: Time) {
    if row.problem.is_some() {
        return;
    }
    decision.events.push(Event::ChargebackDisputed { chargeback_id: row.id, problem: problem.clone() });
    freeze::freeze(decision, now, FrozenBy::Chargeback);
    // What one operator asked for before this was known does not count any more.
    let decided = row.decided().cloned();
    decision.chargeback = Some(chargeback::Model { problem: Some(problem), decision: decided, ..row.clone() });
}

/// The provider says now what operators have decided and booked: nothing is booked twice.
fn is_what_was_decided(row: &chargeback::Model, stage: &ChargebackStage, amount: Option<MinorUnits>) -> bool {
    let Some(decided) = row.decided() else { return false };
    match stage {
        ChargebackStage::Won { movement: Some(_) } => {
            decided.returned.is_some_and(|returned| amount.is_none_or(|amount| amount == returned))
        }
        ChargebackStage::Won { movement: None } => {
            decided.outcome == ChargebackStatus::Won && row.status == ChargebackStatus::Won
        }
        ChargebackStage::Lost => decided.outcome == ChargebackStatus::Lost,
        ChargebackStage::Opened => row.status != ChargebackStatus::Open,
        ChargebackStage::Inquiry
        | ChargebackStage::Debited { .. }
        | ChargebackStage::Unclear { .. }
        | ChargebackStage::Again => false,
    }
}

/// The provider says otherwise than operators have decided: a person has to look at it again.
fn contradicted(row: &chargeback::Model, stage: &ChargebackStage) -> Option<String> {
    let is_won = row.decided()?.outcome == ChargebackStatus::Won;
    let problem = match stage {
        ChargebackStage::Lost if is_won => {
            "operators decided that it is won, and the provider notified that it is lost"
        }
        ChargebackStage::Debited { .. } if is_won && !row.debited => {
            "operators decided that it is won, and the provider took the money"
        }
        ChargebackStage::Won { .. } if !is_won => {
            "operators decided that it is lost, and the provider notified that it is won"
        }
        ChargebackStage::Won { movement: Some(_) } if row.returned => {
            "the provider gave another sum back than operators had decided"
        }
        ChargebackStage::Inquiry
        | ChargebackStage::Opened
        | ChargebackStage::Debited { .. }
        | ChargebackStage::Won { .. }
        | ChargebackStage::Lost
        | ChargebackStage::Unclear { .. }
        | ChargebackStage::Again => return None,
    };
    Some(problem.to_owned())
}

/// chargeback → provider, once.
fn debited(row: &chargeback::Model, movement: &str, decision: &mut Decision) -> Result<(), Rejection> {
    if row.debited {
        // The write path knows a movement that is booked: this is another one.
        return Err(Rejection::Contradiction(format!(
            "chargeback {} was debited already, not by {movement}",
            row.reference
        )));
    }
    let amount = Money::new(row.amount, row.currency);
    let (from, to) = (Account::Chargeback(row.id), Account::Provider(row.provider.clone()));
    let movement = Some(MovementPart::first(movement));
    decision.post(Transfer { movement, ..transfer(from, to, amount, "chargeback.debited") })?;
    if ClaimCause::of(row) == ClaimCause::Dispute {
        decision.events.push(Event::ChargebackDebited { chargeback_id: row.id, amount });
    }
    decision.chargeback = Some(chargeback::Model { debited: true, ..row.clone() });
    Ok(())
}

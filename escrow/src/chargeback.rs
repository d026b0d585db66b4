//! Chargebacks: a card company takes money back, and may give it up again. And transfers that bounce.
//!
//! `chargeback/<id>` is between where the money was and the provider. It is taken out of what is held; then out of what was
//! released (a supplier may go negative); then out of refunds that were not sent yet, and out of what is set aside; the
//! rest had gone back to the buyer already, and is the operator's loss. Never more of a payment than it brought.
//! Each stage is booked by itself, once, so that they may come in any order.

mod closing;
mod recovery;
mod reversal;
mod taking;
mod won;

use entity::chargeback::{self, Source};
use entity::{MinorUnits, Money, Time, payment};

use crate::command::ChargebackStage;
use crate::decision::Decision;
use crate::event::Event;
use crate::freeze;
use crate::freeze_reason::FrozenBy;
use crate::order::Order;
use crate::policy::Policy;
use crate::rejection::Rejection;
use crate::transfer::{Account, MovementPart, Transfer};

use closing::lost;
pub(crate) use recovery::make_good;
pub(crate) use reversal::reverse;
pub(crate) use taking::Claim;
use taking::{new_row, transfer};
use won::won;

pub(super) fn chargeback(
    order: &Order,
    claim: &Claim<'_>,
    stage: &ChargebackStage,
    now: Time,
    policy: &Policy,
) -> Result<Decision, Rejection> {
    let payment = order.find_payment(claim.payment_id)?;
    let mut decision = Decision::unchanged(order);
    let known =
        order.chargebacks.iter().find(|row| row.provider == payment.provider && row.reference == claim.reference);
    let row = match known {
        Some(row) if row.payment_id == payment.id && Money::new(row.amount, row.currency) == claim.amount => {
            row.clone()
        }
        Some(row) => {
            let before = Money::new(row.amount, row.currency);
            let problem = format!("chargeback {} was of {before} of {} before", row.reference, row.payment_id);
            return Err(Rejection::Contradiction(problem));
        }
        None => open(order, payment, claim, &mut decision, now)?,
    };
    match stage {
        ChargebackStage::Opened => {}
        ChargebackStage::Debited { movement } => debited(&row, movement, &mut decision)?,
        ChargebackStage::Won { movement } => won(order, row, movement.as_deref(), &mut decision, now, policy)?,
        ChargebackStage::Lost => lost(order, row, &mut decision, now, policy)?,
    }
    if let Some(row) = &mut decision.chargeback {
        row.updated_at = now;
    }
    Ok(decision)
}

fn open(
    order: &Order,
    payment: &payment::Model,
    claim: &Claim<'_>,
    decision: &mut Decision,
    now: Time,
) -> Result<chargeback::Model, Rejection> {
    let row = new_row(order, payment, claim, false, decision, now)?;
    let of = |wanted: fn(&Source) -> bool| {
        let parts = row.sources.0.iter().filter(|source| wanted(source));
        order.money(MinorUnits(parts.map(|source| source.amount().0).sum()))
    };
    let from_loss = of(|source| matches!(source, Source::Loss { .. }));
    decision.events.push(Event::ChargebackOpened {
        chargeback_id: row.id,
        payment_id: payment.id,
        amount: claim.amount,
        from_held: of(|source| matches!(source, Source::Escrow { .. })),
        from_supplier: of(|source| matches!(source, Source::Supplier { .. })),
        from_unsent: of(|source| matches!(source, Source::Refund { .. } | Source::Unapplied { .. })),
        from_loss,
        reason: claim.reason.to_owned(),
    });
    if from_loss.amount.is_positive() {
        decision.events.push(Event::LossIncurred { chargeback_id: row.id, amount: from_loss });
    }
    freeze::freeze(decision, now, FrozenBy::Chargeback);
    decision.chargeback = Some(row.clone());
    Ok(row)
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
    decision.events.push(Event::ChargebackDebited { chargeback_id: row.id, amount });
    decision.chargeback = Some(chargeback::Model { debited: true, ..row.clone() });
    Ok(())
}

//! Less is taken than was claimed, or less is given back than was taken.

use entity::chargeback::{self, Source, Sources};
use entity::{MinorUnits, Money, Time};

use crate::chargeback::closing::lost;
use crate::chargeback::taking::{check_brought, more, take_into, transfer};
use crate::chargeback::won::give_back;
use crate::command::ClaimCause;
use crate::decision::{Decision, FollowUp};
use crate::event::Event;
use crate::order::Order;
use crate::policy::Policy;
use crate::rejection::Rejection;
use crate::transfer::{Account, MovementPart, Transfer};

/// The chargeback is of another amount than was claimed. What was taken last goes back first, where it came from.
pub(super) fn set_amount(
    order: &Order,
    mut row: chargeback::Model,
    amount: MinorUnits,
    decision: &mut Decision,
) -> Result<chargeback::Model, Rejection> {
    row.claimed = row.claimed.or(Some(row.amount));
    if amount > row.amount {
        let payment = order.find_payment(row.payment_id)?;
        check_brought(order, payment, Money::new(amount, row.currency))?;
        let rest = amount.checked_sub(row.amount).ok_or(Rejection::TOO_LARGE)?;
        let sources =
            take_into(order, payment, (row.id, ClaimCause::of(&row)), Money::new(rest, row.currency), decision)?;
        row.sources.0.extend(sources);
        row.amount = amount;
    } else {
        let before = decision.balances;
        let surplus = row.amount.checked_sub(amount).ok_or(Rejection::TOO_LARGE)?;
        let (kept, given) = divided(&row.sources.0, surplus)?;
        for source in given {
            give_back(order, &row, source, decision)?;
        }
        (row.sources, row.amount) = (Sources(kept), amount);
        decision.events.push(Event::ChargebackReduced {
            chargeback_id: row.id,
            amount: Money::new(amount, row.currency),
            to_held: more(order, decision.balances.held, before.held),
            to_supplier: more(order, decision.balances.released, before.released),
        });
        if decision.balances.released > before.released {
            decision.follow_ups.push(FollowUp::RequestPayout);
        }
    }
    decision.chargeback = Some(row.clone());
    Ok(row)
}

/// What stays taken, and what goes back: the last first.
fn divided(sources: &[Source], surplus: MinorUnits) -> Result<(Vec<Source>, Vec<Source>), Rejection> {
    let (mut kept, mut given, mut left) = (Vec::new(), Vec::new(), surplus);
    for source in sources.iter().rev() {
        let part = left.min(source.amount());
        left = left.checked_sub(part).ok_or(Rejection::TOO_LARGE)?;
        let stays = source.amount().checked_sub(part).ok_or(Rejection::TOO_LARGE)?;
        given.extend(Some(source.of(part)).filter(|_| part.is_positive()));
        kept.extend(Some(source.of(stays)).filter(|_| stays.is_positive()));
    }
    kept.reverse();
    Ok((kept, given))
}

/// The provider has taken all of it, and gives a part back: the rest is lost.
pub(super) fn give_back_in_part(
    order: &Order,
    row: chargeback::Model,
    part: MinorUnits,
    movement: &str,
    decision: &mut Decision,
    (now, policy): (Time, &Policy),
) -> Result<(), Rejection> {
    let all = Money::new(row.amount, row.currency);
    let money = Money::new(part, row.currency);
    if !row.debited || row.returned || part >= row.amount || row.status != chargeback::ChargebackStatus::Open {
        let problem = format!("chargeback {} of {all}: {money} is said to have been given back", row.reference);
        return Err(Rejection::Contradiction(problem));
    }
    let (from, to) = (Account::Provider(row.provider.clone()), Account::Chargeback(row.id));
    let movement = Some(MovementPart::first(movement));
    decision.post(Transfer { movement, ..transfer(from, to, money, "chargeback.won") })?;
    let rest = row.amount.checked_sub(part).ok_or(Rejection::TOO_LARGE)?;
    let row = set_amount(order, row, rest, decision)?;
    lost(order, row, decision, now, policy)
}

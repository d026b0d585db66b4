//! Refunds that did not go through, or came back: whole, or less than was sent.

use entity::refund::{self, RefundStatus};
use entity::{MinorUnits, Money, RefundId};

use crate::chargeback::make_good;
use crate::decision::Decision;
use crate::event::Event;
use crate::order::Order;
use crate::provider_facts::{CONTRADICTED, find_refund};
use crate::rejection::Rejection;
use crate::transfer::{Account, MovementPart, RefundRef, Transfer};

/// Money that came back.
#[derive(Clone, Copy)]
pub(crate) struct Back<'a> {
    pub(crate) movement: &'a str,
    pub(crate) amount: Money,
}

/// The money stays in `refund/<id>`, or comes back to it, still the buyer's; somebody has to choose another way. What banks
/// on the way kept of it is lost: it is shown, and goes with the refund no more unless somebody bears it.
pub(crate) fn fail_refund(
    order: &Order,
    refund_id: RefundId,
    back: Back<'_>,
    reason: &str,
    confirmed: bool,
) -> Result<Decision, Rejection> {
    let refund = find_refund(order, refund_id)?;
    let mut decision = Decision::unchanged(order);
    let sent = Money::new(refund.to_send(), refund.currency);
    let came = match refund.status {
        RefundStatus::ActionRequired
        | RefundStatus::ApprovalRequired
        | RefundStatus::PayeeDetailsRequired
        | RefundStatus::ChargedBack => return Ok(decision),
        RefundStatus::Requested | RefundStatus::Pending => sent.amount,
        RefundStatus::Succeeded if !confirmed => return Err(CONTRADICTED),
        RefundStatus::Succeeded => {
            post_back(refund, back, sent, &mut decision)?;
            back.amount.amount
        }
    };
    let lost = sent.amount.checked_sub(came).and_then(|part| refund.lost.checked_add(part));
    let lost = lost.ok_or(Rejection::TOO_LARGE)?;
    decision.change_refund(refund, |row| {
        row.status = RefundStatus::ActionRequired;
        row.balance = came;
        row.lost = lost;
        row.failure = Some(reason.to_owned());
    });
    // A bank's own words may name people and accounts: they stay in the refund's row.
    let reason = if came == sent.amount {
        "the payment provider did not send it"
    } else {
        "it came back, and banks on the way kept a part of it"
    };
    let amount = Money::new(came, refund.currency);
    decision.events.push(Event::RefundActionRequired { amount, reason: reason.to_owned() });
    make_good(order, refund, &mut decision)?;
    Ok(decision)
}

/// What had been lost came back after all, or a part of it.
pub(crate) fn return_rest(order: &Order, refund_id: RefundId, back: Back<'_>) -> Result<Decision, Rejection> {
    let refund = find_refund(order, refund_id)?;
    let mut decision = Decision::unchanged(order);
    if !matches!(refund.status, RefundStatus::ActionRequired | RefundStatus::PayeeDetailsRequired) {
        let problem = format!("{refund_id}: {} more came back, but it does not wait for anything", back.amount);
        return Err(Rejection::Contradiction(problem));
    }
    post_back(refund, back, Money::new(refund.lost, refund.currency), &mut decision)?;
    let balance = refund.balance.checked_add(back.amount.amount).ok_or(Rejection::TOO_LARGE)?;
    let lost = refund.lost.checked_sub(back.amount.amount).ok_or(Rejection::TOO_LARGE)?;
    decision.change_refund(refund, |row| (row.balance, row.lost) = (balance, lost));
    let reason = "more of it came back".to_owned();
    decision.events.push(Event::RefundActionRequired { amount: Money::new(balance, refund.currency), reason });
    Ok(decision)
}

/// provider → refund: no more than was away.
fn post_back(refund: &refund::Model, back: Back<'_>, away: Money, decision: &mut Decision) -> Result<(), Rejection> {
    let Back { movement, amount } = back;
    if amount.currency != away.currency || amount.amount > away.amount || amount.amount <= MinorUnits::ZERO {
        let problem = format!("{}: {amount} is said to have come back of {away}", refund.id);
        return Err(Rejection::Contradiction(problem));
    }
    decision.post(Transfer {
        debit: Account::Provider(refund.provider.clone()),
        credit: Account::Refund(RefundRef::Existing(refund.id)),
        amount: amount.amount,
        currency: amount.currency,
        cause: "refund.failed",
        movement: Some(MovementPart::first(movement)),
    })
}

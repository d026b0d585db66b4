//! Chargebacks: a card company takes money back, and may give it up again. And transfers that bounce.
//!
//! `chargeback/<id>` is between where the money was and the provider. It is taken out of what is held; then out of what was
//! released (a supplier may go negative); then out of refunds that were not sent yet, and out of what is set aside; the
//! rest had gone back to the buyer already, and is the operator's loss. Never more of a payment than it brought.
//! Each stage is booked by itself, once, so that they may come in any order. What can't be booked yet (the money has not
//! come, nobody said how much) is written down, freezes the order, and is booked once it can be.
//!
//! The same holds for a capture that failed after it was booked, and that its provider may mend (it is debited, and won or
//! lost), and for a refund that left twice (a loss, until it comes back or somebody accepts it).

mod closing;
mod deciding;
mod known;
mod recovery;
mod reducing;
mod reversal;
mod taking;
mod waiting;
mod won;

use entity::Time;

use crate::command::ClaimCause;
use crate::decision::Decision;
use crate::order::Order;
use crate::policy::Policy;
use crate::rejection::Rejection;
use entity::chargeback::ChargebackStage;

pub(super) use deciding::{Wanted, decide};
pub(crate) use recovery::make_good;
pub(crate) use reversal::reverse;
pub(crate) use taking::{Claim, Notified};

pub(super) fn chargeback(
    order: &Order,
    notified: &Notified<'_>,
    stage: &ChargebackStage,
    now: Time,
    policy: &Policy,
) -> Result<Decision, Rejection> {
    let payment = order.find_payment(notified.payment_id)?;
    let row =
        order.chargebacks.iter().find(|row| row.provider == payment.provider && row.reference == notified.reference);
    if let Some(row) = row.filter(|row| row.payment_id != payment.id) {
        let problem = format!("chargeback {} was of {} before", row.reference, row.payment_id);
        return Err(Rejection::Contradiction(problem));
    }
    if let Some(row) = row.filter(|row| !notified.cause.is_of_one_kind(ClaimCause::of(row))) {
        return Err(Rejection::Contradiction(format!("chargeback {} was another matter before", row.reference)));
    }
    let mut decision = match row {
        Some(row) if row.booked => known::go_further(order, row, stage, notified.amount, now, policy)?,
        Some(_) | None => waiting::hear(order, payment, row, notified, stage, now, policy)?,
    };
    if let Some(row) = &mut decision.chargeback {
        row.updated_at = now;
    }
    Ok(decision)
}

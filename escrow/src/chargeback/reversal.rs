//! A transfer that bounced.

use entity::chargeback::{self, ChargebackStatus, Source};
use entity::{MinorUnits, Money, OrderStatus, Time};

use crate::chargeback::closing::{end_empty, is_under_way, wait_for_money_again};
use crate::chargeback::taking::{Claim, new_row, transfer};
use crate::decision::Decision;
use crate::event::Event;
use crate::order::Order;
use crate::rejection::Rejection;
use crate::transfer::{Account, MovementPart, Transfer};

/// A chargeback, opened and lost at once, that freezes nothing. Before anything was shipped the order waits for its money again.
pub(crate) fn reverse(order: &Order, claim: &Claim<'_>, movement: &str, now: Time) -> Result<Decision, Rejection> {
    let payment = order.find_payment(claim.payment_id)?;
    let mut decision = Decision::unchanged(order);
    let row = new_row(order, payment, claim, true, &mut decision, now)?;
    let (from, to) = (Account::Chargeback(row.id), Account::Provider(row.provider.clone()));
    let movement = Some(MovementPart::first(movement));
    decision.post(Transfer { movement, ..transfer(from, to, claim.amount, "payment.reversed") })?;
    decision.events.push(Event::PaymentReversed {
        chargeback_id: row.id,
        payment_id: payment.id,
        amount: claim.amount,
        reason: claim.reason.to_owned(),
    });
    let loss = row.sources.0.iter().filter(|source| matches!(source, Source::Loss { .. }));
    let loss = MinorUnits(loss.map(|source| source.amount().0).sum());
    if loss.is_positive() {
        let amount = Money::new(loss, claim.amount.currency);
        decision.events.push(Event::LossIncurred { chargeback_id: row.id, amount });
    }
    decision.chargeback = Some(chargeback::Model { status: ChargebackStatus::Lost, debited: true, ..row });
    if is_under_way(order.status()) {
        // What bounced may have been a surplus: then the order has all of its money still.
        let took_held = decision.balances.held < order.row.held;
        if order.row.is_unshipped() {
            if took_held {
                wait_for_money_again(order, &mut decision, now)?;
            }
        } else if decision.balances.held.is_zero() && !order.has_open_chargeback() {
            end_empty(order, &mut decision, OrderStatus::Refunded, now);
        }
    }
    Ok(decision)
}

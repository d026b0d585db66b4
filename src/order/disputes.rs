//! What the write path adds to chargebacks: amounts that a provider doesn't repeat, movements that wait, and alarms.

use entity::chargeback::ChargebackStage;
use entity::{Money, PaymentId, chargeback};
use sea_orm::DatabaseTransaction;

use crate::error::{Error, Result};
use crate::ledger;
use escrow::{ClaimCause, Command, Decision, Order};

/// A later stage without an amount is of what is booked. None: the command stays as it is.
pub(super) fn with_known_amount(order: &Order, command: &Command) -> Option<Command> {
    let Command::Chargeback { reference, payment_id, amount: None, .. } = command else { return None };
    let is_it = |row: &&chargeback::Model| row.booked && row.reference == *reference && row.payment_id == *payment_id;
    let row = order.chargebacks.iter().find(is_it)?;
    let mut known = command.clone();
    if let Command::Chargeback { amount, .. } = &mut known {
        *amount = Some(Money::new(row.amount, row.currency));
    }
    Some(known)
}

/// What waited is booked with the movements that were notified then: none of them may have been booked since.
pub(super) async fn require_unbooked(
    transaction: &DatabaseTransaction,
    order: &Order,
    command: &Command,
) -> Result<()> {
    let Some(row) = waiting_row(order, command) else { return Ok(()) };
    for heard in &row.heard.0 {
        let (ChargebackStage::Debited { movement } | ChargebackStage::Won { movement: Some(movement) }) = &heard.stage
        else {
            continue;
        };
        if !ledger::posted(transaction, movement).await?.is_empty() {
            let problem = format!("{movement} of chargeback {} is booked already, for something else", row.reference);
            return Err(Error::Contradiction(problem));
        }
    }
    Ok(())
}

fn waiting_row<'a>(order: &'a Order, command: &Command) -> Option<&'a chargeback::Model> {
    let Command::Chargeback { reference, payment_id, .. } = command else { return None };
    let rows = order.chargebacks.iter().filter(|row| !row.booked && row.payment_id == *payment_id);
    rows.into_iter().find(|row| row.reference == *reference)
}

/// One command for each chargeback of a payment that waits for something.
pub(super) fn waiting(order: &Order, payment_id: PaymentId) -> Vec<Command> {
    let rows = order.chargebacks.iter().filter(|row| !row.booked && row.payment_id == payment_id);
    let again = rows.map(|row| Command::Chargeback {
        chargeback_id: row.id,
        payment_id,
        reference: row.reference.clone(),
        amount: None,
        cause: ClaimCause::of(row),
        stage: ChargebackStage::Again,
        reason: row.reason.clone(),
    });
    again.collect()
}

/// Somebody has to look at it, from now on.
pub(super) fn alarm(order: &Order, decision: &Decision) {
    let Some(row) = &decision.chargeback else { return };
    let before = order.chargebacks.iter().find(|known| known.id == row.id).and_then(|known| known.problem.as_ref());
    if let Some(problem) = row.problem.as_ref().filter(|problem| before != Some(*problem)) {
        metrics::counter!("secure_payment_alarms_total", "kind" => "chargeback").increment(1);
        tracing::error!(order = %order.row.number, chargeback = %row.id, problem, "a chargeback waits for an operator");
    }
}

//! What has happened to a payment, the latest first, and what the server was told of each.

use entity::Money;
use entity::sandbox_movement::{Model, MovementKind, MovementStatus};

use super::html::escape;
use crate::error::{Error, Result};
use crate::simulator::notify::{Document, event_type};

/// The latest, in one sentence at the top of the page.
pub(super) fn latest(payment: &Model, behind: &[Model]) -> String {
    let Some(movement) = newest_first(payment, behind).into_iter().next() else { return String::new() };
    let notified = event_type(movement.kind, movement.status)
        .map_or_else(String::new, |event_type| format!(" The server was told <code>{event_type}</code>."));
    format!("<p class=\"latest\" role=\"status\">{}{notified}</p>\n", escape(&words(movement)))
}

fn newest_first<'a>(payment: &'a Model, behind: &'a [Model]) -> Vec<&'a Model> {
    let is_new = (payment.status != MovementStatus::Open).then_some(payment);
    let mut all: Vec<&Model> = behind.iter().chain(is_new).collect();
    all.sort_by_key(|movement| std::cmp::Reverse((movement.updated_at, movement.id)));
    all
}

pub(super) fn of(payment: &Model, behind: &[Model]) -> Result<String> {
    let all = newest_first(payment, behind);
    if all.is_empty() {
        return Ok(String::new());
    }
    let items: Vec<String> = all.into_iter().map(|movement| item(payment, movement)).collect::<Result<_>>()?;
    Ok(format!("<h2 id=\"history\">What has happened</h2>\n<ol class=\"history\">\n{}</ol>\n", items.concat()))
}

fn item(payment: &Model, movement: &Model) -> Result<String> {
    // A refund is told of by its own reference, and what could not be matched by none.
    let of = match movement.kind {
        MovementKind::Transfer | MovementKind::Chargeback | MovementKind::Reversal => Some(payment),
        MovementKind::Payment | MovementKind::Refund | MovementKind::Payout | MovementKind::Unmatched => None,
    };
    let notified = match event_type(movement.kind, movement.status) {
        Some(event_type) => {
            let document = serde_json::to_string_pretty(&Document::about(movement, of))
                .map_err(|error| Error::internal(error.to_string()))?;
            format!(
                "<details><summary>The server was told <code>{event_type}</code></summary>\n<pre>{}</pre></details>\n",
                escape(&document)
            )
        }
        None => "<p class=\"hint\">The server is not told of it yet.</p>\n".to_owned(),
    };
    Ok(format!(
        "<li><p><time>{}</time> {}</p>\n{notified}</li>\n",
        movement.updated_at.format("%Y-%m-%d %H:%M:%S UTC"),
        escape(&words(movement))
    ))
}

fn words(movement: &Model) -> String {
    let amount = Money::new(movement.amount, movement.currency);
    let verb = match movement.status {
        MovementStatus::Open => "is open",
        MovementStatus::Settling => "is on its way",
        MovementStatus::Succeeded => "has arrived",
        MovementStatus::Declined => "was declined",
        MovementStatus::Cancelled => "was withdrawn by the shop",
        MovementStatus::Expired => "expired",
        MovementStatus::Debited => "was taken",
        MovementStatus::Won => "was given up",
        MovementStatus::Lost => "stands",
    };
    match movement.kind {
        MovementKind::Payment if movement.status == MovementStatus::Succeeded => format!("{amount} has arrived."),
        MovementKind::Payment => format!("The payment of {amount} {verb}."),
        MovementKind::Transfer => format!("{amount} has arrived by a transfer of its own."),
        MovementKind::Unmatched if movement.description.is_empty() => {
            format!("{amount} has arrived without a reference: nobody knows what for.")
        }
        MovementKind::Unmatched => {
            format!("{amount} has arrived with the reference “{}”: nobody knows what for.", movement.description)
        }
        MovementKind::Reversal => format!("{amount} was called back by the sending bank."),
        MovementKind::Refund => format!("The refund of {amount} {verb}."),
        MovementKind::Payout => format!("The payout of {amount} {verb}."),
        MovementKind::Chargeback => format!("The chargeback of {amount} {verb}."),
    }
}

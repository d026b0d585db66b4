//! May somebody do something now? Reads the table; the API's list of actions and every refusal come from here.

use entity::Time;

use super::calendar::after_days;
use super::split::Split;
use super::table::{self, Action, Actor, Condition, Row};
use super::{Order, Policy, Rejection};

/// Refuses what no row of the table allows, and says what it allows instead.
pub fn permitted(order: &Order, actor: Actor, action: Action, now: Time, policy: &Policy) -> Result<(), Rejection> {
    let by = actors_of(action);
    if !by.contains(&actor) {
        return Err(Rejection::NotPermitted { action, by });
    }
    let refuse = |because| {
        Err(Rejection::InvalidTransition {
            action,
            status: order.status(),
            because,
            allowed: allowed(order, actor, now, policy),
        })
    };
    let Some(row) = table::rows(action, order.status()).find(|row| row.by.contains(&actor)) else {
        return refuse(None);
    };
    if let Some(reason) = unmet(row, order, now, policy) {
        return refuse(Some(reason));
    }
    if order.row.frozen && actor != Actor::Provider {
        return Err(Rejection::Frozen);
    }
    if !row.decided {
        return Err(Rejection::NotYetDecided(action));
    }
    if action == Action::LeaveFeedback && order.has_feedback {
        return Err(Rejection::FeedbackExists);
    }
    Ok(())
}

fn actors_of(action: Action) -> Vec<Actor> {
    let mut actors = Vec::new();
    for actor in table::TABLE.iter().filter(|row| row.action == action).flat_map(|row| row.by) {
        if !actors.contains(actor) {
            actors.push(*actor);
        }
    }
    actors
}

fn unmet(row: &Row, order: &Order, now: Time, policy: &Policy) -> Option<&'static str> {
    let holds = match row.when {
        Condition::Always => true,
        Condition::PastShipBy => order.is_past_ship_by(now),
        Condition::FeedbackOpen => order.row.completed_at.is_some_and(|at| now < after_days(at, policy.feedback_days)),
    };
    if holds { None } else { row.when.unmet() }
}

/// What this actor may do instead.
fn allowed(order: &Order, actor: Actor, now: Time, policy: &Policy) -> Vec<Action> {
    let mut actions: Vec<Action> = table::TABLE
        .iter()
        .filter(|row| row.decided && row.by.contains(&actor) && row.from.contains(&order.status()))
        .filter(|row| unmet(row, order, now, policy).is_none())
        .filter(|row| !(row.action == Action::LeaveFeedback && order.has_feedback))
        .map(|row| row.action)
        .collect();
    actions.dedup();
    actions
}

/// What would follow, in words: for a storefront's button.
#[must_use]
pub fn consequence(order: &Order, action: Action) -> String {
    let held = order.money(order.row.held);
    let back = if held.amount.is_zero() { String::new() } else { format!(" and refunds {held} to the buyer") };
    match action {
        Action::DraftOrder => "puts a further version of the contract on the table".to_owned(),
        Action::ConfirmOrder => {
            format!("agrees to contract version {} over {}", order.row.contract_version, order.money(order.row.total))
        }
        Action::CancelOrder => format!("ends the order{back}"),
        Action::PayOrder => format!("opens a payment of {}", order.money(order.due())),
        Action::ShipOrder => "starts the transit time and the buyer's inspection period".to_owned(),
        Action::ConfirmReceived => match Split::of(order) {
            Ok(split) => format!(
                "releases {} to the supplier ({held} less {} fee)",
                order.money(split.to_supplier),
                order.money(split.fee)
            ),
            Err(_) => format!("releases {held}"),
        },
        Action::LeaveFeedback => "publishes your ratings with the supplier's".to_owned(),
        Action::RequestDraft | Action::BuyNow => "begins an order".to_owned(),
        Action::CapturePayment
        | Action::EndPayment
        | Action::SettleRefund
        | Action::FailRefund
        | Action::Chargeback
        | Action::PassDeadline => "happens by itself".to_owned(),
        Action::UpdateShipment
        | Action::ExtendDeadline
        | Action::CancelRequest
        | Action::WithdrawCancelRequest
        | Action::AnswerCancelRequest
        | Action::OpenDispute
        | Action::ProposeSettlement
        | Action::AcceptSettlement
        | Action::WithdrawDispute
        | Action::EscalateDispute
        | Action::ResolveDispute
        | Action::ShipReturn
        | Action::ConfirmReturn
        | Action::ContestReturn
        | Action::RefundOrder
        | Action::FreezeOrder
        | Action::UnfreezeOrder => "is not decided in this version yet".to_owned(),
    }
}

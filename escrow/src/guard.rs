//! May somebody do something now? Reads the table; the API's list of actions and every refusal come from here.

use entity::payment::PaymentStatus;
use entity::proposal::Side;
use entity::refund::RefundStatus;
use entity::{OperatorId, OrderStatus, Time};

use super::calendar::after_days;
use super::refund::{BY_HAND, Sending, may_send};
use super::table::{self, Action, Actor, Condition, Row, Until, WhenFrozen};
use super::ways_out::{is_retriable, is_short, shortened};
use super::{Order, Policy, Rejection};

/// A dispute that was withdrawn can be opened once more.
const MOST_DISPUTES: i32 = 2;

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
    if order.row.is_frozen() && action.when_frozen() == WhenFrozen::Stops {
        return Err(Rejection::Frozen);
    }
    match unmet(row, order, actor, now, policy) {
        None => {}
        Some(Condition::RefundAccountKnown) => return Err(Rejection::PayeeDetailsRequired),
        Some(condition) => return refuse(Some(condition.words())),
    }
    if action == Action::LeaveFeedback && is_revised(order) {
        return Err(Rejection::FeedbackExists);
    }
    Ok(())
}

/// Every refund that waits to be approved was asked for by this operator: another one has to approve.
#[must_use]
pub fn needs_another_operator(order: &Order, operator_id: OperatorId) -> bool {
    let mut waiting = order.refunds.iter().filter(|refund| refund.status == RefundStatus::ApprovalRequired).peekable();
    waiting.peek().is_some() && waiting.all(|refund| refund.requested_by == Some(operator_id))
}

fn is_revised(order: &Order) -> bool {
    order.feedback.as_ref().is_some_and(|feedback| feedback.revision > 1)
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

fn unmet(row: &Row, order: &Order, actor: Actor, now: Time, policy: &Policy) -> Option<Condition> {
    row.when.iter().copied().find(|condition| !holds(*condition, order, actor, now, policy))
}

fn holds(condition: Condition, order: &Order, actor: Actor, now: Time, policy: &Policy) -> bool {
    let row = &order.row;
    let dispute =
        |of: fn(&entity::dispute::Model, Time) -> bool| order.dispute.as_ref().is_some_and(|row| of(row, now));
    let a_refund = |of: fn(&entity::refund::Model) -> bool| order.refunds.iter().any(of);
    match condition {
        Condition::PastShipBy => order.is_past_ship_by(now),
        Condition::FeedbackOpen => row.completed_at.is_some_and(|at| now < after_days(at, policy.feedback_days)),
        Condition::NotAskedYet if order.status() == OrderStatus::Funded => !row.cancel_asked_funded,
        Condition::NotAskedYet => !row.cancel_asked_shipped,
        Condition::DisputesLeft => row.disputes < MOST_DISPUTES,
        Condition::OtherSideProposed => match actor {
            Actor::Buyer => order.proposal_of(Side::Supplier).is_some(),
            Actor::Supplier => order.proposal_of(Side::Buyer).is_some(),
            Actor::Operator | Actor::Provider | Actor::Timer => false,
        },
        Condition::EscalationOpen => dispute(|row, now| row.escalated_at.is_none() && row.escalation_from <= now),
        Condition::Escalated => dispute(|row, _now| row.escalated_at.is_some()),
        Condition::ReturnNotShipped => dispute(|row, _now| row.return_shipped_at.is_none()),
        Condition::ReturnShipped => dispute(|row, _now| row.return_shipped_at.is_some()),
        Condition::MoneyHeld => row.held.is_positive(),
        Condition::FrozenByOperator => row.frozen_by_operator,
        Condition::NotFrozenByOperator => !row.frozen_by_operator,
        Condition::ChargebackOpen | Condition::ChargebackUnsettled => order.has_open_chargeback(),
        Condition::FeedbackUnanswered => order.feedback.as_ref().is_some_and(|row| row.reply.is_none()),
        Condition::RefundNeedsAction => {
            a_refund(|row| matches!(row.status, RefundStatus::ActionRequired | RefundStatus::PayeeDetailsRequired))
        }
        Condition::RefundAccountKnown => row.has_refund_account,
        Condition::RefundNeedsApproval => order
            .refunds
            .iter()
            .any(|refund| refund.status == RefundStatus::ApprovalRequired && may_send(order, refund) != Sending::Never),
        Condition::RefundByHand => a_refund(|row| {
            row.status == RefundStatus::ApprovalRequired
                || (row.provider == BY_HAND && matches!(row.status, RefundStatus::Pending | RefundStatus::Succeeded))
        }),
        Condition::RefundApproved => a_refund(is_being_paid_by_hand),
        Condition::RefundRetriable => order.refunds.iter().any(|refund| is_retriable(order, refund)),
        Condition::RefundShort => order.refunds.iter().any(|refund| is_short(refund, policy)),
        Condition::PaymentPending => order.payments.iter().any(|payment| payment.status == PaymentStatus::Pending),
        Condition::TransferShort => shortened(order, policy).is_some(),
        Condition::PaymentOpened => !order.payments.is_empty(),
        Condition::FundsSetAside => order.receipts.iter().any(|receipt| receipt.left().is_positive()),
    }
}

fn is_being_paid_by_hand(refund: &entity::refund::Model) -> bool {
    refund.status == RefundStatus::Pending && refund.provider == BY_HAND
}

/// What this actor may do instead.
fn allowed(order: &Order, actor: Actor, now: Time, policy: &Policy) -> Vec<Action> {
    let mut actions: Vec<Action> = table::TABLE
        .iter()
        .filter(|row| row.by.contains(&actor) && row.from.contains(&order.status()))
        .filter(|row| unmet(row, order, actor, now, policy).is_none())
        .filter(|row| !(row.action == Action::LeaveFeedback && is_revised(order)))
        .filter(|row| !order.row.is_frozen() || row.action.when_frozen() == WhenFrozen::GoesOn)
        .map(|row| row.action)
        .collect();
    actions.dedup();
    actions
}

/// Until when somebody can do something that can be done now; none if there is no end.
#[must_use]
pub fn deadline_of(order: &Order, action: Action, policy: &Policy) -> Option<Time> {
    match action.until() {
        Until::FeedbackClosed => order.row.completed_at.map(|at| after_days(at, policy.feedback_days)),
        Until::NoEnd => None,
        Until::StatusEnds => order.row.deadline_at.filter(|_| !order.row.is_frozen()),
    }
}

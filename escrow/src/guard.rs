//! May somebody do something now? Reads the table; the API's list of actions and every refusal come from here.

use entity::proposal::Side;
use entity::refund::RefundStatus;
use entity::{MinorUnits, OperatorId, OrderStatus, Time};

use super::calendar::after_days;
use super::operator::BY_HAND;
use super::refund::{Sending, may_send};
use super::split::Split;
use super::table::{self, Action, Actor, Condition, Row};
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
    if order.row.is_frozen() && !goes_on_while_frozen(actor, action) {
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

/// Facts, evidence, where refunds go; and what operators do about the freeze itself or have done outside.
fn goes_on_while_frozen(actor: Actor, action: Action) -> bool {
    actor == Actor::Provider
        || matches!(
            action,
            Action::AddEvidence
                | Action::ProvideRefundAccount
                | Action::FreezeOrder
                | Action::UnfreezeOrder
                | Action::RejectManualRefund
                | Action::ConfirmManualRefund
        )
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
        Condition::ChargebackOpen => order.has_open_chargeback(),
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
        .filter(|row| !order.row.is_frozen() || goes_on_while_frozen(actor, row.action))
        .map(|row| row.action)
        .collect();
    actions.dedup();
    actions
}

/// Until when somebody can do something that can be done now; none if there is no end.
#[must_use]
#[expect(clippy::wildcard_enum_match_arm, reason = "whatever is done in a status can be done until its end")]
pub fn deadline_of(order: &Order, action: Action, policy: &Policy) -> Option<Time> {
    match action {
        Action::LeaveFeedback => order.row.completed_at.map(|at| after_days(at, policy.feedback_days)),
        Action::ReplyToFeedback
        | Action::ProvideRefundAccount
        | Action::RequestManualRefund
        | Action::ApproveManualRefund
        | Action::RejectManualRefund
        | Action::ConfirmManualRefund
        | Action::RefundUnapplied
        | Action::FreezeOrder
        | Action::UnfreezeOrder => None,
        _of_the_status => order.row.deadline_at.filter(|_| !order.row.is_frozen()),
    }
}

/// What would follow, in words: for a storefront's button.
#[must_use]
#[expect(clippy::wildcard_enum_match_arm, reason = "the actions are divided over two functions")]
pub fn consequence(order: &Order, actor: Actor, action: Action, policy: &Policy) -> String {
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
        Action::UpdateShipment => "corrects the carrier and the tracking number; no clock changes".to_owned(),
        Action::ExtendDeadline if actor == Actor::Buyer => "gives the supplier more days to ship".to_owned(),
        Action::ExtendDeadline => "gives the buyer more days to inspect".to_owned(),
        Action::ConfirmReceived => release_in_words(order),
        Action::RefundOrder => format!("refunds up to {held} to the buyer; the order goes on with the rest"),
        Action::FreezeOrder => "stops all money and all clocks".to_owned(),
        Action::UnfreezeOrder if order.has_open_chargeback() => {
            "lifts the operator's freeze; the open chargeback keeps the order frozen".to_owned()
        }
        Action::UnfreezeOrder => {
            format!("lets everything go on; clocks with what was left, at least {} hours", policy.resumed_hours)
        }
        Action::LeaveFeedback if order.feedback.is_some() => "replaces your ratings, once".to_owned(),
        Action::LeaveFeedback => "publishes your ratings with the supplier's".to_owned(),
        Action::ReplyToFeedback => "publishes your answer beside the buyer's ratings".to_owned(),
        Action::ProvideRefundAccount => {
            "says where refunds may be sent that can't go back the way the money came".to_owned()
        }
        Action::RequestManualRefund => "asks that a refund be paid by hand; another operator has to approve".to_owned(),
        Action::ApproveManualRefund => "lets the refund be paid by hand".to_owned(),
        Action::RejectManualRefund => "leaves the refund waiting for another way".to_owned(),
        Action::ConfirmManualRefund => "books the refund as sent, by the bank's reference".to_owned(),
        Action::ApplyFunds => {
            format!("counts money that was set aside towards the {} that are due", order.money(order.due()))
        }
        Action::RefundUnapplied => "sends money that was set aside back to the buyer".to_owned(),
        Action::RequestDraft | Action::BuyNow => "begins an order".to_owned(),
        Action::CapturePayment
        | Action::EndPayment
        | Action::SettleRefund
        | Action::FailRefund
        | Action::Chargeback
        | Action::ReversePayment
        | Action::PassDeadline => "happens by itself".to_owned(),
        _of_a_quarrel => quarrel_in_words(order, actor, action),
    }
}

fn release_in_words(order: &Order) -> String {
    let held = order.money(order.row.held);
    match Split::of(order, order.row.held) {
        Ok(split) => format!(
            "releases {} to the supplier ({held} less {} fee)",
            order.money(split.to_supplier),
            order.money(split.fee)
        ),
        Err(_) => format!("releases {held}"),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the actions are divided over two functions")]
fn quarrel_in_words(order: &Order, actor: Actor, action: Action) -> String {
    let held = order.money(order.row.held);
    let deadlines = order.terms.as_ref().map(|terms| &terms.deadlines);
    match action {
        Action::CancelRequest => {
            let hours = deadlines.map_or(48, |deadlines| deadlines.cancel_answer_hours);
            let silence = if order.row.is_unshipped() { "grants" } else { "refuses" };
            format!("asks the supplier to cancel and to refund {held}; {hours} hours of silence {silence} it")
        }
        Action::WithdrawCancelRequest => "takes the cancel request back; the order goes on as before".to_owned(),
        Action::AnswerCancelRequest => format!("granted: refunds {held} to the buyer; refused: the order goes on"),
        Action::OpenDispute => {
            let days = deadlines.map_or(5, |deadlines| deadlines.dispute_answer_days);
            format!("stops the release of {held}; the supplier has {days} days to answer, silence does as you propose")
        }
        Action::ProposeSettlement => "offers how to settle; the other side may accept it".to_owned(),
        Action::AcceptSettlement => {
            let other = if actor == Actor::Buyer { Side::Supplier } else { Side::Buyer };
            match order.proposal_of(other) {
                Some(offer) => {
                    let goods = if offer.goods_go_back { ", once the goods are back" } else { "" };
                    let amount = offer.amount.min(order.row.held);
                    let rest = MinorUnits(order.row.held.0.saturating_sub(amount.0));
                    let (amount, rest) = (order.money(amount), order.money(rest));
                    format!("refunds {amount} to the buyer and releases {rest}, less the fee{goods}")
                }
                None => "settles the dispute".to_owned(),
            }
        }
        Action::WithdrawDispute => "takes the dispute back; the order goes on as before".to_owned(),
        Action::EscalateDispute => "hands the dispute to the operator, who rules".to_owned(),
        Action::ResolveDispute => format!("divides the {held} that are held between buyer and supplier"),
        Action::AddEvidence => "shows a text or a file to the other side and to the operator".to_owned(),
        Action::ShipReturn => "says that the goods are on their way back; silence then settles as agreed".to_owned(),
        Action::ConfirmReturn => "settles as agreed: the goods are back".to_owned(),
        Action::ContestReturn => "hands the dispute back to the operator".to_owned(),
        _other => "changes the order".to_owned(),
    }
}

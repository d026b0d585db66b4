//! Disputes and their settlements.

use entity::dispute::{self, DisputeReason, DisputeStatus, SettledBy};
use entity::proposal::{self, Side};
use entity::{DisputeId, MinorUnits, OrderStatus, ProposalId, Time};

use crate::calendar::after_days;
use crate::clocks;
use crate::command::Proposal;
use crate::decision::Decision;
use crate::ending::{end, give_back_stock, release_rest};
use crate::event::Event;
use crate::order::Order;
use crate::policy::Policy;
use crate::refund::refund_amount;
use crate::rejection::Rejection;
use crate::table::Actor;

/// Of one side in one dispute: every command to the order reads them all.
const MOST_PROPOSALS: usize = 50;

pub(super) fn open(
    order: &Order,
    dispute_id: DisputeId,
    reason: DisputeReason,
    description: &str,
    first: &Proposal,
    now: Time,
) -> Result<Decision, Rejection> {
    let terms = &order.contract_terms()?.deadlines;
    let answer_by = after_days(now, i64::from(terms.dispute_answer_days));
    let mut decision = Decision::unchanged(order);
    clocks::pause(order, &mut decision, now);
    decision.status = OrderStatus::Disputed;
    let opened = dispute::Model {
        id: dispute_id,
        order_id: order.row.id,
        status: DisputeStatus::Open,
        reason,
        description: description.to_owned(),
        opened_at: now,
        answer_by: Some(answer_by),
        escalation_from: after_days(now, i64::from(terms.dispute_escalation_from_days)),
        escalates_at: Some(after_days(now, i64::from(terms.dispute_escalation_days))),
        escalated_at: None,
        alarm_at: Some(after_days(now, i64::from(terms.dispute_alarm_days))),
        settled_by: None,
        settled_amount: None,
        goods_go_back: None,
        ruling: None,
        return_carrier: None,
        return_tracking_number: None,
        return_shipped_at: None,
        contested_because: None,
        closed_at: None,
    };
    if !first.amount.is_positive() {
        return Err(Rejection::Invalid {
            field: "refundAmount",
            problem: "must be more than zero: what should go back?",
        });
    }
    decision.proposal = Some(check_proposal(order, dispute_id, Side::Buyer, first, now)?);
    decision.events.push(Event::DisputeOpened {
        dispute_id,
        reason,
        refund: order.money(first.amount),
        goods_go_back: first.goods_go_back,
        answer_by,
    });
    run_clocks(&mut decision, opened, now);
    Ok(decision)
}

/// The next thing that happens to a dispute by itself.
fn run_clocks(decision: &mut Decision, dispute: dispute::Model, now: Time) {
    let next = dispute.answer_by.into_iter().chain(dispute.escalates_at).chain(dispute.alarm_at).min();
    clocks::set(decision, now, next);
    decision.dispute = Some(dispute);
}

fn check_proposal(
    order: &Order,
    dispute_id: DisputeId,
    side: Side,
    offer: &Proposal,
    now: Time,
) -> Result<proposal::Model, Rejection> {
    check_settlement(order, offer.amount, offer.goods_go_back)?;
    Ok(proposal::Model {
        id: offer.proposal_id,
        dispute_id,
        order_id: order.row.id,
        side,
        amount: offer.amount,
        goods_go_back: offer.goods_go_back,
        message: offer.message.clone(),
        created_at: now,
    })
}

fn check_settlement(order: &Order, amount: MinorUnits, goods_go_back: bool) -> Result<(), Rejection> {
    if amount > order.row.held {
        let (amount, held) = (order.money(amount), order.money(order.row.held));
        return Err(Rejection::AmountExceedsHeld { amount, held, field: "refundAmount" });
    }
    if goods_go_back && order.row.is_unshipped() {
        return Err(Rejection::Invalid {
            field: "goodsGoBack",
            problem: "nothing was shipped, so nothing can go back",
        });
    }
    if goods_go_back && !amount.is_positive() {
        return Err(Rejection::Invalid {
            field: "goodsGoBack",
            problem: "goods that go back are paid back: refundAmount must be more than zero",
        });
    }
    Ok(())
}

/// The supplier's first proposal is its answer. A new one of the buyer, before that, gives it the whole time again.
pub(super) fn propose(order: &Order, actor: Actor, offer: &Proposal, now: Time) -> Result<Decision, Rejection> {
    let mut dispute = open_dispute(order)?;
    let side = side(actor)?;
    if order.proposals.iter().filter(|known| known.side == side).count() >= MOST_PROPOSALS {
        let problem =
            "your side has made 50 proposals in this dispute, and may make no more: accept one, or escalate it";
        return Err(Rejection::Invalid { field: "orderId", problem });
    }
    let mut decision = Decision::unchanged(order);
    decision.proposal = Some(check_proposal(order, dispute.id, side, offer, now)?);
    decision.events.push(Event::SettlementProposed {
        dispute_id: dispute.id,
        proposal_id: offer.proposal_id,
        by: side,
        refund: order.money(offer.amount),
        goods_go_back: offer.goods_go_back,
    });
    if dispute.answer_by.is_some() {
        let days = i64::from(order.contract_terms()?.deadlines.dispute_answer_days);
        dispute.answer_by = match side {
            Side::Supplier => None,
            Side::Buyer => Some(after_days(now, days)),
        };
        run_clocks(&mut decision, dispute, now);
    }
    Ok(decision)
}

pub(super) fn side(actor: Actor) -> Result<Side, Rejection> {
    match actor {
        Actor::Buyer => Ok(Side::Buyer),
        Actor::Supplier => Ok(Side::Supplier),
        Actor::Operator | Actor::Provider | Actor::Timer => Err(Rejection::Inconsistent("not one of the two sides")),
    }
}

/// The other side's latest, and no other.
pub(super) fn accept(
    order: &Order,
    actor: Actor,
    proposal_id: ProposalId,
    now: Time,
    policy: &Policy,
) -> Result<Decision, Rejection> {
    let other = match side(actor)? {
        Side::Buyer => Side::Supplier,
        Side::Supplier => Side::Buyer,
    };
    let latest = order.proposal_of(other).ok_or(Rejection::Inconsistent("the other side has proposed nothing"))?;
    if latest.id != proposal_id {
        return Err(Rejection::StaleProposal { current: latest.id });
    }
    settle(order, Settlement::of(latest, SettledBy::Agreement), now, policy)
}

pub(super) fn withdraw(order: &Order, now: Time, policy: &Policy) -> Result<Decision, Rejection> {
    let dispute = open_dispute(order)?;
    let mut decision = Decision::unchanged(order);
    let status = clocks::resume(&mut decision, now, policy)?;
    let dispute_id = dispute.id;
    decision.events.push(Event::DisputeWithdrawn { dispute_id, status, deadline: decision.deadline_at });
    decision.dispute = Some(dispute::Model { status: DisputeStatus::Withdrawn, closed_at: Some(now), ..dispute });
    Ok(decision)
}

pub(super) fn escalate(order: &Order, now: Time) -> Result<Decision, Rejection> {
    let mut decision = Decision::unchanged(order);
    hand_to_operator(&mut decision, open_dispute(order)?, now);
    Ok(decision)
}

pub(super) fn hand_to_operator(decision: &mut Decision, dispute: dispute::Model, now: Time) {
    decision.events.push(Event::DisputeEscalated { dispute_id: dispute.id });
    let escalated = dispute::Model { answer_by: None, escalates_at: None, escalated_at: Some(now), ..dispute };
    run_clocks(decision, escalated, now);
}

pub(super) fn resolve(
    order: &Order,
    amount: MinorUnits,
    goods_go_back: bool,
    ruling: &str,
    now: Time,
    policy: &Policy,
) -> Result<Decision, Rejection> {
    check_settlement(order, amount, goods_go_back)?;
    settle(order, Settlement { by: SettledBy::Ruling, amount, goods_go_back, ruling: Some(ruling) }, now, policy)
}

/// `now` is the moment of the clock: silence executes the buyer's proposal, then it escalates, then an alarm is raised.
pub(super) fn pass_clock(order: &Order, now: Time, policy: &Policy) -> Result<Decision, Rejection> {
    let dispute = open_dispute(order)?;
    let mut decision = Decision::unchanged(order);
    if dispute.answer_by.is_some_and(|at| at <= now) {
        let latest = order.proposal_of(Side::Buyer).ok_or(Rejection::Inconsistent("a dispute without a proposal"))?;
        return settle(order, Settlement::of(latest, SettledBy::Silence), now, policy);
    }
    if dispute.escalates_at.is_some_and(|at| at <= now) {
        hand_to_operator(&mut decision, dispute, now);
        return Ok(decision);
    }
    decision.events.push(Event::DisputeOverdue { dispute_id: dispute.id, opened_at: dispute.opened_at });
    run_clocks(&mut decision, dispute::Model { alarm_at: None, ..dispute }, now);
    Ok(decision)
}

pub(super) fn open_dispute(order: &Order) -> Result<dispute::Model, Rejection> {
    order.dispute.clone().ok_or(Rejection::Inconsistent("no dispute is open"))
}

/// How a dispute ends.
struct Settlement<'a> {
    by: SettledBy,
    /// What goes back to the buyer; the rest is released.
    amount: MinorUnits,
    goods_go_back: bool,
    ruling: Option<&'a str>,
}

impl Settlement<'_> {
    /// As this proposal has it.
    fn of(proposal: &proposal::Model, by: SettledBy) -> Self {
        Self { by, amount: proposal.amount, goods_go_back: proposal.goods_go_back, ruling: None }
    }
}

/// Settled: at once or, if the goods go back, once they are.
fn settle(order: &Order, settlement: Settlement<'_>, now: Time, policy: &Policy) -> Result<Decision, Rejection> {
    let Settlement { by, amount, goods_go_back, ruling } = settlement;
    let dispute = open_dispute(order)?;
    let amount = amount.min(order.row.held);
    let rest = order.row.held.checked_sub(amount).ok_or(Rejection::Inconsistent("more than what is held"))?;
    let mut decision = Decision::unchanged(order);
    decision.events.push(Event::DisputeSettled {
        dispute_id: dispute.id,
        by,
        refund: order.money(amount),
        release: order.money(rest),
        goods_go_back,
    });
    decision.dispute = Some(dispute::Model {
        status: DisputeStatus::Settled,
        settled_by: Some(by),
        settled_amount: Some(amount),
        goods_go_back: Some(goods_go_back),
        ruling: ruling.map(ToOwned::to_owned),
        answer_by: None,
        escalates_at: None,
        alarm_at: None,
        return_carrier: None,
        return_tracking_number: None,
        return_shipped_at: None,
        closed_at: Some(now),
        ..dispute
    });
    if goods_go_back {
        let ship_by = after_days(now, i64::from(order.contract_terms()?.deadlines.return_shipping_days));
        decision.status = OrderStatus::ReturnPending;
        clocks::set(&mut decision, now, Some(ship_by));
        decision.events.push(Event::ReturnAwaited { ship_by });
        return Ok(decision);
    }
    divide(order, &mut decision, amount, now, policy)?;
    Ok(decision)
}

/// The end of a settlement: so much goes back, the rest is released.
pub(super) fn divide(
    order: &Order,
    decision: &mut Decision,
    amount: MinorUnits,
    now: Time,
    policy: &Policy,
) -> Result<(), Rejection> {
    let amount = amount.min(decision.balances.held);
    refund_amount(order, decision, amount, "the dispute was settled", now, policy)?;
    if decision.balances.held.is_zero() && decision.balances.released.is_zero() {
        give_back_stock(order, decision);
        end(decision, OrderStatus::Refunded, now);
        decision.events.push(Event::OrderRefunded { refunded: order.money(decision.balances.refunded) });
        return Ok(());
    }
    release_rest(order, decision, now)
}

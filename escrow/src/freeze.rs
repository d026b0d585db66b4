//! A freeze stops all money and all clocks; a thaw lets them go on with what was left.

use entity::Time;
use entity::refund::RefundStatus;

use crate::clocks;
use crate::decision::{Decision, FollowUp};
use crate::event::Event;
use crate::freeze_reason::FrozenBy;
use crate::order::Order;
use crate::policy::Policy;
use crate::refund::refund_receipt;
use crate::rejection::Rejection;
use crate::transfer::RefundRef;

/// Stops all money and all clocks; a freeze on a freeze changes nothing.
pub(crate) fn freeze(decision: &mut Decision, now: Time, by: FrozenBy) {
    if decision.frozen_at.is_none() {
        decision.frozen_at = Some(now);
        decision.events.push(Event::OrderFrozen { by });
    }
}

/// Everything goes on: the clocks with what was left of them, and the refunds that had to wait.
pub(crate) fn thaw(order: &Order, decision: &mut Decision, now: Time, policy: &Policy) -> Result<(), Rejection> {
    let Some(since) = decision.frozen_at.take() else { return Ok(()) };
    if let Some(deadline) = decision.deadline_at {
        clocks::set(decision, now, Some(clocks::go_on(deadline, since, now, policy)));
    }
    // Of a status that is paused it stands still anyway, and goes on from then when the order is back there.
    if decision.paused.is_none() {
        decision.ship_by =
            decision.ship_by.map(|at| if at > since { clocks::go_on(at, since, now, policy) } else { at });
    }
    if decision.dispute.is_none() {
        decision.dispute = order.dispute.clone().filter(|_| !decision.status.is_end());
    }
    if let Some(dispute) = &mut decision.dispute {
        if dispute.escalation_from > since {
            dispute.escalation_from = clocks::go_on(dispute.escalation_from, since, now, policy);
        }
        for clock in [&mut dispute.answer_by, &mut dispute.escalates_at, &mut dispute.alarm_at] {
            *clock = clock.map(|at| clocks::go_on(at, since, now, policy));
        }
    }
    for refund in order.refunds.iter().filter(|refund| refund.status == RefundStatus::Requested) {
        decision.follow_ups.push(FollowUp::SendRefund(RefundRef::Existing(refund.id)));
    }
    for receipt in &order.receipts {
        refund_receipt(order, receipt, decision, now, policy)?;
    }
    decision.events.push(Event::OrderThawed { deadline: decision.deadline_at });
    Ok(())
}

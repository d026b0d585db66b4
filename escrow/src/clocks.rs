//! Clocks: the deadline of the present status and its reminder; stopped by a cancel request, a dispute and a freeze, and
//! set going again with what was left, at least 48 hours.

use chrono::TimeDelta;
use entity::{OrderStatus, Time};

use super::calendar::after_hours;
use super::decision::{Decision, PausedStatus};
use super::{Order, Policy, Rejection};

/// The reminder comes two days before the deadline, or at half-time if that is later.
const REMINDED_BEFORE: TimeDelta = TimeDelta::days(2);

/// The present status has until `deadline` from now.
pub(super) fn set(decision: &mut Decision, now: Time, deadline: Option<Time>) {
    decision.deadline_at = deadline;
    decision.remind_at = deadline.map(|deadline| reminder(now, deadline)).filter(|at| *at > now);
}

fn reminder(now: Time, deadline: Time) -> Time {
    let left = deadline.signed_duration_since(now);
    let half = left.checked_div(2).unwrap_or(left);
    deadline.checked_sub_signed(half.min(REMINDED_BEFORE)).unwrap_or(deadline)
}

/// Stops the clock of a status that the order may come back to.
pub(super) fn pause(order: &Order, decision: &mut Decision, now: Time) {
    decision.paused = Some(PausedStatus { status: order.row.status, since: now, deadline_at: order.row.deadline_at });
}

/// Back to where the order was, with what was left.
pub(super) fn resume(decision: &mut Decision, now: Time, policy: &Policy) -> Result<OrderStatus, Rejection> {
    let PausedStatus { status, since, deadline_at } =
        decision.paused.take().ok_or(Rejection::Inconsistent("there is nothing to go back to"))?;
    decision.status = status;
    decision.ship_by = decision.ship_by.map(|at| if at > since { go_on(at, since, now, policy) } else { at });
    set(decision, now, deadline_at.map(|deadline| go_on(deadline, since, now, policy)));
    Ok(status)
}

/// What was left of a clock when it was stopped, from now on; at least 48 hours.
pub(super) fn go_on(clock: Time, since: Time, now: Time, policy: &Policy) -> Time {
    let left = clock.signed_duration_since(since);
    let left_over = now.checked_add_signed(left).unwrap_or(Time::MAX_UTC);
    left_over.max(after_hours(now, policy.resumed_hours))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reminder_comes_two_days_before_or_at_half_time() {
        let now: Time = "2026-11-22T10:00:00Z".parse().expect("a time");
        let after = |hours| now + TimeDelta::hours(hours);
        for (length, wanted) in [(24 * 44, 24 * 42), (24 * 4, 24 * 2), (24 * 3, 36), (48, 24), (2, 1)] {
            assert_eq!(reminder(now, after(length)), after(wanted), "{length} hours");
        }
    }
}

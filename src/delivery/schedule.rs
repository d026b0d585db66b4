//! When a delivery is tried again: at once, and then later and later, for three days.

use chrono::{DateTime, TimeDelta};
use entity::Time;

/// What is not accepted by then is given up: [`crate::delivery::replay()`] sends it again.
pub const MOST_ATTEMPTS: i32 = 10;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
/// Seconds after the first, second … failure. Together 75 h 35 min 5 s.
const DELAYS: [i64; 9] = [5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR];
/// What a receiver asks for is respected up to this.
const LONGEST_WAIT: TimeDelta = TimeDelta::days(1);

/// How long to wait after the failure of attempt `number` (1, 2, 3 …). None: it was the last. Up to a tenth is added,
/// by `random`, so that receivers that come back are not met by all at once.
pub(super) fn delay_after(number: i32, random: [u8; 16]) -> Option<TimeDelta> {
    let index = usize::try_from(number - 1).ok()?;
    let seconds = DELAYS.get(index)?;
    let drawn = i64::from(u16::from_be_bytes([random[0], random[1]]));
    Some(TimeDelta::milliseconds(seconds * 1_000 + seconds * 100 * drawn / i64::from(u16::MAX)))
}

/// The header `Retry-After`: seconds, or a date of HTTP's. At most a day.
pub(super) fn retry_after(value: &str, wall_now: Time) -> Option<TimeDelta> {
    let value = value.trim();
    let asked = if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number that does not fit is as long as can be.
        value.parse().ok().and_then(TimeDelta::try_seconds).unwrap_or(LONGEST_WAIT)
    } else {
        DateTime::parse_from_rfc2822(value).ok()?.to_utc() - wall_now
    };
    Some(asked.clamp(TimeDelta::zero(), LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_attempts_take_75_hours_and_at_most_a_tenth_more() {
        let total = |random: [u8; 16]| {
            (1..MOST_ATTEMPTS).map(|number| delay_after(number, random).expect("another")).sum::<TimeDelta>()
        };
        let least = TimeDelta::seconds(75 * HOUR + 35 * MINUTE + 5);
        assert_eq!(total([0; 16]), least);
        assert_eq!(total([255; 16]), least + least / 10);
        assert_eq!(delay_after(1, [0; 16]), Some(TimeDelta::seconds(5)));
        assert_eq!((delay_after(MOST_ATTEMPTS, [0; 16]), delay_after(0, [0; 16])), (None, None));
    }

    #[test]
    fn a_receiver_may_ask_for_up_to_a_day() {
        let now: Time = "2026-03-01T12:00:00Z".parse().expect("a time");
        for (value, seconds) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("999999", Some(86_400)),
            ("99999999999999999999999", Some(86_400)),
            ("Sun, 01 Mar 2026 12:01:30 GMT", Some(90)),
            ("Sun, 01 Mar 2026 11:00:00 GMT", Some(0)),
            ("Mon, 01 Mar 2027 12:00:00 GMT", Some(86_400)),
            ("-5", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(retry_after(value, now), seconds.map(TimeDelta::seconds), "{value}");
        }
    }
}

//! Days, and business days. All in UTC: a deadline means the same moment for both sides.

use chrono::{Datelike, Days, TimeDelta, Weekday};
use entity::Time;

#[must_use]
pub fn after_days(time: Time, days: i64) -> Time {
    TimeDelta::try_days(days).and_then(|step| time.checked_add_signed(step)).unwrap_or(Time::MAX_UTC)
}

#[must_use]
pub fn after_hours(time: Time, hours: i64) -> Time {
    TimeDelta::try_hours(hours).and_then(|step| time.checked_add_signed(step)).unwrap_or(Time::MAX_UTC)
}

/// The same hour, this many business days later. Saturdays, Sundays and `holidays` don't count.
#[must_use]
pub fn after_business_days(time: Time, days: u32, holidays: &[chrono::NaiveDate]) -> Time {
    let mut result = time;
    let mut left = days;
    while left > 0 {
        let Some(next) = result.checked_add_days(Days::new(1)) else { return Time::MAX_UTC };
        result = next;
        let weekend = matches!(result.weekday(), Weekday::Sat | Weekday::Sun);
        if !weekend && !holidays.contains(&result.date_naive()) {
            left = left.saturating_sub(1);
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weekends_and_holidays_do_not_count() {
        let friday: Time = "2026-11-20T10:00:00Z".parse().expect("a time");
        assert_eq!(after_business_days(friday, 1, &[]).to_rfc3339(), "2026-11-23T10:00:00+00:00");
        assert_eq!(after_business_days(friday, 7, &[]).to_rfc3339(), "2026-12-01T10:00:00+00:00");
        let monday = "2026-11-23".parse().expect("a date");
        assert_eq!(after_business_days(friday, 1, &[monday]).to_rfc3339(), "2026-11-24T10:00:00+00:00");
        assert_eq!(after_business_days(friday, 0, &[]), friday);
    }
}

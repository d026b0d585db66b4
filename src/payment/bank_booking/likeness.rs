//! Whether two lines may be of one booking: what speaks for it, and what excludes it.
//!
//! Two notifications of a bank are written by one program: what differs in them differs. A statement is written by another
//! one, with less text, other levels and sometimes other references: there only what payers wrote can exclude it.

use chrono::{NaiveDate, NaiveDateTime, TimeDelta, Timelike};
use provider::{BookedAt, Marks};
use serde::{Deserialize, Serialize};

/// A line as it was reported; its amount and direction are its booking's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Line {
    /// On a statement, not in a notification.
    #[serde(default)]
    pub(super) is_stated: bool,
    pub(super) at: Option<BookedAt>,
    /// Of the entry; the transfer's is among the marks.
    pub(super) reference: Option<String>,
    pub(super) marks: Marks,
}

/// Below this, lines of a notification and a statement are two bookings: one difference may be the bank's way of writing,
/// two are not.
pub(super) const LEAST_LIKE: i32 = -3;
/// Banks book a notified movement up to a weekend later.
const MOST_DAYS_LATER: i64 = 4;
/// How far the calendars of banks are behind and ahead of UTC.
const BEHIND: TimeDelta = TimeDelta::hours(8);
const AHEAD: TimeDelta = TimeDelta::hours(11);
/// A time without a zone is the bank's own, or one of a neighbour's.
const UNZONED: TimeDelta = TimeDelta::hours(2);
/// Shorter texts are contained in others by chance.
const TELLING: usize = 6;

/// None: they are of different bookings.
pub(super) fn likeness(one: &Line, other: &Line) -> Option<i32> {
    let is_strict = one.is_stated == other.is_stated;
    let references = references(one, other, is_strict)?;
    let (stated, notified) = if one.is_stated { (one, other) } else { (other, one) };
    let days = days(stated, notified, is_strict, references > 0)?;
    let mut sum = references + days.points;
    let (one, other) = (&one.marks, &other.marks);
    for (one, other) in [
        (&one.end_to_end_id, &other.end_to_end_id),
        (&one.transaction_id, &other.transaction_id),
        (&one.uetr, &other.uetr),
    ] {
        sum += same_id(one.as_deref(), other.as_deref())?;
    }
    if !one.ours.is_empty() && !other.ours.is_empty() {
        if !one.ours.iter().any(|code| other.ours.contains(code)) {
            return None;
        }
        sum += 5;
    }
    let account = compare(one.party_account.as_deref(), other.party_account.as_deref());
    let name = compare(one.party_name.as_deref(), other.party_name.as_deref());
    let text = compare(Some(&one.text), Some(&other.text));
    // A text that was cut has lost a reference; another text never had it.
    if one.ours.is_empty() != other.ours.is_empty() && text == Some(Compared::Different) {
        return None;
    }
    let differs = |compared: &[Option<Compared>]| compared.contains(&Some(Compared::Different));
    if (is_strict && differs(&[account, text])) || (days.is_later && differs(&[account, name, text])) {
        return None;
    }
    sum += points(account, 2, -4) + points(name, 1, -3);
    sum += match text {
        Some(Compared::Different) if has_common_words(&one.text, &other.text) => -2,
        other => points(other, 4, -4),
    };
    (sum >= if is_strict { 0 } else { LEAST_LIKE }).then_some(sum)
}

/// Whether two lines of one notification are one line twice: a reference of the bank's, and nothing that differs.
pub(super) fn is_repeated(one: &Line, other: &Line) -> bool {
    one == other && (one.reference.is_some() || one.marks.reference.is_some())
}

/// A reference may stand on either level.
fn references(one: &Line, other: &Line, is_strict: bool) -> Option<i32> {
    let of = |line: &Line| -> Vec<String> {
        [&line.reference, &line.marks.reference].into_iter().flatten().map(|text| plain(text)).collect()
    };
    let (ours, theirs) = (of(one), of(other));
    if ours.is_empty() || theirs.is_empty() {
        return Some(0);
    }
    if ours.iter().any(|reference| theirs.contains(reference)) {
        // The same transfer has the same reference: of a bundle all have the bundle's.
        let (one, other) = (&one.marks.reference, &other.marks.reference);
        let differ = matches!((one, other), (Some(one), Some(other)) if plain(one) != plain(other));
        return if differ { None } else { Some(6) };
    }
    let same_level = (one.reference.is_some() && other.reference.is_some())
        || (one.marks.reference.is_some() && other.marks.reference.is_some());
    match (is_strict, same_level) {
        (true, true) => None,
        (true, false) => Some(-3),
        (false, _) => Some(-5),
    }
}

struct DaysLike {
    points: i32,
    /// Booked on a later day than it was notified of: only if nothing else differs.
    is_later: bool,
}

fn days(stated: &Line, notified: &Line, is_strict: bool, shares_reference: bool) -> Option<DaysLike> {
    let like = |points: i32| Some(DaysLike { points, is_later: false });
    let (Some(stated), Some(notified)) = (stated.at, notified.at) else { return like(0) };
    if is_strict && let Some(apart) = time_between(stated, notified) {
        return if apart < TimeDelta::minutes(1) { like(3) } else { None };
    }
    let may_be = may_be_of(Some(stated), notified.day()) || may_be_of(Some(notified), stated.day());
    match (stated.day() - notified.day()).num_days() {
        0 => like(3),
        // A time in another zone.
        -1 | 1 if may_be => like(1),
        1..=MOST_DAYS_LATER if !is_strict && shares_reference => Some(DaysLike { points: 1, is_later: true }),
        _further => None,
    }
}

/// None where one of them is a day, or written like one.
fn time_between(one: BookedAt, other: BookedAt) -> Option<TimeDelta> {
    match (one, other) {
        (BookedAt::Time(one), BookedAt::Time(other)) if !is_midnight(one) && !is_midnight(other) => {
            Some((one - other).abs())
        }
        (BookedAt::LocalTime(one), BookedAt::LocalTime(other)) if !is_midnight(one) && !is_midnight(other) => {
            Some((one - other).abs())
        }
        (BookedAt::Day(_) | BookedAt::Time(_) | BookedAt::LocalTime(_), _) => None,
    }
}

fn is_midnight(time: impl Timelike) -> bool {
    time.num_seconds_from_midnight() == 0
}

/// Whether a line may be of a day by the bank's calendar: a time with a zone may be in another one than the bank's.
pub(super) fn may_be_of(at: Option<BookedAt>, day: NaiveDate) -> bool {
    match at {
        None => true,
        Some(BookedAt::Day(of)) => of == day,
        Some(BookedAt::LocalTime(time)) => near(time, UNZONED, UNZONED, day),
        Some(BookedAt::Time(time)) => time.date_naive() == day || near(time.naive_utc(), BEHIND, AHEAD, day),
    }
}

fn near(time: NaiveDateTime, behind: TimeDelta, ahead: TimeDelta, day: NaiveDate) -> bool {
    [time - behind, time, time + ahead].iter().any(|time| time.date() == day)
}

fn same_id(one: Option<&str>, other: Option<&str>) -> Option<i32> {
    let (Some(one), Some(other)) = (one, other) else { return Some(0) };
    (plain(one) == plain(other)).then_some(3)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Compared {
    Same,
    /// One is a part of the other.
    Cut,
    Different,
}

fn points(compared: Option<Compared>, same: i32, different: i32) -> i32 {
    match compared {
        None => 0,
        Some(Compared::Same) => same,
        Some(Compared::Cut) => 1.max(same - 1),
        Some(Compared::Different) => different,
    }
}

/// Blanks, case and punctuation don't count: they depend on where a line was cut. None where one says nothing.
fn compare(one: Option<&str>, other: Option<&str>) -> Option<Compared> {
    let (one, other) = (plain(one?), plain(other?));
    if one.is_empty() || other.is_empty() {
        return None;
    }
    let (short, long) = if one.len() <= other.len() { (&one, &other) } else { (&other, &one) };
    Some(if short == long {
        Compared::Same
    } else if short.len() >= TELLING && long.contains(short.as_str()) {
        Compared::Cut
    } else {
        Compared::Different
    })
}

fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect()
}

/// More than half of the words of the shorter one: a bank that writes the same in another order.
fn has_common_words(one: &str, other: &str) -> bool {
    let words =
        |text: &str| -> Vec<String> { text.split_whitespace().map(plain).filter(|word| word.len() > 2).collect() };
    let (one, other) = (words(one), words(other));
    let common = one.iter().filter(|word| other.contains(word)).count();
    common * 2 > one.len().min(other.len())
}

//! In which order it happened, and where that leaves a thing. Pure.

use std::collections::BTreeMap;

use entity::standing::{Model, Stands};

/// As it happened: by the provider's clock where it says that of each, and else as we heard of it.
fn in_order(mut rows: Vec<&Model>) -> Vec<&Model> {
    if rows.iter().all(|row| !row.stated_at.is_empty()) {
        // UTC in one format: the text sorts as the times do. What happened at once stays as it was heard.
        rows.sort_by(|one, other| one.stated_at.cmp(&other.stated_at));
    }
    rows
}

/// Where a capture stands that had been booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Captured<'a> {
    /// It never failed, as far as we know.
    Here,
    /// This failure is not mended.
    Away(&'a Model),
    /// It was away, and this brought it back.
    Back(&'a Model),
}

/// Of one capture. A failure of what is away already takes nothing more, and a success of what is here brings nothing more.
pub(super) fn of_capture<'a>(rows: impl Iterator<Item = &'a Model>) -> Captured<'a> {
    let mut stands = Captured::Here;
    for row in in_order(rows.collect()) {
        stands = match (row.stands, stands) {
            (Stands::Failed, Captured::Here | Captured::Back(_)) => Captured::Away(row),
            (Stands::Good, Captured::Away(failed))
                if row.amount == failed.amount && row.currency == failed.currency =>
            {
                Captured::Back(row)
            }
            (Stands::Good | Stands::Failed | Stands::Refused | Stands::Withdrawn, as_before) => as_before,
        };
    }
    stands
}

/// One attempt to send a refund, by the provider's own id of it: whether the money is out, and what reported it last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt<'a> {
    pub(super) is_out: bool,
    pub(super) sent: Option<&'a Model>,
    pub(super) failed: Option<&'a Model>,
}

pub(super) fn attempts(rows: &[Model]) -> Vec<Attempt<'_>> {
    let mut of_one: BTreeMap<&str, Vec<&Model>> = BTreeMap::new();
    for row in rows {
        of_one.entry(&row.reference).or_default().push(row);
    }
    of_one.into_values().map(attempt).collect()
}

/// A refund is sent before it can fail: what happened at once, or nobody knows when, is out if it was sent more often than it
/// failed.
fn attempt(rows: Vec<&Model>) -> Attempt<'_> {
    let knows_when = rows.iter().all(|row| !row.stated_at.is_empty());
    let mut result = Attempt { is_out: false, sent: None, failed: None };
    let at_once = |one: &&Model, other: &&Model| !knows_when || one.stated_at == other.stated_at;
    for group in in_order(rows).chunk_by(at_once) {
        let count = |stands| group.iter().filter(|row| row.stands == stands).count();
        let (sent, failed) = (count(Stands::Good), count(Stands::Failed));
        if sent + failed > 0 {
            result.is_out = sent > failed;
        }
        let last = |stands| group.iter().rfind(|row| row.stands == stands).copied();
        result.sent = last(Stands::Good).or(result.sent);
        result.failed = last(Stands::Failed).or(result.failed);
    }
    result
}

#[cfg(test)]
mod tests;

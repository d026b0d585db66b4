//! Finding bookings among many: by amount and reference, and those that come to a sum.

use std::collections::{BTreeMap, BTreeSet};

use entity::{BankBookingId, MinorUnits};

use super::known::Known;

/// Bookings by their amounts, and by what they name of ours: on a day with thousands of one price each line has few to be
/// compared with.
pub(super) struct Index<'a> {
    naming: BTreeMap<(MinorUnits, &'a str), Vec<&'a Known>>,
    nameless: BTreeMap<MinorUnits, Vec<&'a Known>>,
    all: BTreeMap<MinorUnits, Vec<&'a Known>>,
}

impl<'a> Index<'a> {
    pub(super) fn of(bookings: &'a [Known]) -> Self {
        let mut index = Self { naming: BTreeMap::new(), nameless: BTreeMap::new(), all: BTreeMap::new() };
        for known in bookings {
            let names: BTreeSet<&str> =
                known.lines.iter().flat_map(|line| &line.marks.ours).map(String::as_str).collect();
            if names.is_empty() {
                index.nameless.entry(known.amount).or_default().push(known);
            }
            for name in names {
                index.naming.entry((known.amount, name)).or_default().push(known);
            }
            index.all.entry(known.amount).or_default().push(known);
        }
        index
    }

    /// Those that name the same, or nothing; a line that names nothing may be any.
    pub(super) fn find<'b>(&'b self, amount: MinorUnits, ours: &'b [String]) -> impl Iterator<Item = &'a Known> + 'b {
        let named = ours.iter().filter_map(move |name| self.naming.get(&(amount, name.as_str())));
        let others = if ours.is_empty() { self.all.get(&amount) } else { self.nameless.get(&amount) };
        named.chain(others).flatten().copied()
    }
}

pub(super) enum Subsets {
    None,
    One(Vec<BankBookingId>),
    Several,
}

/// More than these are not tried: the answer would be one of many.
const MOST_CANDIDATES: usize = 200;
const MOST_STEPS: u32 = 200_000;

/// Which of these come to the sum; all of them first, as a collective booking often is the whole day's.
pub(super) fn subsets(candidates: &[&Known], sum: i64, number: Option<u32>) -> Subsets {
    let fits = |count: usize| count > 1 && number.is_none_or(|number| usize::try_from(number) == Ok(count));
    if candidates.iter().map(|known| known.amount.0).sum::<i64>() == sum && fits(candidates.len()) {
        return Subsets::One(candidates.iter().map(|known| known.id).collect());
    }
    if candidates.len() < 2 || candidates.len() > MOST_CANDIDATES {
        return Subsets::None;
    }
    let mut amounts: Vec<(i64, BankBookingId)> = candidates.iter().map(|known| (known.amount.0, known.id)).collect();
    amounts.sort_by(|one, other| other.cmp(one));
    let mut search = Search { amounts: &amounts, fits: &fits, found: Vec::new(), steps: 0 };
    search.go(0, sum, &mut Vec::new());
    match (search.found.len(), search.steps > MOST_STEPS) {
        (_, true) => Subsets::Several,
        (0, false) => Subsets::None,
        (1, false) => Subsets::One(search.found.remove(0)),
        (_, false) => Subsets::Several,
    }
}

struct Search<'a> {
    amounts: &'a [(i64, BankBookingId)],
    fits: &'a dyn Fn(usize) -> bool,
    found: Vec<Vec<BankBookingId>>,
    steps: u32,
}

impl Search<'_> {
    fn go(&mut self, from: usize, left: i64, chosen: &mut Vec<BankBookingId>) {
        self.steps += 1;
        if self.found.len() > 1 || self.steps > MOST_STEPS {
            return;
        }
        if left == 0 {
            if (self.fits)(chosen.len()) {
                self.found.push(chosen.clone());
            }
            return;
        }
        for (index, (amount, id)) in self.amounts.iter().enumerate().skip(from) {
            if *amount <= left {
                chosen.push(*id);
                self.go(index + 1, left - amount, chosen);
                chosen.pop();
            }
        }
    }
}

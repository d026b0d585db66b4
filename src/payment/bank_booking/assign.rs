//! Which bookings the lines of a report are: bookings that were reported before, in this way or another, or new ones.
//!
//! In one report every line is a booking of its own, so two likes in it are two. On statements every booking stands once. A
//! sum may be the transfers that were reported one by one, and a transfer a part of a sum.

use std::collections::{BTreeMap, BTreeSet};

use entity::{BankBookingId, MinorUnits};
use provider::{AccountReport, Meaning, ReportedEntry, ReportedPart};

use super::known::{Known, Past};
use super::likeness::{Line, is_repeated, likeness, may_be_of};
use super::lookup::{Index, Subsets, subsets};

/// What a line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Is {
    Known(BankBookingId),
    New,
    /// Of a booking that was reported as a sum.
    PartOf(BankBookingId),
    /// The sum of bookings that were reported one by one, and of more that nobody has told of yet: a new booking, of the rest.
    SumOf {
        known: Vec<BankBookingId>,
        rest: MinorUnits,
    },
    /// The booking, but the bank names another amount than before.
    Differs(BankBookingId),
    /// The same line once more: entry and part of the first one.
    Repeated(usize, usize),
    /// A sum of which it can't be said what is in it: to book it would be to book the transfers in it twice.
    Unclear,
}

/// For each entry, for each of its parts, what it is.
pub(super) fn assign(report: &AccountReport, statement: Option<&str>, past: &Past<'_>) -> Vec<Vec<Is>> {
    let mut assigning = Assigning::new(report, statement, past);
    assigning.repeated();
    assigning.one_by_one();
    assigning.parts_of_sums();
    assigning.sums_of_parts();
    assigning.sums_with_more();
    assigning.late_parts();
    assigning.other_amounts();
    assigning.finish()
}

/// The line of a part of an entry.
pub(super) fn line(entry: &ReportedEntry, part: &ReportedPart, is_stated: bool) -> Line {
    Line { is_stated, at: entry.at, reference: entry.reference.clone(), marks: part.marks.clone() }
}

/// Whether nothing says whose money this is: then it may be the sum of several payers'.
pub(super) fn is_sum(entry: &ReportedEntry, part: &ReportedPart) -> bool {
    let marks = &part.marks;
    let is_nameless = marks.end_to_end_id.is_none()
        && marks.ours.is_empty()
        && marks.party_name.is_none()
        && marks.party_account.is_none();
    entry.parts.len() == 1 && (entry.transfers.is_some_and(|transfers| transfers > 1) || is_nameless)
}

type Place = (usize, usize);

struct Assigning<'a> {
    report: &'a AccountReport,
    statement: Option<&'a str>,
    past: &'a Past<'a>,
    lines: BTreeMap<Place, Line>,
    decided: BTreeMap<Place, Is>,
    /// Bookings that a line of this report is already.
    taken: BTreeSet<BankBookingId>,
    /// What was taken out of a sum by this report.
    told: BTreeMap<BankBookingId, i64>,
}

impl<'a> Assigning<'a> {
    fn new(report: &'a AccountReport, statement: Option<&'a str>, past: &'a Past<'a>) -> Self {
        let mut lines = BTreeMap::new();
        for (number, entry) in report.entries.iter().enumerate() {
            for (of_entry, part) in entry.parts.iter().enumerate() {
                lines.insert((number, of_entry), line(entry, part, report.statement.is_some()));
            }
        }
        let (decided, taken, told) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
        Self { report, statement, past, lines, decided, taken, told }
    }

    fn entry(&self, number: usize) -> &'a ReportedEntry {
        &self.report.entries[number]
    }

    fn amount(&self, (number, part): Place) -> MinorUnits {
        self.entry(number).parts[part].amount
    }

    fn open(&self) -> Vec<Place> {
        self.lines.keys().filter(|place| !self.decided.contains_key(place)).copied().collect()
    }

    fn decide(&mut self, place: Place, is: Is) {
        match &is {
            Is::Known(id) | Is::Differs(id) => {
                self.taken.insert(*id);
            }
            Is::SumOf { known, .. } => self.taken.extend(known.iter().copied()),
            Is::PartOf(id) => *self.told.entry(*id).or_default() += self.amount(place).0,
            Is::New | Is::Repeated(..) | Is::Unclear => {}
        }
        self.decided.insert(place, is);
    }

    /// Whether a line of this entry can be this booking. On another statement, it can't.
    fn is_free(&self, entry: &ReportedEntry, known: &Known) -> bool {
        known.is_credit == entry.is_credit
            && known.is_reversal == entry.is_reversal
            && !self.taken.contains(&known.id)
            && (self.statement.is_none() || known.statement.is_none() || known.statement.as_deref() == self.statement)
    }

    fn candidates<'b>(&'b self, entry: &'b ReportedEntry) -> impl Iterator<Item = &'a Known> + 'b {
        self.past.bookings.iter().filter(move |known| self.is_free(entry, known))
    }

    fn untold(&self, known: &Known) -> i64 {
        known.untold.0 - self.told.get(&known.id).copied().unwrap_or_default()
    }

    /// A statement has each line once; a notification may have one twice, which its reference shows.
    fn repeated(&mut self) {
        if self.report.statement.is_some() {
            return;
        }
        let mut firsts: Vec<Place> = Vec::new();
        for (place, line) in self.lines.clone() {
            let same = |first: &&Place| {
                self.amount(**first) == self.amount(place)
                    && self.entry(first.0).is_credit == self.entry(place.0).is_credit
                    && first.0 != place.0
                    && self.lines.get(first).is_some_and(|first| is_repeated(first, &line))
            };
            match firsts.iter().find(same).copied() {
                Some(first) => self.decide(place, Is::Repeated(first.0, first.1)),
                None => firsts.push(place),
            }
        }
    }

    /// The likeliest pairs first, each line and each booking once.
    fn one_by_one(&mut self) {
        let mut pairs: Vec<(i32, Place, BankBookingId)> = Vec::new();
        let index = Index::of(self.past.bookings);
        for place in self.open() {
            let Some(line) = self.lines.get(&place) else { continue };
            let entry = self.entry(place.0);
            for known in index.find(self.amount(place), &line.marks.ours).filter(|known| self.is_free(entry, known)) {
                pairs.extend(self.like(place, known).map(|points| (points, place, known.id)));
            }
        }
        // Of equals the first line is the first booking.
        pairs.sort_by(|one, other| other.0.cmp(&one.0).then(one.1.cmp(&other.1)).then(one.2.cmp(&other.2)));
        for (_points, place, id) in pairs {
            if !self.decided.contains_key(&place) && !self.taken.contains(&id) {
                self.decide(place, Is::Known(id));
            }
        }
    }

    /// The most that speaks for it; None if anything excludes it.
    fn like(&self, place: Place, known: &Known) -> Option<i32> {
        let line = self.lines.get(&place)?;
        let mut most = None;
        for other in &known.lines {
            most = most.max(Some(likeness(line, other)?));
        }
        most
    }

    /// Of an entry that names its transfers: was it reported as one sum?
    fn parts_of_sums(&mut self) {
        for (number, entry) in self.report.entries.iter().enumerate().filter(|(_, entry)| entry.parts.len() > 1) {
            let places: Vec<Place> = (0..entry.parts.len()).map(|part| (number, part)).collect();
            let open: Vec<Place> = places.iter().filter(|place| !self.decided.contains_key(place)).copied().collect();
            if open.is_empty() {
                continue;
            }
            let known: Vec<BankBookingId> = places
                .iter()
                .filter_map(|place| match self.decided.get(place) {
                    Some(Is::Known(id)) => Some(*id),
                    _other => None,
                })
                .collect();
            let missing: i64 = open.iter().map(|place| self.amount(*place).0).sum();
            let whole = whole(entry, self.report.statement.is_some());
            let sum = self.candidates(entry).find(|sum| {
                let has_others =
                    self.past.bookings.iter().any(|part| part.parent == Some(sum.id) && known.contains(&part.id));
                let is_whole = known.is_empty() && sum.lines.iter().all(|line| likeness(&whole, line).is_some());
                sum.amount == entry.amount && sum.is_sum && self.untold(sum) == missing && (has_others || is_whole)
            });
            if let Some(sum) = sum {
                for place in open {
                    self.decide(place, Is::PartOf(sum.id));
                }
            }
        }
    }

    /// Of an entry that names no transfers: were they reported one by one?
    fn sums_of_parts(&mut self) {
        for place in self.open() {
            let entry = self.entry(place.0);
            let part = &entry.parts[place.1];
            let says_several = entry.transfers.is_some_and(|transfers| transfers > 1);
            if !is_sum(entry, part) || (self.report.statement.is_none() && !says_several) {
                continue;
            }
            let Some(line) = self.lines.get(&place) else { continue };
            if let Some(known) = self.known_sum(entry, line) {
                self.decide(place, Is::SumOf { known, rest: MinorUnits::ZERO });
                continue;
            }
            let fits = |known: &&Known| {
                known.amount < entry.amount
                    && known.parent.is_none()
                    && known.lines.iter().all(|other| days_fit(line, other))
            };
            let candidates: Vec<&Known> = self.candidates(entry).filter(fits).collect();
            let wanted = entry.transfers.filter(|transfers| *transfers > 1);
            let shared: Vec<&Known> = candidates
                .iter()
                .filter(|known| known.lines.iter().any(|other| shares(line, other)))
                .copied()
                .collect();
            let found = match subsets(&shared, entry.amount.0, None) {
                Subsets::One(ids) => Subsets::One(ids),
                Subsets::None | Subsets::Several => subsets(&candidates, entry.amount.0, wanted),
            };
            match found {
                Subsets::One(known) => self.decide(place, Is::SumOf { known, rest: MinorUnits::ZERO }),
                Subsets::Several if self.report.statement.is_none() => self.decide(place, Is::Unclear),
                Subsets::Several | Subsets::None => {}
            }
        }
    }

    /// The same sum told again.
    fn known_sum(&self, entry: &ReportedEntry, line: &Line) -> Option<Vec<BankBookingId>> {
        let candidates: BTreeSet<BankBookingId> = self.candidates(entry).map(|known| known.id).collect();
        let same =
            self.past.sums.iter().filter(|sum| sum.amount == entry.amount && likeness(line, &sum.line).is_some());
        let free = same.map(|sum| &sum.bookings).find(|bookings| bookings.iter().all(|id| candidates.contains(id)));
        free.cloned()
    }

    /// A statement has all of its day. What was notified of that day and isn't on it by itself is in one of its sums.
    fn sums_with_more(&mut self) {
        if self.report.statement.is_none() {
            return;
        }
        let is_sum_here = |place: &Place| is_sum(self.entry(place.0), &self.entry(place.0).parts[place.1]);
        let mut sums: Vec<(i64, Place, Vec<BankBookingId>)> = self
            .open()
            .into_iter()
            .filter(is_sum_here)
            .map(|place| (self.amount(place).0, place, Vec::new()))
            .collect();
        let mut left: Vec<&Known> = self
            .past
            .bookings
            .iter()
            .filter(|known| known.statement.is_none() && known.parent.is_none() && !self.taken.contains(&known.id))
            .collect();
        left.sort_by_key(|known| (std::cmp::Reverse(known.amount), known.id));
        for known in left {
            let fits = |(room, place, _): &&mut (i64, Place, Vec<BankBookingId>)| {
                let entry = self.entry(place.0);
                entry.is_credit == known.is_credit
                    && entry.is_reversal == known.is_reversal
                    && *room >= known.amount.0
                    && known.lines.iter().all(|line| same_day(line, entry))
            };
            let likely = |(room, place, _): &&mut (i64, Place, Vec<BankBookingId>)| {
                (self.lines.get(place).is_some_and(|line| !names_something(line)), *room, *place)
            };
            if let Some((room, _place, chosen)) = sums.iter_mut().filter(fits).max_by_key(likely) {
                *room -= known.amount.0;
                chosen.push(known.id);
            }
        }
        for (room, place, known) in sums.into_iter().filter(|(_, _, known)| !known.is_empty()) {
            self.decide(place, Is::SumOf { known, rest: MinorUnits(room) });
        }
    }

    /// Notified after the sum: on its own, without a word of the sum.
    fn late_parts(&mut self) {
        if self.report.statement.is_some() {
            return;
        }
        let open = self.open();
        for place in &open {
            let Some(line) = self.lines.get(place) else { continue };
            let entry = self.entry(place.0);
            let amount = self.amount(*place).0;
            let sums: Vec<&Known> = self
                .candidates(entry)
                .filter(|sum| sum.is_sum && sum.parent.is_none() && self.untold(sum) >= amount)
                .filter(|sum| sum.lines.iter().all(|other| days_fit(line, other)))
                .collect();
            let named = sums.iter().find(|sum| sum.lines.iter().any(|other| shares(line, other)));
            // A day whose statement is here has nothing else on it.
            let is_complete = self.past.stated_days.iter().any(|day| may_be_of(line.at, *day));
            let stated = sums.iter().filter(|sum| is_complete && sum.statement.is_some());
            let roomiest = stated.max_by_key(|sum| {
                let is_nameless = sum.lines.iter().all(|line| !names_something(line));
                (is_nameless, self.untold(sum) == amount, self.untold(sum))
            });
            let chosen = named.or(roomiest).map(|sum| sum.id).or_else(|| self.completed_by(&open, *place, &sums));
            if let Some(id) = chosen {
                self.decide(*place, Is::PartOf(id));
            }
        }
    }

    /// A sum that the lines of this report come to, to the cent and in number.
    fn completed_by(&self, open: &[Place], place: Place, sums: &[&Known]) -> Option<BankBookingId> {
        let entry = self.entry(place.0);
        let likes = open.iter().filter(|other| {
            let of = self.entry(other.0);
            of.is_credit == entry.is_credit && of.is_reversal == entry.is_reversal
        });
        let open_sum: i64 = likes
            .filter(|other| match self.decided.get(other) {
                None => true,
                Some(Is::PartOf(id)) => sums.iter().any(|sum| sum.id == *id),
                Some(_decided) => false,
            })
            .map(|other| self.amount(*other).0)
            .sum();
        sums.iter().find(|sum| sum.untold.0 == open_sum && sums.len() == 1).map(|sum| sum.id)
    }

    /// The statement has the last word on an amount: the same reference, and both would else be alone.
    fn other_amounts(&mut self) {
        if self.report.statement.is_none() {
            return;
        }
        for place in self.open() {
            let Some(line) = self.lines.get(&place) else { continue };
            let same: Vec<BankBookingId> = self
                .candidates(self.entry(place.0))
                .filter(|known| known.statement.is_none() && known.parent.is_none())
                .filter(|known| {
                    known.lines.iter().any(|other| shares(line, other)) && self.like(place, known).is_some()
                })
                .map(|known| known.id)
                .collect();
            let is_unique = self.lines.values().filter(|other| shares(line, other)).count() == 1
                && self
                    .past
                    .bookings
                    .iter()
                    .filter(|known| known.lines.iter().any(|other| shares(line, other)))
                    .count()
                    == 1;
            if let ([only], true) = (same.as_slice(), is_unique) {
                self.decide(place, Is::Differs(*only));
            }
        }
    }

    fn finish(mut self) -> Vec<Vec<Is>> {
        let mut decided = std::mem::take(&mut self.decided);
        let of = |number: usize, entry: &ReportedEntry, decided: &mut BTreeMap<Place, Is>| {
            (0..entry.parts.len()).map(|part| decided.remove(&(number, part)).unwrap_or(Is::New)).collect()
        };
        self.report.entries.iter().enumerate().map(|(number, entry)| of(number, entry, &mut decided)).collect()
    }
}

/// An entry as if nobody had named the transfers in it.
fn whole(entry: &ReportedEntry, is_stated: bool) -> Line {
    Line { is_stated, at: entry.at, reference: entry.reference.clone(), marks: provider::Marks::default() }
}

/// A payer's text has a number in it, that of an invoice or an order; a bank's word for a sum has none.
fn names_something(line: &Line) -> bool {
    line.marks.text.bytes().any(|byte| byte.is_ascii_digit())
}

/// By the calendar of the bank, or a time that may be of it.
fn same_day(line: &Line, entry: &ReportedEntry) -> bool {
    match (line.at, entry.at) {
        (Some(_), Some(at)) => may_be_of(line.at, at.day()),
        (None, _) | (_, None) => false,
    }
}

fn days_fit(line: &Line, other: &Line) -> bool {
    let day_of = |line: &Line| line.at.map(provider::BookedAt::day);
    day_of(other).is_none_or(|day| may_be_of(line.at, day)) || day_of(line).is_none_or(|day| may_be_of(other.at, day))
}

fn shares(one: &Line, other: &Line) -> bool {
    let of = |line: &Line| [line.reference.clone(), line.marks.reference.clone()];
    of(one).into_iter().flatten().any(|reference| of(other).contains(&Some(reference)))
}

/// Money that arrived, which can be set aside and taken apart again.
pub(super) fn is_money_in(meaning: &Meaning) -> bool {
    matches!(meaning, Meaning::Captured { .. })
}

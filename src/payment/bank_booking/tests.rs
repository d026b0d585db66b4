//! Random days at a bank, reported in random ways: what moved is booked exactly once, and the balance agrees.
//!
//! The bank of a day has its own way with references, levels, texts and days, as banks have. Notifications come before and
//! after the statement, some twice, some not at all.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{NaiveDate, TimeDelta};
use entity::{BankBookingId, Currency, MinorUnits};
use provider::{AccountReport, BookedAt, Marks, Meaning, ReportedEntry, ReportedPart, StatedBalances};

use super::assign::{Is, assign, is_sum, line};
use super::known::{Known, KnownSum, Past};

const DAYS: u64 = 4_000;

/// Steele, Lea, Flood: splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn one_in(&mut self, number: u64) -> bool {
        self.below(number) == 0
    }

    fn shuffle<T>(&mut self, all: &mut [T]) {
        for last in (1..all.len()).rev() {
            let other = usize::try_from(self.below(u64::try_from(last).expect("small") + 1)).expect("small");
            all.swap(last, other);
        }
    }
}

/// What really moved.
#[derive(Clone, Debug)]
struct Moved {
    amount: i64,
    is_credit: bool,
    /// Our reference, if the payer wrote one.
    code: Option<String>,
    payer: (&'static str, &'static str),
    text: String,
    end_to_end_id: Option<String>,
    reference: String,
    hour: u32,
    /// Those of one number are booked as one entry.
    bundle: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum References {
    Unique,
    /// One for all entries of the day.
    Same,
    None,
}

/// How the bank of a day writes.
#[derive(Clone, Debug)]
struct Ways {
    references: References,
    /// The reference of a single entry stands at the transfer in a notification, at the entry on the statement.
    on_other_level: bool,
    /// Bundles are one entry with their transfers in notifications; else each transfer is an entry.
    notifies_bundles: bool,
    /// The statement names the transfers of a bundle; else it has the sum.
    states_transfers: bool,
    /// Sums say of how many transfers they are.
    counts: bool,
    cuts_text: bool,
    drops_names: bool,
    notifies_times: bool,
}

fn ways(random: &mut Random) -> Ways {
    Ways {
        references: match random.below(4) {
            0 => References::Same,
            1 => References::None,
            _more => References::Unique,
        },
        on_other_level: random.one_in(3),
        notifies_bundles: random.one_in(2),
        states_transfers: random.one_in(2),
        counts: random.one_in(2),
        cuts_text: random.one_in(2),
        drops_names: random.one_in(3),
        notifies_times: random.one_in(4),
    }
}

fn movements(random: &mut Random) -> Vec<Moved> {
    const PAYERS: [(&str, &str); 3] = [
        ("Alpha Trading Ltd", "DE89370400440532013000"),
        ("Beta Import GmbH", "NL91ABNA0417164300"),
        ("Gamma S.A.", "FR1420041010050500013M02606"),
    ];
    let number = random.below(7);
    (0..number)
        .map(|index| {
            let payer = PAYERS[usize::try_from(random.below(3)).expect("small")];
            let code = (!random.one_in(4)).then(|| format!("SP-AAAAA{}", random.below(5)));
            let invoice = random.below(40);
            let words = code.clone().unwrap_or_else(|| format!("invoice {invoice} of our order"));
            Moved {
                amount: [5_000, 8_100, 10_000, 4_711][usize::try_from(random.below(4)).expect("small")],
                is_credit: true,
                text: format!("Payment for goods {words} thank you"),
                code,
                payer,
                end_to_end_id: random.one_in(3).then(|| format!("E2E-{}", random.next())),
                reference: format!("REF{index}"),
                hour: u32::try_from(random.below(20)).expect("small") + 2,
                bundle: random.one_in(4).then_some(0),
            }
        })
        .collect()
}

fn day(number: u64) -> NaiveDate {
    let first = NaiveDate::from_ymd_opt(2026, 1, 1).expect("a day");
    first + TimeDelta::days(i64::try_from(number).expect("small"))
}

struct Bank<'a> {
    ways: &'a Ways,
    day: NaiveDate,
    is_stated: bool,
}

impl Bank<'_> {
    fn marks(&self, moved: &Moved) -> Marks {
        let is_short = self.is_stated && self.ways.cuts_text;
        let text = if is_short { moved.text.replace(' ', "") } else { moved.text.clone() };
        let has_name = !(self.is_stated && self.ways.drops_names);
        Marks {
            end_to_end_id: moved.end_to_end_id.clone().filter(|_| !is_short),
            ours: moved.code.iter().cloned().collect(),
            party_name: has_name.then(|| moved.payer.0.to_owned()),
            party_account: has_name.then(|| moved.payer.1.to_owned()),
            text,
            ..Marks::default()
        }
    }

    fn part(&self, moved: &Moved) -> ReportedPart {
        let references = moved.code.iter().map(|code| vec![code.clone()]).collect();
        ReportedPart {
            amount: MinorUnits(moved.amount),
            charges: MinorUnits::ZERO,
            marks: self.marks(moved),
            meaning: Meaning::Captured { references, remitter: None },
        }
    }

    fn at(&self, moved: &Moved) -> BookedAt {
        if self.is_stated || !self.ways.notifies_times {
            return BookedAt::Day(self.day);
        }
        let minute = u32::try_from(moved.amount % 60).expect("small");
        let time = self.day.and_hms_opt(moved.hour, minute, u32::try_from(moved.reference.len()).expect("small"));
        BookedAt::LocalTime(time.expect("a time"))
    }

    fn single(&self, moved: &Moved) -> ReportedEntry {
        let mut part = self.part(moved);
        let reference = match self.ways.references {
            References::Unique => Some(moved.reference.clone()),
            References::Same => Some("SAME".to_owned()),
            References::None => None,
        };
        let mut of_entry = reference;
        if self.ways.on_other_level && !self.is_stated {
            part.marks.reference = of_entry.take();
        }
        ReportedEntry {
            amount: part.amount,
            is_credit: moved.is_credit,
            is_reversal: false,
            at: Some(self.at(moved)),
            reference: of_entry,
            transfers: None,
            parts: vec![part],
        }
    }

    fn bundle(&self, number: u64, all: &[&Moved]) -> ReportedEntry {
        let sum = all.iter().map(|moved| moved.amount).sum();
        let reference = match self.ways.references {
            References::Unique => Some(format!("COLL{number}")),
            References::Same => Some("SAME".to_owned()),
            References::None => None,
        };
        let parts = if self.is_stated && !self.ways.states_transfers {
            vec![ReportedPart {
                amount: MinorUnits(sum),
                charges: MinorUnits::ZERO,
                marks: Marks { text: "COLLECTIVE CREDIT".to_owned(), ..Marks::default() },
                meaning: Meaning::Captured { references: Vec::new(), remitter: None },
            }]
        } else {
            all.iter()
                .map(|moved| {
                    let mut part = self.part(moved);
                    if self.ways.references == References::Unique {
                        part.marks.reference = Some(moved.reference.clone());
                    }
                    part
                })
                .collect()
        };
        let count = u32::try_from(all.len()).expect("small");
        let transfers = if parts.len() > 1 || self.ways.counts { Some(count) } else { None };
        let at = Some(BookedAt::Day(self.day));
        ReportedEntry { amount: MinorUnits(sum), is_credit: true, is_reversal: false, at, reference, transfers, parts }
    }

    fn entries(&self, moved: &[Moved], keeps_bundles: bool) -> Vec<ReportedEntry> {
        let mut entries = Vec::new();
        let mut bundles: BTreeMap<u64, Vec<&Moved>> = BTreeMap::new();
        for one in moved {
            match one.bundle.filter(|_| keeps_bundles) {
                Some(number) => bundles.entry(number).or_default().push(one),
                None => entries.push(self.single(one)),
            }
        }
        entries.extend(bundles.into_iter().map(|(number, all)| match all.as_slice() {
            [only] => self.single(only),
            all => self.bundle(number, all),
        }));
        entries
    }
}

/// The bookings, as the database keeps them.
#[derive(Default)]
struct Books {
    known: Vec<Known>,
    sums: Vec<KnownSum>,
    days: BTreeMap<BankBookingId, NaiveDate>,
    stated: BTreeSet<NaiveDate>,
    /// What was captured for which reference, by its booking.
    captured: BTreeMap<BankBookingId, String>,
    seen: BTreeSet<String>,
    undecided: Vec<String>,
}

impl Books {
    fn read(&mut self, report: &AccountReport, day: NaiveDate) {
        if !self.seen.insert(report.file.clone()) {
            return;
        }
        let statement = report.statement.as_ref().map(|statement| statement.day.to_string());
        let is_near = |known: &&Known| (self.days[&known.id] - day).num_days().abs() <= 10;
        let near: Vec<Known> = self.known.iter().filter(is_near).cloned().collect();
        if report.statement.is_some() {
            self.stated.insert(day);
        }
        let past = Past { bookings: &near, sums: &self.sums, stated_days: &self.stated };
        let assigned = assign(report, statement.as_deref(), &past);
        for (entry, parts) in report.entries.iter().zip(assigned) {
            for (part, is) in entry.parts.iter().zip(parts) {
                let line = line(entry, part, report.statement.is_some());
                let ids = match is {
                    Is::New => vec![self.new_booking(entry, part, None, day)],
                    Is::PartOf(parent) => vec![self.new_booking(entry, part, Some(parent), day)],
                    Is::Known(id) => vec![id],
                    Is::SumOf { known, rest } => {
                        self.confirm(&known, statement.as_deref());
                        let mut bookings = known;
                        let amount = part.amount;
                        if rest.0 > 0 {
                            let rest = ReportedPart { amount: rest, ..part.clone() };
                            let id = self.new_booking(entry, &rest, None, day);
                            self.known.last_mut().expect("new").lines.push(line.clone());
                            self.confirm(&[id], statement.as_deref());
                            bookings.push(id);
                        }
                        self.sums.push(KnownSum { amount, line, bookings });
                        continue;
                    }
                    Is::Repeated(..) => continue,
                    Is::Differs(_) | Is::Unclear => {
                        self.undecided.push(format!("{is:?} {entry:?}"));
                        continue;
                    }
                };
                for id in &ids {
                    let known = self.known.iter_mut().find(|known| known.id == *id).expect("known");
                    known.lines.push(line.clone());
                    if let Some(code) = part.marks.ours.first() {
                        self.captured.insert(*id, code.clone());
                    }
                }
                self.confirm(&ids, statement.as_deref());
            }
        }
    }

    fn confirm(&mut self, ids: &[BankBookingId], statement: Option<&str>) {
        let Some(statement) = statement else { return };
        let parents: Vec<BankBookingId> =
            self.known.iter().filter(|known| ids.contains(&known.id)).filter_map(|known| known.parent).collect();
        for known in self.known.iter_mut().filter(|known| ids.contains(&known.id) || parents.contains(&known.id)) {
            known.statement.get_or_insert_with(|| statement.to_owned());
        }
    }

    fn new_booking(
        &mut self,
        entry: &ReportedEntry,
        part: &ReportedPart,
        parent: Option<BankBookingId>,
        day: NaiveDate,
    ) -> BankBookingId {
        let id = BankBookingId(uuid::Uuid::from_u128(u128::try_from(self.known.len()).expect("small") + 1));
        if let Some(parent) = self.known.iter_mut().find(|known| Some(known.id) == parent) {
            parent.untold = parent.untold.checked_sub(part.amount).expect("small");
            assert!(parent.untold.0 >= 0, "more than the sum");
        }
        let is_sum = is_sum(entry, part) && parent.is_none();
        let of_parent = self.known.iter().find(|known| Some(known.id) == parent);
        let statement = of_parent.and_then(|parent| parent.statement.clone());
        self.known.push(Known {
            id,
            amount: part.amount,
            is_credit: entry.is_credit,
            is_reversal: entry.is_reversal,
            statement,
            parent,
            is_sum,
            untold: if is_sum { part.amount } else { MinorUnits::ZERO },
            lines: Vec::new(),
        });
        self.days.insert(id, day);
        id
    }

    fn balance(&self) -> i64 {
        self.known.iter().filter(|known| known.parent.is_none()).map(|known| known.amount.0).sum()
    }
}

fn report(file: &str, entries: Vec<ReportedEntry>, statement: Option<StatedBalances>) -> AccountReport {
    let currency: Currency = "EUR".parse().expect("a currency");
    AccountReport { file: file.to_owned(), position: 0, account: "NL91".to_owned(), currency, statement, entries }
}

/// The files of a day, in the order in which they come.
fn files(number: u64, random: &mut Random, ways: &Ways, moved: &[Moved], opening: i64) -> Vec<AccountReport> {
    let day = day(number);
    let mut notified: Vec<Moved> = moved.iter().filter(|_| !random.one_in(5)).cloned().collect();
    random.shuffle(&mut notified);
    // A bundle is notified whole, or in its transfers.
    if ways.notifies_bundles {
        let whole: BTreeSet<u64> = notified.iter().filter_map(|moved| moved.bundle).collect();
        notified.retain(|moved| moved.bundle.is_none());
        notified.extend(moved.iter().filter(|moved| moved.bundle.is_some_and(|of| whole.contains(&of))).cloned());
    }
    let notifying = Bank { ways, day, is_stated: false };
    let entries = notifying.entries(&notified, ways.notifies_bundles);
    let size = if random.one_in(2) { 1 } else { 10 };
    let mut files: Vec<AccountReport> = entries
        .chunks(size)
        .enumerate()
        .map(|(part, entries)| report(&format!("{number}-{part}"), entries.to_vec(), None))
        .collect();
    let again: Vec<AccountReport> = files
        .iter()
        .filter(|_| random.one_in(4))
        .map(|file| AccountReport { file: format!("{}-again", file.file), ..file.clone() })
        .collect();
    files.extend(again);
    random.shuffle(&mut files);
    let mut entries = Bank { ways, day, is_stated: true }.entries(moved, true);
    random.shuffle(&mut entries);
    let total: i64 = moved.iter().map(|moved| moved.amount).sum();
    let balances = StatedBalances {
        name: number.to_string(),
        day,
        opening: Some(opening),
        closing: opening + total,
        moved: total,
    };
    let place = usize::try_from(random.below(u64::try_from(files.len()).expect("small") + 1)).expect("small");
    files.insert(place, report(&format!("{number}-stated"), entries.clone(), Some(balances.clone())));
    if random.one_in(5) {
        files.push(report(&format!("{number}-stated-again"), entries, Some(balances)));
    }
    files
}

#[test]
fn what_moved_is_booked_once_however_it_is_reported() {
    let mut wrong = Vec::new();
    for seed in 0..DAYS / 4 {
        let mut random = Random(seed);
        let ways = ways(&mut random);
        let (mut books, mut total, mut captured) = (Books::default(), 0_i64, BTreeMap::<String, i64>::new());
        for number in 0..4 {
            let moved = movements(&mut random);
            for file in files(number, &mut random, &ways, &moved, total) {
                books.read(&file, day(number));
            }
            total += moved.iter().map(|moved| moved.amount).sum::<i64>();
            for one in &moved {
                let code = one.code.clone().unwrap_or_default();
                *captured.entry(code).or_default() += one.amount;
            }
            if books.balance() != total {
                wrong.push(format!(
                    "seed {seed} day {number}: booked {} of {total} {ways:?} {:?}",
                    books.balance(),
                    books.undecided
                ));
                break;
            }
        }
        let mut booked: BTreeMap<&str, i64> = BTreeMap::new();
        for known in &books.known {
            if let Some(code) = books.captured.get(&known.id) {
                *booked.entry(code).or_default() += known.amount.0;
            }
        }
        for (code, amount) in booked {
            if captured.get(code).is_none_or(|real| amount > *real) {
                wrong.push(format!("seed {seed}: {amount} for {code}, of {:?} {ways:?}", captured.get(code)));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), DAYS / 4, wrong[..wrong.len().min(12)].join("\n"));
}

//! Random days at the bank, through the front door: notified and stated in random ways, as files. What came is booked once, our
//! books agree with the bank's balance, and `verify` has nothing to say.
//!
//! The matching alone is tried with thousands of days in `payment::bank_booking`; here are the files, the database and the
//! comparison with them.

use std::collections::BTreeMap;

use chrono::{NaiveDate, TimeDelta};
use entity::{LedgerAccount, MinorUnits, Money, payment};
use sea_orm::EntityTrait;
use secure_payment::{ledger, payment as payments};

use super::EUR;
use super::transfers::{asked, at, breaks, receipts, tell};
use crate::support::rail::Rail;
use crate::support::{TestApp, on_each_database};

on_each_database!(
    what_came_is_booked_once_and_agrees_with_the_balance_one,
    what_came_is_booked_once_and_agrees_with_the_balance_two,
);

/// Each bank has its own ways, and is seen for so many days.
const BANKS: u64 = 7;
const DAYS_OF_EACH: i64 = 2;

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

    fn one_in(&mut self, number: u64) -> bool {
        self.next().is_multiple_of(number)
    }

    fn any<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let length = u64::try_from(of.len()).expect("small");
        &of[usize::try_from(self.next() % length).expect("small")]
    }
}

/// What really came or went.
#[derive(Clone, Debug)]
struct Moved {
    units: i64,
    /// A debit that is not ours.
    is_foreign: bool,
    code: Option<String>,
    payer: usize,
    words: String,
    reference: String,
    is_bundled: bool,
}

#[derive(Clone, Copy, Debug)]
enum References {
    OfEach,
    OfTheDay,
    Placeholder,
    Missing,
}

#[derive(Debug)]
struct Ways {
    references: References,
    notifies_at_transfer: bool,
    notifies_bundles: bool,
    states_transfers: bool,
    counts: bool,
    notifies_times: bool,
    /// Where the payer's words stand in notifications, and on statements.
    places: [Place; 2],
    names_on_statements: bool,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    Line,
    TwoLines,
    OfTransfer,
    OfEntry,
}

impl Ways {
    fn new(random: &mut Random) -> Self {
        let places = [Place::Line, Place::TwoLines, Place::OfTransfer, Place::OfEntry];
        Self {
            references: *random.any(&[
                References::OfEach,
                References::OfEach,
                References::OfTheDay,
                References::Placeholder,
                References::Missing,
            ]),
            notifies_at_transfer: random.one_in(3),
            notifies_bundles: random.one_in(2),
            states_transfers: random.one_in(2),
            counts: random.one_in(2),
            notifies_times: random.one_in(3),
            places: [*random.any(&places), *random.any(&places)],
            names_on_statements: !random.one_in(3),
        }
    }
}

const PAYERS: [(&str, &str); 3] = [
    ("Alpha Trading Ltd", "DE89370400440532013000"),
    ("Beta Import GmbH", "NL91ABNA0417164300"),
    ("Gamma S.A.", "FR1420041010050500013M02606"),
];

fn movements(random: &mut Random, codes: &[String]) -> Vec<Moved> {
    let number = random.next() % 6;
    (0..number)
        .map(|index| {
            let is_foreign = random.one_in(6);
            let code = (!is_foreign && !random.one_in(4)).then(|| random.any(codes).clone());
            let invoice = random.next() % 40;
            Moved {
                units: *random.any(&[5_000, 8_100, 10_000, 4_711]),
                is_foreign,
                words: code.clone().unwrap_or_else(|| format!("invoice {invoice} of our order")),
                code,
                payer: usize::try_from(random.next() % 3).expect("small"),
                reference: format!("REF{index}"),
                is_bundled: !is_foreign && random.one_in(4),
            }
        })
        .collect()
}

/// How one report of a day is written.
struct Report<'a> {
    ways: &'a Ways,
    day: NaiveDate,
    is_stated: bool,
}

impl Report<'_> {
    fn amount(units: i64) -> String {
        let currency = EUR.0.parse().expect("a currency");
        format!("<Amt Ccy=\"{}\">{}</Amt>", EUR.0, Money::new(MinorUnits(units), currency).decimal())
    }

    fn place(&self) -> Place {
        self.ways.places[usize::from(self.is_stated)]
    }

    fn reference(&self, own: &str) -> String {
        let text = match self.ways.references {
            References::OfEach => own,
            References::OfTheDay => "SAME",
            References::Placeholder => "0000000000",
            References::Missing => return String::new(),
        };
        format!("<AcctSvcrRef>{text}</AcctSvcrRef>")
    }

    fn transfer(&self, moved: &Moved, reference: &str, is_single: bool) -> String {
        let has_name = !self.is_stated || self.ways.names_on_statements;
        let (name, account) = PAYERS[moved.payer];
        let party = if moved.is_foreign { "Cdtr" } else { "Dbtr" };
        let parties = format!(
            "<RltdPties><{party}><Pty><Nm>{name}</Nm></Pty></{party}><{party}Acct><Id><IBAN>{account}</IBAN></Id></{party}Acct></RltdPties>"
        );
        let words = format!("Goods {} thanks", moved.words);
        let (remittance, added) = match self.place() {
            Place::TwoLines => {
                let (one, two) = words.split_at(9);
                (format!("<RmtInf><Ustrd>{one}</Ustrd><Ustrd>{two}</Ustrd></RmtInf>"), String::new())
            }
            Place::OfTransfer => (String::new(), format!("<AddtlTxInf>{words}</AddtlTxInf>")),
            Place::OfEntry if is_single => (String::new(), String::new()),
            Place::Line | Place::OfEntry => (format!("<RmtInf><Ustrd>{words}</Ustrd></RmtInf>"), String::new()),
        };
        let direction = if moved.is_foreign { "DBIT" } else { "CRDT" };
        format!(
            "<TxDtls><Refs>{reference}<EndToEndId>NOTPROVIDED</EndToEndId></Refs>{}<CdtDbtInd>{direction}</CdtDbtInd>{}{remittance}{added}</TxDtls>",
            Self::amount(moved.units),
            if has_name { parties.as_str() } else { "" },
        )
    }

    fn entry(&self, (units, is_credit): (i64, bool), reference: &str, details: &str, added: &str) -> String {
        let day = self.day;
        let at = if self.ways.notifies_times && !self.is_stated {
            format!("<DtTm>{day}T10:15:00+01:00</DtTm>")
        } else {
            format!("<Dt>{day}</Dt>")
        };
        let added = if added.is_empty() { String::new() } else { format!("<AddtlNtryInf>{added}</AddtlNtryInf>") };
        format!(
            "<Ntry>{}<CdtDbtInd>{}</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt>{at}</BookgDt><ValDt><Dt>{day}</Dt></ValDt>{reference}\
             <BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>{}</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn></BkTxCd>\
             <NtryDtls>{details}</NtryDtls>{added}</Ntry>",
            Self::amount(units),
            if is_credit { "CRDT" } else { "DBIT" },
            if is_credit { "RCDT" } else { "ICDT" },
        )
    }

    fn single(&self, moved: &Moved) -> String {
        let reference = self.reference(&moved.reference);
        let is_at_transfer = self.ways.notifies_at_transfer && !self.is_stated;
        let (of_entry, of_transfer) = if is_at_transfer { ("", reference.as_str()) } else { (reference.as_str(), "") };
        let words = format!("Goods {} thanks", moved.words);
        let added = if matches!(self.place(), Place::OfEntry) { words.as_str() } else { "" };
        self.entry((moved.units, !moved.is_foreign), of_entry, &self.transfer(moved, of_transfer, true), added)
    }

    fn bundle(&self, all: &[&Moved]) -> String {
        let sum = all.iter().map(|moved| moved.units).sum();
        let count =
            if self.ways.counts { format!("<Btch><NbOfTxs>{}</NbOfTxs></Btch>", all.len()) } else { String::new() };
        if self.is_stated && !self.ways.states_transfers {
            return self.entry((sum, true), &self.reference("COLL"), &count, "COLLECTIVE CREDIT");
        }
        let of_each = |moved: &&Moved| match self.ways.references {
            References::OfEach => self.reference(&moved.reference),
            References::OfTheDay | References::Placeholder | References::Missing => String::new(),
        };
        let details: String = all.iter().map(|moved| self.transfer(moved, &of_each(moved), false)).collect();
        self.entry((sum, true), &self.reference("COLL"), &format!("{count}{details}"), "")
    }

    fn entries(&self, moved: &[Moved], keeps_bundles: bool) -> Vec<String> {
        let (bundled, single): (Vec<&Moved>, Vec<&Moved>) =
            moved.iter().partition(|moved| moved.is_bundled && keeps_bundles);
        let mut entries: Vec<String> = single.into_iter().map(|moved| self.single(moved)).collect();
        match bundled.as_slice() {
            [] => {}
            [only] => entries.push(self.single(only)),
            all => entries.push(self.bundle(all)),
        }
        entries
    }
}

fn document(of: &str, message: &str, inside: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:{of}\"><{message}>\
         <GrpHdr><MsgId>M</MsgId><CreDtTm>2026-09-30T09:00:00+00:00</CreDtTm></GrpHdr>{inside}</{message}></Document>"
    )
}

fn account() -> String {
    format!("<Acct><Id><IBAN>{}</IBAN></Id><Ccy>{}</Ccy></Acct>", EUR.1, EUR.0)
}

fn notification(id: &str, entries: &[String]) -> String {
    let inside = format!("<Ntfctn><Id>{id}</Id>{}{}</Ntfctn>", account(), entries.concat());
    document("camt.054.001.08", "BkToCstmrDbtCdtNtfctn", &inside)
}

fn statement(day: NaiveDate, [opening, closing]: [i64; 2], entries: &[String]) -> String {
    let balance = |code: &str, units: i64| {
        format!(
            "<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>{}<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>{day}</Dt></Dt></Bal>",
            Report::amount(units)
        )
    };
    let inside = format!(
        "<Stmt><Id>S-{day}</Id>{}{}{}{}</Stmt>",
        account(),
        balance("OPBD", opening),
        balance("CLBD", closing),
        entries.concat()
    );
    document("camt.053.001.08", "BkToCstmrStmt", &inside)
}

/// The files of a day, in the order in which they come; some come twice, some bookings are not notified.
fn files(random: &mut Random, ways: &Ways, day: NaiveDate, moved: &[Moved], balances: [i64; 2]) -> Vec<String> {
    let is_bundle_notified = !random.one_in(5);
    let is_notified = |random: &mut Random, moved: &Moved| {
        if moved.is_bundled && ways.notifies_bundles { is_bundle_notified } else { !random.one_in(5) }
    };
    let notified: Vec<Moved> = moved.iter().filter(|moved| is_notified(random, moved)).cloned().collect();
    let notifying = Report { ways, day, is_stated: false };
    let entries = notifying.entries(&notified, ways.notifies_bundles);
    let size = if random.one_in(2) { 1 } else { 10 };
    let mut files: Vec<String> = Vec::new();
    for (number, chunk) in entries.chunks(size).enumerate() {
        files.push(notification(&format!("N-{day}-{number}"), chunk));
        if random.one_in(4) {
            files.push(notification(&format!("N-{day}-{number}-again"), chunk));
        }
    }
    let mut entries = Report { ways, day, is_stated: true }.entries(moved, true);
    entries.reverse();
    let place = usize::try_from(random.next() % u64::try_from(files.len() + 1).expect("small")).expect("small");
    files.insert(place, statement(day, balances, &entries));
    files
}

async fn at_the_bank(app: &TestApp) -> i64 {
    let account = LedgerAccount::Provider("bank".to_owned());
    let currency = EUR.0.parse().expect("a currency");
    -ledger::balance(&app.db().read, &account, currency).await.expect("a balance").0
}

/// What came for each of the orders, as far as we know; and what came at all.
async fn booked(rail: &Rail<'_>, codes: &BTreeMap<String, i64>) -> BTreeMap<String, i64> {
    let rows = payment::Entity::find().all(&rail.app.db.read).await.expect("reads");
    rows.into_iter()
        .filter(|row| codes.contains_key(&row.reference))
        .map(|row| (row.reference, row.captured.0))
        .collect()
}

async fn days(app: &TestApp, seeds: std::ops::Range<u64>) {
    let (rail, bank) = at(app).await;
    let (mut balance, mut came) = (5_000_000, 0);
    for seed in seeds {
        let mut random = Random(seed);
        let ways = Ways::new(&mut random);
        // References come again, a year later.
        app.clock().advance(TimeDelta::days(15));
        let mut real: BTreeMap<String, i64> = BTreeMap::new();
        for _order in 0..2 {
            let (_order, payment) = asked(&rail, "90000.00").await;
            real.insert(payment.reference, 0);
        }
        let codes: Vec<String> = real.keys().cloned().collect();
        for number in 0..DAYS_OF_EACH {
            app.clock().advance(TimeDelta::days(1));
            let day = app.clock().now().date_naive();
            let moved = movements(&mut random, &codes);
            let signed = |moved: &Moved| if moved.is_foreign { -moved.units } else { moved.units };
            let closing = balance + moved.iter().map(signed).sum::<i64>();
            for file in files(&mut random, &ways, day, &moved, [balance, closing]) {
                tell(&rail, &bank, file).await;
            }
            balance = closing;
            for one in moved.iter().filter(|one| !one.is_foreign) {
                came += one.units;
                if let Some(code) = &one.code {
                    *real.get_mut(code).expect("one of ours") += one.units;
                }
            }
            let what = format!("seed {seed} day {number} {ways:?} {moved:#?}");
            assert_eq!(at_the_bank(app).await, came, "{what}");
            assert_eq!(breaks(app).await, [], "{what}");
            for (code, units) in booked(&rail, &real).await {
                assert!(units <= real[&code], "{code}: {units} of {} {what}", real[&code]);
            }
        }
        let aside: i64 = receipts(&rail).await.iter().map(|row| row.left().0).sum();
        let captured: i64 = {
            let rows = payment::Entity::find().all(&rail.app.db.read).await.expect("reads");
            rows.iter().map(|row| row.captured.0).sum()
        };
        assert_eq!(captured + aside, came, "seed {seed}");
    }
    assert_eq!(payments::verify(&app.db().read).await.expect("verifies"), Vec::<String>::new());
}

async fn what_came_is_booked_once_and_agrees_with_the_balance_one(app: &TestApp) {
    days(app, 0..BANKS).await;
}

async fn what_came_is_booked_once_and_agrees_with_the_balance_two(app: &TestApp) {
    days(app, BANKS..2 * BANKS).await;
}

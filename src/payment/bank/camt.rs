//! What the bank has booked: camt.054 (each booking, as it happens) and camt.053 (all of a day, at its end).
//!
//! Both list entries of an account, and the same entry is in both: what it moved is named by the bank's own reference of it
//! (`AcctSvcrRef`), so it is booked once, whichever comes first. Only what is booked (`BOOK`) is money. A payer's reference
//! decides where money belongs, never that it arrived: a credit that names nothing of ours is still a capture, for the
//! core to set aside.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use entity::{MinorUnits, Money};
use sha2::{Digest, Sha256};

use super::document::{Document, Element, Problem};
use super::reference::{Ordered, candidates, is_given};
use super::settings::{Account, compact};
use super::words::of_reason;
use crate::payment::{Fact, LineKind, Remitter, Statement, StatementLine};

/// Longer ones are not the bank's, and don't fit into an index.
const LONGEST_REFERENCE: usize = 100;
/// Commissions, charges, fees. Source: ISO 20022 external code sets, `ExternalBankTransactionSubFamily1Code`.
const CHARGES: [&str; 6] = ["CHRG", "FEES", "COMM", "COME", "COMI", "COMT"];
/// A transfer of ours that came back.
const RETURNED: &str = "RRTN";

pub(super) fn notified(document: &Document, accounts: &[Account]) -> Result<Vec<Fact>, Problem> {
    let body = document.root.at(&["BkToCstmrDbtCdtNtfctn"]).ok_or("a camt.054 without its body")?;
    let mut facts = Vec::new();
    let mut hashes = Hashes::default();
    for notification in body.all("Ntfctn") {
        match Report::read(notification, accounts) {
            Ok(report) => {
                let bookings = report.bookings(&mut hashes);
                facts.extend(bookings.into_iter().flat_map(Booking::into_notified));
            }
            Err(problem) => facts.push(Fact::NotUnderstood(problem)),
        }
    }
    Ok(facts)
}

pub(super) fn stated(document: &Document, accounts: &[Account]) -> Result<Vec<Fact>, Problem> {
    let body = document.root.at(&["BkToCstmrStmt"]).ok_or("a camt.053 without its body")?;
    let in_pages = document.root.at(&["BkToCstmrStmt", "GrpHdr", "MsgPgntn"]).is_some_and(is_a_part);
    let mut facts = Vec::new();
    let mut hashes = Hashes::default();
    for statement in body.all("Stmt") {
        let report = match Report::read(statement, accounts) {
            Ok(report) => report,
            Err(problem) => {
                facts.push(Fact::NotUnderstood(problem));
                continue;
            }
        };
        let bookings = report.bookings(&mut hashes);
        let stated = if in_pages || statement.at(&["StmtPgntn"]).is_some_and(is_a_part) {
            Err("a statement in several pages can't be compared with our books".to_owned())
        } else {
            report.statement(&bookings)
        };
        facts.extend(bookings.into_iter().flat_map(Booking::into_stated));
        let closing = stated.and_then(|stated| {
            facts.push(Fact::Statement(stated));
            report.adds_up()
        });
        facts.extend(closing.err().map(Fact::NotUnderstood));
    }
    Ok(facts)
}

fn is_a_part(page: &Element) -> bool {
    page.text_at(&["PgNb"]) != Some("1") || page.text_at(&["LastPgInd"]) != Some("true")
}

/// A notification or a statement, of one account of ours.
struct Report<'a> {
    account: &'a Account,
    element: &'a Element,
}

/// How often content without a reference of the bank's has been seen in this file.
#[derive(Default)]
struct Hashes(BTreeMap<String, u32>);

impl<'a> Report<'a> {
    fn read(element: &'a Element, accounts: &'a [Account]) -> Result<Self, Problem> {
        let iban = element.text_at(&["Acct", "Id", "IBAN"]).map(compact).ok_or("an account without an IBAN")?;
        let of_iban = accounts.iter().filter(|account| account.iban == iban);
        let stated = element.text_at(&["Acct", "Ccy"]).or_else(|| first_currency(element));
        let mut found = of_iban.filter(|account| stated.is_none_or(|currency| currency == account.currency.code()));
        let account = found.next().ok_or("an account, or a currency of it, that is none of ours")?;
        if found.next().is_some() {
            return Err("an account of ours in several currencies, which doesn't say in which it is".to_owned());
        }
        Ok(Self { account, element })
    }

    fn bookings(&self, hashes: &mut Hashes) -> Vec<Booking> {
        self.element.all("Ntry").flat_map(|entry| self.read_entry(entry, hashes)).collect()
    }

    fn read_entry(&self, element: &Element, hashes: &mut Hashes) -> Vec<Booking> {
        match Entry::read(self.account, element) {
            Ok(Some(entry)) => match entry.parts() {
                Ok(parts) => entry.named(parts, hashes).iter().map(|part| entry.meaning(part)).collect(),
                Err(problem) => {
                    let whole = entry.named(vec![(None, entry.amount)], hashes);
                    whole.iter().map(|whole| entry.other(whole, Some(problem.clone()))).collect()
                }
            },
            Ok(None) => Vec::new(),
            Err(problem) => vec![Booking { line: None, facts: Vec::new(), unclear: Some(problem), is_ordered: true }],
        }
    }

    fn statement(&self, bookings: &[Booking]) -> Result<Statement, Problem> {
        let closing = self.balance(&["CLBD"]).ok_or("a statement without a closing balance")?;
        let day = closing.at(&["Dt"]).and_then(day_of).ok_or("a closing balance without its day")?;
        let lines = bookings.iter().filter_map(|booking| booking.line.clone()).collect();
        Ok(Statement { currency: self.account.currency, day, lines })
    }

    fn balance(&self, codes: &[&str]) -> Option<&'a Element> {
        let code = |balance: &'a Element| balance.text_at(&["Tp", "CdOrPrtry", "Cd"]);
        codes.iter().find_map(|wanted| self.element.all("Bal").find(|balance| code(balance) == Some(*wanted)))
    }

    /// Opening balance and entries must come to the closing balance.
    fn adds_up(&self) -> Result<(), Problem> {
        let opening = self.balance(&["OPBD", "PRCD"]).ok_or("a statement without an opening balance")?;
        let closing = self.balance(&["CLBD"]).ok_or("a statement without a closing balance")?;
        let mut sum = self.signed(opening)?;
        for entry in self.element.all("Ntry").filter(|entry| status(entry) == Some("BOOK")) {
            sum += self.signed(entry)?;
        }
        if sum == self.signed(closing)? {
            return Ok(());
        }
        Err("a statement whose entries don't come from its opening to its closing balance".to_owned())
    }

    fn signed(&self, element: &Element) -> Result<i128, Problem> {
        let money = element.money_at(&["Amt"])?;
        if money.currency != self.account.currency {
            return Err("an amount that is not in the currency of its account".to_owned());
        }
        let units = i128::from(money.amount.0);
        Ok(if is_credit(element)? { units } else { -units })
    }
}

/// Of the balances or entries, where the account doesn't say it.
fn first_currency(element: &Element) -> Option<&str> {
    let amount = element.all("Ntry").chain(element.all("Bal")).find_map(|inner| inner.at(&["Amt"]))?;
    amount.currency()
}

fn status(entry: &Element) -> Option<&str> {
    // In versions before .04 the code stands there without an element of its own.
    entry.text_at(&["Sts", "Cd"]).or_else(|| entry.text_at(&["Sts"]))
}

fn is_credit(element: &Element) -> Result<bool, Problem> {
    match element.text_at(&["CdtDbtInd"]) {
        Some("CRDT") => Ok(true),
        Some("DBIT") => Ok(false),
        _neither => Err("an amount that is neither a credit nor a debit".to_owned()),
    }
}

fn day_of(element: &Element) -> Option<NaiveDate> {
    let text = element.text_at(&["Dt"]).or_else(|| element.text_at(&["DtTm"]))?;
    text.get(..10)?.parse().ok()
}

/// One booking of the bank's on an account of ours.
struct Entry<'a> {
    account: &'a Account,
    element: &'a Element,
    amount: Money,
    is_credit: bool,
    is_reversal: bool,
}

/// A part of an entry: its details and its amount.
type Part<'a> = (Option<&'a Element>, Money);

/// A part with the name by which it is booked.
struct Named<'a> {
    details: Option<&'a Element>,
    amount: Money,
    movement: String,
}

impl<'a> Entry<'a> {
    /// None for what is not booked, and for what moves nothing.
    fn read(account: &'a Account, element: &'a Element) -> Result<Option<Self>, Problem> {
        match status(element) {
            Some("BOOK") => {}
            Some("PDNG" | "INFO" | "FUTR") => return Ok(None),
            Some(_) | None => return Err("an entry of which it isn't clear whether it is booked".to_owned()),
        }
        let amount = element.money_at(&["Amt"])?;
        if amount.currency != account.currency {
            return Err("an entry that is not in the currency of its account".to_owned());
        }
        let is_credit = is_credit(element)?;
        let is_reversal = match element.text_at(&["RvslInd"]) {
            Some("true" | "1") => true,
            Some("false" | "0") => false,
            None if !element.has("RvslInd") => false,
            Some(_) | None => return Err("an entry of which it isn't clear whether it is a reversal".to_owned()),
        };
        Ok((!amount.amount.is_zero()).then_some(Self { account, element, amount, is_credit, is_reversal }))
    }

    /// The transactions that the bank booked as one, or the entry itself.
    fn parts(&self) -> Result<Vec<Part<'a>>, Problem> {
        let details: Vec<&Element> = self.element.all("NtryDtls").flat_map(|details| details.all("TxDtls")).collect();
        for one in &details {
            if one.has("CdtDbtInd") && is_credit(one)? != self.is_credit {
                return Err("an entry with details that go the other way".to_owned());
            }
        }
        let amount = |details: &Element| match details.at(&["Amt"]) {
            Some(amount) => amount.money().map(Some),
            None => details.at(&["AmtDtls", "TxAmt", "Amt"]).map(Element::money).transpose(),
        };
        if let [] | [_] = details.as_slice() {
            let only = details.first().copied();
            let stated = only.map(amount).transpose()?.flatten();
            // In another currency it is what the payer sent; what arrived is the entry's.
            if stated.is_some_and(|stated| stated.currency == self.amount.currency && stated != self.amount) {
                return Err("an entry whose details have another amount".to_owned());
            }
            return Ok(vec![(only, self.amount)]);
        }
        let mut parts = Vec::with_capacity(details.len());
        let mut sum = MinorUnits::ZERO;
        for one in details {
            let amount = amount(one)?.filter(|amount| amount.currency == self.amount.currency);
            let amount = amount.ok_or("an entry of several transactions that don't all have an amount")?;
            sum = sum.checked_add(amount.amount).ok_or("an entry whose details are too large")?;
            parts.push((Some(one), amount));
        }
        if sum != self.amount.amount {
            return Err("an entry whose details come to another amount".to_owned());
        }
        parts.retain(|(_details, amount)| !amount.amount.is_zero());
        Ok(parts)
    }

    /// By the bank's own references of the movements, which are the same in every file; unique at one bank, so the currency
    /// says which account's.
    fn named(&self, parts: Vec<Part<'a>>, hashes: &mut Hashes) -> Vec<Named<'a>> {
        let own = usable(self.element.text_at(&["AcctSvcrRef"]));
        let inner: Vec<Option<&str>> = parts
            .iter()
            .map(|(details, _)| usable(details.and_then(|details| details.text_at(&["Refs", "AcctSvcrRef"]))))
            .collect();
        let is_one = parts.len() == 1;
        let are_distinct = inner.iter().enumerate().all(|(index, reference)| {
            reference.is_some() && Some(*reference) != Some(own) && !inner[..index].contains(reference)
        });
        let mut named = Vec::with_capacity(parts.len());
        for ((index, (details, amount)), inner) in (1..).zip(parts).zip(inner) {
            let name = match own {
                Some(own) if is_one => own.to_owned(),
                _several if inner.is_some() && (is_one || are_distinct) => inner.unwrap_or_default().to_owned(),
                Some(own) => format!("{own}#{index}"),
                None => self.by_content(details, amount, hashes),
            };
            named.push(Named { details, amount, movement: format!("{}/{name}", self.account.currency) });
        }
        named
    }

    /// For banks that give no reference: what makes the booking this one, and its number among its likes in the file. Two
    /// likes of one day in two files are taken for one until the day's statement has both.
    fn by_content(&self, details: Option<&Element>, amount: Money, hashes: &mut Hashes) -> String {
        let day = self.element.at(&["BookgDt"]).and_then(day_of).map(|day| day.to_string()).unwrap_or_default();
        let amount = amount.decimal().to_string();
        let text = |path: &[&str]| details.and_then(|details| details.text_at(path)).unwrap_or_default();
        let remittance = details.and_then(|details| details.at(&["RmtInf"]));
        let lines =
            remittance.map(|remittance| remittance.all("Ustrd").map(Element::text).collect::<Vec<_>>().join("\n"));
        let mut hash = Sha256::new();
        for part in [
            self.account.iban.as_str(),
            amount.as_str(),
            if self.is_credit { "CRDT" } else { "DBIT" },
            if self.is_reversal { "reversal" } else { "" },
            day.as_str(),
            text(&["Refs", "EndToEndId"]),
            text(&["RmtInf", "Strd", "CdtrRefInf", "Ref"]),
            lines.as_deref().unwrap_or_default(),
        ] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        let hash = hex::encode(&hash.finalize()[..16]);
        let seen = hashes.0.entry(hash.clone()).or_default();
        *seen += 1;
        format!("~{hash}#{seen}")
    }

    fn meaning(&self, part: &Named<'a>) -> Booking {
        let end_to_end_id = part.details.and_then(|details| details.text_at(&["Refs", "EndToEndId"]));
        let end_to_end_id = end_to_end_id.filter(|id| is_given(id));
        let returned = part.details.and_then(|details| details.at(&["RtrInf"]));
        if self.is_credit {
            let is_returned = returned.is_some() || self.is_reversal || self.sub_family(part) == Some(RETURNED);
            // Only the bank can say that. A payer may write the id of an order of ours into a transfer too.
            return match end_to_end_id {
                Some(id) if is_returned => came_back(part, id, returned),
                None if is_returned => {
                    self.other(part, Some("money of ours came back, but it doesn't say of which order".to_owned()))
                }
                id => captured(part, id.filter(|id| Ordered::surely(id).is_none())),
            };
        }
        if self.sub_family(part).is_some_and(|code| CHARGES.contains(&code)) {
            return self.other(part, None);
        }
        let taken_back =
            (self.is_reversal || returned.is_some()) && end_to_end_id.is_none_or(|id| Ordered::surely(id).is_none());
        if taken_back {
            return self.reversed(part, end_to_end_id, returned);
        }
        match end_to_end_id {
            Some(id) => left(part, id),
            None => self.other(part, None),
        }
    }

    fn sub_family(&self, part: &Named<'a>) -> Option<&'a str> {
        let of = |element: &'a Element| element.text_at(&["BkTxCd", "Domn", "Fmly", "SubFmlyCd"]);
        part.details.and_then(of).or_else(|| of(self.element))
    }

    /// What had arrived is taken back.
    fn reversed(&self, part: &Named<'a>, end_to_end_id: Option<&str>, returned: Option<&Element>) -> Booking {
        let found = candidates(end_to_end_id, part.details.and_then(|details| details.at(&["RmtInf"])));
        let Some(reference) = found.iter().find(|one| one.starts_with("SP-")).or(found.first()).cloned() else {
            return self.other(part, Some("money is taken back, but it doesn't say of which payment".to_owned()));
        };
        let reason = reason_of(returned, "the bank took its booking back");
        let fact = Fact::PaymentReversed {
            reference: reference.clone(),
            movement: part.movement.clone(),
            amount: part.amount,
            reason,
        };
        part.booking(LineKind::Reversal, Some(reference), vec![fact])
    }

    /// What is nothing of ours. On a statement that is all that there is to be said of a debit.
    fn other(&self, part: &Named<'a>, problem: Option<String>) -> Booking {
        let is_charge = self.sub_family(part).is_some_and(|code| CHARGES.contains(&code));
        let kind = match (self.is_credit, is_charge) {
            (true, _) => LineKind::OtherCredit,
            (false, true) => LineKind::Fee,
            (false, false) => LineKind::OtherDebit,
        };
        let is_ordered = problem.is_some();
        let unclear = problem.or_else(|| Some("a debit that we have not ordered".to_owned()));
        Booking { unclear, is_ordered, ..part.booking(kind, None, Vec::new()) }
    }
}

fn usable(reference: Option<&str>) -> Option<&str> {
    reference.filter(|reference| is_given(reference) && reference.len() <= LONGEST_REFERENCE)
}

fn reason_of(returned: Option<&Element>, otherwise: &str) -> String {
    let Some(returned) = returned else { return otherwise.to_owned() };
    of_reason(returned.text_at(&["Rsn", "Cd"]).or_else(|| returned.text_at(&["Rsn", "Prtry"])))
}

fn came_back(part: &Named<'_>, id: &str, returned: Option<&Element>) -> Booking {
    let reason = reason_of(returned, "the bank took its booking back");
    let (kind, reference, facts) = returned_facts(id, &part.movement, part.amount, reason);
    part.booking(kind, Some(reference), facts)
}

/// What comes back had left: where that is still on its way to us, this says it too.
pub(super) fn returned_facts(id: &str, movement: &str, amount: Money, reason: String) -> (LineKind, String, Vec<Fact>) {
    match Ordered::from_wire(id) {
        Ordered::Refund(reference) => {
            let sent = Fact::RefundSucceeded {
                reference: reference.clone(),
                provider_reference: None,
                movement: format!("{movement}:sent"),
                amount,
            };
            let failed =
                Fact::RefundFailed { reference: reference.clone(), movement: Some(movement.to_owned()), reason };
            (LineKind::RefundReturned, reference, vec![sent, failed])
        }
        Ordered::Payout(reference) => {
            let movement = movement.to_owned();
            let fact = Fact::PayoutReturned { reference: reference.clone(), movement, amount, reason };
            (LineKind::PayoutReturned, reference, vec![fact])
        }
    }
}

fn left(part: &Named<'_>, id: &str) -> Booking {
    let (movement, amount, provider_reference) = (part.movement.clone(), part.amount, None);
    let (kind, reference, fact) = match Ordered::from_wire(id) {
        Ordered::Refund(reference) => {
            let fact = Fact::RefundSucceeded { reference: reference.clone(), provider_reference, movement, amount };
            (LineKind::Refund, reference, fact)
        }
        Ordered::Payout(reference) => {
            let fact = Fact::PayoutPaid { reference: reference.clone(), provider_reference, movement, amount };
            (LineKind::Payout, reference, fact)
        }
    };
    part.booking(kind, Some(reference), vec![fact])
}

fn captured(part: &Named<'_>, end_to_end_id: Option<&str>) -> Booking {
    let references = candidates(end_to_end_id, part.details.and_then(|details| details.at(&["RmtInf"])));
    let reference = references.first().cloned();
    let fact = Fact::PaymentCaptured {
        references,
        provider_reference: None,
        movement: part.movement.clone(),
        amount: part.amount,
        remitter: part.details.and_then(remitter),
    };
    part.booking(LineKind::Capture, reference, vec![fact])
}

fn remitter(details: &Element) -> Option<Remitter> {
    let given = |paths: &[&[&str]]| paths.iter().find_map(|path| details.text_at(path)).map(str::to_owned);
    // In versions before .04 a party has no element `Pty`.
    let name = given(&[&["RltdPties", "Dbtr", "Pty", "Nm"], &["RltdPties", "Dbtr", "Nm"]]);
    let account = given(&[&["RltdPties", "DbtrAcct", "Id", "IBAN"], &["RltdPties", "DbtrAcct", "Id", "Othr", "Id"]]);
    let written = details.at(&["RmtInf"]).into_iter().flat_map(|remittance| {
        let structured = remittance.all("Strd").filter_map(|strd| strd.text_at(&["CdtrRefInf", "Ref"]));
        remittance.all("Ustrd").map(Element::text).chain(structured)
    });
    let end_to_end_id = details.text_at(&["Refs", "EndToEndId"]).filter(|id| is_given(id));
    let text: Vec<&str> = written.chain(end_to_end_id).collect();
    let text = (!text.is_empty()).then(|| text.join(" ").chars().take(1_000).collect());
    (name.is_some() || account.is_some() || text.is_some()).then_some(Remitter { name, account, text })
}

impl Named<'_> {
    fn booking(&self, kind: LineKind, reference: Option<String>, facts: Vec<Fact>) -> Booking {
        let line = StatementLine { kind, movement: self.movement.clone(), reference, amount: self.amount };
        Booking { line: Some(line), facts, unclear: None, is_ordered: true }
    }
}

/// What one movement comes to: a line of a statement, facts, or a question.
struct Booking {
    line: Option<StatementLine>,
    facts: Vec<Fact>,
    unclear: Option<Problem>,
    /// False for the bank's own doings, which are no question on a statement.
    is_ordered: bool,
}

impl Booking {
    fn into_notified(self) -> Vec<Fact> {
        self.facts.into_iter().chain(self.unclear.map(Fact::NotUnderstood)).collect()
    }

    fn into_stated(self) -> Vec<Fact> {
        let unclear = self.unclear.filter(|_| self.is_ordered);
        self.facts.into_iter().chain(unclear.map(Fact::NotUnderstood)).collect()
    }
}

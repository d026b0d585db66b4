//! What the bank has booked: camt.054 (each booking, as it happens) and camt.053 (all of a day, at its end).
//!
//! Both list entries of an account, and the same entry is in both: what it moved is named by the bank's own reference of it
//! (`AcctSvcrRef`), so it is booked once, whichever comes first. Only what is booked (`BOOK`) is money. A payer's reference
//! decides where money belongs, never that it arrived: a credit that names nothing of ours is still a capture, for the
//! core to set aside.

use super::account::{OwnAccount, find_account};
use super::document::{BankElement, BankMessage, MessageProblem, day_of, is_credit, status};
use super::entry::{Entry, Hashes};
use crate::fact::{Fact, Statement, StatementLine};

pub(super) fn notified(document: &BankMessage, accounts: &[OwnAccount]) -> Result<Vec<Fact>, MessageProblem> {
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

pub(super) fn stated(document: &BankMessage, accounts: &[OwnAccount]) -> Result<Vec<Fact>, MessageProblem> {
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
            Err("a page of a statement in several pages: what it has booked is booked, but only a whole statement can be \
                 compared with our books; ask the bank for statements in one page"
                .to_owned())
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

/// The first page that is the last one is all of it. Banks write its number with zeros, too.
fn is_a_part(page: &BankElement) -> bool {
    let is_first = page.text_at(&["PgNb"]).and_then(|number| number.parse().ok()) == Some(1_u32);
    let is_last = matches!(page.text_at(&["LastPgInd"]), Some("true" | "1"));
    !(is_first && is_last)
}

/// A notification or a statement, of one account of ours.
struct Report<'a> {
    account: &'a OwnAccount,
    element: &'a BankElement,
}

impl<'a> Report<'a> {
    fn read(element: &'a BankElement, accounts: &'a [OwnAccount]) -> Result<Self, MessageProblem> {
        let named = element.at(&["Acct"]).ok_or("a report without its account")?;
        let currency = named.text_at(&["Ccy"]).or_else(|| first_currency(element));
        let account = find_account(accounts, named, currency)?;
        Ok(Self { account, element })
    }

    fn bookings(&self, hashes: &mut Hashes) -> Vec<Booking> {
        self.element.all("Ntry").flat_map(|entry| self.read_entry(entry, hashes)).collect()
    }

    fn read_entry(&self, element: &BankElement, hashes: &mut Hashes) -> Vec<Booking> {
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

    fn statement(&self, bookings: &[Booking]) -> Result<Statement, MessageProblem> {
        let closing = self.balance(&["CLBD"]).ok_or("a statement without a closing balance")?;
        let day = closing.at(&["Dt"]).and_then(day_of).ok_or("a closing balance without its day")?;
        let lines = bookings.iter().filter_map(|booking| booking.line.clone()).collect();
        Ok(Statement { currency: self.account.currency, day, lines })
    }

    fn balance(&self, codes: &[&str]) -> Option<&'a BankElement> {
        let code = |balance: &'a BankElement| balance.text_at(&["Tp", "CdOrPrtry", "Cd"]);
        codes.iter().find_map(|wanted| self.element.all("Bal").find(|balance| code(balance) == Some(*wanted)))
    }

    /// Opening balance and entries must come to the closing balance.
    fn adds_up(&self) -> Result<(), MessageProblem> {
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

    fn signed(&self, element: &BankElement) -> Result<i128, MessageProblem> {
        let money = element.money_at(&["Amt"])?;
        if money.currency != self.account.currency {
            return Err("an amount that is not in the currency of its account".to_owned());
        }
        let units = i128::from(money.amount.0);
        Ok(if is_credit(element)? { units } else { -units })
    }
}

/// Of the balances or entries, where the account doesn't say it.
fn first_currency(element: &BankElement) -> Option<&str> {
    let amount = element.all("Ntry").chain(element.all("Bal")).find_map(|inner| inner.at(&["Amt"]))?;
    amount.currency()
}

/// What one movement comes to: a line of a statement, facts, or a question.
pub(super) struct Booking {
    pub(super) line: Option<StatementLine>,
    pub(super) facts: Vec<Fact>,
    pub(super) unclear: Option<MessageProblem>,
    /// False for the bank's own doings, which are no question on a statement.
    pub(super) is_ordered: bool,
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

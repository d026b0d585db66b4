//! What is booked on our accounts: camt.054 (as it happens) and camt.053 (the day's statement).
//!
//! A reference says where money belongs, never that it arrived: a credit that names nothing of ours is still a capture, for
//! the core to set aside. Which of the bookings that were reported before a line is, the core decides, too.

use super::account::{OwnAccount, find_account};
use super::document::{BankElement, BankMessage, MessageProblem, day_of, is_credit, status};
use super::entry::Entry;
use crate::account_report::{AccountReport, ReportedEntry, StatedBalances};
use crate::fact::Fact;

pub(super) fn notified(
    document: &BankMessage,
    accounts: &[OwnAccount],
    file: &str,
) -> Result<Vec<Fact>, MessageProblem> {
    let body = document.root.at(&["BkToCstmrDbtCdtNtfctn"]).ok_or("a camt.054 without its body")?;
    let mut facts = Vec::new();
    for (position, notification) in body.all("Ntfctn").enumerate() {
        match Report::read(notification, accounts) {
            Ok(report) => facts.extend(report.facts(file, position, None)),
            Err(problem) => facts.push(Fact::NotUnderstood(problem)),
        }
    }
    Ok(facts)
}

pub(super) fn stated(document: &BankMessage, accounts: &[OwnAccount], file: &str) -> Result<Vec<Fact>, MessageProblem> {
    let body = document.root.at(&["BkToCstmrStmt"]).ok_or("a camt.053 without its body")?;
    let in_pages = document.root.at(&["BkToCstmrStmt", "GrpHdr", "MsgPgntn"]).is_some_and(is_a_part);
    let mut facts = Vec::new();
    for (position, statement) in body.all("Stmt").enumerate() {
        let report = match Report::read(statement, accounts) {
            Ok(report) => report,
            Err(problem) => {
                facts.push(Fact::NotUnderstood(problem));
                continue;
            }
        };
        let balances = if in_pages || statement.at(&["StmtPgntn"]).is_some_and(is_a_part) {
            Err("a page of a statement in several pages: what it has booked is booked, but only a whole statement can be \
                 compared with our books; ask the bank for statements in one page"
                .to_owned())
        } else {
            report.balances()
        };
        let problem = balances.as_ref().err().cloned();
        facts.extend(report.facts(file, position, balances.ok()));
        facts.extend(problem.map(Fact::NotUnderstood));
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

    /// The report, and what of it can't be read.
    fn facts(&self, file: &str, position: usize, statement: Option<StatedBalances>) -> Vec<Fact> {
        let (mut entries, mut problems): (Vec<ReportedEntry>, Vec<Fact>) = (Vec::new(), Vec::new());
        for element in self.element.all("Ntry") {
            match Entry::read(self.account, element) {
                Ok(Some(entry)) => entries.push(entry.reported()),
                Ok(None) => {}
                Err(problem) => problems.push(Fact::NotUnderstood(problem)),
            }
        }
        let report = AccountReport {
            file: file.to_owned(),
            position,
            account: self.account.iban.clone(),
            currency: self.account.currency,
            statement,
            entries,
        };
        std::iter::once(Fact::AccountReport(report)).chain(problems).collect()
    }

    fn balances(&self) -> Result<StatedBalances, MessageProblem> {
        let closing = self.balance(&["CLBD"]).ok_or("a statement without a closing balance")?;
        let day = closing.at(&["Dt"]).and_then(day_of).ok_or("a closing balance without its day")?;
        let opening = self.balance(&["OPBD", "PRCD"]).map(|opening| self.signed(opening)).transpose()?;
        let mut moved = 0_i64;
        for entry in self.element.all("Ntry").filter(|entry| status(entry) == Some("BOOK")) {
            moved = moved.checked_add(self.signed(entry)?).ok_or("a statement whose entries are too large")?;
        }
        let given = |path: &[&str]| self.element.text_at(path);
        let name = given(&["Id"]).or_else(|| given(&["ElctrncSeqNb"])).unwrap_or_default().to_owned();
        Ok(StatedBalances { name, day, opening, closing: self.signed(closing)?, moved })
    }

    fn balance(&self, codes: &[&str]) -> Option<&'a BankElement> {
        let code = |balance: &'a BankElement| balance.text_at(&["Tp", "CdOrPrtry", "Cd"]);
        codes.iter().find_map(|wanted| self.element.all("Bal").find(|balance| code(balance) == Some(*wanted)))
    }

    fn signed(&self, element: &BankElement) -> Result<i64, MessageProblem> {
        let money = element.money_at(&["Amt"])?;
        if money.currency != self.account.currency {
            return Err("an amount that is not in the currency of its account".to_owned());
        }
        Ok(if is_credit(element)? { money.amount.0 } else { -money.amount.0 })
    }
}

/// Of the balances or entries, where the account doesn't say it.
fn first_currency(element: &BankElement) -> Option<&str> {
    let amount = element.all("Ntry").chain(element.all("Bal")).find_map(|inner| inner.at(&["Amt"]))?;
    amount.currency()
}

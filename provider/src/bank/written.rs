//! What payers and banks write beside a booking: every field that can carry a reference, and who sent the money.

use entity::Money;

use super::document::BankElement;
use super::placeholder::is_given;
use crate::remitter::Remitter;

/// Longer ones are no use to a person.
const LONGEST_TEXT: usize = 1_000;

/// What is written of one transfer, by how sure it is that the payer meant a reference there.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Creditor references.
    pub(super) structured: Vec<String>,
    /// Ids that the payer or a program of theirs gave.
    pub(super) ids: Vec<String>,
    /// Free text of the payer; its lines may have been cut anywhere.
    pub(super) text: Vec<String>,
    /// What the bank adds, often with the payer's text in it.
    pub(super) added: Vec<String>,
    /// Ids of the file in which we ordered it: a debit that was booked as a bundle has no others.
    pub(super) ordered: Vec<String>,
}

impl Written {
    /// What stands on the level of the entry is of a transfer only where there is one.
    pub(super) fn of(entry: &BankElement, details: Option<&BankElement>, is_only: bool) -> Self {
        let mut written = Self::default();
        if let Some(details) = details {
            written.take(details);
        }
        if is_only {
            written.added.extend(entry.text_at(&["AddtlNtryInf"]).map(str::to_owned));
            for bundle in entry.all("NtryDtls").flat_map(|details| details.all("Btch")) {
                for name in ["MsgId", "PmtInfId"] {
                    written.ordered.extend(bundle.text_at(&[name]).filter(|id| is_given(id)).map(str::to_owned));
                }
            }
        }
        written
    }

    fn take(&mut self, details: &BankElement) {
        for remittance in details.all("RmtInf") {
            for structured in remittance.all("Strd") {
                let references = structured.all("CdtrRefInf").filter_map(|one| one.text_at(&["Ref"]));
                self.structured.extend(references.map(str::to_owned));
                let documents = structured.all("RfrdDocInf").filter_map(|one| one.text_at(&["Nb"]));
                self.ids.extend(documents.filter(|id| is_given(id)).map(str::to_owned));
                self.text.extend(structured.all("AddtlRmtInf").map(|line| line.text().to_owned()));
            }
            self.text.extend(remittance.all("Ustrd").map(|line| line.text().to_owned()));
        }
        for name in ["EndToEndId", "InstrId"] {
            self.ids.extend(details.text_at(&["Refs", name]).filter(|id| is_given(id)).map(str::to_owned));
        }
        for name in ["MsgId", "PmtInfId"] {
            self.ordered.extend(details.text_at(&["Refs", name]).filter(|id| is_given(id)).map(str::to_owned));
        }
        self.added.extend(details.text_at(&["AddtlTxInf"]).map(str::to_owned));
    }

    /// For people, and to compare two lines by.
    pub(super) fn all(&self) -> String {
        let places = [&self.text, &self.structured, &self.ids, &self.added];
        let words: Vec<&str> = places.into_iter().flatten().map(String::as_str).collect();
        cut(&words.join(" "))
    }
}

pub(super) fn cut(text: &str) -> String {
    text.chars().take(LONGEST_TEXT).collect()
}

pub(super) fn debtor(details: Option<&BankElement>) -> Remitter {
    party(details, "Dbtr", "DbtrAcct")
}

pub(super) fn creditor(details: Option<&BankElement>) -> Remitter {
    party(details, "Cdtr", "CdtrAcct")
}

fn party(details: Option<&BankElement>, party: &str, account: &str) -> Remitter {
    let given = |paths: &[&[&str]]| paths.iter().find_map(|path| details?.text_at(path)).map(str::to_owned);
    // In versions before .04 a party has no element `Pty`.
    let name = given(&[&["RltdPties", party, "Pty", "Nm"], &["RltdPties", party, "Nm"]]);
    let account = given(&[&["RltdPties", account, "Id", "IBAN"], &["RltdPties", account, "Id", "Othr", "Id"]]);
    Remitter { name, account, text: None }
}

/// Amounts and charges as the bank explains them, for people: `sent 100.00 EUR, charges 5.00 EUR`.
fn amounts(details: &BankElement, booked: Option<Money>) -> Vec<String> {
    let shown = |element: &BankElement, label: &str| {
        let currency = element.currency()?;
        let is_said = booked.is_some() && element.money().ok() == booked;
        (!is_said).then(|| format!("{label} {} {currency}", element.text()))
    };
    let mut all: Vec<String> = Vec::new();
    for (place, label) in [(["AmtDtls", "InstdAmt", "Amt"], "instructed"), (["AmtDtls", "TxAmt", "Amt"], "sent")] {
        all.extend(details.at(&place).and_then(|amount| shown(amount, label)));
    }
    let charges = details.all("Chrgs").flat_map(|charges| charges.all("Rcrd")).filter_map(|record| record.at(&["Amt"]));
    all.extend(charges.filter_map(|amount| shown(amount, "charges")));
    all
}

/// Who sent it and what they wrote, with what the bank says of amounts that are not the booked one.
pub(super) fn remitter(details: Option<&BankElement>, written: &Written, booked: Money) -> Option<Remitter> {
    let sender = debtor(details);
    let explained = details.map(|details| amounts(details, Some(booked))).unwrap_or_default();
    let mut text = written.all();
    if !explained.is_empty() {
        text = cut(&[text, format!("({})", explained.join(", "))].join(" "));
    }
    let text = Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    (sender.name.is_some() || sender.account.is_some() || text.is_some()).then_some(Remitter { text, ..sender })
}

/// One transfer of several, in one line.
pub(super) fn summary(details: &BankElement, written: &Written) -> String {
    let amount = details.at(&["Amt"]).and_then(|amount| Some(format!("{} {}", amount.text(), amount.currency()?)));
    let name = debtor(Some(details)).name;
    let words: Vec<String> = amount
        .into_iter()
        .chain(amounts(details, None))
        .chain(name)
        .chain([written.all()])
        .filter(|word| !word.is_empty())
        .collect();
    words.join(", ")
}

//! What becomes of our orders: pain.002 (the bank took one, or refused it) and pacs.004 (one came back).
//!
//! A pain.002 never moves money: that an order is settled at the bank counts once it is booked on our account (`camt`).

use super::account::OwnAccount;
use super::document::{BankElement, BankMessage, MessageProblem};
use super::meaning::returned_facts;
use super::placeholder::is_given;
use super::reference::Ordered;
use super::words::{is_duplicate, of_reason};
use crate::fact::Fact;

/// What a bank says of one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It has it.
    Taken,
    /// It has had it before.
    Duplicate,
    Rejected {
        reason: String,
    },
}

impl Verdict {
    /// None: a status that says neither.
    pub(super) fn of(status: &str, reason: Option<&str>) -> Option<Self> {
        match status {
            "ACCP" | "ACSP" | "ACTC" | "ACSC" | "ACCC" | "ACWC" | "ACWP" | "ACFC" | "PDNG" | "RCVD" => {
                Some(Self::Taken)
            }
            "ACPD" | "ACFW" | "PRES" | "PATC" | "BLCK" => Some(Self::Taken),
            _verified if is_payee_check(status) => Some(Self::Taken),
            "CANC" => Some(Self::Rejected {
                reason: reason.map_or_else(|| "it was cancelled (CANC)".to_owned(), |code| of_reason(Some(code))),
            }),
            "RJCT" if reason.is_some_and(is_duplicate) => Some(Self::Duplicate),
            "RJCT" => Some(Self::Rejected { reason: of_reason(reason) }),
            _other => None,
        }
    }

    /// `id` is how the bank calls the order, `message` the file that it came in. A duplicate says nothing new: the answer
    /// to the first one does.
    pub(super) fn fact(self, id: &str, message: Option<&str>) -> Option<Fact> {
        let provider_reference = message.map(str::to_owned);
        Some(match (Ordered::from_wire(id), self) {
            (_, Self::Duplicate) => return None,
            (Ordered::Refund(reference), Self::Taken) => Fact::RefundPending { reference, provider_reference },
            (Ordered::Payout(reference), Self::Taken) => Fact::PayoutPending { reference, provider_reference },
            (Ordered::Refund(reference), Self::Rejected { reason }) => {
                Fact::RefundFailed { reference, provider_reference: None, movement: None, reason }
            }
            (Ordered::Payout(reference), Self::Rejected { reason }) => {
                Fact::PayoutFailed { reference, movement: None, reason }
            }
        })
    }
}

/// A pain.002: its orders, by their end-to-end ids, and the verdicts on them.
pub(super) struct StatusReport<'a> {
    pub(super) message: &'a str,
    pub(super) verdicts: Vec<(&'a str, Result<Verdict, MessageProblem>)>,
    /// What a person has to look at, though nothing is final: kept in the quarantine with the message.
    notices: Vec<String>,
}

impl<'a> StatusReport<'a> {
    pub(super) fn read(document: &'a BankMessage) -> Result<Self, MessageProblem> {
        let body = document.root.at(&["CstmrPmtStsRpt"]).ok_or("a pain.002 without its body")?;
        let group = body.at(&["OrgnlGrpInfAndSts"]).ok_or("a pain.002 that doesn't say of which message it is")?;
        let name = group.text_at(&["OrgnlMsgNmId"]).unwrap_or_default();
        if !name.starts_with("pain.001") {
            return Err("a status of something that is no credit transfer of ours".to_owned());
        }
        let message = group.text_at(&["OrgnlMsgId"]).ok_or("a pain.002 without the id of our message")?;
        let of_group = (status(group, "GrpSts", None), reason(group, "GrpSts"));
        let mut notices = Vec::new();
        let mut verdicts = Vec::new();
        let mut last = of_group;
        for payment in body.all("OrgnlPmtInfAndSts") {
            let of_payment = (status(payment, "PmtInfSts", of_group.0), reason(payment, "PmtInfSts").or(of_group.1));
            if payment.all("TxInfAndSts").next().is_none() {
                notices.extend(notice(message, of_payment.0, payment, "PmtInfSts"));
            }
            last = of_payment;
            for one in payment.all("TxInfAndSts") {
                let id = one.text_at(&["OrgnlEndToEndId"]).filter(|id| is_given(id)).unwrap_or(message);
                let status = status(one, "TxSts", of_payment.0);
                notices.extend(notice(id, status, one, "TxSts"));
                verdicts.push((id, verdict(status, reason(one, "TxSts").or(of_payment.1))));
            }
        }
        if verdicts.is_empty() {
            // One order is all that there is in a message of ours, and both have one name.
            verdicts.push((message, verdict(last.0, last.1)));
        }
        if body.all("OrgnlPmtInfAndSts").next().is_none() {
            notices.extend(notice(message, last.0, group, "GrpSts"));
        }
        Ok(Self { message, verdicts, notices })
    }

    pub(super) fn facts(self) -> Vec<Fact> {
        let message = self.message;
        self.verdicts
            .into_iter()
            .filter_map(|(id, verdict)| match verdict {
                Ok(verdict) => verdict.fact(id, Some(message)),
                Err(problem) => Some(Fact::NotUnderstood(problem)),
            })
            .chain(self.notices.into_iter().map(Fact::NotUnderstood))
            .collect()
    }
}

fn verdict(status: Option<&str>, reason: Option<&str>) -> Result<Verdict, MessageProblem> {
    status
        .and_then(|status| Verdict::of(status, reason))
        .ok_or_else(|| "a status of an order that is unknown".to_owned())
}

/// Its own, or that of the level above. A verification of payee is no status of the order: where one stands in its place, the
/// level above says that, if it does.
fn status<'a>(element: &'a BankElement, name: &str, above: Option<&'a str>) -> Option<&'a str> {
    let own = element.text_at(&[name]);
    own.filter(|code| !is_payee_check(code)).or(above).or(own)
}

/// Results of the verification of payee: match, match (older), close match, no match, not applicable, completed with
/// mismatches. Source: EPC288-23, verification of payee scheme; ISO 20022, `ExternalPaymentTransactionStatus1Code`.
fn is_payee_check(code: &str) -> bool {
    matches!(code, "RCVC" | "RVCC" | "RVMC" | "RVNM" | "RVNA" | "RVCM" | "RVNC")
}

/// Why a person has to look at an order that is neither sent nor refused; the bank's own words are for operators only.
fn notice(id: &str, status: Option<&str>, element: &BankElement, name: &str) -> Option<String> {
    if matches!(status, Some("RJCT" | "CANC")) {
        return None;
    }
    let codes = element
        .all("StsRsnInf")
        .filter_map(|why| why.text_at(&["Rsn", "Cd"]).or_else(|| why.text_at(&["Rsn", "Prtry"])));
    let (code, words) = element.text_at(&[name]).into_iter().chain(status).chain(codes).find_map(|code| {
        let words = match code {
            "RVNM" | "RVCM" => "the name given is not the account holder's",
            "RVMC" => "the name given is close to the account holder's, but not the same",
            "BLCK" => "the bank has blocked it: it is neither sent nor refused",
            "PATC" => "the bank waits for another signature of ours",
            _other => return None,
        };
        Some((code, words))
    })?;
    let own_words: Vec<&str> = element.all("StsRsnInf").filter_map(|why| why.text_at(&["AddtlInf"])).collect();
    let own_words: String = own_words.join(" ").chars().filter(|c| !c.is_control()).take(200).collect();
    let added = if own_words.is_empty() { String::new() } else { format!(": {own_words}") };
    Some(format!("{id}: {words} ({code}){added}; it is pending, ask the bank"))
}

fn reason<'a>(element: &'a BankElement, name: &str) -> Option<&'a str> {
    let mut reasons = element
        .all("StsRsnInf")
        .filter_map(|why| why.text_at(&["Rsn", "Cd"]).or_else(|| why.text_at(&["Rsn", "Prtry"])));
    let mismatch = || element.text_at(&[name]).filter(|code| matches!(*code, "RVNM" | "RVMC" | "RVCM"));
    reasons.next().or_else(mismatch)
}

/// A pacs.004: orders of ours that came back. The same is booked on our account, and told again then.
pub(super) fn returned(document: &BankMessage, accounts: &[OwnAccount]) -> Result<Vec<Fact>, MessageProblem> {
    let body = document.root.at(&["PmtRtr"]).ok_or("a pacs.004 without its body")?;
    let mut facts = Vec::new();
    for one in body.all("TxInf") {
        match return_of(one, accounts) {
            Ok(fact) => facts.push(fact),
            Err(problem) => facts.push(Fact::NotUnderstood(problem)),
        }
    }
    if facts.is_empty() { Err("a pacs.004 that returns nothing".to_owned()) } else { Ok(facts) }
}

fn return_of(one: &BankElement, accounts: &[OwnAccount]) -> Result<Fact, MessageProblem> {
    let amount = one.money_at(&["RtrdIntrBkSttlmAmt"])?;
    if amount.amount.is_zero() {
        return Err("a return of nothing".to_owned());
    }
    let ours = accounts.iter().find(|account| account.currency == amount.currency);
    let ours = ours.ok_or("a return in a currency in which we have no account")?;
    let from = one.at(&["OrgnlTxRef", "DbtrAcct"]);
    if from.and_then(|account| ours.is_written_in(account)) == Some(false) {
        return Err("a return of what did not leave from an account of ours".to_owned());
    }
    let id = one.text_at(&["OrgnlEndToEndId"]).filter(|id| is_given(id));
    let id = id.ok_or("a return that doesn't say of which order it is")?;
    let movement = one.text_at(&["RtrId"]).filter(|id| is_given(id)).ok_or("a return without an id")?;
    let why =
        one.all("RtrRsnInf").find_map(|why| why.text_at(&["Rsn", "Cd"]).or_else(|| why.text_at(&["Rsn", "Prtry"])));
    Ok(returned_facts(id, &format!("{}/{movement}", amount.currency), amount, of_reason(why)))
}

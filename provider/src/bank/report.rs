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
                Fact::RefundFailed { reference, movement: None, reason }
            }
            (Ordered::Payout(reference), Self::Rejected { reason }) => Fact::PayoutFailed { reference, reason },
        })
    }
}

/// A pain.002: its orders, by their end-to-end ids, and the verdicts on them.
pub(super) struct StatusReport<'a> {
    pub(super) message: &'a str,
    pub(super) verdicts: Vec<(&'a str, Result<Verdict, MessageProblem>)>,
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
        let of_group = (group.text_at(&["GrpSts"]), reason(group));
        let mut verdicts = Vec::new();
        let mut last = of_group;
        for payment in body.all("OrgnlPmtInfAndSts") {
            let of_payment = (payment.text_at(&["PmtInfSts"]).or(of_group.0), reason(payment).or(of_group.1));
            last = of_payment;
            for one in payment.all("TxInfAndSts") {
                let id = one.text_at(&["OrgnlEndToEndId"]).filter(|id| is_given(id)).unwrap_or(message);
                let status = one.text_at(&["TxSts"]).or(of_payment.0);
                verdicts.push((id, verdict(status, reason(one).or(of_payment.1))));
            }
        }
        if verdicts.is_empty() {
            // One order is all that there is in a message of ours, and both have one name.
            verdicts.push((message, verdict(last.0, last.1)));
        }
        Ok(Self { message, verdicts })
    }

    pub(super) fn facts(self) -> Vec<Fact> {
        let message = self.message;
        self.verdicts
            .into_iter()
            .filter_map(|(id, verdict)| match verdict {
                Ok(verdict) => verdict.fact(id, Some(message)),
                Err(problem) => Some(Fact::NotUnderstood(problem)),
            })
            .collect()
    }
}

fn verdict(status: Option<&str>, reason: Option<&str>) -> Result<Verdict, MessageProblem> {
    status
        .and_then(|status| Verdict::of(status, reason))
        .ok_or_else(|| "a status of an order that is unknown".to_owned())
}

fn reason(element: &BankElement) -> Option<&str> {
    element.all("StsRsnInf").find_map(|why| why.text_at(&["Rsn", "Cd"]).or_else(|| why.text_at(&["Rsn", "Prtry"])))
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

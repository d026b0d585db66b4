//! What a booking means: money that arrived, left, came back or was taken back; or nothing of ours.

use entity::Money;

use super::camt::Booking;
use super::document::BankElement;
use super::entry::{Entry, Named};
use super::reference::{Ordered, candidates, is_given};
use super::words::of_reason;
use crate::fact::{Fact, LineKind, Remitter, StatementLine};

/// Commissions, charges, fees. Source: ISO 20022 external code sets, `ExternalBankTransactionSubFamily1Code`.
const CHARGES: [&str; 6] = ["CHRG", "FEES", "COMM", "COME", "COMI", "COMT"];
/// A transfer of ours that came back.
const RETURNED: &str = "RRTN";

impl<'a> Entry<'a> {
    pub(super) fn meaning(&self, part: &Named<'a>) -> Booking {
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
        let of = |element: &'a BankElement| element.text_at(&["BkTxCd", "Domn", "Fmly", "SubFmlyCd"]);
        part.details.and_then(of).or_else(|| of(self.element))
    }

    /// What had arrived is taken back.
    fn reversed(&self, part: &Named<'a>, end_to_end_id: Option<&str>, returned: Option<&BankElement>) -> Booking {
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
    pub(super) fn other(&self, part: &Named<'a>, problem: Option<String>) -> Booking {
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

fn reason_of(returned: Option<&BankElement>, otherwise: &str) -> String {
    let Some(returned) = returned else { return otherwise.to_owned() };
    of_reason(returned.text_at(&["Rsn", "Cd"]).or_else(|| returned.text_at(&["Rsn", "Prtry"])))
}

fn came_back(part: &Named<'_>, id: &str, returned: Option<&BankElement>) -> Booking {
    let reason = reason_of(returned, "the bank took its booking back");
    let (kind, reference, facts) = returned_facts(id, &part.movement, part.amount, reason);
    part.booking(kind, Some(reference), facts)
}

pub(super) fn returned_facts(id: &str, movement: &str, amount: Money, reason: String) -> (LineKind, String, Vec<Fact>) {
    match Ordered::from_wire(id) {
        Ordered::Refund(reference) => {
            let movement = movement.to_owned();
            let fact = Fact::RefundReturned { reference: reference.clone(), movement, amount, reason };
            (LineKind::RefundReturned, reference, vec![fact])
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

fn remitter(details: &BankElement) -> Option<Remitter> {
    let given = |paths: &[&[&str]]| paths.iter().find_map(|path| details.text_at(path)).map(str::to_owned);
    // In versions before .04 a party has no element `Pty`.
    let name = given(&[&["RltdPties", "Dbtr", "Pty", "Nm"], &["RltdPties", "Dbtr", "Nm"]]);
    let account = given(&[&["RltdPties", "DbtrAcct", "Id", "IBAN"], &["RltdPties", "DbtrAcct", "Id", "Othr", "Id"]]);
    let written = details.at(&["RmtInf"]).into_iter().flat_map(|remittance| {
        let structured = remittance.all("Strd").filter_map(|strd| strd.text_at(&["CdtrRefInf", "Ref"]));
        remittance.all("Ustrd").map(BankElement::text).chain(structured)
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

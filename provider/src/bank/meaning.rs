//! What a booking is to us: money that arrived, left, came back or was taken back; or nothing of ours.

use super::document::BankElement;
use super::entry::{Entry, Transfer};
use super::placeholder::is_given;
use super::reference::{Ordered, references_in};
use super::words::of_reason;
use super::written::{self, Written};
use crate::account_report::Meaning;
use crate::fact::Fact;
use crate::remitter::Remitter;
use entity::Money;

/// Commissions, charges, fees. Source: ISO 20022 external code sets, `ExternalBankTransactionSubFamily1Code`.
const CHARGES: [&str; 6] = ["CHRG", "FEES", "COMM", "COME", "COMI", "COMT"];
/// A transfer of ours that came back.
const RETURNED: &str = "RRTN";
/// Interest, taxes. Source: the same.
const BY_THE_BANK: [&str; 3] = ["INTR", "TAXE", "LBDB"];
/// "Miscellaneous debit operations". Source: ISO 20022 external code sets, `ExternalBankTransactionFamily1Code`.
const MISCELLANEOUS: &str = "MDOP";

const TAKEN_BACK: &str = "the bank took its booking back";

impl<'a> Entry<'a> {
    pub(super) fn meaning(&self, transfer: &Transfer<'a>, written: &Written) -> Meaning {
        let end_to_end_id = transfer.details.and_then(|details| details.text_at(&["Refs", "EndToEndId"]));
        let end_to_end_id = end_to_end_id.filter(|id| is_given(id));
        let returned = transfer.details.and_then(|details| details.at(&["RtrInf"]));
        if self.is_credit {
            return self.credit(transfer, written, end_to_end_id, returned);
        }
        if self.sub_family(transfer.details).is_some_and(|code| CHARGES.contains(&code)) {
            return Meaning::Fee;
        }
        let ordered = Ordered::of(written);
        if (self.is_reversal || returned.is_some()) && ordered.is_none() {
            return taken_back(written, returned);
        }
        match ordered.or_else(|| end_to_end_id.map(Ordered::from_wire)) {
            Some(Ordered::Refund(reference)) => Meaning::RefundSent { reference },
            Some(Ordered::Payout(reference)) => Meaning::PayoutSent { reference },
            None if self.is_by_the_bank(transfer.details) => Meaning::BankOwn,
            None => Meaning::Foreign,
        }
    }

    fn credit(
        &self,
        transfer: &Transfer<'a>,
        written: &Written,
        end_to_end_id: Option<&str>,
        returned: Option<&BankElement>,
    ) -> Meaning {
        let remitter = written::remitter(transfer.details, written, Money::new(transfer.amount, self.amount.currency));
        // Only the bank can say that. A payer may write the id of an order of ours into a transfer too.
        let came_back = returned.is_some() || self.is_reversal || self.sub_family(transfer.details) == Some(RETURNED);
        if !came_back {
            return Meaning::Captured { references: references_in(written), remitter };
        }
        let reason = reason_of(returned);
        match Ordered::of(written).or_else(|| end_to_end_id.map(Ordered::from_wire)) {
            Some(Ordered::Refund(reference)) => Meaning::RefundReturned { reference, reason },
            Some(Ordered::Payout(reference)) => Meaning::PayoutReturned { reference, reason },
            // It is here, whatever it was: set aside, for a person to see whose it is.
            None => {
                let text = remitter.as_ref().and_then(|remitter| remitter.text.as_deref()).unwrap_or_default();
                let text = format!("came back, of no order that it names ({reason}) {text}");
                let remitter = Remitter { text: Some(written::cut(text.trim())), ..remitter.unwrap_or_default() };
                Meaning::Captured { references: Vec::new(), remitter: Some(remitter) }
            }
        }
    }

    fn is_by_the_bank(&self, details: Option<&BankElement>) -> bool {
        let family = self.element.text_at(&["BkTxCd", "Domn", "Fmly", "Cd"]);
        family == Some(MISCELLANEOUS) || self.sub_family(details).is_some_and(|code| BY_THE_BANK.contains(&code))
    }

    fn sub_family<'b>(&'b self, details: Option<&'b BankElement>) -> Option<&'b str> {
        let of = |element: &'b BankElement| element.text_at(&["BkTxCd", "Domn", "Fmly", "SubFmlyCd"]);
        details.and_then(of).or_else(|| of(self.element))
    }
}

/// What had arrived is taken back.
fn taken_back(written: &Written, returned: Option<&BankElement>) -> Meaning {
    match references_in(written).into_iter().flatten().next() {
        Some(reference) => Meaning::Reversed { reference, reason: reason_of(returned) },
        None => Meaning::Unclear("money is taken back, but it doesn't say of which payment".to_owned()),
    }
}

fn reason_of(returned: Option<&BankElement>) -> String {
    let Some(returned) = returned else { return TAKEN_BACK.to_owned() };
    of_reason(returned.text_at(&["Rsn", "Cd"]).or_else(|| returned.text_at(&["Rsn", "Prtry"])))
}

/// Of a message that is no booking (pacs.004).
pub(super) fn returned_facts(id: &str, movement: &str, amount: Money, reason: String) -> Fact {
    let movement = movement.to_owned();
    match Ordered::from_wire(id) {
        Ordered::Refund(reference) => {
            Fact::RefundReturned { reference, provider_reference: None, movement, amount, reason }
        }
        Ordered::Payout(reference) => Fact::PayoutReturned { reference, movement, amount, reason },
    }
}

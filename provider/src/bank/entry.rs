//! An entry of an account: what of it is booked, of which transfers it is made, and by what it is known again.

use chrono::{DateTime, NaiveDateTime};
use entity::{MinorUnits, Money};

use super::account::{OwnAccount, compact};
use super::document::{BankElement, MessageProblem, day_of, is_credit, status};
use super::placeholder::is_given;
use super::reference::ours_in;
use super::written::{self, Written};
use crate::account_report::{BookedAt, Marks, Meaning, ReportedEntry, ReportedPart};
use crate::remitter::Remitter;

/// Longer ones are not the bank's, and don't fit into an index.
const LONGEST_REFERENCE: usize = 100;

/// One booking of the bank's on an account of ours.
pub(super) struct Entry<'a> {
    pub(super) element: &'a BankElement,
    pub(super) amount: Money,
    pub(super) is_credit: bool,
    pub(super) is_reversal: bool,
}

/// A transfer in an entry: its details, what it moved on our account, and what the bank took of that for itself.
#[derive(Clone, Copy)]
pub(super) struct Transfer<'a> {
    pub(super) details: Option<&'a BankElement>,
    pub(super) amount: MinorUnits,
    pub(super) charges: MinorUnits,
}

impl<'a> Entry<'a> {
    /// None for what is not booked, and for what moves nothing.
    pub(super) fn read(account: &OwnAccount, element: &'a BankElement) -> Result<Option<Self>, MessageProblem> {
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
        Ok((!amount.amount.is_zero()).then_some(Self { element, amount, is_credit, is_reversal }))
    }

    pub(super) fn reported(&self) -> ReportedEntry {
        let parts = match self.transfers() {
            Ok(transfers) => {
                let is_only = transfers.len() == 1;
                transfers.into_iter().map(|transfer| self.part(transfer, is_only)).collect()
            }
            Err(problem) => vec![self.unsplit(problem)],
        };
        ReportedEntry {
            amount: self.amount.amount,
            is_credit: self.is_credit,
            is_reversal: self.is_reversal,
            at: self.booked_at(),
            reference: usable(self.element.text_at(&["AcctSvcrRef"])).map(str::to_owned),
            transfers: self.number_of_transfers(),
            parts,
        }
    }

    fn part(&self, transfer: Transfer<'a>, is_only: bool) -> ReportedPart {
        let written = Written::of(self.element, transfer.details, is_only);
        let meaning = self.meaning(&transfer, &written);
        ReportedPart {
            amount: transfer.amount,
            charges: transfer.charges,
            marks: self.marks(transfer.details, &written, &meaning),
            meaning,
        }
    }

    /// An entry whose details don't come to it, whole: nothing of a credit is lost, and its parts are named to whoever
    /// looks into it.
    fn unsplit(&self, problem: MessageProblem) -> ReportedPart {
        let details: Vec<&BankElement> = self.details().collect();
        let written: Vec<Written> =
            details.iter().map(|details| Written::of(self.element, Some(*details), false)).collect();
        let names_ours = written.iter().any(|written| !ours_in(written).is_empty());
        let parts: Vec<String> =
            details.iter().zip(&written).map(|(details, written)| written::summary(details, written)).collect();
        let text = format!("{problem}: {}", parts.join("; "));
        let meaning = match (self.is_credit, self.is_reversal) {
            (true, false) => Meaning::Captured {
                references: Vec::new(),
                remitter: Some(Remitter { name: None, account: None, text: Some(written::cut(&text)) }),
            },
            (false, false) if !names_ours => Meaning::Foreign,
            _several => Meaning::Unclear(problem),
        };
        let marks = Marks { text, ..Marks::default() };
        ReportedPart { amount: self.amount.amount, charges: MinorUnits::ZERO, marks, meaning }
    }

    fn marks(&self, details: Option<&BankElement>, written: &Written, meaning: &Meaning) -> Marks {
        let given = |path: &[&str]| {
            details.and_then(|details| details.text_at(path)).filter(|id| is_given(id)).map(str::to_owned)
        };
        let mut ours = ours_in(written);
        let ordered = match meaning {
            Meaning::RefundSent { reference }
            | Meaning::PayoutSent { reference }
            | Meaning::RefundReturned { reference, .. }
            | Meaning::PayoutReturned { reference, .. } => Some(reference.clone()),
            Meaning::Captured { .. }
            | Meaning::Reversed { .. }
            | Meaning::Fee
            | Meaning::Foreign
            | Meaning::BankOwn
            | Meaning::Unclear(_) => None,
        };
        ours.extend(ordered.filter(|order| !ours.contains(order)));
        let party = if self.is_credit { written::debtor(details) } else { written::creditor(details) };
        Marks {
            reference: usable(details.and_then(|details| details.text_at(&["Refs", "AcctSvcrRef"]))).map(str::to_owned),
            end_to_end_id: given(&["Refs", "EndToEndId"]),
            transaction_id: given(&["Refs", "TxId"]),
            uetr: given(&["Refs", "UETR"]),
            ours,
            party_name: party.name,
            party_account: party.account.map(|account| compact(&account)),
            text: written.all(),
        }
    }

    fn details(&self) -> impl Iterator<Item = &'a BankElement> {
        self.element.all("NtryDtls").flat_map(|details| details.all("TxDtls"))
    }

    /// The transfers that the bank booked as one, or the entry itself. They come to the amount of the entry.
    fn transfers(&self) -> Result<Vec<Transfer<'a>>, MessageProblem> {
        let details: Vec<&BankElement> = self.details().collect();
        for one in &details {
            if one.has("CdtDbtInd") && is_credit(one)? != self.is_credit {
                return Err("an entry with details that go the other way".to_owned());
            }
        }
        if let [] | [_] = details.as_slice() {
            let only = details.first().copied();
            let charges = self.charges_of_the_only(only)?;
            return Ok(vec![Transfer { details: only, amount: self.amount.amount, charges }]);
        }
        // As they are; or less what banks took on the way (of a credit), or with it (of a debit).
        let plain = self.split(&details, |_details| Ok(MinorUnits::ZERO))?;
        if let Some(transfers) = plain {
            return Ok(transfers);
        }
        match self.split(&details, |details| self.charges(details))? {
            Some(transfers) => Ok(transfers),
            None => Err("an entry whose details come to another amount".to_owned()),
        }
    }

    /// None if the amounts don't come to the entry's.
    fn split(
        &self,
        details: &[&'a BankElement],
        charges: impl Fn(&BankElement) -> Result<MinorUnits, MessageProblem>,
    ) -> Result<Option<Vec<Transfer<'a>>>, MessageProblem> {
        const TOO_LARGE: &str = "an entry whose details are too large";
        let mut transfers = Vec::with_capacity(details.len());
        let mut sum = MinorUnits::ZERO;
        for one in details {
            let gross = self.principal(one)?.ok_or("an entry of several transactions that don't all have an amount")?;
            let charges = charges(one)?;
            let amount = if self.is_credit { gross.checked_sub(charges) } else { gross.checked_add(charges) };
            let amount = amount.ok_or(TOO_LARGE)?;
            sum = sum.checked_add(amount).ok_or(TOO_LARGE)?;
            transfers.push(Transfer { details: Some(*one), amount, charges });
        }
        transfers.retain(|transfer| !transfer.amount.is_zero());
        let fits = sum == self.amount.amount && transfers.iter().all(|transfer| transfer.amount.is_positive());
        Ok(fits.then_some(transfers))
    }

    /// What a transfer was ordered with, in the currency of the account.
    fn principal(&self, details: &BankElement) -> Result<Option<MinorUnits>, MessageProblem> {
        const PLACES: [&[&str]; 3] = [&["Amt"], &["AmtDtls", "TxAmt", "Amt"], &["AmtDtls", "InstdAmt", "Amt"]];
        for place in PLACES {
            if let Some(amount) = details.at(place).map(BankElement::money).transpose()?
                && amount.currency == self.amount.currency
            {
                return Ok(Some(amount.amount));
            }
        }
        Ok(None)
    }

    /// What the bank says that it took, in the currency of the account.
    fn charges(&self, element: &BankElement) -> Result<MinorUnits, MessageProblem> {
        let mut sum = MinorUnits::ZERO;
        for charges in element.all("Chrgs") {
            // In versions before .04 the charges have no records.
            let records: Vec<&BankElement> = charges.all("Rcrd").collect();
            let each = if records.is_empty() { vec![charges] } else { records };
            for one in each {
                let Some(amount) = one.at(&["Amt"]).map(BankElement::money).transpose()? else { continue };
                if amount.currency == self.amount.currency {
                    sum = sum.checked_add(amount.amount).ok_or("charges that are too large")?;
                }
            }
        }
        Ok(sum)
    }

    /// A debit of one transfer may have the charges in it: then its order was for less than what was booked. A credit may be
    /// without what banks on the way kept: then more was sent.
    fn charges_of_the_only(&self, details: Option<&BankElement>) -> Result<MinorUnits, MessageProblem> {
        let Some(details) = details else { return Ok(MinorUnits::ZERO) };
        for place in [["AmtDtls", "TxAmt", "Amt"].as_slice(), &["AmtDtls", "InstdAmt", "Amt"], &["Amt"]] {
            let Some(ordered) = details.at(place).map(BankElement::money).transpose()? else { continue };
            let (more, less) = if self.is_credit { (ordered, self.amount) } else { (self.amount, ordered) };
            if more.currency != less.currency || more.amount <= less.amount {
                continue;
            }
            let rest = more.amount.checked_sub(less.amount).unwrap_or(MinorUnits::ZERO);
            let stated = self.charges(details)?.checked_add(self.charges(self.element)?);
            if ordered.amount.is_positive() && (stated == Some(rest) || stated == Some(MinorUnits::ZERO)) {
                return Ok(rest);
            }
        }
        Ok(MinorUnits::ZERO)
    }

    fn number_of_transfers(&self) -> Option<u32> {
        let listed = u32::try_from(self.details().count()).unwrap_or(u32::MAX);
        let bundles = self.element.all("NtryDtls").flat_map(|details| details.all("Btch"));
        let stated =
            bundles.filter_map(|bundle| bundle.text_at(&["NbOfTxs"])?.parse().ok()).reduce(u32::saturating_add);
        stated.or((listed > 0).then_some(listed))
    }

    fn booked_at(&self) -> Option<BookedAt> {
        let of = |name: &str| {
            let date = self.element.at(&[name])?;
            match date.text_at(&["DtTm"]) {
                Some(time) => time
                    .parse::<DateTime<chrono::FixedOffset>>()
                    .map(BookedAt::Time)
                    .or_else(|_source| time.parse::<NaiveDateTime>().map(BookedAt::LocalTime))
                    .ok(),
                None => day_of(date).map(BookedAt::Day),
            }
        };
        of("BookgDt").or_else(|| of("ValDt"))
    }
}

fn usable(reference: Option<&str>) -> Option<&str> {
    reference.filter(|reference| is_given(reference) && reference.len() <= LONGEST_REFERENCE)
}

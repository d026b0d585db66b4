//! An entry of an account: what of it is booked, in which parts, and by which names.

use std::collections::BTreeMap;

use entity::{MinorUnits, Money};
use sha2::{Digest, Sha256};

use super::account::OwnAccount;
use super::document::{BankElement, MessageProblem, day_of, is_credit, status};
use super::reference::is_given;

/// Longer ones are not the bank's, and don't fit into an index.
const LONGEST_REFERENCE: usize = 100;

/// How often content without a reference of the bank's has been seen in this file.
#[derive(Default)]
pub(super) struct Hashes(BTreeMap<String, u32>);

/// One booking of the bank's on an account of ours.
pub(super) struct Entry<'a> {
    pub(super) account: &'a OwnAccount,
    pub(super) element: &'a BankElement,
    pub(super) amount: Money,
    pub(super) is_credit: bool,
    pub(super) is_reversal: bool,
}

/// A part of an entry: its details and its amount.
pub(super) type Part<'a> = (Option<&'a BankElement>, Money);

/// A part with the name by which it is booked.
pub(super) struct Named<'a> {
    pub(super) details: Option<&'a BankElement>,
    pub(super) amount: Money,
    pub(super) movement: String,
}

impl<'a> Entry<'a> {
    /// None for what is not booked, and for what moves nothing.
    pub(super) fn read(account: &'a OwnAccount, element: &'a BankElement) -> Result<Option<Self>, MessageProblem> {
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
    pub(super) fn parts(&self) -> Result<Vec<Part<'a>>, MessageProblem> {
        let details: Vec<&BankElement> =
            self.element.all("NtryDtls").flat_map(|details| details.all("TxDtls")).collect();
        for one in &details {
            if one.has("CdtDbtInd") && is_credit(one)? != self.is_credit {
                return Err("an entry with details that go the other way".to_owned());
            }
        }
        let amount = |details: &BankElement| match details.at(&["Amt"]) {
            Some(amount) => amount.money().map(Some),
            None => details.at(&["AmtDtls", "TxAmt", "Amt"]).map(BankElement::money).transpose(),
        };
        if self.is_bundle_of_more_than(details.len()) {
            return Err("a bundle without its transfers, which may be booked already, each by its own name".to_owned());
        }
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

    /// The bank says that it booked several transfers as one, and doesn't list them all: a notification may have.
    fn is_bundle_of_more_than(&self, listed: usize) -> bool {
        let mut bundles = self.element.all("NtryDtls").flat_map(|details| details.all("Btch"));
        bundles.any(|bundle| match bundle.text_at(&["NbOfTxs"]).map(str::parse) {
            Some(Ok(count)) => count > 1 && listed < count,
            Some(Err(_)) | None => listed == 0,
        })
    }

    /// By the bank's own references of the movements, which are the same in every file; unique at one bank, so the currency
    /// says which account's.
    pub(super) fn named(&self, parts: Vec<Part<'a>>, hashes: &mut Hashes) -> Vec<Named<'a>> {
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
    fn by_content(&self, details: Option<&BankElement>, amount: Money, hashes: &mut Hashes) -> String {
        let day = self.element.at(&["BookgDt"]).and_then(day_of).map(|day| day.to_string()).unwrap_or_default();
        let amount = amount.decimal().to_string();
        let text = |path: &[&str]| details.and_then(|details| details.text_at(path)).unwrap_or_default();
        let remittance = details.and_then(|details| details.at(&["RmtInf"]));
        let lines =
            remittance.map(|remittance| remittance.all("Ustrd").map(BankElement::text).collect::<Vec<_>>().join("\n"));
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
}

fn usable(reference: Option<&str>) -> Option<&str> {
    reference.filter(|reference| is_given(reference) && reference.len() <= LONGEST_REFERENCE)
}

//! A bank account, as it is kept: a JSON document, encrypted under the id of the row that it stands in.

use serde::{Deserialize, Serialize};

use crate::Currency;

/// As it is stored, encrypted, and sent to the provider that pays to it: a JSON document. Older documents lack fields that came
/// later: each of those is optional, and what an account lacks is asked for before money is sent to it
/// (`bank_country::AccountForm`).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BankAccount {
    pub account_holder: String,
    /// Of the bank, ISO 3166-1 alpha-2 (or XK, Kosovo's).
    pub country: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iban: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bank_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bic: Option<String>,
    /// The bank's, and mostly its branch's, in the clearing of its country: an ABA number, a sort code, an IFSC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clearing_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holder_address: Option<HolderAddress>,
    /// The account's own currency, if it takes only one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
}

/// Where the holder of an account lives, in the parts that banks ask for.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HolderAddress {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub street: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub building: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postcode: Option<String>,
    pub town: String,
    /// A province or state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subdivision: Option<String>,
    /// ISO 3166-1 alpha-2.
    pub country: String,
}

impl std::fmt::Debug for HolderAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HolderAddress(***)")
    }
}

impl std::fmt::Debug for BankAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BankAccount({})", self.mask())
    }
}

impl BankAccount {
    /// Enough to recognise one's own account: `DE•• •••• 3000`.
    #[must_use]
    pub fn mask(&self) -> String {
        let number = self.iban.as_ref().or(self.account_number.as_ref()).map_or("", String::as_str);
        let length = number.chars().count();
        // Of a short number four characters would be most of it.
        let shown = if length >= 8 { 4 } else { 2 };
        let end: String = number.chars().skip(length.saturating_sub(shown)).collect();
        // Of an IBAN the country is the one that it begins with.
        let country = if self.iban.is_some() { number.get(..2).unwrap_or_default() } else { &self.country };
        format!("{country}•• •••• {end}")
    }
}

//! Whom a payment order goes to, and postal addresses, in the bank's own characters.

use entity::bank_country::{AccountField, iban_country, is_in_sepa, missing};
use entity::clearing::ClearingSystem;
use entity::{BankAccount, Currency, HolderAddress};
use iban::{Iban, IbanLike};
use quick_xml::escape::escape;

use super::account::compact;
use super::words::in_latin;

const LONGEST_HOLDER: usize = 70;
/// Of the structured parts of an address. Source: ISO 20022, `PostalAddress24`.
const LONGEST_STREET: usize = 70;
const LONGEST_TOWN: usize = 35;
const LONGEST_NUMBER: usize = 16;
/// Banks whose rules forbid anything beside the BIC of the creditor's bank. Source: SPS, implementation guidelines for pain.001,
/// error CH17.
const BIC_STANDS_ALONE: [&str; 2] = ["CH", "LI"];

/// Whom it goes to.
pub(super) struct Creditor {
    name: String,
    address: String,
    account: CreditorAccount,
    bic: Option<String>,
}

enum CreditorAccount {
    Iban(String),
    Other { number: String, bank: Option<(&'static str, String)> },
}

impl Creditor {
    /// `ours` is the country of the account that it leaves from. Errors say what the owner of the account can change, and
    /// quote nothing of it.
    pub(super) fn of(details: &str, currency: Currency, ours: &str) -> Result<Self, String> {
        let unreadable = "the bank account can't be read; send it again";
        let account: BankAccount = serde_json::from_str(details).map_err(|_would_quote_it| unreadable)?;
        let name = in_latin(&account.account_holder, LONGEST_HOLDER)
            .ok_or("the account holder's name has letters that banks don't carry; send it in Latin letters, as the bank has it")?;
        if account.currency.is_some_and(|only| only != currency) {
            return Err(format!("the account takes another currency than {currency} only"));
        }
        check_complete(&account, currency, ours)?;
        let address = account.holder_address.as_ref().map(postal_address).transpose()?.unwrap_or_default();
        let to = match (account.iban, account.account_number) {
            (Some(iban), None) => {
                let iban: Iban =
                    compact(&iban).parse().map_err(|_would_quote_it| "the IBAN is wrong; send the account again")?;
                CreditorAccount::Iban(iban.electronic_str().to_owned())
            }
            (None, Some(number)) => {
                let system = ClearingSystem::of(iban_country(&account.country));
                CreditorAccount::Other { number, bank: system.map(|system| system.code).zip(account.clearing_code) }
            }
            (Some(_), Some(_)) | (None, None) => return Err(unreadable.to_owned()),
        };
        Ok(Self { name, address, account: to, bic: account.bic })
    }

    pub(super) fn is_in_sepa(&self) -> bool {
        match &self.account {
            CreditorAccount::Iban(iban) => iban.get(..2).is_some_and(is_in_sepa),
            CreditorAccount::Other { .. } => false,
        }
    }

    /// The bank is named by codes, never by its name beside them; where an IBAN names it already, a BIC may be missing.
    pub(super) fn agent(&self, ours: &str) -> String {
        let bic = self.bic.as_deref().map(|bic| format!("<BICFI>{}</BICFI>", escape(bic))).unwrap_or_default();
        let code = match &self.account {
            CreditorAccount::Iban(_) | CreditorAccount::Other { bank: None, .. } => String::new(),
            CreditorAccount::Other { .. } if !bic.is_empty() && BIC_STANDS_ALONE.contains(&ours) => String::new(),
            CreditorAccount::Other { bank: Some((system, code)), .. } => format!(
                "<ClrSysMmbId><ClrSysId><Cd>{system}</Cd></ClrSysId><MmbId>{}</MmbId></ClrSysMmbId>",
                escape(code.as_str())
            ),
        };
        if bic.is_empty() && code.is_empty() {
            return String::new();
        }
        format!("<CdtrAgt><FinInstnId>{bic}{code}</FinInstnId></CdtrAgt>")
    }

    pub(super) fn party(&self) -> String {
        format!("<Cdtr><Nm>{}</Nm>{}</Cdtr>", escape(self.name.as_str()), self.address)
    }

    pub(super) fn account(&self) -> String {
        match &self.account {
            CreditorAccount::Iban(iban) => format!("<IBAN>{}</IBAN>", escape(iban.as_str())),
            CreditorAccount::Other { number, .. } => format!("<Othr><Id>{}</Id></Othr>", escape(number.as_str())),
        }
    }
}

/// Banks refuse what lacks these, or lose it on the way: so it is not sent to them.
fn check_complete(account: &BankAccount, currency: Currency, ours: &str) -> Result<(), String> {
    let is_domestic = iban_country(&account.country) == ours;
    let of_address = |field: &AccountField| matches!(field, AccountField::Town | AccountField::Country);
    let missing = missing(account, Some(currency));
    let names: Vec<&str> = missing
        .iter()
        .filter(|field| !(is_domestic && of_address(field)))
        .map(|field| field.name(&account.country))
        .collect();
    if names.is_empty() {
        return Ok(());
    }
    Err(format!("a transfer in {currency} to this account needs more: {}; send the account again", names.join(", ")))
}

/// In the parts that banks ask for: at least town and country. Source: ISO 20022, `PostalAddress24`; SPS, error CH21.
pub(super) fn postal_address(address: &HolderAddress) -> Result<String, String> {
    let unusable = || "the address of the account holder has letters that banks don't carry; send it in Latin letters";
    let part = |name: &str, text: &Option<String>, longest: usize| match text.as_deref().map(str::trim) {
        None | Some("") => Ok(String::new()),
        Some(text) => {
            let text = in_latin(text, longest).ok_or_else(unusable)?;
            Ok::<_, &str>(format!("<{name}>{}</{name}>", escape(text.as_str())))
        }
    };
    let is_country = address.country.len() == 2 && address.country.bytes().all(|byte| byte.is_ascii_uppercase());
    let town = in_latin(&address.town, LONGEST_TOWN).ok_or_else(unusable)?;
    if !is_country {
        return Err("the country of the account holder is not one; send the account again".to_owned());
    }
    Ok(format!(
        "<PstlAdr>{}{}{}<TwnNm>{}</TwnNm>{}<Ctry>{}</Ctry></PstlAdr>",
        part("StrtNm", &address.street, LONGEST_STREET)?,
        part("BldgNb", &address.building, LONGEST_NUMBER)?,
        part("PstCd", &address.postcode, LONGEST_NUMBER)?,
        escape(town.as_str()),
        part("CtrySubDvsn", &address.subdivision, LONGEST_TOWN)?,
        address.country,
    ))
}

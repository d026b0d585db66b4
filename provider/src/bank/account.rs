//! Our accounts at the bank, as the settings name them.

use entity::Currency;
use iban::{Iban, IbanLike};
use rust_iso9362::BIC;

/// An account of ours; there is one per currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OwnAccount {
    pub(super) currency: Currency,
    pub(super) iban: String,
    pub(super) bic: String,
}

pub(super) fn parse_accounts(texts: &[&str]) -> Result<Vec<OwnAccount>, &'static str> {
    let mut accounts: Vec<OwnAccount> = Vec::new();
    for text in texts {
        let account = parse_account(text)?;
        if accounts.iter().any(|known| known.currency == account.currency) {
            return Err("has two accounts in one currency");
        }
        accounts.push(account);
    }
    Ok(accounts)
}

fn parse_account(text: &str) -> Result<OwnAccount, &'static str> {
    let malformed = "must be a list of CURRENCY=IBAN/BIC, such as EUR=NL91ABNA0417164300/ABNANL2A";
    let (currency, account) = text.split_once('=').ok_or(malformed)?;
    let (iban, bic) = account.split_once('/').ok_or(malformed)?;
    let currency = currency.trim().parse().map_err(|_source| "has a currency that is not one of ISO 4217")?;
    let iban: Iban = compact(iban).parse().map_err(|_source| "has an IBAN that is wrong; compare every character")?;
    let bic = BIC::parse(&compact(bic)).map_err(|_source| "has a BIC that is not one of 8 or 11 characters")?;
    Ok(OwnAccount { currency, iban: iban.electronic_str().to_owned(), bic: bic.code().to_owned() })
}

pub(super) fn compact(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_uppercase()).collect()
}

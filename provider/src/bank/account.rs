//! Our accounts at the bank, as the settings name them and as the bank writes them.

use entity::Currency;
use iban::{Iban, IbanLike};
use rust_iso9362::BIC;

use super::document::BankElement;

/// An account of ours; there is one per currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OwnAccount {
    pub(super) currency: Currency,
    /// Of an account in a country without IBANs: the country, the bank's code and the number in one, which are as unique.
    pub(super) iban: String,
    pub(super) bic: String,
    /// If it has no IBAN.
    pub(super) local: Option<LocalAccount>,
}

/// An account as countries without IBANs have them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LocalAccount {
    pub(super) country: String,
    /// The bank's code among those of its country: ABA, BSB, IFSC, CNAPS and the like.
    pub(super) bank_code: Option<String>,
    pub(super) number: String,
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
    let malformed = "must be a list of CURRENCY=IBAN/BIC, such as EUR=NL91ABNA0417164300/ABNANL2A, or, without an IBAN, of \
                     CURRENCY=COUNTRY:BANK CODE:ACCOUNT NUMBER/BIC, such as USD=US:021000021:123456789/CHASUS33";
    let (currency, account) = text.split_once('=').ok_or(malformed)?;
    let (account, bic) = account.split_once('/').ok_or(malformed)?;
    let currency = currency.trim().parse().map_err(|_source| "has a currency that is not one of ISO 4217")?;
    let bic = BIC::parse(&compact(bic)).map_err(|_source| "has a BIC that is not one of 8 or 11 characters")?;
    let bic = bic.code().to_owned();
    if account.contains(':') {
        let local = parse_local(account)?;
        let iban = [&local.country, local.bank_code.as_deref().unwrap_or_default(), &local.number].concat();
        return Ok(OwnAccount { currency, iban, bic, local: Some(local) });
    }
    let iban: Iban =
        compact(account).parse().map_err(|_source| "has an IBAN that is wrong; compare every character")?;
    Ok(OwnAccount { currency, iban: iban.electronic_str().to_owned(), bic, local: None })
}

fn parse_local(text: &str) -> Result<LocalAccount, &'static str> {
    let [country, bank_code, number] =
        text.split(':').map(plain).collect::<Vec<_>>().try_into().map_err(
            |_other: Vec<String>| "has an account without an IBAN that is not COUNTRY:BANK CODE:ACCOUNT NUMBER",
        )?;
    if country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err("has an account without an IBAN whose country is not a code of two letters");
    }
    if number.is_empty() || number.len() > LONGEST_NUMBER || bank_code.len() > LONGEST_NUMBER {
        return Err("has an account without an IBAN whose number, or bank's code, is none");
    }
    Ok(LocalAccount { country, bank_code: Some(bank_code).filter(|code| !code.is_empty()), number })
}

/// Max34Text, as messages carry them.
const LONGEST_NUMBER: usize = 34;

/// A number without what is written between its digits.
fn plain(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect()
}

pub(super) fn compact(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_uppercase()).collect()
}

/// How surely a number that a bank wrote is an account's; the surest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Match {
    /// The number of the account at its bank, which another bank may have given too.
    Number,
    /// With the bank's code.
    Domestic,
    Iban,
}

/// Fewer digits are too few to drop zeros of: they would be any account's.
const FEWEST_DIGITS: usize = 5;

impl OwnAccount {
    /// Whether an `Acct` is this account; none if it doesn't say which it is.
    pub(super) fn is_written_in(&self, account: &BankElement) -> Option<bool> {
        written_in(account).map(|number| self.matches(&number).is_some())
    }

    fn matches(&self, number: &str) -> Option<Match> {
        // Some banks write the currency behind it, for accounts that they keep in several.
        let shorter = number.strip_suffix(self.currency.code());
        self.matches_as_it_is(number).or_else(|| shorter.and_then(|number| self.matches_as_it_is(number)))
    }

    fn matches_as_it_is(&self, number: &str) -> Option<Match> {
        if number == self.iban {
            return Some(Match::Iban);
        }
        if let Some(local) = &self.local {
            return local.matches(number);
        }
        let iban: Iban = self.iban.parse().ok()?;
        let bban = iban.bban();
        if is_same_number(number, bban) {
            return Some(Match::Domestic);
        }
        let mut tail = bban;
        for (place, code) in [(1, iban.bank_identifier()), (2, iban.branch_identifier())] {
            let Some((before, after)) = code.and_then(|code| tail.split_once(code)) else { continue };
            // Only a check digit stands before the bank's code.
            if before.len() > 1 || after.is_empty() {
                continue;
            }
            if is_same_number(number, after) {
                return Some(Match::Number);
            }
            let with_code = code.filter(|_| place == 1).and_then(|code| number.strip_prefix(code));
            if with_code.is_some_and(|number| is_same_number(number, after)) {
                return Some(Match::Domestic);
            }
            tail = after;
        }
        None
    }
}

impl LocalAccount {
    fn matches(&self, number: &str) -> Option<Match> {
        let rest = self.bank_code.as_deref().and_then(|code| number.strip_prefix(code));
        if rest.is_some_and(|rest| is_same_number(rest, &self.number)) {
            return Some(Match::Domestic);
        }
        is_same_number(number, &self.number).then_some(Match::Number)
    }
}

/// Leading zeros are of the form, not of the number.
fn is_same_number(one: &str, other: &str) -> bool {
    let (short_one, short_other) = (one.trim_start_matches('0'), other.trim_start_matches('0'));
    one == other || (short_one.len() >= FEWEST_DIGITS && short_one == short_other)
}

/// The number in an `Acct`, without what is between its digits.
fn written_in(account: &BankElement) -> Option<String> {
    let id = account.at(&["Id"])?;
    let places: [&[&str]; 4] = [&["IBAN"], &["Othr", "Id"], &["BBAN"], &["PrtryAcct", "Id"]];
    let text = places.iter().find_map(|place| id.text_at(place))?;
    let number = plain(text);
    (!number.is_empty()).then_some(number)
}

/// The account of ours that an `Acct` is, by the currency that it, or what is booked on it, is in. It is never guessed.
pub(super) fn find_account<'a>(
    accounts: &'a [OwnAccount],
    element: &BankElement,
    currency: Option<&str>,
) -> Result<&'a OwnAccount, &'static str> {
    let number = written_in(element).ok_or("an account without its number")?;
    let known: Vec<(Match, &OwnAccount)> =
        accounts.iter().filter_map(|account| account.matches(&number).map(|sure| (sure, account))).collect();
    if known.is_empty() {
        return Err("an account that is none of ours");
    }
    let in_currency = known.into_iter().filter(|(_, own)| currency.is_none_or(|code| code == own.currency.code()));
    let in_currency: Vec<(Match, &OwnAccount)> = in_currency.collect();
    let surest = in_currency.iter().map(|(sure, _)| *sure).max();
    let surest = surest.ok_or("an account of ours, in a currency in which it is none of ours")?;
    let mut meant = in_currency.iter().filter(|(sure, _)| *sure == surest).map(|(_, account)| *account);
    match (meant.next(), meant.next()) {
        (Some(only), None) => Ok(only),
        (Some(first), Some(other)) if first.iban == other.iban => {
            Err("an account of ours in several currencies, which doesn't say in which it is")
        }
        (Some(_), Some(_)) => Err("an account by a number that two accounts of ours have, and without its currency"),
        (None, _) => Err("an account that is none of ours"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::document::BankMessage;
    use super::*;

    fn ours(texts: &[&str]) -> Vec<OwnAccount> {
        parse_accounts(texts).expect("accounts that can be used")
    }

    fn find(accounts: &[OwnAccount], id: &str, currency: Option<&str>) -> Result<String, &'static str> {
        let text = format!(
            "<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.054.001.08\"><Acct><Id>{id}</Id></Acct></Document>"
        );
        let message = BankMessage::read(text.as_bytes()).expect("reads");
        let account = message.root.at(&["Acct"]).expect("is there");
        find_account(accounts, account, currency).map(|account| account.currency.code().to_owned())
    }

    fn other(number: &str) -> String {
        format!("<Othr><Id>{number}</Id></Othr>")
    }

    #[test]
    fn an_account_is_found_in_every_way_of_writing_its_number() {
        let accounts = ours(&[
            "EUR=NL91ABNA0417164300/ABNANL2A",
            "USD=GB29NWBK60161331926819/NWBKGB2L",
            "CHF=CH9300762011623852957/UBSWCHZH",
            "CZK=IT60X0542811101000000123456/BPPIITRR",
            "PLN=DE89370400440532013000/COBADEFF",
        ]);
        for (currency, numbers) in [
            (
                "EUR",
                &[
                    "0417164300",
                    "417164300",
                    "000000417164300",
                    "0417 1643 00",
                    "04.17.16.43.00",
                    "0417-164-300",
                    "ABNA0417164300",
                    "abna 0417164300",
                    "ABNA/417164300",
                    "NL91 ABNA 0417 1643 00",
                    "NL91ABNA0417164300EUR",
                    "0417164300EUR",
                ][..],
            ),
            ("USD", &["NWBK60161331926819", "601613 31926819", "60-16-13 31926819", "31926819"]),
            ("CHF", &["00762011623852957", "011623852957", "11623852957", "0762011623852957"]),
            ("CZK", &["X0542811101000000123456", "000000123456", "123456"]),
            ("PLN", &["370400440532013000", "37040044 532013000", "532013000", "37040044/0532013000"]),
        ] {
            for number in numbers {
                for currency_named in [Some(currency), None] {
                    let found = find(&accounts, &other(number), currency_named);
                    assert_eq!(found.as_deref(), Ok(currency), "{number}");
                }
            }
        }
        assert_eq!(find(&accounts, "<IBAN>NL91ABNA0417164300</IBAN>", None).as_deref(), Ok("EUR"));
        assert_eq!(find(&accounts, "<BBAN>ABNA0417164300</BBAN>", None).as_deref(), Ok("EUR"));
        for number in ["41716430", "7164300", "1417164300", "300", "0", "NL91", "ABNA", "-", "INGB0417164300"] {
            assert!(find(&accounts, &other(number), Some("EUR")).is_err(), "{number}");
        }
        assert!(find(&accounts, &other("0417164300"), Some("USD")).is_err_and(|why| why.contains("currency")));
        assert!(find(&accounts, &other("NL92ABNA0417164300"), None).is_err_and(|why| why.contains("none of ours")));
        assert!(find(&accounts, "", Some("EUR")).is_err_and(|why| why.contains("number")));
    }

    #[test]
    fn an_account_may_have_no_iban_at_all() {
        let accounts = ours(&["USD=us:021000021:000-123-456789 / CHASUS33", "CNY=CN::6222 0212/ICBKCNBJ"]);
        let local = |country: &str, code: Option<&str>, number: &str| {
            let (country, number) = (country.to_owned(), number.to_owned());
            Some(LocalAccount { country, bank_code: code.map(str::to_owned), number })
        };
        assert_eq!(accounts[0].local, local("US", Some("021000021"), "000123456789"));
        assert_eq!((accounts[0].iban.as_str(), accounts[0].bic.as_str()), ("US021000021000123456789", "CHASUS33"));
        assert_eq!(accounts[1].local, local("CN", None, "62220212"));
        for number in ["123456789", "000123456789", "123-456-789", "021000021 123456789", "123456789USD"] {
            assert_eq!(find(&accounts, &other(number), None).as_deref(), Ok("USD"), "{number}");
        }
        for number in ["23456789", "1123456789", "021000022123456789", "6222021"] {
            assert!(find(&accounts, &other(number), None).is_err(), "{number}");
        }
        for wrong in
            ["USD=USA:1:2/CHASUS33", "USD=US:1/CHASUS33", "USD=US:1:2:3/CHASUS33", "USD=US:021000021:/CHASUS33"]
        {
            assert!(parse_accounts(&[wrong]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_number_that_two_accounts_have_is_neither_of_them_but_in_its_currency() {
        let one = ours(&["EUR=NL91ABNA0417164300/ABNANL2A", "USD=NL91ABNA0417164300/ABNANL2A"]);
        assert!(find(&one, &other("0417164300"), None).is_err_and(|why| why.contains("several currencies")));
        assert_eq!(find(&one, &other("0417164300"), Some("USD")).as_deref(), Ok("USD"));
        assert_eq!(find(&one, &other("0417164300USD"), None).as_deref(), Ok("USD"));
        assert!(find(&one, &other("0417164300"), Some("GBP")).is_err());
        let two = ours(&["EUR=NL91ABNA0417164300/ABNANL2A", "USD=NL61INGB0417164300/INGBNL2A"]);
        assert!(find(&two, &other("0417164300"), None).is_err_and(|why| why.contains("two accounts")));
        assert_eq!(find(&two, &other("0417164300"), Some("USD")).as_deref(), Ok("USD"));
        assert_eq!(find(&two, &other("INGB417164300"), None).as_deref(), Ok("USD"), "the bank's code says which");
    }
}

//! A bank account as people write it, checked, and as it is kept: encrypted under the id of the row that it stands in.
//!
//! IBANs and BICs are checked by libraries. What they can't know is checked here: that country, IBAN and BIC speak of
//! the same bank. Nothing said about an account quotes its number.

use crate::crypto::Cipher;
use crate::error::{Error, ErrorCode, Result};
use crate::validate::{Checks, is_country};
use entity::bank_country::{AccountField, iban_country, is_account_number, missing};
use entity::clearing::ClearingSystem;
use entity::{BankAccount, Currency, HolderAddress};
use ground::clock::Clock;
use iban::{Iban, IbanLike, ParseBaseIbanError, ParseIbanError};
use rust_iso9362::BIC;

/// As its owner writes it: an IBAN, or an account number with what names its bank in that country.
#[derive(Clone, Default)]
pub struct BankAccountInput {
    pub account_holder: String,
    pub country: String,
    pub iban: Option<String>,
    pub account_number: Option<String>,
    pub bank_name: Option<String>,
    pub bic: Option<String>,
    pub clearing_code: Option<String>,
    pub holder_address: Option<HolderAddressInput>,
    pub currency: Option<String>,
}

/// Where its holder lives.
#[derive(Clone, Default)]
pub struct HolderAddressInput {
    pub street: Option<String>,
    pub building: Option<String>,
    pub postcode: Option<String>,
    pub town: String,
    pub subdivision: Option<String>,
    pub country: String,
}

/// Has IBANs and BICs under a code that ISO 3166-1 leaves to its users.
const KOSOVO: &str = "XK";

impl std::fmt::Debug for HolderAddressInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HolderAddressInput(***)")
    }
}

impl std::fmt::Debug for BankAccountInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BankAccountInput(***)")
    }
}

/// Like all checks: a placeholder if there was a problem, of which `checks` then knows.
pub fn check(checks: &mut Checks, input: &BankAccountInput) -> BankAccount {
    let (iban, number) = (given(&input.iban), given(&input.account_number));
    let account_holder = checks.line("accountHolder", &input.account_holder, 140);
    let country = check_country(checks, &input.country);
    let holder_address = input.holder_address.as_ref();
    let mut account = BankAccount {
        account_holder,
        country: input.country.clone(),
        iban: None,
        account_number: None,
        bank_name: None,
        bic: given(&input.bic).map(|bic| check_bic(checks, &bic, country)),
        clearing_code: given(&input.clearing_code).map(|code| check_clearing_code(checks, &code, country)),
        holder_address: holder_address
            .map(|address| checks.under("holderAddress", |checks| check_address(checks, address))),
        currency: input.currency.as_ref().map(|currency| checks.currency("currency", currency)),
    };
    match (iban, number) {
        (Some(iban), None) => account.iban = Some(check_iban(checks, &iban, country)),
        (Some(iban), Some(_)) => {
            // Which of the two is meant is for the caller to say; what is wrong with either is said now.
            drop(check_iban(checks, &iban, country));
            if let Some(bank_name) = given(&input.bank_name) {
                drop(checks.line("bankName", &bank_name, 140));
            }
            let message = "send either an IBAN, or an account number with its bank, not both";
            checks.problem("accountNumber", ErrorCode::InvalidInput, message);
            return account;
        }
        (None, number) => {
            account.account_number = number.map(|number| check_account_number(checks, &number, country));
            account.bank_name = given(&input.bank_name).map(|bank_name| checks.line("bankName", &bank_name, 140));
        }
    }
    if let Some(country) = country {
        // Of a currency that isn't one nothing follows.
        let currency = input.currency.as_ref().and_then(|currency| currency.parse().ok());
        check_complete(checks, &account, country, currency);
    }
    account
}

/// What an account of its country needs, and is not there: each field by its path, with its format.
fn check_complete(checks: &mut Checks, account: &BankAccount, country: &str, currency: Option<Currency>) {
    for field in missing(account, currency) {
        let (name, format, example) = (field.name(country), field.format(country), field.example(country));
        let mut message = format!("is missing: an account in {country} needs {name}: {format}, such as {example}");
        if field == AccountField::Iban && account.account_number.is_some() {
            message.push_str("; an account number is not enough there");
        }
        match field.path() {
            [outer, inner] => {
                checks.under(outer, |checks| checks.problem(inner, ErrorCode::InvalidInput, message));
            }
            path => checks.problem(path.first().copied().unwrap_or("account"), ErrorCode::InvalidInput, message),
        }
    }
}

fn check_address(checks: &mut Checks, input: &HolderAddressInput) -> HolderAddress {
    let part = |checks: &mut Checks, field: &str, text: &Option<String>, longest: usize| {
        given(text).map(|text| checks.line(field, &text, longest))
    };
    HolderAddress {
        street: part(checks, "street", &input.street, 70),
        building: part(checks, "building", &input.building, 16),
        postcode: part(checks, "postcode", &input.postcode, 16),
        town: checks.line("town", &input.town, 35),
        subdivision: part(checks, "subdivision", &input.subdivision, 35),
        country: check_country(checks, &input.country).unwrap_or_default().to_owned(),
    }
}

fn check_clearing_code(checks: &mut Checks, text: &str, country: Option<&str>) -> String {
    let code = without_separators(text).to_ascii_uppercase();
    let Some(country) = country else { return checks.line("clearingCode", text, 40) };
    match ClearingSystem::of(iban_country(country)) {
        None => {
            let message = format!("banks in {country} have no clearing code that is known here; leave it out");
            checks.problem("clearingCode", ErrorCode::InvalidInput, message);
        }
        Some(system) if !system.has(&code) => {
            let ClearingSystem { name, format, example, .. } = system;
            let message = format!("is no {name}: {format}, such as {example}");
            checks.problem("clearingCode", ErrorCode::InvalidInput, message);
        }
        Some(_) => {}
    }
    code
}

/// `row` is the id of the row that it will stand in; it can be read from no other.
pub fn encrypt(account: &BankAccount, cipher: &Cipher, clock: &Clock, row: &str) -> Result<String> {
    let json = serde_json::to_string(account).map_err(|error| Error::internal(error.to_string()))?;
    cipher.encrypt(clock, row, &json)
}

pub fn decrypt(cipher: &Cipher, row: &str, sealed: &str) -> Result<BankAccount> {
    let json = cipher.decrypt(row, sealed)?;
    serde_json::from_str(&json).map_err(|error| {
        // The text of serde's error could quote the details.
        Error::internal(format!("{row}: details that can't be read ({:?})", error.classify()))
    })
}

/// As banks keep it: an IBAN or BIC without blanks, in capitals.
pub fn tidy_code(text: &mut Option<String>) {
    *text = text.take().map(|text| without_blanks(&text));
}

/// As banks keep it: without blanks and what people put between groups of digits.
pub fn tidy_account_number(text: &mut Option<String>) {
    *text = text.take().map(|text| without_separators(&text));
}

/// The same, in capitals.
pub fn tidy_clearing_code(text: &mut Option<String>) {
    *text = text.take().map(|text| without_separators(&text).to_ascii_uppercase());
}

/// Blank means missing.
fn given(text: &Option<String>) -> Option<String> {
    text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// None: there is no such country, and nothing to compare with.
fn check_country<'a>(checks: &mut Checks, country: &'a str) -> Option<&'a str> {
    if country == KOSOVO || is_country(country) {
        return Some(country);
    }
    checks.country("country", country);
    None
}

fn check_iban(checks: &mut Checks, text: &str, country: Option<&str>) -> String {
    match without_blanks(text).parse::<Iban>() {
        Ok(iban) => {
            let wanted = country.map(iban_country);
            if wanted.is_some_and(|wanted| wanted != iban.country_code()) {
                let message = format!(
                    "is of {}, but the country says {}; correct whichever is wrong",
                    iban.country_code(),
                    country.unwrap_or_default()
                );
                checks.problem("iban", ErrorCode::InvalidInput, message);
            }
            iban.electronic_str().to_owned()
        }
        Err(error) => {
            checks.problem("iban", ErrorCode::InvalidInput, iban_problem(error));
            String::new()
        }
    }
}

/// The library's own errors carry the number.
fn iban_problem(error: ParseIbanError) -> &'static str {
    match error {
        ParseIbanError::InvalidBaseIban { source: ParseBaseIbanError::InvalidFormat } => {
            "is not an IBAN: two letters of the country, two check digits, then the account, such as DE89 3704 0044 0532 0130 00"
        }
        ParseIbanError::InvalidBaseIban { source: ParseBaseIbanError::InvalidChecksum } => {
            "has check digits that don't fit the rest; compare every character with the original"
        }
        ParseIbanError::InvalidBban(_) => {
            "has the wrong number or kind of characters for an IBAN of this country; compare it with the original"
        }
        ParseIbanError::UnknownCountry(_) => {
            "begins with a country that has no IBANs; send the account number and the name of the bank instead"
        }
    }
}

fn check_bic(checks: &mut Checks, text: &str, country: Option<&str>) -> String {
    let Ok(bic) = BIC::parse(&without_blanks(text)) else {
        checks.problem("bic", ErrorCode::InvalidInput, "is not a BIC of 8 or 11 characters, such as COBADEFFXXX");
        return String::new();
    };
    // Banks of such territories have BICs of either country.
    if country.is_some_and(|country| iban_country(country) != iban_country(bic.country_code())) {
        let message = format!(
            "is of a bank in {}, but the country says {}; correct whichever is wrong",
            bic.country_code(),
            country.unwrap_or_default()
        );
        checks.problem("bic", ErrorCode::InvalidInput, message);
    }
    bic.code().to_owned()
}

fn check_account_number(checks: &mut Checks, text: &str, country: Option<&str>) -> String {
    let number = without_separators(text);
    let country = country.unwrap_or_default();
    if !is_account_number(country, &number) {
        let message = format!("must have {}", AccountField::AccountNumber.format(country));
        checks.problem("accountNumber", ErrorCode::InvalidInput, message);
    }
    number
}

fn without_separators(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '/')).collect()
}

fn without_blanks(text: &str) -> String {
    text.chars().filter(|c| *c != ' ').map(|c| c.to_ascii_uppercase()).collect()
}

#[cfg(test)]
mod tests;

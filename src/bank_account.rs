//! A bank account as people write it, checked, and as it is kept: encrypted under the id of the row that it stands in.
//!
//! IBANs and BICs are checked by libraries. What they can't know is checked here: that country, IBAN and BIC speak of
//! the same bank. Nothing said about an account quotes its number.

use crate::crypto::Cipher;
use crate::error::{Error, ErrorCode, Result};
use crate::validate::{Checks, is_country};
use entity::BankAccount;
use ground::clock::Clock;
use iban::{Iban, IbanLike, ParseBaseIbanError, ParseIbanError};
use rust_iso9362::BIC;

/// As its owner writes it: an IBAN, or an account number with the name of its bank.
#[derive(Clone, Default)]
pub struct BankAccountInput {
    pub account_holder: String,
    pub country: String,
    pub iban: Option<String>,
    pub account_number: Option<String>,
    pub bank_name: Option<String>,
    pub bic: Option<String>,
    pub currency: Option<String>,
}

/// Has IBANs and BICs under a code that ISO 3166-1 leaves to its users.
const KOSOVO: &str = "XK";

/// Territories whose banks have IBANs under another country's code. Source: SWIFT, IBAN registry, "country code
/// includes other countries/territories".
const IBANS_OF_OTHERS: [(&str, &[&str]); 3] = [
    ("FI", &["AX"]),
    ("FR", &["BL", "GF", "GP", "MF", "MQ", "NC", "PF", "PM", "RE", "TF", "WF", "YT"]),
    ("GB", &["GG", "IM", "JE"]),
];

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
    let mut account = BankAccount {
        account_holder,
        country: input.country.clone(),
        iban: None,
        account_number: None,
        bank_name: None,
        bic: given(&input.bic).map(|bic| check_bic(checks, &bic, country)),
        currency: input.currency.as_ref().map(|currency| checks.currency("currency", currency)),
    };
    match (iban, number) {
        (Some(iban), None) => account.iban = Some(check_iban(checks, &iban, country)),
        (None, Some(number)) => {
            account.account_number = Some(check_account_number(checks, &number));
            let bank_name = given(&input.bank_name).unwrap_or_default();
            account.bank_name = Some(checks.line("bankName", &bank_name, 140));
        }
        (Some(iban), Some(_)) => {
            // Which of the two is meant is for the caller to say; what is wrong with either is said now.
            drop(check_iban(checks, &iban, country));
            if let Some(bank_name) = given(&input.bank_name) {
                drop(checks.line("bankName", &bank_name, 140));
            }
            let message = "send either an IBAN, or an account number with the name of its bank, not both";
            checks.problem("accountNumber", ErrorCode::InvalidInput, message);
        }
        (None, None) => {
            let message = "send an IBAN, or an account number with the name of its bank";
            checks.problem("iban", ErrorCode::InvalidInput, message);
        }
    }
    account
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

/// The code that IBANs of this country's banks begin with.
fn iban_country(country: &str) -> &str {
    let host = IBANS_OF_OTHERS.iter().find(|(_host, territories)| territories.contains(&country));
    host.map_or(country, |(host, _territories)| *host)
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

fn check_account_number(checks: &mut Checks, text: &str) -> String {
    let number = without_separators(text);
    if !(4..=34).contains(&number.len()) || !number.chars().all(|c| c.is_ascii_alphanumeric()) {
        checks.problem("accountNumber", ErrorCode::InvalidInput, "must have 4 to 34 digits and letters");
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
mod tests {
    use super::*;

    const IBAN: &str = "DE89 3704 0044 0532 0130 00";

    fn iban_of(country: &str, iban: &str) -> BankAccountInput {
        BankAccountInput {
            account_holder: "Eckbach GmbH".to_owned(),
            country: country.to_owned(),
            iban: Some(iban.to_owned()),
            ..BankAccountInput::default()
        }
    }

    fn number_of(country: &str, number: &str, bank: Option<&str>) -> BankAccountInput {
        let account_number = Some(number.to_owned());
        BankAccountInput { iban: None, account_number, bank_name: bank.map(str::to_owned), ..iban_of(country, "") }
    }

    /// The account, or where the problems are and what is said of them.
    fn check(input: &BankAccountInput) -> Result<BankAccount, Vec<(String, String)>> {
        let mut checks = Checks::input();
        let account = super::check(&mut checks, input);
        match checks.finish() {
            Ok(()) => Ok(account),
            Err(Error::Refused(problems)) => {
                Err(problems.into_iter().map(|problem| (problem.path.join("."), problem.message)).collect())
            }
            Err(other) => panic!("{other}"),
        }
    }

    fn refused(input: &BankAccountInput, field: &str) -> String {
        let problems = check(input).expect_err("must refuse");
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].0, format!("input.{field}"));
        problems[0].1.clone()
    }

    #[test]
    fn a_mask_shows_the_country_and_the_end() {
        let mask = |input: &BankAccountInput| check(input).expect("an account").mask();
        assert_eq!(mask(&iban_of("DE", IBAN)), "DE•• •••• 3000");
        assert_eq!(mask(&number_of("CN", "6222021234567890", Some("Bank"))), "CN•• •••• 7890");
        assert_eq!(mask(&number_of("CN", "1234", Some("Bank"))), "CN•• •••• 34");
        assert!(!format!("{:?}", check(&iban_of("DE", IBAN))).contains("89370400"));
        assert!(!format!("{:?}", iban_of("DE", IBAN)).contains("3704"));
    }

    #[test]
    fn an_account_reads_back_from_its_own_row_only() {
        let (cipher, clock) = (Cipher::new([7; 32]), Clock::default());
        let account = check(&iban_of("DE", IBAN)).expect("an account");
        let sealed = encrypt(&account, &cipher, &clock, "payout_account_1").expect("encrypts");
        assert!(!sealed.contains("Eckbach"));
        assert_eq!(decrypt(&cipher, "payout_account_1", &sealed).expect("decrypts"), account);
        assert!(decrypt(&cipher, "payout_account_2", &sealed).is_err());
    }

    #[test]
    fn exactly_one_kind_of_account_is_taken() {
        let whole = BankAccountInput {
            bic: Some("cobadeff".to_owned()),
            currency: Some("EUR".to_owned()),
            ..iban_of("DE", IBAN)
        };
        let account = check(&whole).expect("an account");
        assert_eq!(
            (account.iban.as_deref(), account.bic.as_deref()),
            (Some("DE89370400440532013000"), Some("COBADEFF"))
        );
        let account = check(&number_of("DE", "1234-5678", Some("Bank"))).expect("an account");
        assert_eq!((account.account_number.as_deref(), account.bank_name.as_deref()), (Some("12345678"), Some("Bank")));
        assert!(check(&BankAccountInput { account_number: Some(" ".to_owned()), ..iban_of("DE", IBAN) }).is_ok());
        let both = BankAccountInput { iban: Some(IBAN.to_owned()), ..number_of("DE", "12345678", Some("Bank")) };
        refused(&both, "accountNumber");
        refused(&BankAccountInput { iban: None, ..iban_of("DE", IBAN) }, "iban");
        refused(&number_of("DE", "12345678", None), "bankName");
        refused(&number_of("DE", "12", Some("Bank")), "accountNumber");
        for bic in ["COBA1", "ÄÄÄÄ", "COBADEFFXX", "COBA49FF", "C0BADEFF"] {
            refused(&BankAccountInput { bic: Some(bic.to_owned()), ..iban_of("DE", IBAN) }, "bic");
        }
        refused(&BankAccountInput { currency: Some("DM".to_owned()), ..iban_of("DE", IBAN) }, "currency");
        refused(&iban_of("Deutschland", IBAN), "country");
    }

    #[test]
    fn country_iban_and_bic_are_of_one_bank() {
        assert!(refused(&iban_of("FR", IBAN), "iban").contains("is of DE, but the country says FR"));
        let bic = |country: &str, bic: &str| BankAccountInput {
            bic: Some(bic.to_owned()),
            ..number_of(country, "12345678", Some("Bank"))
        };
        assert!(refused(&bic("DE", "BNPAFRPP"), "bic").contains("in FR, but the country says DE"));
        assert!(check(&bic("FR", "BNPAFRPP")).is_ok());
        // Where a territory's banks have IBANs of another country.
        let british = "GB29 NWBK 6016 1331 9268 19";
        assert!(check(&iban_of("JE", british)).is_ok() && check(&iban_of("GB", british)).is_ok());
        refused(&iban_of("IE", british), "iban");
        assert!(check(&bic("JE", "NWBKGB2L")).is_ok());
        assert!(check(&iban_of("XK", "XK05 1212 0123 4567 8906")).is_ok());
    }

    #[test]
    fn the_examples_of_the_registry_pass() {
        for iban in [
            "DE89 3704 0044 0532 0130 00",
            "BR1800360305000010009795493C1",
            "FR14 2004 1010 0505 0001 3M02 606",
            "gb29 nwbk 6016 1331 9268 19",
            "MT84MALT011000012345MTLCAST001S",
            "NO93 8601 1117 947",
            "PL61109010140000071219812874",
            "TR330006100519786457841326",
            "IT60X0542811101000000123456",
        ] {
            let country = iban[..2].to_uppercase();
            assert!(check(&iban_of(&country, iban)).is_ok(), "{iban}");
        }
    }

    #[test]
    fn a_slip_of_the_pen_is_named_but_not_repeated() {
        for (iban, problem) in [
            ("DE89 3704 0044 0532 0130 01", "check digits"),
            ("DE98 3704 0044 0532 0130 00", "check digits"),
            ("DE89 3704 0044 0532 0130 0", "check digits"),
            // The check digits are right.
            ("DE86 3704 0044 0532 0130", "number or kind of characters"),
            ("US64SVBKUS6S3300958879", "has no IBANs"),
            ("DE", "is not an IBAN"),
            ("8937040044053201300D", "is not an IBAN"),
            ("DE89-3704", "is not an IBAN"),
            ("ÄÖ89370400440532013000", "is not an IBAN"),
            ("DEXX370400440532013000", "is not an IBAN"),
        ] {
            let message = refused(&iban_of("DE", iban), "iban");
            assert!(message.contains(problem), "{iban}: {message}");
            let number = without_blanks(iban);
            assert!(number.len() < 5 || !without_blanks(&message).contains(&number), "{message}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_answered(text: String) {
            let with = |field: fn(&mut BankAccountInput, String)| {
                let mut input = iban_of("DE", IBAN);
                field(&mut input, text.clone());
                check(&input)
            };
            let is_blank = text.trim().is_empty();
            proptest::prop_assert!(with(|input, text| input.iban = Some(text)).is_err());
            proptest::prop_assert!(is_blank || with(|input, text| input.bic = Some(text)).is_err());
            proptest::prop_assert!(with(|input, text| input.country = text).is_err());
        }

        #[test]
        fn one_wrong_digit_is_always_found(at in 4_usize..22, digit in 0_u32..10) {
            let good = "DE89370400440532013000";
            let digit = char::from_digit(digit, 10).expect("a digit");
            let bad: String = good.chars().enumerate().map(|(index, c)| if index == at { digit } else { c }).collect();
            proptest::prop_assert_eq!(check(&iban_of("DE", &bad)).is_ok(), bad == good);
        }
    }
}

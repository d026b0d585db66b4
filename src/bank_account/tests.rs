//! Accounts that are taken, and what is said of those that aren't.

use entity::bank_country::IBAN_EXAMPLES;

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
    let holder_address = Some(HolderAddressInput {
        town: "Somewhere".to_owned(),
        country: country.to_owned(),
        ..HolderAddressInput::default()
    });
    let bic = Some(format!("ABCD{}22", iban_country(country)));
    BankAccountInput {
        iban: None,
        account_number,
        bank_name: bank.map(str::to_owned),
        bic,
        holder_address,
        ..iban_of(country, "")
    }
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
    let whole =
        BankAccountInput { bic: Some("cobadeff".to_owned()), currency: Some("EUR".to_owned()), ..iban_of("DE", IBAN) };
    let account = check(&whole).expect("an account");
    assert_eq!((account.iban.as_deref(), account.bic.as_deref()), (Some("DE89370400440532013000"), Some("COBADEFF")));
    let account = check(&number_of("EC", "1234-5678", Some("Bank"))).expect("an account");
    assert_eq!((account.account_number.as_deref(), account.bank_name.as_deref()), (Some("12345678"), Some("Bank")));
    assert!(check(&BankAccountInput { account_number: Some(" ".to_owned()), ..iban_of("DE", IBAN) }).is_ok());
    let both = BankAccountInput { iban: Some(IBAN.to_owned()), ..number_of("DE", "12345678", Some("Bank")) };
    assert!(refused(&number_of("DE", "12345678", Some("Bank")), "iban").contains("an account number is not enough"));
    refused(&both, "accountNumber");
    refused(&BankAccountInput { iban: None, ..iban_of("DE", IBAN) }, "iban");
    refused(&number_of("EC", "12345678", None), "bankName");
    refused(&number_of("EC", "12", Some("Bank")), "accountNumber");
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
    assert!(refused(&bic("EC", "BNPAFRPP"), "bic").contains("in FR, but the country says EC"));
    assert!(check(&bic("EC", "PICHECEQ")).is_ok());
    // Where a territory's banks have IBANs of another country.
    let british = "GB29 NWBK 6016 1331 9268 19";
    assert!(check(&iban_of("JE", british)).is_ok() && check(&iban_of("GB", british)).is_ok());
    refused(&iban_of("IE", british), "iban");
    let sort_code =
        |country: &str| BankAccountInput { clearing_code: Some("60-16-13".to_owned()), ..bic(country, "NWBKGB2L") };
    assert_eq!(check(&sort_code("JE")).expect("an account").clearing_code.as_deref(), Some("601613"));
    let kosovo = BankAccountInput {
        holder_address: number_of("XK", "", None).holder_address,
        ..iban_of("XK", "XK05 1212 0123 4567 8906")
    };
    assert!(check(&kosovo).is_ok());
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
        let input = BankAccountInput {
            holder_address: number_of(&country, "", None).holder_address,
            ..iban_of(&country, iban)
        };
        assert!(check(&input).is_ok(), "{iban}");
    }
    for iban in IBAN_EXAMPLES {
        let parsed: Iban = iban.parse().expect("an IBAN");
        assert_eq!(parsed.electronic_str(), iban);
    }
}

#[test]
fn each_country_is_asked_for_what_its_banks_need() {
    let with = |country: &str, code: Option<&str>, number: &str| BankAccountInput {
        clearing_code: code.map(str::to_owned),
        bic: None,
        ..number_of(country, number, None)
    };
    for (country, code, number) in [
        ("US", "021-000-021", "000123456789"),
        ("US", "121000248", "1234"),
        ("GB", "60-16-13", "31926819"),
        ("IN", "hdfc0000001", "50100012345678"),
        ("AU", "062-000", "12345678"),
        ("CA", "0003-00002", "1234567"),
        ("CN", "102100099996", "6222021234567890"),
        ("NZ", "01-0001", "0123456-00"),
        ("ZA", "632005", "4051234567"),
    ] {
        let taken =
            check(&with(country, Some(code), number)).unwrap_or_else(|problems| panic!("{country}: {problems:?}"));
        assert!(taken.clearing_code.is_some_and(|code| code.chars().all(|c| c.is_ascii_alphanumeric())));
    }
    for (country, code, number, path) in [
        ("US", Some("021000022"), "000123456789", "clearingCode"),
        ("US", None, "000123456789", "clearingCode"),
        ("US", Some("021000021"), "12AB567", "accountNumber"),
        ("GB", Some("60161"), "31926819", "clearingCode"),
        ("GB", Some("601613"), "319268", "accountNumber"),
        ("IN", Some("HDFC1000001"), "50100012345678", "clearingCode"),
        ("AU", Some("06200"), "12345678", "clearingCode"),
        ("CA", Some("300002003"), "1234567", "clearingCode"),
        ("CN", Some("10210009999"), "6222021234567890", "clearingCode"),
    ] {
        let message = refused(&with(country, code, number), path);
        assert!(!message.contains(number), "{message}");
    }
    let nowhere = BankAccountInput { holder_address: None, ..with("US", Some("021000021"), "12345678") };
    let problems: Vec<String> =
        check(&nowhere).expect_err("no address").into_iter().map(|(path, _message)| path).collect();
    assert_eq!(problems, ["input.holderAddress.town", "input.holderAddress.country"]);
    let mexican =
        |clabe: &str| BankAccountInput { bic: Some("BCMRMXMM".to_owned()), ..number_of("MX", clabe, Some("B")) };
    assert!(check(&mexican("032180000118359719")).is_ok());
    refused(&mexican("032180000118359718"), "accountNumber");
    refused(
        &BankAccountInput { clearing_code: Some("123".to_owned()), ..number_of("EC", "12345678", Some("B")) },
        "clearingCode",
    );
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

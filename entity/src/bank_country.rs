//! What banks need to know of an account, by its country and the currency that is sent: asked for when an account is given,
//! shown before, and looked at once more before money is sent to one.
//!
//! Sources: SWIFT, IBAN registry (the countries with IBANs, and its examples); EPC409-09 (SEPA countries); CBPR+ and CGI-MP
//! (town and country of the holder for transfers outside of SEPA); SPS, implementation guidelines for pain.001.

use crate::Currency;
use crate::bank_account::BankAccount;
use crate::clearing::{ClearingSystem, is_clabe};

/// Where SEPA credit transfers reach. Source: EPC409-09, list of SEPA scheme countries, version 5.0; territories have IBANs
/// of their countries.
const SEPA: [&str; 42] = [
    "AD", "AL", "AT", "BE", "BG", "CH", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GB", "GI", "GR", "HR", "HU",
    "IE", "IS", "IT", "LI", "LT", "LU", "LV", "MC", "MD", "ME", "MK", "MT", "NL", "NO", "PL", "PT", "RO", "RS", "SE",
    "SI", "SK", "SM", "VA",
];

/// Territories whose banks have IBANs under another country's code. Source: SWIFT, IBAN registry, "country code
/// includes other countries/territories".
const IBANS_OF_OTHERS: [(&str, &[&str]); 3] = [
    ("FI", &["AX"]),
    ("FR", &["BL", "GF", "GP", "MF", "MQ", "NC", "PF", "PM", "RE", "TF", "WF", "YT"]),
    ("GB", &["GG", "IM", "JE"]),
];

/// The registry's own examples, of the countries in which an account has an IBAN.
pub const IBAN_EXAMPLES: [&str; 68] = [
    "AD1200012030200359100100",
    "AE070331234567890123456",
    "AL47212110090000000235698741",
    "AT611904300234573201",
    "AZ21NABZ00000000137010001944",
    "BA391290079401028494",
    "BE68539007547034",
    "BG80BNBG96611020345678",
    "BH67BMAG00001299123456",
    "BR1800360305000010009795493C1",
    "BY13NBRB3600900000002Z00AB00",
    "CH9300762011623852957",
    "CR05015202001026284066",
    "CY17002001280000001200527600",
    "CZ6508000000192000145399",
    "DE89370400440532013000",
    "DK5000400440116243",
    "DO28BAGR00000001212453611324",
    "EE382200221020145685",
    "EG380019000500000000263180002",
    "ES9121000418450200051332",
    "FI2112345600000785",
    "FO6264600001631634",
    "FR1420041010050500013M02606",
    "GB29NWBK60161331926819",
    "GE29NB0000000101904917",
    "GI75NWBK000000007099453",
    "GL8964710001000206",
    "GR1601101250000000012300695",
    "HR1210010051863000160",
    "HU42117730161111101800000000",
    "IE29AIBK93115212345678",
    "IL620108000000099999999",
    "IS140159260076545510730339",
    "IT60X0542811101000000123456",
    "JO94CBJO0010000000000131000302",
    "KW81CBKU0000000000001234560101",
    "KZ86125KZT5004100100",
    "LB62099900000001001901229114",
    "LI21088100002324013AA",
    "LT121000011101001000",
    "LU280019400644750000",
    "LV80BANK0000435195001",
    "MC5811222000010123456789030",
    "MD24AG000225100013104168",
    "ME25505000012345678951",
    "MK07250120000058984",
    "MT84MALT011000012345MTLCAST001S",
    "MU17BOMM0101101030300200000MUR",
    "NL91ABNA0417164300",
    "NO9386011117947",
    "PL61109010140000071219812874",
    "PS92PALS000000000400123456702",
    "PT50000201231234567890154",
    "QA58DOHB00001234567890ABCDEFG",
    "RO49AAAA1B31007593840000",
    "RS35260005601001611379",
    "SA0380000000608010167519",
    "SE4550000000058398257466",
    "SI56263300012039086",
    "SK3112000000198742637541",
    "SM86U0322509800000000270100",
    "TN5910006035183598478831",
    "TR330006100519786457841326",
    "UA213223130000026007233566001",
    "VA59001123000012345678",
    "VG96VPVG0000012345678901",
    "XK051212012345678906",
];

/// The code that IBANs of this country's banks begin with.
#[must_use]
pub fn iban_country(country: &str) -> &str {
    let host = IBANS_OF_OTHERS.iter().find(|(_host, territories)| territories.contains(&country));
    host.map_or(country, |(host, _territories)| *host)
}

#[must_use]
pub fn is_in_sepa(country: &str) -> bool {
    SEPA.contains(&iban_country(country))
}

/// None: its accounts have no IBANs, or not all of them.
#[must_use]
pub fn iban_example(country: &str) -> Option<&'static str> {
    let country = iban_country(country);
    IBAN_EXAMPLES.into_iter().find(|example| example.starts_with(country))
}

/// A field of an account, as callers know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountField {
    Iban,
    AccountNumber,
    ClearingCode,
    Bic,
    BankName,
    Street,
    Building,
    Postcode,
    Town,
    Country,
}

impl AccountField {
    /// Where it stands in the input.
    #[must_use]
    pub fn path(self) -> &'static [&'static str] {
        match self {
            Self::Iban => &["iban"],
            Self::AccountNumber => &["accountNumber"],
            Self::ClearingCode => &["clearingCode"],
            Self::Bic => &["bic"],
            Self::BankName => &["bankName"],
            Self::Street => &["holderAddress", "street"],
            Self::Building => &["holderAddress", "building"],
            Self::Postcode => &["holderAddress", "postcode"],
            Self::Town => &["holderAddress", "town"],
            Self::Country => &["holderAddress", "country"],
        }
    }

    /// What it is, for people.
    #[must_use]
    pub fn name(self, country: &str) -> &'static str {
        match self {
            Self::Iban => "the IBAN",
            Self::AccountNumber if country == "MX" => "the CLABE",
            Self::AccountNumber => "the account number",
            Self::ClearingCode => {
                ClearingSystem::of(iban_country(country)).map_or("the bank's clearing code", |system| system.name)
            }
            Self::Bic => "the bank's BIC",
            Self::BankName => "the bank's name",
            Self::Street => "the street of the account holder",
            Self::Building => "the house number of the account holder",
            Self::Postcode => "the postcode of the account holder",
            Self::Town => "the town of the account holder",
            Self::Country => "the country of the account holder",
        }
    }

    /// How it is written there.
    #[must_use]
    pub fn format(self, country: &str) -> &'static str {
        match self {
            Self::Iban => "two letters of the country, two check digits, then the account; with or without blanks",
            Self::AccountNumber => number_format(country).0,
            Self::ClearingCode => {
                ClearingSystem::of(iban_country(country)).map_or("as the bank has it", |system| system.format)
            }
            Self::Bic => "8 or 11 letters and digits",
            Self::BankName => "at most 140 characters, in Latin letters",
            Self::Street => "at most 70 characters, in Latin letters",
            Self::Building | Self::Postcode => "at most 16 characters, in Latin letters",
            Self::Town => "at most 35 characters, in Latin letters",
            Self::Country => "two letters, ISO 3166-1 alpha-2",
        }
    }

    /// How it may look there.
    #[must_use]
    pub fn example(self, country: &str) -> String {
        let text = match self {
            Self::Iban => iban_example(country).unwrap_or("DE89370400440532013000"),
            Self::AccountNumber => number_format(country).1,
            Self::ClearingCode => ClearingSystem::of(iban_country(country)).map_or("123456", |system| system.example),
            Self::Bic => return format!("ABCD{}22", iban_country(country)),
            Self::BankName => "Example Bank",
            Self::Street => "Main Street",
            Self::Building => "12",
            Self::Postcode => "12345",
            Self::Town => "Springfield",
            Self::Country => return country.to_owned(),
        };
        text.to_owned()
    }
}

fn number_format(country: &str) -> (&'static str, &'static str) {
    match iban_country(country) {
        "US" => ("4 to 17 digits", "000123456789"),
        "GB" => ("8 digits", "31926819"),
        "MX" => ("the CLABE: 18 digits, the last one a check digit", "032180000118359719"),
        _other => ("4 to 34 digits and letters", "12345678"),
    }
}

/// Whether this can be the number of an account there, without blanks and the like.
#[must_use]
pub fn is_account_number(country: &str, number: &str) -> bool {
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    match iban_country(country) {
        "US" => digits && (4..=17).contains(&number.len()),
        "GB" => digits && number.len() == 8,
        "MX" => is_clabe(number),
        _other => (4..=34).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_alphanumeric()),
    }
}

/// One way to name an account of a country.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountForm {
    pub required: Vec<AccountField>,
    pub optional: Vec<AccountField>,
}

const ADDRESS: [AccountField; 2] = [AccountField::Town, AccountField::Country];
const MORE_OF_ADDRESS: [AccountField; 3] = [AccountField::Street, AccountField::Building, AccountField::Postcode];

impl AccountForm {
    fn new(required: &[AccountField], optional: &[AccountField], needs_address: bool) -> Self {
        let (mut required, mut optional) = (required.to_vec(), optional.to_vec());
        if needs_address { &mut required } else { &mut optional }.extend(ADDRESS);
        optional.extend(MORE_OF_ADDRESS);
        Self { required, optional }
    }

    fn iban(country: &str) -> Self {
        Self::new(&[AccountField::Iban], &[AccountField::Bic], !is_in_sepa(country))
    }

    /// How accounts of this country can be named, the usual way first. Without a currency: what every transfer there needs.
    #[must_use]
    pub fn all(country: &str, currency: Option<Currency>) -> Vec<Self> {
        use AccountField::{AccountNumber, BankName, Bic, ClearingCode};
        let mut forms = Vec::new();
        let has_iban = iban_example(country).is_some();
        if has_iban {
            forms.push(Self::iban(country));
        }
        match ClearingSystem::of(iban_country(country)) {
            Some(system) => {
                forms.push(Self::new(&[AccountNumber, ClearingCode], &[Bic, BankName], true));
                let is_local = system.country == "CN" && currency.is_some_and(|currency| currency.code() == "CNY");
                if system.bic_is_enough && !is_local {
                    forms.push(Self::new(&[AccountNumber, Bic, BankName], &[ClearingCode], true));
                }
            }
            None if has_iban => {}
            None => forms.push(Self::new(&[AccountNumber, Bic, BankName], &[], true)),
        }
        forms
    }

    /// What this form lacks to be complete.
    #[must_use]
    pub fn missing(&self, account: &BankAccount) -> Vec<AccountField> {
        let address = account.holder_address.as_ref();
        let is_there = |field: &AccountField| match field {
            AccountField::Iban => account.iban.is_some(),
            AccountField::AccountNumber => account.account_number.is_some(),
            AccountField::ClearingCode => account.clearing_code.is_some(),
            AccountField::Bic => account.bic.is_some(),
            AccountField::BankName => account.bank_name.is_some(),
            AccountField::Street => address.is_some_and(|address| address.street.is_some()),
            AccountField::Building => address.is_some_and(|address| address.building.is_some()),
            AccountField::Postcode => address.is_some_and(|address| address.postcode.is_some()),
            AccountField::Town => address.is_some_and(|address| !address.town.is_empty()),
            AccountField::Country => address.is_some_and(|address| !address.country.is_empty()),
        };
        self.required.iter().copied().filter(|field| !is_there(field)).collect()
    }
}

/// What an account lacks for a transfer in this currency, by the form that it comes nearest to; nothing: it has all.
#[must_use]
pub fn missing(account: &BankAccount, currency: Option<Currency>) -> Vec<AccountField> {
    let forms = if account.iban.is_some() {
        vec![AccountForm::iban(&account.country)]
    } else {
        let forms = AccountForm::all(&account.country, currency);
        let named_by_number = |form: &AccountForm| form.required.contains(&AccountField::AccountNumber);
        let by_number = account.account_number.is_some() && forms.iter().any(named_by_number);
        forms.into_iter().filter(|form| !by_number || named_by_number(form)).collect()
    };
    let missing = forms.iter().map(|form| form.missing(account));
    missing.min_by_key(Vec::len).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_follows_country_and_currency() {
        use AccountField::{AccountNumber, BankName, Bic, ClearingCode, Country, Iban, Town};
        let account = |country: &str, iban: bool, number: bool| BankAccount {
            account_holder: "A".to_owned(),
            country: country.to_owned(),
            iban: iban.then(|| "X".to_owned()),
            account_number: number.then(|| "1".to_owned()),
            bank_name: None,
            bic: None,
            clearing_code: None,
            holder_address: None,
            currency: None,
        };
        let (euro, dollar): (Currency, Currency) = ("EUR".parse().expect("known"), Currency::USD);
        assert_eq!(missing(&account("DE", true, false), Some(euro)), []);
        assert_eq!(missing(&account("DE", true, false), None), []);
        assert_eq!(missing(&account("DE", true, false), Some(dollar)), []);
        assert_eq!(missing(&account("TR", true, false), Some(euro)), [Town, Country]);
        assert_eq!(missing(&account("DE", false, true), None), [Iban]);
        assert_eq!(missing(&account("GB", false, true), None), [ClearingCode, Town, Country]);
        assert_eq!(missing(&account("GB", false, false), None), [Iban]);
        assert_eq!(missing(&account("US", false, true), None), [ClearingCode, Town, Country]);
        assert_eq!(missing(&account("EC", false, true), None), [Bic, BankName, Town, Country]);
        assert_eq!(missing(&account("EC", false, false), None), [AccountNumber, Bic, BankName, Town, Country]);
        let chinese = BankAccount {
            bic: Some("BKCHCNBJ".to_owned()),
            bank_name: Some("Bank of China".to_owned()),
            ..account("CN", false, true)
        };
        assert_eq!(missing(&chinese, Some(dollar)), [Town, Country]);
        assert_eq!(missing(&chinese, Some("CNY".parse().expect("known"))), [ClearingCode, Town, Country]);
    }
}

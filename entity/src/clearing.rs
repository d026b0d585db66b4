//! Codes of banks and their branches in the clearing of a country, where accounts have no IBANs.
//!
//! Sources: ISO 20022 external code sets, `ExternalClearingSystemIdentification1Code`; the American Bankers Association's
//! routing number policy; Payments Canada; the Reserve Bank of India; Banco de México (CLABE).

/// A country's clearing, in which banks and their branches have a code.
#[derive(Debug)]
pub struct ClearingSystem {
    /// ISO 20022, `ExternalClearingSystemIdentification1Code`.
    pub code: &'static str,
    pub country: &'static str,
    /// How people there call it.
    pub name: &'static str,
    pub format: &'static str,
    pub example: &'static str,
    rule: CodeRule,
    /// Whether a transfer from abroad may name the bank by its BIC alone.
    pub bic_is_enough: bool,
}

#[derive(Debug)]
enum CodeRule {
    Digits(usize),
    /// Nine digits with weights 3, 7, 1, of the ranges that the American Bankers Association gives out.
    Aba,
    Ifsc,
    /// A zero, three digits of the institution, five of the branch.
    Canadian,
}

const CLEARING_SYSTEMS: [ClearingSystem; 11] = [
    system("US", "USABA", "ABA routing number", "9 digits, the last one a check digit", "021000021", CodeRule::Aba),
    system("GB", "GBDSC", "sort code", "6 digits", "601613", CodeRule::Digits(6)),
    system("IN", "INFSC", "IFSC", "4 letters, a zero, 6 letters or digits", "HDFC0000001", CodeRule::Ifsc),
    system("AU", "AUBSB", "BSB", "6 digits", "062000", CodeRule::Digits(6)),
    system(
        "CA",
        "CACPA",
        "routing number",
        "9 digits: a zero, 3 of the institution, 5 of the branch",
        "000300002",
        CodeRule::Canadian,
    ),
    system("NZ", "NZNCC", "bank and branch number", "6 digits", "010001", CodeRule::Digits(6)),
    system("ZA", "ZANCC", "branch code", "6 digits", "632005", CodeRule::Digits(6)),
    or_bic(system("CN", "CNAPS", "CNAPS code", "12 digits", "102100099996", CodeRule::Digits(12))),
    or_bic(system("HK", "HKNCC", "bank code", "3 digits", "004", CodeRule::Digits(3))),
    or_bic(system("SG", "SGIBG", "bank and branch code", "7 digits", "7171001", CodeRule::Digits(7))),
    or_bic(system("JP", "JPZGN", "bank and branch code", "7 digits", "0001001", CodeRule::Digits(7))),
];

const fn system(
    country: &'static str,
    code: &'static str,
    name: &'static str,
    format: &'static str,
    example: &'static str,
    rule: CodeRule,
) -> ClearingSystem {
    ClearingSystem { code, country, name, format, example, rule, bic_is_enough: false }
}

const fn or_bic(mut system: ClearingSystem) -> ClearingSystem {
    system.bic_is_enough = true;
    system
}

impl ClearingSystem {
    /// `country` is the one whose codes its banks have.
    #[must_use]
    pub fn of(country: &str) -> Option<&'static Self> {
        CLEARING_SYSTEMS.iter().find(|system| system.country == country)
    }

    /// Whether this can be a code of it.
    #[must_use]
    pub fn has(&self, text: &str) -> bool {
        let digits = |length: usize| text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
        match self.rule {
            CodeRule::Digits(length) => digits(length) && text.bytes().any(|byte| byte != b'0'),
            CodeRule::Aba => digits(9) && is_aba(text),
            CodeRule::Canadian => digits(9) && text.starts_with('0') && !text.starts_with("0000"),
            CodeRule::Ifsc => {
                let bytes = text.as_bytes();
                bytes.len() == 11
                    && bytes[..4].iter().all(u8::is_ascii_uppercase)
                    && bytes[4] == b'0'
                    && bytes[5..].iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
            }
        }
    }
}

/// Nine digits: the check digit, and the first two of a Federal Reserve district, a thrift, an electronic or traveller's one.
fn is_aba(text: &str) -> bool {
    weighted_sum(text).is_some_and(|sum| sum % 10 == 0)
        && matches!(text[..2].parse(), Ok(1_u32..=12 | 21..=32 | 61..=72 | 80))
}

/// Mexico's CLABE: 18 digits, the last one a check digit over the others, each product taken modulo 10.
#[must_use]
pub fn is_clabe(text: &str) -> bool {
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(10)).collect();
    let Some(digits) = digits.filter(|digits| digits.len() == 18) else { return false };
    let sum: u32 = digits[..17].iter().zip([3, 7, 1].iter().cycle()).map(|(digit, weight)| digit * weight % 10).sum();
    digits[17] == (10 - sum % 10) % 10
}

/// With the weights 3, 7, 1 and again.
fn weighted_sum(text: &str) -> Option<u32> {
    text.chars().zip([3, 7, 1].iter().cycle()).map(|(digit, weight)| Some(digit.to_digit(10)? * weight)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clearing_codes_are_checked_by_their_countries_rules() {
        let has = |country: &str, code: &str| ClearingSystem::of(country).is_some_and(|system| system.has(code));
        for system in &CLEARING_SYSTEMS {
            assert!(system.has(system.example), "{}", system.country);
            assert!(!system.has("") && !system.has(&format!("{}0", system.example)), "{}", system.country);
        }
        for (country, good, bad) in [
            ("US", "121000248", "121000249"),
            ("US", "026009593", "026009953"),
            ("US", "011401533", "991401533"),
            ("IN", "SBIN0000691", "SBIN1000691"),
            ("IN", "ICIC0001234", "icic0001234"),
            ("CA", "000400152", "100400152"),
            ("CA", "082912345", "00040015"),
            ("GB", "309897", "30989"),
            ("AU", "012003", "01200A"),
            ("CN", "104100000004", "10410000000"),
        ] {
            assert!(has(country, good), "{country} {good}");
            assert!(!has(country, bad), "{country} {bad}");
        }
        assert!(is_clabe("032180000118359719") && is_clabe("002010077777777771"));
        assert!(!is_clabe("032180000118359718") && !is_clabe("03218000011835971") && !is_clabe("03218000011835971X"));
    }
}

//! International bank account numbers, by ISO 13616: a length per country, and two check digits by ISO 7064 (MOD 97-10).

/// Why a text is not an IBAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IbanError {
    #[error(
        "is not an IBAN: two letters of the country, two check digits, then the account, such as DE89 3704 0044 0532 0130 00"
    )]
    Malformed,
    #[error("has the wrong number of characters for an IBAN of this country")]
    WrongLength,
    #[error("has wrong check digits; compare it with the original")]
    WrongCheckDigits,
}

/// Country and length, from the IBAN registry of SWIFT (release 100). Others have no IBAN.
const LENGTHS: &str = "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 \
    EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 \
    LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 \
    RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30";

/// Without blanks and in upper case, if it is one.
pub fn parse(text: &str) -> Result<String, IbanError> {
    let iban: String = text.chars().filter(|c| *c != ' ').map(|c| c.to_ascii_uppercase()).take(40).collect();
    let is_shaped = iban.len() > 4
        && iban.chars().all(|c| c.is_ascii_alphanumeric())
        && iban[..2].chars().all(|c| c.is_ascii_alphabetic())
        && iban[2..4].chars().all(|c| c.is_ascii_digit());
    if !is_shaped {
        return Err(IbanError::Malformed);
    }
    let length = LENGTHS.split(' ').find_map(|entry| entry.strip_prefix(&iban[..2]));
    match length.map(str::parse) {
        None => Err(IbanError::Malformed),
        Some(length) if length != Ok(iban.len()) => Err(IbanError::WrongLength),
        Some(_) if remainder(&iban) != 1 => Err(IbanError::WrongCheckDigits),
        Some(_) => Ok(iban),
    }
}

/// Modulo 97 of the number that reads: account, then country and check digits, with A as 10 up to Z as 35.
fn remainder(iban: &str) -> u32 {
    let rearranged = iban.chars().skip(4).chain(iban.chars().take(4));
    rearranged.filter_map(|c| c.to_digit(36)).fold(0, |so_far, value| {
        let digits = if value < 10 { 10 } else { 100 };
        (so_far * digits + value) % 97
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registrys_examples_pass() {
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
            assert!(parse(iban).is_ok(), "{iban}: {:?}", parse(iban));
        }
        assert_eq!(parse("DE89 3704 0044 0532 0130 00"), Ok("DE89370400440532013000".to_owned()));
    }

    #[test]
    fn a_slip_of_the_pen_is_named() {
        assert_eq!(parse("DE89 3704 0044 0532 0130 01"), Err(IbanError::WrongCheckDigits));
        assert_eq!(parse("DE98 3704 0044 0532 0130 00"), Err(IbanError::WrongCheckDigits));
        assert_eq!(parse("DE89 3704 0044 0532 0130 0"), Err(IbanError::WrongLength));
        for text in [
            "",
            "DE",
            "US64SVBKUS6S3300958879",
            "8937040044053201300D",
            "DE89-3704",
            "ÄÖ89370400440532013000",
            "DEXX370400440532013000",
        ] {
            assert_eq!(parse(text), Err(IbanError::Malformed), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_answered(text: String) {
            proptest::prop_assert!(parse(&text).is_err());
        }

        #[test]
        fn one_wrong_digit_is_always_found(at in 4_usize..22, digit in 0_u32..10) {
            let good = "DE89370400440532013000";
            let digit = char::from_digit(digit, 10).expect("a digit");
            let bad: String = good.chars().enumerate().map(|(index, c)| if index == at { digit } else { c }).collect();
            proptest::prop_assert_eq!(parse(&bad).is_ok(), bad == good);
        }
    }
}

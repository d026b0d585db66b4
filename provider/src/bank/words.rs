//! What a bank says in codes and what it can be told: ISO 20022's external reason codes in words, and text in the only
//! characters that SEPA and SWIFT carry.

/// The bank has this order already: it was sent twice, not refused. Source: ISO 20022 external code sets,
/// `ExternalStatusReason1Code`.
pub(super) fn is_duplicate(code: &str) -> bool {
    matches!(code, "DUPL" | "AM05" | "DU01" | "DU02" | "DU03" | "DU04" | "DU05")
}

/// A reason for people, with the code for whoever asks the bank. Source: ISO 20022 external code sets,
/// `ExternalStatusReason1Code` and `ExternalReturnReason1Code`.
pub(super) fn of_reason(code: Option<&str>) -> String {
    let Some(code) = code.map(str::trim).filter(|code| !code.is_empty()) else {
        return "the bank gave no reason".to_owned();
    };
    let words = match code {
        "AC01" | "AC02" | "AC03" => "the account number is wrong",
        "AC04" | "AC07" => "the account is closed",
        "AC05" => "the account of the sender is closed",
        "AC06" | "AG07" => "the account is blocked",
        "AC13" | "AC14" => "the account is of a kind that takes no such transfers",
        "AG01" => "the account takes no transfers",
        "AG02" => "the bank does not know this kind of transfer",
        "AGNT" | "RC01" | "RC03" | "RC04" | "AC11" | "RC08" => {
            "the bank of the account is not known or takes no transfers"
        }
        "AM01" | "AM12" => "the amount can't be used",
        "AM02" | "AM13" | "AM14" | "AM21" => "the amount is more than the bank allows",
        "AM03" | "AM11" => "the account does not take this currency",
        "AM04" => "our account did not have enough money",
        "AM06" => "the amount is less than the bank allows",
        "AM09" => "the amount is not what was agreed",
        "AM10" => "the bank's sums differ from ours",
        "BE01" | "BE04" | "BE05" | "BE06" | "BE22" => "name and account do not belong together",
        "CURR" => "the currency is wrong",
        "CUST" | "FOCR" => "it was called back",
        "DT01" => "the day can't be used",
        "FF01" | "FF03" | "FF05" | "FF10" => "the bank could not read the order",
        "MD07" => "the account holder has died",
        "MS02" => "the account holder refused it",
        "MS03" | "NARR" => "the bank gives no reason",
        "NOAS" | "NOOR" => "there was no answer to a question about it",
        "RVNM" | "RVMC" | "RVCM" => "the name is not the account holder's",
        "RR01" | "RR02" | "RR03" | "RR04" => "the regulator demands details or forbids it",
        "SL01" | "SL11" | "SL12" => "the account holder's bank does not offer it",
        "TM01" => "it came after the bank's closing time",
        "UPAY" => "it was not due",
        _unknown => "the bank refused it",
    };
    let code: String = code.chars().filter(char::is_ascii_alphanumeric).take(4).collect();
    if code.is_empty() { words.to_owned() } else { format!("{words} ({code})") }
}

/// In the characters that every bank carries (`a-z A-Z 0-9 / - ? : ( ) . , ' +` and blanks), at most this long; None if
/// it has letters that are not Latin. Source: EPC217-08, SEPA requirements for an extended character set.
pub(super) fn in_latin(text: &str, longest: usize) -> Option<String> {
    let mut latin = String::new();
    for character in text.chars() {
        match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' => latin.push(character),
            '/' | '-' | '?' | ':' | '(' | ')' | '.' | ',' | '\'' | '+' => latin.push(character),
            '&' => latin.push('+'),
            '\u{2010}'..='\u{2015}' | '_' => latin.push('-'),
            '\u{2018}' | '\u{2019}' | '`' | '\u{b4}' | '\u{2bc}' => latin.push('\''),
            'Ä' | 'Æ' => latin.push_str("Ae"),
            'ä' | 'æ' => latin.push_str("ae"),
            'Ö' | 'Ø' | 'Œ' => latin.push_str("Oe"),
            'ö' | 'ø' | 'œ' => latin.push_str("oe"),
            'Ü' => latin.push_str("Ue"),
            'ü' => latin.push_str("ue"),
            'ß' => latin.push_str("ss"),
            'ẞ' => latin.push_str("SS"),
            'Å' => latin.push_str("Aa"),
            'å' => latin.push_str("aa"),
            'Þ' => latin.push_str("Th"),
            'þ' => latin.push_str("th"),
            'ª' => latin.push('a'),
            'º' => latin.push('o'),
            other => match plain_letter(other) {
                Some(letter) => latin.push(letter),
                None if other.is_alphabetic() || other.is_numeric() => return None,
                // A combining accent belongs to the letter before it.
                None if ('\u{300}'..='\u{36f}').contains(&other) => {}
                None => latin.push(' '),
            },
        }
    }
    let words = latin.split_whitespace().collect::<Vec<_>>().join(" ");
    // Neither a slash at an end nor two in a row, which SWIFT reads as commands.
    let words = words.replace("//", "/");
    let words: String = words.trim_matches(|c| matches!(c, '/' | ' ')).chars().take(longest).collect();
    let words = words.trim_end().to_owned();
    words.bytes().any(|byte| byte.is_ascii_alphanumeric()).then_some(words)
}

/// Without its accent. Latin-1, Latin Extended-A, and what Romanian and Vietnamese have besides.
fn plain_letter(letter: char) -> Option<char> {
    const PLAIN: [(&str, char); 42] = [
        ("ÀÁÂÃĀĂĄǍẠẢẤẦẨẪẬẮẰẲẴẶ", 'A'),
        ("àáâãāăąǎạảấầẩẫậắằẳẵặ", 'a'),
        ("ÇĆĈĊČ", 'C'),
        ("çćĉċč", 'c'),
        ("ÐĎĐ", 'D'),
        ("ðďđ", 'd'),
        ("ÈÉÊËĒĔĖĘĚẸẺẼẾỀỂỄỆ", 'E'),
        ("èéêëēĕėęěẹẻẽếềểễệ", 'e'),
        ("ĜĞĠĢ", 'G'),
        ("ĝğġģ", 'g'),
        ("ĤĦ", 'H'),
        ("ĥħ", 'h'),
        ("ÌÍÎÏĨĪĬĮİỈỊ", 'I'),
        ("ìíîïĩīĭįıỉị", 'i'),
        ("Ĵ", 'J'),
        ("ĵ", 'j'),
        ("Ķ", 'K'),
        ("ķĸ", 'k'),
        ("ĹĻĽĿŁ", 'L'),
        ("ĺļľŀł", 'l'),
        ("ÑŃŅŇŊ", 'N'),
        ("ñńņňŉŋ", 'n'),
        ("ÒÓÔÕŌŎŐƠỌỎỐỒỔỖỘỚỜỞỠỢ", 'O'),
        ("òóôõōŏőơọỏốồổỗộớờởỡợ", 'o'),
        ("ŔŖŘ", 'R'),
        ("ŕŗř", 'r'),
        ("ŚŜŞŠȘ", 'S'),
        ("śŝşšș", 's'),
        ("ŢŤŦȚ", 'T'),
        ("ţťŧț", 't'),
        ("ÙÚÛŨŪŬŮŰŲƯỤỦỨỪỬỮỰ", 'U'),
        ("ùúûũūŭůűųưụủứừửữự", 'u'),
        ("Ŵ", 'W'),
        ("ŵ", 'w'),
        ("ÝŶŸỲỴỶỸ", 'Y'),
        ("ýÿŷỳỵỷỹ", 'y'),
        ("ŹŻŽ", 'Z'),
        ("źżž", 'z'),
        ("¹", '1'),
        ("²", '2'),
        ("³", '3'),
        ("Ə", 'A'),
    ];
    PLAIN.iter().find(|(letters, _plain)| letters.contains(letter)).map(|(_letters, plain)| *plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_every_bank_can_carry_them() {
        let latin = |text| in_latin(text, 70);
        assert_eq!(latin("Ana Souza & Irmãos Ltda."), Some("Ana Souza + Irmaos Ltda.".to_owned()));
        assert_eq!(latin("Müller_Söhne GmbH"), Some("Mueller-Soehne GmbH".to_owned()));
        assert_eq!(latin("Łódź  “Zażółć”; O’Neil"), Some("Lodz Zazolc O'Neil".to_owned()));
        assert_eq!(latin("Nguyễn Văn Ước"), Some("Nguyen Van Uoc".to_owned()));
        assert_eq!(latin("Cafe\u{301}"), Some("Cafe".to_owned()));
        assert_eq!(latin("//A//B/"), Some("A/B".to_owned()));
        for text in ["深圳市", "ООО Ромашка", "", "  ", "---"] {
            assert_eq!(latin(text), None, "{text}");
        }
        assert_eq!(in_latin(&"Ä".repeat(80), 70).map(|text| text.len()), Some(70));
    }

    #[test]
    fn a_reason_has_words_and_its_code() {
        assert_eq!(of_reason(Some("AC04")), "the account is closed (AC04)");
        assert_eq!(of_reason(Some("<b>?")), "the bank refused it (b)");
        assert_eq!(of_reason(None), "the bank gave no reason");
        assert!(is_duplicate("DUPL") && is_duplicate("AM05") && !is_duplicate("AC04"));
    }
}

//! CPF and CNPJ, the numbers of Brazilian taxpayers: eleven characters of a person, fourteen of a company, the last two of them
//! check digits. Companies' may have letters since July 2026. Source: Receita Federal, IN RFB 2229/2024.

/// Without its punctuation. None if it is neither, or its check digits are wrong: then no bank will take it.
pub(super) fn number(text: &str) -> Option<String> {
    let plain: String = text.chars().filter(|c| !matches!(c, '.' | '-' | '/' | ' ')).collect();
    let plain = plain.to_ascii_uppercase();
    let is_right = match plain.len() {
        11 => plain.bytes().all(|byte| byte.is_ascii_digit()) && ends_right(&plain, 11),
        14 => plain.bytes().all(|byte| byte.is_ascii_alphanumeric()) && ends_right(&plain, 9),
        _neither => false,
    };
    let is_one_character = plain.bytes().all(|byte| Some(&byte) == plain.as_bytes().first());
    (is_right && !is_one_character).then_some(plain)
}

/// Modulo 11 with weights from 2 to `heaviest`, from the right; a letter counts as its ASCII code less that of `0`.
fn ends_right(plain: &str, heaviest: u32) -> bool {
    let values: Vec<u32> = plain.bytes().map(|byte| u32::from(byte.saturating_sub(b'0'))).collect();
    let Some((body, given)) = values.split_last_chunk::<2>() else { return false };
    let digit = |values: &[u32]| {
        let weighed = values.iter().rev().zip((2..=heaviest).cycle()).map(|(value, weight)| value * weight);
        match weighed.sum::<u32>() % 11 {
            0 | 1 => 0,
            rest => 11 - rest,
        }
    };
    let first = digit(body);
    let second = digit(&[body, &[first]].concat());
    *given == [first, second]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_are_checked() {
        for (text, plain) in [
            ("53033315550", "53033315550"),
            ("530.333.155-50", "53033315550"),
            ("11.222.333/0001-81", "11222333000181"),
            // Receita Federal's example of one with letters.
            ("12.ABC.345/01DE-35", "12ABC34501DE35"),
            ("12.abc.345/01de-35", "12ABC34501DE35"),
        ] {
            assert_eq!(number(text).as_deref(), Some(plain), "{text}");
        }
        for text in [
            "",
            "53033315551",
            "53033315560",
            "5303331555",
            "530333155500",
            "00000000000",
            "11111111111",
            "00000000000000",
            "11.222.333/0001-18",
            "12.ABC.345/01DE-36",
            "5303331555A",
            "12ABC34501DE3\u{665}",
            "530_333_155_50",
        ] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}

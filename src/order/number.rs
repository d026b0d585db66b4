//! The number people read to each other: `SP-` and eight characters of Crockford base 32 (no I, L, O, U), the last of them a
//! check character, so that a slip of the pen or the tongue is noticed.

use ground::clock::Clock;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LENGTH: usize = 7;

/// A fresh number: 35 random bits. The database's unique key catches the rare repetition, and the caller begins again.
#[must_use]
pub(super) fn fresh(clock: &Clock) -> String {
    let bytes = clock.random_bytes();
    let symbols: Vec<usize> = bytes.iter().take(LENGTH).map(|byte| usize::from(byte & 31)).collect();
    let check = check_symbol(&symbols);
    let text: String = symbols.iter().chain([&check]).map(|symbol| char::from(ALPHABET[*symbol])).collect();
    format!("SP-{text}")
}

/// The numbers that stand in a text, however it was cut.
pub(super) fn numbers_in(text: &str) -> Vec<String> {
    let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_uppercase();
    let numbers = plain.match_indices("SP-").filter_map(|(start, prefix)| {
        let number = plain.get(start + prefix.len()..)?.get(..=LENGTH)?;
        let symbols: Vec<usize> =
            number.bytes().map(|byte| ALPHABET.iter().position(|symbol| *symbol == byte)).collect::<Option<_>>()?;
        let (check, symbols) = symbols.split_last()?;
        (check_symbol(symbols) == *check).then(|| format!("{prefix}{number}"))
    });
    numbers.collect()
}

/// Weighted sum modulo 31 (a prime): one wrong character (but 0 for Z), or two neighbours swapped, gives another.
fn check_symbol(symbols: &[usize]) -> usize {
    symbols.iter().zip(1..).map(|(symbol, weight)| symbol * weight).sum::<usize>() % 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_easy_to_read_and_checks_itself() {
        let number = fresh(&Clock::default());
        assert!(number.starts_with("SP-") && number.len() == 11, "{number}");
        let symbols: Vec<usize> = number
            .bytes()
            .skip(3)
            .map(|byte| ALPHABET.iter().position(|symbol| *symbol == byte).expect("of the alphabet"))
            .collect();
        assert_eq!(check_symbol(&symbols[..LENGTH]), symbols[LENGTH]);
    }

    #[test]
    fn numbers_are_found_in_what_people_write() {
        let number = fresh(&Clock::default());
        for text in [
            number.clone(),
            format!("for {} thanks", number.to_lowercase()),
            format!("{} {}", &number[..6], &number[6..]),
        ] {
            assert_eq!(numbers_in(&text), [number.as_str()], "{text}");
        }
        assert_eq!(numbers_in("SP-7K3M9Q for SP-"), Vec::<String>::new());
    }

    #[test]
    fn swapped_neighbours_are_noticed() {
        assert_ne!(check_symbol(&[1, 2, 3, 4, 5, 6, 7]), check_symbol(&[2, 1, 3, 4, 5, 6, 7]));
    }
}

//! The reference that a payer writes into a transfer, and how it is found again in what they wrote.
//!
//! `SP-7K3M9Q`: six characters of Crockford's base 32 (no I, L, O and U), the last of which checks the others by ISO 7064's
//! hybrid system MOD 33,32: any one wrong character is caught, and nearly all that are swapped. So no code that we give
//! out is one slip of the pen away from another, and no other text is taken for one. The same as an ISO 11649 creditor
//! reference, for the banks that have a field for it: `RF42SP7K3M9Q`.

use super::placeholder::is_given;
use super::written::Written;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LENGTH: usize = 6;
/// The text behind the prefix of a TypeID.
const SUFFIX: usize = 26;

/// A new code; the rest of the randomness is not needed.
pub(super) fn new(random: [u8; 16]) -> String {
    let values: Vec<u8> = random.iter().take(LENGTH - 1).map(|byte| byte & 31).collect();
    let check = check_value(&values);
    let code: String = values.iter().chain([&check]).map(|value| character(*value)).collect();
    format!("SP-{code}")
}

fn character(value: u8) -> char {
    char::from(ALPHABET.get(usize::from(value)).copied().unwrap_or(b'0'))
}

/// As Crockford reads it: in either case, with O for 0, and I or L for 1.
fn value(character: char) -> Option<u8> {
    let character = match character.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let position = ALPHABET.iter().position(|known| char::from(*known) == character)?;
    u8::try_from(position).ok()
}

/// ISO 7064, hybrid system MOD 33,32: the value of the last character.
fn check_value(values: &[u8]) -> u8 {
    let product = values.iter().fold(32_u16, |product, value| {
        let sum = (product + u16::from(*value)) % 32;
        (if sum == 0 { 32 } else { sum }) * 2 % 33
    });
    u8::try_from((33 - product) % 32).unwrap_or_default()
}

/// `SP7K3M9Q` as ISO 11649 writes it.
pub(super) fn creditor_reference(reference: &str) -> Option<String> {
    let code = reference.strip_prefix("SP-").filter(|code| code.len() == LENGTH)?;
    let body = format!("SP{code}");
    let check = 98 - remainder_97(&format!("{body}RF00"))?;
    Some(format!("RF{check:02}{body}"))
}

/// Of the number that the characters stand for, A being 10 and Z 35.
fn remainder_97(text: &str) -> Option<u32> {
    text.chars().try_fold(0, |remainder, character| {
        let digit = character.to_digit(36)?;
        Some((if digit < 10 { remainder * 10 } else { remainder * 100 } + digit) % 97)
    })
}

/// A creditor reference whose check digits are right: what is behind them.
fn creditor_reference_of(text: &str) -> Option<&str> {
    let (head, body) = text.split_at_checked(4)?;
    let is_right = head.starts_with("RF") && !body.is_empty() && remainder_97(&format!("{body}{head}")) == Some(1);
    is_right.then_some(body)
}

/// Where a reference of ours may stand, the surest place first, each with what stands there. Codes whose check character is
/// right come before all else, wherever they are: no other text looks like one by chance. Which of them is a payment of ours
/// the core knows.
pub(super) fn references_in(written: &Written) -> Vec<Vec<String>> {
    let creditor_references: Vec<String> = written.structured.iter().map(|text| plain(text)).collect();
    let (text, added) = (written.text.concat(), written.added.concat());
    let right = |texts: &mut dyn Iterator<Item = &str>| {
        let codes = texts.flat_map(codes_in).filter(|code| code.is_right).map(|code| code.text);
        unique(codes.collect())
    };
    let of_structured = || creditor_references.iter().map(|text| creditor_reference_of(text).unwrap_or(text));
    let any = |text: &str| unique(codes_in(text).into_iter().map(|code| code.text).collect());
    let whole = |texts: &[String]| unique(texts.iter().filter(|text| is_payers(text)).cloned().collect());
    let places = [
        right(&mut of_structured()),
        right(&mut written.ids.iter().map(String::as_str)),
        right(&mut std::iter::once(text.as_str())),
        right(&mut std::iter::once(added.as_str())),
        whole(&creditor_references),
        whole(&written.ids),
        any(&text),
        any(&added),
    ];
    places.into_iter().filter(|place| !place.is_empty()).collect()
}

/// What surely is of ours in it: codes whose check character is right, and ids of orders.
pub(super) fn ours_in(written: &Written) -> Vec<String> {
    let creditor_references: Vec<String> = written.structured.iter().map(|text| plain(text)).collect();
    let texts = creditor_references
        .iter()
        .map(|text| creditor_reference_of(text).unwrap_or(text).to_owned())
        .chain(written.ids.iter().cloned())
        .chain([written.text.concat(), written.added.concat()]);
    let codes = texts.flat_map(|text| codes_in(&text)).filter(|code| code.is_right).map(|code| code.text);
    let orders = Ordered::of(written).map(|ordered| match ordered {
        Ordered::Refund(reference) | Ordered::Payout(reference) => reference,
    });
    unique(codes.chain(orders).collect())
}

/// The id of an order of ours in a payer's text says nothing: only the bank can send one back.
fn is_payers(id: &str) -> bool {
    is_given(id) && Ordered::surely(id).is_none()
}

fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_uppercase()
}

fn unique(texts: Vec<String>) -> Vec<String> {
    let mut all: Vec<String> = Vec::with_capacity(texts.len());
    for text in texts {
        if !all.contains(&text) {
            all.push(text);
        }
    }
    all
}

/// A text that is written as our codes are.
struct Code {
    text: String,
    /// Its check character is right.
    is_right: bool,
}

/// Our codes in a text, however it was cut: blanks don't count, nor whether letters are small. With the hyphen a code counts
/// as it is written, without it only if its check character is right.
fn codes_in(text: &str) -> Vec<Code> {
    let text: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    let mut found: Vec<Code> = Vec::new();
    for (start, pair) in text.windows(2).enumerate() {
        if !pair[0].eq_ignore_ascii_case(&'S') || !pair[1].eq_ignore_ascii_case(&'P') {
            continue;
        }
        let rest = text.get(start + 2..).unwrap_or_default();
        let (has_hyphen, rest) = match rest.split_first() {
            Some(('-' | '\u{2010}'..='\u{2015}' | '\u{2212}', rest)) => (true, rest),
            Some(('/' | '.' | ':' | '_' | '#', rest)) => (false, rest),
            Some(_) | None => (false, rest),
        };
        let Some(values) =
            rest.get(..LENGTH).and_then(|code| code.iter().map(|c| value(*c)).collect::<Option<Vec<u8>>>())
        else {
            continue;
        };
        let is_right = values.split_last().is_some_and(|(check, values)| check_value(values) == *check);
        let code = format!("SP-{}", values.iter().map(|value| character(*value)).collect::<String>());
        if has_hyphen || is_right {
            found.push(Code { text: code, is_right });
        }
    }
    found
}

/// What we call a refund or a payout, as a bank can carry it: SEPA and SWIFT have no underscore.
pub(super) fn outgoing(reference: &str) -> String {
    reference.replace('_', "-")
}

/// An order of ours that a bank speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ordered {
    Refund(String),
    Payout(String),
}

impl Ordered {
    /// The order that a booking is surely of: by the id that goes from end to end, by those of the file in which it was
    /// ordered, or by what the bank writes of it.
    pub(super) fn of(written: &Written) -> Option<Self> {
        let ids = written.ids.iter().chain(&written.ordered).find_map(|id| Self::surely(id));
        ids.or_else(|| [&written.text, &written.added].into_iter().find_map(|lines| Self::in_text(&lines.concat())))
    }

    /// In free text, however it was cut.
    fn in_text(text: &str) -> Option<Self> {
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase();
        ["refund", "payout"].into_iter().find_map(|kind| {
            text.match_indices(kind).find_map(|(start, _)| {
                let id = text.get(start..)?;
                Self::surely(id.get(..kind.len() + 1 + SUFFIX)?)
            })
        })
    }

    pub(super) fn from_wire(id: &str) -> Self {
        match own(id, "payout").or_else(|| own(id, "refund")) {
            Some(own) if own.starts_with("payout") => Self::Payout(own),
            Some(own) => Self::Refund(own),
            None if id.starts_with("payout-") => Self::Payout(id.to_owned()),
            None => Self::Refund(id.to_owned()),
        }
    }

    /// None if it is not written as ours are.
    pub(super) fn surely(id: &str) -> Option<Self> {
        own(id, "payout").map(Self::Payout).or_else(|| own(id, "refund").map(Self::Refund))
    }
}

/// Banks on the way may have made the letters large.
fn own(id: &str, kind: &str) -> Option<String> {
    let id = id.to_ascii_lowercase();
    let rest = id.strip_prefix(kind)?.strip_prefix(['-', '_'])?;
    let (suffix, number) = rest.split_at_checked(SUFFIX)?;
    // The one transfer in the file of an order is numbered behind its id.
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_own = suffix.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && (number.is_empty() || number.strip_prefix('-').is_some_and(is_number));
    is_own.then(|| format!("{kind}_{suffix}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_text(lines: &[&str]) -> Vec<Vec<String>> {
        from(None, &[], lines)
    }

    fn from(end_to_end_id: Option<&str>, structured: &[&str], lines: &[&str]) -> Vec<Vec<String>> {
        let all = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let ids = end_to_end_id.into_iter().filter(|id| is_given(id)).map(str::to_owned).collect();
        references_in(&Written { structured: all(structured), ids, text: all(lines), ..Written::default() })
    }

    #[test]
    fn every_single_slip_and_nearly_every_swap_is_caught() {
        let (mut swaps, mut missed) = (0, 0);
        for seed in 0..=255_u8 {
            let code = new([
                seed.wrapping_mul(7),
                seed,
                seed.wrapping_add(13),
                seed / 3,
                255 - seed,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
            ]);
            let values: Vec<u8> = code[3..].chars().map(|c| value(c).expect("of the alphabet")).collect();
            let is_right = |values: &[u8]| check_value(&values[..5]) == values[5];
            assert!(is_right(&values), "{code}");
            for position in 0..6 {
                for wrong in (0..32).filter(|wrong| *wrong != values[position]) {
                    let mut other = values.clone();
                    other[position] = wrong;
                    assert!(!is_right(&other), "{code} {position} {wrong}");
                }
                if position < 5 && values[position] != values[position + 1] {
                    let mut other = values.clone();
                    other.swap(position, position + 1);
                    swaps += 1;
                    missed += i32::from(is_right(&other));
                }
            }
        }
        assert!(missed * 20 < swaps, "{missed} of {swaps}");
    }

    #[test]
    fn a_creditor_reference_has_the_check_digits_of_iso_11649() {
        assert_eq!(creditor_reference_of("RF18539007547034"), Some("539007547034"));
        assert_eq!(creditor_reference_of("RF19539007547034"), None);
        assert_eq!(creditor_reference_of("RF"), None);
        let reference = creditor_reference("SP-7K3M9Q").expect("one");
        assert_eq!((reference.len(), creditor_reference_of(&reference)), (12, Some("SP7K3M9Q")));
        assert_eq!(creditor_reference("payment_1"), None);
    }

    #[test]
    fn a_code_is_found_however_it_was_cut_or_typed() {
        let code = new([9; 16]);
        let bare = code.replace('-', "");
        for lines in [
            vec![code.clone()],
            vec![format!("order 1001 {} thanks", code.to_lowercase())],
            vec![format!("goods no {}", &code[..6]), format!("{} regards", &code[6..])],
            vec![format!("pay{bare}ment")],
            vec![format!("{} {}", &bare[..2], &bare[2..])],
            vec![code.replace('-', "/")],
            vec![code.clone(), bare.clone(), creditor_reference(&code).expect("one")],
        ] {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            assert_eq!(of_text(&lines).first().map(Vec::as_slice), Some([code.clone()].as_slice()), "{lines:?}");
        }
        assert_eq!(of_text(&["SP-OILL00"]), [["SP-011100"]], "O is 0, I and L are 1");
        assert_eq!(of_text(&["SP-7K3M9Q"]), [["SP-7K3M9Q"]], "with the hyphen, even if its check character is wrong");
        for text in ["", "SP", "SP-7K3M9", "SP-7K3M9U", "PAYMENT", "WASP 123 GROUP", "SP7K3M9Q"] {
            assert_eq!(of_text(&[text]), Vec::<Vec<String>>::new(), "{text}");
        }
    }

    #[test]
    fn a_code_with_its_check_character_comes_before_whatever_else_is_written() {
        let (one, two) = (new([1; 16]), new([2; 16]));
        let rf = creditor_reference(&one).expect("one");
        let first = |places: Vec<Vec<String>>| places.first().cloned().unwrap_or_default();
        assert_eq!(from(Some(&two), &[&rf], &[])[..2], [vec![one.clone()], vec![two.clone()]]);
        assert_eq!(first(from(None, &[&format!("{} {}", &rf[..4], rf[4..].to_lowercase())], &[])), [one.as_str()]);
        assert_eq!(from(Some("NOTPROVIDED"), &["RF18539007547034"], &[]), [["RF18539007547034"]]);
        assert_eq!(first(from(Some(&one), &[], &[])), [one.as_str()]);
        assert_eq!(first(from(Some("INV 77"), &[], &[&one])), [one.as_str()]);
        assert_eq!(first(from(None, &["RF18539007547034", "4711"], &[&one])), [one.as_str()], "foreign ones");
        assert_eq!(first(from(None, &[], &[&format!("SP-7K3M9Q {one}")])), [one.as_str()], "a look-alike");
        assert_eq!(first(from(None, &[], &[&format!("{one} {two}")])), [one.as_str(), two.as_str()]);
    }

    #[test]
    fn our_orders_are_recognised_as_they_come_back() {
        let refund = format!("refund_{}", "0".repeat(26));
        let wire = outgoing(&refund);
        assert!(wire.len() <= 33 && !wire.contains('_'));
        assert_eq!(Ordered::from_wire(&wire), Ordered::Refund(refund.clone()));
        assert_eq!(Ordered::from_wire(&wire.to_uppercase()), Ordered::Refund(refund));
        assert_eq!(Ordered::from_wire("payout-x"), Ordered::Payout("payout-x".to_owned()));
        assert_eq!(Ordered::from_wire("RF-rf01"), Ordered::Refund("RF-rf01".to_owned()));
        assert_eq!(Ordered::surely("RF-rf01"), None);
        let of = |text: &str| Ordered::of(&Written { text: vec![text.to_owned()], ..Written::default() });
        let numbered = format!("{wire}-1");
        for text in
            [wire.as_str(), numbered.as_str(), &format!("return of {} {}", &wire[..9], &wire[9..].to_uppercase())]
        {
            assert_eq!(of(text), Some(Ordered::Refund(format!("refund_{}", "0".repeat(26)))), "{text}");
        }
        assert_eq!(of("a refund of SP-7K3M9Q"), None);
    }
}

//! The characters of a file: by its byte order mark, or as its XML declaration says, or UTF-8.
//!
//! A file of which it isn't certain what its characters are is not read: half a reference would be read as another one.

use std::borrow::Cow;

use encoding_rs::{Encoding, REPLACEMENT, UTF_8, UTF_16BE, UTF_16LE, X_USER_DEFINED};

use super::other_file;

/// What some systems fill up their files with, before and after what is in them.
pub(super) fn is_padding(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\0' | '\u{1a}' | '\u{feff}')
}

/// Where a declaration of XML has to be over; longer ones are none.
const LONGEST_DECLARATION: usize = 400;
const LONGEST_NAME: usize = 40;

/// Why a file can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unreadable {
    pub(super) problem: String,
    /// It may be that the rest of it is still to come.
    pub(super) is_cut: bool,
}

impl Unreadable {
    pub(super) fn cut(problem: impl Into<String>) -> Self {
        Self { problem: problem.into(), is_cut: true }
    }
}

impl<T: Into<String>> From<T> for Unreadable {
    fn from(problem: T) -> Self {
        Self { problem: problem.into(), is_cut: false }
    }
}

/// The text of a file that should be XML, without what is around it.
pub(super) fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, Unreadable> {
    if let Some(kind) = other_file::by_its_first_bytes(bytes) {
        return Err(kind.into());
    }
    let (encoding, bytes) = match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => return Err(unknown("UTF-32").into()),
        [0xef, 0xbb, 0xbf, rest @ ..] => (UTF_8, rest),
        [0xff, 0xfe, rest @ ..] => (UTF_16LE, rest),
        [0xfe, 0xff, rest @ ..] => (UTF_16BE, rest),
        unmarked => by_its_beginning(unmarked)?,
    };
    let text = if encoding == UTF_8 { in_utf_8(bytes)? } else { in_other(encoding, bytes)? };
    Ok(match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim_matches(is_padding)),
        Cow::Owned(text) => Cow::Owned(text.trim_matches(is_padding).to_owned()),
    })
}

fn in_utf_8(bytes: &[u8]) -> Result<Cow<'_, str>, Unreadable> {
    std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|error| Unreadable {
        problem: "it is not in UTF-8, and doesn't say that it is in another encoding".to_owned(),
        is_cut: error.error_len().is_none(),
    })
}

fn in_other<'a>(encoding: &'static Encoding, bytes: &'a [u8]) -> Result<Cow<'a, str>, Unreadable> {
    let of_two = encoding == UTF_16LE || encoding == UTF_16BE;
    let bytes = match bytes {
        [whole @ .., b'\0' | b'\n' | b'\r' | b' ' | 0x1a] if of_two && whole.len().is_multiple_of(2) => whole,
        odd if of_two && !odd.len().is_multiple_of(2) => return Err(Unreadable::cut("it ends in half a character")),
        whole => whole,
    };
    let text = encoding.decode_without_bom_handling_and_without_replacement(bytes);
    text.ok_or_else(|| format!("it is not in {}, as it says", encoding.name()).into())
}

/// Without a mark: characters of two bytes show by the zeros beside the first `<`; all others can be read far enough to find
/// the declaration.
fn by_its_beginning(bytes: &[u8]) -> Result<(&'static Encoding, &[u8]), Unreadable> {
    let Some(first) = bytes.iter().position(|byte| *byte == b'<') else { return Ok((UTF_8, bytes)) };
    if bytes.get(first + 1) == Some(&0) {
        // With blanks before it there are zeros on both sides; it has its own where the pairs say so.
        return Ok(if first.is_multiple_of(2) { (UTF_16LE, bytes) } else { (UTF_16BE, bytes) });
    }
    let begins = bytes.iter().position(|byte| !matches!(byte, b'\0' | b' ' | b'\t' | b'\r' | b'\n' | 0x1a));
    let bytes = bytes.get(begins.unwrap_or_default()..).unwrap_or_default();
    let Some(name) = declared(bytes) else { return Ok((UTF_8, bytes)) };
    Ok((by_its_name(&name).ok_or_else(|| unknown(&name))?, bytes))
}

fn by_its_name(name: &str) -> Option<&'static Encoding> {
    if is_one_of(name, &["us-ascii", "ascii", "ansi_x3.4-1968", "iso646-us"]) {
        return Some(UTF_8);
    }
    let encoding = Encoding::for_label(name.as_bytes())?;
    // It can be read byte by byte, so it was written by something that keeps its text in UTF-16, and kept saying so.
    if encoding == UTF_16LE || encoding == UTF_16BE {
        return Some(UTF_8);
    }
    (encoding != REPLACEMENT && encoding != X_USER_DEFINED).then_some(encoding)
}

fn is_one_of(name: &str, names: &[&str]) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

fn unknown(name: &str) -> String {
    let name: String = name.chars().filter(char::is_ascii_graphic).take(LONGEST_NAME).collect();
    format!("it is in the encoding {name}, which is not known here")
}

/// The name that the declaration gives, if there is a declaration that gives one.
fn declared(bytes: &[u8]) -> Option<String> {
    let rest = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).strip_prefix(b"<?xml")?;
    let rest = rest.get(..LONGEST_DECLARATION).unwrap_or(rest);
    let end = rest.windows(2).position(|pair| pair == b"?>")?;
    let text = String::from_utf8_lossy(rest.get(..end)?).into_owned();
    let (_before, after) = text.split_once("encoding")?;
    let value = after.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (name, _after) = value.get(1..)?.split_once(quote)?;
    Some(name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf_16(text: &str, of: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(of).collect()
    }

    fn says(encoding: &str) -> Vec<u8> {
        format!("<?xml version='1.0'  encoding = \"{encoding}\" ?><A>").into_bytes()
    }

    fn text(bytes: &[u8]) -> String {
        decode(bytes).expect("reads").into_owned()
    }

    #[test]
    fn a_mark_or_the_declaration_says_what_it_is_in() {
        let with = |encoding: &str, tail: &[u8]| [says(encoding), tail.to_vec()].concat();
        for (encoding, tail, expected) in [
            ("UTF-8", "Zoë €".as_bytes(), "Zoë €"),
            ("utf8", "Zoë €".as_bytes(), "Zoë €"),
            ("UTF-16", "Zoë €".as_bytes(), "Zoë €"),
            ("US-ASCII", b"Zoe", "Zoe"),
            ("ISO-8859-1", b"Zo\xeb", "Zoë"),
            ("iso_8859-1", b"Zo\xeb", "Zoë"),
            ("latin1", b"Zo\xeb \x80", "Zoë €"),
            ("ISO-8859-15", b"Zo\xeb \xa4", "Zoë €"),
            ("windows-1252", b"Zo\xeb \x80", "Zoë €"),
            ("cp1252", b"Zo\xeb \x80", "Zoë €"),
            ("windows-1251", b"\xcf", "П"),
            ("GBK", b"\xb9\xab", "公"),
        ] {
            assert!(text(&with(encoding, tail)).ends_with(expected), "{encoding}");
        }
        let plain = "<A>Zoë €</A>";
        let declared = format!("<?xml version=\"1.0\" encoding=\"UTF-16\"?>{plain}");
        for of in [u16::to_le_bytes, u16::to_be_bytes] {
            for whole in [plain, declared.as_str()] {
                assert_eq!(text(&utf_16(whole, of)), whole, "without a mark");
                assert_eq!(text(&utf_16(&format!("\u{feff}{whole}"), of)), whole, "with a mark");
                assert_eq!(text(&utf_16(&format!(" \r\n{whole}\0 "), of)), whole, "with blanks");
                assert_eq!(text(&[utf_16(whole, of), b"\n".to_vec()].concat()), whole, "with half a line's end");
            }
        }
        let marked = format!("\u{feff}<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>{plain}");
        assert!(text(marked.as_bytes()).ends_with(plain), "the mark counts");
        assert_eq!(text(format!("\0\n{plain}\r\n\0\0\u{1a}").as_bytes()), plain);
    }

    #[test]
    fn what_is_not_certain_is_not_read() {
        let problem = |bytes: &[u8]| decode(bytes).expect_err("must refuse");
        for name in ["EBCDIC-CP-BE", "UTF-7", "UTF-32", "x-user-defined", "hz-gb-2312", ""] {
            assert!(problem(&says(name)).problem.contains(&format!("encoding {name}, which")), "{name}");
        }
        assert!(problem(&[0xff, 0xfe, 0, 0, b'<', 0, 0, 0]).problem.contains("UTF-32"));
        assert!(problem(b"<A>Zo\xeb</A>").problem.contains("not in UTF-8"));
        assert!(problem(&[says("US-ASCII"), b"Zo\xeb</A>".to_vec()].concat()).problem.contains("not in UTF-8"));
        assert!(problem(&[says("Shift_JIS"), b"\x81\xff<".to_vec()].concat()).problem.contains("not in Shift_JIS"));
        assert!(problem(&utf_16("<\u{41}>", u16::to_le_bytes)[..5]).is_cut);
        assert!(problem(&"<A>€".as_bytes()[..5]).is_cut);
        assert!(!problem(b"<A>Zo\xeb</A>").is_cut);
    }
}

//! What a file is that is none of ISO 20022, in words that say what to ask the bank for.

/// By what it begins with, before anything of it is read.
pub(super) fn by_its_first_bytes(bytes: &[u8]) -> Option<&'static str> {
    let known: [(&[u8], &str); 6] = [
        (b"%PDF", "it is a PDF, and not one of the bank's files in XML"),
        (b"PK\x03\x04", "it is a zip inside of another file, which is not opened"),
        (b"PK\x05\x06", "it is a zip with nothing in it"),
        (b"\x1f\x8b", "it is a gz inside of another file, which is not opened"),
        (b"\xd0\xcf\x11\xe0", "it is an Office document, and not one of the bank's files in XML"),
        (b"-----BEGIN", "it is encrypted or signed (PEM), and not one of the bank's files in XML"),
    ];
    known.iter().find(|(beginning, _)| bytes.starts_with(beginning)).map(|(_, kind)| *kind)
}

/// By what it begins with, of a text that is no XML.
pub(super) fn by_its_text(text: &str) -> &'static str {
    let is_tag = |line: &str| line.starts_with(":20:") || line.starts_with(":25:");
    let begins = text.get(..400).unwrap_or(text);
    if begins.starts_with("{1:") || begins.lines().any(is_tag) {
        return "it is a SWIFT message as text (MT940 or its like), which is not read: the bank has to send camt.053 and camt.054";
    }
    if begins.starts_with(['{', '[']) {
        return "it is JSON, and not one of the bank's files in XML";
    }
    if begins.starts_with("01,") {
        return "it is BAI2, which is not read: the bank has to send camt.053 and camt.054";
    }
    "it is no XML"
}

/// By its first tag, of what is XML or begins like it.
pub(super) fn is_page(text: &str) -> bool {
    ["<!doctype html", "<html"].iter().any(|tag| text.get(..tag.len()).is_some_and(|it| it.eq_ignore_ascii_case(tag)))
}

pub(super) const PAGE: &str = "it is an HTML page, such as servers answer errors with, and not one of the bank's files";

//! Forms (`application/x-www-form-urlencoded`), both ways.

use std::collections::BTreeMap;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};

pub(crate) const CONTENT_TYPE: &str = "application/x-www-form-urlencoded";

/// Sorted by name.
pub(crate) type Params = BTreeMap<String, String>;

/// In this order; all but letters and digits percent-encoded, in names, too.
pub(crate) fn encode(pairs: &[(&str, &str)]) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    pairs.join("&")
}

/// A posted form, strictly: each name once and plain, all of it UTF-8.
pub(crate) fn parse(body: &[u8]) -> Result<Params, &'static str> {
    parse_with(body, |bytes| String::from_utf8(bytes).map_err(|_source| "a parameter is not UTF-8"))
}

/// The same, of whoever writes another encoding.
pub(crate) fn parse_with(
    body: &[u8],
    text: impl Fn(Vec<u8>) -> Result<String, &'static str>,
) -> Result<Params, &'static str> {
    let mut params = Params::new();
    for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let middle = pair.iter().position(|byte| *byte == b'=').ok_or("a parameter without a value")?;
        let (name, value) = (text(decoded(&pair[..middle]))?, text(decoded(&pair[middle + 1..]))?);
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err("a parameter's name is not a plain word");
        }
        if params.insert(name, value).is_some() {
            return Err("a parameter is there twice");
        }
    }
    Ok(params)
}

fn decoded(text: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    percent_decode(&spaced).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_strictly() {
        let params = parse(b"b=%E6%B5%8B+1&a=&c=%2B%3D%26").expect("reads");
        assert_eq!((params["a"].as_str(), params["b"].as_str(), params["c"].as_str()), ("", "\u{6d4b} 1", "+=&"));
        for body in ["a=1&a=1", "a=1&%61=1", "a", "=1", "a=%FF", "a%3Db=1", "a b=1"] {
            assert!(parse(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        let pairs = [("amount", "12"), ("note", "a b+c&d=e/\u{6d4b}")];
        let text = encode(&pairs);
        assert_eq!(text, "amount=12&note=a%20b%2Bc%26d%3De%2F%E6%B5%8B");
        let read = parse(text.as_bytes()).expect("reads");
        assert_eq!(read["note"], pairs[1].1);
    }
}

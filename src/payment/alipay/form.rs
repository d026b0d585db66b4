//! Alipay's parameters: forms, and the one string that is signed over them.

use std::collections::BTreeMap;

use percent_encoding::percent_decode;

/// Sorted by name, as they are signed.
pub(super) type Params = BTreeMap<String, String>;

/// `k=v&k=v` of these parameters, values as they are: empty ones are kept.
pub(super) fn joined<'a>(params: &'a Params, but: impl Fn(&str) -> bool) -> String {
    let signed = params.iter().filter(|(name, _)| !but(name));
    let parts: Vec<String> = signed.map(|(name, value): (&'a String, _)| format!("{name}={value}")).collect();
    parts.join("&")
}

/// A posted form, strictly: each name once and plain, all of it UTF-8.
pub(super) fn parse(body: &[u8]) -> Result<Params, &'static str> {
    let mut params = Params::new();
    for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let middle = pair.iter().position(|byte| *byte == b'=').ok_or("a parameter without a value")?;
        let (name, value) = (decoded(&pair[..middle])?, decoded(&pair[middle + 1..])?);
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err("a parameter's name is not a plain word");
        }
        if params.insert(name, value).is_some() {
            return Err("a parameter is there twice");
        }
    }
    Ok(params)
}

fn decoded(text: &[u8]) -> Result<String, &'static str> {
    let spaced: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    percent_decode(&spaced).decode_utf8().map(String::from).map_err(|_source| "a parameter is not UTF-8")
}

/// The signed string does not say where a value ends: `a=1&b=2` may be one parameter or two. A value in which a parameter
/// seems to begin that we would read could be one that somebody has hidden there.
pub(super) fn hides(params: &Params, names: &[&str]) -> bool {
    let seems = |value: &str| {
        let after = value.split('&').skip(1);
        after.filter_map(|part| part.split_once('=')).any(|(name, _)| names.contains(&name))
    };
    params.values().any(|value| seems(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_strictly() {
        let params = parse(b"b=%E6%B5%8B+1&a=&c=%2B%3D%26").expect("reads");
        assert_eq!(joined(&params, |name| name == "c"), "a=&b=\u{6d4b} 1", "an empty value is kept");
        assert_eq!(params["c"], "+=&");
        for body in ["a=1&a=1", "a=1&%61=1", "a", "=1", "a=%FF", "a%3Db=1", "a b=1"] {
            assert!(parse(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn a_parameter_hidden_in_another_is_seen() {
        let params = parse(b"receipt_amount=1%26refund_fee%3D1&subject=a%26b").expect("reads");
        assert!(hides(&params, &["refund_fee"]));
        assert!(!hides(&params, &["b", "total_amount"]), "an ampersand alone hides nothing");
    }
}

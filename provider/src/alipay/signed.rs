//! The one string that Alipay's signatures are made over.

use crate::wire::form::Params;

/// `k=v&k=v` of these parameters, values as they are: empty ones are kept.
pub(super) fn joined<'a>(params: &'a Params, but: impl Fn(&str) -> bool) -> String {
    let signed = params.iter().filter(|(name, _)| !but(name));
    let parts: Vec<String> = signed.map(|(name, value): (&'a String, _)| format!("{name}={value}")).collect();
    parts.join("&")
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
    use crate::wire::form::parse;

    #[test]
    fn what_is_signed_keeps_empty_values() {
        let params = parse(b"b=%E6%B5%8B+1&a=&c=%2B%3D%26").expect("reads");
        assert_eq!(joined(&params, |name| name == "c"), "a=&b=\u{6d4b} 1");
    }

    #[test]
    fn a_parameter_hidden_in_another_is_seen() {
        let params = parse(b"receipt_amount=1%26refund_fee%3D1&subject=a%26b").expect("reads");
        assert!(hides(&params, &["refund_fee"]));
        assert!(!hides(&params, &["b", "total_amount"]), "an ampersand alone hides nothing");
    }
}

//! What stands in a field that must not be empty, and says nothing.

/// What programs and banks write where there is nothing to be said.
const NOTHING: [&str; 17] = [
    "NOTPROVIDED",
    "NOTPROVIDE",
    "NOTGIVEN",
    "NOTAPPLICABLE",
    "NOTAVAILABLE",
    "NOTSPECIFIED",
    "NOREFERENCE",
    "NOREFERENCES",
    "NONREF",
    "NOREF",
    "NONE",
    "NULL",
    "NA",
    "ND",
    "NIL",
    "UNKNOWN",
    "NOTKNOWN",
];

/// Whether an identifier says anything at all. `0000000`, `-`, `N/A` and the like fill a field that must not be empty.
pub(super) fn is_given(id: &str) -> bool {
    let plain: String = id.chars().filter(|c| c.is_alphanumeric()).collect();
    let mut characters = plain.chars();
    let is_one_repeated = characters
        .next()
        .is_some_and(|first| (first == '0' || plain.len() > 3) && characters.all(|other| other == first));
    !plain.is_empty() && !is_one_repeated && !NOTHING.iter().any(|nothing| plain.eq_ignore_ascii_case(nothing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fills_an_empty_field_is_no_reference() {
        for nothing in [
            "",
            "-",
            ".",
            "0",
            "00000000000",
            "N/A",
            "n.a.",
            "NOTPROVIDED",
            "NOT PROVIDED",
            "NOREFERENCE",
            "XXXX",
            "----",
        ] {
            assert!(!is_given(nothing), "{nothing}");
        }
        for something in ["B1", "1", "0001", "COLL1", "A0", "SAME"] {
            assert!(is_given(something), "{something}");
        }
    }
}

//! The raw text of one member of a JSON object: what Alipay signs in its answers.

use serde::de::IgnoredAny;
use serde_json::Deserializer;

/// The member of this name of the object at the top, byte for byte; None if the text is not JSON, or the name is there twice.
pub(super) fn raw<'a>(text: &'a str, wanted: &str) -> Option<&'a str> {
    let mut rest = text.trim_ascii_start().strip_prefix('{')?;
    let mut found = None;
    loop {
        let mut names = Deserializer::from_str(rest).into_iter::<String>();
        let name = names.next()?.ok()?;
        rest = rest.get(names.byte_offset()..)?.trim_ascii_start().strip_prefix(':')?.trim_ascii_start();
        let mut values = Deserializer::from_str(rest).into_iter::<IgnoredAny>();
        values.next()?.ok()?;
        let (value, after) = rest.split_at_checked(values.byte_offset())?;
        if name == wanted && found.replace(value).is_some() {
            return None;
        }
        let after = after.trim_ascii_start();
        if let Some(end) = after.strip_prefix('}') {
            return found.filter(|_whole| end.trim_ascii().is_empty());
        }
        rest = after.strip_prefix(',')?;
    }
}

#[cfg(test)]
mod tests {
    use super::raw;

    #[test]
    fn a_member_comes_out_byte_for_byte() {
        let text = r#" {"sign":"x","node": {"a" : "}\"{", "b":[1, {"node":2}], "sub_msg":"\u4e0d \/"} , "n":1} "#;
        assert_eq!(raw(text, "node"), Some(r#"{"a" : "}\"{", "b":[1, {"node":2}], "sub_msg":"\u4e0d \/"}"#));
        assert_eq!(raw(text, "sign"), Some(r#""x""#));
        assert_eq!(raw(text, "a"), None, "only of the object at the top");
    }

    #[test]
    fn what_is_not_one_object_has_no_members() {
        for text in [
            "",
            "null",
            "[]",
            "{}",
            r#"{"node":1"#,
            r#"{"node":1}x"#,
            r#"{"node":1,"node":2}"#,
            r#"{"node":{]}"#,
            r#"{node:1}"#,
            r#"{"node" 1}"#,
            "<html>",
        ] {
            assert_eq!(raw(text, "node"), None, "{text}");
        }
    }
}

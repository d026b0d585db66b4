//! What the parser will meet, counted before it runs and without recursion.

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Text {
    /// Names, numbers, strings and punctuation; `...` counts as three.
    pub(super) tokens: usize,
    pub(super) deepest: usize,
}

/// Counts what the parser will meet, without recursion. Strings and comments are passed over.
pub(super) fn scan(query: &str) -> Text {
    let bytes = query.as_bytes();
    let (mut tokens, mut open, mut deepest) = (0_usize, 0_usize, 0_usize);
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let rest = &bytes[at..];
        let length = match byte {
            b' ' | b'\t' | b'\r' | b'\n' | b',' => {
                at += 1;
                continue;
            }
            b'#' => {
                at += rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(rest.len());
                continue;
            }
            b'"' => string_length(rest),
            b'{' | b'[' | b'(' => {
                open += 1;
                deepest = deepest.max(open);
                1
            }
            b'}' | b']' | b')' => {
                open = open.saturating_sub(1);
                1
            }
            byte if is_word(*byte) => rest.iter().position(|byte| !is_word(*byte)).unwrap_or(rest.len()),
            _punctuation => 1,
        };
        tokens += 1;
        at += length;
    }
    Text { tokens, deepest }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'+') || !byte.is_ascii()
}

/// Bytes of the string that `text` begins with, quotes included. An open one ends with its line, a block with the text.
fn string_length(text: &[u8]) -> usize {
    let block = text.starts_with(b"\"\"\"");
    let mut at = if block { 3 } else { 1 };
    while let Some(byte) = text.get(at) {
        let rest = &text[at..];
        if block {
            if rest.starts_with(b"\"\"\"") {
                return at + 3;
            }
            at += if rest.starts_with(b"\\\"\"\"") { 4 } else { 1 };
        } else {
            match byte {
                b'"' => return at + 1,
                b'\n' | b'\r' => return at,
                b'\\' => at += 2,
                _character => at += 1,
            }
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_and_comments_hide_their_brackets() {
        let text = scan("{ a(x: \"{[(\\\"{\", y: \"\"\"[[ \\\"\"\" {{ \"\"\") # {{{{ \n b }");
        assert_eq!(text, Text { tokens: 12, deepest: 2 });
    }
}

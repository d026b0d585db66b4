//! What the parser will meet, counted before it runs and without recursion.

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Text {
    /// Names, digits, strings and punctuation: `...` and `1.5` count as three.
    pub(super) tokens: usize,
    pub(super) deepest: usize,
    /// A block string has no end. The parser would go on to read its quotes as empty strings, and what comes after them.
    pub(super) is_open: bool,
}

/// Counts what the parser will meet, without recursion. Strings and comments are passed over.
pub(super) fn scan(query: &str) -> Text {
    let bytes = query.as_bytes();
    let (mut tokens, mut open, mut deepest, mut is_open) = (0_usize, 0_usize, 0_usize, false);
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
            b'"' => string_length(rest).unwrap_or_else(|| {
                is_open = true;
                rest.len()
            }),
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
    Text { tokens, deepest, is_open }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Bytes of the string that `text` begins with, quotes included. An open one ends with its line. None: a block without an end.
fn string_length(text: &[u8]) -> Option<usize> {
    let block = text.starts_with(b"\"\"\"");
    let mut at = if block { 3 } else { 1 };
    while let Some(byte) = text.get(at) {
        let rest = &text[at..];
        if block {
            if rest.starts_with(b"\"\"\"") {
                return Some(at + 3);
            }
            at += if rest.starts_with(b"\\\"\"\"") { 4 } else { 1 };
        } else {
            match byte {
                b'"' => return Some(at + 1),
                b'\n' | b'\r' => return Some(at),
                b'\\' => at += 2,
                _character => at += 1,
            }
        }
    }
    (!block).then_some(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_and_comments_hide_their_brackets() {
        let text = scan("{ a(x: \"{[(\\\"{\", y: \"\"\"[[ \\\"\"\" {{ \"\"\") # {{{{ \n b }");
        assert_eq!(text, Text { tokens: 12, deepest: 2, is_open: false });
        assert!(scan("{ a(x: \"\"\"\" [[[").is_open && !scan("{ a(x: \"\"\"\"\"\" [[[").is_open);
    }
}

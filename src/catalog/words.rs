//! Search words. A text is found by the words of a query, in any order, each whole or by its beginning.
//!
//! Words are lower case and without accents ("Açaí" is found as "acai"), cut at everything that is neither letter nor
//! digit. A text is also kept under what people write otherwise: "IP65" under "ip" and "65", "ip-65" under "ip65", "5
//! m" under "5m", "600 × 600" under "600x600". A query needs none of that: its plain words are enough.

/// A longer word is cut to this many characters, in a text and in a query alike.
const LONGEST_WORD: usize = 32;
/// More words of one text than this aren't kept.
const MOST_WORDS: usize = 1_000;
/// A following unit such as "m", "kg" or "inch" has at most this many characters.
const LONGEST_UNIT: usize = 4;
/// A run of Chinese or Japanese has no blanks: it is also kept from each of this many first characters on.
const MOST_SUFFIXES: usize = 12;

/// What stands before a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gap {
    /// One character such as a hyphen or a slash.
    Joint,
    /// Only blanks.
    Blank,
    Other,
}

struct Word {
    text: String,
    gap: Gap,
}

/// The words a text is kept under, each once, in the order of the text.
#[must_use]
pub fn tokens(text: &str) -> Vec<String> {
    let words = split(text);
    let mut tokens = Tokens::default();
    let mut chain = String::new();
    for (index, word) in words.iter().enumerate() {
        tokens.add(&word.text);
        let parts = parts(&word.text);
        if parts.len() > 1 {
            parts.iter().for_each(|part| tokens.add(part));
        }
        tokens.add_suffixes(&word.text);
        let before = index.checked_sub(1).and_then(|index| words.get(index));
        match (word.gap, before) {
            (Gap::Joint, Some(before)) => {
                tokens.add(&format!("{}{}", before.text, word.text));
                chain.push_str(&word.text);
                tokens.add(&chain);
            }
            (Gap::Joint | Gap::Blank | Gap::Other, _) => chain.clone_from(&word.text),
        }
        if let (Gap::Joint | Gap::Blank, Some(before)) = (word.gap, before)
            && word.text.chars().count() <= LONGEST_UNIT
            && let Some(number) = self::parts(&before.text).last().filter(|part| part.starts_with(char::is_numeric))
        {
            tokens.add(&format!("{number}{}", word.text));
        }
    }
    tokens.kept
}

/// The words of a query, each once. A word that another one begins with says nothing more and is left out.
#[must_use]
pub fn query_words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = split(text).into_iter().map(|word| cut(&word.text)).collect();
    words.sort_unstable();
    words.dedup();
    // In byte order the words that begin with this one come right after it.
    let implied: Vec<bool> =
        (0..words.len()).map(|at| words.get(at + 1).is_some_and(|next| next.starts_with(&words[at]))).collect();
    words.into_iter().zip(implied).filter(|(_word, implied)| !implied).map(|(word, _implied)| word).collect()
}

#[derive(Default)]
struct Tokens {
    kept: Vec<String>,
    seen: std::collections::HashSet<String>,
}

impl Tokens {
    fn add(&mut self, word: &str) {
        let word = cut(word);
        if self.kept.len() < MOST_WORDS && !word.is_empty() && self.seen.insert(word.clone()) {
            self.kept.push(word);
        }
    }

    fn add_suffixes(&mut self, word: &str) {
        if word.chars().any(is_unspaced) {
            let starts: Vec<usize> = word.char_indices().map(|(at, _char)| at).take(MOST_SUFFIXES).collect();
            starts.into_iter().for_each(|at| self.add(&word[at..]));
        }
    }
}

fn cut(word: &str) -> String {
    word.chars().take(LONGEST_WORD).collect()
}

fn split(text: &str) -> Vec<Word> {
    let chars = with_crosses(text);
    let mut words: Vec<Word> = Vec::new();
    let mut word = String::new();
    let mut between = String::new();
    for (at, &c) in chars.iter().enumerate() {
        let follows_digit = at.checked_sub(1).is_some_and(|before| chars[before].is_ascii_digit());
        let digits_ahead = chars[at + 1..].iter().take(4).take_while(|c| c.is_ascii_digit()).count();
        // 1,500 is the word 1500, and 4.8 stays one word.
        let thousands = c == ',' && follows_digit && digits_ahead == 3;
        if c == '.' && follows_digit && digits_ahead > 0 {
            word.push(c);
        } else if !thousands && !fold(c, &mut word) {
            if !word.is_empty() {
                words.push(Word { text: std::mem::take(&mut word), gap: gap(&between) });
                between.clear();
            }
            between.push(c);
        }
    }
    if !word.is_empty() {
        words.push(Word { text: word, gap: gap(&between) });
    }
    words
}

fn gap(between: &str) -> Gap {
    let mut chars = between.chars();
    match (chars.next(), chars.next()) {
        (Some('-' | '‐' | '‑' | '–' | '/' | '.' | '_' | '+' | '&' | '\'' | '’'), None) => Gap::Joint,
        (Some(_), _) if !between.contains('\n') && between.chars().all(char::is_whitespace) => Gap::Blank,
        _other => Gap::Other,
    }
}

/// "600 × 400" as "600x400", in lower case.
fn with_crosses(text: &str) -> Vec<char> {
    let lower: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
    let mut chars: Vec<char> = Vec::with_capacity(lower.len());
    let mut at = 0;
    while let Some(&c) = lower.get(at) {
        at += 1;
        let before = chars.iter().rposition(|c| !c.is_whitespace()).filter(|_at| c == '×');
        let after = lower[at..].iter().position(|c| !c.is_whitespace()).filter(|_at| c == '×');
        if let (Some(before), Some(blanks)) = (before, after)
            && chars[before].is_ascii_digit()
            && lower[at + blanks].is_ascii_digit()
        {
            chars.truncate(before + 1);
            chars.push('x');
            at += blanks;
        } else {
            chars.push(c);
        }
    }
    chars
}

/// Where digits and letters change: "ip65" is "ip" and "65".
fn parts(word: &str) -> Vec<&str> {
    let is_number = |c: char| c.is_numeric() || c == '.';
    let mut parts = Vec::new();
    let mut rest = word;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c| is_number(c) != is_number(first)).unwrap_or(rest.len());
        parts.push(&rest[..end]);
        rest = &rest[end..];
    }
    parts
}

/// Scripts written without blanks between words.
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}

/// Adds a lower-case character without its accent; false if it ends a word.
fn fold(c: char, word: &mut String) -> bool {
    let plain = match c {
        // Combining accents, and what is not seen.
        '\u{300}'..='\u{36f}' | '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{feff}' => "",
        'à'..='å' | 'ā' | 'ă' | 'ą' => "a",
        'æ' => "ae",
        'ç' | 'ć' | 'č' => "c",
        'ď' | 'đ' => "d",
        'è'..='ë' | 'ē' | 'ė' | 'ę' | 'ě' => "e",
        'ğ' => "g",
        'ì'..='ï' | 'ī' | 'ı' => "i",
        'ł' | 'ľ' | 'ĺ' => "l",
        'ñ' | 'ń' | 'ň' => "n",
        'ò'..='ö' | 'ø' | 'ō' | 'ő' => "o",
        'œ' => "oe",
        'ř' => "r",
        'ś' | 'š' | 'ş' | 'ș' => "s",
        'ß' => "ss",
        'ť' | 'ţ' | 'ț' => "t",
        'ù'..='ü' | 'ū' | 'ů' | 'ű' | 'µ' | 'μ' => "u",
        'ý' | 'ÿ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        'ё' => "е",
        '¹' => "1",
        '²' => "2",
        '³' => "3",
        _other => {
            if c.is_alphanumeric() {
                word.push(c);
            }
            return c.is_alphanumeric();
        }
    };
    word.push_str(plain);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the database does it: every word of the query is the beginning of a token.
    fn finds(query: &str, text: &str) -> bool {
        let tokens = tokens(text);
        let words = query_words(query);
        !words.is_empty() && words.iter().all(|word| tokens.iter().any(|token| token.starts_with(word)))
    }

    const STRIP: &str = "LED Strip Light 12V, 2835, 60 LEDs/m, 5m Reel, IP65 Waterproof\nLW-2835-60-IP65-5M";

    #[test]
    fn words_are_found_in_any_order_and_by_their_beginning() {
        for query in
            ["led strip 5m waterproof", "waterproof 5M strip LED", "wat ree", "ip65", "ip-65", "IP 65", "5 m", "12 v"]
        {
            assert!(finds(query, STRIP), "{query}");
        }
        for query in ["led strip 7m", "aterproof", "%", "", "'", "5m reel cotton"] {
            assert!(!finds(query, STRIP), "{query}");
        }
        assert!(finds("LW-2835-60-IP65-5M", STRIP));
    }

    #[test]
    fn what_is_written_otherwise_is_found_too() {
        for (query, text) in [
            ("ip65", "Rated IP-65"),
            ("5m", "Reel of 5 m"),
            ("2.5m", "2.5 m cable"),
            ("1500w", "Saw, 1,500 W"),
            ("2835", "LEDs 60,2835"),
            ("600x600", "Panel 600 × 600 mm"),
            ("600mm", "Panel 600 × 600 mm"),
            ("tshirt", "Crew Neck T-Shirt"),
            ("t-shirt", "Crew Neck T-Shirt"),
            ("acai", "Freeze-Dried Açaí Powder"),
            ("AÇAÍ", "Freeze-Dried Acai Powder"),
            ("g/m²", "Towel 550 g/m2"),
            ("прожектор", "Светодиодный Прожектор 50 Вт"),
            ("灯带", "防水灯带5米"),
            ("10 kΩ", "Resistor 10 kΩ"),
            ("istanbul", "İstanbul"),
        ] {
            assert!(finds(query, text), "{query} in {text}: {:?} in {:?}", query_words(query), tokens(text));
        }
    }

    #[test]
    fn any_word_of_a_text_finds_it() {
        let text = "Measuring Tape 5 m × 19 mm, Nylon-Coated Blade (1,500 pcs) 3-in-1 4.8 W/m";
        for word in text.split_whitespace().filter(|word| word.chars().any(char::is_alphanumeric)) {
            assert!(finds(word, text), "{word}: {:?} in {:?}", query_words(word), tokens(text));
        }
    }

    #[test]
    fn words_are_bounded_and_come_once() {
        assert_eq!(query_words("led LED leds le"), ["leds"]);
        assert_eq!(tokens("LED led Led"), ["led"]);
        let long = "x".repeat(500);
        assert_eq!(tokens(&long), ["x".repeat(LONGEST_WORD)]);
        assert!(finds(&long, &long));
        let many: String = (0..5_000).map(|n| format!("w{n} ")).collect();
        assert_eq!(tokens(&many).len(), MOST_WORDS);
    }

    proptest::proptest! {
        #[test]
        fn every_text_can_be_read(text: String) {
            for token in tokens(&text).iter().chain(&query_words(&text)) {
                proptest::prop_assert!(!token.is_empty() && token.chars().count() <= LONGEST_WORD);
                proptest::prop_assert!(!token.contains('\0'));
            }
        }

        #[test]
        fn a_text_of_words_is_found_by_each(text in "[a-zA-Z0-9 ,.×/-]{0,60}") {
            for word in query_words(&text) {
                proptest::prop_assert!(finds(&word, &text), "{} in {:?}", word, tokens(&text));
            }
        }
    }
}

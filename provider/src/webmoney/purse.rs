//! Purses: the letter is what they hold, and so the currency of whatever is paid to them.

use entity::Currency;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Purse {
    /// `Z123456789012`.
    pub(super) number: String,
    pub(super) currency: Currency,
}

/// Those of money that has an ISO 4217 code. Gold (G) and coins (X, H, L, F, T) have none; R, U and V were closed.
const CURRENCIES: [(char, &str); 5] = [('Z', "USD"), ('E', "EUR"), ('K', "KZT"), ('B', "BYN"), ('Y', "UZS")];

/// A WMID, and what is behind the letter of a purse.
const DIGITS: usize = 12;

impl Purse {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut rest = text.chars();
        let letter = rest.next().unwrap_or_default();
        if !is_wmid(rest.as_str()) {
            return Err(format!("must be purses such as Z123456789012, not {text:?}"));
        }
        let code = CURRENCIES.iter().find(|(of, _)| *of == letter).map(|(_, code)| *code);
        let code = code.ok_or_else(|| format!("has {text}, and no money is in purses of {letter}: Z, E, K, B or Y"))?;
        let currency = code.parse::<Currency>().map_err(|error| error.to_string())?;
        Ok(Self { number: text.to_owned(), currency })
    }
}

pub(super) fn is_wmid(text: &str) -> bool {
    text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Plain digits, as numbers of payments and transactions are.
pub(super) fn is_number(text: &str) -> bool {
    // 64 bits.
    const MOST_DIGITS: usize = 19;
    (1..=MOST_DIGITS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0')
}

//! What adapters have in common: calls and their answers, forms, signatures, amounts, ids. None of it knows a provider.

pub(super) mod amount;
pub(super) mod call;
pub(super) mod form;
pub(super) mod header;
pub(super) mod hmac;
pub(super) mod rsa;

/// An id or a reference that can be kept: not empty, one line, at most so many bytes.
pub(super) fn checked(id: &str, longest: usize) -> Option<String> {
    let fits = (1..=longest).contains(&id.len()) && !id.chars().any(char::is_control);
    fits.then(|| id.to_owned())
}

/// The longest id that fits into our indexes; providers' own limits are lower.
pub(super) const LONGEST_ID: usize = 200;

/// The beginning of what a provider says, for a person to read.
pub(super) fn words(text: &str) -> String {
    const LONGEST: usize = 500;
    text.chars().take(LONGEST).collect()
}

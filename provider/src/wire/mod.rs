//! What adapters have in common: calls and their answers, forms, signatures, amounts, ids. None of it knows a provider.

use entity::Money;
use sha2::{Digest, Sha256};

use crate::fact::Fact;
use crate::webhook::Acknowledgement;
pub(super) use ground::signature::{header, hmac};

pub(super) mod amount;
pub(super) mod call;
pub(super) mod document;
pub(super) mod form;
pub(super) mod rsa;
pub(super) mod standard;

/// An id or a reference that can be kept: not empty, one line, at most so many bytes.
pub(super) fn checked(id: &str, longest: usize) -> Option<String> {
    let fits = (1..=longest).contains(&id.len()) && !id.chars().any(char::is_control);
    fits.then(|| id.to_owned())
}

/// The longest id that fits into our indexes; providers' own limits are lower.
pub(super) const LONGEST_ID: usize = 200;

/// As [`checked`], for providers that name no limit of their own.
pub(super) fn checked_id(id: &str) -> Result<String, String> {
    checked(id, LONGEST_ID).ok_or_else(|| "an id or a reference that is empty, too long, or not one line".to_owned())
}

/// For notifications that come without an id: they are told apart by what they say.
pub(super) fn hash(content: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(content)))
}

/// Of rails that capture a payment once: their own id of the payment names that movement, too.
pub(super) fn captured_once(reference: String, id: String, amount: Money) -> Fact {
    let (references, provider_reference) = (vec![reference], Some(id.clone()));
    Fact::PaymentCaptured { references, provider_reference, movement: id, amount, remitter: None }
}

/// Of providers that look at the status only.
pub(super) const RECEIVED: Acknowledgement =
    Acknowledgement { status: 200, content_type: "application/json", body: r#"{"received":true}"# };

/// The beginning of what a provider says, for a person to read.
pub(super) fn words(text: &str) -> String {
    const LONGEST: usize = 500;
    text.chars().take(LONGEST).collect()
}

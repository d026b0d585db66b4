//! RSA PKCS#1 v1.5 with SHA-256 ("RSA2", "RSA256"), by ring; and the ways in which vendors hand out keys.
//!
//! A key in a setting is PEM (also on one line, with `\n` written out) or the bare base 64 of its DER.

use std::ops::RangeInclusive;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey};
use secrecy::{ExposeSecret, SecretString};

use ground::setting::{SettingError, required, required_list, wrong};

/// Ours: signs what we send.
pub(crate) struct SigningKey(RsaKeyPair);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(***)")
    }
}

impl SigningKey {
    /// PKCS#8 or PKCS#1. The error says what the setting must be.
    pub(crate) fn parse(key: &SecretString) -> Result<Self, &'static str> {
        const WRONG: &str = "must be an RSA private key of 2048 to 4096 bits, in PEM or base 64 (PKCS#8 or PKCS#1)";
        let der = der_of(key.expose_secret()).ok_or(WRONG)?;
        let pair = RsaKeyPair::from_pkcs8(&der).or_else(|_not_pkcs8| RsaKeyPair::from_der(&der));
        pair.map(Self).map_err(|_source| WRONG)
    }

    /// Base 64. None only if the operating system has no randomness.
    pub(crate) fn sign(&self, message: &[u8]) -> Option<String> {
        let mut signature = vec![0; self.0.public().modulus_len()];
        self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).ok()?;
        Some(STANDARD.encode(signature))
    }
}

/// The provider's: checks what it sends.
#[derive(Clone)]
pub(crate) struct VerifyingKey(Vec<u8>);

impl std::fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("VerifyingKey")
    }
}

impl VerifyingKey {
    /// SubjectPublicKeyInfo ("BEGIN PUBLIC KEY") or PKCS#1. The error says what the setting must be.
    pub(crate) fn parse(key: &str) -> Result<Self, &'static str> {
        const WRONG: &str = "must be an RSA public key of 2048 to 8192 bits, in PEM or base 64";
        let der = der_of(key).ok_or(WRONG)?;
        let pkcs1 = pkcs1_of(&der).ok_or(WRONG)?;
        if bits_of(pkcs1).is_some_and(|bits| SIZES.contains(&bits)) { Ok(Self(pkcs1.to_vec())) } else { Err(WRONG) }
    }

    /// `signature` in base 64. The algorithm is this one, whatever a message says.
    pub(crate) fn verifies(&self, message: &[u8], signature: &str) -> bool {
        let Ok(signature) = STANDARD.decode(signature) else { return false };
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.0).verify(message, &signature).is_ok()
    }
}

/// Our key, in the setting of this name.
pub(crate) fn signing_key(variable: &'static str, key: &Option<SecretString>) -> Result<SigningKey, SettingError> {
    SigningKey::parse(required(variable, key)?).map_err(|problem| wrong(variable, problem))
}

/// The provider's keys, in the setting of this name: one, or several while it is replaced.
pub(crate) fn verifying_keys(variable: &'static str, keys: &[String]) -> Result<Vec<VerifyingKey>, SettingError> {
    let parse = |key: &String| VerifyingKey::parse(key).map_err(|problem| wrong(variable, problem));
    required_list(variable, keys)?.iter().map(parse).collect()
}

/// Whether one of the active keys has signed it.
pub(crate) fn any_verifies(keys: &[VerifyingKey], message: &[u8], signature: &str) -> bool {
    keys.iter().any(|key| key.verifies(message, signature))
}

fn der_of(text: &str) -> Option<Vec<u8>> {
    let text = text.trim().replace("\\n", "\n");
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with("-----"));
    let body: String = lines.flat_map(|line| line.chars().filter(|c| !c.is_whitespace())).collect();
    STANDARD.decode(body).ok().filter(|der| !der.is_empty())
}

/// What ring verifies with: a key of any other size would match nothing.
const SIZES: RangeInclusive<usize> = 2048..=8192;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;

/// `SEQUENCE { SEQUENCE { algorithm }, BIT STRING { PKCS#1 } }`, or PKCS#1 itself: `SEQUENCE { INTEGER, INTEGER }`.
fn pkcs1_of(der: &[u8]) -> Option<&[u8]> {
    let (inside, _) = element(der, SEQUENCE)?;
    if inside.first() == Some(&INTEGER) {
        return Some(der);
    }
    let (_algorithm, rest) = element(inside, SEQUENCE)?;
    let (bits, _) = element(rest, BIT_STRING)?;
    match bits.split_first()? {
        (0, key) => Some(key),
        (_unused_bits, _) => None,
    }
}

/// The size of the modulus of exactly `SEQUENCE { modulus, exponent }`.
fn bits_of(pkcs1: &[u8]) -> Option<usize> {
    let (inside, after) = element(pkcs1, SEQUENCE)?;
    let (modulus, rest) = element(inside, INTEGER)?;
    let (exponent, rest) = element(rest, INTEGER)?;
    let significant = modulus.iter().position(|byte| *byte != 0)?;
    let (first, others) = modulus.get(significant..)?.split_first()?;
    let whole = after.is_empty() && rest.is_empty() && !exponent.is_empty();
    let top = usize::try_from(8 - first.leading_zeros()).ok()?;
    whole.then(|| others.len() * 8 + top)
}

/// The content of the first DER element, which must have this tag, and what comes after it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if bytes.len() > 4 {
            return None;
        }
        (bytes.iter().fold(0_usize, |length, byte| (length << 8) | usize::from(*byte)), rest)
    };
    (found == tag).then(|| rest.split_at_checked(length)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made for tests, see tests/vectors/keys/README.md.
    const PKCS8: &str = include_str!("../../../tests/vectors/keys/merchant.pem");
    const PKCS1: &str = include_str!("../../../tests/vectors/keys/merchant.pkcs1.pem");
    const PUBLIC: &str = include_str!("../../../tests/vectors/keys/merchant.pub.pem");
    const PUBLIC_PKCS1: &str = include_str!("../../../tests/vectors/keys/merchant.pub.pkcs1.pem");
    const OTHER: &str = include_str!("../../../tests/vectors/keys/vendor.pub.pem");
    /// `openssl genrsa 1024` and its public half: too short.
    const SHORT: &str = include_str!("../../../tests/vectors/keys/short.pem");
    const SHORT_PUBLIC: &str = include_str!("../../../tests/vectors/keys/short.pub.pem");
    /// `openssl dgst -sha256 -sign merchant.pem` of "hello".
    const HELLO: &str = include_str!("../../../tests/vectors/keys/hello.sig");

    fn signing(key: &str) -> Result<SigningKey, &'static str> {
        SigningKey::parse(&SecretString::from(key))
    }

    fn base64_of(pem: &str) -> String {
        pem.lines().filter(|line| !line.starts_with('-')).collect()
    }

    /// As in a file, as in a `.env`, with a carriage return, and without its frame.
    fn forms(pem: &str) -> [String; 5] {
        let wrapped = base64_of(pem).as_bytes().chunks(76).map(|line| String::from_utf8_lossy(line) + "\n").collect();
        [
            pem.to_owned(),
            pem.replace('\n', "\\n"),
            format!("  {}\n", pem.replace('\n', "\r\n")),
            base64_of(pem),
            wrapped,
        ]
    }

    #[test]
    fn a_key_is_taken_in_every_form_that_vendors_hand_out() {
        for private in [PKCS8, PKCS1].into_iter().flat_map(forms) {
            let signature = signing(&private).expect("a key").sign(b"hello").expect("signs");
            assert_eq!(signature, HELLO.trim(), "PKCS#1 v1.5 gives the same signature each time, as openssl does");
            for public in [PUBLIC, PUBLIC_PKCS1].into_iter().flat_map(forms) {
                assert!(VerifyingKey::parse(&public).expect("a key").verifies(b"hello", &signature), "{public}");
            }
        }
    }

    #[test]
    fn another_key_another_message_and_another_signature_do_not_match() {
        let (ours, other) = (VerifyingKey::parse(PUBLIC), VerifyingKey::parse(OTHER));
        let (ours, other) = (ours.expect("a key"), other.expect("a key"));
        let good = HELLO.trim();
        assert!(ours.verifies(b"hello", good));
        assert!(!other.verifies(b"hello", good));
        assert!(!ours.verifies(b"hello ", good));
        let altered = format!("{}{}", if good.starts_with('A') { 'B' } else { 'A' }, &good[1..]);
        for signature in ["", "AAAA", "not base 64", &altered, &good[..good.len() - 4], &format!("{good}AAAA")] {
            assert!(!ours.verifies(b"hello", signature), "{signature}");
        }
    }

    #[test]
    fn what_is_no_key_or_the_wrong_half_is_refused_when_it_is_read() {
        let cut = &base64_of(PUBLIC)[..200];
        let more = STANDARD.encode([&STANDARD.decode(base64_of(PUBLIC_PKCS1)).expect("decodes")[..], &[0]].concat());
        for garbage in
            ["", " ", "\n", "-----BEGIN PUBLIC KEY-----", "AAAA", "not base 64", "MAA=", "MIIBIjAN", cut, "MIQ="]
        {
            assert!(signing(garbage).is_err(), "{garbage}");
            assert!(VerifyingKey::parse(garbage).is_err(), "{garbage}");
        }
        for public in [PUBLIC, PUBLIC_PKCS1, SHORT] {
            assert!(signing(public).is_err(), "{public}");
        }
        for private in [PKCS8, PKCS1, SHORT_PUBLIC, &more] {
            assert!(VerifyingKey::parse(private).is_err(), "{private}");
        }
    }

    #[test]
    fn a_private_key_is_never_printed() {
        assert_eq!(format!("{:?}", signing(PKCS8).expect("a key")), "SigningKey(***)");
    }

    #[test]
    fn a_key_that_was_cut_or_damaged_never_panics() {
        for pem in [PUBLIC, PUBLIC_PKCS1, PKCS8] {
            let der = STANDARD.decode(base64_of(pem)).expect("decodes");
            for length in 0..der.len() {
                assert!(VerifyingKey::parse(&STANDARD.encode(&der[..length])).is_err(), "{length}");
                let mut damaged = der.clone();
                damaged[length] ^= 0x80;
                if let Ok(key) = VerifyingKey::parse(&STANDARD.encode(damaged)) {
                    assert!(pem != PKCS8 && (!key.verifies(b"hello", HELLO.trim()) || length < 24), "{length}");
                }
            }
        }
    }
}

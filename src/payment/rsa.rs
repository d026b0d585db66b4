//! RSA PKCS#1 v1.5 with SHA-256 ("RSA2", "RSA256"), by ring; and the ways in which vendors hand out keys.
//!
//! A key in a setting is PEM (also on one line, with `\n` written out) or the bare base 64 of its DER.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey};
use secrecy::{ExposeSecret, SecretString};

/// Ours: signs what we send.
pub(super) struct SigningKey(RsaKeyPair);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(***)")
    }
}

impl SigningKey {
    /// PKCS#8 or PKCS#1. The error says what the setting must be.
    pub(super) fn parse(key: &SecretString) -> Result<Self, &'static str> {
        const WRONG: &str = "must be an RSA private key of 2048 to 4096 bits, in PEM or base 64 (PKCS#8 or PKCS#1)";
        let der = der_of(key.expose_secret()).ok_or(WRONG)?;
        let pair = RsaKeyPair::from_pkcs8(&der).or_else(|_not_pkcs8| RsaKeyPair::from_der(&der));
        pair.map(Self).map_err(|_source| WRONG)
    }

    /// Base 64. None only if the operating system has no randomness.
    pub(super) fn sign(&self, message: &[u8]) -> Option<String> {
        let mut signature = vec![0; self.0.public().modulus_len()];
        self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).ok()?;
        Some(STANDARD.encode(signature))
    }
}

/// The provider's: checks what it sends.
#[derive(Clone)]
pub(super) struct VerifyingKey(Vec<u8>);

impl std::fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("VerifyingKey")
    }
}

impl VerifyingKey {
    /// SubjectPublicKeyInfo ("BEGIN PUBLIC KEY") or PKCS#1. The error says what the setting must be.
    pub(super) fn parse(key: &str) -> Result<Self, &'static str> {
        const WRONG: &str = "must be an RSA public key of at least 2048 bits, in PEM or base 64";
        let der = der_of(key).ok_or(WRONG)?;
        let pkcs1 = pkcs1_of(&der).ok_or(WRONG)?;
        let (modulus, _rest) =
            element(pkcs1, SEQUENCE).and_then(|(inside, _)| element(inside, INTEGER)).ok_or(WRONG)?;
        if modulus.len() < 256 {
            return Err(WRONG);
        }
        Ok(Self(pkcs1.to_vec()))
    }

    /// `signature` in base 64. The algorithm is this one, whatever a message says.
    pub(super) fn verifies(&self, message: &[u8], signature: &str) -> bool {
        let Ok(signature) = STANDARD.decode(signature) else { return false };
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.0).verify(message, &signature).is_ok()
    }
}

fn der_of(text: &str) -> Option<Vec<u8>> {
    let text = text.trim().replace("\\n", "\n");
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with("-----"));
    let body: String = lines.flat_map(|line| line.chars().filter(|c| !c.is_whitespace())).collect();
    STANDARD.decode(body).ok().filter(|der| !der.is_empty())
}

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

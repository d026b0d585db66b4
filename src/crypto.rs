//! Bank details at rest: AES-256-GCM under the key of `SECURE_PAYMENT_ENCRYPTION_KEY`.
//!
//! Each text gets a fresh random nonce; the id of the row is authenticated with it, so that details can't be moved to
//! another row.

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, Key, KeyInit, Nonce};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use ground::clock::Clock;

#[derive(Clone)]
pub struct Cipher {
    key: Aes256Gcm,
    fingerprints: Hmac<Sha256>,
}

impl std::fmt::Debug for Cipher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cipher(***)")
    }
}

const NONCE_BYTES: usize = 12;

impl Cipher {
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        // Another key than the cipher's. HMAC's own is a block of the hash: 64 bytes.
        let derived = Sha256::new().chain_update(b"fingerprint").chain_update(key).finalize();
        let mut block = [0_u8; 64];
        block[..32].copy_from_slice(&derived);
        let fingerprints = <Hmac<Sha256> as hmac::KeyInit>::new(&block.into());
        Self { key: Aes256Gcm::new(&Key::<Aes256Gcm>::from(key)), fingerprints }
    }

    /// Tells equal texts from others, to nobody without the key: a bare hash of an account number can be searched for.
    #[must_use]
    pub fn fingerprint(&self, plain: &str) -> String {
        hex::encode(Mac::chain_update(self.fingerprints.clone(), plain).finalize().into_bytes())
    }

    /// Base 64 of nonce and ciphertext. `owner` is the id of the row it belongs to.
    pub fn encrypt(&self, clock: &Clock, owner: &str, plain: &str) -> Result<String> {
        let mut nonce = [0_u8; NONCE_BYTES];
        nonce.copy_from_slice(&clock.random_bytes()[..NONCE_BYTES]);
        let sealed = self
            .key
            .encrypt(&Nonce::from(nonce), Payload { msg: plain.as_bytes(), aad: owner.as_bytes() })
            .map_err(|error| Error::internal(format!("encrypting for {owner}: {error}")))?;
        Ok(STANDARD.encode([nonce.as_slice(), &sealed].concat()))
    }

    pub fn decrypt(&self, owner: &str, sealed: &str) -> Result<String> {
        let broken = || Error::internal(format!("the encrypted details of {owner} can't be read with this key"));
        let bytes = STANDARD.decode(sealed).map_err(|_source| broken())?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>().ok_or_else(broken)?;
        let plain = self
            .key
            .decrypt(&Nonce::from(*nonce), Payload { msg: sealed, aad: owner.as_bytes() })
            .map_err(|_source| broken())?;
        String::from_utf8(plain).map_err(|_source| broken())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_read_back_only_for_their_own_row_and_key() {
        let cipher = Cipher::new([7; 32]);
        let sealed = cipher.encrypt(&Clock::default(), "payout_account_1", "DE89370400440532013000").expect("encrypts");
        assert!(!sealed.contains("DE89"));
        assert_eq!(cipher.decrypt("payout_account_1", &sealed).expect("decrypts"), "DE89370400440532013000");
        assert!(cipher.decrypt("payout_account_2", &sealed).is_err());
        assert_eq!(cipher.fingerprint("DE89"), Cipher::new([7; 32]).fingerprint("DE89"));
        assert_ne!(cipher.fingerprint("DE89"), Cipher::new([8; 32]).fingerprint("DE89"));
        assert!(Cipher::new([8; 32]).decrypt("payout_account_1", &sealed).is_err());
    }
}

//! RSA with SHA-256, for the fakes that sign by it. The keys are in `tests/vectors/keys`, made for tests.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey};

/// Ours.
pub(super) const MERCHANT: &str = include_str!("../../vectors/keys/merchant.pem");
/// The payment company's.
const VENDOR: &str = include_str!("../../vectors/keys/vendor.pem");
pub(super) const VENDOR_PUBLIC: &str = include_str!("../../vectors/keys/vendor.pub.pem");

pub(super) struct Pair(RsaKeyPair);

impl Pair {
    pub(super) fn merchant() -> Self {
        Self::read(MERCHANT)
    }

    pub(super) fn vendor() -> Self {
        Self::read(VENDOR)
    }

    fn read(pem: &str) -> Self {
        let der: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        Self(RsaKeyPair::from_pkcs8(&STANDARD.decode(der).expect("base 64")).expect("a key"))
    }

    pub(super) fn sign(&self, message: &[u8]) -> String {
        let mut signature = vec![0; self.0.public().modulus_len()];
        self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).expect("signs");
        STANDARD.encode(signature)
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &str) -> bool {
        let Ok(signature) = STANDARD.decode(signature) else { return false };
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, self.0.public_key());
        key.verify(message, &signature).is_ok()
    }
}

//! HMAC-SHA256, and comparing in constant time.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

/// Of the parts, one after the other.
pub fn sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // A key of any length will do: longer ones than a block are hashed first.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Whether any of these is one of those: how often, and where they begin to differ, takes no time that tells anything.
pub fn any_equal<A: AsRef<[u8]>, B: AsRef<[u8]>>(expected: &[A], given: &[B]) -> bool {
    let mut matches = Choice::from(0);
    for expected in expected {
        for given in given {
            matches |= given.as_ref().ct_eq(expected.as_ref());
        }
    }
    bool::from(matches)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_published_algorithm() {
        // RFC 4231, test case 2.
        let mac = sha256(b"Jefe", &[b"what do ya want ", b"for nothing?"]);
        assert_eq!(hex::encode(mac), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn one_that_matches_is_enough() {
        assert!(any_equal(&["a", "b"], &["x", "b"]));
        assert!(!any_equal(&["a", "b"], &["x", "bb", ""]));
        assert!(!any_equal::<&str, &str>(&[], &[]));
    }
}

//! Standard Webhooks: how a notification is signed, and how a signature is checked.
//!
//! Used both ways: for what the simulated bank sends us, and for what we send storefronts. Promises of [`verify`]:
//! * the algorithm is pinned to `v1` (HMAC-SHA256); nothing in the message chooses it;
//! * id, timestamp and the raw bytes of the body are all signed, and compared in constant time;
//! * the timestamp is at most five minutes off, either way, so that a recorded message can't be sent again later;
//! * each header is there once and well-formed. An id has no dot, because dots separate the signed parts.
//!
//! Several secrets are active while one is being replaced; any of them may have signed.
//! Source: the Standard Webhooks specification 1.0; vectors in `tests/vectors/standardwebhooks.json`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use entity::Time;
use http::HeaderMap;
use secrecy::{ExposeSecret, SecretString};

pub mod header;
pub mod hmac;

pub const ID_HEADER: &str = "webhook-id";
pub const TIMESTAMP_HEADER: &str = "webhook-timestamp";
pub const SIGNATURE_HEADER: &str = "webhook-signature";

/// How far a timestamp may be off, in seconds, both ways.
pub const TOLERANCE_SECONDS: u64 = 300;

const MOST_ID_CHARACTERS: usize = 128;

/// Why a message is not accepted, or can't be signed. Holds nothing secret and nothing of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SignatureError(pub &'static str);

/// One entry of the header `webhook-signature`: `v1,<base 64>`. `timestamp` is in Unix seconds.
pub fn sign(secret: &SecretString, id: &str, timestamp: i64, body: &[u8]) -> Result<String, SignatureError> {
    let key = Key::parse(secret)?;
    Ok(format!("v1,{}", STANDARD.encode(key.authenticate(id, &timestamp.to_string(), body))))
}

/// Checks a message and answers its id, which stays the same when the message is sent again.
pub fn verify(
    secrets: &[SecretString],
    headers: &HeaderMap,
    body: &[u8],
    wall_now: Time,
) -> Result<String, SignatureError> {
    let one =
        |name, wrong| header::the_only(headers, name).ok().filter(|text| !text.is_empty()).ok_or(SignatureError(wrong));
    let id = one(ID_HEADER, "webhook-id is missing, malformed, or there more than once")?;
    let timestamp = one(TIMESTAMP_HEADER, "webhook-timestamp is missing, malformed, or there more than once")?;
    let signatures = one(SIGNATURE_HEADER, "webhook-signature is missing, malformed, or there more than once")?;
    if id.len() > MOST_ID_CHARACTERS || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)) {
        return Err(SignatureError("webhook-id is malformed"));
    }
    header::fresh(header::seconds(timestamp)?, wall_now)?;
    let keys: Vec<Key> = secrets.iter().filter_map(|secret| Key::parse(secret).ok()).collect();
    if keys.is_empty() {
        return Err(SignatureError("no usable secret is configured"));
    }
    let candidates: Vec<Vec<u8>> = signatures
        .split(' ')
        .filter_map(|entry| entry.strip_prefix("v1,"))
        .filter_map(|encoded| STANDARD.decode(encoded).ok())
        .collect();
    let expected: Vec<[u8; 32]> = keys.iter().map(|key| key.authenticate(id, timestamp, body)).collect();
    if hmac::any_equal(&expected, &candidates) {
        Ok(id.to_owned())
    } else {
        Err(SignatureError("no signature matches"))
    }
}

/// A setting or a stored secret can be used: `whsec_` and 24 to 64 bytes in base 64.
pub fn check_secret(secret: &SecretString) -> Result<(), SignatureError> {
    Key::parse(secret).map(|_key| ())
}

struct Key(Vec<u8>);

impl Key {
    fn parse(secret: &SecretString) -> Result<Self, SignatureError> {
        const MALFORMED: SignatureError = SignatureError("a secret must be whsec_ and 24 to 64 bytes in base 64");
        let encoded = secret.expose_secret().trim().strip_prefix("whsec_").ok_or(MALFORMED)?;
        let bytes = STANDARD.decode(encoded).map_err(|_source| MALFORMED)?;
        if !(24..=64).contains(&bytes.len()) {
            return Err(MALFORMED);
        }
        Ok(Self(bytes))
    }

    fn authenticate(&self, id: &str, timestamp: &str, body: &[u8]) -> [u8; 32] {
        hmac::sha256(&self.0, &[id.as_bytes(), b".", timestamp.as_bytes(), b".", body])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use chrono::DateTime;
    use http::{HeaderName, HeaderValue};

    use super::*;

    #[derive(serde::Deserialize)]
    struct Vector {
        id: String,
        secret: String,
        headers: BTreeMap<String, String>,
        body: String,
        now: i64,
        tolerance_s: u64,
        valid: bool,
        /// A stricter verdict than the reference's.
        policy: Option<String>,
    }

    fn vectors() -> Vec<Vector> {
        #[derive(serde::Deserialize)]
        struct File {
            vectors: Vec<Vector>,
        }
        serde_json::from_str::<File>(include_str!("../../../tests/vectors/standardwebhooks.json"))
            .expect("parses")
            .vectors
    }

    fn headers(of: &Vector) -> HeaderMap {
        of.headers
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().expect("a name"), value.parse().expect("a value")))
            .collect()
    }

    fn at(seconds: i64) -> Time {
        DateTime::from_timestamp(seconds, 0).expect("in range")
    }

    const SECRET: &str = "whsec_c2FuZGJveC1vbmx5LXdlYmhvb2stc2VjcmV0LTMyYiE=";
    const OTHER_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const NOW: i64 = 1_761_998_400;

    fn signed(secret: &str, timestamp: i64, body: &[u8]) -> HeaderMap {
        let signature = sign(&SecretString::from(secret), "msg_1", timestamp, body).expect("signs");
        HeaderMap::from_iter([
            (HeaderName::from_static(ID_HEADER), HeaderValue::from_static("msg_1")),
            (HeaderName::from_static(TIMESTAMP_HEADER), timestamp.to_string().parse().expect("a value")),
            (HeaderName::from_static(SIGNATURE_HEADER), signature.parse().expect("a value")),
        ])
    }

    fn verdict(headers: &HeaderMap, now: i64) -> Result<String, SignatureError> {
        verify(&[SecretString::from(SECRET)], headers, b"{}", at(now))
    }

    #[test]
    fn the_reference_vectors_are_judged_as_the_reference_judges_them() {
        let all = vectors();
        assert_eq!(all.len(), 7);
        for vector in all {
            assert_eq!(vector.tolerance_s, TOLERANCE_SECONDS, "{}", vector.id);
            let secrets = [SecretString::from(vector.secret.clone())];
            let result = verify(&secrets, &headers(&vector), vector.body.as_bytes(), at(vector.now));
            let wanted = vector.valid && vector.policy.as_deref() != Some("reject");
            assert_eq!(result.is_ok(), wanted, "{}: {result:?}", vector.id);
            if let Ok(id) = result {
                assert_eq!(Some(&id), vector.headers.get(ID_HEADER));
            }
        }
    }

    #[test]
    fn signing_gives_the_published_signature() {
        for vector in vectors().into_iter().filter(|vector| vector.valid) {
            let timestamp = vector.headers[TIMESTAMP_HEADER].parse().expect("a number");
            let secret = SecretString::from(vector.secret);
            let signature = sign(&secret, &vector.headers[ID_HEADER], timestamp, vector.body.as_bytes());
            assert_eq!(signature.as_ref(), Ok(&vector.headers[SIGNATURE_HEADER]), "{}", vector.id);
        }
    }

    #[test]
    fn five_minutes_pass_both_ways_and_a_second_more_does_not() {
        let message = signed(SECRET, NOW, b"{}");
        for (offset, passes) in [(0, true), (300, true), (-300, true), (301, false), (-301, false)] {
            assert_eq!(verdict(&message, NOW + offset).is_ok(), passes, "{offset}");
        }
    }

    #[test]
    fn any_active_secret_and_any_signature_of_the_list_will_do() {
        let mut message = signed(OTHER_SECRET, NOW, b"{}");
        let both = [SecretString::from(SECRET), SecretString::from(OTHER_SECRET)];
        assert!(verify(&both, &message, b"{}", at(NOW)).is_ok());
        assert!(verdict(&message, NOW).is_err());
        let good = message[SIGNATURE_HEADER].to_str().expect("text").to_owned();
        let list = format!("v1a,b2s= v1,AAAA not-base-64 {good}");
        message.insert(SIGNATURE_HEADER, list.parse().expect("a value"));
        assert!(verify(&both, &message, b"{}", at(NOW)).is_ok());
    }

    #[test]
    fn only_v1_counts() {
        for prefix in ["v1a,", "v2,", "V1,", "", "v1=", "sha256="] {
            let mut message = signed(SECRET, NOW, b"{}");
            let encoded = message[SIGNATURE_HEADER].to_str().expect("text").replacen("v1,", prefix, 1);
            message.insert(SIGNATURE_HEADER, encoded.parse().expect("a value"));
            assert!(verdict(&message, NOW).is_err(), "{prefix}");
        }
    }

    #[test]
    fn a_header_that_is_missing_twice_there_or_malformed_is_refused() {
        for name in [ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER] {
            let message = signed(SECRET, NOW, b"{}");
            let mut without = message.clone();
            without.remove(name);
            assert!(verdict(&without, NOW).is_err(), "without {name}");
            let mut twice = message.clone();
            twice.append(name, message[name].clone());
            assert!(verdict(&twice, NOW).is_err(), "two of {name}");
        }
        for (name, value) in [
            (ID_HEADER, ""),
            (ID_HEADER, "msg.1"),
            (ID_HEADER, "msg 1"),
            (TIMESTAMP_HEADER, "1761998400.0"),
            (TIMESTAMP_HEADER, "+1761998400"),
            (TIMESTAMP_HEADER, "99999999999999999999"),
            (SIGNATURE_HEADER, "v1,"),
        ] {
            let mut message = signed(SECRET, NOW, b"{}");
            message.insert(name, HeaderValue::from_static(value));
            assert!(verdict(&message, NOW).is_err(), "{name}: {value}");
        }
    }

    #[test]
    fn an_id_that_is_empty_is_none_even_if_it_is_signed() {
        let mut message = signed(SECRET, NOW, b"{}");
        let signature = sign(&SecretString::from(SECRET), "", NOW, b"{}").expect("signs");
        message.insert(ID_HEADER, HeaderValue::from_static(""));
        message.insert(SIGNATURE_HEADER, signature.parse().expect("a value"));
        assert!(verdict(&message, NOW).is_err());
    }

    #[test]
    fn a_secret_of_the_wrong_form_signs_nothing_and_matches_nothing() {
        for secret in ["", "whsec_", "c2FuZGJveC1vbmx5LXdlYmhvb2stc2VjcmV0LTMyYiE=", "whsec_c2hvcnQ=", "whsec_???"] {
            assert!(check_secret(&SecretString::from(secret)).is_err(), "{secret}");
            assert!(sign(&SecretString::from(secret), "msg_1", NOW, b"{}").is_err(), "{secret}");
        }
        let message = signed(SECRET, NOW, b"{}");
        let error = verify(&[SecretString::from("whsec_c2hvcnQ=")], &message, b"{}", at(NOW)).expect_err("refused");
        assert_eq!(error, SignatureError("no usable secret is configured"));
    }
}

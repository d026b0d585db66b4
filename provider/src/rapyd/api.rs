//! Calls to Rapyd, and signatures both ways.
//!
//! Signed is `place + salt + timestamp + access key + secret + body`, where the place is method and path in what we send,
//! and the whole address in what Rapyd sends. The signature is the base 64 of the HMAC *in hex letters*. Rapyd signs no
//! answers. Source: docs.rapyd.net, "Request Signatures" and "Webhook Authentication".

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use entity::Time;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::object::RapydPayment;
use crate::interface::ProviderError;
use crate::webhook::{VerifyError, WebhookRequest};
use crate::wire::call::{self, Answer};
use crate::wire::header::{fresh, seconds, the_only};
use crate::wire::{hmac, words};
use ground::clock::Clock;

/// "The request tried to retrieve a payment", and there is none.
const NOT_KNOWN: &str = "ERROR_GET_PAYMENT";
/// Refusals that are about our headers, not about the payment. Most come with a 401, which says nothing anyway.
const NOT_ABOUT_THIS: [&str; 3] =
    ["MISSING_AUTHENTICATION_HEADERS", "UNAUTHENTICATED_API_CALL", "UNAUTHORIZED_API_CALL"];

#[derive(Debug)]
pub(super) struct RapydApi {
    pub(super) client: reqwest::Client,
    pub(super) base: String,
    pub(super) access_key: String,
    /// One at least; the first signs.
    pub(super) secrets: Vec<SecretString>,
    /// As it is written in Rapyd's Client Portal, because Rapyd signs it.
    pub(super) webhook_url: String,
    pub(super) clock: Clock,
}

/// What is signed besides the keys and the body.
struct SignedParts<'a> {
    place: &'a str,
    salt: &'a str,
    timestamp: &'a str,
}

#[derive(Deserialize)]
struct RapydDocument {
    status: RapydStatus,
    data: Option<RapydPayment>,
}

#[derive(Deserialize)]
struct RapydStatus {
    status: String,
    error_code: Option<String>,
    message: Option<String>,
}

impl RapydApi {
    /// `idempotency` is the name under which Rapyd does it once, for 24 hours.
    pub(super) async fn ask(
        &self,
        method: Method,
        segments: &[&str],
        sent: Option<(&str, String)>,
    ) -> Result<RapydPayment, ProviderError> {
        let url = call::url(&self.base, &[&["v1", "payments"], segments].concat())?;
        let (salt, timestamp) = (hex::encode(self.clock.random_bytes()), self.clock.wall().timestamp().to_string());
        let (idempotency, body) = sent.unzip();
        let body = body.unwrap_or_default();
        let place = format!("{}{}", method.as_str().to_ascii_lowercase(), url.path());
        let signed = SignedParts { place: &place, salt: &salt, timestamp: &timestamp };
        let secret = self.secrets.first().ok_or_else(|| ProviderError::Unknown("there is no secret".to_owned()))?;
        let signature = self.signature(secret, &signed, body.as_bytes());
        let mut request = self.client.request(method, url).header(CONTENT_TYPE, "application/json");
        for (name, value) in [
            ("access_key", Some(self.access_key.as_str())),
            ("salt", Some(&salt)),
            ("timestamp", Some(&timestamp)),
            ("signature", Some(&signature)),
            ("idempotency", idempotency),
        ] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        read(&call::send(request.body(body)).await?)
    }

    fn signature(&self, secret: &SecretString, signed: &SignedParts<'_>, body: &[u8]) -> String {
        let secret = secret.expose_secret().as_bytes();
        let parts = [signed.place, signed.salt, signed.timestamp, &self.access_key].map(str::as_bytes);
        STANDARD.encode(hex::encode(hmac::sha256(secret, &[parts.as_slice(), &[secret, body]].concat())))
    }

    pub(super) fn verify(&self, request: &WebhookRequest<'_>, wall_now: Time) -> Result<(), VerifyError> {
        let header = |name| the_only(request.headers, name);
        let (timestamp, given) = (header("timestamp")?, header("signature")?);
        let signed = SignedParts { place: &self.webhook_url, salt: header("salt")?, timestamp };
        let expected: Vec<String> =
            self.secrets.iter().map(|secret| self.signature(secret, &signed, request.body)).collect();
        if !hmac::any_equal(&expected, &[given]) {
            return Err(VerifyError("the signature does not match"));
        }
        // Rapyd gives no window for what it sends.
        fresh(seconds(timestamp)?, wall_now)
    }
}

/// Only Rapyd's own document says that something was refused.
pub(super) fn read(answer: &Answer) -> Result<RapydPayment, ProviderError> {
    let status = answer.status;
    if !status.is_success() && call::says_nothing(status) {
        return Err(call::bare(status));
    }
    let document: RapydDocument = call::document(answer)?;
    match (document.status.status.as_str(), document.data) {
        ("SUCCESS", Some(payment)) if status.is_success() => return Ok(payment),
        ("ERROR", _) if status.is_client_error() => {}
        _contradiction => return Err(call::bare(status)),
    }
    let code = document.status.error_code.unwrap_or_default();
    let message = words(&format!("{code}: {}", document.status.message.unwrap_or_default()));
    Err(match code.as_str() {
        NOT_KNOWN => ProviderError::NotKnown(message),
        "" => ProviderError::Unknown(message),
        code if NOT_ABOUT_THIS.contains(&code) => ProviderError::Unknown(message),
        _refusal => ProviderError::Refused(message),
    })
}

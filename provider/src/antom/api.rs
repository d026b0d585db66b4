//! Calls to Antom, and signatures both ways.
//!
//! Signed is `METHOD path\nclient-id.time.body`, by RSA with SHA-256; the header carries it as
//! `algorithm=RSA256,keyVersion=1,signature=<base 64, percent-encoded>`. The time is `request-time` in what is sent, by us
//! or by Antom, and `response-time` in answers.

use chrono::{DateTime, SecondsFormat};
use entity::Time;
use http::HeaderMap;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;

use crate::interface::ProviderError;
use crate::webhook::{VerifyError, WebhookRequest};
use crate::wire::document::Document;
use crate::wire::header::{self, the_only};
use crate::wire::rsa::{self, SigningKey, VerifyingKey};
use crate::wire::{self, call, words};
use ground::clock::Clock;

pub(super) const LONGEST_ID: usize = 64;
/// How the ids of sandbox clients begin.
pub(super) const SANDBOX_CLIENT: &str = "SANDBOX_";

/// Refusals that are about our key, our contract or the moment, not about the payment. It may pass the next time.
const NOT_ABOUT_THIS: [&str; 13] = [
    "ACCESS_DENIED",
    "INVALID_API",
    "INVALID_CLIENT",
    "INVALID_CONTRACT",
    "INVALID_MERCHANT_STATUS",
    "INVALID_SIGNATURE",
    "KEY_NOT_FOUND",
    "MEDIA_TYPE_NOT_ACCEPTABLE",
    "METHOD_NOT_SUPPORTED",
    "NO_INTERFACE_DEF",
    "REQUEST_TRAFFIC_EXCEED_LIMIT",
    "SYSTEM_ERROR",
    "UNKNOWN_EXCEPTION",
];
const NOT_KNOWN: [&str; 3] = ["ORDER_NOT_EXIST", "PAYMENT_NOT_EXIST", "REFUND_NOT_EXIST"];

#[derive(Debug)]
pub(super) struct AntomApi {
    pub(super) client: reqwest::Client,
    pub(super) base: String,
    pub(super) client_id: String,
    pub(super) key: SigningKey,
    pub(super) their_keys: Vec<VerifyingKey>,
    pub(super) clock: Clock,
}

/// `resultStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResultStatus {
    Success,
    Failure,
    /// It may have happened, or be on its way.
    Unclear,
}

/// A verified answer.
#[derive(Debug)]
pub(super) struct AntomAnswer {
    pub(super) status: ResultStatus,
    pub(super) code: String,
    pub(super) message: String,
    pub(super) document: Document,
}

impl AntomAnswer {
    /// The document of a call that succeeded.
    pub(super) fn done(self) -> Result<Document, ProviderError> {
        let message = words(&format!("{}: {}", self.code, self.message));
        let code = self.code.as_str();
        match self.status {
            ResultStatus::Success => Ok(self.document),
            ResultStatus::Unclear => Err(ProviderError::Unknown(message)),
            ResultStatus::Failure if NOT_KNOWN.contains(&code) => Err(ProviderError::NotKnown(message)),
            ResultStatus::Failure if NOT_ABOUT_THIS.contains(&code) => Err(ProviderError::Unknown(message)),
            ResultStatus::Failure => Err(ProviderError::Refused(message)),
        }
    }
}

/// Antom's and ours have 64 characters at most.
pub(super) fn checked(id: &str) -> Option<String> {
    wire::checked(id, LONGEST_ID)
}

pub(super) fn string_to_sign(path: &str, client_id: &str, time: &str, body: &[u8]) -> Vec<u8> {
    [format!("POST {path}\n{client_id}.{time}.").as_bytes(), body].concat()
}

impl AntomApi {
    /// Sandbox clients have paths of their own, as in Antom's SDK.
    pub(super) fn segments<'a>(&self, operation: &'a str) -> Vec<&'a str> {
        let sandbox = self.client_id.starts_with(SANDBOX_CLIENT).then_some("sandbox");
        let ends = ["api", "v1", "payments", operation];
        std::iter::once("ams").chain(sandbox).chain(ends).collect()
    }

    pub(super) async fn ask(&self, operation: &str, body: &Value) -> Result<AntomAnswer, ProviderError> {
        let url = call::url(&self.base, &self.segments(operation))?;
        let (path, body) = (url.path().to_owned(), body.to_string());
        let time = self.clock.wall().to_rfc3339_opts(SecondsFormat::Secs, false);
        let request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/json; charset=UTF-8")
            .header("client-id", &self.client_id)
            .header("request-time", &time)
            .header("signature", self.signature(&path, &time, body.as_bytes())?)
            .body(body);
        let answer = call::send(request).await?;
        if !answer.status.is_success() {
            return Err(call::bare(answer.status));
        }
        self.verified(&answer.headers, "response-time", &path, &answer.body)
            .map_err(|error| ProviderError::Unknown(format!("an answer that is not Antom's: {error}")))?;
        read(&answer.body)
    }

    pub(super) fn signature(&self, path: &str, time: &str, body: &[u8]) -> Result<String, ProviderError> {
        let signature = self.key.sign(&string_to_sign(path, &self.client_id, time, body));
        let signature = signature.ok_or_else(|| ProviderError::Unknown("it could not be signed".to_owned()))?;
        Ok(format!("algorithm=RSA256,keyVersion=1,signature={}", utf8_percent_encode(&signature, NON_ALPHANUMERIC)))
    }

    pub(super) fn verify_news(&self, request: &WebhookRequest<'_>, wall_now: Time) -> Result<(), VerifyError> {
        let time = self.verified(request.headers, "request-time", request.path, request.body)?;
        // Antom documents no window: ours.
        header::fresh(seconds(&time).ok_or(VerifyError("request-time is malformed"))?, wall_now)
    }

    /// The time that was signed.
    fn verified(&self, headers: &HeaderMap, time: &str, path: &str, body: &[u8]) -> Result<String, VerifyError> {
        let time = the_only(headers, time)?;
        if the_only(headers, "client-id")? != self.client_id {
            return Err(VerifyError("client-id is not ours"));
        }
        let signature = signature_of(the_only(headers, "signature")?)?;
        let message = string_to_sign(path, &self.client_id, time, body);
        if rsa::any_verifies(&self.their_keys, &message, &signature) {
            Ok(time.to_owned())
        } else {
            Err(VerifyError("the signature does not match"))
        }
    }
}

/// The base 64 in `algorithm=RSA256,keyVersion=1,signature=…`.
fn signature_of(header: &str) -> Result<String, VerifyError> {
    let parts: Vec<(&str, &str)> = header.split(',').filter_map(|part| part.trim().split_once('=')).collect();
    let the_only = |name| {
        let mut values = parts.iter().filter(|(key, _)| *key == name).map(|(_, value)| *value);
        values.next().filter(|_first| values.next().is_none())
    };
    if the_only("algorithm") != Some("RSA256") {
        return Err(VerifyError("the algorithm is not RSA256"));
    }
    let encoded = the_only("signature").ok_or(VerifyError("signature is malformed"))?;
    let decoded = percent_decode_str(encoded).decode_utf8();
    decoded.map(String::from).map_err(|_source| VerifyError("signature is malformed"))
}

/// ISO 8601, or Unix milliseconds, which are seen too.
fn seconds(time: &str) -> Option<i64> {
    if time.len() == 13 && time.bytes().all(|byte| byte.is_ascii_digit()) {
        return time.get(..10)?.parse().ok();
    }
    DateTime::parse_from_rfc3339(time).ok().map(|time| time.timestamp())
}

pub(super) fn read(body: &[u8]) -> Result<AntomAnswer, ProviderError> {
    let unknown = |problem: &str| ProviderError::Unknown(format!("an answer that can't be read: {problem}"));
    let document: Value = serde_json::from_slice(body).map_err(|error| unknown(&error.to_string()))?;
    let text = |pointer| document.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let status = match text("/result/resultStatus") {
        "S" => ResultStatus::Success,
        "F" => ResultStatus::Failure,
        "U" => ResultStatus::Unclear,
        _other => return Err(unknown("it has no resultStatus")),
    };
    let (code, message) = (text("/result/resultCode").to_owned(), text("/result/resultMessage").to_owned());
    Ok(AntomAnswer { status, code, message, document: Document::of(document) })
}

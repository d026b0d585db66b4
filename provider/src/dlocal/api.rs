//! Calls to dLocal, and signatures both ways: HMAC-SHA256 over `X-Login`, `X-Date` and the raw body, one after the other, in hex.

use chrono::{DateTime, SecondsFormat};
use entity::Time;
use http::HeaderMap;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use reqwest::{Method, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::document::error_of;
use crate::interface::ProviderError;
use crate::webhook::{VerifyError, WebhookRequest};
use crate::wire::{call, header, hmac};
use ground::clock::Clock;

const SCHEME: &str = "V2-HMAC-SHA256, Signature: ";
/// Of the bare header that dLocal's newer products sign by.
const BARE: &str = "signature";
/// dLocal sends again for four days, and may do so with the first date. A day either way is ours: then the poller asks.
const TOLERANCE_SECONDS: u64 = 24 * 60 * 60;

#[derive(Debug)]
pub(super) struct DlocalApi {
    pub(super) client: reqwest::Client,
    pub(super) base: String,
    pub(super) login: String,
    pub(super) trans_key: SecretString,
    /// The first signs what we send.
    pub(super) secrets: Vec<SecretString>,
    pub(super) clock: Clock,
}

impl DlocalApi {
    pub(super) async fn get<T: DeserializeOwned>(&self, segments: &[&str]) -> Result<T, ProviderError> {
        self.call(Method::GET, call::url(&self.base, segments)?, String::new(), None).await
    }

    /// The key makes it safe to ask again.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        segment: &str,
        key: &str,
        body: &impl Serialize,
    ) -> Result<T, ProviderError> {
        // What can't be written is not quoted: there is a payer in it.
        let body = serde_json::to_string(body)
            .map_err(|_source| ProviderError::Unknown("the request can't be written".to_owned()))?;
        self.call(Method::POST, call::url(&self.base, &[segment])?, body, Some(key)).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        url: Url,
        body: String,
        key: Option<&str>,
    ) -> Result<T, ProviderError> {
        let date = self.clock.wall().to_rfc3339_opts(SecondsFormat::Millis, true);
        let unsigned = || ProviderError::Unknown("it could not be signed".to_owned());
        let signature = self.signatures(&date, body.as_bytes()).into_iter().next().ok_or_else(unsigned)?;
        let mut request = self
            .client
            .request(method, url)
            .header("X-Date", &date)
            .header("X-Login", &self.login)
            .header("X-Trans-Key", self.trans_key.expose_secret().trim())
            .header("X-Version", "2.1")
            .header(USER_AGENT, "secure-payment")
            .header(CONTENT_TYPE, "application/json")
            .header(AUTHORIZATION, format!("{SCHEME}{signature}"));
        if let Some(key) = key {
            request = request.header("X-Idempotency-Key", key);
        }
        let answer = call::send(request.body(body)).await?;
        if !answer.status.is_success() {
            return Err(error_of(answer.status, &answer.body));
        }
        call::document(&answer)
    }

    /// By each of the secrets.
    pub(super) fn signatures(&self, date: &str, body: &[u8]) -> Vec<String> {
        let parts = [self.login.as_bytes(), date.as_bytes(), body];
        let of = |secret: &SecretString| hmac::sha256(secret.expose_secret().trim().as_bytes(), &parts);
        self.secrets.iter().map(|secret| hex::encode(of(secret))).collect()
    }

    pub(super) fn verify(&self, request: &WebhookRequest<'_>, wall_now: Time) -> Result<(), VerifyError> {
        if header::the_only(request.headers, "x-login")? != self.login {
            return Err(VerifyError("X-Login is not ours"));
        }
        let date = header::the_only(request.headers, "x-date")?;
        let given = given(request.headers)?;
        if !hmac::any_equal(&self.signatures(date, request.body), &[given]) {
            return Err(VerifyError("the signature does not match"));
        }
        let sent = DateTime::parse_from_rfc3339(date).map_err(|_source| VerifyError("X-Date is malformed"))?;
        if wall_now.timestamp().abs_diff(sent.timestamp()) > TOLERANCE_SECONDS {
            return Err(VerifyError("X-Date is more than a day off"));
        }
        Ok(())
    }
}

/// The hex in one of the two headers; both could be read differently by two readers.
fn given(headers: &HeaderMap) -> Result<&str, VerifyError> {
    match (headers.contains_key("authorization"), headers.contains_key(BARE)) {
        (true, false) => {
            let value = header::the_only(headers, "authorization")?;
            value.strip_prefix(SCHEME).ok_or(VerifyError("Authorization is not of the scheme V2-HMAC-SHA256"))
        }
        (false, true) => header::the_only(headers, BARE),
        (true, true) => Err(VerifyError("it is signed in two headers")),
        (false, false) => Err(VerifyError("it is not signed")),
    }
}

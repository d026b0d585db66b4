//! Calls of Adyen's Checkout API.

use reqwest::{RequestBuilder, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::interface::ProviderError;
use crate::wire::{call, words};

#[derive(Debug)]
pub(super) struct AdyenApi {
    pub(super) client: reqwest::Client,
    /// With the version.
    pub(super) base: String,
    pub(super) key: SecretString,
}

impl AdyenApi {
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, ProviderError> {
        self.answer(self.client.get(call::url(&self.base, path)?)).await
    }

    /// Under one key, of 64 characters at the most, it is done once; the same again brings back the first answer.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &Value,
        once: &str,
    ) -> Result<T, ProviderError> {
        let request = self.client.post(call::url(&self.base, path)?).header("Idempotency-Key", once);
        self.answer(request.json(body)).await
    }

    pub(super) async fn patch<T: DeserializeOwned>(&self, path: &[&str], body: &Value) -> Result<T, ProviderError> {
        self.answer(self.client.patch(call::url(&self.base, path)?).json(body)).await
    }

    async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ProviderError> {
        let answer = call::send(request.header("X-API-Key", self.key.expose_secret())).await?;
        if answer.status.is_success() { call::document(&answer) } else { Err(error_of(answer.status, &answer.body)) }
    }
}

/// `ServiceError`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AdyenFailure {
    error_code: String,
    error_type: String,
    message: Option<String>,
}

/// The same key is being worked on.
const KEY_IN_USE: &str = "703";
/// It was used for something else.
const KEY_USED: &str = "704";

/// Refused is only what Adyen says of the request itself.
fn error_of(status: StatusCode, body: &[u8]) -> ProviderError {
    let bare = call::bare(status);
    if call::says_nothing(status) {
        return bare;
    }
    if status == StatusCode::CONFLICT {
        return ProviderError::Busy("another request with this idempotency key".to_owned());
    }
    let Ok(failure) = serde_json::from_slice::<AdyenFailure>(body) else { return bare };
    let message =
        words(&format!("{} ({})", failure.message.as_deref().unwrap_or("no reason was given"), failure.error_code));
    match failure.error_type.as_str() {
        _any if failure.error_code == KEY_IN_USE => ProviderError::Busy(message),
        "validation" | "modification" if failure.error_code != KEY_USED => ProviderError::Refused(message),
        _security_configuration_or_internal => ProviderError::Unknown(message),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_adyen_says_of_the_request_refuses_it() {
        let failure = |status: u16, code: &str, kind: &str| {
            let body = json!({ "status": status, "errorCode": code, "errorType": kind, "message": "no" });
            error_of(StatusCode::from_u16(status).expect("a status"), body.to_string().as_bytes())
        };
        assert_eq!(failure(422, "100", "validation"), ProviderError::Refused("no (100)".to_owned()));
        for (status, code, kind) in [
            (401, "000", "security"),
            (403, "010", "security"),
            (422, "901", "security"),
            (422, "905", "configuration"),
            (422, "704", "validation"),
            (429, "100", "validation"),
            (500, "905", "internal"),
        ] {
            assert!(matches!(failure(status, code, kind), ProviderError::Unknown(_)), "{status} {code} {kind}");
        }
        assert!(matches!(failure(409, "703", "validation"), ProviderError::Busy(_)));
        assert!(matches!(failure(422, "703", "validation"), ProviderError::Busy(_)));
        assert!(matches!(error_of(StatusCode::NOT_FOUND, b"<html>"), ProviderError::Unknown(_)), "a gateway's");
    }
}

//! Calls of Stripe's API: form-encoded, answered in JSON, with errors in a document of its own.

use reqwest::{StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::object::Intent;
use crate::interface::ProviderError;
use crate::wire::call::{self, Answer};
use crate::wire::{form, words};

/// Fields come and go between versions: an account's default is not left to chance.
const VERSION: &str = "2026-10-28.endive";

/// Stripe gives 100 at the most; fewer, because an expanded dispute can be long.
const PAGE: &str = "50";
const MOST_PAGES: usize = 2_000;

#[derive(Debug)]
pub(super) struct StripeApi {
    pub(super) client: reqwest::Client,
    pub(super) base: String,
    pub(super) key: SecretString,
}

pub(super) type StripePairs<'a> = &'a [(&'a str, &'a str)];

impl StripeApi {
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: StripePairs<'_>,
    ) -> Result<T, ProviderError> {
        let mut url = self.url(path)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        read(&self.send(self.client.get(url)).await?)
    }

    /// With a key that stays the same, the same request is done once. Stripe then repeats its first answer, whatever has
    /// happened since, for a day at least.
    pub(super) async fn post(
        &self,
        path: &[&str],
        fields: StripePairs<'_>,
        once: Option<&str>,
    ) -> Result<Answer, ProviderError> {
        let mut request = self.client.post(self.url(path)?);
        if let Some(once) = once {
            request = request.header("Idempotency-Key", once);
        }
        self.send(request.header(header::CONTENT_TYPE, form::CONTENT_TYPE).body(form::encode(fields))).await
    }

    /// All pages of a list.
    pub(super) async fn list<T: DeserializeOwned + Listed>(
        &self,
        path: &[&str],
        query: StripePairs<'_>,
    ) -> Result<Vec<T>, ProviderError> {
        let mut all: Vec<T> = Vec::new();
        for _page in 0..MOST_PAGES {
            let after = all.last().map(|last| last.id().to_owned());
            let mut query = query.to_vec();
            query.push(("limit", PAGE));
            query.extend(after.as_deref().map(|after| ("starting_after", after)));
            let page: StripeList<T> = self.get(path, &query).await?;
            let is_last = !page.has_more || page.data.is_empty();
            all.extend(page.data);
            if is_last {
                return Ok(all);
            }
        }
        Err(ProviderError::Unknown("a list without an end".to_owned()))
    }

    fn url(&self, path: &[&str]) -> Result<reqwest::Url, ProviderError> {
        call::url(&self.base, &[&["v1"], path].concat())
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Answer, ProviderError> {
        call::send(request.bearer_auth(self.key.expose_secret()).header("Stripe-Version", VERSION)).await
    }
}

#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
pub(super) struct StripeList<T> {
    pub(super) data: Vec<T>,
    pub(super) has_more: bool,
}

/// What a list is paged by.
pub(super) trait Listed {
    fn id(&self) -> &str;
}

pub(super) fn read<T: DeserializeOwned>(answer: &Answer) -> Result<T, ProviderError> {
    if answer.status.is_success() { call::document(answer) } else { Err(error_of(answer.status, &answer.body)) }
}

/// Of [`read`], where "no such …" is about what the call was made with, not about what was asked for: a key of another
/// account says so of everything.
pub(super) fn not_about_that(error: ProviderError) -> ProviderError {
    match error {
        ProviderError::NotKnown(message) => ProviderError::Unknown(message),
        other @ (ProviderError::Unknown(_)
        | ProviderError::Busy(_)
        | ProviderError::Refused(_)
        | ProviderError::PayeeDetailsRequired(_)
        | ProviderError::PayeeDetailsUnusable(_)
        | ProviderError::CannotBeAsked(_)) => other,
    }
}

#[derive(Deserialize)]
struct FailureDocument {
    error: StripeFailure,
}

#[derive(Deserialize)]
struct StripeFailure {
    #[serde(rename = "type")]
    kind: String,
    code: Option<String>,
    message: Option<String>,
    payment_intent: Option<Intent>,
}

/// May pass the next time: about us, the load or the moment, not about what was asked for.
const PASSING: [&str; 12] = [
    "account_closed",
    "account_invalid",
    "api_key_expired",
    "balance_insufficient",
    "idempotency_key_in_use",
    "insufficient_funds",
    "livemode_mismatch",
    "lock_timeout",
    "platform_api_key_expired",
    "rate_limit",
    "secret_key_required",
    "testmode_charges_only",
];

/// Refused is only what Stripe says itself, about the request: everything else leaves it unknown. A conflict is another
/// request with our idempotency key, which may be the one that counts.
fn error_of(status: StatusCode, body: &[u8]) -> ProviderError {
    if call::says_nothing(status) {
        return call::bare(status);
    }
    if status == StatusCode::CONFLICT {
        return ProviderError::Busy("another request with this idempotency key".to_owned());
    }
    let Ok(FailureDocument { error: failure }) = serde_json::from_slice(body) else { return call::bare(status) };
    let code = failure.code.as_deref().unwrap_or_default();
    let message = words(failure.message.as_deref().unwrap_or(code));
    let unknown = |message: &str| ProviderError::Unknown(format!("HTTP {} {message}", status.as_u16()));
    match failure.kind.as_str() {
        _any if PASSING.contains(&code) => unknown(&message),
        // The wrong key, not the wrong id.
        "invalid_request_error" if code == "resource_missing" && message.contains("a similar object exists in") => {
            unknown(&message)
        }
        "invalid_request_error" if code == "resource_missing" => ProviderError::NotKnown(message),
        "invalid_request_error" | "card_error" => ProviderError::Refused(message),
        _idempotency_error_or_api_error => unknown(&message),
    }
}

/// The payment that was in another state than the call needs, as it is.
pub(super) fn unexpected_state(answer: &Answer) -> Option<Intent> {
    if answer.status != StatusCode::BAD_REQUEST {
        return None;
    }
    let FailureDocument { error } = serde_json::from_slice(&answer.body).ok()?;
    error.payment_intent.filter(|_intent| error.code.as_deref() == Some("payment_intent_unexpected_state"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn failure(status: u16, kind: &str, code: &str) -> ProviderError {
        let body = json!({ "error": { "type": kind, "code": code, "message": "no" } });
        error_of(StatusCode::from_u16(status).expect("a status"), body.to_string().as_bytes())
    }

    #[test]
    fn only_what_stripe_says_of_the_request_refuses_it() {
        for (status, kind, code) in [
            (400, "invalid_request_error", "amount_too_small"),
            (400, "invalid_request_error", "charge_already_refunded"),
            (402, "card_error", "card_declined"),
        ] {
            assert_eq!(failure(status, kind, code), ProviderError::Refused("no".to_owned()), "{kind} {code}");
        }
        assert_eq!(failure(404, "invalid_request_error", "resource_missing"), ProviderError::NotKnown("no".to_owned()));
        for (status, kind, code) in [
            (400, "idempotency_error", ""),
            (400, "invalid_request_error", "balance_insufficient"),
            (400, "api_error", ""),
            (400, "something_new", ""),
            (401, "invalid_request_error", "resource_missing"),
            (403, "invalid_request_error", "resource_missing"),
            (429, "invalid_request_error", "rate_limit"),
            (500, "api_error", ""),
            (503, "card_error", "card_declined"),
        ] {
            assert!(matches!(failure(status, kind, code), ProviderError::Unknown(_)), "{status} {kind} {code}");
        }
        for code in ["idempotency_key_in_use", "amount_too_small"] {
            assert!(matches!(failure(409, "invalid_request_error", code), ProviderError::Busy(_)), "{code}");
        }
        for body in ["", "<html>", "{}", r#"{"error":"x"}"#, r#"{"error":{"code":"resource_missing"}}"#] {
            let error = error_of(StatusCode::NOT_FOUND, body.as_bytes());
            assert!(matches!(error, ProviderError::Unknown(_)), "a gateway's: {body}");
        }
    }

    #[test]
    fn a_key_of_the_other_mode_is_not_a_payment_that_is_not_there() {
        let message =
            "No such payment_intent: 'pi_1'; a similar object exists in live mode, but a test mode key was used.";
        let body =
            json!({ "error": { "type": "invalid_request_error", "code": "resource_missing", "message": message } });
        let error = error_of(StatusCode::NOT_FOUND, body.to_string().as_bytes());
        assert!(matches!(error, ProviderError::Unknown(_)), "{error:?}");
    }
}

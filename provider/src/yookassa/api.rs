//! Calls of YooKassa's API v3: JSON both ways, the shop's number and key by Basic authentication, errors in a document of its own.
//!
//! Only 200 is an answer. 202 (`{"type":"processing","retry_after":…}`) means that it is still being worked on.

use reqwest::{RequestBuilder, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::interface::ProviderError;
use crate::wire::call::{self, Answer};
use crate::wire::words;

const VERSION: &str = "v3";

/// The most that YooKassa gives at once.
const PAGE: &str = "100";
const MOST_PAGES: usize = 1_000;

/// Repeated with the same body, it names the same request for 24 hours; at most 64 characters, of which ours have 34.
const ONCE: &str = "Idempotence-Key";

#[derive(Debug)]
pub(super) struct YookassaApi {
    pub(super) client: reqwest::Client,
    pub(super) base: String,
    pub(super) shop_id: String,
    pub(super) key: SecretString,
}

pub(super) type YookassaPairs<'a> = &'a [(&'a str, &'a str)];

impl YookassaApi {
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: YookassaPairs<'_>,
    ) -> Result<T, ProviderError> {
        let mut url = self.url(path)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.ask(self.client.get(url)).await
    }

    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &Value,
        once: &str,
    ) -> Result<T, ProviderError> {
        let request = self.client.post(self.url(path)?).header(ONCE, once);
        self.ask(request.header(header::CONTENT_TYPE, "application/json").body(body.to_string())).await
    }

    /// All pages of a list, the newest first.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: YookassaPairs<'_>,
    ) -> Result<Vec<T>, ProviderError> {
        let (mut all, mut cursor): (Vec<T>, Option<String>) = (Vec::new(), None);
        for _page in 0..MOST_PAGES {
            let mut query = query.to_vec();
            query.push(("limit", PAGE));
            query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let page: YookassaList<T> = self.get(path, &query).await?;
            all.extend(page.items);
            match page.next_cursor {
                Some(next) => cursor = Some(next),
                None => return Ok(all),
            }
        }
        Err(ProviderError::Unknown("a list without an end".to_owned()))
    }

    fn url(&self, path: &[&str]) -> Result<reqwest::Url, ProviderError> {
        call::url(&self.base, &[&[VERSION], path].concat())
    }

    async fn ask<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ProviderError> {
        let answer = call::send(request.basic_auth(&self.shop_id, Some(self.key.expose_secret()))).await?;
        if answer.status == StatusCode::OK { call::document(&answer) } else { Err(error_of(&answer)) }
    }
}

#[derive(Deserialize)]
struct YookassaList<T> {
    items: Vec<T>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct YookassaFailure {
    #[serde(rename = "type")]
    kind: String,
    code: Option<String>,
    description: Option<String>,
    parameter: Option<String>,
}

/// Refused and not known are only what YooKassa says itself, about this request. A key that was used with another body is
/// none of it: there may be a request of ours that counts.
pub(super) fn error_of(answer: &Answer) -> ProviderError {
    let Ok(failure) = serde_json::from_slice::<YookassaFailure>(&answer.body) else { return call::bare(answer.status) };
    let (code, description) = (failure.code.unwrap_or_default(), failure.description.unwrap_or_default());
    let message = match &failure.parameter {
        Some(parameter) => words(&format!("{code}: {description} ({parameter})")),
        None => words(&format!("{code}: {description}")),
    };
    let is_about_the_key =
        failure.parameter.is_some_and(|name| name.eq_ignore_ascii_case(ONCE)) || description.contains("Idempotence");
    match (answer.status, failure.kind.as_str(), code.as_str()) {
        (StatusCode::BAD_REQUEST, "error", "invalid_request") if !is_about_the_key => ProviderError::Refused(message),
        (StatusCode::NOT_FOUND, "error", "not_found") => ProviderError::NotKnown(message),
        _invalid_credentials_forbidden_too_many_requests_internal_server_error_processing => {
            ProviderError::Unknown(format!("HTTP {} {message}", answer.status.as_u16()))
        }
    }
}

/// Where "not found" is about what the call was made with, not about what was asked for.
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

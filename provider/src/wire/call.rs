//! Calling a provider: what is the same for all of them.

use std::fmt::Display;

use reqwest::{RequestBuilder, StatusCode, Url};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::words;
use crate::interface::ProviderError;
use ground::client;
use ground::setting::SettingError;

/// No answer to one call is near as long.
const LONGEST_ANSWER: usize = 1024 * 1024;

/// The raw bytes, because signatures are over these.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// For the API that this setting points to.
pub(crate) fn client(variable: &'static str, base: &str) -> Result<reqwest::Client, SettingError> {
    let problem = |error| SettingError { variable, problem: format!("can't be called: {error}") };
    client::build(base).map_err(problem)
}

/// Any answer is one, whatever its status. None (a time-out, a broken connection) is [`ProviderError::Unknown`].
pub(crate) async fn send(request: RequestBuilder) -> Result<Answer, ProviderError> {
    let unknown = |error: reqwest::Error| ProviderError::Unknown(in_words(error));
    let mut response = request.send().await.map_err(unknown)?;
    let (status, headers) = (response.status(), response.headers().clone());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unknown)? {
        body.extend_from_slice(&chunk);
        if body.len() > LONGEST_ANSWER {
            return Err(ProviderError::Unknown("the answer is too long".to_owned()));
        }
    }
    Ok(Answer { status, headers, body })
}

fn in_words(error: reqwest::Error) -> String {
    if error.is_timeout() {
        "timed out".to_owned()
    } else if error.is_connect() {
        "no connection".to_owned()
    } else {
        error.without_url().to_string()
    }
}

/// `base` and path segments, each percent-encoded, so that no reference can reach another path.
pub(crate) fn url(base: &str, segments: &[&str]) -> Result<Url, ProviderError> {
    let mut url =
        Url::parse(base).map_err(|error| ProviderError::Unknown(format!("the API's base is not a URL: {error}")))?;
    match url.path_segments_mut() {
        Ok(mut path) => {
            path.pop_if_empty().extend(segments);
        }
        Err(()) => return Err(ProviderError::Unknown("the API's base can't have a path".to_owned())),
    }
    Ok(url)
}

/// The document in an answer. What can't be read is not quoted: there may be a payer in it.
pub(crate) fn document<T: DeserializeOwned>(answer: &Answer) -> Result<T, ProviderError> {
    serde_json::from_slice(&answer.body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        ProviderError::Unknown(format!("an answer that can't be read, at line {line}, column {column}"))
    })
}

/// An answer must be about what we asked; any other leaves it unknown.
pub(crate) fn same<T: PartialEq + Display>(field: &str, answered: T, asked: T) -> Result<(), ProviderError> {
    if answered == asked {
        return Ok(());
    }
    Err(ProviderError::Unknown(format!("the answer's {field} is {answered}, ours is {asked}")))
}

/// A status that came without a document of the provider's.
pub(crate) fn bare(status: StatusCode) -> ProviderError {
    ProviderError::Unknown(format!("HTTP {}", status.as_u16()))
}

/// An error of the form `{"error":{"code":…,"message":…}}`: its code and what it says to a person. Otherwise it is a
/// gateway's, or about the key or the load, and leaves it unknown.
pub(crate) fn refusal(status: StatusCode, body: &[u8]) -> Result<(String, String), ProviderError> {
    let answered: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |pointer| answered.pointer(pointer).and_then(Value::as_str);
    match (text("/error/code"), text("/error/message")) {
        (Some(code), Some(message)) if !says_nothing(status) => Ok((words(code), words(message))),
        (_, _) => Err(bare(status)),
    }
}

/// Statuses that say nothing about what was asked: a gateway's trouble, a wrong key, too many calls. It may pass the next
/// time, or have happened.
pub(crate) fn says_nothing(status: StatusCode) -> bool {
    let not_about_this =
        [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
    !status.is_client_error() || not_about_this.contains(&status)
}

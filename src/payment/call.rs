//! Calling a provider: what is the same for all of them.

use reqwest::{RequestBuilder, StatusCode, Url};

use super::ProviderError;
use crate::client;
use crate::config::SettingError;

/// No answer to one call is near as long.
const LONGEST_ANSWER: usize = 1024 * 1024;

/// The raw bytes, because signatures are over these.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: reqwest::header::HeaderMap,
    pub(super) body: Vec<u8>,
}

/// For the API that this setting points to.
pub(super) fn client(variable: &'static str, base: &str) -> Result<reqwest::Client, SettingError> {
    let problem = |error| SettingError { variable, problem: format!("can't be called: {error}") };
    client::build(base).map_err(problem)
}

/// Any answer is one, whatever its status. None (a time-out, a broken connection) is [`ProviderError::Unknown`].
pub(super) async fn send(request: RequestBuilder) -> Result<Answer, ProviderError> {
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
pub(super) fn url(base: &str, segments: &[&str]) -> Result<Url, ProviderError> {
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

/// Statuses that say nothing about what was asked: a gateway's trouble, a wrong key, too many calls. It may pass the next
/// time, or have happened.
pub(super) fn says_nothing(status: StatusCode) -> bool {
    let not_about_this =
        [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
    !status.is_client_error() || not_about_this.contains(&status)
}

//! One request to an endpoint, and what came of it. It never waits longer than its patience, reads at most 4 KiB,
//! follows nothing, and keeps no connection: the next attempt looks at the address again.

use std::error::Error as StdError;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, SET_COOKIE};
use tokio::time::timeout;

use ground::client;
use ground::client::guard::{Guarded, Lookup, NotConnected, Policy, SystemLookup, check_url};

const MOST_BYTES: usize = 4 * 1024;
const MOST_HEADERS: usize = 50;
const LONGEST_HEADER: usize = 500;

/// How long an endpoint may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    pub connect: Duration,
    /// For everything: finding the address, connecting, sending, and the answer to its end or to 4 KiB of it.
    pub total: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), total: Duration::from_secs(15) }
    }
}

/// Sends to endpoints, and to no address that is not checked.
#[derive(Clone, Debug)]
pub struct Courier {
    policy: Policy,
    lookup: Arc<dyn Lookup>,
    patience: Patience,
    /// Made when it is first needed: reading the machine's certificates takes time.
    client: Arc<OnceLock<Option<reqwest::Client>>>,
}

/// What an endpoint answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointAnswer {
    /// None: nothing that could be understood.
    pub status: Option<u16>,
    pub headers: Vec<(String, String)>,
    pub retry_after: Option<String>,
    /// The first 4 KiB, as text.
    pub body: Option<String>,
    /// Why it is not a success, in words.
    pub error: Option<String>,
    /// The same, for counting.
    pub outcome: PostOutcome,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PostOutcome {
    Accepted,
    Refused,
    TimedOut,
    #[default]
    NotReached,
}

impl PostOutcome {
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::TimedOut => "timed_out",
            Self::NotReached => "not_reached",
        }
    }
}

impl Courier {
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self::with(policy, Arc::new(SystemLookup), Patience::default())
    }

    #[must_use]
    pub fn with(policy: Policy, lookup: Arc<dyn Lookup>, patience: Patience) -> Self {
        Self { policy, lookup, patience, client: Arc::new(OnceLock::new()) }
    }

    #[must_use]
    pub fn policy(&self) -> Policy {
        self.policy
    }

    pub async fn post(&self, url: &str, headers: &[(&'static str, String)], body: String) -> EndpointAnswer {
        // The client keeps to the same time and knows more of what happened; this is for what it doesn't watch over.
        match timeout(self.patience.total + Duration::from_millis(500), self.exchange(url, headers, body)).await {
            Ok(answer) => answer,
            Err(_elapsed) => self.timed_out(None),
        }
    }

    async fn exchange(&self, url: &str, headers: &[(&'static str, String)], body: String) -> EndpointAnswer {
        let url = match check_url(self.policy, url) {
            Ok(url) => url,
            Err(problem) => return not_reached(format!("the URL {problem}")),
        };
        let Some(client) = self.client() else { return not_reached("no request could be made".to_owned()) };
        let headers = headers
            .iter()
            .filter_map(|(name, value)| Some((HeaderName::from_static(name), HeaderValue::from_str(value).ok()?)));
        let request = client.post(url).headers(HeaderMap::from_iter(headers)).body(body);
        match request.send().await {
            Ok(response) => self.read(response).await,
            Err(cause) if cause.is_timeout() => self.timed_out(None),
            Err(cause) => not_reached(words(&cause)),
        }
    }

    fn client(&self) -> Option<&reqwest::Client> {
        let build = || {
            let guarded = Guarded { policy: self.policy, lookup: Arc::clone(&self.lookup) };
            client::build_guarded(guarded, self.patience.connect, self.patience.total)
                .inspect_err(|error| tracing::error!(%error, "the client for webhooks could not be made"))
                .ok()
        };
        self.client.get_or_init(build).as_ref()
    }

    async fn read(&self, mut response: reqwest::Response) -> EndpointAnswer {
        let status = response.status();
        let mut answer = EndpointAnswer {
            status: Some(status.as_u16()),
            headers: shown(response.headers()),
            retry_after: text_of(response.headers().get(RETRY_AFTER)),
            ..EndpointAnswer::default()
        };
        let has_body = response.headers().contains_key(CONTENT_TYPE) || response.content_length() != Some(0);
        let mut bytes = Vec::new();
        while bytes.len() < MOST_BYTES && has_body {
            match response.chunk().await {
                Ok(Some(chunk)) => bytes.extend_from_slice(&chunk[..chunk.len().min(MOST_BYTES - bytes.len())]),
                Ok(None) => break,
                Err(cause) if cause.is_timeout() => {
                    return EndpointAnswer { body: cleaned(&bytes), ..self.timed_out(Some(answer)) };
                }
                Err(_broke_off) => {
                    answer.error = Some("the answer broke off".to_owned());
                    break;
                }
            }
        }
        answer.body = cleaned(&bytes);
        if !status.is_success() {
            let reason = status.canonical_reason().unwrap_or("unknown");
            answer.error = Some(match status.as_u16() {
                300..=399 => format!("{} {reason}: redirects are not followed", status.as_u16()),
                410 => "410 Gone: the endpoint wants no more events".to_owned(),
                code => format!("{code} {reason}"),
            });
        }
        answer.outcome = if answer.error.is_none() { PostOutcome::Accepted } else { PostOutcome::Refused };
        answer
    }

    fn timed_out(&self, answer: Option<EndpointAnswer>) -> EndpointAnswer {
        let error = format!("no complete answer within {} s", self.patience.total.as_secs().max(1));
        EndpointAnswer { error: Some(error), outcome: PostOutcome::TimedOut, ..answer.unwrap_or_default() }
    }
}

fn not_reached(error: String) -> EndpointAnswer {
    EndpointAnswer { error: Some(error), outcome: PostOutcome::NotReached, ..EndpointAnswer::default() }
}

/// The innermost cause says most; our own is said as it is.
fn words(cause: &reqwest::Error) -> String {
    let mut innermost: &dyn StdError = cause;
    while let Some(source) = innermost.source() {
        innermost = source;
        if let Some(ours) = innermost.downcast_ref::<NotConnected>() {
            return ours.to_string();
        }
    }
    let what = if cause.is_connect() { "could not connect" } else { "the connection broke off" };
    let why: String = innermost.to_string().chars().filter(|c| !c.is_control()).take(200).collect();
    format!("{what}: {why}")
}

fn shown(headers: &HeaderMap) -> Vec<(String, String)> {
    let shown = headers.iter().filter(|(name, _value)| **name != SET_COOKIE).take(MOST_HEADERS);
    let shown = shown.filter_map(|(name, value)| Some((name.to_string(), text_of(Some(value))?)));
    // As much as of the body, whoever writes them: they are kept for 90 days, and shown a hundred deliveries at a time.
    let mut room = MOST_BYTES;
    shown
        .take_while(|(name, value)| {
            let left = room.checked_sub(name.len() + value.len());
            room = left.unwrap_or(0);
            left.is_some()
        })
        .collect()
}

fn text_of(value: Option<&HeaderValue>) -> Option<String> {
    Some(value?.to_str().ok()?.chars().take(LONGEST_HEADER).collect())
}

/// PostgreSQL stores no NUL.
fn cleaned(bytes: &[u8]) -> Option<String> {
    (!bytes.is_empty()).then(|| String::from_utf8_lossy(bytes).replace('\0', "\u{fffd}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_of_the_headers_is_kept_than_of_the_body() {
        let mut headers = HeaderMap::new();
        for _header in 0..60 {
            headers.append("x-long", HeaderValue::from_str(&"x".repeat(1_000)).expect("a value"));
        }
        let kept = shown(&headers);
        assert_eq!(kept.len(), MOST_BYTES / ("x-long".len() + LONGEST_HEADER));
        assert!(kept.iter().all(|(_name, value)| value.len() == LONGEST_HEADER));
        headers.clear();
        headers.insert(SET_COOKIE, HeaderValue::from_static("secret"));
        headers.insert("x-short", HeaderValue::from_static("y"));
        assert_eq!(shown(&headers), [("x-short".to_owned(), "y".to_owned())]);
    }
}

//! Which of its two media types an answer has, and what that makes of its status.

use async_graphql_axum::GraphQLResponse;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::failure;
use super::prepared::{Operation, is_request_error};
use super::refused::{Reason, Refused};
use crate::error::ErrorCode;

pub(super) fn accepts(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok())
}

/// The two media types of an answer. They differ in the status of a request that did not run: clients of the older one
/// expect 200 whenever the answer is GraphQL's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Media {
    GraphQlResponse,
    Json,
}

impl Media {
    /// What the client likes best; None if neither. No `Accept`, or one that takes anything, gets the older type.
    pub(super) fn accepted(headers: &HeaderMap) -> Option<Self> {
        let mut any = false;
        // Quality in thousandths, and how exactly the type was named.
        let mut json = (0_u16, 0_u8);
        let mut graphql = (0_u16, 0_u8);
        for range in accepts(headers).flat_map(|text| text.split(',')).map(str::trim).filter(|range| !range.is_empty())
        {
            any = true;
            let mut parts = range.split(';').map(str::trim);
            let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
            let quality = parts.find_map(quality).unwrap_or(1_000);
            let exactness = match kind.as_str() {
                "*/*" => 1,
                "application/*" => 2,
                _named => 3,
            };
            if matches!(kind.as_str(), "*/*" | "application/*" | "application/json") && exactness > json.1 {
                json = (quality, exactness);
            }
            if kind == "application/graphql-response+json" {
                graphql = (quality, exactness);
            }
        }
        match (graphql.0, json.0) {
            _none if !any => Some(Self::Json),
            (0, 0) => None,
            (graphql, json) if graphql >= json => Some(Self::GraphQlResponse),
            _less => Some(Self::Json),
        }
    }

    fn name(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::GraphQlResponse => "application/graphql-response+json; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
        })
    }

    /// A request that is not a GraphQL request.
    pub(super) fn refuse(self, problem: &str) -> Response {
        self.dress(failure::answer(StatusCode::BAD_REQUEST, ErrorCode::BadRequest, problem))
    }

    pub(super) fn respond(self, response: async_graphql::Response, operation: Operation) -> Response {
        let answer = if is_request_error(&response) {
            let status = if self == Self::GraphQlResponse { StatusCode::BAD_REQUEST } else { StatusCode::OK };
            written(status, &failure::Errors::of(&response))
        } else {
            GraphQLResponse::from(response).into_response()
        };
        let mut answer = self.dress(answer);
        answer.extensions_mut().insert(operation);
        answer
    }

    /// What was refused before anything ran.
    pub(super) fn respond_refused(self, refused: Refused) -> Response {
        let reason = refused.reason;
        let mut answer = self.respond(refused.into_response(), Operation::unknown());
        match reason {
            Reason::Document => {}
            Reason::Malformed => *answer.status_mut() = StatusCode::BAD_REQUEST,
            Reason::UnknownDocument => *answer.status_mut() = StatusCode::OK,
            Reason::Overdrawn { retry_after } => {
                *answer.status_mut() = StatusCode::TOO_MANY_REQUESTS;
                answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after));
            }
        }
        answer
    }

    /// The answers of a batch, in its order. Each says itself whether it ran.
    pub(super) fn respond_batch(self, responses: &[async_graphql::Response]) -> Response {
        let answers: Vec<Answer<'_>> = responses.iter().map(Answer::of).collect();
        self.dress(written(StatusCode::OK, &answers))
    }

    pub(super) fn dress(self, mut response: Response) -> Response {
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, self.name());
        // What one credential sees is no other's.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::VARY, HeaderValue::from_static("accept, authorization"));
        response
    }
}

fn quality(parameter: &str) -> Option<u16> {
    let (name, value) = parameter.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("q") {
        return None;
    }
    let (whole, fraction) = value.trim().split_once('.').unwrap_or((value.trim(), ""));
    let thousandths: u16 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    Some(if whole == "0" { thousandths } else { 1_000 })
}

/// A request that didn't run has no `data`.
#[derive(Serialize)]
#[serde(untagged)]
enum Answer<'a> {
    Refused(failure::Errors<'a>),
    Ran(&'a async_graphql::Response),
}

impl<'a> Answer<'a> {
    fn of(response: &'a async_graphql::Response) -> Self {
        if is_request_error(response) { Self::Refused(failure::Errors::of(response)) } else { Self::Ran(response) }
    }
}

fn written(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(body) => (status, body).into_response(),
        Err(cause) => failure::from_error(&crate::error::Error::internal(cause.to_string())),
    }
}

pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let Some(text) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let mut parts = text.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    // JSON is UTF-8; a request that says otherwise would be misread.
    essence.eq_ignore_ascii_case("application/json")
        && parts.all(|parameter| match parameter.split_once('=') {
            Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
                value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
            }
            _other => true,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_media_type_is_what_the_client_likes_best() {
        let accepted = |accept: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            Media::accepted(&headers)
        };
        assert_eq!(Media::accepted(&HeaderMap::new()), Some(Media::Json));
        let cases = [
            ("*/*", Some(Media::Json)),
            ("application/*", Some(Media::Json)),
            ("application/json", Some(Media::Json)),
            ("application/graphql-response+json; charset=utf-8, application/json", Some(Media::GraphQlResponse)),
            ("application/graphql-response+json, application/json;q=0.9, */*;q=0.1", Some(Media::GraphQlResponse)),
            ("application/graphql-response+json;q=0.5, application/json", Some(Media::Json)),
            ("application/json;q=0, */*", None),
            ("text/html, */*;q=0.8", Some(Media::Json)),
            ("text/html", None),
        ];
        for (accept, media) in cases {
            assert_eq!(accepted(accept), media, "{accept}");
        }
    }

    #[test]
    fn only_json_in_utf_8_is_taken() {
        let taken = |kind: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
            is_json(&headers)
        };
        assert!(taken("application/json") && taken("Application/JSON; charset=\"UTF-8\""));
        for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonp"] {
            assert!(!taken(kind), "{kind}");
        }
        assert!(!taken("application/json; charset=utf-16") && !is_json(&HeaderMap::new()));
    }
}

//! GraphQL over HTTP, by the specification of that name: media types are negotiated, a mutation only runs over POST, and
//! the status says whether the request ran.
//!
//! A body must call itself `application/json`: what a form on somebody's page can send is refused.

use async_graphql_axum::GraphQLResponse;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use std::time::Instant;

use super::execution::{Operation, Parameters, is_request_error};
use super::{Door, failure, observe};
use crate::app::App;
use crate::auth::{self, Caller};
use crate::error::ErrorCode;

pub(super) async fn post(State(door): State<Door>, headers: HeaderMap, body: Bytes) -> Response {
    if super::sse::is_asked_for(&headers) {
        return super::sse::post(State(door), headers, body).await;
    }
    let Some(media) = Media::accepted(&headers) else { return not_acceptable() };
    if !is_json(&headers) {
        return failure::answer(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ErrorCode::BadRequest,
            "send content-type: application/json",
        );
    }
    let parameters = match serde_json::from_slice(&body) {
        Ok(json) => Parameters::from_json(json),
        Err(_cause) => Err("the body is not JSON".to_owned()),
    };
    answer(&door, &headers, media, parameters, Method::Post).await
}

pub(super) async fn get(State(door): State<Door>, headers: HeaderMap, uri: Uri) -> Response {
    let pairs = match Query::<Vec<(String, String)>>::try_from_uri(&uri) {
        Ok(Query(pairs)) => pairs,
        Err(_cause) => return media_less(&headers).refuse("the address's query can't be read"),
    };
    if !pairs.iter().any(|(name, _value)| name == "query") && wants_a_page(&headers) {
        return Redirect::to("/graphiql").into_response();
    }
    let Some(media) = Media::accepted(&headers) else { return not_acceptable() };
    answer(&door, &headers, media, Parameters::from_address(pairs), Method::Get).await
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Get,
    Post,
}

async fn answer(
    door: &Door,
    headers: &HeaderMap,
    media: Media,
    parameters: Result<Parameters, String>,
    method: Method,
) -> Response {
    let caller = match caller(&door.app, headers.get(header::AUTHORIZATION)).await {
        Ok(caller) => caller,
        Err(refusal) => return media.dress(refusal),
    };
    let parameters = match parameters {
        Ok(parameters) => parameters,
        Err(problem) => return media.refuse(&problem),
    };
    let begun = Instant::now();
    let prepared = match parameters.prepare() {
        Ok(prepared) => prepared,
        Err(mut error) => {
            failure::publish(std::slice::from_mut(&mut error));
            observe::count_operation(&Operation::unknown(), false, begun.elapsed());
            return media.respond(async_graphql::Response::from_errors(vec![error]), Operation::unknown());
        }
    };
    if method == Method::Get && prepared.has_effects {
        return media.dress(failure::answer_with(
            StatusCode::METHOD_NOT_ALLOWED,
            ErrorCode::BadRequest,
            "over GET a document may hold queries only; send it with POST",
            (header::ALLOW, "POST"),
        ));
    }
    let operation = prepared.operation.clone();
    let response = door.executor.run(prepared, &door.app, &caller).await;
    let operation = if is_request_error(&response) { Operation::unknown() } else { operation };
    observe::count_operation(&operation, response.is_ok(), begun.elapsed());
    media.respond(response, operation)
}

/// Who sends this. No header: nobody in particular. A header that isn't a valid credential: refused.
pub(super) async fn caller(app: &App, authorization: Option<&HeaderValue>) -> Result<Caller, Response> {
    let Some(authorization) = authorization else { return Ok(Caller::ANONYMOUS) };
    let token = authorization.to_str().ok().and_then(bearer).ok_or_else(failure::unauthenticated)?;
    match auth::find_caller(&app.db.read, token, app.clock.wall()).await {
        Ok(Some(caller)) => {
            if let Some(held) = &caller.credential {
                app.uses.note(held.id, app.clock.wall());
            }
            Ok(caller)
        }
        Ok(None) => Err(failure::unauthenticated()),
        Err(error) => Err(failure::from_error(&error)),
    }
}

fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
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

fn wants_a_page(headers: &HeaderMap) -> bool {
    accepts(headers).any(|text| text.to_ascii_lowercase().contains("text/html"))
}

fn accepts(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok())
}

fn not_acceptable() -> Response {
    failure::answer(
        StatusCode::NOT_ACCEPTABLE,
        ErrorCode::BadRequest,
        "accept application/graphql-response+json or application/json",
    )
}

fn media_less(headers: &HeaderMap) -> Media {
    Media::accepted(headers).unwrap_or(Media::Json)
}

/// The two media types of an answer. They differ in the status of a request that did not run: clients of the older one
/// expect 200 whenever the answer is GraphQL's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Media {
    GraphQlResponse,
    Json,
}

impl Media {
    /// What the client likes best; None if neither. No `Accept`, or one that takes anything, gets the older type.
    fn accepted(headers: &HeaderMap) -> Option<Self> {
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
    fn refuse(self, problem: &str) -> Response {
        self.dress(failure::answer(StatusCode::BAD_REQUEST, ErrorCode::BadRequest, problem))
    }

    fn respond(self, response: async_graphql::Response, operation: Operation) -> Response {
        let answer = if is_request_error(&response) {
            let status = if self == Self::GraphQlResponse { StatusCode::BAD_REQUEST } else { StatusCode::OK };
            match serde_json::to_vec(&failure::Errors { errors: &response.errors }) {
                Ok(body) => (status, body).into_response(),
                Err(cause) => return failure::from_error(&crate::error::Error::internal(cause.to_string())),
            }
        } else {
            GraphQLResponse::from(response).into_response()
        };
        let mut answer = self.dress(answer);
        answer.extensions_mut().insert(operation);
        answer
    }

    fn dress(self, mut response: Response) -> Response {
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

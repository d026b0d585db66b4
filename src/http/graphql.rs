//! GraphQL over HTTP, by the specification of that name: media types are negotiated, a mutation only runs over POST, and
//! the status says whether the request ran.
//!
//! A body must call itself `application/json`: what a form on somebody's page can send is refused.

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use futures_util::future::BoxFuture;
use std::time::Instant;

use super::execution::{Operation, Parameters, Prepared, is_request_error};
use super::media::{Media, accepts};
use super::{Door, failure, observe};
use crate::app::App;
use crate::auth::{self, Caller};
use crate::error::{self, ErrorCode};
use crate::peer::Client;

/// Operations in one batch.
pub const MOST_IN_BATCH: usize = 10;

pub(super) async fn post(State(door): State<Door>, client: Client, headers: HeaderMap, body: Bytes) -> Response {
    if super::sse::is_asked_for(&headers) {
        return super::sse::post(State(door), client, headers, body).await;
    }
    let Some(media) = Media::accepted(&headers) else { return not_acceptable() };
    if !is_json(&headers) {
        return failure::answer(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ErrorCode::BadRequest,
            "send content-type: application/json",
        );
    }
    let sender = Sender { headers: &headers, client, media };
    match serde_json::from_slice(&body) {
        Ok(serde_json::Value::Array(batch)) => answer_batch(&door, &sender, batch).await,
        Ok(json) => answer(&door, &sender, Parameters::from_json(json), Method::Post).await,
        Err(_cause) => answer(&door, &sender, Err("the body is not JSON".to_owned()), Method::Post).await,
    }
}

pub(super) async fn get(State(door): State<Door>, client: Client, headers: HeaderMap, uri: Uri) -> Response {
    let pairs = match Query::<Vec<(String, String)>>::try_from_uri(&uri) {
        Ok(Query(pairs)) => pairs,
        Err(_cause) => return media_less(&headers).refuse("the address's query can't be read"),
    };
    if !Parameters::are_in(&pairs) && wants_a_page(&headers) {
        return Redirect::to("/graphiql").into_response();
    }
    let Some(media) = Media::accepted(&headers) else { return not_acceptable() };
    answer(&door, &Sender { headers: &headers, client, media }, Parameters::from_address(pairs), Method::Get).await
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Get,
    Post,
}

struct Sender<'a> {
    headers: &'a HeaderMap,
    client: Client,
    media: Media,
}

impl Sender<'_> {
    async fn caller(&self, door: &Door) -> Result<Caller, Response> {
        let found = caller(door, self.headers.get(header::AUTHORIZATION), self.client).await;
        found.map_err(|refusal| self.media.dress(refusal))
    }
}

async fn answer(door: &Door, sender: &Sender<'_>, parameters: Result<Parameters, String>, method: Method) -> Response {
    let media = sender.media;
    let caller = match sender.caller(door).await {
        Ok(caller) => caller,
        Err(refusal) => return refusal,
    };
    let parameters = match parameters {
        Ok(parameters) => parameters,
        Err(problem) => return media.refuse(&problem),
    };
    let begun = Instant::now();
    let prepared = match door.executor.admit(parameters, &caller, sender.client) {
        Ok(prepared) => prepared,
        Err(refused) => {
            observe::count_operation(&Operation::unknown(), false, begun.elapsed());
            return media.respond_refused(refused);
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
    let (response, operation) = run(door, prepared, &caller).await;
    media.respond(response, operation)
}

async fn run(door: &Door, prepared: Prepared, caller: &Caller) -> (async_graphql::Response, Operation) {
    let begun = Instant::now();
    let operation = prepared.operation.clone();
    let response = door.executor.run(prepared, &door.app, caller).await;
    let operation = if is_request_error(&response) { Operation::unknown() } else { operation };
    observe::count_operation(&operation, response.is_ok(), begun.elapsed());
    (response, operation)
}

/// One after the other, in order: what a mutation did, the next one finds done.
async fn answer_batch(door: &Door, sender: &Sender<'_>, batch: Vec<serde_json::Value>) -> Response {
    let media = sender.media;
    let caller = match sender.caller(door).await {
        Ok(caller) => caller,
        Err(refusal) => return refusal,
    };
    if batch.len() > MOST_IN_BATCH {
        let problem = format!("the batch has {} operations; {MOST_IN_BATCH} is the most", batch.len());
        return media.dress(failure::answer(StatusCode::BAD_REQUEST, ErrorCode::QueryTooComplex, &problem));
    }
    if batch.is_empty() {
        return media.refuse("the batch is empty");
    }
    let parameters = match batch.into_iter().map(Parameters::from_json).collect::<Result<Vec<_>, _>>() {
        Ok(parameters) => parameters,
        Err(problem) => return media.refuse(&problem),
    };
    let admitted = match door.executor.admit_batch(parameters, &caller, sender.client) {
        Ok(admitted) => admitted,
        Err(refused) => {
            observe::count_operation(&Operation::unknown(), false, std::time::Duration::ZERO);
            return media.respond_refused(refused);
        }
    };
    let mut responses = Vec::with_capacity(admitted.len());
    for one in admitted {
        responses.push(match one {
            Ok(prepared) => run(door, prepared, &caller).await.0,
            Err(refused) => refused.into_response(),
        });
    }
    media.respond_batch(&responses)
}

/// Who sends this. No header: nobody in particular. A header that isn't a valid credential: refused, and charged to where
/// it comes from, so that guessing has a price.
pub(super) fn caller<'a>(
    door: &'a Door,
    authorization: Option<&'a HeaderValue>,
    client: Client,
) -> BoxFuture<'a, Result<Caller, Response>> {
    Box::pin(async move {
        let Some(authorization) = authorization else { return Ok(Caller::ANONYMOUS) };
        let budgets = door.executor.budgets();
        budgets.may_attempt(client).map_err(|overdrawn| failure::too_many_attempts(&overdrawn))?;
        let app = &door.app;
        match find_caller(app, Some(authorization)).await {
            Ok(Some(caller)) => {
                if let Some(held) = &caller.credential {
                    app.uses.note(held.id, app.clock.wall());
                }
                Ok(caller)
            }
            Ok(None) => Err(match budgets.charge_attempt(client) {
                Ok(()) => failure::unauthenticated(),
                Err(overdrawn) => failure::too_many_attempts(&overdrawn),
            }),
            Err(error) => Err(failure::from_error(&error)),
        }
    })
}

/// The same, without a word of what is wrong and without a charge: for who only has to know whose it would be.
pub(super) async fn find_caller(app: &App, authorization: Option<&HeaderValue>) -> error::Result<Option<Caller>> {
    match authorization.and_then(|header| header.to_str().ok()).and_then(bearer) {
        Some(token) => auth::find_caller(&app.db.read, token, app.clock.wall()).await,
        None => Ok(None),
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

#[cfg(test)]
mod tests {
    use super::*;

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

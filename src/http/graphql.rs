//! GraphQL over HTTP, by the specification of that name: media types are negotiated, a mutation only runs over POST,
//! and the status says whether the request ran.
//!
//! A body must call itself `application/json`: what a form on somebody's page can send is refused.

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use std::time::Instant;

use super::caller::caller;
use super::media::{Media, accepts, is_json};
use super::parameters::Parameters;
use super::prepared::{Operation, Prepared, is_request_error};
use super::state::HttpState;
use super::{failure, observe};
use crate::auth::Caller;
use crate::error::ErrorCode;
use crate::peer::Client;

/// Operations in one batch.
pub const MOST_IN_BATCH: usize = 10;

pub(super) async fn post(State(state): State<HttpState>, client: Client, headers: HeaderMap, body: Bytes) -> Response {
    if super::sse::is_asked_for(&headers) {
        return super::sse::post(State(state), client, headers, body).await;
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
        Ok(serde_json::Value::Array(batch)) => answer_batch(&state, &sender, batch).await,
        Ok(json) => answer(&state, &sender, Parameters::from_json(json), Method::Post).await,
        Err(_cause) => answer(&state, &sender, Err("the body is not JSON".to_owned()), Method::Post).await,
    }
}

pub(super) async fn get(State(state): State<HttpState>, client: Client, headers: HeaderMap, uri: Uri) -> Response {
    let pairs = match Query::<Vec<(String, String)>>::try_from_uri(&uri) {
        Ok(Query(pairs)) => pairs,
        Err(_cause) => return media_less(&headers).refuse("the address's query can't be read"),
    };
    if !Parameters::are_in(&pairs) && wants_a_page(&headers) {
        return Redirect::to("/graphiql").into_response();
    }
    let Some(media) = Media::accepted(&headers) else { return not_acceptable() };
    answer(&state, &Sender { headers: &headers, client, media }, Parameters::from_address(pairs), Method::Get).await
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
    async fn caller(&self, state: &HttpState) -> Result<Caller, Response> {
        let found = caller(state, self.headers.get(header::AUTHORIZATION), self.client).await;
        found.map_err(|refusal| self.media.dress(refusal))
    }
}

async fn answer(
    state: &HttpState,
    sender: &Sender<'_>,
    parameters: Result<Parameters, String>,
    method: Method,
) -> Response {
    let media = sender.media;
    let caller = match sender.caller(state).await {
        Ok(caller) => caller,
        Err(refusal) => return refusal,
    };
    let parameters = match parameters {
        Ok(parameters) => parameters,
        Err(problem) => return media.refuse(&problem),
    };
    let begun = Instant::now();
    let prepared = match state.executor.admit(parameters, &caller, sender.client) {
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
    let (response, operation) = run(state, prepared, &caller).await;
    media.respond(response, operation)
}

async fn run(state: &HttpState, prepared: Prepared, caller: &Caller) -> (async_graphql::Response, Operation) {
    let begun = Instant::now();
    let operation = prepared.operation.clone();
    let response = state.executor.run(prepared, &state.app, caller).await;
    let operation = if is_request_error(&response) { Operation::unknown() } else { operation };
    observe::count_operation(&operation, response.is_ok(), begun.elapsed());
    (response, operation)
}

/// One after the other, in order: what a mutation did, the next one finds done.
async fn answer_batch(state: &HttpState, sender: &Sender<'_>, batch: Vec<serde_json::Value>) -> Response {
    let media = sender.media;
    let caller = match sender.caller(state).await {
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
    let admitted = match state.executor.admit_batch(parameters, &caller, sender.client) {
        Ok(admitted) => admitted,
        Err(refused) => {
            observe::count_operation(&Operation::unknown(), false, std::time::Duration::ZERO);
            return media.respond_refused(refused);
        }
    };
    let mut responses = Vec::with_capacity(admitted.len());
    for one in admitted {
        responses.push(match one {
            Ok(prepared) => run(state, prepared, &caller).await.0,
            Err(refused) => refused.into_response(),
        });
    }
    media.respond_batch(&responses)
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

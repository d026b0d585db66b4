//! Failures as clients see them: always `{"errors": [{"message", "extensions": {"code"}}]}`, whatever route it was,
//! with a code of [`ErrorCode`] and never a word of the database's or of Rust's.

use std::any::Any;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use async_graphql::{ErrorExtensionValues, ServerError, Value};
use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sea_orm::DbErr;
use serde::Serialize;

use super::budget::Overdrawn;
use crate::error::{Error, ErrorCode, Problem};
use crate::graphql::limits::refusal;

/// A body without `data`: nothing ran.
#[derive(Serialize)]
pub(super) struct Errors<'a> {
    errors: &'a [ServerError],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    extensions: Cow<'a, BTreeMap<String, Value>>,
}

impl<'a> Errors<'a> {
    pub(super) fn of(response: &'a async_graphql::Response) -> Self {
        Self { errors: &response.errors, extensions: Cow::Borrowed(&response.extensions) }
    }
}

/// An answer that is an error and nothing else.
#[must_use]
pub fn answer(status: StatusCode, code: ErrorCode, message: &str) -> Response {
    (status, Json(Errors { errors: &[refusal(code, message)], extensions: Cow::default() })).into_response()
}

pub(super) fn answer_with(
    status: StatusCode,
    code: ErrorCode,
    message: &str,
    header: (HeaderName, &'static str),
) -> Response {
    let mut response = answer(status, code, message);
    response.headers_mut().insert(header.0, HeaderValue::from_static(header.1));
    response
}

pub(super) fn not_found() -> Response {
    answer(StatusCode::NOT_FOUND, ErrorCode::NotFound, "there is nothing at this address; the API is at /graphql")
}

pub(super) fn method_not_allowed() -> Response {
    answer(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::BadRequest, "this address does not take this method")
}

pub(super) fn unauthenticated() -> Response {
    answer_with(
        StatusCode::UNAUTHORIZED,
        ErrorCode::Unauthenticated,
        "the credential is malformed, unknown, expired or revoked; send Authorization: Bearer <token>, or none",
        (header::WWW_AUTHENTICATE, "Bearer"),
    )
}

/// Too much is going on at once.
pub(super) fn too_many(code: ErrorCode, problem: &str) -> Response {
    answer_with(StatusCode::TOO_MANY_REQUESTS, code, problem, (header::RETRY_AFTER, "30"))
}

/// So many credentials from there were not good that no more are looked at for a while.
pub(super) fn too_many_attempts(overdrawn: &Overdrawn) -> Response {
    let problem =
        format!("too many credentials from this address were not good; try again in {} s", overdrawn.retry_after);
    let mut response = answer(StatusCode::TOO_MANY_REQUESTS, ErrorCode::RateLimited, &problem);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(overdrawn.retry_after));
    response
}

/// The answer for one of our own errors outside of GraphQL's execution.
pub(super) fn from_error(error: &Error) -> Response {
    let (code, message) = shown(error, "");
    let status = if code == ErrorCode::Unavailable {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::INTERNAL_SERVER_ERROR
    };
    answer(status, code, &message)
}

pub(super) fn after_panic(panic: Box<dyn Any + Send + 'static>) -> Response {
    let cause = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    tracing::error!(cause, "a request panicked");
    answer(
        StatusCode::INTERNAL_SERVER_ERROR,
        ErrorCode::Internal,
        "something went wrong on our side; it is logged under this request's id",
    )
}

/// Gives every error of a GraphQL response its code; what is ours to mend is logged, once, and shown without its cause.
pub fn publish(errors: &mut [ServerError]) {
    for error in errors {
        if error.extensions.as_ref().is_some_and(|extensions| extensions.get("code").is_some()) {
            continue;
        }
        let path = error.path.iter().map(segment).collect::<Vec<_>>().join(".");
        let (code, message) = match &error.source {
            Some(source) => match ours(source.as_ref()) {
                Some(ours) => shown(&ours, &path),
                // A resolver's own words: `Err("…".into())`.
                None if source.is::<String>() || source.is::<&str>() => {
                    (ErrorCode::InvalidInput, error.message.clone())
                }
                None => shown(&Error::internal(error.message.clone()), &path),
            },
            // The library's own words: of parsing and validating before anything ran, of a value's shape afterwards.
            None if error.path.is_empty() => (ErrorCode::InvalidDocument, error.message.clone()),
            None => (ErrorCode::InvalidInput, error.message.clone()),
        };
        error.message = message;
        set_code(error, code);
    }
}

fn set_code(error: &mut ServerError, code: ErrorCode) {
    error.extensions.get_or_insert_with(ErrorExtensionValues::default).set("code", code.name());
}

fn segment(segment: &async_graphql::PathSegment) -> String {
    match segment {
        async_graphql::PathSegment::Field(name) => name.clone(),
        async_graphql::PathSegment::Index(index) => index.to_string(),
    }
}

fn ours(source: &(dyn Any + Send + Sync)) -> Option<Error> {
    source
        .downcast_ref::<Error>()
        .cloned()
        .or_else(|| source.downcast_ref::<Arc<Error>>().map(|error| error.as_ref().clone()))
        .or_else(|| source.downcast_ref::<Arc<DbErr>>().map(|error| Error::Database(Arc::clone(error))))
}

/// The public half of an error; the other half goes into the log.
fn shown(error: &Error, path: &str) -> (ErrorCode, String) {
    let (code, message) = error.public();
    if let Error::Refused(problems) = error
        && !problems.is_empty()
    {
        return (code, problems.iter().map(worded).collect::<Vec<_>>().join("; "));
    }
    if code == ErrorCode::Unavailable {
        tracing::warn!(path, cause = %error, "a request could not be served");
    } else {
        tracing::error!(path, cause = %error, "a request failed");
    }
    (code, message)
}

/// A payload's `errors` have the path beside the message; here it stands in front of it.
fn worded(problem: &Problem) -> String {
    let path: Vec<&str> = problem.path.iter().map(String::as_str).skip_while(|name| *name == "input").collect();
    if path.is_empty() { problem.message.clone() } else { format!("{}: {}", path.join("."), problem.message) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(error: &ServerError) -> String {
        error.extensions.as_ref().and_then(|values| values.get("code")).map(ToString::to_string).unwrap_or_default()
    }

    #[test]
    fn a_cause_never_reaches_the_client() {
        let failures: [Arc<dyn Any + Send + Sync>; 3] = [
            Arc::new(Error::from(DbErr::Custom("relation secret_table is missing".to_owned()))),
            Arc::new(Arc::new(DbErr::Custom("relation secret_table is missing".to_owned()))),
            Arc::new(std::io::Error::other("/etc/secret_table is missing")),
        ];
        for source in failures {
            let mut error = ServerError::new("secret_table is missing", None);
            error.source = Some(source);
            publish(std::slice::from_mut(&mut error));
            assert_eq!(code(&error), "\"INTERNAL\"");
            assert!(!error.message.contains("secret_table"), "{}", error.message);
        }
    }

    #[test]
    fn a_refusal_keeps_its_code_and_words() {
        let mut error = ServerError::new("", None);
        error.source = Some(Arc::new(Error::refused(ErrorCode::OrderFrozen, "a chargeback is open")));
        publish(std::slice::from_mut(&mut error));
        assert_eq!((code(&error).as_str(), error.message.as_str()), ("\"ORDER_FROZEN\"", "a chargeback is open"));

        let mut error = ServerError::new("", None);
        let problem = |field: &str| Problem::new(ErrorCode::InvalidInput, "is missing").at(field);
        error.source = Some(Arc::new(Error::Refused(vec![problem("sku"), problem("name")])));
        publish(std::slice::from_mut(&mut error));
        assert_eq!(error.message, "sku: is missing; name: is missing");
    }
}

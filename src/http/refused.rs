//! A request that was refused before anything of it ran, with what a client needs to do better.

use async_graphql::{Response, ServerError, Value};

use super::budget::Overdrawn;
use crate::error::ErrorCode;
use crate::graphql::limits::refusal;

/// Every way in words it in its own way: as a status, or as a message of its protocol.
#[derive(Debug)]
pub struct Refused {
    error: Box<ServerError>,
    pub reason: Reason,
    cost: Option<Box<Value>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The document is over a limit, can't be parsed, or may not run here.
    Document,
    /// It isn't a GraphQL request.
    Malformed,
    /// The hash of a document that isn't known here: Apollo's clients send its text when they hear so, with status 200.
    UnknownDocument,
    /// The budget is used up; seconds until there is enough.
    Overdrawn { retry_after: u64 },
}

impl Refused {
    fn new(reason: Reason, error: ServerError) -> Self {
        Self { error: Box::new(error), reason, cost: None }
    }

    pub(super) fn malformed(problem: &str) -> Self {
        Self::new(Reason::Malformed, refusal(ErrorCode::BadRequest, problem))
    }

    pub(super) fn document(code: ErrorCode, problem: impl Into<String>) -> Self {
        Self::new(Reason::Document, refusal(code, problem))
    }

    /// The words are those that Apollo's clients look for.
    pub(super) fn unknown_document() -> Self {
        let error = refusal(ErrorCode::PersistedQueryNotFound, "PersistedQueryNotFound");
        Self::new(Reason::UnknownDocument, error)
    }

    pub(super) fn overdrawn(requested: u32, overdrawn: &Overdrawn) -> Self {
        let Overdrawn { balance, retry_after } = overdrawn;
        let problem = format!(
            "the budget has {} of {} points left, and this costs {requested}; try again in {retry_after} s",
            balance.remaining, balance.capacity
        );
        Self::new(Reason::Overdrawn { retry_after: *retry_after }, refusal(ErrorCode::RateLimited, problem))
    }

    pub(super) fn with_cost(mut self, cost: Value) -> Self {
        self.cost = Some(Box::new(cost));
        self
    }

    /// As a response of GraphQL's: `errors`, and the cost beside them.
    #[must_use]
    pub fn into_response(self) -> Response {
        let mut error = *self.error;
        super::failure::publish(std::slice::from_mut(&mut error));
        let response = Response::from_errors(vec![error]);
        match self.cost {
            Some(cost) => response.extension("cost", *cost),
            None => response,
        }
    }

    /// For a protocol that has a message for errors.
    #[must_use]
    pub fn into_errors(self) -> Vec<ServerError> {
        self.into_response().errors
    }
}

impl From<ServerError> for Refused {
    fn from(error: ServerError) -> Self {
        Self::new(Reason::Document, error)
    }
}

//! A request that may run, what it asks to run, and what its answer carries beside its data.

use async_graphql::parser::types::{ExecutableDocument, Selection};
use async_graphql::{Response, ServerError, Value};

use crate::app::App;
use crate::auth::Caller;
use crate::graphql::limits::cost;
use crate::graphql::scope;

/// A request within the limits and paid for, ready to run.
#[derive(Debug)]
pub struct Prepared {
    pub(super) request: async_graphql::Request,
    /// For logs and counts.
    pub operation: Operation,
    /// Whether any operation of the document, chosen or not, is other than a query.
    pub has_effects: bool,
    /// Whether any of them is a mutation.
    pub mutates: bool,
    pub(super) extensions: Extensions,
}

/// What an answer carries beside its data.
#[derive(Debug, Default)]
pub(super) struct Extensions {
    pub(super) cost: Value,
    pub(super) deprecations: Value,
}

/// What a request asked to run.
#[derive(Clone, Debug)]
pub struct Operation {
    pub name: String,
    /// Kind and first field, such as `mutation buyNow`: as many as the schema has fields.
    pub label: String,
}

impl Prepared {
    pub(super) fn require_scopes(&mut self, caller: &Caller) -> Result<(), ServerError> {
        let chosen = self.request.operation_name.clone();
        scope::check(self.request.parsed_query()?, chosen.as_deref(), caller)
    }
}

impl Extensions {
    pub(super) fn put_into(self, response: &mut Response) {
        response.extensions.insert("cost".to_owned(), self.cost);
        if matches!(&self.deprecations, Value::List(list) if !list.is_empty()) {
            response.extensions.insert("deprecations".to_owned(), self.deprecations);
        }
    }
}

impl Operation {
    pub(super) fn of(document: &ExecutableDocument, wanted: Option<&str>) -> Self {
        let Some((name, operation)) = cost::chosen(document, wanted) else { return Self::unknown() };
        let first_field = operation.selection_set.node.items.first().and_then(|selection| match &selection.node {
            Selection::Field(field) => Some(field.node.name.node.as_str()),
            Selection::FragmentSpread(_) | Selection::InlineFragment(_) => None,
        });
        Self {
            name: name.map_or("-", |name| name.as_str()).chars().take(64).collect(),
            label: format!("{} {}", operation.ty, first_field.unwrap_or("...")),
        }
    }

    /// What could not be told apart: refused before it ran.
    #[must_use]
    pub fn unknown() -> Self {
        Self { name: "-".to_owned(), label: "invalid".to_owned() }
    }
}

pub(super) fn ready(prepared: Prepared, app: &App, caller: &Caller) -> async_graphql::Request {
    let request = prepared.request.data(app.clone()).data(caller.viewer).data(caller.clone());
    crate::graphql::request_data(request, app, caller.viewer)
}

/// True if nothing ran: the document was refused, or did not fit the schema. There is no `data` then.
#[must_use]
pub(super) fn is_request_error(response: &Response) -> bool {
    response.data == Value::Null
        && !response.errors.is_empty()
        && response.errors.iter().all(|error| error.path.is_empty())
}

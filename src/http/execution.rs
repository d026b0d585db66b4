//! Runs a GraphQL request: within the limits, with what its resolvers need, and with errors that clients may see.
//! Both doors, HTTP and WebSocket, come through here.

use async_graphql::parser::types::{ExecutableDocument, OperationType, Selection};
use async_graphql::{Response, ServerError, Value, Variables};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use serde_json::{Map, Value as Json};

use super::failure;
use crate::app::App;
use crate::auth::Caller;
use crate::graphql::{Schema, batch, limits, scope};

#[derive(Clone)]
pub struct Executor {
    schema: Schema,
}

/// The well-formed request of the GraphQL-over-HTTP specification; a message `subscribe` carries the same.
#[derive(Debug)]
pub struct Parameters {
    query: String,
    operation_name: Option<String>,
    variables: Variables,
}

/// A request within the limits, ready to run.
pub struct Prepared {
    request: async_graphql::Request,
    /// For logs and counts.
    pub operation: Operation,
    /// Whether any operation of the document, chosen or not, is other than a query.
    pub has_effects: bool,
    /// Whether any of them is a mutation.
    pub mutates: bool,
}

/// What a request asked to run.
#[derive(Clone, Debug)]
pub struct Operation {
    pub name: String,
    /// Kind and first field, such as `mutation buyNow`: as many as the schema has fields.
    pub label: String,
}

impl Parameters {
    /// From a JSON object; the problem is worded for the client.
    pub fn from_json(json: Json) -> Result<Self, String> {
        let mut members = match json {
            Json::Object(members) => members,
            Json::Array(_) => return Err("batches are not taken: send each request by itself".to_owned()),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {
                return Err("the request must be a JSON object with a member \"query\"".to_owned());
            }
        };
        let query = match members.remove("query") {
            Some(Json::String(query)) => query,
            None => return Err("\"query\" is missing".to_owned()),
            Some(_other) => return Err("\"query\" must be a string".to_owned()),
        };
        let operation_name = match members.remove("operationName") {
            Some(Json::String(name)) if !name.is_empty() => Some(name),
            None | Some(Json::Null | Json::String(_)) => None,
            Some(_other) => return Err("\"operationName\" must be a string".to_owned()),
        };
        let variables = object("variables", members.remove("variables"))?;
        object("extensions", members.remove("extensions"))?;
        let count = variables.len();
        let variables = Variables::from_json(Json::Object(variables));
        if variables.len() != count {
            return Err("\"variables\" has a name or a value that GraphQL does not know".to_owned());
        }
        Ok(Self { query, operation_name, variables })
    }

    /// From the query of a GET's address, where `variables` and `extensions` are JSON in a string.
    pub fn from_address(pairs: Vec<(String, String)>) -> Result<Self, String> {
        let mut members = Map::new();
        for (name, text) in pairs {
            let value = match name.as_str() {
                "variables" | "extensions" if !text.is_empty() => {
                    serde_json::from_str(&text).map_err(|_cause| format!("\"{name}\" must be a JSON object"))?
                }
                "variables" | "extensions" => Json::Null,
                "query" | "operationName" => Json::String(text),
                _other => continue,
            };
            if members.insert(name.clone(), value).is_some() {
                return Err(format!("\"{name}\" is there more than once"));
            }
        }
        Self::from_json(Json::Object(members))
    }

    /// Parses the document and holds it to the limits.
    pub fn prepare(self) -> Result<Prepared, ServerError> {
        let document = limits::parse(&self.query)?;
        let operation = Operation::of(&document, self.operation_name.as_deref());
        let has_effects = document.operations.iter().any(|(_name, one)| one.node.ty != OperationType::Query);
        let mutates = document.operations.iter().any(|(_name, one)| one.node.ty == OperationType::Mutation);
        let mut request = async_graphql::Request::new(self.query).variables(self.variables);
        request.operation_name = self.operation_name;
        request.set_parsed_query(document);
        Ok(Prepared { request, operation, has_effects, mutates })
    }
}

fn object(name: &str, value: Option<Json>) -> Result<Map<String, Json>, String> {
    match value {
        Some(Json::Object(members)) => Ok(members),
        None | Some(Json::Null) => Ok(Map::new()),
        Some(_other) => Err(format!("\"{name}\" must be an object")),
    }
}

impl Operation {
    fn of(document: &ExecutableDocument, wanted: Option<&str>) -> Self {
        let mut operations = document.operations.iter();
        let chosen = match wanted {
            Some(wanted) => operations.find(|(name, _operation)| name.is_some_and(|name| name == wanted)),
            None => operations.next(),
        };
        let Some((name, operation)) = chosen else { return Self::unknown() };
        let first_field = operation.node.selection_set.node.items.first().and_then(|selection| match &selection.node {
            Selection::Field(field) => Some(field.node.name.node.as_str()),
            Selection::FragmentSpread(_) | Selection::InlineFragment(_) => None,
        });
        Self {
            name: name.map_or("-", |name| name.as_str()).chars().take(64).collect(),
            label: format!("{} {}", operation.node.ty, first_field.unwrap_or("...")),
        }
    }

    /// What could not be told apart: refused before it ran.
    #[must_use]
    pub fn unknown() -> Self {
        Self { name: "-".to_owned(), label: "invalid".to_owned() }
    }
}

impl Executor {
    #[must_use]
    pub fn new(schema: Schema) -> Self {
        Self { schema }
    }

    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Runs a query or a mutation.
    pub async fn run(&self, mut prepared: Prepared, app: &App, caller: &Caller) -> Response {
        if let Err(refusal) = prepared.require_scopes(caller) {
            return Response::from_errors(vec![refusal]);
        }
        let mut response = batch::run(self.schema.execute(ready(prepared, app, caller))).await;
        failure::publish(&mut response.errors);
        response
    }

    /// Runs any operation; a query or a mutation gives one response.
    #[must_use]
    pub fn stream(&self, mut prepared: Prepared, app: &App, caller: &Caller) -> BoxStream<'static, Response> {
        if let Err(refusal) = prepared.require_scopes(caller) {
            return futures_util::stream::once(async { Response::from_errors(vec![refusal]) }).boxed();
        }
        let responses = self.schema.execute_stream(ready(prepared, app, caller)).boxed();
        batch::run_stream(responses)
            .map(|mut response| {
                failure::publish(&mut response.errors);
                response
            })
            .boxed()
    }
}

impl Prepared {
    fn require_scopes(&mut self, caller: &Caller) -> Result<(), ServerError> {
        let chosen = self.request.operation_name.clone();
        scope::check(self.request.parsed_query()?, chosen.as_deref(), caller)
    }
}

fn ready(prepared: Prepared, app: &App, caller: &Caller) -> async_graphql::Request {
    let request = prepared.request.data(app.clone()).data(caller.viewer).data(caller.clone());
    crate::graphql::request_data(request, app, caller.viewer)
}

/// True if nothing ran: the document was refused, or did not fit the schema. There is no `data` then.
#[must_use]
pub fn is_request_error(response: &Response) -> bool {
    response.data == Value::Null
        && !response.errors.is_empty()
        && response.errors.iter().all(|error| error.path.is_empty())
}

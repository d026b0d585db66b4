//! Reads the list of trusted documents when the server starts. A list that can't be used stops it, with the document's
//! name.

use async_graphql::{Request, Variables};
use futures_util::FutureExt;
use serde_json::Value as Json;

use super::documents::Trusted;
use crate::config::LimitSettings;
use crate::graphql::Schema;
use crate::graphql::limits::{self, cost, shape::Shape};
use ground::setting::SettingError;

const VARIABLE: &str = "SECURE_PAYMENT_TRUSTED_DOCUMENTS";
const APOLLO: &str = "apollo-persisted-query-manifest";
/// No operation can be called so: a document is validated, and nothing of it runs.
const NO_OPERATION: &str = "-";

/// None: this installation has no list.
pub(super) fn load(settings: &LimitSettings, schema: &Schema, shape: &Shape) -> Result<Option<Trusted>, SettingError> {
    let Some(path) = &settings.trusted_documents else { return Ok(None) };
    let wrong = |problem: String| SettingError { variable: VARIABLE, problem };
    let text =
        std::fs::read_to_string(path).map_err(|cause| wrong(format!("is {path}, which can't be read: {cause}")))?;
    let list = read(&text).map_err(|problem| wrong(format!("is {path}, which {problem}")))?;
    for (id, document) in &list {
        check(document, settings, schema, shape)
            .map_err(|problem| wrong(format!("is {path}, whose document {id:?} can't run here: {problem}")))?;
    }
    Ok(Some(Trusted::of(list)))
}

/// graphql-codegen's and Relay's `{"<id>": "<document>"}`, or Apollo's manifest.
fn read(text: &str) -> Result<Vec<(String, String)>, String> {
    let Ok(Json::Object(members)) = serde_json::from_str::<Json>(text) else {
        return Err("is not a JSON object".to_owned());
    };
    let list = if members.get("format").and_then(Json::as_str) == Some(APOLLO) {
        if members.get("version").and_then(Json::as_u64) != Some(1) {
            return Err("is not version 1 of Apollo's manifest".to_owned());
        }
        let operations = members.get("operations").and_then(Json::as_array);
        let operations = operations.ok_or("has no list \"operations\"")?.iter().enumerate();
        let operation = |(index, operation): (usize, &Json)| {
            let member = |name: &str| operation.get(name).and_then(Json::as_str).map(ToOwned::to_owned);
            member("id").zip(member("body")).ok_or(format!("has no \"id\" or \"body\" in operation {index}"))
        };
        operations.map(operation).collect::<Result<Vec<_>, String>>()?
    } else {
        let document = |(id, document): (String, Json)| match document {
            Json::String(document) => Ok((id, document)),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => {
                Err(format!("has no document for {id:?}"))
            }
        };
        members.into_iter().map(document).collect::<Result<Vec<_>, String>>()?
    };
    if list.is_empty() { Err("lists no document".to_owned()) } else { Ok(list) }
}

fn check(text: &str, settings: &LimitSettings, schema: &Schema, shape: &Shape) -> Result<(), String> {
    let bounded = limits::parse(text).map_err(|error| error.message)?;
    for (name, _operation) in bounded.document.operations.iter() {
        let points = cost::of(shape, &bounded.document, name.map(|name| name.as_str()), &Variables::default()).points;
        if points > settings.request_cost {
            return Err(format!("it costs {points} points; {} is the most", settings.request_cost));
        }
    }
    if bounded.introspects && !settings.introspection {
        return Err("it asks for the schema, and SECURE_PAYMENT_INTROSPECTION is false".to_owned());
    }
    let request = Request::new(text).operation_name(NO_OPERATION);
    // Validation never waits for anything.
    let answer = schema.execute(request).now_or_never().ok_or("it can't be validated")?;
    let unknown = format!("Unknown operation named \"{NO_OPERATION}\"");
    match answer.errors.into_iter().find(|error| error.message != unknown) {
        Some(error) => Err(error.message),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::config::Cli;
    use ground::setting::Mode;

    fn problem(document: &str) -> Option<String> {
        let schema = crate::graphql::build(Mode::Live);
        let shape = Shape::of(&crate::graphql::sdl(&schema)).expect("a schema");
        let settings = Cli::try_parse_from(["secure-payment", "--introspection", "false"]).expect("parses").settings;
        check(document, &settings.limits, &schema, &shape).err()
    }

    #[test]
    fn both_formats_are_read_and_what_is_broken_is_named() {
        let pair = |id: &str, text: &str| (id.to_owned(), text.to_owned());
        assert_eq!(read(r#"{"a": "{ x }", "b": "{ y }"}"#), Ok(vec![pair("a", "{ x }"), pair("b", "{ y }")]));
        let apollo = r#"{"format": "apollo-persisted-query-manifest", "version": 1, "operations": [
            {"id": "a", "name": "X", "type": "query", "body": "query X { x }"}]}"#;
        assert_eq!(read(apollo), Ok(vec![pair("a", "query X { x }")]));
        for (text, word) in [
            ("[]", "JSON object"),
            ("{", "JSON object"),
            ("{}", "no document"),
            (r#"{"a": 1}"#, "\"a\""),
            (&apollo.replace(": 1", ": 2"), "version 1"),
            (&apollo.replace("\"body\"", "\"text\""), "operation 0"),
        ] {
            let problem = read(text).expect_err(text);
            assert!(problem.contains(word), "{problem}");
        }
    }

    #[test]
    fn a_document_is_validated_without_its_variables_and_without_running() {
        assert_eq!(
            problem(
                "query A($id: ID!, $first: Int = 5) { node(id: $id) { id } products(first: $first) { nodes { id } } }"
            ),
            None
        );
        assert_eq!(
            problem("mutation { createStorefront(input: { name: \"x\" }) { errors { code } } }").map(drop),
            None
        );
        assert_eq!(problem("subscription { orderEvents { id } }").map(drop), None);
        for (document, word) in [
            ("{ thereIsNoSuchField }", "thereIsNoSuchField"),
            ("query A($id: ID!) { node(id: $other) { id } }", "$id"),
            ("{ node(id: 1.5) { id } }", "id"),
            ("{", "expected"),
            ("{ __schema { description } }", "INTROSPECTION"),
            ("{ products(first: 100) { nodes { supplier { products(first: 100) { nodes { id } } } } } }", "points"),
        ] {
            let problem = problem(document).expect(document);
            assert!(problem.contains(word), "{problem}");
        }
    }
}

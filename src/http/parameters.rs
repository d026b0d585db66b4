//! What a request says: the well-formed request of the GraphQL-over-HTTP specification, with Apollo's persisted queries
//! and the ways that clients name a document instead of sending it.

use async_graphql::Variables;
use serde_json::{Map, Value as Json};

/// One operation as it was asked for; a message `subscribe` carries the same.
#[derive(Debug)]
pub struct Parameters {
    pub(super) wanted: Wanted,
    pub(super) operation_name: Option<String>,
    pub(super) variables: Map<String, Json>,
}

/// Which document to run. At least one of them is there.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) text: Option<String>,
    /// `extensions.persistedQuery.sha256Hash`, in small letters.
    pub(super) hash: Option<String>,
    /// `documentId`, or Relay's `doc_id` or `id`.
    pub(super) id: Option<String>,
}

const IDS: [&str; 3] = ["documentId", "doc_id", "id"];

impl Parameters {
    /// From a JSON object; the problem is worded for the client.
    pub fn from_json(json: Json) -> Result<Self, String> {
        let mut members = match json {
            Json::Object(members) => members,
            Json::Array(_) => {
                return Err("batches are taken by POST to /graphql only, and not in each other".to_owned());
            }
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {
                return Err("the request must be a JSON object with a member \"query\"".to_owned());
            }
        };
        let text = match members.remove("query") {
            Some(Json::String(query)) => Some(query),
            None | Some(Json::Null) => None,
            Some(_other) => return Err("\"query\" must be a string".to_owned()),
        };
        let operation_name = match members.remove("operationName") {
            Some(Json::String(name)) if !name.is_empty() => Some(name),
            None | Some(Json::Null | Json::String(_)) => None,
            Some(_other) => return Err("\"operationName\" must be a string".to_owned()),
        };
        let variables = object("variables", members.remove("variables"))?;
        let extensions = object("extensions", members.remove("extensions"))?;
        let hash = extensions.get("persistedQuery").map(persisted_hash).transpose()?;
        let id = IDS.iter().find_map(|name| members.get(*name)?.as_str().map(ToOwned::to_owned));
        if text.is_none() && hash.is_none() && id.is_none() {
            return Err("\"query\" is missing".to_owned());
        }
        Ok(Self { wanted: Wanted { text, hash, id }, operation_name, variables })
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
                known if IDS.contains(&known) => Json::String(text),
                _other => continue,
            };
            if members.insert(name.clone(), value).is_some() {
                return Err(format!("\"{name}\" is there more than once"));
            }
        }
        Self::from_json(Json::Object(members))
    }

    /// Whether an address asks for anything to be run.
    pub(super) fn are_in(pairs: &[(String, String)]) -> bool {
        pairs.iter().any(|(name, _value)| name == "query" || name == "extensions" || IDS.contains(&name.as_str()))
    }

    /// The variables as the executor takes them.
    pub(super) fn typed(variables: Map<String, Json>) -> Result<Variables, String> {
        let count = variables.len();
        let variables = Variables::from_json(Json::Object(variables));
        if variables.len() != count {
            return Err("\"variables\" has a name or a value that GraphQL does not know".to_owned());
        }
        Ok(variables)
    }
}

fn object(name: &str, value: Option<Json>) -> Result<Map<String, Json>, String> {
    match value {
        Some(Json::Object(members)) => Ok(members),
        None | Some(Json::Null) => Ok(Map::new()),
        Some(_other) => Err(format!("\"{name}\" must be an object")),
    }
}

fn persisted_hash(member: &Json) -> Result<String, String> {
    if member.get("version").and_then(Json::as_u64) != Some(1) {
        return Err("\"extensions.persistedQuery.version\" must be 1".to_owned());
    }
    let hash = member.get("sha256Hash").and_then(Json::as_str).map(str::to_ascii_lowercase);
    hash.filter(|hash| hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .ok_or_else(|| "\"extensions.persistedQuery.sha256Hash\" must be 64 hexadecimal digits".to_owned())
}

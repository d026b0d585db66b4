//! All that is wrong with an input is said at once, each with its path: of every mutation that there is.

use secure_payment::party::demo;
use serde_json::{Map, Value, json};

use crate::support::{TestApp, on_each_database};

on_each_database!(every_mutation_names_all_that_is_wrong_with_its_input);

const SCHEMA: &str = "{ __schema { mutationType { fields { name args { name type { ...T } } } }
    types { kind name isOneOf inputFields { name type { ...T } } enumValues { name } } } }
    fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }";

/// Whoever may call a mutation at all is among these.
const TOKENS: [&str; 4] = [demo::BUYER, demo::SUPPLIER, demo::OPERATOR, demo::STOREFRONT];

/// Whatever is sent there is kept as it is, or is wrong only together with something that is right.
const ANY_VALUE_WILL_DO: [&str; 1] = [
    // Of a file's name what can't stand in one is left out.
    "createUpload: input.fileName",
];

async fn every_mutation_names_all_that_is_wrong_with_its_input(app: &TestApp) {
    let schema = app.data(None, SCHEMA, json!({})).await["__schema"].take();
    let mut complaints = Vec::new();
    for field in schema["mutationType"]["fields"].as_array().expect("fields") {
        let name = field["name"].as_str().expect("a name");
        let Some(input) = field["args"].as_array().and_then(|args| args.iter().find(|arg| arg["name"] == "input"))
        else {
            continue;
        };
        let kind = named(&input["type"]);
        let mut wrong = Wrong { types: schema["types"].as_array().expect("types"), paths: Vec::new() };
        let value = wrong.object(&kind, vec!["input".to_owned()]);
        // Nothing in it can be wrong by itself.
        if wrong.paths.is_empty() {
            continue;
        }
        let query =
            format!("mutation($input: {kind}!) {{ {name}(input: $input) {{ errors {{ code message path }} }} }}");
        let mut best: Option<(Vec<String>, Value)> = None;
        for token in TOKENS {
            let answer = app.graphql(token, &query, json!({ "input": value })).await;
            let missing: Vec<String> = wrong
                .paths
                .iter()
                .filter(|path| !is_named(&answer["data"][name]["errors"], path))
                .map(|path| path.join("."))
                .filter(|path| !ANY_VALUE_WILL_DO.contains(&format!("{name}: {path}").as_str()))
                .collect();
            if best.as_ref().is_none_or(|(least, _answer)| missing.len() < least.len()) {
                best = Some((missing, answer));
            }
        }
        let (missing, answer) = best.expect("somebody was asked");
        if !missing.is_empty() {
            complaints.push(format!("{name}: {missing:?} of {value}: {answer}"));
        }
    }
    assert!(complaints.is_empty(), "{} mutations:\n{}", complaints.len(), complaints.join("\n"));
}

/// A value that is wrong wherever that can be said of it by itself.
struct Wrong<'a> {
    types: &'a [Value],
    /// Of what is wrong.
    paths: Vec<Vec<String>>,
}

impl Wrong<'_> {
    fn object(&mut self, name: &str, path: Vec<String>) -> Value {
        let of = self.types.iter().find(|of| of["name"] == name).expect("a type").clone();
        let mut object = Map::new();
        for field in of["inputFields"].as_array().expect("an input object") {
            let name = field["name"].as_str().expect("a name");
            let path: Vec<String> = path.iter().cloned().chain([name.to_owned()]).collect();
            object.insert(name.to_owned(), self.value(&field["type"], path));
            if of["isOneOf"] == true {
                break;
            }
        }
        Value::Object(object)
    }

    fn value(&mut self, of: &Value, path: Vec<String>) -> Value {
        match of["kind"].as_str().expect("a kind") {
            "NON_NULL" => self.value(&of["ofType"], path),
            "LIST" => {
                let path = path.into_iter().chain(["0".to_owned()]).collect();
                json!([self.value(&of["ofType"], path)])
            }
            "INPUT_OBJECT" => self.object(of["name"].as_str().expect("a name"), path),
            "ENUM" => {
                let of = self.types.iter().find(|one| one["name"] == of["name"]).expect("a type");
                of["enumValues"][0]["name"].clone()
            }
            "SCALAR" => self.scalar(of["name"].as_str().expect("a name"), path),
            other => panic!("{other} is no kind of an input"),
        }
    }

    fn scalar(&mut self, name: &str, path: Vec<String>) -> Value {
        let wrong = match name {
            "ID" => json!("nobody"),
            "String" => json!("nul\u{0}"),
            "Decimal" => json!("12,50"),
            "CurrencyCode" => json!("XXQ"),
            "CountryCode" => json!("XZ"),
            // Whether one is wrong depends on what it is about.
            "Int" => return json!(1),
            "Boolean" => return json!(true),
            "DateTime" => return json!("2031-01-01T00:00:00Z"),
            "Date" => return json!("2026-01-01"),
            other => panic!("what is wrong for {other}?"),
        };
        self.paths.push(path);
        wrong
    }
}

fn named(of: &Value) -> String {
    match of["name"].as_str() {
        Some(name) => name.to_owned(),
        None => named(&of["ofType"]),
    }
}

/// By its own path, or by that of the object or list around it: "give an IBAN or an account number".
fn is_named(errors: &Value, path: &[String]) -> bool {
    let errors = errors.as_array().map_or(&[][..], Vec::as_slice);
    errors.iter().filter_map(|error| error["path"].as_array()).any(|named| {
        let named: Vec<&str> = named.iter().filter_map(Value::as_str).collect();
        named.len() > 1 && path.iter().map(String::as_str).take(named.len()).eq(named)
    })
}

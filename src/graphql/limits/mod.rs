//! What one document may ask for, decided before anything of it is validated or run, in time linear in its length:
//! its text ([`mod@scan`]), its size ([`measure`]), and what running it may cost ([`cost`], over the map in [`shape`]).
//!
//! The library's own validators follow every spread anew, so that fragments which spread each other cost them
//! exponentially much; its complexity and depth limits come after that. Here a fragment is measured once and remembered.

use async_graphql::parser::parse_query;
use async_graphql::parser::types::ExecutableDocument;
use async_graphql::{ErrorExtensionValues, ServerError};

use crate::error::ErrorCode;

pub mod cost;
mod measure;
mod scan;
pub mod shape;

use measure::Measure;
use scan::scan;

pub const MOST_BYTES: usize = 64 * 1024;
pub const MOST_TOKENS: usize = 5_000;
/// Brackets within brackets. The parser recurses over them, so this is counted before it runs.
pub const MOST_NESTED_BRACKETS: usize = 60;
/// GraphiQL and code generators introspect 15 levels deep.
pub const MOST_DEPTH: usize = 15;
pub const MOST_ALIASES: usize = 50;
pub const MOST_DIRECTIVES: usize = 20;
pub const MOST_ROOT_FIELDS: usize = 20;
/// Fields of all operations, with each fragment counted wherever it is spread.
pub const MOST_FIELDS: usize = 1_000;
/// The same, plus the fields of every fragment on its own: what the validators walk over.
pub const MOST_FIELDS_VALIDATED: usize = 5_000;
/// Selection sets within selection sets, through fragments too: bounds the recursion here and in the library.
const MOST_LEVELS: usize = 100;
/// Values of all variables: each list, each object and each of what is in them.
pub const MOST_VALUES: usize = 10_000;

/// A document within the limits, to be handed on.
#[derive(Debug)]
pub struct Bounded {
    pub document: ExecutableDocument,
    /// Whether any operation of it asks for `__schema` or `__type`.
    pub introspects: bool,
}

/// The parsed document, or why it is refused.
pub fn parse(query: &str) -> Result<Bounded, ServerError> {
    within("bytes", query.len(), MOST_BYTES)?;
    let text = scan(query);
    within("tokens", text.tokens, MOST_TOKENS)?;
    within("nested brackets", text.deepest, MOST_NESTED_BRACKETS)?;
    if text.is_open {
        return Err(refusal(ErrorCode::InvalidDocument, "a block string has no end"));
    }
    let document = parse_query(query)?;
    let mut measure = Measure::new(&document);
    measure.document()?;
    let introspects = measure.introspects;
    Ok(Bounded { document, introspects })
}

/// Holds what variables bring along to the limit. Stops counting there.
pub fn bound_values(variables: &serde_json::Map<String, serde_json::Value>) -> Result<(), ServerError> {
    let mut open: Vec<&serde_json::Value> = variables.values().collect();
    let mut seen = 0_usize;
    while let Some(value) = open.pop() {
        seen += 1;
        match value {
            serde_json::Value::Array(items) => open.extend(items.iter().take(MOST_VALUES + 1)),
            serde_json::Value::Object(members) => open.extend(members.values().take(MOST_VALUES + 1)),
            serde_json::Value::Null
            | serde_json::Value::Bool(_)
            | serde_json::Value::Number(_)
            | serde_json::Value::String(_) => {}
        }
        let known = seen + open.len();
        if known > MOST_VALUES {
            return Err(refusal(
                ErrorCode::QueryTooComplex,
                format!("the variables have more than {MOST_VALUES} values. Send less, or in several requests"),
            ));
        }
    }
    Ok(())
}

/// An error of the document as a whole.
pub(crate) fn refusal(code: ErrorCode, message: impl Into<String>) -> ServerError {
    let mut extensions = ErrorExtensionValues::default();
    extensions.set("code", code.name());
    let mut error = ServerError::new(message, None);
    error.extensions = Some(extensions);
    error
}

fn within(what: &str, number: usize, most: usize) -> Result<(), ServerError> {
    if number <= most {
        return Ok(());
    }
    Err(refusal(
        ErrorCode::QueryTooComplex,
        format!("the document has {number} {what}; {most} is the most. Ask for less, or in several requests"),
    ))
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    fn refused(query: &str) -> String {
        let error = parse(query).expect_err("is refused");
        let code = error.extensions.as_ref().and_then(|values| values.get("code")).map(ToString::to_string);
        format!("{} {}", code.unwrap_or_default(), error.message)
    }

    #[test]
    fn the_introspection_of_graphiql_passes() {
        parse(INTROSPECTION).expect("passes");
    }

    #[test]
    fn fragments_in_a_circle_are_refused() {
        let circles = [
            "{ ...a } fragment a on Query { ...a }",
            "{ ...a } fragment a on Query { ...b } fragment b on Query { x { ...a } }",
            "{ x } fragment a on Query { ...b } fragment b on Query { ...a }",
        ];
        for query in circles {
            assert!(refused(query).contains("INVALID_DOCUMENT"), "{}", refused(query));
        }
    }

    #[test]
    fn fragments_that_double_forty_times_are_measured_in_one_walk() {
        let mut query = "{ ...f0 }".to_owned();
        for number in 0..40 {
            write!(query, " fragment f{number} on Query {{ ...f{0} ...f{0} }}", number + 1).expect("a string grows");
        }
        query.push_str(" fragment f40 on Query { a b }");
        let document = parse_query(&query).expect("parses");
        let mut measure = Measure::new(&document);
        let error = measure.document().expect_err("is refused");
        assert!(error.message.contains("root fields"), "{}", error.message);
        assert!(measure.visited <= 100, "{} selections", measure.visited);
    }

    #[test]
    fn fragments_that_double_over_nothing_are_refused_too() {
        let mut query = "{ ...f0 }".to_owned();
        for number in 0..40 {
            write!(query, " fragment f{number} on Query {{ ...f{0} ...f{0} }}", number + 1).expect("a string grows");
        }
        query.push_str(" fragment f40 on Query { ...thereIsNone }");
        assert!(refused(&query).contains("root fields"), "{}", refused(&query));
    }

    /// The parser tries `""""` as a block string, and when that has no end as two empty strings: what comes after counts.
    #[test]
    fn nothing_hides_behind_a_block_string_without_an_end() {
        let query = format!("{{ a(x: [\"\"\"\" {}1{}]) }}", "[".repeat(30_000), "]".repeat(30_000));
        assert!(refused(&query).contains("has no end"), "{}", refused(&query));
    }

    #[test]
    fn spreads_and_marks_without_blanks_are_counted() {
        let spreads = format!("{{ {} }}", "...a".repeat(3_000));
        assert!(refused(&spreads).contains("tokens"), "{}", refused(&spreads));
        let marks = format!("{{ {} }}", "a\u{feff}".repeat(6_000));
        assert!(refused(&marks).contains("tokens"), "{}", refused(&marks));
    }

    #[test]
    fn many_fragments_over_one_large_fragment_are_refused() {
        let fields: String = (0..900).map(|number| format!("f{number} ")).collect();
        let mut query = format!("{{ x {{ ...f }} }} fragment f on T {{ {fields} }}");
        for number in 0..100 {
            write!(query, " fragment g{number} on T {{ ...f }}").expect("a string grows");
        }
        assert!(refused(&query).contains("fields to validate"), "{}", refused(&query));
    }

    #[test]
    fn each_limit_is_named_with_its_number() {
        let aliases: String = (0..3_000).map(|number| format!("a{number}:b ")).collect();
        let nested = |levels: usize| format!("{}x{}", "{ a ".repeat(levels), "}".repeat(levels));
        let cases = [
            (format!("{{ {aliases} }}"), "9002 tokens; 5000 is the most"),
            (
                format!("{{ x {{ {} }} }}", &aliases[..aliases.find("a51:").expect("is there")]),
                "51 aliases; 50 is the most",
            ),
            (nested(16), "16 levels of fields; 15 is the most"),
            (nested(1_500), "1500 nested brackets; 60 is the most"),
            (format!("{{ a(x: {}{}) }}", "[".repeat(2_000), "]".repeat(2_000)), "2002 nested brackets"),
            (format!("{{ {} }}", "a ".repeat(21)), "21 root fields; 20 is the most"),
            (format!("{{ a {} }}", "@skip(if: true) ".repeat(21)), "21 directives; 20 is the most"),
            (format!("{{ a {{ {} }} }}", "b ".repeat(1_001)), "1002 fields with fragments expanded; 1000"),
            (format!("{{ a }} #{}", "x".repeat(MOST_BYTES)), "bytes; 65536 is the most"),
        ];
        for (query, words) in cases {
            let refusal = refused(&query);
            assert!(refusal.starts_with("\"QUERY_TOO_COMPLEX\"") && refusal.contains(words), "{refusal}");
        }
    }

    #[test]
    fn what_nests_as_deep_as_brackets_may_is_parsed_at_once() {
        assert!(refused(&format!("{}a{}", "{ a ".repeat(60), "}".repeat(60))).contains("60 levels of fields"));
        let list = format!("{{ a(x: {}{}) }}", "[".repeat(58), "]".repeat(58));
        parse(&list).expect("passes");
        let object = format!("{{ a(x: {}1{}) }}", "{ a: ".repeat(58), "}".repeat(58));
        parse(&object).expect("passes");
    }

    #[test]
    fn a_long_chain_of_fragments_does_not_exhaust_the_stack() {
        let mut query = "{ ...f0 }".to_owned();
        for number in 0..450 {
            write!(query, " fragment f{number} on Q {{ ...f{} }}", number + 1).expect("a string grows");
        }
        assert!(refused(&query).contains("levels of selections"), "{}", refused(&query));
    }

    /// What attackers send, each with a word of its refusal.
    fn attacks() -> Vec<(String, &'static str)> {
        let repeated = |times: usize, text: &dyn Fn(usize) -> String| (0..times).map(text).collect::<String>();
        let doubling =
            repeated(60, &|number| format!(" fragment f{number} on Query {{ ...f{0} ...f{0} }}", number + 1));
        let chain = repeated(450, &|number| format!(" fragment f{number} on Query {{ ...f{} }}", number + 1));
        vec![
            (format!("{{ {} }}", repeated(3_000, &|number| format!("a{number}:__typename "))), "tokens"),
            (format!("{{ {} }}", repeated(1_500, &|number| format!("a{number}:__typename "))), "root fields"),
            (format!("{{ node {{ {} }} }}", repeated(1_500, &|number| format!("a{number}:id "))), "aliases"),
            (format!("{{ ...f0 }}{doubling} fragment f60 on Query {{ a b }}"), "root fields"),
            (format!("{{ ...f0 }}{chain}"), "levels of selections"),
            ("{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }".to_owned(), "spreads itself"),
            (format!("{{ a {} }}", "@skip(if: false) ".repeat(700)), "directives"),
            (format!("{{ a {} }}", "@a".repeat(20_000)), "tokens"),
            (format!("{}a{}", "{ a ".repeat(10_000), "}".repeat(10_000)), "tokens"),
            (format!("{}a{}", "{ a ".repeat(1_000), "}".repeat(1_000)), "nested brackets"),
            (format!("{}a{}", "{ a ".repeat(55), "}".repeat(55)), "levels of fields"),
            (format!("{{ a(x: {}) }}", "[".repeat(30_000)), "tokens"),
            (format!("{{ a(x: {}) }}", "[".repeat(4_000)), "nested brackets"),
            (repeated(800, &|number| format!("query q{number} {{ a b }} ")), "fields"),
            ("{ a }".repeat(20_000), "bytes"),
            (format!("{{ a(x: \"{}\") }}", "x".repeat(MOST_BYTES)), "bytes"),
        ]
    }

    #[test]
    fn attacks_are_refused_after_a_bounded_walk_and_at_once() {
        for (attack, word) in attacks() {
            let begun = std::time::Instant::now();
            let error = parse(&attack).map(drop).expect_err(word);
            let took = begun.elapsed();
            if cfg!(not(debug_assertions)) {
                println!("{word}: {} bytes refused after {} us", attack.len(), took.as_micros());
                assert!(took.as_millis() < 10, "{word}: {took:?}");
            }
            assert!(error.message.contains(word) || word == "fields", "{word}: {}", error.message);
            let text = scan(&attack);
            if attack.len() > MOST_BYTES || text.tokens > MOST_TOKENS || text.deepest > MOST_NESTED_BRACKETS {
                continue;
            }
            let document = parse_query(&attack).expect("parses");
            let mut measure = Measure::new(&document);
            measure.document().expect_err("is refused");
            assert!(measure.visited <= text.tokens, "{word}: {} visits, {} tokens", measure.visited, text.tokens);
        }
    }

    #[test]
    fn variables_are_counted_to_the_limit_and_no_further() {
        let bound = |value: serde_json::Value| bound_values(value.as_object().expect("an object"));
        bound(serde_json::json!({ "ids": vec!["x"; MOST_VALUES - 1] })).expect("passes");
        for value in [
            serde_json::json!({ "ids": vec!["x"; MOST_VALUES] }),
            serde_json::json!({ "ids": vec![vec![1; 100]; 100] }),
            serde_json::json!({ "ids": vec![serde_json::json!({ "a": [1, 2, 3] }); MOST_VALUES / 4] }),
        ] {
            let error = bound(value).expect_err("is refused");
            assert!(error.message.contains("more than 10000 values"), "{}", error.message);
        }
    }

    const INTROSPECTION: &str = r"
        query IntrospectionQuery {
          __schema {
            description
            queryType { name kind }
            mutationType { name kind }
            subscriptionType { name kind }
            types { ...FullType }
            directives { name description isRepeatable locations args(includeDeprecated: true) { ...InputValue } }
          }
        }
        fragment FullType on __Type {
          kind name description specifiedByURL isOneOf
          fields(includeDeprecated: true) {
            name description
            args(includeDeprecated: true) { ...InputValue }
            type { ...TypeRef }
            isDeprecated deprecationReason
          }
          inputFields(includeDeprecated: true) { ...InputValue }
          interfaces { ...TypeRef }
          enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason }
          possibleTypes { ...TypeRef }
        }
        fragment InputValue on __InputValue {
          name description type { ...TypeRef } defaultValue isDeprecated deprecationReason
        }
        fragment TypeRef on __Type {
          kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name
          ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name
          } } } } } } } } }
        }";
}

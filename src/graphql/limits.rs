//! What one document may ask for, decided before anything of it is validated or run, in time linear in its length.
//!
//! The library's own validators follow every spread anew, so that fragments which spread each other cost them
//! exponentially much; its complexity and depth limits come after that. Here a fragment is measured once and remembered.

use std::collections::HashMap;

use async_graphql::parser::parse_query;
use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};
use async_graphql::{ErrorExtensionValues, ServerError};

use crate::error::ErrorCode;

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

/// The parsed document, to be handed on, or why it is refused.
pub fn parse(query: &str) -> Result<ExecutableDocument, ServerError> {
    within("bytes", query.len(), MOST_BYTES)?;
    let text = scan(query);
    within("tokens", text.tokens, MOST_TOKENS)?;
    within("nested brackets", text.deepest, MOST_NESTED_BRACKETS)?;
    let document = parse_query(query)?;
    let mut measure = Measure::new(&document);
    measure.document()?;
    Ok(document)
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

/// What a selection set comes to with its fragments expanded. Sums stop at the largest number there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Cost {
    fields: usize,
    root_fields: usize,
    depth: usize,
    aliases: usize,
    directives: usize,
}

impl Cost {
    /// Beside each other.
    fn and(self, other: Self) -> Self {
        Self {
            fields: self.fields.saturating_add(other.fields),
            root_fields: self.root_fields.saturating_add(other.root_fields),
            depth: self.depth.max(other.depth),
            aliases: self.aliases.saturating_add(other.aliases),
            directives: self.directives.saturating_add(other.directives),
        }
    }
}

enum Fragment {
    /// Being measured: meeting it again means that it spreads itself.
    Open,
    Measured(Cost),
}

struct Measure<'a> {
    document: &'a ExecutableDocument,
    fragments: HashMap<&'a str, Fragment>,
    /// Selections looked at; the tests hold it to the document's length.
    visited: usize,
}

impl<'a> Measure<'a> {
    fn new(document: &'a ExecutableDocument) -> Self {
        Self { document, fragments: HashMap::new(), visited: 0 }
    }

    fn document(&mut self) -> Result<(), ServerError> {
        let document = self.document;
        let mut all = Cost::default();
        for (_name, operation) in document.operations.iter() {
            let mut cost = self.selections(&operation.node.selection_set.node, 0)?;
            cost.directives = cost.directives.saturating_add(operation.node.directives.len());
            within("root fields", cost.root_fields, MOST_ROOT_FIELDS)?;
            all = all.and(cost);
        }
        within("levels of fields", all.depth, MOST_DEPTH)?;
        within("aliases", all.aliases, MOST_ALIASES)?;
        within("directives", all.directives, MOST_DIRECTIVES)?;
        within("fields with fragments expanded", all.fields, MOST_FIELDS)?;
        for name in document.fragments.keys() {
            all = all.and(self.fragment(name.as_str(), 0)?);
        }
        within("fields to validate", all.fields, MOST_FIELDS_VALIDATED)
    }

    fn selections(&mut self, set: &'a SelectionSet, level: usize) -> Result<Cost, ServerError> {
        within("levels of selections", level, MOST_LEVELS)?;
        let mut sum = Cost::default();
        for selection in &set.items {
            self.visited += 1;
            let mut cost = match &selection.node {
                Selection::Field(field) => {
                    let inner = self.selections(&field.node.selection_set.node, level + 1)?;
                    Cost {
                        fields: inner.fields.saturating_add(1),
                        root_fields: 1,
                        depth: inner.depth + 1,
                        aliases: inner.aliases.saturating_add(field.node.alias.iter().count()),
                        directives: inner.directives,
                    }
                }
                Selection::InlineFragment(inline) => self.selections(&inline.node.selection_set.node, level + 1)?,
                Selection::FragmentSpread(spread) => self.fragment(spread.node.fragment_name.node.as_str(), level)?,
            };
            cost.directives = cost.directives.saturating_add(selection.node.directives().len());
            sum = sum.and(cost);
        }
        Ok(sum)
    }

    fn fragment(&mut self, name: &'a str, level: usize) -> Result<Cost, ServerError> {
        match self.fragments.get(name) {
            Some(Fragment::Measured(cost)) => return Ok(*cost),
            Some(Fragment::Open) => {
                let problem = format!("the fragment {name} spreads itself");
                return Err(refusal(ErrorCode::InvalidDocument, problem));
            }
            None => {}
        }
        let document = self.document;
        // The validators name an unknown fragment better than we could.
        let Some(fragment) = document.fragments.get(name) else { return Ok(Cost::default()) };
        self.fragments.insert(name, Fragment::Open);
        let mut cost = self.selections(&fragment.node.selection_set.node, level + 1)?;
        cost.directives = cost.directives.saturating_add(fragment.node.directives.len());
        self.fragments.insert(name, Fragment::Measured(cost));
        Ok(cost)
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Text {
    /// Names, numbers, strings and punctuation; `...` counts as three.
    tokens: usize,
    deepest: usize,
}

/// Counts what the parser will meet, without recursion. Strings and comments are passed over.
fn scan(query: &str) -> Text {
    let bytes = query.as_bytes();
    let (mut tokens, mut open, mut deepest) = (0_usize, 0_usize, 0_usize);
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let rest = &bytes[at..];
        let length = match byte {
            b' ' | b'\t' | b'\r' | b'\n' | b',' => {
                at += 1;
                continue;
            }
            b'#' => {
                at += rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(rest.len());
                continue;
            }
            b'"' => string_length(rest),
            b'{' | b'[' | b'(' => {
                open += 1;
                deepest = deepest.max(open);
                1
            }
            b'}' | b']' | b')' => {
                open = open.saturating_sub(1);
                1
            }
            byte if is_word(*byte) => rest.iter().position(|byte| !is_word(*byte)).unwrap_or(rest.len()),
            _punctuation => 1,
        };
        tokens += 1;
        at += length;
    }
    Text { tokens, deepest }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'+') || !byte.is_ascii()
}

/// Bytes of the string that `text` begins with, quotes included. An open one ends with its line, a block with the text.
fn string_length(text: &[u8]) -> usize {
    let block = text.starts_with(b"\"\"\"");
    let mut at = if block { 3 } else { 1 };
    while let Some(byte) = text.get(at) {
        let rest = &text[at..];
        if block {
            if rest.starts_with(b"\"\"\"") {
                return at + 3;
            }
            at += if rest.starts_with(b"\\\"\"\"") { 4 } else { 1 };
        } else {
            match byte {
                b'"' => return at + 1,
                b'\n' | b'\r' => return at,
                b'\\' => at += 2,
                _character => at += 1,
            }
        }
    }
    text.len()
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
        for number in 0..600 {
            write!(query, " fragment f{number} on Q {{ ...f{} }}", number + 1).expect("a string grows");
        }
        assert!(refused(&query).contains("levels of selections"), "{}", refused(&query));
    }

    #[test]
    fn strings_and_comments_hide_their_brackets() {
        let text = scan("{ a(x: \"{[(\\\"{\", y: \"\"\"[[ \\\"\"\" {{ \"\"\") # {{{{ \n b }");
        assert_eq!(text, Text { tokens: 12, deepest: 2 });
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

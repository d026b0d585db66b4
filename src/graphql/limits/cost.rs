//! What running an operation may cost, in points, before it runs.
//!
//! An object or a list is a point; what is below a connection counts as often as `first` lets it come, what is below a plain
//! list [`PLAIN_LIST`] times. Each fragment is walked once per operation. A field that the schema doesn't have costs what
//! its text looks like: validation refuses it afterwards.

use std::collections::{BTreeMap, HashMap};

use async_graphql::Variables;
use async_graphql::parser::types::{
    ExecutableDocument, Field as Node, OperationDefinition, OperationType, Selection, SelectionSet,
};
use async_graphql::{Name, Value as Given};
use async_graphql_value::Value;

use super::shape::{Field, Input, Shape, Type, base};
use crate::page::{MOST_PER_PAGE, USUAL_PER_PAGE};

/// How many elements a list without `first` counts as.
pub const PLAIN_LIST: u64 = 10;
/// What each field of a mutation costs besides what it answers.
pub const MUTATION: u64 = 10;
/// What a subscription costs besides what one event answers.
pub const SUBSCRIPTION: u64 = 10;
/// The argument whose length a list has: `nodes(ids:)`.
const IDS: &str = "ids";

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Cost {
    pub points: u32,
    /// What of the operation is deprecated: the schema coordinate and the reason.
    pub deprecations: BTreeMap<String, String>,
}

/// Measures the operation that would run. `None` as the name is right only where there is a single one.
#[must_use]
pub fn of(shape: &Shape, document: &ExecutableDocument, name: Option<&str>, variables: &Variables) -> Cost {
    let Some((_name, operation)) = chosen(document, name) else { return Cost::default() };
    let mut walk = Walk::new(shape, document, operation, variables);
    walk.operation()
}

/// The operation that a request runs; None: there is none of this name, or several and no name.
#[must_use]
pub fn chosen<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Option<(Option<&'a Name>, &'a OperationDefinition)> {
    let mut operations = document.operations.iter();
    match name {
        Some(wanted) => operations.find(|(name, _operation)| name.is_some_and(|name| name == wanted)),
        None => operations.next().filter(|_only| operations.next().is_none()),
    }
    .map(|(name, operation)| (name, &operation.node))
}

/// What is below a field: once, and once per row of the connection that the field is.
#[derive(Clone, Copy, Debug, Default)]
struct Below {
    once: u64,
    per_row: u64,
}

impl Below {
    fn once(points: u64) -> Self {
        Self { once: points, per_row: 0 }
    }

    fn and(self, other: Self) -> Self {
        Self { once: self.once.saturating_add(other.once), per_row: self.per_row.saturating_add(other.per_row) }
    }
}

struct Walk<'a> {
    shape: &'a Shape,
    document: &'a ExecutableDocument,
    operation: &'a OperationDefinition,
    variables: &'a Variables,
    fragments: HashMap<&'a str, Below>,
    deprecations: BTreeMap<String, String>,
    /// Selections looked at; the tests hold it to the document's length.
    visited: usize,
}

impl<'a> Walk<'a> {
    fn new(
        shape: &'a Shape,
        document: &'a ExecutableDocument,
        operation: &'a OperationDefinition,
        variables: &'a Variables,
    ) -> Self {
        let (fragments, deprecations) = (HashMap::new(), BTreeMap::new());
        Self { shape, document, operation, variables, fragments, deprecations, visited: 0 }
    }

    fn operation(&mut self) -> Cost {
        let (root, extra) = match self.operation.ty {
            OperationType::Query => ("Query", 0),
            OperationType::Mutation => ("Mutation", MUTATION),
            OperationType::Subscription => ("Subscription", SUBSCRIPTION),
        };
        if self.shape.deprecates_inputs {
            self.variables_used();
        }
        let below = self.selections(&self.operation.selection_set.node, Some(root), extra);
        Cost {
            points: u32::try_from(below.once).unwrap_or(u32::MAX),
            deprecations: std::mem::take(&mut self.deprecations),
        }
    }

    /// `extra` is what each field of this level costs besides; only the root's do.
    fn selections(&mut self, set: &'a SelectionSet, on: Option<&'a str>, extra: u64) -> Below {
        let mut sum = Below::default();
        for selection in &set.items {
            self.visited += 1;
            let one = match &selection.node {
                Selection::Field(field) => {
                    let below = self.field(&field.node, on);
                    Below { once: below.once.saturating_add(extra), ..below }
                }
                Selection::InlineFragment(inline) => {
                    let condition =
                        inline.node.type_condition.as_ref().map(|condition| condition.node.on.node.as_str());
                    self.selections(&inline.node.selection_set.node, condition.or(on), extra)
                }
                Selection::FragmentSpread(spread) => self.fragment(spread.node.fragment_name.node.as_str(), extra),
            };
            sum = sum.and(one);
        }
        sum
    }

    /// A fragment's own type decides what its fields are, wherever it is spread: once is enough.
    fn fragment(&mut self, name: &'a str, extra: u64) -> Below {
        if let Some(known) = self.fragments.get(name) {
            return *known;
        }
        let document = self.document;
        let Some(fragment) = document.fragments.get(name) else { return Below::default() };
        let on = fragment.node.type_condition.node.on.node.as_str();
        let below = self.selections(&fragment.node.selection_set.node, Some(on), extra);
        self.fragments.insert(name, below);
        below
    }

    fn field(&mut self, node: &'a Node, on: Option<&'a str>) -> Below {
        let name = node.name.node.as_str();
        let shape = self.shape;
        let parent = on.and_then(|on| shape.get(on));
        let field = parent.and_then(|parent| parent.fields.get(name));
        if let (Some(on), Some(field)) = (on, field) {
            self.report(node, on, field);
        }
        let set = &node.selection_set.node;
        if set.items.is_empty() {
            // The same long text fifty times is fifty texts.
            return Below::once(u64::from(node.alias.is_some()));
        }
        let below = self.selections(set, field.map(|field| field.of.as_str()), 0);
        let Some(field) = field else { return Below::once(below.once.saturating_add(1)) };
        let object = below.once.saturating_add(1);
        if parent.is_some_and(|parent| parent.is_connection) && field.is_list {
            // An edge is no more than its node.
            let row = if name == "edges" { below.once.max(1) } else { object };
            return Below { once: 0, per_row: row };
        }
        if shape.get(&field.of).is_some_and(|of| of.is_connection) {
            let rows = self.first(node).saturating_mul(below.per_row);
            return Below::once(object.saturating_add(rows));
        }
        if !field.is_list {
            return Below::once(object);
        }
        Below::once(match field.arguments.get(IDS).and_then(|_declared| self.length(node)) {
            Some(length) => length.saturating_mul(object).saturating_add(1),
            None => below.once.saturating_mul(PLAIN_LIST).saturating_add(1),
        })
    }

    fn first(&self, node: &'a Node) -> u64 {
        let number = |limit: i32| u64::try_from(limit).unwrap_or(0);
        let asked = match self.given(argument(node, "first")) {
            Some(Asked::Number(asked)) => Some(asked),
            // Null is the default; the rest is refused when it runs.
            Some(Asked::Length(_) | Asked::Other) | None => None,
        };
        asked.unwrap_or(number(USUAL_PER_PAGE)).min(number(MOST_PER_PAGE))
    }

    fn length(&self, node: &'a Node) -> Option<u64> {
        match self.given(argument(node, IDS))? {
            Asked::Length(length) => u64::try_from(length).ok(),
            // One value where a list is expected is a list of one.
            Asked::Number(_) | Asked::Other => Some(1),
        }
    }

    /// A literal, the variable's value, or its default.
    fn given(&self, value: Option<&'a Value>) -> Option<Asked> {
        let value = value?;
        Some(match value {
            Value::Variable(name) => {
                let definition = self.operation.variable_definitions.iter().find(|one| one.node.name.node == *name);
                let default = definition.and_then(|one| one.node.default_value.as_ref()).map(|default| &default.node);
                asked(self.variables.get(name).or(default)?)
            }
            Value::Number(number) => number.as_u64().map_or(Asked::Other, Asked::Number),
            Value::List(items) => Asked::Length(items.len()),
            Value::Null => return None,
            Value::String(_) | Value::Boolean(_) | Value::Binary(_) | Value::Enum(_) | Value::Object(_) => Asked::Other,
        })
    }

    fn report(&mut self, node: &'a Node, on: &str, field: &'a Field) {
        if field.deprecation.is_none() && !self.shape.deprecates_inputs {
            return;
        }
        let coordinate = format!("{on}.{}", node.name.node);
        for (name, value) in &node.arguments {
            if let Some(argument) = field.arguments.get(name.node.as_str()) {
                self.note(format!("{coordinate}({}:)", name.node), argument.deprecation.as_ref());
                self.literal(argument, &value.node);
            }
        }
        self.note(coordinate, field.deprecation.as_ref());
    }

    fn note(&mut self, coordinate: String, reason: Option<&String>) {
        if let Some(reason) = reason {
            self.deprecations.insert(coordinate, reason.clone());
        }
    }

    /// The parser bounds how deep values nest.
    fn literal(&mut self, input: &Input, value: &Value) {
        match value {
            Value::List(items) => items.iter().for_each(|item| self.literal(input, item)),
            Value::Object(members) => {
                let shape = self.shape;
                for (name, value) in members {
                    if let Some(field) = self.input_field(shape.get(&input.of), &input.of, name) {
                        self.literal(field, value);
                    }
                }
            }
            Value::Enum(name) => self.enum_value(&input.of, name),
            Value::Variable(_)
            | Value::Null
            | Value::Number(_)
            | Value::String(_)
            | Value::Boolean(_)
            | Value::Binary(_) => {}
        }
    }

    /// Each variable's value once, by the type that the operation declares.
    fn variables_used(&mut self) {
        for definition in &self.operation.variable_definitions {
            let (of, _is_list) = base(&definition.node.var_type.node);
            if let Some(value) = self.variables.get(&definition.node.name.node) {
                self.variable(&of, value);
            }
        }
    }

    fn variable(&mut self, of: &str, value: &Given) {
        match value {
            Given::List(items) => items.iter().for_each(|item| self.variable(of, item)),
            Given::Object(members) => {
                let shape = self.shape;
                for (name, value) in members {
                    if let Some(field) = self.input_field(shape.get(of), of, name) {
                        self.variable(&field.of, value);
                    }
                }
            }
            // Enum values come as strings in JSON.
            Given::String(text) => self.enum_value(of, text),
            Given::Enum(name) => self.enum_value(of, name),
            Given::Null | Given::Number(_) | Given::Boolean(_) | Given::Binary(_) => {}
        }
    }

    fn input_field(&mut self, of: Option<&'a Type>, type_name: &str, name: &Name) -> Option<&'a Input> {
        let field = of?.inputs.get(name.as_str())?;
        self.note(format!("{type_name}.{name}"), field.deprecation.as_ref());
        Some(field)
    }

    fn enum_value(&mut self, of: &str, name: &str) {
        let shape = self.shape;
        self.note(format!("{of}.{name}"), shape.get(of).and_then(|of| of.values.get(name)));
    }
}

enum Asked {
    Number(u64),
    Length(usize),
    Other,
}

fn argument<'a>(node: &'a Node, name: &str) -> Option<&'a Value> {
    node.arguments.iter().find(|(argument, _value)| argument.node == name).map(|(_name, value)| &value.node)
}

fn asked(value: &Given) -> Asked {
    match value {
        Given::Number(number) => number.as_u64().map_or(Asked::Other, Asked::Number),
        Given::List(items) => Asked::Length(items.len()),
        Given::Null | Given::String(_) | Given::Boolean(_) | Given::Binary(_) | Given::Enum(_) | Given::Object(_) => {
            Asked::Other
        }
    }
}

#[cfg(test)]
mod tests;

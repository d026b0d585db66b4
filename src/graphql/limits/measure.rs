//! How large a document is: fields, depth, aliases, directives, each fragment measured once and counted wherever it is spread.

use std::collections::HashMap;

use async_graphql::ServerError;
use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};

use super::{
    MOST_ALIASES, MOST_DEPTH, MOST_DIRECTIVES, MOST_FIELDS, MOST_FIELDS_VALIDATED, MOST_LEVELS, MOST_ROOT_FIELDS,
    refusal, within,
};
use crate::error::ErrorCode;

/// What a selection set comes to with its fragments expanded. Sums stop at the largest number there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Size {
    fields: usize,
    root_fields: usize,
    depth: usize,
    aliases: usize,
    directives: usize,
}

impl Size {
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
    Measured(Size),
}

pub(super) struct Measure<'a> {
    document: &'a ExecutableDocument,
    fragments: HashMap<&'a str, Fragment>,
    /// Selections looked at; the tests hold it to the document's length.
    pub(super) visited: usize,
    /// Whether any field asks for the description of the schema.
    pub(super) introspects: bool,
}

impl<'a> Measure<'a> {
    pub(super) fn new(document: &'a ExecutableDocument) -> Self {
        Self { document, fragments: HashMap::new(), visited: 0, introspects: false }
    }

    pub(super) fn document(&mut self) -> Result<(), ServerError> {
        let document = self.document;
        let mut all = Size::default();
        for (_name, operation) in document.operations.iter() {
            let mut size = self.selections(&operation.node.selection_set.node, 0)?;
            size.directives = size.directives.saturating_add(operation.node.directives.len());
            within("root fields", size.root_fields, MOST_ROOT_FIELDS)?;
            all = all.and(size);
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

    fn selections(&mut self, set: &'a SelectionSet, level: usize) -> Result<Size, ServerError> {
        within("levels of selections", level, MOST_LEVELS)?;
        let mut sum = Size::default();
        for selection in &set.items {
            self.visited += 1;
            let mut size = match &selection.node {
                Selection::Field(field) => {
                    self.introspects |= matches!(field.node.name.node.as_str(), "__schema" | "__type");
                    let inner = self.selections(&field.node.selection_set.node, level + 1)?;
                    Size {
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
            size.directives = size.directives.saturating_add(selection.node.directives().len());
            sum = sum.and(size);
        }
        Ok(sum)
    }

    fn fragment(&mut self, name: &'a str, level: usize) -> Result<Size, ServerError> {
        match self.fragments.get(name) {
            Some(Fragment::Measured(size)) => return Ok(*size),
            Some(Fragment::Open) => {
                let problem = format!("the fragment {name} spreads itself");
                return Err(refusal(ErrorCode::InvalidDocument, problem));
            }
            None => {}
        }
        let document = self.document;
        // The validators name an unknown fragment better than we could. It counts, so that nothing that they walk over is
        // free: fragments which double over an unknown one are no smaller than those which double over a field.
        let Some(fragment) = document.fragments.get(name) else {
            return Ok(Size { fields: 1, root_fields: 1, ..Size::default() });
        };
        self.fragments.insert(name, Fragment::Open);
        let mut size = self.selections(&fragment.node.selection_set.node, level + 1)?;
        size.directives = size.directives.saturating_add(fragment.node.directives.len());
        self.fragments.insert(name, Fragment::Measured(size));
        Ok(size)
    }
}

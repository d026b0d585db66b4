//! The schema as the measure of costs needs it: which type a field leads to, whether there are many of it, and what of it is
//! deprecated. Read from the printed schema, so that it knows what clients know and no more.

use std::collections::HashMap;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    BaseType, ConstDirective, FieldDefinition, InputValueDefinition, Type as TypeText, TypeDefinition, TypeKind,
    TypeSystemDefinition,
};
use async_graphql::{Positioned, Value};

#[derive(Debug, Default)]
pub struct Shape {
    types: HashMap<String, Type>,
    /// Whether any argument, input field or enum value is: if not, values needn't be walked.
    pub(super) deprecates_inputs: bool,
}

#[derive(Debug, Default)]
pub(super) struct Type {
    /// Of an object or interface.
    pub(super) fields: HashMap<String, Field>,
    /// Of an input object.
    pub(super) inputs: HashMap<String, Input>,
    /// Of an enum: the deprecated ones, with the reason.
    pub(super) values: HashMap<String, String>,
    /// Relay's: edges and nodes are rows, as many as `first` says.
    pub(super) is_connection: bool,
}

#[derive(Debug)]
pub(super) struct Field {
    pub(super) of: String,
    pub(super) is_list: bool,
    pub(super) arguments: HashMap<String, Input>,
    pub(super) deprecation: Option<String>,
}

#[derive(Debug)]
pub(super) struct Input {
    pub(super) of: String,
    pub(super) deprecation: Option<String>,
}

impl Shape {
    /// From the printed schema. The problem is the parser's own.
    pub fn of(sdl: &str) -> Result<Self, String> {
        let document = parse_schema(sdl).map_err(|problem| problem.to_string())?;
        let mut shape = Self::default();
        for definition in document.definitions {
            match definition {
                TypeSystemDefinition::Type(definition) => shape.add(definition.node),
                TypeSystemDefinition::Schema(_) | TypeSystemDefinition::Directive(_) => {}
            }
        }
        shape.deprecates_inputs = shape.types.values().any(Type::deprecates_inputs);
        Ok(shape)
    }

    fn add(&mut self, definition: TypeDefinition) {
        let name = definition.name.node.to_string();
        let mut added = Type::default();
        match definition.kind {
            TypeKind::Object(object) => added.fields = fields(object.fields),
            TypeKind::Interface(interface) => added.fields = fields(interface.fields),
            TypeKind::InputObject(input) => added.inputs = inputs(input.fields),
            TypeKind::Enum(one) => {
                let values = one.values.into_iter().filter_map(|value| {
                    Some((value.node.value.node.to_string(), deprecation(&value.node.directives)?))
                });
                added.values = values.collect();
            }
            TypeKind::Scalar | TypeKind::Union(_) => {}
        }
        added.is_connection = name.ends_with("Connection") && added.fields.contains_key("pageInfo");
        self.types.insert(name, added);
    }

    pub(super) fn get(&self, name: &str) -> Option<&Type> {
        self.types.get(name)
    }
}

impl Type {
    fn deprecates_inputs(&self) -> bool {
        let arguments = self.fields.values().flat_map(|field| field.arguments.values());
        !self.values.is_empty() || arguments.chain(self.inputs.values()).any(|input| input.deprecation.is_some())
    }
}

fn fields(definitions: Vec<Positioned<FieldDefinition>>) -> HashMap<String, Field> {
    let field = |definition: Positioned<FieldDefinition>| {
        let definition = definition.node;
        let (of, is_list) = base(&definition.ty.node);
        let deprecation = deprecation(&definition.directives);
        let field = Field { of, is_list, arguments: inputs(definition.arguments), deprecation };
        (definition.name.node.to_string(), field)
    };
    definitions.into_iter().map(field).collect()
}

fn inputs(definitions: Vec<Positioned<InputValueDefinition>>) -> HashMap<String, Input> {
    let input = |definition: Positioned<InputValueDefinition>| {
        let definition = definition.node;
        let input = Input { of: base(&definition.ty.node).0, deprecation: deprecation(&definition.directives) };
        (definition.name.node.to_string(), input)
    };
    definitions.into_iter().map(input).collect()
}

/// The named type, and whether it comes in a list.
pub(super) fn base(text: &TypeText) -> (String, bool) {
    match &text.base {
        BaseType::Named(name) => (name.to_string(), false),
        BaseType::List(inner) => (base(inner).0, true),
    }
}

fn deprecation(directives: &[Positioned<ConstDirective>]) -> Option<String> {
    let directive = directives.iter().find(|directive| directive.node.name.node == "deprecated")?;
    Some(match directive.node.get_argument("reason").map(|reason| &reason.node) {
        Some(Value::String(reason)) => reason.clone(),
        // The specification's own default.
        Some(_) | None => "No longer supported".to_owned(),
    })
}

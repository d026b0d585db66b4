use std::fmt::Write;

use async_graphql::parser::parse_query;
use serde_json::{Value as Json, json};

use super::*;

const SDL: &str = r#"
    type Query { order: Order, orders(first: Int, state: State, filter: Filter): OrderConnection!, nodes(ids: [ID!]!): [Node]!, old: Order @deprecated(reason: "Use order.") }
    type Mutation { pay(input: Filter): Order }
    type Subscription { paid: Order }
    interface Node { id: ID! }
    type Order implements Node { id: ID! lines: [Line!]! buyer: Buyer! orders(first: Int): OrderConnection! size(unit: State @deprecated): Int }
    type Line { price: Buyer! }
    type Buyer { id: ID! }
    type OrderConnection { edges: [OrderEdge!]! nodes: [Order!]! pageInfo: PageInfo! totalCount: Int }
    type OrderEdge { cursor: String! node: Order! }
    type PageInfo { hasNextPage: Boolean! }
    enum State { OPEN CLOSED GONE @deprecated(reason: "Nothing is gone.") }
    input Filter { state: State, states: [State!], deep: Filter, was: Int @deprecated(reason: "It was.") }
"#;

fn measured(query: &str, variables: Json) -> Cost {
    let shape = Shape::of(SDL).expect("a schema");
    let document = parse_query(query).expect("parses");
    of(&shape, &document, None, &Variables::from_json(variables))
}

fn points(query: &str) -> u32 {
    measured(query, json!({})).points
}

#[test]
fn what_counts_is_objects_and_how_many_of_them_there_may_be() {
    for (query, expected) in [
        ("{ __typename }", 0),
        ("{ order { id } }", 1),
        ("{ order { id buyer { id } } }", 2),
        ("{ order { lines { price { id } } } }", 1 + (1 + 10)),
        ("{ orders { pageInfo { hasNextPage } totalCount } }", 2),
        ("{ orders { nodes { id } } }", 1 + 20),
        ("{ orders { edges { cursor node { id } } } }", 1 + 20),
        ("{ orders { edges { cursor } } }", 1 + 20),
        ("{ orders(first: 5) { nodes { buyer { id } } } }", 1 + 5 * 2),
        ("{ orders(first: 5000) { nodes { id } } }", 1 + 100),
        ("{ orders(first: -5) { nodes { id } } }", 1 + 20),
        ("{ orders(first: 5) { nodes { id } edges { node { id } } pageInfo { hasNextPage } } }", 1 + 1 + 10),
        ("{ orders(first: 10) { nodes { orders(first: 10) { nodes { id } } } } }", 1 + 10 * (1 + 1 + 10)),
        ("{ nodes(ids: [\"a\", \"b\", \"c\"]) { id } }", 1 + 3),
        ("{ a: order { id } b: order { id } }", 2),
        ("{ order { ...o } } fragment o on Order { buyer { id } }", 2),
        ("{ orders(first: 7) { ...c } } fragment c on OrderConnection { nodes { id } }", 1 + 7),
        ("{ orders(first: 7) { ... on OrderConnection { nodes { id } } } }", 1 + 7),
        ("mutation { pay { id } }", 11),
        ("mutation { pay { id } again: pay { id } ...m } fragment m on Mutation { third: pay { id } }", 33),
        ("subscription { paid { id } }", 11),
        ("{ unknown { orders(first: 100) { nodes { id } } } }", 3),
        ("{ __schema { types { fields { name } } } }", 3),
    ] {
        assert_eq!(points(query), expected, "{query}");
    }
}

#[test]
fn the_same_rows_cost_the_same_however_they_are_spelled() {
    let literal = points("{ orders(first: 50) { nodes { buyer { id } } } }");
    let variable = "query ($n: Int) { orders(first: $n) { nodes { buyer { id } } } }";
    let default = "query ($n: Int = 50) { orders(first: $n) { nodes { buyer { id } } } }";
    let fragment = "query ($n: Int) { ...f } fragment f on Query { orders(first: $n) { nodes { ...b } } } fragment b on Order { buyer { id } }";
    assert_eq!(measured(variable, json!({ "n": 50 })).points, literal);
    assert_eq!(measured(default, json!({})).points, literal);
    assert_eq!(measured(fragment, json!({ "n": 50 })).points, literal);
    assert_eq!(measured(variable, json!({ "n": null })).points, points("{ orders { nodes { buyer { id } } } }"));
    let ids = measured("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", json!({ "ids": vec!["x"; 900] }));
    assert_eq!(ids.points, 901);
}

#[test]
fn only_the_chosen_operation_is_charged() {
    let shape = Shape::of(SDL).expect("a schema");
    let document = parse_query("query A { order { id } } query B { orders { nodes { id } } }").expect("parses");
    let none = Variables::default();
    assert_eq!(of(&shape, &document, Some("A"), &none).points, 1);
    assert_eq!(of(&shape, &document, Some("B"), &none).points, 21);
    assert_eq!(of(&shape, &document, Some("C"), &none).points, 0, "it doesn't run");
    assert_eq!(of(&shape, &document, None, &none).points, 0, "it doesn't run");
}

#[test]
fn sums_stop_at_the_largest_number_and_each_fragment_is_walked_once() {
    let shape = Shape::of(SDL).expect("a schema");
    let mut query = "{ order { ...f0 } }".to_owned();
    for number in 0..40 {
        let next = number + 1;
        let twice = format!(
            "a: orders(first: 100) {{ nodes {{ ...f{next} }} }} b: orders(first: 100) {{ nodes {{ ...f{next} }} }}"
        );
        write!(query, " fragment f{number} on Order {{ {twice} }}").expect("a string grows");
    }
    query.push_str(" fragment f40 on Order { id }");
    let document = parse_query(&query).expect("parses");
    let (_name, operation) = chosen(&document, None).expect("is there");
    let none = Variables::default();
    let mut walk = Walk::new(&shape, &document, operation, &none);
    assert_eq!(walk.operation().points, u32::MAX);
    assert_eq!(walk.visited, 2 + 40 * 6 + 1);
}

#[test]
fn what_is_deprecated_is_named_with_its_reason() {
    let used = |query: &str, variables: Json| {
        let cost = measured(query, variables);
        cost.deprecations.into_iter().map(|(what, why)| format!("{what} {why}")).collect::<Vec<_>>()
    };
    let none: [&str; 0] = [];
    assert_eq!(used("{ order { id size } orders(state: OPEN) { totalCount } }", json!({})), none);
    assert_eq!(used("{ a: old { id } b: old { id } }", json!({})), ["Query.old Use order."]);
    assert_eq!(used("{ ...f } fragment f on Query { old { id } }", json!({})), ["Query.old Use order."]);
    assert_eq!(used("{ order { size(unit: OPEN) } }", json!({})), ["Order.size(unit:) No longer supported"]);
    assert_eq!(used("{ orders(state: GONE) { totalCount } }", json!({})), ["State.GONE Nothing is gone."]);
    assert_eq!(
        used("{ orders(filter: { deep: { was: 1, states: [OPEN, GONE] } }) { totalCount } }", json!({})),
        ["Filter.was It was.", "State.GONE Nothing is gone."]
    );
    let variable = "query ($f: Filter!) { orders(filter: $f) { totalCount } }";
    assert_eq!(
        used(variable, json!({ "f": { "deep": { "was": 1 }, "states": ["OPEN", "GONE"] } })),
        ["Filter.was It was.", "State.GONE Nothing is gone."]
    );
    assert_eq!(used(variable, json!({ "f": { "state": "OPEN" } })), none);
    assert_eq!(used("query A { old { id } } query B { order { id } }", json!({})), none, "none of them is chosen");
}

#[test]
fn our_own_schema_can_be_read() {
    use ground::setting::Mode;
    for mode in [Mode::Sandbox, Mode::Live] {
        let shape = Shape::of(&crate::graphql::sdl(&crate::graphql::build(mode))).expect("a schema");
        assert!(shape.get("OrderConnection").is_some_and(|orders| orders.is_connection));
        assert!(shape.get("Query").is_some_and(|query| query.fields["nodes"].arguments.contains_key("ids")));
        assert!(["Query", "Mutation", "Subscription"].iter().all(|root| shape.get(root).is_some()));
    }
}

//! Holds async-graphql to the specification where its releases have differed: keys in the order of the query, and a
//! failing field that nulls its nearest nullable parent and nothing else. Judge an upgrade by this.

use async_graphql::{EmptySubscription, Object, Response, Result, Schema, SimpleObject};
use serde_json::{Value, json};

struct Query;
struct Mutation;
struct Item(i32);

#[derive(SimpleObject)]
struct Done {
    done: bool,
}

#[Object]
impl Query {
    /// Answers later than its neighbours.
    async fn slow(&self) -> i32 {
        for _turn in 0..10 {
            tokio::task::yield_now().await;
        }
        1
    }

    async fn boom(&self) -> Result<i32> {
        Err("boom".into())
    }

    async fn maybe(&self) -> Option<Result<i32>> {
        Some(Err("boom".into()))
    }

    async fn item(&self) -> Option<Item> {
        Some(Item(1))
    }

    async fn items(&self) -> Vec<Item> {
        vec![Item(1), Item(2)]
    }

    async fn sparse(&self) -> Vec<Option<Item>> {
        vec![Some(Item(1)), Some(Item(2))]
    }
}

#[Object]
impl Item {
    async fn id(&self) -> i32 {
        self.0
    }

    async fn bad(&self) -> Result<i32> {
        if self.0 == 1 { Err("bad".into()) } else { Ok(self.0) }
    }
}

#[Object]
impl Mutation {
    async fn fails(&self) -> Option<Result<Done>> {
        Some(Err("refused".into()))
    }

    async fn works(&self) -> Done {
        Done { done: true }
    }
}

async fn ask(query: &str) -> (String, usize) {
    let response: Response = Schema::new(Query, Mutation, EmptySubscription).execute(query).await;
    (serde_json::to_string(&response.data).expect("JSON"), response.errors.len())
}

#[tokio::test]
async fn keys_come_in_the_order_of_the_query() {
    assert_eq!(ask("{ slow x: __typename }").await.0, r#"{"slow":1,"x":"Query"}"#);
    assert_eq!(ask("{ x: __typename slow }").await.0, r#"{"x":"Query","slow":1}"#);
}

#[tokio::test]
async fn a_failing_field_nulls_its_nearest_nullable_parent() {
    let cases: [(&str, Value); 6] = [
        ("{ x: __typename boom }", json!(null)),
        ("{ x: __typename maybe }", json!({ "x": "Query", "maybe": null })),
        ("{ x: __typename item { id bad } }", json!({ "x": "Query", "item": null })),
        ("{ items { id bad } }", json!(null)),
        ("{ sparse { id bad } }", json!({ "sparse": [null, { "id": 2, "bad": 2 }] })),
        ("mutation { fails { done } works { done } }", json!({ "fails": null, "works": { "done": true } })),
    ];
    for (query, data) in cases {
        let (answered, errors) = ask(query).await;
        assert_eq!(serde_json::from_str::<Value>(&answered).expect("JSON"), data, "{query}");
        assert_eq!(errors, 1, "{query}");
    }
}

#[tokio::test]
async fn a_document_that_does_not_fit_the_schema_runs_nothing() {
    assert_eq!(ask("{ slow nope }").await, ("null".to_owned(), 1));
}

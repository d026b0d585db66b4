//! Everything in the schema, called as everybody whose it is not: it doesn't exist for them, they learn nothing, and they
//! change nothing. A root field without a line in [`super::rules`] fails the test.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{SinkExt, StreamExt};
use secure_payment::order::FeedKey;
use secure_payment::page::cursor;
use secure_payment::party::demo;
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::rules::{MUTATIONS, QUERIES, Rule, SUBSCRIPTIONS, Told};
use super::world::{World, act, fill, secrets};
use crate::queries::Types;
use crate::support::purchase::{PATIENCE, Shop, text};
use crate::support::steps::address;
use crate::support::{TestApp, on_each_database};

on_each_database!(
    nothing_of_another_tenant_exists,
    every_id_is_nobody_elses,
    every_root_field_has_a_rule,
    the_whole_feed_is_the_viewers_only,
);

/// Levels of objects below a root field.
const LEVELS: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    OtherStorefront,
    BuyerOfOther,
    /// Of the same storefront.
    AnotherBuyer,
    OtherSupplier,
    Nobody,
    /// Whose the buyer is. It sees, and doesn't act.
    Storefront,
    Operator,
}

struct Outsider {
    who: Who,
    token: Option<String>,
}

async fn outsiders(app: &TestApp) -> Vec<Outsider> {
    let session = async |storefront: &str| {
        let input = json!({ "buyerReference": "somebody else" });
        text(&act(app, storefront, "createBuyerSession", input, "session { token }").await["session"]["token"])
    };
    let credential = async |role: &str, id: &Value| {
        let input = json!({ "role": role, "subjectId": id, "label": "outsider" });
        text(&act(app, demo::OPERATOR, "createCredential", input, "token").await["token"])
    };
    let made = act(app, demo::OPERATOR, "createStorefront", json!({ "name": "Other" }), "storefront { id }").await;
    let storefront = credential("STOREFRONT", &made["storefront"]["id"]).await;
    let input = json!({ "name": "Other", "country": "DE", "city": "Ulm" });
    let made = act(app, demo::OPERATOR, "createSupplier", input, "supplier { id }").await;
    let supplier = credential("SUPPLIER", &made["supplier"]["id"]).await;
    [
        (Who::BuyerOfOther, Some(session(&storefront).await)),
        (Who::OtherStorefront, Some(storefront)),
        (Who::AnotherBuyer, Some(session(demo::STOREFRONT).await)),
        (Who::OtherSupplier, Some(supplier)),
        (Who::Nobody, None),
        (Who::Storefront, Some(demo::STOREFRONT.to_owned())),
        (Who::Operator, Some(demo::OPERATOR.to_owned())),
    ]
    .map(|(who, token)| Outsider { who, token })
    .into()
}

/// What those see whose it is: the secrets are in it, and it must be the same before and after.
async fn views(app: &TestApp, types: &Types, world: &World) -> Value {
    let order = |part: &String| format!("query($id: ID!) {{ order(id: $id) {part} }}");
    let orders: Vec<String> = types.selections("Order", LEVELS).iter().map(order).collect();
    let talk = format!("query($id: ID!) {{ conversation(id: $id) {} }}", types.selection("Conversation", LEVELS));
    let more = "{ payouts(first: 100) { nodes { id status } } viewer { payoutAccounts { id mask } } }";
    let messages = "query($id: ID!) { conversation(id: $id) { messages(first: 100) { nodes { id text } } } }";
    let long = "query($id: ID!) { order(id: $id) { version events(first: 100) { nodes { id type } } } }";
    let credentials = "query($of: ID!) { credentials(subjectId: $of) { nodes { id endsAt } } }";
    let mut seen = Vec::new();
    for token in [world.buyer.as_str(), demo::SUPPLIER] {
        for id in [&world.placed, &world.disputed, &world.completed, &world.troubled] {
            for order in &orders {
                seen.push(app.data(token, order, json!({ "id": id })).await);
            }
            seen.push(app.data(token, long, json!({ "id": id })).await);
        }
        seen.push(app.data(token, &talk, json!({ "id": world.conversation })).await);
        seen.push(app.data(token, messages, json!({ "id": world.conversation })).await);
    }
    seen.push(app.data(demo::SUPPLIER, more, json!({})).await);
    let endpoints = "{ webhookEndpoints { nodes { id url description eventTypes status disabledReason disabledAt
        previousSecretExpiresAt createdAt updatedAt } } }";
    seen.push(app.data(demo::STOREFRONT, endpoints, json!({})).await);
    let deliveries = types.selection("WebhookDelivery", 1);
    let deliveries =
        format!("query($id: ID!) {{ webhookDeliveries(filter: {{ orderId: $id }}) {{ nodes {deliveries} }} }}");
    seen.push(app.data(demo::STOREFRONT, &deliveries, json!({ "id": world.disputed })).await);
    seen.push(app.data(demo::OPERATOR, credentials, json!({ "of": world.buyer_id })).await);
    Value::Array(seen)
}

/// A root type's fields: their names, and what they answer.
fn roots(types: &Types, root: &str) -> BTreeMap<String, String> {
    let fields = types.0[root]["fields"].as_array().expect("fields").iter();
    fields
        .map(|field| {
            let mut of = &field["type"];
            while !of["ofType"].is_null() {
                of = &of["ofType"];
            }
            (text(&field["name"]), text(&of["name"]))
        })
        .collect()
}

/// All fields of what a root field answers.
fn selection(types: &Types, of: &str) -> String {
    if let Some(row) = of.strip_suffix("Connection") {
        return format!("{{ nodes {} pageInfo {{ endCursor }} }}", fitting(types, row, LEVELS - 1));
    }
    match types.0[of]["kind"].as_str() {
        Some("SCALAR" | "ENUM") => String::new(),
        Some("INTERFACE") => "{ __typename id }".to_owned(),
        _object => fitting(types, of, LEVELS),
    }
}

/// As deep as one document may be long.
fn fitting(types: &Types, of: &str, levels: usize) -> String {
    let deep = types.selection(of, levels);
    if levels > 1 && deep.split_whitespace().count() > 900 { fitting(types, of, levels - 1) } else { deep }
}

/// As GraphQL writes a value; the rules' queries take no enums.
fn literal(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| format!("{name}: {}", literal(value)));
            format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(literal).collect::<Vec<_>>().join(", ")),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

fn arguments(value: &Value) -> String {
    let members: Vec<String> = value
        .as_object()
        .expect("arguments")
        .iter()
        .map(|(name, value)| format!("{name}: {}", literal(value)))
        .collect();
    if members.is_empty() { String::new() } else { format!("({})", members.join(", ")) }
}

fn document(types: &Types, root: &str, rule: &Rule, world: &World) -> (String, Value) {
    let of = &roots(types, root)[rule.field];
    let (field, fields, mut given) = (rule.field, selection(types, of), (rule.arguments)(world));
    // A whole page of everything would be dearer than one request may be.
    if of.ends_with("Connection") && given.get("first").is_none() {
        given["first"] = json!(3);
    }
    match root {
        "Mutation" => {
            let input = format!("{}{}Input", field[..1].to_uppercase(), &field[1..]);
            (format!("mutation($input: {input}!) {{ {field}(input: $input) {fields} }}"), json!({ "input": given }))
        }
        "Query" => (format!("query {{ {field}{} {fields} }}", arguments(&given)), json!({})),
        _subscription => (format!("subscription {{ {field}{} {fields} }}", arguments(&given)), json!({})),
    }
}

/// The codes of all that was refused, at the top or in the payload.
fn codes(answer: &Value, field: &str) -> BTreeSet<String> {
    let list = |errors: &Value| errors.as_array().cloned().unwrap_or_default();
    let top = list(&answer["errors"]).into_iter().map(|error| error["extensions"]["code"].clone());
    let user = list(&answer["data"][field]["errors"]).into_iter().map(|error| error["code"].clone());
    top.chain(user).map(|code| text(&code)).collect()
}

fn is_empty(data: &Value) -> bool {
    match data {
        Value::Null => true,
        Value::Array(items) => items.iter().all(Value::is_null),
        Value::Object(_) => data["nodes"].as_array().is_some_and(Vec::is_empty),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Whether an outsider was told that there is nothing; or what is wrong.
fn judge(rule: &Rule, who: Who, answer: &Value) -> Result<bool, String> {
    let codes = codes(answer, rule.field);
    let data = &answer["data"][rule.field];
    let allowed = |code: &String| match who {
        Who::Nobody => code == "UNAUTHENTICATED" || (rule.told != Told::Refused && code == "NOT_FOUND"),
        Who::BuyerOfOther | Who::OtherStorefront | Who::AnotherBuyer | Who::OtherSupplier => {
            code == "NOT_PERMITTED" || code == "NOT_FOUND"
        }
        // They see that it is there.
        Who::Storefront | Who::Operator => {
            matches!(code.as_str(), "NOT_PERMITTED" | "NOT_FOUND" | "INVALID_TRANSITION")
        }
    };
    match rule.told {
        Told::Public | Told::NotCalled(_) => Ok(true),
        Told::Refused if codes.is_empty() => Err(format!("was not refused: {answer}")),
        Told::Nothing | Told::NotFound | Told::Refused => {
            if let Some(code) = codes.iter().find(|code| !allowed(code)) {
                return Err(format!("was told {code}: {answer}"));
            }
            let shown = data.get("errors").map_or(!is_empty(data), |_errors| {
                data.as_object().expect("a payload").iter().any(|(name, thing)| name != "errors" && !thing.is_null())
            });
            if shown || (codes.is_empty() && data.get("errors").is_some()) {
                return Err(format!("got something: {answer}"));
            }
            Ok(codes.is_empty() || codes.contains("NOT_FOUND"))
        }
    }
}

fn is_called(rule: &Rule, root: &str, who: Who) -> bool {
    match who {
        Who::Operator => {
            root == "Mutation" && rule.told != Told::Refused && !rule.operators_may && rule.told != Told::Public
        }
        Who::Storefront => root == "Mutation" && !rule.storefront_may && rule.told != Told::Public,
        Who::BuyerOfOther | Who::OtherStorefront | Who::AnotherBuyer | Who::OtherSupplier | Who::Nobody => true,
    }
}

async fn nothing_of_another_tenant_exists(app: &TestApp) {
    let world = fill(app).await;
    let types = Types::of(&Shop::of(app)).await;
    let before = views(app, &types, &world).await;
    let secrets = secrets(&world, &before);
    assert!(secrets.len() > 40, "{secrets:#?}");
    let outsiders = outsiders(app).await;
    let mut complaints = Vec::new();
    for (root, rules) in [("Query", QUERIES), ("Mutation", MUTATIONS), ("Subscription", SUBSCRIPTIONS)] {
        let fields = roots(&types, root);
        for rule in rules.iter().filter(|rule| fields.contains_key(rule.field)) {
            if let Told::NotCalled(_reason) = rule.told {
                continue;
            }
            let (query, variables) = document(&types, root, rule, &world);
            let mut somebody_found_nothing = false;
            for Outsider { who, token } in outsiders.iter().filter(|outsider| is_called(rule, root, outsider.who)) {
                let answer = match root {
                    "Subscription" => subscribe(app, token.as_deref(), &query).await,
                    _request => app.graphql(token.as_deref(), &query, variables.clone()).await,
                };
                let printed = answer.to_string();
                if let Some(secret) = secrets.iter().find(|secret| printed.contains(secret.as_str())) {
                    complaints.push(format!("{root}.{} shows {who:?} the shop's {secret:?}: {printed}", rule.field));
                }
                match judge(rule, *who, &answer) {
                    Ok(nothing) => somebody_found_nothing |= nothing,
                    Err(complaint) => complaints.push(format!("{root}.{}: {who:?} {complaint}", rule.field)),
                }
            }
            if rule.told == Told::NotFound && !somebody_found_nothing {
                complaints.push(format!("{root}.{}: nobody was told that there is none", rule.field));
            }
        }
    }
    let after = views(app, &types, &world).await;
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    assert_eq!(difference(&before, &after), None, "an outsider changed something");
}

/// The first place where two values differ, and what stands there.
fn difference(one: &Value, other: &Value) -> Option<String> {
    let below = |name: String, one: &Value, other: &Value| difference(one, other).map(|rest| format!("{name}.{rest}"));
    match (one, other) {
        (Value::Object(ones), Value::Object(others)) if ones.len() == others.len() => {
            ones.iter().find_map(|(name, one)| below(name.clone(), one, &others[name]))
        }
        (Value::Array(ones), Value::Array(others)) if ones.len() == others.len() => {
            (0..).zip(ones.iter().zip(others)).find_map(|(index, (one, other))| below(format!("{index}"), one, other))
        }
        (one, other) => (one != other).then(|| format!("{one} became {other}")),
    }
}

/// The first that a subscription says, as if it were an answer.
async fn subscribe(app: &TestApp, token: Option<&str>, query: &str) -> Value {
    let mut request = app.url("/graphql/ws").replace("http://", "ws://").into_client_request().expect("a request");
    request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().expect("a header"));
    let mut socket = connect_async(request).await.expect("connects").0;
    let payload = token.map(|token| json!({ "authorization": format!("Bearer {token}") }));
    let init = json!({ "type": "connection_init", "payload": payload });
    let begin = json!({ "type": "subscribe", "id": "1", "payload": { "query": query } });
    for message in [init, begin] {
        socket.send(Message::text(message.to_string())).await.expect("sends");
    }
    let heard = async {
        loop {
            let message = socket.next().await.expect("a message").expect("a message");
            let mut message: Value = serde_json::from_str(message.to_text().expect("text")).expect("JSON");
            match message["type"].as_str() {
                Some("next") => return message["payload"].take(),
                Some("error") => return json!({ "errors": message["payload"].take() }),
                Some("connection_ack" | "ping") => {}
                _other => panic!("{message}"),
            }
        }
    };
    tokio::time::timeout(PATIENCE, heard).await.unwrap_or_else(|_elapsed| json!({ "data": "it goes on silently" }))
}

/// Whatever has an id, `node` and `/files` show it to nobody else.
async fn every_id_is_nobody_elses(app: &TestApp) {
    let world = fill(app).await;
    let types = Types::of(&Shop::of(app)).await;
    let seen = views(app, &types, &world).await;
    let is_id = |secret: &String| secret.rsplit_once('_').is_some_and(|(_kind, id)| id.len() == 26);
    let ids: Vec<String> = secrets(&world, &seen).into_iter().filter(is_id).collect();
    let kinds: BTreeSet<&str> = ids.iter().filter_map(|id| id.rsplit_once('_')).map(|(kind, _id)| kind).collect();
    for kind in
        ["order", "payment", "refund", "dispute", "conversation", "message", "buyer", "payout", "file", "credential"]
    {
        assert!(kinds.contains(kind), "no id of a {kind}: {kinds:?}");
    }
    let query = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }";
    for Outsider { who, token } in outsiders(app).await {
        if matches!(who, Who::Storefront | Who::Operator) {
            continue;
        }
        for ids in ids.chunks(100) {
            let data = app.data(token.as_deref(), query, json!({ "ids": ids })).await;
            assert!(is_empty(&data["nodes"]), "{who:?}: {data:#}");
        }
        let mut request = app.http().get(app.url(&format!("/files/{}", world.file)));
        if let Some(token) = &token {
            request = request.bearer_auth(token);
        }
        assert_eq!(request.send().await.expect("an answer").status(), 404, "{who:?}");
    }
    let own = app.data(world.buyer.as_str(), query, json!({ "ids": [world.disputed, world.payment] })).await;
    assert!(own["nodes"].as_array().is_some_and(|nodes| nodes.iter().all(Value::is_object)), "{own:#}");
}

/// All events from the beginning: the first that an outsider hears of is of its own order, which is newer than the shop's.
async fn the_whole_feed_is_the_viewers_only(app: &TestApp) {
    let world = fill(app).await;
    let begin = cursor(&FeedKey { feed: 0 });
    for Outsider { who, token } in outsiders(app).await {
        if !matches!(who, Who::AnotherBuyer | Who::BuyerOfOther) {
            continue;
        }
        let token = token.expect("a token");
        let input = json!({ "idempotencyKey": "own", "productId": world.product, "quantity": 20, "shippingAddress": address() });
        let own = act(app, &token, "buyNow", input, "order { id number }").await["order"].take();
        app.drain().await;
        let query = format!("subscription {{ orderEvents(after: \"{begin}\") {{ orderNumber }} }}");
        let heard = subscribe(app, Some(&token), &query).await;
        assert_eq!(heard["data"]["orderEvents"]["orderNumber"], own["number"], "{who:?}: {heard:#}");
    }
}

async fn every_root_field_has_a_rule(app: &TestApp) {
    let types = Types::of(&Shop::of(app)).await;
    let mut missing = Vec::new();
    for (root, rules) in [("Query", QUERIES), ("Mutation", MUTATIONS), ("Subscription", SUBSCRIPTIONS)] {
        for field in roots(&types, root).into_keys() {
            match rules.iter().filter(|rule| rule.field == field).count() {
                1 => {}
                0 => missing.push(format!("{root}.{field}")),
                _more => panic!("{root}.{field} has more than one rule"),
            }
        }
    }
    assert!(
        missing.is_empty(),
        "add one line for each of these to tests/it/walls/rules.rs: with what of the shop's it is called, and what an \
         outsider is told (its module doc shows how): {missing:#?}"
    );
}

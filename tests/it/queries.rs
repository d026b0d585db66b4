//! No list costs a statement per row, whatever is asked of its rows: every field of the schema that a row leads to is.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use secure_payment::app::App;
use secure_payment::lifecycle::ShutdownTimes;
use secure_payment::party::demo;
use secure_payment::server;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::support::purchase::{Shop, buy_now, cancel, confirm, confirm_received, pay, ship, text};
use crate::support::{TestApp, on_each_database};

on_each_database!(fifty_rows_cost_as_many_statements_as_five);

/// How many more statements of one kind 45 more rows may take: rows that are ready at different moments are loaded in a
/// few parts. One per row would be 45.
const SLACK: usize = 5;
/// Levels of objects below a row.
const LEVELS: usize = 3;

async fn fifty_rows_cost_as_many_statements_as_five(app: &TestApp) {
    fill(app).await;
    let node = Counting::start(app).await;
    let types = Types::of(&node.shop).await;
    let mut complaints = Vec::new();
    for (list, of, token) in [
        ("products", "Product", demo::BUYER),
        ("suppliers", "Supplier", demo::BUYER),
        ("orders", "Order", demo::BUYER),
        ("orders", "Order", demo::SUPPLIER),
        ("orders", "Order", demo::OPERATOR),
        ("conversations", "Conversation", demo::BUYER),
        ("conversations", "Conversation", demo::STOREFRONT),
        ("orderEvents", "OrderEvent", demo::STOREFRONT),
        ("ledger", "Transfer", demo::OPERATOR),
        ("webhookDeliveries", "WebhookDelivery", demo::STOREFRONT),
    ] {
        for part in types.selections(of, LEVELS) {
            let query = format!("query($first: Int!) {{ {list}(first: $first) {{ nodes {part} }} }}");
            complaints.extend(compare(&node, (list, token), &query).await);
        }
    }
    node.stop().await;
    assert!(complaints.is_empty(), "{complaints:#?}");
}

async fn compare(node: &Counting, (list, token): (&str, &str), query: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let count = async |first: usize| {
        node.statements.lock().expect("not poisoned").clear();
        let data = node.shop.read(token, query, json!({ "first": first })).await;
        let rows = data[list]["nodes"].as_array().expect("nodes").len();
        (rows, std::mem::take(&mut *node.statements.lock().expect("not poisoned")))
    };
    let (few, many) = (count(5).await, count(50).await);
    assert_eq!(few.0, 5, "{list} of {token}");
    assert!(many.0 >= 10, "{list} of {token}: {} rows show nothing", many.0);
    assert!(!few.1.is_empty(), "the statements are counted");
    for (statement, times) in many.1 {
        let before = few.1.get(&statement).copied().unwrap_or(0);
        if times > before + SLACK {
            complaints.push(format!("{list} of {token}: {before} times for 5, {times} for {}: {statement}", many.0));
        }
    }
    complaints
}

/// Orders in every state, one of each among any five that follow each other, and conversations.
async fn fill(app: &TestApp) {
    let shop = Shop::of(app);
    let endpoint = "mutation { createWebhookEndpoint(input: { idempotencyKey: \"e\", url: \"http://127.0.0.1:9/\" }) {
        errors { message } } }";
    assert_eq!(shop.read(demo::STOREFRONT, endpoint, json!({})).await["createWebhookEndpoint"]["errors"], json!([]));
    let query = "{ products(first: 100, filter: { availableOnly: true }) { nodes { id minimumOrderQuantity supplier { id } } } }";
    let products = shop.read(demo::BUYER, query, json!({})).await["products"]["nodes"].take();
    let contact = "mutation($product: ID!, $supplier: ID!) { contactSupplier(input: { productId: $product,
        supplierId: $supplier, text: \"Do you have samples?\" }) { errors { message } } }";
    for number in 0..50 {
        let product = &products[number];
        let (id, quantity) = (text(&product["id"]), product["minimumOrderQuantity"].as_i64().expect("a number"));
        let asked = json!({ "product": id, "supplier": product["supplier"]["id"] });
        let data = shop.read(demo::BUYER, contact, asked).await;
        assert_eq!(data["contactSupplier"]["errors"], json!([]));
        let bought = text(&shop.done(&buy_now(&format!("{number}"), &id, quantity)).await["id"]);
        if number % 5 == 0 {
            continue;
        }
        shop.done(&confirm(&bought)).await;
        if number % 5 == 1 {
            continue;
        }
        let payment = shop.done(&pay(&bought, &format!("pay {number}"))).await;
        shop.decide(&text(&payment["nextAction"]["url"]), "approve").await.expect("an answer");
        if number % 5 == 2 {
            // The money comes too late, and goes back.
            shop.done(&cancel(&bought)).await;
        }
        app.drain().await;
        if number % 5 == 4 && number < 20 {
            shop.done(&ship(&bought)).await;
            shop.done(&confirm_received(&bought)).await;
        }
    }
    app.drain().await;
}

/// A statement without its columns and placeholders: the same for one row as for a list of them.
fn kind_of(sql: &str) -> String {
    let from = sql.find(" FROM ").map_or(sql, |start| &sql[start + 1..]);
    let words =
        from.split([' ', ',', '(', ')']).filter(|word| !word.is_empty() && *word != "?" && !word.starts_with('$'));
    words.collect::<Vec<_>>().join(" ")
}

/// Another node on the test's database, whose reading statements are counted.
pub(crate) struct Counting {
    pub(crate) shop: Shop,
    pub(crate) node: App,
    pub(crate) statements: Arc<Mutex<BTreeMap<String, usize>>>,
    stop: oneshot::Sender<Infallible>,
    server: JoinHandle<()>,
}

impl Counting {
    pub(crate) async fn start(app: &TestApp) -> Self {
        let App { settings, mut db, clock, .. } = app.another_node().await;
        let statements = Arc::new(Mutex::new(BTreeMap::new()));
        let counted = Arc::clone(&statements);
        db.read.set_metric_callback(move |metric| {
            let kind = kind_of(&metric.statement.sql);
            *counted.lock().expect("not poisoned").entry(kind).or_default() += 1;
        });
        let mut settings = (*settings).clone();
        settings.listen = "127.0.0.1:0".parse().expect("an address");
        // Everything that there is, of fifty rows.
        settings.limits.request_cost = 1_000_000;
        let listener = server::bind(&mut settings).await.expect("a free port");
        let node = App::new(settings, db, clock).expect("settings that can be used");
        let (stop, stopped) = oneshot::channel();
        let ordered = async move { drop(stopped.await) };
        let times = ShutdownTimes { linger: Duration::ZERO, ..ShutdownTimes::default() };
        let server = tokio::spawn(server::serve_until(node.clone(), listener, ordered, times));
        Self { shop: Shop::at(&node.settings.own_url()), node, statements, stop, server }
    }

    pub(crate) async fn stop(self) {
        drop(self.stop);
        drop(self.shop);
        self.server.await.expect("ends well");
        self.node.db.close().await;
    }
}

/// The object types of the schema, with their fields.
pub(crate) struct Types(pub(crate) BTreeMap<String, Value>);

impl Types {
    pub(crate) async fn of(shop: &Shop) -> Self {
        let query = "{ __schema { types { name kind possibleTypes { name } fields { name args { name type { kind } }
            type { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } }";
        let data = shop.read(demo::BUYER, query, json!({})).await;
        let types = data["__schema"]["types"].as_array().expect("types");
        Self(types.iter().map(|one| (text(&one["name"]), one.clone())).collect())
    }

    /// As [`Self::selection`], in parts that are within the limits of one document.
    pub(crate) fn selections(&self, name: &str, levels: usize) -> Vec<String> {
        let fields = self.0[name]["fields"].as_array().unwrap_or_else(|| panic!("{name} has no fields"));
        let mut parts: Vec<(usize, String)> = Vec::new();
        for field in fields.iter().filter_map(|field| self.field(field, levels)) {
            let words = field.split_whitespace().count();
            match parts.last_mut() {
                Some((count, part)) if *count + words < 600 => {
                    *count += words;
                    part.push_str(&field);
                    part.push(' ');
                }
                Some(_) | None => parts.push((words, format!("{field} "))),
            }
        }
        parts.into_iter().map(|(_count, part)| format!("{{ {part}}}")).collect()
    }

    /// Every field of a type, and of the types that it leads to, so many levels down.
    pub(crate) fn selection(&self, name: &str, levels: usize) -> String {
        let one = &self.0[name];
        if one["kind"] == "UNION" {
            let members = one["possibleTypes"].as_array().expect("members");
            let members = members.iter().map(|member| text(&member["name"]));
            let members = members.map(|member| format!("... on {member} {}", self.selection(&member, levels)));
            return format!("{{ {} }}", members.collect::<Vec<_>>().join(" "));
        }
        let fields = one["fields"].as_array().unwrap_or_else(|| panic!("{name} has no fields"));
        let fields: Vec<String> = fields.iter().filter_map(|field| self.field(field, levels)).collect();
        if fields.is_empty() { "{ __typename }".to_owned() } else { format!("{{ {} }}", fields.join(" ")) }
    }

    fn field(&self, field: &Value, levels: usize) -> Option<String> {
        let name = text(&field["name"]);
        let arguments = field["args"].as_array().expect("arguments");
        let mut of = &field["type"];
        while !of["ofType"].is_null() {
            of = &of["ofType"];
        }
        let (kind, of) = (text(&of["kind"]), text(&of["name"]));
        if kind == "SCALAR" || kind == "ENUM" {
            return Some(name);
        }
        if let Some(row) = of.strip_suffix("Connection") {
            let rows = if levels > 1 { self.selection(row, levels - 1) } else { "{ __typename }".to_owned() };
            return Some(format!("{name}(first: 3) {{ nodes {rows} pageInfo {{ endCursor }} }}"));
        }
        let required =
            arguments.iter().any(|argument| argument["type"]["kind"] == "NON_NULL" && argument["name"] == "id");
        if levels == 0 || required {
            return None;
        }
        Some(format!("{name} {}", self.selection(&of, levels - 1)))
    }
}

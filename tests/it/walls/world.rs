//! A shop with orders in many states, and what nobody else may read of it.

use std::collections::BTreeSet;

use secure_payment::party::demo;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::purchase::text;
use crate::support::steps::{address, first_product, press};

/// What is searched for in every answer to an outsider, besides all ids and numbers.
const WORDS: [&str; 13] = [
    "secret-endpoint",
    "Rua Secreta 77",
    "Vila Oculta",
    "TRACK-SECRET-1",
    "customer-secret-8",
    "PO-SECRET-9",
    "metadata-secret",
    "Are the secret samples ready?",
    "Secretly, yes.",
    "It arrived secretly broken.",
    "A secret proposal.",
    "The secret evidence.",
    "secret-photo.txt",
];

/// Whose the orders are: their tokens, and ids of whatever there is.
pub(super) struct World {
    pub(super) buyer: String,
    pub(super) buyer_id: String,
    pub(super) session: String,
    pub(super) supplier_id: String,
    pub(super) product: String,
    pub(super) storefront_id: String,
    pub(super) storefront_credential: String,
    /// Confirmed, not paid.
    pub(super) placed: String,
    pub(super) disputed: String,
    pub(super) completed: String,
    /// With a cancel request, and a refund of a part.
    pub(super) troubled: String,
    pub(super) number: String,
    pub(super) payment: String,
    pub(super) refund: String,
    pub(super) dispute: String,
    pub(super) proposal: String,
    pub(super) file: String,
    pub(super) payout: String,
    pub(super) conversation: String,
    pub(super) message: String,
    pub(super) endpoint: String,
}

/// A mutation that must be done: what it answers.
pub(super) async fn act(app: &TestApp, token: &str, name: &str, input: Value, fields: &str) -> Value {
    let kind = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
    let query =
        format!("mutation($input: {kind}!) {{ {name}(input: $input) {{ {fields} errors {{ code message path }} }} }}");
    let payload = app.data(token, &query, json!({ "input": input })).await[name].take();
    assert_eq!(payload["errors"], json!([]), "{name}: {payload:#}");
    payload
}

async fn placed(app: &TestApp, buyer: &str, product: &str, key: &str) -> String {
    let mut address = address();
    address["line1"] = json!("Rua Secreta 77");
    address["city"] = json!("Vila Oculta");
    let input = json!({ "idempotencyKey": key, "productId": product, "quantity": 20, "shippingAddress": address,
        "clientReference": format!("PO-SECRET-9 {key}"), "metadata": [{ "key": "k", "value": "metadata-secret" }] });
    let order = text(&act(app, buyer, "buyNow", input, "order { id }").await["order"]["id"]);
    act(app, buyer, "confirmOrder", json!({ "orderId": order, "contractVersion": 1 }), "order { id }").await;
    order
}

async fn funded(app: &TestApp, buyer: &str, product: &str, key: &str) -> String {
    let order = placed(app, buyer, product, key).await;
    let input = json!({ "idempotencyKey": format!("pay {key}"), "orderId": order, "method": "VISA" });
    let paid = act(app, buyer, "payOrder", input, "payment { nextAction { ... on RedirectAction { url } } }").await;
    press(app, &text(&paid["payment"]["nextAction"]["url"]), "approve").await;
    app.drain().await;
    order
}

async fn shipped(app: &TestApp, buyer: &str, product: &str, key: &str) -> String {
    let order = funded(app, buyer, product, key).await;
    let input = json!({ "orderId": order, "carrier": "DHL", "trackingNumber": "TRACK-SECRET-1" });
    act(app, demo::SUPPLIER, "shipOrder", input, "order { id }").await;
    order
}

/// A file's id.
async fn evidence(app: &TestApp, buyer: &str, order: &str) -> String {
    let input = json!({ "about": { "orderId": order }, "fileName": "secret-photo.txt", "mediaType": "text/plain",
        "byteSize": 5 });
    let upload = act(app, buyer, "createUpload", input, "upload { fileId url }").await["upload"].take();
    let put = app.http().put(text(&upload["url"])).header("content-type", "text/plain").body("bytes").send().await;
    assert_eq!(put.expect("an answer").status(), 201);
    let input = json!({ "orderId": order, "fileId": upload["fileId"], "text": "The secret evidence." });
    act(app, buyer, "addEvidence", input, "order { id }").await;
    text(&upload["fileId"])
}

/// Opens a dispute with a proposal: their ids.
async fn quarrel(app: &TestApp, buyer: &str, order: &str) -> (String, String) {
    let input = json!({ "orderId": order, "reason": "DAMAGED", "description": "It arrived secretly broken.",
        "goodsGoBack": false, "refundAmount": "10.00" });
    act(app, buyer, "openDispute", input, "order { id }").await;
    let input =
        json!({ "orderId": order, "goodsGoBack": false, "refundAmount": "5.00", "message": "A secret proposal." });
    act(app, demo::SUPPLIER, "proposeSettlement", input, "order { id }").await;
    let query = "query($id: ID!) { order(id: $id) { dispute { id proposals { id } } } }";
    let dispute = app.data(buyer, query, json!({ "id": order })).await["order"]["dispute"].take();
    let proposals = dispute["proposals"].as_array().expect("proposals");
    (text(&dispute["id"]), text(&proposals.last().expect("one")["id"]))
}

pub(super) async fn fill(app: &TestApp) -> World {
    let product = first_product(app).await;
    let (supplier_id, product) = (text(&product["supplier"]["id"]), text(&product["id"]));
    let input = json!({ "buyerReference": "customer-secret-8" });
    let fields = "session { token buyer { id } credential { id } }";
    let session = act(app, demo::STOREFRONT, "createBuyerSession", input, fields).await["session"].take();
    let buyer = text(&session["token"]);
    let storefront = app.data(demo::STOREFRONT, "{ viewer { storefront { id } credential { id } } }", json!({})).await;

    let input = json!({ "supplierId": supplier_id, "productId": product, "text": "Are the secret samples ready?" });
    let begun = act(app, &buyer, "contactSupplier", input, "conversation { id }").await;
    let conversation = text(&begun["conversation"]["id"]);
    let input = json!({ "conversationId": conversation, "text": "Secretly, yes." });
    let message = text(&act(app, demo::SUPPLIER, "sendMessage", input, "message { id }").await["message"]["id"]);
    let input = json!({ "idempotencyKey": "world", "url": "http://127.0.0.1:9/secret-endpoint", "description": "secret endpoint" });
    let made = act(app, demo::STOREFRONT, "createWebhookEndpoint", input, "endpoint { id } secret").await;
    let endpoint = text(&made["endpoint"]["id"]);

    let unpaid = placed(app, &buyer, &product, "placed").await;
    let disputed = shipped(app, &buyer, &product, "disputed").await;
    let (dispute, proposal) = quarrel(app, &buyer, &disputed).await;
    let file = evidence(app, &buyer, &disputed).await;
    let account = json!({ "accountHolder": "Ana", "country": "DE", "iban": "DE89370400440532013000" });
    act(app, &buyer, "provideRefundAccount", json!({ "orderId": disputed, "account": account }), "order { id }").await;
    let completed = shipped(app, &buyer, &product, "completed").await;
    act(app, &buyer, "confirmReceived", json!({ "orderId": completed }), "order { id }").await;
    let troubled = funded(app, &buyer, &product, "troubled").await;
    let input = json!({ "idempotencyKey": "refund", "orderId": troubled, "amount": "8.00" });
    act(app, demo::SUPPLIER, "refundOrder", input, "order { id }").await;
    act(app, &buyer, "cancelRequest", json!({ "orderId": troubled, "reason": "No need." }), "order { id }").await;
    app.drain().await;
    let query = "query($id: ID!) { order(id: $id) { number payments { id } refunds { id } } }";
    let order = app.data(buyer.as_str(), query, json!({ "id": troubled })).await["order"].take();
    let payouts = app.data(demo::SUPPLIER, "{ payouts(first: 1) { nodes { id } } }", json!({})).await;
    World {
        buyer_id: text(&session["buyer"]["id"]),
        session: text(&session["credential"]["id"]),
        storefront_id: text(&storefront["viewer"]["storefront"]["id"]),
        storefront_credential: text(&storefront["viewer"]["credential"]["id"]),
        number: text(&order["number"]),
        payment: text(&order["payments"][0]["id"]),
        refund: text(&order["refunds"][0]["id"]),
        payout: text(&payouts["payouts"]["nodes"][0]["id"]),
        placed: unpaid,
        buyer,
        supplier_id,
        product,
        disputed,
        completed,
        troubled,
        dispute,
        proposal,
        file,
        conversation,
        message,
        endpoint,
    }
}

/// All that the answers to those whose it is hold, and that nobody else may read: ids, numbers, masks, and the words above.
pub(super) fn secrets(world: &World, views: &Value) -> BTreeSet<String> {
    let mut found: BTreeSet<String> = WORDS.map(str::to_owned).into();
    found.extend([&world.buyer_id, &world.session, &world.storefront_credential, &world.file].map(Clone::clone));
    found.insert(world.payout.clone());
    let printed = views.to_string();
    let words = printed.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    found.extend(words.filter(|word| is_private_id(word)).map(str::to_owned));
    collect(views, &mut found);
    // What the words are worth if nothing showed them to their owners.
    for word in WORDS {
        assert!(printed.contains(word), "the shop doesn't show: {word}");
    }
    found
}

/// The catalogue is everybody's, and a storefront's id is its buyers'.
fn is_private_id(word: &str) -> bool {
    let Some((kind, id)) = word.rsplit_once('_') else { return false };
    id.len() == 26 && id.starts_with("01") && !matches!(kind, "supplier" | "product" | "storefront")
}

fn collect(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if let ("number" | "mask" | "hash", Some(text)) = (name.as_str(), member.as_str()) {
                    found.insert(text.to_owned());
                }
                collect(member, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

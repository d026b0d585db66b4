//! Relay's rule: everything with an id is a node, for whoever may see it, and for nobody else.

use entity::reconciliation_break::BreakKind;
use entity::{
    BreakId, cancel_request, chargeback, contract, conversation, credential, dispute, event, evidence, feedback, file,
    message, notification, operator, payment, payout, payout_account, proposal, receipt, reconciliation_break, refund,
    refund_account, shipment, transfer,
};
use ground::setting::Mode;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};
use secure_payment::graphql;
use secure_payment::party::demo;
use serde_json::{Value, json};

use crate::support::events::{applied, captured};
use crate::support::steps::{done, first_product, funded, mutate, order_step, shipped};
use crate::support::trouble::provide_account;
use crate::support::{TestApp, on_each_database};

on_each_database!(each_node_is_found_by_who_may_see_it_and_by_nobody_else);

#[tokio::test]
async fn whatever_has_an_id_is_a_node() {
    let query = "{ __schema { types { name interfaces { name } fields { name type { kind ofType { name } } } } } }";
    for mode in [Mode::Sandbox, Mode::Live] {
        let answer = graphql::build(mode).execute(query).await.data.into_json().expect("JSON");
        let types = answer["__schema"]["types"].as_array().expect("types");
        let has_id = |of: &&Value| {
            let id = json!({ "name": "id", "type": { "kind": "NON_NULL", "ofType": { "name": "ID" } } });
            of["name"] != "Node" && of["fields"].as_array().is_some_and(|fields| fields.contains(&id))
        };
        let others: Vec<_> = types
            .iter()
            .filter(has_id)
            .filter(|of| of["interfaces"] != json!([{ "name": "Node" }]))
            .map(|of| of["name"].clone())
            .collect();
        assert!(others.is_empty(), "a line in graphql/node.rs is missing: {others:?}");
        assert!(types.iter().filter(has_id).count() >= 28);
    }
}

/// Who sees it: the buyer, the supplier, the storefront, the operator.
const ALL: [bool; 4] = [true; 4];
const NOT_THE_SUPPLIER: [bool; 4] = [true, false, true, true];
const OPERATORS: [bool; 4] = [false, false, false, true];

/// The id of any row there is.
macro_rules! any {
    ($app:ident, $entity:ident) => {
        any!($app, $entity::Entity::find())
    };
    ($app:ident, $query:expr) => {
        $query
            .one(&$app.db().read)
            .await
            .expect("reads")
            .unwrap_or_else(|| panic!("no row: {}", stringify!($query)))
            .id
            .to_string()
    };
}

async fn each_node_is_found_by_who_may_see_it_and_by_nobody_else(app: &TestApp) {
    let order = everything(app).await;
    let viewer = "{ viewer { storefront { id } buyer { id } supplier { id } operator { id } } }";
    let own = async |token: &str, part: &str| {
        let found = app.data(token, viewer, json!({})).await["viewer"][part]["id"].take();
        found.as_str().unwrap_or_else(|| panic!("{part}")).to_owned()
    };
    let supplier_id = own(demo::SUPPLIER, "supplier").await;
    let product = first_product(app).await["id"].as_str().expect("an id").to_owned();
    let kinds = [
        ("Buyer", own(demo::BUYER, "buyer").await, NOT_THE_SUPPLIER),
        ("CancelRequest", any!(app, cancel_request), ALL),
        ("Chargeback", any!(app, chargeback), ALL),
        ("Contract", any!(app, contract), ALL),
        ("Conversation", any!(app, conversation), ALL),
        (
            "Credential",
            any!(
                app,
                credential::Entity::find().filter(
                    credential::Column::SupplierId.eq(supplier_id.parse::<entity::SupplierId>().expect("an id"))
                )
            ),
            [false, true, false, true],
        ),
        ("Dispute", any!(app, dispute), ALL),
        ("Evidence", any!(app, evidence), ALL),
        ("Feedback", any!(app, feedback), ALL),
        ("File", any!(app, file), ALL),
        ("Message", any!(app, message), ALL),
        ("Notification", any!(app, notification), OPERATORS),
        ("Operator", any!(app, operator), OPERATORS),
        ("Order", order, ALL),
        ("OrderEvent", any!(app, event), ALL),
        ("Payment", any!(app, payment), ALL),
        ("Payout", any!(app, payout), [false, true, false, true]),
        ("PayoutAccount", payout_account_of(app, &supplier_id).await, [false, true, false, false]),
        ("Product", product, ALL),
        ("Proposal", any!(app, proposal), ALL),
        ("ReconciliationBreak", any!(app, reconciliation_break), OPERATORS),
        ("Refund", any!(app, refund), ALL),
        ("RefundAccount", any!(app, refund_account), NOT_THE_SUPPLIER),
        ("Shipment", any!(app, shipment), ALL),
        ("Storefront", own(demo::STOREFRONT, "storefront").await, NOT_THE_SUPPLIER),
        ("Supplier", supplier_id, ALL),
        ("Transfer", any!(app, transfer), OPERATORS),
        ("UnappliedFunds", any!(app, receipt), ALL),
    ];
    let ids: Vec<&str> = kinds.iter().map(|(_, id, _)| id.as_str()).collect();
    let seen = async |token: Option<&str>| {
        let query = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }";
        let answer = app.graphql(token, query, json!({ "ids": ids })).await;
        assert_eq!(answer["errors"], Value::Null, "{answer:#}");
        answer["data"]["nodes"].as_array().expect("nodes").clone()
    };
    for (place, token) in [demo::BUYER, demo::SUPPLIER, demo::STOREFRONT, demo::OPERATOR].into_iter().enumerate() {
        for (node, (kind, id, by)) in seen(Some(token)).await.into_iter().zip(&kinds) {
            let wanted = if by[place] { json!({ "__typename": kind, "id": id }) } else { Value::Null };
            assert_eq!(node, wanted, "{kind} for {token}");
        }
    }
    let strangers = strangers(app).await;
    for token in strangers.iter().map(|token| Some(token.as_str())).chain([None]) {
        for (node, (kind, _id, _by)) in seen(token).await.into_iter().zip(&kinds) {
            // A buyer of the same storefront knows the storefront; the catalogue is everybody's.
            let may = matches!(*kind, "Product" | "Supplier")
                || (*kind == "Storefront" && token == Some(strangers[0].as_str()));
            assert_eq!(!node.is_null(), may, "{kind} for {token:?}: {node}");
        }
    }
}

async fn payout_account_of(app: &TestApp, supplier_id: &str) -> String {
    let supplier_id: entity::SupplierId = supplier_id.parse().expect("an id");
    any!(app, payout_account::Entity::find().filter(payout_account::Column::SupplierId.eq(supplier_id)))
}

/// Another buyer of the same storefront, another storefront and its buyer, and another supplier.
async fn strangers(app: &TestApp) -> [String; 4] {
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned();
    let session = "mutation { createBuyerSession(input: { buyerReference: \"stranger\" }) { session { token } } }";
    let buyer = async |storefront: &str| {
        text(&app.data(storefront, session, json!({})).await["createBuyerSession"]["session"]["token"])
    };
    let credential = async |role: &str, id: &Value| {
        let input = json!({ "role": role, "subjectId": id, "label": "x" });
        text(&mutate(app, demo::OPERATOR, "createCredential", "CreateCredentialInput", input, "token").await["token"])
    };
    let made = "mutation { createStorefront(input: { name: \"Other\" }) { storefront { id } }
        createSupplier(input: { name: \"Other\", country: \"DE\", city: \"Ulm\" }) { supplier { id } } }";
    let made = app.data(demo::OPERATOR, made, json!({})).await;
    let storefront = credential("STOREFRONT", &made["createStorefront"]["storefront"]["id"]).await;
    let supplier = credential("SUPPLIER", &made["createSupplier"]["supplier"]["id"]).await;
    [buyer(demo::STOREFRONT).await, buyer(&storefront).await, storefront, supplier]
}

/// One of each kind, all of the demo buyer's and supplier's.
async fn everything(app: &TestApp) -> String {
    let product = first_product(app).await;
    let quarrel = shipped(app, "quarrel").await;
    let talk = json!({ "supplierId": product["supplier"]["id"], "orderId": quarrel, "text": "It came" });
    let talk = mutate(
        app,
        demo::BUYER,
        "contactSupplier",
        "ContactSupplierInput",
        talk,
        "conversation { messages { nodes { id } } }",
    )
    .await;
    let message = talk["conversation"]["messages"]["nodes"][0]["id"].clone();
    let input = json!({ "orderId": quarrel, "reason": "DAMAGED", "description": "x", "refundAmount": "1.00", "goodsGoBack": false });
    done(order_step(app, demo::BUYER, "openDispute", input).await);
    let input =
        json!({ "about": { "orderId": quarrel }, "fileName": "a.txt", "mediaType": "text/plain", "byteSize": 1 });
    let staged = mutate(app, demo::BUYER, "createUpload", "CreateUploadInput", input, "upload { fileId url }").await;
    let url = staged["upload"]["url"].as_str().expect("a URL").to_owned();
    app.http().put(url).header("content-type", "text/plain").body("x").send().await.expect("an answer");
    let input = json!({ "orderId": quarrel, "fileId": staged["upload"]["fileId"], "messageIds": [message] });
    done(order_step(app, demo::BUYER, "addEvidence", input).await);

    let received = shipped(app, "received").await;
    done(order_step(app, demo::BUYER, "confirmReceived", json!({ "orderId": received })).await);
    let input = json!({ "orderId": received, "productAsAgreed": 5, "communication": 5, "shippingTime": 5 });
    mutate(app, demo::BUYER, "leaveFeedback", "LeaveFeedbackInput", input, "errors { code }").await;

    let asked = funded(app, "asked").await;
    let input = json!({ "orderId": asked, "reason": "Too late" });
    done(mutate(app, demo::BUYER, "cancelRequest", "CancelRequestInput", input, crate::support::steps::ORDER).await);
    let back = funded(app, "back").await;
    let input = json!({ "orderId": back, "amount": "1.00", "idempotencyKey": "back" });
    done(order_step(app, demo::SUPPLIER, "refundOrder", input).await);
    provide_account(app, &back).await;

    let taken = funded(app, "taken").await;
    let payments = "query($id: ID!) { order(id: $id) { payments { id } } }";
    let payment = app.data(demo::BUYER, payments, json!({ "id": taken })).await["order"]["payments"][0]["id"].take();
    let payment = payment.as_str().expect("an id");
    applied(app, demo::BUYER, captured(payment, Some("5.00"))).await;
    applied(app, demo::BUYER, json!({ "type": "CHARGEBACK_OPENED", "paymentId": payment })).await;
    app.drain().await;

    let now = app.clock().now();
    let found = reconciliation_break::Model {
        id: BreakId(app.clock().new_id()),
        provider: String::new(),
        day: "2026-11-22".to_owned(),
        kind: BreakKind::BooksDiffer,
        subject: "a test".to_owned(),
        ours: None,
        theirs: None,
        currency: None,
        detail: "a test".to_owned(),
        found_at: now,
        resolved_at: Some(now),
        settled_by: None,
    };
    let made = found.into_active_model().reset_all();
    let transaction = app.db().begin_write().await.expect("begins");
    reconciliation_break::Entity::insert(made).exec_without_returning(&transaction).await.expect("is written");
    transaction.commit().await.expect("commits");
    quarrel
}

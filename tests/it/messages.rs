//! Conversations: who writes, what is attached, what is unread, and what of it becomes evidence.

use secure_payment::party::demo;
use serde_json::{Value, json};

use crate::support::steps::{address, confirmed, done, draft, first_product, mutate, order_step, refused, shipped};
use crate::support::{TestApp, on_each_database};

on_each_database!(
    files_are_sent_with_messages_and_read_by_who_reads_those,
    a_file_goes_with_one_message_of_whom_it_is,
    what_is_unread_is_counted_for_each_side,
    conversations_stand_in_the_order_of_their_last_message,
    a_supplier_begins_about_its_own_order,
    the_same_message_is_written_once,
    messages_are_cited_as_evidence,
    nobody_cites_a_strangers_message,
    a_draft_is_talked_about_changed_and_confirmed,
);

const CONVERSATION: &str = "conversation { id orderId unreadCount lastReadMessageId
    messages(first: 100) { nodes { id sender text conversationId attachments { id fileName url } } } }
    errors { code message path }";
const MESSAGE: &str = "message { id text conversationId attachments { id fileName url } } errors { code message path }";

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// The supplier that sells what the demo buyer buys.
async fn supplier(app: &TestApp) -> Value {
    first_product(app).await["supplier"]["id"].take()
}

async fn contact(app: &TestApp, token: &str, input: Value) -> Value {
    mutate(app, token, "contactSupplier", "ContactSupplierInput", input, CONVERSATION).await
}

/// The conversation as it was answered; the contact must have been made.
async fn contacted(app: &TestApp, input: Value) -> Value {
    let mut answer = contact(app, demo::BUYER, input).await;
    assert_eq!(answer["errors"], json!([]), "{answer:#}");
    answer["conversation"].take()
}

async fn send(app: &TestApp, token: &str, input: Value) -> Value {
    mutate(app, token, "sendMessage", "SendMessageInput", input, MESSAGE).await
}

async fn sent(app: &TestApp, token: &str, conversation: &Value, text: &str) -> Value {
    let mut answer = send(app, token, json!({ "conversationId": conversation, "text": text })).await;
    assert_eq!(answer["errors"], json!([]), "{answer:#}");
    answer["message"].take()
}

async fn stage(app: &TestApp, token: &str, about: Value, content: &str) -> Value {
    let input = json!({ "about": about, "fileName": "note.txt", "mediaType": "text/plain", "byteSize": content.len() });
    let fields = "upload { fileId url } errors { code message path }";
    mutate(app, token, "createUpload", "CreateUploadInput", input, fields).await
}

/// A file that was sent and is attached to nothing; its id.
async fn uploaded(app: &TestApp, token: &str, about: Value, content: &str) -> Value {
    let mut staged = stage(app, token, about, content).await;
    assert_eq!(staged["errors"], json!([]), "{staged:#}");
    let url = text(&staged["upload"]["url"]);
    let put = app.http().put(url).header("content-type", "text/plain").body(content.to_owned());
    assert_eq!(put.send().await.expect("an answer").status(), 201);
    staged["upload"]["fileId"].take()
}

async fn fetched(app: &TestApp, token: &str, file: &Value) -> (u16, String) {
    let get = app.http().get(app.url(&format!("/files/{}", text(file)))).bearer_auth(token);
    let answer = get.send().await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("a body"))
}

/// Another buyer of the same storefront, and another supplier.
async fn strangers(app: &TestApp) -> [String; 2] {
    let session = "mutation { createBuyerSession(input: { buyerReference: \"stranger\" }) { session { token } } }";
    let buyer = text(&app.data(demo::STOREFRONT, session, json!({})).await["createBuyerSession"]["session"]["token"]);
    let made =
        "mutation { createSupplier(input: { name: \"Other\", country: \"DE\", city: \"Ulm\" }) { supplier { id } } }";
    let made = app.data(demo::OPERATOR, made, json!({})).await["createSupplier"]["supplier"]["id"].take();
    let input = json!({ "role": "SUPPLIER", "subjectId": made, "label": "x" });
    let supplier = mutate(app, demo::OPERATOR, "createCredential", "CreateCredentialInput", input, "token").await;
    [buyer, text(&supplier["token"])]
}

async fn files_are_sent_with_messages_and_read_by_who_reads_those(app: &TestApp) {
    let supplier = supplier(app).await;
    let sketch = uploaded(app, demo::BUYER, json!({ "supplierId": supplier }), "a sketch").await;
    let first = contacted(app, json!({ "supplierId": supplier, "attachmentIds": [sketch] })).await;
    let message = &first["messages"]["nodes"][0];
    assert_eq!((&message["text"], &message["attachments"][0]["id"]), (&json!(""), &sketch), "{first:#}");
    assert_eq!(message["conversationId"], first["id"]);

    let about = json!({ "conversationId": first["id"] });
    let mut files = Vec::new();
    for number in 0..3 {
        files.push(uploaded(app, demo::SUPPLIER, about.clone(), &format!("page {number}")).await);
    }
    files.swap(0, 2);
    assert_eq!(fetched(app, demo::SUPPLIER, &files[0]).await.0, 404, "it is part of no message yet");
    let input = json!({ "conversationId": first["id"], "text": "Our offer", "attachmentIds": files });
    let answer = send(app, demo::SUPPLIER, input).await;
    let shown: Vec<_> =
        answer["message"]["attachments"].as_array().expect("files").iter().map(|file| &file["id"]).collect();
    assert_eq!(shown, files.iter().collect::<Vec<_>>(), "in the order in which they were named");
    for token in [demo::BUYER, demo::SUPPLIER, demo::STOREFRONT, demo::OPERATOR] {
        assert_eq!(fetched(app, token, &files[0]).await, (200, "page 2".to_owned()), "{token}");
        assert_eq!(fetched(app, token, &sketch).await, (200, "a sketch".to_owned()), "{token}");
    }
    for stranger in strangers(app).await {
        assert_eq!(fetched(app, &stranger, &files[0]).await.0, 404);
        refused(&stage(app, &stranger, about.clone(), "x").await, "NOT_FOUND");
    }
    refused(&stage(app, demo::OPERATOR, about.clone(), "x").await, "NOT_PERMITTED");
    refused(&stage(app, demo::SUPPLIER, json!({ "supplierId": supplier }), "x").await, "NOT_PERMITTED");

    // Neither a text nor a file.
    let empty = send(app, demo::BUYER, json!({ "conversationId": first["id"], "text": " " })).await;
    refused(&empty, "INVALID_INPUT");
    let many: Vec<_> = (0..11).map(|_| files[0].clone()).collect();
    let many = send(app, demo::BUYER, json!({ "conversationId": first["id"], "attachmentIds": many })).await;
    assert_eq!(many["errors"][0]["path"], json!(["input", "attachmentIds"]), "{many:#}");
}

async fn a_file_goes_with_one_message_of_whom_it_is(app: &TestApp) {
    let (order, supplier) = (confirmed(app, "k").await, supplier(app).await);
    let talk = contacted(app, json!({ "supplierId": supplier, "orderId": order, "text": "Hello" })).await;
    let other = contacted(app, json!({ "supplierId": supplier, "text": "Something else" })).await;
    let own = uploaded(app, demo::BUYER, json!({ "orderId": order }), "of the order").await;
    let theirs = uploaded(app, demo::SUPPLIER, json!({ "conversationId": talk["id"] }), "theirs").await;
    let elsewhere = uploaded(app, demo::BUYER, json!({ "conversationId": other["id"] }), "elsewhere").await;
    let unsent = stage(app, demo::BUYER, json!({ "conversationId": talk["id"] }), "x").await["upload"]["fileId"].take();
    let with = async |files: Value| {
        send(app, demo::BUYER, json!({ "conversationId": talk["id"], "text": "See", "attachmentIds": files })).await
    };
    let answer = with(json!([own, theirs, elsewhere, unsent])).await;
    let problems: Vec<_> =
        answer["errors"].as_array().expect("errors").iter().map(|e| (&e["code"], &e["path"][2])).collect();
    let (missing, invalid) = (json!("NOT_FOUND"), json!("INVALID_INPUT"));
    assert_eq!(problems, [(&missing, &json!("1")), (&missing, &json!("2")), (&invalid, &json!("3"))], "{answer:#}");
    // Nothing of it was written: the good one is still free.
    assert_eq!(with(json!([own])).await["errors"], json!([]));
    assert_eq!(with(json!([own])).await["errors"][0]["code"], "INVALID_INPUT", "it is part of a message already");
    let evidence = order_step(app, demo::BUYER, "addEvidence", json!({ "orderId": order, "fileId": own })).await;
    assert_ne!(evidence["errors"], json!([]));
}

async fn unread(app: &TestApp, token: &str) -> Vec<(String, Value)> {
    let query = "{ conversations(filter: { unreadOnly: true }) { nodes { id unreadCount } } }";
    let data = app.data(token, query, json!({})).await;
    let rows = data["conversations"]["nodes"].as_array().expect("rows").iter();
    rows.map(|row| (text(&row["id"]), row["unreadCount"].clone())).collect()
}

async fn what_is_unread_is_counted_for_each_side(app: &TestApp) {
    let talk = contacted(app, json!({ "supplierId": supplier(app).await, "text": "One" })).await;
    let id = talk["id"].clone();
    assert_eq!((&talk["unreadCount"], &talk["lastReadMessageId"]), (&json!(0), &talk["messages"]["nodes"][0]["id"]));
    assert_eq!(unread(app, demo::SUPPLIER).await, [(text(&id), json!(1))]);
    assert_eq!(unread(app, demo::BUYER).await, []);
    let mut answers = Vec::new();
    for number in 0..4 {
        answers.push(sent(app, demo::SUPPLIER, &id, &format!("answer {number}")).await["id"].clone());
    }
    assert_eq!(unread(app, demo::SUPPLIER).await, [], "who answers has read it");
    assert_eq!(unread(app, demo::BUYER).await, [(text(&id), json!(4))]);

    let mark = async |token: &str, message: &Value| {
        let input = json!({ "conversationId": id, "lastReadMessageId": message });
        mutate(app, token, "markConversationRead", "MarkConversationReadInput", input, CONVERSATION).await
    };
    assert_eq!(mark(demo::BUYER, &answers[1]).await["conversation"]["unreadCount"], 2);
    let back = mark(demo::BUYER, &answers[0]).await;
    assert_eq!(back["conversation"]["unreadCount"], 2, "a marker never goes back: {back:#}");
    assert_eq!(back["conversation"]["lastReadMessageId"], answers[1]);
    assert_eq!(unread(app, demo::BUYER).await, [(text(&id), json!(2))]);
    assert_eq!(mark(demo::BUYER, &answers[3]).await["conversation"]["unreadCount"], 0);
    assert_eq!(unread(app, demo::BUYER).await, []);

    // Who reads along has no marker.
    for token in [demo::STOREFRONT, demo::OPERATOR] {
        assert_eq!(unread(app, token).await, []);
        refused(&mark(token, &answers[3]).await, "NOT_PERMITTED");
        let seen =
            app.data(token, "query($id: ID!) { conversation(id: $id) { unreadCount } }", json!({ "id": id })).await;
        assert_eq!(seen["conversation"]["unreadCount"], Value::Null);
    }
    let [stranger, _supplier] = strangers(app).await;
    refused(&mark(&stranger, &answers[3]).await, "NOT_FOUND");
    let other = contacted(
        app,
        json!({ "supplierId": supplier(app).await, "productId": first_product(app).await["id"], "text": "Two" }),
    )
    .await;
    let foreign = mark(demo::BUYER, &other["messages"]["nodes"][0]["id"]).await;
    refused(&foreign, "NOT_FOUND");
    assert_eq!(foreign["errors"][0]["path"], json!(["input", "lastReadMessageId"]));
}

async fn conversations_stand_in_the_order_of_their_last_message(app: &TestApp) {
    let products = "{ products(first: 5) { nodes { id supplier { id } } } }";
    let products = app.data(None, products, json!({})).await["products"]["nodes"].take();
    let mut ids = Vec::new();
    for product in products.as_array().expect("products") {
        let input = json!({ "supplierId": product["supplier"]["id"], "productId": product["id"], "text": "Hello" });
        ids.push(contacted(app, input).await["id"].clone());
    }
    let page = async |after: &Value| {
        let query = "query($after: String) { conversations(first: 2, after: $after) { nodes { id } pageInfo { endCursor hasNextPage } } }";
        app.data(demo::BUYER, query, json!({ "after": after })).await["conversations"].take()
    };
    sent(app, demo::BUYER, &ids[0], "Once more").await;
    let first = page(&Value::Null).await;
    assert_eq!(first["nodes"], json!([{ "id": ids[0] }, { "id": ids[4] }]));
    // What is written in between moves to the front, and nothing behind the cursor is lost or told twice.
    sent(app, demo::BUYER, &ids[2], "In between").await;
    let second = page(&first["pageInfo"]["endCursor"]).await;
    assert_eq!(second["nodes"], json!([{ "id": ids[3] }, { "id": ids[1] }]));
    assert_eq!(second["pageInfo"]["hasNextPage"], false);
    assert_eq!(page(&Value::Null).await["nodes"][0]["id"], ids[2]);
}

async fn a_supplier_begins_about_its_own_order(app: &TestApp) {
    let order = shipped(app, "k").await;
    done(order_step(app, demo::BUYER, "confirmReceived", json!({ "orderId": order })).await);
    let write = async |token: &str, input: Value| {
        mutate(app, token, "contactBuyer", "ContactBuyerInput", input, CONVERSATION).await
    };
    let input = json!({ "orderId": order, "text": "Was all well?" });
    let begun = write(demo::SUPPLIER, input.clone()).await;
    assert_eq!(begun["errors"], json!([]), "also when it is completed: {begun:#}");
    let talk = &begun["conversation"];
    assert_eq!((&talk["orderId"], &talk["messages"]["nodes"][0]["sender"]), (&json!(order), &json!("SUPPLIER")));
    let answer = contacted(app, json!({ "supplierId": supplier(app).await, "orderId": order, "text": "Yes" })).await;
    assert_eq!(answer["id"], talk["id"], "it is the same conversation");
    let seen = app
        .data(demo::BUYER, "query($id: ID!) { order(id: $id) { conversations { id } } }", json!({ "id": order }))
        .await;
    assert_eq!(seen["order"]["conversations"], json!([{ "id": talk["id"] }]));
    refused(&write(demo::BUYER, input.clone()).await, "NOT_PERMITTED");
    let [_buyer, other] = strangers(app).await;
    refused(&write(&other, input).await, "NOT_FOUND");
}

async fn the_same_message_is_written_once(app: &TestApp) {
    let talk = contacted(app, json!({ "supplierId": supplier(app).await, "text": "Hello" })).await["id"].take();
    let file = uploaded(app, demo::BUYER, json!({ "conversationId": talk }), "once").await;
    let input = json!({ "conversationId": talk, "text": "Once", "attachmentIds": [file], "idempotencyKey": "m" });
    let calls = (0..8).map(|_| send(app, demo::BUYER, input.clone()));
    let answers = futures_util::future::join_all(calls).await;
    for answer in &answers {
        assert_eq!((&answer["errors"], answer), (&json!([]), &answers[0]));
    }
    let other = json!({ "conversationId": talk, "text": "Twice", "idempotencyKey": "m" });
    refused(&send(app, demo::BUYER, other).await, "IDEMPOTENCY_KEY_REUSED");
    let input = json!({ "supplierId": supplier(app).await, "text": "Hello again", "idempotencyKey": "c" });
    assert_eq!(contacted(app, input.clone()).await, contacted(app, input).await);
    let seen = app
        .data(
            demo::BUYER,
            "query($id: ID!) { conversation(id: $id) { messages { nodes { text } } } }",
            json!({ "id": talk }),
        )
        .await;
    let texts = json!([{ "text": "Hello" }, { "text": "Once" }, { "text": "Hello again" }]);
    assert_eq!(seen["conversation"]["messages"]["nodes"], texts);
    assert_eq!(unread(app, demo::SUPPLIER).await, [(text(&talk), json!(3))]);
}

/// A disputed order, and the conversation about it.
async fn quarrel(app: &TestApp) -> (String, Value) {
    let order = shipped(app, "k").await;
    let talk = contacted(app, json!({ "supplierId": supplier(app).await, "orderId": order, "text": "It came" })).await;
    let input = json!({ "orderId": order, "reason": "DAMAGED", "description": "Dented", "refundAmount": "10.00", "goodsGoBack": false });
    let answer = order_step(app, demo::BUYER, "openDispute", input).await;
    assert_eq!(answer["errors"], json!([]), "{answer:#}");
    (order, talk)
}

async fn messages_are_cited_as_evidence(app: &TestApp) {
    let (order, talk) = quarrel(app).await;
    let photo = uploaded(app, demo::SUPPLIER, json!({ "conversationId": talk["id"] }), "as packed").await;
    let input = json!({ "conversationId": talk["id"], "text": "It left us whole", "attachmentIds": [photo] });
    let said = send(app, demo::SUPPLIER, input).await["message"]["id"].take();
    let first = &talk["messages"]["nodes"][0]["id"];
    let cite = json!({ "orderId": order, "messageIds": [said, first], "idempotencyKey": "e" });
    for _ in 0..2 {
        done(order_step(app, demo::SUPPLIER, "addEvidence", cite.clone()).await);
    }
    // The operator may cite too.
    done(order_step(app, demo::OPERATOR, "addEvidence", json!({ "orderId": order, "messageIds": [first] })).await);
    let query = "query($id: ID!) { order(id: $id) { evidence { author text file { id }
        messages { id text sender attachments { id } } } events(first: 100) { nodes { type summary data } } } }";
    for token in [demo::BUYER, demo::SUPPLIER, demo::STOREFRONT, demo::OPERATOR] {
        let seen = app.data(token, query, json!({ "id": order })).await["order"].take();
        let pieces = seen["evidence"].as_array().expect("pieces");
        assert_eq!(pieces.len(), 2, "{token}: {seen:#}");
        let cited = json!([{ "id": said, "text": "It left us whole", "sender": "SUPPLIER", "attachments": [{ "id": photo }] },
            { "id": first, "text": "It came", "sender": "BUYER", "attachments": [] }]);
        assert_eq!((&pieces[0]["messages"], &pieces[0]["author"]), (&cited, &json!("SUPPLIER")), "in their order");
        assert_eq!(pieces[1]["messages"][0]["id"], *first);
        let events = seen["events"]["nodes"].as_array().expect("events");
        let added = events.iter().find(|event| event["type"] == "evidence.added").expect("in the timeline");
        assert_eq!((&added["data"]["messages"], &added["data"]["text"]), (&json!(2), &Value::Null), "{added:#}");
        assert_eq!(fetched(app, token, &photo).await.0, 200);
    }
}

async fn nobody_cites_a_strangers_message(app: &TestApp) {
    let (order, talk) = quarrel(app).await;
    let [stranger, _supplier] = strangers(app).await;
    let input = json!({ "supplierId": supplier(app).await, "text": "Between us" });
    let foreign = contact(app, &stranger, input).await["conversation"]["messages"]["nodes"][0]["id"].take();
    let own = &talk["messages"]["nodes"][0]["id"];
    for token in [demo::BUYER, demo::SUPPLIER, demo::OPERATOR] {
        let answer =
            order_step(app, token, "addEvidence", json!({ "orderId": order, "messageIds": [own, foreign] })).await;
        refused(&answer, "NOT_FOUND");
        assert_eq!(answer["errors"][0]["path"], json!(["input", "messageIds", "1"]), "{token}");
    }
    let twice =
        order_step(app, demo::BUYER, "addEvidence", json!({ "orderId": order, "messageIds": [own, own] })).await;
    refused(&twice, "INVALID_INPUT");
    let many: Vec<_> = (0..21).map(|_| own.clone()).collect();
    let many = order_step(app, demo::BUYER, "addEvidence", json!({ "orderId": order, "messageIds": many })).await;
    assert_eq!(many["errors"][0]["path"], json!(["input", "messageIds"]));
    let none = order_step(app, demo::BUYER, "addEvidence", json!({ "orderId": order, "messageIds": [] })).await;
    refused(&none, "INVALID_INPUT");
}

async fn a_draft_is_talked_about_changed_and_confirmed(app: &TestApp) {
    let product = first_product(app).await;
    let input = json!({ "idempotencyKey": "r", "supplierId": product["supplier"]["id"], "productId": product["id"],
        "quantity": 30, "currency": "USD", "message": "Cut to 4 m, please", "shippingAddress": address() });
    let order = done(order_step(app, demo::BUYER, "requestDraft", input).await)["id"].clone();
    done(order_step(app, demo::SUPPLIER, "draftOrder", draft(&order, "d1", "6.00")).await);
    let input = json!({ "supplierId": product["supplier"]["id"], "orderId": order, "text": "5.50, and we take it" });
    let talk = contacted(app, input).await;
    sent(app, demo::SUPPLIER, &talk["id"], "5.75, in 12 days").await;
    let mut second = draft(&order, "d2", "5.75");
    second["shipWithinDays"] = json!(12);
    second["lines"]
        .as_array_mut()
        .expect("lines")
        .push(json!({ "description": "Sample box", "quantity": 1, "unit": "box", "unitPrice": "0.00" }));
    done(order_step(app, demo::SUPPLIER, "draftOrder", second).await);

    let query = "query($id: ID!) { order(id: $id) { contracts { nodes { version changes { path } } }
        contract { version changes { path label before after } same: changes(since: 2) { path } gone: changes(since: 9) { path } } } }";
    let answer = app.graphql(demo::BUYER, query, json!({ "id": order })).await;
    let seen = &answer["data"]["order"];
    assert_eq!(seen["contracts"]["nodes"][0], json!({ "version": 1, "changes": null }), "{answer:#}");
    let changes = seen["contract"]["changes"].as_array().expect("changes");
    let row = |path: &str| {
        let found =
            changes.iter().find(|change| change["path"] == path).unwrap_or_else(|| panic!("{path}: {changes:#?}"));
        (found["before"].clone(), found["after"].clone())
    };
    assert_eq!(row("lines[0].unitPrice"), (json!("6.00 USD"), json!("5.75 USD")));
    assert_eq!(row("shipWithinDays"), (json!("10"), json!("12")));
    assert_eq!(row("lines[2]").0, Value::Null);
    assert_eq!(changes.len(), 5, "the line's total and the contract's besides: {changes:#?}");
    assert_eq!(seen["contract"]["same"], json!([]));
    assert_eq!(
        (&seen["contract"]["gone"], &answer["errors"][0]["extensions"]["code"]),
        (&Value::Null, &json!("NOT_FOUND"))
    );

    let confirm = async |version: i64| {
        order_step(app, demo::BUYER, "confirmOrder", json!({ "orderId": order, "contractVersion": version })).await
    };
    refused(&confirm(1).await, "STALE_VERSION");
    let confirmed = done(confirm(2).await);
    assert_eq!((&confirmed["status"], &confirmed["contract"]["version"]), (&json!("AWAITING_PAYMENT"), &json!(2)));
}

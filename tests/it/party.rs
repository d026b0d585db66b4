//! Who may do what as whom: credentials, sessions, suppliers, payout accounts, conversations.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use entity::{LedgerAccount, MinorUnits, SupplierId, TransferId, credential, job, payout_account, transfer};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use secure_payment::party::{decrypt_payout_account, demo, find_active_payout_account, payouts_now_possible};
use serde_json::{Value, json};

use crate::support::{TestApp, on_each_database};

on_each_database!(
    a_session_makes_a_buyer_and_ends,
    the_same_reference_at_once_is_one_buyer,
    each_role_does_only_its_own,
    a_credential_is_shown_once_and_kept_as_a_hash,
    a_supplier_is_checked_before_it_is_paid,
    money_that_waited_goes_out_once_it_may,
    a_changed_payout_account_waits_and_can_be_overtaken,
    a_payout_account_is_an_iban_or_a_number_at_a_bank,
    a_storefronts_origins_are_safe,
    a_conversation_is_its_own_peoples,
    a_conversation_goes_on_and_is_paged,
    what_a_message_is_about_must_be_the_writers,
);

async fn session(app: &TestApp, input: Value) -> Value {
    let query = "mutation($input: CreateBuyerSessionInput!) { createBuyerSession(input: $input) {
        session { token expiresAt buyer { id reference } } errors { code path message } } }";
    app.data(demo::STOREFRONT, query, json!({ "input": input })).await["createBuyerSession"].take()
}

/// The token of a new session of this buyer.
async fn buyer(app: &TestApp, reference: &str) -> String {
    text(&session(app, json!({ "buyerReference": reference })).await["session"]["token"])
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

fn codes(errors: &Value) -> Vec<String> {
    errors.as_array().expect("errors").iter().map(|error| text(&error["code"])).collect()
}

fn paths(errors: &Value) -> Vec<String> {
    let path = |error: &Value| {
        error["path"].as_array().expect("a path").iter().filter_map(Value::as_str).collect::<Vec<_>>().join(".")
    };
    errors.as_array().expect("errors").iter().map(path).collect()
}

async fn create_storefront(app: &TestApp, token: &str, origins: &[&str]) -> Value {
    let query = "mutation($input: CreateStorefrontInput!) { createStorefront(input: $input) {
        storefront { id returnOrigins } errors { code path message } } }";
    let input = json!({ "name": "Another shop", "returnOrigins": origins });
    app.data(token, query, json!({ "input": input })).await["createStorefront"].take()
}

async fn create_credential(app: &TestApp, input: Value) -> Value {
    let query = "mutation($input: CreateCredentialInput!) { createCredential(input: $input) {
        credential { id role label expiresAt } token errors { code path message } } }";
    app.data(demo::OPERATOR, query, json!({ "input": input })).await["createCredential"].take()
}

async fn create_supplier(app: &TestApp) -> (String, String) {
    let query = "mutation { createSupplier(input: { name: \"Quito Textiles\", country: \"EC\", city: \"Quito\" }) {
        supplier { id verified feeBasisPoints } errors { code } } }";
    let made = app.data(demo::OPERATOR, query, json!({})).await;
    let id = text(&made["createSupplier"]["supplier"]["id"]);
    let made = create_credential(app, json!({ "role": "SUPPLIER", "subjectId": id, "label": "test" })).await;
    (id, text(&made["token"]))
}

async fn a_session_makes_a_buyer_and_ends(app: &TestApp) {
    let first = session(app, json!({ "buyerReference": "customer 7", "expiresInHours": 2 })).await;
    let second = session(app, json!({ "buyerReference": "customer 7" })).await;
    assert_eq!(first["errors"], json!([]));
    assert_eq!(first["session"]["buyer"], second["session"]["buyer"]);
    assert_ne!(first["session"]["token"], second["session"]["token"]);
    let token = text(&first["session"]["token"]);
    assert!(token.starts_with("sp_buyer_"));
    let viewer = app.data(token.as_str(), "{ viewer { role buyer { reference } } }", json!({})).await;
    assert_eq!(viewer["viewer"]["buyer"]["reference"], "customer 7");

    // Business time is the sandbox's to move; it ends no session. Wall time does.
    app.clock().advance(TimeDelta::days(2));
    app.data(token.as_str(), "{ viewer { role } }", json!({})).await;
    app.clock().shift_wall(TimeDelta::minutes(119));
    app.data(token.as_str(), "{ viewer { role } }", json!({})).await;
    app.clock().shift_wall(TimeDelta::minutes(121));
    let ended = app.http().post(app.url("/graphql")).bearer_auth(&token).json(&json!({ "query": "{ __typename }" }));
    let ended = ended.send().await.expect("an answer");
    assert_eq!(ended.status(), 401);
    app.data(demo::BUYER, "{ viewer { role } }", json!({})).await;
    app.clock().shift_wall(TimeDelta::zero());

    for (input, path) in [
        (json!({ "buyerReference": " " }), "input.buyerReference"),
        (json!({ "buyerReference": "nul\u{0}" }), "input.buyerReference"),
        (json!({ "buyerReference": "x".repeat(201) }), "input.buyerReference"),
        (json!({ "buyerReference": "x", "expiresInHours": 0 }), "input.expiresInHours"),
        (json!({ "buyerReference": "x", "expiresInHours": 721 }), "input.expiresInHours"),
    ] {
        let refused = session(app, input).await;
        assert_eq!((paths(&refused["errors"]), &refused["session"]), (vec![path.to_owned()], &Value::Null));
    }
    // Any text is a reference, also one that looks like SQL.
    assert_eq!(session(app, json!({ "buyerReference": "🎉'; drop table buyer; --" })).await["errors"], json!([]));
}

async fn the_same_reference_at_once_is_one_buyer(app: &TestApp) {
    let tries = (0..8).map(|_| session(app, json!({ "buyerReference": "in a hurry" })));
    let answers = futures_util::future::join_all(tries).await;
    let buyers: BTreeSet<String> = answers.iter().map(|answer| text(&answer["session"]["buyer"]["id"])).collect();
    let tokens: BTreeSet<String> = answers.iter().map(|answer| text(&answer["session"]["token"])).collect();
    assert_eq!((buyers.len(), tokens.len()), (1, 8));
}

async fn each_role_does_only_its_own(app: &TestApp) {
    let id = "supplier_01kdvdna00e008000000000000";
    let storefronts = ["createBuyerSession(input: { buyerReference: \"x\" }) { errors { code } }".to_owned()];
    let operators = [
        "createStorefront(input: { name: \"x\" }) { errors { code } }".to_owned(),
        "createSupplier(input: { name: \"x\", country: \"DE\", city: \"x\" }) { errors { code } }".to_owned(),
        format!("verifySupplier(input: {{ supplierId: \"{id}\" }}) {{ errors {{ code }} }}"),
        format!(
            "createCredential(input: {{ role: SUPPLIER, subjectId: \"{id}\", label: \"x\" }}) {{ token errors {{ code }} }}"
        ),
    ];
    let suppliers =
        ["setPayoutAccount(input: { accountHolder: \"x\", country: \"DE\", iban: \"x\" }) { errors { code } }"
            .to_owned()];
    let buyers = [format!("contactSupplier(input: {{ supplierId: \"{id}\", text: \"x\" }}) {{ errors {{ code }} }}")];
    let all = [
        (demo::STOREFRONT, &storefronts[..]),
        (demo::OPERATOR, &operators[..]),
        (demo::SUPPLIER, &suppliers[..]),
        (demo::BUYER, &buyers[..]),
    ];
    for (owner, mutations) in all {
        for mutation in mutations {
            let mutation = format!("mutation {{ answer: {mutation} }}");
            for (token, _mutations) in all.iter().filter(|(token, _mutations)| *token != owner) {
                let answer = app.data(*token, &mutation, json!({})).await;
                assert_eq!(codes(&answer["answer"]["errors"]), ["NOT_PERMITTED"], "{token}: {mutation}");
            }
            let nobody = app.graphql(None, &mutation, json!({})).await;
            assert_eq!(nobody["errors"][0]["extensions"]["code"], "UNAUTHENTICATED", "{mutation}");
            let owner = app.data(owner, &mutation, json!({})).await;
            assert!(!codes(&owner["answer"]["errors"]).contains(&"NOT_PERMITTED".to_owned()), "{mutation}");
        }
    }
    assert_eq!(app.data(None, "{ viewer { role } }", json!({})).await["viewer"], Value::Null);
}

async fn a_credential_is_shown_once_and_kept_as_a_hash(app: &TestApp) {
    let storefront = create_storefront(app, demo::OPERATOR, &[]).await;
    let id = text(&storefront["storefront"]["id"]);
    let expires = (app.clock().wall() + TimeDelta::hours(1)).to_rfc3339();
    let input = json!({ "role": "STOREFRONT", "subjectId": id, "label": "production", "expiresAt": expires });
    let made = create_credential(app, input).await;
    assert_eq!(made["errors"], json!([]));
    let token = text(&made["token"]);
    assert!(token.starts_with("sp_storefront_") && token.len() > 50);
    let viewer = app.data(token.as_str(), "{ viewer { role storefront { id name } } }", json!({})).await;
    assert_eq!(viewer["viewer"]["storefront"]["id"], id);
    let rows = credential::Entity::find().all(&app.db().read).await.expect("reads");
    assert!(rows.iter().all(|row| row.token_hash.len() == 64 && row.token_hash != token));

    let past = (app.clock().wall() - TimeDelta::hours(1)).to_rfc3339();
    for (input, path, code) in [
        (json!({ "role": "BUYER", "subjectId": id, "label": "x" }), "input.role", "INVALID_INPUT"),
        (json!({ "role": "SUPPLIER", "subjectId": id, "label": "x" }), "input.subjectId", "INVALID_INPUT"),
        (
            json!({ "role": "STOREFRONT", "subjectId": "storefront_01kdvdna00e008000000000009", "label": "x" }),
            "input.subjectId",
            "NOT_FOUND",
        ),
        (json!({ "role": "STOREFRONT", "subjectId": id, "label": "" }), "input.label", "INVALID_INPUT"),
        (
            json!({ "role": "STOREFRONT", "subjectId": id, "label": "x", "expiresAt": past }),
            "input.expiresAt",
            "INVALID_INPUT",
        ),
    ] {
        let refused = create_credential(app, input).await;
        assert_eq!(
            (paths(&refused["errors"]), codes(&refused["errors"])),
            (vec![path.to_owned()], vec![code.to_owned()])
        );
        assert_eq!((&refused["token"], &refused["credential"]), (&Value::Null, &Value::Null));
    }
    // Each storefront's buyers are its own, whatever they are called.
    let mine = session(app, json!({ "buyerReference": "same" })).await;
    let query = "mutation { createBuyerSession(input: { buyerReference: \"same\" }) { session { buyer { id } } } }";
    let theirs = app.data(token.as_str(), query, json!({})).await;
    assert_ne!(mine["session"]["buyer"]["id"], theirs["createBuyerSession"]["session"]["buyer"]["id"]);
}

async fn a_supplier_is_checked_before_it_is_paid(app: &TestApp) {
    let (id, token) = create_supplier(app).await;
    let query = "query($id: ID!) { supplier(id: $id) { name verified feeBasisPoints } suppliers(search: \"quito\") { nodes { id } } }";
    let seen = app.data(token.as_str(), query, json!({ "id": id })).await;
    assert_eq!(seen["supplier"], json!({ "name": "Quito Textiles", "verified": false, "feeBasisPoints": 250 }));
    assert_eq!(seen["suppliers"]["nodes"], json!([{ "id": id }]));
    let others = app.data(demo::SUPPLIER, query, json!({ "id": id })).await;
    assert_eq!(others["supplier"]["feeBasisPoints"], Value::Null);

    let verify = "mutation($id: ID!) { verifySupplier(input: { supplierId: $id }) { supplier { verified } errors { code path } } }";
    for _twice in 0..2 {
        let verified = app.data(demo::OPERATOR, verify, json!({ "id": id })).await;
        assert_eq!(verified["verifySupplier"], json!({ "supplier": { "verified": true }, "errors": [] }));
    }
    let unknown = app.data(demo::OPERATOR, verify, json!({ "id": "supplier_01kdvdna00fzz8000000000000" })).await;
    assert_eq!(codes(&unknown["verifySupplier"]["errors"]), ["NOT_FOUND"]);
    let wrong = "mutation { createSupplier(input: { name: \"\", country: \"Ecuador\", city: \"\\u0000\", establishedYear: 3000, feeBasisPoints: 10001 }) { errors { path } } }";
    let wrong = app.data(demo::OPERATOR, wrong, json!({})).await;
    let wanted = ["input.name", "input.country", "input.city", "input.establishedYear", "input.feeBasisPoints"];
    assert_eq!(paths(&wrong["createSupplier"]["errors"]), wanted);
}

async fn money_that_waited_goes_out_once_it_may(app: &TestApp) {
    let (id, _token) = create_supplier(app).await;
    let supplier_id: SupplierId = id.parse().expect("an id");
    // Never committed: no order stands behind this money.
    let tx = app.db().begin_write().await.expect("begins");
    for (units, currency) in [(100, "USD"), (200, "USD"), (300, "EUR")] {
        let row = transfer::ActiveModel {
            id: Set(TransferId(app.clock().new_id())),
            debit: Set(LedgerAccount::Fees),
            credit: Set(LedgerAccount::Supplier(supplier_id)),
            amount: Set(MinorUnits(units)),
            currency: Set(currency.parse().expect("a currency")),
            cause: Set("test".to_owned()),
            order_id: Set(None),
            movement: Set(None),
            movement_part: Set(0),
            created_at: Set(app.clock().now()),
        };
        transfer::Entity::insert(row).exec_without_returning(&tx).await.expect("inserts");
    }
    payouts_now_possible(&tx, app.clock(), supplier_id).await.expect("enqueues");
    let jobs = job::Entity::find().filter(job::Column::Kind.eq("request_payout")).all(&tx).await.expect("reads");
    let currencies: BTreeSet<String> = jobs.iter().map(|job| text(&job.payload["currency"])).collect();
    assert_eq!((jobs.len(), currencies), (2, ["EUR", "USD"].map(str::to_owned).into()), "one job per currency");
    assert!(jobs.iter().all(|job| job.payload["supplier_id"] == id && job.run_at <= app.clock().now()));
    tx.rollback().await.expect("rolls back");
}

async fn set_account(app: &TestApp, token: &str, input: Value) -> Value {
    let query = "mutation($input: SetPayoutAccountInput!) { setPayoutAccount(input: $input) {
        payoutAccount { id mask active activeFrom } errors { code path message } } }";
    app.data(token, query, json!({ "input": input })).await["setPayoutAccount"].take()
}

async fn a_changed_payout_account_waits_and_can_be_overtaken(app: &TestApp) {
    let (id, token) = create_supplier(app).await;
    let supplier_id: SupplierId = id.parse().expect("an id");
    let account = |number: &str| {
        json!({ "accountHolder": "Quito Textiles", "country": "EC", "accountNumber": number, "bankName": "Banco",
        "bic": "PICHECEQ", "holderAddress": { "town": "Quito", "country": "EC" } })
    };
    let active = async || {
        let now = app.clock().now();
        find_active_payout_account(&app.db().read, supplier_id, now).await.expect("reads").map(|row| row.mask)
    };
    assert_eq!(active().await, None);
    let first = set_account(app, &token, account("11111111")).await;
    assert_eq!(
        (&first["payoutAccount"]["mask"], &first["payoutAccount"]["active"]),
        (&json!("EC•• •••• 1111"), &json!(true))
    );
    let thief = set_account(app, &token, account("66666666")).await;
    assert_eq!(thief["payoutAccount"]["active"], false);
    assert_eq!(active().await.as_deref(), Some("EC•• •••• 1111"));
    app.clock().advance(TimeDelta::hours(71));
    assert_eq!(active().await.as_deref(), Some("EC•• •••• 1111"));
    // Noticed in time: the account that was set in between never counts.
    set_account(app, &token, account("22222222")).await;
    app.clock().advance(TimeDelta::hours(2));
    assert_eq!(active().await.as_deref(), Some("EC•• •••• 1111"));
    app.clock().advance(TimeDelta::hours(72));
    assert_eq!(active().await.as_deref(), Some("EC•• •••• 2222"));

    let shown = app.data(token.as_str(), "{ viewer { payoutAccounts { mask active } } }", json!({})).await;
    let wanted = json!([
        { "mask": "EC•• •••• 2222", "active": true },
        { "mask": "EC•• •••• 6666", "active": false },
        { "mask": "EC•• •••• 1111", "active": false },
    ]);
    assert_eq!(shown["viewer"]["payoutAccounts"], wanted);
    let other = app.data(demo::OPERATOR, "{ viewer { payoutAccounts { mask } } }", json!({})).await;
    assert_eq!(other["viewer"]["payoutAccounts"], Value::Null);

    for row in payout_account::Entity::find().all(&app.db().read).await.expect("reads") {
        let details = decrypt_payout_account(app.app(), &row).expect("decrypts");
        assert_eq!(details.mask(), row.mask);
        assert!(!row.encrypted_details.contains("Quito") && !row.encrypted_details.contains("11111111"));
    }
}

async fn a_payout_account_is_an_iban_or_a_number_at_a_bank(app: &TestApp) {
    let (_id, token) = create_supplier(app).await;
    let account = json!({ "accountHolder": "Quito Textiles", "country": "DE", "iban": "de89 3704 0044 0532 0130 00", "bic": "COBADEFFXXX", "currency": "EUR" });
    assert_eq!(set_account(app, &token, account).await["payoutAccount"]["mask"], "DE•• •••• 3000");
    for (input, path) in [
        (json!({ "iban": "DE89 3704 0044 0532 0130 01" }), "input.iban"),
        (json!({}), "input.iban"),
        (json!({ "iban": "FR14 2004 1010 0505 0001 3M02 606" }), "input.iban"),
        (json!({ "iban": "DE89370400440532013000", "bic": "BNPAFRPP" }), "input.bic"),
        (
            json!({ "iban": "DE89370400440532013000", "accountNumber": "12345678", "bankName": "B" }),
            "input.accountNumber",
        ),
        (json!({ "accountNumber": "12345678" }), "input.iban"),
        (json!({ "iban": "DE89370400440532013000", "bic": "X" }), "input.bic"),
        (json!({ "iban": "DE89370400440532013000", "currency": "DEM?" }), "input.currency"),
        (json!({ "iban": "DE89370400440532013000", "country": "Deutschland" }), "input.country"),
        (json!({ "iban": "DE89370400440532013000", "accountHolder": "\u{0}" }), "input.accountHolder"),
    ] {
        let mut whole = json!({ "accountHolder": "Quito Textiles", "country": "DE" });
        for (field, value) in input.as_object().expect("fields") {
            whole[field] = value.clone();
        }
        let refused = set_account(app, &token, whole).await;
        assert_eq!(
            (paths(&refused["errors"]), &refused["payoutAccount"]),
            (vec![path.to_owned()], &Value::Null),
            "{refused}"
        );
    }
}

async fn a_storefronts_origins_are_safe(app: &TestApp) {
    let made = create_storefront(
        app,
        demo::OPERATOR,
        &["https://Shop.Example:443/", "http://localhost:3000", "https://shop.example"],
    )
    .await;
    assert_eq!(made["storefront"]["returnOrigins"], json!(["https://shop.example", "http://localhost:3000"]));
    let refused =
        create_storefront(app, demo::OPERATOR, &["https://ok.example", "http://shop.example", "javascript:1"]).await;
    assert_eq!(paths(&refused["errors"]), ["input.returnOrigins.1", "input.returnOrigins.2"]);
}

async fn contact(app: &TestApp, token: &str, input: Value) -> Value {
    let query = "mutation($input: ContactSupplierInput!) { contactSupplier(input: $input) {
        conversation { id orderId buyerId supplier { id } product { id } messages { nodes { sender text } } }
        errors { code path message } } }";
    app.data(token, query, json!({ "input": input })).await["contactSupplier"].take()
}

async fn send(app: &TestApp, token: &str, conversation: &Value, words: &str) -> Value {
    let query = "mutation($id: ID!, $text: String!) { sendMessage(input: { conversationId: $id, text: $text }) {
        message { sender text } errors { code path message } } }";
    app.data(token, query, json!({ "id": conversation, "text": words })).await["sendMessage"].take()
}

/// The demo supplier's id and that of its first product.
async fn wares(app: &TestApp) -> (String, String) {
    let data = app.data(None, "{ products(first: 1) { nodes { id supplier { id } } } }", json!({})).await;
    let node = &data["products"]["nodes"][0];
    (text(&node["supplier"]["id"]), text(&node["id"]))
}

async fn a_conversation_is_its_own_peoples(app: &TestApp) {
    let (supplier, product) = wares(app).await;
    let mine = buyer(app, "mine").await;
    let begun = contact(
        app,
        &mine,
        json!({ "supplierId": supplier, "productId": product, "text": " Is 24 V possible? 🎉\nThanks " }),
    )
    .await;
    assert_eq!(begun["errors"], json!([]), "{begun}");
    let conversation = &begun["conversation"];
    assert_eq!(
        conversation["messages"]["nodes"],
        json!([{ "sender": "BUYER", "text": "Is 24 V possible? 🎉\nThanks" }])
    );
    assert_eq!((&conversation["supplier"]["id"], &conversation["product"]["id"]), (&json!(supplier), &json!(product)));
    let id = &conversation["id"];
    assert_eq!(send(app, demo::SUPPLIER, id, "Yes.").await["message"], json!({ "sender": "SUPPLIER", "text": "Yes." }));
    assert_eq!(send(app, &mine, id, "Good.").await["message"]["sender"], "BUYER");

    let (_id, other_supplier) = create_supplier(app).await;
    let other_storefront = create_storefront(app, demo::OPERATOR, &[]).await["storefront"]["id"].take();
    let credential = json!({ "role": "STOREFRONT", "subjectId": other_storefront, "label": "test" });
    let other_storefront = text(&create_credential(app, credential).await["token"]);
    let query = "query($id: ID!) { conversation(id: $id) { messages { nodes { text } } } conversations { nodes { id } } node(id: $id) { id } }";
    for (token, seen) in [
        (Some(mine.as_str()), true),
        (Some(demo::SUPPLIER), true),
        (Some(demo::STOREFRONT), true),
        (Some(demo::OPERATOR), true),
        (Some(demo::BUYER), false),
        (Some(other_supplier.as_str()), false),
        (Some(other_storefront.as_str()), false),
        (None, false),
    ] {
        let data = app.data(token, query, json!({ "id": id })).await;
        let messages = data["conversation"]["messages"]["nodes"].as_array().map_or(0, Vec::len);
        let listed = data["conversations"]["nodes"].as_array().map_or(0, Vec::len);
        assert_eq!(
            (messages, listed, data["node"].is_object()),
            if seen { (3, 1, true) } else { (0, 0, false) },
            "{token:?}"
        );
    }
    for (token, code) in [
        (demo::STOREFRONT, "NOT_PERMITTED"),
        (demo::OPERATOR, "NOT_PERMITTED"),
        (demo::BUYER, "NOT_FOUND"),
        (other_supplier.as_str(), "NOT_FOUND"),
    ] {
        assert_eq!(codes(&send(app, token, id, "Hello?").await["errors"]), [code], "{token}");
    }
    let query = "mutation { sendMessage(input: { conversationId: \"x\", text: \"x\" }) { errors { code } } }";
    let nobody = app.graphql(None, query, json!({})).await;
    assert_eq!(nobody["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
}

async fn a_conversation_goes_on_and_is_paged(app: &TestApp) {
    let (supplier, product) = wares(app).await;
    let mine = buyer(app, "mine").await;
    let input = json!({ "supplierId": supplier, "productId": product, "text": "Hello" });
    let tries = (0..6).map(|_| contact(app, &mine, input.clone()));
    let ids: BTreeSet<String> =
        futures_util::future::join_all(tries).await.iter().map(|answer| text(&answer["conversation"]["id"])).collect();
    assert_eq!(ids.len(), 1, "the same thing is one conversation, also at once");
    let general = contact(app, &mine, json!({ "supplierId": supplier, "text": "Hello" })).await;
    assert!(!ids.contains(&text(&general["conversation"]["id"])), "another thing is another");
    let query = "query($after: String, $messages: String) { conversations(first: 1, after: $after) {
        nodes { id messages(first: 4, after: $messages) { nodes { text } pageInfo { endCursor hasNextPage } } }
        pageInfo { endCursor hasNextPage } } }";
    let newest = app.data(mine.as_str(), query, json!({})).await["conversations"].take();
    assert_eq!(newest["nodes"][0]["id"], general["conversation"]["id"], "newest first");
    let oldest =
        app.data(mine.as_str(), query, json!({ "after": newest["pageInfo"]["endCursor"] })).await["conversations"]
            .take();
    assert_eq!(oldest["pageInfo"]["hasNextPage"], false);
    let messages = &oldest["nodes"][0]["messages"];
    assert_eq!(
        (messages["nodes"].as_array().map(Vec::len), &messages["pageInfo"]["hasNextPage"]),
        (Some(4), &json!(true))
    );
    let rest = json!({ "after": newest["pageInfo"]["endCursor"], "messages": messages["pageInfo"]["endCursor"] });
    let rest = app.data(mine.as_str(), query, rest).await["conversations"].take();
    assert_eq!(rest["nodes"][0]["messages"]["nodes"].as_array().map(Vec::len), Some(2));
    let written = entity::message::Entity::find().count(&app.db().read).await.expect("counts");
    assert_eq!(written, 7);
}

async fn what_a_message_is_about_must_be_the_writers(app: &TestApp) {
    let (supplier, product) = wares(app).await;
    let (other, _token) = create_supplier(app).await;
    let nothing = "order_01kdvdna00e008000000000000";
    for (input, path, code) in [
        (json!({ "supplierId": "x", "text": "x" }), "input.supplierId", "INVALID_INPUT"),
        (json!({ "supplierId": supplier, "text": " " }), "input.text", "INVALID_INPUT"),
        (json!({ "supplierId": supplier, "text": "nul\u{0}" }), "input.text", "INVALID_INPUT"),
        (json!({ "supplierId": supplier, "text": "x".repeat(4001) }), "input.text", "INVALID_INPUT"),
        (json!({ "supplierId": supplier, "text": "x".repeat(1_000_000) }), "input.text", "INVALID_INPUT"),
        (json!({ "supplierId": "supplier_01kdvdna00fzz8000000000000", "text": "x" }), "input.supplierId", "NOT_FOUND"),
        (json!({ "supplierId": other, "productId": product, "text": "x" }), "input.productId", "NOT_FOUND"),
        (json!({ "supplierId": supplier, "orderId": nothing, "text": "x" }), "input.orderId", "NOT_FOUND"),
    ] {
        let refused = contact(app, demo::BUYER, input).await;
        assert_eq!(
            (paths(&refused["errors"]), codes(&refused["errors"])),
            (vec![path.to_owned()], vec![code.to_owned()])
        );
    }
    assert_eq!(
        contact(app, demo::BUYER, json!({ "supplierId": supplier, "text": "x".repeat(4000) })).await["errors"],
        json!([])
    );
}

//! Accounts as banks need them: asked for whole, ordered so, and refused before anything is sent if they lack something.

use entity::payout::PayoutStatus;
use entity::refund::RefundStatus;
use entity::{BankAccount, LedgerAccount, MinorUnits, PayoutAccountId, RefundAccountId, payout_account};
use escrow::Command;
use sea_orm::ActiveValue::Set;
use sea_orm::EntityTrait;
use secure_payment::party::demo;
use secure_payment::{bank_account, ledger};
use serde_json::{Value, json};

use super::transfers::{asked, at, money};
use super::{Bank, Order};
use crate::support::bank::{demo_supplier, payouts};
use crate::support::purchase::{confirm_received, ship};
use crate::support::rail::{Fake, Rail};
use crate::support::trouble::{done, refund};
use crate::support::{TestApp, on_each_database};

on_each_database!(
    what_an_account_needs_is_shown_before_and_each_of_it_is_asked_for,
    an_account_without_an_iban_is_ordered_with_its_banks_code_and_its_holders_town,
    an_account_that_lacks_something_is_asked_for_again_and_nothing_is_sent,
    a_payout_to_an_account_that_lacks_something_is_owed_again_until_there_is_a_better_one,
);

const COUNTRIES: [&str; 18] =
    ["US", "GB", "JE", "IN", "AU", "CA", "NZ", "ZA", "CN", "HK", "SG", "JP", "MX", "BR", "TR", "EC", "KE", "DE"];

async fn forms(app: &TestApp, country: &str, currency: Option<&str>) -> Vec<Value> {
    let query = "query($country: CountryCode!, $currency: CurrencyCode) { bankAccountForms(country: $country, currency: $currency) {
        fields { path label required format example } } }";
    let shown = app.data(demo::BUYER, query, json!({ "country": country, "currency": currency })).await;
    let forms = shown["bankAccountForms"].as_array().expect("a list").clone();
    forms.into_iter().map(|form| form["fields"].clone()).collect()
}

/// An account made of the examples, of which one field may be left out.
fn made_of(country: &str, fields: &Value, without: Option<&str>) -> Value {
    let mut account = json!({ "accountHolder": "Quito Textiles", "country": country });
    for field in fields.as_array().expect("fields").iter().filter(|field| field["required"] == true) {
        let path = field["path"].as_str().expect("a path");
        if Some(path) == without {
            continue;
        }
        match path.split_once('.') {
            Some((outer, inner)) => account[outer][inner] = field["example"].clone(),
            None => account[path] = field["example"].clone(),
        }
    }
    account
}

async fn set_account(app: &TestApp, account: Value) -> Vec<String> {
    let query =
        "mutation($input: SetPayoutAccountInput!) { setPayoutAccount(input: $input) { errors { path message } } }";
    let answer = app.data(demo::SUPPLIER, query, json!({ "input": account })).await;
    let errors = answer["setPayoutAccount"]["errors"].as_array().expect("a list").clone();
    errors
        .iter()
        .map(|error| {
            error["path"].as_array().expect("a path")[1..]
                .iter()
                .map(|part| part.as_str().expect("text"))
                .collect::<Vec<_>>()
                .join(".")
        })
        .collect()
}

async fn what_an_account_needs_is_shown_before_and_each_of_it_is_asked_for(app: &TestApp) {
    for country in COUNTRIES {
        let forms = forms(app, country, None).await;
        assert!(!forms.is_empty(), "{country}");
        for fields in &forms {
            assert_eq!(
                set_account(app, made_of(country, fields, None)).await,
                Vec::<String>::new(),
                "{country}: {fields}"
            );
        }
        if let [fields] = forms.as_slice() {
            for field in fields.as_array().expect("fields").iter().filter(|field| field["required"] == true) {
                let path = field["path"].as_str().expect("a path");
                // The two of an address are given together.
                if !path.contains('.') {
                    assert_eq!(set_account(app, made_of(country, fields, Some(path))).await, [path], "{country}");
                }
            }
        }
    }
    let required = |fields: &Value| -> Vec<String> {
        let all = fields.as_array().expect("fields").iter().filter(|field| field["required"] == true);
        all.map(|field| field["path"].as_str().expect("a path").to_owned()).collect()
    };
    assert_eq!(required(&forms(app, "DE", Some("EUR")).await[0]), ["iban"]);
    assert_eq!(
        required(&forms(app, "TR", Some("USD")).await[0]),
        ["iban", "holderAddress.town", "holderAddress.country"]
    );
    let american = ["accountNumber", "clearingCode", "holderAddress.town", "holderAddress.country"];
    assert_eq!(required(&forms(app, "US", None).await[0]), american);
    let nowhere =
        json!({ "accountHolder": "X", "country": "US", "accountNumber": "12345678", "clearingCode": "021000021" });
    assert_eq!(set_account(app, nowhere).await, ["holderAddress.town", "holderAddress.country"]);
}

/// A funded order of which the supplier gives 345.00 back.
async fn given_back(app: &TestApp, rail: &Rail<'_>, bank: &Bank) -> String {
    let (order, payment) = asked(rail, "1250.00").await;
    bank.pay(&payment.reference).await;
    rail.deliver().await;
    done(app, demo::SUPPLIER, &order, Command::RefundOrder { amount: MinorUnits(34_500) }).await;
    order
}

async fn provide(app: &TestApp, order: &str, account: Value) -> Value {
    let query = "mutation($input: ProvideRefundAccountInput!) { provideRefundAccount(input: $input) { errors { path message } } }";
    let input = json!({ "orderId": order, "idempotencyKey": format!("{order} account"), "account": account });
    app.data(demo::BUYER, query, json!({ "input": input })).await["provideRefundAccount"]["errors"].take()
}

async fn an_account_without_an_iban_is_ordered_with_its_banks_code_and_its_holders_town(app: &TestApp) {
    let (rail, bank) = at(app).await;
    for (account, agent) in [
        (
            json!({ "accountHolder": "Acme Import LLC", "country": "US", "accountNumber": "000123456789", "clearingCode": "021-000-021",
                "bic": "CHASUS33", "holderAddress": { "town": "New York", "country": "US", "street": "5th Avenue", "building": "1" } }),
            "CHASUS33021000021",
        ),
        (
            json!({ "accountHolder": "Pune Tools", "country": "IN", "accountNumber": "50100012345678", "clearingCode": "hdfc0000001",
                "holderAddress": { "town": "Pune", "country": "IN" } }),
            "HDFC0000001",
        ),
        (
            json!({ "accountHolder": "Perth Pty", "country": "AU", "accountNumber": "12345678", "clearingCode": "062-000",
                "holderAddress": { "town": "Perth", "country": "AU", "postcode": "6000", "subdivision": "WA" } }),
            "062000",
        ),
    ] {
        let order = given_back(app, &rail, &bank).await;
        let town = account["holderAddress"]["town"].clone();
        let number = account["accountNumber"].clone();
        assert_eq!(provide(app, &order, account).await, json!([]));
        rail.drain().await;
        let sent = refund(app, &order).await;
        assert_eq!((sent.status, sent.failure), (RefundStatus::Pending, None));
        let (ordered, _standing): (Order, _) = bank.order(&sent.reference);
        assert_eq!((json!(ordered.town), ordered.agent.as_str(), json!(ordered.to)), (town, agent, number));
        assert_eq!(ordered.service, "", "not a SEPA transfer");
    }
    let order = given_back(app, &rail, &bank).await;
    let lacking =
        json!({ "accountHolder": "X", "country": "US", "accountNumber": "000123456789", "clearingCode": "021000022" });
    let errors = provide(app, &order, lacking).await;
    let paths: Vec<_> = errors.as_array().expect("a list").iter().map(|error| error["path"].clone()).collect();
    let under = |path: &[&str]| json!([&["input", "account"], path].concat());
    assert_eq!(
        paths,
        [under(&["clearingCode"]), under(&["holderAddress", "town"]), under(&["holderAddress", "country"])]
    );
}

/// As accounts were kept before anybody asked for more.
fn old(country: &str, iban: Option<&str>, number: Option<&str>) -> BankAccount {
    let document = json!({ "accountHolder": "Ana Souza", "country": country, "iban": iban, "accountNumber": number,
        "bankName": number.map(|_| "Banco") });
    serde_json::from_value(document).expect("still read")
}

async fn an_account_that_lacks_something_is_asked_for_again_and_nothing_is_sent(app: &TestApp) {
    let (rail, bank) = at(app).await;
    for (account, lacks) in [
        (old("EC", None, Some("12345678")), "the bank's BIC"),
        (old("US", None, Some("000123456789")), "ABA routing number"),
        (old("TR", Some("TR330006100519786457841326"), None), "the town of the account holder"),
    ] {
        let before = bank.orders().len();
        let order = given_back(app, &rail, &bank).await;
        let id = RefundAccountId(app.clock().new_id());
        let sealed =
            bank_account::encrypt(&account, &app.app().cipher, app.clock(), &id.to_string()).expect("encrypts");
        let mask = account.mask();
        done(
            app,
            demo::BUYER,
            &order,
            Command::ProvideRefundAccount { refund_account_id: id, encrypted_details: sealed, mask },
        )
        .await;
        rail.drain().await;
        let waiting = refund(app, &order).await;
        assert_eq!((waiting.status, waiting.started_at), (RefundStatus::PayeeDetailsRequired, None));
        let reason = waiting.failure.expect("a reason");
        assert!(reason.contains(lacks) && !reason.contains("12345678"), "{reason}");
        assert_eq!(bank.orders().len(), before, "nothing was sent");
        let better = json!({ "accountHolder": "Ana Souza", "country": "DE", "iban": "DE89370400440532013000" });
        assert_eq!(provide(app, &order, better).await, json!([]));
        rail.drain().await;
        let sent = refund(app, &order).await;
        assert_eq!((sent.status, sent.failure, bank.orders().len()), (RefundStatus::Pending, None, before + 1));
        bank.settle_refund(&sent.reference).await;
        rail.deliver().await;
        assert_eq!(
            (refund(app, &order).await.status, refund(app, &order).await.balance.0),
            (RefundStatus::Succeeded, 0)
        );
    }
}

async fn a_payout_to_an_account_that_lacks_something_is_owed_again_until_there_is_a_better_one(app: &TestApp) {
    let (rail, bank) = at(app).await;
    let supplier_id = demo_supplier(app).await;
    let account = old("US", None, Some("000123456789"));
    let id = PayoutAccountId(app.clock().new_id());
    let encrypted_details =
        bank_account::encrypt(&account, &app.app().cipher, app.clock(), &id.to_string()).expect("encrypts");
    let now = app.clock().now();
    let row = payout_account::ActiveModel {
        id: Set(id),
        supplier_id: Set(supplier_id),
        encrypted_details: Set(encrypted_details),
        mask: Set(account.mask()),
        active_from: Set(now),
        created_at: Set(now),
    };
    let tx = app.db().begin_write().await.expect("begins");
    payout_account::Entity::insert(row).exec_without_returning(&tx).await.expect("inserts");
    tx.commit().await.expect("commits");
    let (order, payment) = asked(&rail, "1000.00").await;
    bank.pay(&payment.reference).await;
    rail.deliver().await;
    rail.shop.done(&ship(&order)).await;
    rail.shop.done(&confirm_received(&order)).await;
    rail.drain().await;
    let all = payouts(app).await;
    assert_eq!((all.len(), all[0].status, bank.orders().len()), (1, PayoutStatus::Failed, 0), "nothing was sent");
    assert!(all[0].failure.as_deref().is_some_and(|reason| reason.contains("ABA routing number")));
    let owed = async || {
        let currency = money("1", "EUR").currency;
        ledger::balance(&app.db().read, &LedgerAccount::Supplier(supplier_id), currency).await.expect("reads").0
    };
    assert_eq!(owed().await, all[0].amount.0, "owed again");
    let better = json!({ "accountHolder": "Ana Souza", "country": "DE", "iban": "DE89370400440532013000" });
    assert_eq!(set_account(app, better).await, Vec::<String>::new());
    app.clock().advance(chrono::TimeDelta::hours(73));
    rail.drain().await;
    let latest = payouts(app).await.pop().expect("another");
    assert_eq!((latest.status, owed().await, bank.orders().len()), (PayoutStatus::Pending, 0, 1));
}

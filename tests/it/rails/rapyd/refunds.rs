//! Money that came by a rail which can't give it back.

use std::sync::Arc;

use chrono::TimeDelta;
use entity::payment::{self, RefundWay};
use entity::refund::RefundStatus;
use entity::{Currency, LedgerAccount, MinorUnits, Money};
use escrow::Command;
use secure_payment::error::ErrorCode;
use secure_payment::party::demo;
use serde_json::{Value, json};

use super::Rapyd;
use crate::support::bank::status;
use crate::support::rail::{Fake, Rail};
use crate::support::trouble::{IBAN, balance, done, operators, provide_account, refund, refused};
use crate::support::{TestApp, on_each_database};

on_each_database!(
    a_refund_is_sent_by_the_bank_to_the_account_of_the_buyer,
    without_a_bank_two_operators_send_it_by_hand,
);

/// What a buyer is told before paying.
async fn offered(rail: &Rail<'_>, order: &str) -> Value {
    let query = "query($id: ID!) { paymentMethods(orderId: $id) { method refundable refundWay chargebacks countries
        limits { least { amount } most { amount } } payerFields expiresAfterMinutes available reason } }";
    let data = rail.shop.read(demo::BUYER, query, json!({ "id": order })).await;
    let options = data["paymentMethods"].as_array().expect("a list");
    options.iter().find(|option| option["method"] == "WESTERN_UNION").expect("is listed").clone()
}

async fn funded(rail: &Rail<'_>, fake: &Arc<Rapyd>) -> (String, payment::Model) {
    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    fake.pay(&payment.reference).await;
    rail.deliver().await;
    assert_eq!(status(&rail.shop, &order).await, "FUNDED");
    (order, rail.payment(&payment.id.to_string()).await)
}

async fn balances(test: &TestApp) -> [i64; 3] {
    let mut all = [0; 3];
    for (place, name) in all.iter_mut().zip(["rapyd", "bank", "manual"]) {
        *place = balance(test, &LedgerAccount::Provider(name.to_owned())).await;
    }
    all
}

/// What the books have that the providers have not, and otherwise.
async fn breaks(rail: &Rail<'_>) -> Value {
    let today = rail.app.clock.now().date_naive().to_string();
    let reconcile = "mutation($input: ReconcileInput!) { reconcile(input: $input) { day errors { code } } }";
    rail.shop.read(demo::OPERATOR, reconcile, json!({ "input": { "day": today } })).await;
    rail.drain().await;
    let query = "{ reconciliationBreaks(first: 100) { nodes { kind subject } } }";
    rail.shop.read(demo::OPERATOR, query, json!({})).await["reconciliationBreaks"]["nodes"].take()
}

async fn a_refund_is_sent_by_the_bank_to_the_account_of_the_buyer(test: &TestApp) {
    let fake = Rapyd::start(&[]).await;
    let rail = Rail::of(test, fake.clone()).await;
    let option = offered(&rail, &rail.order("300.00").await).await;
    let limits = json!({ "least": { "amount": "0.50" }, "most": { "amount": "300.00" } });
    assert_eq!(
        option,
        json!({ "method": "WESTERN_UNION", "refundable": false, "refundWay": "TO_ACCOUNT", "chargebacks": false,
            "countries": ["EC"], "limits": limits, "payerFields": ["NAME", "EMAIL"], "expiresAfterMinutes": 4320,
            "available": true, "reason": null })
    );
    assert_eq!(offered(&rail, &rail.order("300.01").await).await["available"], json!(false));

    let (order, payment) = funded(&rail, &fake).await;
    assert_eq!((payment.provider.as_str(), payment.refund_by.as_str()), ("rapyd", "bank"));
    assert_eq!(payment.refund_way, RefundWay::ToAccount);
    done(test, demo::SUPPLIER, &order, Command::RefundOrder { amount: MinorUnits(2_345) }).await;
    rail.drain().await;
    assert_eq!(refund(test, &order).await.status, RefundStatus::PayeeDetailsRequired, "the bank has to know where to");
    provide_account(test, &order).await;
    rail.drain().await;
    let asked = refund(test, &order).await;
    assert_eq!((asked.status, asked.provider.as_str()), (RefundStatus::Pending, "bank"));
    let purpose = format!("Refund of {}", payment.reference.replace('_', "-"));
    let told = (Money::new(MinorUnits(2_345), Currency::USD), "Ana Souza".to_owned(), IBAN.to_owned(), purpose);
    assert_eq!(fake.bank().told(&asked.reference), told);

    // Nobody can be asked about it: the bank tells by itself.
    rail.app.clock.advance(TimeDelta::hours(1));
    rail.drain().await;
    assert_eq!(refund(test, &order).await.status, RefundStatus::Pending);
    assert_eq!(balances(test).await, [-12_345, 0, 0]);
    fake.settle_refund(&asked.reference).await;
    rail.deliver().await;
    assert_eq!(refund(test, &order).await.status, RefundStatus::Succeeded);
    assert_eq!(balances(test).await, [-12_345, 2_345, 0]);
    assert_eq!(breaks(&rail).await, json!([]));
    assert!(fake.way().calls().iter().any(|call| call.starts_with("GET /v1/payments/payment_")), "Rapyd was asked");
}

async fn without_a_bank_two_operators_send_it_by_hand(test: &TestApp) {
    let fake = Rapyd::alone().await;
    let rail = Rail::of(test, fake.clone()).await;
    let option = offered(&rail, &rail.order("123.45").await).await;
    assert_eq!((&option["refundable"], &option["refundWay"]), (&json!(false), &json!("BY_HAND")));
    let (order, payment) = funded(&rail, &fake).await;
    assert_eq!((payment.refund_by.as_str(), payment.refund_way), ("rapyd", RefundWay::ByHand));
    let calls = fake.way().calls().len();
    done(test, demo::SUPPLIER, &order, Command::RefundOrder { amount: MinorUnits(2_345) }).await;
    rail.drain().await;
    let waiting = refund(test, &order).await;
    assert_eq!((waiting.status, waiting.balance.0), (RefundStatus::ActionRequired, 2_345));

    let (first, second) = operators(test).await;
    let refund_id = waiting.id;
    let ask = Command::RequestManualRefund { refund_id, operator_id: first };
    assert_eq!(refused(test, demo::OPERATOR, &order, ask.clone()).await, ErrorCode::PayeeDetailsRequired);
    provide_account(test, &order).await;
    done(test, demo::OPERATOR, &order, ask).await;
    done(test, demo::SECOND_OPERATOR, &order, Command::ApproveManualRefund { refund_id, operator_id: second }).await;
    rail.drain().await;
    assert_eq!(refund(test, &order).await.status, RefundStatus::Pending);
    let confirm = Command::ConfirmManualRefund {
        refund_id,
        movement: "manual:refund:W1".to_owned(),
        amount: Money::new(MinorUnits(2_345), Currency::USD),
    };
    done(test, demo::OPERATOR, &order, confirm).await;
    rail.drain().await;
    assert_eq!(refund(test, &order).await.status, RefundStatus::Succeeded);
    assert_eq!(balances(test).await, [-12_345, 0, 2_345]);
    assert_eq!(fake.way().calls().len(), calls, "Rapyd is asked for no refund");
    assert_eq!(breaks(&rail).await, json!([]));
}

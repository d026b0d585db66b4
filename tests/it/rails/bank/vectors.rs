//! The sample files of another bank (`tests/vectors/bank_iso20022.json`), all of them, in their order. Their pain.001 and the
//! answers to these are compared with ours in `src/payment/bank`.

use entity::notification::NotificationStatus;
use entity::receipt::ReceiptReason;
use entity::refund::RefundStatus;
use entity::{MinorUnits, refund};
use escrow::Command;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use secure_payment::party::demo;
use serde_json::Value;

use super::transfers::{asked, at, inbox, receipts, tell};
use crate::support::bank::{causes, status};
use crate::support::rail::{Fake, Post, Rail};
use crate::support::trouble::{done, provide_account, refunds};
use crate::support::{TestApp, on_each_database};

on_each_database!(every_sample_moves_what_it_says_and_nothing_else);

const VECTORS: &str = include_str!("../../../vectors/bank_iso20022.json");

/// Makes a sample's reference ours.
async fn call(rail: &Rail<'_>, table: &str, id: &str, reference: &str) {
    let transaction = rail.app.db.begin_write().await.expect("begins");
    let (_prefix, suffix) = id.split_once('_').expect("an id");
    let uuid = type_safe_uuid(suffix);
    let id = if rail.app.db.is_sqlite() { format!("x'{}'", uuid.replace('-', "")) } else { format!("'{uuid}'") };
    let sql = format!("update {table} set reference = '{reference}' where id = {id}");
    let changed = transaction.execute_unprepared(&sql).await.expect("writes");
    assert_eq!(changed.rows_affected(), 1, "{sql}");
    transaction.commit().await.expect("commits");
}

/// Crockford's base 32, as TypeIDs have it.
fn type_safe_uuid(suffix: &str) -> String {
    let alphabet = "0123456789abcdefghjkmnpqrstvwxyz";
    let number = suffix.chars().fold(0_u128, |number, c| {
        (number << 5) | alphabet.find(c).and_then(|value| u128::try_from(value).ok()).expect("of the alphabet")
    });
    uuid::Uuid::from_u128(number).to_string()
}

async fn refund_called(rail: &Rail<'_>, reference: &str) -> RefundStatus {
    let found = refund::Entity::find().filter(refund::Column::Reference.eq(reference));
    found.one(&rail.app.db.read).await.expect("reads").expect("is there").status
}

async fn every_sample_moves_what_it_says_and_nothing_else(app: &TestApp) {
    let (rail, bank) = at(app).await;
    let mut orders = Vec::new();
    for (total, reference) in
        [("1250.00", "SP-7K3M9Q"), ("1000.00", "SP-8N4P2R"), ("2000.00", "RF18539007547034"), ("500.00", "SP-9Q5R3S")]
    {
        let (order, payment) = asked(&rail, total).await;
        call(&rail, "payment", &payment.id.to_string(), reference).await;
        orders.push((order, payment.id.to_string()));
    }
    let (of_refunds, payment) = asked(&rail, "1000.00").await;
    bank.pay(&payment.reference).await;
    rail.deliver().await;
    for units in [34_500, 1_000, 2_000] {
        done(app, demo::SUPPLIER, &of_refunds, Command::RefundOrder { amount: MinorUnits(units) }).await;
    }
    provide_account(app, &of_refunds).await;
    rail.drain().await;
    for (refund, reference) in refunds(app, &of_refunds).await.iter().zip(["RF-rf01", "RF-rf02", "RF-rf03"]) {
        assert_eq!(refund.status, RefundStatus::Pending);
        call(&rail, "refund", &refund.id.to_string(), reference).await;
    }

    let mut told: Vec<String> = Vec::new();
    let file: Value = serde_json::from_str(VECTORS).expect("JSON");
    for vector in file["vectors"].as_array().expect("a list") {
        let id = vector["id"].as_str().expect("an id");
        assert_eq!(vector["valid"], true, "{id}: what is expected of it?");
        let body = vector["body"].as_str().expect("a body").to_owned();
        let unsigned = Post {
            to: "bank",
            headers: vec![("content-type".to_owned(), "application/xml".to_owned())],
            body: body.clone().into_bytes(),
        };
        let before = (causes(&rail.shop).await.len(), inbox(&rail).await.len());
        assert_eq!(rail.post(&unsigned).await.0, 401, "{id}: as it is, nobody vouches for it");
        assert_eq!(inbox(&rail).await.len(), before.1, "{id}");
        tell(&rail, &bank, body.clone()).await;
        let moved = causes(&rail.shop).await[before.0..].to_vec();
        check(&rail, id, &vector["expect"], &orders, &moved).await;
        let inbox = inbox(&rail).await;
        // One of them is another's file byte for byte, and so the same notification.
        let is_new = !told.contains(&body);
        told.push(body.clone());
        let expected =
            if id.ends_with("_request") { NotificationStatus::Quarantined } else { NotificationStatus::Applied };
        assert_eq!(inbox.len(), before.1 + usize::from(is_new), "{id}");
        assert!(!is_new || inbox.last().is_some_and(|last| last.0 == expected), "{id}: {inbox:?}");
        tell(&rail, &bank, body).await;
        assert_eq!(causes(&rail.shop).await.len(), before.0 + moved.len(), "{id}: once");
    }
}

async fn check(rail: &Rail<'_>, id: &str, expect: &Value, orders: &[(String, String)], moved: &[String]) {
    let funded = async |which: usize| status(&rail.shop, &orders[which].0).await == "FUNDED";
    let captured = async |which: usize| rail.payment(&orders[which].1).await.captured.0;
    let amount = expect["amount_minor"].as_i64().unwrap_or_default();
    let aside = async || -> Vec<_> { receipts(rail).await.iter().map(|row| (row.reason, row.amount.0)).collect() };
    let refunded = async |which: &str| refund_called(rail, which).await;
    let over = (ReceiptReason::Overpaid, 100);
    match id {
        "exact_e2e" => {
            assert_eq!(
                (moved, funded(0).await, captured(0).await),
                (&["payment.captured".to_owned()][..], true, amount)
            );
        }
        "short_unstructured" => {
            assert_eq!(
                (moved, funded(1).await, captured(1).await),
                (&["payment.captured".to_owned()][..], false, amount)
            );
        }
        "over_structured_rf" => {
            assert_eq!(moved, ["payment.captured", "funds.unapplied", "refund.requested"]);
            assert_eq!((funded(2).await, captured(2).await, aside().await), (true, amount - 100, vec![over]));
        }
        // Three of the six lines were told before.
        "statement_day" => {
            assert_eq!(moved, ["payment.captured", "funds.unapplied", "funds.unapplied"]);
            assert_eq!((funded(3).await, captured(3).await), (true, 50_000));
            let unknown = |units| (ReceiptReason::UnknownReference, units);
            assert_eq!(aside().await, [over, unknown(77_700), unknown(300_000)]);
            assert_eq!(expect["entries"], 6);
        }
        "refund_ok_request"
        | "refund_closed_account_request"
        | "refund_duplicate_msgid_request"
        | "refund_returned_request" => assert_eq!(moved.len(), 0, "{id}: nobody sends us orders"),
        "refund_ok_status" | "refund_duplicate_msgid_status" => {
            assert_eq!((moved.len(), refunded("RF-rf01").await), (0, RefundStatus::Pending), "{id}");
        }
        "refund_closed_account_status" => {
            assert_eq!((moved.len(), refunded("RF-rf02").await), (0, RefundStatus::ActionRequired));
        }
        "refund_returned_status" => assert_eq!((moved.len(), refunded("RF-rf03").await), (0, RefundStatus::Pending)),
        // The file has it before the news that it was sent.
        "refund_returned_pacs004" => {
            assert_eq!(moved, ["refund.succeeded", "refund.failed"]);
            assert_eq!(refunded("RF-rf01").await, RefundStatus::ActionRequired);
        }
        "camt054_refund_debit" => {
            assert_eq!(moved, ["refund.succeeded"], "the other one has come back already");
            assert_eq!(refunded("RF-rf01").await, RefundStatus::ActionRequired);
            assert_eq!(refunded("RF-rf03").await, RefundStatus::Succeeded);
        }
        other => panic!("{other}: nothing is expected of this sample"),
    }
}

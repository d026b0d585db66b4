use serde_json::{Value, json};

use super::*;

fn movement(kind: &str, status: &str) -> Value {
    json!({ "id": "sandbox_1", "kind": kind, "reference": "payment_1", "status": status,
            "amount": { "amount": "64.00", "currency": "USD" }, "reason": null })
}

fn read(movement: Value) -> Result<Fact, String> {
    let parsed: Movement = serde_json::from_value(movement).map_err(|error| error.to_string())?;
    facts(&parsed).map(|mut facts| facts.remove(0))
}

fn notification(event_type: &str, movement: &Value) -> Value {
    json!({ "type": event_type, "created_at": "2026-11-22T12:00:00Z", "livemode": false, "movement": movement })
}

fn interpreted(notification: &Value) -> Result<Vec<Fact>, String> {
    notified(notification.to_string().as_bytes())
}

#[test]
fn only_succeeded_means_money() {
    let (reference, id) = ("payment_1".to_owned(), "sandbox_1".to_owned());
    for status in ["OPEN", "SETTLING"] {
        assert_eq!(
            read(movement("PAYMENT", status)),
            Ok(Fact::PaymentPending { reference: reference.clone() }),
            "{status}"
        );
    }
    let captured = Fact::PaymentCaptured {
        references: vec![reference],
        provider_reference: Some(id.clone()),
        movement: id,
        amount: Money::new(entity::MinorUnits(6_400), entity::Currency::USD),
        remitter: None,
    };
    assert_eq!(read(movement("PAYMENT", "SUCCEEDED")), Ok(captured));
    assert!(matches!(read(movement("PAYMENT", "DECLINED")), Ok(Fact::PaymentFailed { .. })));
    assert!(matches!(read(movement("PAYMENT", "CANCELLED")), Ok(Fact::PaymentCancelled { .. })));
    assert!(matches!(read(movement("PAYMENT", "EXPIRED")), Ok(Fact::PaymentExpired { .. })));
    assert!(matches!(read(movement("REFUND", "SETTLING")), Ok(Fact::RefundPending { .. })));
    assert!(matches!(read(movement("REFUND", "SUCCEEDED")), Ok(Fact::RefundSucceeded { .. })));
    assert!(matches!(read(movement("REFUND", "DECLINED")), Ok(Fact::RefundFailed { .. })));
    assert!(matches!(read(movement("PAYOUT", "SETTLING")), Ok(Fact::PayoutPending { .. })));
    assert!(matches!(read(movement("PAYOUT", "SUCCEEDED")), Ok(Fact::PayoutPaid { .. })));
    assert!(matches!(read(movement("PAYOUT", "DECLINED")), Ok(Fact::PayoutFailed { .. })));
    for (kind, status) in [("PAYMENT", "AUTHORISED"), ("CHARGEBACK", "OPEN"), ("payment", "SUCCEEDED"), ("", "")] {
        assert!(read(movement(kind, status)).is_err(), "{kind} {status}");
    }
}

#[test]
fn money_that_came_besides_is_captured_too() {
    let mut document = movement("PAYMENT", "OPEN");
    document["transfers"] = json!([
        { "id": "sandbox_2", "amount": { "amount": "10.00", "currency": "USD" } },
        { "id": "sandbox_3", "amount": { "amount": "5", "currency": "JPY" } },
    ]);
    let read_all = |document: &Value| {
        let parsed: Movement = serde_json::from_value(document.clone()).map_err(|error| error.to_string())?;
        facts(&parsed)
    };
    let captured = |id: &str, amount| Fact::PaymentCaptured {
        references: vec!["payment_1".to_owned()],
        provider_reference: Some("sandbox_1".to_owned()),
        movement: id.to_owned(),
        amount,
        remitter: None,
    };
    let dollars = Money::exact("10.00", "USD").expect("exact");
    let yen = Money::exact("5", "JPY").expect("exact");
    let pending = Fact::PaymentPending { reference: "payment_1".to_owned() };
    assert_eq!(read_all(&document), Ok(vec![captured("sandbox_2", dollars), captured("sandbox_3", yen), pending]));
    document["kind"] = "REFUND".into();
    assert!(read_all(&document).is_err(), "a refund has none");
    document["kind"] = "PAYMENT".into();
    document["transfers"][1]["amount"]["amount"] = "5.5".into();
    assert!(read_all(&document).is_err(), "yen have no cents");

    let mut stated = movement("PAYMENT", "SUCCEEDED");
    stated["id"] = "sandbox_2".into();
    stated["original"] = "sandbox_1".into();
    stated["amount"]["amount"] = "10.00".into();
    assert_eq!(read(stated), Ok(captured("sandbox_2", dollars)), "the notification says the same");
}

#[test]
fn money_that_the_bank_cannot_match_is_nobodys_whatever_was_written() {
    let mut stated = movement("UNMATCHED", "SUCCEEDED");
    stated["remitter"] = json!({ "name": "Ana", "account": null, "text": "payment_1\u{0}" });
    let remitter = Remitter { name: Some("Ana".to_owned()), account: None, text: Some("payment_1".to_owned()) };
    let captured = Fact::PaymentCaptured {
        references: Vec::new(),
        provider_reference: None,
        movement: "sandbox_1".to_owned(),
        amount: Money::exact("64.00", "USD").expect("exact"),
        remitter: Some(remitter),
    };
    assert_eq!(interpreted(&notification("transfer.unmatched", &stated)), Ok(vec![captured]));
    assert!(interpreted(&notification("payment.succeeded", &stated)).is_err());
    assert!(interpreted(&notification("transfer.unmatched", &movement("PAYMENT", "SUCCEEDED"))).is_err());
}

#[test]
fn the_bank_says_what_the_buyer_does_next() {
    let account =
        json!({ "account_holder": "a", "iban": "b", "bic": "c", "reference": "d", "creditor_reference": "e" });
    let voucher = json!({ "code": "123", "expires_at": "2026-11-22T12:00:00Z" });
    let next = |transfer_to: Value, voucher: Value, url: Value| {
        let mut document = movement("PAYMENT", "OPEN");
        document["transfer_to"] = transfer_to;
        document["voucher"] = voucher;
        document["checkout_url"] = url;
        next_action(&serde_json::from_value(document).expect("a movement"))
    };
    let url = "http://bank/1".to_owned();
    assert_eq!(next(Value::Null, Value::Null, json!(url)), Ok(NextAction::Redirect { url: url.clone() }));
    let to_account = NextAction::BankTransfer {
        account_holder: "a".to_owned(),
        iban: Some("b".to_owned()),
        country: None,
        bank_code: None,
        account_number: None,
        bic: "c".to_owned(),
        reference: "d".to_owned(),
        creditor_reference: "e".to_owned(),
        url: Some(url.clone()),
    };
    assert_eq!(next(account.clone(), Value::Null, json!(url)), Ok(to_account));
    let by_code = NextAction::Voucher { code: "123".to_owned(), url: Some(url.clone()) };
    assert_eq!(next(Value::Null, voucher.clone(), json!(url)), Ok(by_code));
    assert!(next(account.clone(), voucher, json!(url)).is_err(), "one or the other");
    assert!(next(account, Value::Null, Value::Null).is_err(), "there is always a page");
}

#[test]
fn each_stage_of_a_chargeback_says_everything() {
    let chargeback = |status, debited: Value| {
        let mut document = movement("CHARGEBACK", status);
        document["debited"] = debited;
        document["reason"] = "fraudulent".into();
        document
    };
    let stage = |status, debited: bool| match interpreted(&notification(
        &format!("chargeback.{}", str::to_lowercase(status)),
        &chargeback(status, debited.into()),
    )) {
        Ok(facts) => match facts.as_slice() {
            [Fact::Chargeback { reference, chargeback, amount, stage, reason }] => {
                assert_eq!((reference.as_str(), chargeback.as_str()), ("payment_1", "sandbox_1"));
                assert_eq!((amount.map(|amount| amount.amount.0), reason.as_str()), (Some(6_400), "fraudulent"));
                Ok(stage.clone())
            }
            other => panic!("{other:?}"),
        },
        Err(error) => Err(error),
    };
    assert_eq!(stage("OPENED", false), Ok(ChargebackStage::Opened));
    assert_eq!(stage("DEBITED", true), Ok(ChargebackStage::Debited { movement: "sandbox_1:debited".to_owned() }));
    assert_eq!(stage("WON", false), Ok(ChargebackStage::Won { movement: None }));
    assert_eq!(stage("WON", true), Ok(ChargebackStage::Won { movement: Some("sandbox_1:won".to_owned()) }));
    assert_eq!((stage("LOST", false), stage("LOST", true)), (Ok(ChargebackStage::Lost), Ok(ChargebackStage::Lost)));
    for (status, debited) in [("OPENED", true), ("DEBITED", false), ("OPEN", false), ("SUCCEEDED", true)] {
        assert!(stage(status, debited).is_err(), "{status} {debited}");
    }
    for status in ["OPENED", "DEBITED", "WON", "LOST"] {
        assert!(
            read(chargeback(status, Value::Null)).is_err(),
            "{status}: whether it was debited is not to be guessed"
        );
    }
}

#[test]
fn a_reversal_is_no_chargeback() {
    let reversal = movement("REVERSAL", "SUCCEEDED");
    let reversed = Fact::PaymentReversed {
        reference: "payment_1".to_owned(),
        movement: "sandbox_1".to_owned(),
        amount: Money::exact("64.00", "USD").expect("exact"),
        reason: "the bank gave no reason".to_owned(),
    };
    assert_eq!(interpreted(&notification("payment.reversed", &reversal)), Ok(vec![reversed]));
    for (event_type, kind, status) in [
        ("payment.reversed", "PAYMENT", "SUCCEEDED"),
        ("payment.reversed", "CHARGEBACK", "LOST"),
        ("payment.reversed", "REVERSAL", "OPEN"),
        ("payment.succeeded", "REVERSAL", "SUCCEEDED"),
        ("chargeback.lost", "REVERSAL", "SUCCEEDED"),
        ("chargeback.opened", "CHARGEBACK", "LOST"),
    ] {
        assert!(
            interpreted(&notification(event_type, &movement(kind, status))).is_err(),
            "{event_type} {kind} {status}"
        );
    }
}

#[test]
fn an_amount_that_is_not_exact_is_refused() {
    for amount in ["64", "64.0", "0.01"] {
        let mut document = movement("PAYMENT", "SUCCEEDED");
        document["amount"]["amount"] = amount.into();
        assert!(read(document).is_ok(), "{amount}");
    }
    let refused = [
        json!(64.0),
        json!(64),
        json!("64.001"),
        json!("-64"),
        json!("0"),
        json!(""),
        json!("6e1"),
        json!("6_4"),
        json!("1,000"),
    ];
    for amount in refused {
        let mut document = movement("PAYMENT", "SUCCEEDED");
        document["amount"]["amount"] = amount.clone();
        assert!(read(document).is_err(), "{amount}");
    }
    let mut document = movement("PAYMENT", "SUCCEEDED");
    document["amount"]["currency"] = "XXX".into();
    assert!(read(document).is_err());
}

#[test]
fn a_notification_that_is_not_understood_says_why() {
    let paid = movement("PAYMENT", "SUCCEEDED");
    assert!(interpreted(&notification("payment.succeeded", &paid)).is_ok());
    let mut live = notification("payment.succeeded", &paid);
    live["livemode"] = true.into();
    assert_eq!(interpreted(&live), Err("livemode is true, but the sandbox has no real money".to_owned()));
    let mut silent = notification("payment.succeeded", &paid);
    silent.as_object_mut().expect("an object").remove("livemode");
    assert!(interpreted(&silent).is_err());
    assert!(interpreted(&notification("payment.settled", &paid)).expect_err("unknown").contains("payment.settled"));
    assert!(interpreted(&notification("refund.succeeded", &paid)).is_err());
    assert!(interpreted(&notification("payment.succeeded", &movement("PAYMENT", "OPEN"))).is_err());
    assert!(notified(b"").is_err());
}

use chrono::DateTime;
use http::HeaderValue;
use serde_json::json;

use super::*;

const SECRET: &str = "whsec_0123456789abcdef0123456789abcdef";
const NOW: i64 = 1_761_998_400;

fn signature(secret: &str, timestamp: &str, body: &[u8]) -> String {
    hex::encode(hmac::sha256(secret.as_bytes(), &[timestamp.as_bytes(), b".", body]))
}

fn verdict(header: &str, body: &[u8], now: i64) -> Result<Verified, VerifyError> {
    let secrets = [SecretString::from("whsec_another_one_that_is_being_replaced"), SecretString::from(SECRET)];
    let mut headers = HeaderMap::new();
    headers.append(HEADER, HeaderValue::from_str(header).expect("a value"));
    verify(&secrets, &headers, body, DateTime::from_timestamp(now, 0).expect("in range"))
}

#[test]
fn five_minutes_pass_both_ways_and_a_second_more_does_not() {
    let body = br#"{"id":"evt_1"}"#;
    let header = format!("t={NOW},v1={}", signature(SECRET, &NOW.to_string(), body));
    for (offset, passes) in [(0, true), (300, true), (-300, true), (301, false), (-301, false)] {
        assert_eq!(verdict(&header, body, NOW + offset).is_ok(), passes, "{offset}");
    }
}

#[test]
fn any_v1_will_do_and_nothing_else() {
    let body = br#"{"id":"evt_1"}"#;
    let good = signature(SECRET, &NOW.to_string(), body);
    let bad = "0".repeat(64);
    for (header, passes) in [
        (format!("t={NOW},v1={bad},v1={good}"), true),
        (format!("t={NOW}, v1={good}, v0={bad}"), true),
        (format!("v1={good},t={NOW}"), true),
        (format!("t={NOW},v0={good}"), false),
        (format!("t={NOW},v2={good}"), false),
        (format!("t={NOW},v1={bad}"), false),
        (format!("t={NOW},v1="), false),
        (format!("t={NOW},v1={}", &good[..62]), false),
        (format!("t={NOW}"), false),
        (format!("v1={good}"), false),
        (format!("t={NOW},t={NOW},v1={good}"), false),
        (format!("t= {NOW},v1={good}"), false),
        (format!("t=+{NOW},v1={good}"), false),
        (format!("t={NOW}.0,v1={good}"), false),
        (String::new(), false),
    ] {
        assert_eq!(verdict(&header, body, NOW).is_ok(), passes, "{header}");
    }
    let of_another = signature("whsec_somebody_elses_0123456789abcdef", &NOW.to_string(), body);
    assert!(verdict(&format!("t={NOW},v1={of_another}"), body, NOW).is_err());
}

#[test]
fn what_is_signed_but_no_event_is_refused() {
    for body in [&b"[]"[..], b"{}", b"{\"id\":\"\"}", b"{\"id\":1}", b"no JSON"] {
        let header = format!("t={NOW},v1={}", signature(SECRET, &NOW.to_string(), body));
        assert!(verdict(&header, body, NOW).is_err(), "{}", String::from_utf8_lossy(body));
    }
}

#[test]
fn what_changes_from_one_attempt_to_the_next_is_not_content() {
    let event = |pending: u8, request: &str, amount: i64| {
        json!({ "id": "evt_1", "pending_webhooks": pending, "request": { "id": request },
            "data": { "object": { "amount": amount } } })
    };
    let content = |event: Value| {
        let body = event.to_string();
        let header = format!("t={NOW},v1={}", signature(SECRET, &NOW.to_string(), body.as_bytes()));
        let verified = verdict(&header, body.as_bytes(), NOW).expect("verified");
        assert_eq!(verified.event_id, "evt_1");
        verified.content
    };
    assert_eq!(content(event(1, "req_1", 5)), content(event(0, "req_2", 5)));
    assert_ne!(content(event(1, "req_1", 5)), content(event(1, "req_1", 6)));
}

fn facts_of(kind: &str, object: Value) -> Result<Vec<Fact>, String> {
    told_as(json!({ "id": "evt_1", "object": "event", "type": kind, "livemode": false, "data": { "object": object } }))
}

fn told_as(event: Value) -> Result<Vec<Fact>, String> {
    interpret(event.to_string().as_bytes(), false)
}

fn intent_that_is(status: &str) -> Value {
    json!({ "id": "pi_1", "object": "payment_intent", "amount": 500, "amount_received": 500, "currency": "eur",
        "status": status, "metadata": { "payment_id": "payment_1" } })
}

#[test]
fn only_a_payment_that_succeeded_is_money() {
    let statuses = [
        "requires_payment_method",
        "requires_confirmation",
        "requires_action",
        "requires_capture",
        "processing",
        "canceled",
        "something_new",
    ];
    let types = [
        "created",
        "processing",
        "requires_action",
        "amount_capturable_updated",
        "partially_funded",
        "canceled",
        "payment_failed",
        "succeeded",
        "something_new",
    ];
    for kind in types {
        for status in statuses.iter().chain(&["succeeded"]) {
            let facts = facts_of(&format!("payment_intent.{kind}"), intent_that_is(status));
            let is_money = facts.iter().flatten().any(|fact| matches!(fact, Fact::PaymentCaptured { .. }));
            assert_eq!(is_money, kind == "succeeded" && *status == "succeeded", "{kind} {status}: {facts:?}");
        }
    }
    for kind in NO_MONEY {
        assert_eq!(facts_of(kind, intent_that_is("succeeded")), Ok(Vec::new()), "{kind}");
    }
}

#[test]
fn what_is_not_ours_or_not_understood_says_nothing() {
    let event = |changed: Value| {
        let mut event = json!({ "id": "evt_1", "object": "event", "type": "payment_intent.succeeded", "livemode": false,
            "data": { "object": intent_that_is("succeeded") } });
        for (name, value) in changed.as_object().expect("an object") {
            event[name] = value.clone();
        }
        event
    };
    assert_eq!(told_as(event(json!({}))).map(|facts| facts.len()), Ok(1));
    for changed in [
        json!({ "livemode": true }),
        json!({ "livemode": null }),
        json!({ "account": "acct_of_somebody_else" }),
        json!({ "object": "v2.core.event" }),
        json!({ "type": "charge.refunded" }),
        json!({ "type": "refund.failed" }),
        json!({ "type": "charge.dispute.closed" }),
        json!({ "type": "invoice.paid" }),
    ] {
        assert!(told_as(event(changed.clone())).is_err(), "{changed}");
    }
    for (name, value) in [
        ("amount_received", json!("500")),
        ("amount_received", json!(5.0)),
        ("amount_received", Value::Null),
        ("amount_received", json!(0)),
        ("currency", json!("EUR")),
        ("currency", json!("ugx")),
        ("id", json!("")),
        ("metadata", json!({ "payment_id": "a\nb" })),
    ] {
        let mut object = intent_that_is("succeeded");
        object[name] = value.clone();
        assert!(facts_of("payment_intent.succeeded", object).is_err(), "{name} {value}");
    }
}

#[test]
fn a_refund_is_called_by_our_name_however_it_is_heard() {
    let refund = |status: &str, reason: Value| {
        json!({ "id": "re_1", "object": "refund", "amount": 345, "currency": "eur", "payment_intent": "pi_1", "status": status,
            "failure_reason": reason, "metadata": { "refund_id": "refund_1" } })
    };
    let amount = entity::Money::exact("3.45", "EUR").expect("an amount");
    let (reference, provider_reference) = ("refund_1".to_owned(), Some("re_1".to_owned()));
    let gone =
        Fact::RefundSucceeded { movement: reference.clone(), reference: reference.clone(), provider_reference, amount };
    for kind in ["refund.created", "refund.updated", "charge.refund.updated"] {
        assert_eq!(facts_of(kind, refund("succeeded", Value::Null)), Ok(vec![gone.clone()]), "{kind}");
    }
    let reason = "the card has expired or was cancelled".to_owned();
    let failed = Fact::RefundFailed {
        reference,
        provider_reference: Some("re_1".to_owned()),
        movement: Some("re_1:failed".to_owned()),
        reason,
    };
    for kind in ["refund.updated", "refund.failed", "charge.refund.updated"] {
        assert_eq!(
            facts_of(kind, refund("failed", json!("expired_or_canceled_card"))),
            Ok(vec![failed.clone()]),
            "{kind}"
        );
    }
    assert!(facts_of("refund.failed", refund("succeeded", Value::Null)).is_err());
    assert!(facts_of("refund.updated", refund("reversed", Value::Null)).is_err());
}

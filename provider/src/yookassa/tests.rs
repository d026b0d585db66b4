use http::HeaderMap;
use reqwest::StatusCode;

use super::api::error_of;
use super::call::Answer;
use super::*;
use crate::ProviderError::{NotKnown, Refused, Unknown};
use crate::for_tests;

const KEY: &str = "test_0123456789abcdef";

fn settings(change: impl FnOnce(&mut YookassaSettings)) -> YookassaSettings {
    let mut own = for_tests::settings(&[]).yookassa;
    (own.shop_id, own.secret_key) = (Some("100500".to_owned()), Some(SecretString::from(KEY)));
    change(&mut own);
    own
}

fn made(own: &YookassaSettings, mode: Mode) -> Result<YooKassa, SettingError> {
    YooKassa::new(own, mode, "https://shop.example".to_owned(), &Clock::default())
}

fn yookassa() -> YooKassa {
    made(&settings(|_own| {}), Mode::Sandbox).expect("settings")
}

#[test]
fn a_wrong_setting_is_named_and_a_key_is_of_its_mode() {
    let wrong = |mode, change: fn(&mut YookassaSettings)| {
        let error = made(&settings(change), mode).err()?;
        assert!(!error.problem.contains("0123456789"), "a key is never quoted: {}", error.problem);
        Some(error.variable)
    };
    let live: fn(&mut YookassaSettings) = |own| own.secret_key = Some(SecretString::from("live_0123456789abcdef"));
    assert_eq!(wrong(Mode::Sandbox, |_own| {}), None);
    assert_eq!(wrong(Mode::Live, live), None);
    assert_eq!(wrong(Mode::Live, |_own| {}), Some("YOOKASSA_SECRET_KEY"));
    assert_eq!(wrong(Mode::Sandbox, live), Some("YOOKASSA_SECRET_KEY"));
    assert_eq!(wrong(Mode::Sandbox, |own| own.secret_key = None), Some("YOOKASSA_SECRET_KEY"));
    assert_eq!(
        wrong(Mode::Sandbox, |own| own.secret_key = Some(SecretString::from("test_"))),
        Some("YOOKASSA_SECRET_KEY")
    );
    assert_eq!(wrong(Mode::Sandbox, |own| own.shop_id = Some("shop".to_owned())), Some("YOOKASSA_SHOP_ID"));
    assert_eq!(wrong(Mode::Sandbox, |own| own.payment_method = "cash".to_owned()), Some("YOOKASSA_PAYMENT_METHOD"));
    assert_eq!(wrong(Mode::Sandbox, |own| own.addresses = vec!["x".to_owned()]), Some("YOOKASSA_ADDRESSES"));
    assert_eq!(wrong(Mode::Sandbox, |own| own.addresses = Vec::new()), Some("YOOKASSA_ADDRESSES"));
    assert_eq!(wrong(Mode::Sandbox, |own| own.api_base = "ftp://x".to_owned()), Some("YOOKASSA_API_BASE"));
    assert!(!format!("{:?}", yookassa()).contains("0123456789"));
}

#[test]
fn what_is_offered_is_roubles_by_this_method() {
    let terms = yookassa().terms(PaymentMethod::Yandex).expect("is offered");
    let takes = |amount: &str, currency: &str| terms.refuses(Money::exact(amount, currency).expect("money")).is_none();
    assert!(takes("1.00", "RUB") && takes("250000.00", "RUB"));
    assert!(!takes("0.99", "RUB") && !takes("250000.01", "RUB") && !takes("100.00", "USD"));
    assert!(yookassa().terms(PaymentMethod::Visa).is_none());
}

fn verified(client: &str, body: &[u8]) -> Result<Incoming, VerifyError> {
    let headers = HeaderMap::new();
    let client = client.parse().expect("an address");
    let request = WebhookRequest { path: "/webhooks/yookassa", client, headers: &headers, body };
    yookassa().verify(&request, Clock::default().wall())
}

#[test]
fn only_the_published_addresses_are_heard() {
    let body = br#"{"type":"notification","event":"payment.succeeded","object":{"id":"22d6d597"}}"#;
    for (client, is_heard) in [
        ("77.75.153.0", true),
        ("77.75.153.127", true),
        ("77.75.153.128", false),
        ("77.75.154.127", false),
        ("77.75.154.128", true),
        ("77.75.156.11", true),
        ("77.75.156.12", false),
        ("77.75.156.35", true),
        ("185.71.76.31", true),
        ("185.71.76.32", false),
        ("185.71.77.31", true),
        ("::ffff:185.71.77.31", true),
        ("::ffff:185.71.77.32", false),
        ("2a02:5180:0:1509::1", true),
        ("2a02:5180:0:1533:ffff::", true),
        ("2a02:5180:0:2655::1", true),
        ("2a02:5180:0:2669::1", true),
        ("2a02:5180:0:2670::1", true),
        ("2a02:5180:ffff::1", true),
        ("2a02:5181::1", false),
        ("127.0.0.1", false),
        ("0.0.0.0", false),
    ] {
        assert_eq!(verified(client, body).is_ok(), is_heard, "{client}");
    }
}

#[test]
fn the_same_again_is_the_same_byte_by_byte() {
    let id_of = |body: &str| match verified("77.75.156.11", body.as_bytes()) {
        Ok(Incoming::Notification(notification)) => {
            assert_eq!(notification.content, body.as_bytes());
            notification.event_id
        }
        other => panic!("{other:?}"),
    };
    let notification_of = |rest: &str| {
        format!(r#"{{"type":"notification","event":"payment.succeeded","object":{{"id":"22d6d597"{rest}}}}}"#)
    };
    let (first, grown) =
        (notification_of(""), notification_of(r#","refunded_amount":{"value":"1.00","currency":"RUB"}"#));
    assert!(id_of(&first).starts_with("payment.succeeded:22d6d597:"));
    assert_eq!(id_of(&first), id_of(&first));
    assert_ne!(id_of(&first), id_of(&grown), "it is asked about again, which does no harm");
    for strange in ["", "[]", r#"{"type":"notification","event":"e\u0000","object":{"id":"../payments"}}"#] {
        let id = id_of(strange);
        assert!(id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    }
}

#[test]
fn news_says_what_to_ask_about_and_nothing_else() {
    let facts = |body: &str| yookassa().interpret(body.as_bytes());
    let notification_of =
        |event: &str, object: &str| format!(r#"{{"type":"notification","event":"{event}","object":{object}}}"#);
    let hint = |references: &[&str]| Fact::PaymentHint {
        references: references.iter().map(|text| (*text).to_owned()).collect(),
        provider_reference: Some("22d6-1".to_owned()),
    };
    let ours = r#"{"id":"22d6-1","status":"succeeded","metadata":{"payment_id":"payment_1","refund_id":"refund_1"}}"#;
    for event in ["payment.succeeded", "payment.canceled", "payment.waiting_for_capture"] {
        assert_eq!(facts(&notification_of(event, ours)), Ok(vec![hint(&["payment_1"])]));
        assert_eq!(facts(&notification_of(event, r#"{"id":"22d6-1"}"#)), Ok(vec![hint(&[])]));
    }
    let refund = |reference: &str| Ok(vec![Fact::RefundHint { reference: reference.to_owned() }]);
    assert_eq!(facts(&notification_of("refund.succeeded", ours)), refund("refund_1"));
    assert_eq!(facts(&notification_of("refund.succeeded", r#"{"id":"22d6-1","metadata":null}"#)), refund("22d6-1"));
    for event in ["deal.closed", "payout.succeeded", "payout.canceled", "payment_method.active", "payment", ""] {
        assert!(facts(&notification_of(event, ours)).is_err(), "{event}");
    }
    for id in ["", ".", "..", "a/b", "a b", "\u{439}"] {
        assert!(facts(&notification_of("payment.succeeded", &format!(r#"{{"id":"{id}"}}"#))).is_err(), "{id}");
    }
}

#[test]
fn only_what_yookassa_says_of_the_request_refuses_it() {
    let answered = |status: u16, body: &str| {
        let status = StatusCode::from_u16(status).expect("a status");
        error_of(&Answer { status, headers: HeaderMap::new(), body: body.as_bytes().to_vec() })
    };
    let document = |kind: &str, code: &str, parameter: &str| {
        format!(r#"{{"type":"{kind}","id":"1","code":"{code}","description":"no","parameter":"{parameter}"}}"#)
    };
    let refused = answered(400, &document("error", "invalid_request", "amount.value"));
    assert_eq!(refused, Refused("invalid_request: no (amount.value)".to_owned()));
    assert!(matches!(answered(404, &document("error", "not_found", "payment_id")), NotKnown(_)));
    for (status, body) in [
        (400, document("error", "invalid_request", "Idempotence-Key")),
        (400, document("error", "not_found", "x")),
        (400, document("something", "invalid_request", "x")),
        (401, document("error", "invalid_credentials", "x")),
        (403, document("error", "forbidden", "x")),
        (404, document("error", "invalid_request", "x")),
        (429, document("error", "too_many_requests", "x")),
        (500, document("error", "internal_server_error", "x")),
        (202, r#"{"type":"processing","description":"x","retry_after":1800}"#.to_owned()),
        (400, String::new()),
        (404, "<html>".to_owned()),
        (405, String::new()),
    ] {
        assert!(matches!(answered(status, &body), Unknown(_)), "{status} {body}");
    }
}

#[test]
fn only_what_is_paid_is_captured() {
    let roubles = Money::exact("123.45", "RUB").expect("roubles");
    let fact = |change: serde_json::Value| {
        let mut payment = json!({ "id": "22d6-1", "status": "succeeded", "paid": true, "test": true,
            "amount": { "value": "123.45", "currency": "RUB" }, "recipient": { "account_id": "100500" } });
        payment.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        serde_json::from_value::<YookassaPayment>(payment).expect("a payment").fact("payment_1", roubles)
    };
    assert!(matches!(fact(json!({})), Ok(Fact::PaymentCaptured { movement, .. }) if movement == "22d6-1"));
    assert!(matches!(fact(json!({ "paid": false })), Err(Unknown(_))));
    assert!(matches!(fact(json!({ "status": "refunded" })), Err(Unknown(_))));
    for status in ["pending", "waiting_for_capture"] {
        assert!(matches!(fact(json!({ "status": status })), Ok(Fact::PaymentPending { .. })), "{status}");
    }
    let over = |reason: &str| {
        let details = json!({ "party": "yoo_money", "reason": reason });
        fact(json!({ "status": "canceled", "paid": false, "cancellation_details": details })).expect("a fact")
    };
    assert!(matches!(over("expired_on_confirmation"), Fact::PaymentExpired { .. }));
    assert!(matches!(over("canceled_by_merchant"), Fact::PaymentCancelled { .. }));
    for reason in ["insufficient_funds", "general_decline", "something_new"] {
        assert!(matches!(over(reason), Fact::PaymentFailed { .. }), "{reason}");
    }
}

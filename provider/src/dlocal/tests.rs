//! The parts that need no server: signatures, statuses, errors, settings.

use entity::Money;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::Value;

use super::*;
use crate::for_tests;
use crate::list::configured;
use ground::setting::Mode;

/// Published in shhac/agent-dlocal, which was tested against dLocal's sandbox.
#[test]
fn a_request_is_signed_as_dlocal_does() {
    let api = DlocalApi {
        client: ground::client::build("http://127.0.0.1").expect("a client"),
        base: String::new(),
        login: "1955gdod".to_owned(),
        trans_key: "x".into(),
        secrets: vec!["secretKey123".into()],
        clock: Clock::default(),
    };
    let signed = api.signatures("2022-11-24T15:42:57.130Z", b"");
    assert_eq!(signed, ["98211fe059efc3606b831a1c30a3c6d7448e598b515a15456ae9ebc157314aa2"]);
    let verdict = |name: &'static str, value: &str, late: i64| {
        let mut headers = HeaderMap::new();
        headers.insert("x-login", HeaderValue::from_static("1955gdod"));
        headers.insert("x-date", HeaderValue::from_static("2022-11-24T15:42:57.130Z"));
        headers.insert(name, HeaderValue::from_str(value).expect("a value"));
        let request = WebhookRequest {
            path: "/webhooks/dlocal",
            client: std::net::Ipv4Addr::LOCALHOST.into(),
            headers: &headers,
            body: b"",
        };
        let sent = "2022-11-24T15:42:57Z".parse::<Time>().expect("a time");
        api.verify(&request, sent + chrono::TimeDelta::seconds(late)).is_ok()
    };
    let in_words = format!("V2-HMAC-SHA256, Signature: {}", signed[0]);
    for late in [0, 86_400, -86_400] {
        assert!(verdict("authorization", &in_words, late) && verdict("signature", &signed[0], late), "{late}");
    }
    assert!(!verdict("authorization", &in_words, 86_401) && !verdict("authorization", &in_words, -86_401));
    assert!(!verdict("authorization", &signed[0], 0), "no scheme is no scheme");
    assert!(!verdict("signature", &signed[0].to_uppercase(), 0));
}

fn read(body: &Value, amount: &str) -> Result<Fact, String> {
    let body = body.to_string().replacen(r#""amount":null"#, &format!(r#""amount":{amount}"#), 1);
    document::notification(body.as_bytes())
}

#[test]
fn money_moves_only_where_word_and_code_agree() {
    let payment = |status: &str, code: Value| {
        read(
            &serde_json::json!({ "id": "D-4-1", "order_id": "pay_01", "amount": null, "currency": "BRL",
                "status": status, "status_code": code, "status_detail": "d" }),
            "72.00",
        )
    };
    let reference = || "pay_01".to_owned();
    let captured = Fact::PaymentCaptured {
        references: vec![reference()],
        provider_reference: Some("D-4-1".to_owned()),
        movement: "D-4-1".to_owned(),
        amount: Money::exact("72", "BRL").expect("money"),
        remitter: None,
    };
    assert_eq!(payment("PAID", "200".into()), Ok(captured.clone()));
    assert_eq!(payment("PAID", 200.into()), Ok(captured));
    for code in [Value::Null, "300".into(), "0200".into(), 2000.into(), true.into()] {
        assert!(payment("PAID", code.clone()).is_err(), "{code}");
    }
    for status in ["PENDING", "AUTHORIZED", "VERIFIED"] {
        assert_eq!(payment(status, "100".into()), Ok(Fact::PaymentPending { reference: reference() }), "{status}");
    }
    assert_eq!(
        payment("REJECTED", "301".into()),
        Ok(Fact::PaymentFailed { reference: reference(), reason: "d".to_owned() })
    );
    assert_eq!(payment("CANCELLED", "400".into()), Ok(Fact::PaymentCancelled { reference: reference() }));
    assert_eq!(payment("EXPIRED", "600".into()), Ok(Fact::PaymentExpired { reference: reference() }));
    assert!(payment("paid", "200".into()).is_err() && payment("SUCCESS", "200".into()).is_err());
}

#[test]
fn a_chargeback_is_no_refund() {
    let of = |id: &str, ours: Option<&str>, amount: &str| {
        read(
            &serde_json::json!({ "id": id, "payment_id": "D-4-1", "order_refund_id": ours, "amount": null,
                "currency": "BRL", "status": "SUCCESS", "status_code": 200 }),
            amount,
        )
    };
    let expected = Fact::RefundSucceeded {
        reference: "rf_01".to_owned(),
        provider_reference: Some("REF42342".to_owned()),
        movement: "REF42342".to_owned(),
        amount: Money::exact("3.45", "BRL").expect("money"),
    };
    assert_eq!(of("REF42342", Some("rf_01"), "3.45"), Ok(expected));
    assert_eq!(of("REF42342", None, "3.45"), Ok(Fact::RefundHint { reference: "REF42342".to_owned() }));
    for ours in [Some("rf_01"), None] {
        assert!(of("CHAR42342", ours, "3.45").is_err());
        for amount in ["3.455", "345e-2", "-3.45", "\"3.45\"", "0"] {
            assert!(of("REF42342", ours, amount).is_err(), "{amount}");
        }
    }
}

#[test]
fn only_what_dlocal_itself_says_for_good_is_a_refusal() {
    let answered = |status: u16, code: u32, param: &str| {
        let body = format!(r#"{{"code":{code},"message":"m","param":"{param}"}}"#);
        document::error_of(StatusCode::from_u16(status).expect("a status"), body.as_bytes())
    };
    for code in [4000, 4001] {
        assert_eq!(answered(404, code, ""), ProviderError::NotKnown(format!("{code}: m")));
    }
    for code in [5002, 5005, 5007, 5009, 5011, 5012, 5020] {
        assert_eq!(answered(400, code, ""), ProviderError::Refused(format!("{code}: m")));
    }
    assert_eq!(answered(400, 5001, "payer.document"), ProviderError::Refused("5001: m payer.document".to_owned()));
    // A wrong signature is 5000, and a missing header 5001.
    for (status, code, param) in
        [(400, 5000, ""), (400, 5001, "X-Date"), (400, 5021, ""), (403, 3001, ""), (429, 6000, ""), (500, 4000, "")]
    {
        assert!(matches!(answered(status, code, param), ProviderError::Unknown(_)), "{status} {code}");
    }
    for body in ["", "NOT_FOUND", "{}", r#"{"code":"4000","message":"m"}"#] {
        let error = document::error_of(StatusCode::NOT_FOUND, body.as_bytes());
        assert_eq!(error, ProviderError::Unknown("HTTP 404".to_owned()), "{body}");
    }
}

#[test]
fn the_wrong_mode_and_an_unknown_method_are_refused_at_the_start() {
    let start = |mode: Mode, base: &str, method: &str| {
        let mut settings = for_tests::settings(&[]);
        let own = &mut settings.dlocal;
        (own.login, own.trans_key) = (Some("login".to_owned()), Some("key".into()));
        own.secret_key = vec!["secret".into()];
        (own.api_base, own.payment_method) = (base.to_owned(), method.to_owned());
        configured(&settings, &for_tests::installation(mode), &Clock::default()).err().map(|error| error.variable)
    };
    let (sandbox, live) = (Mode::Sandbox, Mode::Live);
    for method in METHODS {
        assert_eq!(start(sandbox, "https://sandbox.dlocal.com", method), None, "{method}");
        assert_eq!(start(live, "https://api.dlocal.com", method), None, "{method}");
    }
    assert_eq!(start(sandbox, "http://127.0.0.1:1", "PQ"), None);
    assert_eq!(start(live, "https://proxy.example", "PQ"), None);
    assert_eq!(start(sandbox, "https://api.dlocal.com", "PQ"), Some("DLOCAL_API_BASE"));
    assert_eq!(start(live, "https://SANDBOX.dlocal.com/", "PQ"), Some("DLOCAL_API_BASE"));
    assert_eq!(start(sandbox, "https://sandbox.dlocal.com", "pq"), Some("DLOCAL_PAYMENT_METHOD"));
}

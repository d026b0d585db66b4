use chrono::DateTime;
use entity::Money;
use http::{HeaderMap, HeaderName};
use reqwest::StatusCode;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::api::{RapydApi, read};
use super::object::{RapydPayment, number};
use super::{check_host, payer_fields};
use crate::fact::Fact;
use crate::interface::ProviderError;
use crate::terms::PayerField;
use crate::webhook::WebhookRequest;
use crate::wire::call::{self, Answer};
use ground::clock::Clock;

const VECTORS: &str = include_str!("../../../tests/vectors/rapyd.json");

fn text<'a>(vector: &'a Value, field: &str) -> &'a str {
    vector[field].as_str().unwrap_or_else(|| panic!("{field} in {vector}"))
}

fn api(vector: &Value, secrets: &[&str]) -> RapydApi {
    let base = "https://sandboxapi.rapyd.net".to_owned();
    RapydApi {
        client: call::client("RAPYD_API_BASE", &base).expect("a client"),
        base,
        access_key: text(vector, "access_key").to_owned(),
        secrets: secrets.iter().map(|secret| SecretString::from(*secret)).collect(),
        webhook_url: text(vector, "url").to_owned(),
        clock: Clock::default(),
    }
}

fn headers(vector: &Value) -> HeaderMap {
    ["salt", "timestamp", "signature"]
        .into_iter()
        .map(|name| (HeaderName::from_static(name), text(&vector["headers"], name).parse().expect("a value")))
        .collect()
}

fn is_believed(api: &RapydApi, vector: &Value, headers: &HeaderMap) -> bool {
    let client = std::net::Ipv4Addr::LOCALHOST.into();
    let body = text(vector, "body").as_bytes();
    let now = DateTime::from_timestamp(vector["now"].as_i64().expect("seconds"), 0).expect("a time");
    api.verify(&WebhookRequest { path: "/webhooks/rapyd", client, headers, body }, now).is_ok()
}

/// `tests/it/rails/rapyd/vectors.rs` posts them.
#[test]
fn what_the_sdk_signed_is_believed_with_any_active_secret() {
    let document: Value = serde_json::from_str(VECTORS).expect("JSON");
    for vector in document["vectors"].as_array().expect("vectors") {
        let (valid, headers) = (vector["valid"] == true, headers(vector));
        for secrets in [&[text(vector, "secret")][..], &["rsk_new", text(vector, "secret")]] {
            assert_eq!(is_believed(&api(vector, secrets), vector, &headers), valid, "{}", vector["id"]);
        }
        assert!(!is_believed(&api(vector, &["rsk_new"]), vector, &headers), "{}", vector["id"]);
    }
}

#[test]
fn a_header_that_is_missing_twice_there_or_malformed_is_refused() {
    let document: Value = serde_json::from_str(VECTORS).expect("JSON");
    let vector = &document["vectors"][0];
    let (api, genuine) = (api(vector, &[text(vector, "secret")]), headers(vector));
    assert!(is_believed(&api, vector, &genuine));
    for name in ["salt", "timestamp", "signature"] {
        let mut headers = genuine.clone();
        headers.append(name, genuine[name].clone());
        assert!(!is_believed(&api, vector, &headers), "two of {name}");
        headers.remove(name);
        assert!(!is_believed(&api, vector, &headers), "without {name}");
    }
    // The same string to sign, cut elsewhere: the time is then another one.
    let mut headers = genuine.clone();
    headers.insert("salt", "a1b2c3d4e5f6071817".parse().expect("a value"));
    headers.insert("timestamp", "61998400".parse().expect("a value"));
    assert!(!is_believed(&api, vector, &headers));
}

/// "Remove trailing zeroes and decimal points, or wrap numbers in a string", says Rapyd, or the signature does not match.
#[test]
fn an_amount_is_written_as_rapyd_would_write_it() {
    for (amount, written) in
        [("120", "120"), ("120.50", "120.5"), ("123.45", "123.45"), ("0.50", "0.5"), ("300", "300")]
    {
        let money = Money::exact(amount, "USD").expect("money");
        assert_eq!(number(money).expect("a number").get(), written);
    }
}

fn payment(changed: Value) -> RapydPayment {
    let mut object = json!({ "id": "payment_1", "status": "ACT", "merchant_reference_id": "ours", "amount": 0,
        "original_amount": 123.45, "currency_code": "USD", "payment_method_type": "ec_westernunion_cash",
        "expiration": 1761998400, "textual_codes": { "pay_code": "0123" }, "redirect_url": "", "failure_code": "" });
    for (name, value) in changed.as_object().expect("an object") {
        object[name] = value.clone();
    }
    serde_json::from_value(object).expect("a payment")
}

#[test]
fn only_closed_is_paid() {
    let reference = || "ours".to_owned();
    let says = |status: &str| payment(json!({ "status": status })).facts();
    for status in ["ACT", "NEW"] {
        assert_eq!(says(status), Ok(vec![Fact::PaymentPending { reference: reference() }]));
    }
    assert_eq!(says("CAN"), Ok(vec![Fact::PaymentCancelled { reference: reference() }]));
    for status in ["EXP", "ERR"] {
        assert_eq!(says(status), Ok(vec![Fact::PaymentExpired { reference: reference() }]));
    }
    let failed = payment(json!({ "status": "ERR", "failure_code": "ERROR_X" })).facts();
    assert_eq!(failed, Ok(vec![Fact::PaymentFailed { reference: reference(), reason: "ERROR_X".to_owned() }]));
    for status in ["REV", "clo", "", "CLO"] {
        assert!(says(status).is_err(), "{status:?}, of which nothing was paid");
    }
    let paid = payment(json!({ "status": "CLO", "amount": 123.4 })).facts().expect("is paid").remove(0);
    let Fact::PaymentCaptured { references, movement, amount, .. } = paid else { panic!("{paid:?}") };
    assert_eq!((references, movement.as_str()), (vec![reference()], "payment_1"));
    assert_eq!(amount, Money::exact("123.40", "USD").expect("money"), "what came, not what was asked for");
}

#[test]
fn a_code_is_the_one_that_there_is() {
    let code = |codes: Value| payment(json!({ "textual_codes": codes })).voucher();
    assert!(code(json!({ "pay_code": "0123", "agreement": "7" })).is_ok_and(|action| action.is_some()));
    assert!(code(json!({ "referencia": "0123" })).is_ok_and(|action| action.is_some()));
    for codes in
        [json!(null), json!({}), json!({ "a": "1", "b": "2" }), json!({ "pay_code": " " }), json!({ "pay_code": 7 })]
    {
        assert!(matches!(code(codes.clone()), Err(ProviderError::Unknown(_))), "{codes}");
    }
}

#[test]
fn what_may_pass_the_next_time_is_unknown() {
    let answered = |status: u16, body: &str| {
        let status = StatusCode::from_u16(status).expect("a status");
        read(&Answer { status, headers: HeaderMap::new(), body: body.as_bytes().to_vec() }).map(drop)
    };
    let error = |code: &str| json!({ "status": { "status": "ERROR", "error_code": code, "message": "m" } }).to_string();
    assert_eq!(
        answered(400, &error("ERROR_GET_PAYMENT")),
        Err(ProviderError::NotKnown("ERROR_GET_PAYMENT: m".to_owned()))
    );
    for code in ["ERROR_CANCEL_PAYMENT", "INVALID_FIELDS", "ERROR_CREATE_PAYMENT_INVALID_EXPIRATION"] {
        assert_eq!(answered(400, &error(code)), Err(ProviderError::Refused(format!("{code}: m"))));
    }
    for (status, body) in [
        (401, error("UNAUTHORIZED_API_CALL")),
        (400, error("MISSING_AUTHENTICATION_HEADERS")),
        (400, error("")),
        (429, error("ERROR_X")),
        (500, error("ERROR_X")),
        (200, error("ERROR_X")),
        (400, json!({ "status": { "status": "SUCCESS" } }).to_string()),
        (200, json!({ "status": { "status": "SUCCESS" } }).to_string()),
        (404, "<html>".to_owned()),
        (200, String::new()),
    ] {
        assert!(matches!(answered(status, &body), Err(ProviderError::Unknown(_))), "{status} {body}");
    }
}

#[test]
fn a_host_is_of_the_mode_that_the_server_is_in() {
    for (base, sandbox, live) in [
        ("https://api.rapyd.net", false, true),
        ("https://API.rapyd.net:443/", false, true),
        ("https://sandboxapi.rapyd.net", true, false),
        ("https://proxy.example", true, true),
    ] {
        assert_eq!((check_host(base, true).is_ok(), check_host(base, false).is_ok()), (sandbox, live), "{base}");
    }
}

#[test]
fn what_is_required_of_the_payer_is_named_both_ways() {
    let fields = |given: &[&str]| payer_fields(&given.iter().map(|pair| (*pair).to_owned()).collect::<Vec<_>>());
    let read = fields(&[" identification_id = document", ""]).expect("reads");
    assert_eq!(read.into_iter().collect::<Vec<_>>(), [("identification_id".to_owned(), PayerField::Document)]);
    for wrong in ["document", "identification_id=passport", "=document", "x="] {
        assert!(fields(&[wrong]).is_err(), "{wrong}");
    }
}

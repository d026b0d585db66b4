use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use serde_json::Value;

use super::api::{AntomAnswer, AntomApi, ResultStatus, read, string_to_sign};
use super::check_mode;
use crate::interface::ProviderError;
use crate::webhook::WebhookRequest;
use crate::wire::call;
use crate::wire::rsa::{SigningKey, VerifyingKey};
use ground::clock::Clock;

const VECTORS: &str = include_str!("../../../tests/vectors/antom.json");
const KEY: &str = include_str!("../../../tests/vectors/keys/merchant.pem");
const CLIENT: &str = "SANDBOX_5YSP0000000001";

fn text<'a>(vector: &'a Value, field: &str) -> &'a str {
    vector[field].as_str().unwrap_or_else(|| panic!("{field} in {vector}"))
}

fn api(client_id: &str, public_key: &str) -> AntomApi {
    let base = "https://antom.example".to_owned();
    AntomApi {
        client: call::client("ANTOM_API_BASE", &base).expect("a client"),
        base,
        client_id: client_id.to_owned(),
        key: SigningKey::parse(&SecretString::from(KEY)).expect("a key"),
        their_keys: vec![VerifyingKey::parse(public_key).expect("a key")],
        clock: Clock::default(),
    }
}

/// Each vector's string, and its verdict; `tests/it/rails/antom/vectors.rs` posts those that are notifications.
#[test]
fn what_is_signed_is_what_the_sdk_signs() {
    let document: Value = serde_json::from_str(VECTORS).expect("JSON");
    for vector in document["vectors"].as_array().expect("vectors") {
        let headers = &vector["headers"];
        let (client_id, time) = (text(headers, "client-id"), text(headers, "request-time"));
        let message = string_to_sign(text(vector, "path"), client_id, time, text(vector, "body").as_bytes());
        assert_eq!(message, text(vector, "string_to_sign").as_bytes(), "{}", vector["id"]);
        let (_, signature) = text(headers, "signature").split_once("signature=").expect("a signature");
        let signature = percent_decode_str(signature).decode_utf8().expect("text");
        let key = VerifyingKey::parse(text(vector, "public_key")).expect("a key");
        assert_eq!(key.verifies(&message, &signature), vector["valid"] == true, "{}", vector["id"]);
    }
}

#[test]
fn our_header_has_the_form_of_the_sdks() {
    let api = api(CLIENT, include_str!("../../../tests/vectors/keys/merchant.pub.pem"));
    let header = api.signature("/p", "t", b"{}").expect("signs");
    let signature = header.strip_prefix("algorithm=RSA256,keyVersion=1,signature=").expect("the SDK's form");
    assert!(!signature.contains(['+', '/', '=']), "{signature}");
    assert!(signature.ends_with("%3D%3D"), "{signature}");
}

#[test]
fn a_sandbox_client_has_paths_of_its_own() {
    let key = include_str!("../../../tests/vectors/keys/vendor.pub.pem");
    assert_eq!(api(CLIENT, key).segments("pay").join("/"), "ams/sandbox/api/v1/payments/pay");
    assert_eq!(api("5YSP0000000001", key).segments("pay").join("/"), "ams/api/v1/payments/pay");
}

#[test]
fn a_client_is_of_the_mode_that_the_server_is_in() {
    assert_eq!(check_mode(CLIENT, true), Ok(()));
    assert_eq!(check_mode("5YSP0000000001", false), Ok(()));
    assert!(check_mode(CLIENT, false).is_err_and(|problem| problem.contains("live")), "test money as real money");
    assert!(check_mode("5YSP0000000001", true).is_err_and(|problem| problem.contains("sandbox")), "real as test money");
}

/// The genuine one, with one header changed.
#[test]
fn a_header_that_is_missing_twice_there_or_malformed_is_refused() {
    let document: Value = serde_json::from_str(VECTORS).expect("JSON");
    let vector = &document["vectors"][0];
    let api = api(CLIENT, text(vector, "public_key"));
    let signed_at = "2025-11-01T12:00:31Z".parse().expect("a time");
    let genuine: HeaderMap = ["client-id", "request-time", "signature"]
        .into_iter()
        .map(|name| (HeaderName::from_static(name), text(&vector["headers"], name).parse().expect("a value")))
        .collect();
    let verdict = |headers: &HeaderMap| {
        let body = text(vector, "body").as_bytes();
        api.verify_news(
            &WebhookRequest { path: "/webhooks/antom", client: std::net::Ipv4Addr::LOCALHOST.into(), headers, body },
            signed_at,
        )
    };
    assert_eq!(verdict(&genuine), Ok(()));
    for name in ["client-id", "request-time", "signature"] {
        let mut headers = genuine.clone();
        headers.append(name, genuine[name].clone());
        assert!(verdict(&headers).is_err(), "two of {name}");
        headers.remove(name);
        assert!(verdict(&headers).is_err(), "without {name}");
    }
    let signature = text(&vector["headers"], "signature");
    for (from, to) in [
        ("RSA256", "RSA1"),
        ("RSA256", "none"),
        ("algorithm=RSA256,", ""),
        ("keyVersion=1", "algorithm=RSA256"),
        ("signature=", "signature=AAAA,signature="),
        ("signature=", "signature=%FF"),
        ("signature=", "sig="),
    ] {
        let mut headers = genuine.clone();
        headers.insert("signature", HeaderValue::from_str(&signature.replacen(from, to, 1)).expect("a value"));
        assert!(verdict(&headers).is_err(), "{from} → {to}");
    }
}

#[test]
fn what_may_pass_the_next_time_is_unknown() {
    let outcome = |status: &str, code: &str| {
        let body = format!(r#"{{"result":{{"resultStatus":"{status}","resultCode":"{code}","resultMessage":"m"}}}}"#);
        read(body.as_bytes()).and_then(AntomAnswer::done).map(|_document| ())
    };
    assert_eq!(outcome("S", "SUCCESS"), Ok(()));
    for code in ["ORDER_NOT_EXIST", "REFUND_NOT_EXIST"] {
        assert_eq!(outcome("F", code), Err(ProviderError::NotKnown(format!("{code}: m"))));
    }
    for code in ["REFUND_AMOUNT_EXCEED", "RISK_REJECT", "REPEAT_REQ_INCONSISTENT", "PARAM_ILLEGAL"] {
        assert_eq!(outcome("F", code), Err(ProviderError::Refused(format!("{code}: m"))));
    }
    for (status, code) in [
        ("U", "UNKNOWN_EXCEPTION"),
        ("U", "REQUEST_TRAFFIC_EXCEED_LIMIT"),
        ("U", "PAYMENT_IN_PROCESS"),
        ("U", "ORDER_NOT_EXIST"),
        ("F", "INVALID_SIGNATURE"),
        ("F", "KEY_NOT_FOUND"),
        ("F", "SYSTEM_ERROR"),
        ("s", "SUCCESS"),
        ("", ""),
    ] {
        assert!(matches!(outcome(status, code), Err(ProviderError::Unknown(_))), "{status} {code}");
    }
    for body in ["", "{}", "[]", "<html>", r#"{"result":"S"}"#] {
        assert!(matches!(read(body.as_bytes()), Err(ProviderError::Unknown(_))), "{body}");
    }
    assert!(read(br#"{"result":{"resultStatus":"U"}}"#).is_ok_and(|answer| answer.status == ResultStatus::Unclear));
}

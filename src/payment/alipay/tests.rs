use serde_json::Value;

use super::form::{self, joined};
use super::gateway::{from_china, in_china, read};
use crate::payment::ProviderError;
use crate::payment::rsa::{SigningKey, VerifyingKey};

const VECTORS: &str = include_str!("../../../tests/vectors/alipay.json");
const KEY: &str = include_str!("../../../tests/vectors/keys/vendor.pem");
const PUBLIC: &str = include_str!("../../../tests/vectors/keys/vendor.pub.pem");

fn text<'a>(vector: &'a Value, field: &str) -> &'a str {
    vector[field].as_str().unwrap_or_else(|| panic!("{field} in {vector}"))
}

/// Each vector's string, and its verdict; `tests/it/rails/alipay/vectors.rs` posts those that are notifications.
#[test]
fn what_is_signed_is_what_the_sdk_signs() {
    let document: Value = serde_json::from_str(VECTORS).expect("JSON");
    for vector in document["vectors"].as_array().expect("vectors") {
        let key = VerifyingKey::parse(text(vector, "public_key")).expect("a key");
        let (body, wanted) = (text(vector, "body"), text(vector, "string_to_sign"));
        match text(vector, "provider") {
            "alipay-response" => {
                let document = read("alipay.trade.refund", body, &[key]).expect("a good answer");
                assert_eq!(document.text("fund_change"), Some("Y"));
                assert_eq!(document.amount("refund_fee").expect("reads").to_string(), "3.45 CNY");
            }
            kind @ ("alipay" | "alipay-request") => {
                let params = form::parse(body.as_bytes()).expect("reads");
                let is_request = kind == "alipay-request";
                let message = joined(&params, |name| name == "sign" || (name == "sign_type" && !is_request));
                assert_eq!(message, wanted, "{}", vector["id"]);
                let sign = params.get("sign").map(String::as_str).unwrap_or_default();
                // That it is of another app is found out later.
                assert_eq!(key.verifies(message.as_bytes(), sign), vector["valid"] == true, "{}", vector["id"]);
            }
            unknown => panic!("{unknown}"),
        }
    }
}

fn answer(node: &str, inner: &str) -> Result<String, ProviderError> {
    let sign = SigningKey::parse(&secrecy::SecretString::from(KEY)).expect("a key").sign(inner.as_bytes());
    let text = format!("{{\"{node}\":{inner},\"sign\":{:?}}}", sign.expect("signs"));
    let key = VerifyingKey::parse(PUBLIC).expect("a key");
    read("alipay.trade.query", &text, &[key]).map(|document| document.text("trade_no").unwrap_or_default().to_owned())
}

#[test]
fn only_a_signed_refusal_of_the_business_is_one() {
    let node = "alipay_trade_query_response";
    let refused = |code: &str, sub: &str| {
        answer(node, &format!(r#"{{"code":"{code}","msg":"x","sub_code":"{sub}","sub_msg":"y"}}"#))
            .expect_err("refused")
    };
    assert_eq!(answer(node, r#"{"code":"10000","trade_no":"1"}"#), Ok("1".to_owned()));
    assert!(matches!(refused("40004", "ACQ.TRADE_NOT_EXIST"), ProviderError::NotKnown(_)));
    for sub in ["ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", "ACQ.TRADE_HAS_FINISHED", "ACQ.SELLER_BALANCE_NOT_ENOUGH"] {
        assert!(matches!(refused("40004", sub), ProviderError::Refused(_)), "{sub}");
    }
    for (code, sub) in [
        ("40004", "ACQ.SYSTEM_ERROR"),
        ("40004", "aop.unknow-error"),
        ("40004", ""),
        ("20000", "isp.unknow-error"),
        ("20001", "aop.invalid-auth-token"),
        ("40002", "isv.invalid-signature"),
        ("40006", "isv.insufficient-isv-permissions"),
        ("20000", "ACQ.TRADE_NOT_EXIST"),
    ] {
        assert!(matches!(refused(code, sub), ProviderError::Unknown(_)), "{code} {sub}");
    }
    let unsigned = r#"{"alipay_trade_query_response":{"code":"40004","sub_code":"ACQ.TRADE_NOT_EXIST"}}"#;
    assert!(matches!(read("alipay.trade.query", unsigned, &[]), Err(ProviderError::Unknown(_))));
    // Signed, but the answer to another question.
    let other = answer("alipay_trade_close_response", r#"{"code":"40004","sub_code":"ACQ.TRADE_NOT_EXIST"}"#);
    assert!(matches!(other, Err(ProviderError::Unknown(_))));
}

#[test]
fn times_are_those_of_china() {
    let time = from_china("2025-11-01 20:00:31").expect("a time");
    assert_eq!(time.to_rfc3339(), "2025-11-01T12:00:31+00:00");
    assert_eq!(in_china(time), "2025-11-01 20:00:31");
    for odd in ["", "2025-11-01", "2025-11-01T20:00:31Z", "2025-13-01 20:00:31", "2025-11-01 20:00:31 "] {
        assert_eq!(from_china(odd), None, "{odd}");
    }
}

use serde_json::Value;

use super::gateway::{from_china, in_china, read};
use super::signed::joined;
use super::{amount, check_mode, notification, trade_facts};
use crate::fact::Fact;
use crate::interface::ProviderError;
use crate::request::PaymentQuery;
use crate::wire::document::Document;
use crate::wire::form;
use crate::wire::rsa::{SigningKey, VerifyingKey};

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
                assert_eq!(amount("refund_fee", &document).expect("reads").to_string(), "3.45 CNY");
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

#[test]
fn a_gateway_is_of_the_mode_that_the_server_is_in() {
    let (real, test) = ("https://openapi.alipay.com/gateway.do", "https://openapi-sandbox.dl.alipaydev.com/gateway.do");
    assert_eq!(check_mode(real, false), Ok(()));
    assert_eq!(check_mode(test, true), Ok(()));
    assert_eq!(check_mode("http://127.0.0.1:9/gateway.do", true), Ok(()));
    assert!(check_mode(test, false).is_err_and(|problem| problem.contains("live")), "test money as real money");
    for real in [real, "https://globalopenapi.alipay.com/gateway.do", "https://OPENAPI.alipay.com/gateway.do"] {
        assert!(check_mode(real, true).is_err_and(|problem| problem.contains("sandbox")), "{real}");
    }
}

fn answer(node: &str, inner: &str) -> Result<String, ProviderError> {
    signed(node, inner).map(|document| document.text("trade_no").unwrap_or_default().to_owned())
}

fn signed(node: &str, inner: &str) -> Result<Document, ProviderError> {
    let sign = SigningKey::parse(&secrecy::SecretString::from(KEY)).expect("a key").sign(inner.as_bytes());
    let text = format!("{{\"{node}\":{inner},\"sign\":{:?}}}", sign.expect("signs"));
    let key = VerifyingKey::parse(PUBLIC).expect("a key");
    read("alipay.trade.query", &text, &[key])
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

/// The kinds of facts, in order.
fn kinds(facts: &[Fact]) -> String {
    let kind = |fact: &Fact| format!("{fact:?}").split([' ', '(']).next().unwrap_or_default().to_owned();
    facts.iter().map(kind).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_trade_that_is_closed_was_paid_if_money_was_sent() {
    let payment = PaymentQuery {
        reference: "pay_01".to_owned(),
        provider_reference: None,
        method: entity::payment::PaymentMethod::Alipay,
        amount: entity::Money::exact("123.45", "CNY").expect("money"),
        has_expired: false,
    };
    let stands = |more: &str| {
        let inner = format!(r#"{{"code":"10000","trade_no":"T1",{more}}}"#);
        let document = signed("alipay_trade_query_response", &inner)?;
        trade_facts(&document, &payment).map(|facts| kinds(&facts))
    };
    let ours = r#""out_trade_no":"pay_01","total_amount":"123.45""#;
    for (status, more, wanted) in [
        ("WAIT_BUYER_PAY", "", "PaymentPending"),
        ("TRADE_SUCCESS", "", "PaymentCaptured"),
        ("TRADE_FINISHED", "", "PaymentCaptured"),
        ("TRADE_CLOSED", "", "PaymentExpired"),
        ("TRADE_CLOSED", r#","send_pay_date":"""#, "PaymentExpired"),
        ("TRADE_CLOSED", r#","send_pay_date":"2025-11-01 20:00:30""#, "PaymentCaptured"),
    ] {
        let stated = stands(&format!(r#"{ours},"trade_status":"{status}"{more}"#));
        assert_eq!(stated.as_deref(), Ok(wanted), "{status} {more}");
    }
    for odd in [
        r#""out_trade_no":"pay_02","total_amount":"123.45","trade_status":"TRADE_SUCCESS""#,
        r#""out_trade_no":"pay_01","total_amount":"123.44","trade_status":"TRADE_SUCCESS""#,
        r#""out_trade_no":"pay_01","trade_status":"TRADE_SUCCESS""#,
        r#""out_trade_no":"pay_01","total_amount":"123.45","trade_status":"PAID""#,
    ] {
        assert!(matches!(stands(odd), Err(ProviderError::Unknown(_))), "{odd}");
    }
}

#[test]
fn news_of_a_trade_say_that_it_was_paid_and_what_went_back() {
    let paid = "gmt_payment=2025-11-01+20%3A00%3A30";
    let back = "gmt_refund=2025-11-02+10%3A00%3A00.123";
    for (status, more, wanted) in [
        ("WAIT_BUYER_PAY", String::new(), "PaymentPending"),
        ("TRADE_SUCCESS", paid.to_owned(), "PaymentCaptured"),
        ("TRADE_SUCCESS", format!("{paid}&refund_fee=0.00&gmt_refund="), "PaymentCaptured"),
        ("TRADE_SUCCESS", format!("{paid}&{back}&refund_fee=3.45&out_biz_no=rf_01"), "PaymentCaptured RefundedInAll"),
        ("TRADE_SUCCESS", format!("{paid}&{back}"), "PaymentCaptured NotUnderstood"),
        ("TRADE_CLOSED", format!("{paid}&{back}&refund_fee=123.45"), "PaymentCaptured RefundedInAll"),
        ("TRADE_CLOSED", "refund_fee=123.45".to_owned(), "PaymentCaptured RefundedInAll"),
        ("TRADE_CLOSED", paid.to_owned(), "PaymentCaptured NotUnderstood"),
        ("TRADE_CLOSED", "gmt_close=2025-11-01+20%3A30%3A00".to_owned(), "PaymentExpired"),
        ("TRADE_FINISHED", paid.to_owned(), "PaymentCaptured"),
    ] {
        let body = format!(
            "app_id=A&seller_id=S&charset=UTF-8&notify_type=trade_status_sync&out_trade_no=pay_01&trade_no=T1&\
             total_amount=123.45&trade_status={status}&{more}"
        );
        let facts = notification::facts(body.as_bytes(), ("A", "S"));
        assert_eq!(facts.as_deref().map(kinds), Ok(wanted.to_owned()), "{status} {more}");
        if let Ok([Fact::PaymentCaptured { movement, amount, .. }, rest @ ..]) = facts.as_deref() {
            assert_eq!((movement.as_str(), amount.to_string().as_str()), ("T1", "123.45 CNY"));
            if let [Fact::RefundedInAll { total, .. }] = rest {
                assert!(["3.45 CNY", "123.45 CNY"].contains(&total.to_string().as_str()), "{total}");
            }
        }
    }
}

//! The parts that need no server: what is signed, amounts, errors, settings.

use reqwest::StatusCode;

use super::*;
use crate::for_tests;
use crate::list::configured;

fn notification(value: &str, bill: &str, status: &str) -> Option<String> {
    let body = format!(
        r#"{{"bill":{{"siteId":"23044","billId":"{bill}","amount":{{"value":{value},"currency":"RUB"}},"status":{{"value":"{status}"}}}}}}"#
    );
    serde_json::from_str::<QiwiNotification>(&body).ok()?.bill.string_to_sign()
}

#[test]
fn what_is_signed_has_two_decimals_and_five_fields() {
    let signed = |value| notification(value, "pay_01", "PAID");
    for value in ["100", "100.0", "100.00", r#""100""#, r#""100.00""#] {
        assert_eq!(signed(value).as_deref(), Some("RUB|100.00|pay_01|23044|PAID"), "{value}");
    }
    assert_eq!(signed("2.4").as_deref(), Some("RUB|2.40|pay_01|23044|PAID"));
    for value in ["1.005", "1e2", "-1", r#""1,00""#, r#""""#, r#"".5""#, r#""1.""#, "null", "[1]", r#""\u0031""#] {
        assert_eq!(signed(value), None, "{value}");
    }
    assert_eq!(notification("1", "pay_01|23044", "PAID"), None, "a field must not look like two");
    assert_eq!(notification("1", "pay_01", "PAID|x"), None);
}

#[test]
fn only_what_qiwi_itself_says_is_a_refusal() {
    let answered = |status: u16, code: &str| {
        let body = format!(r#"{{"serviceName":"invoicing","errorCode":"{code}","description":"d"}}"#);
        error_of(StatusCode::from_u16(status).expect("a status"), body.as_bytes())
    };
    let words = |code: &str| format!("{code}: d (invoicing)");
    for code in ["api.invoice.not.found", "error.code.api.invoice.not.found"] {
        assert_eq!(answered(404, code), ProviderError::NotKnown(words("api.invoice.not.found")));
    }
    assert_eq!(answered(400, "refund.incorrect.amount"), ProviderError::Refused(words("refund.incorrect.amount")));
    for (status, code) in [
        (401, "refund.incorrect.amount"),
        (500, "api.invoice.not.found"),
        (429, "validation.error"),
        (400, "auth.unauthorized"),
        (400, "internal.error"),
        (404, "error.code.http.url.not.found"),
        (400, "default"),
    ] {
        assert!(matches!(answered(status, code), ProviderError::Unknown(_)), "{status} {code}");
    }
    for body in ["", "{}", "<html>", r#"{"errorCode":"validation.error"}"#] {
        let error = error_of(StatusCode::BAD_REQUEST, body.as_bytes());
        assert_eq!(error, ProviderError::Unknown("HTTP 400".to_owned()), "{body}");
    }
}

#[test]
fn a_closed_rail_is_for_test_servers_only() {
    let start = |mode: Mode, base: &str| {
        let mut settings = for_tests::settings(&[]);
        let own = &mut settings.qiwi;
        own.secret_key = Some("key".into());
        own.site_id = Some("23044".to_owned());
        own.notification_secret = vec!["secret".into()];
        own.api_base = base.to_owned();
        configured(&settings, &for_tests::installation(mode), &Clock::default())
            .err()
            .map(|error| (error.variable, error.problem))
    };
    let (variable, problem) = start(Mode::Live, "https://qiwi.test").expect("is refused");
    assert!(variable == "QIWI_SECRET_KEY" && problem.contains("closed"), "{problem}");
    assert_eq!(start(Mode::Sandbox, "http://127.0.0.1:1"), None);
    for base in ["https://api.qiwi.com", "https://qiwi.com/", "https://API.QIWI.COM"] {
        assert_eq!(start(Mode::Sandbox, base).expect("is refused").0, "QIWI_API_BASE", "{base}");
    }
}

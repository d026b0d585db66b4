use entity::MinorUnits;
use entity::payment::NextAction;

use super::*;
use crate::fact::ChargebackStage;
use crate::for_tests;
use crate::statement::{LineKind, StatementLine};
use ground::setting::Mode;

fn ours() -> PartnerIdentity {
    PartnerIdentity { account: None, livemode: false }
}

fn euro(amount: i64) -> Money {
    Money::new(MinorUnits(amount), "EUR".parse().expect("known"))
}

fn payment(status: &str) -> Value {
    let captures = if status == "CAPTURED" {
        json!([{ "id": "c_1", "amount_minor": 12345, "currency": "EUR" }])
    } else {
        json!([])
    };
    json!({ "id": "p_1", "payment_id": "payment_1", "livemode": false, "method": "QIWI", "amount_minor": 12345,
        "currency": "EUR", "status": status, "failure": null, "expires_at": null, "captures": captures,
        "next_action": { "kind": "redirect", "url": "https://pay.example/p_1" } })
}

fn read(document: Value) -> Result<Vec<Fact>, String> {
    let document: PaymentDocument = serde_json::from_value(document).map_err(|error| error.to_string())?;
    document.facts(&ours(), ("payment_1", euro(12_345)))
}

fn notification(kind: &str, data: Value) -> Value {
    json!({ "type": kind, "timestamp": "2026-11-22T12:00:00Z", "data": data })
}

fn fact_of(kind: &str, data: Value) -> Result<Fact, String> {
    notified(&ours(), notification(kind, data).to_string().as_bytes())
}

fn captured(movement: &str, provider_reference: Option<&str>, amount: Money) -> Fact {
    Fact::PaymentCaptured {
        references: vec!["payment_1".to_owned()],
        provider_reference: provider_reference.map(str::to_owned),
        movement: movement.to_owned(),
        amount,
        remitter: None,
    }
}

#[test]
fn only_captured_means_money() {
    let reference = || "payment_1".to_owned();
    assert_eq!(read(payment("OPEN")), Ok(vec![Fact::PaymentPending { reference: reference() }]));
    assert_eq!(read(payment("CAPTURED")), Ok(vec![captured("c_1", Some("p_1"), euro(12_345))]));
    let reason = "the payment company gave no reason".to_owned();
    assert_eq!(read(payment("FAILED")), Ok(vec![Fact::PaymentFailed { reference: reference(), reason }]));
    assert_eq!(read(payment("EXPIRED")), Ok(vec![Fact::PaymentExpired { reference: reference() }]));
    assert_eq!(read(payment("CANCELLED")), Ok(vec![Fact::PaymentCancelled { reference: reference() }]));
    for status in ["SUCCEEDED", "AUTHORISED", "captured", ""] {
        assert!(read(payment(status)).is_err(), "{status}");
    }
    let mut twice = payment("CAPTURED");
    let more = json!({ "amount_minor": 5, "currency": "JPY" });
    twice["captures"].as_array_mut().expect("a list").push(more);
    let yen = Money::new(MinorUnits(5), "JPY".parse().expect("known"));
    let both = vec![captured("c_1", Some("p_1"), euro(12_345)), captured("payment_1", Some("p_1"), yen)];
    assert_eq!(read(twice), Ok(both));
    for (status, captures) in [("CAPTURED", json!([])), ("OPEN", payment("CAPTURED")["captures"].take())] {
        let mut document = payment(status);
        document["captures"] = captures;
        assert!(read(document).is_err(), "{status}: the two contradict each other");
    }
}

#[test]
fn an_answer_about_something_else_is_no_answer() {
    for (field, value) in [
        ("payment_id", json!("payment_2")),
        ("amount_minor", json!(12_344)),
        ("amount_minor", json!(12345.0)),
        ("amount_minor", json!("12345")),
        ("amount_minor", json!(0)),
        ("currency", json!("USD")),
        ("currency", json!("XXX")),
        ("livemode", json!(true)),
        ("expires_at", json!("tomorrow")),
    ] {
        let mut document = payment("CAPTURED");
        document[field] = value.clone();
        assert!(read(document).is_err(), "{field} {value}");
    }
    for amount in [json!(-1), json!(0), json!(1.5), json!("1")] {
        let mut document = payment("CAPTURED");
        document["captures"][0]["amount_minor"] = amount.clone();
        assert!(read(document).is_err(), "{amount}");
    }
}

#[test]
fn an_open_payment_says_what_the_buyer_does_next() {
    let action = |status, action: Value| {
        let mut document = payment(status);
        document["next_action"] = action;
        let document: PaymentDocument = serde_json::from_value(document).map_err(|error| error.to_string())?;
        document.next_action()
    };
    let url = "https://pay.example/p_1".to_owned();
    let redirect = json!({ "kind": "redirect", "url": url });
    assert_eq!(action("OPEN", redirect.clone()), Ok(Some(NextAction::Redirect { url: url.clone() })));
    assert_eq!(action("CAPTURED", redirect), Ok(None));
    let voucher = NextAction::Voucher { code: "123".to_owned(), url: Some(url.clone()) };
    assert_eq!(action("OPEN", json!({ "kind": "voucher", "code": "123", "url": url })), Ok(Some(voucher)));
    let voucher = NextAction::Voucher { code: "123".to_owned(), url: None };
    assert_eq!(action("OPEN", json!({ "kind": "voucher", "code": "123" })), Ok(Some(voucher)));
    let code = NextAction::QrCode { content: "pay:1".to_owned() };
    assert_eq!(action("OPEN", json!({ "kind": "qr_code", "content": "pay:1" })), Ok(Some(code)));
    for wrong in [
        Value::Null,
        json!({ "kind": "redirect", "url": "javascript:alert(1)" }),
        json!({ "kind": "voucher", "code": "1", "url": "file:///etc" }),
        json!({ "kind": "card_form", "url": "https://pay.example" }),
        json!({ "kind": "redirect" }),
    ] {
        assert!(action("OPEN", wrong.clone()).is_err(), "{wrong}");
    }
}

#[test]
fn each_notification_says_one_thing() {
    let money = |data: Value| {
        let mut data = data;
        data["amount_minor"] = json!(500);
        data["currency"] = json!("EUR");
        data
    };
    let (refund, payout) = (|| "refund_1".to_owned(), || "payout_1".to_owned());
    let reason = || "the payment company gave no reason".to_owned();
    let paid = json!({ "payment_id": "payment_1", "id": "p_1", "capture_id": "c_1" });
    assert_eq!(fact_of("payment.captured", money(paid)), Ok(captured("c_1", Some("p_1"), euro(500))));
    let bare = json!({ "payment_id": "payment_1" });
    assert_eq!(fact_of("payment.captured", money(bare.clone())), Ok(captured("payment_1", None, euro(500))));
    let reference = || "payment_1".to_owned();
    assert_eq!(
        fact_of("payment.failed", bare.clone()),
        Ok(Fact::PaymentFailed { reference: reference(), reason: reason() })
    );
    assert_eq!(fact_of("payment.expired", bare.clone()), Ok(Fact::PaymentExpired { reference: reference() }));
    assert_eq!(fact_of("payment.cancelled", bare.clone()), Ok(Fact::PaymentCancelled { reference: reference() }));
    let (provider_reference, amount) = (Some("r_1".to_owned()), euro(500));
    let succeeded = Fact::RefundSucceeded { reference: refund(), provider_reference, movement: refund(), amount };
    assert_eq!(fact_of("refund.succeeded", money(json!({ "refund_id": "refund_1", "id": "r_1" }))), Ok(succeeded));
    let failed = Fact::RefundFailed {
        reference: refund(),
        provider_reference: None,
        movement: Some(refund()),
        reason: "closed".to_owned(),
    };
    assert_eq!(fact_of("refund.failed", json!({ "refund_id": "refund_1", "reason": "closed" })), Ok(failed));
    let of_payout = || money(json!({ "payout_id": "payout_1" }));
    let paid = Fact::PayoutPaid { reference: payout(), provider_reference: None, movement: payout(), amount };
    assert_eq!(fact_of("payout.paid", of_payout()), Ok(paid));
    assert_eq!(
        fact_of("payout.failed", of_payout()),
        Ok(Fact::PayoutFailed { reference: payout(), movement: Some(payout()), reason: reason() })
    );
    let returned = Fact::PayoutReturned { reference: payout(), movement: payout(), amount, reason: reason() };
    assert_eq!(fact_of("payout.returned", of_payout()), Ok(returned));
    for kind in ["payment.captured", "refund.succeeded", "payout.paid", "payout.returned", "chargeback.opened"] {
        let ids = json!({ "payment_id": "p", "refund_id": "r", "payout_id": "o", "chargeback_id": "c" });
        assert!(fact_of(kind, ids.clone()).is_err(), "{kind} without an amount");
        assert!(fact_of(kind, money(ids)).is_ok(), "{kind}");
        assert!(fact_of(kind, money(json!({}))).is_err(), "{kind} without an id");
    }
    for kind in ["payment.succeeded", "payment", "chargeback.closed", "Payment.captured", ""] {
        assert!(fact_of(kind, money(bare.clone())).is_err(), "{kind}");
    }
}

#[test]
fn a_chargeback_that_is_won_says_whether_money_comes_back() {
    let stage = |stage: &str, debited: Value| {
        let data = json!({ "payment_id": "payment_1", "chargeback_id": "cb_1", "amount_minor": 500, "currency": "EUR",
            "reason": "fraudulent", "debited": debited });
        let fact = fact_of(&format!("chargeback.{stage}"), data)?;
        let Fact::Chargeback { reference, chargeback, amount, stage, reason } = fact else { panic!("{fact:?}") };
        assert_eq!((reference.as_str(), chargeback.as_str()), ("payment_1", "cb_1"));
        assert_eq!((amount, reason.as_str()), (Some(euro(500)), "fraudulent"));
        Ok::<_, String>(stage)
    };
    let movement = || "cb_1".to_owned();
    assert_eq!(stage("opened", Value::Null), Ok(ChargebackStage::Opened));
    assert_eq!(stage("debited", Value::Null), Ok(ChargebackStage::Debited { movement: movement() }));
    assert_eq!(stage("won", json!(true)), Ok(ChargebackStage::Won { movement: Some(movement()) }));
    assert_eq!(stage("won", json!(false)), Ok(ChargebackStage::Won { movement: None }));
    assert!(stage("won", Value::Null).is_err());
    assert_eq!(stage("lost", Value::Null), Ok(ChargebackStage::Lost));
}

#[test]
fn what_names_another_account_or_is_a_test_of_live_money_is_not_ours() {
    let data = |account: Option<&str>, livemode: Option<bool>| json!({ "payment_id": "payment_1", "amount_minor": 500, "currency": "EUR", "account": account, "livemode": livemode });
    let is_ours = |account: Option<&str>, livemode, (told_account, told_livemode)| {
        let ours = PartnerIdentity { account: account.map(str::to_owned), livemode };
        let body = notification("payment.captured", data(told_account, told_livemode)).to_string();
        notified(&ours, body.as_bytes()).is_ok()
    };
    for (account, livemode, stated, wanted) in [
        (None, false, (None, None), true),
        (None, false, (Some("any"), Some(false)), true),
        (None, false, (None, Some(true)), false),
        (None, true, (None, Some(true)), true),
        (None, true, (None, None), false),
        (None, true, (None, Some(false)), false),
        (Some("acct_1"), false, (Some("acct_1"), None), true),
        (Some("acct_1"), false, (Some("acct_2"), None), false),
        (Some("acct_1"), false, (None, None), false),
    ] {
        assert_eq!(is_ours(account, livemode, stated), wanted, "{account:?} {livemode}: {stated:?}");
    }
}

#[test]
fn an_id_said_twice_in_one_document_is_not_believed() {
    let body =
        r#"{"type":"payment.captured","data":{"payment_id":"a","payment_id":"b","amount_minor":1,"currency":"EUR"}}"#;
    assert!(notified(&ours(), body.as_bytes()).is_err());
    let long = "x".repeat(201);
    for id in ["", "a\nb", long.as_str()] {
        assert!(fact_of("payment.expired", json!({ "payment_id": id })).is_err(), "{id:?}");
    }
}

#[test]
fn only_refused_is_a_refusal() {
    let stated = |code: &str| format!(r#"{{"error":{{"code":"{code}","message":"no"}}}}"#);
    let error = |status: u16, body: &str| error_of(StatusCode::from_u16(status).expect("a status"), body.as_bytes());
    let no = || "no".to_owned();
    for status in [400, 404, 409, 422] {
        assert_eq!(error(status, &stated("refused")), ProviderError::Refused(no()));
        assert_eq!(error(status, &stated("not_found")), ProviderError::NotKnown(no()));
        assert_eq!(error(status, &stated("payee_details_required")), ProviderError::PayeeDetailsRequired(no()));
        for code in ["try_again", "invalid_request", ""] {
            assert!(matches!(error(status, &stated(code)), ProviderError::Unknown(_)), "{code}");
        }
        for body in ["", "<html>", "{}", r#"{"error":{"code":"not_found"}}"#, r#"{"code":"not_found","message":"no"}"#]
        {
            assert!(matches!(error(status, body), ProviderError::Unknown(_)), "{body}");
        }
    }
    for status in [301, 401, 403, 408, 429, 500, 502, 503] {
        assert!(matches!(error(status, &stated("not_found")), ProviderError::Unknown(_)), "{status}");
    }
}

#[test]
fn a_page_of_movements_becomes_lines() {
    let day = NaiveDate::from_ymd_opt(2026, 11, 22).expect("a day");
    let page = |day: &str, kind: &str| {
        let movement =
            json!({ "kind": kind, "id": "c_1", "reference": "payment_1", "amount_minor": 500, "currency": "EUR" });
        let page = json!({ "day": day, "movements": [movement], "next": null });
        serde_json::from_value::<Page>(page).expect("parses")
    };
    let line = |kind| StatementLine {
        kind,
        movement: "c_1".to_owned(),
        reference: Some("payment_1".to_owned()),
        amount: euro(500),
    };
    for (name, kind) in [
        ("CAPTURE", LineKind::Capture),
        ("REFUND", LineKind::Refund),
        ("REFUND_RETURNED", LineKind::RefundReturned),
        ("PAYOUT", LineKind::Payout),
        ("PAYOUT_RETURNED", LineKind::PayoutReturned),
        ("CHARGEBACK", LineKind::Chargeback),
        ("CHARGEBACK_WON", LineKind::ChargebackWon),
        ("FEE", LineKind::Fee),
        ("OTHER_CREDIT", LineKind::OtherCredit),
        ("OTHER_DEBIT", LineKind::OtherDebit),
    ] {
        assert_eq!(page("2026-11-22", name).lines(&ours(), day), Ok(vec![line(kind)]));
    }
    assert!(page("2026-11-22", "GIFT").lines(&ours(), day).is_err());
    assert!(page("2026-11-21", "FEE").lines(&ours(), day).is_err(), "another day's");
}

#[test]
fn an_account_is_told_in_the_partners_own_words() {
    let stored = r#"{"accountHolder":"Ana","country":"DE","iban":"DE89370400440532013000","bankName":"Bank"}"#;
    let fact_of = account(&SecretString::from(stored)).expect("reads");
    let wanted =
        json!({ "account_holder": "Ana", "country": "DE", "iban": "DE89370400440532013000", "bank_name": "Bank" });
    assert_eq!(fact_of, wanted);
    let error = account(&SecretString::from(r#"{"iban":"DE89370400440532013000"}"#)).expect_err("no holder");
    assert!(!error.to_string().contains("DE89"), "{error}");
}

#[test]
fn a_setting_that_can_not_be_used_is_named() {
    let given = [
        ("--partner-api-base", "https://api.example/v1/"),
        ("--partner-api-key", "key"),
        ("--partner-webhook-secret", "whsec_c2FuZGJveC1vbmx5LXdlYmhvb2stc2VjcmV0LTMyYiE="),
        ("--partner-methods", "QIWI, WESTERN_UNION"),
        ("--partner-currencies", "EUR,USD"),
    ];
    let with = |flag: &str, value: &str| {
        let flags = given.iter().map(|(name, known)| (*name, if *name == flag { value } else { known }));
        let flags: Vec<&str> = flags.flat_map(|(name, value)| [name, value]).collect();
        let own = for_tests::settings(&flags).partner;
        from_settings(&own, &for_tests::installation(Mode::Sandbox), &Clock::default())
    };
    let provider = with("", "").expect("settings that can be used").expect("is on");
    assert!(provider.terms(PaymentMethod::Qiwi).is_some() && provider.terms(PaymentMethod::Visa).is_none());
    assert!(with("--partner-api-base", " ").expect("off").is_none());
    for (flag, value, variable) in [
        ("--partner-api-base", "api.example", "PARTNER_API_BASE"),
        ("--partner-api-key", "", "PARTNER_API_KEY"),
        ("--partner-api-key", "two\nlines", "PARTNER_API_KEY"),
        ("--partner-webhook-secret", "", "PARTNER_WEBHOOK_SECRET"),
        ("--partner-webhook-secret", "whsec_short", "PARTNER_WEBHOOK_SECRET"),
        ("--partner-methods", "", "PARTNER_METHODS"),
        ("--partner-methods", "QIWI,Pix", "PARTNER_METHODS"),
        ("--partner-currencies", "", "PARTNER_CURRENCIES"),
        ("--partner-currencies", "EUR,Euro", "PARTNER_CURRENCIES"),
    ] {
        assert_eq!(with(flag, value).expect_err(flag).variable, variable, "{flag} {value:?}");
    }
}

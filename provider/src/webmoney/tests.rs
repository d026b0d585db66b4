use chrono::TimeDelta;
use entity::payment::{NextAction, PaymentMethod};
use entity::{Money, PaymentId};
use secrecy::SecretString;
use serde_json::Value;
use uuid::Uuid;

use super::notification::NotificationReader;
use super::*;
use crate::request::Payer;
use crate::webhook::Question;

const VECTORS: &str = include_str!("../../../tests/vectors/webmoney.json");
const CLIENT: &str = include_str!("../../../tests/vectors/keys/client.pem");
const KEY: &str = include_str!("../../../tests/vectors/keys/merchant.pem");

fn reader(is_sandbox: bool) -> NotificationReader {
    let purses = vec![Purse::parse("Z123456789012").expect("a purse")];
    NotificationReader { purses, secrets: vec![SecretString::from("sp-webmoney-secret-0001")], is_sandbox }
}

fn webmoney(is_sandbox: bool) -> WebMoney {
    let base = "https://merchant.example".to_owned();
    let client = || identified("http://w3s.example", &SecretString::from(CLIENT)).expect("a client");
    let clock = Clock::default();
    WebMoney {
        reports: None,
        reader: reader(is_sandbox),
        pay_at: base.clone(),
        merchant: super::merchant::MerchantApi {
            client: client(),
            base: base.clone(),
            wmid: "404521188000".to_owned(),
            secret: SecretString::from("sp-webmoney-secret-0001"),
        },
        transfers: Transfers::new(client(), base, clock.clone()),
        clock,
    }
}

/// `tests/it/rails/webmoney/vectors.rs` posts them in sandbox mode.
#[test]
fn in_live_mode_only_real_payments_are_money() {
    let document: Value = serde_json::from_str(VECTORS).expect("JSON");
    for vector in document["vectors"].as_array().expect("vectors") {
        let (id, body) = (vector["id"].as_str().expect("an id"), vector["body"].as_str().expect("a body").as_bytes());
        let incoming = reader(false).verify(body);
        match id {
            "paid_ok" => {
                let Ok(Incoming::Notification(notification)) = incoming else { panic!("{incoming:?}") };
                assert_eq!(notification.event_id, "558");
                let amount = Money::exact("123.45", "USD").expect("money");
                let payer = Some("Z366393600555");
                let fact = super::notification::captured("1000001".to_owned(), "558".to_owned(), amount, payer);
                assert_eq!(reader(false).facts(body), Ok(vec![fact]));
                assert!(reader(true).facts(body).is_err(), "it is real");
                // A purse may be set to windows-1251; what is signed is ASCII in both.
                for more in ["&sp_description=%CF%F0%E8%E2%E5%F2", "&sp_description=%D0%9F%D1%80%D0%B8"] {
                    let described = [body, more.as_bytes()].concat();
                    let incoming = reader(false).verify(&described);
                    assert!(matches!(incoming, Ok(Incoming::Notification(_))), "{more}: {incoming:?}");
                    assert_eq!(reader(false).facts(&described), reader(false).facts(body), "{more}");
                }
            }
            "prerequest" => {
                let Ok(Incoming::Question(Question { reference, amount, yes, no })) = incoming else {
                    panic!("{incoming:?}")
                };
                assert_eq!((reference.as_str(), amount.to_string().as_str()), ("1000001", "123.45 USD"));
                assert_eq!((yes.status, yes.body, no.status), (200, "YES", 200));
                assert!(!no.body.contains("YES"));
            }
            "test_paid_ok" | "test_paid_held" => {
                assert!(matches!(incoming, Ok(Incoming::Notification(_))), "{incoming:?}");
                assert!(reader(false).facts(body).is_err(), "{id}");
            }
            _refused => assert!(incoming.is_err(), "{id}: {incoming:?}"),
        }
    }
}

#[test]
fn a_purse_is_its_currency() {
    for (text, code) in [("Z123456789012", "USD"), ("E123456789012", "EUR"), ("K123456789012", "KZT")] {
        assert_eq!(Purse::parse(text).expect("a purse").currency.code(), code);
    }
    for text in
        ["", "Z", "Z12345678901", "Z1234567890123", "z123456789012", "123456789012", "R123456789012", "X123456789012"]
    {
        assert!(Purse::parse(text).is_err(), "{text}");
    }
    let two = ["Z123456789012".to_owned(), "Z123456789013".to_owned()];
    assert_eq!(read_purses(&two).map_err(|error| error.variable), Err("WEBMONEY_PURSES"));
}

#[test]
fn a_certificate_needs_its_key() {
    let problem = |pem: &str| {
        let read = identified("http://w3s.example", &SecretString::from(pem));
        read.map(drop).map_err(|error| (error.variable, error.problem))
    };
    assert_eq!(problem(CLIENT), Ok(()));
    assert_eq!(problem(&CLIENT.replace('\n', "\\n")), Ok(()));
    let (certificate, key) = CLIENT.split_at(CLIENT.find("-----BEGIN PRIVATE KEY").expect("a key"));
    for pem in ["garbage", certificate, key, &format!("{certificate}{KEY}")] {
        let (variable, words) = problem(pem).expect_err("can't be used");
        assert_eq!(variable, "WEBMONEY_CERTIFICATE");
        assert!(!words.contains("BEGIN") && !words.contains("MII"), "{words}");
    }
}

#[test]
fn a_number_is_a_positive_integer_of_32_bits() {
    let number = |random| webmoney(true).reference(PaymentId(Uuid::nil()), random);
    assert_eq!(number([0; 16]), "1");
    assert_eq!(number([0xff; 16]), i32::MAX.to_string());
}

#[tokio::test]
async fn only_the_sandbox_simulates() {
    let request = PaymentRequest {
        reference: "7".to_owned(),
        method: PaymentMethod::Webmoney,
        amount: Money::exact("12.30", "USD").expect("money"),
        description: "SP-1".to_owned(),
        notification_url: "https://pay.example/webhooks/webmoney".to_owned(),
        return_url: Some("https://shop.example/".to_owned()),
        payer: Payer::default(),
    };
    for is_sandbox in [true, false] {
        let provider = webmoney(is_sandbox);
        let opened = provider.create_payment(&request).await.expect("a form");
        let Some(NextAction::Form { url, fields }) = opened.next_action else { panic!("{:?}", opened.next_action) };
        assert_eq!(url, "https://merchant.example/lmi/payment_utf.asp");
        let field = |name: &str| fields.iter().find(|field| field.name == name).map(|field| field.value.as_str());
        assert_eq!(field("LMI_SIM_MODE"), is_sandbox.then_some("0"));
        assert_eq!((field("LMI_PAYMENT_AMOUNT"), field("LMI_PAYMENT_NO")), (Some("12.30"), Some("7")));
        assert_eq!(
            (field("LMI_PAYMENT_DESC_BASE64"), field("LMI_PAYEE_PURSE")),
            (Some("U1AtMQ=="), Some("Z123456789012"))
        );
        assert_eq!(
            (field("LMI_SUCCESS_URL"), field("LMI_FAIL_URL")),
            (request.return_url.as_deref(), request.return_url.as_deref())
        );
        assert!(opened.expires_at.is_some_and(|at| at - provider.clock.now() <= TimeDelta::hours(2)));
        let euros = PaymentRequest { amount: Money::exact("1", "EUR").expect("money"), ..request.clone() };
        assert!(provider.create_payment(&euros).await.is_err(), "there is no purse for it");
    }
}

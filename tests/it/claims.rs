//! Money of a payment that is taken back: what the simulated bank says and writes down. (What it means to an order stands
//! elsewhere.)

use entity::notification::NotificationStatus;
use entity::sandbox_movement::{MovementKind, MovementStatus};
use provider::{ChargebackStage, Fact};
use secure_payment::party::demo;
use serde_json::json;

use crate::support::bank::{at_bank, told};
use crate::support::events::{ask, chargeback, chargeback_news, happen, money, paid};
use crate::support::purchase::{Shop, codes, text};
use crate::support::{TestApp, on_each_database};

on_each_database!(
    a_chargeback_goes_through_its_stages,
    a_chargeback_that_was_lost_can_be_won_after_all,
    chargebacks_and_reversals_never_exceed_what_arrived,
    a_chargeback_that_contradicts_itself_is_quarantined,
);

async fn a_chargeback_goes_through_its_stages(app: &TestApp) {
    let shop = Shop::of(app);
    let payment = paid(app, &shop).await;
    let of = |kind: &str| json!({ "type": kind, "paymentId": payment });
    let mut opening = of("CHARGEBACK_OPENED");
    opening["reason"] = json!("fraudulent");
    opening["amount"] = json!("28.00");
    let (_, event_type, fact) = happen(app, demo::OPERATOR, opening).await;
    assert!(matches!(&fact, Fact::Chargeback { reference, .. } if *reference == payment), "{fact:?}");
    let (first, amount, stage, reason) = chargeback(fact);
    assert_eq!(
        (event_type.as_str(), amount, stage, reason.as_str()),
        ("chargeback.opened", 2_800, ChargebackStage::Opened, "fraudulent")
    );
    let (_, _, fact) = happen(app, demo::OPERATOR, of("CHARGEBACK_OPENED")).await;
    let (second, amount, _, reason) = chargeback(fact);
    assert_eq!((amount, reason.as_str()), (10_000, "the cardholder disputes it"), "all that is left");

    // The newest that is not decided, or the one that is named.
    let mut named = of("CHARGEBACK_DEBITED");
    named["chargeback"] = json!(first);
    let debited = chargeback(happen(app, demo::OPERATOR, named).await.2);
    let stage = ChargebackStage::Debited { movement: format!("{first}:debited") };
    assert_eq!(debited, (first.clone(), 2_800, stage, "fraudulent".to_owned()));
    let lost = chargeback(happen(app, demo::OPERATOR, of("CHARGEBACK_LOST")).await.2);
    assert_eq!((lost.0, lost.2), (second, ChargebackStage::Lost));
    let won = chargeback(happen(app, demo::OPERATOR, of("CHARGEBACK_WON")).await.2);
    assert_eq!((won.0, won.2), (first.clone(), ChargebackStage::Won { movement: Some(format!("{first}:won")) }));
    let none = ask(app, demo::OPERATOR, of("CHARGEBACK_LOST")).await;
    assert_eq!(
        (codes(&none), &none["errors"][0]["path"]),
        (vec!["NOT_FOUND".to_owned()], &json!(["input", "chargeback"]))
    );
    let books: Vec<_> =
        at_bank(app, MovementKind::Chargeback).await.iter().map(|row| (row.status, row.debited)).collect();
    assert_eq!(books, [(MovementStatus::Won, true), (MovementStatus::Lost, false)]);
}

async fn a_chargeback_that_was_lost_can_be_won_after_all(app: &TestApp) {
    let shop = Shop::of(app);
    let payment = paid(app, &shop).await;
    let of = |kind: &str| json!({ "type": kind, "paymentId": payment });
    let id = chargeback(happen(app, demo::BUYER, of("CHARGEBACK_OPENED")).await.2).0;
    for kind in ["CHARGEBACK_LOST", "CHARGEBACK_WON"] {
        let mut input = of(kind);
        input["chargeback"] = json!(id);
        let stage = chargeback(happen(app, demo::BUYER, input).await.2).2;
        assert!(matches!(stage, ChargebackStage::Lost | ChargebackStage::Won { movement: None }), "{stage:?}");
    }
    let mut input = of("CHARGEBACK_DEBITED");
    input["chargeback"] = json!(id);
    let refused = ask(app, demo::BUYER, input).await;
    assert_eq!(codes(&refused), ["INVALID_INPUT"]);
    assert!(text(&refused["errors"][0]["message"]).contains("WON"), "{refused:#}");
}

async fn chargebacks_and_reversals_never_exceed_what_arrived(app: &TestApp) {
    let shop = Shop::of(app);
    let payment = paid(app, &shop).await;
    let of = |kind: &str, amount: Option<&str>| json!({ "type": kind, "paymentId": payment, "amount": amount });
    let (_, event_type, fact) = happen(app, demo::OPERATOR, of("PAYMENT_REVERSED", Some("20.00"))).await;
    let movement = at_bank(app, MovementKind::Reversal).await.remove(0).id.to_string();
    let reason = "the sending bank called it back".to_owned();
    let amount = money("20.00", "USD");
    let reference = payment.clone();
    assert_eq!(
        (event_type.as_str(), fact),
        ("payment.reversed", Fact::PaymentReversed { reference, movement, amount, reason })
    );
    let over = ask(app, demo::OPERATOR, of("CHARGEBACK_OPENED", Some("108.01"))).await;
    assert!(text(&over["errors"][0]["message"]).contains("at most 108.00 USD"), "{over:#}");
    happen(app, demo::OPERATOR, of("CHARGEBACK_OPENED", None)).await;
    for kind in ["CHARGEBACK_OPENED", "PAYMENT_REVERSED"] {
        let over = ask(app, demo::OPERATOR, of(kind, None)).await;
        assert_eq!(
            (codes(&over), &over["errors"][0]["path"]),
            (vec!["INVALID_INPUT".to_owned()], &json!(["input", "paymentId"]))
        );
    }
    // One that is won claims nothing any more.
    happen(app, demo::OPERATOR, json!({ "type": "CHARGEBACK_WON", "paymentId": payment })).await;
    let (_, _, fact) = happen(app, demo::OPERATOR, of("CHARGEBACK_OPENED", None)).await;
    assert_eq!(chargeback(fact).1, 10_800);
}

async fn a_chargeback_that_contradicts_itself_is_quarantined(app: &TestApp) {
    let shop = Shop::of(app);
    let payment = paid(app, &shop).await;
    let ids = ("chargeback_1", payment.as_str());
    for (event_id, event, debited) in [("msg_1", "chargeback.opened", true), ("msg_2", "chargeback.debited", false)] {
        let (status, reason) = told(app, event_id, &chargeback_news(event, ids, "128.00", debited)).await;
        assert_eq!(status, NotificationStatus::Quarantined, "{event}");
        assert!(reason.contains("debited"), "{event}: {reason}");
    }
    let mut silent = chargeback_news("chargeback.won", ids, "128.00", true);
    silent["movement"].as_object_mut().expect("an object").remove("debited");
    let (status, reason) = told(app, "msg_3", &silent).await;
    assert_eq!((status, reason.contains("debited")), (NotificationStatus::Quarantined, true), "{reason}");
}

//! Paying, and what may come instead: declined, expired, taken back.

use super::*;
use crate::support::rail::Claim;

pub(super) async fn pay(app: &TestApp, fake: Arc<dyn Fake>) {
    let rail = rail_of(app, fake).await;
    let order = rail.order(TOTAL).await;
    assert_offered(&rail, &order).await;
    let payment = rail.pay(&order).await;
    assert_eq!(payment.provider, rail.fake.name());
    assert!(payment.opened_at.is_some(), "{payment:#?}");
    assert!(rail.next_action(&payment).await["__typename"].is_string(), "the buyer is told what to do");
    assert!(rail.fake.payments(&payment.reference) <= 1);
    rail.deliver().await;
    assert_eq!(rail.status(&order).await, "AWAITING_PAYMENT");
    rail.assert_ledger(&order, &[]).await;

    rail.fake.pay(&payment.reference).await;
    rail.deliver().await;
    assert_eq!(rail.status(&order).await, "FUNDED");
    let captured = ("payment.captured", rail.provider(), escrow(&order), TOTAL);
    rail.assert_ledger(&order, std::slice::from_ref(&captured)).await;
    let paid = rail.payment(&payment.id.to_string()).await;
    assert_eq!((paid.status, paid.captured.0), (PaymentStatus::Captured, TOTAL_UNITS));
    assert_eq!(rail.next_action(&payment).await, Value::Null);

    rail.ask().await;
    rail.assert_ledger(&order, &[captured]).await;
    assert_eq!(quarantined(&rail).await, Vec::<String>::new());
}

/// As the fake is configured, with all that a buyer has to know before.
async fn assert_offered(rail: &Rail<'_>, order: &str) {
    let query = "query($id: ID!) { paymentMethods(orderId: $id) { method available reason provider flow fees currencies
        arrivalDaysFrom arrivalDaysTo takesParts chargebacks refundable refundWay refundDaysFrom refundDaysTo } }";
    let data = rail.shop.read(demo::BUYER, query, json!({ "id": order })).await;
    let options = data["paymentMethods"].as_array().expect("a list");
    let option = options.iter().find(|option| option["method"] == rail.fake.method()).expect("is listed");
    assert_eq!((&option["available"], &option["reason"]), (&json!(true), &Value::Null), "{option:#}");
    assert_eq!(option["provider"], rail.fake.name());
    for words in ["flow", "fees"] {
        assert!(option[words].as_str().is_some_and(|text| text.len() > 10), "{option:#}");
    }
    let takes = option["currencies"].as_array().expect("a provider says which currencies it takes");
    assert!(takes.iter().any(|code| code == rail.fake.currency()), "{option:#}");
    for (from, to) in [("arrivalDaysFrom", "arrivalDaysTo"), ("refundDaysFrom", "refundDaysTo")] {
        assert!(option[from].as_i64().expect("days") <= option[to].as_i64().expect("days"), "{option:#}");
    }
    let itself = rail.fake.refunds_by() == rail.fake.name();
    assert_eq!(option["refundable"], json!(itself), "whether the rail itself gives money back: {option:#}");
    assert!(itself || option["refundWay"] == "TO_ACCOUNT", "the other one has to know where to: {option:#}");
}

/// What could not be understood or didn't fit.
pub(super) async fn quarantined(rail: &Rail<'_>) -> Vec<String> {
    let query = "{ quarantine(first: 100) { nodes { provider reason } } }";
    let data = rail.shop.read(demo::OPERATOR, query, json!({})).await;
    data["quarantine"]["nodes"].as_array().expect("nodes").iter().map(Value::to_string).collect()
}

pub(super) async fn decline(app: &TestApp, fake: Arc<dyn Fake>) {
    let rail = rail_of(app, fake).await;
    let (order, payment) = rail.opened().await;
    if rail.fake.decline(&payment.reference).await {
        comes_to_nothing(&rail, &order, &payment, PaymentStatus::Failed).await;
    }
}

pub(super) async fn expire(app: &TestApp, fake: Arc<dyn Fake>) {
    let rail = rail_of(app, fake).await;
    let (order, payment) = rail.opened().await;
    if rail.fake.expire(&payment.reference).await {
        comes_to_nothing(&rail, &order, &payment, PaymentStatus::Expired).await;
    }
}

/// Nothing is booked, and the order can be paid by another payment.
async fn comes_to_nothing(rail: &Rail<'_>, order: &str, first: &payment::Model, status: PaymentStatus) {
    rail.hear().await;
    assert_eq!(rail.payment(&first.id.to_string()).await.status, status);
    assert_eq!(rail.status(order).await, "AWAITING_PAYMENT");
    rail.assert_ledger(order, &[]).await;

    let second = rail.pay(order).await;
    assert_ne!((second.id, &second.reference), (first.id, &first.reference));
    assert!(rail.next_action(&second).await["__typename"].is_string());
    rail.fake.pay(&second.reference).await;
    rail.deliver().await;
    assert_eq!(rail.status(order).await, "FUNDED");
    rail.assert_ledger(order, &[("payment.captured", rail.provider(), escrow(order), TOTAL)]).await;
    assert_eq!(rail.payment(&first.id.to_string()).await.status, status);
    assert_eq!(quarantined(rail).await, Vec::<String>::new());
}

pub(super) async fn chargeback_won(app: &TestApp, fake: Arc<dyn Fake>) {
    let rail = rail_of(app, fake).await;
    let (order, payment) = rail.funded().await;
    let Some(mut booked) = debited(&rail, &order, &payment).await else { return };
    if !rail.fake.claim(&payment.reference, Claim::Win).await {
        return;
    }
    rail.deliver().await;
    let row = trouble::chargebacks(rail.test, &order).await.remove(0);
    let account = format!("chargeback/{}", row.id);
    if row.debited {
        booked.push(("chargeback.won", rail.provider(), account.clone(), TOTAL));
    }
    booked.push(("chargeback.won", account, escrow(&order), TOTAL));
    rail.assert_ledger(&order, &booked).await;
    let seen = rail.row(&order).await;
    assert_eq!((seen.held.0, seen.charged_back.0, seen.is_frozen()), (TOTAL_UNITS, 0, false));
    assert_eq!(rail.status(&order).await, "FUNDED");
    assert_eq!(quarantined(&rail).await, Vec::<String>::new());
}

pub(super) async fn chargeback_lost(app: &TestApp, fake: Arc<dyn Fake>) {
    let rail = rail_of(app, fake).await;
    let (order, payment) = rail.funded().await;
    let Some(mut booked) = debited(&rail, &order, &payment).await else { return };
    let was_debited = trouble::chargebacks(app, &order).await.remove(0).debited;
    if !rail.fake.claim(&payment.reference, Claim::Lose).await {
        return;
    }
    rail.deliver().await;
    let row = trouble::chargebacks(app, &order).await.remove(0);
    if row.debited && !was_debited {
        // This rail takes the money when it is lost.
        booked.push(("chargeback.debited", format!("chargeback/{}", row.id), rail.provider(), TOTAL));
    }
    rail.assert_ledger(&order, &booked).await;
    let seen = rail.row(&order).await;
    assert_eq!((seen.held.0, seen.charged_back.0, seen.is_frozen()), (0, TOTAL_UNITS, false));
    assert_eq!(rail.status(&order).await, "REFUNDED", "the buyer has got it from the card company");
    assert_eq!(rail.fake.refunded(&payment.reference), 0, "and not from us as well");
    assert_eq!(quarantined(&rail).await, Vec::<String>::new());
}

type Booked = Vec<(&'static str, String, String, &'static str)>;

/// Opened, and the money taken, if this rail does that as a step of its own: what is booked until then.
async fn debited(rail: &Rail<'_>, order: &str, payment: &payment::Model) -> Option<Booked> {
    if !rail.fake.claim(&payment.reference, Claim::Open).await {
        return None;
    }
    rail.deliver().await;
    let row = trouble::chargebacks(rail.test, order).await.remove(0);
    let account = format!("chargeback/{}", row.id);
    let mut booked = vec![
        ("payment.captured", rail.provider(), escrow(order), TOTAL),
        ("chargeback.opened", escrow(order), account.clone(), TOTAL),
    ];
    assert_frozen(rail, order).await;
    if rail.fake.claim(&payment.reference, Claim::Debit).await {
        rail.deliver().await;
    }
    if trouble::chargebacks(rail.test, order).await.remove(0).debited {
        booked.push(("chargeback.debited", account, rail.provider(), TOTAL));
    }
    rail.assert_ledger(order, &booked).await;
    assert_frozen(rail, order).await;
    Some(booked)
}

async fn assert_frozen(rail: &Rail<'_>, order: &str) {
    assert!(rail.row(order).await.is_frozen());
    assert_eq!(rail.status(order).await, "FUNDED");
    let refused = rail.shop.take(&rail.refund_step(order, "1.00")).await.expect("an answer");
    assert_eq!(codes(&refused), ["ORDER_FROZEN"]);
}

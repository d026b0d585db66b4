//! Adyen mends failures by itself: what failed comes good, in any order, however often it is sent.

use std::sync::atomic::{AtomicU64, Ordering};

use chrono::TimeDelta;
use entity::chargeback::ChargebackStatus;
use entity::notification::{self, NotificationStatus};
use entity::payment::PaymentStatus;
use entity::refund::{self, RefundStatus};
use entity::standing::{self, Stands};
use escrow::Command;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use secure_payment::ledger;
use secure_payment::party::demo;
use serde_json::json;

use super::{Adyen, Amount, HMAC_KEY, signed};
use crate::support::purchase::{Step, codes};
use crate::support::rail::{Rail, Trouble};
use crate::support::{TestApp, on_each_database, trouble};

on_each_database!(
    a_failed_capture_freezes_the_order_until_it_is_restored,
    a_capture_that_is_not_restored_in_time_is_asked_for_again,
    a_capture_fails_before_its_money_is_booked,
    captures_and_failures_come_in_any_order,
    a_refund_that_comes_good_after_it_came_back_is_settled_again,
    a_refund_that_comes_good_while_it_waits_for_approval_is_settled,
    a_refund_that_comes_good_after_it_was_paid_by_hand_is_an_alarm,
    a_refund_by_hand_that_is_stopped_pays_for_the_one_that_came_good,
    refunds_are_matched_by_adyens_id_first,
    a_refund_that_names_only_its_payment_is_never_guessed,
    what_moves_no_money_fills_no_quarantine_and_leaves_a_trace,
);

/// An event of Adyen's, of a payment or a refund of an amount in euros.
struct Event<'a> {
    code: &'a str,
    success: bool,
    psp: &'a str,
    original: Option<&'a str>,
    reference: &'a str,
    cents: i64,
    /// Of July 2026.
    day: u32,
}

struct Played<'a> {
    adyen: std::sync::Arc<Adyen>,
    rail: Rail<'a>,
    order: String,
    payment: String,
    psp: String,
}

/// One that gives no id a second time.
async fn fresh() -> std::sync::Arc<Adyen> {
    static STARTED: AtomicU64 = AtomicU64::new(0);
    let adyen = Adyen::start().await;
    adyen.books().numbered = STARTED.fetch_add(1, Ordering::Relaxed) * 100;
    adyen
}

/// An order of 123.45 euros, paid.
async fn played(app: &TestApp) -> Played<'_> {
    let adyen = fresh().await;
    let rail = Rail::of(app, adyen.clone()).await;
    let order = rail.order("123.45").await;
    let payment = rail.pay(&order).await;
    rail.fake.pay(&payment.reference).await;
    rail.deliver().await;
    let psp = adyen.books().payments.last().expect("paid").psp.clone();
    Played { adyen, rail, order, payment: payment.reference, psp }
}

impl Played<'_> {
    fn post(&self, event: &Event<'_>) -> crate::support::rail::Post {
        let amount = Amount { currency: "EUR".to_owned(), value: event.cents };
        let mut item = json!({ "eventCode": event.code, "success": event.success.to_string(),
            "eventDate": format!("2026-07-{:02}T10:00:00+02:00", event.day), "merchantAccountCode": super::ACCOUNT,
            "pspReference": event.psp, "merchantReference": event.reference, "amount": amount.json(),
            "reason": "in Adyen's words" });
        if let Some(original) = event.original {
            item["originalReference"] = json!(original);
        }
        signed(HMAC_KEY, item)
    }

    async fn hear(&self, event: &Event<'_>) {
        let (status, body) = self.rail.post(&self.post(event)).await;
        assert_eq!(status, 200, "{body}");
        self.rail.drain().await;
    }

    /// Adyen's id of the payment's capture, or of a later one.
    fn id(&self, number: u32) -> String {
        format!("99{}{number}", &self.psp[3..])
    }

    fn capture<'a>(&'a self, code: &'a str, psp: &'a str, day: u32) -> Event<'a> {
        let original = Some(self.psp.as_str());
        Event { code, success: true, psp, original, reference: &self.payment, cents: 12_345, day }
    }

    /// As in Adyen's own samples: with the payment's reference.
    fn refund<'a>(&'a self, code: &'a str, refund: &'a refund::Model, day: u32) -> Event<'a> {
        let psp = refund.provider_reference.as_deref().expect("Adyen has answered");
        let original = Some(self.psp.as_str());
        Event { code, success: true, psp, original, reference: &self.payment, cents: refund.amount.0, day }
    }

    /// Asked for, and taken by Adyen.
    async fn refunding(&self, amount: &str) -> refund::Model {
        let key = self.rail.app.clock.new_id().to_string();
        let input = json!({ "orderId": self.order, "amount": amount, "idempotencyKey": key });
        self.rail.shop.done(&Step { token: demo::SUPPLIER, mutation: "refundOrder", input }).await;
        self.rail.drain().await;
        self.refunds().await.pop().expect("one")
    }

    async fn refunds(&self) -> Vec<refund::Model> {
        trouble::refunds(self.rail.test, &self.order).await
    }

    async fn reread(&self, refund: &refund::Model) -> refund::Model {
        refund::Entity::find_by_id(refund.id).one(&self.rail.app.db.read).await.expect("reads").expect("is there")
    }

    async fn status(&self) -> (String, bool, i64) {
        let row = trouble::row(self.rail.test, &self.order).await;
        (row.status.to_string(), row.is_frozen(), row.held.0)
    }

    /// At Adyen, by our books: less than nothing is what it holds for us.
    async fn at_adyen(&self) -> i64 {
        let account = entity::LedgerAccount::Provider("adyen".to_owned());
        let currency = "EUR".parse().expect("a currency");
        -ledger::balance(&self.rail.app.db.read, &account, currency).await.expect("reads").0
    }

    async fn quarantined(&self) -> Vec<String> {
        let rows = notification::Entity::find()
            .filter(notification::Column::Status.eq(NotificationStatus::Quarantined))
            .all(&self.rail.app.db.read);
        rows.await.expect("reads").into_iter().filter_map(|row| row.reason).collect()
    }

    async fn standings(&self) -> Vec<Stands> {
        let rows = standing::Entity::find().all(&self.rail.app.db.read).await.expect("reads");
        rows.into_iter().map(|row| row.stands).collect()
    }

    async fn by_hand(&self, token: &str, mutation: &'static str, refund: &refund::Model, more: serde_json::Value) {
        let key = self.rail.app.clock.new_id().to_string();
        let mut input = json!({ "orderId": self.order, "refundId": refund.id.to_string(), "idempotencyKey": key });
        if let (Some(input), Some(more)) = (input.as_object_mut(), more.as_object()) {
            input.extend(more.clone());
        }
        let token = if token == demo::OPERATOR { demo::OPERATOR } else { demo::SECOND_OPERATOR };
        self.rail.shop.done(&Step { token, mutation, input }).await;
    }
}

async fn a_failed_capture_freezes_the_order_until_it_is_restored(app: &TestApp) {
    // Under the id of the capture that failed, and under one of its own.
    for mended in [1, 9] {
        let it = played(app).await;
        let (failed, mended) = (&it.id(1), &it.id(mended));
        let before = it.at_adyen().await;
        for _twice in 0..2 {
            it.hear(&it.capture("CAPTURE_FAILED", failed, 2)).await;
        }
        assert_eq!(it.status().await, ("FUNDED".to_owned(), true, 0));
        assert_eq!(it.at_adyen().await, before - 12_345, "the money is away, once");
        let row = trouble::chargebacks(app, &it.order).await.remove(0);
        assert_eq!((row.status, row.debited, row.restore_by.is_some()), (ChargebackStatus::Open, true, true));
        let ship = json!({ "orderId": it.order, "carrier": "DHL", "trackingNumber": "1" });
        let ship = it.rail.shop.take(&Step { token: demo::SUPPLIER, mutation: "shipOrder", input: ship }).await;
        assert_eq!(codes(&ship.expect("an answer")), ["ORDER_FROZEN"]);

        for _twice in 0..2 {
            it.hear(&it.capture("CAPTURE", mended, 5)).await;
        }
        assert_eq!(it.status().await, ("FUNDED".to_owned(), false, 12_345));
        assert_eq!(it.at_adyen().await, before);
        let row = trouble::chargebacks(app, &it.order).await.remove(0);
        assert_eq!((row.status, row.returned), (ChargebackStatus::Won, true));
        let kinds = trouble::kinds(app, &it.order).await;
        for kind in ["payment.suspended", "payment.restored"] {
            assert_eq!(trouble::count(&kinds, kind), 1, "{kinds:?}");
        }

        // It fails once more, and is mended once more.
        it.hear(&it.capture("CAPTURE_FAILED", mended, 8)).await;
        assert_eq!(it.status().await, ("FUNDED".to_owned(), true, 0));
        it.hear(&it.capture("CAPTURE", mended, 9)).await;
        assert_eq!(it.status().await, ("FUNDED".to_owned(), false, 12_345));
        assert_eq!(it.at_adyen().await, before);
        assert_eq!(it.quarantined().await, Vec::<String>::new());
    }
}

async fn a_capture_that_is_not_restored_in_time_is_asked_for_again(app: &TestApp) {
    let it = played(app).await;
    it.hear(&it.capture("CAPTURE_FAILED", &it.id(1), 2)).await;
    it.rail.app.clock.advance(TimeDelta::days(9));
    it.rail.drain().await;
    assert_eq!(it.status().await, ("FUNDED".to_owned(), true, 0), "ten business days are not over");
    it.rail.app.clock.advance(TimeDelta::days(9));
    it.rail.drain().await;
    assert_eq!(it.status().await, ("AWAITING_PAYMENT".to_owned(), false, 0));
    let kinds = trouble::kinds(app, &it.order).await;
    assert_eq!(kinds[kinds.len() - 3..], ["payment.given_up", "order.unfunded", "order.thawed"]);

    let again = it.rail.pay(&it.order).await;
    it.rail.fake.pay(&again.reference).await;
    it.rail.deliver().await;
    assert_eq!(it.status().await, ("FUNDED".to_owned(), false, 12_345));
    // Adyen is late: what it has collected is the buyer's, and nobody's order.
    it.hear(&it.capture("CAPTURE", &it.id(2), 25)).await;
    assert_eq!(it.status().await, ("FUNDED".to_owned(), false, 12_345));
    let receipts = entity::receipt::Entity::find().all(&app.db().read).await.expect("reads");
    assert_eq!(receipts.iter().map(|row| row.amount.0).collect::<Vec<_>>(), [12_345]);
    assert_eq!(it.quarantined().await, Vec::<String>::new());
}

async fn a_capture_fails_before_its_money_is_booked(app: &TestApp) {
    for authorised in [false, true] {
        let adyen = fresh().await;
        let rail = Rail::of(app, adyen.clone()).await;
        let order = rail.order("123.45").await;
        let payment = rail.pay(&order).await;
        rail.fake.pay(&payment.reference).await;
        let psp = adyen.books().payments.last().expect("paid").psp.clone();
        let id = payment.id.to_string();
        let authorisation = rail.fake.notifications(rail.app.clock.wall());
        let it = Played { adyen, rail, order, payment: payment.reference, psp };
        it.hear(&it.capture("CAPTURE_FAILED", &it.id(1), 2)).await;
        assert_eq!(it.rail.payment(&id).await.status, PaymentStatus::Pending, "it may still come");
        assert_eq!(it.standings().await.last(), Some(&Stands::Failed));
        if authorised {
            // The authorisation was late: its money is away.
            assert_eq!(it.rail.post(&authorisation[0]).await.0, 200);
            it.rail.drain().await;
            assert_eq!(it.status().await, ("FUNDED".to_owned(), true, 0));
        }
        it.hear(&it.capture("CAPTURE", &it.id(2), 3)).await;
        assert_eq!(it.status().await, ("FUNDED".to_owned(), false, 12_345));
        // And once more, after all.
        assert_eq!(it.rail.post(&authorisation[0]).await.0, 200);
        it.rail.drain().await;
        assert_eq!(it.status().await, ("FUNDED".to_owned(), false, 12_345));
        let paid = it.rail.payment(&id).await;
        assert_eq!((paid.status, paid.captured.0), (PaymentStatus::Captured, 12_345));
        assert_eq!(paid.provider_reference.as_deref(), Some(it.psp.as_str()), "it is refunded by that");
        assert_eq!(it.quarantined().await, Vec::<String>::new());
    }
}

async fn captures_and_failures_come_in_any_order(app: &TestApp) {
    let places = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    for order in places {
        let it = played(app).await;
        let before = it.at_adyen().await;
        let (capture, late) = (&it.id(1), &it.id(2));
        // The capture's own success, its failure, and the one that mended it.
        let events = [
            it.capture("CAPTURE", capture, 1),
            it.capture("CAPTURE_FAILED", capture, 2),
            it.capture("CAPTURE", late, 3),
        ];
        for place in order {
            it.hear(&events[place]).await;
            it.hear(&events[place]).await;
        }
        assert_eq!(it.status().await, ("FUNDED".to_owned(), false, 12_345), "{order:?}");
        assert_eq!(it.at_adyen().await, before, "{order:?}");
        assert_eq!(it.quarantined().await, Vec::<String>::new());
    }
    // A success from before the failure mends nothing, however late it comes.
    let it = played(app).await;
    it.hear(&it.capture("CAPTURE_FAILED", &it.id(1), 2)).await;
    it.hear(&it.capture("CAPTURE", &it.id(1), 1)).await;
    assert_eq!(it.status().await, ("FUNDED".to_owned(), true, 0));
}

async fn a_refund_that_comes_good_after_it_came_back_is_settled_again(app: &TestApp) {
    let it = played(app).await;
    let before = it.at_adyen().await;
    let refund = it.refunding("23.45").await;
    it.hear(&it.refund("REFUND", &refund, 1)).await;
    assert_eq!(it.reread(&refund).await.status, RefundStatus::Succeeded);
    for code in ["REFUND_FAILED", "REFUNDED_REVERSED"] {
        it.hear(&it.refund(code, &refund, 4)).await;
        let failed = it.reread(&refund).await;
        assert_eq!((failed.status, failed.balance.0), (RefundStatus::ActionRequired, 2_345));
    }
    assert_eq!(it.at_adyen().await, before, "it came back once");
    // What was sent before it failed is sent once more by Adyen's queue, and says nothing new.
    it.hear(&it.refund("REFUND", &refund, 1)).await;
    assert_eq!(it.reread(&refund).await.status, RefundStatus::ActionRequired);
    for _twice in 0..2 {
        it.hear(&it.refund("REFUND", &refund, 9)).await;
        let settled = it.reread(&refund).await;
        assert_eq!((settled.status, settled.balance.0, settled.failure), (RefundStatus::Succeeded, 0, None));
        assert_eq!(it.at_adyen().await, before - 2_345);
    }

    // The same under another id, which comes before the failure that it mends.
    let other = it.refunding("10.00").await;
    let again = Event { psp: &it.id(77), reference: &other.reference, ..it.refund("REFUND", &other, 6) };
    it.hear(&it.refund("REFUND", &other, 2)).await;
    it.hear(&again).await;
    it.hear(&it.refund("REFUND_FAILED", &other, 5)).await;
    it.hear(&again).await;
    assert_eq!(it.reread(&other).await.status, RefundStatus::Succeeded);
    assert_eq!(it.at_adyen().await, before - 3_345);
    assert!(trouble::chargebacks(app, &it.order).await.iter().all(|row| row.status == ChargebackStatus::Won));
    assert_eq!(it.status().await, ("FUNDED".to_owned(), false, 9_000));
    assert_eq!(it.quarantined().await, Vec::<String>::new());
}

/// It came back, and one operator has asked to pay it by hand.
async fn to_be_approved(it: &Played<'_>) -> refund::Model {
    let refund = it.refunding("23.45").await;
    it.hear(&it.refund("REFUND", &refund, 1)).await;
    it.hear(&it.refund("REFUND_FAILED", &refund, 2)).await;
    trouble::provide_account(it.rail.test, &it.order).await;
    it.by_hand(demo::OPERATOR, "requestManualRefund", &refund, json!({})).await;
    refund
}

async fn a_refund_that_comes_good_while_it_waits_for_approval_is_settled(app: &TestApp) {
    let it = played(app).await;
    let before = it.at_adyen().await;
    let refund = to_be_approved(&it).await;
    assert_eq!(it.reread(&refund).await.status, RefundStatus::ApprovalRequired);
    it.hear(&it.refund("REFUND", &refund, 3)).await;
    assert_eq!(it.reread(&refund).await.status, RefundStatus::Succeeded);
    let (first, second) = trouble::operators(app).await;
    assert_ne!(first, second);
    let approve = Command::ApproveManualRefund { refund_id: refund.id, operator_id: second };
    trouble::refused(app, demo::SECOND_OPERATOR, &it.order, approve).await;
    assert_eq!(it.at_adyen().await, before - 2_345, "it is paid once");
}

async fn a_refund_that_comes_good_after_it_was_paid_by_hand_is_an_alarm(app: &TestApp) {
    let it = played(app).await;
    let before = it.at_adyen().await;
    let refund = to_be_approved(&it).await;
    it.by_hand(demo::SECOND_OPERATOR, "approveManualRefund", &refund, json!({})).await;
    let confirmed = json!({ "bankReference": "WIRE-1" });
    it.by_hand(demo::OPERATOR, "confirmManualRefund", &refund, confirmed).await;
    for _twice in 0..2 {
        it.hear(&it.refund("REFUND", &refund, 3)).await;
    }
    assert_eq!(it.reread(&refund).await.status, RefundStatus::Succeeded);
    assert_eq!(it.at_adyen().await, before - 2_345, "booked as it moved");
    let row = trouble::chargebacks(app, &it.order).await.remove(0);
    assert_eq!((row.status, row.amount.0, row.refund_id), (ChargebackStatus::Open, 2_345, Some(refund.id)));
    let kinds = trouble::kinds(app, &it.order).await;
    for kind in ["refund.sent_again", "loss.incurred"] {
        assert_eq!(trouble::count(&kinds, kind), 1, "{kinds:?}");
    }
    let open = "{ openChargebacks(first: 10) { nodes { kind amount { amount } } } }";
    let open = it.rail.shop.read(demo::OPERATOR, open, json!({})).await;
    assert_eq!(
        open["openChargebacks"]["nodes"],
        json!([{ "kind": "REFUND_SENT_AGAIN", "amount": { "amount": "23.45" } }])
    );

    // Adyen's comes back once more.
    it.hear(&it.refund("REFUND_FAILED", &refund, 4)).await;
    assert_eq!(it.at_adyen().await, before);
    assert_eq!(trouble::chargebacks(app, &it.order).await.remove(0).status, ChargebackStatus::Won);
    assert_eq!(it.status().await, ("FUNDED".to_owned(), false, 10_000));
    assert_eq!(it.quarantined().await, Vec::<String>::new());
}

async fn a_refund_by_hand_that_is_stopped_pays_for_the_one_that_came_good(app: &TestApp) {
    let it = played(app).await;
    let refund = to_be_approved(&it).await;
    it.by_hand(demo::SECOND_OPERATOR, "approveManualRefund", &refund, json!({})).await;
    it.hear(&it.refund("REFUND", &refund, 3)).await;
    assert_eq!(it.reread(&refund).await.status, RefundStatus::Pending, "an operator has to stop it");
    assert!(it.status().await.1, "and the order is frozen");
    it.by_hand(demo::OPERATOR, "rejectManualRefund", &refund, json!({ "reason": "Adyen has paid it" })).await;
    let stopped = it.reread(&refund).await;
    assert_eq!((stopped.status, stopped.balance.0), (RefundStatus::ChargedBack, 0), "nothing is left to be sent");
    let loss = entity::LedgerAccount::Loss;
    let loss = ledger::balance(&app.db().read, &loss, "EUR".parse().expect("a currency")).await.expect("reads");
    assert_eq!(loss.0, 0, "nobody has lost anything");
}

async fn refunds_are_matched_by_adyens_id_first(app: &TestApp) {
    let it = played(app).await;
    // Two of the same amount; and nothing but their ids tells them apart.
    let (first, second) = (it.refunding("10.00").await, it.refunding("10.00").await);
    it.hear(&it.refund("REFUND", &second, 1)).await;
    assert_eq!(it.reread(&first).await.status, RefundStatus::Pending);
    assert_eq!(it.reread(&second).await.status, RefundStatus::Succeeded);
    // Adyen's id counts, and one that is said of another refund is nobody's.
    let mixed = Event { reference: &second.reference, ..it.refund("REFUND", &first, 1) };
    it.hear(&mixed).await;
    assert_eq!(it.reread(&first).await.status, RefundStatus::Pending);
    let of_another = Event { original: Some("8800000000000000"), ..it.refund("REFUND", &first, 2) };
    it.hear(&of_another).await;
    assert_eq!(it.reread(&first).await.status, RefundStatus::Pending);
    assert_eq!(it.quarantined().await.len(), 2);
    it.hear(&it.refund("REFUND", &first, 3)).await;
    assert_eq!(it.reread(&first).await.status, RefundStatus::Succeeded);
    // What was not understood of its payment freezes the order until somebody has looked.
    assert_eq!(it.status().await, ("FUNDED".to_owned(), true, 10_345));
}

async fn a_refund_that_names_only_its_payment_is_never_guessed(app: &TestApp) {
    let it = played(app).await;
    it.rail.fake.way().trouble(Trouble::Lost);
    let refund = it.refunding("10.00").await;
    assert_eq!((refund.status, &refund.provider_reference), (RefundStatus::Requested, &None));
    let psp = it.adyen.books().refunds.last().expect("taken").psp.clone();
    let original = Some(it.psp.as_str());
    let event =
        Event { code: "REFUND", success: true, psp: &psp, original, reference: &it.payment, cents: 1_000, day: 1 };
    assert_eq!(it.rail.post(&it.post(&event)).await.0, 200);
    // It is asked for again, and the answer brings the id: then its notification is understood.
    for _minute in 0..10 {
        it.rail.app.clock.advance(TimeDelta::minutes(1));
        let _applied = secure_payment::worker::drain(&it.rail.app).await;
    }
    assert_eq!(it.reread(&refund).await.status, RefundStatus::Succeeded);
    assert_eq!(it.quarantined().await, Vec::<String>::new());

    // One that somebody made at Adyen is nobody's here, also if a refund of that amount is on its way.
    let open = it.refunding("10.00").await;
    it.hear(&Event { psp: &it.id(42), ..event }).await;
    assert_eq!(it.reread(&open).await.status, RefundStatus::Pending);
    let reasons = it.quarantined().await;
    assert!(reasons.len() == 1 && reasons[0].contains(&it.id(42)) && reasons[0].contains("10.00"), "{reasons:?}");
}

async fn what_moves_no_money_fills_no_quarantine_and_leaves_a_trace(app: &TestApp) {
    let it = played(app).await;
    let before = (it.status().await, it.at_adyen().await);
    for code in [
        "AUTORESCUE",
        "CANCEL_AUTORESCUE",
        "EXPIRE",
        "ORDER_OPENED",
        "ORDER_CLOSED",
        "VOID_PENDING_REFUND",
        "POSTPONED_REFUND",
        "TECHNICAL_CANCEL",
        "REPORT_AVAILABLE",
        "OFFER_CLOSED",
    ] {
        for success in [true, false] {
            it.hear(&Event { success, ..it.capture(code, &it.id(5), 1) }).await;
        }
    }
    assert_eq!(it.standings().await, []);
    it.hear(&Event { success: false, ..it.capture("CAPTURE", &it.id(6), 1) }).await;
    it.hear(&it.capture("CANCELLATION", &it.id(7), 1)).await;
    assert_eq!(it.standings().await, [Stands::Refused, Stands::Withdrawn]);
    assert_eq!((it.status().await, it.at_adyen().await), before);
    assert_eq!(it.quarantined().await, Vec::<String>::new());
}

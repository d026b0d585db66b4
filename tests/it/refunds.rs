//! What a provider may do to a refund: sent once, and still the buyer's when it comes back.

use chrono::TimeDelta;
use entity::notification::NotificationStatus;
use entity::refund::RefundStatus;
use entity::sandbox_movement::{MovementKind, MovementStatus};
use secure_payment::{payment, worker};

use crate::support::bank::{
    Node, Told, USD_128, at_bank, causes, event_types, inbox, news, refusal, refused_questions, requested_refund,
    status, tell, the_refund, told, write_at_bank,
};
use crate::support::purchase::Shop;
use crate::support::{TestApp, on_each_database};

on_each_database!(
    a_refund_that_the_bank_took_is_not_called_failed_because_a_question_was_refused,
    a_refund_whose_answer_was_lost_is_not_sent_twice,
    a_refund_that_comes_back_after_it_had_succeeded_is_the_buyers_again,
    a_refund_that_succeeds_after_it_had_failed_is_settled_only_if_the_bank_says_so,
    a_refund_sent_again_after_it_came_back_is_settled_or_shown,
    refund_that_may_have_arrived_is_asked_about_before_it_is_called_failed,
    old_news_does_not_settle_a_refund_that_waits_to_be_approved,
    verify_names_what_was_changed_in_refunds_receipts_and_chargebacks,
);

async fn a_refund_that_the_bank_took_is_not_called_failed_because_a_question_was_refused(app: &TestApp) {
    let shop = Shop::of(app);
    let (order, refund) = requested_refund(app, &shop).await;
    payment::send_refund(app.app(), refund.id).await.expect("the bank takes it");
    for refused in refused_questions().into_iter().chain([refusal(404, "not_found"), refusal(409, "conflict")]) {
        let node = Node::answering(app, refused).await;
        payment::send_refund(&node.app, refund.id).await.expect_err("no answer");
        assert_eq!(the_refund(app).await.status, RefundStatus::Pending);
    }
    app.drain().await;
    assert_refunded_once(app, &shop, &order).await;
}

async fn a_refund_whose_answer_was_lost_is_not_sent_twice(app: &TestApp) {
    let shop = Shop::of(app);
    let (order, refund) = requested_refund(app, &shop).await;
    let node = Node::answering(app, Told::Lost).await;
    payment::send_refund(&node.app, refund.id).await.expect_err("no answer");
    for refused in refused_questions() {
        let node = Node::answering(app, refused.clone()).await;
        payment::send_refund(&node.app, refund.id).await.expect_err("no answer");
        let node = Node::new(
            app,
            move |call| {
                if call.starts_with("POST") { refusal(409, "conflict") } else { refused.clone() }
            },
        );
        payment::send_refund(&node.await.app, refund.id).await.expect_err("no answer");
        assert_eq!(the_refund(app).await.status, RefundStatus::Requested);
    }
    let node = Node::new(app, |call| if call.starts_with("POST") { refusal(409, "conflict") } else { Told::Honest });
    payment::send_refund(&node.await.app, refund.id).await.expect("asked instead");
    assert_eq!(the_refund(app).await.status, RefundStatus::Pending);
    app.drain().await;
    assert_refunded_once(app, &shop, &order).await;
}

async fn assert_refunded_once(app: &TestApp, shop: &Shop, order: &str) {
    assert_eq!(the_refund(app).await.status, RefundStatus::Succeeded);
    let moved = at_bank(app, MovementKind::Refund).await;
    assert_eq!(moved.iter().map(|row| row.status).collect::<Vec<_>>(), [MovementStatus::Succeeded]);
    assert_eq!(causes(shop).await, ["payment.captured", "refund.requested", "refund.succeeded"]);
    let events = event_types(&shop.order(order).await);
    assert_eq!(events.iter().filter(|kind| *kind == "refund.succeeded").count(), 1, "{events:?}");
    assert!(!events.contains(&"refund.action_required".to_owned()), "{events:?}");
}

async fn a_refund_that_comes_back_after_it_had_succeeded_is_the_buyers_again(app: &TestApp) {
    let shop = Shop::of(app);
    let (order, refund) = requested_refund(app, &shop).await;
    app.drain().await;
    assert_refunded_once(app, &shop, &order).await;
    let movement = at_bank(app, MovementKind::Refund).await.remove(0).id.to_string();
    let reference = refund.id.to_string();
    let declined = news("refund.declined", (&movement, &reference), USD_128, Some("account closed"));
    write_at_bank(app, MovementStatus::Declined).await;
    assert_eq!(told(app, "msg_back", &declined).await, (NotificationStatus::Applied, String::new()));
    assert_eq!(told(app, "msg_back_again", &declined).await, (NotificationStatus::Applied, String::new()));

    let came_back = the_refund(app).await;
    assert_eq!((came_back.status, came_back.balance), (RefundStatus::ActionRequired, came_back.amount));
    assert_eq!(came_back.failure.as_deref(), Some("account closed"));
    let booked: Vec<_> = shop.transfers(Some(&order)).await.into_iter().skip(2).collect();
    let (held, bank) = (format!("refund/{reference}"), "provider/sandbox".to_owned());
    let row = |cause: &str, debit: &String, credit: &String| {
        (cause.to_owned(), debit.clone(), credit.clone(), "128.00".to_owned())
    };
    assert_eq!(booked, [row("refund.succeeded", &held, &bank), row("refund.failed", &bank, &held)]);
    let seen = shop.order(&order).await;
    assert_eq!(
        (seen["status"].as_str(), seen["refunds"][0]["status"].as_str()),
        (Some("REFUNDED"), Some("ACTION_REQUIRED"))
    );
    let events = event_types(&seen);
    assert_eq!(events[events.len() - 2..], ["refund.succeeded", "refund.action_required"]);

    // The old news again, late: the bank, asked, says that it was declined.
    let succeeded = news("refund.succeeded", (&movement, &reference), USD_128, None);
    tell(app, "msg_old", &succeeded).await;
    let says = news("refund.declined", (&movement, &reference), USD_128, Some("account closed"))["movement"].take();
    let node = Node::answering(app, Told::Says(200, says)).await;
    worker::drain(&node.app).await.expect("the worker gets through");
    assert_eq!(inbox(app, "msg_old").await, (NotificationStatus::Applied, String::new()));
    assert_eq!(the_refund(app).await, came_back);
}

async fn a_refund_that_succeeds_after_it_had_failed_is_settled_only_if_the_bank_says_so(app: &TestApp) {
    let shop = Shop::of(app);
    let (order, refund) = requested_refund(app, &shop).await;
    let (movement, reference) = ("m1", refund.id.to_string());
    let document = |event| news(event, (movement, &reference), USD_128, None);
    let drain_at = async |told| {
        let node = Node::answering(app, told).await;
        worker::drain(&node.app).await.expect("the worker gets through");
    };
    tell(app, "msg_1", &document("refund.declined")).await;
    drain_at(Told::Bare(503)).await;
    assert_eq!(the_refund(app).await.status, RefundStatus::ActionRequired);

    tell(app, "msg_2", &document("refund.succeeded")).await;
    drain_at(Told::Bare(503)).await;
    assert_eq!(inbox(app, "msg_2").await.0, NotificationStatus::Received, "not known yet");
    app.clock().advance(TimeDelta::minutes(1));
    drain_at(Told::Says(200, document("refund.declined")["movement"].take())).await;
    assert_eq!(inbox(app, "msg_2").await.0, NotificationStatus::Applied);
    assert_eq!(the_refund(app).await.status, RefundStatus::ActionRequired);
    assert_eq!(causes(&shop).await, ["payment.captured", "refund.requested"]);

    tell(app, "msg_3", &document("refund.succeeded")).await;
    drain_at(Told::Says(200, document("refund.succeeded")["movement"].take())).await;
    let settled = the_refund(app).await;
    assert_eq!((settled.status, settled.balance.0), (RefundStatus::Succeeded, 0));
    assert_eq!(causes(&shop).await, ["payment.captured", "refund.requested", "refund.succeeded"]);

    // The old failure once more, under another id: the bank still says that it was sent.
    tell(app, "msg_4", &document("refund.declined")).await;
    drain_at(Told::Says(200, document("refund.succeeded")["movement"].take())).await;
    assert_eq!(the_refund(app).await.status, RefundStatus::Succeeded);
    assert_eq!(causes(&shop).await, ["payment.captured", "refund.requested", "refund.succeeded"]);
    assert_eq!(status(&shop, &order).await, "REFUNDED");
}

async fn a_refund_sent_again_after_it_came_back_is_settled_or_shown(app: &TestApp) {
    let shop = Shop::of(app);
    let (order, refund) = requested_refund(app, &shop).await;
    app.drain().await;
    let movement = at_bank(app, MovementKind::Refund).await.remove(0).id.to_string();
    let reference = refund.id.to_string();
    write_at_bank(app, MovementStatus::Declined).await;
    told(app, "msg_back", &news("refund.declined", (&movement, &reference), USD_128, Some("x"))).await;
    assert_eq!(the_refund(app).await.status, RefundStatus::ActionRequired);
    // The bank, asked, says that it was sent after all.
    write_at_bank(app, MovementStatus::Succeeded).await;
    let again = told(app, "msg_again", &news("refund.succeeded", (&movement, &reference), USD_128, None)).await;
    let settled = the_refund(app).await;
    assert!(
        settled.status == RefundStatus::Succeeded || again.0 == NotificationStatus::Quarantined,
        "{again:?} {settled:?} {order}"
    );
}

async fn refund_that_may_have_arrived_is_asked_about_before_it_is_called_failed(app: &TestApp) {
    use provider::{ChargebackStage, Fact};
    let shop = Shop::of(app);
    let (_order, refund) = requested_refund(app, &shop).await;
    let node = Node::answering(app, Told::Lost).await;
    payment::send_refund(&node.app, refund.id).await.expect_err("the bank took it, its answer got lost");
    let provider = app.app().providers.find("sandbox").expect("there");
    let amount = entity::Money::new(refund.amount, refund.currency);
    for stage in [ChargebackStage::Opened, ChargebackStage::Lost] {
        let fact = Fact::Chargeback {
            reference: refund.payment_id.expect("a payment").to_string(),
            chargeback: "cb_1".to_owned(),
            amount: Some(amount),
            stage,
            reason: "x".to_owned(),
        };
        payment::apply_fact(app.app(), provider.as_ref(), fact, app.clock().now()).await.expect("applied");
    }
    payment::send_refund(app.app(), refund.id).await.expect("asks");
    assert_eq!(at_bank(app, MovementKind::Refund).await.len(), 1, "the bank has it");
    let refund = the_refund(app).await;
    assert_ne!(refund.status, RefundStatus::ActionRequired, "{refund:?}");
}

async fn old_news_does_not_settle_a_refund_that_waits_to_be_approved(app: &TestApp) {
    use sea_orm::ConnectionTrait;
    let shop = Shop::of(app);
    let (_order, refund) = requested_refund(app, &shop).await;
    let (movement, reference) = ("m1", refund.id.to_string());
    let document = |event| news(event, (movement, &reference), USD_128, None);
    let drain_at = async |told| {
        let node = Node::answering(app, told).await;
        worker::drain(&node.app).await.expect("the worker gets through");
    };
    tell(app, "msg_1", &document("refund.declined")).await;
    drain_at(Told::Bare(503)).await;
    assert_eq!(the_refund(app).await.status, RefundStatus::ActionRequired);
    let transaction = app.db().begin_write().await.expect("begins");
    let sql =
        "update refund set status = 'APPROVAL_REQUIRED', requested_by = (select id from operator order by id limit 1)";
    transaction.execute_unprepared(sql).await.expect("as requestManualRefund does");
    transaction.commit().await.expect("commits");
    tell(app, "msg_2", &document("refund.succeeded")).await;
    drain_at(Told::Says(200, document("refund.declined")["movement"].take())).await;
    assert_eq!(the_refund(app).await.status, RefundStatus::ApprovalRequired, "the bank says that it was declined");
}

async fn verify_names_what_was_changed_in_refunds_receipts_and_chargebacks(app: &TestApp) {
    use provider::{ChargebackStage, Fact};
    use sea_orm::ConnectionTrait;
    let shop = Shop::of(app);
    let (_order, refund) = requested_refund(app, &shop).await;
    let provider = app.app().providers.find("sandbox").expect("there");
    let now = app.clock().now();
    let usd = |units| entity::Money::new(entity::MinorUnits(units), refund.currency);
    let surplus = Fact::PaymentCaptured {
        references: vec![refund.payment_id.expect("a payment").to_string()],
        provider_reference: Some("x".to_owned()),
        movement: "surplus".to_owned(),
        amount: usd(700),
        remitter: None,
    };
    payment::apply_fact(app.app(), provider.as_ref(), surplus, now).await.expect("applied");
    let unknown = Fact::PaymentCaptured {
        references: vec!["nobody".to_owned()],
        provider_reference: None,
        movement: "unknown".to_owned(),
        amount: usd(700),
        remitter: None,
    };
    payment::apply_fact(app.app(), provider.as_ref(), unknown, now).await.expect("applied");
    let fact = Fact::Chargeback {
        reference: refund.payment_id.expect("a payment").to_string(),
        chargeback: "cb_1".to_owned(),
        amount: Some(usd(5_000)),
        stage: ChargebackStage::Opened,
        reason: "x".to_owned(),
    };
    payment::apply_fact(app.app(), provider.as_ref(), fact, now).await.expect("applied");
    assert_eq!(secure_payment::ledger::verify(&app.db().read).await.expect("verifies"), Vec::<String>::new());
    for (sql, named) in [
        ("update chargeback set sources = '[]'", "sources"),
        ("update chargeback set sources = '[{\"from\":\"loss\",\"amount\":5000}]'", "taken from"),
        ("update chargeback set debited = true", "balance"),
        ("update chargeback set amount = amount - 1", "balance"),
        ("update refund set charged_back = 0", "charged back"),
        ("delete from receipt where order_id is null", "its row is gone"),
        ("delete from refund where receipt_id is not null", "its row is gone"),
        ("delete from chargeback", "chargebacks"),
        ("update receipt set amount = amount + 1 where order_id is null", "left"),
        ("update receipt set charged_back = 1, amount = amount + 1 where order_id is null", "charged back"),
        ("update orders set frozen_at = null, timer_at = deadline_at", "frozen"),
        ("update orders set status = 'CANCELLED'", "status"),
    ] {
        let transaction = app.db().begin_write().await.expect("begins");
        transaction.execute_unprepared(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        let found = secure_payment::ledger::verify(&transaction).await.expect("verifies");
        assert!(found.iter().any(|difference| difference.contains(named)), "{sql}: {found:#?}");
    }
}

//! Nobody is stuck: of every state that a row of money can be in, what ends it; and of each that needs a person the mutation that
//! does, really called. A new state doesn't compile before somebody has said how it ends.

use entity::chargeback::ChargebackStatus;
use entity::hand_booking::BookingStatus;
use entity::notification::{self, NotificationStatus};
use entity::payment::PaymentStatus;
use entity::payout::PayoutStatus;
use entity::receipt::ReceiptReason;
use entity::reconciliation_break::{self, BreakKind};
use entity::refund::RefundStatus;
use entity::sandbox_movement::MovementStatus;
use entity::{BreakId, Currency, LedgerAccount, MinorUnits, Money};
use provider::Fact;
use sea_orm::{ActiveModelTrait, ConnectionTrait, EntityTrait, IntoActiveModel, Iterable};
use secure_payment::config::Settings;
use secure_payment::party::demo;
use secure_payment::payment;
use serde_json::{Value, json};

use crate::by_hand::{act, approve, book_break, book_quarantined, breaks, notification, quarantine};
use crate::support::bank::{
    demo_supplier, funded, news, payouts, requested_payout, serve, tell, the_payment, the_payout, write_at_bank,
};
use crate::support::bench::{Bench, Situation};
use crate::support::purchase::{Shop, codes, confirm_received, ship, text};
use crate::support::trouble::{balance, chargebacks, payment_of, refund, refunds};
use crate::support::{TestApp, on_each_database};

on_each_database!(
    a_refund_is_stuck_in_no_state,
    a_payment_is_stuck_in_no_state,
    a_payout_is_stuck_in_no_state,
    a_notification_is_stuck_in_no_state,
    a_break_is_stuck_in_no_state,
    money_set_aside_is_stuck_for_no_reason,
    a_chargeback_is_stuck_in_no_state,
    a_refund_that_came_back_short_goes_on_with_less_or_whole,
    a_transfer_that_banks_have_shortened_counts_as_whole,
);

/// How a state ends.
enum Ends {
    /// It is an end, or goes on by a job, a clock or the provider's word.
    ByItself,
    /// By any of these.
    By(&'static [&'static str]),
}

use Ends::{By, ByItself};

fn refund_ends(status: RefundStatus) -> Ends {
    match status {
        RefundStatus::Requested | RefundStatus::Succeeded | RefundStatus::ChargedBack => ByItself,
        RefundStatus::PayeeDetailsRequired => By(&["provideRefundAccount"]),
        // With a provider it ends by itself; paid by hand, by whoever has paid.
        RefundStatus::Pending => By(&["confirmManualRefund", "rejectManualRefund"]),
        RefundStatus::ActionRequired => By(&["requestManualRefund", "retryRefund"]),
        RefundStatus::ApprovalRequired => By(&["approveManualRefund", "rejectManualRefund"]),
    }
}

async fn a_refund_is_stuck_in_no_state(app: &TestApp) {
    let bench = Bench::on(app);
    for status in RefundStatus::iter() {
        let By(ways) = refund_ends(status) else { continue };
        for way in ways {
            let order = match status {
                RefundStatus::Pending => bench.order(Situation::RefundByHand).await,
                RefundStatus::ApprovalRequired => bench.order(Situation::RefundToApprove).await,
                RefundStatus::ActionRequired => bench.order(Situation::RefundWithAccount).await,
                RefundStatus::PayeeDetailsRequired => {
                    let id = bench.order(Situation::RefundNeedsAction).await;
                    let row = refund(app, &id).await;
                    execute(app, "update refund set status = 'PAYEE_DETAILS_REQUIRED' where id = $1", row.id.0).await;
                    id
                }
                RefundStatus::Requested | RefundStatus::Succeeded | RefundStatus::ChargedBack => unreachable!(),
            };
            app.drain().await;
            let case = format!("{status:?} × {way}");
            assert_eq!(refund(app, &order).await.status, status, "{case}");
            let account = json!({ "accountHolder": "Ana Souza", "country": "DE", "iban": "DE89370400440532013000" });
            let id = refund(app, &order).await.id.to_string();
            let (token, mut input) = match *way {
                "provideRefundAccount" => (demo::BUYER, json!({ "account": account })),
                "confirmManualRefund" => (demo::OPERATOR, json!({ "refundId": id, "bankReference": order })),
                "rejectManualRefund" => (demo::OPERATOR, json!({ "refundId": id, "reason": "no" })),
                "approveManualRefund" => (demo::SECOND_OPERATOR, json!({ "refundId": id })),
                _others => (demo::OPERATOR, json!({ "refundId": id })),
            };
            input["orderId"] = json!(order);
            let answer = act(app, token, way, input, "").await;
            assert_eq!(codes(&answer), Vec::<String>::new(), "{case}: {answer:#}");
            assert_ne!(refund(app, &order).await.status, status, "{case}");
        }
    }
}

async fn execute(app: &TestApp, sql: &str, id: uuid::Uuid) {
    let transaction = app.db().begin_write().await.expect("begins");
    let backend = transaction.get_database_backend();
    let statement = sea_orm::Statement::from_sql_and_values(backend, sql, [id.into()]);
    transaction.execute_raw(statement).await.expect("is done");
    transaction.commit().await.expect("commits");
}

fn payment_ends(status: PaymentStatus) -> Ends {
    match status {
        PaymentStatus::Pending => By(&["closePayment"]),
        PaymentStatus::Captured | PaymentStatus::Failed | PaymentStatus::Expired | PaymentStatus::Cancelled => ByItself,
    }
}

async fn a_payment_is_stuck_in_no_state(app: &TestApp) {
    let (bench, shop) = (Bench::on(app), Shop::of(app));
    for status in PaymentStatus::iter() {
        let By(ways) = payment_ends(status) else { continue };
        for way in ways {
            let order = bench.order(Situation::PaymentOpened).await;
            let id = payment_of(&shop, &order).await;
            let input = json!({ "orderId": order, "paymentId": id, "idempotencyKey": "once" });
            let answer = act(app, demo::OPERATOR, way, input.clone(), "").await;
            assert_eq!(codes(&answer), Vec::<String>::new(), "{answer:#}");
            assert_eq!(the_payment(app, &id).await.status, PaymentStatus::Cancelled);
            let again = act(app, demo::OPERATOR, way, input, "").await;
            assert_eq!(codes(&again), Vec::<String>::new(), "the same again");
            let fresh = act(app, demo::OPERATOR, way, json!({ "orderId": order, "paymentId": id }), "").await;
            assert_eq!(codes(&fresh), ["INVALID_TRANSITION"], "none is open");
        }
    }
    // One that was paid meanwhile is not closed: the provider is asked first.
    let order = shop.place("paid").await;
    let (id, checkout) = shop.pay(&order, "paid").await;
    shop.decide(&checkout, "approve").await.expect("an answer");
    let answer = act(app, demo::OPERATOR, "closePayment", json!({ "orderId": order, "paymentId": id }), "").await;
    assert_eq!(codes(&answer).len(), 1, "{answer:#}");
    app.drain().await;
    assert_eq!(the_payment(app, &id).await.status, PaymentStatus::Captured);
}

fn payout_ends(status: PayoutStatus) -> Ends {
    match status {
        PayoutStatus::Requested | PayoutStatus::Paid => ByItself,
        PayoutStatus::ActionRequired => By(&["requestManualPayout"]),
        PayoutStatus::ApprovalRequired => By(&["approveManualPayout"]),
        PayoutStatus::Pending => By(&["confirmManualPayout"]),
        // Owed again. A failed one is tried three times by itself; then, and once one has come back, somebody has to say that
        // the account is right, or the supplier names another.
        PayoutStatus::Failed | PayoutStatus::Returned => By(&["verifySupplier"]),
    }
}

async fn a_payout_is_stuck_in_no_state(app: &TestApp) {
    let settings = Settings { payouts: Some("manual".to_owned()), ..(*app.app().settings).clone() };
    let (node, shop) = serve(app, settings).await;
    let order = funded(app, &shop, "k").await;
    shop.done(&ship(&order)).await;
    shop.done(&confirm_received(&order)).await;
    let request = async || payment::request_payout(&node, demo_supplier(app).await, Currency::USD).await.expect("goes");
    request().await;
    let supplier = demo_supplier(app).await.to_string();
    for status in [PayoutStatus::ActionRequired, PayoutStatus::ApprovalRequired, PayoutStatus::Pending] {
        let By(ways) = payout_ends(status) else { panic!("{status:?}") };
        let row = the_payout(app).await;
        assert_eq!(row.status, status);
        let mut input = json!({ "payoutId": row.id.to_string() });
        if status == PayoutStatus::Pending {
            input["bankReference"] = json!("B1");
        }
        let token = if status == PayoutStatus::ApprovalRequired { demo::SECOND_OPERATOR } else { demo::OPERATOR };
        let answer = act(app, token, ways[0], input, "").await;
        assert_eq!(codes(&answer), Vec::<String>::new(), "{status:?}: {answer:#}");
        assert_ne!(the_payout(app).await.status, status);
    }
    let id = the_payout(app).await.id.to_string();
    let back = json!({ "payoutId": id, "reason": "account closed" });
    assert_eq!(codes(&act(app, demo::OPERATOR, "rejectManualPayout", back, "").await), Vec::<String>::new());
    for status in [PayoutStatus::Returned, PayoutStatus::Failed] {
        let By(ways) = payout_ends(status) else { panic!("{status:?}") };
        assert_eq!(payouts(app).await.last().expect("one").status, status);
        let before = payouts(app).await.len();
        let answer = act(app, demo::OPERATOR, ways[0], json!({ "supplierId": supplier }), "").await;
        assert_eq!(codes(&answer), Vec::<String>::new(), "{answer:#}");
        request().await;
        let newest = payouts(app).await.pop().expect("one");
        assert_eq!(payouts(app).await.len(), before + 1, "{status:?}: it is paid out again");
        let input = json!({ "payoutId": newest.id.to_string(), "reason": "no" });
        act(app, demo::OPERATOR, "rejectManualPayout", input, "").await;
    }
}

fn notification_ends(status: NotificationStatus) -> Ends {
    match status {
        NotificationStatus::Applied => ByItself,
        // Applied by a job; one that fails again and again stands beside those in quarantine.
        NotificationStatus::Received => By(&["dismissQuarantined", "bookQuarantined"]),
        NotificationStatus::Quarantined => By(&["redriveNotification", "dismissQuarantined", "bookQuarantined"]),
    }
}

fn booking_ends(status: BookingStatus) -> Ends {
    match status {
        BookingStatus::Requested => By(&["approveBooking", "rejectBooking"]),
        BookingStatus::Approved | BookingStatus::Booked | BookingStatus::Failed | BookingStatus::Rejected => ByItself,
    }
}

async fn a_notification_is_stuck_in_no_state(app: &TestApp) {
    let mut number = 0;
    for status in NotificationStatus::iter() {
        let By(ways) = notification_ends(status) else { continue };
        for way in ways {
            number += 1;
            let event = format!("e{number}");
            let nobody = "refund_00000000000000000000000000";
            tell(app, &event, &news("refund.succeeded", (&event, nobody), ("1.00", "USD"), None)).await;
            app.drain().await;
            let row = quarantine(app).await.into_iter().find(|row| row["eventId"] == event.as_str()).expect("one");
            let id: entity::NotificationId = text(&row["id"]).parse().expect("an id");
            if status == NotificationStatus::Received {
                let sql = "update notification set status = 'RECEIVED', failures = 10 where id = $1";
                execute(app, sql, id.0).await;
                assert!(quarantine(app).await.iter().any(|row| row["eventId"] == event.as_str()), "it is shown");
            }
            let seen = notification(app, &id.to_string()).await;
            assert!(seen["availableActions"].as_array().expect("a list").contains(&json!(way)), "{status:?} {way}");
            match *way {
                "bookQuarantined" => {
                    let amount = json!({ "amount": "1.00", "currency": "USD" });
                    let asked = book_quarantined(app, &row["id"], json!({ "as": "FEE", "amount": amount })).await;
                    let By(ends) = booking_ends(BookingStatus::Requested) else { panic!() };
                    assert_eq!(ends, ["approveBooking", "rejectBooking"]);
                    assert_eq!(approve(app, &asked).await["status"], "BOOKED");
                }
                "dismissQuarantined" => {
                    let input = json!({ "notificationId": row["id"], "reason": "a test" });
                    assert_eq!(codes(&act(app, demo::OPERATOR, way, input, "").await), Vec::<String>::new());
                }
                _redriven => {
                    let input = json!({ "notificationId": row["id"] });
                    assert_eq!(codes(&act(app, demo::OPERATOR, way, input, "").await), Vec::<String>::new());
                }
            }
            let found = notification::Entity::find_by_id(id).one(&app.db().read).await.expect("reads").expect("there");
            assert_ne!(found.status, status, "{way}");
        }
    }
}

fn break_ends(kind: BreakKind) -> Ends {
    match kind {
        BreakKind::MissingHere
        | BreakKind::MissingThere
        | BreakKind::AmountDiffers
        | BreakKind::NoStatement
        | BreakKind::BooksDiffer => By(&["bookBreak"]),
    }
}

async fn a_break_is_stuck_in_no_state(app: &TestApp) {
    for kind in BreakKind::iter() {
        let By(ways) = break_ends(kind) else { continue };
        assert_eq!(ways, ["bookBreak"]);
        let found = reconciliation_break::Model {
            id: BreakId(app.clock().new_id()),
            provider: "sandbox".to_owned(),
            day: "2026-11-22".to_owned(),
            kind,
            subject: format!("sandbox:capture:{kind:?}"),
            ours: Some(MinorUnits(500)),
            theirs: Some(MinorUnits(400)),
            currency: Some(Currency::USD),
            detail: "a test".to_owned(),
            found_at: app.clock().now(),
            resolved_at: None,
            settled_by: None,
        };
        let transaction = app.db().begin_write().await.expect("begins");
        let row = found.into_active_model().reset_all();
        reconciliation_break::Entity::insert(row).exec_without_returning(&transaction).await.expect("is written");
        transaction.commit().await.expect("commits");
        let open = breaks(app).await;
        assert_eq!(open.len(), 1, "{open:#?}");
        let asked = book_break(app, &open[0]["id"], json!({ "as": "ACCEPTED" })).await;
        assert_eq!(approve(app, &asked).await["status"], "BOOKED", "{kind:?}");
        assert_eq!(breaks(app).await, Vec::<Value>::new());
    }
}

fn receipt_ends(reason: ReceiptReason) -> Ends {
    match reason {
        ReceiptReason::OrderNotOpen
        | ReceiptReason::Overpaid
        | ReceiptReason::WrongCurrency
        | ReceiptReason::WrongAmount
        | ReceiptReason::UnknownReference
        | ReceiptReason::ChargebackWon => By(&["refundUnapplied", "applyFunds"]),
    }
}

async fn money_set_aside_is_stuck_for_no_reason(app: &TestApp) {
    let bench = Bench::on(app);
    for reason in ReceiptReason::iter() {
        let By(ways) = receipt_ends(reason) else { continue };
        for way in ways {
            let stray = format!("{reason:?}-{way}");
            tell(app, &stray, &news("payment.succeeded", (&stray, "nobody"), ("5.00", "USD"), None)).await;
            app.drain().await;
            let query = "{ unappliedFunds(first: 100) { nodes { id } } }";
            let data = app.data(demo::OPERATOR, query, json!({})).await;
            let money = text(&data["unappliedFunds"]["nodes"][0]["id"]);
            let id: entity::ReceiptId = money.parse().expect("an id");
            let sql = format!("update receipt set reason = '{}' where id = $1", sea_orm::ActiveEnum::to_value(&reason));
            execute(app, &sql, id.0).await;
            let input = if *way == "applyFunds" {
                json!({ "unappliedFundsId": money, "orderId": bench.order(Situation::PaymentOpened).await })
            } else {
                let account = json!({ "accountHolder": "Ana", "country": "DE", "iban": "DE89370400440532013000" });
                json!({ "unappliedFundsId": money, "account": account })
            };
            let answer = act(app, demo::OPERATOR, way, input, "").await;
            assert_eq!(codes(&answer), Vec::<String>::new(), "{reason:?} {way}: {answer:#}");
            let left = app.data(demo::OPERATOR, query, json!({})).await;
            assert_eq!(left["unappliedFunds"]["nodes"], json!([]), "{reason:?} {way}");
        }
    }
}

fn chargeback_ends(status: ChargebackStatus) -> Ends {
    match status {
        // By the provider's word; or by what operators have heard of it otherwise.
        ChargebackStatus::Open => By(&["decideChargeback", "bookQuarantined"]),
        // Ends, unless there is a problem: then it is decided again.
        ChargebackStatus::Won | ChargebackStatus::Lost => By(&["decideChargeback"]),
    }
}

async fn a_chargeback_is_stuck_in_no_state(app: &TestApp) {
    let (bench, shop) = (Bench::on(app), Shop::of(app));
    for status in ChargebackStatus::iter() {
        let By(ways) = chargeback_ends(status) else { continue };
        for way in ways {
            let order = bench.order(Situation::ChargebackOpen).await;
            app.drain().await;
            let open = chargebacks(app, &order).await.remove(0);
            assert_eq!(open.status, ChargebackStatus::Open);
            let case = format!("{status:?} × {way}");
            if *way == "bookQuarantined" {
                tell(app, "odd", &news("refund.succeeded", ("odd", "refund_nobody"), ("1.00", "USD"), None)).await;
                app.drain().await;
                let waiting = quarantine(app).await;
                let amount = Money::new(open.amount, open.currency).decimal().to_string();
                let more = json!({ "as": "CHARGEBACK_LOST", "paymentId": payment_of(&shop, &order).await,
                    "amount": { "amount": amount, "currency": "USD" }, "chargebackReference": open.reference });
                let asked = book_quarantined(app, &waiting[0]["id"], more).await;
                assert_eq!(approve(app, &asked).await["status"], "BOOKED");
                assert_eq!(chargebacks(app, &order).await[0].status, ChargebackStatus::Lost, "{case}");
                continue;
            }
            let decide = async |outcome: &str| {
                let input = json!({ "orderId": order, "chargebackId": open.id.to_string(), "outcome": outcome });
                for token in [demo::OPERATOR, demo::SECOND_OPERATOR] {
                    if chargebacks(app, &order).await[0].is_unsettled() {
                        let answer = act(app, token, way, input.clone(), "").await;
                        assert_eq!(codes(&answer), Vec::<String>::new(), "{case}: {answer:#}");
                    }
                }
            };
            if status != ChargebackStatus::Open {
                decide(if status == ChargebackStatus::Won { "WON" } else { "LOST" }).await;
                execute(app, "update chargeback set problem = 'it is odd' where id = $1", open.id.0).await;
            }
            for end in ["LOST", "WON"] {
                decide(end).await;
                execute(app, "update chargeback set problem = 'it is odd' where id = $1", open.id.0).await;
            }
            decide("WON").await;
            let ended = chargebacks(app, &order).await.remove(0);
            assert_eq!((ended.status, ended.is_unsettled()), (ChargebackStatus::Won, false), "{case}");
        }
    }
}

/// 52.50 of 60.00 came back.
pub(crate) async fn came_back_short(app: &TestApp, bench: &Bench<'_>, movement: &str) -> String {
    let order = bench.order(Situation::Funded).await;
    let input = json!({ "orderId": order, "amount": "60.00", "idempotencyKey": movement });
    let asked = act(app, demo::SUPPLIER, "refundOrder", input, "").await;
    assert_eq!(codes(&asked), Vec::<String>::new());
    app.drain().await;
    let row = refund(app, &order).await;
    assert_eq!(row.status, RefundStatus::Succeeded);
    let provider = app.app().providers.find("sandbox").expect("there");
    let returned = Fact::RefundReturned {
        provider_reference: None,
        reference: row.reference.clone(),
        movement: movement.to_owned(),
        amount: Money::exact("52.50", "USD").expect("exact"),
        reason: "AC04".to_owned(),
    };
    write_at_bank(app, MovementStatus::Declined).await;
    for _again in 0..2 {
        payment::apply_fact(app.app(), provider.as_ref(), returned.clone(), app.clock().now()).await.expect("goes");
    }
    order
}

async fn a_refund_that_came_back_short_goes_on_with_less_or_whole(app: &TestApp) {
    let bench = Bench::on(app);
    let order = came_back_short(app, &bench, "r1").await;
    let row = refund(app, &order).await;
    assert_eq!((row.status, row.balance.0, row.lost.0), (RefundStatus::ActionRequired, 5_250, 750));
    // It goes on with what came.
    let input = json!({ "orderId": order, "refundId": row.id.to_string() });
    let answer = act(app, demo::OPERATOR, "retryRefund", input.clone(), "").await;
    assert_eq!(codes(&answer), Vec::<String>::new(), "{answer:#}");
    app.drain().await;
    let row = refund(app, &order).await;
    assert_eq!((row.status, row.balance.0, row.to_send().0), (RefundStatus::Succeeded, 0, 5_250));
    assert_eq!(balance(app, &LedgerAccount::ProviderFees).await, 0);
    // Or whole, and we bear the rest.
    let order = came_back_short(app, &bench, "r2").await;
    let id = refund(app, &order).await.id.to_string();
    let input = json!({ "orderId": order, "refundId": id });
    let borne = act(app, demo::OPERATOR, "bearRefundCharge", input.clone(), "").await;
    assert_eq!(codes(&borne), Vec::<String>::new(), "{borne:#}");
    assert_eq!(codes(&act(app, demo::OPERATOR, "bearRefundCharge", input.clone(), "").await), ["INVALID_TRANSITION"]);
    assert_eq!(balance(app, &LedgerAccount::ProviderFees).await, -750);
    let answer = act(app, demo::OPERATOR, "retryRefund", input, "").await;
    assert_eq!(codes(&answer), Vec::<String>::new(), "{answer:#}");
    app.drain().await;
    let row = refunds(app, &order).await.remove(0);
    assert_eq!((row.status, row.to_send().0), (RefundStatus::Succeeded, 6_000));
    // A payout, too: what came is owed again.
    let shop = Shop::of(app);
    let id = requested_payout(app, &shop).await;
    app.drain().await;
    let provider = app.app().providers.find("sandbox").expect("there");
    let amount = Money::exact("100.00", "USD").expect("exact");
    let (reference, movement, reason) = (id.to_string(), "p1".to_owned(), "AC04".to_owned());
    let back = Fact::PayoutReturned { reference, movement, amount, reason };
    payment::apply_fact(app.app(), provider.as_ref(), back, app.clock().now()).await.expect("goes");
    let row = the_payout(app).await;
    assert_eq!((row.status, row.lost.0), (PayoutStatus::Returned, 2_480));
    let owed = app.data(demo::SUPPLIER, "{ supplierBalance { amount } }", json!({})).await;
    assert_eq!(owed["supplierBalance"][0]["amount"], "100.00");
}

/// An order whose bank transfer has brought so much of 128.00, and the payment's id.
pub(crate) async fn came_short(app: &TestApp, bench: &Bench<'_>, arrived: &str) -> (String, String) {
    let order = bench.order(Situation::AwaitingPayment).await;
    let input = json!({ "orderId": order, "method": "BANK_TRANSFER", "idempotencyKey": order });
    let opened = act(app, demo::BUYER, "payOrder", input, "payment { id }").await;
    assert_eq!(codes(&opened), Vec::<String>::new(), "{opened:#}");
    let id = text(&opened["payment"]["id"]);
    let fact = Fact::PaymentCaptured {
        references: vec![the_payment(app, &id).await.reference],
        provider_reference: None,
        movement: format!("{arrived} {order}"),
        amount: Money::exact(arrived, "USD").expect("exact"),
        remitter: None,
    };
    let provider = app.app().providers.find("sandbox").expect("there");
    payment::apply_fact(app.app(), provider.as_ref(), fact, app.clock().now()).await.expect("goes");
    (order, id)
}

async fn a_transfer_that_banks_have_shortened_counts_as_whole(app: &TestApp) {
    let bench = Bench::on(app);
    for (arrived, is_little) in [("127.00", true), ("125.00", false)] {
        let (order, id) = came_short(app, &bench, arrived).await;
        for token in [demo::BUYER, demo::SUPPLIER] {
            let refused = act(app, token, "acceptShortfall", json!({ "orderId": order }), "").await;
            assert_eq!(codes(&refused), ["NOT_PERMITTED"], "{token}");
        }
        let answer = act(app, demo::OPERATOR, "acceptShortfall", json!({ "orderId": order }), "order { status }").await;
        if !is_little {
            assert_eq!(codes(&answer), ["INVALID_TRANSITION"], "{answer:#}");
            continue;
        }
        assert_eq!(answer["order"]["status"], "FUNDED", "{answer:#}");
        assert_eq!(the_payment(app, &id).await.status, PaymentStatus::Captured);
        assert_eq!(balance(app, &LedgerAccount::ProviderFees).await, -100);
    }
}

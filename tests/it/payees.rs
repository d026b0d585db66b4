//! Refunds that can't simply go back the way the money came: to an account of the buyer's, or by hand.

use chrono::{Datelike, NaiveDate, TimeDelta, Weekday};
use entity::notification::NotificationStatus;
use entity::refund::RefundStatus;
use entity::sandbox_movement::{MovementKind, MovementStatus};
use entity::{LedgerAccount, MinorUnits, Money, OrderStatus, Time};
use escrow::{Command, FreezeReason};
use secure_payment::config::Settings;
use secure_payment::error::{Error, ErrorCode};
use secure_payment::party::demo;
use secure_payment::{order, payment, worker};
use serde_json::json;

use crate::rails;
use crate::support::bank::{Node, Told, at_bank, refusal, requested_refund, serve, told};
use crate::support::events::chargeback_news;
use crate::support::purchase::{Shop, Step, ship};
use crate::support::rail::Rail;
use crate::support::steps::{checkout_url, confirmed, pay, press, read};
use crate::support::trouble::{
    IBAN, balance, command, count, done, kinds, operators, order_id, payment_of, provide_account, refund, refunds,
    refused, row, timeline,
};
use crate::support::{TestApp, on_each_database};

on_each_database!(
    a_transfer_goes_back_once_the_buyer_has_said_where_to,
    one_account_serves_all_refunds_that_wait_and_those_that_come,
    a_rail_that_asks_for_an_account_unexpectedly_gets_it,
    cash_goes_back_by_transfer_once_the_buyer_has_said_where_to,
    a_refund_in_vain_is_paid_by_hand_by_two_operators,
    what_was_rejected_by_hand_can_be_asked_for_again,
    days_that_banks_are_closed_do_not_count,
    a_frozen_order_refunds_nothing_until_it_is_thawed,
    an_account_that_comes_while_the_order_is_frozen_is_used_when_it_is_thawed,
);

async fn funded_by(app: &TestApp, key: &str, method: &str) -> String {
    let order = confirmed(app, key).await;
    let payment = pay(app, &order, &format!("pay {key}"), method).await;
    press(app, &checkout_url(&payment), "approve").await;
    app.drain().await;
    assert_eq!(row(app, &order).await.status, OrderStatus::Funded);
    order
}

/// The supplier gives all of it back.
async fn give_back(app: &TestApp, order: &str, amount: i64) {
    done(app, demo::SUPPLIER, order, Command::RefundOrder { amount: MinorUnits(amount) }).await;
}

/// The bodies of refunds that this bank is asked for.
fn is_refund(call: &str) -> bool {
    call == "POST /refunds"
}

async fn a_transfer_goes_back_once_the_buyer_has_said_where_to(app: &TestApp) {
    let order = funded_by(app, "k", "BANK_TRANSFER").await;
    give_back(app, &order, 12_800).await;
    app.clock().advance(TimeDelta::days(3));
    let node = Node::answering(app, Told::Honest).await;
    worker::drain(&node.app).await.expect("the worker gets through");
    assert_eq!(node.calls.borrow().as_slice(), <[String; 0]>::default(), "nothing is asked of the bank");
    let waiting = refund(app, &order).await;
    assert_eq!((waiting.status, waiting.started_at), (RefundStatus::PayeeDetailsRequired, None));
    assert_eq!(count(&kinds(app, &order).await, "refund.details_required"), 1);
    let seen = read(app, demo::BUYER, &order).await;
    assert_eq!(
        (&seen["status"], &seen["refunds"][0]["status"]),
        (&json!("REFUNDED"), &json!("PAYEE_DETAILS_REQUIRED"))
    );

    provide_account(app, &order).await;
    worker::drain(&node.app).await.expect("the worker gets through");
    assert_eq!(node.calls.borrow().iter().filter(|call| is_refund(call)).count(), 1);
    // The bank itself refuses a transfer back without `payee_account`.
    assert_eq!(refund(app, &order).await.status, RefundStatus::Succeeded);
    let booked = at_bank(app, MovementKind::Refund).await;
    assert_eq!(booked.iter().map(|row| row.amount.0).collect::<Vec<_>>(), [12_800]);
    assert!(!format!("{:?}", shown_everywhere(app, &order).await).contains(IBAN), "nowhere in clear");
}

async fn shown_everywhere(app: &TestApp, order: &str) -> Vec<String> {
    let account = order::find_refund_account(&app.db().read, order_id(order));
    let account = account.await.expect("reads").expect("is there");
    assert_eq!(account.mask, "DE•• •••• 3000");
    let events = timeline(app, order).await;
    let mut shown: Vec<_> = events.iter().map(|event| format!("{} {}", event.summary, event.data)).collect();
    shown.push(format!("{account:?}"));
    shown.push(format!("{:?}", refund(app, order).await));
    shown
}

async fn one_account_serves_all_refunds_that_wait_and_those_that_come(app: &TestApp) {
    let order = funded_by(app, "k", "BANK_TRANSFER").await;
    for amount in [2_800, 10] {
        give_back(app, &order, amount).await;
    }
    app.drain().await;
    provide_account(app, &order).await;
    app.drain().await;
    give_back(app, &order, 9_990).await;
    app.drain().await;
    let all = refunds(app, &order).await;
    assert_eq!(
        all.iter().map(|row| (row.status, row.amount.0)).collect::<Vec<_>>(),
        [2_800, 10, 9_990].map(|amount| (RefundStatus::Succeeded, amount))
    );
    assert_eq!(row(app, &order).await.status, OrderStatus::Refunded);
    assert_eq!(count(&kinds(app, &order).await, "refund.details_required"), 2);
}

async fn a_rail_that_asks_for_an_account_unexpectedly_gets_it(app: &TestApp) {
    let shop = Shop::of(app);
    let (order, asked) = requested_refund(app, &shop).await;
    let node =
        Node::new(app, |call| if is_refund(call) { refusal(422, "payee_details_required") } else { Told::Honest })
            .await;
    worker::drain(&node.app).await.expect("the worker gets through");
    let waiting = refund(app, &order).await;
    assert_eq!((waiting.status, waiting.started_at), (RefundStatus::PayeeDetailsRequired, None));
    let asked_once = node.calls.borrow().iter().filter(|call| is_refund(call)).count();
    app.clock().advance(TimeDelta::days(2));
    worker::drain(&node.app).await.expect("the worker gets through");
    assert_eq!(node.calls.borrow().iter().filter(|call| is_refund(call)).count(), asked_once, "it waits for the buyer");

    // Though it has the account now, this bank says the same: an operator has to look.
    provide_account(app, &order).await;
    worker::drain(&node.app).await.expect("the worker gets through");
    let stuck = refund(app, &order).await;
    assert_eq!((stuck.status, stuck.balance.0), (RefundStatus::ActionRequired, 12_800));
    assert_eq!(
        payment::send_refund(app.app(), asked.id).await.expect("nothing to do"),
        secure_payment::job::JobOutcome::Done
    );
    assert_eq!(at_bank(app, MovementKind::Refund).await, []);
}

async fn cash_goes_back_by_transfer_once_the_buyer_has_said_where_to(app: &TestApp) {
    let order = confirmed(app, "k").await;
    let query = "query($id: ID!) { paymentMethods(orderId: $id) { method refundable refundWay } }";
    let methods = app.data(demo::BUYER, query, json!({ "id": order })).await["paymentMethods"].take();
    let told = json!({ "method": "WESTERN_UNION", "refundable": false, "refundWay": "TO_ACCOUNT" });
    assert!(methods.as_array().expect("a list").contains(&told), "{methods:#}");
    let payment = pay(app, &order, "pay", "WESTERN_UNION").await;
    press(app, &checkout_url(&payment), "approve").await;
    app.drain().await;
    give_back(app, &order, 12_800).await;
    app.drain().await;
    assert_eq!(refund(app, &order).await.status, RefundStatus::PayeeDetailsRequired);
    assert_eq!(at_bank(app, MovementKind::Refund).await, []);
    provide_account(app, &order).await;
    app.drain().await;
    let sent = refund(app, &order).await;
    assert_eq!((sent.status, sent.provider.as_str(), sent.balance.0), (RefundStatus::Succeeded, "sandbox", 0));
    assert_eq!(balance(app, &LedgerAccount::Provider("sandbox".to_owned())).await, 0);

    // Also where a bank is configured that could send it, too: the money is not there.
    let rail = Rail::of(app, rails::fake("bank").await).await;
    let order = rail.order("64.00").await;
    let input = json!({ "orderId": order, "idempotencyKey": "cash", "method": "WESTERN_UNION" });
    let paid = rail.shop.done(&Step { token: demo::BUYER, mutation: "payOrder", input }).await;
    let opened = rail.payment(paid["id"].as_str().expect("an id")).await;
    assert_eq!((opened.provider.as_str(), opened.refund_by.as_str()), ("sandbox", "sandbox"));
}

/// The simulated bank declines what ends in 13.
async fn a_refund_in_vain_is_paid_by_hand_by_two_operators(app: &TestApp) {
    let order = funded_by(app, "k", "VISA").await;
    give_back(app, &order, 12_713).await;
    app.drain().await;
    let waiting = refund(app, &order).await;
    assert_eq!((waiting.status, waiting.failure.is_some()), (RefundStatus::ActionRequired, true));

    let (first, second) = operators(app).await;
    let refund_id = waiting.id;
    let ask = Command::RequestManualRefund { refund_id, operator_id: first };
    let approve = |operator_id| Command::ApproveManualRefund { refund_id, operator_id };
    let confirm = |movement: &str, amount| Command::ConfirmManualRefund {
        refund_id,
        movement: format!("manual:refund:{movement}"),
        amount: Money::new(MinorUnits(amount), entity::Currency::USD),
    };
    assert_eq!(refused(app, demo::OPERATOR, &order, ask.clone()).await, ErrorCode::PayeeDetailsRequired);
    provide_account(app, &order).await;
    assert_eq!(refused(app, demo::SUPPLIER, &order, ask.clone()).await, ErrorCode::NotPermitted);
    assert_eq!(refused(app, demo::SECOND_OPERATOR, &order, approve(second)).await, ErrorCode::InvalidTransition);
    done(app, demo::OPERATOR, &order, ask).await;
    assert_eq!(refused(app, demo::OPERATOR, &order, approve(first)).await, ErrorCode::NotPermitted, "four eyes");
    assert_eq!(refused(app, demo::OPERATOR, &order, confirm("W1", 12_713)).await, ErrorCode::InvalidTransition);
    done(app, demo::SECOND_OPERATOR, &order, approve(second)).await;
    app.drain().await;
    let paying = refund(app, &order).await;
    assert_eq!((paying.status, paying.provider.as_str()), (RefundStatus::Pending, "manual"));
    assert_eq!((paying.requested_by, paying.approved_by), (Some(first), Some(second)));

    assert_eq!(refused(app, demo::OPERATOR, &order, confirm("W1", 12_700)).await, ErrorCode::InvalidInput);
    for _twice in 0..2 {
        done(app, demo::OPERATOR, &order, confirm("W1", 12_713)).await;
    }
    assert_eq!(refused(app, demo::OPERATOR, &order, confirm("W2", 12_713)).await, ErrorCode::InvalidTransition);
    app.drain().await;
    let paid = refund(app, &order).await;
    assert_eq!((paid.status, paid.balance.0), (RefundStatus::Succeeded, 0));
    assert_eq!(balance(app, &LedgerAccount::Provider("manual".to_owned())).await, 12_713);
    assert_eq!(balance(app, &LedgerAccount::Provider("sandbox".to_owned())).await, -12_800);
    let at_bank = at_bank(app, MovementKind::Refund).await;
    assert_eq!(at_bank.iter().map(|row| row.status).collect::<Vec<_>>(), [MovementStatus::Declined]);
    assert_eq!(count(&kinds(app, &order).await, "refund.succeeded"), 1);
}

async fn what_was_rejected_by_hand_can_be_asked_for_again(app: &TestApp) {
    let order = funded_by(app, "k", "VISA").await;
    give_back(app, &order, 12_713).await;
    app.drain().await;
    provide_account(app, &order).await;
    let (first, second) = operators(app).await;
    let refund_id = refund(app, &order).await.id;
    let ask = |operator_id| Command::RequestManualRefund { refund_id, operator_id };
    let approve = |operator_id| Command::ApproveManualRefund { refund_id, operator_id };
    let reject = || Command::RejectManualRefund { refund_id, reason: "the name is another".to_owned() };
    done(app, demo::OPERATOR, &order, ask(first)).await;
    done(app, demo::SECOND_OPERATOR, &order, reject()).await;
    let rejected = refund(app, &order).await;
    assert_eq!((rejected.status, rejected.provider.as_str()), (RefundStatus::ActionRequired, "sandbox"));
    assert_eq!((rejected.requested_by, rejected.approved_by), (None, None));
    // The other way round, and it comes back after it was approved.
    done(app, demo::SECOND_OPERATOR, &order, ask(second)).await;
    assert_eq!(refused(app, demo::SECOND_OPERATOR, &order, approve(second)).await, ErrorCode::NotPermitted);
    done(app, demo::OPERATOR, &order, approve(first)).await;
    done(app, demo::OPERATOR, &order, reject()).await;
    assert_eq!(refund(app, &order).await.status, RefundStatus::ActionRequired);
    assert_eq!(balance(app, &LedgerAccount::Refund(refund_id)).await, 12_713, "still the buyer's");
}

/// The tenth day on which banks are open, at the same hour.
fn tenth_business_day(from: Time, holidays: &[NaiveDate]) -> Time {
    let days = (1..).map(|days| from + TimeDelta::days(days));
    let open = days
        .filter(|day| !matches!(day.weekday(), Weekday::Sat | Weekday::Sun) && !holidays.contains(&day.date_naive()));
    open.take(10).last().expect("ten")
}

async fn days_that_banks_are_closed_do_not_count(app: &TestApp) {
    let from = app.clock().now();
    // Two of the next business days are holidays.
    let days = (2..).map(|days| (from + TimeDelta::days(days)).date_naive());
    let holidays: Vec<_> = days.filter(|day| !matches!(day.weekday(), Weekday::Sat | Weekday::Sun)).take(2).collect();
    let settings = Settings { holidays: holidays.clone(), ..(*app.app().settings).clone() };
    let (node, _shop) = serve(app, settings).await;
    for (app_of, holidays) in [(&node, &holidays[..]), (app.app(), &[][..])] {
        let order = funded_by(app, &format!("{}", holidays.len()), "VISA").await;
        let asked = Command::RefundOrder { amount: MinorUnits(12_800) };
        let now = app.clock().now();
        command(app_of, demo::OPERATOR, &order, &asked).await.expect("goes");
        let expected = refund(app, &order).await.expected_by.expect("it is promised");
        let wanted = tenth_business_day(now, holidays);
        assert!((expected - wanted).abs() < TimeDelta::minutes(1), "{now} {holidays:?}: {expected} {wanted}");
        // And once more when the bank has taken it.
        worker::drain(app_of).await.expect("the worker gets through");
        let expected = refund(app, &order).await.expected_by.expect("it is promised");
        assert!((expected - wanted).abs() < TimeDelta::minutes(1), "{now} {holidays:?}: {expected} {wanted}");
    }
}

async fn a_frozen_order_refunds_nothing_until_it_is_thawed(app: &TestApp) {
    let shop = Shop::of(app);
    let order = funded_by(app, "k", "VISA").await;
    shop.done(&ship(&order)).await;
    give_back(app, &order, 2_800).await;
    let reason = FreezeReason::Compliance;
    done(app, demo::OPERATOR, &order, Command::FreezeOrder { reason }).await;
    app.clock().advance(TimeDelta::days(100));
    app.drain().await;
    let waiting = refund(app, &order).await;
    assert_eq!((waiting.status, waiting.started_at), (RefundStatus::Requested, None));
    assert_eq!(at_bank(app, MovementKind::Refund).await, []);
    let frozen = row(app, &order).await;
    assert_eq!((frozen.status, frozen.timer_at), (OrderStatus::Shipped, None));
    // A chargeback comes and goes: the operator's freeze stays.
    let payment = payment_of(&shop, &order).await;
    for event in ["chargeback.opened", "chargeback.won"] {
        let news = chargeback_news(event, ("chargeback_1", &payment), "28.00", false);
        assert_eq!(
            told(app, event.split('.').next_back().expect("a word"), &news).await.0,
            NotificationStatus::Applied
        );
    }
    assert!(row(app, &order).await.is_frozen());
    assert_eq!(at_bank(app, MovementKind::Refund).await, []);
    done(app, demo::OPERATOR, &order, Command::UnfreezeOrder).await;
    app.drain().await;
    assert_eq!(refund(app, &order).await.status, RefundStatus::Succeeded);
    let thawed = row(app, &order).await;
    assert_eq!((thawed.status, thawed.held.0), (OrderStatus::Shipped, 10_000));
    assert!(thawed.deadline_at.expect("it goes on") > app.clock().now() + TimeDelta::days(43));
    assert_eq!(count(&kinds(app, &order).await, "refund.succeeded"), 1);
}

async fn an_account_that_comes_while_the_order_is_frozen_is_used_when_it_is_thawed(app: &TestApp) {
    let order = funded_by(app, "k", "BANK_TRANSFER").await;
    give_back(app, &order, 2_800).await;
    done(app, demo::OPERATOR, &order, Command::FreezeOrder { reason: FreezeReason::Other }).await;
    provide_account(app, &order).await;
    app.drain().await;
    assert_eq!(
        (refund(app, &order).await.status, at_bank(app, MovementKind::Refund).await.len()),
        (RefundStatus::Requested, 0)
    );
    let asked = Command::RefundOrder { amount: MinorUnits(100) };
    let error = command(app.app(), demo::SUPPLIER, &order, &asked).await.map(drop).expect_err("it is frozen");
    assert!(matches!(&error, Error::Refused(problems) if problems[0].code == ErrorCode::OrderFrozen), "{error}");
    done(app, demo::OPERATOR, &order, Command::UnfreezeOrder).await;
    app.drain().await;
    assert_eq!(refund(app, &order).await.status, RefundStatus::Succeeded);
}

//! The table, tried out: every status × command × actor, and random lives of orders.

#![expect(clippy::arithmetic_side_effects, reason = "an overflow here fails the test, as it should")]

use chrono::TimeDelta;
use entity::contract::{Address, Line, Terms};
use entity::order::{Metadata, Model, OrderStatus};
use entity::payment::{self, PaymentMethod, PaymentStatus};
use entity::receipt::ReceiptReason;
use entity::refund::{self, RefundStatus};
use entity::{BuyerId, Currency, MinorUnits, Money, OrderId, PaymentId, RefundId, StorefrontId, SupplierId, Time};
use sea_orm::Iterable;
use uuid::Uuid;

use super::decision::{Account, Decision, PaymentChange, RefundOf, StockChange};
use super::table::{Condition, TABLE};
use super::*;

const PRICE: i64 = 12_800;
const FEE: i64 = 320;
const ACTORS: [Actor; 5] = [Actor::Buyer, Actor::Supplier, Actor::Operator, Actor::Provider, Actor::Timer];

fn now() -> Time {
    "2026-11-22T10:00:00Z".parse().expect("a time")
}

fn terms() -> Terms {
    let line = Line {
        product_id: None,
        description: "LED strip".to_owned(),
        quantity: 20,
        unit: "reel".to_owned(),
        price: MinorUnits(640),
        price_per_units: 1,
        total: MinorUnits(PRICE),
    };
    let address = Address {
        name: "A".to_owned(),
        line1: "B".to_owned(),
        line2: None,
        city: "C".to_owned(),
        region: None,
        postal_code: "D".to_owned(),
        country: "BR".to_owned(),
        phone: None,
    };
    Terms {
        currency: Currency::USD,
        lines: vec![line],
        shipping_fee: MinorUnits::ZERO,
        total: MinorUnits(PRICE),
        incoterm: None,
        ship_within_days: 12,
        transit_days: 30,
        inspection_days: 14,
        shipping_address: address,
        fee_basis_points: 250,
    }
}

fn payment(number: u128, amount: i64) -> payment::Model {
    payment::Model {
        id: PaymentId(Uuid::from_u128(number)),
        order_id: OrderId(Uuid::nil()),
        provider: "sandbox".to_owned(),
        method: PaymentMethod::Visa,
        status: PaymentStatus::Pending,
        amount: MinorUnits(amount),
        currency: Currency::USD,
        captured: MinorUnits::ZERO,
        refunded: MinorUnits::ZERO,
        charged_back: MinorUnits::ZERO,
        provider_reference: None,
        next_action: None,
        return_url: None,
        failure: None,
        expires_at: None,
        created_at: now(),
        updated_at: now(),
    }
}

/// An order as it would be in this status, with an open payment and, where it was funded, a captured one.
fn order(status: OrderStatus) -> Order {
    use OrderStatus::{AwaitingConfirmation, AwaitingPayment, Cancelled, Completed, DraftRequested, Refunded};
    let was_funded = !matches!(status, DraftRequested | AwaitingConfirmation | AwaitingPayment | Cancelled);
    let captured = if was_funded { PRICE } else { 0 };
    let released = if status == Completed { captured } else { 0 };
    let refunded = if status == Refunded { captured } else { 0 };
    let has_ended = matches!(status, Completed | Cancelled | Refunded);
    let row = Model {
        id: OrderId(Uuid::nil()),
        number: "SP-00000000".to_owned(),
        storefront_id: StorefrontId(Uuid::nil()),
        buyer_id: BuyerId(Uuid::nil()),
        supplier_id: SupplierId(Uuid::nil()),
        status,
        version: 3,
        currency: Currency::USD,
        contract_version: i32::from(status != DraftRequested),
        total: MinorUnits(if status == DraftRequested { 0 } else { PRICE }),
        captured: MinorUnits(captured),
        held: MinorUnits(captured - released - refunded),
        released: MinorUnits(released),
        refunded: MinorUnits(refunded),
        charged_back: MinorUnits::ZERO,
        frozen: false,
        stock_reserved: matches!(status, AwaitingPayment | OrderStatus::Funded | OrderStatus::Shipped),
        deadline_at: (!has_ended).then(now),
        ship_by: was_funded.then(|| now() + TimeDelta::days(1)),
        event_sequence: 5,
        draft_request: None,
        client_reference: None,
        metadata: Metadata::default(),
        completed_at: (status == Completed).then(now),
        created_at: now(),
        updated_at: now(),
    };
    let paid = payment::Model {
        captured: MinorUnits(captured),
        refunded: MinorUnits(refunded),
        status: PaymentStatus::Captured,
        ..payment(1, PRICE)
    };
    let payments = if was_funded { vec![paid, payment(2, PRICE)] } else { vec![payment(2, PRICE)] };
    Order { row, terms: Some(terms()), payments, refunds: vec![open_refund()], has_feedback: false }
}

fn open_refund() -> refund::Model {
    refund::Model {
        id: RefundId(Uuid::from_u128(9)),
        order_id: Some(OrderId(Uuid::nil())),
        payment_id: Some(PaymentId(Uuid::from_u128(1))),
        receipt_id: None,
        provider: "sandbox".to_owned(),
        status: RefundStatus::Pending,
        amount: MinorUnits(500),
        currency: Currency::USD,
        balance: MinorUnits(500),
        provider_reference: None,
        reason: "test".to_owned(),
        failure: None,
        expected_by: None,
        created_at: now(),
        updated_at: now(),
    }
}

fn five() -> Money {
    Money::new(MinorUnits(500), Currency::USD)
}

fn capture(payment: u128, amount: i64) -> Command {
    Command::CapturePayment {
        payment_id: PaymentId(Uuid::from_u128(payment)),
        amount: Money::new(MinorUnits(amount), Currency::USD),
        movement: format!("sandbox:capture:{payment}-{amount}"),
        refundable: true,
    }
}

/// A command for every action: one that is well-formed for the orders above.
fn command(action: Action) -> Command {
    match action {
        Action::RequestDraft => Command::RequestDraft,
        Action::DraftOrder => Command::DraftOrder { terms: terms() },
        Action::BuyNow => Command::BuyNow { terms: terms() },
        Action::ConfirmOrder => Command::ConfirmOrder { contract_version: 1 },
        Action::CancelOrder => Command::CancelOrder,
        Action::PayOrder => Command::PayOrder {
            payment_id: PaymentId(Uuid::from_u128(7)),
            provider: "sandbox".to_owned(),
            method: PaymentMethod::Alipay,
            return_url: None,
        },
        Action::ShipOrder => Command::ShipOrder { carrier: "DHL".to_owned(), tracking_number: "1".to_owned() },
        Action::ConfirmReceived => Command::ConfirmReceived,
        Action::LeaveFeedback => {
            Command::LeaveFeedback { product_as_agreed: 5, communication: 5, shipping_time: 4, comment: None }
        }
        Action::CapturePayment => capture(2, PRICE),
        Action::EndPayment => {
            Command::EndPayment { payment_id: PaymentId(Uuid::from_u128(2)), end: PaymentEnd::Expired }
        }
        Action::SettleRefund => {
            Command::SettleRefund { refund_id: RefundId(Uuid::from_u128(9)), amount: five(), movement: "m".to_owned() }
        }
        Action::FailRefund => Command::FailRefund {
            refund_id: RefundId(Uuid::from_u128(9)),
            amount: five(),
            movement: "m".to_owned(),
            reason: "closed account".to_owned(),
        },
        Action::PassDeadline => Command::PassDeadline,
        Action::UpdateShipment
        | Action::ExtendDeadline
        | Action::CancelRequest
        | Action::WithdrawCancelRequest
        | Action::AnswerCancelRequest
        | Action::OpenDispute
        | Action::ProposeSettlement
        | Action::AcceptSettlement
        | Action::WithdrawDispute
        | Action::EscalateDispute
        | Action::ResolveDispute
        | Action::ShipReturn
        | Action::ConfirmReturn
        | Action::ContestReturn
        | Action::RefundOrder
        | Action::FreezeOrder
        | Action::UnfreezeOrder
        | Action::Chargeback => Command::Later(action),
    }
}

fn decided(order: &Order, actor: Actor, command: &Command, at: Time) -> Result<Decision, Rejection> {
    decide(order, actor, command, at, &Policy::default())
}

#[test]
fn every_status_command_and_actor_does_what_the_table_says() {
    let mut accepted = 0;
    for status in OrderStatus::iter() {
        for action in Action::ALL {
            for actor in ACTORS {
                let order = order(status);
                let row = TABLE
                    .iter()
                    .find(|row| row.action == *action && row.from.contains(&status) && row.by.contains(&actor));
                let result = decided(&order, actor, &command(*action), now());
                let case = format!("{status} × {action} × {actor}: {result:?}");
                match row {
                    Some(row) if row.when == Condition::PastShipBy => {
                        assert!(matches!(result, Err(Rejection::InvalidTransition { because: Some(_), .. })), "{case}");
                    }
                    Some(row) if !row.decided => assert_eq!(result, Err(Rejection::NotYetDecided(*action)), "{case}"),
                    Some(row) => {
                        let decision = result.unwrap_or_else(|error| panic!("{case}: {error}"));
                        assert!(decision.status == status || row.to.contains(&decision.status), "{case}");
                        assert!(decision.balances.is_conserved(), "{case}");
                        accepted += 1;
                    }
                    None => {
                        let refused =
                            matches!(result, Err(Rejection::InvalidTransition { .. } | Rejection::NotPermitted { .. }));
                        assert!(refused, "{case}");
                    }
                }
            }
        }
    }
    assert!(accepted > 40, "only {accepted} combinations were accepted");
}

#[test]
fn what_is_listed_as_allowed_is_accepted() {
    for status in OrderStatus::iter() {
        for actor in [Actor::Buyer, Actor::Supplier, Actor::Operator] {
            let order = order(status);
            let Err(Rejection::InvalidTransition { allowed, .. }) =
                decided(&order, actor, &command(Action::ConfirmReceived), now())
            else {
                continue;
            };
            for action in allowed {
                assert!(decided(&order, actor, &command(action), now()).is_ok(), "{status} {actor} {action}");
            }
        }
    }
}

#[test]
fn release_is_held_less_fee_and_nothing_is_left() {
    let decision =
        decided(&order(OrderStatus::Shipped), Actor::Buyer, &Command::ConfirmReceived, now()).expect("accepted");
    let moved: Vec<(&Account, i64)> =
        decision.transfers.iter().map(|transfer| (&transfer.credit, transfer.amount.0)).collect();
    assert_eq!(moved, [(&Account::Supplier, PRICE - FEE), (&Account::Fees, FEE)]);
    assert_eq!(decision.balances.held, MinorUnits::ZERO);
    assert_eq!(decision.balances.released, MinorUnits(PRICE));
    assert_eq!(decision.deadline_at, None);
    assert_eq!(decision.later, [Later::RequestPayout]);
}

#[test]
fn the_whole_total_funds_the_order_and_less_does_not() {
    let waiting = order(OrderStatus::AwaitingPayment);
    let part = decided(&waiting, Actor::Provider, &capture(2, PRICE - 1), now()).expect("accepted");
    assert_eq!((part.status, part.balances.held), (OrderStatus::AwaitingPayment, MinorUnits(PRICE - 1)));
    let whole = decided(&waiting, Actor::Provider, &capture(2, PRICE), now()).expect("accepted");
    assert_eq!((whole.status, whole.balances.held), (OrderStatus::Funded, MinorUnits(PRICE)));
    assert_eq!(whole.ship_by, Some(now() + TimeDelta::days(12)));
    assert_eq!(whole.deadline_at, whole.ship_by);
    assert!(whole.receipts.is_empty());
}

#[test]
fn too_much_is_held_only_up_to_the_total_and_the_rest_goes_back() {
    let decision = decided(&order(OrderStatus::AwaitingPayment), Actor::Provider, &capture(2, PRICE + 77), now())
        .expect("accepted");
    assert_eq!(decision.balances.held, MinorUnits(PRICE));
    assert_eq!(decision.receipts[0].reason, ReceiptReason::Overpaid);
    assert_eq!(decision.refunds[0].amount.amount, MinorUnits(77));
    let parts: Vec<i32> =
        decision.transfers.iter().filter_map(|transfer| transfer.movement.as_ref().map(|(_, part)| *part)).collect();
    assert_eq!(parts, [0, 1], "both parts of one movement have their own key");
}

#[test]
fn late_and_second_money_is_set_aside_and_never_touches_the_order() {
    for status in OrderStatus::iter().filter(|status| *status != OrderStatus::AwaitingPayment) {
        let before = order(status);
        let decision = decided(&before, Actor::Provider, &capture(2, PRICE), now()).expect("a fact can't be refused");
        assert_eq!((decision.status, decision.balances), (status, Balances::from(&before.row)), "{status}");
        assert_eq!(decision.receipts[0].reason, ReceiptReason::OrderNotOpen);
        assert!(matches!(decision.refunds[0].of, RefundOf::Receipt { .. }));
    }
}

#[test]
fn a_rail_that_cannot_refund_asks_somebody_to_act() {
    let Command::CapturePayment { payment_id, amount, movement, .. } = capture(2, PRICE) else { unreachable!() };
    let command = Command::CapturePayment { payment_id, amount, movement, refundable: false };
    let decision = decided(&order(OrderStatus::Cancelled), Actor::Provider, &command, now()).expect("accepted");
    assert_eq!(decision.refunds[0].status, RefundStatus::ActionRequired);
    assert!(decision.later.is_empty());
}

#[test]
fn another_currency_is_never_applied() {
    let euros = Money::new(MinorUnits(PRICE), "EUR".parse().expect("known"));
    let Command::CapturePayment { payment_id, movement, refundable, .. } = capture(2, PRICE) else { unreachable!() };
    let command = Command::CapturePayment { payment_id, amount: euros, movement, refundable };
    let decision = decided(&order(OrderStatus::AwaitingPayment), Actor::Provider, &command, now()).expect("accepted");
    assert_eq!(decision.balances.held, MinorUnits::ZERO);
    assert_eq!(decision.receipts[0].reason, ReceiptReason::WrongCurrency);
    assert!(decision.transfers.iter().all(|transfer| transfer.currency == euros.currency));
    assert!(
        matches!(decision.payments[0], PaymentChange::Capture { complete: false, .. }),
        "the payment is still open"
    );
}

#[test]
fn cancelling_gives_back_what_arrived_newest_payment_first() {
    let mut half_paid = order(OrderStatus::AwaitingPayment);
    half_paid.payments = vec![
        payment::Model { captured: MinorUnits(3_000), ..payment(1, 3_000) },
        payment::Model { captured: MinorUnits(2_000), ..payment(2, PRICE) },
    ];
    half_paid.row.captured = MinorUnits(5_000);
    half_paid.row.held = MinorUnits(5_000);
    let decision = decided(&half_paid, Actor::Supplier, &Command::CancelOrder, now()).expect("accepted");
    assert_eq!(decision.status, OrderStatus::Cancelled);
    let amounts: Vec<i64> = decision.refunds.iter().map(|refund| refund.amount.amount.0).collect();
    assert_eq!(amounts, [2_000, 3_000]);
    assert_eq!(decision.balances.held, MinorUnits::ZERO);
    assert_eq!(decision.stock, Some(StockChange::GiveBack));
}

#[test]
fn a_stale_contract_version_is_refused_with_the_current_one() {
    let result = decided(
        &order(OrderStatus::AwaitingConfirmation),
        Actor::Buyer,
        &Command::ConfirmOrder { contract_version: 2 },
        now(),
    );
    assert_eq!(result, Err(Rejection::StaleContract { current: 1 }));
}

#[test]
fn past_the_ship_by_date_the_buyer_may_cancel_alone_and_the_supplier_may_still_ship() {
    let funded = order(OrderStatus::Funded);
    let later = now() + TimeDelta::days(1);
    let cancelled = decided(&funded, Actor::Buyer, &Command::CancelOrder, later).expect("accepted");
    assert_eq!((cancelled.status, cancelled.balances.refunded), (OrderStatus::Refunded, MinorUnits(PRICE)));
    assert!(decided(&funded, Actor::Supplier, &Command::CancelOrder, later).is_err());
    assert!(decided(&funded, Actor::Supplier, &command(Action::ShipOrder), later).is_ok());
}

#[test]
fn an_unshipped_order_is_refunded_thirty_days_past_its_ship_by_date() {
    let mut funded = order(OrderStatus::Funded);
    let ship_by = funded.row.ship_by.expect("funded");
    funded.row.deadline_at = Some(ship_by);
    let first = decided(&funded, Actor::Timer, &Command::PassDeadline, ship_by).expect("accepted");
    assert_eq!((first.status, first.deadline_at), (OrderStatus::Funded, Some(ship_by + TimeDelta::days(30))));
    funded.row.deadline_at = first.deadline_at;
    let second =
        decided(&funded, Actor::Timer, &Command::PassDeadline, ship_by + TimeDelta::days(30)).expect("accepted");
    assert_eq!((second.status, second.balances.refunded), (OrderStatus::Refunded, MinorUnits(PRICE)));
}

#[test]
fn a_bank_transfer_gets_seven_business_days_more_once() {
    let waiting = order(OrderStatus::AwaitingPayment);
    let by_bank = Command::PayOrder {
        payment_id: PaymentId(Uuid::from_u128(7)),
        provider: "bank".to_owned(),
        method: PaymentMethod::BankTransfer,
        return_url: None,
    };
    let first = decided(&waiting, Actor::Buyer, &by_bank, now()).expect("accepted");
    // 2026-11-22 is a Sunday; seven business days later is Tuesday, 1 December.
    assert_eq!(first.deadline_at, Some("2026-12-01T10:00:00Z".parse().expect("a time")));
    let mut again = waiting.clone();
    again.payments.push(payment::Model {
        method: PaymentMethod::BankTransfer,
        status: PaymentStatus::Failed,
        ..payment(8, PRICE)
    });
    let second = decided(&again, Actor::Buyer, &by_bank, now()).expect("accepted");
    assert_eq!(second.deadline_at, waiting.row.deadline_at);
}

#[test]
fn feedback_is_left_once_and_within_thirty_days() {
    let mut done = order(OrderStatus::Completed);
    let leave = command(Action::LeaveFeedback);
    assert!(decided(&done, Actor::Buyer, &leave, now() + TimeDelta::days(29)).is_ok());
    assert!(matches!(
        decided(&done, Actor::Buyer, &leave, now() + TimeDelta::days(30)),
        Err(Rejection::InvalidTransition { .. })
    ));
    done.has_feedback = true;
    assert_eq!(decided(&done, Actor::Buyer, &leave, now()), Err(Rejection::FeedbackExists));
}

#[test]
fn a_frozen_order_does_nothing_but_take_facts() {
    let mut frozen = order(OrderStatus::Shipped);
    frozen.row.frozen = true;
    assert_eq!(decided(&frozen, Actor::Buyer, &Command::ConfirmReceived, now()), Err(Rejection::Frozen));
    assert!(decided(&frozen, Actor::Provider, &capture(2, PRICE), now()).is_ok());
}

#[test]
fn news_that_is_old_changes_nothing() {
    let ended = decided(
        &order(OrderStatus::Funded),
        Actor::Provider,
        &Command::EndPayment { payment_id: PaymentId(Uuid::from_u128(1)), end: PaymentEnd::Expired },
        now(),
    );
    let funded = order(OrderStatus::Funded);
    assert!(ended.expect("accepted").changes_nothing(&funded), "a captured payment doesn't expire");
    let mut settled = order(OrderStatus::Cancelled);
    settled.refunds[0].status = RefundStatus::Succeeded;
    settled.refunds[0].balance = MinorUnits::ZERO;
    let again = decided(&settled, Actor::Provider, &command(Action::SettleRefund), now()).expect("accepted");
    assert!(again.changes_nothing(&settled));
}

#[test]
fn a_refund_that_fails_after_it_had_succeeded_is_the_buyers_again() {
    let mut settled = order(OrderStatus::Refunded);
    settled.refunds[0].status = RefundStatus::Succeeded;
    settled.refunds[0].balance = MinorUnits::ZERO;
    let decision = decided(&settled, Actor::Provider, &command(Action::FailRefund), now()).expect("accepted");
    assert_eq!(decision.status, OrderStatus::Refunded, "who gets the money doesn't change");
    assert_eq!(decision.transfers[0].credit, Account::Refund(RefundRef::Existing(RefundId(Uuid::from_u128(9)))));
    let change = &decision.refund_changes[0];
    assert_eq!((change.status, change.balance), (RefundStatus::ActionRequired, MinorUnits(500)));
}

#[test]
fn the_diagram_in_the_readme_is_the_tables() {
    let readme = include_str!("../../README.md");
    let diagram = table::diagram();
    assert!(readme.contains(&diagram), "README.md must contain:\n```mermaid\n{diagram}\n```");
}

/// What the write path would make of a decision.
fn after(mut order: Order, decision: Decision, number: &mut u128) -> Order {
    let row = &mut order.row;
    (row.status, row.deadline_at, row.ship_by, row.completed_at) =
        (decision.status, decision.deadline_at, decision.ship_by, decision.completed_at);
    let balances = decision.balances;
    (row.captured, row.held, row.released, row.refunded) =
        (balances.captured, balances.held, balances.released, balances.refunded);
    if let Some((terms, _)) = decision.contract {
        row.contract_version += 1;
        row.total = terms.total;
        order.terms = Some(terms);
    }
    for change in decision.payments {
        match change {
            PaymentChange::Open { payment_id, method, amount, .. } => {
                order.payments.push(payment::Model { id: payment_id, method, ..payment(0, amount.0) });
            }
            PaymentChange::Capture { payment_id, applied, complete } => {
                let paid = order.payments.iter_mut().find(|payment| payment.id == payment_id).expect("known");
                paid.captured.0 += applied.0;
                if complete {
                    paid.status = PaymentStatus::Captured;
                }
            }
            PaymentChange::End { payment_id, status, .. } => {
                order.payments.iter_mut().find(|payment| payment.id == payment_id).expect("known").status = status;
            }
            PaymentChange::Refund { payment_id, amount } => {
                order.payments.iter_mut().find(|payment| payment.id == payment_id).expect("known").refunded.0 +=
                    amount.0;
            }
        }
    }
    for new in decision.refunds {
        *number += 1;
        let amount = new.amount.amount;
        order.refunds.push(refund::Model {
            id: RefundId(Uuid::from_u128(*number)),
            amount,
            balance: amount,
            status: new.status,
            ..open_refund()
        });
    }
    for change in decision.refund_changes {
        let refund = order.refunds.iter_mut().find(|refund| refund.id == change.refund_id).expect("known");
        (refund.status, refund.balance) = (change.status, change.balance);
    }
    order.has_feedback |= decision.feedback.is_some();
    order
}

mod random_lives {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    struct Step {
        actor: usize,
        action: usize,
        amount: i64,
        target: usize,
        hours: i64,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = (0..ACTORS.len(), 0..Action::ALL.len(), 1_i64..20_000, 0_usize..8, 0_i64..400)
            .prop_map(|(actor, action, amount, target, hours)| Step { actor, action, amount, target, hours });
        proptest::collection::vec(step, 1..60)
    }

    fn aimed(step: &Step, order: &Order, number: &mut u128) -> Command {
        let payment = order.payments.get(step.target % order.payments.len().max(1)).map(|payment| payment.id);
        let refund = order.refunds.get(step.target % order.refunds.len().max(1)).map(|refund| refund.id);
        *number += 1;
        match (command(Action::ALL[step.action]), payment, refund) {
            (Command::CapturePayment { .. }, Some(payment_id), _) => Command::CapturePayment {
                payment_id,
                amount: Money::new(MinorUnits(step.amount), Currency::USD),
                movement: number.to_string(),
                refundable: step.hours % 2 == 0,
            },
            (Command::EndPayment { end, .. }, Some(payment_id), _) => Command::EndPayment { payment_id, end },
            (Command::SettleRefund { .. }, _, Some(refund_id)) => {
                Command::SettleRefund { refund_id, amount: five(), movement: number.to_string() }
            }
            (Command::FailRefund { reason, .. }, _, Some(refund_id)) => {
                Command::FailRefund { refund_id, amount: five(), movement: number.to_string(), reason }
            }
            (Command::PayOrder { provider, method, return_url, .. }, _, _) => {
                Command::PayOrder { payment_id: PaymentId(Uuid::from_u128(*number)), provider, method, return_url }
            }
            (Command::ConfirmOrder { .. }, _, _) => {
                Command::ConfirmOrder { contract_version: order.row.contract_version }
            }
            (other, _, _) => other,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn money_is_conserved_and_ends_stay_ends(steps in steps()) {
            let (mut number, mut at) = (1_000_u128, now());
            let mut order = order(OrderStatus::AwaitingConfirmation);
            order.payments.clear();
            order.refunds.clear();
            for step in steps {
                at += TimeDelta::hours(step.hours);
                let due = order.row.deadline_at.is_some_and(|deadline| deadline <= at);
                let (actor, command) = if due {
                    (Actor::Timer, Command::PassDeadline)
                } else {
                    (ACTORS[step.actor], aimed(&step, &order, &mut number))
                };
                if !due && command == Command::PassDeadline {
                    continue;
                }
                let before = order.clone();
                let moment = if due { before.row.deadline_at.expect("due") } else { at };
                let Ok(decision) = decided(&before, actor, &command, moment) else { continue };
                prop_assert!(decision.balances.is_conserved());
                prop_assert!(decision.transfers.iter().all(|transfer| transfer.amount.is_positive()));
                let ended = matches!(before.status(), OrderStatus::Completed | OrderStatus::Cancelled | OrderStatus::Refunded);
                if ended {
                    prop_assert_eq!(decision.status, before.status());
                }
                order = after(before, decision, &mut number);
                let (captured, refunded) = order.payments.iter().fold((0, 0), |sum, payment| (sum.0 + payment.captured.0, sum.1 + payment.refunded.0));
                prop_assert_eq!((captured, refunded), (order.row.captured.0, order.row.refunded.0));
                prop_assert!(order.payments.iter().all(|payment| payment.refunded <= payment.captured));
                if matches!(order.status(), OrderStatus::Completed | OrderStatus::Cancelled | OrderStatus::Refunded) {
                    prop_assert_eq!(order.row.held, MinorUnits::ZERO);
                }
            }
        }
    }
}

//! The table, tried out: every status × command × actor, and random lives of orders.

#![expect(clippy::arithmetic_side_effects, reason = "an overflow here fails the test, as it should")]

use chrono::TimeDelta;
use entity::cancel_request::{self, CancelRequestStatus};
use entity::contract::{Address, Line, Terms};
use entity::dispute::{self, DisputeStatus};
use entity::order::{Metadata, Model, OrderStatus};
use entity::payment::{self, PaymentMethod, PaymentStatus, RefundWay};
use entity::proposal;
use entity::receipt::ReceiptReason;
use entity::refund::{self, RefundStatus};
use entity::{BuyerId, Currency, MinorUnits, Money, OrderId, PaymentId, RefundId, StorefrontId, SupplierId, Time};
use uuid::Uuid;

use super::decision::{Decision, PaymentChange, RefundOf, StockChange};
use super::table::TABLE;
use super::*;
use entity::contract::Deadlines;
use entity::dispute::DisputeReason;
use entity::proposal::Side;
use entity::{CancelRequestId, ChargebackId, DisputeId, EvidenceId, OperatorId, ProposalId, RefundAccountId};

mod after;
mod chargebacks;
mod disputes;
pub(crate) mod events;
mod lives;
mod recoveries;

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
        deadlines: Deadlines::default(),
        shipping_address: address,
        fee_basis_points: 250,
    }
}

fn payment(number: u128, amount: i64) -> payment::Model {
    payment::Model {
        id: PaymentId(Uuid::from_u128(number)),
        order_id: OrderId(Uuid::nil()),
        provider: "sandbox".to_owned(),
        reference: format!("payment_{number}"),
        method: PaymentMethod::Visa,
        status: PaymentStatus::Pending,
        refund_by: "sandbox".to_owned(),
        refund_way: RefundWay::ToOrigin,
        refund_days: 10,
        takes_parts: true,
        amount: MinorUnits(amount),
        currency: Currency::USD,
        captured: MinorUnits::ZERO,
        refunded: MinorUnits::ZERO,
        charged_back: MinorUnits::ZERO,
        provider_reference: None,
        opened_at: None,
        encrypted_payer: None,
        next_action: None,
        return_url: None,
        failure: None,
        expires_at: None,
        replaced_by: None,
        created_at: now(),
        updated_at: now(),
    }
}

/// An order as it would be in this status, with an open payment and, where it was funded, a captured one. A dispute is
/// escalated, both sides have proposed, and a return was shipped.
#[expect(clippy::too_many_lines, reason = "one line a field")]
fn order(status: OrderStatus) -> Order {
    use OrderStatus::{
        AwaitingConfirmation, AwaitingPayment, CancelRequested, Cancelled, Completed, Disputed, DraftRequested,
        Refunded, ReturnPending,
    };
    let was_funded = !matches!(status, DraftRequested | AwaitingConfirmation | AwaitingPayment | Cancelled);
    let captured = if was_funded { PRICE } else { 0 };
    let released = if status == Completed { captured } else { 0 };
    let refunded = if status == Refunded { captured } else { 0 };
    let is_paused = matches!(status, CancelRequested | Disputed | ReturnPending);
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
        frozen_at: None,
        frozen_by_operator: false,
        stock_reserved: matches!(status, AwaitingPayment | OrderStatus::Funded | OrderStatus::Shipped),
        deadline_at: (!status.is_end()).then(now),
        remind_at: None,
        timer_at: (!status.is_end()).then(now),
        paused_status: is_paused.then_some(OrderStatus::Shipped),
        paused_at: is_paused.then(|| now() - TimeDelta::days(10)),
        paused_deadline_at: is_paused.then(|| now() + TimeDelta::days(10)),
        cancel_asked_funded: false,
        cancel_asked_shipped: false,
        disputes: 0,
        chargebacks: 0,
        has_refund_account: true,
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
    let is_disputed = matches!(status, Disputed | ReturnPending);
    Order {
        row,
        terms: Some(terms()),
        payments,
        refunds: vec![open_refund()],
        receipts: Vec::new(),
        chargebacks: Vec::new(),
        cancel_request: (status == CancelRequested).then(open_request),
        dispute: is_disputed.then(|| open_dispute(status)),
        proposals: if is_disputed {
            vec![offer(11, Side::Buyer, 6_400), offer(12, Side::Supplier, 1_280)]
        } else {
            Vec::new()
        },
        feedback: None,
    }
}

fn open_request() -> cancel_request::Model {
    cancel_request::Model {
        id: CancelRequestId(Uuid::nil()),
        order_id: OrderId(Uuid::nil()),
        status: CancelRequestStatus::Open,
        asked_in: OrderStatus::Shipped,
        reason: "too late".to_owned(),
        answer: None,
        created_at: now(),
        closed_at: None,
    }
}

/// Escalated; settled, with the goods on their way back, if the order waits for them.
fn open_dispute(status: OrderStatus) -> dispute::Model {
    let settled = status == OrderStatus::ReturnPending;
    dispute::Model {
        id: DisputeId(Uuid::nil()),
        order_id: OrderId(Uuid::nil()),
        status: if settled { DisputeStatus::Settled } else { DisputeStatus::Open },
        reason: DisputeReason::Damaged,
        description: "half of it is broken".to_owned(),
        opened_at: now() - TimeDelta::days(10),
        answer_by: None,
        escalation_from: now() - TimeDelta::days(6),
        escalates_at: None,
        escalated_at: Some(now() - TimeDelta::days(3)),
        alarm_at: Some(now()),
        settled_by: None,
        settled_amount: settled.then_some(MinorUnits(6_400)),
        goods_go_back: settled.then_some(true),
        ruling: None,
        return_carrier: settled.then(|| "DHL".to_owned()),
        return_tracking_number: settled.then(|| "1".to_owned()),
        return_shipped_at: settled.then(now),
        contested_because: None,
        closed_at: settled.then(now),
    }
}

fn offer(id: u128, side: Side, amount: i64) -> proposal::Model {
    proposal::Model {
        id: ProposalId(Uuid::from_u128(id)),
        dispute_id: DisputeId(Uuid::nil()),
        order_id: OrderId(Uuid::nil()),
        side,
        amount: MinorUnits(amount),
        goods_go_back: false,
        message: None,
        created_at: now(),
    }
}

fn open_refund() -> refund::Model {
    refund::Model {
        id: RefundId(Uuid::from_u128(9)),
        order_id: Some(OrderId(Uuid::nil())),
        payment_id: Some(PaymentId(Uuid::from_u128(1))),
        receipt_id: None,
        provider: "sandbox".to_owned(),
        reference: "refund_9".to_owned(),
        status: RefundStatus::Pending,
        amount: MinorUnits(500),
        currency: Currency::USD,
        charged_back: MinorUnits::ZERO,
        balance: MinorUnits(500),
        provider_reference: None,
        encrypted_payee: None,
        reason: "test".to_owned(),
        failure: None,
        started_at: Some(now()),
        requested_by: None,
        approved_by: None,
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
    }
}

fn proposing(id: u128, amount: i64, goods_go_back: bool) -> Proposal {
    Proposal { proposal_id: ProposalId(Uuid::from_u128(id)), amount: MinorUnits(amount), goods_go_back, message: None }
}

fn chargeback(reference: &str, payment: u128, amount: i64, stage: ChargebackStage) -> Command {
    let id = reference.bytes().fold(900, |id, byte| id * 7 + u128::from(byte));
    Command::Chargeback {
        chargeback_id: ChargebackId(Uuid::from_u128(id)),
        payment_id: PaymentId(Uuid::from_u128(payment)),
        reference: reference.to_owned(),
        amount: Money::new(MinorUnits(amount), Currency::USD),
        stage,
        reason: "fraudulent".to_owned(),
    }
}

/// Money that could not be applied, of an order or of none.
fn set_aside(number: u128, amount: i64, of: Option<(OrderId, PaymentId)>) -> entity::receipt::Model {
    entity::receipt::Model {
        id: entity::ReceiptId(Uuid::from_u128(number)),
        provider: "sandbox".to_owned(),
        movement: format!("sandbox:capture:{number}"),
        order_id: of.map(|(order_id, _)| order_id),
        payment_id: of.map(|(_, payment_id)| payment_id),
        reason: if of.is_some() { ReceiptReason::ChargebackWon } else { ReceiptReason::UnknownReference },
        amount: MinorUnits(amount),
        currency: Currency::USD,
        refunded: MinorUnits::ZERO,
        charged_back: MinorUnits::ZERO,
        applied: MinorUnits::ZERO,
        encrypted_remitter: None,
        created_at: now(),
    }
}

/// A command for every action: one that is well-formed for the orders above.
#[expect(clippy::too_many_lines, reason = "one arm a command")]
fn command(action: Action) -> Command {
    let (carrier, tracking_number) = ("DHL".to_owned(), "1".to_owned());
    let refund_id = RefundId(Uuid::from_u128(9));
    let operator_id = OperatorId(Uuid::from_u128(1));
    match action {
        Action::RequestDraft => Command::RequestDraft,
        Action::DraftOrder => Command::DraftOrder { terms: terms() },
        Action::BuyNow => Command::BuyNow { terms: terms() },
        Action::ConfirmOrder => Command::ConfirmOrder { contract_version: 1 },
        Action::CancelOrder => Command::CancelOrder,
        Action::PayOrder => paying(7, PaymentMethod::Alipay),
        Action::ShipOrder => Command::ShipOrder { carrier, tracking_number },
        Action::UpdateShipment => Command::UpdateShipment { carrier, tracking_number },
        Action::ExtendDeadline => Command::ExtendDeadline { days: 3 },
        Action::ConfirmReceived => Command::ConfirmReceived,
        Action::CancelRequest => {
            Command::CancelRequest { cancel_request_id: CancelRequestId(Uuid::nil()), reason: "late".to_owned() }
        }
        Action::WithdrawCancelRequest => Command::WithdrawCancelRequest,
        Action::AnswerCancelRequest => Command::AnswerCancelRequest { grant: true, answer: None },
        Action::OpenDispute => Command::OpenDispute {
            dispute_id: DisputeId(Uuid::nil()),
            reason: DisputeReason::Damaged,
            description: "broken".to_owned(),
            proposal: proposing(21, 6_400, false),
        },
        Action::ProposeSettlement => Command::ProposeSettlement(proposing(22, 3_200, false)),
        Action::AcceptSettlement => Command::AcceptSettlement { proposal_id: ProposalId(Uuid::from_u128(12)) },
        Action::WithdrawDispute => Command::WithdrawDispute,
        Action::EscalateDispute => Command::EscalateDispute,
        Action::ResolveDispute => {
            Command::ResolveDispute { refund: MinorUnits(1_000), goods_go_back: false, ruling: "so be it".to_owned() }
        }
        Action::AddEvidence => Command::AddEvidence {
            evidence_id: EvidenceId(Uuid::nil()),
            text: Some("look".to_owned()),
            file: None,
            messages: 0,
        },
        Action::ShipReturn => Command::ShipReturn { carrier, tracking_number },
        Action::ConfirmReturn => Command::ConfirmReturn,
        Action::ContestReturn => Command::ContestReturn { reason: "empty box".to_owned() },
        Action::RefundOrder => Command::RefundOrder { amount: MinorUnits(1_000) },
        Action::FreezeOrder => Command::FreezeOrder { reason: FreezeReason::Compliance },
        Action::UnfreezeOrder => Command::UnfreezeOrder,
        Action::ApplyFunds => Command::ApplyFunds {
            receipt: Box::new(set_aside(31, 5_000, None)),
            payment_id: PaymentId(Uuid::from_u128(2)),
        },
        Action::RefundUnapplied => Command::RefundUnapplied { receipt_id: entity::ReceiptId(Uuid::from_u128(30)) },
        Action::LeaveFeedback => Command::LeaveFeedback {
            product_as_agreed: 5,
            communication: 5,
            shipping_time: 4,
            comment: None,
            feedback_id: entity::FeedbackId(Uuid::nil()),
        },
        Action::ReplyToFeedback => Command::ReplyToFeedback { reply: "thank you".to_owned() },
        Action::ProvideRefundAccount => Command::ProvideRefundAccount {
            refund_account_id: RefundAccountId(Uuid::nil()),
            encrypted_details: "***".to_owned(),
            mask: "DE".to_owned(),
        },
        Action::RequestManualRefund => Command::RequestManualRefund { refund_id, operator_id },
        Action::ApproveManualRefund => Command::ApproveManualRefund { refund_id, operator_id },
        Action::RejectManualRefund => Command::RejectManualRefund { refund_id, reason: "no".to_owned() },
        Action::ConfirmManualRefund => {
            Command::ConfirmManualRefund { refund_id, movement: "manual:refund:1".to_owned(), amount: five() }
        }
        Action::CapturePayment => capture(2, PRICE),
        Action::EndPayment => {
            Command::EndPayment { payment_id: PaymentId(Uuid::from_u128(2)), end: PaymentEnd::Expired }
        }
        Action::SettleRefund => {
            Command::SettleRefund { refund_id, amount: five(), movement: "m".to_owned(), confirmed: true }
        }
        Action::FailRefund => Command::FailRefund {
            refund_id,
            amount: five(),
            movement: "m".to_owned(),
            reason: "closed account".to_owned(),
            confirmed: true,
        },
        // Of the payment that brought the money, where there is one.
        Action::Chargeback => chargeback("cb", 1, 300, ChargebackStage::Opened),
        Action::ReversePayment => Command::ReversePayment {
            chargeback_id: ChargebackId(Uuid::from_u128(31)),
            payment_id: PaymentId(Uuid::from_u128(1)),
            amount: Money::new(MinorUnits(PRICE), Currency::USD),
            movement: "sandbox:reversal:1".to_owned(),
            reason: "bounced".to_owned(),
        },
        Action::PassDeadline => Command::PassDeadline,
    }
}

fn paying(payment: u128, method: PaymentMethod) -> Command {
    Command::PayOrder(NewPayment {
        payment_id: PaymentId(Uuid::from_u128(payment)),
        provider: "sandbox".to_owned(),
        reference: format!("payment_{payment}"),
        method,
        refund_by: "sandbox".to_owned(),
        refund_way: RefundWay::ToOrigin,
        refund_days: 10,
        takes_parts: true,
        encrypted_payer: None,
        return_url: None,
        replaces: None,
    })
}

fn decided(order: &Order, actor: Actor, command: &Command, at: Time) -> Result<Decision, Rejection> {
    decide(order, actor, command, at, &Policy::default())
}

#[test]
fn every_status_command_and_actor_does_what_the_table_says() {
    let mut accepted = 0;
    for status in OrderStatus::all() {
        for action in Action::ALL {
            for actor in ACTORS {
                let mut order = order(status);
                let of = (OrderId(Uuid::nil()), PaymentId(Uuid::from_u128(2)));
                order.receipts = vec![set_aside(30, 700, Some(of))];
                let mut command = command(*action);
                if let (Command::AcceptSettlement { proposal_id }, Actor::Supplier) = (&mut command, actor) {
                    *proposal_id = ProposalId(Uuid::from_u128(11));
                }
                let row = TABLE
                    .iter()
                    .find(|row| row.action == *action && row.from.contains(&status) && row.by.contains(&actor));
                let result = decided(&order, actor, &command, now());
                let case = format!("{status} × {action} × {actor}: {result:?}");
                let of_no_payment =
                    matches!(action, Action::Chargeback | Action::ReversePayment) && order.payments.len() == 1;
                match (row, &result) {
                    // The order above has none that brought money.
                    (Some(_), Err(Rejection::Inconsistent(_))) if of_no_payment => {}
                    (Some(row), Err(Rejection::InvalidTransition { because: Some(because), .. })) => {
                        assert!(row.when.iter().any(|condition| condition.words() == *because), "{case}");
                    }
                    (Some(row), Ok(decision)) => {
                        let may: Vec<OrderStatus> = TABLE
                            .iter()
                            .filter(|other| other.action == row.action && other.from.contains(&status))
                            .flat_map(|other| other.to.iter().copied())
                            .collect();
                        assert!(decision.status == status || may.contains(&decision.status), "{case}");
                        assert!(decision.balances.is_conserved(), "{case}");
                        accepted += 1;
                    }
                    (Some(_), Err(_)) => panic!("{case}"),
                    (None, result) => {
                        let refused =
                            matches!(result, Err(Rejection::InvalidTransition { .. } | Rejection::NotPermitted { .. }));
                        assert!(refused, "{case}");
                    }
                }
            }
        }
    }
    assert!(accepted > 120, "only {accepted} combinations were accepted");
}

#[test]
fn what_is_listed_as_allowed_is_accepted() {
    for status in OrderStatus::all() {
        for actor in [Actor::Buyer, Actor::Supplier, Actor::Operator] {
            let order = order(status);
            let Err(Rejection::InvalidTransition { allowed, .. }) =
                decided(&order, actor, &command(Action::ConfirmReceived), now())
            else {
                continue;
            };
            for action in allowed {
                let mut command = command(action);
                if let (Command::AcceptSettlement { proposal_id }, Actor::Supplier) = (&mut command, actor) {
                    *proposal_id = ProposalId(Uuid::from_u128(11));
                }
                assert!(decided(&order, actor, &command, now()).is_ok(), "{status} {actor} {action}");
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
    assert_eq!(decision.follow_ups, [FollowUp::RequestPayout]);
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
    for status in OrderStatus::all().filter(|status| *status != OrderStatus::AwaitingPayment) {
        let before = order(status);
        let decision = decided(&before, Actor::Provider, &capture(2, PRICE), now()).expect("a fact can't be refused");
        assert_eq!((decision.status, decision.balances), (status, Balances::from(&before.row)), "{status}");
        assert_eq!(decision.receipts[0].reason, ReceiptReason::OrderNotOpen);
        assert!(matches!(decision.refunds[0].of, RefundOf::Receipt { .. }));
    }
}

#[test]
fn how_a_refund_begins_depends_on_the_rail_and_on_what_the_buyer_has_said() {
    let begun = |refund_way, has_refund_account| {
        let mut late = order(OrderStatus::Cancelled);
        late.payments[0].refund_way = refund_way;
        late.row.has_refund_account = has_refund_account;
        let decision = decided(&late, Actor::Provider, &capture(2, PRICE), now()).expect("accepted");
        (decision.refunds[0].status, !decision.follow_ups.is_empty())
    };
    assert_eq!(begun(RefundWay::ToOrigin, false), (RefundStatus::Requested, true));
    assert_eq!(begun(RefundWay::ToAccount, false), (RefundStatus::PayeeDetailsRequired, false));
    assert_eq!(begun(RefundWay::ToAccount, true), (RefundStatus::Requested, true));
    assert_eq!(begun(RefundWay::ByHand, true), (RefundStatus::ActionRequired, false));
}

#[test]
fn another_currency_is_never_applied() {
    let euros = Money::new(MinorUnits(PRICE), "EUR".parse().expect("known"));
    let Command::CapturePayment { payment_id, movement, .. } = capture(2, PRICE) else { unreachable!() };
    let command = Command::CapturePayment { payment_id, amount: euros, movement };
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
    let by_bank = paying(7, PaymentMethod::BankTransfer);
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
fn feedback_is_left_and_revised_once_and_within_thirty_days() {
    let mut done = order(OrderStatus::Completed);
    let leave = command(Action::LeaveFeedback);
    let first = decided(&done, Actor::Buyer, &leave, now() + TimeDelta::days(29)).expect("accepted");
    assert!(matches!(
        decided(&done, Actor::Buyer, &leave, now() + TimeDelta::days(30)),
        Err(Rejection::InvalidTransition { .. })
    ));
    done.feedback = first.feedback;
    let revised = decided(&done, Actor::Buyer, &leave, now()).expect("accepted");
    assert_eq!(revised.feedback.as_ref().map(|row| row.revision), Some(2));
    assert!(matches!(revised.events[0], Event::FeedbackRevised { .. }));
    done.feedback = revised.feedback;
    assert_eq!(decided(&done, Actor::Buyer, &leave, now()), Err(Rejection::FeedbackExists));
    let reply = command(Action::ReplyToFeedback);
    done.feedback = decided(&done, Actor::Supplier, &reply, now()).expect("accepted").feedback;
    assert!(decided(&done, Actor::Supplier, &reply, now()).is_err(), "one answer");
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
fn news_of_a_refund_that_contradict_what_is_known_have_to_be_confirmed() {
    let unconfirmed = |action| {
        let mut command = command(action);
        if let Command::SettleRefund { confirmed, .. } | Command::FailRefund { confirmed, .. } = &mut command {
            *confirmed = false;
        }
        command
    };
    for (known, news) in [
        (RefundStatus::ActionRequired, Action::SettleRefund),
        (RefundStatus::ApprovalRequired, Action::SettleRefund),
        (RefundStatus::PayeeDetailsRequired, Action::SettleRefund),
        (RefundStatus::Succeeded, Action::FailRefund),
    ] {
        let mut order = order(OrderStatus::Refunded);
        order.refunds[0].status = known;
        let refused = decided(&order, Actor::Provider, &unconfirmed(news), now());
        assert!(matches!(refused, Err(Rejection::Inconsistent(_))), "{known:?}: {refused:?}");
        order.refunds[0].status = RefundStatus::Pending;
        assert!(decided(&order, Actor::Provider, &unconfirmed(news), now()).is_ok());
    }
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

//! From a command to a decision. One function a command; the guard before it reads the table.

use entity::contract::{Drafter, Terms};
use entity::dispute::DisputeStatus;
use entity::evidence::{self, EvidenceAuthor};
use entity::payment::{PaymentMethod, PaymentStatus};
use entity::{
    EvidenceId, FeedbackId, MinorUnits, OrderStatus, PaymentId, Time, cancel_request, dispute as dispute_row, feedback,
};

use super::calendar::{after_business_days, after_days};
use super::chargeback::{self, Claim};
use super::decision::{Account, Decision, FollowUp, NewPayment, PaymentChange, ShipmentChange, StockChange, Transfer};
use super::guard::permitted;
use super::refund::{refund_all, refund_amount};
use super::split::Split;
use super::table::{self, Actor};
use super::{AttachedFile, Command, Event, Order, Policy, Rejection, clocks, dispute, operator, provider_facts};

/// An order begins.
#[expect(clippy::too_many_lines, reason = "one arm a command: one that begins an order can't be forgotten")]
pub fn start(actor: Actor, command: &Command, now: Time, policy: &Policy) -> Result<Decision, Rejection> {
    const NO_BEGINNING: Rejection = Rejection::Inconsistent("this command begins no order");
    let action = command.action();
    let Some(row) = table::TABLE.iter().find(|row| row.action == action && row.from.is_empty()) else {
        return Err(NO_BEGINNING);
    };
    if !row.by.contains(&actor) {
        return Err(Rejection::NotPermitted { action, by: row.by.to_vec() });
    }
    let empty = || Decision::beginning(OrderStatus::AwaitingConfirmation);
    match command {
        Command::BuyNow { terms } => Ok(offer(empty(), terms, Drafter::Listing, 1, now)),
        Command::DraftOrder { terms } => Ok(offer(empty(), terms, Drafter::Supplier, 1, now)),
        Command::RequestDraft => {
            let deadline = after_days(now, policy.draft_days);
            let mut decision = Decision::beginning(OrderStatus::DraftRequested);
            clocks::set(&mut decision, now, Some(deadline));
            decision.events.push(Event::DraftRequested { deadline });
            Ok(decision)
        }
        Command::ConfirmOrder { .. }
        | Command::CancelOrder
        | Command::PayOrder(_)
        | Command::ShipOrder { .. }
        | Command::UpdateShipment { .. }
        | Command::ExtendDeadline { .. }
        | Command::ConfirmReceived
        | Command::CancelRequest { .. }
        | Command::WithdrawCancelRequest
        | Command::AnswerCancelRequest { .. }
        | Command::OpenDispute { .. }
        | Command::ProposeSettlement(_)
        | Command::AcceptSettlement { .. }
        | Command::WithdrawDispute
        | Command::EscalateDispute
        | Command::ResolveDispute { .. }
        | Command::AddEvidence { .. }
        | Command::ShipReturn { .. }
        | Command::ConfirmReturn
        | Command::ContestReturn { .. }
        | Command::RefundOrder { .. }
        | Command::FreezeOrder { .. }
        | Command::UnfreezeOrder
        | Command::ApplyFunds { .. }
        | Command::RefundUnapplied { .. }
        | Command::ProvideRefundAccount { .. }
        | Command::RequestManualRefund { .. }
        | Command::ApproveManualRefund { .. }
        | Command::RejectManualRefund { .. }
        | Command::ConfirmManualRefund { .. }
        | Command::LeaveFeedback { .. }
        | Command::ReplyToFeedback { .. }
        | Command::CapturePayment { .. }
        | Command::EndPayment { .. }
        | Command::SettleRefund { .. }
        | Command::FailRefund { .. }
        | Command::HoldRefund { .. }
        | Command::Chargeback { .. }
        | Command::ReversePayment { .. }
        | Command::PassDeadline => Err(NO_BEGINNING),
    }
}

/// What follows from `command` by `actor` at `now`, or why nothing does.
#[expect(clippy::too_many_lines, reason = "one arm a command: a command that is not decided here doesn't compile")]
pub fn decide(
    order: &Order,
    actor: Actor,
    command: &Command,
    now: Time,
    policy: &Policy,
) -> Result<Decision, Rejection> {
    permitted(order, actor, command.action(), now, policy)?;
    match command {
        Command::RequestDraft | Command::BuyNow { .. } => Err(Rejection::Inconsistent("this order has begun already")),
        Command::DraftOrder { terms } => draft(order, terms, now),
        Command::ConfirmOrder { contract_version } => confirm(order, *contract_version, now),
        Command::CancelOrder => cancel(order, now, policy),
        Command::PayOrder(new) => pay(order, new, now, policy),
        Command::ShipOrder { carrier, tracking_number } => ship(order, carrier, tracking_number, now),
        Command::UpdateShipment { carrier, tracking_number } => Ok(update_shipment(order, carrier, tracking_number)),
        Command::ExtendDeadline { days } => extend_deadline(order, *days, now, policy),
        Command::ConfirmReceived => release(order, Event::ReceiptConfirmed, now),
        Command::RefundOrder { amount } => refund_order(order, actor, *amount, now, policy),
        Command::LeaveFeedback { product_as_agreed, communication, shipping_time, comment, feedback_id } => {
            let ratings = Ratings {
                product_as_agreed: *product_as_agreed,
                communication: *communication,
                shipping_time: *shipping_time,
            };
            Ok(leave_feedback(order, ratings, comment.as_deref(), *feedback_id, now))
        }
        Command::ReplyToFeedback { reply } => reply_to_feedback(order, reply, now),

        Command::CancelRequest { cancel_request_id, reason } => {
            dispute::request_cancel(order, *cancel_request_id, reason, now)
        }
        Command::WithdrawCancelRequest => dispute::withdraw_cancel_request(order, now, policy),
        Command::AnswerCancelRequest { grant, answer } => {
            dispute::answer_cancel_request(order, *grant, answer.as_deref(), now, policy)
        }
        Command::OpenDispute { dispute_id, reason, description, proposal } => {
            dispute::open(order, *dispute_id, *reason, description, proposal, now)
        }
        Command::ProposeSettlement(proposal) => dispute::propose(order, actor, proposal, now),
        Command::AcceptSettlement { proposal_id } => dispute::accept(order, actor, *proposal_id, now, policy),
        Command::WithdrawDispute => dispute::withdraw(order, now, policy),
        Command::EscalateDispute => dispute::escalate(order, now),
        Command::ResolveDispute { refund, goods_go_back, ruling } => {
            dispute::resolve(order, *refund, *goods_go_back, ruling, now, policy)
        }
        Command::AddEvidence { evidence_id, text, file, messages } => {
            add_evidence(order, actor, *evidence_id, text.as_deref(), file.as_ref(), *messages, now)
        }
        Command::ShipReturn { carrier, tracking_number } => dispute::ship_return(order, carrier, tracking_number, now),
        Command::ConfirmReturn => dispute::confirm_return(order, now, policy),
        Command::ContestReturn { reason } => dispute::contest_return(order, reason, now),

        Command::FreezeOrder { reason } => Ok(operator::freeze(order, *reason, now)),
        Command::UnfreezeOrder => operator::unfreeze(order, now, policy),
        Command::ApplyFunds { receipt, payment_id } => operator::apply_funds(order, receipt, *payment_id, now),
        Command::RefundUnapplied { receipt_id } => operator::refund_unapplied(order, *receipt_id, now, policy),
        Command::ProvideRefundAccount { refund_account_id, encrypted_details, mask } => {
            let account = entity::refund_account::Model {
                id: *refund_account_id,
                order_id: order.row.id,
                encrypted_details: encrypted_details.clone(),
                mask: mask.clone(),
                created_at: now,
            };
            Ok(operator::use_refund_account(order, account))
        }
        Command::RequestManualRefund { refund_id, operator_id } => {
            operator::request_manual_refund(order, *refund_id, *operator_id)
        }
        Command::ApproveManualRefund { refund_id, operator_id } => {
            operator::approve_manual_refund(order, *refund_id, *operator_id, now, policy)
        }
        Command::RejectManualRefund { refund_id, reason } => operator::reject_manual_refund(order, *refund_id, reason),
        Command::ConfirmManualRefund { refund_id, movement, amount } => {
            operator::confirm_manual_refund(order, *refund_id, movement, *amount)
        }

        Command::CapturePayment { payment_id, amount, movement } => {
            provider_facts::capture(order, *payment_id, *amount, movement, now, policy)
        }
        Command::EndPayment { payment_id, end } => provider_facts::end_payment(order, *payment_id, end),
        Command::SettleRefund { refund_id, movement, amount, confirmed } => {
            provider_facts::settle_refund(order, *refund_id, movement, *amount, *confirmed, now)
        }
        Command::FailRefund { refund_id, movement, reason, amount: _, confirmed } => {
            provider_facts::fail_refund(order, *refund_id, movement, reason, *confirmed)
        }
        Command::HoldRefund { refund_id, reason } => provider_facts::hold_refund(order, *refund_id, reason),
        Command::Chargeback { chargeback_id, payment_id, reference, amount, stage, reason } => {
            let (chargeback_id, payment_id, amount) = (*chargeback_id, *payment_id, *amount);
            let claim = Claim { chargeback_id, payment_id, reference, amount, reason };
            chargeback::chargeback(order, &claim, stage, now, policy)
        }
        Command::ReversePayment { chargeback_id, payment_id, amount, movement, reason } => {
            let (chargeback_id, payment_id, amount) = (*chargeback_id, *payment_id, *amount);
            let claim = Claim { chargeback_id, payment_id, reference: movement, amount, reason };
            chargeback::reverse(order, &claim, movement, now)
        }
        Command::PassDeadline => pass_deadline(order, now, policy),
    }
}

/// The contract of an order that has one.
pub(super) fn with_terms(order: &Order) -> Result<&Terms, Rejection> {
    order.terms.as_ref().ok_or(Rejection::Inconsistent("an order without a contract"))
}

/// Nothing more happens to it by itself.
pub(super) fn end(decision: &mut Decision, status: OrderStatus, now: Time) {
    decision.status = status;
    decision.paused = None;
    clocks::set(decision, now, None);
    if status == OrderStatus::Completed {
        decision.completed_at = Some(now);
    }
}

/// A cancel request or a dispute that is open has lost its object.
pub(super) fn overtake(order: &Order, decision: &mut Decision, now: Time) {
    use entity::cancel_request::CancelRequestStatus;
    decision.cancel_request = order.cancel_request.clone().map(|request| cancel_request::Model {
        status: CancelRequestStatus::Closed,
        closed_at: Some(now),
        ..request
    });
    let open = order.dispute.clone().filter(|dispute| dispute.status == DisputeStatus::Open);
    decision.dispute = open.map(|dispute| dispute_row::Model {
        status: DisputeStatus::Closed,
        answer_by: None,
        escalates_at: None,
        alarm_at: None,
        closed_at: Some(now),
        ..dispute
    });
}

fn offer(mut decision: Decision, terms: &Terms, drafter: Drafter, version: i32, now: Time) -> Decision {
    let deadline = after_days(now, i64::from(terms.deadlines.confirmation_days));
    decision.status = OrderStatus::AwaitingConfirmation;
    clocks::set(&mut decision, now, Some(deadline));
    decision.contract = Some((terms.clone(), drafter));
    let total = entity::Money::new(terms.total, terms.currency);
    decision.events.push(Event::ContractDrafted { contract_version: version, total, deadline });
    decision
}

fn draft(order: &Order, terms: &Terms, now: Time) -> Result<Decision, Rejection> {
    if terms.currency != order.row.currency {
        return Err(Rejection::Inconsistent("an order keeps its currency"));
    }
    let version = order.row.contract_version.saturating_add(1);
    Ok(offer(Decision::unchanged(order), terms, Drafter::Supplier, version, now))
}

fn confirm(order: &Order, contract_version: i32, now: Time) -> Result<Decision, Rejection> {
    if contract_version != order.row.contract_version {
        return Err(Rejection::StaleContract { current: order.row.contract_version });
    }
    let deadline = after_days(now, i64::from(with_terms(order)?.deadlines.payment_days));
    let mut decision = Decision::unchanged(order);
    decision.status = OrderStatus::AwaitingPayment;
    clocks::set(&mut decision, now, Some(deadline));
    decision.stock = Some(StockChange::Reserve);
    decision.events.push(Event::OrderConfirmed { contract_version, total: order.money(order.row.total), deadline });
    Ok(decision)
}

fn pay(order: &Order, new: &NewPayment, now: Time, policy: &Policy) -> Result<Decision, Rejection> {
    let (payment_id, method) = (new.payment_id, new.method);
    let amount = order.due();
    if !amount.is_positive() {
        return Err(Rejection::Inconsistent("nothing is due"));
    }
    let mut decision = Decision::unchanged(order);
    let by_bank = method == PaymentMethod::BankTransfer;
    if by_bank && !order.payments.iter().any(|payment| payment.method == method) {
        let days = u32::try_from(with_terms(order)?.deadlines.bank_transfer_business_days).unwrap_or_default();
        let deadline = order.row.deadline_at.map(|at| after_business_days(at, days, &policy.holidays));
        clocks::set(&mut decision, now, deadline);
    }
    if let Some(replaced) = new.replaces {
        // First: of one method only one payment is open that is not replaced.
        decision.payments.push(PaymentChange::Replace { payment_id: replaced, by: payment_id });
    }
    decision.payments.push(PaymentChange::Open { new: new.clone(), amount });
    decision.events.push(Event::PaymentOpened { payment_id, method, amount: order.money(amount) });
    decision.follow_ups.push(FollowUp::AskPayment(payment_id));
    Ok(decision)
}

fn ship(order: &Order, carrier: &str, tracking_number: &str, now: Time) -> Result<Decision, Rejection> {
    let terms = with_terms(order)?;
    let days = i64::from(terms.transit_days).saturating_add(i64::from(terms.inspection_days));
    let inspect_until = after_days(now, days);
    let mut decision = Decision::unchanged(order);
    decision.status = OrderStatus::Shipped;
    clocks::set(&mut decision, now, Some(inspect_until));
    let (carrier, tracking_number) = (carrier.to_owned(), tracking_number.to_owned());
    decision.events.push(Event::OrderShipped {
        carrier: carrier.clone(),
        tracking_number: tracking_number.clone(),
        inspect_until,
    });
    decision.shipment = Some(ShipmentChange::New { carrier, tracking_number });
    Ok(decision)
}

fn update_shipment(order: &Order, carrier: &str, tracking_number: &str) -> Decision {
    let mut decision = Decision::unchanged(order);
    let (carrier, tracking_number) = (carrier.to_owned(), tracking_number.to_owned());
    decision.events.push(Event::ShipmentUpdated { carrier: carrier.clone(), tracking_number: tracking_number.clone() });
    decision.shipment = Some(ShipmentChange::Corrected { carrier, tracking_number });
    decision
}

/// Each side can only give the other more time. A date that has passed is extended from now.
fn extend_deadline(order: &Order, days: i32, now: Time, policy: &Policy) -> Result<Decision, Rejection> {
    if !(1..=policy.extension_days).contains(&days) {
        return Err(Rejection::Invalid { field: "days", problem: "must be from 1 to 30" });
    }
    let clock = if order.status() == OrderStatus::Funded { order.row.ship_by } else { order.row.deadline_at };
    let clock = clock.ok_or(Rejection::Inconsistent("there is no deadline to extend"))?;
    let deadline = after_days(clock.max(now), i64::from(days));
    if deadline > after_days(now, policy.extended_days) {
        return Err(Rejection::Invalid { field: "days", problem: "the deadline may be at most 180 days away" });
    }
    let mut decision = Decision::unchanged(order);
    if order.status() == OrderStatus::Funded {
        decision.ship_by = Some(deadline);
    }
    clocks::set(&mut decision, now, Some(deadline));
    decision.events.push(Event::DeadlineExtended { days, deadline });
    Ok(decision)
}

/// All that is held goes to the supplier, less our fee. The order is completed.
fn release(order: &Order, why: Event, now: Time) -> Result<Decision, Rejection> {
    let mut decision = Decision::unchanged(order);
    decision.events.push(why);
    release_rest(order, &mut decision, now)?;
    Ok(decision)
}

/// What is still held goes to the supplier, less our fee. The order is completed.
pub(super) fn release_rest(order: &Order, decision: &mut Decision, now: Time) -> Result<(), Rejection> {
    let held = decision.balances.held;
    let split = Split::of(order, held)?;
    let out = |credit, amount| Transfer {
        debit: Account::Escrow,
        credit,
        amount,
        currency: order.row.currency,
        cause: "funds.released",
        movement: None,
    };
    decision.post(out(Account::Supplier, split.to_supplier))?;
    decision.post(out(Account::Fees, split.fee))?;
    end(decision, OrderStatus::Completed, now);
    if held.is_positive() {
        decision.events.push(Event::FundsReleased {
            amount: order.money(held),
            fee: order.money(split.fee),
            to_supplier: order.money(split.to_supplier),
        });
        decision.follow_ups.push(FollowUp::RequestPayout);
    }
    decision.events.push(Event::OrderCompleted);
    Ok(())
}

fn cancel(order: &Order, now: Time, policy: &Policy) -> Result<Decision, Rejection> {
    let refunded = order.money(order.row.held);
    let (status, events) = if order.status() == OrderStatus::Funded {
        let events = vec![Event::OrderCancelled { refunded }, Event::OrderRefunded { refunded }];
        (OrderStatus::Refunded, events)
    } else {
        (OrderStatus::Cancelled, vec![Event::OrderCancelled { refunded }])
    };
    end_unshipped(order, status, events, now, policy)
}

/// Ends an order of which nothing was shipped: what is held goes back, payments are withdrawn, stock is given back.
fn end_unshipped(
    order: &Order,
    status: OrderStatus,
    events: Vec<Event>,
    now: Time,
    policy: &Policy,
) -> Result<Decision, Rejection> {
    let mut decision = Decision::unchanged(order);
    end(&mut decision, status, now);
    decision.events = events;
    dispute::give_back_stock(order, &mut decision);
    withdraw_open_payments(order, None, &mut decision);
    refund_all(order, &mut decision, "the order ended before it was shipped", now, policy)?;
    Ok(decision)
}

/// A part or all of what is held goes back, and the order goes on with the rest.
fn refund_order(
    order: &Order,
    actor: Actor,
    amount: MinorUnits,
    now: Time,
    policy: &Policy,
) -> Result<Decision, Rejection> {
    if amount > order.row.held {
        let (amount, held) = (order.money(amount), order.money(order.row.held));
        return Err(Rejection::AmountExceedsHeld { amount, held, field: "amount" });
    }
    if !amount.is_positive() {
        return Err(Rejection::Invalid { field: "amount", problem: "must be more than zero" });
    }
    let reason = if actor == Actor::Operator { "the operator gives it back" } else { "the supplier gives it back" };
    let mut decision = Decision::unchanged(order);
    refund_amount(order, &mut decision, amount, reason, now, policy)?;
    if decision.balances.held.is_zero() {
        dispute::give_back_stock(order, &mut decision);
        end(&mut decision, OrderStatus::Refunded, now);
        decision.events.push(Event::OrderRefunded { refunded: order.money(decision.balances.refunded) });
    }
    Ok(decision)
}

/// Asks the providers to withdraw what is still open, except the payment that has just been paid.
pub(super) fn withdraw_open_payments(order: &Order, paid: Option<PaymentId>, decision: &mut Decision) {
    for payment in &order.payments {
        if payment.status == PaymentStatus::Pending && Some(payment.id) != paid {
            decision.follow_ups.push(FollowUp::CancelPayment(payment.id));
        }
    }
}

/// Each from 1 to 5.
#[derive(Clone, Copy)]
struct Ratings {
    product_as_agreed: i32,
    communication: i32,
    shipping_time: i32,
}

fn leave_feedback(
    order: &Order,
    ratings: Ratings,
    comment: Option<&str>,
    feedback_id: FeedbackId,
    now: Time,
) -> Decision {
    let Ratings { product_as_agreed, communication, shipping_time } = ratings;
    let mut decision = Decision::unchanged(order);
    let before = order.feedback.clone();
    decision.events.push(if before.is_some() {
        Event::FeedbackRevised { product_as_agreed, communication, shipping_time }
    } else {
        Event::FeedbackLeft { product_as_agreed, communication, shipping_time }
    });
    let row = before.unwrap_or_else(|| first_feedback(order, feedback_id, now));
    let revision = row.revision.saturating_add(1);
    let comment = comment.map(ToOwned::to_owned);
    decision.feedback =
        Some(feedback::Model { product_as_agreed, communication, shipping_time, comment, revision, ..row });
    decision
}

fn first_feedback(order: &Order, id: FeedbackId, now: Time) -> feedback::Model {
    feedback::Model {
        id,
        order_id: order.row.id,
        supplier_id: order.row.supplier_id,
        product_as_agreed: 0,
        communication: 0,
        shipping_time: 0,
        comment: None,
        revision: 0,
        reply: None,
        replied_at: None,
        created_at: now,
    }
}

fn reply_to_feedback(order: &Order, reply: &str, now: Time) -> Result<Decision, Rejection> {
    let feedback = order.feedback.clone().ok_or(Rejection::Inconsistent("there is no feedback"))?;
    let mut decision = Decision::unchanged(order);
    decision.feedback = Some(feedback::Model { reply: Some(reply.to_owned()), replied_at: Some(now), ..feedback });
    decision.events.push(Event::FeedbackAnswered);
    Ok(decision)
}

fn add_evidence(
    order: &Order,
    actor: Actor,
    evidence_id: EvidenceId,
    text: Option<&str>,
    file: Option<&AttachedFile>,
    messages: i32,
    now: Time,
) -> Result<Decision, Rejection> {
    if text.is_none() && file.is_none() && messages == 0 {
        return Err(Rejection::Invalid {
            field: "text",
            problem: "send a text, the fileId of a file that was sent, or messageIds; or several of them",
        });
    }
    let author = match actor {
        Actor::Buyer => EvidenceAuthor::Buyer,
        Actor::Supplier => EvidenceAuthor::Supplier,
        Actor::Operator => EvidenceAuthor::Operator,
        Actor::Provider | Actor::Timer => return Err(Rejection::Inconsistent("nobody's evidence")),
    };
    let mut decision = Decision::unchanged(order);
    decision.events.push(Event::EvidenceAdded {
        evidence_id,
        by: author,
        media_type: file.map(|file| file.media_type.clone()),
        byte_size: file.map(|file| file.byte_size),
        sha256: file.map(|file| file.sha256.clone()),
        messages: (messages > 0).then_some(messages),
    });
    decision.evidence = Some(evidence::Model {
        id: evidence_id,
        order_id: order.row.id,
        author,
        text: text.map(ToOwned::to_owned),
        file_id: file.map(|file| file.file_id),
        messages,
        created_at: now,
    });
    Ok(decision)
}

/// `now` is the moment of the clock itself: the result doesn't depend on how late the worker is.
fn pass_deadline(order: &Order, now: Time, policy: &Policy) -> Result<Decision, Rejection> {
    if order.row.remind_at.is_some_and(|at| at <= now) && order.row.deadline_at.is_some_and(|at| at > now) {
        return Ok(remind(order));
    }
    let refunded = order.money(order.row.held);
    match order.status() {
        OrderStatus::DraftRequested | OrderStatus::AwaitingConfirmation | OrderStatus::AwaitingPayment => {
            end_unshipped(order, OrderStatus::Cancelled, vec![Event::OrderLapsed { refunded }], now, policy)
        }
        OrderStatus::Funded => {
            let days = i64::from(with_terms(order)?.deadlines.overdue_days);
            let refund_at = order.row.ship_by.map(|ship_by| after_days(ship_by, days));
            if order.row.deadline_at < refund_at {
                let mut decision = Decision::unchanged(order);
                clocks::set(&mut decision, now, refund_at);
                decision.events.push(Event::ShipByPassed { refund_at });
                return Ok(decision);
            }
            let events = vec![Event::OrderLapsed { refunded }, Event::OrderRefunded { refunded }];
            end_unshipped(order, OrderStatus::Refunded, events, now, policy)
        }
        OrderStatus::Shipped => release(order, Event::InspectionEnded, now),
        OrderStatus::CancelRequested => {
            dispute::answer_cancel_request(order, order.row.is_unshipped(), None, now, policy)
        }
        OrderStatus::Disputed => dispute::pass_clock(order, now, policy),
        OrderStatus::ReturnPending => dispute::pass_return(order, now, policy),
        OrderStatus::Completed | OrderStatus::Cancelled | OrderStatus::Refunded => {
            Err(Rejection::Inconsistent("an order that has ended has no deadline"))
        }
    }
}

fn remind(order: &Order) -> Decision {
    let mut decision = Decision::unchanged(order);
    decision.remind_at = None;
    if let Some(deadline) = order.row.deadline_at {
        decision.events.push(Event::DeadlineApproaching { deadline, consequence: what_the_clock_brings(order) });
    }
    decision
}

/// In words, for the reminder.
fn what_the_clock_brings(order: &Order) -> &'static str {
    let dispute = order.dispute.as_ref();
    match order.status() {
        OrderStatus::DraftRequested | OrderStatus::AwaitingConfirmation | OrderStatus::AwaitingPayment => {
            "the order lapses"
        }
        OrderStatus::Funded if order.row.deadline_at == order.row.ship_by => "the ship-by date passes",
        OrderStatus::Funded => "the order is refunded",
        OrderStatus::Shipped => "the held money is released to the supplier",
        OrderStatus::CancelRequested if order.row.is_unshipped() => "the cancel request is granted",
        OrderStatus::CancelRequested => "the cancel request is refused",
        OrderStatus::Disputed if dispute.is_some_and(|row| row.answer_by.is_some()) => {
            "the dispute is settled as the buyer proposed"
        }
        OrderStatus::Disputed if dispute.is_some_and(|row| row.escalates_at.is_some()) => {
            "the dispute goes to the operator"
        }
        OrderStatus::Disputed => "an alarm is raised about the dispute",
        OrderStatus::ReturnPending if dispute.is_some_and(|row| row.return_shipped_at.is_some()) => {
            "the dispute is settled as agreed"
        }
        OrderStatus::ReturnPending => "the held money is released to the supplier",
        OrderStatus::Completed | OrderStatus::Cancelled | OrderStatus::Refunded => "nothing happens",
    }
}

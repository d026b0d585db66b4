//! From a command to a decision. One function a command; the guard before it reads the table.

use entity::contract::{Drafter, Terms};
use entity::payment::{PaymentMethod, PaymentStatus};
use entity::refund::RefundStatus;
use entity::{OrderStatus, PaymentId, Time};

use super::calendar::{after_business_days, after_days};
use super::decision::{
    Account, Decision, Feedback, Later, NewRefund, PaymentChange, RefundOf, RefundRef, StockChange, Transfer,
};
use super::guard::permitted;
use super::provider_facts;
use super::split::Split;
use super::table::{self, Action, Actor};
use super::{Command, Happened, Order, Policy, Rejection};

/// An order begins.
pub fn start(actor: Actor, command: &Command, now: Time, policy: &Policy) -> Result<Decision, Rejection> {
    let action = command.action();
    let mut beginnings = table::TABLE.iter().filter(|row| row.action == action && row.from.is_empty());
    let Some(row) = beginnings.next() else {
        return Err(Rejection::Inconsistent("this command begins no order"));
    };
    if !row.by.contains(&actor) {
        return Err(Rejection::NotPermitted { action, by: row.by.to_vec() });
    }
    let on_the_table = |terms, drafter| {
        offer(Decision::beginning(OrderStatus::AwaitingConfirmation, None), (terms, drafter, 1), now, policy)
    };
    match command {
        Command::RequestDraft => {
            let deadline = after_days(now, policy.draft_days);
            let mut decision = Decision::beginning(OrderStatus::DraftRequested, Some(deadline));
            decision.events.push(Happened::DraftRequested { deadline });
            Ok(decision)
        }
        Command::BuyNow { terms } => Ok(on_the_table(terms, Drafter::Listing)),
        Command::DraftOrder { terms } => Ok(on_the_table(terms, Drafter::Supplier)),
        Command::ConfirmOrder { .. }
        | Command::CancelOrder
        | Command::PayOrder { .. }
        | Command::ShipOrder { .. }
        | Command::ConfirmReceived
        | Command::LeaveFeedback { .. }
        | Command::CapturePayment { .. }
        | Command::EndPayment { .. }
        | Command::SettleRefund { .. }
        | Command::FailRefund { .. }
        | Command::PassDeadline
        | Command::Later(_) => Err(Rejection::Inconsistent("this command begins no order")),
    }
}

/// What follows from `command` by `actor` at `now`, or why nothing does.
pub fn decide(
    order: &Order,
    actor: Actor,
    command: &Command,
    now: Time,
    policy: &Policy,
) -> Result<Decision, Rejection> {
    permitted(order, actor, command.action(), now, policy)?;
    match command {
        Command::DraftOrder { terms } => draft(order, terms, now, policy),
        Command::ConfirmOrder { contract_version } => confirm(order, *contract_version, now, policy),
        Command::CancelOrder => cancel(order),
        Command::PayOrder { payment_id, provider, method, return_url } => {
            pay(order, (*payment_id, provider, *method, return_url.as_ref()), policy)
        }
        Command::ShipOrder { carrier, tracking_number } => ship(order, carrier, tracking_number, now),
        Command::ConfirmReceived => release(order, Happened::ReceiptConfirmed, now),
        Command::LeaveFeedback { product_as_agreed, communication, shipping_time, comment } => {
            let feedback = Feedback {
                product_as_agreed: *product_as_agreed,
                communication: *communication,
                shipping_time: *shipping_time,
                comment: comment.clone(),
            };
            Ok(leave_feedback(order, feedback))
        }
        Command::CapturePayment { payment_id, amount, movement, refundable } => {
            provider_facts::capture(order, *payment_id, *amount, movement, *refundable, now)
        }
        Command::EndPayment { payment_id, end } => provider_facts::end_payment(order, *payment_id, end),
        Command::SettleRefund { refund_id, movement, amount: _ } => {
            provider_facts::settle_refund(order, *refund_id, movement)
        }
        Command::FailRefund { refund_id, movement, reason, amount: _ } => {
            provider_facts::fail_refund(order, *refund_id, movement, reason)
        }
        Command::PassDeadline => pass_deadline(order, now, policy),
        Command::RequestDraft | Command::BuyNow { .. } => Err(Rejection::Inconsistent("this order has begun already")),
        Command::Later(action) => Err(Rejection::NotYetDecided(*action)),
    }
}

fn offer(
    mut decision: Decision,
    (terms, drafter, version): (&Terms, Drafter, i32),
    now: Time,
    policy: &Policy,
) -> Decision {
    let deadline = after_days(now, policy.confirmation_days);
    decision.status = OrderStatus::AwaitingConfirmation;
    decision.deadline_at = Some(deadline);
    decision.contract = Some((terms.clone(), drafter));
    let total = entity::Money::new(terms.total, terms.currency);
    decision.events.push(Happened::ContractDrafted { contract_version: version, total, deadline });
    decision
}

fn draft(order: &Order, terms: &Terms, now: Time, policy: &Policy) -> Result<Decision, Rejection> {
    if terms.currency != order.row.currency {
        return Err(Rejection::Inconsistent("an order keeps its currency"));
    }
    let version = order.row.contract_version.saturating_add(1);
    Ok(offer(Decision::unchanged(order), (terms, Drafter::Supplier, version), now, policy))
}

fn confirm(order: &Order, contract_version: i32, now: Time, policy: &Policy) -> Result<Decision, Rejection> {
    if contract_version != order.row.contract_version {
        return Err(Rejection::StaleContract { current: order.row.contract_version });
    }
    let deadline = after_days(now, policy.payment_days);
    let mut decision = Decision::unchanged(order);
    decision.status = OrderStatus::AwaitingPayment;
    decision.deadline_at = Some(deadline);
    decision.stock = Some(StockChange::Reserve);
    decision.events.push(Happened::OrderConfirmed { contract_version, total: order.money(order.row.total), deadline });
    Ok(decision)
}

fn pay(
    order: &Order,
    (payment_id, provider, method, return_url): (PaymentId, &str, PaymentMethod, Option<&String>),
    policy: &Policy,
) -> Result<Decision, Rejection> {
    let amount = order.due();
    if !amount.is_positive() {
        return Err(Rejection::Inconsistent("nothing is due"));
    }
    let mut decision = Decision::unchanged(order);
    let first_transfer =
        method == PaymentMethod::BankTransfer && !order.payments.iter().any(|payment| payment.method == method);
    if first_transfer && let Some(deadline) = order.row.deadline_at {
        decision.deadline_at = Some(after_business_days(deadline, policy.bank_transfer_business_days, &[]));
    }
    decision.payments.push(PaymentChange::Open {
        payment_id,
        provider: provider.to_owned(),
        method,
        amount,
        return_url: return_url.cloned(),
    });
    decision.events.push(Happened::PaymentOpened { payment_id, method, amount: order.money(amount) });
    decision.later.push(Later::AskPayment(payment_id));
    Ok(decision)
}

fn ship(order: &Order, carrier: &str, tracking_number: &str, now: Time) -> Result<Decision, Rejection> {
    let terms = order.terms.as_ref().ok_or(Rejection::Inconsistent("a funded order without a contract"))?;
    let days = i64::from(terms.transit_days).saturating_add(i64::from(terms.inspection_days));
    let inspect_until = after_days(now, days);
    let mut decision = Decision::unchanged(order);
    decision.status = OrderStatus::Shipped;
    decision.deadline_at = Some(inspect_until);
    decision.shipment = Some((carrier.to_owned(), tracking_number.to_owned()));
    decision.events.push(Happened::OrderShipped {
        carrier: carrier.to_owned(),
        tracking_number: tracking_number.to_owned(),
        inspect_until,
    });
    Ok(decision)
}

/// All that is held goes to the supplier, less our fee. The order is completed.
fn release(order: &Order, why: Happened, now: Time) -> Result<Decision, Rejection> {
    let split = Split::of(order)?;
    let mut decision = Decision::unchanged(order);
    decision.status = OrderStatus::Completed;
    decision.deadline_at = None;
    decision.completed_at = Some(now);
    decision.events.push(why);
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
    decision.events.push(Happened::FundsReleased {
        amount: order.money(order.row.held),
        fee: order.money(split.fee),
        to_supplier: order.money(split.to_supplier),
    });
    decision.events.push(Happened::OrderCompleted);
    decision.later.push(Later::RequestPayout);
    Ok(decision)
}

fn cancel(order: &Order) -> Result<Decision, Rejection> {
    let refunded = order.money(order.row.held);
    if order.status() == OrderStatus::Funded {
        end_unshipped(
            order,
            OrderStatus::Refunded,
            vec![Happened::OrderCancelled { refunded }, Happened::OrderRefunded { refunded }],
        )
    } else {
        end_unshipped(order, OrderStatus::Cancelled, vec![Happened::OrderCancelled { refunded }])
    }
}

/// Ends an order of which nothing was shipped: what is held goes back, payments are withdrawn, stock is given back.
fn end_unshipped(order: &Order, status: OrderStatus, events: Vec<Happened>) -> Result<Decision, Rejection> {
    let mut decision = Decision::unchanged(order);
    decision.status = status;
    decision.deadline_at = None;
    decision.events = events;
    if order.row.stock_reserved {
        decision.stock = Some(StockChange::GiveBack);
    }
    withdraw_open_payments(order, None, &mut decision);
    refund_all(order, &mut decision, "the order ended before it was shipped")?;
    Ok(decision)
}

/// Asks the providers to withdraw what is still open, except the payment that has just been paid.
pub(super) fn withdraw_open_payments(order: &Order, paid: Option<PaymentId>, decision: &mut Decision) {
    for payment in &order.payments {
        if payment.status == PaymentStatus::Pending && Some(payment.id) != paid {
            decision.later.push(Later::CancelPayment(payment.id));
        }
    }
}

/// Everything held goes back: split over the payments it came by, newest first, never more than each brought.
fn refund_all(order: &Order, decision: &mut Decision, reason: &'static str) -> Result<(), Rejection> {
    let mut left = order.row.held;
    for payment in order.payments.iter().rev() {
        let taken = payment
            .refunded
            .checked_add(payment.charged_back)
            .ok_or(Rejection::Inconsistent("an amount is too large"))?;
        let available = payment.captured.checked_sub(taken).ok_or(Rejection::Inconsistent("an amount is too large"))?;
        let amount = available.min(left);
        if !amount.is_positive() {
            continue;
        }
        left = left.checked_sub(amount).ok_or(Rejection::Inconsistent("more than what is held"))?;
        let refund = RefundRef::New(decision.refunds.len());
        let money = order.money(amount);
        decision.refunds.push(NewRefund {
            of: RefundOf::Payment(payment.id),
            provider: payment.provider.clone(),
            amount: money,
            reason,
            status: RefundStatus::Requested,
        });
        decision.payments.push(PaymentChange::Refund { payment_id: payment.id, amount });
        decision.post(Transfer {
            debit: Account::Escrow,
            credit: Account::Refund(refund),
            amount,
            currency: order.row.currency,
            cause: "refund.requested",
            movement: None,
        })?;
        decision.events.push(Happened::RefundRequested { amount: money, reason });
        decision.later.push(Later::SendRefund(refund));
    }
    if left.is_zero() { Ok(()) } else { Err(Rejection::Inconsistent("more is held than the payments brought")) }
}

fn leave_feedback(order: &Order, feedback: Feedback) -> Decision {
    let mut decision = Decision::unchanged(order);
    decision.events.push(Happened::FeedbackLeft {
        product_as_agreed: feedback.product_as_agreed,
        communication: feedback.communication,
        shipping_time: feedback.shipping_time,
    });
    decision.feedback = Some(feedback);
    decision
}

/// `now` is the moment of the deadline itself: the result doesn't depend on how late the worker is.
fn pass_deadline(order: &Order, now: Time, policy: &Policy) -> Result<Decision, Rejection> {
    let refunded = order.money(order.row.held);
    match order.status() {
        OrderStatus::DraftRequested | OrderStatus::AwaitingConfirmation | OrderStatus::AwaitingPayment => {
            end_unshipped(order, OrderStatus::Cancelled, vec![Happened::OrderLapsed { refunded }])
        }
        OrderStatus::Funded => {
            let refund_at = order.row.ship_by.map(|ship_by| after_days(ship_by, policy.overdue_days));
            if order.row.deadline_at < refund_at {
                let mut decision = Decision::unchanged(order);
                decision.deadline_at = refund_at;
                decision.events.push(Happened::ShipByPassed { refund_at });
                return Ok(decision);
            }
            end_unshipped(
                order,
                OrderStatus::Refunded,
                vec![Happened::OrderLapsed { refunded }, Happened::OrderRefunded { refunded }],
            )
        }
        OrderStatus::Shipped => release(order, Happened::InspectionEnded, now),
        OrderStatus::CancelRequested | OrderStatus::Disputed | OrderStatus::ReturnPending => {
            Err(Rejection::NotYetDecided(Action::PassDeadline))
        }
        OrderStatus::Completed | OrderStatus::Cancelled | OrderStatus::Refunded => {
            Err(Rejection::Inconsistent("an order that has ended has no deadline"))
        }
    }
}

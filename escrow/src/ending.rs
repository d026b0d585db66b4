//! How an order ends, and what has to be closed with it.

use entity::dispute::DisputeStatus;
use entity::payment::PaymentStatus;
use entity::{OrderStatus, PaymentId, Time};
use entity::{cancel_request, dispute as dispute_row};

use crate::clocks;
use crate::decision::{Decision, FollowUp, StockChange};
use crate::event::Event;
use crate::order::Order;
use crate::rejection::Rejection;
use crate::split::Split;
use crate::transfer::{Account, Transfer};

/// Nothing more happens to it by itself.
pub(crate) fn end(decision: &mut Decision, status: OrderStatus, now: Time) {
    decision.status = status;
    decision.paused = None;
    clocks::set(decision, now, None);
    if status == OrderStatus::Completed {
        decision.completed_at = Some(now);
    }
}

/// A cancel request or a dispute that is open has lost its object.
pub(crate) fn overtake(order: &Order, decision: &mut Decision, now: Time) {
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

/// Stock goes back if the goods have not left the supplier.
pub(crate) fn give_back_stock(order: &Order, decision: &mut Decision) {
    if order.row.stock_reserved && order.row.is_unshipped() {
        decision.stock = Some(StockChange::GiveBack);
    }
}

/// Asks the providers to withdraw what is still open, except the payment that has just been paid.
pub(crate) fn withdraw_open_payments(order: &Order, paid: Option<PaymentId>, decision: &mut Decision) {
    for payment in &order.payments {
        if payment.status == PaymentStatus::Pending && Some(payment.id) != paid {
            decision.follow_ups.push(FollowUp::CancelPayment(payment.id));
        }
    }
}

/// All that is held goes to the supplier, less our fee. The order is completed.
pub(crate) fn release(order: &Order, why: Event, now: Time) -> Result<Decision, Rejection> {
    let mut decision = Decision::unchanged(order);
    decision.events.push(why);
    release_rest(order, &mut decision, now)?;
    Ok(decision)
}

/// What is still held goes to the supplier, less our fee. The order is completed.
pub(crate) fn release_rest(order: &Order, decision: &mut Decision, now: Time) -> Result<(), Rejection> {
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

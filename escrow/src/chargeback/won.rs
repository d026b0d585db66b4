//! A chargeback that was won: the money goes back the way it came.

use entity::chargeback::{self, ChargebackStatus, Source};
use entity::payment::RefundWay;
use entity::receipt::ReceiptReason;
use entity::refund::{self, RefundStatus};
use entity::{MinorUnits, Money, OrderStatus, Time};

use crate::chargeback::closing::go_on;
use crate::chargeback::taking::{is_unsent, more, transfer};
use crate::decision::{Decision, FollowUp, NewReceipt, PaymentChange};
use crate::event::Event;
use crate::order::Order;
use crate::policy::Policy;
use crate::rejection::Rejection;
use crate::transfer::{Account, MovementPart, ReceiptRef, RefundRef, Transfer};

/// provider → chargeback where the money had been taken, and from there back the way it came.
pub(crate) fn won(
    order: &Order,
    mut row: chargeback::Model,
    movement: Option<&str>,
    decision: &mut Decision,
    now: Time,
    policy: &Policy,
) -> Result<(), Rejection> {
    let amount = Money::new(row.amount, row.currency);
    match movement {
        Some(movement) if !row.returned => {
            let (from, to) = (Account::Provider(row.provider.clone()), Account::Chargeback(row.id));
            let movement = Some(MovementPart::first(movement));
            decision.post(Transfer { movement, ..transfer(from, to, amount, "chargeback.won") })?;
            row.returned = true;
        }
        Some(movement) => {
            let problem = format!("chargeback {} was given back already, not by {movement}", row.reference);
            return Err(Rejection::Contradiction(problem));
        }
        // The provider has the money; it comes back with the notification of its movement.
        None if row.debited && !row.returned => return Ok(()),
        None => {}
    }
    if row.status == ChargebackStatus::Won {
        decision.chargeback = Some(row);
        return Ok(());
    }
    row.status = ChargebackStatus::Won;
    let before = decision.balances;
    for source in row.sources.0.clone() {
        give_back(order, &row, source, decision)?;
    }
    let to_held = more(order, decision.balances.held, before.held);
    let to_supplier = more(order, decision.balances.released, before.released);
    let chargeback_id = row.id;
    decision.events.push(if row.restore_by.is_some() {
        Event::PaymentRestored { chargeback_id, payment_id: row.payment_id, amount, to_held, to_supplier }
    } else if row.refund_id.is_some() {
        Event::LossRecovered { chargeback_id, amount }
    } else {
        Event::ChargebackWon { chargeback_id, amount, to_held, to_supplier }
    });
    if decision.balances.released > before.released {
        decision.follow_ups.push(FollowUp::RequestPayout);
    }
    decision.chargeback = Some(row);
    go_on(order, decision, now, policy)
}

pub(super) fn give_back(
    order: &Order,
    row: &chargeback::Model,
    source: Source,
    decision: &mut Decision,
) -> Result<(), Rejection> {
    let from = Account::Chargeback(row.id);
    let money = |amount| Money::new(amount, row.currency);
    let back = |decision: &mut Decision, to: Account, amount: MinorUnits| {
        decision.post(transfer(from.clone(), to, money(amount), "chargeback.won"))
    };
    match source {
        Source::Escrow { amount } => {
            let room = room(order, decision)?;
            let (to, part) = match decision.status {
                // It belongs to whom the bank awarded it; a cancelled order has no claim to it.
                OrderStatus::Cancelled => (Account::Escrow, MinorUnits::ZERO),
                OrderStatus::Completed | OrderStatus::Refunded => (Account::Supplier, amount.min(room)),
                OrderStatus::DraftRequested
                | OrderStatus::AwaitingConfirmation
                | OrderStatus::AwaitingPayment
                | OrderStatus::Funded
                | OrderStatus::Shipped
                | OrderStatus::CancelRequested
                | OrderStatus::Disputed
                | OrderStatus::ReturnPending => (Account::Escrow, amount.min(room)),
            };
            give_up(row, part, decision);
            back(decision, to, part)?;
            set_aside(order, row, money(amount.checked_sub(part).ok_or(Rejection::TOO_LARGE)?), decision)
        }
        Source::Supplier { amount } => {
            let part = amount.min(room(order, decision)?);
            give_up(row, part, decision);
            back(decision, Account::Supplier, part)?;
            set_aside(order, row, money(amount.checked_sub(part).ok_or(Rejection::TOO_LARGE)?), decision)
        }
        Source::Refund { refund_id, amount } => {
            let refund = order.refunds.iter().find(|refund| refund.id == refund_id);
            let refund = refund.ok_or(Rejection::Inconsistent("a refund of another order"))?;
            if !is_unsent(refund) && refund.status != RefundStatus::ChargedBack {
                // What was left of it is on its way already: this part is for an operator to send after it.
                return set_aside(order, row, money(amount), decision);
            }
            let way =
                order.payments.iter().find(|payment| payment.id == row.payment_id).map(|payment| payment.refund_way);
            let has_account = order.row.has_refund_account;
            decision.change_refund(refund, |row| give_back_to_refund(row, amount, way, has_account));
            back(decision, Account::Refund(RefundRef::Existing(refund_id)), amount)?;
            decision.follow_ups.push(FollowUp::SendRefund(RefundRef::Existing(refund_id)));
            Ok(())
        }
        Source::Unapplied { receipt_id, amount } => {
            let receipt = order.receipts.iter().find(|receipt| receipt.id == receipt_id);
            let receipt = receipt.ok_or(Rejection::Inconsistent("a receipt of another order"))?;
            decision.change_receipt(receipt, |row| row.charged_back.0 = row.charged_back.0.saturating_sub(amount.0));
            back(decision, Account::Unapplied(ReceiptRef::Existing(receipt_id)), amount)
        }
        Source::Loss { amount } => back(decision, Account::Loss, amount),
    }
}

/// What the order's total leaves open: a buyer who has paid again meanwhile has paid that part twice.
fn room(order: &Order, decision: &Decision) -> Result<MinorUnits, Rejection> {
    let arrived = decision.balances.captured.checked_sub(decision.balances.charged_back).ok_or(Rejection::TOO_LARGE)?;
    order.row.total.checked_sub(arrived).ok_or(Rejection::TOO_LARGE)
}

/// For an operator to settle: what the order, or the refund, has no more use for.
fn set_aside(order: &Order, row: &chargeback::Model, amount: Money, decision: &mut Decision) -> Result<(), Rejection> {
    if !amount.amount.is_positive() {
        return Ok(());
    }
    let receipt = ReceiptRef::New(decision.receipts.len());
    let (payment_id, reason) = (row.payment_id, ReceiptReason::ChargebackWon);
    // One may come back in several parts.
    let before = order.receipts.iter().filter(|receipt| receipt.reason == reason).count();
    let number = before.saturating_add(decision.receipts.len());
    decision.receipts.push(NewReceipt {
        payment_id,
        provider: row.provider.clone(),
        movement: format!("{}:chargeback_won:{}:{number}", row.provider, row.reference),
        reason,
        amount,
        refunded: MinorUnits::ZERO,
    });
    decision.post(transfer(Account::Chargeback(row.id), Account::Unapplied(receipt), amount, "chargeback.won"))?;
    decision.events.push(Event::FundsUnapplied { payment_id, amount, reason });
    Ok(())
}

fn give_up(row: &chargeback::Model, amount: MinorUnits, decision: &mut Decision) {
    if amount.is_positive() {
        decision.payments.push(PaymentChange::GiveUp { payment_id: row.payment_id, amount });
    }
}

fn give_back_to_refund(row: &mut refund::Model, amount: MinorUnits, way: Option<RefundWay>, has_account: bool) {
    row.charged_back.0 = row.charged_back.0.saturating_sub(amount.0);
    row.balance.0 = row.balance.0.saturating_add(amount.0);
    if row.status == RefundStatus::ChargedBack {
        row.status = match way {
            Some(RefundWay::ToOrigin | RefundWay::ToAccount | RefundWay::ByHand) | None if row.started_at.is_some() => {
                RefundStatus::ActionRequired
            }
            Some(RefundWay::ToOrigin) => RefundStatus::Requested,
            Some(RefundWay::ToAccount) if has_account => RefundStatus::Requested,
            Some(RefundWay::ToAccount) => RefundStatus::PayeeDetailsRequired,
            Some(RefundWay::ByHand) | None => RefundStatus::ActionRequired,
        };
    }
}

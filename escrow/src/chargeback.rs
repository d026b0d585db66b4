//! Chargebacks: a card company takes money back, and may give it up again. And transfers that bounce.
//!
//! `chargeback/<id>` is between where the money was and the provider. It is taken out of what is held; then out of what was
//! released (a supplier may go negative); then out of refunds that were not sent yet, and out of what is set aside; the
//! rest had gone back to the buyer already, and is the operator's loss. Never more of a payment than it brought.
//! Each stage is booked by itself, once, so that they may come in any order.

use entity::chargeback::{self, ChargebackStatus, Source, Sources};
use entity::payment::RefundWay;
use entity::receipt::ReceiptReason;
use entity::refund::{self, RefundStatus};
use entity::{ChargebackId, MinorUnits, Money, OrderStatus, PaymentId, Time, payment};

use super::decide::{end, overtake, with_terms, withdraw_open_payments};
use super::decision::{Account, Decision, FollowUp, NewReceipt, PaymentChange, ReceiptRef, RefundRef, Transfer};
use super::dispute::give_back_stock;
use super::provider_facts::{find_payment, fund};
use super::refund::refund_receipt;
use super::{ChargebackStage, Event, FrozenBy, Order, Policy, Rejection, calendar, clocks};

const TOO_LARGE: Rejection = Rejection::Inconsistent("an amount is too large");

/// What the provider reports of a chargeback or of a transfer that bounced.
pub(super) struct Claim<'a> {
    pub(super) chargeback_id: ChargebackId,
    pub(super) payment_id: PaymentId,
    pub(super) reference: &'a str,
    pub(super) amount: Money,
    pub(super) reason: &'a str,
}

pub(super) fn chargeback(
    order: &Order,
    claim: &Claim<'_>,
    stage: &ChargebackStage,
    now: Time,
    policy: &Policy,
) -> Result<Decision, Rejection> {
    let payment = find_payment(order, claim.payment_id)?;
    let mut decision = Decision::unchanged(order);
    let known =
        order.chargebacks.iter().find(|row| row.provider == payment.provider && row.reference == claim.reference);
    let row = match known {
        Some(row) if row.payment_id == payment.id && Money::new(row.amount, row.currency) == claim.amount => {
            row.clone()
        }
        Some(row) => {
            let before = Money::new(row.amount, row.currency);
            let problem = format!("chargeback {} was of {before} of {} before", row.reference, row.payment_id);
            return Err(Rejection::Contradiction(problem));
        }
        None => open(order, payment, claim, &mut decision, now)?,
    };
    match stage {
        ChargebackStage::Opened => {}
        ChargebackStage::Debited { movement } => debited(&row, movement, &mut decision)?,
        ChargebackStage::Won { movement } => won(order, row, movement.as_deref(), &mut decision, now, policy)?,
        ChargebackStage::Lost => lost(order, row, &mut decision, now, policy)?,
    }
    if let Some(row) = &mut decision.chargeback {
        row.updated_at = now;
    }
    Ok(decision)
}

fn open(
    order: &Order,
    payment: &payment::Model,
    claim: &Claim<'_>,
    decision: &mut Decision,
    now: Time,
) -> Result<chargeback::Model, Rejection> {
    let row = new_row(order, payment, claim, false, decision, now)?;
    let of = |wanted: fn(&Source) -> bool| {
        let parts = row.sources.0.iter().filter(|source| wanted(source));
        order.money(MinorUnits(parts.map(|source| source.amount().0).sum()))
    };
    let from_loss = of(|source| matches!(source, Source::Loss { .. }));
    decision.events.push(Event::ChargebackOpened {
        chargeback_id: row.id,
        payment_id: payment.id,
        amount: claim.amount,
        from_held: of(|source| matches!(source, Source::Escrow { .. })),
        from_supplier: of(|source| matches!(source, Source::Supplier { .. })),
        from_unsent: of(|source| matches!(source, Source::Refund { .. } | Source::Unapplied { .. })),
        from_loss,
        reason: claim.reason.to_owned(),
    });
    if from_loss.amount.is_positive() {
        decision.events.push(Event::LossIncurred { chargeback_id: row.id, amount: from_loss });
    }
    clocks::freeze(decision, now, FrozenBy::Chargeback);
    decision.chargeback = Some(row.clone());
    Ok(row)
}

/// Takes the money from where it is, into `chargeback/<id>`.
fn new_row(
    order: &Order,
    payment: &payment::Model,
    claim: &Claim<'_>,
    is_reversal: bool,
    decision: &mut Decision,
    now: Time,
) -> Result<chargeback::Model, Rejection> {
    check_brought(order, payment, claim.amount)?;
    let sources = take(order, payment, claim.amount.amount, decision)?;
    for source in &sources {
        let from = match source {
            Source::Escrow { .. } => Account::Escrow,
            Source::Supplier { .. } => Account::Supplier,
            Source::Refund { refund_id, .. } => Account::Refund(RefundRef::Existing(*refund_id)),
            Source::Unapplied { receipt_id, .. } => Account::Unapplied(ReceiptRef::Existing(*receipt_id)),
            Source::Loss { .. } => Account::Loss,
        };
        let to = Account::Chargeback(claim.chargeback_id);
        decision.post(transfer(from, to, Money::new(source.amount(), claim.amount.currency), "chargeback.opened"))?;
    }
    Ok(chargeback::Model {
        id: claim.chargeback_id,
        order_id: order.row.id,
        payment_id: payment.id,
        provider: payment.provider.clone(),
        reference: claim.reference.to_owned(),
        status: ChargebackStatus::Open,
        amount: claim.amount.amount,
        currency: claim.amount.currency,
        is_reversal,
        debited: false,
        returned: false,
        sources: Sources(sources),
        reason: claim.reason.to_owned(),
        created_at: now,
        updated_at: now,
    })
}

fn transfer(debit: Account, credit: Account, amount: Money, cause: &'static str) -> Transfer {
    Transfer { debit, credit, amount: amount.amount, currency: amount.currency, cause, movement: None }
}

/// Nobody can take back more than what came. If it has not come yet, the notification is early, and is tried again.
fn check_brought(order: &Order, payment: &payment::Model, amount: Money) -> Result<(), Rejection> {
    if amount.currency != payment.currency {
        let problem = format!("{amount} was taken back of a payment in {}", payment.currency);
        return Err(Rejection::Contradiction(problem));
    }
    let brought = brought(order, payment).ok_or(TOO_LARGE)?;
    if amount.amount <= brought {
        return Ok(());
    }
    if payment.status == payment::PaymentStatus::Pending {
        return Err(Rejection::Inconsistent("money is taken back that has not arrived yet"));
    }
    let brought = Money::new(brought, payment.currency);
    Err(Rejection::Contradiction(format!("{amount} was taken back of a payment that brought {brought}")))
}

/// What has come by a payment: applied, or set aside.
pub(super) fn brought(order: &Order, payment: &payment::Model) -> Option<MinorUnits> {
    let receipts = order.receipts.iter().filter(|receipt| {
        receipt.payment_id == Some(payment.id)
            && receipt.currency == payment.currency
            && receipt.reason != ReceiptReason::ChargebackWon
    });
    // What an operator has applied of it since is counted as captured.
    let mut aside = receipts.map(|receipt| receipt.amount.checked_sub(receipt.applied));
    aside.try_fold(payment.captured, |sum, amount| sum.checked_add(amount?))
}

fn take(
    order: &Order,
    payment: &payment::Model,
    amount: MinorUnits,
    decision: &mut Decision,
) -> Result<Vec<Source>, Rejection> {
    let mut taking = Taking { left: amount, sources: Vec::new() };
    let gone = payment.refunded.checked_add(payment.charged_back).ok_or(TOO_LARGE)?;
    let in_order = payment.captured.checked_sub(gone).ok_or(TOO_LARGE)?;
    let held = taking.upto(in_order.min(decision.balances.held), |amount| Source::Escrow { amount })?;
    let rest = in_order.checked_sub(held).ok_or(TOO_LARGE)?;
    let released = taking.upto(rest.min(decision.balances.released), |amount| Source::Supplier { amount })?;
    let charged_back = held.checked_add(released).ok_or(TOO_LARGE)?;
    if charged_back.is_positive() {
        decision.payments.push(PaymentChange::ChargeBack { payment_id: payment.id, amount: charged_back });
    }
    for refund in order.refunds.iter().filter(|refund| refund.payment_id == Some(payment.id)) {
        if refund.currency != payment.currency || !is_unsent(refund) {
            continue;
        }
        let part = taking.upto(refund.balance, |amount| Source::Refund { refund_id: refund.id, amount })?;
        if part.is_positive() {
            decision.change_refund(refund, |row| take_of_refund(row, part));
        }
    }
    for receipt in order.receipts.iter().filter(|receipt| receipt.payment_id == Some(payment.id)) {
        let left = receipt.left();
        if receipt.currency != payment.currency || receipt.reason == ReceiptReason::ChargebackWon {
            continue;
        }
        let part = taking.upto(left, |amount| Source::Unapplied { receipt_id: receipt.id, amount })?;
        if part.is_positive() {
            decision.change_receipt(receipt, |row| row.charged_back.0 = row.charged_back.0.saturating_add(part.0));
        }
    }
    let all = taking.left;
    taking.upto(all, |amount| Source::Loss { amount })?;
    Ok(taking.sources)
}

struct Taking {
    left: MinorUnits,
    sources: Vec<Source>,
}

impl Taking {
    fn upto(&mut self, most: MinorUnits, source: impl FnOnce(MinorUnits) -> Source) -> Result<MinorUnits, Rejection> {
        let part = self.left.min(most);
        if !part.is_positive() {
            return Ok(MinorUnits::ZERO);
        }
        self.left = self.left.checked_sub(part).ok_or(TOO_LARGE)?;
        self.sources.push(source(part));
        Ok(part)
    }
}

/// The money of it is with us: no provider has been asked, or it came back.
pub(super) fn is_unsent(refund: &refund::Model) -> bool {
    match refund.status {
        RefundStatus::Requested => refund.started_at.is_none(),
        RefundStatus::PayeeDetailsRequired | RefundStatus::ActionRequired | RefundStatus::ApprovalRequired => true,
        RefundStatus::Pending | RefundStatus::Succeeded | RefundStatus::ChargedBack => false,
    }
}

fn take_of_refund(row: &mut refund::Model, part: MinorUnits) {
    row.charged_back.0 = row.charged_back.0.saturating_add(part.0);
    row.balance.0 = row.balance.0.saturating_sub(part.0);
    if row.balance.is_zero() {
        row.status = RefundStatus::ChargedBack;
    }
}

/// A refund that did not go through: what a chargeback of its payment took as our loss, because the refund might have been
/// out, was none. It is taken out of the refund instead.
pub(super) fn make_good(order: &Order, refund: &refund::Model, decision: &mut Decision) -> Result<(), Rejection> {
    let of_payment = |row: &&chargeback::Model| {
        Some(row.payment_id) == refund.payment_id
            && row.currency == refund.currency
            && row.status != ChargebackStatus::Won
            && row.sources.0.iter().any(|source| matches!(source, Source::Loss { .. }))
    };
    let Some(row) = order.chargebacks.iter().find(of_payment) else { return Ok(()) };
    let balance = decision.refund_changes.iter().find(|known| known.id == refund.id).unwrap_or(refund).balance;
    let (mut sources, mut part) = (Vec::new(), MinorUnits::ZERO);
    for source in row.sources.0.clone() {
        let Source::Loss { amount } = source else {
            sources.push(source);
            continue;
        };
        part = amount.min(balance);
        let left = amount.checked_sub(part).ok_or(TOO_LARGE)?;
        if left.is_positive() {
            sources.push(Source::Loss { amount: left });
        }
    }
    if !part.is_positive() {
        return Ok(());
    }
    sources.push(Source::Refund { refund_id: refund.id, amount: part });
    let (chargeback, money) = (Account::Chargeback(row.id), Money::new(part, row.currency));
    let refund_account = Account::Refund(RefundRef::Existing(refund.id));
    decision.post(transfer(refund_account, chargeback.clone(), money, "chargeback.recovered"))?;
    decision.post(transfer(chargeback, Account::Loss, money, "chargeback.recovered"))?;
    decision.change_refund(refund, |row| take_of_refund(row, part));
    decision.chargeback = Some(chargeback::Model { sources: Sources(sources), ..row.clone() });
    Ok(())
}

/// chargeback → provider, once.
fn debited(row: &chargeback::Model, movement: &str, decision: &mut Decision) -> Result<(), Rejection> {
    if row.debited {
        // The write path knows a movement that is booked: this is another one.
        return Err(Rejection::Contradiction(format!(
            "chargeback {} was debited already, not by {movement}",
            row.reference
        )));
    }
    let amount = Money::new(row.amount, row.currency);
    let (from, to) = (Account::Chargeback(row.id), Account::Provider(row.provider.clone()));
    let movement = Some((movement.to_owned(), 0));
    decision.post(Transfer { movement, ..transfer(from, to, amount, "chargeback.debited") })?;
    decision.events.push(Event::ChargebackDebited { chargeback_id: row.id, amount });
    decision.chargeback = Some(chargeback::Model { debited: true, ..row.clone() });
    Ok(())
}

/// provider → chargeback where the money had been taken, and from there back the way it came.
fn won(
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
            let movement = Some((movement.to_owned(), 0));
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
    let more = |after: MinorUnits, before: MinorUnits| order.money(MinorUnits(after.0.saturating_sub(before.0).max(0)));
    decision.events.push(Event::ChargebackWon {
        chargeback_id: row.id,
        amount,
        to_held: more(decision.balances.held, before.held),
        to_supplier: more(decision.balances.released, before.released),
    });
    if decision.balances.released > before.released {
        decision.follow_ups.push(FollowUp::RequestPayout);
    }
    decision.chargeback = Some(row);
    go_on(order, decision, now, policy)
}

fn give_back(order: &Order, row: &chargeback::Model, source: Source, decision: &mut Decision) -> Result<(), Rejection> {
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
            set_aside(row, money(amount.checked_sub(part).ok_or(TOO_LARGE)?), decision)
        }
        Source::Supplier { amount } => {
            let part = amount.min(room(order, decision)?);
            give_up(row, part, decision);
            back(decision, Account::Supplier, part)?;
            set_aside(row, money(amount.checked_sub(part).ok_or(TOO_LARGE)?), decision)
        }
        Source::Refund { refund_id, amount } => {
            let refund = order.refunds.iter().find(|refund| refund.id == refund_id);
            let refund = refund.ok_or(Rejection::Inconsistent("a refund of another order"))?;
            if !is_unsent(refund) && refund.status != RefundStatus::ChargedBack {
                // What was left of it is on its way already: this part is for an operator to send after it.
                return set_aside(row, money(amount), decision);
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
    let arrived = decision.balances.captured.checked_sub(decision.balances.charged_back).ok_or(TOO_LARGE)?;
    order.row.total.checked_sub(arrived).ok_or(TOO_LARGE)
}

/// For an operator to settle: what the order, or the refund, has no more use for.
fn set_aside(row: &chargeback::Model, amount: Money, decision: &mut Decision) -> Result<(), Rejection> {
    if !amount.amount.is_positive() {
        return Ok(());
    }
    let receipt = ReceiptRef::New(decision.receipts.len());
    let (payment_id, reason) = (row.payment_id, ReceiptReason::ChargebackWon);
    decision.receipts.push(NewReceipt {
        payment_id,
        provider: row.provider.clone(),
        movement: format!("{}:chargeback_won:{}:{}", row.provider, row.reference, decision.receipts.len()),
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

/// The buyer keeps it. A bank that reports this after it had reported "won" changes nothing.
fn lost(
    order: &Order,
    row: chargeback::Model,
    decision: &mut Decision,
    now: Time,
    policy: &Policy,
) -> Result<(), Rejection> {
    if row.status != ChargebackStatus::Open {
        return Ok(());
    }
    let amount = Money::new(row.amount, row.currency);
    decision.events.push(Event::ChargebackLost { chargeback_id: row.id, amount });
    for source in &row.sources.0 {
        if let Source::Refund { amount, .. } = source {
            decision.events.push(Event::RefundChargedBack { amount: Money::new(*amount, row.currency) });
        }
    }
    decision.chargeback = Some(chargeback::Model { status: ChargebackStatus::Lost, ..row });
    go_on(order, decision, now, policy)
}

/// Once the last open chargeback is settled: the order is thawed, and ends if nothing is left held.
fn go_on(order: &Order, decision: &mut Decision, now: Time, policy: &Policy) -> Result<(), Rejection> {
    let this = decision.chargeback.as_ref().map(|row| row.id);
    let others = order.chargebacks.iter().filter(|row| Some(row.id) != this);
    if others.into_iter().any(|row| row.status == ChargebackStatus::Open) {
        return Ok(());
    }
    if !decision.frozen_by_operator {
        if decision.frozen_at.is_none() {
            // Won after it was lost: what it gives back of money that is set aside goes on, as when it is thawed.
            for receipt in &order.receipts {
                refund_receipt(order, receipt, decision, now, policy)?;
            }
        }
        clocks::thaw(order, decision, now, policy)?;
    }
    let nothing_held = decision.balances.held.is_zero();
    if is_under_way(decision.status) && nothing_held {
        end_empty(order, decision, OrderStatus::Refunded, now);
    } else if decision.status == OrderStatus::AwaitingPayment {
        if order.due_after(decision.balances).is_zero() {
            fund(order, None, now, decision)?;
        } else if nothing_held && took_it_all(decision) {
            end_empty(order, decision, OrderStatus::Cancelled, now);
        }
    }
    Ok(())
}

/// The buyer got back by this chargeback what had been paid of an order that waits for its money.
fn took_it_all(decision: &Decision) -> bool {
    decision.chargeback.as_ref().is_some_and(|row| {
        let of_held = row.sources.0.iter().any(|source| matches!(source, Source::Escrow { .. }));
        row.status == ChargebackStatus::Lost && of_held
    })
}

/// The whole money is held, and nobody has it yet.
fn is_under_way(status: OrderStatus) -> bool {
    match status {
        OrderStatus::Funded
        | OrderStatus::Shipped
        | OrderStatus::CancelRequested
        | OrderStatus::Disputed
        | OrderStatus::ReturnPending => true,
        OrderStatus::DraftRequested
        | OrderStatus::AwaitingConfirmation
        | OrderStatus::AwaitingPayment
        | OrderStatus::Completed
        | OrderStatus::Cancelled
        | OrderStatus::Refunded => false,
    }
}

fn end_empty(order: &Order, decision: &mut Decision, status: OrderStatus, now: Time) {
    overtake(order, decision, now);
    give_back_stock(order, decision);
    withdraw_open_payments(order, None, decision);
    end(decision, status, now);
    let refunded = order.money(decision.balances.refunded);
    decision.events.push(if status == OrderStatus::Cancelled {
        Event::OrderCancelled { refunded }
    } else {
        Event::OrderRefunded { refunded }
    });
}

/// A chargeback, opened and lost at once, that freezes nothing. Before anything was shipped the order waits for its money again.
pub(super) fn reverse(order: &Order, claim: &Claim<'_>, movement: &str, now: Time) -> Result<Decision, Rejection> {
    let payment = find_payment(order, claim.payment_id)?;
    let mut decision = Decision::unchanged(order);
    let row = new_row(order, payment, claim, true, &mut decision, now)?;
    let (from, to) = (Account::Chargeback(row.id), Account::Provider(row.provider.clone()));
    let movement = Some((movement.to_owned(), 0));
    decision.post(Transfer { movement, ..transfer(from, to, claim.amount, "payment.reversed") })?;
    decision.events.push(Event::PaymentReversed {
        chargeback_id: row.id,
        payment_id: payment.id,
        amount: claim.amount,
        reason: claim.reason.to_owned(),
    });
    let loss = row.sources.0.iter().filter(|source| matches!(source, Source::Loss { .. }));
    let loss = MinorUnits(loss.map(|source| source.amount().0).sum());
    if loss.is_positive() {
        let amount = Money::new(loss, claim.amount.currency);
        decision.events.push(Event::LossIncurred { chargeback_id: row.id, amount });
    }
    decision.chargeback = Some(chargeback::Model { status: ChargebackStatus::Lost, debited: true, ..row });
    if is_under_way(order.status()) {
        // What bounced may have been a surplus: then the order has all of its money still.
        let took_held = decision.balances.held < order.row.held;
        if order.row.is_unshipped() {
            if took_held {
                wait_for_money_again(order, &mut decision, now)?;
            }
        } else if decision.balances.held.is_zero() && !order.has_open_chargeback() {
            end_empty(order, &mut decision, OrderStatus::Refunded, now);
        }
    }
    Ok(decision)
}

fn wait_for_money_again(order: &Order, decision: &mut Decision, now: Time) -> Result<(), Rejection> {
    let deadline = calendar::after_days(now, i64::from(with_terms(order)?.deadlines.payment_days));
    overtake(order, decision, now);
    decision.status = OrderStatus::AwaitingPayment;
    decision.paused = None;
    decision.ship_by = None;
    clocks::set(decision, now, Some(deadline));
    // A clock that was set while the order is frozen has its whole length when it is thawed.
    decision.frozen_at = decision.frozen_at.map(|_since| now);
    let due = order.money(order.due_after(decision.balances));
    decision.events.push(Event::OrderUnfunded { due, deadline });
    Ok(())
}

//! What the write path would make of a decision.

use super::*;

/// What the write path would make of a decision.
pub(super) fn after(mut order: Order, decision: Decision, number: &mut u128, at: Time) -> Order {
    let timer_at = decision.timer_at();
    let row = &mut order.row;
    (row.status, row.deadline_at, row.remind_at, row.ship_by, row.completed_at) =
        (decision.status, decision.deadline_at, decision.remind_at, decision.ship_by, decision.completed_at);
    (row.frozen_at, row.frozen_by_operator, row.timer_at) = (decision.frozen_at, decision.frozen_by_operator, timer_at);
    row.paused_status = decision.paused.map(|paused| paused.status);
    row.paused_at = decision.paused.map(|paused| paused.since);
    row.paused_deadline_at = decision.paused.and_then(|paused| paused.deadline_at);
    (row.cancel_asked_funded, row.cancel_asked_shipped) = (decision.cancel_asked_funded, decision.cancel_asked_shipped);
    let balances = decision.balances;
    (row.captured, row.held, row.released, row.refunded, row.charged_back) =
        (balances.captured, balances.held, balances.released, balances.refunded, balances.charged_back);
    row.updated_at = at;
    if let Some(NewContract { terms, .. }) = decision.contract {
        row.contract_version += 1;
        row.total = terms.total;
        order.terms = Some(terms);
    }
    row.has_refund_account |= decision.refund_account.is_some();
    after_payments(&mut order, decision.payments);
    after_money(&mut order, &decision.receipts, &decision.refunds, (number, at));
    for change in decision.refund_changes {
        let known = order.refunds.iter_mut().find(|refund| refund.id == change.id).expect("known");
        *known = change;
    }
    for change in decision.receipt_changes {
        match order.receipts.iter_mut().find(|receipt| receipt.id == change.id) {
            Some(known) => *known = change,
            // It was of no order until now.
            None => order.receipts.push(change),
        }
    }
    after_dispute(
        order,
        decision.cancel_request,
        decision.dispute,
        decision.proposal,
        decision.chargeback,
        decision.feedback,
    )
}

fn after_money(
    order: &mut Order,
    new_receipts: &[NewReceipt],
    new_refunds: &[NewRefund],
    (number, at): (&mut u128, Time),
) {
    let mut receipts = Vec::new();
    for new in new_receipts {
        *number += 1;
        receipts.push(entity::ReceiptId(Uuid::from_u128(*number)));
        order.receipts.push(entity::receipt::Model {
            id: entity::ReceiptId(Uuid::from_u128(*number)),
            provider: new.provider.clone(),
            movement: new.movement.clone(),
            order_id: Some(order.row.id),
            payment_id: Some(new.payment_id),
            reason: new.reason,
            amount: new.amount.amount,
            currency: new.amount.currency,
            refunded: new.refunded,
            charged_back: MinorUnits::ZERO,
            applied: MinorUnits::ZERO,
            encrypted_remitter: None,
            created_at: at,
        });
    }
    for new in new_refunds {
        *number += 1;
        let amount = new.amount.amount;
        let (payment_id, receipt_id) = match new.of {
            RefundOf::Payment(id) => (id, None),
            RefundOf::Receipt { receipt: ReceiptRef::New(index), payment_id } => (payment_id, Some(receipts[index])),
            RefundOf::Receipt { receipt: ReceiptRef::Existing(id), payment_id } => (payment_id, Some(id)),
        };
        order.refunds.push(refund::Model {
            id: RefundId(Uuid::from_u128(*number)),
            payment_id: Some(payment_id),
            receipt_id,
            amount,
            balance: amount,
            status: new.status,
            started_at: None,
            ..open_refund()
        });
    }
}

fn after_payments(order: &mut Order, changes: Vec<PaymentChange>) {
    fn of(order: &mut Order, id: PaymentId) -> &mut payment::Model {
        order.payments.iter_mut().find(|payment| payment.id == id).expect("known")
    }
    for change in changes {
        match change {
            PaymentChange::Open { new, amount } => {
                order.payments.push(payment::Model { id: new.payment_id, method: new.method, ..payment(0, amount.0) });
            }
            PaymentChange::Replace { payment_id, by } => of(order, payment_id).replaced_by = Some(by),
            PaymentChange::Capture { payment_id, applied, complete } => {
                let paid = of(order, payment_id);
                paid.captured.0 += applied.0;
                if complete {
                    paid.status = PaymentStatus::Captured;
                }
            }
            PaymentChange::End { payment_id, status, .. } => of(order, payment_id).status = status,
            PaymentChange::Refund { payment_id, amount } => of(order, payment_id).refunded.0 += amount.0,
            PaymentChange::ChargeBack { payment_id, amount } => of(order, payment_id).charged_back.0 += amount.0,
            PaymentChange::GiveUp { payment_id, amount } => of(order, payment_id).charged_back.0 -= amount.0,
        }
    }
}

fn after_dispute(
    mut order: Order,
    request: Option<cancel_request::Model>,
    dispute: Option<dispute::Model>,
    proposal: Option<proposal::Model>,
    chargeback: Option<entity::chargeback::Model>,
    feedback: Option<entity::feedback::Model>,
) -> Order {
    if let Some(request) = request {
        order.cancel_request = Some(request);
    }
    // As the write path loads them: only while they matter.
    order.cancel_request = order.cancel_request.filter(|_| order.row.status == OrderStatus::CancelRequested);
    if let Some(dispute) = dispute {
        if order.dispute.is_none() {
            order.row.disputes += 1;
        }
        order.dispute = Some(dispute);
    }
    let is_disputed = matches!(order.row.status, OrderStatus::Disputed | OrderStatus::ReturnPending);
    order.dispute = order.dispute.filter(|_| is_disputed);
    order.proposals.extend(proposal);
    order.proposals.retain(|_| is_disputed);
    if let Some(chargeback) = chargeback {
        match order.chargebacks.iter_mut().find(|row| row.id == chargeback.id) {
            Some(known) => *known = chargeback,
            None => {
                order.row.chargebacks += 1;
                order.chargebacks.push(chargeback);
            }
        }
    }
    order.feedback = feedback.or(order.feedback);
    order
}

//! An order in every status, with what belongs to it.

use super::*;

pub(super) fn terms() -> Terms {
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

pub(super) fn payment(number: u128, amount: i64) -> payment::Model {
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
        bank_charges: MinorUnits(0),
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
pub(super) fn order(status: OrderStatus) -> Order {
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

pub(super) fn open_request() -> cancel_request::Model {
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
pub(super) fn open_dispute(status: OrderStatus) -> dispute::Model {
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

pub(super) fn offer(id: u128, side: Side, amount: i64) -> proposal::Model {
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

pub(super) fn open_refund() -> refund::Model {
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
        lost: MinorUnits::ZERO,
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

/// Money that could not be applied, of an order or of none.
pub(super) fn set_aside(number: u128, amount: i64, of: Option<(OrderId, PaymentId)>) -> entity::receipt::Model {
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

//! Payments, receipts, refunds, chargebacks, payouts, and the ledger they are posted to.

use sea_orm_migration::prelude::*;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m20261122_000003_money"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::script::run(manager, UP).await?;
        crate::script::append_only(manager, "transfer", None).await
    }

    /// SQLite wraps a step in a transaction only when asked to.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

const UP: &str = r"
create table payment (
    id {uuid} primary key not null,
    order_id {uuid} not null references orders (id),
    provider text not null,
    reference text not null,
    method text not null check (method in ('VISA', 'MASTERCARD', 'MAESTRO', 'BANK_TRANSFER', 'WESTERN_UNION', 'QIWI', 'WEBMONEY',
        'YANDEX', 'TEF', 'ALIPAY')),
    status text not null check (status in ('PENDING', 'CAPTURED', 'FAILED', 'EXPIRED', 'CANCELLED')),
    refund_by text not null,
    refund_way text not null check (refund_way in ('TO_ORIGIN', 'TO_ACCOUNT', 'BY_HAND')),
    refund_days {int} not null check (refund_days > 0),
    takes_parts {bool} not null,
    amount {bigint} not null check (amount > 0),
    currency text not null check (length(currency) = 3),
    captured {bigint} not null check (captured >= 0),
    refunded {bigint} not null check (refunded >= 0),
    charged_back {bigint} not null check (charged_back >= 0),
    provider_reference text,
    opened_at {time},
    encrypted_payer text,
    next_action {json},
    return_url text,
    failure text,
    expires_at {time},
    replaced_by {uuid},
    created_at {time} not null,
    updated_at {time} not null,
    unique (provider, reference),
    check (refunded + charged_back <= captured)
){strict}
---
create index payment_order on payment (order_id)
---
create unique index payment_provider_reference on payment (provider, provider_reference) where provider_reference is not null
---
create unique index payment_one_open_per_method on payment (order_id, method)
    where status = 'PENDING' and replaced_by is null
---
create table receipt (
    id {uuid} primary key not null,
    provider text not null,
    movement text not null,
    order_id {uuid} references orders (id),
    payment_id {uuid} references payment (id),
    reason text not null check (reason in ('ORDER_NOT_OPEN', 'OVERPAID', 'WRONG_CURRENCY', 'WRONG_AMOUNT', 'UNKNOWN_REFERENCE',
        'CHARGEBACK_WON')),
    amount {bigint} not null check (amount > 0),
    currency text not null check (length(currency) = 3),
    refunded {bigint} not null check (refunded >= 0),
    charged_back {bigint} not null check (charged_back >= 0),
    applied {bigint} not null check (applied >= 0),
    encrypted_remitter text,
    created_at {time} not null,
    unique (provider, movement),
    check (refunded + charged_back + applied <= amount)
){strict}
---
create index receipt_order on receipt (order_id)
---
create table refund (
    id {uuid} primary key not null,
    order_id {uuid} references orders (id),
    payment_id {uuid} references payment (id),
    receipt_id {uuid} references receipt (id),
    provider text not null,
    reference text not null unique,
    status text not null check (status in ('REQUESTED', 'PAYEE_DETAILS_REQUIRED', 'PENDING', 'SUCCEEDED', 'ACTION_REQUIRED', 'APPROVAL_REQUIRED',
        'CHARGED_BACK')),
    amount {bigint} not null check (amount > 0),
    currency text not null check (length(currency) = 3),
    charged_back {bigint} not null check (charged_back >= 0),
    balance {bigint} not null check (balance >= 0 and balance <= amount - charged_back),
    provider_reference text,
    encrypted_payee text,
    reason text not null,
    failure text,
    started_at {time},
    requested_by {uuid} references operator (id),
    approved_by {uuid} references operator (id),
    expected_by {time},
    created_at {time} not null,
    updated_at {time} not null,
    check ((status in ('SUCCEEDED', 'CHARGED_BACK')) = (balance = 0)),
    check (approved_by is null or approved_by <> requested_by),
    check (receipt_id is not null or (payment_id is not null and order_id is not null))
){strict}
---
create index refund_order on refund (order_id)
---
create table chargeback (
    id {uuid} primary key not null,
    order_id {uuid} not null references orders (id),
    payment_id {uuid} not null references payment (id),
    provider text not null,
    reference text not null,
    status text not null check (status in ('OPEN', 'WON', 'LOST')),
    amount {bigint} not null check (amount > 0),
    currency text not null check (length(currency) = 3),
    is_reversal {bool} not null,
    debited {bool} not null,
    returned {bool} not null,
    sources {json} not null,
    reason text not null,
    created_at {time} not null,
    updated_at {time} not null,
    unique (provider, reference)
){strict}
---
create index chargeback_order on chargeback (order_id)
---
create table payout_account (
    id {uuid} primary key not null,
    supplier_id {uuid} not null references supplier (id),
    encrypted_details text not null,
    mask text not null,
    active_from {time} not null,
    created_at {time} not null
){strict}
---
create index payout_account_supplier on payout_account (supplier_id, id)
---
create table payout (
    id {uuid} primary key not null,
    supplier_id {uuid} not null references supplier (id),
    payout_account_id {uuid} not null references payout_account (id),
    provider text not null,
    reference text not null unique,
    status text not null check (status in ('REQUESTED', 'PENDING', 'PAID', 'FAILED', 'RETURNED', 'ACTION_REQUIRED',
        'APPROVAL_REQUIRED')),
    amount {bigint} not null check (amount > 0),
    currency text not null check (length(currency) = 3),
    balance {bigint} not null check (balance >= 0 and balance <= amount),
    provider_reference text,
    failure text,
    requested_by {uuid} references operator (id),
    approved_by {uuid} references operator (id),
    created_at {time} not null,
    updated_at {time} not null,
    check ((status in ('PAID', 'FAILED', 'RETURNED')) = (balance = 0)),
    check (approved_by is null or approved_by <> requested_by)
){strict}
---
create index payout_supplier on payout (supplier_id, id)
---
create table transfer (
    id {uuid} primary key not null,
    debit text not null,
    credit text not null,
    amount {bigint} not null check (amount > 0),
    currency text not null check (length(currency) = 3),
    cause text not null,
    order_id {uuid} references orders (id),
    movement text,
    movement_part {int} not null check (movement_part in (0, 1)),
    created_at {time} not null,
    check (debit <> credit),
    unique (movement, movement_part)
){strict}
---
create index transfer_order on transfer (order_id)
---
create index transfer_debit on transfer (debit, currency)
---
create index transfer_credit on transfer (credit, currency)";

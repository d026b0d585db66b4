//! What operators book by hand, and what is left when less comes back than was sent.

use sea_orm_migration::prelude::*;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m20261201_000014_ways_out"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::script::run(manager, UP).await
    }

    /// SQLite wraps a step in a transaction only when asked to.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

const UP: &str = r"
create table hand_booking (
    id {uuid} primary key not null,
    notification_id {uuid} references notification (id),
    break_id {uuid} references reconciliation_break (id),
    provider text not null,
    kind text not null check (kind in ('CAPTURE', 'SET_ASIDE', 'REFUND_SUCCEEDED', 'REFUND_FAILED', 'REFUND_RETURNED',
        'PAYOUT_PAID', 'PAYOUT_FAILED', 'PAYOUT_RETURNED', 'CHARGEBACK_OPENED', 'CHARGEBACK_DEBITED', 'CHARGEBACK_WON',
        'CHARGEBACK_LOST', 'PAYMENT_REVERSED', 'FEE', 'OTHER_CREDIT', 'OTHER_DEBIT', 'REVERSED', 'ADJUSTED_AS_FEE',
        'ADJUSTED_AS_OTHER', 'ACCEPTED')),
    amount {bigint} check (amount > 0),
    currency text check (length(currency) = 3),
    movement text,
    payment_id {uuid} references payment (id),
    refund_id {uuid} references refund (id),
    payout_id {uuid} references payout (id),
    chargeback_reference text,
    settles {bool} not null,
    reason text not null,
    status text not null check (status in ('REQUESTED', 'APPROVED', 'BOOKED', 'FAILED', 'REJECTED')),
    failure text,
    requested_by {uuid} not null references operator (id),
    approved_by {uuid} references operator (id),
    created_at {time} not null,
    updated_at {time} not null,
    check ((notification_id is null) <> (break_id is null)),
    check ((amount is null) = (currency is null)),
    check (approved_by is null or approved_by <> requested_by),
    check ((status in ('APPROVED', 'BOOKED', 'FAILED')) = (approved_by is not null))
){strict}
---
create unique index hand_booking_movement on hand_booking (movement) where status in ('APPROVED', 'BOOKED')
---
create index hand_booking_notification on hand_booking (notification_id)
---
create index hand_booking_break on hand_booking (break_id)
---
create index hand_booking_open on hand_booking (id) where status in ('REQUESTED', 'APPROVED')
---
alter table notification add column settled text check (settled in ('BOOKED', 'DISMISSED'))
---
alter table notification add column settled_reason text
---
alter table notification add column settled_by {uuid} references operator (id)
---
alter table notification add column settled_at {time}
---
alter table reconciliation_break add column settled_by {uuid} references hand_booking (id)
---
alter table refund add column lost {bigint} not null default 0 check (lost >= 0)
---
alter table payout add column lost {bigint} not null default 0 check (lost >= 0)
---
create table refund_attempt (
    reference text primary key not null,
    refund_id {uuid} not null references refund (id),
    created_at {time} not null
){strict}";

//! Bookings at banks: every line as it was reported, which booking it is, and the statements with their balances.

use sea_orm_migration::prelude::*;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m20261201_000009_bank_bookings"
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
create table bank_book (
    provider text not null,
    account text not null,
    currency text not null check (length(currency) = 3),
    created_at {time} not null,
    primary key (provider, account, currency)
){strict}
---
create table bank_statement (
    id {uuid} primary key not null,
    provider text not null,
    account text not null,
    currency text not null check (length(currency) = 3),
    name text not null,
    day text not null check (length(day) = 10),
    opening {bigint},
    closing {bigint} not null,
    moved {bigint} not null,
    identity text not null,
    created_at {time} not null,
    unique (provider, identity)
){strict}
---
create index bank_statement_day on bank_statement (provider, account, currency, day)
---
create table bank_booking (
    id {uuid} primary key not null,
    provider text not null,
    account text not null,
    currency text not null check (length(currency) = 3),
    is_credit {bool} not null,
    is_reversal {bool} not null,
    amount {bigint} not null check (amount > 0),
    kind text not null,
    movement text not null,
    parent_id {uuid} references bank_booking (id),
    is_sum {bool} not null,
    untold {bigint} not null check (untold >= 0 and untold <= amount),
    statement_id {uuid} references bank_statement (id),
    day text not null check (length(day) = 10),
    created_at {time} not null,
    unique (provider, movement)
){strict}
---
create index bank_booking_day on bank_booking (provider, account, currency, day)
---
create index bank_booking_statement on bank_booking (statement_id)
---
create table bank_line (
    id {uuid} primary key not null,
    provider text not null,
    account text not null,
    currency text not null check (length(currency) = 3),
    file text not null,
    report {int} not null,
    entry {int} not null,
    part {int} not null,
    is_transfer {bool} not null,
    statement_id {uuid} references bank_statement (id),
    is_credit {bool} not null,
    amount {bigint} not null check (amount > 0),
    charges {bigint} not null check (charges >= 0 and charges < amount),
    placed text not null check (placed in ('NEW', 'KNOWN', 'PART_OF', 'SUM_OF', 'DIFFERS', 'REPEATED', 'UNCLEAR')),
    encrypted_marks text not null,
    created_at {time} not null,
    unique (provider, file, report, entry, part)
){strict}
---
create table bank_line_booking (
    line_id {uuid} not null references bank_line (id),
    booking_id {uuid} not null references bank_booking (id),
    primary key (line_id, booking_id)
){strict}
---
create index bank_line_booking_booking on bank_line_booking (booking_id)";

//! The inbox of notifications, idempotency keys, jobs, and the simulated bank's books.

use sea_orm_migration::prelude::*;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m20261122_000004_work"
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
create table notification (
    id {uuid} primary key not null,
    provider text not null,
    event_id text not null,
    body {bytes} not null,
    content_hash text not null,
    status text not null check (status in ('RECEIVED', 'APPLIED', 'QUARANTINED')),
    reason text,
    received_at {time} not null,
    heard_at {time} not null,
    failures {int} not null,
    applied_at {time},
    unique (provider, event_id)
){strict}
---
create index notification_open on notification (status, id) where status <> 'APPLIED'
---
create table idempotency (
    principal text not null,
    key text not null,
    mutation text not null,
    input_hash text not null,
    result text not null,
    created_at {time} not null,
    primary key (principal, key)
){strict}
---
create index idempotency_age on idempotency (created_at)
---
create table job (
    id {uuid} primary key not null,
    kind text not null,
    payload {json} not null,
    run_at {time} not null,
    attempts {int} not null,
    leased_until {time},
    last_error text,
    created_at {time} not null
){strict}
---
create index job_due on job (run_at)
---
create table sandbox_movement (
    id {uuid} primary key not null,
    kind text not null check (kind in ('PAYMENT', 'REFUND', 'PAYOUT', 'TRANSFER', 'UNMATCHED', 'CHARGEBACK', 'REVERSAL')),
    reference text not null,
    status text not null check (status in
        ('OPEN', 'SETTLING', 'SUCCEEDED', 'DECLINED', 'CANCELLED', 'EXPIRED', 'DEBITED', 'WON', 'LOST')),
    amount {bigint} not null check (amount > 0),
    currency text not null,
    original_id {uuid} references sandbox_movement (id),
    description text not null,
    reason text,
    debited {bool} not null,
    notification_url text not null,
    return_url text,
    created_at {time} not null,
    updated_at {time} not null,
    unique (kind, reference)
){strict}
---
create index sandbox_movement_original on sandbox_movement (original_id)";

//! Webhooks out: endpoints of storefronts, what is on its way to them, and each attempt.

use sea_orm_migration::prelude::*;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m20261123_000008_webhooks"
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
create table webhook_endpoint (
    id {uuid} primary key not null,
    storefront_id {uuid} not null references storefront (id),
    url text not null,
    description text,
    event_types {json} not null,
    status text not null check (status in ('ENABLED', 'DISABLED')),
    disabled_reason text,
    disabled_at {time},
    encrypted_secrets text,
    previous_secret_expires_at {time},
    created_at {time} not null,
    updated_at {time} not null,
    deleted_at {time},
    check (deleted_at is null or (status = 'DISABLED' and encrypted_secrets is null))
){strict}
---
create index webhook_endpoint_storefront on webhook_endpoint (storefront_id, id)
---
create index webhook_endpoint_status on webhook_endpoint (status, id)
---
create table webhook_delivery (
    id {uuid} primary key not null,
    endpoint_id {uuid} not null references webhook_endpoint (id),
    storefront_id {uuid} not null references storefront (id),
    event_id {uuid} not null,
    kind text not null,
    order_id {uuid} references orders (id),
    sequence {bigint} not null check (sequence >= 0),
    status text not null check (status in ('WAITING', 'PENDING', 'SUCCEEDED', 'FAILED', 'DISCARDED')),
    attempts {int} not null check (attempts >= 0),
    next_attempt_at {time},
    leased_until {time},
    replay {bool} not null,
    test {bool} not null,
    created_at {time} not null,
    completed_at {time},
    check ((status in ('WAITING', 'PENDING')) = (next_attempt_at is not null)),
    check ((status in ('WAITING', 'PENDING')) = (completed_at is null))
){strict}
---
create index webhook_delivery_due on webhook_delivery (endpoint_id, status, next_attempt_at)
---
create index webhook_delivery_in_order on webhook_delivery (order_id, endpoint_id, sequence)
---
create index webhook_delivery_endpoint on webhook_delivery (endpoint_id, id)
---
create index webhook_delivery_storefront on webhook_delivery (storefront_id, id)
---
create index webhook_delivery_event on webhook_delivery (event_id)
---
create index webhook_delivery_completed on webhook_delivery (completed_at)
---
create table webhook_attempt (
    delivery_id {uuid} not null references webhook_delivery (id),
    number {int} not null check (number > 0),
    attempted_at {time} not null,
    signed_at {time} not null,
    duration_ms {int} not null,
    url text not null,
    status_code {int},
    response_headers {json} not null,
    response_body text,
    error text,
    primary key (delivery_id, number)
){strict}
---
create index event_occurred on event (occurred_at, order_id)";

//! Failures that a provider may mend by itself: what it stated of a capture or a refund, each time; and until when a capture that
//! failed may be restored.

use sea_orm_migration::prelude::*;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m20261201_000012_suspended"
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
alter table chargeback add column restore_by {time}
---
alter table chargeback add column refund_id {uuid} references refund (id)
---
create index chargeback_refund on chargeback (refund_id) where refund_id is not null
---
create table standing (
    id {uuid} primary key not null,
    payment_id {uuid} not null references payment (id),
    refund_id {uuid} references refund (id),
    stands text not null check (stands in ('GOOD', 'FAILED', 'REFUSED', 'WITHDRAWN')),
    reference text not null,
    original text not null,
    stated_at text not null,
    movement text not null,
    amount {bigint} not null,
    currency text not null check (length(currency) = 3),
    restore_by {time},
    reason text not null,
    created_at {time} not null
){strict}
---
create unique index standing_of_payment on standing (payment_id, stands, reference, stated_at) where refund_id is null
---
create unique index standing_of_refund on standing (refund_id, stands, reference, stated_at) where refund_id is not null
---
create index standing_payment on standing (payment_id, id)";

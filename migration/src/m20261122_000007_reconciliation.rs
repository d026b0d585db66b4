//! Providers' statements, and where they and our books don't agree.

use sea_orm_migration::prelude::*;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m20261122_000007_reconciliation"
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
create table statement_line (
    provider text not null,
    kind text not null,
    movement text not null,
    reference text,
    amount {bigint} not null check (amount > 0),
    currency text not null check (length(currency) = 3),
    day text not null check (length(day) = 10),
    created_at {time} not null,
    primary key (provider, kind, movement)
){strict}
---
create index statement_line_day on statement_line (provider, currency, day)
---
create table reconciliation (
    provider text not null,
    day text not null check (length(day) = 10),
    created_at {time} not null,
    primary key (provider, day)
){strict}
---
create table reconciliation_break (
    id {uuid} primary key not null,
    provider text not null,
    day text not null check (length(day) = 10),
    kind text not null check (kind in ('MISSING_HERE', 'MISSING_THERE', 'AMOUNT_DIFFERS', 'NO_STATEMENT', 'BOOKS_DIFFER')),
    subject text not null,
    ours {bigint},
    theirs {bigint},
    currency text check (length(currency) = 3),
    detail text not null,
    found_at {time} not null,
    resolved_at {time},
    unique (provider, kind, subject)
){strict}
---
create index reconciliation_break_open on reconciliation_break (provider, id) where resolved_at is null
---
create index transfer_created on transfer (created_at)";

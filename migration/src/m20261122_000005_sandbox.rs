//! Where the sandbox's business time stands: one row, which every node of the installation reads.

use sea_orm_migration::prelude::*;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m20261122_000005_sandbox"
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
create table sandbox_clock (
    id {int} primary key not null check (id = 1),
    offset_micros {bigint} not null check (offset_micros >= 0)
){strict}
---
insert into sandbox_clock (id, offset_micros) values (1, 0)";

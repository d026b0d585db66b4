//! Chargebacks that are known and not booked: what was notified of them, why they wait, and what operators decide.

use sea_orm_migration::prelude::*;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m20261201_000013_claims"
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
alter table chargeback add column booked {bool} not null default {true}
---
alter table chargeback add column claimed {bigint} check (claimed > 0)
---
alter table chargeback add column heard {json} not null default '[]'
---
alter table chargeback add column problem text
---
alter table chargeback add column decision {json}
---
create index chargeback_unsettled on chargeback (status, id)
---
create index notification_failing on notification (status, failures)";

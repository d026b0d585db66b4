//! Files that were sent as evidence.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m20261122_000006_evidence"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::run(manager, UP).await?;
        let kept = if manager.get_database_backend() == DbBackend::Postgres { KEPT_POSTGRES } else { KEPT_SQLITE };
        crate::run(manager, kept).await
    }

    /// SQLite wraps a step in a transaction only when asked to.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

/// The bytes stand apart, so that reading rows doesn't read them.
const UP: &str = r"
create table evidence_file (
    id {uuid} primary key not null,
    order_id {uuid} not null references orders (id),
    uploader text not null,
    token_hash text not null unique,
    file_name text not null,
    media_type text not null,
    byte_size {int} not null check (byte_size between 1 and 10485760),
    sha256 text check (length(sha256) = 64),
    expires_at {time} not null,
    attached_at {time},
    created_at {time} not null,
    check (attached_at is null or sha256 is not null)
){strict}
---
create index evidence_file_order on evidence_file (order_id, id)
---
create index evidence_file_pending on evidence_file (uploader, created_at) where attached_at is null
---
create table evidence_content (
    file_id {uuid} primary key not null references evidence_file (id) on delete cascade,
    bytes {bytes} not null
){strict}";

/// What was attached stays as it is, and what was sent is never replaced.
const KEPT_SQLITE: &str = r"
create trigger evidence_file_no_update before update on evidence_file when old.attached_at is not null
    begin select raise(abort, 'evidence is never changed'); end
---
create trigger evidence_file_no_delete before delete on evidence_file when old.attached_at is not null
    begin select raise(abort, 'evidence is never deleted'); end
---
create trigger evidence_content_no_update before update on evidence_content
    begin select raise(abort, 'evidence is never changed'); end";

const KEPT_POSTGRES: &str = r"
create function refuse_change_of_evidence() returns trigger language plpgsql as
    $$ begin raise exception 'evidence is never changed or deleted'; end $$
---
create trigger evidence_file_no_change before update or delete on evidence_file
    for each row when (old.attached_at is not null) execute function refuse_change_of_evidence()
---
create trigger evidence_content_no_update before update on evidence_content
    for each row execute function refuse_change_of_evidence()";

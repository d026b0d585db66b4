//! Files that were sent, as evidence or with a message; messages that are cited as evidence.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m20261122_000006_files"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::script::run(manager, UP).await?;
        let kept = if manager.get_database_backend() == DbBackend::Postgres { KEPT_POSTGRES } else { KEPT_SQLITE };
        crate::script::run(manager, kept).await?;
        crate::script::append_only(manager, "evidence_message", None).await
    }

    /// SQLite wraps a step in a transaction only when asked to.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

/// The bytes stand apart, so that reading rows doesn't read them.
const UP: &str = r"
create table file (
    id {uuid} primary key not null,
    order_id {uuid} references orders (id),
    conversation_id {uuid} references conversation (id),
    supplier_id {uuid} references supplier (id),
    uploader text not null,
    storefront_id {uuid} references storefront (id),
    token_hash text not null unique,
    file_name text not null,
    media_type text not null,
    byte_size {int} not null check (byte_size between 1 and 10485760),
    sha256 text check (length(sha256) = 64),
    expires_at {time} not null,
    attached_at {time},
    message_id {uuid} references message (id),
    position {int},
    created_at {time} not null,
    check (attached_at is null or sha256 is not null),
    check ((message_id is null) = (position is null)),
    check (attached_at is not null or message_id is null)
){strict}
---
create unique index file_message on file (message_id, position) where message_id is not null
---
create index file_pending on file (uploader, created_at) where attached_at is null
---
create table file_content (
    file_id {uuid} primary key not null references file (id) on delete cascade,
    bytes {bytes} not null
){strict}
---
create table evidence_message (
    evidence_id {uuid} not null references evidence (id),
    position {int} not null,
    message_id {uuid} not null references message (id),
    primary key (evidence_id, position)
){strict}";

/// What was attached stays as it is, and what was sent is never replaced.
const KEPT_SQLITE: &str = r"
create trigger file_no_update before update on file when old.attached_at is not null
    begin select raise(abort, 'a file is never changed'); end
---
create trigger file_no_delete before delete on file when old.attached_at is not null
    begin select raise(abort, 'a file is never deleted'); end
---
create trigger file_content_no_update before update on file_content
    begin select raise(abort, 'a file is never changed'); end";

const KEPT_POSTGRES: &str = r"
create function refuse_change_of_file() returns trigger language plpgsql as
    $$ begin raise exception 'a file is never changed or deleted'; end $$
---
create trigger file_no_change before update or delete on file
    for each row when (old.attached_at is not null) execute function refuse_change_of_file()
---
create trigger file_content_no_update before update on file_content
    for each row execute function refuse_change_of_file()";

//! What the steps share: statements for both databases.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

/// Runs statements (separated by a line `---`) with the placeholders of this database filled in.
pub(crate) async fn run(manager: &SchemaManager<'_>, script: &str) -> Result<(), DbErr> {
    let types: &[(&str, &str)] = if manager.get_database_backend() == DbBackend::Postgres {
        &[
            ("{uuid}", "uuid"),
            ("{time}", "timestamptz"),
            ("{json}", "jsonb"),
            ("{bytes}", "bytea"),
            ("{int}", "integer"),
            ("{bigint}", "bigint"),
            ("{bool}", "boolean"),
            ("{true}", "true"),
            // Byte order, so that a range of it finds the words with a prefix.
            ("{word}", "text collate \"C\""),
            ("{strict}", ""),
        ]
    } else {
        &[
            ("{uuid}", "blob"),
            ("{time}", "text"),
            ("{json}", "text"),
            ("{bytes}", "blob"),
            ("{int}", "integer"),
            ("{bigint}", "integer"),
            ("{bool}", "integer"),
            ("{true}", "1"),
            ("{word}", "text"),
            ("{strict}", " strict"),
        ]
    };
    for statement in script.split("\n---\n") {
        let mut sql = statement.to_owned();
        for (placeholder, meaning) in types {
            sql = sql.replace(placeholder, meaning);
        }
        manager.get_connection().execute_unprepared(&sql).await?;
    }
    Ok(())
}

/// Makes the database itself refuse to change or delete rows of `table`; `except` is a condition under which an UPDATE passes.
pub(crate) async fn append_only(manager: &SchemaManager<'_>, table: &str, except: Option<&str>) -> Result<(), DbErr> {
    let unless = except.map(|condition| format!("when (not ({condition}))")).unwrap_or_default();
    let script = if manager.get_database_backend() == DbBackend::Postgres {
        format!(
            "create or replace function refuse_change() returns trigger language plpgsql as \
             $$ begin raise exception '% is append-only', tg_table_name; end $$\n---\n\
             create trigger {table}_no_update before update on {table} for each row {unless} execute function refuse_change()\n---\n\
             create trigger {table}_no_delete before delete on {table} for each row execute function refuse_change()\n---\n\
             create trigger {table}_no_truncate before truncate on {table} for each statement execute function refuse_change()"
        )
    } else {
        format!(
            "create trigger {table}_no_update before update on {table} {unless} begin select raise(abort, '{table} is append-only'); end\n---\n\
             create trigger {table}_no_delete before delete on {table} begin select raise(abort, '{table} is append-only'); end"
        )
    };
    run(manager, &script).await
}

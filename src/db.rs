//! The database: how it is opened, and the one way a write begins.
//!
//! SQLite takes one writer at a time, so there `write` is a pool of a single connection (waiting is fair and bounded)
//! and `read` a pool of a few. On PostgreSQL both are the same pool. Never hold two write transactions in one task: on
//! SQLite the second would wait for the first until the pool's time-out.

use std::path::Path;
use std::time::Duration;

use migration::Migrator;
use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, RuntimeErr,
    SqliteTransactionMode, TransactionOptions, TransactionTrait,
};
use sea_orm_migration::MigratorTrait;

use crate::error::{Error, Result};

#[derive(Clone, Debug)]
pub struct Db {
    pub read: DatabaseConnection,
    write: DatabaseConnection,
    /// Held as long as the server runs, so that no second server opens the same SQLite file.
    _file_lock: Option<std::sync::Arc<std::fs::File>>,
}

/// What only one node at a time may do. The numbers are PostgreSQL's advisory locks, all of them.
#[derive(Clone, Copy, Debug)]
pub enum Turn {
    Migrating,
    Sequencing,
    Seeding,
}

impl Turn {
    /// Waits for the turn, and has it until the transaction ends. On SQLite there is one writer anyway.
    pub async fn take(self, transaction: &DatabaseTransaction) -> Result<(), DbErr> {
        if transaction.get_database_backend() == DbBackend::Sqlite {
            return Ok(());
        }
        let number = match self {
            Self::Migrating => 7_305_814_972_i64,
            Self::Sequencing => 7_305_814_973,
            Self::Seeding => 7_305_814_974,
        };
        transaction.execute_unprepared(&format!("select pg_advisory_xact_lock({number})")).await?;
        Ok(())
    }
}

/// The file of an SQLite URL.
#[must_use]
pub fn sqlite_file(url: &str) -> Option<&Path> {
    let path = url.strip_prefix("sqlite://")?.split('?').next()?;
    (!path.is_empty()).then(|| Path::new(path))
}

/// How often a transaction that lost a race is begun again before the caller is told to try later.
const MOST_ATTEMPTS: u32 = 10;

impl Db {
    /// Opens `sqlite://…` (created if missing) or `postgres://…`.
    pub async fn connect(url: &str) -> Result<Self, DbErr> {
        match url.split_once("://").map(|(scheme, _rest)| scheme) {
            Some("sqlite") => Self::connect_sqlite(url).await,
            Some("postgres" | "postgresql") => Self::connect_postgres(url).await,
            _other => Err(config_error("must begin with sqlite:// or postgres://")),
        }
    }

    async fn connect_sqlite(url: &str) -> Result<Self, DbErr> {
        let path = sqlite_file(url).filter(|_| !url.contains(":memory:"));
        let path =
            path.ok_or_else(|| config_error("an SQLite database needs a file: sqlite://data/secure-payment.db"))?;
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)
                .map_err(|error| config_error(&format!("can't create {}: {error}", folder.display())))?;
        }
        let options = |connections: u32| {
            let mut options = ConnectOptions::new(format!("sqlite://{}?mode=rwc", path.display()));
            options
                .max_connections(connections)
                .min_connections(1)
                .acquire_timeout(Duration::from_secs(10))
                .sqlx_logging(false)
                .test_before_acquire(false)
                .idle_timeout(None::<Duration>)
                .max_lifetime(None::<Duration>)
                // After a full disk SQLite rolls back by itself, the driver's own ROLLBACK then fails, and the
                // connection would come back still "in a transaction": later commits would be savepoints that are never
                // written.
                .map_sqlx_sqlite_before_acquire(|connection, _metadata| {
                    Box::pin(async move {
                        use sea_orm::sqlx::Connection;
                        connection.ping().await?;
                        Ok(!connection.is_in_transaction())
                    })
                })
                .map_sqlx_sqlite_opts(|sqlite| {
                    sqlite
                        .journal_mode(SqliteJournalMode::Wal)
                        // A commit that was acknowledged survives a power loss.
                        .synchronous(SqliteSynchronous::Full)
                        .busy_timeout(Duration::from_secs(5))
                        .foreign_keys(true)
                        .statement_cache_capacity(256)
                        .pragma("temp_store", "MEMORY")
                        .pragma("cache_size", "-16000")
                });
            options
        };
        let write = Database::connect(options(1)).await?;
        let read = Database::connect(options(4)).await?;
        Ok(Self { read, write, _file_lock: None })
    }

    async fn connect_postgres(url: &str) -> Result<Self, DbErr> {
        let mut options = ConnectOptions::new(url);
        options
            .max_connections(8)
            .min_connections(1)
            .acquire_timeout(Duration::from_secs(10))
            .sqlx_logging(false)
            .test_before_acquire_if_idle_for(Duration::from_secs(30))
            // Said once per connection, whatever the server's default: locks are taken, and then what they guard is
            // read.
            .map_sqlx_postgres_opts(|postgres| {
                postgres.statement_cache_capacity(256).options([("default_transaction_isolation", "read committed")])
            });
        let pool = Database::connect(options).await?;
        Ok(Self { read: pool.clone(), write: pool, _file_lock: None })
    }

    #[must_use]
    pub fn is_sqlite(&self) -> bool {
        self.write.get_database_backend() == DbBackend::Sqlite
    }

    /// One SQLite file is served by one process: takes a lock beside the file that lasts as long as this value.
    pub fn lock_sqlite_file(mut self, url: &str) -> Result<Self, std::io::Error> {
        if let Some(path) = sqlite_file(url) {
            let beside = format!("{}.lock", path.display());
            let file = std::fs::File::options().create(true).append(true).open(beside)?;
            file.try_lock().map_err(|error| match error {
                std::fs::TryLockError::WouldBlock => std::io::Error::other(
                    "another secure-payment already serves this SQLite file; stop it, or use PostgreSQL",
                ),
                std::fs::TryLockError::Error(error) => error,
            })?;
            self._file_lock = Some(std::sync::Arc::new(file));
        }
        Ok(self)
    }

    /// The one way a write begins. On SQLite it takes the writer's place at once (BEGIN IMMEDIATE), so that what is
    /// read in the transaction is still true when it writes.
    pub async fn begin_write(&self) -> Result<DatabaseTransaction, DbErr> {
        let options = TransactionOptions {
            isolation_level: None,
            access_mode: None,
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        };
        self.write.begin_with_options(options).await
    }

    /// Brings the schema up to date. Nodes that start together on one PostgreSQL take turns.
    pub async fn migrate(&self) -> Result<(), DbErr> {
        if self.is_sqlite() {
            return Migrator::up(&self.write, None).await;
        }
        // An advisory lock belongs to a session, so it is taken in a transaction that stays open meanwhile.
        let turn = self.begin_write().await?;
        Turn::Migrating.take(&turn).await?;
        Migrator::up(&self.write, None).await?;
        turn.commit().await
    }

    /// True if the schema is there and the database answers.
    pub async fn is_ready(&self) -> bool {
        self.read.execute_unprepared("select 1 from orders where 1 = 0").await.is_ok()
    }

    pub async fn close(self) {
        for pool in [self.read, self.write] {
            if let Err(error) = pool.close().await {
                tracing::warn!(%error, "closing the database");
            }
        }
    }
}

/// Runs a whole transaction again when it lost a race (a serialisation failure, a deadlock, a unique key that somebody
/// else took first). `attempt` begins, works and commits; it must have no effect but on the database.
pub async fn retrying<T, F>(mut attempt: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let mut tries = 0;
    loop {
        tries += 1;
        match attempt().await {
            Err(error) if tries < MOST_ATTEMPTS && Error::is_conflict(&error) => {
                tracing::debug!(%error, tries, "lost a race; beginning again");
            }
            result => return result,
        }
    }
}

fn config_error(message: &str) -> DbErr {
    DbErr::Conn(RuntimeErr::Internal(message.to_owned()))
}

//! The same call again answers the same: once per key and principal, whatever token it comes with.
//!
//! The key is written in the transaction of the effect, so that there is never one without the other. Refusals are not
//! written: a refused call may be mended and sent again under the same key. Keys are kept for 30 days.

use chrono::TimeDelta;
use entity::idempotency::{ActiveModel, Column, Entity};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::auth::Viewer;
use crate::db::{self, Db};
use crate::error::{Error, ErrorCode, Problem, Result};
use crate::validate::Checks;
use ground::clock::Clock;

const KEPT_DAYS: i64 = 30;

/// One call that must have its effect once.
#[derive(Clone, Debug)]
pub struct IdempotencyKey {
    principal: String,
    key: String,
    mutation: &'static str,
    input_hash: String,
}

impl IdempotencyKey {
    /// `input` is all of the mutation's input but the key itself. A key that can't be used is one more problem of the input.
    pub fn check<T: Serialize>(
        checks: &mut Checks,
        viewer: &Viewer,
        mutation: &'static str,
        (key, input): (&str, &T),
    ) -> Result<Self> {
        if !is_usable(key) {
            let message = "must be 1 to 255 printable characters, a fresh one for each new request (a UUID does well)";
            checks.problem("idempotencyKey", ErrorCode::InvalidInput, message);
        }
        let document = serde_json::to_vec(input).map_err(|error| Error::internal(error.to_string()))?;
        Ok(Self {
            principal: viewer.principal(),
            key: key.to_owned(),
            mutation,
            input_hash: hex::encode(Sha256::digest(&document)),
        })
    }

    /// [`Self::check`], where a call may come without a key.
    pub fn optional<T: Serialize>(
        checks: &mut Checks,
        viewer: &Viewer,
        mutation: &'static str,
        key: Option<&str>,
        input: &T,
    ) -> Result<Option<Self>> {
        key.map(|key| Self::check(checks, viewer, mutation, (key, input))).transpose()
    }

    /// [`Self::find`], where a call may have come without a key.
    pub async fn find_in<C: ConnectionTrait>(idempotency_key: Option<&Self>, db: &C) -> Result<Option<String>> {
        match idempotency_key {
            Some(idempotency_key) => idempotency_key.find(db).await,
            None => Ok(None),
        }
    }

    /// [`Self::record`], where a call may have come without a key.
    pub async fn record_in<C: ConnectionTrait>(
        idempotency_key: Option<&Self>,
        db: &C,
        clock: &Clock,
        result: String,
    ) -> Result<()> {
        match idempotency_key {
            Some(idempotency_key) => idempotency_key.record(db, clock, result).await,
            None => Ok(()),
        }
    }

    /// Runs `attempt` as [`db::retrying`] does, where it looks for the key before it takes the lock that makes it wait for
    /// the same call. What that call has done can be why this one is refused (the stock is gone, the name is taken): then
    /// the key is there by now, and a further attempt finds it.
    pub async fn retrying<T, F>(idempotency_key: Option<&Self>, db: &Db, mut attempt: impl FnMut() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let result = db::retrying(&mut attempt).await;
        if matches!(result, Err(Error::Refused(_))) && Self::find_in(idempotency_key, &db.read).await?.is_some() {
            return db::retrying(attempt).await;
        }
        result
    }

    /// What the first call made, if this is a repetition. Another input under the same key is refused.
    pub async fn find<C: ConnectionTrait>(&self, db: &C) -> Result<Option<String>> {
        // Never written down; and PostgreSQL takes no NUL in a text.
        if !is_usable(&self.key) {
            return Ok(None);
        }
        let found = Entity::find_by_id((self.principal.clone(), self.key.clone())).one(db).await?;
        match found {
            None => Ok(None),
            Some(row) if row.mutation == self.mutation && row.input_hash == self.input_hash => Ok(Some(row.result)),
            Some(row) => {
                let message = format!(
                    "this key was used for a {} with another input; use a fresh key for a new request",
                    row.mutation
                );
                Err(vec![Problem::new(ErrorCode::IdempotencyKeyReused, message).at("idempotencyKey")].into())
            }
        }
    }

    /// Writes down what was made. Of two calls at once the second fails on the key, begins again, and finds the first's.
    pub async fn record<C: ConnectionTrait>(&self, db: &C, clock: &Clock, result: String) -> Result<()> {
        let row = ActiveModel {
            principal: Set(self.principal.clone()),
            key: Set(self.key.clone()),
            mutation: Set(self.mutation.to_owned()),
            input_hash: Set(self.input_hash.clone()),
            result: Set(result),
            created_at: Set(clock.now()),
        };
        Entity::insert(row).exec_without_returning(db).await?;
        Ok(())
    }
}

fn is_usable(key: &str) -> bool {
    !key.is_empty() && key.chars().count() <= 255 && !key.chars().any(char::is_control)
}

/// Forgets keys older than 30 days.
pub async fn prune(db: &Db, clock: &Clock) -> Result<u64> {
    let transaction = db.begin_write().await?;
    let old = Column::CreatedAt.lt(clock.now() - TimeDelta::days(KEPT_DAYS));
    let pruned = Entity::delete_many().filter(old).exec(&transaction).await?.rows_affected;
    transaction.commit().await?;
    Ok(pruned)
}

//! The same call again answers the same: once per key and principal, whatever token it comes with.
//!
//! The key is written in the transaction of the effect, so that there is never one without the other. Refusals are not
//! written: a refused call may be mended and sent again under the same key. Keys are kept for 30 days.

use std::collections::BTreeMap;

use async_graphql::{InputType, Value};
use chrono::TimeDelta;
use entity::idempotency::{ActiveModel, Column, Entity};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use crate::auth::Viewer;
use crate::crypto::Cipher;
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
    mutation: String,
    input_hash: String,
}

impl IdempotencyKey {
    /// Of a mutation's input; None if it has no `idempotencyKey`. This is the only way to make one, and it reads all of the
    /// input that GraphQL has, so that no field can be forgotten. Two inputs are the same if all their fields are, but
    /// `idempotencyKey` itself and `expectedVersion`: what was done once is done, whichever version the caller has seen since.
    /// A field that is left out is as its default, or as null; blanks around a text don't count.
    ///
    /// Only a keyed hash is kept: a bare one of an account number or of a document's number can be searched for.
    pub fn of(cipher: &Cipher, viewer: &Viewer, mutation: &str, input: &impl InputType) -> Option<Self> {
        let Value::Object(mut fields) = input.to_value() else { return None };
        let Some(Value::String(key)) = fields.swap_remove("idempotencyKey") else { return None };
        fields.swap_remove("expectedVersion");
        Some(Self {
            principal: viewer.principal(),
            key,
            mutation: mutation.to_owned(),
            input_hash: cipher.fingerprint(&plain(Value::Object(fields)).to_string()),
        })
    }

    #[cfg(test)]
    pub(crate) fn fingerprint(&self) -> &str {
        &self.input_hash
    }

    /// A key that can't be used is one more problem of the input.
    pub fn check(&self, checks: &mut Checks) {
        if !is_usable(&self.key) {
            let message = "must be 1 to 255 printable characters, a fresh one for each new request (a UUID does well)";
            checks.problem("idempotencyKey", ErrorCode::InvalidInput, message);
        }
    }

    /// [`Self::check`], where a call may have come without a key.
    pub fn check_in(idempotency_key: Option<&Self>, checks: &mut Checks) {
        if let Some(idempotency_key) = idempotency_key {
            idempotency_key.check(checks);
        }
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
            mutation: Set(self.mutation.clone()),
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

/// The same for inputs that say the same: the fields in the order of their names, without those that are null.
fn plain(value: Value) -> serde_json::Value {
    match value {
        Value::Object(fields) => {
            let given = fields.into_iter().filter(|(_name, value)| *value != Value::Null);
            let by_name: BTreeMap<String, _> = given.map(|(name, value)| (name.to_string(), plain(value))).collect();
            by_name.into_iter().collect()
        }
        Value::List(values) => values.into_iter().map(plain).collect(),
        Value::String(text) => text.trim().into(),
        Value::Enum(name) => name.as_str().into(),
        Value::Null => serde_json::Value::Null,
        Value::Boolean(truth) => truth.into(),
        Value::Number(number) => number.into(),
        Value::Binary(bytes) => bytes.iter().copied().collect(),
    }
}

/// Forgets keys older than 30 days.
pub async fn prune(db: &Db, clock: &Clock) -> Result<u64> {
    let transaction = db.begin_write().await?;
    let old = Column::CreatedAt.lt(clock.now() - TimeDelta::days(KEPT_DAYS));
    let pruned = Entity::delete_many().filter(old).exec(&transaction).await?.rows_affected;
    transaction.commit().await?;
    Ok(pruned)
}

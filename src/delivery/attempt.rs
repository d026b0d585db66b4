//! One attempt: sent without a transaction open, and then written down. A node that dies in between sends it again.

use std::time::Instant;

use chrono::TimeDelta;
use entity::webhook_attempt::{self, Headers};
use entity::webhook_delivery::{Column, DeliveryStatus, Entity, Model};
use entity::webhook_endpoint::{self, EndpointStatus};
use entity::{OrderId, Time};
use futures_util::future::BoxFuture;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect,
};
use secrecy::SecretString;

use super::claim::Claimed;
use super::endpoint::{Secrets, disable, lock_endpoint};
use super::message::{BodyOf, bodies, request_headers};
use super::queue::{arrange, lock_orders};
use super::schedule::{MOST_ATTEMPTS, delay_after, retry_after};
use crate::app::App;
use crate::courier::{EndpointAnswer, PostOutcome};
use crate::db;
use crate::error::{Error, Result};
use ground::signature::{self, SIGNATURE_HEADER};

const GONE: u16 = 410;
const TELL_WHEN: [u16; 2] = [429, 503];

/// What was done, to be counted.
#[derive(Clone, Copy, Debug)]
pub struct Attempted {
    pub outcome: PostOutcome,
    pub took: std::time::Duration,
}

/// An attempt to be written down.
struct Made {
    answer: EndpointAnswer,
    url: String,
    attempted_at: Time,
    signed_at: Time,
    duration_ms: i32,
}

/// Sends what was claimed, and writes down what came of it. None: the endpoint gets no events any more.
pub fn deliver<'a>(app: &'a App, claimed: &'a Claimed) -> BoxFuture<'a, Result<Option<Attempted>>> {
    Box::pin(async move {
        let row = &claimed.row;
        let endpoint = webhook_endpoint::Entity::find_by_id(row.endpoint_id).one(&app.db.read).await?;
        let Some(endpoint) = endpoint.filter(|endpoint| endpoint.status == EndpointStatus::Enabled) else {
            return Ok(None);
        };
        let wanted = BodyOf::from(row);
        let body = bodies(&app.db.read, std::slice::from_ref(&wanted)).await?.remove(&wanted);
        let (attempted_at, signed_at) = (app.clock.now(), app.clock.wall());
        let begun = Instant::now();
        let answer = match prepare(app, &endpoint, row, signed_at, body) {
            Ok((headers, body)) => app.courier.post(&endpoint.url, &headers, body).await,
            // It counts as an attempt: it must not stop its order for ever.
            Err(error) => {
                tracing::error!(delivery = %row.id, endpoint = %endpoint.id, %error, "a webhook could not be made");
                let error = "it could not be made and signed: a fault of ours, which is logged";
                EndpointAnswer { error: Some(error.to_owned()), ..EndpointAnswer::default() }
            }
        };
        let took = begun.elapsed();
        let outcome = answer.outcome;
        let duration_ms = i32::try_from(took.as_millis()).unwrap_or(i32::MAX);
        let made = Made { answer, url: endpoint.url, attempted_at, signed_at, duration_ms };
        db::retrying(|| write_down(app, claimed, &made)).await?;
        Ok(Some(Attempted { outcome, took }))
    })
}

type SignedRequest = (Vec<(&'static str, String)>, String);

fn prepare(
    app: &App,
    endpoint: &webhook_endpoint::Model,
    row: &Model,
    signed_at: Time,
    body: Option<String>,
) -> Result<SignedRequest> {
    let body = body.ok_or_else(|| Error::internal(format!("{}: its event or its order is not there", row.id)))?;
    let mut headers = request_headers(row.event_id, signed_at).to_vec();
    let secrets = Secrets::open(app, endpoint)?;
    headers.push((SIGNATURE_HEADER, sign(&secrets.active(signed_at), row, signed_at, &body)?));
    Ok((headers, body))
}

/// One entry per secret, the present one first.
fn sign(secrets: &[SecretString], row: &Model, at: Time, body: &str) -> Result<String> {
    let id = row.event_id.to_string();
    let entries = secrets.iter().map(|secret| signature::sign(secret, &id, at.timestamp(), body.as_bytes()));
    let entries: Result<Vec<String>, _> = entries.collect();
    Ok(entries.map_err(|error| Error::internal(format!("{}: {error}", row.endpoint_id)))?.join(" "))
}

async fn write_down(app: &App, claimed: &Claimed, made: &Made) -> Result<()> {
    let transaction = app.db.begin_write().await?;
    let order: Vec<OrderId> = claimed.row.order_id.into_iter().collect();
    lock_orders(&transaction, claimed.row.storefront_id, &order).await?;
    let is_gone = made.answer.status == Some(GONE)
        // The storefront may have named another address meanwhile, which said nothing of the kind.
        && lock_endpoint(&transaction, claimed.row.endpoint_id).await?.is_none_or(|now| now.url == made.url);
    let found = Entity::find_by_id(claimed.row.id).filter(Column::LeasedUntil.eq(claimed.row.leased_until));
    let Some(row) = found.lock_exclusive().one(&transaction).await? else {
        // The lease had run out, and the delivery is another's.
        return Ok(());
    };
    let number = row.attempts + 1;
    let attempt = webhook_attempt::ActiveModel {
        delivery_id: Set(row.id),
        number: Set(number),
        attempted_at: Set(made.attempted_at),
        signed_at: Set(made.signed_at),
        duration_ms: Set(made.duration_ms),
        url: Set(made.url.clone()),
        status_code: Set(made.answer.status.map(i32::from)),
        response_headers: Set(Headers(made.answer.headers.clone())),
        response_body: Set(made.answer.body.clone()),
        error: Set(made.answer.error.clone()),
    };
    webhook_attempt::Entity::insert(attempt).exec_without_returning(&transaction).await?;

    let now = app.clock.now();
    let (endpoint_id, before) = (row.endpoint_id, row.status);
    let next = if made.answer.outcome == PostOutcome::Accepted || is_gone {
        None
    } else {
        next_attempt(app, number, &made.answer)
    };
    let status = match next {
        // Discarded meanwhile: it stays so, unless it has arrived.
        _whatever if made.answer.outcome == PostOutcome::Accepted => DeliveryStatus::Succeeded,
        _discarded if !before.is_open() => before,
        None => DeliveryStatus::Failed,
        Some(_again) => before,
    };
    let mut changed = row.into_active_model();
    changed.attempts = Set(number);
    changed.leased_until = Set(None);
    changed.status = Set(status);
    if status.is_open() {
        changed.next_attempt_at = Set(next.map(|delay| now + delay));
    } else if before.is_open() {
        changed.next_attempt_at = Set(None);
        changed.completed_at = Set(Some(now));
    }
    changed.update(&transaction).await?;
    if is_gone {
        let reason = "it answered 410 Gone: it wants no more events";
        disable(&transaction, endpoint_id, reason, now).await?;
    }
    if !status.is_open() && !order.is_empty() {
        arrange(&transaction, &[endpoint_id], &order).await?;
    }
    transaction.commit().await?;
    if status == DeliveryStatus::Failed {
        tracing::warn!(endpoint = %endpoint_id, delivery = %claimed.row.id, attempts = number, "a webhook was given up");
    }
    if is_gone {
        tracing::warn!(endpoint = %endpoint_id, "a webhook endpoint answered 410 and was disabled");
    }
    // The next one of the order may go.
    app.wake_worker();
    Ok(())
}

/// How long to wait. None: it was the last attempt.
fn next_attempt(app: &App, number: i32, answer: &EndpointAnswer) -> Option<TimeDelta> {
    debug_assert!(number <= MOST_ATTEMPTS);
    let scheduled = delay_after(number, app.clock.random_bytes())?;
    let asked = answer.status.filter(|status| TELL_WHEN.contains(status)).and(answer.retry_after.as_deref());
    let asked = asked.and_then(|value| retry_after(value, app.clock.wall()));
    Some(asked.map_or(scheduled, |asked| asked.max(scheduled)))
}

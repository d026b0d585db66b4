//! One notification: verify, write into the inbox, acknowledge.
//!
//! What the answers mean to the provider: 2xx, it is kept, don't send it again; 401, 404 and 413, it isn't kept and never
//! will be; 503, send it again. An event id that was seen before is a duplicate if the body is the same, and is
//! quarantined under an id of its own if not: whoever can sign two bodies with one id is not to be believed silently.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use entity::NotificationId;
use entity::notification::{ActiveModel, Column, Entity, Model, NotificationStatus};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::db;
use crate::error::{Error, Result};
use crate::job::{self, Job};
use crate::payment as payments;
use crate::peer::Client;
use provider::{Acknowledgement, Incoming, Question, Verified, WebhookRequest};

/// What became of a verified notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Accepted,
    Duplicate,
    Quarantined,
}

impl Outcome {
    fn label(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Quarantined => "quarantined",
        }
    }
}

pub(super) async fn receive(
    State(app): State<App>,
    client: Client,
    name: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let Some(provider) = name.ok().and_then(|Path(name)| app.providers.find(&name)) else {
        return refusal(StatusCode::NOT_FOUND, "NOT_FOUND", "there is no such provider");
    };
    let body = match body {
        Ok(body) => body,
        Err(rejection) => {
            count(provider.name(), "refused");
            return match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => {
                    refusal(StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", "a notification has at most 256 KiB")
                }
                status => refusal(status, "BAD_REQUEST", "the body could not be read"),
            };
        }
    };
    let path = format!("/webhooks/{}", provider.name());
    let request = WebhookRequest { path: &path, client: client.address, headers: &headers, body: &body };
    let news = match provider.verify(&request, app.clock.wall()) {
        Ok(Incoming::Notification(news)) => news,
        Ok(Incoming::Question(question)) => return answer(&app, provider.name(), &question).await,
        Err(reason) => {
            count(provider.name(), "refused");
            tracing::warn!(provider = provider.name(), %reason, bytes = body.len(), "a notification was not verified");
            return refusal(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", "the signature could not be verified");
        }
    };
    match db::retrying(|| store(&app, provider.name(), &news, &body)).await {
        Ok(outcome) => {
            count(provider.name(), outcome.label());
            acknowledge(provider.acknowledgement())
        }
        Err(error) => {
            tracing::error!(provider = provider.name(), %error, "a notification could not be stored");
            refusal(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", "it could not be stored; send it again")
        }
    }
}

/// Writes it into the inbox with the job that applies it; or finds that it is there already.
pub(crate) async fn store(app: &App, provider: &'static str, verified: &Verified, body: &[u8]) -> Result<Outcome> {
    let event_id = verified.event_id.as_str();
    let notification = Model {
        id: NotificationId(app.clock.new_id()),
        provider: provider.to_owned(),
        event_id: event_id.to_owned(),
        body: body.to_vec(),
        content_hash: hex::encode(Sha256::digest(&verified.content)),
        status: NotificationStatus::Received,
        reason: None,
        received_at: app.clock.wall(),
        heard_at: app.clock.now(),
        failures: 0,
        applied_at: None,
    };
    let tx = app.db.begin_write().await?;
    if insert_once(&tx, &notification).await? {
        let job = Job::ApplyNotification { notification_id: notification.id };
        job::enqueue(&tx, &app.clock, &job, app.clock.now()).await?;
        tx.commit().await?;
        app.wake_worker();
        return Ok(Outcome::Accepted);
    }
    let known = Entity::find()
        .filter(Column::Provider.eq(provider))
        .filter(Column::EventId.eq(event_id))
        .one(&tx)
        .await?
        .ok_or_else(|| Error::internal(format!("{provider} {event_id}: neither new nor there")))?;
    if known.content_hash == notification.content_hash {
        return Ok(Outcome::Duplicate);
    }
    let other = Model {
        event_id: format!("{event_id}#{}", notification.content_hash),
        status: NotificationStatus::Quarantined,
        reason: Some(format!("{event_id} was notified before, with another body; that one is {}", known.id)),
        ..notification
    };
    let is_new = insert_once(&tx, &other).await?;
    tx.commit().await?;
    if !is_new {
        return Ok(Outcome::Duplicate);
    }
    tracing::error!(provider, event_id, notification = %other.id, "the same event id with another body: quarantined");
    Ok(Outcome::Quarantined)
}

/// False if a row with this (provider, event id) is there. Waits for whoever is just writing it; never fails on it,
/// because on PostgreSQL that would end the transaction.
async fn insert_once(tx: &DatabaseTransaction, notification: &Model) -> Result<bool> {
    let inserted = Entity::insert(ActiveModel::from(notification.clone()))
        .on_conflict(OnConflict::columns([Column::Provider, Column::EventId]).do_nothing().to_owned())
        .exec_without_returning(tx)
        .await?;
    Ok(inserted == 1)
}

/// Changes nothing: a rail asks before it takes the buyer's money.
async fn answer(app: &App, provider: &'static str, question: &Question) -> Response {
    match payments::may_be_paid(app, provider, &question.reference, question.amount).await {
        Ok(may) => {
            count(provider, if may { "answered_yes" } else { "answered_no" });
            acknowledge(if may { question.yes } else { question.no })
        }
        Err(error) => {
            tracing::error!(provider, %error, "a question could not be answered");
            refusal(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", "it could not be answered; ask again")
        }
    }
}

fn acknowledge(acknowledgement: Acknowledgement) -> Response {
    let status = StatusCode::from_u16(acknowledgement.status).unwrap_or(StatusCode::OK);
    (status, [(header::CONTENT_TYPE, acknowledgement.content_type)], acknowledgement.body).into_response()
}

fn refusal(status: StatusCode, code: &str, message: &str) -> Response {
    (status, Json(json!({ "error": { "code": code, "message": message } }))).into_response()
}

fn count(provider: &'static str, outcome: &'static str) {
    metrics::counter!("secure_payment_notifications_total", "provider" => provider, "outcome" => outcome).increment(1);
}

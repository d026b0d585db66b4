//! One notification: read, verify, store in the inbox, acknowledge.
//!
//! What the answers mean to the provider: 2xx, it is kept, don't send it again; 401, 404 and 413, it isn't kept and never
//! will be; 503, send it again. What becomes of it in the inbox is in `payment::inbox`.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::app::App;
use crate::payment::{self, RefusedFile, Stored};
use crate::peer::Client;
use provider::{Acknowledgement, Enclosed, Incoming, Question, WebhookRequest, bank_file};

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
    let stored = match provider.verify(&request, app.clock.wall()) {
        Ok(Incoming::Notification(verified)) => {
            payment::store_notification(&app, provider.name(), &verified, &body).await.map(|stored| vec![stored])
        }
        Ok(Incoming::Enclosed(files)) => store_all(&app, provider.name(), &files).await,
        Ok(Incoming::Question(question)) => return answer(&app, provider.name(), &question).await,
        Err(reason) => {
            count(provider.name(), "refused");
            tracing::warn!(provider = provider.name(), %reason, bytes = body.len(), "a notification was not verified");
            return refusal(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", "the signature could not be verified");
        }
    };
    match stored {
        Ok(stored) => {
            stored.iter().for_each(|one| count(provider.name(), one.label()));
            acknowledge(provider.acknowledgement())
        }
        Err(error) => {
            tracing::error!(provider = provider.name(), %error, "a notification could not be stored");
            refusal(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", "it could not be stored; send it again")
        }
    }
}

/// Each by itself: sent again after a crash, those that are kept already are duplicates.
async fn store_all(app: &App, provider: &'static str, files: &[Enclosed]) -> crate::error::Result<Vec<Stored>> {
    let mut stored = Vec::with_capacity(files.len());
    for file in files {
        stored.push(match &file.problem {
            None => payment::store_notification(app, provider, &bank_file(&file.bytes), &file.bytes).await?,
            Some(why) => {
                let length = u64::try_from(file.bytes.len()).unwrap_or(u64::MAX);
                payment::store_refused(app, provider, &RefusedFile::new(&file.name, &file.bytes, length, why)).await?
            }
        });
    }
    Ok(stored)
}

/// Changes nothing: a provider asks before it takes the buyer's money.
async fn answer(app: &App, provider: &'static str, question: &Question) -> Response {
    match payment::may_be_paid(app, provider, &question.reference, question.amount).await {
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

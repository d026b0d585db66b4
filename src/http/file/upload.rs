//! `PUT /uploads/{token}`: a file's bytes, for an upload that was announced.

use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::json;

use super::{FileSlot, FileSlots, PathText, busy};
use crate::app::App;
use crate::error::ErrorCode;
use crate::file::{self, Refusal};
use crate::http::body::{self, Bounds};
use crate::http::failure;

const UPLOAD: Bounds = Bounds { most_bytes: file::MOST_BYTES, patience: Duration::from_secs(60) };

pub(super) async fn receive(
    State(app): State<App>,
    Extension(slots): Extension<FileSlots>,
    token: PathText,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let token = token.map(|Path(token)| token).unwrap_or_default();
    let content_type = content_type_of(&parts.headers);
    let slot = match admit(&app, &slots, &token, content_type).await {
        Ok(slot) => slot,
        Err(refusal) => {
            body::ignore(body, UPLOAD).await;
            return refusal;
        }
    };
    let bytes = match body::read(body, UPLOAD).await {
        Ok(bytes) => bytes,
        Err(refusal) => return refusal,
    };
    let received = file::receive(&app, &token, content_type, bytes).await;
    drop(slot);
    match received {
        Ok(file) => {
            let kept = json!({ "fileId": file.id, "byteSize": file.byte_size, "sha256": file.sha256 });
            (StatusCode::CREATED, Json(kept)).into_response()
        }
        Err(refusal) => refused(&refusal),
    }
}

/// Whether it is worth reading the body.
async fn admit(app: &App, slots: &FileSlots, token: &str, content_type: &str) -> Result<FileSlot, Response> {
    let file = file::find_upload(&app.db.read, token, app.clock.wall()).await.map_err(|error| refused(&error))?;
    file::check_content_type(&file, content_type).map_err(|error| refused(&error))?;
    slots.take(file.uploader, file.storefront_id).ok_or_else(|| busy("sent"))
}

fn refused(refusal: &Refusal) -> Response {
    let (status, code) = match refusal {
        Refusal::Unknown => (StatusCode::NOT_FOUND, ErrorCode::NotFound),
        Refusal::Expired => (StatusCode::GONE, ErrorCode::NotFound),
        Refusal::Used => (StatusCode::CONFLICT, ErrorCode::AlreadyExists),
        Refusal::OtherType { .. } => (StatusCode::UNSUPPORTED_MEDIA_TYPE, ErrorCode::InvalidInput),
        Refusal::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::PayloadTooLarge),
        Refusal::OtherSize { .. } | Refusal::OtherContent { .. } => {
            (StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::InvalidInput)
        }
        Refusal::Failed(error) => return failure::from_error(error),
    };
    failure::answer(status, code, &refusal.to_string())
}

fn content_type_of(headers: &HeaderMap) -> &str {
    headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

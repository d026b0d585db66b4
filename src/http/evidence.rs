//! Files as evidence over HTTP: `PUT /uploads/{token}` takes one, `GET /files/{id}` gives it to who sees its order.
//!
//! An upload's address is a capability: no bearer token is asked for. Its body may be larger and slower than others', so it
//! is read only for an address that still takes a file, and for so many at once; nobody can take all places.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Extension, Json, Router};
use entity::evidence_file::{MediaType, Model};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use super::body::{self, Bounds};
use super::{failure, graphql};
use crate::app::App;
use crate::error::{Error, ErrorCode};
use crate::evidence::{self, Refusal};

const UPLOAD: Bounds = Bounds { most_bytes: evidence::MOST_BYTES, patience: Duration::from_secs(60) };

/// Uploads that are read at once, by this node: all of them, and one uploader's. They are in memory until they are kept.
const MOST_AT_ONCE: usize = 24;
const MOST_AT_ONCE_OF_ONE: usize = 3;

/// `quoted-string` has no way to say most names; of RFC 8187's `attr-char` the letters, the digits and these are enough.
const NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// Stands outside of the usual bounds of a body.
pub(super) fn uploads() -> Router<App> {
    Router::new()
        .route("/uploads/{token}", put(receive))
        .method_not_allowed_fallback(|| async { failure::method_not_allowed() })
        .layer(Extension(Places::default()))
}

pub(super) fn files() -> Router<App> {
    Router::new().route("/files/{id}", get(read)).layer(Extension(Places::default()))
}

type Named = Result<Path<String>, PathRejection>;

async fn receive(
    State(app): State<App>,
    Extension(places): Extension<Places>,
    token: Named,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let token = token.map(|Path(token)| token).unwrap_or_default();
    let content_type = text(&parts.headers, header::CONTENT_TYPE);
    let place = match admit(&app, &places, &token, content_type).await {
        Ok(place) => place,
        Err(refusal) => {
            body::ignore(body, UPLOAD).await;
            return refusal;
        }
    };
    let bytes = match body::read(body, UPLOAD).await {
        Ok(bytes) => bytes,
        Err(refusal) => return refusal,
    };
    let received = evidence::receive(&app, &token, content_type, bytes).await;
    drop(place);
    match received {
        Ok(file) => {
            let kept = json!({ "fileId": file.id, "byteSize": file.byte_size, "sha256": file.sha256 });
            (StatusCode::CREATED, Json(kept)).into_response()
        }
        Err(refusal) => refused(&refusal),
    }
}

/// Whether it is worth reading the body.
async fn admit(app: &App, places: &Places, token: &str, content_type: &str) -> Result<Place, Response> {
    let file = evidence::find_upload(&app.db.read, token, app.clock.wall()).await.map_err(|error| refused(&error))?;
    evidence::check_content_type(&file, content_type).map_err(|error| refused(&error))?;
    places.take(file.uploader).ok_or_else(|| busy("sent"))
}

fn busy(what: &str) -> Response {
    failure::answer_with(
        StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::Unavailable,
        &format!("too many files are being {what} at once; try again, one after the other"),
        (header::RETRY_AFTER, "5"),
    )
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

/// A file's bytes, and the place that they take until the last one is sent, however slowly the client reads.
struct Held {
    bytes: Vec<u8>,
    _place: Place,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

async fn read(State(app): State<App>, Extension(places): Extension<Places>, id: Named, headers: HeaderMap) -> Response {
    let viewer = match graphql::caller(&app, headers.get(header::AUTHORIZATION)).await {
        Ok(caller) => caller.viewer,
        Err(refusal) => return refusal,
    };
    let Some(place) = places.take(viewer.principal()) else { return busy("read") };
    let db = &app.db.read;
    let found = async {
        let Some(id) = id.ok().and_then(|Path(id)| id.parse().ok()) else { return Ok(None) };
        let Some(file) = evidence::find_file(db, &viewer, id).await? else { return Ok(None) };
        let bytes = evidence::read_content(db, file.id).await?;
        Ok::<_, Error>(Some((file, bytes)))
    };
    match found.await {
        Ok(Some((file, bytes))) => (dress(&file), Bytes::from_owner(Held { bytes, _place: place })).into_response(),
        Ok(None) => {
            let message = "there is no such file for whoever holds this credential";
            failure::answer(StatusCode::NOT_FOUND, ErrorCode::NotFound, message)
        }
        Err(error) => failure::from_error(&error),
    }
}

/// Somebody else's file: saved, never shown as a page of ours, and no cache's to keep. (That its type is not to be guessed
/// every answer says.)
fn dress(file: &Model) -> HeaderMap {
    let media_type = match file.media_type {
        MediaType::Text => "text/plain; charset=utf-8",
        MediaType::Jpeg | MediaType::Png | MediaType::Webp | MediaType::Pdf => file.media_type.name(),
    };
    let disposition = format!("attachment; filename*=UTF-8''{}", utf8_percent_encode(&file.file_name, NAME));
    let tag = format!("\"{}\"", file.sha256.as_deref().unwrap_or_default());
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    headers.insert(header::VARY, HeaderValue::from_static("authorization"));
    for (name, value) in [(header::CONTENT_DISPOSITION, disposition), (header::ETAG, tag)] {
        // Both are printable ASCII.
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
    headers
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// How many uploads of whom are being read.
#[derive(Clone, Debug, Default)]
struct Places(Arc<Mutex<BTreeMap<String, usize>>>);

/// Given back when it is dropped.
struct Place {
    of: Places,
    uploader: String,
}

impl Places {
    fn take(&self, uploader: String) -> Option<Place> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = taken.get(&uploader).copied().unwrap_or_default();
        if own >= MOST_AT_ONCE_OF_ONE || taken.values().sum::<usize>() >= MOST_AT_ONCE {
            return None;
        }
        taken.insert(uploader.clone(), own + 1);
        Some(Place { of: self.clone(), uploader })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.of.0.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.get_mut(&self.uploader) {
            Some(own) if *own > 1 => *own -= 1,
            Some(_) | None => drop(taken.remove(&self.uploader)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_all_places_and_each_is_given_back() {
        let places = Places::default();
        let of = |uploader: &str| places.take(uploader.to_owned());
        let mut held: Vec<Place> = (0..MOST_AT_ONCE_OF_ONE).filter_map(|_| of("buyer_1")).collect();
        assert_eq!(held.len(), MOST_AT_ONCE_OF_ONE);
        assert!(of("buyer_1").is_none());
        held.extend((0..MOST_AT_ONCE).filter_map(|number| of(&format!("supplier_{number}"))));
        assert_eq!(held.len(), MOST_AT_ONCE);
        assert!(of("operator_1").is_none());
        held.clear();
        assert!(of("buyer_1").is_some());
        assert!(places.0.lock().expect("a lock").is_empty());
    }

    #[test]
    fn a_name_stays_in_its_header() {
        let name = "a\"; filename=b.exe\r\nx: 1 照片.png";
        let encoded = utf8_percent_encode(name, NAME).to_string();
        assert!(encoded.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"%-._".contains(&byte)), "{encoded}");
    }
}

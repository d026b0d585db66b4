//! Files over HTTP: `PUT /uploads/{token}` takes one, `GET /files/{id}` gives it to who sees what it is attached to.
//!
//! An upload's address is a capability: no bearer token is asked for. Its body may be larger and slower than others', so it
//! is read only for an address that still takes a file, and for so many at once. Neither one uploader nor all buyers of one
//! storefront can take all places. A client that stops reading a file loses its place, and the file its memory, in time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Extension, Json, Router};
use entity::StorefrontId;
use entity::credential::Scope;
use entity::file::{MediaType, Model};
use futures_util::{Stream, stream};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;
use tokio::task::JoinSet;

use super::body::{self, Bounds};
use super::{Door, failure, graphql};
use crate::app::App;
use crate::auth::Viewer;
use crate::error::{Error, ErrorCode};
use crate::file::{self, Refusal};
use crate::peer::Client;

const UPLOAD: Bounds = Bounds { most_bytes: file::MOST_BYTES, patience: Duration::from_secs(60) };

/// Files that are sent, or read, at once, by this node: all of them, those of the buyers of one storefront, and one
/// person's. They are in memory that long.
const MOST_AT_ONCE: usize = 24;
const MOST_AT_ONCE_OF_A_STOREFRONT: usize = 12;
const MOST_AT_ONCE_OF_ONE: usize = 3;

/// How long a client may take to read a file, and how much of it is handed on at once.
const PATIENCE_OF_A_DOWNLOAD: Duration = Duration::from_secs(60);
const PART: usize = 64 * 1024;

/// `quoted-string` has no way to say most names; of RFC 8187's `attr-char` the letters, the digits and these are enough.
const NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// Stands outside of the usual bounds of a body.
pub(super) fn uploads() -> Router<App> {
    Router::new()
        .route("/uploads/{token}", put(receive))
        .method_not_allowed_fallback(|| async { failure::method_not_allowed() })
        .layer(Extension(Places::default()))
}

pub(super) fn files() -> Router<Door> {
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
    let received = file::receive(&app, &token, content_type, bytes).await;
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
    let file = file::find_upload(&app.db.read, token, app.clock.wall()).await.map_err(|error| refused(&error))?;
    file::check_content_type(&file, content_type).map_err(|error| refused(&error))?;
    places.take(Taker { person: file.uploader, storefront_id: file.storefront_id }).ok_or_else(|| busy("sent"))
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

fn storefront_of(viewer: &Viewer) -> Option<StorefrontId> {
    match viewer {
        Viewer::Storefront { storefront_id } | Viewer::Buyer { storefront_id, .. } => Some(*storefront_id),
        Viewer::Anonymous | Viewer::Supplier { .. } | Viewer::Operator { .. } => None,
    }
}

/// A file's bytes, and the place that they take.
struct Held {
    bytes: Vec<u8>,
    _place: Place,
}

/// Part by part. A client that stops reading is not asked any more, so the bytes and their place are given back by a
/// clock of their own; whoever goes on reading then finds the connection broken off.
fn handed_on(held: Held, patience: Duration) -> impl Stream<Item = std::io::Result<Bytes>> + Send {
    let held = Arc::new(Mutex::new(Some(held)));
    let mut clock = JoinSet::new();
    let expiring = Arc::clone(&held);
    clock.spawn(async move {
        tokio::time::sleep(patience).await;
        drop(locked(&expiring).take());
    });
    stream::unfold((Handing { held, _clock: clock }, 0), |(handing, at)| async move {
        let part = locked(&handing.held).as_ref().map(|held| {
            let rest = held.bytes.get(at..).unwrap_or_default();
            Bytes::copy_from_slice(rest.get(..PART).unwrap_or(rest))
        });
        match part {
            None => Some((Err(std::io::ErrorKind::TimedOut.into()), (handing, at))),
            Some(part) if part.is_empty() => None,
            Some(part) => {
                let next = at + part.len();
                Some((Ok(part), (handing, next)))
            }
        }
    })
}

/// Gives the place back with the stream's end, however it ends. The clock ends with it.
struct Handing {
    held: Arc<Mutex<Option<Held>>>,
    _clock: JoinSet<()>,
}

impl Drop for Handing {
    fn drop(&mut self) {
        drop(locked(&self.held).take());
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn read(
    State(door): State<Door>,
    Extension(places): Extension<Places>,
    client: Client,
    id: Named,
    headers: HeaderMap,
) -> Response {
    let app = &door.app;
    let viewer = match graphql::caller(&door, headers.get(header::AUTHORIZATION), client).await {
        Ok(caller) if caller.lacks(Scope::Read) => {
            let message = "this needs the scope READ, which this credential lacks";
            return failure::answer(StatusCode::FORBIDDEN, ErrorCode::NotPermitted, message);
        }
        Ok(caller) => caller.viewer,
        Err(refusal) => return refusal,
    };
    let taker = Taker { person: viewer.principal(), storefront_id: storefront_of(&viewer) };
    let Some(place) = places.take(taker) else { return busy("read") };
    let db = &app.db.read;
    let found = async {
        let Some(id) = id.ok().and_then(|Path(id)| id.parse().ok()) else { return Ok(None) };
        let Some(file) = file::find_file(db, &viewer, id).await? else { return Ok(None) };
        let bytes = file::read_content(db, file.id).await?;
        Ok::<_, Error>(Some((file, bytes)))
    };
    match found.await {
        Ok(Some((file, bytes))) => {
            let mut headers = dress(&file);
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
            (headers, Body::from_stream(handed_on(Held { bytes, _place: place }, PATIENCE_OF_A_DOWNLOAD)))
                .into_response()
        }
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

/// Who sends, or reads.
#[derive(Clone, Debug)]
struct Taker {
    /// [`Viewer::principal`].
    person: String,
    storefront_id: Option<StorefrontId>,
}

/// How many files of whom are being sent, or read.
#[derive(Clone, Debug, Default)]
struct Places(Arc<Mutex<Taken>>);

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    of_storefronts: BTreeMap<StorefrontId, usize>,
    of_persons: BTreeMap<String, usize>,
}

/// Given back when it is dropped.
struct Place {
    of: Places,
    taker: Taker,
}

impl Places {
    fn take(&self, taker: Taker) -> Option<Place> {
        let mut taken = locked(&self.0);
        let own = taken.of_persons.get(&taker.person).copied().unwrap_or_default();
        let of_storefront = taker.storefront_id.and_then(|id| taken.of_storefronts.get(&id).copied());
        if own >= MOST_AT_ONCE_OF_ONE
            || of_storefront.is_some_and(|count| count >= MOST_AT_ONCE_OF_A_STOREFRONT)
            || taken.all >= MOST_AT_ONCE
        {
            return None;
        }
        taken.all += 1;
        *taken.of_persons.entry(taker.person.clone()).or_default() += 1;
        if let Some(id) = taker.storefront_id {
            *taken.of_storefronts.entry(id).or_default() += 1;
        }
        Some(Place { of: self.clone(), taker })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = locked(&self.of.0);
        taken.all = taken.all.saturating_sub(1);
        give_back(&mut taken.of_persons, &self.taker.person);
        if let Some(id) = self.taker.storefront_id {
            give_back(&mut taken.of_storefronts, &id);
        }
    }
}

fn give_back<K: Ord>(counts: &mut BTreeMap<K, usize>, key: &K) {
    match counts.get_mut(key) {
        Some(count) if *count > 1 => *count -= 1,
        Some(_) | None => drop(counts.remove(key)),
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;

    fn taker(person: &str, storefront: Option<u128>) -> Taker {
        let storefront_id = storefront.map(|id| StorefrontId(uuid::Uuid::from_u128(id)));
        Taker { person: person.to_owned(), storefront_id }
    }

    #[test]
    fn nobody_takes_all_places_and_each_is_given_back() {
        let places = Places::default();
        let of = |person: &str| places.take(taker(person, Some(1)));
        let mut held: Vec<Place> = (0..MOST_AT_ONCE_OF_ONE).filter_map(|_| of("buyer_1")).collect();
        assert_eq!(held.len(), MOST_AT_ONCE_OF_ONE);
        assert!(of("buyer_1").is_none());
        held.extend((0..MOST_AT_ONCE).filter_map(|number| of(&format!("another_{number}"))));
        assert_eq!(held.len(), MOST_AT_ONCE_OF_A_STOREFRONT, "all buyers of one storefront together");
        held.extend((0..MOST_AT_ONCE).filter_map(|number| places.take(taker(&format!("supplier_{number}"), None))));
        assert_eq!(held.len(), MOST_AT_ONCE);
        assert!(places.take(taker("operator_1", None)).is_none());
        held.clear();
        assert!(of("buyer_1").is_some());
        let taken = locked(&places.0);
        assert!(taken.all == 0 && taken.of_persons.is_empty() && taken.of_storefronts.is_empty());
    }

    #[tokio::test]
    async fn who_stops_reading_loses_the_place() {
        let places = Places::default();
        let bytes = vec![7; PART + 1];
        let place = || places.take(taker("buyer_1", None)).expect("a place");
        let read: Vec<_> =
            handed_on(Held { bytes: bytes.clone(), _place: place() }, PATIENCE_OF_A_DOWNLOAD).collect().await;
        let read: Vec<u8> = read.into_iter().flat_map(|part| part.expect("a part")).collect();
        assert_eq!((read, locked(&places.0).all), (bytes.clone(), 0));

        let mut stalled = Box::pin(handed_on(Held { bytes: bytes.clone(), _place: place() }, Duration::ZERO));
        while locked(&places.0).all > 0 {
            tokio::task::yield_now().await;
        }
        assert!(stalled.next().await.expect("an end").is_err(), "a part isn't taken for the whole file");

        drop(handed_on(Held { bytes, _place: place() }, PATIENCE_OF_A_DOWNLOAD));
        assert_eq!(locked(&places.0).all, 0, "who hangs up gives the place back");
    }

    #[test]
    fn a_name_stays_in_its_header() {
        let name = "a\"; filename=b.exe\r\nx: 1 照片.png";
        let encoded = utf8_percent_encode(name, NAME).to_string();
        assert!(encoded.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"%-._".contains(&byte)), "{encoded}");
    }
}

//! `GET /files/{id}`: a file, for who sees what it is attached to.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use entity::credential::Scope;
use entity::file::{MediaType, Model};
use futures_util::{Stream, stream};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::task::JoinSet;

use super::{FileSlot, FileSlots, PathText, busy};
use crate::error::{Error, ErrorCode};
use crate::file;
use crate::http::caller::caller;
use crate::http::failure;
use crate::http::state::HttpState;
use crate::peer::Client;

/// How long a client may take to read a file, and how much of it is handed on at once.
const PATIENCE_OF_A_DOWNLOAD: Duration = Duration::from_secs(60);
const PART: usize = 64 * 1024;

/// `quoted-string` has no way to say most names; of RFC 8187's `attr-char` the letters, the digits and these are
/// enough.
const NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

pub(super) async fn read(
    State(state): State<HttpState>,
    Extension(slots): Extension<FileSlots>,
    client: Client,
    id: PathText,
    headers: HeaderMap,
) -> Response {
    let app = &state.app;
    let viewer = match caller(&state, headers.get(header::AUTHORIZATION), client).await {
        Ok(caller) if caller.lacks(Scope::Read) => {
            let message = "this needs the scope READ, which this credential lacks";
            return failure::answer(StatusCode::FORBIDDEN, ErrorCode::NotPermitted, message);
        }
        Ok(caller) => caller.viewer,
        Err(refusal) => return refusal,
    };
    let Some(slot) = slots.take(viewer.principal(), viewer.storefront()) else { return busy("read") };
    let db = &app.db.read;
    let found = async {
        let Some(id) = id.ok().and_then(|Path(id)| id.parse().ok()) else { return Ok(None) };
        let Some(file) = file::find_file(db, &viewer, id).await? else { return Ok(None) };
        let bytes = file::read_content(db, file.id).await?;
        Ok::<_, Error>(Some((file, bytes)))
    };
    match found.await {
        Ok(Some((file, bytes))) => {
            let mut headers = headers_of(&file);
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
            (headers, Body::from_stream(sent_in_parts(HeldFile { bytes, _slot: slot }, PATIENCE_OF_A_DOWNLOAD)))
                .into_response()
        }
        Ok(None) => {
            let message = "there is no such file for whoever holds this credential";
            failure::answer(StatusCode::NOT_FOUND, ErrorCode::NotFound, message)
        }
        Err(error) => failure::from_error(&error),
    }
}

/// Somebody else's file: saved, never shown as a page of ours, and no cache's to keep. (That its type is not to be
/// guessed every answer says.)
fn headers_of(file: &Model) -> HeaderMap {
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

/// A file's bytes, and the slot that they take.
struct HeldFile {
    bytes: Vec<u8>,
    _slot: FileSlot,
}

/// Part by part. A client that stops reading is not asked any more, so the bytes and their slot are given back by a
/// clock of their own; whoever goes on reading then finds the connection broken off.
fn sent_in_parts(held: HeldFile, patience: Duration) -> impl Stream<Item = std::io::Result<Bytes>> + Send {
    let held = Arc::new(Mutex::new(Some(held)));
    let mut clock = JoinSet::new();
    let expiring = Arc::clone(&held);
    clock.spawn(async move {
        tokio::time::sleep(patience).await;
        drop(locked(&expiring).take());
    });
    stream::unfold((Sending { held, _clock: clock }, 0), |(sending, at)| async move {
        let part = locked(&sending.held).as_ref().map(|held| {
            let rest = held.bytes.get(at..).unwrap_or_default();
            Bytes::copy_from_slice(rest.get(..PART).unwrap_or(rest))
        });
        match part {
            None => Some((Err(std::io::ErrorKind::TimedOut.into()), (sending, at))),
            Some(part) if part.is_empty() => None,
            Some(part) => {
                let next = at + part.len();
                Some((Ok(part), (sending, next)))
            }
        }
    })
}

/// Gives the slot back with the stream's end, however it ends. The clock ends with it.
struct Sending {
    held: Arc<Mutex<Option<HeldFile>>>,
    _clock: JoinSet<()>,
}

impl Drop for Sending {
    fn drop(&mut self) {
        drop(locked(&self.held).take());
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::super::FileKey;
    use super::*;

    #[tokio::test]
    async fn who_stops_reading_loses_the_slot() {
        let slots = FileSlots::default();
        let bytes = vec![7; PART + 1];
        let slot = || slots.take("buyer_1".to_owned(), None).expect("a slot");
        let read: Vec<_> =
            sent_in_parts(HeldFile { bytes: bytes.clone(), _slot: slot() }, PATIENCE_OF_A_DOWNLOAD).collect().await;
        let read: Vec<u8> = read.into_iter().flat_map(|part| part.expect("a part")).collect();
        assert_eq!((read, slots.0.count(&FileKey::All)), (bytes.clone(), 0));

        let mut stalled = Box::pin(sent_in_parts(HeldFile { bytes: bytes.clone(), _slot: slot() }, Duration::ZERO));
        while slots.0.count(&FileKey::All) > 0 {
            tokio::task::yield_now().await;
        }
        assert!(stalled.next().await.expect("an end").is_err(), "a part isn't taken for the whole file");

        drop(sent_in_parts(HeldFile { bytes, _slot: slot() }, PATIENCE_OF_A_DOWNLOAD));
        assert_eq!(slots.0.count(&FileKey::All), 0, "who hangs up gives the slot back");
    }

    #[test]
    fn a_name_stays_in_its_header() {
        let name = "a\"; filename=b.exe\r\nx: 1 照片.png";
        let encoded = utf8_percent_encode(name, NAME).to_string();
        assert!(encoded.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"%-._".contains(&byte)), "{encoded}");
    }
}

//! Reads a request's body before its handler runs: at most 1 MiB, within 10 seconds. A client that sends slower or more
//! holds neither a handler nor a database connection. Only files have wider bounds, for who may send one.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use futures_util::StreamExt;

use super::failure;
use crate::error::ErrorCode;

pub const MOST_BYTES: usize = 1024 * 1024;

/// How much is read, and how long it may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) most_bytes: usize,
    pub(super) patience: Duration,
}

const USUAL: Bounds = Bounds { most_bytes: MOST_BYTES, patience: Duration::from_secs(10) };

/// A body this much too large is still read to its end, so that the client gets to read the refusal: when a connection
/// is closed over unread bytes, the answer is often lost with it.
const MOST_BYTES_IGNORED: usize = 4 * 1024 * 1024;

pub(super) async fn read_in_bounds(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    match read(body, USUAL).await {
        Ok(bytes) => next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Err(refusal) => refusal,
    }
}

/// The whole body; or the answer to a client that sends too much, too slowly, or not to the end.
pub(super) async fn read(body: Body, bounds: Bounds) -> Result<Vec<u8>, Response> {
    let Bounds { most_bytes, patience } = bounds;
    match tokio::time::timeout(patience, collect(body, most_bytes, MOST_BYTES_IGNORED)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(Unreadable::TooLarge)) => Err(failure::answer(
            StatusCode::PAYLOAD_TOO_LARGE,
            ErrorCode::PayloadTooLarge,
            &format!("a request's body may have {most_bytes} bytes"),
        )),
        Ok(Err(Unreadable::Broken)) => {
            Err(failure::answer(StatusCode::BAD_REQUEST, ErrorCode::BadRequest, "the request's body broke off"))
        }
        Err(_elapsed) => Err(failure::answer(
            StatusCode::REQUEST_TIMEOUT,
            ErrorCode::BadRequest,
            &format!("the request's body did not arrive within {} seconds", patience.as_secs()),
        )),
    }
}

/// Reads a body of up to `bounds`, or one a little larger, without keeping it, so that the client gets to read why its
/// request is refused.
pub(super) async fn ignore(body: Body, bounds: Bounds) {
    let all = collect(body, 0, bounds.most_bytes + MOST_BYTES_IGNORED);
    drop(tokio::time::timeout(USUAL.patience, all).await);
}

enum Unreadable {
    TooLarge,
    Broken,
}

async fn collect(body: Body, most_bytes: usize, most_ignored: usize) -> Result<Vec<u8>, Unreadable> {
    let mut stream = body.into_data_stream();
    let mut bytes: Vec<u8> = Vec::new();
    let mut ignored = 0_usize;
    while let Some(part) = stream.next().await {
        let Ok(part) = part else { return Err(Unreadable::Broken) };
        if ignored > 0 || bytes.len() + part.len() > most_bytes {
            ignored += part.len();
            if ignored > most_ignored {
                break;
            }
        } else {
            bytes.extend_from_slice(&part);
        }
    }
    if ignored > 0 { Err(Unreadable::TooLarge) } else { Ok(bytes) }
}

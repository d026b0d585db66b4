//! Reads a request's body before its handler runs: at most 1 MiB, within 10 seconds. A client that sends slower or more
//! holds neither a handler nor a database connection.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use futures_util::StreamExt;

use super::failure;
use crate::error::ErrorCode;

pub(super) const MOST_BYTES: usize = 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(10);

/// A body this much too large is still read to its end, so that the client gets to read the refusal: when a connection
/// is closed over unread bytes, the answer is often lost with it.
const MOST_BYTES_IGNORED: usize = 4 * 1024 * 1024;

pub(super) async fn read_in_bounds(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    match tokio::time::timeout(PATIENCE, read(body)).await {
        Ok(Ok(bytes)) => next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Ok(Err(Unreadable::TooLarge)) => failure::answer(
            StatusCode::PAYLOAD_TOO_LARGE,
            ErrorCode::PayloadTooLarge,
            &format!("a request's body may have {MOST_BYTES} bytes"),
        ),
        Ok(Err(Unreadable::Broken)) => {
            failure::answer(StatusCode::BAD_REQUEST, ErrorCode::BadRequest, "the request's body broke off")
        }
        Err(_elapsed) => failure::answer(
            StatusCode::REQUEST_TIMEOUT,
            ErrorCode::BadRequest,
            &format!("the request's body did not arrive within {} seconds", PATIENCE.as_secs()),
        ),
    }
}

enum Unreadable {
    TooLarge,
    Broken,
}

async fn read(body: Body) -> Result<Bytes, Unreadable> {
    let mut stream = body.into_data_stream();
    let mut bytes: Vec<u8> = Vec::new();
    let mut ignored = 0_usize;
    while let Some(part) = stream.next().await {
        let Ok(part) = part else { return Err(Unreadable::Broken) };
        if ignored > 0 || bytes.len() + part.len() > MOST_BYTES {
            ignored += part.len();
            if ignored > MOST_BYTES_IGNORED {
                break;
            }
        } else {
            bytes.extend_from_slice(&part);
        }
    }
    if ignored > 0 { Err(Unreadable::TooLarge) } else { Ok(bytes.into()) }
}

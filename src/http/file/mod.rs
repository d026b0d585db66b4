//! Files over HTTP: `PUT /uploads/{token}` takes one, `GET /files/{id}` gives it to who sees what it is attached to.
//!
//! An upload's address is a capability: no bearer token is asked for. Its body may be larger and slower than others',
//! so it is read only for an address that still takes a file, and for so many at once. Neither one uploader nor all
//! buyers of one storefront can take all slots. A client that stops reading a file loses its slot, and the file its
//! memory, in time.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{StatusCode, header};
use axum::response::Response;
use axum::routing::{get, put};
use axum::{Extension, Router};
use entity::StorefrontId;

use super::failure;
use super::state::HttpState;
use crate::app::App;
use crate::error::ErrorCode;
use crate::slots::{Slot, Slots};

mod download;
mod upload;

/// Files that are sent, or read, at once, by this node: all of them, those of the buyers of one storefront, and one
/// person's. They are in memory that long.
const MOST_AT_ONCE: usize = 24;
const MOST_AT_ONCE_OF_A_STOREFRONT: usize = 12;
const MOST_AT_ONCE_OF_ONE: usize = 3;

/// Stands outside of the usual bounds of a body.
pub(super) fn uploads() -> Router<App> {
    Router::new()
        .route("/uploads/{token}", put(upload::receive))
        .method_not_allowed_fallback(|| async { failure::method_not_allowed() })
        .layer(Extension(FileSlots::default()))
}

pub(super) fn files() -> Router<HttpState> {
    Router::new().route("/files/{id}", get(download::read)).layer(Extension(FileSlots::default()))
}

type PathText = Result<Path<String>, PathRejection>;

fn busy(what: &str) -> Response {
    failure::answer_with(
        StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::Unavailable,
        &format!("too many files are being {what} at once; try again, one after the other"),
        (header::RETRY_AFTER, "5"),
    )
}

/// What is counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum FileKey {
    All,
    Storefront(StorefrontId),
    /// [`Viewer::principal`](crate::auth::Viewer::principal).
    Person(String),
}

type FileSlot = Slot<FileKey>;

/// How many files of whom are being sent, or read.
#[derive(Clone, Debug, Default)]
struct FileSlots(Slots<FileKey>);

impl FileSlots {
    fn take(&self, person: String, storefront_id: Option<StorefrontId>) -> Option<FileSlot> {
        self.0.take([
            Some((FileKey::Person(person), MOST_AT_ONCE_OF_ONE)),
            storefront_id.map(|id| (FileKey::Storefront(id), MOST_AT_ONCE_OF_A_STOREFRONT)),
            Some((FileKey::All, MOST_AT_ONCE)),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_all_slots_and_each_is_given_back() {
        let slots = FileSlots::default();
        let storefront_id = StorefrontId(uuid::Uuid::from_u128(1));
        let of = |person: &str| slots.take(person.to_owned(), Some(storefront_id));
        let mut held: Vec<FileSlot> = (0..MOST_AT_ONCE_OF_ONE).filter_map(|_| of("buyer_1")).collect();
        assert_eq!(held.len(), MOST_AT_ONCE_OF_ONE);
        assert!(of("buyer_1").is_none());
        held.extend((0..MOST_AT_ONCE).filter_map(|number| of(&format!("another_{number}"))));
        assert_eq!(held.len(), MOST_AT_ONCE_OF_A_STOREFRONT, "all buyers of one storefront together");
        held.extend((0..MOST_AT_ONCE).filter_map(|number| slots.take(format!("supplier_{number}"), None)));
        assert_eq!(held.len(), MOST_AT_ONCE);
        assert!(slots.take("operator_1".to_owned(), None).is_none());
        held.clear();
        assert!(of("buyer_1").is_some());
        assert!(slots.0.is_empty());
    }
}

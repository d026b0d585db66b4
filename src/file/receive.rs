//! Taking what is sent to an upload's address.

use entity::file::{Column, Entity, MediaType, Model};
use entity::{Time, file_content};
use futures_util::future::BoxFuture;
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use sha2::{Digest, Sha256};

use super::MOST_BYTES;
use crate::app::App;
use crate::auth::hash_token;
use crate::db::retrying;
use crate::error::{Error, Result};

/// Why a file was not taken.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Refusal {
    #[error("there is no such upload; ask for one with createUpload")]
    Unknown,
    #[error("this upload URL was valid for an hour, which is over; ask for another with createUpload")]
    Expired,
    #[error("a file was sent to this upload URL already; ask for another with createUpload")]
    Used,
    #[error("was declared as {declared}; send this content-type, or ask for another upload with createUpload")]
    OtherType { declared: &'static str },
    #[error("has {sent} bytes, but {declared} were declared; ask for another upload with createUpload")]
    OtherSize { declared: i32, sent: usize },
    #[error("a file may have {MOST_BYTES} bytes")]
    TooLarge,
    #[error("the content is not {declared}; ask for another upload with the type that it is, or send a proper file")]
    OtherContent { declared: &'static str },
    #[error("{0}")]
    Failed(#[from] Error),
}

/// The upload behind a token, if something can still be sent to it. No viewer: whoever has the token may send.
pub async fn find_upload<C: ConnectionTrait>(db: &C, token: &str, wall_now: Time) -> Result<Model, Refusal> {
    let found = Entity::find().filter(Column::TokenHash.eq(hash_token(token))).one(db).await.map_err(Error::from)?;
    match found {
        None => Err(Refusal::Unknown),
        Some(file) if file.sha256.is_some() => Err(Refusal::Used),
        Some(file) if file.expires_at <= wall_now => Err(Refusal::Expired),
        Some(file) => Ok(file),
    }
}

/// Whether a body that calls itself `content_type` is of the declared type; its parameters say nothing that counts.
pub fn check_content_type(file: &Model, content_type: &str) -> Result<(), Refusal> {
    let declared = file.media_type.name();
    let sent = content_type.split(';').next().unwrap_or_default().trim();
    if sent.eq_ignore_ascii_case(declared) { Ok(()) } else { Err(Refusal::OtherType { declared }) }
}

/// Keeps what was sent, once. The file as it is now has its SHA-256.
pub fn receive<'a>(
    app: &'a App,
    token: &'a str,
    content_type: &'a str,
    bytes: Vec<u8>,
) -> BoxFuture<'a, Result<Model, Refusal>> {
    Box::pin(async move {
        let file = find_upload(&app.db.read, token, app.clock.wall()).await?;
        check_content_type(&file, content_type)?;
        let (declared, sent) = (file.byte_size, bytes.len());
        if sent > MOST_BYTES {
            return Err(Refusal::TooLarge);
        }
        if usize::try_from(declared) != Ok(sent) {
            return Err(Refusal::OtherSize { declared, sent });
        }
        let media_type = file.media_type;
        // Ten mebibytes would keep other requests waiting.
        let inspected = tokio::task::spawn_blocking(move || {
            is_of_type(media_type, &bytes).then(|| (hex::encode(Sha256::digest(&bytes)), bytes))
        });
        let inspected = inspected.await.map_err(|cause| Error::internal(format!("looking into a file: {cause}")))?;
        let (sha256, bytes) = inspected.ok_or(Refusal::OtherContent { declared: media_type.name() })?;
        let is_first = retrying(|| async {
            let transaction = app.db.begin_write().await?;
            let unsent = Entity::update_many()
                .col_expr(Column::Sha256, Expr::value(sha256.clone()))
                .filter(Column::Id.eq(file.id))
                .filter(Column::Sha256.is_null());
            if unsent.exec(&transaction).await?.rows_affected == 0 {
                return Ok(false);
            }
            let content = file_content::ActiveModel { file_id: Set(file.id), bytes: Set(bytes.clone()) };
            file_content::Entity::insert(content).exec_without_returning(&transaction).await?;
            transaction.commit().await?;
            Ok(true)
        })
        .await?;
        if is_first { Ok(Model { sha256: Some(sha256), ..file }) } else { Err(Refusal::Used) }
    })
}

/// By the content's own marks, whatever it was called.
fn is_of_type(media_type: MediaType, bytes: &[u8]) -> bool {
    match media_type {
        MediaType::Jpeg | MediaType::Png | MediaType::Webp | MediaType::Pdf => {
            infer::get(bytes).is_some_and(|found| found.mime_type() == media_type.name())
        }
        MediaType::Text => !bytes.contains(&0) && std::str::from_utf8(bytes).is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_known_by_its_own_marks() {
        let samples: [(MediaType, &[u8]); 5] = [
            (MediaType::Jpeg, b"\xff\xd8\xff\xe0\0\x10JFIF\0"),
            (MediaType::Png, b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
            (MediaType::Webp, b"RIFF\x24\0\0\0WEBPVP8 "),
            (MediaType::Pdf, b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"),
            (MediaType::Text, "Die Ware fehlt.\n货物没有到".as_bytes()),
        ];
        for (declared, _bytes) in samples {
            for (media_type, bytes) in samples {
                assert_eq!(is_of_type(declared, bytes), declared == media_type, "{declared:?}: {media_type:?}");
            }
            assert!(!is_of_type(declared, b"MZ\0\0\xff"), "{declared:?}");
        }
        assert!(is_of_type(MediaType::Text, b"<script>alert(1)</script>"), "it is never shown as a page");
    }
}

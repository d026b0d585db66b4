//! Files as evidence about an order: staged, sent, attached, read.
//!
//! [`create_upload`] hands out an address that takes one file, once, within an hour; whoever has the address can send it,
//! and the database keeps only the hash of its token. [`receive`] keeps what arrives, if it is what was declared. Only
//! [`attach`], which the order's write path calls in its own transaction, makes it evidence: then it can be read by all who
//! see the order, and the database refuses to change it. What nobody attached within a day is forgotten.
//!
//! Of `order` only finders are used: the write path calls this part, not the other way round.

use chrono::TimeDelta;
use entity::evidence_file::{Column, Entity, MediaType, Model};
use entity::{EvidenceFileId, OrderId, Time, evidence_content, order as orders};
use sea_orm::sea_query::{Expr, Query};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel,
    QueryFilter, QuerySelect,
};
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::auth::{Viewer, hash_token};
use crate::clock::Clock;
use crate::db::{Db, retrying};
use crate::error::{Error, ErrorCode, Problem, Result};
use crate::order::visible;
use crate::validate::Checks;

/// 10 MiB.
pub const MOST_BYTES: usize = 10 * 1024 * 1024;
/// Sent or still to be sent, but not attached: of one uploader about one order, and about all orders.
const MOST_PENDING: usize = 20;
const MOST_PENDING_IN_ALL: usize = 100;
const SENT_WITHIN: TimeDelta = TimeDelta::hours(1);
const ATTACHED_WITHIN: TimeDelta = TimeDelta::days(1);

/// The file that somebody is about to send.
#[derive(Clone, Debug)]
pub struct NewUpload {
    pub order_id: OrderId,
    pub file_name: String,
    pub media_type: String,
    pub byte_size: i32,
}

/// Where to send it.
#[derive(Clone)]
pub struct Upload {
    pub file: Model,
    /// The secret part of the URL; nobody can read it again.
    pub token: String,
    pub url: String,
}

/// Why a file was not taken.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Refusal {
    #[error("there is no such upload; ask for one with createEvidenceUpload")]
    Unknown,
    #[error("this upload URL was valid for an hour, which is over; ask for another with createEvidenceUpload")]
    Expired,
    #[error("a file was sent to this upload URL already; ask for another with createEvidenceUpload")]
    Used,
    #[error("was declared as {declared}; send this content-type, or ask for another upload with createEvidenceUpload")]
    OtherType { declared: &'static str },
    #[error("has {sent} bytes, but {declared} were declared; ask for another upload with createEvidenceUpload")]
    OtherSize { declared: i32, sent: usize },
    #[error("a file may have {MOST_BYTES} bytes")]
    TooLarge,
    #[error("the content is not {declared}; ask for another upload with the type that it is, or send a proper file")]
    OtherContent { declared: &'static str },
    #[error("{0}")]
    Failed(#[from] Error),
}

/// Stages a file. The viewer must see the order, as its buyer, its supplier or an operator.
pub async fn create_upload(app: &App, viewer: &Viewer, mut checks: Checks, input: &NewUpload) -> Result<Upload> {
    match viewer {
        Viewer::Anonymous | Viewer::Storefront { .. } => {
            return Err(viewer.refuse("a buyer, a supplier or an operator"));
        }
        Viewer::Buyer { .. } | Viewer::Supplier { .. } | Viewer::Operator { .. } => {}
    }
    let file_name = checks.line("fileName", &clean_name(&input.file_name), 200);
    let most = i32::try_from(MOST_BYTES).unwrap_or(i32::MAX);
    let byte_size = checks.within("byteSize", input.byte_size, 1..=most);
    let media_type = check_media_type(&mut checks, &input.media_type);
    let media_type = checks.finish_with(media_type)?;
    let (token, wall) = (new_token(&app.clock), app.clock.wall());
    let file = Model {
        id: EvidenceFileId(app.clock.new_id()),
        order_id: input.order_id,
        uploader: viewer.principal(),
        token_hash: hash_token(&token),
        file_name,
        media_type,
        byte_size,
        sha256: None,
        expires_at: wall + SENT_WITHIN,
        attached_at: None,
        created_at: wall,
    };
    retrying(|| async {
        let transaction = app.db.begin_write().await?;
        require_room(&transaction, viewer, &file).await?;
        Entity::insert(file.clone().into_active_model().reset_all()).exec_without_returning(&transaction).await?;
        transaction.commit().await?;
        Ok(())
    })
    .await?;
    let url = format!("{}/uploads/{token}", app.settings.public_url());
    Ok(Upload { file, token, url })
}

/// What is staged and sent without ever becoming evidence takes room from everybody.
async fn require_room<C: ConnectionTrait>(transaction: &C, viewer: &Viewer, file: &Model) -> Result<()> {
    // Locked, so that uploads asked for at once are counted one after the other.
    let order = orders::Entity::find_by_id(file.order_id).filter(visible(viewer)).lock_exclusive();
    if order.one(transaction).await?.is_none() {
        return Err(Error::not_found("order").at("orderId"));
    }
    let was_or_can_be_sent =
        Condition::any().add(Column::Sha256.is_not_null()).add(Column::ExpiresAt.gt(file.created_at));
    let pending: Vec<OrderId> = Entity::find()
        .select_only()
        .column(Column::OrderId)
        .filter(Column::Uploader.eq(&file.uploader))
        .filter(Column::AttachedAt.is_null())
        .filter(was_or_can_be_sent)
        .into_tuple()
        .all(transaction)
        .await?;
    let here = pending.iter().filter(|order_id| **order_id == file.order_id).count();
    if here < MOST_PENDING && pending.len() < MOST_PENDING_IN_ALL {
        return Ok(());
    }
    let message = format!(
        "{here} uploads about this order, and {} in all, are not evidence yet; {MOST_PENDING} and {MOST_PENDING_IN_ALL} \
         are allowed. Attach what was sent, or wait: what isn't sent within an hour, or attached within a day, is forgotten",
        pending.len()
    );
    Err(vec![Problem::new(ErrorCode::InvalidInput, message).at("orderId")].into())
}

/// The last part of a path, without characters that hide or reorder what is read.
fn clean_name(name: &str) -> String {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    // Marks of the writing direction could show another ending than the name has.
    let is_hidden = |c: &char| {
        c.is_control()
            || matches!(*c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    let name: String = name.chars().filter(|c| !is_hidden(c)).collect();
    // No name at all, or one that means a folder.
    if name.trim().chars().all(|c| c == '.') { String::new() } else { name }
}

fn check_media_type(checks: &mut Checks, text: &str) -> Option<MediaType> {
    let found = MediaType::ALL.into_iter().find(|media_type| media_type.name().eq_ignore_ascii_case(text.trim()));
    if found.is_none() {
        let names = MediaType::ALL.map(MediaType::name).join(", ");
        checks.problem("mediaType", ErrorCode::InvalidInput, format!("must be one of {names}"));
    }
    found
}

/// 256 random bits.
fn new_token(clock: &Clock) -> String {
    hex::encode([clock.random_bytes(), clock.random_bytes()].concat())
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
pub async fn receive(app: &App, token: &str, content_type: &str, bytes: Vec<u8>) -> Result<Model, Refusal> {
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
        let content = evidence_content::ActiveModel { file_id: Set(file.id), bytes: Set(bytes.clone()) };
        evidence_content::Entity::insert(content).exec_without_returning(&transaction).await?;
        transaction.commit().await?;
        Ok(true)
    })
    .await?;
    if is_first { Ok(Model { sha256: Some(sha256), ..file }) } else { Err(Refusal::Used) }
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

/// Makes a file evidence, in the transaction of the command that presents it. It must be about this order, sent by this
/// principal ([`Viewer::principal`]), and not be evidence yet. `now` is business time.
pub async fn attach<C: ConnectionTrait>(
    transaction: &C,
    principal: &str,
    order_id: OrderId,
    file_id: EvidenceFileId,
    now: Time,
) -> Result<Model> {
    let refused = |message: &str| Error::from(vec![Problem::new(ErrorCode::InvalidInput, message).at("fileId")]);
    let file = Entity::find_by_id(file_id)
        .filter(Column::OrderId.eq(order_id))
        .filter(Column::Uploader.eq(principal))
        .one(transaction)
        .await?
        .ok_or_else(|| Error::not_found("file of yours about this order").at("fileId"))?;
    if file.sha256.is_none() {
        return Err(refused("was not sent yet; send it to the URL that createEvidenceUpload answered, then add it"));
    }
    let already = "is evidence already; to add a file again, send it to another upload of createEvidenceUpload";
    if file.attached_at.is_some() {
        return Err(refused(already));
    }
    let free = Entity::update_many()
        .col_expr(Column::AttachedAt, Expr::value(now))
        .filter(Column::Id.eq(file_id))
        .filter(Column::AttachedAt.is_null());
    match free.exec(transaction).await?.rows_affected {
        0 => Err(refused(already)),
        _one => Ok(Model { attached_at: Some(now), ..file }),
    }
}

/// A file that is evidence about an order that the viewer sees.
pub async fn find_file<C: ConnectionTrait>(db: &C, viewer: &Viewer, id: EvidenceFileId) -> Result<Option<Model>> {
    Ok(find_files(db, viewer, &[id]).await?.pop())
}

/// Those of these files that are evidence about orders that the viewer sees.
pub async fn find_files<C: ConnectionTrait>(db: &C, viewer: &Viewer, ids: &[EvidenceFileId]) -> Result<Vec<Model>> {
    let own = Query::select().column(orders::Column::Id).from(orders::Entity).cond_where(visible(viewer)).to_owned();
    Ok(Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .filter(Column::AttachedAt.is_not_null())
        .filter(Column::OrderId.in_subquery(own))
        .all(db)
        .await?)
}

/// What was sent; the caller has found the file for the viewer.
pub async fn read_content<C: ConnectionTrait>(db: &C, id: EvidenceFileId) -> Result<Vec<u8>> {
    let content = evidence_content::Entity::find_by_id(id).one(db).await?;
    content.map(|content| content.bytes).ok_or_else(|| Error::internal(format!("the content of {id} is gone")))
}

/// Forgets what was staged a day ago and is not evidence; its content goes with it.
pub async fn prune(db: &Db, clock: &Clock) -> Result<u64> {
    let transaction = db.begin_write().await?;
    let pruned = Entity::delete_many()
        .filter(Column::AttachedAt.is_null())
        .filter(Column::CreatedAt.lt(clock.wall() - ATTACHED_WITHIN))
        .exec(&transaction)
        .await?
        .rows_affected;
    transaction.commit().await?;
    Ok(pruned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_name_and_no_path() {
        for (sent, kept) in [
            ("photo.jpg", "photo.jpg"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\Ana\\foto 1.jpg", "foto 1.jpg"),
            ("a\r\nSet-Cookie: b.png", "aSet-Cookie: b.png"),
            ("gpj.\u{202e}exe.pdf", "gpj.exe.pdf"),
            ("照片 🎉.png", "照片 🎉.png"),
            ("..", ""),
            ("folder/", ""),
        ] {
            assert_eq!(clean_name(sent), kept, "{sent:?}");
        }
    }

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

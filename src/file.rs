//! Files: staged, sent, attached, read.
//!
//! [`create_upload`] hands out an address that takes one file, once, within an hour; whoever has the address can send
//! it, and the database keeps only the hash of its token. [`receive()`] keeps what arrives, if it is what was declared.
//! Only [`attach_as_evidence`] and [`attach_to_message`], which the write paths of orders and of conversations call in
//! their own transactions, let others read it: then all who see the order, or the conversation, do, and the database
//! refuses to change it. What nobody attached within a day is forgotten.

mod attach;
mod receive;

pub use attach::{attach_as_evidence, attach_to_message, find_attachments, find_file, find_files, prune, read_content};
pub use receive::{Refusal, check_content_type, find_upload, receive};

use chrono::TimeDelta;
use entity::file::{Column, Entity, MediaType, Model};
use entity::{
    ConversationId, FileId, OrderId, StorefrontId, SupplierId, buyer, conversation, operator, order as orders, supplier,
};
use futures_util::future::BoxFuture;
use sea_orm::sea_query::LockType;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect,
};

use crate::app::App;
use crate::auth::{Viewer, hash_token};
use crate::db::retrying;
use crate::error::{Error, ErrorCode, Problem, Result};
use crate::validate::Checks;
use crate::visibility;
use ground::clock::Clock;

/// 10 MiB.
pub const MOST_BYTES: usize = 10 * 1024 * 1024;
/// Sent or still to be sent, but not attached: of one uploader for one subject, and in all.
const MOST_PENDING: usize = 20;
const MOST_PENDING_IN_ALL: usize = 100;
const SENT_WITHIN: TimeDelta = TimeDelta::hours(1);
const ATTACHED_WITHIN: TimeDelta = TimeDelta::days(1);

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileSubject {
    /// Evidence, or a message about the order.
    Order(OrderId),
    /// A message of the conversation.
    Conversation(ConversationId),
    /// A buyer's first message to the supplier.
    Supplier(SupplierId),
}

impl FileSubject {
    /// The field of the input that names it.
    fn field(self) -> &'static str {
        match self {
            Self::Order(_) => "orderId",
            Self::Conversation(_) => "conversationId",
            Self::Supplier(_) => "supplierId",
        }
    }

    fn of(file: &Model) -> Option<Self> {
        let order = file.order_id.map(Self::Order);
        order.or(file.conversation_id.map(Self::Conversation)).or(file.supplier_id.map(Self::Supplier))
    }

    fn not_found(self) -> Error {
        let what = match self {
            Self::Order(_) => "order",
            Self::Conversation(_) => "conversation",
            Self::Supplier(_) => "supplier",
        };
        self.refused(Problem::new(ErrorCode::NotFound, format!("there is no such {what}")))
    }

    fn refused(self, problem: Problem) -> Error {
        let path = ["input", "about", self.field()].map(ToOwned::to_owned).to_vec();
        vec![Problem { path, ..problem }].into()
    }
}

/// The file that somebody is about to send.
#[derive(Clone, Debug)]
pub struct NewUpload {
    /// None: it was malformed, and is named as that already.
    pub subject: Option<FileSubject>,
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

/// Stages a file: for an order, of its buyer, its supplier or an operator; for a conversation, of its buyer or its
/// supplier; for a supplier, of any buyer.
pub fn create_upload<'a>(
    app: &'a App,
    viewer: &'a Viewer,
    mut checks: Checks,
    input: &'a NewUpload,
) -> BoxFuture<'a, Result<Upload>> {
    Box::pin(async move {
        let storefront_id = match viewer {
            Viewer::Anonymous | Viewer::Storefront { .. } => {
                return Err(viewer.refuse("a buyer, a supplier or an operator"));
            }
            Viewer::Buyer { storefront_id, .. } => Some(*storefront_id),
            Viewer::Supplier { .. } | Viewer::Operator { .. } => None,
        };
        let file_name = checks.line("fileName", &clean_name(&input.file_name), 200);
        let most = i32::try_from(MOST_BYTES).unwrap_or(i32::MAX);
        let byte_size = checks.within("byteSize", input.byte_size, 1..=most);
        let media_type = check_media_type(&mut checks, &input.media_type);
        let (subject, media_type) = checks.finish_with(input.subject.zip(media_type))?;
        let token = new_token(&app.clock);
        let declared = Declared { file_name, media_type, byte_size };
        let file = staged(app, viewer, storefront_id, subject, &token, declared);
        retrying(|| async {
            let transaction = app.db.begin_write().await?;
            require_subject(&transaction, viewer, subject).await?;
            require_room(&transaction, viewer, subject, &file).await?;
            Entity::insert(file.clone().into_active_model().reset_all()).exec_without_returning(&transaction).await?;
            transaction.commit().await?;
            Ok(())
        })
        .await?;
        let url = format!("{}/uploads/{token}", app.settings.public_url());
        Ok(Upload { file, token, url })
    })
}

struct Declared {
    file_name: String,
    media_type: MediaType,
    byte_size: i32,
}

fn staged(
    app: &App,
    viewer: &Viewer,
    storefront_id: Option<StorefrontId>,
    subject: FileSubject,
    token: &str,
    declared: Declared,
) -> Model {
    let wall = app.clock.wall();
    let (mut order_id, mut conversation_id, mut supplier_id) = (None, None, None);
    match subject {
        FileSubject::Order(id) => order_id = Some(id),
        FileSubject::Conversation(id) => conversation_id = Some(id),
        FileSubject::Supplier(id) => supplier_id = Some(id),
    }
    Model {
        id: FileId(app.clock.new_id()),
        order_id,
        conversation_id,
        supplier_id,
        uploader: viewer.principal(),
        storefront_id,
        token_hash: hash_token(token),
        file_name: declared.file_name,
        media_type: declared.media_type,
        byte_size: declared.byte_size,
        sha256: None,
        expires_at: wall + SENT_WITHIN,
        attached_at: None,
        message_id: None,
        position: None,
        created_at: wall,
    }
}

/// It is there for the viewer, who may write there.
async fn require_subject<C: ConnectionTrait>(transaction: &C, viewer: &Viewer, subject: FileSubject) -> Result<()> {
    let is_there = match subject {
        FileSubject::Order(id) => {
            orders::Entity::find_by_id(id).filter(visibility::orders(viewer)).one(transaction).await?.is_some()
        }
        FileSubject::Conversation(id) => {
            let found = conversation::Entity::find_by_id(id)
                .filter(visibility::conversations(viewer))
                .one(transaction)
                .await?
                .is_some();
            if found && matches!(viewer, Viewer::Operator { .. }) {
                return Err(viewer.refuse("a buyer or a supplier"));
            }
            found
        }
        FileSubject::Supplier(id) => {
            viewer.require_buyer()?;
            supplier::Entity::find_by_id(id).one(transaction).await?.is_some()
        }
    };
    if is_there { Ok(()) } else { Err(subject.not_found()) }
}

/// What is staged and sent without ever being attached takes room from everybody.
async fn require_room<C: ConnectionTrait>(
    transaction: &C,
    viewer: &Viewer,
    subject: FileSubject,
    file: &Model,
) -> Result<()> {
    lock_uploader(transaction, viewer).await?;
    let was_or_can_be_sent =
        Condition::any().add(Column::Sha256.is_not_null()).add(Column::ExpiresAt.gt(file.created_at));
    let pending = Entity::find()
        .filter(Column::Uploader.eq(&file.uploader))
        .filter(Column::AttachedAt.is_null())
        .filter(was_or_can_be_sent)
        .all(transaction)
        .await?;
    let here = pending.iter().filter(|file| FileSubject::of(file) == Some(subject)).count();
    if here < MOST_PENDING && pending.len() < MOST_PENDING_IN_ALL {
        return Ok(());
    }
    let message = format!(
        "{here} of your uploads for this, and {} in all, are attached to nothing yet; {MOST_PENDING} and \
         {MOST_PENDING_IN_ALL} are allowed. Use what was sent, or wait: what isn't sent within an hour, or attached within \
         a day, is forgotten",
        pending.len()
    );
    Err(subject.refused(Problem::new(ErrorCode::InvalidInput, message)))
}

/// So that uploads asked for at once are counted one after the other.
async fn lock_uploader<C: ConnectionTrait>(transaction: &C, viewer: &Viewer) -> Result<()> {
    let lock = LockType::NoKeyUpdate;
    match viewer {
        Viewer::Buyer { buyer_id, .. } => {
            drop(buyer::Entity::find_by_id(*buyer_id).lock(lock).one(transaction).await?);
        }
        Viewer::Supplier { supplier_id } => {
            drop(supplier::Entity::find_by_id(*supplier_id).lock(lock).one(transaction).await?);
        }
        Viewer::Operator { operator_id } => {
            drop(operator::Entity::find_by_id(*operator_id).lock(lock).one(transaction).await?);
        }
        Viewer::Anonymous | Viewer::Storefront { .. } => {}
    }
    Ok(())
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
}

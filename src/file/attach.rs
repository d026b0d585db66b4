//! What a file is attached to, who reads it then, and what is forgotten because it is attached to nothing.

use entity::file::{Column, Entity, Model};
use entity::{FileId, MessageId, OrderId, Time, conversation, file_content, message};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};

use super::ATTACHED_WITHIN;
use crate::auth::Viewer;
use crate::db::Db;
use crate::error::{Error, ErrorCode, Problem, Result};
use crate::visibility;
use ground::clock::Clock;

/// Makes a file evidence, in the transaction of the command that presents it. It must be about this order, sent by this
/// principal ([`Viewer::principal`]), and not be attached yet. `now` is business time.
pub async fn attach_as_evidence<C: ConnectionTrait>(
    transaction: &C,
    principal: &str,
    order_id: OrderId,
    file_id: FileId,
    now: Time,
) -> Result<Model> {
    let file = Entity::find_by_id(file_id)
        .filter(Column::OrderId.eq(order_id))
        .filter(Column::Uploader.eq(principal))
        .one(transaction)
        .await?
        .ok_or_else(|| Error::not_found("file of yours about this order").at("fileId"))?;
    require_free(&file).map_err(|problem| Error::from(vec![problem.at("fileId")]))?;
    if !attach(transaction, file_id, now, None).await? {
        return Err(vec![already().at("fileId")].into());
    }
    Ok(Model { attached_at: Some(now), ..file })
}

/// Makes files part of a message, in the transaction that writes it. Each must be for this conversation, or for what it
/// is about and with whom, sent by this principal, and not be attached yet. All problems are shown at once.
pub async fn attach_to_message<C: ConnectionTrait>(
    transaction: &C,
    principal: &str,
    conversation: &conversation::Model,
    message: &message::Model,
    ids: &[FileId],
) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let subject = Condition::any()
        .add(Column::ConversationId.eq(conversation.id))
        .add(Column::SupplierId.eq(conversation.supplier_id))
        .add_option(conversation.order_id.map(|id| Column::OrderId.eq(id)));
    let own = Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .filter(Column::Uploader.eq(principal))
        .filter(subject)
        .all(transaction)
        .await?;
    let mut problems = Vec::new();
    for (index, id) in ids.iter().enumerate() {
        let judged = match own.iter().find(|file| file.id == *id) {
            None => Err(Problem::new(ErrorCode::NotFound, "there is no such file of yours for this conversation")),
            Some(file) => require_free(file),
        };
        match (judged, i32::try_from(index)) {
            (Ok(()), Ok(place)) => {
                if !attach(transaction, *id, message.created_at, Some((message.id, place))).await? {
                    problems.push(at_index(already(), index));
                }
            }
            (Err(problem), _) => problems.push(at_index(problem, index)),
            (Ok(()), Err(_)) => return Err(Error::internal("more files than numbers")),
        }
    }
    // Whoever wrote the message commits nothing of it then.
    if problems.is_empty() { Ok(()) } else { Err(problems.into()) }
}

fn at_index(problem: Problem, index: usize) -> Problem {
    let path = vec!["input".to_owned(), "attachmentIds".to_owned(), index.to_string()];
    Problem { path, ..problem }
}

fn already() -> Problem {
    let message = "is attached already; to use a file again, send it to another upload of createUpload";
    Problem::new(ErrorCode::InvalidInput, message)
}

fn require_free(file: &Model) -> Result<(), Problem> {
    if file.sha256.is_none() {
        let message = "was not sent yet; send it to the URL that createUpload answered, then use it";
        return Err(Problem::new(ErrorCode::InvalidInput, message));
    }
    if file.attached_at.is_some() { Err(already()) } else { Ok(()) }
}

/// False if it was attached in the meantime.
async fn attach<C: ConnectionTrait>(
    transaction: &C,
    id: FileId,
    now: Time,
    to: Option<(MessageId, i32)>,
) -> Result<bool> {
    let mut free = Entity::update_many()
        .col_expr(Column::AttachedAt, Expr::value(now))
        .filter(Column::Id.eq(id))
        .filter(Column::AttachedAt.is_null());
    if let Some((message_id, position)) = to {
        free =
            free.col_expr(Column::MessageId, Expr::value(message_id)).col_expr(Column::Position, Expr::value(position));
    }
    Ok(free.exec(transaction).await?.rows_affected > 0)
}

/// A file that is attached to something that the viewer sees.
pub async fn find_file<C: ConnectionTrait>(db: &C, viewer: &Viewer, id: FileId) -> Result<Option<Model>> {
    Ok(find_files(db, viewer, &[id]).await?.pop())
}

/// Those of these files that are attached to something that the viewer sees.
pub async fn find_files<C: ConnectionTrait>(db: &C, viewer: &Viewer, ids: &[FileId]) -> Result<Vec<Model>> {
    let these = Entity::find().filter(Column::Id.is_in(ids.iter().copied()));
    Ok(these.filter(visibility::files(viewer)).all(db).await?)
}

/// The files of these messages, in their order; the caller has found the messages for the viewer.
pub async fn find_attachments<C: ConnectionTrait>(
    db: &C,
    messages: impl IntoIterator<Item = MessageId> + Send,
) -> Result<Vec<Model>> {
    Ok(Entity::find().filter(Column::MessageId.is_in(messages)).order_by_asc(Column::Position).all(db).await?)
}

/// What was sent; the caller has found the file for the viewer.
pub async fn read_content<C: ConnectionTrait>(db: &C, id: FileId) -> Result<Vec<u8>> {
    let content = file_content::Entity::find_by_id(id).one(db).await?;
    content.map(|content| content.bytes).ok_or_else(|| Error::internal(format!("the content of {id} is gone")))
}

/// Forgets what was staged a day ago and is attached to nothing; its content goes with it.
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

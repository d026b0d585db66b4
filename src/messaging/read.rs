//! How far each side has read.

use entity::{ConversationId, MessageId, conversation, message};
use futures_util::future::BoxFuture;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect};

use super::find::seen_by;
use super::write::{Side, side};
use crate::app::App;
use crate::auth::Viewer;
use crate::db;
use crate::error::{Error, Result};
use crate::validate::Checks;

/// The viewer, buyer or supplier of the conversation, has read up to this message. A marker never goes back.
pub fn mark_read<'a>(
    app: &'a App,
    viewer: Viewer,
    conversation_id: &'a str,
    last_read_message_id: &'a str,
) -> BoxFuture<'a, Result<conversation::Model>> {
    Box::pin(async move {
        let side = side(&viewer)?;
        let mut checks = Checks::input();
        let id: Option<ConversationId> = checks.id("conversationId", conversation_id);
        let last_read: Option<MessageId> = checks.id("lastReadMessageId", last_read_message_id);
        let (id, last_read) = checks.finish_with(id.zip(last_read))?;
        db::retrying(|| async {
            let tx = app.db.begin_write().await?;
            let mut row = seen_by(&viewer)
                .filter(conversation::Column::Id.eq(id))
                .lock_exclusive()
                .one(&tx)
                .await?
                .ok_or_else(|| Error::not_found("conversation").at("conversationId"))?;
            let own = message::Entity::find().filter(message::Column::ConversationId.eq(id));
            if own.clone().filter(message::Column::Id.eq(last_read)).one(&tx).await?.is_none() {
                return Err(Error::not_found("message of this conversation").at("lastReadMessageId"));
            }
            let marker = match side {
                Side::Buyer => row.buyer_read_id,
                Side::Supplier => row.supplier_read_id,
            };
            if marker.is_some_and(|marker| marker >= last_read) {
                return Ok(row);
            }
            let after = own
                .filter(message::Column::Sender.eq(side.other().role()))
                .filter(message::Column::Id.gt(last_read))
                .count(&tx)
                .await?;
            let unread = i32::try_from(after).unwrap_or(i32::MAX);
            let (read_column, unread_column) = match side {
                Side::Buyer => {
                    (row.buyer_read_id, row.buyer_unread) = (Some(last_read), unread);
                    (conversation::Column::BuyerReadId, conversation::Column::BuyerUnread)
                }
                Side::Supplier => {
                    (row.supplier_read_id, row.supplier_unread) = (Some(last_read), unread);
                    (conversation::Column::SupplierReadId, conversation::Column::SupplierUnread)
                }
            };
            conversation::Entity::update_many()
                .col_expr(read_column, Expr::value(last_read))
                .col_expr(unread_column, Expr::value(unread))
                .filter(conversation::Column::Id.eq(id))
                .exec(&tx)
                .await?;
            tx.commit().await?;
            Ok(row)
        })
        .await
    })
}

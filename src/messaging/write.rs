//! Writing: the one place where messages come from.

use entity::credential::Role;
use entity::{ConversationId, FileId, MessageId, OrderId, conversation, message, order};
use futures_util::future::BoxFuture;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect,
};
use uuid::Uuid;

use super::find::{find_conversation, find_messages_by_id, seen_by};
use super::thread::{self, Thread};
use crate::app::App;
use crate::auth::Viewer;
use crate::db;
use crate::error::{Error, ErrorCode, Result};
use crate::file;
use crate::idempotency::IdempotencyKey;
use crate::validate::Checks;

const LONGEST_MESSAGE: usize = 4_000;
pub const MOST_ATTACHMENTS: usize = 10;

/// To whom a buyer writes, and about what.
#[derive(Clone, Debug)]
pub struct Contact {
    pub supplier_id: String,
    pub product_id: Option<String>,
    pub order_id: Option<String>,
}

/// What is written.
#[derive(Clone, Debug)]
pub struct Words {
    /// May be empty if there are attachments.
    pub text: String,
    /// Files that were staged and sent.
    pub attachment_ids: Vec<String>,
    /// Of the whole call, if it came with one.
    pub idempotency_key: Option<IdempotencyKey>,
}

type Posted = (conversation::Model, message::Model);

/// Who writes in a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Buyer,
    Supplier,
}

impl Side {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Buyer => Self::Supplier,
            Self::Supplier => Self::Buyer,
        }
    }

    pub(super) fn role(self) -> Role {
        match self {
            Self::Buyer => Role::Buyer,
            Self::Supplier => Role::Supplier,
        }
    }
}

/// Refuses those who only read along.
pub(super) fn side(viewer: &Viewer) -> Result<Side> {
    match viewer {
        Viewer::Buyer { .. } => Ok(Side::Buyer),
        Viewer::Supplier { .. } => Ok(Side::Supplier),
        Viewer::Storefront { .. } | Viewer::Operator { .. } | Viewer::Anonymous => {
            Err(viewer.refuse("the buyer or the supplier of a conversation"))
        }
    }
}

/// The viewer, a buyer, writes to a supplier. Goes on with the conversation about the same thing, if there is one.
pub fn contact_supplier<'a>(
    app: &'a App,
    viewer: Viewer,
    contact: &'a Contact,
    words: &'a Words,
) -> BoxFuture<'a, Result<conversation::Model>> {
    Box::pin(async move {
        let (_storefront, buyer_id) = viewer.require_buyer()?;
        let mut checks = Checks::input();
        let supplier_id = checks.id("supplierId", &contact.supplier_id);
        let product_id = contact.product_id.as_ref().and_then(|id| checks.id("productId", id));
        let order_id = contact.order_id.as_ref().and_then(|id| checks.id("orderId", id));
        let new = NewMessage::check(&mut checks, &viewer, Side::Buyer, words);
        let supplier_id = checks.finish_with(supplier_id)?;
        let thread = Thread { buyer_id, supplier_id, product_id, order_id };
        let posted = db::retrying(|| async {
            let tx = app.db.begin_write().await?;
            if let Some(posted) = new.find_repeated(&tx).await? {
                return Ok(posted);
            }
            thread::require_subjects(&tx, thread).await?;
            let conversation = thread::open(app, &tx, thread).await?;
            new.post(app, tx, conversation).await
        });
        Ok(posted.await?.0)
    })
}

/// The viewer, a supplier, writes to the buyer of one of its orders, about the order.
pub fn contact_buyer<'a>(
    app: &'a App,
    viewer: Viewer,
    order_id: &'a str,
    words: &'a Words,
) -> BoxFuture<'a, Result<conversation::Model>> {
    Box::pin(async move {
        let supplier_id = viewer.require_supplier()?;
        let mut checks = Checks::input();
        let order_id: Option<OrderId> = checks.id("orderId", order_id);
        let new = NewMessage::check(&mut checks, &viewer, Side::Supplier, words);
        let order_id = checks.finish_with(order_id)?;
        let posted = db::retrying(|| async {
            let tx = app.db.begin_write().await?;
            if let Some(posted) = new.find_repeated(&tx).await? {
                return Ok(posted);
            }
            let order = order::Entity::find_by_id(order_id)
                .filter(order::Column::SupplierId.eq(supplier_id))
                .one(&tx)
                .await?
                .ok_or_else(|| Error::not_found("order of yours").at("orderId"))?;
            let thread = Thread { buyer_id: order.buyer_id, supplier_id, product_id: None, order_id: Some(order_id) };
            let conversation = thread::open(app, &tx, thread).await?;
            new.post(app, tx, conversation).await
        });
        Ok(posted.await?.0)
    })
}

/// The viewer, buyer or supplier of the conversation, writes.
pub fn send_message<'a>(
    app: &'a App,
    viewer: Viewer,
    conversation_id: &'a str,
    words: &'a Words,
) -> BoxFuture<'a, Result<Posted>> {
    Box::pin(async move {
        let side = side(&viewer)?;
        let mut checks = Checks::input();
        let id: Option<ConversationId> = checks.id("conversationId", conversation_id);
        let new = NewMessage::check(&mut checks, &viewer, side, words);
        let id = checks.finish_with(id)?;
        db::retrying(|| async {
            let tx = app.db.begin_write().await?;
            if let Some(posted) = new.find_repeated(&tx).await? {
                return Ok(posted);
            }
            let conversation = seen_by(&viewer)
                .filter(conversation::Column::Id.eq(id))
                .lock_exclusive()
                .one(&tx)
                .await?
                .ok_or_else(|| Error::not_found("conversation").at("conversationId"))?;
            new.post(app, tx, conversation).await
        })
        .await
    })
}

/// One message that came in, checked.
struct NewMessage {
    viewer: Viewer,
    side: Side,
    text: String,
    attachments: Vec<FileId>,
    idempotency_key: Option<IdempotencyKey>,
}

impl NewMessage {
    fn check(checks: &mut Checks, viewer: &Viewer, side: Side, words: &Words) -> Self {
        let attachments = check_attachments(checks, &words.attachment_ids);
        let text = if words.attachment_ids.is_empty() {
            checks.text("text", &words.text, LONGEST_MESSAGE)
        } else {
            checks.optional_text("text", Some(&words.text), LONGEST_MESSAGE).unwrap_or_default()
        };
        IdempotencyKey::check_in(words.idempotency_key.as_ref(), checks);
        Self { viewer: *viewer, side, text, attachments, idempotency_key: words.idempotency_key.clone() }
    }

    /// What the first call with this key wrote.
    async fn find_repeated(&self, tx: &DatabaseTransaction) -> Result<Option<Posted>> {
        let Some(idempotency_key) = &self.idempotency_key else { return Ok(None) };
        let Some(made) = idempotency_key.find(tx).await? else { return Ok(None) };
        let id: MessageId = made.parse().map_err(|error: entity::IdError| Error::internal(error.to_string()))?;
        let gone = || Error::internal(format!("{id} is gone"));
        let message = find_messages_by_id(tx, self.viewer, &[id]).await?.pop().ok_or_else(gone)?;
        let conversation = find_conversation(tx, self.viewer, message.conversation_id).await?.ok_or_else(gone)?;
        Ok(Some((conversation, message)))
    }

    /// Writes into a conversation that is locked, and commits.
    async fn post(&self, app: &App, tx: DatabaseTransaction, mut conversation: conversation::Model) -> Result<Posted> {
        // Who waited for the lock may find that the same call went before: its files are attached by now.
        if let Some(posted) = self.find_repeated(&tx).await? {
            return Ok(posted);
        }
        let message = message::Model {
            id: next_id(app.clock.new_id(), conversation.last_message_id),
            conversation_id: conversation.id,
            sender: self.side.role(),
            text: self.text.clone(),
            created_at: app.clock.now().max(conversation.updated_at),
            feed_position: None,
            storefront_id: None,
            buyer_id: None,
            supplier_id: None,
        };
        message::Entity::insert(message.clone().into_active_model().reset_all()).exec_without_returning(&tx).await?;
        let principal = self.viewer.principal();
        file::attach_to_message(&tx, &principal, &conversation, &message, &self.attachments).await?;
        conversation.last_message_id = message.id;
        conversation.updated_at = message.created_at;
        // Who answers has read what was written before.
        match self.side {
            Side::Buyer => {
                (conversation.buyer_read_id, conversation.buyer_unread) = (Some(message.id), 0);
                conversation.supplier_unread = conversation.supplier_unread.saturating_add(1);
            }
            Side::Supplier => {
                (conversation.supplier_read_id, conversation.supplier_unread) = (Some(message.id), 0);
                conversation.buyer_unread = conversation.buyer_unread.saturating_add(1);
            }
        }
        conversation.clone().into_active_model().reset_all().update(&tx).await?;
        if let Some(idempotency_key) = &self.idempotency_key {
            idempotency_key.record(&tx, &app.clock, message.id.to_string()).await?;
        }
        tx.commit().await?;
        // The worker gives it its position in the feed.
        app.wake_worker();
        Ok((conversation, message))
    }
}

fn check_attachments(checks: &mut Checks, ids: &[String]) -> Vec<FileId> {
    if ids.len() > MOST_ATTACHMENTS {
        let message = format!("has {} files; at most {MOST_ATTACHMENTS} are allowed", ids.len());
        checks.problem("attachmentIds", ErrorCode::InvalidInput, message);
    }
    let mut known: Vec<FileId> = Vec::new();
    checks.under("attachmentIds", |checks| {
        for (index, id) in ids.iter().take(MOST_ATTACHMENTS).enumerate() {
            let Some(id) = checks.id(&index.to_string(), id) else { continue };
            if known.contains(&id) {
                checks.problem(&index.to_string(), ErrorCode::InvalidInput, "is in the list already");
            }
            known.push(id);
        }
    });
    known
}

/// Of two nodes one's clock may be behind the other's: the id is then the one after the last.
fn next_id(fresh: Uuid, last: MessageId) -> MessageId {
    let after = Uuid::from_u128(last.0.as_u128().saturating_add(1));
    MessageId(fresh.max(after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_message_has_a_larger_id_whatever_the_clocks_say() {
        let last = MessageId(Uuid::from_u128(100));
        assert_eq!(next_id(Uuid::from_u128(200), last), MessageId(Uuid::from_u128(200)));
        assert_eq!(next_id(Uuid::from_u128(7), last), MessageId(Uuid::from_u128(101)));
        assert_eq!(next_id(Uuid::from_u128(100), last), MessageId(Uuid::from_u128(101)));
    }
}

//! Following messages as they are committed: of the viewer's conversations, or of one.
//!
//! The feed is another list than a conversation's messages: those are in the order of writing, this is in the order of
//! commits over all conversations, and has cursors of its own.

use entity::message::{Column, Entity, Model};
use entity::{ConversationId, message};
use futures_util::future::BoxFuture;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde::{Deserialize, Serialize};

use super::find_conversation;
use crate::app::App;
use crate::auth::Viewer;
use crate::error::{Error, ErrorCode, Result};
use crate::live::{self, Follower, Source, Topic, sequencer};
use crate::visibility;

/// Messages that a follower who comes late reads at once.
const PART: u64 = 100;

/// A position in the feed of all messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MessageFeedKey {
    pub message_feed: i64,
}

/// Gives every committed message its position in the feed, and publishes it to those who follow it. Cheap when there is
/// nothing to do.
pub async fn sequence(app: &App) -> Result<()> {
    sequencer::MESSAGES.sequence(&app.db).await?;
    let db = &app.db.read;
    let read = |after| async move {
        let placed = Entity::find().filter(Column::FeedPosition.gt(after)).order_by_asc(Column::FeedPosition);
        Ok(placed.limit(live::BATCH).all(db).await?)
    };
    app.messages.publish(read).await
}

pub struct Messages {
    app: App,
    viewer: Viewer,
    conversation_id: Option<ConversationId>,
}

impl Source for Messages {
    type Row = message::Model;

    async fn read(&self, after: i64, until: i64) -> Result<Vec<Model>> {
        let query = Entity::find()
            .filter(Column::FeedPosition.gt(after))
            .filter(Column::FeedPosition.lte(until))
            .filter(visibility::messages_in_feed(&self.viewer))
            .order_by_asc(Column::FeedPosition)
            .limit(PART);
        let query = match self.conversation_id {
            Some(id) => query.filter(Column::ConversationId.eq(id)),
            None => query,
        };
        Ok(query.all(&self.app.db.read).await?)
    }
}

pub type MessageFollower = Follower<Messages>;

/// Follows the messages of the viewer's conversations, or of one: from after a position, or from now on.
pub fn follow_messages<'a>(
    app: &'a App,
    viewer: Viewer,
    conversation_id: Option<ConversationId>,
    after: Option<i64>,
) -> BoxFuture<'a, Result<MessageFollower>> {
    Box::pin(async move {
        let db = &app.db.read;
        let Some(mut topic) = Topic::of(&viewer) else {
            return Err(Error::refused(ErrorCode::Unauthenticated, "send Authorization: Bearer <token>"));
        };
        if let Some(id) = conversation_id {
            find_conversation(db, viewer, id)
                .await?
                .ok_or_else(|| Error::not_found("conversation").at("conversationId"))?;
            topic = Topic::Conversation(id);
        }
        let newest = newest_position(db).await?;
        live::require_known(after, newest)?;
        let listener = app.messages.listen(topic, newest);
        Ok(Follower::new(Messages { app: app.clone(), viewer, conversation_id }, listener, after.unwrap_or(newest)))
    })
}

async fn newest_position<C: ConnectionTrait>(db: &C) -> Result<i64> {
    let newest = Entity::find().select_only().column_as(Column::FeedPosition.max(), "newest");
    let newest: Option<Option<i64>> = newest.into_tuple().one(db).await?;
    Ok(newest.flatten().unwrap_or(0))
}

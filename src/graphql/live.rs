//! Subscriptions to an order and to messages. Those to events are beside the events.

use std::sync::Arc;

use async_graphql::{Context, ID, Result, Subscription};
use futures_util::Stream;
use futures_util::stream::try_unfold;

use crate::error::Error;
use crate::graphql::base::page::Page;
use crate::graphql::base::request::{app, viewer};
use crate::graphql::loader::catalog::nested_rows;
use crate::graphql::messaging::conversation::Message;
use crate::graphql::order::object::Order;
use crate::messaging::{MessageFeedKey, follow_messages};
use crate::order::follow_order;
use crate::validate::Checks;

#[derive(Default)]
pub struct LiveSubscription;

#[Subscription]
impl LiveSubscription {
    /// An order as it is now, at once, and again after each change. States that a slow reader misses are skipped; an older
    /// one never comes after a newer one. Works on any node; ends when the credential does.
    async fn order(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The order's.")] id: ID,
    ) -> Result<impl Stream<Item = Result<Order>> + use<>> {
        let id = id.parse().map_err(|_not_an_id: entity::IdError| Error::not_found("order").at("id"))?;
        let rows = nested_rows(ctx);
        let follower = follow_order(app(ctx), viewer(ctx), id).await?;
        Ok(try_unfold((follower, rows), |(mut follower, rows)| async move {
            let row = follower.next().await?;
            rows.begin_again();
            Ok(Some((Order(row), (follower, rows))))
        }))
    }

    /// Messages of the viewer's conversations, or of one of them, as they are committed: from now on, or from after a
    /// cursor, without a gap or a repetition. Works on any node; after a break go on with the cursor of the last message
    /// that came. Ends when the credential does.
    async fn messages(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only this conversation's; all of the viewer's conversations' if left out.")]
        conversation_id: Option<ID>,
        #[graphql(
            desc = "A message's `cursor`, not one of `Conversation.messages`: begins with the message after it. Begins now if left out."
        )]
        after: Option<String>,
    ) -> Result<impl Stream<Item = Result<Message>> + use<>> {
        let page: Page<MessageFeedKey> = Page::parse(None, after.as_deref())?;
        let mut checks = Checks::arguments();
        let conversation_id = conversation_id.and_then(|id| checks.id("conversationId", &id));
        checks.finish()?;
        let rows = nested_rows(ctx);
        let after = page.after.map(|key| key.message_feed);
        let follower = follow_messages(app(ctx), viewer(ctx), conversation_id, after).await?;
        Ok(try_unfold((follower, rows), |(mut follower, rows)| async move {
            let row = follower.next().await?;
            rows.begin_again();
            Ok(Some((Message::from(Arc::unwrap_or_clone(row)), (follower, rows))))
        }))
    }
}

//! Buyer and supplier talk.

use async_graphql::connection::Connection;
use async_graphql::{Context, ID, InputObject, Object, Result};
use chrono::{DateTime, Utc};
use entity::{ConversationId, MessageId, conversation, message};

use crate::auth::Viewer;
use crate::graphql::base::page::{Page, connection, cursor};
use crate::graphql::base::payload::{answer, payloads};
use crate::graphql::base::request::{app, idempotency_key, viewer};
use crate::graphql::catalog::product::Product;
use crate::graphql::catalog::supplier::Supplier;
use crate::graphql::file::File;
use crate::graphql::loader::catalog::{AttachmentsOf, MessagesOf, Part, loader};
use crate::graphql::party::credential::Role;
use crate::messaging::{self, Contact, MessageFeedKey, Words};
use crate::validate::Checks;

#[derive(Clone)]
pub struct Conversation(pub conversation::Model);

impl Conversation {
    /// None if it isn't the viewer's.
    pub(crate) async fn find(ctx: &Context<'_>, id: ConversationId) -> Result<Option<Self>> {
        Ok(loader(ctx).load_one(id).await?.map(Self))
    }
}

/// A thread between one buyer and one supplier, about a product, an order, or nothing yet.
#[Object]
impl Conversation {
    /// Begins with `conversation_`.
    pub async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// The buyer's id.
    async fn buyer_id(&self) -> ID {
        ID(self.0.buyer_id.to_string())
    }

    /// The supplier.
    async fn supplier(&self, ctx: &Context<'_>) -> Result<Supplier> {
        Supplier::load(ctx, self.0.supplier_id).await
    }

    /// What it is about; null if it is about none, or if the product is withdrawn and not your own.
    async fn product(&self, ctx: &Context<'_>) -> Option<Result<Product>> {
        Product::load(ctx, self.0.product_id?).await.transpose()
    }

    /// The order it is about; null if it is about none.
    async fn order_id(&self) -> Option<ID> {
        self.0.order_id.map(|id| ID(id.to_string()))
    }

    /// The messages, oldest first. Its cursors are this list's: the subscription `messages` goes on from `Message.cursor`.
    async fn messages(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most 100; 20 unless given.")] first: Option<i32>,
        #[graphql(desc = "The endCursor of the page before.")] after: Option<String>,
    ) -> Option<Result<Connection<String, Message>>> {
        let load = async {
            let page = Page::parse(first, after.as_deref())?;
            loader(ctx).loader().take_rows(page.limit)?;
            let part = Part { after: page.after, limit: page.fetch() };
            let rows = loader(ctx).load_one(MessagesOf(self.0.id, part)).await?.unwrap_or_default();
            Ok(connection(rows, &page, |row| row.id, Message::from))
        };
        Some(load.await)
    }

    /// How many messages of the other side you have not read; see `markConversationRead`. Null for those who only read along.
    async fn unread_count(&self, ctx: &Context<'_>) -> Option<i32> {
        match viewer(ctx) {
            Viewer::Buyer { .. } => Some(self.0.buyer_unread),
            Viewer::Supplier { .. } => Some(self.0.supplier_unread),
            Viewer::Storefront { .. } | Viewer::Operator { .. } | Viewer::Anonymous => None,
        }
    }

    /// Up to which message you have read; null if you have read none, and for those who only read along.
    async fn last_read_message_id(&self, ctx: &Context<'_>) -> Option<ID> {
        let marker = match viewer(ctx) {
            Viewer::Buyer { .. } => self.0.buyer_read_id,
            Viewer::Supplier { .. } => self.0.supplier_read_id,
            Viewer::Storefront { .. } | Viewer::Operator { .. } | Viewer::Anonymous => None,
        };
        marker.map(|id| ID(id.to_string()))
    }

    /// When it began.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When the newest message was written.
    async fn updated_at(&self) -> DateTime<Utc> {
        self.0.updated_at
    }
}

#[derive(Clone, Debug)]
pub struct Message(pub message::Model);

impl Message {
    /// None if it isn't of one of the viewer's conversations.
    pub(crate) async fn find(ctx: &Context<'_>, id: MessageId) -> Result<Option<Self>> {
        Ok(loader(ctx).load_one(id).await?.map(Self))
    }
}

impl From<message::Model> for Message {
    fn from(row: message::Model) -> Self {
        Self(row)
    }
}

/// One message of a conversation. Never changed.
#[Object]
impl Message {
    /// Begins with `message_`.
    pub async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// The conversation that it is in.
    async fn conversation_id(&self) -> ID {
        ID(self.0.conversation_id.to_string())
    }

    /// BUYER or SUPPLIER.
    async fn sender(&self) -> Role {
        self.0.sender.into()
    }

    /// As it was written; line breaks are its writer's. Empty only if there are attachments.
    async fn text(&self) -> &str {
        &self.0.text
    }

    /// The files that were sent with it, at most 10.
    async fn attachments(&self, ctx: &Context<'_>) -> Result<Vec<File>> {
        let rows = loader(ctx).load_one(AttachmentsOf(self.0.id)).await?.unwrap_or_default();
        Ok(rows.into_iter().map(File).collect())
    }

    /// When it was written.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// Its place among all messages, to go on from with the subscription `messages(after:)`; no cursor of
    /// `Conversation.messages`, which is another list. Null for the moment until it has one.
    async fn cursor(&self) -> Option<String> {
        self.0.feed_position.map(|position| cursor(&MessageFeedKey { message_feed: position }))
    }
}

/// Which conversations are wanted.
#[derive(Clone, Debug, Default, InputObject)]
pub struct ConversationFilter {
    /// Only with this supplier.
    pub supplier_id: Option<ID>,
    /// Only about this product.
    pub product_id: Option<ID>,
    /// Only about this order.
    pub order_id: Option<ID>,
    /// Only those with messages that you have not read. Those who only read along find none.
    #[graphql(default)]
    pub unread_only: bool,
}

/// Reading conversations.
#[derive(Default)]
pub struct ConversationQuery;

#[Object]
impl ConversationQuery {
    /// Your conversations, the one written in last first: a buyer's and a supplier's own, those of a storefront's buyers.
    async fn conversations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which of them.")] filter: Option<ConversationFilter>,
        #[graphql(desc = "At most 100; 20 unless given.")] first: Option<i32>,
        #[graphql(desc = "The endCursor of the page before.")] after: Option<String>,
    ) -> Option<Result<Connection<String, Conversation>>> {
        let find = async {
            let page = Page::parse(first, after.as_deref())?;
            let filter = filter.unwrap_or_default();
            let mut checks = Checks::arguments();
            let query = checks.under("filter", |checks| messaging::ConversationQuery {
                supplier_id: filter.supplier_id.as_ref().and_then(|id| checks.id("supplierId", id)),
                product_id: filter.product_id.as_ref().and_then(|id| checks.id("productId", id)),
                order_id: filter.order_id.as_ref().and_then(|id| checks.id("orderId", id)),
                unread_only: filter.unread_only,
            });
            checks.finish()?;
            let db = &app(ctx).db.read;
            let rows = messaging::find_conversations(db, viewer(ctx), query, page.after, page.fetch()).await?;
            Ok(connection(rows, &page, |row| row.last_message_id, Conversation))
        };
        Some(find.await)
    }

    /// A conversation; null if there is none of yours with this id.
    async fn conversation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The conversation's.")] id: ID,
    ) -> Option<Result<Conversation>> {
        Conversation::find(ctx, id.parse().ok()?).await.transpose()
    }
}

/// Declares inputs that carry a message.
macro_rules! message_inputs {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, InputObject)]
        pub struct $name {
            /// Makes the call once: the same key again answers the same. Fresh for each new request.
            pub idempotency_key: Option<String>,
            $($(#[$field_doc])* pub $field: $type,)*
            /// Up to 4,000 characters; may be left out if there are attachments.
            #[graphql(default)]
            pub text: String,
            /// Files of yours that were staged with `createUpload`, for what this is about, and sent; at most 10.
            pub attachment_ids: Option<Vec<ID>>,
        }

        impl $name {
            fn words(&self, ctx: &Context<'_>) -> Words {
                let attachment_ids = self.attachment_ids.iter().flatten().map(|id| id.0.clone()).collect();
                Words { text: self.text.clone(), attachment_ids, idempotency_key: idempotency_key(ctx, self) }
            }
        }
    )+};
}

message_inputs! {
    /// A message to a supplier.
    ContactSupplierInput {
        /// Who is to read it.
        supplier_id: ID,
        /// About this product of the supplier's.
        product_id: Option<ID>,
        /// About this order of yours with the supplier.
        order_id: Option<ID>,
    }
    /// A message to the buyer of an order.
    ContactBuyerInput {
        /// The order of yours that it is about.
        order_id: ID,
    }
    /// A further message.
    SendMessageInput {
        /// The conversation's.
        conversation_id: ID,
    }
}

/// How far you have read.
#[derive(Clone, Debug, InputObject)]
pub struct MarkConversationReadInput {
    /// The conversation's.
    pub conversation_id: ID,
    /// The last message in it that you have read. A marker never goes back.
    pub last_read_message_id: ID,
}

payloads! {
    /// What `contactSupplier` answers.
    ContactSupplierPayload {
        /// The conversation that the message is in.
        conversation: Conversation
    }
    /// What `contactBuyer` answers.
    ContactBuyerPayload {
        /// The conversation that the message is in.
        conversation: Conversation
    }
    /// What `sendMessage` answers.
    SendMessagePayload {
        /// The message as it was sent.
        message: Message
    }
    /// What `markConversationRead` answers.
    MarkConversationReadPayload {
        /// The conversation as it is now.
        conversation: Conversation
    }
}

/// Writing in conversations.
#[derive(Default)]
pub struct ConversationMutation;

#[Object]
impl ConversationMutation {
    /// Writes to a supplier. Goes on with your conversation about the same product and order, or begins one. For buyers.
    async fn contact_supplier(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "To whom, about what, and the text.")] input: ContactSupplierInput,
    ) -> Result<ContactSupplierPayload> {
        let words = input.words(ctx);
        let contact = Contact {
            supplier_id: input.supplier_id.0,
            product_id: input.product_id.map(|id| id.0),
            order_id: input.order_id.map(|id| id.0),
        };
        let conversation = messaging::contact_supplier(app(ctx), viewer(ctx), &contact, &words).await;
        answer(conversation.map(Conversation))
    }

    /// Writes to the buyer of an order of yours, about the order, whatever its status. Goes on with the conversation about
    /// it, or begins one. For suppliers.
    async fn contact_buyer(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "About which order, and the text.")] input: ContactBuyerInput,
    ) -> Result<ContactBuyerPayload> {
        let conversation = messaging::contact_buyer(app(ctx), viewer(ctx), &input.order_id, &input.words(ctx)).await;
        answer(conversation.map(Conversation))
    }

    /// Writes in a conversation of yours. What was written before counts as read. For buyers and suppliers.
    async fn send_message(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Where, and the text.")] input: SendMessageInput,
    ) -> Result<SendMessagePayload> {
        let sent = messaging::send_message(app(ctx), viewer(ctx), &input.conversation_id, &input.words(ctx)).await;
        answer(sent.map(|(_conversation, message)| Message(message)))
    }

    /// Says how far you have read in a conversation of yours. For buyers and suppliers.
    async fn mark_conversation_read(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Where, and up to which message.")] input: MarkConversationReadInput,
    ) -> Result<MarkConversationReadPayload> {
        let (id, last_read) = (&input.conversation_id, &input.last_read_message_id);
        let conversation = messaging::mark_read(app(ctx), viewer(ctx), id, last_read).await;
        answer(conversation.map(Conversation))
    }
}

//! Buyer and supplier talk.

use async_graphql::connection::Connection;
use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{ConversationId, conversation, message};

use super::loaders::{MessagesOf, Part, loader};
use super::page::{Page, connection};
use super::party::Role;
use super::payload::{answer, payloads};
use super::product::Product;
use super::supplier::Supplier;
use super::{app, viewer};
use crate::messaging::{self, Contact};
use crate::validate::Checks;

#[derive(Clone)]
pub struct Conversation(pub conversation::Model);

impl Conversation {
    /// None if it isn't the viewer's.
    pub(crate) async fn find(ctx: &Context<'_>, id: ConversationId) -> Result<Option<Self>> {
        Ok(messaging::find_conversation(&app(ctx).db.read, viewer(ctx), id).await?.map(Self))
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

    /// The messages, oldest first.
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

    /// When the buyer began it.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When the newest message was written.
    async fn updated_at(&self) -> DateTime<Utc> {
        self.0.updated_at
    }
}

/// One message of a conversation. Never changed.
#[derive(Clone, Debug, SimpleObject)]
pub struct Message {
    /// Begins with `message_`.
    pub id: ID,
    /// BUYER or SUPPLIER.
    sender: Role,
    /// As it was written; line breaks are its writer's.
    text: String,
    /// When it was written.
    created_at: DateTime<Utc>,
}

impl From<message::Model> for Message {
    fn from(row: message::Model) -> Self {
        Self { id: ID(row.id.to_string()), sender: row.sender.into(), text: row.text, created_at: row.created_at }
    }
}

/// Which conversations are wanted.
#[derive(Clone, Debug, Default, InputObject)]
pub struct ConversationFilter {
    /// Only with this supplier.
    pub supplier_id: Option<ID>,
    /// Only about this order.
    pub order_id: Option<ID>,
}

/// Reading conversations.
#[derive(Default)]
pub struct ConversationQuery;

#[Object]
impl ConversationQuery {
    /// Your conversations, the newest first: a buyer's and a supplier's own, those of a storefront's buyers.
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
                order_id: filter.order_id.as_ref().and_then(|id| checks.id("orderId", id)),
            });
            checks.finish()?;
            let db = &app(ctx).db.read;
            let rows = messaging::find_conversations(db, viewer(ctx), query, page.after, page.fetch()).await?;
            Ok(connection(rows, &page, |row| row.id, Conversation))
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

/// A message to a supplier.
#[derive(Clone, Debug, InputObject)]
pub struct ContactSupplierInput {
    /// Who is to read it.
    pub supplier_id: ID,
    /// About this product of the supplier's.
    pub product_id: Option<ID>,
    /// About this order of yours with the supplier.
    pub order_id: Option<ID>,
    /// Up to 4,000 characters.
    pub text: String,
}

/// A further message.
#[derive(Clone, Debug, InputObject)]
pub struct SendMessageInput {
    /// The conversation's.
    pub conversation_id: ID,
    /// Up to 4,000 characters.
    pub text: String,
}

payloads! {
    /// What `contactSupplier` answers.
    ContactSupplierPayload {
        /// The conversation that the message is in.
        conversation: Conversation
    }
    /// What `sendMessage` answers.
    SendMessagePayload {
        /// The message as it was sent.
        message: Message
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
        let contact = Contact {
            supplier_id: input.supplier_id.0,
            product_id: input.product_id.map(|id| id.0),
            order_id: input.order_id.map(|id| id.0),
            text: input.text,
        };
        let conversation = messaging::contact_supplier(app(ctx), viewer(ctx), &contact).await;
        answer(conversation.map(Conversation))
    }

    /// Writes in a conversation of yours. For buyers and suppliers.
    async fn send_message(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Where, and the text.")] input: SendMessageInput,
    ) -> Result<SendMessagePayload> {
        let sent = messaging::send_message(app(ctx), viewer(ctx), &input.conversation_id, &input.text).await;
        answer(sent.map(|(_conversation, message)| Message::from(message)))
    }
}

//! A thread between one buyer and one supplier, about a product, an order, or nothing yet.

use sea_orm::entity::prelude::*;

use crate::{BuyerId, ConversationId, MessageId, OrderId, ProductId, SupplierId, Time};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "conversation")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ConversationId,
    pub buyer_id: BuyerId,
    pub supplier_id: SupplierId,
    pub product_id: Option<ProductId>,
    pub order_id: Option<OrderId>,
    /// Within a conversation later messages have larger ids.
    pub last_message_id: MessageId,
    /// Up to which message each side has read; none: nothing yet.
    pub buyer_read_id: Option<MessageId>,
    pub supplier_read_id: Option<MessageId>,
    /// How many messages of the other side come after that.
    pub buyer_unread: i32,
    pub supplier_unread: i32,
    pub created_at: Time,
    pub updated_at: Time,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

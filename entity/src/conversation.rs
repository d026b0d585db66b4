//! A thread between one buyer and one supplier, about a product, an order, or nothing yet.

use sea_orm::entity::prelude::*;

use crate::{BuyerId, ConversationId, OrderId, ProductId, SupplierId, Time};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "conversation")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ConversationId,
    pub buyer_id: BuyerId,
    pub supplier_id: SupplierId,
    pub product_id: Option<ProductId>,
    pub order_id: Option<OrderId>,
    pub created_at: Time,
    pub updated_at: Time,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

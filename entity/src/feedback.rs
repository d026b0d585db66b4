//! What the buyer thought of a completed order. One per order; stars from 1 to 5.

use sea_orm::entity::prelude::*;

use crate::{FeedbackId, OrderId, SupplierId, Time};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "feedback")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: FeedbackId,
    #[sea_orm(unique)]
    pub order_id: OrderId,
    pub supplier_id: SupplierId,
    pub product_as_agreed: i32,
    pub communication: i32,
    pub shipping_time: i32,
    pub comment: Option<String>,
    /// 1, or 2 once the buyer has revised it.
    pub revision: i32,
    /// The supplier's answer.
    pub reply: Option<String>,
    pub replied_at: Option<Time>,
    pub created_at: Time,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

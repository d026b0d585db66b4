//! One thing that happened to an order. Triggers refuse every change but giving it its place in the feed, once.

use sea_orm::entity::prelude::*;

use crate::{BuyerId, EventId, OrderId, StorefrontId, SupplierId, Time};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "event")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: EventId,
    pub order_id: OrderId,
    /// 1, 2, 3 … within the order, without a gap.
    pub sequence: i64,
    /// `noun.past_verb`.
    pub kind: String,
    /// Who caused it: BUYER, SUPPLIER, OPERATOR, PROVIDER or TIMER.
    pub actor: String,
    /// What happened, in one sentence, without personal data.
    pub summary: String,
    #[sea_orm(column_type = "JsonBinary")]
    pub data: Json,
    pub occurred_at: Time,
    /// Place in the feed of all orders, in commit order; none until the sequencer has seen it.
    pub feed_position: Option<i64>,
    /// Its order's; these three are given with the place.
    pub storefront_id: Option<StorefrontId>,
    pub buyer_id: Option<BuyerId>,
    pub supplier_id: Option<SupplierId>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

//! One message of a conversation. Triggers refuse every change but giving it its place in the feed, once.

use sea_orm::entity::prelude::*;

use crate::credential::Role;
use crate::{BuyerId, ConversationId, MessageId, StorefrontId, SupplierId, Time};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "message")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: MessageId,
    pub conversation_id: ConversationId,
    /// Buyer or supplier; nobody else writes here.
    pub sender: Role,
    /// Empty only if there are files.
    pub text: String,
    pub created_at: Time,
    /// Place in the feed of all messages, in commit order; none until the sequencer has seen it.
    pub feed_position: Option<i64>,
    /// Its conversation's; these three are given with the place.
    pub storefront_id: Option<StorefrontId>,
    pub buyer_id: Option<BuyerId>,
    pub supplier_id: Option<SupplierId>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

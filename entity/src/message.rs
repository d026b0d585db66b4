//! One message of a conversation. Never changed.

use sea_orm::entity::prelude::*;

use crate::credential::Role;
use crate::{ConversationId, MessageId, Time};

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
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

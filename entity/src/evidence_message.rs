//! A message that a piece of evidence cites. Never changed.

use sea_orm::entity::prelude::*;

use crate::{EvidenceId, MessageId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "evidence_message")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub evidence_id: EvidenceId,
    /// In the order in which they are cited.
    #[sea_orm(primary_key, auto_increment = false)]
    pub position: i32,
    pub message_id: MessageId,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

//! By which references a refund was asked for earlier: a provider may still state something of an attempt that was given up.

use sea_orm::entity::prelude::*;

use crate::{RefundId, Time};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "refund_attempt")]
pub struct Model {
    /// As it was then between us and the provider.
    #[sea_orm(primary_key, auto_increment = false)]
    pub reference: String,
    pub refund_id: RefundId,
    pub created_at: Time,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

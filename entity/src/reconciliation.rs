//! The days that have been reconciled with one provider, or are just being: each is begun once, on whichever node.

use sea_orm::entity::prelude::*;

use crate::Time;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "reconciliation")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub provider: String,
    /// `2026-11-22`, UTC.
    #[sea_orm(primary_key, auto_increment = false)]
    pub day: String,
    pub created_at: Time,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

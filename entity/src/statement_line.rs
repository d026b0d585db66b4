//! What providers say that they have booked: the lines of their statements, each once.

use sea_orm::entity::prelude::*;

use crate::{Currency, MinorUnits, Time};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "statement_line")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub provider: String,
    /// As `payment::LineKind` names it: `capture`, `refund` …
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: String,
    /// The provider's id of the movement.
    #[sea_orm(primary_key, auto_increment = false)]
    pub movement: String,
    pub reference: Option<String>,
    /// More than zero; the kind says which way.
    pub amount: MinorUnits,
    pub currency: Currency,
    /// Of the statement: `2026-11-22`, by the provider's calendar.
    pub day: String,
    pub created_at: Time,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

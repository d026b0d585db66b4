//! Where our books and a provider's don't agree, or ours among themselves. Found once, resolved when it is found no more.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{BookingId, BreakId, Currency, MinorUnits, Time};

/// What doesn't agree.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(40))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum BreakKind {
    /// The provider has booked it, and we have not.
    MissingHere,
    /// We have booked it, and the provider has not.
    MissingThere,
    /// Both have, but not the same amount.
    AmountDiffers,
    /// The provider sends statements, but has sent none for a day on which we booked something.
    NoStatement,
    /// An order, or another balance of ours, is not what the ledger says.
    BooksDiffer,
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "reconciliation_break")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: BreakId,
    /// Empty for what is between our own books.
    pub provider: String,
    /// `2026-11-22`, UTC.
    pub day: String,
    pub kind: BreakKind,
    /// What it is about: our key of the movement, or the order.
    pub subject: String,
    pub ours: Option<MinorUnits>,
    pub theirs: Option<MinorUnits>,
    pub currency: Option<Currency>,
    pub detail: String,
    pub found_at: Time,
    pub resolved_at: Option<Time>,
    /// What two operators decided about it: it is not found again, as long as it is the same.
    pub settled_by: Option<BookingId>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

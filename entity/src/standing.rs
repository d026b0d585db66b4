//! What a provider stated of a capture or a refund, each time, where it may mend a failure by itself, or fail later.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Currency, MinorUnits, PaymentId, RefundId, StandingId, Time};

/// What it stated.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(40))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Stands {
    /// It went through.
    Good,
    /// It did not, or not any more; the provider may mend that.
    Failed,
    /// It was not even tried.
    Refused,
    /// It was taken back before anything moved.
    Withdrawn,
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "standing")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: StandingId,
    pub payment_id: PaymentId,
    /// None for a capture.
    pub refund_id: Option<RefundId>,
    pub stands: Stands,
    /// The provider's id of it. The same may go through, fail and go through again.
    pub reference: String,
    /// The provider's id of the payment as it was paid; empty if it was not stated.
    pub original: String,
    /// When, by the provider's own clock, as RFC 3339 in UTC; empty if it was not stated. With `reference` and `stands`: what is
    /// stated once.
    pub stated_at: String,
    /// By which it is booked.
    pub movement: String,
    pub amount: MinorUnits,
    pub currency: Currency,
    /// Of a failed one: until when the provider may mend it. Business time.
    pub restore_by: Option<Time>,
    /// In the provider's words.
    pub reason: String,
    /// When we heard of it. Business time.
    pub created_at: Time,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

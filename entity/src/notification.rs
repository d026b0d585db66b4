//! The inbox: what a provider told us, verified, kept as it came, applied apart.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{NotificationId, OperatorId, Time};

/// What became of it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(40))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum NotificationStatus {
    Received,
    Applied,
    /// Verified, but not understood or not ours; an operator can drive it again.
    Quarantined,
}

/// What operators made of one that had been quarantined.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(40))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SettledAs {
    /// Two of them booked what it states.
    Booked,
    /// There is nothing to book.
    Dismissed,
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "notification")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: NotificationId,
    pub provider: String,
    /// The provider's id of this notification; unique per provider.
    pub event_id: String,
    /// The raw bytes that were signed.
    pub body: Vec<u8>,
    /// SHA-256, in hex, of what has to be the same when it is sent again.
    pub content_hash: String,
    pub status: NotificationStatus,
    /// Why it was quarantined.
    pub reason: Option<String>,
    /// Wall time.
    pub received_at: Time,
    /// Business time of its arrival: it is applied as of then, however late the worker is.
    pub heard_at: Time,
    /// How often applying it has failed.
    pub failures: i32,
    pub applied_at: Option<Time>,
    /// Set once operators have settled it by hand: it is applied no more, and kept as evidence.
    pub settled: Option<SettledAs>,
    /// In the operator's words.
    pub settled_reason: Option<String>,
    pub settled_by: Option<OperatorId>,
    pub settled_at: Option<Time>,
}

/// About a quarter of an hour of tries: our own calls are answered by then, or have failed.
pub const MOST_FAILURES: i32 = 10;

impl Model {
    /// It won't be applied by itself: it is quarantined, or has failed again and again.
    #[must_use]
    pub fn needs_somebody(&self) -> bool {
        match self.status {
            NotificationStatus::Received => self.failures >= MOST_FAILURES,
            NotificationStatus::Quarantined => true,
            NotificationStatus::Applied => false,
        }
    }
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

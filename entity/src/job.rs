//! Something to do later, leased by one node at a time. Enqueued in the transaction that made it necessary.

use sea_orm::entity::prelude::*;

use crate::{JobId, Time};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "job")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: JobId,
    /// Names the variant of the payload, for people who look at the table.
    pub kind: String,
    #[sea_orm(column_type = "JsonBinary")]
    pub payload: Json,
    /// Business time.
    pub run_at: Time,
    pub attempts: i32,
    /// Wall time; a job whose lease has run out is taken by whoever comes next.
    pub leased_until: Option<Time>,
    pub last_error: Option<String>,
    pub created_at: Time,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

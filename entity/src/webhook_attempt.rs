//! One attempt to deliver an event: what was asked, what was answered, how long it took.

use sea_orm::FromJsonQueryResult;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Time, WebhookDeliveryId};

/// Names and values, as they came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct Headers(pub Vec<(String, String)>);

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_attempt")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub delivery_id: WebhookDeliveryId,
    /// 1, 2, 3 …
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i32,
    /// Business time.
    pub attempted_at: Time,
    /// Wall time: the `webhook-timestamp`.
    pub signed_at: Time,
    pub duration_ms: i32,
    pub url: String,
    /// None: there was no answer.
    pub status_code: Option<i32>,
    #[sea_orm(column_type = "JsonBinary")]
    pub response_headers: Headers,
    /// Its first 4 KiB.
    pub response_body: Option<String>,
    /// Why it did not succeed.
    pub error: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

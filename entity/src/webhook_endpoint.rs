//! An address of a storefront's that is told of events. Its secrets are encrypted; a deleted one keeps none.

use sea_orm::FromJsonQueryResult;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{StorefrontId, Time, WebhookEndpointId};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(40))", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EndpointStatus {
    Enabled,
    /// Nothing is queued for it. A deleted one is disabled as well.
    Disabled,
}

/// Which types of events it is told of; all if there are none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct EventTypes(pub Vec<String>);

impl EventTypes {
    #[must_use]
    pub fn includes(&self, kind: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|wanted| wanted == kind)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_endpoint")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: WebhookEndpointId,
    pub storefront_id: StorefrontId,
    pub url: String,
    pub description: Option<String>,
    #[sea_orm(column_type = "JsonBinary")]
    pub event_types: EventTypes,
    pub status: EndpointStatus,
    /// Of the last time that it was disabled; kept when it is enabled again, as is the time.
    pub disabled_reason: Option<String>,
    pub disabled_at: Option<Time>,
    /// AES-256-GCM, nonce first, in base 64: the secret in use, and those that are being replaced.
    pub encrypted_secrets: Option<String>,
    /// Wall time: until when a secret that was replaced still signs.
    pub previous_secret_expires_at: Option<Time>,
    pub created_at: Time,
    pub updated_at: Time,
    pub deleted_at: Option<Time>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

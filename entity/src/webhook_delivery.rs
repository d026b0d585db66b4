//! One event on its way to one endpoint. The body is made of the event's and the order's rows, which don't change.

use sea_orm::entity::prelude::*;

use crate::{EventId, OrderId, StorefrontId, Time, WebhookDeliveryId, WebhookEndpointId};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(40))", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DeliveryStatus {
    /// An earlier event of the same order is still on its way to the same endpoint. Outside this is PENDING.
    Waiting,
    /// It is tried at `next_attempt_at`.
    Pending,
    Succeeded,
    /// After the last attempt, or because the endpoint is gone.
    Failed,
    /// The endpoint was disabled or deleted before.
    Discarded,
}

impl DeliveryStatus {
    /// Not finished.
    pub const OPEN: [Self; 2] = [Self::Waiting, Self::Pending];

    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Pending)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_delivery")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: WebhookDeliveryId,
    pub endpoint_id: WebhookEndpointId,
    pub storefront_id: StorefrontId,
    /// The `webhook-id`. A test event has one that no event has.
    pub event_id: EventId,
    /// The event's type.
    pub kind: String,
    /// None: a test event.
    pub order_id: Option<OrderId>,
    /// The event's, within its order; 0 for a test event.
    pub sequence: i64,
    pub status: DeliveryStatus,
    /// How many were made.
    pub attempts: i32,
    /// Business time; none once it is finished.
    pub next_attempt_at: Option<Time>,
    /// Wall time; a delivery whose lease has run out is taken by whoever comes next.
    pub leased_until: Option<Time>,
    pub replay: bool,
    pub test: bool,
    pub created_at: Time,
    pub completed_at: Option<Time>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

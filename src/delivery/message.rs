//! What is sent: the event, with what identifies its order to the storefront. No more of anybody than the event has.

use std::collections::{BTreeMap, HashMap};

use chrono::SecondsFormat;
use entity::{EventId, OrderId, Time, event, order, webhook_delivery};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use serde::Serialize;

use crate::error::Result;
use ground::signature::{ID_HEADER, TIMESTAMP_HEADER};

/// The type of a test event, unless another is asked for.
pub const TEST_TYPE: &str = "endpoint.test";

/// Whether there are events of this type; [`TEST_TYPE`] is none of them.
#[must_use]
pub(super) fn is_event_type(kind: &str) -> bool {
    escrow::EVENT_TYPES.iter().any(|event_type| event_type.name == kind)
}

const CONTENT_TYPE: &str = "application/json";
const USER_AGENT: &str = "SecurePayment-Webhooks/1";

#[derive(Serialize)]
struct Message<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    timestamp: String,
    data: Data<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    id: EventId,
    /// Not there but in a test event.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    test: bool,
    order_id: Option<OrderId>,
    order_number: Option<&'a str>,
    sequence: Option<i64>,
    actor: Option<&'a str>,
    summary: &'a str,
    client_reference: Option<&'a str>,
    metadata: &'a BTreeMap<String, String>,
    details: &'a serde_json::Value,
}

/// What a body is made of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BodyOf {
    event_id: EventId,
    order_id: Option<OrderId>,
    kind: String,
    created_at: Time,
}

impl From<&webhook_delivery::Model> for BodyOf {
    fn from(row: &webhook_delivery::Model) -> Self {
        Self { event_id: row.event_id, order_id: row.order_id, kind: row.kind.clone(), created_at: row.created_at }
    }
}

/// The bodies of deliveries, made of rows that never change: the same bytes at each attempt and in each replay.
pub async fn bodies<C: ConnectionTrait>(db: &C, wanted: &[BodyOf]) -> Result<HashMap<BodyOf, String>> {
    let of_orders = || wanted.iter().filter(|body| body.order_id.is_some());
    if of_orders().next().is_none() {
        return Ok(wanted.iter().filter_map(|body| Some((body.clone(), test_body(body)?))).collect());
    }
    let events = event::Entity::find().filter(event::Column::Id.is_in(of_orders().map(|body| body.event_id)));
    let events: HashMap<EventId, event::Model> = events.all(db).await?.into_iter().map(|row| (row.id, row)).collect();
    let mut order_ids: Vec<OrderId> = of_orders().filter_map(|body| body.order_id).collect();
    order_ids.sort_unstable();
    order_ids.dedup();
    let orders = order::Entity::find().filter(order::Column::Id.is_in(order_ids));
    let orders: HashMap<OrderId, order::Model> = orders.all(db).await?.into_iter().map(|row| (row.id, row)).collect();
    let body = |of: &BodyOf| match of.order_id {
        None => test_body(of),
        Some(order_id) => body(events.get(&of.event_id)?, orders.get(&order_id)?),
    };
    Ok(wanted.iter().filter_map(|of| Some((of.clone(), body(of)?))).collect())
}

fn body(event: &event::Model, order: &order::Model) -> Option<String> {
    let message = Message {
        kind: &event.kind,
        timestamp: written(event.occurred_at),
        data: Data {
            id: event.id,
            test: false,
            order_id: Some(order.id),
            order_number: Some(&order.number),
            sequence: Some(event.sequence),
            actor: Some(&event.actor),
            summary: &event.summary,
            client_reference: order.client_reference.as_deref(),
            metadata: &order.metadata.0,
            details: &event.data,
        },
    };
    serde_json::to_string(&message).ok()
}

fn test_body(of: &BodyOf) -> Option<String> {
    let message = Message {
        kind: &of.kind,
        timestamp: written(of.created_at),
        data: Data {
            id: of.event_id,
            test: true,
            order_id: None,
            order_number: None,
            sequence: None,
            actor: None,
            summary: "A test of this endpoint: nothing has happened to any order.",
            client_reference: None,
            metadata: &BTreeMap::new(),
            details: &serde_json::json!({}),
        },
    };
    serde_json::to_string(&message).ok()
}

fn written(time: Time) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// The headers of an attempt, but for the signature.
#[must_use]
pub fn request_headers(event_id: EventId, signed_at: Time) -> [(&'static str, String); 4] {
    [
        ("content-type", CONTENT_TYPE.to_owned()),
        ("user-agent", USER_AGENT.to_owned()),
        (ID_HEADER, event_id.to_string()),
        (TIMESTAMP_HEADER, signed_at.timestamp().to_string()),
    ]
}

//! A storefront's webhook endpoints, and what was delivered to them.

use async_graphql::connection::Connection;
use async_graphql::{Context, Enum, ID, InputObject, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};
use entity::webhook_delivery::{self, DeliveryStatus};
use entity::{webhook_attempt, webhook_endpoint};

use crate::delivery::{self, BodyOf, DeliveryFilter, DeliveryPart};
use crate::error::Error;
use crate::graphql::base::page::{Page, connection};
use crate::graphql::base::request::{app, viewer};
use crate::graphql::loader::catalog;
use crate::graphql::loader::webhook::{AttemptsOf, DeliveriesOf, loader};
use crate::validate::Checks;

/// Whether events are sent to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "entity::webhook_endpoint::EndpointStatus")]
pub enum WebhookEndpointStatus {
    /// It is told of events.
    Enabled,
    /// Nothing is queued for it: by the storefront, or because it answered 410. `replayEvents` makes up for it.
    Disabled,
}

/// How a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum WebhookDeliveryStatus {
    /// It is on its way: waits for its next attempt, or for an earlier event of the same order.
    Pending,
    /// The endpoint answered 2xx.
    Succeeded,
    /// It was given up after the tenth attempt, or the endpoint answered 410.
    Failed,
    /// The endpoint was disabled or deleted before.
    Discarded,
}

impl From<DeliveryStatus> for WebhookDeliveryStatus {
    fn from(status: DeliveryStatus) -> Self {
        match status {
            DeliveryStatus::Waiting | DeliveryStatus::Pending => Self::Pending,
            DeliveryStatus::Succeeded => Self::Succeeded,
            DeliveryStatus::Failed => Self::Failed,
            DeliveryStatus::Discarded => Self::Discarded,
        }
    }
}

impl From<WebhookDeliveryStatus> for DeliveryStatus {
    fn from(status: WebhookDeliveryStatus) -> Self {
        match status {
            WebhookDeliveryStatus::Pending => Self::Pending,
            WebhookDeliveryStatus::Succeeded => Self::Succeeded,
            WebhookDeliveryStatus::Failed => Self::Failed,
            WebhookDeliveryStatus::Discarded => Self::Discarded,
        }
    }
}

/// Which deliveries; what is left out does not matter.
#[derive(Clone, Debug, Default, InputObject)]
pub struct WebhookDeliveryFilter {
    /// Only those that stand so.
    status: Option<WebhookDeliveryStatus>,
    /// Only those of this event, replays included.
    event_id: Option<ID>,
    /// Only those of this order's events.
    order_id: Option<ID>,
    /// Made at this time or later.
    from: Option<DateTime<Utc>>,
    /// Made before this time.
    before: Option<DateTime<Utc>>,
}

fn parse_filter(filter: Option<&WebhookDeliveryFilter>) -> Result<DeliveryFilter, Error> {
    let Some(filter) = filter else { return Ok(DeliveryFilter::default()) };
    let mut checks = Checks::arguments();
    let parsed = checks.under("filter", |checks| DeliveryFilter {
        status: filter.status.map(Into::into),
        event_id: filter.event_id.as_ref().and_then(|id| checks.id("eventId", id)),
        order_id: filter.order_id.as_ref().and_then(|id| checks.id("orderId", id)),
        from: filter.from,
        before: filter.before,
    });
    checks.finish()?;
    Ok(parsed)
}

#[derive(Clone, Debug)]
pub struct WebhookEndpoint(pub webhook_endpoint::Model);

/// An address of a storefront's that is told of events by Standard Webhooks; docs/webhooks.md is for those who receive them.
#[Object]
impl WebhookEndpoint {
    /// Begins with `endpoint_`.
    pub async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// Where events are posted to.
    async fn url(&self) -> &str {
        &self.0.url
    }

    /// The storefront's own note.
    async fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    /// The types of events it is told of, such as "order.funded"; empty: all.
    async fn event_types(&self) -> &[String] {
        &self.0.event_types.0
    }

    /// Whether events are sent to it.
    async fn status(&self) -> WebhookEndpointStatus {
        self.0.status.into()
    }

    /// Why it was disabled the last time; kept when it is enabled again.
    async fn disabled_reason(&self) -> Option<&str> {
        self.0.disabled_reason.as_deref()
    }

    /// When it was disabled the last time: replay events from here on after enabling it. Kept when it is enabled again.
    async fn disabled_at(&self) -> Option<DateTime<Utc>> {
        self.0.disabled_at
    }

    /// Until when a secret that was replaced signs beside the new one; null if none ever was. In real time.
    async fn previous_secret_expires_at(&self) -> Option<DateTime<Utc>> {
        self.0.previous_secret_expires_at
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When anything of it was changed.
    async fn updated_at(&self) -> DateTime<Utc> {
        self.0.updated_at
    }

    /// What is on its way to it, and what was in the last 90 days; newest first.
    async fn deliveries(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most 100; 20 unless given.")] first: Option<i32>,
        #[graphql(desc = "The endCursor of the page before.")] after: Option<String>,
        #[graphql(desc = "Which ones.")] filter: Option<WebhookDeliveryFilter>,
    ) -> Option<Result<Connection<String, WebhookDelivery>>> {
        let find = async {
            let page = Page::parse(first, after.as_deref())?;
            let filter = parse_filter(filter.as_ref())?;
            catalog::loader(ctx).loader().take_rows(page.limit)?;
            let part = DeliveryPart { filter, after: page.after, limit: page.fetch() };
            let rows = loader(ctx).load_one(DeliveriesOf(self.0.id, part)).await?.unwrap_or_default();
            Ok(connection(rows, &page, |row| row.id, WebhookDelivery))
        };
        Some(find.await)
    }
}

#[derive(Clone, Debug)]
pub struct WebhookDelivery(pub webhook_delivery::Model);

/// One event on its way to one endpoint. Kept for 90 days after its end.
#[Object]
impl WebhookDelivery {
    /// Begins with `delivery_`.
    pub async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// Where it goes; the endpoint may have been deleted.
    async fn endpoint_id(&self) -> ID {
        ID(self.0.endpoint_id.to_string())
    }

    /// The event's, which is the header `webhook-id`: the same at every attempt, every endpoint, and in every replay.
    async fn event_id(&self) -> ID {
        ID(self.0.event_id.to_string())
    }

    /// The event's: "order.funded".
    async fn r#type(&self) -> &str {
        &self.0.kind
    }

    /// The order that it happened to; null for a test event.
    async fn order_id(&self) -> Option<ID> {
        self.0.order_id.map(|id| ID(id.to_string()))
    }

    /// How it stands.
    async fn status(&self) -> WebhookDeliveryStatus {
        self.0.status.into()
    }

    /// What was tried, the first attempt first; at most ten.
    async fn attempts(&self, ctx: &Context<'_>) -> Result<Vec<WebhookAttempt>> {
        let rows = loader(ctx).load_one(AttemptsOf(self.0.id)).await?.unwrap_or_default();
        Ok(rows.into_iter().map(|row| WebhookAttempt::new(&self.0, row)).collect())
    }

    /// When it is tried next; null when it is finished, or waits for an earlier event of the same order.
    async fn next_attempt_at(&self) -> Option<DateTime<Utc>> {
        self.0.next_attempt_at.filter(|_at| self.0.status == DeliveryStatus::Pending)
    }

    /// What is posted, byte for byte: JSON.
    async fn body(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        loader(ctx).load_one(BodyOf::from(&self.0)).await.map_err(Into::into).transpose()
    }

    /// When it was queued.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When it came to its end; null while it is PENDING.
    async fn completed_at(&self) -> Option<DateTime<Utc>> {
        self.0.completed_at
    }

    /// Whether `replayEvents` made it.
    async fn replay(&self) -> bool {
        self.0.replay
    }

    /// Whether `sendTestEvent` made it: nothing has happened to any order.
    async fn test(&self) -> bool {
        self.0.test
    }
}

/// A header of a request or an answer.
#[derive(Clone, Debug, SimpleObject)]
pub struct WebhookHeader {
    /// In lower case.
    name: String,
    /// As it was sent.
    value: String,
}

/// One request to an endpoint, and what it answered.
#[derive(Clone, Debug, SimpleObject)]
pub struct WebhookAttempt {
    /// 1, 2, 3 …
    number: i32,
    /// When it was begun.
    attempted_at: DateTime<Utc>,
    /// How long it took, in milliseconds.
    duration_ms: i32,
    /// Where it went: the endpoint's URL at the time.
    url: String,
    /// The request's, without the signature.
    request_headers: Vec<WebhookHeader>,
    /// The answer's; null if there was none.
    status_code: Option<i32>,
    /// The answer's, at most 50 of them, without cookies.
    response_headers: Vec<WebhookHeader>,
    /// The first 4 KiB of the answer's; null if it had none.
    response_body: Option<String>,
    /// Why it did not succeed; null if it did.
    error: Option<String>,
}

impl WebhookAttempt {
    fn new(delivery: &webhook_delivery::Model, row: webhook_attempt::Model) -> Self {
        let header = |(name, value): (String, String)| WebhookHeader { name, value };
        let request = delivery::request_headers(delivery.event_id, row.signed_at);
        Self {
            number: row.number,
            attempted_at: row.attempted_at,
            duration_ms: row.duration_ms,
            url: row.url,
            request_headers: request.into_iter().map(|(name, value)| header((name.to_owned(), value))).collect(),
            status_code: row.status_code,
            response_headers: row.response_headers.0.into_iter().map(header).collect(),
            response_body: row.response_body,
            error: row.error,
        }
    }
}

#[derive(Default)]
pub struct WebhookQuery;

#[Object]
impl WebhookQuery {
    /// Storefront: its webhook endpoints, oldest first. Operator: everybody's.
    async fn webhook_endpoints(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most 100; 20 unless given.")] first: Option<i32>,
        #[graphql(desc = "The endCursor of the page before.")] after: Option<String>,
    ) -> Option<Result<Connection<String, WebhookEndpoint>>> {
        let find = async {
            let page = Page::parse(first, after.as_deref())?;
            let rows = delivery::find_endpoints(&app(ctx).db.read, &viewer(ctx), &page).await?;
            Ok(connection(rows, &page, |row| row.id, WebhookEndpoint))
        };
        Some(find.await)
    }

    /// The webhook endpoint with this id; null if there is none for this viewer.
    async fn webhook_endpoint(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The endpoint's.")] id: ID,
    ) -> Option<Result<WebhookEndpoint>> {
        let find = async {
            let mut checks = Checks::arguments();
            let id = checks.id("id", &id);
            let id = checks.finish_with(id)?;
            Ok(delivery::find_endpoint(&app(ctx).db.read, &viewer(ctx), id).await?.map(WebhookEndpoint))
        };
        find.await.transpose()
    }

    /// Storefront: what is on its way to its endpoints and what was in the last 90 days, newest first; also to endpoints that
    /// are deleted. Operator: everybody's.
    async fn webhook_deliveries(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only those to this endpoint.")] endpoint_id: Option<ID>,
        #[graphql(desc = "Which ones.")] filter: Option<WebhookDeliveryFilter>,
        #[graphql(desc = "At most 100; 20 unless given.")] first: Option<i32>,
        #[graphql(desc = "The endCursor of the page before.")] after: Option<String>,
    ) -> Option<Result<Connection<String, WebhookDelivery>>> {
        let find = async {
            let page = Page::parse(first, after.as_deref())?;
            let filter = parse_filter(filter.as_ref())?;
            let mut checks = Checks::arguments();
            let endpoint_id = endpoint_id.and_then(|id| checks.id("endpointId", &id));
            checks.finish()?;
            let db = &app(ctx).db.read;
            let rows = delivery::find_deliveries(db, &viewer(ctx), endpoint_id, &filter, &page).await?;
            Ok(connection(rows, &page, |row| row.id, WebhookDelivery))
        };
        Some(find.await)
    }
}

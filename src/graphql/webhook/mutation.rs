//! What a storefront does with its webhook endpoints.

use async_graphql::{Context, ID, InputObject, Object, OneofObject, Result, SimpleObject};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::delivery::{self, EndpointChange, NewEndpoint, Replayed, Selection};
use crate::error::{Error, ErrorCode, Result as Outcome};
use crate::graphql::base::page::{Page, cursor};
use crate::graphql::base::payload::{Payload, UserError, answer, payloads};
use crate::graphql::base::request::{app, required_idempotency_key, viewer};
use crate::graphql::webhook::endpoint::{WebhookDelivery, WebhookEndpoint};
use crate::validate::Checks;

/// A new endpoint.
#[derive(InputObject)]
pub struct CreateWebhookEndpointInput {
    /// Fresh for each new request (a UUID does well); the same key again answers the same endpoint and secret.
    idempotency_key: String,
    /// Where to post events to: https on the public internet; in the sandbox http and this machine too.
    url: String,
    /// The storefront's own note; up to 500 characters.
    description: Option<String>,
    /// The types of events it is told of, such as "order.funded"; all if left out or empty.
    event_types: Option<Vec<String>>,
}

/// What to change of an endpoint; what is left out stays.
#[derive(InputObject)]
pub struct UpdateWebhookEndpointInput {
    /// The endpoint's.
    endpoint_id: ID,
    /// Where to post events to. What is on its way goes there too.
    url: Option<String>,
    /// The storefront's own note; empty: none.
    description: Option<String>,
    /// The types of events it is told of; empty: all.
    event_types: Option<Vec<String>>,
    /// False: nothing is queued for it, and what is on its way is discarded. True: it is told of events from now on; those
    /// that happened meanwhile come with `replayEvents`, from `disabledAt` on.
    enabled: Option<bool>,
}

/// Which endpoint to delete.
#[derive(InputObject)]
pub struct DeleteWebhookEndpointInput {
    /// The endpoint's.
    endpoint_id: ID,
}

/// Which endpoint gets a new secret.
#[derive(InputObject)]
pub struct RotateWebhookSecretInput {
    /// The endpoint's.
    endpoint_id: ID,
    /// For how many hours of real time the old secret signs beside the new one: 0 to 168.
    #[graphql(default = 24)]
    old_secret_hours: i32,
}

/// Where to send a test event.
#[derive(InputObject)]
pub struct SendTestEventInput {
    /// The endpoint's; it must be ENABLED.
    endpoint_id: ID,
    /// The type of the event, whether or not the endpoint listens to it; "endpoint.test" if left out.
    #[graphql(name = "type")]
    event_type: Option<String>,
}

/// Events that happened from a moment on, and before another.
#[derive(InputObject)]
pub struct EventRangeInput {
    /// The first moment that counts.
    from: DateTime<Utc>,
    /// The first moment that no longer counts.
    to: DateTime<Utc>,
}

/// Which events.
#[derive(OneofObject)]
pub enum EventSelectionInput {
    /// These, of any type; at most 1,000.
    EventIds(Vec<ID>),
    /// All of a time that are of the types which the endpoint listens to, and those whose deliveries to it came to nothing in
    /// that time: from its `disabledAt` on it is all that it was not told.
    Range(EventRangeInput),
}

/// Which events to send once more, and where.
#[derive(InputObject)]
pub struct ReplayEventsInput {
    /// The endpoint's; it must be ENABLED.
    endpoint_id: ID,
    /// Of the storefront's orders.
    events: EventSelectionInput,
    /// The `endCursor` of the call before, if it said `hasMore`.
    after: Option<String>,
}

/// Declares payloads with an endpoint and its secret.
macro_rules! secret_payloads {
    ($($(#[$doc:meta])* $name:ident,)+) => {$(
        $(#[$doc])*
        #[derive(SimpleObject)]
        pub struct $name {
            /// As it is now; null if nothing was done.
            endpoint: Option<WebhookEndpoint>,
            /// What signs from now on: `whsec_…`, to be given to a verifier of Standard Webhooks. Keep it secret; no query
            /// shows it.
            secret: Option<String>,
            /// What has to change; empty when it was done.
            errors: Vec<UserError>,
        }

        impl Payload for $name {
            type Thing = (WebhookEndpoint, String);
            fn done((endpoint, secret): Self::Thing) -> Self {
                Self { endpoint: Some(endpoint), secret: Some(secret), errors: Vec::new() }
            }
            fn refused(errors: Vec<UserError>) -> Self {
                Self { endpoint: None, secret: None, errors }
            }
        }
    )+};
}

secret_payloads! {
    /// What `createWebhookEndpoint` answers.
    CreateWebhookEndpointPayload,
    /// What `rotateWebhookSecret` answers.
    RotateWebhookSecretPayload,
}

payloads! {
    /// What `updateWebhookEndpoint` answers.
    UpdateWebhookEndpointPayload {
        /// As it is now; null if nothing was done.
        endpoint: WebhookEndpoint
    }
    /// What `deleteWebhookEndpoint` answers.
    DeleteWebhookEndpointPayload {
        /// What is no more; null if nothing was done.
        deleted_endpoint_id: ID
    }
    /// What `sendTestEvent` answers.
    SendTestEventPayload {
        /// On its way; `webhookDeliveries` shows what came of it. Null if nothing was done.
        delivery: WebhookDelivery
    }
}

/// What `replayEvents` answers.
#[derive(SimpleObject)]
pub struct ReplayEventsPayload {
    /// How many events were queued: at most 1,000 a call. Null if nothing was done.
    replayed: Option<i32>,
    /// Where to go on with `after`; null if nothing was queued.
    end_cursor: Option<String>,
    /// Whether there are more: call again with `after`. Null if nothing was done.
    has_more: Option<bool>,
    /// What has to change; empty when it was done.
    errors: Vec<UserError>,
}

impl Payload for ReplayEventsPayload {
    type Thing = Replayed;
    fn done(thing: Replayed) -> Self {
        Self {
            replayed: Some(i32::try_from(thing.events).unwrap_or(i32::MAX)),
            end_cursor: thing.last.map(|replay| cursor(&ReplayKey { replay })),
            has_more: Some(thing.has_more),
            errors: Vec::new(),
        }
    }
    fn refused(errors: Vec<UserError>) -> Self {
        Self { replayed: None, end_cursor: None, has_more: None, errors }
    }
}

/// How far a replay came, in the feed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReplayKey {
    replay: i64,
}

/// Webhook endpoints: made, changed, tried and made up for.
#[derive(Default)]
pub struct WebhookMutation;

#[Object]
impl WebhookMutation {
    /// Storefront: have events posted to an address, signed by Standard Webhooks. At most 10 endpoints.
    async fn create_webhook_endpoint(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The endpoint.")] input: CreateWebhookEndpointInput,
    ) -> Result<CreateWebhookEndpointPayload> {
        let idempotency_key = required_idempotency_key(ctx, &input)?;
        let new = NewEndpoint {
            idempotency_key,
            url: input.url,
            description: input.description,
            event_types: input.event_types.unwrap_or_default(),
        };
        let made = delivery::create_endpoint(app(ctx), &viewer(ctx), &new).await;
        answer(made.map(|(row, secret)| (WebhookEndpoint(row), secret)))
    }

    /// Storefront: change an endpoint, disable it, or enable it again.
    async fn update_webhook_endpoint(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which endpoint, and what of it.")] input: UpdateWebhookEndpointInput,
    ) -> Result<UpdateWebhookEndpointPayload> {
        let mut checks = Checks::input();
        let id = checks.required_id("endpointId", &input.endpoint_id);
        let change = EndpointChange {
            url: input.url,
            description: input.description,
            event_types: input.event_types,
            enabled: input.enabled,
        };
        let changed = delivery::update_endpoint(app(ctx), &viewer(ctx), checks, id, &change).await;
        answer(changed.map(WebhookEndpoint))
    }

    /// Storefront: delete an endpoint. What is on its way is discarded; its deliveries can be read as long as they are kept.
    async fn delete_webhook_endpoint(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which endpoint.")] input: DeleteWebhookEndpointInput,
    ) -> Result<DeleteWebhookEndpointPayload> {
        let delete = async {
            let mut checks = Checks::input();
            let id = checks.required_id("endpointId", &input.endpoint_id);
            checks.finish()?;
            Ok(ID(delivery::delete_endpoint(app(ctx), &viewer(ctx), id).await?.to_string()))
        };
        answer(delete.await)
    }

    /// Storefront: make a new secret for an endpoint. Both sign until the old one ends, so that a receiver can change over
    /// without a pause. Not a call to repeat blindly: each makes another secret, but none ends earlier for it.
    async fn rotate_webhook_secret(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which endpoint, and for how long the old secret is good.")] input: RotateWebhookSecretInput,
    ) -> Result<RotateWebhookSecretPayload> {
        let mut checks = Checks::input();
        let id = checks.required_id("endpointId", &input.endpoint_id);
        let rotated = delivery::rotate_secret(app(ctx), &viewer(ctx), checks, id, input.old_secret_hours).await;
        answer(rotated.map(|(row, secret)| (WebhookEndpoint(row), secret)))
    }

    /// Storefront: send an event to an endpoint that is of no order and says so: `data.test` is true.
    async fn send_test_event(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Where to, and of which type.")] input: SendTestEventInput,
    ) -> Result<SendTestEventPayload> {
        let mut checks = Checks::input();
        let id = checks.required_id("endpointId", &input.endpoint_id);
        let kind = input.event_type.as_deref();
        answer(delivery::send_test(app(ctx), &viewer(ctx), checks, id, kind).await.map(WebhookDelivery))
    }

    /// Storefront: send events once more, in the order in which they were committed, with the same `webhook-id` and the same
    /// body; at most 1,000 a call.
    async fn replay_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which events, and where to.")] input: ReplayEventsInput,
    ) -> Result<ReplayEventsPayload> {
        answer(replay(ctx, input).await)
    }
}

async fn replay(ctx: &Context<'_>, input: ReplayEventsInput) -> Outcome<Replayed> {
    let mut checks = Checks::input();
    let id = checks.required_id("endpointId", &input.endpoint_id);
    let after = match Page::<ReplayKey>::parse(None, input.after.as_deref()) {
        Ok(page) => page.after.map_or(0, |key| key.replay),
        Err(Error::Refused(_not_a_cursor)) => {
            let message = "is not a cursor of replayEvents; pass the endCursor of the call before";
            checks.problem("after", ErrorCode::InvalidInput, message);
            0
        }
        Err(error) => return Err(error),
    };
    let selection = match input.events {
        EventSelectionInput::EventIds(ids) => Selection::Ids(ids.into_iter().map(|id| id.0).collect()),
        EventSelectionInput::Range(EventRangeInput { from, to }) => Selection::Range { from, to },
    };
    delivery::replay(app(ctx), &viewer(ctx), checks, id, &selection, after).await
}

//! What the rows of lists of deliveries and endpoints need, read with one statement per kind.

use std::collections::HashMap;

use async_graphql::dataloader::{DataLoader, Loader, NoCache};
use async_graphql::{Context, Request};
use entity::{WebhookDeliveryId, WebhookEndpointId, webhook_attempt, webhook_delivery};
use sea_orm::DatabaseConnection;

use crate::app::App;
use crate::delivery::{self, BodyOf, DeliveryPart};
use crate::error::Error;
use crate::graphql::loader::batch::{self, grouped};

pub(crate) struct WebhookLoader {
    db: DatabaseConnection,
}

/// The attempts of a delivery.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct AttemptsOf(pub WebhookDeliveryId);
/// A part of the deliveries to an endpoint.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct DeliveriesOf(pub WebhookEndpointId, pub DeliveryPart);

/// Gives the request's resolvers what they load with.
pub(crate) fn attach(request: Request, app: &App) -> Request {
    request.data(batch::loader(WebhookLoader { db: app.db.read.clone() }))
}

pub(crate) fn loader<'a>(ctx: &Context<'a>) -> &'a DataLoader<WebhookLoader, NoCache> {
    ctx.data_unchecked()
}

impl Loader<AttemptsOf> for WebhookLoader {
    type Value = Vec<webhook_attempt::Model>;
    type Error = Error;

    async fn load(&self, keys: &[AttemptsOf]) -> Result<HashMap<AttemptsOf, Self::Value>, Error> {
        let ids: Vec<WebhookDeliveryId> = keys.iter().map(|key| key.0).collect();
        let found = delivery::attempts_of(&self.db, &ids).await?;
        Ok(found.into_iter().map(|(id, rows)| (AttemptsOf(id), rows)).collect())
    }
}

impl Loader<BodyOf> for WebhookLoader {
    type Value = String;
    type Error = Error;

    async fn load(&self, keys: &[BodyOf]) -> Result<HashMap<BodyOf, String>, Error> {
        delivery::bodies(&self.db, keys).await
    }
}

impl Loader<DeliveriesOf> for WebhookLoader {
    type Value = Vec<webhook_delivery::Model>;
    type Error = Error;

    async fn load(&self, keys: &[DeliveriesOf]) -> Result<HashMap<DeliveriesOf, Self::Value>, Error> {
        let mut found = HashMap::new();
        for (part, endpoints) in grouped(keys.iter().map(|key| (key.1.clone(), key.0))) {
            let rows = delivery::deliveries_of(&self.db, &endpoints, &part).await?;
            let rows = grouped(rows.into_iter().map(|row| (row.endpoint_id, row)));
            found.extend(rows.into_iter().map(|(id, rows)| (DeliveriesOf(id, part.clone()), rows)));
        }
        Ok(found)
    }
}

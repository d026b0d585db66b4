//! A storefront's endpoints and their secrets. A storefront has at most ten.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use entity::webhook_endpoint::{ActiveModel, Column, EndpointStatus, Entity, EventTypes, Model};
use entity::{StorefrontId, Time, WebhookEndpointId, storefront};
use sea_orm::sea_query::ExprTrait;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait,
    QueryFilter, QuerySelect,
};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::message::is_event_type;
use super::queue::discard;
use crate::app::App;
use crate::auth::Viewer;
use crate::db;
use crate::error::{Error, ErrorCode, Problem, Result};
use crate::idempotency::IdempotencyKey;
use crate::validate::Checks;
use ground::client::guard::check_url;
use ground::clock::Clock;

const MOST_ENDPOINTS: u64 = 10;
/// Hours for which a secret that was replaced may still sign.
const MOST_HOURS: i32 = 168;
/// Secrets that are being replaced at once: whoever rotates twice must not lose the one that is in use.
const MOST_PREVIOUS: usize = 4;

/// What signs for an endpoint.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secrets {
    pub current: String,
    /// Each with the (wall) time at which it ends, the newest first.
    previous: Vec<(String, Time)>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(***)")
    }
}

impl Secrets {
    fn new(clock: &Clock) -> Self {
        Self { current: fresh_secret(clock), previous: Vec::new() }
    }

    pub(super) fn open(app: &App, endpoint: &Model) -> Result<Self> {
        let unreadable = || Error::internal(format!("the secrets of {} can't be read", endpoint.id));
        let sealed = endpoint.encrypted_secrets.as_deref().ok_or_else(unreadable)?;
        let json = app.cipher.decrypt(&endpoint.id.to_string(), sealed)?;
        serde_json::from_str(&json).map_err(|_would_quote_it| unreadable())
    }

    fn seal(&self, app: &App, id: WebhookEndpointId) -> Result<String> {
        let json = serde_json::to_string(self).map_err(|_would_quote_it| Error::internal("secrets without JSON"))?;
        app.cipher.encrypt(&app.clock, &id.to_string(), &json)
    }

    fn rotate(self, clock: &Clock, until: Time) -> Self {
        let wall = clock.wall();
        let replaced = std::iter::once((self.current, until));
        // A period that was promised before is not made longer or shorter.
        let previous = replaced.chain(self.previous).filter(|(_secret, until)| *until > wall).take(MOST_PREVIOUS);
        Self { current: fresh_secret(clock), previous: previous.collect() }
    }

    fn last_previous_ends(&self) -> Option<Time> {
        self.previous.iter().map(|(_secret, until)| *until).max()
    }

    /// The present one first.
    pub(super) fn active(&self, wall: Time) -> Vec<SecretString> {
        let previous = self.previous.iter().filter(|(_secret, until)| *until > wall).map(|(secret, _until)| secret);
        std::iter::once(&self.current).chain(previous).map(|secret| SecretString::from(secret.as_str())).collect()
    }
}

fn fresh_secret(clock: &Clock) -> String {
    let bytes = [clock.random_bytes(), clock.random_bytes()].concat();
    format!("whsec_{}", STANDARD.encode(bytes))
}

#[derive(Clone, Debug)]
pub struct NewEndpoint {
    pub idempotency_key: IdempotencyKey,
    pub url: String,
    pub description: Option<String>,
    pub event_types: Vec<String>,
}

/// What is left out stays.
#[derive(Clone, Debug, Default)]
pub struct EndpointChange {
    pub url: Option<String>,
    /// Empty: none.
    pub description: Option<String>,
    /// Empty: all.
    pub event_types: Option<Vec<String>>,
    pub enabled: Option<bool>,
}

fn checked_url(checks: &mut Checks, app: &App, url: &str) -> String {
    match check_url(app.courier.policy(), url) {
        Ok(url) => url.into(),
        Err(problem) => {
            checks.problem("url", ErrorCode::InvalidInput, problem);
            String::new()
        }
    }
}

fn checked_types(checks: &mut Checks, types: &[String]) -> EventTypes {
    let mut checked: Vec<String> = Vec::new();
    if types.len() > escrow::EVENT_TYPES.len() {
        let message = format!("has {} types; there are {}", types.len(), escrow::EVENT_TYPES.len());
        checks.problem("eventTypes", ErrorCode::InvalidInput, message);
        return EventTypes::default();
    }
    checks.under("eventTypes", |checks| {
        for (index, kind) in types.iter().enumerate() {
            if is_event_type(kind) {
                checked.push(kind.clone());
            } else {
                let message = "is no type of event; docs/webhooks.md lists them, such as \"order.funded\"";
                checks.problem(&index.to_string(), ErrorCode::InvalidInput, message);
            }
        }
    });
    checked.sort_unstable();
    checked.dedup();
    EventTypes(checked)
}

/// Makes an endpoint; the same call again answers the same endpoint and secret.
pub async fn create_endpoint(app: &App, viewer: &Viewer, new: &NewEndpoint) -> Result<(Model, String)> {
    let storefront_id = viewer.require_storefront()?;
    let mut checks = Checks::input();
    let url = checked_url(&mut checks, app, &new.url);
    let description = checks.optional_text("description", new.description.as_deref(), 500);
    let event_types = checked_types(&mut checks, &new.event_types);
    let idempotency_key = &new.idempotency_key;
    idempotency_key.check(&mut checks);
    checks.finish()?;
    let (id, now, secrets) = (WebhookEndpointId(app.clock.new_id()), app.clock.now(), Secrets::new(&app.clock));
    let row = Model {
        id,
        storefront_id,
        url,
        description,
        event_types,
        status: EndpointStatus::Enabled,
        disabled_reason: None,
        disabled_at: None,
        encrypted_secrets: Some(secrets.seal(app, id)?),
        previous_secret_expires_at: None,
        created_at: now,
        updated_at: now,
        deleted_at: None,
    };
    IdempotencyKey::retrying(Some(idempotency_key), &app.db, || async {
        let transaction = app.db.begin_write().await?;
        if let Some(made) = idempotency_key.find(&transaction).await? {
            let id = made.parse().map_err(|_cause| Error::internal(format!("{made} is no endpoint's id")))?;
            let row = require_own(&transaction, storefront_id, id, false).await?;
            let secrets = Secrets::open(app, &row)?;
            return Ok((row, secrets.current));
        }
        // So that two at once don't both find room for one more.
        storefront::Entity::find_by_id(storefront_id).lock_exclusive().one(&transaction).await?;
        let own = Column::StorefrontId.eq(storefront_id).and(Column::DeletedAt.is_null());
        if Entity::find().filter(own).count(&transaction).await? >= MOST_ENDPOINTS {
            let message = format!("there are {MOST_ENDPOINTS} endpoints, and no more are allowed; delete one first");
            return Err(Error::refused(ErrorCode::LimitReached, message));
        }
        Entity::insert(row.clone().into_active_model().reset_all()).exec_without_returning(&transaction).await?;
        idempotency_key.record(&transaction, &app.clock, row.id.to_string()).await?;
        transaction.commit().await?;
        Ok((row.clone(), secrets.current.clone()))
    })
    .await
}

/// Changes what `change` names.
pub async fn update_endpoint(
    app: &App,
    viewer: &Viewer,
    mut checks: Checks,
    id: WebhookEndpointId,
    change: &EndpointChange,
) -> Result<Model> {
    let storefront_id = viewer.require_storefront()?;
    let url = change.url.as_deref().map(|url| checked_url(&mut checks, app, url));
    let description = change.description.as_deref().map(|text| checks.optional_text("description", Some(text), 500));
    let event_types = change.event_types.as_deref().map(|types| checked_types(&mut checks, types));
    checks.finish()?;
    db::retrying(|| async {
        let transaction = app.db.begin_write().await?;
        let now = app.clock.now();
        let row = require_own(&transaction, storefront_id, id, true).await?;
        let was = row.status;
        let mut changed = row.into_active_model();
        if let Some(url) = &url {
            changed.url = Set(url.clone());
        }
        if let Some(description) = &description {
            changed.description = Set(description.clone());
        }
        if let Some(event_types) = &event_types {
            changed.event_types = Set(event_types.clone());
        }
        changed.updated_at = Set(now);
        if change.enabled == Some(true) {
            changed.status = Set(EndpointStatus::Enabled);
        }
        let mut row = changed.update(&transaction).await?;
        if change.enabled == Some(false) && was == EndpointStatus::Enabled {
            disable(&transaction, id, "the storefront disabled it", now).await?;
            row = require_own(&transaction, storefront_id, id, false).await?;
        }
        transaction.commit().await?;
        Ok(row)
    })
    .await
}

/// Nothing is sent to it any more; its deliveries can be read as long as they are kept, its secrets are gone.
pub async fn delete_endpoint(app: &App, viewer: &Viewer, id: WebhookEndpointId) -> Result<WebhookEndpointId> {
    let storefront_id = viewer.require_storefront()?;
    db::retrying(|| async {
        let transaction = app.db.begin_write().await?;
        let now = app.clock.now();
        let row = require_own(&transaction, storefront_id, id, true).await?;
        disable(&transaction, id, "the storefront deleted it", now).await?;
        let mut changed = row.into_active_model();
        changed.status = Set(EndpointStatus::Disabled);
        changed.encrypted_secrets = Set(None);
        changed.previous_secret_expires_at = Set(None);
        changed.deleted_at = Set(Some(now));
        changed.update(&transaction).await?;
        transaction.commit().await?;
        Ok(id)
    })
    .await
}

/// Makes a new secret; the old one goes on signing beside it for so many hours of wall time.
pub async fn rotate_secret(
    app: &App,
    viewer: &Viewer,
    mut checks: Checks,
    id: WebhookEndpointId,
    hours: i32,
) -> Result<(Model, String)> {
    let storefront_id = viewer.require_storefront()?;
    let hours = checks.within("oldSecretHours", hours, 0..=MOST_HOURS);
    checks.finish()?;
    db::retrying(|| async {
        let transaction = app.db.begin_write().await?;
        let row = require_own(&transaction, storefront_id, id, true).await?;
        let until = app.clock.wall() + TimeDelta::hours(i64::from(hours));
        let secrets = Secrets::open(app, &row)?.rotate(&app.clock, until);
        let mut changed = row.into_active_model();
        changed.encrypted_secrets = Set(Some(secrets.seal(app, id)?));
        changed.previous_secret_expires_at = Set(secrets.last_previous_ends());
        changed.updated_at = Set(app.clock.now());
        let row = changed.update(&transaction).await?;
        transaction.commit().await?;
        Ok((row, secrets.current))
    })
    .await
}

/// One of the storefront's own that is not deleted.
pub(super) async fn require_own<C: ConnectionTrait>(
    db: &C,
    storefront_id: StorefrontId,
    id: WebhookEndpointId,
    lock: bool,
) -> Result<Model> {
    let own = Entity::find_by_id(id).filter(Column::StorefrontId.eq(storefront_id)).filter(Column::DeletedAt.is_null());
    let found = if lock { own.lock_exclusive().one(db).await? } else { own.one(db).await? };
    let missing = || vec![Problem::new(ErrorCode::NotFound, "there is no such endpoint").at("endpointId")];
    found.ok_or_else(|| missing().into())
}

/// One of the storefront's own that is told of events, held so that it isn't disabled meanwhile.
pub(super) async fn require_enabled<C: ConnectionTrait>(
    db: &C,
    storefront_id: StorefrontId,
    id: WebhookEndpointId,
) -> Result<Model> {
    let row = require_own(db, storefront_id, id, true).await?;
    if row.status == EndpointStatus::Disabled {
        let message = "is disabled, so nothing is sent to it; enable it first: updateWebhookEndpoint";
        return Err(vec![Problem::new(ErrorCode::InvalidInput, message).at("endpointId")].into());
    }
    Ok(row)
}

pub(super) async fn lock_endpoint<C: ConnectionTrait>(db: &C, id: WebhookEndpointId) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(id).lock_exclusive().one(db).await?)
}

/// Of one that is enabled, and whose row the transaction holds. What was on its way is discarded.
pub(super) async fn disable<C: ConnectionTrait>(db: &C, id: WebhookEndpointId, reason: &str, now: Time) -> Result<()> {
    let row = ActiveModel {
        status: Set(EndpointStatus::Disabled),
        disabled_reason: Set(Some(reason.to_owned())),
        disabled_at: Set(Some(now)),
        updated_at: Set(now),
        ..Default::default()
    };
    let enabled = Column::Id.eq(id).and(Column::Status.eq(EndpointStatus::Enabled));
    let changed = Entity::update_many().set(row).filter(enabled).exec(db).await?;
    if changed.rows_affected > 0 { discard(db, id, now).await } else { Ok(()) }
}

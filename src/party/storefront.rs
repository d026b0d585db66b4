//! Storefronts and operators: made by an operator, or by whoever can run the program.

use entity::storefront::{ActiveModel, Entity, Model, Origins};
use entity::{BuyerId, OperatorId, StorefrontId, buyer, operator};
use futures_util::future::BoxFuture;
use reqwest::Url;
use sea_orm::{ActiveValue::Set, ConnectionTrait, EntityTrait, QuerySelect};
use serde::Serialize;

use crate::app::App;
use crate::auth::Viewer;
use crate::db;
use crate::error::{Error, ErrorCode, Result};
use crate::idempotency::IdempotencyKey;
use crate::validate::Checks;

use super::origin;

const MOST_ORIGINS: usize = 20;

/// A storefront, and the origins whose pages may call the API with its credentials.
#[derive(Clone, Debug)]
pub struct Shop {
    pub row: Model,
    pub browser_origins: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct StorefrontInput {
    pub name: String,
    /// Where its buyers may be sent back to after paying.
    pub return_origins: Vec<String>,
    pub browser_origins: Vec<String>,
}

/// None: it stays as it is.
#[derive(Clone, Debug)]
pub struct StorefrontChanges {
    pub name: Option<String>,
    pub return_origins: Option<Vec<String>>,
    pub browser_origins: Option<Vec<String>>,
}

/// With a key: once.
pub fn create_storefront<'a>(
    app: &'a App,
    viewer: Viewer,
    idempotency_key: Option<&'a IdempotencyKey>,
    input: &'a StorefrontInput,
) -> BoxFuture<'a, Result<Shop>> {
    Box::pin(async move {
        viewer.require_operator()?;
        let mut checks = Checks::input();
        let name = checks.line("name", &input.name, 200);
        let return_origins = check_origins(&mut checks, "returnOrigins", &input.return_origins);
        let browser_origins = check_origins(&mut checks, "browserOrigins", &input.browser_origins);
        IdempotencyKey::check_in(idempotency_key, &mut checks);
        checks.finish()?;
        let row = Model {
            id: StorefrontId(app.clock.new_id()),
            name,
            return_origins: Origins(return_origins),
            created_at: app.clock.now(),
        };
        let id = db::retrying(|| async {
            let tx = app.db.begin_write().await?;
            if let Some(idempotency_key) = idempotency_key
                && let Some(made) = idempotency_key.find(&tx).await?
            {
                return made.parse().map_err(|_cause| Error::internal("a key's result is no storefront"));
            }
            Entity::insert(active(&row)).exec_without_returning(&tx).await?;
            origin::write(&tx, row.id, &browser_origins).await?;
            if let Some(idempotency_key) = idempotency_key {
                idempotency_key.record(&tx, &app.clock, row.id.to_string()).await?;
            }
            tx.commit().await?;
            Ok(row.id)
        })
        .await?;
        require_shop(&app.db.read, id).await
    })
}

/// Changes a storefront. What is under way goes on as it was: origins are looked at when they are needed.
pub fn update_storefront<'a>(
    app: &'a App,
    viewer: Viewer,
    id: &'a str,
    changes: &'a StorefrontChanges,
) -> BoxFuture<'a, Result<Shop>> {
    Box::pin(async move {
        viewer.require_operator()?;
        let mut checks = Checks::input();
        let id = checks.required_id::<StorefrontId>("storefrontId", id);
        let name = changes.name.as_ref().map(|name| checks.line("name", name, 200));
        let mut check = |field, origins: &Option<Vec<String>>| {
            origins.as_ref().map(|origins| check_origins(&mut checks, field, origins))
        };
        let return_origins = check("returnOrigins", &changes.return_origins);
        let browser_origins = check("browserOrigins", &changes.browser_origins);
        checks.finish()?;
        db::retrying(|| async {
            let tx = app.db.begin_write().await?;
            let found = Entity::find_by_id(id).lock_exclusive().one(&tx).await?;
            let Some(mut row) = found else { return Err(Error::not_found("storefront").at("storefrontId")) };
            if let Some(name) = &name {
                row.name.clone_from(name);
            }
            if let Some(origins) = &return_origins {
                row.return_origins = Origins(origins.clone());
            }
            Entity::update(active(&row)).exec(&tx).await?;
            if let Some(origins) = &browser_origins {
                origin::write(&tx, id, origins).await?;
            }
            tx.commit().await?;
            Ok(())
        })
        .await?;
        require_shop(&app.db.read, id).await
    })
}

async fn require_shop<C: ConnectionTrait>(db: &C, id: StorefrontId) -> Result<Shop> {
    find_shop(db, id).await?.ok_or_else(|| Error::internal(format!("{id} is gone")))
}

pub async fn find_shop<C: ConnectionTrait>(db: &C, id: StorefrontId) -> Result<Option<Shop>> {
    let Some(row) = find_storefront(db, id).await? else { return Ok(None) };
    let browser_origins = origin::of_storefront(db, id).await?;
    Ok(Some(Shop { row, browser_origins }))
}

pub(crate) fn active(row: &Model) -> ActiveModel {
    ActiveModel {
        id: Set(row.id),
        name: Set(row.name.clone()),
        return_origins: Set(row.return_origins.clone()),
        created_at: Set(row.created_at),
    }
}

fn check_origins(checks: &mut Checks, field: &str, origins: &[String]) -> Vec<String> {
    if origins.len() > MOST_ORIGINS {
        let message = format!("has {} origins; at most {MOST_ORIGINS} are allowed", origins.len());
        checks.problem(field, ErrorCode::InvalidInput, message);
        return Vec::new();
    }
    let mut checked = Vec::new();
    checks.under(field, |checks| {
        for (index, text) in origins.iter().enumerate() {
            match safe_origin(text) {
                Some(origin) if checked.contains(&origin) => {}
                Some(origin) => checked.push(origin),
                None => checks.problem(
                    &index.to_string(),
                    ErrorCode::InvalidInput,
                    "is not an origin; send scheme, host and port only, such as https://shop.example \
                     (http is allowed for localhost, 127.0.0.1 and [::1])",
                ),
            }
        }
    });
    checked
}

/// As browsers write it: lower case, without a default port. None if it is more or other than a safe origin.
fn safe_origin(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let nothing_more = url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none()
        && text.len() <= 300;
    let safe = match url.scheme() {
        "https" => url.host_str().is_some(),
        "http" => matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")),
        _other => false,
    };
    (nothing_more && safe).then(|| url.origin().ascii_serialization())
}

pub async fn find_storefront<C: ConnectionTrait>(db: &C, id: StorefrontId) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(id).one(db).await?)
}

pub async fn find_buyer<C: ConnectionTrait>(db: &C, id: BuyerId) -> Result<Option<buyer::Model>> {
    Ok(buyer::Entity::find_by_id(id).one(db).await?)
}

pub async fn find_operator<C: ConnectionTrait>(db: &C, id: OperatorId) -> Result<Option<operator::Model>> {
    Ok(operator::Entity::find_by_id(id).one(db).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_https_or_this_machine() {
        for (text, wanted) in [
            ("https://shop.example", Some("https://shop.example")),
            ("https://Shop.Example:443/", Some("https://shop.example")),
            ("https://shop.example:8443", Some("https://shop.example:8443")),
            ("http://localhost:3000", Some("http://localhost:3000")),
            ("http://127.0.0.1:8080", Some("http://127.0.0.1:8080")),
            ("http://[::1]:8080", Some("http://[::1]:8080")),
            ("http://shop.example", None),
            ("http://localhost.evil.example", None),
            ("https://shop.example/path", None),
            ("https://shop.example?x", None),
            ("https://user@shop.example", None),
            ("https://", None),
            ("javascript:alert(1)", None),
            ("file:///etc/passwd", None),
            ("*", None),
            ("null", None),
            ("", None),
        ] {
            assert_eq!(safe_origin(text).as_deref(), wanted, "{text}");
        }
    }
}

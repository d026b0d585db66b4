//! Storefronts and operators: made by an operator, or by whoever can run the program.

use entity::storefront::{ActiveModel, Entity, Model, Origins};
use entity::{BuyerId, OperatorId, StorefrontId, buyer, operator};
use reqwest::Url;
use sea_orm::{ActiveValue::Set, ConnectionTrait, EntityTrait};

use crate::app::App;
use crate::auth::Viewer;
use crate::db;
use crate::error::{ErrorCode, Result};
use crate::validate::Checks;

const MOST_ORIGINS: usize = 20;

/// A storefront and the origins that its buyers may be sent back to after paying.
pub async fn create_storefront(app: &App, viewer: Viewer, name: &str, return_origins: &[String]) -> Result<Model> {
    viewer.require_operator()?;
    let mut checks = Checks::input();
    let name = checks.line("name", name, 200);
    let return_origins = check_origins(&mut checks, return_origins);
    checks.finish()?;
    let row = Model {
        id: StorefrontId(app.clock.new_id()),
        name,
        return_origins: Origins(return_origins),
        created_at: app.clock.now(),
    };
    db::retrying(|| async {
        let tx = app.db.begin_write().await?;
        Entity::insert(active(&row)).exec_without_returning(&tx).await?;
        tx.commit().await?;
        Ok(())
    })
    .await?;
    Ok(row)
}

pub(crate) fn active(row: &Model) -> ActiveModel {
    ActiveModel {
        id: Set(row.id),
        name: Set(row.name.clone()),
        return_origins: Set(row.return_origins.clone()),
        created_at: Set(row.created_at),
    }
}

fn check_origins(checks: &mut Checks, origins: &[String]) -> Vec<String> {
    if origins.len() > MOST_ORIGINS {
        let message = format!("has {} origins; at most {MOST_ORIGINS} are allowed", origins.len());
        checks.problem("returnOrigins", ErrorCode::InvalidInput, message);
        return Vec::new();
    }
    let mut checked = Vec::new();
    checks.under("returnOrigins", |checks| {
        for (index, text) in origins.iter().enumerate() {
            match origin(text) {
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
fn origin(text: &str) -> Option<String> {
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
            assert_eq!(origin(text).as_deref(), wanted, "{text}");
        }
    }
}

//! Where a buyer is sent back to: only to where the storefront said that its buyers come from.

use entity::{order, storefront};
use sea_orm::{ConnectionTrait, EntityTrait};

use crate::error::{ErrorCode, Result};
use crate::validate::Checks;

/// A buyer is sent back only to where the storefront said that its buyers come from.
pub(super) async fn check_return_url<C: ConnectionTrait>(
    db: &C,
    checks: &mut Checks,
    order: &order::Model,
    url: Option<&str>,
) -> Result<Option<String>> {
    let Some(url) = url else { return Ok(None) };
    let origins = storefront::Entity::find_by_id(order.storefront_id)
        .one(db)
        .await?
        .map(|row| row.return_origins.0)
        .unwrap_or_default();
    let passed_on = within(&origins, url);
    if passed_on.is_none() {
        let message = format!("must begin with one of the storefront's return origins: {}", origins.join(", "));
        checks.problem("returnUrl", ErrorCode::ReturnUrlNotAllowed, message);
    }
    Ok(passed_on)
}

/// Whether it can be one at all, whatever the storefront's origins are.
#[must_use]
pub fn is_return_url(url: &str) -> bool {
    reqwest::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

/// The address as it was understood when it was checked: providers read what is not plain in ways of their own.
fn within(origins: &[String], url: &str) -> Option<String> {
    let url = reqwest::Url::parse(url).ok().filter(|_| url.len() <= 2_000)?;
    origins.contains(&url.origin().ascii_serialization()).then(|| url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_passed_on_is_what_was_checked() {
        let origins = ["https://shop.example".to_owned()];
        for (given, passed_on) in [
            ("https://shop.example/thanks?order=1", Some("https://shop.example/thanks?order=1")),
            ("https://shop.example\\@evil.example/", Some("https://shop.example/@evil.example/")),
            ("ht\ntps:\\\\shop.example", Some("https://shop.example/")),
            (" HTTPS://SHOP.example:443/a b", Some("https://shop.example/a%20b")),
            ("https://shop.example@evil.example/", None),
            ("https://shop.example:8443/", None),
            ("/thanks", None),
        ] {
            assert_eq!(within(&origins, given).as_deref(), passed_on, "{given}");
        }
    }
}

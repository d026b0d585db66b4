//! `payOrder`: commit the attempt, ask the provider, commit the answer.

use std::sync::Arc;

use entity::payment::{Model, PaymentMethod, PaymentStatus};
use entity::{Money, OrderId, OrderStatus, PaymentId, order, payment, storefront};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use serde::Serialize;

use super::open::open_at_provider;
use crate::app::App;
use crate::auth::Viewer;
use crate::db::retrying;
use crate::error::{Error, ErrorCode, Result};
use crate::escrow::{Actor, Command, NewPayment};
use crate::idempotency::Once;
use crate::order::{Writing, require_order};
use crate::payment::{MethodTerms, Payer, PaymentProvider};
use crate::validate::Checks;

#[derive(Clone, Debug, Serialize)]
pub struct PayOrder {
    pub order_id: OrderId,
    pub method: PaymentMethod,
    pub return_url: Option<String>,
    #[serde(skip)]
    pub payer: Payer,
    #[serde(skip)]
    pub expected_version: Option<i64>,
}

/// Opens a payment for what is still due. There is one open payment per method: asking again shows the same one.
pub async fn pay_order(app: &App, viewer: &Viewer, once: &Once, input: &PayOrder) -> Result<Model> {
    viewer.require_buyer()?;
    let payment_id = retrying(|| commit_attempt(app, viewer, once, input)).await?;
    let payment = require_payment(&app.db.read, payment_id).await?;
    if payment.status == PaymentStatus::Pending && payment.opened_at.is_none() {
        // A repetition after the order was cancelled opens nothing.
        let order = require_order(&app.db.read, viewer, input.order_id).await?;
        if order.status == OrderStatus::AwaitingPayment {
            open_at_provider(app, &payment).await?;
            return require_payment(&app.db.read, payment_id).await;
        }
    }
    Ok(payment)
}

async fn commit_attempt(app: &App, viewer: &Viewer, once: &Once, input: &PayOrder) -> Result<PaymentId> {
    let mut writing = Writing::begin(app, viewer, input.order_id).await?;
    if let Some(made) = once.find(writing.transaction()).await? {
        return made.parse().map_err(|error: entity::IdError| Error::internal(error.to_string()));
    }
    writing.expect_version(input.expected_version)?;
    let open = writing
        .order()
        .payments
        .iter()
        .find(|payment| payment.method == input.method && payment.status == PaymentStatus::Pending);
    let payment_id = match open {
        Some(open) if writing.order().status() == OrderStatus::AwaitingPayment => open.id,
        Some(_) | None => {
            let due = Money::new(writing.order().due(), writing.order().row.currency);
            let mut checks = Checks::input();
            let chosen = choose(app, &mut checks, input.method, due);
            if let Some((_provider, terms)) = &chosen {
                check_payer(&mut checks, terms, &input.payer);
            }
            let url = input.return_url.as_deref();
            let return_url = check_return_url(writing.transaction(), &mut checks, &writing.order().row, url).await?;
            let (provider, terms) = checks.finish_with(chosen)?;
            let payment_id = PaymentId(app.clock.new_id());
            let new = NewPayment {
                payment_id,
                provider: provider.name().to_owned(),
                reference: fresh_reference(app, writing.transaction(), provider.as_ref(), payment_id).await?,
                method: input.method,
                refund_way: terms.refund_way,
                refund_days: i32::try_from(terms.refund_days.1).unwrap_or(10),
                takes_parts: terms.takes_parts,
                encrypted_payer: seal_payer(app, payment_id, &input.payer)?,
                return_url,
            };
            writing.command(Actor::Buyer, &Command::PayOrder(new)).await?;
            payment_id
        }
    };
    once.record(writing.transaction(), &app.clock, payment_id.to_string()).await?;
    writing.commit().await?;
    Ok(payment_id)
}

pub(super) async fn require_payment<C: ConnectionTrait>(db: &C, id: PaymentId) -> Result<Model> {
    payment::Entity::find_by_id(id).one(db).await?.ok_or_else(|| Error::internal(format!("{id} is gone")))
}

/// The first provider of the method's route that can take what is due.
fn choose(
    app: &App,
    checks: &mut Checks,
    method: PaymentMethod,
    due: Money,
) -> Option<(Arc<dyn PaymentProvider>, MethodTerms)> {
    let mut why = "no payment provider is configured for it".to_owned();
    for (provider, terms) in app.providers.for_method(method) {
        match terms.refuses(due) {
            None => return Some((provider, terms)),
            Some(reason) => why = reason,
        }
    }
    let message = format!("{} can't be used: {why}; paymentMethods lists what can", method.name());
    checks.problem("method", ErrorCode::MethodNotAvailable, message);
    None
}

fn check_payer(checks: &mut Checks, terms: &MethodTerms, payer: &Payer) {
    checks.under("payer", |checks| {
        for field in &terms.payer_fields {
            if payer.field(*field).is_none() {
                checks.problem(field.name(), ErrorCode::InvalidInput, "is required by this payment method");
            }
        }
        let elsewhere = payer
            .country
            .as_deref()
            .filter(|country| !terms.countries.is_empty() && !terms.countries.contains(country));
        if elsewhere.is_some() {
            let message = format!("this payment method is for payers in {}", terms.countries.join(", "));
            checks.problem("country", ErrorCode::InvalidInput, message);
        }
    });
}

/// Kept until the provider has answered: the call may have to be made again.
fn seal_payer(app: &App, payment_id: PaymentId, payer: &Payer) -> Result<Option<String>> {
    if *payer == Payer::default() {
        return Ok(None);
    }
    let json = serde_json::to_string(payer).map_err(|error| Error::internal(error.to_string()))?;
    app.cipher.encrypt(&app.clock, &payment_id.to_string(), &json).map(Some)
}

/// What the payment will be called at its provider: never what another one is called.
async fn fresh_reference<C: ConnectionTrait>(
    app: &App,
    db: &C,
    provider: &dyn PaymentProvider,
    payment_id: PaymentId,
) -> Result<String> {
    loop {
        let reference = provider.reference(payment_id, app.clock.random_bytes());
        let same = payment::Entity::find()
            .filter(payment::Column::Provider.eq(provider.name()))
            .filter(payment::Column::Reference.eq(&reference));
        if same.one(db).await?.is_none() {
            return Ok(reference);
        }
    }
}

/// A buyer is sent back only to where the storefront said that its buyers come from.
async fn check_return_url<C: ConnectionTrait>(
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

//! `payOrder`: commit the attempt, ask the provider, commit the answer. If a provider doesn't open the payment, the next one of
//! the method's route gets its turn, with a payment of its own that takes the first one's place.

use std::sync::Arc;

use entity::payment::{Model, PaymentMethod, PaymentStatus};
use entity::{Money, OrderId, OrderStatus, PaymentId, order, payment, storefront};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};
use serde::Serialize;

use super::method::way_back;
use super::open::open;
use crate::app::App;
use crate::auth::Viewer;
use crate::db::retrying;
use crate::error::{Error, ErrorCode, Result};
use crate::idempotency::IdempotencyKey;
use crate::order::{LockedOrder, require_order};
use crate::validate::Checks;
use escrow::{Actor, Command, NewPayment, due_of};
use provider::{MethodTerms, Payer, PaymentProvider};

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
pub async fn pay_order(
    app: &App,
    viewer: &Viewer,
    idempotency_key: &IdempotencyKey,
    input: &PayOrder,
) -> Result<Model> {
    viewer.require_buyer()?;
    let payment_id = retrying(|| commit_attempt(app, viewer, idempotency_key, input)).await?;
    let payment = shown(app, payment_id).await?;
    if payment.status == PaymentStatus::Pending && payment.opened_at.is_none() {
        // A repetition after the order was cancelled opens nothing.
        let order = require_order(&app.db.read, viewer, input.order_id).await?;
        if order.status == OrderStatus::AwaitingPayment {
            let shown = open(app, &payment).await?;
            return require_payment(&app.db.read, shown).await;
        }
    }
    Ok(payment)
}

/// The payment that takes its place, if there is one.
async fn shown(app: &App, id: PaymentId) -> Result<Model> {
    let mut payment = require_payment(&app.db.read, id).await?;
    while let Some(by) = payment.replaced_by {
        payment = require_payment(&app.db.read, by).await?;
    }
    Ok(payment)
}

async fn commit_attempt(
    app: &App,
    viewer: &Viewer,
    idempotency_key: &IdempotencyKey,
    input: &PayOrder,
) -> Result<PaymentId> {
    let mut locked = LockedOrder::begin(app, viewer, input.order_id).await?;
    if let Some(made) = idempotency_key.find(locked.transaction()).await? {
        return made.parse().map_err(|error: entity::IdError| Error::internal(error.to_string()));
    }
    locked.expect_version(input.expected_version)?;
    let open = locked.order().payments.iter().find(|payment| {
        payment.method == input.method && payment.status == PaymentStatus::Pending && payment.replaced_by.is_none()
    });
    let payment_id = match open {
        Some(open) if locked.order().status() == OrderStatus::AwaitingPayment => open.id,
        Some(_) | None => {
            let due = Money::new(locked.order().due(), locked.order().row.currency);
            let mut checks = Checks::input();
            let chosen = choose(app, &mut checks, input.method, due);
            if let Some((_provider, terms)) = &chosen {
                check_payer(&mut checks, terms, &input.payer);
            }
            let url = input.return_url.as_deref();
            let return_url = check_return_url(locked.transaction(), &mut checks, &locked.order().row, url).await?;
            let (provider, terms) = checks.finish_with(chosen)?;
            let payment_id = PaymentId(app.clock.new_id());
            let rail = (provider.as_ref(), &terms);
            let new = new_payment(&locked, rail, (payment_id, input.method), (&input.payer, return_url)).await?;
            locked.command(Actor::Buyer, &Command::PayOrder(new)).await?;
            payment_id
        }
    };
    idempotency_key.record(locked.transaction(), &app.clock, payment_id.to_string()).await?;
    locked.commit().await?;
    Ok(payment_id)
}

/// What the rail promises is frozen into the payment.
async fn new_payment(
    locked: &LockedOrder<'_>,
    (provider, terms): (&dyn PaymentProvider, &MethodTerms),
    (payment_id, method): (PaymentId, PaymentMethod),
    (payer, return_url): (&Payer, Option<String>),
) -> Result<NewPayment> {
    let app = locked.app();
    let (refund_by, refund_way) = way_back(app, provider, terms, locked.order().row.currency);
    Ok(NewPayment {
        payment_id,
        provider: provider.name().to_owned(),
        reference: fresh_reference(app, locked.transaction(), provider, payment_id).await?,
        method,
        refund_by,
        refund_way,
        refund_days: i32::try_from(terms.refund_days.1).unwrap_or(10),
        takes_parts: terms.takes_parts,
        encrypted_payer: seal_payer(app, payment_id, payer)?,
        return_url,
        replaces: None,
    })
}

/// A payment that its provider did not open: the next provider of the method's route that can take what is due gets one in
/// its place. None if there is none, or nothing has to be paid so any more.
///
/// Whether the first provider has opened it may be unknown. But the buyer was shown no way to pay it, and it is withdrawn;
/// money that comes by it all the same is the order's, or set aside.
pub(super) async fn fall_back(app: &App, payment: &Model, payer: &Payer) -> Result<Option<PaymentId>> {
    if !is_unopened(payment) || behind(app, payment).next().is_none() {
        return Ok(payment.replaced_by);
    }
    retrying(|| fall_back_once(app, (payment.id, payment.order_id), payer)).await
}

fn is_unopened(payment: &Model) -> bool {
    let is_lost = matches!(payment.status, PaymentStatus::Pending | PaymentStatus::Failed);
    payment.opened_at.is_none() && payment.captured.0 == 0 && is_lost
}

/// The providers of the method's route that come after this payment's.
fn behind(app: &App, payment: &Model) -> impl Iterator<Item = (Arc<dyn PaymentProvider>, MethodTerms)> {
    let routed = app.providers.for_method(payment.method).into_iter();
    routed.skip_while(|(provider, _)| provider.name() != payment.provider).skip(1)
}

async fn fall_back_once(app: &App, (id, order_id): (PaymentId, OrderId), payer: &Payer) -> Result<Option<PaymentId>> {
    let mut locked = LockedOrder::begin_for_all(app, order_id, app.clock.now()).await?;
    // Locked: an answer that is just being written down has to see that it is replaced, or we that it is opened.
    let failed = payment::Entity::find_by_id(id).lock_exclusive().one(locked.transaction()).await?;
    let failed = failed.ok_or_else(|| Error::internal(format!("{id} is gone")))?;
    if failed.replaced_by.is_some() {
        return Ok(failed.replaced_by);
    }
    let same = |payment: &&Model| {
        payment.id != id && payment.method == failed.method && payment.status == PaymentStatus::Pending
    };
    if !is_unopened(&failed)
        || locked.order().status() != OrderStatus::AwaitingPayment
        || locked.order().payments.iter().filter(same).any(|payment| payment.replaced_by.is_none())
    {
        return Ok(None);
    }
    let due = Money::new(locked.order().due(), locked.order().row.currency);
    let can = |terms: &MethodTerms| terms.refuses(due).is_none() && knows(terms, payer);
    let Some((provider, terms)) = behind(app, &failed).find(|(_, terms)| can(terms)) else { return Ok(None) };
    let payment_id = PaymentId(app.clock.new_id());
    let rail = (provider.as_ref(), &terms);
    let new = new_payment(&locked, rail, (payment_id, failed.method), (payer, failed.return_url.clone())).await?;
    let command = Command::PayOrder(NewPayment { replaces: Some(id), ..new });
    locked.command(Actor::Buyer, &command).await?;
    locked.commit().await?;
    tracing::warn!(payment = %id, provider = failed.provider, instead = %payment_id, by = provider.name(), "a payment was not opened; the next provider of its route is asked");
    Ok(Some(payment_id))
}

/// Whether all is there that it wants to know of the payer.
fn knows(terms: &MethodTerms, payer: &Payer) -> bool {
    let is_elsewhere = |country: &str| !terms.countries.is_empty() && !terms.countries.contains(&country);
    terms.payer_fields.iter().all(|field| payer.field(*field).is_some())
        && !payer.country.as_deref().is_some_and(is_elsewhere)
}

/// As it was sealed for the provider, as long as that has not answered.
pub(super) fn payer_of(app: &App, payment: &Model) -> Result<Payer> {
    let Some(sealed) = &payment.encrypted_payer else { return Ok(Payer::default()) };
    serde_json::from_str(&app.cipher.decrypt(&payment.id.to_string(), sealed)?)
        .map_err(|_would_quote_it| Error::internal(format!("the payer of {} can't be read", payment.id)))
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

/// What rails ask before they take the buyer's money: whether a payment of exactly this amount is waited for.
pub async fn may_be_paid(app: &App, provider: &str, reference: &str, amount: Money) -> Result<bool> {
    let payment = payment::Entity::find()
        .filter(payment::Column::Provider.eq(provider))
        .filter(payment::Column::Reference.eq(reference))
        .one(&app.db.read)
        .await?;
    let Some(payment) = payment else { return Ok(false) };
    let order = order::Entity::find_by_id(payment.order_id).one(&app.db.read).await?;
    // Another payment may have brought a part of it since.
    let is_waited_for = order.is_some_and(|order| {
        order.status == OrderStatus::AwaitingPayment
            && order.currency == amount.currency
            && amount.amount <= due_of(&order)
    });
    let is_late = payment.expires_at.is_some_and(|at| at <= app.clock.now());
    let is_open = payment.status == PaymentStatus::Pending && payment.replaced_by.is_none();
    Ok(is_open && payment.amount == amount.amount && is_waited_for && !is_late)
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
